"""The command line of ``tieline send``, and how something is said: only arguments."""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself is slow to load
if TYPE_CHECKING:
    from typing import Final

    from tieline.desk.cli.parser import Parser

PRECEDENCES: Final = ("ROUTINE", "PRIORITY", "IMMEDIATE", "FLASH")


def manner(parser: type[Parser]) -> Parser:
    """The options that say in what manner something is said, for verbs to share."""
    made = parser(add_help=False)
    made.add_argument(
        "--without-prejudice", action="store_true", help="it concedes nothing, whatever it says"
    )
    made.add_argument("--through", default="", metavar="CODE", help="we hand on what this one says")
    return made


def add(p: Parser) -> None:
    """Add the arguments of a message."""
    p.add_argument("text", nargs="?", help="the text; - for standard input")
    p.add_argument("--lang", default="en", help="the text's language (default: en)")
    p.add_argument("-p", "--precedence", choices=PRECEDENCES, type=str.upper, default="")
    p.add_argument("--to", action="append", default=[], metavar="CODE", help="default: everyone")
    p.add_argument("--form", default="", help="a coded form instead of, or with, a text")
    p.add_argument(
        "--phrase", default="", metavar="CODE", help="a phrase of a phrase book, such as IR1"
    )
    p.add_argument(
        "--incident",
        action="append",
        default=[],
        metavar="INCIDENT",
        help="what it belongs to: its name, or the first characters of its digest",
    )
    p.add_argument(
        "--field", action="append", default=[], metavar="PATH=VALUE", help="a field of the form"
    )
    p.add_argument("--language", default="", help="the officer's language (default: from config)")
    p.add_argument(
        "--wants", action="append", default=[], choices=("read back", "passed on", "nothing")
    )
    for name in ("answers", "corrects", "cancels", "supersedes"):
        p.add_argument(
            f"--{name}", action="append", default=[], metavar="ITEM", help=f"the item it {name}"
        )
    for name, what in (
        ("predecessor", "an item that its form wants cited"),
        ("concerns", "an item that it is about"),
    ):
        p.add_argument(f"--{name}", action="append", default=[], metavar="ITEM", help=what)
