"""P7: a home that can only be read, by the commands that read a record.

The home of a station that was killed lies on a volume that is mounted read-only, or in folders that
its owner may not write. What its log holds is read, too; where the log is cut or gone the record is
refused, since what is left would look like a whole one.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from tests.faults.acthomes import HOLDS, command, copy, key_of
from tests.faults.disks import volume
from tests.faults.rows import need
from tests.store.samples import end_of_log

from tieline.store.sqlite import SqliteStore

STATES: Final = ("killed", "no index", "log cut", "stopped", "log gone", "no lock")
REFUSED: Final = ("log cut", "log gone")
WAYS: Final = ("a read-only mount, as root", "a read-only mount", "a folder that is closed")
USER: Final = 65_534
CASES: Final = len(STATES) * len(WAYS)


def _prepare(home: Path, state: str) -> None:
    log = home / "store.db-wal"
    need(log.stat().st_size > 0, "the log of a station that was killed is empty")
    if state == "stopped":
        SqliteStore.open(home / "store.db", key_of(home)).close()
        need(not log.exists(), "a store that was closed left a log")
    elif state == "log cut":
        with log.open("r+b") as file:
            file.truncate(end_of_log(home / "store.db") - 4_096 * 3)
    elif state in ("log gone", "no index", "no lock"):
        name = {"log gone": "-wal", "no index": "-shm", "no lock": ".lock"}[state]
        (home / f"store.db{name}").unlink()


def read_only_home(seed: int) -> None:
    """One state of a home, and one way in which nobody may write to it."""
    state, way = STATES[seed % len(STATES)], WAYS[seed // len(STATES) % len(WAYS)]
    with volume(16) as folder, tempfile.TemporaryDirectory(prefix="tieline-out-") as elsewhere:
        out = Path(elsewhere)
        home = copy("ALPHA", folder)
        _prepare(home, state)
        before = {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}
        user = None if way == WAYS[0] else USER
        if user is not None:
            for path in (home, *home.rglob("*"), out):
                shutil.chown(path, user, user)
            for above in (folder, folder.parent):  # anybody may go through, and no more
                above.chmod(0o711)
        if way == WAYS[2]:
            for path in (home, *home.rglob("*")):
                path.chmod(path.stat().st_mode & ~0o222)
            _read(home, out, state, user)
        else:
            subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
            try:
                _read(home, out, state, user)
            finally:
                subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        after = {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}
        need(after == before, "a home that can only be read is not as it was")


def _read(home: Path, out: Path, state: str, user: int | None) -> None:
    at = ("--home", str(home))
    verified = command(out, "verify", *at, user=user)
    listed = command(out, "log", "--limit", "10000", *at, user=user)
    acts = [verified, listed]
    if user is None:  # who may not look into Python's own folders finds no page to write it in
        acts.append(command(out, "evidence", "--out", "e.html", *at))
    served = command(out, "serve", *at, user=user)
    need(served.code == 1, "a station runs on a home that cannot be written")
    if state in REFUSED:
        for done in acts:
            need(done.code in (1, 4), f"a record with its {state} passes for whole")
            need("store.db-wal" in done.said and "in a copy of it" in done.said, done.said[-300:])
        return
    fit = ("read-only", "Read-only", "cannot be written by this user", "Permission denied")
    need(any(words in served.said for words in fit), served.said[-300:])
    for done in acts:
        need(done.code == 0, done.said[-300:])
    need(f"verified: {HOLDS} statements" in verified.said, verified.said[-200:])
    lines = listed.said.count("\n")
    need(lines == HOLDS, f"{lines} of {HOLDS} statements are listed")
    if user is None:
        shown = command(out, "verify", "e.html").said
        need(f"{HOLDS} in the file" in shown, f"the evidence says: {shown[-300:]}")
