"""How fast a world goes and how long it lasts, where that is left to its seed.

Plan 1 (``plan.draw``) is a world of a given length in which all is dense: somebody speaks every
minute, and as much goes wrong in a fifth of an hour as otherwise in a day. Plans 2 and 3
(``paced``) draw one of three tempos first:

* *minutes*: plan 1, with a length that is drawn;
* *hours*: some hours; a word in a quarter of an hour or so, roads that hold for an hour or so;
* *days*: one to four days as they are on a real line. It is tested twice a day, deadlines are
  those that a charter has by default, and there is a word in some hours. Stations, roads and disks
  are away for minutes or for hours. Once or twice a day there is an incident: for some minutes all
  officers speak (``bursts``).

What an hour costs grows with the pairs of stations. So that a world of a pair gets as much of a
night as one of five, worlds of hours and days last the shorter the more stations they have.

The kinds of faults are those of plan 1, by the same chances. What is planned by the length of a run
(``Plan``) happens as often in a run of days as in one of minutes; what is planned by time or by
turns is made as rare as it is slow here.

Plan 3 is plan 2, and in three of four seeds a loss of power leaves some of what was not synced. One
seed in four is of another tempo instead:

* *weeks*: one to four weeks of two or three stations, quiet for days. Stations and roads are away
  for hours or for days, deadlines are of days and weeks, nobody speaks at night, and direct roads
  are dialled by the pace of the product (``dialling``).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from tieline.sim.plan import Plan, draw

PLAN: Final = 3  # the newest of what ``paced`` makes of a seed; ``draw`` is 1
PACED: Final = (2, 3)
TORN: Final = 0.75
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempo:
    """One tempo. Times in virtual ms; of several values the seed draws one."""

    hours: tuple[float, float]  # the least and the greatest length, of a pair
    least: float  # hours, however many stations there are
    send_ms: tuple[int, ...]  # between two words of a pair
    answer_ms: int  # between two looks of an officer at what is to be answered
    burst_ms: tuple[int, ...]  # between two incidents
    break_ms: tuple[int, ...]  # the mean life of a session, where sessions break
    test_s: tuple[int, ...]  # between two line tests, where there are some
    down_ms: tuple[int, ...]
    full_ms: tuple[int, ...]
    part_ms: tuple[int, ...]


HOURS: Final = Tempo(
    hours=(4.0, 12.0),
    least=2.0,
    send_ms=(10 * MINUTE_MS, 20 * MINUTE_MS, HOUR_MS),
    answer_ms=3 * MINUTE_MS,
    burst_ms=(3 * HOUR_MS,),
    break_ms=(20 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS),
    test_s=(3_600, 7_200),
    down_ms=(500, 5_000, 60_000, 1_200_000),
    full_ms=(2_000, 60_000, 1_800_000),
    part_ms=(MINUTE_MS, 15 * MINUTE_MS, HOUR_MS),
)
DAYS: Final = Tempo(
    hours=(48.0, 96.0),
    least=24.0,
    send_ms=(3 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS),
    answer_ms=10 * MINUTE_MS,
    burst_ms=(12 * HOUR_MS, 24 * HOUR_MS),
    break_ms=(HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS),
    test_s=(43_200,),
    down_ms=(500, 60_000, 1_200_000, 3 * HOUR_MS),
    full_ms=(60_000, 1_800_000, 4 * HOUR_MS),
    part_ms=(MINUTE_MS, HOUR_MS, 6 * HOUR_MS),
)
DAY_MS: Final = 24 * HOUR_MS
WEEKS: Final = Tempo(
    hours=(336.0, 672.0),
    least=168.0,
    send_ms=(12 * HOUR_MS, DAY_MS, 2 * DAY_MS),
    answer_ms=HOUR_MS,
    burst_ms=(5 * DAY_MS, 10 * DAY_MS),
    break_ms=(6 * HOUR_MS, DAY_MS, 4 * DAY_MS),
    test_s=(43_200, 86_400),
    down_ms=(500, 5_000, 60_000, 1_200_000, 6 * HOUR_MS, 3 * DAY_MS),
    full_ms=(60_000, 4 * HOUR_MS, DAY_MS),
    part_ms=(HOUR_MS, DAY_MS, 5 * DAY_MS),
)
PACES: Final[Mapping[str, Tempo | None]] = {"minutes": None, "hours": HOURS, "days": DAYS}  # plan 2
TEMPOS: Final[Mapping[str, Tempo | None]] = {**PACES, "weeks": WEEKS}


def paced(seed: int, number: int = PLAN) -> Plan:
    """The plan of a seed that draws its tempo and its length as well, by plan 2 or 3."""
    chance = random.Random(f"{seed}/tempo")
    name = chance.choice(tuple(PACES))
    if number == 2:
        return _paced(seed, name, chance)
    if random.Random(f"{seed}/weeks plan").random() < 1 / len(TEMPOS):
        name = "weeks"
    plan = _paced(seed, name, chance)
    return replace(plan, torn=random.Random(f"{seed}/torn plan").random() < TORN)


def _paced(seed: int, name: str, chance: random.Random) -> Plan:
    tempo = TEMPOS[name]
    if tempo is None:
        return replace(draw(seed, chance.uniform(0.1, 0.4)), tempo=name)
    whole = chance.uniform(*tempo.hours)
    weeks = tempo is WEEKS
    crowd = draw(seed, whole, few=weeks)  # who is there does not follow from the length
    stations = crowd.parties + crowd.twins
    length = max(tempo.least, whole * 2 / (stations * (stations - 1)))
    plan = draw(seed, length, few=weeks)
    parted = chance.choice(tempo.part_ms)
    broken = chance.choice(tempo.break_ms)
    weather = replace(plan.weather, break_mean_ms=broken if plan.weather.break_mean_ms else 0)
    tests = chance.choice(tempo.test_s)
    return replace(
        plan,
        tempo=name,
        weather=weather,
        # As in plan 1, a crowd speaks as often as a pair.
        send_mean_ms=chance.choice(tempo.send_ms) * (plan.parties + plan.twins) // 2,
        answer_mean_ms=tempo.answer_ms,
        burst_mean_ms=chance.choice(tempo.burst_ms),
        part_length_ms=parted,
        crash_in_turn=1 if plan.crash_in_turn else 0,
        test_interval_s=tests if plan.test_interval_s or tempo is not HOURS else 0,
        down_ms=tempo.down_ms,
        full_ms=tempo.full_ms,
        slow_clocks=tempo is DAYS,
        cut_turns=100_000 if weeks else 1_000,
        dialled=weeks,
        nights=weeks,
        patient=weeks,
    )
