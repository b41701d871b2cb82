"""Writing, release by a second officer, recall, correction: between two stations, in a browser."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.page.browser import Browser
from tests.web import house as houses
from tests.web import plain
from tests.web.house import PASSWORD, THEMES, House, Person

from tieline.desk.web import departures, run, writing
from tieline.desk.web.shapes import view
from tieline.desk.words import Words

ACCOUNT = "/compose?form=in%2Faccount"
TEXT = "/compose?form=text"
WHERE, WHEN = "a:where[1].is", "a:when[1].is"


@pytest.fixture(scope="module")
def home(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A line whose charter names an agreement with forms."""
    folder = tmp_path_factory.mktemp("compose")
    with houses.living(folder, browser, packs=("incident",)) as living:
        yield living


def held_for(home: House, seconds: int) -> None:
    """How long ALPHA's desk holds back what was let go."""
    vault = run.vault_of(home.alpha.home)
    vault.set(departures.SETTING, str(seconds))
    vault.close()


def line_of(home: House) -> str:
    return str(view(home.alpha.call("status")).views("lines")[0]["line"])


def account(person: Person) -> None:
    """Fill in an account of an incident."""
    person.go(ACCOUNT)
    for name in ("what", "when", "where"):
        person.page.value(f"document.getElementById('f-{name}').open = true")
    person.fill(**{"a:what[1].is": "1", WHEN: "now-10min", "s:when[1].is": "5 min"})
    person.fill(**{WHERE: "32TKS7953919750"})


def release(person: Person, password: str = PASSWORD) -> None:
    person.fill(password=password)
    person.submit("#release button.main")


def corrected(ann: Person, digest: str) -> None:
    """A message has its correction and its cancellation at hand, filled in."""
    ann.go(f"/item/{digest}")
    ann.submit("[data-key=c]")
    assert ann.page.value(f"document.querySelector('[name=\"{WHERE}\"]').value") != ""
    ann.sees("Corrects")
    ann.go(f"/item/{digest}")
    ann.submit("[data-key=x]")
    ann.sees("It is withdrawn as a whole")


def test_a_form_is_read_in_both_languages_released_by_another_and_corrected(home: House) -> None:
    with home.person(home.a) as ann, home.person(home.a, "releaser") as rex:
        held_for(home, 60)
        account(ann)
        ann.fill(**{WHEN: "yesterday"})
        ann.sees("32T KS 79539 19750", "[data-back='where[1].is']")  # in three notations
        ann.sees("cannot be read", "[data-live=preview]")
        ann.submit("button[value=send]")
        ann.sees("answer cannot be read", "#e-when_1_is")  # at its field, with the remedy
        assert ann.page.value("document.activeElement !== null")
        ann.fill(**{WHEN: "now-10min"})
        ann.sees("Request release (IMMEDIATE)", "[data-live=preview]")
        ann.sees(Words("fr").name, "[data-live=preview]")
        ann.sees("incident, version", "[data-live=preview]")  # the pack, its version and its hash
        both = ann.text("[data-live=preview]")
        ann.submit("button[value=send]")
        ann.sees("Watch-Officer A wrote this draft, so another officer must release it")
        for line in ann.text("article.sheet").splitlines()[1:]:
            assert line in both
        address = str(ann.page.value("location.pathname + location.search"))
        rex.go(address)
        assert rex.text(".spoken") == ann.text(".spoken")
        assert len(rex.text(".spoken").split()) == 4
        release(rex, "not the password")
        rex.sees("Nothing has left")
        release(rex)
        rex.sees("held at this desk")
        assert "object has crossed" not in json.dumps(home.bravo.call("log"))
        rex.submit("[data-key=z]")
        rex.sees("Recalled: nobody has it")
        # Taken back, changed and requested anew: its releaser sees what differs.
        rex.go(address)
        ann.go(address)
        ann.submit("form[action*=change] button")
        ann.fill(text="A remark beside it")
        ann.sees("A remark beside it", "[data-live=preview]")
        ann.submit("button[value=send]")
        rex.go(str(ann.page.value("location.pathname + location.search")))
        rex.sees("A remark beside it", ".changes")
        held_for(home, 1)
        release(rex)
        rex.page.wait("location.pathname.startsWith('/item/')")
        digest = str(rex.page.value("location.pathname")).rpartition("/")[2]
        home.bravo.said("A remark beside it")
        told = view(home.bravo.call("item", item=digest, language="fr")).view("told")
        for line in told.texts("lines"):  # as the preview had it
            assert line in both
        corrected(ann, digest)
        for person in (ann, rex):
            assert [x for x in person.complaints() if "'source': 'network'" not in x] == []
            assert person.strangers() == []


def test_words_outlive_a_desk_and_a_station_that_are_killed(home: House) -> None:
    with home.person(home.a) as ann:
        ann.go(TEXT)
        ann.fill(text="Half a sentence that")
        ann.page.wait("document.getElementById('compose').dataset.kept === 'yes'")
        held_for(home, 60)
        port = home.a.port
        home.a.kill(signal.SIGKILL)
        home.alpha.kill()
        home.alpha.serve()
        home.a.serve(port)
        ann.login()
        ann.go("/compose")
        ann.sees("You were writing")
        ann.go(TEXT)
        ann.sees("as they were last kept")
        assert ann.page.value("document.querySelector('[name=text]').value") == (
            "Half a sentence that"
        )
        # What waits its last seconds is not sent by a desk that dies; its words are still there.
        ann.sees("Sign and send to BRAVO", "[data-live=preview]")
        ann.submit("button[value=send]")
        ann.sees("It is still here")
        home.a.kill(signal.SIGKILL)
        home.a.serve(port)
        ann.login()
        ann.go(TEXT)
        assert ann.page.value("document.querySelector('[name=text]').value") == (
            "Half a sentence that"
        )
        sent = home.alpha.call("log")["items"]
        assert "Half a sentence" not in json.dumps(sent)
        ann.complaints()  # those of a desk that is away


def test_without_script_a_form_grows_is_looked_at_and_sent(home: House) -> None:
    held_for(home, 0)
    ann = plain.visitor(home.a)
    page = ann.get("/compose?form=in%2Faccount").text
    assert "Request release" in page or "Sign and send" in page
    hostile = "<script>alert(1)</script> \u202egnp.exe ../../etc"
    fields = {"csrf": ann.token, "once": "x1", "text": hostile, "precedence": "ROUTINE"}
    page = ann.post(TEXT, fields | {"do": "preview"}).text
    assert "<script>alert" not in page
    assert "\u202e" not in page.partition('data-live="preview"')[2]
    assert "&lt;script&gt;alert(1)" in page
    answer = ann.post(TEXT, fields | {"do": "send", "promised": "two"})
    assert answer.status == 409  # the button had said something else
    answer = ann.post(TEXT, fields | {"do": "send", "promised": "one"})
    assert answer.status == 303
    assert answer.headers["location"].startswith("/item/")
    # What a browser kept late, when it had been sent already, does not come back.
    kind = writing.subject({"line": line_of(home), "form": "text"}).kept_as
    late = {"kind": kind, "body": '{"text": "late"}', "csrf": ann.token}
    assert ann.post("/keep", late | {"once": "x1"}).status == 204
    assert "late</textarea>" not in ann.get(TEXT).text
    assert ann.post("/keep", late | {"once": "x9"}).status == 204
    assert "late</textarea>" in ann.get(TEXT).text
    # FLASH by one officer is only ever a draft, and it cannot release its own.
    flash = fields | {"once": "x2", "precedence": "FLASH", "do": "send", "promised": "two"}
    address = ann.post(TEXT, flash).headers["location"]
    found = ann.get(address).text
    assert 'name="password"' not in found
    path, _, query = address.partition("?")
    tried = ann.post(f"{path}/release?{query}", {"csrf": ann.token, "password": PASSWORD})
    assert tried.status == 403
    ann.post(f"{path}/discard?{query}", {"csrf": ann.token})
    assert ann.get(address).status == 404


def test_who_may_not_write_or_release_is_told_so(home: House) -> None:
    observer = plain.visitor(home.a, "observer")
    assert observer.get(TEXT).status == 403
    assert observer.post(TEXT, {"csrf": observer.token, "do": "send"}).status == 403


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_on_the_screens_of_writing(
    home: House, theme: str, pictures: Path
) -> None:
    with home.person(home.a) as ann:
        held_for(home, 60)
        for language in ("en", "ar", "ru") if theme == "dark" else ("en",):
            ann.manner(language, theme)
            for address in (ACCOUNT,) if language == "ru" else ("/compose", ACCOUNT, "/drafts"):
                ann.go(address)
                assert ann.axe() == [], (language, address)
                name = address.strip("/").partition("?")[0] + ("-form" if "?" in address else "")
                if language in ("en", "ar"):
                    ann.picture(pictures / f"{name}-{language}-{theme}.png")
        ann.manner("en", "auto")
        assert ann.complaints() == []
