"""``python -m tieline.exercise``: play an exercise on this machine."""

from __future__ import annotations

import argparse
import asyncio
import io
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Final, NoReturn, TypeVar

from tieline.exercise import verbs

T = TypeVar("T")

DONE: Final = 0
BROKEN: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
FOLDER: Final = Path(__file__).resolve().parents[3] / "exercises"
STANDARD: Final = "przewodow-2022"
FIRST: Final = (
    "first-watch"  # at desks; its times are all relative, so it begins when it is started
)
FIRST_YOURS: Final = "BRAVO"
MIN_WIDTH: Final = 72
MAX_WIDTH: Final = 120
PLAIN_WIDTH: Final = 100


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"exercise: {message}; see --help\n")
        raise SystemExit(USAGE)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = _Parser(
        prog="./dev demo",
        description="Stations as processes on this machine play an exercise from a scenario file.",
    )
    made.add_argument(
        "--scenario",
        metavar="NAME",
        help=f"a file, or a name in exercises/ (default: {FIRST} at desks, else {STANDARD})",
    )
    made.add_argument(
        "--desks", type=_desks, default=2, metavar="N", help="so many web desks (default: 2)"
    )
    made.add_argument("--no-browser", action="store_true", help="open no browser by itself")
    made.add_argument("--port", type=_port, metavar="N", help="of the start page")
    made.add_argument("--terminal", action="store_true", help="in this terminal, without desks")
    made.add_argument("--list", action="store_true", help="list the scenarios in exercises/")
    made.add_argument("--check", action="store_true", help="read the scenario and stop")
    made.add_argument("--headless", action="store_true", help="plain text, no pauses")
    made.add_argument("--out", type=Path, metavar="DIR", help="write summary.json and the records")
    made.add_argument(
        "--pace", type=_pace, default=1.0, metavar="N", help="longer (2) or shorter (0.5) pauses"
    )
    made.add_argument("--export-svg", type=Path, metavar="FILE", help="write a picture")
    made.add_argument("--keep", type=Path, metavar="DIR", help="keep the stations' homes there")
    made.add_argument(
        "--kills", type=_count, default=0, metavar="N", help="kill -9 stations N times on the way"
    )
    made.add_argument("--seed", type=int, default=0, help="draws the moments of --kills")
    made.add_argument(
        "--play-as", action="append", default=[], metavar="PARTY", help="leave a party to people"
    )
    made.add_argument("--umpire", action="store_true", help="an umpire has the clock (with --keep)")
    return made


def _pace(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError("a pace is a number from 0 to 100")
    return value


def _desks(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 8:
        raise argparse.ArgumentTypeError("desks are 1 to 8")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 1000:
        raise argparse.ArgumentTypeError("a count is a number from 0 to 1000")
    return value


def scenario_path(name: str) -> Path:
    """The file of a scenario: a path as it is, or a name in ``exercises/``."""
    path = Path(name)
    if path.suffix or len(path.parts) > 1:
        return path
    return FOLDER / f"{name}.toml"


async def _until_told(playing: Coroutine[object, object, T]) -> T:
    """Let a termination, or the closing of the terminal, end the exercise as an interrupt does."""
    task = asyncio.current_task()
    if task is not None:
        for told in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(told, task.cancel)
    return await playing


def main(argv: list[str] | None = None) -> int:
    """Run the command. Returns its exit code: 0 all kept, 1 refused or broken, 2 usage."""
    given = sys.argv[1:] if argv is None else argv
    if given[:1] and given[0] in verbs.VERBS:
        return verbs.main(given, _play)
    return _play(given)


def _at_desks(args: argparse.Namespace) -> bool:
    """Whether it is played at web desks: unless something is asked for that the terminal does."""
    elsewhere = ("terminal", "headless", "list", "check", "out", "export_svg", "keep", "kills",
                 "play_as", "umpire")  # fmt: skip
    return not any(getattr(args, name) for name in elsewhere)


def _desk_play(args: argparse.Namespace) -> int:
    """Play it at web desks until an interrupt."""
    from tieline.core.errors import TielineError
    from tieline.exercise import deskplay
    from tieline.exercise.script import load

    name = args.scenario or FIRST
    first = name == FIRST
    options = deskplay.DeskOptions(
        desks=args.desks,
        people=(FIRST_YOURS,) if first else (),
        browser=not args.no_browser,
        port=args.port or deskplay.START_PORT,
    )
    try:
        scenario = load(scenario_path(name), deskplay.present() if first else None)
        asyncio.run(_until_told(deskplay.run(scenario, options)))
    except TielineError as error:
        sys.stderr.write(f"exercise: {error.message}\n")
        return BROKEN
    except OSError as error:
        sys.stderr.write(f"exercise: {error}; nothing was left running\n")
        return BROKEN
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("exercise: ended; desks and stations are stopped\n")
    return DONE


def _play(argv: list[str]) -> int:
    """Play a scenario from beginning to end."""
    args = parser().parse_args(argv)
    if _at_desks(args):
        return _desk_play(args)
    args.scenario = args.scenario or STANDARD
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show a sign shows "?"
    from rich.console import Console

    from tieline.core.errors import TielineError
    from tieline.exercise import reports
    from tieline.exercise.runner import Options, run
    from tieline.exercise.script import load

    if args.list:
        for path in sorted(FOLDER.glob("*.toml")):
            print(path.stem)
        return DONE
    try:
        scenario = load(scenario_path(args.scenario))
        if args.check:
            print(f"{scenario.id}: {len(scenario.events)} events, {len(scenario.parties)} parties")
            return DONE
        if args.out is not None:  # found out now, not after the play
            args.out.mkdir(parents=True, exist_ok=True)
            (args.out / "summary.json").unlink(missing_ok=True)
            reports.clear(args.out)
        # Without a terminal, or headless: plain text, whatever the environment says of colours.
        live = sys.stdout.isatty() and not args.headless
        console = (
            Console(highlight=False)
            if live
            else Console(
                highlight=False, force_terminal=False, color_system=None, legacy_windows=False
            )
        )
        console.width = min(max(console.width, MIN_WIDTH), MAX_WIDTH) if live else PLAIN_WIDTH
        options = Options(
            pace=args.pace if live and not args.umpire else 0.0,
            live=live,
            out=args.out,
            svg=args.export_svg,
            keep=args.keep,
            kills=args.kills,
            seed=args.seed,
            people=tuple(args.play_as),
            umpired=args.umpire,
        )
        summary = asyncio.run(_until_told(run(scenario, console, options)))
    except TielineError as error:
        sys.stderr.write(f"exercise: {error.message}\n")
        return BROKEN
    except OSError as error:
        sys.stderr.write(f"exercise: {error}; nothing was left running\n")
        return BROKEN
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("exercise: interrupted; the stations are stopped\n")
        return INTERRUPTED
    return BROKEN if summary.promises_broken else DONE


if __name__ == "__main__":
    sys.exit(main())
