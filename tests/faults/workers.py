"""Processes that play jobs beside each other, of which one may die without a word.

``multiprocessing.Pool`` gives the place of a worker that was killed to another and waits for ever
for the answer to its job. Here the job is told to be lost, by name, and the others are played.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Final, Generic, TypeVar

J = TypeVar("J")
R = TypeVar("R")
ENDS_S: Final = 120.0  # for a worker to put away what its case has made
LOOK_S: Final = 1.0  # what a worker has started may hold its pipe open after its end


@dataclass(slots=True)
class _Worker(Generic[J]):
    process: BaseProcess
    pipe: Connection
    job: J | None = None


def _work(
    pipe: Connection, others: list[Connection], begin: Callable[[], None], play: Callable[[J], R]
) -> None:
    """Play what comes, until the other end is closed."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    for other in others:
        other.close()  # the ends of the one who began us: it alone is to hold them
    begin()
    with suppress(EOFError):
        while True:
            pipe.send(play(pipe.recv()))


def each(
    count: int,
    begin: Callable[[], None],
    play: Callable[[J], R],
    jobs: Iterable[J],
    lost: Callable[[J, str], R],
) -> Generator[R]:
    """What comes of each job, in the order in which they end.

    ``begin`` is done once in each worker; ``lost`` gives the result of a job whose worker ended
    without an answer, and is told how. Who stops listening has all workers stopped by SIGTERM.
    """
    waiting, workers = deque(jobs), list[_Worker[J]]()
    try:
        while waiting or any(each.job is not None for each in workers):
            while waiting and len(workers) < count:
                with _undisturbed():
                    workers.append(_begun([each.pipe for each in workers], begin, play))
            for worker in workers:
                if worker.job is None and waiting:
                    worker.job = waiting.popleft()
                    with suppress(OSError):  # one that died at rest is found below
                        worker.pipe.send(worker.job)
            heard = wait([worker.pipe for worker in workers if worker.job is not None], LOOK_S)
            for worker in [each for each in workers if each.job is not None]:
                job = worker.job
                if job is None or (worker.pipe not in heard and worker.process.is_alive()):
                    continue
                worker.job = None
                answer = _answer(worker)
                if answer:
                    yield answer[0]
                else:
                    workers.remove(worker)
                    worker.pipe.close()
                    yield lost(job, _how(worker.process))
    finally:
        _end([worker.process for worker in workers])


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let an interruption wait: what Python does around a fork would swallow it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _answer(worker: _Worker[J]) -> list[Any]:
    """What a worker has sent; nothing when it has ended without a word."""
    try:
        return [worker.pipe.recv()] if worker.pipe.poll() else []
    except (EOFError, OSError):
        return []


def _begun(
    others: list[Connection], begin: Callable[[], None], play: Callable[[J], R]
) -> _Worker[J]:
    ours, theirs = multiprocessing.Pipe()
    process: BaseProcess
    if sys.platform == "linux":
        args = (theirs, [*others, ours], begin, play)
        process = multiprocessing.get_context("fork").Process(target=_work, args=args, daemon=True)
    else:
        args = (theirs, [], begin, play)
        process = multiprocessing.get_context("spawn").Process(target=_work, args=args, daemon=True)
    process.start()
    theirs.close()  # so that the end of the worker is the end of the pipe
    return _Worker(process, ours)


def _how(process: BaseProcess) -> str:
    """How a worker has ended, for people."""
    process.join(ENDS_S)
    code = process.exitcode
    if code is not None and code < 0:
        return f"its worker was killed by {signal.Signals(-code).name}"
    return f"its worker ended with {code}"


def _end(processes: list[BaseProcess]) -> None:
    for each in processes:
        each.terminate()
    for each in processes:
        each.join(ENDS_S)
