"""The verb ``keys``: fresh keys for a station, with the root here or where a request is signed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tieline.core import identity
from tieline.core.errors import LocalError
from tieline.core.identity import Card, Certificate
from tieline.core.terms import MAX_TIME_MS, dtg
from tieline.desk.cli import files
from tieline.desk.cli.common import client, put, unlock_for
from tieline.node.client import ApiDown
from tieline.node.config import Home
from tieline.node.text import visible
from tieline.node.view import Json

if TYPE_CHECKING:
    from tieline.node.secrets import RootKey

DAY_MS: Final = 86_400_000
_NEXT: Final = (
    "next: have the charter amended with the new card, and signed by all:",
    "  tieline charter amend LINE.charter --card {card} --sign",
    "  once that version is in force here, this station signs with the new keys by itself",
)


def keys(args: argparse.Namespace) -> None:
    """Show, rotate, request, sign, accept, revoke or forget sets of keys."""
    home = Home.open(args.home)
    acts = {
        "show": _show,
        "rotate": _rotate,
        "sign": _sign,
        "accept": _accept,
        "revoke": _revoke,
        "forget": _forget,
    }
    acts[args.action](args, home)


def lifetime(days: int | None) -> tuple[int, int]:
    """From when to when a certificate is valid, in ms: from now, or for ever without ``days``.

    Raises ``LocalError`` (``keys.days``).
    """
    from tieline.node.clock import MachineClock

    if days is None:
        return 0, MAX_TIME_MS
    now_ms = MachineClock().now().wall_ms
    if not 1 <= days <= 36_500:
        raise LocalError("keys.days", "a lifetime is 1 to 36500 days; leave --days out for none")
    return now_ms, min(MAX_TIME_MS, now_ms + days * DAY_MS)


def until(certificate: Certificate) -> str:
    """When a certificate ends, in words."""
    if certificate.not_after_ms == MAX_TIME_MS:
        return "without end"
    return f"until {dtg(certificate.not_after_ms)}"


def root_of(args: argparse.Namespace, home: Home) -> RootKey:
    """The party's root, from this home or the one that ``--root-from`` names."""
    from tieline.node.secrets import unlock_root

    where = Home.open(args.root_from) if args.root_from is not None else home
    if not where.root_file.exists():
        raise LocalError(
            "keys.no_root",
            f"there is no root in {where.path}; name the home that holds it with --root-from, or"
            " make a request with --request FILE and have it signed where the root is",
        )
    return unlock_root(where.root_file, unlock_for(where, where.root_file, "the party's root"))


def _rotate(args: argparse.Namespace, home: Home) -> None:
    from tieline.node import rotation, secrets

    start_ms, end_ms = lifetime(args.days)
    how = unlock_for(home, home.keys_file, "the station's keys")
    if args.request is not None:
        text = rotation.request(home.keys_file, how, not_before_ms=start_ms, not_after_ms=end_ms)
        files.write_text(args.request, text)
        put(
            args,
            {"request": str(args.request)},
            f"fresh keys are made and wait for their certificate; the request is in {args.request}",
            "next, where the root is: tieline keys sign FILE --home DIR",
        )
        return
    root = root_of(args, home)
    card = files.read_card(home.card_file)
    newest = secrets.unlock(home.keys_file, how).sets[0].certificate
    if newest in [entry.certificate for entry in card.stations]:
        newest = rotation.rotate(
            home.keys_file, how, root, not_before_ms=start_ms, not_after_ms=end_ms
        )
    # Else an earlier call ended before it had written the card: go on where it stopped.
    fresh = rotation.card_with(card, root, newest)
    _keep_card(args, home, fresh, newest)


def _keep_card(args: argparse.Namespace, home: Home, card: Card, certificate: Certificate) -> None:
    files.write_text(home.card_file, identity.armor(card.encoded))
    told = _reload(args)
    put(
        args,
        {
            "station": certificate.station.hex(),
            "card": str(home.card_file),
            "not_after_ms": certificate.not_after_ms,
            "running": told,
        },
        f"{certificate.party}/{certificate.station_name} has fresh keys, {until(certificate)};"
        f" its party's new card is {home.card_file}",
        *(line.format(card=home.card_file) for line in _NEXT),
    )


def _reload(args: argparse.Namespace) -> bool:
    """Have the running station look at its keys again. False when none is running."""
    try:
        client(args).call("keys_reload")
    except ApiDown:
        return False
    return True


def _sign(args: argparse.Namespace, home: Home) -> None:
    """Sign a request where the root is."""
    from tieline.node import rotation

    if args.file is None:
        raise LocalError("keys.file", "name the request: tieline keys sign FILE")
    text = files.read_text(args.file)
    old = files.read_card(home.card_file)
    card = rotation.grant(text, root_of(args, home), old)
    before = [entry.certificate for entry in old.stations]
    fresh = next(e.certificate for e in card.stations if e.certificate not in before)
    if not args.json and sys.stdin.isatty() and not args.yes:
        print(
            f"{fresh.party}/{fresh.station_name} asks for fresh keys, {until(fresh)}."
            " Was it its officer who gave you this request? (yes or no) ",
            end="",
            flush=True,
        )
        if sys.stdin.readline().strip().lower() not in ("yes", "y"):
            raise LocalError("keys.unsigned", "the request was not signed")
    out = args.out or Path(f"{card.party}.tlcard")
    files.write_text(out, identity.armor(card.encoded))
    files.write_text(home.card_file, identity.armor(card.encoded))
    put(
        args,
        {"card": str(out), "station": fresh.station.hex()},
        f"the certificate is on the new card of {card.party}, {out}",
        f"next, at the station: tieline keys accept {out.name}",
    )


def _revoke(args: argparse.Namespace, home: Home) -> None:
    """Make the party's card anew without a station that is lost, or whose keys may be stolen."""
    card = files.read_card(home.card_file)
    stay = [entry for entry in card.stations if entry.certificate.station_name != args.station]
    if len(stay) == len(card.stations) or not stay:
        names = ", ".join(entry.certificate.station_name for entry in card.stations)
        raise LocalError(
            "keys.revoke",
            f"the card names {names}: name one of them with --station, and not the last; for that"
            " one make another first, with 'tieline init --root-from DIR --replace NAME'",
        )
    fresh = root_of(args, home).card(stay)
    out = args.out or home.card_file
    files.write_text(out, identity.armor(fresh.encoded))
    put(
        args,
        {"card": str(out), "stations": len(stay)},
        f"the card of {card.party} without the station {args.station} is {out}",
        "the keys count at every station until an amendment with this card is in force there",
        "next, at once: tell every party by another way, and give them the card;",
        "then at a station of another party that is up to date:",
        f"  tieline charter amend LINE.charter --card {out.name} --out NEXT.charter --sign",
        "at every party: tieline charter sign NEXT.charter, then at every station in reach:",
        "  tieline charter install NEXT.charter",
        "the other stations get it from each other; docs/operations.md, Keys, says the rest",
    )


def _accept(args: argparse.Namespace, home: Home) -> None:
    from tieline.node import rotation

    if args.file is None:
        raise LocalError("keys.file", "name the party's new card: tieline keys accept FILE")
    card = files.read_card(args.file)
    how = unlock_for(home, home.keys_file, "the station's keys")
    _keep_card(args, home, card, rotation.accept(home.keys_file, how, card))


def _in_force(args: argparse.Namespace, home: Home) -> list[bytes]:
    """The statement keys by which the charters in force name this station."""
    found = heads(args, home)
    return [bytes.fromhex(str(line["own_key"])) for line in found if line["own_key"]]


def heads(args: argparse.Namespace, home: Home) -> list[dict[str, Json]]:
    """What the act ``heads`` says, of the running station or of its store."""
    try:
        result = client(args).call("heads")
    except ApiDown:
        from tieline.desk.cli.common import station_keys
        from tieline.node import offline

        result = offline.heads(home, station_keys(home))
    lines = result.get("lines")
    return [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []


def _forget(args: argparse.Namespace, home: Home) -> None:
    from tieline.node import rotation

    needed = _in_force(args, home)
    how = unlock_for(home, home.keys_file, "the station's keys")
    gone = rotation.forget(home.keys_file, how, needed)
    _reload(args)
    put(
        args,
        {"forgotten": gone},
        f"{gone} former sets of keys were taken out; a peer that still goes by a charter that names"
        " one of them is reached by bundle, and what was sealed to one opens no more",
    )


def _show(args: argparse.Namespace, home: Home) -> None:
    from tieline.desk.cli.common import station_keys

    sets = station_keys(home).sets
    speaking = _in_force(args, home)
    listed: list[Json] = []
    lines = []
    for each in sets:
        own = each.certificate
        count = speaking.count(own.sign_key)
        listed.append(
            {
                "key": own.sign_key.hex(),
                "not_before_ms": own.not_before_ms,
                "not_after_ms": own.not_after_ms,
                "lines": count,
            }
        )
        where = f"speaks on {count} lines" if count else "speaks on no line"
        lines.append(f"key {own.sign_key.hex()[:16]}: {where}, valid {until(own)}")
    own = sets[0].certificate
    put(
        args,
        {"party": own.party, "station": own.station.hex(), "sets": listed},
        visible(f"{own.party}/{own.station_name}, {len(sets)} sets of keys, the newest first"),
        *lines,
    )
