"""The tables of the database file and the way from each version of them to the next.

A version is a number in the file's ``user_version`` and a row in its ``migration`` table; the two
change in the one transaction that changes the tables. A file from a newer program is refused and
left as it is: guessing at its meaning could lose what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from tieline.core.errors import ShellError

APPLICATION_ID = 0x5469654C  # "TieL", so that file(1) and people can tell whose file this is


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step: the version it leads to, what it is for, and the statements that do it."""

    version: int
    name: str
    statements: tuple[str, ...]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        version=1,
        name="the journal",
        statements=(
            f"PRAGMA application_id = {APPLICATION_ID}",
            "CREATE TABLE migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT",
            "CREATE TABLE fact (seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
            " at_ms INTEGER NOT NULL, line BLOB NOT NULL, body BLOB NOT NULL, meta BLOB NOT NULL,"
            " log BLOB, position INTEGER, CHECK ((log IS NULL) = (position IS NULL))) STRICT",
            "CREATE UNIQUE INDEX fact_place ON fact (line, log, position) WHERE log IS NOT NULL",
        ),
    ),
)


def version(connection: apsw.Connection) -> int:
    """The version of an open file's tables; 0 for a file without any."""
    found = connection.pragma("user_version")
    return found if isinstance(found, int) else 0


def migrate(
    connection: apsw.Connection, path: str, steps: Sequence[Migration] = MIGRATIONS
) -> tuple[int, ...]:
    """Bring the tables to the newest version and say which versions were gone through.

    Each step is one transaction: a crash leaves the version before it or the one after it.
    Raises ``ShellError`` (``store.newer``) when the file is from a newer program, and lets the
    database's own errors pass.
    """
    refuse_newer(connection, path, steps)
    done: list[int] = []
    for step in steps:
        if step.version <= version(connection):
            continue
        connection.execute("BEGIN IMMEDIATE")
        for statement in step.statements:
            connection.execute(statement)
        connection.execute("INSERT INTO migration VALUES (?, ?)", (step.version, step.name))
        connection.execute(f"PRAGMA user_version = {step.version}")
        connection.execute("COMMIT")
        done.append(step.version)
    return tuple(done)


def refuse_newer(
    connection: apsw.Connection, path: str, steps: Sequence[Migration] = MIGRATIONS
) -> None:
    """Raise ``ShellError`` (``store.newer``) when this program is too old for the file."""
    found, known = version(connection), steps[-1].version
    if found > known:
        raise ShellError(
            "store.newer",
            f"the store {path} has version {found} and this program knows versions up to {known}; "
            "use the newer program, the file was not changed",
        )
