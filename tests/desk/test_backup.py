"""``tieline backup`` and ``tieline restore`` at real stations, while traffic flows."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from tests.desk import desks
from tests.desk.desks import Desk, environment, one_object

from tieline.node.client import Client
from tieline.node.view import Json

CANARY = "meet at the canary bridge"
AT_LEAST = 25


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Desk]]:
    yield from desks.pair(tmp_path_factory.mktemp("backup"), real=False)


class Talk:
    """An officer who talks until told to stop, over a connection of his own."""

    def __init__(self, desk: Desk) -> None:
        self.said = 0
        self._desk = desk
        self._enough = threading.Event()
        self._some = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def more(self) -> None:
        """Wait until something more was said."""
        self._some.acquire()

    def _run(self) -> None:
        client = Client(self._desk.socket)
        while not self._enough.is_set() or self.said < AT_LEAST:
            client.call("send", text=f"{CANARY} {self.said}", officer="Watch", lang="en")
            self.said += 1
            self._some.release()
        client.close()


def tieline(desk: Desk, *args: str) -> subprocess.CompletedProcess[str]:
    """A command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tieline", *args],
        env=environment(desk.home, desk.passphrase),
        cwd=desk.folder,
        capture_output=True,
        encoding="utf-8",
        timeout=200,
        check=False,
    )


def test_backups_amid_traffic_restore_and_verify(both: tuple[Desk, Desk], tmp_path: Path) -> None:
    alpha, bravo = both
    files = [tmp_path / f"{count}.bak" for count in range(3)]
    told: dict[str, Json] = {}
    with Talk(alpha) as ours, Talk(bravo) as theirs:
        for out in files:
            ours.more()
            theirs.more()
            done = tieline(alpha, "backup", "--out", str(out), "--json")
            assert done.returncode == 0, done
            told = one_object(done.stdout)
            assert told["root"] is False
            assert told["noted"] is True
            assert CANARY.encode() not in out.read_bytes()
    assert ours.said >= AT_LEAST
    status = one_object(alpha.ok("status", "--json"))
    assert status["backup"] == {name: told[name] for name in ("made_ms", "entries", "file")}
    assert "backup of " in alpha.ok("status")
    assert f"{files[-1]}, less than a day old" in alpha.ok("doctor")
    before = 0
    for count in range(3):
        home = tmp_path / f"home-{count}"
        args = ("restore", str(tmp_path / f"{count}.bak"), "--home", str(home))
        done = tieline(alpha, *args, "--json")
        assert done.returncode == 0, done
        entries = one_object(done.stdout)["entries"]
        assert isinstance(entries, int)
        assert entries > before
        before = entries
        said = tieline(alpha, "verify", "--home", str(home))
        assert said.returncode == 0, said
        assert "verified: " in said.stdout
        again = tieline(alpha, *args)
        assert again.returncode == 1
        assert "exists, and a backup is never unpacked over anything" in again.stderr
        assert not (home / "root.tlk").exists()
    assert "verified: " in alpha.ok("verify")


def test_a_torn_or_changed_file_ends_with_4(both: tuple[Desk, Desk], tmp_path: Path) -> None:
    _, bravo = both
    out = tmp_path / "b.bak"
    bravo.ok("backup", "--out", str(out))
    key = ("--key-file", str(bravo.home / "key"), "--home", str(tmp_path / "home"))
    assert "it can be restored" in bravo.ok("restore", str(out), "--check", *key)
    data = out.read_bytes()
    for name, bad in (("torn", data[:-9]), ("changed", data[:-9] + b"x" + data[-8:])):
        file = tmp_path / name
        file.write_bytes(bad)
        said = bravo.run("restore", str(file), *key, "--json")
        assert said.code == 4
        assert one_object(said.out)["error"] == {
            "code": "backup.damaged",
            "message": "the backup is damaged: it was cut short or changed, or does not belong to"
            " these keys; nothing of it was kept, take another copy of it",
        }
    assert not (tmp_path / "home").exists()
    assert bravo.run("restore", str(tmp_path / "none"), *key).code == 1
    card = bravo.run("restore", str(bravo.home / "card.tlcard"), *key)
    assert card.code == 1
    assert "is no backup of a station" in card.err


def test_a_passphrase_is_needed_and_the_right_one(both: tuple[Desk, Desk], tmp_path: Path) -> None:
    alpha, _ = both
    out, home = tmp_path / "a.bak", tmp_path / "home"
    alpha.ok("backup", "--out", str(out), "--with-root")
    other = Desk(home, passphrase="not the passphrase")
    other.real = False
    said = other.run("restore", str(out), "--home", str(home))
    assert said.code == 1
    assert "the passphrase or key file is wrong" in said.err
    assert not home.exists()
    told = alpha.ok("restore", str(out), "--home", str(home))
    assert "WARNING: the party's root key is on this machine now" in told
    assert (home / "root.tlk").exists()


def test_a_stopped_station_is_backed_up_too(both: tuple[Desk, Desk], tmp_path: Path) -> None:
    alpha, _ = both
    alpha.kill()
    try:
        told = json.loads(alpha.ok("backup", "--out", str(tmp_path / "a.bak"), "--json"))
        journal = json.loads(alpha.ok("verify", "--json"))["journal"]
        assert told["entries"] == journal
        assert alpha.run("backup", "--out", "here.bak").code == 0  # a path from where one stands
        assert (alpha.folder / "here.bak").exists()
        assert (alpha.folder / "here.bak").stat().st_mode & 0o777 == 0o600
    finally:
        alpha.serve()
