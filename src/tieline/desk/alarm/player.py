"""A program that plays sound: one tone at a time, in bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from pathlib import Path
from typing import Final

from tieline.desk.alarm import tones

_SECRETS: Final = ("TIELINE_", "PYTHON")


def environment() -> dict[str, str]:
    """What a program of others is given of ours: no passphrase, and not our own paths."""
    return {name: text for name, text in os.environ.items() if not name.startswith(_SECRETS)}


async def end(process: asyncio.subprocess.Process) -> None:
    """End a program and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


class Player:
    """Plays tones with a program that takes a WAV file as its last argument."""

    def __init__(self, command: tuple[str, ...], limit_s: float) -> None:
        self._command, self._limit_s = command, limit_s
        self._folder = tempfile.TemporaryDirectory(prefix="tieline-alarm-")
        for tone in tones.TONES:
            Path(self._folder.name, f"{tone}.wav").write_bytes(tones.made(tone))

    async def play(self, tone: str) -> str:
        """Play a tone to its end; why it could not be played, or an empty text."""
        name = Path(self._command[0]).name
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, str(Path(self._folder.name, f"{tone}.wav")),
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL, start_new_session=True, env=environment(),
            )  # fmt: skip
        except OSError as error:
            return f"{name} does not start ({error.strerror})"
        try:
            async with asyncio.timeout(tones.seconds(tone) + self._limit_s):
                code = await process.wait()
        except TimeoutError:
            return f"{name} does not come to an end"
        finally:
            await end(process)
        return f"{name} ended with {code}: the sound device may be gone or muted" if code else ""

    def close(self) -> None:
        """Remove the files."""
        self._folder.cleanup()
