"""What forms, fields and codes of an agreement say of an incident.

The software has no form of any agreement in its code. It folds incidents by these marks, which an
agreement's author sets: so the first word of one agreement and the report of a hazardous incident
of another stand side by side. Every list here is closed.
"""

from __future__ import annotations

import enum
from typing import Final


class Act(enum.StrEnum):
    """What a form does in an incident. The software knows these acts and no form by name."""

    NONE = "none"
    OPEN = "open"  # begins an incident, unless it cites a message of one
    WORD = "word"  # a further word, which may state aspects
    ACCOUNT = "account"  # states aspects, and promises nothing
    ASK = "ask"
    ANSWER = "answer"
    LINK = "link"  # says that two incidents it cites are of one event
    LINK_ANSWER = "link-answer"
    ATTACH = "attach"  # brings the messages it cites into the incident it cites
    HOLD = "hold"  # something is not done, or ceases, from a time on
    HOLD_ANSWER = "hold-answer"
    LIFT = "lift"
    COMPLY = "comply"  # whether its sender does what a hold or a joint statement says
    DECLINE = "decline"  # its sender does not sign the joint statement it cites
    WITHDRAW = "withdraw"  # its sender takes back a signature, if nobody can rely on it
    CONCERN = "concern"  # of escalation
    NOTICE = "notice"  # of an activity in an area and a time
    PASSED = "passed"  # attests that units were told, and says nothing else
    PUBLIC = "public"  # a statement to the public, made or planned, by its hash
    STANDING = "standing"  # contests in what standing a party speaks
    CLOSE = "close"
    REOPEN = "reopen"
    LESSON = "lesson"
    ENDEX = "endex"  # ends an exercise; on a real line it can neither be sent nor do anything


# What says a word of an incident: who owes a first word there has given it by one of these.
WORDS_SAID: Final = frozenset({Act.OPEN, Act.WORD, Act.ACCOUNT, Act.ANSWER, Act.LINK, Act.CLOSE})


class Means(enum.StrEnum):
    """What a field says of an incident, in whatever form it stands. Most fields say nothing of it.

    The first eleven are aspects of an account. A group with one of these holds the answer in its
    field that means ``value``, and beside it how sure its sender is and of what it goes by.
    """

    NONE = "none"
    WHAT = "what"
    WHEN = "when"
    WHERE = "where"
    COUNT = "count"
    DAMAGE = "damage"
    CASUALTIES = "casualties"
    EVIDENCE = "evidence"
    OWN_FORCES = "own-forces"
    INTENT = "intent"
    WHOSE = "whose"
    CAUSE = "cause"
    VALUE = "value"
    CONFIDENCE = "confidence"
    SOURCE = "source"
    WORDS = "words"
    NAME = "name"  # what its sender calls the incident
    NEXT = "next"  # when its sender's next word comes
    ASKED = "asked"  # the party of whom something is asked
    ABOUT = "about"  # the aspect that a question is of, by its code
    DUE = "due"
    STANCE = "stance"
    SCOPE = "scope"
    BINDING = "binding"
    FROM = "from"
    UNTIL = "until"
    AREA = "area"
    COMPLIANCE = "compliance"
    HASH = "hash"  # of a public statement, or of evidence
    REASON = "reason"
    UNIT = "unit"  # of its sender, that was told of what the form cites
    TOLD = "told"  # when units were told; nil: none was


ASPECTS: Final = (
    Means.WHAT, Means.WHEN, Means.WHERE, Means.COUNT, Means.DAMAGE, Means.CASUALTIES,
    Means.EVIDENCE, Means.OWN_FORCES, Means.INTENT, Means.WHOSE, Means.CAUSE,
)  # fmt: skip
# What its sender infers, apart from what it observed and from what it says of its own side.
ATTRIBUTION: Final = frozenset({Means.WHOSE, Means.CAUSE})


class Sense(enum.StrEnum):
    """What a code means to the software, in whatever list and words it stands."""

    NONE = "none"
    # Of a field that means STANCE: an answer to a question, a hold or a link. On another party's
    # standing (act STANDING), NOT_AGREED contests it, and AGREED does not.
    FULL = "full"
    PART = "part"
    LATER = "later"
    DECLINED = "declined"
    AGREED = "agreed"
    OTHER_TIME = "other-time"
    NOT_AGREED = "not-agreed"
    # Of BINDING: who does it.
    OURS = "ours"
    BOTH = "both"
    PROPOSAL = "proposal"
    # Of COMPLIANCE.
    COMPLYING = "complying"
    NOT_YET = "not-yet"
    UNABLE = "unable"
    BREACHED = "breached"  # the other side does not
    # Of ABOUT: the aspect, by its name in ``Means``.
    WHAT = "what"
    WHEN = "when"
    WHERE = "where"
    COUNT = "count"
    DAMAGE = "damage"
    CASUALTIES = "casualties"
    EVIDENCE = "evidence"
    OWN_FORCES = "own-forces"
    INTENT = "intent"
    WHOSE = "whose"
    CAUSE = "cause"
    # Of a public statement.
    PLANNED = "planned"
    MADE = "made"
