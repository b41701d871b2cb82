"""How much one turn takes of a flood, and who does not stand behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.node import pair
from tests.node.pair import Running

from tieline.core import bundle
from tieline.core.charter import dearmor_charter
from tieline.core.events import Arrived, Connected, Discard, Event, Known, Lost, Tick
from tieline.core.journal import FactKind
from tieline.core.log import Item, Items
from tieline.core.sync import Pace, Push, pack
from tieline.core.terms import Now, Precedence
from tieline.node import host as host_module
from tieline.node import view
from tieline.node.host import FEW, REPLAY_BATCH, Host
from tieline.node.intake import (
    ENVELOPE_BYTES,
    IMPORTS,
    MAX_BYTES,
    MAX_QUEUE,
    PATIENCE,
    TURN_BYTES,
    Intake,
)
from tieline.node.watchers import LIVE_PIECE

TEXTS = 400
_RECEIPT = FactKind.RECEIPT


def arrived(size: int, peer: bytes = b"p", known: Known | None = None) -> Arrived:
    return Arrived(carrier="tls", peer=peer, envelope=bytes(size), known=known)


def act(token: int) -> Discard:
    return Discard(token=token, line=b"", draft=1, officer="A. Okafor")


def filled(*events: Event) -> Intake:
    intake = Intake()
    for event in events:
        assert intake.put(event)
    return intake


def test_what_is_no_flood_is_taken_whole_and_in_order() -> None:
    events: list[Event] = [
        arrived(9),
        act(1),
        Tick(),
        arrived(9),
        Lost(carrier="tls", peer=b"p", cause=""),
    ]
    intake = filled(*events)
    assert intake.take() == events
    assert len(intake) == 0
    assert intake.take() == []


def test_a_turn_takes_some_of_a_flood_and_the_envelope_that_goes_beyond() -> None:
    large = [arrived(TURN_BYTES // 2, bytes([at])) for at in range(5)]
    intake = filled(*large, Tick())
    assert intake.take() == large[:2]
    assert intake.take() == large[2:4]
    assert intake.take() == [large[4], Tick()]
    whole = arrived(10 * TURN_BYTES)
    assert filled(whole, arrived(1)).take() == [whole]


def test_many_small_ones_are_a_flood_too() -> None:
    intake = filled(*(arrived(0) for _ in range(1_000)))
    assert len(intake.take()) == TURN_BYTES // ENVELOPE_BYTES


def test_an_act_does_not_stand_behind_what_is_left() -> None:
    large = [arrived(TURN_BYTES, bytes([at])) for at in range(3)]
    intake = filled(large[0], act(1), large[1], act(2), Tick(), large[2], act(3))
    assert intake.take() == [large[0], act(1), act(2), act(3)]
    assert intake.take() == [large[1], Tick()]
    intake.put(act(4))
    assert intake.take() == [large[2], act(4)]


def test_a_flood_is_dropped_and_nothing_else() -> None:
    intake = filled(*(arrived(1) for _ in range(MAX_QUEUE)))
    assert not intake.put(arrived(1))
    assert intake.put(act(1))
    assert intake.put(Tick())
    assert len(intake) == MAX_QUEUE + 2


def test_nobody_stands_behind_the_flood_of_another() -> None:
    noisy: list[Event] = [arrived(3 * TURN_BYTES, b"n") for _ in range(50)]
    quiet: list[Event] = [arrived(100, b"q"), Lost(carrier="tls", peer=b"q", cause="")]
    intake = filled(*noisy, *quiet)
    assert intake.take() == noisy[:1]
    assert intake.take() == [noisy[1], *quiet]
    assert intake.take() == noisy[2:3]
    small: list[Event] = [arrived(0, b"n") for _ in range(2_000)]
    intake = filled(*small, *quiet)
    first = intake.take()
    assert first == [*small[: len(first) - 2], *quiet]
    assert len(first) - 1 == TURN_BYTES // ENVELOPE_BYTES, "what one leaves of the turn is used"


def test_what_waits_of_one_peer_is_bounded_and_costs_no_other() -> None:
    intake = Intake()
    large = arrived(MAX_BYTES // 4, b"n")
    assert [intake.put(large) for _ in range(6)] == [True] * 4 + [False] * 2
    assert not intake.has_room(b"n")
    assert intake.has_room(b"q")
    assert intake.put(arrived(1, b"q"))
    assert intake.put(Lost(carrier="tls", peer=b"n", cause=""))
    read_in = Arrived(carrier=IMPORTS, peer=b"n", envelope=large.envelope)
    assert [intake.put(read_in) for _ in range(6)] == [True] * 6
    assert intake.imports
    taken = [intake.take() for _ in range(10)]
    assert all(taken)
    assert sum(map(len, taken)) == 4 + 1 + 1 + 6
    assert len(intake) == 0
    assert [intake.imports, intake.put(large)] == [False, True]


def test_what_one_peer_sent_and_did_keeps_its_order() -> None:
    events: list[Event] = []
    for number in range(40):
        for peer in (b"n", b"q"):
            events.append(Connected(carrier="tls", peer=peer, address=str(number)))
            events.append(arrived(TURN_BYTES // 4 * (1 + (peer == b"n")), peer))
            events.append(Lost(carrier="tls", peer=peer, cause=str(number)))
    intake, taken = filled(*events), list[Event]()
    while intake:
        taken += intake.take()
    for peer in (b"n", b"q"):
        of = [[e for e in some if getattr(e, "peer", b"") == peer] for some in (events, taken)]
        assert of[0] == of[1]


def test_a_flood_without_end_does_not_stop_the_time() -> None:
    intake = filled(arrived(2 * TURN_BYTES), arrived(2 * TURN_BYTES), Tick(), arrived(1))
    turns = 0
    while Tick() not in intake.take():
        intake.put(arrived(2 * TURN_BYTES))
        turns += 1
    assert turns == 1, "it is in its order"
    intake = filled(*(arrived(2 * TURN_BYTES) for _ in range(2 * PATIENCE)), Tick())
    turns = 0
    while Tick() not in intake.take():
        turns += 1
    assert turns == PATIENCE


def test_what_is_read_in_is_in_though_a_flood_goes_on(tmp_path: Path) -> None:
    asyncio.run(_reads_in(tmp_path))


async def _reads_in(folder: Path) -> None:
    alpha, bravo = await pair.two(folder)
    for number in range(3):
        await alpha.say(f"text {number}")
    line = next(iter(alpha.host.station.lines.values()))
    data, count = alpha.host.export_bundle(line, (bravo.seat.keys.station,))
    for _ in range(40):
        bravo.host.heard(alpha.seat.keys.station, "memory", bytes(TURN_BYTES))
    async with asyncio.timeout(pair.WAIT_S):
        found = await bravo.host.import_bundle(data)
    assert found["added"] == count >= 3
    assert len(bravo.host._intake) > 10


def test_of_a_long_bundle_the_last_refusal_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_refuses_the_last(tmp_path, monkeypatch))


async def _refuses_the_last(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, bravo = await pair.two(folder)
    await asyncio.gather(*(alpha.say(f"text {number}") for number in range(REPLAY_BATCH)))
    line = next(iter(alpha.host.station.lines.values()))
    data, count = alpha.host.export_bundle(line, (bravo.seat.keys.station,))
    last = line.record.order[-1].statement.raw
    forged = pack(Push(line.id, (last[:-1] + bytes((last[-1] ^ 1,)),)))
    read = bundle.envelopes_of
    monkeypatch.setattr(bundle, "envelopes_of", lambda plain: (*read(plain), forged))
    async with asyncio.timeout(pair.WAIT_S):
        found = await bravo.host.import_bundle(data)
    assert found["added"] == count
    assert f"number {REPLAY_BATCH} of station" in str(found["refused"])


def test_an_officer_is_answered_while_a_station_catches_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_catches_up(tmp_path, monkeypatch))


async def _catches_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, bravo = await pair.two(folder)
    pair.join(alpha, bravo)
    await pair.settle(alpha, bravo)
    road = alpha.road
    assert road is not None
    for exchange in alpha.host.station.exchanges.values():
        exchange.pace = Pace()  # on a slow machine it would send all of it again, many times over
    held: list[bytes] = []

    def hold(_: bytes, envelope: bytes) -> bool:
        held.append(envelope)
        return True

    monkeypatch.setattr(road, "send", hold)
    for number in range(TEXTS):
        await alpha.say(f"{number} {'x' * 2_000}")
    own = next(iter(bravo.host.station.lines.values())).record
    log = next(iter(alpha.host.station.lines.values())).own_log
    before = own.size(log)
    for envelope in held:  # all that A has sent, at once
        bravo.host.heard(alpha.seat.keys.station, "memory", envelope)
    told: list[int] = []

    async def follow() -> None:
        async for piece in bravo.host.subscribe(bravo.store.last()):
            told.extend(seq for seq, _ in piece)
            if own.size(log) == before + TEXTS and told[-1] == bravo.store.last():
                return

    watching = asyncio.create_task(follow())
    await bravo.say("we are here")
    taken = own.size(log) - before
    assert 0 < taken < TEXTS / 2, "the act waited for the flood"
    async with asyncio.timeout(pair.WAIT_S):
        await watching
    assert told == sorted(set(told))


def test_a_snapshot_waits_for_the_watchers_and_not_for_long(tmp_path: Path) -> None:
    asyncio.run(_snapshots(tmp_path))


async def _snapshots(folder: Path) -> None:
    seats, charter = pair.make_homes(folder)
    alpha = Running(seats[0], pair.open_store(seats[0]))
    await alpha.install(dearmor_charter(charter))
    host: Host = alpha.host
    resumer = host.runtime._resumer
    resumer._every = 10
    line = next(iter(host.station.lines.values()))
    while resumer._seq - resumer._kept != 1:  # just after one
        await alpha.say("text")
    wanted = [True]
    host.runtime.wanted = lambda: wanted[0]
    settled = resumer._kept
    while resumer._seq - settled < 15:
        await alpha.say("text")
        assert resumer._kept == settled
    wanted[0] = False
    host.runtime.turn([Tick()], Now(1, 1, 1))
    assert resumer._kept > settled
    settled, wanted[0] = resumer._kept, True
    while resumer._seq - settled < 20:
        await alpha.say("text")
    assert resumer._kept - settled <= 22, "somebody who never looks holds the memory"
    assert line.record.logs[line.own_log].settled > 0


def test_a_flood_waits_for_what_is_to_be_told_and_an_act_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_module, "TELL_S", pair.WAIT_S)
    asyncio.run(_waits(tmp_path, monkeypatch))


async def _waits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, bravo = await pair.two(folder)
    pair.join(alpha, bravo)
    await pair.settle(alpha, bravo)
    for running in (alpha, bravo):  # from here on no timer makes a turn
        running.host._arming = True
        if running.host._timer is not None:
            running.host._timer.cancel()
    host = bravo.host
    stream = host.subscribe(0)
    while b'"live"' not in (await anext(stream))[-1][1]:
        pass
    gate, taken = asyncio.Event(), asyncio.Event()

    async def words(_: object) -> None:
        await gate.wait()

    turn = host.runtime.turn

    def watched(events: Sequence[Event], now: Now) -> None:
        if any(isinstance(event, Arrived) for event in events):
            taken.set()
        turn(events, now)

    monkeypatch.setattr(host.runtime, "turn", watched)
    host.feed.words = words
    fact = next(iter(host.runtime.store.facts(0)))[1]
    host.feed.publish(host.last() + 1, [fact] * (FEW + 2 * LIVE_PIECE))
    await asyncio.sleep(0)
    host.heard(alpha.seat.keys.station, "memory", b"no envelope")
    for _ in range(20):
        await asyncio.sleep(0)
    assert not taken.is_set(), "it goes on with a flood that nobody was told of"
    async with asyncio.timeout(pair.WAIT_S / 2):
        await bravo.say("we are here")  # without waiting for the telling
    assert not gate.is_set()
    taken.clear()
    host.heard(alpha.seat.keys.station, "memory", b"no envelope")
    gate.set()
    async with asyncio.timeout(pair.WAIT_S / 2):  # as soon as all is told
        await taken.wait()
    await stream.aclose()


def test_a_receipt_names_what_it_was_the_first_to_cover_settled_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_receipts(tmp_path, monkeypatch))


async def _receipts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, bravo = await pair.two(folder)
    pair.join(alpha, bravo)
    said: list[str] = []
    for _ in range(4):
        done = await asyncio.gather(*(alpha.say("text", Precedence.IMMEDIATE) for _ in range(30)))
        said += [each.item.hex() for each in done]
        await pair.settle(alpha, bravo)
    host = alpha.host

    def covered() -> list[list[str]]:
        facts = [entry for entry in host.runtime.store.facts(0) if entry[1].kind == _RECEIPT]
        shown = [host.event(seq, fact) for seq, fact in facts]
        (line,) = host.station.lines.values()
        return [each["items"] for each in shown if each["log"] == line.own_log.hex()]  # type: ignore[misc]

    before = covered()
    assert [item for items in before for item in items] == said
    assert len([items for items in before if items]) >= 4
    host.runtime.snapshot(host.clock.now())
    assert covered() == before
    spans: list[int] = []
    run = Items.run

    def watched(items: Items, start: int, stop: int) -> list[Item]:
        spans.append(stop - start)
        return run(items, start, stop)

    monkeypatch.setattr(view, "RUN", 7)
    monkeypatch.setattr(Items, "run", watched)
    assert covered() == before
    assert max(spans) == 7, "so many are in memory together"
