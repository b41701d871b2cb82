"""Exercise control: it moves the clock, plays the script, and waits until the line is at rest.

Theory. Stations of an exercise keep a clock that only control moves. Control sets it, performs what
is due, one act after another, and lets nothing further happen until every station that can reach
another holds the same record, has signed for it and has shown it to its officers. Then the officers
react, and the clock goes to the next moment at which anything is due, be it in the script, for an
officer, or for a station's own deadlines. So the record that comes out depends on the script alone:
not on the load of the machine, and not on a station that dies and is started again in the middle.

Rules:

* no station acts on a new time before every station has it;
* every act carries an idempotency key that the script determines, and is repeated until answered;
* whoever answers after a restart is told the time first;
* a line that does not come to rest within ``patience_s`` real seconds ends the exercise.

Control knows stations through ``Link``, wires through ``Field``: tests put others in their place.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from tieline.core.errors import LocalError, TielineError
from tieline.core.terms import Rung
from tieline.exercise import looks, umpire
from tieline.exercise import scenario as world
from tieline.exercise.answer import Entry, Json
from tieline.exercise.board import Board, Shown
from tieline.exercise.looks import Looked
from tieline.exercise.officers import Reaction, reactions
from tieline.exercise.stage import Pace, Stage, Straight, without_words
from tieline.exercise.times import h_plus

CONFIRM_MS: Final = 86_400_000  # so long after the end officers may say that they read a signature
POLL_S: Final = 0.01
ASK_S: Final = 0.2  # a station that was started again is told the time when it is next asked
_ANSWER_ACTS: Final = {
    Rung.ACKNOWLEDGED: "ack",
    Rung.READ_BACK: "read_back",
    Rung.PASSED_ON: "pass_on",
}


class Link(Protocol):
    """The officers' way to one station. An act is repeated until the station answers."""

    async def act(self, name: str, args: Mapping[str, Json]) -> Entry:
        """Perform an act. Raises the station's refusal, a ``TielineError``."""


@dataclass(frozen=True, slots=True)
class Attack:
    """How one attempt to bring a forged message ended."""

    way: str
    refused: bool
    said: str


class Field(Protocol):
    """What control can do to the world around the stations."""

    async def cut(self, pairs: tuple[tuple[str, str], ...]) -> None: ...

    async def heal(self, pairs: tuple[tuple[str, str], ...]) -> None: ...

    async def forge(self, forge: world.Forge, links: Mapping[str, Link]) -> tuple[Attack, ...]: ...

    async def equivocate(
        self, act: world.Equivocate, first: str, links: Mapping[str, Link]
    ) -> str: ...

    async def carry(self, act: world.Carry, links: Mapping[str, Link]) -> None: ...


class Audience(Protocol):
    """Whoever looks on. ``read`` may take its time; nothing else may."""

    def moment(self, at_ms: int) -> None: ...

    def event(self, event: world.Event) -> None: ...

    def said(self, event: world.Event, item: str) -> None: ...

    def wires(self, cut: frozenset[frozenset[str]]) -> None: ...

    def attacked(self, forge: world.Forge, attacks: tuple[Attack, ...]) -> None: ...

    def looked(self, event: world.Event, looked: Looked) -> None: ...

    async def read(self) -> None: ...


@dataclass(slots=True)
class Played:
    """What control knows when the exercise is over."""

    items: dict[str, str] = field(default_factory=dict)
    attacks: list[Attack] = field(default_factory=list)
    stories: list[tuple[str, str]] = field(default_factory=list)  # a statement, and its other story
    unowed: list[str] = field(default_factory=list)  # what agreements say otherwise than the script
    trouble: list[str] = field(default_factory=list)
    acts: int = 0
    steps: int = 0


class Control:
    """Plays one scenario on running stations."""

    def __init__(
        self,
        scenario: world.Scenario,
        links: Mapping[str, Link],
        board: Board,
        place: Field,
        audience: Audience,
        *,
        patience_s: float = 60.0,
        stage: Stage | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.scenario = scenario
        self.board = board
        self.played = Played()
        self.now_ms = scenario.start_ms
        self._links = dict(links)
        self._place = place
        self._audience = audience
        self._patience_s = patience_s
        self.stage = stage or Stage()
        self._pace = pace or Straight()
        self._unwired = {frozenset(pair) for pair in scenario.unwired}
        self._cut = set(self._unwired)
        self._said: dict[str, world.Say] = {}
        self._wakeup_ms: int | None = None
        self._moved = asyncio.Event()
        # Due acts: time, then script before officers, then a number that the script determines.
        self._agenda: list[tuple[int, int, int, world.Event | Reaction]] = []
        self._serial = 0
        for event in scenario.events:
            self._enter(event.at_ms, 0, event)

    async def play(self) -> Played:
        """Play to the end. Trouble ends the play and is told in the result, never raised."""
        over = False
        try:
            await self._set_clock(self.scenario.start_ms)
            while (next_ms := self._next_ms()) is not None:
                move = await self._pace.turn(self.now_ms, next_ms)
                for event in move.orders:
                    await self._perform(event)
                over = move.over
                if over:
                    break
                if move.at_ms != self.now_ms:
                    await self._set_clock(move.at_ms)
                elif self.stage.live:
                    await self.rest()
                if move.due:
                    await self._due()
            if self.stage.seated and not over:
                await self._perform(
                    world.Event(number=0, at_ms=self.now_ms, act=umpire.endex("played"))
                )
            await self.rest(complete=True)
        except TielineError as error:
            self.played.trouble.append(f"at {self._h()}: {error.message}")
        return self.played

    def _enter(self, at_ms: int, rank: int, due: world.Event | Reaction) -> None:
        self._serial += 1
        heapq.heappush(self._agenda, (at_ms, rank, self._serial, due))

    def _h(self) -> str:
        return h_plus(self.now_ms, self.scenario.start_ms)

    def _next_ms(self) -> int | None:
        ended = self.now_ms >= self.scenario.end_ms
        if ended and not self._to_confirm():
            return None
        times = [] if ended else [self.scenario.end_ms]
        if self._agenda:
            times.append(self._agenda[0][0])
        if self._wakeup_ms is not None:
            times.append(self._wakeup_ms)
        return min(times)

    def _to_confirm(self) -> bool:
        """Whether officers have yet to say that they read a signature: then a text may yet bind."""
        latest_ms = self.scenario.end_ms + CONFIRM_MS
        return not self.stage.live and any(
            isinstance(due, Reaction) and at_ms <= latest_ms and self._signs(due.item)
            for at_ms, _, _, due in self._agenda
        )

    def _signs(self, item: str) -> bool:
        shown = self.board.statements.get(item)
        return shown is not None and shown.kind == "assent"

    async def reached(self, at_ms: int) -> None:
        """Wait until the exercise's clock has come to a moment."""
        while self.now_ms < at_ms:
            self._moved.clear()
            await self._moved.wait()

    async def _set_clock(self, at_ms: int) -> None:
        self.now_ms = at_ms
        self._moved.set()
        self.played.steps += 1
        self._audience.moment(at_ms)
        # First everywhere the time, and only then anything that it makes due: what one station says
        # at its new time would else come to another in the old one, and there be overdue at once.
        await self._everywhere("clock", {"wall_ms": at_ms, "hold": True})
        await self._everywhere("clock", {"wall_ms": at_ms})
        await self.rest()

    async def _everywhere(self, act: str, args: Mapping[str, Json]) -> dict[str, Entry]:
        codes = sorted(self._links)
        answers = await asyncio.gather(*(self._links[code].act(act, args) for code in codes))
        return dict(zip(codes, answers, strict=True))

    async def _due(self) -> None:
        while self._agenda and self._agenda[0][0] <= self.now_ms:
            *_, due = heapq.heappop(self._agenda)
            if isinstance(due, world.Event):
                await self._perform(due)
                continue
            await self._react(due)
            await self.rest()
            await self._audience.read()

    async def _perform(self, event: world.Event) -> None:
        """One act of the script or of the umpire. With people on the stage a refusal ends nothing.

        What people do differs from the script, and what the script has next may not fit it.
        """
        if self.stage.leaves(event.act):
            return
        try:
            await self._play(event)
        except TielineError as error:
            if not self.stage.live:
                raise
            self.stage.unplayed.append(f"at {self._h()}: {error.message}")
            said = world.Note(text=f"Not played: {error.message}")
            self._audience.event(world.Event(number=0, at_ms=self.now_ms, act=said))
        await self.rest()
        await self._audience.read()

    def upcoming(self) -> list[world.Event]:
        """What the script still has, in its order."""
        return sorted(
            (due for *_, due in self._agenda if isinstance(due, world.Event)),
            key=lambda event: (event.at_ms, event.number),
        )

    def pull(self, number: int) -> world.Event:
        """Take an event out of the script. Raises ``LocalError`` (``exercise.event``)."""
        for entry in self._agenda:
            if isinstance(entry[-1], world.Event) and entry[-1].number == number:
                self._agenda.remove(entry)
                heapq.heapify(self._agenda)
                return entry[-1]
        raise LocalError(
            "exercise.event",
            f"the script has no event {number} ahead; see 'state' for those it has",
        )

    # ------------------------------------------------------------------------------- acts

    async def _play(self, event: world.Event) -> None:
        self._audience.event(event)
        match event.act:
            case world.Say() as say:
                await self._say(event, say)
            case world.Answer() as answer:
                await self._answer(event, answer)
            case world.Joint() as joint:
                await self._joint(event, joint)
            case world.Assent(party=party, target=target):
                await self._speak(event, party, "assent", {"item": self._item(target)})
            case world.Cut(groups=groups):
                await self._set_wires(self._between(groups), cut=True)
            case world.Heal(groups=groups):
                pairs = self._between(groups) if groups else tuple(sorted(self._sorted_cut()))
                await self._set_wires(pairs, cut=False)
            case world.Carry() as carry:
                await self._place.carry(carry, self._links)
            case world.Forge() as forge:
                attacks = await self._place.forge(forge, self._links)
                self.played.attacks.extend(attacks)
                self._audience.attacked(forge, attacks)
            case world.Equivocate() as two:
                first = self._item(two.target)
                other = await self._place.equivocate(two, first, self._links)
                self.played.stories.append((first, other))
            case world.Owed() | world.Quota() | world.Holds() | world.Margin() as look:
                await self._look(event, look)
            case world.Suspend() | world.Resume() | world.Staff() as word:
                await self._state(event, word)
            case world.Inject() | world.Ruling() as word if self.stage.seated:
                await self._say(event, umpire.told(word))
            case _:
                pass  # what control says

    async def _state(
        self, event: world.Event, word: world.Suspend | world.Resume | world.Staff
    ) -> None:
        """What a party says of its own line or watch."""
        args: dict[str, Json] = {"cause": word.cause}
        if isinstance(word, world.Staff):
            args["staffed"] = word.staffed
        await self._speak(event, word.party, type(word).__name__.lower(), args)

    async def _look(self, event: world.Event, look: world.Look) -> None:
        """Ask a desk about the agreements, and note what it says otherwise than the script."""
        about = "" if isinstance(look, world.Quota) or not look.about else self._item(look.about)
        looked = await looks.look(look, about, self._links[look.party].act)
        if looked.fault:
            self.played.unowed.append(f"event {event.number}, at {self._h()}: {looked.fault}")
        self._audience.looked(event, looked)

    async def _say(self, event: world.Event, say: world.Say) -> str:
        args: dict[str, Json] = {
            "precedence": say.precedence.name,
            "to": list(say.to),
            "wants": [rung.name.lower().replace("_", " ") for rung in say.wants] or ["nothing"],
            "refs": self._refs(say.cites),
        }
        if say.form:
            args["form"], args["answers"] = say.form, dict(say.answers)
        if say.text:
            args["text"], args["lang"] = say.text, say.lang
        item = await self._speak(event, say.party, "send", args)
        self._said[item] = say
        return item

    def _refs(self, cites: tuple[world.Cite, ...]) -> list[Json]:
        return [
            {"item": self._item(cite.label), "role": cite.role.name.lower()}
            for cite in cites
            if not self.stage.live or cite.label in self.played.items
        ]

    async def _joint(self, event: world.Event, joint: world.Joint) -> str:
        args: dict[str, Json] = {
            "text": joint.text,
            "lang": joint.lang,
            "parties": list(joint.parties),
            "refs": self._refs(joint.cites),
            "late_binds": joint.late_binds,
            "precedence": joint.precedence.name,
        }
        if joint.effective_ms is not None:
            args["effective_ms"] = joint.effective_ms
        return await self._speak(event, joint.party, "joint", args)

    async def _answer(self, event: world.Event, answer: world.Answer) -> str:
        args: dict[str, Json] = {"item": self._item(answer.target)}
        if answer.rung is Rung.READ_BACK:
            args["text"], args["lang"] = answer.text, answer.lang
        elif answer.rung is Rung.PASSED_ON:
            args["unit"], args["at_ms"] = answer.unit, self.now_ms
        return await self._speak(event, answer.party, _ANSWER_ACTS[answer.rung], args)

    async def _speak(
        self, event: world.Event, party: str, act: str, args: Mapping[str, Json]
    ) -> str:
        """An officer's act, released by the second one when the line wants two."""
        who = self.scenario.party(party)
        key = f"event-{event.number}"
        try:
            done = await self._links[party].act(act, {**args, "officer": who.watch, "key": key})
            if not done.flag("released"):
                draft = done.number("draft")
                done = await self._links[party].act(
                    "release", {"draft": draft, "officer": who.releaser}
                )
        except TielineError as error:
            raise LocalError(
                error.code, f"event {event.number} ({act} by {party}) was refused: {error.message}"
            ) from error
        self.played.acts += 1
        item = done.text("item")
        if event.label:
            self.played.items[event.label] = item
        self._audience.said(event, item)
        return item

    async def _react(self, due: Reaction) -> None:
        args: dict[str, Json] = {
            "item": due.item,
            "officer": self.scenario.party(due.party).watch,
            "key": due.key,
        }
        if due.rung is Rung.READ_BACK:
            args["text"], args["lang"] = due.text, due.lang
        elif due.rung is Rung.PASSED_ON:
            args["unit"], args["at_ms"] = due.unit, self.now_ms
        try:
            await self._links[due.party].act(_ANSWER_ACTS[due.rung], args)
        except TielineError as error:
            if error.code != "act.already":  # the script itself has done it meanwhile
                raise
        self.played.acts += 1

    def _item(self, label: str) -> str:
        item = self.played.items.get(label)
        if item is None:
            raise LocalError(
                "scenario.label", f"the event {label!r} did not become a statement; see above"
            )
        return item

    # ------------------------------------------------------------------------------ wires

    def _between(self, groups: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, str], ...]:
        return tuple(
            (one, other)
            for index, group in enumerate(groups)
            for further in groups[index + 1 :]
            for one in group
            for other in further
        )

    def _sorted_cut(self) -> list[tuple[str, str]]:
        out: list[tuple[str, str]] = []
        for pair in self._cut - self._unwired:
            one, other = sorted(pair)
            out.append((one, other))
        return sorted(out)

    async def _set_wires(self, pairs: tuple[tuple[str, str], ...], *, cut: bool) -> None:
        ends = {frozenset(pair) for pair in pairs}
        if cut:
            self._cut |= ends
            await self._place.cut(pairs)
        else:
            self._cut -= ends
            await self._place.heal(pairs)
        self._audience.wires(frozenset(self._cut))

    def _wired(self, one: str, other: str) -> bool:
        return frozenset((one, other)) not in self._cut

    def _halves(self) -> list[tuple[str, ...]]:
        """The parties that can reach each other over any number of wires."""
        left = list(self.scenario.codes)
        halves: list[tuple[str, ...]] = []
        while left:
            found, edge = [left.pop(0)], 0
            while edge < len(found):
                near = [code for code in left if self._wired(found[edge], code)]
                found.extend(near)
                left = [code for code in left if code not in near]
                edge += 1
            halves.append(tuple(sorted(found)))
        return halves

    # ------------------------------------------------------------------------------- rest

    async def rest(self, *, complete: bool = False) -> None:
        """Wait until nothing is under way anywhere; then let the officers make their plans.

        With ``complete`` also until everybody knows who has signed for what, of every log: authors
        know it at once, all others a moment later.

        Raises ``LocalError`` (``exercise.unrest``) when that takes longer than the patience.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_s
        asked = loop.time()
        answers: dict[str, Entry] = {}
        while True:
            self.board.pulse.clear()
            # What the desks have shown says it most of the time; asking costs the stations work.
            unrest = self._apart(complete=complete)
            if not unrest or loop.time() >= asked + ASK_S:
                answers = await self._everywhere("settle", {})
                asked = loop.time()
                unrest = self._unrest(answers, complete=complete)
                if not unrest:
                    break
            if loop.time() > until:
                raise LocalError(
                    "exercise.unrest",
                    f"the line did not come to rest within {self._patience_s:.0f} s: {unrest}",
                )
            try:
                async with asyncio.timeout(POLL_S):
                    await self.board.pulse.wait()
            except TimeoutError:
                continue
        later = [entry.raw.get("next_wakeup_ms") for entry in answers.values()]
        self._wakeup_ms = min(
            (at for at in later if isinstance(at, int) and at > self.now_ms), default=None
        )
        self._plan()

    def _unrest(self, answers: Mapping[str, Entry], *, complete: bool) -> str:
        """What is still under way, in words; empty when the line is at rest."""
        for code, answer in sorted(answers.items()):
            if answer.number("now_ms") != self.now_ms:
                return f"{code} has another time"
            if not answer.flag("idle"):
                return f"{code} is still at work"
            heads = _sizes(answer.entry("heads"))
            if heads != self.board.desks[code].sizes:
                return f"{code} holds {sum(heads.values())} statements and shows another number"
            live = answer.entry("covered_by").raw
            sessions = {self.board.stations.get(station, "") for station in live}
            for other in self._links:
                if other != code and (other in sessions) != self._wired(code, other):
                    state = "still has" if other in sessions else "does not have"
                    return f"{code} {state} a session with {other}"
        return self._apart(complete=complete)

    def _apart(self, *, complete: bool) -> str:
        """What some desks have shown, and others in reach of them not; empty when all have it."""
        for half in self._halves():
            unrest = self._unequal(half, complete=complete)
            if unrest:
                return unrest
        return ""

    def _unequal(self, half: tuple[str, ...], *, complete: bool) -> str:
        desks = [self.board.desks[code] for code in half]
        for desk in desks:
            if desk.shown.keys() != desks[0].shown.keys():
                return f"{desks[0].party} and {desk.party} hold different records"
        forked = {log for desk in desks for log in desk.forked}
        for log, size in sorted(desks[0].sizes.items()):
            author = self.board.authors.get(log, "")
            if author not in half or log in forked:
                continue  # nobody signs for a log that tells two stories
            for knower in half if complete else (author,):
                for signer in half:
                    signed = self.board.desks[knower].covered.get((log, signer), 0)
                    if signer not in (author, knower) and signed < size:
                        return (
                            f"{signer} has signed for {signed} of {size} statements of {author},"
                            f" as far as {knower} knows"
                        )
        return ""

    def _plan(self) -> None:
        """Officers look at what has come up, in an order that the record alone determines."""
        news = self.board.take_news()
        news.sort(key=lambda entry: (entry[0], entry[1].party, entry[1].position))
        for code, shown in news:
            if code == shown.party:
                self._met(shown)
            if code in self.stage.people:
                continue  # people answer for themselves
            said = self._said.get(shown.item)
            for due in reactions(self.scenario.party(code), shown, said, self.now_ms):
                self._enter(due.at_ms, 1, due)

    def _met(self, shown: Shown) -> None:
        """If people have said what the script expected of them, it may be cited from now on."""
        event = self.stage.meet(shown, self.played.items)
        if event is None:
            return
        if event.label:
            self.played.items[event.label] = shown.item
        if isinstance(event.act, world.Say):
            self._said[shown.item] = without_words(event.act)
        self._audience.said(event, shown.item)


def _sizes(entry: Entry) -> dict[str, int]:
    return {log: entry.number(log) for log in entry.raw}
