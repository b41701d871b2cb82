"""A second reader of the encoding, written from docs/protocol.md (section 1) and RFC 8949 alone.

It shares nothing with the product and works another way: no recursion, a tree of heads, and the
rules judged on it. It also writes trees back with one thing wrong, which no other reader can know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)
LEAST = (24, 1 << 8, 1 << 16, 1 << 32)
WAYS = ("wide", "open", "twice", "swapped", "tagged", "float", "reserved")


class Unread(Exception):
    """It is not in the encoding."""


@dataclass(slots=True)
class Node:
    """One item: its major type and argument, and what is in it. ``inner``: bytes hold this item."""

    major: int
    argument: int
    content: bytes = b""
    children: list[Node] = field(default_factory=list)
    inner: Node | None = None


def read(data: bytes, most_bytes: int, most_deep: int, most_items: int) -> Node:
    """The tree of an item. Raises ``Unread``."""
    if len(data) > most_bytes:
        raise Unread("too long")
    at, items = 0, 0
    root: Node | None = None
    open_: list[tuple[Node, int]] = []  # containers, and how many children each still lacks
    while root is None or open_:
        node, at = _head(data, at)
        if node.major in (BYTES, TEXT):
            node.content = data[at : at + node.argument]
            if len(node.content) < node.argument:
                raise Unread("cut")
            at += node.argument
            if node.major == TEXT:
                _text(node.content)
        _place(root, open_, node)
        root = root or node
        if node.major in (ARRAY, MAP):
            wanted = node.argument * (node.major - 3)
            items += wanted
            if len(open_) >= most_deep or items > most_items or wanted > len(data) - at:
                raise Unread("too deep, or too many")
            open_.append((node, wanted))
        while open_ and not open_[-1][1]:
            _in_order(open_.pop()[0])
    if at != len(data):
        raise Unread("more follows")
    return root


def _place(root: Node | None, open_: list[tuple[Node, int]], node: Node) -> None:
    if root is not None:
        parent, lacking = open_.pop()
        parent.children.append(node)
        open_.append((parent, lacking - 1))


def _head(data: bytes, at: int) -> tuple[Node, int]:
    if at >= len(data):
        raise Unread("cut")
    major, info = divmod(data[at], 32)
    at += 1
    if info > 27 or major == TAG or (major == SIMPLE and info not in (20, 21, 22)):
        raise Unread("left out of the format")
    if info < 24:
        return Node(major, info), at
    size = 1 << (info - 24)
    argument = int.from_bytes(data[at : at + size], "big")
    if len(data) < at + size or argument < LEAST[info - 24]:
        raise Unread("cut, or not the shortest")
    return Node(major, argument), at + size


def _text(content: bytes) -> None:
    try:
        content.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        raise Unread("no text") from error


def _in_order(node: Node) -> None:
    if node.major == MAP:
        keys = [(child.major, child.argument) for child in node.children[::2]]
        if any(major != UINT for major, _ in keys) or keys != sorted(set(keys)):
            raise Unread("keys")


def value(node: Node) -> object:
    """The value of a tree, as the product has it."""
    match node.major:
        case 0:
            return node.argument
        case 1:
            return -1 - node.argument
        case 2:
            return node.content
        case 3:
            return node.content.decode()
        case 4:
            return tuple(value(child) for child in node.children)
        case 5:
            each = [value(child) for child in node.children]
            return dict(zip(each[::2], each[1::2], strict=True))
        case _:
            return {20: False, 21: True, 22: None}[node.argument]


def opened(node: Node) -> Node:
    """The same, with what is encoded within byte strings opened, too."""
    if node.major == BYTES and len(node.content) > 40:
        try:
            inner = read(node.content, 1 << 20, 16, 10_000)
        except Unread:
            return node
        if inner.major in (ARRAY, MAP):
            node.inner = opened(inner)
    for child in node.children:
        opened(child)
    return node


def nodes(node: Node, *, inner: bool = True) -> Iterator[Node]:
    """All of a tree; ``inner``: with what is opened within byte strings."""
    yield node
    for child in (*node.children, *([node.inner] if inner and node.inner else [])):
        yield from nodes(child, inner=inner)


def fits(node: Node, way: str) -> bool:
    """Whether this node can be written in this wrong way."""
    match way:
        case "open":
            return node.major in (BYTES, TEXT, ARRAY, MAP)
        case "twice":
            return node.major == MAP and len(node.children) >= 2
        case "swapped":
            return node.major == MAP and len(node.children) >= 4
        case "wide":
            return node.major != SIMPLE and node.argument < 1 << 32
        case "float":
            return node.major in (UINT, SIMPLE)
        case _:
            return True


def emit(node: Node, spoiled: Node | None = None, way: str = "") -> bytes:
    """The bytes of a tree, in which ``spoiled`` is written in a wrong way."""
    here = node is spoiled
    children = node.children
    argument = node.argument
    if here and way == "twice":
        children, argument = [*children[:2], *children], argument + 1
    if here and way == "swapped":
        children = [*children[2:4], *children[:2], *children[4:]]
    content = node.content
    if node.inner is not None:
        content = emit(node.inner, spoiled, way)
    if node.major in (BYTES, TEXT):
        argument = len(content)
    body = content + b"".join(emit(child, spoiled, way) for child in children)
    if not here or way in ("twice", "swapped"):
        return head(node.major, argument) + body
    if way == "wide":
        return head(node.major, argument, wider=True) + body
    if way == "open":
        if node.major in (BYTES, TEXT):
            body = head(node.major, argument) + body
        return bytes((node.major << 5 | 31,)) + body + b"\xff"
    if way == "tagged":
        return b"\xc1" + head(node.major, argument) + body
    if way == "float":
        return b"\xf9\x7e\x00"  # not a number
    return bytes((node.major << 5 | 28,)) + body  # a reserved length


def head(major: int, argument: int, *, wider: bool = False) -> bytes:
    """The beginning of an item, in as few bytes as it may have, or in more."""
    argument &= (1 << 64) - 1
    if argument < 24 and not wider:
        return bytes((major << 5 | argument,))
    size = next(size for size in range(4) if argument < 1 << (8 << size))
    size += 1 if wider and argument >= 24 else 0
    return bytes((major << 5 | 24 + size,)) + argument.to_bytes(1 << size, "big")
