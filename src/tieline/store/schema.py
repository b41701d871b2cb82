"""The tables of the database file and the way from each version of them to the next.

A version is a number in the file's ``user_version`` and a row in its ``migration`` table; the two
change in the one transaction that changes the tables. A file from a newer program is refused and
left as it is: guessing at its meaning could lose what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import apsw

from tieline.core.errors import ShellError
from tieline.core.journal import Fact
from tieline.store import chain

APPLICATION_ID = 0x5469654C  # "TieL", so that file(1) and people can tell whose file this is
COLUMNS = "seq, kind, at_ms, line, body, meta, log, position, chain"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the ``fact`` table."""

    seq: int
    fact: Fact
    chain: bytes


def read_row(values: Sequence[object]) -> Row:
    """A row from the values of ``COLUMNS``.

    Raises ``ShellError`` (``store.damaged``) when a value is of another type than the tables allow.
    """
    match tuple(values):
        case (
            int(seq), int(kind), int(at_ms), bytes(line), bytes(body), bytes(meta),
            bytes() | None as log, int() | None as position, bytes(link),
        ):  # fmt: skip
            return Row(
                seq,
                Fact(
                    kind=kind,
                    at_ms=at_ms,
                    line=line,
                    body=body,
                    meta=meta,
                    log=log,
                    position=position,
                ),
                link,
            )
    raise ShellError(
        "store.damaged",
        f"journal entry {values[0]!r} does not have the form of an entry; restore the last backup"
        " into a new home, or make a new station of the party; the others give back the record"
        " (docs/operations.md, Backup)",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step to a newer version: what it is for, its statements, and what they compute."""

    version: int
    name: str
    statements: tuple[str, ...]
    fill: Callable[[apsw.Connection], None] | None = None


def _fill_chain(connection: apsw.Connection) -> None:
    """Chain the entries of a journal that was written without a chain."""
    link = chain.START
    rows = connection.execute(f"SELECT {COLUMNS} FROM fact ORDER BY seq").fetchall()  # noqa: S608
    for values in rows:
        row = read_row(values)
        link = chain.link(link, row.seq, row.fact)
        connection.execute("UPDATE fact SET chain = ? WHERE seq = ?", (link, row.seq))


_PAST = (
    (
        "CREATE TABLE kept (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL,"
        " chain BLOB NOT NULL, body BLOB NOT NULL) STRICT"
    ),
    "CREATE TABLE kept_line (line BLOB PRIMARY KEY, state BLOB NOT NULL) STRICT",
    (
        "CREATE TABLE kept_chunk (line BLOB NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL,"
        " body BLOB NOT NULL, UNIQUE (line, name, number)) STRICT"
    ),
    (
        "CREATE TABLE kept_tally (line BLOB NOT NULL, log BLOB NOT NULL, position INTEGER NOT NULL,"
        " body BLOB NOT NULL, PRIMARY KEY (line, log, position)) STRICT, WITHOUT ROWID"
    ),
    (
        "CREATE TABLE kept_receipt (line BLOB NOT NULL, log BLOB NOT NULL, cosigner BLOB NOT NULL,"
        " size INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (line, log, cosigner, size))"
        " STRICT, WITHOUT ROWID"
    ),
    (
        "CREATE TABLE kept_act (line BLOB NOT NULL, name TEXT NOT NULL, digest BLOB NOT NULL,"
        " PRIMARY KEY (line, name)) STRICT, WITHOUT ROWID"
    ),
)

_BOOKMARK = (
    (
        "CREATE TABLE kept_bookmark (line BLOB NOT NULL, name TEXT NOT NULL,"
        " number INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (line, name, number)) STRICT"
    ),
)

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        version=1,
        name="the journal",
        statements=(
            f"PRAGMA application_id = {APPLICATION_ID}",
            "CREATE TABLE migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT",
            (
                "CREATE TABLE fact (seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
                " at_ms INTEGER NOT NULL, line BLOB NOT NULL, body BLOB NOT NULL,"
                " meta BLOB NOT NULL, log BLOB, position INTEGER,"
                " CHECK ((log IS NULL) = (position IS NULL))) STRICT"
            ),
            "CREATE UNIQUE INDEX fact_place ON fact (line, log, position) WHERE log IS NOT NULL",
        ),
    ),
    Migration(
        version=2,
        name="the chain over the journal",
        statements=("ALTER TABLE fact ADD COLUMN chain BLOB NOT NULL DEFAULT x''",),
        fill=_fill_chain,
    ),
    Migration(version=3, name="what is settled of the past", statements=_PAST),
    Migration(version=4, name="how far the record is read for incidents", statements=_BOOKMARK),
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
        if step.fill is not None:
            step.fill(connection)
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
