"""What a peer may have twice, and how often: what it asks for again, and what it is asked for.

Both sides of an exchange lose things, and some of those who say so do not: whoever says again and
again that it holds nothing, or asks for all that it was told, has it again once in a while only.
This module reads no clock: callers give it the time.
"""

from __future__ import annotations

from tieline.core.record import Record
from tieline.core.sync import Have, Peer, note_have


def lately(at_ms: int | None, now_ms: int, pace_ms: int) -> bool:
    """Whether a peer has had its way so lately that it must wait now.

    What it is given it then has by the retry clock, more and more slowly; what it is told, with a
    beacon.
    """
    return at_ms is not None and now_ms - at_ms < pace_ms


def take_have(record: Record, peer: Peer, have: Have, now_ms: int, pace_ms: int) -> None:
    """Take a peer's HAVE, and note when it is given again what it had."""
    if note_have(record, peer, have, patient=lately(peer.given_at, now_ms, pace_ms)):
        peer.given_at = now_ms


def lose_sent(peer: Peer) -> None:
    """A peer has lost what it was sent: nothing is under way any more, and what waits still is."""
    waiting = tuple(peer.extra)
    peer.forget_sent()
    for statement in waiting:
        peer.offer(statement)


def misses(record: Record, peer: Peer, own: bytes, covered: int, have: Have) -> bool:
    """Whether to ask a peer for receipts: what it named as held in an earlier full HAVE has none.

    ``covered``: how far its receipts of our log go. Asked 1, 2, 4, ... HAVEs after that one.
    """
    log = record.logs.get(own)
    if log is None or log.forks or own in peer.apart or not have.covers(own):
        return False
    if covered >= peer.awaited:
        peer.awaited, peer.waits = min(log.size, peer.theirs.get(own, 0)), 0
    else:
        peer.waits += 1
    return peer.waits > 0 and peer.waits & (peer.waits - 1) == 0
