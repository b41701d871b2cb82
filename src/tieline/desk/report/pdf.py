"""A report as PDF, of the same content as the HTML: embedded fonts, letters joined and in order.

The DejaVu fonts of the system are embedded, as far as letters of them are used. They have Latin,
Greek, Cyrillic, Arabic and Hebrew letters and many more, yet not Chinese, Japanese, Korean or those
of India: a letter that they lack is written as its code point, and a sentence at the end says so.
Such a report is better written as HTML. Nothing in the file is a link, a form or a script.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Final

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

from tieline.core.errors import LocalError
from tieline.desk.report.html import RIGHT_TO_LEFT
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
from tieline.desk.report.words import APART, END, Said, Tongue, plain, runs_right
from tieline.node.text import escape, visible

PLACES: Final = (
    "/usr/share/fonts/truetype/dejavu",
    "/usr/share/fonts/dejavu",
    "/usr/share/fonts/dejavu-sans-fonts",
    "/usr/share/fonts/TTF",
    "/usr/local/share/fonts",
)
FILES: Final = {"": "DejaVuSans.ttf", "B": "DejaVuSans-Bold.ttf"}
_EDGE: Final = 14.0  # millimetres around a page
_PAD: Final = 1.0
_BELOW: Final = 26.0  # of what stands under a heading, at least so much is on its page
_NUMBER: Final = 20.0  # for the number of a page
_TOP: Final = 18.0
_BOTTOM: Final = 18.0
_POINT: Final = 25.4 / 72
_SIZES: Final = {1: 15.0, 2: 12.0, 3: 10.0}
_BODY: Final = 8.0
_WORD: Final = re.compile(r"\s*\S+|\s+$")
# Letters from here on may join, stack or run to the left; of the signs above it, these do not.
_FIRST_JOINED: Final = "\u0300"
_PLAIN: Final = frozenset("⟨⟩“”≠✓◄°") | frozenset(map(chr, range(0x370, 0x483)))
_ISOLATES: Final = frozenset((APART, END))
_SMALL: Final = {Tone.FAINT: 7.0, Tone.CODE: 6.2}


def write(document: Document) -> bytes:
    """The whole file. Raises ``LocalError`` (``report.fonts``)."""
    sheet = Sheet(document)
    try:
        for block, following in zip_longest(document.blocks, document.blocks[1:]):
            sheet.block(block, following)
        sheet.end()
        return bytes(sheet.pdf.output())
    finally:
        sheet.close()


def _fonts() -> dict[str, Path]:
    for place in PLACES:
        found = {style: Path(place) / name for style, name in FILES.items()}
        if all(one.is_file() for one in found.values()):
            return found
    raise LocalError(
        "report.fonts",
        "a PDF needs the fonts DejaVuSans.ttf and DejaVuSans-Bold.ttf, which are not on this"
        " machine; install the package fonts-dejavu-core (Debian), or write the report as HTML",
    )


class _Pages(FPDF):
    """Pages with the banner above and below, and the foot with the page's number."""

    def __init__(self, document: Document) -> None:
        super().__init__(format="A4")
        self.document = document
        self.way = "rtl" if document.lang.partition("-")[0] in RIGHT_TO_LEFT else "ltr"

    def header(self) -> None:
        self.banner(6.0)

    def footer(self) -> None:
        self.set_font("report", size=7)
        right = self.way == "rtl"
        start, end = (_EDGE + _NUMBER, _EDGE) if right else (_EDGE, self.w - _EDGE - _NUMBER)
        for text, y in ((self.document.foot, -17.0), (self.document.note, -13.5)):
            self.set_text_shaping(use_shaping_engine=True, direction=self.way)
            self.set_xy(start, y)
            self.cell(self.epw - _NUMBER, 3.5, self.shown(text), align="R" if right else "L")
        self.set_text_shaping(use_shaping_engine=False)
        self.set_xy(end, -17.0)
        self.cell(_NUMBER, 3.5, f"{self.page_no()} / {{nb}}", align="L" if right else "R")
        self.banner(self.h - 9)

    @staticmethod
    def shown(text: str) -> str:
        return text if isinstance(text, Said) else visible(text)

    def banner(self, y: float) -> None:
        if self.document.banner:
            self.set_text_shaping(use_shaping_engine=True)
            self.set_font("report", "B", 9)
            self.set_text_color(0)
            self.set_xy(_EDGE, y)
            self.cell(0, 5, visible(self.document.banner), border=1, align="C")


@dataclass(frozen=True, slots=True)
class _Row:
    """One printed line of a cell: its text, and how it is written."""

    text: str
    size: float
    bold: bool
    right: bool
    said: bool
    way: str | None = None  # its direction, where that is not seen from its first letter

    @property
    def high(self) -> float:
        return self.size * _POINT * 1.35


class Sheet:
    """A PDF that grows block by block."""

    def __init__(self, document: Document) -> None:
        self.pdf = pdf = _Pages(document)
        for style, path in _fonts().items():
            pdf.add_font("report", style, path)
        self.fonts = [one for one in pdf.fonts.values() if isinstance(one, TTFFont)]
        self._known = [set(one.cmap) for one in self.fonts]
        self._lacking: set[str] = set()
        self._right = pdf.way == "rtl"
        made = datetime.datetime.fromtimestamp(document.made_ms // 1000, tz=datetime.UTC)
        pdf.set_creation_date(made)
        pdf.set_title(visible(f"{document.banner} {plain(document.title)}".strip()))
        pdf.set_lang(document.lang)
        pdf.set_creator("Tieline")
        self._widths: dict[str, dict[str, float]] = {style: {} for style in FILES}
        pdf.set_margins(_EDGE, _TOP, _EDGE)
        pdf.set_auto_page_break(False)
        pdf.c_margin = 0
        pdf.set_line_width(0.15)
        pdf.add_page()
        pdf.set_xy(_EDGE, _TOP)
        self._wide = pdf.w - 2 * _EDGE
        self._last = pdf.h - _BOTTOM

    def block(self, block: Block, following: Block | None = None) -> None:
        """One block; a heading stays with what ``following`` it begins."""
        match block:
            case Heading():
                drawn = following.height if isinstance(following, Drawing) else 0
                scale = self._wide / following.width if isinstance(following, Drawing) else 0
                self._heading(block, _BELOW + drawn * scale)
            case Paragraph():
                self._rows([self._printed(block.lines, self._wide)], (self._wide,), edged=False)
                self.pdf.set_y(self.pdf.get_y() + 1)
            case Table():
                self._table(block)
            case Drawing():
                self._drawing(block)

    def close(self) -> None:
        """Close the files of the fonts, which the library leaves open."""
        for font in self.fonts:
            font.ttfont.close()

    def end(self) -> None:
        """A sentence on letters that no font here has."""
        if self._lacking:
            say = Tongue(self.pdf.document.lang)
            text = say("report.letters-lacking", n=len(self._lacking),
                       example=escape(min(self._lacking)))  # fmt: skip
            self.block(Paragraph((Line(say.warn(text), Tone.WARN),)))

    # ------------------------------------------------------------------------------------ text

    def letters(self, text: str) -> str:
        """Safe text, of letters that both fonts have."""
        out: list[str] = []
        ours = isinstance(text, Said)
        safe = text if ours else visible(text, lines=True)
        for char in safe.replace("\t", "    "):
            known = all(ord(char) in letters for letters in self._known)
            if known or char == "\n" or (ours and char in _ISOLATES):
                out.append(char)
            else:
                self._lacking.add(char)
                out.append(escape(char))
        return "".join(out)

    def _printed(self, lines: Cell, wide: float, *, bold: bool = False) -> list[_Row]:
        """The printed lines of a cell of a width."""
        out: list[_Row] = []
        for line in lines:
            strong = bold or line.tone in (Tone.STRONG, Tone.WARN)
            size, said = _SMALL.get(line.tone, _BODY), line.tone is Tone.SAID
            text = self.letters(f"“{line.text}”" if said else line.text)
            right = _begins_right(line.text, otherwise=self._right) if said else self._right
            way, room = self._way(line.text), wide - 2 * _PAD - 2 * said
            out += [_Row(one, size, strong, right, said, way)
                    for one in self._wrapped(text, room, size, bold=strong)]  # fmt: skip
        return out

    def _way(self, text: str) -> str | None:
        """The direction of a line: ours runs as the page, of whatever letter it begins."""
        return "rtl" if self._right and isinstance(text, Said) and runs_right(text) else None

    def _wrapped(self, text: str, wide: float, size: float, *, bold: bool) -> list[str]:
        """A text in lines of a width: broken at spaces, and inside words that are too long."""
        widths, share = self._widths["B" if bold else ""], size / 1000 * _POINT
        out: list[str] = []
        for paragraph in text.split("\n"):
            line, used = "", 0.0
            for word in _words(paragraph):
                long = sum(self._width(char, widths) for char in word) * share
                if used + long > wide and line:
                    out.append(line.rstrip())
                    line, used, word = "", 0.0, word.lstrip()  # noqa: PLW2901
                for char in word:
                    here = self._width(char, widths) * share
                    if used + here > wide and line and not char.isspace():
                        out.append(line)
                        line, used = "", 0.0
                    line += char
                    used += here
            out.append(line.rstrip())
        return [*_kept_apart(out)] if APART in text else out

    def _width(self, char: str, widths: dict[str, float]) -> float:
        """Of a letter standing alone, in thousandths of its size; joined ones are not wider."""
        found = 0.0 if char in _ISOLATES else widths.get(char)
        if found is None:
            style = "B" if widths is self._widths["B"] else ""
            self.pdf.set_font("report", style, 10)
            self.pdf.set_text_shaping(use_shaping_engine=False)
            found = widths[char] = self.pdf.get_string_width(char) / 10 / _POINT * 1000
        return found

    def _shaped(self, text: str, way: str | None = None) -> None:
        """Join and order letters where a text has such; others need no more than their place."""
        simple = all(char < _FIRST_JOINED or char in _PLAIN for char in text)
        self.pdf.set_text_shaping(use_shaping_engine=not simple, direction=way)

    def _put(self, row: _Row, x: float, y: float, wide: float) -> None:
        pdf, inset = self.pdf, 2.0 * row.said
        pdf.set_font("report", "B" if row.bold else "", row.size)
        if row.said:
            bar = x + wide - _PAD if row.right else x + _PAD
            pdf.line(bar, y, bar, y + row.high)
        self._shaped(row.text, row.way)
        pdf.set_xy(x + _PAD + (0 if row.right else inset), y)
        align = "R" if row.right else "L"
        pdf.cell(wide - 2 * _PAD - inset, row.high, row.text, align=align,
                 new_x=XPos.RIGHT, new_y=YPos.TOP)  # fmt: skip

    # ---------------------------------------------------------------------------------- blocks

    def _heading(self, heading: Heading, below: float) -> None:
        size = _SIZES[heading.level]
        lines = self._wrapped(self.letters(heading.text), self._wide, size, bold=True)
        high = size * _POINT * 1.4
        self._room(high * len(lines) + below)
        y = self.pdf.get_y() + (0 if heading.level == 1 else 3)
        way = self._way(heading.text)
        for text in lines:
            row = _Row(text, size, bold=True, right=self._right, said=False, way=way)
            self._put(row, _EDGE - _PAD, y, self._wide)
            y += high
        self.pdf.set_xy(_EDGE, y + 1)

    def _table(self, table: Table) -> None:
        whole = sum(table.widths)
        widths = tuple(self._wide * one / whole for one in table.widths)
        heads = [
            self._printed((Line(one),) if one else (), wide, bold=True)
            for one, wide in zip(table.heads, widths, strict=True)
        ]
        shown = any(table.heads)
        if shown:
            self._room(_BELOW - 2)
            self._rows(heads, widths)
        for row in table.rows:
            cells = [self._printed(one, wide) for one, wide in zip(row, widths, strict=True)]
            self._rows(cells, widths, heads if shown else None)
        self.pdf.set_y(self.pdf.get_y() + 2)

    def _rows(
        self,
        cells: list[list[_Row]],
        widths: tuple[float, ...],
        heads: list[list[_Row]] | None = None,
        *,
        edged: bool = True,
    ) -> None:
        """A row of cells, over as many pages as it needs; on each new page the heads again."""
        left = [list(one) for one in cells]
        whole = max((sum(row.high for row in one) for one in cells), default=0.0) + 2 * _PAD
        if whole < (self._last - _TOP) / 3:
            self._room(whole, heads, widths)
        while True:
            y = self.pdf.get_y()
            taken = [list(_taken(one, self._last - y - 2 * _PAD)) for one in left]
            if not any(taken) and any(left):
                self._new_page(heads, widths)
                y = self.pdf.get_y()
                taken = [list(_taken(one, self._last - y - 2 * _PAD)) for one in left]
            high = max((sum(row.high for row in one) for one in taken), default=0.0) + 2 * _PAD
            self._line_of(taken, widths, y, high, edged=edged)
            self.pdf.set_xy(_EDGE, y + high)
            left = [one[len(done) :] for one, done in zip(left, taken, strict=True)]
            if not any(left):
                return
            self._new_page(heads, widths)

    def _line_of(
        self, cells: list[list[_Row]], widths: tuple[float, ...], y: float, high: float, *,
        edged: bool,
    ) -> None:  # fmt: skip
        x = _EDGE + (self._wide if self._right else 0)
        for cell, wide in zip(cells, widths, strict=True):
            start = x - wide if self._right else x
            if edged:
                self.pdf.rect(start, y, wide, high)
            at = y + _PAD
            for row in cell:
                self._put(row, start, at, wide)
                at += row.high
            x = start if self._right else x + wide

    def _room(
        self,
        high: float,
        heads: list[list[_Row]] | None = None,
        widths: tuple[float, ...] = (),
    ) -> None:
        """A new page, unless so much room is left on this one."""
        if self.pdf.get_y() + high > self._last and self.pdf.get_y() > _TOP + 1:
            self._new_page(heads, widths)

    def _new_page(self, heads: list[list[_Row]] | None, widths: tuple[float, ...]) -> None:
        self.pdf.add_page()
        self.pdf.set_xy(_EDGE, _TOP)
        if heads is not None:
            self._rows(heads, widths)

    # --------------------------------------------------------------------------------- drawing

    def _drawing(self, drawing: Drawing) -> None:
        scale = self._wide / drawing.width
        self._room(drawing.height * scale + 2)
        y = self.pdf.get_y()
        for mark in drawing.marks:
            if isinstance(mark, Stroke):
                self._stroke(mark, y, scale)
            else:
                self._label(mark, y, scale)
        self.pdf.set_draw_color(0)
        self.pdf.set_text_color(0)
        self.pdf.set_dash_pattern()
        self.pdf.set_line_width(0.15)
        self.pdf.set_xy(_EDGE, y + drawing.height * scale + 3)

    def _stroke(self, mark: Stroke, top: float, scale: float) -> None:
        pdf = self.pdf
        points = [(_EDGE + x * scale, top + y * scale) for x, y in mark.points]
        pdf.set_draw_color(mark.grey)
        pdf.set_fill_color(mark.grey)
        pdf.set_line_width(mark.width * scale)
        pdf.set_dash_pattern(mark.dash * scale, mark.dash * scale)
        if mark.closed:
            pdf.polygon(points, style="DF" if mark.filled else "D")
        else:
            pdf.polyline(points)

    def _label(self, mark: Label, top: float, scale: float) -> None:
        pdf = self.pdf
        pdf.set_font("report", "B" if mark.bold else "", mark.size * scale / _POINT)
        pdf.set_text_color(mark.grey)
        text = self.letters(mark.text)
        self._shaped(text, self._way(mark.text))
        if pdf.text_shaping is None:
            pdf.text(_EDGE + mark.x * scale, top + mark.y * scale, text)
            return
        high = mark.size * scale  # a cell, unlike a text, puts letters in the order of reading
        pdf.set_xy(_EDGE + mark.x * scale, top + mark.y * scale - 0.8 * high)
        pdf.cell(pdf.get_string_width(text), high, text, align="L")


def _taken(rows: Iterable[_Row], room: float) -> Iterator[_Row]:
    """As many printed lines as there is room for."""
    for row in rows:
        room -= row.high
        if room < 0:
            return
        yield row


def _kept_apart(lines: Iterable[str]) -> Iterator[str]:
    """Lines of one text; a value that goes on in the next line is set apart there too."""
    depth = 0
    for line in lines:
        before = APART * depth
        depth += line.count(APART) - line.count(END)
        yield before + line + END * depth


def _words(text: str) -> Iterator[str]:
    """The words of a text, each with the spaces before it."""
    return (found.group() for found in _WORD.finditer(text))


def _begins_right(text: str, *, otherwise: bool) -> bool:
    """Whether a text runs from right to left: by its first letter that runs either way."""
    for char in text:
        way = unicodedata.bidirectional(char)
        if way in ("L", "R", "AL"):
            return way != "L"
    return otherwise
