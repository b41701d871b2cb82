"""The soak: seeds one after the other until the time is up, and what it reports of them."""

from __future__ import annotations

import json
import os
import re
import runpy
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tieline.sim.__main__ import Job, run_seed
from tieline.sim.counted import CHECKS, FAULTS, checks, faults, total
from tieline.sim.plan import calm, draw
from tieline.sim.tempo import paced
from tieline.sim.world import World

ROOT = Path(__file__).resolve().parents[2]
SOAK = ROOT / "tools" / "soak.py"
SHORT = ("--start", "3", "--hours", "0.02")


def soak(*words: str) -> subprocess.CompletedProcess[str]:
    """On two processors at most: a short soak plays a seed for each, however many there are."""
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(every)[:2])
    try:
        return subprocess.run(
            [sys.executable, str(SOAK), *words], capture_output=True, text=True, check=False
        )
    finally:
        os.sched_setaffinity(0, every)


def least() -> int:
    """So many seeds a short soak plays in any case."""
    return min(2, len(os.sched_getaffinity(0)))


def test_it_plays_from_where_it_says_until_the_time_is_up(tmp_path: Path) -> None:
    kept = tmp_path / "report.json"
    done = soak(*SHORT, "--minutes", "0.01", "--report", str(kept))
    assert (done.returncode, done.stderr) == (0, "soak: from seed 3 for 0.01 min\n")
    report = json.loads(kept.read_text("utf-8"))
    assert report["seeds"] >= least()
    assert (report["first"], report["last"]) == (3, 2 + report["seeds"])
    assert (report["failures"], report["seeds_failed"], report["interrupted"]) == ([], [], False)
    first = done.stdout.splitlines()[0]
    assert first.startswith(f"soak: {report['seeds']} seeds, 0 failed; seeds 3 to {report['last']}")
    assert done.stdout.endswith("failures: 0\n")
    # The counts are those of the seeds it names.
    runs = [World(draw(seed, 0.02)).run() for seed in range(3, report["last"] + 1)]
    counts = total(run.counts for run in runs)
    assert report["faults"] == faults(counts)
    assert report["checks"] == checks(counts)
    assert all(report["checks"][number] for number in "1234567")


def test_a_time_that_is_over_before_the_workers_have_begun_has_a_seed_for_each() -> None:
    parts = runpy.run_path(str(SOAK))
    jobs = [*parts["jobs"](5, 0.5, 0.0)]
    assert jobs == [Job(5 + at, 0.5) for at in range(parts["WORKERS"])]


def test_by_default_each_seed_draws_its_tempo_and_the_report_says_how_fast_each_was() -> None:
    start = next(
        seed for seed in range(20_000)
        if all(paced(seed + at).tempo == "minutes" for at in range(6))  # however fast it is
    )  # fmt: skip
    done = soak("--start", str(start), "--minutes", "0.01", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["plan"], report["hours_each"]) == (0, 3, None)
    tempos = {row.pop("tempo"): row for row in report["tempos"]}
    assert tempos["minutes"] == tempos["all"]
    found = tempos["all"]
    assert found["seeds"] == report["seeds"] >= least()
    assert found["words"] > 10
    assert found["faults"] == sum(report["faults"].values())
    rate = 60 * found["virtual_hours"] / found["cpu_seconds"]
    assert 0.6 * rate - 1 <= found["hours_per_minute_and_core"] <= 1.4 * rate + 1  # rounded twice
    text = runpy.run_path(str(SOAK))["text"](report | {"tempos": [{"tempo": "all"} | found]})
    assert f"seeds {start} to {report['last']}, plan 3, " in text
    assert re.search(rf"\n  all +{found['seeds']} ", text)


def test_rows_of_the_catalogue_have_the_second_half() -> None:
    row = ("--faults", "--row", "algorithm-stripped", "--count", "C")
    done = soak("--minutes", "0.3", "--hours", "0.01", "--start", "3", "--json", *row)
    report = json.loads(done.stdout)
    assert done.returncode == 0, report["failures"]
    # On a busy machine its time may run out; then it says so.
    names = [row["name"] for row in report["rows"]] + report["rows_unfinished"]
    assert names == ["algorithm-stripped"]
    assert all(row["cases"] == 8 for row in report["rows"])


def test_an_interruption_ends_in_the_report() -> None:
    with subprocess.Popen(
        [sys.executable, str(SOAK), *SHORT, "--minutes", "60", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == "soak: from seed 3 for 60 min\n"
        running.send_signal(signal.SIGINT)
        said, _ = running.communicate()
    assert running.returncode == 130
    assert json.loads(said)["interrupted"] is True


def test_every_kind_that_is_named_is_counted_somewhere() -> None:
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "src/tieline/sim").glob("*.py"))
    made = set(re.findall(r"(?:note|count)\(\s*\"([a-z ]+)\"", source))
    assert made >= FAULTS.keys() | CHECKS.keys()
    assert {word for word in made if word.startswith("check ")} == CHECKS.keys()


UNTIL_INTERRUPTED = """import sys, threading
try:
    print("up", flush=True)
    threading.Event().wait(60)
except KeyboardInterrupt:
    open(sys.argv[1], "w").close()
"""


def test_a_row_that_is_stopped_may_put_away_what_it_has_made(tmp_path: Path) -> None:
    done = tmp_path / "done"
    with subprocess.Popen(
        [sys.executable, "-c", UNTIL_INTERRUPTED, str(done)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "up\n"
        runpy.run_path(str(SOAK))["_stop"](running)
    assert done.exists()


def test_a_check_that_has_nothing_to_look_at_is_not_counted() -> None:
    counts = dict(World(calm(0, 3, 2)).run().counts)
    assert counts.get("check brought", 0) == 0  # nobody lies
    assert 0 < counts["check attempts"] < counts["check order"] // 10
    lying = dict(World(replace(calm(0, 3), forker=True)).run().counts)
    assert 0 < lying["check brought"] < lying["check order"]


def test_failures_are_told_and_reported(capsys: pytest.CaptureFixture[str]) -> None:
    parts = runpy.run_path(str(SOAK))
    one = parts["Soak"](13, 0.2)
    one.take(run_seed(Job(13, 0.2, "first-story-wins")))
    parts["_take_row"](one, "killed", "no JSON", 1)
    row = {"promise": "P1", "name": "killed", "cases": 1, "tests": 2, "missed": ["it is lost"]}
    parts["_take_row"](one, "killed", json.dumps({"rows": [row]}), 1)
    other = row | {"name": "reserve", "missed": [], "cases": 0, "lacks": "no loop device"}
    parts["_take_row"](one, "reserve", json.dumps({"rows": [other]}), 0)
    report = one.report()
    assert [failed["invariant"] for failed in report["seeds_failed"]] == [4]
    assert report["rows"] == [row, other]
    first, second, third = report["failures"]
    assert "see it again: ./dev sim --seed 13 --hours 0.2 --trace" in first
    assert second == "row killed ended with status 1 and without a result"
    assert third == "row killed: it is lost"
    assert capsys.readouterr().err == f"{first}\n{second}\n{third}\n"
    text = parts["text"](report)
    assert "1 seeds, 1 failed; seeds 13 to 13" in text
    assert "reserve was not played: no loop device" in text
    assert "failures: 3" in text


def test_no_time_is_a_wrong_usage() -> None:
    done = soak("--minutes", "0")
    assert done.returncode == 2
    assert "more than 0" in done.stderr


def test_a_report_that_could_not_be_written_is_refused_before_anything_is_played(
    tmp_path: Path,
) -> None:
    done = soak(*SHORT, "--minutes", "60", "--report", str(tmp_path / "gone" / "report.json"))
    assert done.returncode == 2
    assert "there is no folder" in done.stderr
