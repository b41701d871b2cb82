"""A filled form as numbered, labelled lines in any language of its pack.

The lines stand in the order of the form and carry everything that a rendering may want: the number
of each line in its form, the label and what the answer says in this language, the answer itself,
the paragraph and how sure we are of it, and whether a word fell back to English. Screens draw them;
``numbered``, ``slash`` and ``radio`` write them as text.

Texts that a person wrote are in ``Line.answer`` untouched and may be hostile: a screen makes them
safe by its own rules, a text form by ``plain.quote``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement import phrases, plain
from tieline.core.agreement.message import Values
from tieline.core.agreement.model import (
    Cite,
    Field,
    Form,
    Pack,
    Provenance,
    Special,
    field_key,
    title_key,
    word_key,
)
from tieline.core.agreement.tongue import Tongue, Word
from tieline.core.agreement.value import Answer, Code, Instant, Text
from tieline.core.terms import MAX_TIME_MS, Precedence, RefRole, dtg

CITED_BYTES: Final = 8  # how much of a digest names a message in a text form

# What the clocks of the parties show at a UTC time in ms: name, and minutes east of UTC.
Zones = Callable[[int], tuple[tuple[str, int], ...]]


def no_zones(_time_ms: int) -> tuple[tuple[str, int], ...]:
    """Times in UTC only."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A form message as it is written on paper: what stands around the fields, and the fields.

    ``number`` is the sender's serial, or another short number that the station gives. ``refs``: at
    least the first 8 bytes of each digest. ``exercise`` is the realm, empty for live traffic.
    """

    pack: Pack
    form: Form
    values: Values
    sender: str
    to: tuple[str, ...]
    precedence: Precedence
    time_ms: int
    number: int
    refs: tuple[tuple[RefRole, bytes], ...] = ()
    remarks: str = ""
    lang: str = ""  # of the remarks and of every text in the fields
    exercise: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line. ``path``: field numbers and, between them, which repeat (from 1).

    ``answer`` is ``None`` for the heading of a group or of one of its repeats. ``said`` is what the
    answer says in this language, for people; it is no input for a program. ``fallen``: a word of
    the line is English because the language lacks it.
    """

    path: tuple[int, ...]
    marker: str
    depth: int
    label: str
    answer: Answer | None
    said: str
    cite: Cite
    fallen: bool

    @property
    def free(self) -> bool:
        """Whether the line shows what a person wrote, in the language of the message."""
        return isinstance(self.answer, Text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A sheet in one language: headings, lines, and what the reader has to know of the words."""

    sheet: Sheet
    title: str
    agreement: str
    times: tuple[str, ...]
    reference: str
    lines: tuple[Line, ...]
    disclaimer: str
    marks: tuple[str, ...]
    right_to_left: bool
    spoken: phrases.Spoken | None = None  # of a phrase: how it is said and answered


def lay_out(sheet: Sheet, tongue: Tongue, zones: Zones = no_zones) -> Page:
    """The sheet in the language of ``tongue``, with the clocks of ``zones`` beside UTC."""
    form = sheet.form
    title = tongue.word(title_key(form))
    said = None if form.phrase is None else phrases.spoken(sheet.pack, form.phrase, tongue)
    lines = tuple(_lines(sheet, tongue, zones))
    marks: list[str] = []
    if not tongue.verified:
        marks.append(str(tongue.say("mark.unchecked")))
    if title.fallen or any(line.fallen for line in lines) or _fell(said):
        marks.append(str(tongue.say("mark.fallen")))
    if form.cite.provenance is not Provenance.READ:
        marks.append(str(tongue.say(f"mark.{form.cite.provenance.value}")))
    return Page(
        sheet=sheet,
        title=title.text if said is None else f"{said.code}: {title}",
        agreement=str(tongue.word("pack.title")),
        times=tuple(clocks(sheet.time_ms, zones)),
        reference=form.cite.paragraph or sheet.pack.cite.paragraph,
        lines=lines,
        disclaimer=str(tongue.word(form.disclaimer)) if form.disclaimer else "",
        marks=tuple(marks),
        right_to_left=tongue.right_to_left,
        spoken=said,
    )


def _fell(said: phrases.Spoken | None) -> bool:
    """Whether a word about a phrase is English for lack of one. A wording names its language."""
    if said is None:
        return False
    signal = said.signal is not None and said.signal.fallen
    return signal or any(one.meaning.fallen for one in said.expects)


def clocks(time_ms: int, zones: Zones) -> Iterator[str]:
    """A time as a date-time group in UTC, and as each party's clock shows it."""
    yield dtg(time_ms)
    for name, minutes in zones(time_ms):
        shown = dtg(min(max(time_ms + minutes * 60_000, 0), MAX_TIME_MS)).replace("Z", "")
        hours, rest = divmod(abs(minutes), 60)
        yield f"{shown} {name} UTC{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"


# ------------------------------------------------------------------------------------------- lines


def letters(number: int) -> str:
    """A number as letters: 1 is A, 26 is Z, 27 is AA."""
    out = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        out = chr(65 + rest) + out
    return out


def number_of(marker: str) -> int:
    """The inverse of ``letters``; case is free."""
    out = 0
    for char in marker.upper():
        out = out * 26 + ord(char) - 64
    return out


def field_marker(number: int, depth: int) -> str:
    """``A.`` at the top, ``(a)`` in a group, ``((a))`` in a group inside a group."""
    if depth == 0:
        return letters(number) + "."
    return "(" * depth + letters(number).lower() + ")" * depth


def repeat_marker(index: int, depth: int) -> str:
    """``(1)``, or ``((1))`` inside a group."""
    return "(" * (depth + 1) + str(index) + ")" * (depth + 1)


def _lines(sheet: Sheet, tongue: Tongue, zones: Zones) -> Iterator[Line]:
    yield from _fields(sheet, sheet.form.fields, sheet.values, ((), ()), tongue, zones)


def _fields(
    sheet: Sheet,
    known: tuple[Field, ...],
    values: Values,
    at: tuple[tuple[int, ...], tuple[str, ...]],
    tongue: Tongue,
    zones: Zones,
) -> Iterator[Line]:
    path, names = at
    depth = len(path) // 2
    for field in known:
        value = values.get(field.number)
        if value is None:
            continue
        here, ids = (*path, field.number), (*names, field.id)
        label = tongue.word(field_key(sheet.form, *ids))
        marker = field_marker(field.number, depth)
        if not isinstance(value, tuple):
            said = say(field, value, tongue, zones)
            yield Line(
                path=here, marker=marker, depth=depth, label=label.text, answer=value,
                said=said.text, cite=field.cite, fallen=label.fallen or said.fallen,
            )  # fmt: skip
            continue
        yield Line(
            path=here, marker=marker, depth=depth, label=label.text, answer=None,
            said="", cite=field.cite, fallen=label.fallen,
        )  # fmt: skip
        for index, one in enumerate(value, 1):
            yield Line(
                path=(*here, index), marker=repeat_marker(index, depth), depth=depth, label="",
                answer=None, said="", cite=field.cite, fallen=False,
            )  # fmt: skip
            yield from _fields(sheet, field.fields, one, ((*here, index), ids), tongue, zones)


def say(field: Field, answer: Answer, tongue: Tongue, zones: Zones = no_zones) -> Word:
    """What an answer says, in words: the code's word, the special's word, times by all clocks."""
    match answer:
        case Special():
            return tongue.say(f"special.{answer.value}")
        case Code(id=id_):
            return tongue.word(word_key("code", field.codes, id_))
        case Instant(seconds=seconds):
            return Word("; ".join(clocks(seconds * 1000, zones)), tongue.lang)
        case Text(text=text):
            return Word(text, tongue.lang)
        case _:
            return Word(plain.write(answer), tongue.lang)
