"""The two audits of one journal, through the record and by ranges, and that they agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.node import journals

from tieline.core.journal import Fact
from tieline.core.statement import statement_digest
from tieline.node import auditrun
from tieline.node.auditreplay import Audit
from tieline.node.auditrun import Verdict
from tieline.node.auditwork import Range, Row
from tieline.node.view import Json


@dataclass(frozen=True, slots=True)
class Held:
    """A range of a journal in memory."""

    all: Sequence[Row]
    first: int
    last: int

    def rows(self) -> Sequence[Row]:
        return self.all[self.first - 1 : self.last]

    def part(self, first: int, last: int) -> Held:
        return Held(self.all, first, last)

    def leaves(self, line: bytes, log: bytes, start: int, stop: int) -> bytes:
        found: dict[int, bytes] = {}
        for row in self.all:  # a store has each number once
            if row[3] == line and row[6] == log and start <= row[7] < stop:
                found.setdefault(row[7], statement_digest(row[4]))
        return b"".join(found[position] for position in sorted(found))

    def at(self, line: bytes, log: bytes, position: int) -> tuple[int, bytes] | None:
        found = [row for row in self.all if (row[3], row[6], row[7]) == (line, log, position)]
        return (found[0][0], found[0][4]) if found else None


def replay(facts: Sequence[Fact], own: bytes, realm: str) -> dict[str, Json]:
    """What the record says, statement by statement."""
    judge = Audit(own, realm)
    for seq, fact in enumerate(facts, 1):
        judge.fact(seq, fact)
    return judge.report()


def by_ranges(facts: Sequence[Fact], own: bytes, realm: str, size: int) -> Verdict:
    """What the audit by ranges of so many entries says."""
    rows = journals.rows(facts)

    def deal() -> Iterator[Range]:
        for first in range(1, len(rows) + 1, size):
            yield Held(rows, first, min(first + size - 1, len(rows)))

    return auditrun.run(deal, own, realm, workers=0)


def agree(facts: Sequence[Fact], own: bytes, realm: str, *sizes: int) -> Verdict:
    """Assert that the audit by ranges says what the record says of all that it judged.

    It may leave off at the first statement or charter that is wrong, and nowhere else.
    """
    whole = replay(facts, own, realm)
    verdict = Verdict()
    for size in sizes:
        verdict = by_ranges(facts, own, realm, size)
        expected = whole
        found = verdict.report()
        problems = found["problems"]
        assert isinstance(problems, list)
        if verdict.stopped:
            expected = replay(facts[: verdict.last], own, realm)
            assert f"entry {verdict.last} was not judged" in str(problems.pop())
            assert f"journal entry {verdict.last}" in str(problems[-1])
        assert found == expected
        assert verdict.ok is whole["ok"]
    return verdict
