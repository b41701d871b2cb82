"""What a statement says and where it stands: the values, as authors write and readers find them.

How they are written and read is in ``statement``, which has all these names too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tieline.core.encode import Limits, Value
from tieline.core.terms import Kind, Precedence, RefRole, Role, Rung

MAX_STATEMENT_BYTES: Final = 32_768
MAX_TEXT_CHARS: Final = 12_000
MAX_REFS: Final = 16
MAX_SEEN: Final = 512
TIP_BYTES: Final = 16  # how much of a digest names what its author had read
MAX_PARTIES: Final = 64
MAX_THROUGH: Final = 80  # characters of who is spoken for
LIMITS: Final = Limits(max_bytes=MAX_STATEMENT_BYTES, max_depth=8, max_items=4096)

WANT_ACKNOWLEDGE: Final = 1
WANT_READ_BACK: Final = 2
WANT_PASS_ON: Final = 4
_WANT_RUNG: Final = (
    (WANT_ACKNOWLEDGE, Rung.ACKNOWLEDGED),
    (WANT_READ_BACK, Rung.READ_BACK),
    (WANT_PASS_ON, Rung.PASSED_ON),
)
_WANTED: Final = tuple(
    tuple(rung for bit, rung in _WANT_RUNG if wants & bit) for wants in range(2 * WANT_PASS_ON)
)
# What a kind asks of its readers when its author asks nothing special.
_DEFAULT_WANTS: Final = {
    Kind.MESSAGE: WANT_ACKNOWLEDGE,
    Kind.TEST: WANT_ACKNOWLEDGE,
    Kind.JOINT: WANT_ACKNOWLEDGE,
}
# By number: a table is asked in a tenth of the time of the class.
KINDS: Final = {int(one): one for one in Kind}
PRECEDENCES: Final = {int(one): one for one in Precedence}
ROLES: Final = {int(one): one for one in Role}
REF_ROLES: Final = {int(one): one for one in RefRole}
# Kinds that speak of one earlier statement, and must cite it first.
TARGETED: Final = frozenset({Kind.ACKNOWLEDGE, Kind.READ_BACK, Kind.PASS_ON, Kind.ASSENT})


@dataclass(frozen=True, slots=True)
class Ref:
    """A citation of an earlier statement on the same line, by its digest."""

    target: bytes
    role: RefRole


@dataclass(frozen=True, slots=True)
class Hold:
    """'The last item I hold from you': a log, how many of its statements, the last one's digest."""

    log: bytes
    size: int
    last: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a statement says. Which fields may be set depends on the kind; see ``_BODY``.

    ``effective_ms``: from when a joint statement holds; ``late_binds``: also if a signature comes
    after that. ``reserve``: said without prejudice. ``through``: whose word its author hands on, a
    party's code or a name. ``terms``: the fields of a form that a joint statement agrees on.
    """

    text: str | None = None
    lang: str | None = None
    fields: tuple[tuple[int, Value], ...] | None = None
    unit: str | None = None
    at_ms: int | None = None
    cause: str | None = None
    staffed: bool | None = None
    slot: int | None = None
    holds: tuple[Hold, ...] | None = None
    parties: tuple[str, ...] | None = None
    rung: Rung | None = None
    party: str | None = None
    due_ms: int | None = None
    attempts: int | None = None
    effective_ms: int | None = None
    late_binds: bool | None = None
    reserve: bool | None = None
    through: str | None = None
    terms: tuple[tuple[int, Value], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an author decides: everything of a statement but its place in the log."""

    kind: Kind
    body: Body = field(default_factory=Body)
    precedence: Precedence = Precedence.ROUTINE
    role: Role = Role.STATION
    to: tuple[str, ...] = ()
    wants: int = -1  # -1: what the kind asks by default
    form: str = ""
    form_version: int = 0
    refs: tuple[Ref, ...] = ()

    def wanted(self) -> int:
        """The asked-for rungs as a bit mask of the ``WANT_`` constants."""
        return default_wants(self.kind) if self.wants < 0 else self.wants


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a statement stands: its log, its predecessor, and how far its author had read."""

    line: bytes
    station: bytes
    incarnation: bytes
    position: int
    previous: bytes | None
    seen: tuple[bytes, ...]
    time_ms: int
    charter: int


Read = tuple[Place, Content, tuple[int, ...]]  # a payload, with keys that are not known here


def wanted_rungs(wants: int) -> tuple[Rung, ...]:
    """The human rungs that a mask of wants asks for, low to high."""
    return _WANTED[wants & (WANT_ACKNOWLEDGE | WANT_READ_BACK | WANT_PASS_ON)]


def wants_mask(rungs: tuple[Rung, ...]) -> int:
    """The inverse of ``wanted_rungs``."""
    return sum(bit for bit, rung in _WANT_RUNG if rung in rungs)


def default_wants(kind: Kind) -> int:
    """What a kind asks of its readers when its author asks nothing special."""
    return _DEFAULT_WANTS.get(kind, 0)
