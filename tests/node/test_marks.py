"""The mark of a machine keeps up with the store, also where a crash came between the two."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest import mock

from tests.node import pair
from tests.node.pair import Running

from tieline.core.charter import dearmor_charter
from tieline.store.memory import MemoryMachine


def test_what_a_crash_kept_from_the_mark_is_in_it_before_anything_leaves(tmp_path: Path) -> None:
    asyncio.run(_crashed(tmp_path))


async def _crashed(folder: Path) -> None:
    seats, charter = pair.make_homes(folder)
    machine = MemoryMachine("ALPHA")
    alpha = Running(seats[0], pair.open_store(seats[0]), machine=machine)
    bravo = Running(seats[1], pair.open_store(seats[1]))
    for running in (alpha, bravo):
        await running.install(dearmor_charter(charter))
    pair.join(alpha, bravo)
    await alpha.say("in the store and in the mark")
    await pair.settle(alpha, bravo)
    kept = dict(machine.kept or {})
    assert kept[alpha.line].size == 2
    with mock.patch.object(machine, "remember"):  # the power fails after the commit
        await alpha.say("in the store alone")
    alpha.store.close()
    assert machine.kept == kept
    again = Running(seats[0], pair.open_store(seats[0]), machine=machine)
    with mock.patch.object(again.host.runtime.world, "transmit") as leaves:
        leaves.side_effect = lambda _: _sizes(machine, again) == [3] and "memory"
        again.host.start()
        await pair.settle(again)
    assert _sizes(machine, again) == [3]


def _sizes(machine: MemoryMachine, running: Running) -> list[int]:
    return [mark.size for line, mark in (machine.kept or {}).items() if line == running.line]
