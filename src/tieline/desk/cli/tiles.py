"""Logs as C2SP tiles and checkpoints as signed notes: verify them, with or without a charter."""

from __future__ import annotations

import argparse
import base64

from tieline.core.charter import SignedCharter, dearmor_charter
from tieline.core.checkpoint import SignedNote, read_checkpoint
from tieline.core.errors import LocalError, TielineError
from tieline.desk.cli import files
from tieline.desk.cli.common import client, line_of, put
from tieline.desk.cli.show import text_of
from tieline.node.config import Home
from tieline.node.view import Json


def export(args: argparse.Namespace) -> None:
    """Write one log of a line as C2SP tiles."""
    from tieline.node import tilefolder
    from tieline.node.sealing import seal

    if args.folder is None:
        raise LocalError("tiles.folder", "name the folder to write: tieline log tiles OUT")
    station = client(args)
    found = station.call("log_head", log=args.log, **line_of(args))
    shown = found.get("charters")
    charters = [dearmor_charter(str(text)) for text in (shown if isinstance(shown, list) else [])]
    keys = [
        entry.certificate.seal_key
        for party in charters[-1].charter.parties
        for entry in party.stations
    ]

    def entries(start: int, stop: int) -> list[bytes]:
        answer = station.call(
            "log_entries", line=str(found["line"]), log=str(found["log"]), start=start
        )
        got = answer.get("entries")
        out = [base64.b64decode(str(each)) for each in (got if isinstance(got, list) else [])]
        return out[: stop - start]

    source = tilefolder.Source(
        note=SignedNote.parse(str(found["note"]).encode("utf-8")),
        charters=charters,
        entries=entries,
        seal=lambda data: seal(data, keys),
    )
    head = tilefolder.write(args.folder, source, args.entries)
    with_ = {"open": "with", "none": "without", "sealed": "with sealed"}[args.entries]
    put(
        args,
        {"folder": str(args.folder), "origin": head.origin, "size": head.size},
        f"the log of {text_of(found, 'station')}, {head.size} statements, is in {args.folder},"
        f" {with_} entries",
        f"next: anybody checks it with 'tieline verify {args.folder}'",
    )


def verify_folder(args: argparse.Namespace) -> dict[str, Json]:
    """Recompute a log from a folder of tiles; the report of ``tieline verify``."""
    from tieline.desk.cli.common import station_keys
    from tieline.node import tilefolder

    unseal = None
    if (args.file / "sealed").is_dir() and (args.home / "config.toml").exists():
        unseal = station_keys(Home.open(args.home)).open_sealed
    found = tilefolder.check(args.file, _given(args), unseal)
    report = found.as_json()
    if found.head is not None:
        report["verdict"] = _told(found.said, f"the log {found.head.origin}")
    return report


def verify_note(args: argparse.Namespace, data: bytes) -> dict[str, Json] | None:
    """Check a checkpoint in a signed note; None when the file is none."""
    from tieline.node.tilefolder import check_note

    try:
        note = SignedNote.parse(data)
        head = read_checkpoint(note.body)
    except TielineError:
        return None
    found = check_note(note, head, _given(args))
    return {
        **found.as_json(),
        "verdict": _told(found.said, f"a checkpoint of {head.origin}, size {head.size}"),
    }


def _given(args: argparse.Namespace) -> list[SignedCharter]:
    return [files.read_charter(path) for path in args.charter]


def _told(said: list[str], what: str) -> str:
    return "\n  ".join((what + ":", *said))
