"""docs/protocol.cddl says what the code writes: vectors and fresh encodings fit it, others do not.

The validator and the description are other people's eyes on the formats: neither knows our parser.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import cbor2
import pytest
from cddl_verifier import Validator  # type: ignore[import-untyped]  # ships no types
from tests.core.world import CODES, PartyKit

from tieline.core import bundle, encode, statement, sync
from tieline.core.charter import (
    Charter,
    LogEnd,
    SignedCharter,
    Witness,
    make_charter,
)
from tieline.core.checkpoint import Receipt
from tieline.core.crypto import pack_sign1
from tieline.core.encode import Value
from tieline.core.errors import RemoteError
from tieline.core.identity import Card
from tieline.core.journal import Fact
from tieline.core.line import Line
from tieline.core.statement import Body, Content, Hold, Place, Ref
from tieline.core.succession import amend
from tieline.core.sync import CharterOffer, Have, Head, Push, Receipts
from tieline.core.terms import Kind, Precedence, RefRole, Role, Rung
from tieline.node import backupfile, chunkbox, homekeys, keystore, packs, sealed, secrets

ROOT = Path(__file__).parents[2]
CDDL = (ROOT / "docs" / "protocol.cddl").read_text("utf-8")
VECTORS = ROOT / "vectors"

# Files of vectors that are accepted: which field of a case holds the bytes, and the rule they fit.
ACCEPTED = {
    "encode/accept.json": ("hex", "value"),
    "certificate/accept.json": ("certificate", "certificate"),
    "card/accept.json": ("card", "card"),
    "statement/accept.json": ("statement", "statement"),
    "statement/signed.json": ("statement", "statement"),
    "form/values.json": ("wire", "form-value"),
    "form/messages.json": ("fields", "form-fields"),
    "charter/accept.json": ("charter", "signed-charter"),
    "envelope/accept.json": ("envelope", "envelope"),
    "proof/accept.json": ("proof", "proof"),
    "pack/accept.json": ("body", "pack"),
}


@cache
def validator() -> Validator:
    return Validator(CDDL)


def fits(rule: str, data: bytes) -> bool:
    return bool(validator().validate(data, root_type=rule).valid)


def why(rule: str, data: bytes) -> str:
    """Empty when the bytes fit; otherwise what the validator says, to be read in a failure."""
    result = validator().validate(data, root_type=rule)
    return "" if result.valid else f"{rule}: {result.errors}"


# --------------------------------------------------------------------------------------- vectors


def accepted() -> Iterator[tuple[str, str, str, str]]:
    for name, (key, rule) in ACCEPTED.items():
        path = VECTORS / name
        if path.is_file():
            for index, case in enumerate(json.loads(path.read_text("utf-8"))["cases"]):
                yield name, str(index), rule, case[key]
    receipts = json.loads((VECTORS / "checkpoint/receipts.json").read_text("utf-8"))
    yield "checkpoint/receipts.json", "", "receipt", receipts["encoded"]
    opened = json.loads((VECTORS / "bundle/open.json").read_text("utf-8"))
    yield "bundle/open.json", "charter", "signed-charter", opened["charter"]
    yield "bundle/open.json", "certificate", "certificate", opened["certificate"]
    yield "bundle/open.json", "plain", "bundle-contents", opened["plain"]
    file = bytes.fromhex(opened["bundle"])[len(bundle.MAGIC) :]
    end = 4 + int.from_bytes(file[:4], "big")
    yield "bundle/open.json", "header", "bundle-header", file[4:end].hex()
    yield "bundle/open.json", "sealed", "sealed-file", file[end:].hex()

    for name in ("four-parties-thread", "two-stories", "broken-order-keys", "packs-missing"):
        path = VECTORS / "evidence" / f"{name}.tle"
        stream = io.BytesIO(path.read_bytes())
        stream.readline()
        for index, item in enumerate(items(stream)):
            yield f"evidence/{path.name}", str(index), "evidence-item", item.hex()


def items(stream: io.BytesIO) -> Iterator[bytes]:
    """A CBOR sequence, item by item."""
    while stream.tell() < len(stream.getbuffer()):
        start = stream.tell()
        cbor2.load(stream)
        yield stream.getvalue()[start : stream.tell()]


def test_every_accepted_vector_fits() -> None:
    found = list(accepted())
    wrong = [
        f"{name} {index}: {problem}"
        for name, index, rule, data in found
        if (problem := why(rule, bytes.fromhex(data)))
    ]
    assert wrong == []
    assert len(found) > 40


@pytest.mark.parametrize("name", packs.shipped())
def test_a_shipped_pack_fits(name: str) -> None:
    assert why("pack", packs.find(name).body) == ""


# ------------------------------------------------------------------------------ fresh encodings

LINE, STATION, LOG, DIGEST = b"l" * 16, b"s" * 8, b"g" * 8, b"d" * 32
ANSWER = (Ref(DIGEST, RefRole.ANSWERS),)
CONTENTS = {
    "open": Content(kind=Kind.OPEN, body=Body(cause="founded")),
    "coded message": Content(
        kind=Kind.MESSAGE,
        precedence=Precedence.FLASH,
        role=Role.WATCH_OFFICER,
        to=("ALPHA", "BRAVO"),
        form="INCIDENT-1",
        form_version=2,
        wants=7,
        refs=(*ANSWER, Ref(b"q" * 32, RefRole.CORRECTS)),
        body=Body(fields=((1, 5), (2, "x"), (3, (1, b"2")), (4, None), (5, {1: True, 2: -7}))),
    ),
    "text message": Content(kind=Kind.MESSAGE, body=Body(text="тревога", lang="uk")),
    "bare message": Content(kind=Kind.MESSAGE, refs=(Ref(DIGEST, RefRole.CANCELS),)),
    "acknowledge": Content(kind=Kind.ACKNOWLEDGE, refs=ANSWER),
    "read back": Content(kind=Kind.READ_BACK, refs=ANSWER, body=Body(text="so", lang="en")),
    "pass on": Content(kind=Kind.PASS_ON, refs=ANSWER, body=Body(unit="2 Bde", at_ms=5)),
    "test": Content(kind=Kind.TEST, body=Body(text="abc", slot=9, holds=(Hold(LOG, 3, DIGEST),))),
    "suspend": Content(kind=Kind.SUSPEND, body=Body(cause="storm")),
    "resume": Content(kind=Kind.RESUME),
    "resume with cause": Content(kind=Kind.RESUME, body=Body(cause="over")),
    "silence": Content(
        kind=Kind.SILENCE,
        refs=(Ref(DIGEST, RefRole.CONCERNS),),
        body=Body(party="BRAVO", rung=Rung.RECEIVED, due_ms=7, attempts=2, cause="no route"),
    ),
    "silence of a test": Content(
        kind=Kind.SILENCE,
        body=Body(party="BRAVO", rung=Rung.RECEIVED, due_ms=7, attempts=0, slot=4),
    ),
    "watch": Content(kind=Kind.WATCH, body=Body(staffed=False, cause="night")),
    "joint": Content(kind=Kind.JOINT, body=Body(text="we", lang="en", parties=("ALPHA", "BRAVO"))),
    "assent": Content(kind=Kind.ASSENT, refs=ANSWER),
}


def place(position: int = 0) -> Place:
    return Place(
        line=LINE,
        station=STATION,
        incarnation=b"i" * 8,
        position=position,
        previous=b"p" * 32 if position else None,
        seen=(b"a" * 16, b"b" * 16) if position else (),
        time_ms=1_668_523_440_000,
        charter=1,
    )


@pytest.mark.parametrize("position", [0, 3, 2**48])
@pytest.mark.parametrize("name", CONTENTS)
def test_every_kind_of_statement_fits(name: str, position: int) -> None:
    payload = statement.compose(place(position), CONTENTS[name])
    assert why("statement-payload", payload) == ""
    assert why("statement", pack_sign1(payload, bytes(64))) == ""


def test_every_kind_is_among_them() -> None:
    assert {content.kind for content in CONTENTS.values()} == set(Kind) - {Kind.UNKNOWN}


def payload_with(changes: dict[int, Value], name: str = "text message") -> bytes:
    value = encode.loads(statement.compose(place(), CONTENTS[name]))
    assert isinstance(value, dict)
    return encode.dumps({**value, **changes})


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({17: "newer"}, True),
        ({0: "newer"}, True),
        ({9: 12}, True),
        ({9: 255}, False),
        ({8: 4}, False),
        ({1: b"l" * 15}, False),
        ({4: 2**48 + 1}, False),
        ({6: ()}, False),
        ({6: (b"a" * 15,)}, False),
        ({11: 0}, False),
        ({12: ("alpha",)}, False),
        ({13: 8}, False),
        ({15: (DIGEST,)}, False),
        ({15: (DIGEST, 7)}, False),
        ({16: {6: "a message has no cause"}}, False),
        ({16: {1: "text", 2: "en", 20: "newer"}}, True),
        ({16: {1: "text", 2: "en", 15: 5}}, False),
        ({16: {1: "text", 2: "en", 17: True, 18: "BRAVO"}}, True),
        ({9: 2}, False),
        ({9: 6}, False),
    ],
)
def test_a_changed_statement_fits_as_the_parser_says(
    changes: dict[int, Value], *, good: bool
) -> None:
    payload = payload_with(changes)
    assert fits("statement-payload", payload) is good
    try:
        statement.parse("", pack_sign1(payload, bytes(64)))
    except RemoteError:
        assert not good
    else:
        assert good


# --------------------------------------------------------------------- people, charters, bundles


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[homekeys.NewHome, ...]:
    made = []
    for code in ("ALPHA", "BRAVO"):
        home = tmp_path_factory.mktemp(code)
        made.append(
            homekeys.create_home_keys(
                home,
                party=code,
                party_name=f"Force {code.title()}",
                realm="",
                station_name="ops",
                unlock_with=secrets.create_key_file(home / "key"),
                addresses=("192.0.2.1:7411", "[2001:db8::1]:7411"),
            )
        )
        assert why("key-store", (home / homekeys.KEYS_FILE).read_bytes()) == ""
        assert why("key-store", (home / homekeys.ROOT_FILE).read_bytes()) == ""
    return tuple(made)


@pytest.fixture(scope="module")
def cards(homes: tuple[homekeys.NewHome, ...]) -> tuple[Card, ...]:
    return tuple(home.card for home in homes)


@pytest.fixture(scope="module")
def charter(homes: tuple[homekeys.NewHome, ...], cards: tuple[Card, ...]) -> SignedCharter:
    signed = SignedCharter(charter=make_charter("north", cards, nonce=bytes(16)))
    for home in homes:
        signed = signed.add_signature(home.root.party, home.root.sign_charter(signed.charter))
    return signed


def test_cards_and_certificates_fit(cards: tuple[Card, ...]) -> None:
    for card in cards:
        assert why("card", card.encoded) == ""
        for station in card.stations:
            assert why("certificate", station.certificate.encoded) == ""
    assert not fits("card", cards[0].stations[0].certificate.encoded)


def amended(charter: Charter, witness: bytes) -> Charter:
    return amend(
        charter, packs=(bytes(32),), witnesses=(Witness(name="observer", key=witness),), quorum=1
    )


def test_charters_fit(homes: tuple[homekeys.NewHome, ...], charter: SignedCharter) -> None:
    assert why("charter-body", charter.charter.body) == ""
    assert why("signed-charter", charter.encode()) == ""
    witness = secrets.RootKey(encode.dumps({1: b"w" * 32, 2: "W", 3: "W", 4: ""})).public
    newer = amended(charter.charter, witness)
    assert why("charter-body", newer.body) == ""
    value = encode.loads(newer.body, encode.Limits(max_bytes=1 << 20))
    assert isinstance(value, dict)
    assert not fits("charter-body", encode.dumps({**value, 3: 1}))


def test_charters_that_end_keys_fit() -> None:
    first = make_charter("north", [PartyKit(c).card() for c in CODES[:2]], nonce=bytes(16))
    end = LogEnd(log=b"one log.", size=2**48, last=bytes(32))
    closing = amend(first, cards=[PartyKit("ALPHA", keys="2").card()], closed=(end,))
    assert why("charter-body", closing.body) == ""
    rooted = amend(first, cards=[PartyKit("ALPHA", life="2").card()], closed=(), reroot=True)
    assert why("charter-body", rooted.body) == ""
    value = encode.loads(rooted.body, encode.Limits(max_bytes=1 << 20))
    assert isinstance(value, dict)
    assert not fits("charter-body", encode.dumps({**value, 18: ()}))
    assert not fits("charter-body", encode.dumps({**value, 17: ((b"one log.", 0, bytes(32)),)}))


def test_charters_with_observers_fit() -> None:
    cards = [PartyKit(code).card() for code in CODES[:3]]
    first = make_charter("north", cards, nonce=bytes(16), observers=CODES[2:3])
    for charter in (first, amend(first, silence_s=60)):
        assert why("charter-body", charter.body) == ""
        value = encode.loads(charter.body, encode.Limits(max_bytes=1 << 20))
        assert isinstance(value, dict)
        for wrong in ((), ("charlie",), "CHARLIE", (3,)):
            assert not fits("charter-body", encode.dumps({**value, 19: wrong}))


def test_a_station_with_newer_keys_fits(cards: tuple[Card, ...]) -> None:
    certificate = cards[0].stations[0].certificate.encoded
    assert why("station-entry", encode.dumps({1: certificate, 2: (), 9: "newer"})) == ""
    assert not fits("station-entry", encode.dumps({1: certificate}))


def test_envelopes_and_bundles_fit(
    homes: tuple[homekeys.NewHome, ...], charter: SignedCharter
) -> None:
    own, other = (home.station.station for home in homes)
    said = pack_sign1(statement.compose(place(), CONTENTS["text message"]), bytes(64))
    receipt = Receipt(log=LOG, size=1, cosigner=STATION, time_s=5, signature=bytes(64))
    heads = (Head(b"a" * 8, 1, DIGEST), Head(b"b" * 8, 2**48, DIGEST, b"c" * 16 + b"d" * 16))
    line = charter.charter.line
    for envelope in (
        Have(line, 1, full=True, heads=heads),
        Have(line, 1, full=False, heads=()),
        Push(line, (said, said)),
        Receipts(line, (receipt,)),
        CharterOffer(line, charter.encode()),
    ):
        assert why("envelope", sync.pack(envelope)) == ""
    plain, _ = bundle.contents(Line(own, charter), (other,))
    assert why("bundle-contents", plain) == ""
    box = homes[0].station.seal(plain, [homes[1].station.certificate.seal_key])
    assert why("sealed-file", box) == ""
    assert sealed.parse(box).head()
    header = bundle.header_payload(
        bundle.Header(
            line=line, exporter=own, time_ms=1, recipients=(other,), sealed=bytes(32), charter=1
        )
    )
    assert why("bundle-header", pack_sign1(header, bytes(64))) == ""


def test_backups_fit(homes: tuple[homekeys.NewHome, ...]) -> None:
    envelope = keystore.Envelope(kind="station", way=2, salt=bytes(16), nonce=bytes(12), box=b"x")
    facts = [
        Fact(kind=2, at_ms=5, line=LINE, body=b"said", log=LOG, position=0),
        *(Fact(kind=8, at_ms=-1, line=b"", body=b"tried", meta=b"m") for _ in range(200)),
    ]
    manifest = backupfile.Manifest(
        made_ms=5, station=STATION, party="ALPHA", name="ops", realm="EX-1", entries=len(facts)
    )
    salt, secret = bytes(32), bytes(32)
    pieces = backupfile.write(
        envelope.encode(), salt, secret, manifest, [("config.toml", b"")], enumerate(facts, 1)
    )
    head, *boxes = (piece.removeprefix(backupfile.MAGIC)[4:] for piece in pieces)
    assert why("backup-head", head) == ""
    chunks = chunkbox.Chunks(secret, salt, backupfile.DOMAIN, head)
    records = [chunks.open(box, last=box == boxes[-1]) for box in boxes]
    kinds = ("manifest", "file", "entries", "entries", "end")
    for record, kind in zip(records, kinds, strict=True):
        assert record is not None
        assert why("backup-record", record) == ""
        assert why(f"backup-{kind}", record) == ""
    assert not fits("backup-record", encode.dumps((4, 1, 1, bytes(31))))


def test_the_validator_sees_what_does_not_fit() -> None:
    assert not fits("envelope", encode.dumps((5, LINE, ())))
    assert not fits("envelope", encode.dumps((1, LINE, 1, True, (LOG, 1, DIGEST))))
    assert not fits("receipt", encode.dumps((LOG, 0, STATION, 5, bytes(64))))
    assert not fits("value", bytes.fromhex("f93c00"))
