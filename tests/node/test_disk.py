"""Real station processes on disks that fail: the kernel's answers are changed under them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests import ports
from tests.node import pair

from tieline.core.charter import dearmor_charter
from tieline.core.journal import FactKind
from tieline.node import offline
from tieline.node.client import ApiDown, ApiRefused, Client
from tieline.node.config import Home
from tieline.store import wal

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None,
    reason="strace is missing, so no system call can be made to fail; install the package strace",
)
GOOD_SYNCS = 12  # as many succeed, then all fail
SENDS = 200
WAIT_S = 100


@pytest.fixture
def seat(tmp_path: Path) -> pair.Seat:
    """ALPHA's home, with its line."""
    one, two = ports.free(2)
    seats, charter = pair.make_homes(tmp_path, (one, two))
    offline.install(seats[0].home, seats[0].keys, dearmor_charter(charter))
    return seats[0]


@contextmanager
def failing(seat: pair.Seat, inject: str, calls: str) -> Iterator[subprocess.Popen[str]]:
    """A station whose system calls fail as told."""
    strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", str(seat.home.path / "trace")]
    command = [sys.executable, "-m", "tieline", "serve", "--home", str(seat.home.path)]
    process = subprocess.Popen(
        [*strace, "-e", f"trace={calls}", "-e", f"inject={inject}", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ready(process: subprocess.Popen[str]) -> bool:
    assert process.stdout is not None
    line = process.stdout.readline()
    return "listens on" in line


def send(home: Home, number: int) -> str:
    """One act over a connection of its own."""
    with contextlib.closing(Client(home.socket)) as client:
        answer = client.call(
            "send", text=f"number {number}", officer="A. Okafor", precedence="PRIORITY"
        )
    return str(answer["item"])


def test_a_failed_sync_stops_the_station_with_its_cause(seat: pair.Seat) -> None:
    acknowledged: list[str] = []
    after_failure: list[str] = []
    failed = False
    inject = f"fdatasync:error=EIO:when={GOOD_SYNCS}+"
    with failing(seat, inject, "fdatasync") as process:
        assert ready(process)
        for number in range(SENDS):
            try:
                item = send(seat.home, number)
            except (ApiRefused, ApiDown, OSError):
                failed = True
                if process.poll() is not None:
                    break
            else:
                (after_failure if failed else acknowledged).append(item)
        _, said = process.communicate(timeout=WAIT_S)
        assert process.returncode == 1
    assert failed
    assert after_failure == []
    assert acknowledged
    assert "store.db failed" in said
    assert "the station stops" in said
    assert "Traceback" not in said
    store = pair.open_store(seat)
    kept = [fact for _, fact in store.facts() if fact.kind == FactKind.STATEMENT]
    store.close()
    # The opening statement, then every one that was acknowledged; the failed one may be there too.
    assert len(kept) >= 1 + len(acknowledged)
    assert offline.audit_home(seat.home, seat.keys)["ok"] is True


def test_a_station_has_written_its_log_through_before_it_listens(seat: pair.Seat) -> None:
    log = wal.beside(seat.home.store_file, "-wal")
    with failing(seat, "fsync:error=EIO:when=1000", "fsync") as process:
        assert ready(process)
        with log.open("rb") as file:
            assert os.lseek(file.fileno(), 0, os.SEEK_HOLE) == os.fstat(file.fileno()).st_size
        assert log.stat().st_size > 5_000_000
        with contextlib.closing(Client(seat.home.socket)) as client:
            client.call("stop")
        process.communicate(timeout=WAIT_S)


def test_a_folder_that_does_not_sync_keeps_the_station_from_starting(seat: pair.Seat) -> None:
    with failing(seat, "fsync:error=EIO", "fsync") as process:
        out, said = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert out == ""
    assert "cannot be synced (Input/output error); check the disk" in said
    assert "Traceback" not in said


def test_a_full_disk_refuses_and_then_goes_on(seat: pair.Seat) -> None:
    """Writes find no room for a while: acts are refused, reading works, and it ends by itself.

    They are counted for each thread: the probe finds room while the one that commits has not.
    """
    inject = "pwrite64:error=ENOSPC:when=60..63"
    with failing(seat, inject, "pwrite64") as process:
        assert ready(process)
        accepted: list[str] = []
        refused: list[str] = []
        while not refused:
            try:
                accepted.append(send(seat.home, len(accepted)))
            except ApiRefused as error:
                refused.append(error.code)
        assert refused == ["store.full"]
        with contextlib.closing(Client(seat.home.socket)) as client:
            status = client.call("status")
            assert status["disk_full"] is True
            assert "store.full" in json.dumps(status["troubles"])
            for event in client.watch(0):  # every statement is still shown, then the end of it
                if event.get("code") == "store.was_full":
                    break
        before = len(accepted)
        while len(accepted) == before:
            try:
                accepted.append(send(seat.home, len(accepted)))
            except ApiRefused as error:
                assert error.code == "store.full"  # noqa: PT017 - as long as writes fail
        with contextlib.closing(Client(seat.home.socket)) as client:
            assert client.call("audit")["ok"] is True
            client.call("stop")
        process.communicate(timeout=WAIT_S)
    store = pair.open_store(seat)
    kept = [fact for _, fact in store.facts() if fact.kind == FactKind.STATEMENT]
    store.close()
    assert len(kept) == 2 + len(accepted)  # nobody had confirmed the log of the installation
    assert offline.audit_home(seat.home, seat.keys)["ok"] is True
