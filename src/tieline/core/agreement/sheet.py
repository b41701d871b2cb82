"""The obligations as they were last shown, so that one new message renews only what it touches.

A row is renewed when its maker (a matter, a slot, a round) was touched, and when a time passes at
which its state may change by itself. Rows stand in order of (time of the trigger, id), which never
changes for a row, so that a listing is the same whatever the order in which messages came.
"""

from __future__ import annotations

from bisect import bisect_left
from heapq import heappop, heappush
from typing import Generic, TypeVar

from tieline.core.agreement.matter import Debt
from tieline.core.agreement.reason import UNSETTLED, Obligation

Maker = TypeVar("Maker")
Urgency = tuple[bool, int, str]  # whether it has no due time, its due time, its id


class Sheet(Generic[Maker]):
    """Rows by id, in order; the open ones apart; and when to look again."""

    __slots__ = (
        "_keys", "_loose", "_open", "_open_loose", "_open_rows", "_rows", "_seen", "_times",
        "_urgent", "_wakes", "debts", "sensitive",
    )  # fmt: skip

    def __init__(self) -> None:
        self.debts: dict[str, Debt] = {}
        self.sensitive: dict[str, dict[str, Maker]] = {}  # by pack and id: moved by its standing
        self._keys: list[tuple[int, str]] = []
        self._rows: list[Obligation] = []
        self._seen: dict[str, Obligation] = {}
        self._open: dict[str, Urgency] = {}
        self._urgent: list[Urgency] = []
        self._open_rows: list[Obligation] = []
        self._open_loose = True  # the same of the open ones
        self._loose = True  # keys and rows are out of step and made anew when asked for
        self._times: list[tuple[int, int, Maker]] = []
        self._wakes = 0

    def put(self, debt: Debt, maker: Maker, shown: Obligation, *, moves: bool) -> None:
        """Show a debt as it is now. ``moves``: the standing of its pack may change it."""
        known = debt.id in self._seen
        self.debts[debt.id] = debt
        self._seen[debt.id] = shown
        if known or moves:
            self._sort_in(debt, maker, shown, moves=moves)
        if self._loose:
            return
        key = (debt.at_ms, debt.id)
        if known:
            self._rows[bisect_left(self._keys, key)] = shown
        else:
            place = bisect_left(self._keys, key)
            self._keys.insert(place, key)
            self._rows.insert(place, shown)

    def _sort_in(self, debt: Debt, maker: Maker, shown: Obligation, *, moves: bool) -> None:
        self._set_open(debt.id, shown if shown.state in UNSETTLED else None)
        sensitive = self.sensitive.setdefault(debt.pack, {})
        if moves:
            sensitive[debt.id] = maker
        else:
            sensitive.pop(debt.id, None)

    def _set_open(self, id_: str, shown: Obligation | None) -> None:
        """Put it among the open ones where it belongs, or take it out."""
        before = self._open.get(id_)
        urgency = None if shown is None else _urgency(shown)
        if self._open_loose:
            self._open.pop(id_, None)
            if urgency is not None:
                self._open[id_] = urgency
            return
        if before is not None:
            place = bisect_left(self._urgent, before)
            if shown is not None and before == urgency:
                self._open_rows[place] = shown
                return
            del self._open[id_], self._urgent[place], self._open_rows[place]
        if urgency is not None and shown is not None:
            self._open[id_] = urgency
            place = bisect_left(self._urgent, urgency)
            self._urgent.insert(place, urgency)
            self._open_rows.insert(place, shown)

    def drop(self, debt: Debt) -> None:
        """Show a debt no more."""
        if self._seen.pop(debt.id, None) is None:
            return
        del self.debts[debt.id]
        self._set_open(debt.id, None)
        self.sensitive.get(debt.pack, {}).pop(debt.id, None)
        if not self._loose:
            place = bisect_left(self._keys, (debt.at_ms, debt.id))
            del self._keys[place], self._rows[place]

    def loosen(self) -> None:
        """Many rows are about to come: sort them once, when they are asked for."""
        self._loose = self._open_loose = True

    def get(self, id_: str) -> Obligation | None:
        """One row."""
        return self._seen.get(id_)

    def rows(self) -> list[Obligation]:
        """All rows in order; the caller may not change the list."""
        if self._loose:
            self._keys = sorted([(debt.at_ms, id_) for id_, debt in self.debts.items()])
            self._rows = [self._seen[id_] for _, id_ in self._keys]
            self._loose = False
        return self._rows

    def open_rows(self) -> list[Obligation]:
        """What is not settled, first due first, without a due time last; not to be changed."""
        if self._open_loose:
            self._urgent = sorted(self._open.values())
            self._open_rows = [self._seen[id_] for _, _, id_ in self._urgent]
            self._open_loose = False
        return self._open_rows

    # ---------------------------------------------------------------------------------- waking

    def wake(self, at_ms: int, maker: Maker) -> None:
        """Look at a maker again when a time has come."""
        self._wakes += 1
        heappush(self._times, (at_ms, self._wakes, maker))

    def woken(self, now_ms: int) -> list[Maker]:
        """The makers whose time has come."""
        out: list[Maker] = []
        while self._times and self._times[0][0] <= now_ms:
            out.append(heappop(self._times)[2])
        return out

    def forget_times(self) -> None:
        """The clock was put back: everything is looked at again."""
        self._times.clear()


def _urgency(one: Obligation) -> Urgency:
    due = one.due.earliest if one.due.latest is None else one.due.latest
    return due is None, due or 0, one.id
