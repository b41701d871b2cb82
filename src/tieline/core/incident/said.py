"""What is asked, held, linked and announced in one incident, and what was said to each of it."""

from __future__ import annotations

from typing import Final

from tieline.core.agreement.meaning import Act
from tieline.core.incident import hold, link
from tieline.core.incident.entry import Entry
from tieline.core.incident.heard import NO_DUES, Dues, Lane, Threads
from tieline.core.incident.hold import Hold, fold_hold
from tieline.core.incident.link import Ends, Link, fold_link
from tieline.core.incident.marks import Marks, Saw
from tieline.core.incident.public import Public, fold_public, is_made
from tieline.core.incident.question import Question, fold_question

_ASKING: Final = frozenset({Act.ANSWER, Act.WITHDRAW})
_HOLDING: Final = frozenset({Act.HOLD_ANSWER, Act.LIFT, Act.COMPLY, Act.WITHDRAW})
_LINKING: Final = frozenset({Act.LINK_ANSWER, Act.WITHDRAW})
_TOPS: Final = frozenset({Act.ASK, Act.HOLD, Act.LINK, Act.PUBLIC})
THREADED: Final = _TOPS | _ASKING | _HOLDING | _LINKING


class Said:
    """The threads of one incident. Entries are added in any order, and can be taken out."""

    def __init__(self, marks: Marks, saw: Saw, ends: Ends) -> None:
        self._marks = marks
        self._asking = Threads(marks, saw)
        self._holding = Threads(marks, saw, hold.tag)
        self._linking = Threads(marks, saw, link.tag)
        self._making = Threads(marks, saw)
        self._alone = Threads(marks, saw)  # what was made and belongs to no plan
        self._questions = Lane[Question](
            self._asking, lambda top, heard: fold_question(top, heard, marks, saw)
        )
        self._holds = Lane[Hold](
            self._holding, lambda top, heard: fold_hold(top, heard, marks, saw)
        )
        self._links = Lane[Link](
            self._linking, lambda top, heard: fold_link(top, heard, ends, marks, saw)
        )
        self._planned, self._unplanned = (
            Lane[Public](some, lambda top, heard: fold_public(top, heard, marks))
            for some in (self._making, self._alone)
        )

    def add(self, entry: Entry, *, moves: bool) -> None:
        """One entry, no second story. ``moves``: whether it may be a question or the like here."""
        act = entry.act
        if act in _TOPS:
            if not moves:
                return
            if act is Act.PUBLIC and is_made(entry):
                self._making.add(entry)
            else:
                self._of(act).top(entry)
            return
        for acts, threads in (
            (_ASKING, self._asking),
            (_HOLDING, self._holding),
            (_LINKING, self._linking),
        ):
            if act in acts:
                threads.add(entry)

    def _of(self, act: Act) -> Threads:
        return {
            Act.ASK: self._asking,
            Act.HOLD: self._holding,
            Act.LINK: self._linking,
            Act.PUBLIC: self._making,
        }[act]

    def drop(self, entry: Entry) -> None:
        """It is not in the incident any more."""
        for threads, lane in (
            (self._asking, self._questions),
            (self._holding, self._holds),
            (self._linking, self._links),
            (self._making, self._planned),
            (self._alone, self._unplanned),
        ):
            lane.forget(entry.digest)
            threads.drop(entry)

    def renew(self, entry: Entry) -> None:
        """It was cancelled or replaced, or stands again."""
        for threads in (self._asking, self._holding, self._linking, self._making, self._alone):
            threads.renew(entry)

    # ------------------------------------------------------------------------------- what it is

    def questions(
        self, now_ms: int, dues: Dues, most: int | None
    ) -> tuple[tuple[Question, ...], int]:
        """The questions, each to one party; as ``Lane.shown``."""
        return self._questions.shown(now_ms, dues, most)

    def holds(self, now_ms: int, most: int | None) -> tuple[tuple[Hold, ...], int]:
        """The holds and ceases; as ``Lane.shown``."""
        return self._holds.shown(now_ms, NO_DUES, most)

    def links(self, most: int | None) -> tuple[tuple[Link, ...], int]:
        """The links with other incidents; as ``Lane.shown``."""
        return self._links.shown(0, NO_DUES, most)

    def publics(self, most: int | None) -> tuple[tuple[Public, ...], int]:
        """The statements to the public; as ``Lane.shown``, of plans and of what had none."""
        self._part()
        planned, left = self._planned.shown(0, NO_DUES, most)
        alone, more = self._unplanned.shown(0, NO_DUES, most)
        both = sorted((*planned, *alone), key=lambda one: one.entry.key)
        return tuple(both), left + more

    def _part(self) -> None:
        """What was made and counts belongs to the plans of its own voice that it is said to."""
        making, alone = self._making, self._alone
        for digest, entry in making.moved.items():
            tops = (making.tops[top][0] for top in making.at(entry))
            placed = self._marks.counts(entry) and any(
                (top.party, top.through) == (entry.party, entry.through) for top in tops
            )
            if placed and digest in alone.tops:
                self._unplanned.forget(digest)
                alone.drop(entry)
            elif not placed and digest not in alone.tops:
                alone.top(entry)
        making.moved.clear()
