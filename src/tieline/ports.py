"""What the pure core needs from the world, as protocols.

The core never sees these; the node wires implementations to it. A port is narrow on purpose: a
store commits facts and gives them back, a carrier moves bytes, a signer signs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tieline.core.journal import Fact
from tieline.core.life import Mark
from tieline.core.terms import Now

__all__ = [
    "Carrier",
    "CarrierEvents",
    "Clock",
    "Endpoint",
    "Fact",
    "Machine",
    "Mark",
    "Signer",
    "Store",
]


class Store(Protocol):
    """The journal. One writer; a commit is all or nothing and durable when it returns."""

    def commit(self, facts: Sequence[Fact]) -> int:
        """Write all facts in one transaction and return the sequence number of the last one.

        Sequence numbers start at 1 and have no gaps. An empty commit returns the last number.
        Raises ``StoreFull`` when there is no room (nothing was written; the store stays usable for
        reading, and a later commit may succeed) and ``StoreFailed`` when a write or sync failed
        for another reason (the caller must stop the process).
        """

    def facts(self, after: int = 0) -> Iterator[tuple[int, Fact]]:
        """Every fact with a sequence number above ``after``, in order, streaming."""

    def statements(self, line: bytes, log: bytes, start: int, stop: int) -> list[bytes]:
        """The bodies of positions ``start`` to ``stop`` (exclusive) of one log; only those held."""

    def last(self) -> int:
        """The sequence number of the last fact, 0 when empty."""

    def damage(self) -> list[str]:
        """What is wrong with the medium itself, one sentence each; empty when nothing is."""

    def close(self) -> None:
        """Leave everything durable and release the lock."""


class Signer(Protocol):
    """The station's signing keys, wherever they live."""

    def sign(self, message: bytes) -> bytes:
        """Sign with the statement key: 64 bytes (Ed25519)."""

    def cosign(self, message: bytes) -> bytes:
        """Sign with the receipt key: 64 bytes (Ed25519)."""

    def cosign_mldsa(self, message: bytes) -> bytes:
        """Sign with the ML-DSA-44 key: its public key (1312 bytes), then the signature (2420).

        Raises ``LocalError`` (``keys.no_mldsa``) when the station has none.
        """


class Machine(Protocol):
    """What a machine knows of itself and of the logs it writes, outside the store and any backup.

    By it a station finds out that its store was put back, or that its home is a copy.
    """

    tag: bytes
    """16 bytes that name this machine and this home on it, the same at every start."""

    def entropy(self) -> bytes:
        """32 new random bytes."""

    def marks(self) -> Mapping[bytes, Mark] | None:
        """What was remembered last, by line; None when there is nothing, or it does not read."""

    def remember(self, marks: Mapping[bytes, Mark]) -> None:
        """Remember this instead: it must outlive the process, and need not outlive the power.

        What cannot be remembered is to be forgotten whole; an older memory must not stay.
        """


class Clock(Protocol):
    """Reads both clocks at once."""

    def now(self) -> Now: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where and as whom a peer station answers: pinned TLS certificates and ordered addresses."""

    station: bytes
    tls_der: tuple[bytes, ...]
    addresses: tuple[str, ...]


class CarrierEvents(Protocol):
    """What a carrier tells the node. Called on the node's own thread, never re-entrantly."""

    def connected(self, peer: bytes, carrier: str, address: str) -> None: ...

    def heard(self, peer: bytes, carrier: str, envelope: bytes) -> None: ...

    def lost(self, peer: bytes, carrier: str, cause: str) -> None: ...

    def failed(self, peer: bytes, carrier: str, address: str, cause: str) -> None: ...

    def ready(self, peer: bytes) -> None:
        """A live session that refused a ``send`` can take more. A carrier need not ever call it."""


class Carrier(Protocol):
    """Moves envelopes between stations: bytes in, bytes out, nothing else."""

    name: str

    def set_peers(self, peers: Iterable[Endpoint]) -> None:
        """Replace the set of peers; sessions with peers no longer listed are closed."""

    def send(self, peer: bytes, envelope: bytes) -> bool:
        """Hand an envelope to a live session. False: no session, or its buffer is full."""
