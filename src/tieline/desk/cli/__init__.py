"""The command ``tieline``: verbs, options, exit codes.

This module only parses and dispatches, and imports nothing that is slow: a verb's module is loaded
when the verb runs. Exit codes: 0 done, 1 refused, 2 usage, 3 line down, 4 verification failed. With
``--json`` one JSON object goes to standard output, for a refusal too (``watch`` writes one a line);
what people read goes to standard output without it, and every refusal is one sentence on standard
error.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final, NoReturn, Protocol, cast

from tieline.desk.cli import deskverbs, exercise, incidentverbs, jointverbs, ruleverbs, sendverb
from tieline.desk.confined import dump_nothing

DONE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
LINE_DOWN: Final = 3
VERIFY_FAILED: Final = 4

# The codes of refusals that say: what was checked does not hold.
_FAILED: Final = ("verify.", "words.", "backup.damaged", "backup.audit")


_ITEM: Final = "its number here, as 'log' shows it, or the first characters of its digest"


class _Usage(Exception):
    """The command line is wrong."""


class _Parser(argparse.ArgumentParser):
    _within = False

    def error(self, message: str) -> NoReturn:
        raise _Usage(f"{message}; see '{self.prog} --help'")

    def parse_known_args(  # type: ignore[override]  # the base has overloads for its namespace
        self, args: list[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Take options and arguments in any order.

        By itself argparse ends a verb's optional arguments at the first option after one of them,
        so that ``card verify --words WORDS FILE`` would be no command.
        """
        plain = self._within or self._subparsers is not None or "--" in (args or ())
        if plain:
            return super().parse_known_args(args, namespace)
        self._within = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._within = False


class _Verb(Protocol):
    """Adds a verb: its name, the module that does it, its sentence, and shared options."""

    def __call__(
        self, name: str, where: str, text: str, *parents: argparse.ArgumentParser
    ) -> _Parser: ...


def _common() -> _Parser:
    common = _Parser(add_help=False)
    common.add_argument(
        "--home",
        type=Path,
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
    return common  # fmt: skip


def _officer() -> _Parser:
    officer = _Parser(add_help=False)
    officer.add_argument("--officer", metavar="NAME", help="who speaks (default: from config)")
    officer.add_argument("--role", choices=("watch-officer", "treaty-officer", "releaser"))
    officer.add_argument("--line", default="", metavar="LINE", help="a line's name or id")
    officer.add_argument("--key", default="", help="the same key again repeats nothing")
    return officer


@cache
def build_parser() -> argparse.ArgumentParser:
    """The whole command line, made once: 60 ms, more than most commands take to run."""
    common, officer = _common(), _officer()
    parser = _Parser(prog="tieline", parents=[common], description="The minimum-contact line.")
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)

    def verb(name: str, where: str, text: str, *parents: argparse.ArgumentParser) -> _Parser:
        shared = cast("list[_Parser]", [common, *parents])
        made = verbs.add_parser(name, help=text, description=text, parents=shared)
        made.set_defaults(module=where, function=name.replace("-", "_"))
        return made

    _setup_verbs(verb)
    _agreement_verbs(verb)
    _talk_verbs(verb, officer)
    ruleverbs.add(verb)
    incidentverbs.add(verb, common, (officer, sendverb.manner(_Parser)))
    _look_verbs(verb, officer)
    _record_verbs(verb)
    _witness_verbs(verb)
    deskverbs.add(verb, officer)
    return parser


def _setup_verbs(verb: _Verb) -> None:
    p = verb("init", "setup", "make a station: keys, card, store, configuration")
    p.add_argument("--party", required=True, metavar="CODE", help="such as ALPHA")
    p.add_argument("--name", required=True, help="the party's name in words")
    p.add_argument("--station", default="ops", help="the station's name (default: ops)")
    p.add_argument(
        "--address",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="where peers reach this station (port 7411 unless named); may be repeated, tried in"
        " order",
    )
    p.add_argument(
        "--listen",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="where it listens (default: the ports of its addresses, on every interface)",
    )
    p.add_argument("--exercise", metavar="ID", help="an exercise station, never real")
    p.add_argument(
        "--key-file",
        action="store_true",
        help="unlock with a key file, for unattended start, not with a passphrase",
    )
    p.add_argument(
        "--root-from",
        type=Path,
        metavar="DIR",
        help="a further station of the party whose root is in this home",
    )
    p.add_argument(
        "--replace",
        default="",
        metavar="NAME",
        help="the station that this one replaces on the card (with --root-from)",
    )
    p.add_argument("--officer", default="", metavar="NAME", help="the officer by default")
    p.add_argument(
        "--days", type=int, metavar="N", help="how long its certificate is valid (default: no end)"
    )


def _agreement_verbs(verb: _Verb) -> None:
    p = verb("card", "cards", "our public card, or verify another party's by typed words")
    p.add_argument("action", nargs="?", choices=("show", "verify", "words", "list"), default="show")
    p.add_argument("file", nargs="?", type=Path, help="a card file")
    p.add_argument("--out", type=Path, metavar="FILE", help="write the card to this file")
    p.add_argument("--qr", type=Path, metavar="FILE", help="write a QR code (.svg or .png)")
    p.add_argument(
        "--check-qr",
        type=Path,
        metavar="FILE",
        help="write a short QR code, by which others verify the card (.svg or .png)",
    )
    p.add_argument("--words", help="the words as heard (default: ask)")
    p.add_argument(
        "--scanned",
        metavar="TEXT|FILE",
        help="what a QR code of theirs said, in the place of words (verify)",
    )
    p = verb("keys", "keys", "keys of this station: rotate, request, accept, revoke, forget")
    p.add_argument(
        "action",
        nargs="?",
        choices=("show", "rotate", "sign", "accept", "revoke", "forget"),
        default="show",
    )
    p.add_argument("file", nargs="?", type=Path, help="a request (sign), a card (accept)")
    p.add_argument("--station", metavar="NAME", help="the station that leaves the card (revoke)")
    p.add_argument("--days", type=int, metavar="N", help="how long they are valid (rotate)")
    p.add_argument(
        "--request",
        type=Path,
        metavar="FILE",
        help="write a request that is signed where the root is (rotate)",
    )
    p.add_argument("--root-from", type=Path, metavar="DIR", help="the home that holds the root")
    p.add_argument("--out", type=Path, metavar="FILE", help="where to write the new card (sign)")
    p.add_argument("--yes", action="store_true", help="sign without being asked again")
    _charter_verb(verb)
    _pack_verb(verb)
    verb("serve", "setup", "run the station until it is stopped")
    verb("stop", "record", "stop the running station")
    verb("doctor", "setup", "look for trouble and say what to do")


def _pack_verb(verb: _Verb) -> None:
    p = verb(
        "pack", "packs", "agreements as data: list, show, check, compare, test, keep and write them"
    )
    p.add_argument(
        "action",
        choices=("list", "show", "check", "diff", "test", "schema", "keep", "write", "confirm"),
    )
    p.add_argument(
        "words",
        nargs="*",
        metavar="PACK",
        help="folder, *.pack file or shipped pack; then FORM (show, confirm), RULE, NEW or FOLDER",
    )
    p.add_argument("--lang", default="en", metavar="TAG", help="show: in this language")
    p.add_argument("--out", type=Path, metavar="FILE", help="write: such as F.pack")
    whats = ("test: only this case", "confirm: who checked it", "confirm: against what", "a note")
    for name, said in zip(("case", "by", "source", "note"), whats, strict=True):
        p.add_argument(f"--{name}", default="", metavar="TEXT", help=said)
    p.add_argument("--withdraw", action="store_true", help="confirm: take it back")


def _charter_verb(verb: _Verb) -> None:
    p = verb("charter", "charters", "make, sign, show, amend or install the charter of a line")
    p.add_argument("action", choices=("new", "sign", "show", "amend", "install", "merge", "heads"))
    p.add_argument("files", nargs="*", type=Path, help="charter files; for new, the line's name")
    p.add_argument("--name", help="the line's name (new, amend)")
    p.add_argument(
        "--card",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a party's card file (new: by default every card that was verified here)",
    )
    p.add_argument(
        "--remove", action="append", default=[], metavar="CODE", help="a party that leaves (amend)"
    )
    p.add_argument(
        "--reroot",
        action="store_true",
        help="a card has another root, which replaces that of its party (amend)",
    )
    p.add_argument(
        "--heads",
        type=Path,
        metavar="FILE",
        help="where logs end whose keys end, as 'charter heads' wrote it (amend; default: as this"
        " station holds them)",
    )
    p.add_argument("--sign", action="store_true", help="sign it at once (new, amend)")
    p.add_argument("--install", action="store_true", help="install it at once (sign, merge)")
    p.add_argument("--yes", action="store_true", help="sign without being asked again")
    p.add_argument("--unverified-cards", action="store_true", help="exercises only")
    p.add_argument("--out", type=Path, metavar="FILE", help="where to write the charter")
    _provisions(p)


def _provisions(p: _Parser) -> None:
    """What a charter provides: new and amend."""
    observers = {
        "observer": "a party that holds and verifies everything and says nothing",
        "no-observer": "a party that observes no more (amend)",
    }
    for name, said in observers.items():
        p.add_argument(f"--{name}", action="append", default=[], metavar="CODE", help=said)
    p.add_argument(
        "--four-eyes",
        metavar="LIST",
        help="precedences that need two people, such as FLASH,IMMEDIATE; or none",
    )
    p.add_argument(
        "--standing",
        action="append",
        default=[],
        metavar="FORM",
        help="a form or phrase, by its id on the wire, that one officer may release alone",
    )
    p.add_argument(
        "--witness",
        action="append",
        default=[],
        metavar="VKEY",
        help="a witness that cosigns the line's logs, by its key (amend: one more, or its new key)",
    )
    p.add_argument(
        "--no-witness",
        action="append",
        default=[],
        metavar="NAME",
        help="a witness that is no more (amend)",
    )
    p.add_argument(
        "--pack",
        action="append",
        default=[],
        metavar="PACK",
        help="an agreement in force on the line: the name of a pack, its folder or its file",
    )
    p.add_argument(
        "--no-pack",
        action="append",
        default=[],
        metavar="PACK",
        help="an agreement that is no longer in force on the line (amend)",
    )
    p.add_argument("--quorum", type=int, metavar="N", help="how many of the witnesses are needed")
    p.add_argument("--test-interval", metavar="TIME", help="line tests, such as 6h; 0 for none")
    p.add_argument("--checkpoints", metavar="T,T", help="sign heads, with ML-DSA-44: 5m,24h")


def _talk_verbs(verb: _Verb, officer: _Parser) -> None:
    p = verb("send", "talk", "send a message", officer, sendverb.manner(_Parser))
    sendverb.add(p)
    said = jointverbs.marks(_Parser(add_help=False))
    ours = jointverbs.marks(_Parser(add_help=False), relayed=False)
    p = verb("release", "talk", "release a draft as the second officer", officer)
    p.add_argument("draft", type=int, help="the draft's number")
    p = verb("discard", "talk", "withdraw a draft", officer)
    p.add_argument("draft", type=int, help="the draft's number")
    verb("drafts", "talk", "drafts that wait for release", officer)
    p = verb("ack", "talk", "acknowledge a statement: a named officer has read it", officer, said)
    p.add_argument("item", help=_ITEM)
    p = verb("read-back", "talk", "repeat a statement's meaning in your own words", officer, said)
    p.add_argument("item", help=_ITEM)
    p.add_argument("text", help="the text")
    p.add_argument("--lang", default="en", help="the text's language (default: en)")
    p = verb("pass-on", "talk", "attest that a unit has been told", officer, said)
    p.add_argument("item", help=_ITEM)
    p.add_argument("unit", help="who was told")
    jointverbs.add(verb, officer)
    p = verb("suspend", "talk", "suspend the line, saying why", officer, ours)
    p.add_argument("cause", help="why, in a few words")
    p = verb("resume", "talk", "end our suspension", officer, ours)
    p.add_argument("cause", nargs="?", default="")
    p = verb("staff", "talk", "say that an officer is on watch, or that none is", officer, ours)
    p.add_argument("state", choices=("on", "off"))
    p.add_argument("cause", nargs="?", default="")
    verb("test-line", "talk", "call a line test now", officer)


def _look_verbs(verb: _Verb, officer: _Parser) -> None:
    verb("status", "talk", "the state of every line", officer)
    p = verb("log", "talk", "the record in its order of cause and effect", officer)
    p.add_argument(
        "item", nargs="?", help="one statement, with its ladder; or: checkpoint; or: tiles"
    )
    p.add_argument("folder", nargs="?", type=Path, help="tiles: the folder to write a log to")
    p.add_argument("--seal", action="store_true", help="checkpoint: sign with ML-DSA-44 too")
    p.add_argument("--out", type=Path, metavar="FILE", help="checkpoint: write the note here")
    p.add_argument(
        "--log", default="", metavar="LOG", help="tiles: which, by its id or PARTY/station"
    )
    p.add_argument(
        "--entries",
        choices=("open", "none", "sealed"),
        default="open",
        help="tiles: with the statements (default), without, or sealed to the line's stations",
    )
    p.add_argument("--language", default="", help="the officer's language (default: from config)")
    p.add_argument("-n", "--limit", type=int, default=50, help="how many, the newest (default: 50)")
    p = verb("watch", "talk", "follow what happens, as it happens", officer)
    p.add_argument(
        "--since",
        type=int,
        metavar="N",
        help="begin after this journal number; 0 for all (default: the last hundred)",
    )
    p.add_argument("--until-live", action="store_true", help="stop when all is shown")  # fmt: skip


def _verify_verb(verb: _Verb) -> None:
    p = verb("verify", "record", "check a record, or a file of it, from its bytes up")
    p.add_argument(
        "file",
        nargs="?",
        type=Path,
        help="evidence, a proof, bundle, card, charter, checkpoint, or folder of tiles (default:"
        " this home's store)",
    )
    p.add_argument(
        "--page",
        type=Path,
        metavar="FILE",
        help="check nothing; write the page that checks files in a browser, such as F.html",
    )
    p.add_argument(
        "--language",
        metavar="TAG",
        help="show every coded statement of evidence in this language of its pack, such as fr"
        " (default: the first twenty, in English)",
    )
    p.add_argument(
        "--charter",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="for tiles and checkpoints: the charter by whose keys to check; may be repeated",
    )


def _record_verbs(verb: _Verb) -> None:
    _verify_verb(verb)
    p = verb("proof", "proofs", "what proves that a station told two stories; write it to a file")
    p.add_argument("file", nargs="?", type=Path, help="where to write it (default: list them)")
    p.add_argument("--number", type=int, metavar="N", help="which, as the list has them")
    p.add_argument(
        "--html",
        action="store_true",
        help="in the page that checks it in a browser, such as F.html",
    )
    p.add_argument("--line", default="", metavar="LINE", help="a line's name or id")
    p = verb("export", "record", "write a bundle to be carried by hand")
    p.add_argument("file", type=Path, help="where to write it")
    p.add_argument(
        "--to", action="append", default=[], metavar="CODE", help="for whom (default: everyone)"
    )
    p.add_argument("--line", default="", metavar="LINE", help="a line's name or id")
    p = verb("evidence", "evidence", "write a part of the record for an outsider, with its reader")
    p.add_argument("--line", default="", metavar="LINE", help="a line's name or id")
    p.add_argument(
        "--incident", metavar="ITEM", help="only this statement and all that references join to it"
    )
    for name, what in (("from", "claimed or admitted then or later"), ("to", "or earlier")):
        p.add_argument(f"--{name}", metavar="DTG", dest=f"{name}_", help=what)
    p.add_argument("--out", type=Path, required=True, metavar="FILE", help="such as F.html")
    p = verb("import", "record", "take in a bundle")
    p.add_argument("file", type=Path, help="the bundle")
    p.set_defaults(function="import_")
    p = verb("backup", "keep", "write this station into one file, also while it runs")
    p.add_argument("--out", type=Path, required=True, metavar="FILE", help="a file not there yet")
    p.add_argument(
        "--with-root", action="store_true", help="the party's root key too: a copy for the safe"
    )
    p = verb("restore", "keep", "unpack a backup into a home that is not there yet")
    p.add_argument("file", type=Path, help="the backup")
    p.add_argument(
        "--key-file", type=Path, metavar="FILE", help="the key file that opens the station's keys"
    )
    p.add_argument("--check", action="store_true", help="only see whether it opens; keep nothing")


def _witness_verbs(verb: _Verb) -> None:
    p = verb("witness", "witnesses", "run a neutral witness, or say where this line's are")
    p.add_argument("action", choices=("init", "serve", "add-log", "show", "adopt", "url"))
    p.add_argument(
        "words", nargs="*", help="init: its NAME; add-log: a VKEY; url: a witness's NAME and URL"
    )
    p.add_argument(
        "--dir", type=Path, metavar="DIR", help="the witness's folder (default: witness in --home)"
    )
    p.add_argument(
        "--listen",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="init: where it answers (default: 127.0.0.1:7412); may be repeated",
    )
    p.add_argument(
        "--key-file", action="store_true", help="init: unlock with a key file, for unattended start"
    )
    p.add_argument("--origin", default="", help="add-log: the log's origin (default: its name)")
    p.add_argument(
        "--charter",
        type=Path,
        metavar="FILE",
        help="add-log: every log of this line, by the keys in its charter",
    )
    p.add_argument(
        "--proofs",
        type=Path,
        metavar="DIR",
        help="show: write a proof file for each log of a line that was caught",
    )


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    dump_nothing()
    given = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without these letters
    if given[:1] == ["exercise"] and given[1:2] not in (["-h"], ["--help"]):
        return exercise.run(given[1:])
    parser = build_parser()
    try:
        _check_text(given)
        args = parser.parse_args(given)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else USAGE
    except _Usage as error:
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
    home = Path(os.environ.get("TIELINE_HOME") or Path.home() / ".tieline")
    args.home = getattr(args, "home", home)
    args.json = getattr(args, "json", False)
    return _run(args)


def _check_text(given: list[str]) -> None:
    """Refuse words that were not text (Python keeps such bytes as surrogates)."""
    if any("\ud800" <= char <= "\udfff" for part in given for char in part):
        raise _Usage("the command line holds bytes that are no text in this terminal's code")


def _run(args: argparse.Namespace) -> int:
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
