"""Commands of ``tieline`` as processes that need not load Python and all modules first.

``python -m tests.faults.nursery BROKEN SOCKET`` has loaded what a station and the commands need,
with one thing broken on purpose or nothing (see ``stationproc``), and forks once for each order.
The child is what the command is: ``tieline``'s own ``main`` in a process of its own, with its own
files and its own end. What is left out is the half second in which nothing of the product runs. A
child may be held before its first step, so that a tracer finds it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Final, TypeVar

from tests.faults import promises
from tests.faults.rows import need
from tests.faults.stationproc import BROKEN

import tieline.desk.cli
import tieline.node
from tieline.desk.cli import main
from tieline.exercise.supervise import end_with_parent
from tieline.sim.mutants import in_force

ROOT: Final = Path(__file__).parents[2]
WAIT_S: Final = 120.0
MOST: Final = 65_536  # bytes of an order
APART: Final = frozenset({"desk", "exercise", "runs"})  # they load a web server, or start stations
_SET_PTRACER: Final = 0x59616D61  # <sys/prctl.h>, of Yama; elsewhere whoever may trace may
_ANY: Final = -1
N = TypeVar("N", int, float)


class Child:
    """A command under way."""

    def __init__(self, nursery: Nursery, pid: int, go: int) -> None:
        self.pid = pid
        self._nursery, self._go = nursery, go
        self._over = os.pidfd_open(pid)
        self._status: int | None = None

    def go(self) -> None:
        """Let it take its first step, if it is held."""
        if self._go >= 0:
            os.close(self._go)
            self._go = -1

    def kill(self) -> None:
        """End it at once, wherever it is, and wait until it is gone."""
        if self._status is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._over, signal.SIGKILL)
        self.ended()

    def ended(self) -> int:
        """Wait for its end: its status, or a signal as a number below nothing."""
        self.go()
        if self._status is None:
            poll = select.poll()
            poll.register(self._over, select.POLLIN)
            if not poll.poll(WAIT_S * 1_000):
                signal.pidfd_send_signal(self._over, signal.SIGKILL)
                need(False, f"a command has no end after {WAIT_S:.0f} s")
            self._status = self._nursery.status(self.pid)
            os.close(self._over)
        return self._status


class Nursery:
    """The process that forks. More than one thread may give it orders."""

    def __init__(self, broken: str) -> None:
        self._way, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - until its end
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery", broken, str(theirs.fileno())],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=self._said,
            stderr=self._said,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - one call, and no lock is asked for
        )  # fmt: skip
        theirs.close()
        self.loaded_s = self._answer(float)  # of processor time, for all that it has loaded

    def begin(
        self,
        words: Sequence[str],
        *,
        folder: Path,
        out: int,
        err: int,
        environment: Mapping[str, str] | None = None,
        held: bool = False,
    ) -> Child:
        """Run a command in a folder. ``out`` and ``err`` are files for what it says."""
        wait, go = os.pipe()
        order = {
            "words": list(words), "folder": str(folder), "environment": dict(environment or {}),
            "held": held,
        }  # fmt: skip
        try:
            pid = self._asked(order, out, err, wait)
        finally:
            os.close(wait)
        return Child(self, pid, go)

    def status(self, pid: int) -> int:
        """How a child has ended; it has."""
        return self._asked({"ended": pid})

    def _asked(self, order: dict[str, object], *files: int) -> int:
        with self._lock:
            socket.send_fds(self._way, [json.dumps(order).encode()], files)
            return self._answer(int)

    def _answer(self, form: Callable[[bytes], N]) -> N:
        answer = self._way.recv(MOST)
        if not answer:
            said = os.pread(self._said.fileno(), MOST, 0)
            need(False, f"the nursery has ended: {said[-600:].decode()}")
        return form(answer)

    def close(self) -> None:
        """End it, and with it all its children."""
        self._way.close()
        self._process.kill()
        self._process.wait()
        self._said.close()


@contextlib.contextmanager
def traced(child: Child, account: Path, words: Sequence[str]) -> Iterator[None]:
    """Have strace at a child that is held, and let the child go; at the end it is killed.

    ``words`` are what strace is told to do; ``account`` is the file that it writes.
    """
    command = ["strace", "-o", str(account), *words, "-p", str(child.pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        try:
            # When it says so it has told the kernel to stop the child before its next step.
            said = tracer.stderr.readline()
            need("attached" in said, f"strace does not come to the command: {said}")
            child.go()
            yield
        finally:
            child.kill()
            tracer.communicate(timeout=WAIT_S)


def of(broken: str) -> Nursery:
    """The nursery of this process with this broken on purpose, until the process ends."""
    return _of(broken, os.getpid())


@cache
def _of(broken: str, _process: int) -> Nursery:
    made = Nursery(broken)  # and not that of who forked this process
    # A worker of a pool ends without what other processes do at their end.
    Finalize(None, made.close, exitpriority=1)
    return made


def _load() -> None:
    for package in (tieline.node, tieline.desk.cli):
        for each in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if each.name.rpartition(".")[2] not in APART:
                importlib.import_module(each.name)


def _children(way: socket.socket) -> list[str]:
    """Fork for each order. Returns in the children alone: the words of the command."""
    way.send(str(time.process_time()).encode())
    while True:
        data, files, _, _ = socket.recv_fds(way, MOST, 3)
        if not data:
            raise SystemExit(0)
        order = json.loads(data)
        if "ended" in order:
            _, status = os.waitpid(order["ended"], 0)
            way.send(str(os.waitstatus_to_exitcode(status)).encode())
            continue
        pid = os.fork()
        if not pid:
            way.close()
            return _born(order, files)
        for file in files:
            os.close(file)
        way.send(str(pid).encode())


def _born(order: dict[str, object], files: list[int]) -> list[str]:
    """In a child: its files, its folder, and its first step when it may take it."""
    end_with_parent()
    out, err, wait = files
    os.dup2(out, 1)
    os.dup2(err, 2)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    os.chdir(str(order["folder"]))
    assert isinstance(order["environment"], dict)
    os.environ.update(order["environment"])
    tempfile.tempdir = None  # it is a matter of the environment
    if order["held"]:
        ctypes.CDLL(None).prctl(_SET_PTRACER, ctypes.c_ulong(_ANY), 0, 0, 0)
        os.read(wait, 1)
    if promises.NAME in os.environ:
        promises.note(Path(os.environ[promises.NAME]))
    for file in files:
        os.close(file)
    assert isinstance(order["words"], list)
    return [str(word) for word in order["words"]]


if __name__ == "__main__":
    with contextlib.ExitStack() as stack:
        _load()
        if sys.argv[1]:
            stack.enter_context(in_force(BROKEN[sys.argv[1]]))
        gc.freeze()  # what is loaded stays shared with the children
        code = main(_children(socket.socket(fileno=int(sys.argv[2]))))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # to take all modules apart would be most of what a short command costs
