"""A script over a network: a scenario's injects, said at their times from the umpire's station.

Theory. Over a network each party's station is its own: nobody else moves its clock, speaks for it
or cuts its wires. What is left of a script there are the injects, which are statements of the
umpire's own station, and the rest is a cue for the umpire: what the script has for a party now, and
what control would do. So this drives one station over its own API and no other. Moments of the
script are counted from when it is begun (H), by the clock of that station.

Rules:

* an inject is said only while the station of every other party is connected; else the script holds,
  names who is away, and goes on when they are back. What it had yet to say comes later by as long;
* the line's release rule holds: an inject that needs a second officer waits for one, and the script
  with it;
* every inject carries an idempotency key, so that a station that is started again in the middle
  says nothing twice;
* it ends with the script, or with ENDEX; it never says ENDEX, since people may still be at work;
* a station of a real line is never spoken for, nor one of another exercise than the file's.

It does not know: sockets, other stations, how words look on a terminal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from tieline.core.errors import LocalError, TielineError
from tieline.exercise import scenario as world
from tieline.exercise import umpire
from tieline.exercise.answer import Entry, Json
from tieline.exercise.stage import speaker
from tieline.exercise.times import h_plus

POLL_S: Final = 1.0  # an inject may be so much later than the script has it


class Seat(Protocol):
    """The umpire's station. An act is repeated until the station answers, through its restarts."""

    def act(self, name: str, args: Mapping[str, Json]) -> Entry:
        """Perform an act. Raises the station's refusal, a ``TielineError``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One thing that the umpire is told. ``what`` is one of ``WHAT``, ``h`` the script's time.

    ``item``: the statement that an inject became, in hex.
    """

    what: str
    h: str
    text: str
    event: int = 0
    item: str = ""


WHAT: Final = {
    "inject": "listed: what will be said",
    "said": "an inject was said, and is on record",
    "cue": "what the script has for people, or control would do: nobody does it here",
    "holds": "a station is away, or a second officer is waited for",
    "goes on": "it no longer holds",
    "not said": "the draft of an inject was withdrawn",
    "over": "ENDEX was said; nothing more is played",
    "end": "the script is at its end",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a script is to be played.

    ``from_ms``: the moment of the script that is now, UTC ms as the file counts; what comes before
    it is left out. ``without``: parties whose station is not waited for. ``line``: which line, when
    the station keeps several.
    """

    officer: str
    from_ms: int
    without: frozenset[str] = frozenset()
    line: str = ""


def listed(scenario: world.Scenario, from_ms: int) -> Iterator[Told]:
    """What a script would say and cue from a moment on, without a station."""
    for event in _ahead(scenario, from_ms):
        what = "inject" if isinstance(event.act, world.Inject) else "cue"
        text = event.act.text if isinstance(event.act, world.Inject) else _cue(event)
        h = h_plus(event.at_ms, scenario.start_ms)
        yield Told(what=what, h=h, text=text, event=event.number)


class Script:
    """Plays the injects of one scenario at the umpire's station.

    ``tell`` hears of everything that happens, ``wait`` lets so many seconds pass.
    """

    def __init__(
        self,
        scenario: world.Scenario,
        seat: Seat,
        wanted: Wanted,
        tell: Callable[[Told], None],
        *,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._scenario = scenario
        self._seat = seat
        self._wanted = wanted
        self._tell = tell
        self._wait = wait
        self._due_ms = wanted.from_ms  # the script's time: it stands while the script holds
        self._zero_ms = 0  # when the script's start is, by the station's clock
        self._begun_ms = 0

    def check(self) -> None:
        """Whether this station may say this script.

        Raises ``LocalError`` (``exercise.script``) and the station's own refusals.
        """
        status = self._seat.act("status", {})
        realm = status.text("realm")
        if realm != self._scenario.realm:
            kind = f"of the exercise {realm}" if realm else "for real traffic"
            raise LocalError(
                "exercise.script",
                f"this station is {kind}, and the script is of {self._scenario.realm}; nothing was"
                " said: name the umpire's home, or the file that has its exercise as 'realm'",
            )
        packs = self._line(status).texts("packs")
        if not any(one.partition(" ")[0] == umpire.PACK for one in packs):
            raise LocalError(
                "exercise.script",
                f"the charter of this line has no pack '{umpire.PACK}', so nothing can be injected;"
                f" make one with 'tieline charter new --pack {umpire.PACK}'",
            )
        self._begun_ms = status.number("now_ms")
        self._zero_ms = self._begun_ms - (self._wanted.from_ms - self._scenario.start_ms)

    def play(self) -> None:
        """Say every inject at its time, until the script or the exercise ends."""
        self.check()
        left = list(_ahead(self._scenario, self._wanted.from_ms))
        while left:
            event = left[0]
            self._due_ms = event.at_ms
            over = self._until(self._zero_ms + event.at_ms - self._scenario.start_ms)
            if not over and isinstance(event.act, world.Inject):
                over = self._inject(event, event.act)
            elif not over:
                self._say("cue", _cue(event), event)
            if over:
                count = sum(isinstance(one.act, world.Inject) for one in left)
                self._say("over", f"ENDEX: the exercise is over; injects not said: {count}")
                return
            left.pop(0)
        self._say(
            "end", "the script is at its end; the exercise is not, until somebody sends ex/endex"
        )

    def resume_at(self) -> str:
        """The moment of the script at which to go on after an interrupt, as ``--from`` takes it."""
        try:
            now_ms = self._seat.act("status", {}).number("now_ms")
        except TielineError:
            return h_plus(self._due_ms, self._scenario.start_ms)
        reached_ms = now_ms - self._zero_ms + self._scenario.start_ms
        return h_plus(min(reached_ms, self._due_ms), self._scenario.start_ms)

    def _say(self, what: str, text: str, event: world.Event | None = None, item: str = "") -> None:
        h = h_plus(self._due_ms, self._scenario.start_ms)
        number = event.number if event else 0
        self._tell(Told(what=what, h=h, text=text, event=number, item=item))

    def _line(self, status: Entry) -> Entry:
        """The line that is spoken on. Raises ``LocalError`` (``exercise.script``)."""
        lines, name = list(status.entries("lines")), self._wanted.line
        found = [one for one in lines if name in ("", one.text("name"), one.text("line"))]
        if len(found) != 1:
            known = ", ".join(one.text("name") for one in lines) or "none"
            raise LocalError(
                "exercise.script",
                f"say on which line the script is played, with --line; this station has {known}",
            )
        return found[0]

    def _until(self, at_ms: int) -> bool:
        """Wait for a moment of the station's clock. Whether ENDEX came before."""
        while True:
            status = self._seat.act("status", {})
            if self._line(status).raw.get("over_ms") is not None:
                return True
            left_ms = at_ms - status.number("now_ms")
            if left_ms <= 0:
                return False
            self._wait(min(POLL_S, left_ms / 1000))

    def _inject(self, event: world.Event, act: world.Inject) -> bool:
        """Say one, when everybody is there and it is released. Whether ENDEX came before."""
        why = ""
        while True:
            status = self._seat.act("status", {})
            line = self._line(status)
            if line.raw.get("over_ms") is not None:
                return True
            away = self._away(line)
            if away:
                held = f"{', '.join(away)} {'is' if len(away) == 1 else 'are'} away"
            else:
                held = self._spoken(event, act, line)
            if not held:
                break
            if held != why:
                self._say("holds", f"{held}; it goes on by itself", event)
            why = held
            self._wait(POLL_S)
        if why:  # what the script has yet to say comes later by as long as it held
            self._zero_ms = status.number("now_ms") - (event.at_ms - self._scenario.start_ms)
            self._say("goes on", f"no longer: {why}", event)
        return False

    def _away(self, line: Entry) -> list[str]:
        """The other parties none of whose stations is connected and gives a sign of life."""
        there: dict[str, bool] = {}
        for peer in line.entries("peers"):
            party = peer.text("party")
            hears = bool(peer.texts("carriers")) and peer.text("state") != "silent since"
            there[party] = there.get(party, False) or hears
        waited = set(there) - {line.text("party")} - self._wanted.without
        return sorted(party for party in waited if not there[party])

    def _spoken(self, event: world.Event, act: world.Inject, line: Entry) -> str:
        """Say an inject, or hear what became of it; for what it waits, empty when for nothing."""
        say = umpire.told(act)
        args: dict[str, Json] = {
            "line": line.text("line"),
            "precedence": say.precedence.name,
            "to": [],
            "wants": ["nothing"],
            "form": say.form,
            "answers": dict(say.answers),
            "officer": self._wanted.officer,
            "key": f"script-{self._scenario.id}-{self._begun_ms}-{event.number}",
        }
        try:
            done = self._seat.act("send", args)
        except TielineError as error:
            if error.code != "draft.withdrawn":
                raise
            self._say("not said", f"its draft was withdrawn: {act.text}", event)
            return ""
        if not done.flag("released"):
            return f"draft {done.number('draft')} waits for a second officer (tieline release)"
        self._say("said", act.text, event, done.text("item"))
        return ""


def _ahead(scenario: world.Scenario, from_ms: int) -> Iterator[world.Event]:
    return (event for event in scenario.events if event.at_ms >= from_ms)


def _cue(event: world.Event) -> str:
    """What the script has for somebody, in a line."""
    act, who = event.act, speaker(event.act)
    what = getattr(act, "form", "") or type(act).__name__.lower()
    words = getattr(act, "text", "") or event.label
    return ": ".join(part for part in (f"{who or 'control'}, {what}", words) if part)
