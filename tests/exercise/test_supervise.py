"""A station's process is started again however it ends, unless it cannot live at all."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tieline.exercise import supervise
from tieline.exercise.supervise import Process


@pytest.fixture
def sleeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in place of the interpreter: it lives until it is told to end."""
    program = tmp_path / "sleeper"
    program.write_text("#!/bin/sh\necho alive\nexec sleep 600\n", "ascii")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    return tmp_path


def _process(home: Path, restarts: asyncio.Queue[int], failures: asyncio.Queue[str]) -> Process:
    return Process(
        "ALPHA",
        home,
        prepare=lambda: None,
        restarted=lambda _, code: restarts.put_nowait(code),
        failed=failures.put_nowait,
    )


def test_killing_never_makes_it_give_up(sleeper: Path) -> None:
    async def play() -> None:
        restarts: asyncio.Queue[int] = asyncio.Queue()
        failures: asyncio.Queue[str] = asyncio.Queue()
        process = _process(sleeper, restarts, failures)
        await process.start()
        for _ in range(supervise.MAX_EARLY_ENDS + 3):
            await process.kill()
            assert await restarts.get() == -signal.SIGKILL
        assert failures.empty()
        assert process.restarts == supervise.MAX_EARLY_ENDS + 3
        pid = process.pid
        await process.stop()
        await process.stop()  # a second time changes nothing
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert restarts.empty()

    asyncio.run(play())


def test_one_that_cannot_live_is_given_up_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\necho first\necho the disk is gone\nexit 3\n", "ascii")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))

    async def play() -> str:
        restarts: asyncio.Queue[int] = asyncio.Queue()
        failures: asyncio.Queue[str] = asyncio.Queue()
        process = _process(tmp_path, restarts, failures)
        await process.start()
        said = await failures.get()
        await process.stop()
        assert process.restarts == supervise.MAX_EARLY_ENDS
        return said

    said = asyncio.run(play())
    assert said.startswith("the station of ALPHA ended ")
    assert said.endswith("its last words: the disk is gone")


def test_one_that_does_not_listen_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "deaf"
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    program.write_text(
        f"#!/bin/sh\ntrap '' TERM\necho deaf > {ready}\nwhile :; do sleep 1; done\n", "ascii"
    )
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(supervise, "STOP_S", 0.1)

    async def play() -> int:
        process = _process(tmp_path, asyncio.Queue(), asyncio.Queue())
        await process.start()
        assert await asyncio.to_thread(ready.read_text, "ascii") == "deaf\n"
        pid = process.pid
        await process.stop()
        return pid

    pid = asyncio.run(play())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
