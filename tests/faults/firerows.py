"""The rows of whole stations under fire, and the builds under which they must go red."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tests.faults import linecrowd, mood, slowdisk
from tests.faults.fire import Case
from tests.faults.fires import CLOCKS, DISKS, KINDS, LIVES, ROADS
from tests.faults.firestation import ROOT
from tests.faults.rows import Row, need, scratch

from tieline.sim.mutants import Mutant

BROKEN = ""  # what is broken on purpose in the stations that are started; see ``stationproc``
LIBRARY = ""  # the compiled ``mood.c`` while the stage stands
SECONDS: Final = 8.0
LONGER: Final = 10  # cases from this one on last longer
WAIT_S: Final = 900
Told = dict[str, object]


@contextlib.contextmanager
def stage() -> Iterator[None]:
    """The library is compiled once for cases that follow each other."""
    global LIBRARY  # noqa: PLW0603 - cases are plain functions of a number
    with tempfile.TemporaryDirectory(prefix="tieline-mood-") as folder:
        LIBRARY = str(mood.build(Path(folder)) or "")
        try:
            yield
        finally:
            LIBRARY = ""


def burnt(case: Case, player: str = "fire") -> Told:
    """Play a case in a process of its own: what it says."""
    # The folder is ours, so that it goes with the case even when the case is ended.
    with scratch() as folder:
        order = json.dumps(asdict(case) | {"folder": folder})
        done = subprocess.run(
            [sys.executable, "-m", f"tests.faults.{player}", order],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
    need(done.returncode == 0, f"the case did not end: {done.stderr[-2_000:]}")
    told: Told = json.loads(done.stdout.splitlines()[-1])
    return told


def _row(kinds: tuple[str, ...], always: tuple[str, ...]) -> Callable[[int], None]:
    def play(seed: int) -> None:
        seconds = SECONDS if seed < LONGER else SECONDS + seed % 13
        # One in four has the pace of a real line, which tries again after up to half a minute.
        case = Case(
            seed=seed, seconds=seconds, kinds=kinds, always=always, broken=BROKEN,
            library=LIBRARY, brisk=seed % 4 != 3,
        )  # fmt: skip
        told = burnt(case)
        for note in told["notes"] if isinstance(told["notes"], list) else ():
            sys.stderr.write(f"case {seed}: {note}\n")
        need(not told["missed"], str(told["missed"]))

    return play


def twins(seed: int) -> None:
    """One conversation with honest clocks, and once more with wrong ones."""
    both: list[dict[str, object]] = []
    for kinds in ((), CLOCKS):
        case = Case(seed=seed, seconds=1, kinds=kinds, always=kinds, broken=BROKEN, library=LIBRARY)
        told = burnt(case, "twin")
        need(not told["missed"], f"{'wrong' if kinds else 'honest'} clocks: {told['missed']}")
        assert isinstance(told["told"], dict)
        both.append(told["told"])
    honest, wrong = both
    apart = [part for part in honest if honest[part] != wrong[part]]
    found = "; ".join(f"{honest[part]} and {wrong[part]}"[:2_000] for part in apart)
    need(not apart, f"wrong clocks have changed {', '.join(apart)}: {found}")


def _at_the_port(name: str, what: str) -> Mutant:
    """A build that is in force in the stations of ``linecrowd``, by the same name."""
    return Mutant(
        name=name, invariants=frozenset(), what=what, patches=((linecrowd, "BROKEN", name),)
    )


def _at_the_disk(name: str, what: str, broken: str) -> Mutant:
    """A build that is in force in the stations of ``slowdisk``."""
    patches = ((slowdisk, "BROKEN", broken),)
    return Mutant(name=name, invariants=frozenset(), what=what, patches=patches)


def _process(name: str, what: str, broken: str) -> Mutant:
    """A build of which the broken part is in the stations' own processes; see ``stationproc``."""
    patches = ((sys.modules[__name__], "BROKEN", broken),)
    return Mutant(name=name, invariants=frozenset(), what=what, patches=patches)


BUILDS: Final = {
    build.name: build
    for build in (
        _process("told-before-kept", "what is told to be kept is kept within two seconds",
                 "kept-later"),
        _process("never-resent", "what was lost with a cut is not sent again", "never-again"),
        _process("new-by-carrier", "what comes a second time comes up again", "carrier-makes-new"),
        _at_the_port("no-deadline", "who does not say who it is may stay"),
        _at_the_port("no-cap", "there is room for everybody who comes"),
        _at_the_port("dear-statements", "a peer's statement holds all lines up for 100 ms"),
        _at_the_disk("told-before-synced", "what is told to be kept is synced within two seconds",
                     "kept-later"),
        _at_the_disk("held-by-syncs", "a station does nothing else while its disk syncs",
                     "held-by-syncs"),
        _at_the_disk("looked-at-early", "what is not stored yet is shown like all else",
                     "looked-at-early"),
        _at_the_disk("silent-until-stored", "a FLASH is not told of before it is stored",
                     "silent-until-stored"),
        _process("order-of-clocks", "the record is in the order of clocks", "clock-order"),
    )
}  # fmt: skip

LIVING: Final = Row(
    promise="P1",
    name="living-line",
    fault="four real stations: bad and cut roads, kill -9, pauses, slow and full disks",
    demand="60 s after the faults all is everywhere, once, in one order; nobody is accused",
    counts=(5, 60, 400),
    play=_row((*ROADS, *DISKS, *LIVES), ("cut", "slow", "kill", "twice")),
    stage=stage,
    sabotage=("told-before-kept", "never-resent", "new-by-carrier"),
    few=9,  # a session outlives most cuts of a short case, and nothing is lost with it
)
WRONG_CLOCKS: Final = Row(
    promise="P6",
    name="clocks-of-machines",
    fault="clocks of real stations set by up to 20 years, or running wrong, and new starts",
    demand="one order, in which nothing stands before what its author had read",
    counts=(2, 20, 200),
    play=_row((*CLOCKS, "kill", "late", "cut"), CLOCKS),
    stage=stage,
    sabotage=("order-of-clocks",),
)
TWIN: Final = Row(
    promise="P6",
    name="clock-twins",
    fault="one conversation at real stations twice, with right clocks and with wrong ones",
    demand="what is kept, shown and rung is the same, times apart",
    counts=(1, 20, 200),
    play=twins,
    stage=stage,
    sabotage=("order-of-clocks",),
)
WHOLE: Final = Row(
    promise="S",
    name="whole-system",
    fault="faults of all kinds at once at four real stations, chosen by the seed",
    demand="as for a living line, and no station ends but for its disk, with a code",
    counts=(5, 60, 400),
    play=_row(KINDS, ()),
    stage=stage,
    sabotage=("never-resent", "order-of-clocks"),
)
CROWDED: Final = Row(
    promise="P8",
    name="crowded-line",
    fault="1,000 strangers at a station's port, in seven manners and all at once; a noisy peer",
    demand="a FLASH a second in 2 s; gone in 10 s; 32 MiB, 160 files, half a core at most",
    counts=(len(linecrowd.CASES), len(linecrowd.CASES) * 10, len(linecrowd.CASES) * 60),
    play=linecrowd.crowded_line,
    stage=linecrowd.stage,
    sabotage=("no-deadline", "no-cap"),
    few=2,
)
NOISY: Final = Row(
    promise="P8",
    name="noisy-line",
    fault="a peer floods a line of a station with valid statements, as fast as it can",
    demand="a FLASH a second on another line of that station comes up in 2 s; 32 MiB",
    counts=(2, 10, 100),
    play=linecrowd.noisy_line,
    stage=linecrowd.stage,
    sabotage=("dear-statements",),
    few=1,
)
SLOW: Final = Row(
    promise="P1",
    name="slow-syncs",
    fault="each sync of a real station takes 0.2 to 7 s, at one or at both",
    demand="answer, desk and receipt wait; status and sessions do not; FLASH as not yet stored",
    counts=(3, len(slowdisk.CASES), len(slowdisk.CASES) * 10),
    play=slowdisk.slow_in_fact,
    stage=slowdisk.stage,
    sabotage=(
        "told-before-synced",
        "held-by-syncs",
        "looked-at-early",
        "silent-until-stored",
    ),
    few=3,
    lacks=slowdisk.no_compiler,
)
ROWS: Final = (LIVING, WRONG_CLOCKS, TWIN, WHOLE, CROWDED, NOISY, SLOW)
