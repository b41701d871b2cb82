"""Holds and ceases: who does not do something from when on, who agreed, and whether it is kept.

One rule goes before all others: nobody is told that a party is bound unless that party said so
itself and had not taken it back. What crossed is read so that less is relied upon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.incident.comply import Compliance, compliance, complies
from tieline.core.incident.entry import Entry, Part, instant_ms
from tieline.core.incident.heard import EVER, LAST, Folded, Heard, Settled, Tag, lift_ms
from tieline.core.incident.marks import Front, Marks, Saw, ordered
from tieline.core.incident.states import HOLD, HoldEvent, HoldState

_RANK: Final = {Sense.NOT_AGREED: 0, Sense.OTHER_TIME: 1, Sense.AGREED: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one party that was asked says. ``from_ms``: the other time it wants, or agrees to.

    ``accepted_by``: by which entry the hold's author took its other time.
    """

    party: str
    stance: Sense
    entry: bytes
    from_ms: int | None = None
    accepted_by: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A party that holds from ``from_ms`` (``None``: since it said so) until ``until_ms``.

    ``by``: the entry in which it says so; ``lifted_by``: the one in which it says that it ends.
    """

    party: str
    from_ms: int | None
    until_ms: int | None
    by: bytes
    lifted_by: bytes | None = None

    def holds(self, now_ms: int) -> bool:
        """Whether it is to hold at a moment."""
        begun = self.from_ms is None or self.from_ms <= now_ms
        return begun and (self.until_ms is None or now_ms < self.until_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One hold as it stands. ``bound``: who holds, from when; ``asked``: of whom it is asked.

    ``relayed``: the last of what was said to it for others, of ``relays``.
    """

    entry: Entry
    state: HoldState
    binding: Sense
    scope: Part | None
    area: Part | None
    from_ms: int | None
    until_ms: int | None
    asked: tuple[str, ...]
    replies: tuple[Reply, ...] = ()
    bound: tuple[Bound, ...] = ()
    compliance: tuple[Compliance, ...] = ()
    relayed: tuple[bytes, ...] = ()
    relays: int = 0
    withdrawn_by: bytes | None = None


@dataclass(frozen=True, slots=True)
class HoldThread:
    """A hold before its clock is looked at: what was said to it, in display order."""

    entry: Entry
    answers: tuple[Entry, ...]
    lifts: tuple[Entry, ...]
    compliance: tuple[Compliance, ...]
    relayed: tuple[bytes, ...]
    relays: int
    withdrawn_by: Entry | None


def fold_hold(entry: Entry, heard: Heard, marks: Marks, saw: Saw) -> Folded[Hold]:
    """A hold with what was said to it."""
    answers = {
        one.digest: one
        for party in asked_parties(entry)
        for reply in heard.brief(Act.HOLD_ANSWER, party)
        for one in (reply, *heard.taking(reply))
    }
    complied = heard.of_all(Act.COMPLY) + heard.of_all(Act.COMPLY, Tag.BREACH)
    thread = HoldThread(
        entry,
        tuple(ordered(answers.values())),
        tuple(heard.lifts()),
        compliance(ordered(complied), marks, saw),
        tuple(one.digest for one in heard.through[-LAST:]),
        len(heard.through),
        heard.withdrawal(entry, marks),
    )
    back = thread.withdrawn_by
    until_ms = instant_ms(entry, Means.UNTIL)
    ends = [at_ms for at_ms, _ in _lifts(thread.lifts).values()]
    ends += [] if until_ms is None else [until_ms]
    ends += [] if back is None else [back.time_ms]

    def settled(now_ms: int, dues: tuple[int | None, ...]) -> Settled[Hold]:
        span = (
            max((end for end in ends if end <= now_ms), default=-EVER),
            min((end for end in ends if end > now_ms), default=EVER),
        )
        return Settled((settle_hold(thread, now_ms, saw),), span, dues)

    return Folded(entry, (0 if back is None else 1, -entry.key[0]), settled)


def tag(entry: Entry) -> Tag:
    """What an entry is to a hold."""
    if entry.act is Act.HOLD_ANSWER:
        return Tag.SAYS if _stance(entry) in _RANK else Tag.NOTHING
    return complies(entry) if entry.act is Act.COMPLY else Tag.SAYS


def asked_parties(entry: Entry) -> tuple[str, ...]:
    """Of whom a hold is asked."""
    return tuple(dict.fromkeys(party for party in entry.to if party != entry.party))


@dataclass(slots=True)
class _Answers:
    """The answers to a hold, taken in display order."""

    hold: Entry
    asked: tuple[str, ...]
    saw: Saw
    fronts: dict[str, Front] = field(default_factory=dict)
    newest: dict[str, Entry] = field(default_factory=dict)
    counters: set[bytes] = field(default_factory=set)  # what proposes another time
    accepted: dict[bytes, Entry] = field(default_factory=dict)  # and by which entry it was taken

    def take(self, entry: Entry) -> bool:
        """Take one; whether it changes what the answers come to."""
        if entry.party == self.hold.party:
            counters = self.counters.intersection(entry.cites())
            if _stance(entry) is not Sense.AGREED or not counters:
                return False
            for digest in sorted(counters):
                self.accepted.setdefault(digest, entry)
            return True
        if entry.party not in self.asked:
            return False
        if _stance(entry) is Sense.OTHER_TIME:
            self.counters.add(entry.digest)
        front = self.fronts.setdefault(entry.party, Front(self.saw, _rank))
        self.newest[entry.party] = front.take(entry)
        return True

    def sum(self) -> HoldEvent:
        """What they come to."""
        stances = [reply.stance for reply in self.replies()]
        if Sense.NOT_AGREED in stances:
            return HoldEvent.NOT_AGREED
        if Sense.OTHER_TIME in stances:
            return HoldEvent.OTHER_TIME
        return HoldEvent.ALL if len(stances) == len(self.asked) else HoldEvent.SOME

    def replies(self) -> tuple[Reply, ...]:
        """What each party says; an other time that the author accepted is agreed to."""
        out: list[Reply] = []
        for party, entry in sorted(self.newest.items()):
            by = self.accepted.get(entry.digest)
            out.append(
                Reply(
                    party=party,
                    stance=Sense.AGREED if by else _stance(entry),
                    entry=entry.digest,
                    from_ms=instant_ms(entry, Means.FROM),
                    accepted_by=None if by is None else by.digest,
                )
            )
        return tuple(out)


def settle_hold(thread: HoldThread, now_ms: int, saw: Saw) -> Hold:
    """A hold at a moment."""
    entry = thread.entry
    binding = _binding(entry)
    asked = asked_parties(entry)
    answers = _Answers(entry, asked, saw)
    ours = binding is Sense.OURS
    state = HOLD.start(HoldEvent.OURS if ours else HoldEvent.PROPOSED)
    for one in thread.answers:
        if answers.take(one):
            state = HOLD.step(state, answers.sum())
    replies = answers.replies()
    bound = _bound(thread, state, binding, replies)
    until_ms = instant_ms(entry, Means.UNTIL)
    state = _end(thread, state, bound, until_ms, now_ms)
    answer = None if entry.said is None else entry.said.answers
    return Hold(
        entry=entry,
        state=state,
        binding=binding,
        scope=answer.get(Means.SCOPE) if answer else None,
        area=answer.get(Means.AREA) if answer else None,
        from_ms=instant_ms(entry, Means.FROM),
        until_ms=until_ms,
        asked=asked,
        replies=replies,
        bound=bound,
        compliance=thread.compliance,
        relayed=thread.relayed,
        relays=thread.relays,
        withdrawn_by=None if thread.withdrawn_by is None else thread.withdrawn_by.digest,
    )


def _bound(
    thread: HoldThread, state: HoldState, binding: Sense, replies: Sequence[Reply]
) -> tuple[Bound, ...]:
    """Who holds, from when: the author of its own, others as they agreed, all of a proposal."""
    entry = thread.entry
    own_ms = instant_ms(entry, Means.FROM)
    whole = state is HoldState.AGREED
    since: dict[str, tuple[int | None, bytes]] = {}
    if binding in (Sense.OURS, Sense.BOTH):
        since[entry.party] = (own_ms, entry.digest)
    elif whole:
        times = [own_ms, *(one.from_ms for one in replies if one.accepted_by)]
        since[entry.party] = (_later(times), entry.digest)
    if binding is not Sense.OURS and (binding is Sense.BOTH or whole):
        for one in replies:
            if one.stance is Sense.AGREED:
                from_ms = one.from_ms if one.accepted_by else _later((own_ms, one.from_ms))
                since[one.party] = (from_ms, one.entry)
    lifts = _lifts(thread.lifts)
    back = thread.withdrawn_by
    until = (instant_ms(entry, Means.UNTIL), None if back is None else back.time_ms)
    out: list[Bound] = []
    for party, (from_ms, by) in since.items():
        lift = lifts.get(party)
        ends = [one for one in (*until, None if lift is None else lift[0]) if one is not None]
        out.append(
            Bound(
                party=party,
                from_ms=from_ms,
                until_ms=min(ends, default=None),
                by=by,
                lifted_by=None if lift is None else lift[1].digest,
            )
        )
    return tuple(out)


def _lifts(lifts: Sequence[Entry]) -> Mapping[str, tuple[int, Entry]]:
    """The first time from which each party says that it no longer holds."""
    out: dict[str, tuple[int, Entry]] = {}
    for one in lifts:
        at_ms = lift_ms(one)
        if one.party not in out or at_ms < out[one.party][0]:
            out[one.party] = (at_ms, one)
    return out


def _end(
    thread: HoldThread,
    state: HoldState,
    bound: Sequence[Bound],
    until_ms: int | None,
    now_ms: int,
) -> HoldState:
    """The state once it has been taken back, lifted, or its end has passed: what came first."""
    author, back = thread.entry.party, thread.withdrawn_by
    parties = {author, *(one.party for one in bound)} if state is HoldState.AGREED else {author}
    ends = [
        (at_ms, 0, HoldEvent.LIFTED)
        for party, (at_ms, _) in _lifts(thread.lifts).items()
        if party in parties
    ]
    if until_ms is not None:
        ends.append((until_ms, 1, HoldEvent.UNTIL))
    if back is not None:
        ends.append((min(back.time_ms, now_ms), 2, HoldEvent.WITHDRAWN))
    passed = [one for one in ends if one[0] <= now_ms]
    return HOLD.step(state, min(passed)[2]) if passed else state


def _later(times: Sequence[int | None]) -> int | None:
    """The latest of some times that are stated: before it nobody relies on a hold."""
    return max((one for one in times if one is not None), default=None)


def _binding(entry: Entry) -> Sense:
    """Who holds. A form that does not ask says it of its author, and of nobody else."""
    said = Sense.NONE if entry.said is None else entry.said.sense(Means.BINDING)
    return Sense.OURS if said is Sense.NONE else said


def _stance(entry: Entry) -> Sense:
    return Sense.NONE if entry.said is None else entry.said.sense(Means.STANCE)


def _rank(entry: Entry) -> int:
    return _RANK[_stance(entry)]
