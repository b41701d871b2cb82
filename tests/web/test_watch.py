"""The watch and the item screen between two stations, in a real browser."""

from __future__ import annotations

import pytest
from tests.web.house import LOOKS, House, Person


def test_a_flash_shows_at_once_and_its_acknowledgement_goes_back(house: House) -> None:
    with house.person(house.a) as ann, house.person(house.b) as bob:
        for person in (ann, bob):
            person.page.value("window.same = true")
        digest = house.flash("Fire near the northern post")
        row = f"[data-live=inbound] [data-item='{digest}']"
        bob.sees("Fire near the northern post", row)
        bob.sees("FLASH", row)
        bob.page.wait("document.getElementById('news').textContent.includes('northern post')")
        ann.sees("with them, unread", f"[data-live=outbound] [data-item='{digest}']")
        # Opening is not acknowledging: two steps, and the second says what is sent.
        bob.click(f"{row} [data-open]")
        bob.sees("Send to ALPHA: received and read by Watch-Officer B")
        ladder = house.bravo.call("item", item=digest)["ladder"]
        assert isinstance(ladder, dict)
        assert "acknowledged" not in str(ladder["BRAVO"])
        bob.submit("#acknowledge button")
        bob.sees("Acknowledged by us")
        ann.sees("acknowledged", f"[data-live=outbound] [data-item='{digest}']")
        assert ann.page.value("window.same") is True  # no page was loaded anew
        bob.go("/")
        assert bob.page.value(f"document.querySelector({row!r})") is None
        for person in (ann, bob):
            assert person.complaints() == []
            assert person.strangers() == []


def test_the_watch_says_of_each_line_how_its_tests_went(house: House) -> None:
    with house.person(house.a) as ann, house.person(house.b) as bob:
        bob.submit("form[action='/test-line'] button")
        place = "document.querySelector('dl.tests > div:nth-child({})').innerText"
        bob.page.wait(place.format(1) + ".includes('received')")
        ann.page.wait(place.format(2) + ".includes('received')")
        assert "last test of BRAVO" in str(ann.page.value(place.format(2)))
        bob.page.wait(r"/(\d+) of \1\b/.test(" + place.format(3) + ")")
        assert bob.complaints() == []


def test_the_lamp_says_when_the_desk_stands_still(house: House) -> None:
    with house.person(house.b) as bob:
        bob.sees("desk live", "#lamp")
        with house.b.frozen():
            bob.page.wait("document.body.dataset.dead === 'yes'")
            bob.sees("DESK NOT LIVE", "#dead")
        bob.page.wait("document.body.dataset.dead !== 'yes'")
        assert bob.page.value("document.getElementById('dead').hidden") is True


def test_without_script_the_core_acts_work(house: House) -> None:
    with house.browser.page(alone=True) as page:
        page.without_scripts()
        bob = Person(page, house.b, "watch-officer")
        bob.login()
        digest = house.message("Read without script", "PRIORITY")
        house.bravo.said("Read without script")
        bob.go("/")
        assert "Read without script" in bob.text("[data-live=inbound]")
        bob.submit(f"[data-item='{digest}'] [data-key=a]")
        bob.submit("#acknowledge button")
        assert "Acknowledged by us" in bob.text("#acknowledge")
        assert 'http-equiv="refresh"' in str(page.value("document.head.innerHTML"))


@pytest.mark.parametrize(("language", "theme"), LOOKS[:2])
def test_axe_finds_nothing_on_the_watch_item_and_own_screens(
    house: House, language: str, theme: str
) -> None:
    with house.person(house.b) as bob:
        bob.manner(language, theme)
        assert bob.axe() == []
        house.flash(f"Something for {language} and {theme}")
        bob.go("/")
        bob.sees(f"Something for {language} and {theme}")
        assert bob.axe() == []
        bob.click("[data-open]")
        bob.page.wait(
            "location.pathname.startsWith('/item/') && document.readyState === 'complete'"
        )
        assert bob.axe() == []
        assert bob.page.value("document.documentElement.dir") == (
            "rtl" if language == "ar" else "ltr"
        )
        bob.manner("en", "auto")
        assert bob.complaints() == []


def test_keys_go_through_the_rows_and_never_send(house: House) -> None:
    digest = house.message("For the keyboard", "PRIORITY")
    house.bravo.said("For the keyboard")
    with house.person(house.b) as bob:
        bob.sees("For the keyboard")
        chosen = "document.activeElement.closest('[data-row]')?.dataset.item"
        for _ in range(20):
            if bob.page.value(chosen) == digest:
                break
            bob.page.press("j")
        assert bob.page.value(chosen) == digest
        bob.page.press("k")
        assert bob.page.value(chosen) != digest
        bob.page.press("j")
        bob.page.press("a")
        bob.page.wait(
            f"location.pathname === '/item/{digest}' && document.readyState === 'complete'"
        )
        bob.page.press("a")  # goes to the button, and does not press it
        bob.page.wait("document.activeElement.matches('button.speak')")
        bob.page.press("?")
        bob.page.wait("document.getElementById('help').open")
        assert "Send to ALPHA" in bob.text("#acknowledge")
        bob.page.press("w")
        bob.page.wait("location.pathname === '/' && document.readyState === 'complete'")
        bob.sees("For the keyboard", "[data-live=inbound]")


def test_the_desk_says_when_the_station_is_down_and_comes_back_by_itself(
    house: House,
) -> None:
    digest = house.message("At the gate", "PRIORITY")
    house.bravo.said("At the gate")
    with house.person(house.b) as bob:
        house.bravo.kill()
        bob.sees("STATION DOWN", "main h1")
        bob.sees("tieline serve", "main")
        assert bob.axe() == []
        with house.person(house.b) as other:
            other.go(f"/item/{digest}")
            sends(other, f"/item/{digest}/acknowledge")
            assert "STATION DOWN" in other.text("main h1")
            house.bravo.serve()
            # What its form met stays; that the station is down does not, and nothing is sent again.
            other.page.wait("document.querySelector('[data-live=down]') === null")
            assert "Whether what you just sent was done is not known" in other.text("main")
            other.submit("main a.button")
            other.sees("At the gate", "[data-live=item]")
            assert "Acknowledged by us" not in other.text("main")
        bob.page.wait("document.querySelector('[data-live=inbound]')")
    house.bravo.up()


def sends(who: Person, address: str) -> None:
    """A form that was on the page when the station ended."""
    who.page.value(
        "window.before = true; (() => { const form = document.createElement('form');"
        f" form.method = 'post'; form.action = {address!r};"
        " const token = document.createElement('input'); token.name = 'csrf';"
        " token.value = document.body.dataset.csrf; form.append(token);"
        " document.body.append(form); form.submit(); })()"
    )
    who.page.wait("!window.before && document.readyState === 'complete'")
