"""How many bytes each FLASH form and each phrase of the shipped packs takes as a signed statement.

One frame of a narrow carrier has 340 bytes, and a FLASH must fit it. Each form is filled in three
ways: *least*, what it demands; *typical*, every short answer besides, without uncertainty of times
and counts; *full*, these with their uncertainties and longer names. Texts, areas, routes, groups
and hashes are there only where the form demands them. The frame is held against *typical*. The
statement cites what its form must cite and what it answers, and stands deep in the log of a line of
four, where three other logs moved since. A phrase answers another one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence

from tieline.core import statement
from tieline.core.agreement import value
from tieline.core.agreement.message import Values, wire_fields
from tieline.core.agreement.model import Field, FieldType, Form, Pack
from tieline.core.agreement.places import Circle, Position, Route, Waypoint
from tieline.core.statement import Body, Content, Ref
from tieline.core.terms import Kind, RefRole, Role, Rung
from tieline.node import packs

SCHEMA = "tieline-bench-forms-1"
FRAME = 340
OTHER_LOGS = 3
SECONDS = 1_668_523_200
LONG = {FieldType.TEXT, FieldType.GROUP, FieldType.AREA, FieldType.ROUTE, FieldType.HASH}
LEAST, TYPICAL, FULL = WAYS = ("least", "typical", "full")
FULLER: dict[FieldType, value.Answer] = {
    FieldType.TIME: value.Instant(SECONDS, 300),
    FieldType.UNIT: value.Unit("2nd Company, 12th Brigade"),
}
PLAIN: dict[FieldType, value.Answer] = {
    FieldType.TIME: value.Instant(SECONDS),
    FieldType.DATE: value.Day(SECONDS // 86_400),
    FieldType.POSITION: Position(505_123_456, 238_123_456, 100),
    FieldType.AREA: Circle(505_123_456, 238_123_456, 20_000),
    FieldType.ROUTE: Route(
        (Waypoint(505_123_456, 238_123_456, SECONDS), Waypoint(506_123_456, 239_123_456, None))
    ),
    FieldType.UNIT: value.Unit("12 Bde"),
    FieldType.PARTY: value.PartyCode("BRAVO"),
    FieldType.SERIAL: value.Serial(1017),
    FieldType.TEXT: value.Text("One object fell near the border; we look for it."),
    FieldType.HASH: value.Hash(bytes(32)),
}


def filled(pack: Pack, fields: tuple[Field, ...], way: str) -> Values:
    """Answers of a form, filled in one of the three ways."""
    out: dict[int, value.Answer | tuple[Values, ...]] = {}
    for field in fields:
        if not field.required and (way == LEAST or field.type in LONG):
            continue
        if field.type is FieldType.GROUP:
            out[field.number] = (filled(pack, field.fields, way),)
        elif field.type is FieldType.CODE:
            item = pack.codes[field.codes][-1]
            out[field.number] = value.Code(item.number, item.id)
        elif field.type is FieldType.COUNT:
            low, high = field.low or 0, field.high or 13_100
            n = max(low, min(high, 13_100))
            out[field.number] = value.Number(n, 500 if way == FULL else 0)
        else:
            plain = PLAIN[field.type]
            out[field.number] = FULLER.get(field.type, plain) if way == FULL else plain
    return out


def content_of(pack: Pack, form: Form, way: str) -> Content:
    """The statement's content: released by two people, with what the form must cite."""
    roles = [need.role for need in form.predecessors if need.required]
    if (form.answers or form.phrase is not None) and RefRole.ANSWERS not in roles:
        roles.append(RefRole.ANSWERS)
    return Content(
        kind=Kind.MESSAGE,
        precedence=form.precedence,
        role=Role.RELEASER,
        wants=statement.wants_mask((Rung.ACKNOWLEDGED, Rung.READ_BACK)),
        form=pack.form_id(form),
        form_version=pack.version,
        refs=tuple(Ref(bytes([at]) * 32, role) for at, role in enumerate(roles)),
        body=Body(fields=wire_fields(filled(pack, form.fields, way))),
    )


def rows() -> Iterator[dict[str, str | int]]:
    """A row for each FLASH form and each phrase, largest first."""
    found: list[dict[str, str | int]] = []
    for name in packs.shipped():
        pack = packs.find(name)
        for form in pack.sendable():
            if form.flash:
                row: dict[str, str | int] = {"pack": name, "form": pack.form_id(form)}
                for way in WAYS:
                    content = content_of(pack, form, way)
                    row[way] = statement.signed_size(content, other_logs=OTHER_LOGS)
                found.append(row)
    yield from sorted(found, key=lambda row: (-int(row[TYPICAL]), str(row["form"])))


def main(argv: Sequence[str]) -> int:
    """Measure and print; 1 when a form does not fit."""
    parser = argparse.ArgumentParser(
        prog="bench forms", description="size of each FLASH form and phrase as a signed statement"
    )
    parser.add_argument("--json", action="store_true", help="print the result on one line")
    args = parser.parse_args(argv)
    table = list(rows())
    if args.json:
        print(json.dumps({"schema": SCHEMA, "frame": FRAME, "forms": table}))
    else:
        print(f"{LEAST:>8} {TYPICAL:>8} {FULL:>8}  bytes of {FRAME}")
        for row in table:
            figures = " ".join(f"{row[way]:8}" for way in WAYS)
            print(f"{figures}  {row['form']:28} {row['pack']}")
    return int(any(int(row[TYPICAL]) > FRAME for row in table))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
