"""What a station knows of its own clock, and the troubles that come of it.

Three sources, none of which needs a network: what the kernel says of its clock (``adjtimex``), the
wall clock beside the one that nobody sets (it counts through sleep), and what peers wrote. A peer's
statement that came here at T and bears T+n was written by a clock that is at least n ahead of ours,
however long it travelled; a peer's receipt of a statement of ours that bears less than that
statement does is of a clock behind ours by at least the difference. So delay makes no peer look
wrong. It also hides small differences: what is not seen to differ is not said to agree.

What is not known is said so. Nothing here sets a clock, and no clock of a peer is believed.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tieline.core.events import Event, Trouble
from tieline.core.journal import Alarm
from tieline.core.line import SKEW_MS, Line
from tieline.core.log import Log
from tieline.core.terms import Precedence, dtg
from tieline.node.view import Json

LOOK_MS: Final = 1_000
JUMP_MS: Final = 2_000  # a clock that is kept right is slewed by far less between two looks
STANDS_MS: Final = 3_600_000  # so long a jump is told, and no cause rings more often than that
MOST: Final = 8  # parties that a text names
LOOSE: Final = "clock.unsynchronised"
JUMPED: Final = "clock.jumped"
PEERS: Final = "clock.peers"
_QUARTER_MS: Final = 900_000
_MOST_QUARTERS: Final = 56  # no zone is further than 14 h from UTC
_NEAR_MS: Final = 30_000
_UNSYNC: Final = 0x40  # STA_UNSYNC of adjtimex(2)
_ERROR: Final = 5  # TIME_ERROR
_LEAST: Final = 44  # bytes of struct timex up to the status
_ROOM: Final = 512  # more than any kernel writes into it


class Sync(StrEnum):
    """What the kernel says: whether a time service keeps its clock right."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("frequency", ctypes.c_long),
        ("most_error", ctypes.c_long),
        ("error", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * (_ROOM - _LEAST)),
    )


def kernel_sync() -> Sync:
    """Ask the kernel, changing nothing; ``UNKNOWN`` where it has no such call or refuses it."""
    asked = _Timex()  # all zero: modes 0 only reads
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(asked))
    except (AttributeError, OSError):
        return Sync.UNKNOWN
    return judged(int(state), int(asked.status))


def judged(state: int, status: int) -> Sync:
    """What an answer of ``adjtimex`` means: the clock state that it returns, and the status."""
    if state < 0:
        return Sync.UNKNOWN
    return Sync.NO if state == _ERROR or status & _UNSYNC else Sync.YES


def steady_ms() -> int:
    """The clock that nobody sets; it goes on while the machine sleeps, where the system has it."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000


@dataclass(frozen=True, slots=True)
class _Seen:
    """By how much a party's clock differs at least from ours (ms, ahead is above 0), and when."""

    by_ms: int
    at_ms: int


class ClockWatch:
    """One station's. It looks at most once a second, and reads nothing older than its start."""

    def __init__(
        self,
        sync: Callable[[], Sync] = kernel_sync,
        steady: Callable[[], int] = steady_ms,
    ) -> None:
        self._ask, self._steady = sync, steady
        self.sync = Sync.UNKNOWN
        self._last: tuple[int, int] | None = None  # wall and steady, at the last look
        self._jump: tuple[int, int, int] | None = None  # by, wall after it, steady
        self._written: dict[bytes, int] = {}  # of each other log: how much has been looked at
        self._signed: dict[tuple[bytes, bytes], int] = {}  # of each log of ours, by cosigner
        self._from: dict[bytes, int] = {}  # of each log of ours: its size when we first looked
        self._ahead: dict[str, _Seen] = {}
        self._behind: dict[str, _Seen] = {}
        self._rang: dict[str, int] = {}

    def look(self, wall_ms: int, lines: Iterable[Line]) -> list[Event]:
        """Look at everything; what there is to ring."""
        steady = self._steady()
        if self._last is not None and 0 <= steady - self._last[1] < LOOK_MS:
            return []
        if self._last is not None:
            by_ms = (wall_ms - self._last[0]) - (steady - self._last[1])
            if abs(by_ms) >= JUMP_MS:
                self._jump = (by_ms, wall_ms, steady)
                self._start_anew()
        self._last = (wall_ms, steady)
        if self._jump is not None and steady - self._jump[2] >= STANDS_MS:
            self._jump = None
        self.sync = self._ask()
        for line in lines:
            self._look_at(line)
        return self._rings(steady)

    def troubles(self) -> list[Alarm]:
        """What is wrong now."""
        found = []
        if self.sync is Sync.NO:
            text = (
                "no time service keeps this machine's clock right, says its kernel; start one"
                " (chrony, ntpd, systemd-timesyncd, or a receiver of your own), or compare the"
                " clock by hand each watch"
            )
            found.append(Alarm(code=LOOSE, precedence=Precedence.ROUTINE, text=text))
        if self._jump is not None:
            by_ms, at_ms, _ = self._jump
            way = "forward" if by_ms > 0 else "back"
            text = (
                f"this machine's clock was set {way} by {_seconds(by_ms)} s and then showed"
                f" {dtg(at_ms)}; find out who or what set it, and compare it with a third clock."
                " What was written before bears the old time"
            )
            found.append(Alarm(code=JUMPED, precedence=Precedence.PRIORITY, text=text))
        told = self._differ()
        if told:
            text = f"{told}; compare with a third clock, and have the wrong one set"
            found.append(Alarm(code=PEERS, precedence=Precedence.PRIORITY, text=text))
        return found

    def forget(self, troubles: dict[str, Alarm]) -> None:
        """Take out of a station's present troubles those that are over."""
        if JUMPED not in troubles and PEERS not in troubles:
            return  # asked after each turn
        present = {alarm.code for alarm in self.troubles()}
        for code in (JUMPED, PEERS):
            if code not in present:
                troubles.pop(code, None)

    def view(self) -> dict[str, Json]:
        """For people to see: what the kernel says."""
        return {"kept": self.sync.value}

    def _start_anew(self) -> None:
        """After a jump: what was seen before was measured against another clock."""
        for kept in (self._written, self._signed, self._from):
            kept.clear()
        self._ahead.clear()
        self._behind.clear()

    def _look_at(self, line: Line) -> None:
        for log in line.record.logs.values():
            if log.station != line.own:
                self._read(line, log)
            else:
                self._from.setdefault(log.id, log.size)
        for receipt in line.ladder.latest_receipts():
            ours = line.record.logs.get(receipt.log)
            if ours is None or ours.station != line.own or receipt.cosigner == line.own:
                continue
            key = (receipt.log, receipt.cosigner)
            known, self._signed[key] = self._signed.get(key), receipt.size
            if known == receipt.size or not self._from[ours.id] < receipt.size <= ours.size:
                continue
            said_ms = ours.items[receipt.size - 1].statement.place.time_ms
            got_ms = receipt.time_s * 1_000 + 999  # a receipt has whole seconds
            party = line.party_of(receipt.cosigner)
            self._behind[party] = _Seen(min(0, got_ms - said_ms), got_ms)

    def _read(self, line: Line, log: Log) -> None:
        known, self._written[log.id] = self._written.get(log.id), log.size
        if known is None or known >= log.size:
            return
        item = log.items[log.size - 1]
        written_ms = item.statement.place.time_ms
        by_ms = max(0, written_ms - item.admitted_ms)
        self._ahead[line.party_of(log.station)] = _Seen(by_ms, written_ms)

    def _differ(self) -> str:
        ahead = {who: one for who, one in self._ahead.items() if one.by_ms > SKEW_MS}
        behind = {who: one for who, one in self._behind.items() if one.by_ms < -SKEW_MS}
        parts = [
            f"the clock of {who} is at least {_seconds(one.by_ms)} s {way} ours"
            f"{zone_hint(one.by_ms)} (by what it wrote at its {dtg(one.at_ms)})"
            for way, some in (("ahead of", ahead), ("behind", behind))
            for who, one in sorted(some.items())
        ]
        more = len(parts) - MOST
        told = "; ".join(parts[:MOST]) + (f"; and {more} more" if more > 0 else "")
        heard = self._ahead.keys() | self._behind.keys()
        if len(heard) > 1 and heard in (ahead.keys(), behind.keys()):
            told += "; all that were heard differ in one direction, so look at ours first"
        return told

    def _rings(self, steady: int) -> list[Event]:
        out: list[Event] = []
        for alarm in self.troubles():
            rang = self._rang.get(alarm.code)
            if alarm.precedence is Precedence.ROUTINE or (
                rang is not None and steady - rang < STANDS_MS
            ):
                continue
            self._rang[alarm.code] = steady
            out.append(Trouble(code=alarm.code, text=alarm.text, precedence=int(alarm.precedence)))
        return out


def zone_hint(by_ms: int) -> str:
    """What two clocks differ by says of a time zone: words for it, or nothing.

    A machine whose clock was set to local time as if that were UTC is wrong by a whole number of
    quarters of an hour, half an hour at least.
    """
    quarters, off_ms = divmod(abs(by_ms) + _NEAR_MS, _QUARTER_MS)
    if off_ms > 2 * _NEAR_MS or not 2 <= quarters <= _MOST_QUARTERS:
        return ""
    hours, rest = divmod(quarters, 4)
    return f", which is {hours}:{rest * 15:02} h: one may show local time for UTC"


def _seconds(ms: int) -> int:
    return abs(ms) // 1_000
