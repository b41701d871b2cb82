"""Two homes with real keys, and two running stations in one loop, joined by a road in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieline.core.charter import (
    Release,
    SignedCharter,
    armor_charter,
    dearmor_charter,
    make_charter,
)
from tieline.core.errors import TielineError
from tieline.core.events import Done, Install, Speak
from tieline.core.identity import armor
from tieline.core.statement import Body, Content
from tieline.core.sync import Pace
from tieline.core.terms import Kind, Precedence, Role
from tieline.node import homekeys, secrets
from tieline.node.agreements import Agreements
from tieline.node.clock import MachineClock
from tieline.node.config import Config, Home, write_config
from tieline.node.host import Host
from tieline.node.roomwatch import RoomWatch
from tieline.node.secrets import StationKeys
from tieline.ports import Endpoint, Store
from tieline.store.memory import MemoryMachine
from tieline.store.sqlite import SqliteStore

CODES = ("ALPHA", "BRAVO")
WAIT_S = 90.0
REST_S = 45.0  # less than whoever waits for it from another thread does
ANY_ONE = Release(four_eyes=frozenset())
BRISK = Pace(relay_ms=10, gossip_ms=10, retry_ms=20, retry_max_ms=40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    home: Home
    keys: StationKeys


def make_homes(
    folder: Path,
    ports: tuple[int, int] = (7411, 7412),
    *,
    realm: str = "",
    release: Release = ANY_ONE,
    **provisions: Any,
) -> tuple[list[Seat], str]:
    """The homes of two parties, and the armored charter that both have signed."""
    configs = {
        code: Config(listen=(f"127.0.0.1:{port}",), key_file="key", officer="A. Okafor")
        for code, port in zip(CODES, ports, strict=True)
    }
    return make_line(folder, configs, realm=realm, release=release, **provisions)


def make_line(
    folder: Path,
    configs: Mapping[str, Config],
    *,
    realm: str = "",
    fronts: Mapping[str, str] | None = None,
    **provisions: Any,
) -> tuple[list[Seat], str]:
    """The homes of some parties, and the armored charter that all have signed.

    ``fronts``: the addresses on their cards, where those are not the ones they listen at.
    """
    made: list[tuple[Home, homekeys.NewHome]] = []
    for code, config in configs.items():
        home = Home(folder / code, config)
        for part in (home.path, home.cards, home.charters, home.socket.parent):
            part.mkdir(parents=True, mode=0o700, exist_ok=True)
        new = homekeys.create_home_keys(
            home.path,
            party=code,
            party_name=code.title(),
            realm=realm,
            station_name="ops",
            unlock_with=secrets.create_key_file(home.path / "key"),
            addresses=(fronts[code],) if fronts else config.listen,
        )
        SqliteStore.create(home.store_file, new.station.db_key).close()
        write_config(home.config_file, config)
        home.card_file.write_text(armor(new.card.encoded), encoding="ascii")
        made.append((home, new))
    charter = make_charter(
        name="pair",
        cards=[new.card for _, new in made],
        nonce=bytes(16),
        **provisions,
    )
    signed = SignedCharter(charter=charter)
    for _, new in made:
        signed = signed.add_signature(new.root.party, new.root.sign_charter(charter))
    text = armor_charter(signed)
    for home, _ in made:
        (home.charters / "pair-1.charter").write_text(text, encoding="ascii")
    return [Seat(home=home, keys=new.station) for home, new in made], text


class Road:
    """A carrier in memory: what is sent arrives at the other host as soon as the loop turns."""

    name = "memory"

    def __init__(self, other: Callable[[], Host], own: bytes) -> None:
        self._other, self._own = other, own
        self.sent: list[bytes] = []

    def set_peers(self, peers: Iterable[Endpoint]) -> None:
        """There is one peer."""

    def send(self, peer: bytes, envelope: bytes) -> bool:
        self.sent.append(envelope)
        asyncio.get_running_loop().call_soon(self._other().heard, self._own, "memory", envelope)
        return True

    def flush(self) -> None:
        """It has left."""


class Running:
    """A station that runs in this loop on a store of the test's choice."""

    def __init__(
        self,
        seat: Seat,
        store: Store,
        *,
        watch_room: bool = False,
        machine: MemoryMachine | None = None,
    ) -> None:
        self.seat = seat
        self.store = store
        self.failed: list[TielineError] = []
        self.host = Host(
            own=seat.keys.station,
            realm=seat.keys.certificate.realm,
            store=store,
            signer=seat.keys,
            sealer=seat.keys,
            clock=MachineClock(),
            machine=machine or MemoryMachine(seat.keys.certificate.party),
            fatal=self.failed.append,
            on_stop=lambda: None,
            pace=BRISK,
            room=RoomWatch(store) if watch_room and isinstance(store, SqliteStore) else None,
            agreements=Agreements(seat.home.path),
        )
        self.road: Road | None = None

    @property
    def line(self) -> bytes:
        return next(iter(self.host.station.lines))

    async def install(self, charter: SignedCharter) -> None:
        await self.host.perform(
            lambda token: Install(token=token, charter=charter, incarnation=self.seat.keys.station)
        )

    async def say(
        self, text: str, precedence: Precedence = Precedence.ROUTINE, key: str = ""
    ) -> Done:
        content = Content(
            kind=Kind.MESSAGE,
            body=Body(text=text, lang="en"),
            precedence=precedence,
            role=Role.WATCH_OFFICER,
        )
        return await self.host.perform(
            lambda token: Speak(
                token=token, line=self.line, content=content, officer="A. Okafor", key=key
            )
        )


def open_store(seat: Seat) -> SqliteStore:
    return SqliteStore.open(seat.home.store_file, seat.keys.db_key)


async def two(folder: Path, **provisions: Any) -> tuple[Running, Running]:
    """ALPHA and BRAVO, each with a store on disk and the charter of one line, not yet connected."""
    seats, charter = make_homes(folder, **provisions)
    alpha, bravo = (Running(seat, open_store(seat)) for seat in seats)
    for running in (alpha, bravo):
        await running.install(dearmor_charter(charter))
    return alpha, bravo


def join(one: Running, other: Running) -> None:
    """A session between the two."""
    for here, there in ((one, other), (other, one)):
        here.road = Road(lambda there=there: there.host, here.seat.keys.station)  # type: ignore[misc]
        here.host.carriers.append(here.road)
    for here, there in ((one, other), (other, one)):
        here.host.connected(there.seat.keys.station, "memory", "memory")


async def equal(one: Running, other: Running) -> None:
    """Follow a station's events until both hold the same."""

    def same() -> bool:
        return one.host.settle()["heads"] == other.host.settle()["heads"]

    async with asyncio.timeout(WAIT_S):
        async for _ in other.host.subscribe(0):
            if same():
                return


async def settle(*stations: Running) -> None:
    """Turn the loop until every station is idle; how often that is hangs on how slow a disk is."""
    quiet, loop = 0, asyncio.get_running_loop()
    until = loop.time() + REST_S
    while loop.time() < until:
        await asyncio.sleep(0)
        busy = any(not running.host.settle()["idle"] for running in stations)
        for running in stations:
            if running.host.runtime.owes and not running.failed:
                running.host._turn()
        quiet = 0 if busy else quiet + 1
        if quiet > 20:
            return
    raise AssertionError("the stations never came to rest")
