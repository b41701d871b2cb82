"""Yesterday's store, a moved home and a home that runs twice: real processes and real files.

``places`` is an independent reader: it takes every statement from a store's journal, reads it with
another CBOR library, and says which digests stand under which number of which log.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import cbor2
import pytest
from tests.desk import desks
from tests.desk.desks import Desk

from tieline.core.errors import ShellError, StoreFailed
from tieline.core.journal import FactKind
from tieline.core.life import Mark
from tieline.desk.cli.common import unlock_for
from tieline.node import machine
from tieline.node.client import Client
from tieline.node.config import Home, read_config
from tieline.node.secrets import unlock
from tieline.node.view import Json
from tieline.ports import Steps
from tieline.store.sqlite import SqliteStore

Pair = tuple[Desk, Desk]
Places = dict[tuple[bytes, bytes, int], set[bytes]]
OWN_ALARMS = {"record.two_stories", "station.two_lives", "station.other_life"}


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Pair]:
    yield from desks.pair(tmp_path, real=False)


def home_at(desk: Desk) -> Home:
    return Home(desk.home, read_config(desk.home / "config.toml"))


def places(desk: Desk) -> Places:
    """What stands under each number of each log in the store of a station that is not running."""
    home = home_at(desk)
    unlock_with = unlock_for(home, home.keys_file, "the station's keys")
    keys = unlock(home.keys_file, unlock_with)
    store = SqliteStore.open(home.store_file, keys.db_key, read_only=True)
    out: Places = {}
    try:
        for _, fact in store.facts():
            if fact.kind in (FactKind.STATEMENT, FactKind.SECOND_STORY):
                payload = cbor2.loads(cbor2.loads(fact.body)[2])
                digest = hashlib.sha256(b"\0" + fact.body).digest()
                out.setdefault((payload[2], payload[3], payload[4]), set()).add(digest)
    finally:
        store.close()
    return out


def check_one_story(*held: Places) -> None:
    """No number of any log bears two statements, in whatever stores."""
    whole: Places = {}
    for each in held:
        for place, digests in each.items():
            whole.setdefault(place, set()).update(digests)
    assert whole
    assert [place for place, digests in whole.items() if len(digests) > 1] == []


def texts(desk: Desk) -> list[Json]:
    items = desk.call("log", limit=500)["items"]
    assert isinstance(items, list)
    return [item.get("text") for item in items if isinstance(item, dict)]


def life(desk: Desk) -> dict[str, Json]:
    lines = desk.call("status")["lines"]
    assert isinstance(lines, list)
    assert isinstance(lines[0], dict)
    found = lines[0]["life"]
    assert isinstance(found, dict)
    return found


def alarms(desk: Desk) -> list[dict[str, Json]]:
    """Every alarm that the officer was ever told."""
    out: list[dict[str, Json]] = []
    with contextlib.closing(Client(desk.socket)) as client:
        for event in client.watch(0):
            if event.get("type") == "live":
                break
            if event.get("type") == "alarm":
                out.append(event)
    return out


def store_files(home: Path) -> list[Path]:
    return [path for path in home.iterdir() if path.name.startswith("store.db")]


def confirmed(desk: Desk, peer: Desk, text: str) -> None:
    """What a peer says after the start of a station comes after how far it holds its log."""
    peer.ok("send", text)
    desk.said(text)


def yesterday(desk: Desk, peer: Desk, folder: Path) -> Path:
    """A copy of the whole home as it is, of a station that was stopped for it and started again."""
    desk.kill(signal.SIGTERM)
    shutil.copytree(desk.home, folder, ignore=shutil.ignore_patterns("run"))
    desk.serve()
    confirmed(desk, peer, "good evening")
    return folder


def put_back(desk: Desk, backup: Path) -> None:
    """Yesterday's store in the place of today's, whose station was killed."""
    desk.kill()
    for path in store_files(desk.home):
        path.unlink()
    for path in store_files(backup):
        shutil.copy2(path, desk.home / path.name)


def both_hold(one: Desk, other: Desk, text: str) -> None:
    for desk in (one, other):
        desk.said(text)


def test_yesterdays_store_with_a_peer_in_reach(line: Pair, tmp_path: Path) -> None:
    alpha, bravo = line
    bravo.ok("send", "kept")
    alpha.said("kept")
    backup = yesterday(bravo, alpha, tmp_path / "yesterday")
    for text in ("lost one", "lost two"):
        bravo.ok("send", text)
    alpha.said("lost two")
    put_back(bravo, backup)
    lost = places(bravo)
    bravo.serve()
    bravo.said("lost two")  # it comes back, before anybody has said anything
    assert life(bravo)["standing"] == "closed"
    assert "our log is closed (restored)" in bravo.ok("status")
    assert "may not be gone on with (it is closed: restored)" in bravo.run("doctor").out
    bravo.ok("send", "today")
    both_hold(alpha, bravo, "today")
    assert texts(bravo) == texts(alpha)
    assert life(bravo)["cause"] == "restored"
    told = next(alarm for alarm in alarms(bravo) if alarm["code"] == "station.new_life")
    assert "put back from a backup" in str(told["text"])
    assert "opened for: restored" in bravo.ok("status")
    assert "BRAVO/ops: 2 logs" in alpha.ok("status")
    for desk in (alpha, bravo):
        assert not {str(alarm["code"]) for alarm in alarms(desk)} & OWN_ALARMS
        desk.kill(signal.SIGTERM)
    check_one_story(lost, places_of(alpha), places(bravo))
    bravo.serve()
    alpha.serve()
    confirmed(bravo, alpha, "good morning")
    bravo.ok("send", "tomorrow")
    alpha.said("tomorrow")
    assert life(bravo)["cause"] == "restored"  # the same log: a start of its own opens no other


def places_of(desk: Desk) -> Places:
    """``places`` of a home with a passphrase, which is asked for in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIELINE_PASSPHRASE", desks.PASSPHRASE)
        return places(desk)


def test_yesterdays_store_with_nobody_in_reach(line: Pair, tmp_path: Path) -> None:
    alpha, bravo = line
    backup = yesterday(bravo, alpha, tmp_path / "yesterday")
    bravo.ok("send", "lost")
    alpha.said("lost")
    alpha.kill(signal.SIGTERM)
    put_back(bravo, backup)
    bravo.serve()
    assert "released as statement" in bravo.ok("send", "alone")  # at once
    assert life(bravo)["cause"] == "restored"
    assert "lost" not in texts(bravo)
    alone = texts(bravo)
    alpha.serve()
    both_hold(alpha, bravo, "alone")
    bravo.said("lost")
    assert set(map(str, alone)) <= set(map(str, texts(bravo)))
    assert texts(alpha) == texts(bravo)
    for desk in (alpha, bravo):
        assert not {str(alarm["code"]) for alarm in alarms(desk)} & OWN_ALARMS
        desk.kill(signal.SIGTERM)
    check_one_story(places_of(alpha), places(bravo))


def test_a_home_on_another_machine(line: Pair, tmp_path: Path) -> None:
    """Yesterday's store, keys and settings, and nothing that belongs to the machine."""
    alpha, bravo = line
    backup = yesterday(bravo, alpha, tmp_path / "yesterday")
    bravo.ok("send", "lost")
    alpha.said("lost")
    bravo.kill()
    shutil.rmtree(bravo.home)
    shutil.copytree(backup, bravo.home, ignore=shutil.ignore_patterns("machine.*", "run"))
    bravo.serve()
    bravo.said("lost")
    assert life(bravo) | {"standing": "closed", "closed_for": "another machine"} == life(bravo)
    bravo.ok("send", "moved")
    both_hold(alpha, bravo, "moved")
    assert life(bravo)["cause"] == "another machine"
    assert (bravo.home / "machine.id").stat().st_mode & 0o777 == 0o600
    for desk in (alpha, bravo):
        assert not {str(alarm["code"]) for alarm in alarms(desk)} & OWN_ALARMS
        desk.kill(signal.SIGTERM)
    check_one_story(places_of(alpha), places(bravo))


def found_out(desk: Desk) -> bool:
    return any(alarm["code"] == "station.two_lives" for alarm in alarms(desk))


# Two logs that have each read the other are the proof. Who sees another life for the first time may
# close its log for a fresh one, which nobody has read yet: that takes a round. In the next both
# write, and each has read what the other wrote. The rest is room for words that crossed.
ROUNDS = 4


@pytest.mark.timeout(600)  # two stations with one certificate put each other out of the line
def test_a_home_that_runs_on_two_machines_is_found_by_everybody(line: Pair, tmp_path: Path) -> None:
    """``cp -r`` of everything, the machine's own files too, and both run."""
    alpha, bravo = line
    bravo.ok("send", "one machine")
    alpha.said("one machine")
    bravo.kill(signal.SIGTERM)
    twin = Desk(tmp_path / "twin")
    shutil.copytree(bravo.home, twin.home, ignore=shutil.ignore_patterns("run"))
    config = (twin.home / "config.toml").read_text(encoding="utf-8")
    mine = home_at(bravo).config.listen[0]
    other = f"127.0.0.1:{desks.free_port()}"
    assert mine in config
    (twin.home / "config.toml").write_text(config.replace(mine, other), encoding="utf-8")
    twin.real = False
    try:
        twin.serve()
        bravo.serve()
        rounds = 0
        while not all(found_out(desk) for desk in (alpha, bravo, twin)):
            rounds += 1
            assert rounds <= ROUNDS
            twin.ok("send", f"from the twin, {rounds}")
            bravo.ok("send", f"from the first, {rounds}")
            both_hold(alpha, twin, f"from the first, {rounds}")
            both_hold(alpha, bravo, f"from the twin, {rounds}")
        assert "TWO MACHINES WRITE WITH ITS KEYS" in alpha.ok("status")
        assert "two machines write with the keys of BRAVO/ops" in alpha.run("doctor").out
        own = {str(alarm["code"]) for desk in (bravo, twin) for alarm in alarms(desk)}
        assert "station.other_life" in own
        assert "record.two_stories" not in own
        assert not [a for a in alarms(alpha) if a["code"] == "record.two_stories"]
        for desk in (alpha, bravo, twin):
            desk.kill(signal.SIGTERM)
        check_one_story(places_of(alpha), places(bravo), places(twin))
    finally:
        twin.kill()


# ------------------------------------------------------------------------------------- the mark


def home_of(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_the_tag_is_of_the_secret_its_file_and_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_of(tmp_path / "home")
    first = machine.HomeMachine.open(home)
    first.close()
    again = machine.HomeMachine.open(home)
    again.close()
    assert again.tag == first.tag
    assert again.entropy() != again.entropy()
    copied = tmp_path / "copied"
    shutil.copytree(home, copied)
    other = machine.HomeMachine.open(copied)
    other.close()
    assert other.tag != first.tag
    system = tmp_path / "machine-id"
    system.write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(machine, "SYSTEM_ID", system)
    assert machine.machine_tag(home) != first.tag


def test_a_home_that_was_deleted_and_copied_back_is_another_machine(tmp_path: Path) -> None:
    """Its files may have the numbers of the deleted ones: ext4 gives a free number out at once."""
    home = home_of(tmp_path / "home")
    machine.HomeMachine.open(home).close()
    tags = {machine.machine_tag(home)}
    shutil.copytree(home, tmp_path / "backup")
    for _ in range(4):
        shutil.rmtree(home)
        shutil.copytree(tmp_path / "backup", home)
        tags.add(machine.machine_tag(home))
    assert len(tags) == 5


def test_the_mark_comes_back_as_it_was_and_does_not_read_when_it_is_not_whole(
    tmp_path: Path,
) -> None:
    home = home_of(tmp_path / "home")
    mark = Mark(b"l" * 8, 7, b"d" * 32)
    whole = {b"a" * 16: mark, b"b" * 16: Mark(b"m" * 8, 2**48, b"e" * 32)}
    kept = machine.HomeMachine.open(home)
    assert kept.marks() is None
    kept.remember(whole)
    kept.remember({b"a" * 16: mark})
    kept.close()
    path = home / machine.MARK_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    good = path.read_bytes()
    for at in range(len(good)):
        for bad in (good[:at], good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :]):
            path.write_bytes(bad)
            with contextlib.closing(machine.HomeMachine.open(home)) as opened:
                assert opened.marks() is None
    path.write_bytes(good)
    with contextlib.closing(machine.HomeMachine.open(home)) as opened:
        assert opened.marks() == {b"a" * 16: mark}


def test_a_mark_that_cannot_be_written_vouches_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_of(tmp_path / "home")
    mark = Mark(b"l" * 8, 7, b"d" * 32)
    kept = machine.HomeMachine.open(home)
    kept.remember({b"a" * 16: mark})

    def full(_descriptor: int, _data: bytes, _at: int) -> int:
        raise OSError(28, "No space left on device")

    steps = Steps(b"a run", ((1, 2),))
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        kept.remember({b"a" * 16: Mark(b"l" * 8, 8, b"e" * 32)})
        assert not kept.remember_steps(steps)
        patch.setattr(os, "pwrite", lambda _descriptor, data, _at: len(data) - 1)
        assert not kept.remember_steps(steps)
    kept.close()
    with contextlib.closing(machine.HomeMachine.open(home)) as opened:
        assert opened.marks() is None


def test_how_the_clocks_stood_comes_back_as_it_was(tmp_path: Path) -> None:
    home = home_of(tmp_path / "home")
    steps = Steps(b"a run", ((1, 1_668_523_200_000), (7, -5), (2**40, 2**50)))
    with contextlib.closing(machine.HomeMachine.open(home)) as opened:
        assert opened.steps() is None
        assert opened.remember_steps(steps)
    path = home / machine.CLOCK_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    with contextlib.closing(machine.HomeMachine.open(home)) as opened:
        assert opened.steps() == steps
    path.write_bytes(path.read_bytes()[:-1])
    with contextlib.closing(machine.HomeMachine.open(home)) as opened:
        assert opened.steps() is None


def test_a_mark_that_cannot_be_left_on_the_disk_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = machine.HomeMachine.open(home_of(tmp_path / "home"))

    def fails(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(ShellError) as told:
        kept.close()
    assert told.value.code == "machine.mark"


def test_a_mark_that_can_be_neither_written_nor_emptied_stops_the_station(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = machine.HomeMachine.open(home_of(tmp_path / "home"))

    def fails(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pwrite", fails)
    monkeypatch.setattr(os, "ftruncate", fails)
    with pytest.raises(StoreFailed):
        kept.remember({b"a" * 16: Mark(b"l" * 8, 7, b"d" * 32)})
