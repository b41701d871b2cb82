"""The gate: what callers who have not proved who they are may cost.

Theory: before a handshake is through, every caller is a stranger, and there may be any number of
them. So few are let in at once, fewer from one source, for a short time, at a bounded rate. When
there is no room, the one who has been in longest makes it, of the same source if that is full: an
honest handshake is over in a moment and a lurker's never. An address where a peer lives has a rate
of its own and is the last to make room, so strangers elsewhere cannot keep a peer out by being
many. (Nor could they otherwise: both stations dial.)

Nothing is written down per caller. Causes are counted, and the counts are told at most once per
interval, the first at once.

It does not know: sockets, TLS, or which station a known address belongs to.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Final, Protocol

from tieline.carriers.tuning import TlsTuning

_MAX_CAUSES: Final = 16
_OTHER: Final = "other causes"


class Caller(Protocol):
    """A connection in handshake that can be shown the door."""

    def kill(self, cause: str) -> None: ...


def source_of(host: str) -> Hashable:
    """What counts as one source: an IPv4 address, or the /64 that an IPv6 host commands."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is not None:
            return mapped.packed
        return address.packed[:8]
    return address.packed


class Gate:
    """Counts callers in handshake. ``tell`` is called with a sentence for the log."""

    def __init__(
        self, tuning: TlsTuning, tell: Callable[[str], None], now: Callable[[], float]
    ) -> None:
        self._tuning = tuning
        self._tell = tell
        self._now = now
        self._strangers = _Bucket(tuning.strangers_per_s, now())
        self._buckets: dict[Hashable, _Bucket] = {}  # of each source at which a peer lives
        self._inside: dict[Caller, Hashable] = {}  # in order of coming
        self._per_source: Counter[Hashable] = Counter()
        self._causes: Counter[str] = Counter()
        self._last_source = ""
        self._told_at: float | None = None
        self.refused = 0
        """Callers turned away since the start, for whatever cause."""

    @property
    def inside(self) -> int:
        """How many callers are in handshake."""
        return len(self._inside)

    def expect(self, hosts: frozenset[Hashable]) -> None:
        """Set the sources at which peers live."""
        now = self._now()
        rate = self._tuning.strangers_per_s
        self._buckets = {host: self._buckets.get(host) or _Bucket(rate, now) for host in hosts}

    def admit(self, host: str) -> bool:
        """Whether a caller from this address may begin a handshake; makes room if need be."""
        source = source_of(host)
        bucket = self._buckets.get(source, self._strangers)
        if not bucket.take(self._now()):
            self.note(host, "too many within a second")
            return False
        if self._per_source[source] >= self._tuning.max_per_source:
            self._show_out([each for each, whence in self._inside.items() if whence == source])
        elif len(self._inside) >= self._tuning.max_strangers:
            unknown = [each for each, whence in self._inside.items() if whence not in self._buckets]
            self._show_out(unknown or list(self._inside))
        return True

    def enter(self, caller: Caller, host: str) -> None:
        """A caller that was admitted begins its handshake."""
        source = source_of(host)
        self._inside[caller] = source
        self._per_source[source] += 1

    def leave(self, caller: Caller) -> bool:
        """A caller has proved who it is, or has gone. False when it was not inside."""
        source = self._inside.pop(caller, None)
        if source is None:
            return False
        self._per_source[source] -= 1
        if not self._per_source[source]:
            del self._per_source[source]
        return True

    def note(self, host: str, cause: str) -> None:
        """Count one caller that was turned away or went, and tell if it is time."""
        self.refused += 1
        if cause not in self._causes and len(self._causes) >= _MAX_CAUSES:
            cause = _OTHER
        self._causes[cause] += 1
        self._last_source = host
        now = self._now()
        if self._told_at is None or now - self._told_at >= self._tuning.report_s:
            self._told_at = now
            self.report()

    def report(self) -> None:
        """Tell what was counted since the last time, if anything."""
        if not self._causes:
            return
        total = sum(self._causes.values())
        causes = "; ".join(f"{count} x {cause}" for cause, count in self._causes.most_common())
        self._causes.clear()
        self._tell(
            f"{total} caller{'s' if total > 1 else ''} did not prove to be a peer: {causes}."
            f" The last came from {self._last_source}"
        )

    def _show_out(self, callers: list[Caller]) -> None:
        """The one of these who came first makes room."""
        callers[0].kill("made room for another caller")


class _Bucket:
    """A rate: so many a second, and at most one second's worth saved up."""

    __slots__ = ("_at", "_credit", "_rate")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._credit = max(rate, 1.0)
        self._at = now

    def take(self, now: float) -> bool:
        self._credit = min(max(self._rate, 1.0), self._credit + (now - self._at) * self._rate)
        self._at = now
        if self._credit < 1:
            return False
        self._credit -= 1
        return True
