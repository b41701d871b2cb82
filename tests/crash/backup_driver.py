"""ALPHA makes backups while it exchanges statements with BRAVO.

Made and run as ``driver`` is. The promise here is the word that a backup is made: from then on its
file must be there, whole. ``FOLDER/safe`` is where the backups go.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.crash import driver

from tieline.core.events import Connected
from tieline.core.identity import Certificate
from tieline.core.terms import Precedence
from tieline.node import backup, privatefile
from tieline.node.config import Config, Home, write_config

WHO: Final = "alpha"
SAFE: Final = "safe"
ROUNDS: Final = 4
BETWEEN: Final = 3  # so many steps of a backup, then the two talk


class Keys:
    """What a backup needs of ALPHA's keys."""

    db_key = desk_key = driver.KEYS[WHO]

    @property
    def certificate(self) -> Certificate:
        entry = driver.cast().charter.charter.station(driver.member(WHO).station)
        assert entry is not None
        return entry.certificate


def prepare(folder: Path) -> None:
    driver.prepare(folder)
    (folder / SAFE).mkdir()
    write_config(folder / WHO / "config.toml", Config())
    privatefile.write_new(folder / WHO / "keys.tlk", b"a key store, encrypted" * 20)


def play(folder: Path, mark: Callable[[str], None]) -> None:
    driver.short_logs()
    stations = [driver.Station(folder, name, mark) for name in driver.NAMES]
    alpha, bravo = stations
    alpha.take(Connected(carrier="memory", peer=bravo.own, address="memory"))
    bravo.take(Connected(carrier="memory", peer=alpha.own, address="memory"))
    token = 0

    def talk() -> None:
        nonlocal token
        for station in stations:
            station.take(driver.speak(token, Precedence(token % 2)))
            token += 1
        driver.carry(stations)

    for count in range(ROUNDS):
        talk()
        out = folder / SAFE / f"{count}.bak"
        made = backup.Backup(Home(folder / WHO), Keys(), alpha.store, out, root=False)
        for number, step in enumerate(made.steps()):
            step()
            if number % BETWEEN == BETWEEN - 1:
                talk()
        made.abandon()
        told = made.done()
        assert told["noted"] is True
        mark(f"backup {WHO} {out.name} {told['entries']}")
    for station in stations:
        station.store.close()


def sabotage(how: str) -> None:
    """Break the promise: no bytes are synced, no names are, or the file grows under its name."""
    target = backup._Target
    if how == "unsynced":
        os.fsync = lambda _: None  # type: ignore[assignment]
    elif how == "no folder":
        backup.disk.sync_folder = lambda _: None  # type: ignore[attr-defined]
    elif how == "in place":
        begin = target.__init__

        def init(self: backup._Target, path: Path) -> None:
            begin(self, path)
            self._part = path

        target.__init__ = init  # type: ignore[method-assign]
        target.finish = lambda self: os.fsync(self._fd)  # type: ignore[method-assign]
        target.abandon = lambda self: self._close()  # type: ignore[method-assign]


def main(folder: Path, how: str) -> None:
    sabotage(how)
    fd = os.open(folder / "marks", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    play(folder, lambda text: driver.mark(fd, folder, text))
    os.close(fd)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
