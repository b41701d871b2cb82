"""Makes docs/demo.svg anew: the screen of an exercise at the moment that its scenario names.

``tools/picture.py [--scenario NAME] [--out FILE]``. Plays the exercise without pauses, some twenty
seconds. Process ids and station names differ from run to run, so the file is made anew by hand,
when what it shows has changed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tieline.exercise.__main__ import STANDARD, main

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make a picture of a running exercise.")
    parser.add_argument("--scenario", default=STANDARD)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "demo.svg")
    args = parser.parse_args()
    sys.exit(main(["--headless", "--scenario", args.scenario, "--export-svg", str(args.out)]))
