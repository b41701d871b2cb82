"""A journal read in ranges beside its station: what was written, or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import apsw
import pytest
from tests.store.samples import KEY, LINE, LOG, fact, make

from tieline.core.errors import LocalError, ShellError
from tieline.core.journal import Fact
from tieline.store import chain, schema
from tieline.store.opening import unlock_file
from tieline.store.reader import Reader
from tieline.store.sqlite import SqliteStore, check_pages

FACTS = [fact(n, position=n) for n in range(9)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make(tmp_path, facts=9)


@pytest.fixture
def reader(path: Path) -> Iterator[Reader]:
    made = Reader(path, KEY)
    yield made
    made.close()
    made.close()


def spoil(path: Path, *statements: str) -> None:
    """What somebody does who has the key of the file."""
    connection = apsw.Connection(str(path))
    unlock_file(connection, path, KEY)
    for each in statements:
        connection.execute(each)
    connection.close()


def refused(use: Callable[[], object]) -> str:
    with pytest.raises(ShellError) as caught:
        use()
    assert caught.value.code == "store.damaged"
    return caught.value.message


def facts(reader: Reader, first: int, last: int) -> list[Fact]:
    rows = [schema.read_row(row) for row in reader.facts(first, last)]
    assert [row.seq for row in rows] == list(range(first, last + 1))
    return [row.fact for row in rows]


def test_ranges_that_join_are_the_journal(reader: Reader) -> None:
    assert facts(reader, 1, 9) == FACTS
    for middle in range(1, 9):
        assert facts(reader, 1, middle) + facts(reader, middle + 1, 9) == FACTS


def test_a_reader_sees_what_was_committed_when_it_asks(path: Path, reader: Reader) -> None:
    store = SqliteStore.open(path, KEY)
    store.commit([fact(9)])
    assert facts(reader, 9, 10) == [FACTS[8], fact(9)]
    store.close()


def test_statements_are_found_by_their_place(path: Path, reader: Reader) -> None:
    assert reader.statements(LINE, LOG, 2, 4) == [b"body 2", b"body 3"]
    assert reader.statements(LINE, b"other", 0, 9) == []
    assert reader.statement(LINE, LOG, 0) == (1, b"body 0")
    assert reader.statement(LINE, LOG, 8) == (9, b"body 8")
    assert reader.statement(LINE, LOG, 9) is None
    assert reader.statement(b"X" * 16, LOG, 0) is None


@pytest.mark.parametrize(
    "change", ["body = x'00'", "chain = zeroblob(32)", "position = 99", "at_ms = 0", "kind = 3"]
)
def test_an_entry_that_was_changed_is_named(path: Path, reader: Reader, change: str) -> None:
    spoil(path, f"UPDATE fact SET {change} WHERE seq = 5")  # noqa: S608 # of this file
    assert facts(reader, 1, 4) == FACTS[:4]
    wrong = "entry 5 of the journal is not what was written after entry 4"
    assert wrong in refused(lambda: reader.facts(1, 9))
    assert wrong in refused(lambda: reader.facts(5, 5))
    store = SqliteStore.open(path, KEY)
    assert wrong in refused(lambda: list(store.facts()))
    assert wrong in refused(lambda: list(store.facts(4)))
    store.close()


def test_an_entry_that_is_gone_is_named(path: Path, reader: Reader) -> None:
    spoil(path, "DELETE FROM fact WHERE seq = 5")
    missing = "entry 5 of the journal is missing"
    assert "entry 5 of the journal is not what" in refused(lambda: reader.facts(1, 9))
    assert missing in refused(lambda: reader.facts(1, 5))
    assert missing in refused(lambda: reader.facts(5, 5))
    assert missing in refused(lambda: reader.facts(6, 9))
    assert "entry 10 of the journal is missing" in refused(lambda: reader.facts(7, 11))


def test_a_stream_that_ends_too_early_says_so(path: Path) -> None:
    store = SqliteStore.open(path, KEY)
    store._connection.execute("DELETE FROM fact WHERE seq > 6")
    assert "entry 7 of the journal is missing" in refused(lambda: list(store.facts()))
    store.close()


def test_another_key_is_refused(path: Path) -> None:
    with pytest.raises(LocalError) as caught:
        Reader(path, KEY[:31])
    assert caught.value.code == "store.key"
    assert "does not open" in refused(lambda: Reader(path, bytes(32)))


def test_a_page_that_does_not_read_is_damage(path: Path) -> None:
    store = SqliteStore.open(path, KEY)
    store.commit([fact(n, position=n, body=bytes(3_000)) for n in range(9, 60)])
    store.close()
    assert check_pages(path, KEY) == []
    data = bytearray(path.read_bytes())
    data[4_096 * 30 + 1_000] ^= 1
    path.write_bytes(data)
    reader = Reader(path, KEY)
    assert "a page does not read" in refused(lambda: reader.facts(1, 60))
    reader.close()
    problems = check_pages(path, KEY)
    assert problems
    assert str(path) in problems[0]
    store = SqliteStore.open(path, KEY)
    assert "a page does not read" in refused(lambda: list(store.facts()))
    assert store.damage()
    store.close()
    assert SqliteStore.verify_file(path, KEY)
    assert SqliteStore.verify_file(path, KEY, pages=False) == []


def test_a_file_is_verified_without_a_station(path: Path, tmp_path: Path) -> None:
    assert SqliteStore.verify_file(path, KEY) == []
    store = SqliteStore.open(path, KEY)
    with pytest.raises(ShellError) as caught:
        SqliteStore.verify_file(path, KEY)
    assert caught.value.code == "store.locked"
    store.close()
    with pytest.raises(LocalError) as missing:
        SqliteStore.verify_file(tmp_path / "no.db", KEY)
    assert missing.value.code == "store.missing"
    assert "this station's key" in SqliteStore.verify_file(path, bytes(32))[0]
    assert "this station's key" not in "".join(check_pages(path, KEY))
    assert str(path) in check_pages(path, bytes(32))[0]
    path.write_bytes(b"")
    assert "is empty" in SqliteStore.verify_file(path, KEY)[0]


# ----------------------------------------------------------------------------- chain and schema


def test_the_chain_is_a_fixed_function_of_the_entries() -> None:
    """A store of yesterday is checked by the program of tomorrow."""
    told = fact(1, position=0)
    bare = fact(2)
    first = chain.link(chain.START, 1, told)
    second = chain.link(first, 2, bare)
    assert chain.START.hex()[:16] == "e6998b389badcaa1"
    assert (first.hex()[:16], second.hex()[:16]) == ("4d664f49fb58fc0b", "59729da71f4c9fd8")

    def columns(seq: int, f: Fact) -> tuple[object, ...]:
        return (seq, f.kind, f.at_ms, f.line, f.body, f.meta, f.log, f.position, b"")

    assert chain.link_row(chain.START, columns(1, told)) == first
    assert chain.link_row(first, columns(2, bare)) == second


def test_every_part_of_an_entry_moves_the_chain() -> None:
    base = Fact(kind=1, at_ms=2, line=b"ab", body=b"cd", meta=b"ef", log=b"gh", position=3)
    others = [
        Fact(kind=9, at_ms=2, line=b"ab", body=b"cd", meta=b"ef", log=b"gh", position=3),
        Fact(kind=1, at_ms=-2, line=b"ab", body=b"cd", meta=b"ef", log=b"gh", position=3),
        Fact(kind=1, at_ms=2, line=b"abc", body=b"d", meta=b"ef", log=b"gh", position=3),
        Fact(kind=1, at_ms=2, line=b"ab", body=b"cde", meta=b"f", log=b"gh", position=3),
        Fact(kind=1, at_ms=2, line=b"ab", body=b"cd", meta=b"efg", log=b"h", position=3),
        Fact(kind=1, at_ms=2, line=b"ab", body=b"cd", meta=b"ef", log=b"gh", position=4),
        Fact(kind=1, at_ms=2, line=b"ab", body=b"cd", meta=b"efgh"),
        Fact(kind=1, at_ms=2, line=b"ab", body=b"cd", meta=b"efgh", log=b"", position=0),
    ]
    links = [chain.link(chain.START, 1, each) for each in (base, *others)]
    links += [chain.link(chain.START, 2, base), chain.link(bytes(32), 1, base)]
    assert len(set(links)) == len(links)


def test_a_file_says_whose_it_is(path: Path) -> None:
    store = SqliteStore.open(path, KEY)
    assert store._connection.pragma("application_id") == 0x5469654C
    assert store._connection.pragma("user_version") == 4
    store.close()


ROW = (1, 2, 3, b"line", b"body", b"meta", b"log", 4, bytes(32))


def test_a_row_of_other_types_is_damage() -> None:
    good = schema.read_row(ROW)
    assert (good.seq, good.fact.kind, good.fact.at_ms, good.fact.position) == (1, 2, 3, 4)
    assert schema.read_row((*ROW[:6], None, None, ROW[8])).fact.log is None
    for place in range(9):
        bad = (*ROW[:place], "text", *ROW[place + 1 :])
        assert "does not have the form of an entry" in refused(partial(schema.read_row, bad))
    refused(lambda: schema.read_row(ROW[:8]))
