"""What the simulator reports: an invariant of DESIGN section 2 that does not hold, or a defect."""

from __future__ import annotations

import traceback
from typing import Final

DEFECT: Final = 99  # in the place of an invariant's number: something raised what nobody expects


class Violation(Exception):
    """An invariant does not hold. ``invariant`` is its number."""

    def __init__(self, invariant: int, text: str) -> None:
        what = "defect" if invariant == DEFECT else f"invariant {invariant}"
        super().__init__(f"{what}: {text}")
        self.invariant = invariant


def found(error: Exception) -> Violation:
    """What ended a seed: a violation, or else a defect, told with the way to where it was raised.

    The defect may be the product's or the simulator's own; the seed shows it again either way.
    """
    if isinstance(error, Violation):
        return error
    way = "".join(traceback.format_exception(error)).rstrip()
    return Violation(DEFECT, f"{error!r} was raised\n{way}")
