"""What is open between two stations, asked again and again, and of a long record."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.node import pair

from tieline.core.charter import dearmor_charter
from tieline.core.terms import Precedence
from tieline.node import traffic
from tieline.node.acts import NodeActs
from tieline.node.view import Json


def of(answer: Json, name: str) -> list[str]:
    assert isinstance(answer, dict)
    lines = answer["lines"]
    assert isinstance(lines, list)
    assert isinstance(lines[0], dict)
    items = lines[0][name]
    assert isinstance(items, list)
    return [str(item["text"]) for item in items if isinstance(item, dict)]


def complete(answer: Json) -> bool:
    assert isinstance(answer, dict)
    lines = answer["lines"]
    assert isinstance(lines, list)
    assert isinstance(lines[0], dict)
    return lines[0]["complete"] is True


async def whole(acts: NodeActs) -> Json:
    """The answer once all has been looked through."""
    answer = await acts.act("traffic", {})
    while not complete(answer):
        await asyncio.sleep(0)
        answer = await acts.act("traffic", {})
    return answer


@pytest.mark.parametrize("first", [2, 4_000])
def test_what_is_open_is_found_and_goes_when_it_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    monkeypatch.setattr(traffic, "FIRST", first)
    monkeypatch.setattr(traffic, "PAUSE_S", 0)
    monkeypatch.setattr(traffic, "PIECE", 2)

    async def play() -> None:
        seats, text = pair.make_homes(tmp_path)
        alpha, bravo = (pair.Running(seat, pair.open_store(seat)) for seat in seats)
        for each in (alpha, bravo):
            await each.install(dearmor_charter(text))
        pair.join(alpha, bravo)
        ours, theirs = NodeActs(alpha.host), NodeActs(bravo.host)
        names = [f"number {number}" for number in range(9)]
        items = [(await alpha.say(name, Precedence.PRIORITY)).item.hex() for name in names]
        await pair.settle(alpha, bravo)
        await theirs.act("ack", {"item": items[4], "officer": "B"})
        rest = [name for name in names if name != names[4]]
        answer = await theirs.act("traffic", {})
        assert complete(answer) is (first > len(names))
        assert sorted(of(await whole(theirs), "inbound")) == rest
        await pair.settle(alpha, bravo)
        assert sorted(of(await whole(ours), "outbound")) == rest
        await theirs.act("ack", {"item": items[0], "officer": "B"})
        assert sorted(of(await theirs.act("traffic", {}), "inbound")) == rest[1:]
        await pair.settle(alpha, bravo)
        answer = await ours.act("traffic", {})
        assert sorted(of(answer, "outbound")) == rest[1:]
        assert names[0] in of(answer, "acknowledged")
        for each in (alpha, bravo):
            each.host.close()
            each.store.close()

    asyncio.run(play())
