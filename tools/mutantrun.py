"""Tries changed modules against the tests, in children that are forked from one collected session.

All tests are imported once. A child puts the changed code into the functions that are there (every
reference to a function sees it) and plays the tests that call the function, the nearest and the
shortest first, until one fails. What a module does while it is imported cannot be changed in this
way: such a change is tried by a new process that reads the changed module (``fresh``).

Which test calls which function is seen before (``mutantmap``).
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from types import CodeType, FunctionType
from typing import Final

import pytest
from hypothesis import Phase, settings

from mutantmap import (
    ROOT,
    Key,
    Map,
    Reports,
    digest,
    file_of,
    load,
    protocol,
    save,
    traced,
    world_of,
)
from mutate import Mutant, Place, Source, read

KILLED, SURVIVED, UNCOVERED = "killed", "survived", "not covered"
_PASSED, _FAILED, _DEFECT, _STALE = 0, 1, 70, 71  # stale: the source changed meanwhile
_SLOWER: Final = 10  # times its own time and some seconds of the processor: then it has no end
_SECONDS: Final = 3
_IMPORT: Final = 60  # seconds of processor time in which the modules of a new process are there
_MEMORY: Final = 3 << 30
_STEP: Final = 200  # tests that are seen between two savings of the map: it takes minutes
_OPTIONS: Final = ["-q", "-s", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:warnings"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant; ``by`` is the test that failed, or the time limit."""

    mutant: Mutant
    state: str
    by: str = ""
    tests: int = 0
    cut: bool = False  # whether the time was up before all tests were played


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried, with what."""

    sources: dict[str, Source]
    mutants: Sequence[Mutant]
    folders: Sequence[str]  # of all tests
    tests: Sequence[str]  # those that are played: folders, or some files of them
    budget: float  # seconds of processor time for the tests of one mutant
    told: Callable[[Outcome], None]
    maps: Path


# ------------------------------------------------------------------------------- which test calls


def _mapped(plan: Plan, items: Sequence[pytest.Item], reports: Reports) -> Map:
    """The map of these tests: what is kept from before, and the rest seen by a child."""
    world = world_of(plan.folders)
    files = {name: digest([ROOT / name]) for name in {file_of(item.nodeid) for item in items}}
    kept = load(plan.maps, world, files)
    unseen = [item for item in items if item.nodeid not in kept.seconds]
    if not unseen:
        return kept
    told = f"mutation: seeing what {len(unseen)} tests call"
    print(told, file=sys.stderr, flush=True)

    def look() -> int:
        for start in range(0, len(unseen), _STEP):
            kept.add(traced(unseen[start : start + _STEP], reports))
            save(plan.maps, world, files, kept)
        return _PASSED

    code, said = _forked(look)
    if code != _PASSED:
        raise RuntimeError(said or f"the map was not made: {code}")
    return load(plan.maps, world, files)


# ------------------------------------------------------------------------------------- one child


def _forked(act: Callable[[], int], told: Callable[[], str] = str) -> tuple[int, str]:
    """What ``act`` gives in a child, or minus the signal that ended it; and what it says."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        code, said = _DEFECT, ""
        try:
            silent = os.open(os.devnull, os.O_RDWR)
            for each in (0, 1, 2):
                os.dup2(silent, each)
            code = act()
            said = told()
        except BaseException:  # noqa: BLE001 # the child ends here, whatever it was
            said = traceback.format_exc()
        os.write(theirs, said.encode()[:60_000])
        os._exit(code)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        said = pipe.read().decode("utf-8", "replace")
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), said


def _limited() -> None:
    """A child that eats memory is refused some, and leaves no dump when it is ended."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


@dataclass(slots=True)
class _Played:
    """How far a child came. ``now`` is the test that it is at."""

    now: str = ""
    tests: int = 0
    cut: bool = False
    failed: bool = False

    def __str__(self) -> str:
        return json.dumps([self.now, self.tests, self.cut])


def _play(
    items: Sequence[pytest.Item], seconds: dict[str, float], budget: float, reports: Reports
) -> _Played:
    """Plays tests until one fails or the time is up. A test without end is ended by a signal."""
    out = _Played()
    until = time.process_time() + budget
    for number, item in enumerate(items):
        out.now = item.nodeid
        signal.setitimer(signal.ITIMER_PROF, _SECONDS + _SLOWER * seconds[item.nodeid])
        protocol(item, None if number + 1 == len(items) else items[number + 1])
        out.tests += 1
        if reports.failed:
            out.failed = True
            break
        if time.process_time() > until:
            out.cut = number + 1 < len(items)
            break
    signal.setitimer(signal.ITIMER_PROF, 0)
    return out


# ------------------------------------------------------------------------------------ all mutants


def _codes(code: CodeType) -> Iterator[CodeType]:
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield const
            yield from _codes(const)


def _code(module: CodeType, place: Place) -> CodeType | None:
    for code in _codes(module):
        if (code.co_qualname, code.co_firstlineno) == (place.qualname, place.line):
            return code
    return None


def swappable(source: Source, mutant: Mutant) -> bool:
    """Whether the change is one of a function's code alone, seen from outside as before."""
    if not mutant.place.qualname:
        return False
    old = _code(source.compiled(), mutant.place)
    new = _code(source.compiled(mutant.number), mutant.place)
    return old is not None and new is not None and old.co_freevars == new.co_freevars


class Runner:
    """The plugin that tries mutants where pytest would run the tests."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.reports = Reports()
        self.defect = ""

    def pytest_collection(self) -> None:
        """Properties look for a failing example, and not for the shortest one."""
        settings.register_profile(
            "mutation",
            settings.get_profile("same"),
            phases=(Phase.explicit, Phase.generate),
            report_multiple_bugs=False,
        )
        settings.load_profile("mutation")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            self.defect = "not every test can be collected; run them to see why"
            return True
        session.config.pluginmanager.register(self.reports)
        try:
            self.try_all(session.items)
        except RuntimeError as fault:
            self.defect = str(fault)
        return True

    def try_all(self, items: Sequence[pytest.Item]) -> None:
        """Map, control, then one mutant after the other."""
        mapped = _mapped(self.plan, items, self.reports)
        by_id = {item.nodeid: item for item in items}
        for key, callers in mapped.callers.items():
            mapped.callers[key] = [each for each in callers if each in by_id]
        functions: dict[Key, list[FunctionType]] = {}
        for each in gc.get_objects():
            if isinstance(each, FunctionType):
                code = each.__code__
                key = (code.co_filename, code.co_qualname, code.co_firstlineno)
                functions.setdefault(key, []).append(each)
        gc.collect()
        gc.freeze()  # the children share these pages
        for number, mutant in enumerate(self.plan.mutants):
            source = self.plan.sources[mutant.module]
            place = (str(source.path), mutant.place.qualname, mutant.place.line)
            tests = mapped.of(place, mutant.module, mutant.line)
            held = functions.get(place, [])
            if tests and held and swappable(source, mutant):
                chosen = [by_id[each] for each in tests]
                if number % 50 == 0:
                    self.control(source, mutant, chosen, held, mapped)
                self.plan.told(self.swapped(mutant, chosen, held, mapped, source))
            else:
                self.plan.told(self.fresh(mutant, mapped, source))

    def control(
        self, source: Source, mutant: Mutant, items: Sequence[pytest.Item],
        held: Sequence[FunctionType], mapped: Map,
    ) -> None:  # fmt: skip
        """The same without a change must pass: else a kill would say nothing."""
        code = _code(source.compiled(), mutant.place)
        ended, said = self.child(code, items, held, mapped, 5.0)
        if ended != _PASSED:
            raise RuntimeError(f"unchanged code fails {mutant.module} {mutant.inside}: {said}")

    def swapped(
        self, mutant: Mutant, items: Sequence[pytest.Item], held: Sequence[FunctionType],
        mapped: Map, source: Source,
    ) -> Outcome:  # fmt: skip
        """Try one in a child of this session."""
        code = _code(source.compiled(mutant.number), mutant.place)
        ended, said = self.child(code, items, held, mapped, self.plan.budget)
        return _outcome(mutant, ended, said)

    def child(
        self, code: CodeType | None, items: Sequence[pytest.Item], held: Sequence[FunctionType],
        mapped: Map, budget: float,
    ) -> tuple[int, str]:  # fmt: skip
        """How tests end in a child where functions have this code."""
        played: list[_Played] = []

        def act() -> int:
            _limited()
            if code is None:
                raise RuntimeError("there is no such function")
            for function in held:
                function.__code__ = code
            played.append(_play(items, mapped.seconds, budget, self.reports))
            return _FAILED if played[0].failed else _PASSED

        return _forked(act, lambda: str(played[0]))

    def fresh(self, mutant: Mutant, mapped: Map, source: Source) -> Outcome:
        """Try one in a new process, which imports the changed module."""
        path = str(source.path)
        near = mapped.near(path, mutant.module, mutant.line)
        if not near:
            return Outcome(mutant, UNCOVERED)
        tests = _affordable(near, mapped.seconds, self.plan.budget)
        order = _Order(
            mutant=mutant.number,
            module=mutant.module,
            path=path,
            after=mutant.after,
            tests=tests,
            seconds={test: mapped.seconds[test] for test in tests},
            budget=self.plan.budget,
        )
        done = subprocess.run(
            [sys.executable, __file__],
            input=json.dumps(asdict(order)),
            capture_output=True,
            text=True,
            check=False,
        )
        out = _outcome(mutant, done.returncode, done.stdout.rpartition("\n\n")[2] or done.stderr)
        if out.state == KILLED:
            return out
        called = mutant.place.qualname and (path, *astuple(mutant.place)) in mapped.callers
        state = SURVIVED if called or not mutant.place.qualname else UNCOVERED
        return replace(out, state=state, cut=out.cut or len(tests) < len(near))


def _affordable(tests: Sequence[str], seconds: dict[str, float], budget: float) -> list[str]:
    """The first of the tests, as many as fit into the time: the others are not even imported."""
    out: list[str] = []
    left = budget
    for test in tests:
        left -= seconds[test] + 0.02  # each has its price beside its own work
        if out and left < 0:
            break
        out.append(test)
    return out


def _outcome(mutant: Mutant, ended: int, said: str) -> Outcome:
    if ended < 0:
        return Outcome(mutant, KILLED, f"signal {signal.Signals(-ended).name}")
    if ended not in {_PASSED, _FAILED}:
        raise RuntimeError(f"{mutant.module} {mutant.before} -> {mutant.after}: {ended} {said}")
    now, tests, cut = json.loads(said)
    if ended == _FAILED:
        return Outcome(mutant, KILLED, now, tests)
    return Outcome(mutant, SURVIVED, "", tests, cut)


def run(plan: Plan) -> str:
    """Tries all mutants; says what was wrong with the tests themselves, if anything was."""
    runner = Runner(plan)
    with tempfile.TemporaryDirectory() as scratch:
        options = [*_OPTIONS, "--no-header", "--no-summary", f"--basetemp={scratch}/t"]
        with open(os.devnull, "w", encoding="utf-8") as silent, redirect_stdout(silent):  # noqa: PTH123
            code = pytest.main([*options, *plan.tests], plugins=[runner])
    if runner.defect or code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        return runner.defect or f"pytest ended with {code}"
    return ""


# --------------------------------------------------------------------------- one in a new process


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the changed code for one module, wherever it is imported."""

    def __init__(self, source: Source, number: int) -> None:
        self.source = source
        self.number = number
        self.name = "tieline." + source.name.replace("/", ".")

    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=str(self.source.path))
        spec.has_location = True
        return spec

    def exec_module(self, module: object) -> None:
        exec(self.source.compiled(self.number), vars(module))  # noqa: S102 # a module is code


@dataclass(frozen=True, slots=True)
class _Order:
    """What a new process is to try. ``after`` shows that it reads the same source."""

    mutant: int
    module: str
    path: str
    tests: list[str]
    seconds: dict[str, float]
    budget: float
    after: str = ""


class _Fresh(Runner):
    """Plays the tests that it is told, in their order."""

    def __init__(self, order: _Order) -> None:
        self.reports = Reports()
        self.order = order
        self.played = _Played()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        session.config.pluginmanager.register(self.reports)
        by_id = {item.nodeid: item for item in session.items}
        items = [by_id[each] for each in self.order.tests if each in by_id]
        self.played = _play(items, self.order.seconds, self.order.budget, self.reports)
        return True


def fresh() -> int:
    """The new process: its order comes by standard input."""
    _limited()
    order = _Order(**json.load(sys.stdin))
    source = read(order.module, Path(order.path))
    if order.after not in {"", source.mutants[order.mutant].after}:
        return _STALE
    sys.meta_path.insert(0, _Changed(source, order.mutant))
    plugin = _Fresh(order)
    files = list(dict.fromkeys(file_of(test) for test in order.tests))
    signal.setitimer(signal.ITIMER_PROF, _IMPORT)
    with tempfile.TemporaryDirectory() as scratch:
        code = pytest.main([*_OPTIONS, f"--basetemp={scratch}/t", *files], plugins=[plugin])
    plugin.played.now = plugin.played.now or "import"
    print(f"\n\n{plugin.played}", end="", flush=True)
    return _FAILED if plugin.played.failed or code != pytest.ExitCode.OK else _PASSED


if __name__ == "__main__":
    sys.exit(fresh())
