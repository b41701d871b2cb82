"""What is to be on a map: marks, areas and routes of parties, and how the map is to look.

Places are ten-millionths of a degree (latitude, longitude) on WGS 84. Texts may be anything that
anyone sent; who draws makes them safe.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.places import Circle, Polygon

Place = tuple[int, int]

MAX_MARKS: Final = 200  # of each kind; what is more is counted and said
MAX_CORNERS: Final = 512  # of all areas together, and of all routes
MAX_TEXT: Final = 48  # characters of a label
MIN_SIZE: Final = 240
MAX_SIZE: Final = 2400


class Shape(enum.Enum):
    """The mark of a party: told apart by its form alone."""

    CROSS = "cross"
    SQUARE = "square"
    TRIANGLE = "triangle"
    DIAMOND = "diamond"


SHAPES: Final = tuple(Shape)


class Dash(enum.Enum):
    """How the edge of an area is drawn."""

    SOLID = "solid"
    DASHED = "dashed"
    DOTTED = "dotted"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place that a party states, give or take ``error_m`` metres (0: no error was stated).

    ``shape`` counts the parties from 0. ``when`` stands behind the label. ``faint``: the account
    that stated it no longer stands.
    """

    party: str
    label: str
    at: Place
    error_m: int = 0
    when: str = ""
    shape: int = 0
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Zone:
    """An area that a party states."""

    party: str
    label: str
    area: Circle | Polygon
    dash: Dash = Dash.SOLID
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Track:
    """A route that a party states, along geodesics."""

    party: str
    label: str
    points: tuple[Place, ...]
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """A map to draw. ``width`` and ``height`` are pixels of the whole, with the legend.

    ``view`` is the code of a point of view on borders, as ``data.views()`` has them; empty (and any
    code that is not there) is the neutral one. ``readout``: distances between the marks of
    different parties.
    """

    marks: tuple[Mark, ...] = ()
    zones: tuple[Zone, ...] = ()
    tracks: tuple[Track, ...] = ()
    title: str = ""
    language: str = "en"
    width: int = 720
    height: int = 520
    view: str = ""
    readout: bool = True
