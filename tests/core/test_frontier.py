"""A frontier has the roots of the tree, however its leaves come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tieline.core.crypto import sha256
from tieline.core.frontier import Frontier, subtrees
from tieline.core.tree import Tree

LEAVES = [sha256(bytes((n % 256, n // 256))) for n in range(600)]


@given(st.lists(st.integers(1, 90), max_size=12))
def test_runs_of_leaves_give_the_roots_of_the_tree(runs: list[int]) -> None:
    tree, frontier = Tree(), Frontier()
    assert frontier.root() == tree.root()
    for count in runs:
        part = [LEAVES[n % 600] for n in range(frontier.size, frontier.size + count)]
        made = subtrees(frontier.size, b"".join(part))
        assert sum(1 << level for level, _ in made) == count
        assert len(made) <= 2 * count.bit_length()
        frontier.extend(made)
        for leaf in part:
            tree.append(leaf)
        assert (frontier.size, frontier.root()) == (tree.size, tree.root())


@given(st.integers(0, 500), st.integers(0, 99))
def test_a_frontier_goes_on_from_its_peaks(size: int, more: int) -> None:
    tree, frontier = Tree(), Frontier()
    for leaf in LEAVES[:size]:
        frontier.add(0, leaf)
        tree.append(leaf)
    again = Frontier(frontier.size, frontier.peaks())
    for leaf in LEAVES[size : size + more]:
        again.add(0, leaf)
        tree.append(leaf)
    assert again.root() == tree.root()
    assert len(frontier.peaks()) == size.bit_count()
