"""How many bytes each FLASH form and each phrase of the shipped packs takes as a signed statement.

One frame of a narrow carrier has 340 bytes, and a first report must fit it. A form is filled with
every short answer it has room for, and with those of its long ones (texts, areas, routes, groups)
that it demands: more than an officer in a hurry will say. A phrase answers another one. The
statement stands deep in the log of a line of four, where three other logs moved since.
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
PLAIN: dict[FieldType, value.Answer] = {
    FieldType.COUNT: value.Number(13_100),
    FieldType.TIME: value.Instant(SECONDS, 300),
    FieldType.DATE: value.Day(SECONDS // 86_400),
    FieldType.POSITION: Position(505_123_456, 238_123_456, 100),
    FieldType.AREA: Circle(505_123_456, 238_123_456, 20_000),
    FieldType.ROUTE: Route(
        (Waypoint(505_123_456, 238_123_456, SECONDS), Waypoint(506_123_456, 239_123_456, None))
    ),
    FieldType.UNIT: value.Unit("12th Brigade"),
    FieldType.PARTY: value.PartyCode("BRAVO"),
    FieldType.SERIAL: value.Serial(1017),
    FieldType.TEXT: value.Text("One object fell near the border; we look for it."),
    FieldType.HASH: value.Hash(bytes(32)),
}


def filled(pack: Pack, fields: tuple[Field, ...]) -> Values:
    """Every short field, and the long ones that are demanded."""
    out: dict[int, value.Answer | tuple[Values, ...]] = {}
    for field in fields:
        if field.type in LONG and not field.required:
            continue
        if field.type is FieldType.GROUP:
            out[field.number] = (filled(pack, field.fields),)
        elif field.type is FieldType.CODE:
            item = pack.codes[field.codes][-1]
            out[field.number] = value.Code(item.number, item.id)
        elif field.type is FieldType.COUNT:
            low, high = field.low or 0, field.high or 13_100
            out[field.number] = value.Number(max(low, min(high, 13_100)))
        else:
            out[field.number] = PLAIN[field.type]
    return out


def content_of(pack: Pack, form: Form) -> Content:
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
        body=Body(fields=wire_fields(filled(pack, form.fields))),
    )


def rows() -> Iterator[dict[str, str | int]]:
    """A row for each FLASH form and each phrase, largest first."""
    found = []
    for name in packs.shipped():
        pack = packs.find(name)
        for form in pack.sendable():
            if form.flash:
                size = statement.signed_size(content_of(pack, form), other_logs=OTHER_LOGS)
                found.append({"pack": name, "form": pack.form_id(form), "bytes": size})
    yield from sorted(found, key=lambda row: (-int(row["bytes"]), str(row["form"])))


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
        for row in table:
            print(f"{row['bytes']:4} of {FRAME}  {row['form']:28} {row['pack']}")
    return int(any(int(row["bytes"]) > FRAME for row in table))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
