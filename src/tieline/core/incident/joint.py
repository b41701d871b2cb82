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

Then, unless a log tells two stories, two versions of a chain never both bind for any two readers,
as long as one party of it has not signed in two places at once; whatever the others do. The proof
is in docs/decisions/0014-joint-statements.md, and tests/core/incident/test_joint.py tries it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tieline.core.agreement.meaning import Act, Means
from tieline.core.incident.entry import Entry, Knowing
from tieline.core.incident.signing import Chain, Does, Fault, Late, Moot, Signature, Version
from tieline.core.incident.states import JOINT
from tieline.core.incident.states import JointEvent as Event
from tieline.core.incident.states import JointState as State
from tieline.core.terms import Kind, RefRole

MAX_TRIED: Final = 20_000  # choices of signatures; a party that signs from many logs pays for it
AMENDS: Final = (RefRole.PREDECESSOR, RefRole.CORRECTS, RefRole.SUPERSEDES)


# --------------------------------------------------------------------------------------- gathering


def chains(entries: Iterable[Entry], knowing: Knowing) -> tuple[Chain, ...]:
    """The joint statements among these entries, by their roots in display order.

    The entries must hold whatever cites a joint statement of theirs, or a signature of one; more
    does no harm. Their order does not matter.
    """
    ordered = sorted(entries, key=lambda entry: entry.key)
    folds: dict[bytes, _Fold] = {}
    of: dict[bytes, _Fold] = {}  # by version, and by signature
    for entry in ordered:
        if entry.kind is Kind.JOINT and entry.parties:
            before = None if entry.story else _amended(entry, of, knowing)
            fold = of[before] if before else _Fold(entry.parties, knowing)
            if not entry.story:
                of[entry.digest] = fold
                folds.setdefault(fold.add(entry, before), fold)
            elif any(target in of for target in entry.cites()):
                of[next(t for t in entry.cites() if t in of)].told(entry)
            continue
        for cited in dict.fromkeys(of[t] for t in entry.cites() if t in of):
            cited.take(entry)
            if entry.kind is Kind.ASSENT:
                of.setdefault(entry.digest, cited)
    return tuple(fold.chain() for fold in folds.values())


def _amended(entry: Entry, of: Mapping[bytes, _Fold], knowing: Knowing) -> bytes | None:
    """The version that a joint statement takes the place of; ``None`` for one that begins anew.

    Of several that it names the first counts, so that nobody makes one chain of two. A text for
    other parties is another statement.
    """
    for role, target in entry.refs:
        fold = of.get(target)
        if role not in AMENDS or fold is None or target not in fold.texts:
            continue
        old = fold.texts[target]
        own = role is RefRole.PREDECESSOR or old.party == entry.party
        if own and old.parties == entry.parties and knowing.saw(entry, old):
            return target
    return None


@dataclass(slots=True, eq=False)
class _Fold:
    """A chain while it is read, act by act, in an order in which causes come first."""

    parties: tuple[str, ...]
    knowing: Knowing
    texts: dict[bytes, Entry] = field(default_factory=dict)
    amends: dict[bytes, bytes] = field(default_factory=dict)
    states: dict[bytes, State] = field(default_factory=dict)
    signatures: list[Signature] = field(default_factory=list)
    signed: dict[bytes, bytes] = field(default_factory=dict)  # by assent: its version
    rejections: dict[bytes, list[tuple[str, Entry, Does]]] = field(default_factory=dict)
    moot: list[Moot] = field(default_factory=list)
    unread: list[Entry] = field(default_factory=list)
    complied: list[tuple[bytes, Entry]] = field(default_factory=list)
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
            for older in self._ancestors(entry.digest):
                if not any(
                    one.version == older and one.by.party == entry.party and self._read(entry, one)
                    for one in self.signatures
                ):
                    self._reject(older, entry, Does.PROPOSE)
        return next(iter(self.texts))

    def told(self, entry: Entry) -> None:
        """A second story is shown and moves nothing."""
        self.twice.add(entry.party)

    def take(self, entry: Entry) -> None:
        """Whatever else cites a version, or an assent to one."""
        if entry.story:
            if entry.kind is Kind.ASSENT or entry.unread or self._does(entry):
                self.told(entry)
            return
        if entry.kind is Kind.ASSENT:
            target = entry.refs[0][1]
            if target in self.texts:
                self.signed[entry.digest] = target
                self.sign(entry, target)
            return
        if entry.unread and entry.party in self.parties:
            self.unread.append(entry)
        found = [self.signed.get(target, target) for target in entry.cites()]
        cited = [
            target for target in dict.fromkeys(found)
            if target in self.texts and self.knowing.saw(entry, self.texts[target])
        ]  # fmt: skip
        if entry.act is Act.COMPLY:
            self.complied.extend((target, entry) for target in cited)
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
        return next((one.by.party for one in self.signatures if one.by.digest == digest), "")

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
        self.signatures.append(Signature(entry, version))
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
        for one in self.signatures:
            other = one.by.party == entry.party and one.by.log != entry.log
            if other and one.version != version and self._stands(one, entry):
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
        elif any(
            one.by.party == entry.party and one.version == version and self._stands(one, entry)
            for one in self.signatures
        ):
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
        one.left = entry
        if not self._is_complete(one.version):
            standing = any(self._on(other, one.version) for other in self.signatures)
            self._move(one.version, Event.LEAVES if standing else Event.LEAVES_LAST)

    def _is_complete(self, version: bytes) -> bool:
        signed = {one.by.party for one in self.signatures if self._on(one, version)}
        return signed >= set(self.parties)

    def _move(self, version: bytes, event: Event) -> None:
        self.states[version] = JOINT.step(self.states[version], event)

    # --------------------------------------------------------------------------- what stands

    def _ancestors(self, version: bytes) -> Iterator[bytes]:
        while version in self.amends:
            version = self.amends[version]
            yield version

    def _standing(self, log: bytes) -> Signature | None:
        """The signature of a log that it has not left."""
        return next((o for o in self.signatures if o.by.log == log and o.left is None), None)

    def _on(self, one: Signature, version: bytes) -> bool:
        return one.version == version and one.left is None

    def _read(self, entry: Entry, one: Signature) -> bool:
        return one.by is entry or self.knowing.saw(entry, one.by)

    def _stands(self, one: Signature, seen_by: Entry) -> bool:
        """Whether a signature stands by what the author of an entry had read."""
        if not self._read(seen_by, one):
            return False
        return one.left is None or not self.knowing.saw(seen_by, one.left)

    def _holds(self, one: Signature, seen_by: Entry) -> bool:
        """Whether all had signed beside it, by what the author of an entry had read."""
        signed = {
            other.by.party
            for other in self.signatures
            if other.version == one.version and self._stands(other, seen_by)
        }
        return signed | {one.by.party} >= set(self.parties)

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
        )

    def _version(self, digest: bytes, outcome: _Outcome) -> Version:
        mine = [one for one in self.signatures if one.version == digest]
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
                for target, entry in self.complied
                if target == digest and entry.said is not None
            ),
        )

    def _weighed(self, version: bytes) -> _Outcome:
        """What the signatures that stand on a version come to."""
        standing = {
            party: [o for o in self.signatures if o.by.party == party and self._on(o, version)]
            for party in self.parties
        }
        missing = tuple(party for party, found in standing.items() if not found)
        if missing:
            return _Outcome(missing=missing)
        chosen = self._confirmed(tuple(standing.values()))
        if chosen is None:
            first = [found[0] for found in standing.values()]
            return _Outcome(
                unconfirmed=tuple(
                    one.by.party
                    for one in first
                    if any(self._read_at(one, other) is None for other in first)
                )
            )
        late, open_at = self._lateness(self.texts[version], chosen)
        may = self.texts[version].late_binds
        event = Event.CONFIRMED if may or not late else Event.CAME_LATE
        if self.unread or (open_at and not late and not may):
            return _Outcome(late=late, open_at=open_at)
        return _Outcome(event=event, late=late, open_at=open_at)

    def _read_at(self, one: Signature, other: Signature) -> tuple[int, int] | None:
        """Where and when the log of a signature shows that it had read another one."""
        if one is other:
            return one.by.position, one.by.time_ms
        return self.knowing.read_at(one.by.log, other.by)

    def _confirmed(self, found: tuple[list[Signature], ...]) -> tuple[Signature, ...] | None:
        """One signature of each party, such that the log of each has read all the others.

        That none of them is left is enough: one that held was not left, and of one that did not
        hold before it was left no log can have confirmed the others (see the decision record).
        """
        tried = 0
        stack: list[tuple[Signature, ...]] = [()]
        while stack and tried < MAX_TRIED:
            chosen = stack.pop()
            if len(chosen) == len(found):
                return chosen
            for one in reversed(found[len(chosen)]):
                tried += 1
                if all(self._read_at(one, other) and self._read_at(other, one) for other in chosen):
                    stack.append((*chosen, one))
        return None

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
        told: set[str] = set()
        for at, one in enumerate(self.signatures):
            for other in self.signatures[:at]:
                party = one.by.party
                if party != other.by.party or party in told or one.version == other.version:
                    continue
                if not self.knowing.saw(one.by, other.by):
                    told.add(party)
                    yield party, other.version, one.version


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    event: Event | None = None
    missing: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    late: tuple[Late, ...] = ()
    open_at: tuple[str, ...] = ()
