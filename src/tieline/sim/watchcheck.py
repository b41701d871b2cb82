"""What a lying witness must not be able to do.

No line of a witness counts that this witness did not make under just this text; and no log is
called witnessed beyond what honest witnesses alone make of it, when a quorum is larger than the
number of those who lie. The checker knows what each key signed, and trusts no verification.
"""

from __future__ import annotations

import random
from typing import Final

from tieline.core import crypto, notes
from tieline.core.checkpoint import NoteSignature, parse_origin, read_checkpoint
from tieline.core.life import Standing
from tieline.core.line import Line
from tieline.core.statement import log_id
from tieline.node.secrets import SeedKey
from tieline.sim.cast import QUORUM, witness_name
from tieline.sim.notecheck import NoteChecker
from tieline.sim.violation import Violation

LIARS: Final = 1


class WatchChecker:
    """What witnesses signed, held against what stations count."""

    def __init__(self, keys: tuple[SeedKey, ...], liar: int, checker: NoteChecker) -> None:
        self._ids = {
            witness_name(number): crypto.key_id(
                witness_name(number), crypto.ALG_COSIGNATURE, key.public
            )
            for number, key in enumerate(keys)
        }
        self._liar = witness_name(liar)
        self._made: dict[str, list[NoteSignature]] = {name: [] for name in self._ids}
        self._cosigned = checker.cosigned
        self._cosigned.update({(name, made): set() for name, made in self._ids.items()})
        # For each log how far each honest witness has signed it.
        self._sizes: dict[bytes, dict[str, int]] = {}
        self.looks = 0  # how often a log was called witnessed

    def key_id(self, name: str) -> bytes:
        """The key id of a witness."""
        return self._ids[name]

    def made(self, signature: NoteSignature, text: bytes) -> None:
        """A witness has signed this text."""
        name = signature.name
        self._made[name].append(signature)
        self._cosigned[name, signature.key_id].add((text, signature.signature))
        if name != self._liar:
            head = read_checkpoint(text)
            sizes = self._sizes.setdefault(log_id(*parse_origin(head.origin)), {})
            sizes[name] = max(head.size, sizes.get(name, 0))

    def any_of(self, chance: random.Random, but: str) -> NoteSignature | None:
        """A line that some other witness made, for whatever text."""
        found = [made for name, lines in self._made.items() if name != but for made in lines]
        return chance.choice(found) if found else None

    def counted(self, line: Line) -> None:
        """Raise ``Violation`` when a log counts as witnessed further than honest ones signed it."""
        for log, book in line.notes.items():
            reached = notes.quorum_size(line, book)
            honest = sorted(self._sizes.get(log, {}).values(), reverse=True)
            needed = QUORUM - LIARS
            limit = honest[needed - 1] if needed <= len(honest) else 0
            self.looks += bool(reached)
            if reached > limit:
                raise Violation(
                    5,
                    f"log {log.hex()} counts as witnessed at {reached}, and {needed} honest"
                    f" witnesses have signed it only up to {limit}",
                )

    def lagging(self, lines: list[Line]) -> str:
        """Whose log honest witnesses in reach do not cosign; empty: nobody's."""
        for line in lines:
            book = line.notes.get(line.own_log)
            latest = None if book is None else book.latest()
            if book is None or latest is None or line.life.standing is Standing.CLOSED:
                continue
            if notes.quorum_size(line, book) < latest.head.size:
                return f"station {line.own.hex()} has no quorum of witnesses at {latest.head.size}"
        return ""
