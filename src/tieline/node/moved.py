"""Which statements something was said about since a place in the journal.

Whether a party has acknowledged a statement, read it back or passed it on changes only when another
statement cites it, and that it was not done in time only with an alarm that names it. Whether one
has received it may change beside with a receipt of its station for that log (``covered``), and
whether it was handed over with an entry of the journal that names it. Where that is not so (a
charter, a second story, a proof, a line that was made anew from the journal) everything has moved.
So whoever has looked at a statement need not look again until it has moved.
"""

from __future__ import annotations

from typing import Final

KEPT: Final = 20_000  # statements; when there are more, everything has moved

# How often everything has moved, and the last entry of the journal that was looked at.
Mark = tuple[int, int]
NEVER: Final[Mark] = (-1, -1)


def covered(log: bytes, station: bytes) -> bytes:
    """What moves with a receipt of a station for a log; no digest is so short."""
    return log + station


class Moved:
    """Of one station, as far as it has read its journal. ``at``: so far."""

    def __init__(self) -> None:
        self._era = 0
        self._seq = 0
        self._last: dict[bytes, int] = {}

    @property
    def at(self) -> Mark:
        return self._era, self._seq

    def upto(self, seq: int) -> None:
        """The journal was read up to this entry."""
        self._seq = seq

    def note(self, digest: bytes) -> None:
        """The entry that is read now says something about a statement, or covers a log."""
        self._last[digest] = self._seq
        if len(self._last) > KEPT:
            self.everything()

    def everything(self) -> None:
        """Nothing that was known of any statement holds any more."""
        self._era += 1
        self._last.clear()

    def since(self, digest: bytes, mark: Mark) -> bool:
        """Whether a statement may have moved since ``at`` was this."""
        era, seq = mark
        return era != self._era or self._last.get(digest, 0) > seq
