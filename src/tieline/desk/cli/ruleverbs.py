"""The command line of the verbs about agreements: only their arguments, so that help is quick."""

from __future__ import annotations

from tieline.desk.cli.parser import folder

TYPE_CHECKING = False  # typing itself is slow to load
if TYPE_CHECKING:
    from typing import Final

    from tieline.desk.cli.parser import Parser, Verb

SHAPES: Final = ("numbered", "slash", "radio")


def add(verb: Verb) -> None:
    """Add the verbs."""
    verb("exercise", "exercise", "exercises, apart from real lines: run, join, control, score")
    p = verb("form", "agreements", "forms and phrases in force; or a message in our language")
    p.add_argument(
        "form", nargs="?", default="", help="a form's id, or a phrase's code (default: list all)"
    )
    p.add_argument(
        "--field", action="append", default=[], metavar="PATH=VALUE", help="fill it, send nothing"
    )
    p.add_argument("--check", action="store_true", help="check it without any field too")
    p.add_argument("--item", metavar="ITEM", help="show the form of this message")
    p.add_argument("--shape", choices=SHAPES, help="the text to write it as (default: numbered)")
    p.add_argument(
        "--sheet", type=folder, metavar="FILE", help="a list of sites, CSV or XLSX: check each row"
    )
    p.add_argument("--send", action="store_true", help="with --sheet: send the rows without doubts")
    p.add_argument("--doubtful", action="store_true", help="with --send: those with doubts too")
    p.add_argument("--to", action="append", default=[], metavar="CODE", help="default: everyone")
    p.add_argument("--officer", metavar="NAME", help="who speaks (default: from config)")
    p.add_argument("--role", choices=("watch-officer", "treaty-officer", "releaser"))
    p.set_defaults(key="")
    _shared(p)
    p = verb("obligations", "agreements", "who owes what to whom by when")
    p.add_argument(
        "--party", default="", metavar="CODE", help="only what this party owes or is owed"
    )
    p.add_argument("--all", action="store_true", help="what is settled too")
    p.add_argument("--limit", type=int, default=1000, help="at most so many (default: 1000)")
    p.add_argument(
        "--questions",
        action="store_true",
        help="instead: numbers that are missing or came twice,"
        " references that lack, activities that look like one",
    )
    _shared(p)
    p = verb("explain", "agreements", "why an obligation is as it is")
    p.add_argument("obligation", help="its id, or the first characters of it")
    _shared(p)
    p = verb("calendar", "agreements", "dates, due times and ends of validity; also as an ICS file")
    for name in ("from", "to"):
        p.add_argument(
            f"--{name}",
            dest=f"{name}_",
            metavar="DTG",
            help="such as 151440Z NOV 22 (default: a year)",
        )
    p.add_argument(
        "--ics", type=folder, metavar="FILE", help="write it for a calendar, such as F.ics"
    )
    _shared(p)
    p = verb("quota", "agreements", "what is used and left of each quota")
    p.add_argument("--party", default="", metavar="CODE", help="of this party only")
    _shared(p)


def _shared(p: Parser) -> None:
    p.add_argument("--line", default="", metavar="LINE", help="a line's name or id")
    p.add_argument("--language", default="", help="the officer's language (default: from config)")
