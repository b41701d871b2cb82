"""What the rules answer with, and the reasons that stand beside each answer.

An answer never stands alone: it carries the inputs from which it follows, each with its name, its
value and where that came from, and the paragraph of the rule with its provenance. All of it is
data, so that a view can word it in any language.

**Two views of one clock.** Two parties seldom agree when a clock began: one knows when it sent, the
other when its station had it, and a field may say "about 14:30". A ``Bracket`` holds both ends.
An obligation is judged twice: in its debtor's favour (the clock began as late as can be argued, and
the debtor's act counts from its claimed time), and strictly (it began as early as can be argued,
and the act counts from its receipt). Where the two differ, the record alone does not settle it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, NamedTuple

from tieline.core.agreement.model import Cite

SKEW_MS: Final = 60_000  # clocks that differ by no more contradict nobody


class State(enum.StrEnum):
    """What became of an obligation. The order in ``WORST`` says which one speaks for several."""

    OPEN = "open"
    MET = "met"
    EARLY = "early"  # acted before the time at which it was allowed
    LATE = "late"  # acted after it was due
    OVERDUE = "overdue"  # due, and no act is known
    LAPSED = "lapsed"  # a right that was not used, or a silence with a meaning: no fault
    WAIVED = "waived"  # the creditor let it go
    CONTESTED = "contested"  # the debtor says that it does not owe this
    SUSPENDED = "suspended"  # it falls or fell due while the agreement was suspended
    HELD = "held"  # what it follows from is on hold
    ENDED = "ended"  # what it followed from was cancelled or superseded


UNSETTLED: Final = frozenset({State.OPEN, State.OVERDUE, State.CONTESTED, State.SUSPENDED,
                              State.HELD})  # fmt: skip
WORST: Final = (
    State.OVERDUE, State.OPEN, State.CONTESTED, State.EARLY, State.LATE, State.MET, State.LAPSED,
    State.HELD, State.SUSPENDED, State.WAIVED, State.ENDED,
)  # fmt: skip


class Doubt(enum.StrEnum):
    """Why a time that a party stated cannot be taken as it stands. It is flagged, not corrected."""

    AFTER_RECEIPT = "claimed after receipt"  # another station had it before it was written
    BEFORE_CAUSE = "claimed before its cause"  # it cites what was written later
    IN_FUTURE = "stated in the future"  # an occurrence after the message that reports it
    RESTATED = "restated"  # a correction says another time than the one it is judged by
    SECOND_COMMITMENT = "second commitment"  # of one party in one round


class InputKind(enum.StrEnum):
    """How the value of an input is to be read."""

    TIME = "time"  # UTC ms
    DATE = "date"  # days since 1970-01-01
    DURATION = "duration"  # ms
    COUNT = "count"
    PARTY = "party"
    CODE = "code"  # an item's id
    MESSAGE = "message"  # a digest
    TEXT = "text"


class Origin(enum.StrEnum):
    """Where an input comes from."""

    CLAIM = "claim"  # the claimed time of ``message``
    RECEIPT = "receipt"  # when the station of ``party`` had ``message``
    FIELD = "field"  # the field ``path`` of ``message``
    PACK = "pack"  # the rule itself
    RECORD = "record"  # found in or counted over the record
    CLOCK = "clock"  # the time of asking


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One fact that an answer follows from. ``value`` is ``None`` when it is not known."""

    name: str
    kind: InputKind
    value: int | str | bytes | None
    origin: Origin
    message: bytes = b""
    path: str = ""
    party: str = ""


class Bracket(NamedTuple):
    """The earliest and latest instant that can be argued, UTC ms; ``None``: not known (yet)."""

    earliest: int | None
    latest: int | None

    def shifted(self, by_ms: int) -> Bracket:
        """Both ends moved."""
        return Bracket(
            None if self.earliest is None else self.earliest + by_ms,
            None if self.latest is None else self.latest + by_ms,
        )


UNKNOWN: Final = Bracket(None, None)


class Obligation(NamedTuple):
    """Who owes what to whom by when, and what became of it.

    A named tuple, as is ``Bracket``: a long record makes a hundred thousand of them, and a frozen
    dataclass takes about three times as long to make.

    ``trigger``: the digest of the message that began it (empty: the calendar did, and ``key`` says
    which date or round). ``due.earliest`` is when it is due in the strict view, ``due.latest`` in
    the debtor's. ``state`` is as the debtor sees it, ``strict`` as that creditor may who has most
    to complain of; ``each`` has the strict one for each creditor, and is empty when all are alike.
    ``by``: the message that discharged it, or that waived, contested, suspended, held or ended it.
    ``done_ms``: the claimed time of the act.
    """

    id: str
    pack: str
    rule: str
    debtor: str
    creditors: tuple[str, ...]
    trigger: bytes
    key: str
    not_before: Bracket | None
    due: Bracket
    state: State
    strict: State
    by: bytes
    done_ms: int | None
    nil: bool
    cite: Cite
    each: tuple[State, ...] = ()

    @property
    def disputed(self) -> bool:
        """Whether the two views differ: the record alone does not settle it."""
        return self.state is not self.strict

    def seen_by(self, party: str) -> State:
        """The state in the view of ``party``: a creditor's is the strict one, as it is owed to it.

        That another creditor is not known to have been answered is no complaint of this one.
        """
        if party not in self.creditors:
            return self.state
        return self.each[self.creditors.index(party)] if self.each else self.strict


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why an obligation is as it is: the inputs in the order in which a person would tell them."""

    obligation: Obligation
    base: Bracket
    inputs: tuple[Input, ...]
    doubts: tuple[tuple[Doubt, bytes], ...]
