"""What a record decides on a statement that has come, and who tells it which keys sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tieline.core.log import Item
from tieline.core.statement import Statement


class Keys(Protocol):
    """Who may sign what, version by version of the charter."""

    def sign_key(self, version: int, station: bytes) -> bytes | None:
        """The statement key of a station under a charter version; None when it has none."""

    def latest(self) -> int:
        """The number of the newest charter version held."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The statement has its place in its log and in the display order."""

    item: Item


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The statement is held already."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class Held:
    """Verified, but waits for the statement whose digest begins with ``need``, or for a charter."""

    need: bytes = b""
    charter: int | None = None


@dataclass(frozen=True, slots=True)
class Forked:
    """A second story. ``proof`` holds both statements when this one is the conflicting one."""

    item: Item
    proof: tuple[Statement, Statement] | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The statement is not accepted, and why."""

    code: str
    text: str


Outcome = Admitted | Duplicate | Held | Forked | Refused
