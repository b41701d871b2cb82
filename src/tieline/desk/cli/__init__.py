"""The command ``tieline``: verbs, options, exit codes.

This module only parses and dispatches, and imports nothing that is slow: a verb's module is loaded
when the verb runs. Exit codes: 0 done, 1 refused, 2 usage, 3 line down, 4 verification failed, 5 a
bundle that brings nothing new. With ``--json`` one JSON object goes to standard output, for a
refusal too (``watch`` writes one a line); what people read goes to standard output without it, and
every refusal is one sentence on standard error.
"""

from __future__ import annotations

import io
import os
import sys

from tieline.desk.confined import dump_nothing

TYPE_CHECKING = False  # typing itself is slow to load
if TYPE_CHECKING:
    import argparse
    from typing import Final

DONE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
LINE_DOWN: Final = 3
VERIFY_FAILED: Final = 4
NOTHING_NEW: Final = 5

# The codes of refusals that say: what was checked does not hold.
_FAILED: Final = ("verify.", "words.", "backup.damaged", "backup.audit")


def build_parser() -> argparse.ArgumentParser:
    """The whole command line, for who documents or tries it."""
    from tieline.desk.cli.verbs import build

    return build(None)


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    dump_nothing()
    sys.excepthook = _defect if sys.excepthook is sys.__excepthook__ else sys.excepthook
    given = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without these letters
    if given[:1] == ["exercise"] and given[1:2] not in (["-h"], ["--help"]):
        from tieline.desk.cli import exercise

        return exercise.run(given[1:])
    from tieline.desk.cli.parser import Usage
    from tieline.desk.cli.verbs import build

    parser = build(given)
    try:
        _check_text(given)
        args = parser.parse_args(given)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else USAGE
    except Usage as error:
        return _refuse("usage", str(error), USAGE, as_json="--json" in given)
    if args.version:
        from tieline import __version__

        text = f'{{"version": "{__version__}", "protocol": 1}}'
        print(text if getattr(args, "json", False) else f"tieline {__version__}, protocol 1")
        return DONE
    if args.verb is None:
        if getattr(args, "json", False):
            return _refuse("usage", "name a verb; see 'tieline --help'", USAGE, as_json=True)
        parser.print_help()
        return USAGE
    from pathlib import Path

    home = Path(os.environ.get("TIELINE_HOME") or Path.home() / ".tieline")
    args.home = getattr(args, "home", home)
    args.json = getattr(args, "json", False)
    return _run(args)


def _defect(_kind: type[BaseException], error: BaseException, _way: object) -> None:
    """Tell of a defect that ends a command, without the words that it is about."""
    if isinstance(error, KeyboardInterrupt):  # before the command had begun
        sys.stderr.write("tieline: stopped; nothing was done\n")
        return
    from tieline.node.traces import told

    sys.stderr.write(f"tieline: ended by a defect of its own; report it with this\n{told(error)}")


def _check_text(given: list[str]) -> None:
    """Refuse words that were not text (Python keeps such bytes as surrogates)."""
    from tieline.desk.cli.parser import Usage

    if any("\ud800" <= char <= "\udfff" for part in given for char in part):
        raise Usage("the command line holds bytes that are no text in this terminal's code")


def _run(args: argparse.Namespace) -> int:
    from importlib import import_module

    from tieline.core.errors import TielineError
    from tieline.node.client import ApiDown, ApiRefused

    module = import_module(f"tieline.desk.cli.{args.module}")
    args.opened = []
    try:
        code = getattr(module, args.function)(args)
        sys.stdout.flush()
    except (TielineError, ApiRefused) as error:
        failed = error.code.startswith(_FAILED)
        return _refuse(
            error.code, error.message, VERIFY_FAILED if failed else REFUSED, as_json=args.json
        )
    except ApiDown as error:
        return _refuse("station.down", str(error), LINE_DOWN, as_json=args.json)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        text = f"{where}{error.strerror or error}; put that right and try again"
        return _refuse("file.system", text, REFUSED, as_json=args.json)
    except (KeyboardInterrupt, EOFError):
        if args.verb in ("watch", "serve", "witness", "desk", "alarm"):
            return DONE
        return _refuse("usage.stopped", "stopped; nothing was done", REFUSED, as_json=args.json)
    finally:
        for client in args.opened:
            client.close()
    return code if isinstance(code, int) else DONE


def _refuse(code: str, message: str, status: int, *, as_json: bool) -> int:
    """Say why not: a sentence on standard error, or an object on standard output."""
    from tieline.node.text import visible

    if as_json:
        import json

        print(json.dumps({"ok": False, "error": {"code": code, "message": message}}))
    else:
        sys.stderr.write(f"tieline: {visible(message)}\n")
    return status
