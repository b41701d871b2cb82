"""Writing, release by a second officer, recall, correction: between two stations, in a browser."""

from __future__ import annotations

import io
import json
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from openpyxl import Workbook
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
    with houses.living(folder, browser, packs=("humanitarian-notification", "incident")) as living:
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
            ann.looks(language, theme)
            for address in (ACCOUNT,) if language == "ru" else ("/compose", ACCOUNT, "/drafts"):
                ann.go(address)
                assert ann.axe() == [], (language, address)
                name = address.strip("/").partition("?")[0] + ("-form" if "?" in address else "")
                if language in ("en", "ar"):
                    ann.picture(pictures / f"{name}-{language}-{theme}.png")
        ann.looks("en", "auto")
        assert ann.complaints() == []


SITES = """site,name,function,lat,lon,marking,remarks
A1,Clinic north,clinic,15.350,44.200,roof,x
A2,Clinic <script>alert(1)</script>,clinic,15.352,44.210,roof,
A3,Well,water,44.21,15.36,none,
A4,CLINIC  north,clinic,15.350,44.2001,roof,
A5,School,school,,44.1,none,
A6,Store,depot,15.4,44.3,none,
"""


def test_a_list_of_sites_is_looked_at_row_by_row_and_becomes_a_draft(
    home: House, tmp_path: Path, pictures: Path
) -> None:
    file = tmp_path / "sites.csv"
    file.write_text(SITES, "utf-8")
    with home.person(home.a) as ann:
        ann.go("/compose?form=hu%2Fsite-add")
        ann.submit("a[href^='/list']")
        ann.choose("#list-file", file)
        ann.submit("form[action^='/list'] button.main")
        ann.sees("Rows: 6; with doubts: 3; with faults: 2. Nothing has been sent.")
        ann.sees("remarks", "p.problem")  # a column that fills no field
        found = (
            (4, "Latitude and longitude look changed over"),
            (5, "The same name as row 2."),
            (6, "The place cannot be read."),
            (7, "'depot' is no item of the list"),
        )
        for row, said in found:
            ann.sees(said, f"#row-{row}")
        ann.sees("15.35000N 44.20000E", "#row-2")
        ann.sees("<script>", "#row-3")
        ticked = (
            "[...document.querySelectorAll('[name=row]')].map((one) => [one.value, one.checked])"
        )
        assert ann.page.value(ticked) == [["2", True], ["3", True], ["4", False], ["5", False]]
        assert ann.axe() == []
        ann.picture(pictures / "list.png")
        ann.submit("button[value=draft]")
        ann.sees("not complete")  # organisation and the rest are for all of them
        ann.sees("answer was given", "#e-organisation")
        ann.fill(**{"a:organisation": "Relief mission", "a:until": "2099-03-01"})
        ann.fill(**{"x:sites[1].footprint": "not-known"})
        ann.click("[name=row][value='3']")
        ann.submit("button[value=draft]")
        ann.sees("Watch-Officer A wrote this draft, so another officer must release it")
        ann.sees("Clinic north")
        assert "Store" not in ann.text("article.sheet")
        assert "script" not in ann.text("article.sheet")
        address = str(ann.page.value("location.pathname"))
        assert [x for x in ann.complaints() if "'source': 'network'" not in x] == []
        assert ann.strangers() == []
    assert "Clinic north" not in json.dumps(home.bravo.call("log"))
    assert [*(home.alpha.home / "run").glob("desk-*")] == []
    with home.person(home.a, "releaser") as rex:
        held_for(home, 0)
        rex.go(address)
        release(rex)
        rex.page.wait("location.pathname.startsWith('/item/')")
    home.bravo.until(lambda event: event.get("form") == "hu/site-add")


def test_a_hostile_list_is_refused_in_time_and_leaves_nothing(home: House) -> None:
    ann = plain.visitor(home.a)
    where = f"?line={line_of(home)[:16]}&form=hu%2Fsite-add"
    for data, status, said in (
        (b"", 422, "No file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), 409, "UTF-8"),
        (b"PK\x03\x04" + b"\xff" * 5000, 409, "damaged"),
        (bomb(), 409, "over 200 times"),
        (b"name,lat,lon\n" + b"a,1,2\n" * 100_000, 409, "goes beyond 10000 rows"),
        (b"name,lat,lon\n" + b"a,1,2\n" * 401, 409, "goes beyond 400 rows"),
        (b"colour\nred\n", 409, "no column of the list"),
        (formulas(), 200, "There is no name."),
        ('name,lat,lon\nx"><script>a()</script>\u202e,15,44\n'.encode(), 200, "&lt;script&gt;"),
    ):  # fmt: skip
        body, headers = plain.boundary({"csrf": ann.token}, "../../sites.xlsx", data)
        answer = ann.ask("POST", f"/list/read{where}", body, headers | ann.own)
        assert (answer.status, said in answer.text) == (status, True), (said, answer.text[-3000:])
        assert "<script>a" not in answer.text
        assert "Traceback" not in answer.text
    one = '{"columns": ["name", "lat", "lon"], "rows": [[2, ["a", "15", "44"]]]}'
    for rows in ("", "[]", "[" * 100_000, one.replace("2, ", '"2", '), one.replace('"44"', "44")):
        form = {"csrf": ann.token, "rows": rows, "row": "2", "do": "draft"}
        assert ann.post(f"/list{where}", form).status == 409
    drafts = home.alpha.call("drafts")["drafts"]
    # A box that no page offers: the row is not fit, so no draft is made of it.
    form = {"csrf": ann.token, "rows": one.replace('"15"', '"95"'), "row": "2", "do": "draft"}
    answer = ann.post(f"/list{where}", form)
    assert (answer.status, "No row is ticked" in answer.text) == (409, True)
    assert ann.get("/list").status == 404
    assert ann.get(f"/list{where.replace('site-add', 'site-remove')}").status in (404, 409)
    watcher = plain.visitor(home.a, "observer")
    body, headers = plain.boundary({"csrf": watcher.token}, "x", b"name\na\n")
    assert watcher.ask("POST", f"/list/read{where}", body, headers | watcher.own).status == 403
    assert home.alpha.call("drafts")["drafts"] == drafts
    assert [*(home.alpha.home / "run").glob("desk-*")] == []


def test_the_same_rows_make_one_draft_until_it_is_taken_back(home: House) -> None:
    ann = plain.visitor(home.a)
    where = f"?line={line_of(home)[:16]}&form=hu%2Fsite-add"
    columns = ["site", "name", "function", "lat", "lon", "marking"]
    rows = [[2, ["B1", "Kitchen", "other", "15", "44", "none"]],
            [3, ["B2", "Store", "depot", "15.1", "44", "none"]]]  # fmt: skip
    form = {
        "rows": json.dumps({"columns": columns, "rows": rows}), "row": "2", "do": "draft",
        "a:organisation": "Relief mission", "a:until": "2099-03-01",
        "x:sites[1].footprint": "not-known",
    }  # fmt: skip

    def made(once: str) -> str:
        answer = ann.post(f"/list{where}", form | {"csrf": ann.token, "once": once})
        assert answer.status == 303, answer.text[-2000:]
        return answer.headers["location"]

    first = made("a")
    assert first.startswith("/draft/")
    assert made("b") == first
    number = int(first.removeprefix("/draft/").partition("?")[0])
    home.alpha.call("discard", draft=number, officer="Writer A")
    assert made("c") not in ("", first)
    # A row that is not fit goes with nothing, ticked or not.
    answer = ann.post(f"/list{where}", form | {"csrf": ann.token, "row": "3"})
    assert (answer.status, "No row is ticked" in answer.text) == (409, True)


def bomb() -> bytes:
    """A workbook whose sheet is much larger than it says by its size."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (32 << 20))
    return out.getvalue()


def formulas() -> bytes:
    """A workbook whose names nobody has computed."""
    made = Workbook()
    for row in (["name", "lat", "lon"], ['=HYPERLINK("http://evil.example","x")', 15.1, 44.1]):
        made.worksheets[0].append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()
