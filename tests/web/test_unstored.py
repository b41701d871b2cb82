"""What has arrived and is not stored yet, at the desk of a station with a slow disk."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from tests.faults.floor import WAIT_S, Floor
from tests.node.slowstore import Slow, beside_of

from tieline.core.journal import FactKind
from tieline.core.terms import Precedence
from tieline.desk.web import link as weblink
from tieline.desk.web.link import StationLink
from tieline.desk.web.ringing import AGAIN_S, ASK_S, Ringing
from tieline.desk.web.shapes import View
from tieline.desk.words import LANGUAGES, Words
from tieline.node import beside
from tieline.node.client import ApiDown

TITLE = "FLASH from ALPHA has arrived and is not yet stored: the disk is slow"
SCREENS = ("/", "/alarms", "/record", "/drafts", "/compose")


@pytest.fixture
def floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Floor, Slow]]:
    """A floor whose BRAVO has a disk as slow as the test wants, and is impatient with it.

    For statements only: a hand-over or a note that comes just before one would be waited for.
    """
    monkeypatch.setattr(beside, "LATE_S", 0.0)
    disk = Slow(lambda fact: fact.kind is FactKind.STATEMENT)
    floor = Floor(tmp_path, disk)
    floor.settle()

    async def slow() -> None:
        floor._api._acts = beside_of(floor.bravo.host, disk)

    floor._there.do(slow())
    try:
        yield floor, disk
    finally:
        disk.go_on.set()
        floor.close()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end, "it did not come to that"


def storing_ms(floor: Floor) -> int:
    """For how long the commit under way has taken."""
    return int(str(floor.within(floor.desk.link.call("status", {}))["storing_ms"]))


def rings(floor: Floor) -> tuple[object, object]:
    """What browsers are to sound."""

    async def ask() -> tuple[object, object]:
        message = floor.desk.ringing.message()
        return message["tone"], message["sounding"]

    return floor.within(ask())


def test_a_flash_is_on_every_screen_before_it_is_stored_and_rings_once(
    floor: tuple[Floor, Slow],
) -> None:
    there, disk = floor
    officer = there.visitor("watch-officer")

    def frame(screen: str = "/") -> str:
        return officer.get(f"{screen}?part=frame").text.replace("<bdi>", "").replace("</bdi>", "")

    there.within(there.desk.link.call("alarms", {"limit": 1}))  # as its browsers do, over and over
    disk.go_on.clear()
    said = asyncio.run_coroutine_threadsafe(
        there.alpha.say("stop <all>", Precedence.FLASH), there._there.loop
    )
    until(lambda: TITLE in frame())
    for screen in SCREENS:
        part = frame(screen)
        assert TITLE in part
        assert "stop &lt;all&gt;" in part
        assert "/item/" not in part
    until(lambda: rings(there)[0] == "flash")
    early = rings(there)
    disk.go_on.set()
    said.result(WAIT_S)
    until(lambda: TITLE not in frame())
    assert rings(there) == early
    page = officer.get("/").text
    assert len(re.findall(r'data-item="[0-9a-f]+"[^>]*data-loud', page)) == 1
    there.settle()
    assert rings(there) == early


def test_a_page_that_waits_for_the_disk_says_so_and_calls_no_station_down(
    floor: tuple[Floor, Slow], monkeypatch: pytest.MonkeyPatch
) -> None:
    there, disk = floor
    officer = there.visitor("watch-officer")
    there.within(there.desk.link.call("alarms", {"limit": 1}))  # as its browsers do
    # What the station's state was before the page waited is known, and not what the page says.
    monkeypatch.setattr(weblink, "STALE_MS", 600_000)
    disk.go_on.clear()
    asyncio.run_coroutine_threadsafe(there.alpha.say("stop", Precedence.FLASH), there._there.loop)
    until(
        lambda: TITLE in officer.get("/?part=frame").text.replace("<bdi>", "").replace("</bdi>", "")
    )
    until(lambda: officer.get("/?part=frame").status == 200 and storing_ms(there) >= 1_000)
    monkeypatch.setattr(weblink, "PATIENCE_S", 2.0)
    answer = officer.get("/record")
    assert answer.status == 503
    assert "THE DISK IS SLOW" in answer.text
    assert "Do not start it again" in answer.text
    assert "STATION DOWN" not in answer.text
    assert "tieline serve" not in answer.text
    disk.go_on.set()
    until(lambda: officer.get("/record").status == 200)


def test_questions_that_wait_for_the_disk_stand_before_nothing_that_does_not(
    floor: tuple[Floor, Slow],
) -> None:
    there, disk = floor
    link = there.desk.link
    disk.go_on.clear()
    said = asyncio.run_coroutine_threadsafe(there.alpha.say("it waits"), there._there.loop)
    until(lambda: there.bravo.host.gate.shut)

    async def ask() -> bool:
        asked = [asyncio.create_task(link.call("log", {"limit": n})) for n in range(1, 100)]
        await asyncio.sleep(0)
        status = await link.call("status", {})
        waits = not any(each.done() for each in asked)
        disk.go_on.set()
        await asyncio.gather(*asked)
        return waits and status["realm"] == ""

    assert there.within(ask())
    said.result(WAIT_S)


def test_what_rings_does_not_fall_silent_while_the_disk_holds_up_the_question() -> None:
    class Link:
        alive = True
        answer: View | None = View({"tone": "flash", "sounding": [7]})

        async def call(self, _act: str, _args: object) -> View:
            if self.answer is None:
                raise ApiDown("not in time")
            return self.answer

        def forget(self, _acts: object) -> None: ...

        def tell(self, _event: object) -> None: ...

    async def story() -> None:
        link = Link()
        ringing = Ringing(cast("StationLink", link))
        await ringing._ask()
        link.answer = None
        assert await ringing._ask() == AGAIN_S
        assert (ringing.message()["tone"], ringing.message()["sounding"]) == ("flash", [7])
        link.alive = False  # then a page says so, and sounds that
        assert await ringing._ask() == ASK_S
        assert ringing.message()["tone"] == ""

    asyncio.run(story())


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_the_words_with_the_party_and_the_rank(language: str) -> None:
    words = Words(language)
    for key in ("desk.unstored.title", "desk.why.unstored"):
        said = words.say(key, party="ALPHA", rank="FLASH")
        assert "ALPHA" in said
        assert "FLASH" in said
    assert "ALPHA" in words.say("desk.unstored.what", party="ALPHA")
