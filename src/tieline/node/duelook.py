"""One look at what a line's forms say now: what is overdue, and which notices touch an incident."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from tieline.core import crypto, watch
from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.model import word_key
from tieline.core.agreement.reason import Obligation, State
from tieline.core.agreement.tongue import Tongue
from tieline.core.errors import TielineError
from tieline.core.events import Event, Owed, SignCheckpoint, Touched, Trouble
from tieline.core.incident.book import Book
from tieline.core.incident.notices import How, Notice, Notices, Reach, Seen
from tieline.core.incident.states import IncidentState
from tieline.core.line import Line
from tieline.core.tally import Cause
from tieline.core.terms import Precedence, dtg
from tieline.node import collector
from tieline.node.agreements import SETTLED, Agreements
from tieline.node.incidents import Incidents
from tieline.node.ringing import Purse, Ringing
from tieline.node.slices import Slices, through

_log: Final = logging.getLogger(__name__)
LONG_AGO_MS: Final = 86_400_000
MANY: Final = 10  # of what was overdue long ago so many ring by themselves
TOUCHES_KEPT: Final = 4_096  # that wait to ring
REACH: Final = Reach()
_HOW: Final = {
    How.MEETS: "covers the place and the time of",
    How.NEAR: "is near, in place and time,",
    How.TIME: "holds at the time (places could not be compared) of",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What a look gives: when time alone changes it next (wall ms), and what is to be rung.

    ``owing``: the causes of the alarms that have rung and are overdue still; None: not looked.
    """

    next_ms: int | None
    events: tuple[Event, ...]
    owing: frozenset[Cause] | None = None


Name = tuple[str, int]  # of an obligation: its id, and when it is due in our view


@dataclass(frozen=True, slots=True)
class _Debt:
    """An overdue obligation that waits to ring."""

    due_ms: int
    owed: Obligation

    @property
    def name(self) -> Name:
        return self.owed.id, self.due_ms


@dataclass(frozen=True, slots=True)
class _Near:
    """A notice that touches an incident, and waits to ring."""

    cause: Cause
    news: Touched


_Waiting = dict[Purse, list["_Debt | _Near"]]


@dataclass(slots=True)
class _Kept:
    """What is kept of one line between looks.

    ``heard``: obligations (with their due times) of which an alarm is kept, or that were summed as
    long overdue. ``let``: those that were given to the core, which keeps no alarm when the disk is
    full. ``purses``: those that wait. ``causes``: of the alarms of all these. ``touches``: what
    touches and is not heard, by its cause. ``touched``: incidents in which something is new that
    was not looked at. ``unread``: what of them could not be read, and was said. ``sealing``: an
    incident was closed by all since the last look.
    """

    ringing: Ringing = field(default_factory=Ringing)
    heard: set[Name] = field(default_factory=set)
    let: set[Name] = field(default_factory=set)
    purses: dict[Name, Purse] = field(default_factory=dict)
    causes: dict[Name, Cause] = field(default_factory=dict)
    touches: dict[Cause, tuple[Touched, How]] = field(default_factory=dict)
    rung: set[Cause] = field(default_factory=set)  # touches that were given to the core
    around: Seen = field(default_factory=Seen)  # what was looked at of incidents
    closed: dict[bytes, tuple[tuple[str, bytes], ...]] = field(default_factory=dict)
    touched: dict[bytes, None] = field(default_factory=dict)
    unread: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    sealing: bool = False


class DueLook:
    """Looks at one station's lines, and remembers what waits to ring."""

    def __init__(self, agreements: Agreements, incidents: Incidents) -> None:
        self._agreements, self._incidents = agreements, incidents
        self._kept: dict[bytes, _Kept] = {}

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
        kept = self._kept.setdefault(line.id, _Kept())
        real_ms = now_ms
        over = self._agreements.over_ms(line) is not None  # an exercise that has ended
        now_ms = self._agreements.moment(line, now_ms)
        overdue: list[tuple[int, Obligation]] = []
        coming: list[int] = []
        slices = Slices()
        for one in await through(ledger.open_steps(now_ms)):
            await slices.turn()
            due_ms = _due(one, line.party)
            if due_ms is None or (line.party != one.debtor and line.party not in one.creditors):
                continue
            state = one.seen_by(line.party)
            if state is State.OVERDUE:
                overdue.append((due_ms, one))
            elif state is State.OPEN and due_ms >= now_ms and not over:
                coming.append(due_ms + 1)
        overdue.sort(key=_when)
        events: list[Event] = [*_sum_old(line, kept, overdue, now_ms)] if first else []
        waiting: _Waiting = {}
        events += await self._overdue(line, kept, ledger, overdue, waiting)
        events += await self._incident_news(line, kept, waiting, now_ms, first=first)
        events += self._draw(line, kept, waiting, real_ms)
        again = kept.ringing.again_ms(purse for purse, some in waiting.items() if some)
        coming += [] if again is None else [again]
        if kept.sealing:
            # So that the record of what was settled outlives Ed25519.
            kept.sealing = False
            events.append(SignCheckpoint(token=0, line=line.id, seal=True))
        owing = frozenset(kept.causes.values())
        return Found(min(coming, default=None), tuple(events), owing)

    async def _incident_news(
        self, line: Line, kept: _Kept, waiting: _Waiting, now_ms: int, *, first: bool
    ) -> list[Event]:
        """Look at the incidents in which something is new, and sort what touches them.

        What of them cannot be read is said in the log, and looked at again with the next look:
        deadlines ring all the same.
        """
        try:
            told = await self._incidents.notices(line)
            book = await self._incidents.book(line)
            kept.touched |= dict.fromkeys(book.touched())
            await _note_closed(kept, book, tuple(kept.touched), first=first)
            await self._look_around(line, kept, told, tuple(kept.touched), now_ms - LONG_AGO_MS)
            kept.unread = {
                one: missing for one in kept.touched if (missing := _unread(line, kept, book, one))
            }
            kept.touched = dict.fromkeys(kept.unread)
            return await self._touching(line, kept, told, book, waiting)
        except TielineError as error:
            kept.around = Seen()
            _log.warning("the incidents of line %s cannot be read: %s", line.id.hex()[:8],
                         error.message)  # fmt: skip
            return []

    async def _overdue(
        self,
        line: Line,
        kept: _Kept,
        ledger: Ledger,
        overdue: list[tuple[int, Obligation]],
        waiting: _Waiting,
    ) -> list[Event]:
        """Sort what is overdue: what was heard, what may have been lost, and what waits to ring."""
        events: list[Event] = []
        names: set[Name] = set()
        slices = Slices()
        for due_ms, one in overdue:
            await slices.turn()
            name = (one.id, due_ms)
            names.add(name)
            if name in kept.heard and name in kept.causes:
                continue
            purse = kept.purses.get(name)
            if purse is None:
                news = self._news(line, one, due_ms)
                cause = kept.causes[name] = watch.alarm_of(news).cause
                if name in kept.heard or cause in line.alarms:
                    kept.heard.add(name)
                    continue
                if name in kept.let:
                    events.append(replace(news, text=self._text(line, one, due_ms)))
                    continue
                purse = kept.purses[name] = _purse(line, ledger, one, news)
            waiting.setdefault(purse, []).append(_Debt(due_ms, one))
        kept.heard &= names
        kept.let &= names - kept.heard
        for gone in kept.purses.keys() - names:
            del kept.purses[gone]
        for gone in kept.causes.keys() - names:
            del kept.causes[gone]
        return events

    async def _look_around(
        self, line: Line, kept: _Kept, told: Notices, touched: Iterable[bytes], since_ms: int
    ) -> None:
        """Note which notices of others touch the incidents in which something is new."""
        slices = Slices()
        for found in told.news(touched, kept.around, REACH, since_ms):
            await slices.turn()
            id_, touches = found or (b"", ())
            for touch in touches:
                entry = touch.notice.entry
                if entry.party == line.party or len(kept.touches) >= TOUCHES_KEPT:
                    continue
                news = Touched(line=line.id, notice=entry.digest, incident=id_, party=entry.party,
                               text="")  # fmt: skip
                kept.touches.setdefault(watch.alarm_of(news).cause, (news, touch.how))

    async def _touching(
        self, line: Line, kept: _Kept, told: Notices, book: Book, waiting: _Waiting
    ) -> list[Event]:
        """Sort what touches, as ``_overdue`` does; what has ended meanwhile rings no more."""
        events: list[Event] = []
        slices = Slices()
        for cause, (news, how) in list(kept.touches.items()):
            await slices.turn()
            notice = told.get(news.notice)
            gone = notice is None or notice.ended_by is not None or _is_closed(book, news.incident)
            if gone or notice is None or cause in line.alarms:
                del kept.touches[cause]
                kept.rung.discard(cause)
                continue
            ready = replace(news, text=_touching(line.party, notice, how, news.incident))
            if cause in kept.rung:
                events.append(ready)
            else:
                purse = Purse(news.party, "", "", Precedence(news.precedence))
                waiting.setdefault(purse, []).append(_Near(cause, ready))
        return events

    def _draw(self, line: Line, kept: _Kept, waiting: _Waiting, now_ms: int) -> Iterator[Event]:
        """What rings now of all that waits, which is taken out; how many are left, if news."""
        left: dict[str, int] = {}
        for purse, some in waiting.items():
            drawn = kept.ringing.draw(purse, some, now_ms)
            waiting[purse] = some[: len(some) - len(drawn)]  # so many are left: which, is the same
            left[purse.author] = left.get(purse.author, 0) + len(waiting[purse])
            for one in drawn:
                match one:
                    case _Near(cause=cause, news=news):
                        kept.rung.add(cause)
                        yield news
                    case _Debt(due_ms=due_ms, owed=owed):
                        kept.let.add(one.name)
                        del kept.purses[one.name]
                        late = self._news(line, owed, due_ms)
                        yield replace(late, text=self._text(line, owed, due_ms))
        told = kept.ringing.news(left, now_ms)
        if told:
            of = ", ".join(f"{count} by {party or 'the calendar'}" for party, count in told.items())
            text = (
                f"more alarms at once on line {line.id.hex()[:8]} than ring by themselves: overdue"
                f" obligations and touching notices wait for their turn, one a minute: {of}; see"
                " 'tieline obligations' and 'tieline incident notices'"
            )
            yield Trouble(code="owed.many", text=text, precedence=1)

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


def _sum_old(
    line: Line, kept: _Kept, overdue: list[tuple[int, Obligation]], now_ms: int
) -> Iterator[Event]:
    """Of what was overdue long before the first look all but the newest few ring in one alarm."""
    old = [(one.id, due_ms) for due_ms, one in overdue if due_ms < now_ms - LONG_AGO_MS]
    if len(old) <= MANY:
        return
    kept.heard.update(old[:-MANY])
    text = (
        f"{len(old) - MANY} more obligations of agreements on line {line.id.hex()[:8]} were"
        " overdue before this station looked; see 'tieline obligations'"
    )
    yield Trouble(code="owed.long_ago", text=text, precedence=1)


async def _note_closed(kept: _Kept, book: Book, touched: Iterable[bytes], *, first: bool) -> None:
    """Note which incidents were closed by all since the last look; none is on the first one."""
    closed = kept.closed
    slices = Slices()
    for place, id_ in enumerate(touched, 1):
        await slices.turn()
        if place % SETTLED == 0:
            collector.settle()  # heads of incidents stay: a full look at all holds up the line
        if book.entry(id_) is None or id_ not in book.of(id_):
            continue  # placed anew meanwhile
        head = book.head(id_)
        if head.closure.state is not IncidentState.CLOSED:
            closed.pop(id_, None)
        elif closed.get(id_) != head.closure.closed_by:
            closed[id_] = head.closure.closed_by
            kept.sealing = kept.sealing or not first


def _unread(line: Line, kept: _Kept, book: Book, id_: bytes) -> tuple[bytes, ...]:
    """What is attached to an incident and cannot be read, which is said once."""
    if book.entry(id_) is None or id_ not in book.of(id_):
        return ()
    missing = book.head(id_).unread
    if missing and missing != kept.unread.get(id_):
        _log.warning("line %s: of incident %s %s cannot be read; run 'tieline verify'",
                     line.id.hex()[:8], id_.hex()[:8],
                     ", ".join(item.hex()[:8] for item in missing))  # fmt: skip
    return missing


def _is_closed(book: Book, id_: bytes) -> bool:
    """Whether an incident is none any more, or closed by all."""
    if book.entry(id_) is None or id_ not in book.of(id_):
        return True
    return book.head(id_).closure.state is IncidentState.CLOSED


def _purse(line: Line, ledger: Ledger, one: Obligation, news: Owed) -> Purse:
    """With what an obligation shares its turns to ring."""
    item = line.item(one.trigger) if one.trigger else None
    author = "" if item is None else line.party_of(item.statement.place.station)
    entry = ledger.entries.get(one.trigger)
    openings = (ledger.entries.get(opening) for opening in (entry.threads if entry else ()))
    openers = [opening.message.sender for opening in openings if opening is not None]
    opener = next((party for party in openers if party != author), author if openers else "")
    return Purse(author, one.debtor, opener, Precedence(news.precedence))


def _touching(own: str, notice: Notice, how: How, id_: bytes) -> str:
    """What an officer is told of a notice that touches an incident."""
    told = {one.unit or "a unit that is not named" for one in notice.passed if one.party == own}
    passed = sorted(told)
    whom = f"passed to {', '.join(passed)}" if passed else "passed to no unit of ours"
    return (
        f"a notice of {notice.entry.party} {_HOW[how]} incident"
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
