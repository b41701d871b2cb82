"""A home that others may write to, or on a disk of the network, is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from unittest import mock

import pytest
from tests.desk.desks import Desk

from tieline.core.errors import LocalError
from tieline.node import homefolder
from tieline.node.wholefile import write_file

INIT = ("init", "--party", "ALPHA", "--name", "Party ALPHA", "--key-file")
TABLE = "25 24 0:23 / / rw - ext4 /dev/a rw\n26 25 0:24 / {} rw,vers=4 - nfs4 files:/homes rw\n"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path / "alpha")
    made.real = False
    return made


def test_a_station_whose_home_anybody_may_write_to_does_not_start(desk: Desk) -> None:
    desk.ok(*INIT)
    desk.home.chmod(0o777)
    said = desk.run("serve")
    assert said.code == 1
    assert f"chmod go-w {desk.home}" in said.err
    assert "mode 0777" in said.err
    assert "may be written by other users" in desk.run("doctor").out
    desk.home.chmod(0o755)
    (desk.home / "config.toml").chmod(0o666)
    assert f"chmod go-w {desk.home / 'config.toml'}" in desk.run("serve").err


def test_init_makes_no_home_where_anybody_may_write(desk: Desk) -> None:
    desk.home.mkdir(parents=True)
    desk.home.chmod(0o775)
    said = desk.run(*INIT)
    assert said.code == 1
    assert "chmod go-w" in said.err
    assert [*desk.home.iterdir()] == []


def test_what_init_and_a_pack_make_in_an_open_home_is_not_refused(desk: Desk) -> None:
    """Many machines have each user's own group, and a umask that lets it write."""
    desk.home.mkdir(parents=True)
    desk.home.chmod(0o755)
    before = os.umask(0o002)
    try:
        desk.ok(*INIT)
        write_file(desk.home / "packs" / "one", b"a pack")
    finally:
        os.umask(before)
    homefolder.check(desk.home)


@pytest.mark.parametrize("verb", ["serve", "init", "restore", "witness init", "witness serve"])
def test_a_home_on_a_disk_of_the_network_is_refused(desk: Desk, verb: str, tmp_path: Path) -> None:
    desk.ok(*INIT)
    desk.ok("witness", "init", "w1", "--key-file", "--dir", str(tmp_path / "w"))
    if "init" in verb:
        shutil.rmtree(desk.home)
        shutil.rmtree(tmp_path / "w")
    words = {
        "serve": ("serve",),
        "init": INIT,
        "restore": ("restore", "a.bak", "--home", str(tmp_path / "new")),
        "witness init": ("witness", "init", "w1", "--key-file", "--dir", str(tmp_path / "w")),
        "witness serve": ("witness", "serve", "--dir", str(tmp_path / "w")),
    }[verb]
    (desk.folder / "a.bak").write_bytes(b"x")
    table = tmp_path / "mounts"
    table.write_text(TABLE.format(tmp_path), "utf-8")
    with mock.patch.object(homefolder, "MOUNTS", table):
        said = desk.run(*words)
    assert said.code == 1
    assert "lies on a disk of the network (nfs4)" in said.err


def test_what_is_not_known_is_not_refused(tmp_path: Path) -> None:
    for table in ("", "nonsense\n", "1 2 3 / / rw no mark\n", "25 24 0:23 - nfs\n"):
        homefolder.check(tmp_path, table)
    with mock.patch.object(homefolder, "MOUNTS", tmp_path / "none"):
        homefolder.check(tmp_path)
    assert homefolder.kind_of(tmp_path, homefolder.MOUNTS.read_text("utf-8")) != ""


def test_a_link_is_followed_to_where_the_home_lies(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir(mode=0o700)
    (tmp_path / "home").symlink_to(tmp_path / "net")
    table = TABLE.format(tmp_path / "net")
    with pytest.raises(LocalError, match="nfs4"):
        homefolder.check(tmp_path / "home", table)
    with pytest.raises(LocalError, match="nfs4"):
        homefolder.check(tmp_path / "net" / "not" / "yet", table)
    homefolder.check(tmp_path / "network", table)


def test_links_in_a_circle_are_no_defect(desk: Desk) -> None:
    desk.home.parent.mkdir(parents=True, exist_ok=True)
    other = desk.home.with_name("other")
    desk.home.symlink_to(other)
    other.symlink_to(desk.home)
    homefolder.check(desk.home)
    said = desk.run(*INIT)
    assert said.code == 1
    assert str(desk.home) in said.err
