"""Where two holders of a log that is no chain for both part.

Everything here follows from the ends of branches: whoever holds a statement holds all that it
follows, so what lies below common ground is common. This module knows nothing of peers.
"""

from __future__ import annotations

import heapq

from tieline.core.record import Item, Log, Record
from tieline.core.statement import Statement


def known(record: Record, ours: Log, leaves: tuple[bytes, ...]) -> list[Item]:
    """Those of somebody's leaves of a log that we hold."""
    found = map(record.by_tip, leaves)
    return [item for item in found if item and item.statement.log == ours.id]


def stories_beyond(
    record: Record, ours: Log, leaves: tuple[bytes, ...], shared: int
) -> list[Statement]:
    """What we hold of a log and somebody with these leaves does not, in order of position.

    Walks down from both sides at once and stops where only common ground is left, so the work is
    that of the difference. Leaves that we do not hold say nothing; when we hold none of them, the
    first ``shared`` statements of our main branch count as common.
    """
    theirs = known(record, ours, leaves)
    if not theirs and 0 < shared <= ours.size:
        theirs = [ours.items[shared - 1]]
    common = {item.statement.digest for item in theirs}
    open_ = {leaf for leaf in ours.leaves if leaf not in common}
    if not open_:
        return []
    heapq.heapify(queue := [_from_the_top(record, digest) for digest in common | open_])
    out: list[Statement] = []
    while open_:
        _, digest = heapq.heappop(queue)
        statement = record.by_digest[digest].statement
        before = statement.place.previous
        if digest in open_:
            open_.discard(digest)
            out.append(statement)
            if before is not None and before not in common and before not in open_:
                open_.add(before)
                heapq.heappush(queue, _from_the_top(record, before))
        elif before is not None and before not in common:
            common.add(before)
            if before in open_:
                open_.discard(before)
            else:
                heapq.heappush(queue, _from_the_top(record, before))
    out.reverse()
    return out


def _from_the_top(record: Record, digest: bytes) -> tuple[int, bytes]:
    return -record.by_digest[digest].statement.place.position, digest
