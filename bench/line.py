"""`python bench/line.py`: what a line costs, against the floor of the same machine in the same run.

Floor and Tieline rounds take turns, so that a slow minute of the machine falls on both; every
figure is the median over the rounds. Ratios are costs: 1.0 is the floor, 3.0 three times as slow.
The JSON (schema ``tieline-bench-line/1``) only grows: keys are added, never renamed.

The figures are those of this machine with this disk; see ``environment`` in the result before
comparing two runs. Statuses: 0 measured, 1 a reach of this release was missed (only with
``--strict``), 2 usage.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import floor
import stations
from figures import Json, environment, median, number, record

SCHEMA = "tieline-bench-line/1"
RECEIPT_P50_MAX = 3.0
FLASH_BYTES_MAX = 340


def measure(folder: Path, *, rounds: int, sends: int, sustained: int, floor_only: bool) -> Json:
    """Run all rounds in ``folder`` and return the whole result."""
    loop_name = stations.LOOP
    plan = floor.Plan(sends=sends, sustained=sustained, chunk=floor.CHUNK)
    encrypted: list[Json] = []
    plain: list[Json] = []
    line: list[Json] = []
    for number_of_round in range(rounds):
        here = folder / f"round{number_of_round}"
        here.mkdir()
        encrypted.append(floor.run(here / "floor", plain=False, plan=plan, loop_name=loop_name))
        if not floor_only:
            line.append(stations.run(here / "line", sends=sends, sustained=sustained))
        plain.append(floor.run(here / "plain", plain=True, plan=plan, loop_name=loop_name))
    floor_figures: Json = {
        "encrypted": {**median(encrypted), "parts": floor.parts(folder / "parts", plain=False)},
        "plain": {**median(plain), "parts": floor.parts(folder / "parts-plain", plain=True)},
    }
    result: Json = {
        "schema": SCHEMA,
        "environment": environment(folder),
        "settings": {
            "rounds": rounds,
            "sends": sends,
            "sustained": sustained,
            "outstanding": floor.OUTSTANDING,
            "text_bytes": floor.TEXT_BYTES,
            "loop": loop_name,
        },
        "floor": floor_figures,
    }
    if line:
        figures = median(line)
        result["tieline"] = figures
        result["ratios"] = ratios(record(floor_figures["encrypted"]), figures)
        result["reach"] = reach(record(result["ratios"]), figures)
    return result


def ratios(base: Json, line: Json) -> Json:
    """How many times the floor's cost Tieline takes; 1.0 is the floor itself."""
    base_ms, line_ms = record(base["receipt_ms"]), record(line["receipt_ms"])
    return {
        "receipt_p50": round(number(line_ms["p50"]) / number(base_ms["p50"]), 2),
        "receipt_p99": round(number(line_ms["p99"]) / number(base_ms["p99"]), 2),
        "sustained": round(number(base["sustained_per_s"]) / number(line["sustained_per_s"]), 2),
    }


def reach(found: Json, line: Json) -> Json:
    """The figures this release set out to reach, and whether it did."""
    return {
        "receipt_p50_max": RECEIPT_P50_MAX,
        "receipt_p50_met": number(found["receipt_p50"]) <= RECEIPT_P50_MAX,
        "flash_bytes_max": FLASH_BYTES_MAX,
        "flash_bytes_met": number(line["flash_bytes"]) <= FLASH_BYTES_MAX,
    }


def table(result: Json) -> str:
    """The result as a person reads it."""
    base = record(result["floor"])
    rows = [_row("", "floor, plain", "floor", "tieline", "ratio")]
    line = record(result["tieline"]) if "tieline" in result else {}
    found = record(result["ratios"]) if "ratios" in result else {}
    plain, encrypted = record(base["plain"]), record(base["encrypted"])
    rows.extend(
        _row(
            f"send to verified receipt, {mark} (ms)",
            *(_at(side, "receipt_ms", mark) for side in (plain, encrypted, line)),
            str(found.get(f"receipt_{mark}", "")),
        )
        for mark in ("p50", "p95", "p99")
    )
    rows.extend(
        _row(f"send to their watcher, {mark} (ms)", "", "", _at(line, "statement_ms", mark), "")
        for mark in ("p50", "p95", "p99")
    )
    rates = [str(side.get("sustained_per_s", "")) for side in (plain, encrypted, line)]
    label = "sustained, 64 outstanding (1/s)"
    rows.append(_row(label, *rates, str(found.get("sustained", ""))))
    for key, label in stations.LABELS.items():
        rows.append(_row(label, "", "", str(line.get(key, "")), ""))
    where = record(result["environment"])
    parts = record(encrypted["parts"])
    rows.append("")
    rows.append("floor, step by step (us): " + ", ".join(f"{k[:-3]} {v}" for k, v in parts.items()))
    rows.append("taken on: " + ", ".join(f"{key} {value}" for key, value in where.items()))
    return "\n".join(rows)


def _row(label: str, *cells: str) -> str:
    return f"{label:<38}" + "".join(f"{cell:>14}" for cell in cells)


def _at(side: Json, key: str, mark: str) -> str:
    return str(record(side[key])[mark]) if key in side else ""


def main(argv: Sequence[str]) -> int:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        prog="bench line", description="measure a line between two stations against its floor"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--rounds", type=int, default=3, help="rounds to take the median of")
    parser.add_argument("--sends", type=int, default=500, help="statements sent one by one")
    parser.add_argument("--sustained", type=int, default=6400, help="statements with 64 under way")
    parser.add_argument("--floor-only", action="store_true", help="leave Tieline itself out")
    parser.add_argument("--dir", type=Path, help="measure on the disk that holds this folder")
    parser.add_argument("--out", type=Path, help="also write the JSON to this file")
    parser.add_argument("--strict", action="store_true", help="end 1 when a reach is missed")
    args = parser.parse_args(argv)
    if min(args.rounds, args.sends) < 1 or args.sustained < 2 * floor.OUTSTANDING:
        parser.error("rounds and sends are at least 1, sustained at least 128")
    folder = Path(tempfile.mkdtemp(prefix="tieline-bench-", dir=args.dir))
    try:
        result = measure(
            folder,
            rounds=args.rounds,
            sends=args.sends,
            sustained=args.sustained,
            floor_only=args.floor_only,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = json.dumps(result, indent=2)
    if args.out is not None:
        args.out.write_text(text + "\n", encoding="utf-8")
    print(text if args.json else table(result))
    met = record(result.get("reach", {}))
    missed = any(value is False for value in met.values())
    return 1 if args.strict and missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
