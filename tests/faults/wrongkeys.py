"""P9: wrong keys, changed key files, files that others may read, and a backup in other hands."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Final

from tests.core.world import START_MS
from tests.faults.forged import refusal
from tests.faults.rows import need, scratch

from tieline.core.errors import TielineError
from tieline.node import backupfile, homekeys, keystore, privatefile, secrets
from tieline.node.restore import restore
from tieline.node.secrets import KeyFile, Passphrase, Unlock

KINDS: Final = (
    "key file", "store", "root", "length", "store mode", "key mode", "another key", "passphrase",
)  # fmt: skip
STORE, ROOT, KEY = "keys.tlk", "root.tlk", "key"
PHRASE: Final = "a long passphrase"
LAPTOP: Final = 40  # of so many cases one is a backup in other hands
DEAR: Final = 4  # of so many cases with a passphrase one derives a key from it, which is slow


@cache
def _files() -> dict[str, bytes]:
    """What a home has: its two stores, the key file, and the store under a passphrase."""
    with scratch() as name:
        home = Path(name)
        key = secrets.create_key_file(home / KEY)
        homekeys.create_home_keys(
            home, party="ALPHA", party_name="Alpha", realm="", station_name="main", unlock_with=key
        )
        plain = secrets.open_store(home / STORE, keystore.STATION, key)
        made = {each: (home / each).read_bytes() for each in (STORE, ROOT, KEY)}
        return made | {
            PHRASE: secrets.lock_store(home, keystore.STATION, plain, Passphrase(PHRASE))
        }


def wrong_key(seed: int) -> None:
    """One file, key or mode is wrong: one refusal that does not tell which, and then it opens."""
    chance = random.Random(f"wrong key {seed}")
    with scratch() as name:
        home = Path(name)
        if seed % LAPTOP == LAPTOP - 1:
            _in_other_hands(home, chance)
            return
        kind, given = KINDS[seed % len(KINDS)], dict(_files())
        if kind == "passphrase":
            _passphrase(home, given, chance, dear=seed // len(KINDS) % DEAR == 0)
            return
        path = ROOT if kind == "root" or (kind == "length" and chance.random() < 0.5) else STORE
        changed = KEY if kind in ("key file", "another key", "key mode") else path
        given[changed] = _changed(given[changed], kind, chance)
        for each in (STORE, ROOT, KEY):
            privatefile.write_new(home / each, given[each])
        if kind.endswith(" mode"):
            _open_to_others(home, changed, path, chance)
        else:
            _locked(home / path, KeyFile(home / KEY))
        (home / changed).unlink()
        privatefile.write_new(home / changed, _files()[changed])
        need(not refusal(lambda _: _open(home / path, KeyFile(home / KEY)), b""), "it stays shut")


def _changed(good: bytes, kind: str, chance: random.Random) -> bytes:
    if kind == "another key":
        return chance.randbytes(len(good))
    if kind == "length":
        return chance.choice((good[: chance.randrange(len(good))], good + chance.randbytes(1)))
    if kind.endswith(" mode"):
        return good
    at = chance.randrange(8 * len(good))
    return good[: at // 8] + bytes((good[at // 8] ^ 1 << at % 8,)) + good[at // 8 + 1 :]


def _open(path: Path, unlock_with: Unlock) -> object:
    return (secrets.unlock_root if path.name == ROOT else secrets.unlock)(path, unlock_with)


def _locked(path: Path, unlock_with: Unlock) -> None:
    """It is refused, in the words in which every wrong key and every changed file is."""
    try:
        _open(path, unlock_with)
    except TielineError as error:
        need(error.code == "keys.locked", f"it is refused as {error.code}")
        told = error.message.removeprefix(str(path))
        # Whether a passphrase or a key file opens it stands in its head, in clear.
        need(told.startswith((" does not open: the", " opens with a ")), f"it says {told!r}")
        need("key file" in told, f"it says {told!r}")
        return
    need(False, "it opens")


def _open_to_others(home: Path, wide: str, path: str, chance: random.Random) -> None:
    mode = 0o600 | chance.randint(1, 0o77)
    (home / wide).chmod(mode)
    code = refusal(lambda _: _open(home / path, KeyFile(home / KEY)), b"")
    need(code == "keys.mode", f"{wide} has mode {mode:04o}, and is answered with {code!r}")


def _passphrase(home: Path, given: dict[str, bytes], chance: random.Random, *, dear: bool) -> None:
    privatefile.write_new(home / STORE, given[PHRASE] if dear else given[STORE])
    at = chance.randrange(len(PHRASE))
    wrong = PHRASE[:at] + chance.choice(("", "x", PHRASE[at].upper() + " ")) + PHRASE[at + 1 :]
    _locked(home / STORE, Passphrase(wrong))


def _in_other_hands(home: Path, chance: random.Random) -> None:
    """Somebody has a backup, and not what opens it."""
    file = home / "a.tieline-backup"
    file.write_bytes(_backup())
    key, right = home / KEY, home / "right"
    privatefile.write_new(key, chance.randbytes(len(_files()[KEY])))
    privatefile.write_new(right, _files()[KEY])

    def taken(by: Path) -> str:
        return refusal(lambda _: restore(file, home / "home", _nobody, by), b"")

    codes = taken(key), taken(right)
    need(codes[0] == "keys.locked", f"it is answered with {codes[0]!r}")
    need(codes[1] != "keys.locked", "it stays shut with its own key, too")  # and is no whole home
    need(sorted(home.iterdir()) == sorted((file, key, right)), "something of it was left")


def _backup() -> bytes:
    manifest = backupfile.Manifest(
        made_ms=START_MS, station=bytes(8), party="ALPHA", name="main", realm="", entries=0
    )
    salt = bytes(backupfile.SALT_BYTES)
    return b"".join(backupfile.write(_files()[STORE], salt, bytes(32), manifest, [], []))


def _nobody() -> Passphrase:
    raise AssertionError("a backup under a key file asks nobody")
