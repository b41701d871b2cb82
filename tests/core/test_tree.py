"""The tree against the recursion of RFC 6962 written down as it stands there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core import tree
from tieline.core.errors import LocalError, RemoteError
from tieline.core.tree import (
    EMPTY_ROOT,
    Tree,
    claimed_roots,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)

MOST = 66


def mth(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return hashlib.sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], known: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2."""
    if m == len(leaves):
        return [] if known else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], known), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


LEAVES = [tree.leaf_hash(index.to_bytes(2, "big")) for index in range(MOST)]
ROOTS = [mth(LEAVES[:size]) for size in range(MOST + 1)]


def grown(size: int = MOST) -> Tree:
    out = Tree()
    for leaf in LEAVES[:size]:
        out.append(leaf)
    return out


WHOLE = grown()


def refused(code: str, *args: object) -> None:
    check = verify_inclusion if isinstance(args[3], tuple) else verify_consistency
    with pytest.raises(RemoteError) as caught:
        check(*args)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_hashes_are_those_of_rfc_6962() -> None:
    assert tree.leaf_hash(b"x") == hashlib.sha256(b"\0x").digest()
    assert (
        tree.node_hash(b"l" * 32, b"r" * 32)
        == hashlib.sha256(b"\1" + b"l" * 32 + b"r" * 32).digest()
    )
    assert hashlib.sha256(b"").digest() == EMPTY_ROOT


def test_the_classic_log_of_eight_entries_has_its_known_roots() -> None:
    entries = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
               "606162636465666768696a6b6c6d6e6f"]  # fmt: skip
    log = Tree()
    for entry in entries:
        log.append(tree.leaf_hash(bytes.fromhex(entry)))
    known = {
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    assert {size: log.root(size).hex() for size in known} == known


@pytest.mark.parametrize("size", range(MOST + 1))
def test_every_past_root_agrees_with_the_recursion(size: int) -> None:
    assert grown(size).root() == WHOLE.root(size) == ROOTS[size]
    assert grown(size).size == size


@pytest.mark.parametrize("size", range(1, MOST + 1))
def test_every_inclusion_proof_agrees_and_verifies(size: int) -> None:
    for index in range(size):
        proof = WHOLE.inclusion(index, size)
        assert list(proof) == path(index, LEAVES[:size])
        verify_inclusion(index, size, LEAVES[index], proof, ROOTS[size])


@pytest.mark.parametrize("new", range(1, MOST + 1))
def test_every_consistency_proof_agrees_and_verifies(new: int) -> None:
    for old in range(1, new + 1):
        proof = WHOLE.consistency(old, new)
        assert list(proof) == subproof(old, LEAVES[:new], True)
        verify_consistency(old, new, ROOTS[old], ROOTS[new], proof)


@pytest.mark.parametrize("old", range(MOST + 1))
def test_bulk_loading_equals_appending(old: int) -> None:
    for more in (0, 1, 2, 3, MOST - old):
        bulk = grown(old)
        bulk.extend(b"".join(LEAVES[old : old + more]))
        single = grown(min(old + more, MOST))
        assert (bulk.leaves, bulk.levels) == (single.leaves, single.levels)
        assert bulk.size == single.size


def test_appending_after_bulk_loading_goes_on() -> None:
    log = Tree()
    log.extend(b"".join(LEAVES[:37]))
    for leaf in LEAVES[37:]:
        log.append(leaf)
    assert log.root() == ROOTS[MOST]
    assert [log.leaf(index) for index in range(MOST)] == LEAVES


def test_size_zero_has_one_meaning() -> None:
    empty = Tree()
    assert empty.root() == empty.root(0) == WHOLE.root(0) == EMPTY_ROOT
    assert WHOLE.consistency(0, 5) == WHOLE.consistency(5, 5) == empty.consistency(0, 0) == ()
    verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, ())
    verify_consistency(0, 5, EMPTY_ROOT, ROOTS[5], ())
    refused("proof.root", 0, 5, ROOTS[1], ROOTS[5], ())
    refused("proof.root", 0, 0, ROOTS[1], ROOTS[1], ())
    refused("proof.root", 0, 0, EMPTY_ROOT, ROOTS[1], ())
    refused("proof.root", 5, 5, ROOTS[5], ROOTS[4], ())
    refused("proof.shape", 0, 5, EMPTY_ROOT, ROOTS[5], (ROOTS[1],))
    refused("proof.shape", 5, 5, ROOTS[5], ROOTS[5], (ROOTS[1],))
    refused("proof.range", 0, 0, LEAVES[0], (), EMPTY_ROOT)


def test_questions_outside_the_tree_are_refused() -> None:
    questions: list[Callable[[], object]] = [
        lambda: WHOLE.root(MOST + 1),
        lambda: WHOLE.root(-1),
        lambda: WHOLE.inclusion(3, 3),
        lambda: WHOLE.inclusion(-1, 3),
        lambda: WHOLE.inclusion(0, MOST + 1),
        lambda: WHOLE.consistency(4, 3),
        lambda: WHOLE.consistency(-1, 3),
        lambda: WHOLE.consistency(1, MOST + 1),
        lambda: WHOLE.leaf(MOST),
        lambda: WHOLE.leaf(-1),
    ]
    for question in questions:
        with pytest.raises(LocalError) as caught:
            question()
        assert caught.value.code == "tree.range"


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_leaf_hash_has_32_bytes(length: int) -> None:
    log = grown(3)
    with pytest.raises(LocalError, match="32"):
        log.append(bytes(length))
    if length % 32:
        with pytest.raises(LocalError, match="32"):
            log.extend(bytes(length))
    assert log.size == 3
    assert log.root() == ROOTS[3]


def test_a_proof_of_wrong_shape_or_range_is_refused() -> None:
    proof = WHOLE.inclusion(5, 11)
    refused("proof.range", 11, 11, LEAVES[5], proof, ROOTS[11])
    refused("proof.range", -1, 11, LEAVES[5], proof, ROOTS[11])
    refused("proof.shape", 5, 11, LEAVES[5], proof[:-1], ROOTS[11])
    refused("proof.shape", 5, 11, LEAVES[5], (*proof, bytes(32)), ROOTS[11])
    refused("proof.shape", 5, 11, LEAVES[5][:-1], proof, ROOTS[11])
    refused("proof.shape", 5, 11, LEAVES[5], (proof[0] + b"\0", *proof[1:]), ROOTS[11])
    refused("proof.shape", 5, 11, LEAVES[5], proof, ROOTS[11] + b"\0")
    step = WHOLE.consistency(6, 11)
    refused("proof.range", 11, 6, ROOTS[11], ROOTS[6], step)
    refused("proof.range", -1, 6, ROOTS[11], ROOTS[6], step)
    refused("proof.shape", 6, 11, ROOTS[6], ROOTS[11], step[:-1])
    refused("proof.shape", 6, 11, ROOTS[6], ROOTS[11], (*step, bytes(32)))
    refused("proof.shape", 6, 11, ROOTS[6][:-1], ROOTS[11], step)
    refused("proof.shape", 6, 11, ROOTS[6], ROOTS[11], (step[0][:-1], *step[1:]))


def test_a_proof_is_good_for_one_leaf_at_one_index_only() -> None:
    """Exhaustive to 20 leaves. The size is bound by the root's checkpoint, not by the proof."""
    for size in range(1, 21):
        for index in range(size):
            proof = WHOLE.inclusion(index, size)
            for other in range(size):
                mine = other == index
                assert passes(other, size, LEAVES[index], proof, ROOTS[size]) == mine
                assert passes(index, size, LEAVES[other], proof, ROOTS[size]) == mine
                assert passes(other, size, LEAVES[other], proof, ROOTS[size]) == mine
                assert not passes(index, size, LEAVES[index], proof, ROOTS[other])


def passes(index: int, size: int, leaf: bytes, proof: tuple[bytes, ...], root: bytes) -> bool:
    try:
        verify_inclusion(index, size, leaf, proof, root)
    except RemoteError:
        return False
    return True


sizes = st.integers(1, MOST)


@given(size=sizes, data=st.data())
def test_any_flipped_bit_breaks_an_inclusion_proof(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = WHOLE.inclusion(index, size)
    parts = [LEAVES[index], ROOTS[size], *proof]
    flip(parts, data)
    refused("proof.root", index, size, parts[0], tuple(parts[2:]), parts[1])


@given(new=sizes, data=st.data())
def test_any_flipped_bit_breaks_a_consistency_proof(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    parts = [ROOTS[old], ROOTS[new], *WHOLE.consistency(old, new)]
    flip(parts, data)
    refused("proof.root", old, new, parts[0], parts[1], tuple(parts[2:]))


def flip(parts: list[bytes], data: st.DataObject) -> None:
    which = data.draw(st.integers(0, len(parts) - 1))
    bit = data.draw(st.integers(0, 255))
    changed = bytearray(parts[which])
    changed[bit // 8] ^= 1 << bit % 8
    parts[which] = bytes(changed)


@given(old=sizes, new=sizes, forked=st.integers(0, MOST - 1))
def test_a_fork_has_no_consistency_proof(old: int, new: int, forked: int) -> None:
    """Two logs that differ in one leaf of the old tree: each one's proof fails for the other."""
    old, new = min(old, new), max(old, new)
    leaves = list(LEAVES)
    leaves[forked % old] = bytes(32)
    other = Tree()
    other.extend(b"".join(leaves))
    for proof in (WHOLE.consistency(old, new), other.consistency(old, new)):
        refused("proof.root", old, new, ROOTS[old], other.root(new), proof)
        refused("proof.root", old, new, other.root(old), ROOTS[new], proof)


@given(
    old=st.integers(-1, 2**70),
    new=st.integers(-1, 2**70),
    proof=st.lists(st.binary(min_size=31, max_size=33), max_size=80),
)
def test_no_size_and_no_proof_makes_a_verifier_fail_otherwise(
    old: int, new: int, proof: list[bytes]
) -> None:
    checks: list[Callable[[], None]] = [
        lambda: verify_inclusion(old, new, ROOTS[1], tuple(proof), ROOTS[2]),
        lambda: verify_consistency(old, new, ROOTS[1], ROOTS[2], tuple(proof)),
    ]
    for check in checks:
        with pytest.raises(RemoteError):
            check()


def test_a_large_tree_keeps_its_promises() -> None:
    log = Tree()
    log.extend(b"".join(tree.leaf_hash(index.to_bytes(4, "big")) for index in range(5000)))
    sizes = [1, 2, 1023, 1024, 1025, 4095, 4096, 4097, 4999, 5000]
    for old, new in pairwise(sizes):
        verify_consistency(old, new, log.root(old), log.root(new), log.consistency(old, new))
        verify_inclusion(old, new, log.leaf(old), log.inclusion(old, new), log.root(new))
    assert len(log.leaves) + sum(map(len, log.levels)) <= 40 * log.size


# --------------------------------------------------------------------------------- vectors


def vectors(name: str) -> list[Any]:
    path = Path(__file__).parents[2] / "vectors" / "tree" / name
    found: list[Any] = json.loads(path.read_text("utf-8"))["cases"]
    return found


def test_vectors_roots() -> None:
    log = Tree()
    for case in vectors("roots.json"):
        assert log.root().hex() == case["root"]
        log.append(tree.leaf_hash(case["size"].to_bytes(2, "big")))


@pytest.mark.parametrize("case", vectors("inclusion.json"), ids=lambda case: case["about"])
def test_vectors_inclusion(case: dict[str, Any]) -> None:
    args = (
        case["index"],
        case["size"],
        bytes.fromhex(case["leaf"]),
        tuple(map(bytes.fromhex, case["proof"])),
        bytes.fromhex(case["root"]),
    )
    if case["code"]:
        refused(case["code"], *args)
    else:
        verify_inclusion(*args)


@pytest.mark.parametrize("case", vectors("consistency.json"), ids=lambda case: case["about"])
def test_vectors_consistency(case: dict[str, Any]) -> None:
    args = (
        case["old"],
        case["new"],
        bytes.fromhex(case["old_root"]),
        bytes.fromhex(case["new_root"]),
        tuple(map(bytes.fromhex, case["proof"])),
    )
    if case["code"]:
        refused(case["code"], *args)
    else:
        verify_consistency(*args)


def test_the_roots_that_a_consistency_proof_claims() -> None:
    tree = Tree()
    for number in range(20):
        tree.append(leaf_hash(b"%d" % number))
    for new in range(2, 21):
        for old in range(1, new):
            proof = tree.consistency(old, new)
            claimed = claimed_roots(old, new, proof)
            if old & (old - 1):
                assert claimed == (tree.root(old), tree.root(new))
                assert claimed_roots(old, new, proof[:-1]) is None
                wrong = claimed_roots(old, new, (*proof[:-1], bytes(32)))
                assert wrong is not None
                assert wrong[1] != tree.root(new)
            else:
                assert claimed is None
    assert claimed_roots(3, 3, ()) is None
