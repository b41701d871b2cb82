"""Installing what is measured beside Tieline, from lock files and never into our environment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "bench"
LOCKS = ROOT / "requirements"


def install(lock: Path, *, into: Sequence[str], before: Sequence[str] = ()) -> str:
    """Install what a lock file names, wheels alone and no more; why not, or "" if it went well.

    ``into`` and ``before`` are pip's own options after and before its word ``install``.
    """
    if find_spec("pip") is None:  # ./dev makes an environment without one
        subprocess.run([sys.executable, "-m", "ensurepip"], capture_output=True, check=False)
    command = [
        sys.executable, "-m", "pip", *before, "install", "--quiet", "--disable-pip-version-check",
        "--no-input", "--require-hashes", "--no-deps", "--only-binary", ":all:", *into,
        "-r", str(lock),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
