"""The parser of the command line, which makes as much of its verbs as one command needs.

To make all verbs takes longer than most commands run. A command line names its verb in a word of
its own, so a verb that none of its words names is not made: it stands in the list of verbs, and is
empty. What is slow to load and needless for help (``typing``, ``pathlib``, ``shutil``) is loaded
by whoever needs it, or for types alone.
"""

from __future__ import annotations

import argparse
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any, Final, NoReturn, Protocol

    class Verb(Protocol):
        """Adds a verb: its name, the module that does it, its sentence, and shared options."""

        def __call__(self, name: str, where: str, text: str, *parents: Parser) -> Parser: ...


_WIDTH: Final = 80  # of an output that is no terminal
_MARGIN: Final = 2


class Usage(Exception):
    """The command line is wrong."""


class _Layout(argparse.HelpFormatter):
    """As wide as the terminal; asked as ``shutil`` asks, which loads compressors for it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - _MARGIN)


def _columns() -> int:
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    try:
        return os.get_terminal_size((sys.__stdout__ or sys.stdout).fileno()).columns or _WIDTH
    except (AttributeError, OSError, ValueError):  # no terminal, or closed
        return _WIDTH


class Parser(argparse.ArgumentParser):
    """A parser that refuses by ``Usage``, and takes options and arguments in any order."""

    _within = False
    empty = False

    def __init__(self, **given: Any) -> None:  # noqa: ANN401  # as its base
        given.setdefault("formatter_class", _Layout)
        super().__init__(**given)

    def error(self, message: str) -> NoReturn:
        raise Usage(f"{message}; see '{self.prog} --help'")

    def parse_known_args(  # type: ignore[override]  # the base has overloads for its namespace
        self, args: list[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Take options and arguments in any order.

        By itself argparse ends a verb's optional arguments at the first option after one of them,
        so that ``card verify --words WORDS FILE`` would be no command.
        """
        plain = self._within or self._subparsers is not None or "--" in (args or ())
        if plain:
            return super().parse_known_args(args, namespace)
        self._within = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._within = False


class Asked(Parser):
    """The parser of a verb, or an action of one; an empty one unless a word names it."""

    words: frozenset[str] = frozenset()
    _nothing = argparse.Action((), "")

    def __init__(self, **given: Any) -> None:  # noqa: ANN401  # as its base
        self.empty = str(given["prog"]).rpartition(" ")[2] not in self.words
        if not self.empty:
            super().__init__(**given)

    def add_argument(self, *names: Any, **given: Any) -> argparse.Action:  # noqa: ANN401  # as its base
        """As its base; an empty one makes nothing."""
        return self._nothing if self.empty else super().add_argument(*names, **given)

    def set_defaults(self, **given: Any) -> None:  # noqa: ANN401  # as its base
        """As its base; an empty one keeps nothing."""
        if not self.empty:
            super().set_defaults(**given)


def folder(text: str) -> Path:
    """A file or folder that was named; only who names one loads what paths are."""
    from pathlib import Path

    return Path(text)


def asked(words: Sequence[str] | None) -> type[Parser]:
    """The class of a verb's parser, when the command line has these words; None: all are made."""
    if words is None:
        return Parser
    named = frozenset(words)
    return type("Named", (Asked,), {"words": named})
