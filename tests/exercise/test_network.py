"""An exercise over a network: each party's own station, an officer's terminal at each, a script.

Two machines play: ALPHA, and BRAVO, whose officer is the umpire too. A third has a real line.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.desk import desks
from tests.desk.desks import Desk, one_object
from tests.exercise.plays import SMALL
from tests.exercise.test_runs import SOURCES

from tieline.exercise.answer import Entry

pytestmark = pytest.mark.timeout(600)
Pair = tuple[Desk, Desk]
FIRST = (
    "incident", "open", "--sure", "partly", "--own-forces", "unknown", "--next", "now+30m",
    "--name", "North field", "--count", "2",
)  # fmt: skip


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    packs = ("crisis", "incident", "exercise")
    yield from desks.pair(
        tmp_path_factory.mktemp("network"), real=False, packs=packs, exercise="RIVER-26"
    )


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A real line, on the same machine."""
    folder = tmp_path_factory.mktemp("hot")
    yield from desks.pair(folder, real=False, packs=("crisis", "incident"))


def at(desk: Desk, party: str, *words: str) -> subprocess.CompletedProcess[str]:
    """What an officer types at the terminal of a party's own station, as a process."""
    return subprocess.run(
        [sys.executable, "-m", "tieline", "exercise", "join", str(desk.home), "--as", party, "--",
         *words],
        capture_output=True, text=True, check=False,
        env={"PYTHONPATH": SOURCES, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def said(desk: Desk, party: str, other: Desk, *words: str) -> str:
    """Say something, released by a second officer where the line wants one; its digest."""
    done = at(desk, party, *words, "--officer", "First", "--json")
    assert done.returncode == 0, done
    found = json.loads(done.stdout)
    if not found["released"]:
        again = at(desk, party, "release", str(found["draft"]), "--officer", "Second", "--json")
        assert again.returncode == 0, again
        found = json.loads(again.stdout)
    other.until(lambda event: event.get("item") == found["item"])
    return str(found["item"])


SCRIPT = (
    SMALL[: SMALL.index("[[event]]")].replace("SMALL", "RIVER-26")
    + """
[[event]]
at = "H+0:00:01"
act = "inject"
confidence = "D"
text = "It rains."

[[event]]
at = "H+0:00:01"
act = "inject"
confidence = "D"
text = "It pours."
"""
)


def directed(desk: Desk, *words: str) -> subprocess.Popen[str]:
    """The umpire's terminal at its own station, as one process that can be ended."""
    return subprocess.Popen(
        [sys.executable, "-m", "tieline.exercise", "control", str(desk.home), "--json", *words],
        stdout=subprocess.PIPE, text=True,
        env={"PYTHONPATH": SOURCES, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def scripted(line: Pair, folder: Path) -> None:
    """Two injects, each released by a second officer; a station is away at the first."""
    (alpha, bravo), file = line, folder / "river.toml"
    file.write_text(SCRIPT, "utf-8")
    with directed(bravo, "script", str(file), "--officer", "First") as script:
        try:
            assert script.stdout is not None
            heard = (Entry(json.loads(row), "the script") for row in script.stdout)
            first = next(heard).text("text")
            assert first.startswith("draft ")
            alpha.kill()
            assert next(heard).text("text").startswith("ALPHA is away; it goes on by itself")
            alpha.serve()
            assert next(heard).text("text") == first
            _released(line, first, heard)
            _released(line, next(heard).text("text"), heard)
            assert next(heard).text("what") == "end"
            assert script.wait(60) == 0
        finally:
            script.kill()


def _released(line: Pair, draft: str, heard: Iterator[Entry]) -> None:
    """The second officer releases what the script waits for, and the other station has it."""
    line[1].ok("release", draft.split()[1], "--officer", "Second")
    item = next(heard).text("item")
    line[0].until(lambda event: event.get("item") == item)
    assert next(heard).text("what") == "goes on"


def scored(desk: Desk) -> dict[str, Entry]:
    done = subprocess.run(
        [sys.executable, "-m", "tieline", "exercise", "score", str(desk.home), "--json"],
        capture_output=True, text=True, check=True,
        env={"PYTHONPATH": SOURCES, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    found = Entry(json.loads(done.stdout), "the score")
    return {one.text("party"): one for one in found.entries("parties")}


def test_two_machines_play_and_the_umpire_ends_it(line: Pair, real: Pair, tmp_path: Path) -> None:
    alpha, bravo = line
    scripted(line, tmp_path)
    denied = at(alpha, "ALPHA", "send", "This is not a drill", "--officer", "First")
    assert denied.returncode == 1
    assert "does not say that it is none" in denied.stderr
    opened = said(alpha, "ALPHA", bravo, *FIRST)
    log = at(alpha, "ALPHA", "log").stdout
    assert 0 < log.index("It rains.") < log.index("It pours.")
    shown = at(bravo, "BRAVO", "incident", "show", opened[:12]).stdout
    assert shown.startswith("EXERCISE EXERCISE EXERCISE ")  # whatever its name says
    before = (scored(alpha), scored(bravo))
    assert before[0]["ALPHA"].number("first_fact_ms") >= 0
    _crossed_over(line, real, opened, tmp_path)
    said(bravo, "BRAVO", alpha, "send", "--form", "ex/endex", "--field", "why=played")
    for desk, party in zip(line, ("ALPHA", "BRAVO"), strict=True):
        assert "ENDEX" in at(desk, party, "status").stdout
    said(alpha, "ALPHA", bravo, "send", "Too late to count.")
    after = (scored(alpha), scored(bravo))
    assert {code: one.raw for code, one in after[0].items()} == {
        code: one.raw for code, one in after[1].items()
    }
    assert after[0]["ALPHA"].number("messages") == before[0]["ALPHA"].number("messages")
    for home in line:  # control is of a folder with a script, and says so
        ended = subprocess.run(
            [sys.executable, "-m", "tieline", "exercise", "control", str(home.home), "state"],
            capture_output=True, text=True, check=False,
            env={"PYTHONPATH": SOURCES, "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert ended.returncode == 1
        assert "is a station's home; name the folder" in ended.stderr


def _crossed_over(line: Pair, real: Pair, opened: str, folder: Path) -> None:
    """Nothing goes over from one world to the other, by whatever name."""
    alpha, hot = line[0], real[0]
    before = hot.call("log", limit=1000)["items"]
    # A digest of the exercise is nothing there, to cite, to answer, to close, to sign.
    for words in (
        ("ack", opened), ("send", "As you said", "--answers", opened),
        ("incident", "close", opened, "--reason", "settled"), ("joint", "sign", opened),
        ("evidence", "--incident", opened, "--out", str(folder / "none.html")),
    ):  # fmt: skip
        refused = hot.run(*words)
        assert refused.code == 1, (words, refused)
        assert opened[:8] in refused.err
    # Neither a bundle nor evidence of it, renamed, nor a report with a deceiving name.
    alpha.ok("export", str(folder / "real-line.tieline"))
    brought = hot.run("import", str(folder / "real-line.tieline"))
    assert brought.code == 1
    assert "which this station does not keep; if it comes from an exercise" in brought.err
    alpha.ok("evidence", "--out", str(folder / "not-a-drill.html"))
    assert hot.run("import", str(folder / "not-a-drill.html")).code == 1
    read = hot.run("verify", str(folder / "not-a-drill.html"))
    assert read.out.startswith("EXERCISE ")
    alpha.ok("incident", "report", opened, "--out", str(folder / "real.html"))
    page = (folder / "real.html").read_text("utf-8")
    assert "<title>EXERCISE EXERCISE EXERCISE " in page
    assert page.count('<div class="banner"') == 2
    # A real station is not joined, scored or ended, and its words reach no exercise.
    joined = at(hot, "ALPHA", "status")
    assert joined.returncode == 1
    assert "is a home for real traffic, and no exercise is joined with it" in joined.stderr
    ended = hot.run("send", "--form", "ex/endex", "--field", "why=played")
    assert ended.code == 1
    assert "ex" in ended.err
    hot.ok("export", str(folder / "hot.tieline"))
    assert alpha.run("import", str(folder / "hot.tieline")).code == 1
    assert hot.call("log", limit=1000)["items"] == before
    assert "EXERCISE" not in one_object(hot.ok("status", "--json")).get("realm", "")  # type: ignore[operator]
