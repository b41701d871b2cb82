"""Where a home may lie: in folders that no one else writes to, on a disk of this machine.

Who may write to a home's folder may put another file in the place of its record, its settings or
its charters, whatever the mode of those is. And SQLite's log of a store (WAL) needs memory that all
who read it share and locks that hold, which a file system of the network does not give: two
machines would have one record, and a commit might be told to be on a disk that it has not reached
(https://sqlite.org/wal.html, https://sqlite.org/faq.html, question 5).

The kernel's table of mounts says what a folder lies on (proc_pid_mountinfo(5)). Where there is no
such table nothing is known of that, and nothing is refused for it. File systems that a machine may
share with its host alone (9p, virtiofs) are not known to be of a network and pass.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError

NETWORK: Final = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "lustre", "davfs", "fuse.ceph",
    "fuse.sshfs", "fuse.glusterfs", "fuse.davfs", "fuse.rclone", "fuse.s3fs", "fuse.smbnetfs",
})  # fmt: skip
MOUNTS: Final = Path("/proc/self/mountinfo")
# The home itself, then what is read at its start: whoever may change that changes the station.
FOLDERS: Final = ("", "run", "cards", "charters", "packs")
FILES: Final = ("config.toml", "store.db", "store.db-wal", "witness.toml", "heads.db", "logs.txt")
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


def check(home: Path, mounts: str | None = None) -> None:
    """Refuse a home that others may write to, or that lies on a network's disk.

    ``home`` may be still to be made: then the folder that it would be made in says on which disk it
    lies. ``mounts`` is a table of mounts in the place of the kernel's. Raises ``LocalError``
    (``home.open``, ``home.network``).
    """
    check_disk(home, mounts)
    others = _OTHERS
    for name in (*FOLDERS, *FILES):
        path = home / name if name else home
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue  # what is not there is nobody's, and who needs it says that it is missing
        if mode & others:
            raise LocalError(
                "home.open",
                f"{path} may be written by other users (mode {mode:04o}), who could put another"
                f" record or other settings in its place; close it with: chmod go-w {path}",
            )
        if not name:  # what is in a folder that they may not enter is out of their reach
            others = (mode & (stat.S_IXGRP | stat.S_IXOTH)) << 1


def check_disk(home: Path, mounts: str | None = None) -> None:
    """Refuse a home on a network's disk. Raises ``LocalError`` (``home.network``)."""
    kind = kind_of(home, _mounts() if mounts is None else mounts)
    if kind in NETWORK:
        raise LocalError(
            "home.network",
            f"{home} lies on a disk of the network ({kind}), where the store's log and locks do not"
            " hold; name a folder on a disk of this machine with --home, and move the home there",
        )


def kind_of(path: Path, mounts: str) -> str:
    """The type of the file system that a path lies on, by a table of mounts; "" if not known."""
    whole = Path(os.path.realpath(path))  # which takes links in a circle, too
    kind, deepest = "", -1
    for line in mounts.splitlines():
        before, mark, after = line.partition(" - ")
        places = before.split(" ")
        if not mark or len(places) < 5:
            continue
        place = Path(_OCTAL.sub(lambda found: chr(int(found[1], 8)), places[4]))
        # Of two mounts at one place the later one covers the other.
        if (whole == place or place in whole.parents) and len(place.parts) >= deepest:
            kind, deepest = after.split(" ")[0], len(place.parts)
    return kind


def _mounts() -> str:
    try:
        return MOUNTS.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
