"""Reading JSON that a station answered with.

By type, with a sentence when a value is not what it should be: the exercise trusts the stations no
more than their officers do.
"""

from __future__ import annotations

from collections.abc import Iterator

from tieline.core.errors import LocalError
from tieline.node.view import Json

__all__ = ["Entry", "Json"]


class Entry:
    """One JSON object. ``what`` says where it came from, for refusals."""

    def __init__(self, value: Json, what: str) -> None:
        self.what = what
        if not isinstance(value, dict):
            raise self._wrong("it", "is no object")
        self.raw = value

    def _wrong(self, key: str, what: str) -> LocalError:
        return LocalError(
            "exercise.answer",
            f"{self.what}: {key} {what}; station and exercise are of different versions",
        )

    def text(self, key: str, default: str | None = None) -> str:
        value = self.raw.get(key, default)
        if not isinstance(value, str):
            raise self._wrong(repr(key), "is no text")
        return value

    def number(self, key: str, default: int | None = None) -> int:
        value = self.raw.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(repr(key), "is no whole number")
        return value

    def flag(self, key: str) -> bool:
        return self.raw.get(key) is True

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty when absent."""
        value = self.raw.get(key, [])
        if not isinstance(value, list):
            raise self._wrong(repr(key), "is no list")
        out = tuple(part for part in value if isinstance(part, str))
        if len(out) != len(value):
            raise self._wrong(repr(key), "holds other things than texts")
        return out

    def entries(self, key: str) -> Iterator[Entry]:
        """A list of objects; empty when absent."""
        value = self.raw.get(key, [])
        if not isinstance(value, list):
            raise self._wrong(repr(key), "is no list")
        for part in value:
            yield Entry(part, f"{self.what}, {key}")

    def entry(self, key: str) -> Entry:
        """An object; an empty one when absent."""
        return Entry(self.raw.get(key, {}), f"{self.what}, {key}")
