"""Acts on a home whose station is not running: make its store, install a charter, audit.

They open the store themselves, so a running station keeps them out by its lock.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from tieline.core import bundle, crypto, sync
from tieline.core.charter import SignedCharter, dearmor_charter
from tieline.core.errors import RemoteError, TielineError
from tieline.core.events import Install, Reply, Transmit
from tieline.core.identity import dearmor, parse_card
from tieline.core.line import Line
from tieline.core.statement import parse
from tieline.core.station import Station
from tieline.node.acts import NodeActs
from tieline.node.agreements import Agreements
from tieline.node.audit import audit_file
from tieline.node.clock import ControlledClock, MachineClock
from tieline.node.config import Home
from tieline.node.host import Host
from tieline.node.machine import HomeMachine
from tieline.node.runtime import Runtime
from tieline.node.secrets import StationKeys
from tieline.node.view import Json, heads_view
from tieline.ports import Fact
from tieline.store.memory import MemoryMachine
from tieline.store.opening import can_write
from tieline.store.sqlite import SqliteStore


class _Nowhere:
    """A world with no carriers: it only remembers the answer."""

    def __init__(self) -> None:
        self.answer: Reply | None = None

    def transmit(self, effect: Transmit) -> str:
        return ""

    def reply(self, effect: Reply) -> None:
        self.answer = effect

    def peers_changed(self) -> None:
        """Carriers that are started later read the charter themselves."""

    def published(self, first: int, facts: Sequence[Fact]) -> None:
        """Nobody watches a station that is not running."""


def create_store(home: Home, keys: StationKeys) -> None:
    """Make the empty store of a new home. Raises ``TielineError``."""
    SqliteStore.create(home.store_file, keys.db_key).close()


def install(
    home: Home, keys: StationKeys, signed: SignedCharter, history: Sequence[SignedCharter] = ()
) -> dict[str, Json]:
    """Install a charter, for a joining station with the versions before it.

    Raises its refusal as ``TielineError``.
    """
    store = SqliteStore.open(home.store_file, keys.db_key)
    machine: HomeMachine | None = None
    try:
        machine = HomeMachine.open(home.path)
        controlled = home.config.controlled_clock_ms
        clock = MachineClock() if controlled is None else ControlledClock(controlled)
        now, own, world = clock.now(), keys.certificate, _Nowhere()
        runtime = Runtime(
            own.station, own.realm, store, keys, world, now, machine=machine, boot=clock.boot
        )
        act = Install(token=1, charter=signed, incarnation=os.urandom(8), history=tuple(history))
        runtime.turn([act], now)
        if world.answer is not None and isinstance(world.answer.result, TielineError):
            raise world.answer.result
    finally:
        store.close()
        if machine is not None:
            machine.close()
    return {
        "line": signed.charter.line.hex(),
        "version": signed.charter.version,
        "complete": signed.complete,
    }


def heads(home: Home, keys: StationKeys) -> dict[str, Json]:
    """What the act ``heads`` says, of a station that is not running. Raises ``TielineError``."""
    store = SqliteStore.open(home.store_file, keys.db_key, read_only=True)
    try:
        own = keys.certificate
        facts = (fact for _, fact in store.facts())
        station = Station.load(own.station, own.realm, facts, MachineClock().now())
        lines: list[Json] = [heads_view(line) for _, line in sorted(station.lines.items())]
        return {"lines": lines}
    finally:
        store.close()


def audit_home(home: Home, keys: StationKeys) -> dict[str, Json]:
    """Check a store that nobody has open: its file, then everything in it."""
    own = keys.certificate
    damage = SqliteStore.verify_file(home.store_file, keys.db_key, pages=False)
    if damage:
        problems: list[Json] = [*damage]
        return {"ok": False, "statements": 0, "logs": [], "problems": problems}
    store = SqliteStore.open(home.store_file, keys.db_key, read_only=True)
    try:
        last = store.last()
        return audit_file(home.store_file, keys.db_key, last, own.station, own.realm, [])
    finally:
        store.close()


def check_files(home: Home) -> list[str]:
    """What is wrong with the cards and charters in a home, one sentence each."""
    problems: list[str] = []
    paths = [home.card_file, *home.cards.glob("*.tlcard"), *home.charters.glob("*.charter")]
    for path in sorted(path for path in paths if path.exists()):
        try:
            text = path.read_bytes().decode("ascii")
            if path.suffix == ".charter":
                dearmor_charter(text)
            else:
                parse_card(dearmor(text))
        except (TielineError, OSError, UnicodeDecodeError) as error:
            why = error.message if isinstance(error, TielineError) else str(error)
            problems.append(f"{path}: {why}")
    return problems


def check_bundle(home: Home, keys: StationKeys, data: bytes) -> tuple[int, str]:
    """Check a bundle and every statement in it, without taking it in.

    Returns the count of statements and the exporter's party. Raises ``TielineError``.
    """
    own = keys.certificate
    parsed = bundle.parse(own.realm, data)
    lines: dict[bytes, Line] = {}
    for path in sorted(home.charters.glob("*.charter")):
        signed = dearmor_charter(path.read_text(encoding="ascii"))
        line = lines.get(signed.charter.line)
        if line is None:
            lines[signed.charter.line] = Line(own.station, signed)
        else:
            line.use_charter(signed)
    line = bundle.check(parsed, lines)
    count = 0
    for packed in bundle.envelopes_of(keys.open_sealed(parsed.sealed)):
        envelope = sync.unpack(packed)
        for raw in envelope.statements if isinstance(envelope, sync.Push) else ():
            statement = parse(own.realm, raw)
            key = line.sign_key(statement.place.charter, statement.place.station)
            if key is None or not crypto.verify(key, statement.signed, statement.signature):
                raise RemoteError(
                    "statement.forged",
                    f"statement {statement.digest.hex()[:12]} in the bundle is not signed by the"
                    " station that it names",
                )
            count += 1
    return count, line.party_of(parsed.header.exporter)


async def perform(
    home: Home, keys: StationKeys, name: str, args: Mapping[str, Json]
) -> dict[str, Json]:
    """Perform an act that only reads, on a store that nobody has open.

    Raises ``TielineError``.
    """
    own, controlled = keys.certificate, home.config.controlled_clock_ms
    store = SqliteStore.open(home.store_file, keys.db_key, read_only=True)
    machine: HomeMachine | None = None
    try:
        if can_write(home.path):
            machine = HomeMachine.open(home.path)
        host = Host(
            own=own.station,
            realm=own.realm,
            store=store,
            signer=keys,
            sealer=keys,
            clock=MachineClock() if controlled is None else ControlledClock(controlled),
            # Who only reads takes no turn, and never asks the machine how far it has written.
            machine=machine or MemoryMachine(own.party),
            fatal=lambda _: None,
            on_stop=lambda: None,
            agreements=Agreements(home.path, home.config.language),
        )
        result = await NodeActs(host).act(name, args)
        return result if isinstance(result, dict) else {}
    finally:
        store.close()
        if machine is not None:
            machine.close()
