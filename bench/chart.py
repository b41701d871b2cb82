"""The figures of ``bench/peers.py`` as bars in an SVG file, for the documentation."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from figures import Json, number, record

WIDTH, LEFT, RIGHT, BAR, GAP = 760, 150, 120, 18, 8
COLOURS = {"floor": "#8a8f98", "tieline": "#1f5fa8", "nats": "#c07a1c", "prosody": "#7d8c4a",
           "synapse": "#8a5a83"}  # fmt: skip
Reader = Callable[[Json], float]
PANELS: tuple[tuple[str, Reader], ...] = (
    ("one at a time, p50 (ms; less is better)", lambda s: number(record(s["receipt_ms"])["p50"])),
    ("one at a time, p99 (ms; less is better)", lambda s: number(record(s["receipt_ms"])["p99"])),
    ("64 outstanding (texts a second; more is better)", lambda s: number(s["sustained_per_s"])),
    ("catch-up (texts a second; more is better)", lambda s: number(record(s["catch_up"])["per_s"])),
    ("bytes on the wire for each (less is better)", lambda s: number(s["wire_bytes_each"])),
)


def _values(systems: Json, read: Reader) -> list[tuple[str, Json, float]]:
    out = []
    for key, one in systems.items():
        try:
            out.append((key, record(one), read(record(one))))
        except KeyError:
            continue  # the floor has no catch-up
    return out


def draw(result: Json) -> str:
    """One panel of bars for each figure; a system that does not sync has hollow bars."""
    systems = record(result["systems"])
    parts: list[str] = []
    y = 30
    for title, read in PANELS:
        parts.append(f'<text x="10" y="{y}" font-weight="bold">{escape(title)}</text>')
        y += 12
        values = _values(systems, read)
        top = max(value for *_, value in values)
        for key, one, value in values:
            length = max(1.0, value / top * (WIDTH - LEFT - RIGHT))
            colour = COLOURS.get(key, "#555555")
            fill = colour if one["syncs"] else "none"
            name = str(one["name"]).partition(" (")[0] + ("" if one["syncs"] else " *")
            parts.append(
                f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>'
                f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{fill}"'
                f' stroke="{colour}"/>'
                f'<text x="{LEFT + length + 6:.1f}" y="{y + 14}">{value:g}</text>'
            )
            y += BAR + GAP
        y += 22
    parts.append(f'<text x="10" y="{y}">* does not sync what it takes: not comparable</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 14}" role="img"'
        ' font-family="sans-serif" font-size="13">'
        f"<title>Tieline beside its floor and beside others</title>"
        f'<rect width="{WIDTH}" height="{y + 14}" fill="white"/>{"".join(parts)}</svg>\n'
    )
