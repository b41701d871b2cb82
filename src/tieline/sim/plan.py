"""What one seed does: how many parties, which faults, how bad.

Every seed draws its own selection of faults (swarm testing): a run in which everything fails at
once hides what a run with only one kind of fault would show. A plan is a value, printed with every
failing seed.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, replace

from tieline.sim.network import FAIR, Weather

HOUR_MS = 3_600_000
REALM = "SIM-1"
MIN_STATIONS = 4  # for two that collude
ROTATIONS = ("", "", "", "", "away", "thief", "thief")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One seed's world. Times in virtual ms; ``mean`` of 0 means never."""

    seed: int
    parties: int
    twins: int  # how many parties have a second station
    forker: bool  # one station tells two stories
    loose: bool  # some pairs have a second, lossy road
    weather: Weather
    duration_ms: int
    send_mean_ms: int
    crash_mean_ms: int
    crash_in_turn: int  # per thousand turns (``cut_turns``): die at a random boundary of that turn
    part_mean_ms: int
    part_length_ms: int
    full_mean_ms: int
    fail: int  # per thousand commits: the disk breaks, the process stops
    skew_ms: int
    drift_ppm: int
    jump_mean_ms: int
    bundle_mean_ms: int
    forge_mean_ms: int
    amended: bool  # half way, one party brings the second version of the charter
    four_eyes: bool
    test_interval_s: int
    restore_mean_ms: int  # an earlier store takes the place of a station's present one
    clone: bool  # a home is copied, and runs on two machines
    colluders: bool  # two stations of two parties tell each half of the others another story
    witnesses: int  # how many the charter names; the first one lies
    observer: bool  # the last party reads and does not write
    pest: bool  # a member with good keys wears the others down
    newer: bool  # one station is of a later version, and signs what the others do not know
    drill: bool  # the same parties hold an exercise beside it, and things are carried across
    realm: str
    rotation: str  # "away" or "thief": a station's keys are replaced, and the old one writes on
    # What only a tempo of its own changes (``tempo``).
    tempo: str = ""
    answer_mean_ms: int = 0  # between two looks at what is to be answered; 0: half of a word's
    burst_mean_ms: int = 0  # between two incidents
    down_ms: tuple[int, ...] = (500, 5_000, 60_000, 600_000)  # at most, after a crash
    full_ms: tuple[int, ...] = (2_000, 60_000, 900_000)
    cut_turns: int = 1_000
    dialled: bool = False  # direct roads are dialled by the pace of the product (``dialling``)
    nights: bool = False  # nobody says a word from ten in the evening to six
    patient: bool = False  # a routine word may be answered within two weeks, and so on
    torn: bool = False  # a loss of power may leave some of what was not synced (plan 3)
    slow_clocks: bool = False  # the deadlines that a charter has by default

    def describe(self) -> str:
        """The plan on one line, for a report."""
        return " ".join(f"{name}={value}" for name, value in asdict(self).items())


def calm(seed: int, minutes: float, parties: int = 3) -> Plan:
    """A plan in which nothing goes wrong but what the caller puts into it: to aim at one fault."""
    return Plan(
        seed=seed,
        parties=parties,
        twins=0,
        forker=False,
        loose=False,
        weather=FAIR,
        duration_ms=int(minutes * 60_000),
        send_mean_ms=15_000,
        crash_mean_ms=0,
        crash_in_turn=0,
        part_mean_ms=0,
        part_length_ms=0,
        full_mean_ms=0,
        fail=0,
        skew_ms=0,
        drift_ppm=0,
        jump_mean_ms=0,
        bundle_mean_ms=0,
        forge_mean_ms=0,
        amended=False,
        four_eyes=False,
        test_interval_s=0,
        restore_mean_ms=0,
        clone=False,
        colluders=False,
        witnesses=0,
        observer=False,
        pest=False,
        newer=False,
        drill=False,
        realm=REALM,
        rotation="",
    )


def draw(seed: int, hours: float, *, few: bool = False) -> Plan:
    """The plan of a seed; ``few``: of two or three stations."""
    chance = random.Random(f"{seed}/plan")
    duration = int(hours * HOUR_MS)

    def some(probability: float, value: int) -> int:
        return value if chance.random() < probability else 0

    parties = chance.choice((2, 2, 3, 3, 4, 4))
    twins = chance.choice((0, 0, 1))
    if few:
        parties, twins = min(parties, 3), min(twins, max(0, 3 - parties))
    slow = chance.choice((30, 200, 2_000))
    bad = chance.random()
    late = random.Random(f"{seed}/late plan")  # faults that came later change no earlier choice
    rotation = random.Random(f"{seed}/rotation plan").choice(ROTATIONS)
    observer = random.Random(f"{seed}/observer plan").random() < 0.3  # of those with a third party
    plan = Plan(
        seed=seed,
        parties=parties,
        twins=twins,
        forker=parties > 2 and chance.random() < 0.35,
        loose=chance.random() < 0.5,
        weather=Weather(
            delay_min_ms=1,
            delay_max_ms=slow,
            loss=some(0.6, int(300 * bad)),
            double=some(0.6, int(300 * bad)),
            stray=some(0.6, int(200 * bad)),
            break_mean_ms=some(0.6, chance.choice((20_000, 120_000, 900_000))),
        ),
        duration_ms=duration,
        # Everybody answers everybody: a crowd speaks as often as a pair, and not each of its heads.
        send_mean_ms=chance.choice((20_000, 60_000, 180_000)) * (parties + twins) // 2,
        crash_mean_ms=some(0.6, chance.choice((duration // 12, duration // 3))),
        crash_in_turn=some(0.5, chance.choice((3, 15))),
        part_mean_ms=some(0.6, duration // 4),
        part_length_ms=chance.choice((60_000, duration // 6)),
        full_mean_ms=some(0.3, duration // 3),
        fail=some(0.3, 2),
        skew_ms=some(0.6, chance.choice((500, 61_000, 3_600_000, 86_400_000 * 400))),
        drift_ppm=some(0.5, chance.choice((100, 5_000, 200_000))),
        jump_mean_ms=some(0.4, duration // 5),
        bundle_mean_ms=some(0.4, duration // 6),
        forge_mean_ms=some(0.5, duration // 40),
        four_eyes=chance.random() < 0.3,
        test_interval_s=some(0.4, 900),
        amended=chance.random() < 0.4,
        restore_mean_ms=some(0.6, chance.choice((duration // 4, duration // 8))),
        clone=chance.random() < 0.3,
        colluders=late.random() < 0.9,
        witnesses=late.choice((0, 0, 3, 4)),
        observer=observer and parties > 2,
        pest=False,
        newer=False,
        drill=False,
        realm=REALM,
        rotation=rotation,
    )
    return _with_later_kinds(plan)


def _with_later_kinds(plan: Plan) -> Plan:
    """The kinds of faults that came last, each by chance of its own."""

    def one_in(name: str, probability: float) -> bool:
        return random.Random(f"{plan.seed}/{name} plan").random() < probability

    # Four stations are needed, two of them honest; who forks alone is another fault, and a copy of
    # a home would need to be told which machine of a liar it talks to.
    stations = plan.parties + plan.twins
    alone = not plan.forker and not plan.clone
    pest = alone and plan.parties > 2 and one_in("pest", 0.4)
    return replace(
        plan,
        colluders=plan.colluders and alone and stations >= MIN_STATIONS and not pest,
        pest=pest,
        newer=one_in("newer", 0.25),
        drill=one_in("drill", 0.2),
    )
