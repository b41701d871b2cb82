"""P5: a fuzzer of each decoder that is guided by where its inputs go, beside a second reader.

A case is one decoder and a number of inputs that follow from the seed. An input is kept, and
changed further, when it is refused on another way than all before it in this case, or reaches a
line of the product that none of them has reached. Signatures are taken for good in every second
case, so that what lies behind them is reached, too.
"""

from __future__ import annotations

import contextlib
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from tests.faults import forged, golden, secondcbor
from tests.faults.decoders import DECODERS, Told, corpus, fitting
from tests.faults.rows import Missed, need
from tests.faults.secondcbor import Node, head

import tieline
from tieline.core import encode
from tieline.core.errors import TielineError

SHORT: Final = 120  # inputs of a decoder's first case
ROUNDS: Final = 10_000
DEAR: Final = {  # what so many inputs cost the others buys fewer of these
    "evidence file": 2_000, "charter": 3_000, "proof": 5_000, "card": 6_000,
    "certificate": 6_000, "pack": 2_000, "form by slashes": 3_000, "form by numbers": 1_500,
    "form by radio": 2_000, "pack source": 1_500, "http request": 3_000, "table": 4_000,
}  # fmt: skip
WATCHED: Final = 6  # of so many inputs that are refused on a known way the lines are looked at
FRESH: Final = 40
MOST_S: Final = 1.0
HOME: Final = str(Path(tieline.__file__).parent)
# Of each decoder a short case, and long ones: 1, for half a minute of all; 106, for 40; many.
COUNTS: Final = (2 * len(DECODERS), 107 * len(DECODERS), 3_600 * len(DECODERS))


# ------------------------------------------------------------------------------------- changes

ODD: Final = (0, 1, 23, 24, 255, 256, 65_535, 65_536, 2**31, 2**32 - 1, 2**48, 2**53, 2**63,
              2**64 - 1)  # fmt: skip
PIECES: Final = (b"\xf6", b"\xf5", b"\x80", b"\xa0", b"\x40", b"\x60", b"\x20", b"\xc0", b"\xff",
                 b"\xfb" + bytes(8), b"\x9f\xff", b"\n", b"\n\n", b"=", b" ", "\u2028".encode(),
                 b"\xed\xa0\x80", b"-1", b"9" * 30, b"\0")  # fmt: skip
NOTHING: Final = b"\xf6"


def change(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """The same with something else in it."""
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        way = chance.randrange(9)
        at = chance.randrange(len(data) + 1)
        size = chance.choice((1, 1, 2, 8, 32, chance.randint(0, len(data))))
        if way == 0 and data:
            changed = bytearray(data)
            changed[at % len(data)] ^= 1 << chance.randrange(8)
            data = bytes(changed)
        elif way == 1:
            data = data[:at] + bytes((chance.choice(ODD) % 256,)) + data[at + 1 :]
        elif way == 2:
            data = data[:at] + data[at + size :]
        elif way == 3:
            data = data[:at] + data[at : at + size] * 2 + data[at + size :]
        elif way == 4:
            data = data[:at] + chance.choice(PIECES) + data[at + chance.randint(0, 1) :]
        elif way == 5:
            other = chance.choice(others)
            start = chance.randrange(len(other) + 1)
            data = data[:at] + other[start : start + size] + data[at + size :]
        else:
            data = within(data, chance, others)
    return data[:70_000]


def within(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """A change of one item that leaves the encoding in order: lengths and counts are set right."""
    tree = tree_of(data)
    if tree is None:
        return data
    node = chance.choice(tree.places)
    if chance.random() < 0.2:
        by = secondcbor.emit(node, node, chance.choice(secondcbor.WAYS))
    else:
        by = _another(tree, node, chance, others)
    return tree.replaced(node, by)


def _another(tree: Tree, node: Node, chance: random.Random, others: list[bytes]) -> bytes:
    """What stands in the place of an item."""
    kind = chance.randrange(6)
    if kind == 0 or (kind < 3 and node.major > secondcbor.NEGATIVE and not node.children):
        return head(chance.choice((0, 1)), chance.choice(ODD))
    if kind == 1:
        other = tree_of(chance.choice(others))
        return other.written(chance.choice(other.places)) if other else NOTHING
    if kind == 2:
        return tree.written(chance.choice(tree.places))
    if kind == 3 and node.major in (secondcbor.BYTES, secondcbor.TEXT):
        length = chance.choice((0, 1, 7, 8, 16, 31, 32, 33, 64, 200))
        content = (node.content * 9 + bytes(200))[:length]
        return head(node.major, len(content)) + content
    if node.major not in (secondcbor.ARRAY, secondcbor.MAP) or not node.children:
        return chance.choice((b"\xf4", b"\xf5", NOTHING))
    parts = [tree.written(child) for child in node.children]
    if node.major == secondcbor.ARRAY:
        at = chance.randrange(len(parts))
        parts[at : at + 1] = parts[at : at + 1] * chance.choice((0, 2, 2, 40))
        return head(node.major, len(parts)) + b"".join(parts)
    at = chance.randrange(len(parts) // 2) * 2
    if chance.random() < 0.5:
        del parts[at : at + 2]
    else:
        parts[at] = head(0, chance.choice((*range(24), *ODD)))
    return head(node.major, len(parts) // 2) + b"".join(parts)


class Tree:
    """What an input holds, of which any item may be replaced, as often as it is wanted."""

    def __init__(self, root: Node) -> None:
        self.places = list(secondcbor.nodes(root))
        self._above = {
            id(under): node
            for node in self.places
            for under in (*node.children, *([node.inner] if node.inner else []))
        }
        self._written: dict[int, bytes] = {}

    def written(self, node: Node) -> bytes:
        """The bytes of an item of this tree."""
        done = self._written.get(id(node))
        if done is None:
            if node.inner is not None:
                body = self.written(node.inner)
            else:
                body = node.content + b"".join(map(self.written, node.children))
            done = self._written[id(node)] = _whole(node, body)
        return done

    def replaced(self, node: Node, by: bytes) -> bytes:
        """The bytes of all with other ones in the place of an item."""
        while above := self._above.get(id(node)):
            if above.inner is node:
                body = by
            else:
                body = b"".join(
                    by if child is node else self.written(child) for child in above.children
                )
            node, by = above, _whole(above, body)
        return by


def _whole(node: Node, body: bytes) -> bytes:
    """An item with this in it."""
    of_bytes = node.major in (secondcbor.BYTES, secondcbor.TEXT)
    return head(node.major, len(body) if of_bytes else node.argument) + body


def opened(data: bytes) -> Node | None:
    """What is encoded here, with what is within its byte strings."""
    try:
        return secondcbor.opened(secondcbor.read(data, 1 << 20, 24, 20_000))
    except secondcbor.Unread:
        return None


@lru_cache(maxsize=512)
def tree_of(data: bytes) -> Tree | None:
    """The tree of it, in which items may be replaced."""
    root = opened(data)
    return None if root is None else Tree(root)


# ----------------------------------------------------------------------------------- the lines


class Lines:
    """Which lines of the product have run. A function that has no new line left is not watched."""

    def __init__(self) -> None:
        self.news = 0
        self._left: dict[CodeType, set[int]] = {}

    def _of(self, code: CodeType) -> set[int]:
        left = self._left.get(code)
        if left is None:
            ours = code.co_filename.startswith(HOME)
            left = {line for _, _, line in code.co_lines() if line} if ours else set()
            self._left[code] = left
        return left

    def called(self, frame: FrameType, event: str, argument: Any) -> Any:
        """As ``sys.settrace`` calls it."""
        left = self._of(frame.f_code)
        if not left:
            return None

        def ran(inner: FrameType, happened: str, _argument: Any) -> Any:
            if happened == "line" and inner.f_lineno in left:
                left.discard(inner.f_lineno)
                self.news += 1
            return ran

        return ran

    def new(self, run: Callable[[], object]) -> bool:
        """Run something; whether a line ran that had not."""
        before = self.news
        kept = sys.gettrace()
        sys.settrace(self.called)
        try:
            run()
        finally:
            sys.settrace(kept)
        return self.news > before


def way(error: BaseException) -> int:
    """On which way an error came: the places that it went through, and what it came of.

    It costs a hundredth of what it costs to watch all lines.
    """
    places = set()
    above: BaseException | None = error
    while above is not None:
        step = above.__traceback__
        while step is not None:
            places.add((step.tb_frame.f_code, step.tb_lasti))
            step = step.tb_next
        above = above.__cause__ or above.__context__
    return hash(frozenset(places))


@dataclass(slots=True)
class Fuzz:
    """One decoder, and what is known of the ways through it."""

    name: str
    take: Callable[[bytes], object]
    lines: Lines = field(default_factory=Lines)
    ways: set[int] = field(default_factory=set)
    inputs: int = 0
    kept: list[bytes] = field(default_factory=list)

    def start(self) -> None:
        """Begin with what the decoder takes."""
        self.kept = fitting(self.take)
        need(self.kept, f"{self.name} takes nothing of the corpus")
        for data in self.kept:
            self.lines.new(partial(tried, self.name, self.take, data))

    def turn(self, chance: random.Random, others: list[bytes]) -> bytes:
        """One input more, which is kept when it goes where none before it went."""
        recent = chance.random() < 0.5
        data = change(chance.choice(self.kept[-FRESH:] if recent else self.kept), chance, others)
        self.inputs += 1
        found = tried(self.name, self.take, data)
        fresh = found not in self.ways
        self.ways.add(found)
        if fresh or not found or self.inputs % WATCHED == 0:
            new = self.lines.new(partial(tried, self.name, self.take, data))
            if new or (fresh and found):
                self.kept.append(data)
        return data


def fuzzed_decoder(seed: int) -> None:
    """One decoder and what comes of changing its golden inputs."""
    names = list(DECODERS)
    name, turn = names[seed % len(names)], seed // len(names)
    chance, others = random.Random(f"fuzz {seed}"), list(corpus())
    fuzz = Fuzz(name, DECODERS[name])
    for anybody in (False, True) if turn else (False,):
        with golden.signed_by_anybody() if anybody else contextlib.nullcontext():
            fuzz.start()
            for _ in range(DEAR.get(name, ROUNDS) // 2 if turn else SHORT):
                forged.agree(fuzz.turn(chance, others)[: encode.DEFAULT.max_bytes])


def tried(name: str, take: Callable[[bytes], object], data: bytes) -> int:
    """Give it one input: on which way it was refused, or what was told of it, or 0."""
    began, spent, found = time.monotonic(), time.process_time(), 0
    try:
        read = take(data)
        found = hash(read) if isinstance(read, Told) else 0
    except TielineError as error:
        need(error.code and error.message, f"{name} refuses {data.hex()} without a word")
        found = way(error)
    except Exception as error:
        raise Missed(f"{name} fails with {error!r} on {data[:4_000].hex()}") from error
    # A machine that is busy stops a process for a while; what counts is what it did itself.
    if time.monotonic() - began > MOST_S:
        need(time.process_time() - spent < MOST_S, f"{name} hangs on {data[:4_000].hex()}")
    return found
