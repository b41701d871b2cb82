"""A running witness: it answers ``add-checkpoint`` (C2SP tlog-witness), and nothing else.

It never sees a statement. Of each request it checks what ``core.tlogwitness`` says, makes the head
durable, and only then signs. A log that has signed two roots for one size is caught, kept as
evidence and told of; its further checkpoints are cosigned as before, because a witness says only
what it checked. A failed write or sync ends the process with its cause.

What strangers cost is bounded by ``httpd``; the checks cost a signature each, after the origin was
found among those that are known.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tieline.core import proof
from tieline.core.checkpoint import SignedNote, read_checkpoint
from tieline.core.errors import LocalError, RemoteError, StoreFailed, TielineError
from tieline.core.tlogwitness import (
    MAX_REQUEST_BYTES,
    SIZE_TYPE,
    Declined,
    LogKey,
    Request,
    format_answer,
    judge,
    parse_request,
    signed_by_any,
)
from tieline.core.tree import claimed_roots
from tieline.node import traces
from tieline.node.httpd import Answer, Bounds, HttpServer
from tieline.node.view import Json
from tieline.node.witnesshome import Directory, WitnessHome, WitnessKey
from tieline.store.heads import Conflict, HeadStore

PATH: Final = "/add-checkpoint"
RELOAD_S: Final = 1.0


class Witness:
    """One witness at work. ``tell`` takes sentences for the log, ``fatal`` what must end it."""

    def __init__(
        self,
        home: WitnessHome,
        key: WitnessKey,
        store: HeadStore,
        *,
        clock_s: Callable[[], float],
        tell: Callable[[str], None],
        fatal: Callable[[TielineError], None],
    ) -> None:
        self._home = home
        self._key = key
        self._store = store
        self._tag = home.tag()
        self._clock_s = clock_s
        self._tell = tell
        self._fatal = fatal
        self._directory: Directory = home.directory()
        self._stamp = _stamp(home)
        self._looked = 0.0

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """The answer to one request."""
        if path != PATH:
            return _text(404, f"there is only {PATH} here")
        if method != "POST":
            return Answer(status=405, body=b"POST is needed here\n", headers=(("allow", "POST"),))
        try:
            request = parse_request(body)
        except RemoteError as error:
            return _text(413 if error.code == "witness.too_large" else 400, error.message)
        try:
            return self._add_checkpoint(request)
        except StoreFailed as error:
            self._fatal(error)
            return _text(503, "this witness cannot store anything at present")
        except TielineError as error:
            self._tell(error.message)
            return _text(503, "this witness cannot store anything at present")

    def _add_checkpoint(self, request: Request) -> Answer:
        head = request.head
        keys = self._keys(head.origin)
        latest = self._store.latest(head.origin)
        verdict = judge(request, keys, latest)
        if isinstance(verdict, Declined):
            if verdict.signed:
                self._catch(request)
            if verdict.size is not None:
                return Answer(status=409, body=b"%d\n" % verdict.size, kind=SIZE_TYPE)
            return _text(verdict.status, verdict.text)
        now_s = int(self._clock_s())
        if not verdict.known and not self._store.advance(
            latest, head, _own_lines(request, keys), now_s, self._tag
        ):
            found = self._store.latest(head.origin)  # another request came in between
            return Answer(status=409, body=b"%d\n" % (found.size if found else 0), kind=SIZE_TYPE)
        return Answer(status=200, body=format_answer(self._key.cosign(now_s, request.note.body)))

    def _catch(self, request: Request) -> None:
        """Keep a checkpoint that the log signed, when it contradicts one that it signed before."""
        head = request.head
        earlier = self._store.earlier(head.origin, head.size)
        size, path = head.size, b""
        root = head.root
        if earlier is None:
            earlier = self._store.earlier(head.origin, request.old)
            claimed = claimed_roots(request.old, head.size, request.proof)
            if claimed is None or claimed[1] != head.root:
                return
            root, size, path = claimed[0], request.old, b"".join(request.proof)
        if earlier is None or earlier[0] == root:
            return
        conflict = Conflict(
            origin=head.origin,
            size=size,
            time_s=int(self._clock_s()),
            ours=earlier[1],
            theirs=_own_lines(request, self._keys(head.origin)),
            path=path,
        )
        if self._store.keep(conflict):
            self._tell(
                f"{head.origin} has signed two different roots of {size} leaves; both checkpoints"
                " are kept: 'tieline witness show'"
            )

    def _keys(self, origin: str) -> tuple[LogKey, ...]:
        now = self._clock_s()
        if abs(now - self._looked) >= RELOAD_S:
            self._looked = now
            self._reload()
        return self._directory.keys(origin)

    def _reload(self) -> None:
        """Take up logs that were added while it runs; what does not read leaves all as it was."""
        stamp = _stamp(self._home)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._directory = self._home.directory()
        except TielineError as error:
            self._tell(f"the list of logs was not taken up: {error.message}")


def _stamp(home: WitnessHome) -> tuple[int, ...]:
    """What changes when a log or a charter is added."""
    paths: tuple[Path, ...] = (home.logs_file, home.charters)
    return tuple(path.stat().st_mtime_ns for path in paths)


def _own_lines(request: Request, keys: tuple[LogKey, ...]) -> bytes:
    """The checkpoint with only the lines that its log's keys made."""
    note = request.note
    mine = tuple(
        line
        for line in note.signatures
        if signed_by_any(SignedNote(body=note.body, signatures=(line,)), keys)
    )
    return SignedNote(body=note.body, signatures=mine[: len(keys)]).format()


def _text(status: int, text: str) -> Answer:
    return Answer(status=status, body=text.encode("utf-8") + b"\n")


async def serve(
    home: WitnessHome,
    key: WitnessKey,
    *,
    ready: Callable[[str], None],
    tell: Callable[[str], None],
    bounds: Bounds | None = None,
) -> None:
    """Run a witness until a signal stops it. Raises ``TielineError`` when it cannot go on."""
    traces.install()
    stopping = asyncio.Event()
    fatal: list[TielineError] = []

    def die(error: TielineError) -> None:
        fatal.append(error)
        stopping.set()

    store = HeadStore.open(home.heads_file, home.tag())
    try:
        witness = Witness(home, key, store, clock_s=time.time, tell=tell, fatal=die)
        server = HttpServer(home.listen, witness.answer, bounds or _BOUNDS)
        await server.start()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, stopping.set)
        ready(", ".join(server.bound))
        await stopping.wait()
        await server.stop()
    finally:
        store.close()
    if fatal:
        raise fatal[0]


_BOUNDS: Final = Bounds(body_bytes=MAX_REQUEST_BYTES)


def report(home: WitnessHome) -> dict[str, Json]:
    """What a witness has cosigned, and what logs were caught with, as JSON."""
    store = HeadStore.read(home.heads_file)
    try:
        logs: list[Json] = [
            {
                "origin": held.head.origin,
                "size": held.head.size,
                "root": held.head.root.hex(),
                "time_s": held.time_s,
                "cosigned": held.count,
            }
            for held in store.heads()
        ]
        caught: list[Json] = [
            {
                "origin": conflict.origin,
                "size": conflict.size,
                "time_s": conflict.time_s,
                "cosigned": conflict.ours.decode("utf-8"),
                "also_signed": conflict.theirs.decode("utf-8"),
                "consistency": [
                    conflict.path[at : at + 32].hex() for at in range(0, len(conflict.path), 32)
                ],
                "proof": _proof(home, conflict),
            }
            for conflict in store.conflicts()
        ]
    finally:
        store.close()
    lines: list[Json] = [
        {"line": charter.line.hex(), "name": charter.name, "version": charter.version}
        for _, charter in sorted(home.lines().items())
    ]
    return {"name": home.name, "logs": logs, "lines": lines, "conflicts": caught}


def _proof(home: WitnessHome, conflict: Conflict) -> str:
    """The conflict as a proof file, when it is of a line's log; empty otherwise."""
    found = home.directory().station(conflict.origin)
    if found is None:
        return ""
    charter, party, entry = found
    notes = (SignedNote.parse(conflict.ours), SignedNote.parse(conflict.theirs))
    path = tuple(conflict.path[at : at + 32] for at in range(0, len(conflict.path), 32))
    root = b""
    if path:
        old, new = (read_checkpoint(note.body).size for note in notes)
        root = (claimed_roots(old, new, path) or (b"", b""))[0]
    certificates = (entry.certificate.encoded, entry.certificate.encoded)
    try:
        made = proof.from_checkpoints(
            party.root_key, certificates, notes, charter.realm, root=root, path=path
        )
    except LocalError:
        return ""  # an older key of the station signed one of them
    return proof.armor_proof(made)


def adopt(home: WitnessHome) -> int:
    """Let a witness go on that was moved here whole; how many heads it had made durable."""
    return HeadStore.adopt(home.heads_file, home.tag())
