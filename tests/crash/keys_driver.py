"""ALPHA's station gets fresh keys, and goes over to them, on real files of a home of its own.

Made and run as ``driver`` is. It promises: the fresh keys are there (``keys``), the version of the
charter that names them is in force (``version``), something was said with them (``item``), and the
former ones are gone (``forgot``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from tests.crash import driver

from tieline.core.charter import (
    Charter,
    LogEnd,
    SignedCharter,
    armor_charter,
    dearmor_charter,
    make_charter,
)
from tieline.core.events import Done, Reply, Speak, Transmit
from tieline.core.identity import armor
from tieline.core.provisions import Release
from tieline.core.statement import Body, Content
from tieline.core.succession import amend
from tieline.core.terms import MAX_TIME_MS, Kind, Now, Role
from tieline.desk.cli import files
from tieline.node import homekeys, offline, privatefile, rotation
from tieline.node.config import Config, Home, write_config
from tieline.node.machine import HomeMachine
from tieline.node.runtime import Runtime
from tieline.node.secrets import (
    KeyFile,
    RootKey,
    StationKeys,
    create_key_file,
    unlock,
    unlock_root,
)
from tieline.store.sqlite import SqliteStore

WHO: Final = "alpha"
CHARTER: Final = "first.charter"


@cache
def home(folder: Path) -> Home:
    return Home(folder / WHO)


def how(folder: Path, name: str = WHO) -> KeyFile:
    return KeyFile(folder / name / "key")


def prepare(folder: Path) -> None:
    made = {}
    for name in driver.NAMES:
        (folder / name).mkdir(parents=True)
        made[name] = homekeys.create_home_keys(
            folder / name,
            party=name.upper(),
            party_name=name.title(),
            realm="DRILL",
            station_name="ops",
            unlock_with=create_key_file(folder / name / "key"),
        )
    own = home(folder)
    write_config(own.config_file, Config())
    files.write_text(own.card_file, armor(made[WHO].card.encoded))
    offline.create_store(own, made[WHO].station)
    charter = make_charter(
        "line",
        [each.card for each in made.values()],
        nonce=bytes(16),
        release=Release(four_eyes=frozenset()),
    )
    first = sign(folder, charter)
    files.write_text(folder / CHARTER, armor_charter(first))
    offline.install(own, made[WHO].station, first)


def sign(folder: Path, charter: Charter) -> SignedCharter:
    signed = SignedCharter(charter=charter)
    for name in driver.NAMES:
        root = root_of(folder, name)
        signed = signed.add_signature(root.party, root.sign_charter(charter))
    return signed


def root_of(folder: Path, name: str) -> RootKey:
    return unlock_root(folder / name / "root.tlk", how(folder, name))


class Outside:
    """A world that keeps the answer to an act."""

    answer: Done | None = None

    def transmit(self, effect: Transmit) -> str:
        return ""

    def reply(self, effect: Reply) -> None:
        assert isinstance(effect.result, Done), effect.result
        self.answer = effect.result

    def peers_changed(self) -> None:
        """Nobody is there."""

    def published(self, *_: object) -> None:
        """Nobody looks."""


def play(folder: Path, mark: Callable[[str], None]) -> None:
    driver.short_logs()
    own, opens = home(folder), how(folder)
    first = dearmor_charter((folder / CHARTER).read_text("ascii")).charter
    before = unlock(own.keys_file, opens)
    ends = heads(own, before)
    root = root_of(folder, WHO)
    fresh = rotation.rotate(own.keys_file, opens, root, not_before_ms=0, not_after_ms=MAX_TIME_MS)
    card = rotation.card_with(files.read_card(own.card_file), root, fresh)
    mark(f"keys {WHO} {fresh.sign_key.hex()}")
    files.write_text(own.card_file, armor(card.encoded))
    second = sign(folder, amend(first, cards=[card], closed=ends))
    offline.install(own, before, second)  # a station that has not looked at its keys again
    mark(f"version {WHO} 2")
    item = speak(folder)
    mark(f"item {WHO} {item.hex()}")
    rotation.forget(own.keys_file, opens, [fresh.sign_key])
    mark(f"forgot {WHO} 1")


def heads(own: Home, keys: StationKeys) -> list[LogEnd]:
    """Where the logs end, as the store has it."""
    lines = offline.heads(own, keys)["lines"]
    line = lines[0] if isinstance(lines, list) else None
    found = line["heads"] if isinstance(line, dict) else None
    return [
        LogEnd(
            log=bytes.fromhex(str(end["log"])),
            size=int(str(end["size"])),
            last=bytes.fromhex(str(end["last"])),
        )
        for end in (found if isinstance(found, list) else [])
        if isinstance(end, dict)
    ]


def speak(folder: Path) -> bytes:
    """Start the station, say something, stop it."""
    own = home(folder)
    keys = unlock(own.keys_file, how(folder))
    store = SqliteStore.open(own.store_file, keys.db_key)
    machine = HomeMachine.open(own.path)
    outside = Outside()
    now = Now(driver.START_MS, 1, 1)
    station = keys.certificate
    runtime = Runtime(station.station, station.realm, store, keys, outside, now, machine=machine)
    content = Content(
        kind=Kind.MESSAGE, body=Body(text="with fresh keys", lang="en"), role=Role.WATCH_OFFICER
    )
    (line,) = runtime.station.lines
    runtime.turn([Speak(token=1, line=line, content=content, officer="A. Okafor")], now)
    store.close()
    machine.close()
    assert outside.answer is not None
    return outside.answer.item


def sabotage(how: str) -> None:
    """Break the promise: the new store grows in the place of the old one, or is not synced."""
    if how == "in place":
        privatefile.replace = lambda path, data: path.write_bytes(data)  # type: ignore[assignment]
    elif how == "unsynced":
        os.fsync = lambda _: None  # type: ignore[assignment]


def main(folder: Path, how: str) -> None:
    sabotage(how)
    fd = os.open(folder / "marks", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    play(folder, lambda text: driver.mark(fd, folder, text))
    os.close(fd)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
