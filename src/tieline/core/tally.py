"""What has come to a statement since it was made: its tally.

Acknowledgements, hand-overs, missed deadlines, corrections, assents and alarms all speak of one
statement. They are kept together under its digest, so that they can be settled together: the tally
of a settled statement leaves the memory and comes back when somebody asks, or when more comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from tieline.core import encode
from tieline.core.encode import Fields, Limits, Value
from tieline.core.errors import LocalError, RemoteError
from tieline.core.journal import Alarm
from tieline.core.record import STORY, Record
from tieline.core.shelf import MAX_CACHED, Cache
from tieline.core.terms import JOINT_ACTS, Kind, RefRole, Rung

if TYPE_CHECKING:
    from tieline.core.statement import Statement

SPOILT: Final = "tally.field"  # the code of what is in the archive and does not read
KEPT_ACTS: Final = JOINT_ACTS + 1  # of one log on one statement: one more shows that it said more

MAX_COUNTED: Final = 256  # texts of which is kept how many acts there are of each log

K = TypeVar("K", str, int)
V = TypeVar("V", bound=bytes | int)
T = TypeVar("T")

# A tally is as long as what parties have said of one statement, and no stranger's.
LIMITS: Final = Limits(max_bytes=2**31, max_depth=8, max_items=2**31)

Cause = tuple[str, bytes, str, int]


@dataclass(frozen=True, slots=True)
class Mark:
    """When a party reached a rung, by its own account, and through which statement."""

    at_ms: int
    by: bytes
    unit: str = ""


_NAMED: Final[dict[type, dict[int, Rung | RefRole]]] = {
    kind: {int(one): one for one in kind} for kind in (Rung, RefRole)
}


@dataclass(slots=True)
class Tally:
    """All that came to one statement."""

    marks: dict[str, dict[Rung, Mark]] = field(default_factory=dict)
    handed: dict[bytes, int] = field(default_factory=dict)
    overdue: set[tuple[str, Rung]] = field(default_factory=set)
    replaced: list[tuple[RefRole, bytes]] = field(default_factory=list)
    assents: dict[str, bytes] = field(default_factory=dict)
    alarms: dict[Cause, Alarm] = field(default_factory=dict)
    acts: list[bytes] = field(default_factory=list)  # on a joint statement or a signature

    def encode(self) -> bytes:
        """The tally for the store; empty when nothing has come."""
        found: dict[int, Value] = {}
        if self.marks:
            found[1] = tuple(
                (party, int(rung), mark.at_ms, mark.by, mark.unit)
                for party, rungs in self.marks.items()
                for rung, mark in rungs.items()
            )
        if self.handed:
            found[2] = tuple(self.handed.items())
        if self.overdue:
            found[3] = tuple((party, int(rung)) for party, rung in sorted(self.overdue))
        if self.replaced:
            found[4] = tuple((int(role), by) for role, by in self.replaced)
        if self.assents:
            found[5] = tuple(self.assents.items())
        if self.alarms:
            found[6] = tuple(alarm.encode() for alarm in self.alarms.values())
        if self.acts:
            found[7] = tuple(self.acts)
        return encode.dumps(found) if found else b""

    @staticmethod
    def decode(data: bytes) -> Tally:
        """Read what ``encode`` writes.

        Raises ``LocalError`` (``tally.field``) when it does not read: it is our own store that is
        damaged then, whoever's envelope made us look there.
        """
        try:
            return Tally._read(data)
        except RemoteError as error:
            raise spoilt() from error

    @staticmethod
    def _read(data: bytes) -> Tally:
        fields = Fields(encode.loads(data, LIMITS), "tally")
        out = Tally()
        for party, rung, at_ms, by, unit in _rows(fields, 1, str, Rung, int, bytes, str):
            out.marks.setdefault(party, {})[rung] = Mark(at_ms, by, unit)
        out.handed = dict(_rows(fields, 2, bytes, int))
        out.overdue = set(_rows(fields, 3, str, Rung))
        out.replaced = list(_rows(fields, 4, RefRole, bytes))
        out.assents = dict(_rows(fields, 5, str, bytes))
        for (raw,) in _rows(fields, 6, bytes):
            alarm = Alarm.decode(raw)
            out.alarms[alarm.cause] = alarm
        out.acts = [act for (act,) in _rows(fields, 7, bytes)]
        return out


def spoilt() -> LocalError:
    """The refusal of what the archive has of a statement, where it does not read (``SPOILT``).

    The journal has all of it: whoever runs the station throws the snapshot away.
    """
    return LocalError(
        SPOILT,
        "what has come to a statement is not in the store as it was; the journal has it too: the"
        " station throws what it folded away and ends, and its next start reads the journal. Then"
        " run 'tieline verify', and look at the disk",
    )


def _rows(fields: Fields, key: int, *kinds: type) -> Iterator[Any]:
    """The rows of a field, each with parts of these kinds. Raises ``RemoteError``."""
    for row in fields.opt_array(key) or ():
        parts = row if isinstance(row, tuple) else (row,)
        found = [_part(part, kind) for part, kind in zip(parts, kinds, strict=False)]
        if len(parts) != len(kinds) or None in found:
            raise RemoteError(
                SPOILT,
                f"field {key} of the tally has a row that is not one of its kind",
            )
        yield tuple(found)


def _part(part: Value, kind: type) -> object:
    """A part of a row; None when it is not of its kind."""
    if kind in _NAMED:
        return _NAMED[kind].get(part) if isinstance(part, int) else None
    return part if isinstance(part, kind) else None


class Tallies:
    """The tallies of one line."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._fresh: dict[bytes, Tally] = {}  # not settled as they are now
        self._cache: Cache[bytes, Tally | None] = Cache()
        self._counts: dict[bytes, tuple[int, dict[tuple[bytes, bool], int]]] = {}
        self._loose: list[bytes] = []  # what was last not settled: it has no place in a log

    def get(self, digest: bytes) -> Tally | None:
        """What has come to a statement, to be read only."""
        found = self._fresh.get(digest)
        if found is not None:
            return found
        if digest in self._cache:
            return self._cache[digest]
        place = self._place(digest)
        if place is None or place[1] >= self.record.logs[place[0]].settled:
            return None
        shelf = self.record.shelf
        raw = shelf.archive.tally(shelf.line, *place)
        try:
            self._cache.put(digest, Tally.decode(raw) if raw else None)
        except LocalError:
            shelf.spoilt = True
            raise
        return self._cache[digest]

    def of(self, digest: bytes) -> Tally:
        """What has come to a statement, to be added to."""
        found = self._fresh.get(digest)
        if found is None:
            found = self._fresh[digest] = self.get(digest) or Tally()
            self._cache.pop(digest, None)
        return found

    def begin(self, digest: bytes) -> Tally:
        """The tally of a statement to which nothing has come, as ``get`` has just said."""
        self._cache.pop(digest, None)
        found = self._fresh[digest] = Tally()
        return found

    def changed(self, digest: bytes) -> bool:
        """Whether something has come to a statement since all was last settled."""
        return digest in self._fresh

    def add_act(self, by: Statement, on: Statement) -> None:
        """What may move a joint statement, by an author who had read it: so many of each log.

        By what the statement is and not by what its form says, and in the order of its log: so
        everybody keeps the same ones. A message that is on no form and cancels nothing moves none.
        """
        content = by.content
        cancels = any(ref.role is RefRole.CANCELS for ref in content.refs)
        plain = content.kind is Kind.MESSAGE and "/" not in content.form and not cancels
        signs = content.refs[0].target == on.digest and on.content.kind is Kind.JOINT
        aside = content.kind is Kind.ASSENT and not signs
        if plain or aside or not self.record.saw(by, on):
            return
        found = self.get(on.digest)
        held = [] if found is None else found.acts
        if held and held[-1] == by.digest:  # cited in two roles
            return
        counts = self._counted(on.digest, held) if len(held) >= KEPT_ACTS else None
        # Second stories apart: else when they came would say what is kept of the first one.
        mine = (by.log, self.is_story(by.digest))
        if counts is not None and counts.get(mine, 0) >= KEPT_ACTS:
            return
        acts = self.of(on.digest).acts
        acts.append(by.digest)
        if counts is not None:
            counts[mine] = counts.get(mine, 0) + 1
            self._counts[on.digest] = (len(acts), counts)

    def _counted(self, digest: bytes, acts: list[bytes]) -> dict[tuple[bytes, bool], int]:
        """How many acts are kept of each log, first and second stories apart.

        Counted once, and anew when some were taken away: many logs may act on one text.
        """
        size, counts = self._counts.get(digest, (0, {}))
        if size == len(acts):
            return counts
        if len(self._counts) >= MAX_COUNTED:
            self._counts.clear()
        counts = dict(Counter((self.record.where(act)[0], self.is_story(act)) for act in acts))
        self._counts[digest] = (len(acts), counts)
        return counts

    def is_story(self, digest: bytes) -> bool:
        """Whether a statement is held as a second story of its log."""
        return bool((self.record.find(digest) or 0) & STORY)

    def put(self, digest: bytes, tally: Tally) -> None:
        """Take over a tally that ``loose`` gave."""
        self._fresh[digest] = tally

    def _place(self, digest: bytes) -> tuple[bytes, int] | None:
        """The log and position of a statement of a main branch."""
        ref = self.record.find(digest)
        return None if ref is None or ref & STORY else self.record.place(ref)

    def settled(self) -> list[tuple[bytes, int, bytes]]:
        """What is to be settled: log, position and bytes of each changed tally."""
        out: list[tuple[bytes, int, bytes]] = []
        self._loose = []
        for digest, tally in self._fresh.items():
            place = self._place(digest)
            if place is None:
                self._loose.append(digest)
                continue
            raw = tally.encode()
            # One that is empty again takes the place of what is in the archive of it.
            if raw or place[1] < self.record.logs[place[0]].settled:
                out.append((*place, raw))
        return out

    def loose(self) -> list[tuple[bytes, bytes]]:
        """The tallies that ``settled`` left out: of second stories, and of what is not here."""
        found = [(digest, self._fresh[digest].encode()) for digest in self._loose]
        return [(digest, raw) for digest, raw in found if raw]

    def settle(self) -> None:
        """What ``settled`` gave, with nothing since, is in the archive now."""
        kept = {digest: self._fresh[digest] for digest in self._loose}
        newest = [*islice(reversed(self._fresh.items()), MAX_CACHED)]
        for digest, tally in reversed(newest):
            if digest not in kept:
                self._cache.put(digest, tally)
        self._fresh = kept

    def digests(self) -> Iterator[bytes]:
        """Every statement that may have a tally, also those not held."""
        yield from self.record.by_digest
        yield from [digest for digest in self._fresh if self.record.find(digest) is None]


class Facet(Mapping[bytes, T], Generic[T]):
    """One part of all tallies of a line, to be read, by the digest of the statement."""

    def __init__(self, tallies: Tallies, part: Callable[[Tally], T]) -> None:
        self._tallies, self._part = tallies, part

    def __getitem__(self, digest: bytes) -> T:
        tally = self._tallies.get(digest)
        found = None if tally is None else self._part(tally)
        if not found:
            raise KeyError(digest)
        return found

    def __iter__(self) -> Iterator[bytes]:
        return (digest for digest in self._tallies.digests() if digest in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Alarms(Mapping[Cause, Alarm]):
    """The alarms of one line, each cause once for ever; those of a statement are in its tally."""

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies
        self.other: dict[Cause, Alarm] = {}
        self.count = 0

    def __getitem__(self, cause: Cause) -> Alarm:
        if cause in self.other:
            return self.other[cause]
        tally = self._tallies.get(cause[1])
        if tally is None:
            raise KeyError(cause)
        return tally.alarms[cause]

    def __contains__(self, cause: object) -> bool:
        """Asked for each statement that comes: without the exception that a mapping makes of it."""
        if cause in self.other:
            return True
        tally = self._tallies.get(cause[1]) if isinstance(cause, tuple) else None
        return tally is not None and cause in tally.alarms

    def add(self, alarm: Alarm) -> bool:
        """Keep an alarm; False when its cause has rung before."""
        cause = alarm.cause
        if cause in self.other:
            return False
        item, tallies = cause[1], self._tallies
        tally = tallies.get(item)
        if tally is not None and cause in tally.alarms:
            return False
        if len(item) != 32 or tallies.record.find(item) is None:
            self.other[cause] = alarm
        else:
            into = tallies.begin(item) if tally is None else tallies.of(item)
            into.alarms[cause] = alarm
        self.count += 1
        return True

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Cause]:
        yield from self.other
        for digest in self._tallies.digests():
            tally = self._tallies.get(digest)
            if tally is not None:
                yield from tally.alarms


class Acts(MutableMapping[K, V], Generic[K, V]):
    """What officers' acts became, by their keys or by the numbers of drafts."""

    def __init__(self, record: Record, prefix: str, read: Callable[[str], K]) -> None:
        self._shelf, self._prefix = record.shelf, prefix
        self._read: Callable[[str], K] = read
        self.fresh: dict[K, V] = {}

    def __getitem__(self, key: K) -> V:
        if key in self.fresh:
            return self.fresh[key]
        found = self._shelf.archive.act(self._shelf.line, f"{self._prefix}{key}")
        if found is None:
            raise KeyError(key)
        return cast("V", found)

    def __setitem__(self, key: K, became: V) -> None:
        self.fresh[key] = became

    def __delitem__(self, key: K) -> None:
        raise KeyError("an act is for ever")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[K]:
        yield from self.fresh
        for name, _ in self._shelf.archive.acts(self._shelf.line):
            if name.startswith(self._prefix):
                key = self._read(name.removeprefix(self._prefix))
                if key not in self.fresh:
                    yield key

    def settled(self) -> list[tuple[str, bytes]]:
        """What is to be settled: acts that became a statement."""
        found = self.fresh.items()
        return [(f"{self._prefix}{key}", it) for key, it in found if isinstance(it, bytes)]

    def settle(self) -> None:
        """What ``settled`` gave is in the archive now."""
        self.fresh = {key: it for key, it in self.fresh.items() if not isinstance(it, bytes)}
