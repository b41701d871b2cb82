"""Plays simulator seeds that nobody has played yet, until the time is up.

``tools/soak.py [--minutes N] [--start SEED] [--hours H]``. The first seed follows from the clock
and is printed. Each failing seed is printed when it fails, with the command that shows it again.
Ends with 1 when any seed failed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator
from itertools import islice

from tieline.sim.__main__ import HOURS, Job, report, run_seed

WORKERS = 2
SPACING = 1_000_000  # seeds between two soaks that start one minute apart


def jobs(start: int, hours: float, until: float) -> Iterator[Job]:
    """One seed after the other, until the time is up."""
    seed = start
    while time.monotonic() < until:
        yield seed, hours, ""
        seed += 1


def lazily(start: int, hours: float, until: float) -> tuple[int, int]:
    """Play until the time is up, never more seeds ahead than there are workers."""
    played = failed = 0
    coming = jobs(start, hours, until)
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        waiting = [pool.apply_async(run_seed, (job,)) for job in islice(coming, WORKERS)]
        while waiting:
            outcome = waiting.pop(0).get()
            played += 1
            if outcome.invariant:
                failed += 1
                report(outcome, hours, None, verbose=False)
            job = next(coming, None)
            if job is not None:
                waiting.append(pool.apply_async(run_seed, (job,)))
    return played, failed


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Play new simulator seeds until the time is up.")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--start", type=int, help="the first seed; by default from the clock")
    parser.add_argument("--hours", type=float, default=HOURS, help="virtual hours of each seed")
    given = parser.parse_args()
    if given.minutes <= 0 or given.hours <= 0:
        parser.error("minutes and hours are more than 0")
    start = int(time.time()) // 60 * SPACING if given.start is None else given.start
    print(f"soak: from seed {start} for {given.minutes:g} min", flush=True)
    played, failed = lazily(start, given.hours, time.monotonic() + 60 * given.minutes)
    print(f"soak: {played} seeds, {failed} failed; seeds {start} to {start + played - 1}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
