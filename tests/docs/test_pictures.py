"""Every screen of the desk has its picture, small enough, and shown with words of its own."""

from __future__ import annotations

import re

import pytest
from tests.web.gallery import FOLDER, MOST_BYTES, PICTURES, Picture

PAGE = (FOLDER.parent / "desk.md").read_text("utf-8")


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_screen_has_its_picture_and_its_place_on_the_page(picture: Picture) -> None:
    assert picture.path.is_file(), "make it with pytest tests/web/test_pictures.py --pictures"
    shown = re.findall(rf"!\[([^\]]+)\]\(pictures/{re.escape(picture.path.name)}\)", PAGE)
    assert len(shown) == 1
    assert len(shown[0]) > 20


def test_no_picture_is_too_large_or_of_no_screen() -> None:
    there = {path.name: path.stat().st_size for path in FOLDER.glob("*.png")}
    assert {name: size for name, size in there.items() if size > MOST_BYTES} == {}
    wanted = {picture.path.name for picture in PICTURES}
    assert {name for name in there if name.startswith("desk-")} == wanted
