"""The audit: recompute everything that a store claims, from the signed bytes up.

Nothing that the running station believes is used: the journal is read from its first fact, every
charter, statement and receipt is parsed and verified again under the keys of its time, every chain
and tree is rebuilt, and the result is compared with what is there. Each problem is one sentence.
"""

from __future__ import annotations

from tieline.core import notes, proof
from tieline.core.charter import parse_signed_charter
from tieline.core.checkpoint import Receipt, body, origin
from tieline.core.crypto import MLDSA_KEY_BYTES
from tieline.core.errors import ShellError, TielineError
from tieline.core.journal import Fact, FactKind
from tieline.core.keychange import holds
from tieline.core.line import Line
from tieline.core.record import Admitted, Duplicate, Forked, Held, Refused
from tieline.core.statement import parse
from tieline.core.terms import Now
from tieline.node.view import Json, second_stories, station_name
from tieline.ports import Store


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
            if not signed.complete:
                self.problems.append(f"the charter in journal entry {seq} is not signed by all")
            if line is None:
                self.lines[signed.charter.line] = Line(self.own, signed)
            else:
                line.use_charter(signed)
            return
        line = self.lines.get(fact.line)
        if fact.kind in (FactKind.STATEMENT, FactKind.SECOND_STORY):
            self._statement(seq, fact, line)
        elif fact.kind == FactKind.RECEIPT and line is not None:
            self._receipt(seq, fact, line)
        elif fact.kind == FactKind.NOTE and line is not None:
            step = MLDSA_KEY_BYTES
            keys = tuple(fact.meta[at : at + step] for at in range(0, len(fact.meta), step))
            notes.read(line, fact.body, keys, Now(fact.at_ms, 0, 0))
        elif fact.kind == FactKind.PROOF:
            proof.check(fact.body)

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
                name = origin(line.id, log.station, log.incarnation)
                logs.append(
                    {
                        "line": line.id.hex(),
                        "log": log.id.hex(),
                        "station": station_name(line, log.station),
                        "size": log.size,
                        "root": log.tree.root().hex(),
                        "checkpoint": body(name, log.size, log.tree.root()).decode("utf-8"),
                        "second_stories": second_stories(line, log),
                    }
                )
        problems: list[Json] = list(self.problems)
        return {
            "ok": not self.problems,
            "statements": self.statements,
            "receipts": self.receipts,
            "journal": self.last,
            "logs": logs,
            "problems": problems,
        }


def audit_store(store: Store, own: bytes, realm: str) -> dict[str, Json]:
    """Audit a whole store, its medium first, and return the report."""
    audit = Audit(own, realm)
    audit.problems.extend(store.damage())
    try:
        for seq, fact in store.facts():
            audit.fact(seq, fact)
    except ShellError as error:
        audit.problems.append(error.message)
    return audit.report()
