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
from tieline.core.shelf import Archive, Bookmark, Settlement
from tieline.core.terms import Now

__all__ = [
    "Carrier",
    "CarrierEvents",
    "Clock",
    "Endpoint",
    "Fact",
    "Kept",
    "Machine",
    "Mark",
    "Past",
    "Signer",
    "Steps",
    "Store",
]


@dataclass(frozen=True, slots=True)
class Steps:
    """How far the wall clock was ahead of the deadline clock, and from which journal entry on.

    ``boot`` names the run of the deadline clock (``Now.mono_ms``): two of one name are one clock,
    and an empty one is like no other. ``steps``: number of the entry, and ms, in order.
    """

    boot: bytes
    steps: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A snapshot's frame: the journal entry it is of, and what belongs to no line.

    ``body`` means nothing to the store; ``states`` are the lines' own, by line.
    """

    seq: int
    body: bytes
    states: dict[bytes, bytes]


class Past(Archive, Protocol):
    """The settled past beside the journal: it can be thrown away and made from the journal again.

    Its methods raise ``ShellError`` where the file does not read.
    """

    def kept(self) -> Kept | None:
        """The snapshot, when there is one of this very journal: bound to its entry by the chain."""

    def chunks(self, line: bytes) -> Iterator[tuple[str, bytes]]:
        """The arrays of a line, in chunks: by name, and in order."""

    def fact(self, seq: int) -> Fact | None:
        """One entry of the journal."""

    def number(self, line: bytes, log: bytes, position: int) -> int:
        """The journal entry of a statement of a main branch, 0 when there is none."""

    def bookmark(self, line: bytes) -> Iterator[tuple[str, bytes]]:
        """The bookmark of a line, in chunks: by name, and in order. Not bound to the journal."""

    def keep(
        self,
        seq: int,
        body: bytes,
        settlements: Sequence[Settlement],
        bookmarks: Sequence[Bookmark] = (),
    ) -> None:
        """Bring everything up to journal entry ``seq``, which is the last, in one transaction.

        Raises ``StoreFull`` (nothing was written) and ``StoreFailed`` as ``Store.commit`` does.
        """

    def drop(self) -> None:
        """Throw everything away. Raises as ``keep`` does."""


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

    def some(self, kinds: frozenset[int], after: int, last: int) -> list[tuple[int, Fact]]:
        """The facts of some kinds with sequence numbers above ``after`` up to ``last``, in order.

        They are looked for, not read in their chain: a gap or a change between them is not seen.
        """

    def statements(self, line: bytes, log: bytes, start: int, stop: int) -> list[bytes]:
        """The bodies of positions ``start`` to ``stop`` (exclusive) of one log; only those held."""

    def last(self) -> int:
        """The sequence number of the last fact, 0 when empty."""

    @property
    def past(self) -> Past:
        """The settled past."""

    def damage(self) -> list[str]:
        """What is wrong with the medium itself, one sentence each; empty when nothing is."""

    def log_damage(self) -> list[str]:
        """The part of ``damage`` that only the one who writes can say, and that is quickly said."""

    def close(self) -> None:
        """Leave everything durable and release the lock."""


class Signer(Protocol):
    """The station's signing keys, wherever they live.

    ``key`` names the public key under which the signature must verify: a station whose keys rotate
    has two sets for a while, and the charter says which speaks. Empty: the only set, or the newest.
    Raises ``ShellError`` (``keys.absent``) when the private part of that key is not here.
    """

    def sign(self, message: bytes, key: bytes = b"") -> bytes:
        """Sign with the statement key: 64 bytes (Ed25519)."""

    def cosign(self, message: bytes, key: bytes = b"") -> bytes:
        """Sign with the receipt key: 64 bytes (Ed25519)."""

    def cosign_mldsa(self, message: bytes, key: bytes = b"") -> bytes:
        """Sign with the ML-DSA-44 key: its public key (1312 bytes), then the signature (2420).

        ``key`` is the SHA-256 of the public key, as in the certificate. Raises ``LocalError``
        (``keys.no_mldsa``) when the station has none.
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
        Raises ``StoreFailed`` when it can neither be remembered nor forgotten.
        """

    def steps(self) -> Steps | None:
        """How its clocks stood, as remembered last; None when there is nothing, or unreadable."""

    def remember_steps(self, steps: Steps) -> bool:
        """Remember this instead. Raises as ``remember`` does, and keeps it for as long.

        False: it could not be remembered, and what was is forgotten; to be tried again.
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

    def flush(self) -> None:
        """Let what was sent leave before anything else is done. Tells nothing from within."""
