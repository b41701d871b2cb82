"""What works on, and what the desk says, when script, stream, disk or station fail."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.faults.floor import Floor
from tests.page.browser import Browser
from tests.store.samples import KEY
from tests.store.test_full import no_room, volume
from tests.web.house import House, Person

from tieline.store.sqlite import SqliteStore

__all__ = ["volume"]  # a fixture


@contextlib.contextmanager
def still(house: House) -> Iterator[None]:
    """BRAVO's station stands still meanwhile; its desk goes on."""
    process = house.bravo.station
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def test_when_its_script_does_not_come_a_page_says_so_and_acknowledges(house: House) -> None:
    digest = house.message("Read while the script is gone", "PRIORITY")
    house.bravo.said("Read while the script is gone")
    with house.person(house.b) as bob:
        bob.page.call("Network.setBlockedURLs", urls=["*desk.js*"])
        bob.go(f"/item/{digest}")
        bob.page.wait("getComputedStyle(document.getElementById('quiet')).visibility === 'visible'")
        bob.sees("does not renew itself", "#quiet")
        bob.submit("#acknowledge button")
        assert "Acknowledged by us" in bob.text("#acknowledge")


def test_when_the_stream_is_blocked_the_page_asks_and_says_so(house: House) -> None:
    with house.person(house.b) as bob:
        bob.page.call("Network.setBlockedURLs", urls=["*/events*"])
        bob.go("/")
        bob.page.wait("document.body.dataset.polling === 'yes'")
        assert bob.page.value("document.getElementById('dead').hidden") is True
        assert "stream of events is blocked" in bob.text("#poll")
        digest = house.message("Came while the stream was blocked", "PRIORITY")
        bob.sees("Came while the stream was blocked", "[data-live=inbound]")
        bob.go(f"/item/{digest}")
        bob.submit("#acknowledge button")
        assert "Acknowledged by us" in bob.text("#acknowledge")


def test_when_the_station_stands_still_the_page_says_what_does_not_work(house: House) -> None:
    digest = house.message("Before it stood still", "PRIORITY")
    house.bravo.said("Before it stood still")
    with house.person(house.b) as bob:
        bob.go("/")
        bob.sees("Before it stood still")
        with still(house):
            bob.sees("STATION DOWN")
            bob.sees("Nothing can be sent or received")
            bob.go(f"/item/{digest}")
            assert "STATION DOWN" in bob.text()
        bob.page.wait("document.body?.innerText.includes('STATION DOWN') === false")
        bob.go(f"/item/{digest}")
        bob.submit("#acknowledge button")
        assert "Acknowledged by us" in bob.text("#acknowledge")


@contextlib.contextmanager
def full(house: House) -> Iterator[None]:
    """No file of BRAVO's station takes a byte more meanwhile; there is no reserve left, either."""
    assert house.bravo.station is not None
    number = house.bravo.station.pid
    _, hard = resource.prlimit(number, resource.RLIMIT_FSIZE)
    resource.prlimit(number, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(number, resource.RLIMIT_FSIZE, (hard, hard))


def test_without_any_room_an_officer_reads_on_and_hears_that_nothing_was_sent(
    house: House,
) -> None:
    digest = house.message("Read while there is no room", "PRIORITY")
    house.bravo.said("Read while there is no room")
    with house.person(house.b) as bob, house.browser.page(alone=True) as page:
        page.without_scripts()
        nora = Person(page, house.b, "releaser")
        nora.login()
        bob.page.call("Network.setBlockedURLs", urls=["*/events*"])
        with full(house):
            for one in (bob, nora):
                one.go(f"/item/{digest}")
                assert "Read while there is no room" in one.text()
                one.submit("#acknowledge button")
                assert "DISK IS FULL: reading works" in one.text()
                assert "Acknowledged by us" not in one.text()
                one.go("/record")
                assert "Read while there is no room" in one.text()
        house.bravo.until(lambda event: event.get("code") == "store.was_full")
        nora.go(f"/item/{digest}")
        assert "DISK IS FULL" not in nora.text()
        nora.submit("#acknowledge button")
        assert "Acknowledged by us" in nora.text("#acknowledge")


def test_on_a_full_disk_the_room_that_is_kept_back_carries_an_acknowledgement(
    volume: Path, browser: Browser, tmp_path: Path
) -> None:
    (volume / "store").mkdir()
    store = SqliteStore.create(volume / "store" / "store.db", KEY)
    floor = Floor(tmp_path, store)
    floor.bravo.host._names = ("BRAVO", "ops")
    try:
        digest = floor.hears("Read on a full disk", precedence="PRIORITY")
        no_room(volume)
        with browser.page(alone=True) as page:
            page.without_scripts()
            nora = Person(page, floor, "watch-officer")  # type: ignore[arg-type]
            nora.login()
            nora.go(f"/item/{digest}")
            assert "Read on a full disk" in nora.text()
            nora.submit("#acknowledge button")
            assert "Acknowledged by us" in nora.text("#acknowledge")
        floor.settle()
        heard = floor.call("item", item=digest, at=floor.alpha)
        assert '"acknowledged"' in json.dumps(heard["ladder"])
        assert store.room().reserve == 0
    finally:
        floor.close()
        store.close()


class Stranger(BaseHTTPRequestHandler):
    """A page of somebody else on this machine, which knows more than it can."""

    page = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


def test_a_form_of_a_page_on_another_port_does_nothing_with_an_officers_session(
    house: House,
) -> None:
    digest = house.message("Not for other pages", "PRIORITY")
    house.bravo.said("Not for other pages")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with house.person(house.b) as bob:
            token = bob.page.value("document.body.dataset.csrf")
            target = f"{house.b.address}/item/{digest}/acknowledge"
            Stranger.page = (
                f'<form method="post" action="{target}"><input name="csrf" value="{token}">'
                "<button>Win</button></form>"
            ).encode()
            for host in ("127.0.0.1", "localhost"):
                bob.page.go(f"http://{host}:{server.server_address[1]}/")
                told = bob.page.value(
                    f"fetch('{target}', {{method: 'POST', mode: 'no-cors', credentials: 'include',"
                    f" body: new URLSearchParams({{csrf: '{token}'}})}}).then(() => 'sent',"
                    " () => 'not')"
                )
                assert told in ("sent", "not")  # what came of it no page of another port can read
                bob.submit("button")
                assert "does not come from a page of this desk" in bob.text()
            # Its session was sent along all the same: a port is no border for a cookie.
            sent = bob.page.events("Network.requestWillBeSentExtraInfo")
            assert any("tieline_" in str(each["headers"].get("Cookie", "")) for each in sent)
            bob.go(f"/item/{digest}")
            assert "Acknowledged by us" not in bob.text("#acknowledge")
            bob.submit("#acknowledge button")
            assert "Acknowledged by us" in bob.text("#acknowledge")
    finally:
        server.shutdown()
        server.server_close()
