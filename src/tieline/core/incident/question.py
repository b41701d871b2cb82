"""Questions: asked of a party, due at a time, answered, promised, declined, overdue, taken back.

Only the party that was asked answers, and by a statement of its own. What another party says in
its name is shown with the question as relayed, and moves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.value import PartyCode
from tieline.core.incident.entry import Asked, Entry, Part, instant_ms
from tieline.core.incident.marks import Front, Marks, Saw, threads, withdrawal
from tieline.core.incident.states import QUESTION, QuestionEvent, QuestionState

Dues = Mapping[tuple[bytes, str], int]
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
    it had been due. ``answer``: the answer that counts; ``answers``: all of them; ``relayed``: what
    others said in its name. ``reason``: why it declines.
    """

    ask: Entry
    of: str
    state: QuestionState
    about: tuple[Asked, ...]
    due_ms: int | None = None
    late: bool = False
    answer: Entry | None = None
    answers: tuple[bytes, ...] = ()
    relayed: tuple[bytes, ...] = ()
    withdrawn_by: bytes | None = None
    reason: Part | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """A question to one party before its clock is looked at: what was said to it, in order."""

    ask: Entry
    of: str
    answers: tuple[Entry, ...]
    relayed: tuple[bytes, ...]
    withdrawn_by: Entry | None


def asked_threads(
    asks: Sequence[Entry], others: Sequence[Entry], marks: Marks, saw: Saw
) -> tuple[Thread, ...]:
    """The questions of an incident. ``others``: answers and withdrawals; all in display order."""
    said = threads(asks, others, saw)
    out: list[Thread] = []
    for ask in asks:
        if ask.story:
            continue
        mine = [one for one in said[ask.digest] if marks.counts(one)]
        back = withdrawal(ask, mine, marks)
        for party in asked_parties(ask):
            answers = [one for one in mine if one.act is Act.ANSWER]
            out.append(
                Thread(
                    ask,
                    party,
                    tuple(one for one in answers if one.party == party and not one.through),
                    tuple(one.digest for one in answers if one.through == party),
                    back,
                )
            )
    return tuple(out)


def asked_parties(ask: Entry) -> tuple[str, ...]:
    """Of whom a question is asked: the party it names, else all it is addressed to."""
    part = None if ask.said is None else ask.said.answers.get(Means.ASKED)
    if part is not None and isinstance(part.answer, PartyCode):
        return (part.answer.code,)
    return tuple(dict.fromkeys(party for party in ask.to if party != ask.party))


def settle(thread: Thread, now_ms: int, saw: Saw, dues: Dues) -> Question:
    """A question at a moment. ``dues``: when an agreement says that it is due, by ask and party."""
    ask = thread.ask
    state = QUESTION.start(QuestionEvent.ASKED)
    own_due = instant_ms(ask, Means.DUE, latest=True)
    asked_due = due = dues.get((ask.digest, thread.of), own_due)
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
    return Question(
        ask=ask,
        of=thread.of,
        state=state,
        about=() if ask.said is None else ask.said.asked,
        due_ms=due if state in _CLOCKED or state is QuestionState.OVERDUE else None,
        late=late,
        answer=answer,
        answers=tuple(one.digest for one in thread.answers),
        relayed=thread.relayed,
        withdrawn_by=None if back is None else back.digest,
        reason=answer.said.answers.get(Means.REASON) if answer and answer.said else None,
    )


def _events(thread: Thread) -> list[Entry]:
    back = () if thread.withdrawn_by is None else (thread.withdrawn_by,)
    return sorted((*thread.answers, *back), key=lambda one: one.key)


def _next_due(answer: Entry, asked_due: int | None) -> int | None:
    """When the next word is due after an answer: as promised; a bare promise puts off nothing."""
    sense = _stance(answer)
    if sense not in (Sense.LATER, Sense.PART):
        return None
    promised = instant_ms(answer, Means.NEXT, latest=True)
    return asked_due if promised is None and sense is Sense.LATER else promised


def _stance(answer: Entry) -> Sense:
    """What an answer says of itself; a form without such a field answers."""
    sense = Sense.NONE if answer.said is None else answer.said.sense(Means.STANCE)
    return sense if sense in _EVENT else Sense.FULL


def _rank(answer: Entry) -> int:
    return _RANK[_stance(answer)]
