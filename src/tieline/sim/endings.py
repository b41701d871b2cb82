"""Where logs end by the charters that a station holds, as the checker itself has counted it.

It knows nothing of ``tieline.core.closing``: it reads docs/protocol.md, section 7.1, by itself. A
version that names a station no more, or with another statement key, and that lists where logs end,
makes late what that station has in a listed log from the size on, and in a log that no version
lists whatever goes by an older version.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tieline.core.charter import Charter
from tieline.core.statement import Statement


@dataclass(slots=True)
class Endings:
    """The ends of one station's account.

    ``late`` are the digests kept that are late; ``admitted`` those of them that came after the
    version that makes them so was in force, ``gone`` those that it took out of their logs,
    ``going`` those that went with the last commit: what leaves with it may have been said before.
    """

    late: set[bytes] = field(default_factory=set)
    admitted: set[bytes] = field(default_factory=set)
    gone: dict[bytes, list[bytes]] = field(default_factory=dict)
    going: dict[bytes, list[bytes]] = field(default_factory=dict)
    changed: bool = False
    _keys: dict[bytes, bytes] = field(default_factory=dict)
    _ended: dict[bytes, int] = field(default_factory=dict)
    _sizes: dict[bytes, int] = field(default_factory=dict)

    def add(self, charter: Charter) -> None:
        """Take the next version."""
        keys = {
            entry.certificate.station: entry.certificate.sign_key
            for party in charter.parties
            for entry in party.stations
        }
        ended = [station for station, key in self._keys.items() if keys.get(station) != key]
        self._keys = keys
        if charter.closed is None or not ended:
            return
        self.changed = True
        for station in ended:
            self._ended[station] = charter.version
        for end in charter.closed:
            self._sizes.setdefault(end.log, end.size)

    def is_late(self, parsed: Statement) -> bool:
        """Whether a statement is beyond the end of its log."""
        place = parsed.place
        if place.station not in self._ended:
            return False
        size = self._sizes.get(parsed.log)
        if size is None:
            return place.charter < self._ended[place.station]
        return place.position >= size

    def cut(self, log: bytes, digests: list[bytes]) -> None:
        """These were in a log, and are late now."""
        self.late.update(digests)
        self.gone.setdefault(log, []).extend(digests)
        if digests:
            self.going[log] = digests

    def let_in(self, digest: bytes) -> None:
        """A late one is admitted."""
        self.late.add(digest)
        self.admitted.add(digest)
