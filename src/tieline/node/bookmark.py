"""How far a record was read for incidents and agreements, for a later life of the station.

What a station makes of a record with agreements in force follows from the record alone. Of most
statements nothing follows: they are noted by where they stand, and what cites them by whom
(``core.incident.loose``). A bookmark is these notes, kept beside the snapshot and in its commits; a
later life reads the statements that are marked there, and those that came after it, and no others.

It is never believed on its word. It is used when all of this is as it was when it was taken, and
else the record is read from its first statement:

* each log begins with the very statements that were read of it (the root of its tree at that size),
  and the second stories are the same ones, of which none stood beyond the end of its log then and
  does not now (what its author had read is known since),
* all versions of the charter, and the packs that they name and that are here,
* the program, the form of the notes, and how this machine lays integers.

So it may have been taken of what a loss of power took away again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, cast

from tieline import __version__
from tieline.core import encode
from tieline.core.errors import StoreFailed, TielineError
from tieline.core.incident.loose import Fresh, Loose, Noted, read_noted
from tieline.core.line import Line
from tieline.core.record import Item, Record
from tieline.core.shelf import Bookmark
from tieline.core.snapshot import PROBE
from tieline.core.tally import LIMITS
from tieline.ports import Past

FORMAT: Final = 2  # raise it with every change of what is noted, or of what follows from nothing
NEWS: Final = 4_096  # statements after which a bookmark is taken again
_HEAD: Final = "head"
_Log = tuple[bytes, int, bytes]  # its name, how much of it was read, the root of its tree there


@dataclass(frozen=True, slots=True)
class Found:
    """A bookmark that is of this record: how much of each log and of the second stories it is of.

    ``noted`` is for one book, which goes on with it.
    """

    sizes: dict[bytes, int]
    stories: int
    noted: Noted


@dataclass(frozen=True, slots=True)
class Taken:
    """A bookmark to be written; ``given`` is called when it is."""

    kept: Bookmark
    given: Callable[[], None]


def mark_of(line: Line, packs: Iterable[bytes]) -> bytes:
    """What must be the same besides the record, as one hash."""
    whole = hashlib.sha256()
    parts = [__version__.encode(), FORMAT.to_bytes(4, "big"), PROBE]
    parts += [signed.encode() for _, signed in sorted(line.charters.items())]
    for part in (*parts, b"", *packs):
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.digest()


def take(line: Line, loose: Loose, mark: bytes, sizes: Mapping[bytes, int], stories: int) -> Taken:
    """A bookmark of what was read: of each log so much, and so many second stories.

    Raises ``LocalError`` (``tree.range``) when the record holds less.
    """
    fresh = loose.fresh()
    names = dict.fromkeys((*fresh.logs, *sizes))
    logs: list[_Log] = []
    for name in names:
        size = sizes.get(name, 0)
        logs.append((name, size, line.record.logs[name].tree.root(size)))
    head = (
        mark,
        tuple(logs),
        len(fresh.logs),
        stories,
        _of_stories(line, stories),
        fresh.citations,
        fresh.sums,
    )
    chunks = [(_HEAD, 0, encode.dumps(head)), *fresh.chunks]
    kept = Bookmark(line=line.id, anew=fresh.whole, chunks=chunks)
    return Taken(kept, _giver(loose, fresh))


def _giver(loose: Loose, fresh: Fresh) -> Callable[[], None]:
    return lambda: loose.given(fresh)


def find(line: Line, past: Past, mark: bytes) -> Found | None:
    """The bookmark of a line's record, if there is one of this very record that reads.

    Raises ``StoreFailed``.
    """
    arrays: dict[str, bytearray] = {}
    try:
        for name, data in past.bookmark(line.id):
            arrays.setdefault(name, bytearray()).extend(data)
        return _read(line, bytes(arrays.pop(_HEAD, b"")), arrays, mark)
    except StoreFailed:
        raise
    except (TielineError, IndexError, KeyError, OverflowError, TypeError, ValueError):
        return None


def _read(line: Line, head: bytes, arrays: dict[str, bytearray], mark: bytes) -> Found | None:
    """Raises all sorts of errors where it does not read."""
    if not head:
        return None
    made, logs, named, stories, told, citations, sums = cast(
        "tuple[bytes, tuple[_Log, ...], int, int, bytes, int, tuple[tuple[str, bytes], ...]]",
        encode.loads(head, LIMITS),
    )
    if made != mark or stories > len(line.record.stories) or told != _of_stories(line, stories):
        return None
    read = {name: size for name, size, _ in logs}
    beyond = early(line.record, line.record.stories[:stories], read)
    if len(early(line.record, beyond)) != len(beyond):
        return None
    for name, size, root in logs:
        if line.record.logs[name].tree.root(size) != root:
            return None
    noted = read_noted([(name, size) for name, size, _ in logs[:named]], citations, arrays, sums)
    return Found(read, stories, noted)


def early(
    record: Record, stories: Iterable[Item], sizes: Mapping[bytes, int] | None = None
) -> list[Item]:
    """The second stories whose place in their log is beyond its end, and may come yet.

    ``sizes``: how long the logs were; without them they are as they are now.
    """
    out: list[Item] = []
    for story in stories:
        log = story.statement.log
        size = record.size(log) if sizes is None else sizes.get(log, 0)
        if story.statement.place.position >= size and not record.closings.late(story.statement):
            out.append(story)
    return out


def _of_stories(line: Line, count: int) -> bytes:
    digests = (item.statement.digest for item in line.record.stories[:count])
    return hashlib.sha256(b"".join(digests)).digest()
