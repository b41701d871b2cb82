"""One desk process: its file, its way to the station, its server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError
from tieline.desk.alarm import config
from tieline.desk.alarm import run as alarms
from tieline.desk.alarm.config import OutputConfig
from tieline.desk.web import app, frame, screens, server, transfer
from tieline.desk.web.cover import Cover
from tieline.desk.web.frame import Frame
from tieline.desk.web.link import StationLink
from tieline.desk.web.officers import Officers
from tieline.desk.web.sessions import Sessions
from tieline.desk.web.vault import Vault
from tieline.desk.web.visit import Desk
from tieline.node import traces
from tieline.node.client import Client

_log: Final = logging.getLogger(__name__)
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


async def serve(
    home: Path,
    port: int,
    names: Sequence[str],
    ready: Callable[[str], None],
    covers: Path | None = None,
) -> None:
    """Run a desk until a signal ends it. ``names`` are further host names that lead to it.

    ``covers``: the home of the real station whose FLASH covers this desk, if this is the desk of an
    exercise. Raises ``ApiDown`` when the station does not answer at the start, ``ShellError``,
    ``LocalError`` (``desk.covers``).
    """
    traces.install()
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
    # What alarm.toml names is heard as long as the desk runs, unless a process of its own has it.
    configs = config.read(home) if (home / config.FILE).exists() else ()
    beside = [
        asyncio.create_task(_heard(home, configs, stopping)),
        asyncio.create_task(desk.ringing.run()),
        asyncio.create_task(frame.warm()),
    ]
    try:
        if covers is not None:
            await _cover(desk, covers)
        await server.run(built, listener, stopping, told)
    finally:
        if desk.cover is not None:
            await desk.cover.stop()
        await desk.departures.stop()
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await desk.link.stop()
        vault.close()
        listener.close()


async def _heard(home: Path, configs: Sequence[OutputConfig], stopping: asyncio.Event) -> None:
    """Make alarms heard. Where that fails the station misses the outputs, and says so."""
    try:
        await alarms.serve(home / "run" / "station.sock", configs, None, stopping)
    except Exception:
        _log.exception("the outputs of alarms have stopped")
        raise


async def _cover(desk: Desk, home: Path) -> None:
    if not desk.link.realm:
        raise LocalError(
            "desk.covers",
            "--covers is for the desk of an exercise, and this station is real; leave it out",
        )
    desk.cover = Cover(home / "run" / "station.sock", lambda: desk.link.tell({"type": "cover"}))
    await desk.cover.start()
