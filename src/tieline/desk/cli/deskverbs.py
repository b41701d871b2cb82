"""The command line of ``tieline desk`` and ``tieline alarm``: only its arguments."""

from __future__ import annotations

from tieline.desk.cli.parser import folder

TYPE_CHECKING = False  # typing itself is slow to load
if TYPE_CHECKING:
    from tieline.desk.cli.parser import Parser, Verb


def add(verb: Verb, officer: Parser) -> None:
    """Add the verbs."""
    p = verb("desk", "desk", "the web desk of a running station, and its officers' accounts")
    p.add_argument(
        "words",
        nargs="*",
        metavar="officer",
        help="nothing: serve the desk; officer list, or officer add|role|reset|lock|unlock NAME",
    )
    p.add_argument("--port", type=int, metavar="N", help="where it answers (default: 7480)")
    p.add_argument(
        "--covers",
        type=folder,
        metavar="HOME",
        help="for an exercise: the real station beside it, whose FLASH covers this desk",
    )
    p.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="a further host name that leads to it; may be repeated",
    )
    p.add_argument(
        "--role",
        action="append",
        default=[],
        choices=("watch-officer", "treaty-officer", "releaser", "administrator", "observer"),
        help="officer add and role: what it may do; may be repeated",
    )
    _alarm(verb, officer)


def _alarm(verb: Verb, officer: Parser) -> None:
    p = verb(
        "alarm", "alarms", "make a station's alarms heard; see, silence and test them", officer
    )
    p.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="nothing: run the outputs of alarm.toml; list, why N, silence, shelve N REASON,"
        " unshelve N, seen N [NOTE], outputs, test, heard N OUTPUT, forget OUTPUT",
    )
    p.add_argument("--past", action="store_true", help="list: the last that are over too")
    p.add_argument("--hours", type=float, default=8.0, metavar="H", help="shelve: for how long")
