"""Quotas: how many of something a party has used or received in a period, and how many are left.

What is counted is a matter (a message with its corrections) that was not taken back, for the party
whose quota it is: its sender's (active) or its receiver's (passive). A quota that counts only what
was accepted reads the last answer of the receiver; what waits for an answer is *pending*,
and what was refused is neither.

Periods are UTC calendar years. ``years`` of them end with the year asked about, so "one in three
calendar years" looks back two. Windows overlap when they share an instant; a window of dates holds
both its dates whole. A limit that follows from what the party itself reported is read from its last
report, by claimed time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from tieline.core.agreement.dates import clamp_year, day_number, end_of, start_of, year_of
from tieline.core.agreement.matter import Matter, stated_at
from tieline.core.agreement.message import at_numbers
from tieline.core.agreement.model import Cite, Quota, Side
from tieline.core.agreement.plan import QuotaPlan, all_hold, named
from tieline.core.agreement.reason import Input, InputKind, Origin
from tieline.core.agreement.steps import EACH, Steps
from tieline.core.agreement.value import Number, PartyCode
from tieline.core.terms import RefRole

YEARS_MAX: Final = 100  # of one period
COUNTED_MAX: Final = 1_000  # digests that one answer names


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one other party has of a quota. ``limit``: ``None`` when there is none for one party."""

    party: str
    used: int
    limit: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaState:
    """One party's quota in the period from ``first_year`` to ``last_year``.

    ``limit``: ``None`` when the rule has none, or the report it follows from was not sent.
    ``peak``: the most that overlap, first at ``peak_ms``. ``over`` names what is exceeded: "limit",
    "party", "object", "simultaneous". ``messages``: what was counted, in order of claimed time.
    """

    rule: str
    pack: str
    party: str
    side: Side
    first_year: int
    last_year: int
    used: int
    pending: int
    limit: int | None
    parties: tuple[Share, ...]
    objects: tuple[tuple[str, int], ...]
    peak: int
    peak_ms: int | None
    over: tuple[str, ...]
    messages: tuple[bytes, ...]
    inputs: tuple[Input, ...]
    cite: Cite

    @property
    def left(self) -> int | None:
        """How many more, or ``None`` without a limit."""
        return None if self.limit is None else max(self.limit - self.used, 0)


@dataclass(frozen=True, slots=True)
class _Use:
    """One matter as one party's quota sees it. ``key``: that of its root."""

    key: tuple[int, bytes]
    matter: Matter
    party: str
    others: tuple[str, ...]
    year: int
    object: str
    window: tuple[int, int] | None
    counted: bool


_by_key = attrgetter("key")
Crosses = Callable[[str, Matter], bool]  # threshold, matter
Reported = Callable[[str, str], Matter | None]  # form, party: its last report


@dataclass(slots=True)
class QuotaBook:
    """All that one quota counts. A matter is read again only when something was said of it."""

    plan: QuotaPlan
    pack: str
    crosses: Crosses
    reported: Reported
    _uses: dict[Matter, tuple[_Use, ...]] = field(default_factory=dict)
    _held: dict[str, dict[int, dict[Matter, _Use]]] = field(default_factory=dict)
    _stale: dict[Matter, None] = field(default_factory=dict)

    def touch(self, matter: Matter) -> None:
        """Something was said of a matter."""
        self._stale[matter] = None

    def parties(self) -> list[str]:
        """Whose quota was ever touched, as of the last ``renew``."""
        return sorted(self._held)

    def years(self, party: str) -> list[int]:
        """The years in which something is counted or pending for a party: see ``parties``."""
        return sorted(year for year, uses in self._held.get(party, {}).items() if uses)

    def state(self, party: str, year: int) -> QuotaState:
        """The quota of a party in the period that ends with ``year``: see ``parties``."""
        rule = self.plan.rule
        first = year - min(max(rule.years, 1), YEARS_MAX) + 1
        by_year = self._held.get(party, {})
        all_uses = [use for one in range(first, year + 1) for use in by_year.get(one, {}).values()]
        uses = [use for use in all_uses if use.counted]
        uses.sort(key=_by_key)
        limit, inputs = self._limit(party)
        parties = Counter(other for use in uses for other in use.others)
        objects = Counter(use.object for use in uses if use.object)
        peak, peak_ms = self._overlap(party, first, year)
        each = _each(rule, limit)
        over = _over(rule, limit, each, len(uses), parties, objects, peak)
        return QuotaState(
            rule=rule.id,
            pack=self.pack,
            party=party,
            side=rule.side,
            first_year=first,
            last_year=year,
            used=len(uses),
            pending=len(all_uses) - len(uses),
            limit=limit,
            parties=tuple(
                Share(party=one, used=parties[one], limit=each) for one in sorted(parties)
            ),
            objects=tuple((one, objects[one]) for one in sorted(objects)),
            peak=peak,
            peak_ms=peak_ms,
            over=over,
            messages=tuple(use.matter.root.message.digest for use in uses[:COUNTED_MAX]),
            inputs=inputs,
            cite=rule.cite,
        )

    def _overlap(self, party: str, first: int, last: int) -> tuple[int, int | None]:
        """The most windows open at once in the period; one that began before it counts too."""
        if self.plan.rule.simultaneous is None:
            return 0, None
        low = start_of(day_number(clamp_year(first), 1, 1))
        high = end_of(day_number(clamp_year(last), 12, 31))
        return _peak(
            [
                (max(use.window[0], low), use.window[1])
                for uses in self._held.get(party, {}).values()
                for use in uses.values()
                if use.counted and use.window and use.window[0] <= high and use.window[1] > low
            ]
        )

    # -------------------------------------------------------------------------------- counting

    def renew(self) -> Steps[None]:
        """Read again what was touched."""
        read = 0
        while self._stale:
            matter, _ = self._stale.popitem()
            read += 1
            if read % EACH == 0:
                yield
            for use in self._uses.pop(matter, ()):
                del self._held[use.party][use.year][matter]
            uses = self._read(matter)
            if uses:
                self._uses[matter] = uses
            for use in uses:
                self._held.setdefault(use.party, {}).setdefault(use.year, {})[matter] = use

    def _read(self, matter: Matter) -> tuple[_Use, ...]:
        """How a matter is counted now."""
        plan, rule, message = self.plan, self.plan.rule, matter.current.message
        if matter.quiet or matter.ender is not None or not all_hold(plan.when, message.values):
            return ()
        if rule.threshold and not self.crosses(rule.threshold, matter):
            return ()
        if rule.below and self.crosses(rule.below, matter):
            return ()
        stated = stated_at(message.values, plan.year) if plan.year else None
        at_ms = matter.root.message.time_ms if stated is None else stated.low_ms
        objects = at_numbers(message.values, plan.object) if plan.object else ()
        receivers = self._receivers(matter)
        sides: Sequence[tuple[str, tuple[str, ...]]]
        if rule.side is Side.ACTIVE:
            sides = [(message.sender, receivers)]
        else:
            sides = [(one, (message.sender,)) for one in receivers]
        return tuple(
            _Use(
                key=matter.root.key,
                matter=matter,
                party=party,
                others=others,
                year=year_of(at_ms),
                object=named(objects[0]) if objects else "",
                window=self._window(matter),
                counted=taken,
            )
            for party, others in sides
            if (taken := self._taken(matter, party, others)) is not None
        )

    def _receivers(self, matter: Matter) -> tuple[str, ...]:
        message = matter.current.message
        if self.plan.side:
            found = at_numbers(message.values, self.plan.side)
            return tuple(dict.fromkeys(one.code for one in found if isinstance(one, PartyCode)))
        return tuple(sorted(dict.fromkeys(message.to)))

    def _taken(self, matter: Matter, party: str, others: tuple[str, ...]) -> bool | None:
        """Whether the receiving side's last answer takes it up; ``None`` when every one refuses."""
        rule = self.plan.rule
        if not rule.accepted_by:
            return True
        waits = False
        for receiver in others if rule.side is Side.ACTIVE else (party,):
            acts = matter.acts.get((RefRole.ANSWERS, rule.accepted_by, receiver))
            if acts is None or acts.last is None or acts.last.matter.void:
                waits = True
                continue
            answer = acts.last.matter.current
            if not self.plan.accepted:
                return True
            codes = answer.plan.codes(answer.message.values, self.plan.accepted)
            if any(code in rule.accepted_is for code in codes):
                return True
        return False if waits else None

    def _window(self, matter: Matter) -> tuple[int, int] | None:
        """From when, until just before when."""
        plan, values = self.plan, matter.current.message.values
        since = stated_at(values, plan.since) if plan.since else None
        until = stated_at(values, plan.until, last=True) if plan.until else since
        if since is None or until is None:
            return None
        end = until.high_ms + 1 if until.date else until.high_ms
        return since.low_ms, max(end, since.low_ms + 1)

    def _limit(self, party: str) -> tuple[int | None, tuple[Input, ...]]:
        """The limit, and what it follows from."""
        rule = self.plan.rule
        units = rule.units
        if units is None:
            made = Input(name="limit", kind=InputKind.COUNT, value=rule.limit, origin=Origin.PACK)
            return rule.limit, (made,)
        report = self.reported(units.on, party)
        numbers: Iterable[int] = ()
        if report is not None:
            found = at_numbers(report.current.message.values, self.plan.units)
            numbers = [one.n for one in found if isinstance(one, Number)]
        count = max(numbers, default=None)
        limit = None
        if count is not None:
            limit = min(max(-(-count // max(units.per, 1)), units.at_least), units.cap)
        told = b"" if report is None else report.current.message.digest
        return limit, (
            Input(name="units", kind=InputKind.COUNT, value=count, origin=Origin.FIELD,
                  message=told, path=units.path, party=party),
            Input(name="per", kind=InputKind.COUNT, value=units.per, origin=Origin.PACK),
            Input(name="cap", kind=InputKind.COUNT, value=units.cap, origin=Origin.PACK),
            Input(name="at-least", kind=InputKind.COUNT, value=units.at_least, origin=Origin.PACK),
        )  # fmt: skip


def _each(rule: Quota, limit: int | None) -> int | None:
    """How many one other party may have."""
    found = [] if rule.same_party is None else [rule.same_party]
    if rule.share is not None and limit is not None:
        found.append(max(limit // max(rule.share, 1), 1))
    return min(found, default=None)


def _over(
    rule: Quota, limit: int | None, each: int | None, used: int,
    parties: Counter[str], objects: Counter[str], peak: int,
) -> tuple[str, ...]:  # fmt: skip
    """What is exceeded."""
    tests = (
        ("limit", used, limit),
        ("party", max(parties.values(), default=0), each),
        ("object", max(objects.values(), default=0), rule.per_object),
        ("simultaneous", peak, rule.simultaneous),
    )
    return tuple(name for name, found, most in tests if most is not None and found > most)


def _peak(windows: Sequence[tuple[int, int]]) -> tuple[int, int | None]:
    """The most windows open at once, and the first instant at which they are."""
    steps = sorted(
        step for since, until in windows for step in ((since, 1), (until, -1))
    )  # at one instant a closing sorts before an opening: windows that only touch do not overlap
    best, best_ms, now = 0, None, 0
    for at_ms, change in steps:
        now += change
        if now > best:
            best, best_ms = now, at_ms
    return best, best_ms
