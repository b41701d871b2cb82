"""A plain file that is written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tieline.node.wholefile import write_file


def test_the_new_file_is_as_the_old_one_was_and_a_link_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "link.toml"
    real.write_bytes(b"old")
    real.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(real, 1234, 1234)
    before = real.stat()
    link.symlink_to(real)
    write_file(link, b"new")
    now = real.stat()
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert (stat.S_IMODE(now.st_mode), now.st_uid, now.st_gid) == (
        0o600,
        before.st_uid,
        before.st_gid,
    )
    assert sorted(one.name for one in tmp_path.iterdir()) == ["link.toml", "real.toml"]


def test_links_in_a_circle_are_an_error_of_the_system(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.symlink_to(other)
    other.symlink_to(one)
    with pytest.raises(OSError, match="symbolic links"):
        write_file(one, b"x")


def test_what_is_new_nobody_else_may_write_to_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_file(tmp_path / "made" / "file", b"new")
    finally:
        os.umask(before)
    made = [stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "made").iterdir()]
    assert (stat.S_IMODE((tmp_path / "made").stat().st_mode), made) == (0o755, [0o644])
