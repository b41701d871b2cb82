"""How many small changes of the core and the stores the tests notice: ``./dev mutation``.

A seeded sample of changes (``tools/mutate.py``), from each module in proportion to how many it has,
is tried against the tests (``tools/mutantrun.py``). The score is the killed among those that change
what a program does: judged equivalents in ``tests/mutation-survivors.toml`` are counted apart. What
no test reaches counts as not killed. Ends with 1 where the score is below ``--at-least``.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import mutantrun
from mutantrun import KILLED, SURVIVED, UNCOVERED, Outcome
from mutate import Mutant, Source, read

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = ROOT / "src" / "tieline"
JUDGED: Final = ROOT / "tests" / "mutation-survivors.toml"
MAPS: Final = ROOT / "build" / "mutation" / "map.json"
FOLDERS: Final = (
    "tests/core",
    "tests/store",
    "tests/packs",
    "tests/interop",
    "tests/node/test_alarmbook.py",
    "tests/node/test_evidence_vectors.py",
    "tests/node/test_moved.py",
    "tests/node/test_witness.py",
)
EQUIVALENT: Final = "equivalent"
STATES: Final = (KILLED, SURVIVED, UNCOVERED, EQUIVALENT)
_SHOWN: Final = 150

_Judged = Mapping[tuple[str, str, str, str], str]


def modules(wanted: Sequence[str]) -> dict[str, Source]:
    """The modules of the core and the stores with their changes, or those that are named.

    A name is a module (``core/encode``) or a folder (``core/incident``).
    """
    paths = sorted(path for part in ("core", "store") for path in (PACKAGE / part).rglob("*.py"))
    named = {str(path.relative_to(PACKAGE).with_suffix("")): path for path in paths}
    for each in wanted:
        if not any(name == each or name.startswith(f"{each}/") for name in named):
            raise SystemExit(f"mutation: there is no {each}; it knows {', '.join(named)}")
    chosen = {
        name: path
        for name, path in named.items()
        if not wanted or any(name == each or name.startswith(f"{each}/") for each in wanted)
    }
    return {name: read(name, path) for name, path in chosen.items()}


def shares(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """How many of each, in proportion and ``count`` in all; the largest remainders go up."""
    whole = sum(sizes.values())
    count = min(count, whole)
    exact = {name: count * size / whole for name, size in sizes.items()} if whole else {}
    out = {name: int(share) for name, share in exact.items()}
    rest = sorted(exact, key=lambda name: (out[name] - exact[name], name))
    for name in rest[: count - sum(out.values())]:
        out[name] += 1
    return out


def sample(sources: Mapping[str, Source], count: int, seed: int) -> list[Mutant]:
    """The changes to try: equal sources, counts and seeds give equal ones."""
    wanted = shares({name: len(source.mutants) for name, source in sources.items()}, count)
    out: list[Mutant] = []
    for name, share in wanted.items():
        drawn = random.Random(f"{seed}:{name}").sample(sources[name].mutants, share)
        out += sorted(drawn, key=lambda mutant: mutant.number)
    return out


def bounds(killed: int, tried: int) -> tuple[float, float]:
    """Wilson's bounds at 95 % of a share, in percent."""
    if tried == 0:
        return 0.0, 100.0
    z, share = 1.96, killed / tried
    middle = share + z * z / (2 * tried)
    reach = z * math.sqrt(share * (1 - share) / tried + z * z / (4 * tried * tried))
    scale = 100 / (1 + z * z / tried)
    return max(0.0, (middle - reach) * scale), min(100.0, (middle + reach) * scale)


def judged(path: Path = JUDGED) -> dict[tuple[str, str, str, str], str]:
    """Reasons of survivors that no test can notice, by module, function, text before and after."""
    held = tomllib.loads(path.read_text("utf-8")).get("equivalent", []) if path.exists() else []
    return {
        (each["module"], each["function"], each["before"], each["after"]): each["reason"]
        for each in held
    }


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one module, or of all."""

    counts: Mapping[str, int]

    @property
    def tried(self) -> int:
        """How many could have been noticed."""
        return sum(self.counts[state] for state in STATES if state != EQUIVALENT)

    @property
    def score(self) -> float:
        """In percent; 100 where there was none to notice."""
        return 100 * self.counts[KILLED] / self.tried if self.tried else 100.0


def state(outcome: Outcome, reasons: _Judged) -> str:
    """The outcome's state, equivalents apart."""
    judged_so = outcome.state != KILLED and outcome.mutant.key in reasons
    return EQUIVALENT if judged_so else outcome.state


def tally(outcomes: Iterable[Outcome], reasons: _Judged) -> Tally:
    """Count outcomes by state."""
    counts = dict.fromkeys(STATES, 0)
    for each in outcomes:
        counts[state(each, reasons)] += 1
    return Tally(counts)


def report(
    outcomes: Sequence[Outcome], reasons: _Judged, asked: dict[str, object]
) -> dict[str, object]:
    """All that was found, for a program."""
    every = tally(outcomes, reasons)
    low, high = bounds(every.counts[KILLED], every.tried)
    names = dict.fromkeys(each.mutant.module for each in outcomes)
    per = {name: tally((e for e in outcomes if e.mutant.module == name), reasons) for name in names}
    return {
        **asked,
        **every.counts,
        "score": round(every.score, 1),
        "low": round(low, 1),
        "high": round(high, 1),
        "modules": {
            name: {**each.counts, "score": round(each.score, 1)} for name, each in per.items()
        },
        "left": [
            {
                "module": each.mutant.module,
                "function": each.mutant.inside,
                "line": each.mutant.line,
                "kind": each.mutant.kind,
                "before": each.mutant.before,
                "after": each.mutant.after,
                "state": state(each, reasons),
                "tests": each.tests,
                "cut": each.cut,
                "reason": reasons.get(each.mutant.key, ""),
            }
            for each in outcomes
            if each.state != KILLED
        ],
    }


def told(outcome: Outcome, reasons: _Judged) -> str:
    """One line about a mutant that is left."""
    mutant = outcome.mutant
    end = " (time was up before all its tests)" if outcome.cut else ""
    where = f"{mutant.module}.py:{mutant.line} {mutant.inside}"
    change = f"{mutant.before[:_SHOWN]}  ->  {mutant.after[:_SHOWN]}"
    return f"{state(outcome, reasons)}: {where}: {mutant.kind}: {change}{end}"


def printed(outcomes: Sequence[Outcome], reasons: _Judged) -> None:
    """The table for a reader."""
    print(f"{'module':32} killed survived uncovered equivalent  score")
    names = dict.fromkeys(each.mutant.module for each in outcomes)
    for name in [*names, ""]:
        some = [each for each in outcomes if name in {"", each.mutant.module}]
        one = tally(some, reasons)
        row = " ".join(f"{one.counts[each]:8}" for each in STATES)
        print(f"{name or 'all':29} {row} {one.score:8.1f} %")
    every = tally(outcomes, reasons)
    low, high = bounds(every.counts[KILLED], every.tried)
    print(f"score {every.score:.1f} % of {every.tried}; with 95 % within {low:.1f} to {high:.1f} %")


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="./dev mutation", description=(__doc__ or "").split("\n")[0]
    )
    add = parser.add_argument
    add("--count", type=int, default=400, help="how many changes are tried (400)")
    add("--seed", type=int, default=1, help="which ones are drawn (1)")
    only = "only this module, as core/encode, or folder; may be repeated"
    add("--module", action="append", default=[], metavar="NAME", help=only)
    tests = "play only these tests, a file or folder; may be repeated (the score is rather too low)"
    add("--tests", action="append", default=[], metavar="PATH", help=tests)
    budget = "processor time for the tests of one change (20)"
    add("--budget", type=float, default=20.0, metavar="SECONDS", help=budget)
    least = "ends with 1 below this score (85)"
    add("--at-least", type=float, default=85.0, metavar="PERCENT", help=least)
    add("--json", action="store_true", help="print the result for a program")
    add("--list", action="store_true", help="show the sample and try nothing")
    given = parser.parse_args(arguments)
    if given.count < 1 or given.budget <= 0:
        parser.error("count and budget are more than 0")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    given = parsed(arguments)
    sources = modules(given.module)
    chosen = sample(sources, given.count, given.seed)
    if given.list:
        for each in chosen:
            print(f"{each.module}.py:{each.line} {each.kind}: {each.before} -> {each.after}")
        return 0
    reasons = judged()
    outcomes: list[Outcome] = []

    def hear(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if outcome.state != KILLED:
            print(told(outcome, reasons), file=sys.stderr, flush=True)

    tests = given.tests or FOLDERS
    plan = mutantrun.Plan(sources, chosen, FOLDERS, tests, given.budget, hear, MAPS)
    wrong = mutantrun.run(plan)
    if wrong:
        print(f"mutation: {wrong}", file=sys.stderr)
        return 2
    known = sum(len(source.mutants) for source in sources.values())
    asked: dict[str, object] = {
        "seed": given.seed,
        "count": len(chosen),
        "of": known,
        "budget": given.budget,
    }
    if given.json:
        print(json.dumps(report(outcomes, reasons, asked), indent=1))
    else:
        printed(outcomes, reasons)
    return 0 if tally(outcomes, reasons).score >= given.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
