"""What one peer lacks of the record, as far as its window has room.

What is pushed is noted with the peer as under way (``sync.Peer.sent``), and so is not pushed twice
before the peer has spoken.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from tieline.core import sync
from tieline.core.record import Item, Record
from tieline.core.statement import MAX_STATEMENT_BYTES, Statement
from tieline.core.sync import Peer


def lacking(record: Record, peer: Peer, own: bytes, relayable: dict[bytes, int]) -> list[Statement]:
    """The next statements to push to a peer, within the window; marks them as sent.

    ``relayable`` says how far each foreign log may be relayed by now. Returns an empty list when
    the peer lacks nothing, or its window is full.
    """
    if not peer.extra and sync.extent(record).single.items() <= peer.theirs.items():
        return []  # it holds all that we do; logs with two stories are told in ``extra`` alone
    room = sync.WINDOW - peer.outstanding() - peer.loose
    if peer.stalled or room <= 0:
        return []
    out: list[Statement] = []
    budget = sync.MAX_PUSH_BYTES
    while peer.extra and budget > 0 and len(out) < min(room, sync.MAX_PUSH_STATEMENTS):
        statement = peer.extra.popleft()
        budget -= len(statement.raw)
        out.append(statement)
    peer.loose += len(out)
    for item in heapq.merge(*_behind(record, peer, own, relayable)):
        budget -= len(item.statement.raw)
        if out and (budget < 0 or len(out) >= min(room, sync.MAX_PUSH_STATEMENTS)):
            break
        out.append(item.statement)
        peer.sent[item.statement.log] = item.statement.place.position + 1
    return out


def is_full(raws: tuple[bytes, ...]) -> bool:
    """Whether a push of what ``lacking`` gave may have left something for the next one."""
    room = sync.MAX_PUSH_BYTES - MAX_STATEMENT_BYTES
    return len(raws) >= sync.MAX_PUSH_STATEMENTS or sum(len(raw) for raw in raws) > room


def _behind(
    record: Record, peer: Peer, own: bytes, relayable: dict[bytes, int]
) -> list[Iterable[Item]]:
    out: list[Iterable[Item]] = []
    for name, log in record.logs.items():
        start = peer.position(name)
        if start >= log.size or log.forks or name in peer.apart:
            continue
        stop = log.size if log.station == own or peer.fresh else relayable.get(name, 0)
        if start < stop:
            out.append(log.items[start : min(stop, start + sync.MAX_PUSH_STATEMENTS)])
    return out
