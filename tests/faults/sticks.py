"""P2: one stick that is put in again and again, at once and after a new start."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.faults.floor import Loop
from tests.faults.rows import need, scratch
from tests.node import pair
from tests.node.pair import Running, Seat

from tieline.core.charter import dearmor_charter
from tieline.core.journal import Alarm, FactKind
from tieline.node.view import Json
from tieline.store.memory import MemoryMachine, MemoryStore

TIMES: Final = 5
_here: list[tuple[Loop, list[Seat], str]] = []


@contextlib.contextmanager
def stage() -> Iterator[None]:
    """The homes of ALPHA and BRAVO, and a loop."""
    loop = Loop()
    with scratch() as folder:
        seats, charter = pair.make_homes(Path(folder))
        _here.append((loop, seats, charter))
        try:
            yield
        finally:
            _here.clear()
            loop.stop()


def same_stick(seed: int) -> None:
    """Some bundles, each of which is taken in several times: the first brings all, no other any."""
    loop, seats, charter = _here[0]
    loop.do(_put_in(seats, charter, random.Random(f"same stick {seed}")))


async def _put_in(seats: list[Seat], charter: str, chance: random.Random) -> None:
    machines = [MemoryMachine(seat.keys.certificate.party) for seat in seats]
    alpha, bravo = (
        Running(seat, MemoryStore(), machine=machine)
        for seat, machine in zip(seats, machines, strict=True)
    )
    try:
        for running in (alpha, bravo):
            await running.install(dearmor_charter(charter))
        said = 0
        for _ in range(chance.randint(1, 3)):
            words = chance.randint(1, 6)
            for number in range(words):
                await alpha.say(f"word {said + number}")
            said += words
            line = alpha.host.station.line(alpha.line)
            stick, _ = alpha.host.export_bundle(line, (bravo.seat.keys.station,))
            times = chance.randint(2, TIMES)
            told = await asyncio.gather(*(bravo.host.import_bundle(stick) for _ in range(times)))
            _judge(told, told[0], said)
            if chance.random() < 0.5:
                bravo.host.close()
                bravo = Running(bravo.seat, bravo.store, machine=machines[1])
            again = await bravo.host.import_bundle(stick)
            need(not again["added"] and not again["news"], f"after a new start: {again}")
        _once(bravo, said)
    finally:
        for running in (alpha, bravo):
            running.host.close()


def _judge(told: list[dict[str, Json]], first: dict[str, Json], said: int) -> None:
    added = [one["added"] for one in told]
    need(not any(one["refused"] for one in told), f"refused: {told}")
    need(bool(first["news"]) and bool(first["added"]), f"the first of {said} has brought {first}")
    need(not any(added[1:]), f"of one stick these were new: {added}")
    need(not any(one["news"] for one in told[1:]), "of one stick more than the first was news")


def _once(bravo: Running, said: int) -> None:
    """Each word is there once, and rang once."""
    order = bravo.host.station.line(bravo.line).record.order
    texts = [item.statement.content.body.text for item in order]
    words = [text for text in texts if text and text.startswith("word ")]
    need(sorted(words) == sorted(f"word {n}" for n in range(said)), f"there are {words}")
    causes = [
        Alarm.decode(fact.body).cause
        for _, fact in bravo.store.facts(0)
        if fact.kind == FactKind.ALARM
    ]
    need(len(set(causes)) == len(causes), "something rang twice")
