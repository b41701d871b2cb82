"""P7: acts with files on a volume without room: import, export, backup, restore, a new format.

An act either does all of it, or says in words that there is no room and leaves nothing that looks
whole. What was there before is there afterwards, and with room the same act ends well.
"""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.faults.acthomes import (
    HOLDS,
    Ended,
    Started,
    command,
    copy,
    key_of,
    made,
    served,
    statements,
)
from tests.faults.disks import fill, fill_names, volume
from tests.faults.oldstore import entries, older
from tests.faults.rows import need, scratch

ACTS: Final = ("import", "export", "backup", "restore", "format")
# What is left of the volume (bytes), or what else stands in the way.
WAYS: Final = (65_536, "limit", 0, "names", 4_096, 300_000)
CASES: Final = len(ACTS) * len(WAYS)
LIMIT: Final = 100_000  # of a file's size (bytes), as a quota sets it
BACK_S: Final = 10.0
WORDS_FOR_IT: Final = (
    "full",
    "room",
    "No space left",
    "no space left",
    "too large",
    "limits on the size",
)


@contextmanager
def _crowded(folder: Path, way: int | str) -> Iterator[Callable[[], None]]:
    """The volume has no room; the function gives it back."""
    if way == "names":
        fill_names(folder)
        yield lambda: shutil.rmtree(folder / "names")
    elif isinstance(way, int):
        filler = fill(folder, way)
        yield filler.unlink
    else:
        yield lambda: None


def _limit() -> None:
    """No file of this process may get larger."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))


def _bounded(way: int | str) -> Callable[[], None]:
    return _limit if way == "limit" else lambda: None


def _told(what: str, done: Ended) -> bool:
    """Whether it was done; else it must have been refused for want of room."""
    if done.code == 0:
        return True
    fit = any(words in done.said for words in WORDS_FOR_IT)
    need(fit, f"{what} ends with {done.code} and says: {done.said[-300:]}")
    return False


def _names(folder: Path) -> set[str]:
    mine = {"lost+found", "filler", "names"}
    return {each.name for each in folder.iterdir()} - mine


def full_act(seed: int) -> None:
    """One act, with one thing in its way."""
    act, way = ACTS[seed % len(ACTS)], WAYS[seed // len(ACTS) % len(WAYS)]
    made()
    with volume(8, "-N", "96") as folder:
        {"import": _import, "export": _export, "backup": _backup, "restore": _restore,
         "format": _format}[act](folder, way)  # fmt: skip


def _audited(home: Path, count: int) -> None:
    done = command(home.parent, "verify", "--home", str(home))
    need(done.code == 0 and f"verified: {count} statements" in done.said, done.said[-300:])


def _soft(station: Started, size: int) -> None:
    resource.prlimit(station.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _import(folder: Path, way: int | str) -> None:
    home, stick = copy("BRAVO", folder), str(made() / "words.tlb")
    with served(home) as station:
        need(not station.over(), station.said())
        (home / "store.db.reserve").unlink()
        with _crowded(folder, way) as give_back:
            if way == "limit":
                _soft(station, LIMIT)
            done = _told("import", command(folder, "import", stick, "--home", str(home)))
            need(done is (statements(home) >= HOLDS), "what it said of the bundle is not so")
            give_back()
            _soft(station, resource.RLIM_INFINITY)
        until = time.monotonic() + BACK_S
        while (again := command(folder, "import", stick, "--home", str(home))).code:
            _told("import", again)
            need(time.monotonic() < until, f"there is room, and after {BACK_S} s: {again.said}")
        need(statements(home) >= HOLDS, f"{statements(home)} of {HOLDS} statements are there")
        need(not station.over(), station.said())


def _export(folder: Path, way: int | str) -> None:
    home = copy("ALPHA", folder)
    out = ("export", "words.tlb", "--to", "BRAVO", "--home", str(home))
    with served(home) as station:
        need(not station.over(), station.said())
        with _crowded(folder, way) as give_back:
            done = command(folder, *out, before=_bounded(way))
            if not _told("export", done):
                need(_names(folder) == {"ALPHA"}, f"it leaves {_names(folder)}")
            give_back()
        if not (folder / "words.tlb").exists():
            done = command(folder, *out)
        need(done.code == 0, done.said)
    read = command(folder, "verify", "words.tlb", "--home", str(made() / "BRAVO"))
    need(f"a bundle of {HOLDS} statements" in read.said, read.said[-300:])


def _backup(folder: Path, way: int | str) -> None:
    with scratch() as where:
        home = copy("ALPHA", Path(where))
        out = ("backup", "--out", "b.bak", "--home", str(home))
        with _crowded(folder, way) as give_back:
            done = command(folder, *out, before=_bounded(way))
            if not _told("backup", done):
                need(not _names(folder), f"it leaves {_names(folder)}")
            give_back()
        if not (folder / "b.bak").exists():
            done = command(folder, *out)
        need(done.code == 0, done.said)
        _audited(home, HOLDS)
        opened = ("restore", str(folder / "b.bak"), "--check", "--key-file", str(home / "key"))
        checked = command(folder, *opened, "--home", str(Path(where) / "NEW"))
        need(checked.code == 0, checked.said[-300:])


def _restore(folder: Path, way: int | str) -> None:
    words = ("restore", str(made() / "a.bak"), "--key-file", str(made() / "ALPHA" / "key"))
    with _crowded(folder, way) as give_back:
        done = command(folder, *words, "--home", "NEW", before=_bounded(way))
        if not _told("restore", done):
            need(not _names(folder), f"it leaves {_names(folder)}")
        give_back()
    if not (folder / "NEW").exists():
        done = command(folder, *words, "--home", "NEW")
    need(done.code == 0, done.said)
    _audited(folder / "NEW", HOLDS)


def _format(folder: Path, way: int | str) -> None:
    home = copy("ALPHA", folder)
    store, key = home / "store.db", key_of(home)
    (home / "store.db.reserve").unlink()
    before = older(store, key)
    with _crowded(folder, way) as give_back:
        with served(home, before=_bounded(way)) as station:
            refused = station.over()
            if refused:
                _told("the start", station.ended())
        give_back()
        if refused:
            need(entries(store, key) == before, "the store of before is not as it was")
    with served(home) as station:
        need(not station.over(), station.said())
        need(statements(home) >= HOLDS, "statements are gone")
    need(entries(store, key)[: len(before) - 1] == before[:-1], "entries are other ones")
    _audited(home, HOLDS)
