"""P2: several officers acknowledge one message at once, and each of them clicks twice."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from tests.faults.rows import need, scratch
from tests.node import pair
from tests.node.pair import Running

from tieline.core.charter import dearmor_charter
from tieline.core.errors import LocalError
from tieline.core.journal import Fact, FactKind, Origin
from tieline.core.statement import parse
from tieline.core.terms import Kind, Precedence
from tieline.node.acts import NodeActs
from tieline.store.memory import MemoryStore


def at_once(seed: int) -> None:
    """One acknowledgement comes of it, by one of them, and all are told the same."""
    asyncio.run(_race(random.Random(f"at once {seed}")))


async def _race(chance: random.Random) -> None:
    with scratch() as name:
        seats, text = pair.make_homes(Path(name))
        alpha, bravo = (Running(seat, MemoryStore()) for seat in seats)
        for station in (alpha, bravo):
            await station.install(dearmor_charter(text))
        pair.join(alpha, bravo)
        await pair.settle(alpha, bravo)
        said = await alpha.say("acknowledge this", Precedence.FLASH)
        await pair.settle(alpha, bravo)
        clicks = [who for who in ("Ada", "Bo", "Cy")[: chance.randint(2, 3)] for _ in range(2)]
        chance.shuffle(clicks)
        waits = [chance.randint(0, 3) for _ in clicks]
        answers = await asyncio.gather(
            *(_click(bravo, said.item, who, wait) for who, wait in zip(clicks, waits, strict=True))
        )
        await pair.settle(alpha, bravo)
        for station in (alpha, bravo):
            line = station.host.station.line(station.line)
            kinds = [item.statement.content.kind for item in line.record.order]
            count = kinds.count(Kind.ACKNOWLEDGE)
            need(count == 1, f"{count} acknowledgements at {line.party}")
        author = _author(bravo)
        told = {who for who, item in zip(clicks, answers, strict=True) if item}
        need(told == {author}, f"{author} has acknowledged it, and {told} were told so")
        need(len({item for item in answers if item}) == 1, "a double click had two answers")
        alpha.host.close()
        bravo.host.close()


async def _click(station: Running, item: bytes, who: str, wait: int) -> str:
    """The statement that came of it; empty when it was refused, for one of the two causes."""
    for _ in range(wait):
        await asyncio.sleep(0)
    words = {"item": item.hex(), "officer": who, "role": "watch-officer", "key": f"form of {who}"}
    try:
        answer = await NodeActs(station.host).act("ack", words)
    except LocalError as refused:
        need(refused.code in ("act.already", "act.repeated"), f"refused with {refused.code}")
        return ""
    assert isinstance(answer, dict)
    return str(answer["item"])


def _author(station: Running) -> str:
    """Who has acknowledged, as the journal has it."""
    found = [fact for _, fact in station.store.facts() if _acknowledges(fact)]
    return Origin.decode(found[0].meta).officer


def _acknowledges(fact: Fact) -> bool:
    if fact.kind != FactKind.STATEMENT:
        return False
    return parse("", fact.body).content.kind is Kind.ACKNOWLEDGE
