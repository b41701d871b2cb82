"""Every state that an incident, and what is said in it, can be in: one closed table for each.

A row says: in this state, this happens, then it is in that state, and what that means. The folds
of this package go by these rows and by nothing else; ``docs/incidents.md`` is made from them.

An event is what the fold finds, and the fold takes events in display order, which is causal order
with ties. Where the answers of several parties matter, the event is their sum ("one of them does
not agree"), not the last one that came: of two acts of one party that crossed, the safer counts.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

S = TypeVar("S", bound=enum.StrEnum)
E = TypeVar("E", bound=enum.StrEnum)


@dataclass(frozen=True, slots=True)
class Table(Generic[S, E]):
    """The states of one thing. ``starts``: how it comes to be, and in which state."""

    name: str
    about: str
    starts: Mapping[E, tuple[S, str]]
    rows: Mapping[tuple[S, E], tuple[S, str]]

    def start(self, event: E) -> S:
        """The state in which it begins."""
        return self.starts[event][0]

    def step(self, state: S, event: E) -> S:
        """The state after an event. A pair without a row is a mistake of the fold: ``KeyError``."""
        return self.rows[state, event][0]

    def lines(self) -> tuple[tuple[str, str, str, str], ...]:
        """The rows as words: state ("" at the beginning), event, next state, meaning."""
        begin = (("", str(on), str(to), why) for on, (to, why) in self.starts.items())
        rest = ((str(at), str(on), str(to), why) for (at, on), (to, why) in self.rows.items())
        return (*begin, *rest)


# --------------------------------------------------------------------------------------- incident


class IncidentState(enum.StrEnum):
    """Of an incident."""

    OPEN = "open"
    CLOSED_BY_SOME = "closed by some"
    CLOSED = "closed"


class IncidentEvent(enum.StrEnum):
    """What opens and closes an incident."""

    OPENED = "opened"
    SPOKE = "a further party takes part"
    SOME = "closes, others have not"
    ALL = "closes, and all have"
    CROSSED = "closes without having read a reopening"
    REOPENED = "reopens"


_I, _IE = IncidentState, IncidentEvent
INCIDENT: Final = Table(
    "incident",
    "An incident is closed when every party that took part has closed it, each having read every "
    "reopening. A party takes part by what it says in it: not by notices, public statements, "
    "links, attachments, lessons or receipts. After closing, everything said stays visible.",
    {_IE.OPENED: (_I.OPEN, "A first word that cites no incident begins one.")},
    {
        (_I.OPEN, _IE.SPOKE): (_I.OPEN, "One more party whose closing will be needed."),
        (_I.OPEN, _IE.SOME): (_I.CLOSED_BY_SOME, "One-sided: shown as closed by whom."),
        (_I.OPEN, _IE.ALL): (_I.CLOSED, "Nobody else took part."),
        (_I.OPEN, _IE.CROSSED): (_I.OPEN, "It must read the reopening, and close again."),
        (_I.OPEN, _IE.REOPENED): (_I.OPEN, "Who had not read it and closes has not closed."),
        (_I.CLOSED_BY_SOME, _IE.SPOKE): (_I.CLOSED_BY_SOME, "One more whose closing is needed."),
        (_I.CLOSED_BY_SOME, _IE.SOME): (_I.CLOSED_BY_SOME, "Still not all."),
        (_I.CLOSED_BY_SOME, _IE.ALL): (_I.CLOSED, "The last party that took part has closed."),
        (_I.CLOSED_BY_SOME, _IE.CROSSED): (_I.CLOSED_BY_SOME, "Its closing does not count."),
        (_I.CLOSED_BY_SOME, _IE.REOPENED): (_I.OPEN, "No earlier closing counts any more."),
        (_I.CLOSED, _IE.SPOKE): (_I.CLOSED_BY_SOME, "A party that had not taken part speaks."),
        (_I.CLOSED, _IE.ALL): (_I.CLOSED, "Closed once more."),
        (_I.CLOSED, _IE.CROSSED): (
            _I.CLOSED,
            "Its author had closed with knowledge of the reopening by another station.",
        ),
        (_I.CLOSED, _IE.REOPENED): (_I.OPEN, "No earlier closing counts any more."),
    },
)


# ------------------------------------------------------------------------------------------- link


class LinkState(enum.StrEnum):
    """Of a link between incidents."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class LinkEvent(enum.StrEnum):
    """The sum of what the parties say that decide, and the taking back of the proposal."""

    PROPOSED = "proposed"
    SOME = "none declines, not all have agreed"
    ALL = "all agree"
    DECLINED = "one declines"
    WITHDRAWN = "taken back"


_L, _LE = LinkState, LinkEvent
LINK: Final = Table(
    "link",
    "The parties that opened the linked incidents decide, but for the one that proposes. Nothing "
    "is merged: an accepted link shows the other incident's accounts beside, marked.",
    {_LE.PROPOSED: (_L.PROPOSED, "Two incidents are said to be of one event.")},
    {
        (_L.PROPOSED, _LE.SOME): (_L.PROPOSED, "Some have agreed."),
        (_L.PROPOSED, _LE.ALL): (_L.ACCEPTED, "Shown side by side (at once if nobody decides)."),
        (_L.PROPOSED, _LE.DECLINED): (_L.DECLINED, "One is enough."),
        (_L.PROPOSED, _LE.WITHDRAWN): (_L.WITHDRAWN, "By its proposer."),
        (_L.ACCEPTED, _LE.ALL): (_L.ACCEPTED, "Agreed once more."),
        (_L.ACCEPTED, _LE.DECLINED): (_L.DECLINED, "A party that had agreed no longer does."),
        (_L.ACCEPTED, _LE.WITHDRAWN): (_L.WITHDRAWN, "By its proposer, also later."),
        (_L.DECLINED, _LE.SOME): (_L.PROPOSED, "Who declined agrees now; others have yet to."),
        (_L.DECLINED, _LE.ALL): (_L.ACCEPTED, "Who declined agrees now, having read its refusal."),
        (_L.DECLINED, _LE.DECLINED): (_L.DECLINED, "One still declines."),
        (_L.DECLINED, _LE.WITHDRAWN): (_L.WITHDRAWN, "By its proposer."),
    },
)


# --------------------------------------------------------------------------------------- question


class QuestionState(enum.StrEnum):
    """Of a question to one party."""

    ASKED = "asked"
    PROMISED = "promised"
    PART = "answered in part"
    ANSWERED = "answered"
    DECLINED = "declined"
    OVERDUE = "overdue"
    WITHDRAWN = "withdrawn"


class QuestionEvent(enum.StrEnum):
    """What the party that was asked says, the clock, and the asker's taking back."""

    ASKED = "asked"
    FULL = "answers"
    PART = "answers in part"
    LATER = "will answer later"
    DECLINED = "declines"
    DUE = "the due time passes"
    WITHDRAWN = "the asker takes it back"


_Q, _QE = QuestionState, QuestionEvent
_AFTER_ANSWER: Final = "What its author said last."
QUESTION: Final = Table(
    "question",
    "Of each party that was asked. It is due when the agreement says, else when the question says; "
    "after a promise, when the promised word is due.",
    {_QE.ASKED: (_Q.ASKED, "The clock runs, if a time is due.")},
    {
        (_Q.ASKED, _QE.FULL): (_Q.ANSWERED, "Whether it answers well is not judged."),
        (_Q.ASKED, _QE.PART): (_Q.PART, "The rest is due only if a next word is promised."),
        (_Q.ASKED, _QE.LATER): (_Q.PROMISED, "Due with the promised word."),
        (_Q.ASKED, _QE.DECLINED): (_Q.DECLINED, "With its reason."),
        (_Q.ASKED, _QE.DUE): (_Q.OVERDUE, "Nothing was said in time."),
        (_Q.ASKED, _QE.WITHDRAWN): (_Q.WITHDRAWN, "Or asked anew in other words."),
        (_Q.PROMISED, _QE.FULL): (_Q.ANSWERED, _AFTER_ANSWER),
        (_Q.PROMISED, _QE.PART): (_Q.PART, _AFTER_ANSWER),
        (_Q.PROMISED, _QE.LATER): (_Q.PROMISED, "Promised anew: the newest time counts."),
        (_Q.PROMISED, _QE.DECLINED): (_Q.DECLINED, _AFTER_ANSWER),
        (_Q.PROMISED, _QE.DUE): (_Q.OVERDUE, "The promised word did not come."),
        (_Q.PROMISED, _QE.WITHDRAWN): (_Q.WITHDRAWN, "Nothing more is asked."),
        (_Q.PART, _QE.FULL): (_Q.ANSWERED, _AFTER_ANSWER),
        (_Q.PART, _QE.PART): (_Q.PART, "One more part."),
        (_Q.PART, _QE.LATER): (_Q.PROMISED, "The rest is promised."),
        (_Q.PART, _QE.DECLINED): (_Q.DECLINED, "The rest is declined."),
        (_Q.PART, _QE.DUE): (_Q.OVERDUE, "The promised rest did not come."),
        (_Q.PART, _QE.WITHDRAWN): (_Q.WITHDRAWN, "The rest is no longer asked."),
        (_Q.ANSWERED, _QE.FULL): (_Q.ANSWERED, "Answered once more."),
        (_Q.ANSWERED, _QE.PART): (_Q.PART, "It says now that it was a part."),
        (_Q.ANSWERED, _QE.LATER): (_Q.PROMISED, "More is promised."),
        (_Q.ANSWERED, _QE.DECLINED): (_Q.DECLINED, "What it had said stays visible."),
        (_Q.ANSWERED, _QE.WITHDRAWN): (_Q.ANSWERED, "Too late to take it back."),
        (_Q.DECLINED, _QE.FULL): (_Q.ANSWERED, "It answers after all."),
        (_Q.DECLINED, _QE.PART): (_Q.PART, "It answers after all, in part."),
        (_Q.DECLINED, _QE.LATER): (_Q.PROMISED, "It will answer after all."),
        (_Q.DECLINED, _QE.DECLINED): (_Q.DECLINED, "Declined once more."),
        (_Q.DECLINED, _QE.WITHDRAWN): (_Q.DECLINED, "Too late to take it back."),
        (_Q.OVERDUE, _QE.FULL): (_Q.ANSWERED, "Late, and shown as late."),
        (_Q.OVERDUE, _QE.PART): (_Q.PART, "Late, and shown as late."),
        (_Q.OVERDUE, _QE.LATER): (_Q.PROMISED, "Late, and shown as late."),
        (_Q.OVERDUE, _QE.DECLINED): (_Q.DECLINED, "Late, and shown as late."),
        (_Q.OVERDUE, _QE.WITHDRAWN): (_Q.WITHDRAWN, "Nothing more is asked."),
        (_Q.WITHDRAWN, _QE.FULL): (_Q.ANSWERED, "Answered all the same."),
        (_Q.WITHDRAWN, _QE.PART): (_Q.WITHDRAWN, "The part is shown; no more is asked."),
        (_Q.WITHDRAWN, _QE.LATER): (_Q.WITHDRAWN, "No more is asked."),
        (_Q.WITHDRAWN, _QE.DECLINED): (_Q.DECLINED, "Declined all the same."),
    },
)


# ------------------------------------------------------------------------------------------- hold


class HoldState(enum.StrEnum):
    """Of a hold or a cease. Who is bound since when is said beside it, party by party."""

    ONE_SIDED = "one-sided"
    PROPOSED = "proposed"
    AGREED = "agreed"
    OTHER_TIME = "other time"
    NOT_AGREED = "not agreed"
    LIFTED = "lifted"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class HoldEvent(enum.StrEnum):
    """How it was said, the sum of what the others answer, its ends."""

    OURS = "its author holds"
    PROPOSED = "asked of others"
    SOME = "none objects, not all have agreed"
    ALL = "all agree"
    OTHER_TIME = "one wants another time"
    NOT_AGREED = "one does not agree"
    LIFTED = "a lift takes effect"
    UNTIL = "its end passes"
    WITHDRAWN = "its author takes it back"


_H, _HE = HoldState, HoldEvent
_OURS_ALONE: Final = "It asked nothing of others; shown beside it."
HOLD: Final = Table(
    "hold",
    "A hold of its author's own side stands by itself and needs nobody's answer. One that its "
    "author keeps and asks of others binds its author at once. A proposal binds nobody until all "
    "agree. Of two crossed answers of one party the one that agrees less counts: nobody relies on "
    "a hold that its party may not keep.",
    {
        _HE.OURS: (_H.ONE_SIDED, "Binds its author alone."),
        _HE.PROPOSED: (_H.PROPOSED, "Binds its author if it says so, and nobody else yet."),
    },
    {
        (_H.ONE_SIDED, _HE.SOME): (_H.ONE_SIDED, _OURS_ALONE),
        (_H.ONE_SIDED, _HE.ALL): (_H.ONE_SIDED, _OURS_ALONE),
        (_H.ONE_SIDED, _HE.OTHER_TIME): (_H.ONE_SIDED, _OURS_ALONE),
        (_H.ONE_SIDED, _HE.NOT_AGREED): (_H.ONE_SIDED, _OURS_ALONE),
        (_H.ONE_SIDED, _HE.LIFTED): (_H.LIFTED, "By its author."),
        (_H.ONE_SIDED, _HE.UNTIL): (_H.EXPIRED, "As it said."),
        (_H.ONE_SIDED, _HE.WITHDRAWN): (_H.WITHDRAWN, "Cancelled, or said anew."),
        (_H.PROPOSED, _HE.SOME): (_H.PROPOSED, "Not all have answered."),
        (_H.PROPOSED, _HE.ALL): (_H.AGREED, "All that were asked agree."),
        (_H.PROPOSED, _HE.OTHER_TIME): (_H.OTHER_TIME, "To be agreed by its author, or not."),
        (_H.PROPOSED, _HE.NOT_AGREED): (_H.NOT_AGREED, "Its author may hold alone."),
        (_H.PROPOSED, _HE.LIFTED): (_H.LIFTED, "By its author."),
        (_H.PROPOSED, _HE.UNTIL): (_H.EXPIRED, "Without agreement."),
        (_H.PROPOSED, _HE.WITHDRAWN): (_H.WITHDRAWN, "Cancelled, or said anew."),
        (_H.AGREED, _HE.ALL): (_H.AGREED, "Agreed once more."),
        (_H.AGREED, _HE.OTHER_TIME): (_H.OTHER_TIME, "It no longer agrees to this time."),
        (_H.AGREED, _HE.NOT_AGREED): (_H.NOT_AGREED, "It no longer agrees: rely on nothing."),
        (_H.AGREED, _HE.LIFTED): (
            _H.LIFTED,
            "By one party; the others speak for themselves.",
        ),
        (_H.AGREED, _HE.UNTIL): (_H.EXPIRED, "As agreed."),
        (_H.AGREED, _HE.WITHDRAWN): (_H.WITHDRAWN, "Cancelled, or said anew, by its author."),
        (_H.OTHER_TIME, _HE.SOME): (_H.PROPOSED, "It agrees now; others have yet to answer."),
        (_H.OTHER_TIME, _HE.ALL): (_H.AGREED, "It agrees now, or its time was accepted."),
        (_H.OTHER_TIME, _HE.OTHER_TIME): (_H.OTHER_TIME, "Another time again."),
        (_H.OTHER_TIME, _HE.NOT_AGREED): (_H.NOT_AGREED, "One does not agree at any time."),
        (_H.OTHER_TIME, _HE.LIFTED): (_H.LIFTED, "By its author."),
        (_H.OTHER_TIME, _HE.UNTIL): (_H.EXPIRED, "Without agreement."),
        (_H.OTHER_TIME, _HE.WITHDRAWN): (_H.WITHDRAWN, "Cancelled, or said anew."),
        (_H.NOT_AGREED, _HE.SOME): (_H.PROPOSED, "It agrees now; others have yet to answer."),
        (_H.NOT_AGREED, _HE.ALL): (_H.AGREED, "It agrees now."),
        (_H.NOT_AGREED, _HE.OTHER_TIME): (_H.OTHER_TIME, "It would agree to another time."),
        (_H.NOT_AGREED, _HE.NOT_AGREED): (_H.NOT_AGREED, "One still does not agree."),
        (_H.NOT_AGREED, _HE.LIFTED): (_H.LIFTED, "By its author."),
        (_H.NOT_AGREED, _HE.UNTIL): (_H.EXPIRED, "Without agreement."),
        (_H.NOT_AGREED, _HE.WITHDRAWN): (_H.WITHDRAWN, "Cancelled, or said anew."),
    },
)


# ----------------------------------------------------------------------------------------- public


class PublicState(enum.StrEnum):
    """Of a statement to the public."""

    PLANNED = "planned"
    MADE = "made"
    OTHERWISE = "made otherwise"
    WITHDRAWN = "withdrawn"


class PublicEvent(enum.StrEnum):
    """What its party says of it on the line."""

    PLANNED = "will be made"
    MADE = "was made"
    SAME = "was made as planned"
    OTHER = "was made with another text"
    WITHDRAWN = "its party takes it back"


_P, _PE = PublicState, PublicEvent
PUBLIC: Final = Table(
    "public statement",
    "A party says on the line what it will say in public, or what it has said, by the hash of the "
    "text. Whether the text is the same is seen by comparing hashes, not by reading.",
    {
        _PE.PLANNED: (_P.PLANNED, "Said on the line before it is said in public."),
        _PE.MADE: (_P.MADE, "Said on the line afterwards, without a plan."),
    },
    {
        (_P.PLANNED, _PE.SAME): (_P.MADE, "The hash is that of the plan."),
        (_P.PLANNED, _PE.OTHER): (_P.OTHERWISE, "The hash is another: both are shown."),
        (_P.PLANNED, _PE.WITHDRAWN): (_P.WITHDRAWN, "Or planned anew with another text."),
        (_P.MADE, _PE.SAME): (_P.MADE, "Made once more."),
        (_P.MADE, _PE.OTHER): (_P.OTHERWISE, "Made once more, with another text."),
        (_P.MADE, _PE.WITHDRAWN): (_P.WITHDRAWN, "Its party says that it is not its statement."),
        (_P.OTHERWISE, _PE.SAME): (_P.MADE, "Made at last as planned."),
        (_P.OTHERWISE, _PE.OTHER): (_P.OTHERWISE, "With another text again."),
        (_P.OTHERWISE, _PE.WITHDRAWN): (_P.WITHDRAWN, "Its party says that it is not its own."),
    },
)


# ---------------------------------------------------------------------------------------- joint


class JointState(enum.StrEnum):
    """Of one version of a joint statement."""

    PROPOSED = "proposed"
    SIGNED = "signed by some"
    COMPLETE = "signed by all, not confirmed"
    BINDS = "binds"
    LATE = "too late"
    DECLINED = "declined"
    AMENDED = "amended"
    WITHDRAWN = "withdrawn"
    VOID = "void"


class JointEvent(enum.StrEnum):
    """What moves a version: of acts, only those that count by ``core.incident.joint``."""

    PROPOSED = "proposed"
    SIGNS = "signs, others have not"
    COMPLETES = "signs, and all have"
    LEAVES = "takes a signature back, others stand"
    LEAVES_LAST = "takes the last signature back"
    DECLINES = "declines"
    AMENDS = "proposes another text in its place"
    CONFIRMED = "each has written after reading all signatures"
    CAME_LATE = "a signature was made, or came, after the effective time"
    CONFLICT = "another version binds as well"


_J, _JE = JointState, JointEvent
_NOT_ABLE: Final = "A signature that nothing completes."
_OTHER_STATION: Final = "By another station of who would not sign it; both are shown."
JOINT: Final = Table(
    "joint",
    "Each version of a joint statement, by the acts that count. Its author signs by making it, "
    "which is an event of its own. With an effective time it holds from then on. Whether it binds "
    "is said last, by what the logs show then.",
    {_JE.PROPOSED: (_J.PROPOSED, "A text for the parties that it names.")},
    {
        (_J.PROPOSED, _JE.SIGNS): (_J.SIGNED, "One at least has yet to."),
        (_J.PROPOSED, _JE.COMPLETES): (_J.COMPLETE, "It names one party alone."),
        (_J.PROPOSED, _JE.DECLINES): (_J.DECLINED, "By a party that had not signed it; for good."),
        (_J.PROPOSED, _JE.AMENDS): (_J.AMENDED, "By a party that had not signed it; for good."),
        (_J.SIGNED, _JE.SIGNS): (_J.SIGNED, "One at least has yet to."),
        (_J.SIGNED, _JE.COMPLETES): (_J.COMPLETE, "Nobody is told yet that it binds."),
        (_J.SIGNED, _JE.LEAVES): (_J.SIGNED, "Its author had not read that all had signed."),
        (_J.SIGNED, _JE.LEAVES_LAST): (_J.WITHDRAWN, "It can be signed again."),
        (_J.SIGNED, _JE.DECLINES): (_J.DECLINED, "The signatures on it can be left now."),
        (_J.SIGNED, _JE.AMENDS): (_J.AMENDED, "The signatures on it can be left now."),
        (_J.COMPLETE, _JE.SIGNS): (_J.COMPLETE, "Another station of a party signs too."),
        (_J.COMPLETE, _JE.LEAVES): (_J.SIGNED, "Its author had not read that all had signed."),
        (_J.COMPLETE, _JE.DECLINES): (_J.COMPLETE, _OTHER_STATION),
        (_J.COMPLETE, _JE.AMENDS): (_J.COMPLETE, _OTHER_STATION),
        (_J.COMPLETE, _JE.CONFIRMED): (_J.BINDS, "From its effective time on, if it has one."),
        (_J.COMPLETE, _JE.CAME_LATE): (_J.LATE, "Unless it says that late signatures bind."),
        (_J.WITHDRAWN, _JE.SIGNS): (_J.SIGNED, "Signed again."),
        (_J.WITHDRAWN, _JE.DECLINES): (_J.DECLINED, "For good."),
        (_J.WITHDRAWN, _JE.AMENDS): (_J.AMENDED, "For good."),
        (_J.DECLINED, _JE.SIGNS): (_J.DECLINED, _NOT_ABLE),
        (_J.DECLINED, _JE.COMPLETES): (_J.COMPLETE, _OTHER_STATION),
        (_J.DECLINED, _JE.LEAVES): (_J.DECLINED, "Nothing more follows."),
        (_J.DECLINED, _JE.LEAVES_LAST): (_J.DECLINED, "Nothing more follows."),
        (_J.DECLINED, _JE.DECLINES): (_J.DECLINED, "One more."),
        (_J.DECLINED, _JE.AMENDS): (_J.DECLINED, "The refusal is what counts."),
        (_J.AMENDED, _JE.SIGNS): (_J.AMENDED, _NOT_ABLE),
        (_J.AMENDED, _JE.COMPLETES): (_J.COMPLETE, _OTHER_STATION),
        (_J.AMENDED, _JE.LEAVES): (_J.AMENDED, "The other text takes its place."),
        (_J.AMENDED, _JE.LEAVES_LAST): (_J.AMENDED, "The other text takes its place."),
        (_J.AMENDED, _JE.DECLINES): (_J.DECLINED, "The refusal is what counts."),
        (_J.AMENDED, _JE.AMENDS): (_J.AMENDED, "One more."),
        (_J.BINDS, _JE.CONFLICT): (
            _J.VOID,
            "Every party signed both, in two places.",
        ),
    },
)

TABLES: Final = (INCIDENT, LINK, QUESTION, HOLD, PUBLIC, JOINT)
