"""What the simulator reports: an invariant of DESIGN section 2 that does not hold."""

from __future__ import annotations


class Violation(Exception):
    """An invariant does not hold. ``invariant`` is its number."""

    def __init__(self, invariant: int, text: str) -> None:
        super().__init__(f"invariant {invariant}: {text}")
        self.invariant = invariant
