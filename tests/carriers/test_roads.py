"""What becomes of sessions when the road between two stations is cut, stalled or doubled."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest
from tests.carriers.stations import (
    FAST,
    LOOPS,
    STATIONS,
    WAIT_S,
    Station,
    World,
    joined,
    keys_of,
    run,
)
from tests.carriers.strangers import ByHand, call, client_context, server_context

from tieline.carriers import frames
from tieline.carriers.link import Link
from tieline.carriers.tls import TlsTuning
from tieline.exercise.wire import Wire
from tieline.ports import Endpoint

Road = tuple[asyncio.StreamReader, asyncio.StreamWriter]
A_HOST = "127.0.0.11"
B_HOST = "127.0.0.12"


@dataclass(slots=True, kw_only=True)
class Field:
    """ALPHA (the smaller id) and BRAVO with the wire between them."""

    world: World
    wire: Wire
    alpha: Station
    bravo: Station
    alpha_front: str
    bravo_front: str

    def stall_all(self) -> None:
        self.wire.stall(A_HOST, self.bravo_front)
        self.wire.stall(B_HOST, self.alpha_front)

    def cut_all(self) -> None:
        self.wire.cut(A_HOST, self.bravo_front)
        self.wire.cut(B_HOST, self.alpha_front)

    def meet(self, *, alpha_dials: bool = True, bravo_dials: bool = True) -> None:
        self.alpha.carrier.set_peers(
            [self.bravo.endpoint(*([self.bravo_front] if alpha_dials else []))]
        )
        self.bravo.carrier.set_peers(
            [self.alpha.endpoint(*([self.alpha_front] if bravo_dials else []))]
        )


@asynccontextmanager
async def field(tuning: TlsTuning = FAST, seed: int = 1) -> AsyncIterator[Field]:
    async with World() as world:
        alpha = await world.station("ALPHA", tuning=tuning, dial_from=A_HOST, seed=seed)
        bravo = await world.station("BRAVO", tuning=tuning, dial_from=B_HOST, seed=seed + 1000)
        wire = Wire()
        world.push_async_callback(wire.close)
        yield Field(
            world=world,
            wire=wire,
            alpha=alpha,
            bravo=bravo,
            alpha_front=await wire.add("127.0.0.1:0", alpha.address),
            bravo_front=await wire.add("127.0.0.1:0", bravo.address),
        )


def links(station: Station, other: Station) -> list[Link]:
    return station.carrier._peers[other.id].links


async def tick() -> None:
    """Wait until the clock of the loop has moved."""
    loop = asyncio.get_running_loop()
    moved = loop.create_future()
    loop.call_at(loop.time() + 1e-6, moved.set_result, None)
    await moved


class Traffic:
    """Numbers each way: each one heard is answered by the next, and extra ones are added."""

    def __init__(self, one: Station, other: Station) -> None:
        self.pair = (one, other)
        self.sent: dict[bytes, list[bytes]] = {one.id: [], other.id: []}
        for station, peer in ((one, other), (other, one)):
            station.events.on_heard = partial(self._answer, station, peer)

    def put(self, station: Station, peer: Station) -> None:
        body = f"{station.name} {len(self.sent[station.id])}".encode()
        if station.carrier.send(peer.id, body):
            self.sent[station.id].append(body)

    def _answer(self, station: Station, peer: Station, _whom: bytes, _body: bytes) -> None:
        self.put(station, peer)

    def begin(self) -> None:
        one, other = self.pair
        self.put(one, other)
        self.put(other, one)

    async def end(self) -> None:
        """No more; everything that was taken has arrived, once."""
        one, other = self.pair
        for station in self.pair:
            station.events.on_heard = None
        for station, peer in ((one, other), (other, one)):
            wanted = self.sent[station.id]
            await peer.events.arrived(len(wanted))
            assert sorted(peer.events.heard_from(station.id)) == sorted(wanted)


# --------------------------------------------------------------------------- two sessions


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("seed", range(3))
def test_when_both_dial_one_session_is_left_and_nothing_is_lost(loop: str, seed: int) -> None:
    async def test() -> None:
        async with field(seed=seed) as f:
            alpha, bravo = f.alpha, f.bravo
            f.stall_all()
            f.meet()
            await f.wire.stands(2)  # both have dialled; neither handshake can move
            traffic = Traffic(alpha, bravo)
            f.wire.heal()
            await joined(alpha, bravo)
            traffic.begin()
            await f.wire.stands(1)
            assert [link.dialled for link in links(alpha, bravo)] == [True]
            assert [link.dialled for link in links(bravo, alpha)] == [False]
            await traffic.end()
            for station in (alpha, bravo):
                assert station.events.story("connected", "lost") == ["connected"]

    run(test(), loop)


@pytest.mark.parametrize("loop", [*LOOPS, "coarse"])
@pytest.mark.parametrize("first", ["ALPHA", "BRAVO"])
def test_a_second_session_changes_hands_without_a_word_to_the_node(first: str, loop: str) -> None:
    """Whichever session stands first and is in use, the one ALPHA dialled is kept."""

    async def test() -> None:
        # Only one road is stalled; nobody is lost for its silence meanwhile.
        async with field(dataclasses.replace(FAST, attempt_s=10.0)) as f:
            alpha, bravo = f.alpha, f.bravo
            f.stall_all()
            f.meet()
            await f.wire.stands(2)
            traffic = Traffic(alpha, bravo)
            roads = [(A_HOST, f.bravo_front), (B_HOST, f.alpha_front)]
            if first == "BRAVO":
                roads.reverse()
            f.wire.heal(*roads[0])
            await joined(alpha, bravo)
            traffic.begin()
            for station in (alpha, bravo):
                await station.events.arrived(20)
            assert links(alpha, bravo)[0].dialled == (first == "ALPHA")
            await tick()  # a coarse clock stands still during all that follows
            f.wire.heal(*roads[1])
            await f.wire.stands(1)
            assert [link.dialled for link in links(alpha, bravo)] == [True]
            assert [link.dialled for link in links(bravo, alpha)] == [False]
            for station in (alpha, bravo):
                await station.events.arrived(len(station.events.envelopes) + 20)
            await traffic.end()
            for station in (alpha, bravo):
                assert station.events.story("connected", "lost") == ["connected"]

    run(test(), loop)


def test_a_dead_session_is_not_kept_against_a_living_one() -> None:
    """ALPHA's own session is half-open; BRAVO has lost it and dials. ALPHA must take BRAVO's."""

    async def test() -> None:
        patient = dataclasses.replace(FAST, lost_s=30.0, challenge_s=0.3)
        async with field(FAST) as f:
            bravo = f.bravo
            alpha = await f.world.station("ALPHA", tuning=patient, dial_from=A_HOST)
            front = await f.wire.add("127.0.0.1:0", alpha.address)
            alpha.carrier.set_peers([bravo.endpoint(f.bravo_front)])
            bravo.carrier.set_peers([alpha.endpoint()])
            await joined(alpha, bravo)
            f.wire.stall(A_HOST, f.bravo_front)
            await bravo.events.count("lost")
            assert not alpha.events.of("lost")
            bravo.carrier.set_peers([alpha.endpoint(front)])
            await bravo.events.count("connected", 2)
            await alpha.events.count("connected", 2)
            assert alpha.events.story("connected", "lost") == ["connected", "lost", "connected"]
            assert "no answer to a ping" in alpha.events.of("lost")[0]
            assert alpha.carrier.send(bravo.id, b"found")
            await bravo.events.arrived(1)
            assert [link.dialled for link in links(alpha, bravo)] == [False]
            assert bravo.events.story("connected", "lost") == ["connected", "lost", "connected"]

    run(test())


def test_a_station_that_starts_again_replaces_its_old_session_at_once() -> None:
    async def test() -> None:
        patient = dataclasses.replace(FAST, lost_s=30.0)
        async with field(patient) as f:
            alpha, bravo = f.alpha, f.bravo
            f.meet(alpha_dials=False)
            await joined(alpha, bravo)
            # The old process is gone without a trace: its connection hangs in the network.
            f.wire.stall(B_HOST, f.alpha_front)
            again = await f.world.station("BRAVO", tuning=patient, dial_from="127.0.0.13")
            again.carrier.set_peers([alpha.endpoint(f.alpha_front)])
            await again.events.count("connected")
            await alpha.events.count("connected", 2)
            assert alpha.events.story("connected", "lost") == ["connected", "lost", "connected"]
            assert "in its place" in alpha.events.of("lost")[0]
            assert alpha.carrier.send(bravo.id, b"welcome back")
            await again.events.arrived(1)

    run(test())


def test_a_session_given_up_while_it_dies_is_told_as_a_loss() -> None:
    """What went into it may not have come out: the node must sync again, on the other one."""

    async def test() -> None:
        async with field(dataclasses.replace(FAST, attempt_s=10.0)) as f:
            alpha, bravo = f.alpha, f.bravo
            f.stall_all()
            f.meet()
            await f.wire.stands(2)
            f.wire.heal(B_HOST, f.alpha_front)
            await joined(alpha, bravo)
            assert bravo.carrier.send(alpha.id, b"one")
            await alpha.events.arrived(1)
            # BRAVO's session falls silent with an envelope in it, then ALPHA's comes up.
            f.wire.stall(B_HOST, f.alpha_front)
            assert bravo.carrier.send(alpha.id, b"two")
            f.wire.heal(A_HOST, f.bravo_front)
            await bravo.events.count("connected", 2)
            assert bravo.events.story("connected", "lost") == ["connected", "lost", "connected"]
            assert bravo.carrier.send(alpha.id, b"three")
            await alpha.events.arrived(2)
            assert alpha.events.heard_from(bravo.id) == [b"one", b"three"]

    run(test())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("confirmed", [True, False])
def test_a_session_given_up_is_a_loss_unless_its_end_is_confirmed(
    loop: str, confirmed: bool
) -> None:
    """Another session stands meanwhile; the node must not take it for the same one."""

    async def test() -> None:
        async with World() as world, asyncio.timeout(WAIT_S):
            bravo = await world.station("BRAVO")
            alpha = keys_of("ALPHA")
            came: asyncio.Queue[Road] = asyncio.Queue()

            async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await came.put((reader, writer))

            server = await asyncio.start_server(receive, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            bravo.carrier.set_peers(
                [
                    Endpoint(
                        station=STATIONS["ALPHA"],
                        tls_der=(alpha.cert_der,),
                        addresses=(f"127.0.0.1:{port}",),
                    )
                ]
            )
            pins = [bravo.keys.cert_der]
            first = ByHand(await came.get(), server_context(alpha, pins), server_side=True)
            await first.shake()
            first.say(frames.ping(1))
            await bravo.events.count("connected")
            assert bravo.carrier.send(STATIONS["ALPHA"], b"one")
            road = await call(bravo.address)
            second = ByHand(road, client_context(alpha, pins), server_side=False)
            await second.shake()
            second.say(frames.ping(2))
            await second.hear(frames.FrameType.PONG)
            first.say(frames.close("the other one is kept"))
            await first.hear(None)  # BRAVO has said all it had to say there
            if confirmed:
                first.farewell()
            first.abort()
            if confirmed:
                second.say(frames.envelope(b"two"))
                await bravo.events.arrived(1)
                assert bravo.events.story("connected", "lost") == ["connected"]
            else:
                await bravo.events.count("connected", 2)
                assert bravo.events.story("connected", "lost") == ["connected", "lost", "connected"]
            assert bravo.carrier.send(STATIONS["ALPHA"], b"three")
            await second.hear(frames.FrameType.ENVELOPE)
            second.abort()
            await bravo.events.count("lost", 1 if confirmed else 2)
            server.close()

    run(test(), loop)


# --------------------------------------------------------------------------- silence and cuts


@pytest.mark.parametrize("loop", LOOPS)
def test_a_half_open_line_is_noticed_by_both_and_mended(loop: str) -> None:
    async def test() -> None:
        async with field() as f:
            alpha, bravo = f.alpha, f.bravo
            f.meet(bravo_dials=False)  # so that there is one session to lose
            await joined(alpha, bravo)
            clock = asyncio.get_running_loop()
            began = clock.time()
            f.stall_all()
            alpha.carrier.send(bravo.id, b"into the void")
            for station in (alpha, bravo):
                await station.events.count("lost")
                assert station.events.of("lost") == ["nothing was heard for 1 s"]
            assert clock.time() - began < FAST.lost_s + FAST.ping_s + 1.0
            f.wire.heal()
            for station in (alpha, bravo):
                await station.events.count("connected", 2)
            traffic = Traffic(alpha, bravo)
            alpha.events.envelopes.clear()
            bravo.events.envelopes.clear()
            traffic.begin()
            for station in (alpha, bravo):
                await station.events.arrived(5)
            await traffic.end()

    run(test(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_an_idle_line_lives_on_a_ping_now_and_then(
    loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a silence that would end it, and at no more than a ping per ``ping_s``."""

    async def test() -> None:
        tuning = dataclasses.replace(FAST, ping_s=0.05, lost_s=0.5)
        async with field(tuning) as f:
            f.meet(bravo_dials=False)
            await joined(f.alpha, f.bravo)
            clock = asyncio.get_running_loop()
            proven = f.alpha.carrier.proven
            answered: list[float] = []
            enough = asyncio.Event()

            def count(link: Link) -> None:
                answered.append(clock.time())
                if len(answered) == 20:
                    enough.set()
                proven(link)

            monkeypatch.setattr(f.alpha.carrier, "proven", count)
            await asyncio.wait_for(enough.wait(), WAIT_S)
            lasted = answered[-1] - answered[0]
            assert lasted > tuning.lost_s
            # Less 10 ms a time for clocks and timers that are coarse.
            assert lasted >= (len(answered) - 2) * (tuning.ping_s - 0.01)
            for station in (f.alpha, f.bravo):
                assert station.events.story("connected", "lost") == ["connected"]

    run(test(), loop)


def test_a_cut_is_noticed_at_once_and_tried_until_it_heals() -> None:
    async def test() -> None:
        async with field() as f:
            alpha, bravo = f.alpha, f.bravo
            f.meet()
            await joined(alpha, bravo)
            f.cut_all()
            for station in (alpha, bravo):
                await station.events.count("lost")
                await station.events.count("failed")
            f.wire.heal()
            for station in (alpha, bravo):
                await station.events.count("connected", 2)

    run(test())


def test_a_one_way_cut_leaves_the_other_way() -> None:
    """Only BRAVO can call: the line stands on BRAVO's call."""

    async def test() -> None:
        async with field() as f:
            f.wire.cut(A_HOST, f.bravo_front)
            f.meet()
            await joined(f.alpha, f.bravo)
            assert [link.dialled for link in links(f.bravo, f.alpha)] == [True]

    run(test())


def test_hurry_does_not_wait_for_the_pause() -> None:
    async def test() -> None:
        tuning = dataclasses.replace(FAST, backoff_min_s=0.05, backoff_max_s=3600.0)
        async with field(tuning) as f:
            f.cut_all()
            f.meet(bravo_dials=False)
            await f.alpha.events.count("failed")
            # Double the pause until it is an hour.
            dialler = f.alpha.carrier._peers[f.bravo.id].dialler
            for _ in range(20):
                dialler._backoff.pause(1_000_000)
            dialler._away_at = -1_000_000.0
            f.wire.heal()
            for _ in range(3):  # the round in progress, the pause after it
                f.alpha.carrier.hurry(f.bravo.id)
                await asyncio.sleep(0)
            await joined(f.alpha, f.bravo)

    run(test())


# --------------------------------------------------------------------------- anything at any time


class Log:
    """What one station handed over and what it was told of its sessions, in one order."""

    def __init__(self, station: Station, peer: Station) -> None:
        self.station = station
        self.peer = peer
        self.taken: list[bytes] = []
        self.sure = 0  # of those taken, how many were taken before the newest loss

    def put(self) -> None:
        body = f"{self.station.name} {len(self.taken)}".encode()
        if self.station.carrier.send(self.peer.id, body):
            self.taken.append(body)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("seed", range(3))
def test_whatever_becomes_of_the_roads_no_loss_is_kept_quiet(loop: str, seed: int) -> None:
    """Nothing arrives twice, and what was taken after the newest loss that was told arrives."""

    async def test() -> None:
        rng = random.Random(seed)
        quick = dataclasses.replace(FAST, ping_s=0.05, lost_s=0.3, challenge_s=0.15, attempt_s=0.5)
        async with field(quick, seed=seed) as f:
            roads = [(A_HOST, f.bravo_front), (B_HOST, f.alpha_front)]
            logs = [Log(f.alpha, f.bravo), Log(f.bravo, f.alpha)]
            for log in logs:
                log.station.events.on_lost = partial(_note_loss, log)
            f.meet()
            for _ in range(60):
                act = rng.choice([f.wire.cut, f.wire.stall, f.wire.heal, f.wire.heal])
                act(*rng.choice(roads))
                for _ in range(rng.randint(0, 5)):
                    for log in logs:
                        log.put()
                    await turns(rng.randint(0, 30))
                if rng.random() < 0.2:
                    await pause(rng.uniform(0, 0.2))
            f.wire.heal()
            for log in logs:
                await log.station.events.until(partial(_stands, log))
            for log in logs:
                log.put()
            for log in logs:
                await log.peer.events.until(partial(_complete, log))
                heard = log.peer.events.heard_from(log.station.id)
                assert len(heard) == len(set(heard))
                assert set(heard) <= set(log.taken)

    run(test(), loop)


def _note_loss(log: Log) -> None:
    log.sure = len(log.taken)


def _stands(log: Log) -> bool:
    return log.station.events.story("connected", "lost")[-1:] == ["connected"]


def _complete(log: Log) -> bool:
    heard = set(log.peer.events.heard_from(log.station.id))
    return set(log.taken[log.sure :]) <= heard


async def turns(many: int) -> None:
    """Give the loop so many turns."""
    for _ in range(many):
        await asyncio.sleep(0)


async def pause(seconds: float) -> None:
    """Let time pass, which here is part of the schedule: a stall is nothing without it."""
    loop = asyncio.get_running_loop()
    passed = loop.create_future()
    loop.call_later(seconds, passed.set_result, None)
    await passed
