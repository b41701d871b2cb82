"""The verb ``card``: our public card, and other parties' cards, verified by typed words."""

from __future__ import annotations

import argparse
import io
import json
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tieline.core import identity
from tieline.core.crypto import sha256
from tieline.core.errors import LocalError
from tieline.core.identity import Card
from tieline.desk.cli import files
from tieline.desk.cli.common import put
from tieline.node.config import Home
from tieline.node.text import visible
from tieline.node.view import Json

if TYPE_CHECKING:
    from segno import QRCode

MAX_TRIES: Final = 3  # wrong ones, for one card in one day
DAY_MS: Final = 86_400_000
CHECK: Final = "TIELINE-CHECK-1"  # the short code for verification, before its two hashes
_CHECK_TEXT: Final = re.compile(rf"{CHECK} ([0-9a-f]{{32}}) ([0-9a-f]{{64}})\Z")


def card(args: argparse.Namespace) -> None:
    """Show our card, list those that were verified here, or verify one."""
    home = Home.open(args.home)
    if args.action == "verify":
        _verify(args, home)
    elif args.action == "list":
        known = [files.read_card(path) for path in sorted(home.cards.glob("*.tlcard"))]
        result: list[Json] = [{"party": c.party, "name": c.party_name} for c in known]
        lines = [f"{c.party:<12} {visible(c.party_name)}" for c in known]
        put(args, {"cards": result}, *(lines or ["no card has been verified here yet"]))
    else:
        _show(args, files.read_card(args.file or home.card_file))


def _show(args: argparse.Namespace, shown: Card) -> None:
    words = " ".join(identity.words(identity.fingerprint(shown)))
    text = identity.armor(shown.encoded)
    if args.out is not None:
        files.write_text(args.out, text)
    if args.qr is not None:
        _write_qr(args.qr, text)
    if args.check_qr is not None:
        _write_qr(args.check_qr, check_text(shown))
    result: dict[str, Json] = {
        "party": shown.party,
        "name": shown.party_name,
        "realm": shown.realm,
        "card": text,
        "words": words,
        "check": check_text(shown),
    }
    if args.action == "words":
        put(args, {"party": shown.party, "words": words}, words)
        return
    put(
        args,
        result,
        f"{shown.party}: {shown.party_name}" + (f"  EXERCISE {shown.realm}" if shown.realm else ""),
        *(
            f"  station {entry.certificate.station_name} at {', '.join(entry.addresses) or '-'}"
            for entry in shown.stations
        ),
        *(f"written to {path}" for path in (args.out, args.qr, args.check_qr) if path is not None),
    )
    if args.json:
        return
    if args.out is None and args.qr is None and args.check_qr is None:
        print(text, end="")
        _print_qr(text, check_text(shown))
    print(f"words to read aloud on another channel: {words}")


def _qr(text: str) -> QRCode:
    """Raises ``LocalError`` (``card.qr``) when the card is too large for a code."""
    import segno

    try:
        return segno.make(text, error="l", micro=False)
    except ValueError:  # what the library raises for too much text
        raise LocalError(
            "card.qr",
            "a card with two stations is too large for one QR code; give it as a file, and for its"
            " verification the short code of --check-qr",
        ) from None


def _write_qr(path: Path, text: str) -> None:
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("svg", "png"):
        raise LocalError("card.qr", f"{path} must end in .svg or .png; name it so")
    out = io.BytesIO()
    _qr(text).save(out, kind=kind, scale=4)
    files.write(path, out.getvalue())


def check_text(card: Card) -> str:
    """What a short code says of a card: what the words say, and the hash of the whole card.

    Whoever scans it from the other party's screen or paper needs no words.
    """
    return f"{CHECK} {identity.fingerprint(card).hex()} {sha256(card.encoded).hex()}"


def _print_qr(text: str, short: str) -> None:
    """Show the code at the terminal, when the window is wide enough for it to be scanned.

    That of a card which is too large for one is the short one, to verify the card by.
    """
    if not sys.stdout.isatty():
        return
    try:
        code = _qr(text)
    except LocalError:
        code = _qr(short)
    if code.symbol_size()[0] <= shutil.get_terminal_size().columns:
        code.terminal(compact=True)
    else:
        print("(this window is too narrow for the QR code; write it with --qr FILE.svg)")


def _verify(args: argparse.Namespace, home: Home) -> None:
    if args.file is None:
        raise LocalError("card.file", "name the card that was received: tieline card verify FILE")
    theirs = files.read_card(args.file)
    files.check_usable(theirs.stations)
    own = files.read_card(home.card_file)
    print_ = identity.fingerprint(theirs)
    if print_ == identity.fingerprint(own):
        raise LocalError(
            "card.own", f"{args.file} is this station's own card; verify the card of another party"
        )
    if theirs.realm != own.realm:
        raise LocalError(
            "card.realm",
            f"{args.file} is a card for {_realm(theirs)} and this station is for {_realm(own)}; get"
            " their other card",
        )
    _prove(args, home, theirs)
    kept = home.cards / f"{theirs.party}-{print_.hex()[:8]}.tlcard"
    files.write_text(kept, identity.armor(theirs.encoded))
    put(
        args,
        {"party": theirs.party, "verified": True, "file": str(kept)},
        f"{theirs.party} ({visible(theirs.party_name)}) is verified; its card is kept here",
        "next: when every party is verified, one of you runs 'tieline charter new NAME --sign'",
    )


def _prove(args: argparse.Namespace, home: Home, theirs: Card) -> None:
    """Have the words typed in, or a scanned code given, that only the party itself can have shown.

    Raises ``LocalError`` (``words.*``).
    """
    print_ = identity.fingerprint(theirs).hex()
    tries_file = home.cards / "tries.json"
    tries = _tries(tries_file)
    today = _today(home)
    day, used = tries.get(print_, (today, 0))
    if day < today:
        day, used = today, 0
    if used >= MAX_TRIES:
        raise LocalError(
            "words.spent",
            f"{MAX_TRIES} wrong tries were made for this card today, so it is refused until"
            " tomorrow (UTC); find out meanwhile who sent it",
        )
    given = _scanned(args.scanned) if args.scanned is not None else args.words
    given = given if given is not None else _ask(theirs)
    # The try is on the disk before it is judged: stopping the program gives none back.
    files.write_text(tries_file, json.dumps({**tries, print_: (day, used + 1)}))
    if not _fits(given, theirs, scanned=args.scanned is not None):
        left = MAX_TRIES - used - 1
        what = "the code that was scanned is" if args.scanned is not None else "the words typed are"
        raise LocalError(
            "words.wrong",
            f"{what} not this card's; {left} of {MAX_TRIES} tries are left today; have"
            " it read or shown again by a party that you know, and if it stays wrong the card is"
            " not theirs",
        )
    tries.pop(print_, None)
    files.write_text(tries_file, json.dumps(tries))


def _fits(given: str, theirs: Card, *, scanned: bool) -> bool:
    if scanned:
        whole = identity.armor(theirs.encoded).split()
        return given == check_text(theirs) or given.split() == whole
    try:
        identity.check_words(given, identity.fingerprint(theirs))
    except LocalError:
        return False
    return True


def _scanned(given: str) -> str:
    """What a scanned code said: the text itself, or a file that holds it.

    Raises ``LocalError`` (``card.scanned``, ``file.*``).
    """
    text = given.strip()
    if not text.startswith("TIELINE-"):
        text = files.read_text(Path(given)).strip()
    if _CHECK_TEXT.match(text) or text.startswith(identity.CARD_ARMOR):
        return text
    raise LocalError(
        "card.scanned",
        f"what was scanned is neither a card nor a short code, which begins with {CHECK}; nothing"
        " was tried, scan it again",
    )


def _today(home: Home) -> int:
    """The number of the day in UTC, on the clock that this home goes by."""
    from tieline.node.clock import MachineClock

    return (home.config.controlled_clock_ms or MachineClock().now().wall_ms) // DAY_MS


def _realm(of: Card) -> str:
    return f"the exercise {of.realm}" if of.realm else "real traffic"


def _ask(theirs: Card) -> str:
    """The words as the listener hears them. What is asked goes to standard error."""
    sys.stderr.write(
        f"Call {theirs.party} ({visible(theirs.party_name)}) where you know the voice, and have"
        " the eight words of its card read to you.\nType them as you hear them: "
    )
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line.strip():
        raise LocalError("card.words", "no words were typed; nothing was tried, run it again")
    return line


def _tries(path: Path) -> dict[str, tuple[int, int]]:
    """By card the day of its last wrong tries, and how many. Another card has its own.

    A file that was damaged stops verification: tries are not given back. Raises ``LocalError``
    (``words.tries``).
    """
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="ascii"))
        return {str(key): _day_and_count(value) for key, value in found.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise LocalError(
            "words.tries",
            f"{path}, which counts wrong tries, cannot be read; find out who changed it, then"
            " remove it",
        ) from error


def _day_and_count(value: object) -> tuple[int, int]:
    if isinstance(value, int):
        return 0, value  # as it was written before tries came back with the day
    if not isinstance(value, list) or len(value) != 2:
        raise TypeError(value)
    return int(value[0]), int(value[1])
