"""Logs as C2SP tiles and checkpoints as signed notes: verify them, with or without a charter."""

from __future__ import annotations

import argparse

from tieline.core.charter import SignedCharter
from tieline.core.checkpoint import SignedNote, read_checkpoint
from tieline.core.errors import TielineError
from tieline.desk.cli import files
from tieline.node.config import Home
from tieline.node.view import Json


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
