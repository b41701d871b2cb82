"""The clocks of an incident as JSON: what is owed by when, what meets it, which is first."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping
from typing import Final

from tieline.core.agreement.model import Pack
from tieline.core.agreement.reason import UNKNOWN, Obligation, State
from tieline.core.incident.book import Book
from tieline.core.incident.question import Question
from tieline.core.incident.states import QuestionState
from tieline.node import incidentforms as forms
from tieline.node.agreementview import obligation_view
from tieline.node.incidentview import Wording
from tieline.node.view import Json, texts, word

RUNNING: Final = frozenset({State.OPEN.value, State.OVERDUE.value})


def _due(clock: Mapping[str, Json]) -> int | None:
    ends = clock.get("due")
    known = [end for end in ends if isinstance(end, int)] if isinstance(ends, list) else []
    return max(known, default=None)


def due_first(clock: Mapping[str, Json]) -> tuple[bool, int, str]:
    """Where a clock stands in a list: what is due first, and then what has no time."""
    due_ms = _due(clock)
    return due_ms is None, due_ms or 0, str(clock["id"])


def dues(owed: Iterable[Obligation]) -> dict[tuple[bytes, str], int]:
    """When an agreement says that an answer is due, by question and party, in its favour."""
    return {(one.trigger, one.debtor): one.due.latest for one in owed if one.due.latest is not None}


def asked_clocks(
    questions: Iterable[Question], ruled: Container[tuple[bytes, str]], wording: Wording
) -> list[dict[str, Json]]:
    """The clocks of questions for which no agreement has a rule: due when the question says."""
    out: list[dict[str, Json]] = []
    for one in questions:
        trigger = one.ask.digest.hex()
        if one.due_ms is None or (one.ask.digest, one.of) in ruled:
            continue
        state = State.OVERDUE if one.state is QuestionState.OVERDUE else State.OPEN
        out.append(
            {
                "id": f"question/{one.of}/{trigger}",
                "pack": "", "rule": "", "title": wording.title(one.ask),
                "debtor": one.of, "creditors": [one.ask.party], "trigger": trigger,
                "due": [one.due_ms, one.due_ms],
                "state": state.value, "ours": state.value, "said": state.value,
                "calms": texts(wording.answering(one.ask)), "cites": "answers",
            }
        )  # fmt: skip
    return out


def escalation(clocks: list[dict[str, Json]]) -> Json:
    """The first clock that runs: who owes what, by when, and what calms it."""
    running = [one for one in clocks if one["ours"] in RUNNING and _due(one) is not None]
    return running[0] if running else None


def clock_view(
    one: Obligation, pack: Pack, party: str, wording: Wording, packs: Iterable[Pack] = ()
) -> dict[str, Json]:
    """Who owes what by when, and what meets it, by a form of one of ``packs`` too."""
    calms, role = forms.meeting(packs, pack, one.rule)
    return {
        **obligation_view(one, party, lambda _: wording.tongue(pack)),
        "calms": texts(calms),
        "cites": word(role.name),
    }


def idle(one: Obligation) -> bool:
    """Whether it waits for a time that the message does not say, and nothing can meet it."""
    return one.state is State.OPEN and one.due == UNKNOWN


def first_due(owed: tuple[Obligation, Pack]) -> tuple[bool, float, str]:
    """What is open first, and of that what is due first."""
    one, _ = owed
    due = one.due.latest
    return one.state.value not in RUNNING, math.inf if due is None else due, one.id


def owed_to(book: Book, owed: tuple[Obligation, Pack]) -> str:
    """By whose statement something is owed."""
    entry = book.entry(owed[0].trigger)
    return "" if entry is None else entry.party
