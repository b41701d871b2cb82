"""The watch on what forms say: a deadline that passes rings, and so does a notice that touches.

The core reads no form; the ledger and the incidents of a line with packs are looked at here, when
the line has something new and when a due time comes. What is overdue goes to the core as an event,
which rings once for ever and puts a silence on the record. So does a notice of another party that
touches an open incident: it may be what explains it, and may not have reached who has to know.

Of what was overdue long before this station looked (it was away, or a pack came later) the newest
few ring, and one alarm says how many more there are: an alarm list of hundreds is none.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from tieline.core import crypto, watch
from tieline.core.agreement.model import word_key
from tieline.core.agreement.reason import Obligation, State
from tieline.core.agreement.tongue import Tongue
from tieline.core.errors import TielineError
from tieline.core.events import Event, Owed, Touched, Trouble
from tieline.core.incident.notices import How, Reach
from tieline.core.journal import FactKind
from tieline.core.line import Line
from tieline.core.terms import Now, Precedence, dtg
from tieline.node.agreements import Agreements
from tieline.node.incidents import Incidents
from tieline.ports import Fact

_log: Final = logging.getLogger(__name__)
LONG_AGO_MS: Final = 86_400_000
MANY: Final = 10  # of what was overdue long ago so many ring by themselves
AGAIN_S: Final = 10.0
LONGEST_S: Final = 3600.0
REACH: Final = Reach()
_HOW: Final = {
    How.MEETS: "covers the place and the time of",
    How.NEAR: "is near, in place and time,",
    How.TIME: "holds at the time (no place is known) of",
}
REST: Final = 4  # after a look as many times its own length goes to other work
_NEWS: Final = frozenset({FactKind.STATEMENT, FactKind.RECEIPT, FactKind.CHARTER})


class DueWatch:
    """One station's. ``lines`` and ``now`` are asked anew at each look; ``submit`` takes events."""

    def __init__(
        self,
        lines: Callable[[], Iterable[Line]],
        agreements: Agreements,
        now: Callable[[], Now],
        submit: Callable[[Event], None],
        incidents: Incidents | None = None,
    ) -> None:
        self._incidents = incidents
        self._lines, self._agreements, self._now, self._submit = lines, agreements, now, submit
        self._wake = asyncio.Event()
        self._fresh: set[bytes] = set()  # lines with something that was not looked at
        self._due: dict[bytes, int] = {}  # by line: when the next open obligation falls due
        self._silenced: set[tuple[bytes, str]] = set()
        self._unheard: set[bytes] = set()  # rung, and perhaps dropped: a full disk keeps no alarm
        self._around: dict[bytes, dict[bytes, int]] = {}  # by line: what was looked at of incidents
        self._looked: set[bytes] = set()
        self._looking = False
        self.looks = 0

    # ------------------------------------------------------------------------------ news

    def published(self, facts: Sequence[Fact]) -> None:
        """These facts are durable now."""
        lines = {fact.line for fact in facts if fact.kind in _NEWS}
        if lines:
            self._fresh |= lines
            self._wake.set()

    def moved(self) -> None:
        """The clock was set."""
        self._wake.set()

    @property
    def idle(self) -> bool:
        """Whether everything up to now was looked at."""
        return not self._looking and not self._waiting()

    @property
    def next_ms(self) -> int | None:
        """When time alone next makes something overdue, on the wall clock."""
        return min(self._due.values(), default=None)

    def _waiting(self) -> set[bytes]:
        now_ms = self._now().wall_ms
        return self._fresh | {line for line, at in self._due.items() if at <= now_ms}

    # ------------------------------------------------------------------------------ looks

    async def run(self) -> None:
        """Look, for ever. A line whose agreements cannot be read is said in the log and left.

        A fault of this watch rings: deadlines that pass unseen are worse than a station that says
        so. Everything else on the line goes on.
        """
        try:
            await self._run()
        except Exception as error:
            self._looking = False
            self._submit(
                Trouble(
                    code="owed.unwatched",
                    text=f"deadlines of agreements are not watched any more ({error!r}): start the"
                    " station again, and look at 'tieline obligations' meanwhile",
                )
            )
            raise

    async def _run(self) -> None:
        while True:
            began = time.thread_time()
            self._wake.clear()
            self._looking = True
            waiting = self._waiting()
            for line in list(self._lines()):
                if line.id in waiting or line.id not in self._looked:
                    await self._look(line)
            self._fresh -= waiting - {line.id for line in self._lines()}
            self._looking = False
            self.looks += 1
            await asyncio.sleep(REST * (time.thread_time() - began))
            await self._next()

    async def _next(self) -> None:
        """Wait for news, or for the next due time.

        What was rung and is not heard of yet is looked at again soon: with a full disk an alarm is
        not kept.
        """
        if self._waiting():
            return
        due, now_ms = self.next_ms, self._now().wall_ms
        wait_s = AGAIN_S if self._unheard else LONGEST_S
        if due is not None:
            wait_s = min(wait_s, max(0.001, (due - now_ms) / 1000))
        try:
            await asyncio.wait_for(self._wake.wait(), wait_s)
        except TimeoutError:
            self._fresh |= self._unheard
            self._unheard.clear()

    async def _look(self, line: Line) -> None:
        now_ms = self._now().wall_ms
        self._fresh.discard(line.id)
        self._due.pop(line.id, None)
        first = line.id not in self._looked
        self._looked.add(line.id)
        if not self._agreements.in_force(line).packs:
            return
        try:
            ledger = await self._agreements.ledger(line, now_ms)
        except TielineError as error:
            _log.warning("the agreements of line %s cannot be read: %s", line.id.hex()[:8],
                         error.message)  # fmt: skip
            return
        overdue: list[tuple[int, Obligation]] = []
        coming: list[int] = []
        for one in ledger.obligations(now_ms, party=line.party, open_only=True):
            due_ms = _due(one, line.party)
            if due_ms is None:
                continue
            state = one.seen_by(line.party)
            if state is State.OVERDUE:
                overdue.append((due_ms, one))
            elif state is State.OPEN and due_ms >= now_ms:
                coming.append(due_ms + 1)
        if coming:
            self._due[line.id] = min(coming)
        overdue.sort(key=_when)
        if first:
            self._silence_old(line, overdue, now_ms)
        for due_ms, one in overdue:
            if (line.id, one.id) not in self._silenced:
                self._ring(line, self._news(line, one, due_ms))
        if self._incidents is not None:
            await self._look_around(line, self._incidents, now_ms)

    def _silence_old(self, line: Line, overdue: list[tuple[int, Obligation]], now_ms: int) -> None:
        old = [one.id for due_ms, one in overdue if due_ms < now_ms - LONG_AGO_MS]
        if len(old) <= MANY:
            return
        self._silenced |= {(line.id, name) for name in old[:-MANY]}
        text = (
            f"{len(old) - MANY} more obligations of agreements on line {line.id.hex()[:8]} were"
            " overdue before this station looked; see 'tieline obligations'"
        )
        self._submit(Trouble(code="owed.long_ago", text=text, precedence=1))

    def _ring(self, line: Line, news: Owed | Touched) -> None:
        if watch.alarm_of(news).cause not in line.alarms:
            self._submit(news)
            self._unheard.add(line.id)

    async def _look_around(self, line: Line, incidents: Incidents, now_ms: int) -> None:
        """Which notices of others touch the incidents in which something is new."""
        told = await incidents.notices(line)
        seen = self._around.setdefault(line.id, {})
        for id_, touches in told.news(seen, REACH, now_ms - LONG_AGO_MS):
            for touch in touches:
                notice = touch.notice
                if notice.entry.party == line.party or notice.ended_by is not None:
                    continue
                passed = sorted({one.unit for one in notice.passed if one.party == line.party})
                whom = f"passed to {', '.join(passed)}" if passed else "passed to no unit of ours"
                text = (
                    f"a notice of {notice.entry.party} {_HOW[touch.how]} incident"
                    f" {id_.hex()[:8]}; {whom}: see 'tieline incident show {id_.hex()[:8]}'"
                )
                self._ring(
                    line,
                    Touched(
                        line=line.id,
                        notice=notice.entry.digest,
                        incident=id_,
                        party=notice.entry.party,
                        text=text,
                    ),
                )

    def _news(self, line: Line, one: Obligation, due_ms: int) -> Owed:
        pack = self._agreements.in_force(line).by_id(one.pack)
        title = one.rule
        if pack is not None:
            tongue = Tongue(pack, self._agreements.engine, self._agreements.language)
            title = str(tongue.word(word_key("rule", one.rule, "title")))
        ours = one.debtor == line.party
        whose = f"we owe {', '.join(one.creditors)}" if ours else f"{one.debtor} owes us"
        item = line.item(one.trigger) if one.trigger else None
        rank = Precedence.PRIORITY
        if item is not None:
            rank = max(rank, item.statement.content.precedence)
        return Owed(
            line=line.id,
            rule=f"{pack.tag if pack else one.pack[:4]}/{one.rule}",
            version=pack.version if pack else 0,
            debtor=one.debtor,
            creditor=not ours,
            trigger=one.trigger or crypto.sha256(one.id.encode()),
            due_ms=max(0, due_ms),
            text=f"{whose}: {title}; due {dtg(max(0, due_ms))}",
            precedence=int(rank),
        )


def _due(one: Obligation, party: str) -> int | None:
    """When it is due in the view of ``party``: who owes has until the latest end of the bracket."""
    return one.due.latest if party == one.debtor else one.due.earliest


def _when(entry: tuple[int, Obligation]) -> tuple[int, str]:
    return entry[0], entry[1].id
