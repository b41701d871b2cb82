"""The chain over the journal: each entry is bound to all before it.

Page encryption notices bytes that change on the disk. The chain notices what changes anywhere else:
an entry altered, taken out, moved or put in, whoever held the key of the file and whether or not
the entry carries a signature of its own. It has no key: somebody who rewrites the whole journal can
rewrite it too, and is met by the signatures and by what the peers hold.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import Any, Final

from tieline.core import crypto
from tieline.core.journal import Fact

START: Final = crypto.sha256(b"tieline-journal-v1")
_HEAD: Final = struct.Struct(">QQqq5I")


def link(before: bytes, seq: int, fact: Fact) -> bytes:
    """The chain after an entry, from the chain before it. Lengths keep the parts apart."""
    line, body, meta, log, position = fact.line, fact.body, fact.meta, fact.log, fact.position
    sizes = len(line), len(body), len(meta)
    if log is None:
        head = _HEAD.pack(seq, fact.kind, fact.at_ms, -1, *sizes, 0, 0)
        return crypto.sha256(b"".join((before, head, line, body, meta)))
    at = -1 if position is None else position
    head = _HEAD.pack(seq, fact.kind, fact.at_ms, at, *sizes, len(log), 1)
    return crypto.sha256(b"".join((before, head, line, body, meta, log)))


def link_row(before: bytes, row: Sequence[Any]) -> bytes:
    """As ``link``, of a row as the file gives it: for readers of very many.

    A row of other types than the file allows raises ``TypeError`` or ``struct.error``.
    """
    seq, kind, at_ms, line, body, meta, log, position, _ = row
    if log is None:
        head = _HEAD.pack(seq, kind, at_ms, -1, len(line), len(body), len(meta), 0, 0)
        return hashlib.sha256(b"".join((before, head, line, body, meta))).digest()
    head = _HEAD.pack(seq, kind, at_ms, position, len(line), len(body), len(meta), len(log), 1)
    return hashlib.sha256(b"".join((before, head, line, body, meta, log))).digest()
