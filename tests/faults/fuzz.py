"""P5: a fuzzer of each decoder that is guided by the lines it reaches, beside a second reader.

A case is one decoder and a number of inputs that follow from the seed. An input that reaches a line
of the product which none before it reached in this case is kept, and changed further. Signatures
are taken for good in every second case, so that what lies behind them is reached, too.
"""

from __future__ import annotations

import contextlib
import random
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from tests.faults import forged, golden, secondcbor
from tests.faults.golden import VECTORS, artefacts, vector
from tests.faults.rows import Missed, need
from tests.faults.secondcbor import Node

import tieline
from tieline.carriers import frames
from tieline.core import encode, evidence_reader, identity, tiles
from tieline.core.errors import TielineError
from tieline.core.identity import dearmor
from tieline.core.tlogwitness import read_vkey
from tieline.node import api

SHORT: Final = 120  # inputs of a decoder's first case
ROUNDS: Final = 4_000
MOST_S: Final = 1.0
HOME: Final = str(Path(tieline.__file__).parent)


def _framed(data: bytes) -> object:
    return list(frames.FrameReader().feed(data))


def _text(take: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: take(data.decode("utf-8", "replace"))


DECODERS: Final[dict[str, Callable[[bytes], object]]] = {
    **forged.DECODERS,
    "evidence file": lambda data: evidence_reader.read([data]),
    "tiles": lambda data: tiles.parse_bundle(data, 3),
    "frames": _framed,
    "armor": _text(dearmor),
    "key of a log": _text(read_vkey),
    "api request": api.parse_request,
    "words": _text(lambda text: identity.check_words(text, bytes(16))),
}
FIRST: Final = 3 * len(DECODERS)  # cases at count C: a short one and two long ones of each


# -------------------------------------------------------------------------------------- corpus


@cache
def corpus() -> tuple[bytes, ...]:
    """What the fuzzer begins with: the golden artefacts, and the vectors of what is taken."""
    found = [one.data for one in artefacts()]
    for path in ("envelope/accept", "card/accept", "charter/accept", "statement/accept"):
        for case in vector(path)["cases"][:6]:
            name = path.split("/", maxsplit=1)[0]
            found.append(bytes.fromhex(str(case.get(name) or case.get("payload") or "00")))
    given = vector("bundle/open")
    found += [bytes.fromhex(given[part]) for part in ("sealed", "plain")]
    found += [(VECTORS / "evidence" / f"{name}.tle").read_bytes() for name in ("sealed", "late")]
    found += [vector("card/accept")["cases"][0]["armor"].encode()]
    found += [case["text"].encode() for case in vector("checkpoint/notes")["cases"][:4]]
    note = golden.of("checkpoint").data
    found += [b"old 7\n" + b"A" * 43 + b"=\n\n" + note, note.split()[0] + b"+0a0b0c0d+" + b"A" * 44]
    found += [frames.ping(7) + frames.envelope(b"x" * 40) + frames.close("so long")]
    found += [b'{"id": 1, "act": "send", "args": {"text": "hello", "to": ["BRAVO"]}}\n']
    found += [b"sujog nuzak kosun ponuv fasaj mukos zunor pufob"]
    return tuple(dict.fromkeys(each for each in found if each))


def fitting(take: Callable[[bytes], object]) -> list[bytes]:
    """What of the corpus this decoder takes, and a little of what it does not."""
    taken = [data for data in corpus() if not forged.refusal(take, data)]
    return taken or list(corpus()[:4])


# ------------------------------------------------------------------------------------- changes

ODD: Final = (0, 1, 23, 24, 255, 256, 65_535, 65_536, 2**31, 2**32 - 1, 2**48, 2**53, 2**63,
              2**64 - 1)  # fmt: skip
PIECES: Final = (b"\xf6", b"\xf5", b"\x80", b"\xa0", b"\x40", b"\x60", b"\x20", b"\xc0", b"\xff",
                 b"\xfb" + bytes(8), b"\x9f\xff", b"\n", b"\n\n", b"=", b" ", "\u2028".encode(),
                 b"\xed\xa0\x80", b"-1", b"9" * 30, b"\0")  # fmt: skip


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
    places = list(secondcbor.nodes(tree))
    node = chance.choice(places)
    if chance.random() < 0.2:
        return secondcbor.emit(tree, node, chance.choice(secondcbor.WAYS))
    kind = chance.randrange(6)
    if kind == 0 or (kind < 3 and node.major > secondcbor.NEGATIVE and not node.children):
        _replace(node, Node(chance.choice((0, 1)), chance.choice(ODD)))
    elif kind == 1:
        other = tree_of(chance.choice(others))
        _replace(node, chance.choice(list(secondcbor.nodes(other))) if other else Node(7, 22))
    elif kind == 2:
        _replace(node, chance.choice(places))
    elif kind == 3 and node.major in (secondcbor.BYTES, secondcbor.TEXT):
        length = chance.choice((0, 1, 7, 8, 16, 31, 32, 33, 64, 200))
        node.content, node.inner = (node.content * 9 + bytes(200))[:length], None
    elif node.major == secondcbor.ARRAY and node.children:
        at = chance.randrange(len(node.children))
        node.children[at : at + 1] = node.children[at : at + 1] * chance.choice((0, 2, 2, 40))
        node.argument = len(node.children)
    elif node.major == secondcbor.MAP and node.children:
        at = chance.randrange(len(node.children) // 2) * 2
        if chance.random() < 0.5:
            del node.children[at : at + 2]
        else:
            node.children[at] = Node(0, chance.choice((*range(24), *ODD)))
        node.argument = len(node.children) // 2
    else:
        _replace(node, Node(7, chance.choice((20, 21, 22))))
    return _bounded(tree)


def _bounded(tree: Node) -> bytes:
    """What a tree is, unless it has been put into itself."""
    try:
        return secondcbor.emit(tree)
    except RecursionError:
        return b"\x80"


def _replace(node: Node, by: Node) -> None:
    node.major, node.argument, node.content = by.major, by.argument, by.content
    node.children, node.inner = list(by.children), by.inner


def tree_of(data: bytes) -> Node | None:
    """The tree of what is encoded here, with what is within its byte strings."""
    try:
        return secondcbor.opened(secondcbor.read(data, 1 << 20, 24, 20_000))
    except secondcbor.Unread:
        return None


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


def fuzzed_decoder(seed: int) -> None:
    """One decoder and what comes of changing its golden inputs."""
    names = list(DECODERS)
    name = names[seed % len(names)]
    turn = seed // len(names)
    take, chance, lines = DECODERS[name], random.Random(f"fuzz {seed}"), Lines()
    with golden.signed_by_anybody() if turn % 2 else contextlib.nullcontext():
        kept = fitting(take)
        for data in kept:
            lines.new(partial(_tried, name, take, data))
        others = list(corpus())
        for _ in range(ROUNDS if turn else SHORT):
            data = change(
                chance.choice(kept[-40:] if chance.random() < 0.5 else kept), chance, others
            )
            if lines.new(partial(_tried, name, take, data)):
                kept.append(data)
            forged.agree(data[: encode.DEFAULT.max_bytes])


def _tried(name: str, take: Callable[[bytes], object], data: bytes) -> None:
    began, spent = time.monotonic(), time.process_time()
    try:
        take(data)
    except TielineError as error:
        need(error.code and error.message, f"{name} refuses {data.hex()} without a word")
    except Exception as error:
        raise Missed(f"{name} fails with {error!r} on {data[:4_000].hex()}") from error
    # A machine that is busy stops a process for a while; what counts is what it did itself.
    if time.monotonic() - began > MOST_S:
        need(time.process_time() - spent < MOST_S, f"{name} hangs on {data[:4_000].hex()}")
