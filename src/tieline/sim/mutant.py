"""A station broken on purpose, and how it takes the place of the real one for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

Patch = tuple[object, str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A broken station: what is broken, which invariant must catch it, and how it is done."""

    name: str
    invariants: frozenset[int]
    what: str
    patches: tuple[Patch, ...]


@contextmanager
def in_force(mutant: Mutant) -> Iterator[None]:
    """Let a mutant take the place of the real functions for a while."""
    kept: list[Patch] = []
    try:
        for owner, name, replacement in mutant.patches:
            kept.append((owner, name, getattr(owner, name)))
            setattr(owner, name, replacement)
        yield
    finally:
        for owner, name, original in reversed(kept):
            setattr(owner, name, original)
