"""Station processes, started and, when they die, started again.

Each station is a real process with its own home, as a party would run it. One that ends, however it
ends, is started again on the same home: whoever looks on may kill any of them at any moment. One
that ends by itself again and again without having lived is given up, with the last words of its
log.

Stations do not outlive the exercise: they are stopped at its end, and the kernel ends them if the
exercise itself is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

LIVED_S: Final = 5.0
MAX_EARLY_ENDS: Final = 5
STOP_S: Final = 10.0
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def end_with_parent() -> None:
    """For a child before it becomes a program: the kernel kills it when the exercise dies."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One station's process, in any number of lives."""

    def __init__(
        self,
        party: str,
        home: Path,
        *,
        prepare: Callable[[], None],
        restarted: Callable[[str, int], None],
        failed: Callable[[str], None],
    ) -> None:
        self.party = party
        self.home = home
        self.restarts = 0
        self._log = home / "serve.log"
        self._prepare = prepare
        self._restarted = restarted
        self._failed = failed
        self._process: asyncio.subprocess.Process | None = None
        self._alive, self._ended = asyncio.Event(), asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process id; 0 between two lives."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start the station, and keep it started."""
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep())

    async def _spawn(self) -> None:
        self._prepare()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tieline",
                "serve",
                "--home",
                str(self.home),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Its own session: an interrupt at the terminal is for the exercise to handle.
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        self._ended.clear()
        self._alive.set()

    async def _keep(self) -> None:
        early = 0
        while self._process is not None:
            began = time.monotonic()
            code = await self._process.wait()
            self._alive.clear()
            self._ended.set()
            # Whoever kills a station does not make it unfit to live.
            own_end = code != -signal.SIGKILL and time.monotonic() - began < LIVED_S
            early = early + 1 if own_end else 0
            if early > MAX_EARLY_ENDS:
                self._failed(
                    f"the station of {self.party} ended {early} times in a row; its last words:"
                    f" {self._last_words()}"
                )
                return
            await self._spawn()
            self.restarts += 1
            self._restarted(self.party, code)

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "none"

    async def kill(self) -> None:
        """End the process at once, as ``kill -9`` does, and come back when it is dead.

        One that is dead already is killed in its next life, so that every kill costs a life.
        """
        await self._alive.wait()
        self._send(signal.SIGKILL)
        await self._ended.wait()

    def _send(self, what: signal.Signals) -> None:
        # Not the process object's own way: that one looks whether the process has ended, and would
        # take the news of its end away from the loop, which waits for it.
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, what)

    async def stop(self) -> None:
        """End the process for good: asked first, killed if it does not listen."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        process = self._process
        if process is None or process.returncode is not None:
            return
        self._send(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            self._send(signal.SIGKILL)
            await process.wait()
