"""Homes for acts by command: one that has spoken and was killed, its bundle, and one that has not.

They are made once in a process and copied for each case; nobody writes to the first ones. A command
is ``tieline``'s own ``main`` in a forked process, so a sabotage build that is in force here is in
force there, and another user needs no Python of its own.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO, Final

from tests.faults.firestation import Ends, settle_in
from tests.faults.rows import need
from tests.faults.sweep import scratch_for_good
from tests.store.samples import end_of_log

from tieline.desk.cli import main
from tieline.exercise.supervise import end_with_parent
from tieline.node.client import Client
from tieline.node.config import Home
from tieline.node.secrets import KeyFile, unlock

WORDS: Final = 300  # that ALPHA has said, and BRAVO has not heard
HOLDS: Final = WORDS + 2  # and it has founded the line and its log
TEXT: Final = "word {} " + "and so on, to fill a line and a half of it; " * 30
SOCKET: Final = "run/station.sock"
WAIT_S: Final = 120.0
LOOK_S: Final = 0.02
# What commands load when they are given: another user could not read it.
_LOADED: Final = (
    "desk.cli.evidence", "desk.cli.keep", "desk.cli.parser", "desk.cli.record", "desk.cli.show",
    "desk.cli.stationverbs", "desk.cli.talk", "desk.cli.tiles", "desk.cli.verbs",
    "node.auditrun", "node.backup", "node.evidencefile", "node.evidencewords", "node.offline",
    "node.restore", "node.serve", "node.text",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ended:
    """What has become of a command."""

    code: int
    said: str  # on both outputs


class Started:
    """A command under way."""

    def __init__(self, pid: int, out: BinaryIO) -> None:
        self.pid = pid
        self._out = out
        self._code: int | None = None
        self._ended: Ended | None = None

    def said(self) -> str:
        """What it has said so far."""
        if self._ended is not None:
            return self._ended.said
        size = os.fstat(self._out.fileno()).st_size
        return os.pread(self._out.fileno(), size, 0).decode("utf-8", "replace")

    def over(self) -> bool:
        """Whether it has ended."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code is not None

    def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so, or the command has ended."""
        late, pause = time.monotonic() + WAIT_S, threading.Event()
        while not self.over() and not done():
            need(time.monotonic() < late, f"a command has no end: {self.said()[-300:]}")
            pause.wait(LOOK_S)

    def ended(self) -> Ended:
        """Wait for its end."""
        self.until(lambda: False)
        assert self._code is not None
        if self._ended is None:
            self._ended = Ended(self._code, self.said())
            self._out.close()
        return self._ended

    def send(self, what: signal.Signals) -> None:
        """Send a signal, if it is there."""
        if not self.over():
            with suppress(ProcessLookupError):
                os.kill(self.pid, what)


def _begin(
    folder: Path, words: tuple[str, ...], user: int | None, before: Callable[[], None]
) -> Started:
    for name in _LOADED:
        importlib.import_module(f"tieline.{name}")
    out = tempfile.TemporaryFile()  # noqa: SIM115 # for as long as anybody asks what it said
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return Started(pid, out)
    code = 70
    try:
        for one in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(one, signal.SIG_DFL)
        end_with_parent()
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
        sys.stdout, sys.stderr = (os.fdopen(n, "w", encoding="utf-8") for n in (1, 2))
        before()
        if user is not None:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        os.chdir(folder)
        code = main(list(words))
    except Exception:  # noqa: BLE001 # nothing may go on in this process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _nothing() -> None:
    """Nothing is to be done before."""


def command(
    folder: Path, *words: str, user: int | None = None, before: Callable[[], None] = _nothing
) -> Ended:
    """Run a command in a folder; as a user, after ``before`` was done in its process."""
    done = _begin(folder, words, user, before).ended()
    need(done.code != 70 and "Traceback" not in done.said, f"{words[0]}: {done.said[-600:]}")
    return done


@contextmanager
def served(home: Path, before: Callable[[], None] = _nothing) -> Iterator[Started]:
    """A station that listens on a home, or has refused to."""
    station = _begin(home.parent, ("serve", "--home", str(home)), None, before)
    try:
        station.until(lambda: "listens" in station.said())
        yield station
    finally:
        station.send(signal.SIGTERM)
        station.ended()


@cache
def made() -> Path:
    """ALPHA was killed with a log that is not empty; ``words.tlb`` is for BRAVO; ``a.bak``."""
    folder = Path(scratch_for_good())
    pid = os.getpid()  # of each worker its own address: their stations run at the same time
    listen = f"127.{64 | pid >> 16 & 63}.{pid >> 8 & 255}.{pid & 255 or 1}:7411"
    ends = Ends(listen=listen, front="127.0.0.1:9")
    settle_in(folder, {"ALPHA": ends, "BRAVO": ends})
    alpha = folder / "ALPHA"
    with served(alpha) as station:
        with closing(Client(alpha / SOCKET, WAIT_S)) as there:
            for number in range(WORDS):
                there.call("send", text=TEXT.format(number), officer="Ada")
        for words in (("export", "words.tlb", "--to", "BRAVO"), ("backup", "--out", "a.bak")):
            done = command(folder, *words, "--home", "ALPHA")
            need(done.code == 0, done.said)
        station.send(signal.SIGKILL)
        station.ended()
    (alpha / SOCKET).unlink()
    # On a volume as small as those that it is copied to, a station does not lay its log out.
    os.truncate(alpha / "store.db-wal", end_of_log(alpha / "store.db"))
    return folder


def copy(name: str, folder: Path) -> Path:
    """A copy of ALPHA or BRAVO in a folder."""
    return Path(shutil.copytree(made() / name, folder / name))


def statements(home: Path) -> int:
    """How many statements the record of a running station holds."""
    with closing(Client(home / SOCKET, WAIT_S)) as station:
        items = station.call("log", limit=10 * WORDS)["items"]
    assert isinstance(items, list)
    return len(items)


def key_of(home: Path) -> bytes:
    """The key of a home's store."""
    return unlock(Home.open(home).keys_file, KeyFile(home / "key")).db_key
