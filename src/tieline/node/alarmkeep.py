"""The station's own keeping of its alarms: what rings now, what officers did, what makes it heard.

The station owns the state of the alarms; whoever makes a noise asks for it, and asks again when an
event comes or at the time that the answer names. So every desk and every loudspeaker say the same.

Nothing here speaks to another station. Silence and shelf are kept in the journal, and so is each
change of an output; that an output still works is not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from tieline.core.errors import LocalError, StoreFull, TielineError
from tieline.core.events import Act, Done, Event, Heeded, Trouble
from tieline.core.heed import Does, Heed
from tieline.core.journal import Alarm
from tieline.core.line import Line
from tieline.core.record import Item
from tieline.core.station import Station
from tieline.core.tally import Cause
from tieline.core.terms import Now, Precedence, dtg
from tieline.node.alarmbook import (
    FAULT_MS,
    KINDS,
    SHELF_MS,
    SILENCE_MS,
    TEST_MS,
    TONES,
    AlarmBook,
    Family,
    Ring,
    State,
    Tone,
    Trial,
    sounds,
)
from tieline.node.alarmends import Ends
from tieline.node.alarmoutputs import Change, Output, Outputs
from tieline.node.runtime import FULL
from tieline.node.slices import Slices
from tieline.node.traffic import Open, Traffic
from tieline.ports import Store

_CHUNK: Final = 2_048  # journal entries that are looked through in one go
_AGAIN_MS: Final = 2_000  # when deadlines are being looked at, so soon it is asked again
_IDLE_S: Final = 60.0


class Around(Protocol):
    """The station around it."""

    @property
    def station(self) -> Station: ...

    def now(self) -> Now: ...

    def store(self) -> Store: ...

    def submit(self, event: Event) -> None: ...

    async def perform(self, make: Callable[[int], Act]) -> Done: ...

    def seq_of(self, digest: bytes) -> int: ...

    def owing(self, line: bytes) -> frozenset[Cause] | None: ...

    def looking(self) -> bool:
        """Whether deadlines are being looked at."""

    def unattended(self) -> bool:
        """Whether nobody sits at this station: it plays in an exercise whose clock is set."""


@dataclass(frozen=True, slots=True)
class Look:
    """What rings at ``now_ms``: each alarm with its state, the most urgent first.

    ``numbers``: those that sound. ``again_ms``: when time alone may change this.
    """

    now_ms: int
    alarms: tuple[tuple[Ring, State], ...]
    tone: Tone
    numbers: tuple[int, ...]
    silenced_ms: int | None
    again_ms: int | None


class AlarmKeep:
    """One station's."""

    def __init__(self, around: Around, fault_ms: int = FAULT_MS) -> None:
        self._around = around
        self.book = AlarmBook(fault_ms)
        self.outputs = Outputs(around.now().real_ms)
        self._seen = 0
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._full: Ring | None = None
        self._known: set[bytes] = set()  # of what is open: those that were looked at
        # The station is made anew from the journal after a full disk: it is asked for each time.
        self._traffic = Traffic(
            lambda: list(self._lines().values()),
            lambda after: around.store().facts(after),
            lambda: around.store().last(),
        )
        self._ends = Ends(
            self._lines, self._troubles, around.owing, self._failing, self._traffic.moved
        )

    def _lines(self) -> Mapping[bytes, Line]:
        return self._around.station.lines

    def _troubles(self) -> Mapping[str, Alarm]:
        return self._around.station.troubles

    def _failing(self) -> bool:
        return bool(self.outputs.failing())

    # ------------------------------------------------------------------------------ looking

    async def open(self, now_ms: int) -> tuple[dict[bytes, Open], Traffic]:
        """What is open on each line, and who keeps count of it."""
        return await self._traffic.look(now_ms), self._traffic

    async def look(self) -> Look:
        """What rings now. Raises ``ShellError`` where the journal does not read."""
        async with self._lock:
            now_ms = self._around.now().wall_ms
            slices = Slices()
            store, last = self._around.store(), self._around.store().last()
            while self._seen < last:
                upto = min(self._seen + _CHUNK, last)
                for number, fact in store.some(KINDS, self._seen, upto):
                    self.book.take(number, fact)
                self._seen = upto
                await slices.turn()
            self._note_waiting(await self._traffic.look(now_ms))
            for ring in list(self.book.rings.values()):
                how = self._ends.ended(ring, now_ms)
                if how:
                    self.book.end(ring, how, now_ms)
                await slices.turn()
            return self._now(now_ms)

    def _now(self, now_ms: int) -> Look:
        book = self.book
        arrived = {r.key[2] for r in book.rings.values() if r.family is Family.ARRIVED}
        rings = [ring for ring in book.rings.values() if not self._told(ring, arrived)]
        rings += self._disk(now_ms)
        stated = [(ring, book.state(ring, now_ms)) for ring in rings]
        some = [(ring, state) for ring, state in stated if state is not State.PENDING]
        some.sort(key=_urgent)
        tone, sounding = sounds(stated)
        silence = book.silence
        silent = any(state is State.SILENCED for _, state in some)
        again = [book.next_ms(now_ms)]
        if self._around.looking() and any(r.alarm.code.startswith("owed.") for r in rings):
            again.append(now_ms + _AGAIN_MS)
        return Look(
            now_ms=now_ms,
            alarms=tuple(some),
            tone=tone,
            numbers=tuple(sorted(ring.number for ring in sounding)),
            silenced_ms=silence.until_ms if silence is not None and silent else None,
            again_ms=min((each for each in again if each is not None), default=None),
        )

    def _told(self, ring: Ring, arrived: set[bytes]) -> bool:
        """Whether an alarm says what another one says: that we owe a word for what rings itself."""
        line = self._lines().get(ring.line)
        ours = line is not None and ring.alarm.party == line.party
        return ours and ring.alarm.code == "overdue.acknowledged" and ring.alarm.item in arrived

    def _disk(self, now_ms: int) -> list[Ring]:
        """That the disk is full cannot be kept in the journal, and rings all the same."""
        alarm = self._troubles().get(FULL)
        if alarm is None:
            self._full = None
        elif self._full is None:
            self._full = Ring(0, now_ms, b"", alarm)
        return [] if self._full is None else [self._full]

    def _note_waiting(self, found: Mapping[bytes, Open]) -> None:
        """What came with PRIORITY and waits for our acknowledgement: it has no alarm of its own."""
        known, self._known = self._known, set()
        for line in self._lines().values():
            for digest in found[line.id].inbound if line.id in found else ():
                self._known.add(digest)
                item = None if digest in known else line.item(digest)
                if item is None or item.statement.content.precedence is not Precedence.PRIORITY:
                    continue
                ring = _waiting(line, item)
                ring.number = self._around.seq_of(digest)
                self.book.rings.setdefault(ring.key, ring)

    # ------------------------------------------------------------------------------ officers

    async def silence(self, officer: str) -> Look:
        """Stop what sounds for 30 s; it sounds again unless it has ended by then."""
        found = await self.look()
        if found.tone is Tone.NONE:
            return found
        until_ms = found.now_ms + SILENCE_MS
        heed = Heed(does=Does.SILENCED, officer=officer, until_ms=until_ms)
        try:
            await self._keep(heed)
        except StoreFull:
            self.book.heed(self._seen + 1, found.now_ms, heed)  # a full disk must not howl on
        return await self.look()

    async def shelve(self, number: int, officer: str, reason: str, until_ms: int) -> Look:
        """Put an alarm away for a time. Raises ``LocalError`` (``alarm.shelf``)."""
        ring, now_ms = await self._find(number), self._around.now().wall_ms
        if not ring.shelvable:
            raise LocalError(
                "alarm.shelf",
                "only faults of lines and reminders can be shelved, and nothing that is FLASH or"
                " IMMEDIATE or waits for our acknowledgement; silence it, and deal with it",
            )
        if not reason.strip():
            raise LocalError("alarm.shelf", "say why it is shelved; the next officer reads it")
        if not now_ms < until_ms <= now_ms + SHELF_MS:
            raise LocalError(
                "alarm.shelf", "an alarm is shelved for 8 hours at most; it comes back"
            )
        await self._keep(
            Heed(does=Does.SHELVED, about=number, officer=officer, text=reason, until_ms=until_ms)
        )
        return await self.look()

    async def unshelve(self, number: int, officer: str) -> Look:
        """Take an alarm back from the shelf. Raises ``LocalError`` (``alarm.unknown``)."""
        await self._find(number)
        await self._keep(Heed(does=Does.RETURNED, about=number, officer=officer))
        return await self.look()

    async def saw(self, number: int, officer: str, note: str) -> Look:
        """An officer has taken note of an alarm.

        Raises ``LocalError`` (``alarm.acknowledge``) where another party waits for a statement.
        """
        ring = await self._find(number)
        line = self._lines().get(ring.line)
        if ring.family is Family.ARRIVED and line is not None and line.member:
            raise LocalError(
                "alarm.acknowledge",
                f"{ring.alarm.party} waits for an acknowledgement of this, and nothing else ends"
                " the alarm: read it, then acknowledge it",
            )
        await self._keep(Heed(does=Does.SEEN, about=number, officer=officer, text=note))
        return await self.look()

    async def test(self, officer: str) -> int:
        """Have every output sound; the number of the test."""
        await self._keep(Heed(does=Does.TESTED, officer=officer))
        await self.look()
        return self.book.test.number if self.book.test is not None else 0

    async def confirm(self, number: int, officer: str, names: tuple[str, ...]) -> None:
        """An officer has heard these outputs. Raises ``LocalError`` (``alarm.test``)."""
        await self.look()
        trial = self.book.test
        if trial is None or trial.number != number:
            raise LocalError("alarm.test", f"there is no test {number}, or a later one has begun")
        for name in names:
            if name not in self.outputs.all:
                raise LocalError("alarm.test", f"there is no output {name!a}; see 'alarm outputs'")
        for name in names:
            await self._keep(Heed(does=Does.HEARD, about=number, officer=officer, output=name))
        await self.look()

    def trial(self, now_ms: int) -> Trial | None:
        """The test that outputs are to sound now."""
        trial = self.book.test
        return trial if trial is not None and 0 <= now_ms - trial.at_ms < TEST_MS else None

    async def _find(self, number: int) -> Ring:
        found = await self.look()
        for ring, _ in found.alarms:
            if ring.number == number != 0:
                return ring
        raise LocalError("alarm.unknown", f"no alarm {number} rings here; see 'alarm list'")

    async def _keep(self, heed: Heed) -> None:
        await self._around.perform(lambda token: Heeded(token=token, heed=heed))

    # ------------------------------------------------------------------------------- outputs

    def beat(self, output: Output) -> bool:
        """An output is heard of; whether it is the caller's. Raises ``LocalError``."""
        now = self._around.now()
        output.at_ms = now.real_ms
        ours, changes = self.outputs.beat(output, now.real_ms, now.wall_ms)
        self._changed(changes)
        self._wake.set()
        return ours

    def leave(self, name: str, run: str) -> None:
        """An output takes its leave, or is struck off."""
        self._changed(self.outputs.leave(name, run))

    def _changed(self, changes: list[Change]) -> None:
        for change in changes:
            output = change.output
            heed = Heed(does=Does.OUTPUT, about=change.tested, output=output.name, kind=output.kind,
                        text=change.why, well=change.well)  # fmt: skip
            self._around.submit(Heeded(token=0, heed=heed))
        if any(not each.well and each.output.failed and not each.tested for each in changes):
            told = ", ".join(f"{one.name}: {one.why}" for one in self.outputs.failing())
            text = f"outputs of alarms that do not work ({told}); see 'tieline alarm outputs'"
            self._around.submit(
                Trouble(code="alarm.output", text=text, precedence=int(Precedence.PRIORITY))
            )

    def troubles(self) -> list[Alarm]:
        """What an officer must know of the outputs as a whole; it cannot ring."""
        if self._around.unattended() or not self.outputs.nobody(self._around.now().real_ms):
            return []
        text = (
            "nobody would hear an alarm: no output of alarms works; arm a desk in a browser, or run"
            " 'tieline alarm'"
        )
        return [Alarm(code="alarm.none", precedence=Precedence.FLASH, text=text)]

    async def run(self) -> None:
        """Miss outputs that are not heard of, for ever.

        It looks once at what rings first: the first to ask shall not wait for that.
        """
        with contextlib.suppress(TielineError):  # whoever asks is told of it
            await self.look()
        while True:
            self._wake.clear()
            now = self._around.now()
            self._changed(self.outputs.look(now.real_ms, now.wall_ms))
            soon = self.outputs.next_ms()
            wait_s = _IDLE_S if soon is None else max(0.01, (soon + 1 - now.real_ms) / 1000)
            await _wait(self._wake.wait(), min(wait_s, _IDLE_S))


async def _wait(event: Awaitable[bool], wait_s: float) -> None:
    try:
        async with asyncio.timeout(wait_s):
            await event
    except TimeoutError:
        return


def _waiting(line: Line, item: Item) -> Ring:
    party = line.party_of(item.statement.place.station)
    alarm = Alarm(
        code="arrived.priority",
        precedence=Precedence.PRIORITY,
        text=f"PRIORITY from {party}, written {dtg(item.statement.place.time_ms)}: acknowledge it",
        item=item.statement.digest,
        party=party,
    )
    return Ring(0, item.admitted_ms, line.id, alarm)


def _urgent(entry: tuple[Ring, State]) -> tuple[bool, int, int]:
    ring, state = entry
    return (state is not State.SOUNDING, TONES.index(ring.tone), -ring.at_ms)
