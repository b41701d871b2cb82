"""Signed checkpoints as a station holds them: what each says, and who signed it.

Containers without judgement: ``tieline.core.notes`` reads, compares and tells them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from tieline.core.checkpoint import Checkpoint, NoteSignature, SignedNote
from tieline.core.crypto import sha256
from tieline.core.identity import parse_certificate
from tieline.core.provisions import Witness

# What a note costs in memory beside its bytes, rounded up; a test measures it.
_NOTE_OVERHEAD: Final = 800
_LINE_OVERHEAD: Final = 320
_BOOK_OVERHEAD: Final = 1_200


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A checkpoint of a log of this line, with those lines under it that were verified.

    ``root_key`` and ``certificate`` are of the station whose log it is, as it signed; ``keys`` the
    ML-DSA-44 keys that lines under it need; ``at_ms`` when it came first.
    """

    head: Checkpoint
    note: SignedNote
    root_key: bytes
    certificate: bytes
    keys: tuple[bytes, ...] = ()
    at_ms: int = 0

    @property
    def sealed(self) -> bool:
        """Whether an ML-DSA-44 signature stands under it."""
        return bool(self.keys)

    @property
    def sign_key(self) -> bytes:
        """The statement key of the station as it signed."""
        return parse_certificate(self.certificate, self.root_key).sign_key

    @property
    def told_key(self) -> bytes:
        """What a peer that has this note has: its text and how many lines there are under it."""
        count = len(self.note.signatures)
        return sha256(self.note.body)[:16] + count.to_bytes(2, "big")

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes; its certificate is shared with the charter."""
        lines = sum(_LINE_OVERHEAD + len(line.signature) for line in self.note.signatures)
        return _NOTE_OVERHEAD + len(self.note.body) + lines + sum(map(len, self.keys))

    def with_lines_of(self, other: Noted) -> Noted:
        """This one with what the other has more; of one key the line that came first stays."""
        lines: dict[tuple[str, bytes], NoteSignature] = {}
        for line in (*self.note.signatures, *other.note.signatures):
            lines.setdefault((line.name, line.key_id), line)
        note = replace(self.note, signatures=tuple(lines.values()))
        keys = tuple(sorted({*self.keys, *other.keys}))
        return replace(self, note=note, keys=keys)


@dataclass(slots=True)
class Scale:
    """What all checkpoints of one station weigh, in bytes."""

    total: int = 0


@dataclass(slots=True)
class LogNotes:
    """The checkpoints of one log.

    ``heads`` by size: those that agree with what is held, and those that run ahead of it
    (``open``). ``against``: those that contradict what is held or another checkpoint. ``shown``:
    the sizes of heads that, with one of those, make a proof. ``full``: some were refused for want
    of room. ``scale`` weighs all books of one station.
    """

    scale: Scale = field(default_factory=Scale)

    heads: dict[int, Noted] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)
    against: list[Noted] = field(default_factory=list)
    shown: set[int] = field(default_factory=set)
    proved: set[bytes] = field(default_factory=set)
    full: bool = False
    # What ``to_tell`` has said, until something changes: it is asked for with every beacon.
    _told: tuple[tuple[bytes, Noted], ...] | None = field(default=None, repr=False, compare=False)
    # How far which witnesses have cosigned it, until a head changes (``notes.witnessed``).
    signed: tuple[tuple[Witness, ...], tuple[int, ...]] | None = field(
        default=None, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        self.scale.total += _BOOK_OVERHEAD

    def put(self, noted: Noted) -> None:
        """Hold a head, in the place of what was held of its size."""
        self.drop(noted.head.size)
        self.heads[noted.head.size] = noted
        self.scale.total += noted.weight

    def merge(self, noted: Noted, against: int | None = None) -> None:
        """Hold a note with more lines where the same one is held; ``against``: there, which one."""
        size, self._told, self.signed = noted.head.size, None, None
        before = self.heads.get(size) if against is None else self.against[against]
        self.scale.total += noted.weight - (0 if before is None else before.weight)
        if against is None:
            self.heads[size] = noted
        else:
            self.against[against] = noted

    def drop(self, size: int) -> None:
        """Let go of the head of a size."""
        self._told = self.signed = None
        self.open.discard(size)
        self.shown.discard(size)
        noted = self.heads.pop(size, None)
        self.scale.total -= 0 if noted is None else noted.weight

    def accuse(self, noted: Noted) -> None:
        """Hold what contradicts."""
        self.against.append(noted)
        self._told = None
        self.scale.total += noted.weight

    def acquit(self, of: Callable[[Noted], bool]) -> None:
        """Let go of what contradicts and is such."""
        self.scale.total -= sum(noted.weight for noted in self.against if of(noted))
        self.against[:] = [noted for noted in self.against if not of(noted)]
        self._told = None

    def show(self, sizes: Iterable[int]) -> None:
        """The heads of these sizes make a proof, each with one that contradicts."""
        self.shown.update(sizes)
        self._told = None

    def spare(self, *, newest: bool = False) -> list[int]:
        """The sizes of heads that were compared and agree and are no part of a proof, ascending.

        The newest of these, also with ML-DSA-44, are among them only when ``newest`` says so.
        """
        compared = self.heads.keys() - self.open - self.shown
        if not newest and compared:
            compared -= {max(compared), *self._newest()}
        return sorted(compared)

    def latest(self) -> Noted | None:
        """The largest head that nothing contradicts."""
        return self.heads[max(self.heads)] if self.heads else None

    def latest_sealed(self) -> Noted | None:
        """The largest head with an ML-DSA-44 signature."""
        size = max((size for size, noted in self.heads.items() if noted.keys), default=None)
        return None if size is None else self.heads[size]

    def to_tell(self) -> tuple[tuple[bytes, Noted], ...]:
        """What somebody who knows nothing of this log must hear of; each with its ``told_key``."""
        if self._told is None:
            sizes = sorted({*self.shown, *self._newest()} & self.heads.keys())
            notes = (*(self.heads[size] for size in sizes), *self.against)
            self._told = tuple((noted.told_key, noted) for noted in notes)
        return self._told

    def _newest(self) -> list[int]:
        newest = (self.latest(), self.latest_sealed())
        return [noted.head.size for noted in newest if noted is not None]
