"""What the desk lets nobody do from outside: each route of the table, and the doors before it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from tests.web.house import PASSWORD, House
from tests.web.plain import Plain, raw, visitor

from tieline.desk.web import guard, logins, screens, server
from tieline.desk.web.guard import HEADERS, MAX_BODY, POLICY

DIGEST = "ab" * 32
POSTS = [route.path for route in screens.ROUTES if route.method == "POST"]
GETS = [route.path for route in screens.ROUTES if route.method == "GET"]


def filled(path: str) -> str:
    """A route with something in the place of each of its parts."""
    out = path.replace("{digest}", DIGEST).replace("{incident}", DIGEST)
    return "/".join("1" if part.startswith("{") else part for part in out.split("/"))


def state(house: House) -> tuple[object, ...]:
    """What a POST could change: the journal of the station, and the desk's accounts."""
    station = house.bravo.call("status")
    officers = house.bravo.ok("desk", "officer", "list", "--json")
    return (house.bravo.call("log")["items"], station["party"], officers)


def test_every_answer_carries_the_policy(house: House) -> None:
    bob = visitor(house.b)
    asked = [bob.get(filled(path)) for path in GETS]
    asked += [
        bob.get(path) for path in ("/nothing", "/static/desk.js", "/static/x", "/favicon.ico")
    ]
    asked += [Plain(house.b).get(path) for path in ("/", "/login", "/?part=lines", "/events")]
    asked += [bob.ask("PUT", "/"), bob.ask("GET", "/", host="evil.example"), bob.post("/", {})]
    for answer in asked:
        for name, value in HEADERS:
            assert answer.headers[name.decode()] == value.decode(), answer
        assert answer.headers.get("server") is None
        kept = answer.headers["cache-control"]
        assert kept == "no-store" or "charset=utf-8" in answer.headers["content-type"], answer
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY


@pytest.fixture(scope="module")
def callers(house: House) -> dict[str, Plain]:
    """One session of each: what is refused ends none."""
    return {role: visitor(house.b, role) for role in ("watch-officer", "administrator", "releaser")}


@pytest.mark.parametrize("path", POSTS)
def test_a_post_is_refused_unless_it_is_of_this_session_and_this_desk(
    house: House, callers: dict[str, Plain], path: str
) -> None:
    before = state(house)
    for role in ("watch-officer", "administrator"):
        who, other = callers[role], callers["releaser"]
        assert who.get("/manner").status == 200
        place, good = filled(path), {"csrf": who.token}
        refused = {
            "no token": who.post(place, {}),
            "a wrong token": who.post(place, {"csrf": "x"}),
            "another session's token": who.post(place, {"csrf": other.token}),
            "another origin": who.post(place, good, {"origin": "http://evil.example"}),
            "no origin": who.post(place, good, {"origin": "null"}),
            "another port": who.post(place, good, {"origin": "http://127.0.0.1:1"}),
            "another site": who.post(place, good, {"sec-fetch-site": "cross-site"}),
            "a same site": who.post(place, good, {"sec-fetch-site": "same-site"}),
            "nothing said": who.post(place, good, {}),
            "a rebound name": who.ask("POST", place, b"", who.own, host="evil.example"),
            "a rebound port": who.ask("POST", place, b"", who.own, host="127.0.0.1:1"),
        }
        assert {why: answer.status for why, answer in refused.items()} == dict.fromkeys(
            refused, 403
        )
        stranger = Plain(house.b)
        assert stranger.post(place, good).status == 401
    if path not in GETS:
        assert callers["watch-officer"].get(filled(path)).status in (404, 405)
    assert state(house) == before


@pytest.mark.parametrize("path", GETS)
def test_nothing_is_shown_to_who_is_not_logged_in(house: House, path: str) -> None:
    answer = Plain(house.b).get(filled(path))
    assert (answer.status, answer.text) == (303, "")
    assert answer.headers["location"].startswith("/login")
    assert Plain(house.b).get(filled(path) + "?part=frame").status == 401
    forged = Plain(house.b, {f"tieline_{house.b.port}": "A" * 43})
    assert forged.get(filled(path)).status == 303


def test_a_planted_session_is_worth_nothing_and_a_login_ends_the_one_before(house: House) -> None:
    name = f"tieline_{house.b.port}"
    bob = Plain(house.b, {name: "planted"})
    assert bob.login(house.b.officers["watch-officer"]).status == 303
    first = bob.cookies[name]
    assert first != "planted"
    assert bob.login(house.b.officers["watch-officer"]).status == 303
    assert bob.cookies[name] != first
    assert Plain(house.b, {name: first}).get("/").status == 303
    before = bob.token
    answer = bob.login(house.b.officers["watch-officer"])
    (cookie,) = [each for each in answer.cookies if each.startswith(f"{name}=")]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert bob.post("/logout", {"csrf": before}).status == 403
    kept = dict(bob.cookies)
    assert bob.post("/logout", {"csrf": bob.token}).status == 303
    assert Plain(house.b, kept).get("/").status == 303


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example",
        "/\\evil.example",
        "http://evil.example/",
        "/\r\nX: y",
        "/login",
        "javascript:1",
    ],
)
def test_a_login_leads_nowhere_else(house: House, to: str) -> None:
    bob = Plain(house.b)
    answer = bob.login(house.b.officers["watch-officer"], to=to)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert "x" not in answer.headers


def test_guesses_are_slowed_by_name_and_the_others_are_not(house: House) -> None:
    name = house.b.officers["observer"]
    codes = [Plain(house.b).login(name, "wrong").status for _ in range(5)]
    assert codes[:3] == [403, 403, 403]
    assert 429 in codes
    assert Plain(house.b).login(house.b.officers["releaser"]).status == 303
    nobody = [Plain(house.b).login("Nobody", "wrong").status for _ in range(5)]
    assert nobody[:3] == [403, 403, 403]
    assert 429 in nobody
    house.bravo.ok("desk", "officer", "unlock", name)
    assert Plain(house.b).login(name).status == 303


def test_what_is_too_large_is_refused_before_it_is_read(house: House) -> None:
    bob = visitor(house.b)
    head = (
        f"POST /keep HTTP/1.1\r\nhost: 127.0.0.1:{house.b.port}\r\norigin: {house.b.address}\r\n"
        f"cookie: tieline_{house.b.port}={bob.cookies[f'tieline_{house.b.port}']}\r\n"
    )
    stated = raw(house.b, f"{head}content-length: {MAX_BODY + 1}\r\n\r\n".encode())
    assert stated.startswith(b"HTTP/1.1 413 ")
    form = "content-type: application/x-www-form-urlencoded\r\n"
    chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    chunked = f"{head}{form}transfer-encoding: chunked\r\n\r\n".encode() + chunk * 17
    assert raw(house.b, chunked).startswith(b"HTTP/1.1 413 ")
    many = {f"field{number}": "x" for number in range(logins.MAX_FIELDS + 5)}
    assert bob.post("/keep", many | {"csrf": bob.token}).status in (400, 403)
    long = raw(house.b, f"{head}x: {'y' * 40_000}\r\n\r\n".encode())
    assert long.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))
    assert bob.get("/").status == 200


@pytest.mark.parametrize(
    "name", ["../app.py", "..%2fapp.py", "%2e%2e/vault.py", "/etc/passwd", "desk.css%00", "."]
)
def test_no_file_but_those_meant_is_given_out(house: House, name: str) -> None:
    assert visitor(house.b).get(f"/static/{name}").status == 404


def test_an_observer_does_nothing(house: House) -> None:
    before = state(house)
    eve = visitor(house.b, "observer")
    for path in ("/test-line", f"/item/{DIGEST}/acknowledge", "/keep"):
        assert eve.post(path, {"csrf": eve.token, "kind": "x", "body": "{}"}).status == 403
    assert state(house) == before


def test_what_is_said_from_outside_is_shown_and_never_run(house: House) -> None:
    texts = [
        "<script>window.bad = 1</script>",
        "<img src=x onerror='window.bad=1'>\"'><svg onload=window.bad=1>",
        "{{ visit.session.token }} {% raw %}",
        "javascript:window.bad=1",
        "user\u202egnp.exe and \u2066isolated\u2069 \u200bzero",
        "FL\u0391SH p\u0430ypal",
    ]
    for text in texts:
        house.message(text, "PRIORITY")
        house.bravo.said(text)
    with house.person(house.b) as bob:
        bob.sees("⟨U+202E⟩")
        seen = bob.text("[data-live=inbound]")
        for text in texts[:4]:
            assert text in seen
        assert "⟨U+0391⟩" in seen
        assert not set(seen) & set("\u202e\u2066\u200b")
        links = "document.querySelectorAll('[data-live=inbound] [data-open]')"
        for link in bob.page.value(f"[...{links}].map((each) => each.pathname)"):
            bob.go(link)
            assert bob.page.value("window.bad === undefined")
        assert bob.complaints() == []


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> int:
    """A server that waits for a head of a request for a moment only; its port."""
    monkeypatch.setattr(server, "HEADER_S", 0.2)
    monkeypatch.setattr(guard, "BODY_S", 0.05)
    monkeypatch.setattr(guard, "READ_S", 0.05)
    return served(lambda: None)


def served(turn: Callable[[], object]) -> int:
    """A server that reads a form after ``turn`` has ended; its port."""
    listener = server.bind("127.0.0.1", 0)
    port = int(listener.getsockname()[1])
    up = threading.Event()

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(turn)
        body = await Request(scope, receive).body()
        await PlainTextResponse(f"{len(body)}")(scope, receive, send)

    async def ready() -> None:
        up.set()

    def serve() -> None:
        built = guard.Guard(inner, [f"127.0.0.1:{port}"])
        asyncio.run(server.run(built, listener, asyncio.Event(), ready))

    threading.Thread(target=serve, daemon=True).start()
    assert up.wait(30)
    return port


@pytest.mark.parametrize("first", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: "])
def test_who_says_nothing_or_half_is_let_go(hasty: int, first: bytes) -> None:
    with socket.create_connection(("127.0.0.1", hasty), timeout=30) as stranger:
        stranger.sendall(first)
        assert stranger.recv(1) == b""


def test_a_body_that_does_not_come_is_not_waited_for(hasty: int) -> None:
    head = f"POST / HTTP/1.1\r\nhost: 127.0.0.1:{hasty}\r\norigin: http://127.0.0.1:{hasty}\r\n"
    with socket.create_connection(("127.0.0.1", hasty), timeout=30) as stranger:
        stranger.sendall(f"{head}content-length: 10\r\n\r\nabc".encode())
        assert stranger.recv(12) == b"HTTP/1.1 408"


def test_a_form_in_two_packets_is_read_though_its_turn_came_after_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a flood of strangers it is the desk that made it wait, and not who sent it."""
    monkeypatch.setattr(guard, "BODY_S", 0.0)
    began, sent = threading.Event(), threading.Event()

    def turn() -> None:
        began.set()
        assert sent.wait(30)

    port = served(turn)
    head = f"POST / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\norigin: http://127.0.0.1:{port}\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as stranger:
        stranger.sendall(f"{head}content-length: 10\r\n\r\n".encode())
        assert began.wait(30)
        stranger.sendall(b"0123456789")
        sent.set()
        assert stranger.recv(12) == b"HTTP/1.1 200"


def test_the_password_is_in_no_page_and_no_answer(house: House) -> None:
    bob = visitor(house.b)
    assert not any(PASSWORD in bob.get(filled(path)).text for path in GETS)
