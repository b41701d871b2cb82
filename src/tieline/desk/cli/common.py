"""What the verbs share: finding the station, asking for passphrases, printing results."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from typing import TYPE_CHECKING

from tieline.core.errors import LocalError
from tieline.node.client import ApiDown, Client
from tieline.node.text import visible

if TYPE_CHECKING:
    from pathlib import Path

    from tieline.node.config import Home
    from tieline.node.secrets import StationKeys, Unlock
    from tieline.node.view import Json


def client(args: argparse.Namespace) -> Client:
    """A connection to the running station, closed when the command ends. Raises ``ApiDown``."""
    made = Client(args.home / "run" / "station.sock")
    args.opened.append(made)
    return made


def read(args: argparse.Namespace, act: str, **wanted: Json) -> dict[str, Json]:
    """What an act says that only reads: of the running station, or of a home that runs none.

    Where nobody can write no station can run, and its record is read as it is. Raises ``ApiDown``
    where one could, and ``TielineError``.
    """
    try:
        return client(args).call(act, **wanted)
    except ApiDown:
        if os.access(args.home, os.W_OK) or not args.home.is_dir():
            raise
    import asyncio

    from tieline.node import offline
    from tieline.node.config import Home

    home = Home.open(args.home)
    return asyncio.run(offline.perform(home, station_keys(home), act, wanted))


def officer(args: argparse.Namespace) -> dict[str, Json]:
    """Who speaks, on which line, under which key: the arguments that all acts share."""
    from tieline.node.config import Home

    config = Home.open(args.home).config
    name = args.officer or config.officer or os.environ.get("USER", "")
    if not name:
        raise LocalError(
            "act.officer",
            f"say who speaks with --officer NAME, or set 'name' under [officer] in"
            f" {args.home / 'config.toml'}",
        )
    out: dict[str, Json] = {"officer": name, "role": args.role or config.role}
    if args.line:
        out["line"] = args.line
    if args.key:
        out["key"] = args.key
    return out


def marks_of(args: argparse.Namespace) -> dict[str, Json]:
    """The marks without prejudice and through, as arguments of an act; those that were given."""
    out: dict[str, Json] = {}
    if args.without_prejudice:
        out["reserve"] = True
    if getattr(args, "through", ""):
        out["through"] = args.through
    return out


def line_of(args: argparse.Namespace) -> dict[str, Json]:
    """The line that was named, as an argument of an act."""
    return {"line": args.line} if args.line else {}


def language_of(args: argparse.Namespace) -> dict[str, Json]:
    """The language that was named, as an argument of an act (default: the station's)."""
    return {"language": args.language} if args.language else {}


def piped() -> str:
    """What comes on standard input, without its last line end. Raises ``LocalError``.

    Bytes that are no text in this terminal's code are kept as half characters by some
    configurations of Python, and end its reading in others.
    """
    try:
        text = sys.stdin.read().removesuffix("\n")
        text.encode("utf-8")
    except UnicodeError:
        raise LocalError(
            "act.argument",
            "standard input holds bytes that are no text in this terminal's code; give it as UTF-8",
        ) from None
    return text


def put(args: argparse.Namespace, result: Json, *lines: str) -> None:
    """Print a result: as JSON, or the lines meant for people.

    JSON is plain ASCII, so that no letter from outside can act on a terminal there either.
    """
    if args.json:
        print(json.dumps(result, separators=(",", ":")))
    else:
        for line in lines:
            print(visible(line))


def unlock_for(home: Home, path: Path, what: str) -> Unlock:
    """How to open a key store.

    With its key file, or the passphrase, which is asked for or stands in ``TIELINE_PASSPHRASE``.
    """
    from pathlib import Path as Folder

    from tieline.node.secrets import KeyFile, opens_with_passphrase

    if not opens_with_passphrase(path):
        name = home.config.key_file or "key"
        return KeyFile(home.path / Folder(name))
    return ask_passphrase(what)


def ask_passphrase(what: str) -> Unlock:
    """The passphrase of a key store: from ``TIELINE_PASSPHRASE``, or asked for."""
    from tieline.node.secrets import Passphrase

    given = os.environ.get("TIELINE_PASSPHRASE")
    return Passphrase(given if given is not None else ask_secret(f"Passphrase of {what}: "))


def station_keys(home: Home) -> StationKeys:
    """The station's keys, unlocked. Raises ``LocalError`` (``keys.locked``)."""
    from tieline.node.secrets import unlock

    return unlock(home.keys_file, unlock_for(home, home.keys_file, "the station's keys"))


def ask_secret(prompt: str) -> str:
    """Ask at the terminal, without showing it. Raises ``LocalError`` (``keys.passphrase``)."""
    if not sys.stdin.isatty():
        raise LocalError(
            "keys.passphrase",
            "a passphrase is needed and there is no terminal to ask at; set TIELINE_PASSPHRASE, or"
            " make the station with --key-file",
        )
    return getpass.getpass(prompt)
