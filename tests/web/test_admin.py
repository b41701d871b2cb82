"""The handover, the officers, their accounts and the administration, in a real browser."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.web.house import LOOKS, PASSWORD, House, Person
from tests.web.plain import Plain, visitor

from tieline.desk.web import credentials, rights, run, shapes, trail
from tieline.desk.web.officers import ADMINISTRATOR, ROLES, Officer, Officers
from tieline.desk.web.screens import admin, handover, own, ownkeys, people
from tieline.desk.web.vault import Vault
from tieline.desk.words import LANGUAGES

MODULES = (own, ownkeys, people, handover, admin)
# What each of these screens' routes needs; None: every officer may.
NEEDS = {
    ("GET", "/account"): None,
    ("POST", "/account/code"): "desk.factor",
    ("POST", "/account/confirm"): "desk.factor",
    ("POST", "/account/off"): "desk.factor",
    ("POST", "/password"): "desk.password",
    ("GET", "/officers"): "desk.officers",
    ("GET", "/officers/log"): "desk.log",
    ("POST", "/officers/add"): "desk.officers",
    ("POST", "/officers/roles"): "desk.officers",
    ("POST", "/officers/reset"): "desk.officers",
    ("POST", "/officers/lock"): "desk.officers",
    ("POST", "/officers/unlock"): "desk.officers",
    ("POST", "/officers/key"): "desk.officers",
    ("POST", "/officers/enrol"): "desk.officers",
    ("POST", "/officers/end"): "desk.officers",
    ("POST", "/touch"): "desk.touch",
    ("POST", "/account/key"): "desk.factor",
    ("POST", "/account/key/options"): "desk.factor",
    ("POST", "/account/key/keep"): "desk.factor",
    ("POST", "/account/key/remove"): "desk.factor",
    ("GET", "/handover"): None,
    ("GET", "/handover/{number}"): None,
    ("POST", "/handover"): "desk.handover",
    ("POST", "/handover/test"): "desk.handover",
    ("POST", "/handover/staff"): "staff",
    ("GET", "/admin"): None,
    ("GET", "/admin/ceremony"): None,
    ("POST", "/admin/backup"): "backup",
    ("POST", "/admin/compare"): "desk.keys",
    ("POST", "/admin/zone"): "desk.zones",
    ("POST", "/admin/borders"): "desk.borders",
}
MINE = "That is mine alone"


@contextmanager
def officers(house: House) -> Iterator[Officers]:
    vault = run.vault_of(house.bravo.home)
    try:
        yield Officers(vault)
    finally:
        vault.close()


def made(house: House, name: str, *roles: str, password: str = PASSWORD) -> Officer:
    with officers(house) as who:
        return who.add(name, roles, password, time.time_ns() // 1_000_000)


def complaints(person: Person) -> list[str]:
    """Without those about refusals, which are answers with a status of their own."""
    return [each for each in person.complaints() if "Failed to load resource" not in each]


def code_of(secret: str, later: int = 0) -> str:
    import base64

    plain = secret.replace(" ", "")
    return credentials.code_at(
        base64.b32decode(plain + "=" * (-len(plain) % 8)), int(time.time()) // 30 + later
    )


def test_every_route_is_for_the_roles_of_the_table_and_no_others(house: House) -> None:
    there = {(route.method, route.path) for module in MODULES for route in module.ROUTES}
    assert there == set(NEEDS)
    for role in ROLES:
        who = visitor(house.b, role)
        for (method, path), act in sorted(NEEDS.items()):
            place = path.replace("{number}", "999999")
            answer = who.get(place) if method == "GET" else who.post(place, {"csrf": who.token})
            refused = answer.status == 403 and "None of your roles" in answer.text
            allowed = act is None or rights.may((role,), act)
            assert refused is not allowed, (role, method, path, answer.status)
        with officers(house) as known:  # empty passwords were guesses
            known.unlock(house.b.officers[role])


def test_a_code_is_set_up_asked_for_and_recovered_from(house: House) -> None:
    name = "Tess Factor"
    made(house, name, "watch-officer")
    house.b.officers["factor"] = name
    with house.person(house.b, "factor") as tess:
        tess.go("/account")
        tess.fill(password="wrong wrong wrong")
        tess.submit("form[action='/account/code'] button")
        tess.sees("Nothing was changed")
        tess.page.value("document.querySelector(\"form[action='/account/code'] [name=password]\")"
                        f".value = '{PASSWORD}'")  # fmt: skip
        tess.submit("form[action='/account/code'] button")
        tess.sees("Scan this picture")
        secret = tess.text("#secret")
        assert (
            tess.page.value("document.querySelector('.qr svg').getBoundingClientRect().width") > 99
        )
        assert tess.axe() == []
        tess.fill(code="000000" if code_of(secret) != "000000" else "000001")
        tess.submit("form[action='/account/confirm'] button")
        tess.sees("not the code of that secret")
        assert Plain(house.b).login(name).status == 303  # not asked for before it is confirmed
        tess.fill(code=code_of(secret))
        tess.submit("form[action='/account/confirm'] button")
        tess.sees("Recovery codes")
        spare = tess.text(".codes li")
        assert tess.axe() == []
        tess.go("/account")
        assert secret not in tess.text()
        assert spare not in tess.text()
        assert complaints(tess) == []
    asked = Plain(house.b)
    assert "Second factor" in asked.login(name).text
    assert asked.get("/").status == 303  # the password alone opens nothing
    for used, status in ((spare, 303), (spare, 403)):
        guest = Plain(house.b)
        page = guest.get("/login")
        guest.take(page)
        token = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert token is not None
        fields = {"csrf": token[1], "name": name, "password": PASSWORD, "code": used.upper()}
        assert guest.post("/login", fields).status == status


def test_an_officer_is_made_with_a_password_that_must_be_changed(house: House) -> None:
    with house.person(house.b, "administrator") as ada:
        ada.go("/officers")
        ada.fill(name="Nils\u202e Hostile <script>alert(1)</script>")
        ada.click("form[action='/officers/add'] [value=observer]")
        ada.submit("form[action='/officers/add'] button.main")
        ada.sees("signs that are not seen", ".problem")
        ada.fill(name="Nils Newcomer")
        ada.submit("form[action='/officers/add'] button.main")
        given = ada.text("#given")
        assert ada.axe() == []
        assert complaints(ada) == []
        nils = Plain(house.b)
        assert nils.login("Nils Newcomer", given).status == 303
        for path in ("/", "/officers", "/record", "/handover"):
            assert nils.get(path).headers.get("location") in ("/account", None)
        assert nils.get("/").headers["location"] == "/account"
        fields = {"csrf": nils.token, "old": given, "new": given}
        assert "Choose another" in nils.post("/password", fields).text
        assert nils.post("/password", fields | {"new": MINE}).status == 303
        assert nils.get("/account").status == 303  # its sessions ended
        assert nils.login("Nils Newcomer", given).status == 403
        assert nils.login("Nils Newcomer", MINE).status == 303
        assert nils.get("/").status == 200
        # The administrator sees the session and ends it; then keeps the officer out.
        ada.go("/officers")
        ada.submit("button[aria-label='End the session of Nils Newcomer']")
        assert nils.get("/").status == 303
        assert nils.login("Nils Newcomer", MINE).status == 303
        ada.submit("[data-officer='Nils Newcomer'] [formaction='/officers/lock']")
        ada.sees("LOCKED", "[data-officer='Nils Newcomer']")
        assert nils.get("/").status == 303
        assert nils.login("Nils Newcomer", MINE).status == 403
        # Who did it is in the log, and the chain of the log holds.
        ada.go("/officers/log")
        ada.sees("lock: Nils Newcomer", "tbody")
        assert given not in ada.text()
        ada.submit("button[name=check]")
        ada.sees("The chain is whole")
        assert ada.axe() == []
        assert complaints(ada) == []


def test_a_given_password_ends_after_a_day(house: House) -> None:
    with officers(house) as who:
        day_ago = time.time_ns() // 1_000_000 - 25 * 3_600_000
        late = who.add("Lena Late", ("observer",), PASSWORD, day_ago)
        given = who.give_password(late, day_ago)
    assert Plain(house.b).login("Lena Late", given).status == 403


def test_high_roles_need_two_administrators_where_there_are_two(house: House) -> None:
    one = made(house, "Olga Ordinary", "watch-officer")
    ada = visitor(house.b, "administrator")
    wanted = {"csrf": ada.token, "officer": str(one.id), "role": "releaser"}

    def roles() -> tuple[str, ...]:
        with officers(house) as who:
            return who.named("Olga Ordinary").roles

    assert ada.post("/officers/roles", wanted).status == 303  # there is one administrator only
    assert roles() == ("releaser",)
    assert ada.post("/officers/roles", wanted | {"role": "watch-officer"}).status == 303
    assert {one for one in ROLES if rights.may((one,), "release")} < people.HIGH
    second = made(house, "Berta Second", ADMINISTRATOR)
    try:
        assert "needs two administrators" in ada.post("/officers/roles", wanted).text
        own = {"second": house.b.officers["administrator"], "second_password": PASSWORD}
        assert ada.post("/officers/roles", wanted | own).status == 409
        no_admin = {"second": house.b.officers["releaser"], "second_password": PASSWORD}
        assert ada.post("/officers/roles", wanted | no_admin).status == 409
        wrong = {"second": "Berta Second", "second_password": "wrong wrong wrong"}
        assert ada.post("/officers/roles", wanted | wrong).status == 409
        assert roles() == ("watch-officer",)
        both = {"second": "Berta Second", "second_password": PASSWORD}
        out = {"csrf": ada.token, "officer": str(second.id)}
        assert ada.post("/officers/lock", out).status == 409
        assert ada.post("/officers/reset", out).status == 409
        treaty = wanted | {"role": "treaty-officer"}  # it may release, too
        assert ada.post("/officers/roles", treaty).status == 409
        assert ada.post("/officers/roles", wanted | both).status == 303
        assert roles() == ("releaser",)
    finally:
        with officers(house) as who:
            who.set_active(second, active=False)


def test_the_watch_is_handed_over_on_one_screen(house: House) -> None:
    made(house, "Ivan Incoming", "watch-officer")
    house.message("Open at the handover \u202e<b>", "PRIORITY")
    house.bravo.said("Open at the handover \u202e<b>")
    outgoing = house.b.officers["watch-officer"]
    with house.person(house.b) as bob:
        before = bob.page.value("document.body.dataset.csrf")
        bob.go("/handover")
        bob.sees("Open at the handover")
        bob.fill(note="Called BRAVO's <script> twice", incoming="Ivan Incoming",
                 own_password=PASSWORD, other_password="not his password")  # fmt: skip
        bob.page.wait("document.getElementById('give').dataset.kept === 'yes'")
        with officers(house) as who:
            kept = str(who._vault.rows("SELECT body FROM draft WHERE kind = 'handover'"))
        assert "twice" in kept
        assert PASSWORD not in kept
        assert "not his" not in kept
        bob.page.call(
            "Runtime.evaluate",
            userGesture=True,
            expression="document.getElementById('sound').click()",
        )
        bob.page.wait("document.querySelector('#trial [name=output]') !== null")
        bob.submit("#give button.main")
        bob.sees("has not confirmed the alarm test", ".problem")
        bob.fill(incoming="Ivan Incoming", own_password=PASSWORD, other_password="not his password")
        bob.page.value("document.querySelectorAll('[name=output]').forEach((b) => b.click())")
        bob.submit("#give button.main")
        bob.sees("incoming officer is not right", ".problem")
        assert "twice" in str(bob.page.value("document.querySelector('[name=note]').value"))
        assert bob.page.value("document.querySelector('[name=output]').checked") is True
        bob.fill(incoming="Ivan Incoming", own_password=PASSWORD, other_password=PASSWORD)
        bob.submit("#give button.main")
        bob.page.wait("location.pathname.startsWith('/handover/')")
        bob.sees("Ivan Incoming", ".officer")
        bob.sees("Unchanged: entry")
        bob.sees("Called BRAVO's <script> twice")
        bob.sees("heard by Ivan Incoming")
        outputs = shapes.view(house.bravo.call("alarms")).views("outputs")
        assert "Ivan Incoming" in [one["heard_by"] for one in outputs]
        assert bob.page.value("document.body.dataset.csrf") != before
        assert bob.axe() == []
        assert complaints(bob) == []
        place = str(bob.page.value("location.pathname"))
        bob.go("/handover")
        bob.sees(f"{outgoing} to Ivan Incoming")
        assert bob.axe() == []
        # The new officer says to the other party who is on watch.
        bob.submit("form[action='/handover/staff'] button[value=no]")
        bob.sees("Send to ALPHA: an officer is on watch")
        bob.submit("form[action='/handover/staff'] button[value=yes]")
        bob.sees("Send to ALPHA: no officer is on watch")
        with officers(house) as who:
            who._vault.do("UPDATE handover SET body = replace(body, 'twice', 'once')")
        bob.go(place)
        bob.sees("not the one that the log names")


def test_the_handover_works_without_script(house: House) -> None:
    made(house, "Nora Noscript", "watch-officer")
    with house.browser.page(alone=True) as page:
        page.without_scripts()
        bob = Person(page, house.b, "treaty-officer")
        bob.login()
        bob.go("/handover")
        assert "another output" in bob.text("#give")
        bob.submit("#sound")
        bob.fill(incoming="Nora Noscript", own_password=PASSWORD, other_password=PASSWORD)
        bob.click("[name=silent]")
        bob.submit("#give button.main")
        assert "Nora Noscript" in bob.text(".officer")
        assert "HEARD NO OUTPUT" in bob.text()
    shy = visitor(house.b)
    fields = {"csrf": shy.token, "incoming": "Nora Noscript"}
    assert "has not confirmed" in shy.post("/handover", fields).text
    with_none = fields | {"output": "no such output"}
    assert "has not confirmed" in shy.post("/handover", with_none).text
    before = Plain(house.b, dict(shy.cookies))
    proofs = {"silent": "yes", "own_password": PASSWORD, "other_password": PASSWORD}
    answer = shy.post("/handover", fields | proofs)
    shy.take(answer)
    assert answer.status == 303
    assert before.get("/").status == 303  # the session of the outgoing officer is over
    assert "Nora Noscript" in shy.get(answer.headers["location"]).text


def test_the_chain_tells_an_entry_that_was_changed_taken_out_or_put_in(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "desk.db", bytes(32))
    assert trail.SLICE == 500  # 501 is the first of the second slice
    for number in range(1, 2 * trail.SLICE):
        vault.note(number, "Anna Okafor", "login", "done")
    assert asyncio.run(trail.check(vault)).broken is None
    for number, change in (
        (3, "UPDATE audit SET outcome = 'login.wrong' WHERE id = 3"),
        (502, "DELETE FROM audit WHERE id = 501"),
        (2, "DELETE FROM audit WHERE id = 1"),
        (9, "UPDATE audit SET hash = x'' WHERE id = 9"),
        (7, "UPDATE audit SET id = 100000 WHERE id = 6"),
    ):
        with suppress(ZeroDivisionError), vault.together():
            vault.do(change)
            assert asyncio.run(trail.check(vault)).broken == number, change
            raise ZeroDivisionError  # back to what it was
    assert asyncio.run(trail.check(vault)).broken is None


def test_words_are_typed_as_heard_and_the_page_never_shows_them(house: House) -> None:
    shown = shapes.view(house.bravo.call("charter_show"))
    (words,) = [p.texts("words") for p in shown.views("parties") if p["code"] == "ALPHA"]
    with house.person(house.b, "administrator") as ada:
        for path in ("/record/charter", "/admin/ceremony", "/admin"):
            ada.go(path)
            body = str(ada.page.value("document.documentElement.outerHTML"))
            assert not any(word in body for word in words), path
            assert "have not been compared" in body
        ada.fill(words="babab " * 8)
        ada.submit("form[action='/admin/compare'] button")
        ada.sees("These are not the words", ".problem")
        ada.fill(words="ALPHA: " + "-".join(words).upper())
        ada.submit("form[action='/admin/compare'] button")
        ada.sees("are right")
        for _ in range(admin.MAX_TRIES):
            ada.fill(words="wrong")
            ada.submit("form[action='/admin/compare'] button")
        ada.fill(words=" ".join(words))
        ada.submit("form[action='/admin/compare'] button")
        ada.sees("Three wrong tries", ".problem")
        out = house.bravo.home.parent / "desk-made.tlbackup"
        ada.fill(out="relative/path")
        ada.submit("form[action='/admin/backup'] button")
        ada.sees("whole path", ".problem")
        ada.fill(out=str(out))
        ada.submit("form[action='/admin/backup'] button")
        ada.sees("The backup was made")
        assert out.stat().st_size > 0
        ada.fill(zone="Mars/../../etc/passwd")
        ada.submit("form[action='/admin/zone'] button")
        ada.sees("no such time zone", ".problem")
        ada.fill(zone="+04:30")
        ada.submit("form[action='/admin/zone'] button")
        ada.sees("UTC+04:30")
        ada.go("/record/charter")
        ada.sees("are right")
        assert complaints(ada) == []
        ada.go("/admin/ceremony")
        ada.sees("are right")
        assert ada.axe() == []


@pytest.mark.parametrize(("language", "theme"), LOOKS)
def test_axe_finds_nothing(house: House, language: str, theme: str) -> None:
    with house.person(house.b, "administrator") as ada:
        ada.looks(language, theme)
        for path in ("/officers", "/officers/log?check=1", "/account", "/admin", "/handover"):
            ada.go(path)
            assert ada.axe() == [], path
        ada.looks("en", "auto")
        assert complaints(ada) == []


def test_every_page_is_there_in_every_language(house: House) -> None:
    ada = visitor(house.b, "administrator")
    for language in LANGUAGES:
        fields = {"csrf": ada.token, "language": language, "theme": "auto"}
        assert ada.post("/manner", fields).status == 303
        for path in ("/officers", "/officers/log", "/account", "/admin", "/admin/ceremony"):
            answer = ada.get(path)
            assert answer.status == 200
            assert f'<html lang="{language}"' in answer.text
    ada.post("/manner", {"csrf": ada.token, "language": "en", "theme": "auto", "keys": "yes"})
