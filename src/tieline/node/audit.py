"""The audit: recompute everything that a store claims, from the signed bytes up.

Nothing that the running station believes is used: the journal is read from its first fact, every
charter, statement and receipt is parsed and verified again under the keys of its time, every chain
and tree is rebuilt, and the result is compared with what is there. Each problem is one sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tieline.core.charter import parse_signed_charter
from tieline.core.checkpoint import Receipt, body, origin
from tieline.core.errors import ShellError, TielineError
from tieline.core.journal import Fact, FactKind
from tieline.core.keychange import holds
from tieline.core.line import Line
from tieline.core.record import Admitted, Duplicate, Forked, Held, Refused
from tieline.core.statement import parse
from tieline.core.succession import check_amendment, check_chain
from tieline.node import auditrun
from tieline.node.auditrun import Clean, check_note
from tieline.node.auditwork import Range, StoreRange, close
from tieline.node.view import Json, second_stories, station_name
from tieline.ports import Store
from tieline.store.schema import read_row

Ranges = Callable[[], Iterator[Range]]


class Audit:
    """A running audit; feed it every fact in order, then ask for the report."""

    def __init__(self, own: bytes, realm: str) -> None:
        self.own = own
        self.realm = realm
        self.lines: dict[bytes, Line] = {}
        self.problems: list[str] = []
        self.statements = 0
        self.receipts = 0
        self.last = 0

    def fact(self, seq: int, fact: Fact) -> None:
        """Check one fact."""
        if seq != self.last + 1:
            self.problems.append(f"the journal jumps from entry {self.last} to entry {seq}")
        self.last = seq
        try:
            self._check(seq, fact)
        except TielineError as error:
            self.problems.append(f"journal entry {seq} does not read: {error.message}")
        except (IndexError, KeyError, ValueError) as error:
            self.problems.append(f"journal entry {seq} does not fit what came before ({error!r})")

    def _check(self, seq: int, fact: Fact) -> None:
        if fact.kind == FactKind.CHARTER:
            signed = parse_signed_charter(fact.body)
            line = self.lines.get(signed.charter.line)
            if line is None:
                check_chain((signed,))
                self.lines[signed.charter.line] = Line(self.own, signed)
            else:
                check_amendment(line.charter, signed)
                line.use_charter(signed)
            return
        line = self.lines.get(fact.line)
        if fact.kind in (FactKind.STATEMENT, FactKind.SECOND_STORY):
            self._statement(seq, fact, line)
        elif fact.kind == FactKind.RECEIPT and line is not None:
            self._receipt(seq, fact, line)
        elif fact.kind in (FactKind.NOTE, FactKind.PROOF):
            check_note(fact.kind, line, fact.at_ms, fact.body, fact.meta)

    def _statement(self, seq: int, fact: Fact, line: Line | None) -> None:
        self.statements += 1
        if line is None:
            self.problems.append(f"journal entry {seq} is a statement of a line with no charter")
            return
        parsed = parse(self.realm, fact.body)
        second = fact.kind == FactKind.SECOND_STORY
        if not second and (fact.log, fact.position) != (parsed.log, parsed.place.position):
            self.problems.append(f"journal entry {seq} is filed under another number than it bears")
        match line.record.judge(parsed, line, fact.at_ms, late=second):
            case Admitted() if not second:
                return
            case Forked() if second:
                return
            case Refused(text=text):
                self.problems.append(f"journal entry {seq}: {text}")
            case Admitted() | Duplicate() | Forked() | Held():
                self.problems.append(
                    f"journal entry {seq}: number {parsed.place.position} of"
                    f" {station_name(line, parsed.place.station)} does not follow from what is"
                    " stored before it"
                )

    def _receipt(self, seq: int, fact: Fact, line: Line) -> None:
        self.receipts += 1
        receipt = Receipt.decode(fact.body)
        log = line.record.logs.get(receipt.log)
        if log is None or receipt.size > log.size:
            self.problems.append(f"journal entry {seq} is a receipt for what is not stored")
            return
        if not holds(line, log, receipt):
            self.problems.append(
                f"journal entry {seq}: the receipt of {station_name(line, receipt.cosigner)} for"
                f" {receipt.size} statements does not verify"
            )

    def report(self) -> dict[str, Json]:
        """The result as JSON: ``ok``, counts, each log's head, and the problems."""
        logs: list[Json] = []
        for line in self.lines.values():
            for log in sorted(line.record.logs.values(), key=lambda x: (x.station, x.id)):
                size, root, second = log.size, log.tree.root(), second_stories(line, log)
                logs.append(
                    _log_view(line, log.id, log.station, log.incarnation, size, root, second)
                )
        return _report(self.problems, self.statements, self.receipts, self.last, logs)


def audit_store(
    store: Store, own: bytes, realm: str, ranges: Ranges | None = None, *, workers: int = 0
) -> dict[str, Json]:
    """Audit a whole store, its medium first, and return the report.

    ``ranges`` are parts of the same store that ``workers`` processes can read by themselves; with
    them a store in which all is well is audited in little memory (``tieline.node.auditrun``).
    """
    damage = store.damage()
    if ranges is not None:
        return audit_ranges(ranges, own, realm, damage, workers=workers)
    return _replay(store.facts(), own, realm, damage)


def audit_ranges(
    ranges: Ranges, own: bytes, realm: str, damage: list[str], *, workers: int
) -> dict[str, Json]:
    """As ``audit_store``, with what is wrong with the medium known already.

    The store itself is not touched, so this may run on a thread beside whoever has it open.
    """
    clean = None if damage else auditrun.run(ranges, own, realm, workers=workers)
    if clean is not None:
        return clean_report(clean)
    try:
        return _replay(_facts(ranges), own, realm, damage)
    finally:
        close()


def _facts(ranges: Ranges) -> Iterator[tuple[int, Fact]]:
    for part in ranges():
        for row in map(read_row, part.rows()):
            yield row.seq, row.fact


def _replay(
    facts: Iterator[tuple[int, Fact]], own: bytes, realm: str, damage: list[str]
) -> dict[str, Json]:
    """Through the record, statement by statement."""
    audit = Audit(own, realm)
    audit.problems.extend(damage)
    try:
        for seq, fact in facts:
            audit.fact(seq, fact)
    except ShellError as error:
        audit.problems.append(error.message)
    return audit.report()


def store_ranges(path: Path, key: bytes, last: int) -> Ranges:
    """The ranges of a store's file up to an entry of its journal."""

    def deal() -> Iterator[Range]:
        for first in range(1, last + 1, auditrun.RANGE):
            yield StoreRange(path, key, first, min(first + auditrun.RANGE - 1, last))

    return deal


def workers_for(last: int) -> int:
    """How many processes a journal of so many entries is worth; 0: none besides this one."""
    return 0 if last <= auditrun.SMALL else auditrun.cores()


def clean_report(clean: Clean) -> dict[str, Json]:
    """The report on a journal in which nothing is wrong."""
    logs: list[Json] = []
    for line in clean.lines.values():
        heads = [head for head in clean.heads.values() if head.run.line == line.id]
        for head in sorted(heads, key=lambda x: (x.run.station, x.run.log)):
            run, size, root = head.run, head.tree.size, head.tree.root()
            logs.append(_log_view(line, run.log, run.station, run.incarnation, size, root, 0))
    return _report([], clean.statements, clean.receipts, clean.last, logs)


def _log_view(
    line: Line, log: bytes, station: bytes, incarnation: bytes, size: int, root: bytes, second: int
) -> Json:
    name = origin(line.id, station, incarnation)
    return {
        "line": line.id.hex(),
        "log": log.hex(),
        "station": station_name(line, station),
        "size": size,
        "root": root.hex(),
        "checkpoint": body(name, size, root).decode("utf-8"),
        "second_stories": second,
    }


def _report(
    problems: list[str], statements: int, receipts: int, journal: int, logs: list[Json]
) -> dict[str, Json]:
    return {
        "ok": not problems,
        "statements": statements,
        "receipts": receipts,
        "journal": journal,
        "logs": logs,
        "problems": list(problems),
    }
