"""The gate: what callers who have not proved who they are may cost.

Theory: before a handshake is through, every caller is a stranger, and there may be any number of
them. So few are let in at once, fewer from one source, for a short time, at a bounded rate; when
the house is full the one who has been in it longest makes room, because an honest handshake is
over in a moment and a lurker's never. Callers from an address where a peer lives are exempt from
rate and eviction, not from the limit per source: strangers cannot keep a peer out by being many.
(Nor could they otherwise: both stations dial.)

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
        self._known: frozenset[Hashable] = frozenset()
        self._inside: dict[Caller, Hashable] = {}  # in order of coming
        self._per_source: Counter[Hashable] = Counter()
        self._credit = tuning.strangers_per_s
        self._credit_at = now()
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
        self._known = hosts

    def admit(self, host: str) -> bool:
        """Whether a caller from this address may begin a handshake; makes room if need be."""
        source = source_of(host)
        if self._per_source[source] >= self._tuning.max_per_source:
            self.note(host, "too many at once from one address")
            return False
        if source in self._known:
            self._make_room(spare_known=False)
            return True
        if not self._take_credit():
            self.note(host, "too many within a second")
            return False
        if not self._make_room(spare_known=True):
            self.note(host, "too many at once")
            return False
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

    def _make_room(self, *, spare_known: bool) -> bool:
        if len(self._inside) < self._tuning.max_strangers:
            return True
        for caller, source in self._inside.items():
            if source not in self._known or not spare_known:
                caller.kill("made room for another caller")
                return True
        return False

    def _take_credit(self) -> bool:
        now = self._now()
        rate = self._tuning.strangers_per_s
        self._credit = min(
            max(rate, self._tuning.max_per_source), self._credit + (now - self._credit_at) * rate
        )
        self._credit_at = now
        if self._credit < 1:
            return False
        self._credit -= 1
        return True
