"""What is shown or proved first and used a moment later: another state of things lies between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.faults.floor import PASSWORD, Floor
from tests.web.plain import TOKEN, Answer, Plain

from tieline.desk.web import credentials
from tieline.desk.web.ceremony import Made
from tieline.desk.web.officers import Officer

SECRET = b"12345678901234567890"


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    made = Floor(tmp_path_factory.mktemp("floor"))
    yield made
    made.close()


def coded(floor: Floor, name: str) -> Officer:
    """A watch officer of whom a code is asked."""

    async def make() -> Officer:
        made = floor.desk.officers.add(name, ("watch-officer",), PASSWORD, floor.now_ms())
        floor.desk.vault.do(
            "INSERT INTO credential (officer, kind, name, body, made_ms, used)"
            " VALUES (?, 'totp', '', ?, ?, 0)",
            made.id, SECRET, floor.now_ms(),
        )  # fmt: skip
        return made

    return floor.within(make())


def halfway(floor: Floor, who: Officer) -> Plain:
    """A browser in which its password was given, and nothing else yet."""
    thief = Plain(floor)
    assert "second" in thief.login(who.name).text
    return thief


def second(thief: Plain, code: str = "") -> Answer:
    page = thief.get("/login")
    found = TOKEN.search(page.text)
    assert found is not None
    return thief.post("/login/second", {"csrf": found[1], "code": code, "to": "/"})


def test_the_second_step_of_a_login_ends_with_the_password_and_with_what_it_asks_for(
    floor: Floor,
) -> None:
    anna, ben = coded(floor, "Anna Okafor"), coded(floor, "Ben Ruiz")
    for thief in (halfway(floor, anna), Plain(floor)):
        assert second(thief).status == 403
        assert thief.get("/").status == thief.get("/account").status == 303
    halves = halfway(floor, anna), halfway(floor, ben)

    async def lost() -> None:
        floor.desk.officers.give_password(anna, floor.now_ms())  # the thief knows the old one
        floor.desk.officers.forget_codes(ben)

    floor.within(lost())
    assert [second(one).status for one in halves] == [403, 403]
    assert floor.within(sessions(floor)) == 0


async def sessions(floor: Floor) -> int:
    return sum(
        one.officer in ("Anna Okafor", "Ben Ruiz")
        for one in floor.desk.sessions.standing(floor.now_ms())
    )


def test_the_last_good_second_factor_stays_beside_a_key_that_may_be_copied(floor: Floor) -> None:
    cleo = coded(floor, "Cleo Marsh")

    async def keyed() -> tuple[str, str]:
        keys = floor.desk.touches.keys
        keys.keep(cleo.id, "blue", "localhost", Made(b"c" * 16, b"p" * 80, 1), floor.now_ms())
        floor.desk.vault.do("UPDATE security_key SET suspect_ms = 1 WHERE officer = ?", cleo.id)
        name = floor.desk.sessions.begin(cleo, floor.now_ms())
        session = floor.desk.sessions.find(name, floor.now_ms())
        assert session is not None
        return name, session.token

    name, token = floor.within(keyed())
    code = credentials.code_at(SECRET, time.time_ns() // 30_000_000_000)
    visitor = Plain(floor, {floor.desk.cookie: name}, token)
    assert "security key works at" not in visitor.get("/account").text
    answer = visitor.post("/account/off", {"csrf": token, "password": PASSWORD, "code": code})
    assert answer.status == 409
    assert "last second factor" in answer.text


def test_a_watch_is_handed_over_once_however_often_the_form_comes(floor: Floor) -> None:
    who = Plain(floor)
    who.login(floor.officers["watch-officer"])
    assert who.post("/handover/test", {"csrf": who.token}).status == 303
    fields = {
        "csrf": who.token, "silent": "yes", "incoming": floor.officers["treaty-officer"],
        "own_password": PASSWORD, "other_password": PASSWORD, "note": "",
    }  # fmt: skip
    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(lambda _: who.post("/handover", fields), range(2)))

    async def kept() -> int:
        return len(floor.desk.vault.rows("SELECT id FROM handover"))

    assert floor.within(kept()) == 1
    assert sum("/handover/" in one.headers.get("location", "") for one in answers) == 1
    assert who.get("/").status == 303  # and who has gone is gone


def test_a_releaser_sees_whom_a_joint_statement_binds_and_from_when(floor: Floor) -> None:
    done = floor.call(
        "joint_draft", officer="Writer B", role="watch-officer", text="We meet on Monday.",
        parties=["ALPHA", "BRAVO"], effective="151440Z NOV 40", late_binds=True, reserve=True,
    )  # fmt: skip
    page = floor.visitor("releaser").get(f"/draft/{done['draft']}").text
    for shown in ("We meet on Monday.", "Named parties", "ALPHA, BRAVO", "151440Z NOV 40",
                  "late signatures bind too", "WITHOUT PREJUDICE"):  # fmt: skip
        assert shown in page, shown
    assert "{a}" not in floor.visitor("releaser").get("/joints/new").text
