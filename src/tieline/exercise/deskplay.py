"""An exercise at desks: stations, a web desk for some of the parties, and a start page.

The stations, their wires and control are those of every exercise (``runner``, ``control``). What is
added: the script's clock goes in real time from the start; a party can be left to people and given
back at any moment; the line is cut by a switch, and while people play by nothing else. What the
script has for a party that people play is not performed, but offered to them as a suggestion.

Nothing is judged at the end, and nothing is kept but on request: it ends when it is told to.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import webbrowser
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError
from tieline.core.terms import dtg
from tieline.desk.words import Words
from tieline.exercise import homes, suggest, walk
from tieline.exercise import scenario as world
from tieline.exercise.control import Attack, Control
from tieline.exercise.deskproc import WebDesk, free_port, new_password
from tieline.exercise.looks import Looked
from tieline.exercise.runner import Troupe
from tieline.exercise.stage import Expected, Hand, Stage, speaker
from tieline.exercise.startpage import StartPage
from tieline.exercise.times import h_plus
from tieline.exercise.wire import Wire

START_PORT: Final = 7470
DESK_PORT: Final = 7480
PATIENCE_S: Final = 3_600.0  # people may leave a station alone for as long as they like
RATES: Final = (0.25, 0.5, 1.0, 2.0, 10.0, 60.0, 600.0)
STORY_ROWS: Final = 12
SUGGESTIONS: Final = 6
NOTES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskOptions:
    """``desks``: how many parties get one; ``people``: who is not played by the script at first."""

    desks: int = 2
    people: tuple[str, ...] = ()
    browser: bool = True
    port: int = START_PORT


class OpenStage(Stage):
    """A stage on which people come and go. What is due and left to them is kept in ``left``."""

    def __init__(self, scenario: world.Scenario, people: tuple[str, ...]) -> None:
        events = [one for one in scenario.events if speaker(one.act)]
        super().__init__(
            people=frozenset(people),
            live=True,
            expected=[Expected(one, speaker(one.act)) for one in events],
        )
        self._events = {id(one.act): one for one in scenario.events}
        self.left: list[world.Event] = []

    def leaves(self, act: world.Act) -> bool:
        """Whether an act is left to people: their own words, and the wires while any play."""
        event = self._events.get(id(act))
        wires = isinstance(act, world.Cut | world.Heal) and event is not None
        leaves = bool(self.people) if wires else super().leaves(act)
        if leaves and event is not None and event not in self.left:
            self.left.append(event)
        return leaves

    def done(self, event: world.Event) -> bool:
        """Whether people have said what an event has."""
        return any(one.event is event and one.item for one in self.expected)


@dataclass(slots=True)
class Listener:
    """The audience: it tells the terminal, and keeps the last words of control for the page."""

    troupe: Troupe
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=NOTES))

    def moment(self, at_ms: int) -> None:
        self.troupe.now_ms = at_ms

    def event(self, event: world.Event) -> None:
        if isinstance(event.act, world.Inject | world.Note):
            self.notes.append(f"{dtg(event.at_ms)}: {event.act.text}")

    def said(self, event: world.Event, item: str) -> None:
        pass

    def wires(self, cut: frozenset[frozenset[str]]) -> None:
        pass

    def attacked(self, forge: world.Forge, attacks: tuple[Attack, ...]) -> None:
        for one in attacks:
            word = "refused" if one.refused else "TAKEN"
            self.notes.append(f"A forged message for {forge.victim} ({one.way}): {word}")

    def looked(self, event: world.Event, looked: Looked) -> None:
        pass

    async def read(self) -> None:
        pass


class DeskPlay:
    """What the start page shows and moves."""

    def __init__(self, scenario: world.Scenario, troupe: Troupe, people: tuple[str, ...]) -> None:
        self.scenario = scenario
        self.desks: dict[str, WebDesk] = {}
        self.listener = Listener(troupe)
        self.hand = Hand(troupe.board.pulse)
        self.stage = OpenStage(scenario, people)
        self.seen = walk.Seen()
        self._troupe = troupe
        self._cut = False
        self._number = 1_000_000  # events of the switches; a script has fewer
        self._rate = 1.0
        self.control = Control(
            scenario,
            troupe.links,
            troupe.board,
            troupe.place,
            self.listener,
            patience_s=PATIENCE_S,
            stage=self.stage,
            pace=self.hand,
        )

    @property
    def you(self) -> str:
        """The party at whose desk people sit first; empty when the script plays all."""
        return next((code for code in self.desks if code in self.stage.people), "")

    def view(self, words: Words) -> dict[str, object]:
        """Everything that the page shows, in the language of ``words``."""
        control, scenario = self.control, self.scenario
        title = f"start.title.{scenario.id}"
        ahead = next(
            (one for one in control.upcoming() if speaker(one.act) not in self.stage.people), None
        )
        you = self.you
        return {
            "realm": scenario.realm,
            "title": words.say(title) if words.has(title) else scenario.title,
            "title_said": words.has(title),
            "you": you,
            "desks": list(self.desks.values()),
            "password": next(iter(self.desks.values())).password,
            "steps": walk.steps(self._troupe.board, self.seen, you, words) if you else (),
            "cut": self._cut,
            "players": [
                {"party": code, "people": code in self.stage.people} for code in self.desks
            ],
            "suggestions": [self._suggestion(one, words) for one in self._left()],
            "clock": self._clock(),
            "rate": f"{self.hand.rate:g}",
            "standing": not self.hand.rate,
            "h": h_plus(control.now_ms, scenario.start_ms),
            "ahead": f"{h_plus(ahead.at_ms, scenario.start_ms)}, {suggest.words(ahead.act, words)}"
            if ahead
            else "",
            "story": self._story(words),
            "notes": [*reversed(self.listener.notes)],
        }

    def _clock(self) -> str:
        """The last part of the key of the words for it."""
        if not self.hand.rate:
            return "stands"
        return "goes" if self.hand.rate == 1 else "fast"

    def _story(self, words: Words) -> list[dict[str, str]]:
        board = self._troupe.board
        shown = [*board.statements.values()][-STORY_ROWS:]
        return [
            {
                "at": dtg(one.claimed_ms),
                "party": one.party,
                "what": suggest.said(one, words),
                "where": ", ".join(
                    code for code, desk in board.desks.items() if one.item in desk.shown
                ),
            }
            for one in reversed(shown)
            if one.kind in suggest.KINDS
        ]

    # ------------------------------------------------------------------------- suggestions

    def _left(self) -> list[world.Event]:
        """What the script would do now and people have not done."""
        out = []
        for one in self.stage.left:
            match one.act:
                case world.Cut():
                    gone = bool(self.seen.cuts)
                case world.Heal():
                    gone = self.seen.healed >= self.seen.cuts
                case _:
                    gone = self.stage.done(one) or speaker(one.act) not in self.stage.people
            if not gone:
                out.append(one)
        return out[:SUGGESTIONS]

    def _suggestion(self, event: world.Event, words: Words) -> dict[str, object]:
        filled = suggest.form(event.act, self._items(event.act), self._line())
        return {
            "words": suggest.words(event.act, words),
            "number": event.number if filled and speaker(event.act) in self.desks else 0,
        }

    def _items(self, act: world.Act) -> tuple[str, ...]:
        known = self.control.played.items
        cited = act.cites if isinstance(act, world.Say | world.Joint) else ()
        labels = [one.label for one in cited]
        if isinstance(act, world.Assent | world.Answer):
            labels.append(act.target)
        return tuple(known[label] for label in labels if label in known)

    def _line(self) -> str:
        return self._troupe.table.line.hex()

    async def suggest(self, number: int) -> tuple[str, str]:
        """Fill the form in which an officer would say it. Raises ``LocalError``."""
        event = next((one for one in self.stage.left if one.number == number), None)
        if event is None:
            raise LocalError("exercise.event", "the script does not say that now")
        found = suggest.form(event.act, self._items(event.act), self._line())
        if found is None:
            raise LocalError("exercise.event", "there is no form for that; see the desk")
        party = speaker(event.act)
        if found.kind:
            await self.desks[party].keep(0, found.kind, dict(found.fields))
        return party, found.path

    # ------------------------------------------------------------------------- the switches

    def order(self, what: str) -> None:
        """Press a switch. Raises ``LocalError`` (``exercise.order``)."""
        match what.split():
            case ["cut"] if not self._cut:
                self._cut = True
                self.seen.cuts += 1
                self.seen.first_cut_ms = self.seen.first_cut_ms or self.control.now_ms
                self._act(world.Cut(groups=tuple((code,) for code in self.scenario.codes)))
            case ["heal"] if self._cut:
                self._cut = False
                self.seen.healed += 1
                self.seen.last_heal_ms = self.control.now_ms
                self._act(world.Heal())
            case ["cut" | "heal"]:
                pass
            case ["pause"]:
                self.hand.pause()
            case ["go"]:
                self.hand.go(self._rate)
            case ["slower" | "faster"]:
                at = RATES.index(self._rate) + (1 if what == "faster" else -1)
                self._rate = RATES[min(max(at, 0), len(RATES) - 1)]
                self.hand.go(self._rate)
            case ["step"]:
                self.hand.step()
            case ["take", code] if code in self.desks:
                self.stage.people |= {code}
            case ["leave", code] if code in self.desks:
                self.stage.people -= {code}
            case _:
                raise LocalError("exercise.order", "this page has no such switch")

    def _act(self, act: world.Act) -> None:
        self._number += 1
        self.hand.order(world.Event(number=self._number, at_ms=self.control.now_ms, act=act))

    def checked(self, name: str, *, good: bool) -> None:
        """A file was checked."""
        self.seen.files.append(name)
        self.seen.verified = self.seen.verified or good


# ------------------------------------------------------------------------------------- the run


def present() -> datetime:
    """Now, in whole seconds: when an exercise at desks begins whose times are all relative."""
    return datetime.now(UTC).replace(microsecond=0)


async def run(scenario: world.Scenario, options: DeskOptions) -> None:
    """Run it until the task is cancelled. Raises ``TielineError``, ``OSError``."""
    with _folder() as folder:
        wire = Wire()
        table = await homes.prepare(scenario, folder, wire.add)
        troupe = Troupe(scenario, table, wire, folder)
        play = DeskPlay(scenario, troupe, options.people)
        password = new_password()
        for number, party in enumerate(scenario.parties[: options.desks]):
            play.desks[party.code] = WebDesk(
                party.code,
                table.seats[party.code].home.path,
                free_port(DESK_PORT + number),
                party.officers[:2],
                password,
            )
        page = StartPage(play, free_port(options.port))
        try:
            _say("starting the stations")
            await troupe.start()
            for desk in play.desks.values():
                desk.begin()
            await page.open()
            _told(play, page)
            if options.browser and _has_display():
                await asyncio.to_thread(webbrowser.open, page.address)
            for desk in play.desks.values():
                await desk.ready()
            _say("the desks are ready, and the clock goes")
            play.hand.go(1.0)
            await _until(play, troupe)
        finally:
            await page.close()
            await asyncio.gather(*(desk.stop() for desk in play.desks.values()))
            await troupe.stop()


async def _until(play: DeskPlay, troupe: Troupe) -> None:
    """Play until told to end; what goes wrong with a station ends it with its words."""
    playing = asyncio.create_task(play.control.play())
    try:
        await asyncio.wait((playing, troupe.failure), return_when=asyncio.FIRST_COMPLETED)
        if troupe.failure.done():
            raise LocalError("exercise.failed", troupe.failure.result())
        if play.control.played.trouble:
            raise LocalError("exercise.failed", "; ".join(play.control.played.trouble))
        _say("the script is at its end; the desks stay until you press Ctrl-C")
        await troupe.failure
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)


def _has_display() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _say(text: str) -> None:
    sys.stdout.write(f"./dev demo: {text}\n")
    sys.stdout.flush()


def _told(play: DeskPlay, page: StartPage) -> None:
    """Where everything is, on the terminal."""
    lines = [
        "",
        f"EXERCISE {play.scenario.realm}: {play.scenario.title}",
        "",
        "  Begin here:",
        f"    {page.address}",
        "",
    ]
    for desk in play.desks.values():
        names = " and ".join(desk.officers)
        lines.append(f"  {desk.party}'s desk   http://127.0.0.1:{desk.port}/   {names}")
    lines += [
        f"  Password of all officers: {next(iter(play.desks.values())).password}",
        "  The page above logs you in. Put the desks' windows side by side.",
    ]
    if os.environ.get("SSH_CONNECTION") or not _has_display():
        ports = [page.port, *(desk.port for desk in play.desks.values())]
        ways = " ".join(f"-L {port}:127.0.0.1:{port}" for port in ports)
        lines.append(f"  From another machine: ssh {ways} THIS-MACHINE, then the address above.")
    lines += ["  The terminal's own exercise: ./dev demo --terminal. Ctrl-C ends this one.", ""]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tieline-exercise-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
