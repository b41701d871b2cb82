"""The agreements and the exercise screen: an exercise between two stations beside a real one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.page.browser import Browser
from tests.web import house as houses
from tests.web.house import LOOKS, House, Person

from tieline.desk.web.shapes import view
from tieline.node.view import Json

PACKS = ("crisis", "vienna-document-2011", "exercise")
REALM = "DRILL-1"
TABS = ("", "/calendar", "/quotas", "/validities", "/questions", "/packs")
HOSTILE = "<script>document.title='x'</script> \u202eabc ../../etc/" + "n" * 80


@pytest.fixture(scope="module")
def drill(
    house: House, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """Both parties in an exercise; BRAVO's exercise desk stands beside BRAVO's real one."""
    folder = tmp_path_factory.mktemp("drill")
    with houses.living(folder, browser, PACKS, REALM, house.bravo.home) as living:
        yield living


def first_word(house: House) -> str:
    """BRAVO says that something happened, and owes the next word in 30 minutes."""
    answers: dict[str, Json] = {"knowledge": "partly", "origin": "unknown", "next": "now+30m"}
    made = house.bravo.call("send", form="cr/first", answers=answers, officer="Writer B")
    done = house.bravo.call("release", draft=made["draft"], officer="Second B")
    return str(done["item"])


def test_what_we_owe_is_listed_explained_drafted_and_in_the_calendar(drill: House) -> None:
    digest = first_word(drill)
    with drill.person(drill.b) as bob:
        bob.go("/agreements")
        bob.sees("What we owe")
        row = ".row.owed.ours"
        bob.sees("BRAVO", row)
        assert "min" in bob.text("[aria-labelledby=t-ours] .due .left")
        drafts = str(bob.page.value(f"document.querySelector('{row} a.button').href"))
        assert "/compose?line=" in drafts
        assert "form=cr%2F" in drafts
        # Why: every input, and that nobody has checked what nobody has.
        bob.page.press("j")
        bob.page.press("Enter")
        bob.page.wait("location.pathname.startsWith('/agreements/owed/')")
        bob.sees("What it is counted from")
        assert f"/item/{digest}" in str(bob.page.value("document.body.innerHTML"))
        assert "a field of the form" in bob.text("main") or "the time its author" in bob.text(
            "main"
        )
        # What follows from a date alone is drafted too, and answers nothing.
        bob.go("/agreements")
        bob.sees("Annual exchange")
        plain = "document.querySelector('[aria-labelledby=t-ours] a[href*=aemi]').href"
        assert "answers" not in str(bob.page.value(plain))
        bob.go("/agreements/calendar")
        bob.sees("BRAVO")
        address = str(bob.page.value("document.querySelector('a[href*=\".ics\"]').href"))
        name, text = str(bob.page.value(f"""fetch({json.dumps(address)}).then(async (answer) =>
            answer.headers.get('content-disposition') + '\\n' + await answer.text())""")).split(
            "\n", 1
        )  # fmt: skip
        assert f"EXERCISE-{REALM}-calendar-" in name
        assert "BEGIN:VCALENDAR" in text
        assert f"SUMMARY:EXERCISE {REALM}" in text
        bob.go("/agreements?settled=yes")
        bob.sees("BRAVO", "[aria-labelledby=t-settled]")
        with drill.person(drill.a) as ann:
            ann.go("/agreements")
            ann.sees("BRAVO", "[aria-labelledby=t-theirs] .row.owed")
        assert bob.complaints() == []
        assert bob.strangers() == []


def test_quotas_have_their_number_and_packs_their_standing(drill: House) -> None:
    with drill.person(drill.b, "observer") as eve:
        eve.go("/agreements/quotas")
        eve.sees("used")
        bar = "document.querySelector('.quota svg')"
        assert "used" in str(eve.page.value(f"{bar}.getAttribute('aria-label')"))
        eve.sees("0 of 3 used, 3 left")
        eve.sees("0 used; no limit of the total is known")
        eve.go("/agreements/packs")
        eve.sees("in force", ".pairs")
        eve.sees("ALPHA · BRAVO", ".pairs")
        # Who only looks on is not offered to write.
        assert eve.page.value("document.querySelector('main a[href^=\"/compose\"]')") is None
        for wrong in (
            "/agreements/owed/none",
            "/agreements?line=ffff",
            "/agreements/calendar?from=x",
        ):
            eve.go(wrong)
            assert eve.text("h1")


@pytest.mark.parametrize(("language", "theme"), LOOKS)
def test_axe_finds_nothing(drill: House, language: str, theme: str) -> None:
    with drill.person(drill.b) as bob:
        bob.looks(language, theme)
        wrong = {}
        for place in (*(f"/agreements{tab}" for tab in TABS), "/exercise?score=yes"):
            bob.go(place)
            wrong[place] = bob.axe()
        bob.looks("en", "auto")
        assert {place: found for place, found in wrong.items() if found} == {}


def test_an_exercise_is_marked_on_every_page_and_print(drill: House) -> None:
    with drill.browser.page(alone=True) as page:
        bob = Person(page, drill.b, "watch-officer")
        bob.go("/login")
        bob.sees(f"EXERCISE {REALM}: NOT REAL")
        bob.login()
        bob.manner("fr", "dark")
        for place in ("/", "/agreements", "/exercise", "/manner", "/nowhere"):
            bob.go(place)
            bob.sees(f"EXERCICE {REALM}", ".bar.exercise")
            bob.sees(f"EXERCISE {REALM}: NOT REAL", ".bar.exercise")
            assert str(page.value("document.title")).startswith("EXERCISE ")
            mark = "getComputedStyle(document.body).backgroundImage"
            assert "exercise.svg" in str(page.value(mark))
        page.call("Emulation.setEmulatedMedia", media="print")
        # The foot is on each sheet of paper.
        foot = "getComputedStyle(document.querySelector('.print-foot')).display"
        assert page.value(foot) == "table-footer-group"
        assert f"EXERCISE {REALM}" in bob.text(".print-foot")
        page.call("Emulation.setEmulatedMedia", media="")
        bob.manner("en", "auto")


def test_the_state_of_the_exercise_its_score_and_another_run(drill: House) -> None:
    answers: dict[str, Json] = {"sure": "made", "text": HOSTILE}
    made = drill.alpha.call("send", form="ex/inject", answers=answers, officer="Writer A")
    done = drill.alpha.call("release", draft=made["draft"], officer="Second A")
    drill.bravo.until(lambda event: event.get("item") == done["item"])
    with drill.person(drill.b) as bob:
        bob.go("/exercise")
        bob.sees("nobody has said ENDEX")
        bob.sees("Injects and rulings came from: ALPHA")
        bob.sees("202E", "[aria-labelledby=t-led]")
        assert bob.page.value("document.title").startswith("EXERCISE ")
        assert bob.page.value("document.querySelector('main script')") is None
        bob.submit("a[href*='score=yes']")
        bob.sees("first word after")
        score = drill.bravo.call("incident_score")
        upload = "new DataTransfer()"
        other = json.dumps({**score, "exercise": "OTHER-2"})
        bob.page.value(
            f"(() => {{ const box = {upload}; box.items.add(new File([{json.dumps(other)}],"
            " '../score.json')); document.getElementById('f-file').files = box.files; })()"
        )
        bob.submit("form[action^='/exercise/compare'] button")
        bob.sees("OTHER-2")
        bob.sees("Score of BRAVO")
        bob.page.value(
            f"(() => {{ const box = {upload}; box.items.add(new File(['[[[['], 'x.json'));"
            " document.getElementById('f-file').files = box.files; })()"
        )
        bob.submit("form[action^='/exercise/compare'] button")
        bob.sees("no score of an exercise", ".problem[role=alert]")


def test_a_real_flash_covers_the_exercise_desk_and_tells_nothing(
    house: House, drill: House
) -> None:
    text = "Real: fire at the northern post"
    with drill.person(drill.b) as bob:
        bob.go("/agreements")
        for one in view(house.bravo.call("traffic")).views("lines"):
            for item in one.views("inbound"):
                house.bravo.call("ack", item=str(item["item"]), officer="Watch B")
        bob.page.wait("!document.querySelector('.bar.cover')")
        digest = house.flash(text)
        bob.sees("REAL TRAFFIC WAITS", ".bar.cover")
        assert (
            bob.page.value("getComputedStyle(document.querySelector('main')).visibility")
            == "hidden"
        )
        assert text not in bob.text()
        assert digest[:12] not in str(bob.page.value("document.documentElement.outerHTML"))
        house.bravo.call("ack", item=digest, officer="Watch B")
        bob.page.wait("!document.querySelector('.bar.cover')")
        bob.sees("What we owe")
        house.bravo.kill()
        try:
            bob.sees("The real station cannot be watched from here")
        finally:
            house.bravo.serve()
        bob.page.wait("!document.querySelector('.bar.bad[role=alert]:not([hidden])')")
    house.bravo.up()


def test_a_station_is_of_one_world_and_no_list_holds_both(house: House, drill: House) -> None:
    real, drilled = house.bravo.call("status"), drill.bravo.call("status")
    assert (real["realm"], drilled["realm"]) == ("", REALM)
    with house.person(house.b) as bob:
        bob.go("/exercise")
        bob.sees("This station carries real traffic")
        assert bob.page.value("document.querySelector('nav a[href=\"/exercise\"]')") is None
        assert bob.page.value("document.querySelector('.bar.exercise')") is None
        bob.go("/agreements")
        bob.sees("No agreement is in force")
    # A real desk is not covered by anything, and an exercise not by an exercise.
    for seat, home, why in (
        (house.b, drill.bravo.home, "this station is real"),
        (drill.b, drill.alpha.home, "names a station of an exercise"),
    ):
        said = seat.station.run("desk", "--port", "0", "--covers", str(home))
        assert (said.code, why in said.err) == (1, True), said


def test_without_script_everything_is_there(drill: House) -> None:
    with drill.browser.page(alone=True) as page:
        page.without_scripts()
        bob = Person(page, drill.b, "watch-officer")
        bob.login()
        bob.go("/agreements")
        bob.submit("a[data-open]")
        assert "What it is counted from" in bob.text()
        bob.go("/exercise?score=yes")
        assert "first word after" in bob.text()
        assert 'http-equiv="refresh"' in str(page.value("document.head.innerHTML"))
