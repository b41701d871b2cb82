"""A real Chromium for the tests of the evidence page, driven over its DevTools pipe.

The pipe (``--remote-debugging-pipe``) is two file descriptors, 3 and 4, and JSON messages that end
in a zero byte: no port, no websocket, nothing to install but the browser itself. The browser runs
with a profile of its own in a temporary folder, and with name resolution switched off, so that a
page that tried to reach anything would get nowhere; what it asks for is counted all the same.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

# The one without windows does the same work in two thirds of the processor time of the whole one.
NAMES = (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome",
    "google-chrome-stable", "chrome",
)  # fmt: skip
MISSING = (
    "no Chromium on this machine; install the package chromium-headless-shell, or chromium"
    " (apt-get install chromium), to run the tests in a browser"
)
PATIENCE_S = float(os.environ.get("TIELINE_TEST_PATIENCE_S", "200"))
# How long a page is asked in one go, and how much later its answer counts as lost.
ASKED_S, LOST_S = 5, 20
# Gives the browser its descriptors 3 and 4, and becomes it.
STARTER = (
    "import os, sys; reads, writes = map(int, sys.argv[1:3]);"
    " os.dup2(reads, 3); os.dup2(writes, 4); os.execv(sys.argv[3], sys.argv[3:])"
)


def found() -> str | None:
    """The browser of this machine, if there is one."""
    named = os.environ.get("TIELINE_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


class BrowserError(Exception):
    """The browser ended, said nothing in time, or refused a command."""


class Browser:
    """One browser process, and the events it has sent."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, back: int) -> None:
        self._process, self._to, self._back = process, to, back
        self._rest = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(
        self, method: str, session: str | None = None, patience_s: float = PATIENCE_S, **params: Any
    ) -> dict[str, Any]:
        """Give one command and wait for its answer; events that come meanwhile are kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        deadline = time.monotonic() + patience_s
        while True:
            answer = self._next(deadline, method)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            if "method" in answer:
                self.events.append(answer)

    def _next(self, deadline: float, method: str) -> dict[str, Any]:
        while b"\0" not in self._rest:
            with selectors.DefaultSelector() as selector:
                selector.register(self._back, selectors.EVENT_READ)
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise BrowserError(f"{method}: no answer in time")
            more = os.read(self._back, 1 << 20)
            if not more:
                raise BrowserError(f"{method}: the browser has ended ({self._process.poll()})")
            self._rest += more
        first, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        return message

    @contextmanager
    def page(self, *, alone: bool = False) -> Iterator[Page]:
        """A fresh page; ``alone``: with cookies of its own, as another person's browser has."""
        more = {}
        if alone:
            more = {
                "browserContextId": self.call("Target.createBrowserContext")["browserContextId"]
            }
        target = self.call("Target.createTarget", url="about:blank", **more)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        try:
            page = Page(self, session)
            for domain in ("Page", "Runtime", "Network", "Log"):
                page.call(f"{domain}.enable")
            yield page
        finally:
            self.call("Target.closeTarget", targetId=target)
            if alone:
                self.call("Target.disposeBrowserContext", **more)


class Page:
    """One page of the browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        self._scripts = True

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command to this page."""
        return self._browser.call(method, self._session, **params)

    def open(self, path: Path) -> None:
        """Open a file from disk, and wait until the page says that it is done."""
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait("document.documentElement?.dataset.done === 'yes'")

    def go(self, address: str) -> None:
        """Open an address, and wait until it is loaded."""
        done = self.call("Page.navigate", url=address)
        if done.get("errorText"):
            raise BrowserError(f"{address}: {done['errorText']}")
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def without_scripts(self) -> None:
        """No script of a page runs from now on, as in a browser where it is switched off."""
        self.call("Emulation.setScriptExecutionDisabled", value=True)
        self._scripts = False

    def press(self, key: str) -> None:
        """Press and release one key, as a keyboard does."""
        text = {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 else {}
        code = {"Enter": 13, "Tab": 9, "Escape": 27}.get(key, 0)
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code,
                  **text)  # fmt: skip
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def choose(self, path: Path) -> None:
        """Choose a file in the page's file input, and wait until the page says that it is done."""
        self.value("delete document.documentElement.dataset.done")
        root = self.call("DOM.getDocument", depth=0)["root"]["nodeId"]
        found = self.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(path.resolve())], nodeId=found)
        self.wait("document.documentElement.dataset.done === 'yes'")

    def wait(self, condition: str) -> None:
        """Wait until an expression is true. A promise in the page asks again every 20 ms.

        A document that gives way to the next while it is asked answers with an error, or not at
        all; then the next one is asked.
        """
        deadline = time.monotonic() + PATIENCE_S
        script = (
            condition
            if not self._scripts
            else (
                "new Promise((tell) => { const end = Date.now() + " + str(1000 * ASKED_S) + ";"
                " const ask = () => (" + condition + ") ? tell(true) :"
                " Date.now() > end ? tell(false) : setTimeout(ask, 20); ask(); })"
            )
        )
        while True:
            try:
                if self.value(script, ASKED_S + LOST_S) is True:
                    return
            except BrowserError as error:
                if not any(word in str(error) for word in ("navigated", "destroyed", "in time")):
                    raise
            if time.monotonic() > deadline:
                raise BrowserError(f"never true: {condition}")

    def value(self, expression: str, patience_s: float = PATIENCE_S) -> Any:
        """The value of an expression, after its promise if it is one."""
        done = self._browser.call(
            "Runtime.evaluate", self._session, patience_s,
            expression=expression, awaitPromise=True, returnByValue=True,
        )  # fmt: skip
        if "exceptionDetails" in done:
            details = done["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description", str(details)))
        return done["result"].get("value")

    def events(self, method: str) -> list[dict[str, Any]]:
        """What this page has reported so far under one name."""
        return [
            event["params"]
            for event in self._browser.events
            if event["method"] == method and event.get("sessionId") == self._session
        ]

    def requests(self) -> list[str]:
        """Every address that the page has asked for, itself included."""
        return [each["request"]["url"] for each in self.events("Network.requestWillBeSent")]

    def complaints(self) -> list[str]:
        """Errors on the console: exceptions, and what the content policy refused."""
        thrown = [
            each["exceptionDetails"].get("text", "")
            + each["exceptionDetails"].get("exception", {}).get("description", "")
            for each in self.events("Runtime.exceptionThrown")
        ]
        logged = [each["entry"]["text"] for each in self.events("Log.entryAdded")]
        return thrown + logged

    def picture(self, path: Path, *, width: int = 1000, dark: bool = False, tall: int = 0) -> None:
        """A picture of the page, ``tall`` pixels high or as high as it is."""
        scheme = "dark" if dark else "light"
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=tall or 900, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=not tall)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def running(folder: Path) -> Iterator[Browser]:
    """A browser with its profile in a folder; it is ended at the end."""
    program = found()
    if program is None:
        raise BrowserError(MISSING)
    with tempfile.TemporaryFile() as said, _started(program, folder, said) as browser:
        yield browser


@contextmanager
def _started(program: str, folder: Path, said: IO[bytes]) -> Iterator[Browser]:
    to_read, to_write = os.pipe()
    back_read, back_write = os.pipe()
    options = [
        "--headless", "--remote-debugging-pipe", f"--user-data-dir={folder}", "--no-first-run",
        "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
        "--disable-component-update", "--disable-extensions", "--disable-sync", "--mute-audio",
        "--hide-scrollbars", "--lang=en",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    ]  # fmt: skip
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # Chromium's own sandbox does not run as root
    # Above 9, so that neither is in the place of the other when it takes its own.
    ends = [fcntl.fcntl(each, fcntl.F_DUPFD, 10) for each in (to_read, back_write)]
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER, *map(str, ends), program, *options, "about:blank"],
        pass_fds=ends,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=said,
    )
    for each in (to_read, back_write, *ends):
        os.close(each)
    browser = Browser(process, to_write, back_read)
    try:
        try:
            browser.call("Target.setDiscoverTargets", discover=False)
        except BrowserError as error:
            said.seek(0)
            words = said.read().decode(errors="replace").strip()[-800:]
            raise BrowserError(f"{error}; it said: {words}") from None
        yield browser
    finally:
        try:
            browser.call("Browser.close", patience_s=30)
        except (BrowserError, OSError):
            process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(60)
        os.close(to_write)
        os.close(back_read)


def facts_of(path: Path, profile: Path) -> dict[str, Any] | None:
    """What the page finds in an evidence file on disk; None where there is no browser."""
    if found() is None:
        return None
    with running(profile) as browser, browser.page() as page:
        page.open(path)
        facts: dict[str, Any] = page.value("tielineFacts()")
        return facts
