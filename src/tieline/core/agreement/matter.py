"""A message, the corrections that its sender made to it, and what was said of it since.

A ``Matter`` is a *root* message together with its corrections; the *current* one is what the rules
read, while the root's times still count for its sender: a slip of the pen that is put right
neither restarts another's clock nor excuses its own lateness. A message that supersedes is a matter
of its own.

Everything kept here is the same whatever the order in which concurrent messages arrive: of several
candidates the one with the smallest (claimed time, digest) is kept, never the first that came.
Every list that others can make longer is bounded, so that 100,000 answers to one request cost the
hundred-thousandth no more than the first.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from tieline.core.agreement.dates import end_of, start_of
from tieline.core.agreement.message import Message, Values, at_numbers
from tieline.core.agreement.model import Deadline, Exchange, Predecessor, Simultaneous
from tieline.core.agreement.plan import FormPlan, Way
from tieline.core.agreement.reason import SKEW_MS, Bracket, Doubt, Obligation
from tieline.core.agreement.value import Day, Instant
from tieline.core.terms import RefRole

# Acts of one party to one addressee that are looked at for one trigger: only an act before its time
# makes a later one count, and whoever acts eight times too early is shown as early.
ACTS_KEPT: Final = 8

# Versions of one message that are looked at besides the present one: the first ones.
VERSIONS_KEPT: Final = 31
STOPS_KEPT: Final = 512  # of one form: a list may be taken back one by one

ActKey = tuple[RefRole, str, str]  # role, form, sender
# Claimed time, digest, and what has them. A digest is never twice in a list, so that comparing two
# never comes to the entry.
Kept = tuple[int, bytes, "Entry"]
Hold = tuple[int, bytes, bool, "Entry"]


class Entry:
    """One admitted message, with the receipts known of it.

    ``first_ms``: when any other party first had it, by that party's clock (``None``: no receipt).
    ``threads``: the openings of the incidents that it stands in.
    """

    __slots__ = (
        "cause_ms", "depth", "first_ms", "matter", "message", "plan", "receipts", "targets",
        "threads",
    )  # fmt: skip

    def __init__(self, message: Message, plan: FormPlan, receipts: dict[str, int]) -> None:
        self.message = message
        self.plan = plan
        self.receipts = receipts  # by party: when its first station had it, by its own clock
        self.targets: tuple[tuple[RefRole, Entry], ...] = ()
        self.cause_ms = 0  # the latest claimed time among the messages that it cites
        self.depth = 0  # how many corrections it stands on
        self.threads: tuple[bytes, ...] = ()
        self.first_ms: int | None = None
        self.matter = Matter(self)
        for party, at_ms in receipts.items():
            self.received(party, at_ms)

    def received(self, party: str, at_ms: int) -> None:
        """A receipt came, or moved to an earlier time."""
        if party != self.message.sender and (self.first_ms is None or at_ms < self.first_ms):
            self.first_ms = at_ms

    @property
    def key(self) -> tuple[int, bytes]:
        """What decides among several."""
        return self.message.time_ms, self.message.digest

    def cites(self, wants: Predecessor) -> bool:
        """Whether it cites one of the predecessors that its form asks for."""
        for role, target in self.targets:
            if role is wants.role and target.message.form in wants.forms:
                return True
        return False

    def received_by(self, party: str) -> int | None:
        """When ``party`` had it; its sender had it when it says it wrote it."""
        message = self.message
        return message.time_ms if party == message.sender else self.receipts.get(party)

    def doubts(self) -> Iterator[Doubt]:
        """What speaks against its claimed time."""
        if self.written_from() != self.message.time_ms:
            yield Doubt.AFTER_RECEIPT
        if self.written_until() != self.message.time_ms:
            yield Doubt.BEFORE_CAUSE

    def written_from(self) -> int:
        """The earliest that it was written: its claim, unless another had it before that."""
        claimed, first = self.message.time_ms, self.first_ms
        return claimed if first is None or claimed <= first + SKEW_MS else first

    def written_until(self) -> int:
        """The latest that it was written: its claim, unless it cites what was written later."""
        claimed, cause = self.message.time_ms, self.cause_ms
        return cause if claimed + SKEW_MS < cause else claimed


class Said:
    """What one party said of a matter under one effect: the first few, of which one stands."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Take in what was said."""
        _keep(self._kept, entry)

    def standing(self) -> Entry | None:
        """The earliest that was not taken back."""
        return next((entry for entry in self._kept if not entry.matter.void), None)


class Acts:
    """What one party sent under one role and form about one matter, by addressee."""

    __slots__ = ("last", "to")

    def __init__(self) -> None:
        self.to: dict[str, list[Entry]] = {}  # by claimed time
        self.last: Entry | None = None  # whoever it was to

    def add(self, entry: Entry) -> None:
        """Keep it where it is among the first ``ACTS_KEPT`` to an addressee, or the last."""
        for party in entry.message.to:
            kept = self.to.get(party)
            if kept is None:
                self.to[party] = [entry]
            else:
                _keep(kept, entry)
        if self.last is None or entry.key > self.last.key:
            self.last = entry


def _keep(kept: list[Entry], entry: Entry, most: int = ACTS_KEPT) -> None:
    """Keep an entry where it is among the first ones, once."""
    place = bisect_left(kept, entry.key, key=_key)
    known = place < len(kept) and kept[place] is entry
    if place < most and not known:
        kept.insert(place, entry)
        del kept[most:]


def _key(entry: Entry) -> tuple[int, bytes]:
    return entry.key


class Matter:
    """A message with its corrections, and what others said of it.

    Most messages are never corrected, held, waived or contested: what would hold that is made when
    it is needed, and until then stands for all in one empty value.
    """

    __slots__ = (
        "acts", "affirmed_ms", "contests", "corrections", "current", "debts", "ender",
        "ender_role", "first", "holds", "known_to", "made_for", "quiet", "root", "stops", "waivers",
    )  # fmt: skip

    def __init__(self, root: Entry) -> None:
        self.root = root
        self.current = root
        self.corrections: Sequence[Entry] = ()
        self.first: list[Entry] | None = None  # the first versions in their order
        self.ender: Entry | None = None  # cancelled or superseded it
        self.ender_role = _CANCELS
        self.acts: Mapping[ActKey, Acts] = _NO_ACTS
        self.known_to: Mapping[str, int] = _NO_TIMES  # who cited it, by earliest claimed time
        self.waivers: Mapping[str, Said] = _NOTHING_SAID  # by creditor
        self.contests: Mapping[str, Said] = _NOTHING_SAID  # by debtor
        self.holds: Sequence[Hold] = ()  # set or lifted, by time
        self.stops: Mapping[str, list[Entry]] = _NO_STOPS  # by form: what ends how long it holds
        self.affirmed_ms: int | None = None  # when its sender last said that it stands
        self.debts: tuple[Debt, ...] = ()
        self.quiet = False  # it only takes back another of its form, and begins nothing
        self.made_for = -1  # the number of corrections for which the debts were made

    def act(self, key: ActKey, entry: Entry) -> None:
        """Note what a party sent about it."""
        if not isinstance(self.acts, dict):
            self.acts = {}
        found = self.acts.get(key)
        if found is None:
            found = self.acts[key] = Acts()
        found.add(entry)

    def cited_by(self, entry: Entry) -> None:
        """Its sender knew of this matter when it wrote that."""
        if not isinstance(self.known_to, dict):
            self.known_to = {}
        time_ms, sender = entry.message.time_ms, entry.message.sender
        self.known_to[sender] = min(self.known_to.get(sender, time_ms), time_ms)

    def waive(self, entry: Entry) -> None:
        """A creditor lets go what follows from it."""
        if not isinstance(self.waivers, dict):
            self.waivers = {}
        self.waivers.setdefault(entry.message.sender, Said()).add(entry)

    def contest(self, entry: Entry) -> None:
        """A debtor says that it does not owe what follows from it."""
        if not isinstance(self.contests, dict):
            self.contests = {}
        self.contests.setdefault(entry.message.sender, Said()).add(entry)

    def correct(self, entry: Entry) -> None:
        """Take a correction in. Of two corrections of one message the greater key is current."""
        if not isinstance(self.corrections, list):
            self.corrections = []
        self.corrections.append(entry)
        if self.first is None:
            self.first = [self.root]
        insort(self.first, entry, key=_place)
        del self.first[VERSIONS_KEPT:]
        if _place(entry) > _place(self.current):
            self.current = entry

    def versions(self) -> list[Entry]:
        """The first versions in their order, and the present one."""
        some = [self.root] if self.first is None else self.first.copy()
        if some[-1] is not self.current:
            some.append(self.current)
        return some

    def end(self, entry: Entry, role: RefRole) -> None:
        """Note that its sender cancelled or superseded it; the earliest stays."""
        if self.ender is None or entry.key < self.ender.key:
            self.ender, self.ender_role = entry, role

    @property
    def bare(self) -> bool:
        """Whether nobody said anything of it that may let off who owes what follows from it."""
        return self.ender is None and not (self.waivers or self.holds or self.contests)

    @property
    def void(self) -> bool:
        """Whether it was taken back, so that an effect of it is none."""
        return self.ender is not None and self.ender_role is _CANCELS

    def held(self, at_ms: int, debtor: str = "", *, strict: bool = False) -> Entry | None:
        """Who holds it at a time: the message that set the hold which is longest in force.

        ``debtor``: whose obligation that would excuse: nobody holds for itself what another sent.
        """
        own = debtor == self.root.message.sender
        by: dict[str, Entry] = {}
        for time_ms, _, on, entry in self.hold_steps(debtor, strict=strict):
            if time_ms > at_ms:
                break
            holder = entry.message.sender
            if on and not entry.matter.void and (own or holder != debtor):
                by.setdefault(holder, entry)
            elif not on:
                by.pop(holder, None)
        return min(by.values(), key=lambda entry: entry.key, default=None)

    def hold_steps(self, debtor: str, *, strict: bool) -> Sequence[Hold]:
        """The holds and what lifts them, each at the time at which it counts in a view.

        A hold excuses from its claimed time, and strictly from its first receipt; what lifts it
        counts strictly from its claimed time, else when the debtor had it.
        """
        if not debtor:
            return self.holds
        steps = []
        for time_ms, digest, on, entry in self.holds:
            when: int | None = time_ms
            if on and strict:
                when = max(time_ms, entry.first_ms or time_ms)
            elif not on and not strict and entry.message.sender != debtor:
                had = entry.received_by(debtor)
                when = None if had is None else max(time_ms, had)
            if when is not None:
                steps.append((when, digest, on, entry))
        steps.sort(key=_when)
        return steps

    def hold(self, entry: Entry, *, on: bool) -> None:
        """Note that a party stopped it, or let it go on."""
        if not isinstance(self.holds, list):
            self.holds = []
        insort(self.holds, (*entry.key, on, entry), key=_when)

    def stop(self, entry: Entry) -> None:
        """Note what its sender sent to end how long it holds, as far as it says so."""
        if not isinstance(self.stops, dict):
            self.stops = {}
        _keep(self.stops.setdefault(entry.message.form, []), entry, STOPS_KEPT)


def _when(step: Hold) -> tuple[int, bytes]:
    return step[:2]


def _place(entry: Entry) -> tuple[int, tuple[int, bytes]]:
    """What orders the versions of a message: how many corrections it stands on, then its key."""
    return entry.depth, entry.key


_CANCELS: Final = RefRole.CANCELS  # a member is found slowly, and this is asked all the time
_NO_ACTS: Final[Mapping[ActKey, Acts]] = MappingProxyType({})
_NO_STOPS: Final[Mapping[str, list[Entry]]] = MappingProxyType({})
_NO_TIMES: Final[Mapping[str, int]] = MappingProxyType({})
_NOTHING_SAID: Final[Mapping[str, Said]] = MappingProxyType({})


class Source(Protocol):
    """What debts come from: a rule, how it sets its clock, and the acts that count.

    ``bounded``: there is an upper bound, though its time may not be known. ``waits``: nothing may
    happen before a time that is not known yet. ``own``: the trigger itself is the act.
    """

    @property
    def rule(self) -> Deadline | Exchange | Simultaneous: ...

    @property
    def bounded(self) -> bool: ...

    @property
    def lapses(self) -> bool: ...

    @property
    def at_receipt(self) -> bool: ...

    @property
    def waits(self) -> bool: ...

    @property
    def own(self) -> bool: ...

    def terms(self, debt: Debt) -> Terms:
        """Its clock."""
        ...

    def idle(self, debt: Debt) -> bool:
        """Whether it is plain that there is no act; if not, ``acts`` says whether there is."""
        ...

    def acts(self, debt: Debt, creditor: str) -> Sequence[Entry]:
        """What the debtor sent to a creditor that may discharge it, by claimed time."""
        ...

    def is_nil(self, entry: Entry) -> bool:
        """Whether an act says that there is nothing to give."""
        ...


@dataclass(slots=True, eq=False)
class Debt:
    """One party's obligation from one matter, date or round, as the ledger keeps it.

    ``at_ms`` orders a listing and never changes. ``shown``: as it was last judged (``None``: it was
    not yet, or is no more). ``urgent_ms``: by what it stands among the open ones (-1: it does not).
    """

    id: str
    pack: str
    debtor: str
    creditors: tuple[str, ...]
    source: Source
    matter: Matter | None
    key: str
    at_ms: int
    shown: Obligation | None = None
    urgent_ms: int = -1


class Terms(NamedTuple):
    """A rule's clock set against one trigger.

    ``versions``: of a trigger that is judged by itself and was corrected, those that may count,
    each with its own clock. ``ended``: the correction that ended it in the debtor's view,
    ``strictly_ended`` in the creditors'.
    """

    base: Bracket
    not_before: Bracket | None
    due: Bracket
    versions: tuple[tuple[Entry, Terms], ...] = ()
    ended: Entry | None = None
    strictly_ended: Entry | None = None


class Stream:
    """What one party sent of one form, by addressee and claimed time."""

    __slots__ = ("to",)

    def __init__(self) -> None:
        self.to: dict[str, list[Kept]] = {}

    def add(self, entry: Entry) -> bool:
        """Keep it in order of its claimed time; whether it is the last one everywhere."""
        last, item = True, (*entry.key, entry)
        for party in entry.message.to:
            kept = self.to.setdefault(party, [])
            last = last and (not kept or kept[-1][:2] < item[:2])
            insort(kept, item)
        return last

    def first(self, party: str) -> list[Entry]:
        """The first ``ACTS_KEPT`` to a party."""
        return [entry for _, _, entry in self.to.get(party, [])[:ACTS_KEPT]]

    def after(self, party: str, key: tuple[int, bytes]) -> list[Entry]:
        """The first ``ACTS_KEPT`` to a party after a (claimed time, digest)."""
        kept = self.to.get(party, [])
        begin = bisect_left(kept, key)
        if begin < len(kept) and kept[begin][:2] == key:
            begin += 1
        return [entry for _, _, entry in kept[begin : begin + ACTS_KEPT]]


@dataclass(frozen=True, slots=True)
class Stated:
    """A time that a field states: the ends of what it may mean, and whether it is a date."""

    low_ms: int
    high_ms: int
    date: bool


def stated_at(values: Values, way: Way, *, last: bool = False) -> Stated | None:
    """The earliest (or ``last``: latest) time along a way; ``None`` when none is stated."""
    best: Stated | None = None
    for one in at_numbers(values, way):
        if isinstance(one, Instant):
            spread, ms = one.spread_s * 1000, one.ms
            found = Stated(ms - spread, ms + spread, date=False)
        elif isinstance(one, Day):
            found = Stated(start_of(one.days), end_of(one.days), date=True)
        else:
            continue
        if best is None or (found.high_ms > best.high_ms if last else found.low_ms < best.low_ms):
            best = found
    return best
