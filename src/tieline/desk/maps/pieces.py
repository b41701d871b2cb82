"""The elements of a map in SVG: paths, texts, marks."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Final

from tieline.desk.maps.ground import Line
from tieline.desk.maps.planes import Point
from tieline.desk.maps.scene import MAX_TEXT, Shape
from tieline.node.text import visible

INK: Final = {"": "#111", "faint": "#777"}


def safe(text: str, most: int = MAX_TEXT) -> str:
    """Text for an element or attribute: nothing that deceives or acts, and not too long."""
    shown = visible(text[: most + 1])
    return html.escape(shown if len(shown) <= most else shown[: most - 1] + "…", quote=True)


def classes(name: str, faint: bool) -> str:  # noqa: FBT001
    """The classes of what stands, and of what no longer does."""
    return f"{name} map-faint" if faint else name


def stroke(faint: bool, dash: str) -> str:  # noqa: FBT001
    """How the edge of what a party states is drawn."""
    dash = dash or ("40 30" if faint else "")
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'fill="none" stroke="{INK["faint" if faint else ""]}" stroke-width="13"{dashes}'


def scaled(path: str) -> str:
    """What is in tenths of a pixel, brought to pixels."""
    return f'<g transform="scale(.1)">{path}</g>' if path else ""


def path(name: str, lines: Iterable[Line], look: str, *, closed: bool = False) -> str:
    """Lines in tenths of a pixel, each point as the step from the one before."""
    out: list[str] = []
    end = "z" if closed else ""
    for line in lines:
        last_x, last_y = round(line[0][0] * 10), round(line[0][1] * 10)
        steps = [f"M{last_x} {last_y}l"]
        for x, y in line[1:]:
            now_x, now_y = round(x * 10), round(y * 10)
            steps.append(f"{now_x - last_x} {now_y - last_y}")
            last_x, last_y = now_x, now_y
        if len(steps) > 1:
            out.append(f"{steps[0]}{' '.join(steps[1:])}{end}")
    return f'<path class="{name}" {look} d="{"".join(out)}"/>' if out else ""


def text(
    name: str,
    at: Point,
    safe_text: str,
    size: float,
    ink: str,
    *,
    anchor: str = "",
    bold: bool = False,
    right: bool = False,
) -> str:
    """A text, made safe already, with an edge of light around it."""
    weight = ' font-weight="bold"' if bold else ""
    place = f' text-anchor="{anchor}"' if anchor else ""
    way = ' direction="rtl"' if right else ""
    return (
        f'<text class="{name}" x="{at[0]:.1f}" y="{at[1]:.1f}" font-size="{size:g}" fill="{ink}"'
        f'{weight}{place}{way} paint-order="stroke" stroke="#fff" stroke-width="2.5"'
        f' stroke-linejoin="round">{safe_text}</text>'
    )


_CORNERS_OF: Final = {
    Shape.SQUARE: ((-5, -5), (5, -5), (5, 5), (-5, 5)),
    Shape.TRIANGLE: ((0, -6), (6, 5), (-6, 5)),
    Shape.DIAMOND: ((0, -7), (7, 0), (0, 7), (-7, 0)),
}


def symbol(shape: Shape, at: Point, ink: str, *, faint: bool) -> str:
    """The mark of a party, filled when it stands, hollow when it no longer does."""
    x, y = at
    name = classes(f"map-mark map-{shape.value}", faint)
    if shape is Shape.CROSS:
        arms = f"M{x - 5:.1f} {y - 5:.1f}l10 10M{x - 5:.1f} {y + 5:.1f}l10 -10"
        dash = ' stroke-dasharray="2 2"' if faint else ""
        halo = f'<path class="map-halo" d="{arms}" fill="none" stroke="#fff" stroke-width="5"/>'
        look = f'fill="none" stroke="{ink}" stroke-width="2.6"{dash}'
        return f'{halo}<path class="{name}" d="{arms}" {look}/>'
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in _CORNERS_OF[shape])
    fill = "none" if faint else ink
    edge = f'stroke="{ink}" stroke-width="1.4"' if faint else 'stroke="#fff" stroke-width="1.4"'
    return f'<polygon class="{name}" points="{points}" fill="{fill}" {edge} paint-order="stroke"/>'
