"""``tieline desk``: the web desk beside a running station, and its officers' accounts."""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from typing import TYPE_CHECKING

from tieline.core.errors import LocalError
from tieline.desk.cli.common import put
from tieline.node.config import Home

if TYPE_CHECKING:
    from tieline.desk.web.officers import Officer, Officers
    from tieline.node.view import Json


def desk(args: argparse.Namespace) -> None:
    """Serve the desk, or look after the accounts of its officers."""
    home = Home.open(args.home)
    if args.words:
        _accounts(args, home)
        return
    import asyncio

    from tieline.desk.web import run

    def ready(address: str) -> None:
        put(args, {"ready": True, "address": address}, f"The desk is at {address}")
        sys.stdout.flush()

    port = run.PORT if args.port is None else args.port
    asyncio.run(run.serve(home.path, port, tuple(args.name), ready, args.covers))


def _accounts(args: argparse.Namespace, home: Home) -> None:
    from tieline.desk.web import run
    from tieline.desk.web.officers import Officers

    match args.words:
        case ["officer", "list"]:
            what, name = "list", ""
        case ["officer", "add" | "role" | "reset" | "lock" | "unlock" as what, name]:
            pass
        case _:
            raise LocalError(
                "desk.words",
                "the words after 'desk' are: officer list, or officer add|role|reset|lock|unlock"
                " NAME",
            )
    vault = run.vault_of(home.path)
    try:
        officers = Officers(vault)
        if what == "list":
            all_of = officers.all()
            put(args, {"officers": [_view(one) for one in all_of]}, *map(_line, all_of))
            return
        made = _change(args, officers, what, name)
        vault.note(_now_ms(), "command line", f"officer {what}", "done", made.name)
        put(args, _view(made), _line(made))
    finally:
        vault.close()


def _change(args: argparse.Namespace, officers: Officers, what: str, name: str) -> Officer:
    roles = tuple(args.role)
    if what == "add":
        return officers.add(name, roles, _password(), _now_ms())
    found = officers.named(name)
    if what == "role":
        officers.set_roles(found, roles)
    elif what == "reset":
        officers.set_password(found, _password(), _now_ms())
        officers.forget_codes(found, _now_ms())
        officers.unlock(found.name)
    elif what == "lock":
        officers.set_active(found, active=False)
    else:
        officers.set_active(found, active=True)
        officers.unlock(found.name)
    return officers.named(name)


def _password() -> str:
    """Asked for twice at a terminal; else one line of what is piped in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("New password of the officer: ")
    if getpass.getpass("The same again: ") != first:
        raise LocalError("officer.password", "the two passwords differ; nothing was changed")
    return first


def _view(officer: Officer) -> dict[str, Json]:
    return {"officer": officer.name, "roles": list(officer.roles), "active": officer.active}


def _line(officer: Officer) -> str:
    state = "" if officer.active else "  LOCKED"
    return f"{officer.name}  {', '.join(officer.roles)}{state}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
