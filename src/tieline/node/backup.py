"""Making a backup: one file with the station's keys, papers and the whole journal.

The journal only ever grows and no entry of it changes, so what it holds at one moment is its first
entries up to a number. A backup takes that number and reads on while the station goes on writing:
no lock, no copy of pages, and one state of the record whatever happens meanwhile.

Rules held here:

* The file appears under its name only when all its bytes are on the disk, and never in the place of
  another one. A failure, a full disk too, leaves no half file under the name and costs the station
  nothing: it is refused beforehand when the room would not be enough.
* Never in it: ``machine.id`` and what belongs to this machine alone, and the key file. The root
  only when it was asked for.
* The desk's own file is in it in pieces, as one state of it; where it cannot be read the backup is
  made without it and says so, since the record matters more.
* A station that runs is never held up for more than one small batch; a thread writes and syncs.

What it does not do: read a backup (``tieline.node.restore``).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol

from tieline.core.errors import LocalError, ShellError
from tieline.core.identity import Certificate
from tieline.core.journal import Fact
from tieline.node import backupfile, privatefile
from tieline.node.config import Home
from tieline.node.secrets import StationKeys
from tieline.node.view import Json
from tieline.ports import Store
from tieline.store import deskcopy, disk
from tieline.store.sqlite import SqliteStore

NOTE_FILE: Final = "backup.json"
MARGIN_BYTES: Final = 8 * disk.RESERVE_BYTES  # left free where the station itself writes
_MAX_NOTE: Final = 4_096
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})

# Of a home, and never in a backup: what is of this machine, what is made anew, what opens the keys.
_NEVER: Final = re.compile(
    r"machine\..*|store\.db.*|desk\.db.*|backup\.json|keys\.tlk|root\.tlk|key|\..*"
)


class Keys(Protocol):
    """What a backup needs of the station's keys."""

    @property
    def db_key(self) -> bytes: ...

    @property
    def desk_key(self) -> bytes: ...

    @property
    def certificate(self) -> Certificate: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """The last backup that the station knows of. ``made_ms``: UTC; ``entries``: of the journal."""

    made_ms: int
    entries: int
    file: str

    def view(self) -> dict[str, Json]:
        return dict(asdict(self))


def last_backup(home: Home) -> Last | None:
    """When the last backup was made; None when there was none, or nobody knows."""
    try:
        with (home.path / NOTE_FILE).open("rb") as file:
            value = json.loads(file.read(_MAX_NOTE))
    except (OSError, ValueError):
        return None
    match value:
        case {"made_ms": int(made), "entries": int(entries), "file": str(name)}:
            return Last(made_ms=made, entries=entries, file=name)
    return None


def note(home: Path, last: Last) -> bool:
    """Remember a backup. False when there was no room for it: the backup itself is made."""
    data = json.dumps(last.view()).encode("ascii") + b"\n"
    try:
        privatefile.replace(home / NOTE_FILE, data)
    except ShellError:
        return False
    return True


# ------------------------------------------------------------------------------------ the content


class Backup:
    """One backup under way: ``pieces`` are its bytes, ``done`` says what was made."""

    def __init__(self, home: Home, keys: Keys, store: Store, out: Path, *, root: bool) -> None:
        """Look at everything that can be known beforehand.

        Raises ``LocalError`` (``file.exists``, ``backup.place``, ``backup.root``), ``ShellError``
        (``backup.room``, ``backup.read``).
        """
        self._home, self._out = home, out
        _check_place(home, out)
        self._keys_file = privatefile.read(home.keys_file)
        files, self.left_out = _files(home, root=root)
        own = keys.certificate
        self._manifest = backupfile.Manifest(
            made_ms=time.time_ns() // 1_000_000,
            station=own.station,
            party=own.party,
            name=own.station_name,
            realm=own.realm,
            entries=store.last(),
        )
        _check_room(home, out)
        self.root = root
        self._target = _Target(out)
        self._desk = _Desk(home.path / backupfile.DESK, keys.desk_key, out)
        self._bytes = 0
        self._pieces = backupfile.write(
            self._keys_file, os.urandom(backupfile.SALT_BYTES), keys.db_key, self._manifest,
            self._with_desk(files), _first(store, self._manifest.entries),
        )  # fmt: skip

    def steps(self) -> Iterator[Callable[[], None]]:
        """What is to be done, in order; each may be called on any thread, one at a time.

        Between two of them the journal is read, on the caller's thread.
        """
        yield self._desk.take
        yield self._target.open
        for piece in self._pieces:
            self._bytes += len(piece)
            yield lambda piece=piece: self._target.write(piece)  # type: ignore[misc]
        yield self._target.finish

    def _with_desk(self, files: list[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        """All files by name; those of the desk are read as they are asked for."""
        yield from (each for each in files if each[0] < backupfile.DESK)
        yield from self._desk.pieces()
        yield from (each for each in files if each[0] > backupfile.DESK)

    def abandon(self) -> None:
        """Leave nothing behind. After ``steps`` came to their end it does nothing."""
        self._target.abandon()
        self._desk.abandon()

    def done(self) -> dict[str, Json]:
        """Remember the backup, and what to tell."""
        last = Last(
            made_ms=self._manifest.made_ms, entries=self._manifest.entries, file=str(self._out)
        )
        left: list[Json] = list(self.left_out)
        return {
            **last.view(),
            "bytes": self._bytes,
            "root": self.root,
            "desk": self._desk.state,
            "left_out": left,
            "noted": note(self._home.path, last),
        }


def _first(store: Store, count: int) -> Iterator[tuple[int, Fact]]:
    """The first entries of the journal, as many as there were when the backup began."""
    for seq, fact in store.facts():
        if seq > count:
            return
        yield seq, fact


def _files(home: Home, *, root: bool) -> tuple[list[tuple[str, bytes]], list[str]]:
    """The files of a home that go into a backup, by name, and those that are not known."""
    if root and not home.root_file.exists():
        raise LocalError(
            "backup.root",
            f"{home.root_file} is not on this machine, so it cannot go into the backup; leave"
            " --with-root out, and keep the root where it is",
        )
    taken: list[tuple[str, bytes]] = []
    unknown: list[str] = []
    for path in sorted(_plain_files(home)):
        name = path.relative_to(home.path).as_posix()
        if (root and name == backupfile.ROOT) or (
            name != backupfile.ROOT and backupfile.NAMES.fullmatch(name)
        ):
            taken.append((name, _read(path)))
        elif not _NEVER.fullmatch(name) and name != home.config.key_file:
            unknown.append(name)
    if len(taken) > backupfile.MAX_FILES - backupfile.DESK_PIECES:
        raise LocalError(
            "backup.files",
            f"{home.path} holds {len(taken)} cards, charters and packs, and a backup takes"
            f" {backupfile.MAX_FILES - backupfile.DESK_PIECES}; move old ones away",
        )
    taken.sort()
    return taken, unknown


def _plain_files(home: Home) -> Iterator[Path]:
    for folder in (home.path, home.cards, home.charters, home.packs):
        if folder.is_dir():
            yield from (path for path in folder.iterdir() if path.is_file())


def _read(path: Path) -> bytes:
    limit = backupfile.MAX_CHUNK - 1_024
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise ShellError(
            "backup.read", f"{path} cannot be read ({why}); put that right and try again"
        ) from error
    if len(data) > limit:
        raise LocalError(
            "backup.files", f"{path} is larger than {limit} bytes, which no paper of a station is;"
            " move it away"
        )  # fmt: skip
    return data


def _exists(path: Path) -> LocalError:
    return LocalError("file.exists", f"{path} exists and is never written over; name another file")


def _check_place(home: Home, out: Path) -> None:
    if out.exists() or out.is_symlink():
        raise _exists(out)
    folder = out.parent
    if not folder.is_dir():
        raise LocalError("backup.place", f"there is no folder {folder}; make it first")
    if folder.resolve().is_relative_to(home.path.resolve()):
        raise LocalError(
            "backup.place",
            f"{out} lies in the home itself and would be lost with it; name a file elsewhere",
        )


def _check_room(home: Home, out: Path) -> None:
    """Refuse before the disk gets full: where the station writes too, it keeps room to go on."""
    need = MARGIN_BYTES if _same_disk(home.path, out.parent) else 1 << 20
    for ending in ("", "-wal"):
        with contextlib.suppress(OSError):
            need += home.store_file.with_name(home.store_file.name + ending).stat().st_size
    with contextlib.suppress(OSError):  # its copy lies there too, meanwhile
        need += 2 * (home.path / backupfile.DESK).stat().st_size
    free = disk.room(out.parent, 0, full=False).free
    if free < need:
        raise ShellError(
            "backup.room",
            f"the disk of {out} has {free // 1_000_000} MB free and the backup needs up to"
            f" {need // 1_000_000 + 1} MB; make room, or name a file on another disk",
            transient=True,
        )


def _same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


# --------------------------------------------------------------------------------------- the file


class _Target:
    """A new file that appears under its name when it is whole and durable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}")
        self._fd = -1
        self._size = 0

    def open(self) -> None:
        try:
            self._fd = os.open(
                self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise self._failed(error) from error

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                count = os.pwrite(self._fd, view, self._size)
                self._size += count
                view = view[count:]
        except OSError as error:
            raise self._failed(error) from error

    def finish(self) -> None:
        """Sync, then give it its name, then sync that."""
        named = False
        try:
            os.fsync(self._fd)
            self._close()
            try:
                os.link(self._part, self._path)  # unlike a rename, it takes no other file's place
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                # A file system without hard links, as on many memory sticks.
                if self._path.exists() or self._path.is_symlink():
                    raise FileExistsError(errno.EEXIST, "", str(self._path)) from None
                self._part.rename(self._path)
            named = True
            self._part.unlink(missing_ok=True)
            disk.sync_folder(self._path.parent)
        except FileExistsError:
            raise _exists(self._path) from None
        except OSError as error:
            if named:  # whether the name would last nobody knows
                self._path.unlink(missing_ok=True)
            raise self._failed(error) from error

    def abandon(self) -> None:
        self._close()
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _failed(self, error: OSError) -> ShellError:
        why = (error.strerror or "no reason given").lower()
        return ShellError(
            "backup.write",
            f"{self._path} cannot be written ({why}); nothing was kept of this backup, name another"
            " place and try again",
            transient=error.errno in disk.FULL_ERRNOS,
        )


class _Desk:
    """The desk's own file in a backup: a copy of one state of it beside the target meanwhile.

    ``state``: ``in`` when it is in the backup, ``none`` where this station has no desk, else why it
    is not in it.
    """

    def __init__(self, path: Path, key: bytes, out: Path) -> None:
        self._path, self._key = path, key
        self._copy = out.with_name(f".{out.name[:200]}.{secrets.token_hex(8)}.desk")
        self.state = "none"

    def take(self) -> None:
        """Make the copy. It never fails a backup."""
        if not self._path.exists():
            return
        self.state = deskcopy.copy(self._path, self._key, self._copy) or "in"
        if self.state == "in" and self._copy.stat().st_size > backupfile.MAX_DESK:
            self.state = f"it is larger than {backupfile.MAX_DESK} bytes"

    def pieces(self) -> Iterator[tuple[str, bytes]]:
        """Its bytes as files of a backup. Raises ``ShellError`` (``backup.read``)."""
        if self.state != "in":
            return
        try:
            with self._copy.open("rb") as file:
                for number in range(backupfile.DESK_PIECES):
                    data = file.read(backupfile.DESK_PIECE)
                    if not data:
                        return
                    yield f"{backupfile.DESK}.{number:04d}", data
        except OSError as error:
            why = (error.strerror or "no reason given").lower()
            raise ShellError(
                "backup.read", f"{self._copy} cannot be read ({why}); put that right and try again"
            ) from error

    def abandon(self) -> None:
        with contextlib.suppress(OSError):
            self._copy.unlink(missing_ok=True)


# -------------------------------------------------------------------------------------- two doors


class Keeper:
    """Makes the backups of a station that runs."""

    def __init__(self, home: Home, keys: Keys) -> None:
        self._home, self._keys = home, keys

    def last(self) -> Json:
        """The last backup, for people to see; None when nobody knows of one."""
        found = last_backup(self._home)
        return None if found is None else found.view()

    def audit(self, last: int, damage: list[str]) -> dict[str, Json]:
        """The audit of the store's file up to an entry; ``damage`` is what is wrong with its log.

        It does not touch the open store, so it may run on a thread beside it.
        """
        from tieline.node.audit import audit_file

        own = self._keys.certificate
        key = self._keys.db_key
        return audit_file(self._home.store_file, key, last, own.station, own.realm, damage)

    async def make(self, store: Store, out: Path, *, root: bool) -> dict[str, Json]:
        """Make a backup beside the loop's other work. Raises ``TielineError``."""
        backup = Backup(self._home, self._keys, store, out, root=root)
        try:
            for step in backup.steps():
                await _on_thread(step)
        finally:
            backup.abandon()
        return backup.done()


async def _on_thread(step: Callable[[], None]) -> None:
    """Run a step beside the loop, and never leave it alone with a file that is closed meanwhile."""
    job = asyncio.ensure_future(asyncio.to_thread(step))
    try:
        await asyncio.shield(job)
    except asyncio.CancelledError:
        await asyncio.wait((job,))
        raise


def make_stopped(home: Home, keys: StationKeys, out: Path, *, root: bool) -> dict[str, Json]:
    """Make a backup of a station that does not run, under its lock. Raises ``TielineError``."""
    damage = SqliteStore.verify_file(home.store_file, keys.db_key)
    if damage:
        raise ShellError("backup.store", f"{damage[0]}; no backup was made of a damaged store")
    store = SqliteStore.open(home.store_file, keys.db_key, read_only=True)
    try:
        backup = Backup(home, keys, store, out, root=root)
        try:
            for step in backup.steps():
                step()
        finally:
            backup.abandon()
        return backup.done()
    finally:
        store.close()
