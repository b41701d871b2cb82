"""Stations for the carrier's tests: keys, events that can be waited for, and a loop to run in."""

from __future__ import annotations

import asyncio
import datetime
import math
import random
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tieline.carriers.tls import TlsCarrier, TlsTuning
from tieline.ports import Endpoint

WAIT_S = 90.0

# Short enough for a test, long enough for a busy machine.
FAST = TlsTuning(
    ping_s=0.2,
    lost_s=1.0,
    challenge_s=0.6,
    attempt_s=3.0,
    handshake_s=3.0,
    drain_s=1.0,
    backoff_min_s=0.02,
    backoff_max_s=0.2,
    settled_s=0.5,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    cert_der: bytes
    key_pem: bytes


def make_keys(
    name: str = "station",
    *,
    after: datetime.datetime = datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC),
    ca: bool | None = None,
) -> Keys:
    """A self-signed certificate. All have one subject unless a test says otherwise."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(1970, 1, 2, tzinfo=datetime.UTC))
        .not_valid_after(after)
    )
    if ca is not None:
        builder = builder.add_extension(
            x509.BasicConstraints(ca=ca, path_length=None), critical=True
        )
    return Keys(
        cert_der=builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER),
        key_pem=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


@cache
def keys_of(name: str) -> Keys:
    """The keys of one of our four parties' stations, made once a run."""
    return make_keys(name)


STATIONS = {
    "ALPHA": b"\x01" * 8,
    "BRAVO": b"\x02" * 8,
    "CHARLIE": b"\x03" * 8,
    "DELTA": b"\x04" * 8,
}


class Events:
    """Keeps what a carrier tells; ``until`` waits for it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes, str]] = []
        self.envelopes: list[tuple[bytes, bytes]] = []
        self.on_heard: Callable[[bytes, bytes], object] | None = None
        self.on_ready: Callable[[bytes], None] | None = None
        self.on_lost: Callable[[], None] | None = None
        self._changed = asyncio.Event()

    def connected(self, peer: bytes, carrier: str, address: str) -> None:
        self._note("connected", peer, address)

    def heard(self, peer: bytes, carrier: str, envelope: bytes) -> None:
        self.envelopes.append((peer, envelope))
        if self.on_heard is not None:
            self.on_heard(peer, envelope)
        self._changed.set()

    def lost(self, peer: bytes, carrier: str, cause: str) -> None:
        self._note("lost", peer, cause)
        if self.on_lost is not None:
            self.on_lost()

    def failed(self, peer: bytes, carrier: str, address: str, cause: str) -> None:
        self._note("failed", peer, cause)

    def ready(self, peer: bytes) -> None:
        self._note("ready", peer, "")
        if self.on_ready is not None:
            self.on_ready(peer)

    def _note(self, what: str, peer: bytes, text: str) -> None:
        self.seen.append((what, peer, text))
        self._changed.set()

    def of(self, what: str, peer: bytes | None = None) -> list[str]:
        return [text for kind, who, text in self.seen if kind == what and peer in (None, who)]

    def story(self, *what: str) -> list[str]:
        """The order of events, without those of other kinds."""
        return [kind for kind, _, _ in self.seen if kind in what]

    def heard_from(self, peer: bytes) -> list[bytes]:
        return [envelope for who, envelope in self.envelopes if who == peer]

    async def until(self, holds: Callable[[], bool], wait_s: float = WAIT_S) -> None:
        """Wait until something holds; it is looked at after each event."""
        try:
            async with asyncio.timeout(wait_s):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"it never held; seen: {self.seen[-12:]}") from None

    async def arrived(self, many: int) -> None:
        """Wait for so many envelopes in all."""
        await self.until(lambda: len(self.envelopes) >= many)

    async def count(self, what: str, times: int = 1, peer: bytes | None = None) -> None:
        await self.until(lambda: len(self.of(what, peer)) >= times)


@dataclass(slots=True, kw_only=True)
class Station:
    name: str
    keys: Keys
    carrier: TlsCarrier
    events: Events
    told: list[str] = field(default_factory=list)

    @property
    def id(self) -> bytes:
        return STATIONS[self.name]

    @property
    def address(self) -> str:
        return self.carrier.bound[0]

    def endpoint(self, *addresses: str, keys: Keys | None = None) -> Endpoint:
        """How others see this station."""
        return Endpoint(
            station=self.id, tls_der=((keys or self.keys).cert_der,), addresses=addresses
        )


class World(AsyncExitStack):
    """The stations of one test; all are stopped at its end."""

    async def station(
        self,
        name: str,
        *,
        keys: Keys | None = None,
        listen: tuple[str, ...] = ("127.0.0.1:0",),
        tuning: TlsTuning = FAST,
        dial_from: str | None = None,
        seed: int = 1,
    ) -> Station:
        own = keys or keys_of(name)
        told: list[str] = []
        events = Events()
        carrier = TlsCarrier(
            name="tls",
            self_id=STATIONS[name],
            cert_der=own.cert_der,
            key_pem=own.key_pem,
            listen=listen,
            events=events,
            tuning=tuning,
            dial_from=dial_from,
            rng=random.Random(seed),
            strangers=told.append,
        )
        await carrier.start()
        self.push_async_callback(carrier.stop)
        return Station(name=name, keys=own, carrier=carrier, events=events, told=told)


def introduce(dialler: Station, listener: Station, *, both: bool = False) -> None:
    """Make two stations peers; the first dials, the second too when ``both``."""
    dialler.carrier.set_peers([listener.endpoint(listener.address)])
    listener.carrier.set_peers([dialler.endpoint(*([dialler.address] if both else []))])


async def joined(one: Station, other: Station) -> None:
    await one.events.count("connected", peer=other.id)
    await other.events.count("connected", peer=one.id)


class CoarseLoop(asyncio.SelectorEventLoop):
    """A loop whose clock stands still for long moments, as uvloop's does for a millisecond."""

    def time(self) -> float:
        return math.floor(super().time() / COARSE_S) * COARSE_S


COARSE_S = 1 / 14  # no whole number of microseconds
_FACTORIES: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.SelectorEventLoop
}
try:
    import uvloop
except ImportError:
    pass
else:
    _FACTORIES["uvloop"] = uvloop.new_event_loop
LOOPS = list(_FACTORIES)
_FACTORIES["coarse"] = CoarseLoop


def run(test: Coroutine[Any, Any, None], loop: str = "asyncio") -> None:
    """Run a test's coroutine; a fault that only the loop saw fails the test."""
    faults: list[dict[str, Any]] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        await test

    with asyncio.Runner(loop_factory=_FACTORIES[loop]) as runner:
        runner.run(watched())
    assert not faults, faults
