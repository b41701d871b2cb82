"""What works on, and what the desk says, when script, stream or station fail."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

from tests.web.house import House


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
