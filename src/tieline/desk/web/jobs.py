"""What takes long at a desk and is asked for again meanwhile: the check of the whole record.

One runs at a time, whoever asks; its result stays until the next one. Files of strangers are read
by a process of its own (``verifier``), one at a time, with limits on time and memory.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError, TielineError
from tieline.desk.web.shapes import View, view
from tieline.node.client import ApiDown, ApiRefused

VERIFIER_S: Final = 120.0  # by the clock; the processor's time is bounded in the process itself
READER_S: Final = 40.0
MAX_REPORT: Final = 2 << 20  # bytes that a process may say


@dataclass(slots=True)
class Audit:
    """A check of the whole record: who asked, since when (UTC ms), and what came of it."""

    officer: str
    since_ms: int
    ended_ms: int = 0
    report: View = field(default_factory=View)
    failed: str = ""

    @property
    def running(self) -> bool:
        return not self.ended_ms


@dataclass(slots=True)
class Jobs:
    """The long work of one desk."""

    audit: Audit | None = None
    _task: asyncio.Task[None] | None = None
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def begin(
        self,
        officer: str,
        now_ms: Callable[[], int],
        work: Callable[[], Awaitable[View]],
        told: Callable[[], None],
    ) -> None:
        """Start a check of the record, unless one runs; ``told`` is called when it has ended."""
        if self.audit is not None and self.audit.running:
            return
        audit = self.audit = Audit(officer, now_ms())

        async def run() -> None:
            try:
                audit.report = await work()
            except (ApiRefused, ApiDown, TielineError) as error:
                audit.failed = str(error)
            finally:
                audit.ended_ms = now_ms()
                told()

        self._task = asyncio.create_task(run())

    async def ended(self) -> View | None:
        """What the check that was begun last found, when it has ended; None if it failed."""
        if self._task is not None:
            await asyncio.shield(self._task)  # who asked first still waits for it
        return None if self.audit is None or self.audit.failed else self.audit.report

    async def read(self, path: Path, language: str) -> View:
        """What the verifier says of a file.

        Raises ``LocalError`` (``desk.busy``, ``desk.file``).
        """
        if self._reading.locked():
            raise LocalError("desk.busy", "another file is being checked here; try again after it")
        async with self._reading:
            return await _process("verifier", (str(path), language), VERIFIER_S, "tieline verify")

    async def read_list(self, path: Path) -> View:
        """The table in a file: ``columns`` and ``rows``, each its number and its cells.

        Raises ``LocalError`` (``desk.busy``, ``desk.file``, ``list.*``).
        """
        if self._reading.locked():
            raise LocalError("desk.busy", "another file is being checked here; try again after it")
        async with self._reading:
            found = await _process("listreader", (str(path),), READER_S, "tieline form --sheet")
        if found["code"]:
            raise LocalError(str(found["code"]), str(found["message"]))
        return found


async def _process(module: str, args: tuple[str, ...], patience_s: float, verb: str) -> View:
    """What a process of its own says of a file, whose path is the first of its arguments."""
    folder = Path(args[0]).parent
    kept = {name: os.environ[name] for name in ("PYTHONPATH", "LANG") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"tieline.desk.{module}", *args,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        env={**kept, "PYTHONUTF8": "1", "TIELINE_HOME": str(folder / "none")},
    )  # fmt: skip
    if process.stdout is None:
        raise TypeError
    try:
        async with asyncio.timeout(patience_s):
            said = await _all(process.stdout)
            code = await process.wait()
        found = json.loads(said)
    except (TimeoutError, ValueError):
        found, code = None, -1
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code or not isinstance(found, dict):
        raise LocalError(
            "desk.file",
            "the file takes more time or memory to read than a desk gives; read it on the"
            f" command line, with '{verb}'",
        )
    return view(found)


async def _all(stream: asyncio.StreamReader) -> bytes:
    """All that is said, unless it is too much (``ValueError``)."""
    said = b""
    while piece := await stream.read(65_536):
        said += piece
        if len(said) > MAX_REPORT:
            raise ValueError
    return said
