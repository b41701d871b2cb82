"""The audit of a whole store: its medium, then everything that it claims.

It is made by ranges on all cores (``tieline.node.auditrun``). Of a short journal with problems all
of them are listed, by replaying it through the record (``tieline.node.auditreplay``); of a long one
those up to the first statement or charter that is wrong, so that the memory stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from tieline.core.errors import ShellError
from tieline.core.journal import Fact
from tieline.node import auditrun
from tieline.node.auditreplay import Audit
from tieline.node.auditrun import Medium, Ranges
from tieline.node.auditwork import Range, StoreRange, close
from tieline.node.view import Json
from tieline.ports import Store
from tieline.store.schema import read_row
from tieline.store.sqlite import SqliteStore, check_pages


def audit_store(store: Store, own: bytes, realm: str) -> dict[str, Json]:
    """Audit a store through the record, its medium first, and return the report."""
    return _replay(store.facts(), own, realm, store.damage())


def audit_file(
    path: Path, key: bytes, last: int, own: bytes, realm: str, damage: list[str]
) -> dict[str, Json]:
    """Audit a store's file up to an entry, on all cores, and return the report.

    ``damage`` is what is known to be wrong with it. The pages of the file are all read besides.
    Whoever has the store open is not touched, so this may run on a thread beside a station.
    """
    ranges, workers = store_ranges(path, key, last), workers_for(last)
    return audit_ranges(
        ranges, own, realm, damage, workers=workers, medium=partial(check_pages, path, key)
    )


def audit_ranges(
    ranges: Ranges,
    own: bytes,
    realm: str,
    damage: list[str],
    *,
    workers: int,
    medium: Medium | None = None,
) -> dict[str, Json]:
    """As ``audit_file``, of ranges that ``workers`` processes can read by themselves."""
    verdict = auditrun.run(ranges, own, realm, workers=workers, medium=medium)
    verdict.damage[:0] = damage
    if verdict.ok or verdict.damage or not _is_short(ranges):
        return verdict.report()
    try:
        report = _replay(_facts(ranges), own, realm, [])
    finally:
        close()
    return verdict.report() if report["ok"] else report


def _is_short(ranges: Ranges) -> bool:
    return all(part.last <= auditrun.SMALL for part in ranges())


def _facts(ranges: Ranges) -> Iterator[tuple[int, Fact]]:
    for part in ranges():
        for row in map(read_row, part.rows()):
            yield row.seq, row.fact


def _replay(
    facts: Iterator[tuple[int, Fact]], own: bytes, realm: str, damage: list[str]
) -> dict[str, Json]:
    """Through the record, statement by statement."""
    audit = Audit(own, realm)
    audit.problems.extend(damage)
    try:
        for seq, fact in facts:
            audit.fact(seq, fact)
    except ShellError as error:
        audit.problems.append(error.message)
    return audit.report()


def read_beside(store: Store) -> AbstractContextManager[None]:
    """While others read a station's own store: it keeps its file as they find it."""
    return store.read_beside() if isinstance(store, SqliteStore) else nullcontext()


def store_ranges(path: Path, key: bytes, last: int) -> Ranges:
    """The ranges of a store's file up to an entry of its journal."""

    def deal() -> Iterator[Range]:
        for first in range(1, last + 1, auditrun.RANGE):
            yield StoreRange(path, key, first, min(first + auditrun.RANGE - 1, last))

    return deal


def workers_for(last: int) -> int:
    """How many processes a journal of so many entries is worth; 0: none besides this one."""
    return 0 if last <= auditrun.SMALL else auditrun.cores()
