"""``./dev models``: play all models, a line for each, and say how many broken ones were caught."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.models.play import LONG, RUNS, Played, lacking, play


def line(played: Played) -> str:
    run = played.run
    what = "a limit that is known" if run.limit else "must not hold"
    kind = "must hold" if run.holds else what
    outcome = "an assertion is violated" if played.found else "0 errors"
    word = "good" if played.good else "BAD"
    return (
        f"{word}  {run.model:10}{kind:22}{played.states:>10,} states  {outcome:25}"
        f"{played.seconds:6.1f} s  {run.about}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev models", description=__doc__)
    parser.add_argument("--long", action="store_true", help="play larger bounds too")
    parser.add_argument("--json", action="store_true", help="print the results for a program")
    given = parser.parse_args()
    if lack := lacking():
        print(f"models cannot be played: {lack}", file=sys.stderr)
        return 2
    done: list[Played] = []
    for run in (*RUNS, *(LONG if given.long else ())):
        with tempfile.TemporaryDirectory() as folder:
            done.append(play(run, Path(folder)))
        if not given.json:
            print(line(done[-1]), flush=True)
    held = [each for each in done if each.run.holds]
    variants = [each for each in done if not each.run.holds and not each.run.limit]
    caught = sum(each.good for each in variants)
    if given.json:
        rows = [
            {"run": each.run.name, "about": each.run.about, "holds": each.run.holds,
             "limit": each.run.limit, "states": each.states, "found": each.found,
             "good": each.good, "seconds": round(each.seconds, 2)}
            for each in done
        ]  # fmt: skip
        print(json.dumps(rows, indent=1))
    else:
        print(
            f"{sum(each.good for each in held)} of {len(held)} searches without an error,"
            f" {sum(each.states for each in held):,} states; {caught} of {len(variants)} broken"
            f" variants caught; {sum(each.seconds for each in done):.0f} s of processor time"
        )
    return 0 if all(each.good for each in done) else 1


if __name__ == "__main__":
    sys.exit(main())
