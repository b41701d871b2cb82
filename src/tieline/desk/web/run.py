"""One desk process: its file, its way to the station, its server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tieline.desk.web import app, screens, server, transfer
from tieline.desk.web.frame import Frame
from tieline.desk.web.link import StationLink
from tieline.desk.web.officers import Officers
from tieline.desk.web.sessions import Sessions
from tieline.desk.web.vault import Vault
from tieline.desk.web.visit import Desk
from tieline.node.client import Client

HOST: Final = "127.0.0.1"
PORT: Final = 7480


def vault_of(home: Path) -> Vault:
    """The desk's own file, by the station that must answer. Raises ``ApiDown``, ``ShellError``."""
    client = Client(home / "run" / "station.sock")
    try:
        key = bytes.fromhex(str(client.call("desk_key")["key"]))
    finally:
        client.close()
    return Vault(home / "desk.db", key)


async def serve(home: Path, port: int, names: Sequence[str], ready: Callable[[str], None]) -> None:
    """Run a desk until a signal ends it. ``names`` are further host names that lead to it.

    Raises ``ApiDown`` when the station does not answer at the start, ``ShellError``.
    """
    listener = server.bind(HOST, port)
    port = int(listener.getsockname()[1])
    vault = vault_of(home)
    transfer.sweep(home / "run")
    stopping = asyncio.Event()
    officers = Officers(vault)
    desk = Desk(
        link=StationLink(home / "run" / "station.sock"),
        vault=vault,
        officers=officers,
        sessions=Sessions(vault, officers),
        frame=Frame(),
        stopping=stopping,
        port=port,
    )
    hosts = [f"{name}:{port}" for name in (HOST, "localhost", *names)]
    built = app.build(desk, screens.ROUTES, hosts, screens.UPLOADS)

    async def told() -> None:
        ready(f"http://{HOST}:{port}/")

    await desk.link.start()
    try:
        await server.run(built, listener, stopping, told)
    finally:
        await desk.departures.stop()
        await desk.link.stop()
        vault.close()
        listener.close()
