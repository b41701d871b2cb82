"""Several lines on one desk, and three parties on one of them: each page is of the line it says."""

from __future__ import annotations

from pathlib import Path

from tests.desk.fours import Four
from tests.page.browser import Browser
from tests.web.house import Person, Seat
from tests.web.plain import visitor

from tieline.desk.web import departures, run
from tieline.desk.web.shapes import view

THREE = ("ALPHA", "BRAVO", "CHARLIE")
FIRST = {"confidence": "partly", "own-forces": "unknown", "next": "now+30m"}


def founded(where: Path) -> Four:
    """A line "north" of three parties, and a line "quiet" of two of them, with agreements."""
    made = Four(where)
    for code in THREE:
        made.init(code)
    for code in THREE:
        made.introduce(code, *(other for other in THREE if other != code))
    packs = ("--pack", "crisis", "--pack", "incident", "--four-eyes", "none")
    made["ALPHA"].ok("charter", "new", "north", "--sign", "--yes", *packs)
    made.sign("north.charter", *THREE)
    made.hand("north.charter", "CHARLIE", "ALPHA", "BRAVO")
    card = str(made["ALPHA"].folder / "bravo.tlcard")
    made["ALPHA"].ok("charter", "new", "quiet", "--card", card, "--sign", "--yes", *packs)
    made.sign("quiet.charter", "ALPHA", "BRAVO")
    made.hand("quiet.charter", "BRAVO", "ALPHA")
    for code in THREE:
        made[code].ok("charter", "install", "north.charter")
    for code in ("ALPHA", "BRAVO"):
        made[code].ok("charter", "install", "quiet.charter")
    for code in THREE:
        made[code].serve()
    return made


def test_with_two_lines_each_page_is_of_the_line_that_it_names(
    browser: Browser, tmp_path: Path
) -> None:
    four = founded(tmp_path)
    seat = Seat(four["BRAVO"], "B")
    try:
        alpha, bravo, charlie = (four[code] for code in THREE)
        lines = {str(x["name"]): str(x["line"]) for x in view(alpha.call("status")).views("lines")}
        for name, line in lines.items():
            alpha.call("send", line=line, text=f"Said on {name}", precedence="PRIORITY",
                       officer="Writer A")  # fmt: skip
        charlie.call("send", text="A third party speaks", precedence="PRIORITY", officer="C")
        for line, name, at in (
            (lines["north"], "Bridge", charlie),
            (lines["quiet"], "Ford", alpha),
        ):
            at.call("incident_say", line=line, does="open", officer="Opens it",
                    means={**FIRST, "name": name, "where": "50.47N 23.93E +-200 M"})  # fmt: skip
        bravo.said("A third party speaks")
        for text in ("Said on north", "Said on quiet"):
            bravo.said(text)
        vault = run.vault_of(bravo.home)
        vault.set(departures.SETTING, "0")
        vault.close()
        seat.serve()
        with browser.page(alone=True) as page:
            bob = Person(page, seat, "releaser")
            bob.login()
            for name in ("Bridge", "Ford"):
                bob.sees(name, "[data-live=incidents]")
            looks_at_the_watch(bob)
            writes_to_two_of_three(bob, four, lines)
            sees_the_incidents_of_one_line(bob, lines)
            assert bob.complaints() == []
        what_answers_a_form_leads_back_to_its_line(seat, lines)
    finally:
        seat.kill()
        for code in THREE:
            four[code].kill()


def looks_at_the_watch(bob: Person) -> None:
    """All of it names the line of each row; of one line, it says what waits on the other."""
    inbound = bob.text("[data-live=inbound]")
    for shown in ("Said on north", "Said on quiet", "A third party speaks"):
        assert shown in inbound
    assert bob.page.value("document.querySelectorAll('.item .on-line').length") >= 3
    assert bob.text(".frame-live").count("quiet") == 1  # its lamp; those of north name that one
    assert bob.axe() == []
    bob.page.value("window.before = true")
    bob.page.value(
        "[...document.querySelectorAll('.lines-of a')].find((a) => a.innerText === 'quiet').click()"
    )
    bob.page.wait("!window.before && document.readyState === 'complete'")
    inbound = bob.text("[data-live=inbound]")
    assert "Said on quiet" in inbound
    assert "Said on north" not in inbound
    assert "Not acknowledged on other lines" in inbound
    assert "Bridge" not in bob.text("[data-live=incidents]")
    assert "CHARLIE" not in bob.text("[data-live=lines]")
    assert bob.axe() == []
    bob.click("[data-live=inbound] [data-open]")
    bob.page.wait("location.pathname.startsWith('/item/')")
    bob.sees("quiet", ".facts .on-line")
    bob.submit("#acknowledge button")
    assert "Acknowledged by us" in bob.text("#acknowledge")


def writes_to_two_of_three(bob: Person, four: Four, lines: dict[str, str]) -> None:
    """The line is asked for; its other parties are offered, and what is said is on it alone."""
    bob.go("/compose")
    assert "On which line?" in bob.text()
    bob.page.value(
        "[...document.querySelectorAll('.forms a')].find((a) => a.innerText === 'north').click()"
    )
    bob.sees("Free text")
    assert lines["north"][:16] in bob.page.value("location.search")
    bob.go(f"/compose?line={lines['north'][:16]}&form=text")
    bob.sees("north")
    assert (
        bob.page.value(
            "[...document.querySelectorAll('[name^=\"to:\"]')].map((box) => box.name).join()"
        )
        == "to:ALPHA,to:CHARLIE"
    )
    bob.page.value("document.querySelector('[name=\"to:CHARLIE\"]').click()")
    bob.fill(text="To the third alone", precedence="ROUTINE")
    bob.sees("send to CHARLIE (", "button[value=send]")
    bob.sees("To the third alone", "[data-live=preview]")
    bob.submit("button[value=send]")
    four["CHARLIE"].said("To the third alone")
    found = four["BRAVO"].call("search", line=lines["quiet"], words="third alone")
    assert found["items"] == []


def what_answers_a_form_leads_back_to_its_line(seat: Seat, lines: dict[str, str]) -> None:
    bob = visitor(seat)
    for line in lines.values():
        for path, page in (
            ("/joints/new", "/joints/new"),
            ("/incidents/open", "/incidents/open"),
            ("/record/evidence", "/record/files"),
        ):
            answer = bob.post(
                path, {"csrf": bob.token, "line": line, "item": "none", "effective": "never"}
            )
            assert answer.status == 409
            assert answer.at.startswith(f"{page}?line={line[:16]}")
            shown = bob.get(answer.at)
            assert shown.status == 200
            assert f'name="line" value="{line}"' in shown.text


def sees_the_incidents_of_one_line(bob: Person, lines: dict[str, str]) -> None:
    """Their list names the line of each, or has those of one; none is opened on a guessed line."""
    bob.go("/incidents/open")
    bob.sees("On which line?")
    assert bob.page.value("document.querySelector('form.saying')") is None
    assert bob.axe() == []
    bob.click(f".forms a[href$='{lines['quiet'][:16]}']")
    bob.page.wait("document.querySelector('form.saying [name=line]')")
    assert bob.page.value("document.querySelector('.saying [name=line]').value") == lines["quiet"]
    bob.sees("quiet", "main .on-line")
    bob.go("/incidents")
    assert "Bridge" in bob.text("[data-live=open]")
    assert "Ford" in bob.text("[data-live=open]")
    bob.go(f"/incidents?line={lines['north'][:16]}")
    assert "Bridge" in bob.text("[data-live=open]")
    assert "Ford" not in bob.text("[data-live=open]")
    bob.click("[data-live=open] [data-open]")
    bob.page.wait("location.pathname.startsWith('/incident/')")
    bob.sees("Bridge", "h1")
    assert bob.axe() == []
