"""What a report is made of: headings, paragraphs, tables and drawings, whatever it is written as.

Texts in it may be anything that anyone sent: whoever writes them out makes them safe. A line of a
cell is one text of one origin, so that letters that run from right to left cannot move words of
another text beside them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Tone(enum.Enum):
    """What a line is. Nothing is said by the tone alone: a sign or a word says the same."""

    PLAIN = "plain"
    STRONG = "strong"
    FAINT = "faint"
    WARN = "warn"
    SAID = "said"  # what a party wrote, in its own words: shown in quotation marks
    CODE = "code"  # a digest


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text."""

    text: str
    tone: Tone = Tone.PLAIN


Cell = tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; ``level`` 1 is that of the report."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines that stand together."""

    lines: Cell


@dataclass(frozen=True, slots=True)
class Table:
    """A table with one line of heads; ``widths`` are shares of the page's width."""

    heads: tuple[str, ...]
    widths: tuple[int, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through points, in points of a drawing with its origin at the top left."""

    points: tuple[tuple[float, float], ...]
    width: float = 1.0
    grey: int = 0  # 0 is black, 255 is white
    dash: float = 0.0
    closed: bool = False
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """A text in a drawing; ``x`` and ``y`` are the left end of its base line."""

    x: float
    y: float
    text: str
    size: float = 9.0
    grey: int = 0
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing, and what it shows in words for who cannot see it."""

    width: float
    height: float
    marks: tuple[Stroke | Label, ...]
    about: str


Block = Heading | Paragraph | Table | Drawing


@dataclass(frozen=True, slots=True)
class Document:
    """A report. ``banner``, ``foot`` and ``note`` stand on every page; ``lang`` is its language."""

    title: str
    banner: str
    foot: str
    note: str
    lang: str
    made_ms: int
    blocks: tuple[Block, ...]


def cell(*lines: str | Line) -> Cell:
    """A cell of lines; empty texts are left out."""
    made = (Line(one) if isinstance(one, str) else one for one in lines)
    return tuple(one for one in made if one.text)
