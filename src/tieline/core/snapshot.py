"""A snapshot of what is folded of a line, so that a start need not read the whole journal.

A line's state is a fold over the journal. The snapshot is that state at one entry, in a form that
is read quickly: arrays as they lie in memory, cut into chunks of which only the changed ones are
written again; what belongs to single statements and receipts, in rows that are fetched one by one;
and the rest in one CBOR map. What follows that entry is folded on top as ever.

Nothing is ever true because a snapshot says so: whoever does not trust one throws it away and reads
the journal from its first entry, with the same result. ``restore`` refuses what cannot be right;
that the snapshot is of this journal is for the store to know, and that it was written by this code
is what ``FORMAT`` says: raise it with every change of what is folded, and how.

``tests/core/test_snapshot.py`` knows every attribute of a line and whether it is kept here.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from typing import Final, cast

from tieline.core import encode
from tieline.core.checkpoint import Receipt
from tieline.core.encode import Fields, Value
from tieline.core.errors import LocalError
from tieline.core.journal import Alarm
from tieline.core.line import Draft, Line, Word
from tieline.core.log import Item, Log
from tieline.core.record import Record
from tieline.core.shelf import LARGE_RUN, Settlement
from tieline.core.statement import pack_content, parse, unpack_content
from tieline.core.tally import LIMITS, Tally
from tieline.core.terms import Now
from tieline.core.tree import HASH_BYTES, Tree
from tieline.core.unsaid import Name

FORMAT: Final = 6
CHUNK: Final = 16_384
_RUN_BYTES: Final = 6 * LARGE_RUN
PROBE: Final = array("I", (1,)).tobytes() + array("Q", (2,)).tobytes()  # how arrays lie in memory
Arrays = dict[str, "bytearray | array[int]"]


def take(line: Line, now: Now) -> Settlement:
    """What the archive needs so that everything of a line can be settled."""
    ladder = line.ladder
    ladder.prune()
    tallies = ladder.tallies.settled()  # before the state, which has what these leave out
    return Settlement(
        line=line.id,
        state=_packed(_state(line) | {22: _moments(line, now)}, {7: _clocks(line, now)}),
        anew=line.record.shelf.anew,
        chunks=_chunks(line.record),
        tallies=tallies,
        receipts=[
            (receipt.log, receipt.cosigner, receipt.size, receipt.encode())
            for cover in ladder.covers.values()
            for receipt in cover.receipts
        ],
        acts=[*line.keys.settled(), *line.released.settled()],
    )


def _packed(parts: dict[int, Value], written: dict[int, bytes]) -> bytes:
    """The map of all parts; ``written`` are those that are encoded already."""
    out = [encode.head(5, len(parts) + len(written))]
    for key in sorted((*parts, *written)):
        out.append(encode.head(0, key))
        out.append(written[key] if key in written else encode.dumps(parts[key]))
    return b"".join(out)


def _clocks(line: Line, now: Now) -> bytes:
    """The clocks that run, encoded: there may be thousands, and they are a third of a snapshot."""
    rows = line.ladder.running(now)
    # What clocks have in common, before the statement, after it, and after the end: few.
    known: dict[tuple[str, int, int, int], tuple[bytes, bytes, bytes]] = {}
    out = bytearray(encode.head(4, len(rows)))
    for digest, party, rung, due_ms, wait_ms, moved_ms in rows:
        common = known.get((party, rung, wait_ms, moved_ms))
        if common is None:
            common = known[party, rung, wait_ms, moved_ms] = (
                encode.head(4, 6 if moved_ms else 5) + encode.head(2, HASH_BYTES),
                encode.dumps(party) + encode.dumps(rung),
                encode.dumps(wait_ms) + (encode.dumps(moved_ms) if moved_ms else b""),
            )
        end = encode.head(0, due_ms) if due_ms >= 0 else encode.dumps(due_ms)
        out += b"%b%b%b%b%b" % (common[0], digest, common[1], end, common[2])
    return bytes(out)


def settle(line: Line, taken: Settlement) -> None:
    """What ``take`` gave is in the archive: let go of it."""
    written = line.record.shelf.written
    for name, number, data in taken.chunks:
        written[name] = number * CHUNK + len(data)
    line.record.moved = len(line.record.refs)
    line.record.shelf.anew = False
    line.record.settle()
    line.ladder.settle()
    line.keys.settle()
    line.released.settle()


def restore(line: Line, state: bytes, chunks: Iterable[tuple[str, bytes]], now: Now) -> None:
    """Give a line that holds nothing but its charters what a snapshot holds.

    Raises ``LocalError`` (``snapshot.damaged``) or ``RemoteError`` when that cannot be right.
    """
    fields = Fields(encode.loads(state, LIMITS), "snapshot")
    if fields.bytes(1) != PROBE:
        raise _damaged("it was written on another kind of machine")
    arrays = _gather(chunks)
    _restore_record(line.record, fields, arrays)
    _restore_ladder(line, fields, now)
    _restore_acts(line, fields)
    _restore_folds(line, fields)
    _believe(line)


def restore_moments(line: Line, state: bytes, now: Now) -> None:
    """Set what facts of other kinds have a part in, once those have been read.

    Raises ``RemoteError`` when it does not read.
    """
    unnoted, unsealed, unwitnessed = cast(
        "tuple[int | None, int | None, tuple[int, int] | None]",
        Fields(encode.loads(state, LIMITS), "snapshot").array(22),
    )
    line.unnoted_at = None if unnoted is None else _mono(unnoted, now)
    line.unsealed_at = None if unsealed is None else _mono(unsealed, now)
    line.unwitnessed = unwitnessed and (unwitnessed[0], _mono(unwitnessed[1], now))


def _moments(line: Line, now: Now) -> Value:
    """Since when our notes have waited, on the wall clock, which outlives the process."""
    ago_ms = now.wall_ms - now.mono_ms
    waits = line.unwitnessed
    return (
        None if line.unnoted_at is None else line.unnoted_at + ago_ms,
        None if line.unsealed_at is None else line.unsealed_at + ago_ms,
        None if waits is None else (waits[0], waits[1] + ago_ms),
    )


def _mono(wall_ms: int, now: Now) -> int:
    """A past moment on the deadline clock: a wall clock that went back counts as no time."""
    return now.mono_ms - max(0, now.wall_ms - wall_ms)


def _damaged(what: str) -> LocalError:
    return LocalError(
        "snapshot.damaged", f"the snapshot is not used: {what}; the journal is read from its start"
    )


# ----------------------------------------------------------------------------------- arrays


def _arrays(log: Log) -> Iterable[tuple[str, bytearray | array[int]]]:
    """The arrays of a log that only grow, by name."""
    yield "leaves", log.tree.leaves
    yield "times", log.times
    yield "depths", log.depths
    for level, hashes in enumerate(log.tree.levels):
        yield f"level {level}", hashes
    for other, (positions, sizes) in log.seen.items():
        yield f"at {other.hex()}", positions
        yield f"to {other.hex()}", sizes


def _chunks(record: Record) -> list[tuple[str, int, bytes]]:
    """The chunks of all arrays that are not in the archive as they are now."""
    out: list[tuple[str, int, bytes]] = []
    written = record.shelf.written
    for number, log in enumerate(record.numbered):
        for part, data in _arrays(log):
            name = f"{number} {part}"
            _cut(out, name, data, written.get(name, 0))
        name, runs = f"{number} runs", log.finder.parts()
        done = written.get(name, 0) // _RUN_BYTES
        _cut(out, name, bytearray().join(runs[done:]), 0, done * (_RUN_BYTES // CHUNK))
    _cut(out, "refs", record.refs, min(written.get("refs", 0), 8 * record.moved))
    return out


def _cut(
    out: list[tuple[str, int, bytes]],
    name: str,
    data: bytearray | array[int],
    start: int,
    before: int = 0,
) -> None:
    """Cut what lies from byte ``start`` on, in whole chunks; ``before`` is how many come first."""
    with memoryview(data) as view, view.cast("B") as raw:
        if start < len(raw):
            out.extend(
                (name, before + number, bytes(raw[number * CHUNK : (number + 1) * CHUNK]))
                for number in range(start // CHUNK, -(-len(raw) // CHUNK))
            )


def _gather(chunks: Iterable[tuple[str, bytes]]) -> Arrays:
    """Put chunks together; they come by name, and in order of their numbers."""
    out: Arrays = {}
    for name, data in chunks:
        part = name if name == "refs" else name.split(" ")[1]
        if name not in out:
            if part in ("leaves", "level", "runs"):
                out[name] = bytearray()
            else:
                out[name] = array("Q" if part in ("refs", "times") else "I")
        into = out[name]
        if isinstance(into, bytearray):
            into += data
        else:
            into.frombytes(data)
    return out


# ----------------------------------------------------------------------------------- record


def _record_state(record: Record) -> dict[int, Value]:
    logs: list[Value] = [
        (
            log.id,
            log.station,
            log.incarnation,
            log.size,
            log.tree.root(),
            tuple(log.read_forks.items()),
            tuple((previous, heir.statement.digest) for previous, heir in log.heirs.items()),
            tuple(sorted(log.leaves)),
        )
        for log in record.numbered
    ]
    stories: list[Value] = [
        (item.statement.raw, item.admitted_ms, item.key[0], item.key[1]) for item in record.stories
    ]
    return {2: tuple(logs), 3: tuple(stories), 4: len(record.refs)}


def _restore_record(record: Record, fields: Fields, arrays: Arrays) -> None:
    heirs: list[tuple[Log, tuple[tuple[bytes, bytes], ...]]] = []
    for number, row in enumerate(fields.array(2)):
        name, station, incarnation, size, root, read, follow, leaves = cast(
            "tuple[bytes, bytes, bytes, int, bytes, tuple[tuple[bytes, int], ...],"
            " tuple[tuple[bytes, bytes], ...], tuple[bytes, ...]]",
            row,
        )
        log = record.open(name, station, incarnation)
        _restore_log(log, number, arrays)
        if (log.size, log.tree.root()) != (size, root):
            raise _damaged(f"its log {name.hex()} is not the one that it names")
        log.read_forks = dict(read)
        log.leaves = set(leaves)
        runs = bytes(cast("bytearray", arrays.get(f"{number} runs", bytearray())))
        parts = [runs[at : at + _RUN_BYTES] for at in range(0, len(runs), _RUN_BYTES)]
        record.restore_index(log, parts)
        heirs.append((log, follow))
    for row in fields.array(3):
        raw, at_ms, time_ms, depth = cast("tuple[bytes, int, int, int]", row)
        _restore_story(record, raw, at_ms, (time_ms, depth))
    for log, follow in heirs:
        log.heirs = {previous: log.forks[digest] for previous, digest in follow}
    record.refs = cast("array[int]", arrays.get("refs", array("Q")))
    if len(record.refs) != fields.uint(4) or len(record.refs) != len(record.stories) + sum(
        log.size for log in record.numbered
    ):
        raise _damaged("its order is not of what it holds")
    record.moved = len(record.refs)
    record.shelf.written = {
        name: len(data) * (1 if isinstance(data, bytearray) else data.itemsize)
        for name, data in arrays.items()
    }


def _restore_log(log: Log, number: int, arrays: Arrays) -> None:
    def raw(part: str) -> bytearray:
        return cast("bytearray", arrays.get(f"{number} {part}", bytearray()))

    def integers(part: str, code: str) -> array[int]:
        return cast("array[int]", arrays.get(f"{number} {part}", array(code)))

    count = sum(name.startswith(f"{number} level ") for name in arrays)
    levels = [raw(f"level {level}") for level in range(max(1, count))]
    log.replace_tree(Tree.of(raw("leaves"), levels))
    log.times, log.depths = integers("times", "Q"), integers("depths", "I")
    if not len(log.times) == len(log.depths) == log.size:
        raise _damaged(f"parts of its log {log.id.hex()} are missing")
    start = f"{number} at "
    for name in sorted(name for name in arrays if name.startswith(start)):
        other = name.removeprefix(start)
        row = integers(f"at {other}", "I"), integers(f"to {other}", "I")
        log.seen[bytes.fromhex(other)] = row
    log.settled = log.items.first = log.size


def _restore_story(record: Record, raw: bytes, at_ms: int, rank: tuple[int, int]) -> None:
    statement = parse(record.realm, raw)
    place = statement.place
    key = (*rank, place.time_ms, place.station, place.incarnation, place.position, statement.digest)
    item = Item(statement, key, at_ms, second_story=True)
    record.logs[statement.log].forks[statement.digest] = item
    record.tell(item)


# ------------------------------------------------------------------------------------- line


def _state(line: Line) -> dict[int, Value]:
    ladder = line.ladder
    lasts = [cover.last for _, cover in sorted(ladder.covers.items())]
    return {
        1: PROBE,
        **_record_state(line.record),
        5: tuple(last.encode() for last in lasts if last is not None),
        6: tuple(ladder.tallies.loose()),
        8: tuple((party, tuple(sorted(digests))) for party, digests in ladder.unsigned.items()),
        9: tuple(alarm.encode() for alarm in line.alarms.other.values()),
        10: line.alarms.count,
        11: tuple((key, it) for key, it in line.keys.fresh.items() if isinstance(it, int)),
        12: tuple(
            (draft.number, pack_content(draft.content), draft.officer, draft.key, draft.at_ms)
            for draft in line.drafts.values()
        ),
        13: line.last_draft,
        14: tuple(
            (what, party, item.statement.digest) for (what, party), item in line.declared.items()
        ),
        15: tuple(_words(line.suspended)),
        16: tuple(_words(line.unstaffed)),
        17: tuple(line.neglected.items()),
        18: tuple(line.stated.items()),
        19: tuple(line.tests.items()),
        20: (line.slot_noted, line.amended_ms),
        23: tuple(pack_content(content) for content in ladder.unsaid.waiting.values()),
        24: tuple(sorted(ladder.unsaid.strange)),
    }


def _words(words: dict[str, Word]) -> Iterable[Value]:
    return ((party, word.item.statement.digest, word.cause) for party, word in words.items())


def _restore_ladder(line: Line, fields: Fields, now: Now) -> None:
    ladder = line.ladder
    for raw in fields.array(5):
        receipt = Receipt.decode(cast("bytes", raw))
        ladder.note_receipt(receipt)
    ladder.settle()
    for row in fields.array(6):
        digest, data = cast("tuple[bytes, bytes]", row)
        ladder.tallies.put(digest, Tally.decode(data))
    ladder.resume([_clock(row) for row in fields.array(7)], now)
    ladder.unsigned = {
        party: set(digests)
        for party, digests in cast("tuple[tuple[str, tuple[bytes, ...]], ...]", fields.array(8))
    }
    for raw in fields.array(9):
        alarm = Alarm.decode(cast("bytes", raw))
        line.alarms.other[alarm.cause] = alarm
    line.alarms.count = fields.uint(10)
    for raw in fields.array(23):
        ladder.unsaid.owe(unpack_content(cast("bytes", raw)), told=False)
    ladder.unsaid.strange = set(cast("tuple[Name, ...]", fields.array(24)))


def _clock(row: Value) -> tuple[bytes, str, int, int, int, int]:
    whole = (*cast("tuple[Value, ...]", row), 0)[:6]  # one that was not moved has five
    return cast("tuple[bytes, str, int, int, int, int]", whole)


def _restore_acts(line: Line, fields: Fields) -> None:
    for row in fields.array(11):
        key, number = cast("tuple[str, int]", row)
        line.keys[key] = number
    for row in fields.array(12):
        number, content, officer, key, at_ms = cast("tuple[int, bytes, str, str, int]", row)
        line.drafts[number] = Draft(
            number=number, content=unpack_content(content), officer=officer, key=key, at_ms=at_ms
        )
    line.last_draft = fields.uint(13)


def _restore_folds(line: Line, fields: Fields) -> None:
    item_of: Callable[[bytes], Item] = line.record.by_digest.__getitem__
    for row in fields.array(14):
        what, party, digest = cast("tuple[str, str, bytes]", row)
        line.declared[(what, party)] = item_of(digest)
    for number, words in ((15, line.suspended), (16, line.unstaffed)):
        for row in fields.array(number):
            party, digest, cause = cast("tuple[str, bytes, str]", row)
            words[party] = Word(item_of(digest), cause)
    line.neglected = dict(cast("tuple[tuple[str, int], ...]", fields.array(17)))
    line.stated = dict(cast("tuple[tuple[str, str], ...]", fields.array(18)))
    line.tests = dict(cast("tuple[tuple[int, bytes], ...]", fields.array(19)))
    line.slot_noted, line.amended_ms = cast("tuple[int, int]", fields.array(20))


def _believe(line: Line) -> None:
    """What peers hold, by what they wrote and by what they signed for."""
    for log in line.record.numbered:
        author = line.peers.get(log.station)
        if author is not None:
            author.believes(log.id, log.size)
    for last in line.ladder.latest_receipts():
        cosigner = line.peers.get(last.cosigner)
        if cosigner is not None:
            cosigner.believes(last.log, min(last.size, line.record.size(last.log)))
