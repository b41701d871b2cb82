"""An incident as its book keeps it: what was admitted of it, and what was made of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tieline.core.incident.entry import Entry, Placed
from tieline.core.incident.look import Head, Look


@dataclass(slots=True, eq=False)
class Case:
    """One incident: what was admitted of it, and what was made of that."""

    opener: Entry
    own: list[Entry] = field(default_factory=list)
    texts: list[Entry] = field(default_factory=list)
    look: Look | None = None
    used: int = 0  # how many of ``own`` the look has taken in
    head: Head | None = None  # as long as nothing is new
    attached: list[tuple[Entry, Placed]] = field(default_factory=list)  # by which, what
    moved: bool = False  # whether what is attached may have changed since it was looked for
    brought: dict[bytes, tuple[str, ...]] = field(default_factory=dict)  # and by which parties
    unread: list[bytes] = field(default_factory=list)  # what of it the past could not give
    index: dict[bytes, list[Entry]] = field(default_factory=dict)
    indexed: int = 0

    def rest(self) -> None:
        """Let go of what was made of it: it is made again for who looks next."""
        self.look, self.used = None, 0
        self.brought, self.moved = {}, bool(self.attached)

    def citing(self, digest: bytes) -> list[Entry]:
        """The statements of this incident that cite one."""
        for entry in self.own[self.indexed :]:
            for target in dict.fromkeys(entry.cites()):
                self.index.setdefault(target, []).append(entry)
        self.indexed = len(self.own)
        return self.index.get(digest, [])


class Listed(NamedTuple):
    """What follows from which incidents there are: made anew when one is opened."""

    ids: tuple[bytes, ...]
    names: Mapping[str, int]
