"""Two readers, one answer: packs and coded statements made at random, in Python and in the page."""

from __future__ import annotations

import base64
import copy
import random
from typing import Any

from tieline.core.evidence_reader import read
from tieline.node.evidence import as_json

PACKS_AT_ONCE = 60  # a charter names 64 at most


def both(laboratory: Any, data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """What our reader finds, and what the page does."""
    ours = dict(as_json(read([data])))
    ours.pop("says")
    theirs: dict[str, Any] = laboratory.value(f'facts("{base64.b64encode(data).decode()}")')
    return ours, theirs


OTHERS: list[object] = [
    None, True, False, 0, 1, 2, -1, 400, 65_535, 65_536, 10**12, 10**12 + 1, 2**63, b"", b"\0", "",
    "a", "en", "knowledge", "read", "group", "code", "A", "a-", "x\u202ey", "x" * 33, "é" * 61,
    [], [0, 1], [1, 2], ["en"], ["nil"], {}, {2: "read"},
]  # fmt: skip


def containers(value: object) -> list[Any]:
    """Every list and table in a value, itself first."""
    out = [value] if isinstance(value, list | dict) else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return out + [each for one in inner for each in containers(one)]


def mutant(chance: random.Random, whole: dict[int, object]) -> dict[int, object]:
    """The pack with one or two things in it changed, taken out, doubled or added."""
    made = copy.deepcopy(whole)
    for _ in range(chance.choice((1, 1, 1, 2))):
        at = chance.choice([each for each in containers(made) if each])
        key = chance.choice(list(at) if isinstance(at, dict) else range(len(at)))
        step = chance.randrange(5)
        if step == 0:
            del at[key]
        elif step == 1:
            at[key] = chance.choice(OTHERS)
        elif step == 2 and isinstance(at, dict):
            at[chance.choice((0, 1, 2, 5, 6, 7, 8, 9, 11, 12, 13, 14, 40))] = chance.choice(OTHERS)
        elif step == 3:
            other = chance.choice(containers(made))
            at[key] = copy.deepcopy(other) if len(repr(other)) < 4000 else 7
        elif isinstance(at, list):
            at.insert(chance.randrange(len(at) + 1), copy.deepcopy(at[key]))
    return made


def test_both_readers_take_and_refuse_the_same_packs(laboratory: Any, files: Any) -> None:
    chance = random.Random(11)
    taken = refused = 0
    for _ in range(5):
        bodies = {files.packs.cbor(mutant(chance, files.packs.WHOLE)) for _ in range(PACKS_AT_ONCE)}
        changed = bytearray(files.packs.PACK)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        data = files.on_forms(
            [*bodies, bytes(changed)], [(["mu/all", 3], files.packs.EVERY.fields)]
        )
        ours, theirs = both(laboratory, data)
        assert theirs == ours
        taken += len(ours["packs"])
        refused += len(ours["faults"])
    assert taken > 20
    assert refused > 100


WIRE: list[object] = [
    None, True, False, 0, 1, 2, 3, 7, -1, 50_000, 100_000, 100_001, 10**15, 10**15 + 1, 2**53,
    2**63, -(2**60), 253_402_300_799, 253_402_300_800, 2_932_896, 2_932_897, "", "a", "ALPHA",
    "a b",
    " a", "a\u3000", "\u1680a", "a\x1f", "\ufeffa", "\u200ba", "a\nb", "a\\b", "[a", "é" * 80,
    "é" * 81,
    "x" * 40, "x" * 41, "\U0001f6f0 \U0001f6f0", "a  b", "\u202ea", b"", bytes(31), bytes(32),
    [], [1], [1, 0], [1, 2], [-5, 3], [-6, 1], [1, -1], [1, 10**15 + 1], [1, True], [2**63, 1],
    [0, 0, 0], [900_000_000, 1_800_000_000, 20_100_000], [900_000_001, 0, 0],
    [0, -1_800_000_000, 0], [1, -1, 5, "ED50"], [1, 1, 1, "", 'typed "so"'], [1, 1, 1, ""],
    [1, 1, 1, "x" * 25], [1, 1, 1, "a\u00adb", "é" * 120], [1, 2, 3, "a", "b", "c"],
    [1, [0, 0, 0, 1, 1, 0]], [1, [0, 0, 0, 1, 1]], [1, [0, 0, 0, 1]], [1, [0, 1] * 65], [True, []],
    [2, 0, 0, 1], [2, 0, 0, 0], [2, 0, 0, 20_100_001], [3, 0, 0, 1], [2, 0, True, 1],
    [[0, 0, None], [1, 1, 61]], [[0, 0, None]], [[0, 0, 0], [1, 1, -1]], [[0, 0], [1, 1]],
    [[0, 0, False], [1, 1, 1]], [[-1, -1, 3_155_760_000]] * 64, [[0, 0, None]] * 65,
    {}, {1: 1}, [{}], [{1: 5}], [{1: 5}, {}], [{2: [{1: "A"}]}], [{1: 5, 2: [{1: "A"}, {1: " "}]}],
    [{1: 50_001}, {1: 1, 9: 1}], [{1: 1}] * 3, [{1: 5, 2: [{}]}], [{1: 5, 2: [{1: "A"}] * 3}],
    [{1: None}], [{1: 5, 2: False}],
]  # fmt: skip
NUMBERS = (*range(1, 14), 30, 99)


def answers(chance: random.Random) -> dict[int, object]:
    """Fields of a form: some that may fit, and some that may be anything."""
    fields = dict(EVERY_FITS)
    for number in chance.sample(NUMBERS, chance.randrange(1, 5)):
        if chance.random() < 0.25:
            fields.pop(number, None)
        else:
            fields[number] = chance.choice(WIRE)
    return fields


EVERY_FITS: dict[int, object] = {1: 1, 3: 1_668_523_200, 5: [1, 1, 0], 30: [{1: 9000}]}


def test_both_readers_read_the_same_answers(laboratory: Any, files: Any) -> None:
    """Every value in every field once, and a few hundred messages of several changes."""
    chance = random.Random(12)
    every = [{**EVERY_FITS, number: value} for number in NUMBERS for value in WIRE]
    said = [*every, *(answers(chance) for _ in range(300))]
    data = files.on_forms([files.packs.PACK], [(["mu/all", 3], fields) for fields in said])
    ours, theirs = both(laboratory, data)
    assert (theirs["verdict"], ours["verdict"]) == ("checked", "checked")
    for mine, other in zip(ours["statements"], theirs["statements"], strict=True):
        assert other == mine
    assert theirs == ours
    faults = {code for each in ours["statements"][1:] for _, code in each["form"]["faults"]}
    assert len(faults) >= 13


def test_both_readers_hold_to_the_bounds_of_packs(laboratory: Any, files: Any) -> None:
    """65 packs, and more bytes of packs than a file may hold."""
    word = files.packs.tongue({"pack.title": "x"})
    many = [small(files, number, word) for number in range(66)]
    play = files.packs.Play(*many[:64])
    play.story.amend(files.packs.named(*many[64:]))
    packed = files.evidence.pack(play.story, lambda _: True, {}, files.packs.ascending(*many))
    ours, theirs = both(laboratory, packed.data())
    assert theirs == ours
    assert len(ours["faults"]) == 2
    long = files.packs.tongue({f"t{at:05d}": "x" * 4000 for at in range(259)})
    large = [small(files, number, long) for number in range(9)]
    over = large[0] + bytes((1 << 20) + 1 - len(large[0]))
    ours, theirs = both(laboratory, files.on_forms([*large, over], []))
    assert theirs == ours
    assert {code for code, _ in ours["faults"]} == {"evidence.pack"}
    ours, theirs = both(laboratory, files.on_forms([bytes(1 << 21)], []))
    assert theirs == ours


def small(files: Any, number: int, words: object) -> bytes:
    """A pack that is nothing but its texts."""
    head = {2: "design", 3: 1, 4: f"p{number}", 5: "pp", 6: 1, 7: ["en"]}
    body: bytes = files.packs.cbor({0: head, 1: [], 2: [], 3: [], 4: [words]})
    return body
