"""Where a peer is tried, when, and what is told of it."""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.carriers.stations import LOOPS, run
from tests.carriers.virtual import run_virtually

from tieline.carriers.dial import (
    Backoff,
    Dialler,
    Failures,
    Place,
    Resolver,
    connect,
    parse_place,
)
from tieline.carriers.tuning import TlsTuning
from tieline.core.errors import LocalError, ShellError

TUNING = TlsTuning(backoff_min_s=0.1, backoff_max_s=30.0, settled_s=10.0, report_s=300.0)
HOUR = 3600.0


# --------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.0.2.1:7001", Place(host="192.0.2.1", port=7001, literal=True)),
        ("[::1]:7001", Place(host="::1", port=7001, literal=True)),
        ("[fe80::1%eth0]:1", Place(host="fe80::1%eth0", port=1, literal=True)),
        ("station.example:65535", Place(host="station.example", port=65_535, literal=False)),
    ],
)
def test_an_address_is_taken_apart(text: str, place: Place) -> None:
    assert parse_place(text) == place
    family = socket.AF_INET6 if text.startswith("[") else socket.AF_INET
    assert parse_place(text).family == family


@pytest.mark.parametrize(
    "text",
    [
        "",
        "192.0.2.1",
        "192.0.2.1:",
        "192.0.2.1:65536",
        "192.0.2.1:-1",
        "192.0.2.1:7001 ",
        "192.0.2.1:7001\n",
        "::1:7001",
        "[::1]",
        "[station.example]:7001",
        "a b:7001",
        ":7001",
        "[::1]:7001:7002",
        "192.0.2.1:٧",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(LocalError) as refused:
        parse_place(text)
    assert refused.value.code == "carrier.address"


# --------------------------------------------------------------------------- pauses


@given(st.integers(0, 2**32))
def test_a_pause_is_drawn_below_a_limit_that_doubles(seed: int) -> None:
    backoff = Backoff(random.Random(seed), TUNING)
    for turn in range(2):
        limit = TUNING.backoff_min_s
        for _ in range(20):
            assert 0 <= backoff.pause(HOUR) <= limit, turn
            limit = min(TUNING.backoff_max_s, limit * 2)
        backoff.reset()


def test_the_jitter_is_full() -> None:
    """Pauses fill the whole range: stations that lost each other do not dial in step."""
    backoff = Backoff(random.Random(1), TUNING)
    for _ in range(20):
        backoff.pause(HOUR)
    drawn = [backoff.pause(HOUR) for _ in range(1000)]
    assert min(drawn) < 1
    assert max(drawn) > 29
    assert 14 < sum(drawn) / len(drawn) < 16


@given(st.integers(0, 2**32), st.floats(0, 10_000))
def test_a_pause_is_a_small_share_of_the_time_without_the_peer(seed: int, away_s: float) -> None:
    backoff = Backoff(random.Random(seed), TUNING)
    for _ in range(20):
        backoff.pause(HOUR)
    assert backoff.pause(away_s) <= min(30.0, max(1.0, away_s * TUNING.away_share))


def test_after_a_minute_the_next_try_comes_within_two_seconds() -> None:
    """And so it does after each shorter outage: what is lost for long is tried less often."""

    async def test() -> None:
        d = Dialled(takes_s=1.2)  # as long as a road that swallows all lets one attempt take
        d.dialler.aim(("only",))
        async with running(d):
            await asyncio.sleep(60)
        assert max(b - a for a, b in itertools.pairwise(d.times)) <= 1.2 + 1.0

    run_virtually(test())


# --------------------------------------------------------------------------- what is told


def test_a_failure_is_told_when_it_is_news() -> None:
    failures = Failures(TUNING)
    assert failures.note("a", "refused", 0.0) == "refused"
    assert failures.note("a", "refused", 1.0) is None
    assert failures.note("b", "refused", 1.0) == "refused"
    assert failures.note("a", "no route", 2.0) == "no route"
    for n in range(9):
        assert failures.note("a", "no route", 3.0 + n) is None
    assert failures.note("a", "no route", 302.0) == "no route (another 10 times in 300 s)"
    assert failures.note("a", "no route", 303.0) is None
    failures.clear()
    assert failures.note("a", "no route", 304.0) == "no route"


# --------------------------------------------------------------------------- the dialler


class Dialled:
    """A dialler whose attempts are written down and fail, until ``answers`` holds the address."""

    def __init__(self, seed: int = 1, takes_s: float = 0.0) -> None:
        self.answers: set[str] = set()
        self.takes_s = takes_s
        self.tried: list[tuple[float, str]] = []
        self.told: list[str] = []
        self.hurried = False
        self.dialler = Dialler(
            attempt=self._attempt,
            failed=lambda address, cause: self.told.append(f"{address} {cause}"),
            tuning=TUNING,
            rng=random.Random(seed),
        )

    async def _attempt(self, address: str) -> str | None:
        self.tried.append((asyncio.get_running_loop().time(), address))
        await asyncio.sleep(self.takes_s)
        if self.hurried:
            self.dialler.hurry()
        if address not in self.answers:
            return "refused"
        self.dialler.rest()
        return None

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.tried]


@asynccontextmanager
async def running(*of: Dialled) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(each.dialler.run()) for each in of]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def test_a_round_tries_the_addresses_in_their_order_until_one_answers() -> None:
    async def test() -> None:
        d = Dialled()
        d.dialler.aim(("first", "second", "third"))
        async with running(d):
            await asyncio.sleep(60)
            in_order = [address for _, address in d.tried]
            assert len(in_order) > 6
            assert in_order == (["first", "second", "third"] * len(in_order))[: len(in_order)]
            d.tried.clear()
            d.answers.add("second")
            await asyncio.sleep(120)
            tail = [address for _, address in d.tried][-2:]
            assert tail == ["first", "second"]
        assert d.told == ["first refused", "second refused", "third refused"]

    run_virtually(test())


def test_a_dead_line_is_tried_for_ever_but_not_often() -> None:
    async def test() -> None:
        d = Dialled()
        d.dialler.aim(("only",))
        async with running(d):
            await asyncio.sleep(24 * HOUR)
        assert max(b - a for a, b in itertools.pairwise(d.times)) <= 30.0
        # A mean of 15 s between attempts, once the limit is reached.
        assert 24 * 200 < len(d.times) < 24 * 300
        assert len([at for at in d.times if at < 10]) >= 5
        assert len(d.told) <= 24 * HOUR / TUNING.report_s + 1

    run_virtually(test())


def test_two_stations_that_lost_each_other_do_not_dial_in_step() -> None:
    async def test() -> None:
        pair = (Dialled(seed=1), Dialled(seed=2))
        for each in pair:
            each.dialler.aim(("only",))
        async with running(*pair):
            await asyncio.sleep(HOUR)
        one, other = (each.times for each in pair)
        close = [a for a in one if any(abs(a - b) < 0.01 for b in other)]
        assert len(close) <= len(one) / 20

    run_virtually(test())


def test_nothing_is_dialled_while_a_session_stands() -> None:
    async def test() -> None:
        d = Dialled()
        d.answers.add("only")
        d.dialler.aim(("only",))
        async with running(d):
            await asyncio.sleep(HOUR)
            assert len(d.tried) == 1
            d.dialler.hurry()
            await asyncio.sleep(HOUR)
            assert len(d.tried) == 1
            d.dialler.aim(())
            d.dialler.resume(HOUR)
            await asyncio.sleep(HOUR)
            assert len(d.tried) == 1

    run_virtually(test())


@pytest.mark.parametrize(("lived_s", "first_s"), [(10.0, 0.1), (9.9, 30.0)])
def test_a_session_that_lived_starts_the_pauses_anew(lived_s: float, first_s: float) -> None:
    """One that was lost at once does not: who takes calls and drops them is not hammered."""

    async def pause_after(seed: int) -> float:
        d = Dialled(seed)
        d.dialler.aim(("only",))
        async with running(d):
            await asyncio.sleep(HOUR)
            d.answers.add("only")
            await asyncio.sleep(120)
            lost_at = asyncio.get_running_loop().time()
            d.dialler.resume(lived_s)
            d.tried.clear()
            await asyncio.sleep(60)
            return d.times[0] - lost_at

    async def test() -> None:
        pauses = [await pause_after(seed) for seed in range(12)]
        assert first_s / 2 < max(pauses) <= first_s

    run_virtually(test())


def test_a_hurry_ends_the_pause() -> None:
    async def test() -> None:
        d = Dialled()
        d.dialler.aim(("only",))
        async with running(d):
            await asyncio.sleep(HOUR)
            for _ in range(20):
                d.tried.clear()
                began = asyncio.get_running_loop().time()
                d.dialler.hurry()
                await asyncio.sleep(0.3)
                assert d.times[0] - began <= TUNING.backoff_min_s
                await asyncio.sleep(100)

    run_virtually(test())


def test_a_caller_in_a_hurry_cannot_make_it_spin() -> None:
    async def test() -> None:
        d = Dialled()
        d.hurried = True
        d.dialler.aim(("only",))
        async with running(d):
            await asyncio.sleep(60)
        # A third of backoff_min_s is the mean of what is not cut short.
        assert 60 / TUNING.backoff_min_s < len(d.tried) < 5 * 60 / TUNING.backoff_min_s

    run_virtually(test())


def test_new_addresses_are_tried_at_once() -> None:
    async def test() -> None:
        d = Dialled()
        d.dialler.aim(("old",))
        async with running(d):
            await asyncio.sleep(HOUR)
            d.tried.clear()
            d.dialler.aim(("new",))
            await asyncio.sleep(0.2)
            assert d.tried[0][1] == "new"
            assert d.told[-1] == "new refused"

    run_virtually(test())


# --------------------------------------------------------------------------- names and sockets


def test_a_literal_is_never_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> object:
        raise AssertionError("a literal was looked up")

    async def test() -> None:
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        for text, host in (("192.0.2.1:1", "192.0.2.1"), ("[::1]:1", "::1")):
            assert await Resolver().hosts(parse_place(text)) == (host,)

    asyncio.run(test())


def test_one_name_is_looked_up_once_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    may_end = threading.Event()
    asked: list[str] = []

    def look_up(name: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(name)
        may_end.wait(100)
        found = ["192.0.2.1", "192.0.2.1", "2001:db8::1", *(f"192.0.2.{n}" for n in range(20, 60))]
        return [(None, None, None, "", (host, 0)) for host in found]

    async def test() -> None:
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        resolver = Resolver()
        place = parse_place("station.example:1")
        waiting = [asyncio.ensure_future(resolver.hosts(place)) for _ in range(10)]
        await asyncio.sleep(0)
        waiting.pop().cancel()  # an attempt's deadline does not end the look-up for the others
        may_end.set()
        for found in await asyncio.gather(*waiting):
            assert found[:2] == ("192.0.2.1", "2001:db8::1")
            assert len(found) == 8
        assert asked == ["station.example"]

    asyncio.run(test())


def test_a_name_that_is_not_found_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    async def test() -> None:
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        with pytest.raises(ShellError, match="the name was not found") as refused:
            await Resolver().hosts(parse_place("station.example:1"))
        assert refused.value.code == "carrier.name"

    asyncio.run(test())


@pytest.mark.parametrize("loop", LOOPS)
def test_why_a_connection_failed_is_said_in_plain_words(loop: str) -> None:
    async def test() -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
            with pytest.raises(ShellError, match="nothing listens there"):
                await connect(asyncio.Protocol, "127.0.0.1", port, None)
            with pytest.raises(ShellError, match="does not have the address to dial from"):
                await connect(asyncio.Protocol, "127.0.0.1", port, "192.0.2.1")

    run(test(), loop)
