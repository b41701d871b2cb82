"""A station in a process of its own, as ``tieline`` runs it, or with one thing broken on purpose.

``python -m tests.faults.stationproc BROKEN serve ...``: BROKEN is a name of ``BROKEN``, or empty.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

from apsw import Connection
from tests.faults.mood import NAME, Mood

from tieline.carriers.gate import Gate
from tieline.carriers.link import Link, Stage
from tieline.core.events import Event
from tieline.core.exchange import Exchange
from tieline.core.journal import Came
from tieline.core.statement import Statement
from tieline.core.turn import Turn
from tieline.desk import cli
from tieline.desk.cli import main
from tieline.node import secrets
from tieline.node.acts import NodeActs
from tieline.node.beside import Beside
from tieline.node.chunkbox import Chunks
from tieline.node.gate import Gate as Waiting
from tieline.node.host import Host
from tieline.node.unstored import Unstored
from tieline.sim.mutants import MUTANTS, Mutant, in_force
from tieline.store.sqlite import _INSERT, SqliteStore

_submit: Callable[[Host, Event], None] = Host.submit


def _submit_and_log(self: Host, event: Event) -> None:
    """Whatever happens is written to the log."""
    sys.stderr.write(f"{event!r}\n")
    _submit(self, event)


async def _fail_with_all(_self: NodeActs, name: str, args: object) -> None:
    """No act is done, and each fails with all that it was given."""
    raise ValueError(name, args)


def _seal_nothing(_self: Chunks, plain: bytes, *, last: bool) -> bytes:
    """The chunks of a backup are as they were read."""
    return plain + bytes((last,)) * 16


_fsync = os.fsync


def _fsync_anyway(file: int) -> None:
    """A sync that fails is nobody's business."""
    with contextlib.suppress(OSError):
        _fsync(file)


def may_dump() -> None:
    """The memory of a process may be written, as far as the machine lets it."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


_KEPT_S: Final = 2.0
_kept_at: dict[SqliteStore, float] = {}


def _write_later(self: SqliteStore, rows: Sequence[tuple[int | bytes | None, ...]]) -> None:
    """What is told to have been kept is kept within two seconds."""
    connection, now = self._connection, time.monotonic()
    if not connection.in_transaction:
        connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_INSERT, rows)
    if now - _kept_at.setdefault(self, now) > _KEPT_S:
        _kept_at[self] = now
        connection.execute("COMMIT")


_keep_past: Callable[[SqliteStore, Callable[[Connection], None]], None] = SqliteStore._keep_past


def _keep_past_now(self: SqliteStore, write: Callable[[Connection], None]) -> None:
    """What is beside the journal is kept as it should be, and the journal with it."""
    if self._connection.in_transaction:
        self._connection.execute("COMMIT")
    _keep_past(self, write)


_open: Callable[..., SqliteStore] = SqliteStore.open


def _open_unsynced(path: Path, key: bytes, *, read_only: bool = False) -> SqliteStore:
    """A commit is done when the system has it."""
    store = _open(path, key, read_only=read_only)
    if not read_only:
        store._connection.pragma("synchronous", "off")
    return store


_wait: Callable[[Link, float], None] = Link._wait


def _wait_for_ever(self: Link, now: float) -> None:
    """A caller may take all the time in the world to say who it is."""
    if self.dialled or self.stage >= Stage.OPEN:
        _wait(self, now)


_judge: Callable[..., list[Statement]] = Exchange._judge


def _judge_dearly(self: Exchange, parsed: Statement, came: Came, turn: Turn) -> list[Statement]:
    """What a peer says costs all others 100 ms, each time; what one says oneself costs nothing."""
    if came.origin.peer:
        threading.Event().wait(0.1)
    return _judge(self, parsed, came, turn)


def _learn_nothing(self: Beside) -> None:
    """Each commit has the loop wait."""
    self.slow = False


def _to_its_end(_self: Beside, future: Future[int]) -> bool:
    """And that, however long it takes."""
    future.exception()
    return True


def _wait_for_nothing(
    _self: Waiting, error: BaseException | None, *, told: bool
) -> Generator[Any, None, BaseException | None]:
    """What is not stored yet is looked at like all else."""
    yield from ()
    return error


def lying_clock(path: Path) -> None:
    """Where no library can be loaded before: Python alone has the wrong time."""
    mood, true_ns = Mood(path, fresh=False), time.time_ns
    time.time_ns = lambda: max(0, true_ns() + mood.ahead_ms() * 1_000_000)
    time.time = lambda: time.time_ns() / 1e9


def _build(name: str, *patches: tuple[object, str, object]) -> Mutant:
    return Mutant(name=name, invariants=frozenset(), what="", patches=patches)


BROKEN: Final = MUTANTS | {
    build.name: build
    for build in (
        _build("logged", (Host, "submit", _submit_and_log)),
        _build("acts-fail", (NodeActs, "act", _fail_with_all)),
        _build("bare-backup", (Chunks, "seal", _seal_nothing)),
        _build("unsynced", (os, "fsync", _fsync_anyway)),
        _build("dumping", (cli, "dump_nothing", may_dump)),
        _build("no-deadline", (Link, "_wait", _wait_for_ever)),
        _build("no-cap", (Gate, "admit", lambda *_: True)),
        _build("kept-later", (SqliteStore, "_write", _write_later),
               (SqliteStore, "_keep_past", _keep_past_now)),
        _build("held-by-syncs", (Beside, "learn", _learn_nothing),
               (Beside, "ended", _to_its_end)),
        _build("looked-at-early", (Waiting, "wait", _wait_for_nothing)),
        _build("commits-unsynced", (SqliteStore, "open", _open_unsynced)),
        _build("silent-until-stored", (Unstored, "late", lambda *_: None)),
        _build("dear-statements", (Exchange, "_judge", _judge_dearly)),
        _build("bare-bundle", (secrets, "seal", lambda plain, _recipients: plain)),
    )
}  # fmt: skip


if __name__ == "__main__":
    may_dump()
    if NAME in os.environ and "LD_PRELOAD" not in os.environ:
        lying_clock(Path(os.environ[NAME]))
    if sys.argv[1]:
        with in_force(BROKEN[sys.argv[1]]):
            raise SystemExit(main(sys.argv[2:]))
    raise SystemExit(main(sys.argv[2:]))
