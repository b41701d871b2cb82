"""Sources and bytes that ask for more work than a pack is worth: for tests and rows to bring."""

from __future__ import annotations

from typing import Final

from tieline.core import encode

# What a file of a pack's folder may hold.
SOURCES: Final = {
    "deep": "a = " + "[" * 200_000,
    "deep tables": "a = " + "{b=" * 100_000,
    "wide": "a = [" + "[],\n" * 150_000 + "]",
    "many tables": "[[form]]\n" * 55_000,
    "many keys": "".join(f"a{n}=1\n" for n in range(60_000)),
    "long key": "a" + ".a" * 8_000 + " = 1",
    "long header": "[" + "a." * 8_000 + "a]",
    "long line": "a = '" + "x" * 500_000 + "'",
    "open string": 'a = """' + '"x\\' * 120_000,
    "open quotes": 'a = "' + '\\"' * 200_000,
    "quotes": "'\"" * 200_000,
    "large": "# " + "x" * 2_000_000,
    "large number": "a = " + "9" * 15_000,
    "hex": "a = 0x" + "f" * 16_000,
    "forms": '[[form]]\nid = "x"\n' * 13_000,
    "fields": "[[form]]\n" + "[[form.field]]\n" * 13_000,
    "100,000 fields": "[[form]]\nfield = [" + "{},\n" * 100_000 + "]",
    "unknown keys": "".join(f"{'k' * 4000}{n} = 1\n" for n in range(120)),
}

HEAD: Final[dict[int, encode.Value]] = {3: 1, 4: "x", 5: "x", 6: 1, 2: "design", 7: ("en",)}


def _pack(part: int, value: encode.Value) -> bytes:
    parts: dict[int, encode.Value] = {0: HEAD, 1: (), 2: (), 3: (), 4: ()}
    return encode.dumps({**parts, part: value})


def _fields(number: int) -> encode.Value:
    return ({2: "design", 3: "a", 4: 1, 5: tuple({} for _ in range(number))},)


# What a file of one pack may hold, or a file of evidence in it.
BYTES: Final[dict[str, bytes]] = {
    "deep": b"\x81" * 500_000,
    "wide": encode.dumps((0,) * 900_000),
    "a long text": encode.dumps("x" * 1_000_000),
    "promised": b"\x9b\x00\x00\x00\xff\xff\xff\xff\xff" + b"\x00" * 1000,
    "words": _pack(4, ({3: True, 5: tuple(f"a.x{n:05d}" for n in range(62_000))},)),
    "forms": _pack(1, tuple({2: "design", 3: "a", 4: 1} for _ in range(20_000))),
    "100,000 fields": _pack(1, _fields(100_000)),
}
