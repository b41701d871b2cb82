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
    while there is any, nothing here is said to bind. ``split``: parties that have signed two
    versions in two places, neither having read of the other. ``twice``: parties of which a log that
    acted here tells two stories.
    """

    parties: tuple[str, ...]
    versions: tuple[Version, ...]
    moot: tuple[Moot, ...] = ()
    unread: tuple[Entry, ...] = ()
    split: tuple[tuple[str, bytes, bytes], ...] = ()
    twice: tuple[str, ...] = ()
    full: bool = False  # more belongs to it than is weighed

    @property
    def root(self) -> bytes:
        return self.versions[0].digest

    @property
    def binding(self) -> Version | None:
        """The version that binds; there is one at most."""
        found = (version for version in self.versions if version.binds and not self.full)
        return next(found, None)

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
    """The version that all can still sign: the earliest that nothing amends, else the latest."""
    able = [
        one for one in chain.versions
        if not one.rejected and one.state not in (State.LATE, State.VOID)
    ]  # fmt: skip
    amended = {one.amends for one in chain.versions}
    tips = [one for one in able if one.digest not in amended]
    return tips[0] if tips else able[-1] if able else None
