"""When a clock began, what it bounds, and which version of a corrected message it goes by.

A bound that hangs on something unknown is unknown: nothing is late by a guess. How bounds count:

* ``Count.INSTANT``: base plus duration, to the millisecond; an act at that very instant is in time.
* ``Count.UTC_DATE``: the date of the base plus whole days; not before its first instant, not after
  its last.
* A base that is a date, counted in instants: a START begins at 00:00Z of it; what happened or
  arrived on a date did so at some instant of it, so its bracket is the whole day.

**Corrections.** Nobody gets out of a duty, nor puts another in the wrong, by correcting:

* A message that is judged by itself and says what *happened* is judged as it was first said: a
  correction makes no late word timely and no timely word late. One that says what is *planned* is
  judged for the plan as it is now, and by the versions that were in time for the plan they told.
* What a party owes by its own message is moved or ended by a correction that came before it was
  due, and by no other.
* What another party owes is as the correction says; in that party's view not, where the correction
  came when it was due already.

Which time of a correction counts is as for any act: its claim in the debtor's view, its receipt by
the creditors in the strict one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tieline.core.agreement.dates import (
    DAY_MS,
    clamp_year,
    day_number,
    day_of,
    end_of,
    start_of,
    within,
    year_of,
)
from tieline.core.agreement.matter import Entry, Matter, Terms, stated_at
from tieline.core.agreement.message import Message, Values, at_numbers
from tieline.core.agreement.model import Base, Exchange, Special, Who
from tieline.core.agreement.plan import DeadlinePlan, all_hold, crosses
from tieline.core.agreement.reason import UNKNOWN, Bracket
from tieline.core.agreement.value import PartyCode

# Members of an enum, found once: finding one costs more than what is done with it here.
_ISSUE, _RECEIPT, _START, _CALENDAR = Base.ISSUE, Base.RECEIPT, Base.START, Base.CALENDAR
_NIL = Special.NIL
_PLANNED = frozenset({_START, _CALENDAR})


# ------------------------------------------------------------------------------------- deadlines


def obliges(plan: DeadlinePlan, entry: Entry) -> bool:
    """Whether a version of a message begins what a rule says.

    A base that is answered with *nil* begins nothing: no next word was promised.
    """
    values = entry.message.values
    if plan.when and not all_hold(plan.when, values):
        return False
    if plan.base and _not_promised(plan, values):
        return False
    return plan.over is None or crosses(plan.over, values)


def _not_promised(plan: DeadlinePlan, values: Values) -> bool:
    """Whether a message leaves out the time at which something would be owed, or says: none.

    A time that is not known, or is withheld, is owed all the same; so is what counts from an event
    of which the time was left out.
    """
    stated = at_numbers(values, plan.base)
    if stated:
        return all(one is _NIL for one in stated)
    return plan.rule.base is _START and bool(plan.rule.by)


def obliges_party(plan: DeadlinePlan, entry: Entry, party: str) -> bool:
    """Whether a version of a message begins what a rule says for this debtor."""
    return _names(plan, entry.message, party) and obliges(plan, entry)


def _names(plan: DeadlinePlan, message: Message, party: str) -> bool:
    match plan.rule.who:
        case Who.SENDER:
            return party == message.sender
        case Who.RECEIVERS:
            return party in message.to and party != message.sender
        case Who.EVERY:
            return True
        case Who.FIELD:
            found = at_numbers(message.values, plan.who)
            return any(isinstance(one, PartyCode) and one.code == party for one in found)


def deadline_terms(
    plan: DeadlinePlan, matter: Matter, debtor: str, creditors: Sequence[str]
) -> Terms:
    """Set a deadline's clock."""
    root = matter.root
    if not matter.corrections:
        return _terms(plan, matter, debtor, root, root)
    versions = matter.versions()
    obliging = [one for one in versions if obliges_party(plan, one, debtor)] or [matter.current]
    if not plan.rule.by:
        return _own(plan, matter, debtor, obliging)
    first = obliging[0]
    if debtor != root.message.sender:
        mine, theirs = _asked(plan, matter, debtor, obliging), obliging[-1]
        ended: tuple[Entry | None, Entry | None] = (None, None)
    else:
        later = versions[versions.index(first) + 1 :]
        mine, mine_ended = _promised(plan, matter, first, later, ())
        theirs, theirs_ended = _promised(plan, matter, first, later, creditors)
        ended = (mine_ended, theirs_ended)
    terms = _terms(plan, matter, debtor, first, mine)
    if theirs is not mine:
        hard, opens = _terms(plan, matter, debtor, first, theirs), terms.not_before
        if opens is not None and hard.not_before is not None:
            opens = Bracket(opens.earliest, hard.not_before.latest)
        terms = Terms(
            Bracket(hard.base.earliest, terms.base.latest),
            opens,
            Bracket(hard.due.earliest, terms.due.latest),
        )
    return terms._replace(ended=ended[0], strictly_ended=ended[1])


def _own(plan: DeadlinePlan, matter: Matter, debtor: str, obliging: list[Entry]) -> Terms:
    """The clock of what is judged by itself: see the head of this module."""
    first, goes_by = obliging[0], obliging[-1]
    planned = plan.rule.base in _PLANNED and bool(plan.base)
    if not planned:
        stating = (one for one in obliging if _base_of(plan, matter, debtor, first, one) != UNKNOWN)
        goes_by = next(stating, goes_by)
    terms = _terms(plan, matter, debtor, first, goes_by)
    some = obliging if planned else obliging[:1]
    ended = None if matter.current is obliging[-1] else matter.current
    versions = tuple((one, _terms(plan, matter, debtor, first, one)) for one in some)
    return terms._replace(versions=versions, ended=ended, strictly_ended=ended)


def _promised(
    plan: DeadlinePlan, matter: Matter, first: Entry, later: Sequence[Entry],
    creditors: Sequence[str],
) -> tuple[Entry, Entry | None]:  # fmt: skip
    """The version by which a party owes from its own message, and the one that ended it.

    ``creditors``: in their view; empty: in the debtor's.
    """
    debtor, counts, ended = matter.root.message.sender, first, None
    for one in later:
        due = _terms(plan, matter, debtor, first, counts).due
        if creditors:
            limit, times = due.earliest, [one.received_by(party) for party in creditors]
            known = [time for time in times if time is not None]
            came = max(known) if len(known) == len(times) else None
        else:
            limit, came = due.latest, one.written_from()
        if came is None or (limit is not None and came > limit):
            continue
        ended = None if obliges_party(plan, one, debtor) else one
        counts = counts if ended else one
    return counts, ended


def _asked(plan: DeadlinePlan, matter: Matter, debtor: str, obliging: list[Entry]) -> Entry:
    """The version by which another's debtor may go: none that was due when it came to know it."""
    first = counts = obliging[0]
    for one in obliging[1:]:
        due = _terms(plan, matter, debtor, first, one).due.latest
        came = one.received_by(debtor)
        if due is not None and (came is None or due < came):
            before = _terms(plan, matter, debtor, first, counts).due.latest
            if before is None or before > due:
                continue
        counts = one
    return counts


def _terms(plan: DeadlinePlan, matter: Matter, debtor: str, first: Entry, version: Entry) -> Terms:
    """The clock as one version of the message gives it; ``first``: the one that first obliged."""
    base = _base_of(plan, matter, debtor, first, version)
    low, high = plan.rule.not_before_ms, plan.rule.not_after_ms
    return Terms(
        base,
        None if low is None else _bound(base, low, plan, start_of),
        UNKNOWN if high is None else _bound(base, high, plan, end_of),
    )


def _base_of(
    plan: DeadlinePlan, matter: Matter, debtor: str, first: Entry, version: Entry
) -> Bracket:
    """When the clock began: both ends of what can be argued."""
    base = plan.rule.base
    if base is _ISSUE:
        return _issued(debtor, first, version)
    if base is _RECEIPT:
        return _received(matter, debtor, first, version)
    if base is _CALENDAR:
        return _calendar(plan, debtor, first, version)
    stated = stated_at(version.message.values, plan.base)
    if stated is None:
        return UNKNOWN
    if stated.date and base is _START and not plan.dates:
        return Bracket(stated.low_ms, stated.low_ms)
    return Bracket(stated.low_ms, stated.high_ms)


def _issued(debtor: str, first: Entry, version: Entry) -> Bracket:
    """For its sender the first message counts: its own correction gives it no more time."""
    own = debtor == first.message.sender
    return Bracket(first.written_from(), (first if own else version).written_until())


def _received(matter: Matter, debtor: str, first: Entry, version: Entry) -> Bracket:
    """Not before it was written, not after the debtor's station had it or the debtor cited it."""
    issued, latest = first.written_from(), version.received_by(debtor)
    cited = matter.known_to.get(debtor)
    if cited is not None and (latest is None or cited < latest):
        latest = cited
    return Bracket(issued if latest is None or issued < latest else latest, latest)


def _calendar(plan: DeadlinePlan, debtor: str, first: Entry, version: Entry) -> Bracket:
    """The last instant of a date of a year that the trigger names (or in which it was issued)."""
    if plan.base:
        stated = stated_at(version.message.values, plan.base)
        if stated is None:
            return UNKNOWN
        ends = Bracket(stated.low_ms, stated.high_ms)
    else:
        ends = _issued(debtor, first, version)
    return Bracket(_date_of(ends.earliest, plan), _date_of(ends.latest, plan))


def _date_of(time_ms: int | None, plan: DeadlinePlan) -> int | None:
    if time_ms is None:
        return None
    rule = plan.rule
    year = clamp_year(year_of(time_ms) + rule.years)
    return end_of(day_number(year, rule.month, rule.day))


def _bound(base: Bracket, by_ms: int, plan: DeadlinePlan, edge: Callable[[int], int]) -> Bracket:
    earliest, latest = base
    low = None if earliest is None else _moved(earliest, by_ms, plan, edge)
    if latest == earliest:
        return base if low == earliest else Bracket(low, low)
    return Bracket(low, None if latest is None else _moved(latest, by_ms, plan, edge))


def _moved(time_ms: int, by_ms: int, plan: DeadlinePlan, edge: Callable[[int], int]) -> int:
    if plan.dates:
        return within(edge(day_of(time_ms) + by_ms // DAY_MS))
    return within(time_ms + by_ms)


# ------------------------------------------------------------------------------------- exchanges


def exchange_due(rule: Exchange, year: int) -> int:
    """The last instant at which the exchange of a year is in time, UTC ms."""
    return end_of(day_number(year, rule.month, rule.day))


def exchange_opens(rule: Exchange, year: int) -> int:
    """When it can first be given: ``opens_ms`` before the day, else after the last one."""
    if rule.opens_ms:
        return max(start_of(day_of(exchange_due(rule, year))) - rule.opens_ms, 0)
    return exchange_due(rule, year - 1) + 1 if year > 1970 else 0


def exchange_year(rule: Exchange, time_ms: int) -> int:
    """The year of the exchange that a message of this time belongs to.

    From the opening of one exchange to that of the next: what comes after the day is late for its
    year, not early for the next.
    """
    year = clamp_year(year_of(time_ms) + 1 + rule.opens_ms // (365 * DAY_MS))
    while year > 1970 and time_ms < exchange_opens(rule, year):
        year -= 1
    return year


def exchange_terms(rule: Exchange, year: int) -> Terms:
    """The clock of one exchange date."""
    due = exchange_due(rule, year)
    opens = exchange_opens(rule, year)
    return Terms(Bracket(due, due), Bracket(opens, opens), Bracket(due, due))
