"""The doctor: looks for the troubles that keep a line from working, and says what to do.

It changes nothing, and is done within ten seconds however many peers do not answer, so that it can
be run while an incident is under way: all ports are tried at once, and what has not answered in
time is said to be so.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import platform
import queue
import shutil
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from tieline.core.address import parse_address
from tieline.core.charter import Charter, SignedCharter, dearmor_charter
from tieline.core.errors import LocalError, RemoteError, TielineError
from tieline.core.identity import dearmor, parse_card
from tieline.core.terms import dtg
from tieline.node import homefolder, standing
from tieline.node.backup import last_backup
from tieline.node.client import ApiDown, ApiRefused, Client
from tieline.node.clockwatch import LOOSE, zone_hint
from tieline.node.config import Home
from tieline.node.view import Json

LOW_ROOM: Final = 256 * 1024 * 1024
PROBE_S: Final = 2.0
ALL_PROBES_S: Final = 4.0
MAX_PROBES: Final = 256
CLOCK_MS: Final = 60_000  # clocks that differ by less are not worth waking anyone
SOON_MS: Final = 30 * 86_400_000  # keys that end sooner are spoken of
_UNKNOWN: Final = (
    "the name cannot be looked up; correct it in the charter, or the name service of this machine,"
    " or agree on a literal address, which needs no look-up"
)
_HERE: Final = "the name leads to this machine"
BUILT_MS: Final = 1_764_000_000_000  # no honest clock stands before this software was written


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at: what, whether it is bad, and a sentence."""

    what: str
    bad: bool = False
    text: str

    def as_json(self) -> Json:
        return {"what": self.what, "ok": not self.bad, "text": self.text}


def examine(home: Home, connect: Callable[[], Client]) -> list[Finding]:
    """Everything the doctor looks at, in the order in which to mend it."""
    out = [_software(), _clock(home), _disk(home), _folder(home), *_keys(home), _backup(home)]
    charters, found = _charters(home)
    running, status, heard = _station(connect)
    out += [*heard, *found, *_packs(home, charters), running]
    listening = _listening_of(home)
    probes: dict[str, str] = {}
    if status is None:
        out.extend(_free(home))
    else:
        out.extend(_ending(status))
        probes.update({f"own port {address}": address for address in listening})
    out.extend(_own_addresses(home, charters))
    probes.update(_peers(home, charters))
    out.extend(_reach(probes))
    return out


# ---------------------------------------------------------------------------------- the machine


def _software() -> Finding:
    sqlite = apsw.sqlite_lib_version()
    return Finding(what="software", text=f"Python {platform.python_version()}, SQLite {sqlite}")


def _clock(home: Home) -> Finding:
    now_ms = time.time_ns() // 1_000_000
    if now_ms < BUILT_MS:
        text = "it stands before this software was made; set the machine's clock to UTC"
        return Finding(what="clock", bad=True, text=text)
    written = max(_written_ms(home.path / name) for name in ("store.db", "store.db-wal"))
    if written > now_ms + CLOCK_MS:
        behind = (written - now_ms) // 1000
        text = (
            f"it stands {behind} s before the last entry of this station's store, so it was set"
            " back; set the machine's clock to UTC"
        )
        return Finding(what="clock", bad=True, text=text)
    shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_ms / 1000))
    return Finding(what="clock", text=f"{shown} by the machine's clock")


def _written_ms(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns // 1_000_000
    except OSError:
        return 0  # a file that is missing is another finding's business


def _disk(home: Home) -> Finding:
    room = shutil.disk_usage(home.path).free
    low = room < LOW_ROOM
    more = "; make room before it is full, or nothing more can be accepted" if low else ""
    return Finding(what="disk", bad=low, text=f"{room // 1_000_000} MB free{more}")


def _folder(home: Home) -> Finding:
    try:
        homefolder.check(home.path)
    except LocalError as error:
        return Finding(what="home", bad=True, text=error.message)
    return Finding(what="home", text="on a disk of this machine, and no one else may write to it")


def _keys(home: Home) -> Iterator[Finding]:
    needed = [home.keys_file, home.store_file]
    if home.config.key_file:
        needed.append(home.path / home.config.key_file)
    for path in (*needed, home.root_file):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            if path == home.root_file:
                yield Finding(what=path.name, text="not on this machine (good)")
                continue
            text = "missing: the station cannot start; bring it back from the copy kept apart"
            yield Finding(what=path.name, bad=True, text=text)
            continue
        wide = bool(mode & 0o077) and path != home.store_file
        text = f"mode {mode:04o}" + (
            f", so others can read it; close it with: chmod 600 {path}" if wide else ""
        )
        yield Finding(what=path.name, bad=wide, text=text)


def _backup(home: Home) -> Finding:
    last = last_backup(home)
    if last is None:
        text = "none is known; make one with 'tieline backup --out FILE' and keep it elsewhere"
        return Finding(what="backup", text=text)
    days = max(0, time.time_ns() // 1_000_000 - last.made_ms) // 86_400_000
    age = f"{days} days old" if days else "less than a day old"
    return Finding(what="backup", text=f"{last.file}, {age}, up to journal entry {last.entries}")


# ---------------------------------------------------------------------------------- the station


def _station(
    connect: Callable[[], Client],
) -> tuple[Finding, Mapping[str, Json] | None, list[Finding]]:
    """Whether it runs, its status, and whether the others' clocks agree with ours."""
    try:
        with contextlib.closing(connect()) as client:
            status = client.call("status")
            heard = _others_clocks(client) if status.get("lines") else []
    except (ApiDown, ApiRefused) as error:
        return Finding(what="station", bad=True, text=str(error)), None, []
    quiet: list[str] = []
    for peer in _parts(status, "lines", "peers"):
        if peer.get("state") not in ("up", "unstaffed"):
            cause = f" ({peer['cause']})" if peer.get("cause") else ""
            state = str(peer.get("state")).removesuffix(" since")
            quiet.append(f"{peer.get('name')} is {state}{cause}")
    left = [
        f"the charter of '{line.get('name')}' does not name this station any more"
        for line in _parts(status, "lines")
        if line.get("member") is False
    ]
    peers = "every peer is reached" if _parts(status, "lines", "peers") else "it has no peer"
    text = "running; " + "; ".join([*left, *(quiet or [peers])])
    troubles = [
        Finding(what=code, bad=code != LOOSE, text=str(trouble.get("text")))
        for trouble in _parts(status, "troubles")
        if (code := str(trouble.get("code"))) not in standing.CODES  # said by the doctor itself
    ]
    found = [*heard, *troubles, *_lives(status)]
    return Finding(what="station", bad=bool(quiet), text=text), status, found


def _lives(status: Mapping[str, Json]) -> Iterator[Finding]:
    """Whether this station may go on with its log, and who writes from two machines."""
    for line in _parts(status, "lines"):
        life = line.get("life")
        standing = life.get("standing") if isinstance(life, dict) else None
        if isinstance(life, dict) and standing != "writing":
            why = "no other station has confirmed its end since the start"
            if standing == "closed":
                why = f"it is closed: {life.get('closed_for')}"
            text = f"the log on '{line.get('name')}' may not be gone on with ({why})"
            yield Finding(what="log", text=f"{text}; what is said next may open a fresh one")
        for station in _parts(line, "lives"):
            name, logs = station.get("name"), station.get("logs")
            if station.get("two_machines"):
                text = f"two machines write with the keys of {name}: stop one, or ask its party"
                yield Finding(what="log", bad=True, text=text)
            else:
                yield Finding(what="log", text=f"{name} has opened {logs} logs")


def _others_clocks(client: Client) -> list[Finding]:
    """What others wrote must not be dated after it came here: one of the two clocks is wrong."""
    try:
        items = _parts(client.call("log", limit=200), "items")
    except ApiRefused:
        return []  # several lines: which one to ask for is not the doctor's to choose
    ahead: dict[str, int] = {}  # ms
    for item in items:
        claimed, came = item.get("claimed_ms"), item.get("admitted_ms")
        if isinstance(claimed, int) and isinstance(came, int) and claimed > came + CLOCK_MS:
            ahead[str(item.get("station"))] = claimed - came
    return [
        Finding(
            what="clock",
            bad=True,
            text=f"{name} dated a message {by_ms // 1000} s after it came here{zone_hint(by_ms)},"
            " so its clock or ours is wrong; compare both with a third one and set the wrong one",
        )
        for name, by_ms in sorted(ahead.items())
    ]


def _parts(view: Mapping[str, Json], *names: str) -> list[dict[str, Json]]:
    """The objects in a list of a view, or in the lists of each of them."""
    found = view.get(names[0])
    parts = [part for part in found if isinstance(part, dict)] if isinstance(found, list) else []
    if len(names) == 1:
        return parts
    return [each for part in parts for each in _parts(part, *names[1:])]


# ----------------------------------------------------------------------------------- the charter


def _charters(home: Home) -> tuple[list[Charter], list[Finding]]:
    """The newest charter of each line, and what there is to say of them."""
    out: list[Finding] = []
    newest: dict[bytes, Charter] = {}
    for path in sorted(home.charters.glob("*.charter")) if home.charters.is_dir() else []:
        try:
            signed: SignedCharter = dearmor_charter(path.read_text(encoding="ascii"))
        except (RemoteError, OSError, UnicodeDecodeError) as error:
            text = f"cannot be read ({error}); install the charter again"
            out.append(Finding(what=path.name, bad=True, text=text))
            continue
        charter = signed.charter
        before = newest.get(charter.line)
        if before is None or before.version < charter.version:
            newest[charter.line] = charter
    out += [
        Finding(what="charter", text=f"line '{charter.name}', version {charter.version}")
        for charter in newest.values()
    ]
    if not newest:
        text = (
            "none is installed, so there is no line; make one with 'tieline charter new NAME"
            " --sign', or install one with 'tieline charter install FILE'"
        )
        out.append(Finding(what="charter", bad=True, text=text))
    return list(newest.values()), out


def _packs(home: Home, charters: list[Charter]) -> Iterator[Finding]:
    """Whether each pack that a charter names is in this home."""
    if not any(charter.packs for charter in charters):
        return
    from tieline.node import packs

    for charter in charters:
        here: list[str] = []
        for digest in charter.packs:
            try:
                pack = packs.load_kept(home.path, digest)
                why = "is not here"
            except TielineError as error:
                pack, why = None, f"cannot be read ({error.message})"
            if pack is not None:
                here.append(f"{pack.id} {pack.version}")
                continue
            text = (
                f"the pack {digest.hex()} is in force on the line '{charter.name}' and {why}: its"
                " forms are shown raw and no obligation of it is counted; get its file, and run"
                " 'tieline pack keep FILE' (or NAME, if it came with the software)"
            )
            yield Finding(what="pack", bad=True, text=text)
        if here:
            text = f"in force on the line '{charter.name}': {', '.join(here)}"
            yield Finding(what="packs", text=text)


def _ending(status: Mapping[str, Json]) -> Iterator[Finding]:
    """The keys in force that end within a month, or have ended, as the running station says."""
    now_ms = status.get("now_ms")
    for line in _parts(status, "lines"):
        for view in (line, *_parts(line, "peers")):
            end_ms = view.get("keys_end_ms")
            if not isinstance(end_ms, int) or not isinstance(now_ms, int):
                continue
            if end_ms - now_ms <= SOON_MS:
                ended = end_ms <= now_ms
                text = (
                    f"{'ended' if ended else 'end'} on {dtg(end_ms)} and work on; that station"
                    " makes fresh ones with 'tieline keys rotate', then the charter is amended"
                )
                whose = str(view.get("name")) if view is not line else "this station"
                yield Finding(what=f"keys of {whose}", bad=ended, text=text)


def _own_party(home: Home) -> tuple[str, frozenset[bytes]]:
    """Our party's code and stations, by our own card."""
    try:
        card = parse_card(dearmor(home.card_file.read_text(encoding="ascii")))
    except (TielineError, OSError, UnicodeDecodeError):
        return "", frozenset()
    return card.party, frozenset(entry.certificate.station for entry in card.stations)


def _own_addresses(home: Home, charters: list[Charter]) -> Iterator[Finding]:
    """Where the charters say that others reach us: one of our ports must listen there."""
    party, own = _own_party(home)
    ports = {parse_address(address)[1] for address in home.config.listen}
    for charter in charters:
        for code, station, address in _places(charter):
            if code == party and station in own and len(own) == 1:
                port = parse_address(address)[1]
                if port not in ports:
                    text = (
                        f"the charter of '{charter.name}' sends others there, and this station"
                        f" does not listen on port {port}; add it to station.listen in"
                        f" {home.config_file}, unless a router translates it"
                    )
                    yield Finding(what=f"address {address}", bad=True, text=text)


def _places(charter: Charter) -> Iterator[tuple[str, bytes, str]]:
    for party in charter.parties:
        for entry in party.stations:
            for address in entry.addresses:
                yield party.code, entry.certificate.station, address


# ------------------------------------------------------------------------------------- the ports


def _listening_of(home: Home) -> tuple[str, ...]:
    """Where to find our own listening ports from this machine."""
    every = (("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:"))
    out = []
    for address in home.config.listen:
        there = address
        for wildcard, here in every:
            if address.startswith(wildcard):
                there = here + address[len(wildcard) :]
        out.append(there)
    return tuple(out)


def _free(home: Home) -> Iterator[Finding]:
    for address in home.config.listen:
        host, port = parse_address(address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                why = (error.strerror or os.strerror(error.errno or 0)).lower()
                text = (
                    f"cannot be listened on ({why}); end what uses it, or change station.listen in"
                    f" {home.config_file}"
                )
                yield Finding(what=f"own port {address}", bad=True, text=text)
            else:
                yield Finding(what=f"own port {address}", text="free to listen on")


def _peers(home: Home, charters: list[Charter]) -> dict[str, str]:
    """Every address of every other party, by what to call it."""
    party, _ = _own_party(home)
    return {
        f"{code} at {address}": address
        for charter in charters
        for code, _, address in _places(charter)
        if code != party
    }


def _reach(probes: Mapping[str, str]) -> list[Finding]:
    """Try all ports at once."""
    answers: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    waiting = dict(list(probes.items())[:MAX_PROBES])
    for what, address in waiting.items():
        # A name that does not resolve can hold its thread for long: nobody waits for that.
        threading.Thread(target=_probe, args=(what, address, answers), daemon=True).start()
    why: dict[str, str] = {}
    ends = time.monotonic() + ALL_PROBES_S
    while len(why) < len(waiting):
        try:
            what, answer = answers.get(timeout=max(0.0, ends - time.monotonic()))
        except queue.Empty:
            break
        why[what] = answer
    out = [_port(what, why.get(what, "no answer in time")) for what in waiting]
    more = len(probes) - len(waiting)
    if more:
        out.append(Finding(what="ports", text=f"{more} further addresses were not tried"))
    return out


def _port(what: str, why: str) -> Finding:
    if not why:
        return Finding(what=what, text="the port answers")
    if why == _UNKNOWN or why.startswith(_HERE):
        return Finding(what=what, bad=True, text=why)
    todo = (
        "stop this station and start it again"
        if what.startswith("own port")
        else "check the route, the firewalls and that their station runs"
    )
    return Finding(what=what, bad=True, text=f"the port is closed to us ({why}); {todo}")


def _probe(what: str, address: str, answers: queue.SimpleQueue[tuple[str, str]]) -> None:
    """Try one; its answer is why it is closed, or nothing."""
    host, port = parse_address(address)
    try:
        with socket.create_connection((host, port), timeout=PROBE_S) as probe:
            there = str(probe.getpeername()[0])
    except (socket.gaierror, UnicodeError):
        answers.put((what, _UNKNOWN))
    except OSError as error:
        answers.put((what, (error.strerror or str(error)).lower() or "no reason given"))
    else:
        named = host not in {there, "localhost"} and not what.startswith("own port")
        astray = named and ipaddress.ip_address(there.partition("%")[0]).is_loopback
        cure = "correct the hosts file or the name service of this machine"
        answers.put((what, f"{_HERE} ({there}) and not to theirs; {cure}" if astray else ""))
