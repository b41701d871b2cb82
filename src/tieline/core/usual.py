"""Statements in their usual form, read by one look at their bytes.

What officers say in words, what they answer, and what stations open and close have one of a few
forms. Those are recognised here by one regular expression over the bytes, and what stands in them
is cut out of it; the parser of the encoding goes through them item by item and takes several times
as long. Whatever is not exactly such a form is ``None``, and is the parser's business.

Rules held here:

* What is recognised, the parser takes too, and finds the same in it. Each part of the expression
  allows the shortest encoding of a value only, in the order of ascending keys; lengths and counts
  that an expression cannot compare are compared after it; texts are decoded.
* It recognises less than the parser takes: coded fields, holdings, long lists, newer kinds and
  fields, the largest values. That costs time and never strictness.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from tieline.core import encode
from tieline.core.content import (
    KINDS,
    MAX_STATEMENT_BYTES,
    MAX_TEXT_CHARS,
    PRECEDENCES,
    REF_ROLES,
    ROLES,
    TARGETED,
    Body,
    Content,
    Place,
    Read,
    Ref,
    default_wants,
)
from tieline.core.errors import RemoteError
from tieline.core.terms import MAX_TIME_MS, PARTY_CODE, Kind, Role

_UINT16: Final = rb"[\x00-\x17]|\x18[\x18-\xff]|\x19[\x01-\xff]."
UINT48: Final = (
    _UINT16
    + rb"|\x1a(?:[\x01-\xff].|\x00[\x01-\xff])..|\x1b\x00\x00(?:[\x01-\xff].|\x00[\x01-\xff])...."
)
_FORM: Final = re.compile(
    rb"([\xa8-\xb0])"
    rb"(\x01\x50.{16}\x02\x48.{8}\x03\x48.{8})\x04(" + UINT48 + rb")"
    rb"(?:\x05\x58\x20(.{32}))?"
    rb"(?:\x06([\x81-\x97])((?:\x50.{16}){1,23}))?"
    rb"\x07\x1b\x00\x00([\x01-\xff].{5})\x08([\x00-\x03])\x09([\x00-\x04\x06\x07\x0b])"
    rb"\x0a(" + _UINT16 + rb")(?:\x0b([\x01-\x03]))?"
    rb"(?:\x0c([\x81-\x97](?:[\x61-\x6c][A-Z][A-Z0-9-]{0,11}){1,23}))?"
    rb"(?:\x0d([\x00-\x07]))?"
    rb"(?:\x0f([\x82\x84\x86\x88])((?:\x58\x20.{32}[\x01-\x06]){1,4}))?"
    rb"(?:\x10([\xa1\xa2])([\x01\x04\x06])([\x60-\x77]|\x78[\x18-\xff]|\x79[\x01-\xff].))?",
    re.DOTALL,
)  # fmt: skip
_LANGUAGE_TAIL: Final = re.compile(rb"\x02([\x61-\x70])([A-Za-z0-9-]{1,16})")
_TIME_TAIL: Final = re.compile(rb"\x05\x1b\x00\x00([\x01-\xff].{5})", re.DOTALL)
_HEAD: Final = b"\x84\x43\xa1\x01\x27\xa0"  # of a COSE_Sign1 of ours, up to the payload
_END: Final = b"\x58\x40"
TAIL: Final = 66  # bytes of a signature and its head, behind the payload
_BEGIN: Final = 9
_ONE_BYTE: Final = 0x58  # a payload whose length takes one byte, and two
_TWO_BYTES: Final = 0x59
MAX_END: Final = MAX_STATEMENT_BYTES - TAIL
_MAX_SHORT: Final = 200  # characters of a cause or a unit
_MAX_TIME: Final = MAX_TIME_MS.to_bytes(6, "big")
_ANSWERS: Final = 1
_TEXT: Final = 1
_CAUSE: Final = 6
# Kinds by the body of their usual form: none, a text with its language, a cause.
_BARE: Final = frozenset({Kind.ACKNOWLEDGE, Kind.ASSENT, Kind.RESUME, Kind.MESSAGE})
_SAID: Final = frozenset({Kind.MESSAGE, Kind.READ_BACK})
_CAUSED: Final = frozenset({Kind.OPEN, Kind.SUSPEND, Kind.RESUME})
_NOTHING: Final = Body()
_WANTS: Final = {int(kind): default_wants(kind) for kind in Kind}

Parts = tuple[Any, ...]
"""What an expression finds; ``None`` where a statement leaves something out.

Author as encoded, position, predecessor, tips behind a byte each, time, precedence, kind, charter,
role, addressees, what is asked for, citations as encoded, keys of the body's two fields, the text
of the first one, and what follows that.
"""


def read(payload: bytes) -> Read | None:
    """What ``statement.parse`` finds in a payload of the usual form; ``None`` for any other."""
    found = parts(payload, 0, len(payload))
    if found is None:
        return None
    (
        author, position, previous, seen, time, precedence, kind, charter, role, to, wants, refs,
        form, text, tail,
    ) = found  # fmt: skip
    place = Place(
        line=author[2:18],
        station=author[20:28],
        incarnation=author[30:38],
        position=number(position),
        previous=previous,
        seen=tuple([seen[at : at + 16] for at in range(1, len(seen), 17)]) if seen else (),
        time_ms=int.from_bytes(time, "big"),
        charter=number(charter),
    )
    content = Content(
        kind=KINDS[kind[0]],
        body=_body(form, text, tail) if form else _NOTHING,
        precedence=PRECEDENCES[precedence[0]],
        role=ROLES[role[0]] if role else Role.STATION,
        to=_codes(to) or () if to else (),
        wants=wants[0] if wants else _WANTS[kind[0]],
        refs=_refs(refs) if refs else (),
    )
    return place, content, ()


def payload_of(raw: bytes) -> tuple[int, int] | None:
    """Where the payload begins and ends in a COSE_Sign1 of ours; ``None`` for any other bytes.

    What is found ``crypto.parse_sign1`` finds too, and after it stands the signature.
    """
    end = len(raw) - TAIL
    if raw[:6] != _HEAD or end < _BEGIN or end > MAX_END or raw[end : end + 2] != _END:
        return None
    if raw[6] == _ONE_BYTE:
        start, length = 8, raw[7] if raw[7] >= 24 else -1
    elif raw[6] == _TWO_BYTES and raw[7]:
        start, length = 9, raw[7] << 8 | raw[8]
    else:
        return None
    return (start, end) if length == end - start else None


def number(encoded: bytes) -> int:
    """The value of an encoded unsigned number."""
    return encoded[0] if len(encoded) == 1 else int.from_bytes(encoded[1:], "big")


def parts(data: bytes, start: int, end: int) -> Parts | None:
    """What stands in a payload of the usual form, which lies so in ``data``; ``None`` for others.

    Checked is everything but the envelope around it.
    """
    found = _FORM.match(data, start, end)
    if found is None:
        return None
    (
        count, author, position, previous, tips, seen, time, precedence, kind, charter, role, to,
        wants, cited, refs, fields, key, text,
    ) = found.groups()  # fmt: skip
    entries = 8 + (previous is not None) + (seen is not None) + (role is not None)
    entries += (to is not None) + (wants is not None) + (refs is not None) + (fields is not None)
    said = kind[0]
    if (
        count[0] != 0xA0 + entries
        or end - start > MAX_END
        or time > _MAX_TIME
        or (previous is None) is not (position == b"\0")
        or (seen is not None and not _is_seen(tips[0], seen))
        or (to is not None and _codes(to) is None)
        or (wants is not None and wants[0] == _WANTS[said])
        or (refs is not None and not _are_refs(cited[0], refs, said))
        or (refs is None and said in TARGETED)
    ):
        return None
    form: bytes | None = None
    tail: bytes | None = None
    if fields is None:
        if said not in _BARE or found.end() != end:
            return None
    else:
        form = fields + key
        begin = found.end()
        middle = begin + (text[0] - 0x60 if len(text) == 1 else int.from_bytes(text[1:], "big"))
        text, tail = data[begin:middle], data[middle:end]
        if middle > end or not _is_body(said, form, text, tail):
            return None
    return (
        author, position, previous, seen, time, precedence, kind, charter, role, to, wants, refs,
        form, text, tail,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _codes(encoded: bytes) -> tuple[str, ...] | None:
    """The addressees of an encoded list, which are often alike; ``None``: it is not in order."""
    try:
        value = encode.loads(encoded)
    except RemoteError:
        return None
    if not isinstance(value, tuple):
        return None
    codes = tuple(code for code in value if isinstance(code, str) and PARTY_CODE.match(code))
    ascending = all(one < other for one, other in pairwise(codes))
    return codes if len(codes) == len(value) and ascending else None


def _is_seen(count: int, seen: bytes) -> bool:
    """Whether so many tips stand there, in ascending order."""
    size = len(seen)
    return size == (count - 0x80) * 17 and (
        size == 17
        or all(seen[at : at + 17] < seen[at + 17 : at + 34] for at in range(0, size - 17, 17))
    )


def _are_refs(count: int, refs: bytes, kind: int) -> bool:
    size = (count - 0x80) // 2
    if len(refs) != size * 35 or (kind in TARGETED and refs[34] != _ANSWERS):
        return False
    return size == 1 or len({refs[at : at + 35] for at in range(0, len(refs), 35)}) == size


def _refs(refs: bytes) -> tuple[Ref, ...]:
    return tuple(
        Ref(refs[at + 2 : at + 34], REF_ROLES[refs[at + 34]]) for at in range(0, len(refs), 35)
    )


def _is_body(kind: int, form: bytes, text: bytes, tail: bytes) -> bool:
    """Whether a body of one or two fields, of which the first is a text, is that of its kind."""
    try:
        length = len(text.decode("utf-8"))
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
        return kind in _CAUSED and not tail and length <= _MAX_SHORT
    time = _TIME_TAIL.fullmatch(tail)
    return (
        form == b"\xa2\x04"
        and kind == Kind.PASS_ON
        and time is not None
        and time[1] <= _MAX_TIME
        and length <= _MAX_SHORT
    )


def _body(form: bytes, text: bytes, tail: bytes) -> Body:
    """A body that ``_is_body`` has found good."""
    said = text.decode("utf-8")
    if form[1] == _TEXT:
        return Body(text=said, lang=tail[2:].decode("ascii"))
    if form[1] == _CAUSE:
        return Body(cause=said)
    return Body(unit=said, at_ms=int.from_bytes(tail[4:], "big"))
