"""Plays an exercise under ``kill -9`` for many seeds; the record must not change.

``tools/kills.py --seeds N [--seed FIRST] [--kills K] [--scenario NAME]``. Each seed is one run of
``./dev demo --headless --kills K --seed S``; its records are compared with those of a run in peace,
as ``docs/exercises.md`` says. One line for each seed; ends with 1 at the first difference, and
leaves both runs' files in the folder that it names.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tieline.exercise.__main__ import STANDARD


def play(out: Path, scenario: str, kills: int, seed: int) -> int:
    """One run without a screen; its exit code."""
    command = [sys.executable, "-m", "tieline.exercise", "--headless", "--scenario", scenario]
    command += ["--out", str(out), "--kills", str(kills), "--seed", str(seed)]
    with (out.parent / f"{out.name}.txt").open("w", encoding="utf-8") as told:
        return subprocess.run(command, stdout=told, stderr=told, check=False).returncode


def record(out: Path) -> dict[str, object]:
    """What is compared."""
    return {
        path.stem: json.loads(path.read_text("utf-8"))["content"]
        for path in sorted(out.glob("record-*.json"))
    }


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Kill stations of an exercise, seed after seed.")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--scenario", default=STANDARD)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tieline-kills-"))
    if play(folder / "peace", args.scenario, 0, 0):
        print(f"the run in peace failed; see {folder}")
        return 1
    peace = record(folder / "peace")
    for seed in range(args.seed, args.seed + args.seeds):
        out = folder / f"seed-{seed}"
        code = play(out, args.scenario, args.kills, seed)
        same = record(out) == peace if code == 0 else False
        restarts = json.loads((out / "summary.json").read_text("utf-8"))["restarts"] if same else 0
        print(f"seed {seed}: ends with {code}, {'same record' if same else 'NOT THE SAME'}"
              f", {restarts} restarts", flush=True)  # fmt: skip
        if not same:
            print(f"compare the files in {folder}")
            return 1
        shutil.rmtree(out)
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
