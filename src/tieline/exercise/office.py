"""The umpire's office: a socket in the exercise's folder, over which control is asked and told.

One line of JSON each way. Whoever can open the socket is the umpire: it lies in a folder that only
its owner enters, as the homes of all stations do. The office decides nothing; it puts orders into
the umpire's hand on the clock, and answers from the board and the stations' records.

Everything that it does to the line is an act of a scenario (``scenario``), performed by the same
code and shown on the same screen.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError, TielineError
from tieline.core.terms import dtg
from tieline.exercise import scenario as world
from tieline.exercise import umpire
from tieline.exercise.acts import ActReader
from tieline.exercise.answer import Entry, Json
from tieline.exercise.control import Control
from tieline.exercise.reading import Table
from tieline.exercise.stage import Hand, speaker
from tieline.exercise.times import h_plus

SOCKET: Final = "umpire.sock"
MAX_LINE: Final = 64_000
AHEAD: Final = 12  # events of the script that are shown
MAX_RATE: Final = 3_600.0
_WHY: Final = ("played", "stopped", "real-event")
_ACTS: Final = ("cut", "heal", "carry", "forge")


class Office:
    """Answers the umpire's terminal."""

    def __init__(
        self,
        control: Control,
        hand: Hand,
        folder: Path,
        *,
        score: Callable[[], Awaitable[dict[str, Json]]],
    ) -> None:
        self._control = control
        self._hand = hand
        self._folder = folder
        self._score = score
        self._number = 1_000_000  # events of the umpire's own; a script has fewer
        self._ended = False
        self._server: asyncio.Server | None = None
        self._does: dict[str, Callable[[Entry], Awaitable[dict[str, Json]]]] = {
            "state": self._state,
            "score": self._scored,
            "go": self._go,
            "pause": self._pause,
            "step": self._step,
            "release": self._release,
            "drop": self._drop,
            "inject": self._inject,
            "rule": self._rule,
            **dict.fromkeys(_ACTS, self._act),
            "endex": self._endex,
        }

    async def open(self) -> None:
        """Listen. Raises ``OSError``."""
        self._server = await asyncio.start_unix_server(
            self._serve, path=self._folder / SOCKET, limit=MAX_LINE
        )

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
        (self._folder / SOCKET).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                answer = await self._answered(line)
                writer.write(json.dumps(answer).encode("ascii") + b"\n")
                await writer.drain()
        writer.close()

    async def _answered(self, line: bytes) -> dict[str, Json]:
        try:
            asked = Entry(json.loads(line), "what control was asked")
            does = self._does.get(asked.text("do", ""))
            if does is None:
                known = ", ".join(self._does)
                raise LocalError("exercise.order", f"control knows no such order; it knows {known}")
            return {"ok": True, **await does(asked)}
        except TielineError as error:
            return {"ok": False, "code": error.code, "error": error.message}
        except ValueError:
            return {"ok": False, "code": "exercise.order", "error": "this is no order in JSON"}

    # ------------------------------------------------------------------------------- looking

    async def _state(self, _: Entry) -> dict[str, Json]:
        """The clock, every desk, what the script has next, and what is expected of people."""
        control, board = self._control, self._control.board
        scenario = control.scenario
        desks: list[Json] = [
            {
                "party": code,
                "played_by": "people" if code in control.stage.people else "script",
                "time": dtg(control.now_ms),
                "holds": len(desk.shown),
                "alarms": desk.alarms.total(),
                "refused": len(desk.refused),
                "lines": {other: state for other, (state, _) in sorted(desk.states.items())},
            }
            for code, desk in board.desks.items()
        ]
        return {
            "exercise": scenario.realm,
            "title": scenario.title,
            "now": dtg(control.now_ms),
            "now_ms": control.now_ms,
            "h": h_plus(control.now_ms, scenario.start_ms),
            "clock": self._clock(),
            "desks": desks,
            "ahead": [self._event(event) for event in control.upcoming()[:AHEAD]],
            "expected": self.expected(),
            "unplayed": list(control.stage.unplayed),
        }

    def _clock(self) -> str:
        if self._ended:
            return "over"
        return f"goes at {self._hand.rate:g}" if self._hand.rate else "stands still"

    def expected(self) -> list[Json]:
        """What the script has for people, and what they said for it."""
        return [
            {**self._event(one.event), "met_by": one.name, "met_ms": one.at_ms}
            for one in self._control.stage.expected
        ]

    def _event(self, event: world.Event) -> dict[str, Json]:
        act = event.act
        left = self._control.stage.leaves(act)
        return {
            "number": event.number,
            "at_ms": event.at_ms,
            "at": h_plus(event.at_ms, self._control.scenario.start_ms),
            "act": type(act).__name__.lower(),
            "party": speaker(act),
            "left_to_people": left,
            "label": event.label,
            "form": getattr(act, "form", ""),
            "text": getattr(act, "text", ""),
        }

    async def _scored(self, _: Entry) -> dict[str, Json]:
        return {"score": await self._score(), "expected": self.expected()}

    # ----------------------------------------------------------------------------- the clock

    async def _go(self, asked: Entry) -> dict[str, Json]:
        rate = asked.raw.get("rate", 1)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= MAX_RATE:
            raise LocalError("exercise.rate", f"a rate is above 0, and {MAX_RATE:g} at most")
        self._hand.go(float(rate))
        return {"clock": self._clock()}

    async def _pause(self, _: Entry) -> dict[str, Json]:
        self._hand.pause()
        return {"clock": self._clock()}

    async def _step(self, _: Entry) -> dict[str, Json]:
        self._hand.step()
        return {"clock": "goes to what is due next, and stands still"}

    # -------------------------------------------------------------------------------- orders

    def _order(self, act: world.Act, *, over: bool = False) -> None:
        self._number += 1
        event = world.Event(number=self._number, at_ms=self._control.now_ms, act=act)
        self._hand.order(event, over=over)

    async def _release(self, asked: Entry) -> dict[str, Json]:
        """Play an event of the script now."""
        event = self._control.pull(asked.number("number"))
        self._hand.order(replace(event, at_ms=self._control.now_ms))
        return {"released": self._event(event)}

    async def _drop(self, asked: Entry) -> dict[str, Json]:
        """Take an event out of the script; it is never played."""
        return {"dropped": self._event(self._control.pull(asked.number("number")))}

    async def _inject(self, asked: Entry) -> dict[str, Json]:
        text, sure = asked.text("text"), asked.text("confidence", "D")
        if sure not in world.CONFIDENCE or not 1 <= len(text.strip()) <= 600:
            known = ", ".join(world.CONFIDENCE)
            raise LocalError(
                "exercise.inject", f"an inject has 1 to 600 characters and one of {known}"
            )
        self._order(world.Inject(text=text.strip(), confidence=sure))
        return {"said": text.strip()}

    async def _rule(self, asked: Entry) -> dict[str, Json]:
        """What the umpire decides, said to all and noted beside the record."""
        text = asked.text("text").strip()
        if not 1 <= len(text) <= 600:
            raise LocalError("exercise.ruling", "a ruling has 1 to 600 characters")
        self._order(world.Ruling(text=text))
        return {"ruled": text}

    async def _act(self, asked: Entry) -> dict[str, Json]:
        """A wire, a stick or a forgery, with the keys that such an act has in a scenario."""
        values: dict[str, object] = {
            key: value for key, value in asked.raw.items() if key not in ("do", "act")
        }
        table = Table({**values, "act": asked.text("do")}, "your order")
        scenario = self._control.scenario
        players = {party.code: party.language for party in scenario.parties}
        reader = ActReader(players, (), scenario.start_ms)
        act = reader.read(table, "", self._control.now_ms)
        table.done()
        self._order(act)
        return {"ordered": asked.text("do")}

    async def _endex(self, asked: Entry) -> dict[str, Json]:
        why = asked.text("why", "played")
        if why not in _WHY:
            raise LocalError("exercise.endex", f"'why' is one of {', '.join(_WHY)}")
        if self._ended:
            raise LocalError("exercise.endex", "this exercise is over already")
        self._ended = True
        self._order(umpire.endex(why, asked.text("text", "")), over=True)
        home = self._folder / self._control.scenario.codes[0].lower()
        return {
            "clock": "over",
            "next": "the stations stop, and their homes stay; to look at one, start it again:"
            f" tieline serve --home {home}",
        }
