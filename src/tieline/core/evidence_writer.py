"""Writing evidence: what is in scope goes in whole, the rest as counts and hashes.

The items come one after another, so that a file of any size is written without holding it. The
record may grow meanwhile: what came after the beginning is left for another file.

Rules held here (docs/evidence.md sections 2 and 3):

* All that is in scope is written, and no byte of anything else.
* With the statements go the packs of their forms, as far as they are at hand; a file without coded
  statements of a pack is of version 1, byte for byte.
* A run of left-out statements is parted wherever a reader needs a root or a digest, so that nothing
  which could be checked is kept from being checked.

This module does not know how the bytes become a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tieline.core import evidence
from tieline.core.agreement.model import Pack
from tieline.core.charter import SignedCharter
from tieline.core.checkpoint import Receipt, SignedNote, parse_body
from tieline.core.errors import LocalError, RemoteError
from tieline.core.evidence import (
    CharterItem,
    End,
    Header,
    KeyItem,
    LogItem,
    NoteItem,
    PackItem,
    ReceiptItem,
    Run,
    Scope,
    StatementItem,
    cover,
)
from tieline.core.evidence_forms import Shelf, is_coded
from tieline.core.ladder import Ladder
from tieline.core.record import Item, Log, Record
from tieline.core.statement import TIP_BYTES, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What evidence is made of: all versions of the charter, the record, receipts, notes, keys.

    ``packs`` are those at hand, by hash; a file carries of them what its forms need. ``notes`` are
    the bytes of signed checkpoints by log id; ``keys`` ML-DSA-44 public keys that lines of these
    notes need.
    """

    charters: Sequence[SignedCharter]
    record: Record
    ladder: Ladder
    packs: Mapping[bytes, Pack] = field(default_factory=dict)
    notes: Mapping[bytes, Sequence[bytes]] = field(default_factory=dict)
    keys: Iterable[bytes] = ()


@dataclass(slots=True)
class _Part:
    """One log as it is now."""

    log: Log
    size: int
    forks: list[Item]


class Writer:
    """One file. ``items`` may be walked once."""

    def __init__(self, source: Source, header: Header) -> None:
        """Choose what is in scope.

        Raises ``LocalError``: ``evidence.item`` when the statement of the scope is not here,
        ``evidence.nothing`` when no statement is in scope.
        """
        self._source = source
        self._header = header
        self._parts = [
            _Part(log, log.size, sorted(log.forks.values(), key=_place))
            for _, log in sorted(source.record.logs.items())
        ]
        self._chosen: set[bytes] | None = None  # None: everything
        self._needed: set[bytes] = set()
        self.version = 1
        self.packs: dict[bytes, Pack] = {}  # those that the file carries, by hash, ascending
        self.packs_away: tuple[bytes, ...] = ()  # not carried, and a form may be of one of them
        self.statements = 0  # in scope, second stories included
        self._counts = [0, 0, 0, 0, 0]
        self._choose(header.scope)
        if not self.statements:
            raise LocalError("evidence.nothing", "no statement is in that scope; widen it")
        self._choose_packs()

    # --------------------------------------------------------------------------------- choosing

    def _choose(self, scope: Scope) -> None:
        if scope.whole:
            self.statements = sum(part.size + len(part.forks) for part in self._parts)
            return
        thread = None if scope.item is None else self._thread(scope.item)
        self._chosen = set()
        for item in self._all():
            statement = item.statement
            if thread is not None and statement.digest not in thread:
                continue
            if scope.within(statement.place.time_ms, item.admitted_ms):
                self._chosen.add(statement.digest)
                self._needed.update(_named(statement))
        self.statements = len(self._chosen)

    def _choose_packs(self) -> None:
        """The packs of the forms in scope, as far as a file may hold them.

        Where no pack of a form's version has it, all of that version go, to show that none has.
        """
        charters = [signed.charter for signed in self._source.charters]
        at_hand = self._source.packs
        coded = {
            (item.statement.place.charter, content.form, content.form_version): content
            for item in self._all()
            if is_coded(content := item.statement.content) and self._takes(item.statement.digest)
        }
        whole, wanted = Shelf(charters, at_hand), set[bytes]()
        for (version, *_), content in coded.items():
            found = whole.find(version, content)
            wanted |= set() if found is None else {found.pack.hash}
            if found is None or found.charter < version:
                wanted |= at_hand.keys() & set(charters[version - 1].packs)
            if any(charter.packs for charter in charters[:version]):
                self.version = 2
        room = evidence.MAX_PACKS_BYTES
        for digest in sorted(wanted)[: evidence.MAX_PACKS]:
            room -= len(at_hand[digest].body)
            if room >= 0:
                self.packs[digest] = at_hand[digest]
        carried = Shelf(charters, self.packs)
        away = {each for place, said in coded.items() for each in carried.lacks(place[0], said)}
        self.packs_away = tuple(sorted(away))

    def _all(self) -> Iterator[Item]:
        """Every statement held when the writing began."""
        for part in self._parts:
            for position in range(part.size):
                yield part.log.items[position]
            yield from part.forks

    def _thread(self, start: bytes) -> set[bytes]:
        """The statement and all that references join with it, either way."""
        joins: dict[bytes, list[bytes]] = {}
        for item in self._all():
            digest = item.statement.digest
            for ref in item.statement.content.refs:
                joins.setdefault(digest, []).append(ref.target)
                joins.setdefault(ref.target, []).append(digest)
        if start not in self._source.record.by_digest:
            raise LocalError("evidence.item", "the statement it shall be about is not held here")
        reached, todo = {start}, [start]
        while todo:
            for digest in joins.get(todo.pop(), ()):
                if digest not in reached:
                    reached.add(digest)
                    todo.append(digest)
        return reached

    @property
    def left_out(self) -> int:
        """How many statements the file leaves out, second stories included."""
        return sum(part.size + len(part.forks) for part in self._parts) - self.statements

    def _takes(self, digest: bytes) -> bool:
        return self._chosen is None or digest in self._chosen

    # ---------------------------------------------------------------------------------- writing

    def items(self) -> Iterator[bytes]:
        """The evidence bytes, piece by piece."""
        yield evidence.MAGICS[self.version]
        yield evidence.pack(self._header)
        for signed in self._source.charters:
            yield evidence.pack(CharterItem(signed.encode()))
        for pack in self.packs.values():
            yield evidence.pack(PackItem(pack.body))
        for key in sorted(set(self._source.keys)):
            yield evidence.pack(KeyItem(key))
        for part in self._parts:
            if part.size:
                yield from self._log(part)
        yield evidence.pack(End(*self._counts))

    def _log(self, part: _Part) -> Iterator[bytes]:
        log = part.log
        seconds = [item for item in part.forks if self._takes(item.statement.digest)]
        receipts, notes = self._receipts(part), self._notes(part)
        last = log.tree.leaf(part.size - 1)
        left_out = len(part.forks) - len(seconds)
        yield evidence.pack(LogItem(log.station, log.incarnation, part.size, last, left_out))
        cuts = {receipt.size for receipt in receipts} | {size for size, _ in notes}
        yield from self._content(part, cuts)
        for item in seconds:
            yield evidence.pack(StatementItem(item.statement.raw, item.admitted_ms, second=True))
        for receipt in receipts:
            yield evidence.pack(ReceiptItem(receipt.encode()))
        for _, data in notes:
            yield evidence.pack(NoteItem(data))
        for at, count in ((2, len(seconds)), (3, len(receipts)), (4, len(notes))):
            self._counts[at] += count

    def _content(self, part: _Part, cuts: set[int]) -> Iterator[bytes]:
        """The main branch: statements in scope, and runs of those that are not."""
        log, start = part.log, 0
        for position in range(part.size):
            digest = log.tree.leaf(position)
            chosen = self._takes(digest)
            named = digest[:TIP_BYTES] in self._needed or position == part.size - 1
            if (chosen or named or position in cuts) and start < position:
                yield self._run(part, start, position)
                start = position
            if chosen:
                item = log.items[position]
                self._counts[0] += 1
                yield evidence.pack(
                    StatementItem(item.statement.raw, item.admitted_ms, second=False)
                )
                start = position + 1
            elif named:
                yield self._run(part, position, position + 1)
                start = position + 1

    def _run(self, part: _Part, start: int, end: int) -> bytes:
        self._counts[1] += end - start
        hashes = tuple(part.log.tree.subtree(level, index) for level, index in cover(start, end))
        return evidence.pack(Run(end - start, hashes))

    # --------------------------------------------------------------------------------- who held

    def _receipts(self, part: _Part) -> list[Receipt]:
        """Of every station its first receipt for each statement in scope, and its newest one."""
        log, ladder = part.log, self._source.ladder
        found: dict[tuple[int, bytes], Receipt] = {}
        stations = sorted({each for group in ladder.stations.values() for each in group})
        covered = dict.fromkeys(stations, 0)  # how far the receipts that were taken reach
        for position in range(part.size):
            if not self._takes(log.tree.leaf(position)):
                continue
            for station in stations:
                if covered[station] > position:
                    continue
                receipt = ladder.receipt_for(log.items[position].statement, station)
                if receipt is None:
                    covered[station] = part.size  # nor for anything later
                elif receipt.size <= part.size:
                    found[receipt.size, station] = receipt
                    covered[station] = receipt.size
                else:
                    covered[station] = receipt.size
        for receipt in ladder.latest_receipts():
            if receipt.log == log.id and receipt.size <= part.size:
                found[receipt.size, receipt.cosigner] = receipt
        return [found[place] for place in sorted(found) if place[1] != log.station]

    def _notes(self, part: _Part) -> list[tuple[int, bytes]]:
        """The signed checkpoints of this log that are of the branch that is written."""
        out = []
        for data in self._source.notes.get(part.log.id, ()):
            try:
                head = parse_body(SignedNote.parse(data).body)
            except RemoteError:
                continue  # extension lines, which evidence of version 1 has no place for
            if 1 <= head.size <= part.size and part.log.tree.root(head.size) == head.root:
                out.append((head.size, data))
        return sorted(set(out))


def _place(item: Item) -> tuple[int, bytes]:
    return (item.statement.place.position, item.statement.digest)


def _named(statement: Statement) -> Iterator[bytes]:
    """The beginnings of the digests that a statement names: what it follows, had seen, cites."""
    if statement.place.previous is not None:
        yield statement.place.previous[:TIP_BYTES]
    yield from statement.place.seen
    for ref in statement.content.refs:
        yield ref.target[:TIP_BYTES]
