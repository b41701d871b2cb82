"""What rings now: a fold over the alarms, states of lines and officers' acts in the journal.

An alarm is in one of these states, which follow from the journal and the time alone. ``sounding``:
it wants an officer. ``silenced``: an officer stopped the sound for 30 s, of all that sounded then;
it sounds again unless it has ended. ``shelved``: put away for some hours, with a reason; it comes
back by itself. ``seen``: an officer has taken note of it, and what it is about goes on. ``quiet``:
it makes no sound. It is over when what it is about is over: what that is depends on its family, and
is looked up outside (``alarmends``), because the record knows it.

Each time stands beside the one at which it was set, and holds only between the two: a clock that is
put back makes alarms sound again, and never keeps one quiet for longer.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tieline.core.heed import Does, Heed
from tieline.core.journal import Alarm, Fact, FactKind, StateChange
from tieline.core.terms import LineState, Precedence
from tieline.node.moved import NEVER, Mark

SILENCE_MS: Final = 30_000
SHELF_MS: Final = 8 * 3_600_000
FAULT_MS: Final = 60_000  # so long a line is gone before it rings
OLD_MS: Final = 72 * 3_600_000  # what waits for an officer's note rings no more after this
TEST_MS: Final = 20_000  # so long outputs may sound a test
PAST_KEPT: Final = 256
KINDS: Final = frozenset({FactKind.ALARM, FactKind.STATE, FactKind.HEED})

LINE_DOWN: Final = "line.down"
OUTPUT: Final = "alarm.output"
FAULT: Final = "FAULT"
_GONE: Final = frozenset({LineState.DOWN, LineState.SILENT, LineState.UNKNOWN})

Key = tuple[bytes, str, bytes, str, int]


class Family(enum.StrEnum):
    """What ends an alarm."""

    ARRIVED = "arrived"  # a message of another party: our acknowledgement
    DEADLINE = "deadline"  # what was not done in time: that it is done, or an officer's note
    LINE = "line"  # that the line carries again, or an officer's note
    STATION = "station"  # a fault of this station: that it is over, or an officer's note
    NOTICE = "notice"  # what was found in the record: an officer's note


class State(enum.StrEnum):
    """See the head of this module; ``PENDING``: it does not ring yet."""

    PENDING = "pending"
    SOUNDING = "sounding"
    SILENCED = "silenced"
    SHELVED = "shelved"
    SEEN = "seen"
    QUIET = "quiet"
    OVER = "over"


class Tone(enum.StrEnum):
    """What outputs play, the most urgent first."""

    FLASH = "flash"
    IMMEDIATE = "immediate"
    FAULT = "fault"
    PRIORITY = "priority"
    NONE = ""


TONES: Final = tuple(Tone)


@dataclass(frozen=True, slots=True)
class Note:
    """An act of an officer on one alarm, and until when it holds (0: for good)."""

    number: int
    at_ms: int
    officer: str
    text: str
    until_ms: int = 0

    def holds(self, now_ms: int) -> bool:
        return self.at_ms <= now_ms < self.until_ms


@dataclass(slots=True)
class Ring:
    """One alarm. ``number``: the journal entry that raised it; ``station``: of a line's fault."""

    number: int
    at_ms: int
    line: bytes
    alarm: Alarm
    station: bytes = b""
    shelf: Note | None = None
    seen: Note | None = None
    ended: str = ""
    ended_ms: int = 0
    due_ms: int | None = None  # of an arrival: when its acknowledgement is due
    late: bool = False  # it was not acknowledged by then
    missed: bool = False  # and the record says so
    known: Mark = NEVER  # up to where of the journal it is known that the record does not end it
    watches: tuple[bytes, ...] = ()  # what must move before it can; see ``moved``
    family: Family = field(init=False)
    rank: str = field(init=False)  # a precedence, or ``FAULT``

    def __post_init__(self) -> None:
        # What an alarm is called again in other words, it is of the same code and precedence.
        self.family = family(self.line, self.alarm)
        fault = self.family is Family.LINE or self.alarm.code == OUTPUT
        self.rank = FAULT if fault else self.alarm.precedence.name

    @property
    def key(self) -> Key:
        return (self.line, *self.alarm.cause)

    @property
    def tone(self) -> Tone:
        """How it sounds; what another party waits for in vain sounds as the next higher rank."""
        match self.rank:
            case "FLASH":
                return Tone.FLASH
            case "IMMEDIATE":
                return Tone.FLASH if self.late else Tone.IMMEDIATE
            case "PRIORITY":
                return Tone.IMMEDIATE if self.late else Tone.PRIORITY
            case "FAULT":
                return Tone.FAULT
            case _:
                return Tone.NONE

    @property
    def shelvable(self) -> bool:
        """Only faults and reminders, and never what is FLASH or IMMEDIATE."""
        if self.rank == FAULT:
            return True
        reminder = self.family is not Family.ARRIVED
        return reminder and self.alarm.precedence < Precedence.IMMEDIATE

    @property
    def old(self) -> bool:
        """Whether it ends by its age, if by nothing else."""
        if self.family in (Family.DEADLINE, Family.NOTICE):
            return True
        return self.family is Family.LINE and not self.station


def family(line: bytes, alarm: Alarm) -> Family:
    """The family of an alarm of a line (empty: of the station itself)."""
    if not line:
        return Family.STATION
    head = alarm.code.partition(".")[0]
    if head == "arrived":
        return Family.ARRIVED
    if head in ("overdue", "owed"):
        return Family.DEADLINE
    return Family.LINE if alarm.code in (LINE_DOWN, "test.missed") else Family.NOTICE


@dataclass(slots=True)
class Trial:
    """A test of all outputs, and who has heard which."""

    number: int
    at_ms: int
    officer: str
    heard: dict[str, Note] = field(default_factory=dict)


class AlarmBook:
    """The alarms of one station. ``fault_ms``: so long a line is gone before it rings."""

    def __init__(self, fault_ms: int = FAULT_MS) -> None:
        self.fault_ms = fault_ms
        self.rings: dict[Key, Ring] = {}
        self.past: deque[Ring] = deque(maxlen=PAST_KEPT)
        self.silence: Note | None = None
        self.test: Trial | None = None
        self.confirmed: dict[str, Note] = {}  # by output: when an officer last heard it

    # ------------------------------------------------------------------------------ the fold

    def take(self, number: int, fact: Fact) -> None:
        """The next fact of the journal; those of other kinds change nothing."""
        match fact.kind:
            case FactKind.ALARM:
                self._rang(Ring(number, fact.at_ms, fact.line, Alarm.decode(fact.body)))
            case FactKind.STATE:
                self._turned(number, fact, StateChange.decode(fact.body))
            case FactKind.HEED:
                self.heed(number, fact.at_ms, Heed.decode(fact.body))
            case _:
                pass

    def _rang(self, ring: Ring) -> None:
        """One alarm for each cause: a trouble that is told again in other words rings anew."""
        before = self.rings.get(ring.key)
        if before is not None:
            if before.seen is None and before.alarm.text == ring.alarm.text:
                return
            ring.shelf = before.shelf
            self.end(before, "again", ring.at_ms)
        self.rings[ring.key] = ring

    def _turned(self, number: int, fact: Fact, change: StateChange) -> None:
        # The text is for whoever reads the journal's alarm; who shows it says it in words.
        alarm = Alarm(
            code=LINE_DOWN, precedence=Precedence.PRIORITY, text=change.cause, item=change.station
        )
        ring = self.rings.get((fact.line, *alarm.cause))
        if change.state not in _GONE:
            if ring is not None:
                self.end(ring, "recovered", fact.at_ms)
        elif ring is None:
            ring = Ring(number, fact.at_ms, fact.line, alarm, station=change.station)
            self.rings[ring.key] = ring
        else:
            ring.alarm = alarm

    def heed(self, number: int, at_ms: int, heed: Heed) -> None:
        """An act of an officer. One that could not be kept (a full disk) is taken all the same."""
        note = Note(number, at_ms, heed.officer, heed.text, heed.until_ms)
        match heed.does:
            case Does.SILENCED:
                self.silence = note
            case Does.TESTED:
                self.test = Trial(number, at_ms, heed.officer)
            case Does.HEARD:
                self.confirmed[heed.output] = note
                if self.test is not None and self.test.number == heed.about:
                    self.test.heard[heed.output] = note
            case Does.SHELVED | Does.RETURNED | Does.SEEN:
                ring = self.find(heed.about)
                if ring is None:
                    return
                if heed.does is Does.SEEN:
                    ring.seen = note
                    if not ring.station and ring.family is not Family.STATION:
                        self.end(ring, "seen", at_ms)  # nothing goes on of which it would tell
                else:
                    ring.shelf = note if heed.does is Does.SHELVED else None
            case Does.OUTPUT:
                pass  # what works now is known by asking; this is for whoever looks back

    def end(self, ring: Ring, how: str, at_ms: int) -> None:
        """It is over."""
        if self.rings.get(ring.key) is ring:
            del self.rings[ring.key]
        ring.ended, ring.ended_ms = how, at_ms
        self.past.append(ring)

    # ------------------------------------------------------------------------------ the look

    def find(self, number: int) -> Ring | None:
        """An alarm that is not over, by its number."""
        return next((ring for ring in self.rings.values() if ring.number == number), None)

    def state(self, ring: Ring, now_ms: int) -> State:
        """In which state an alarm is now."""
        if ring.ended:
            return State.OVER
        if ring.seen is not None:
            return State.SEEN
        if ring.station and 0 <= now_ms - ring.at_ms < self.fault_ms:
            return State.PENDING
        if ring.tone is Tone.NONE:
            return State.QUIET
        if ring.shelf is not None and ring.shelf.holds(now_ms):
            return State.SHELVED
        return State.SILENCED if self._silent(ring, now_ms) else State.SOUNDING

    def _silent(self, ring: Ring, now_ms: int) -> bool:
        silence = self.silence
        if silence is None or not silence.holds(now_ms):
            return False
        # A line that was gone already, and began to ring after the button, was not silenced by it.
        rang_ms = ring.at_ms + (self.fault_ms if ring.station else 0)
        return ring.number < silence.number and rang_ms <= silence.at_ms

    def next_ms(self, now_ms: int) -> int | None:
        """When time alone changes something of this (UTC ms).

        Where a clock was put back, times at which something was set lie ahead too.
        """
        times: list[int] = []
        if self.silence is not None:
            times += [self.silence.at_ms, self.silence.until_ms]
        if self.test is not None:
            times.append(self.test.at_ms + TEST_MS)
        for ring in self.rings.values():
            if ring.shelf is not None:
                times += [ring.shelf.at_ms, ring.shelf.until_ms]
            if ring.station:
                times += [ring.at_ms, ring.at_ms + self.fault_ms]
            if ring.due_ms is not None and not ring.late:
                times.append(ring.due_ms + 1)
        return min((each for each in times if each > now_ms), default=None)


def sounds(stated: Iterable[tuple[Ring, State]]) -> tuple[Tone, list[Ring]]:
    """The tone to be played now, and the alarms that sound, of alarms with their states."""
    some = [ring for ring, state in stated if state is State.SOUNDING]
    tone = min((ring.tone for ring in some), key=TONES.index, default=Tone.NONE)
    return tone, some
