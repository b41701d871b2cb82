"""Officers' accounts: names, roles, passwords, codes, guesses, sessions, and the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.web.house import PASSWORD, House
from tests.web.plain import Plain

from tieline.core.errors import LocalError
from tieline.desk.web import credentials, officers, sessions
from tieline.desk.web.officers import Officers
from tieline.desk.web.sessions import Sessions
from tieline.desk.web.vault import Vault

NOW = 1_800_000_000_000


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "desk.db", bytes(32))


def login(who: Officers, password: str, at_ms: int, code: str = "") -> bool:
    return asyncio.run(who.login("anna okafor", password, code, at_ms)) is not None


def test_names_that_look_alike_or_hide_something_are_refused(vault: Vault) -> None:
    who = Officers(vault)
    assert who.add(" Anna   Okafor ", ("observer",), PASSWORD, NOW).name == "Anna Okafor"
    for name in ("ANNA OKAFOR", "\uff21nna Okafor"):
        with pytest.raises(LocalError, match=r"officer"):
            who.add(name, ("observer",), PASSWORD, NOW)
    for name in ("", "x" * 61, "\u0410nna Okafor", "Anna\u202e", "An\u200bna"):
        with pytest.raises(LocalError) as caught:
            who.add(name, ("observer",), PASSWORD, NOW)
        assert caught.value.code == "officer.name"
    for roles in ((), ("king",)):
        with pytest.raises(LocalError) as caught:
            who.add("Someone", roles, PASSWORD, NOW)
        assert caught.value.code == "officer.role"
    with pytest.raises(LocalError) as caught:
        who.add("Someone", ("observer",), "short", NOW)
    assert caught.value.code == "officer.password"
    assert [one.name for one in who.all()] == ["Anna Okafor"]


def test_the_last_administrator_stays(vault: Vault) -> None:
    who = Officers(vault)
    only = who.add("Anna", ("administrator", "releaser"), PASSWORD, NOW)
    with pytest.raises(LocalError, match="last administrator"):
        who.set_roles(only, ("releaser",))
    with pytest.raises(LocalError, match="last administrator"):
        who.set_active(only, active=False)
    who.add("Ben", ("administrator",), PASSWORD, NOW)
    who.set_active(only, active=False)
    assert not who.named("anna").active


def test_guesses_cost_more_and_more_and_the_way_back_is_time_or_an_administrator(
    vault: Vault,
) -> None:
    who = Officers(vault)
    who.add("Anna Okafor", ("watch-officer",), PASSWORD, NOW)
    at = with_wait = NOW
    waits = []
    for _ in range(officers.LOCK_AFTER):
        assert not login(who, "wrong", at)
        waits.append(who.wait_ms("ANNA OKAFOR", at))
        with_wait = at
        at += waits[-1]
    assert waits[:2] == [0, 0]
    assert waits[2:8] == [500, 1000, 2000, 4000, 8000, 16000]
    assert waits[-1] == officers.LOCK_MS
    with pytest.raises(LocalError, match="wait"):
        login(who, PASSWORD, with_wait + 1)
    who.unlock("Anna Okafor")
    assert login(who, PASSWORD, with_wait + 1)
    for _ in range(3):
        login(who, "wrong", at)
    assert login(who, PASSWORD, at + officers.LOCK_MS)
    assert who.wait_ms("anna okafor", at) == 0  # a good one forgets the wrong ones


def test_a_password_that_fits_gives_back_no_guesses_at_a_code(vault: Vault) -> None:
    who = Officers(vault)
    anna = who.add("Anna Okafor", ("watch-officer",), PASSWORD, NOW)
    vault.do(
        "INSERT INTO credential (officer, kind, name, body, made_ms, used)"
        " VALUES (?, 'totp', '', ?, ?, 0)",
        anna.id, bytes(20), NOW,
    )  # fmt: skip
    for _ in range(2):
        assert not login(who, PASSWORD, NOW, "000000")
        assert asyncio.run(who.password_fits(anna, PASSWORD, NOW))
    assert not login(who, PASSWORD, NOW, "000000")
    assert who.wait_ms("Anna Okafor", NOW) > 0
    with pytest.raises(LocalError, match="wait"):
        asyncio.run(who.password_fits(anna, PASSWORD, NOW))


def test_what_was_typed_as_a_name_and_is_none_is_kept_nowhere(vault: Vault) -> None:
    who = Officers(vault)
    who.add("Anna Okafor", ("watch-officer",), PASSWORD, NOW)
    assert who.typed("ANNA  okafor") == "Anna Okafor"
    told = who.typed("my secret words")
    assert told == who.typed("My secret words") != who.typed("other words")
    for at in range(3):
        asyncio.run(who.login("my secret words", "x", "", NOW + 100 * at))
    assert who.wait_ms("my secret words", NOW + 300) > 0
    everything = vault.rows("SELECT name FROM guess UNION SELECT value FROM setting")
    assert "secret" not in told + str(everything)
    who.unlock("my secret words")
    assert who.wait_ms("my secret words", NOW + 300) == 0


def test_a_code_is_the_one_of_the_rfc_and_good_once(vault: Vault) -> None:
    secret = b"12345678901234567890"  # RFC 6238, appendix B, the last six of its eight digits
    assert credentials.code_at(secret, 59 // 30) == "287082"
    assert credentials.code_at(secret, 1111111109 // 30) == "081804"
    who = Officers(vault)
    anna = who.add("Anna Okafor", ("watch-officer",), PASSWORD, NOW)
    vault.do(
        "INSERT INTO credential (officer, kind, name, body, made_ms, used)"
        " VALUES (?, 'totp', '', ?, ?, 0)",
        anna.id, secret, NOW,
    )  # fmt: skip
    code = credentials.code_at(secret, NOW // 30_000)
    assert not login(who, PASSWORD, NOW)
    assert login(who, PASSWORD, NOW, f"{code[:3]} {code[3:]}")
    assert not login(who, PASSWORD, NOW + 1_000, code)
    who.forget_codes(anna, NOW)
    assert login(who, PASSWORD, NOW + 60_000)  # which opens the page of its account, no more
    assert not who.named("anna okafor").ready
    assert not asyncio.run(who.check_again(anna, PASSWORD, "", NOW + 60_000))
    assert not login(who, PASSWORD, NOW + officers.ONE_TIME_MS)


def test_a_session_ends_by_rest_by_age_and_with_its_officer(vault: Vault) -> None:
    who = Officers(vault)
    anna = who.add("Anna Okafor", ("watch-officer",), PASSWORD, NOW)
    held = Sessions(vault, who)

    def there(name: str, at_ms: int) -> bool:
        return held.find(name, at_ms) is not None

    name = held.begin(anna, NOW)
    assert not there(name[:-1] + ("A" if name[-1] != "A" else "E"), NOW)
    assert there(name, NOW + sessions.IDLE_MS)
    assert there(name, NOW + 2 * sessions.IDLE_MS)  # it was used in between
    assert not there(name, NOW + 3 * sessions.IDLE_MS + 1)
    name = held.begin(anna, NOW)
    at = NOW
    while at <= NOW + sessions.LIFE_MS:
        assert there(name, at)
        at += sessions.IDLE_MS
    assert not there(name, at)
    name = held.begin(anna, NOW)
    who.set_password(anna, PASSWORD + "!", NOW)
    assert not there(name, NOW)
    names = [held.begin(anna, NOW + number) for number in range(sessions.MAX_SESSIONS + 1)]
    assert [there(each, NOW + 99) for each in names].count(False) == 1
    who.set_active(anna, active=False)
    assert not there(names[-1], NOW + 99)


def test_the_file_opens_with_its_key_only_and_shows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    vault = Vault(path, bytes(32))
    vault.note(NOW, "Anna Okafor", "login", "done")
    Officers(vault).add("Anna Okafor", ("watch-officer",), PASSWORD, NOW)
    vault.close()
    kept = b"".join(part.read_bytes() for part in tmp_path.iterdir())
    assert b"Anna" not in kept
    assert b"watch-officer" not in kept
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Exception, match="cannot be used"):
        Vault(path, bytes(31) + b"x")


def test_the_command_line_looks_after_accounts(house: House) -> None:
    desk, seat = house.bravo, house.b

    def get_in(password: str) -> int:
        return Plain(seat).login("Carla Ruiz", password).status

    added = ("desk", "officer", "add", "Carla Ruiz", "--role", "observer")
    assert "Carla Ruiz  observer" in desk.ok(*added, stdin=f"{PASSWORD}\n")
    assert desk.run(*added, stdin=f"{PASSWORD}\n").code == 1
    assert get_in(PASSWORD) == 303
    desk.ok("desk", "officer", "role", "carla ruiz", "--role", "releaser")
    assert "Carla Ruiz  releaser" in desk.ok("desk", "officer", "list")
    desk.ok("desk", "officer", "lock", "Carla Ruiz")
    assert get_in(PASSWORD) == 403
    desk.ok("desk", "officer", "unlock", "Carla Ruiz")
    desk.ok("desk", "officer", "reset", "Carla Ruiz", stdin="another long password\n")
    assert get_in(PASSWORD) == 403
    assert get_in("another long password") == 303
    assert desk.run("desk", "officer", "rename", "Carla Ruiz").code == 1
