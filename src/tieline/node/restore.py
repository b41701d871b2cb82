"""Restoring a backup into a home of its own.

Everything is unpacked beside the place, read back, and audited from the signed bytes up; only then
does the new home get its name. A backup that does not hold leaves nothing behind. The new home gets
a ``machine.id`` of its own: it is another machine's life of the same station, and what follows from
that is the station's business at its next start.

It never writes into a folder that is there, and starts nothing.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from tieline.core.errors import LocalError, RemoteError, ShellError
from tieline.node import backup, backupfile, homefolder, homekeys, privatefile
from tieline.node.audit import audit_file
from tieline.node.backupfile import Manifest, Reader
from tieline.node.config import Home
from tieline.node.secrets import KeyFile, StationKeys, Unlock, opens_with_passphrase, unlock
from tieline.node.view import Json
from tieline.store import deskcopy, disk
from tieline.store.sqlite import SqliteStore

_KEY_NAME: Final = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was unpacked.

    ``audit`` is the report of ``tieline verify`` on it; ``root`` says that the party's root was in
    the backup, ``desk`` that the desk's own file was; ``key_place`` where its key file belongs, if
    it was not put there.
    """

    manifest: Manifest
    audit: dict[str, Json]
    root: bool
    desk: bool = False
    key_place: str = ""


def restore(
    file: Path, home: Path, ask: Callable[[], Unlock], key_file: Path | None, *, keep: bool = True
) -> Restored:
    """Unpack and check a backup; with ``keep`` it becomes the home.

    ``ask`` gives the passphrase when the keys open with one; ``key_file`` opens them otherwise.
    Raises ``LocalError`` (``restore.home``, ``home.network``, ``restore.key``, ``keys.locked``),
    ``RemoteError`` (``backup.form``, ``backup.damaged``, ``backup.audit``), ``ShellError``.
    """
    if home.exists() or home.is_symlink():
        raise LocalError(
            "restore.home",
            f"{home} exists, and a backup is never unpacked over anything; name a folder that is"
            " not there",
        )
    if not home.parent.is_dir():
        raise LocalError("restore.home", f"there is no folder {home.parent}; make it first")
    homefolder.check_disk(home)
    part = home.with_name(f".{home.name[:200]}.{secrets.token_hex(8)}")
    try:
        part.mkdir(mode=0o700)
        try:
            restored = _unpack(file, part, ask, key_file)
            if keep:
                part.rename(home)
                disk.sync_folder(home.parent)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise ShellError(
            "restore.write",
            f"{home} cannot be written ({why}); nothing was kept, name another place and try again",
            transient=error.errno in disk.FULL_ERRNOS,
        ) from error
    return restored


def _unpack(file: Path, part: Path, ask: Callable[[], Unlock], key_file: Path | None) -> Restored:
    with _opened(file) as stream:
        reader = Reader(stream)
        privatefile.write_new(part / homekeys.KEYS_FILE, reader.keys_file)
        keys = _unlocked(part / homekeys.KEYS_FILE, ask, key_file)
        manifest, names = unpack(reader, keys.db_key, part)
    own = keys.certificate
    if own.station != manifest.station:
        raise backupfile.damaged()
    desk = backupfile.DESK in names
    if desk and not deskcopy.opens(part / backupfile.DESK, keys.desk_key):
        raise backupfile.damaged()
    home = Home.open(part)
    key_place = _place_key(home, key_file)
    privatefile.write_new(part / homekeys.MACHINE_FILE, os.urandom(homekeys.MACHINE_BYTES))
    for folder in (home.cards, home.charters, home.socket.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    last = backup.Last(made_ms=manifest.made_ms, entries=manifest.entries, file=str(file))
    backup.note(part, last)
    report = _audit(home, keys)
    disk.sync_folder(part)
    return Restored(
        manifest=manifest, audit=report, root=backupfile.ROOT in names, desk=desk,
        key_place=key_place,
    )  # fmt: skip


def unpack(reader: Reader, secret: bytes, part: Path) -> tuple[Manifest, list[str]]:
    """Write the files and the store of a backup into an empty folder; their names come back."""
    manifest = reader.open(secret)
    names: list[str] = []
    pieces = 0
    for name, data in reader.files():
        if name.startswith(f"{backupfile.DESK}."):
            if name != f"{backupfile.DESK}.{pieces:04d}":
                raise backupfile.damaged()
            _append(part / backupfile.DESK, data)
            names += [backupfile.DESK] if not pieces else []
            pieces += 1
            continue
        path = part / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        disk.write_synced(path, data)
        names.append(name)
    for folder in {(part / name).parent for name in names}:
        disk.sync_folder(folder)
    store = SqliteStore.create(part / "store.db", secret)
    try:
        for facts in reader.batches(manifest):
            store.commit(facts)
    except LocalError:
        raise backupfile.damaged() from None  # entries that no store holds
    finally:
        store.close()
    return manifest, names


def _append(path: Path, data: bytes) -> None:
    """Write the next piece of a file that comes in pieces, durably."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _audit(home: Home, keys: StationKeys) -> dict[str, Json]:
    own = keys.certificate
    store = SqliteStore.open(home.store_file, keys.db_key, read_only=True)
    try:
        file, last, damage = home.store_file, store.last(), store.log_damage()
        report = audit_file(file, keys.db_key, last, own.station, own.realm, damage)
    finally:
        store.close()
    problems = report.get("problems")
    if isinstance(problems, list) and problems:
        raise RemoteError(
            "backup.audit",
            f"the backup is whole, but what it holds does not verify ({len(problems)} problems, the"
            f" first: {problems[0]}); nothing of it was kept, take an earlier one",
        )
    return report


def _opened(file: Path) -> BinaryIO:
    if not file.is_file():
        raise LocalError("file.read", f"{file} is no plain file; name the backup")
    return file.open("rb")


def _unlocked(path: Path, ask: Callable[[], Unlock], key_file: Path | None) -> StationKeys:
    try:
        by_passphrase = opens_with_passphrase(path)
    except LocalError:
        raise backupfile.damaged() from None
    if by_passphrase:
        return unlock(path, ask())
    if key_file is None:
        raise LocalError(
            "restore.key",
            "this station's keys open with a key file, which is in no backup; name the copy that"
            " was kept apart with --key-file",
        )
    return unlock(path, KeyFile(key_file))


def _place_key(home: Home, key_file: Path | None) -> str:
    """Put the key file where the configuration looks for it, if that is in the home."""
    if key_file is None:
        return ""
    name = home.config.key_file or _KEY_NAME
    if Path(name).name != name:
        return str(home.path / name) if Path(name).is_absolute() else name
    privatefile.write_new(home.path / name, privatefile.read(key_file))
    return ""
