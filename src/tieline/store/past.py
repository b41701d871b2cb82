"""The settled past in tables beside the journal, in the same encrypted file.

The journal alone is the truth. These tables hold what was folded of it up to one entry, bound to
that entry by the value of the chain there: tables that are of another journal, or of one that was
cut off before that entry, are not given out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, cast

import apsw

from tieline.core.checkpoint import Receipt
from tieline.core.errors import TielineError
from tieline.core.journal import Fact
from tieline.core.shelf import Bookmark, Settlement
from tieline.core.tally import Tally
from tieline.ports import Kept
from tieline.store import schema

_NAMES: Final = (
    "kept",
    "kept_line",
    "kept_chunk",
    "kept_tally",
    "kept_receipt",
    "kept_act",
    "kept_bookmark",
)
_CHUNKS: Final = 64  # of an array that are in memory twice while it is read
Rows = Sequence[tuple[object, ...]]


_READ: Final[tuple[tuple[str, Callable[[bytes], object]], ...]] = (
    ("kept_tally", Tally.decode),
    ("kept_receipt", Receipt.decode),
)


def check_kept(db: apsw.Connection) -> list[str]:
    """What does not read of what is fetched one by one, a sentence for each table."""
    out = []
    for name, read in _READ:
        count = 0
        for (body,) in db.execute(f"SELECT body FROM {name}"):  # noqa: S608 - a fixed list
            try:
                read(cast("bytes", body))
            except TielineError:
                count += 1
        if count:
            out.append(
                f"{count} rows of {name} do not read: stop the station and start it again; it reads"
                " the whole journal where it comes upon them, and makes them anew"
            )
    return out


class SqlitePast:
    """A ``ports.Past`` in the tables of a store.

    ``fetch`` asks the database and ``write`` runs a transaction, both with the store's own answers
    to what goes wrong; ``link_at`` is the chain at an entry.
    """

    def __init__(
        self,
        fetch: Callable[[str, tuple[int | bytes | str, ...]], Rows],
        write: Callable[[Callable[[apsw.Connection], None]], None],
        link_at: Callable[[int], bytes],
    ) -> None:
        self._fetch, self._write, self._link_at = fetch, write, link_at

    def _one(self, query: str, values: tuple[int | bytes | str, ...]) -> bytes | None:
        rows = self._fetch(query, values)
        return cast("bytes", rows[0][0]) if rows else None

    def statements(
        self, line: bytes, log: bytes, start: int, stop: int
    ) -> list[tuple[int, bytes, bytes]]:
        """See ``core.shelf.Archive``."""
        rows = self._fetch(
            "SELECT at_ms, body, meta FROM fact WHERE line = ? AND log = ? AND position >= ?"
            " AND position < ? ORDER BY position",
            (line, log, start, stop),
        )
        return cast("list[tuple[int, bytes, bytes]]", list(rows))

    def tally(self, line: bytes, log: bytes, position: int) -> bytes | None:
        """See ``core.shelf.Archive``."""
        query = "SELECT body FROM kept_tally WHERE line = ? AND log = ? AND position = ?"
        return self._one(query, (line, log, position))

    def receipt(self, line: bytes, log: bytes, cosigner: bytes, position: int) -> bytes | None:
        """See ``core.shelf.Archive``."""
        query = (
            "SELECT body FROM kept_receipt WHERE line = ? AND log = ? AND cosigner = ?"
            " AND size > ? ORDER BY size LIMIT 1"
        )
        return self._one(query, (line, log, cosigner, position))

    def act(self, line: bytes, key: str) -> bytes | None:
        """See ``core.shelf.Archive``."""
        return self._one("SELECT digest FROM kept_act WHERE line = ? AND name = ?", (line, key))

    def acts(self, line: bytes) -> list[tuple[str, bytes]]:
        """See ``core.shelf.Archive``."""
        rows = self._fetch("SELECT name, digest FROM kept_act WHERE line = ?", (line,))
        return cast("list[tuple[str, bytes]]", list(rows))

    def kept(self) -> Kept | None:
        """See ``ports.Past``."""
        rows = self._fetch("SELECT seq, chain, body FROM kept", ())
        if not rows:
            return None
        seq, link, body = cast("tuple[int, bytes, bytes]", rows[0])
        if not link or self._link_at(seq) != link:
            return None
        states = self._fetch("SELECT line, state FROM kept_line", ())
        return Kept(seq=seq, body=body, states=dict(cast("list[tuple[bytes, bytes]]", states)))

    def chunks(self, line: bytes) -> Iterator[tuple[str, bytes]]:
        """See ``ports.Past``."""
        return self._in_chunks("kept_chunk", line)

    def bookmark(self, line: bytes) -> Iterator[tuple[str, bytes]]:
        """See ``ports.Past``."""
        return self._in_chunks("kept_bookmark", line)

    def _in_chunks(self, table: str, line: bytes) -> Iterator[tuple[str, bytes]]:
        query = (
            f"SELECT number, body FROM {table} WHERE line = ? AND name = ? AND number >= ?"  # noqa: S608
            " ORDER BY number LIMIT ?"
        )
        names = self._fetch(f"SELECT DISTINCT name FROM {table} WHERE line = ?", (line,))  # noqa: S608
        for name in sorted(cast("str", row[0]) for row in names):
            after = 0
            while rows := self._fetch(query, (line, name, after, _CHUNKS)):
                for number, body in cast("list[tuple[int, bytes]]", rows):
                    after = number + 1
                    yield name, body

    def fact(self, seq: int) -> Fact | None:
        """See ``ports.Past``."""
        query = f"SELECT {schema.COLUMNS} FROM fact WHERE seq = ?"  # noqa: S608
        rows = self._fetch(query, (seq,))
        return schema.read_row(rows[0]).fact if rows else None

    def number(self, line: bytes, log: bytes, position: int) -> int:
        """See ``ports.Past``."""
        rows = self._fetch(
            "SELECT seq FROM fact WHERE line = ? AND log = ? AND position = ?",
            (line, log, position),
        )
        return cast("int", rows[0][0]) if rows else 0

    def keep(
        self,
        seq: int,
        body: bytes,
        settlements: Sequence[Settlement],
        bookmarks: Sequence[Bookmark] = (),
    ) -> None:
        """See ``ports.Past``."""
        link = self._link_at(seq)

        def write(db: apsw.Connection) -> None:
            for each in settlements:
                line = each.line
                db.execute("INSERT OR REPLACE INTO kept_line VALUES (?, ?)", (line, each.state))
                if each.anew:
                    db.execute("DELETE FROM kept_chunk WHERE line = ?", (line,))
                db.executemany(
                    "INSERT OR REPLACE INTO kept_chunk VALUES (?, ?, ?, ?)",
                    ((line, *chunk) for chunk in each.chunks),
                )
                db.executemany(
                    "INSERT OR REPLACE INTO kept_tally VALUES (?, ?, ?, ?)",
                    ((line, *tally) for tally in sorted(each.tallies)),
                )
                db.executemany(
                    "INSERT OR REPLACE INTO kept_receipt VALUES (?, ?, ?, ?, ?)",
                    ((line, *receipt) for receipt in sorted(each.receipts)),
                )
                db.executemany(
                    "INSERT OR REPLACE INTO kept_act VALUES (?, ?, ?)",
                    ((line, *act) for act in sorted(each.acts)),
                )
            for mark in bookmarks:
                if mark.anew:
                    db.execute("DELETE FROM kept_bookmark WHERE line = ?", (mark.line,))
                db.executemany(
                    "INSERT OR REPLACE INTO kept_bookmark VALUES (?, ?, ?, ?)",
                    ((mark.line, *chunk) for chunk in mark.chunks),
                )
            db.execute("INSERT OR REPLACE INTO kept VALUES (1, ?, ?, ?)", (seq, link, body))

        self._write(write)

    def drop(self) -> None:
        """See ``ports.Past``."""

        def write(db: apsw.Connection) -> None:
            for name in _NAMES:
                db.execute(f"DELETE FROM {name}")  # noqa: S608 - a fixed list

        self._write(write)
