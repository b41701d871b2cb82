"""A script to read a form aloud, with a check word after every line.

Coded answers are spelled: digits as words, letters by the spelling alphabet, words of the notation
as they are, a pause (comma) for each space. A listener writes down what is said in capitals; labels
and meanings in round brackets are for the ear and are not read back. The check word of a line is
16 bits of a hash over its field and its answer: a line that was misheard has another one. Three
words at the end stand for the whole script, and the end marker repeats the number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from tieline.core.agreement import plain
from tieline.core.agreement.layout import Page, Sheet
from tieline.core.agreement.model import FieldType, Pack
from tieline.core.agreement.places import Position
from tieline.core.agreement.tongue import EngineWords, Tongue
from tieline.core.agreement.value import Answer, PartyCode, Text, Unit
from tieline.core.agreement.written import (
    Heading,
    Leaves,
    Path,
    leaves,
    lines_of,
    number_text,
    refuse,
    truncated,
    write_ref,
)
from tieline.core.crypto import sha256
from tieline.core.terms import spoken

_DIGITS: Final = (
    "ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE",
)  # fmt: skip
_ALPHABET: Final = (
    "ALFA", "BRAVO", "CHARLIE", "DELTA", "ECHO", "FOXTROT", "GOLF", "HOTEL", "INDIA", "JULIETT",
    "KILO", "LIMA", "MIKE", "NOVEMBER", "OSCAR", "PAPA", "QUEBEC", "ROMEO", "SIERRA", "TANGO",
    "UNIFORM", "VICTOR", "WHISKEY", "XRAY", "YANKEE", "ZULU",
)  # fmt: skip
_SIGNS: Final = {
    ".": "DECIMAL", ",": "NEXT", "-": "DASH", ":": "COLON", "+-": "PLUS-MINUS",
}  # fmt: skip
_SPOKEN: Final = (
    {str(index): word for index, word in enumerate(_DIGITS)}
    | {word[0]: word for word in _ALPHABET}
    | _SIGNS
)
_HEARD: Final = {word: sign for sign, word in _SPOKEN.items()}
# Words of the notation, said as words. None of them is one of the words above.
_WHOLE: Final = frozenset(
    {
        "[NOT",
        "KNOWN]",
        "[WITHHELD]",
        "[NIL]",
        "CIRCLE",
        "RADIUS",
        "POLYGON",
        "ROUTE",
        "AT",
        "EXERCISE",
    }
    | {"ANSWERS", "CORRECTS", "CANCELS", "SUPERSEDES", "PREDECESSOR", "CONCERNS"}
    | set(plain.MONTHS)
)
_PIECE: Final = re.compile(r"\+-|.")
_LINE: Final = re.compile(
    r'FIELD ([A-Z ]+?) \([^()]*\)\. (?:"([^"]*)"|([^"().]*))( DATUM "[^"]*")?( TYPED "[^"]*")?'
    r"(?: \(([^()]*)\))?\. CHECK ([a-z]{5})\Z"
)
_HEAD: Final = re.compile(r"([A-Z]+): ([^\"]*)\. CHECK ([a-z]{5})\Z")
_REMARKS: Final = re.compile(r'REMARKS IN ([A-Za-z0-9-]*): "([^"]*)"\. CHECK ([a-z]{5})\Z')
_ALL: Final = re.compile(r"CHECK ALL: ([a-z]{5}) ([a-z]{5}) ([a-z]{5})\Z")
_ORDER: Final = ("FROM", "TO", "PRECEDENCE", "NUMBER", "TIME", "FORM", "VERSION", "REFERENCES")


# -------------------------------------------------------------------------------------- spelling


def spell(text: str) -> str:
    """Coded text as it is said: ``9000 +-5`` is NINE ZERO ZERO ZERO, PLUS-MINUS FIVE."""
    return ", ".join(_spell_word(word) for word in text.split(" "))


def _spell_word(word: str) -> str:
    if word in _WHOLE:
        return word
    return " ".join(_SPOKEN.get(piece, piece) for piece in _PIECE.findall(word.upper()))


def unspell(text: str) -> str | None:
    """The inverse of ``spell``; ``None`` for a word that is not of the alphabet."""
    out = []
    for group in text.upper().split(", "):
        if group in _WHOLE:
            out.append(group)
            continue
        signs = [_HEARD.get(word) for word in group.split(" ")]
        if None in signs:
            return None
        out.append("".join(sign for sign in signs if sign is not None))
    return " ".join(out)


def check_word(*parts: str) -> str:
    """The word that a listener compares: 16 bits over what was to be written down."""
    return _words("\0".join(parts))[0]


def _words(text: str) -> tuple[str, ...]:
    digest = sha256(b"tieline-radio-v1\0" + text.encode())
    return tuple(spoken(int.from_bytes(digest[at : at + 2], "big")) for at in range(0, 6, 2))


# ----------------------------------------------------------------------------------------- writing


def write(page: Page) -> str:
    """The script. It is to be read slowly, each check word twice."""
    sheet = page.sheet
    out: list[str] = []
    if sheet.exercise:
        out.append(f"EXERCISE EXERCISE EXERCISE {sheet.exercise}")
    facts: list[tuple[str, ...]] = []
    for name, value in _heading(sheet):
        facts.append((name, value))
        shown = value if name in ("FROM", "TO", "PRECEDENCE", "FORM") else spell(value)
        out.append(f"{name}: {shown}. CHECK {check_word(name, value)}")
    for line, answer in leaves(page):
        fact = (_path_text(line.path), plain.write(answer, '"'))
        facts.append(fact)
        label = plain.quote(line.label, '()"')
        out.append(
            f"FIELD {spell_path(line.path)} ({label}). {_say(answer, line.said)} "
            f"CHECK {check_word(*fact)}"
        )
    remarks = plain.quote(sheet.remarks, '"')
    facts.append((sheet.lang, remarks))
    out.append(f'REMARKS IN {sheet.lang}: "{remarks}". CHECK {check_word(sheet.lang, remarks)}')
    out.append("CHECK ALL: " + " ".join(_words("\n".join("\0".join(fact) for fact in facts))))
    out.append(f"END OF MESSAGE NUMBER {spell(number_text(sheet))}")
    return "\n".join(out) + "\n"


def _heading(sheet: Sheet) -> Iterator[tuple[str, str]]:
    values = (
        sheet.sender,
        ", ".join(sheet.to),
        sheet.precedence.name,
        number_text(sheet),
        plain.write_time(sheet.time_ms // 1000),
        sheet.pack.form_id(sheet.form).upper(),
        str(sheet.pack.version),
        " ".join(write_ref(ref) for ref in sheet.refs) or "[NIL]",
    )
    return zip(_ORDER, values, strict=True)


def _say(answer: Answer, said: str) -> str:
    if isinstance(answer, Text | Unit | PartyCode):
        return f'"{plain.write(answer, chr(34))}".'
    text = plain.write(answer, '"')
    tail = ""
    if isinstance(answer, Position):
        at = min(
            (found for found in (text.find(" DATUM "), text.find(" TYPED ")) if found > 0),
            default=len(text),
        )
        text, tail = text[:at], text[at:]
    aside = "" if said in ("", text + tail) else f" ({plain.quote(said, '()' + chr(34))})"
    return f"{spell(text)}{tail}{aside}."


def _path_text(path: Path) -> str:
    return ".".join(str(number) for number in path)


def spell_path(path: Path) -> str:
    """``FOUR ITEM ONE FIELD TWO``: the field, which repeat, the field in it."""
    out = spell(str(path[0]))
    for at, number in enumerate(path[1:], 1):
        out += f" {'ITEM' if at % 2 else 'FIELD'} {spell(str(number))}"
    return out


# ----------------------------------------------------------------------------------------- reading


def read(text: str, packs: Mapping[str, Pack], engine: EngineWords) -> Sheet:
    """Read a script that was written down. ``packs`` by their tag.

    Raises ``RemoteError``: ``sheet.check`` with the line whose check word is another,
    ``sheet.truncated`` without the right end, and the other codes of the family ``sheet``.
    """
    lines = [
        (number, line.strip())
        for number, line in enumerate(lines_of(text), 1)
        if line.strip() and not line.startswith("EXERCISE ")
    ]
    facts: list[tuple[str, ...]] = []
    head = _read_heading(lines, facts)
    if len(lines) < len(_ORDER) + 3:
        raise truncated(head.get("NUMBER", ""))
    end = lines[-1][1].removeprefix("END OF MESSAGE NUMBER ").strip()
    if unspell(end) != head["NUMBER"]:
        raise truncated(head["NUMBER"])
    heading = Heading(
        sender=head["FROM"],
        to=tuple(one.strip() for one in head["TO"].split(",")),
        precedence=head["PRECEDENCE"],
        number=head["NUMBER"],
        time=head["TIME"],
        form=head["FORM"],
        version=head["VERSION"],
        refs=_read_refs(head["REFERENCES"]),
    )
    pack, form = heading.form_in(packs)
    taken = Leaves(pack, form, Tongue(pack, engine), {})
    for number, line in lines[len(_ORDER) : -3]:
        _read_field(taken, number, line, facts)
    _read_remarks(heading, *lines[-3], facts)
    number, line = lines[-2]
    found = _ALL.match(line)
    whole = _words("\n".join("\0".join(fact) for fact in facts))
    if found is None or found.groups() != whole:
        raise refuse("check", number, "has other check words than the lines above; ask again")
    return heading.sheet(pack, form, taken)


def _read_heading(lines: list[tuple[int, str]], facts: list[tuple[str, ...]]) -> dict[str, str]:
    out: dict[str, str] = {}
    for name, (number, line) in zip(_ORDER, lines, strict=False):
        found = _HEAD.match(line)
        if found is None or found[1] != name:
            raise refuse("heading", number, f"does not say {name} with its check word; ask again")
        plainly = name in ("FROM", "TO", "PRECEDENCE", "FORM")
        value = found[2] if plainly else unspell(found[2]) or ""
        _check(number, found[3], name, value)
        facts.append((name, value))
        out[name] = value
    return out


def _check(line: int, heard: str, *parts: str) -> None:
    if check_word(*parts) != heard:
        raise refuse(
            "check", line, "does not give its check word: it was misheard; ask for it again"
        )


def _read_refs(text: str) -> list[str]:
    if text == "[NIL]":
        return []
    words = text.split(" ")
    return [" ".join(words[at : at + 2]) for at in range(0, len(words), 2)]


def _read_field(taken: Leaves, number: int, line: str, facts: list[tuple[str, ...]]) -> None:
    found = _LINE.match(line)
    path = None if found is None else _read_path(found[1])
    if found is None or path is None:
        raise refuse("line", number, "is no line of a field with its check word; ask for it again")
    quoted, spelled, datum, typed, word, heard = (found[at] for at in range(2, 8))
    text = quoted if quoted is not None else unspell(spelled.strip())
    if text is None:
        raise refuse("line", number, "has a word that is not of the spelling alphabet; correct it")
    text += (datum or "") + (typed or "")
    _check(number, heard, _path_text(path), text)
    facts.append((_path_text(path), text))
    coded = taken.field(path, number).type is FieldType.CODE
    taken.take(path, text, number, (word or "") if coded else "")


def _read_path(text: str) -> Path | None:
    """The inverse of ``spell_path``."""
    out: list[int] = []
    for at, part in enumerate(re.split(" ITEM | FIELD ", text)):
        digits = unspell(part)
        if digits is None or not digits.isdecimal() or (at and not out):
            return None
        out.append(int(digits))
    path = tuple(out)
    return path if spell_path(path) == text else None


def _read_remarks(heading: Heading, number: int, line: str, facts: list[tuple[str, ...]]) -> None:
    found = _REMARKS.match(line)
    if found is None:
        raise refuse("line", number, "has no remarks with their check word; ask for it again")
    heading.lang, heading.remarks = found[1], found[2]
    _check(number, found[3], found[1], found[2])
    facts.append((found[1], found[2]))
