"""A witness's store that advances, and says in ``FOLDER/marks`` what has been cosigned since.

Run as a program: ``python heads_driver.py FOLDER SABOTAGE``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from tieline.core.checkpoint import Checkpoint
from tieline.store import heads
from tieline.store.heads import HeadStore

TAG: Final = b"t" * 32
LOGS: Final = ("log.example/a", "log.example/b")
ROUNDS: Final = 24


def head(origin: str, size: int) -> Checkpoint:
    return Checkpoint(origin=origin, size=size, root=bytes((size,)) * 32)


def prepare(folder: Path) -> None:
    folder.mkdir()
    HeadStore.create(folder / "heads.db", TAG)


def main(folder: Path, sabotage: str) -> None:
    fd = os.open(folder / "marks", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    store = HeadStore.open(folder / "heads.db", TAG)
    if sabotage == "off":
        store._connection.pragma("synchronous", 0)
    latest: dict[str, Checkpoint] = {}
    for number in range(1, ROUNDS + 1):
        origin = LOGS[number % len(LOGS)]
        new = head(origin, number)
        if sabotage == "hasty":
            os.write(fd, f"cosigned {origin} {number}\n".encode())
        note = b"a note\n" * (200 * (number % 5))  # some of them take several pages
        if not store.advance(latest.get(origin), new, note, number, TAG):
            raise SystemExit("the store did not advance")
        latest[origin] = new
        if sabotage != "hasty":
            os.write(fd, f"cosigned {origin} {number}\n".encode())
    store.close()


if __name__ == "__main__":
    heads.BUSY_MS = 0  # type: ignore[misc]  # nobody else is there
    main(Path(sys.argv[1]), sys.argv[2])
