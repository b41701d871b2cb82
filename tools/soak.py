"""Plays simulator seeds that nobody has played yet until the time is up, and reports.

``tools/soak.py [--minutes N] [--start SEED] [--hours H] [--faults] [--json] [--report FILE]``. The
first seed follows from the clock and is printed. Each seed draws its tempo and its length (plan 3,
``sim.tempo``), or has the length that ``--hours`` gives (plan 1, as all soaks before). With
``--faults`` the simulator has the first half of the time, and rows of the catalogue of faults, with
N cases each, the rest. Each failure is printed when it happens, with the command that shows it
again. The report says the seeds, what was played of each tempo and how fast by processor time,
faults injected by kind, how often each invariant was checked, the rows and the failures; it comes
also when the soak is interrupted. Ends with 1 when anything failed, 130 when it was interrupted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue

from tieline.sim.__main__ import Job, run_seed
from tieline.sim.counted import checks, faults, total
from tieline.sim.outcome import Outcome
from tieline.sim.tempo import PLAN, TEMPOS

ROOT = Path(__file__).resolve().parents[1]
WORKERS = len(os.sched_getaffinity(0))  # one for each processor that it may use
SPACING = 1_000_000  # seeds between two soaks that start one minute apart
INTERRUPTED = 130
UNTOLD = ("trace", "counts")  # of a seed that failed; the command that is given shows them
STOP_S = 60  # in which a row that is stopped puts away what it has made
LOOK_S = 0.2  # how often a wait looks whether somebody has interrupted it


@dataclass(slots=True)
class Soak:
    """What has been played so far."""

    start: int
    hours: float  # of each seed; 0: as it draws
    played: list[Outcome] = field(default_factory=list)
    rows: list[dict[str, object]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    interrupted: bool = False

    def fails(self, what: str) -> None:
        """Note a failure, and tell of it at once."""
        self.failures.append(what)
        print(what, file=sys.stderr, flush=True)

    def take(self, outcome: Outcome) -> None:
        """A seed has been played."""
        self.played.append(outcome)
        if outcome.invariant:
            self.fails(
                f"seed {outcome.seed} failed at step {outcome.steps}: {outcome.text}\n"
                f"  see it again: {Job(outcome.seed, self.hours).hint()}"
            )

    def report(self) -> dict[str, object]:
        """The report, for a program."""
        counts = total(outcome.counts for outcome in self.played)
        failed = [
            {key: value for key, value in asdict(outcome).items() if key not in UNTOLD}
            for outcome in self.played
            if outcome.invariant
        ]
        seeds = sorted(outcome.seed for outcome in self.played)
        return {
            "schema": "tieline-soak/1",
            "interrupted": self.interrupted,
            "plan": 1 if self.hours else PLAN,
            "hours_each": self.hours or None,
            "seeds": len(seeds),
            "first": seeds[0] if seeds else None,
            "last": seeds[-1] if seeds else None,
            "steps": sum(outcome.steps for outcome in self.played),
            "virtual_hours": round(sum(o.virtual_ms for o in self.played) / 3_600_000, 1),
            "tempos": [_of_tempo(name, found) for name, found in self._by_tempo()],
            "faults": faults(counts),
            "checks": checks(counts),
            "seeds_failed": failed,
            "rows": self.rows,
            "rows_unfinished": self.unfinished,
            "failures": self.failures,
        }

    def _by_tempo(self) -> list[tuple[str, list[Outcome]]]:
        """What was played of each tempo, and of all."""
        names = ("",) if self.hours else tuple(TEMPOS)
        each = [(name, [o for o in self.played if o.tempo == name]) for name in names]
        return [*[(name, found) for name, found in each if found and name], ("all", self.played)]


def _of_tempo(name: str, played: list[Outcome]) -> dict[str, object]:
    """What worlds of one tempo held, and how many virtual hours a core plays in a minute."""
    hours = sum(outcome.virtual_ms for outcome in played) / 3_600_000
    cpu_s = sum(outcome.cpu_s for outcome in played)
    counts = total(outcome.counts for outcome in played)
    return {
        "tempo": name,
        "seeds": len(played),
        "virtual_hours": round(hours, 1),
        "cpu_seconds": round(cpu_s, 1),
        "hours_per_minute_and_core": round(60 * hours / cpu_s) if cpu_s else 0,
        "steps": sum(outcome.steps for outcome in played),
        "statements": sum(outcome.statements for outcome in played),
        "words": counts["says"],
        "incidents": counts["incident"],
        "faults": sum(faults(counts).values()),
        "restarts": sum(outcome.restarts for outcome in played),
    }


def _unheeding() -> None:
    """A worker leaves an interruption to the one who began it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def jobs(start: int, hours: float, until: float) -> Iterator[Job]:
    """One seed after the other, until the time is up; one for each worker in any case.

    On a busy machine a short time is over before the workers have begun.
    """
    seed = start
    while seed < start + WORKERS or time.monotonic() < until:
        yield Job(seed, hours)
        seed += 1


def simulate(soak: Soak, until: float) -> None:
    """Play until the time is up, never more seeds ahead than there are workers."""
    coming = jobs(soak.start, soak.hours, until)
    done: SimpleQueue[Outcome | BaseException] = SimpleQueue()
    with multiprocessing.get_context("spawn").Pool(WORKERS, _unheeding) as pool:

        def play(job: Job) -> None:
            pool.apply_async(run_seed, (job,), callback=done.put, error_callback=done.put)

        under_way = sum(1 for _ in map(play, islice(coming, WORKERS)))
        while under_way and not soak.interrupted:
            with suppress(Empty):
                found = done.get(timeout=LOOK_S)
                if isinstance(found, BaseException):
                    raise found
                soak.take(found)
                under_way -= 1
                for job in islice(coming, 1):
                    play(job)
                    under_way += 1


def row_names() -> list[str]:
    """The rows of the catalogue."""
    said = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--list"],
        cwd=ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split()[1] for line in said.stdout.splitlines()]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src")}


def play_rows(soak: Soak, names: list[str], count: str, until: float) -> None:
    """Play rows one after the other while there is time; one that does not end in it is stopped."""
    for name in names:
        if soak.interrupted or time.monotonic() >= until:
            soak.unfinished.append(name)
            continue
        command = [sys.executable, "-m", "tests.faults", "--row", name, "--count", count, "--json"]
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=_environment(),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as running:
            said = _heard(soak, running, until)
        if said is None:
            soak.unfinished.append(name)
        else:
            _take_row(soak, name, said, running.returncode)


def _heard(soak: Soak, running: subprocess.Popen[str], until: float) -> str | None:
    """What a row says when it ends; None: it was stopped."""
    while True:
        try:
            return running.communicate(timeout=LOOK_S)[0]
        except subprocess.TimeoutExpired:
            if soak.interrupted or time.monotonic() >= until:
                _stop(running)
                return None


def _stop(running: subprocess.Popen[str]) -> None:
    """Let a row put away what it has made: stations, mounts, folders in memory."""
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGINT)  # as Ctrl-C would: its tests and their stations, too
    with suppress(subprocess.TimeoutExpired):
        running.communicate(timeout=STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)


def _take_row(soak: Soak, name: str, said: str, status: int) -> None:
    try:
        rows = json.loads(said)["rows"]
    except ValueError:
        soak.fails(f"row {name} ended with status {status} and without a result")
        return
    for row in rows:
        soak.rows.append(row)
        for why in row["missed"]:
            soak.fails(f"row {name}: {why}")


def text(report: dict[str, object]) -> str:
    """The report, to read."""
    failed = len(_list(report["seeds_failed"]))
    each = report["hours_each"]
    which = f"seeds {report['first']} to {report['last']}, plan {report['plan']}"
    which += f", {each:g} h each" if each else ""
    out = [f"soak: {report['seeds']} seeds, {failed} failed; {which}, {report['steps']} steps"]
    out.append("tempo: seeds, virtual hours, hours a minute and core, words, incidents, faults")
    out += [
        f"  {row['tempo']:8} {row['seeds']:6} {row['virtual_hours']:9}"
        f" {row['hours_per_minute_and_core']:6} {row['words']:8} {row['incidents']:6}"
        f" {row['faults']:8}"
        for row in _list(report["tempos"])
        if isinstance(row, dict)
    ]
    out.append("faults injected:")
    out += [f"  {count:9} {what}" for what, count in _map(report["faults"]).items()]
    out.append("invariants checked, how often:")
    out += [f"  {count:9} invariant {number}" for number, count in _map(report["checks"]).items()]
    rows = [row for row in _list(report["rows"]) if isinstance(row, dict)]
    if rows or report["rows_unfinished"]:
        out.append("rows of the catalogue: cases, tests, missed")
        out += [
            f"  {row['cases']:6} {row['tests']:6} {len(row['missed']):6}"
            f"  {row['promise']} {row['name']}"
            for row in rows
        ]
        out += [
            f"  {row['name']} was not played: {row['lacks']}" for row in rows if row.get("lacks")
        ]
        out += [f"  no time for {name}" for name in _list(report["rows_unfinished"])]
    failures = _list(report["failures"])
    out.append(f"failures: {len(failures)}")
    out += [f"  {each}" for each in failures]
    if report["interrupted"]:
        out.append("interrupted: what was under way is not in this report")
    return "\n".join(out)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _map(value: object) -> dict[str, int]:
    return value if isinstance(value, dict) else {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Play new simulator seeds until the time is up.")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--start", type=int, help="the first seed; by default from the clock")
    parser.add_argument(
        "--hours", type=float, help="virtual hours of each seed; by default the seed draws them"
    )
    parser.add_argument("--faults", action="store_true", help="half of the time for rows of faults")
    parser.add_argument("--row", action="append", help="with --faults: only this row, or these")
    parser.add_argument("--count", default="N", choices=("C", "N", "R"), help="cases of a row (N)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--report", type=Path, help="write the report to this file, as JSON")
    return parser


def main() -> int:
    """Run the command."""
    parser = _parser()
    given = parser.parse_args()
    if given.minutes <= 0 or (given.hours is not None and given.hours <= 0):
        parser.error("minutes and hours are more than 0")
    if given.report is not None and not given.report.parent.is_dir():
        parser.error(f"there is no folder {given.report.parent} for the report")
    start = int(time.time()) // 60 * SPACING if given.start is None else given.start
    soak, began, whole = Soak(start, given.hours or 0.0), time.monotonic(), 60 * given.minutes

    def interrupt(_number: int, _frame: object) -> None:
        soak.interrupted = True

    signal.signal(signal.SIGINT, interrupt)
    print(f"soak: from seed {start} for {given.minutes:g} min", file=sys.stderr, flush=True)
    simulate(soak, began + (whole / 2 if given.faults else whole))
    if given.faults and not soak.interrupted:
        names = given.row or row_names()
        turn = start // SPACING % len(names)  # another soak begins with another row
        play_rows(soak, names[turn:] + names[:turn], given.count, began + whole)
    report = soak.report()
    if given.report is not None:
        given.report.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    print(json.dumps(report, indent=2) if given.json else text(report))
    if soak.failures:
        return 1
    return INTERRUPTED if soak.interrupted else 0


if __name__ == "__main__":
    sys.exit(main())
