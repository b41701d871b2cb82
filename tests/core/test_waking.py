"""No station asks to be woken for what waking cannot change."""

from __future__ import annotations

import pytest
from tests.core.world import START_MS, Net, found, kits, message, sign_all

from tieline.core.provisions import Intervals
from tieline.core.statement import Body, Content
from tieline.core.succession import amend
from tieline.core.terms import Kind, LineState, Role

SUSPENSION = Content(kind=Kind.SUSPEND, body=Body(cause="by order"), role=Role.TREATY_OFFICER)


@pytest.mark.parametrize("suspended", [True, False])
def test_a_silent_peer_wakes_a_station_once(*, suspended: bool) -> None:
    net = Net(kits(2))
    net.connect_all()
    alpha, bravo = net
    alpha.speak(SUSPENSION if suspended else message())
    net.deliver()
    net.deaf = alpha.who.id  # the session stands, and nothing comes from it
    silence = alpha.line.silence_ms // 1000
    for _ in range(4):
        net.pass_time(silence)
        wanted = alpha.station.wakeup(net.now())
        assert wanted.real_ms is not None
        assert wanted.real_ms > net.now().real_ms
    state = alpha.line.links[bravo.who.id].state
    assert state is (LineState.SUSPENDED if suspended else LineState.SILENT)
    assert net.now().wall_ms > START_MS


@pytest.mark.parametrize("leaves", [False, True])
def test_who_has_left_signs_no_head_any_more(*, leaves: bool) -> None:
    net = Net(kits(3), found(kits(3), intervals=Intervals(checkpoint_s=60)))
    net.connect_all()
    net.pass_time(100)
    charlie = net.post("CHARLIE")
    charlie.speak(message("the last word"))
    net.deliver()
    change = {"leave": ["CHARLIE"]} if leaves else {"name": "ANOTHER"}
    second = sign_all(amend(net.signed.charter, **change), kits(3))
    for post in net:
        post.install(second)
    net.deliver()
    log = charlie.line.own_log
    signed = charlie.line.notes[log].latest()
    net.pass_time(200)
    assert charlie.line.member is not leaves
    assert (charlie.line.notes[log].latest() == signed) is leaves


def test_what_waits_to_be_relayed_wakes_a_station_once_for_what_comes_soon_after() -> None:
    net = Net(kits(2))
    net.connect_all()
    alpha, bravo = net
    alpha.speak(message())
    net.deliver()
    line = bravo.line
    exchange = bravo.station.exchanges[line.id]
    line.gossip_at = None
    first = line.relay_queue[0][0]
    assert exchange.wakeup() == first + exchange.pace.relay_ms // 4
