"""What happens to four stations under fire, and when: drawn from one seed, and nothing else.

No process is needed to draw it, and the same seed gives the same schedule each time. What single
packets meet within a fault is drawn from the seed, too, but which packets there are the machine
decides.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

CODES: Final = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")
DAY_MS: Final = 86_400_000
ROADS: Final = ("loss", "late", "twice", "flips", "cut", "one-way", "alone")
LIVES: Final = ("kill", "pause")
CLOCKS: Final = ("step", "drift")
DISKS: Final = ("slow", "full")
KINDS: Final = (*ROADS, *DISKS, *LIVES, *CLOCKS)  # disks first: kills fall into slow commits
STEPS_MS: Final = (500, 61_000, 3_600_000, DAY_MS, 400 * DAY_MS, 20 * 365 * DAY_MS)
DRIFTS_PPM: Final = (100, 5_000, 100_000, 500_000)
PRECEDENCES: Final = ("ROUTINE", "ROUTINE", "PRIORITY", "PRIORITY", "IMMEDIATE", "FLASH")
GRACE_MS: Final = 700  # before the first fault, so that the line stands
KEPT: Final = 0.7  # how likely one kind is among those of a seed


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Fault:
    """One fault. ``where``: the stations that it is about, of ``one-way`` from whom to whom.

    ``how``: of 1,000 packets (``loss``, ``twice``, ``flips``), ms (``late``, ``step``, ``slow``),
    millionths (``drift``); else 0. A moment has ``until_ms`` as ``at_ms``.
    """

    at_ms: int
    until_ms: int
    kind: str
    where: tuple[str, ...]
    how: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Word:
    """Something that people do: ``send`` a text, or carry a ``stick`` from ``party`` to ``to``."""

    at_ms: int
    party: str
    act: str
    to: tuple[str, ...]
    precedence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """All of it, in the order of time. All faults are over at ``over_ms``, and talk, too."""

    seed: int
    over_ms: int
    kinds: tuple[str, ...]
    faults: tuple[Fault, ...]
    words: tuple[Word, ...]


def plan(
    seed: int, kinds: tuple[str, ...], over_ms: int, *, always: tuple[str, ...] = (), most: int = 3
) -> Schedule:
    """The schedule of a seed: some of these kinds, each up to ``most`` times.

    ``always``: kinds that are among them whatever the seed.
    """
    chance = random.Random(f"fire {seed} {' '.join(kinds)} {over_ms}")
    chosen = tuple(kind for kind in kinds if chance.random() < KEPT or kind in always)
    if len(chosen) < min(2, len(kinds)):
        chosen = kinds
    faults: list[Fault] = []
    for kind in chosen:
        for _ in range(chance.randint(1, most)):
            faults.append(_fault(chance, kind, over_ms, faults))
    return Schedule(
        seed=seed,
        over_ms=over_ms,
        kinds=chosen,
        faults=tuple(sorted(faults)),
        words=tuple(sorted(_talk(chance, over_ms))),
    )


def _fault(chance: random.Random, kind: str, over_ms: int, before: list[Fault]) -> Fault:
    at_ms = chance.randint(GRACE_MS, over_ms * 3 // 4)
    until_ms = min(over_ms, at_ms + chance.randint(over_ms // 8, over_ms // 2))
    one, other = chance.sample(CODES, 2)
    match kind:
        case "loss" | "twice" | "flips":
            how = chance.randint(20, {"loss": 300, "twice": 500, "flips": 100}[kind])
            return Fault(at_ms=at_ms, until_ms=until_ms, kind=kind, where=CODES, how=how)
        case "late":
            how = chance.choice((5, 40, 150))
            return Fault(at_ms=at_ms, until_ms=until_ms, kind=kind, where=CODES, how=how)
        case "cut" | "one-way":
            return Fault(at_ms=at_ms, until_ms=until_ms, kind=kind, where=(one, other))
        case "alone" | "full":
            return Fault(at_ms=at_ms, until_ms=until_ms, kind=kind, where=(one,))
        case "kill":
            return _kill(chance, at_ms, one, before)
        case "pause":
            until_ms = min(over_ms, at_ms + chance.randint(200, 4_000))
            return Fault(at_ms=at_ms, until_ms=until_ms, kind=kind, where=(one,))
        case "step":
            how = chance.choice(STEPS_MS) * chance.choice((-1, 1))
            return Fault(at_ms=at_ms, until_ms=at_ms, kind=kind, where=(one,), how=how)
        case "drift":
            how = chance.choice(DRIFTS_PPM) * chance.choice((-1, 1))
            return Fault(at_ms=at_ms, until_ms=until_ms, kind=kind, where=(one,), how=how)
        case _:
            how = chance.choice((50, 300, 1_000))
            return Fault(at_ms=at_ms, until_ms=until_ms, kind="slow", where=(one,), how=how)


def _kill(chance: random.Random, at_ms: int, party: str, before: list[Fault]) -> Fault:
    """A kill at any moment; most often while a disk is slow, when there is a slow one.

    Then a commit takes long, and what is said before it is said too early.
    """
    slow = [fault for fault in before if fault.kind == "slow"]
    if slow and chance.random() < 0.8:
        around = chance.choice(slow)
        party, at_ms = around.where[0], (around.at_ms + around.until_ms) // 2
    return Fault(at_ms=at_ms, until_ms=at_ms, kind="kill", where=(party,))


def _talk(chance: random.Random, over_ms: int) -> list[Word]:
    """What is said: each party now and then, to some or to all; seldom a stick is carried."""
    words: list[Word] = []
    for party in CODES:
        at_ms = chance.randint(0, 400)
        while at_ms < over_ms:
            others = [code for code in CODES if code != party]
            if chance.random() < 0.06:
                taker = (chance.choice(others),)
                words.append(Word(at_ms=at_ms, party=party, act="stick", to=taker))
            else:
                to = tuple(sorted(chance.sample(others, chance.randint(1, 3))))
                rank = chance.choice(PRECEDENCES)
                words.append(Word(at_ms=at_ms, party=party, act="send", to=to, precedence=rank))
            at_ms += chance.randint(100, 600)
    return words
