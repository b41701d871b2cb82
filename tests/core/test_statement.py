"""Statements: one form for one meaning, both ways, and nothing else is taken."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.world import START_MS, chaff, kit, message, signed_size, write

from tieline.core import crypto, encode
from tieline.core import statement as statements
from tieline.core.encode import Value
from tieline.core.errors import LocalError, RemoteError
from tieline.core.statement import (
    Body,
    Content,
    Hold,
    Place,
    Ref,
    compose,
    domain,
    log_id,
    normal,
    pack_content,
    parse,
    seal,
    to_sign,
    unpack_content,
    wanted_rungs,
    wants_mask,
)
from tieline.core.terms import MAX_TIME_MS, Kind, Precedence, RefRole, Role, Rung

VECTORS = Path(__file__).parents[2] / "vectors" / "statement"
ALPHA = kit("ALPHA").stations[0]
CODES = ("ALPHA", "BRAVO", "CHARLIE", "D-9")


def silence(rung: Rung | None) -> Content:
    body = Body(party="BRAVO", rung=rung, due_ms=START_MS, attempts=0)
    return Content(kind=Kind.SILENCE, body=body)


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text("utf-8"))


def cases(name: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in vectors(name)["cases"]]


def place(position: int = 4, seen: tuple[bytes, ...] = ()) -> Place:
    return Place(
        line=chaff("line", 16),
        station=ALPHA.id,
        incarnation=b"\x01" * 8,
        position=position,
        previous=chaff("previous", 32) if position else None,
        seen=tuple(sorted(seen)),
        time_ms=START_MS,
        charter=1,
    )


# ------------------------------------------------------------------------------- strategies

texts = st.text(max_size=40)
words = st.text("abc xyz-й", max_size=20)
digests = st.binary(min_size=32, max_size=32)
times = st.integers(0, MAX_TIME_MS)
parties = st.sets(st.sampled_from(CODES), min_size=1).map(lambda found: tuple(sorted(found)))
plain: st.SearchStrategy[Any] = st.one_of(
    st.integers(-(2**64), 2**64 - 1), st.binary(max_size=8), texts, st.booleans(), st.none()
)
values = st.recursive(
    plain, lambda v: st.lists(v, max_size=3).map(tuple) | st.dictionaries(st.integers(0, 99), v),
    max_leaves=6,
)  # fmt: skip
coded = st.dictionaries(st.integers(0, 300), values, max_size=5).map(
    lambda found: tuple(sorted(found.items()))
)
holds = st.lists(
    st.builds(Hold, st.binary(min_size=8, max_size=8), st.integers(1, 2**40), digests), max_size=3
).map(tuple)
BODIES: dict[Kind, st.SearchStrategy[Body]] = {
    Kind.OPEN: st.builds(Body, cause=words),
    Kind.MESSAGE: st.one_of(
        st.builds(Body, text=texts, lang=st.just("en")),
        st.builds(Body, fields=coded),
        st.just(Body()),
    ),
    Kind.ACKNOWLEDGE: st.just(Body()),
    Kind.READ_BACK: st.builds(Body, text=texts, lang=st.sampled_from(["en", "ru", "zh-Hant"])),
    Kind.PASS_ON: st.builds(Body, unit=words, at_ms=times),
    Kind.TEST: st.builds(Body, text=texts, slot=times, holds=holds),
    Kind.SUSPEND: st.builds(Body, cause=words),
    Kind.RESUME: st.builds(Body, cause=st.none() | words),
    Kind.SILENCE: st.builds(
        Body,
        party=st.sampled_from(CODES),
        rung=st.none() | st.sampled_from(Rung),
        due_ms=times,
        attempts=st.integers(0, 99),
        cause=st.none() | words,
        slot=st.none() | times,
    ),
    Kind.WATCH: st.builds(Body, staffed=st.booleans(), cause=st.none() | words),
    Kind.JOINT: st.builds(
        Body,
        text=texts,
        lang=st.just("en"),
        parties=parties,
        effective_ms=times,
        late_binds=st.sampled_from([None, True]),
        terms=st.none() | coded,
    )
    | st.builds(Body, text=texts, lang=st.just("en"), parties=parties),
    Kind.ASSENT: st.just(Body()),
}
# Which of them may be said without prejudice, and which may hand on another's word.
OFFICERS = BODIES.keys() - {Kind.OPEN, Kind.TEST, Kind.SILENCE}
RELAYED = OFFICERS - {Kind.SUSPEND, Kind.RESUME, Kind.WATCH, Kind.ASSENT}
refs = st.lists(st.builds(Ref, digests, st.sampled_from(RefRole)), max_size=4, unique=True)


@st.composite
def contents(draw: st.DrawFn) -> Content:
    kind = draw(st.sampled_from(sorted(BODIES)))
    cited = tuple(draw(refs))
    if kind in statements.TARGETED:
        target = Ref(draw(digests), RefRole.ANSWERS)
        cited = (target, *(ref for ref in cited if ref != target))
    body = draw(BODIES[kind])
    if kind in OFFICERS:
        body = replace(body, reserve=draw(st.sampled_from([None, True])))
    if kind in RELAYED:
        body = replace(body, through=draw(st.none() | st.text(min_size=1, max_size=80)))
    forms = st.text("abc/-9", min_size=1, max_size=64)
    form = draw(forms if body.terms is not None else st.just("") | forms)
    if kind is Kind.SILENCE:  # of a rung, or of the rule that the form names
        form = draw(forms) if body.rung is None else ""
    return Content(
        kind=kind,
        body=body,
        precedence=draw(st.sampled_from(Precedence)),
        role=draw(st.sampled_from(Role)),
        to=draw(st.just(()) | parties),
        wants=draw(st.integers(-1, 7)),
        form=form,
        form_version=draw(st.integers(0, 2**16)) if form else 0,
        refs=cited,
    )


@st.composite
def places(draw: st.DrawFn) -> Place:
    position = draw(st.integers(0, 2**48))
    tips = draw(st.sets(st.binary(min_size=16, max_size=16), max_size=4))
    return Place(
        line=draw(st.binary(min_size=16, max_size=16)),
        station=draw(st.binary(min_size=8, max_size=8)),
        incarnation=draw(st.binary(min_size=8, max_size=8)),
        position=position,
        previous=draw(digests) if position else None,
        seen=tuple(sorted(tips)),
        time_ms=draw(times),
        charter=draw(st.integers(0, 2**16)),
    )


# ---------------------------------------------------------------------------------- both ways


@given(places(), contents())
def test_a_statement_reads_back_as_it_was_written(where: Place, content: Content) -> None:
    payload = compose(where, content)
    signature = ALPHA.sign_key.sign(to_sign("DRILL", payload))
    read = seal("DRILL", payload, signature)
    assert (read.place, read.content, read.unknown) == (where, normal(content), ())
    assert read.signed == to_sign("DRILL", payload)
    assert crypto.verify(ALPHA.sign_key.public, read.signed, read.signature)
    assert compose(read.place, read.content) == payload
    assert unpack_content(pack_content(content)) == normal(content)


MUTANTS = st.dictionaries(
    st.sampled_from([*range(1, 17)]),
    st.one_of(values, st.lists(plain, max_size=4).map(tuple), st.integers(0, 12)),
    max_size=3,
)


@given(places(), contents(), MUTANTS, st.sets(st.integers(1, 16), max_size=2))
def test_what_the_reader_takes_the_writer_makes(
    where: Place, content: Content, changes: dict[int, Value], gone: set[int]
) -> None:
    """Any map at all: refused, or written again it is the same bytes."""
    read_map = encode.loads(compose(where, content), statements.LIMITS)
    assert isinstance(read_map, dict)
    fields = {key: value for key, value in {**read_map, **changes}.items() if key not in gone}
    payload = encode.dumps(fields)
    try:
        read = seal("", payload, bytes(64))
    except RemoteError:
        return
    known_body = encode.dumps(fields.get(16)) == encode.dumps(
        {key: value for key, value in _map(fields.get(16)).items() if 1 <= key <= 19} or None
    )
    if not read.unknown and known_body:
        assert compose(read.place, read.content) == payload


def _map(value: Value) -> dict[int, Value]:
    return value if isinstance(value, dict) else {}


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(RemoteError):
        parse("", noise)


# -------------------------------------------------------------------------------- by vectors


@pytest.mark.parametrize("case", cases("accept.json"))
def test_statements_that_are_taken(case: dict[str, Any]) -> None:
    raw = bytes.fromhex(case["statement"])
    read = parse(case["realm"], raw)
    assert crypto.verify(bytes.fromhex(vectors("accept.json")["key"]), read.signed, read.signature)
    assert {
        "digest": read.digest.hex(),
        "log": read.log.hex(),
        "to_sign": read.signed.hex(),
        "kind": read.content.kind.name,
        "precedence": read.content.precedence.name,
        "role": read.content.role.name,
        "asks_for": [rung.name for rung in wanted_rungs(read.content.wants)],
        "refs": [[ref.target.hex(), ref.role.name] for ref in read.content.refs],
        "unknown": list(read.unknown),
    }.items() <= case.items()
    assert read.raw == raw
    if not read.unknown:
        assert crypto.pack_sign1(compose(read.place, read.content), read.signature) == raw


@pytest.mark.parametrize("case", cases("refuse.json"))
def test_statements_that_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(RemoteError) as caught:
        parse("", bytes.fromhex(case["statement"]))
    assert caught.value.code == case["code"]


@pytest.mark.parametrize("case", cases("signed.json"))
def test_whose_signature_counts(case: dict[str, Any]) -> None:
    read = parse(case["realm"], bytes.fromhex(case["statement"]))
    key = bytes.fromhex(vectors("signed.json")["key"])
    assert crypto.verify(key, read.signed, read.signature) is case["counts"]


def taken(key: bytes, raw: bytes) -> bool:
    try:
        read = parse("", raw)
    except RemoteError:
        return False
    return crypto.verify(key, read.signed, read.signature)


def test_every_flipped_bit_every_cut_and_every_trailing_byte_is_refused() -> None:
    golden = vectors("flips.json")
    key, raw = bytes.fromhex(golden["key"]), bytes.fromhex(golden["statement"])
    assert taken(key, raw)
    for at in range(8 * len(raw)):
        flipped = bytearray(raw)
        flipped[at // 8] ^= 1 << at % 8
        assert not taken(key, bytes(flipped)), f"bit {at}"
    for end in range(len(raw)):
        assert not taken(key, raw[:end]), f"cut to {end}"
    for more in range(256):
        assert not taken(key, raw + bytes((more,)))


# ------------------------------------------------------------------------------- size and name


@pytest.mark.parametrize(("tips", "cited"), [(3, ()), (2, (RefRole.CORRECTS,))])
def test_a_coded_flash_with_its_signature_fits_a_narrowband_frame(
    tips: int, cited: tuple[RefRole, ...]
) -> None:
    """A form of ten answers on a line of four: 340 bytes (DESIGN section 3).

    Each other log that moved since our last statement costs 17 bytes, each reference 35.
    """
    fields: tuple[tuple[int, Value], ...] = (
        (1, 1), (2, 7), (3, START_MS), (4, (523, 10, 2411, 30)), (5, 3), (6, "MQ-9"), (7, True),
        (8, 90), (9, START_MS + 600_000), (10, 2),
    )  # fmt: skip
    content = Content(
        kind=Kind.MESSAGE,
        precedence=Precedence.FLASH,
        role=Role.RELEASER,
        wants=wants_mask((Rung.ACKNOWLEDGED, Rung.READ_BACK)),
        form="crisis/own-malfunction",
        form_version=3,
        refs=tuple(Ref(chaff("first report", 32), role) for role in cited),
        body=Body(fields=fields),
    )
    far = place(position=1_000_000, seen=tuple(chaff(f"tip {n}", 16) for n in range(tips)))
    raw = write(ALPHA, "", far, content).raw
    assert len(raw) <= 340, len(raw)


def test_the_name_of_a_statement_is_its_leaf_hash() -> None:
    read = write(ALPHA, "", place(), message())
    assert read.digest == crypto.sha256(b"\0" + read.raw)
    assert read.log == log_id(read.place.line, ALPHA.id, b"\x01" * 8)
    again = parse("", read.raw)
    assert again == read
    assert hash(again) == hash(read)
    assert read != write(ALPHA, "", place(5), message())
    assert read != read.raw


def test_the_log_of_a_station_depends_on_line_station_and_life() -> None:
    names = {
        log_id(chaff(line, 16), chaff(station, 8), chaff(life, 8))
        for line in "ab"
        for station in "cd"
        for life in "ef"
    }
    assert len(names) == 8


def test_a_realm_is_under_the_signature_of_every_statement() -> None:
    payload = compose(place(), message())
    signature = ALPHA.sign_key.sign(to_sign("DRILL-7", payload))
    for realm, counts in (("DRILL-7", True), ("", False), ("DRILL-70", False)):
        read = seal(realm, payload, signature)
        assert crypto.verify(ALPHA.sign_key.public, read.signed, read.signature) is counts
    assert domain("") != domain("DRILL-7")


# ---------------------------------------------------------------------------- the writer refuses


@pytest.mark.parametrize(
    ("where", "content", "code"),
    [
        (place(), replace(message(), to=("BRAVO", "ALPHA")), "statement.addressees"),
        (place(), replace(message(), to=("bravo",)), "statement.addressees"),
        (place(), replace(message(), body=Body(text="x")), "statement.body"),
        (place(), replace(message(), body=Body(text="x", lang="e n")), "statement.body"),
        (place(), replace(message(), body=Body(staffed=True)), "statement.body"),
        (place(), replace(message(), form="a b"), "statement.form"),
        (place(), silence(None), "statement.body"),
        (place(), replace(silence(Rung.RECEIVED), form="vd/ua-reply"), "statement.body"),
        (place(), replace(message(), form_version=2), "statement.lossy"),
        (place(), replace(message(), wants=8), "statement.field"),
        (place(), Content(kind=Kind.ACKNOWLEDGE), "statement.references"),
        (place(), Content(kind=Kind.UNKNOWN), "statement.kind"),
        (place(), message("x" * 12_001), "statement_body.field"),
        (place(), message("\U0001f4a1" * 9_000), "encode.too_large"),
        (replace(place(), previous=None), message(), "statement.previous"),
        (replace(place(), seen=(b"2" * 16, b"1" * 16)), message(), "statement.seen"),
        (replace(place(), time_ms=MAX_TIME_MS + 1), message(), "statement.field"),
        (place(), replace(message(), body=Body(fields=((1, 1), (1, 2)))), "statement.lossy"),
    ],
)
def test_what_could_not_be_read_is_not_written(where: Place, content: Content, code: str) -> None:
    with pytest.raises(LocalError) as caught:
        compose(where, content)
    assert caught.value.code == code


def test_a_mask_of_rungs_goes_both_ways() -> None:
    for mask in range(8):
        assert wants_mask(wanted_rungs(mask)) == mask


def test_a_newer_station_may_say_more_and_all_of_it_is_kept() -> None:
    newer = next(c for c in vectors("accept.json")["cases"] if c["name"].startswith("keys of"))
    read = parse("", bytes.fromhex(newer["statement"]))
    assert read.unknown == (16, 17, 900)
    assert read.content.body.text == "Text"
    assert read.raw.hex() == newer["statement"]


@given(places(), contents())
def test_software_from_before_the_marks_keeps_them_and_reads_the_rest(
    where: Place, content: Content
) -> None:
    """A reader that knows the body up to key 14 takes the statement, and its bytes stay whole."""
    raw = seal("", compose(where, content), bytes(64)).raw
    with pytest.MonkeyPatch.context() as patch:
        older = {key: name for key, name in statements._BODY_KEYS.items() if key <= 14}
        patch.setattr(statements, "_BODY_KEYS", older)
        read = parse("", raw)
    assert read.raw == raw
    body = normal(content).body
    assert read.content.body == replace(
        body, effective_ms=None, late_binds=None, reserve=None, through=None, terms=None
    )


def test_a_mark_costs_nothing_where_it_is_not_used() -> None:
    plain = signed_size(message())
    assert signed_size(replace(message(), body=replace(message().body, reserve=True))) == plain + 2
