"""Deterministic CBOR: one value has one encoding, and only that one is read.

The format is RFC 8949 with the deterministic rules of section 4.2.1, narrowed to what Tieline
writes: integers from -2^64 to 2^64-1, byte and text strings, arrays, maps with unsigned integer
keys, and false, true and null. Everything else (floats, tags, undefined, other simple values,
indefinite lengths) is refused by name.

Rules held here:

* ``loads`` takes exactly the bytes that ``dumps`` writes for the value it returns. Two readers can
  therefore never disagree about what a signature covers.
* Limits come first. A length or a count is compared with the limits and with the bytes that are
  really there before anything is allocated for it, so hostile input costs work in proportion to
  its own size and never more.
* A map comes back in ascending order of its keys, as it stands in the bytes.

This module does not know what any key means. ``Fields`` gives its callers typed access to a map, so
that a missing or mistyped field is one refusal that names the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tieline.core.errors import LocalError, RemoteError

Value = int | bytes | str | bool | None | tuple["Value", ...] | dict[int, "Value"]

_Bytes = bytes  # ``Fields`` has a method of that name, which hides the type inside the class

MAX_UINT: Final = 2**64 - 1
MIN_INT: Final = -(2**64)
# Nesting costs a frame of the interpreter per level, both ways; no format of ours needs a tenth.
DEEPEST: Final = 64

_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG = 0x00, 0x20, 0x40, 0x60, 0x80, 0xA0, 0xC0
_FALSE, _TRUE, _NULL = 0xF4, 0xF5, 0xF6
_INDEFINITE = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one encoded value may cost its reader.

    ``max_bytes`` bounds the whole input, ``max_depth`` how many arrays and maps may stand inside
    one another, ``max_items`` the sum of all array elements, map keys and map values.
    """

    max_bytes: int = 65_536
    max_depth: int = 8
    max_items: int = 4096

    def __post_init__(self) -> None:
        if not (self.max_bytes >= 1 and 0 <= self.max_depth <= DEEPEST and self.max_items >= 0):
            raise ValueError(f"limits out of range: {self.max_bytes}, {self.max_depth}")


DEFAULT: Final = Limits()


# ------------------------------------------------------------------------------------- writing


def dumps(value: Value) -> bytes:
    """The one encoding of a value (RFC 8949 section 4.2.1).

    Lists are written as arrays, integer enumerations as integers. Raises ``LocalError``:
    ``encode.unsupported`` for a type, key or integer outside the format, ``encode.bad_utf8`` for
    text with lone surrogates, ``encode.too_deep`` beyond 64 levels.
    """
    out = bytearray()
    _write(out, value, DEEPEST)
    return bytes(out)


def head(major: int, argument: int) -> bytes:
    """The shortest head of an item: its major type (0 to 7) and its argument (0 to 2^64-1)."""
    top = major << 5
    if argument < 24:
        return bytes((top | argument,))
    if argument < 0x100:
        return bytes((top | 24, argument))
    if argument < 0x10000:
        return bytes((top | 25, argument >> 8, argument & 0xFF))
    if argument < 0x1_0000_0000:
        return bytes((top | 26,)) + argument.to_bytes(4, "big")
    return bytes((top | 27,)) + argument.to_bytes(8, "big")


_SHORT: Final = 128
_BYTES_HEADS: Final = tuple(head(2, size) for size in range(_SHORT))


def _write(out: bytearray, value: object, depth: int) -> None:
    """Write one item. The order of the branches is the order of frequency in statements."""
    if isinstance(value, bytes):
        size = len(value)
        out += _BYTES_HEADS[size] if size < _SHORT else head(2, size)
        out += value
    elif isinstance(value, bool):
        out.append(_TRUE if value else _FALSE)
    elif isinstance(value, int):
        if 0 <= value < 24:
            out.append(value)
        else:
            _write_int(out, value)
    elif isinstance(value, tuple | list):
        _check_depth(depth)
        out += head(4, len(value))
        for item in value:
            _write(out, item, depth - 1)
    elif isinstance(value, dict):
        _check_depth(depth)
        _write_map(out, value, depth)
    elif isinstance(value, str):
        _write_text(out, value)
    elif value is None:
        out.append(_NULL)
    else:
        raise LocalError(
            "encode.unsupported",
            f"a value of type {type(value).__name__} has no encoding; use integers, bytes, text, "
            "booleans, null, arrays and maps",
        )


def _write_text(out: bytearray, value: str) -> None:
    try:
        text = value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise LocalError(
            "encode.bad_utf8",
            f"the text has a lone surrogate at character {error.start}; take it out",
        ) from error
    out += head(3, len(text))
    out += text


def _write_int(out: bytearray, value: int) -> None:
    """An integer that is more than one byte."""
    if 0 <= value <= MAX_UINT:
        out += head(0, value)
    elif MIN_INT <= value < 0:
        out += head(1, -1 - value)
    else:
        raise LocalError(
            "encode.unsupported",
            f"an integer of {value.bit_length()} bits has no encoding; stay within -2^64 to 2^64-1",
        )


def _write_map(out: bytearray, value: dict[object, object], depth: int) -> None:
    keys: list[int] = []
    for key in value:
        if isinstance(key, bool) or not isinstance(key, int) or not 0 <= key <= MAX_UINT:
            raise LocalError(
                "encode.unsupported",
                f"a map key of type {type(key).__name__} has no encoding; use integers from 0 to "
                "2^64-1",
            )
        keys.append(key)
    keys.sort()  # unsigned integers sort as their encodings do
    out += head(5, len(keys))
    for key in keys:
        if key < 24:
            out.append(key)
        else:
            out += head(0, key)
        _write(out, value[key], depth - 1)


def _check_depth(depth: int) -> None:
    if depth == 0:
        raise LocalError(
            "encode.too_deep",
            f"the value nests deeper than {DEEPEST} arrays and maps; flatten it",
        )


# ------------------------------------------------------------------------------------- reading


def loads(data: bytes, limits: Limits = DEFAULT) -> Value:
    """Read one value from exactly its own deterministic encoding. Arrays come back as tuples.

    Raises ``RemoteError``: ``encode.too_large``, ``encode.too_deep``, ``encode.too_many`` when a
    limit is passed; ``encode.truncated`` and ``encode.trailing`` when bytes are missing or left
    over; ``encode.noncanonical`` for an integer or length that is not the shortest;
    ``encode.unsorted`` and ``encode.duplicate_key`` for map keys out of order;
    ``encode.bad_utf8``; ``encode.unsupported`` for what the format leaves out of RFC 8949.
    """
    size = len(data)
    if size > limits.max_bytes:
        raise RemoteError(
            "encode.too_large",
            f"the encoded value has {size} bytes where {limits.max_bytes} are allowed; "
            "send it in smaller parts",
        )
    budget = [limits.max_items]
    try:
        value, pos = _read(data, 0, limits.max_depth, budget)
    except IndexError:  # the only subscript in the reader is into the input
        raise _truncated(size) from None
    if pos != size:
        raise _refusal("trailing", pos, "bytes follow the value; send one value alone")
    return value


def _refusal(code: str, pos: int, what: str) -> RemoteError:
    return RemoteError(f"encode.{code}", f"at byte {pos} of the encoded value {what}")


def _truncated(size: int) -> RemoteError:
    return _refusal("truncated", size, "the input ends too early; send it again whole")


def _read(data: bytes, pos: int, depth: int, budget: list[int]) -> tuple[Value, int]:
    """Read the item at ``pos``; return it and the position after it.

    The order of the branches is the order of frequency in statements.
    """
    first = data[pos]
    if first < 24:
        return first, pos + 1
    major = first & 0xE0
    if major > _MAP:
        return _read_simple(first, pos)
    argument = first & 0x1F
    start = pos
    pos += 1
    if argument >= 24:
        argument, pos = _read_argument(data, argument, pos)
    if major == _BYTES:
        end = pos + argument
        if end > len(data):
            raise _truncated(len(data))
        return data[pos:end], end
    if major == _UINT:
        return argument, pos
    if major == _TEXT:
        end = pos + argument
        if end > len(data):
            raise _truncated(len(data))
        try:
            return data[pos:end].decode("utf-8"), end
        except UnicodeDecodeError as error:
            raise _refusal(
                "bad_utf8", pos + error.start, "the text is not valid UTF-8; have it written anew"
            ) from None
    if major == _NEGATIVE:
        return -1 - argument, pos
    if depth == 0:
        raise _refusal("too_deep", start, "arrays and maps nest deeper than allowed; flatten them")
    if major == _ARRAY:
        _spend(data, start, pos, argument, budget)
        items: list[Value] = []
        for _ in range(argument):
            item, pos = _read(data, pos, depth - 1, budget)
            items.append(item)
        return tuple(items), pos
    _spend(data, start, pos, 2 * argument, budget)
    return _read_map(data, pos, argument, depth - 1, budget)


def _read_map(
    data: bytes, pos: int, count: int, depth: int, budget: list[int]
) -> tuple[dict[int, Value], int]:
    out: dict[int, Value] = {}
    last = -1
    for _ in range(count):
        key = data[pos]
        if key < 24:
            after = pos + 1
        elif key < _NEGATIVE:
            key, after = _read_argument(data, key, pos + 1)
        else:
            raise _refusal("unsupported", pos, "a map key is no unsigned integer; use only those")
        if key <= last:
            if key == last:
                raise _refusal(
                    "duplicate_key", pos, f"the map key {key} stands twice; write it once"
                )
            raise _refusal("unsorted", pos, f"the map key {key} comes too late; sort the keys")
        last = key
        value = data[after]
        if value < 24:  # most of what stands in a statement: not worth a call
            out[key], pos = value, after + 1
        else:
            out[key], pos = _read(data, after, depth, budget)
    return out, pos


def _read_argument(data: bytes, info: int, pos: int) -> tuple[int, int]:
    """The argument that follows a first byte whose low five bits are 24 or more."""
    if info == 24:
        argument, lowest, end = data[pos], 24, pos + 1
    elif info < 28:
        width = 2 << (info - 25)
        end = pos + width
        if end > len(data):
            raise _truncated(len(data))
        argument, lowest = int.from_bytes(data[pos:end], "big"), 1 << (width * 4)
    elif info == _INDEFINITE:
        raise _refusal("unsupported", pos - 1, "a length is left open; write it out")
    else:
        raise _refusal("unsupported", pos - 1, f"the length form {info} is reserved; do not use it")
    if argument < lowest:
        raise _refusal(
            "noncanonical", pos - 1, f"{argument} is not written in its shortest form; shorten it"
        )
    return argument, end


def _read_simple(first: int, pos: int) -> tuple[Value, int]:
    if first == _TRUE:
        return True, pos + 1
    if first == _FALSE:
        return False, pos + 1
    if first == _NULL:
        return None, pos + 1
    what = "a tag" if first < 0xE0 else "a float or a simple value other than false, true and null"
    raise _refusal("unsupported", pos, f"stands {what}; the format has none, leave it out")


def _spend(data: bytes, start: int, pos: int, items: int, budget: list[int]) -> None:
    """Refuse a container before anything is allocated for it: every item has at least one byte."""
    budget[0] -= items
    if budget[0] < 0:
        raise _refusal("too_many", start, "an array or map has more items than allowed; split it")
    if items > len(data) - pos:
        raise _truncated(len(data))


# -------------------------------------------------------------------------------------- fields


class Fields:
    """Typed access to a parsed map, with refusals that name the map and the key.

    ``what`` is how sentences call the map ("statement body"); the code of every refusal is that
    name with underscores and ``.field``. An ``opt_`` method returns ``None`` for an absent key; a
    key that is present with null is refused by both kinds, since our writers leave it out.
    """

    __slots__ = ("_map", "_what")

    def __init__(self, value: Value, what: str) -> None:
        """Wrap ``value``. Raises ``RemoteError`` (``<what>.field``) when it is no map."""
        self._what = what
        if not isinstance(value, dict):
            raise RemoteError(self._code(), f"the {what} must be a map; have it written anew")
        self._map = value

    def __contains__(self, key: int) -> bool:
        """Whether the key stands in the map, with whatever value."""
        return key in self._map

    def uint(self, key: int, max: int = MAX_UINT, *, least: int = 0) -> int:  # noqa: A002  # the clearest name
        """An integer from ``least`` to ``max``."""
        value = self._map.get(key)
        if type(value) is not int or not least <= value <= max:
            raise self._wrong(key, f"an integer from {least} to {max}")
        return value

    def bytes(self, key: int, length: int | None = None) -> _Bytes:
        """A byte string, of exactly ``length`` bytes when one is given."""
        value = self._map.get(key)
        if not isinstance(value, bytes) or (length is not None and len(value) != length):
            raise self._wrong(key, "bytes" if length is None else f"{length} bytes")
        return value

    def text(self, key: int, max_len: int = 65_536) -> str:
        """A text of at most ``max_len`` characters."""
        value = self._map.get(key)
        if not isinstance(value, str) or len(value) > max_len:
            raise self._wrong(key, f"a text of at most {max_len} characters")
        return value

    def boolean(self, key: int) -> bool:
        """A truth value."""
        value = self._map.get(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def array(self, key: int) -> tuple[Value, ...]:
        """An array, of any length and content."""
        value = self._map.get(key)
        if not isinstance(value, tuple):
            raise self._wrong(key, "an array")
        return value

    def map(self, key: int) -> dict[int, Value]:
        """A map, of any size and content."""
        value = self._map.get(key)
        if not isinstance(value, dict):
            raise self._wrong(key, "a map")
        return value

    def opt_uint(self, key: int, max: int = MAX_UINT) -> int | None:  # noqa: A002  # as ``uint``
        """As ``uint``, or ``None`` when the key is absent."""
        return self.uint(key, max) if key in self._map else None

    def opt_bytes(self, key: int, length: int | None = None) -> _Bytes | None:
        """As ``bytes``, or ``None`` when the key is absent."""
        return self.bytes(key, length) if key in self._map else None

    def opt_text(self, key: int, max_len: int = 65_536) -> str | None:
        """As ``text``, or ``None`` when the key is absent."""
        return self.text(key, max_len) if key in self._map else None

    def opt_boolean(self, key: int) -> bool | None:
        """As ``boolean``, or ``None`` when the key is absent."""
        return self.boolean(key) if key in self._map else None

    def opt_array(self, key: int) -> tuple[Value, ...] | None:
        """As ``array``, or ``None`` when the key is absent."""
        return self.array(key) if key in self._map else None

    def opt_map(self, key: int) -> dict[int, Value] | None:
        """As ``map``, or ``None`` when the key is absent."""
        return self.map(key) if key in self._map else None

    def unknown(self, known: frozenset[int]) -> dict[int, Value]:
        """The entries whose keys are not in ``known``, in ascending order of their keys."""
        if self._map.keys() <= known:
            return {}
        return {key: value for key, value in self._map.items() if key not in known}

    def _code(self) -> str:
        return self._what.replace(" ", "_").replace("-", "_") + ".field"

    def _wrong(self, key: int, expected: str) -> RemoteError:
        found = "is not that" if key in self._map else "is missing"
        return RemoteError(
            self._code(),
            f"field {key} of the {self._what} must be {expected} and {found}; ask its author to "
            "repair it",
        )
