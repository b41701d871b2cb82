"""The slash text form: sets of fields between slashes, in the public layout of ADatP-3.

One set a line, ``NAME/field/field//``. Nothing in it is in any language but free text, so it is the
form for a teleprinter and for a program at the other end. A field of the form is a set named by its
number and id; a repeat of a group is a set of named fields::

    2EVENT/3//
    4PHASES.1/TROOPS:9000/TANKS:[NOT KNOWN]//

Only what is public of ADatP-3 was used: the shape of sets, and the names MSGID, REF, GENTEXT and
EXER. The fields are this project's own, and no table of the standard stands behind them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from tieline.core.agreement import plain
from tieline.core.agreement.layout import Sheet
from tieline.core.agreement.message import Values
from tieline.core.agreement.model import Field, Pack
from tieline.core.agreement.tongue import EngineWords, Tongue
from tieline.core.agreement.written import (
    Heading,
    Leaves,
    exercise_of,
    lines_of,
    number_text,
    refuse,
    truncated,
    write_ref,
)

_SET: Final = re.compile(r"([0-9A-Z.-]+)((?:/[^/]*)*)//\Z")
_FIELD_SET: Final = re.compile(r"[0-9]+[A-Z][A-Z0-9-]*(?:\.[0-9]+(?:\.[0-9]+[A-Z][A-Z0-9-]*)?)*\Z")
_ONCE: Final = ("MSGID", "PREC", "TO", "DTG")
_OTHERS: Final = ("EXER", "GENTEXT", "ENDMSG")


# ----------------------------------------------------------------------------------------- writing


def write(sheet: Sheet) -> str:
    """The sheet as slash text."""
    out = [_set("EXER", sheet.exercise)] if sheet.exercise else []
    out += [
        _set(
            "MSGID",
            f"{sheet.pack.tag} {sheet.form.id}".upper(),
            sheet.sender,
            number_text(sheet),
            str(sheet.pack.version),
        ),
        _set("PREC", sheet.precedence.name),
        _set("TO", *sheet.to),
        _set("DTG", plain.write_time(sheet.time_ms // 1000)),
        *(_set("REF", *write_ref(ref).split(" ")) for ref in sheet.refs),
        *_sets(sheet.form.fields, sheet.values, ""),
        _set("GENTEXT", "REMARKS", sheet.lang, plain.quote(sheet.remarks, "/")),
        _set("ENDMSG", number_text(sheet)),
    ]
    return "\n".join(out) + "\n"


def _set(name: str, *fields: str) -> str:
    return "/".join((name, *fields)) + "//"


def _sets(known: tuple[Field, ...], values: Values, before: str) -> Iterator[str]:
    """At the top a set for each answer; in a group one set for each repeat."""
    for field in known:
        value = values.get(field.number)
        name = f"{before}{field.number}{field.id.upper()}"
        if isinstance(value, tuple):
            for index, one in enumerate(value, 1):
                yield _set(f"{name}.{index}", *_named(field.fields, one))
                yield from _sets(field.fields, one, f"{name}.{index}.")
        elif value is not None and not before:
            yield _set(name, plain.write(value, "/"))


def _named(known: tuple[Field, ...], values: Values) -> Iterator[str]:
    for field in known:
        value = values.get(field.number)
        if value is not None and not isinstance(value, tuple):
            yield f"{field.id.upper()}:{plain.write(value, '/')}"


# ----------------------------------------------------------------------------------------- reading


def read(text: str, packs: Mapping[str, Pack], engine: EngineWords) -> Sheet:
    """Read what ``write`` wrote. ``packs`` by their tag.

    Raises ``RemoteError``: ``sheet.truncated`` without the right end, and the other codes of the
    family ``sheet``.
    """
    sets = list(_split(lines_of(text)))
    heading = Heading()
    fields = _heading(heading, sets)
    pack, form = heading.form_in(packs)
    taken = Leaves(pack, form, Tongue(pack, engine), {})
    for line, name, parts in fields:
        _take(taken, line, name, parts)
    return heading.sheet(pack, form, taken)


def _split(lines: list[str]) -> Iterator[tuple[int, str, list[str]]]:
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line:
            continue
        found = _SET.match(line)
        if found is None:
            raise refuse("line", number, "is no set that ends with two slashes; have it sent again")
        yield number, found[1], found[2].split("/")[1:]


def _heading(
    heading: Heading, sets: list[tuple[int, str, list[str]]]
) -> list[tuple[int, str, list[str]]]:
    """Read the sets that are no fields of the form; return the others."""
    once: dict[str, list[str]] = {}
    refs, fields = [], []
    for line, name, parts in sets:
        if "ENDMSG" in once:
            raise refuse("order", line, "follows the end marker; read the messages one by one")
        if name == "REF":
            if len(parts) != 2:
                raise refuse("reference", line, "is no role and 16 hexadecimal digits; correct it")
            refs.append(" ".join(parts))
        elif name[0].isdigit():
            fields.append((line, name, parts))
        elif name not in _ONCE and name not in _OTHERS:
            # Whoever wrote it says something by it: that is not to be lost without a word.
            raise refuse("unknown", line, f"is a set {name}, which the form has not; take it out")
        elif name in once:
            raise refuse("twice", line, f"is a second set {name}; take one out")
        else:
            once[name] = parts
    ident, end = once.get("MSGID", []), once.get("ENDMSG", [])
    if len(ident) != 4 or end != ident[2:3]:
        raise truncated("".join(ident[2:3]))
    gentext = once.get("GENTEXT", [])
    if len(gentext) != 3 or any(not once.get(name) for name in _ONCE):
        raise refuse("heading", 1, "opens a heading that lacks a set; have it sent again")
    exercise = exercise_of(ident[2])
    if once.get("EXER", [exercise]) != [exercise]:
        what = "opens a heading of which the number names another exercise, or none"
        raise refuse("heading", 1, f"{what}; have it sent again")
    heading.form, heading.sender, heading.number, heading.version = ident
    heading.form = heading.form.replace(" ", "/", 1)
    heading.precedence = once["PREC"][0]
    heading.to = tuple(once["TO"])
    heading.time = once["DTG"][0]
    heading.refs = refs
    _, heading.lang, heading.remarks = gentext
    return fields


def _take(taken: Leaves, line: int, name: str, parts: list[str]) -> None:
    if not _FIELD_SET.match(name):
        raise refuse("unknown", line, "is no set of a field of the form; correct its name")
    steps = [re.match("[0-9]+", step) for step in name.split(".")]
    path = tuple(int(step[0]) for step in steps if step is not None)
    if len(path) % 2:
        if len(parts) != 1:
            raise refuse("line", line, "has other than one answer; correct it")
        taken.take(path, parts[0], line)
        return
    group = taken.field(path[:-1], line)
    numbers = {field.id.upper(): field.number for field in group.fields}
    for part in parts:
        key, colon, value = part.partition(":")
        if not colon or key not in numbers:
            raise refuse("unknown", line, "names a field that the group has not; correct it")
        taken.take((*path, numbers[key]), value, line)
