"""Incidents and joint statements at two desks in a real browser, from the first word to closure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from tests.page.browser import Browser
from tests.web import house as houses
from tests.web.house import PASSWORD, House, Person, Seat
from tests.web.plain import visitor

from tieline.node.view import Json

PACKS = ("crisis", "incident")
SEND = "form.saying button.main"


@pytest.fixture(scope="module")
def pair(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with houses.living(tmp_path_factory.mktemp("incident"), browser, packs=PACKS) as living:
        yield living


def box(person: Person, **answers: str) -> None:
    """Type into the boxes of a form, or choose by a word; ``where__is`` is ``where[1].is``."""
    for name, value in answers.items():
        field = f"a:{name.replace('__', '[1].').replace('_', '-')}"
        option = person.page.value(
            f"(([...(document.querySelector('select[name=\"{field}\"]')?.options ?? [])])"
            f".find((one) => one.text.includes({json.dumps(value)}))?.value ?? '')"
        )
        person.fill(**{field: str(option or value)})


def released(pair: House, seat: Seat, person: Person) -> str:
    """What a page says waits for release, released by another officer; its digest."""
    person.sees("waits for release by another officer")
    path = str(person.page.value("document.querySelector('.waiting-note a').pathname"))
    draft = int(path.rpartition("/")[2])
    done = seat.station.call("release", draft=draft, officer="Second Officer")
    return there(pair, seat, str(done["item"]))


def there(pair: House, seat: Seat, item: str) -> str:
    """Wait until the other station has it."""
    other = pair.bravo if seat is pair.a else pair.alpha
    other.until(lambda event: event.get("item") == item)
    return item


@pytest.fixture(scope="module")
def opened(pair: House) -> str:
    """The digest of an incident that ALPHA's officer opened at its desk, another released."""
    with pair.person(pair.a) as ann:
        ann.go("/incidents")
        ann.sees("No incident is open")
        ann.click("[data-key=o]")
        ann.sees("A second officer has to release this")
        box(ann, knowledge="in part", origin="unknown")
        box(ann, where="50.47N 23.93E +-200 M", incident="North field")
        ann.submit(SEND)
        item = released(pair, pair.a, ann)
        ann.sees("North field", "[data-live=open]")
        assert ann.complaints() == []
    return item


def test_accounts_stand_side_by_side_and_say_how_far_apart_they_are(
    pair: House, opened: str
) -> None:
    with pair.person(pair.a) as ann, pair.person(pair.b) as bob:
        ann.go(f"/incident/{opened}")
        ann.sees("stated by one", "[data-live=accounts]")
        bob.go(f"/incident/{opened}/say/account?aspect=where")
        box(bob, where__is="nowhere at all", count__is="2")
        bob.submit(SEND)  # refused: what was typed stands
        bob.sees("This cannot be sent yet")
        kept = "document.querySelector('[name=\"a:where[1].is\"]').value"
        assert bob.page.value(kept) == "nowhere at all"
        box(bob, where__is="50.5N 23.93E +-300 M", where__source="radar")
        bob.submit(SEND)
        first = released(pair, pair.b, bob)
        ann.sees("3.3 km", "[data-live=accounts]")
        ann.sees("≠ DIFFER", "[data-live=accounts]")
        ann.sees("3.3", "[data-live=map]")  # the map says the distance too
        # A correction: what is not said anew stands; the older version says who had read it.
        ann.go(f"/incident/{opened}/say/message")
        ann.fill(text="We look into it.")
        ann.submit(SEND)
        told = "We look into it."
        pair.bravo.said(told)
        bob.go(f"/incident/{opened}")
        bob.submit(f"a[href*='say/account?form'][href$='{first}']")
        box(bob, where__is="50.49N 23.93E +-300 M")
        bob.submit(SEND)
        released(pair, pair.b, bob)
        ann.go(f"/incident/{opened}")
        ann.sees("Older versions: 1", "[data-live=accounts]")
        ann.page.value("document.querySelector('[data-live=accounts] details').open = true")
        ann.sees("ALPHA had read it before it wrote", "[data-live=accounts]")
        ann.sees(told, "[data-live=messages]")
        ann.go(f"/incident/{opened}/known/{first}")
        ann.sees("BRAVO had read, when it wrote this")
        ann.sees("First word")
        assert wrong(ann) == wrong(bob) == []


def test_a_question_is_declined_with_its_reason_and_calms_its_clock(
    pair: House, opened: str
) -> None:
    with pair.person(pair.a) as ann, pair.person(pair.b) as bob:
        ann.go(f"/incident/{opened}/say/ask")
        box(ann, due="now+1h")
        box(ann, questions__about="vidence", questions__words="Which radar?")
        ann.submit(SEND)
        released(pair, pair.a, ann)
        bob.go(f"/incident/{opened}")
        bob.sees("Which radar?", "[data-live=threads]")
        bob.submit("a[href*='stance=declined']")
        bob.sees("Which radar?", ".cited")
        chosen = "document.querySelector('[name=\"a:stance\"]').selectedOptions[0].textContent"
        assert bob.page.value(chosen) == "4 not answered"
        box(bob, text="Not over this line.")
        bob.submit(SEND)
        released(pair, pair.b, bob)
        ann.go(f"/incident/{opened}")
        ann.sees("declined", "[data-live=threads]")
        ann.sees("Not over this line.", "[data-live=threads]")


def test_a_joint_statement_is_amended_signed_confirmed_and_kept(pair: House, opened: str) -> None:
    with pair.person(pair.a, "releaser") as ann, pair.person(pair.b, "releaser") as bob:
        ann.go(f"/incident/{opened}/joint")
        ann.fill(text="Both sides stop.", password="wrong")
        ann.submit(SEND)
        ann.sees("The password, the code or the key is not right")
        assert "Both sides stop." in str(ann.page.value("document.querySelector('#b-text').value"))
        ann.fill(password=PASSWORD)
        ann.submit(SEND)
        root = there(pair, pair.a, str(ann.page.value("location.pathname")).rpartition("/")[2])
        bob.go(f"/incident/{opened}")
        bob.submit(f"a[href='/joint/{root}']")
        bob.sees("This is the text that you sign")
        bob.fill(text="Both sides stop at once.", password="", effective="now+2h")
        bob.page.value("document.querySelector('#amend').open = true")
        bob.page.value("document.querySelector('#amend-password').value = " + f"'{PASSWORD}'")
        bob.submit("form[action$='/amend'] button")
        bob.sees("What it changes")
        assert bob.text("ins").strip().endswith("stop at once.")
        ann.sees("What it changes", "[data-live=versions]")  # by itself
        ann.go(f"/joint/{root}")
        ann.fill(password=PASSWORD)
        ann.submit("form[action$='/sign'] button.main")
        ann.sees("signed by all, not confirmed")
        bob.go(f"/joint/{root}")
        bob.page.wait("!!document.querySelector(\"form[action$='/confirm'] button\")")
        bob.submit("form[action$='/confirm'] button")
        bob.sees("BINDS")
        ann.sees("BINDS", "[data-live=versions]")
        ann.submit("a[href*='/say/comply']")
        box(ann, compliance="as agreed")
        ann.submit(SEND)
        released(pair, pair.a, ann)
        bob.go(f"/joint/{root}")
        bob.sees("ALPHA does as said")
    with pair.person(pair.b) as watch:  # a watch officer signs nothing
        watch.go(f"/joint/{root}")
        assert watch.page.value("!document.querySelector('form[action$=\"/sign\"]')") is True


def test_a_joint_statement_of_no_incident_is_drafted_released_signed_and_kept(pair: House) -> None:
    with (
        pair.person(pair.a) as watch,
        pair.person(pair.a, "releaser") as ann,
        pair.person(pair.b, "treaty-officer") as bob,
    ):
        watch.go("/joints")
        watch.submit("[data-key=o]")
        watch.fill(text="We meet each Monday.")
        watch.submit(SEND)
        released(pair, pair.a, watch)
        bob.go("/joints")
        bob.submit("[data-row] a.button")
        root = str(bob.page.value("location.pathname")).rpartition("/")[2]
        bob.sees("This is the text that you sign")
        bob.page.value(f"document.querySelector('#sign-password').value = '{PASSWORD}'")
        bob.submit("form[action$='/sign'] button.main")
        ann.go(f"/joint/{root}")
        ann.page.wait("!!document.querySelector(\"form[action$='/confirm'] button\")")
        ann.submit("form[action$='/confirm'] button")
        bob.sees("BINDS", "[data-live=versions]")
        bob.submit("a[href^='/compose?'][href*='comply']")
        box(bob, compliance="as agreed")
        bob.submit("button[value=send]")
        path = str(bob.page.value("location.pathname"))
        draft = int(path.rpartition("/")[2])
        pair.bravo.call("release", draft=draft, officer="Second Officer")
        bob.go(f"/joint/{root}")
        bob.sees("BRAVO does as said", "[data-live=versions]")
        watch.go("/joints")
        watch.sees("binds", "[data-live=joints]")
        assert watch.axe() == []
        assert wrong(watch) == wrong(ann) == wrong(bob) == []


def test_what_else_is_said_in_an_incident_stands_there_with_its_marks(
    pair: House, opened: str
) -> None:
    """A message brought in, a lesson without prejudice, a concern handed on for another."""
    stray = pair.message("A road is closed.")
    with pair.person(pair.a) as ann:
        ann.go(f"/incident/{opened}")
        ann.submit("a[href$='/say/attach']")
        ann.fill(attached=stray)
        sent(pair, ann)
        ann.sees("A road is closed.", "[data-live=messages]")
        ann.submit("a[href$='/say/lesson']")
        first(ann, "kind")
        ann.click("[name=reserve]")
        sent(pair, ann)
        ann.sees("without prejudice", "[data-live=messages]")
        ann.submit("a[href$='/say/concern']")
        first(ann, "concern")
        first(ann, "wish")
        ann.fill(through="CHARLIE")
        sent(pair, ann)
        ann.sees("CHARLIE", "[data-live=messages]")
        assert wrong(ann) == []


def first(person: Person, name: str) -> None:
    """Choose the first answer that there is."""
    field = f"document.querySelector('select[name=\"a:{name}\"]')"
    option = person.page.value(f"[...{field}.options].find((one) => one.value).value")
    person.fill(**{f"a:{name}": str(option)})


def sent(pair: House, person: Person) -> None:
    """Send what is written; what waits is released by another officer."""
    person.submit(SEND)
    if person.page.value("!!document.querySelector('.waiting-note a')"):
        released(pair, pair.a, person)
    person.go(str(person.page.value("location.pathname")))


def test_a_hold_is_answered_and_kept(pair: House, opened: str) -> None:
    with pair.person(pair.a) as ann, pair.person(pair.b) as bob:
        ann.go(f"/incident/{opened}/say/hold")
        box(ann, scope="all fire", effective="now+10m", binding="asks you")
        ann.submit(SEND)
        released(pair, pair.a, ann)
        bob.go(f"/incident/{opened}")
        bob.submit("a[href*='/say/hold-answer']")
        box(bob, agreed="we do the same")
        bob.submit(SEND)
        released(pair, pair.b, bob)
        ann.go(f"/incident/{opened}")
        ann.sees("BRAVO agrees", "[data-live=threads]")
        ann.submit("a[href*='/say/lift']")
        box(ann, effective="now+1h")
        ann.submit(SEND)
        released(pair, pair.a, ann)


def test_links_public_statements_closing_and_the_report(
    pair: House, opened: str, tmp_path: Path
) -> None:
    means: dict[str, Json] = {"confidence": "know", "own-forces": "unknown", "next": "now+30m"}
    other = pair.bravo.call("incident_say", does="open", officer="Writer B", means=means)
    item = pair.bravo.call("release", draft=other["draft"], officer="Second B")["item"]
    second = there(pair, pair.b, str(item))
    with pair.person(pair.a) as ann, pair.person(pair.b) as bob:
        ann.go(f"/incident/{opened}/say/link")
        ann.fill(other=second)
        box(ann, basis="same event")
        ann.submit(SEND)
        bob.go(f"/incident/{second}")
        bob.sees("proposed", "[data-live=threads]")
        bob.submit("a[href*='link-answer'][href*='not-agreed']")
        bob.submit(SEND)
        ann.go(f"/incident/{opened}")
        ann.sees("BRAVO does not agree", "[data-live=threads]")
        press = tmp_path / "press.txt"
        press.write_text("what we say", encoding="utf-8")
        ann.go(f"/incident/{opened}/public")
        give(ann, "#b-file", press)
        ann.submit("form[action='/incident-file'] button")
        ann.sees(sha256(b"what we say").hexdigest(), "#hash")
        ann.sees("No party has told the line of this text")
        ann.submit("a[href*='stance=planned']")
        ann.submit(SEND)
        bob.go(f"/incident/{opened}/public?hash={sha256(b'what we say').hexdigest()}")
        bob.sees("ALPHA has told the line of this text")
        for person, seat in ((ann, pair.a), (bob, pair.b)):
            person.go(f"/incident/{opened}/say/close")
            box(person, **{"as": "settled"})
            person.submit(SEND)
            there(pair, seat, newest(seat))
        ann.go("/incidents?all=1")
        ann.sees("North field", "[data-live=closed]")
        ann.go(f"/incident/{opened}")
        ann.submit("a[href$='/say/reopen']")
        box(ann, **{"for": "new fact"})
        ann.submit(SEND)
        released(pair, pair.a, ann)
        bob.go(f"/incident/{opened}")
        bob.sees("OPEN", "[data-live=head]")
        assert wrong(ann) == wrong(bob) == []
    # The report comes from a process of its own; that of a PDF is the same way (tests/desk).
    reader, path = visitor(pair.a), f"/incident/{opened}/report.html"
    assert reader.get(path).status == 405  # a link begins nothing
    got = reader.post(path, {"csrf": reader.token})
    assert got.status == 200, got.text
    assert "North field" in got.text
    assert "✓ the record verifies" in got.text
    assert got.headers["content-disposition"].startswith("attachment")


def give(person: Person, selector: str, path: Path) -> None:
    """Choose a file in a form."""
    root = person.page.call("DOM.getDocument", depth=0)["root"]["nodeId"]
    found = person.page.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
    person.page.call("DOM.setFileInputFiles", files=[str(path.resolve())], nodeId=found)


def wrong(person: Person) -> list[str]:
    """What the console complains of, apart from the forms that the station has refused."""
    return [one for one in person.complaints() if "status of 409" not in one]


def newest(seat: Seat) -> str:
    """The newest statement at a station."""
    items = seat.station.call("log", limit=1)["items"]
    assert isinstance(items, list)
    assert isinstance(items[-1], dict)
    return str(items[-1]["item"])


def test_axe_finds_nothing_and_hostile_words_stay_words(pair: House, opened: str) -> None:
    evil = "<script>alert(1)</script> \u202egnorw " + "N" * 80 + " ../../x"
    sent = pair.alpha.call("send", text=evil, officer="Writer A", incident=[opened])
    there(pair, pair.a, str(sent["item"]))
    means: dict[str, Json] = {"count": "3"}
    third = pair.alpha.call("incident_say", does="account", officer="Writer A", means=means,
                            incident=[opened], through="CHARLIE")  # fmt: skip
    done = pair.alpha.call("release", draft=third["draft"], officer="Second A")
    there(pair, pair.a, str(done["item"]))
    with pair.person(pair.b) as bob:
        size = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        bob.page.call("Emulation.setDeviceMetricsOverride", **size)
        # With a third voice the aspect and our own column stay while the others pass.
        bob.go(f"/incident/{opened}")
        bob.sees("CHARLIE", ".accounts.many")
        stays = "getComputedStyle(document.querySelectorAll('.accounts tbody tr > *')[{}]).position"
        found = [bob.page.value(stays.format(place)) for place in range(4)]
        assert found == ["sticky", "sticky", "static", "static"]
        for language, theme in (("en", "dark"), ("ru", "light"), ("ar", "dark")):
            bob.looks(language, theme)
            bob.go(f"/incident/{opened}")
            assert bob.axe() == [], language
            assert "⟨U+202E⟩gnorw" in bob.text("[data-live=messages]")
        for path in ("/incidents?all=1", "/incidents/open", f"/incident/{opened}/say/account",
                     f"/incident/{opened}/joint", f"/incident/{opened}/public",
                     f"/incident/{opened}/known/{sent['item']}"):  # fmt: skip
            bob.go(path)
            assert bob.axe() == [], path
            assert bob.page.value("document.documentElement.scrollWidth <= innerWidth") is True
        bob.looks("en", "auto")
        assert bob.complaints() == []
        assert bob.strangers() == []


def test_without_script_a_word_is_said_and_an_observer_says_none(pair: House, opened: str) -> None:
    with pair.browser.page(alone=True) as page:
        page.without_scripts()
        ann = Person(page, pair.a, "watch-officer")
        ann.login()
        ann.go(f"/incident/{opened}")
        ann.submit("a[href$='/say/message']")
        ann.fill(text="Said without script")
        ann.submit(SEND)
        assert "Said without script" in ann.text("[data-live=messages]")
        pair.bravo.said("Said without script")
    with pair.person(pair.b, "observer") as guest:
        guest.go(f"/incident/{opened}")
        guest.sees("North field")
        assert guest.page.value("!document.querySelector('.saying-bar')") is True
        guest.go(f"/incident/{opened}/say/message")
        guest.sees("None of your roles may do this")
