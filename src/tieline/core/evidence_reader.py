"""Reading evidence: every check that docs/evidence.md asks for, item by item, and what comes of it.

The reader believes nothing that the file says of itself. It keeps the charters, the tree of the log
that is being read, and of each sound statement what it says; never the signed bytes, never more
than the file really holds. A *break* ends the reading; a *fault* and a *gap* are noted with the
item they are about, and the reading goes on.

Rules held here:

* A statement has at most one fault, the first in the order of the page, and with a fault counts for
  nothing but its place in its log.
* What cannot be checked from the file is a gap and never passes for checked.

This module does not know how a finding is told to people beyond one sentence, nor where the bytes
come from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tieline.core import checkpoint, crypto, evidence, evidence_packs
from tieline.core.agreement.load import MAX_PACK_BYTES, pack_hash
from tieline.core.charter import SignedCharter, parse_signed_charter
from tieline.core.checkpoint import Receipt, SignedNote
from tieline.core.errors import RemoteError
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
    StatementItem,
    broken,
)
from tieline.core.evidence_facts import Covering, Entry, Finding, LogFacts, Place, Report
from tieline.core.evidence_keys import Keys
from tieline.core.evidence_links import after_the_end
from tieline.core.spread import Spread
from tieline.core.statement import Statement, log_id, parse
from tieline.core.succession import check_amendment, check_chain

# What may follow what: the stage of the file in which an item of a type stands.
_HEADER, _CHARTERS, _PACKS, _KEYS, _CONTENT, _SECOND, _RECEIPTS, _NOTES, _END = range(9)


@dataclass(slots=True)
class _LogState:
    """The log that is being read."""

    facts: LogFacts
    item: LogItem
    tree: Spread = field(default_factory=Spread)
    before: bytes | None = None  # the digest of the statement before, when it is here
    run_end: int = 0  # where the last run ended
    sound_end: int = 0  # one more than the last position of a statement without fault
    last_second: tuple[int, bytes] = (-1, b"")
    last_receipt: tuple[int, bytes] = (0, b"")
    last_note: tuple[int, bytes] = (0, b"")
    roots: dict[int, bytes | None] = field(default_factory=dict)
    versions: list[tuple[int, int]] = field(default_factory=list)  # first position, its version

    def version(self, size: int) -> int:
        """The latest version of the charter by which a statement below a size goes."""
        return max((number for position, number in self.versions if position < size), default=1)

    def root(self, size: int) -> bytes | None:
        """The root at a size; the last one asked for is kept, since receipts come in crowds."""
        if size not in self.roots:
            self.roots = {size: self.tree.root(size)}
        return self.roots[size]


class Reader:
    """One reading. Hand it every item in order, then ``finish``."""

    def __init__(self) -> None:
        self.report = Report()
        self._pack_bytes = 0
        self._last_pack = b""
        self._stage = _HEADER
        self._number = 0
        self._keys = Keys()
        self._last: SignedCharter | None = None
        self._last_key = b""
        self._last_log = b""
        self._log: _LogState | None = None
        self._why = ""

    # ------------------------------------------------------------------------------- the walk

    def take(self, data: bytes, version: int = 1) -> None:
        """Check the next item. Raises ``RemoteError`` (``evidence.*``) when it is a break."""
        self.report.version = version
        item = evidence.parse(data, version)
        match item:
            case Header():
                self._enter(_HEADER, _HEADER)
                self.report.header = item
                self._stage = _CHARTERS
            case CharterItem():
                self._enter(_CHARTERS, _CHARTERS)
                self._charter(item)
            case PackItem():
                self._pack(item)
            case KeyItem():
                self._key(item)
            case LogItem():
                self._begin(item)
            case StatementItem():
                self._statement(item)
            case Run():
                self._run(item)
            case ReceiptItem():
                self._enter(_CONTENT, _RECEIPTS)
                self._receipt(item)
            case NoteItem():
                self._enter(_CONTENT, _NOTES)
                self._note(item)
            case End():
                self._end(item)
        self._number += 1

    def stop(self, error: RemoteError) -> Report:
        """End at a break: it is the last fault."""
        self.report.broken = True
        self.report.faults.append(Finding(error.code, self._number, error.message))
        return self.report

    def finish(self) -> Report:
        """The result, when all items were taken."""
        if self._stage != _END:
            return self.stop(broken("truncated", "stops before its end item"))
        after_the_end(self.report)
        return self.report

    def _enter(self, first: int, stage: int) -> None:
        """Go on to a stage of the file, or of the log that is being read."""
        if not first <= self._stage <= stage or (first == _CONTENT and self._is_open()):
            raise broken("order", "has an item where it may not stand")
        self._stage = stage

    def _is_open(self) -> bool:
        """Whether statements of the present log are still to come."""
        return self._log is not None and self._log.tree.size < self._log.item.size

    def _fault(self, code: str, text: str, number: int | None = None) -> None:
        self.report.fault(code, self._number if number is None else number, text)

    def _gap(self, code: str, text: str, number: int | None = None) -> None:
        self.report.gap(code, self._number if number is None else number, text)

    # ------------------------------------------------------------------------ charters and keys

    @property
    def _header(self) -> Header:
        header = self.report.header
        if header is None:
            raise broken("order", "has no header in front")
        return header

    def _charter(self, item: CharterItem) -> None:
        header = self._header
        try:
            signed = parse_signed_charter(item.signed)
            if self._last is None:
                check_chain((signed,))
            else:
                check_amendment(self._last.charter, signed)
        except RemoteError as error:
            raise broken("charter", f"has a charter that is not good: {error.message}") from error
        charter = signed.charter
        if (charter.line, charter.realm) != (header.line, header.realm):
            raise broken("charter", "has a charter of another line or another realm")
        self._last = signed
        self._keys.add(charter)
        self.report.charters.append(charter)

    def _pack(self, item: PackItem) -> None:
        if self._last is None:
            raise broken("order", "has a pack where it may not stand")
        self._enter(_CHARTERS, _PACKS)
        self.report.counts.packs += 1
        self._pack_bytes += len(item.body)
        digest, before = pack_hash(item.body), self._last_pack
        self._last_pack = max(digest, before)
        if digest <= before:
            self._fault("evidence.pack", "a pack is there twice, or in another order than by hash")
        elif (
            len(item.body) > MAX_PACK_BYTES
            or self._pack_bytes > evidence.MAX_PACKS_BYTES
            or self.report.counts.packs > evidence.MAX_PACKS
        ):
            self._fault(
                "evidence.pack", "a pack is larger, or there are more, than a file may hold"
            )
        elif not any(digest in charter.packs for charter in self.report.charters):
            self._fault("evidence.pack", "no version of the charter names a pack that is there")
        else:
            self._read_pack(digest, item.body)

    def _read_pack(self, digest: bytes, body: bytes) -> None:
        try:
            self.report.packs[digest] = evidence_packs.read(body)
        except RemoteError as error:
            self._fault("evidence.pack", error.message)
        except evidence_packs.NewerPack:
            text = "a pack is of a later format than this software reads; it is not used"
            self._gap("gap.pack", text)

    def _key(self, item: KeyItem) -> None:
        if self._last is None or item.key <= self._last_key:
            raise broken("order", "has a key where it may not stand")
        self._enter(_CHARTERS, _KEYS)
        self._last_key = item.key
        self.report.counts.keys += 1
        if not self._keys.add_mldsa(item.key):
            self._gap("gap.key", "no certificate names this ML-DSA-44 key; it is not used")

    # -------------------------------------------------------------------------------------- logs

    def _begin(self, item: LogItem) -> None:
        name = log_id(self._header.line, item.station, item.incarnation)
        if self._last is None or self._is_open() or self._stage >= _END or name <= self._last_log:
            raise broken("order", "has a log where it may not stand")
        self._close_log()
        self._check_maker()
        self._last_log = name
        self._stage = _CONTENT
        facts = LogFacts(
            id=name,
            station=item.station,
            incarnation=item.incarnation,
            party=self._keys.party_of(item.station),
            name=self._keys.name_of(item.station),
            size=item.size,
            number=self._number,
            second_left_out=item.second_left_out,
        )
        self.report.logs.append(facts)
        self.report.counts.second_left_out += item.second_left_out
        self._log = _LogState(facts, item)

    def _check_maker(self) -> None:
        """Once the charters are known, look for the maker in them."""
        if self._stage < _CONTENT and self._keys.station(self._header.maker) is None:
            text = "no version of the charter names the station that says it made this file"
            self._fault("evidence.maker", text, 0)

    def _content(self) -> _LogState:
        """The log that still lacks statements."""
        if self._log is None or not self._is_open():
            raise broken("order", "has a statement or a run outside a log, or beyond its size")
        return self._log

    def _run(self, item: Run) -> None:
        log = self._content()
        if log.tree.size + item.count > log.item.size:
            raise broken("order", "leaves out more statements than the log has")
        at = log.tree.size
        if not log.tree.run(item.count, item.hashes):
            raise broken("run", "has a run whose hashes do not cover it")
        log.before = item.hashes[0] if item.count == 1 else None
        if log.before is not None:
            self.report.put(Place(log.before, log.facts, at))
        log.run_end = log.tree.size
        log.facts.left_out += item.count
        self.report.counts.left_out += item.count

    def _close_log(self) -> None:
        """What can be said of a log when all of it was read."""
        log = self._log
        if log is None:
            return
        facts, number = log.facts, log.facts.number
        facts.root = log.tree.root(log.item.size) or b""
        if log.before != log.item.last:
            text = f"the last statement of {facts.name} is not the one that the file names"
            self._fault("evidence.last", text, number)
        if self._header.scope.whole and (facts.left_out or facts.second_left_out):
            text = (
                f"the file says that it holds the whole line, and leaves out some of {facts.name}"
            )
            self._fault("evidence.left_out", text, number)
        self._check_end(log)
        if log.run_end > max(facts.covered, log.sound_end):
            count = log.run_end - max(facts.covered, log.sound_end)
            text = (
                f"at the end of the log of {facts.name} {count} left-out statements are covered by"
                " no signature in this file: that there are so many is the word of its maker"
            )
            self._gap("gap.uncovered", text, number)
        if facts.second_left_out:
            text = (
                f"{facts.second_left_out} second stories of {facts.name} are left out; their"
                " number is the word of the file's maker"
            )
            self._gap("gap.second_stories", text, number)
        self._log = None

    def _check_end(self, log: _LogState) -> None:
        """Hold a log against the end that the charter gives it, when it gives one."""
        facts = log.facts
        end = self._keys.closings.ending(facts.station, facts.id)
        if end is None:
            return
        if facts.size > end.size:
            text = (
                f"the charter ended the key of {facts.name}, and its log after {end.size}"
                f" statements; the file says that there are {facts.size}"
            )
            self._fault("evidence.closed", text, facts.number)
        place = self.report.place(end.last)
        there = place is not None and place.log is facts and not place.second
        if not there or place is None or place.position != end.size - 1:
            text = (
                f"the charter names the statement with which the log of {facts.name} ends, after"
                f" {end.size}; it does not stand there in this file"
            )
            self._gap("gap.closed", text, facts.number)

    # -------------------------------------------------------------------------------- statements

    def _statement(self, item: StatementItem) -> None:
        digest = crypto.sha256(b"\0" + item.raw)
        counts = self.report.counts
        if item.second:
            self._enter(_CONTENT, _SECOND)
            if self._log is None:
                raise broken("order", "has a second story outside a log")
            log = self._log
            counts.second_stories += 1
        else:
            log = self._content()
            counts.statements += 1
        position = log.tree.size
        statement = self._read(item.raw)
        if item.second and statement is not None:
            place = (statement.place.position, digest)
            if place <= log.last_second:
                raise broken("order", "has second stories in another order than that of positions")
            log.last_second = place
            position = statement.place.position
        if statement is not None and not item.second:
            number = statement.place.charter
            if log.version(position) < number <= self._keys.versions:
                log.versions.append((position, number))
        problem = self._judge(log, item, statement, position)
        entry = None
        if statement is not None and problem is None:
            place_ = statement.place
            party = self._keys.party_in(place_.charter, place_.station)
            entry = Entry.of(statement, log.facts, item, self._number, party)
            entry.late = self._keys.closings.late(statement)
            entry.observer = self._keys.unheard(statement)
            self.report.entries.append(entry)
            if not item.second:
                log.sound_end = position + 1
        elif problem is not None:
            self._fault(f"evidence.{problem[0]}", self._where(log, position) + problem[1])
        if not item.second:
            log.tree.leaf(digest)
            log.before = digest
        self.report.put(Place(digest, log.facts, position, item.second, entry, here=True))

    def _read(self, raw: bytes) -> Statement | None:
        try:
            return parse(self._header.realm, raw)
        except RemoteError as error:
            self._why = error.message
            return None

    def _where(self, log: _LogState, position: int) -> str:
        return f"statement {position} of {log.facts.name}: "

    def _judge(
        self, log: _LogState, item: StatementItem, statement: Statement | None, position: int
    ) -> tuple[str, str] | None:
        """The first fault of a statement, as the end of a code and the end of a sentence."""
        if statement is None:
            return "statement", f"it does not read ({self._why})"
        place = statement.place
        if statement.log != log.facts.id or place.line != self._header.line:
            return "place", "it is of another log than the one in which it stands"
        if place.position != position:
            return "place", f"it bears the number {place.position}"
        key = self._keys.sign_key(place.charter, place.station)
        if key is None:
            return "stranger", f"charter version {place.charter} does not name its station"
        if not crypto.verify(key, statement.signed, statement.signature):
            return "signature", "the signature is not that of the station that it names"
        wrong = self._chain(log, statement, second=item.second)
        if wrong:
            return "chain", wrong
        if not item.second and self._keys.closings.late(statement):
            return "closed", "the charter ended its key, and the log ends before it"
        if not self._header.scope.within(place.time_ms, item.admitted_ms):
            return "scope", "it is outside the time that the file says it is about"
        return None

    def _chain(self, log: _LogState, statement: Statement, *, second: bool) -> str:
        """What is wrong with a statement's predecessor; empty when nothing is."""
        previous = statement.place.previous
        if not second:
            known = log.before is not None or log.tree.size == 0
            return "it names another predecessor" if known and previous != log.before else ""
        own = self.report.place(statement.digest)
        if own is not None and own.log is log.facts and not own.second:
            return "it stands in the log itself and is no second story"
        before = None if previous is None else self.report.place(previous)
        if before is None:
            return ""
        position = statement.place.position
        if before.log is not log.facts or before.position + 1 != position:
            return "it names a predecessor that stands elsewhere"
        return ""

    # ------------------------------------------------------------------------ receipts and notes

    def _receipt(self, item: ReceiptItem) -> None:
        log = self._log
        if log is None:
            raise broken("order", "has a receipt outside a log")
        self.report.counts.receipts += 1
        try:
            receipt = Receipt.decode(item.data)
        except RemoteError as error:
            self._fault(
                "evidence.receipt", f"a receipt for {log.facts.name} does not read ({error})"
            )
            return
        place = (receipt.size, receipt.cosigner)
        if place <= log.last_receipt:
            raise broken("order", "has receipts in another order than that of sizes")
        log.last_receipt = place
        name = self._keys.name_of(receipt.cosigner)
        what = f"the receipt of {name} for {receipt.size} statements of {log.facts.name}"
        keys = self._keys.cosign_keys(receipt.cosigner, log.version(receipt.size))
        if receipt.log != log.facts.id:
            self._fault("evidence.receipt", f"{what} is for another log")
        elif receipt.size > log.item.size:
            self._fault("evidence.receipt", f"{what} is for more than the file says there are")
        elif self._keys.station(receipt.cosigner) is None:
            self._fault("evidence.receipt", f"{what} is of a station that no charter names")
        elif (root := log.root(receipt.size)) is None:
            self._gap("gap.receipt", f"{what} ends among left-out statements, so it is not checked")
        elif not any(
            checkpoint.verify_receipt(receipt, self._origin(log), root, key) for key in keys
        ):
            self._fault("evidence.receipt", f"{what} does not fit what the file holds")
        else:
            self._cover(log, receipt.size)
            log.facts.covers.append(Covering(receipt.size, receipt.time_s, receipt.cosigner))

    def _origin(self, log: _LogState) -> str:
        return checkpoint.origin(self._header.line, log.item.station, log.item.incarnation)

    def _cover(self, log: _LogState, size: int) -> None:
        log.facts.covered = max(log.facts.covered, size)

    def _note(self, item: NoteItem) -> None:
        log = self._log
        if log is None:
            raise broken("order", "has a note outside a log")
        self.report.counts.notes += 1
        what = f"a signed head of {log.facts.name}"
        try:
            note = SignedNote.parse(item.data)
            head = checkpoint.parse_body(note.body)
        except RemoteError as error:
            self._fault("evidence.note", f"{what} does not read ({error.message})")
            return
        if (head.size, item.data) <= log.last_note:
            raise broken("order", "has notes in another order than that of sizes")
        log.last_note = (head.size, item.data)
        if head.origin != self._origin(log) or not 1 <= head.size <= log.item.size:
            self._fault("evidence.note", f"{what} is of another log or another size")
            return
        self._lines(log, note, head)

    def _lines(self, log: _LogState, note: SignedNote, head: checkpoint.Checkpoint) -> None:
        """Check every line of a note under the keys that are known."""
        what = f"the head of {log.facts.name} at {head.size} statements"
        since = log.version(head.size)
        found = self._keys.lines(note, head, log.item.station, since)
        if found.unknown:
            self._gap("gap.signer", f"{what} has a line of a signer that nobody here names")
        if found.forged:
            self._fault("evidence.note", f"{what}: the line of {found.forged} does not verify")
            return
        root = log.root(head.size)
        if found.verified and root is not None and root != head.root:
            self._fault("evidence.root", f"{what} was signed, and is not what the file holds")
            return
        if found.verified and root is None:
            self._gap("gap.note", f"{what} ends among left-out statements, so it is not checked")
        if not found.verified or root is None:
            return
        if found.covers:
            self._cover(log, head.size)
        for station, time_s in found.stations:
            log.facts.covers.append(Covering(head.size, time_s, station))
        log.facts.witnesses += [(name, head.size, time_s) for name, time_s in found.witnesses]
        log.facts.sealed = max(log.facts.sealed, head.size if found.sealed else 0)

    # --------------------------------------------------------------------------------------- end

    def _end(self, item: End) -> None:
        if self._last is None or self._is_open() or self._stage >= _END:
            raise broken("order", "ends where it may not")
        self._close_log()
        self._check_maker()
        self._stage = _END
        read = self.report.counts
        said = (item.statements, item.left_out, item.second_stories, item.receipts, item.notes)
        true = (read.statements, read.left_out, read.second_stories, read.receipts, read.notes)
        if said != true:
            text = "the numbers at the end are not those of what the file holds"
            self._fault("evidence.count", text)


def read(chunks: Iterable[bytes]) -> Report:
    """Read evidence bytes, from the first line on, and say all that was found."""
    reader, splitter = Reader(), evidence.Splitter(chunks)
    try:
        for data in splitter.items():
            reader.take(data, splitter.version)
    except RemoteError as error:
        return reader.stop(error)
    return reader.finish()
