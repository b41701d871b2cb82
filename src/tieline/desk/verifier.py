"""A process of its own that checks one file of a stranger, and says what it found as JSON.

It runs ``tieline verify`` on the file under limits on processor time, memory, open files and
written bytes, without a home and so without any key. Whatever the file does to it, the desk and the
station beside it go on.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Final

from tieline.desk import cli
from tieline.desk.confined import confine

MOST_TOLD: Final = 300
MOST_PROBLEMS: Final = 40
MOST_LETTERS: Final = 2_000  # of one sentence


def main() -> int:
    """Check the file that the first argument names, in the language that the second names."""
    confine()
    out = io.StringIO()
    path, language = sys.argv[1:3]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        cli.main(["verify", path, "--json", "--language", language])
    report = json.loads(out.getvalue())
    sys.stdout.write(json.dumps(short(report if isinstance(report, dict) else {})))
    return 0


def short(report: dict[str, object]) -> dict[str, object]:
    """What a page shows of a report."""
    error = report.get("error")
    problems = _texts(report.get("problems"))
    if isinstance(error, dict):
        problems.append(str(error.get("message")))
    told = _texts(report.get("told"))
    evidence = report.get("evidence")
    found = evidence if isinstance(evidence, dict) else {}
    ok = report.get("ok") is True
    return {
        "ok": ok,
        "kind": "evidence" if found else "proof" if "party" in report else "other",
        "verdict": str(found.get("verdict") or ("checked" if ok else "failed")),
        "said": str(report.get("verdict") or "")[:MOST_LETTERS],
        "problems": problems[:MOST_PROBLEMS],
        "more_problems": max(0, len(problems) - MOST_PROBLEMS),
        "told": told[:MOST_TOLD],
        "more_told": max(0, len(told) - MOST_TOLD),
        "counts": found.get("counts"),
        "words": found.get("words"),
        "page": report.get("page"),
    }


def _texts(value: object) -> list[str]:
    return [str(each)[:MOST_LETTERS] for each in value] if isinstance(value, list) else []


if __name__ == "__main__":
    sys.exit(main())
