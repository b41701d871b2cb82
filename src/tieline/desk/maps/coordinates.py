"""A position as an officer reads it back: in decimal degrees, degrees of arc and the grid."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.core.agreement.places import DEGREE, Position
from tieline.node.readplace import grid_of


@dataclass(frozen=True, slots=True)
class Shown:
    """Three ways to write one position; ``grid`` is empty where the military grid has no squares.

    ``decimal`` and ``arc`` are rounded to about a metre, and ``grid`` names the square of a metre
    in which the position lies.
    """

    decimal: str
    arc: str
    grid: str


def shown(position: Position) -> Shown:
    """A position in all ways, each of which ``tieline.node.readplace`` reads again."""
    return Shown(
        decimal=f"{_decimal(position.lat_e7, 'NS')} {_decimal(position.lon_e7, 'EW')}",
        arc=f"{_arc(position.lat_e7, 'NS', 2)} {_arc(position.lon_e7, 'EW', 3)}",
        grid=grid_of(position) or "",
    )


def _letter(value: int, letters: str) -> str:
    return letters[1] if value < 0 else letters[0]


def _decimal(value: int, letters: str) -> str:
    whole = (abs(value) + 50) // 100  # hundred-thousandths of a degree
    return f"{whole // 100_000}.{whole % 100_000:05d}{_letter(value, letters)}"


def _arc(value: int, letters: str, width: int) -> str:
    """Degrees, minutes, and seconds with two decimals, in whole numbers throughout."""
    hundredths = (abs(value) * 360_000 + DEGREE // 2) // DEGREE
    degrees, rest = divmod(hundredths, 360_000)
    minutes, rest = divmod(rest, 6_000)
    seconds = f"{rest // 100:02d}.{rest % 100:02d}"
    return f"{degrees:0{width}d}°{minutes:02d}'{seconds}\"{_letter(value, letters)}"
