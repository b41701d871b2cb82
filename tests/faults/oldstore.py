"""Stores of the first format, made of those of the newest."""

from __future__ import annotations

from pathlib import Path

import apsw

from tieline.store.sqlite import SqliteStore


def older(path: Path, key: bytes) -> list[tuple[object, ...]]:
    """Make a store one of the first format; its entries."""
    SqliteStore.open(path, key).close()
    connection = _connection(path, key)
    tables = connection.execute("SELECT name FROM sqlite_master WHERE name GLOB 'kept*'")
    for (name,) in tables.fetchall():
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone():
            connection.execute(f"DROP TABLE {name}")
    connection.execute("ALTER TABLE fact DROP COLUMN chain")
    connection.execute("DELETE FROM migration WHERE version > 1")
    connection.pragma("user_version", 1)
    connection.execute("VACUUM")
    connection.close()
    return entries(path, key)


def _connection(path: Path, key: bytes) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.pragma("cipher", "chacha20")
    connection.pragma("key", f"raw:{key.hex()}")
    return connection


def entries(path: Path, key: bytes) -> list[tuple[object, ...]]:
    connection = _connection(path, key)
    try:
        rows = connection.execute(
            "SELECT seq, kind, at_ms, line, body, meta FROM fact ORDER BY seq"
        )
        return [*rows.fetchall(), (connection.pragma("user_version"),)]
    finally:
        connection.close()
