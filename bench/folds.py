"""What the benches of folds over a long record share: the reach, the result, the table.

A fold is measured by the processor time that it takes from nothing, and by the milliseconds (p99)
that one more statement costs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from figures import Json, environment, number, record


def loop_ns() -> float:
    """One round of an empty loop, in nanoseconds of the processor."""
    begun = time.process_time_ns()
    for _ in range(1_000_000):
        pass
    return round((time.process_time_ns() - begun) / 1_000_000, 1)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a bench holds its figures against."""

    nothing_s: float
    one_ms: float

    def met(self, found: Sequence[Json]) -> bool:
        """Whether every size is within it."""
        return all(
            number(record(one["nothing"])["cpu_seconds"]) < self.nothing_s
            and number(record(one["one"])["p99"]) < self.one_ms
            for one in found
        )


def arguments(
    argv: Sequence[str], name: str, about: str, what: str, usual: tuple[int, ...]
) -> tuple[argparse.Namespace, tuple[int, ...]]:
    """The options that each of them has, and the sizes that are asked for (else ``usual``)."""
    parser = argparse.ArgumentParser(prog=f"bench {name}", description=about)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--seed", type=int, default=1, help="chance of the record (default: 1)")
    default = ", ".join(str(one) for one in usual)
    parser.add_argument(
        f"--{what}", dest="sizes", type=int, action="append", metavar="N",
        help=f"{what} in the record; may be repeated (default: {default})",
    )  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="end 1 when the reach is missed")
    args = parser.parse_args(argv)
    sizes = tuple(args.sizes or usual)
    if min(sizes) < 1:
        parser.error(f"{what} are at least 1")
    return args, sizes


def result(schema: str, found: Sequence[Json], reach: Reach) -> Json:
    """All figures, with the machine that they were taken on."""
    with tempfile.TemporaryDirectory(prefix="tieline-bench-") as folder:
        where = environment(Path(folder))
    return {
        "schema": schema,
        "environment": where,
        "sizes": list(found),
        "reach": {"nothing_s": reach.nothing_s, "one_ms": reach.one_ms},
        "reach_met": reach.met(found),
    }


def table(head: Sequence[str], cells: Sequence[Sequence[object]], reach: Reach, taken: Json) -> str:
    """The result as a person reads it: a row for each size."""
    rows = ["".join(f"{cell!s:>12}" for cell in row) for row in (head, *cells)]
    rows.append("")
    rows.append(
        f"the reach is {reach.nothing_s} s from nothing and {reach.one_ms} ms (p99) for one more: "
        + ("met" if taken["reach_met"] else "missed")
    )
    where = record(taken["environment"])
    rows.append("taken on: " + ", ".join(f"{key} {value}" for key, value in where.items()))
    return "\n".join(rows)


def ended(taken: Json, told: str, args: argparse.Namespace) -> int:
    """Print the result; the bench's exit code."""
    print(json.dumps(taken, indent=2) if args.json else told)
    return 1 if args.strict and not taken["reach_met"] else 0
