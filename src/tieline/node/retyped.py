"""Answers as an officer would have typed them: what ``reading`` reads as the same again.

For a form that is filled in from a message that is there already: a correction, or a draft that
is taken back to be changed.
"""

from __future__ import annotations

from collections.abc import Iterable

from tieline.core.agreement.message import Values
from tieline.core.agreement.model import Field, FieldType, Special
from tieline.core.agreement.places import Circle, Polygon, Position, Route
from tieline.core.agreement.plain import write, write_point, write_time
from tieline.core.agreement.value import Answer, Number, PartyCode, Text, Unit


def answers_of(fields: Iterable[Field], values: Values, at: str = "") -> dict[str, str]:
    """The answers by path, each entry of a group with its number. A serial is given anew."""
    out: dict[str, str] = {}
    for field in fields:
        value = values.get(field.number)
        if value is None or field.type is FieldType.SERIAL:
            continue
        if isinstance(value, tuple):
            for index, entry in enumerate(value, 1):
                out |= answers_of(field.fields, entry, f"{at}{field.id}[{index}].")
        else:
            out[f"{at}{field.id}"] = typed(value)
    return out


def typed(answer: Answer) -> str:
    """One answer."""
    match answer:
        case Special():
            return answer.value
        case Number(n=n, spread=spread):
            return f"{n} +/- {spread}" if spread else str(n)
        case Position():
            return _position(answer)
        case Circle():
            return f"circle {write_point(answer.lat_e7, answer.lon_e7)} {answer.radius_m} m"
        case Polygon():
            return "polygon " + "; ".join(write_point(*point) for point in answer.points)
        case Route():
            return "; ".join(
                write_point(one.lat_e7, one.lon_e7)
                + ("" if one.seconds is None else f" at {write_time(one.seconds)}")
                for one in answer.waypoints
            )
        case Unit(name=text) | Text(text=text) | PartyCode(code=text):
            return text
        case _:
            return write(answer)


def _position(place: Position) -> str:
    out = place.typed or write_point(place.lat_e7, place.lon_e7)
    if place.error_m:
        out += f" +/- {place.error_m} m"
    return out + (f" datum {place.datum}" if place.datum else "")
