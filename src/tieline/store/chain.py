"""The chain over the journal: each entry is bound to all before it.

Page encryption notices bytes that change on the disk. The chain notices what changes anywhere else:
an entry altered, taken out, moved or put in, whoever held the key of the file and whether or not
the entry carries a signature of its own. It has no key: somebody who rewrites the whole journal can
rewrite it too, and is met by the signatures and by what the peers hold.
"""

from __future__ import annotations

import struct
from typing import Final

from tieline.core import crypto
from tieline.core.journal import Fact

START: Final = crypto.sha256(b"tieline-journal-v1")
_HEAD: Final = struct.Struct(">QQqq5I")


def link(before: bytes, seq: int, fact: Fact) -> bytes:
    """The chain after an entry, from the chain before it. Lengths keep the parts apart."""
    log, position = (b"", -1) if fact.log is None else (fact.log, fact.position)
    parts = (fact.line, fact.body, fact.meta, log)
    head = _HEAD.pack(
        seq,
        fact.kind,
        fact.at_ms,
        -1 if position is None else position,
        *(len(part) for part in parts),
        fact.log is not None,
    )
    return crypto.sha256(b"".join((before, head, *parts)))
