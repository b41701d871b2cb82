"""Security keys in a real Chromium, with its virtual authenticator: made, asked for, refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.web.house import PASSWORD, House, Person, Seat
from tests.web.plain import Plain

from tieline.desk.web import run
from tieline.desk.web.keyring import Keyring
from tieline.desk.web.officers import Officers
from tieline.desk.web.vault import Vault

KIND = {
    "protocol": "ctap2", "transport": "usb", "hasResidentKey": False,
    "hasUserVerification": False, "automaticPresenceSimulation": True,
}  # fmt: skip


class Keyed(Person):
    """An officer with a browser that has an authenticator, at the host name where keys work."""

    def __init__(self, page: Any, seat: Seat, name: str) -> None:
        super().__init__(page, seat, "watch-officer")
        self.name = name
        page.call("WebAuthn.enable")
        self.device = page.call("WebAuthn.addVirtualAuthenticator", options=KIND)["authenticatorId"]

    def go(self, path: str) -> None:
        self.page.go(f"http://localhost:{self.seat.port}{path}")

    def credentials(self) -> list[dict[str, Any]]:
        found = self.page.call("WebAuthn.getCredentials", authenticatorId=self.device)
        return list(found["credentials"])

    def other_device(self) -> None:
        """Another one in the place of the first, which the desk knows already."""
        self.click("form[data-make] button")
        self.sees("at this desk already", "form[data-make]")
        self.page.call("WebAuthn.removeVirtualAuthenticator", authenticatorId=self.device)
        made = self.page.call("WebAuthn.addVirtualAuthenticator", options=KIND)
        self.device = made["authenticatorId"]

    def lend(self, *credentials: dict[str, Any]) -> None:
        """The device holds these from now on, and no others."""
        self.page.call("WebAuthn.clearCredentials", authenticatorId=self.device)
        for each in credentials:
            self.page.call("WebAuthn.addCredential", authenticatorId=self.device, credential=each)

    def pressed(self, selector: str, place: str) -> None:
        """Click what sends a form that a key signs first, and wait until another page is there."""
        self.page.value("window.before = true")
        self.click(selector)
        self.page.wait(f"!window.before && document.readyState === 'complete' && {place}")

    def login(self) -> None:
        """With what the password alone opens: nothing, but for the question for more."""
        self.go("/login")
        self.fill(name=self.name, password=PASSWORD)
        self.submit("form button")

    def add(self, name: str, before: Callable[[], None] = lambda: None) -> None:
        """Have a key made on the page of the account; ``before`` it is made, do this."""
        self.go("/account")
        self.page.value(
            "document.querySelector(\"form[action='/account/key'] [name=password]\").value ="
            f" {json.dumps(PASSWORD)}"
        )
        self.pressed("form[action='/account/key'] button", "document.getElementById('k-name')")
        self.fill(name=name)
        before()
        self.pressed("form[data-make] button", "!document.getElementById('k-name')")
        self.sees(name, "#keys")


@contextmanager
def vault_of(house: House) -> Iterator[Vault]:
    vault = run.vault_of(house.bravo.home)
    try:
        yield vault
    finally:
        vault.close()


@contextmanager
def keyed(house: House, name: str, *roles: str) -> Iterator[Keyed]:
    """A fresh officer, logged in without a second factor, and a key made."""
    with vault_of(house) as vault:
        Officers(vault).add(name, roles, PASSWORD, time.time_ns() // 1_000_000)
    with house.browser.page(alone=True) as page:
        person = Keyed(page, house.b, name)
        person.login()
        person.add("blue one")
        yield person


def test_a_key_is_made_asked_for_lost_and_taken_away(house: House) -> None:
    with keyed(house, "Kim Keyed", "watch-officer") as kim:
        assert kim.axe() == []
        assert kim.complaints() == []
        kim.sees("last second factor", "#keys")  # and no button to take it away
        kim.click("form[action='/logout'] button")
        kim.page.wait("location.pathname === '/login'")
        own = kim.credentials()
        kim.login()
        kim.sees("Second factor")
        assert kim.axe() == []
        assert Plain(house.b, {}).get("/").status == 303
        kim.pressed("form button", "location.pathname === '/'")
        kim.sees("Kim Keyed", ".officer")
        kim.add("green one", kim.other_device)  # proved with the first one
        kim.sees("last used", "[data-key-name='blue one']")
        # The second one takes the first away; that is refused from then on.
        kim.click("[data-key-name='blue one'] summary")
        kim.page.value(
            "document.querySelector(\"[data-key-name='blue one'] [name=password]\").value ="
            f" {json.dumps(PASSWORD)}"
        )
        kim.pressed("[data-key-name='blue one'] button", "location.pathname === '/account'")
        kim.page.wait("!document.querySelector(\"[data-key-name='blue one']\")")
        kim.click("form[action='/logout'] button")
        kim.page.wait("location.pathname === '/login'")
        kim.login()
        kim.lend(*own)
        kim.click("form button")
        kim.sees("was not used")
        assert kim.page.value("location.pathname") == "/login"
        # Where keys do not work the page says where they do.
        there = Plain(house.b)
        answer = there.login("Kim Keyed")
        assert answer.status == 200
        plain = answer.text.replace("<bdi>", "").replace("</bdi>", "")
        assert "works at localhost" in plain
        assert "<button" not in plain  # there is nothing that it could be pressed for
        # An administrator takes a lost key away.
        with house.person(house.b, "administrator") as ada:
            ada.go("/officers")
            ada.submit("[data-officer='Kim Keyed'] [formaction='/officers/key']")
            code = ada.text("#given")
            assert ada.axe() == []
            ada.go("/officers/log")
            ada.sees("take key: Kim Keyed, green one", "tbody")
            assert code not in ada.text()
        comes_in_again(kim, code)


def comes_in_again(kim: Keyed, code: str) -> None:
    """The code that was given opens the page of the account alone, until a key is made."""
    kim.login()
    kim.sees("An administrator has taken")
    assert kim.axe() == []
    kim.fill(code=code)
    kim.submit("form button.main")
    kim.go("/record")
    kim.sees("Set up a security key or a code before")
    assert kim.axe() == []
    kim.lend()
    kim.add("red one")
    kim.go("/record")
    assert kim.page.value("location.pathname") == "/record"


def draft(house: House, text: str) -> int:
    made = house.bravo.call("send", text=text, precedence="FLASH", officer="Writer B")
    return int(str(made["draft"]))


def test_a_second_person_releases_with_a_key_this_draft_and_no_other(house: House) -> None:
    one, two = draft(house, "Key one"), draft(house, "Key two")
    with keyed(house, "Rita Releaser", "releaser") as rita:
        rita.go(f"/draft/{two}")
        # What a hostile page could hold back: a touch for one draft, sent with another's form.
        rita.page.value(
            "fetch('/touch?for=' + encodeURIComponent(new URL(document.querySelector('#release"
            " form').action).pathname + new URL(document.querySelector('#release form').action)"
            ".search), {method: 'POST', body: new URLSearchParams([...new FormData(document"
            ".querySelector('#release form'))].filter(([n]) => !['password', 'code', 'touch']"
            ".includes(n)))}).then((a) => a.json()).then((asked) => navigator.credentials.get("
            "{publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked)}))"
            ".then((got) => { sessionStorage.held = JSON.stringify(got); })"
        )
        rita.go(f"/draft/{one}")
        rita.fill(password=PASSWORD)
        rita.page.value(
            "(() => { const form = document.querySelector('#release form');"
            " form.elements.touch.value = sessionStorage.held; window.before = true;"
            " HTMLFormElement.prototype.submit.call(form); })()"
        )
        rita.page.wait("!window.before && document.readyState === 'complete'")
        rita.sees("is not right", ".problem")
        assert rita.axe() == []
        # Without a touch, and without a code, the password releases nothing.
        rita.fill(password=PASSWORD)
        rita.page.value(
            "(() => { window.before = true;"
            " HTMLFormElement.prototype.submit.call(document.querySelector('#release form')); })()"
        )
        rita.page.wait("!window.before && document.readyState === 'complete'")
        rita.sees("is not right", ".problem")
        rita.fill(password=PASSWORD)
        rita.pressed("#release button.main", "location.pathname.startsWith('/item/')")
        rita.sees("Key one")
        assert [x for x in rita.complaints() if "Failed to load resource" not in x] == []
        with vault_of(house) as vault:
            told = str(vault.rows("SELECT detail FROM audit WHERE act = 'desk.touch'"))
            assert f"/draft/{one}/release" in told
            # The key put back: its counter goes back with it.
            (credential,) = rita.credentials()
            rita.lend({**credential, "signCount": 1})
            rita.go(f"/draft/{two}")
            rita.fill(password=PASSWORD)
            rita.pressed("#release button.main", "location.pathname.startsWith('/draft/')")
            rita.sees("may have been copied", ".frame")
            assert rita.axe() == []
            who = Officers(vault).named("Rita Releaser")
            (key,) = Keyring(vault).of(who.id)
            Keyring(vault).take_away(who.id, key.id)
    house.bravo.call("discard", draft=two, officer="Writer B")


def test_both_officers_sign_a_handover_with_their_keys(house: House) -> None:
    house.hush()  # no browser plays the alarm test while a fault sounds, as of an output that left
    with keyed(house, "Olaf Outgoing", "watch-officer") as olaf:
        with keyed(house, "Iris Incoming", "watch-officer") as iris:
            theirs = iris.credentials()
        olaf.lend(*olaf.credentials(), *theirs)
        olaf.go("/handover")
        olaf.fill(note="Both by key\r\nand two lines", incoming="Iris Incoming")
        olaf.fill(own_password=PASSWORD, other_password=PASSWORD)
        olaf.page.call(
            "Runtime.evaluate",
            userGesture=True,
            expression="document.getElementById('sound').click()",
        )
        olaf.page.wait("document.querySelector('#trial [name=output]') !== null")
        olaf.page.value("document.querySelectorAll('[name=output]').forEach((b) => b.click())")
        olaf.pressed("#give button.main", "location.pathname.startsWith('/handover/')")
        olaf.sees("Iris Incoming", ".officer")
        assert olaf.text().count("proved by password and security key") == 2
        assert [x for x in olaf.complaints() if "Failed to load resource" not in x] == []


def test_a_second_administrator_agrees_with_a_key(house: House) -> None:
    with vault_of(house) as vault:
        vera = Officers(vault).add("Vera Treaty", ("watch-officer",), PASSWORD, 1)
    names = ("Abel First", "Cara Second")
    try:
        with keyed(house, names[0], "administrator") as abel:
            with keyed(house, names[1], "administrator") as cara:
                theirs = cara.credentials()
            abel.lend(*abel.credentials(), *theirs)
            row = "[data-officer='Vera Treaty']"
            form = f'document.querySelector("{row} form")'
            for touched in (False, True):
                abel.go("/officers")
                abel.click(f"{row} summary")
                abel.click(f"{row} details[id^=second] summary")
                abel.click(f"{row} [value='treaty-officer']")
                for name, value in (("second", names[1]), ("second_password", PASSWORD)):
                    abel.page.value(f"{form}.elements.{name}.value = {json.dumps(value)}")
                if touched:
                    abel.pressed(f"{row} form button", "document.querySelector('h1')")
                else:  # the password alone, past the script that asks for a touch
                    abel.page.value(
                        f"window.before = true; HTMLFormElement.prototype.submit.call({form})"
                    )
                    abel.page.wait("!window.before && document.readyState === 'complete'")
                    abel.sees("needs two administrators", ".problem")
            abel.sees("treaty officer", f"{row} .head")
            with vault_of(house) as vault:
                assert Officers(vault).named(vera.name).roles == ("watch-officer", "treaty-officer")
                told = str(vault.rows("SELECT officer, detail FROM audit WHERE act = 'desk.touch'"))
                assert "/officers/roles" in told
                assert names[1] in told
            assert abel.axe() == []
    finally:
        with vault_of(house) as vault:
            for name in names:
                Officers(vault).set_active(Officers(vault).named(name), active=False)
