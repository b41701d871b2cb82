"""Reading a store's journal in ranges, from any number of processes beside the one that holds it.

A reader takes no lock and writes nothing. Its owner (an audit) holds the store, or asks a station
that does; the readers see what was committed when they ask. Each range is checked against the chain
that is stored at its two ends, so ranges that join are the journal as it was written.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import apsw

from tieline.core.errors import ShellError
from tieline.store import chain, schema
from tieline.store.opening import for_reading
from tieline.store.sqlite import PATIENCE_MS, damaged

_RANGE: Final = f"SELECT {schema.COLUMNS} FROM fact WHERE seq >= ? AND seq <= ? ORDER BY seq"  # noqa: S608


class Reader:
    """An open store, for reading ranges only."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Open it. Raises ``LocalError`` (``store.key``), ``ShellError`` (``store.damaged``)."""
        self._path = path
        try:
            self._connection = for_reading(path, key, PATIENCE_MS)
        except apsw.Error as error:
            raise damaged(path, f"it does not open ({error})") from error

    def facts(self, first: int, last: int) -> list[tuple[object, ...]]:
        """The entries of a range as rows of ``schema.COLUMNS``, with their chain checked.

        Raises ``ShellError`` (``store.damaged``).
        """
        rows = self._fetch(_RANGE, (first, last))
        link = chain.START if first == 1 else self._link_at(first - 1)
        link_row = chain.link_row
        seq = first - 1
        try:
            for seq, row in enumerate(rows, first):
                link = link_row(link, row)
                if row[0] != seq or row[8] != link:
                    raise self._wrong(seq)
        except (TypeError, ValueError, struct.error):
            raise self._wrong(seq) from None
        if len(rows) != last - first + 1:
            raise damaged(self._path, f"entry {first + len(rows)} of the journal is missing")
        return list(rows)

    def statements(self, line: bytes, log: bytes, start: int, stop: int) -> list[bytes]:
        """The bodies of positions ``start`` to ``stop`` (exclusive) of one log."""
        rows = self._fetch(
            "SELECT body FROM fact WHERE line = ? AND log = ? AND position >= ? AND position < ?"
            " ORDER BY position",
            (line, log, start, stop),
        )
        return [row[0] for row in rows if isinstance(row[0], bytes)]

    def statement(self, line: bytes, log: bytes, position: int) -> tuple[int, bytes] | None:
        """The entry and the body of one position of a log; None when it is not there."""
        found = self._fetch(
            "SELECT seq, body FROM fact WHERE line = ? AND log = ? AND position = ?",
            (line, log, position),
        )
        for row in found:
            if isinstance(row[0], int) and isinstance(row[1], bytes):
                return row[0], row[1]
        return None

    def close(self) -> None:
        """A second time does nothing."""
        self._connection.close()

    def _wrong(self, seq: int) -> ShellError:
        return damaged(
            self._path, f"entry {seq} of the journal is not what was written after entry {seq - 1}"
        )

    def _link_at(self, seq: int) -> bytes:
        rows = self._fetch("SELECT chain FROM fact WHERE seq = ?", (seq,))
        if len(rows) == 1 and isinstance(rows[0][0], bytes):
            return rows[0][0]
        raise damaged(self._path, f"entry {seq} of the journal is missing")

    def _fetch(
        self, query: str, values: tuple[int | bytes, ...]
    ) -> Sequence[tuple[object, ...]]:  # fmt: skip
        try:
            found: Sequence[tuple[object, ...]] = self._connection.execute(query, values).fetchall()
        except apsw.Error as error:
            raise damaged(self._path, f"a page does not read ({error})") from error
        return found
