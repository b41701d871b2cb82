"""The record, its checks, its files and paper, between two stations in a real browser."""

from __future__ import annotations

from tests.web.house import THEMES, House

from tieline.desk.words import LANGUAGES

PAGES = (
    "/record",
    "/record/audit",
    "/record/stories",
    "/record/files",
    "/record/charter",
    "/print",
)


def test_axe_finds_nothing_in_any_language_and_theme(house: House) -> None:
    digest = house.flash("Something to be checked by everybody")
    house.bravo.said("Something to be checked by everybody")
    with house.person(house.b) as bob:
        for number, language in enumerate(LANGUAGES):
            bob.manner(language, THEMES[number % 2])
            for path in (*PAGES, f"/item/{digest}", f"/item/{digest}/check"):
                bob.go(path)
                assert bob.axe() == [], (language, path)
        bob.manner("en", "auto")
        assert bob.complaints() == []
        assert bob.strangers() == []
