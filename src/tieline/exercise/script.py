"""Reading a scenario file.

A file is read whole before anything is started: unknown keys, impossible times, parties and labels
that do not exist, references to what comes later, answers to one's own words. Each refusal is one
sentence with the file, the event's number and the remedy, so that the author of an exercise finds
the line. What only the station can judge (whether an act is allowed at that moment) is left to it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError, RemoteError, ShellError
from tieline.core.identity import MAX_NAME, check_name
from tieline.core.provisions import MAX_CLOCK_S
from tieline.core.terms import PARTY_CODE, REALM, STATION_NAME, Precedence, Rung, dtg
from tieline.exercise import forms
from tieline.exercise import scenario as world
from tieline.exercise.acts import RUNGS, ActReader, language_of
from tieline.exercise.reading import Table
from tieline.exercise.times import moment_ms, span_ms

FORMAT: Final = 1
MAX_FILE_BYTES: Final = 1_000_000
MAX_EVENTS: Final = 2_000
MAX_DAYS: Final = 62
MAX_SILENCE_S: Final = 86_400
_ID: Final = re.compile(r"[a-z0-9-]{1,32}\Z")
_PRECEDENCES: Final = tuple(p.name for p in sorted(Precedence, reverse=True))
# FIELD 0, "FLASH handling inside a station": the customary limits; officers here are quicker.
_CLOCKS: Final = {"FLASH": "10m", "IMMEDIATE": "30m", "PRIORITY": "3h", "ROUTINE": "6h"}
_HABITS: Final = {"FLASH": "2m", "IMMEDIATE": "6m", "PRIORITY": "25m", "ROUTINE": "1h"}


def load(path: Path, start: datetime | None = None) -> world.Scenario:
    """Read a scenario file. ``start``: when it begins, in the place of what the file says.

    Raises ``LocalError`` (``scenario.*``) for what is wrong in it, ``ShellError``
    (``scenario.file``) when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ShellError(
            "scenario.file",
            f"{path} cannot be read ({error.strerror}); name a scenario file that exists",
        ) from error
    return read(data, path.name, start)


def read(data: bytes, name: str, start: datetime | None = None) -> world.Scenario:
    """Read a scenario from the bytes of its file. ``name`` is used in refusals."""
    if len(data) > MAX_FILE_BYTES:
        raise LocalError(
            "scenario.too_large",
            f"{name} has more than {MAX_FILE_BYTES} bytes; split it into several exercises",
        )
    try:
        values = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise LocalError(
            "scenario.toml", f"{name} is not readable as TOML ({error}); correct it there"
        ) from error
    return _scenario(values if start is None else {**values, "start": start}, name)


def _scenario(values: Mapping[str, object], name: str) -> world.Scenario:
    top = Table(values, name)
    if top.number("format", 0, low=0, high=2**31) != FORMAT:
        raise top.wrong("format", f"write 'format = {FORMAT}' as its first line")
    ident = _matched(top, "id", _ID, "1 to 32 of a-z, 0-9 and '-'")
    realm = _matched(top, "realm", REALM, "1 to 32 of A-Z, 0-9 and '-'")
    title = _name(top, "title")
    source = top.text("source", limit=4_000)
    start_ms = top.instant_ms("start")
    end_ms = _moment(top, "ends", start_ms)
    if not start_ms < end_ms <= start_ms + MAX_DAYS * 86_400_000:
        raise top.wrong("time", f"'ends' must be after the start, within {MAX_DAYS} days of it")
    picture_ms = _moment(top, "picture", start_ms) if top.has("picture") else end_ms
    parties = _parties(top, start_ms)
    rules = _rules(top.table("charter"))
    scenario = world.Scenario(
        id=ident,
        title=title,
        source=source,
        realm=realm,
        start_ms=start_ms,
        end_ms=end_ms,
        picture_ms=picture_ms,
        rules=rules,
        parties=parties,
        events=_events(top, name, parties, rules, (start_ms, end_ms)),
    )
    top.done()
    return scenario


# ------------------------------------------------------------------------------- the frame


def _matched(table: Table, key: str, pattern: re.Pattern[str], form: str) -> str:
    value = table.text(key, limit=64)
    if not pattern.match(value):
        raise table.wrong("value", f"{key!r} is {value!r}; it must be {form}")
    return value


def _moment(table: Table, key: str, start_ms: int) -> int:
    try:
        return moment_ms(table.text(key), start_ms)
    except LocalError as error:
        raise _placed(table, key, error) from error


def _span(table: Table, key: str, default: str) -> int:
    try:
        return span_ms(table.text(key, default))
    except LocalError as error:
        raise _placed(table, key, error) from error


def _placed(table: Table, key: str, error: LocalError) -> LocalError:
    if error.message.startswith(table.where):
        return error
    return table.wrong("time", f"{key!r}: {error.message}")


def _seconds(table: Table, key: str, default: str, low: int, high: int) -> int:
    """A span in seconds, within what a charter may say."""
    seconds = _span(table, key, default) // 1000
    if not low <= seconds <= high:
        raise table.wrong("value", f"{key!r} is {seconds} s; a charter takes {low} to {high} s")
    return seconds


def _name(table: Table, key: str) -> str:
    """A name as it may stand on a card: one line that shows all it holds."""
    value = table.text(key, limit=MAX_NAME)
    try:
        return check_name(value, "card")
    except RemoteError as error:
        raise table.wrong("value", f"{key!r}: {error.message}") from error


def _parties(top: Table, start_ms: int) -> tuple[world.Party, ...]:
    parties: list[world.Party] = []
    for number, values in enumerate(top.tables("party"), start=1):
        table = Table(values, f"{top.where}, party {number}")
        code = _matched(table, "code", PARTY_CODE, "a capital letter and up to 11 of A-Z, 0-9, '-'")
        if any(party.code == code for party in parties):
            raise table.wrong("party", f"{code} is there already; give every party its own code")
        officers = table.texts("officers")
        if len(officers) < 2:
            raise table.wrong("value", "'officers' needs two names: who drafts, and who releases")
        parties.append(
            world.Party(
                code=code,
                name=_name(table, "name"),
                part=_name(table, "part"),
                station=_matched(table, "station", STATION_NAME, "1 to 12 of a-z, 0-9 and '-'"),
                officers=officers,
                habits=_habits(table, start_ms),
                language=language_of(table, "language"),
                wired=table.flag("wired") if table.has("wired") else True,
            )
        )
        table.done()
    if not 2 <= len(parties) <= 64:
        raise top.wrong("party", "an exercise has 2 to 64 parties, each under [[party]]")
    return tuple(parties)


def _habits(party: Table, start_ms: int) -> world.Habits:
    table = party.table("habits")
    away: list[world.Away] = []
    for number, values in enumerate(table.tables("away"), start=1):
        span = Table(values, f"{table.where}, away {number}")
        one = world.Away(_moment(span, "from", start_ms), _moment(span, "until", start_ms))
        span.done()
        if one.until_ms <= one.from_ms or (away and one.from_ms < away[-1].until_ms):
            raise span.wrong("time", "'from' comes before 'until', and after the previous absence")
        away.append(one)
    habits = world.Habits(
        acknowledge_ms=tuple(
            (Precedence[name], _span(table, name, _HABITS[name])) for name in _PRECEDENCES
        ),
        tests_ms=_span(table, "tests", "4m"),
        read_back_ms=_span(table, "read_back", "5m"),
        pass_on_ms=_span(table, "pass_on", "8m"),
        away=tuple(away),
    )
    table.done()
    return habits


def _rules(table: Table) -> world.Rules:
    clocks = table.table("clocks")
    tests = table.table("tests")
    four_eyes = table.texts("four_eyes", ())
    for word in four_eyes:
        if word not in _PRECEDENCES:
            known = ", ".join(_PRECEDENCES)
            raise table.wrong("value", f"{word!r} is no precedence; write some of {known}")
    standing = table.texts("standing", ())
    agreed = forms.packs_of(table)
    for form in standing:
        if form not in forms.ids(agreed):
            raise table.wrong("form", f"'standing' has {form!r}, which no pack of 'packs' has")
    every_s = _seconds(tests, "every", "0s", 0, MAX_CLOCK_S)
    rules = world.Rules(
        line=_name(table, "line"),
        clocks_s=tuple((Precedence[name], _clock(clocks, name)) for name in _PRECEDENCES),
        tests_every_s=every_s,
        tests_window_s=_seconds(tests, "window", "30m", 1, every_s or MAX_CLOCK_S),
        tests_by=tests.choice("answered_by", ("officer", "station"), "officer"),
        four_eyes=tuple(Precedence[word] for word in four_eyes),
        standing=standing,
        silence_s=_seconds(table, "silence", "30s", 1, MAX_SILENCE_S),
        packs=agreed,
    )
    for part in (clocks, tests, table):
        part.done()
    return rules


def _clock(clocks: Table, name: str) -> tuple[tuple[Rung, int], ...]:
    """The five clocks of a precedence: one span for all rungs, or a table that names some."""
    if clocks.has(name) and isinstance(clocks.take(name), dict):
        table = clocks.table(name)
        rungs = tuple(
            (rung, _seconds(table, word, _CLOCKS[name], 1, MAX_CLOCK_S))
            for word, rung in RUNGS.items()
        )
        table.done()
        return rungs
    seconds = _seconds(clocks, name, _CLOCKS[name], 1, MAX_CLOCK_S)
    return tuple((rung, seconds) for rung in Rung)


# ------------------------------------------------------------------------------ the events


def _events(
    top: Table,
    name: str,
    parties: tuple[world.Party, ...],
    rules: world.Rules,
    span: tuple[int, int],
) -> tuple[world.Event, ...]:
    start_ms, end_ms = span
    rows = top.tables("event")
    if not 1 <= len(rows) <= MAX_EVENTS:
        raise top.wrong("event", f"an exercise has 1 to {MAX_EVENTS} events, each under [[event]]")
    reader = ActReader({party.code: party.language for party in parties}, rules.packs, start_ms)
    events: list[world.Event] = []
    before_ms = start_ms
    for number, values in enumerate(rows, start=1):
        when, what = values.get("at"), values.get("act")
        detail = f" ({when}, {what})" if isinstance(when, str) and isinstance(what, str) else ""
        table = Table(values, f"{name}, event {number}{detail}")
        at_ms = _moment(table, "at", start_ms)
        if at_ms < before_ms:
            raise table.wrong(
                "order", f"it comes before the event above it, {dtg(before_ms)}; put it higher up"
            )
        if at_ms > end_ms:
            raise table.wrong("order", "it comes after the exercise ends; move 'ends' or the event")
        before_ms = at_ms
        label = table.text("label", "", limit=40)
        act = reader.read(table, label, at_ms)
        table.done()
        events.append(world.Event(number=number, at_ms=at_ms, act=act, label=label))
    return tuple(events)
