"""The verb ``exercise compare``: two runs of an exercise beside each other."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tieline.core.errors import TielineError
from tieline.desk.cli import report
from tieline.desk.cli.show import View, text_of, views
from tieline.desk.report import scores
from tieline.desk.report.words import Tongue, plain
from tieline.node.text import visible

SIDES: Final = ("here", "other")
_NAME: Final = 42  # columns of a figure's name
_VALUE: Final = 18


def main(words: Sequence[str]) -> int:
    """Compare two runs. Returns the exit code: 0, or 1 if it was refused."""
    args = parser().parse_args(words)
    try:
        compare(args)
    except TielineError as error:
        sys.stderr.write(f"exercise: {visible(error.message)}\n")
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """The words of the verb."""
    made = argparse.ArgumentParser(prog="tieline exercise compare")
    arguments(made)
    return made


def arguments(made: argparse.ArgumentParser) -> None:
    """Its arguments, for its own parser."""
    made.add_argument("dir", type=Path, metavar="DIR", help="what one run wrote with --out")
    made.add_argument("other", type=Path, metavar="OTHER", help="what another run wrote")
    made.add_argument("--out", type=Path, metavar="FILE", help="write it as .html or .pdf too")
    made.add_argument("--force", action="store_true", help="in the place of an older file")
    made.add_argument("--language", default="en", metavar="TAG", help="of the words (en)")
    made.add_argument("--json", action="store_true", help="one JSON object")


def compare(args: argparse.Namespace) -> None:
    """Read both, and write what they say. Raises ``LocalError``."""
    out: Path | None = args.out
    if out is not None:
        report.check(out, force=args.force)
    one, other = scores.read_run(args.dir), scores.read_run(args.other)
    found = scores.compared(one, other)
    if out is not None:
        made = scores.document(one, other, args.language, int(time.time() * 1000))
        report.write(out, report.written(out, made), force=args.force)
    if args.json:
        print(json.dumps(found, separators=(",", ":")))
        return
    for line in lines(found, Tongue(args.language)):
        print(visible(line))


def lines(found: View, say: Tongue) -> Iterator[str]:
    """The comparison for a terminal of 80 columns; ``<`` stands behind the better value."""
    yield "EXERCISE EXERCISE EXERCISE"
    yield from (f"({number}) {text_of(found, side)}" for number, side in enumerate(SIDES, 1))
    yield ""
    yield from _line(plain(say("score.incident")), "(1)  ", "(2)  ")
    incident = views(found, "incident")
    for row in incident:
        name = text_of(row, "figure")
        yield from _row(say.figure(name), row, [say.number(name, row[one]) for one in SIDES])
    if not incident:
        yield f"  {plain(say('score.no-incident'))}"
    for party in views(found, "parties"):
        yield ""
        yield from _line(plain(say("score.party", party=text_of(party, "party"))), "(1)  ", "(2)  ")
        for row in views(party, "figures"):
            name = text_of(row, "figure")
            values = [scores.shown(name, row[one], say) for one in SIDES]
            yield from _row(say(f"score.{name}"), row, values)


def _row(name: str, row: View, values: Sequence[str]) -> Iterator[str]:
    marked = [
        f"{plain(value)} <" if row["better"] == side else f"{plain(value)}  "
        for side, value in zip(SIDES, values, strict=True)
    ]
    yield from _line(f"  {plain(name)}", *marked)


def _line(name: str, *sides: str) -> Iterator[str]:
    """A name and two values in columns; a name that is longer stands on a line of its own."""
    cells = "".join(f" {side:>{_VALUE}}" for side in sides)
    if len(name) > _NAME:
        yield name
        name = ""
    yield f"{name:<{_NAME}}{cells}"
