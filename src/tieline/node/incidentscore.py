"""How each party did, as one JSON object: what an exercise is scored by.

What was said after the end of an exercise (ENDEX) is in no incident of it here, and what was read
after it was not read in time. The end is the earliest that the record claims, so every station that
holds the same statements finds the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

from tieline.core.incident.entry import Entry
from tieline.core.incident.figures import middle
from tieline.core.incident.look import WHOLE, View
from tieline.core.incident.score import Played, Score, scores
from tieline.core.incident.states import QuestionState
from tieline.core.joints import Known, chain_of
from tieline.core.line import Line
from tieline.core.statement import wanted_rungs
from tieline.core.terms import Rung, dtg
from tieline.node.agreements import Agreements
from tieline.node.arguments import Arguments
from tieline.node.incidents import Incidents
from tieline.node.incidentview import name_of
from tieline.node.slices import Slices
from tieline.node.view import Json, word

if TYPE_CHECKING:
    from tieline.core.incident.book import Book

Act_ = Callable[[Arguments], Awaitable[Json]]
# When answers are due by the agreements, of one incident of a book.
Dues = Callable[[Line, "Book", bytes], Awaitable[Mapping[tuple[bytes, str], int]]]
ASKED: Final = tuple(state for state in QuestionState if state is not QuestionState.WITHDRAWN)


class Desk(Protocol):
    """What this act needs of the others."""

    def line(self, args: Arguments) -> Line: ...

    def now_ms(self) -> int: ...


class ScoreActs:
    """The act that gives the score of a line."""

    def __init__(
        self, desk: Desk, agreements: Agreements, incidents: Incidents, dues: Dues
    ) -> None:
        self._desk = desk
        self._agreements = agreements
        self._incidents = incidents
        self._dues = dues
        self.acts: Mapping[str, Act_] = {"incident_score": self._score}

    async def _score(self, args: Arguments) -> Json:
        line = self._desk.line(args)
        args.done()
        ledger = await self._agreements.ledger(line, self._desk.now_ms())
        over_ms = self._agreements.over_ms(line)
        now_ms = self._agreements.moment(line, self._desk.now_ms())
        owed = [(one.debtor, one.state.value) for one in ledger.obligations(now_ms)]
        book = await self._incidents.book(line)
        if over_ms is not None:
            book = await self._incidents.until(line, over_ms)
        views: list[View] = []
        slices = Slices()
        for id_ in book.ids():
            views.append(book.view(id_, now_ms, dues=await self._dues(line, book, id_), most=WHOLE))
            await slices.turn()
        entries = await self._incidents.messages(line, over_ms)
        played = Played(
            views=views,
            entries=entries,
            wants=lambda entry: _wants(line, entry),
            reached=lambda entry: rungs_of(line, entry, over_ms),
            owed=owed,
            bound=_bound(line, book, over_ms),
        )
        begin, found = scores(played, line.charter.voices())
        return {
            "exercise": line.realm,
            "begin_ms": begin,
            "over_ms": over_ms,
            "incidents": [_incident_view(view) for view in views],
            "parties": [score_view(one) for one in found.values()],
        }


def _wants(line: Line, entry: Entry) -> tuple[Rung, ...]:
    item = line.item(entry.digest)
    return () if item is None else wanted_rungs(item.statement.content.wanted())


def rungs_of(line: Line, entry: Entry, over_ms: int | None = None) -> dict[str, dict[Rung, int]]:
    """By party but the author's, when each rung of a statement was reached, up to a moment."""
    item = line.item(entry.digest)
    if item is None:
        return {}
    codes = [party.code for party in line.charter_of(item).parties if party.code != entry.party]
    return {
        code: {
            rung: mark.at_ms
            for rung, mark in line.ladder.rungs(item, code).items()
            if over_ms is None or mark.at_ms <= over_ms
        }
        for code in codes
    }


def _bound(line: Line, book: Book, over_ms: int | None) -> list[tuple[str, ...]]:
    """The parties of each joint statement that bound, by then."""
    known = Known(line)
    found: dict[bytes, tuple[str, ...]] = {}
    for entry in book.texts():
        chain = chain_of(line, entry.digest)
        if chain is None or chain.binding is None:
            continue
        signed = [one.by for one in chain.binding.signed]
        read = [
            known.read_at(one.log, each) for one in signed for each in signed if each is not one
        ]
        if over_ms is None or all(one is not None and one[1] <= over_ms for one in read):
            found[chain.root] = tuple(one.party for one in signed)
    return [*found.values()]


def _incident_view(view: View) -> Json:
    opener = view.head.opener
    return {
        "incident": opener.digest.hex(),
        "name": name_of(opener),
        "dtg": dtg(opener.time_ms),
        "opened_by": opener.party,
        "state": str(view.head.closure.state),
    }


def score_view(one: Score) -> Json:
    """A party's score; of many spans the median and the longest."""
    return {
        "party": one.party,
        "messages": one.messages,
        "first_word_ms": one.first_word_ms,
        "first_fact_ms": one.first_fact_ms,
        "read": _spans(one.to_read, one.read_ms),
        "understood": _spans(one.to_understand, one.understood_ms),
        "questions": {
            **_spans(one.asked, one.answer_ms),
            **{word(state.name): one.questions[state] for state in ASKED},
            "late": one.answered_late,
        },
        "deadlines": dict(sorted(one.owed.items())),
        "corrected": one.corrected,
        "taken_back": one.taken_back,
        "signed": one.signed,
        "closed": {"of": one.took_part, "done": one.closed},
    }


def _spans(asked: int, spans: list[int]) -> dict[str, Json]:
    return {
        "of": asked,
        "done": len(spans),
        "median_ms": middle(spans),
        "longest_ms": max(spans, default=None),
    }
