"""How long a FLASH takes from the click that sends it to another party's browser.

Two stations with the same long record and a desk beside each, on one machine. An officer at A sends
the form of a FLASH; B's desk is open in a real Chromium that was armed. Taken, from the moment A's
request is written, by the clock of this machine:

* ``row``: until the row stands in the document of B's watch (``MutationObserver``);
* ``tone``: until the page's alarm output has begun the tone (``AudioBufferSourceNode.start``). The
  browser of the bench has no loudspeaker: what its sound device adds is not in it.

Before each one the last is acknowledged and gone from B's page, and the tone has ended.
"""

from __future__ import annotations

import contextlib
import html
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http.client import HTTPConnection
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

from figures import Json, spread
from tieline.node.client import Client

ROOT = Path(__file__).resolve().parents[1]
MISSING = "no Chromium on this machine, so the FLASH was not timed; install the package chromium"
PATIENCE_S = 120.0
FIELD = re.compile(r"<input type=\"hidden\" name=\"([^\"]+)\" value=\"([^\"]*)\"")
HOOKS = """
(() => {
  window.rows = {}; window.tones = [];
  const all = () => document.querySelectorAll("[data-live=inbound] [data-item]");
  const look = () => { for (const row of all())
    window.rows[row.dataset.item] ??= Date.now(); };
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true});
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (...more) {
    window.tones.push([document.body.dataset.tone, Date.now()]); return start.apply(this, more); };
  look();
})()
"""


class Page(Protocol):
    """A page of the browser that the tests drive (``tests/page/browser.py``)."""

    def go(self, address: str) -> None: ...

    def wait(self, condition: str) -> None: ...

    def value(self, expression: str) -> object: ...

    def call(self, method: str, **params: object) -> object: ...


class Chromium(Protocol):
    """The browser itself."""

    def page(self, *, alone: bool = False) -> AbstractContextManager[Page]: ...


class Sender(Protocol):
    """An officer's plain browser at A (``desk.Visitor``)."""

    connection: HTTPConnection

    @property
    def cookie(self) -> str: ...

    def get(self, path: str) -> tuple[str, float]: ...


@contextlib.contextmanager
def chromium() -> Iterator[Chromium | None]:
    """The browser of the tests, or None where the machine has none."""
    sys.path.insert(0, str(ROOT))
    from tests.page import browser

    if browser.found() is None:
        yield None
        return
    with (
        tempfile.TemporaryDirectory(prefix="tieline-bench-") as folder,
        browser.running(Path(folder)) as started,
    ):
        yield started


def until(there: Callable[[], object]) -> None:
    """Ask until it is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not there():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come")
        time.sleep(0.02)


def login(page: Page, address: str, name: str, password: str) -> None:
    """Log an officer in, in a browser, and let the browser sound."""
    page.go(f"{address}/login")
    for field, value in (("name", name), ("password", password)):
        page.value(f"document.querySelector('[name={field}]').value = '{value}'")
    page.value("document.querySelector('form button').click()")
    page.wait("location.pathname === '/' && document.readyState === 'complete'")
    page.value(HOOKS)
    page.wait("!document.getElementById('arm').hidden")
    place = page.value(
        "(() => { const box = document.getElementById('arm').getBoundingClientRect();"
        " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
    )
    if not isinstance(place, list):
        raise TypeError("the button of the tone stands nowhere")
    for kind in ("mousePressed", "mouseReleased"):  # a real click: a browser sounds after no other
        page.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left",
                  clickCount=1)  # fmt: skip
    page.wait("document.body.dataset.armed === 'yes'")


def form(visitor: Sender, line: str, text: str) -> dict[str, str]:
    """The fields of a FLASH as A's page has them."""
    visitor.connection.close()  # the desk ends one that rests for long; the next request opens it
    page, _ = visitor.get(f"/compose?line={line[:16]}&form=text")
    hidden = {name: html.unescape(value) for name, value in FIELD.findall(page)}
    return {**hidden, "text": text, "precedence": "FLASH", "promised": "one", "do": "send"}


def send(visitor: Sender, line: str, fields: dict[str, str]) -> tuple[float, str]:
    """Send it; when that began (UTC, seconds), and the digest."""
    head = {
        "content-type": "application/x-www-form-urlencoded",
        "origin": f"http://127.0.0.1:{visitor.connection.port}",
        "cookie": visitor.cookie,
    }
    body = urlencode(fields)
    visitor.connection.close()
    visitor.connection.connect()
    begun = time.time()
    path = f"/compose?line={line[:16]}&form=text"
    visitor.connection.request("POST", path, body, head)
    answer = visitor.connection.getresponse()
    answer.read()
    place = str(answer.headers.get("location") or "")
    if not place.startswith("/item/"):
        raise RuntimeError(f"the desk did not send it: {answer.status} {place}")
    return begun, place.removeprefix("/item/")


def at(page: Page, expression: str) -> float:
    """A time that the page has noted (UTC, seconds)."""
    return float(str(page.value(expression))) / 1000


def timed(visitor: Sender, page: Page, at_b: Client, line: str, count: int) -> Json:
    """So many of them; milliseconds."""
    rows: list[float] = []
    tones: list[float] = []
    for turn in range(count):
        fields = form(visitor, line, f"flash {turn} {time.time_ns()}")
        page.wait("document.body.dataset.tone !== 'flash'")
        page.value("window.tones = []")
        begun, digest = send(visitor, line, fields)
        page.wait(f"window.rows['{digest}'] && window.tones.some(([tone]) => tone === 'flash')")
        rows.append(at(page, f"window.rows['{digest}']") - begun)
        tones.append(at(page, "window.tones.find(([tone]) => tone === 'flash')[1]") - begun)
        at_b.call("ack", item=digest, officer="Bench")
        page.wait(f"!document.querySelector('[data-live=inbound] [data-item=\"{digest}\"]')")
    return {"row": spread(rows), "tone": spread(tones), "count": count}
