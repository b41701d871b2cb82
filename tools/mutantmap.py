"""Which tests call which function, and at which lines they are there: seen once, and kept.

Seen by a run of all tests under ``sys.settrace``. What a test has been seen to do is kept until the
test, a source that it calls or what all tests have in common changes.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
_LOOKED: Final = 50  # calls of one function by one test whose lines are seen: the rest are as slow
Key = tuple[str, str, int]  # file, function, line
_Seen = dict[int, CodeType]  # by where it is in memory: codes compare slowly
_Trace = Callable[[FrameType, str, Any], Any]


@dataclass(slots=True)
class Map:
    """Of each test how long it takes, and of each function the tests that call it."""

    seconds: dict[str, float] = field(default_factory=dict)
    callers: dict[Key, list[str]] = field(default_factory=dict)
    lines: dict[str, dict[str, int]] = field(default_factory=dict)  # by test and file, as bits

    def add(self, more: Map) -> None:
        """Take what was seen of other tests."""
        self.seconds.update(more.seconds)
        self.lines.update(more.lines)
        for key, tests in more.callers.items():
            self.callers.setdefault(key, []).extend(tests)

    def of(self, place: Key, module: str, line: int) -> list[str]:
        """The tests of a function, in the order in which they are likely to notice a change.

        Those that were seen at the line of the change come first. The others follow, as not every
        call was looked at.
        """
        return self._sorted(self.callers.get(place, ()), module, (place[0], line))

    def near(self, path: str, module: str, line: int) -> list[str]:
        """The tests that call any function of a file, in the same order."""
        found = {test for key, tests in self.callers.items() if key[0] == path for test in tests}
        return self._sorted(found, module, (path, line))

    def _sorted(self, tests: Iterable[str], module: str, at: tuple[str, int]) -> list[str]:
        """Of its own files all, the short ones first; then the shortest of each other file."""
        own = f"/test_{module.rsplit('/', 1)[-1].partition('_')[0]}"
        rank: dict[str, int] = {}
        keys: dict[str, tuple[bool, int, float, str]] = {}
        for test in sorted(tests, key=lambda each: (self.seconds[each], each)):
            file = file_of(test)
            away = not self.lines.get(test, {}).get(at[0], 0) >> at[1] & 1
            rank[file] = rank.get(file, 0) + (not away)
            near = 0 if own in file else rank[file]
            keys[test] = (away, near, self.seconds[test], test)
        return sorted(keys, key=keys.__getitem__)


def digest(paths: Iterable[Path]) -> str:
    """Of the contents of files, and of the Python that reads them."""
    out = hashlib.sha256(sys.version.encode())
    for path in sorted(set(paths)):
        if path.is_file() and path.suffix != ".pyc":
            out.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return out.hexdigest()


def world_of(folders: Iterable[str]) -> str:
    """Of all that every test stands on beside the sources: data, and what tests have in common."""
    paths = [path for each in ("vectors", "packs") for path in (ROOT / each).rglob("*")]
    homes = [ROOT / each if (ROOT / each).is_dir() else (ROOT / each).parent for each in folders]
    paths += [path for home in homes for path in home.rglob("*.py")]
    paths += [*(ROOT / "tests").glob("*.py"), Path(__file__)]
    return digest(path for path in paths if not path.name.startswith("test_"))


def _sources() -> dict[str, str]:
    return {str(path): digest([path]) for path in sorted((ROOT / "src").rglob("*.py"))}


def file_of(test: str) -> str:
    """The file of a test."""
    return test.partition("::")[0]


def protocol(item: pytest.Item, following: pytest.Item | None) -> None:
    """Play one test."""
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


class Reports:
    """Whether a test has failed."""

    def __init__(self) -> None:
        self.failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = self.failed or f"{report.nodeid}: {report.longrepr}"


@dataclass(slots=True)
class _Look:
    """What one test calls of the sources, and at which lines it is there."""

    inside: str
    seen: _Seen = field(default_factory=dict)
    calls: dict[int, int] = field(default_factory=dict)
    lines: set[tuple[int, int]] = field(default_factory=set)  # of which code, which line

    def call(self, frame: FrameType, _event: str, _of: object) -> _Trace | None:
        code = frame.f_code
        if not (code.co_filename.startswith(self.inside) and code.co_filename.endswith(".py")):
            return None
        place = id(code)
        self.seen[place] = code
        count = self.calls[place] = self.calls.get(place, 0) + 1
        return self.line if count <= _LOOKED else None

    def line(self, frame: FrameType, _event: str, _of: object) -> _Trace | None:
        self.lines.add((id(frame.f_code), frame.f_lineno))
        return self.line

    def bits(self) -> dict[str, int]:
        """The lines by file, each a bit."""
        found: dict[str, set[int]] = {}
        for place, line in self.lines:
            found.setdefault(self.seen[place].co_filename, set()).add(line)
        return {
            file: sum(1 << line for line in lines)
            for file, lines in found.items()
            if file.endswith(".py")
        }


def traced(items: Sequence[pytest.Item], reports: Reports) -> Map:
    """Plays tests and sees what each of them calls."""
    out = Map()
    for number, item in enumerate(items):
        look = _Look(str(ROOT / "src"))
        since = time.process_time()
        threading.settrace(look.call)
        sys.settrace(look.call)
        try:
            protocol(item, None if number + 1 == len(items) else items[number + 1])
        finally:
            sys.settrace(None)
            threading.settrace(None)
        if reports.failed:
            raise RuntimeError(f"without any change this fails: {reports.failed}")
        out.seconds[item.nodeid] = round(time.process_time() - since, 4)
        out.lines[item.nodeid] = look.bits()
        for code in look.seen.values():
            key = (code.co_filename, code.co_qualname, code.co_firstlineno)
            out.callers.setdefault(key, []).append(item.nodeid)
    return out


def load(path: Path, world: str, files: dict[str, str]) -> Map:
    """What an earlier run has seen of tests that are as they were, and so is all they call.

    ``files`` gets the test files that this is about.
    """
    out = Map()
    if not path.exists():
        return out
    held = json.loads(path.read_text("utf-8"))
    if held["world"] != world:
        return out
    sources = _sources()
    names = held["sources"]
    changed = {number for number, (name, old) in enumerate(names) if sources.get(name) != old}
    masks = [int(each, 16) for each in held["masks"]]
    tests = list(held["seconds"])
    for name in held["files"]:
        if name not in files and (ROOT / name).exists():
            files[name] = digest([ROOT / name])
    for test, at in zip(tests, held["lines"], strict=True):
        same = files.get(file_of(test)) == held["files"][file_of(test)]
        if same and not any(number in changed for number, _ in at):
            out.seconds[test] = held["seconds"][test]
            out.lines[test] = {names[number][0]: masks[mask] for number, mask in at}
    for file, function, line, callers in held["callers"]:
        some = [tests[each] for each in callers if tests[each] in out.seconds]
        if some:
            out.callers[str(ROOT / file), function, line] = some
    return out


def save(path: Path, world: str, files: dict[str, str], made: Map) -> None:
    """Keep a map for a later run."""
    number = {test: each for each, test in enumerate(made.seconds)}
    callers = [
        [str(Path(file).relative_to(ROOT)), function, line, [number[test] for test in tests]]
        for (file, function, line), tests in made.callers.items()
    ]
    sources = _sources()
    index = {name: each for each, name in enumerate(sources)}
    masks: dict[int, int] = {}
    lines = [
        [(index[file], masks.setdefault(bits, len(masks))) for file, bits in found.items()]
        for found in (made.lines[test] for test in made.seconds)
    ]
    held = {
        "world": world,
        "files": files,
        "sources": list(sources.items()),
        "seconds": made.seconds,
        "callers": callers,
        "masks": [f"{mask:x}" for mask in masks],
        "lines": lines,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(held), "utf-8")
    fresh.replace(path)
