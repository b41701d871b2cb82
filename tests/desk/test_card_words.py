"""Verification of a card: words typed in or a code scanned, and three wrong tries a day."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.desk.desks import Desk, copy, one_object, words
from tests.desk.fours import Four

from tieline.desk.cli import cards, files


@pytest.fixture
def two(tmp_path: Path) -> tuple[Desk, Desk]:
    made = Four(tmp_path)
    for code in ("ALPHA", "BRAVO"):
        made.init(code, "--exercise", "DRILL-1")
    copy(made["BRAVO"].home / "card.tlcard", made["ALPHA"].folder / "bravo.tlcard")
    return made["ALPHA"], made["BRAVO"]


def at_day(desk: Desk, day: int) -> None:
    """The clock of an exercise says which day it is."""
    config = desk.home / "config.toml"
    kept = config.read_text("utf-8").split("\n[exercise]")[0]
    config.write_text(f'{kept}\n[exercise]\ncontrolled_clock = "2022-11-{day:02}T14:40:00Z"\n')


def wrong(desk: Desk, times: int) -> list[str]:
    return [
        desk.run("card", "verify", "bravo.tlcard", "--words", "no such words", "--json").out
        for _ in range(times)
    ]


def test_three_wrong_tries_a_day_and_three_more_the_next_day(two: tuple[Desk, Desk]) -> None:
    alpha, bravo = two
    at_day(alpha, 15)
    assert [text.count("words.wrong") for text in wrong(alpha, 3)] == [1, 1, 1]
    right = ("card", "verify", "bravo.tlcard", "--words", words(bravo), "--json")
    spent = alpha.run(*right)
    assert spent.code == 4
    assert "words.spent" in spent.out
    assert "until tomorrow" in spent.out
    alpha.real = True  # another process is none the wiser
    assert "words.spent" in alpha.run(*right).out
    alpha.real = False
    at_day(alpha, 14)  # nor does a clock that goes back help
    assert "words.spent" in alpha.run(*right).out
    at_day(alpha, 16)
    assert "words.wrong" in wrong(alpha, 1)[0]
    assert alpha.run(*right).code == 0
    assert json.loads((alpha.home / "cards" / "tries.json").read_text("ascii")) == {}


def test_another_card_has_tries_of_its_own(two: tuple[Desk, Desk], tmp_path: Path) -> None:
    alpha, bravo = two
    wrong(alpha, 3)
    other = Four(tmp_path / "others")
    other.init("BRAVO", "--exercise", "DRILL-1")
    copy(other["BRAVO"].home / "card.tlcard", alpha.folder / "other.tlcard")
    alpha.ok("card", "verify", "other.tlcard", "--words", words(other["BRAVO"]))
    spent = alpha.run("card", "verify", "bravo.tlcard", "--words", words(bravo), "--json")
    assert "words.spent" in spent.out


def test_a_scanned_code_stands_for_the_words(two: tuple[Desk, Desk]) -> None:
    alpha, bravo = two
    short = str(one_object(bravo.ok("card", "--json"))["check"])
    assert len(short) < 120
    verify = ("card", "verify", "bravo.tlcard", "--json", "--scanned")
    assert one_object(alpha.ok(*verify, short))["verified"] is True
    alpha.ok(*verify, "bravo.tlcard")  # the code of the whole card, saved to a file
    (alpha.folder / "short").write_text(short + "\n", "ascii")
    alpha.ok(*verify, "short")
    swapped = short[:-1] + ("0" if short[-1] != "0" else "1")
    refused = alpha.run(*verify, swapped)
    assert refused.code == 4
    assert "words.wrong" in refused.out
    assert "card.scanned" in alpha.run(*verify, "TIELINE-CHECK-1 nothing").out
    assert len(json.loads((alpha.home / "cards" / "tries.json").read_text("ascii"))) == 1


def test_a_card_of_two_stations_fits_no_code_and_its_short_one_does(tmp_path: Path) -> None:
    made = Four(tmp_path)
    made.init("BRAVO")
    bravo = made["BRAVO"]
    second = Desk(tmp_path / "second")
    second.real = False
    second.ok(
        "init", "--party", "BRAVO", "--name", "Party Bravo", "--station", "two", "--key-file",
        "--root-from", str(bravo.home), "--officer", "Watch",
    )  # fmt: skip
    refused = second.run("card", "--qr", "card.svg", "--json")
    assert "card.qr" in refused.out
    second.ok("card", "--check-qr", "check.svg")
    assert (second.folder / "check.svg").read_bytes().startswith(b"<?xml")
    card = files.read_card(second.home / "card.tlcard")
    assert len(card.stations) == 2
    assert cards.check_text(card).startswith(cards.CHECK)
