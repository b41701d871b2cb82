"""A log as tiles: which files there are, and what is in them (C2SP tlog-tiles)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core import tiles
from tieline.core.errors import LocalError, RemoteError
from tieline.core.tiles import Tiler, format_bundle, parse_bundle, path
from tieline.core.tree import Tree, leaf_hash


def leaf(number: int) -> bytes:
    return leaf_hash(b"%d" % number)


@pytest.mark.parametrize(
    ("kind", "index", "width", "wanted"),
    [
        ("0", 0, 256, "tile/0/000"),
        ("0", 273, 112, "tile/0/273.p/112"),
        ("1", 1234067, 256, "tile/1/x001/x234/067"),
        ("entries", 999, 256, "tile/entries/999"),
        ("entries", 1000, 1, "tile/entries/x001/000.p/1"),
        ("0", 1_000_000, 256, "tile/0/x001/x000/000"),
    ],
)
def test_paths(kind: str, index: int, width: int, wanted: str) -> None:
    assert path(kind, index, width) == wanted


@pytest.mark.parametrize(("index", "width"), [(-1, 256), (0, 0), (0, 257)])
def test_there_are_no_other_tiles(index: int, width: int) -> None:
    with pytest.raises(LocalError):
        path("0", index, width)


def test_the_example_of_70000_leaves() -> None:
    """C2SP tlog-tiles, "Partial Tiles"."""
    tiler = Tiler()
    made = [name for number in range(70_000) for name, _ in tiler.add(leaf(number))]
    partial = dict(tiler.partial())
    assert len([name for name in made if name.startswith("tile/0/")]) == 273
    assert [name for name in made if not name.startswith("tile/0/")] == ["tile/1/000"]
    assert list(partial) == ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
    assert len(partial["tile/0/273.p/112"]) == 112 * 32


def test_a_tree_of_256_has_a_full_tile_and_a_partial_one_above() -> None:
    tiler = Tiler()
    made = [name for number in range(256) for name, _ in tiler.add(leaf(number))]
    assert made == ["tile/0/000"]
    assert [name for name, _ in tiler.partial()] == ["tile/1/000.p/1"]


@given(st.integers(0, 1500))
def test_the_root_is_that_of_the_tree(size: int) -> None:
    tree, tiler = Tree(), Tiler()
    for number in range(size):
        tree.append(leaf(number))
        tiler.add(leaf(number))
    assert tiler.root() == tree.root()


def test_a_tile_above_holds_the_hashes_of_the_tiles_below() -> None:
    tree, tiler = Tree(), Tiler()
    for number in range(1024):
        tree.append(leaf(number))
        tiler.add(leaf(number))
    (_, data), *rest = tiler.partial()
    assert rest == []
    assert data == b"".join(tree._node(8, index) for index in range(4))


@given(st.lists(st.binary(max_size=300), max_size=40))
def test_a_bundle_is_read_as_it_is_written(entries: list[bytes]) -> None:
    data = format_bundle(entries)
    assert parse_bundle(data, len(entries)) == entries
    for count in (len(entries) - 1, len(entries) + 1):
        with pytest.raises(RemoteError):
            parse_bundle(data, count)
    for cut in (data[:-1], data + b"\0"):
        if cut != data:
            with pytest.raises(RemoteError):
                parse_bundle(cut, len(entries))


def test_an_entry_has_a_length_of_16_bits() -> None:
    assert parse_bundle(format_bundle([bytes(65_535)]), 1) == [bytes(65_535)]
    with pytest.raises(LocalError) as caught:
        format_bundle([bytes(65_536)])
    assert caught.value.code == "tiles.entry"
    from tieline.core.statement import MAX_STATEMENT_BYTES

    assert MAX_STATEMENT_BYTES <= tiles.MAX_ENTRY
