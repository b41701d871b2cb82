"""The obligations as they were last shown, so that one new message renews only what it touches.

A row is renewed when its maker (a matter, a slot, a round) was touched, and when a time passes at
which its state may change by itself. Rows stand in order of (time of the trigger, id), which never
changes for a row, so that a listing is the same whatever the order in which messages came.

What a debt is shown as, and where it stands among the open ones, is kept with the debt. Where many
rows come at once the two orders are made anew when they are next asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from heapq import heappop, heappush
from operator import attrgetter
from typing import Final, Generic, TypeVar

from tieline.core.agreement.matter import Debt
from tieline.core.agreement.reason import UNSETTLED, Obligation
from tieline.core.agreement.steps import EACH, Steps, in_order

Maker = TypeVar("Maker")
NEVER_MS: Final = 1 << 62  # what has no due time is due after all else
_by_trigger = attrgetter("at_ms", "id")
_by_urgency = attrgetter("urgent_ms", "id")


class Sheet(Generic[Maker]):
    """Rows by id, in order; the open ones apart; and when to look again."""

    __slots__ = (
        "_by", "_loose", "_moved", "_open_loose", "_open_rows", "_order", "_rows", "_times",
        "_urgent", "_wakes", "debts", "sensitive",
    )  # fmt: skip

    def __init__(self) -> None:
        self.debts: dict[str, Debt] = {}  # what is shown
        # By the message behind it: one, or several where one act is behind several.
        self._by: dict[bytes, Debt | dict[Debt, None]] = {}
        self.sensitive: dict[str, dict[str, Maker]] = {}  # by pack and id: moved by its standing
        self._order: list[Debt] = []
        self._rows: list[Obligation] = []
        self._urgent: list[Debt] = []
        self._open_rows: list[Obligation] = []
        self._open_loose = True  # the same of the open ones
        self._moved = 0  # changes of their order while it is loose
        self._loose = True  # order and rows are out of step and made anew when asked for
        self._times: list[tuple[int, int, Maker]] = []
        self._wakes = 0

    def put(self, debt: Debt, maker: Maker, shown: Obligation, *, moves: bool) -> None:
        """Show a debt as it is now. ``moves``: the standing of its pack may change it."""
        before = debt.shown
        known = before is not None
        debt.shown = shown
        if before is None or before.by != shown.by:
            self._move(debt, b"" if before is None else before.by, shown.by)
        if known or moves:
            sensitive = self.sensitive[debt.pack]
            if moves:
                sensitive[debt.id] = maker
            else:
                sensitive.pop(debt.id, None)
            self._set_open(debt, _urgency(shown) if shown.state in UNSETTLED else -1)
        if not known:
            self.debts[debt.id] = debt
        if self._loose:
            return
        place = bisect_left(self._order, (debt.at_ms, debt.id), key=_by_trigger)
        if known:
            self._rows[place] = shown
        else:
            self._order.insert(place, debt)
            self._rows.insert(place, shown)

    def _set_open(self, debt: Debt, urgent_ms: int) -> None:
        """Put it among the open ones where it belongs, or take it out (-1)."""
        before = debt.urgent_ms
        if self._open_loose:
            self._moved += before != urgent_ms
            debt.urgent_ms = urgent_ms
            return
        shown = debt.shown
        if before >= 0:
            place = bisect_left(self._urgent, (before, debt.id), key=_by_urgency)
            if before == urgent_ms and shown is not None:
                self._open_rows[place] = shown
                return
            del self._urgent[place], self._open_rows[place]
        debt.urgent_ms = urgent_ms
        if urgent_ms >= 0 and shown is not None:
            place = bisect_left(self._urgent, (urgent_ms, debt.id), key=_by_urgency)
            self._urgent.insert(place, debt)
            self._open_rows.insert(place, shown)

    def drop(self, debt: Debt) -> None:
        """Show a debt no more."""
        if debt.shown is None:
            return
        self._move(debt, debt.shown.by, b"")
        debt.shown = None
        del self.debts[debt.id]
        self._set_open(debt, -1)
        self.sensitive[debt.pack].pop(debt.id, None)
        if not self._loose:
            place = bisect_left(self._order, (debt.at_ms, debt.id), key=_by_trigger)
            del self._order[place], self._rows[place]

    def _move(self, debt: Debt, before: bytes, now: bytes) -> None:
        """Another message is behind it."""
        if before:
            some = self._by[before]
            if isinstance(some, dict):
                del some[debt]
            if some is debt or not some:
                del self._by[before]
        if not now:
            return
        some = self._by.setdefault(now, debt)
        if isinstance(some, dict):
            some[debt] = None
        elif some is not debt:
            self._by[now] = {some: None, debt: None}

    def by(self, digest: bytes) -> Iterable[Debt]:
        """What a message discharged, or waived, contested, suspended, held or ended."""
        some = self._by.get(digest, ())
        return (some,) if isinstance(some, Debt) else some

    def loosen(self) -> None:
        """Many rows are about to come: sort them once, when they are asked for."""
        self._loose = self._open_loose = True

    def get(self, id_: str) -> Obligation | None:
        """One row."""
        found = self.debts.get(id_)
        return None if found is None else found.shown

    def rows(self) -> list[Obligation]:
        """All rows in order; the caller may not change the list."""
        if self._loose:
            self._order = sorted(self.debts.values(), key=_by_trigger)
            self._rows = [one.shown for one in self._order if one.shown is not None]
            self._loose = False
        return self._rows

    def open_rows(self) -> list[Obligation]:
        """What is not settled, first due first, without a due time last; not to be changed."""
        if self._open_loose:
            found = [one for one in self.debts.values() if one.urgent_ms >= 0]
            self._urgent = sorted(found, key=_by_urgency)
            self._open_rows = [one.shown for one in self._urgent if one.shown is not None]
            self._open_loose = False
        return self._open_rows

    def open_steps(self) -> Steps[list[Obligation]]:
        """A copy of ``open_rows`` in steps: the first time after many came they have to be sorted.

        What is read in meanwhile may be in it or not.
        """
        if not self._open_loose:
            return self._open_rows.copy()
        moved = self._moved
        rows: list[tuple[int, str, Debt]] = []
        for place, debt in enumerate(list(self.debts.values())):
            if debt.urgent_ms >= 0:
                rows.append((debt.urgent_ms, debt.id, debt))
            if place % EACH == 0:
                yield
        rows = yield from in_order(rows)
        found = [debt for *_, debt in rows]
        shown = [one.shown for one in found if one.shown is not None]
        if moved == self._moved:
            self._urgent, self._open_rows, self._open_loose = found, shown.copy(), False
        return shown

    def open_between(self, from_ms: int, to_ms: int) -> list[Obligation]:
        """What is not settled and due from ``from_ms`` to ``to_ms``, both meant, in order."""
        rows = self.open_rows()
        begin = bisect_left(self._urgent, (from_ms, ""), key=_by_urgency)
        return rows[begin : bisect_left(self._urgent, (to_ms + 1, ""), key=_by_urgency)]

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


def _urgency(one: Obligation) -> int:
    earliest, latest = one.due
    due = earliest if latest is None else latest
    return NEVER_MS if due is None else due
