"""Whole exercises on real stations: kept, kept under kill -9, and broken when a station cheats."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console
from tests.examples import DEAR
from tests.exercise.plays import SMALL, small
from tests.page import browser as browsers

from tieline.exercise import chaos
from tieline.exercise.__main__ import FOLDER
from tieline.exercise.answer import Entry, Json
from tieline.exercise.control import Control
from tieline.exercise.runner import Options, run
from tieline.exercise.script import load, read
from tieline.node.evidencefile import read_file

# Real processes: twenty seconds on an idle machine, minutes on a busy one.
pytestmark = pytest.mark.timeout(600)
SEED = 21
KILLS = 6
VISITED = "brahmos-2022"
SOURCES = str(Path(__file__).parents[2] / "src")


@dataclass(frozen=True, slots=True)
class Run:
    code: int
    told: str
    errors: str
    out: Path

    def summary(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.out / "summary.json").read_text("utf-8"))
        return found

    def alarms(self) -> dict[str, int]:
        rang = self.summary()["alarms"]
        assert isinstance(rang, dict)
        return rang

    def records(self) -> dict[str, object]:
        """What each station holds at the end, without what chance decides (see ``record``)."""
        return {
            path.stem: json.loads(path.read_text("utf-8"))["content"]
            for path in sorted(self.out.glob("record-*.json"))
        }


def _start(out: Path, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tieline.exercise", "--headless", "--out", str(out), *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCES},
    )


def _end(process: subprocess.Popen[str], out: Path) -> Run:
    told, errors = process.communicate(timeout=560)
    return Run(process.returncode, told, errors, out)


@pytest.fixture(scope="module", params=["przewodow-2022", "brahmos-2022"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Run, Run | None]]:
    """The same exercise twice, at the same time: in peace, and under a clumsy visitor.

    The longer one is visited only where what is dear is asked for (``tests/examples.py``).
    """
    folder = tmp_path_factory.mktemp(request.param)
    calm, haunted = folder / "calm", folder / "haunted"
    visits = ("--kills", str(KILLS), "--seed", str(SEED))
    processes = [_start(calm, "--scenario", request.param)]
    if DEAR or request.param == VISITED:
        processes.append(_start(haunted, "--scenario", request.param, *visits))
    try:
        ended = _end(processes[0], calm)
        yield ended, _end(processes[1], haunted) if processes[1:] else None
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_an_exercise_ends_with_every_promise_kept(pair: tuple[Run, Run | None]) -> None:
    calm, _ = pair
    assert (calm.code, calm.errors) == (0, "")
    summary = calm.summary()
    stations = len(calm.records())
    assert summary["promises_broken"] == []
    assert summary["stations"] == stations
    assert isinstance(summary["statements"], int)
    assert summary["delivered"] == summary["statements"] * (stations - 1)
    zeros = ("lost", "duplicates", "order_violations", "forged_accepted", "restarts")
    assert {name: summary[name] for name in zeros} == dict.fromkeys(zeros, 0)
    assert summary["forged_tried"] == 4
    assert summary["verified"] is True
    assert summary["logs_verified"] == stations**2
    owed = summary["obligations"]
    assert isinstance(owed, dict)
    assert set(owed) <= {"met", "late"}
    assert sum(owed.values()) >= 5
    assert "\x1b" not in calm.told
    assert calm.told.count("EXERCISE EXERCISE EXERCISE") == 2
    assert "Every promise was kept." in calm.told


def test_killed_stations_change_nothing_but_times(pair: tuple[Run, Run | None]) -> None:
    calm, haunted = pair
    if haunted is None:
        pytest.skip("a visit that is dear; TIELINE_EXAMPLES=2 plays it")
    assert (haunted.code, haunted.errors) == (0, "")
    summary = haunted.summary()
    assert summary["restarts"] == _lives(str(summary["scenario"]))
    assert haunted.records() == calm.records()
    same = ("lost", "duplicates", "order_violations", "promises_broken", "obligations")
    assert {name: summary[name] for name in same} == {n: calm.summary()[n] for n in same}
    # All that rang in peace rang; and besides, what a desk hears of a station that was away.
    rang, more = Counter(calm.alarms()), Counter(haunted.alarms())
    assert not rang - more
    assert {code.partition(".")[0] for code in more - rang} <= {"station", "overdue"}
    # A station that has to speak before a peer has answered it opens a log: one statement more.
    fresh = summary["fresh_logs"]
    assert isinstance(fresh, int)
    assert summary["statements"] == _number(calm, "statements") + fresh
    assert summary["delivered"] == _number(calm, "delivered") + fresh * (len(calm.records()) - 1)


def test_all_stations_of_one_run_hold_the_same_words(pair: tuple[Run, Run | None]) -> None:
    calm, _ = pair
    texts = [
        [(entry["name"], entry["kind"], entry["refs"], entry.get("text")) for entry in content]
        for content in calm.records().values()
        if isinstance(content, list)
    ]
    assert len(texts) >= 2
    assert all(other == texts[0] for other in texts)


def test_a_browser_opens_and_checks_the_file_that_an_exercise_ends_with(
    pair: tuple[Run, Run | None], tmp_path: Path
) -> None:
    if browsers.found() is None:
        pytest.skip(browsers.MISSING)
    calm, _ = pair
    summary = calm.summary()
    assert summary["evidence_verified"] is True
    with browsers.running(tmp_path) as browser, browser.page() as page:
        page.open(calm.out / "evidence.html")
        assert page.complaints() == []
        assert [url.split(":")[0] for url in page.requests()] == ["file"]
        verdict = page.value("document.documentElement.dataset.verdict")
        faults = page.value("document.querySelector('#faults')?.textContent ?? ''")
        # A browser without ML-DSA-44 says of each head that carries it that it is not checked.
        assert (verdict in {"checked", "partly"}, faults) == (True, "")
        articles = page.value(
            "[...document.querySelectorAll('article')].map((each) => each.textContent)"
        )
        assert len(articles) == summary["statements"] == summary["evidence_statements"]
        codes = load(FOLDER / f"{summary['scenario']}.toml").codes
        authors = {code for code in codes if any(f"{code}/" in text for text in articles)}
        assert authors == set(codes)
        realm = str(summary["scenario"]).upper()
        assert all(text.startswith(f"EXERCISE {realm}") for text in articles)
        assert "EXERCISE" in page.value("document.querySelector('#exercise').textContent")


@pytest.mark.parametrize(("name", "late_h"), [("przewodow-2022", 20), (VISITED, 17)])
def test_the_seed_of_these_tests_is_a_hard_one(name: str, late_h: int) -> None:
    """It kills while stations start, in the first hours, late, two at once, and one that starts."""
    scenario = load(FOLDER / f"{name}.toml")
    visits = chaos.plan(scenario, KILLS, SEED)
    hour = 3_600_000
    after = [visit.at_ms - scenario.start_ms for visit in visits]
    assert any(ms < 0 for ms in after)
    assert any(hour <= ms < 3 * hour for ms in after)
    assert any(ms >= late_h * hour for ms in after)
    assert any(len(visit.parties) == 2 for visit in visits)
    assert len({(visit.at_ms, visit.parties) for visit in visits}) < KILLS


def _number(ran: Run, name: str) -> int:
    value = ran.summary()[name]
    assert isinstance(value, int)
    return value


def _lives(scenario: str) -> int:
    """How many lives the visits of these tests cost: each finds whom it came for."""
    visits = chaos.plan(load(FOLDER / f"{scenario}.toml"), KILLS, SEED)
    return sum(len(visit.parties) for visit in visits)


def test_two_stories_by_two_carriers_are_proved_at_every_station(tmp_path: Path) -> None:
    """DELTA's true keys sign twice under one number; one story by wire, the other on a stick."""
    ended = _end(_start(tmp_path, "--scenario", "two-stories"), tmp_path)
    assert (ended.code, ended.errors) == (0, ""), ended.told
    summary = ended.summary()
    assert (summary["stories_told"], summary["stories_proved"]) == (1, 4)
    assert (summary["lost"], summary["verified"], summary["promises_broken"]) == (0, True, [])
    stories = ("ONE track into ALPHA", "NO track into ALPHA")
    for path in ended.out.glob("record-*.json"):
        items = json.loads(path.read_text("utf-8"))["items"]
        twice = [item for item in items if any(words in item.get("text", "") for words in stories)]
        assert len(twice) == 2, path
        assert len({item["position"] for item in twice}) == 1
        assert sorted(item["second_story"] for item in twice) == [False, True]
        # The line goes on: what was said after the two stories met is held everywhere.
        assert any("The line goes on" in item.get("text", "") for item in items)
    evidence, known_page = read_file(ended.out / "evidence.html")
    assert (evidence.verdict, known_page, evidence.header is not None) == ("checked", True, True)
    assert [one.party for one, _ in evidence.conflicts] == ["DELTA"]
    assert {entry.party for entry in evidence.entries} == {"ALPHA", "BRAVO", "CHARLIE", "DELTA"}
    assert summary["evidence_statements"] == len(evidence.entries)
    # The page in the file is a second reader, in a browser, and must find the same.
    facts = browsers.facts_of(ended.out / "evidence.html", tmp_path / "profile")
    if facts is not None:
        assert (facts["verdict"], len(facts["conflicts"])) == ("checked", 1)
        assert len(facts["statements"]) == len(evidence.entries)


CHEAT = """
import sys
if "serve" in sys.orig_argv and sys.orig_argv[-1].endswith("/alpha"):
    import tieline.core.crypto
    tieline.core.crypto.verify = lambda *args: True
"""


def test_a_station_that_takes_a_forgery_breaks_the_exercise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ALPHA's process believes every signature; everybody else is honest."""
    (tmp_path / "sitecustomize.py").write_text(CHEAT, "utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{SOURCES}")
    told = io.StringIO()
    console = Console(file=told, width=100)
    summary = asyncio.run(
        run(small(), console, Options(out=tmp_path / "out", patience_s=2.0))
    )  # fmt: skip
    assert summary.forged_tried == 4
    assert summary.forged_accepted >= 1
    assert any(text.startswith("forged: ") for text in summary.promises_broken)
    assert "ACCEPTED" in told.getvalue()
    assert "BROKEN" in told.getvalue()
    written = json.loads((tmp_path / "out" / "summary.json").read_text("utf-8"))
    assert written["forged_accepted"] == summary.forged_accepted


def test_a_station_that_is_told_the_time_late_misses_no_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What others say at their new time came into its old one, hours ago, and was overdue there."""
    everywhere = Control._everywhere

    async def late(self: Control, act: str, args: Mapping[str, Json]) -> dict[str, Entry]:
        if act != "clock":
            return await everywhere(self, act, args)
        told = {"ALPHA": await self._links["ALPHA"].act(act, args)}
        if self.now_ms % (4 * 3_600_000) == 0:  # a line test is due, which ALPHA may call
            for _ in range(150):  # BRAVO has other things to do before it is told the time
                await self._links["BRAVO"].act("settle", {})
        return told | {"BRAVO": await self._links["BRAVO"].act(act, args)}

    monkeypatch.setattr(Control, "_everywhere", late)
    rules = SMALL[: SMALL.index("[[event]]")].replace('"H+2"', '"H+8:30"')
    quiet = rules + '[[event]]\nat = "H+0:01"\nact = "note"\ntext = "Line tests only."\n'
    console = Console(file=io.StringIO(), width=100)
    summary = asyncio.run(run(read(quiet.encode(), "quiet.toml"), console, Options()))
    assert (summary.promises_broken, summary.alarms) == ((), {})
    assert summary.statements > 4  # the line tests, and the officers' answers


def test_a_summary_of_an_earlier_run_does_not_stay(tmp_path: Path) -> None:
    """What cannot be played leaves no summary that somebody may take for its own."""
    kept = tmp_path / "homes"
    kept.mkdir()
    (tmp_path / "summary.json").write_text("{}", "utf-8")
    ended = _end(_start(tmp_path, "--keep", str(kept)), tmp_path)
    assert ended.code == 1
    assert ended.errors == f"exercise: {kept} exists already; name a folder that does not\n"
    assert not (tmp_path / "summary.json").exists()


def test_a_folder_that_cannot_be_written_is_said_before_the_play(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    ended = _end(_start(tmp_path / "file" / "out"), tmp_path)
    assert (ended.code, ended.told) == (1, "")
    assert ended.errors.startswith("exercise: ")
    assert "file/out" in ended.errors


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_exercise_that_is_ended_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: signal.Signals
) -> None:
    homes = tmp_path / "homes"
    homes.mkdir()
    monkeypatch.setenv("TMPDIR", str(homes))
    process = _start(tmp_path / "out", "--scenario", "brahmos-2022")
    assert process.stdout is not None
    while "FLASH      ALPHA" not in process.stdout.readline():
        assert process.poll() is None
    assert len(list(homes.iterdir())) == 1
    process.send_signal(told)
    ended = _end(process, tmp_path / "out")
    assert ended.code == 130
    assert ended.errors == "exercise: interrupted; the stations are stopped\n"
    assert list(homes.iterdir()) == []
    assert not (ended.out / "summary.json").exists()


def test_a_script_that_a_station_refuses_ends_the_exercise(tmp_path: Path) -> None:
    """A second assent is refused; the summary says where in the script, and all is stopped."""
    twice = '\n[[event]]\nat = "H+1:20"\nact = "assent"\nfrom = "BRAVO"\ntarget = "joint"\n'
    scenario = read((SMALL + twice).encode(), "twice.toml")
    console = Console(file=io.StringIO(), width=100)
    summary = asyncio.run(run(scenario, console, Options(keep=tmp_path / "homes")))
    assert len(summary.promises_broken) == 1
    assert summary.promises_broken[0].startswith("at H+1:20: event 8 (assent by BRAVO) was refused")
    assert {path.name for path in (tmp_path / "homes").iterdir()} >= {"alpha", "bravo"}
