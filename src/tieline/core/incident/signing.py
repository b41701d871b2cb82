"""What has become of a joint statement: its versions, their signatures, and what is left to do.

Values for people and screens; ``core.incident.joint`` makes them by its rules.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from tieline.core.agreement.meaning import Sense
from tieline.core.incident.entry import Entry
from tieline.core.incident.states import JointState as State


class Fault(enum.StrEnum):
    """Why an act moves nothing."""

    NONE = ""
    NOT_NAMED = "not-named"  # the text does not name its party
    SPOKEN_FOR = "spoken-for"  # it hands on another's word, and signs for nobody
    UNREAD = "unread"  # its author had not read the text
    REJECTED = "rejected"  # the party declined or amended this version before
    HOLDS = "holds"  # all have signed the version on which its signature stands
    ELSEWHERE = "elsewhere"  # another log of the party stands on another version
    ALREADY = "already"  # the log's signature stands on this version
    NOTHING = "nothing"  # there is no signature of its log to take back
    SPENT = "spent"  # its log, or that of what it cites, has said more than is weighed


class Does(enum.StrEnum):
    """What an act is to a chain."""

    PROPOSE = "propose"
    SIGN = "sign"
    DECLINE = "decline"
    WITHDRAW = "withdraw"


@dataclass(slots=True, eq=False)
class Signature:
    """One that counts. ``left``: the act by which its log took it back."""

    by: Entry
    version: bytes
    left: Entry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A signature that was made, or came to ``at``, after the effective time."""

    party: str
    at: str
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moot:
    """An act that moves nothing, and why; ``stands``: the version that stands in its way."""

    by: Entry
    does: Does
    version: bytes
    fault: Fault
    stands: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One text of a chain, as the record has it.

    ``missing``: parties without a signature that stands. ``unconfirmed``: those whose log does not
    show yet that it has read them all. ``rejected``: who declined or amended, by which entry.
    ``open_at``: at whom it is not known whether the signatures came in time.
    """

    entry: Entry
    amends: bytes = b""
    state: State
    signed: tuple[Signature, ...] = ()
    left: tuple[Signature, ...] = ()
    missing: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    rejected: tuple[tuple[str, Entry, Does], ...] = ()
    late: tuple[Late, ...] = ()
    open_at: tuple[str, ...] = ()
    compliance: tuple[tuple[str, Sense, Entry], ...] = ()

    @property
    def digest(self) -> bytes:
        return self.entry.digest

    @property
    def binds(self) -> bool:
        return self.state is State.BINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The versions of one joint statement, in display order, the root first.

    ``moot``: acts that moved nothing. ``unread``: what cites it on forms that cannot be read here;
    no text that was confirmed by who had read any of it is said to bind. ``spent``: parties of
    which a log has said more than is weighed. ``split``: parties that have signed two
    versions in two places, neither having read of the other. ``twice``: parties of which a log that
    acted here tells two stories.
    """

    parties: tuple[str, ...]
    versions: tuple[Version, ...]
    moot: tuple[Moot, ...] = ()
    unread: tuple[Entry, ...] = ()
    split: tuple[tuple[str, bytes, bytes], ...] = ()
    twice: tuple[str, ...] = ()
    spent: tuple[str, ...] = ()

    @property
    def root(self) -> bytes:
        return self.versions[0].digest

    @property
    def binding(self) -> Version | None:
        """The version that binds; there is one at most."""
        return next((version for version in self.versions if version.binds), None)

    def version(self, digest: bytes) -> Version | None:
        return next((version for version in self.versions if version.digest == digest), None)


# ------------------------------------------------------------------------------------- what next


class Step(enum.StrEnum):
    """What a party can do about a chain."""

    SIGN = "sign"
    CONFIRM = "confirm"  # write anything, such as an acknowledgement of the last signature
    AMEND = "amend"  # no version is open: a new one is needed, also with the same words
    AWAIT = "await"
    COMPLY = "comply"


def offer(chain: Chain, party: str) -> tuple[Step, bytes]:
    """What a party should be offered next, and on which version.

    Every desk with the same record offers the same version. Two parties who amended each other at
    the same time, and follow it, sign one text in one act each.
    """
    binding = chain.binding
    if binding is not None:
        return Step.COMPLY, binding.digest
    complete = [one for one in chain.versions if one.state is State.COMPLETE]
    for version in complete:
        if party in version.unconfirmed:
            return Step.CONFIRM, version.digest
    if complete:
        return Step.AWAIT, complete[0].digest
    candidate = _candidate(chain)
    if candidate is None:
        newest = chain.versions[-1]
        return (Step.AMEND, newest.digest) if party == chain.parties[0] else (
            Step.AWAIT, newest.digest
        )  # fmt: skip
    step = Step.SIGN if party in candidate.missing else Step.AWAIT
    return step, candidate.digest


def _candidate(chain: Chain) -> Version | None:
    """The version that all can still sign: one that nothing amends, else the latest.

    Of several the earliest that somebody has signed: what a party that is not named puts before
    the others, or what is said for another, turns nobody from a text until a party signs it.
    """
    able = [one for one in chain.versions if _able(one)]
    amends = {one.digest: one.amends for one in chain.versions}
    amended: set[bytes] = set()
    for one in chain.versions:
        at = one.amends if one.signed or _own(chain, one) else b""
        while at and at not in amended:  # those before one of them are known as well
            amended.add(at)
            at = amends.get(at, b"")
    tips = [one for one in able if one.digest not in amended]
    signed = [one for one in tips if one.signed]
    return next(iter(signed or tips or able[-1:]), None)


def _able(version: Version) -> bool:
    return not version.rejected and version.state not in (State.LATE, State.VOID)


def _own(chain: Chain, version: Version) -> bool:
    """Whether its author is a party of it, and speaks for itself."""
    return version.entry.party in chain.parties and not version.entry.through


def turned(chain: Chain, version: Version, party: str) -> tuple[str, bytes] | None:
    """Who has turned from a version that this party would sign, and to which other one.

    ``None`` while a signature can help it to bind. The digest is empty if the other declined it.
    A text whose own signatory puts another in its place is still one that both can sign, but not
    the one to which that party stands now, which the officer may not have read.
    """
    signed = {one.by.party for one in version.signed}
    gone = [(who, by, does) for who, by, does in version.rejected if who not in signed]
    for who, by, does in gone:
        return who, by.digest if does is Does.PROPOSE else b""
    after = {version.digest}  # and what stands in its place
    for one in chain.versions:
        if one.amends in after:
            after.add(one.digest)
    for other in reversed(chain.versions):
        who = other.entry.party
        if who == party or who in signed or not _able(other) or not _own(chain, other):
            continue
        if other.digest != version.digest and other.digest in after:
            return who, other.digest
    return None
