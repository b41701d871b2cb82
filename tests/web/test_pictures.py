"""Pictures of every screen for ``docs``, made only with ``--pictures``; how small they are kept."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.faults.floor import PASSWORD, Floor
from tests.page.browser import Browser, Page
from tests.web import gallery, scenes
from tests.web.gallery import HEIGHT, PICTURES, WIDTH, Picture
from tests.web.plain import Plain
from tests.web.scenes import ALL

VIEWER, INCOMING, SECRET = "B. Ruiz", "T. Vale", b"12345678901234567890"
# At sea: a map in the documentation names no state.
PLACES = ("38.47N 40.93W +-200 M", "38.49N 40.93W +-300 M")
WORDS = "Two ships lie close to the buoy. We ask you to look on your side."
STAFF = ("watch-officer", "treaty-officer", "releaser", "administrator")


def test_a_picture_with_a_table_of_colours_is_the_same_picture() -> None:
    wide, high = 7, 5
    dots = [bytes(((x * 30) & 255, (y * 50) & 255, 128)) for y in range(high) for x in range(wide)]
    rows = b"".join(b"\0" + b"".join(dots[y * wide : (y + 1) * wide]) for y in range(high))
    head = struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    plain = b"\x89PNG\r\n\x1a\n" + b"".join(gallery._chunk(*part) for part in parts)
    assert gallery.pixels(plain) == (wide, high, b"".join(dots))
    small = gallery.shrunk(plain)
    assert small[25] == 3  # its colours stand in a table
    table = small.partition(b"PLTE")[2]
    body = zlib.decompress(small.partition(b"IDAT")[2])
    again = [table[3 * at : 3 * at + 3] for at in body]
    rows_again = [again[y * (wide + 1) + 1 : (y + 1) * (wide + 1)] for y in range(high)]
    assert [dot for row in rows_again for dot in row] == dots
    few = gallery.shrunk(plain, 4)
    assert len(few.partition(b"PLTE")[2].partition(b"IDAT")[0]) == 4 * 3 + 8


@pytest.fixture
def asked(request: pytest.FixtureRequest) -> tuple[Picture, ...]:
    """The pictures that this run is to make."""
    some = request.config.getoption("--picture")
    if not some and not request.config.getoption("--pictures"):
        pytest.skip("pictures for the documentation are made with --pictures")
    return tuple(one for one in PICTURES if not some or one.name in some)


@pytest.mark.timeout(1_200)
# A page that is gone leaves its stream of events to the end of the loop.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_pictures_of_the_documentation_are_made(
    asked: tuple[Picture, ...], browser: Browser
) -> None:
    with standing() as floor:
        known = {scene.name: scene for scene in played(floor)}
        line = scenes._line(floor)
        who = floor.fresh(*STAFF)
        for picture in asked:
            if picture.scene:
                scene = known[picture.scene]
                with at_desk(browser, floor, who if scene.roles else None) as page:
                    page.go(floor.address + scene.path)
                    take(page, picture)
        for picture in wanted(asked, "compose"):
            with at_desk(browser, floor, who) as page:
                written(page, f"{floor.address}/compose?line={line}&form=in/account")
                take(page, picture)
        for picture in wanted(asked, "login-second"):
            with at_desk(browser, floor, None) as page:
                second_step(page, floor)
                take(page, picture)
        for picture in wanted(asked, "degraded"):
            with at_desk(browser, floor, who) as page:
                floor._there.do(floor._api.stop())
                page.go(floor.address + "/")
                page.wait("document.body?.innerText.includes('STATION DOWN') === true")
                take(page, picture)
    for picture in wanted(asked, "exercise"):
        with standing("SPRING-1") as drill:
            played(drill)
            with at_desk(browser, drill, drill.fresh(*STAFF)) as page:
                page.go(drill.address + "/exercise")
                take(page, picture)


def played(floor: Floor) -> tuple[scenes.Scene, ...]:
    return scenes.play(floor, WORDS, "North buoy", PLACES)


def wanted(asked: tuple[Picture, ...], name: str) -> list[Picture]:
    """That picture, if this run is to make it."""
    return [one for one in asked if one.name == name]


@contextmanager
def standing(realm: str = "") -> Iterator[Floor]:
    """A floor whose officers have names that are no roles."""
    with TemporaryDirectory(prefix="tieline-") as folder:  # what is seen has no other name
        yield from _standing(Floor(Path(folder), realm=realm))


def _standing(floor: Floor) -> Iterator[Floor]:
    floor.bravo.host._names = ("BRAVO", "ops")  # as the command gives them to a station

    async def named_people() -> None:
        people, now = floor.desk.officers, floor.now_ms()
        people.add("A. Okafor", ALL, PASSWORD, now)
        people.add(VIEWER, STAFF, PASSWORD, now)
        people.add(INCOMING, ("watch-officer", "releaser"), PASSWORD, now)

    floor.within(named_people())
    floor.officers["treaty-officer"] = INCOMING
    try:
        yield floor
    finally:
        floor.close()


@contextmanager
def at_desk(browser: Browser, floor: Floor, who: Plain | None) -> Iterator[Page]:
    """A page of the browser, for an officer who is logged in, or for nobody yet."""
    with browser.page(alone=True) as page:
        for name, value in (who.cookies if who else {}).items():
            page.call("Network.setCookie", name=name, value=value, url=floor.address)
        yield page


def written(page: Page, address: str) -> None:
    """An account is filled in, and its message stands beside."""
    page.go(address)
    fields = {"a:what[1].is": "1", "a:when[1].is": "now-10min", "a:where[1].is": "38.47N 40.93W"}
    page.value("for (const each of document.querySelectorAll('details[id^=f-]')) each.open = 1")
    for name, value in fields.items():
        page.value(
            f"(() => {{ const field = document.querySelector('[name=\"{name}\"]');"
            f" if (field) field.value = {json.dumps(value)}; }})()"
        )
    page.value(
        "window.before = true; document.querySelector('button[value=preview]:not(.unseen)').click()"
    )
    page.wait("!window.before && document.readyState === 'complete'")


def second_step(page: Page, floor: Floor) -> None:
    """Somebody with a code gives the password, and is asked for the code."""

    async def factor() -> None:
        officer = floor.desk.officers.named(INCOMING)
        floor.desk.vault.do(
            "INSERT INTO credential (officer, kind, name, body, made_ms, used)"
            " VALUES (?, 'totp', '', ?, ?, 0)",
            officer.id, SECRET, floor.now_ms(),
        )  # fmt: skip

    floor.within(factor())
    page.go(floor.address + "/login")
    page.value(
        f"document.querySelector('[name=name]').value = {json.dumps(INCOMING)};"
        f" document.querySelector('[name=password]').value = {json.dumps(PASSWORD)};"
        " window.before = true; document.querySelector('form button').click()"
    )
    page.wait("!window.before && document.readyState === 'complete'")


def take(page: Page, picture: Picture) -> None:
    """Keep what one window shows of the page."""
    page.call(
        "Emulation.setDeviceMetricsOverride",
        width=picture.width, height=HEIGHT, deviceScaleFactor=1, mobile=picture.width < WIDTH,
    )  # fmt: skip
    if picture.paper:
        page.call("Emulation.setEmulatedMedia", media="print")
    if picture.do:
        page.value(picture.do)
    if picture.at:
        page.wait(f"document.querySelector({json.dumps(picture.at)}) !== null")
        page.value(f"document.querySelector({json.dumps(picture.at)}).scrollIntoView()")
    # Two frames: what the window's new size moves has moved.
    page.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shot = page.call("Page.captureScreenshot")
    data = gallery.kept(base64.b64decode(shot["data"]))
    gallery.FOLDER.mkdir(exist_ok=True)
    picture.path.write_bytes(data)
