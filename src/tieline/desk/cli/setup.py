"""The verbs that make a station and a line: init, card, charter, serve, doctor."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tieline.core import identity
from tieline.core.charter import (
    Charter,
    Release,
    SignedCharter,
    Tests,
    amend,
    armor_charter,
    dearmor_charter,
    make_charter,
)
from tieline.core.errors import LocalError, RemoteError
from tieline.core.identity import Card, CardStation
from tieline.core.outline import diff, summary
from tieline.core.terms import Precedence
from tieline.desk.cli.common import ask_secret, client, put, station_keys, unlock_for
from tieline.node.client import ApiDown, Client
from tieline.node.config import Config, Home, write_config
from tieline.node.text import visible
from tieline.node.view import Json, texts

if TYPE_CHECKING:
    import asyncio

    from tieline.node.secrets import StationKeys, Unlock

MAX_FILE = 4 * 1024 * 1024
MAX_TRIES = 3


def init(args: argparse.Namespace) -> None:
    """Make a station's home. Nothing that exists is ever overwritten."""
    from tieline.node import homekeys, offline, secrets

    home = Home(args.home.absolute())
    if home.config_file.exists() or home.keys_file.exists():
        raise LocalError(
            "home.exists", f"{home.path} holds a station already; name another folder with --home"
        )
    addresses = tuple(args.address)
    listen = tuple(args.listen) or addresses or Config().listen
    for address in (*addresses, *listen):
        identity.parse_address(address)
    home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    unlock: secrets.Unlock
    if args.key_file:
        unlock = secrets.create_key_file(home.path / "key")
    else:
        unlock = secrets.Passphrase(_new_passphrase())
    if args.root_from is None:
        made = homekeys.create_home_keys(
            home.path,
            party=args.party.upper(),
            party_name=args.name,
            realm=args.exercise.upper(),
            station_name=args.station,
            unlock_with=unlock,
            addresses=addresses,
        )
        keys, card = made.station, made.card
    else:
        keys, card = _second_station(args, home, unlock, addresses)
    offline.create_store(home, keys)
    for folder in (home.cards, home.charters, home.socket.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    home.card_file.write_text(identity.armor(card.encoded), encoding="ascii")
    write_config(
        home.config_file,
        Config(listen=listen, key_file="key" if args.key_file else "", officer=args.officer),
    )
    words = identity.words(identity.fingerprint(card))
    put(
        args,
        {
            "home": str(home.path),
            "party": card.party,
            "station": keys.station.hex(),
            "card": str(home.card_file),
            "words": " ".join(words),
        },
        f"{card.party}/{args.station} is ready in {home.path}",
        f"give the others {home.card_file}, and on another channel read them these words:",
        f"  {' '.join(words)}",
        "keep root.tlk off this machine once the charter is signed: it speaks for the party",
    )


def _second_station(
    args: argparse.Namespace, home: Home, unlock: Unlock, addresses: tuple[str, ...]
) -> tuple[StationKeys, Card]:
    from tieline.node import homekeys, secrets

    first = Home.open(args.root_from)
    root = secrets.unlock_root(first.root_file, unlock_for(first, first.root_file, "the root"))
    keys = homekeys.create_station(home.path, root, station_name=args.station, unlock_with=unlock)
    old = read_card(first.card_file)
    entry = CardStation(certificate=keys.certificate, addresses=addresses)
    return keys, root.card((*old.stations, entry))


def _new_passphrase() -> str:
    given = os.environ.get("TIELINE_PASSPHRASE")
    if given is not None:
        return given
    first = ask_secret("New passphrase for this station's keys: ")
    if first != ask_secret("The same again: "):
        raise LocalError("keys.passphrase", "the two passphrases differ; nothing was made")
    return first


def read_text(path: Path) -> str:
    """A text file, bounded. Raises ``LocalError`` (``file.read``)."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise LocalError("file.read", f"{path} is larger than {MAX_FILE} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise LocalError("file.read", f"{path} cannot be read: {why}") from error


def read_card(path: Path) -> Card:
    """A card file. Raises ``LocalError`` or ``RemoteError`` with the file's name."""
    try:
        return identity.parse_card(identity.dearmor(read_text(path)))
    except RemoteError as error:
        raise RemoteError(error.code, f"{path}: {error.message}") from error


# ---------------------------------------------------------------------------------- cards


def card(args: argparse.Namespace) -> None:
    """Our card as text, file and QR code; or another party's, verified by typed words."""
    home = Home.open(args.home)
    if args.action == "verify":
        _verify_card(args, home)
        return
    if args.action == "list":
        known = [read_card(path) for path in sorted(home.cards.glob("*.tlcard"))]
        result: list[Json] = [{"party": c.party, "name": c.party_name} for c in known]
        put(args, {"cards": result}, *(f"{c.party:<12} {c.party_name}" for c in known))
        return
    ours = read_card(args.file or home.card_file)
    words = " ".join(identity.words(identity.fingerprint(ours)))
    text = identity.armor(ours.encoded)
    if args.out is not None:
        args.out.write_text(text, encoding="ascii")
    if args.qr is not None:
        _qr(text).save(str(args.qr), scale=4)
    if args.action == "words":
        put(args, {"party": ours.party, "words": words}, words)
        return
    put(
        args,
        {"party": ours.party, "name": ours.party_name, "realm": ours.realm, "card": text,
         "words": words},
        f"{ours.party}: {ours.party_name}" + (f"  EXERCISE {ours.realm}" if ours.realm else ""),
        *(
            f"  station {entry.certificate.station_name} at {', '.join(entry.addresses) or '-'}"
            for entry in ours.stations
        ),
    )  # fmt: skip
    if not args.json:
        print(text, end="")
        if sys.stdout.isatty() and args.qr is None:
            _qr(text).terminal(compact=True)
        print(f"words to read aloud on another channel: {words}")


def _qr(text: str):  # type: ignore[no-untyped-def]  # segno ships no types
    import segno

    return segno.make(text, error="l", micro=False)


def _check_usable(stations: Sequence[CardStation]) -> None:
    """One TLS certificate that cannot be read would keep every station of a line from starting."""
    from tieline.node.secrets import check_certificate_keys

    for station in stations:
        check_certificate_keys(station.certificate)


def _verify_card(args: argparse.Namespace, home: Home) -> None:
    if args.file is None:
        raise LocalError("card.file", "name the card file that was received")
    theirs = read_card(args.file)
    _check_usable(theirs.stations)
    print_ = identity.fingerprint(theirs)
    tries_file = home.cards / "tries.json"
    tries: dict[str, int] = json.loads(tries_file.read_text()) if tries_file.exists() else {}
    if tries.get(print_.hex(), 0) >= MAX_TRIES:
        raise LocalError(
            "words.spent",
            f"{MAX_TRIES} wrong tries were made for this card, so it is refused for good; have the"
            " party send its card again by another way, and find out who sent this one",
        )
    if args.words is not None:
        typed = args.words
    else:
        print(f"{visible(theirs.party)} ({visible(theirs.party_name)}) now reads eight words.")
        typed = input("Type them as you hear them: ")
    try:
        identity.check_words(typed, print_)
    except LocalError:
        tries[print_.hex()] = tries.get(print_.hex(), 0) + 1
        tries_file.write_text(json.dumps(tries))
        left = MAX_TRIES - tries[print_.hex()]
        raise LocalError(
            "words.wrong",
            f"the words typed are not this card's words; {left} of {MAX_TRIES} tries are left."
            " Ask for them again by voice; if they are right, the card is not theirs",
        ) from None
    kept = home.cards / f"{theirs.party}-{print_.hex()[:8]}.tlcard"
    kept.write_text(identity.armor(theirs.encoded), encoding="ascii")
    put(args, {"party": theirs.party, "verified": True},
        f"{theirs.party} is verified; its card is kept in {kept}")  # fmt: skip


def _trusted(home: Home, cards: list[Card], *, unverified: bool) -> None:
    own = read_card(home.card_file)
    known = {identity.fingerprint(own)}
    known |= {identity.fingerprint(read_card(path)) for path in home.cards.glob("*.tlcard")}
    for one in cards:
        if identity.fingerprint(one) in known:
            continue
        if unverified and own.realm:
            continue
        raise LocalError(
            "card.unverified",
            f"the card of {one.party} has not been verified here; have its words read to you and"
            " run 'tieline card verify FILE'",
        )


# -------------------------------------------------------------------------------- charter


def charter(args: argparse.Namespace) -> None:
    """Make, sign, show, amend, merge or install a charter."""
    home = Home.open(args.home)
    if args.action == "new":
        _charter_new(args, home)
    elif args.action == "amend":
        _charter_amend(args, home)
    elif args.action == "sign":
        _charter_sign(args, home)
    elif args.action == "merge":
        signed = _charter_file(args, 0)
        for index in range(1, len(args.files)):
            signed = signed.merge(_charter_file(args, index))
        _write_charter(args, args.out or args.files[0], signed)
    elif args.action == "install":
        _charter_install(args, home)
    else:
        _charter_show(args, home)


def _charter_file(args: argparse.Namespace, index: int) -> SignedCharter:
    if len(args.files) <= index:
        raise LocalError("charter.file", "name the charter file")
    path = args.files[index]
    try:
        return dearmor_charter(read_text(path))
    except RemoteError as error:
        raise RemoteError(error.code, f"{path}: {error.message}") from error


def _write_charter(args: argparse.Namespace, path: Path, signed: SignedCharter) -> None:
    path.write_text(armor_charter(signed), encoding="ascii")
    made = signed.charter
    waits = ", ".join(signed.missing)
    put(
        args,
        {"file": str(path), "line": made.line.hex(), "version": made.version,
         "complete": signed.complete, "missing": texts(signed.missing)},
        f"charter of '{made.name}', version {made.version}, is in {path}",
        f"it waits for the signature of {waits}" if waits else "every party has signed it",
    )  # fmt: skip


def _charter_new(args: argparse.Namespace, home: Home) -> None:
    cards = [read_card(path) for path in args.card]
    own = read_card(home.card_file)
    if own.party not in {one.party for one in cards}:
        cards.append(own)
    _trusted(home, cards, unverified=args.unverified_cards)
    if not args.name:
        raise LocalError("charter.name", "give the line a name with --name")
    made = make_charter(
        name=args.name,
        cards=cards,
        nonce=os.urandom(16),
        tests=_tests(args) or Tests(),
        release=_release(args) or Release(),
    )
    path = args.out or (args.files[0] if args.files else Path(f"{args.name}.charter"))
    if path.exists():
        raise LocalError("file.exists", f"{path} exists; name another file with --out")
    _write_charter(args, path, SignedCharter(charter=made))


def _charter_amend(args: argparse.Namespace, home: Home) -> None:
    old = _charter_file(args, 0).charter
    cards = [read_card(path) for path in args.card]
    _trusted(home, cards, unverified=args.unverified_cards)
    new = amend(
        old,
        cards=cards,
        leave=[code.upper() for code in args.remove],
        name=args.name,
        tests=_tests(args),
        release=_release(args),
    )
    if not args.json:
        for line in diff(old, new):
            print(visible(line))
    _write_charter(
        args, args.out or Path(f"{old.name}-{new.version}.charter"), SignedCharter(charter=new)
    )


def _tests(args: argparse.Namespace) -> Tests | None:
    text = args.test_interval
    if text is None:
        return None
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    if not number.isascii() or not number.isdecimal():
        raise LocalError("charter.tests", f"'{text}' is no interval; write such as 6h, 30m or 0")
    return Tests(interval_s=int(number) * unit)


def _release(args: argparse.Namespace) -> Release | None:
    if args.four_eyes is None and not args.standing:
        return None
    words = [] if args.four_eyes in (None, "none") else args.four_eyes.upper().split(",")
    unknown = sorted(set(words) - set(Precedence.__members__))
    if unknown:
        raise LocalError("charter.release", f"{unknown[0]} is no precedence")
    four = frozenset(Precedence[word] for word in words)
    if args.four_eyes is None:
        four = Release().four_eyes
    return Release(four_eyes=four, standing=tuple(sorted(set(args.standing))))


def _charter_sign(args: argparse.Namespace, home: Home) -> None:
    from tieline.node.secrets import unlock_root

    signed = _charter_file(args, 0)
    cards = [_as_card(signed.charter, code) for code in (p.code for p in signed.charter.parties)]
    _check_roots(home, signed.charter, [code for code in cards if code])
    root = unlock_root(home.root_file, unlock_for(home, home.root_file, "the party's root"))
    signed = signed.add_signature(root.party, root.sign_charter(signed.charter))
    _write_charter(args, args.out or args.files[0], signed)


def _as_card(made: Charter, code: str) -> str:
    return code if made.party(code) is not None else ""


def _check_roots(home: Home, made: Charter, codes: list[str]) -> None:
    """Signing is the moment of trust: every root in the charter must be one we have verified."""
    for named in made.parties:
        _check_usable(named.stations)
    own = read_card(home.card_file)
    known = {identity.fingerprint(own)}
    known |= {identity.fingerprint(read_card(path)) for path in home.cards.glob("*.tlcard")}
    for code in codes:
        party = made.party(code)
        if party is None or made.realm:
            continue
        if identity.root_fingerprint(code, made.realm, party.root_key) not in known:
            raise LocalError(
                "card.unverified",
                f"the charter names {code} with a root key that has not been verified here; get"
                " its card, have its words read to you and run 'tieline card verify FILE'",
            )


def _charter_install(args: argparse.Namespace, home: Home) -> None:
    chain = sorted(
        (_charter_file(args, index) for index in range(max(1, len(args.files)))),
        key=lambda signed: signed.charter.version,
    )
    newest = chain[-1]
    made = newest.charter
    _check_roots(home, made, [party.code for party in made.parties])
    texts_of = [armor_charter(signed) for signed in chain]
    history: list[Json] = [*texts_of[:-1]]
    try:
        result = client(args).call("charter_install", charter=texts_of[-1], history=history)
    except (ApiDown, OSError):
        result = _install_offline(home, newest, chain[:-1])
    for signed, text in zip(chain, texts_of, strict=True):
        name = f"{signed.charter.line.hex()[:8]}-{signed.charter.version}.charter"
        (home.charters / name).write_text(text, encoding="ascii")
    put(args, result, f"the line '{made.name}' is in force here, charter version {made.version}")


def _install_offline(
    home: Home, signed: SignedCharter, history: Sequence[SignedCharter]
) -> dict[str, Json]:
    """Install into a store whose station is not running."""
    from tieline.node.offline import install

    return install(home, station_keys(home), signed, history)


def _charter_show(args: argparse.Namespace, home: Home) -> None:
    if args.files:
        signed = _charter_file(args, 0)
        lines = list(summary(signed.charter))
        result: dict[str, Json] = {
            "line": signed.charter.line.hex(),
            "summary": texts(lines),
            "missing": texts(signed.missing),
            "complete": signed.complete,
        }
        missing = ", ".join(signed.missing)
        lines.append(f"not signed yet by {missing}" if missing else "signed by every party")
        put(args, result, *lines)
        return
    found = client(args).call("charter_show")
    shown = found.get("summary")
    put(args, found, *(str(line) for line in (shown if isinstance(shown, list) else [])))


# ---------------------------------------------------------------------------------- serve


def serve(args: argparse.Namespace) -> None:
    """Run the station in the foreground."""
    import asyncio

    from tieline.node.serve import serve as run

    home = Home.open(args.home)
    keys = station_keys(home)

    def ready(where: str) -> None:
        own = keys.certificate
        realm = f" EXERCISE {own.realm}" if own.realm else ""
        put(args, {"ready": True, "listening": where},
            f"{own.party}/{own.station_name}{realm} listens on {where}; stop it with Ctrl-C")  # fmt: skip
        sys.stdout.flush()

    try:
        import uvloop

        loop_factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    except ImportError:
        loop_factory = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(run(home, keys, ready=ready))


def doctor(args: argparse.Namespace) -> int:
    """Look for trouble and say what to do."""
    from tieline.node.doctor import examine

    findings = examine(Home.open(args.home), lambda: Client(args.home / "run" / "station.sock"))
    worst = any(finding.bad for finding in findings)
    put(
        args,
        {"ok": not worst, "findings": [f.as_json() for f in findings]},
        *(f"{'TROUBLE' if f.bad else 'ok':<8} {f.what}: {f.text}" for f in findings),
    )
    return 1 if worst else 0
