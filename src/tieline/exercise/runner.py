"""One exercise from beginning to end: homes, wires, processes, control, counting, files.

The stations are real processes with their own homes, keys and stores, on loopback addresses of
their own; every connection between two of them passes a wire that control can cut. Nothing is left
behind: processes are stopped and homes removed, unless they were asked to be kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console

from tieline.core.errors import LocalError, TielineError
from tieline.exercise import carried, chaos, evidence, file, homes, reports, score, umpire
from tieline.exercise.answer import Entry, Json
from tieline.exercise.board import Board
from tieline.exercise.control import Attack, Control, Link, Played
from tieline.exercise.forge import Forger
from tieline.exercise.looks import Looked
from tieline.exercise.office import Office
from tieline.exercise.owed import Debt, Owed, read_debts
from tieline.exercise.promises import Holding, Summary, read_holding, summarise
from tieline.exercise.scenario import Carry, Equivocate, Event, Forge, Scenario
from tieline.exercise.screen import Screen
from tieline.exercise.stage import Hand, Stage
from tieline.exercise.steady import SteadyLink
from tieline.exercise.supervise import Process
from tieline.exercise.twostories import TwoStories
from tieline.exercise.wire import Wire
from tieline.node.config import read_config, write_config
from tieline.node.offline import audit_home
from tieline.node.secrets import KeyFile, unlock

LOG_LIMIT: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an exercise is to be run.

    ``pace`` multiplies the pauses for reading (0: none); ``kills`` processes are killed at moments
    drawn from ``seed``; ``keep`` is a folder in which the homes stay. ``people``: parties that are
    not played by the script; with them, or if ``umpired``, an umpire has the clock, whose office is
    in ``keep``.
    """

    pace: float = 0.0
    live: bool = False
    out: Path | None = None
    svg: Path | None = None
    keep: Path | None = None
    kills: int = 0
    seed: int = 0
    patience_s: float = 60.0
    people: tuple[str, ...] = ()
    umpired: bool = False


@dataclass(slots=True)
class Place:
    """The world around the stations, as control may change it."""

    table: homes.Table
    wire: Wire
    forger: Forger
    stories: TwoStories
    folder: Path

    async def cut(self, pairs: tuple[tuple[str, str], ...]) -> None:
        for caller, front in self._roads(pairs):
            self.wire.cut(caller, front)

    async def heal(self, pairs: tuple[tuple[str, str], ...]) -> None:
        for caller, front in self._roads(pairs):
            self.wire.heal(caller, front)

    async def forge(self, forge: Forge, links: Mapping[str, Link]) -> tuple[Attack, ...]:
        return await self.forger.forge(forge, links)

    async def equivocate(self, act: Equivocate, first: str, links: Mapping[str, Link]) -> str:
        return await self.stories.tell(act, first, links)

    async def carry(self, act: Carry, links: Mapping[str, Link]) -> None:
        await carried.by_hand(act, self.folder, links)

    def _roads(self, pairs: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
        seats = self.table.seats
        both = [*pairs, *((other, one) for one, other in pairs)]
        return [(seats[caller].host, seats[called].front) for caller, called in both]


class Troupe:
    """Everything that runs during an exercise: wires, station processes, links, watchers."""

    def __init__(self, scenario: Scenario, table: homes.Table, wire: Wire, folder: Path) -> None:
        self.table = table
        self.failure: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.board = Board(scenario.codes)
        self.now_ms = scenario.start_ms
        self.screen: Screen | None = None
        self.place = Place(
            table,
            wire,
            Forger(scenario, table, folder, lambda: self.now_ms),
            TwoStories(scenario.realm, table, lambda: self.now_ms),
            folder,
        )
        self.links = {
            code: SteadyLink(code, seat.home.socket, time_ms=lambda: self.now_ms)
            for code, seat in table.seats.items()
        }
        self.processes = {
            code: Process(
                code,
                seat.home.path,
                prepare=partial(self._wind, seat),
                restarted=self._restarted,
                failed=self._fail,
            )
            for code, seat in table.seats.items()
        }
        self._wire = wire
        self._unwired = scenario.unwired
        self._watchers: list[asyncio.Task[None]] = []
        self.visits: asyncio.Task[None] | None = None

    def _wind(self, seat: homes.Seat) -> None:
        """Before a station starts: its clock begins at the exercise's present, not at its start."""
        file = seat.home.config_file
        seconds_ms = self.now_ms // 1000 * 1000
        write_config(file, replace(read_config(file), controlled_clock_ms=seconds_ms))

    def _restarted(self, party: str, code: int) -> None:
        if self.screen is not None:
            self.screen.restarted(party, code)

    def _fail(self, text: str) -> None:
        if not self.failure.done():
            self.failure.set_result(text)

    async def start(self) -> None:
        """Start the stations, bring them the charter, and begin to watch."""
        await self.place.cut(self._unwired)
        await asyncio.gather(*(process.start() for process in self.processes.values()))
        for code, link in self.links.items():
            watcher = asyncio.create_task(link.watch(partial(self.board.take, code)))
            watcher.add_done_callback(self._watcher_ended)
            self._watchers.append(watcher)
        await asyncio.gather(
            *(
                link.act("charter_install", {"charter": self.table.charter})
                for link in self.links.values()
            )
        )

    def haunt(self, visits: tuple[chaos.Visit, ...], control: Control) -> None:
        """Let a clumsy visitor in, from now until the last visit or until the stations stop."""
        coming = chaos.haunt(visits, control.reached, lambda code: self.processes[code].kill())
        self.visits = asyncio.create_task(coming)

    def _watcher_ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(f"a watch stream could not be read: {error}")

    async def stop(self) -> None:
        """Stop every process and let go of everything. May be called twice."""
        ending = [*self._watchers, *([self.visits] if self.visits is not None else [])]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self._watchers.clear()
        await asyncio.gather(*(process.stop() for process in self.processes.values()))
        for link in self.links.values():
            await link.close()
        await self._wire.close()


async def run(scenario: Scenario, console: Console, options: Options) -> Summary:
    """Run an exercise and say how it went.

    Raises ``TielineError`` when it cannot be set up; whatever goes wrong later is a broken promise.
    """
    began = time.monotonic()
    peopled = options.umpired or bool(options.people)
    scenario = umpire.seated(scenario) if peopled else scenario
    with _folder(options.keep) as folder:
        wire = Wire()
        table = await homes.prepare(scenario, folder, wire.add)
        troupe = Troupe(scenario, table, wire, folder)
        screen = troupe.screen = _screen(scenario, troupe, console, options)
        office: Office | None = None
        try:
            screen.begin()
            control, office = _control(scenario, troupe, screen, options)
            visits = chaos.plan(scenario, options.kills, options.seed)
            troupe.haunt(visits, control)
            await troupe.start()
            if office is not None:
                await office.open()
            played = await _play(control, troupe)
            logs = await _logs(troupe, played)
            owed = await _owed(troupe, played)
            scored = await _score(scenario, troupe, played)
            if options.out is not None:
                await reports.write(table.seats[scenario.codes[0]].home.path, scored, options.out)
        finally:
            if office is not None:
                await office.close()
            await troupe.stop()
            screen.close()
        holdings = {
            code: read_holding(code, logs[code], _audit(seat)) for code, seat in table.seats.items()
        }
        first = scenario.codes[0]
        place = folder if options.out is None else options.out
        made = await evidence.make(table.seats[first], holdings[first], scenario.realm, place)
    summary = summarise(
        scenario,
        troupe.board,
        played,
        holdings,
        restarts=sum(process.restarts for process in troupe.processes.values()),
        seconds=time.monotonic() - began,
        evidence=made,
        owed=owed,
    )
    if options.out is not None:
        _write(options.out, summary, holdings, owed)
        _dump(options.out / "score.json", scored)
    screen.end(summary, holdings.values(), owed, scored, out=options.out)
    if options.svg is not None:
        screen.export_svg(options.svg)
    return summary


def _screen(scenario: Scenario, troupe: Troupe, console: Console, options: Options) -> Screen:
    return Screen(
        scenario,
        troupe.board,
        console,
        pace=options.pace,
        live=options.live,
        pids=lambda: {code: process.pid for code, process in troupe.processes.items()},
    )


def _control(
    scenario: Scenario, troupe: Troupe, screen: Screen, options: Options
) -> tuple[Control, Office | None]:
    """Who plays: the script alone, or people and an umpire with an office in the folder."""
    peopled = options.umpired or bool(options.people)
    hand = Hand(troupe.board.pulse)
    control = Control(
        scenario,
        troupe.links,
        troupe.board,
        troupe.place,
        Clockwork(screen, troupe),
        patience_s=options.patience_s,
        stage=Stage.of(scenario, options.people) if peopled else None,
        pace=hand if peopled else None,
    )
    if not peopled:
        return control, None
    folder = troupe.place.folder
    file.write(folder, scenario, options.people)

    async def scored() -> dict[str, Json]:
        return await _scored(scenario, troupe)

    return control, Office(control, hand, folder, score=scored)


async def _scored(scenario: Scenario, troupe: Troupe) -> dict[str, Json]:
    """How it went for each party, as the first station says it of its record."""
    answer = await troupe.links[scenario.codes[0]].act("incident_score", {})
    found = score.read(answer, without=(umpire.CODE,))
    return {"scenario": scenario.id, "title": scenario.title, **found}


async def _score(scenario: Scenario, troupe: Troupe, played: Played) -> dict[str, Json]:
    """The score at the end; one of nothing, when the station does not answer any more."""
    try:
        if not troupe.failure.done():
            return await _scored(scenario, troupe)
    except TielineError as error:
        played.trouble.append(f"the score could not be asked: {error.message}")
    return {"scenario": scenario.id, "title": scenario.title, "parties": []}


@dataclass(slots=True)
class Clockwork:
    """The audience, with the exercise's present passed on to whoever starts stations."""

    screen: Screen
    troupe: Troupe

    def moment(self, at_ms: int) -> None:
        self.troupe.now_ms = at_ms
        self.screen.moment(at_ms)

    def event(self, event: Event) -> None:
        self.screen.event(event)

    def said(self, event: Event, item: str) -> None:
        self.screen.said(event, item)

    def wires(self, cut: frozenset[frozenset[str]]) -> None:
        self.screen.wires(cut)

    def attacked(self, forge: Forge, attacks: tuple[Attack, ...]) -> None:
        self.screen.attacked(forge, attacks)

    def looked(self, event: Event, looked: Looked) -> None:
        self.screen.looked(event, looked)

    async def read(self) -> None:
        await self.screen.read()


async def _play(control: Control, troupe: Troupe) -> Played:
    """Play until the end, or until the stations cannot be kept alive any more.

    The exercise's clock does not wait for a visitor: whoever is late comes after the last event.
    """
    play = asyncio.create_task(control.play())
    try:
        await asyncio.wait((play, troupe.failure), return_when=asyncio.FIRST_COMPLETED)
        if play.done() and not control.played.trouble and troupe.visits is not None:
            await asyncio.wait((troupe.visits, troupe.failure), return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not play.done():
            play.cancel()
            await asyncio.gather(play, return_exceptions=True)
    if troupe.failure.done():
        control.played.trouble.append(troupe.failure.result())
    return control.played if play.cancelled() else play.result()


async def _logs(troupe: Troupe, played: Played) -> dict[str, Entry]:
    """What each station says it holds; nothing, when it does not answer any more."""
    logs: dict[str, Entry] = {}
    for code, link in troupe.links.items():
        try:
            if troupe.failure.done():
                raise LocalError("exercise.failed", "the exercise was given up")
            logs[code] = await link.act("log", {"limit": LOG_LIMIT})
        except TielineError as error:
            played.trouble.append(f"{code} could not be asked what it holds: {error.message}")
            logs[code] = Entry({}, code)
    return logs


async def _owed(troupe: Troupe, played: Played) -> dict[str, tuple[Debt, ...]]:
    """What each station says is owed; nothing when one of them does not answer any more."""
    found: dict[str, tuple[Debt, ...]] = {}
    try:
        if not troupe.failure.done():
            for code, link in troupe.links.items():
                found[code] = read_debts(await link.act("obligations", {}))
    except TielineError as error:
        played.trouble.append(f"what is owed could not be asked: {error.message}")
        return {}
    return found


def _audit(seat: homes.Seat) -> Entry:
    """What ``tieline verify`` finds: everything recomputed from the stopped station's store."""
    try:
        keys = unlock(seat.home.keys_file, KeyFile(seat.home.path / "key"))
        found: dict[str, Json] = audit_home(seat.home, keys)
    except TielineError as error:
        found = {"ok": False, "logs": [], "problems": [error.message]}
    return Entry(found, f"the audit of {seat.party}")


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        try:
            keep.mkdir(parents=True, mode=0o700)
        except FileExistsError as error:
            raise LocalError(
                "exercise.keep", f"{keep} exists already; name a folder that does not"
            ) from error
        yield keep
        return
    folder = Path(tempfile.mkdtemp(prefix="tieline-exercise-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(out: Path, summary: Summary, holdings: Mapping[str, Holding], owed: Owed) -> None:
    """The outcome as files: ``summary.json``, and ``record-CODE.json`` for each station."""
    out.mkdir(parents=True, exist_ok=True)
    _dump(out / "summary.json", summary.as_json())
    for code, holding in holdings.items():
        record: dict[str, Json] = {
            "exercise": summary.scenario,
            "station": code,
            "content": holding.content,
            "items": holding.items,
            "owed": [asdict(debt) for debt in owed.get(code, ())],
        }
        _dump(out / f"record-{code}.json", record)


def _dump(path: Path, value: Json) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
