"""``python -m tieline.sim``: play seeds, and replay the one that failed.

Prints one line for each failing seed with its step and the invariant, and how to see it again;
statuses: 0 all invariants held, 1 one was violated, 2 usage.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace

from tieline.sim.mutants import MUTANTS, in_force
from tieline.sim.outcome import Outcome
from tieline.sim.plan import Plan, draw
from tieline.sim.tempo import PACED, PLAN, paced
from tieline.sim.world import World

HOURS = 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """A seed to play: by plan 1 for so many hours, or, where they are 0, by a paced plan."""

    seed: int
    hours: float = 0.0
    mutant: str = ""
    plan: int = PLAN

    def drawn(self) -> Plan:
        """What the seed does."""
        return draw(self.seed, self.hours) if self.hours else paced(self.seed, self.plan)

    def hint(self) -> str:
        """The command that shows it again."""
        which = f"--hours {self.hours:g}" if self.hours else f"--plan {self.plan}"
        extra = f" --mutant {self.mutant}" if self.mutant else ""
        return f"./dev sim --seed {self.seed} {which}{extra} --trace"


def run_seed(job: Job) -> Outcome:
    """Play one seed, with a mutant in force when one is named; says what time it took."""
    began = time.process_time()
    with ExitStack() as stack:
        if job.mutant:
            stack.enter_context(in_force(MUTANTS[job.mutant]))
        try:
            world = World(job.drawn())
        except Exception as error:
            error.add_note(f"seed {job.seed} could not begin")
            raise
        outcome = world.run()
    return replace(outcome, cpu_s=time.process_time() - began)


def run_seeds(jobs: Sequence[Job], workers: int) -> Iterator[Outcome]:
    """Play many seeds, in order of their numbers."""
    if workers < 2 or len(jobs) < 2:
        yield from map(run_seed, jobs)
        return
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with context.Pool(workers) as pool:
        yield from pool.imap(run_seed, jobs, chunksize=1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sim", description="play whole lines in a simulated world, seed by seed"
    )
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds to play")
    parser.add_argument("--seed", type=int, help="play this seed only, or start from it")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--hours", type=float, default=HOURS, help="virtual hours under faults")
    length.add_argument(
        "--paced", action="store_true", help="let each seed draw its tempo and length (plan 3)"
    )
    length.add_argument("--plan", type=int, choices=PACED, help="the same, by this plan")
    parser.add_argument(
        "--mutant", choices=sorted(MUTANTS), help="play a station broken on purpose"
    )
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--trace", action="store_true", help="print the trace of a single seed")
    parser.add_argument("--stop", action="store_true", help="stop at the first failing seed")
    return parser


def main(argv: Sequence[str]) -> int:
    """Parse, play, report."""
    parser = _parser()
    given = parser.parse_args(argv)
    if given.seeds < 1 or given.hours <= 0 or given.workers < 1:
        parser.error("seeds and workers are at least 1, hours more than 0")
    if given.paced or given.plan:
        given.hours = 0.0
    single = given.seed is not None and "--seeds" not in argv
    first = given.seed or 0
    count = 1 if single else given.seeds
    seeds, plan = range(first, first + count), given.plan or PLAN
    jobs = [Job(seed, given.hours, given.mutant or "", plan) for seed in seeds]
    if single and given.trace:
        return _replay(jobs[0])
    began = time.monotonic()
    outcomes: list[Outcome] = []
    for job, outcome in zip(jobs, run_seeds(jobs, given.workers), strict=False):
        outcomes.append(outcome)
        if outcome.invariant and not given.json:
            report(outcome, job, verbose=single)
        if outcome.invariant and given.stop:
            break
    return _finish(outcomes, time.monotonic() - began, as_json=given.json)


def _replay(job: Job) -> int:
    """Play one seed and print everything as it happens."""
    with ExitStack() as stack:
        if job.mutant:
            stack.enter_context(in_force(MUTANTS[job.mutant]))
        world = World(job.drawn())
        world.schedule.echo = print
        outcome = world.run()
    print(outcome.text or "all invariants held")
    return 1 if outcome.invariant else 0


def report(outcome: Outcome, job: Job, *, verbose: bool) -> None:
    """Tell of a seed that failed, and how to see it again."""
    print(f"seed {outcome.seed} failed at step {outcome.steps}: {outcome.text}")
    if verbose:
        print("  " + job.drawn().describe())
        for line in outcome.trace[-30:]:
            print("  " + line)
    print(f"  see it again: {job.hint()}", flush=True)


_UNTOLD = ("trace", "cpu_s")  # what is no part of what a seed is


def _finish(outcomes: Sequence[Outcome], seconds: float, *, as_json: bool) -> int:
    failed = [outcome for outcome in outcomes if outcome.invariant]
    virtual_h = sum(outcome.virtual_ms for outcome in outcomes) / 3_600_000
    summary: dict[str, object] = {
        "schema": "tieline-sim/1",
        "seeds": len(outcomes),
        "failed": [
            {key: value for key, value in asdict(outcome).items() if key not in _UNTOLD}
            for outcome in failed
        ],
        "statements": sum(outcome.statements for outcome in outcomes),
        "second_stories": sum(outcome.second_stories for outcome in outcomes),
        "restarts": sum(outcome.restarts for outcome in outcomes),
        "steps": sum(outcome.steps for outcome in outcomes),
        "virtual_hours": round(virtual_h, 1),
        "converged_ms_max": max(outcome.converged_ms for outcome in outcomes),
        "digests": {str(outcome.seed): outcome.digest for outcome in outcomes},
        "seconds": round(seconds, 2),
    }
    if as_json:
        print(json.dumps(summary, indent=2))
    else:
        print(
            f"{len(outcomes)} seeds, {len(failed)} failed: {summary['statements']} admissions,"
            f" {summary['second_stories']} second stories, {summary['restarts']} restarts,"
            f" {virtual_h:.0f} virtual hours in {seconds:.1f} s"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
