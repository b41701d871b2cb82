"""Doubts about a list, said at the desk in each of its languages."""

from __future__ import annotations

import pytest

from tieline.desk.web import listed
from tieline.desk.words import LANGUAGES, Words
from tieline.node.sitelist import Doubt, Site, findings

NORTH = 153_500_000, 442_000_000
SITES = (
    Site(2, "Clinic", NORTH, 100),
    Site(3, "clinic", (NORTH[0] + 300_000, NORTH[1]), 100),
    Site(4, "Depot", (NORTH[0] + 1_000, NORTH[1]), 100),
    Site(5, "School", (NORTH[1], NORTH[0]), 100),
    Site(6, "Far north", (1_200_000_000, 400_000_000), 100),
    Site(7, "", None, 100),
    Site(8, "Mill", (NORTH[0] + 600_000, NORTH[1]), None),
    Site(9, "Well", (NORTH[0] + 900_000, NORTH[1]), 120),
    Site(10, "Farm", (NORTH[0], NORTH[1] + 900_000), 1),
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_doubt_is_said_with_its_numbers(language: str) -> None:
    found = findings(SITES, 100, 90)
    assert {one.doubt for one in found} == set(Doubt)
    said = {(one.row, one.detail): listed.doubt(one, Words(language)) for one in found}
    assert len(set(said.values())) == len(found) == 9
    for (row, detail), text in said.items():
        assert "{" not in text, row
        for number in filter(str.isdigit, detail.replace("/", " ").split()):
            assert number in text, row
