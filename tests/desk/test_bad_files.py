"""Every file that is wrong gets one sentence: what, where, what to do. And it changes nothing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.desk import desks
from tests.desk.desks import Desk

from tieline.core import bundle

Pair = tuple[Desk, Desk]
KINDS = ("card", "charter", "bundle")
VERBS = {
    "card": ("card", "verify", "FILE", "--words", "a b c d e f g h"),
    "charter": ("charter", "sign", "FILE"),
    "bundle": ("import", "FILE"),
}


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    for alpha, bravo in desks.pair(tmp_path_factory.mktemp("bad"), real=False):
        alpha.ok("send", "something")
        bravo.said("something")
        alpha.ok("export", "good.bundle")
        yield alpha, bravo


def good(line: Pair, kind: str) -> bytes:
    alpha, _ = line
    place = {
        "card": alpha.home / "card.tlcard",
        "charter": alpha.folder / "hotline.charter",
        "bundle": alpha.folder / "good.bundle",
    }
    return place[kind].read_bytes()


def state(desk: Desk) -> tuple[object, dict[str, str]]:
    """What must not change: the journal, and every file of the home but those of the store."""
    files = {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(desk.home.rglob("*"))
        if path.is_file() and not path.name.startswith("store.db")
    }
    return desk.call("status")["journal"], files


def refused(desk: Desk, command: tuple[str, ...], where: str) -> str:
    """The one sentence of a refusal, which names the file."""
    before = state(desk)
    said = desk.run(*command)
    assert said.code == 1, said
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err[:-1].isprintable()
    assert where in said.err
    assert state(desk) == before
    return said.err


def turned(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "one byte": lambda data: data[:1],
    "cut in half": lambda data: data[: len(data) // 2],
    "without its end": lambda data: data[:-6],
    "longer": lambda data: data + b"more",
    "a bit at the front": lambda data: turned(data, 3),
    "a bit in the middle": lambda data: turned(data, len(data) // 2),
    "a bit near the end": lambda data: turned(data, len(data) - 12),
    "another line end": lambda data: data.replace(b"\n", b"\x0b", 3),
    "zeros": lambda data: bytes(len(data)),
    "text": lambda data: b"Dear colleague, please find attached\n",
    "no text": lambda data: b"\xff\xfe\x00" * 50,
    "json": lambda data: b'{"card": 1}\n',
    "twice": lambda data: data + data,
    "another version": lambda data: data.replace(b"-1\n", b"-9\n", 1).replace(
        bundle.MAGIC, bundle.MAGIC[:-2] + b"9\n", 1
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file(line: Pair, kind: str, damage: str) -> None:
    _, bravo = line
    bad = DAMAGE[damage](good(line, kind))
    assert bad != good(line, kind)
    (bravo.folder / "bad.file").write_bytes(bad)
    refused(bravo, tuple("bad.file" if w == "FILE" else w for w in VERBS[kind]), "bad.file")


@pytest.mark.parametrize("other", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind(line: Pair, kind: str, other: str) -> None:
    if kind == other:
        return
    _, bravo = line
    (bravo.folder / "bad.file").write_bytes(good(line, other))
    refused(bravo, tuple("bad.file" if w == "FILE" else w for w in VERBS[kind]), "bad.file")


@pytest.mark.parametrize("what", ["missing", "folder", "pipe", "loop", "under a file"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_file_at_all(line: Pair, tmp_path: Path, kind: str, what: str) -> None:
    _, bravo = line
    path = tmp_path / "bad.file"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "loop":
        path.symlink_to(path)
    elif what == "under a file":
        path.write_bytes(good(line, kind))
        path = path / "more"
    refused(bravo, tuple(str(path) if w == "FILE" else w for w in VERBS[kind]), str(path))


def test_a_text_that_came_by_mail_is_as_good_as_the_file(line: Pair) -> None:
    alpha, bravo = line
    mailed = "\r\n  " + good(line, "card").decode().replace("\n", " \r\n") + "\r\n"
    (bravo.folder / "mailed.tlcard").write_bytes(mailed.encode())
    bravo.ok("card", "verify", "mailed.tlcard", stdin=desks.words(alpha) + "\n")


def test_a_bundle_of_another_line_or_for_another_station(line: Pair, tmp_path: Path) -> None:
    alpha, bravo = line
    other, another = Desk(tmp_path / "alpha", passphrase=desks.PASSPHRASE), Desk(tmp_path / "bravo")
    other.real = another.real = False
    desks.found(other, another)
    try:
        other.serve()
        other.ok("export", "other.bundle")
        desks.copy(other.folder / "other.bundle", bravo.folder / "other.bundle")
        said = refused(bravo, ("import", "other.bundle"), "other.bundle")
        assert "which this station does not keep" in said
    finally:
        other.kill()
    desks.copy(alpha.folder / "good.bundle", alpha.folder / "own.bundle")
    assert "sealed to other stations" in refused(alpha, ("import", "own.bundle"), "own.bundle")


CONFIG = '[station]\nlisten = ["127.0.0.1:7411"]\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[station", "is not TOML"),
        ("\x00", "is not TOML"),
        ('listen = ["127.0.0.1:1"]', "'listen' is not a setting"),
        (CONFIG + "colour = 1\n", "'station.colour' is not a setting"),
        ("[colour]\nname = 1\n", "'colour.name' is not a setting"),
        ('[station]\nlisten = "127.0.0.1:1"\n', "must be a list of texts"),
        ("[station]\nlisten = [1]\n", "must be a list of texts"),
        ('[station]\nlisten = ["nowhere"]\n', "station.listen"),
        ("[station]\nkey_file = true\n", "must be a text"),
        ('[officer]\nrole = "king"\n', "must be one of watch-officer"),
        ("[carrier]\nping_s = 0\n", "a number of seconds"),
        ("[carrier]\nping_s = nan\n", "a number of seconds"),
        ("[carrier]\nping_s = true\n", "a number of seconds"),
        ('[exercise]\ncontrolled_clock = "noon"\n', "a time with its zone"),
        ('[exercise]\ncontrolled_clock = "2022-11-15T14:40:00Z"\n', "is for real traffic"),
        ("#" * 70_000, "is larger than"),
    ],
)
def test_a_configuration_that_is_wrong_starts_nothing(tmp_path: Path, text: str, said: str) -> None:
    desk = Desk(tmp_path / "one")
    desk.real = False
    desk.ok("init", "--party", "ALPHA", "--name", "A", "--key-file")
    config = desk.home / "config.toml"
    config.write_text(text)
    refusal = desk.run("serve")
    assert refusal.code == 1, refusal
    assert said in refusal.err
    assert str(config) in refusal.err
    assert refusal.err.count("\n") == 1
    config.unlink()
    config.mkdir()
    assert "cannot be read (is a directory)" in desk.run("serve").err


@pytest.mark.parametrize("name", ["keys.tlk", "key", "store.db", "card.tlcard"])
def test_a_home_with_a_damaged_file_says_which(tmp_path: Path, name: str) -> None:
    desk = Desk(tmp_path / "one")
    desk.real = False
    desk.ok("init", "--party", "ALPHA", "--name", "A", "--key-file")
    path = desk.home / name
    kept = path.read_bytes()
    command = ("card",) if name == "card.tlcard" else ("serve",)
    for bad in (b"", kept[:20], turned(kept, 16)):
        path.write_bytes(bad)
        said = desk.run(*command)
        assert said.code == 1, said
        assert str(desk.home) in said.err
        assert said.err.count("\n") == 1
    path.unlink()
    assert str(path) in desk.run(*command).err
