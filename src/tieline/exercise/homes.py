"""Homes for the stations of an exercise: keys, cards, one charter that all have signed.

Everything is made as real parties would make it, only in one place and at once: every party has a
root and a station of its own, opened by a key file; the cards name the public ends of the wires;
every root signs the charter. The realm of the exercise is in every key's name, so nothing made here
can be taken for real traffic.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tieline.core.charter import SignedCharter, armor_charter, make_charter
from tieline.core.identity import armor
from tieline.core.provisions import Clocks, Release, Tests
from tieline.core.terms import Precedence
from tieline.exercise.scenario import Party, Rules, Scenario
from tieline.node import packs
from tieline.node.config import Config, Home, write_config
from tieline.node.homekeys import NewHome, create_home_keys
from tieline.node.secrets import create_key_file
from tieline.store.sqlite import SqliteStore

FIRST_HOST: Final = 11  # 127.0.0.11 is the first station; .0 and .1 stay free
MAX_HOSTS: Final = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Where one party sits: its home, the address it calls from and listens on, its public end."""

    party: str
    home: Home
    host: str
    front: str
    station: bytes
    tls_der: bytes
    seal_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """All seats, and the charter that makes them a line."""

    seats: dict[str, Seat]
    line: bytes
    charter: str


async def prepare(
    scenario: Scenario, folder: Path, add_wire: Callable[[str, str], Awaitable[str]]
) -> Table:
    """Make the homes of all parties under ``folder``, which must be empty.

    ``add_wire(front, back)`` opens the public end of a station and returns its address. Raises
    ``TielineError`` and ``OSError``.
    """
    made: dict[str, NewHome] = {}
    seats: dict[str, Seat] = {}
    for number, party in enumerate(scenario.parties):
        host = f"127.0.0.{FIRST_HOST + number}"
        back = f"{host}:{_free_port(host)}"
        front = await add_wire(f"127.0.1.{FIRST_HOST + number}:0", back)
        home = Home(folder / party.code.lower())
        new = _home(home, scenario, party, front)
        made[party.code] = new
        _configure(home, party, scenario.start_ms, (back, host))
        seats[party.code] = Seat(
            party=party.code,
            home=home,
            host=host,
            front=front,
            station=new.station.station,
            tls_der=new.station.tls_cert_der,
            seal_key=new.station.certificate.seal_key,
        )
    charter = make_charter(
        scenario.rules.line,
        [new.card for new in made.values()],
        nonce=os.urandom(16),
        clocks=_clocks(scenario.rules),
        tests=Tests(
            interval_s=scenario.rules.tests_every_s,
            window_s=scenario.rules.tests_window_s,
            answered_by=scenario.rules.tests_by,
        ),
        release=Release(
            four_eyes=frozenset(scenario.rules.four_eyes), standing=scenario.rules.standing
        ),
        silence_s=scenario.rules.silence_s,
        packs=[pack.hash for pack in scenario.rules.packs],
    )
    signed = SignedCharter(charter=charter, signatures=())
    for code, new in sorted(made.items()):
        signed = signed.add_signature(code, new.root.sign_charter(charter))
    for code in made:
        for pack in scenario.rules.packs:
            packs.keep(seats[code].home.path, pack)
    return Table(seats=seats, line=charter.line, charter=armor_charter(signed))


def _home(home: Home, scenario: Scenario, party: Party, front: str) -> NewHome:
    home.path.mkdir(mode=0o700, parents=True)
    new = create_home_keys(
        home.path,
        party=party.code,
        party_name=party.name,
        realm=scenario.realm,
        station_name=party.station,
        unlock_with=create_key_file(home.path / "key"),
        addresses=(front,),
    )
    SqliteStore.create(home.store_file, new.station.db_key).close()
    for path in (home.cards, home.charters, home.socket.parent):
        path.mkdir(mode=0o700)
    home.card_file.write_text(armor(new.card.encoded), encoding="ascii")
    return new


def _configure(home: Home, party: Party, clock_ms: int, ends: tuple[str, str]) -> None:
    back, host = ends
    write_config(
        home.config_file,
        Config(
            listen=(back,),
            dial_from=host,
            key_file="key",
            officer=party.watch,
            language=party.language,
            controlled_clock_ms=clock_ms,
            # Twenty hours pass in a minute here: a road that is back is to be found soon.
            ping_s=1.0,
            lost_s=4.0,
            backoff_max_s=0.5,
        ),
    )


def _clocks(rules: Rules) -> Clocks:
    rows = {
        precedence: tuple(seconds for _, seconds in sorted(clocks))
        for precedence, clocks in rules.clocks_s
    }
    return Clocks(
        flash=rows[Precedence.FLASH],
        immediate=rows[Precedence.IMMEDIATE],
        priority=rows[Precedence.PRIORITY],
        routine=rows[Precedence.ROUTINE],
    )


def _free_port(host: str) -> int:
    """A port that nobody listens on now.

    Another process may take it first; then the station says so, and the exercise does not start.
    """
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
