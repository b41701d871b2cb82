"""P12: a home that others may write to, or that lies on a disk of the network."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

from tests.faults.rows import need, scratch

from tieline.core.errors import LocalError
from tieline.node import homefolder

LOCAL: Final = (
    "ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "virtiofs", "9p", "vfat",
    "fuse.fuse-overlayfs", "fuseblk", "nfsd", "f2fs", "",
)  # fmt: skip
KINDS: Final = (*sorted(homefolder.NETWORK), *LOCAL)
PLACES: Final = (*homefolder.FOLDERS, *homefolder.FILES)


def unfit_home(seed: int) -> None:
    """A home with any modes and mounts: refused where it must be, with the cause and a cure."""
    chance = random.Random(f"home {seed}")
    with scratch() as where:
        home = Path(where).resolve() / "a home"
        wide = _home(home, chance)
        kind = KINDS[seed % len(KINDS)]
        table = _mounts(home, kind, chance)
        code = said = ""
        try:
            homefolder.check(home, table)
        except LocalError as error:
            code, said = error.code, error.message
        expected = "home.network" if kind in homefolder.NETWORK else "home.open" if wide else ""
        need(code == expected, f"on {kind!r} with {wide or 'nothing open'}: {code or 'taken'}")
        cure = {"home.network": (f"({kind})", "--home"), "home.open": ("chmod go-w", str(wide))}
        need(all(part in said for part in cure.get(code, ())), f"{code} says {said!r}")


def _home(home: Path, chance: random.Random) -> Path | None:
    """A home whose parts have modes of any kind; the first that others may write to."""
    home.mkdir(mode=0o700)
    for name in homefolder.FOLDERS[1:]:
        (home / name).mkdir()
    for name in homefolder.FILES:
        (home / name).touch()
    outer = chance.choice((0o700, 0o750, 0o755, 0o711, 0o755, 0o775, 0o777, 0o757))
    home.chmod(outer)
    found = home if outer & 0o022 else None
    for name in PLACES[1:]:
        mode = chance.choice((0o700, 0o755) * 6 + (0o775, 0o757, 0o777))
        (home / name).chmod(mode)
        within = (mode & 0o020 and outer & 0o010) or (mode & 0o002 and outer & 0o001)
        found = found or (home / name if within else None)
    return found


def _mounts(home: Path, kind: str, chance: random.Random) -> str:
    """A table of mounts in which the home lies on a disk of this kind, among others."""
    other = chance.choice(("nfs4", "ext4", "cifs"))
    at = chance.choice((home, home.parent))
    below, beside = (
        home / "run",
        home.parent / "a",
    )  # one is within, the other a name that begins so
    lines = [_line("/", "ext4"), _line(str(at.parent), other), _line(str(below), other)]
    lines += [_line(str(beside), other), _line(str(at), other) if chance.random() < 0.5 else ""]
    lines.append(
        _line(str(at), kind, chance.choice(("", " shared:1", " master:7 propagate_from:2")))
    )
    return "\n".join(lines) + "\n"


def _line(place: str, kind: str, more: str = "") -> str:
    shown = place.replace("\\", r"\134").replace(" ", r"\040")
    return f"25 24 0:23 / {shown} rw,relatime{more} - {kind} some:/where rw"
