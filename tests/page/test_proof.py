"""Both readers of proofs against each other: what the one refuses the other refuses, and why."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import cbor2
import pytest

from tieline.core import proof
from tieline.core.errors import RemoteError

VECTORS = Path(__file__).parents[2] / "vectors" / "proof"
CASES = {
    case["name"]: bytes.fromhex(case["proof"])
    for case in json.loads((VECTORS / "accept.json").read_text("utf-8"))["cases"]
}
# The largest of each sort of halves: one of two certificates, and one with a path.
KINDS = ["two statements under two keys of one station", "no beginning, of a power of two"]
# In the place of each part of a proof: another type, or another value at an edge of its own.
VALUES: list[Any] = [
    0, 1, 2, 3, 23, 24, 255, 256, 2**32, 2**53 + 1, 2**64 - 1, -1, -(2**64), "", "ALPHA", "\x00",
    b"", b"\x00", bytes(32), bytes(4097), [], [b""], [bytes(32)], {}, {1: b""}, True, False, None,
]  # fmt: skip


def code_of(data: bytes) -> str:
    """The verdict of the reader in Python: a code, or nothing for a proof that holds."""
    try:
        proof.check(data)
    except RemoteError as error:
        return error.code
    return ""


def compare(laboratory: Any, changed: list[bytes]) -> list[tuple[str, str]]:
    """The codes of both readers for each input, where they are not the same."""
    here = [code_of(data) for data in changed]
    texts = [base64.b64encode(data).decode() for data in changed]
    there = laboratory.value(f"proofCodes({json.dumps(texts)})")
    # What proves something must be the same for both, and nothing that was changed does.
    assert [not code for code in here] == [not code for code in there]
    return [pair for pair in zip(here, there, strict=True) if pair[0] != pair[1]]


def alike(others: list[tuple[str, str]], count: int) -> bool:
    """Where an input breaks two rules at once, the readers may name either of the same part."""
    families = all(one.partition(".")[0] == two.partition(".")[0] for one, two in others)
    return families and len(others) <= count / 20


@pytest.mark.parametrize("name", KINDS)
def test_a_changed_bit_is_refused_by_both_and_for_one_cause(laboratory: Any, name: str) -> None:
    whole = CASES[name]
    chance = random.Random(name)
    changed = []
    for at in sorted(chance.sample(range(len(whole)), min(len(whole), 1_200))):
        copy = bytearray(whole)
        copy[at] ^= 1 << chance.randrange(8)
        changed.append(bytes(copy))
    assert compare(laboratory, [whole]) == []
    others = compare(laboratory, changed)
    assert all(code_of(data) for data in changed)
    assert alike(others, len(changed)), others


def places(value: Any, way: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    """The way to every part of a value."""
    inner = enumerate(value) if isinstance(value, list) else ()
    return [way, *(found for at, part in inner for found in places(part, (*way, at)))]


def put(value: Any, way: tuple[int, ...], new: Any) -> Any:
    """The value with another part at the end of a way."""
    if not way:
        return new
    return [put(part, way[1:], new) if at == way[0] else part for at, part in enumerate(value)]


@pytest.mark.parametrize("name", KINDS)
def test_another_value_in_the_place_of_every_part_is_refused_by_both_and_for_one_cause(
    laboratory: Any, name: str
) -> None:
    parts = cbor2.loads(CASES[name])
    changed = [
        cbor2.dumps(put(parts, way, new), canonical=True) for way in places(parts) for new in VALUES
    ]
    changed = [data for data in changed if data not in CASES.values()]
    others = compare(laboratory, changed)
    assert alike(others, len(changed)), others


def test_bytes_cut_out_and_put_in_are_refused_by_both(laboratory: Any) -> None:
    chance = random.Random(8)
    changed = []
    for _ in range(400):
        whole = chance.choice(list(CASES.values()))
        start = chance.randrange(len(whole))
        stop = min(len(whole), start + chance.randrange(64))
        new = whole[:start] + chance.randbytes(chance.randrange(64)) + whole[stop:]
        if new != whole:
            changed.append(new)
    others = compare(laboratory, changed)
    assert alike(others, len(changed)), others
