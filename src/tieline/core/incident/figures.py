"""How an incident went, in figures: so that two that were handled differently can be compared.

Every figure is a count, or a span in milliseconds since one start: the earliest time at which
anything occurred, by what any party still says of it, or the opening when nobody says when. A span
is by the clocks of those who wrote, as everything in the record is; what is not known is None, and
never zero. The names of the figures do not change, since reports of other days are read by them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.meaning import ASPECTS, Act, Means
from tieline.core.agreement.model import Special
from tieline.core.agreement.reason import State
from tieline.core.agreement.value import Instant
from tieline.core.incident.account import Standing
from tieline.core.incident.entry import Entry, Stated
from tieline.core.incident.look import View
from tieline.core.incident.states import IncidentState, PublicState, QuestionState
from tieline.core.terms import Kind, Rung

# Of a message, when each rung was reached, by party.
Reached = Callable[[Entry], Mapping[str, Mapping[Rung, int]]]
# What of a deadline is a promise kept, kept late, missed, or still running.
KEPT: Final = frozenset({State.MET})
LATE: Final = frozenset({State.LATE, State.EARLY})
MISSED: Final = frozenset({State.OVERDUE})
RUNNING: Final = frozenset({State.OPEN, State.CONTESTED, State.SUSPENDED, State.HELD})

Figures = dict[str, int | None]
COUNTS: Final = (
    "statements", "parties", "messages", "acknowledged", "read_back", "passed_on", "questions",
    "answered", "answered_in_part", "promised", "declined", "overdue", "answered_late", "kept",
    "late", "missed", "running", "corrected", "taken_back", "agree", "differ", "stated_by_one",
    "not_comparable", "crossed", "silences", "lessons", "public_made",
)  # fmt: skip
SPANS: Final = (
    "first_word", "first_word_of_all", "first_public", "acknowledged_after", "read_back_after",
    "answered_after", "joint_after", "closed_after",
)  # fmt: skip
NAMES: Final = SPANS + COUNTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of an incident besides its fold.

    ``deadlines``: the states of its obligations. ``crossed``: pairs of messages that crossed.
    ``bound_ms``: when the first joint statement of it bound, if one did.
    """

    reached: Reached
    deadlines: tuple[State, ...] = ()
    crossed: int = 0
    bound_ms: int | None = None


def start_of(view: View) -> tuple[int, bool]:
    """From when spans count, in ms, and whether that is when something occurred."""
    said = [
        stated.value.answer.ms
        for account in view.accounts
        if account.aspect is Means.WHEN and account.current is not None
        for stated in account.current.stated
        if stated.value is not None and isinstance(stated.value.answer, Instant)
    ]
    return (min(said), True) if said else (view.head.opener.time_ms, False)


def first_words(view: View) -> dict[str, int]:
    """By party, when it first stated anything of fact, in ms: its own words, that count here."""
    out: dict[str, int] = {}
    for row in view.rows:
        entry = row.entry
        stated = () if entry.said is None else entry.said.stated
        facts = any(one.aspect in ASPECTS and _tells(one) for one in stated)
        if row.moves and facts and not entry.through and entry.act is not Act.NOTICE:
            out[entry.party] = min(entry.time_ms, out.get(entry.party, entry.time_ms))
    return out


def _tells(one: Stated) -> bool:
    """Whether it says something of the aspect: that it is not known, or withheld, says nothing."""
    known = one.value is not None and not isinstance(one.value.answer, Special)
    return known or bool(one.words)


def figures(view: View, facts: Facts) -> Figures:
    """All figures of an incident, by the names in ``NAMES``."""
    start, _ = start_of(view)
    out: Figures = dict.fromkeys(NAMES)
    words = first_words(view)
    took_part = view.head.closure.parties
    out["first_word"] = _since(start, min(words.values(), default=None))
    if took_part and all(party in words for party in took_part):
        out["first_word_of_all"] = _since(start, max(words[party] for party in took_part))
    out |= _talk(view, facts.reached)
    out |= _questions(view)
    out |= _accounts(view)
    made = [one.at_ms for one in view.publics if one.state in _SAID]
    out["public_made"] = len(made)
    out["first_public"] = _since(start, min((at for at in made if at is not None), default=None))
    states = facts.deadlines
    for name, which in (("kept", KEPT), ("late", LATE), ("missed", MISSED), ("running", RUNNING)):
        out[name] = sum(1 for state in states if state in which)
    out["crossed"] = facts.crossed
    out["joint_after"] = _since(start, facts.bound_ms)
    out["closed_after"] = _closed(view, start)
    out["statements"] = len(view.rows)
    out["parties"] = len(took_part)
    out["silences"] = sum(1 for row in view.rows if row.entry.kind is Kind.SILENCE)
    out["lessons"] = sum(1 for row in view.rows if row.moves and row.entry.act is Act.LESSON)
    return out


def _since(start: int, at_ms: int | None) -> int | None:
    return None if at_ms is None else at_ms - start


def _talk(view: View, reached: Reached) -> Figures:
    """Messages by how far they came: one counts as acknowledged when all addressees did so."""
    said = [row.entry for row in view.rows if row.entry.kind is Kind.MESSAGE and row.moves]
    counts = dict.fromkeys((Rung.ACKNOWLEDGED, Rung.READ_BACK, Rung.PASSED_ON), 0)
    after: dict[Rung, list[int]] = {rung: [] for rung in counts}
    for entry in said:
        by_party = reached(entry)
        others = [party for party in entry.to or tuple(by_party) if party != entry.party]
        for rung, spans in after.items():
            times = [by_party.get(party, {}).get(rung) for party in others]
            known = [at for at in times if at is not None]
            spans += [at - entry.time_ms for at in known]
            counts[rung] += bool(known) and len(known) == len(times)
    return {
        "messages": len(said),
        "acknowledged": counts[Rung.ACKNOWLEDGED],
        "read_back": counts[Rung.READ_BACK],
        "passed_on": counts[Rung.PASSED_ON],
        "acknowledged_after": middle(after[Rung.ACKNOWLEDGED]),
        "read_back_after": middle(after[Rung.READ_BACK]),
    }


_SAID: Final = frozenset({PublicState.MADE, PublicState.OTHERWISE})
_ASKED: Final = {
    QuestionState.ANSWERED: "answered",
    QuestionState.PART: "answered_in_part",
    QuestionState.PROMISED: "promised",
    QuestionState.DECLINED: "declined",
    QuestionState.OVERDUE: "overdue",
}


def _questions(view: View) -> Figures:
    out: Figures = dict.fromkeys(("questions", "answered_late", *_ASKED.values()), 0)
    spans: list[int] = []
    for one in view.questions:
        if one.state is QuestionState.WITHDRAWN:
            continue
        _count(out, "questions")
        name = _ASKED.get(one.state)
        if name is not None:
            _count(out, name)
        if one.answer is not None and one.state is QuestionState.ANSWERED:
            spans.append(one.answer.time_ms - one.ask.time_ms)
            if one.late:
                _count(out, "answered_late")
    out["answered_after"] = middle(spans)
    return out


def _accounts(view: View) -> Figures:
    """What was corrected and taken back, message by message; how the accounts stand to each other.

    What one message states of several aspects is one account.
    """
    out: Figures = dict.fromkeys(("agree", "differ", "stated_by_one", "not_comparable"), 0)
    for standing, name in ((Standing.REPLACED, "corrected"), (Standing.CANCELLED, "taken_back")):
        out[name] = len({
            version.entry.digest
            for account in (*view.accounts, *view.attribution)
            for version in account.versions
            if version.standing is standing
        })  # fmt: skip
    for aligned in view.alignments:
        name = str(aligned.alignment).replace(" ", "_")
        _count(out, "stated_by_one" if name == "not_stated" else name)
    return out


def _count(out: Figures, name: str) -> None:
    out[name] = (out.get(name) or 0) + 1


def _closed(view: View, start: int) -> int | None:
    """The span until the last closing, of an incident that all have closed."""
    closure = view.head.closure
    if closure.state is not IncidentState.CLOSED:
        return None
    closing = {item for _, item in closure.closed_by}
    times = [row.entry.time_ms for row in view.rows if row.entry.digest in closing]
    return _since(start, max(times, default=None))


def middle(spans: Iterable[int]) -> int | None:
    """The median; of an even number the lower of the middle two: a span that occurred."""
    ordered = sorted(spans)
    return ordered[(len(ordered) - 1) // 2] if ordered else None
