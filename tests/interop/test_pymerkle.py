"""Our trees and proofs beside those of pymerkle, which knows nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from pymerkle import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    ConsistencyProof,
    InclusionProof,
    InmemoryTree,
    InvalidProof,
)

from tieline.core.errors import RemoteError
from tieline.core.tree import Tree, leaf_hash, verify_consistency, verify_inclusion

SIZE = 40


@dataclass
class Twins:
    ours: Tree
    theirs: Any


@pytest.fixture(scope="module")
def twins() -> Twins:
    made = Twins(Tree(), InmemoryTree(algorithm="sha256"))
    for number in range(SIZE):
        made.ours.append(leaf_hash(b"entry %d" % number))
        made.theirs.append_entry(b"entry %d" % number)
    return made


def test_every_root_is_the_same(twins: Twins) -> None:
    for size in range(1, SIZE + 1):
        assert twins.theirs.get_root(size) == twins.ours.root(size)


def test_inclusion_proofs_are_the_same_and_each_verifies_the_others(twins: Twins) -> None:
    for size in range(1, SIZE + 1, 3):
        for index in range(size):
            leaf, root = twins.ours.leaf(index), twins.ours.root(size)
            theirs: InclusionProof = twins.theirs.prove_inclusion(index + 1, size)
            ours = twins.ours.inclusion(index, size)
            assert tuple(theirs.path) == (leaf, *ours)
            verify_inclusion(index, size, leaf, tuple(theirs.path[1:]), root)
            theirs.path = [leaf, *ours]
            theirs.verify(leaf, root, index + 1, size, "sha256")
            if ours:
                theirs.path = [leaf, *ours[:-1], bytes(32)]
                with pytest.raises(InvalidProof):
                    theirs.verify(leaf, root, index + 1, size, "sha256")
                with pytest.raises(RemoteError):
                    verify_inclusion(index, size, leaf, (*ours[:-1], bytes(32)), root)


def test_consistency_proofs_prove_the_same(twins: Twins) -> None:
    """pymerkle's have another order, and the old root's parts where RFC 6962 leaves them out."""
    for new in range(1, SIZE + 1, 3):
        for old in range(1, new + 1):
            theirs: ConsistencyProof = twins.theirs.prove_consistency(old, new)
            old_root, new_root = twins.ours.root(old), twins.ours.root(new)
            theirs.verify(old_root, new_root, old, new, "sha256")
            ours = twins.ours.consistency(old, new)
            verify_consistency(
                old, new, twins.theirs.get_root(old), twins.theirs.get_root(new), ours
            )
            if ours:
                with pytest.raises(RemoteError):
                    verify_consistency(old, new, old_root, new_root, (*ours[:-1], bytes(32)))
