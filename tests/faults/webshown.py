"""P10 in a real Chromium: texts that deceive, axe on every screen, secrets nowhere."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import random
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from tests.faults import webfuzz
from tests.faults.floor import PASSWORD, POSTS, Floor, filled, here, stage
from tests.faults.rows import need
from tests.faults.texts import TEXTS, raw
from tests.page import browser as browsers
from tests.page.browser import Browser, Page
from tests.web import house, scenes
from tests.web.plain import Plain
from tests.web.scenes import Scene

from tieline.desk.words import LANGUAGES

THEMES: Final = ("light", "dark")
# Before any script of a page: what would run is counted, and what the policy stops is too.
WATCH: Final = (
    "window.bad = 0; window.stopped = [];"
    " document.addEventListener('securitypolicyviolation',"
    " (event) => window.stopped.push(event.violatedDirective + ' ' + event.sample));"
    " window.alert = window.confirm = window.prompt = () => { window.bad += 1; };"
)

TENTHS: Final = 10
PRINTED: Final = ("item", "incident", "print")  # pages that are read on paper, too

_shown: list[tuple[Browser, tuple[Scene, ...]]] = []


def no_browser() -> str:
    """What is missing for these rows, or nothing."""
    return browsers.MISSING if browsers.found() is None else ""


@contextlib.contextmanager
def screen() -> Iterator[None]:
    """A floor on which all has happened, and a browser before it."""
    if _shown:
        yield
        return
    if missing := no_browser():
        raise RuntimeError(missing)
    with (
        stage(),
        tempfile.TemporaryDirectory(prefix="tieline-faults-", ignore_cleanup_errors=True) as folder,
        browsers.running(Path(folder)) as browser,
    ):
        _shown.append((browser, scenes.play(here())))
        try:
            yield
        finally:
            _shown.pop()


@contextlib.contextmanager
def looking(floor: Floor, browser: Browser, who: Plain) -> Iterator[Page]:
    """A page of somebody; what runs, and what the policy stops, is counted in it."""
    with browser.page(alone=True) as page:
        page.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        for name, value in who.cookies.items():
            page.call("Network.setCookie", name=name, value=value, url=floor.address)
        yield page


def hostile_text(seed: int) -> None:
    """One text in every place that takes words, on a tenth of the screens: harmless."""
    text = TEXTS[seed % len(TEXTS)]
    floor = here()
    browser, _ = _shown[-1]
    # A name in a form takes no control characters: the station refuses them, and free text is left.
    name = "".join(char for char in text if unicodedata.category(char) != "Cc")
    told = scenes.play(floor, text, " ".join(name.split())[:40])
    part = (seed // len(TEXTS) + seed) % TENTHS
    who = floor.visitor(*scenes.ALL)
    with looking(floor, browser, who) as page:
        for number, scene in enumerate(told):
            if number % TENTHS != part and scene.name not in ("watch", *PRINTED):
                continue
            names = [] if not scene.route else webfuzz.of_route(scene.route, "GET")
            names = [name for name in names if name not in ("line", "form", "part")][:12]
            glue = "&" if "?" in scene.path else "?"
            page.go(floor.address + scene.path)
            _harmless(page, f"{scene.path} with {text!r}")
            if scene.name in PRINTED:
                page.call("Emulation.setEmulatedMedia", media="print")
                _harmless(page, f"{scene.path} in print with {text!r}")
                page.call("Emulation.setEmulatedMedia", media="")
            if names:  # what an address says comes back on the page
                sent = urlencode([(name, text) for name in names], errors="surrogatepass")
                page.go(floor.address + scene.path + glue + sent)
                _harmless(page, f"{scene.path}{glue}{sent[:200]}")
        for path in (f"/{quote(text[:80])}", f"/login?to={quote(text)}", f"/?part={quote(text)}"):
            page.go(floor.address + path)
            _harmless(page, path)
    own = ("about:", "data:", floor.address)
    asked = [each for each in page.requests() if not each.startswith(own)]
    need(not asked, f"{text!r} made the browser ask for {asked}")


def _harmless(page: Page, how: str) -> None:
    bad, stopped, seen, where = page.value(
        "[window.bad, window.stopped, document.documentElement.innerText, location.origin]"
    )
    need(bad == 0, f"{how}: script has run")
    need(stopped == [], f"{how}: the policy had to stop {stopped}")
    controls = raw(seen, also="\n\t")
    need(not controls, f"{how}: raw controls {controls}")
    need("evil.example" not in where, f"{how}: it leads away")
    hidden = page.value("getComputedStyle(document.body).display === 'none'")
    need(not hidden, f"{how}: the page is hidden")


# ---------------------------------------------------------------------------------------- axe

LOOKS: Final = tuple((language, theme) for language in LANGUAGES for theme in THEMES)
SCENES: Final = 49
MATRIX: Final = SCENES * len(LOOKS)


def accessible(seed: int) -> None:
    """One screen in one language and theme: axe finds nothing. The diagonal comes first."""
    floor = here()
    browser, told = _shown[-1]
    need(len(told) == SCENES, f"there are {len(told)} scenes, and the row is made for {SCENES}")
    scene = told[seed % SCENES]
    language, theme = LOOKS[(seed + seed // SCENES) % len(LOOKS)]
    who = floor.visitor(*scene.roles) if scene.roles else Plain(floor)
    if scene.roles:
        floor.within(_manner(floor, scene.roles, language, theme))
    with looking(floor, browser, who) as page:
        media = [{"name": "prefers-color-scheme", "value": theme}]
        page.call("Emulation.setEmulatedMedia", features=media)
        more = {"Accept-Language": language}
        page.call("Network.setExtraHTTPHeaders", headers=more)
        page.go(floor.address + scene.path)
        page.value(house.axe_script())
        found = page.value(
            "axe.run({runOnly: " + json.dumps(house.RULES) + "}).then((done) => done.violations"
            ".map((each) => each.id + ': ' + each.nodes.map((node) => node.html).join(' | ')))"
        )
        need(not found, f"{scene.name} [{theme} {language}]: {found}"[:900])
        lang = page.value("document.documentElement.lang")
        need(lang == language, f"{scene.name} is in {lang} and not in {language}")


async def _manner(floor: Floor, roles: tuple[str, ...], language: str, theme: str) -> None:
    people = floor.desk.officers
    (one,) = [each for each in people.all() if each.roles == roles]
    people.set_manner(one, language=language, theme=theme, keys=True)


# ------------------------------------------------------------------------------------ secrets


def secret(seed: int) -> None:
    """Words that only their owner may know, typed into one form: nowhere afterwards."""
    floor = here()
    chance = random.Random(f"secret {seed}")
    path = POSTS[seed % len(POSTS)]
    who = floor.fresh(*scenes.ALL)
    planted = f"canary-{chance.getrandbits(64):x}"
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    logging.getLogger().addHandler(handler)
    try:
        fields = dict.fromkeys(
            ("password", "own_password", "other_password", "second_password", "old", "new", "code"),
            planted,
        )
        more = {"heard": "yes", "incoming": "Treaty-Officer", "second": "Administrator",
                "officer": "1", "party": "ALPHA", "csrf": who.token}  # fmt: skip
        said = [who.post(filled(path), fields | more).text]
        stranger = Plain(floor)
        stranger.take(stranger.get("/login"))
        login = {"csrf": "x", "name": "Observer", "password": planted, "code": planted[:16]}
        said.append(stranger.post("/login", login).text)
        reader = floor.fresh("administrator")
        logged = reader.get("/officers/log")
        need(logged.status == 200, f"the log of who did what: {logged.status}")
        said += [logged.text, *(reader.get(page).text for page in ("/account", "/admin", "/"))]
    finally:
        logging.getLogger().removeHandler(handler)
    floor.within(_unlocked(floor))
    keys = floor.bravo.seat.keys
    cookie = who.cookies[floor.desk.cookie]
    hidden = {
        "a password": planted.encode(), "an officer's password": PASSWORD.encode(),
        "the name of a session": cookie.encode(), "the desk's key": keys.desk_key,
        "the record's key": keys.db_key,
    }  # fmt: skip
    written = {str(file): file.read_bytes() for file in floor.place.rglob("*") if file.is_file()}
    told = {"an answer": "".join(said).encode(), "the log": heard.getvalue().encode(), **written}
    for where, data in told.items():
        for what, value in hidden.items():
            for form in (value, value.hex().encode(), value.decode("latin-1").encode("utf-16-le")):
                need(form not in data, f"POST {path}: {what} stands in {where}")


async def _unlocked(floor: Floor) -> None:
    for one in floor.desk.officers.all():
        floor.desk.officers.unlock(one.name)
