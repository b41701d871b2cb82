"""Changed, cut and hostile evidence: noticed always, and never dear to its reader."""

from __future__ import annotations

import base64
import hashlib
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from tests.core.evidence_lines import evidence_of, items_of, notes_of, play

from tieline.core import encode, evidence
from tieline.core.errors import RemoteError
from tieline.core.evidence import MAGIC, Item, LogItem, Run, Scope, StatementItem, cover, parse
from tieline.core.evidence_facts import Report
from tieline.core.evidence_reader import read
from tieline.core.spread import Spread
from tieline.core.statement import log_id
from tieline.core.tree import Tree
from tieline.node.evidence import as_json

VECTORS = Path(__file__).parents[2] / "vectors" / "evidence"
NAMES = ("four-parties-thread", "two-stories", "window")


def facts(report: Report) -> dict[str, object]:
    """All that was found, without the sentences."""
    out: dict[str, object] = dict(as_json(report))
    out.pop("says")
    return out


def plain(item: Item) -> object:
    """An item without what is only its maker's word."""
    match item:
        case evidence.Header(line, realm, _, _, _):
            return (line, realm)
        case StatementItem(raw, _, second):
            return (raw, second)
        case LogItem(station, incarnation, size, last, _):
            return (station, incarnation, size, last)
    return item


def is_makers_word(old: bytes, new: bytes) -> bool:
    """Whether two items differ only in what nobody signed."""
    try:
        return plain(parse(old)) == plain(parse(new))
    except RemoteError:
        return False


@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize("name", NAMES)
def test_every_changed_byte_is_noticed(name: str) -> None:
    data = (VECTORS / f"{name}.tle").read_bytes()
    good = read([data])
    before = facts(good)
    unsigned = {gap.number for gap in good.gaps if gap.code == "gap.uncovered"}
    log = 0
    for number, (start, end) in enumerate(items_of(data)):
        log = number if isinstance(parse(data[start:end]), LogItem) else log
        # Long items are signed documents: their ends and a sample of the middle.
        size = end - start
        offsets = sorted({*range(min(size, 16)), *range(24, size, 211), *range(size - 3, size)})
        for offset in offsets:
            changed = bytearray(data)
            changed[start + offset] ^= 1 << (offset + number) % 8
            report = read([bytes(changed)])
            new = bytes(changed[start:end])
            where = (name, number, offset)
            assert facts(report) != before, where
            if report.verdict != "failed" and report.gaps == good.gaps:
                assert is_makers_word(data[start:end], new) or log in unsigned, where


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_cut_anywhere_is_refused(name: str) -> None:
    data = (VECTORS / f"{name}.tle").read_bytes()
    borders = [start for start, _ in items_of(data)]
    for end in sorted({*borders, *range(0, len(data), 512), len(data) - 1}):
        report = read([data[:end]])
        code = "evidence.truncated" if end >= len(MAGIC) else "evidence.magic"
        assert (report.broken, report.faults[-1].code) == (True, code)


@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize("name", NAMES)
def test_an_item_left_out_or_doubled_or_moved_is_noticed(name: str) -> None:
    data = (VECTORS / f"{name}.tle").read_bytes()
    before = facts(read([data]))
    parts = [data[start:end] for start, end in items_of(data)]
    for at in range(len(parts)):
        for changed in (
            [*parts[:at], *parts[at + 1 :]],
            [*parts[: at + 1], *parts[at:]],
            [*parts[:at], *reversed(parts[at : at + 2]), *parts[at + 2 :]],
        ):
            if changed != parts:
                report = read([MAGIC + b"".join(changed)])
                assert report.verdict == "failed"
                assert facts(report) != before


def values(value: encode.Value) -> Iterator[encode.Value]:
    """Other values of the kind, small and large and of another kind."""
    match value:
        case bool():
            yield not value
        case int():
            yield from (value + 1, max(0, value - 1), -1, 2**48 + 1)
        case bytes():
            yield from (b"", value[:-1], value + b"\0", bytes(len(value)))
        case str():
            yield from ("", value + "X", "x")
        case tuple():
            yield from (value[:-1], (*value, b"\0" * 32), value[::-1])
        case dict():
            yield {1: 0}
            yield {9: 1}
            yield {3: bytes(32)}
    yield from (None, b"1", "1", ())


@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize("name", NAMES)
def test_every_changed_field_is_noticed(name: str) -> None:
    data = (VECTORS / f"{name}.tle").read_bytes()
    good = read([data])
    before = facts(good)
    uncovered = {gap.number for gap in good.gaps if gap.code == "gap.uncovered"}
    parts = [data[start:end] for start, end in items_of(data)]
    log = 0
    for at, part in enumerate(parts):
        log = at if isinstance(parse(part), LogItem) else log
        fields = encode.loads(part, evidence.LIMITS)
        assert isinstance(fields, tuple)
        for number, field in enumerate(fields):
            for value in values(field):
                if value == field and type(value) is type(field):
                    continue
                new = encode.dumps((*fields[:number], value, *fields[number + 1 :]))
                report = read([MAGIC + b"".join([*parts[:at], new, *parts[at + 1 :]])])
                assert facts(report) != before, (name, at, number, value)
                if report.verdict != "failed":
                    unsigned = is_makers_word(part, new) or log in uncovered
                    assert unsigned, (name, at, number, value)


# ------------------------------------------------------------------------------- what it costs


def header() -> bytes:
    """The first two items of a good file."""
    data = (VECTORS / "two-parties.tle").read_bytes()
    ends = [end for _, end in items_of(data)]
    return data[: ends[1]]


def log_item(size: int) -> bytes:
    return evidence.pack(LogItem(bytes(8), bytes(8), size, bytes(32), 2**48))


HOSTILE = {
    "an array of four billion": header() + bytes.fromhex("9affffffff"),
    "a map of four billion": header() + bytes.fromhex("86015000baffffffff"),
    "a string of 2^60 bytes": header() + bytes.fromhex("82025b1000000000000000"),
    "a million arrays in one another": header() + b"\x81" * 1_000_000,
    "a million maps in one another": header() + b"\xa1\x00" * 1_000_000,
    "a million empty arrays": header() + b"\x80" * 1_000_000,
    "a log of 2^48": header() + log_item(2**48),
    "a log of 2^48 and a run of it": header()
    + log_item(2**48)
    + evidence.pack(Run(2**48, (bytes(32),))),
    "one log a hundred thousand times": header() + log_item(1) * 100_000,
    "a run that covers nothing of what it says": header()
    + log_item(2**48)
    + evidence.pack(Run(2**47 + 1, (bytes(32),) * 96)),
    "nothing but zeros": MAGIC + bytes(4_000_000),
    "no line in front": bytes(4_000_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_costs_little(name: str) -> None:
    data = HOSTILE[name]
    pieces = [data[at : at + 65_536] for at in range(0, len(data), 65_536)]
    tracemalloc.start()
    began = time.process_time()
    try:
        report = read(pieces)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report.verdict == "failed"
    assert time.process_time() - began < 3
    assert peak < 4_000_000


def test_many_bad_statements_are_counted_and_not_all_told() -> None:
    parts = [header(), evidence.pack(LogItem(bytes(8), bytes(8), 20_000, bytes(32), 0))]
    parts.append(evidence.pack(StatementItem(b"no", 0, second=False)) * 20_000)
    report = read(parts)
    assert report.more_faults > 18_000
    assert len(report.faults) <= 1_001
    assert report.faults[-1].code == "evidence.truncated"


def test_an_item_that_is_too_large_is_not_waited_for() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield header() + bytes.fromhex("82025a7fffffff")
        while True:
            taken += 1
            yield bytes(65_536)

    report = read(endless())
    assert (report.faults[-1].code, taken) == ("evidence.too_large", 0)


def test_counts_have_their_bound() -> None:
    log = LogItem(bytes(8), bytes(8), 2**48, bytes(32), 0)
    assert parse(evidence.pack(log)) == log
    with pytest.raises(RemoteError, match=r"evidence\.form|form"):
        parse(evidence.pack(LogItem(bytes(8), bytes(8), 2**48 + 1, bytes(32), 0)))


def test_a_second_story_stands_in_a_log() -> None:
    data = (VECTORS / "four-parties-thread.tle").read_bytes()
    parts = [data[start:end] for start, end in items_of(data)]
    at = next(n for n, part in enumerate(parts) if isinstance(parse(part), LogItem))
    stray = evidence.pack(StatementItem(b"no", 0, second=True))
    report = read([MAGIC + b"".join([*parts[:at], stray, *parts[at:]])])
    assert report.verdict == "failed"
    assert report.faults[-1].code == "evidence.order"


def test_a_line_of_a_signer_that_nobody_names_is_told() -> None:
    data = (VECTORS / "four-parties-thread.tle").read_bytes()
    parts = [data[start:end] for start, end in items_of(data)]
    at = next(n for n, part in enumerate(parts) if isinstance(parse(part), evidence.NoteItem))
    note = parse(parts[at])
    assert isinstance(note, evidence.NoteItem)
    stranger = b"\xe2\x80\x94 stranger " + base64.b64encode(bytes(4 + 64)) + b"\n"
    more = evidence.pack(evidence.NoteItem(note.data + stranger))
    report = read([MAGIC + b"".join([*parts[:at], more, *parts[at + 1 :]])])
    before = [gap.code for gap in read([data]).gaps]
    assert [gap.code for gap in report.gaps if gap.code not in before] == ["gap.signer"]
    assert report.verdict != "failed"


# ------------------------------------------------------------------------------------- the tree


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 33])
def test_a_tree_with_runs_has_the_roots_that_it_can_have(size: int) -> None:
    leaves = [hashlib.sha256(bytes((at,))).digest() for at in range(size)]
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    for start in range(size):
        for end in range(start + 1, size + 1):
            spread = Spread()
            for leaf in leaves[:start]:
                spread.leaf(leaf)
            hashes = tuple(tree.subtree(level, index) for level, index in cover(start, end))
            assert not spread.run(end - start, (*hashes, bytes(32)))
            assert spread.run(end - start, hashes)
            for leaf in leaves[end:]:
                spread.leaf(leaf)
            for at in range(1, size + 1):
                root = spread.root(at)
                assert root == tree.root(at) or (root is None and start < at < end)
                assert root is not None or start < at < end


def test_a_cover_is_what_the_page_says() -> None:
    def by_the_page(a: int, b: int) -> list[tuple[int, int]]:
        out, p = [], a
        while p < b:
            k = 0
            while p % 2 ** (k + 1) == 0 and p + 2 ** (k + 1) <= b:
                k += 1
            out.append((k, p >> k))
            p += 2**k
        return out

    for a in range(40):
        for b in range(a, 80):
            assert list(cover(a, b)) == by_the_page(a, b)
    assert len(list(cover(1, 2**48 - 1))) == 94


def test_a_changed_hash_of_what_is_left_out_does_not_pass() -> None:
    """Receipts hold the hashes of left-out statements, wherever they reach."""
    net = play(3)
    alpha = net.post("ALPHA")
    item = alpha.line.record.order[3].statement.digest
    data = evidence_of(alpha.line, Scope(item=item), notes_of(net, alpha))
    assert read([data]).verdict == "checked"
    parts = [data[start:end] for start, end in items_of(data)]
    tried = 0
    for at, part in enumerate(parts):
        found = parse(part)
        if isinstance(found, Run):
            changed = Run(found.count, (bytes(32), *found.hashes[1:]))
            new = MAGIC + b"".join([*parts[:at], evidence.pack(changed), *parts[at + 1 :]])
            assert read([new]).verdict == "failed"
            tried += 1
    assert tried > 3


def test_a_head_that_ends_among_what_is_left_out_is_told_as_one_that_was_not_checked() -> None:
    """Our writer parts what it leaves out where a head ends; another one need not."""
    net = play(3)
    alpha = net.post("ALPHA")
    line = alpha.line
    data = evidence_of(line, Scope(item=line.record.order[3].statement.digest))
    parts = [data[start:end] for start, end in items_of(data)]
    items = [parse(part) for part in parts]
    at, log = next(
        (at, log)
        for at, (log, run) in enumerate(pairwise(items))
        if isinstance(log, LogItem) and isinstance(run, Run) and run.count > 1
    )
    end = next(n for n in range(at + 1, len(items)) if isinstance(items[n], LogItem | evidence.End))
    held = line.record.logs[log_id(line.id, log.station, log.incarnation)]
    (note,) = notes_of(net, alpha, size=1)[held.id]
    last = items[-1]
    assert isinstance(last, evidence.End)
    more = [evidence.pack(evidence.NoteItem(note)), *parts[end:-1]]
    more.append(evidence.pack(replace(last, notes=last.notes + 1)))
    before, report = read([data]), read([MAGIC + b"".join([*parts[:end], *more])])
    assert report.faults == []
    assert [gap.code for gap in report.gaps] == [*(gap.code for gap in before.gaps), "gap.note"]
    assert report.verdict == "partly"


def test_a_changed_ml_dsa_signature_does_not_pass() -> None:
    data = (VECTORS / "sealed.tle").read_bytes()
    parts = [data[start:end] for start, end in items_of(data)]
    at = next(n for n, part in enumerate(parts) if isinstance(parse(part), evidence.NoteItem))
    note = parse(parts[at])
    assert isinstance(note, evidence.NoteItem)
    lines = note.data.split(b"\n")
    late = next(n for n, line in enumerate(lines) if len(line) > 3_000)
    letters = lines[late]
    for place in range(100, len(letters) - 4, 97):
        other = b"A" if letters[place : place + 1] != b"A" else b"B"
        lines[late] = letters[:place] + other + letters[place + 1 :]
        new = evidence.pack(evidence.NoteItem(b"\n".join(lines)))
        report = read([MAGIC + b"".join([*parts[:at], new, *parts[at + 1 :]])])
        assert report.faults[-1].code in {"evidence.note", "evidence.order"} or report.gaps
        assert report.verdict != "checked"
