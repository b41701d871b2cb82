"""What several pages ask together is asked once, and nothing that has changed is shared."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tieline.desk.web import ringing
from tieline.desk.web.link import StationLink
from tieline.node.client import ApiDown
from tieline.node.view import Json

Play = Callable[["Asked"], Awaitable[None]]


class Asked(StationLink):
    """A link whose station answers how often it was asked for that act, or not at all."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"), lambda: 1)
        self.counts: dict[str, int] = {}
        self.down = False
        self.alive = True

    async def call(
        self, act: str, args: dict[str, Json], patience_s: float = 1.0
    ) -> dict[str, Json]:
        self.counts[act] = self.counts.get(act, 0) + 1
        await asyncio.sleep(0)
        if self.down:
            raise ApiDown("gone")
        return {"count": self.counts[act]}


def played(play: Play) -> None:
    async def run() -> None:
        await play(Asked())

    asyncio.run(run())


def test_what_was_begun_is_not_asked_again() -> None:
    async def play(link: Asked) -> None:
        link.begin("status", {})
        found = await asyncio.gather(link.share("status", {}), link.share("status", {}))
        assert [one["count"] for one in found] == [1, 1]

    played(play)


def test_nobody_is_given_a_failure_that_another_began() -> None:
    async def play(link: Asked) -> None:
        link.down = True
        link.begin("status", {})
        for _ in range(5):
            await asyncio.sleep(0)
        link.down = False
        assert (await link.share("status", {}))["count"] == 2

    played(play)


@pytest.mark.parametrize("how", ["journal", "act", "time"])
def test_nothing_is_shared_that_has_changed(how: str) -> None:
    async def play(link: Asked) -> None:
        for act in ("alarms", "traffic", "status", "incidents"):
            assert (await link.share(act, {"limit": 1}))["count"] == 1
        if how == "journal":
            link._note({"type": "statement", "seq": 7, "kind": "message", "form": "cr/first"})
        elif how == "act":
            link.changed()
        else:
            link.forget(ringing.TIMED)
        for act in ("alarms", "traffic", "status"):
            assert (await link.share(act, {"limit": 1}))["count"] == 2
        # What time alone has changed of alarms, it has not changed of incidents.
        assert (await link.share("incidents", {"limit": 1}))["count"] == 1 + (how != "time")

    played(play)
