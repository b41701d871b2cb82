"""What a value of a pack means that says nothing of itself."""

from __future__ import annotations

from dataclasses import MISSING, fields

from tests.core.agreement.test_vocabulary import SHAPES

from tieline.core.agreement.shapes import REQUIRED


def test_what_is_left_out_in_a_file_is_what_is_left_out_in_a_value() -> None:
    """Who makes a rule by hand and who writes it in a file mean the same by saying nothing."""
    seen = 0
    for shape in SHAPES:
        made = {each.name: each for each in fields(shape.make) if each.default is not MISSING}  # type: ignore[arg-type]
        for key in shape.keys:
            if len(key.attrs) == 1 and key.attrs[0] in made and key.default is not REQUIRED:
                assert made[key.attrs[0]].default == key.default, (shape.name, key.name)
                seen += 1
    assert seen > 40
