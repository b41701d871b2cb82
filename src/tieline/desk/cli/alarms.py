"""``tieline alarm``: the outputs of alarms, and what an officer does with alarms."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from typing import TYPE_CHECKING, Final

from tieline.core.errors import LocalError
from tieline.core.terms import dtg
from tieline.desk.cli.common import client, officer, put
from tieline.desk.cli.show import number_of, text_of, views
from tieline.node.config import Home

if TYPE_CHECKING:
    from tieline.node.client import Client
    from tieline.node.view import Json

TEST_S: Final = 15.0
_WORDS: Final = (
    "the words after 'alarm' are: none, to make alarms heard; or list, why N, silence,"
    " shelve N REASON, unshelve N, seen N [NOTE], outputs, test, heard N OUTPUT, forget OUTPUT"
)


def alarm(args: argparse.Namespace) -> None:
    """Make alarms heard, or look after them."""
    match args.words:
        case []:
            _run(args)
        case ["list"]:
            _list(args, client(args).call("alarms", past=args.past))
        case ["why", number]:
            _why(args, client(args).call("alarms", alarm=_number(number)))
        case ["silence"]:
            found = client(args).call("silence", **officer(args))
            until = number_of(found, "silenced_ms")
            said = f"silenced until {dtg(until)}; nothing was sent" if until else "nothing sounds"
            put(args, found, said)
        case ["shelve", number, *reason] if reason:
            minutes = max(0, round(args.hours * 60))
            done = client(args).call(
                "shelve", alarm=_number(number), reason=" ".join(reason), minutes=minutes,
                **officer(args),
            )  # fmt: skip
            _list(args, done)
        case ["unshelve", number]:
            _list(args, client(args).call("unshelve", alarm=_number(number), **officer(args)))
        case ["seen", number, *note]:
            done = client(args).call(
                "alarm_seen", alarm=_number(number), note=" ".join(note), **officer(args)
            )
            _list(args, done)
        case ["outputs"]:
            found = client(args).call("alarms")
            put(args, found, *_output_lines(found))
        case ["test"]:
            _test(args)
        case ["heard", number, *names] if names:
            done = client(args).call(
                "alarm_heard", number=_number(number), output=list(names), **officer(args)
            )
            put(args, done, *_output_lines(done))
        case ["forget", name]:
            client(args).call("output_alive", output=name, gone=True)
            put(args, {"output": name}, f"{name} is struck off until it is heard of again")
        case _:
            raise LocalError("alarm.words", _WORDS)


def _run(args: argparse.Namespace) -> None:
    from tieline.desk.alarm import config, run

    home = Home.open(args.home)
    configs = config.read(home.path)
    if not configs:
        raise LocalError(
            "alarm.config",
            f"no program here plays sound, and there is no {home.path / config.FILE}: install"
            " alsa-utils, or name an output there (docs/operations.md, Outputs of alarms)",
        )

    def ready() -> None:
        names: list[Json] = [each.name for each in configs]
        put(args, {"ready": True, "outputs": names},
            f"Alarms are heard by: {', '.join(each.name for each in configs)}")  # fmt: skip
        sys.stdout.flush()

    asyncio.run(run.until_stopped(home.path / "run" / "station.sock", configs, ready))


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise LocalError(
            "alarm.words", f"an alarm has a number, as 'alarm list' shows it: {text!a}"
        )
    return int(text)


# ------------------------------------------------------------------------------------- showing


def _list(args: argparse.Namespace, found: dict[str, Json]) -> None:
    lines = [_line(one) for one in views(found, "alarms")] or ["no alarm rings"]
    left = number_of(found, "left_out")
    if left:
        lines.append(f"and {left} more")
    if not found.get("heard"):
        lines.append("NOBODY WOULD HEAR AN ALARM: no output works; see 'tieline alarm outputs'")
    put(args, found, *lines)


def _line(one: dict[str, Json]) -> str:
    state = text_of(one, "state").upper()
    until = number_of(one, "until_ms")
    if until:
        state += f" until {dtg(until)}"
    if one.get("ended"):
        state = f"over: {text_of(one, 'ended')}"
    since = dtg(number_of(one, "since_ms"))
    line = f"{text_of(one, 'line_name')}: " if one.get("line_name") else ""
    return f"{number_of(one, 'alarm'):>6}  {text_of(one, 'rank'):<9} {since}  {state:<9} {line}" + (
        text_of(one, "text")
    )


def _why(args: argparse.Namespace, found: dict[str, Json]) -> None:
    (one,) = views(found, "alarms")
    why = one.get("why")
    put(args, one, _line(one), *(f"  {each}" for each in (why if isinstance(why, list) else [])))


def _output_lines(found: dict[str, Json]) -> list[str]:
    lines = []
    for one in views(found, "outputs"):
        works = "works" if one.get("works") else f"DOES NOT WORK: {text_of(one, 'why')}"
        heard = number_of(one, "heard_ms")
        said = (
            f"; heard by {text_of(one, 'heard_by')} at {dtg(heard)}" if heard else "; never heard"
        )
        since = dtg(number_of(one, "since_ms"))
        lines.append(
            f"{text_of(one, 'output')} ({text_of(one, 'kind')}) {works} since {since}{said}"
        )
    return lines or ["no output of alarms: run 'tieline alarm', or arm a desk in a browser"]


# --------------------------------------------------------------------------------------- testing


def _test(args: argparse.Namespace) -> None:
    """Have every output sound, and ask at a terminal which were heard."""
    station, who = client(args), officer(args)
    number = number_of(station.call("alarm_test", **who), "number")
    found = _sounded(station, number)
    outputs = views(found, "outputs")
    heard = []
    asks = sys.stdin.isatty() and not args.json
    for one in outputs:
        name = text_of(one, "output")
        if number_of(one, "tested") < number:
            if not args.json:
                put(args, None, f"{name}: it has not sounded the test")
        elif asks and input(f"Did you hear {name} ({text_of(one, 'kind')})? [y/N] ") in ("y", "Y"):
            heard.append(name)
    if heard:
        found = station.call("alarm_heard", number=number, output=[*heard], **who)
    lines = _output_lines(found)
    if outputs and not asks:
        lines.append(f"say which were heard: tieline alarm heard {number} OUTPUT")
    put(args, {**found, "number": number}, *lines)


def _sounded(station: Client, number: int) -> dict[str, Json]:
    """Wait until every output that works has sounded the test, or the time for it is over."""
    until = time.monotonic() + TEST_S
    while True:
        found = station.call("alarms")
        late = [
            one for one in views(found, "outputs")
            if one.get("works") and number_of(one, "tested") < number
        ]  # fmt: skip
        if not late or time.monotonic() >= until:
            return found
        time.sleep(0.2)
