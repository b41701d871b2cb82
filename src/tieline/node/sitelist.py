"""What is doubtful about a list of sites, before any of it is said on a line.

Lists of protected places have done harm by being wrong: one place twice under two names, latitude
and longitude changed over, a point that nobody has confirmed for a year (FIELD 9). Each finding is
a question to the sender with the rows it is about; nothing is mended and nothing is dropped.

* *unreadable*: a row without a name or with coordinates that are no place;
* *duplicate*: the same place (within ``same_m``) or the same name in two rows;
* *swapped*: a row whose latitude and longitude, changed over, would lie among the others, and as
  they stand do not;
* *stale*: a row whose date of confirmation is older than the agreement lets it be, or has none, or
  lies in the future.

It knows no form and no agreement: who calls it says which cells are what.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tieline.core.agreement.places import distance_m

SAME_M: Final = 50
_FAR_M: Final = 300_000  # a list of sites is about one theatre
_CELL: Final = 5_000  # 1e-7 degrees: some 55 m of latitude
_AROUND: Final = 3_600_000_000 // _CELL
_MAX_WIDTH: Final = 64


class Doubt(enum.StrEnum):
    """What is doubtful about a row."""

    UNREADABLE = "unreadable"
    DUPLICATE = "duplicate"
    SWAPPED = "swapped"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Site:
    """One row: its number, name, place as (lat_e7, lon_e7), and day of confirmation since 1970.

    A latitude beyond 90 degrees is kept here as it was written, so that it can be seen as swapped.
    """

    row: int
    name: str
    place: tuple[int, int] | None
    day: int | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A doubt about ``row``; ``other``: the row it clashes with, or 0; ``detail``: in numbers."""

    row: int
    doubt: Doubt
    other: int = 0
    detail: str = ""


def findings(sites: Sequence[Site], today: int, max_age_days: int | None) -> list[Finding]:
    """All doubts about a list, in the order of its rows. ``today`` is days since 1970 (UTC)."""
    out = [*_unreadable(sites), *_swapped(sites), *_duplicates(sites)]
    if max_age_days is not None:
        out += _stale(sites, today, max_age_days)
    return sorted(out, key=lambda finding: (finding.row, finding.doubt.value, finding.other))


def _unreadable(sites: Sequence[Site]) -> list[Finding]:
    out = []
    for site in sites:
        if site.place is None or (not _is_place(site.place) and not _is_place(site.place[::-1])):
            out.append(Finding(site.row, Doubt.UNREADABLE, detail="place"))
        if not site.name:
            out.append(Finding(site.row, Doubt.UNREADABLE, detail="name"))
    return out


def _is_place(place: tuple[int, int]) -> bool:
    return abs(place[0]) <= 900_000_000 and abs(place[1]) <= 1_800_000_000


def _swapped(sites: Sequence[Site]) -> list[Finding]:
    sound = [site.place for site in sites if site.place is not None and _is_place(site.place)]
    if not sound:
        return []
    # The median bears that up to half of the rows are wrong.
    centre = (round(median(p[0] for p in sound)), round(median(p[1] for p in sound)))
    out = []
    for site in sites:
        if site.place is None:
            continue
        turned = (site.place[1], site.place[0])
        if not _is_place(turned):
            continue
        if not _is_place(site.place):
            out.append(Finding(site.row, Doubt.SWAPPED))
            continue
        here, there = distance_m(site.place, centre), distance_m(turned, centre)
        if here > _FAR_M and there * 4 < here:
            out.append(
                Finding(site.row, Doubt.SWAPPED, detail=f"{here // 1000}/{there // 1000} km")
            )
    return out


def _duplicates(sites: Sequence[Site]) -> list[Finding]:
    """Each later row against the earlier ones, by name and by place in a grid of cells.

    A row that is the place of an earlier one does not enter the grid again, so a cell holds the few
    places only that are further apart than ``SAME_M``: the work is linear in the rows.
    """
    out: list[Finding] = []
    names: dict[str, int] = {}
    cells: dict[tuple[int, int], list[tuple[int, tuple[int, int]]]] = {}
    for site in sites:
        folded = " ".join(site.name.casefold().split())
        other = names.setdefault(folded, site.row) if folded else site.row
        if other != site.row:
            out.append(Finding(site.row, Doubt.DUPLICATE, other, "name"))
        if site.place is None or not _is_place(site.place):
            continue
        for key in _near(site.place):
            for row, place in cells.get(key, ()):
                apart = distance_m(place, site.place)
                if apart <= SAME_M:
                    if row != other:
                        out.append(Finding(site.row, Doubt.DUPLICATE, row, f"{apart} m"))
                    break
            else:
                continue
            break
        else:
            cells.setdefault(_cell(*site.place), []).append((site.row, site.place))
    return out


def _cell(lat: int, lon: int) -> tuple[int, int]:
    return lat // _CELL, lon // _CELL % _AROUND


def _near(place: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """The cells in which a place within ``SAME_M`` can lie: more of them towards a pole.

    Within a degree of a pole not all of them are looked at: nobody lives there, and a list of
    such places would take minutes.
    """
    narrow = math.cos(math.radians(place[0] / 1e7))
    width = min(_MAX_WIDTH, math.ceil(1 / max(narrow, 1e-9)))
    for north in (-1, 0, 1):
        for east in range(-width, width + 1):
            yield _cell(place[0] + north * _CELL, place[1] + east * _CELL)


def _stale(sites: Sequence[Site], today: int, max_age_days: int) -> list[Finding]:
    out = []
    for site in sites:
        if site.day is None:
            out.append(Finding(site.row, Doubt.STALE, detail="no date"))
        elif site.day > today:
            out.append(Finding(site.row, Doubt.STALE, detail=f"{site.day - today} d ahead"))
        elif today - site.day > max_age_days:
            out.append(Finding(site.row, Doubt.STALE, detail=f"{today - site.day} d"))
    return out
