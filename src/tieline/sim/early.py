"""A station broken on purpose: what a turn wants is done before the commit that backs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from tieline.core.events import Event
from tieline.core.terms import Now
from tieline.node.resume import Shot
from tieline.node.runtime import Plan, Runtime

_began: Final[Callable[[Runtime, Iterable[Event], Now], Plan | None]] = Runtime.begin


def perform_first(self: Runtime, events: Iterable[Event], now: Now) -> None:
    """Receipts leave before the commit."""
    plan = perform_begun(self, events, now)
    if plan is not None and self.commit(plan):
        self.publish(plan)


def perform_begun(self: Runtime, events: Iterable[Event], now: Now) -> Plan | None:
    """The same where the commit is made beside the loop, as on a slow disk or a busy machine."""
    plan = _began(self, events, now)
    if plan is not None:
        self.perform(plan)
    return plan


def publish_alone(self: Runtime, plan: Plan, commit: Callable[[], int]) -> Shot | None:
    """What is left to do after such a commit."""
    if not self._kept(plan, commit):
        return None
    self.publish(plan)
    return self._resumer.shot_if_due(self.station, plan.now, wanted=self.wanted())
