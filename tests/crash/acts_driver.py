"""The commands that say 'done' of files: a home, packs, charters, bundles, evidence, tiles.

Made and run as ``driver`` is, with the real verbs. A verb that speaks to a running station speaks
to one in this process, since only one thread may write. Each promise is the word that one prints.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.crash import driver
from tests.node import pair
from tests.node.pair import Running, Seat, make_homes

from tieline.core.charter import SignedCharter, armor_charter, dearmor_charter
from tieline.core.identity import dearmor, fingerprint, parse_card
from tieline.desk import cli
from tieline.desk.cli import evidence, files, record, tiles
from tieline.node import offline, packs, privatefile, secrets
from tieline.node.acts import NodeActs
from tieline.node.client import ApiRefused
from tieline.node.config import Home
from tieline.node.secrets import KeyFile
from tieline.node.view import Json
from tieline.store import disk
from tieline.store.sqlite import SqliteStore

T = TypeVar("T")
ALPHA, BRAVO, CHARLIE = "ALPHA", "BRAVO", "sites/CHARLIE"
PACK: Final = "crisis"
ROUNDS: Final = 4
INIT: Final = ("--party", "CHARLIE", "--name", "Charlie", "--address", "127.0.0.1:7413",
               "--officer", "Ada", "--key-file")  # fmt: skip
# What the verbs call to speak to a running station.
_SPEAK: Final = ((record, "client"), (tiles, "client"), (evidence, "Client"))


def prepare(folder: Path) -> None:
    """Two homes; of their charter, which puts a pack in force, the half that BRAVO has signed."""
    seats, text = make_homes(folder, packs=(packs.find(PACK).hash,))
    for part in ("sites", "desk"):
        (folder / part).mkdir()
    whole = dearmor_charter(text)
    theirs = parse_card(dearmor(seats[1].home.card_file.read_text("ascii")))
    kept = f"{theirs.party}-{fingerprint(theirs).hex()[:8]}.tlcard"
    shutil.copy(seats[1].home.card_file, seats[0].home.cards / kept)  # as if it were verified
    half = SignedCharter(charter=whole.charter).add_signature(BRAVO, dict(whole.signatures)[BRAVO])
    (folder / "desk" / "pair.charter").write_text(armor_charter(half), "ascii")
    (seats[0].home.charters / "pair-1.charter").unlink()
    offline.install(seats[1].home, seats[1].keys, whole)


def seat(folder: Path, name: str) -> Seat:
    """A home and its keys."""
    home = Home.open(folder / name)
    return Seat(home=home, keys=secrets.unlock(home.keys_file, KeyFile(home.path / "key")))


class House:
    """The stations of a folder that run in this process, and the verbs that are given to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stations: dict[str, Running] = {}
        self._loop = asyncio.new_event_loop()
        self._verbs = [(module, name, getattr(module, name)) for module, name in _SPEAK]
        for module, name in _SPEAK:
            setattr(module, name, self._client if name == "client" else self._connected)

    def start(self, name: str) -> Running:
        """Start the station of a home, if it does not run yet."""
        if name not in self.stations:
            own = seat(self.folder, name)

            async def made() -> Running:
                return Running(own, pair.open_store(own))

            self.stations[name] = self.wait(made())
        return self.stations[name]

    def wait(self, job: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(job)

    def verb(self, *words: str) -> None:
        """A verb of the command line, which must end well."""
        with (
            Path(os.devnull).open("w", encoding="utf-8") as quiet,
            contextlib.redirect_stdout(quiet),
        ):
            code = cli.main([*words])
        assert code == 0, words

    def said(self, name: str, text: str) -> bytes:
        return self.wait(self.start(name).say(text)).item

    def note(self, name: str) -> None:
        """A signed checkpoint, as a station makes one from time to time."""
        self.wait(NodeActs(self.start(name).host).act("checkpoint", {}))

    def held(self, name: str) -> list[str]:
        """The statements that a station holds."""
        station = self.start(name)
        found = station.host.station.line(station.line).record.by_digest
        return sorted(digest.hex()[:16] for digest in found)

    def _client(self, args: Any) -> Local:
        return Local(self, args.home.name)

    def _connected(self, path: Path, **_: object) -> Local:
        return Local(self, path.parent.parent.name)

    def close(self) -> None:
        for module, name, real in self._verbs:
            setattr(module, name, real)
        for station in self.stations.values():
            station.host.close()
            station.store.close()
        self._loop.close()


class Local:
    """What a verb takes for its connection to a station."""

    def __init__(self, house: House, name: str) -> None:
        self._house, self._name = house, name

    def call(self, act: str, **args: Json) -> dict[str, Json]:
        host = self._house.start(self._name).host
        answer = self._house.wait(NodeActs(host).act(act, args))
        if not isinstance(answer, dict):
            raise ApiRefused("act", "no answer")
        return answer

    def close(self) -> None:
        """It is no connection."""


# ------------------------------------------------------------------------------------------- acts

Step = tuple[str, tuple[str, ...]]


def steps(folder: Path) -> Iterator[Step]:
    """Each act by its name and its words, in order."""
    desk, alpha = folder / "desk", ("--home", str(folder / ALPHA))
    yield "init", ("init", *INIT, "--home", str(folder / CHARLIE))
    yield "pack-write", ("pack", "write", PACK, "--out", str(desk / "given.pack"), *alpha)
    yield "pack-keep", ("pack", "keep", str(desk / "given.pack"), *alpha)
    charter = str(desk / "pair.charter")
    yield "charter-sign", ("charter", "sign", charter, "--yes", *alpha)
    yield "charter-install", ("charter", "install", charter, *alpha)
    for number in range(ROUNDS):
        here, there = (ALPHA, BRAVO)[:: 1 if number % 2 == 0 else -1]
        bundle = str(desk / f"{number}.bundle")
        yield f"export-{number}", ("export", bundle, "--home", str(folder / here))
        yield f"import-{number}", ("import", bundle, "--home", str(folder / there))
    yield "evidence", ("evidence", "--out", str(desk / "said.evidence"), *alpha)
    yield "tiles", ("log", "tiles", str(desk / "tiles"), "--entries", "open", *alpha)


def play(folder: Path, mark: Callable[[str], None]) -> None:
    driver.short_logs()
    # Two mebibytes that nobody reads would be in each of some thousand states.
    disk.Reserve.__init__.__defaults__ = (4096,)
    house = House(folder)
    for name, words in steps(folder):
        what, _, number = name.partition("-")
        if what == "export":
            speaker = Path(words[-1]).name
            for count in range(2 + int(number) % 2):
                text = f"words {number} {count}: " + "our aircraft stay north of the line; " * 20
                house.said(speaker, text)
        elif what == "tiles":
            house.note(ALPHA)
        house.verb(*words)
        held = ""
        if what == "import":
            held = " " + ",".join(house.held(Path(words[-1]).name))
        mark(f"{name}{held}")
    house.close()


def sabotage(how: str) -> None:
    """Break the promise: nothing is synced, no folder is, or files grow under their names."""
    if how == "unsynced":
        os.fsync = lambda _: None  # type: ignore[assignment]
        connect = SqliteStore._connect

        def lax(*args: Any, **named: Any) -> SqliteStore:
            store = connect(*args, **named)
            store._connection.pragma("synchronous", 0)
            return store

        SqliteStore._connect = lax  # type: ignore[method-assign]
    elif how == "no folder":
        sync = os.fsync

        def of_files(fd: int) -> None:
            if not Path(f"/proc/self/fd/{fd}").is_dir():
                sync(fd)

        os.fsync = of_files  # type: ignore[assignment]
    elif how == "in place":
        in_place(files, "write")
        in_place(packs, "write_file")
        in_place(privatefile, "write_new")
        from tieline.desk.cli import packs as verbs

        in_place(verbs, "write_file")


def in_place(module: Any, name: str) -> None:
    """A file is written where it is to stand, and then synced."""

    def write(path: Path, data: bytes) -> None:
        path.parent.mkdir(exist_ok=True)
        disk.write_synced(path, data)
        disk.sync_folder(path.parent)
        disk.sync_folder(path.parent.parent)

    assert hasattr(module, name)
    setattr(module, name, write)


def main(folder: Path, how: str) -> None:
    sabotage(how)
    fd = os.open(folder / "marks", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def mark(text: str) -> None:
        os.write(fd, f"{text}\n".encode())

    play(folder, mark)
    os.close(fd)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
