"""What must come of checkpoints, whoever signs which and tells it to whom.

Every note that counts was signed by its station, no honest station is accused or signs two heads,
every proof verifies alone, and who can know of a contradiction knows of it when all have met. A
head that only a lost store has held (put back since, or of a copy of a home that is stopped) is
known to nobody.

What a thief signs with a key that has ended contradicts nobody: who kept such a head, since its log
had not come so far, says so once it has (``key.after_end``), and nobody else need know of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

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
        # What was signed with a key of an honest station by another, after that key had ended.
        self.stolen: set[Head] = set()
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
        found = (head.origin, head.size, head.root)
        if found in self.stolen:
            return found
        before = self._roots.setdefault((head.origin, head.size), head.root)
        if before != head.root and self._honest[station]:
            raise Violation(4, f"honest station {station.hex()} signed two heads of one size")
        return found

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

    def unaware(self, kept: Iterable[Collection[Head]], lines: list[Line]) -> str:
        """Which honest station does not know of a false head that contradicts what it holds.

        ``kept``: the heads that each of these stations keeps in the store that it has now.
        """
        kept = list(kept)
        heads = {head: None for each in kept for head in each if head not in self.stolen}
        for line in lines:
            for head in heads:
                if _unsaid(line, head, "record.two_heads"):
                    return f"station {line.own.hex()} does not know of a false head of {head[1]}"
        for line, own in zip(lines, kept, strict=True):
            for head in own:
                if head in self.stolen and _unsaid(line, head, "key.after_end"):
                    who = line.own.hex()
                    return f"station {who} keeps a head of {head[1]} by an ended key unsaid"
        return ""


def _unsaid(line: Line, head: Head, code: str) -> bool:
    """Whether a head contradicts the log that a station holds and it has not said so."""
    origin, size, root = head
    name = log_id(*parse_origin(origin))
    log = line.record.logs.get(name)
    if log is None or log.forks or size > log.size or log.tree.root(size) == root:
        return False
    return not any(alarm.code == code and alarm.item == name for alarm in line.alarms.values())
