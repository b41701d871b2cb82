"""A picture of the screen, as SVG that needs nothing from anywhere else.

The library's own template fetches a font from a server; a picture in a document of ours asks
nobody for anything, so it names the fonts that people have.
"""

from __future__ import annotations

import io
from typing import Final

from rich.console import Console, RenderableType
from rich.terminal_theme import TerminalTheme

WIDTH: Final = 100
_FONTS: Final = '"DejaVu Sans Mono", "Liberation Mono", Menlo, Consolas, monospace'
_FORMAT: Final = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: FONTS; font-size: {char_height}px; \
line-height: {line_height}px; white-space: pre; }}
.{unique_id}-title {{ font-family: sans-serif; font-size: 18px; font-weight: bold; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
_COLOURS: Final = [
    (12, 14, 18), (204, 60, 60), (80, 170, 90), (200, 160, 60),
    (80, 130, 210), (160, 100, 200), (70, 170, 180), (200, 204, 210),
]  # fmt: skip
_THEME: Final = TerminalTheme((16, 18, 23), (212, 215, 220), _COLOURS)


def picture(what: RenderableType, title: str) -> str:
    """The SVG of something that a terminal would show."""
    console = Console(
        record=True,
        width=WIDTH,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(what)
    template = _FORMAT.replace("FONTS", _FONTS)
    svg = console.export_svg(title=title, theme=_THEME, code_format=template, unique_id="exercise")
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"
