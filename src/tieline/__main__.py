"""``python -m tieline`` is the command ``tieline``."""

from __future__ import annotations

import sys

from tieline.desk.cli import main

if __name__ == "__main__":
    sys.exit(main())
