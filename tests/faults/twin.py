"""P6 at whole stations: one conversation twice, by honest clocks and by wrong ones.

``python -m tests.faults.twin CASE`` plays it once. Officers take turns, and each waits until all
four stations show what the one before said, so that the order of the record follows from the
conversation alone. Before turns and in the middle of them clocks are set or run wrong, and stations
are killed; the twin has the same turns and the same kills, and the right time. What the two have
kept, shown and rung must be the same, times apart; a new life must not ask the wall clock how long
it was away, since deadlines go by that.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults import fire, firejudge
from tests.faults.crowd import slowly
from tests.faults.fire import LOOK_S, STAND_S, Case, Fire
from tests.faults.fires import CODES, DRIFTS_PPM, PRECEDENCES, STEPS_MS, Schedule

from tieline.exercise.answer import Json
from tieline.exercise.board import Shown, read_shown

TURNS: Final = 14
MIDDLE_S: Final = 0.02  # into a turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Somebody says something; ``answers``: the turn that it acknowledges, else a text.

    ``before`` and ``middle``: clocks that go wrong, as station, by step or else by drift, how much.
    ``killed``: a station that dies before.
    """

    party: str
    to: tuple[str, ...] = ()
    precedence: str = ""
    answers: int = -1
    before: tuple[tuple[str, bool, int], ...] = ()
    middle: tuple[tuple[str, bool, int], ...] = ()
    killed: str = ""


def turns(seed: int) -> list[Turn]:
    """The conversation of a seed."""
    chance, made = random.Random(f"twin {seed}"), list[Turn]()
    open_: list[tuple[str, int]] = []  # who has a message to acknowledge
    for number in range(TURNS):
        killed = chance.choice(CODES) if chance.random() < 0.3 else ""
        wrong = {"before": _wrong(chance, 0.6), "middle": _wrong(chance, 0.4), "killed": killed}
        if open_ and chance.random() < 0.4:
            party, answers = open_.pop(chance.randrange(len(open_)))
            made.append(Turn(party=party, answers=answers, **wrong))  # type: ignore[arg-type]
            continue
        party = chance.choice(CODES)
        others = [code for code in CODES if code != party]
        to = tuple(sorted(chance.sample(others, chance.randint(1, 3))))
        open_ += [(code, number) for code in to]
        rank = chance.choice(PRECEDENCES)
        made.append(Turn(party=party, to=to, precedence=rank, **wrong))  # type: ignore[arg-type]
    return made


def _wrong(chance: random.Random, likely: float) -> tuple[tuple[str, bool, int], ...]:
    if chance.random() > likely:
        return ()
    step = chance.random() < 0.7
    how = chance.choice(STEPS_MS if step else DRIFTS_PPM) * chance.choice((-1, 1))
    return ((chance.choice(CODES), step, how),)


class Twin(Fire):
    """One of the two. ``told``: what it has kept, shown and rung."""

    def __init__(self, schedule: Schedule, logs: Path) -> None:
        super().__init__(schedule, logs)
        self.told: dict[str, object] = {}
        self._items: list[str] = []

    async def _acknowledge(self) -> None:
        """Officers acknowledge in their turns."""

    async def play(self) -> None:
        """All turns."""
        for number, turn in enumerate(turns(self.schedule.seed)):
            if turn.killed:
                await self.machines[turn.killed].kill()
                self.done["kill"] += 1
                # Who must speak before a peer has answered opens another log, as the machine likes.
                await self.stands(turn.killed)
            self._set(turn.before)
            item, _ = await asyncio.gather(self._take(number, turn), self._in_the_middle(turn))
            self._items.append(item)
            async with asyncio.timeout(STAND_S):
                while not all(item in desk.shown for desk in self.board.desks.values()):
                    await slowly(LOOK_S / 10)
        self.heal()

    def _set(self, wrong: tuple[tuple[str, bool, int], ...]) -> None:
        for party, step, how in wrong if self.schedule.kinds else ():  # else clocks are honest
            mood = self.machines[party].mood
            self.done["step" if step else "drift"] += 1
            (mood.step if step else mood.drift)(how)

    async def _in_the_middle(self, turn: Turn) -> None:
        await slowly(MIDDLE_S)
        self._set(turn.middle)

    async def _take(self, number: int, turn: Turn) -> str:
        before = frozenset(self.board.desks[turn.party].shown)
        args: dict[str, Json] = {"officer": f"Watch {turn.party[0]}", "key": f"turn {number}"}
        if turn.answers >= 0:
            name, args["item"] = "ack", self._items[turn.answers]
        else:
            name, args["text"] = "send", f"word {number} of {turn.party}"
            args |= {"precedence": turn.precedence, "to": list(turn.to)}
        item = (await self.act(turn.party, name, args)).text("item")
        self.said[item] = before
        self.answered[turn.party].add(item)
        return item

    async def settle(self) -> float:
        """What it has come to, when all is everywhere."""
        took_s = await super().settle()
        answer = await self.links[CODES[0]].act("log", {"limit": firejudge.LIMIT})
        record = [read_shown(each) for each in answer.entries("items")]
        place = {each.item: at for at, each in enumerate(record)}
        openings = len(CODES)  # the four first words were said at once, and not in turns
        self.told = {
            "openings": sorted(str(_plain(each, place)) for each in record[:openings]),
            "record": [_plain(each, place) for each in record[openings:]],
            "shown": [[at for item in desk.shown if (at := place[item]) >= openings]
                      for desk in self.board.desks.values()],
            "rang": sorted(f"{code} {place[item]} {n}" for (code, item), n in self.rang.items()),
            "alarms": sorted(f"{code} {name} {n}" for code, desk in self.board.desks.items()
                             for name, n in desk.alarms.items() if _counts(name)),
        }  # fmt: skip
        return took_s


def _plain(each: Shown, place: dict[str, int]) -> Json:
    """A statement without times, and without digests, which have times in them."""
    refs: list[Json] = [[place.get(item, -1), role] for item, role in each.refs]
    text = each.view.text("text", "")
    return [each.party, each.position, each.kind, each.precedence, list(each.to), text, refs]


def _counts(alarm: str) -> bool:
    """Whether an alarm must ring in both: those about clocks need not, and lines come and go."""
    return not alarm.startswith(("clock.", "line.", "link."))


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    given |= {name: tuple(given[name]) for name in ("kinds", "always") if name in given}
    one = fire.main(Case(**given), Twin)
    print(
        json.dumps({"missed": one.missed, "notes": one.notes, "done": one.done, "told": one.told})
    )
