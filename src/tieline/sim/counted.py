"""What a run counts of itself: faults by kind, and checks with the invariants that they are of.

A fault is counted when it happens and not when it is planned. What a check finds ends the run, so
of a run that held every check was made that often and found nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

# By the word with which the world notes it: what happened.
FAULTS: Final[Mapping[str, str]] = {
    "died": "power cut, killed, failed commit, or stopped for a store that is put back",
    "unsynced": "written and not synced, lost with the power",
    "mark lost": "mark of a machine torn, or an older one, after a loss of power",
    "full": "full disk",
    "jump": "jump of a clock",
    "broken": "session broken or cut",
    "part": "partition",
    "lost": "envelope lost",
    "doubled": "envelope doubled",
    "strayed": "envelope on a detour",
    "bundle": "bundle by hand",
    "forged": "forged, altered or replayed envelope",
    "put back": "store or disk put back, or home moved",
    "left behind": "peer away while an old end is confirmed",
    "copied": "home copied",
    "swapped": "copy and original change places",
    "forked": "second story told",
    "false head": "false checkpoint told",
    "split": "two liars split the line",
    "witness lies": "witness lies",
    "rotation": "keys replaced while parted",
    "stolen": "statement by a thief of the old key",
    "stolen head": "checkpoint by a thief of the old key",
    "amends": "charter amended half way",
    "pest": "burst of a hostile member",
    "crosses": "carried across from or to an exercise",
}

# By the word with which it is counted: the invariants, and when it is made.
CHECKS: Final[Mapping[str, tuple[str, str]]] = {
    "check commit": ("1 2 4 5 6 8", "at each commit"),
    "check confirmed": ("1", "when an officer is told that something is said"),
    "check leaving": ("1 6", "at each envelope that leaves"),
    "check order": ("3", "after each turn"),
    "check brought": ("4", "after each turn that brought statements, where somebody lies"),
    "check attempts": ("8", "after each turn in which a carrier told of an attempt"),
    "check start": ("1 5", "at each start"),
    "check silence": (
        "8",
        "at each step after which a station has kept something, and when a word is due",
    ),
    "check answered": ("7", "at each answer to an officer"),
    "check collusion": (
        "4",
        "at each step in which something moved or became due, where two collude",
    ),
    "check pest": ("5", "at each step in which a station kept something, where one is hostile"),
    "check touch": ("7 10", "for each word and reader in touch, when its time is up"),
    "check pulse": ("10", "every 25 s and less, for each side of a session that stands"),
    "check next try": ("7", "at each pause between two tries, in worlds of weeks"),
    "check leak": ("9", "at each commit beside an exercise"),
    "check convergence": ("10", "each 0.5 s after the faults"),
    "check rebuilt": ("1", "at the end, for each station"),
}


def total(counts: Iterable[tuple[tuple[str, int], ...]]) -> Counter[str]:
    """The sums of the counts of many runs."""
    out: Counter[str] = Counter()
    for each in counts:
        out.update(dict(each))
    return out


def faults(counts: Mapping[str, int]) -> dict[str, int]:
    """How often each kind of fault was injected; a kind that never was has 0."""
    return {what: counts.get(word, 0) for word, what in FAULTS.items()}


def checks(counts: Mapping[str, int]) -> dict[str, int]:
    """How often each invariant was checked, by its number."""
    out = dict.fromkeys(map(str, range(1, 11)), 0)
    for word, (invariants, _) in CHECKS.items():
        for number in invariants.split():
            out[number] += counts.get(word, 0)
    return out
