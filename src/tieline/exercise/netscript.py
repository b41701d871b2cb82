"""``tieline exercise control HOME script FILE``: a scenario's injects, from the umpire's station.

The script itself is in ``injects``; here are its command line, the way to the station, and what is
printed. The station's socket lies in its home, which only the umpire's own account enters.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

from tieline.core.errors import LocalError
from tieline.exercise import injects
from tieline.exercise import scenario as world
from tieline.exercise.answer import Entry, Json
from tieline.exercise.times import moment_ms
from tieline.node.client import ApiDown, ApiRefused, Client
from tieline.node.config import Home
from tieline.node.text import visible

INTERRUPTED: Final = 130
_PASSING: Final = frozenset({"act.repeated", "station.stopping"})


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise LocalError("exercise.order", f"script: {message}; see 'script --help'")


def parser() -> argparse.ArgumentParser:
    """The words behind ``script``."""
    made = _Parser(
        prog="tieline exercise control HOME script",
        description="Say the injects of a scenario at their times, from the umpire's station.",
    )
    made.add_argument("scenario", metavar="FILE", help="a file, or the name of a shipped scenario")
    made.add_argument(
        "--from",
        dest="begin",
        default="H+0",
        metavar="MOMENT",
        help="what is now in the script, as H+1:30; earlier events are left out (default: H+0)",
    )
    made.add_argument("--dry-run", action="store_true", help="list it and stop; nothing is said")
    made.add_argument("--officer", default="", metavar="NAME", help="who speaks")
    made.add_argument(
        "--without",
        action="append",
        default=[],
        type=str.upper,
        metavar="PARTY",
        help="do not wait for this party's station, which is fed by bundle files or takes no part",
    )
    made.add_argument("--line", default="", metavar="NAME", help="which line, if there are several")
    return made


class StationSeat:
    """One station over its own socket, through any number of its lives."""

    def __init__(self, home: Path) -> None:
        self._path = home / "run" / "station.sock"
        self._client: Client | None = None
        self._told = False

    def act(self, name: str, args: Mapping[str, Json]) -> Entry:
        """Perform an act, again and again until it is answered.

        Raises ``LocalError`` with the station's own code, and ``LocalError`` (``exercise.down``)
        when the station did not answer at the very first.
        """
        first = self._client is None and not self._told
        while True:
            try:
                if self._client is None:
                    self._client = Client(self._path)
                found = Entry(self._client.call(name, **args), f"act {name}")
            except ApiRefused as error:
                if error.code not in _PASSING:
                    raise LocalError(error.code, error.message) from error
            except ApiDown as error:
                if first:
                    raise LocalError("exercise.down", str(error)) from error
                self.close()
                if not self._told:
                    print(f"exercise: {visible(str(error))}; the script waits", file=sys.stderr)
                self._told = True
            else:
                self._told = False
                return found
            time.sleep(injects.POLL_S)

    def close(self) -> None:
        """Forget the connection."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(OSError):
                client.close()


def main(home: Path, words: Sequence[str], *, as_json: bool) -> int:
    """Play a script, or list it. Returns the exit code. Raises ``TielineError``."""
    from tieline.exercise.__main__ import scenario_path
    from tieline.exercise.script import load

    args = parser().parse_args(words)
    scenario = load(scenario_path(args.scenario))
    begin_ms = moment_ms(args.begin, scenario.start_ms)

    def tell(told: injects.Told) -> None:
        _print(told, as_json=as_json)

    if args.dry_run:
        for told in injects.listed(scenario, begin_ms):
            tell(told)
        return 0
    wanted = injects.Wanted(
        officer=args.officer or Home.open(home).config.officer,
        from_ms=begin_ms,
        without=frozenset(args.without),
        line=args.line,
    )
    seat = StationSeat(home)
    script = injects.Script(scenario, seat, wanted, tell)
    try:
        script.play()
    except KeyboardInterrupt:
        print(f"exercise: {_resume(home, args, scenario, script)}", file=sys.stderr)
        return INTERRUPTED
    finally:
        seat.close()
    return 0


def _resume(
    home: Path, args: argparse.Namespace, scenario: world.Scenario, script: injects.Script
) -> str:
    """What somebody types who has interrupted the script and goes on with it."""
    words = ["tieline", "exercise", "control", str(home), "script", args.scenario]
    moment = script.resume_at()
    return (
        f"the script of {scenario.realm} was interrupted at {moment}; go on with"
        f" '{shlex.join([*words, '--from', moment])}'"
    )


def _print(told: injects.Told, *, as_json: bool) -> None:
    """One thing that the umpire is told, at once: somebody may be reading through a pipe."""
    if as_json:
        value: dict[str, Json] = {
            "what": told.what, "h": told.h, "event": told.event, "text": told.text,
            "item": told.item,
        }  # fmt: skip
        print(json.dumps(value, separators=(",", ":")), flush=True)
        return
    number = str(told.event) if told.event else ""
    print(visible(f"{told.h:<10} {number:>4}  {told.what:<9} {told.text}"), flush=True)
