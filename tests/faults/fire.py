"""Four real stations under fire: one case, in a process of its own.

``python -m tests.faults.fire CASE`` plays the schedule of a seed (``fires``): people talk, and
meanwhile packets are lost, roads are cut, stations killed and paused, clocks set, disks slow and
full. Then all of that stops, and a line is demanded in which nothing is missing, nothing stands
twice and nobody is accused. CASE is a JSON object with the fields of ``Case``; one is printed, too:
what was ``missed`` and ``done``, and in ``notes`` what this machine did not let it do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from tests import ports
from tests.faults import firejudge, router
from tests.faults.crowd import slowly
from tests.faults.fires import CODES, Fault, Schedule, Word, plan
from tests.faults.firestation import STATED, Ends, Machine, held, settle_in, stated
from tests.faults.mood import Mood
from tests.faults.router import Net, Road, Router
from tests.faults.rows import scratch

from tieline.core.errors import TielineError
from tieline.exercise.answer import Entry, Json
from tieline.exercise.board import Board, Shown
from tieline.exercise.steady import SteadyLink
from tieline.exercise.wire import Wire

SETTLED_S: Final = 60.0
STAND_S: Final = 120.0  # for four processes to start and meet, on a busy machine
LOST_S: Final = 5.0  # where a demand was missed already
DISK: Final = 16 << 20
LOOK_S: Final = 0.2
TRIED_AGAIN_S: Final = 0.3
# What stands in the way of an act for a while: a full disk.
PASSING: Final = frozenset({"store.full"})
NO_NETS: Final = "no networks of their own can be made here: loopback, with whole roads cut only"
NO_DISKS: Final = "no small disks can be mounted here: none was full"
NO_LIBRARY: Final = "no C compiler: Python alone had the wrong time, and no disk was slow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is played. ``library``: the compiled ``mood.c``, or empty; ``loopback``: no networks.

    ``broken``: a build of ``stationproc``, or empty; ``brisk``: a lost line is tried again soon;
    ``folder``: an empty one for all that is made, which whoever starts the case puts away.
    """

    seed: int
    seconds: float
    kinds: tuple[str, ...]
    always: tuple[str, ...] = ()
    broken: str = ""
    library: str = ""
    folder: str = ""
    brisk: bool = True
    loopback: bool = False


class Fire:
    """One case. ``notes`` say what could not be done on this machine."""

    def __init__(self, schedule: Schedule, logs: Path) -> None:
        self.schedule, self.logs = schedule, logs
        self.board = Board(CODES)
        self.machines: dict[str, Machine] = {}
        self.links: dict[str, SteadyLink] = {}
        self.missed: list[str] = []
        self.notes: list[str] = []
        self.done: Counter[str] = Counter()
        self.said: dict[str, frozenset[str]] = {}  # item -> what its author had been shown before
        self.answered: dict[str, set[str]] = {code: set() for code in CODES}
        self.rang: Counter[tuple[str, str]] = Counter()  # party, item: first alarms
        self.router: Router | None = None
        self.wire: Wire | None = None
        self.ends: dict[str, Ends] = {}
        self.disks = False
        self._hurt: set[str] = set()  # stations whose disk was full or slow
        self._paused: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._readers: list[asyncio.Task[None]] = []
        self.board.listener = self._heard

    # ---------------------------------------------------------------------------- what is seen

    def _heard(self, party: str, entry: Entry) -> None:
        if entry.text("type") == "alarm" and entry.text("code").startswith("arrived."):
            self.rang[(party, entry.text("item", ""))] += 1

    def dead(self, party: str, code: int, last: str) -> None:
        """A station has died: what was acknowledged is in its store, and it had a reason."""
        if code != -signal.SIGKILL:
            cause = stated(last)
            self.done["own ends"] += 1
            if party not in self._hurt or cause not in STATED:
                self.missed.append(f"{party} ended by itself with {code}: {last[-300:]}")
        promised = self.answered[party] | set(self.board.desks[party].shown)
        receipts = {
            (log, size)
            for desk in self.board.desks.values()
            # A copy: this is a thread, and the loop goes on noting what desks are told.
            for (log, by), size in list(desk.covered.items())
            if by == party
        }
        try:
            found = held(self.machines[party].seat)
        except TielineError as error:
            self.missed.append(f"the store of {party} does not open after a kill: {error.message}")
            return
        self.done["stores looked into"] += 1
        lost = len(promised - found.items)
        if lost:
            self.missed.append(f"{party} was killed and lacks {lost} that were acknowledged")
        if any(found.sizes.get(log, 0) < size for log, size in receipts):
            self.missed.append(f"{party} was killed and lacks what it gave a receipt for")

    # ---------------------------------------------------------------------------- what is said

    async def act(self, party: str, name: str, args: Mapping[str, Json]) -> Entry:
        """An act of an officer, who tries again while the disk is full."""
        while True:
            try:
                return await self.links[party].act(name, args)
            except TielineError as error:
                if error.code not in PASSING:
                    raise
                self.done["refused for room"] += 1
            await slowly(TRIED_AGAIN_S)

    def begin(self, what: Coroutine[None, None, object]) -> None:
        """Let something go on beside the rest, until it is done."""
        task = asyncio.ensure_future(self._whole(what))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _whole(self, what: Coroutine[None, None, object]) -> None:
        try:
            await what
        except TielineError as error:
            self.missed.append(f"{error.code}: {error.message}")

    async def _say(self, number: int, word: Word) -> None:
        before = frozenset(self.board.desks[word.party].shown)
        answer = await self.act(
            word.party, "send",
            {
                "text": f"word {number} of {word.party}", "officer": f"Watch {word.party[0]}",
                "precedence": word.precedence, "to": list(word.to), "key": f"word {number}",
            },
        )  # fmt: skip
        self.said[answer.text("item")] = before
        self.answered[word.party].add(answer.text("item"))

    async def _carry(self, word: Word) -> None:
        made = await self.act(word.party, "export", {"to": list(word.to)})
        await self.act(word.to[0], "import", {"bundle": made.text("bundle")})
        self.done["sticks"] += 1

    async def _acknowledge(self) -> None:
        """Officers read what comes, and acknowledge half of it."""
        while True:
            await self.board.pulse.wait()
            self.board.pulse.clear()
            for party, shown in self.board.take_news():
                if self._wants(party, shown):
                    self.begin(self._ack(party, shown.item))

    def _wants(self, party: str, shown: Shown) -> bool:
        return shown.kind == "message" and party in shown.to and shown.item[-1] in "02468ace"

    async def _ack(self, party: str, item: str) -> None:
        before = frozenset(self.board.desks[party].shown)
        officer = f"Watch {party[0]}"
        told = {"item": item, "officer": officer, "key": f"ack {item[:40]}"}
        answer = await self.act(party, "ack", told)
        self.said[answer.text("item")] = before
        self.answered[party].add(answer.text("item"))

    # ---------------------------------------------------------------------------- what happens

    async def play(self) -> None:
        """The schedule, from its first moment until all faults have stopped."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        moments: list[tuple[int, int, Word | None]] = [
            (word.at_ms, number, word) for number, word in enumerate(self.schedule.words)
        ]
        bounds = {at for each in self.schedule.faults for at in (each.at_ms, each.until_ms)}
        moments += [(at_ms, -1, None) for at_ms in bounds]
        for at_ms, number, word in sorted(moments, key=lambda each: each[:2]):
            await slowly(max(0.0, began + at_ms / 1_000 - loop.time()))
            if word is None:
                self._now(at_ms)
            elif word.act == "send":
                self.begin(self._say(number, word))
            else:
                self.begin(self._carry(word))
        await slowly(max(0.0, began + self.schedule.over_ms / 1_000 - loop.time()))
        self.heal()

    def _now(self, at_ms: int) -> None:
        faults = [each for each in self.schedule.faults if each.at_ms <= at_ms < each.until_ms]
        self._roads(faults)
        for code, machine in self.machines.items():
            mine = [each for each in faults if code in each.where]
            machine.mood.slow(max((each.how for each in mine if each.kind == "slow"), default=0))
            self._fill(code, full=any(each.kind == "full" for each in mine))
            self._pause(code, still=any(each.kind == "pause" for each in mine))
            if any(each.kind == "slow" for each in mine):
                self._hurt.add(code)
        for each in self.schedule.faults:
            if each.at_ms == at_ms:
                self._once(each)
            elif each.until_ms == at_ms and each.kind == "drift":
                self.machines[each.where[0]].mood.drift(0)

    def _once(self, fault: Fault) -> None:
        machine = self.machines[fault.where[0]]
        self.done[fault.kind] += 1
        if fault.kind == "kill":
            self.begin(machine.kill())
        elif fault.kind == "step":
            machine.mood.step(fault.how)
            self.begin(self._see(fault.where[0]))
        elif fault.kind == "drift":
            machine.mood.drift(fault.how)

    async def _see(self, party: str) -> None:
        """Whether a clock that was set is what the station goes by."""
        before = time.time() * 1_000 + self.machines[party].mood.ahead_ms()
        answer = await self.act(party, "pulse", {})
        after = time.time() * 1_000 + self.machines[party].mood.ahead_ms()
        told = answer.number("now_ms")
        if min(before, after) - 5_000 <= max(told, 0) <= max(before, after) + 5_000:
            self.done["clocks seen"] += 1

    def _fill(self, code: str, *, full: bool) -> None:
        machine = self.machines[code]
        if not self.disks:
            return
        if full:
            self._hurt.add(code)
            machine.fill()
        else:
            machine.empty()

    def _pause(self, code: str, *, still: bool) -> None:
        machine = self.machines[code]
        if still and code not in self._paused:
            self._paused[code] = machine.send(signal.SIGSTOP)
        elif not still and code in self._paused:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._paused.pop(code), signal.SIGCONT)

    def _roads(self, faults: list[Fault]) -> None:
        for one, other in router.pairs(CODES):
            road = road_of(faults, one, other)
            if self.router is not None:
                self.router.roads[(one, other)] = road
            elif self.wire is not None:
                turn = self.wire.stall if road.cut else self.wire.heal
                turn(self.ends[one].dial_from, self.ends[other].front)

    def heal(self) -> None:
        """All faults stop."""
        self._now(self.schedule.over_ms + 1)
        for machine in self.machines.values():
            machine.mood.right()
        if self.wire is not None:
            self.wire.heal()

    # ------------------------------------------------------------------------------ afterwards

    async def stand(self) -> None:
        """Start the stations, and wait until each may go on in its log."""
        await asyncio.gather(*(machine.start() for machine in self.machines.values()))
        async with asyncio.timeout(STAND_S):
            await self._stand()

    async def _stand(self) -> None:
        for code, link in self.links.items():
            watching = self._whole(link.watch(partial(self.board.take, code)))
            self._readers.append(asyncio.ensure_future(watching))
        self._readers.append(asyncio.ensure_future(self._acknowledge()))
        for code in self.links:
            await self.stands(code)

    async def stands(self, code: str) -> None:
        """Wait until a station may go on in its log."""
        async with asyncio.timeout(STAND_S):
            while not await _writing(self.links[code]):
                await slowly(LOOK_S)

    def last_words(self) -> str:
        """What the stations said last."""
        said = {code: machine.last_words() for code, machine in self.machines.items()}
        return str(said)[-1_000:]

    async def settle(self) -> float:
        """Wait until all four hold the same, and all that was said; after how many seconds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        limit_s = LOST_S if self.missed else SETTLED_S
        why = "nothing was answered"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while why := await self._unequal():
                    await slowly(LOOK_S)
        if why:
            self.missed.append(f"{limit_s:.0f} s after the faults: {why}")
        return loop.time() - began

    async def _unequal(self) -> str:
        """What is not there yet, or nothing."""
        if self._tasks:
            return f"{len(self._tasks)} acts have no answer"
        known = set(self.board.statements) | set(self.said)
        for code, desk in self.board.desks.items():
            if lacks := len(known - set(desk.shown)):
                return f"{code} was not shown {lacks} of {len(known)} statements"
        answers = [await link.act("heads", {}) for link in self.links.values()]
        heads = [[line.raw.get("heads") for line in each.entries("lines")] for each in answers]
        return "the logs differ" if any(each != heads[0] for each in heads) else ""

    async def close(self) -> None:
        """End all that goes on."""
        going = [*self._tasks, *self._readers]
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        for link in self.links.values():
            await link.close()


async def _writing(link: SteadyLink) -> bool:
    lines = list((await link.act("status", {})).entries("lines"))
    return bool(lines) and all(line.entry("life").text("standing") == "writing" for line in lines)


def road_of(faults: list[Fault], one: str, other: str) -> Road:
    """What a road does while these faults hold."""

    def most(kind: str) -> int:
        return max((each.how for each in faults if each.kind == kind), default=0)

    cut = any(
        (each.kind == "cut" and {one, other} == set(each.where))
        or (each.kind == "one-way" and (one, other) == each.where)
        or (each.kind == "alone" and each.where[0] in (one, other))
        for each in faults
    )
    return Road(
        loss=most("loss"), twice=most("twice"), flips=most("flips"), late_ms=most("late"), cut=cut
    )


async def burn(fire: Fire, case: Case, folder: Path, nets: Mapping[str, Net]) -> None:
    """Play one case on networks that stand, or on loopback."""
    await _place(fire, nets)
    seats = settle_in(folder, fire.ends, brisk=case.brisk)
    for code, seat in seats.items():
        fire.machines[code] = Machine(
            seat,
            broken=case.broken,
            library=Path(case.library) if case.library else None,
            mood=Mood(fire.logs / f"{code}.mood"),
            enter=nets[code].enter if nets else None,
            logs=fire.logs,
            dead=partial(fire.dead, code),
            failed=fire.missed.append,
        )
        fire.links[code] = SteadyLink(
            code, seat.home.socket, time_ms=lambda: 0, patience_s=SETTLED_S * 3
        )
    try:
        await fire.stand()
        await fire.play()
        fire.done["ms to settle"] = round(await fire.settle() * 1_000)
        if not fire.missed:
            async with asyncio.timeout(STAND_S):
                fire.missed += await firejudge.record(fire.board, fire.said, fire.rang, fire.links)
            await fire.close()
            for code, machine in fire.machines.items():
                status = await machine.end()
                if status:
                    fire.missed.append(f"{code} was asked to stop and ended with {status}")
                fire.missed += firejudge.audit(code, seats[code])
    except TimeoutError:
        fire.missed.append("a station does not answer in time: " + fire.last_words())
    finally:
        await fire.close()
        for machine in fire.machines.values():
            machine.drop()
        if fire.wire is not None:
            await fire.wire.close()


async def _place(fire: Fire, nets: Mapping[str, Net]) -> None:
    """Where each station is reached: in its network, or at an address of the loopback device."""
    for number, code in enumerate(CODES):
        if nets:
            place = f"{nets[code].address}:7411"
            fire.ends[code] = Ends(listen=place, front=place)
            continue
        fire.wire = fire.wire or Wire()
        host = f"127.0.0.{11 + number}"
        back = f"{host}:{ports.free(host=host)[0]}"
        front = await fire.wire.add(f"127.0.1.{11 + number}:0", back)
        fire.ends[code] = Ends(listen=back, front=front, dial_from=host)


def _ground(fire: Fire, case: Case, folder: Path, stack: contextlib.ExitStack) -> dict[str, Net]:
    """The disks and the networks that this machine lets us have."""
    try:
        router.own_world()
        for code in CODES:
            (folder / code).mkdir(mode=0o700)
            stack.enter_context(router.memory_disk(folder / code, DISK))
        fire.disks = True
    except OSError as error:
        fire.notes.append(f"{NO_DISKS} ({error})")
    if not case.library:
        fire.notes.append(NO_LIBRARY)
    if case.loopback:
        fire.notes.append(f"{NO_NETS} (they were not asked for)")
        return {}
    try:
        addresses = {code: f"10.77.0.{at}" for at, code in enumerate(CODES, 1)}
        fire.router, nets = stack.enter_context(router.joined(addresses, case.seed))
    except OSError as error:
        fire.notes.append(f"{NO_NETS} ({error})")
        return {}
    return nets


Fired = TypeVar("Fired", bound=Fire)


def main(case: Case, make: Callable[[Schedule, Path], Fired]) -> Fired:
    """One case of a kind of fire, on the best ground that this machine gives."""
    schedule = plan(case.seed, case.kinds, round(case.seconds * 1_000), always=case.always)
    with contextlib.ExitStack() as stack:
        folder = Path(case.folder or stack.enter_context(scratch()))
        (folder / "logs").mkdir()
        fire = make(schedule, folder / "logs")
        asyncio.run(burn(fire, case, folder, _ground(fire, case, folder, stack)))
        if fire.router is not None:
            fire.done.update({f"packets {key}": n for key, n in fire.router.counted.items()})
        fire.done["slow syncs"] = sum(each.mood.slowed for each in fire.machines.values())
        for desk in fire.board.desks.values():
            fire.done.update({f"rang {code}": n for code, n in desk.alarms.items()})
        fire.done["statements"] = len(fire.board.statements)
    return fire


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    given |= {name: tuple(given[name]) for name in ("kinds", "always") if name in given}
    played = main(Case(**given), Fire)
    print(json.dumps({"missed": played.missed, "notes": played.notes, "done": played.done}))
