"""A glance finds what the parser finds, or nothing; never what the parser refuses.

So does the look at statements of the usual form by which ``statement.parse`` itself begins: with
and without it the same is found, and refused for the same reason.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries

from tieline.core import crypto, statement, usual
from tieline.core.checkpoint import Receipt, body
from tieline.core.errors import RemoteError
from tieline.core.glance import Glancer, note_texts, plain, receipt
from tieline.core.statement import Body, Content, Place, Ref
from tieline.core.terms import MAX_TIME_MS, Kind, Precedence, RefRole, Role
from tieline.node.secrets import SeedKey

REALM = "EX-1"
LOOK = Glancer(REALM).look

texts = st.text(max_size=300) | st.text("a\u0436", min_size=200, max_size=300)
shorts = st.text(max_size=200)
langs = st.from_regex(r"[A-Za-z0-9-]{1,16}", fullmatch=True)
times = st.integers(0, MAX_TIME_MS) | st.integers(MAX_TIME_MS - 3, MAX_TIME_MS)
refs = st.lists(
    st.builds(Ref, st.binary(min_size=32, max_size=32), st.sampled_from(RefRole)),
    max_size=6, unique=True,
).map(tuple)  # fmt: skip
tips = st.lists(st.binary(min_size=16, max_size=16), max_size=30, unique=True)
numbers = st.one_of(*(st.integers(0, 2**bits) for bits in (4, 8, 16, 32, 40, 48)))


@st.composite
def places(draw: st.DrawFn) -> Place:
    position = draw(numbers)
    return Place(
        line=draw(st.binary(min_size=16, max_size=16)),
        station=draw(st.binary(min_size=8, max_size=8)),
        incarnation=draw(st.binary(min_size=8, max_size=8)),
        position=position,
        previous=draw(st.binary(min_size=32, max_size=32)) if position else None,
        seen=tuple(sorted(draw(tips))),
        time_ms=draw(times),
        charter=draw(numbers.map(lambda n: n % (2**16 + 1))),
    )


@st.composite
def contents(draw: st.DrawFn) -> Content:
    kind = draw(st.sampled_from([kind for kind in Kind if kind is not Kind.UNKNOWN]))
    cited = draw(refs)
    if kind in statement.TARGETED:
        target = Ref(draw(st.binary(min_size=32, max_size=32)), RefRole.ANSWERS)
        cited = (target, *(ref for ref in cited if ref != target))[:6]
    said: dict[Kind, Any] = {
        Kind.OPEN: st.builds(Body, cause=shorts),
        Kind.MESSAGE: st.builds(Body, text=texts, lang=langs)
        | st.builds(Body, fields=st.just(((1, 5), (2, "x"))))
        | st.just(Body()),
        Kind.READ_BACK: st.builds(Body, text=texts, lang=langs),
        Kind.PASS_ON: st.builds(Body, unit=shorts, at_ms=times),
        Kind.TEST: st.builds(Body, text=shorts, slot=st.just(3), holds=st.just(())),
        Kind.SUSPEND: st.builds(Body, cause=shorts),
        Kind.RESUME: st.builds(Body, cause=shorts) | st.just(Body()),
        Kind.WATCH: st.builds(Body, staffed=st.booleans()),
        Kind.JOINT: st.builds(Body, text=texts, lang=langs, parties=st.just(("ALPHA", "BRAVO"))),
    }
    if kind is Kind.SILENCE:
        kind = Kind.RESUME
    return Content(
        kind=kind,
        body=draw(said.get(kind, st.just(Body()))),
        precedence=draw(st.sampled_from(Precedence)),
        role=draw(st.sampled_from(Role)),
        to=draw(st.sampled_from([(), ("ALPHA",), ("ALPHA", "BRAVO")])),
        wants=draw(st.sampled_from([-1, -1, 0, 1, 2, 7])),
        refs=cited,
    )


@st.composite
def statements(draw: st.DrawFn) -> bytes:
    payload = statement.compose(draw(places()), draw(contents()))
    return crypto.pack_sign1(payload, draw(st.binary(min_size=64, max_size=64)))


def by_item(raw: bytes) -> tuple[object, ...]:
    """What the parser finds that goes through a statement item by item, or its refusal."""
    try:
        envelope = crypto.parse_sign1(raw, statement.LIMITS)
        return (*statement._read_any(envelope.payload), envelope.payload, envelope.signature)
    except RemoteError as error:
        return error.code, error.message


def as_taken(raw: bytes) -> tuple[object, ...]:
    """What a station finds, or its refusal."""
    try:
        parsed = statement.parse(REALM, raw)
    except RemoteError as error:
        return error.code, error.message
    place = usual.payload_of(raw)
    payload = raw[slice(*place)] if place else crypto.parse_sign1(raw, statement.LIMITS).payload
    assert parsed.signed == statement.to_sign(REALM, payload)
    assert parsed.digest == statement.statement_digest(raw)
    return parsed.place, parsed.content, parsed.unknown, payload, parsed.signature


def agrees(raw: bytes) -> bool:
    """Whether a glance finds something; then the parser must find the same."""
    assert as_taken(raw) == by_item(raw)
    found = LOOK(raw)
    if found is None:
        return False
    parsed = statement.parse(REALM, raw)  # raises where the glance was too lax
    place = parsed.place
    assert found.author == b"".join(
        (b"\x01\x50", place.line, b"\x02\x48", place.station, b"\x03\x48", place.incarnation)
    )
    assert (found.position, found.previous, found.charter) == (
        place.position, place.previous, place.charter,
    )  # fmt: skip
    assert found.seen == b"".join(b"\x50" + tip for tip in place.seen)
    assert found.signed == parsed.signature + parsed.signed
    content, read = parsed.content, plain(raw)
    assert read is not None
    assert (read.kind, read.charter, read.time_ms) == (content.kind, place.charter, place.time_ms)
    assert read.refs == tuple((ref.role, ref.target) for ref in content.refs)
    assert content.form == ""  # what is on a form is never plain
    return True


@settings(max_examples=tries(100))
@given(statements())
def test_a_glance_at_a_statement_agrees_with_the_parser(raw: bytes) -> None:
    agrees(raw)


@settings(max_examples=tries(200))
@given(statements(), st.data())
def test_a_glance_takes_nothing_that_the_parser_refuses(raw: bytes, data: st.DataObject) -> None:
    changed = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, min(len(changed), 400) - 1) | st.integers(0, len(raw) // 2))
        at = min(at, len(changed) - 1)
        match data.draw(st.sampled_from(["set", "step", "insert", "delete", "repeat"])):
            case "set":
                changed[at] = data.draw(st.integers(0, 255))
            case "step":
                changed[at] = (changed[at] + data.draw(st.sampled_from([1, 255]))) % 256
            case "insert":
                changed[at:at] = data.draw(st.binary(min_size=1, max_size=3))
            case "delete":
                del changed[at : at + data.draw(st.integers(1, 17))]
            case _:
                changed[at:at] = changed[at : at + data.draw(st.integers(1, 35))]
        if not changed:
            return
    agrees(bytes(changed))


PLACE = Place(
    line=b"l" * 16, station=b"s" * 8, incarnation=b"i" * 8, position=300, previous=b"p" * 32,
    seen=(b"a" * 16, b"b" * 16), time_ms=1_668_523_440_000, charter=2,
)  # fmt: skip
ANSWER = (Ref(b"d" * 32, RefRole.ANSWERS), Ref(b"e" * 32, RefRole.CONCERNS))
USUAL = {
    "message": Content(kind=Kind.MESSAGE, body=Body(text="x" * 200, lang="en"), wants=7),
    "short message": Content(kind=Kind.MESSAGE, body=Body(text="тревога", lang="uk")),
    "long message": Content(kind=Kind.MESSAGE, body=Body(text="x" * 9_000, lang="en")),
    "acknowledge": Content(kind=Kind.ACKNOWLEDGE, refs=ANSWER, role=Role.WATCH_OFFICER),
    "read back": Content(kind=Kind.READ_BACK, refs=ANSWER, body=Body(text="so", lang="en")),
    "pass on": Content(
        kind=Kind.PASS_ON, refs=ANSWER[:1], body=Body(unit="2 Bde", at_ms=PLACE.time_ms)
    ),
    "open": Content(kind=Kind.OPEN, body=Body(cause="founded")),
    "suspend": Content(kind=Kind.SUSPEND, body=Body(cause="storm")),
    "resume": Content(kind=Kind.RESUME),
    "assent": Content(kind=Kind.ASSENT, refs=ANSWER[:1]),
    "to some": Content(
        kind=Kind.MESSAGE, body=Body(text="x", lang="en"), to=("ALPHA", "C-2", "DELTA"), wants=0
    ),
}


@pytest.mark.parametrize("name", USUAL)
@pytest.mark.parametrize("first", [True, False])
def test_what_is_usual_is_recognised(name: str, *, first: bool) -> None:
    place = replace(PLACE, position=0, previous=None, seen=()) if first else PLACE
    payload = statement.compose(place, USUAL[name])
    assert agrees(crypto.pack_sign1(payload, b"s" * 64))
    assert usual.read(payload) == (place, statement.normal(USUAL[name]), ())


@pytest.mark.parametrize("name", USUAL)
def test_every_byte_of_a_usual_statement_counts(name: str) -> None:
    """Every value of every byte of the head and the lengths, all of which an expression reads."""
    raw = crypto.pack_sign1(statement.compose(PLACE, USUAL[name]), b"s" * 64)
    taken = 0
    for at in (*range(min(len(raw) - 64, 330)), *range(len(raw) - 72, len(raw) - 63)):
        if raw[at : at + 1] in (b"l", b"s", b"i", b"p", b"a", b"b", b"d", b"e", b"x"):
            continue  # inside of fields, which may hold anything
        for value in range(256):
            taken += agrees(raw[:at] + bytes((value,)) + raw[at + 1 :])
    assert taken > 256


def test_a_realm_is_under_the_signature() -> None:
    raw = crypto.pack_sign1(statement.compose(PLACE, USUAL["message"]), b"s" * 64)
    live, exercise = Glancer("").look(raw), LOOK(raw)
    assert live is not None
    assert exercise is not None
    assert live.signed != exercise.signed
    parsed = statement.parse("", raw)
    assert live.signed == parsed.signature + parsed.signed


# --------------------------------------------------------------------------------------- receipts


@given(numbers, st.integers(0, 2**38), st.data())
def test_a_glance_at_a_receipt_agrees_with_the_parser(
    size: int, time_s: int, data: st.DataObject
) -> None:
    one = Receipt(
        log=data.draw(st.binary(min_size=8, max_size=8)), size=size, cosigner=b"c" * 8,
        time_s=time_s, signature=data.draw(st.binary(min_size=64, max_size=64)),
    )  # fmt: skip
    raw = bytearray(one.encode())
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    found = receipt(bytes(raw))
    if found is not None:
        same = Receipt.decode(bytes(raw))
        assert found == (same.log, same.size, same.cosigner, same.time_s, same.signature)


def test_the_receipts_of_today_are_recognised() -> None:
    one = Receipt(
        log=b"g" * 8, size=0, cosigner=b"c" * 8, time_s=1_668_523_440, signature=bytes(64)
    )
    for size in (1, 23, 24, 255, 256, 65_535, 65_536, 2**32, 2**48 - 1):
        assert receipt(replace(one, size=size).encode()) is not None
    with pytest.raises(RemoteError):
        Receipt.decode(one.encode())
    assert receipt(one.encode()) is None


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_the_texts_of_heads_are_those_of_checkpoints(size: int, root: bytes) -> None:
    assert note_texts("tieline.invalid/å/b")(size, root) == body("tieline.invalid/å/b", size, root)


@given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, 70))
def test_one_piece_verifies_as_two_do(message: bytes, value: int, at: int) -> None:
    key = SeedKey(bytes(32))
    signed = bytearray(key.sign(message) + message)
    assert crypto.opens(key.public, bytes(signed))
    signed[min(at, len(signed) - 1)] = value
    pieces = bytes(signed[64:]), bytes(signed[:64])
    assert crypto.opens(key.public, bytes(signed)) == crypto.verify(key.public, *pieces)
    assert not crypto.opens(key.public, bytes(signed[:63]))
    assert not crypto.opens(key.public[:31], bytes(signed))


def test_a_reference_that_stands_there_twice_is_the_parsers_business() -> None:
    target = b"t" * 32
    two = (Ref(target, RefRole.CONCERNS), Ref(target, RefRole.CORRECTS))
    said = Content(kind=Kind.MESSAGE, body=Body(text="x", lang="en"), refs=two)
    raw = crypto.pack_sign1(statement.compose(PLACE, said), bytes(64))
    assert agrees(raw)
    ends = [target + bytes((ref.role,)) for ref in two]
    assert raw.count(ends[0]) == raw.count(ends[1]) == 1
    twice = raw.replace(ends[1], ends[0])
    assert LOOK(twice) is None
    with pytest.raises(RemoteError):
        statement.parse(REALM, twice)


def test_no_list_is_looked_through_or_remembered_beyond_what_it_may_have() -> None:
    content = Content(kind=Kind.MESSAGE, to=("ALPHA",))
    whole = statement.compose(replace(PLACE, seen=()), content)
    assert whole.endswith(b"\x0c\x81\x65ALPHA")
    with mock.patch.object(usual, "_codes", wraps=usual._codes) as looked:
        assert usual.read(whole) is not None
        assert usual.read(whole[:-7] + b"\x97" + b"\x65ALPHA" * 2_000) is None
    assert max(len(call.args[0]) for call in looked.call_args_list) == 1 + 23 * len(b"\x65ALPHA")
