"""What the store's promises cost: commits to the encrypted file against a plain one.

``bench/store.py [--json]`` commits journal entries of the size of a short statement, one at a time
(latency) and 64 to a commit (rate), to three files on the same disk, in turns, so that a busy
machine is busy for all of them (``cpu_us`` is the processor's time for one single commit):

* ``plain``: SQLite with the same settings and table, neither encrypted nor chained;
* ``encrypted``: the same with the page cipher;
* ``store``: the store as it ships, with cipher, chain and its own checkpoints.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw

from tieline.core.journal import Fact
from tieline.store.sqlite import SqliteStore

BODY_BYTES = 330
ROUNDS = 5
SINGLES = 300
BURSTS = 20
BURST = 64
OPENINGS = 15
_TABLE = (
    "CREATE TABLE fact (seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " line BLOB NOT NULL, body BLOB NOT NULL, meta BLOB NOT NULL, log BLOB, position INTEGER)"
    " STRICT"
)
_INDEX = "CREATE UNIQUE INDEX fact_place ON fact (line, log, position) WHERE log IS NOT NULL"
_INSERT = "INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
Commit = Callable[[Sequence[Fact]], object]


def connect(path: Path, key: bytes) -> apsw.Connection:
    """SQLite as the store sets it, with or without a key."""
    connection = apsw.Connection(str(path))
    if key:
        connection.pragma("cipher", "chacha20")
        connection.pragma("key", f"raw:{key.hex()}")
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", 2)
    return connection


def bare(path: Path, key: bytes) -> Commit:
    """Commits without the store around them."""
    connection = connect(path, key)
    connection.execute(_TABLE)
    connection.execute(_INDEX)
    count = 0

    def commit(facts: Sequence[Fact]) -> int:
        nonlocal count
        rows = [
            (count + n, f.kind, f.at_ms, f.line, f.body, f.meta, f.log, f.position)
            for n, f in enumerate(facts, 1)
        ]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_INSERT, rows)
        connection.execute("COMMIT")
        count += len(rows)
        return count

    return commit


class Facts:
    """Journal entries like those of a line, each once."""

    def __init__(self) -> None:
        self._made = 0

    def some(self, count: int) -> list[Fact]:
        first, self._made = self._made, self._made + count
        return [
            Fact(
                kind=2,
                at_ms=1_668_523_200_000 + n,
                line=b"L" * 16,
                body=os.urandom(BODY_BYTES),
                meta=b"m" * 20,
                log=b"l" * 8,
                position=n,
            )
            for n in range(first, first + count)
        ]


def measure(folder: Path) -> dict[str, dict[str, float]]:
    """Latency and rate of each, the median of its rounds."""
    key = os.urandom(32)
    ways: dict[str, Commit] = {
        "plain": bare(folder / "plain.db", b""),
        "encrypted": bare(folder / "encrypted.db", key),
        "store": SqliteStore.create(folder / "store.db", key).commit,
    }
    facts = {name: Facts() for name in ways}
    took: dict[str, list[float]] = {name: [] for name in ways}
    busy: dict[str, list[float]] = {name: [] for name in ways}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, commit in ways.items():
            entries = facts[name].some(SINGLES)
            cpu = time.process_time()
            for entry in entries:
                begun = time.perf_counter()
                commit([entry])
                took[name].append(time.perf_counter() - begun)
            busy[name].append((time.process_time() - cpu) / SINGLES)
            bursts = [facts[name].some(BURST) for _ in range(BURSTS)]
            begun = time.perf_counter()
            for burst in bursts:
                commit(burst)
            rates[name].append(BURST * BURSTS / (time.perf_counter() - begun))
    return {
        name: {
            "commit_p50_us": round(statistics.median(took[name]) * 1e6, 1),
            "commit_p99_us": round(statistics.quantiles(took[name], n=100)[98] * 1e6, 1),
            "cpu_us": round(statistics.median(busy[name]) * 1e6, 1),
            "entries_per_s": round(statistics.median(rates[name])),
        }
        for name in ways
    }


def openings(folder: Path) -> dict[str, float]:
    """Milliseconds to open a store and read its head: with a raw key, and with a hashed one."""
    path, key = folder / "open.db", os.urandom(32)
    SqliteStore.create(path, key).close()
    hashed = folder / "hashed.db"

    def by_hash() -> None:
        connection = apsw.Connection(str(hashed))
        connection.pragma("cipher", "chacha20")
        connection.pragma("hexkey", key.hex())
        connection.execute("CREATE TABLE IF NOT EXISTS t (a)")
        connection.close()

    def median_ms(act: Callable[[], None]) -> float:
        times: list[float] = []
        for _ in range(OPENINGS):
            begun = time.perf_counter()
            act()
            times.append(time.perf_counter() - begun)
        return round(statistics.median(times) * 1e3, 2)

    return {
        "store_open_ms": median_ms(lambda: SqliteStore.open(path, key).close()),
        "hashed_key_open_ms": median_ms(by_hash),
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to measure")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        found = measure(Path(name))
        opened = openings(Path(name))
    if args.json:
        print(json.dumps({"commits": found, "openings": opened}))
        return
    for way, figures in found.items():
        print(f"{way:<10}", "  ".join(f"{key} {value:>9}" for key, value in figures.items()))
    print("  ".join(f"{key} {value}" for key, value in opened.items()))


if __name__ == "__main__":
    main()
