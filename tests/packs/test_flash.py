"""A form made to be sent as FLASH, and any phrase, fits one frame of a narrow carrier, signed."""

from __future__ import annotations

import pytest
from tests.core.world import START_MS, chaff, kit, write
from tests.packs.test_shipped import SHIPPED, pack
from tests.packs.test_texts import filled

from tieline.core.agreement.message import wire_fields
from tieline.core.agreement.model import Field, FieldType
from tieline.core.statement import Body, Content, Place, Ref, wants_mask
from tieline.core.terms import Kind, RefRole, Role, Rung

FRAME = 340  # bytes
ALPHA = kit("ALPHA").stations[0]
LONG = {FieldType.TEXT, FieldType.GROUP, FieldType.AREA, FieldType.ROUTE, FieldType.HASH}


def typical(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """All short fields, and of the long ones those without which the form is refused."""
    return tuple(each for each in fields if each.required or each.type not in LONG)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_flash_form_with_typical_values_fits_one_frame(name: str) -> None:
    """On a line of four, where three other logs moved since our last statement."""
    made = pack(name)
    place = Place(
        line=chaff("line", 16),
        station=ALPHA.id,
        incarnation=b"\x01" * 8,
        position=1_000_000,
        previous=chaff("previous", 32),
        seen=tuple(sorted(chaff(f"tip {n}", 16) for n in range(3))),
        time_ms=START_MS,
        charter=1,
    )
    for form in made.sendable():
        if not form.flash:
            continue
        content = Content(
            kind=Kind.MESSAGE,
            precedence=form.precedence,
            role=Role.RELEASER,
            wants=wants_mask((Rung.ACKNOWLEDGED, Rung.READ_BACK)),
            form=made.form_id(form),
            form_version=made.version,
            refs=() if form.phrase is None else (Ref(chaff("asked", 32), RefRole.ANSWERS),),
            body=Body(fields=wire_fields(filled(made, typical(form.fields)))),
        )
        size = len(write(ALPHA, "", place, content).raw)
        assert size <= FRAME, (form.id, size)
