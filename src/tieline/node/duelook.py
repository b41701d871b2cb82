"""One look at what a line's forms say now: what is overdue, and which notices touch an incident."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from tieline.core import crypto, watch
from tieline.core.agreement.model import word_key
from tieline.core.agreement.reason import Obligation, State
from tieline.core.agreement.tongue import Tongue
from tieline.core.errors import TielineError
from tieline.core.events import Event, Owed, SignCheckpoint, Touched, Trouble
from tieline.core.incident.book import Book
from tieline.core.incident.notices import How, Notices, Reach, Seen, Touch
from tieline.core.incident.states import IncidentState
from tieline.core.line import Line
from tieline.core.terms import Precedence, dtg
from tieline.node.agreements import Agreements
from tieline.node.incidents import Incidents
from tieline.node.ringing import Ringing
from tieline.node.slices import Slices

_log: Final = logging.getLogger(__name__)
LONG_AGO_MS: Final = 86_400_000
MANY: Final = 10  # of what was overdue long ago so many ring by themselves
REACH: Final = Reach()
_HOW: Final = {
    How.MEETS: "covers the place and the time of",
    How.NEAR: "is near, in place and time,",
    How.TIME: "holds at the time (places could not be compared) of",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What a look gives: when time alone changes it next (wall ms), and what is to be rung."""

    next_ms: int | None
    events: tuple[Event, ...]


class DueLook:
    """Looks at one station's lines, and remembers what it keeps quiet about."""

    def __init__(self, agreements: Agreements, incidents: Incidents) -> None:
        self._agreements, self._incidents = agreements, incidents
        self._silenced: set[tuple[bytes, str]] = set()
        self._ringing = Ringing()
        self._closed_by_all: dict[bytes, dict[bytes, tuple[tuple[str, bytes], ...]]] = {}
        self._around: dict[bytes, Seen] = {}  # by line: what was looked at of incidents

    async def look(self, line: Line, now_ms: int, *, first: bool) -> Found:
        """Look at one line. What rang already does not ring again.

        ``first``: since the station started. A line that cannot be read is said in the log.
        """
        try:
            ledger = await self._agreements.ledger(line, now_ms)
        except TielineError as error:
            _log.warning("the agreements of line %s cannot be read: %s", line.id.hex()[:8],
                         error.message)  # fmt: skip
            return Found(None, ())
        over = self._agreements.over_ms(line) is not None  # an exercise that has ended
        now_ms = self._agreements.until(line, now_ms)
        overdue: list[tuple[int, Obligation]] = []
        coming: list[int] = []
        for one in ledger.obligations(now_ms, party=line.party, open_only=True):
            due_ms = _due(one, line.party)
            if due_ms is None:
                continue
            state = one.seen_by(line.party)
            if state is State.OVERDUE:
                overdue.append((due_ms, one))
            elif state is State.OPEN and due_ms >= now_ms and not over:
                coming.append(due_ms + 1)
        overdue.sort(key=_when)
        events: list[Event] = [*self._silence_old(line, overdue, now_ms)] if first else []
        events += await self._overdue(line, overdue, now_ms)
        told = await self._incidents.notices(line)
        book = await self._incidents.book(line)
        touched = book.touched()
        closed = self._closed(line, book, touched, first=first)
        events += await self._look_around(line, told, touched, now_ms)
        events += self._kept_quiet(line, now_ms)
        if closed:
            # So that the record of what was settled outlives Ed25519.
            events.append(SignCheckpoint(token=0, line=line.id, seal=True))
        return Found(min(coming, default=None), tuple(events))

    def forget(self, lines: set[bytes]) -> None:
        """What was rung on these lines may not have been heard: look at their incidents anew."""
        for line in lines:
            self._around.pop(line, None)

    def _silence_old(
        self, line: Line, overdue: list[tuple[int, Obligation]], now_ms: int
    ) -> Iterator[Event]:
        old = [one.id for due_ms, one in overdue if due_ms < now_ms - LONG_AGO_MS]
        if len(old) <= MANY:
            return
        self._silenced |= {(line.id, name) for name in old[:-MANY]}
        text = (
            f"{len(old) - MANY} more obligations of agreements on line {line.id.hex()[:8]} were"
            " overdue before this station looked; see 'tieline obligations'"
        )
        yield Trouble(code="owed.long_ago", text=text, precedence=1)

    async def _overdue(
        self, line: Line, overdue: list[tuple[int, Obligation]], now_ms: int
    ) -> list[Event]:
        """What is overdue and has not rung, as far as it may ring."""
        events: list[Event] = []
        slices = Slices()
        for due_ms, one in overdue:
            await slices.turn()
            if (line.id, one.id) in self._silenced:
                continue
            news = self._news(line, one, due_ms)
            cause = watch.alarm_of(news).cause
            if cause in line.alarms:
                continue
            item = line.item(one.trigger) if one.trigger else None
            author = "" if item is None else line.party_of(item.statement.place.station)
            if self._ringing.lets(line.id, author, cause, now_ms):
                events.append(replace(news, text=self._text(line, one, due_ms)))
            else:
                self._silenced.add((line.id, one.id))
        return events

    def _kept_quiet(self, line: Line, now_ms: int) -> Iterator[Event]:
        kept = self._ringing.kept(line.id, now_ms)
        if kept:
            of = ", ".join(f"{count} by {party or 'the calendar'}" for party, count in kept)
            text = (
                f"too many alarms at once on line {line.id.hex()[:8]}: overdue obligations and"
                f" touching notices that do not ring by themselves: {of}; see 'tieline obligations'"
                " and 'tieline incident notices'"
            )
            yield Trouble(code="owed.many", text=text, precedence=1)

    def _closed(self, line: Line, book: Book, touched: Iterable[bytes], *, first: bool) -> bool:
        """Whether an incident was closed by all since the last look; none is on the first one."""
        closed = self._closed_by_all.setdefault(line.id, {})
        news = False
        for id_ in touched:
            head = book.head(id_)
            if head.closure.state is not IncidentState.CLOSED:
                closed.pop(id_, None)
            elif closed.get(id_) != head.closure.closed_by:
                closed[id_] = head.closure.closed_by
                news = not first
        return news

    async def _look_around(
        self, line: Line, told: Notices, touched: Iterable[bytes], now_ms: int
    ) -> list[Event]:
        """Which notices of others touch the incidents in which something is new."""
        events: list[Event] = []
        seen = self._around.setdefault(line.id, Seen())
        slices = Slices()
        for found in told.news(touched, seen, REACH, now_ms - LONG_AGO_MS):
            await slices.turn()
            id_, touches = found or (b"", ())
            for touch in touches:
                notice = touch.notice
                if notice.entry.party == line.party or notice.ended_by is not None:
                    continue
                news = Touched(
                    line=line.id,
                    notice=notice.entry.digest,
                    incident=id_,
                    party=notice.entry.party,
                    text="",
                )
                cause = watch.alarm_of(news).cause
                if cause in line.alarms:
                    continue
                if self._ringing.lets(line.id, notice.entry.party, cause, now_ms):
                    events.append(replace(news, text=_touching(line.party, touch, id_)))
        return events

    def _news(self, line: Line, one: Obligation, due_ms: int) -> Owed:
        """What is overdue, without its text: that is made for what rings."""
        pack = self._agreements.in_force(line).by_id(one.pack)
        item = line.item(one.trigger) if one.trigger else None
        rank = Precedence.PRIORITY
        if item is not None:
            rank = max(rank, item.statement.content.precedence)
        return Owed(
            line=line.id,
            rule=f"{pack.tag if pack else one.pack[:4]}/{one.rule}",
            version=pack.version if pack else 0,
            debtor=one.debtor,
            creditor=one.debtor != line.party,
            trigger=one.trigger or _digest(one),
            due_ms=max(0, due_ms),
            text="",
            precedence=int(rank),
        )

    def _text(self, line: Line, one: Obligation, due_ms: int) -> str:
        pack = self._agreements.in_force(line).by_id(one.pack)
        title = one.rule
        if pack is not None:
            tongue = Tongue(pack, self._agreements.engine, self._agreements.language)
            title = str(tongue.word(word_key("rule", one.rule, "title")))
        ours = one.debtor == line.party
        whose = f"we owe {', '.join(one.creditors)}" if ours else f"{one.debtor} owes us"
        return f"{whose}: {title}; due {dtg(max(0, due_ms))}"


def _touching(own: str, touch: Touch, id_: bytes) -> str:
    """What an officer is told of a notice that touches an incident."""
    notice = touch.notice
    passed = sorted({one.unit for one in notice.passed if one.party == own})
    whom = f"passed to {', '.join(passed)}" if passed else "passed to no unit of ours"
    return (
        f"a notice of {notice.entry.party} {_HOW[touch.how]} incident"
        f" {id_.hex()[:8]}; {whom}: see 'tieline incident show {id_.hex()[:8]}'"
    )


def _due(one: Obligation, party: str) -> int | None:
    """When it is due in the view of ``party``: who owes has until the latest end of the bracket."""
    return one.due.latest if party == one.debtor else one.due.earliest


def _digest(one: Obligation) -> bytes:
    """What stands for the trigger of an obligation that the calendar began."""
    return crypto.sha256(one.id.encode())


def _when(entry: tuple[int, Obligation]) -> tuple[int, str]:
    return entry[0], entry[1].id
