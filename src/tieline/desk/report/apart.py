"""The report of an incident, made in a process of its own: JSON comes in, the file goes out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tieline.core.errors import TielineError


def main() -> int:
    """Read the object of ``incident_report``; write the report as ``html`` or ``pdf``."""
    from tieline.desk.cli.report import written
    from tieline.desk.report import content

    kind = sys.argv[1]
    try:
        data = written(Path(f"report.{kind}"), content.document(json.load(sys.stdin)))
    except TielineError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    sys.stdout.buffer.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
