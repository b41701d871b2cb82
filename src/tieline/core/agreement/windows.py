"""How long a message holds, exchanges of a date, and lists that are opened together.

**Validity.** Silence means valid: a message holds from its beginning to its end unless its sender
cancels or supersedes it, whoever says nothing. A rule may want it affirmed from time to time (any
message of its sender that cites it as its concern, or a correction); without that it is *stale*,
which is not the same as ended. A rule may name forms by which its sender ends it, as a whole or
object by object; these affirm nothing. A validity without an end lasts until it is taken back.

**Simultaneous exchange.** Every party commits to its list by a hash. Opening is owed as soon as
every commitment of the round has a receipt of every other party in it, and is early before that.
The parties of a round are the sender and the addressees of its commitments: two parties of a line
may have a round of their own. Whether an opened list fits its commitment is not judged here: the
list is in the opening, and who holds both hashes it.
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from tieline.core.agreement.clocks import exchange_due, exchange_opens, exchange_terms
from tieline.core.agreement.dates import (
    DAY_MS,
    clamp_year,
    day_number,
    day_of,
    end_of,
    start_of,
    within,
)
from tieline.core.agreement.matter import (
    Acts,
    Debt,
    Entry,
    Matter,
    Terms,
    stated_at,
)
from tieline.core.agreement.message import at_numbers
from tieline.core.agreement.model import Cite, Count, Exchange, Simultaneous
from tieline.core.agreement.plan import RoundPlan, ValidityPlan, named
from tieline.core.agreement.reason import (
    UNKNOWN,
    Bracket,
    Input,
    InputKind,
    Obligation,
    Origin,
    State,
)
from tieline.core.terms import RefRole

Bound = tuple[bool, int, int, bytes]  # no receipt, the first receipt, claimed time, digest


class Holds(enum.StrEnum):
    """Whether a message holds."""

    PENDING = "not yet"
    VALID = "valid"
    STALE = "stale"
    HELD = "held"
    EXPIRED = "expired"
    ENDED = "ended"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


# By itself, or cut.
GONE: Final = frozenset({Holds.EXPIRED, Holds.ENDED, Holds.CANCELLED, Holds.SUPERSEDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long a message holds. ``until_ms``: its last instant; ``None``: until it is taken back.

    ``stale_ms``: after this it must have been affirmed. ``by``: what cancelled, superseded or holds
    it. When a stated time is uncertain the window is the longest that it may mean.
    """

    rule: str
    pack: str
    message: bytes
    current: bytes
    sender: str
    since_ms: int | None
    until_ms: int | None
    stale_ms: int | None
    state: Holds
    by: bytes
    inputs: tuple[Input, ...]
    cite: Cite


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeState:
    """What one party gave for one exchange date. ``nil``: it says that it has nothing to report.

    ``valid_ms``: as of when what it gave is valid, or ``None``.
    """

    rule: str
    pack: str
    party: str
    year: int
    opens_ms: int
    due_ms: int
    valid_ms: int | None
    state: State
    strict: State
    nil: bool
    message: bytes
    cite: Cite


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """One thing of the calendar: a date of an exchange, a due time, or a window's end.

    ``what``: "exchange", "due", "opens", "valid from", "valid until", "revalidate". ``ref``: an
    obligation's id, or a message's digest as hex.
    """

    at_ms: int
    what: str
    pack: str
    rule: str
    party: str
    ref: str
    cite: Cite


# -------------------------------------------------------------------------------------- validity


Ends = tuple[int | None, int | None, int | None]  # since, until, stale


def ends_of(plan: ValidityPlan, matter: Matter) -> Ends:
    """The first and the last instant of a window, and after which it must have been affirmed."""
    revalidate_ms = plan.rule.revalidate_ms
    since, until = _ends(plan, matter)
    if revalidate_ms is None:
        return since, until, None
    affirmed = max(matter.current.message.time_ms, matter.affirmed_ms or 0)
    return since, until, within(affirmed + revalidate_ms)


def window(plan: ValidityPlan, matter: Matter, now_ms: int) -> Window:
    """How long a message holds, and whether it does at ``now_ms``."""
    rule, message = plan.rule, matter.current.message
    since, until, stale = ends = ends_of(plan, matter)
    state, by = holds(plan, matter, ends, now_ms)
    inputs = [
        Input(name="issue", kind=InputKind.TIME, value=message.time_ms, origin=Origin.CLAIM,
              message=message.digest),
        Input(name="from", kind=InputKind.TIME, value=since, origin=Origin.FIELD,
              message=message.digest, path=rule.from_path),
        Input(name="until", kind=InputKind.TIME, value=until, origin=Origin.FIELD,
              message=message.digest, path=rule.until_path or rule.from_path),
        Input(name="plus", kind=InputKind.DURATION, value=rule.until_plus_ms, origin=Origin.PACK),
    ]  # fmt: skip
    if rule.revalidate_ms is not None:
        inputs.append(
            Input(name="affirmed", kind=InputKind.TIME, value=matter.affirmed_ms,
                  origin=Origin.RECORD, message=message.digest)
        )  # fmt: skip
    if rule.objects:
        out, whole, _ = _taken_out(plan, matter)
        inputs += [
            Input(name=name, kind=InputKind.COUNT, value=value, origin=Origin.RECORD,
                  message=message.digest)
            for name, value in (("objects", whole), ("taken-out", out))
        ]  # fmt: skip
    return Window(
        rule=rule.id, pack=matter.root.plan.pack.pack.id, message=matter.root.message.digest,
        current=message.digest, sender=message.sender, since_ms=since, until_ms=until,
        stale_ms=stale, state=state, by=by, inputs=tuple(inputs), cite=rule.cite,
    )  # fmt: skip


def _ends(plan: ValidityPlan, matter: Matter) -> tuple[int | None, int | None]:
    """First and last instant. A field that states no time leaves its end unknown."""
    rule, message = plan.rule, matter.current.message
    begins = stated_at(message.values, plan.since) if plan.since else None
    if plan.since:
        since = None if begins is None else begins.low_ms
        last = None if begins is None else begins.high_ms
    else:
        since = last = matter.root.message.time_ms
    if plan.until:
        ends = stated_at(message.values, plan.until, last=True)
        last = None if ends is None else ends.high_ms
    elif not rule.until_plus_ms:
        last = None
    if rule.count is Count.UTC_DATE:
        since = None if since is None else start_of(day_of(since))
        days = rule.until_plus_ms // DAY_MS
        return since, None if last is None else within(end_of(day_of(last) + days))
    return since, None if last is None else within(last + rule.until_plus_ms)


def holds(plan: ValidityPlan, matter: Matter, ends: Ends, now_ms: int) -> tuple[Holds, bytes]:
    """Whether a message with these ends holds, and what cut or holds it."""
    since, until, stale = ends
    if matter.ender is not None:
        cut = matter.ender_role is RefRole.CANCELS
        return (Holds.CANCELLED if cut else Holds.SUPERSEDED), matter.ender.message.digest
    _, _, ended = _taken_out(plan, matter)
    if ended is not None:
        return Holds.ENDED, ended.message.digest
    if until is not None and now_ms > until:
        return Holds.EXPIRED, b""
    holder = matter.held(now_ms)
    if holder is not None:
        return Holds.HELD, holder.message.digest
    if since is not None and now_ms < since:
        return Holds.PENDING, b""
    if stale is not None and now_ms > stale:
        return Holds.STALE, b""
    return Holds.VALID, b""


def _taken_out(plan: ValidityPlan, matter: Matter) -> tuple[int, int, Entry | None]:
    """How many of its objects its sender has ended, of how many, and the message that ended all."""
    acts = [
        entry
        for form in plan.rule.ended_by
        for entry in matter.stops.get(form, ())
        if not entry.matter.void and entry.matter.root is entry
    ]
    if not plan.objects:
        return 0, 0, min(acts, key=lambda entry: entry.key, default=None)
    left = {named(one) for one in at_numbers(matter.current.message.values, plan.objects)}
    whole = len(left)
    for entry in sorted(acts, key=lambda entry: entry.key):
        message = entry.matter.current.message
        left -= {named(one) for one in at_numbers(message.values, plan.ended[message.form])}
        if not left:
            return whole, whole, entry
    return whole - len(left), whole, None


# -------------------------------------------------------------------------------- exchange dates


@dataclass(slots=True, eq=False)
class Slot:
    """What one party gives for one exchange date."""

    pack: str
    rule: Exchange
    party: str
    year: int
    acts_kept: Acts = field(default_factory=Acts)
    debts: tuple[Debt, ...] = ()

    bounded: ClassVar[bool] = True
    lapses: ClassVar[bool] = False
    at_receipt: ClassVar[bool] = False
    waits: ClassVar[bool] = False
    own: ClassVar[bool] = False

    def terms(self, debt: Debt) -> Terms:
        return exchange_terms(self.rule, self.year)

    def idle(self, debt: Debt) -> bool:
        """Whether it gave nothing for this date."""
        return not self.acts_kept.to

    def acts(self, debt: Debt, creditor: str) -> Sequence[Entry]:
        """What the party gave to another for this date."""
        return self.acts_kept.to.get(creditor, ())

    def is_nil(self, entry: Entry) -> bool:
        """Whether a message says that there is nothing to report."""
        form = entry.message.form
        return form in self.rule.nil and form not in self.rule.forms


def exchange_state(slot: Slot, shown: Obligation) -> ExchangeState:
    """What an obligation to give says of the exchange."""
    rule = slot.rule
    valid = None
    if rule.valid_month:
        valid = start_of(day_number(clamp_year(slot.year + 1), rule.valid_month, rule.valid_day))
    given = shown.done_ms is not None
    return ExchangeState(
        rule=rule.id, pack=slot.pack, party=slot.party, year=slot.year,
        opens_ms=exchange_opens(rule, slot.year), due_ms=exchange_due(rule, slot.year),
        valid_ms=valid, state=shown.state, strict=shown.strict, nil=shown.nil,
        message=shown.by if given else b"", cite=rule.cite,
    )  # fmt: skip


# ---------------------------------------------------------------------------------- simultaneous


class Commits:
    """What one party committed to in one round, however often; the one that binds is at hand.

    Which one binds hangs on receipts and on what was taken back since, and both may come in any
    order. So none is left out, and each is put in anew when something of it has changed: what was
    put in before is passed over where it is found not to be so any more.
    """

    __slots__ = ("_first", "all")

    def __init__(self) -> None:
        self.all: dict[bytes, Entry] = {}
        self._first: list[Bound] = []

    def put(self, entry: Entry) -> None:
        """Take in a commitment, or look at it again."""
        self.all[entry.message.digest] = entry
        heapq.heappush(self._first, _bound(entry))

    def binding(self) -> Entry | None:
        """The one that another party had first, of those that were not taken back."""
        while self._first:
            entry = self.all[self._first[0][3]]
            if not entry.matter.void and _bound(entry) == self._first[0]:
                return entry
            heapq.heappop(self._first)
        return None


@dataclass(slots=True, eq=False)
class Round:
    """One round of a simultaneous exchange, among one set of parties."""

    plan: RoundPlan
    pack: str
    name: str
    parties: tuple[str, ...]
    commits: dict[str, Commits] = field(default_factory=dict)
    debts: tuple[Debt, ...] = ()

    bounded: ClassVar[bool] = True
    lapses: ClassVar[bool] = False
    at_receipt: ClassVar[bool] = False
    waits: ClassVar[bool] = True
    own: ClassVar[bool] = False

    @property
    def rule(self) -> Simultaneous:
        return self.plan.rule

    def commit(self, entry: Entry) -> None:
        """Take in a commitment, or look again at one that was received or taken back."""
        self.commits.setdefault(entry.message.sender, Commits()).put(entry)

    def committed(self, party: str) -> Entry | None:
        """The commitment that binds a party: the one that another party had first.

        A receipt is evidence that its author cannot move; a claimed time is not.
        """
        found = self.commits.get(party)
        return None if found is None else found.binding()

    def seconds(self) -> list[Entry]:
        """Commitments that came after the one that binds."""
        out: list[Entry] = []
        for _, commits in sorted(self.commits.items()):
            first = commits.binding()
            some = [one for one in commits.all.values() if one is not first]
            out += sorted(some, key=lambda entry: entry.key)
        return out

    def complete_ms(self) -> int | None:
        """When every commitment had a receipt of every other party, or ``None``: not yet."""
        times: list[int] = []
        for party in self.parties:
            commit = self.committed(party)
            if commit is None:
                return None
            for other in self.parties:
                if other != party:
                    receipt = commit.receipts.get(other)
                    if receipt is None:
                        return None
                    times.append(receipt)
        return max(times, default=None)

    def idle(self, debt: Debt) -> bool:
        """Never said at once: what it opened hangs on which of its commitments binds it."""
        return False

    def acts(self, debt: Debt, creditor: str) -> Sequence[Entry]:
        """The party's openings of the commitment that binds it."""
        commit = self.committed(debt.debtor)
        if commit is None:
            return ()
        kept = commit.matter.acts.get((RefRole.PREDECESSOR, self.rule.open, debt.debtor))
        return () if kept is None else kept.to.get(creditor, ())

    def is_nil(self, entry: Entry) -> bool:
        return False

    def terms(self, debt: Debt) -> Terms:
        """The clock of the openings."""
        base = self.complete_ms()
        if base is None:
            return Terms(UNKNOWN, UNKNOWN, UNKNOWN)
        due = within(base + self.rule.within_ms)
        return Terms(Bracket(base, base), Bracket(base, base), Bracket(due, due))


def _bound(entry: Entry) -> Bound:
    first = entry.first_ms
    return first is None, first or 0, *entry.key
