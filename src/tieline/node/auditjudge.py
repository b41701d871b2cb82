"""The judge of an audit by ranges: the record's rules and the audit's words, in little memory.

It is ``tieline.node.auditreplay.Audit`` on sketches of the records (``tieline.core.sketch``). What
takes long is left to whoever walks the journal: the signatures, the receipts (``due``), and the
search for what an author had read long before (``promised``).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from tieline.core.charter import SignedCharter
from tieline.core.checkpoint import Receipt
from tieline.core.journal import Fact, FactKind
from tieline.core.line import Line
from tieline.core.log import Log
from tieline.core.record import Admitted, Forked
from tieline.core.sketch import SketchLine, SketchLog, Standing
from tieline.core.statement import TIP_BYTES, Statement
from tieline.node.auditreplay import Audit, is_filed, log_view
from tieline.node.auditwork import RECEIPT, author_of
from tieline.node.view import Json


class Finder(Protocol):
    """Finds statements of a line by their tips."""

    def lately(self, line: bytes, tip: bytes) -> Standing | None:
        """One that came not long ago; it may be forgotten."""

    def before(self, line: bytes, seq: int, tips: set[bytes]) -> dict[bytes, Standing]:
        """All of these that stand before an entry of the journal, at whatever cost."""

    def end(self, line: bytes, seq: int, tip: bytes) -> Standing | None:
        """The end of a log, if it stands before an entry; it may be asked for often."""


class Promise(NamedTuple):
    """What an author had read, believed for now."""

    tip: bytes
    author: bytes
    charter: int
    seq: int


class Judge(Audit):
    """Judges what is handed to it of a journal, in order; the rest is told to its sketches."""

    def __init__(self, own: bytes, realm: str, finder: Finder) -> None:
        super().__init__(own, realm)
        self.sketches: dict[bytes, SketchLine] = {}
        self.wrong: list[tuple[int, str]] = []
        self.due: dict[tuple[bytes, bytes], bytearray] = {}  # receipts by line and log, packed
        self.promised: list[Promise] = []
        # By entry: what is known of statements that a second story may follow or be.
        self.beside: dict[int, list[Standing]] = {}
        self.doubted = 0  # an entry of which to be sure at any cost
        self._finder = finder

    def problem(self, seq: int, text: str) -> None:
        """See ``Audit.problem``."""
        self.wrong.append((seq, text))

    def _found(self, signed: SignedCharter) -> Line:
        line = SketchLine(self.own, signed)
        self.sketches[line.id] = line
        line.sketch.lately = lambda tip: self._finder.lately(line.id, tip)
        line.sketch.ask = lambda name: self._finder.end(line.id, self.last, name[:TIP_BYTES])
        return line

    def _judge(self, seq: int, fact: Fact, line: Line, parsed: Statement) -> None:
        sketch = self.sketches[line.id].sketch
        sketch.hints = {one.digest[:TIP_BYTES]: one for one in self.beside.get(seq, ())}
        if seq == self.doubted or not self._fits(fact, line, parsed):
            sketch.hints = self._finder.before(line.id, seq, _named(line, parsed))
            sketch.exact = True
        try:
            super()._judge(seq, fact, line, parsed)
        finally:
            sketch.exact, sketch.hints = False, {}
        place = parsed.place
        author = author_of(place.line, place.station, place.incarnation)
        self.promised += [Promise(tip, author, place.charter, seq) for tip in sketch.promised]

    def _fits(self, fact: Fact, line: Line, parsed: Statement) -> bool:
        second = fact.kind == FactKind.SECOND_STORY
        outcome = self.sketches[line.id].sketch.try_out(parsed, line, fact.at_ms, late=second)
        return is_filed(fact, parsed) and isinstance(outcome, Forked if second else Admitted)

    def _verify(self, seq: int, line: Line, log: Log, receipt: Receipt) -> None:
        packed = RECEIPT.pack(
            receipt.size, receipt.cosigner, receipt.time_s, receipt.signature, seq
        )  # fmt: skip
        self.due.setdefault((line.id, log.id), bytearray()).extend(packed)

    def logs(self) -> list[Json]:
        """Each log's head, as in the report of an ``Audit``."""
        out: list[Json] = []
        for line in self.sketches.values():
            logs: list[SketchLog] = list(line.sketch.sketches.values())
            for log in sorted(logs, key=lambda x: (x.station, x.id)):
                second = log.second_stories(line.sketch.closings)
                out.append(log_view(line, log, log.frontier.root(), second))
        return out


def _named(line: Line, parsed: Statement) -> set[bytes]:
    """Everything that the record looks for when it judges a statement, by tip."""
    place = parsed.place
    names = [parsed.digest, *place.seen]
    if place.previous is not None:
        names.append(place.previous)
    end = line.record.closings.end_of(parsed)
    if end is not None:
        names.append(end.last)
    return {name[:TIP_BYTES] for name in names}
