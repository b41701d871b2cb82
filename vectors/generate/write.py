"""Write every vector file, or with ``--check`` say which one is not what it would be.

Each script beside this one that has a ``build`` gives a map from a file below ``vectors/`` to its
content: bytes as they are, anything else as JSON. No script imports Tieline: a vector that our own
code wrote would prove only that the code has not changed.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


# What an editor does not show, or shows elsewhere than it stands, is written escaped.
UNSEEN = re.compile("[\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found.group()):04x}"


def rendered() -> dict[Path, bytes]:
    """Every vector file with the bytes it must have."""
    out: dict[Path, bytes] = {}
    for script in sorted(HERE.glob("*.py")):
        build = getattr(importlib.import_module(script.stem), "build", None)
        if build is None:
            continue
        for name, content in build().items():
            if isinstance(content, bytes):
                out[HERE.parent / name] = content
                continue
            text = json.dumps(content, indent=1, ensure_ascii=False)
            out[HERE.parent / name] = (UNSEEN.sub(_escape, text) + "\n").encode()
    return out


def main() -> int:
    """Write or check all files; 1 when a check finds a difference."""
    check = sys.argv[1:] == ["--check"]
    stale = 0
    for path, data in rendered().items():
        if check:
            if not path.is_file() or path.read_bytes() != data:
                sys.stderr.write(f"{path.relative_to(HERE.parent)} is not what its script makes\n")
                stale = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return stale


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(main())
