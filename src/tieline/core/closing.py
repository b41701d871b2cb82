"""Where logs end whose keys have ended: what a version of the charter leaves outside the record.

When a version takes a station out, or gives it another statement key, whoever has the old key can
still sign under the versions before. So the version may say where that station's logs end
(``Charter.closed``), and then what the old key signs beyond is *late*: it stands behind no head
that the parties have signed, whatever time it claims and whoever carries it.

Rules held here, for a station whose keys ended with versions that have such a list:

* in a log that one of these lists names: late from the listed size on, the first of them counts;
* in another log: late when it goes by a version before one that ended the key.

A version without such a list makes nothing late, and a list says nothing of the logs of stations
whose keys its version leaves as they were: nobody looks at it when a key ends later. This module
holds no statement and decides nothing on what becomes of a late one: see ``tieline.core.record``
and ``tieline.core.cut``.
"""

from __future__ import annotations

from collections.abc import Iterable

from tieline.core.provisions import LogEnd
from tieline.core.statement import Statement


class Closings:
    """The ends of logs of one line, from all versions of its charter that are held."""

    def __init__(self) -> None:
        self._ended: dict[bytes, list[int]] = {}
        self._ends: dict[bytes, dict[int, LogEnd]] = {}

    @property
    def none(self) -> bool:
        """Whether no version has ended a log."""
        return not self._ended and not self._ends

    def add(self, version: int, stations: Iterable[bytes], ends: Iterable[LogEnd]) -> None:
        """Take the list of a version that ends the keys of these stations. In order of versions."""
        for station in stations:
            self._ended.setdefault(station, []).append(version)
        for end in ends:
            self._ends.setdefault(end.log, {})[version] = end

    def ended(self, station: bytes) -> int | None:
        """The last version with such a list that ended a key of a station."""
        return self._ended[station][-1] if station in self._ended else None

    def end_of(self, statement: Statement) -> LogEnd | None:
        """Where the log of a statement ends, when a version that ended its station's key says."""
        return self.ending(statement.place.station, statement.log)

    def ending(self, station: bytes, log: bytes) -> LogEnd | None:
        """The same for a log of a station, whatever stands in it."""
        if not self._ends:
            return None
        listed = self._ends.get(log, {})
        return next((listed[v] for v in self._ended.get(station, ()) if v in listed), None)

    def late(self, statement: Statement) -> bool:
        """Whether a statement is beyond the end of its log."""
        if not self._ended:
            return False
        place = statement.place
        return self.late_at(place.station, statement.log, place.position, place.charter)

    def late_at(self, station: bytes, log: bytes, position: int, charter: int) -> bool:
        """The same for a position of a log, and the version by which what stands there goes."""
        ended = self.ended(station)
        if ended is None:
            return False
        end = self.ending(station, log)
        return position >= end.size if end is not None else charter < ended

    def kept(self, station: bytes, log: bytes, size: int, first: int) -> int:
        """How many statements of a log stay. Late is whatever follows something late.

        ``first`` is the version by which the first one goes.
        """
        if not size or self.late_at(station, log, 0, first):
            return 0
        end = self.ending(station, log)
        return size if end is None else min(size, end.size)
