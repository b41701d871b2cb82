"""The cut: a version of the charter ends logs, and what is held of them beyond leaves the record.

It stays beside its log, as a second story does: to be read, and named by those who had read it. In
no tree, and of no effect. The store keeps what it kept; a station that starts again comes by the
same facts in the same order to the same cut.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import replace

from tieline.core.log import Item, Log
from tieline.core.provisions import LogEnd
from tieline.core.record import Record
from tieline.core.statement import Statement


def end_logs(
    record: Record,
    version: int,
    stations: Iterable[bytes],
    ends: Iterable[LogEnd],
    before: Callable[[bytes], object],
) -> tuple[Statement, ...]:
    """End the keys of these stations with a version, and their logs where it says.

    Returns what was held beyond, which is late now. ``before`` is called with the digest of each
    while it still has its place.
    """
    ended = frozenset(stations)
    record.closings.add(version, ended, ends)
    out: list[Statement] = []
    for name in sorted(record.logs):
        log = record.logs[name]
        keep = _kept(record, log) if log.station in ended else log.size
        if keep < log.size:
            for position in range(keep, log.size):
                before(log.digest(position))
            out.extend(_retire(record, log, keep))
    return tuple(out)


def _kept(record: Record, log: Log) -> int:
    first = log.items[0].statement.place.charter if log.size else 0
    return record.closings.kept(log.station, log.id, log.size, first)


def _retire(record: Record, log: Log, keep: int) -> list[Statement]:
    """Take the statements of a log from ``keep`` on out of it and keep them beside it."""
    refs = [record.find(log.digest(position)) for position in range(keep, log.size)]
    gone = log.cut(keep)
    record.restore_index(log, [])
    for digest in [digest for digest, at in log.read_forks.items() if at >= keep]:
        del log.read_forks[digest]
    for positions, sizes in log.seen.values():
        at = bisect_left(positions, keep)
        del positions[at:], sizes[at:]
    moved: dict[int | None, int] = {}
    for ref, item in zip(refs, gone, strict=True):
        beside = replace(item, second_story=True)
        log.forks[item.statement.digest] = beside
        log.heirs.setdefault(item.statement.place.previous or b"", beside)
        moved[ref] = record.tell(beside)
    for place, ref in enumerate(record.refs):
        if ref in moved:
            record.refs[place] = moved[ref]
            record.moved = min(record.moved, place)
    for other in record.logs.values():
        _reread(other, log.id, gone, keep)
    return [item.statement for item in gone]


def _reread(reader: Log, log: bytes, gone: list[Item], keep: int) -> None:
    """What an author had read of a log beyond ``keep``, it has read beside the log."""
    read = reader.seen.get(log)
    if read is None or not read[1] or read[1][-1] <= keep:
        return
    positions, sizes = read
    for item in gone:
        at = bisect_right(sizes, item.statement.place.position)
        if at < len(sizes):
            reader.read_forks.setdefault(item.statement.digest, positions[at])
    reader.seen[log] = positions, array(sizes.typecode, (min(size, keep) for size in sizes))
