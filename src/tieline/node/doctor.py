"""The doctor: looks for the troubles that keep a line from working, and says what to do.

It changes nothing and waits for nothing longer than a few seconds, so that it can be run while an
incident is under way.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import apsw

from tieline.core.charter import dearmor_charter
from tieline.core.errors import RemoteError
from tieline.core.identity import parse_address
from tieline.node.client import ApiDown, ApiRefused, Client
from tieline.node.config import Home
from tieline.node.view import Json

LOW_ROOM: int = 256 * 1024 * 1024
PROBE_S = 1.5
BUILT_MS = 1_764_000_000_000  # no honest clock stands before this software was written


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what, whether it is bad, and a sentence."""

    what: str
    bad: bool
    text: str

    def as_json(self) -> Json:
        return {"what": self.what, "ok": not self.bad, "text": self.text}


def examine(home: Home, connect: Callable[[], Client]) -> list[Finding]:
    """Everything the doctor looks at, in the order in which to mend it."""
    out = [*_machine(home), *_keys(home)]
    running, status = _station(connect)
    out.append(running)
    if status is None:
        out.extend(_listening(home))
    out.extend(_charters(home))
    return out


def _machine(home: Home) -> Iterator[Finding]:
    yield Finding(
        "software", False, f"Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}"
    )
    now_ms = time.time_ns() // 1_000_000
    wrong = now_ms < BUILT_MS
    yield Finding(
        "clock",
        wrong,
        "the machine's clock stands before this software was made; set it"
        if wrong
        else time.strftime("%Y-%m-%dT%H:%M:%SZ by the machine's clock", time.gmtime()),
    )
    room = shutil.disk_usage(home.path).free
    yield Finding(
        "disk",
        room < LOW_ROOM,
        f"{room // 1_000_000} MB free"
        + ("; make room before it is full" if room < LOW_ROOM else ""),
    )


def _keys(home: Home) -> Iterator[Finding]:
    names = [home.keys_file, home.root_file]
    if home.config.key_file:
        names.append(home.path / home.config.key_file)
    for path in names:
        if not path.exists():
            missing = path == home.keys_file
            text = "missing: the station cannot start" if missing else "not on this machine (good)"
            yield Finding(path.name, missing, text)
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        wide = bool(mode & 0o077)
        text = f"mode {mode:04o}" + (f"; others can read it: chmod 600 {path}" if wide else "")
        yield Finding(path.name, wide, text)


def _station(connect: Callable[[], Client]) -> tuple[Finding, dict[str, Json] | None]:
    try:
        status = connect().call("status")
    except (ApiDown, ApiRefused) as error:
        return Finding("station", True, str(error)), None
    lines = status.get("lines")
    quiet: list[str] = []
    for line in lines if isinstance(lines, list) else []:
        peers = line.get("peers") if isinstance(line, dict) else None
        for peer in peers if isinstance(peers, list) else []:
            if isinstance(peer, dict) and peer.get("state") not in ("up", "unstaffed"):
                cause = f" ({peer['cause']})" if peer.get("cause") else ""
                quiet.append(f"{peer.get('name')} is {peer.get('state')}{cause}")
    text = "running; " + ("; ".join(quiet) if quiet else "every peer is reached")
    return Finding("station", bool(quiet), text), status


def _listening(home: Home) -> Iterator[Finding]:
    for address in home.config.listen:
        host, port = parse_address(address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                why = error.strerror or os.strerror(error.errno or 0)
                text = f"cannot be listened on ({why}); change station.listen in config.toml"
                yield Finding(address, True, text)
            else:
                yield Finding(address, False, "is free to listen on")


def _charters(home: Home) -> Iterator[Finding]:
    found = sorted(home.charters.glob("*.charter")) if home.charters.is_dir() else []
    if not found:
        yield Finding("charter", True, "none is installed; see 'tieline charter --help'")
    for path in found:
        try:
            charter = dearmor_charter(path.read_text(encoding="ascii")).charter
        except (RemoteError, OSError, UnicodeDecodeError) as error:
            yield Finding(path.name, True, str(error))
            continue
        yield Finding(path.name, False, f"line '{charter.name}', version {charter.version}")
        for party in charter.parties:
            for entry in party.stations:
                if not (home.path / "keys.tlk").exists() or entry.addresses == home.config.listen:
                    continue
                for address in entry.addresses:
                    yield _reach(f"{party.code} at {address}", address)


def _reach(what: str, address: str) -> Finding:
    host, port = parse_address(address)
    try:
        socket.create_connection((host, port), timeout=PROBE_S).close()
    except OSError as error:
        why = error.strerror or str(error)
        return Finding(what, True, f"does not answer ({why}); check the route and their station")
    return Finding(what, False, "the port answers")
