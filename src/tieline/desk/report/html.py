"""A report as one HTML file: no script, nothing from anywhere else, fit to be printed.

A policy in the file itself keeps a browser from loading anything, whatever should get into it. All
text is made safe twice: what could deceive is written out as code points, then what HTML would take
as markup is escaped. Each line of text is a block of its own with its own direction.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Final

from tieline.desk.report.pieces import (
    Block,
    Cell,
    Document,
    Drawing,
    Heading,
    Label,
    Line,
    Paragraph,
    Stroke,
    Table,
    Tone,
)
from tieline.desk.report.words import APART, END, Said, plain, runs_right
from tieline.node.text import visible

RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur", "ps", "ku", "sd", "ug", "dv", "yi"})
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
_STYLE: Final = """
@page { size: A4; margin: 16mm 14mm }
* { box-sizing: border-box }
body { font: 10pt/1.35 "DejaVu Sans", "Noto Sans", sans-serif; color: #000; background: #fff;
 max-width: 60em; margin: 0 auto; padding: 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.2em; margin: 1.6em 0 .4em; break-after: avoid }
h3 { font-size: 1em; margin: 1.1em 0 .3em; break-after: avoid }
table { border-collapse: collapse; width: 100%; table-layout: fixed }
th, td { border: 1px solid #888; padding: .25em .4em; vertical-align: top; text-align: start;
 overflow-wrap: anywhere }
th { background: #eee } thead { display: table-header-group } tr { break-inside: avoid }
.page > * > tr { break-inside: auto }
[dir=rtl] td > div, [dir=rtl] th { text-align: right }
[dir=rtl] td > div.said { text-align: start }
td > div, p > span { display: block; unicode-bidi: isolate; white-space: pre-wrap }
.strong { font-weight: bold } .faint { color: #444; font-size: .88em }
.warn { font-weight: bold; text-decoration: underline } .code { font: .82em "DejaVu Sans Mono",
 monospace } .said::before { content: "\\201c" } .said::after { content: "\\201d" }
.said { border-inline-start: 2px solid #888; padding-inline-start: .4em }
.banner { font-weight: bold; text-align: center; border: 2px solid #000; padding: .2em;
 background: #fff }
.page { width: 100%; border: 0 } .page > * > tr > td { border: 0; padding: 0 }
svg { width: 100%; height: auto; break-inside: avoid }
footer { font-size: .85em; border-top: 1px solid #888; margin-top: 1em }
@media print { body { max-width: none; padding: 0 } }
"""


def write(document: Document) -> bytes:
    """The whole file, in UTF-8."""
    return "\n".join(_page(document)).encode("utf-8", "replace")


def safe(text: str) -> str:
    """Text for an attribute, or an element that holds nothing but text."""
    return html.escape(plain(text) if isinstance(text, Said) else visible(text, lines=True))


def shown(text: str) -> str:
    """Text for an element: each value in words of ours has an element of its own."""
    if not isinstance(text, Said):
        return safe(text)
    return html.escape(text).replace(APART, "<bdi>").replace(END, "</bdi>")


def _page(document: Document) -> Iterator[str]:
    direction = "rtl" if document.lang.partition("-")[0] in RIGHT_TO_LEFT else "ltr"
    yield "<!doctype html>"
    yield f'<html lang="{safe(document.lang)}" dir="{direction}"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    title = f"{document.banner}: " * bool(document.banner) + plain(document.title)
    yield f"<title>{safe(title)}</title><style>{_STYLE}</style></head><body>"
    # A table's head and foot stand on every printed page, in every browser: so does the banner.
    yield '<table class="page">'
    if document.banner:
        banner = f'<div class="banner" dir="ltr">{safe(document.banner)}</div>'
        yield f"<thead><tr><td>{banner}</td></tr></thead>"
        yield f"<tfoot><tr><td>{banner}</td></tr></tfoot>"
    yield "<tbody><tr><td>"
    for block in document.blocks:
        yield from _block(block, right=direction == "rtl")
    yield f'<footer dir="{direction}"><div>{shown(document.foot)}</div>'
    yield f"<div>{shown(document.note)}</div></footer>"
    yield "</td></tr></tbody></table></body></html>\n"


def _block(block: Block, *, right: bool) -> Iterator[str]:
    match block:
        case Heading():
            way = _way(block.text, right=right)
            yield f'<h{block.level} dir="{way}">{shown(block.text)}</h{block.level}>'
        case Paragraph():
            yield f"<p>{_lines(block.lines, 'span', right=right)}</p>"
        case Table():
            yield from _table(block, right=right)
        case Drawing():
            yield from svg(block)


def _way(text: str, *, right: bool) -> str:
    """The direction of a line: ours runs as the page, of whatever letter a value in it begins."""
    return "rtl" if right and isinstance(text, Said) and runs_right(text) else "auto"


def _table(table: Table, *, right: bool) -> Iterator[str]:
    whole = sum(table.widths)
    yield "<table><colgroup>"
    yield "".join(f'<col style="width:{100 * one / whole:.1f}%">' for one in table.widths)
    yield "</colgroup>"
    if any(table.heads):
        heads = "".join(
            f'<th scope="col" dir="{_way(one, right=right)}">{shown(one)}</th>'
            for one in table.heads
        )
        yield f"<thead><tr>{heads}</tr></thead>"
    yield "<tbody>"
    for row in table.rows:
        cells = "".join(f"<td>{_lines(one, 'div', right=right)}</td>" for one in row)
        yield f"<tr>{cells}</tr>"
    yield "</tbody></table>"


def _lines(lines: Cell, tag: str, *, right: bool) -> str:
    return "".join(_line(one, tag, right=right) for one in lines)


def _line(line: Line, tag: str, *, right: bool) -> str:
    style = "" if line.tone is Tone.PLAIN else f' class="{line.tone.value}"'
    return f'<{tag} dir="{_way(line.text, right=right)}"{style}>{shown(line.text)}</{tag}>'


# ---------------------------------------------------------------------------------------- drawing


def svg(drawing: Drawing) -> Iterator[str]:
    """A drawing as inline SVG; what it shows stands in it as words too."""
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width:g}'
        f' {drawing.height:g}" role="img" direction="ltr"><title>{safe(drawing.about)}</title>'
    )
    for mark in drawing.marks:
        yield _stroke(mark) if isinstance(mark, Stroke) else _label(mark)
    yield "</svg>"


def _stroke(one: Stroke) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in one.points)
    colour = f"rgb({one.grey},{one.grey},{one.grey})"
    dash = f' stroke-dasharray="{one.dash:g}"' if one.dash else ""
    return (
        f'<{"polygon" if one.closed else "polyline"} points="{points}"'
        f' fill="{colour if one.filled else "none"}" stroke="{colour}"'
        f' stroke-width="{one.width:g}"{dash}/>'
    )


def _label(one: Label) -> str:
    colour = f"rgb({one.grey},{one.grey},{one.grey})"
    bold = ' font-weight="bold"' if one.bold else ""
    # A white edge keeps a label legible where lines cross it.
    return (
        f'<text x="{one.x:.1f}" y="{one.y:.1f}" font-size="{one.size:g}" fill="{colour}"{bold}'
        f' font-family="DejaVu Sans, sans-serif" paint-order="stroke" stroke="#fff"'
        f' stroke-width="2">{safe(one.text)}</text>'
    )
