"""A watch floor in one process: two stations joined in memory, and BRAVO's desk over real HTTP.

The stations turn in the loop of one thread, the desk serves in the loop of another, on a port of
its own, as ``tieline desk`` does it: a sabotage build that is in force here is in force there. The
desk's clock is the floor's, so that a minute costs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar
from unittest import mock

from starlette.responses import PlainTextResponse, Response
from tests.faults.rows import scratch
from tests.node import pair
from tests.node.pair import Running
from tests.web.plain import Plain

from tieline.core.charter import Release, dearmor_charter
from tieline.core.terms import Precedence
from tieline.desk.web import app, credentials, run, screens, server
from tieline.desk.web.app import Route
from tieline.desk.web.frame import Frame
from tieline.desk.web.link import StationLink
from tieline.desk.web.officers import ROLES, Officer, Officers
from tieline.desk.web.sessions import Sessions
from tieline.desk.web.visit import Desk, Visit
from tieline.node import packs
from tieline.node.acts import NodeActs
from tieline.node.api import ApiServer
from tieline.node.duewatch import DueWatch
from tieline.node.view import Json
from tieline.ports import Store
from tieline.store.memory import MemoryStore

T = TypeVar("T")
PASSWORD: Final = "correct horse battery"
WAIT_S: Final = 60.0
PACKS: Final = ("crisis", "incident")


class Loop:
    """A loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, what: Coroutine[object, object, T]) -> T:
        """Run it there; what it gives."""
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(WAIT_S)

    def stop(self) -> None:
        """End what still goes on there, and the thread."""

        async def rest() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.loop.shutdown_default_executor()

        with contextlib.suppress(TimeoutError):
            self.do(rest())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(WAIT_S)
        self.loop.close()


class Floor:
    """Two stations, one desk. ``store`` and ``place`` are where BRAVO's record and its desk are.

    ``realm``: the name of the exercise that they are of.
    """

    def __init__(
        self, folder: Path, store: Store | None = None, place: Path | None = None, realm: str = ""
    ) -> None:
        self.folder, self.place, self.realm = folder, place or folder / "desk", realm
        self.shift_ms = 0
        self.port = 0
        self.officers: dict[str, str] = {}
        self._visitors: dict[tuple[str, ...], Plain] = {}
        self._there, self._here = Loop(), Loop()
        self._there.do(self._stations(store))
        self._here.do(self._open())

    # ------------------------------------------------------------------------- the stations

    async def _stations(self, store: Store | None) -> None:
        found = [packs.find(name) for name in (*PACKS, *(["exercise"] if self.realm else []))]
        seats, text = pair.make_homes(
            self.folder,
            realm=self.realm,
            packs=tuple(sorted(one.hash for one in found)),
            release=Release(four_eyes=frozenset({Precedence.IMMEDIATE})),
        )
        for seat in seats:
            for one in found:
                packs.keep(seat.home.path, one)
        self.alpha = Running(seats[0], MemoryStore())
        self.bravo = Running(seats[1], store or MemoryStore(), watch_room=True)
        for running in (self.alpha, self.bravo):
            await running.install(dearmor_charter(text))
        pair.join(self.alpha, self.bravo)
        keys = self.bravo.seat.keys
        host = self.bravo.host
        host.desk_key = lambda: keys.desk_key
        (self.place / "run").mkdir(parents=True, mode=0o700)
        self._acts = {running: NodeActs(running.host) for running in (self.alpha, self.bravo)}
        self._api = ApiServer(self.socket, self._acts[self.bravo])
        await self._api.start()
        host.due = DueWatch(
            lambda: list(host.station.lines.values()), host.agreements, host.clock.now,
            host.submit, lambda: host.incidents,
        )  # fmt: skip
        for running in (self.alpha, self.bravo):
            running.host.start()
        self._watches = host.watch()

    @property
    def socket(self) -> Path:
        """Where BRAVO's station is asked."""
        return self.place / "run" / "station.sock"

    def call(self, act: str, *, at: Running | None = None, **args: Json) -> dict[str, Json]:
        """An act of BRAVO's station, or of another one."""
        done = self._there.do(self._acts[at or self.bravo].act(act, args))
        assert isinstance(done, dict)
        return done

    def arrives(self, envelope: bytes) -> None:
        """Something comes to BRAVO from ALPHA's station."""
        peer = self.alpha.seat.keys.station
        self._there.loop.call_soon_threadsafe(self.bravo.host.heard, peer, "memory", envelope)

    def hears(self, text: str, **more: Json) -> str:
        """A message from ALPHA, once it is at BRAVO's; its digest."""
        done = self.call("send", at=self.alpha, text=text, **{"officer": "Writer A", **more})
        self.settle()
        return str(done["item"])

    def settle(self) -> None:
        """Wait until both stations are idle."""
        self._there.do(pair.settle(self.alpha, self.bravo))

    # ---------------------------------------------------------------------------- the desk

    async def _open(self) -> None:
        listener = server.bind(run.HOST, 0)
        self.port = int(listener.getsockname()[1])
        vault = await asyncio.to_thread(run.vault_of, self.place)
        people = Officers(vault)
        for role in ROLES:
            self.officers[role] = role.title()
            people.add(self.officers[role], (role,), PASSWORD, self.now_ms())
        self.stopping = asyncio.Event()
        self.desk = Desk(
            link=StationLink(self.socket),
            vault=vault,
            officers=people,
            sessions=Sessions(vault, people),
            frame=Frame(self.now_ms),
            stopping=self.stopping,
            port=self.port,
        )
        routes = (*screens.ROUTES, Route("/probe/{act}", _probe, "POST"))
        hosts = [f"{name}:{self.port}" for name in (run.HOST, "localhost")]
        built = app.build(self.desk, routes, hosts, screens.UPLOADS)
        await self.desk.link.start()
        up = asyncio.Event()

        async def ready() -> None:
            up.set()

        self._ringing = asyncio.create_task(self.desk.ringing.run())
        self._serving = asyncio.create_task(server.run(built, listener, self.stopping, ready))
        self._listener = listener
        await up.wait()

    def now_ms(self) -> int:
        """The time of the desk; UTC ms."""
        return time.time_ns() // 1_000_000 + self.shift_ms

    def within(self, what: Coroutine[object, object, T]) -> T:
        """Run something in the desk's own loop."""
        return self._here.do(what)

    @property
    def address(self) -> str:
        """Where the desk is."""
        return f"http://{run.HOST}:{self.port}"

    def officer(self, *roles: str) -> Officer:
        """The account that has exactly these roles."""

        async def one() -> Officer:
            people = self.desk.officers
            for each in people.all():
                if each.roles == roles:
                    return each
            return people.add(f"Several {len(people.all())}", roles, PASSWORD, self.now_ms())

        return self.within(one())

    def visitor(self, *roles: str) -> Plain:
        """Somebody who is logged in with these roles; the same one each time."""
        if roles not in self._visitors:
            self._visitors[roles] = self.fresh(*roles)
        return self._visitors[roles]

    def fresh(self, *roles: str) -> Plain:
        """A new session of somebody with these roles, in the language it reads."""
        officer = self.officer(*roles)

        async def begin() -> tuple[str, str]:
            name = self.desk.sessions.begin(officer, self.now_ms())
            session = self.desk.sessions.find(name, self.now_ms())
            assert session is not None
            return name, session.token

        name, token = self.within(begin())
        return Plain(self, {self.desk.cookie: name}, token)

    def state(self) -> tuple[object, ...]:
        """What a POST could change: the record, the drafts, and the desk's accounts."""
        kept = ("officer", "credential", "draft", "setting", "handover")

        async def vault() -> list[object]:
            return [self.desk.vault.rows(f"SELECT * FROM {name}") for name in kept]  # noqa: S608

        told = self.call("status")
        return (len(self.call("log")["items"]), told["party"],  # type: ignore[arg-type]
                str(self.call("drafts")["drafts"]), str(self.within(vault())))  # fmt: skip

    def close(self) -> None:
        """End it all."""

        async def desk() -> None:
            self.stopping.set()
            tasks = (self._serving, self._ringing)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.desk.departures.stop()
            await self.desk.link.stop()
            self.desk.vault.close()
            self._listener.close()

        async def stations() -> None:
            for task in self._watches:
                task.cancel()
            await asyncio.gather(*self._watches, return_exceptions=True)
            await self._api.stop()
            for running in (self.alpha, self.bravo):
                running.host.close()

        for loop, ending in ((self._here, desk()), (self._there, stations())):
            loop.do(ending)
            loop.stop()


async def _probe(visit: Visit) -> Response:
    """An act of the table as a screen would do it, with nothing in its hands."""
    act = visit.path("act")
    if act.startswith("desk."):
        visit.allow(act)
    else:
        await visit.perform(act)
    return PlainTextResponse("done\n")


_standing: list[Floor] = []


@contextlib.contextmanager
def stage() -> Iterator[None]:
    """A floor for some cases; the one that stands already, where there is one."""
    if _standing:
        yield
        return
    with scratch() as folder, _quick_hashes():
        made = Floor(Path(folder))
        _standing.append(made)
        try:
            yield
        finally:
            _standing.pop()
            made.close()


@contextlib.contextmanager
def _quick_hashes() -> Iterator[None]:
    """Let a password cost little: who may do what does not hang on how long a hash takes."""
    with (
        mock.patch.object(credentials, "_MEMORY_KIB", 64),
        mock.patch.object(credentials, "_PASSES", 1),
    ):
        yield


def here() -> Floor:
    """The floor of this case."""
    return _standing[-1]


POSTS: Final = tuple(route.path for route in screens.ROUTES if route.method == "POST")
GETS: Final = tuple(route.path for route in screens.ROUTES if route.method == "GET")


def filled(path: str, parts: Sequence[str] = ("ab" * 32,)) -> str:
    """A route with something in the place of each of its parts."""
    out, turn = [], 0
    for each in re.split(r"(\{[^}]*\})", path):
        if each.startswith("{"):
            out.append("1" if "number" in each else parts[turn % len(parts)])
            turn += 1
        else:
            out.append(each)
    return "".join(out)


def threads() -> int:
    """How many there are in this process."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208
