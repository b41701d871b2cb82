"""The scene of an incident: its places, as the act ``incident_report`` tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieline.core.agreement.places import Circle, Polygon
from tieline.desk.cli.show import number_of, text_of
from tieline.desk.maps.scene import SHAPES, Dash, Mark, Place, Scene, Track, Zone
from tieline.node.view import Json


@dataclass(slots=True)
class _Found:
    marks: list[Mark] = field(default_factory=list)
    zones: list[Zone] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)


def scene_of(
    places: Sequence[Mapping[str, Json]],
    parties: Sequence[str],
    *,
    title: str = "",
    language: str = "en",
    view: str = "",
) -> Scene:
    """Each place under the number that it has in the list, from 1, and its party.

    ``parties``: all of the line, in the order that gives each its mark. What no longer stands is
    faint; the area of a hold is dashed. A place that cannot be read is left out, and keeps its
    number. A fifth party has the form of the first one; the labels tell them apart.
    """
    found = _Found()
    forms = {party: number % len(SHAPES) for number, party in enumerate(parties)}
    for number, place in enumerate(places, 1):
        points = points_of(place)
        if points:
            party = text_of(place, "party")
            _put(found, place, points, f"{number} {party}", forms.get(party, 0))
    return Scene(
        tuple(found.marks), tuple(found.zones), tuple(found.tracks),
        title=title, language=language, view=view,
    )  # fmt: skip


def _put(
    found: _Found, place: Mapping[str, Json], points: tuple[Place, ...], label: str, form: int
) -> None:
    party, metres = text_of(place, "party"), max(0, number_of(place, "error_m"))
    faint = not place.get("current") or bool(place.get("cancelled"))
    dash = Dash.SOLID if place.get("kind") == "where" else Dash.DASHED
    match text_of(place, "shape"):
        case "point":
            when = text_of(place, "dtg")
            found.marks.append(Mark(party, label, points[0], metres, when, form, faint))
        case "circle":
            found.zones.append(Zone(party, label, Circle(*points[0], metres), dash, faint))
        case "polygon" if len(points) > 2:
            found.zones.append(Zone(party, label, Polygon(points), dash, faint))
        case _:
            found.tracks.append(Track(party, label, points, faint))


def points_of(place: Mapping[str, Json]) -> tuple[Place, ...]:
    """The points of a place; none where one of them is not two numbers."""
    value = place.get("points")
    out: list[Place] = []
    for point in value if isinstance(value, list) else []:
        match point:
            case [int(lat), int(lon)]:
                out.append((lat, lon))
            case _:
                return ()
    return tuple(out)
