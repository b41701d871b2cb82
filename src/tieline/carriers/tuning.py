"""The numbers a direct carrier works by: deadlines, limits, rhythms.

All times are seconds on the monotonic clock, all sizes bytes. The defaults suit a line over any
network that carries a TLS handshake within ten seconds (9,600 bit/s does). It does not know whose
numbers they are: the node takes them from its configuration, an exercise makes them shorter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tieline.core.errors import LocalError

SOON_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsTuning:
    """Deadlines, limits and rhythms of the TLS carrier.

    * ``ping_s``: a session that has written nothing for so long writes a ping;
    * ``lost_s``: a session that has heard nothing for so long is lost;
    * ``challenge_s``: the same, once its peer has opened another session beside it;
    * ``attempt_s``: from dialling to the first frame of the other side;
    * ``knock_s``: how long one connection is asked for. The kernel asks again after 1, 3 and 7 s,
      and what heals in between would wait for that. A road on which an answer takes longer is found
      by one attempt of sixteen, and by each second one of a peer that has been away for long;
    * ``handshake_s``: from accepting a caller to its first frame;
    * ``drain_s``: from a close frame to the end of the connection;
    * ``backoff_min_s``, ``backoff_max_s``: the first and the longest mean of the pause between two
      rounds of attempts is half of it, because the jitter is full;
    * ``away_share``: the pause is also at most this share of the time that the peer has been away,
      or ``SOON_S`` if that is more: a short outage ends soon after its cause, and a long one costs
      little;
    * ``settled_s``: a session that lived so long starts the back-off anew;
    * ``report_s``: how often an unchanged failure is told again, with its count;
    * ``high_water``, ``low_water``: unsent bytes above which a session takes no more, and below
      which it takes again;
    * ``max_strangers``, ``max_per_source``: callers in handshake, in all and from one address;
    * ``strangers_per_s``: handshakes a second with callers from addresses of no peer, and with
      those from one address of a peer;
    * ``max_handshake``: bytes a caller may send before it has proved who it is.
    """

    ping_s: float = 2.0
    lost_s: float = 6.0
    challenge_s: float = 2.0
    attempt_s: float = 10.0
    knock_s: float = 1.2
    handshake_s: float = 10.0
    drain_s: float = 5.0
    backoff_min_s: float = 0.1
    backoff_max_s: float = 30.0
    away_share: float = 0.015
    settled_s: float = 10.0
    report_s: float = 300.0
    high_water: int = 1_048_576
    low_water: int = 262_144
    max_strangers: int = 64
    max_per_source: int = 8
    strangers_per_s: float = 50.0
    max_handshake: int = 65_536

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise LocalError(
                    "carrier.tuning",
                    f"the carrier's {name} is {getattr(self, name)}; it must be above zero",
                )
        for low, high in (
            ("ping_s", "lost_s"),
            ("backoff_min_s", "backoff_max_s"),
            ("low_water", "high_water"),
        ):
            if getattr(self, low) >= getattr(self, high):
                raise LocalError(
                    "carrier.tuning",
                    f"the carrier's {low} ({getattr(self, low)}) must be below its {high}"
                    f" ({getattr(self, high)})",
                )
