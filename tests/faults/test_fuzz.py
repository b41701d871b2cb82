"""The fuzzer itself: what it changes, what it knows apart, and what it begins with."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from tests.faults import fuzz, secondcbor
from tests.faults.decoders import DECODERS, corpus, fitting
from tests.faults.fuzz import Fuzz
from tests.faults.rows import Missed
from tests.faults.secondcbor import Node

from tieline.core import encode
from tieline.core.errors import RemoteError


@pytest.mark.parametrize("name", DECODERS)
def test_each_decoder_takes_something_that_the_fuzzer_begins_with(name: str) -> None:
    assert fitting(DECODERS[name])


def test_one_item_is_replaced_and_all_around_it_is_set_right() -> None:
    inner = encode.dumps((1, "a" * 20, (2, b"b" * 30)))
    data = encode.dumps((inner, {1: 5, 2: "x"}, None))
    tree = fuzz.tree_of(data)
    assert tree is not None
    assert tree.written(tree.places[0]) == data
    for node in tree.places:
        assert tree.replaced(node, tree.written(node)) == data
    sought = next(node for node in tree.places if node.content == b"b" * 30)
    made = tree.replaced(sought, encode.dumps("c" * 300))
    after = encode.dumps((1, "a" * 20, (2, "c" * 300)))
    assert encode.loads(made) == (after, {1: 5, 2: "x"}, None)
    assert tree.written(tree.places[0]) == data, "the tree has changed"


def test_whatever_is_replaced_is_what_the_second_writer_would_write() -> None:
    chance = random.Random(1)
    for data in fitting(DECODERS["charter"]) + fitting(DECODERS["evidence item"]):
        tree, again = fuzz.tree_of(data), fuzz.opened(data)
        assert tree is not None
        assert again is not None
        places = list(secondcbor.nodes(again))
        for _ in range(5):
            at = chance.randrange(len(places))
            by = Node(secondcbor.UINT, chance.choice(fuzz.ODD))
            node = places[at]
            kept = (node.major, node.argument, node.content, node.children, node.inner)
            node.major, node.argument, node.content = by.major, by.argument, b""
            node.children, node.inner = [], None
            wanted = secondcbor.emit(again)
            node.major, node.argument, node.content, node.children, node.inner = kept
            assert tree.replaced(tree.places[at], secondcbor.emit(by)) == wanted


def refused(how: int) -> RemoteError:
    try:
        deep(how)
    except RemoteError as error:
        return error
    raise AssertionError("it is refused")


def deep(how: int) -> None:
    if how > 10:
        deep(how - 10)
    if how == 1:
        raise RemoteError("some.code", "the same words")
    try:
        [][how]
    except IndexError as error:
        if how == 2:
            raise RemoteError("some.code", "the same words") from error
        raise RemoteError("some.code", "the same words") from error


def test_ways_are_known_apart_by_their_places_and_not_by_their_number() -> None:
    ways = [fuzz.way(refused(how)) for how in (1, 2, 3)]
    assert len(set(ways)) == 3
    assert [fuzz.way(refused(how)) for how in (1, 2, 3)] == ways
    assert fuzz.way(refused(21)) == fuzz.way(refused(11)), "how deep it was is no other way"


def picky(data: bytes) -> object:
    if data[:1] != b"M":
        raise RemoteError("some.code", "no M")
    if data[1:2] != b"O":
        raise RemoteError("some.code", "no O")
    if data[2:3] == b"\0":
        raise KeyError(data)
    raise RemoteError("some.code", "another")


def turns(found: Fuzz, count: int, chance: random.Random) -> None:
    for _ in range(count):
        found.turn(chance, [b"O", b"\0"])


def made(take: Callable[[bytes], object], start: list[bytes]) -> Fuzz:
    out = Fuzz("picky", take)
    out.kept = start
    return out


def test_an_input_that_goes_another_way_is_kept_and_leads_to_the_defect() -> None:
    chance, found = random.Random(2), made(picky, [b"MXY"])
    with pytest.raises(Missed, match="KeyError"):
        turns(found, 20_000, chance)
    assert any(each[:2] == b"MO" for each in found.kept)
    assert len(found.kept) < 8, "the same way is kept once"


def test_a_decoder_that_has_nothing_to_begin_with_is_missed() -> None:
    def nothing(data: bytes) -> object:
        raise RemoteError("some.code", "no")

    with pytest.raises(Missed, match="takes nothing"):
        Fuzz("nothing", nothing).start()
    assert len(corpus()) > 60
