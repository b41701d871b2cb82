"""Builds whose disk, or what is done with it, is not what a loss of power needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tieline.core.journal import Fact
from tieline.sim.disks import Before, SimDisk
from tieline.sim.mutant import Mutant


def _leave_unsynced(_self: SimDisk) -> None:
    """A commit counts as made when it is written."""


def _leave_the_log(_self: SimDisk) -> None:
    """What an earlier life could not sync is read, and stays where it is."""


def _write_in_pieces(self: SimDisk, facts: Sequence[Fact], unsynced: list[Before]) -> None:
    """Each entry of a turn is a transaction of its own."""
    for fact in facts:
        unsynced.append(Before(self.held.last()))
        self.held.commit([fact])


DISKS: Final[tuple[Mutant, ...]] = (
    Mutant(
        name="commits-unsynced",
        invariants=frozenset({1}),
        what="a commit counts as made when it is written, and nothing syncs it",
        patches=((SimDisk, "sync", _leave_unsynced),),
    ),
    Mutant(
        name="log-unsettled",
        invariants=frozenset({1}),
        what="what an earlier life could not sync is gone on from, and not made anew",
        patches=((SimDisk, "settle", _leave_the_log),),
    ),
    Mutant(
        name="turn-in-pieces",
        invariants=frozenset({1, 2, 4}),
        what="a loss of power may leave a part of what one turn keeps",
        patches=((SimDisk, "write", _write_in_pieces),),
    ),
)
