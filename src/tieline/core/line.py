"""One line as one station knows it: charter, record, ladder, peers, and the state of each link.

Everything here is a fold. ``apply_item`` and ``apply_receipt`` are the only ways in which the
record changes a line, and the same two functions run when a statement arrives and when the journal
is read back after a restart; so what an officer sees never depends on having been there.

The state of the line to a peer is chosen by one table (``link_state``) from facts: what the parties
have declared, what the carriers report, and what officers have left unanswered. Four kinds of quiet
are four states: suspended by X, unstaffed, down, unknown; and *silent since* when a link that was
there says nothing more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tieline.core.charter import Charter, SignedCharter
from tieline.core.checkpoint import Receipt
from tieline.core.cut import end_logs
from tieline.core.journal import Origin
from tieline.core.ladder import RUNG_OF_KIND, Ladder, Mark
from tieline.core.life import Life, Run
from tieline.core.linetest import initiator, slot_at
from tieline.core.noted import LogNotes, Scale
from tieline.core.proof import Proven
from tieline.core.record import Item, Record
from tieline.core.shelf import Archive
from tieline.core.statement import Content, Read, Statement, wanted_rungs
from tieline.core.succession import ended_stations
from tieline.core.sync import Peer
from tieline.core.tally import Acts, Alarms, Facet
from tieline.core.terms import Kind, LineState, Now, RefRole, Rung

if TYPE_CHECKING:  # a line without agreements does not load what reads them
    from tieline.core.incident.entry import Said
    from tieline.core.incident.signing import Chain

CROSSED_MS: Final = 86_400_000  # what is older than this did not cross; it was not read
MAX_CROSSED: Final = 16
MAX_ADDRESSED: Final = 256  # lists of addressees that are remembered
SPOKEN: Final = frozenset({Kind.MESSAGE, Kind.JOINT})
SKEW_MS: Final = 60_000  # a claimed time this far ahead of ours is flagged (FAULTS P6)
TEXTS: Final = frozenset({Kind.JOINT, Kind.ASSENT})
MOVES: Final = TEXTS | {Kind.MESSAGE}  # what can do something to a joint statement that it cites
REPLACING: Final = frozenset({RefRole.CORRECTS, RefRole.CANCELS, RefRole.SUPERSEDES})


@dataclass(frozen=True, slots=True)
class Reading:
    """What a form says of an incident; ``known``: whether an agreement at hand has the form."""

    said: Said | None
    known: bool


Reads = Callable[[Content, int | None], Reading]  # by the version of the charter; None: the newest


@dataclass(slots=True)
class Link:
    """What the carriers report of one peer station. Not kept: it is true only while we run."""

    station: bytes
    sessions: dict[str, str] = field(default_factory=dict)
    last_heard_ms: int | None = None
    heard_at: int | None = None  # the same moment on the transport's clock, ``Now.real_ms``
    cause: str = ""
    failed: bool = False
    attempts: int = 0
    state: LineState = LineState.UNKNOWN
    since_ms: int = 0
    stated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message that waits for its release by a second person."""

    number: int
    content: Content
    officer: str
    key: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """Something this station is about to say; ``token`` is whose act it answers, 0 for none."""

    content: Content
    origin: Origin
    token: int = 0


@dataclass(frozen=True, slots=True)
class Word:
    """The last thing a party declared about its own availability, with its cause."""

    item: Item
    cause: str


class Line:
    """Everything of one line. ``own`` is this station, ``party`` the party it speaks for."""

    def __init__(
        self,
        own: bytes,
        signed: SignedCharter,
        archive: Archive | None = None,
        run: Run | None = None,
    ) -> None:
        charter = signed.charter
        self.own, self.id, self.realm = own, charter.line, charter.realm
        self.charters: dict[int, SignedCharter] = {charter.version: signed}
        self.charter = charter  # the one in force: the newest complete version
        self._parties: dict[bytes, str] = {}  # of the stations asked for, by these charters
        self._addressed: dict[tuple[int, bytes, tuple[str, ...]], tuple[str, ...]] = {}
        self.pending: SignedCharter | None = None
        self.party = ""
        self.record = Record(charter.line, charter.realm, archive)
        self.ladder = Ladder(self.record)
        self.life = Life(charter.line, own, run or Run())
        self.peers: dict[bytes, Peer] = {}
        self.links: dict[bytes, Link] = {}
        # Speaking: one body is out for signature at a time, so positions have no gaps.
        self.outgoing: deque[Outgoing] = deque()
        self.signing: Outgoing | None = None
        self.composed: tuple[bytes, Read] | None = None
        self.keys: Acts[str, bytes | int] = Acts(self.record, "act ", str)
        self.drafts: dict[int, Draft] = {}
        self.last_draft = 0
        self.released: Acts[int, bytes] = Acts(self.record, "draft ", int)
        # Folds over the record.
        self.suspended: dict[str, Word] = {}
        self.unstaffed: dict[str, Word] = {}
        self.declared: dict[tuple[str, str], Item] = {}
        self.neglected: dict[str, int] = {}
        self.stated: dict[str, str] = {}
        self.tests: dict[int, bytes] = {}
        self.alarms = Alarms(self.ladder.tallies)
        self.proofs: dict[bytes, list[Proven]] = {}  # by log
        # Signed checkpoints by log, whose logs these are, and what they weigh. On the deadline
        # clock: since when our own log has grown beyond its last note and beyond the last one
        # sealed with ML-DSA-44, and which size has waited for a quorum of witnesses since when.
        self.notes: dict[bytes, LogNotes] = {}
        self.note_stations: dict[bytes, bytes] = {}
        self.note_scales: dict[bytes, Scale] = {}  # by station
        self.unnoted_at: int | None = None
        self.unsealed_at: int | None = None
        self.unwitnessed: tuple[int, int] | None = None
        # Transport rhythm (real_ms).
        self.relay_queue: deque[tuple[int, bytes, int]] = deque()
        self.relayable: dict[bytes, int] = {}
        self.gossip_at: int | None = None
        self.gossip: dict[tuple[bytes, bytes], tuple[int, Receipt]] = {}  # with its time
        self.beacon_at: int | None = None
        self.advanced: set[bytes] = set()  # foreign logs that grew and are not yet signed for
        self.slot_done = self.slot_checked = -1
        self.slot_noted = -1  # the last slot whose silence we have put on the record
        self.expiry_due_ms: int | None = 0  # when a certificate is to be looked at (``expiry``)
        self.reads: Reads | None = None
        self.weighed: dict[bytes, tuple[tuple[object, ...], Chain, frozenset[bytes]]] = {}
        self.amended_ms = 0  # when the version in force came, unless it founded the line
        self.use_charter(signed)

    @property
    def replaced(self) -> Facet[list[tuple[RefRole, bytes]]]:
        """What corrects, cancels or supersedes a statement of the same party, by statement."""
        return Facet(self.ladder.tallies, lambda tally: tally.replaced)

    @property
    def assents(self) -> Facet[dict[str, bytes]]:
        """By which statement each party has made a joint statement its own, by statement."""
        return Facet(self.ladder.tallies, lambda tally: tally.assents)

    @property
    def incarnation(self) -> bytes:
        """The life of this station that its present log is."""
        return self.life.incarnation

    @property
    def own_log(self) -> bytes:
        """The present log of this station: the one that it writes, or wrote last."""
        return self.life.log

    # -------------------------------------------------------------------------- charter

    def use_charter(self, signed: SignedCharter) -> tuple[Statement, ...]:
        """Bring a complete version into force and make peers and links follow.

        A station that the version does not name has no peers: it has left, or has yet to join. One
        that it gives another statement key goes on in a fresh log. Returns what was held of logs
        beyond where the version ends them.
        """
        self.charters[signed.charter.version] = signed
        self.charter = charter = self.charters[max(self.charters)].charter
        self._parties.clear()
        self.expiry_due_ms = 0
        late = self._end_keys(signed.charter)
        self.party = self.party_of(self.own)
        stations = [station for station in charter.stations() if station != self.own]
        if not self.member:
            stations = []
        self.peers = {s: self.peers.get(s) or Peer(station=s) for s in stations}
        self.links = {s: self.links.get(s) or Link(station=s) for s in stations}
        known = {station for held in self.charters.values() for station in held.charter.stations()}
        of_party: dict[str, tuple[bytes, ...]] = {}
        for station in sorted(known):
            party = self.party_of(station)
            of_party[party] = (*of_party.get(party, ()), station)
        self.ladder.stations = of_party
        return late

    def _ended_by(self, new: Charter) -> tuple[bytes, ...]:
        """The stations whose statement keys a version ends."""
        before = self.charters.get(new.version - 1)
        return () if before is None else ended_stations(before.charter, new)

    def rotated(self, new: Charter) -> bool:
        """Whether a version gives this station another key, and so its log no more to write."""
        return self.own in self._ended_by(new) and new.station(self.own) is not None

    def _end_keys(self, new: Charter) -> tuple[Statement, ...]:
        ended = self._ended_by(new)
        if new.closed is None or not ended:
            return ()
        late = end_logs(self.record, new.version, ended, new.closed, self.ladder.tallies.of)
        self.record.drop_late()
        if late:
            self._take_back(late)
        return late

    def _take_back(self, late: tuple[Statement, ...]) -> None:
        """Undo in every view what statements did that are late now."""
        self.weighed.clear()
        for statement in late:
            digest, party = statement.digest, self.party_of(statement.place.station)
            self.ladder.tallies.of(digest).assents.clear()
            for ref in statement.content.refs:
                tally = self.ladder.tallies.of(ref.target)
                tally.replaced = [entry for entry in tally.replaced if entry[1] != digest]
                tally.acts = [by for by in tally.acts if by != digest]
                if tally.assents.get(party) == digest:
                    del tally.assents[party]
                rungs = tally.marks.get(party, {})
                for rung in [rung for rung, mark in rungs.items() if mark.by == digest]:
                    del rungs[rung]
                if not rungs:
                    tally.marks.pop(party, None)
        for log in sorted({statement.log for statement in late}):
            for peer in self.peers.values():
                peer.forget(log, self.record.size(log))
        gone = {statement.digest for statement in late}
        self.tests = {slot: test for slot, test in self.tests.items() if test not in gone}
        for fold in (self.declared, self.suspended, self.unstaffed):
            fold.clear()
        for item in self.record.order:
            if self.heard(item) and not self.record.closings.late(item.statement):
                self._apply_declaration(item, self.party_of(item.statement.place.station))

    def is_late(self, digest: bytes) -> bool:
        """Whether a statement that is held is beyond the end of its log."""
        item = self.item(digest)
        return item is not None and self.record.closings.late(item.statement)

    @property
    def member(self) -> bool:
        """Whether the charter in force names this station; else it only reads."""
        return self.charter.station(self.own) is not None

    def charter_of(self, item: Item) -> Charter:
        """The version under which an admitted statement was written."""
        return self.charters[item.statement.place.charter].charter

    def addressed(self, item: Item) -> tuple[str, ...]:
        """The parties that must act on a statement; they are often the same."""
        place = item.statement.place
        key = (place.charter, place.station, item.statement.content.to)
        if key not in self._addressed:
            if len(self._addressed) >= MAX_ADDRESSED:
                self._addressed.clear()
            self._addressed[key] = self.ladder.addressed(item.statement, self.charter_of(item))
        return self._addressed[key]

    def heard(self, item: Item) -> bool:
        """Whether a statement counts. That of an observer does not, but that it opens its log."""
        statement = item.statement
        place = statement.place
        return statement.content.kind is Kind.OPEN or self.hears(place.station, place.charter)

    def hears(self, station: bytes, version: int) -> bool:
        """Whether what a station says under a version of the charter counts."""
        charter = self.charters[version].charter
        return not charter.observers or charter.party_of(station) not in charter.observers

    @property
    def observes(self) -> bool:
        """Whether our own party only reads, by the charter in force."""
        return self.party in self.charter.observers

    def latest(self) -> int:
        return self.charter.version

    def sign_key(self, version: int, station: bytes) -> bytes | None:
        signed = self.charters.get(version)
        entry = signed.charter.station(station) if signed else None
        return entry.certificate.sign_key if entry else None

    def cosign_key(self, station: bytes) -> bytes | None:
        """The receipt key of a station under the newest charter that names it."""
        for version in sorted(self.charters, reverse=True):
            entry = self.charters[version].charter.station(station)
            if entry is not None:
                return entry.certificate.cosign_key
        return None

    def receipt_keys(self, station: bytes, version: int) -> tuple[bytes, ...]:
        """The keys under which a station's receipt may stand, the newest first.

        ``version`` is that by which the last statement covered goes: a key of an earlier one was at
        its end when the statement was written, and signs for nothing of its time.
        """
        keys: dict[bytes, None] = {}
        for held in sorted((v for v in self.charters if v >= version), reverse=True):
            entry = self.charters[held].charter.station(station)
            if entry is not None:
                keys[entry.certificate.cosign_key] = None
        return tuple(keys)

    def party_of(self, station: bytes) -> str:
        """The party of a station, also of one that a later charter no longer names."""
        if station in self._parties:
            return self._parties[station]
        for version in sorted(self.charters, reverse=True):
            if self.charters[version].charter.station(station) is not None:
                self._parties[station] = self.charters[version].charter.party_of(station)
                return self._parties[station]
        return ""

    def lead(self, party: str) -> bytes:
        """The station of a party that acts when only one should: the lowest id. Empty: none."""
        return self.charter.lead(party)

    # ----------------------------------------------------------------------------- folds

    def apply_item(self, item: Item, origin: Origin, base: Now) -> None:
        """Take an admitted statement into every view. ``base`` is when it came, on our clocks."""
        statement = item.statement
        content = statement.content
        party = self.party_of(statement.place.station)
        mine = statement.place.station == self.own
        if mine:
            if statement.log == self.own_log and not item.second_story:
                self.unnoted_at = base.mono_ms if self.unnoted_at is None else self.unnoted_at
                self.unsealed_at = base.mono_ms if self.unsealed_at is None else self.unsealed_at
            # A log of an earlier life of this station, back from a peer, is not the one we write:
            # the peer may hold back its end.
            if origin.key:
                self.keys[origin.key] = statement.digest
            if self.drafts.pop(origin.draft, None) is not None:
                self.released[origin.draft] = statement.digest
        if item.second_story and self.record.closings.late(statement):
            return
        peer = self.peers.get(statement.place.station)
        if peer is not None and not item.second_story:
            peer.believes(statement.log, statement.place.position + 1)
        if not self.heard(item):
            return
        self._start_clocks(item, party, base, mine=mine)
        self._apply_kind(item, party, base)
        for ref in content.refs:
            target = self.record.by_digest.get(ref.target)
            texts = target is not None and target.statement.content.kind in TEXTS
            if target is not None and texts and content.kind in MOVES:
                self.ladder.tallies.add_act(statement, target.statement)
            if ref.role not in REPLACING or target is None:
                continue
            if self.party_of(target.statement.place.station) == party:
                self.ladder.tallies.of(ref.target).replaced.append((ref.role, statement.digest))

    def _start_clocks(self, item: Item, party: str, base: Now, *, mine: bool) -> None:
        if not item.statement.content.wants:
            return
        addressed, charter = self.addressed(item), self.charter_of(item)
        if mine:
            for code in addressed:
                self.ladder.start(item, code, Rung.HANDED_OVER, charter, base)
                self.ladder.start(item, code, Rung.RECEIVED, charter, base)
        elif self.party in addressed and party != self.party:
            self.ladder.start_human(item, self.party, charter, base)

    def _apply_kind(self, item: Item, party: str, base: Now) -> None:
        statement, body = item.statement, item.statement.content.body
        kind = statement.content.kind
        if kind in RUNG_OF_KIND:
            self._apply_rung(item, party, RUNG_OF_KIND[kind], base)
        elif kind in (Kind.SUSPEND, Kind.RESUME, Kind.WATCH):
            self._apply_declaration(item, party)
            if body.staffed:
                self.neglected.pop(party, None)
        elif kind is Kind.TEST and body.slot is not None:
            self._apply_test(item, body.slot, party)
        elif kind is Kind.SILENCE:
            self._apply_silence(item, party)
        elif kind is Kind.JOINT:
            self.ladder.tallies.of(statement.digest).assents[party] = statement.digest
        elif kind is Kind.ASSENT:
            target = statement.content.refs[0].target
            self.ladder.tallies.of(target).assents.setdefault(party, statement.digest)
        if kind not in (Kind.OPEN, Kind.SILENCE, Kind.TEST):
            self.neglected.pop(party, None)  # a person of that party is plainly there

    def _apply_declaration(self, item: Item, party: str) -> None:
        kind, body = item.statement.content.kind, item.statement.content.body
        if kind in (Kind.SUSPEND, Kind.RESUME):
            self._declare("suspend", party, item, self.suspended, holds=kind is Kind.SUSPEND)
        elif kind is Kind.WATCH:
            self._declare("watch", party, item, self.unstaffed, holds=not body.staffed)

    def _apply_test(self, item: Item, slot: int, party: str) -> None:
        """A slot's test counts when it is called by whose turn it is, and not long before it.

        Else anybody could call those of a year in advance, and silence would be no alarm.
        """
        charter = self.charter_of(item)
        now = slot_at(item.admitted_ms, charter)
        if now is None or (slot <= now + 1 and initiator(slot, charter) == party):
            self.tests.setdefault(slot, item.statement.digest)

    def _apply_rung(self, item: Item, party: str, rung: Rung, base: Now) -> None:
        statement = item.statement
        target = statement.content.refs[0].target
        body = statement.content.body
        at_ms = body.at_ms if body.at_ms is not None else statement.place.time_ms
        news = self.ladder.note_mark(
            target, party, rung, Mark(at_ms, statement.digest, body.unit or "")
        )
        on = self.record.by_digest.get(target)
        if not news or rung is not Rung.ACKNOWLEDGED or on is None:
            return
        if party not in self.addressed(on):
            return  # nothing was asked of it
        if on.statement.place.station == self.own or party == self.party:
            self.ladder.start_after_acknowledgement(on, party, self.charter_of(on), base)

    def _apply_silence(self, item: Item, party: str) -> None:
        content, body = item.statement.content, item.statement.content.body
        ours = item.statement.place.station == self.own
        if ours:
            self.ladder.unsaid.note(content)
            self.slot_noted = max(self.slot_noted, -1 if body.slot is None else body.slot)
        if body.party is None or body.rung is None:
            return
        if ours and content.refs:
            self.ladder.note_overdue(content.refs[0].target, body.party, body.rung)
        if body.rung >= Rung.ACKNOWLEDGED and self._owes(item, party, body.party, body.rung):
            self.neglected[body.party] = self.neglected.get(body.party, 0) + 1
        if body.party == self.party and body.cause:
            self.stated[party] = body.cause

    def _owes(self, item: Item, accuser: str, party: str, rung: Rung) -> bool:
        """Whether the record bears out a silence: its maker asked for it, and it is not there."""
        refs = item.statement.content.refs
        on = self.record.by_digest.get(refs[0].target) if refs else None
        return (
            on is not None
            and self.party_of(on.statement.place.station) == accuser
            and party in self.addressed(on)
            and rung in wanted_rungs(on.statement.content.wants)
            and not self.ladder.reached(on, party, rung)
        )

    def _declare(
        self, what: str, party: str, item: Item, into: dict[str, Word], *, holds: bool
    ) -> None:
        """Keep a party's latest declaration: by cause, so that arrival order does not matter."""
        before = self.declared.get((what, party))
        if before is not None and item < before:
            return
        self.declared[(what, party)] = item
        into.pop(party, None)
        if holds:
            into[party] = Word(item, item.statement.content.body.cause or "")

    def apply_receipt(self, receipt: Receipt, base: Now) -> list[Item] | None:
        """Take a verified receipt. Returns our own items that it newly covers; None: no news."""
        before = self.ladder.note_receipt(receipt)
        if before < 0:
            return None
        peer = self.peers.get(receipt.cosigner)
        if peer is not None:
            peer.believes(receipt.log, receipt.size)
        log = self.record.logs.get(receipt.log)
        if log is None or log.station != self.own:
            return []
        party = self.party_of(receipt.cosigner)
        others = [s for s in self.ladder.stations.get(party, ()) if s != receipt.cosigner]
        newly: list[Item] = []
        for item in log.items[before : receipt.size]:
            if not item.statement.content.wants:
                continue
            newly.append(item)
            first = all(self.ladder.receipt_for(item.statement, s) is None for s in others)
            if first and party in self.addressed(item):
                self.ladder.start_human(item, party, self.charter_of(item), base)
        return newly

    # ------------------------------------------------------------------------- questions

    def item(self, digest: bytes) -> Item | None:
        return self.record.by_digest.get(digest)

    def flags(self, item: Item) -> tuple[str, ...]:
        """What a reader must know of a statement before relying on it."""
        out: list[str] = []
        statement = item.statement
        if item.second_story and self.record.closings.late(statement):
            out.append("late: its key had ended, and the charter ends its log before it")
        elif item.second_story:
            out.append("second story: another statement stands under the same number")
        if statement.place.time_ms > item.admitted_ms + SKEW_MS:
            out.append("its clock is ahead of ours: claimed time is in our future")
        log = self.record.logs.get(statement.log)
        position = statement.place.position
        if log is not None and 0 < position < log.size and not item.second_story:
            before_ms = log.items[position - 1].statement.place.time_ms
            if statement.place.time_ms + SKEW_MS < before_ms:
                out.append("its clock went back: claimed time is before its author's previous one")
        if statement.unknown:
            out.append("written by newer software: some of its fields are not shown")
        if not self.heard(item):
            out.append("observer: not heard; it is kept, and moves nothing")
        return tuple(out)

    def crossed(self, item: Item) -> list[Item]:
        """Others' messages that the author had not read when writing, though they come before."""
        since = item.key[0] - CROSSED_MS
        out = [
            other
            for other in self.record.unread(item)
            if other.key[0] >= since and other.statement.content.kind in SPOKEN
        ]
        return sorted(out)[-MAX_CROSSED:]

    def joint_acts(self, digest: bytes) -> list[bytes]:
        """What cites a joint statement, or a signature of one, and may move it."""
        tally = self.ladder.tallies.get(digest)
        if tally is None:
            return []
        # A store of before has signatures, and nothing else of them.
        signed = [by for by in tally.assents.values() if by != digest and by not in tally.acts]
        return [*tally.acts, *signed]

    @property
    def silence_ms(self) -> int:
        """After how long without a sign a peer is silent, though it be connected."""
        return self.charter.silence_s * 1000

    def link_state(self, link: Link, real_ms: int) -> tuple[LineState, str]:
        """The state of the line to one peer station, with its cause in words."""
        party = self.charter.party_of(link.station)
        for code in sorted({party, self.party}) if self.suspended else ():
            if code in self.suspended:
                cause = self.suspended[code].cause
                return LineState.SUSPENDED, f"suspended by {code}" + (f": {cause}" if cause else "")
        if not link.sessions:
            if link.failed:
                return LineState.DOWN, link.cause
            if link.last_heard_ms is None:
                return LineState.UNKNOWN, "nothing heard since this station started"
            return LineState.SILENT, link.cause
        if link.heard_at is not None and real_ms - link.heard_at >= self.silence_ms:
            return LineState.SILENT, "it is connected, and gives no sign"
        if party in self.unstaffed:
            cause = self.unstaffed[party].cause
            return LineState.UNSTAFFED, f"{party} says it is unstaffed" + (
                f": {cause}" if cause else ""
            )
        if self.neglected.get(party):
            return LineState.UNSTAFFED, (
                f"the station answers, but no officer of {party} has:"
                f" {self.neglected[party]} overdue"
            )
        lame = self._lame(link, party)
        return (LineState.DEGRADED, lame) if lame else (LineState.UP, "")

    def _lame(self, link: Link, party: str) -> str:
        """Why an open link is not as good as it should be; empty when it is."""
        if self.ladder.lacks_receipts(party, self.item):
            return "it has not signed for everything that it was sent"
        for other in self.links.values():
            if other.station == link.station or other.sessions:
                continue
            if self.charter.party_of(other.station) == party:
                return f"the other station of {party} is not connected"
        return ""
