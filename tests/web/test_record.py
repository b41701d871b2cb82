"""The record, its checks, its files and paper, between two stations in a real browser."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from tests.examples import DEAR
from tests.web.house import THEMES, House, Person
from tests.web.plain import Answer, Plain, boundary, visitor

from tieline.desk.words import LANGUAGES
from tieline.node.evidencefile import TAG

PAGES = (
    "/record", "/record/audit", "/record/stories", "/record/files", "/record/charter", "/print",
)  # fmt: skip
# In which all pages are looked at here; the row `axe-everywhere` looks at every screen once.
FULL = ("en", "ar", "ru") if DEAR else ("ar",)
HOSTILE = '../../etc/pass\u202ewd"><script>window.bad=1</script>.html'


def brought(who: Plain, path: str, data: bytes, name: str = HOSTILE) -> Answer:
    body, headers = boundary({"csrf": who.token}, name, data)
    return who.ask("POST", path, body, headers | who.own)


def written(who: Plain, path: str, **fields: str) -> tuple[str, bytes]:
    """A file that the desk writes: its name and its bytes."""
    answer = who.post(path, {"csrf": who.token, **fields})
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "application/octet-stream"
    found = re.fullmatch(
        r'attachment; filename="(tieline-[A-Za-z0-9-]+\.(?:html|tlbundle|tlproof))"',
        answer.headers["content-disposition"],
    )
    assert found is not None
    return found[1], answer.body


def left_over(house: House) -> list[Path]:
    return [*(house.bravo.home / "run").glob("desk-*")]


def test_a_statement_is_found_checked_and_the_whole_record_too(house: House) -> None:
    digest = house.message("A quartz lamp at <b>the gate</b>", "PRIORITY")
    house.bravo.said("A quartz lamp at <b>the gate</b>")
    with house.person(house.b) as bob:
        bob.go("/record")
        bob.sees("A quartz lamp at <b>the gate</b>", "[data-live=entries]")
        later = house.message("Written while the page stands")
        bob.sees("Written while the page stands", "[data-live=entries]")
        bob.fill(
            words="QUARTZ gate",
            party="ALPHA",
            precedence="PRIORITY",
            **{"from": "2020-01-01T00:00Z"},
        )
        bob.submit(".search button.main")
        bob.sees("A quartz lamp", "[data-live=entries]")
        assert "Written while" not in bob.text("[data-live=entries]")
        assert "back to" in bob.text("[data-live=entries]")
        bob.fill(to="yesterday")
        bob.submit(".search button.main")
        assert "'yesterday' is no time" in bob.text(".problem")
        assert bob.page.value("document.querySelector('[name=words]').value") == "QUARTZ gate"
        bob.go(f"/item/{digest}")
        behind = bob.text(".item-page")
        assert "Signed by ALPHA/ops with key 1 of 1" in behind
        assert "Cosigned by us (BRAVO/ops)" in behind
        bob.submit(".item-page [data-key=v]")
        steps = bob.text(".steps")
        assert "is signed with key 1 of ALPHA/ops" in steps
        assert "does not fit" not in steps
        assert "Whether what was said is true." in bob.text("main")
        house.alpha.call("checkpoint")
        ann = visitor(house.a)
        assert "contains it" in ann.get(f"/item/{digest}/check").text
        bob.go("/record/audit")
        bob.submit("[data-live=audit] button.main")
        bob.sees("All fits:", "[data-live=audit]")
        bob.go(f"/item/{later}/check?x={'y' * 3000}")
        # A browser notes the refusal of the time that was no time, and nothing else.
        assert [each for each in bob.complaints() if "status of 422" not in each] == []


def test_paging_reaches_the_beginning_once(house: House) -> None:
    for number in range(45):
        house.message(f"page filler {number}")
    bob = visitor(house.b)
    seen: list[str] = []
    address = "/record"
    for _ in range(400):
        page = bob.get(address).text
        seen += re.findall(r'data-open href="/item/([0-9a-f]{64})"', page)
        found = re.search(r'data-key="o" href="([^"]+)"', page)
        if found is None:
            break
        address = found[1].replace("&amp;", "&")
    items = house.bravo.call("log", limit=100_000)["items"]
    assert isinstance(items, list)
    assert len(seen) == len(set(seen)) >= len(items)


def test_evidence_is_written_read_again_and_a_changed_file_is_seen(
    house: House, tmp_path: Path
) -> None:
    digest = house.message("for an outsider")
    house.bravo.said("for an outsider")
    bob = visitor(house.b)
    name, data = written(bob, "/record/evidence", item=digest)
    assert name.startswith("tieline-evidence-")
    assert b'id="evidence"' in data
    assert left_over(house) == []
    file = tmp_path / "brought.html"
    file.write_bytes(data)
    with house.person(house.b) as person:
        person.looks("ru", "light")
        person.go("/record/files")
        person.choose("#verify-file", file)
        person.submit("#verify button.main")
        assert "Доказательство:" in person.text("#checked")
        assert "не сошлось" not in person.text("#checked .verdict").lower()
        assert person.axe() == []
        person.looks("en", "auto")
        assert person.complaints() == []
    start = data.index(TAG) + len(TAG) + 400
    for wrong in (data[:start] + b"AAAA" + data[start + 4 :], data[: len(data) // 2]):
        answer = brought(bob, "/record/verify", wrong)
        assert answer.status == 200
        assert "FAILED" in answer.text or "NOT VERIFIED" in answer.text
        assert "<script>window" not in answer.text
        assert str(house.bravo.home) not in answer.text
    wrong_item = bob.post("/record/evidence", {"csrf": bob.token, "item": "../../x", "from": ""})
    assert wrong_item.status == 409
    assert 'value="../../x"' in wrong_item.text
    assert left_over(house) == []


def test_a_page_that_answers_a_form_stays_and_what_rings_comes_onto_it(
    house: House, tmp_path: Path
) -> None:
    file = tmp_path / "brought.html"
    file.write_bytes(b"<p>nothing of ours</p>")
    with house.person(house.b, "administrator") as person:
        person.go("/record/files")
        person.choose("#verify-file", file)
        person.submit("#verify button.main")
        verdict = person.text("#checked")
        assert "NOT VERIFIED" in verdict
        house.flash("Is it yours?")
        person.page.wait("document.querySelector('[data-silence] button') !== null")
        assert person.text("#checked") == verdict
        back = person.page.value("document.querySelector('[data-silence] [name=back]').value")
        assert back == "/record/files"  # where a browser without scripts goes on
        assert person.page.value("document.querySelector('#quiet a').pathname") == back
        assert person.complaints() == []


def test_what_is_brought_is_bounded_and_leaves_nothing(house: House) -> None:
    bob = visitor(house.b)
    bombs = [b"", b"\x1f\x8b" + b"\0" * 1000, b"PK\x03\x04" + b"\xff" * 5000, b"<" * 300_000,
             b"TIELINE-CARD-1\n" + b"A" * 100_000, b"\xd9\xd9\xf7\x9b" + b"\xff" * 8]  # fmt: skip
    for data in bombs:
        answer = brought(bob, "/record/verify", data)
        assert answer.status in (200, 409, 422), answer.text[-300:]
        assert "NOT VERIFIED" in answer.text or answer.status != 200
        assert "Traceback" not in answer.text
    body, headers = boundary({"csrf": bob.token}, "x", b"x")
    head = headers | bob.own
    assert bob.ask("POST", "/record/verify", body * 40, head).status in (200, 400, 409, 422)
    huge = bob.own | headers | {"content-length": str((64 << 20) + 1)}
    assert bob.ask("POST", "/record/verify", None, huge).status == 413
    assert bob.ask("POST", "/record/evidence", None, huge).status == 413
    assert bob.get(f"/record?words={'x' * 5000}").status == 431
    assert bob.get("/record?before=" + "9" * 400).status == 200
    assert bob.get("/record?line=%2e%2e&kind=%00&party=%22%3E&precedence=<b>").status == 200
    for path in ("/record/stories/9/save", "/record/stories/../save", "/item/x/check"):
        assert bob.get(path).status == 404
    assert left_over(house) == []


def test_a_bundle_goes_by_hand(house: House) -> None:
    house.message("by hand", "PRIORITY")
    ann, bob = visitor(house.a), visitor(house.b)
    name, data = written(ann, "/record/export", to_party="BRAVO")
    assert name.endswith(".tlbundle")
    taken = brought(bob, "/record/import", data)
    assert taken.status == 200
    assert "Bundle of" in taken.text
    refused = brought(bob, "/record/import", data[:-9])
    assert refused.status == 409
    assert "<script>window" not in refused.text
    eve = visitor(house.b, "observer")
    assert brought(eve, "/record/import", data).status == 403
    for path in ("/record/export", "/record/evidence"):
        assert eve.post(path, {"csrf": eve.token}).status == 403


def test_paper_has_the_state_and_a_digest_that_script_and_desk_agree_on(house: House) -> None:
    house.flash("to be hung on the wall")
    house.bravo.said("to be hung on the wall")
    with house.person(house.b) as bob:
        for path in ("/print", "/record/charter", "/record/files", "/record"):
            shown = re.search(r"digest of what is shown: <bdi>([0-9a-f]{16})</bdi>", raw(bob, path))
            assert shown is not None, path
            bob.go(path)
            mark = "document.querySelectorAll('.print-foot > bdi')[3]"
            first = bob.page.value(f"{mark}.textContent")
            assert first == shown[1] or path == "/print"
            bob.page.value(f"{mark}.textContent = ''")
            bob.page.value("dispatchEvent(new Event('beforeprint'))")
            bob.page.wait(f"{mark}.textContent !== ''")
            if path != "/print":  # its heading has the time
                assert bob.page.value(f"{mark}.textContent") == first, path
        bob.go("/print")
        assert "to be hung on the wall" in bob.text("main")
        bob.page.call("Emulation.setEmulatedMedia", media="print")
        style = "getComputedStyle(document.body)"
        assert bob.page.value(f"{style}.color") == "rgb(0, 0, 0)"
        assert bob.page.value("getComputedStyle(document.documentElement).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        assert bob.page.value("document.querySelector('.print-foot').offsetHeight > 0") is True
        bob.page.call("Emulation.setEmulatedMedia", media="")


def test_without_script_the_record_works(house: House) -> None:
    house.message("seen without script")
    house.bravo.said("seen without script")
    with house.browser.page(alone=True) as page:
        page.without_scripts()
        bob = Person(page, house.b, "watch-officer")
        bob.login()
        bob.go("/record?words=seen+without")
        bob.submit("[data-live=entries] [data-open]")
        bob.submit(".item-page [data-key=v]")
        assert "Its signature" in bob.text(".steps")
        bob.go("/record/audit")
        bob.submit("[data-live=audit] button.main")
        deadline = time.monotonic() + 90
        while "All fits" not in bob.text("main"):
            assert time.monotonic() < deadline
            bob.go("/record/audit")


def test_axe_finds_nothing_in_any_language_and_theme(house: House) -> None:
    digest = house.flash("Something to be checked by everybody")
    house.bravo.said("Something to be checked by everybody")
    with house.person(house.b) as bob:
        for number, language in enumerate(LANGUAGES):
            bob.looks(language, THEMES[number % 2])
            some = PAGES if language in FULL else ("/record/files",)
            for path in (*some, *([f"/item/{digest}/check"] if language in FULL else [])):
                bob.go(path)
                assert bob.axe() == [], (language, path)
        bob.looks("en", "auto")
        assert bob.complaints() == []
        assert bob.strangers() == []


def raw(person: Person, path: str) -> str:
    return str(person.page.value(f"fetch({json.dumps(path)}).then((answer) => answer.text())"))
