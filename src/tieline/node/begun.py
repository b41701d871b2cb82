"""Work that begins at once, and goes on as a task only where it has to wait.

A task begins in the loop's next round, and between two rounds stands whatever else is ready, a
system call, and a processor's caches that grow cold. Most of what a station does beside its turns
waits for nothing; it need not wait to begin either.

Work that asks which task it is (``asyncio.timeout`` does) is not for this: it has begun in none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any


class _Rest(Coroutine[Any, Any, None]):
    """What is left of work that waits for something, as a task takes it."""

    __slots__ = ("_begun", "_found", "_work")

    def __init__(self, work: Coroutine[Any, Any, None], found: object) -> None:
        self._work, self._found, self._begun = work, found, False

    def send(self, value: object) -> object:
        if self._begun:
            return self._work.send(value)
        self._begun = True
        _awaited(self._found, now=True)
        return self._found

    def throw(
        self,
        error: type[BaseException] | BaseException,
        value: object = None,
        trace: object = None,
        /,
    ) -> object:
        self._begun = True
        return self._work.throw(value if isinstance(value, BaseException) else error)

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Generator[Any, Any, None]:
        raise NotImplementedError  # a task drives it, and nobody else has it


def begin(work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    """Do what of some work can be done now; the task of what is left, ``None`` where nothing is.

    What goes wrong is given to the loop, as it is for a task that nobody waits for.
    """
    loop = asyncio.get_running_loop()
    try:
        found = work.send(None)
    except (StopIteration, asyncio.CancelledError):
        return None  # it is done; or what it waits for was called off, and it ends with that
    except Exception as error:  # noqa: BLE001 - of whoever begins it nothing has gone wrong
        loop.call_exception_handler({"message": "work that was begun failed", "exception": error})
        return None
    _awaited(found, now=False)
    return loop.create_task(_Rest(work, found))


def _awaited(found: object, *, now: bool) -> None:
    """Mark a future as one that is just being awaited, as asyncio does, or take the mark off.

    A task looks for it and takes it off; till then no other may find it on the same future.
    """
    if isinstance(found, asyncio.Future):
        found._asyncio_future_blocking = now  # noqa: SLF001 - the protocol of futures and tasks
