"""What comes in at the door, and what goes out.

Events are a closed union: everything that can happen to a station. Effects are a closed union:
everything that a station can want of the world. A step takes one event and returns effects; the
runtime commits every ``Keep`` of a turn in one transaction before it performs anything else, with
one exception: ``Sign`` is performed inside the turn, because a signature that has not left the
machine binds nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tieline.core.charter import SignedCharter
from tieline.core.errors import TielineError
from tieline.core.heed import Heed
from tieline.core.journal import Fact
from tieline.core.statement import Content

Known = Callable[[bytes, bytes], bool]
"""Whether the signature of the statement of this digest is known to be good under this key.

Who answers no does not know: then it is verified. A yes must not be a guess.
"""


# --------------------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """An officer brings a charter: a new line, or an amendment of one.

    ``incarnation`` is fresh randomness (8 bytes) for the log that this station opens on a new line.
    ``history`` are the versions before, from the first one on, for a station that joins a line.
    """

    token: int
    charter: SignedCharter
    incarnation: bytes
    history: tuple[SignedCharter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Speak:
    """An officer's act that becomes a statement, at once or after release by a second person.

    ``key`` makes the act idempotent: the same key on the same line again returns the first result.
    ``waits``: another person has to release it, whatever the rules say of its kind.
    """

    token: int
    line: bytes
    content: Content
    officer: str
    key: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A second officer releases a waiting draft."""

    token: int
    line: bytes
    draft: int
    officer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """An officer withdraws a waiting draft; it never becomes a statement."""

    token: int
    line: bytes
    draft: int
    officer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTest:
    """An officer starts a line test now, outside the schedule."""

    token: int
    line: bytes
    officer: str
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignCheckpoint:
    """Sign a checkpoint of our own log now; ``seal``: with ML-DSA-44 too."""

    token: int
    line: bytes
    seal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outrun:
    """A witness says that it has cosigned more of our log than we hold, or another root of it.

    Its word is not signed. It closes the log if this run did not open it, which costs no more than
    a fresh one; the shell raises the alarm.
    """

    line: bytes
    log: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """A witness has cosigned a checkpoint: the signed note with its line (C2SP tlog-witness).

    ``note`` has the log's own signature and any number of further lines; those of witnesses that
    the charter names are verified, kept, and told to the peers. A note that does not verify becomes
    a kept refusal.
    """

    line: bytes
    note: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A carrier brought an envelope. ``peer`` is who the carrier knows it came from.

    ``live``: the carrier vouches that the peer has sent it in the session that stands, so that it
    says how things are, and not how they were when somebody kept a copy. ``known``: what somebody
    has found out meanwhile of the signatures in it.
    """

    carrier: str
    peer: bytes
    envelope: bytes
    live: bool = False
    known: Known | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A session with a peer station stands.

    ``again``: it stood already, and what came in it meanwhile was lost here (the disk was full).
    """

    carrier: str
    peer: bytes
    address: str
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A session with a peer station has ended, and why."""

    carrier: str
    peer: bytes
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An attempt to reach a peer station came to nothing, and why."""

    carrier: str
    peer: bytes
    address: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """A carrier took the envelope that carried these statements of ours for a peer."""

    line: bytes
    carrier: str
    peer: bytes
    items: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalled:
    """No carrier could take an envelope for a peer now; what was on it counts as not sent."""

    line: bytes
    peer: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A stalled carrier can take more for a peer."""

    peer: bytes


@dataclass(frozen=True, slots=True)
class ForSpeech:
    """The signature wanted is for the statement that a line has in hand."""

    line: bytes


@dataclass(frozen=True, slots=True)
class ForReceipt:
    """The signature wanted is a receipt: a cosignature on a log head."""

    line: bytes
    log: bytes
    size: int
    time_s: int


@dataclass(frozen=True, slots=True)
class ForNote:
    """The signature wanted is that of ``log``, one of our own, under a checkpoint of it.

    ``seal``: a signature with ML-DSA-44 is to follow. ``token`` is whose act it answers.
    """

    line: bytes
    log: bytes
    size: int
    seal: bool
    token: int = 0


@dataclass(frozen=True, slots=True)
class ForSeal:
    """The signature wanted is one with ML-DSA-44 on the checkpoint in ``note``.

    It comes as the public key (1312 bytes), then the signature (2420).
    """

    line: bytes
    note: bytes
    time_s: int
    token: int = 0


SignFor = ForSpeech | ForReceipt | ForNote | ForSeal


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The signature that was asked for."""

    purpose: SignFor
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SignFailed:
    """The key store could not sign, and why; what was to be signed is not said."""

    purpose: SignFor
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """The rules of an agreement say that a party has not done by its due time what it owes.

    ``rule`` names the rule as ``tag/id``, of version ``version`` of its pack; ``trigger`` is the
    statement that began the obligation (32 bytes), or, of one that the calendar began, a digest of
    its id. ``text`` tells the officer. ``creditor``: it is owed to us, among others.
    """

    line: bytes
    rule: str
    version: int
    debtor: str
    creditor: bool
    trigger: bytes
    due_ms: int
    text: str
    precedence: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """A notice that another party gave us touches an incident; both by their digests."""

    line: bytes
    notice: bytes
    incident: bytes
    party: str
    text: str
    precedence: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """The shell reports a trouble of the station itself that an officer must know (disk, clock)."""

    code: str
    text: str
    precedence: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Heeded:
    """What an officer did with alarms here, or how an output of alarms fares: kept, never sent."""

    token: int
    heed: Heed


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed; whatever is due is done."""


Act = Install | Speak | Release | Discard | CallTest | SignCheckpoint | Heeded
Event = (
    Act
    | Witnessed
    | Outrun
    | Arrived
    | Connected
    | Lost
    | Failed
    | HandedOver
    | Stalled
    | Ready
    | Signed
    | SignFailed
    | Owed
    | Touched
    | Trouble
    | Tick
)

# -------------------------------------------------------------------------------- effects


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The result of an act: the statement it became, or the draft that waits and for whom."""

    line: bytes
    item: bytes = b""
    draft: int = 0
    waits_for: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Write a fact to the journal; a turn's facts are committed together, before all else."""

    fact: Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Sign ``message`` with the statement key, or for a receipt with the cosigning key.

    ``key`` is the public key under which it must verify: that of the charter in force.
    """

    purpose: SignFor
    message: bytes
    key: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transmit:
    """Hand an envelope to a carrier for a peer.

    ``items`` are the digests of our own statements on it whose hand-over is to be reported.
    """

    line: bytes
    peer: bytes
    envelope: bytes
    items: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to an act, given after the turn is durable."""

    token: int
    result: Done | TielineError


@dataclass(frozen=True, slots=True, kw_only=True)
class PeersChanged:
    """A charter came into force: the carriers' pins and addresses must follow."""


Effect = Keep | Sign | Transmit | Reply | PeersChanged


@dataclass(frozen=True, slots=True)
class Wakeup:
    """When the station wants its next tick: on the deadline clock, and on the transport's."""

    mono_ms: int | None
    real_ms: int | None
