"""The provisions of a charter: clocks, line tests, release, packs and witnesses.

Each is a small value with one reader. A reader takes the parsed field of a charter and gives the
value, or refuses the field in one sentence (``RemoteError``); ``tieline.core.charter`` puts them
together, writes them back and compares. What they mean for traffic is the business of the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeGuard

from tieline.core.crypto import MLDSA_KEY_BYTES, check_public_key
from tieline.core.encode import Value
from tieline.core.errors import RemoteError
from tieline.core.identity import check_name, check_party
from tieline.core.terms import FORM_ID, Precedence, Rung

MAX_CLOSED: Final = 1_024  # logs
MAX_LISTED: Final = 64  # packs, standing authorities, witnesses, leaving parties

MAX_CLOCK_S: Final = 366 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """How long each rung of the ladder may take, in seconds, in the order of ``Rung``."""

    flash: tuple[int, ...] = (600,) * 5
    immediate: tuple[int, ...] = (1800,) * 5
    priority: tuple[int, ...] = (10_800,) * 5
    routine: tuple[int, ...] = (21_600,) * 5

    def of(self, precedence: Precedence) -> tuple[int, ...]:
        """The five clocks of one precedence, in seconds."""
        return (self.routine, self.priority, self.immediate, self.flash)[precedence]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tests:
    """Line tests, every ``interval_s`` seconds; 0 for none.

    One is to be answered within ``window_s`` seconds, by an ``"officer"`` or by the ``"station"``
    alone.
    """

    interval_s: int = 0
    window_s: int = 600
    answered_by: str = "officer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """``four_eyes``: the precedences that need two people; by default all.

    ``standing``: the ids of forms that one officer may release alone all the same.
    """

    four_eyes: frozenset[Precedence] = frozenset(Precedence)
    standing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Who cosigns the logs of the line without reading them: a name and an Ed25519 key.

    ``mldsa`` is its ML-DSA-44 key, empty when the charter does not name one. It is the key and no
    hash as in a certificate, since nobody would bring a witness's key to those who need it.
    """

    name: str
    key: bytes
    mldsa: bytes = b""

    def entry(self) -> tuple[Value, ...]:
        """As it stands in the charter."""
        return (self.name, self.key, self.mldsa) if self.mldsa else (self.name, self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """How often a station signs a checkpoint of its own log that has grown, in seconds.

    ``seal_s`` is for the signature with ML-DSA-44, which is forty times as large.
    """

    checkpoint_s: int = 300
    seal_s: int = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEnd:
    """Where a log ends: its name (8 bytes), its size, and the digest of its last statement."""

    log: bytes
    size: int
    last: bytes


DEFAULT_INTERVALS: Final = Intervals()
DEFAULT_CLOCKS: Final = Clocks()
DEFAULT_TESTS: Final = Tests()
DEFAULT_RELEASE: Final = Release()


def refusal(part: str, what: str) -> RemoteError:
    """A refusal of a charter: its code is ``charter.<part>``, and ``what`` says what is wrong."""
    return RemoteError(f"charter.{part}", f"the charter {what}; have it made anew")


def read_clocks(rows: tuple[Value, ...]) -> Clocks:
    """The clocks, one row for each precedence from ROUTINE up (``charter.clocks``)."""
    clocks = tuple(row for row in rows if _is_clock_row(row))
    if len(clocks) != len(rows) or len(rows) != len(Precedence):
        raise refusal(
            "clocks",
            f"must give each of {len(Precedence)} precedences {len(Rung)} clocks of 1 to "
            f"{MAX_CLOCK_S} seconds",
        )
    routine, priority, immediate, flash = clocks
    return Clocks(flash=flash, immediate=immediate, priority=priority, routine=routine)


def read_tests(items: tuple[Value, ...]) -> Tests:
    """Interval, window and who answers (``charter.tests``)."""
    interval, window, answered_by = items if len(items) == 3 else (None, None, None)
    if (
        _is_uint(interval, 0, MAX_CLOCK_S)
        and _is_uint(window, 1, interval or MAX_CLOCK_S)
        and isinstance(answered_by, str)
        and answered_by in {"officer", "station"}
    ):
        return Tests(interval_s=interval, window_s=window, answered_by=answered_by)
    raise refusal(
        "tests",
        "must give line tests an interval, a window within it, in seconds, and an officer or the "
        "station to answer",
    )


def read_release(items: tuple[Value, ...]) -> Release:
    """The precedences for four eyes and the forms with standing authority (``charter.release``)."""
    eyes, standing = items if len(items) == 2 else (None, None)
    if isinstance(eyes, tuple) and isinstance(standing, tuple) and len(standing) <= MAX_LISTED:
        four_eyes = frozenset(Precedence(p) for p in eyes if _is_uint(p, 0, max(Precedence)))
        forms = tuple(form for form in standing if isinstance(form, str) and FORM_ID.match(form))
        if (len(four_eyes), len(forms)) == (len(eyes), len(standing)):
            return Release(four_eyes=four_eyes, standing=forms)
    raise refusal(
        "release",
        f"must list precedences for four eyes, and at most {MAX_LISTED} form ids of 1 to 64 "
        "printing ASCII characters with standing authority",
    )


def read_intervals(items: tuple[Value, ...] | None) -> Intervals:
    """How often checkpoints are signed (``charter.intervals``); absent for the defaults."""
    if items is None:
        return DEFAULT_INTERVALS
    checkpoint_s, seal_s = items if len(items) == 2 else (None, None)
    if _is_uint(checkpoint_s, 1, MAX_CLOCK_S) and _is_uint(seal_s, 1, MAX_CLOCK_S):
        return Intervals(checkpoint_s=checkpoint_s, seal_s=seal_s)
    raise refusal(
        "intervals", f"must give two intervals of checkpoints, each 1 to {MAX_CLOCK_S} seconds"
    )


def read_packs(items: tuple[Value, ...]) -> tuple[bytes, ...]:
    """The hashes of the packs in force (``charter.packs``)."""
    packs = tuple(item for item in items if isinstance(item, bytes) and len(item) == 32)
    if len(packs) != len(items) or len(packs) > MAX_LISTED:
        raise refusal("packs", f"must name at most {MAX_LISTED} packs by 32 bytes each")
    return packs


def read_witnesses(items: tuple[Value, ...]) -> tuple[Witness, ...]:
    """The witnesses, each by a name and a checked key, and maybe an ML-DSA-44 key besides.

    Raises ``RemoteError`` (``charter.witnesses``, ``charter.name``, ``key.*``).
    """
    late = {0: b""}
    pairs: list[Value] = list(items)
    for at, item in enumerate(items[:MAX_LISTED]):
        if isinstance(item, tuple) and len(item) == 3:
            key = item[2]
            if not isinstance(key, bytes) or len(key) != MLDSA_KEY_BYTES:
                raise refusal("witnesses", "names a witness with an ML-DSA-44 key that is none")
            late[at] = key
            pairs[at] = item[:2]
    found = read_pairs(tuple(pairs), "witnesses")
    keys = [key for key in late.values() if key]
    if len({name for name, _ in found}) != len(found) or len(set(keys)) != len(keys):
        raise refusal("witnesses", "names a witness or an ML-DSA-44 key twice")
    return tuple(
        Witness(name=check_name(name, "charter"), key=key, mldsa=late.get(at, b""))
        for at, (name, key) in enumerate(found)
    )


def read_codes(items: tuple[Value, ...] | None, part: str) -> tuple[str, ...]:
    """Parties of which a charter says something by their codes; absent for none.

    ``part``: of the code of the refusal, ``charter.observers`` or ``charter.excused``. Raises
    ``RemoteError`` with the code ``charter.party`` for a code that is none.
    """
    if items is None:
        return ()
    codes = tuple(check_party(item, "charter") for item in items if isinstance(item, str))
    if len(codes) != len(items) or len(set(codes)) != len(codes):
        raise refusal(part, f"must name its {part} by the codes of parties, each once")
    return codes


def read_closed(items: tuple[Value, ...]) -> tuple[LogEnd, ...]:
    """The logs that end with a version, each once, in ascending order (``charter.closed``)."""
    ends: list[LogEnd] = []
    for item in items[:MAX_CLOSED]:
        log, size, last = item if isinstance(item, tuple) and len(item) == 3 else (None,) * 3
        if (
            isinstance(log, bytes)
            and len(log) == 8
            and _is_uint(size, 1, 2**48)
            and isinstance(last, bytes)
            and len(last) == 32
        ):
            ends.append(LogEnd(log=log, size=size, last=last))
    if len(ends) != len(items) or len({end.log for end in ends}) != len(ends):
        raise refusal(
            "closed",
            f"must name at most {MAX_CLOSED} logs that end, each once, by 8 bytes, a size of at"
            " least 1 and the digest of its last statement",
        )
    return tuple(ends)


def read_pairs(items: tuple[Value, ...], part: str) -> tuple[tuple[str, bytes], ...]:
    """At most 64 pairs of a text and a checked Ed25519 key (``charter.<part>``, ``key.*``)."""
    pairs: list[tuple[str, bytes]] = []
    for item in items[:MAX_LISTED]:
        text, key = item if isinstance(item, tuple) and len(item) == 2 else (None, None)
        if isinstance(text, str) and isinstance(key, bytes):
            check_public_key(key)
            pairs.append((text, key))
    if len(pairs) != len(items):
        raise refusal(part, f"must name at most {MAX_LISTED} {part}, each by a text and a key")
    return tuple(pairs)


def _is_uint(value: Value, low: int, high: int) -> TypeGuard[int]:
    return type(value) is int and low <= value <= high


def _is_clock_row(row: Value) -> TypeGuard[tuple[int, ...]]:
    return (
        isinstance(row, tuple)
        and len(row) == len(Rung)
        and all(_is_uint(seconds, 1, MAX_CLOCK_S) for seconds in row)
    )
