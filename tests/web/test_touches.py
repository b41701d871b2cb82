"""Security keys as the desk judges them: what a touch is for, what is refused, who is let in."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.web.house import PASSWORD
from tests.web.softkey import COPIES, PRESENT, SoftKey

from tieline.core.errors import LocalError
from tieline.desk.web import ceremony, keyring, touches
from tieline.desk.web.ceremony import Place
from tieline.desk.web.factors import Factors
from tieline.desk.web.officers import Officer, Officers
from tieline.desk.web.touches import Bond, Touches, about
from tieline.desk.web.vault import Vault

NOW = 1_800_000_000_000
HOST = "localhost:7480"
ORIGIN = "http://localhost:7480"
FIELDS = (("hash", "ab" * 32), ("once", "x"), ("password", "never"), ("touch", "never"))


def at(host: str = HOST) -> Place:
    found = ceremony.place(host)
    assert found is not None
    return found


class Room:
    """One officer with a desk, a session and a key."""

    def __init__(self, folder: Path) -> None:
        self.vault = Vault(folder / "desk.db", bytes(32))
        self.officers = Officers(self.vault)
        self.held = Touches(self.vault)
        self.anna = self.officers.add("Anna Okafor", ("releaser",), PASSWORD, NOW)
        self.ben = self.officers.add("Ben Ruiz", ("releaser",), PASSWORD, NOW)
        self.key = SoftKey()
        self.add(self.anna, self.key)

    def bond(self, who: Officer | None = None, session: bytes = b"one", **more: str) -> Bond:
        fields = dict(FIELDS) | more
        return Bond(session, (who or self.anna).id, about("/draft/3/release", fields.items()))

    def add(self, who: Officer, key: SoftKey, name: str = "blue", host: str = HOST) -> None:
        bond = self.bond(who)
        self.held.grant(b"one", who.id, NOW)
        options = self.held.ask_made(bond, at(host), who.name, NOW)
        self.held.keep(bond, at(host), name, key.make(options, f"http://{host}"), NOW)

    def ask(self, bond: Bond | None = None, now_ms: int = NOW) -> dict[str, object]:
        options = self.held.ask(bond or self.bond(), at(), now_ms)
        assert options is not None
        return options

    def good(self, text: str, bond: Bond | None = None, now_ms: int = NOW) -> bool:
        return self.held.answer(bond or self.bond(), at(), text, now_ms) is not None


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_a_touch_counts_once_and_for_a_minute(room: Room) -> None:
    room.key.counter = -1  # it counts nothing: only the challenge is against a repetition
    options = room.ask()
    assert options["userVerification"] == "discouraged"
    signed = room.key.sign(options, ORIGIN)
    assert room.good(signed)
    assert not room.good(signed)
    room.ask()
    assert not room.good(signed)  # what was recorded, to a fresh challenge
    assert not room.good(room.key.sign(options, ORIGIN))  # and the old challenge anew
    late = room.key.sign(room.ask(), ORIGIN)
    assert not room.good(late, now_ms=NOW + touches.LIFE_MS + 1)
    assert not room.good(late)
    first = room.ask()
    second = room.ask()
    assert first["challenge"] != second["challenge"]
    assert not room.good(room.key.sign(first, ORIGIN))  # the page asked again meanwhile


def test_a_touch_counts_for_one_form_of_one_session_and_officer(room: Room) -> None:
    other = {
        "another digest": room.bond(hash="cd" * 32),
        "another session": room.bond(session=b"two"),
        "another officer": room.bond(room.ben),
        "another act": Bond(b"one", room.anna.id, about("/draft/4/release", FIELDS)),
        "a login": Bond(b"one", room.anna.id, about("/login/second", [("to", "/")])),
    }
    for why, bond in other.items():
        assert not room.good(room.key.sign(room.ask(), ORIGIN), bond), why
        if bond.officer == room.anna.id:  # as above, with a challenge of the other's open, too
            room.ask(bond)
            assert not room.good(room.key.sign(room.ask(), ORIGIN), bond), why
    assert room.held.ask(room.bond(room.ben), at(), NOW) is None  # Ben has no key
    room.add(room.ben, SoftKey(), "red")
    bond = room.bond(room.ben)
    assert not room.good(room.key.sign(room.ask(bond), ORIGIN), bond)  # Anna's key is not Ben's
    assert room.good(room.key.sign(room.ask(), ORIGIN), room.bond(password="other", code="1"))


def test_another_origin_host_or_frame_is_refused(room: Room) -> None:
    for origin in (
        "http://localhost:7481", "http://evil.example", "http://x.localhost:7480",
        "http://127.0.0.1:7480", "http://localhost:7480.evil.example", "null",
    ):  # fmt: skip
        assert not room.good(room.key.sign(room.ask(), origin)), origin
    assert not room.good(room.key.sign(room.ask(), ORIGIN, host="evil.example"))
    room.key.flags = 0  # nobody touched it
    assert not room.good(room.key.sign(room.ask(), ORIGIN))
    room.key.flags, room.key.cross = PRESENT, True
    assert not room.good(room.key.sign(room.ask(), ORIGIN))
    room.key.cross = False
    stranger = SoftKey(name=room.key.name)
    assert not room.good(stranger.sign(room.ask(), ORIGIN))
    room.key.counter = 5
    assert room.good(room.key.sign(room.ask(), "https://localhost:7480"))
    named = ceremony.place("desk.example:7480")
    assert named == Place("desk.example", ("https://desk.example:7480",))
    assert room.held.ask(room.bond(), named, NOW) is None  # the key is of localhost
    for numbers in ("127.0.0.1:7480", "[::1]:7480", "10.0.0.1"):
        assert ceremony.place(numbers) is None


def test_a_counter_that_does_not_go_on_ends_the_key_and_is_said(room: Room) -> None:
    room.key.counter = 7
    assert room.good(room.key.sign(room.ask(), ORIGIN))
    room.key.counter = 7  # a copy, or a key put back
    assert not room.good(room.key.sign(room.ask(), ORIGIN))
    assert room.held.keys.suspects() == [("Anna Okafor", "blue")]
    assert room.held.ask(room.bond(), at(), NOW) is None  # also not with a counter that goes on
    logged = room.vault.rows("SELECT officer, outcome, detail FROM audit")
    assert ("Anna Okafor", "key.counter", "blue") in logged
    assert not asyncio.run(room.officers.check_again(room.anna, PASSWORD, "", NOW))  # no way round
    (one,) = room.held.keys.of(room.anna.id)
    assert room.held.keys.take_away(room.ben.id, one.id) is None
    assert room.held.keys.take_away(room.anna.id, one.id) == "blue"
    assert room.held.keys.suspects() == []


def test_a_key_that_does_not_count_is_taken_as_it_is(room: Room) -> None:
    for _ in range(2):
        room.key.counter = -1
        assert room.good(room.key.sign(room.ask(), ORIGIN))


def test_what_is_no_key_of_its_own_is_not_kept(room: Room) -> None:
    held, anna = room.held, room.anna

    def added(key: SoftKey, name: str = "red", origin: str = ORIGIN) -> str:
        held.grant(b"one", anna.id, NOW)
        options = held.ask_made(room.bond(), at(), anna.name, NOW)
        try:
            held.keep(room.bond(), at(), name, key.make(options, origin), NOW)
        except LocalError as error:
            return error.code
        return ""

    assert added(SoftKey(flags=PRESENT | COPIES)) == "key.copies"
    assert added(SoftKey(algorithm=-65535)) == "key.refused"
    assert added(SoftKey(flags=0)) == "key.refused"
    assert added(SoftKey(), origin="http://evil.example") == "key.refused"
    assert added(room.key) == "key.there"
    assert [added(SoftKey(), name) for name in ("", "BLUE", "x" * 41, "a\u202e")] == [
        "key.name"
    ] * 4
    held.grant(b"two", anna.id, NOW)
    options = held.ask_made(room.bond(), at(), anna.name, NOW)
    held.grant(b"one", anna.id, NOW - touches.GRANT_MS - 1)
    with pytest.raises(LocalError, match="minute"):
        held.keep(room.bond(), at(), "red", SoftKey().make(options, ORIGIN), NOW)
    names = [f"key {number}" for number in range(keyring.MAX_KEYS - 1)]
    assert [added(SoftKey(), name) for name in names] == [""] * len(names)
    assert added(SoftKey(), "one more") == "key.many"


def test_who_has_a_key_is_let_in_by_it_or_by_a_code_and_by_nothing_less(room: Room) -> None:
    who, anna = room.officers, room.anna

    def enter(code: str = "", touched: bool | None = None) -> bool:
        touch = None if touched is None else lambda _: touched
        found = asyncio.run(who.login("anna okafor", PASSWORD, code, NOW, touch))
        who.unlock("anna okafor")
        return found is not None

    assert not enter()
    assert not enter("123456")
    assert not enter(touched=False)
    assert enter(touched=True)
    assert Factors(room.vault).left(anna.id) == 0
    # The password alone is no guess, and a wrong second factor is one.
    for _ in range(4):
        assert asyncio.run(who.begin("anna okafor", PASSWORD, NOW)) == anna
        assert who.wait_ms("anna okafor", NOW) == 0
    for _ in range(3):
        assert not who.second(anna, "000000", NOW, None)
    with pytest.raises(LocalError, match="wait"):
        who.second(anna, "", NOW, lambda _: True)
    with pytest.raises(LocalError, match="wait"):
        asyncio.run(who.begin("anna okafor", PASSWORD, NOW))
    who.give_password(anna, NOW)
    assert room.held.keys.of(anna.id) == []


@settings(max_examples=20, deadline=None)
@given(st.one_of(st.text(max_size=200), st.binary(max_size=100).map(bytes.hex)))
def test_what_is_no_answer_of_a_key_is_refused(text: str) -> None:
    for told in (text, json.dumps({"rawId": text}), "[" * 5_000, "{}", '{"response": 1}'):
        with pytest.raises(LocalError):
            ceremony.signed(at(), bytes(32), told, [])
        with pytest.raises(LocalError):
            ceremony.made(at(), bytes(32), told)


def test_the_library_is_loaded_at_the_first_key(room: Room) -> None:
    loads = (
        "import sys; from tieline.desk.web import run, screens; sys.exit('fido2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", loads], check=False).returncode == 0
