"""P10 at the desk's doors: forged forms, planted sessions, headers, paths, guesses, rights."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tests.faults.floor import GETS, PASSWORD, POSTS, Floor, filled, here
from tests.faults.rows import need
from tests.web.plain import Answer, Plain, raw

from tieline.core.errors import LocalError
from tieline.desk.web import credentials, rights
from tieline.desk.web.officers import FREE_GUESSES, LOCK_MS, ROLES, Officer
from tieline.node.view import Json

ROOT: Final = Path(__file__).resolve().parents[2]
ROLE_SETS: Final = tuple(
    chosen for size in range(1, len(ROLES) + 1) for chosen in itertools.combinations(ROLES, size)
)
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}

# ------------------------------------------------------------------------------- forged forms

Forge = Callable[[Floor, Plain, str], Answer]


def _with(headers: dict[str, str], token: str | None = None) -> Forge:
    """A POST with a good token (or that one), and these words on where it comes from."""

    def forged(_: Floor, who: Plain, place: str) -> Answer:
        given = who.token if token is None else token
        return who.post(place, {"csrf": given} if given else {}, headers)

    return forged


def _anothers(floor: Floor, who: Plain, place: str) -> Answer:
    return who.post(place, {"csrf": floor.visitor("releaser").token})


def _earlier(floor: Floor, who: Plain, place: str) -> Answer:
    """The token of the same officer's other session."""
    return who.post(place, {"csrf": floor.fresh("observer").token or who.token + "x"})


def _no_token(_: Floor, who: Plain, place: str) -> Answer:
    return who.post(place, {})


def _in_address(_: Floor, who: Plain, place: str) -> Answer:
    return who.post(f"{place}?csrf={quote(who.token)}", {})


def _as_text(_: Floor, who: Plain, place: str) -> Answer:
    head = who.own | {"content-type": "text/plain"}
    return who.ask("POST", place, f"csrf={who.token}".encode(), head)


def _as_json(_: Floor, who: Plain, place: str) -> Answer:
    head = who.own | {"content-type": "application/json"}
    return who.ask("POST", place, f'{{"csrf":"{who.token}"}}'.encode(), head)


def _host(name: str) -> Forge:
    def forged(_: Floor, who: Plain, place: str) -> Answer:
        return who.ask("POST", place, f"csrf={who.token}".encode(), who.own | FORM, host=name)

    return forged


def _stranger(floor: Floor, who: Plain, place: str) -> Answer:
    return Plain(floor).post(place, {"csrf": who.token})


def _got(_: Floor, who: Plain, place: str) -> Answer:
    """A form that is sent by GET, which a link can do."""
    return who.get(f"{place}?csrf={quote(who.token)}&kind=x&body=%7B%7D&officer=1&line=")


def _method(name: str) -> Forge:
    def forged(_: Floor, who: Plain, place: str) -> Answer:
        head = who.own | FORM | {"x-http-method-override": "POST"}
        return who.ask(name, place, f"csrf={who.token}".encode(), head)

    return forged


FORGED: Final[tuple[tuple[str, Forge, tuple[int, ...]], ...]] = (
    ("no token", _no_token, (403,)),
    ("a wrong token", _with({}, "x"), (403,)),
    ("another session's token", _anothers, (403,)),
    ("a token of another session that ended", _earlier, (403,)),
    ("the token in the address", _in_address, (403,)),
    ("the token in a plain text", _as_text, (403,)),
    ("the token in JSON", _as_json, (403,)),
    ("another origin", _with({"origin": "http://evil.example"}), (403,)),
    ("no origin", _with({"origin": "null"}), (403,)),
    ("another port", _with({"origin": "http://127.0.0.1:1"}), (403,)),
    ("another site", _with({"sec-fetch-site": "cross-site"}), (403,)),
    ("the same site", _with({"sec-fetch-site": "same-site"}), (403,)),
    ("nobody's doing", _with({"sec-fetch-site": "none"}), (403,)),
    ("nothing said", _with({}), (403,)),
    ("a rebound name", _host("evil.example"), (403,)),
    ("a rebound port", _host("127.0.0.1:1"), (403,)),
    ("not logged in", _stranger, (401, 403)),
    ("by GET", _got, (200, 303, 403, 404, 405, 409)),
    ("by PUT", _method("PUT"), (405,)),
    ("by DELETE", _method("DELETE"), (405,)),
)
FORGERIES: Final = len(POSTS) * len(FORGED)


def forged_form(seed: int) -> None:
    """One route of the table, one way to forge its form: refused, and nothing has changed."""
    how, forge, fine = FORGED[seed % len(FORGED)]
    path = POSTS[(seed // len(FORGED)) % len(POSTS)]
    floor = here()
    who = floor.visitor(*ROLE_SETS[-1])  # who may do anything, so that only the forgery refuses it
    place, before = filled(path), floor.state()
    answer = forge(floor, who, place)
    need(answer.status in fine, f"POST {place} with {how} was answered {answer.status}")
    need(floor.state() == before, f"POST {place} with {how} has changed something")
    need(who.get("/manner").status == 200, f"POST {place} with {how} has ended the session")


# -------------------------------------------------------------------------- planted sessions

PLANTED: Final = ("planted", "A" * 43, "", "a" * 4_000, "x%00y", '"', "../../desk.db")


def planted_session(seed: int) -> None:
    """A session that was there before a login is worth nothing after it."""
    chance, floor = random.Random(f"planted {seed}"), here()
    role = ROLES[seed % len(ROLES)]
    name = floor.officer(role).name
    floor.within(_unlock(floor, name))
    cookie = floor.desk.cookie
    who = Plain(floor, {cookie: PLANTED[seed % len(PLANTED)]})
    if seed % 3 == 2:  # a session of somebody else, who has brought it here to be taken over
        who = Plain(floor, dict(floor.fresh("observer").cookies))
    planted = dict(who.cookies)
    need(who.login(name).status == 303, "a login with a planted session is refused")
    first = dict(who.cookies)
    need(first[cookie] != planted[cookie], "a login goes on with the session that was planted")
    need(Plain(floor, planted).get("/").status == 303, "what was planted is logged in")
    mark = next(each for each in who.get("/login").cookies)
    need("httponly" in mark.lower() and "samesite=strict" in mark.lower(), f"a cookie is {mark}")
    before = who.token
    answer = who.login(name)
    need(answer.status == 303, "a second login is refused")
    (set_,) = [each for each in answer.cookies if each.startswith(f"{cookie}=")]
    need("httponly" in set_.lower() and "samesite=strict" in set_.lower(), f"a cookie is {set_}")
    need("domain" not in set_.lower(), "a cookie is for more than this desk")
    need(Plain(floor, first).get("/").status == 303, "the session before the login goes on")
    need(who.token != before, "a token outlives its session")
    if chance.random() < 0.5:
        need(who.post("/logout", {"csrf": who.token}).status == 303, "nobody gets out")
    else:
        floor.within(_switch(floor, floor.officer(role)))
    need(Plain(floor, dict(who.cookies)).get("/").status == 303, "a session outlives its end")


async def _unlock(floor: Floor, name: str) -> None:
    floor.desk.officers.unlock(name)


async def _switch(floor: Floor, officer: Officer) -> None:
    """Out and in again, by an administrator: the sessions end."""
    people = floor.desk.officers
    with floor.desk.vault.together():
        floor.desk.vault.do("DELETE FROM session WHERE officer = ?", officer.id)
    people.unlock(officer.name)


# --------------------------------------------------------------------------------- the headers

ASKED: Final = (
    *(("GET", filled(path)) for path in GETS),
    *(("GET", f"{filled(path)}?part=frame") for path in GETS),
    *(("POST", filled(path)) for path in POSTS),
    *(("GET", path) for path in ("/nothing", "/static/desk.js", "/static/x", "/favicon.ico")),
    *(("HEAD", "/"), ("PUT", "/"), ("OPTIONS", "/"), ("TRACE", "/"), ("GET", "/login"),
      ("POST", "/login"), ("GET", "/%00"), ("GET", "/item/%ff"), ("GET", "//evil.example/")),
)  # fmt: skip
WANTED: Final = {
    "x-frame-options": "DENY", "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
}  # fmt: skip
RULES: Final = (
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'",
    "base-uri 'none'", "form-action 'self'", "require-trusted-types-for 'script'",
)  # fmt: skip


def headers(seed: int) -> None:
    """No page elsewhere may frame, sniff or read any answer, whoever asks, however it ends."""
    method, path = ASKED[seed % len(ASKED)]
    floor = here()
    who = (floor.visitor(*ROLE_SETS[-1]), floor.visitor("observer"), Plain(floor))[seed % 3]
    head = who.own | FORM if method == "POST" else {}
    answer = who.ask(method, path, b"csrf=x" if method == "POST" else None, head)
    need(answer.status < 500, f"{method} {path} was answered {answer.status}")
    for name, value in WANTED.items():
        need(answer.headers.get(name) == value, f"{method} {path}: {name} is missing")
    policy = answer.headers.get("content-security-policy", "").split("; ")
    for rule in RULES:
        need(rule in policy, f"{method} {path}: the policy lacks {rule}")
    need("unsafe" not in " ".join(policy), "the policy lets in what is unsafe")
    need("http" not in " ".join(policy), "the policy names somebody else")
    need("server" not in answer.headers, "the server says what it is")
    need("access-control-allow-origin" not in answer.headers, "others may read an answer")
    kept = answer.headers.get("cache-control", "")
    need("no-store" in kept or path.startswith(("/static/", "/favicon")), f"{path} is kept: {kept}")


# ----------------------------------------------------------------------------- header injection

BREAKS: Final = (
    "\r\nx-planted: 1", "\nx-planted: 1", "\rx-planted: 1", "%0d%0ax-planted:%201",
    "%0ax-planted:%201", "\u560d\u560ax-planted: 1", "%E5%98%8A%E5%98%8Dx-planted:1",
    "\r\n\r\n<script>alert(1)</script>", "%00\r\nx-planted: 1", "\x0bx-planted: 1",
    "\u2028x-planted: 1", '"; x-planted=1', "/\\evil.example", "//evil.example", "\tx-planted: 1",
)  # fmt: skip
PLACES: Final = ("to", "back", "query", "path", "party", "once", "cookie", "part", "since", "name")
INJECTIONS: Final = len(BREAKS) * len(PLACES)


def injected_header(seed: int) -> None:
    """What breaks a line never makes a header, nor leads to another desk."""
    text, place = BREAKS[seed % len(BREAKS)], PLACES[(seed // len(BREAKS)) % len(PLACES)]
    floor = here()
    who = floor.visitor(*ROLE_SETS[-1])
    head = _head(floor, floor.desk.cookie, who.cookies[floor.desk.cookie])
    sent = quote(text, safe="%/\\")
    target = {
        "query": f"/?x={sent}", "path": f"/item/{sent}", "part": f"/?part={sent}",
        "since": f"/events?since={sent}x", "name": f"/static/{sent}",
    }.get(place, "")  # fmt: skip
    if place == "to":
        stranger = Plain(floor)
        floor.within(_unlock(floor, floor.officer("observer").name))
        answer = stranger.login(floor.officer("observer").name, to=text)
        need(answer.status == 303, f"a login with {text!r} was answered {answer.status}")
        _clean(str(answer.headers), f"/login to {text!r}")
        need(answer.headers["location"].startswith("/"), "a login leads away")
        need(not answer.headers["location"].startswith(("//", "/\\")), "a login leads away")
        return
    if place in ("back", "party", "once"):
        fields = {"csrf": who.token, "back": text, "party": text, "once": text, "line": text}
        answer = who.post(
            {"back": "/silence", "party": "/admin/compare"}.get(place, "/keep"), fields
        )
        where = answer.headers.get("location", "/")
        _clean(str(answer.headers), f"{place} {text!r}")
        need(where.startswith("/") and not where.startswith(("//", "/\\")), f"it leads to {where}")
        return
    if place == "cookie":
        target, head = "/login", _head(floor, f"{floor.desk.cookie}_login", quote(text))
    if place == "since":
        answer = Plain(floor).get(target)
        _clean(str(answer.headers), f"{place} {text!r}")
        return
    data = f"GET {target} HTTP/1.1\r\n{head}\r\nconnection: close\r\n\r\n".encode()
    said = raw(floor, data).partition(b"\r\n\r\n")[0].decode("latin-1")
    _clean(said, f"{place} {text!r}")
    need(" 50" not in said.partition("\r\n")[0], f"{place} {text!r} was answered {said[:30]}")


def _head(floor: Floor, cookie: str, value: str) -> str:
    return f"host: 127.0.0.1:{floor.port}\r\ncookie: {cookie}={value}"


def _clean(headers: str, how: str) -> None:
    lines = re.split(r"[\r\n]|', '", headers.lower())
    need(
        not any(line.strip().startswith("x-planted") for line in lines), f"{how}: a header of ours"
    )


# --------------------------------------------------------------------------------------- paths

CANARY: Final = "canary-of-the-vault"
UPS: Final = (
    "../{0}", "..%2f{0}", "%2e%2e/{0}", "%2e%2e%2f{0}", "..%5c{0}", "....//{0}", "..;/{0}",
    "%252e%252e%252f{0}", "..%c0%af{0}", "/{0}", "%2f{0}", "{0}%00.css", "./{0}", "desk.css/../{0}",
    "desk.css%2f..%2f{0}", "..\\{0}", "file:///{0}", "~/{0}", "{0}?", "{0}#",
)  # fmt: skip
FILES: Final = (
    "desk.db",
    "app.py",
    "../app.py",
    "etc/passwd",
    "run/station.sock",
    "proc/self/environ",
)
DOORS: Final = (
    "/static/{0}", "/item/{0}", "/incident/{0}", "/incident/{0}/report.html", "/draft/{0}",
    "/handover/{0}", "/why/{0}", "/agreements/owed/{0}", "/joint/{0}", "/leaving/{0}",
    "/incident/x/report.{0}", "/record/stories/{0}/save", "/agreements/{0}", "/incident/x/say/{0}",
)  # fmt: skip
TRAVERSALS: Final = len(UPS) * len(FILES) * len(DOORS)


def traversed(seed: int) -> None:
    """No name in an address, a form or a file's name reaches a file of the machine."""
    up = UPS[seed % len(UPS)]
    name = FILES[(seed // len(UPS)) % len(FILES)]
    door = DOORS[(seed // len(UPS) // len(FILES)) % len(DOORS)]
    floor = here()
    target = door.format(up.format(name))
    who = floor.visitor(*ROLE_SETS[-1])
    head = _head(floor, floor.desk.cookie, who.cookies[floor.desk.cookie])
    data = raw(floor, f"GET {target} HTTP/1.1\r\n{head}\r\nconnection: close\r\n\r\n".encode())
    status = data[9:12]
    need(not status.startswith(b"5"), f"GET {target} was answered {status!r}")
    for mark in (b"SQLite", b"root:x:0", b"from __future__", b"PATH=", b"def build("):
        need(mark not in data, f"GET {target} gives out {mark!r}")
    if door.startswith("/static/"):
        need(status in (b"404", b"400", b"403", b"303", b"409"), f"GET {target}: {status!r}")
    inside = sorted(path.name for path in floor.place.iterdir())
    folder = [each for each in inside if not each.startswith(("desk.db", "run"))]
    need(not folder, f"something was written: {folder}")


# -------------------------------------------------------------------------------------- guesses

_RIGHT: Final = "the right words for this"


def guessed(seed: int) -> None:
    """A guesser in the desk's own time: slowed, locked, never let in; a way back; nobody else held.

    The hash itself is left out here (``credentials.fits``), so that thousands of guesses are made.
    """
    chance, floor = random.Random(f"guess {seed}"), here()
    people, name = floor.desk.officers, floor.officer("watch-officer").name
    real, clock = credentials.fits, floor.now_ms()

    async def play() -> tuple[int, int, int]:
        people.unlock(name)
        nonlocal clock
        looked = taken = wrong = 0
        for _ in range(chance.randint(20, 200)):
            clock += chance.choice((0, 1, 300, 2_000, 61_000))
            tries = chance.choice((1, 1, 1, 5))  # many at once are not many free ones
            for _ in range(tries):
                wait = people.wait_ms(name, clock)
                try:
                    found = await people.login(name, f"guess {chance.random()}", "", clock)
                    need(not wait, "a guess was looked at while guesses are not")
                    looked += 1
                    wrong += found is None
                except LocalError as error:
                    need(error.code == "login.wait", str(error))
                    taken += 1
                    need(wait, "a guess was put off while it should be looked at")
                    # While guesses wait, the right password opens nothing either.
                    with_right = "open"
                    try:
                        await people.login(name, _RIGHT, "", clock)
                    except LocalError:
                        with_right = "shut"
                    need(with_right == "shut", "the right words tell while guesses are put off")
        return looked, taken, wrong

    credentials.fits = lambda password, kept: password == _RIGHT and bool(kept)
    began = clock
    try:
        looked, _, wrong = floor.within(play())
        need(wrong == looked, "a wrong password let somebody in")
        hours = (clock - began) / 3_600_000
        most = FREE_GUESSES + 12 + 4 * hours + 2
        need(looked <= most, f"{looked} guesses were looked at in {hours:.2f} h")
        floor.within(_way_back(floor, name, clock, seed))
    finally:
        credentials.fits = real


async def _way_back(floor: Floor, name: str, clock: int, seed: int) -> None:
    """Time opens a lock, and an administrator does; the others were never held."""
    people = floor.desk.officers
    other = await people.login("Treaty-Officer", _RIGHT, "", clock)
    need(other is not None, "guesses at one name hold another one")
    for _ in range(20):
        if not people.wait_ms(name, clock):
            await people.login(name, "wrong", "", clock)
    if seed % 2:
        people.unlock(name)
    else:
        clock += LOCK_MS
    need(await people.login(name, _RIGHT, "", clock) is not None, "there is no way back")


# --------------------------------------------------------------------------------------- rights


@cache
def published() -> dict[str, frozenset[str]]:
    """The table that docs/desk-rights.md shows: act, and the roles that may do it."""
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in (ROOT / "docs" / "desk-rights.md").read_text("utf-8").splitlines()
        if line.startswith("|")
    ]
    head, *rest = (row for row in rows if not row[0].startswith("---"))
    return {
        row[0].replace("the desk's own: ", "desk.").strip("`"): frozenset(
            role for role, cell in zip(head[1:], row[1:], strict=True) if cell == "yes"
        )
        for row in rest
    }


ACTS: Final = tuple(sorted(rights.MAY))
CELLS: Final = len(ACTS) * len(ROLE_SETS)


def cell_of_rights(seed: int) -> None:
    """One act of the table, one set of roles, over HTTP: exactly what is published."""
    act, roles = ACTS[seed % len(ACTS)], ROLE_SETS[(seed // len(ACTS)) % len(ROLE_SETS)]
    floor = here()
    who = floor.fresh(*roles)
    before = floor.state()
    answer = who.post(f"/probe/{act}", {"csrf": who.token})
    allowed = bool(published().get(act, frozenset()) & set(roles))
    if not allowed:
        need(answer.status == 403, f"{', '.join(roles)} did {act}: {answer.status}")
        need(floor.state() == before, f"{', '.join(roles)} has changed something by {act}")
    else:
        need(answer.status in (200, 409), f"{', '.join(roles)} may not {act}: {answer.status}")


_PAGES: Final = re.compile("|".join(re.sub(r"\{[^}]*\}", "[^/]+", page) for page in GETS))
ROUTE_CELLS: Final = len(POSTS) * len(ROLE_SETS)


def route_of_rights(seed: int) -> None:
    """One POST route, one set of roles: what reaches the station is in the table for them."""
    path, roles = POSTS[seed % len(POSTS)], ROLE_SETS[(seed // len(POSTS)) % len(ROLE_SETS)]
    floor = here()
    if not any(floor.call("drafts")["drafts"]):  # type: ignore[arg-type]
        floor.call("send", text="A draft", precedence="ROUTINE", officer="Writer B")
    item = floor.call("log", limit=1)["items"][-1]["item"]  # type: ignore[index,call-overload]
    who = floor.fresh(*roles)
    asked: list[tuple[str, dict[str, Json]]] = []
    link = floor.desk.link
    real = link.call

    async def spied(act: str, args: dict[str, Json], patience_s: float = 20.0) -> dict[str, Json]:
        asked.append((act, args))
        return await real(act, args, patience_s)

    fields = {
        "csrf": who.token, "line": "", "do": "send", "form": "text", "text": "words",
        "lang": "en", "theirs": "fr", "precedence": "ROUTINE", "promised": "one", "once": f"{seed}",
        "password": PASSWORD, "version": str(item), "kind": "compose", "body": "{}", "alarm": "1",
        "hours": "1", "reason": "x", "note": "x", "output": "browser aaaaaa", "number": "1",
        "tab": "a" * 16, "works": "yes", "officer": "1", "name": "", "role": "observer",
        "session": "x", "staffed": "yes", "heard": "yes", "out": "", "party": "ALPHA",
        "words": "x", "old": "x", "new": "y", "language": "en", "theme": "auto", "next": "now",
    }  # fmt: skip
    link.call = spied  # type: ignore[method-assign]
    try:
        answer = who.post(filled(path, (str(item), "sign")), fields)
    finally:
        link.call = real  # type: ignore[method-assign]
    need(answer.status < 500, f"POST {path} was answered {answer.status}")
    for act, args in asked:
        if act in rights.READS:
            continue
        fine = published().get(act, frozenset()) & set(roles)
        need(fine, f"{', '.join(roles)} made the station do {act} by {path}")
        if act in rights.NAMES_OFFICER:
            named = str(args.get("officer"))
            need(named == floor.officer(*roles).name, f"{path} speaks in the name of {named!r}")
    page = answer.at.partition("?")[0]  # where the page that answers the form is without it
    need(not page or _PAGES.fullmatch(page), f"POST {path} leads back to {page}, which is no page")
