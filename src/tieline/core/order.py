"""What a record holds, seen in display order and by digest.

These are views: they hold nothing, and make what is settled anew when it is asked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, overload

from tieline.core.log import Item


class Holding(Protocol):
    """What of a record is needed here."""

    @property
    def refs(self) -> array[int]:
        """References in display order."""

    def item(self, ref: int) -> Item: ...

    def digest(self, ref: int) -> bytes: ...

    def find(self, name: bytes) -> int | None: ...


class Order(Sequence[Item]):
    """The display order of a record."""

    def __init__(self, record: Holding) -> None:
        self._record = record

    def __len__(self) -> int:
        return len(self._record.refs)

    def __iter__(self) -> Iterator[Item]:
        return map(self._record.item, list(self._record.refs))

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            return [self._record.item(ref) for ref in self._record.refs[index]]
        return self._record.item(self._record.refs[index])


class ByDigest(Mapping[bytes, Item]):
    """The statements of a record, by digest."""

    def __init__(self, record: Holding) -> None:
        self._record = record

    def __len__(self) -> int:
        return len(self._record.refs)

    def __iter__(self) -> Iterator[bytes]:
        return map(self._record.digest, list(self._record.refs))

    def __contains__(self, digest: object) -> bool:
        return isinstance(digest, bytes) and self._record.find(digest) is not None

    def __getitem__(self, digest: bytes) -> Item:
        if (found := self._record.find(digest)) is None:
            raise KeyError(digest)
        return self._record.item(found)
