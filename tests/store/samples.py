"""Facts for tests of stores, and stores to put them in."""

from __future__ import annotations

from pathlib import Path

from tieline.core.journal import Fact
from tieline.store import wal
from tieline.store.sqlite import SqliteStore

KEY = bytes(range(32))
LINE = b"L" * 16
LOG = b"l" * 8
CANARY = b"WHITE HERON AT THE NORTH PIER"


def fact(
    number: int = 0, *, position: int | None = None, body: bytes = b"", log: bytes = LOG
) -> Fact:
    return Fact(
        kind=2,
        at_ms=1_668_523_200_000 + number,
        line=LINE,
        body=body or b"body %d" % number,
        meta=b"meta",
        log=None if position is None else log,
        position=position,
    )


def make(folder: Path, facts: int = 0) -> Path:
    """A closed store with some facts."""
    path = folder / "store.db"
    store = SqliteStore.create(path, KEY)
    for number in range(facts):
        store.commit([fact(number, position=number)])
    store.close()
    return path


def end_of_log(path: Path) -> int:
    """Where what was written into a store's log ends; behind it stand zeros."""
    found = wal.counted(path)
    assert found is not None
    return 32 + found.frames * (24 + 4_096)
