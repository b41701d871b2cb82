"""The verbs of ``tieline exercise``: run, join, control, score, compare, notice."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError, TielineError
from tieline.exercise import scenario as world

VERBS: Final = ("run", "join", "control", "score", "compare", "notice")
DONE: Final = 0
REFUSED: Final = 1


def parser() -> argparse.ArgumentParser:
    """The command line of the verbs."""
    made = argparse.ArgumentParser(
        prog="tieline exercise",
        description="Exercises: never on a real line, and never with a real home.",
    )
    verbs = made.add_subparsers(dest="verb", required=True, metavar="VERB")
    p = _verb(verbs, "run", "start the stations of a scenario and play it")
    p.add_argument("scenario", metavar="FILE", help="a file, or the name of a shipped scenario")
    p.add_argument("--dir", type=Path, metavar="DIR", help="a new folder for homes and control")
    p.add_argument(
        "--play-as",
        action="append",
        default=[],
        type=str.upper,
        metavar="PARTY",
        help="leave a party to people: what the script has for it is expected of them",
    )
    p.add_argument("--umpire", action="store_true", help="an umpire has the clock")
    p.add_argument("--headless", action="store_true", help="plain text, no pauses")
    p.add_argument("--out", type=Path, metavar="DIR", help="write summary, score and records")
    p = _verb(verbs, "join", "an officer's terminal in a running exercise")
    p.add_argument("dir", type=Path, metavar="DIR", help="the exercise's folder, or a home of one")
    p.add_argument("--as", dest="party", required=True, type=str.upper, metavar="PARTY")
    p.add_argument("--print-home", action="store_true", help="print '--home PATH' and stop")
    p.add_argument("words", nargs="*", help="an ordinary verb (default: ask)")
    p = _verb(verbs, "control", "the umpire's terminal")
    p.add_argument(
        "dir", type=Path, metavar="DIR", help="the exercise's folder, or the umpire's own home"
    )
    p.add_argument("--json", action="store_true", help="one JSON object for each order")
    p.add_argument(
        "words", nargs="*", help="one order (default: ask); at a home: script FILE (script --help)"
    )
    p = _verb(verbs, "score", "the score, from the record of one exercise station")
    p.add_argument("home", type=Path, metavar="HOME", help="the home of a running station")
    p.add_argument("--json", action="store_true", help="one JSON object")
    p = _verb(verbs, "compare", "two runs side by side: score and report")
    p.add_argument("dir", type=Path, metavar="DIR", help="what one run wrote with --out")
    p.add_argument("other", type=Path, metavar="OTHER", help="what another run wrote with --out")
    p.add_argument("--out", type=Path, metavar="FILE", help="write it as .html or .pdf too")
    p.add_argument("--force", action="store_true", help="in the place of an older file")
    p.add_argument("--language", default="en", metavar="TAG", help="of the words (default: en)")
    p.add_argument("--json", action="store_true", help="one JSON object")
    p = _verb(verbs, "notice", "how the exercise is announced on the real line before it")
    p.add_argument("scenario", metavar="FILE", help="a file, or the name of a shipped scenario")
    return made


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    return verbs.add_parser(name, help=text, description=text)


def main(argv: list[str], play: Callable[[list[str]], int]) -> int:
    """Run one verb. ``play`` is the command that plays a scenario. Returns the exit code."""
    options, words = _apart(argv)
    args = parser().parse_args(options)
    args.words = words
    try:
        match args.verb:
            case "run":
                return _run(args, play)
            case "notice":
                print("\n".join(notice(_scenario(args.scenario))))
                return DONE
            case "score":
                return _score(args)
            case "compare":  # of the desk, which writes reports; nothing of it is known here
                words = [sys.executable, "-m", "tieline", "exercise", *argv]
                return subprocess.run(words, check=False).returncode  # noqa: S603  # no shell
            case "join":
                from tieline.exercise import terminal

                return terminal.join(args.dir, args.party, args.words, only_home=args.print_home)
            case _:
                from tieline.exercise import terminal

                return terminal.control(args.dir, args.words, as_json=args.json)
    except TielineError as error:
        sys.stderr.write(f"exercise: {error.message}\n")
        return REFUSED


def _apart(argv: list[str]) -> tuple[list[str], list[str]]:
    """Our own options, and the words that are a verb or an order of their own.

    Those begin behind the folder and our options, or behind ``--``; their options are not ours.
    """
    if argv[:1] not in (["join"], ["control"]):
        return argv, []
    at, folders = 1, 0
    while at < len(argv) and argv[at] != "--":
        word = argv[at]
        if word == "--as":
            at += 1
        elif not word.startswith("-"):
            if folders:
                break
            folders = 1
        at += 1
    words = argv[at:]
    return argv[:at], words[1:] if words[:1] == ["--"] else words


def _scenario(name: str) -> world.Scenario:
    from tieline.exercise.__main__ import scenario_path
    from tieline.exercise.script import load

    return load(scenario_path(name))


def _run(args: argparse.Namespace, play: Callable[[list[str]], int]) -> int:
    scenario = _scenario(args.scenario)
    people = sorted(set(args.play_as))
    for code in people:
        if code not in scenario.codes:
            known = ", ".join(scenario.codes)
            raise LocalError("exercise.party", f"this exercise has no party {code}; it has {known}")
    peopled = bool(people) or args.umpire
    if peopled and args.dir is None:
        raise LocalError(
            "exercise.folder", "an exercise with people needs a folder of its own; add --dir DIR"
        )
    given = ["--scenario", args.scenario]
    for name, value in (("--keep", args.dir), ("--out", args.out)):
        given += [] if value is None else [name, str(value)]
    given += [f"--play-as={code}" for code in people]
    given += ["--umpire"] if peopled else []
    given += ["--headless"] if args.headless else []
    if peopled:
        print("\n".join([*notice(scenario), "", *_how(args.dir, people)]), flush=True)
    return play(given)


def _how(folder: Path, people: list[str]) -> list[str]:
    """What people type next."""
    return [
        "The clock stands still until the umpire lets it go:",
        f"  tieline exercise control {folder}",
        *(f"  tieline exercise join {folder} --as {code}" for code in people),
    ]


def notice(scenario: world.Scenario) -> list[str]:
    """What the parties send on their real line before the exercise, as a command.

    It is sent by people, on the line and station of the real world: nothing of an exercise can.
    """
    span_h = -(-(scenario.end_ms - scenario.start_ms) // 3_600_000)
    text = (
        f"Exercise {scenario.realm}: {scenario.title}. Played on stations of its own with keys of"
        " its own. Nothing of it comes over this line, and everything of it bears the word"
        " EXERCISE. Its end will be told on this line."
    )
    send = "tieline send --form cr/goodwill --field topic=exercise --field from=TIME"
    return [
        "Before it, each party that has a real line tells the others there, on its real station:",
        f'  {send} --field until=TIME --field area=not-known --field text="{text}"',
        f"The script spans {span_h} h; TIME is when people really play. An activity of troops that",
        "goes with it has the forms of its own agreement, such as vd/notify. The exercise itself",
        "cannot send any of this, and does not.",
    ]


def _score(args: argparse.Namespace) -> int:
    from tieline.exercise import score
    from tieline.exercise.answer import Entry
    from tieline.exercise.terminal import station_score

    found = station_score(Path(os.path.realpath(args.home)))
    if args.json:
        print(json.dumps(found, separators=(",", ":")))
    else:
        print("\n".join(score.lines(Entry(found, "the score"))))
    return DONE
