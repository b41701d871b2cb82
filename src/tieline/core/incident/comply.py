"""Whether each side does what a hold or a joint statement says, as each side says it.

A party speaks of itself (it does, not yet, it cannot) or says that another does not. Nothing here
judges who is right: both stand beside each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.meaning import Means, Sense
from tieline.core.incident.entry import Entry, instant_ms
from tieline.core.incident.heard import Tag
from tieline.core.incident.marks import Front, Marks, Saw

# Of what two stations of a party say at once the one counts on which less can be built.
_RANK: Final = {Sense.UNABLE: 0, Sense.NOT_YET: 1, Sense.COMPLYING: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compliance:
    """What one party says. ``own``: of itself, ``NONE`` if nothing; ``breach``: that others do not.

    ``at_ms``: since when it does, if it says so.
    """

    party: str
    own: Sense = Sense.NONE
    own_entry: bytes | None = None
    at_ms: int | None = None
    breach: bytes | None = None


def compliance(entries: Iterable[Entry], marks: Marks, saw: Saw) -> tuple[Compliance, ...]:
    """What each party said last, by party. ``entries`` are of act COMPLY, in display order."""
    fronts: dict[str, Front] = {}
    own: dict[str, Entry] = {}
    breaches: dict[str, Entry] = {}
    for entry in entries:
        if entry.said is None or entry.through or not marks.counts(entry):
            continue
        sense = entry.said.sense(Means.COMPLIANCE)
        if sense is Sense.BREACHED:
            breaches[entry.party] = entry
        elif sense in _RANK:
            front = fronts.setdefault(entry.party, Front(saw, _rank))
            own[entry.party] = front.take(entry)
    out = []
    for party in sorted({*own, *breaches}):
        mine, breach = own.get(party), breaches.get(party)
        out.append(
            Compliance(
                party=party,
                own=Sense.NONE if mine is None else _sense(mine),
                own_entry=None if mine is None else mine.digest,
                at_ms=None if mine is None else instant_ms(mine, Means.FROM),
                breach=None if breach is None else breach.digest,
            )
        )
    return tuple(out)


def complies(entry: Entry) -> Tag:
    """What an entry is to what is to be done: of its own side, of another, or nothing."""
    sense = _sense(entry)
    if sense is Sense.BREACHED:
        return Tag.BREACH
    return Tag.SAYS if sense in _RANK else Tag.NOTHING


def _sense(entry: Entry) -> Sense:
    return Sense.NONE if entry.said is None else entry.said.sense(Means.COMPLIANCE)


def _rank(entry: Entry) -> int:
    return _RANK[_sense(entry)]
