"""The start page in the languages of the desk; how it works in a browser is in tests/web."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from starlette.requests import Request

from tieline.desk.words import LANGUAGES, Words
from tieline.exercise import walk
from tieline.exercise.board import Board
from tieline.exercise.deskproc import WebDesk
from tieline.exercise.startpage import StartPage, wanted


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        ("", "", "en"),
        ("", "ar", "ar"),
        ("", "zh-CN,zh;q=0.9,ru;q=0.5,en;q=0.7", "en"),
        ("", "ru;q=0.5,fr-CH;q=0.9", "fr"),
        ("", "de;q=0,it;q=0.1", "it"),
        ("", "de;q=nan,de;q=x,es;q=0.3,,;;=", "es"),
        ("", "en," * 10_000 + "de", "en"),
        ("de", "fr", "de"),
        ("xx", "fr", "fr"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_first_that_the_browser_asks_for(
    chosen: str, accepted: str, language: str
) -> None:
    assert wanted(chosen, accepted) == language


class Played:
    """A play of which nothing has begun."""

    def __init__(self) -> None:
        self.seen = walk.Seen(cuts=1)

    @property
    def desks(self) -> Mapping[str, WebDesk]:
        return {}

    def view(self, words: Words) -> dict[str, object]:
        return {
            "realm": "r",
            "title_said": True,
            "title": "A title",
            "you": "BRAVO",
            "desks": [{"party": "BRAVO", "officers": ["Ada", "Ben"]}],
            "password": "secret-word",
            "steps": walk.steps(Board(("ALPHA", "BRAVO")), self.seen, "BRAVO", words),
            "cut": True,
            "players": [{"party": "BRAVO", "people": True}, {"party": "ALPHA", "people": False}],
            "suggestions": [{"words": "says", "number": 1}],
            "clock": "fast",
            "rate": "2.5",
            "standing": False,
            "h": "H+1",
            "ahead": "H+2, x",
            "story": [{"at": "x", "party": "ALPHA", "what": "y", "where": "z"}],
            "notes": [],
        }

    def order(self, what: str) -> None:
        raise AssertionError(what)

    async def suggest(self, number: int) -> tuple[str, str]:
        raise AssertionError(number)

    def checked(self, name: str, *, good: bool) -> None:
        raise AssertionError(name, good)


def shown(language: str) -> str:
    asked = [(b"accept-language", language.encode())]
    request = Request({"type": "http", "method": "GET", "path": "/", "headers": asked})
    return bytes(StartPage(Played(), 1)._html(request).body).decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_speaks_each_language_and_offers_all(language: str) -> None:
    words, page = Words(language), shown(language)
    assert f'<html lang="{language}" dir="{words.direction}">' in page
    assert "EXERCISE r: NOT REAL" in page  # in every language: whoever looks on must see it
    for one in LANGUAGES:
        assert f'id="language-{one}"' in page
    said = ("start.cut", "start.sit", "start.step3.cut", "start.step5", "start.clock")
    assert all(words.say(key) in page for key in said if key != "start.cut")
    assert words.say("start.clock.fast", rate="2.5") in page
    assert not re.findall(r"start\.(?!css|js)[a-z]", page)
    if language != "en":
        english = Words("en")
        assert all(english.say(key) not in page for key in said)
