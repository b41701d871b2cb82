"""Proof files: what proves two stories is told, and no change of it proves anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.world import PartyKit

from tieline.core import checkpoint, encode, proof, statement
from tieline.core.checkpoint import SignedNote
from tieline.core.encode import Limits, Value
from tieline.core.errors import LocalError, RemoteError
from tieline.core.identity import root_fingerprint, words
from tieline.core.statement import Body, Content, Place
from tieline.core.terms import Kind, Precedence
from tieline.core.tree import Tree, leaf_hash

VECTORS = Path(__file__).parents[2] / "vectors" / "proof"
WIDE = Limits(max_bytes=1 << 20, max_depth=8, max_items=4096)
KINDS = {
    "statements": proof.STATEMENTS,
    "same size": proof.SAME_SIZE,
    "no beginning": proof.NO_BEGINNING,
}
ALPHA, BRAVO = PartyKit("ALPHA", ("main", "spare")), PartyKit("BRAVO")
DRILL = PartyKit("ALPHA", ("main", "spare"), realm="SPRING-TIDE")
LINE, LIFE = b"\x11" * 16, b"\x22" * 8


def cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / name).read_text("utf-8"))["cases"]
    return found


def refused(data: bytes) -> str:
    with pytest.raises(RemoteError) as caught:
        proof.check(data)
    return caught.value.code


# --------------------------------------------------------------------------------- vectors


@pytest.mark.parametrize("case", cases("accept.json"), ids=lambda case: case["name"])
def test_vectors_accept(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["proof"])
    found = proof.check(data)
    assert facts(found) == {
        name: value for name, value in case.items() if name not in {"name", "armor", "proof"}
    }
    assert found.log == statement.log_id(found.line, found.station, found.incarnation)
    assert proof.armor_proof(data) == case["armor"]
    assert proof.dearmor_proof(case["armor"]) == data
    assert len(data) < 8_192
    assert ("EXERCISE" in " ".join(found.told)) == bool(case["realm"])


def facts(found: proof.Proven) -> dict[str, Any]:
    """What a vector says of a proof."""
    print_ = root_fingerprint(found.party, found.realm, found.root_key)
    return {
        "kind": next(name for name, kind in KINDS.items() if kind == found.kind),
        "at": number(found.at),
        "party": found.party,
        "realm": found.realm,
        "root_key": found.root_key.hex(),
        "words": " ".join(words(print_)),
        "line": found.line.hex(),
        "station": found.station.hex(),
        "station_name": found.station_name,
        "incarnation": found.incarnation.hex(),
        "certificates": found.certificates,
        "digests": [half.digest.hex() for half in found.statements],
        "heads": [[number(head.size), head.root.hex()] for head in found.heads],
    }


def number(value: int) -> int | str:
    return value if value < 2**53 else str(value)


@pytest.mark.parametrize("case", cases("armor.json"), ids=lambda case: case["name"])
def test_vectors_armor(case: dict[str, Any]) -> None:
    with pytest.raises(RemoteError) as caught:
        proof.dearmor_proof(case["armor"])
    assert caught.value.code == case["code"]


@pytest.mark.parametrize("case", cases("refuse.json"), ids=lambda case: case["name"])
def test_vectors_refuse(case: dict[str, Any]) -> None:
    assert refused(bytes.fromhex(case["proof"])) == case["code"]


# -------------------------------------------------------------------------------- mutation


# One of each form: the others differ from these in the value of one part.
FORMS = {(case["kind"], case["certificates"]): case for case in reversed(cases("accept.json"))}


@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize("case", FORMS.values(), ids=lambda case: case["name"])
def test_no_proof_with_a_changed_byte_proves_anything(case: dict[str, Any]) -> None:
    """One bit of every byte: what is left over may read, and must not verify."""
    data = bytes.fromhex(case["proof"])
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        refused(bytes(changed))


@given(st.data())
def test_no_proof_with_bytes_cut_out_or_put_in_proves_anything(draw: st.DataObject) -> None:
    data = bytes.fromhex(draw.draw(st.sampled_from(cases("accept.json")))["proof"])
    start = draw.draw(st.integers(0, len(data) - 1))
    stop = draw.draw(st.integers(start, min(len(data), start + 64)))
    put = draw.draw(st.binary(max_size=64))
    changed = data[:start] + put + data[stop:]
    if changed != data:
        refused(changed)


@given(st.data())
def test_no_part_can_be_taken_from_another_proof(draw: st.DataObject) -> None:
    """Every part of every proof put into every place of another one: refused, or the same."""
    parts = [value for case in cases("accept.json") for value in leaves(parsed(case))]
    victim = draw.draw(st.sampled_from(cases("accept.json")))
    value = parsed(victim)
    at = draw.draw(st.integers(0, len(list(leaves(value))) - 1))
    changed = encode.dumps(swapped(value, at, draw.draw(st.sampled_from(parts))))
    known = {case["proof"] for case in cases("accept.json")}
    if changed.hex() not in known:
        refused(changed)


def parsed(case: dict[str, Any]) -> Value:
    return encode.loads(bytes.fromhex(case["proof"]), WIDE)


def leaves(value: Value) -> list[Value]:
    if isinstance(value, tuple):
        return [value, *(leaf for part in value for leaf in leaves(part))]
    return [value]


def swapped(value: Value, at: int, new: Value) -> Value:
    """The value with its part number ``at``, in the order of ``leaves``, replaced."""
    if at == 0:
        return new
    assert isinstance(value, tuple)
    out: list[Value] = []
    at -= 1
    for part in value:
        count = len(leaves(part))
        out.append(swapped(part, at, new) if 0 <= at < count else part)
        at -= count
    return tuple(out)


# --------------------------------------------------------------------------------- making


def said(kit: PartyKit, text: str, position: int = 3) -> bytes:
    station = kit.stations[0]
    place = Place(
        line=LINE, station=station.id, incarnation=LIFE, position=position,
        previous=b"\x33" * 32, seen=(), time_ms=1_668_523_440_000, charter=1,
    )  # fmt: skip
    content = Content(
        kind=Kind.MESSAGE, precedence=Precedence.FLASH, body=Body(text=text, lang="en")
    )
    payload = statement.compose(place, content)
    signature = station.sign_key.sign(statement.to_sign(kit.realm, payload))
    return statement.seal(kit.realm, payload, signature).raw


def note(kit: PartyKit, tree: Tree, size: int) -> SignedNote:
    station = kit.stations[0]
    origin = checkpoint.origin(LINE, station.id, LIFE)
    text = checkpoint.body(origin, size, tree.root(size))
    key = station.certificate.sign_key
    line = checkpoint.log_signature(origin, key, station.sign_key.sign(text))
    stranger = checkpoint.NoteSignature(name="w.example", key_id=b"1234", signature=b"?")
    return SignedNote(body=text, signatures=(stranger, line))


def trees(size: int, fork: int) -> tuple[Tree, Tree]:
    out = Tree(), Tree()
    for index in range(size):
        for which, tree in enumerate(out):
            tree.append(leaf_hash(bytes((index % 256, which if index >= fork else 9))))
    return out


def certificates(kit: PartyKit) -> tuple[bytes, bytes]:
    return (kit.stations[0].certificate.encoded,) * 2


@pytest.mark.parametrize("kit", [ALPHA, DRILL], ids=["live", "exercise"])
def test_two_statements_prove_it_in_either_order(kit: PartyKit) -> None:
    one, two = said(kit, "Nothing happened."), said(kit, "One drone fell short.")
    made = proof.from_statements(kit.root.public, certificates(kit), (one, two), kit.realm)
    assert made == proof.from_statements(kit.root.public, certificates(kit), (two, one), kit.realm)
    found = proof.check(made)
    assert {half.raw for half in found.statements} == {one, two}
    assert (found.party, found.station_name, found.at) == ("ALPHA", "main", 3)


@given(st.integers(1, 40), st.integers(0, 39), st.integers(1, 40))
def test_two_checkpoints_prove_it_exactly_when_they_contradict(
    size: int, fork: int, other: int
) -> None:
    """Checkpoints of two branches that part at ``fork`` leaves, of any two sizes."""
    ours, theirs = trees(40, fork)
    small, large = sorted((size, other))
    notes = note(ALPHA, ours, small), note(ALPHA, theirs, large)
    how: dict[str, Any] = {}
    if small != large:
        how = {"root": theirs.root(small), "path": theirs.consistency(small, large)}

    def make() -> bytes:
        return proof.from_checkpoints(
            ALPHA.root.public, certificates(ALPHA), notes, ALPHA.realm, **how
        )

    if fork < small:
        found = proof.check(make())
        assert [head.size for head in found.heads] == [small, large]
        assert found.statements == ()
        assert len(found.encoded) < 6_000
    else:
        with pytest.raises(LocalError) as caught:
            make()
        assert caught.value.code == "proof_file.same"


def test_what_proves_nothing_is_not_made() -> None:
    one = said(ALPHA, "Nothing happened.")
    key, certs = ALPHA.root.public, certificates(ALPHA)
    for two, code in (
        (one, "proof_file.same"),
        (said(ALPHA, "Later.", 4), "proof_file.other_log"),
        (said(BRAVO, "Mine."), "proof_file.other_log"),
        (said(DRILL, "A drill."), "proof_file.other_log"),
    ):
        with pytest.raises(LocalError) as caught:
            proof.from_statements(key, certs, (one, two), "")
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("two statements", "a proof may also carry two"),
        ("two certificates of one statement key", "which name one statement key"),
        ("two statements under two keys of one station", "signed with another key"),
    ],
)
def test_the_words_say_by_what_keys_and_what_an_ended_one_means(name: str, said: str) -> None:
    case = next(case for case in cases("accept.json") if case["name"] == name)
    told = " ".join(proof.check(bytes.fromhex(case["proof"])).told)
    assert said in told
    assert "whether that key was in force" in told
    assert "accuses nobody" in told


def test_the_words_say_what_is_proved_and_what_is_not() -> None:
    pair = said(ALPHA, "Nothing happened."), said(ALPHA, "One drone fell short.")
    made = proof.from_statements(ALPHA.root.public, certificates(ALPHA), pair, "")
    told = " ".join(proof.check(made).told)
    for word in ("ALPHA", "two different statements", "number 3", "main", LINE.hex(), "stolen key"):
        assert word in told
    assert "Nothing happened" not in told
