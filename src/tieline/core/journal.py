"""The journal's facts: what a station must still know after the lights went out.

A fact is one durable truth. The station's whole state is a fold over its facts in order; nothing is
shown to an officer or promised to a peer that these do not carry. The store keeps facts without
understanding them; the bodies and metas below are CBOR maps, except where the bytes themselves are
the thing (a statement, a charter).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

from tieline.core import encode
from tieline.core.encode import Fields, Value
from tieline.core.errors import RemoteError
from tieline.core.terms import Precedence, Rung

MAX_CODE: Final = 64  # characters, as the next ones
MAX_ADDRESS: Final = 300
MAX_TEXT: Final = 2_000
# An alarm up to its text, whose length stands last.
_ALARM: Final = re.compile(
    rb"([\xa4-\xa7])\x01([\x61-\x77])([a-z0-9_.]{1,23})\x02([\x01-\x04])"
    rb"\x03([\x60-\x77]|\x78[\x18-\xff]|\x79[\x01-\xff].)",
    re.DOTALL,
)
_PRECEDENCES: Final = tuple(Precedence)


class FactKind(IntEnum):
    """What a fact is about. The numbers are part of the store's format."""

    CHARTER = 1
    STATEMENT = 2
    SECOND_STORY = 3
    RECEIPT = 4
    DRAFT = 5
    SETTLED = 6
    HANDED_OVER = 7
    ATTEMPT = 8
    ALARM = 9
    STATE = 10
    REFUSED = 11
    LIFE = 12
    NOTE = 13
    PROOF = 14
    HEED = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One durable truth of a station, as the journal keeps it. Opaque to the store.

    ``kind`` is a ``FactKind``; ``at_ms`` this station's wall clock; ``line`` the 16-byte line id or
    empty; ``body`` the bytes kept exactly as given (for a statement: its signed bytes); ``meta``
    what is remembered beside it; ``log`` and ``position`` are set for the statements of a log's
    main branch and index them (unique together with ``line``).
    """

    kind: int
    at_ms: int
    line: bytes
    body: bytes
    meta: bytes = b""
    log: bytes | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """How a statement came to be here: by a carrier from a peer, or by our own officer's act."""

    carrier: str = ""
    peer: bytes = b""
    key: str = ""
    officer: str = ""
    draft: int = 0
    releaser: str = ""

    def encode(self) -> bytes:
        return _packed_origin(self)

    @staticmethod
    def decode(data: bytes) -> Origin:
        fields = Fields(encode.loads(data) if data else {}, "journal origin")
        return Origin(
            carrier=fields.opt_text(1, MAX_CODE) or "",
            peer=fields.opt_bytes(2) or b"",
            key=fields.opt_text(3, max_len=64) or "",
            officer=fields.opt_text(4, max_len=80) or "",
            draft=fields.opt_uint(5, max=2**48) or 0,
            releaser=fields.opt_text(6, max_len=80) or "",
        )


@lru_cache(maxsize=64)
def _packed_origin(origin: Origin) -> bytes:
    """Of all that one peer brings by one carrier it is the same."""
    return _pack({1: clean(origin.carrier, MAX_CODE), 2: origin.peer, 3: origin.key,
                  4: origin.officer, 5: origin.draft, 6: origin.releaser})  # fmt: skip


_ABOUT: Final = 16  # characters of a digest that tell the causes of one kind and item apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something an officer must know now. One alarm per cause: ``cause`` names it for ever.

    ``about``: a second thing that it is about, where one ``item`` may ring for several. A code
    names a kind of cause and never one thing, so that two runs of one exercise ring the same codes.
    Beside it (``meta`` of the fact) stands what the station is to put on the record for it, as
    ``pack_content`` gives it, or nothing.
    """

    code: str
    precedence: Precedence
    text: str
    item: bytes = b""
    party: str = ""
    rung: Rung | None = None
    about: bytes = b""

    @property
    def cause(self) -> tuple[str, bytes, str, int]:
        kind = f"{self.code}.{self.about.hex()[:_ABOUT]}" if self.about else self.code
        return (kind, self.item, self.party, self.rung or 0)

    def encode(self) -> bytes:
        ends = (self.code, self.precedence, self.party, self.rung or 0, self.about)
        count, before, after = _alarm_ends(*ends)
        text = clean(self.text, MAX_TEXT).encode("utf-8")
        parts = [before]
        if text:
            parts += (b"\x03", encode.head(3, len(text)), text)
        if self.item:
            parts += (b"\x04", encode.head(2, len(self.item)), self.item)
        parts.append(after)
        count += bool(text) + bool(self.item)
        return encode.head(5, count) + b"".join(parts)

    @staticmethod
    def decode(data: bytes) -> Alarm:
        return _alarm_at_sight(data) or _alarm_by_item(data)


def _alarm_by_item(data: bytes) -> Alarm:
    fields = Fields(encode.loads(data), "journal alarm")
    rung = fields.opt_uint(6, max=max(Rung))
    return Alarm(
        code=fields.opt_text(1, MAX_CODE) or "",
        precedence=Precedence(fields.uint(2, max=4, least=1) - 1),
        text=fields.opt_text(3, MAX_TEXT) or "",
        item=fields.opt_bytes(4) or b"",
        party=fields.opt_text(5, max_len=12) or "",
        rung=Rung(rung) if rung else None,
        about=fields.opt_bytes(7) or b"",
    )


def _alarm_at_sight(data: bytes) -> Alarm | None:
    """An alarm on a statement, as the next function would read it; ``None``: that one has to."""
    found = _ALARM.match(data)
    if found is None:
        return None
    count, size, code, precedence, head = found.groups()
    begin = found.end()
    middle = begin + (head[0] - 0x60 if len(head) == 1 else int.from_bytes(head[1:], "big"))
    end = middle + 3 + 32
    if size[0] - 0x60 != len(code) or data[middle : middle + 3] != b"\x04\x58\x20":
        return None
    rest = _alarm_rest(count[0] - 4, data[end:])
    try:
        text = data[begin:middle].decode("utf-8")
    except UnicodeDecodeError:
        return None
    if rest is None or len(text) > MAX_TEXT or end > len(data):
        return None
    return Alarm(
        code=code.decode("ascii"), precedence=_PRECEDENCES[precedence[0] - 1], text=text,
        item=data[middle + 3 : end], party=rest[0], rung=rest[1], about=rest[2],
    )  # fmt: skip


@lru_cache(maxsize=256)
def _alarm_rest(head: int, rest: bytes) -> tuple[str, Rung | None, bytes] | None:
    """What stands behind the item of an alarm, which is alike in many."""
    if head < 0xA0:
        return None
    try:
        value = encode.loads(bytes((head,)) + rest)
        fields = Fields(value, "journal alarm")
        party, about = fields.opt_text(5, max_len=12) or "", fields.opt_bytes(7) or b""
        rung = fields.opt_uint(6, max=max(Rung))
    except RemoteError:
        return None
    in_order = isinstance(value, dict) and all(key > 4 for key in value)
    return (party, Rung(rung) if rung else None, about) if in_order else None


@lru_cache(maxsize=256)
def _alarm_ends(
    code: str, precedence: int, party: str, rung: int, about: bytes
) -> tuple[int, bytes, bytes]:
    """What is alike in many alarms: how many fields, and those before the text and after the item.

    A thousand statements that ring come at once, and each alarm is written twice.
    """
    before: dict[int, Value] = {1: clean(code, MAX_CODE), 2: precedence + 1}
    after: dict[int, Value] = {5: party, 6: rung, 7: about}
    ends = [_pack(part) for part in (before, after)]
    return sum(end[0] - 0xA0 for end in ends), ends[0][1:], ends[1][1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One change in the fortune of a carrier towards a peer."""

    station: bytes
    carrier: str
    address: str
    outcome: str  # "connected", "lost" or "failed"
    cause: str = ""

    def encode(self) -> bytes:
        return _pack({1: self.station, 2: clean(self.carrier, MAX_CODE),
                      3: clean(self.address, MAX_ADDRESS), 4: self.outcome,
                      5: clean(self.cause, MAX_TEXT)})  # fmt: skip

    @staticmethod
    def decode(data: bytes) -> Attempt:
        fields = Fields(encode.loads(data), "journal attempt")
        return Attempt(
            station=fields.bytes(1),
            carrier=fields.opt_text(2, MAX_CODE) or "",
            address=fields.opt_text(3, MAX_ADDRESS) or "",
            outcome=fields.opt_text(4, max_len=32) or "",
            cause=fields.opt_text(5, MAX_TEXT) or "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """The line to one station is now in this state, for this cause."""

    station: bytes
    state: str
    cause: str
    since_ms: int

    def encode(self) -> bytes:
        return _pack({1: self.station, 2: self.state, 3: clean(self.cause, MAX_TEXT),
                      4: self.since_ms})  # fmt: skip

    @staticmethod
    def decode(data: bytes) -> StateChange:
        fields = Fields(encode.loads(data), "journal state")
        return StateChange(
            station=fields.bytes(1),
            state=fields.opt_text(2, max_len=32) or "",
            cause=fields.opt_text(3, MAX_TEXT) or "",
            since_ms=fields.opt_uint(4, max=2**60) or 0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something from outside was not accepted."""

    code: str
    text: str
    carrier: str = ""
    peer: bytes = b""

    def encode(self) -> bytes:
        return _pack({1: clean(self.code, MAX_CODE), 2: clean(self.text, MAX_TEXT),
                      3: clean(self.carrier, MAX_CODE), 4: self.peer})  # fmt: skip

    @staticmethod
    def decode(data: bytes) -> Refusal:
        fields = Fields(encode.loads(data), "journal refusal")
        return Refusal(
            code=fields.opt_text(1, MAX_CODE) or "",
            text=fields.opt_text(2, MAX_TEXT) or "",
            carrier=fields.opt_text(3, MAX_CODE) or "",
            peer=fields.opt_bytes(4) or b"",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A carrier took these statements for a peer station."""

    station: bytes
    carrier: str
    items: tuple[bytes, ...]

    def encode(self) -> bytes:
        return encode.dumps({1: self.station, 2: clean(self.carrier, MAX_CODE), 3: self.items})

    @staticmethod
    def decode(data: bytes) -> Handed:
        fields = Fields(encode.loads(data), "journal hand-over")
        return Handed(
            station=fields.bytes(1),
            carrier=fields.text(2, MAX_CODE),
            items=tuple(item for item in fields.array(3) if isinstance(item, bytes)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """This station has opened a log on the machine that ``tag`` names, or has closed one for ever.

    ``cause`` says why.
    """

    incarnation: bytes
    tag: bytes = b""
    cause: str = ""
    closed: bool = False

    def encode(self) -> bytes:
        return _pack({1: self.incarnation, 2: self.tag, 3: clean(self.cause, MAX_TEXT),
                      4: self.closed})  # fmt: skip

    @staticmethod
    def decode(data: bytes) -> Lived:
        fields = Fields(encode.loads(data), "journal life")
        return Lived(
            incarnation=fields.bytes(1),
            tag=fields.opt_bytes(2) or b"",
            cause=fields.opt_text(3, MAX_TEXT) or "",
            closed=fields.opt_boolean(4) or False,
        )


class Came:
    """How statements came, worked out once for all of an envelope. ``meta``: as it is kept."""

    def __init__(self, origin: Origin) -> None:
        self.origin, self.meta = origin, origin.encode()

    def not_taken(self, code: str, text: str) -> Refusal:
        """A refusal of one of them."""
        return Refusal(code=code, text=text, carrier=self.origin.carrier, peer=self.origin.peer)


def clean(text: str, limit: int) -> str:
    """A text of the world around us (an error, an address) as the journal can keep it.

    Whatever it says, it must not be what keeps a station from starting again.
    """
    if len(text) <= limit and text.isascii():
        return text
    return text[:limit].encode("utf-8", "replace").decode("utf-8")


def _pack(values: dict[int, Value]) -> bytes:
    """Empty values are left out: the readers above give them back."""
    return encode.dumps({key: value for key, value in values.items() if value})
