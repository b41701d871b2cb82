"""The items of an evidence file: their one form, and each field at its bounds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tieline.core import encode, evidence
from tieline.core.errors import RemoteError
from tieline.core.evidence import (
    MAGIC,
    CharterItem,
    End,
    Header,
    Item,
    KeyItem,
    LogItem,
    NoteItem,
    PackItem,
    ReceiptItem,
    Run,
    Scope,
    Splitter,
    StatementItem,
    pack,
    parse,
    span,
)
from tieline.core.statement import MAX_STATEMENT_BYTES
from tieline.core.terms import MAX_TIME_MS

LINE, STATION, LIFE, LAST = bytes(16), b"s" * 8, b"i" * 8, b"h" * 32
MOST = 2**48
PAGE = Path(__file__).parents[2] / "page"
FORMS: list[tuple[Item, tuple[Any, ...]]] = [
    (Header(LINE, "EX-1", MAX_TIME_MS, STATION, Scope(0, MAX_TIME_MS, LAST)),
     (1, LINE, "EX-1", MAX_TIME_MS, STATION, {1: 0, 2: MAX_TIME_MS, 3: LAST})),
    (Header(LINE, "", 0, STATION, Scope()), (1, LINE, "", 0, STATION, {})),
    (Header(LINE, "", 0, STATION, Scope(5, 5)), (1, LINE, "", 0, STATION, {1: 5, 2: 5})),
    (CharterItem(b"c"), (2, b"c")),
    (KeyItem(bytes(1312)), (3, bytes(1312))),
    (LogItem(STATION, LIFE, 1, LAST, 0), (4, STATION, LIFE, 1, LAST, 0)),
    (LogItem(STATION, LIFE, MOST, LAST, MOST), (4, STATION, LIFE, MOST, LAST, MOST)),
    (StatementItem(b"r", 0, second=False), (5, b"r", 0)),
    (StatementItem(bytes(MAX_STATEMENT_BYTES), MAX_TIME_MS, second=False),
     (5, bytes(MAX_STATEMENT_BYTES), MAX_TIME_MS)),
    (Run(1, (LAST,)), (6, 1, (LAST,))),
    (Run(MOST, (LAST,) * 96), (6, MOST, (LAST,) * 96)),
    (StatementItem(b"r", 3, second=True), (7, b"r", 3)),
    (ReceiptItem(b"r"), (8, b"r")),
    (ReceiptItem(bytes(128)), (8, bytes(128))),
    (NoteItem(b"n"), (9, b"n")),
    (NoteItem(bytes(1_000_000)), (9, bytes(1_000_000))),
    (End(0, MOST, 2, 3, 4), (10, 0, MOST, 2, 3, 4)),
    (PackItem(b"p"), (11, b"p")),
]  # fmt: skip
REFUSED: list[Any] = [
    (1, bytes(15), "", 0, STATION, {}), (1, LINE, "lower", 0, STATION, {}),
    (1, LINE, "", MAX_TIME_MS + 1, STATION, {}), (1, LINE, "", True, STATION, {}),
    (1, LINE, "", 0, bytes(7), {}), (1, LINE, "", 0, STATION), (1, LINE, "", 0, STATION, {}, 0),
    (1, LINE, "", 0, STATION, {4: 0}), (1, LINE, "", 0, STATION, {1: MAX_TIME_MS + 1}),
    (1, LINE, "", 0, STATION, {2: MAX_TIME_MS + 1}), (1, LINE, "", 0, STATION, {1: 6, 2: 5}),
    (1, LINE, "", 0, STATION, {3: bytes(31)}), (1, LINE, "", 0, STATION, {3: bytes(33)}),
    (1, LINE, "", 0, STATION, {1: None}), (1, LINE, "", 0, STATION, {1: True}), (2,), (2, "c"),
    (2, b"c", b"d"), (3, bytes(1311)), (3, bytes(1313)), (3,), (4, STATION, LIFE, 0, LAST, 0),
    (4, STATION, LIFE, MOST + 1, LAST, 0), (4, STATION, LIFE, 1, LAST, MOST + 1),
    (4, bytes(7), LIFE, 1, LAST, 0), (4, STATION, bytes(9), 1, LAST, 0),
    (4, STATION, LIFE, 1, bytes(31), 0), (4, STATION, LIFE, True, LAST, 0),
    (4, STATION, LIFE, 1, LAST, -1), (4, STATION, LIFE, 1, LAST), (5, b"", 0),
    (5, bytes(MAX_STATEMENT_BYTES + 1), 0), (5, b"r", MAX_TIME_MS + 1), (5, b"r", -1), (5, b"r"),
    (5, b"r", True), (6, 0, (LAST,)), (6, MOST + 1, (LAST,)), (6, 1, ()), (6, 1, (LAST,) * 97),
    (6, 1, (bytes(31),)), (6, 1, (LAST, 5)), (7, b"", 0), (8, b""), (8, bytes(129)), (8, "r"),
    (9, b""), (9, bytes(1_000_001)), (10, 0, 0, 0, 0), (10, 0, 0, 0, 0, 0, 0),
    (10, 0, 0, 0, 0, MOST + 1), (10, 0, 0, 0, 0, True), (10, 0, 0, 0, 0, -1), (11,), (11, "p"),
    (0,), (12, b""), (), (True, b"c"), ("2", b"c"), 5, {1: 2},
]  # fmt: skip


@pytest.mark.parametrize(("item", "form"), FORMS, ids=lambda value: repr(value)[:40])
def test_each_item_has_one_form(item: Item, form: tuple[Any, ...]) -> None:
    assert encode.loads(pack(item), evidence.LIMITS) == form
    assert parse(encode.dumps(form)) == item


@pytest.mark.parametrize("form", REFUSED, ids=lambda value: repr(value)[:40])
def test_what_is_not_of_its_form_is_refused(form: Any) -> None:
    with pytest.raises(RemoteError) as caught:
        parse(encode.dumps(form))
    assert caught.value.code == "evidence.form"


def test_a_pack_stands_in_files_of_version_2_only() -> None:
    assert parse(pack(PackItem(b"p")), 2) == PackItem(b"p")
    with pytest.raises(RemoteError):
        parse(pack(PackItem(b"p")), 1)
    assert parse(pack(CharterItem(b"c")), 1) == CharterItem(b"c")


def test_the_bounds_are_those_of_the_page() -> None:
    page = "".join((PAGE / name).read_text("utf-8") for name in ("items.js", "pack.js"))
    most = dict(re.findall(r"^const (MOST_\w+) = (\d+);", page, re.MULTILINE))
    limits = page.partition("const ITEM_LIMITS = ")[2].partition(";")[0]
    assert int(most["MOST_EVIDENCE_BYTES"]) == evidence.MAX_FILE_BYTES
    assert int(most["MOST_PACKS"]) == evidence.MAX_PACKS
    assert int(most["MOST_PACK_BYTES"]) == evidence.MAX_PACKS_BYTES
    held = evidence.LIMITS
    assert held.max_bytes == evidence.MAX_ITEM_BYTES
    parts = f"bytes: {held.max_bytes}, depth: {held.max_depth}, items: {held.max_items}"
    assert limits == f"{{ {parts} }}"


def test_a_scope_holds_both_of_its_ends() -> None:
    assert Scope().whole
    assert not Scope(from_ms=0).whole
    window = Scope(from_ms=10, to_ms=20)
    assert [window.within(time) for time in (9, 10, 20, 21)] == [False, True, True, False]
    assert window.within(9, 15)
    assert not window.within(9, 21)
    assert Scope(from_ms=10).within(MAX_TIME_MS)
    assert Scope(to_ms=10).within(0)


# -------------------------------------------------------------------------------- cutting a file


def heads(value: int) -> list[bytes]:
    """A byte string's head in every width that holds the length."""
    out = [bytes((0x40 | value,))] if value < 24 else []
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 256**width:
            out.append(bytes((0x40 | info,)) + value.to_bytes(width, "big"))
    return out


@pytest.mark.parametrize("value", [0, 23, 24, 255, 256, 65_535, 65_536])
def test_only_the_shortest_head_is_cut(value: int) -> None:
    shortest, *others = heads(value)
    data = shortest + bytes(value)
    assert span(data, 0) == len(data)
    assert span(b"x" + data + b"more", 1) == len(data) + 1
    for end in (0, len(shortest) - 1, len(data) - 1):
        if end < len(data):
            assert span(data[:end], 0) is None
    for other in others:
        with pytest.raises(RemoteError) as caught:
            span(other + bytes(value), 0)
        assert caught.value.code == "evidence.encoding"


@pytest.mark.parametrize(
    "value",
    [0, -1, 23, -24, 24, 2**64 - 1, -(2**64), True, False, None, (), {}, "text", ((), 5), {1: 2}],
)
def test_every_value_that_an_item_may_hold_is_cut(value: Any) -> None:
    data = encode.dumps((value,))
    assert span(data + b"\x00", 0) == len(data)
    for end in range(len(data)):
        assert span(data[:end], 0) is None


@pytest.mark.parametrize(
    "first", [0xC0, 0xD8, 0xF7, 0xF8, 0xF9, 0xFB, 0x9F, 0xBF, 0x5F, 0x1C, 0xE0]
)
def test_tags_floats_and_endless_items_are_refused(first: int) -> None:
    with pytest.raises(RemoteError) as caught:
        span(bytes((first,)) + bytes(20), 0)
    assert caught.value.code == "evidence.encoding"


def test_an_item_has_its_largest_size_and_number_of_parts() -> None:
    room = evidence.MAX_ITEM_BYTES - 5
    whole = b"\x5a" + room.to_bytes(4, "big")
    assert span(whole + bytes(room), 0) == evidence.MAX_ITEM_BYTES
    with pytest.raises(RemoteError) as caught:
        span(b"\x5a" + (room + 1).to_bytes(4, "big"), 0)
    assert caught.value.code == "evidence.too_large"
    assert span(b"\x99\x02\x00" + bytes(512), 0) == 515
    assert span(b"\xb9\x01\x00" + bytes(512), 0) == 515
    for many in (b"\x99\x02\x01", b"\xb9\x01\x01", b"\x82\x99\x01\xff\x00"):
        with pytest.raises(RemoteError):
            span(many + bytes(600), 0)
    assert span(b"\x81\x81\x81\x00", 0) == 4
    with pytest.raises(RemoteError):
        span(b"\x81\x81\x81\x81\x00", 0)


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_a_file_is_cut_into_its_items_however_it_comes(size: int) -> None:
    items = [pack(item) for item, _ in FORMS if len(pack(item)) < 9_000]
    for version, magic in evidence.MAGICS.items():
        data = magic + b"".join(items)
        splitter = Splitter([b"", *(data[at : at + size] for at in range(0, len(data), size)), b""])
        assert list(splitter.items()) == items
        assert splitter.version == version


def test_a_file_that_is_too_large_is_not_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    item = pack(CharterItem(bytes(90)))
    monkeypatch.setattr(evidence, "MAX_FILE_BYTES", len(MAGIC) + 2 * len(item))
    assert list(Splitter([MAGIC, item, item]).items()) == [item, item]
    splitter = Splitter([MAGIC, item, item, b"\x00"]).items()
    assert [next(splitter), next(splitter)] == [item, item]
    with pytest.raises(RemoteError) as caught:
        next(splitter)
    assert caught.value.code == "evidence.too_large"


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "magic"), (MAGIC[:-1], "magic"), (MAGIC + b"\x82\x02", "truncated")],
)
def test_a_file_that_does_not_begin_or_end_as_it_should_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(RemoteError) as caught:
        list(Splitter([data]).items())
    assert caught.value.code == f"evidence.{code}"
