"""On which line each key of a TOML file stands, and whether the file is fit to be parsed at all.

``tomllib`` gives values without their places, and has no bounds: deep nesting and endless keys cost
it far more than their size. So a file is first gone over once, in time linear in its size, by a
scanner that knows only strings, comments, brackets and keys. It refuses what no honest pack has
(deep nesting, very long keys and lines, very many values) and notes the line of every heading and
key. It accepts more than TOML does; ``tomllib`` has the last word on the syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

MAX_DEPTH: Final = 12
MAX_LINE: Final = 16_384
MAX_KEY_PARTS: Final = 8

Step = str | int

# Possessive, and a string without an end is a string up to there: no letter is looked at twice.
_TOKEN: Final = re.compile(
    r"""\#[^\n]*+
    |\"{3}(?:[^"\\]++|\\.|"{1,2}+(?!"))*+(?:"{3,5})?+
    |'{3}(?:[^']++|'{1,2}+(?!'))*+(?:'{3,5})?+
    |"(?:[^"\\\n]++|\\[^\n])*+"?+
    |'[^'\n]*+'?+
    |[\[\]{},=\n]
    |[^\#"'\[\]{},=\n]++
    |.""",
    re.VERBOSE | re.DOTALL,
)


_BRACKETS: Final = ("[", "]")
_OPEN: Final = ("[", "{")
_SHUT: Final = ("]", "}")
_VALUES: Final = ("[", "{", ",", "=")


class BadFile(Exception):
    """The file is not fit to be parsed: on which line, and a sentence."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line
        self.text = text


class TooMany(BadFile):
    """There are more values than a pack may have."""


@dataclass(slots=True)
class _Scan:
    lines: dict[tuple[Step, ...], int] = field(default_factory=dict)
    counts: dict[tuple[Step, ...], int] = field(default_factory=dict)  # of arrays of tables
    table: tuple[Step, ...] = ()
    values: int = 0


def scan(text: str, most_values: int) -> tuple[dict[tuple[Step, ...], int], int]:
    """The line of each heading and key, and how many values there are, or a few more.

    Keys are paths as ``core.agreement.kinds.Source`` wants them. Raises ``BadFile``.
    """
    state = _Scan()
    for tokens, line in _statements(text, most_values, state):
        if tokens[0] == "[":
            _heading(state, tokens, line)
        elif "=" in tokens:
            state.lines.setdefault((*state.table, *_parts(tokens[: tokens.index("=")], line)), line)
    return state.lines, state.values


def _statements(text: str, most_values: int, state: _Scan) -> Iterator[tuple[list[str], int]]:
    """The first tokens of each statement of the file, with its line."""
    line, depth, start = 1, 0, 1
    begin = 0  # of the line
    parts: list[str] = []
    in_key = True
    for found in _TOKEN.finditer(text):
        part = found.group()
        if found.end() - begin > MAX_LINE and "\n" not in part:
            raise BadFile(line, f"the line is longer than {MAX_LINE} characters; break it")
        if "\n" in part:
            line += part.count("\n")
            begin = found.start() + part.rindex("\n") + 1
        depth = _nest(part, depth, line)
        state.values += part in _VALUES
        if state.values > most_values:
            raise TooMany(line, "the pack has too many values; split it")
        if part == "\n" and depth == 0:
            if parts:
                yield parts, start
            parts, in_key = [], True
        elif in_key and not part.startswith("#") and part.strip():
            if not parts:
                start = line - part.count("\n")
            parts.append(part)
            in_key = part != "="
            if len(parts) > 4 * MAX_KEY_PARTS:
                raise BadFile(line, "the key has too many parts; shorten it")
    if parts:
        yield parts, start


def _nest(part: str, depth: int, line: int) -> int:
    """How deep the brackets nest after this part."""
    if part in _OPEN:
        if depth >= MAX_DEPTH:
            raise BadFile(line, f"brackets nest deeper than {MAX_DEPTH}; flatten this")
        return depth + 1
    return max(0, depth - 1) if part in _SHUT else depth


def _heading(state: _Scan, tokens: list[str], line: int) -> None:
    array = tokens[:2] == ["[", "["]
    names = _parts([part for part in tokens if part not in _BRACKETS], line)
    path: tuple[Step, ...] = ()
    for index, name in enumerate(names):
        path = (*path, name)
        last = index == len(names) - 1
        if array and last:
            state.counts[path] = state.counts.get(path, -1) + 1
        if path in state.counts:
            path = (*path, state.counts[path])
    state.table = path
    state.lines.setdefault(path, line)


def _parts(tokens: list[str], line: int) -> list[str]:
    """The parts of a key: bare ones split at dots, quoted ones without their marks."""
    out: list[str] = []
    for part in tokens:
        if part[0] in "\"'":
            out.append(part[1:-1])
        else:
            out.extend(name.strip() for name in part.split(".") if name.strip())
        if len(out) > MAX_KEY_PARTS:
            raise BadFile(line, "the key has too many parts; shorten it")
    return out
