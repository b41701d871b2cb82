"""What a reading of evidence has found: faults, gaps, and of every sound statement who had it when.

The facts are plain values; ``evidence_reader`` fills them in and ``evidence_links`` joins them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tieline.core import crypto, encode
from tieline.core.agreement.model import Pack
from tieline.core.charter import Charter
from tieline.core.evidence import Header, StatementItem
from tieline.core.statement import LIMITS, TIP_BYTES, Content, Statement
from tieline.core.terms import Kind

MAX_LISTED = 1000  # findings kept with their sentence; beyond that they are only counted


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or that cannot be checked: its code, the item, a sentence."""

    code: str
    number: int
    text: str


@dataclass(slots=True)
class Counts:
    """How much of each kind was read."""

    packs: int = 0
    keys: int = 0
    statements: int = 0
    left_out: int = 0
    second_stories: int = 0
    second_left_out: int = 0
    receipts: int = 0
    notes: int = 0


@dataclass(frozen=True, slots=True)
class Covering:
    """A verified cosignature of a station on a log: up to which size, and when (seconds)."""

    size: int
    time_s: int
    station: bytes


@dataclass(slots=True, kw_only=True, eq=False)
class LogFacts:
    """One log. ``covered``: the greatest size at which a signed head verified."""

    id: bytes
    station: bytes
    incarnation: bytes
    party: str | None
    name: str
    size: int
    number: int
    second_left_out: int
    left_out: int = 0
    root: bytes = b""
    covered: int = 0
    sealed: int = 0  # the greatest size with a verified ML-DSA-44 line
    covers: list[Covering] = field(default_factory=list)
    witnesses: list[tuple[str, int, int]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Entry:
    """A statement without fault, as far as people want to know it."""

    digest: bytes
    log: LogFacts
    position: int
    second: bool
    station: bytes
    party: str  # by the charter version under which it was written
    time_ms: int
    admitted_ms: int
    charter: int
    previous: bytes | None
    tips: tuple[bytes, ...]
    content: Content
    kind: int
    unknown: tuple[int, ...]
    number: int
    cited_by: list[tuple[Entry, int]] = field(default_factory=list)
    left_out: int = 0
    late: bool = False  # beyond the end of its log (protocol.md section 7.1): without effect
    observer: bool = False  # of an observer (protocol.md section 5.1): not heard
    fault: bool = False

    @staticmethod
    def of(
        statement: Statement, log: LogFacts, item: StatementItem, number: int, party: str
    ) -> Entry:
        """What is kept of a statement; its signed bytes are not."""
        place = statement.place
        return Entry(
            digest=statement.digest,
            log=log,
            position=place.position,
            second=item.second,
            station=place.station,
            party=party,
            time_ms=place.time_ms,
            admitted_ms=item.admitted_ms,
            charter=place.charter,
            previous=place.previous,
            tips=place.seen,
            content=statement.content,
            kind=_kind(statement),
            unknown=statement.unknown,
            number=number,
        )

    @property
    def moot(self) -> bool:
        """Whether it moves nothing, whatever it says."""
        return self.late or self.observer

    @property
    def order(self) -> tuple[int, bool, bytes]:
        """Where it stands in its log, the main branch first."""
        return (self.position, self.second, self.digest)


def _kind(statement: Statement) -> int:
    """The number of its kind; of one from a newer station it stands only in the bytes."""
    if statement.content.kind is not Kind.UNKNOWN:
        return int(statement.content.kind)
    payload = encode.loads(crypto.parse_sign1(statement.raw, LIMITS).payload, LIMITS)
    return encode.Fields(payload, "statement").uint(9, 2**16)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a digest stands. ``here``: its statement is in the file, sound (``entry``) or not."""

    digest: bytes
    log: LogFacts
    position: int
    second: bool = False
    entry: Entry | None = None
    here: bool = False


@dataclass(slots=True)
class Report:
    """Everything that a reading has found. ``packs``: the good ones, by hash, ascending."""

    version: int = 1
    header: Header | None = None
    broken: bool = False
    faults: list[Finding] = field(default_factory=list)
    gaps: list[Finding] = field(default_factory=list)
    more_faults: int = 0
    more_gaps: int = 0
    counts: Counts = field(default_factory=Counts)
    charters: list[Charter] = field(default_factory=list)
    packs: dict[bytes, Pack] = field(default_factory=dict)
    logs: list[LogFacts] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    conflicts: list[tuple[Entry, Entry]] = field(default_factory=list)
    shown: list[Entry] = field(default_factory=list)
    places: dict[bytes, Place] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """``failed``, ``partly`` or ``checked``."""
        return "failed" if self.faults else "partly" if self.gaps else "checked"

    def fault(self, code: str, number: int, text: str) -> None:
        """Note a fault."""
        if len(self.faults) < MAX_LISTED:
            self.faults.append(Finding(code, number, text))
        else:
            self.more_faults += 1

    def gap(self, code: str, number: int, text: str) -> None:
        """Note a gap."""
        if len(self.gaps) < MAX_LISTED:
            self.gaps.append(Finding(code, number, text))
        else:
            self.more_gaps += 1

    def put(self, place: Place) -> None:
        """Note where a digest stands; the first of one tip stays."""
        tip = place.digest[:TIP_BYTES]
        if self.places.setdefault(tip, place).digest != place.digest:
            self.places.setdefault(place.digest, place)

    def place(self, name: bytes) -> Place | None:
        """The place of a digest, or of a tip; what only begins as a digest does has none."""
        found = self.places.get(name[:TIP_BYTES])
        if found is None or len(name) == TIP_BYTES or found.digest == name:
            return found
        return self.places.get(name)
