"""While the station reads a long record, each page of the desk says so, until it is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.desk.web import frame, live
from tieline.desk.web.link import StationLink
from tieline.desk.web.shapes import view
from tieline.desk.words import LANGUAGES, Words
from tieline.node.view import Json


def test_pages_hear_how_far_it_is_and_fetch_all_anew_when_it_is_done() -> None:
    link = StationLink(Path("nowhere"))
    with link.listening() as listener:
        steps: tuple[Json, ...] = ({"read": 1, "of": 9}, {"read": 1, "of": 9}, {"read": 8}, None)
        for reading in steps:
            link._read_on(reading)
        told = [listener.queue.get_nowait() for _ in range(listener.queue.qsize())]
    assert [live.topics(one or {}) for one in told] == [["reading"], ["reading"], ["everything"]]


def test_the_line_sums_all_that_is_being_read_and_is_none_otherwise() -> None:
    lines = [view({"reading": {"read": 2, "of": 9}}), view({"reading": None}), view({})]
    assert frame.reading(lines) == {"read": 2, "of": 9}
    assert frame.reading(lines[1:]) is None


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_page_and_list_has_words_for_it(language: str) -> None:
    said = Words(language).say("desk.reading", read="34000", of="100000")
    assert "34000" in said
    assert "100000" in said
    for name, regions in (("base", 1), ("watch", 2), ("agreements", 6), ("incidents", 1)):
        text = (frame.TEMPLATES / f"{name}.html").read_text(encoding="utf-8")
        assert text.count("if frame.reading") >= regions, name
