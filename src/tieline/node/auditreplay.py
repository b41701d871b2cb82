"""An audit through the record: every fact of a journal, judged one after the other.

Nothing that the running station believes is used: the journal is read from its first fact, every
charter, statement and receipt is parsed and verified again under the keys of its time, every chain
and tree is rebuilt, and the result is compared with what is there. Each problem is one sentence.

All words of an audit are here, also those of the audit by ranges (``tieline.node.auditrun``), which
judges with the same class what is not plainly right. By itself the class keeps the whole record.
"""

from __future__ import annotations

from tieline.core import noteread, proof
from tieline.core.charter import SignedCharter, parse_signed_charter
from tieline.core.checkpoint import Receipt, body, origin
from tieline.core.crypto import MLDSA_KEY_BYTES
from tieline.core.errors import TielineError
from tieline.core.journal import Fact, FactKind
from tieline.core.keychange import holds
from tieline.core.line import Line
from tieline.core.record import Admitted, Duplicate, Forked, Held, Log, Refused
from tieline.core.statement import Statement, parse
from tieline.core.succession import check_amendment, check_chain
from tieline.core.terms import Now
from tieline.node.view import Json, second_stories, station_name


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
            self.problem(seq, f"the journal jumps from entry {self.last} to entry {seq}")
        self.last = seq
        try:
            self._check(seq, fact)
        except TielineError as error:
            self.problem(seq, f"journal entry {seq} does not read: {error.message}")
        except (IndexError, KeyError, ValueError) as error:
            self.problem(seq, f"journal entry {seq} does not fit what came before ({error!r})")

    def problem(self, seq: int, text: str) -> None:
        """Take down what is wrong with an entry."""
        self.problems.append(text)

    def _check(self, seq: int, fact: Fact) -> None:
        if fact.kind == FactKind.CHARTER:
            self._charter(parse_signed_charter(fact.body))
            return
        line = self.lines.get(fact.line)
        if fact.kind in (FactKind.STATEMENT, FactKind.SECOND_STORY):
            self._statement(seq, fact, line)
        elif fact.kind == FactKind.RECEIPT and line is not None:
            self._receipt(seq, fact, line)
        elif fact.kind in (FactKind.NOTE, FactKind.PROOF):
            _check_note(fact, line)

    def _charter(self, signed: SignedCharter) -> None:
        line = self.lines.get(signed.charter.line)
        if line is None:
            check_chain((signed,))
            self.lines[signed.charter.line] = self._found(signed)
        else:
            check_amendment(line.charter, signed)
            line.use_charter(signed)

    def _found(self, signed: SignedCharter) -> Line:
        return Line(self.own, signed)

    def _statement(self, seq: int, fact: Fact, line: Line | None) -> None:
        self.statements += 1
        if line is None:
            self.problem(seq, f"journal entry {seq} is a statement of a line with no charter")
            return
        self._judge(seq, fact, line, parse(self.realm, fact.body))

    def _judge(self, seq: int, fact: Fact, line: Line, parsed: Statement) -> None:
        second = fact.kind == FactKind.SECOND_STORY
        if not is_filed(fact, parsed):
            self.problem(
                seq, f"journal entry {seq} is filed under another number than it bears"
            )  # fmt: skip
        match line.record.judge(parsed, line, fact.at_ms, late=second):
            case Admitted() if not second:
                return
            case Forked() if second:
                return
            case Refused(text=text):
                self.problem(seq, f"journal entry {seq}: {text}")
            case Admitted() | Duplicate() | Forked() | Held():
                self.problem(
                    seq,
                    f"journal entry {seq}: number {parsed.place.position} of"
                    f" {station_name(line, parsed.place.station)} does not follow from what is"
                    " stored before it",
                )

    def _receipt(self, seq: int, fact: Fact, line: Line) -> None:
        self.receipts += 1
        receipt = Receipt.decode(fact.body)
        log = line.record.logs.get(receipt.log)
        if log is None or receipt.size > log.size:
            self.problem(seq, f"journal entry {seq} is a receipt for what is not stored")
            return
        self._verify(seq, line, log, receipt)

    def _verify(self, seq: int, line: Line, log: Log, receipt: Receipt) -> None:
        if not holds(line, log, receipt):
            name = station_name(line, receipt.cosigner)
            self.problem(seq, unverified(seq, name, receipt.size))

    def report(self) -> dict[str, Json]:
        """The result as JSON: ``ok``, counts, each log's head, and the problems."""
        logs: list[Json] = []
        for line in self.lines.values():
            for log in sorted(line.record.logs.values(), key=lambda x: (x.station, x.id)):
                root, second = log.tree.root(), second_stories(line, log)
                logs.append(log_view(line, log, root, second))
        return report_of(self.problems, self.statements, self.receipts, self.last, logs)


def is_filed(fact: Fact, parsed: Statement) -> bool:
    """Whether a statement is under its own number in the store. Second stories are under none."""
    if fact.kind == FactKind.SECOND_STORY:
        return True
    return (fact.log, fact.position) == (parsed.log, parsed.place.position)


def unverified(seq: int, name: str, size: int) -> str:
    """The sentence on a receipt that is not signed by the station that it names."""
    return f"journal entry {seq}: the receipt of {name} for {size} statements does not verify"


def log_view(line: Line, log: Log, root: bytes, second: int) -> Json:
    """One log of a report, with its root and how many second stories are beside it."""
    name = origin(line.id, log.station, log.incarnation)
    return {
        "line": line.id.hex(),
        "log": log.id.hex(),
        "station": station_name(line, log.station),
        "size": log.size,
        "root": root.hex(),
        "checkpoint": body(name, log.size, root).decode("utf-8"),
        "second_stories": second,
    }


def report_of(
    problems: list[str], statements: int, receipts: int, journal: int, logs: list[Json]
) -> dict[str, Json]:
    """A report: ``journal`` is the last entry that was looked at."""
    return {
        "ok": not problems,
        "statements": statements,
        "receipts": receipts,
        "journal": journal,
        "logs": logs,
        "problems": list(problems),
    }


def _check_note(fact: Fact, line: Line | None) -> None:
    """Read a note again under the charters known by now, or a proof, which stands alone.

    Raises ``RemoteError`` when it does not verify. A note on a line without a charter is held
    against nothing.
    """
    if fact.kind == FactKind.PROOF:
        proof.check(fact.body)
    elif line is not None:
        meta, step = fact.meta, MLDSA_KEY_BYTES
        keys = tuple(meta[at : at + step] for at in range(0, len(meta), step))
        noteread.read(line, fact.body, keys, Now(fact.at_ms, 0, 0))
