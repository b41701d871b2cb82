"""Reading a TOML table strictly.

A table is asked for its keys by type; whatever nobody asked for is refused by ``done``. Every
refusal is one sentence that names the file, the place in it and the remedy, because a scenario is
written by people who run exercises, not by people who read stack traces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from tieline.core.errors import LocalError

MAX_TEXT: Final = 12_000


class Table:
    """One table of a scenario file. ``where`` is its place in words, for refusals."""

    def __init__(self, values: Mapping[str, object], where: str) -> None:
        self.where = where
        self._values = values
        self._asked: list[str] = []

    def wrong(self, code: str, what: str) -> LocalError:
        """A refusal that names this place."""
        return LocalError(f"scenario.{code}", f"{self.where}: {what}")

    def has(self, key: str) -> bool:
        self._note(key)
        return key in self._values

    def _note(self, key: str) -> None:
        if key not in self._asked:
            self._asked.append(key)

    def take(self, key: str) -> object:
        """A value that must be there, whatever its type."""
        self._note(key)
        if key not in self._values:
            raise self.wrong("missing", f"{key!r} is missing; add it")
        return self._values[key]

    def text(self, key: str, default: str | None = None, *, limit: int = MAX_TEXT) -> str:
        """A text of 1 to ``limit`` characters; ``default`` when the key is absent."""
        if default is not None and not self.has(key):
            return default
        value = self.take(key)
        if not isinstance(value, str) or not 1 <= len(value.strip()) <= limit:
            raise self.wrong("value", f"{key!r} must be a text of 1 to {limit} characters")
        return value.strip()

    def number(self, key: str, default: int, *, low: int, high: int) -> int:
        if not self.has(key):
            return default
        value = self.take(key)
        if type(value) is not int or not low <= value <= high:
            raise self.wrong("value", f"{key!r} must be a whole number from {low} to {high}")
        return value

    def flag(self, key: str) -> bool:
        value = self.take(key)
        if type(value) is not bool:
            raise self.wrong("value", f"{key!r} must be true or false")
        return value

    def choice(self, key: str, allowed: Iterable[str], default: str | None = None) -> str:
        """One of a closed set of words."""
        value = self.text(key, default)
        words = tuple(allowed)
        if value not in words:
            raise self.wrong("value", f"{key!r} is {value!r}; write one of {', '.join(words)}")
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts, each at most once. A single text stands for a list of one."""
        if default is not None and not self.has(key):
            return default
        value = self.take(key)
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not items:
            raise self.wrong("value", f"{key!r} must be a text or a list of texts")
        out: list[str] = []
        for item in items:
            if not isinstance(item, str) or not item.strip() or item in out:
                raise self.wrong("value", f"{key!r} must hold texts, each of them once")
            out.append(item)
        return tuple(out)

    def table(self, key: str) -> Table:
        """A table below this one; empty when absent."""
        value = self.take(key) if self.has(key) else {}
        if not isinstance(value, dict):
            raise self.wrong("value", f"{key!r} must be a table")
        return Table(value, f"{self.where}, {key}")

    def tables(self, key: str) -> list[Mapping[str, object]]:
        """A list of tables; empty when absent."""
        value = self.take(key) if self.has(key) else []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong("value", f"{key!r} must be a list of tables, each headed [[{key}]]")
        return list(value)

    def pairs(self) -> list[tuple[str, object]]:
        """Everything in this table, for tables whose keys are the author's own words."""
        self._asked.extend(key for key in self._values if key not in self._asked)
        return list(self._values.items())

    def instant_ms(self, key: str) -> int:
        """An offset date-time in whole seconds, as UTC ms."""
        value = self.take(key)
        if not isinstance(value, datetime) or value.tzinfo is None or value.microsecond:
            raise self.wrong(
                "time", f"{key!r} must be a moment in UTC, written as 2022-11-15T14:40:00Z"
            )
        return int(value.astimezone(UTC).timestamp()) * 1000

    def done(self) -> None:
        """Refuse whatever nobody asked for."""
        for key in self._values:
            if key not in self._asked:
                known = ", ".join(sorted(self._asked))
                raise self.wrong(
                    "unknown_key",
                    f"the key {key!r} has no meaning here; remove it (known: {known})",
                )
