"""Who owes what to whom by when: a fold over the record and the clock.

``admit`` takes the messages in an order in which causes come before effects; among the orders that
do, all give the same answers. ``receipt`` says when a party's station had a message, by its own
clock; it may come before the message or after it. Nothing here is ever computed from the beginning
again: a message renews what it touches, and asking at a later time renews what that time changes.

What does *not* count: a message of a pack or form that is not known, and what a goodwill notice
would oblige to. What is *not* judged: whether an answer answers well, whether a stated number is
true. A claimed time that the record contradicts is flagged (``doubts``) and widens the bracket; it
is never corrected.

Cost: ``admit`` and ``receipt`` do a bounded amount of work, whatever the record holds already; the
asking pays for what was touched since it was last asked. A suspension touches what is open between
its parties. Putting the clock back looks at everything again. What goes through the whole record
can be asked for in steps (``steps``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tieline.core.agreement.clocks import exchange_due, exchange_opens
from tieline.core.agreement.dates import clamp_year, year_of
from tieline.core.agreement.explain import reasons
from tieline.core.agreement.fold import YEARS_BACK, Fold
from tieline.core.agreement.limits import Question, Weighed, questions, weigh
from tieline.core.agreement.matter import Debt, Entry, Matter
from tieline.core.agreement.message import at_numbers
from tieline.core.agreement.model import Cite, Predecessor
from tieline.core.agreement.places import overlap
from tieline.core.agreement.plan import ValidityPlan
from tieline.core.agreement.quota import QuotaState
from tieline.core.agreement.reason import Doubt, Explanation, Obligation
from tieline.core.agreement.serials import SerialGap
from tieline.core.agreement.standing import Pair
from tieline.core.agreement.steps import EACH, Steps, in_order, whole
from tieline.core.agreement.value import Serial
from tieline.core.agreement.windows import (
    GONE,
    Ends,
    Entered,
    ExchangeState,
    Round,
    Window,
    ends_of,
    exchange_state,
    holds,
    window,
)

ENTERED_MAX = 10_000  # of one calendar
# An entry of the calendar as it is sorted: time, pack, rule, what, party, reference.
_Dated = tuple[int, str, str, str, str, str, Cite]
BEARING_SHOWN = 20  # messages of one number


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """A message without a predecessor that its form wants cited."""

    message: bytes
    sender: str
    pack: str
    form: str
    wants: Predecessor


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundState:
    """One round of a simultaneous exchange: who committed, and since when it may be opened.

    ``missing``: pairs (whose commitment, who has not given a receipt). ``second``: commitments that
    bind nobody, because their party had committed before.
    """

    rule: str
    pack: str
    round: str
    parties: tuple[str, ...]
    commitments: tuple[tuple[str, bytes], ...]
    missing: tuple[tuple[str, str], ...]
    opens_ms: int | None
    second: tuple[bytes, ...]
    cite: Cite


class Ledger(Fold):
    """The questions that a desk asks. Answers are in a fixed order; see ``reason`` for views."""

    def obligations(
        self, now_ms: int, *, party: str = "", open_only: bool = False
    ) -> list[Obligation]:
        """Who owes what at ``now_ms``.

        All in order of their triggers, or (``open_only``) what is not settled, first due first.
        ``party``: only what it owes or is owed.
        """
        self.refresh(now_ms)
        rows = self.sheet.open_rows() if open_only else self.sheet.rows()
        if party:
            return [one for one in rows if party == one.debtor or party in one.creditors]
        return rows.copy()

    def open_steps(self, now_ms: int) -> Steps[list[Obligation]]:
        """What is not settled at ``now_ms``, of all parties, first due first."""
        self.refresh(now_ms)
        return (yield from self.sheet.open_steps())

    def obligation(self, id_: str, now_ms: int) -> Obligation | None:
        """One of them."""
        self.refresh(now_ms)
        return self.sheet.get(id_)

    def about(self, digests: Iterable[bytes], now_ms: int) -> list[Obligation]:
        """What some messages began, discharged or let off, in the order of ``obligations``.

        It costs what the messages are, and not what the record is.
        """
        self.refresh(now_ms)
        found: dict[str, Debt] = {}
        for digest in digests:
            entry = self.entries.get(digest)
            if entry is not None and entry.matter.root is entry:
                found.update((one.id, one) for one in entry.matter.debts)
            found.update((one.id, one) for one in self.sheet.by(digest))
        rows = sorted((one.at_ms, one.id, one.shown) for one in found.values() if one.shown)
        return [shown for *_, shown in rows]

    def explain(self, id_: str, now_ms: int) -> Explanation | None:
        """Why an obligation is as it is, or ``None``: there is no such obligation."""
        self.refresh(now_ms)
        shown = self.sheet.get(id_)
        if shown is None:
            return None
        debt = self.sheet.debts[id_]
        return reasons(debt, shown, now_ms)

    def thresholds(self, digest: bytes) -> list[Weighed]:
        """A message against each threshold that applies to it, with the margin to each number."""
        entry = self.entries.get(digest)
        if entry is None:
            return []
        found = (weigh(plan, entry.matter) for plan in entry.matter.root.plan.thresholds)
        return [one for one in found if one is not None]

    def questions(self) -> list[Question]:
        """Activities that look like parts of one: to be asked about, by a person."""
        return whole(self.questions_steps())

    def questions_steps(self) -> Steps[list[Question]]:
        """See ``questions``."""
        out: list[Question] = []
        for plan in self.plans.values():
            for threshold in plan.thresholds.values():
                if not threshold.asks:
                    continue
                by_sender: dict[str, list[Matter]] = {}
                some = self.matters.get((plan.pack.id, threshold.rule.on), ())
                for place, matter in enumerate(some):
                    by_sender.setdefault(matter.root.message.sender, []).append(matter)
                    if place % EACH == 0:
                        yield
                out += yield from questions(threshold, by_sender, overlap)
        return out

    def quotas(self, now_ms: int, party: str = "") -> list[QuotaState]:
        """Each quota of each party (or one) for the current year and later ones already used."""
        return whole(self.quotas_steps(now_ms, party))

    def quotas_steps(self, now_ms: int, party: str = "") -> Steps[list[QuotaState]]:
        """See ``quotas``."""
        self.refresh(now_ms)
        this = year_of(now_ms)
        out: list[QuotaState] = []
        for _, book in sorted(self.quota_books.items()):
            yield from book.renew()
            for one in (party,) if party else sorted({*self.parties, *book.parties()}):
                for year in [this, *(year for year in book.years(one) if year > this)]:
                    out.append(book.state(one, year))
                    yield
        return out

    def validities(self, now_ms: int, *, held_only: bool = False) -> list[Window]:
        """How long each message holds; ``held_only``: without what has ended by itself or was cut.

        In order of the messages' claimed times.
        """
        return whole(self.validities_steps(now_ms, held_only=held_only))

    def validities_steps(self, now_ms: int, *, held_only: bool = False) -> Steps[list[Window]]:
        """See ``validities``."""
        rows: list[tuple[bool, int, bytes, str, Window]] = []
        for place, (plan, matter, ends) in enumerate(self._windows()):
            if not held_only or holds(plan, matter, ends, now_ms)[0] not in GONE:
                one = window(plan, matter, now_ms)
                since = one.since_ms
                rows.append((since is None, since or 0, one.message, one.rule, one))
            if place % EACH == 0:
                yield
        rows = yield from in_order(rows)
        return [one for *_, one in rows]

    def _windows(self) -> Iterator[tuple[ValidityPlan, Matter, Ends]]:
        for some in list(self.matters.values()):
            if some[0].root.plan.validities:
                for matter in some:
                    for plan in matter.root.plan.validities:
                        yield plan, matter, ends_of(plan, matter)

    def validity(self, digest: bytes, now_ms: int) -> list[Window]:
        """How long one message holds."""
        entry = self.entries.get(digest)
        if entry is None:
            return []
        return [window(plan, entry.matter, now_ms) for plan in entry.matter.root.plan.validities]

    def exchanges(self, now_ms: int) -> list[ExchangeState]:
        """What each party gave for each date of an exchange."""
        self.refresh(now_ms)
        out = [
            exchange_state(slot, shown)
            for slot in self.slots.values()
            for debt in slot.debts
            if (shown := self.sheet.get(debt.id)) is not None
        ]
        out.sort(key=lambda one: (one.due_ms, one.pack, one.rule, one.party))
        return out

    def round_states(self) -> list[RoundState]:
        """The rounds of simultaneous exchanges."""
        return [_round_state(found) for _, found in sorted(self.rounds.items())]

    def status(self, one: str, other: str, pack: str, at_ms: int, *, strict: bool = False) -> Pair:
        """What a pack is between two parties at a time."""
        self._spread_chains()  # what was taken back since anything was asked moves it no more
        return self.standings[pack].between(one, other, at_ms, strict=strict)

    def serial_gaps(self) -> list[SerialGap]:
        """The series in which numbers are missing or came twice."""
        out = []
        for key, serials in sorted(self.serials.items()):
            missing, repeated = serials.missing(), serials.repeated()
            if missing or repeated:
                pack, form, sender = key
                same = self._bearing(key, {*repeated})
                twice = tuple((number, tuple(same.get(number, ()))) for number in repeated)
                out.append(
                    SerialGap(pack=pack, form=form, sender=sender, missing=missing,
                              repeated=repeated, twice=twice)
                )  # fmt: skip
        return out

    def same_number(self, digest: bytes) -> tuple[bytes, ...]:
        """The other messages of its series that bear a message's number."""
        entry = self.entries.get(digest)
        if entry is None or not entry.plan.serial or entry.matter.root is not entry:
            return ()
        message = entry.message
        key = (message.pack, message.form, message.sender)
        (number,) = _numbers(entry) or (0,)
        if key not in self.serials or not self.serials[key].is_twice(number):
            return ()
        found = self._bearing(key, {number}).get(number, [])
        return tuple(one for one in found if one != digest)

    def _bearing(self, key: tuple[str, str, str], numbers: set[int]) -> dict[int, list[bytes]]:
        """Which messages of a series bear some numbers, by claimed time; at most a few of each."""
        out: dict[int, list[bytes]] = {}
        if not numbers:
            return out
        some = [
            entry
            for entry in self.entries.values()
            if (entry.message.pack, entry.message.form, entry.message.sender) == key
            and entry.matter.root is entry
        ]
        for entry in sorted(some, key=lambda entry: entry.key):
            for number in _numbers(entry):
                if number in numbers and len(out.setdefault(number, [])) < BEARING_SHOWN:
                    out[number].append(entry.message.digest)
        return out

    def lacking(self) -> list[Lacking]:
        """Messages that do not cite what their form wants cited."""
        return whole(self.lacking_steps())

    def lacking_steps(self) -> Steps[list[Lacking]]:
        """See ``lacking``."""
        rows: list[tuple[int, bytes, Entry]] = []
        for entry in self.unmet:
            rows.append((*entry.key, entry))
            if len(rows) % EACH == 0:
                yield
        rows = yield from in_order(rows)
        out: list[Lacking] = []
        for place, (_, digest, entry) in enumerate(rows):
            message = entry.message
            out += [
                Lacking(message=digest, sender=message.sender, pack=message.pack,
                        form=message.form, wants=wants)
                for wants in entry.plan.wants
                if not entry.cites(wants)
            ]  # fmt: skip
            if place % EACH == 0:
                yield
        return out

    def doubts(self, digest: bytes) -> tuple[Doubt, ...]:
        """What speaks against the claimed time of a message."""
        entry = self.entries.get(digest)
        return () if entry is None else tuple(entry.doubts())

    def calendar(self, from_ms: int, to_ms: int, now_ms: int) -> list[Entered]:
        """Dates of exchanges, due times of what is open, and ends of what holds, in order.

        From ``from_ms`` to ``to_ms``, both meant; at most ``ENTERED_MAX`` of them.
        """
        return whole(self.calendar_steps(from_ms, to_ms, now_ms))

    def calendar_steps(self, from_ms: int, to_ms: int, now_ms: int) -> Steps[list[Entered]]:
        """See ``calendar``."""
        self.refresh(now_ms)
        span = (from_ms, to_ms)
        rows: list[_Dated] = []
        place = 0
        for some in (self._dates(*span), self._dues(*span), self._ends(*span, now_ms)):
            for row in some:
                place += 1
                if row is not None and from_ms <= row[0] <= to_ms:
                    rows.append(row)
                if place % EACH == 0:
                    yield
        rows = yield from in_order(rows, ENTERED_MAX)
        out: list[Entered] = []
        for at_ms, pack, rule, what, party, ref, cite in rows:
            out.append(Entered(at_ms=at_ms, what=what, pack=pack, rule=rule, party=party,
                               ref=ref, cite=cite))  # fmt: skip
            if len(out) % EACH == 0:
                yield
        return out

    def _dates(self, from_ms: int, to_ms: int) -> Iterator[_Dated]:
        first = year_of(from_ms)
        last = min(year_of(to_ms), first + YEARS_BACK)
        for name, plan in self.plans.items():
            for rule in plan.exchanges:
                for year in range(first, clamp_year(last + 1) + 1):
                    ref = f"{name}/{rule.id}/{year}"
                    yield exchange_due(rule, year), name, rule.id, "exchange", "", ref, rule.cite
                    if rule.opens_ms:
                        opens = exchange_opens(rule, year)
                        yield opens, name, rule.id, "opens", "", ref, rule.cite

    def _dues(self, from_ms: int, to_ms: int) -> Iterator[_Dated]:
        for one in self.sheet.open_between(from_ms, to_ms):
            at_ms = one.due.earliest if one.due.latest is None else one.due.latest
            if at_ms is not None and one.trigger:
                yield at_ms, one.pack, one.rule, "due", one.debtor, one.id, one.cite

    def _ends(self, from_ms: int, to_ms: int, now_ms: int) -> Iterator[_Dated | None]:
        """Ends of windows; ``None`` stands for a window without any of them in the time."""
        for plan, matter, ends in self._windows():
            yield None
            near = any(at_ms is not None and from_ms <= at_ms <= to_ms for at_ms in ends)
            if not near or holds(plan, matter, ends, now_ms)[0] in GONE:
                continue
            rule, sender = plan.rule, matter.current.message.sender
            name, ref = matter.root.plan.pack.pack.id, matter.root.message.digest.hex()
            for what, at_ms in zip(("valid from", "valid until", "revalidate"), ends, strict=True):
                if at_ms is not None:
                    yield at_ms, name, rule.id, what, sender, ref, rule.cite


def _numbers(entry: Entry) -> tuple[int, ...]:
    """The serial of a message."""
    found = at_numbers(entry.message.values, entry.plan.serial) if entry.plan.serial else ()
    return tuple(one.n for one in found if isinstance(one, Serial))[:1]


def _round_state(found: Round) -> RoundState:
    commits = [(party, found.committed(party)) for party in found.parties]
    return RoundState(
        rule=found.rule.id,
        pack=found.pack,
        round=found.name,
        parties=found.parties,
        commitments=tuple((party, one.message.digest) for party, one in commits if one is not None),
        missing=tuple(
            (party, other)
            for party, one in commits
            for other in found.parties
            if other != party and (one is None or other not in one.receipts)
        ),
        opens_ms=found.complete_ms(),
        second=tuple(one.message.digest for one in found.seconds()),
        cite=found.rule.cite,
    )
