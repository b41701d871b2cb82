"""What a pack is between two parties, over time: in force, suspended, contested.

A party suspends a pack toward all others by a form whose effect says so, and resumes it alike; it
contests the pack by a contest that cites nothing. Between two parties it is suspended as long as
either suspends it. What the pack itself says of a pair holds until the party that it names resumes.

A suspension counts from its claimed time in the debtor's view, and from the first receipt of it in
the strict view: a suspension that is dated back excuses nothing strictly.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from tieline.core.agreement.matter import Entry
from tieline.core.agreement.model import Cite, Effect, Pack, PairState, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The state of a pack between two parties at a time, and who brought it about.

    ``since_ms``: UTC ms, or ``None`` (from the beginning, or the pack does not say). ``message``:
    the digest of what brought it about, empty when the pack itself says so.
    """

    state: PairState
    by: str = ""
    since_ms: int | None = None
    message: bytes = b""
    cite: Cite | None = None


IN_FORCE = Pair(state=PairState.IN_FORCE)


@dataclass(frozen=True, slots=True)
class _Step:
    """From ``time_ms`` on: what one party has suspended or contested, and since when."""

    time_ms: int
    suspended: Entry | None
    contested: Entry | None
    resumed: bool


class Standing:
    """The standing of one pack."""

    __slots__ = ("_entries", "_known", "_steps", "_times", "plain", "statuses")

    def __init__(self, pack: Pack) -> None:
        self._entries: dict[str, list[Entry]] = {}
        self._known: dict[bytes, Entry] = {}
        self._steps: dict[tuple[str, bool], list[_Step]] = {}
        self._times: list[int] | None = None
        self.statuses: dict[tuple[str, str], Status] = {one.pair: one for one in pack.status}
        self.plain = not self.statuses  # the pack is simply in force between all

    def add(self, entry: Entry) -> None:
        """Take in a suspension, a resumption, or a contest of the pack."""
        self._entries.setdefault(entry.message.sender, []).append(entry)
        self._known[entry.message.digest] = entry
        self.plain = False
        self.changed()

    def changed(self) -> None:
        """A receipt or a cancellation moved something."""
        self._steps.clear()
        self._times = None

    def applies(self, one: str, other: str) -> bool:
        """Whether the pack is applied between two parties at all."""
        status = self.statuses.get(_pair(one, other))
        return status is None or status.state is not PairState.NOT_APPLIED

    def between(self, one: str, other: str, at_ms: int, *, strict: bool = False) -> Pair:
        """The state between two parties at a time."""
        if self.plain:
            return IN_FORCE
        status = self.statuses.get(_pair(one, other))
        found = IN_FORCE if status is None else self._status(status, at_ms, strict=strict)
        for party in sorted((one, other)):
            step = self._step(party, at_ms, strict=strict)
            if step is None:
                continue
            if step.suspended is not None and found.state in (
                PairState.IN_FORCE,
                PairState.CONTESTED,
            ):
                found = _told(PairState.SUSPENDED, step.suspended)
            elif step.contested is not None and found.state is PairState.IN_FORCE:
                found = _told(PairState.CONTESTED, step.contested)
        return found

    def entry(self, pair: Pair) -> Entry | None:
        """The message that brought a pair's state about, unless the pack itself says it."""
        return self._known.get(pair.message)

    def next_change(self, after_ms: int) -> int | None:
        """The first time after ``after_ms`` at which a stated change takes effect."""
        if self._times is None:
            steps = [
                step.time_ms
                for party in self._entries
                for strict in (False, True)
                for step in self._of(party, strict=strict)
            ]
            said = [one.since_ms for one in self.statuses.values() if one.since_ms is not None]
            self._times = sorted(steps + said)
        place = bisect_right(self._times, after_ms)
        return self._times[place] if place < len(self._times) else None

    def _status(self, status: Status, at_ms: int, *, strict: bool) -> Pair:
        if status.since_ms is not None and at_ms < status.since_ms:
            return IN_FORCE
        if status.state is not PairState.NOT_APPLIED:
            step = self._step(status.by, at_ms, strict=strict)
            if step is not None and step.resumed:
                return IN_FORCE
        return Pair(state=status.state, by=status.by, since_ms=status.since_ms, cite=status.cite)

    def _step(self, party: str, at_ms: int, *, strict: bool) -> _Step | None:
        steps = self._of(party, strict=strict)
        place = bisect_right(steps, at_ms, key=lambda step: step.time_ms)
        return steps[place - 1] if place else None

    def _of(self, party: str, *, strict: bool) -> list[_Step]:
        """How a party's stance went, made when it is first asked for after a change."""
        key = (party, strict)
        if key not in self._steps:
            self._steps[key] = _fold(self._entries.get(party, []), strict=strict)
        return self._steps[key]


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _told(state: PairState, entry: Entry) -> Pair:
    message = entry.message
    return Pair(
        state=state, by=message.sender, since_ms=message.time_ms, message=message.digest,
        cite=entry.plan.form.cite,
    )  # fmt: skip


def _time(entry: Entry, *, strict: bool) -> int:
    claimed = entry.message.time_ms
    if not strict:
        return claimed
    return max(claimed, entry.first_ms or claimed)


def _fold(entries: list[Entry], *, strict: bool) -> list[_Step]:
    """The steps of one party: each effect at its time, ties by digest."""
    steps: list[_Step] = []
    suspended: Entry | None = None
    contested: Entry | None = None
    resumed = False
    order = sorted((_time(one, strict=strict), one.message.digest, one) for one in entries)
    for time_ms, _, entry in order:
        if entry.matter.void:
            continue
        match entry.plan.form.effect:
            case Effect.SUSPEND:
                suspended, resumed = suspended or entry, False
            case Effect.CONTEST:
                contested = contested or entry
            case _:
                suspended = contested = None
                resumed = True
        steps.append(_Step(time_ms, suspended, contested, resumed))
    return steps
