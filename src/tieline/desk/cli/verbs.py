"""All verbs of the command line, in the order in which help lists them."""

from __future__ import annotations

import argparse

from tieline.desk.cli import deskverbs, incidentverbs, ruleverbs, sendverb, stationverbs
from tieline.desk.cli.parser import Parser, asked, folder

TYPE_CHECKING = False  # typing itself is slow to load
if TYPE_CHECKING:
    from collections.abc import Sequence


def build(words: Sequence[str] | None) -> Parser:
    """The command line, with those verbs that ``words`` name; None: with all."""
    common, officer = _common(), _officer()
    parser = Parser(prog="tieline", parents=[common], description="The minimum-contact line.")
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=asked(words))

    def verb(name: str, where: str, text: str, *parents: Parser) -> Parser:
        made = verbs.add_parser(name, help=text, description=text, parents=[common, *parents])
        made.set_defaults(module=where, function=name.replace("-", "_"))
        return made

    stationverbs.setup(verb)
    stationverbs.agreements(verb)
    stationverbs.talk(verb, officer)
    ruleverbs.add(verb)
    incidentverbs.add(verb, common, (officer, sendverb.manner(Parser)))
    stationverbs.look(verb, officer)
    stationverbs.record(verb)
    stationverbs.witness(verb)
    deskverbs.add(verb, officer)
    return parser


def _common() -> Parser:
    common = Parser(add_help=False)
    common.add_argument(
        "--home",
        type=folder,
        default=argparse.SUPPRESS,
        metavar="DIR",
        help="the station's folder (default: $TIELINE_HOME or ~/.tieline)",
    )
    common.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="one JSON object on standard output",
    )
    return common


def _officer() -> Parser:
    officer = Parser(add_help=False)
    officer.add_argument("--officer", metavar="NAME", help="who speaks (default: from config)")
    officer.add_argument("--role", choices=("watch-officer", "treaty-officer", "releaser"))
    officer.add_argument("--line", default="", metavar="LINE", help="a line's name or id")
    officer.add_argument("--key", default="", help="the same key again repeats nothing")
    return officer
