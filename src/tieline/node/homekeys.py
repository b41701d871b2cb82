"""The keys of a home: which files a party's and a station's keys are, and how they come to be.

A home is the folder of one station. It holds

* ``keys.tlk``: the station's keys;
* ``root.tlk``: the party's root, which may be taken off the machine once the station has its
  certificate, and which a second station of the party needs once;
* ``machine.id``: 32 random bytes that belong to this machine and to no backup, by which a station
  knows that its home was copied or restored elsewhere (``tieline.node.machine``).

No file is ever written over: a home that has one of them is refused before anything is made.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError
from tieline.core.identity import Card, CardStation
from tieline.core.terms import MAX_TIME_MS
from tieline.node import privatefile
from tieline.node.secrets import RootKey, StationKeys, Unlock, make_root, make_station

ROOT_FILE: Final = "root.tlk"
KEYS_FILE: Final = "keys.tlk"
MACHINE_FILE: Final = "machine.id"
MACHINE_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHome:
    """What ``create_home_keys`` made: the unlocked keys, and the party's first card."""

    root: RootKey
    station: StationKeys
    card: Card


def create_home_keys(  # noqa: PLR0913  # each is named by its caller
    home: Path,
    *,
    party: str,
    party_name: str,
    realm: str,
    station_name: str,
    unlock_with: Unlock,
    root_unlock_with: Unlock | None = None,
    addresses: tuple[str, ...] = (),
    lifetime: tuple[int, int] = (0, MAX_TIME_MS),
) -> NewHome:
    """Make a party with its root and its first station in the folder ``home``, which must exist.

    ``lifetime`` is from when to when its certificate is valid, in ms. The root opens with
    ``root_unlock_with``, by default as the station's keys do. Raises ``LocalError``
    (``keys.home``, ``keys.exists``, ``keys.passphrase``, and what is wrong with a code, name, realm
    or address), ``ShellError``. A failure leaves no file behind.
    """
    _check_free(home, (ROOT_FILE, KEYS_FILE, MACHINE_FILE))
    root = make_root(
        home / ROOT_FILE,
        party=party,
        party_name=party_name,
        realm=realm,
        unlock_with=root_unlock_with or unlock_with,
    )
    try:
        station = create_station(
            home,
            root,
            station_name=station_name,
            unlock_with=unlock_with,
            not_before_ms=lifetime[0],
            not_after_ms=lifetime[1],
        )
        card = root.card((CardStation(certificate=station.certificate, addresses=addresses),))
    except BaseException:
        for name in (ROOT_FILE, KEYS_FILE, MACHINE_FILE):
            (home / name).unlink(missing_ok=True)
        raise
    return NewHome(root=root, station=station, card=card)


def create_station(
    home: Path,
    root: RootKey,
    *,
    station_name: str,
    unlock_with: Unlock,
    not_before_ms: int = 0,
    not_after_ms: int = MAX_TIME_MS,
) -> StationKeys:
    """Make a station under an existing root in the folder ``home``: a party's second station.

    The party's new card names both: ``root.card((*card.stations, CardStation(certificate=...,
    addresses=...)))``. Raises as ``create_home_keys``.
    """
    _check_free(home, (KEYS_FILE, MACHINE_FILE))
    privatefile.write_new(home / MACHINE_FILE, os.urandom(MACHINE_BYTES))
    try:
        return make_station(
            home / KEYS_FILE,
            root,
            name=station_name,
            unlock_with=unlock_with,
            not_before_ms=not_before_ms,
            not_after_ms=not_after_ms,
        )
    except BaseException:
        (home / MACHINE_FILE).unlink(missing_ok=True)
        raise


def read_machine_id(home: Path) -> bytes:
    """The 32 bytes that belong to this machine. Raises ``LocalError``, ``ShellError``."""
    data = privatefile.read(home / MACHINE_FILE)
    if len(data) != MACHINE_BYTES:
        raise LocalError(
            "keys.machine",
            f"{home / MACHINE_FILE} must have {MACHINE_BYTES} bytes; move it away and start again",
        )
    return data


def _check_free(home: Path, names: tuple[str, ...]) -> None:
    if not home.is_dir():
        raise LocalError("keys.home", f"there is no folder {home}; make it first")
    for name in names:
        privatefile.check_free(home / name)
