"""The chain of the log of who did what: each entry's hash is over the entry and the hash before.

It shows an entry that was changed, taken out or put in between, as long as somebody knows the
newest hash: it stands in every handover, on paper too. It is no signature: who can open the desk's
file and knows its key could write the whole log anew, and only the hashes that were noted elsewhere
would tell.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_DOMAIN: Final = b"tieline-desk-log-v1\x00"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log: what ``officer`` did at ``at_ms``, how it ended, what it was about."""

    number: int
    at_ms: int
    officer: str
    act: str
    outcome: str
    detail: str


def link(before: bytes, entry: Entry) -> bytes:
    """The hash of an entry, of 32 bytes; ``before`` is that of the one before, empty at first."""
    told = [entry.number, entry.at_ms, entry.officer, entry.act, entry.outcome, entry.detail]
    text = json.dumps(told, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(_DOMAIN + before.hex().encode() + b"\x00" + text.encode()).digest()


def broken(before: bytes, entries: Iterable[tuple[Entry, bytes]]) -> int | None:
    """The number of the first entry whose hash is not what it should be; None: all are.

    Entries without a hash are older than the chain; one that has none after one that has is broken.
    """
    for entry, kept in entries:
        if not kept and not before:
            continue
        if kept != link(before, entry):
            return entry.number
        before = kept
    return None
