"""The rows of P8 and P10 at the web desk, and the desks that are broken on purpose for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from jinja2 import Environment
from markupsafe import Markup
from starlette.routing import Route
from starlette.types import Scope
from tests.faults import texts, unfinished, webcrowd, webdoors, webfull, webfuzz, webshown
from tests.faults.crowd import MANNERS
from tests.faults.floor import POSTS, stage
from tests.faults.rows import Row

from tieline.core import identity
from tieline.desk.cli import common, show
from tieline.desk.report import html
from tieline.desk.web import app, crowd, frame, guard, logins, rights, server, shapes
from tieline.desk.web.crowd import Connection, Crowd, Turns
from tieline.desk.web.guard import Guard
from tieline.desk.web.officers import LOCK_AFTER, Officers, folded
from tieline.desk.web.screens import alarms
from tieline.desk.web.sessions import Sessions
from tieline.desk.web.vault import Vault
from tieline.desk.web.visit import Visit
from tieline.node import ics
from tieline.node.arguments import Arguments
from tieline.sim.mutants import Mutant

T = TypeVar("T")
P10: Final = (
    Row(
        promise="P10",
        name="forged-form",
        fault="each POST route of the table, in 20 ways that are not the officer's own form",
        demand="refused, and nothing has changed",
        counts=(webdoors.FORGERIES,) * 3,
        play=webdoors.forged_form,
        stage=stage,
        sabotage=("origin-unchecked", "token-unchecked", "host-unchecked"),
        few=40,
    ),
    Row(
        promise="P10",
        name="planted-session",
        fault="a session that was there before a login, or a token of it",
        demand="worth nothing; a login makes a new one and ends the old one",
        counts=(20, 200, 2_000),
        play=webdoors.planted_session,
        stage=stage,
        sabotage=("session-stays",),
    ),
    Row(
        promise="P10",
        name="framed-or-sniffed",
        fault="each route, each answer, logged in and not, refusals and mistakes too",
        demand="whole policy and headers: no frame, no sniffing, nothing kept, no other origin",
        counts=(len(webdoors.ASKED) * 3,) * 3,
        play=webdoors.headers,
        stage=stage,
        sabotage=("frames-allowed", "policy-with-a-hole"),
    ),
    Row(
        promise="P10",
        name="injected-header",
        fault="what breaks a line, or leads away, in each place that comes back in a header",
        demand="no header of the attacker's, no address of another desk",
        counts=(webdoors.INJECTIONS,) * 3,
        play=webdoors.injected_header,
        stage=stage,
        sabotage=("leads-anywhere",),
        few=webdoors.INJECTIONS,
    ),
    Row(
        promise="P10",
        name="path-traversal",
        fault="names that climb, in each address that takes a name",
        demand="nothing of the machine is given out, nothing is written",
        counts=(webdoors.TRAVERSALS,) * 3,
        play=webdoors.traversed,
        stage=stage,
        sabotage=("any-static",),
        few=200,
    ),
    Row(
        promise="P10",
        name="guessed-password",
        fault="a guesser who has all the time, one by one and many at once",
        demand="slowed, then locked; never let in; a way back; nobody else is held",
        counts=(200, 2_000, 20_000),
        play=webdoors.guessed,
        stage=stage,
        sabotage=("guesses-free", "no-way-back"),
    ),
    Row(
        promise="P10",
        name="rights-by-act",
        fault="each act of the table by each set of roles, over HTTP",
        demand="exactly docs/desk-rights.md",
        counts=(webdoors.CELLS,) * 3,
        play=webdoors.cell_of_rights,
        stage=stage,
        sabotage=("everybody-may",),
        few=60,
    ),
    Row(
        promise="P10",
        name="rights-by-route",
        fault="each POST route by each set of roles, with a form that is filled in",
        demand="what reaches the station is in docs/desk-rights.md, in the officer's own name",
        counts=(webdoors.ROUTE_CELLS,) * 3,
        play=webdoors.route_of_rights,
        stage=stage,
        sabotage=("everybody-may",),
        few=200,
    ),
    Row(
        promise="P10",
        name="hostile-text",
        fault="36 texts in every place for words, on a tenth of the screens each, in Chromium",
        demand="no script runs, the policy stops nothing, no raw control is seen, nobody is asked",
        counts=(
            len(texts.TEXTS),
            len(texts.TEXTS) * webshown.TENTHS,
            len(texts.TEXTS) * webshown.TENTHS,
        ),
        play=webshown.hostile_text,
        stage=webshown.screen,
        lacks=webshown.no_browser,
        sabotage=("unescaped",),
        few=4,
    ),
    Row(
        promise="P10",
        name="hostile-output",
        fault="the same texts at the terminal, in reports, calendars, names of files and of peers",
        demand="no raw control, no line or markup of its own, no formula; half a character refused",
        counts=(texts.CASES,) * 3,
        play=texts.hostile_output,
        stage=stage,
        sabotage=("terminal-raw", "report-raw", "calendar-raw", "any-name"),
        few=3,
    ),
    Row(
        promise="P10",
        name="secret-typed",
        fault="known secrets typed into each form of the table",
        demand="in no answer, page, log or file, as text, hex or UTF-16",
        counts=(len(POSTS),) * 3,
        play=webshown.secret,
        stage=stage,
        sabotage=("form-noted",),
        few=len(POSTS),
    ),
    Row(
        promise="S",
        name="axe-everywhere",
        fault="every screen; at C on the diagonal of 7 languages and 2 themes, at N in all",
        demand="axe finds nothing",
        counts=(webshown.SCENES, webshown.MATRIX, webshown.MATRIX),
        play=webshown.accessible,
        stage=webshown.screen,
        lacks=webshown.no_browser,
        sabotage=("no-names",),
        few=12,
    ),
)

P8: Final = (
    Row(
        promise="P8",
        name="crowded-desk",
        fault="1,000 strangers at the port: idle, trickling, shouting, endless forms, churn",
        demand="a message is seen, read and acknowledged in 30 s; memory and files bounded",
        counts=(len(MANNERS), len(MANNERS) * 10, len(MANNERS) * 60),
        play=webcrowd.crowded_desk,
        stage=stage,
        sabotage=("one-room", "strangers-first"),
        few=len(MANNERS),
    ),
    Row(
        promise="P8",
        name="unfinished-request",
        fault="a stranger at the desk says nothing, or half a request, or a form without an end",
        demand="let go by the deadline, and a form is not read beyond its limit",
        counts=(len(unfinished.MANNERS), 50, 250),
        play=unfinished.unfinished,
        stage=stage,
        sabotage=("no-request-deadline", "body-whole"),
        few=len(unfinished.MANNERS),
    ),
    Row(
        promise="P8",
        name="full-disk-desk",
        fault="no room on the station's disk, or in the desk's own file",
        demand="reading goes on, a page says what to do; a full file of the desk holds up no act",
        counts=(2, 2, 2),
        play=webfull.full_disk,
        stage=stage,
        sabotage=("log-first",),
        few=2,
    ),
    Row(
        promise="P8",
        name="fuzzed-desk",
        fault="25 requests of any shape a case, at the routes of the table",
        demand="an answer in time, no 5xx, no trace, every header, and the desk lives",
        counts=(len(webfuzz.ROUTES), 1_000, 10_000),
        play=webfuzz.fuzzed_http,
        stage=stage,
        sabotage=("any-alarm", "headers-forgotten"),
        few=len(webfuzz.ROUTES),
    ),
    Row(
        promise="P8",
        name="fuzzed-api",
        fault="25 acts of any shape a case, at the station's own socket",
        demand="an answer for each, no defect, and the station lives",
        counts=(60, 600, 6_000),
        play=webfuzz.fuzzed_api,
        stage=stage,
        sabotage=("any-request",),
        few=20,
    ),
)

# ------------------------------------------------------------------------------------ broken

_refused: Callable[[Guard, Scope], tuple[int, str] | None] = Guard._refused


def _no_origin(self: Guard, scope: Scope) -> tuple[int, str] | None:
    """Where a form comes from is nobody's business."""
    found = _refused(self, scope)
    return None if found is not None and "does not come from" in found[1] else found


def _no_host(self: Guard, scope: Scope) -> tuple[int, str] | None:
    """Whatever it is called by, it answers."""
    found = _refused(self, scope)
    return None if found is not None and "not a name" in found[1] else found


_route = Route


def _wide(path: str, *rest: object, **named: object) -> object:
    """A name of a file may have slashes in it."""
    return _route(path.replace("{name}", "{name:path}"), *rest, **named)  # type: ignore[arg-type]


class _Anything(Mapping[str, tuple[bytes, str, str]]):
    """Every file of the machine is one of the desk's."""

    def __getitem__(self, name: str) -> tuple[bytes, str, str]:
        try:
            return (frame.STATIC / name).read_bytes(), "text/plain", ""
        except (OSError, ValueError) as error:
            raise KeyError(name) from error

    def __iter__(self):  # type: ignore[no-untyped-def]  # noqa: ANN204
        return iter(())

    def __len__(self) -> int:
        return 0


def _locked_for_good(self: Officers, name: str, _now_ms: int) -> int:
    """After twelve guesses nobody gets in again, whatever an administrator does."""
    sql = "SELECT count(*) FROM audit WHERE officer = ?"
    row = self._vault.row("SELECT failures FROM guess WHERE name = ?", folded(name))
    if row is not None and int(str(row[0])) >= LOCK_AFTER:
        self._vault.note(0, folded(name), "locked", "for good")
    return int(str((self._vault.row(sql, folded(name)) or (0,))[0]))


_make = frame.environment.__wrapped__


def _unescaped(language: str) -> Environment:
    """What comes from outside is put into the page as it is."""
    real, shapes.safe = shapes.safe, lambda text, *_: Markup(text)  # noqa: S704 - that is the fault
    try:
        return _make(language)
    finally:
        shapes.safe = real


def _nameless(language: str) -> Environment:
    """Fields and buttons have no names."""
    made = _make(language)
    made.globals["said"] = lambda *_, **__: ""
    made.globals["lang"] = "xx-nothing"
    return made


def _as_it_is(text: str, **_: object) -> str:
    """What it is given."""
    return text


_note = Visit.note


def _noting(self: Visit, act: str, outcome: str, detail: str = "") -> None:
    """The log of who did what has the whole form."""
    _note(self, act, outcome, detail + str(self.every_field()))


def _noted_first(
    self: Vault, at_ms: int, officer: str, act: str, outcome: str, detail: str = ""
) -> None:
    """What cannot be noted fails."""
    self._chained(at_ms, officer, act, outcome, detail)


class _OneRoom(Crowd):
    """One bound for all, and who comes when it is full is sent away, whoever it is."""

    def came(self, one: Connection) -> None:
        self._strangers[one] = None
        if len(self._strangers) > crowd.STRANGERS:
            self.went(one)
            one.drop()


class _NoTurns(Turns):
    """Everything is made for everybody, as it is asked for."""

    async def pace(self, gone: Callable[[], bool], wait_s: float = 0.0) -> bool:
        return not gone()

    async def page(self, make: Callable[[], Awaitable[T]], gone: Callable[[], bool]) -> T | None:
        return None if gone() else await make()


def _nothing(*_args: object, **_named: object) -> None:
    """What should be done is not done."""


def _build(name: str, what: str, *patches: tuple[object, str, object]) -> Mutant:
    return Mutant(name=name, invariants=frozenset(), what=what, patches=patches)


_POLICY: Final = b"content-security-policy"

BUILDS: Final = {
    build.name: build
    for build in (
        _build("origin-unchecked", "a form comes from anywhere", (Guard, "_refused", _no_origin)),
        _build("host-unchecked", "a desk answers to any name", (Guard, "_refused", _no_host)),
        _build("token-unchecked", "a form needs no token", (app, "same", lambda *_: True),
               (logins, "same", lambda *_: True)),
        _build("session-stays", "the session before stays", (Sessions, "end", _nothing)),
        _build(
            "frames-allowed",
            "a page elsewhere may frame the desk",
            (guard, "HEADERS", tuple(x for x in guard.HEADERS if b"x-frame" not in x[0])),
        ),
        _build(
            "policy-with-a-hole",
            "script within a page may run",
            (guard, "HEADERS", tuple(
                (name, value.replace(b"script-src 'self'", b"script-src 'self' 'unsafe-inline'"))
                if name == _POLICY else (name, value)
                for name, value in guard.HEADERS
            )),
        ),
        _build("leads-anywhere", "a login leads where it is told", (app, "local", lambda to: to),
               (logins, "local", lambda to: to)),
        _build("any-static", "any file is a static one", (frame, "statics", _Anything),
               (app, "StarletteRoute", _wide)),
        _build("guesses-free", "guesses cost nothing", (Officers, "wait_ms", lambda *_: 0)),
        _build("no-way-back", "a lock stays", (Officers, "wait_ms", _locked_for_good)),
        _build("unescaped", "texts are put in as they are", (frame, "environment", _unescaped)),
        _build("terminal-raw", "a terminal is given what was said",
               (show, "visible", _as_it_is), (common, "visible", _as_it_is)),
        _build("report-raw", "a report has what was said", (html, "safe", _as_it_is)),
        _build("calendar-raw", "a calendar has what was said", (ics, "visible", _as_it_is)),
        _build("any-name", "whatever is a name", (identity, "check_name", lambda name, _: name)),
        _build("no-names", "a page does not say its language", (frame, "environment", _nameless)),
        _build("form-noted", "the log has the whole form", (Visit, "note", _noting)),
        _build("any-alarm", "a number is whatever stands there", (alarms, "_number", int)),
        _build("headers-forgotten", "an answer has no headers of ours", (guard, "HEADERS", ())),
        _build("one-room", "strangers fill the room of officers", (server, "Crowd", _OneRoom)),
        _build("strangers-first", "strangers have all the time they want",
               (server, "Turns", _NoTurns), (app, "Turns", _NoTurns)),
        _build("no-request-deadline", "nobody has to finish a request",
               (server.PatientProtocol, "_wait", _nothing)),
        _build("body-whole", "a form is read to its end, however long it is",
               (guard, "_bounded", lambda receive, *_: receive)),
        _build("log-first", "what cannot be noted is not done", (Vault, "note", _noted_first)),
        _build("any-request", "an argument is what it is", (Arguments, "done", _nothing),
               (Arguments, "text", lambda self, name, default=None: self._get(name) or default)),
        _build("everybody-may", "the table of rights says yes", (rights, "may", lambda *_: True)),
    )
}  # fmt: skip
