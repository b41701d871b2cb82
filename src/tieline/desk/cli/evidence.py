"""The verb of evidence: write a part of the record for an outsider; and checking such a file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from tieline.desk.cli.common import line_of, put, station_keys
from tieline.desk.cli.show import number_of, text_of, views
from tieline.desk.times import MINUTE_MS, read_time
from tieline.node.client import ApiDown, Client
from tieline.node.config import Home
from tieline.node.view import Json


def evidence(args: argparse.Namespace) -> None:
    """Write evidence: the running station does it itself, else it is done here under its lock."""
    wanted: dict[str, Json] = {"out": str(args.out.absolute()), **line_of(args)}
    if args.incident:
        wanted["item"] = args.incident
    if args.from_:
        wanted["from_ms"] = read_time(args.from_)
    if args.to_:
        wanted["to_ms"] = read_time(args.to_) + MINUTE_MS - 1
    result = _make(args, wanted)
    count, left_out = number_of(result, "statements"), number_of(result, "left_out")
    rest = f"; {left_out} are left out, as counts and hashes" if left_out else ", the whole line"
    put(args, result,
        f"{count} statements are in {args.out} ({number_of(result, 'bytes')} bytes){rest}",
        *_packs(result),
        "next: open it in a browser, which needs no network, or check it with 'tieline verify"
        f" {args.out.name}'")  # fmt: skip


def _packs(result: dict[str, Json]) -> Iterator[str]:
    """Which packs the file carries, and which it should and does not."""
    for pack in views(result, "packs"):
        yield (
            f"the pack {text_of(pack, 'id')}, version {number_of(pack, 'version')}, is in it"
            f" ({number_of(pack, 'bytes')} bytes), so that its forms read in words"
        )
    missing = result.get("packs_missing")
    for digest in missing if isinstance(missing, list) else []:
        yield (
            f"PACK MISSING: {str(digest)[:16]} is not in it, so forms that may be of that pack are"
            " shown as numbers; bring the pack, run 'tieline pack keep FILE' and make the file anew"
        )


def _make(args: argparse.Namespace, wanted: dict[str, Json]) -> dict[str, Json]:
    try:
        station = Client(args.home / "run" / "station.sock", timeout_s=None)
    except ApiDown:
        import asyncio

        from tieline.node import offline

        home = Home.open(args.home)
        return asyncio.run(offline.perform(home, station_keys(home), "evidence", wanted))
    args.opened.append(station)
    return station.call("evidence", **wanted)


def verify(path: Path, language: str | None = None) -> dict[str, Json]:
    """Check an evidence file and say what it holds; the report of ``tieline verify``.

    ``language``: that of coded statements, all of which are then told; else some, in English.
    """
    from tieline.core.agreement.tongue import ENGLISH
    from tieline.node.evidence import as_json
    from tieline.node.evidencefile import read_file
    from tieline.node.evidencewords import VERDICTS, explain

    report, known_page = read_file(path)
    steps = explain(report, known_page=known_page, language=language)
    problems: list[Json] = [
        f"item {fault.number} ({fault.code}): {fault.text}" for fault in report.faults
    ]
    told: list[Json] = [*steps]
    return {
        "ok": report.verdict != "failed",
        "statements": len(report.entries),
        "problems": problems,
        "told": told,
        "verdict": VERDICTS[report.verdict],
        "page": known_page,
        "evidence": as_json(report, languages=(language or ENGLISH,)),
    }


def is_evidence(path: Path) -> bool:
    """Whether a file looks like evidence: its first bytes say so."""
    from tieline.node.evidencefile import is_evidence as begins_so

    try:
        with path.open("rb") as file:
            return begins_so(file.read(4_096))
    except OSError:
        return False
