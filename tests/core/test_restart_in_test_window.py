"""A line test that nobody called is noted once, also by a station that starts in its window."""

from __future__ import annotations

from tests.core.world import START_MS, Net, Post, found, kits

from tieline.core import provisions
from tieline.core.linetest import initiator, slot_at, slot_start_ms
from tieline.core.terms import Kind


def _noted(post: Post) -> int:
    return len(post.statements(Kind.SILENCE))


def test_a_station_restarted_after_it_noted_a_missed_test_does_not_note_it_again() -> None:
    parties = kits(2)
    rules = provisions.Tests(interval_s=3600, window_s=600, answered_by="officer")
    net = Net(parties, found(parties, tests=rules))
    charter = net.signed.charter
    slot = slot_at(START_MS, charter)
    assert slot is not None
    # The next two slots: the caller of one of them is the other party, cut off from the first.
    other = next(
        party for party in parties if party.code == initiator(slot + 1, charter)
    )  # fmt: skip
    post = net.post(next(party.code for party in parties if party is not other))
    net.pass_time((slot_start_ms(slot + 1, charter) - START_MS) / 1000 + 601)
    assert _noted(post) == 1

    net.restart(post)
    net.pass_time(60)

    assert _noted(post) == 1
