"""The verb ``charter``: make, sign, merge, show, amend and install the charter of a line."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tieline.core import identity
from tieline.core.charter import (
    Charter,
    Intervals,
    LogEnd,
    Release,
    SignedCharter,
    Tests,
    Witness,
    armor_charter,
    make_charter,
)
from tieline.core.crypto import ALG_COSIGNATURE, ALG_MLDSA
from tieline.core.errors import LocalError
from tieline.core.identity import Card
from tieline.core.outline import diff, summary
from tieline.core.succession import amend, ended_stations, with_ends
from tieline.core.terms import Precedence
from tieline.core.tlogwitness import read_vkey
from tieline.desk.cli import charterpacks, files
from tieline.desk.cli.common import client, put, read, station_keys, unlock_for
from tieline.desk.cli.keys import heads
from tieline.node.client import ApiDown
from tieline.node.config import Home
from tieline.node.text import visible
from tieline.node.view import Json, texts

_NOT_IN_FILE_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]+")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def charter(args: argparse.Namespace) -> None:
    """Make, sign, show, amend, merge or install a charter."""
    home = Home.open(args.home)
    act = {
        "new": _new,
        "amend": _amend,
        "sign": _sign,
        "merge": _merge,
        "install": _install,
        "heads": _heads,
    }
    if args.action == "show":
        _show(args)
    else:
        act[args.action](args, home)


def _file(args: argparse.Namespace) -> Path:
    if not args.files:
        raise LocalError(
            "charter.file", f"name the charter file: tieline charter {args.action} FILE"
        )
    path: Path = args.files[0]
    return path


def _write(
    args: argparse.Namespace, path: Path, signed: SignedCharter, home: Home, *told: str
) -> None:
    """Write a charter, install it when that was asked for, and say what comes next."""
    files.write_text(path, armor_charter(signed))
    made = signed.charter
    own = files.read_card(home.card_file).party
    result: dict[str, Json] = {
        "file": str(path),
        "line": made.line.hex(),
        "version": made.version,
        "complete": signed.complete,
        "missing": texts(signed.missing),
        "installed": False,
    }
    lines = [*told, f"charter of '{made.name}', version {made.version}, is in {path}"]
    waits = ", ".join(signed.missing)
    if signed.complete and args.install:
        result.update(_put_in_force(args, home, [signed]))
        result["installed"] = True
        lines.append(f"{_by_all(signed)} has signed it, and it is in force here")
        lines.append(f"next: give {path} to the others for 'tieline charter install {path.name}';")
        lines.append("  then run 'tieline serve', if the station is not running yet")
    elif signed.complete:
        lines.append(f"{_by_all(signed)} has signed it")
        lines.append(f"next: every station runs 'tieline charter install {path.name}'")
    elif own in signed.missing:
        lines.append(f"it waits for the signature of {waits}")
        lines.append(f"next: tieline charter sign {path}")
    else:
        lines.append(f"it waits for the signature of {waits}")
        lines.append(f"next: give {path} to {signed.missing[0]}, who runs")
        last = " --install" if len(signed.missing) == 1 else ""
        lines.append(f"  tieline charter sign {path.name}{last}")
    put(args, result, *lines)


def _by_all(signed: SignedCharter) -> str:
    """Who has signed a complete charter."""
    without = [code for code in signed.charter.excused if code not in dict(signed.signatures)]
    return "every party" + (f" but {', '.join(without)}, which need not," if without else "")


def _new(args: argparse.Namespace, home: Home) -> None:
    name, path = args.name, args.out
    if args.files and name is None:
        name = str(args.files[0])
    elif args.files and path is None:
        path = args.files[0]
    if not name:
        raise LocalError("charter.name", "name the line: tieline charter new NAME")
    identity.check_name(name, "charter")
    path = path or Path(_NOT_IN_FILE_NAMES.sub("-", name) + ".charter")
    if path.exists():
        raise LocalError("file.exists", f"{path} exists; name another file with --out")
    own = files.read_card(home.card_file)
    cards = [files.read_card(one) for one in args.card]
    if not args.card:
        cards = [files.read_card(one) for one in sorted(home.cards.glob("*.tlcard"))]
        cards = [one for one in cards if one.party != own.party]
        if not cards:
            raise LocalError(
                "charter.parties",
                "no other party's card has been verified here; run 'tieline card verify FILE' for"
                " each party of the line first",
            )
    if own.party not in {one.party for one in cards}:
        cards.append(own)
    _trusted(home, cards, unverified=args.unverified_cards)
    made = make_charter(
        name=name,
        cards=cards,
        nonce=os.urandom(16),
        tests=_tests(args) or Tests(),
        intervals=_intervals(args) or Intervals(),
        release=_release(args) or Release(),
        packs=charterpacks.chosen(args, home, ()),
        witnesses=_witnesses(args, ()),
        quorum=args.quorum or 0,
        observers=_observers(args, ()) or (),
    )
    signed = SignedCharter(charter=made)
    if args.sign:
        signed = _signed(args, home, signed)
    _write(args, path, signed, home)


def _amend(args: argparse.Namespace, home: Home) -> None:
    old = files.read_charter(_file(args)).charter
    cards = [files.read_card(path) for path in args.card]
    _trusted(home, cards, unverified=args.unverified_cards)
    new = amend(
        old,
        cards=cards,
        leave=[code.upper() for code in args.remove],
        name=args.name,
        tests=_tests(args),
        intervals=_intervals(args),
        release=_release(args),
        packs=charterpacks.chosen(args, home, old.packs),
        witnesses=_witnesses(args, old.witnesses),
        quorum=args.quorum,
        reroot=args.reroot,
        observers=_observers(args, old.observers),
    )
    ended = ended_stations(old, new)
    if ended:
        ends = _ends(args, home, old.line, ended)
        new = with_ends(old, new, ends)
    name = _NOT_IN_FILE_NAMES.sub("-", new.name)
    path = args.out or Path(f"{name}-{new.version}.charter")
    if path.exists():
        raise LocalError("file.exists", f"{path} exists; name another file with --out")
    signed = SignedCharter(charter=new)
    if args.sign:
        signed = _signed(args, home, signed)
    _write(args, path, signed, home, *diff(old, new))


def _ends(
    args: argparse.Namespace, home: Home, line: bytes, stations: Sequence[bytes]
) -> tuple[LogEnd, ...]:
    """Where the logs of these stations end, as this station knows, or a file says that one does."""
    found: dict[str, Json] = {}
    if args.heads is not None:
        found = _read_heads(args.heads)
    elif home.store_file.exists():
        found = next((each for each in heads(args, home) if each["line"] == line.hex()), {})
    if found.get("line") != line.hex():
        raise LocalError(
            "charter.heads",
            "the amendment ends keys of a station, and this home does not keep the line to say"
            " where its logs end; have a station of the line write it with 'tieline charter heads"
            " FILE', and give it with --heads FILE",
        )
    ends = []
    entries = found.get("heads")
    for each in entries if isinstance(entries, list) else []:
        if isinstance(each, dict) and bytes.fromhex(str(each["station"])) in stations:
            log, last = bytes.fromhex(str(each["log"])), bytes.fromhex(str(each["last"]))
            ends.append(LogEnd(log=log, size=int(str(each["size"])), last=last))
    return tuple(ends)


def _read_heads(path: Path) -> dict[str, Json]:
    try:
        found = json.loads(files.read_bytes(path, files.MAX_TEXT))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise LocalError("charter.heads", f"{path} is no file of 'tieline charter heads'")
    return found


def _heads(args: argparse.Namespace, home: Home) -> None:
    """Write where every log of a line ends, as held here, for an amendment made elsewhere."""
    path = _file(args)
    lines = heads(args, home)
    named = [line for line in lines if not args.name or str(line["line"]).startswith(args.name)]
    if len(named) != 1:
        raise LocalError(
            "charter.heads",
            f"{len(named)} lines match; name one with --name and the first letters of its id, as"
            " 'status' shows it",
        )
    files.write_text(path, json.dumps(named[0]))
    put(args, {"file": str(path)}, f"where every log of the line ends is in {path}")


def _sign(args: argparse.Namespace, home: Home) -> None:
    path = _file(args)
    _write(args, args.out or path, _signed(args, home, files.read_charter(path)), home)


def _signed(args: argparse.Namespace, home: Home, signed: SignedCharter) -> SignedCharter:
    """Show what is signed, ask, and sign it with the party's root."""
    from tieline.node.secrets import unlock_root

    _check_roots(home, signed.charter)
    packs = charterpacks.to_sign(home, signed.charter)
    if not args.json:
        told = [line for line in summary(signed.charter) if not line.startswith("pack: ")]
        for line in (*told, *packs):
            print(f"  {visible(line)}")
        if sys.stdin.isatty() and not args.yes:
            print("Your party is bound by what stands above. Sign it? (yes or no) ", end="")
            sys.stdout.flush()
            if sys.stdin.readline().strip().lower() not in ("yes", "y"):
                raise LocalError("charter.unsigned", "the charter was not signed")
    root = unlock_root(home.root_file, unlock_for(home, home.root_file, "the party's root"))
    return signed.add_signature(root.party, root.sign_charter(signed.charter))


def _merge(args: argparse.Namespace, home: Home) -> None:
    signed = files.read_charter(_file(args))
    for path in args.files[1:]:
        signed = signed.merge(files.read_charter(path))
    _write(args, args.out or args.files[0], signed, home)


def _trusted(home: Home, cards: list[Card], *, unverified: bool) -> None:
    own = files.read_card(home.card_file)
    known = _known(home, own)
    for one in cards:
        if identity.fingerprint(one) in known or (unverified and own.realm):
            continue
        raise LocalError(
            "card.unverified",
            f"the card of {one.party} has not been verified here; have its words read to you and"
            " run 'tieline card verify FILE'",
        )


def _known(home: Home, own: Card) -> set[bytes]:
    """The fingerprints that were verified here, and our own."""
    known = {identity.fingerprint(files.read_card(path)) for path in home.cards.glob("*.tlcard")}
    return known | {identity.fingerprint(own)}


def _check_roots(home: Home, made: Charter) -> None:
    """Signing is the moment of trust: every root in the charter must be one we have verified.

    In an exercise the roots need no words, but for one that replaces another.
    """
    own = files.read_card(home.card_file)
    if made.realm != own.realm:
        raise LocalError(
            "charter.realm",
            f"the charter is for {made.realm or 'real traffic'} and this home for"
            f" {own.realm or 'real traffic'}; exercise and real traffic never share a home",
        )
    for named in made.parties:
        files.check_usable(named.stations)
    known = _known(home, own)
    for party in made.parties:
        if made.realm and party.code not in dict(made.reroot):
            continue
        if identity.root_fingerprint(party.code, made.realm, party.root_key) not in known:
            raise LocalError(
                "card.unverified",
                f"the charter names {party.code} with a root key that has not been verified here;"
                " get its card, have its words read to you and run 'tieline card verify FILE'",
            )


def _tests(args: argparse.Namespace) -> Tests | None:
    text = args.test_interval
    if text is None:
        return None
    seconds = _seconds(text)
    if seconds is None:
        raise LocalError("charter.tests", f"'{text}' is no interval; write such as 6h, 30m or 0")
    return Tests(interval_s=seconds)


def _intervals(args: argparse.Namespace) -> Intervals | None:
    text = args.checkpoints
    if text is None:
        return None
    every = [_seconds(part) for part in text.split(",")]
    if len(every) != 2 or every[0] is None or every[1] is None:
        raise LocalError(
            "charter.intervals", f"'{text}' are no two intervals; write such as 5m,24h"
        )
    return Intervals(checkpoint_s=every[0], seal_s=every[1])


def _seconds(text: str) -> int | None:
    number, unit = (text[:-1], _UNITS[text[-1]]) if text[-1:] in _UNITS else (text, 1)
    if not number.isascii() or not number.isdecimal() or len(number) > 9:
        return None
    return int(number) * unit


def _observers(args: argparse.Namespace, old: Sequence[str]) -> tuple[str, ...] | None:
    """The observers of a new version; ``None`` when no option says so."""
    come = {code.upper() for code in args.observer}
    gone = {code.upper() for code in args.no_observer}
    if come & gone:
        raise LocalError(
            "charter.observers", f"{min(come & gone)} is to be an observer and not to be one"
        )
    for code in sorted(gone - set(old)):
        raise LocalError("charter.observers", f"{code} is no observer; look at the charter")
    if not come and not gone:
        return None
    going = {code.upper() for code in args.remove}
    return tuple(sorted((set(old) | come) - gone - going))


def _witnesses(args: argparse.Namespace, old: Sequence[Witness]) -> list[Witness]:
    """The witnesses of a new version: the old ones, but for what the options say."""
    kept = {each.name: each for each in old}
    for name in args.no_witness:
        if kept.pop(name, None) is None:
            raise LocalError(
                "charter.witnesses", f"the charter names no witness '{name}'; look at it again"
            )
    for text in args.witness:
        name, alg, key = read_vkey(text)
        if alg == ALG_MLDSA and name in kept:
            kept[name] = replace(kept[name], mldsa=key)
            continue
        if alg != ALG_COSIGNATURE:
            raise LocalError(
                "vkey.type",
                f"the key of {name} has the signature type {alg} and a witness's must be of type 4"
                " (Ed25519 cosignatures); after it, one of type 6 (ML-DSA-44) may be given; ask"
                " its operator for that one",
            )
        kept[name] = Witness(name=name, key=key)
    return list(kept.values())


def _release(args: argparse.Namespace) -> Release | None:
    if args.four_eyes is None and not args.standing:
        return None
    words = [] if args.four_eyes in (None, "none") else args.four_eyes.upper().split(",")
    unknown = sorted(set(words) - set(Precedence.__members__))
    if unknown:
        known = ", ".join(Precedence.__members__)
        raise LocalError(
            "charter.release", f"'{unknown[0]}' is no precedence; there are {known}, or none"
        )
    four = frozenset(Precedence[word] for word in words)
    if args.four_eyes is None:
        four = Release().four_eyes
    return Release(four_eyes=four, standing=tuple(sorted(set(args.standing))))


def _install(args: argparse.Namespace, home: Home) -> None:
    _file(args)
    chain = sorted(
        (files.read_charter(path) for path in args.files), key=lambda each: each.charter.version
    )
    result = _put_in_force(args, home, chain)
    made = chain[-1].charter
    put(
        args,
        result,
        f"the line '{made.name}' is in force here, charter version {made.version}",
        "next: run 'tieline serve', if the station is not running yet",
    )


def _put_in_force(
    args: argparse.Namespace, home: Home, chain: Sequence[SignedCharter]
) -> dict[str, Json]:
    _check_roots(home, chain[-1].charter)
    texts_of = [armor_charter(signed) for signed in chain]
    try:
        station = client(args)
    except ApiDown:
        from tieline.node.offline import install

        result = install(home, station_keys(home), chain[-1], chain[:-1])
    else:
        history: list[Json] = [*texts_of[:-1]]
        result = station.call("charter_install", charter=texts_of[-1], history=history)
    for signed, text in zip(chain, texts_of, strict=True):
        name = f"{signed.charter.line.hex()[:8]}-{signed.charter.version}.charter"
        files.write_text(home.charters / name, text)
    return result


def _show(args: argparse.Namespace) -> None:
    if not args.files:
        found = read(args, "charter_show")
        shown = found.get("summary")
        put(args, found, *(str(line) for line in (shown if isinstance(shown, list) else [])))
        return
    signed = files.read_charter(_file(args))
    lines = list(summary(signed.charter))
    result: dict[str, Json] = {
        "line": signed.charter.line.hex(),
        "summary": texts(lines),
        "missing": texts(signed.missing),
        "complete": signed.complete,
    }
    missing = ", ".join(signed.missing)
    lines.append(f"not signed yet by {missing}" if missing else f"signed by {_by_all(signed)}")
    put(args, result, *lines)
