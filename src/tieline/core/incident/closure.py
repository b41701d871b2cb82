"""Whether an incident is open, and by whom it was closed.

A closing counts while its author had read every reopening: one that crossed with a reopening does
not close. So no party finds an incident closed that another has just reopened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.meaning import Act
from tieline.core.incident.entry import Entry
from tieline.core.incident.marks import Marks, Saw, drop, ordered, put
from tieline.core.incident.states import INCIDENT, IncidentEvent, IncidentState
from tieline.core.terms import Kind

# Said of an incident or around it, not in it: whoever says no more than this need not close it.
BESIDE: Final = frozenset(
    {
        Act.NOTICE,
        Act.PUBLIC,
        Act.LINK,
        Act.LINK_ANSWER,
        Act.ATTACH,
        Act.LESSON,
        Act.STANDING,
        Act.PASSED,
    }
)
MAX_TURNS: Final = 16  # of each log, closings and reopenings
SPOKEN: Final = frozenset({Kind.MESSAGE, Kind.JOINT, Kind.ASSENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """Where an incident stands between open and closed.

    ``parties``: who took part, in the order in which they did. ``closed_by``: whose closing counts,
    and by which entry. ``reopened_by``: the last reopening. ``crossed``: closings that do not
    count, of the last ``MAX_TURNS`` of each log.
    """

    state: IncidentState
    parties: tuple[str, ...]
    closed_by: tuple[tuple[str, bytes], ...] = ()
    reopened_by: bytes | None = None
    crossed: tuple[bytes, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The parties whose closing is still needed."""
        closed = {party for party, _ in self.closed_by}
        return tuple(party for party in self.parties if party not in closed)


def takes_part(entry: Entry) -> bool:
    """Whether by this entry its author takes part in an incident.

    It does also when it takes the entry back: it has spoken. Who speaks for another does not.
    """
    if entry.story or entry.through or entry.kind not in SPOKEN:
        return False
    return entry.said is None or entry.said.act not in BESIDE


class Turns:
    """The closings and reopenings of an incident: the last of each log, so many, are weighed.

    Who had read a reopening had read those before it in its log, and a later closing of a log has
    read all that an earlier one had: so no state depends on those that are left out.
    """

    def __init__(self) -> None:
        self._logs: dict[tuple[bytes, Act], list[Entry]] = {}

    def put(self, entry: Entry) -> None:
        """It counts."""
        put(self._logs.setdefault((entry.log, entry.act), []), entry)

    def drop(self, entry: Entry) -> None:
        """It does not, or no longer."""
        drop(self._logs.get((entry.log, entry.act), []), entry)

    def brief(self) -> list[Entry]:
        """Those that are weighed."""
        return [one for some in self._logs.values() for one in some[-MAX_TURNS:]]


def closure(entries: Iterable[Entry], marks: Marks, saw: Saw) -> Closure:
    """Fold the first entry of each party in an incident, and all its closings and reopenings."""
    state = INCIDENT.start(IncidentEvent.OPENED)
    step = INCIDENT.step
    parties: list[str] = []
    closed: dict[str, bytes] = {}
    crossed: list[bytes] = []
    reopenings: dict[bytes, Entry] = {}  # the last of each log: who read it had read the others
    last: Entry | None = None
    for entry in ordered(entries):
        if not takes_part(entry):
            continue
        party, act = entry.party, entry.act
        if party not in parties:
            if parties:
                state = step(state, IncidentEvent.SPOKE)
            parties.append(party)
        if act not in (Act.CLOSE, Act.REOPEN) or not marks.counts(entry):
            continue
        if act is Act.REOPEN:
            state = step(state, IncidentEvent.REOPENED)
            closed.clear()
            last = reopenings[entry.log] = entry
        elif all(saw(entry, one) for one in reopenings.values()):
            closed[party] = entry.digest
            whole = len(closed) == len(parties)
            state = step(state, IncidentEvent.ALL if whole else IncidentEvent.SOME)
        else:
            crossed.append(entry.digest)
            state = step(state, IncidentEvent.CROSSED)
    return Closure(
        state=state,
        parties=tuple(parties),
        closed_by=tuple(sorted(closed.items())),
        reopened_by=last.digest if last else None,
        crossed=tuple(crossed),
    )
