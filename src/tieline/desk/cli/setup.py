"""The verbs that make a station and keep it running: init, serve, doctor."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from tieline.core import identity
from tieline.core.address import parse_address
from tieline.core.charter import realm_words
from tieline.core.errors import LocalError, RemoteError
from tieline.core.identity import Card, CardStation
from tieline.desk.cli import files
from tieline.desk.cli.common import ask_secret, put, unlock_for
from tieline.desk.cli.keys import lifetime
from tieline.node import homefolder
from tieline.node.client import Client
from tieline.node.config import Config, Home, write_config
from tieline.node.wholefile import make_folder

if TYPE_CHECKING:
    import asyncio

    from tieline.node.secrets import StationKeys, Unlock

PORT: Final = 7411
_MADE: Final = ("config.toml", "keys.tlk", "root.tlk", "machine.id", "key", "card.tlcard")
_STORE: Final = ("store.db", "store.db-wal", "store.db-shm", "store.db.lock", "store.db.reserve")


def init(args: argparse.Namespace) -> None:
    """Make a station's home. Nothing that exists is ever overwritten; a failure leaves nothing."""
    home = Home(args.home.absolute())
    if args.exercise is not None and not args.exercise.strip():
        # A variable that a script has not set would else make a real station.
        raise LocalError(
            "act.argument",
            "--exercise names no exercise; nothing was made: give it an ID, or leave it out for a"
            " station of real traffic",
        )
    args.exercise = args.exercise or ""
    party, realm = args.party.upper(), args.exercise.upper()
    identity.check_party(party, "card")
    identity.check_realm(realm, "card")
    identity.check_name(args.name, "card")
    addresses = tuple(_address(text) for text in args.address)
    listen = tuple(_address(text) for text in args.listen) or _listen_for(addresses)
    taken = [name for name in (*_MADE, *_STORE) if (home.path / name).exists()]
    if taken:
        raise LocalError(
            "home.exists",
            f"{home.path} holds a station already ({taken[0]}); name another folder with --home",
        )
    homefolder.check(home.path)
    unlock = None if args.key_file else _new_passphrase()
    make_folder(home.path, 0o700)
    try:
        keys, card = _make(args, home, unlock, addresses)
        config = Config(
            listen=listen, key_file="key" if args.key_file else "", officer=args.officer
        )
        write_config(home.config_file, config)
    except BaseException:
        for name in (*_MADE, *_STORE):
            (home.path / name).unlink(missing_ok=True)
        raise
    _tell_made(args, home, keys, card, config)


def _tell_made(
    args: argparse.Namespace, home: Home, keys: StationKeys, card: Card, config: Config
) -> None:
    words = " ".join(identity.words(identity.fingerprint(card)))
    keep = (
        f"keep {home.root_file} off this machine once the charter is signed: it speaks for"
        f" {card.party}"
    )
    put(
        args,
        {
            "home": str(home.path),
            "party": card.party,
            "station": keys.station.hex(),
            "card": str(home.card_file),
            "words": words,
            "listen": list(config.listen),
        },
        f"{card.party}/{args.station} is ready in {home.path}"
        + ("" if args.address else "; no address is on its card, so it has to do the calling"),
        *([keep] if home.root_file.exists() else []),
        f"next: give the other parties {home.card_file}",
        "  and read them these words on another channel, where they know your voice:",
        f"  {words}",
        "  then check their cards: tieline card verify FILE",
    )


def _make(
    args: argparse.Namespace, home: Home, passphrase: Unlock | None, addresses: tuple[str, ...]
) -> tuple[StationKeys, Card]:
    """The files of a new home, but for its configuration."""
    from tieline.node import homekeys, offline, secrets

    unlock = passphrase or secrets.create_key_file(home.path / "key")
    if args.root_from is None:
        made = homekeys.create_home_keys(
            home.path,
            party=args.party.upper(),
            party_name=args.name,
            realm=args.exercise.upper(),
            station_name=args.station,
            unlock_with=unlock,
            addresses=addresses,
            lifetime=lifetime(args.days),
        )
        keys, card = made.station, made.card
    else:
        keys, card = _second_station(args, home, unlock, addresses)
    offline.create_store(home, keys)
    for folder in (home.cards, home.charters, home.socket.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    files.write_text(home.card_file, identity.armor(card.encoded))
    return keys, card


def _address(text: str) -> str:
    """An address; one without a port gets the usual one. Raises ``RemoteError``."""
    try:
        parse_address(text)
    except RemoteError:
        with_port = f"{text}:{PORT}"
        try:
            parse_address(with_port)
        except RemoteError:
            pass  # the text itself is what was wrong, and is named below
        else:
            return with_port
        raise
    return text


def _listen_for(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Where to listen for calls to these addresses.

    On every interface, because a machine's own name often leads to its loopback only, and a public
    address may be translated on the way; but on the loopback alone for a loopback address.
    """
    out: dict[str, None] = {}
    for address in addresses:
        host, port = parse_address(address)
        if host.startswith("127.") or host == "::1":
            out[address] = None
        else:
            out[f"[::]:{port}" if ":" in host else f"0.0.0.0:{port}"] = None
    return tuple(out) or Config().listen


def _second_station(
    args: argparse.Namespace, home: Home, unlock: Unlock, addresses: tuple[str, ...]
) -> tuple[StationKeys, Card]:
    from tieline.node import homekeys, secrets

    first = Home.open(args.root_from)
    root = secrets.unlock_root(first.root_file, unlock_for(first, first.root_file, "the root"))
    party, realm = args.party.upper(), args.exercise.upper()
    if (root.party, root.realm) != (party, realm):
        raise LocalError(
            "root.other",
            f"the root in {first.path} is that of {root.party} for {realm_words(root.realm)}, and"
            f" the station was to be of {party} for {realm_words(realm)}; nothing was made:"
            " name the root's own party and exercise, or another home",
        )
    start_ms, end_ms = lifetime(args.days)
    keys = homekeys.create_station(
        home.path,
        root,
        station_name=args.station,
        unlock_with=unlock,
        not_before_ms=start_ms,
        not_after_ms=end_ms,
    )
    old = files.read_card(first.card_file)
    entry = CardStation(certificate=keys.certificate, addresses=addresses)
    stay = [each for each in old.stations if each.certificate.station_name != args.replace]
    return keys, root.card((*stay, entry))


def _new_passphrase() -> Unlock:
    from tieline.node.secrets import Passphrase

    given = os.environ.get("TIELINE_PASSPHRASE")
    if given is not None:
        return Passphrase(given)
    first = ask_secret("New passphrase for this station's keys: ")
    if first != ask_secret("The same again: "):
        raise LocalError("keys.passphrase", "the two passphrases differ; nothing was made")
    return Passphrase(first)


def serve(args: argparse.Namespace) -> None:
    """Run the station in the foreground."""
    import asyncio

    from tieline.node.secrets import unlock
    from tieline.node.serve import serve as run

    home = Home.open(args.home)
    how = unlock_for(home, home.keys_file, "the station's keys")
    keys = unlock(home.keys_file, how)

    def ready(where: str, lines_held: int) -> None:
        own = keys.certificate
        realm = f" EXERCISE {own.realm}" if own.realm else ""
        lines = [f"{own.party}/{own.station_name}{realm} listens on {where}; stop it with Ctrl-C"]
        if not lines_held:  # the record knows; the folder of charters may be empty all the same
            lines.append("no line yet: make a charter with 'tieline charter new NAME --sign', or")
            lines.append("  install one that every party has signed: tieline charter install FILE")
        put(args, {"ready": True, "listening": where}, *lines)
        sys.stdout.flush()

    try:
        import uvloop

        loop_factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    except ImportError:
        loop_factory = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        read = partial(unlock, home.keys_file, how)
        runner.run(run(home, keys, read=read, ready=ready))


def doctor(args: argparse.Namespace) -> int:
    """Look for trouble and say what to do."""
    from tieline.node.doctor import examine

    findings = examine(
        Home.open(args.home), lambda: Client(args.home / "run" / "station.sock", timeout_s=3.0)
    )
    worst = any(finding.bad for finding in findings)
    put(
        args,
        {"ok": not worst, "findings": [f.as_json() for f in findings]},
        *(f"{'TROUBLE' if f.bad else 'ok':<8} {f.what}: {f.text}" for f in findings),
    )
    return 1 if worst else 0
