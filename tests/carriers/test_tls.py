"""Sessions between stations over real loopback sockets."""

from __future__ import annotations

import pytest
from tests.carriers.stations import LOOPS, World, introduce, joined, run


@pytest.mark.parametrize("loop", LOOPS)
def test_envelopes_go_both_ways(loop: str) -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            bravo = await world.station("BRAVO")
            introduce(alpha, bravo)
            await joined(alpha, bravo)
            sent = [bytes([n]) * (1 + n * 400) for n in range(50)]
            for envelope in sent:
                assert alpha.carrier.send(bravo.id, envelope)
                assert bravo.carrier.send(alpha.id, envelope)
            await alpha.events.until(lambda: len(alpha.events.envelopes) == 50)
            await bravo.events.until(lambda: len(bravo.events.envelopes) == 50)
            assert bravo.events.heard_from(alpha.id) == sent
            assert alpha.events.heard_from(bravo.id) == sent

    run(test(), loop)
