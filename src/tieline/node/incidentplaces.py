"""The places that an incident names, as JSON: what maps are drawn of."""

from __future__ import annotations

from collections.abc import Iterator

from tieline.core.agreement.meaning import Act, Means
from tieline.core.agreement.places import Circle, Polygon, Position, Route
from tieline.core.agreement.value import Answer
from tieline.core.incident.account import Standing
from tieline.core.incident.entry import Entry, Part
from tieline.core.incident.look import View
from tieline.core.terms import dtg
from tieline.node.view import Json


def places_view(view: View) -> Iterator[Json]:
    """Where the parties say that it was, every version of it; then the areas of holds."""
    for account in view.accounts:
        if account.aspect is not Means.WHERE:
            continue
        for version in account.versions:
            current = account.current
            for stated in version.stated:
                shape = None if stated.value is None else _shape(stated.value.answer)
                if shape is not None:
                    yield {
                        **_of(version.entry, account.through),
                        "kind": "where",
                        "version": version.number,
                        "current": current is version,
                        "standing": str(version.standing),
                        "cancelled": version.standing is Standing.CANCELLED,
                        **shape,
                    }
    for hold in view.holds:
        shape = _shape(hold.area.answer) if isinstance(hold.area, Part) else None
        if shape is not None:
            yield {**_of(hold.entry, ""), "kind": Act.HOLD.value, "version": 1, "current": True,
                   "standing": str(hold.state), "cancelled": False, **shape}  # fmt: skip


def _of(entry: Entry, through: str) -> dict[str, Json]:
    return {
        "item": entry.digest.hex(),
        "party": entry.party,
        "through": through,
        "dtg": dtg(entry.time_ms),
    }


def _shape(answer: Answer) -> dict[str, Json] | None:
    """A place as points in ten-millionths of a degree, with the error or radius in metres."""
    match answer:
        case Position():
            return {"shape": "point", "points": [[answer.lat_e7, answer.lon_e7]],
                    "error_m": answer.error_m}  # fmt: skip
        case Circle():
            return {"shape": "circle", "points": [[answer.lat_e7, answer.lon_e7]],
                    "error_m": answer.radius_m}  # fmt: skip
        case Polygon():
            return {"shape": "polygon", "points": [[*one] for one in answer.points], "error_m": 0}
        case Route():
            points: list[Json] = [[one.lat_e7, one.lon_e7] for one in answer.waypoints]
            return {"shape": "route", "points": points, "error_m": 0}
        case _:
            return None
