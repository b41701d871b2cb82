"""The command line of ``tieline joint`` and ``tieline assent``: only its arguments."""

from __future__ import annotations

from tieline.desk.cli.parser import Parser

TYPE_CHECKING = False  # typing itself is slow to load
if TYPE_CHECKING:
    from typing import Final

    from tieline.desk.cli.parser import Verb

ACTIONS: Final = ("propose", "amend", "sign", "decline", "withdraw", "list", "show")
_INSIST: Final = "sign although our other station has not been heard since"
_ITEM: Final = "a statement's number or the first characters of its digest"


def marks(made: Parser, *, relayed: bool = True) -> Parser:
    """Add the marks that any statement of an officer can bear."""
    made.add_argument(
        "--without-prejudice", action="store_true", help="mark it as said without prejudice"
    )
    if relayed:
        made.add_argument(
            "--through", default="", metavar="WHO", help="whose word we hand on: a party or a name"
        )
    return made


def add(verb: Verb, officer: Parser) -> None:
    """Add the verbs."""
    said = marks(Parser(add_help=False))
    ours = marks(Parser(add_help=False), relayed=False)
    p = verb(
        "joint",
        "joints",
        "joint statements: propose, amend, sign, decline, take back, list and show them",
        officer,
        said,
    )
    p.add_argument(
        "words",
        nargs="+",
        metavar="WORD",
        help="propose TEXT, amend ITEM TEXT, sign ITEM, decline ITEM [TEXT], withdraw ITEM [TEXT],"
        " list, show ITEM; or the TEXT alone, which proposes it",
    )
    p.add_argument("--lang", default="en", help="the text's language (default: en)")
    p.add_argument(
        "--party", action="append", default=[], metavar="CODE", help="who signs (default: everyone)"
    )
    p.add_argument(
        "--effective",
        default="",
        metavar="TIME",
        help="from when it holds, such as now+2h; amend: as it was without this, 'none' for none",
    )
    p.add_argument("--late-binds", action="store_true", help="it binds also if signed after that")
    p.add_argument("--form", default="", help="agree on a form in the place of a text")
    p.add_argument(
        "--field", action="append", default=[], metavar="PATH=VALUE", help="a field of the form"
    )
    p.add_argument("--all", action="store_true", help="list: everything, not only the newest")
    p.add_argument("--reason", default="", help="decline: an item of the form's list")
    p.add_argument(
        "--concerns", action="append", default=[], metavar="ITEM", help="an item that it is about"
    )
    p.add_argument(
        "--incident", action="append", default=[], metavar="INCIDENT", help="what it belongs to"
    )
    p.add_argument("-p", "--precedence", type=str.upper, default="", metavar="PRECEDENCE")
    p.add_argument("--language", default="", help="the officer's language (default: from config)")
    p.add_argument("--insist", action="store_true", help=_INSIST)
    p = verb(
        "assent",
        "joints",
        "sign a joint statement: joint sign",
        officer,
        ours,
    )
    p.add_argument("item", help=_ITEM)
    p.add_argument("--insist", action="store_true", help=_INSIST)
