"""Whether two parties say the same of one aspect, within what they state and what is agreed.

A place agrees with another within the sum of the stated errors and a tolerance, an area if it comes
as near to what the other states; a time, when the brackets overlap; a number, within the stated
spreads. Codes agree by what they mean to the software, else by their id. What one cannot tell is
said to be not comparable: no guess is made from words. "Not known" and "withheld" state nothing, so
they neither agree nor differ.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.meaning import Means, Sense
from tieline.core.agreement.model import Special
from tieline.core.agreement.places import (
    Circle,
    Place,
    Polygon,
    Position,
    Route,
    apart_m,
    bound,
    surely_apart,
)
from tieline.core.agreement.value import Answer, Code, Day, Hash, Instant, Number, PartyCode
from tieline.core.incident.entry import Part, Stated

# Of these each party speaks of its own side: two answers that differ do not contradict.
OF_ITS_OWN: Final = frozenset({Means.OWN_FORCES, Means.INTENT, Means.EVIDENCE})
_DAY_S: Final = 86_400
MAX_COMPARED: Final = 64  # points that two shapes have together


class Alignment(enum.StrEnum):
    """How what several parties say of one aspect stands to each other."""

    AGREE = "agree"
    DIFFER = "differ"
    NOT_STATED = "not stated"  # none of them states it, or only one
    NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """What is taken for the same beyond the stated errors: metres, seconds, objects."""

    metres: int = 500
    seconds: int = 300
    count: int = 0


@dataclass(frozen=True, slots=True)
class Where:
    """Whose statement a value is from: the codes of a list mean something only within its pack."""

    pack: str
    stated: Sequence[Stated]


def align(aspect: Means, one: Where, other: Where, within: Tolerances) -> Alignment:
    """How two accounts of an aspect stand to each other."""
    mine, theirs = _states(one.stated), _states(other.stated)
    if not mine or not theirs:
        return Alignment.NOT_STATED
    if aspect in OF_ITS_OWN or len(mine) > 1 or len(theirs) > 1:
        return Alignment.NOT_COMPARABLE
    found = _parts(mine[0].value, theirs[0].value, one.pack == other.pack, within)
    if found is not Alignment.AGREE:
        return found
    more = {part.path: part for part in mine[0].more}
    for part in theirs[0].more:
        also = more.get(part.path)
        if also and _parts(also, part, one.pack == other.pack, within) is Alignment.DIFFER:
            return Alignment.DIFFER
    return found


def _states(stated: Sequence[Stated]) -> list[Stated]:
    """What states something: not "not known", not "withheld"."""
    silent = (Special.NOT_KNOWN, Special.WITHHELD)
    return [
        one
        for one in stated
        if (one.value is not None and one.value.answer not in silent)
        or (one.value is None and one.words)
    ]


def _parts(one: Part | None, other: Part | None, same_pack: bool, within: Tolerances) -> Alignment:  # noqa: FBT001
    if one is None or other is None:
        return Alignment.NOT_COMPARABLE  # words only
    mine, theirs = one.answer, other.answer
    if isinstance(mine, Special):
        return _nil(mine, theirs)
    if isinstance(theirs, Special):
        return _nil(theirs, mine)
    match mine, theirs:
        case ((Position() | Circle() | Polygon() | Route()),
              (Position() | Circle() | Polygon() | Route())):  # fmt: skip
            return _places(mine, theirs, within)
        case ((Instant() | Day()), (Instant() | Day())):
            return _overlap(_bracket(mine), _bracket(theirs), within.seconds)
        case Number(), Number():
            spread = mine.spread + theirs.spread + within.count
            return _agree(abs(mine.n - theirs.n) <= spread)
        case Code(), Code():
            if one.sense is not Sense.NONE and other.sense is not Sense.NONE:
                return _agree(one.sense is other.sense)
            return _exact(same=mine.id == theirs.id, sure=same_pack and one.path == other.path)
        case (PartyCode(), PartyCode()) | (Hash(), Hash()):
            return _agree(mine == theirs)
        case _:
            return _exact(same=mine == theirs, sure=False)


def _nil(one: Special, other: Answer) -> Alignment:
    """What says that there is none, against what says something."""
    if one is not Special.NIL or other in (Special.NOT_KNOWN, Special.WITHHELD):
        return Alignment.NOT_STATED
    return _agree(one is other)


def _exact(*, same: bool, sure: bool) -> Alignment:
    """Values that are equal agree; others differ only if it is sure that they mean different."""
    return Alignment.AGREE if same else Alignment.DIFFER if sure else Alignment.NOT_COMPARABLE


def _agree(yes: bool) -> Alignment:  # noqa: FBT001
    return Alignment.AGREE if yes else Alignment.DIFFER


def _places(one: Place, other: Place, within: Tolerances) -> Alignment:
    """An area says that it was somewhere in it: what meets it, or comes near enough, agrees."""
    if (isinstance(one, Position) and one.datum) or (isinstance(other, Position) and other.datum):
        return Alignment.NOT_COMPARABLE
    if surely_apart(bound(one), bound(other), within.metres):
        return Alignment.DIFFER  # saves geodesics
    if not comparable(one, other):
        return Alignment.NOT_COMPARABLE
    return _agree(apart_m(one, other) <= within.metres)


def comparable(one: Place, other: Place) -> bool:
    """Whether two places are looked at for how far they are apart: two long shapes are too dear."""
    sizes = bound(one).points, bound(other).points
    return min(sizes) == 1 or sum(sizes) <= MAX_COMPARED


def _bracket(when: Instant | Day) -> tuple[int, int]:
    """The first and last second that is meant."""
    if isinstance(when, Instant):
        return when.seconds - when.spread_s, when.seconds + when.spread_s
    return when.days * _DAY_S, (when.days + 1) * _DAY_S - 1


def _overlap(one: tuple[int, int], other: tuple[int, int], within: int) -> Alignment:
    return _agree(one[0] <= other[1] + within and other[0] <= one[1] + within)


def together(found: Sequence[Alignment]) -> Alignment:
    """What all pairs of some parties come to."""
    stated = [one for one in found if one is not Alignment.NOT_STATED]
    if not stated:
        return Alignment.NOT_STATED
    if Alignment.DIFFER in stated:
        return Alignment.DIFFER
    if all(one is Alignment.AGREE for one in stated):
        return Alignment.AGREE
    return Alignment.NOT_COMPARABLE
