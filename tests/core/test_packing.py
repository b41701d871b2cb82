"""Receipts that are packed once for many peers are the envelopes that ``sync.pack`` makes."""

from __future__ import annotations

from unittest import mock

import pytest
from tests.core.world import Net, chaff, kits, message

from tieline.core import sync
from tieline.core.checkpoint import Receipt
from tieline.core.packing import Packing
from tieline.core.sync import Receipts

LINE = chaff("line", 16)


def receipts(count: int) -> list[Receipt]:
    return [
        Receipt(
            log=chaff(f"log {n}", 8), size=n + 1, cosigner=chaff(f"station {n}", 8),
            time_s=1_700_000_000 + n, signature=chaff(f"signature {n}", 64),
        )
        for n in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("count", [1, 23, 24, sync.MAX_RECEIPTS, sync.MAX_RECEIPTS + 1])
def test_the_envelopes_are_those_of_the_format(count: int) -> None:
    packing, some = Packing(LINE), receipts(count)
    for part in (some, some[1:], some[::-1]):
        wanted = [
            sync.pack(Receipts(LINE, tuple(part[start : start + sync.MAX_RECEIPTS])))
            for start in range(0, len(part), sync.MAX_RECEIPTS)
        ]
        assert list(packing.envelopes(part)) == wanted


def test_a_receipt_is_encoded_once_for_all_peers_that_are_told_of_it() -> None:
    net = Net(kits(4))
    net.connect_all()
    net.pass_time(60)
    alpha = net.post("ALPHA")
    net.post("BRAVO").speak(message("who has it is told to all"))
    net.deliver()
    encoded: list[tuple[bytes, bytes, int]] = []
    encode = Receipt.encode

    def noted(self: Receipt) -> bytes:
        encoded.append((self.log, self.cosigner, self.size))
        return encode(self)

    told = {station: dict(peer.told) for station, peer in alpha.line.peers.items()}
    with mock.patch.object(Receipt, "encode", noted):
        taken = alpha.station
        exchange = taken.exchanges[alpha.line.id]
        turns: list[int] = []
        do = exchange._do_gossip

        def counted(*args: object) -> None:
            encoded.clear()
            do(*args)  # type: ignore[arg-type]
            if encoded:
                turns.append(len(encoded) - len(set(encoded)))

        with mock.patch.object(exchange, "_do_gossip", counted):
            net.pass_time(60)
    assert turns
    assert set(turns) == {0}
    assert told != {station: dict(peer.told) for station, peer in alpha.line.peers.items()}
