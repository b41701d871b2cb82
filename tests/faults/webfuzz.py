"""A fuzzer against the desk's HTTP and the station's local API.

The desk publishes no OpenAPI description, which a fuzzer of APIs would read: its routes are HTML
forms. So the strategy is our own: paths are drawn from the application's own table, names of fields
from what the handlers read, acts and arguments from the station's. Whatever comes, there is an
answer in time, it is no 5xx and no trace of a fault, it carries the headers, and the process lives.
"""

from __future__ import annotations

import inspect
import json
import random
import re
import socket
import time
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from tests.faults.floor import PASSWORD, Floor, here
from tests.faults.rows import need
from tests.web.plain import Plain

from tieline.desk.web import screens
from tieline.desk.web.guard import HEADERS
from tieline.node import acts, api
from tieline.node.acts import NodeActs
from tieline.node.client import short_name

Pairs = list[tuple[str, str]]
REQUESTS: Final = 25  # of one case
LIMIT_S: Final = 30.0  # of one answer; generous, for a machine with other work
WEB: Final = Path(screens.__file__).parents[1]
NODE: Final = Path(api.__file__).parent
# What would end the station, or set its clock, is for its operator; the socket is the operator's.
LEFT_OUT: Final = frozenset({"stop", "clock", "settle", "keys_reload"})
TRACES: Final = (b"Traceback", b"Internal Server Error", b'.py", line', b"jinja2.exceptions")


ROUTES: Final = (
    *((each.path, each.method) for each in screens.ROUTES if each.path != "/logout"),
    ("/login", "GET"), ("/login", "POST"), ("/static/{name}", "GET"), ("/{any}", "GET"),
    ("/events", "GET"),
)  # fmt: skip


@cache
def fields() -> tuple[str, ...]:
    """Every name of a field that a handler reads."""
    found = {"csrf", "part", "since", "file"}
    for path in sorted(WEB.rglob("*.py")):
        found |= set(re.findall(r'(?:field|fields|upload)\("([^"]+)"', path.read_text("utf-8")))
    return tuple(sorted(found))


@cache
def of_route(path: str, method: str) -> tuple[str, ...]:
    """The names that the module of a route's handler reads; of every one where it has none."""
    for route in screens.ROUTES:
        if (route.path, route.method) == (path, method):
            source = Path(inspect.getfile(route.handler)).read_text("utf-8")
            found = re.findall(r'(?:field|fields|upload)\("([^"]+)"', source)
            return tuple(sorted({*found})) or fields()
    return ("csrf", "name", "password", "code", "to")


@cache
def arguments() -> tuple[str, ...]:
    """Every name of an argument that an act takes."""
    kinds = "text|number|flag|texts|choice|digest|refs|fields|answers|objects"
    found: set[str] = set()
    for path in sorted(NODE.glob("*.py")):
        found |= set(re.findall(rf'\.(?:{kinds})\("(\w+)"', path.read_text("utf-8")))
    return tuple(sorted(found - {"out"}))  # the name of a file to write is the operator's own


@cache
def known_acts() -> tuple[str, ...]:
    """Every act of a station."""
    late = (
        acts.ABOUT_AGREEMENTS, acts.ABOUT_ALARMS, acts.ABOUT_INCIDENTS, acts.ABOUT_JOINTS,
        acts.FOR_DESKS, acts.ON_RECORD,
    )  # fmt: skip
    made = set(NodeActs(here().bravo.host)._acts).union(*late)
    return tuple(sorted(made - LEFT_OUT))


NASTY: Final = (
    "", "0", "-1", "1", "9" * 30, "9" * 5_000, "1e999", "nan", "inf", "-0", "0x10", "١٢", "²",
    "\x00", "\r\n", "\u202e", "\ud800", "\U0010ffff", "a" * 20_000, "../..", "{{7*7}}", "%s%n",
    "' OR 1=1 --", "<script>", "null", "[]", "{}", '{"a":', "[" * 5_000, "true", "now", "now+30m",
    "2026-11-26T10:00Z", "261000Z NOV 26", "99999-01-01", "54.1, 9.2", "32UNF", "yes", "en", "ar",
    "send", "preview", "text", "sign", "FLASH", "ROUTINE", "ALPHA", "BRAVO", "one", "two",
    "ab" * 32,
    "crisis/report", "incident/open", "position", "1.5,7", "é", "e\u0301", "ﬀ", "ｅ",
)  # fmt: skip


@cache
def values(item: str, line: str) -> st.SearchStrategy[str]:
    """Texts for any place: what fits somewhere, and what fits nowhere."""
    return st.one_of(
        st.sampled_from(("9" * 30, "9" * 5_000, "-" + "9" * 40, "1e999", "nan")),
        st.sampled_from((item, line, "1", "yes", f"{item}x", PASSWORD)),
        st.sampled_from(NASTY),
        st.sampled_from(NASTY),
        st.text(st.characters(codec=None), max_size=60),
        st.integers(-(2**70), 2**70).map(str),
    )


def fuzzed_http(seed: int) -> None:
    """Some requests at the desk, by nobody and by everybody."""
    floor = here()
    item, line = _there(floor)
    route = ROUTES[seed % len(ROUTES)]
    names = of_route(*route)
    visitors = {
        "all": floor.visitor(*_ALL), "observer": floor.visitor("observer"), "none": Plain(floor),
    }  # fmt: skip
    texts = values(item, line)
    forms = st.lists(st.tuples(st.sampled_from(fields()), texts), max_size=3)
    kinds = st.sampled_from(("form", "form", "form", "parts", "json", "bytes"))

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=REQUESTS, database=None, deadline=None, phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    @hypothesis.given(
        own=st.tuples(*(st.tuples(st.just(name), st.one_of(st.none(), texts)) for name in names)),
        parts=st.lists(texts, min_size=3, max_size=3), form=forms,
        query=forms, who=st.sampled_from(("all", "all", "all", "observer", "none")), kind=kinds,
        data=st.binary(max_size=300),
    )  # fmt: skip
    def one(
        own: tuple[tuple[str, str | None], ...],
        parts: list[str],
        form: Pairs,
        query: Pairs,
        who: str,
        kind: str,
        data: bytes,
    ) -> None:
        mine = [(name, value) for name, value in own if value is not None]
        turn = iter(parts)
        path = re.sub(r"\{[^}]*\}", lambda _: _quoted(next(turn)[:1_200]), route[0])
        if query or route[1] == "GET":
            short = [(name, value[:200]) for name, value in [*mine, *query][:8]]
            path += "?" + urlencode(short, errors="surrogatepass")
        visitor = visitors[who]
        given = [*mine, *form, ("csrf", visitor.token)]
        body, head = _body(kind, given, data) if route[1] == "POST" else (None, {})
        _ask(floor, visitor, route[1], path, body, head)

    one()
    need(visitors["all"].get("/manner").status in (200, 303), "the desk has stopped")


_ALL: Final = ("watch-officer", "treaty-officer", "releaser", "administrator", "observer")


def _there(floor: Floor) -> tuple[str, str]:
    """An item and a line that there are."""
    items = floor.call("log", limit=1)["items"]
    lines = floor.call("status")["lines"]
    assert isinstance(items, list)
    assert isinstance(lines, list)
    last, line = items[-1], lines[0]
    assert isinstance(last, dict)
    assert isinstance(line, dict)
    return str(last["item"]), str(line["line"])


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def _body(kind: str, form: Pairs, data: bytes) -> tuple[bytes, dict[str, str]]:
    if kind == "form":
        made = urlencode(form, errors="surrogatepass").encode()
        return made, {"content-type": "application/x-www-form-urlencoded"}
    if kind == "json":
        return json.dumps(dict(form)).encode(), {"content-type": "application/json"}
    if kind == "bytes":
        return data, {"content-type": "multipart/form-data; boundary=x"}
    out = b""
    for name, value in form:
        raw = value.encode("utf-8", "surrogatepass")
        file = f'; filename="{name}.tlbundle"' if name == "file" else ""
        out += f'--xyz\r\ncontent-disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        out += raw + b"\r\n"
    return out + b"--xyz--\r\n", {"content-type": "multipart/form-data; boundary=xyz"}


def _ask(
    floor: Floor,
    visitor: Plain,
    method: str,
    path: str,
    body: bytes | None,
    head: dict[str, str],
) -> None:
    how = f"{method} {path[:300]} {(body or b'')[:600]!r}"
    began = time.monotonic()
    more = visitor.own if method == "POST" else {}
    try:
        if path.startswith("/events") and visitor.token:
            return
        answer = visitor.ask(method, path, body, head | more)
    except (OSError, HTTPException) as error:
        need(False, f"{how}: no answer ({error!r})")
        return
    need(time.monotonic() - began < LIMIT_S, f"{how} took more than {LIMIT_S:.0f} s")
    need(answer.status < 500, f"{how} was answered {answer.status}")
    for mark in TRACES:
        need(mark not in answer.body, f"{how} shows {mark!r}")
    for name, value in HEADERS:
        need(answer.headers.get(name.decode()) == value.decode(), f"{how}: {name!r} is missing")


# ------------------------------------------------------------------------------ the local API


def fuzzed_api(seed: int) -> None:
    """Some acts at the station's own socket: an answer for each, and never a defect."""
    floor = here()
    item, line = _there(floor)
    chance = random.Random(f"api {seed}")
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(LIMIT_S)
        with short_name(floor.socket) as name:
            raw.connect(name)
        with raw.makefile("rb") as lines:
            for number in range(REQUESTS):
                sent = _request(chance, number, item, line)
                raw.sendall(sent + b"\n")
                said = json.loads(lines.readline())
                need(isinstance(said, dict) and "ok" in said, f"{sent[:400]!r}: {said!r}")
                if not said["ok"]:
                    code = said["error"]["code"]
                    need(code not in ("api.defect", "station.defect"), f"{sent[:600]!r}: {code}")
    need(not floor.bravo.failed, "the station has stopped")
    need(floor.call("pulse") is not None, "the station does not answer")


def _request(chance: random.Random, number: int, item: str, line: str) -> bytes:
    def value(depth: int = 0) -> object:
        kind = chance.randrange(9 if depth < 3 else 6)
        if kind < 3:
            return chance.choice((*NASTY, item, item, line, line))
        if kind == 3:
            return chance.choice((0, 1, -1, 2**53, 2**64, -(2**70), 10**400, 1.5, 1e308))
        if kind == 4:
            return chance.choice((True, False, None))
        if kind == 5:
            return chance.choice(("en", "ROUTINE", "ALPHA", "text", "A. Okafor"))
        if kind == 6:
            return [value(depth + 1) for _ in range(chance.randrange(4))]
        return {str(value(3))[:50]: value(depth + 1) for _ in range(chance.randrange(4))}

    args: dict[str, object] = {}
    if chance.random() < 0.7:
        args["officer"] = "A. Okafor"
    for name in chance.sample(arguments(), chance.randrange(4)):
        args[name] = value()
    if chance.random() < 0.5:
        args[chance.choice(("line", "item", "incident"))] = chance.choice((line, item))
    body = {"id": number, "act": chance.choice(known_acts()), "args": args}
    return json.dumps(body, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
