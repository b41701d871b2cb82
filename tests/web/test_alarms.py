"""Alarms at the web desk: the lamp, the tones, silence, shelf, and what makes them heard."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from tests.web.house import LOOKS, House, Person

BEGAN = [0]  # where the journal stood when each test began
SIREN = "siren <b>x</b>"


def alarms(house: House) -> list[dict[str, Any]]:
    found = house.bravo.call("alarms")["alarms"]
    assert isinstance(found, list)
    return [one for one in found if isinstance(one, dict)]


def outputs(house: House) -> dict[str, dict[str, Any]]:
    found = house.bravo.call("alarms")["outputs"]
    assert isinstance(found, list)
    return {str(one["output"]): one for one in found if isinstance(one, dict)}


def journal(house: House) -> int:
    found = house.bravo.call("status")["journal"]
    assert isinstance(found, int)
    return found


def heed(house: House, does: str, **more: object) -> dict[str, Any]:
    """Wait until the journal says that something was done with an alarm or output since then."""
    return house.bravo.until(
        lambda event: (
            event.get("type") == "heed"
            and event["does"] == does
            and all(event.get(name) == value for name, value in more.items())
        ),
        BEGAN[-1],
    )


@pytest.fixture(autouse=True)
def quiet(house: House) -> Iterator[None]:
    """Nothing rings when a test begins, and nothing of it is left."""
    house.hush()
    BEGAN.append(journal(house))
    yield
    house.hush()


@contextlib.contextmanager
def armed(house: House, person: Person) -> Iterator[None]:
    """Press the button as a person does: a browser sounds only after that; and again at the end."""
    person.page.value("document.getElementById('arm').focus()")
    person.page.press("Enter")
    person.page.wait("document.body.dataset.armed === 'yes'")
    heed(house, "output", kind="browser", works=True)
    yield
    # A browser that is told to be silent takes its leave, and nobody misses it.
    person.page.value("document.getElementById('arm').click()")
    heed(house, "output", kind="browser", text="left")


def siren(house: House, name: str = "siren") -> int:
    """An output that does not work; the number of the alarm that says so."""
    since = journal(house)
    house.bravo.call(
        "output_alive", output=name, kind="hook", run="x", next_ms=300_000, works=False,
        why="exit 3 \u202e<i>",
    )  # fmt: skip
    house.bravo.until(lambda event: event.get("code") == "alarm.output", since)
    return next(int(one["alarm"]) for one in alarms(house) if one["code"] == "alarm.output")


def test_a_flash_sounds_until_it_is_silenced_and_ends_by_acknowledging(house: House) -> None:
    with house.person(house.b) as bob:
        assert bob.page.value("document.body.dataset.armed") == "no"
        bob.sees("this browser is silent", "#armed")
        with armed(house, bob):
            item = house.flash("Fire at the post")
            bob.page.wait("document.body.dataset.tone === 'flash'")
            bob.sees("alarms that sound: 1", "#alarm-lamp")
            # Another page of the same browser goes on sounding.
            bob.sees("Fire at the post", f"[data-item='{item}']")
            bob.submit(f"[data-item='{item}'] [data-open]")
            bob.page.wait("document.body.dataset.tone === 'flash'")
            assert bob.page.value("document.body.dataset.armed") == "yes"
            assert alarms(house)[0]["state"] == "sounding"  # opening it ends nothing
            bob.page.wait("document.querySelector('[data-key=s]') !== null")
            bob.page.press("s")
            bob.page.wait("document.body.dataset.tone === ''")
            bob.sees("silenced until", "#alarm-lamp")
            assert heed(house, "silenced")["officer"] == bob.name
            ladder = house.alpha.call("item", item=item)["ladder"]
            assert isinstance(ladder, dict)
            assert "acknowledged" not in str(ladder["BRAVO"])
            bob.submit("#acknowledge button")
            bob.sees("no alarm sounds", "#alarm-lamp")
            assert alarms(house) == []
        assert outputs(house) == {}
        assert bob.complaints() == []


def test_each_rank_has_its_tone_and_one_that_sounds_once_sounds_once(house: House) -> None:
    with house.person(house.b) as bob, armed(house, bob):
        item = house.message("Look at this", "PRIORITY")
        bob.page.wait("document.body.dataset.tone === 'priority'")
        house.bravo.call("ack", item=item, officer="Berta")
        bob.page.wait("document.body.dataset.tone === ''")
        siren(house)
        bob.page.wait("document.body.dataset.tone === 'fault'")
        bob.sees("OUTPUT FAILED: siren", "#alarm-lamp")


def test_an_armed_browser_sounds_when_its_desk_stands_still(house: House) -> None:
    with house.person(house.b) as bob, armed(house, bob):
        with house.b.frozen():
            bob.page.wait("document.body.dataset.tone === 'fault'")
            bob.page.press("s")
            bob.page.wait("document.body.dataset.tone === ''")
        bob.page.wait("document.body.dataset.dead !== 'yes'")


def test_a_fault_is_explained_shelved_taken_back_and_seen(house: House) -> None:
    number = siren(house, SIREN)
    with house.person(house.b) as bob:
        bob.go("/alarms")
        row = f"[data-item='alarm-{number}']"
        bob.sees("FAULT", row)
        bob.sees("⟨U+202E⟩", row)
        assert bob.page.value("document.querySelector('.row b, .row i')") is None
        bob.page.value(f"document.querySelector('#shelve-{number}').open = true")
        bob.fill(reason="Cable work", hours="9")
        bob.submit(f"#shelve-{number} button")
        assert "8 hours at most" in bob.text("[role=alert].problem")
        assert bob.page.value("document.querySelector('[name=reason]').value") == "Cable work"
        bob.fill(hours="2")
        bob.submit(f"#shelve-{number} button")
        bob.sees("shelved until", row)
        bob.click(f"{row} [data-open]")
        bob.sees("Watch-Officer B shelved it at")
        bob.sees("Cable work")
        bob.submit("form[action='/alarms/unshelve'] button")
        bob.sees("sounds", row)
        bob.page.value(f"document.querySelector('#see-{number}').open = true")
        bob.fill(note="The firm comes at noon")
        bob.submit(f"#see-{number} button")
        bob.sees("seen, and goes on", row)
        assert bob.page.value(f"document.querySelector('#shelve-{number}')") is None
    with house.person(house.b, "administrator") as admin:
        admin.go("/alarms")
        admin.submit("form[action='/alarms/forget'] button")
        admin.sees("No alarm rings.", "[data-live=alarms]")
        assert outputs(house) == {}
        admin.go(f"/why/{number}")
        admin.sees("It ended at")
        assert admin.complaints() == []


def test_a_test_sounds_at_an_armed_browser_and_an_officer_confirms_it(house: House) -> None:
    with house.person(house.b) as bob, armed(house, bob):
        bob.submit("nav a[href='/alarms']")
        bob.submit("form[action='/alarms/test'] button")
        bob.page.wait("document.querySelector('#outputs input[type=checkbox]') !== null")
        bob.click("#outputs input[type=checkbox]")
        bob.submit("[form=heard]:not([type=checkbox])")
        bob.sees(bob.name, "#outputs td:nth-child(3)")
        (output,) = outputs(house).values()
        assert (output["kind"], output["heard_by"]) == ("browser", bob.name)


def test_without_script_silence_and_the_list_work(house: House) -> None:
    with house.browser.page(alone=True) as page:
        page.without_scripts()
        bob = Person(page, house.b, "watch-officer")
        bob.login()
        house.flash("Without script")
        house.bravo.said("Without script")
        bob.go("/alarms")
        assert "FLASH from ALPHA" in bob.text("[data-live=alarms]")
        bob.submit("form[action='/silence'] button")
        assert "silenced until" in bob.text("#alarm-lamp")


def test_axe_finds_nothing_on_the_alarms(house: House) -> None:
    number = siren(house, SIREN)
    house.flash("For axe")
    with house.person(house.b, "administrator") as admin:
        for language, theme in LOOKS:
            admin.looks(language, theme)
            admin.go("/alarms")
            admin.page.value(
                "for (const each of document.querySelectorAll('details')) each.open = 1"
            )
            assert admin.axe() == []
            admin.go(f"/why/{number}")
            assert admin.axe() == []
        admin.looks("en", "auto")
