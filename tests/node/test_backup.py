"""A backup is one whole state of a station, opens only with its keys, and never comes back torn."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.node import pair
from tests.store.test_full import file_size_limit

from tieline.core.charter import dearmor_charter
from tieline.core.errors import LocalError, ShellError, TielineError
from tieline.desk.web.officers import Officers
from tieline.desk.web.sessions import Sessions
from tieline.desk.web.vault import Vault
from tieline.node import backup, backupfile, homekeys, offline, secrets
from tieline.node.backup import Keeper, last_backup, make_stopped
from tieline.node.config import Home
from tieline.node.restore import Restored, restore
from tieline.node.secrets import KeyFile, Passphrase
from tieline.store import disk

CANARY = "the convoy leaves from the canary bridge"
SAID = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    seat: pair.Seat
    file: Path
    during: list[str]


async def _traffic(folder: Path, seats: list[pair.Seat], charter: str) -> list[str]:
    """Back ALPHA up while both stations talk; what was said before it began."""
    alpha, bravo = (pair.Running(seat, pair.open_store(seat)) for seat in seats)
    alpha.host._keeper = Keeper(seats[0].home, seats[0].keys)
    for running in (alpha, bravo):
        await running.install(dearmor_charter(charter))
    pair.join(alpha, bravo)
    before = [(await alpha.say(f"{CANARY} {n}")).item.hex() for n in range(3)]
    job = asyncio.ensure_future(alpha.host.backup(folder / "alpha.bak", root=False))
    meanwhile = 0
    while not job.done() or meanwhile < SAID:
        await alpha.say(f"during {meanwhile} " + "and more " * 60)
        await bravo.say(f"theirs {meanwhile}")
        meanwhile += 1
    told = job.result()
    assert told["left_out"] == []
    assert told["noted"] is True
    assert isinstance(told["entries"], int)
    assert alpha.store.last() >= told["entries"] + SAID
    assert alpha.host.status()["backup"] == {
        "made_ms": told["made_ms"], "entries": told["entries"], "file": told["file"],
    }  # fmt: skip
    await pair.settle(alpha, bravo)
    for running in (alpha, bravo):
        assert running.failed == []
        running.host.close()
        running.store.close()
    return before


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("backup")
    seats, charter = pair.make_homes(folder)
    before = asyncio.run(_traffic(folder, seats, charter))
    return Made(seat=seats[0], file=folder / "alpha.bak", during=before)


def nobody() -> Passphrase:
    raise AssertionError("these keys open with a key file")


def back(made: Made, home: Path, *, keep: bool = True, file: Path | None = None) -> Restored:
    return restore(file or made.file, home, nobody, made.seat.home.path / "key", keep=keep)


def test_a_backup_made_amid_traffic_restores_to_a_home_that_verifies(
    made: Made, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    done = back(made, home)
    keys = secrets.unlock(home / "keys.tlk", KeyFile(home / "key"))
    report = offline.audit_home(Home.open(home), keys)
    assert report["ok"] is True
    assert report["journal"] == done.manifest.entries
    seat = pair.Seat(home=Home.open(home), keys=keys)
    old, new = pair.open_store(made.seat), pair.open_store(seat)
    whole = list(old.facts())[: done.manifest.entries]
    assert list(new.facts()) == whole
    assert new.damage() == []
    old.close()
    new.close()
    bodies = {fact.body for _, fact in whole}
    assert sum(CANARY.encode() in body for body in bodies) == len(made.during)
    assert (home / "config.toml").read_bytes() == made.seat.home.config_file.read_bytes()
    assert (home / "charters" / "pair-1.charter").exists()
    assert (home / "run").is_dir()
    assert home.stat().st_mode & 0o777 == 0o700


def test_the_new_home_is_another_machine(made: Made, tmp_path: Path) -> None:
    back(made, tmp_path / "one")
    back(made, tmp_path / "two")
    ids = {
        homekeys.read_machine_id(home)
        for home in (made.seat.home.path, tmp_path / "one", tmp_path / "two")
    }
    assert len(ids) == 3
    assert not (tmp_path / "one" / "root.tlk").exists()


def test_nothing_in_a_backup_is_in_the_clear(made: Made) -> None:
    data = made.file.read_bytes()
    for secret in (CANARY.encode(), b"ALPHA", b"127.0.0.1", b"pair", b"A. Okafor"):
        assert secret not in data
    for name in ("machine.id", "key"):
        assert (made.seat.home.path / name).read_bytes() not in data
    assert (made.seat.home.path / "keys.tlk").read_bytes() in data  # encrypted, as it is
    assert made.file.stat().st_mode & 0o777 == 0o600


def refused(made: Made, folder: Path, data: bytes) -> str:
    """The code with which bytes are refused as a backup; nothing of them may be left."""
    file = folder / "torn.bak"
    file.write_bytes(data)
    with pytest.raises(TielineError) as caught:
        back(made, folder / "home", file=file)
    assert [path.name for path in folder.iterdir()] == ["torn.bak"]
    return caught.value.code


def test_every_torn_backup_is_refused(made: Made, tmp_path: Path) -> None:
    data = made.file.read_bytes()
    codes = {refused(made, tmp_path, data[:size]) for size in range(0, len(data), 512)}
    assert codes == {"backup.form", "backup.damaged"}
    ends = [len(data) - 1, *_chunk_ends(data)[:-1]]
    assert {refused(made, tmp_path, data[:size]) for size in ends} == {"backup.damaged"}
    assert refused(made, tmp_path, data + b"\0") == "backup.damaged"
    assert refused(made, tmp_path, data + data) == "backup.damaged"


def _chunk_ends(data: bytes) -> list[int]:
    ends, at = [], len(backupfile.MAGIC)
    while at < len(data):
        at += 4 + int.from_bytes(data[at : at + 4], "big")
        ends.append(at)
    return ends


def test_chunks_cannot_be_swapped_or_left_out(made: Made, tmp_path: Path) -> None:
    data = made.file.read_bytes()
    ends = _chunk_ends(data)
    assert len(ends) > 5
    parts = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    for at in range(1, len(parts)):
        without = b"".join(part for index, part in enumerate(parts) if index != at)
        assert refused(made, tmp_path, without) == "backup.damaged"
    for at in range(1, len(parts) - 1):
        parts[at], parts[at + 1] = parts[at + 1], parts[at]
        assert refused(made, tmp_path, b"".join(parts)) == "backup.damaged"
        parts[at], parts[at + 1] = parts[at + 1], parts[at]
    assert b"".join(parts) == data


def test_every_changed_bit_is_refused(made: Made, tmp_path: Path) -> None:
    data = made.file.read_bytes()
    edges = [at for end in (0, *_chunk_ends(data)[:-1]) for at in range(end, end + 5)]
    for at in sorted({*range(64), *edges, *range(0, len(data), 331)}):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        assert refused(made, tmp_path, bytes(changed)) in (
            "backup.form", "backup.damaged", "keys.locked",
        )  # fmt: skip


def test_another_key_opens_nothing(made: Made, tmp_path: Path) -> None:
    other = secrets.create_key_file(tmp_path / "other")
    with pytest.raises(LocalError) as caught:
        restore(made.file, tmp_path / "home", nobody, other.path)
    assert caught.value.code == "keys.locked"
    with pytest.raises(LocalError) as caught:
        restore(made.file, tmp_path / "home", nobody, None)
    assert caught.value.code == "restore.key"
    assert list(tmp_path.iterdir()) == [other.path]


def test_a_home_that_is_there_is_never_touched(made: Made, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("home", "link"):
        with pytest.raises(LocalError) as caught:
            back(made, tmp_path / name)
        assert caught.value.code == "restore.home"
    assert list((tmp_path / "home").iterdir()) == []


def test_a_check_keeps_nothing(made: Made, tmp_path: Path) -> None:
    done = back(made, tmp_path / "home", keep=False)
    assert done.audit["ok"] is True
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------- making it


@pytest.fixture
def seat(made: Made, tmp_path: Path) -> pair.Seat:
    """A copy of the home, not running."""
    shutil.copytree(made.seat.home.path, tmp_path / "copy")
    return pair.Seat(home=Home.open(tmp_path / "copy"), keys=made.seat.keys)


def test_a_stopped_station_is_backed_up_under_its_lock(seat: pair.Seat, tmp_path: Path) -> None:
    out = tmp_path / "stopped.bak"
    store = pair.open_store(seat)
    with pytest.raises(ShellError) as caught:
        make_stopped(seat.home, seat.keys, out, root=False)
    assert caught.value.code == "store.locked"
    entries = store.last()
    store.close()
    assert make_stopped(seat.home, seat.keys, out, root=False)["entries"] == entries
    found = last_backup(seat.home)
    assert found is not None
    assert (found.entries, found.file) == (entries, str(out))


def test_the_root_is_in_it_only_when_it_is_asked_for(seat: pair.Seat, tmp_path: Path) -> None:
    out, home = tmp_path / "with-root.bak", tmp_path / "home"
    assert make_stopped(seat.home, seat.keys, out, root=True)["root"] is True
    done = restore(out, home, nobody, seat.home.path / "key")
    assert done.root
    assert (home / "root.tlk").read_bytes() == seat.home.root_file.read_bytes()
    seat.home.root_file.unlink()
    with pytest.raises(LocalError) as caught:
        make_stopped(seat.home, seat.keys, tmp_path / "again.bak", root=True)
    assert caught.value.code == "backup.root"


def test_what_a_station_does_not_need_is_left_out_and_named(
    seat: pair.Seat, tmp_path: Path
) -> None:
    for name in ("notes.txt", "cards/photo.png", "machine.mark", "store.db.old"):
        (seat.home.path / name).write_bytes(b"something else")
    told = make_stopped(seat.home, seat.keys, tmp_path / "some.bak", root=False)
    assert told["left_out"] == ["cards/photo.png", "notes.txt"]
    home = tmp_path / "home"
    restore(tmp_path / "some.bak", home, nobody, seat.home.path / "key")
    assert not any((home / name).exists() for name in ("notes.txt", "machine.mark"))


def test_the_desks_own_file_comes_back_without_its_sessions(
    seat: pair.Seat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backupfile, "DESK_PIECE", 8_192)  # so that it comes in several pieces
    (seat.home.path / "alarm.toml").write_text("")
    vault = Vault(seat.home.path / "desk.db", seat.keys.desk_key)
    officers = Officers(vault)
    ada = officers.add("Ada", ("administrator",), "correct horse battery", 1)
    Sessions(vault, officers).begin(ada, 1)
    vault.note(1, "Ada", "backup", "done", CANARY * 200)
    told = make_stopped(seat.home, seat.keys, tmp_path / "desk.bak", root=False)  # it runs on
    vault.note(2, "Ada", "later", "done")
    vault.close()
    assert (told["desk"], told["left_out"]) == ("in", [])
    assert CANARY.encode() not in (tmp_path / "desk.bak").read_bytes()
    assert not list(tmp_path.glob(".*"))
    home = tmp_path / "home"
    assert restore(tmp_path / "desk.bak", home, nobody, seat.home.path / "key").desk
    assert (home / "alarm.toml").exists()
    assert (home / "desk.db").stat().st_mode & 0o777 == 0o600
    again = Vault(home / "desk.db", seat.keys.desk_key)
    assert [each.name for each in Officers(again).all()] == ["Ada"]
    assert [row[0] for row in again.rows("SELECT act FROM audit")] == ["backup"]
    assert again.rows("SELECT * FROM session") == []
    again.close()
    # One that does not open with this station's key costs no backup, and is told of.
    (seat.home.path / "desk.db").write_bytes(b"x" * 8_192)
    told = make_stopped(seat.home, seat.keys, tmp_path / "without.bak", root=False)
    assert told["desk"] == "it is damaged, or another station's"
    assert not restore(
        tmp_path / "without.bak", tmp_path / "2", nobody, seat.home.path / "key"
    ).desk


def test_a_damaged_store_is_not_backed_up(seat: pair.Seat, tmp_path: Path) -> None:
    data = bytearray(seat.home.store_file.read_bytes())
    data[len(data) // 2] ^= 1
    seat.home.store_file.write_bytes(data)
    with pytest.raises(ShellError) as caught:
        make_stopped(seat.home, seat.keys, tmp_path / "bad.bak", root=False)
    assert caught.value.code == "backup.store"
    assert not (tmp_path / "bad.bak").exists()


@pytest.mark.parametrize("place", ["copy/inside.bak", "copy/cards/inside.bak", "nowhere/x.bak"])
def test_a_bad_place_is_refused(seat: pair.Seat, tmp_path: Path, place: str) -> None:
    with pytest.raises(LocalError) as caught:
        make_stopped(seat.home, seat.keys, tmp_path / place, root=False)
    assert caught.value.code == "backup.place"


def test_a_file_that_is_there_is_never_written_over(seat: pair.Seat, tmp_path: Path) -> None:
    out = tmp_path / "there.bak"
    out.write_bytes(b"yesterday's")
    with pytest.raises(LocalError) as caught:
        make_stopped(seat.home, seat.keys, out, root=False)
    assert caught.value.code == "file.exists"
    assert out.read_bytes() == b"yesterday's"


def test_a_file_that_comes_up_meanwhile_is_not_written_over_either(
    seat: pair.Seat, tmp_path: Path
) -> None:
    store = pair.open_store(seat)
    out = tmp_path / "there.bak"
    made = backup.Backup(seat.home, seat.keys, store, out, root=False)
    with pytest.raises(LocalError) as caught:
        run(made, lambda: out.write_bytes(b"somebody's"))
    store.close()
    assert caught.value.code == "file.exists"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "there.bak"]
    assert out.read_bytes() == b"somebody's"


# --------------------------------------------------------------------------------- a full disk


def test_too_little_room_is_seen_beforehand(
    seat: pair.Seat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = disk.Room(free=backup.MARGIN_BYTES, total=1 << 40, reserve=0, level="low")
    monkeypatch.setattr(disk, "room", lambda *_, **__: full)
    with pytest.raises(ShellError) as caught:
        make_stopped(seat.home, seat.keys, tmp_path / "a.bak", root=False)
    assert caught.value.code == "backup.room"
    assert caught.value.transient


async def _when_full(seat: pair.Seat, out: Path) -> None:
    running = pair.Running(seat, pair.open_store(seat))
    running.host._keeper = Keeper(seat.home, seat.keys)
    before = running.store.last()
    with file_size_limit(out.parent.stat().st_size + 9_000), pytest.raises(ShellError) as caught:
        await running.host.backup(out, root=False)
    assert caught.value.code == "backup.write"
    assert caught.value.transient
    assert running.failed == []
    await running.say("the station goes on")
    assert running.store.last() > before
    assert (await running.host.backup(out, root=False))["noted"] is True
    running.host.close()
    running.store.close()


def test_a_disk_that_gets_full_meanwhile_costs_the_station_nothing(
    seat: pair.Seat, tmp_path: Path
) -> None:
    out = tmp_path / "there" / "full.bak"
    out.parent.mkdir()
    asyncio.run(_when_full(seat, out))
    assert [path.name for path in out.parent.iterdir()] == ["full.bak"]
    restore(out, tmp_path / "home", nobody, seat.home.path / "key")


def run(made: backup.Backup, before_each: Callable[[], object] = lambda: None) -> None:
    """All steps of a backup; whatever happens, it leaves what it must leave."""
    try:
        for step in made.steps():
            before_each()
            step()
    finally:
        made.abandon()


def failing(name: str, at: int, code: int) -> Callable[..., object]:
    """A system call that fails once."""
    real, calls = getattr(os, name), iter(range(1_000_000))

    def call(*args: object, **more: object) -> object:
        if next(calls) == at:
            raise OSError(code, os.strerror(code))
        return real(*args, **more)

    return call


def places() -> Iterator[tuple[str, int, int]]:
    for name, calls in (("pwrite", 5), ("fsync", 2), ("link", 1)):
        for at in range(calls):
            for code in (errno.EIO, errno.ENOSPC):
                yield name, at, code


@pytest.mark.parametrize(("name", "at", "code"), list(places()))
def test_every_failed_call_leaves_no_backup_and_no_half_file(
    seat: pair.Seat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, at: int, code: int
) -> None:
    store = pair.open_store(seat)
    out = tmp_path / "there" / "failed.bak"
    out.parent.mkdir()
    noted = last_backup(seat.home)
    made = backup.Backup(seat.home, seat.keys, store, out, root=False)
    monkeypatch.setattr(os, name, failing(name, at, code))
    with pytest.raises(ShellError) as caught:
        run(made)
    store.close()
    assert caught.value.code == "backup.write"
    assert list(out.parent.iterdir()) == []
    assert last_backup(seat.home) == noted
    assert offline.audit_home(seat.home, seat.keys)["ok"] is True


async def _cancelled(seat: pair.Seat, out: Path) -> None:
    running = pair.Running(seat, pair.open_store(seat))
    running.host._keeper = Keeper(seat.home, seat.keys)
    job = asyncio.ensure_future(running.host.backup(out, root=False))
    for _ in range(1_000_000):
        if any(out.parent.iterdir()):
            break
        await asyncio.sleep(0)
    assert not job.done()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    running.host.close()
    running.store.close()


def test_a_caller_who_goes_away_leaves_no_half_file(seat: pair.Seat, tmp_path: Path) -> None:
    out = tmp_path / "there" / "left.bak"
    out.parent.mkdir()
    asyncio.run(_cancelled(seat, out))
    assert list(out.parent.iterdir()) == []
