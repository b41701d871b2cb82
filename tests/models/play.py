"""Three models of the protocol in Promela, and the runs of them: some must hold, others not.

A model is searched whole by ``spin``: every state that its steps and faults can lead to. A broken
variant is the model with one rule left out; its search has to end at an assertion, or the model
would not notice that rule's absence. What a model leaves out its head says.
"""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
MEMORY_MB: Final = 1_024
LIMIT_S: Final = 900
DEPTH: Final = 400_000
_STATES: Final = re.compile(r"^ *(\d[\d.e+]*) states, stored", re.MULTILINE)
_ERRORS: Final = re.compile(r"errors: (\d+)$", re.MULTILINE)
_FOUND: Final = re.compile(r"^pan:1: (.*) \(at depth \d+\)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Run:
    """One search. ``holds``: nothing is to be found; else an assertion is to be violated.

    ``limit``: what is found then is no broken rule, but what the documentation does not promise.
    """

    model: str
    about: str
    defines: tuple[str, ...] = ()
    holds: bool = True
    limit: bool = False

    @property
    def name(self) -> str:
        return "-".join((self.model, *(each.replace("=", "") for each in self.defines)))


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a run: states that were seen, what was found, processor seconds."""

    run: Run
    states: int
    found: str
    seconds: float

    @property
    def good(self) -> bool:
        return (not self.found) == self.run.holds


def broken(model: str, number: int, about: str, *defines: str) -> Run:
    return Run(model, about, (*defines, f"BROKEN={number}"), holds=False)


_STORE = ("STARTS=2", "SAID=2")
_DISK = ("STARTS=2", "WHOLE", "ARRIVED")
_TWO = ("STARTS=1", "CLONE", "SAID=2", "PEERS=1")
RUNS: Final = (
    Run("sync", "two faults, of a store put back too", ("FAULTS=2", "PUT_BACK")),
    broken("sync", 1, "the author tells and pushes before its commit", "FAULTS=2"),
    broken("sync", 2, "the reader signs before its commit", "FAULTS=2"),
    broken("sync", 3, "what was pushed once counts as held", "FAULTS=2"),
    broken("sync", 4, "a lost receipt is not asked for", "FAULTS=2"),
    broken("sync", 5, "a have that names less is not believed", "FAULTS=2", "PUT_BACK"),
    broken("sync", 6, "a statement is taken without the one before it", "FAULTS=2"),
    broken("sync", 7, "what is there is taken once more", "FAULTS=2"),
    Run("probation", "an old store is put back; the mark stays", ("STARTS=2",)),
    Run("probation", "a whole disk is put back; peers hold all that had left", _DISK),
    Run("probation", "two machines with one home", _TWO),
    broken("probation", 1, "an older store is not seen from the mark", *_STORE),
    broken("probation", 2, "a statement leaves before the mark is noted", *_STORE),
    broken("probation", 3, "what a crash left unnoted leaves at the next start", *_STORE),
    broken("probation", 4, "a copy passes for the first machine", *_TWO),
    broken("probation", 5, "it writes on at once", *_DISK),
    broken("probation", 6, "an old bundle confirms", *_DISK),
    broken("probation", 7, "a confirmation counts after the next start", *_DISK),
    Run("probation", "a whole disk is put back; one of two peers in reach holds all that had left",
        (*_STORE, "WHOLE", "ONE_KNOWS", "BOTH")),
    broken("probation", 8, "the first peer that names the end is believed",
           *_STORE, "WHOLE", "ONE_KNOWS", "BOTH"),
    Run("probation", "a whole disk is put back, and no peer need hold what had left",
        (*_STORE, "WHOLE"), holds=False, limit=True),
    Run("probation", "a whole disk is put back; of two peers only the one behind is in reach",
        (*_STORE, "WHOLE", "ONE_KNOWS"), holds=False, limit=True),
    Run("foureyes", "two people, three sessions, two drafts"),
    broken("foureyes", 1, "two sessions pass for two people"),
    broken("foureyes", 2, "an edit changes the draft under its number"),
    broken("foureyes", 3, "numbers are given again after a start"),
    broken("foureyes", 4, "what was released is not remembered"),
    broken("foureyes", 5, "a repeated act is another one"),
    broken("foureyes", 6, "what is out for signature can be withdrawn"),
)  # fmt: skip
# More of the same, with 250 MB: 4.6 million states.
LONG: Final = (Run("sync", "three faults, of a store put back too", ("FAULTS=3", "PUT_BACK")),)


def lacking() -> str:
    """What this machine lacks to play models, in words; empty when nothing."""
    if shutil.which("spin") is None:
        return "spin is not installed (apt-get install spin)"
    if shutil.which("cc") is None:
        return "there is no C compiler, which spin needs (apt-get install gcc libc6-dev)"
    return ""


def play(run: Run, folder: Path) -> Played:
    """Search one model whole, in an empty folder. Raises ``RuntimeError`` when that cannot be."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    flags = [f"-D{each}" for each in run.defines]
    _do(["spin", *flags, "-a", str(HERE / f"{run.model}.pml")], folder)
    fast = "-O1" if run.holds else "-O0"  # what is found is found soon
    _do(["cc", fast, "-w", "-DSAFETY", "-DNOREDUCE", f"-DMEMLIM={MEMORY_MB}", "-o", "pan", "pan.c"],
        folder)  # fmt: skip
    said = _do(["./pan", f"-m{DEPTH}", "-w20"], folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    states, errors = _STATES.search(said), _ERRORS.search(said)
    found = _FOUND.findall(said)
    if states is None or errors is None or "max search depth too small" in said:
        raise RuntimeError(f"{run.name} was not searched:\n{said}")
    if not found and "Search not completed" in said:
        raise RuntimeError(f"{run.name} was not searched to its end:\n{said}")
    if bool(found) != (errors[1] != "0") or any(not each.startswith("assertion") for each in found):
        raise RuntimeError(f"{run.name} found something else than an assertion:\n{said}")
    spent = sum(getattr(after, kind) - getattr(before, kind) for kind in ("ru_utime", "ru_stime"))
    return Played(run, int(float(states[1])), found[0] if found else "", spent)


def _do(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout
