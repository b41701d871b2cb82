"""`python bench/speed.py`: everything about speed in one run of about ten minutes.

First ``peers.py`` with its plot, then ``growth.py`` up to 10,000 statements (``--most`` for more).
With ``--synapse`` peers takes twice as long.
With ``--out FOLDER`` the JSON of both and the plot are left there. Statuses as those two have them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import growth
import peers


def main(argv: Sequence[str]) -> int:
    """Parse, run both."""
    parser = argparse.ArgumentParser(prog="bench speed", description="measure peers, then growth")
    parser.add_argument("--out", type=Path, help="leave JSON and plot in this folder")
    parser.add_argument("--cut", default="60", help="seconds without a line")
    parser.add_argument("--rounds", default="3", help="rounds to take the median of")
    parser.add_argument("--most", default="10000", help="statements, in steps of ten")
    parser.add_argument("--synapse", action="store_true", help="also two Matrix homeservers")
    args = parser.parse_args(argv)
    beside = ["--cut", args.cut, "--rounds", args.rounds]
    if args.synapse:
        beside.append("--synapse")
    grown = ["--most", args.most]
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        plot = ["--plot", str(args.out / "speed.svg")]
        beside += ["--out", str(args.out / "peers.json"), *plot]
        grown += ["--out", str(args.out / "growth.json")]
    ended = peers.main(beside)
    print()
    return max(ended, growth.main(grown))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
