"""``tieline verify`` ends 4 when any one byte of a stored statement, log or export has changed."""

from __future__ import annotations

import asyncio
import base64
import functools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest
from tests.examples import tries
from tests.node import pair
from tests.store.samples import end_of_log

from tieline.core.charter import dearmor_charter
from tieline.core.errors import TielineError
from tieline.core.journal import FactKind
from tieline.desk.cli import main
from tieline.node.backup import Keeper
from tieline.node.offline import check_bundle, check_files
from tieline.store import chain, schema
from tieline.store.sqlite import SqliteStore

OK, FAILED = 0, 4
ALL = f"SELECT {schema.COLUMNS} FROM fact ORDER BY seq"  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """BRAVO's home after some traffic: stopped in order, and as a killed process left it."""

    seat: pair.Seat
    killed: Path
    bundle: Path


async def _traffic(seats: list[pair.Seat], charter: str, killed: Path) -> bytes:
    alpha, bravo = (pair.Running(seat, pair.open_store(seat)) for seat in seats)
    for running in (alpha, bravo):
        await running.install(dearmor_charter(charter))
    pair.join(alpha, bravo)
    for number in range(3):
        await alpha.say(f"from alpha {number}")
        await bravo.say(f"from bravo {number} " + "and a longer text, " * 40)
        await pair.settle(alpha, bravo)
    line = alpha.host.station.line(alpha.line)
    data, count = alpha.host.export_bundle(line, (seats[1].keys.station,))
    assert count == 0  # all of it is over there; so what is exported next is one statement
    alpha.host.lost(seats[1].keys.station, "memory", "the road is cut")
    alpha.host.carriers.clear()
    await alpha.say("only in the bundle")
    data, count = alpha.host.export_bundle(line, (seats[1].keys.station,))
    assert count == 1
    shutil.copytree(seats[1].home.path, killed)
    for running in (alpha, bravo):
        running.host.close()
        running.store.close()
    return data


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("verify")
    seats, charter = pair.make_homes(folder)
    killed = folder / "killed"
    data = asyncio.run(_traffic(seats, charter, killed))
    bundle = folder / "carried.bundle"
    bundle.write_bytes(data)
    return Made(seat=seats[1], killed=killed, bundle=bundle)


@pytest.fixture(autouse=True)
def quiet(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    capsys.readouterr()


def verify(home: Path, file: Path | None = None) -> int:
    return main(["verify", "--home", str(home), "--json", *([str(file)] if file else [])])


def unnoticed(path: Path, positions: range | list[int], check: Callable[[], int]) -> list[int]:
    """The positions at which a changed byte is not noticed; the file is as before afterwards."""
    data = path.read_bytes()
    missed: list[int] = []
    try:
        for position in positions:
            changed = bytearray(data)
            changed[position] ^= 1 << position % 8
            path.write_bytes(changed)
            if check() != FAILED:
                missed.append(position)
    finally:
        path.write_bytes(data)
    assert check() == OK
    return missed


def test_a_changed_byte_of_the_stopped_store_is_noticed(made: Made) -> None:
    home, path = made.seat.home.path, made.seat.home.store_file
    size = path.stat().st_size
    assert size > 20_000
    assert not path.with_name("store.db-wal").exists()
    edges = [page + at for page in range(0, size, 4_096) for at in (0, 15, 16, 31, 4_064, 4_095)]
    every = sorted({*range(104), *edges, *range(0, size, 1_536 // tries(1))})
    assert unnoticed(path, every, lambda: verify(home)) == []


@pytest.mark.parametrize("index", [True, False], ids=["with its index", "without its index"])
def test_a_changed_byte_of_a_killed_stations_log_is_noticed(
    made: Made, tmp_path: Path, index: bool
) -> None:
    home = tmp_path / "home"
    shutil.copytree(made.killed, home)
    log, shm = home / "store.db-wal", home / "store.db-shm"
    kept = shm.read_bytes()
    size = end_of_log(home / "store.db")
    assert size > 20 * 4_096

    def check() -> int:
        shm.unlink()
        if index:
            shm.write_bytes(kept)
        return verify(home)

    frames = range(32, size, 4_096 + 24)
    heads = [frame + at for frame in (*frames[:2], *frames[-2:]) for at in range(0, 24, 3)]
    every = sorted({*range(32), *heads, *range(32, size, 6_500 // tries(1))})
    assert unnoticed(log, every, check) == []


def test_a_log_cut_short_is_noticed(made: Made, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(made.killed, home)
    log, shm = home / "store.db-wal", home / "store.db-shm"
    kept, data = shm.read_bytes(), log.read_bytes()[: end_of_log(home / "store.db")]
    for cut in (1, 4_120, len(data) // 2, len(data) - 40):
        log.write_bytes(data[:-cut])
        shm.write_bytes(kept)
        assert verify(home) == FAILED


def test_a_running_station_notices_what_changes_under_it(tmp_path: Path) -> None:
    async def story() -> None:
        seats, charter = pair.make_homes(tmp_path)
        alpha = pair.Running(seats[0], pair.open_store(seats[0]))
        await alpha.install(dearmor_charter(charter))
        for number in range(5):
            await alpha.say(f"number {number}")
        assert alpha.host.audit()["ok"] is True
        log = seats[0].home.path / "store.db-wal"
        size = end_of_log(seats[0].home.store_file)
        for position in [*range(40), size // 2, size - 4_000, size - 1]:
            with log.open("r+b") as file:
                file.seek(position)
                byte = file.read(1)
                file.seek(position)
                file.write(bytes([byte[0] ^ 2]))
                file.flush()
                report = alpha.host.audit()
                file.seek(position)
                file.write(byte)
            assert report["ok"] is False, position
        assert alpha.host.audit()["ok"] is True
        alpha.host.close()
        alpha.store.close()

    asyncio.run(story())


def test_the_pages_are_read_beside_a_running_station(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        seats, charter = pair.make_homes(tmp_path)
        alpha = pair.Running(seats[0], pair.open_store(seats[0]))
        await alpha.install(dearmor_charter(charter))
        for number in range(9):
            await alpha.say(f"number {number} " + "and a longer text, " * 40)
        alpha.host._keeper = Keeper(seats[0].home, seats[0].keys)
        assert isinstance(alpha.store, SqliteStore)
        alpha.store._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_FULL)

        def never(_: object) -> list[str]:
            raise AssertionError("on the loop")

        monkeypatch.setattr(SqliteStore, "damage", never)
        assert (await alpha.host.audit_beside())["ok"] is True
        path = seats[0].home.store_file
        data = path.read_bytes()
        assert len(data) > 10 * 4_096
        path.write_bytes(data[:-100] + bytes([data[-100] ^ 1]) + data[-99:])
        assert (await alpha.host.audit_beside())["ok"] is False
        path.write_bytes(data)
        alpha.host.close()
        alpha.store.close()

    asyncio.run(story())


@pytest.mark.parametrize("text", [b"and a longer text", b"from alpha", b"only in the bundle"])
def test_no_file_of_a_home_shows_what_was_said(made: Made, text: bytes) -> None:
    forms = [text, text.hex().encode(), text.decode().encode("utf-16-le"), base64.b64encode(text)]
    homes = (made.seat.home.path, made.killed)
    paths = [path for home in homes for path in home.rglob("*") if path.is_file()]
    assert len(paths) > 12
    for path in [*paths, made.bundle]:
        data = path.read_bytes()
        assert not any(form in data for form in forms), path


# ---------------------------------------------------------------------------- inside the key


def opened(made: Made, home: Path) -> apsw.Connection:
    connection = apsw.Connection(str(home / "store.db"))
    connection.pragma("cipher", "chacha20")
    connection.pragma("key", f"raw:{made.seat.keys.db_key.hex()}")
    return connection


@pytest.fixture
def home(made: Made, tmp_path: Path) -> Path:
    """A copy of the stopped home, to be spoilt."""
    copy = tmp_path / "home"
    shutil.copytree(made.seat.home.path, copy)
    assert verify(copy) == OK
    return copy


def changes(value: object) -> list[object]:
    """A value with one of its bytes changed, at its beginning and end."""
    if isinstance(value, int):
        return [value + 1]
    if isinstance(value, bytes) and value:
        places = sorted({0, len(value) - 1})
        return [value[:at] + bytes([value[at] ^ 4]) + value[at + 1 :] for at in places]
    return []


def test_a_changed_value_of_any_column_is_noticed(made: Made, home: Path) -> None:
    connection = opened(made, home)
    names = schema.COLUMNS.split(", ")
    rows = connection.execute(ALL).fetchall()
    kinds: dict[int, tuple[object, ...]] = {
        schema.read_row(row).fact.kind: row for row in rows
    }  # one of each kind
    assert {FactKind.CHARTER, FactKind.STATEMENT, FactKind.RECEIPT} <= set(kinds)
    connection.close()
    plain = (home / "store.db").read_bytes()
    tried = 0
    for row in [*kinds.values(), rows[-1]]:
        for name, value in zip(names, row, strict=True):
            last = name != "seq" or row == rows[-1]
            for changed in changes(value) if last else [1_000_000]:  # the next number is taken
                connection = opened(made, home)
                update = f"UPDATE fact SET {name} = ? WHERE seq = ?"  # noqa: S608
                connection.execute(update, (changed, row[0]))
                connection.close()
                assert verify(home) == FAILED, (row[1], name)
                (home / "store.db").write_bytes(plain)
                tried += 1
    assert tried > 30
    assert verify(home) == OK


def test_an_entry_taken_out_is_noticed(made: Made, home: Path) -> None:
    connection = opened(made, home)
    connection.execute("DELETE FROM fact WHERE seq = 5")
    connection.close()
    assert verify(home) == FAILED


SIGNED = [FactKind.CHARTER, FactKind.STATEMENT, FactKind.RECEIPT]


@pytest.mark.parametrize("kind", SIGNED)
def test_what_is_signed_is_noticed_even_when_the_chain_was_written_anew(
    made: Made, home: Path, kind: FactKind
) -> None:
    plain = (home / "store.db").read_bytes()
    connection = opened(made, home)
    rows = connection.execute(ALL).fetchall()
    found = [schema.read_row(values) for values in rows]
    bodies = [(row.seq, row.fact.body) for row in found if row.fact.kind == kind][-2:]
    connection.close()
    assert bodies
    for seq, body in bodies:
        for position in range(0, len(body), max(1, len(body) // 6)):
            connection = opened(made, home)
            changed = body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :]
            connection.execute("UPDATE fact SET body = ? WHERE seq = ?", (changed, seq))
            link = chain.START
            rows = connection.execute(ALL).fetchall()
            for row in map(schema.read_row, rows):
                link = chain.link(link, row.seq, row.fact)
                connection.execute("UPDATE fact SET chain = ? WHERE seq = ?", (link, row.seq))
            connection.close()
            assert verify(home) == FAILED, position
            (home / "store.db").write_bytes(plain)


# ------------------------------------------------------------------------------------- files


def bundle_reads(made: Made) -> int:
    """What the command does with a bundle, without the command around it."""
    try:
        check_bundle(made.seat.home, made.seat.keys, made.bundle.read_bytes())
    except TielineError:
        return FAILED
    return OK


def test_every_changed_byte_of_a_bundle_is_noticed(made: Made) -> None:
    home = made.seat.home.path
    size = made.bundle.stat().st_size
    assert 1_000 < size < 20_000
    assert unnoticed(made.bundle, range(size), lambda: bundle_reads(made)) == []
    assert unnoticed(made.bundle, range(0, size, 211), lambda: verify(home, made.bundle)) == []


def test_a_bundle_cut_short_or_lengthened_is_noticed(made: Made, tmp_path: Path) -> None:
    data = made.bundle.read_bytes()
    path = tmp_path / "other.bundle"
    for wrong in (data[:-1], data[: len(data) // 2], data[:20], b"", data + b"\0"):
        path.write_bytes(wrong)
        assert verify(made.seat.home.path, path) == FAILED


def test_every_changed_byte_of_a_card_and_a_charter_is_noticed(made: Made) -> None:
    home = made.seat.home

    def reads() -> int:
        return FAILED if check_files(home) else OK

    for path in (home.card_file, home.charters / "pair-1.charter"):
        size = path.stat().st_size
        assert unnoticed(path, range(0, size, 7), reads) == []
        by_name = functools.partial(verify, home.path, path)
        assert unnoticed(path, range(1, size, 401), by_name) == []


def test_a_changed_byte_of_a_file_in_the_home_is_noticed_without_naming_it(made: Made) -> None:
    home = made.seat.home
    for path in (home.card_file, home.charters / "pair-1.charter"):
        positions = range(0, path.stat().st_size, 211)
        assert unnoticed(path, positions, lambda: verify(home.path)) == []
