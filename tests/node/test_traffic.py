"""What is open between two stations, asked again and again, and of a long record."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.core.world import Net, Post, kits, message
from tests.node import pair

from tieline.core.charter import dearmor_charter
from tieline.core.journal import FactKind
from tieline.core.ladder import Ladder
from tieline.core.record import Item
from tieline.core.terms import Precedence
from tieline.node import traffic
from tieline.node.acts import NodeActs
from tieline.node.traffic import Traffic
from tieline.node.view import Json
from tieline.ports import Fact


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


def _traffic_of(post: Post) -> traffic.Traffic:
    def facts(after: int) -> list[tuple[int, Fact]]:
        return list(enumerate(post.facts))[after + 1 :]

    return traffic.Traffic(lambda: [post.line], facts, lambda: len(post.facts) - 1)


def test_what_comes_with_an_earlier_time_hides_nothing_that_is_not_looked_through_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It moves what stands after it in the order, beyond the place where the look-back goes on."""
    monkeypatch.setattr(traffic, "FIRST", 2)
    monkeypatch.setattr(traffic, "PIECE", 2)
    monkeypatch.setattr(traffic, "PAUSE_S", 0)
    net = Net(kits(3))
    alpha, bravo, charlie = net
    net.connect(alpha, bravo)
    for number in range(3):
        charlie.speak(message(f"late {number}", Precedence.PRIORITY))
    net.pass_time(5)
    said = [alpha.speak(message(f"{n}", Precedence.PRIORITY)).item for n in range(9)]
    net.deliver()

    async def play() -> None:
        watch = _traffic_of(bravo)
        await watch.look(net.now().wall_ms)
        net.connect(charlie, bravo)
        net.deliver()
        found = (await watch.look(net.now().wall_ms))[bravo.line.id]
        await asyncio.gather(*watch._beside)
        assert found.complete
        assert {*said} <= {*found.inbound}
        assert len(found.inbound) == 12

    asyncio.run(play())


def test_a_first_look_that_is_broken_off_is_begun_anew() -> None:
    net = Net(kits(2))
    alpha, bravo = net
    net.connect_all()
    said = alpha.speak(message("one", Precedence.PRIORITY)).item
    net.deliver()

    async def play() -> None:
        watch = _traffic_of(bravo)
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(watch, "_sort", _broken)
            with pytest.raises(ValueError, match="broken off"):
                await watch.look(net.now().wall_ms)
        found = (await watch.look(net.now().wall_ms))[bravo.line.id]
        assert [*found.inbound] == [said]

    asyncio.run(play())


def _broken(*_: object) -> None:
    raise ValueError("broken off")


def test_only_what_a_new_statement_cites_is_looked_at_and_all_after_a_charter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Item] = []
    was, upset = traffic.owes, list[Fact]()

    def owes(ladder: Ladder, item: Item, party: str) -> bool:
        looked.append(item)
        return was(ladder, item, party)

    monkeypatch.setattr(traffic, "owes", owes)

    async def play() -> None:
        seats, text = pair.make_homes(tmp_path)
        alpha, bravo = (pair.Running(seat, pair.open_store(seat)) for seat in seats)
        for each in (alpha, bravo):
            await each.install(dearmor_charter(text))
        pair.join(alpha, bravo)
        theirs = NodeActs(bravo.host)
        items = [(await alpha.say(f"number {number}")).item for number in range(12)]
        await pair.settle(alpha, bravo)

        def of_store(after: int) -> list[tuple[int, Fact]]:
            found = [*bravo.store.facts(after)]
            found += [(bravo.store.last() + 1 + n, fact) for n, fact in enumerate(upset)]
            return [(seq, fact) for seq, fact in found if seq > after]

        def kept() -> Traffic:
            return Traffic(
                lambda: list(bravo.host.station.lines.values()),
                of_store,
                lambda: bravo.store.last() + len(upset),
            )

        async def waits(of: Traffic) -> list[bytes]:
            (found,) = (await of.look(1)).values()
            return [*found.inbound]

        one = kept()
        assert await waits(one) == items
        for done, digest in enumerate((items[7], items[0], items[11]), 1):  # in any order
            await theirs.act("ack", {"item": digest.hex(), "officer": "B"})
            await pair.settle(alpha, bravo)
            looked.clear()
            assert await waits(one) == [x for x in await waits(kept()) if x in items]
            assert digest not in await waits(one)
            assert len(await waits(one)) == len(items) - done
        looked.clear()
        await alpha.say("one more")
        await pair.settle(alpha, bravo)
        await waits(one)
        assert len(looked) <= 1
        line = next(iter(bravo.host.station.lines.values()))
        upset.append(Fact(kind=FactKind.CHARTER, at_ms=1, line=line.id, body=b""))
        looked.clear()
        await waits(one)
        assert len(looked) == len(items) - 3 + 1
        for each in (alpha, bravo):
            each.host.close()
            each.store.close()

    asyncio.run(play())
