"""What has ended an alarm: looked up in the record, in the state of the line, or in the station.

An arrival ends with our party's acknowledgement, which is a signed statement, and with nothing
else. What was owed ends when it is done. A fault ends when it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tieline.core.journal import Alarm
from tieline.core.line import Line
from tieline.core.tally import Cause
from tieline.core.terms import Rung
from tieline.node.alarmbook import OLD_MS, OUTPUT, Family, Ring
from tieline.node.moved import Moved, covered
from tieline.node.traffic import deadline_ms

_OWED: Final = "owed."


class Ends:
    """For one station: its ``lines`` by id, its present ``troubles`` by code.

    ``owing``: of a line, the causes of alarms of agreements that are overdue still; None: nobody
    has looked yet. ``failing``: whether an output of alarms does not work. ``moved``: which
    statements have moved; what an alarm is about is looked up in the record only when it has.
    """

    def __init__(
        self,
        lines: Callable[[], Mapping[bytes, Line]],
        troubles: Callable[[], Mapping[str, Alarm]],
        owing: Callable[[bytes], frozenset[Cause] | None],
        failing: Callable[[], bool],
        moved: Moved,
    ) -> None:
        self._lines, self._troubles, self._moved = lines, troubles, moved
        self._owing, self._failing = owing, failing

    def ended(self, ring: Ring, now_ms: int) -> str:
        """How an alarm has ended, in one word; empty while it has not."""
        if ring.old and now_ms - ring.at_ms >= OLD_MS:
            return "old"
        if ring.family is Family.STATION:
            return self._station(ring.alarm.code)
        line = self._lines().get(ring.line)
        if line is None:
            return "left"
        match ring.family:
            case Family.ARRIVED:
                return self._arrived(line, ring, now_ms)
            case Family.DEADLINE:
                return self._met(line, ring)
            case Family.LINE:
                return self._carries(line, ring)
            case _:
                return ""

    def _station(self, code: str) -> str:
        there = self._failing() if code == OUTPUT else code in self._troubles()
        return "" if there else "recovered"

    def _arrived(self, line: Line, ring: Ring, now_ms: int) -> str:
        at = self._moved.at
        if self._moved.since(ring.alarm.item, ring.known):
            item = line.item(ring.alarm.item)
            if item is None:
                return "left"  # a charter that ended keys has taken it out of the record
            if line.ladder.reached(item, line.party, Rung.ACKNOWLEDGED):
                return "acknowledged"
            ring.due_ms = deadline_ms(line, item, line.party)
            missed = line.ladder.overdue.get(ring.alarm.item, set())
            ring.missed = (line.party, Rung.ACKNOWLEDGED) in missed
            ring.known = at
        ring.late = ring.missed or (ring.due_ms is not None and now_ms > ring.due_ms)
        return ""

    def _met(self, line: Line, ring: Ring) -> str:
        alarm, at = ring.alarm, self._moved.at
        if alarm.code.startswith(_OWED):
            owing = self._owing(line.id)
            return "" if owing is None or alarm.cause in owing else "met"
        if ring.watches and not any(self._moved.since(one, ring.known) for one in ring.watches):
            return ""
        item = line.item(alarm.item)
        if item is None or alarm.rung is None:
            return "left"
        if line.ladder.reached(item, alarm.party, alarm.rung):
            return "met"
        ring.known, ring.watches = at, (alarm.item,)
        if alarm.rung < Rung.ACKNOWLEDGED:  # a receipt of theirs is enough
            stations = line.ladder.stations.get(alarm.party, ())
            ring.watches += tuple(covered(item.statement.log, each) for each in stations)
        return ""

    def _carries(self, line: Line, ring: Ring) -> str:
        if not ring.station:  # a missed test: a later one that was called is what was wanted
            missed = int.from_bytes(ring.alarm.item, "big")
            return "recovered" if any(slot > missed for slot in line.tests) else ""
        return "" if ring.station in line.links else "left"
