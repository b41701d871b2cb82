"""A live station: the one place where store, keys, carrier, clock and API are put together.

The process ends in one of three ways: a person or a signal stops it (0), it cannot start (the
error is raised to the caller), or the store fails while it runs: then it stops at once with the
cause, because it can no longer promise anything to anyone.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import Callable, Hashable
from functools import partial

from tieline.carriers.pipe import Identity
from tieline.carriers.tls import TlsCarrier
from tieline.carriers.tuning import TlsTuning
from tieline.core.errors import LocalError, TielineError
from tieline.core.line import Line
from tieline.node import collector, early, homefolder, traces
from tieline.node.acts import NodeActs
from tieline.node.agreements import Agreements
from tieline.node.ahead import Ahead, cores
from tieline.node.api import ApiServer
from tieline.node.asking import Witnesses
from tieline.node.atonce import AtOnce
from tieline.node.backup import Keeper
from tieline.node.beside import Beside
from tieline.node.clock import ControlledClock, MachineClock
from tieline.node.clockwatch import ClockWatch
from tieline.node.config import Home
from tieline.node.duewatch import PAUSE_S, DueWatch
from tieline.node.gate import HERE
from tieline.node.host import Host
from tieline.node.machine import HomeMachine
from tieline.node.roomwatch import RoomWatch
from tieline.node.rotation import LiveKeys
from tieline.node.secrets import StationKeys
from tieline.node.unstored import Unstored
from tieline.store import wal
from tieline.store.sqlite import SqliteStore


async def serve(
    home: Home,
    keys: StationKeys,
    *,
    read: Callable[[], StationKeys] | None = None,
    ready: Callable[[str, int], None] | None = None,
) -> None:
    """Run a station until it is stopped.

    ``ready`` is told the addresses once it answers, and how many lines its record holds.

    ``read`` opens its key store again, when it holds keys that it did not when the station began.

    Raises ``TielineError`` when it cannot start, or when its store fails.
    """
    traces.install()
    homefolder.check(home.path)
    collector.spare()
    store = SqliteStore.open(home.store_file, keys.db_key)
    machine: HomeMachine | None = None
    try:
        wal.write_out(home.store_file)
        machine = HomeMachine.open(home.path)
        live = LiveKeys(keys, read or (lambda: keys), _stamp(home))
        await _serve(home, live, store, machine, ready)
    finally:
        store.close()
        if machine is not None:
            machine.close()


async def _serve(
    home: Home,
    live: LiveKeys,
    store: SqliteStore,
    machine: HomeMachine,
    ready: Callable[[str, int], None] | None,
) -> None:
    keys, loop, stopping = live.keys, asyncio.get_running_loop(), asyncio.Event()
    fatal: list[TielineError] = []

    def die(error: TielineError) -> None:
        fatal.append(error)
        stopping.set()

    host = Host(
        own=keys.certificate.station,
        realm=keys.certificate.realm,
        store=store,
        signer=live,
        sealer=live,
        clock=_clock(home, keys, store),
        machine=machine,
        fatal=die,
        on_stop=stopping.set,
        room=RoomWatch(store),
        clocks=ClockWatch(),
        names=(keys.certificate.party, keys.certificate.station_name),
        keeper=Keeper(home, keys),
        agreements=Agreements(home.path, home.config.language),
    )
    carrier = _carrier(home, keys, host)
    host.carriers.append(carrier)
    _set_watches(home, host)
    host.reload_keys = partial(_reload, live, carrier)
    host.desk_key = lambda: keys.desk_key
    collector.calm()
    api = ApiServer(home.socket, _acts(host, store))
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopping.set)
    await carrier.start()
    watches: list[asyncio.Task[None] | asyncio.Task[bool]] = []
    try:
        await api.start()
        host.start()
        watches += host.watch()
        if ready is not None:
            ready(", ".join(carrier.bound), len(host.station.lines))
        lines = [*host.station.lines.values()]
        watches.append(asyncio.create_task(early.load(host.agreements, lines)))
        await stopping.wait()
    finally:
        await host.gate.opened()
        for task in watches:
            task.cancel()
        await api.stop()
        with contextlib.suppress(TielineError):
            await carrier.stop()
        host.close()
    if fatal:
        raise fatal[0]


def _acts(host: Host, store: SqliteStore) -> AtOnce:
    """The acts, and all that lets a station commit beside its loop when its disk is slow."""
    unstored = Unstored(host)
    acts = AtOnce(NodeActs(host), host.gate, unstored)
    host.beside = Beside(store, host.gate)
    host.beside.before, host.beside.unseen = acts.look, acts.forget
    host.beside.unstored = unstored
    HERE.set(host.gate)
    return acts


def _set_watches(home: Home, host: Host) -> None:
    """Give the station who asks its witnesses, and who looks at what agreements say is owed."""

    def lines() -> list[Line]:
        return list(host.station.lines.values())

    host.witnesses = Witnesses(
        lines, host.submit, dict(home.config.witnesses), chance=random.SystemRandom()
    )
    host.ahead = Ahead(asyncio.get_running_loop()) if cores() > 1 else None
    host.due = DueWatch(
        lines,
        host.agreements,
        host.clock.now,
        host.submit,
        lambda: host.incidents,
        pause_s=PAUSE_S if isinstance(host.clock, MachineClock) else 0.0,
    )


def _carrier(home: Home, keys: StationKeys, host: Host) -> TlsCarrier:
    config = home.config
    first, *further = _identities(keys)
    return TlsCarrier(
        self_id=keys.certificate.station,
        cert_der=first.cert_der,
        key_pem=first.key_pem,
        further=tuple(further),
        events=host,
        rng=random.SystemRandom(),
        listen=config.listen,
        dial_from=config.dial_from or None,
        tuning=TlsTuning(
            ping_s=config.ping_s, lost_s=config.lost_s, backoff_max_s=config.backoff_max_s
        ),
    )


def _reload(live: LiveKeys, carrier: TlsCarrier) -> int:
    """Look into the key store again; how many sets of keys it holds."""
    fresh = live.refresh()
    carrier.show(_identities(fresh))
    return len(fresh.sets)


def _identities(keys: StationKeys) -> tuple[Identity, ...]:
    return tuple(
        Identity(cert_der=each.tls_cert_der, key_pem=each.tls_key_pem()) for each in keys.sets
    )


def _stamp(home: Home) -> Callable[[], Hashable]:
    """What changes when the key store is replaced."""

    def look() -> Hashable:
        try:
            found = home.keys_file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    return look


def _clock(home: Home, keys: StationKeys, store: SqliteStore) -> MachineClock | ControlledClock:
    start_ms = home.config.controlled_clock_ms
    if start_ms is None:
        return MachineClock()
    if not keys.certificate.realm:
        raise LocalError(
            "config.value",
            f"{home.config_file}: 'exercise.controlled_clock' is set, but this station is for real"
            " traffic; remove it",
        )
    # After a restart the clock goes on where the journal stopped, never before it.
    last = max((fact.at_ms for _, fact in store.facts()), default=start_ms)
    return ControlledClock(max(start_ms, last))
