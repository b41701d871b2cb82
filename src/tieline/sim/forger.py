"""An adversary without a key of the line: forges, alters, cuts, replays and re-targets.

It hears everything on the roads and may put anything on them in anybody's name. It owns signing
keys of its own, and it owns signatures that honest stations made elsewhere (on another line, in an
exercise), because a station speaks on more lines than one. None of what it makes may ever enter a
record; replays of true envelopes may arrive, and must change nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from tieline.core import statement as statements
from tieline.core import sync
from tieline.core.crypto import pack_sign1, parse_sign1
from tieline.core.errors import TielineError
from tieline.core.statement import Body, Content, Place, Statement
from tieline.core.sync import CharterOffer, Envelope, Have, Head, Push, Receipts
from tieline.core.terms import Kind, Precedence

_POOL = 96

Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loot:
    """What the forger works with: the line it attacks, its own key, stations' keys elsewhere."""

    line: bytes
    realm: str
    stations: tuple[bytes, ...]
    own_key: Sign
    elsewhere: Callable[[int, bytes], bytes]  # station number, message of another line or realm


class Forger:
    """Makes bad envelopes out of good ones."""

    def __init__(self, chance: random.Random, loot: Loot) -> None:
        self._chance = chance
        self._loot = loot
        self._pool: list[bytes] = []
        self._crafts: tuple[tuple[str, Callable[[bytes], bytes | None]], ...] = (
            ("flip", self._flip),
            ("cut", self._cut),
            ("append", self._append),
            ("replay", self._replay),
            ("splice", self._splice),
            ("alter", self._alter),
            ("impersonate", self._impersonate),
            ("retarget", self._retarget),
            ("other realm", self._other_realm),
            ("other line", self._other_line),
            ("receipt", self._receipt),
            ("boast", self._boast),
            ("charter", self._charter),
            ("stretch", self._stretch),
            ("noise", self._noise),
        )

    def overhear(self, envelope: bytes) -> None:
        """Remember an envelope that passed."""
        if len(self._pool) < _POOL:
            self._pool.append(envelope)
        else:
            self._pool[self._chance.randrange(_POOL)] = envelope

    def craft(self) -> tuple[str, bytes] | None:
        """One bad envelope with the name of its trick; None when the forger has nothing to use."""
        if not self._pool:
            return None
        name, make = self._chance.choice(self._crafts)
        try:
            made = make(self._chance.choice(self._pool))
        except TielineError:
            return None  # the envelope drawn does not lend itself to this trick
        return None if made is None else (name, made)

    # ------------------------------------------------------------------------ raw bytes

    def _flip(self, envelope: bytes) -> bytes:
        spot = self._chance.randrange(len(envelope) * 8)
        out = bytearray(envelope)
        out[spot // 8] ^= 1 << spot % 8
        return bytes(out)

    def _cut(self, envelope: bytes) -> bytes:
        return envelope[: self._chance.randrange(len(envelope))]

    def _append(self, envelope: bytes) -> bytes:
        return envelope + self._chance.randbytes(self._chance.randint(1, 9))

    def _replay(self, envelope: bytes) -> bytes:
        return envelope

    def _noise(self, _: bytes) -> bytes:
        return self._chance.randbytes(self._chance.randint(0, 400))

    def _stretch(self, envelope: bytes) -> bytes | None:
        """The same statement in bytes that mean the same but are not canonical."""
        found = self._statement(envelope)
        if found is None:
            return None
        raw = found.raw
        longer = b"\x98" + bytes([raw[0] & 0x1F]) + raw[1:]  # array length in a byte of its own
        return self._push(longer)

    # ----------------------------------------------------------------------- statements

    def _statement(self, envelope: bytes) -> Statement | None:
        opened = sync.unpack(envelope)
        if not isinstance(opened, Push):
            return None
        return statements.parse(self._loot.realm, self._chance.choice(opened.statements))

    def _push(self, *raws: bytes) -> bytes:
        return sync.pack(Push(self._loot.line, raws))

    def _splice(self, envelope: bytes) -> bytes | None:
        """One statement's words under another one's signature."""
        one = self._statement(envelope)
        other = self._statement(self._chance.choice(self._pool))
        if one is None or other is None or one.digest == other.digest:
            return None
        return self._push(pack_sign1(parse_sign1(one.raw, statements.LIMITS).payload,
                                     other.signature))  # fmt: skip

    def _alter(self, envelope: bytes) -> bytes | None:
        """Other words under the old signature."""
        found = self._statement(envelope)
        if found is None:
            return None
        payload = statements.compose(found.place, self._content())
        return self._push(pack_sign1(payload, found.signature))

    def _impersonate(self, envelope: bytes) -> bytes | None:
        """The next statement of an honest station's log, signed by the forger."""
        found = self._statement(envelope)
        if found is None:
            return None
        place = replace(
            found.place, position=found.place.position + 1, previous=found.digest, seen=()
        )
        return self._sealed(place, self._loot.own_key)

    def _retarget(self, envelope: bytes) -> bytes | None:
        """A true statement moved to another number, or to another incarnation."""
        found = self._statement(envelope)
        if found is None:
            return None
        place = found.place
        if self._chance.random() < 0.5:
            place = replace(place, incarnation=self._chance.randbytes(8))
        else:
            place = replace(place, position=place.position + 1, previous=found.digest)
        payload = statements.compose(place, found.content)
        return self._push(pack_sign1(payload, found.signature))

    def _other_realm(self, envelope: bytes) -> bytes | None:
        """What an honest station said in an exercise, brought to the real line."""
        found = self._statement(envelope)
        if found is None or found.place.station not in self._loot.stations:
            return None
        number = self._loot.stations.index(found.place.station)
        place = replace(
            found.place, position=found.place.position + 1, previous=found.digest, seen=()
        )
        payload = statements.compose(place, self._content())
        signature = self._loot.elsewhere(number, statements.to_sign("EX-OTHER", payload))
        return self._push(pack_sign1(payload, signature))

    def _other_line(self, envelope: bytes) -> bytes | None:
        """What an honest station said on another line, brought to this one."""
        found = self._statement(envelope)
        if found is None or found.place.station not in self._loot.stations:
            return None
        number = self._loot.stations.index(found.place.station)
        place = replace(found.place, line=bytes(16), seen=())
        payload = statements.compose(place, self._content())
        signature = self._loot.elsewhere(number, statements.to_sign(self._loot.realm, payload))
        return self._push(pack_sign1(payload, signature))

    def _sealed(self, place: Place, key: Sign) -> bytes:
        payload = statements.compose(place, self._content())
        signature = key(statements.to_sign(self._loot.realm, payload))
        return self._push(pack_sign1(payload, signature))

    def _content(self) -> Content:
        return Content(
            kind=Kind.MESSAGE,
            body=Body(text=f"a forged order {self._chance.randrange(10_000)}", lang="en"),
            precedence=Precedence.FLASH,
        )

    # ---------------------------------------------------------------- the other envelopes

    def _receipt(self, envelope: bytes) -> bytes | None:
        """A receipt for more than was signed for, or in another's name."""
        opened = sync.unpack(envelope)
        if not isinstance(opened, Receipts) or not opened.receipts:
            return None
        old = self._chance.choice(opened.receipts)
        tricks = (
            replace(old, size=old.size + 1),
            replace(old, size=max(1, old.size - 1)),
            replace(old, time_s=old.time_s + 1),
            replace(old, cosigner=self._chance.choice(self._loot.stations)),
            replace(old, signature=self._loot.own_key(b"nothing")),
        )
        made = self._chance.choice(tricks)
        if made == old:
            return None
        return sync.pack(Receipts(self._loot.line, (made,)))

    def _boast(self, envelope: bytes) -> bytes | None:
        """A HAVE that claims more, or other, than its sender holds."""
        opened = sync.unpack(envelope)
        if not isinstance(opened, Have) or not opened.heads:
            return None
        heads = list(opened.heads)
        spot = self._chance.randrange(len(heads))
        old = heads[spot]
        heads[spot] = Head(old.log, old.size + self._chance.randint(0, 5), bytes(32))
        return sync.pack(replace(opened, heads=tuple(heads)))

    def _charter(self, envelope: bytes) -> bytes | None:
        """A charter with one bit of it turned, or any bytes in its place."""
        opened: Envelope = sync.unpack(envelope)
        data = self._chance.randbytes(200)
        if isinstance(opened, CharterOffer):
            data = self._flip(opened.charter)
        return sync.pack(CharterOffer(self._loot.line, data))
