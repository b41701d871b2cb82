"""A quick look at a statement in its usual form: what ``statement.parse`` finds there, or nothing.

An audit reads a million statements, nearly all of which have one of a few forms: what officers say
in words, what they answer, and what stations open and close. Those forms are recognised here by one
regular expression over the bytes (``usual``), some ten times as fast as the parser goes through
them; what is taken here is less than a statement, and so is had for less than ``statement.parse``
takes. Whatever is not exactly such a form is ``None``, and is the parser's business.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from tieline.core import crypto
from tieline.core.checkpoint import body
from tieline.core.statement import domain
from tieline.core.tree import EMPTY_ROOT
from tieline.core.usual import TAIL, UINT48, Parts, number, parts, payload_of

_RECEIPT: Final = re.compile(
    rb"\x85\x48(.{8})(" + UINT48 + rb")\x48(.{8})\x1a([\x01-\xff].{3})\x58\x40(.{64})", re.DOTALL
)


class Glance(NamedTuple):
    """What an audit needs of a statement.

    ``author`` are line, station and incarnation as they are encoded, so equal for all statements of
    one log and for no others; ``seen`` the tips, each behind one byte of its encoding; ``signed``
    the signature and then what is under it, for ``crypto.opens``.
    """

    author: bytes
    position: int
    previous: bytes | None
    seen: bytes
    charter: int
    signed: bytes


def receipt(data: bytes) -> tuple[bytes, int, bytes, int, bytes] | None:
    """The fields of a receipt of the usual form, as ``checkpoint.Receipt.decode`` finds them."""
    found = _RECEIPT.fullmatch(data)
    if found is None:
        return None
    log, covered, cosigner, time, signature = found.groups()
    size = number(covered)
    return (log, size, cosigner, int.from_bytes(time, "big"), signature) if size else None


def note_texts(origin: str) -> Callable[[int, bytes], bytes]:
    """``checkpoint.body`` for the heads of one log, whose origin is checked once.

    Raises ``LocalError`` as that does.
    """
    checked = body(origin, 0, EMPTY_ROOT)[: len(origin.encode("utf-8")) + 1]

    def text(size: int, root: bytes) -> bytes:
        return b"%b%d\n%b" % (checked, size, binascii.b2a_base64(root))

    return text


class Plain(NamedTuple):
    """What a reader of a record needs of a statement that no form speaks in.

    ``refs``: the roles, as numbers, and digests of what it cites.
    """

    kind: int
    charter: int
    time_ms: int
    refs: tuple[tuple[int, bytes], ...]


def plain(raw: bytes) -> Plain | None:
    """The same of a statement of the usual form; None for any other bytes."""
    found = _found(raw)
    if found is None:
        return None
    _, _, _, _, time, _, kind, charter, _, _, _, cited, *_ = found
    refs = cited or b""
    return Plain(
        kind[0],
        number(charter),
        int.from_bytes(time, "big"),
        tuple((refs[at + 34], refs[at + 2 : at + 34]) for at in range(0, len(refs), 35)),
    )


class Glancer:
    """Looks at the statements of one realm."""

    def __init__(self, realm: str) -> None:
        before = crypto.sig_structure(crypto.PROTECTED, domain(realm), b"")
        self._before = before[:-1]  # without the head of the payload, which the statement brings

    def look(self, raw: bytes) -> Glance | None:
        """What stands in a statement of the usual form; None for any other bytes."""
        found = _found(raw)
        if found is None:
            return None
        author, position, previous, seen, _, _, _, charter, *_ = found
        end = len(raw) - TAIL
        signed = b"".join((raw[end + 2 :], self._before, raw[6:end]))
        return Glance(author, number(position), previous, seen or b"", number(charter), signed)


def _found(raw: bytes) -> Parts | None:
    """The parts of a statement of the usual form; those that it leaves out are None."""
    place = payload_of(raw)
    return parts(raw, *place) if place is not None else None
