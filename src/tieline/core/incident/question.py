"""Questions: asked of a party, due at a time, answered, promised, declined, overdue, taken back.

Only the party that was asked answers, and by a statement of its own. What another party says in
its name is shown with the question as relayed, and moves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.value import PartyCode
from tieline.core.incident.entry import Asked, Entry, Part, instant_ms
from tieline.core.incident.heard import EVER, Folded, Heard, Settled, Span
from tieline.core.incident.marks import Front, Marks, Saw
from tieline.core.incident.states import QUESTION, QuestionEvent, QuestionState

# Of two answers of a party that crossed the one counts that leaves more open.
_RANK: Final = {Sense.LATER: 0, Sense.PART: 1, Sense.DECLINED: 2, Sense.FULL: 3}
_EVENT: Final = {
    Sense.LATER: QuestionEvent.LATER,
    Sense.PART: QuestionEvent.PART,
    Sense.DECLINED: QuestionEvent.DECLINED,
    Sense.FULL: QuestionEvent.FULL,
}
_CLOCKED: Final = frozenset({QuestionState.ASKED, QuestionState.PROMISED, QuestionState.PART})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question to one party, ``of``. ``about``: what it asks, each with the aspect it touches.

    ``due_ms``: when its next word is due, if it is. ``late``: whether something was said only after
    it had been due. ``answer``: the answer that counts; ``answers``: the last of ``count``;
    ``relayed``: the last of what others said in its name, of ``relays``. ``reason``: why it
    declines.
    """

    ask: Entry
    of: str
    state: QuestionState
    about: tuple[Asked, ...]
    due_ms: int | None = None
    late: bool = False
    answer: Entry | None = None
    answers: tuple[bytes, ...] = ()
    count: int = 0
    relayed: tuple[bytes, ...] = ()
    relays: int = 0
    withdrawn_by: bytes | None = None
    reason: Part | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """A question to one party before its clock is looked at: what was said to it, in order."""

    ask: Entry
    of: str
    answers: tuple[Entry, ...]
    heard: Heard
    withdrawn_by: Entry | None


def fold_question(ask: Entry, heard: Heard, marks: Marks, saw: Saw) -> Folded[Question]:
    """A question with what was said to it, for each party that was asked."""
    back = heard.withdrawal(ask, marks)
    threads = [
        Thread(
            ask,
            party,
            tuple(heard.brief(Act.ANSWER, party)),
            heard,
            back,
        )
        for party in asked_parties(ask)
    ]

    def settled(now_ms: int, dues: tuple[int | None, ...]) -> Settled[Question]:
        by = dues or (None,) * len(threads)
        found = [settle(one, now_ms, saw, due) for one, due in zip(threads, by, strict=True)]
        return Settled(tuple(found), _span(found, now_ms), dues)

    still = [settle(one, -EVER, saw, None) for one in threads]
    due = [EVER if one.due_ms is None else one.due_ms for one in still if one.state in _CLOCKED]
    rank = (0, min(due)) if due else (1, -ask.key[0])
    return Folded(ask, rank, settled, tuple(one.of for one in threads))


def _span(found: Sequence[Question], now_ms: int) -> Span:
    """As long as no due time passes, all of it stays as it is."""
    dues = [one.due_ms + 1 for one in found if one.due_ms is not None]
    return (
        max((due for due in dues if due <= now_ms), default=-EVER),
        min((due for due in dues if due > now_ms), default=EVER),
    )


def asked_parties(ask: Entry) -> tuple[str, ...]:
    """Of whom a question is asked: the party it names, else all it is addressed to."""
    part = None if ask.said is None else ask.said.answers.get(Means.ASKED)
    if part is not None and isinstance(part.answer, PartyCode):
        return (part.answer.code,)
    return tuple(dict.fromkeys(party for party in ask.to if party != ask.party))


def settle(thread: Thread, now_ms: int, saw: Saw, ruled_ms: int | None) -> Question:
    """A question at a moment. ``ruled_ms``: when the agreements say that its answer is due."""
    ask = thread.ask
    state = QUESTION.start(QuestionEvent.ASKED)
    own_due = instant_ms(ask, Means.DUE, latest=True)
    asked_due = due = own_due if ruled_ms is None else ruled_ms
    front, answer, late = Front(saw, _rank), None, False
    back = thread.withdrawn_by
    for entry in _events(thread):
        if due is not None and entry.time_ms > due and state in _CLOCKED:
            state = QUESTION.step(state, QuestionEvent.DUE)
            late = late or entry is not back
        if entry is back:
            state = QUESTION.step(state, QuestionEvent.WITHDRAWN)
            continue
        answer = front.take(entry)
        state = QUESTION.step(state, _EVENT[_stance(answer)])
        due = _next_due(answer, asked_due)
        if back and back.key < entry.key and state is not QuestionState.WITHDRAWN:
            state = QUESTION.step(state, QuestionEvent.WITHDRAWN)  # what was taken back stays so
    if due is not None and now_ms > due and state in _CLOCKED:
        state = QUESTION.step(state, QuestionEvent.DUE)
    relayed, relays = thread.heard.said_for(Act.ANSWER, thread.of)
    return Question(
        ask=ask,
        of=thread.of,
        state=state,
        about=() if ask.said is None else ask.said.asked,
        due_ms=due if state in _CLOCKED or state is QuestionState.OVERDUE else None,
        late=late,
        answer=answer,
        answers=thread.heard.last(Act.ANSWER, thread.of),
        count=thread.heard.count(Act.ANSWER, thread.of),
        relayed=relayed,
        relays=relays,
        withdrawn_by=None if back is None else back.digest,
        reason=answer.said.answers.get(Means.REASON) if answer and answer.said else None,
    )


def _events(thread: Thread) -> list[Entry]:
    back = () if thread.withdrawn_by is None else (thread.withdrawn_by,)
    return sorted((*thread.answers, *back), key=lambda one: one.key)


def _next_due(answer: Entry, asked_due: int | None) -> int | None:
    """When the next word is due after an answer: as promised; a bare promise puts off nothing.

    After an answer that leaves nothing open no clock runs, whatever this says.
    """
    promised = instant_ms(answer, Means.NEXT, latest=True)
    bare = promised is None and _stance(answer) is Sense.LATER
    return asked_due if bare else promised


def _stance(answer: Entry) -> Sense:
    """What an answer says of itself; a form without such a field answers."""
    sense = Sense.NONE if answer.said is None else answer.said.sense(Means.STANCE)
    return sense if sense in _EVENT else Sense.FULL


def _rank(answer: Entry) -> int:
    return _RANK[_stance(answer)]
