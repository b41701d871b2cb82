"""``./dev faults``: plays the catalogue of faults, row by row, and prints a table.

``--row NAME`` plays one row, ``--count C|N|R`` says how many cases, ``--seed K`` plays one case of
one row, ``--list`` names the rows. ``--cases desk|stations|crowds|others`` plays rows at a desk,
of whole stations under fire, of strangers and noise, or the others, without tests that they
name: so does ``./dev test``, which runs the tests anyway.
Statuses: 0 every demand was met, 1 one was not, 2 usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Final

from tests.faults import workers as processes
from tests.faults.catalogue import GROUPS, ROWS
from tests.faults.rows import LEVELS, Missed, Row, played, swept, told
from tests.faults.sabotage import BUILDS

from tieline.sim.memory import remembered
from tieline.sim.mutants import in_force

ROOT = Path(__file__).resolve().parents[2]
CHUNK = 25
STAGED = 250  # a floor takes seconds to stand
ALIKE = 125  # what is remembered over them is forgotten then
SHOWN = 5  # failures of a row that are printed
INTERRUPTED = 130
STOP_S = 30  # for the tests of rows, to end what they have started
RED = "red at case"
CASE_S = 1_200  # for one case, on a busy machine; a case that takes longer has no end


@dataclass(slots=True)
class Result:
    """What became of one row.

    ``seconds`` is the time that its cases and tests took, together; ``lacks`` is why its cases
    were not played on this machine.
    """

    name: str
    promise: str
    cases: int = 0
    tests: int = 0
    missed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    lacks: str = ""
    skipped: list[str] = field(default_factory=list)  # tests that their own marks left out, and why


SKIPPED: Final = "skipped: "
Job = tuple[str, int, int, str]


def tidy() -> None:
    """A worker that is stopped puts away what its case has made: stations, mounts, folders.

    A pool stops its workers with SIGTERM. An interruption is for the one who began them. A case
    that takes longer than ``CASE_S`` is missed, so that the others are played all the same.
    """
    signal.signal(signal.SIGALRM, _endless)
    signal.signal(signal.SIGINT, lambda *_: None)  # what a case starts inherits no handler
    signal.signal(signal.SIGTERM, _stopped)
    # A worker that ends by itself and puts away is not to be stopped in the middle of that.
    Finalize(None, _deaf, exitpriority=1_000)


def _deaf() -> None:
    signal.signal(signal.SIGTERM, lambda *_: None)


def _stopped(*_: object) -> None:
    _deaf()  # once is enough, and putting away takes a while
    raise SystemExit(INTERRUPTED)


def _endless(*_: object) -> None:
    raise Missed(f"it has no end: {CASE_S} s were not enough")


def _limited(row: Row, seed: int) -> str:
    """Play one case; in a worker, for so long and no longer."""
    if signal.getsignal(signal.SIGALRM) is not _endless:
        return played(row, seed)
    signal.setitimer(signal.ITIMER_REAL, CASE_S)
    try:
        return played(row, seed)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def play(job: Job) -> tuple[str, int, list[str], float]:
    """Play some cases of a row, with a sabotage build in force when one is named.

    A stage that does not stand, or does not come down in order, is missed.
    """
    name, first, count, sabotage = job
    began = time.monotonic()
    missed: list[str] = []
    try:
        with _staged(ROWS[name], sabotage):
            for seed in range(first, first + count):
                why = _limited(ROWS[name], seed)
                if why:
                    missed.append(f"{why}\n    see it again: {_again(name, seed)}")
    except Exception as error:  # noqa: BLE001 # a defect of one stage costs no other row its cases
        missed.append(f"its stage: {told(error)}\n    see it again: {_again(name, first)}")
    return name, count, missed, time.monotonic() - began


@contextlib.contextmanager
def _staged(row: Row, sabotage: str) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        if sabotage:
            stack.enter_context(in_force(BUILDS[sabotage]))
        if row.stage is not None:
            stack.enter_context(row.stage())
        if row.alike:
            stack.enter_context(remembered())  # a broken part, too, as it is in force
        yield


def _again(name: str, seed: int) -> str:
    return f"./dev faults --row {name} --seed {seed}"


def lost(job: Job, how: str) -> tuple[str, int, list[str], float]:
    """What is said of cases whose worker has died: which of them it was nobody knows."""
    name, first, count, _ = job
    which = f"cases {first} to {first + count - 1}" if count > 1 else f"case {first}"
    return name, count, [f"{how} in {which}\n    see it again: {_again(name, first)}"], 0.0


def jobs(rows: Sequence[Row], level: str) -> list[Job]:
    """The cases of rows in pieces, the longest rows first."""
    made: list[Job] = []
    for row in rows:
        count = row.cases(level)
        piece = ALIKE if row.alike else CHUNK
        step = max(1, min(STAGED, count // 2) if row.stage else min(piece, count // 8))
        made += [(row.name, first, min(step, count - first), "") for first in range(0, count, step)]
    return made


@contextlib.contextmanager
def tested(rows: Sequence[Row]) -> Iterator[list[tuple[str, float, str]]]:
    """Run the tests that rows name, beside what is done meanwhile: id, seconds, failure of each."""
    out: list[tuple[str, float, str]] = []
    ids = sorted({each for row in rows for each in row.tests})
    if not ids:
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="tieline-faults-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *ids]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as running:
            try:
                yield out
            except KeyboardInterrupt:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    running.communicate(timeout=STOP_S)  # interrupted as we are, it puts away
                raise
            said, _ = running.communicate()
        if not report.exists():
            out.append(("", 0.0, f"pytest made no report:\n{said}"))
            return
        for case in ET.parse(report).iter("testcase"):  # noqa: S314  # written by pytest just now
            bad = [each.get("message") or each.tag for each in case if each.tag != "skipped"]
            bad = [text for text in bad if not text.startswith("system-")]
            marked = [each.get("message") or "" for each in case if each.tag == "skipped"]
            place = case.get("classname", "").replace(".", "/") + ".py::" + case.get("name", "")
            why = "; ".join(bad) or (SKIPPED + "; ".join(marked) if marked else "")
            out.append((place, float(case.get("time", "0")), why))


def note_tests(results: dict[str, Result], found: list[tuple[str, float, str]]) -> None:
    """Lay tests to the rows that name them."""
    for name, result in results.items():
        for wanted in ROWS[name].tests:
            mine = [each for each in found if _is(each[0], wanted)]
            if not mine:
                result.missed.append(f"the test {wanted} did not run")
            for place, seconds, why in mine:
                result.seconds += seconds
                if why.startswith(SKIPPED):
                    result.skipped.append(f"{place}: {why.removeprefix(SKIPPED)}")
                    continue
                result.tests += 1
                if why:
                    result.missed.append(f"{place}: {why}")
    results_of_all = [why for place, _, why in found if not place]
    for result in list(results.values())[:1]:
        result.missed += results_of_all


def _is(place: str, wanted: str) -> bool:
    return place == wanted or place.startswith((f"{wanted}::", f"{wanted}["))


def run(rows: Sequence[Row], level: str, workers: int, *, tests: bool) -> dict[str, Result]:
    """Play all cases of some rows, and run all their tests if ``tests``."""
    results = {row.name: Result(row.name, row.promise, lacks=row.lacks()) for row in rows}
    here = [row for row in rows if not results[row.name].lacks]
    with (
        tested(rows if tests else ()) as found,
        contextlib.closing(processes.each(workers, tidy, play, jobs(here, level), lost)) as ended,
    ):
        for name, count, missed, seconds in ended:
            result = results[name]
            result.cases += count
            result.seconds += seconds
            result.missed += missed
    if tests:
        note_tests(results, found)
    return results


def by_hand(row: Row, seed: int | None, sabotage: str) -> Result:
    """Play one case of a row, or those few that show that it bites; in this process."""
    result = Result(row.name, row.promise, lacks=row.lacks())
    if not result.lacks:
        first, count = (seed, 1) if seed is not None else (0, row.few)
        _, result.cases, result.missed, result.seconds = play((row.name, first, count, sabotage))
    return result


def red(job: tuple[str, str]) -> tuple[str, str, str]:
    """Play a row under one of its builds until it is red, and say which case that was.

    A stage that does not stand shows nothing of the row, and is said as it is.
    """
    name, build = job
    row = ROWS[name]
    try:
        with _staged(row, build):
            for seed in range(row.few):
                if _limited(row, seed):
                    return name, build, f"{RED} {seed}"
    except Exception as error:  # noqa: BLE001 # the other builds are played all the same
        return name, build, f"NOT PLAYED, its stage: {told(error)}"
    return name, build, "NOBODY NOTICED"


def unplayed(job: tuple[str, str], how: str) -> tuple[str, str, str]:
    """What is said of a build whose worker has died."""
    return *job, f"NOT PLAYED, {how}"


def sabotaged(rows: Sequence[Row], workers: int) -> int:
    """Play rows under their builds, and say which were noticed."""
    lacking = {row.name: why for row in rows if row.play and (why := row.lacks())}
    playable = [row for row in rows if row.play and row.name not in lacking]
    for name, why in lacking.items():
        print(f"{name:24} not played: {why}")
    broken = [(row.name, build) for row in playable for build in row.sabotage]
    missed = 0
    with contextlib.closing(processes.each(workers, tidy, red, broken, unplayed)) as ended:
        for name, build, said in ended:
            print(f"{name:24} {build:24} {said}: {BUILDS[build].what}", flush=True)
            missed += not said.startswith(RED)
    print(f"{len(broken)} builds, of which not noticed: {missed}")
    return 1 if missed else 0


def table(results: dict[str, Result]) -> str:
    """What there is to read."""
    lines = [f"{'':4} {'row':24} {'cases':>6} {'tests':>6} {'missed':>7} {'seconds':>8}  demand"]
    for name, result in results.items():
        row = ROWS[name]
        lines.append(
            f"{row.promise:4} {name:24} {result.cases:6} {result.tests:6}"
            f" {len(result.missed):7} {result.seconds:8.1f}  {row.demand}"
        )
        if result.lacks:
            lines.append(f"  not played: {result.lacks}")
        lines += [f"  not played: {each}" for each in result.skipped]
        lines += [f"  MISSED {each}" for each in result.missed[:SHOWN]]
    return "\n".join(lines)


def group(row: Row) -> str:
    """Of which part of the suite it is."""
    return next((name for name, rows in GROUPS.items() if row.name in rows), "others")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="faults", description="play the catalogue of faults")
    parser.add_argument("--row", choices=sorted(ROWS), help="this row only")
    parser.add_argument("--count", choices=LEVELS, default="C", help="how many cases (C)")
    parser.add_argument("--cases", choices=(*GROUPS, "others"), help="cases of these, no tests")
    parser.add_argument("--seed", type=int, help="one case of the row")
    parser.add_argument("--sabotage", choices=sorted(BUILDS), help="a build that breaks a promise")
    parser.add_argument("--sabotaged", action="store_true", help="all builds of the rows")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--list", action="store_true", help="name the rows, and play none")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    parser = _parser()
    given = parser.parse_args(argv)
    # What a desk says of requests that end with their floor; a row looks at the answers.
    logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())
    rows = [ROWS[given.row]] if given.row else list(ROWS.values())
    if given.cases:
        rows = [row for row in rows if row.play and group(row) == given.cases]
        if not rows:
            parser.error(f"the cases of {given.row} are not of '{given.cases}'")
    if given.list:
        for row in rows:
            print(f"{row.promise:4} {row.name:24} {row.fault}")
        return 0
    if (given.seed is not None or given.sabotage) and not given.row:
        parser.error("a seed and a sabotage build are of one row; name it with --row")
    if given.workers < 1:
        parser.error("there is at least one worker")
    swept()
    if given.cases == "others":  # as in tests/conftest.py; rows of strangers measure what is held
        gc.set_threshold(20_000, 20, 20)
    if given.sabotaged:
        return sabotaged(rows, given.workers)
    began = time.monotonic()
    if given.seed is not None or given.sabotage:
        row = rows[0]
        results = {row.name: by_hand(row, given.seed, given.sabotage or "")}
    else:
        results = run(rows, given.count, given.workers, tests=not given.cases)
    whole = time.monotonic() - began
    if given.json:
        said = {
            "schema": "tieline-faults/1",
            "count": given.count,
            "seconds": round(whole, 1),
            "rows": [
                asdict(result) | {"fault": ROWS[name].fault, "demand": ROWS[name].demand}
                for name, result in results.items()
            ],
        }
        print(json.dumps(said, indent=2))
    else:
        print(table(results))
        print(f"{len(results)} rows in {whole:.0f} s")
    return 1 if any(result.missed for result in results.values()) else 0


if __name__ == "__main__":
    # A shell that starts it in the background lets it ignore Ctrl-C, and all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
