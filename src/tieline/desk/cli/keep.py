"""The verbs that keep a station safe: backup, restore."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tieline.core.terms import dtg
from tieline.desk.cli.common import ask_passphrase, put, station_keys
from tieline.desk.cli.show import number_of, text_of
from tieline.node.client import ApiDown, Client
from tieline.node.config import Home

if TYPE_CHECKING:
    from tieline.node.view import Json


def backup(args: argparse.Namespace) -> None:
    """Write a backup: the running station does it itself, else it is done here under its lock."""
    result = _backup(args)
    made = (
        f"{text_of(result, 'file')}: {number_of(result, 'entries')} journal entries,"
        f" {number_of(result, 'bytes')} bytes; it opens with what opens this station's keys"
    )
    lines = [made]
    if result.get("root"):
        lines.append(
            "WARNING: the party's root key is in it, under its own passphrase or key file: whoever"
            " opens it speaks for the party; keep this file in a safe, and on no machine"
        )
    left = result.get("left_out")
    if isinstance(left, list) and left:
        names = ", ".join(str(name) for name in left)
        lines.append(f"left out, because a station does not need it: {names}")
    desk = text_of(result, "desk")
    if desk == "in":
        lines.append("the desk's own file is in it: accounts, handovers, the log of who did what")
    elif desk != "none":
        lines.append(
            f"WARNING: the desk's own file desk.db is not in it ({desk}): accounts, handovers and"
            " the log of who did what at the desk would be lost with this machine"
        )
    if not result.get("noted"):
        lines.append(
            "the home took no note of this backup (it has no room, or can only be read); 'status'"
            " shows an older one"
        )
    lines.append("next: carry it to another machine and see whether it opens: tieline restore")
    lines.append(f"  {text_of(result, 'file')} --check --home FOLDER-NOT-THERE")
    put(args, result, *lines)


def _backup(args: argparse.Namespace) -> dict[str, Json]:
    out = args.out.absolute()
    try:
        station = Client(args.home / "run" / "station.sock", timeout_s=None)
    except ApiDown:
        pass  # not running: the store is free to be opened here
    else:
        args.opened.append(station)
        return station.call("backup", out=str(out), root=args.with_root)
    from tieline.node.backup import make_stopped

    home = Home.open(args.home)
    return make_stopped(home, station_keys(home), out, root=args.with_root)


def restore(args: argparse.Namespace) -> None:
    """Unpack a backup into a new home, after checking all of it."""
    from tieline.node.restore import restore as unpack

    home = args.home.absolute()
    done = unpack(
        args.file,
        home,
        lambda: ask_passphrase("the backup's keys"),
        args.key_file,
        keep=not args.check,
    )
    manifest = done.manifest
    who = f"{manifest.party}/{manifest.name}"
    realm = f" EXERCISE {manifest.realm}" if manifest.realm else ""
    what = (
        f"{who}{realm}, as it was at {dtg(manifest.made_ms)}: {manifest.entries} journal entries,"
        f" {number_of(done.audit, 'statements')} statements, every signature and log verified"
    )
    lines = [what]
    if done.key_place:
        lines.append(f"put the key file at {done.key_place}: its configuration looks for it there")
    if done.desk:
        lines.append("officers' accounts, handovers and the log of the desk are in it")
    if args.check:
        lines.append("it can be restored; nothing was kept of this check")
    else:
        lines += _next(home.as_posix(), root=done.root)
    put(
        args,
        {
            "home": None if args.check else str(home),
            "party": manifest.party,
            "station": manifest.station.hex(),
            "realm": manifest.realm,
            "made_ms": manifest.made_ms,
            "entries": manifest.entries,
            "root": done.root,
            "desk": done.desk,
            "audit": done.audit,
        },
        *lines,
    )


def _next(home: str, *, root: bool) -> list[str]:
    lines = [f"it is in {home}"]
    if root:
        lines.append(
            "WARNING: the party's root key is on this machine now; take root.tlk off it as soon as"
            " it is not needed"
        )
    fresh = (
        "at its next start this station does not go on with its old logs: the next thing that it"
        " says opens a fresh log, whose first statement tells the others why, and what it had said"
        " since this backup comes back from them"
    )
    return [
        *lines,
        fresh,
        "make sure that the home which this backup is of never runs again",
        f"next: tieline serve --home {home}",
    ]
