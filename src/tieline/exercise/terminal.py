"""Terminals of an exercise: an officer's (``join``) and the umpire's (``control``).

An officer's terminal opens one station of the exercise, and every ordinary verb works in it: each
runs as the command ``tieline`` with this station's home, and no other. A word that would name
another home is refused, so that nothing typed here can reach a real line. A home for real traffic
is never joined.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tieline.core import identity
from tieline.core.errors import LocalError, TielineError
from tieline.exercise import file, office, score, umpire
from tieline.exercise.answer import Entry, Json
from tieline.node.client import ApiDown, ApiRefused, Client, short_name
from tieline.node.text import visible

TIMEOUT_S: Final = 120.0
BANNER: Final = "EXERCISE EXERCISE EXERCISE"
_NEVER: Final = frozenset({"init", "exercise", "serve", "restore"})
ORDERS: Final = """\
  state                     clock, desks, what comes next, what is expected of people
  score                     how it goes for each party, from the record
  go [RATE], pause, step    the clock goes (RATE seconds in one), stands, goes to what is next
  release N, drop N         play event N of the script now; take it out
  inject TEXT               tell all something of the world, as made for the exercise
  rule TEXT                 the umpire's ruling, to all
  cut A,B C,D               cut the wires between two groups; heal [A,B C,D] mends them
  carry A B                 a bundle file of A is carried to B
  forge VICTIM CLAIMS TEXT  somebody brings VICTIM words in the name of CLAIMS
  endex [WHY [TEXT]]        played, stopped or real-event: signed, to all; the exercise is over
  quit"""
HELP: Final = """\
  status, log                  how the line is; what was said, newest last
  incident list                incidents; 'incident show NAME' has one, 'incident --help' more
  incident open --help         the first word of an incident: three answers
  send TEXT, send --form ID    say something; 'form' lists the forms in force
  ack ITEM, read-back ITEM     that it was read; that it was understood
  drafts                       what waits for a second officer, who sends it with
  release N --officer {second}
  joint --help                 a text that all sign
  help, quit                   '--help' behind any verb shows all of it"""


@dataclass(frozen=True, slots=True)
class Seat:
    """A station that an officer sits at."""

    home: Path
    party: str
    realm: str
    officers: tuple[str, ...] = ()


def seat(folder: Path, party: str) -> Seat:
    """The station of a party in a running exercise, or a home of an exercise station.

    Raises ``LocalError`` (``exercise.folder``, ``exercise.party``, ``exercise.real``).
    """
    if not (folder / file.NAME).exists() and (folder / "card.tlcard").exists():
        return _own(folder, party)
    running = file.read(folder)
    if party not in running.homes:
        known = ", ".join(running.homes)
        raise LocalError("exercise.party", f"this exercise has no party {party}; it has {known}")
    if party not in running.people:
        people = ", ".join(running.people) or "nobody"
        raise LocalError(
            "exercise.party",
            f"{party} is played by the script; people play {people} (--play-as, when it was"
            " started)",
        )
    found = _own(running.homes[party], party)
    if found.realm != running.realm:
        raise LocalError(
            "exercise.real",
            f"{found.home} is of {found.realm}, and this exercise is {running.realm}; a station is"
            " of one exercise only",
        )
    return Seat(found.home, party, found.realm, running.officers[party])


def _own(home: Path, party: str) -> Seat:
    """A home, if it is of an exercise and this party's."""
    found = _home(home)
    if found.party != party:
        raise LocalError("exercise.party", f"{home} is the station of {found.party}, not {party}")
    return found


def _home(home: Path) -> Seat:
    """A home, if it is of an exercise."""
    try:
        card = identity.parse_card(identity.dearmor((home / "card.tlcard").read_text("ascii")))
    except (OSError, ValueError) as error:
        raise LocalError("exercise.folder", f"{home} holds no station ({error})") from error
    if not card.realm:
        raise LocalError(
            "exercise.real",
            f"{home} is a home for real traffic, and no exercise is joined with it; make a station"
            " of the exercise with 'tieline init --exercise ID'",
        )
    return Seat(home, card.party, card.realm)


def _asked(at: Seat) -> None:
    """Believe no file alone: a station that runs on this home says itself of which realm it is.

    Raises ``LocalError`` (``exercise.real``).
    """
    try:
        link = Client(at.home / "run" / "station.sock")
        try:
            realm = link.call("status").get("realm")
        finally:
            link.close()
    except (ApiDown, ApiRefused):
        return  # no verb can speak for a station that does not answer
    if realm != at.realm:
        raise LocalError(
            "exercise.real",
            f"{at.home} has a card of the exercise {at.realm}, and its station is of"
            f" {realm or 'real traffic'}: somebody has changed the card; nothing was done",
        )


def command(at: Seat, words: Sequence[str]) -> list[str]:
    """The command that an officer's words become, on this station's home and no other.

    Raises ``LocalError`` (``exercise.home``, ``exercise.verb``).
    """
    options = words[: words.index("--")] if "--" in words else words
    for word in options:
        name = word.partition("=")[0]
        if len(name) > 3 and "--home".startswith(name):  # as the command itself would read it
            raise LocalError(
                "exercise.home",
                f"this terminal speaks for {at.party} in the exercise {at.realm} and for no other"
                f" home; leave out {word!r}, and use another terminal for a real line",
            )
    if words and words[0] in _NEVER:
        raise LocalError(
            "exercise.verb", f"'{words[0]}' is not for an officer's seat in an exercise"
        )
    return [sys.executable, "-m", "tieline", *_placed(words, ["--home", str(at.home)])]


def _placed(words: Sequence[str], option: list[str]) -> list[str]:
    """The words with an option behind the verb, before a ``--`` that ends options."""
    at = words.index("--") if "--" in words else len(words)
    return [*words[:at], *option, *words[at:]]


def join(folder: Path, party: str, words: Sequence[str], *, only_home: bool) -> int:
    """Run one verb at a party's station, or ask for verbs until the officer leaves."""
    at = seat(Path(os.path.realpath(folder)), party)
    _asked(at)
    if words:
        return _run(command(at, words))
    if only_home or not sys.stdin.isatty():
        print(f"--home {shlex.quote(str(at.home))}")
        return 0
    officers = f" Officers here: {', '.join(at.officers)}." if at.officers else ""
    print(f"{BANNER} {at.realm}: you are {at.party}.{officers} Ordinary verbs; 'quit' leaves.")
    print(help_of(at))
    for given in _typed(f"{at.realm} EXERCISE {at.party}> "):
        if given == ["help"]:
            print(help_of(at))
            continue
        try:
            _run(command(at, given))
        except TielineError as error:
            print(f"exercise: {visible(error.message)}", file=sys.stderr)
    return 0


def help_of(at: Seat) -> str:
    """What an officer at a seat needs first."""
    second = shlex.quote(at.officers[1]) if len(at.officers) > 1 else "NAME"
    return HELP.format(second=second)


def _run(command_line: Sequence[str]) -> int:
    """Our own command, its words handed over as they are: no shell reads them."""
    return subprocess.run(command_line, check=False).returncode  # noqa: S603


def _typed(prompt: str) -> Iterable[list[str]]:
    """What somebody types, line by line, until they leave."""
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            try:
                words = shlex.split(input(prompt))
            except ValueError as error:
                print(f"exercise: {error}", file=sys.stderr)
                continue
            if words and words[0] in ("quit", "exit"):
                return
            if words:
                yield words


def station_score(home: Path) -> dict[str, Json]:
    """The score from the record of one running station, of an exercise only.

    Raises ``LocalError`` (``exercise.real``, ``exercise.down`` and the station's own refusals).
    """
    at = _home(home)
    _asked(at)
    try:
        link = Client(home / "run" / "station.sock")
        try:
            found = Entry(link.call("incident_score"), "the score")
        finally:
            link.close()
    except ApiRefused as error:
        raise LocalError(error.code, error.message) from error
    except ApiDown as error:
        raise LocalError("exercise.down", str(error)) from error
    return score.read(found, without=(umpire.CODE,))


# ------------------------------------------------------------------------------ the umpire's


def control(folder: Path, words: Sequence[str], *, as_json: bool) -> int:
    """Give one order to a running exercise, or ask for orders until the umpire leaves.

    Over a network the folder is the home of the umpire's own station, and the order ``script``.
    """
    if words[:1] == ["script"] and not (folder / file.NAME).exists():
        from tieline.exercise import netscript

        at = _home(Path(os.path.realpath(folder)))
        _asked(at)
        return netscript.main(at.home, words[1:], as_json=as_json)
    running = file.read(Path(os.path.realpath(folder)))
    if words:
        return _ordered(running, words, as_json=as_json)
    print(f"{BANNER} {running.realm}: the umpire's terminal.\n{ORDERS}")
    for given in _typed(f"{running.realm} EXERCISE umpire> "):
        if given[0] == "help":
            print(ORDERS)
            continue
        _ordered(running, given, as_json=as_json)
    return 0


def _ordered(running: file.Running, words: Sequence[str], *, as_json: bool) -> int:
    try:
        answer = ask(running.folder, order(words))
    except TielineError as error:
        answer = {"ok": False, "code": error.code, "error": error.message}
    if as_json:
        print(json.dumps(answer, separators=(",", ":")))
    elif answer.get("ok"):
        for line in told(Entry(answer, "control")):
            print(visible(line))
    else:
        print(f"exercise: {visible(str(answer.get('error')))}", file=sys.stderr)
    return 0 if answer.get("ok") else 1


def order(words: Sequence[str]) -> dict[str, Json]:
    """An order as control takes it. Raises ``LocalError`` (``exercise.order``)."""
    name, rest = words[0], list(words[1:])
    out: dict[str, Json] = {"do": name}
    try:
        match name:
            case "go" if rest:
                out["rate"] = float(rest[0])
            case "release" | "drop":
                out["number"] = int(rest[0])
            case "inject" | "rule" if not rest:
                raise LocalError("exercise.order", f"say what: {name} TEXT")
            case "inject" | "rule":
                out["text"] = " ".join(rest)
            case "cut" | "heal" if rest:
                out["between"] = [list(group.split(",")) for group in rest]
            case "carry":
                out["from"], out["to"] = rest
            case "forge":
                out["victim"], out["claims"], out["text"] = rest[0], rest[1], " ".join(rest[2:])
            case "endex" if rest:
                out["why"], out["text"] = rest[0], " ".join(rest[1:])
            case _:
                pass
    except (ValueError, IndexError) as error:
        raise LocalError(
            "exercise.order", f"the order '{name}' is written otherwise; 'help' shows how"
        ) from error
    return out


def ask(folder: Path, wanted: dict[str, Json]) -> dict[str, Json]:
    """One order and its answer. Raises ``LocalError`` (``exercise.down``)."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(TIMEOUT_S)
            with short_name(folder / office.SOCKET) as name:
                link.connect(name)
            link.sendall(json.dumps(wanted).encode("ascii") + b"\n")
            with link.makefile("rb") as answers:
                found = json.loads(answers.readline() or b"null")
    except (OSError, ValueError) as error:
        raise LocalError(
            "exercise.down",
            f"no exercise answers in {folder} ({error}); it is over, or 'tieline exercise run' was"
            " stopped",
        ) from error
    if not isinstance(found, dict):
        raise LocalError("exercise.down", f"the exercise in {folder} ended before it answered")
    return found


def told(answer: Entry) -> list[str]:
    """An answer in lines for people."""
    if "score" in answer.raw:
        lines = score.lines(answer.entry("score"))
        missed = [one for one in answer.entries("expected") if not one.text("met_by")]
        if missed:
            lines += ["", "expected of people, and not said:", *map(_event, missed)]
        return lines
    if "desks" not in answer.raw:
        return [
            f"{key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
            for key, value in answer.raw.items()
            if key != "ok"
        ]
    lines = [
        f"{BANNER} {answer.text('exercise')}",
        f"{answer.text('now')}  {answer.text('h')}  the clock {answer.text('clock')}",
        "",
    ]
    for desk in answer.entries("desks"):
        roads = ", ".join(f"{other} {state}" for other, state in desk.entry("lines").raw.items())
        lines.append(
            f"{desk.text('party'):<8} {desk.text('played_by'):<7} holds {desk.number('holds'):>4},"
            f" {desk.number('alarms')} alarms, {desk.number('refused')} refused;  {roads}"
        )
    ahead = list(answer.entries("ahead"))
    ahead = [one for one in ahead if not one.flag("left_to_people")]
    if ahead:
        lines += ["", "next in the script:", *map(_event, ahead)]
    waited = [one for one in answer.entries("expected") if not one.text("met_by")]
    if waited:
        lines += ["", "expected of people, and not said yet:"]
        lines += [_event(one) + _due(one, answer) for one in waited[: office.AHEAD]]
        more = len(waited) - office.AHEAD
        lines += [f"        and {more} more, later"] if more > 0 else []
    unplayed = answer.texts("unplayed")
    if unplayed:
        lines += ["", "could not be played:", *(f"  {text}" for text in unplayed)]
    return lines


def _due(one: Entry, answer: Entry) -> str:
    """A mark on what the script has for a moment that has come."""
    return "  ! its time has come" if one.number("at_ms") <= answer.number("now_ms", 0) else ""


def _event(one: Entry) -> str:
    who = one.text("party") or "control"
    what = one.text("form") or one.text("act")
    words = one.text("label") or one.text("text")
    return f"  {one.number('number'):>4}  {one.text('at'):<9} {who:<8} {what:<16} {words[:48]}"
