"""Turns: one commit for a burst, effects only after it, and what a disk that fails does to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path

import pytest
from tests.node import pair
from tests.node.pair import Running

from tieline.core.charter import dearmor_charter
from tieline.core.errors import LocalError, StoreFailed, StoreFull, TielineError
from tieline.core.journal import Alarm, Fact, FactKind
from tieline.core.sync import Have, Push, Receipts, unpack
from tieline.node.runtime import FULL, PROBE_MS
from tieline.ports import Past
from tieline.store.memory import MemoryStore


class Watched:
    """A store that notes its commits, and what had left the station when each began."""

    def __init__(self) -> None:
        self.held = MemoryStore()
        self.commits: list[list[Fact]] = []
        self.before: Callable[[], None] = lambda: None

    def commit(self, facts: Sequence[Fact]) -> int:
        self.before()
        last = self.held.commit(facts)
        self.commits.append(list(facts))
        return last

    def facts(self, after: int = 0) -> Iterator[tuple[int, Fact]]:
        return self.held.facts(after)

    def some(self, kinds: frozenset[int], after: int, last: int) -> list[tuple[int, Fact]]:
        return self.held.some(kinds, after, last)

    def statements(self, line: bytes, log: bytes, start: int, stop: int) -> list[bytes]:
        return self.held.statements(line, log, start, stop)

    @property
    def past(self) -> Past:
        return self.held.past

    def last(self) -> int:
        return self.held.last()

    def damage(self) -> list[str]:
        return []

    def log_damage(self) -> list[str]:
        return []

    def close(self) -> None:
        self.held.close()

    def kinds(self) -> list[int]:
        return [fact.kind for _, fact in self.facts()]


def play(
    folder: Path, story: Callable[[Running, Running], Coroutine[object, object, None]]
) -> None:
    """Run a story of two joined stations on watched stores."""

    async def all_of_it() -> None:
        seats, charter = pair.make_homes(folder)
        alpha, bravo = (Running(seat, Watched()) for seat in seats)
        for running in (alpha, bravo):
            await running.install(dearmor_charter(charter))
        pair.join(alpha, bravo)
        await pair.settle(alpha, bravo)
        await story(alpha, bravo)
        for running in (alpha, bravo):
            running.host.close()

    asyncio.run(all_of_it())


def watched(running: Running) -> Watched:
    assert isinstance(running.store, Watched)
    return running.store


def promises(running: Running) -> set[tuple[bytes, int]]:
    """The logs of which it has told that it holds so many statements; a tick tells it again."""
    assert running.road is not None
    told: set[tuple[bytes, int]] = set()
    for one in map(unpack, running.road.sent):
        if isinstance(one, Receipts):
            told |= {(receipt.log, receipt.size) for receipt in one.receipts}
        if isinstance(one, Have):
            told |= {(head.log, head.size) for head in one.heads}
    return told


def test_a_burst_is_one_commit(tmp_path: Path) -> None:
    async def story(alpha: Running, bravo: Running) -> None:
        commits = watched(alpha).commits
        start = len(commits)
        await asyncio.gather(*(alpha.say(f"burst {n}") for n in range(20)))
        spoken = [len(c) for c in commits[start:] if any(f.kind == 2 for f in c)]
        assert len(spoken) == 1
        await pair.settle(alpha, bravo)
        arrived = [c for c in watched(bravo).commits if sum(f.kind == 2 for f in c) == 20]
        assert len(arrived) == 1

    play(tmp_path, story)


def test_a_statement_and_what_follows_from_it_are_one_commit(tmp_path: Path) -> None:
    async def story(alpha: Running, bravo: Running) -> None:
        await alpha.say("alone")
        await pair.settle(alpha, bravo)
        with_statement = [
            {FactKind(f.kind) for f in c}
            for c in watched(bravo).commits
            if any(f.kind == FactKind.STATEMENT for f in c)
        ]
        # The receipt that BRAVO signs is kept with the statement that it is for.
        assert FactKind.RECEIPT in with_statement[-1]

    play(tmp_path, story)


def test_nothing_leaves_before_its_commit(tmp_path: Path) -> None:
    async def story(alpha: Running, bravo: Running) -> None:
        order: list[str] = []
        for running in (alpha, bravo):
            assert running.road is not None
            name = running.seat.keys.certificate.party
            watched(running).before = lambda name=name: order.append(f"{name} commits")  # type: ignore[misc]
            plain = running.road.send

            def send(peer: bytes, envelope: bytes, plain=plain, name=name) -> bool:  # type: ignore[no-untyped-def]  # noqa: ANN001
                if isinstance(unpack(envelope), Push | Receipts):  # not what a tick tells the other
                    order.append(f"{name} sends")
                return bool(plain(peer, envelope))

            running.road.send = send  # type: ignore[method-assign]
        done = asyncio.ensure_future(alpha.say("in order"))
        done.add_done_callback(lambda _: order.append("ALPHA answers"))
        await done
        await pair.settle(alpha, bravo)
        assert order[:2] == ["ALPHA commits", "ALPHA sends"]
        assert order.index("ALPHA answers") > order.index("ALPHA commits")
        assert order.index("BRAVO commits") < order.index("BRAVO sends")

    play(tmp_path, story)


def test_a_failed_sync_ends_the_station_and_nothing_is_promised_after_it(tmp_path: Path) -> None:
    async def story(alpha: Running, bravo: Running) -> None:
        watched(bravo).held.failing = True
        before = promises(bravo)
        await alpha.say("never received")
        for _ in range(50):
            await asyncio.sleep(0)
        assert [error.code for error in bravo.failed] == ["store.failed"]
        assert promises(bravo) == before
        with pytest.raises(LocalError) as caught:
            await bravo.say("too late")
        assert caught.value.code == "station.stopping"
        assert len(bravo.failed) == 1

    play(tmp_path, story)


def test_a_failed_sync_is_the_answer_to_the_officer_who_waits(tmp_path: Path) -> None:
    async def story(alpha: Running, bravo: Running) -> None:
        watched(alpha).held.failing = True
        with pytest.raises(StoreFailed):
            await alpha.say("not released")
        assert len(alpha.failed) == 1

    play(tmp_path, story)


def test_a_fault_of_our_own_ends_the_station(tmp_path: Path) -> None:
    async def story(alpha: Running, bravo: Running) -> None:
        def fault() -> None:
            raise LocalError("store.taken", "a commit that no station should ask for")

        watched(alpha).before = fault
        loop = asyncio.get_running_loop()
        seen: list[object] = []
        loop.set_exception_handler(lambda _, context: seen.append(context["exception"]))
        with pytest.raises(TielineError) as caught:
            await alpha.say("hits a fault")
        assert caught.value.code == "station.defect"
        assert [error.code for error in alpha.failed] == ["station.defect"]
        assert len(seen) == 1

    play(tmp_path, story)


def test_a_full_disk_loses_nothing_and_sending_resumes_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(alpha: Running, bravo: Running) -> None:
        await alpha.say("before")
        await pair.settle(alpha, bravo)
        store = watched(bravo)
        held = [fact for _, fact in store.facts()]
        store.held.full = True
        await alpha.say("while bravo is full", key="k1")
        with pytest.raises(StoreFull):
            await bravo.say("refused")
        for _ in range(50):
            await asyncio.sleep(0)
        with pytest.raises(StoreFull):
            await bravo.say("refused too")
        assert [fact for _, fact in store.facts()] == held
        status = bravo.host.status()
        assert status["disk_full"] is True
        troubles = status["troubles"]
        assert isinstance(troubles, list)
        assert [t["code"] for t in troubles if isinstance(t, dict)] == [FULL]
        assert bravo.host.audit()["ok"] is True  # reading goes on
        assert states(bravo) == ["up"]  # and the links are shown as they are
        store.held.full = False
        later(bravo, monkeypatch)
        await pair.settle(alpha, bravo)
        await asyncio.sleep(0)
        await pair.settle(alpha, bravo)
        assert bravo.host.status()["disk_full"] is False
        bodies = [fact.body for _, fact in store.facts() if fact.kind == FactKind.ALARM]
        assert "store.was_full" in [Alarm.decode(body).code for body in bodies]
        await bravo.say("goes on")
        await pair.equal(alpha, bravo)  # ALPHA offers again what it had handed over in vain
        assert bravo.host.audit()["ok"] is True

    play(tmp_path, story)


def states(running: Running) -> list[str]:
    """The state of each link, as an officer is told it."""
    line = next(iter(running.host.station.lines.values()))
    return [str(link.state) for link in line.links.values()]


def later(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of the next look for room has come."""
    from tieline.core.events import Tick

    running.host.runtime._probe_at -= PROBE_MS + 1
    running.host.submit(Tick())


def test_looking_for_room_does_not_read_the_journal_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(alpha: Running, bravo: Running) -> None:
        watched(bravo).held.full = True
        with pytest.raises(StoreFull):
            await bravo.say("refused")
        reads: list[int] = []
        monkeypatch.setattr(bravo.host.runtime, "_rebuild", lambda _: reads.append(1))
        for _ in range(3):
            later(bravo, monkeypatch)
            for _ in range(5):
                await asyncio.sleep(0)
        assert bravo.host.runtime.full
        assert reads == []

    play(tmp_path, story)
