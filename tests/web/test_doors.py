"""What is shown or proved first and used a moment later: another state of things lies between."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.requests import Request
from starlette.responses import Response
from tests.faults.floor import PASSWORD, Floor
from tests.web.plain import TOKEN, Answer, Plain

from tieline.desk.web import app, credentials
from tieline.desk.web.ceremony import Made
from tieline.desk.web.factors import Factors
from tieline.desk.web.incidentlook import BORDERS
from tieline.desk.web.known import LIFE_MS, Known
from tieline.desk.web.officers import Officer
from tieline.node.view import Json

SECRET = b"12345678901234567890"
GIVEN = re.compile(r'id="given">([^<]+)<')


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
        floor.desk.officers.forget_codes(ben, floor.now_ms())

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


def key_alone(floor: Floor, name: str) -> tuple[Officer, int]:
    """A watch officer whose only second factor is a key, and the number of that."""

    async def make() -> tuple[Officer, int]:
        keys, now_ms = floor.desk.touches.keys, floor.now_ms()
        made = floor.desk.officers.add(name, ("watch-officer",), PASSWORD, now_ms)
        credential = Made(name.encode().ljust(16), b"p" * 80, 1)
        keys.keep(made.id, "blue", "localhost", credential, now_ms)
        return made, keys.of(made.id)[0].id

    return floor.within(make())


def test_who_has_lost_its_only_key_comes_in_by_a_code_once_and_only_to_set_up_another(
    floor: Floor,
) -> None:
    dora, key = key_alone(floor, "Dora Fields")
    ada = floor.visitor("administrator")
    before = Plain(floor, {floor.desk.cookie: floor.within(began(floor, dora))})
    assert before.get("/").status == 200
    taken = ada.post("/officers/key", {"csrf": ada.token, "officer": str(dora.id), "key": str(key)})
    found = GIVEN.search(taken.text)
    assert found is not None
    code = found[1]
    assert before.get("/").status == 303  # what was open by the lost key is open no more
    # The password alone, or with another code, leads nowhere.
    assert second(halfway(floor, dora)).status == 403
    assert second(halfway(floor, dora), "aaaa-bbbb-cccc").status == 403
    own = halfway(floor, dora)
    own.take(second(own, code))
    page = own.get("/account")
    token = TOKEN.search(page.text)
    assert token is not None
    assert "Your second factor was taken away" in page.text
    assert 'action="/password"' not in page.text
    for path in ("/", "/record", "/compose", "/handover", "/item/" + "0" * 64):
        assert own.get(path).headers["location"] == "/account", path
    fields = {"csrf": token[1], "password": PASSWORD}
    assert own.post("/touch?for=/x", fields).headers["location"] == "/account"
    # The code is used up, also while nothing is set up yet.
    assert second(halfway(floor, dora), code).status == 403
    floor.within(forgive(floor, dora))
    assert own.post("/account/code", fields | {"password": "not the password"}).status == 403
    assert own.post("/account/code", fields).status == 200

    async def now() -> str:
        secret = Factors(floor.desk.vault).begun(dora.id)
        assert secret is not None
        return credentials.code_at(secret, floor.now_ms() // 30_000)

    # Who knows the password alone waits in a session of its own for that, and is put out by it.
    lurking = Plain(floor, {floor.desk.cookie: floor.within(began(floor, dora))})
    assert lurking.get("/account").status == 200
    done = own.post("/account/confirm", fields | {"code": floor.within(now())})
    assert "Your second factor was taken away" not in done.text
    assert own.get("/").status == 200
    assert lurking.get("/account").status == 303
    # It is an officer like any other, and its code is asked for; no other is good.
    assert second(halfway(floor, dora), code).status == 403
    _, _, listed = ada.get("/officers").text.partition('data-officer="Dora Fields"')
    assert "must set up a second factor" not in listed.partition("</article>")[0]


def test_another_code_is_given_to_who_could_not_use_the_first(floor: Floor) -> None:
    eva, key = key_alone(floor, "Eva North")
    ada = floor.visitor("administrator")
    fields = {"csrf": ada.token, "officer": str(eva.id)}
    assert ada.post("/officers/enrol", fields).status == 303  # it has a key: nothing is given
    first = GIVEN.search(ada.post("/officers/key", fields | {"key": str(key)}).text)
    other = GIVEN.search(ada.post("/officers/enrol", fields).text)
    assert first is not None
    assert other is not None
    assert second(halfway(floor, eva), first[1]).status == 403
    assert second(halfway(floor, eva), other[1]).status == 303
    # Another password is good for the account, and what was lost is asked for all the same.
    given = GIVEN.search(ada.post("/officers/reset", fields).text)
    assert given is not None
    own = Plain(floor)
    assert own.login(eva.name, given[1]).status == 303
    changed = {"csrf": own.token, "old": given[1], "new": PASSWORD + "!"}
    assert own.post("/password", changed).status == 303
    assert own.login(eva.name, PASSWORD + "!").status == 303
    assert own.get("/").headers["location"] == "/account"
    assert "Your second factor was taken away" in own.get("/account").text


async def began(floor: Floor, who: Officer) -> str:
    return floor.desk.sessions.begin(who, floor.now_ms())


async def forgive(floor: Floor, who: Officer) -> None:
    floor.desk.officers.unlock(who.name)


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


def test_who_has_logged_in_here_before_does_not_wait_with_strangers(floor: Floor) -> None:
    desk, bob = floor.desk, Plain(floor)
    bob.login(floor.officers["watch-officer"])
    name = f"{desk.cookie}_known"
    mark = bob.cookies[name]
    own, made, mac = mark.split(".")

    def request(cookie: str) -> Request:
        headers = [(b"cookie", f"{name}={cookie}".encode())]
        return Request({"type": "http", "method": "GET", "path": "/login", "headers": headers})

    async def page(_: Request) -> Response:
        return Response("here")

    async def story() -> None:
        doors = app._Doors(desk, frozenset())
        door = doors.outside(page)
        async with doors._turns.turn(lambda: False):  # the row of the strangers stands still
            assert (await door(request(mark))).status_code == 200
            for other in ("", f"{own}.{int(made) + 1}.{mac}", f"9{mark}", mark[:-1], "1.x.y"):
                waits = asyncio.ensure_future(door(request(other)))
                await asyncio.sleep(0)
                assert not waits.done(), other
                waits.cancel()
        known = Known(desk.vault, desk.officers)
        assert known.whose(mark, int(made) + LIFE_MS) == int(own)
        assert known.whose(mark, int(made) + LIFE_MS + 1) is None

    floor.within(story())
    assert "/login" in Plain(floor, {name: mark}).get("/").headers["location"]  # it opens nothing


def test_an_administrator_says_whose_borders_the_maps_of_a_desk_have(floor: Floor) -> None:
    ada, bob = floor.visitor("administrator"), floor.visitor("observer")

    async def kept() -> str:
        return floor.desk.vault.setting(BORDERS)

    fields = {"csrf": ada.token, "view": "ISO"}
    assert bob.post("/admin/borders", fields | {"csrf": bob.token}).status == 403
    assert ada.post("/admin/borders", fields | {"view": "nobody"}).status == 400
    assert floor.within(kept()) == ""
    assert ada.post("/admin/borders", fields).status == 303
    assert floor.within(kept()) == "ISO"
    assert "<strong><bdi>ISO</bdi></strong>" in bob.get("/admin").text
    assert ada.post("/admin/borders", fields | {"view": ""}).status == 303
    assert "neutral, no position taken" in ada.get("/admin").text


def test_the_watch_tells_a_form_in_one_line(floor: Floor) -> None:
    means: dict[str, Json] = {"confidence": "partly", "own-forces": "unknown", "next": "now+30m",
             "name": "North field", "where": "50.47N 23.93E +-200 M"}  # fmt: skip
    done = floor.call("incident_say", at=floor.alpha, officer="A", does="open", means=means)
    if not done["released"]:
        floor.call("release", at=floor.alpha, draft=done["draft"], officer="B")
    floor.settle()
    page = floor.visitor("observer").get("/?part=inbound").text
    assert "What we know: we know in part · " in page
    assert "North field" in page
    assert "&lt;span" not in page
