"""What waits while a commit is under way beside the loop.

The core steps before the commit, so while one is under way its state holds what is not stored yet,
and the store's connection belongs to another thread. Where a commit holds the loop nothing can see
that. Where it does not, everything that reads the core or the store goes through here: it is driven
step by step, and no step is made while the gate is shut. So for what is held nothing has changed:
the turn, its commit, and what follows from it are one moment.

What is not held is what looks at neither: carriers, connections of callers, the acts of ``atonce``.

When the station ends for its store, the gate stays shut: who has asked is told the cause, and what
works beside is never gone on with.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import ContextVar
from typing import Any, Final, Generic, ParamSpec, TypeVar

from tieline.core.errors import TielineError

P = ParamSpec("P")
T = TypeVar("T")


class Stirred(Exception):
    """There is something else to say to who waits; see ``Gate.held``."""


class Gate:
    """One station's. It is shut and opened by whoever commits."""

    def __init__(self) -> None:
        self.shut = False
        self._cause: TielineError | None = None
        self._waiting: list[asyncio.Future[None]] = []

    def close(self) -> None:
        """Let nothing that is held go on."""
        self.shut = True

    def open(self) -> None:
        """Let all that waits go on."""
        if self._cause is None:
            self.shut = False
            self._wake()

    def end(self, cause: TielineError) -> None:
        """Shut it for good: who asked is told the cause."""
        self.shut, self._cause = True, cause
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def stir(self) -> None:
        """Have all that waits look at its ``unless`` again, though the gate is shut."""
        self._wake()

    def held(self, work: Awaitable[T], unless: Callable[[], bool] | None = None) -> Awaitable[T]:
        """The same work, for somebody who waits for it.

        It is broken off with ``Stirred`` where it would wait and ``unless`` is true.
        """
        return _Held(self, work, told=True, unless=unless)

    async def beside(
        self, work: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **named: P.kwargs
    ) -> T:
        """Work of a task that nobody waits for."""
        return await _Held(self, work(*args, **named), told=False)

    async def passed(self) -> None:
        """Return while the gate is open, and before anything else can shut it.

        Raises what the station has ended with.
        """
        await _Held(self, _nothing(), told=True)

    async def opened(self) -> None:
        """As ``passed``, but return when all is over, too."""
        if self._cause is None:
            with contextlib.suppress(TielineError):
                await self.passed()

    def wait(
        self, error: BaseException | None, *, told: bool, unless: Callable[[], bool] | None = None
    ) -> Generator[Any, None, BaseException | None]:
        """Wait until it is open, or all is over; what the work is to be told, if anything.

        A cancellation that comes meanwhile is one of that: the work may go on after it.
        """
        while self.shut:
            if self._cause is not None and (told or error is not None):
                return error or self._cause
            if error is None and unless is not None and unless():
                return Stirred()
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            try:
                yield from waiting
            except asyncio.CancelledError as cancelled:
                error = cancelled
        return error


class _Held(Generic[T]):
    """An awaitable that is driven by hand, so that each of its steps can be put off."""

    __slots__ = ("_gate", "_told", "_unless", "_work")

    def __init__(
        self,
        gate: Gate,
        work: Awaitable[T],
        *,
        told: bool,
        unless: Callable[[], bool] | None = None,
    ) -> None:
        self._gate, self._work, self._told, self._unless = gate, work, told, unless

    def __await__(self) -> Generator[Any, None, T]:
        gate, work = self._gate, self._work
        steps: Any = work.__await__()
        error: BaseException | None = None
        try:
            while True:
                if gate.shut:
                    error = yield from gate.wait(error, told=self._told, unless=self._unless)
                try:
                    found = steps.send(None) if error is None else steps.throw(error)
                except StopIteration as done:
                    answer: T = done.value
                    return answer
                error = None
                try:
                    yield found
                except GeneratorExit:
                    raise
                except BaseException as thrown:  # noqa: BLE001 - it is for the work, and given on
                    error = thrown
        except GeneratorExit:
            steps.close()
            raise


async def _nothing() -> None:
    """Nothing to do."""


HERE: Final[ContextVar[Gate | None]] = ContextVar("HERE", default=None)
"""The gate of the station that runs in this process."""


def spawn(
    work: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **named: P.kwargs
) -> asyncio.Task[T]:
    """A task for work on the core or the store beside the turns."""
    gate = HERE.get()
    if gate is None:
        return asyncio.create_task(work(*args, **named))
    return asyncio.create_task(gate.beside(work, *args, **named))
