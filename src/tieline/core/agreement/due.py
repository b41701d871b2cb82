"""What became of what was owed, in two views (see ``reason``).

``Terms`` are a rule's clock set against one trigger (see ``clocks``). ``settle`` weighs the acts of
the debtor against them for each creditor, lays over that what waives, holds, suspends, contests or
ends, and gives one obligation.
"""

from __future__ import annotations

from collections.abc import Sequence

from tieline.core.agreement.matter import Debt, Entry, Matter, Source, Terms
from tieline.core.agreement.model import PairState
from tieline.core.agreement.reason import UNSETTLED, WORST, Obligation, State
from tieline.core.agreement.standing import Standing

# Members of an enum, found once: finding one costs more than what is done with it here.
_MET, _EARLY, _LATE = State.MET, State.EARLY, State.LATE
_OPEN, _OVERDUE, _LAPSED = State.OPEN, State.OVERDUE, State.LAPSED
_RANK = {state: rank for rank, state in enumerate(WORST)}
# What the clock may move, or a change of standing.
_MOVED = UNSETTLED | {State.LAPSED, State.LATE}
_BEST = {State.MET: 0, State.LATE: 1, State.EARLY: 2}

Times = Sequence[tuple[Entry, int, int | None]]  # act, the time that favours its author, receipt
_NEVER: Times = ()


# ----------------------------------------------------------------------------------------- views


def settle(debt: Debt, terms: Terms, standing: Standing, now_ms: int) -> tuple[Obligation, bool]:
    """What became of a debt at ``now_ms``, and whether the clock or the standing may move it yet.

    ``terms``: those of its source, as they are now.
    """
    creditors, matter, source = debt.creditors, debt.matter, debt.source
    entry: Entry | None = None
    apart: tuple[State, ...] = ()
    plain = standing.plain and not source.own and terms.ended is terms.strictly_ended is None
    if plain and (matter is None or matter.bare) and source.idle(debt):
        # The most frequent case by far: nothing was done and nothing said, and all see the same.
        earliest, latest = terms.due
        state = _undone(source, latest, now_ms)
        strict = state if earliest == latest else _undone(source, earliest, now_ms)
        moves = True
    else:
        state, entry, strict, apart, moves = _judged(debt, terms, standing, now_ms)
    rule = source.rule
    done = entry is not None and state in _BEST
    shown = Obligation(
        debt.id,
        debt.pack,
        rule.id,
        debt.debtor,
        creditors,
        b"" if matter is None else matter.root.message.digest,
        debt.key,
        terms.not_before,
        terms.due,
        state,
        strict,
        b"" if entry is None else entry.message.digest,
        entry.message.time_ms if entry is not None and done else None,
        entry is not None and done and source.is_nil(entry),
        rule.cite,
        apart,
    )
    return shown, moves


def _judged(
    debt: Debt, terms: Terms, standing: Standing, now_ms: int
) -> tuple[State, Entry | None, State, tuple[State, ...], bool]:
    """Both views, where somebody acted or said something.

    The debtor's with the message behind it, the strict one, that of each creditor where they
    differ, and whether any of them may move yet.
    """
    creditors, matter = debt.creditors, debt.matter
    # Where nothing was said by or of one creditor alone, those who had the same acts at the same
    # times see the same, and one judgement is that of all of them.
    alike = standing.plain and (matter is None or not (matter.waivers or matter.ender))
    acts = _times(debt, terms, creditors[0])
    state, entry, strict = _views(debt, terms, creditors[0], acts, standing, now_ms)
    moves = state in _MOVED or strict in _MOVED
    if len(creditors) == 1:
        return state, entry, strict, (), moves
    each = [strict]
    for creditor in creditors[1:]:
        # The view of the creditor who has most to complain of speaks for all.
        had = _times(debt, terms, creditor)
        if alike and had == acts:
            each.append(each[0])
            continue
        other, by, harder = _views(debt, terms, creditor, had, standing, now_ms)
        moves = moves or other in _MOVED or harder in _MOVED
        each.append(harder)
        if _RANK[other] < _RANK[state]:
            state, entry = other, by
        if _RANK[harder] < _RANK[strict]:
            strict = harder
    apart = tuple(each) if each.count(strict) < len(each) else ()
    return state, entry, strict, apart, moves


def next_change(debt: Debt, terms: Terms, standing: Standing, now_ms: int) -> int | None:
    """The next time after ``now_ms`` at which the same facts may give another state."""
    soon: int | None = None
    for end in terms.due:
        if end is not None and end >= now_ms and (soon is None or end < soon):
            soon = end + 1
    if debt.matter is not None:
        for strict in (False, True) if debt.matter.holds else ():
            for time_ms, _, _, _ in debt.matter.hold_steps(debt.debtor, strict=strict):
                if time_ms > now_ms and (soon is None or time_ms < soon):
                    soon = time_ms
    other = None if standing.plain else standing.next_change(now_ms)
    return other if soon is None or (other is not None and other < soon) else soon


def _views(
    debt: Debt, terms: Terms, creditor: str, acts: Times, standing: Standing, now_ms: int
) -> tuple[State, Entry | None, State]:
    """The debtor's view with the message behind it, and the creditor's strict one."""
    source = debt.source
    plain = standing.plain and terms.ended is terms.strictly_ended is None
    if not acts and plain and (debt.matter is None or debt.matter.bare):
        earliest, latest = terms.due
        return _undone(source, latest, now_ms), None, _undone(source, earliest, now_ms)
    if len(terms.versions) > 1:
        state, entry = _told(source, terms, acts, strict=False)
        strict, _ = _told(source, terms, acts, strict=True)
    elif len(acts) == 1:
        by, claimed, received = acts[0]
        state = _judge(source, terms, claimed, received, strict=False)
        entry = None if state is None else by
        strict = _judge(source, terms, claimed, received, strict=True)
    else:
        state, entry = _acted(source, terms, acts, strict=False)
        strict, _ = _acted(source, terms, acts, strict=True)
    if state is not _MET and state is not _EARLY:
        limit = terms.due.latest
        state, entry = _laid_over(debt, terms, creditor, standing, now_ms, limit, (state, entry))
    if strict is not _MET and strict is not _EARLY:
        limit, seen = terms.due.earliest, (strict, None)
        strict, _ = _laid_over(debt, terms, creditor, standing, now_ms, limit, seen, strict=True)
    return state, entry, strict


def _laid_over(
    debt: Debt, terms: Terms, creditor: str, standing: Standing, now_ms: int, limit: int | None,
    acted: tuple[State | None, Entry | None], *, strict: bool = False,
) -> tuple[State, Entry | None]:  # fmt: skip
    """What was late or was not done, under what waives, ends, holds, suspends and contests."""
    state, matter = acted[0], debt.matter
    if state is None and matter is not None and (matter.waivers or matter.ender is not None):
        lid = _let_off(debt, matter, creditor, limit, strict=strict)
        if lid is not None:
            return lid
    corrected = terms.strictly_ended if strict else terms.ended
    if state is None and corrected is not None:
        return State.ENDED, corrected
    # What is late was due when it was due, whatever time it is now.
    at_ms = now_ms if limit is None else limit if state is not None else min(now_ms, limit)
    if matter is not None and matter.holds:
        holder = matter.held(at_ms, debt.debtor, strict=strict)
        if holder is not None:
            return State.HELD, holder
    if not standing.plain:
        pair = standing.between(debt.debtor, creditor, at_ms, strict=strict)
        if pair.state in (PairState.SUSPENDED, PairState.NOT_APPLIED):
            return State.SUSPENDED, standing.entry(pair)
    if state is not None:
        return state, acted[1]
    if not standing.plain or (matter is not None and matter.contests):
        contest = _contest(debt, creditor, standing, now_ms, strict=strict)
        if contest is not None:
            return contest
    return _undone(debt.source, limit, now_ms), None


def _undone(source: Source, limit: int | None, now_ms: int) -> State:
    """What was not done, and nothing excuses."""
    if limit is None or now_ms <= limit:
        return _OPEN
    return _LAPSED if source.lapses else _OVERDUE


def _let_off(
    debt: Debt, matter: Matter, creditor: str, limit: int | None, *, strict: bool
) -> tuple[State, Entry | None] | None:
    """Waived by the creditor, or ended with the trigger."""
    waived = matter.waivers.get(creditor)
    waiver = None if waived is None else waived.standing()
    if waiver is not None:
        return State.WAIVED, waiver
    ender = matter.ender
    if ender is None:
        return None
    if ender.message.sender == debt.debtor and limit is not None:
        # Whoever owes cannot undo, by taking its own message back, that it did not act in time.
        when = ender.received_by(creditor) if strict else ender.message.time_ms
        if when is None or when > limit:
            return None
    return State.ENDED, ender


def _contest(
    debt: Debt, creditor: str, standing: Standing, now_ms: int, *, strict: bool
) -> tuple[State, Entry | None] | None:
    if debt.matter is not None:
        contested = debt.matter.contests.get(debt.debtor)
        contest = None if contested is None else contested.standing()
        if contest is not None:
            return State.CONTESTED, contest
    if standing.plain:
        return None
    pair = standing.between(debt.debtor, creditor, now_ms, strict=strict)
    if pair.state is PairState.CONTESTED:
        return State.CONTESTED, standing.entry(pair)
    return None


def _acted(
    source: Source, terms: Terms, acts: Times, *, strict: bool
) -> tuple[State | None, Entry | None]:
    """The best of the debtor's acts, as this creditor may see it."""
    best: State | None = None
    by: Entry | None = None
    for entry, claimed, received in acts:
        state = _judge(source, terms, claimed, received, strict=strict)
        if state is not None and (best is None or _BEST[state] < _BEST[best]):
            best, by = state, entry
            if state is _MET:
                break
    return best, by


def _told(
    source: Source, terms: Terms, acts: Times, *, strict: bool
) -> tuple[State | None, Entry | None]:
    """A plan that was told in several versions: see ``clocks``.

    A version counts that was in time for the plan that it told, and is for the present plan; and
    strictly only if the creditor was told of no later plan since. Else the first version of the
    present plan is judged.
    """
    own, limit = dict(terms.versions), terms.due.earliest
    met: Entry | None = None
    first, same = acts[-1], True
    for act in reversed(acts):
        entry, claimed, received = act
        mine = own[entry]
        told = mine.due.earliest
        if strict and limit is not None and (told is None or told > limit):
            break
        same = same and (mine.due, mine.not_before) == (terms.due, terms.not_before)
        first = act if same else first
        both = [_judge(source, one, claimed, received, strict=strict) for one in (mine, terms)]
        met = entry if both == [_MET, _MET] else met
    if met is not None:
        return _MET, met
    return _judge(source, terms, first[1], first[2], strict=strict), first[0]


def _times(debt: Debt, terms: Terms, creditor: str) -> Times:
    """Each act with the time of it that favours the debtor, and when this creditor had it."""
    if debt.source.own:
        matter = debt.matter
        if matter is None:
            return []
        some = [entry for entry, _ in terms.versions if creditor in entry.message.to]
        some = some or [terms.versions[-1][0] if terms.versions else matter.root]
        return [(one, one.written_from(), one.received_by(creditor)) for one in some]
    acts = debt.source.acts(debt, creditor)
    if not acts:
        return _NEVER
    return [
        (entry, entry.written_from(), entry.received_by(creditor))
        for entry in acts
        if not entry.matter.void
    ]


def _judge(
    source: Source, terms: Terms, claimed: int, received: int | None, *, strict: bool
) -> State | None:
    """One act against the bounds; ``None``: in this view it has not happened, or not yet."""
    done = received if strict or source.at_receipt else claimed
    if done is None:
        return None
    begun = done if source.at_receipt else claimed
    not_before, due = terms.not_before, terms.due
    limit = due.earliest if strict else due.latest
    if not_before is not None:
        opens = not_before.latest if strict else not_before.earliest
        if source.waits if opens is None else begun < opens:
            return _EARLY
    if source.bounded and limit is None and (strict or source.own):
        return None  # against a time that nobody knows nothing can be said to be in time
    if limit is not None and done > limit:
        return _LATE
    return _MET
