"""The alarms of a running station: what ends them, and what does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.node import pair
from tests.node.pair import Running

from tieline.core.charter import dearmor_charter
from tieline.core.errors import LocalError, TielineError
from tieline.core.events import Lost
from tieline.core.sync import Push, unpack
from tieline.core.terms import Now, Precedence
from tieline.node.acts import NodeActs
from tieline.node.alarmbook import FAULT_MS, SILENCE_MS
from tieline.node.alarmoutputs import GRACE_MS
from tieline.node.clock import MachineClock
from tieline.node.view import Json
from tieline.store.memory import MemoryStore

HOUR_MS = 3_600_000
Play = Callable[["House"], Awaitable[None]]


class Later(MachineClock):
    """The machine's clock, moved forward by the test."""

    ahead_ms = 0

    def now(self) -> Now:
        now = super().now()
        ahead = self.ahead_ms
        return Now(now.wall_ms + ahead, now.mono_ms + ahead, now.real_ms + ahead)


class House:
    """ALPHA and BRAVO with a line, and BRAVO's clock in the test's hands."""

    def __init__(self, alpha: Running, bravo: Running) -> None:
        self.alpha, self.bravo = alpha, bravo
        self.clock = Later()
        bravo.host.clock = self.clock
        self.acts = NodeActs(bravo.host)

    async def do(self, act: str, **args: Json) -> dict[str, Any]:
        answer = await self.acts.act(act, args)
        assert isinstance(answer, dict)
        return answer

    async def one(self) -> dict[str, Any]:
        (alarm,) = (await self.do("alarms"))["alarms"]
        assert isinstance(alarm, dict)
        return alarm

    async def hears(self, text: str, precedence: Precedence) -> str:
        """ALPHA says something, and it is at BRAVO; its digest there."""
        done = await self.alpha.say(text, precedence)
        await pair.settle(self.alpha, self.bravo)
        return done.item.hex()

    def sent(self) -> set[bytes]:
        """The statements that BRAVO has sent; of what it holds a tick may tell at any time."""
        assert self.bravo.road is not None
        pushes = (one for one in map(unpack, self.bravo.road.sent) if isinstance(one, Push))
        return {statement for push in pushes for statement in push.statements}

    async def acknowledges(self, item: str) -> None:
        await self.do("ack", item=item, officer="Berta")
        await pair.settle(self.alpha, self.bravo)

    async def refused(self, act: str, **args: Json) -> str:
        with pytest.raises(TielineError) as refusal:
            await self.do(act, **args)
        return refusal.value.code


def played(folder: Path, play: Play) -> None:
    async def run() -> None:
        seats, charter = pair.make_homes(folder)
        alpha, bravo = (Running(seat, MemoryStore()) for seat in seats)
        for running in (alpha, bravo):
            await running.install(dearmor_charter(charter))
        pair.join(alpha, bravo)
        await pair.settle(alpha, bravo)
        await play(House(alpha, bravo))

    asyncio.run(run())


def test_only_the_acknowledgement_ends_what_another_party_sent(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        item = await house.hears("Fire near the post", Precedence.FLASH)
        found = await house.do("alarms")
        assert found["tone"] == "flash"
        alarm = await house.one()
        assert (alarm["code"], alarm["state"], alarm["item"]) == ("arrived.flash", "sounding", item)
        assert alarm["can"] == ["acknowledge"]
        assert "ALPHA sent this with FLASH" in alarm["why"][0]
        number = alarm["alarm"]
        # Reading it changes nothing, and neither a note nor a shelf takes it away.
        await house.do("item", item=item)
        assert await house.refused("alarm_seen", alarm=number, officer="B") == "alarm.acknowledge"
        code = await house.refused("shelve", alarm=number, officer="B", reason="x", minutes=5)
        assert code == "alarm.shelf"
        assert (await house.one())["state"] == "sounding"
        await house.acknowledges(item)
        found = await house.do("alarms", past=True)
        assert (found["tone"], found["alarms"][0]["ended"]) == ("", "acknowledged")

    played(tmp_path, play)


def test_silence_holds_thirty_seconds_sends_nothing_and_breaks_for_what_is_new(
    tmp_path: Path,
) -> None:
    async def play(house: House) -> None:
        item = await house.hears("One", Precedence.IMMEDIATE)
        sent = house.sent()
        found = await house.do("silence", officer="Berta")
        assert (found["tone"], found["alarms"][0]["state"]) == ("", "silenced")
        assert found["silenced_ms"] == found["alarms"][0]["until_ms"] == found["again_ms"]
        assert 0 < found["silenced_ms"] - found["now_ms"] <= SILENCE_MS
        await pair.settle(house.alpha, house.bravo)
        assert house.sent() == sent
        house.clock.ahead_ms += SILENCE_MS - 2_000
        assert (await house.do("alarms"))["tone"] == ""
        # What comes meanwhile sounds at once.
        other = await house.hears("Two", Precedence.FLASH)
        found = await house.do("alarms")
        assert [a["state"] for a in found["alarms"]] == ["sounding", "silenced"]
        await house.acknowledges(other)
        house.clock.ahead_ms += 3_000
        assert (await house.do("alarms"))["tone"] == "immediate"
        # A clock that is put back makes it sound; it never keeps it quiet.
        await house.do("silence", officer="Berta")
        house.clock.ahead_ms -= 10_000
        assert (await house.do("alarms"))["tone"] == "immediate"
        await house.acknowledges(item)
        assert (await house.do("silence", officer="Berta"))["alarms"] == []

    played(tmp_path, play)


def test_what_waits_beyond_its_time_sounds_as_the_next_rank(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        await house.hears("One", Precedence.IMMEDIATE)
        waits = await house.hears("Two", Precedence.PRIORITY)
        found = await house.do("alarms")
        assert [(a["code"], a["tone"]) for a in found["alarms"]] == [
            ("arrived.immediate", "immediate"), ("arrived.priority", "priority"),
        ]  # fmt: skip
        due = found["alarms"][0]["due_ms"]
        assert found["again_ms"] is not None
        house.clock.ahead_ms += due - found["now_ms"] + 1_000
        found = await house.do("alarms")
        assert (found["tone"], found["alarms"][0]["late"]) == ("flash", True)
        assert "sounds as FLASH" in " ".join(found["alarms"][0]["why"])
        house.clock.ahead_ms += 24 * HOUR_MS
        house.bravo.host.start()
        await pair.settle(house.alpha, house.bravo)
        found = await house.do("alarms")
        # That we owe a word is the same situation, and rings once; so does what came in late.
        ours = [a for a in found["alarms"] if a["item"] is not None]
        assert [a["tone"] for a in ours] == ["flash", "immediate"]
        await house.acknowledges(waits)
        found = await house.do("alarms")
        assert waits not in [a["item"] for a in found["alarms"]]

    played(tmp_path, play)


def test_a_line_that_is_gone_rings_after_a_while_and_recovers(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        peer = house.alpha.seat.keys.station
        house.bravo.host.submit(Lost(carrier="memory", peer=peer, cause="cut"))
        await pair.settle(house.bravo)
        assert (await house.do("alarms"))["alarms"] == []
        house.clock.ahead_ms += FAULT_MS + 1_000
        alarm = await house.one()
        assert (alarm["rank"], alarm["tone"], alarm["code"]) == ("FAULT", "fault", "line.down")
        assert "ALPHA/ops is silent: cut" in alarm["text"]
        number = alarm["alarm"]
        assert await house.refused(
            "shelve", alarm=number, officer="B", reason=" ", minutes=5
        ) == await house.refused("shelve", alarm=number, officer="B", reason="x", minutes=481)
        found = await house.do(
            "shelve", alarm=number, officer="Berta", reason="cable work", minutes=480
        )
        assert (found["tone"], found["alarms"][0]["state"]) == ("", "shelved")
        assert "Berta shelved it" in " ".join(found["alarms"][0]["why"])
        house.clock.ahead_ms += 8 * HOUR_MS
        assert (await house.one())["state"] == "sounding"  # it comes back by itself
        found = await house.do("alarm_seen", alarm=number, officer="Berta", note="they know")
        assert (found["tone"], found["alarms"][0]["state"]) == ("", "seen")
        house.bravo.host.connected(peer, "memory", "memory")
        await pair.settle(house.alpha, house.bravo)
        found = await house.do("alarms", past=True)
        assert found["alarms"][0]["ended"] == "recovered"

    played(tmp_path, play)


def test_a_restart_finds_the_same_alarms(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        await house.hears("One", Precedence.FLASH)
        await house.hears("Two", Precedence.PRIORITY)
        await house.do("silence", officer="Berta")
        before = await house.do("alarms")
        house.bravo.host.close()
        again = Running(house.bravo.seat, house.bravo.store)
        again.host.clock = house.clock
        house.acts = NodeActs(again.host)
        after = await house.do("alarms")
        assert [(a["alarm"], a["state"], a["until_ms"]) for a in after["alarms"]] == [
            (a["alarm"], a["state"], a["until_ms"]) for a in before["alarms"]
        ]
        assert [a["state"] for a in after["alarms"]] == ["silenced", "silenced"]
        house.clock.ahead_ms += SILENCE_MS
        assert (await house.do("alarms"))["tone"] == "flash"

    played(tmp_path, play)


def test_a_full_disk_rings_and_can_be_silenced(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        store = house.bravo.store
        assert isinstance(store, MemoryStore)
        store.full = True
        assert await house.refused("send", text="x", officer="Berta") == "store.full"
        found = await house.do("alarms")
        assert (found["tone"], found["alarms"][0]["code"]) == ("flash", "store.full")
        found = await house.do("silence", officer="Berta")
        assert (found["tone"], found["alarms"][0]["state"]) == ("", "silenced")
        house.clock.ahead_ms += SILENCE_MS
        assert (await house.do("alarms"))["tone"] == "flash"

    played(tmp_path, play)


def test_an_output_that_is_missed_rings_on_the_others(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        async def beat(name: str, **more: Json) -> bool:
            args: dict[str, Json] = {"output": name, "kind": "sound", "run": "1", "next_ms": 1000}
            return bool((await house.do("output_alive", **(args | more)))["yours"])

        keep = house.bravo.host.alarms

        async def look() -> dict[str, Any]:
            now = house.clock.now()
            keep._changed(keep.outputs.look(now.real_ms, now.wall_ms))
            await pair.settle(house.bravo)
            return await house.do("alarms")

        def troubles() -> list[Any]:
            found = house.bravo.host.status()["troubles"]
            assert isinstance(found, list)
            return [one["code"] for one in found if isinstance(one, dict)]

        assert troubles() == []
        house.clock.ahead_ms += GRACE_MS
        assert troubles() == ["alarm.none"]
        assert await beat("desk speaker")
        assert await beat("siren", kind="hook")
        assert troubles() == []
        # A second process with the same output stands by until the first is not heard of.
        assert not await beat("siren", kind="hook", run="2")
        house.clock.ahead_ms += 2_000
        assert await beat("desk speaker")
        house.clock.ahead_ms += 1_000
        found = await look()
        assert (found["tone"], found["alarms"][0]["code"]) == ("fault", "alarm.output")
        assert "siren: it is not heard of any more" in found["alarms"][0]["text"]
        assert await beat("siren", kind="hook", run="2")
        assert (await look())["alarms"] == []
        # One that says itself that it fails, and one that takes its leave.
        assert await beat("siren", kind="hook", run="2", works=False, why="exit 1")
        assert "exit 1" in (await look())["alarms"][0]["text"]
        await house.do("output_alive", output="siren", run="2", gone=True)
        found = await look()
        assert (found["alarms"], [o["output"] for o in found["outputs"]]) == ([], ["desk speaker"])
        assert not await beat("siren", kind="hook", run="2")  # sent before its leave, and late
        house.clock.ahead_ms += 60_000
        await look()
        assert troubles() == ["alarm.output", "alarm.none"]
        assert await house.refused("output_alive", output="x", kind="x", run="1", next_ms=1) == (
            "act.argument"
        )

    played(tmp_path, play)


def test_an_officer_confirms_what_it_heard(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        args: dict[str, Json] = {"output": "siren", "kind": "hook", "run": "1", "next_ms": 9000}
        await house.do("output_alive", **args)
        number = (await house.do("alarm_test", officer="Berta"))["number"]
        assert (await house.do("alarms"))["testing"] is True
        await house.do("output_alive", tested=number, **args)
        code = await house.refused("alarm_heard", number=number, output=["other"], officer="B")
        assert code == "alarm.test"
        found = await house.do("alarm_heard", number=number, output=["siren"], officer="Berta")
        (output,) = found["outputs"]
        assert (output["tested"], output["heard_by"]) == (number, "Berta")
        assert found["test"]["heard"]["siren"]["officer"] == "Berta"
        house.clock.ahead_ms += 60_000
        assert (await house.do("alarms"))["testing"] is False

    played(tmp_path, play)


def test_outputs_are_bounded(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        for number in range(64):
            await house.do(
                "output_alive", output=str(number), kind="browser", run="1", next_ms=1000
            )
        with pytest.raises(LocalError, match="64 outputs"):
            await house.do("output_alive", output="more", kind="browser", run="1", next_ms=1000)

    played(tmp_path, play)
