"""An exercise with people on real stations: an umpire has the clock, an officer joins."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console
from tests.desk.desks import Desk
from tests.exercise.plays import small
from tests.exercise.test_runs import SOURCES

from tieline.core.errors import LocalError
from tieline.exercise import terminal
from tieline.exercise.answer import Entry, Json
from tieline.exercise.promises import Summary
from tieline.exercise.runner import Options, run

pytestmark = pytest.mark.timeout(600)


class Umpire:
    """Orders over the socket, as the umpire's terminal gives them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def __call__(self, *words: str) -> Entry:
        answer = await asyncio.to_thread(terminal.ask, self.folder, terminal.order(words))
        assert answer["ok"], answer
        return Entry(answer, "control")

    async def until(self, holds: Callable[[Entry], bool]) -> Entry:
        """Ask for the state until something holds; the test's own timeout is the limit."""
        while True:
            state = await self("state")
            if holds(state):
                return state

    async def step(self) -> Entry:
        """One step of the clock, and wait until it has been made."""
        before = (await self("state")).text("now")
        await self("step")
        return await self.until(lambda state: state.text("now") != before)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tieline", "exercise", *words],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": SOURCES, "PATH": "/usr/bin:/bin"},
    )


def held(state: Entry) -> dict[str, int]:
    return {desk.text("party"): desk.number("holds") for desk in state.entries("desks")}


def expected(state: Entry) -> dict[str, str]:
    return {one.text("act"): one.text("met_by") for one in state.entries("expected")}


def test_an_officer_joins_and_the_umpire_ends_it(tmp_path: Path) -> None:
    summary, told = asyncio.run(_played(tmp_path / "live", tmp_path / "out"))
    assert summary.promises_broken == ()
    assert summary.forged_tried == 0  # the script's forgery comes later than ENDEX
    assert "ruling" in told
    assert (tmp_path / "out" / "score.json").exists()
    # What the exercise leaves behind is refused, or says what it is, in the real world.
    real = Desk(tmp_path / "real")
    real.real = False
    real.ok("init", "--party", "ALPHA", "--name", "Alpha", "--key-file")
    real.serve()
    try:
        bundle = real.run("import", str(tmp_path / "stick.tieline"))
    finally:
        real.kill()
    assert bundle.code == 1, bundle
    assert "which this station does not keep; if it comes from an exercise" in bundle.err
    read = real.run("verify", str(tmp_path / "out" / "evidence.html"))
    assert read.out.startswith("EXERCISE SMALL: nothing in it is of the real world")


async def _played(folder: Path, out: Path) -> tuple[Summary, str]:
    told = io.StringIO()
    options = Options(keep=folder, out=out, people=("BRAVO",))
    playing = asyncio.create_task(run(small(), Console(file=told, width=100), options))
    umpire = Umpire(folder)
    try:
        await _directed(umpire, folder, playing)
        return await playing, told.getvalue()
    finally:
        playing.cancel()


async def _directed(umpire: Umpire, folder: Path, playing: asyncio.Task[Summary]) -> None:
    state = await _started(umpire, playing)
    assert state.text("clock") == "stands still"
    assert expected(state) == {"say": "", "assent": ""}
    # The script's own officer speaks; BRAVO's do not, and nobody acknowledges for them.
    await umpire.step()
    state = await umpire.step()
    assert state.text("h") == "H+0:02"
    first = max(held(state).values())
    # BRAVO's officer says what the script expected, by an ordinary verb.
    said = await asyncio.to_thread(
        command, "join", str(folder), "--as", "BRAVO", "send", "--form", "cr/not-ours",
        "--field", "checked=all", "--field", "text=The object.", "--officer", "Officer B",
    )  # fmt: skip
    assert (said.returncode, said.stderr) == (0, "")
    state = await umpire.until(lambda now: expected(now)["say"] != "")
    assert expected(state)["say"].startswith("BRAVO-")
    # A ruling and an inject are statements that every desk has.
    await umpire("rule", "The first word counts.")
    await umpire("inject", "Nothing else falls.")
    await umpire.until(lambda now: min(held(now).values()) >= first + 3)
    log = await asyncio.to_thread(command, "join", str(folder), "--as", "BRAVO", "--", "log")
    assert "The first word counts." in log.stdout
    assert "Nothing else falls." in log.stdout
    # The umpire works on wires as a scenario does, and is refused as a scenario is.
    await umpire("cut", "ALPHA", "BRAVO")
    await umpire("heal")
    wanted: dict[str, Json] = {"do": "cut", "between": [["ALPHA"], ["ZULU"]]}
    wrong = await asyncio.to_thread(terminal.ask, folder, wanted)
    assert wrong["ok"] is False
    scored = Entry((await umpire("score")).raw["score"], "the score")
    parties = {one.text("party"): one for one in scored.entries("parties")}
    assert set(parties) == {"ALPHA", "BRAVO"}
    assert parties["BRAVO"].number("messages") == 1
    assert parties["BRAVO"].entry("read").number("of") == 1
    assert parties["BRAVO"].entry("read").number("done") == 0
    await asyncio.to_thread(_refused, folder)
    await umpire("endex", "played")
    await playing


async def _started(umpire: Umpire, playing: asyncio.Task[Summary]) -> Entry:
    while not playing.done():
        with suppress(LocalError):  # its stations still start
            return await umpire("state")
    pytest.fail(f"it did not start: {playing.exception()}")


def _refused(folder: Path) -> None:
    """Whom an exercise does not let in, and what its terminals do not do."""
    script = command("join", str(folder), "--as", "ALPHA", "status")
    assert script.returncode == 1
    assert "ALPHA is played by the script; people play BRAVO" in script.stderr
    # Nothing of the real world can be cited, read or answered: it is not there.
    cited = command("join", str(folder), "--as", "BRAVO", "ack", "ab" * 32)
    assert cited.returncode == 1
    assert "ab" * 4 in cited.stderr
    stick = folder.parent / "stick.tieline"
    assert command("join", str(folder), "--as", "BRAVO", "export", str(stick)).returncode == 0
    away = command("join", str(folder), "--as", "BRAVO", "send", "--hom", "/real", "Attack.")
    assert away.returncode == 1
    assert "speaks for BRAVO in the exercise SMALL and for no other home" in away.stderr


def test_a_folder_that_is_no_exercise_has_no_umpire(tmp_path: Path) -> None:
    ended = command("control", str(tmp_path), "state")
    assert ended.returncode == 1
    assert f"{tmp_path} is no exercise" in ended.stderr


@pytest.mark.parametrize("words", [("control",), ("score",), ("join", "--as", "ALPHA")])
def test_links_in_a_circle_are_no_exercise(tmp_path: Path, words: tuple[str, ...]) -> None:
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    told = command(words[0], str(circle), *words[1:])
    assert told.returncode == 1
    assert told.stderr.startswith(f"exercise: {circle} ")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["go", "60"], {"do": "go", "rate": 60.0}),
        (["release", "7"], {"do": "release", "number": 7}),
        (["rule", "It", "counts"], {"do": "rule", "text": "It counts"}),
        (["cut", "A,B", "C"], {"do": "cut", "between": [["A", "B"], ["C"]]}),
        (["carry", "A", "B"], {"do": "carry", "from": "A", "to": "B"}),
        (["endex", "stopped", "Rain"], {"do": "endex", "why": "stopped", "text": "Rain"}),
    ],
)
def test_an_order_is_written_in_words(words: list[str], wanted: dict[str, Json]) -> None:
    assert terminal.order(words) == wanted


@pytest.mark.parametrize("words", [["go", "fast"], ["release"], ["carry", "A"], ["forge", "A"]])
def test_an_order_that_is_written_otherwise_is_refused(words: list[str]) -> None:
    with pytest.raises(LocalError, match="'help' shows how"):
        terminal.order(words)
