"""The verbs of the watch: speaking, answering, and looking at the record."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Final

from tieline.core.errors import LocalError
from tieline.desk.cli.agreements import answers_of
from tieline.desk.cli.common import (
    client,
    language_of,
    line_of,
    marks_of,
    officer,
    piped,
    put,
    read,
)
from tieline.desk.cli.show import (
    doubt_lines,
    draft_lines,
    event_line,
    item_line,
    item_lines,
    number_of,
    said,
    status_lines,
    text_of,
    unstored_lines,
    views,
)
from tieline.node.client import ApiDown, Client
from tieline.node.text import visible

if TYPE_CHECKING:
    from tieline.node.view import Json

RECENT: Final = 100  # journal entries that a watcher is shown first
RETRY_S: Final = 1.0


def send(args: argparse.Namespace) -> None:
    """Say something on a line."""
    text = piped() if args.text == "-" else args.text
    acts: dict[str, Json] = {**officer(args)}
    if args.precedence:
        acts["precedence"] = args.precedence
    if text:
        acts.update(text=text, lang=args.lang)
    if args.to:
        acts["to"] = [code.upper() for code in args.to]
    if args.form:
        acts["form"] = args.form
    if args.phrase:
        acts["phrase"] = args.phrase
    if args.form or args.phrase or args.answers:
        acts.update(language_of(args))
    if args.field and all(entry.partition("=")[0].isdecimal() for entry in args.field):
        acts["fields"] = dict(_field(entry) for entry in args.field)
    elif args.field:
        acts["answers"] = answers_of(args.field)
    if args.wants:
        acts["wants"] = args.wants
    if args.incident:
        acts["incident"] = args.incident
    acts |= how(args)
    with_client = client(args)
    refs: list[Json] = [
        {"item": _digest(entry), "role": role}
        for role in ("answers", "corrects", "cancels", "supersedes", "predecessor", "concerns")
        for entry in getattr(args, role)
    ]
    if refs:
        acts["refs"] = refs
    result = with_client.call("send", **acts)
    put(args, result, said(result), *doubt_lines(result), *_kept_back(args, with_client, result))


def how(args: argparse.Namespace) -> dict[str, Json]:
    """For whom we speak, and whether without prejudice."""
    out: dict[str, Json] = {"reserve": True} if args.without_prejudice else {}
    return {**out, "through": args.through} if args.through else out


def _kept_back(args: argparse.Namespace, station: Client, result: dict[str, Json]) -> list[str]:
    """Whom what was just said cannot reach now; who reads JSON asks for the status."""
    if args.json or not result.get("released"):
        return []
    return [
        f"{text_of(peer, 'name')} is {text_of(peer, 'state').removesuffix(' since')} now: it goes"
        " there as soon as it can"
        for line in views(station.call("status"), "lines")
        if line.get("line") == result.get("line")
        for peer in views(line, "peers")
        if not peer.get("carriers")
    ]


def _field(entry: str) -> tuple[str, Json]:
    name, equals, value = entry.partition("=")
    if not equals or not name.isdecimal():
        raise LocalError("act.argument", f"'{entry}' is no field; write NUMBER=VALUE")
    return name, int(value) if value.lstrip("-").isdecimal() else value


def _digest(entry: str) -> str:
    return entry.lower()


def release(args: argparse.Namespace) -> None:
    """Release a draft as the second officer."""
    station = client(args)
    result = station.call("release", draft=args.draft, **_no_key(args))
    put(args, result, said(result), *_kept_back(args, station, result))


def discard(args: argparse.Namespace) -> None:
    """Withdraw a draft."""
    result = client(args).call("discard", draft=args.draft, **_no_key(args))
    put(args, result, f"draft {args.draft} is withdrawn; it never becomes a statement")


def _no_key(args: argparse.Namespace) -> dict[str, Json]:
    return {name: value for name, value in officer(args).items() if name != "key"}


def drafts(args: argparse.Namespace) -> None:
    """List the drafts that wait."""
    result = client(args).call("drafts", **line_of(args))
    put(args, result, *(draft_lines(views(result, "drafts")) or ["no draft waits"]))


def ack(args: argparse.Namespace) -> None:
    """Say that an officer has read a statement."""
    _act(args, "ack", item=_digest(args.item))


def read_back(args: argparse.Namespace) -> None:
    """Repeat a statement in our own words."""
    _act(args, "read_back", item=_digest(args.item), text=args.text, lang=args.lang)


def pass_on(args: argparse.Namespace) -> None:
    """Say that a unit has been told."""
    _act(args, "pass_on", item=_digest(args.item), unit=args.unit)


def suspend(args: argparse.Namespace) -> None:
    """Suspend the line."""
    _act(args, "suspend", cause=args.cause)


def resume(args: argparse.Namespace) -> None:
    """End our suspension."""
    _act(args, "resume", cause=args.cause)


def staff(args: argparse.Namespace) -> None:
    """Say whether an officer is on watch."""
    _act(args, "staff", staffed=args.state == "on", cause=args.cause)


def test_line(args: argparse.Namespace) -> None:
    """Call a line test."""
    _act(args, "test")


def _act(args: argparse.Namespace, act: str, **more: Json) -> None:
    marks = marks_of(args) if "without_prejudice" in args else {}
    result = client(args).call(act, **officer(args), **marks, **more)
    put(args, result, said(result))


def status(args: argparse.Namespace) -> int:
    """The state of every line; 3 when no station of another party is reached.

    A suspended line is reached while it is connected: suspension is a party's will, and what is
    said still gets there.
    """
    result = client(args).call("status")
    put(args, result, *status_lines(result))
    peers = [
        peer
        for line in views(result, "lines")
        for peer in views(line, "peers")
        if peer.get("party") != line.get("party")  # our own other station is not the line
    ]
    reachable = any(peer.get("carriers") for peer in peers)
    return 0 if reachable or not peers else 3


def log(args: argparse.Namespace) -> None:
    """The record, one statement with its ladder, or a log under its signed checkpoint."""
    if args.item == "checkpoint":
        checkpoint(args)
        return
    if args.item == "tiles":
        from tieline.desk.cli.tiles import export

        export(args)
        return
    if args.item:
        named = {**line_of(args), **language_of(args)}
        result = read(args, "item", item=_digest(args.item), **named)
        put(args, result, *item_lines(result))
        return
    result = read(args, "log", limit=args.limit, **line_of(args), **language_of(args))
    banner = [f"EXERCISE EXERCISE EXERCISE {result['realm']}"] if result.get("realm") else []
    put(args, result, *banner, *(item_line(view) for view in views(result, "items")))


def checkpoint(args: argparse.Namespace) -> None:
    """Have the head of our own log signed now; print the note, or write it to a file."""
    result = client(args).call("checkpoint", seal=args.seal, **line_of(args))
    note = str(result["note"])
    if args.out is None:
        put(args, result, *note.rstrip("\n").split("\n"))
        return
    from tieline.desk.cli import files

    files.write(args.out, note.encode("utf-8"))
    put(args, {**result, "file": str(args.out)},
        f"a checkpoint of {number_of(result, 'size')} statements with"
        f" {number_of(result, 'lines')} signatures is in {args.out}")  # fmt: skip


def watch(args: argparse.Namespace) -> None:
    """Follow what happens. When the station stops, wait for it and go on where it stopped."""
    station = client(args)
    since = args.since
    if since is None:
        since = max(0, number_of(station.call("status"), "journal") - RECENT)
    try:
        while True:
            try:
                for event in station.watch(since, unstored=True):
                    since = max(since, number_of(event, "seq"))
                    if event.get("type") == "live" and args.until_live:
                        return
                    _show_event(args, event)
            except ApiDown as error:
                if args.until_live:
                    raise
                sys.stderr.write(f"tieline: {visible(str(error))}; waiting for it\n")
            station.close()
            station = _again(args)
    except KeyboardInterrupt:
        sys.stderr.write(f"go on from here with: tieline watch --since {since}\n")


def _again(args: argparse.Namespace) -> Client:
    while True:
        try:
            return client(args)
        except ApiDown:
            time.sleep(RETRY_S)


def _show_event(args: argparse.Namespace, event: dict[str, Json]) -> None:
    if args.json:
        print(json.dumps(event, separators=(",", ":")), flush=True)
        return
    for line in unstored_lines(event) or [event_line(event)]:
        if line:
            print(visible(line), flush=True)
