"""Joint statements: which text binds whom, by rules under which two texts never both do.

A text is proposed, amended (a new version that cites the one before as its predecessor, for the
same parties), signed, declined, withdrawn. The versions that grow from one root are a *chain*.
Everything follows from the past of single statements, so every reader finds the same of each:

1. Who named declines a version that it has not signed, or proposes another in its place, has
   *rejected* it: no signature of that party counts on it after that.
2. A signature stands in one log. It *holds* its log once, by what that log had read, every other
   party had signed too. One that does not hold can be left: by withdrawing, declining, cancelling
   or signing another version. One that holds cannot; such an act moves nothing.
3. A signature counts only if no earlier one of the same party, on another version of the chain and
   read by its author, stands: one in the same log is left by it, unless it holds; one in another
   log of the party must have been left there.
4. A version *binds* when each party's signature stands and has been confirmed: its log goes on,
   with whatever statement, after having read all the others. So who signed last is not the only
   one who knows, and nobody leaves a text that another believes to bind.
5. Of each log the first ``JOINT_ACTS`` statements of a chain are weighed, in the order of that log;
   what is said beyond, or upon it, belongs to no chain. Who floods spends the purse of its own log.

Then, unless a log tells two stories, two versions of a chain never both bind for any two readers,
as long as one party of it has not signed in two places at once; whatever the others do. The proof
is in docs/decisions/0014-joint-statements.md, and tests/core/incident/test_joint.py tries it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from math import prod
from typing import Final

from tieline.core.agreement.meaning import Act, Means
from tieline.core.incident.entry import Entry, Knowing, OrderKey
from tieline.core.incident.signing import Chain, Does, Fault, Late, Moot, Signature, Version
from tieline.core.incident.states import JOINT
from tieline.core.incident.states import JointEvent as Event
from tieline.core.incident.states import JointState as State
from tieline.core.terms import JOINT_ACTS, Kind, RefRole

MAX_CHOICES: Final = 4_096  # of one signature of each other party, by what one log had read
MAX_BACK: Final = 64  # versions in whose place one more stands: who proposes it rejects these


class _Signatures:
    """Those that count, in display order, to be found by version, by log and by party."""

    def __init__(self) -> None:
        self._by_party: dict[str, list[Signature]] = {}
        self._by_log: dict[str, dict[bytes, list[Signature]]] = {}
        self._of: dict[bytes, dict[str, list[Signature]]] = {}
        self._standing: dict[bytes, Signature] = {}
        self._on: dict[bytes, dict[bytes, Signature]] = {}
        self._authors: dict[bytes, str] = {}
        self._versions: dict[str, set[bytes]] = {}
        self._stand: dict[bytes, Counter[str]] = {}  # how many of each party, by version

    def add(self, one: Signature) -> None:
        """One more, later than all."""
        party, log = one.by.party, one.by.log
        self._by_party.setdefault(party, []).append(one)
        self._by_log.setdefault(party, {}).setdefault(log, []).append(one)
        self._of.setdefault(one.version, {}).setdefault(party, []).append(one)
        self._standing[log] = one
        self._on.setdefault(one.version, {})[log] = one
        self._authors.setdefault(one.by.digest, party)
        self._versions.setdefault(party, set()).add(one.version)
        self._stand.setdefault(one.version, Counter())[party] += 1

    def leave(self, one: Signature, by: Entry) -> None:
        """It is taken back by an act of its log."""
        one.left = by
        del self._standing[one.by.log]
        del self._on[one.version][one.by.log]
        self._stand[one.version][one.by.party] -= 1

    def versions(self, party: str) -> set[bytes]:
        """What a party has signed, from whatever log, also where it was left."""
        return self._versions.get(party, set())

    def signed_by(self, version: bytes, parties: Iterable[str]) -> bool:
        """Whether a signature of each of these parties stands on a version."""
        stand = self._stand.get(version, Counter())
        return all(stand[party] > 0 for party in parties)

    def parties(self) -> list[str]:
        """Who signed, in the order in which they did."""
        return list(self._by_party)

    def by(self, party: str) -> list[Signature]:
        """All of a party."""
        return self._by_party.get(party, [])

    def logs(self, party: str) -> list[tuple[bytes, list[Signature]]]:
        """The same by log."""
        return list(self._by_log.get(party, {}).items())

    def of(self, version: bytes, party: str = "") -> list[Signature]:
        """All on a version, or those of a party, also such as were left."""
        found = self._of.get(version, {})
        if party:
            return found.get(party, [])
        return sorted((one for some in found.values() for one in some), key=_key)

    def on(self, version: bytes) -> list[Signature]:
        """Those that stand on a version."""
        return sorted(self._on.get(version, {}).values(), key=_key)

    def standing(self, log: bytes) -> Signature | None:
        """The one that a log has not left."""
        return self._standing.get(log)

    def author(self, digest: bytes) -> str:
        """The party of the signature of a digest; empty if there is none."""
        return self._authors.get(digest, "")


def _key(one: Signature) -> OrderKey:
    return one.by.key


def doing(entry: Entry) -> Does | None:
    """What an entry is that is no message."""
    return {Kind.JOINT: Does.PROPOSE, Kind.ASSENT: Does.SIGN}.get(entry.kind)


@dataclass(slots=True, eq=False)
class Fold:
    """A chain while it is read, act by act, in an order in which causes come first."""

    parties: tuple[str, ...]
    knowing: Knowing
    texts: dict[bytes, Entry] = field(default_factory=dict)
    amends: dict[bytes, bytes] = field(default_factory=dict)
    states: dict[bytes, State] = field(default_factory=dict)
    signatures: _Signatures = field(default_factory=_Signatures)
    signed: dict[bytes, Entry] = field(default_factory=dict)  # assents
    paid: dict[bytes, int] = field(default_factory=dict)  # by log: how much of it is weighed
    over: dict[bytes, str] = field(default_factory=dict)  # logs that have spent it: their parties
    rejections: dict[bytes, list[tuple[str, Entry, Does]]] = field(default_factory=dict)
    moot: list[Moot] = field(default_factory=list)
    unread: list[Entry] = field(default_factory=list)
    complied: dict[bytes, list[Entry]] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)

    # ------------------------------------------------------------------------------- the acts

    def add(self, entry: Entry, before: bytes | None) -> bytes:
        """A version. Its author signs by making it, where that counts. Returns the root."""
        self.texts[entry.digest] = entry
        self.states[entry.digest] = JOINT.start(Event.PROPOSED)
        if before is not None:
            self.amends[entry.digest] = before
        self.sign(entry, entry.digest)
        if entry.party in self.parties and not entry.through:
            for older in islice(self._ancestors(entry.digest), MAX_BACK):
                mine = self.signatures.of(older, entry.party)
                if not any(self._read(entry, one) for one in mine):
                    self._reject(older, entry, Does.PROPOSE)
        return next(iter(self.texts))

    def told(self, entry: Entry) -> None:
        """A second story is shown and moves nothing."""
        self.twice.add(entry.party)

    def pays(self, entry: Entry) -> bool:
        """Whether its log has anything left to say here; the first entry beyond is told of."""
        spent = self.paid.get(entry.log, 0)
        if spent < JOINT_ACTS:
            self.paid[entry.log] = spent + 1
            return True
        if entry.log not in self.over:
            self.over[entry.log] = entry.party
            version = next((self._version_of(t) for t in entry.cites() if t in self), b"")
            does = doing(entry) or self._does(entry) or Does.WITHDRAW
            self.moot.append(Moot(by=entry, does=does, version=version, fault=Fault.SPENT))
        return False

    def __contains__(self, digest: bytes) -> bool:
        return digest in self.texts or digest in self.signed

    def _version_of(self, digest: bytes) -> bytes:
        by = self.signed.get(digest)
        return digest if by is None else by.refs[0][1]

    def reads(self, entry: Entry) -> tuple[bytes, ...]:
        """Of the versions and signatures here, those that it cites and its author had read."""
        signs = entry.kind is Kind.ASSENT
        return tuple(
            target for target in dict.fromkeys(entry.cites()[:1] if signs else entry.cites())
            for one in (self.texts.get(target) or (None if signs else self.signed.get(target)),)
            if one is not None and self.knowing.saw(entry, one)
        )  # fmt: skip

    def take(self, entry: Entry) -> None:
        """Whatever else cites a version, or an assent to one."""
        if entry.story:
            if entry.kind is Kind.ASSENT or entry.unread or self._does(entry):
                self.told(entry)
            return
        if entry.kind is Kind.ASSENT:
            target = entry.refs[0][1]
            if target in self.texts:
                if self.knowing.saw(entry, self.texts[target]):
                    self.signed[entry.digest] = entry
                self.sign(entry, target)
            return
        cited = [*dict.fromkeys(self._version_of(target) for target in self.reads(entry))]
        if entry.unread and cited and entry.party in self.parties:
            self.unread.append(entry)
        if entry.act is Act.COMPLY:
            for target in cited:
                self.complied.setdefault(target, []).append(entry)
            return
        does = self._does(entry)
        for target in cited if does else ():
            self.leave(entry, target, does or Does.WITHDRAW)

    def _does(self, entry: Entry) -> Does | None:
        """What a message does to what it cites. Cancelling one's own text takes it back."""
        if entry.act is Act.DECLINE:
            return Does.DECLINE
        if entry.act is Act.WITHDRAW:
            return Does.WITHDRAW
        own = [t for t in entry.cites(RefRole.CANCELS) if self._author(t) == entry.party]
        return Does.WITHDRAW if own else None

    def _author(self, digest: bytes) -> str:
        if digest in self.texts:
            return self.texts[digest].party
        return self.signatures.author(digest)

    def sign(self, entry: Entry, version: bytes) -> None:
        """A signature: by an assent, or by making the text."""
        makes = entry.kind is Kind.JOINT
        fault, stands = self._weigh(entry, version)
        if fault is not Fault.NONE:
            if not makes or fault not in (Fault.NOT_NAMED, Fault.SPOKEN_FOR):
                does = Does.PROPOSE if makes else Does.SIGN
                self.moot.append(
                    Moot(by=entry, does=does, version=version, fault=fault, stands=stands)
                )
            return
        before = self._standing(entry.log)
        if before is not None:
            self._take_back(before, entry)
        self.signatures.add(Signature(entry, version))
        new = self._is_complete(version) and self.states[version] is not State.COMPLETE
        self._move(version, Event.COMPLETES if new else Event.SIGNS)

    def _weigh(self, entry: Entry, version: bytes) -> tuple[Fault, bytes]:
        """Why a signature would not count, and what stands in its way."""
        if entry.party not in self.parties:
            return Fault.NOT_NAMED, b""
        if entry.through:
            return Fault.SPOKEN_FOR, b""
        text = self.texts[version]
        if entry is not text and not self.knowing.saw(entry, text):
            return Fault.UNREAD, b""
        for party, by, _ in self.rejections.get(version, ()):
            if party == entry.party and self.knowing.saw(entry, by):
                return Fault.REJECTED, b""
        before = self._standing(entry.log)
        if before is not None and before.version == version:
            return Fault.ALREADY, version
        if before is not None and self._holds(before, entry):
            return Fault.HOLDS, before.version
        # Of a party that has signed nothing else, be it from hundreds of logs, nothing is there.
        others = self.signatures.versions(entry.party) - {version}
        for one in self._elsewhere(entry) if others else ():
            if one.version != version:
                return Fault.ELSEWHERE, one.version
        return Fault.NONE, b""

    def leave(self, entry: Entry, version: bytes, does: Does) -> None:
        """A party declines a version, or takes back its signature on one."""
        fault = Fault.NONE
        before = self._standing(entry.log)
        if entry.party not in self.parties:
            fault = Fault.NOT_NAMED
        elif entry.through:
            fault = Fault.SPOKEN_FOR
        elif before is not None and before.version == version:
            if self._holds(before, entry):
                fault = Fault.HOLDS
            else:
                self._take_back(before, entry)
        elif any(one.version == version for one in self._elsewhere(entry)):
            fault = Fault.ELSEWHERE
        elif does is Does.WITHDRAW:
            fault = Fault.NOTHING
        if fault is not Fault.NONE:
            self.moot.append(
                Moot(by=entry, does=does, version=version, fault=fault, stands=version)
            )
        elif does is Does.DECLINE:
            self._reject(version, entry, does)

    def _reject(self, version: bytes, entry: Entry, does: Does) -> None:
        self.rejections.setdefault(version, []).append((entry.party, entry, does))
        self._move(version, Event.DECLINES if does is Does.DECLINE else Event.AMENDS)

    def _take_back(self, one: Signature, entry: Entry) -> None:
        self.signatures.leave(one, entry)
        if not self._is_complete(one.version):
            standing = self.signatures.on(one.version)
            self._move(one.version, Event.LEAVES if standing else Event.LEAVES_LAST)

    def _is_complete(self, version: bytes) -> bool:
        return self.signatures.signed_by(version, self.parties)

    def _move(self, version: bytes, event: Event) -> None:
        self.states[version] = JOINT.step(self.states[version], event)

    # --------------------------------------------------------------------------- what stands

    def _ancestors(self, version: bytes) -> Iterator[bytes]:
        while version in self.amends:
            version = self.amends[version]
            yield version

    def _standing(self, log: bytes) -> Signature | None:
        """The signature of a log that it has not left."""
        return self.signatures.standing(log)

    def _read(self, entry: Entry, one: Signature) -> bool:
        return one.by is entry or self.knowing.saw(entry, one.by)

    def _last(self, some: list[Signature], seen_by: Entry) -> Signature | None:
        """The last signature of a log that stands by what the author of an entry had read.

        A log leaves one signature before it makes the next, so only the last read can stand.
        """
        low, high = 0, len(some)
        while low < high:
            middle = (low + high) // 2
            if self._read(seen_by, some[middle]):
                low = middle + 1
            else:
                high = middle
        one = some[low - 1] if low else None
        left = one is not None and one.left is not None and self.knowing.saw(seen_by, one.left)
        return None if left else one

    def _elsewhere(self, entry: Entry) -> Iterator[Signature]:
        """What stands in other logs of a party, by what the author of an entry had read."""
        for log, some in self.signatures.logs(entry.party):
            one = None if log == entry.log else self._last(some, entry)
            if one is not None:
                yield one

    def _holds(self, one: Signature, seen_by: Entry) -> bool:
        """Whether all had signed beside it, by what the author of an entry had read."""
        return all(
            party == one.by.party
            or any(
                other is not None and other.version == one.version
                for _, some in self.signatures.logs(party)
                for other in (self._last(some, seen_by),)
            )
            for party in self.parties
        )

    # --------------------------------------------------------------------------- the outcome

    def chain(self) -> Chain:
        """What the acts come to, with all that was read since."""
        weighed = {digest: self._weighed(digest) for digest in self.texts}
        binding = [d for d, outcome in weighed.items() if outcome.event is Event.CONFIRMED]
        for digest, outcome in weighed.items():
            if outcome.event is not None:
                self._move(digest, outcome.event)
            if len(binding) > 1 and digest in binding:
                self._move(digest, Event.CONFLICT)
        versions = [self._version(digest, outcome) for digest, outcome in weighed.items()]
        return Chain(
            parties=self.parties,
            versions=tuple(versions),
            moot=tuple(self.moot),
            unread=tuple(self.unread),
            split=tuple(self._split()),
            twice=tuple(sorted(self.twice)),
            spent=tuple(sorted(set(self.over.values()))),
        )

    def _version(self, digest: bytes, outcome: _Outcome) -> Version:
        mine = self.signatures.of(digest)
        return Version(
            entry=self.texts[digest],
            amends=self.amends.get(digest, b""),
            state=self.states[digest],
            signed=tuple(one for one in mine if one.left is None),
            left=tuple(one for one in mine if one.left is not None),
            missing=outcome.missing,
            unconfirmed=outcome.unconfirmed,
            rejected=tuple(self.rejections.get(digest, ())),
            late=outcome.late,
            open_at=outcome.open_at,
            compliance=tuple(
                (entry.party, entry.said.sense(Means.COMPLIANCE), entry)
                for entry in self.complied.get(digest, ())
                if entry.said is not None
            ),
        )

    def _weighed(self, version: bytes) -> _Outcome:
        """What the signatures that stand on a version come to."""
        standing: dict[str, list[Signature]] = {party: [] for party in self.parties}
        for one in self.signatures.on(version):
            standing[one.by.party].append(one)
        missing = tuple(party for party, found in standing.items() if not found)
        if missing:
            return _Outcome(missing=missing)
        best: _Outcome | None = None
        for chosen in self._confirmed(version):
            outcome = self._outcome(self.texts[version], chosen)
            if outcome.event is Event.CONFIRMED:
                return outcome
            if best is None or (best.event is not None and outcome.event is None):
                best = outcome
        if best is not None:
            return best
        first = [found[0] for found in standing.values()]
        return _Outcome(
            unconfirmed=tuple(
                one.by.party
                for one in first
                if any(self._read_at(one, other) is None for other in first)
            )
        )

    def _outcome(self, text: Entry, chosen: tuple[Signature, ...]) -> _Outcome:
        """Whether a text binds by these signatures, which all have read each other."""
        late, open_at = self._lateness(text, chosen)
        may = text.late_binds
        event = Event.CONFIRMED if may or not late else Event.CAME_LATE
        if (open_at and not late and not may) or any(map(self._unsure(chosen), self.unread)):
            return _Outcome(late=late, open_at=open_at)
        return _Outcome(event=event, late=late, open_at=open_at)

    def _unsure(self, chosen: tuple[Signature, ...]) -> Callable[[Entry], bool]:
        """Whether one of these logs had read an entry when it showed that it had read all of them.

        Whether they count follows from what was read by then, and from nothing else: what nobody
        can read and was said later takes nothing from a text that binds.
        """
        shown = {
            one.by.log: max(
                (read[0] for other in chosen if (read := self._read_at(one, other))),
                default=one.by.position,
            )
            for one in chosen
        }

        def unsure(entry: Entry) -> bool:
            return any(
                (read := self.knowing.read_at(log, entry)) is not None and read[0] <= position
                for log, position in shown.items()
            )

        return unsure

    def _read_at(self, one: Signature, other: Signature) -> tuple[int, int] | None:
        """Where and when the log of a signature shows that it had read another one."""
        if one is other:
            return one.by.position, one.by.time_ms
        return self.knowing.read_at(one.by.log, other.by)

    def _confirmed(self, version: bytes) -> Iterator[tuple[Signature, ...]]:
        """One signature of each party, such that the log of each has read all the others.

        That none of them is left is enough: one that held was not left, and of one that did not
        hold before it was left no log can have confirmed the others (see the decision record).

        Looked for from each log, among the signatures that it had read before they left it more
        than ``MAX_CHOICES``. What its log had read first is for ever what it had read first: what
        is signed later, from however many logs, hides no signatures that were confirmed before.
        """
        told: set[tuple[bytes, ...]] = set()
        for anchor in self.signatures.on(version):
            rows = self._before(anchor, version)
            stack: list[tuple[Signature, ...]] = [(anchor,)] if all(rows) else []
            while stack:
                chosen = stack.pop()
                if len(chosen) > len(rows):
                    name = tuple(sorted(one.by.log for one in chosen))
                    if name not in told:
                        told.add(name)
                        yield chosen
                    continue
                stack += [
                    (*chosen, one) for one in reversed(rows[len(chosen) - 1])
                    if all(self._mutual(one, other) for other in chosen[1:])
                ]  # fmt: skip

    def _mutual(self, one: Signature, other: Signature) -> bool:
        return self._read_at(one, other) is not None and self._read_at(other, one) is not None

    def _before(self, anchor: Signature, version: bytes) -> list[list[Signature]]:
        """Of each other party, what a signature may be confirmed with, by the log of that one."""
        first: dict[bytes, Signature] = {}
        for one in self.signatures.of(version):
            first.setdefault(one.by.log, one)
        known = sorted(
            (read[0], one.by.party)
            for one in first.values()
            if one.by.party != anchor.by.party and (read := self._read_at(anchor, one))
        )
        counts: dict[str, int] = {}
        last = -1
        for position, party in known:
            counts[party] = counts.get(party, 0) + 1
            if prod(counts.values()) > MAX_CHOICES:
                last = position - 1
                break
            last = position
        rows: dict[str, list[Signature]] = {p: [] for p in self.parties if p != anchor.by.party}
        for one in self.signatures.on(version):
            read = self._read_at(anchor, one) if one.by.party in rows else None
            if read is not None and read[0] <= last and self._read_at(one, anchor) is not None:
                rows[one.by.party].append(one)
        return [*rows.values()]

    def _lateness(
        self, text: Entry, chosen: tuple[Signature, ...]
    ) -> tuple[tuple[Late, ...], tuple[str, ...]]:
        """Which signatures were made or came late, and where that is not known yet.

        A party's own word says when a signature came to it: the receipt of a station of it, or what
        its log says after having read it.
        """
        limit = text.effective_ms
        if limit is None:
            return (), ()
        late = [
            Late(party=one.by.party, at="", time_ms=one.by.time_ms)
            for one in chosen
            if one.by.time_ms > limit
        ]
        open_at: set[str] = set()
        for one in chosen:
            for other in chosen:
                read = self._read_at(one, other)
                if other is one or (read is not None and read[1] <= limit):
                    continue
                came_ms = self.knowing.arrived_ms(other.by, one.by.party)
                if came_ms is None:
                    open_at.add(one.by.party)
                elif came_ms > limit:
                    late.append(Late(party=other.by.party, at=one.by.party, time_ms=came_ms))
        return tuple(late), tuple(sorted(open_at))

    def _split(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Who signed two versions in two places without one having read of the other."""
        for party in self.signatures.parties():
            found = next(self._apart(party), None)
            if found is not None:
                yield party, found[1].version, found[0].version

    def _apart(self, party: str) -> Iterator[tuple[Signature, Signature]]:
        """Signatures of a party on two versions, neither of which had read the other."""
        logs = self.signatures.logs(party)
        several = len(logs) > 1 and len(self.signatures.versions(party)) > 1
        for one in self.signatures.by(party) if several else ():
            for log, some in logs:
                before = bisect_left(some, one.by.key, key=_key)
                if log == one.by.log or not before or self._read(one.by, some[before - 1]):
                    continue
                for other in some[max(0, before - MAX_BACK) : before]:
                    if other.version != one.version and not self._read(one.by, other):
                        yield one, other


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    event: Event | None = None
    missing: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    late: tuple[Late, ...] = ()
    open_at: tuple[str, ...] = ()
