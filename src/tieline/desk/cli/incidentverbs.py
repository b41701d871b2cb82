"""The command line of ``tieline incident``: only its arguments, so that help is quick."""

from __future__ import annotations

from tieline.desk.cli.parser import folder
from tieline.desk.cli.sendverb import PRECEDENCES

TYPE_CHECKING = False  # typing itself is slow to load
if TYPE_CHECKING:
    from typing import Final, Protocol

    from tieline.desk.cli.parser import Parser, Verb

    class _Action(Protocol):
        """Adds an action: its name, its sentence, and shared options."""

        def __call__(self, name: str, text: str, *parents: Parser) -> Parser: ...


_EVERYTHING: Final = "all of it, however much that is; else a bounded number of each party"
_INCIDENT: Final = "its name, the first characters of its digest, or a message in it"
_STANDING: Final = (
    "an item of the form's list, such as not-recognised, observer or mediated; party: we contest it"
    " no more"
)
_THERE: Final = "for what is said there alone (default: the line); " + _INCIDENT
_ITEM: Final = "its number here, as 'log' shows it, or the first characters of its digest"

# Options that are answers by meaning: option, meaning, what to type.
FACTS: Final = (
    ("what", "what", "what it is: an item of the form's list"),
    ("when", "when", "when it occurred, such as 151440Z NOV 22 +-300 S"),
    ("where", "where", "where, such as 50.47N 23.93E +-200 M"),
    ("count", "count", "how many, such as 2 or 12 +-3"),
    ("damage", "damage", "damage: an item of the list"),
    ("casualties", "casualties", "casualties"),
    ("evidence", "evidence", "evidence held: an item of the list"),
    ("own-forces", "own-forces", "whether own forces are involved: an item of the list"),
    ("intent", "intent", "intent of our side: an item of the list"),
)
INFERRED: Final = (
    ("whose", "whose", "whose it was: a party's code"),
    ("cause", "cause", "the cause: an item of the list"),
)
SURE: Final = (
    ("sure", "confidence", "how sure, or what is known so far: an item of the list"),
    ("source", "source", "by what: an item of the list"),
)
NEXT: Final = (("next", "next", "when our next word comes, such as now+2h"),)
NAME: Final = (("name", "name", "what we call the incident"),)
REASON: Final = (("reason", "reason", "the reason: an item of the list"),)


def add(verb: Verb, common: Parser, officer: tuple[Parser, ...]) -> None:
    """Add the verb with its actions. ``officer``: the options of whoever speaks."""
    p = verb("incident", "incidents", "incidents: what occurred, what each side says, what is owed")
    if p.empty:
        return
    actions = p.add_subparsers(dest="action", metavar="ACTION", parser_class=type(p))

    def action(name: str, text: str, *parents: Parser) -> Parser:
        made = actions.add_parser(name, help=text, description=text, parents=[common, *parents])
        made.set_defaults(module="incidents", function="say", does=name, means=())
        return made

    _looking(action)
    _saying(action, officer)


def _looking(action: _Action) -> None:
    p = action("list", "the incidents of the line, those that are open")
    p.set_defaults(function="list_")
    p.add_argument("--all", action="store_true", help="closed ones too")
    p.add_argument("--limit", type=int, default=100, help="at most so many (default: 100)")
    _reading(p)
    p = action("notices", "notices of launches, exercises, convoys, sites: who was told")
    p.set_defaults(function="notices")
    p.add_argument("--all", action="store_true", help="those that are over too")
    p.add_argument("--limit", type=int, default=100, help="at most so many (default: 100)")
    _reading(p)
    for name, text in (
        ("show", "one incident: state, clocks, accounts side by side, questions, messages"),
        ("timeline", "one incident in two lanes: when it happened, when each side learned"),
    ):
        p = action(name, text)
        p.set_defaults(function=name)
        p.add_argument("incident", help=_INCIDENT)
        p.add_argument("--all", action="store_true", help=_EVERYTHING)
        _reading(p)
    _report(action)
    p = action("known", "what the author of a message had read, and when others had the message")
    p.set_defaults(function="known")
    p.add_argument("item", help=_ITEM)
    _reading(p)


def _report(action: _Action) -> None:
    p = action(
        "report", "the report of an incident as HTML or PDF, and its figures beside another's"
    )
    p.set_defaults(module="report", function="report")
    p.add_argument("incident", help=_INCIDENT)
    p.add_argument(
        "--out",
        type=folder,
        metavar="FILE",
        help="write it there: a name that ends in .html or .pdf",
    )
    p.add_argument("--force", action="store_true", help="write over an older file of that name")
    p.add_argument(
        "--compare", type=folder, metavar="OTHER.json",
        help="set its figures beside those of another report, as --json printed that one",
    )  # fmt: skip
    _reading(p)


def _saying(action: _Action, officer: tuple[Parser, ...]) -> None:
    p = action("open", "open an incident with a first word, also one that we only saw", *officer)
    _means(p, (*SURE[:1], FACTS[7], *NEXT, *FACTS[:6], *NAME, *SURE[1:]))
    _form(p)
    for name, text in (
        ("word", "a further word, as our last one promised"),
        ("account", "what we observed, aspect by aspect; or a correction of it"),
        ("attribute", "what we infer: whose it was, the cause"),
    ):
        p = action(name, text, *officer)
        p.add_argument("incident", help=_INCIDENT)
        inferred = name == "attribute"
        _means(p, (*(INFERRED if inferred else FACTS), *SURE, *(() if inferred else NEXT)))
        if name == "account":
            _means(p, NAME)
        _form(p)
        for role, what in (("corrects", "corrects"), ("cancels", "takes back")):
            p.add_argument(
                f"--{role}", action="append", default=[], metavar="ITEM",
                help=f"the message of ours that it {what}",
            )  # fmt: skip
    _asking(action, officer)
    _joining(action, officer)
    _ending(action, officer)


def _asking(action: _Action, officer: tuple[Parser, ...]) -> None:
    p = action("ask", "ask a party", *officer)
    p.add_argument("incident", help=_INCIDENT)
    p.add_argument(
        "words", nargs="*", metavar="WORDS", help="each question in words, in the order of --about"
    )
    _means(p, (("of", "asked", "the party that is asked"),
               ("by", "due", "by when the answer is asked for")))  # fmt: skip
    p.add_argument(
        "--about", action="append", default=[], metavar="ASPECT",
        help="of what: what, when, where, count, damage, casualties, evidence, own-forces, intent,"
        " whose, cause; may be repeated",
    )  # fmt: skip
    _form(p)
    p = action("answer", "answer a question, say that the answer follows, or decline", *officer)
    p.add_argument("item", help="the question: " + _ITEM)
    _means(p, (("stance", "stance", "full, part, later or declined"), *REASON, *NEXT))
    _form(p)


def _joining(action: _Action, officer: tuple[Parser, ...]) -> None:
    p = action("link", "say that two incidents are one event; or answer a party that says so",
               *officer)  # fmt: skip
    p.add_argument("incident", nargs="*", help="both, or with --answer none; " + _INCIDENT)
    _means(p, REASON)
    p.add_argument("--answer", default="", metavar="ITEM", help="the link that is answered")
    _means(p, (("stance", "stance", "with --answer: agreed or not-agreed"),))
    _form(p)
    p = action("attach", "bring messages into an incident", *officer)
    p.add_argument("incident", help=_INCIDENT)
    p.add_argument("item", nargs="+", help="a message: " + _ITEM)
    _form(p)


def _ending(action: _Action, officer: tuple[Parser, ...]) -> None:
    for name, text in (
        ("close", "close an incident for our side; closed by all that took part, it is closed"),
        ("reopen", "open a closed incident again"),
        ("lesson", "what is to be learned from it"),
    ):
        p = action(name, text, *officer)
        p.add_argument("incident", help=_INCIDENT)
        _means(p, REASON)
        _form(p)
    p = action("standing", "in what standing another party speaks, for us: contest it, or not",
               *officer)  # fmt: skip
    p.add_argument("party", type=str.upper, help="the code of that party")
    p.add_argument("standing", help=_STANDING)
    p.add_argument("--incident", action="append", default=[], metavar="INCIDENT", help=_THERE)
    _form(p)
    p = action("public", "what we say or have said in public of it, by its hash", *officer)
    p.add_argument("incident", help=_INCIDENT)
    p.set_defaults(function="public")
    p.add_argument("file", type=folder, help="the statement: its hash is sent, and not its text")
    p.add_argument(
        "--check", action="store_true", help="send nothing: who has told the line of this text"
    )
    _means(p, (("state", "stance", "planned or made"), ("source", "source", "where it is found"),
               ("at", "from", "when it is or was made")))  # fmt: skip
    _form(p)


def _means(p: Parser, options: tuple[tuple[str, str, str], ...]) -> None:
    """Options that are answers by meaning."""
    for option, means, text in options:
        p.add_argument(f"--{option}", dest=f"means_{means}", default="", metavar="ANSWER",
                       help=text)  # fmt: skip


def _form(p: Parser) -> None:
    p.add_argument("--text", default="", help="in words; - for standard input")
    p.add_argument("--lang", default="en", help="the language of the words (default: en)")
    p.add_argument(
        "--form", default="", metavar="FORM", help="by this form (default: the first fit)"
    )
    p.add_argument(
        "--field", action="append", default=[], metavar="PATH=VALUE", help="a field of the form"
    )
    p.add_argument("-p", "--precedence", choices=PRECEDENCES, type=str.upper, default="")
    p.add_argument("--to", action="append", default=[], metavar="CODE", help="default: everyone")
    p.add_argument("--language", default="", help="the officer's language (default: from config)")


def _reading(p: Parser) -> None:
    p.add_argument("--line", default="", metavar="LINE", help="a line's name or id")
    p.add_argument("--language", default="", help="the officer's language (default: from config)")
