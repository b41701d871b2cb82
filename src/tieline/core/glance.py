"""A quick look at a statement in its usual form: what ``statement.parse`` finds there, or nothing.

An audit reads a million statements, nearly all of which have one of a few forms: what officers say
in words, what they answer, and what stations open and close. Those forms are recognised here by one
regular expression over the bytes, some ten times as fast as the parser. Whatever is not exactly
such a form is ``None``, and is the parser's business.

Rules held here:

* What is recognised, the parser takes too, and finds the same in it. Each part of the expression
  allows the shortest encoding of a value only, in the order of ascending keys; lengths and counts
  that an expression cannot compare are compared after it; texts are decoded.
* It recognises less than the parser takes: coded fields, holdings, long lists, newer kinds and
  fields, the largest values. That costs time and never strictness.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from tieline.core import crypto
from tieline.core.checkpoint import body
from tieline.core.statement import MAX_STATEMENT_BYTES, MAX_TEXT_CHARS, domain
from tieline.core.terms import MAX_TIME_MS, Kind
from tieline.core.tree import EMPTY_ROOT

_UINT16: Final = rb"[\x00-\x17]|\x18[\x18-\xff]|\x19[\x01-\xff]."
_UINT48: Final = (
    _UINT16
    + rb"|\x1a(?:[\x01-\xff].|\x00[\x01-\xff])..|\x1b\x00\x00(?:[\x01-\xff].|\x00[\x01-\xff])...."
)
_FORM: Final = re.compile(
    rb"\x84\x43\xa1\x01\x27\xa0(?:\x58[\x18-\xff]|\x59[\x01-\xff].)([\xa8-\xb0])"
    rb"(\x01\x50.{16}\x02\x48.{8}\x03\x48.{8})\x04(" + _UINT48 + rb")"
    rb"(?:\x05\x58\x20(.{32}))?"
    rb"(?:\x06([\x81-\x97])((?:\x50.{16})+))?"
    rb"\x07\x1b\x00\x00([\x01-\xff].{5})\x08[\x00-\x03]\x09([\x00-\x04\x06\x07\x0b])\x0a(" + _UINT16
    + rb")(\x0b[\x01-\x03])?"
    rb"(?:\x0d([\x00-\x07]))?"
    rb"(?:\x0f([\x82\x84\x86\x88])((?:\x58\x20.{32}[\x01-\x06])+))?"
    rb"(?:\x10([\xa1\xa2])([\x01\x04\x06])([\x60-\x77]|\x78[\x18-\xff]|\x79[\x01-\xff].))?",
    re.DOTALL,
)  # fmt: skip
_RECEIPT: Final = re.compile(
    rb"\x85\x48(.{8})(" + _UINT48 + rb")\x48(.{8})\x1a([\x01-\xff].{3})\x58\x40(.{64})", re.DOTALL
)
_LANGUAGE_TAIL: Final = re.compile(rb"\x02([\x61-\x70])([A-Za-z0-9-]{1,16})")
_TIME_TAIL: Final = re.compile(rb"\x05\x1b\x00\x00([\x01-\xff].{5})", re.DOTALL)
_END: Final = b"\x58\x40"
_TAIL: Final = 66  # bytes of the signature and its head
_SHORT: Final = 8  # where the payload begins behind a length of one byte
_MAX_END: Final = MAX_STATEMENT_BYTES - _TAIL
_MAX_SHORT: Final = 200  # characters of a cause or a unit
_MESSAGE: Final = bytes((Kind.MESSAGE,))
_MAX_TIME: Final = MAX_TIME_MS.to_bytes(6, "big")
_ANSWERS: Final = 1
# Kinds that cite their target first; and kinds by the body of their usual form: none, a text with
# its language, a cause.
_TARGETED: Final = frozenset({Kind.ACKNOWLEDGE, Kind.READ_BACK, Kind.PASS_ON, Kind.ASSENT})
_BARE: Final = frozenset({Kind.ACKNOWLEDGE, Kind.ASSENT, Kind.RESUME, Kind.MESSAGE})
_SAID: Final = frozenset({Kind.MESSAGE, Kind.READ_BACK})
_CAUSED: Final = frozenset({Kind.OPEN, Kind.SUSPEND, Kind.RESUME})


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
    log, number, cosigner, time, signature = found.groups()
    size = number[0] if len(number) == 1 else int.from_bytes(number[1:], "big")
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
    charter, refs = found[8], found[12] or b""
    return Plain(
        found[7][0],
        charter[0] if len(charter) == 1 else int.from_bytes(charter[1:], "big"),
        int.from_bytes(found[6], "big"),
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
        _, author, position, previous, _, seen, _, _, charter, *_ = found
        end = len(raw) - _TAIL
        where = position[0] if len(position) == 1 else int.from_bytes(position[1:], "big")
        signed = b"".join((raw[end + 2 :], self._before, raw[6:end]))
        version = charter[0] if len(charter) == 1 else int.from_bytes(charter[1:], "big")
        return Glance(author, where, previous, seen or b"", version, signed)


def _found(raw: bytes) -> tuple[bytes, ...] | None:
    """The parts of a statement of the usual form; those that it leaves out are None."""
    found = _FORM.match(raw)
    if found is None:
        return None
    parts = found.groups()
    (
        count, _, position, previous, tips, seen, time, kind, _, role, wants, cited, refs, fields,
        key, text,
    ) = parts  # fmt: skip
    end = len(raw) - _TAIL
    start = found.start(1)
    entries = 8 + (previous is not None) + (seen is not None) + (role is not None)
    entries += (wants is not None) + (refs is not None) + (fields is not None)
    if (
        count[0] != 0xA0 + entries
        or (raw[7] if start == _SHORT else raw[7] << 8 | raw[8]) != end - start
        or raw[end : end + 2] != _END
        or end > _MAX_END
        or time > _MAX_TIME
        or (previous is None) is not (position == b"\0")
        or (seen is not None and not _is_seen(tips[0], seen))
        or (wants is not None and wants[0] == (kind == _MESSAGE))
        or (refs is not None and not _are_refs(cited[0], refs, kind[0]))
        or (refs is None and kind[0] in _TARGETED)
        or (fields is None and (kind[0] not in _BARE or found.end() != end))
        or (fields and not _is_body(raw[found.end() : end], kind[0], fields + key, text))
    ):
        return None
    return parts


def _is_seen(count: int, seen: bytes) -> bool:
    """Whether so many tips stand there, in ascending order."""
    size = len(seen)
    return size == (count - 0x80) * 17 and (
        size == 17
        or all(seen[at : at + 17] < seen[at + 17 : at + 34] for at in range(0, size - 17, 17))
    )


def _are_refs(count: int, refs: bytes, kind: int) -> bool:
    size = (count - 0x80) // 2
    if len(refs) != size * 35 or (kind in _TARGETED and refs[34] != _ANSWERS):
        return False
    return size == 1 or len({refs[at : at + 35] for at in range(0, len(refs), 35)}) == size


def _is_body(rest: bytes, kind: int, form: bytes, head: bytes) -> bool:
    """Whether a body of one or two fields, of which the first is a text, is that of its kind."""
    size = head[0] - 0x60 if len(head) == 1 else int.from_bytes(head[1:], "big")
    tail = rest[size:]
    try:
        length = len(rest[:size].decode("utf-8"))
    except UnicodeDecodeError:
        return False
    if form == b"\xa2\x01":
        found = _LANGUAGE_TAIL.fullmatch(tail)
        return (
            kind in _SAID
            and found is not None
            and found[1][0] - 0x60 == len(found[2])
            and length <= MAX_TEXT_CHARS
        )
    if form == b"\xa1\x06":
        return kind in _CAUSED and len(rest) == size and length <= _MAX_SHORT
    time = _TIME_TAIL.fullmatch(tail)
    return (
        form == b"\xa2\x04"
        and kind == Kind.PASS_ON
        and time is not None
        and time[1] <= _MAX_TIME
        and length <= _MAX_SHORT
    )
