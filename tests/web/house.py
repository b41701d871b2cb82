"""The house of the desk's tests: two stations, their desks, a real Chromium, officers logged in.

Each test reuses one house of the session (``conftest.py``). A page is a ``Person``: an officer at a
desk in a browser of its own. What a person sees is waited for, never slept for.
"""

from __future__ import annotations

import base64
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from tests.desk import desks
from tests.desk.desks import Desk, environment
from tests.examples import DEAR
from tests.page.browser import Browser, Page
from tests.web import plain

from tieline.desk.web import run, shapes
from tieline.desk.web.officers import Officers

PASSWORD = plain.PASSWORD
ROLES = ("watch-officer", "treaty-officer", "releaser", "administrator", "observer")
# Each language and each theme once: what one of them breaks, it breaks with any of the other.
# In which a test looks at its screens; the row `axe-everywhere` looks at every one, in turn in all.
LOOKS = (("ar", "dark"), ("en", "light"), ("ru", "light"))[: 3 if DEAR else 1]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
THEMES = ("light", "dark")


class Seat:
    """One station's desk process. ``officers``: the name of the officer in each role."""

    def __init__(self, station: Desk, letter: str) -> None:
        self.station = station
        self.officers = {role: f"{role.title()} {letter}" for role in ROLES}
        self.process: subprocess.Popen[str] | None = None
        self.address = ""
        vault = run.vault_of(station.home)  # as the command line does it: test_accounts.py
        for role, name in self.officers.items():
            Officers(vault).add(name, (role,), PASSWORD, time.time_ns() // 1_000_000)
        vault.close()

    def serve(self, port: int = 0, *more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tieline", "desk", "--port", str(port), "--json", *more],
            env=environment(self.station.home, None),
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        assert self.process.stdout is not None
        self.address = json.loads(self.process.stdout.readline())["address"].rstrip("/")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def kill(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """The desk's process stands still meanwhile."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


class Person:
    """An officer at a desk, in a browser of its own."""

    def __init__(self, page: Page, seat: Seat, role: str) -> None:
        self._page, self.seat, self.role = page, seat, role
        self.name = seat.officers[role]
        self._come = True
        self._visitor = plain.Plain(seat)

    @property
    def page(self) -> Page:
        """The page: of the watch, until the officer goes elsewhere."""
        if not self._come:
            self.go("/")
        return self._page

    def go(self, path: str) -> None:
        self._come = True
        self._page.go(self.seat.address + path)

    def enter(self) -> None:
        """Log in without the form, which costs a browser 1 s, and stand before the watch."""
        assert self._visitor.login(self.name).status == 303
        for name, value in self._visitor.cookies.items():
            self._page.call(
                "Network.setCookie", name=name, value=value, url=self.seat.address,
                httpOnly=True, sameSite="Strict",
            )  # fmt: skip
        self._come = False

    def login(self) -> None:
        """Log in as a person does."""
        self.go("/login")
        self.fill(name=self.name, password=PASSWORD)
        self.click("form button")
        self.page.wait("location.pathname === '/' && document.readyState === 'complete'")

    def fill(self, **fields: str) -> None:
        """Type into fields by name; what a page hears of typing it hears of this."""
        for name, value in fields.items():
            self.page.value(
                f"(() => {{ const field = document.querySelector('[name=\"{name}\"]');"
                f" field.value = {json.dumps(value)};"
                " field.dispatchEvent(new Event('input', {bubbles: true}));"
                " field.dispatchEvent(new Event('change', {bubbles: true})); })()"
            )

    def choose(self, selector: str, file: Path) -> None:
        """Choose a file, as the window of the browser would have it done."""
        root = self.page.call("DOM.getDocument", depth=0)["root"]["nodeId"]
        found = self.page.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.page.call("DOM.setFileInputFiles", files=[str(file)], nodeId=found)

    def click(self, selector: str) -> None:
        self.page.value(f"document.querySelector({json.dumps(selector)}).click()")

    def submit(self, selector: str) -> None:
        """Click what sends a form, and wait until its answer stands there."""
        self.page.value("window.before = true")
        self.click(selector)
        self.page.wait("!window.before && document.readyState === 'complete'")

    def sees(self, text: str, within: str = "body") -> None:
        """Wait until a text is to be seen there."""
        self.page.wait(
            f"document.querySelector({json.dumps(within)})?.innerText.includes({json.dumps(text)})"
        )

    def text(self, selector: str = "body") -> str:
        return str(self.page.value(f"document.querySelector({json.dumps(selector)}).innerText"))

    def looks(self, language: str, theme: str) -> None:
        """Like ``manner``, without the form, for who has come in by ``enter``."""
        fields = {"csrf": self._visitor.token, "language": language, "theme": theme, "keys": "yes"}
        assert self._visitor.post("/manner", fields).status == 303

    def manner(self, language: str, theme: str) -> None:
        """How the desk looks to this person from now on."""
        self.go("/manner")
        self.fill(language=language, theme=theme)
        self.submit("form[action='/manner'] button.main")

    def axe(self) -> list[str]:
        """What axe-core finds wrong with the page: nothing, or a line for each."""
        self.page.value(axe_script())
        found = self.page.value(
            "axe.run({runOnly: " + json.dumps(RULES) + ", resultTypes: ['violations'],"
            " selectors: false}).then((done) => done.violations.map("
            "(each) => each.id + ': ' + each.nodes.map((node) => node.html).join(' | ')))"
        )
        return [str(each)[:800] for each in found]

    def complaints(self) -> list[str]:
        """Errors and warnings on the console; a browser's advice on forms is neither."""
        thrown = [str(each) for each in self.page.events("Runtime.exceptionThrown")]
        logged = [each["entry"] for each in self.page.events("Log.entryAdded")]
        return thrown + [str(each) for each in logged if each["level"] != "verbose"]

    def strangers(self) -> list[str]:
        """Addresses outside the desk that the page has asked for."""
        own = ("about:", "data:", self.seat.address)
        return [each for each in self.page.requests() if not each.startswith(own)]

    def picture(self, path: Path, *, width: int = 1280, tall: int = 800) -> None:
        """A picture of the page, as high as it is, or at least ``tall`` pixels."""
        size = {"width": width, "deviceScaleFactor": 1, "mobile": False}
        self.page.call("Emulation.setDeviceMetricsOverride", height=tall, **size)
        high = int(self.page.value("document.documentElement.scrollHeight"))
        # Beyond the window a page from right to left is pictured askew: the window is made as high.
        self.page.call("Emulation.setDeviceMetricsOverride", height=max(high, tall), **size)
        shot = self.page.call("Page.captureScreenshot")
        path.write_bytes(base64.b64decode(shot["data"]))


class House:
    """Two stations ALPHA and BRAVO with a line between them, their desks, one browser."""

    def __init__(self, alpha: Desk, bravo: Desk, browser: Browser) -> None:
        self.alpha, self.bravo, self.browser = alpha, bravo, browser
        self.a, self.b = Seat(alpha, "A"), Seat(bravo, "B")

    @contextlib.contextmanager
    def person(self, seat: Seat, role: str = "watch-officer") -> Iterator[Person]:
        """An officer, logged in, before the watch."""
        with self.browser.page(alone=True) as page:
            person = Person(page, seat, role)
            person.enter()
            yield person

    def flash(self, text: str, **more: Any) -> str:
        """A FLASH from ALPHA, written by one officer and released by another; its digest."""
        draft = self.alpha.call("send", text=text, precedence="FLASH", officer="Writer A", **more)
        done = self.alpha.call("release", draft=draft["draft"], officer="Second A")
        return str(done["item"])

    def message(self, text: str, precedence: str = "ROUTINE", **more: Any) -> str:
        """A message from ALPHA; its digest."""
        done = self.alpha.call("send", text=text, precedence=precedence, officer="Writer A", **more)
        return str(done["item"])

    def hush(self) -> None:
        """Nothing rings at BRAVO any more, and no output of its alarms is known."""
        found = shapes.view(self.bravo.call("alarms"))
        for one in found.views("alarms"):
            if "acknowledge" in one.texts("can"):
                self.bravo.call("ack", item=str(one["item"]), officer="Quiet")
        for one in found.views("outputs"):
            self.bravo.call("output_alive", output=str(one["output"]), gone=True)
        for one in shapes.view(self.bravo.call("alarms")).views("alarms"):
            if "see" in one.texts("can"):
                self.bravo.call("alarm_seen", alarm=shapes.number(one["alarm"]), officer="Quiet")


@contextlib.contextmanager
def living(
    folder: Path,
    browser: Browser,
    packs: tuple[str, ...] = (),
    exercise: str = "",
    covers: Path | None = None,
) -> Iterator[House]:
    """A house in a folder; of an exercise, BRAVO's desk covered by the real station ``covers``."""
    for alpha, bravo in desks.pair(folder, real=False, packs=packs, exercise=exercise):
        house = House(alpha, bravo, browser)
        try:
            house.a.serve()
            house.b.serve(0, *(("--covers", str(covers)) if covers else ()))
            yield house
        finally:
            house.a.kill(signal.SIGKILL)
            house.b.kill(signal.SIGKILL)


@cache
def axe_script() -> str:
    """axe-core, out of the package that brings it along."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
