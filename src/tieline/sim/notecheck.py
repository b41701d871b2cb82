"""What must come of checkpoints, whoever signs which and tells it to whom.

Every note that counts was signed by its station, no honest station is accused or signs two heads,
every proof verifies alone, and who can know of a contradiction knows of it when all have met. A
head that only a lost store has held (put back since, or of a copy of a home that is stopped) is
known to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

from tieline.core import proof
from tieline.core.checkpoint import SignedNote, parse_origin, read_checkpoint
from tieline.core.errors import TielineError
from tieline.core.journal import Alarm, Fact, FactKind
from tieline.core.line import Line
from tieline.core.statement import log_id
from tieline.sim.violation import Violation

Head = tuple[str, int, bytes]  # origin, size, root


class NoteChecker:
    """What stations keep of checkpoints and proofs, held against who signed what."""

    def __init__(self, honest: dict[bytes, bool], signed: dict[bytes, dict[bytes, bytes]]) -> None:
        self._honest = honest
        self._signed = signed
        self._roots: dict[tuple[str, int], bytes] = {}
        self._owners: dict[bytes, bytes] = {}
        # Of each witness, by name and key id: the texts and lines that it has made.
        self.cosigned: dict[tuple[str, bytes], set[tuple[bytes, bytes]]] = {}
        self.proofs = 0

    def committed(self, heads: dict[Head, None], facts: tuple[Fact, ...]) -> None:
        """Facts became durable in a store, whose heads these are: it has those in them, too."""
        for fact in facts:
            if fact.kind == FactKind.NOTE:
                heads[self._note(SignedNote.parse(fact.body))] = None
            elif fact.kind == FactKind.PROOF:
                self._proof(fact.body)
            elif fact.kind == FactKind.ALARM:
                self._alarm(Alarm.decode(fact.body))

    def _note(self, note: SignedNote) -> Head:
        head = read_checkpoint(note.body)
        line, station, incarnation = parse_origin(head.origin)
        self._owners[log_id(line, station, incarnation)] = station
        made = self._signed.get(station, {}).get(note.body)
        if made is None or made not in [signature.signature for signature in note.signatures]:
            raise Violation(5, f"a checkpoint of {station.hex()} counts that it never signed")
        for each in note.signatures:
            by = self.cosigned.get((each.name, each.key_id))
            if by is not None and (note.body, each.signature) not in by:
                raise Violation(5, f"a line of witness {each.name} counts that it never made")
        before = self._roots.setdefault((head.origin, head.size), head.root)
        if before != head.root and self._honest[station]:
            raise Violation(4, f"honest station {station.hex()} signed two heads of one size")
        return head.origin, head.size, head.root

    def _proof(self, data: bytes) -> None:
        try:
            proven = proof.check(data)
        except TielineError as error:
            raise Violation(4, f"a proof was kept that proves nothing: {error}") from error
        self.proofs += 1
        if self._honest[proven.station]:
            raise Violation(4, f"a proof against honest station {proven.station.hex()} was kept")

    def _alarm(self, alarm: Alarm) -> None:
        if alarm.code != "record.two_heads":
            return
        owner = self._owners.get(alarm.item)
        if owner is None or self._honest[owner]:
            raise Violation(4, f"{alarm.party} is accused of two heads and signed only one")


def unaware(heads: Iterable[Head], lines: list[Line]) -> str:
    """Which honest station does not know of a false head that contradicts what it holds.

    ``heads``: those that honest stations keep in the stores that they have now.
    """
    for name, size, root in heads:
        log_name = log_id(*parse_origin(name))
        for line in lines:
            log = line.record.logs.get(log_name)
            if log is None or log.forks or size > log.size or log.tree.root(size) == root:
                continue
            if not any(
                alarm.code == "record.two_heads" and alarm.item == log_name
                for alarm in line.alarms.values()
            ):
                return f"station {line.own.hex()} does not know of a false head of {size}"
    return ""
