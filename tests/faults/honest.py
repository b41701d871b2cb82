"""What is no lie: a peer that falls silent, and honest stations under every other fault."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from unittest import mock

from tests.core.world import Net, Post, message
from tests.faults.liars import accused, line_of
from tests.faults.rows import need

from tieline.core.events import Event, Transmit
from tieline.core.terms import Kind, LineState, Now, Precedence
from tieline.node.runtime import Runtime
from tieline.sim import world
from tieline.sim.newer import NewerRuntime
from tieline.sim.plan import calm, draw
from tieline.sim.world import World

HOURS = 0.05
SKEW_MINUTES = 2.0
FIRST = 500_000  # seeds that no test plays


def under_every_fault(seed: int) -> None:
    """A seed of the simulator, whose checkers refuse every accusation of an honest station."""
    outcome = World(draw(FIRST + seed, HOURS)).run()
    need(not outcome.invariant, f"invariant {outcome.invariant}: {outcome.text}")


class _Changing(NewerRuntime):
    """Each second life is of the later version: a start is an upgrade, or goes back again."""

    lives = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _Changing.lives += 1
        self._later = _Changing.lives % 2 == 0

    def turn(self, events: Iterable[Event], now: Now) -> None:
        if self._later:
            super().turn(events, now)
        else:
            Runtime.turn(self, events, now)


def version_skew(seed: int) -> None:
    """One station signs what a later version would; wires part, and stations start anew.

    In two cases of three it changes its version with each of its starts, mostly while it is parted.
    """
    chance = random.Random(f"skew {seed}")
    plan = replace(
        calm(seed, SKEW_MINUTES, chance.choice((2, 3, 3, 4))),
        newer=True,
        crash_mean_ms=chance.choice((20_000, 60_000)),
        part_mean_ms=40_000 if seed % 3 else chance.choice((0, 40_000)),
        part_length_ms=20_000,
        bundle_mean_ms=chance.choice((0, 60_000)),
        amended=chance.random() < 0.5,
    )
    _Changing.lives = 0
    with mock.patch.object(world, "NewerRuntime", _Changing if seed % 3 else NewerRuntime):
        outcome = World(plan).run()
    need(not outcome.invariant, f"invariant {outcome.invariant}: {outcome.text}")
    need(not seed % 3 or _Changing.lives, "no station changes its version")


def _mute(net: Net, who: Post) -> None:
    """From now on nothing that it says arrives, and it hears all."""
    real = net._carry

    def carry(post: Post, sent: Transmit) -> None:
        if post is not who or not net.deaf:
            real(post, sent)

    net._carry = carry  # type: ignore[method-assign]
    net.deaf = b"nobody"


def withheld_tail(seed: int) -> None:
    """A peer keeps its last words to itself. That is silence, which is said, and no lie."""
    chance = random.Random(f"tail {seed}")
    connected = bool(seed % 2)
    net = line_of(chance, chance.choice((2, 3)))
    alpha, bravo = list(net)[:2]
    net.pass_time(chance.randint(1, 100))
    heard = alpha.line.links[bravo.who.id].last_heard_ms
    if connected:
        _mute(net, bravo)
    else:
        for other in net:
            if other is not bravo:
                net.cut(other, bravo, "no answer")
    withheld = [bravo.speak(message("kept back")).item for _ in range(chance.randint(1, 3))]
    urgent = alpha.speak(message("answer at once", Precedence.FLASH)).item
    net.deliver()
    net.pass_time(net.signed.charter.silence_s + 700)
    need(not accused(net), f"accused are {sorted(accused(net))}")
    link = alpha.line.links[bravo.who.id]
    need(link.state in (LineState.SILENT, LineState.DOWN), f"the peer counts as {link.state}")
    if not connected:
        need(link.since_ms == heard, "since when it is silent is not when it was last heard")
    late = [alarm for alarm in alpha.alarms() if alarm.item == urgent and "overdue" in alarm.code]
    need(late, "a FLASH without an answer has not escalated")
    said = [each.content.body for each in alpha.statements(Kind.SILENCE)]
    need(any(body.party == "BRAVO" for body in said), "the silence is not on record")
    net.deaf = None
    if not connected:
        for other in net:
            if other is not bravo:
                net.connect(other, bravo)
    net.pass_time(120)
    need(set(withheld) <= set(alpha.order()), "the tail has not come, and the peer is back")
    need(alpha.line.links[bravo.who.id].state is not LineState.SILENT, "it still counts as silent")
    need(not accused(net), f"accused are {sorted(accused(net))}")
