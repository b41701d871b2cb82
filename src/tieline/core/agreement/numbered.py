"""The numbered text form, in the layout of the Open Skies formats.

Numbered lines in the officer's language; answers stand in the language-neutral notation of
``plain``, with what they mean in round brackets behind. ``read`` needs neither the language nor the
indentation: markers and numbers carry the structure, and the end marker repeats the number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from tieline.core.agreement import phrases, plain
from tieline.core.agreement.layout import Line, Page, Sheet, number_of
from tieline.core.agreement.model import Field, FieldType, Pack, field_key
from tieline.core.agreement.places import Position
from tieline.core.agreement.tongue import EngineWords, Tongue
from tieline.core.agreement.value import Answer, Instant, Number, Text
from tieline.core.agreement.written import (
    Heading,
    Leaves,
    lines_of,
    number_text,
    refuse,
    truncated,
    write_ref,
)

_HEAD: Final = ("precedence", "from", "to", "subject")
_NUMBERED: Final = re.compile(r"([1-7])\. ?(.*)\Z")
_MARKER: Final = re.compile(
    r"(?:([A-Za-z]{1,4})\.|(\(+)([A-Za-z]{1,4}|[0-9]{1,4})(\)+))(?: (.*))?\Z"
)
_SPECIAL: Final = re.compile(r"\[[A-Z ]+\]")
# Of these a person writes the words, and round brackets belong to them.
_WORDY: Final = frozenset({FieldType.TEXT, FieldType.UNIT, FieldType.PARTY, FieldType.POSITION})
_IN_WORDS: Final = re.compile(r' \([^()"]*\)\Z')  # behind a position; what was typed is in quotes
_INDENT: Final = "   "


# ----------------------------------------------------------------------------------------- writing


def write(page: Page, tongue: Tongue) -> str:
    """The page as numbered text.

    Marks of doubt, the disclaimer and how a phrase is said stand above it and are not read back.
    """
    sheet = page.sheet
    out: list[str] = []
    if sheet.exercise:
        out.append(f"{tongue.say('head.exercise')} {sheet.exercise}")
    out += [f"* {plain.quote(text)}" for text in (page.disclaimer, *page.marks) if text]
    said = () if page.spoken is None else phrases.sentences(page.spoken, tongue)
    out += [f"* {plain.quote(label)}: {plain.quote(text)}" for label, text in said]
    subject = f"{sheet.pack.form_id(sheet.form)} {sheet.pack.version} ({plain.quote(page.title)})"
    values = (sheet.precedence.name, sheet.sender, ", ".join(sheet.to), subject)
    out += [
        f"{tongue.say(f'head.{name}')}: {value}" for name, value in zip(_HEAD, values, strict=True)
    ]
    clocks = "; ".join(page.times[1:])
    moment = plain.write_time(sheet.time_ms // 1000) + (f" ({clocks})" if clocks else "")
    reference = ", ".join(part for part in (page.reference, page.agreement) if part)
    refs = "; ".join(write_ref(ref) for ref in sheet.refs) or "[NIL]"
    lang = f"({sheet.lang})" if sheet.lang else "()"
    out += [
        f"1. {tongue.say('head.number')}: {number_text(sheet)}",
        f"2. {tongue.say('head.time')}: {moment}",
        f"3. {tongue.say('head.reference')}: {plain.quote(reference)}",
        f"4. {tongue.say('head.message-reference')}: {refs}",
        f"5. {tongue.say('head.content')}",
        *(text for line in page.lines for text in _line(line, tongue)),
        *_texts(f"6. {tongue.say('head.remarks')} {lang}: ", sheet.remarks, ""),
        f"7. {tongue.say('head.end')}: {number_text(sheet)}",
    ]
    return "\n".join(out) + "\n"


def _line(line: Line, tongue: Tongue) -> Iterator[str]:
    indent = _INDENT * len(line.path)
    head = f"{indent}{line.marker} {plain.quote(line.label)}".rstrip()
    if line.answer is None:
        yield head
    elif isinstance(line.answer, Text):
        yield from _texts(f"{head}: ", line.answer.text, indent)
    else:
        value = plain.write(line.answer)
        words = [] if line.said in ("", value) else [line.said]
        doubt = _give_or_take(line.answer)
        if doubt:
            words.append(str(tongue.say("spread", value=doubt)))
        said = f" ({plain.quote('; '.join(words))})" if words else ""
        yield f"{head}: {value}{said}"


def _give_or_take(answer: Answer) -> str:
    """The doubt of a count, a time or a position, with its unit; empty where there is none."""
    match answer:
        case Number(spread=spread) if spread:
            return str(spread)
        case Instant(spread_s=spread) if spread:
            return f"{spread} s"
        case Position(error_m=error) if error:
            return f"{error} m"
    return ""


def _texts(head: str, text: str, indent: str) -> Iterator[str]:
    """A text of several lines: no line of it can be taken for one of the form."""
    first, *rest = [plain.quote(line) for line in text.split("\n")]
    yield head + (first or "[NIL]")
    yield from (f"{indent}| {line}".rstrip() for line in rest)


# ----------------------------------------------------------------------------------------- reading


def read(text: str, packs: Mapping[str, Pack], engine: EngineWords) -> Sheet:
    """Read what ``write`` wrote in any language, or what was copied from it by hand.

    ``packs`` by their tag. Raises ``RemoteError``: ``sheet.truncated`` without the right end,
    ``sheet.heading``, ``sheet.field`` and the other codes of the family ``sheet``.
    """
    parts = _parts(lines_of(text))
    heading = Heading()
    _head(heading, parts)
    pack, form = heading.form_in(packs)
    tongue = Tongue(pack, engine)
    taken = Leaves(pack, form, tongue, {})
    _content(taken, parts["5"][1:])
    return heading.sheet(pack, form, taken)


def _parts(lines: list[str]) -> dict[str, list[tuple[int, str]]]:
    """The lines of each part, with their numbers: ``0`` is the head, ``1`` to ``7`` as numbered."""
    parts: dict[str, list[tuple[int, str]]] = {"0": []}
    now = "0"
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        found = _NUMBERED.match(line)
        if not line or (now == "0" and (line.startswith("*") or ": " not in line)):
            continue  # marks and the banner of an exercise, which the number names too
        if found is not None and (now == "5" or found[1] == str(int(now) + 1)):
            if found[1] != str(int(now) + 1):
                raise refuse("order", number, "comes out of order; have the text form sent again")
            now, line = found[1], found[2]
            parts[now] = []
        parts[now].append((number, line))
    return parts


def _head(heading: Heading, parts: dict[str, list[tuple[int, str]]]) -> None:
    head = [_value(line) for _, line in parts["0"]]
    number = _value(parts.get("1", [(0, "")])[0][1])
    end = parts.get("7", [])
    if len(end) != 1 or _value(end[0][1]) != number or not number:
        raise truncated(number)
    if len(head) != len(_HEAD) or any(len(parts[key]) != 1 for key in "1234"):
        raise refuse("heading", 1, "does not open the heading of four lines; have it sent again")
    heading.precedence, heading.sender = head[0].upper(), head[1].upper()
    heading.to = tuple(one.strip() for one in head[2].upper().split(","))
    heading.form, _, version = head[3].partition(" ")
    heading.version = version.partition(" ")[0]
    heading.number = number
    heading.time = _value(parts["2"][0][1]).partition(" (")[0]
    refs = _value(parts["4"][0][1])
    heading.refs = () if refs.upper() == "[NIL]" else [one.strip() for one in refs.split(";")]
    head_6, _, remarks = parts["6"][0][1].partition("): ")
    heading.lang = head_6.rpartition("(")[2]
    rest = [line.removeprefix("|").strip() for _, line in parts["6"][1:]]
    heading.remarks = "\\n".join(["" if remarks == "[NIL]" else remarks, *rest])


def _value(line: str) -> str:
    return line.partition(": ")[2].strip()


def _content(taken: Leaves, lines: list[tuple[int, str]]) -> None:
    path: tuple[int, ...] = ()
    rows: list[tuple[int, tuple[int, ...], list[str]]] = []
    for number, line in lines:
        if line.startswith("|"):
            if not rows:
                raise refuse("line", number, "continues nothing; have the text form sent again")
            rows[-1][2].append(line.removeprefix("|").strip())
            continue
        found = _MARKER.match(line)
        if found is None or len(found[2] or "") != len(found[4] or ""):
            raise refuse("line", number, "has no marker such as 'A.' or '(a)'; correct it")
        path = _place(found, path, number)
        rows.append((number, path, [found[5] or ""]))
    for number, at, texts in rows:
        if len(at) % 2:
            _take(taken, at, texts, number)


def _place(found: re.Match[str], path: tuple[int, ...], number: int) -> tuple[int, ...]:
    """Where a marker stands, after the line before it stood at ``path``."""
    if found[1]:
        return (number_of(found[1]),)
    depth, body = len(found[2]), found[3]
    keep, one = (2 * depth - 1, int(body)) if body.isdigit() else (2 * depth, number_of(body))
    if len(path) < keep:
        raise refuse("line", number, "stands deeper than the lines above it; correct its marker")
    return (*path[:keep], one)


def _take(taken: Leaves, path: tuple[int, ...], texts: list[str], line: int) -> None:
    field = taken.field(path, line)
    text = _after_label(taken, path, "\\n".join(texts))
    special = _SPECIAL.match(text.upper())
    if special is not None:
        taken.take(path, special[0], line)
    elif field.type is FieldType.GROUP:
        if text:
            raise refuse("field", line, f"gives the group '{field.id}' an answer; take it out")
    elif field.type is FieldType.POSITION:
        taken.take(path, _IN_WORDS.sub("", text), line)
    elif field.type in _WORDY:
        taken.take(path, text, line)
    else:
        value, _, word = text.partition(" (")
        taken.take(path, value, line, word.removesuffix(")"))


def _after_label(taken: Leaves, path: tuple[int, ...], text: str) -> str:
    """What stands behind the label, whatever language that is in."""
    ids, fields = [], taken.form.fields
    for number in path[::2]:
        field: Field = next(one for one in fields if one.number == number)
        ids.append(field.id)
        fields = field.fields
    key = field_key(taken.form, *ids)
    for label in (*taken.tongue.everywhere(key), f"[{key}]"):
        shown = plain.quote(label)
        if text.casefold() == shown.casefold():
            return ""
        if text.casefold().startswith(shown.casefold() + ": "):
            return text[len(shown) + 2 :].strip(" ")
    return text.partition(": ")[2].strip(" ")
