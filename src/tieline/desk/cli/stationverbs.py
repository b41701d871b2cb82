"""The verbs of a station's officers and operator: only their arguments, so that help is quick."""

from __future__ import annotations

from tieline.desk.cli import jointverbs, sendverb
from tieline.desk.cli.parser import Parser, folder

TYPE_CHECKING = False  # typing itself is slow to load
if TYPE_CHECKING:
    from typing import Final

    from tieline.desk.cli.parser import Verb

_ITEM: Final = "its number here, as 'log' shows it, or the first characters of its digest"


def setup(verb: Verb) -> None:
    """Making a station."""
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
        type=folder,
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


def agreements(verb: Verb) -> None:
    """Who we are, with whom, and under which rules; and running."""
    p = verb("card", "cards", "our public card, or verify another party's by typed words")
    p.add_argument("action", nargs="?", choices=("show", "verify", "words", "list"), default="show")
    p.add_argument("file", nargs="?", type=folder, help="a card file")
    p.add_argument("--out", type=folder, metavar="FILE", help="write the card to this file")
    p.add_argument("--qr", type=folder, metavar="FILE", help="write a QR code (.svg or .png)")
    p.add_argument(
        "--check-qr",
        type=folder,
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
    p.add_argument("file", nargs="?", type=folder, help="a request (sign), a card (accept)")
    p.add_argument("--station", metavar="NAME", help="the station that leaves the card (revoke)")
    p.add_argument("--days", type=int, metavar="N", help="how long they are valid (rotate)")
    p.add_argument(
        "--request",
        type=folder,
        metavar="FILE",
        help="write a request that is signed where the root is (rotate)",
    )
    p.add_argument("--root-from", type=folder, metavar="DIR", help="the home that holds the root")
    p.add_argument("--out", type=folder, metavar="FILE", help="where to write the new card (sign)")
    p.add_argument("--yes", action="store_true", help="sign without being asked again")
    _charter_verb(verb)
    _pack_verb(verb)
    verb("serve", "setup", "run the station until it is stopped")
    verb("stop", "record", "stop the running station")
    verb("doctor", "setup", "look for trouble and say what to do")


def _pack_verb(verb: Verb) -> None:
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
    p.add_argument("--out", type=folder, metavar="FILE", help="write: such as F.pack")
    whats = ("test: only this case", "confirm: who checked it", "confirm: against what", "a note")
    for name, said in zip(("case", "by", "source", "note"), whats, strict=True):
        p.add_argument(f"--{name}", default="", metavar="TEXT", help=said)
    p.add_argument("--withdraw", action="store_true", help="confirm: take it back")


def _charter_verb(verb: Verb) -> None:
    p = verb("charter", "charters", "make, sign, show, amend or install the charter of a line")
    p.add_argument("action", choices=("new", "sign", "show", "amend", "install", "merge", "heads"))
    p.add_argument("files", nargs="*", type=folder, help="charter files; for new, the line's name")
    p.add_argument("--name", help="the line's name (new, amend)")
    p.add_argument(
        "--card",
        action="append",
        default=[],
        type=folder,
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
        type=folder,
        metavar="FILE",
        help="where logs end whose keys end, as 'charter heads' wrote it (amend; default: as this"
        " station holds them)",
    )
    p.add_argument("--sign", action="store_true", help="sign it at once (new, amend)")
    p.add_argument("--install", action="store_true", help="install it at once (sign, merge)")
    p.add_argument("--yes", action="store_true", help="sign without being asked again")
    p.add_argument("--unverified-cards", action="store_true", help="exercises only")
    p.add_argument("--out", type=folder, metavar="FILE", help="where to write the charter")
    _provisions(p)


def _provisions(p: Parser) -> None:
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


def talk(verb: Verb, officer: Parser) -> None:
    """What officers say."""
    p = verb("send", "talk", "send a message", officer, sendverb.manner(Parser))
    sendverb.add(p)
    said = jointverbs.marks(Parser(add_help=False))
    ours = jointverbs.marks(Parser(add_help=False), relayed=False)
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


def look(verb: Verb, officer: Parser) -> None:
    """Looking at lines."""
    verb("status", "talk", "the state of every line", officer)
    p = verb("log", "talk", "the record in its order of cause and effect", officer)
    p.add_argument(
        "item", nargs="?", help="one statement, with its ladder; or: checkpoint; or: tiles"
    )
    p.add_argument("folder", nargs="?", type=folder, help="tiles: the folder to write a log to")
    p.add_argument("--seal", action="store_true", help="checkpoint: sign with ML-DSA-44 too")
    p.add_argument("--out", type=folder, metavar="FILE", help="checkpoint: write the note here")
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


def _verify_verb(verb: Verb) -> None:
    p = verb("verify", "record", "check a record, or a file of it, from its bytes up")
    p.add_argument(
        "file",
        nargs="?",
        type=folder,
        help="evidence, a proof, bundle, card, charter, checkpoint, or folder of tiles (default:"
        " this home's store)",
    )
    p.add_argument(
        "--page",
        type=folder,
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
        type=folder,
        metavar="FILE",
        help="for tiles and checkpoints: the charter by whose keys to check; may be repeated",
    )


def record(verb: Verb) -> None:
    """The record as files."""
    _verify_verb(verb)
    p = verb("proof", "proofs", "what proves that a station told two stories; write it to a file")
    p.add_argument("file", nargs="?", type=folder, help="where to write it (default: list them)")
    p.add_argument("--number", type=int, metavar="N", help="which, as the list has them")
    p.add_argument(
        "--html",
        action="store_true",
        help="in the page that checks it in a browser, such as F.html",
    )
    p.add_argument("--line", default="", metavar="LINE", help="a line's name or id")
    p = verb("export", "record", "write a bundle to be carried by hand")
    p.add_argument("file", type=folder, help="where to write it")
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
    p.add_argument("--out", type=folder, required=True, metavar="FILE", help="such as F.html")
    p = verb("import", "record", "take in a bundle")
    p.add_argument("file", type=folder, help="the bundle")
    p.set_defaults(function="import_")
    p = verb("backup", "keep", "write this station into one file, also while it runs")
    p.add_argument("--out", type=folder, required=True, metavar="FILE", help="a file not there yet")
    p.add_argument(
        "--with-root", action="store_true", help="the party's root key too: a copy for the safe"
    )
    p = verb("restore", "keep", "unpack a backup into a home that is not there yet")
    p.add_argument("file", type=folder, help="the backup")
    p.add_argument(
        "--key-file", type=folder, metavar="FILE", help="the key file that opens the station's keys"
    )
    p.add_argument("--check", action="store_true", help="only see whether it opens; keep nothing")


def witness(verb: Verb) -> None:
    """Witnesses."""
    p = verb("witness", "witnesses", "run a neutral witness, or say where this line's are")
    p.add_argument("action", choices=("init", "serve", "add-log", "show", "adopt", "url"))
    p.add_argument(
        "words", nargs="*", help="init: its NAME; add-log: a VKEY; url: a witness's NAME and URL"
    )
    p.add_argument(
        "--dir",
        type=folder,
        metavar="DIR",
        help="the witness's folder (default: witness in --home)",
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
        type=folder,
        metavar="FILE",
        help="add-log: every log of this line, by the keys in its charter",
    )
    p.add_argument(
        "--proofs",
        type=folder,
        metavar="DIR",
        help="show: write a proof file for each log of a line that was caught",
    )
