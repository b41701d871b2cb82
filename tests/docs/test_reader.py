"""A reader written from docs/protocol.md agrees with Tieline about a record.

The reader below uses cbor2, PyNaCl and hashlib and nothing of Tieline: if it can follow a record
from its signed bytes to the order of display, the roots and the receipts, so can another
implementation. Sections of the page are named where they are used.
"""

from __future__ import annotations

import base64
import hashlib
import random
from dataclasses import dataclass, field
from typing import Any

import cbor2
import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from tests.core.world import START_MS, StationKit, kits, message, write

from tieline.core.checkpoint import Receipt, body, cosign_message, origin
from tieline.core.record import Admitted, Held, Record
from tieline.core.statement import Body, Content, Place, Statement, log_id
from tieline.core.terms import Kind

LINE = hashlib.sha256(b"a line").digest()[:16]
REALM = "DRILL"
KITS = [party.stations[0] for party in kits(3)]
HOUR_MS = 3_600_000


# --------------------------------------------------------------------- the reader, from the page


def digest_of(raw: bytes) -> bytes:
    """Section 3.3."""
    return hashlib.sha256(b"\0" + raw).digest()


def signed_bytes(realm: str, payload: bytes) -> bytes:
    """Section 3.2."""
    aad = b"tieline-statement-v1\0" + realm.encode("ascii")
    return bytes(cbor2.dumps(["Signature1", bytes.fromhex("a10127"), aad, payload]))


@dataclass
class Reader:
    """What a reader keeps of one line. ``keys`` are the statement keys of the charter."""

    realm: str
    line: bytes
    keys: dict[bytes, bytes]
    raw: dict[bytes, bytes] = field(default_factory=dict)
    payload: dict[bytes, dict[int, Any]] = field(default_factory=dict)
    tips: dict[bytes, bytes] = field(default_factory=dict)
    keyed: dict[bytes, tuple[Any, ...]] = field(default_factory=dict)

    def take(self, raw: bytes) -> bool:
        """Section 7: admit a statement; false when it must wait or is not accepted."""
        protected, bare, payload, signature = cbor2.loads(raw)
        fields = cbor2.loads(payload)
        if protected != b"\xa1\x01\x27" or bare != {} or fields[1] != self.line:
            return False
        try:
            VerifyKey(self.keys[fields[2]]).verify(signed_bytes(self.realm, payload), signature)
        except (KeyError, BadSignatureError):
            return False
        causes = [fields[5]] if 5 in fields else []
        for tip in fields.get(6, []):
            if tip not in self.tips:
                return False
            causes.append(self.tips[tip])
        if any(cause not in self.keyed for cause in causes):
            return False
        digest = digest_of(raw)
        self.raw[digest], self.payload[digest] = raw, fields
        self.tips[digest[:16]] = digest
        self.keyed[digest] = self.sort_key(digest, fields, [self.keyed[cause] for cause in causes])
        return True

    def sort_key(
        self, digest: bytes, fields: dict[int, Any], causes: list[tuple[Any, ...]]
    ) -> tuple[Any, ...]:
        """Section 7, display order."""
        latest = max((key[0] for key in causes), default=0)
        claimed = fields[7]
        depth = 0
        if claimed <= latest:
            depth = 1 + max((key[1] for key in causes if key[0] == latest), default=0)
        return (max(latest, claimed), depth, claimed, fields[2], fields[3], fields[4], digest)

    def order(self) -> list[bytes]:
        return sorted(self.keyed, key=lambda digest: self.keyed[digest])

    def leaves(self, station: bytes) -> list[bytes]:
        """The digests of one log in the order of its positions."""
        mine = [d for d, fields in self.payload.items() if fields[2] == station]
        return sorted(mine, key=lambda digest: self.payload[digest][4])


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, over leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\1" + root_of(leaves[:split]) + root_of(leaves[split:])).digest()


def receipt_counts(reader: Reader, encoded: bytes, keys: dict[bytes, bytes]) -> bool:
    """Section 8: whether a receipt is its cosigner's, for the reader's own copy of the log."""
    log, size, cosigner, seconds, signature = cbor2.loads(encoded)
    for station in reader.keys:
        fields = reader.payload[reader.leaves(station)[0]]
        name = hashlib.sha256(b"tieline-log-v1\0" + reader.line + station + fields[3]).digest()[:8]
        if name != log:
            continue
        where = f"tieline.invalid/{reader.line.hex()}/{station.hex()}/{fields[3].hex()}"
        root = base64.b64encode(root_of(reader.leaves(station)[:size])).decode()
        text = f"cosignature/v1\ntime {seconds}\n{where}\n{size}\n{root}\n"
        try:
            VerifyKey(keys[cosigner]).verify(text.encode(), signature)
        except BadSignatureError:
            return False
        return True
    return False


# ----------------------------------------------------------------------------- a record to read


class Author:
    """One station with its own view of the line and a clock that lies as it likes."""

    def __init__(self, kit: StationKit) -> None:
        self.kit = kit
        self.record = Record(LINE, REALM)
        self.incarnation = hashlib.sha256(kit.id).digest()[:8]
        self.log = log_id(LINE, kit.id, self.incarnation)

    def say(self, time_ms: int) -> Statement:
        log = self.record.logs.get(self.log)
        place = Place(
            line=LINE,
            station=self.kit.id,
            incarnation=self.incarnation,
            position=log.size if log else 0,
            previous=log.head if log else None,
            seen=self.record.frontier(self.log),
            time_ms=time_ms,
            charter=1,
        )
        opening = Content(kind=Kind.OPEN, body=Body(cause="founded"))
        said = write(self.kit, REALM, place, message() if log else opening)
        self.take(said)
        return said

    def take(self, statement: Statement) -> None:
        outcome = self.record.judge(statement, Keys(), START_MS)
        if isinstance(outcome, Held):
            self.record.hold(statement, outcome)
        elif isinstance(outcome, Admitted):
            for freed in self.record.released(statement.digest):
                self.take(freed)


class Keys:
    """The charter of these parties: every station has its statement key."""

    def sign_key(self, version: int, station: bytes) -> bytes | None:
        return next(kit.sign_key.public for kit in KITS if kit.id == station)

    def latest(self) -> int:
        return 1


def talk(seed: int, count: int = 60) -> tuple[list[Author], list[Statement]]:
    """Three stations that hear each other late and in any order."""
    chance = random.Random(seed)
    authors = [Author(kit) for kit in KITS]
    said: list[Statement] = []
    waiting: list[tuple[Author, Statement]] = []
    for _ in range(count):
        author = chance.choice(authors)
        said.append(author.say(START_MS + chance.randrange(-HOUR_MS, HOUR_MS)))
        waiting += [(other, said[-1]) for other in authors if other is not author]
        chance.shuffle(waiting)
        for _ in range(chance.randrange(5)):
            if waiting:
                other, statement = waiting.pop()
                other.take(statement)
    for other, statement in waiting:
        other.take(statement)
    return authors, said


def read(said: list[Statement], seed: int) -> Reader:
    reader = Reader(REALM, LINE, {kit.id: kit.sign_key.public for kit in KITS})
    left = [statement.raw for statement in said]
    random.Random(seed).shuffle(left)
    while left:
        rest = [raw for raw in left if not reader.take(raw)]
        assert len(rest) < len(left), "statements wait for each other, or are not accepted"
        left = rest
    return reader


@pytest.mark.parametrize("seed", range(6))
def test_the_reader_shows_the_same_order_and_the_same_roots(seed: int) -> None:
    authors, said = talk(seed)
    reader = read(said, seed)
    for author in authors:
        assert [item.statement.digest for item in author.record.order] == reader.order()
        for kit in KITS:
            log = next(log for log in author.record.logs.values() if log.station == kit.id)
            assert root_of(reader.leaves(kit.id)) == log.tree.root()
            assert root_of(reader.leaves(kit.id)[: log.size // 2]) == log.tree.root(log.size // 2)


def test_the_reader_counts_our_receipts_and_no_others() -> None:
    authors, said = talk(1)
    reader = read(said, 1)
    log = authors[0].record.logs[authors[1].log]
    where = origin(LINE, log.station, log.incarnation)
    message_ = cosign_message(1_700_000_000, body(where, 3, log.tree.root(3)))
    receipt = Receipt(
        log=log.id,
        size=3,
        cosigner=KITS[0].id,
        time_s=1_700_000_000,
        signature=KITS[0].cosign_key.sign(message_),
    )
    keys = {kit.id: kit.cosign_key.public for kit in KITS}
    assert receipt_counts(reader, receipt.encode(), keys)
    later = Receipt(
        log=log.id, size=4, cosigner=KITS[0].id, time_s=1_700_000_000, signature=receipt.signature
    )
    assert not receipt_counts(reader, later.encode(), keys)


def test_the_reader_takes_no_other_realm_and_no_changed_statement() -> None:
    _, said = talk(2, 3)
    reader = Reader("", LINE, {kit.id: kit.sign_key.public for kit in KITS})
    assert not reader.take(said[0].raw)
    reader = Reader(REALM, LINE, reader.keys)
    assert not reader.take(said[0].raw[:-1] + bytes((said[0].raw[-1] ^ 1,)))
    assert reader.take(said[0].raw)
