"""Vectors of the encoding: what is read and written, and what is refused, with the reason.

The bytes of accepted values come from cbor2. Refused bytes are written by hand, as hexadecimal
parts, each group under the code that it must be refused with.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import cbor2

INTEGERS = [
    0, 1, 23, 24, 25, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53, 2**63, 2**64 - 1,
    -1, -24, -25, -256, -257, -65_536, -65_537, -(2**32), -(2**32) - 1, -(2**63), -(2**64),
]  # fmt: skip

STATEMENT = {
    1: bytes(range(16)),
    2: b"\x0a" * 8,
    3: b"\x0b" * 8,
    4: 70_000,
    5: bytes(range(32)),
    6: (b"\x01" * 8, 17, b"\x02" * 8, 300),
    7: 1_668_523_440_000,
    8: 3,
    9: 1,
    10: 1,
    12: ("BRAVO", "CHARLIE"),
    16: {1: "Mine adrift two miles west of the buoy.", 2: "en"},
}

VALUES = [
    *INTEGERS,
    None,
    True,
    False,
    b"",
    b"\x00",
    bytes(23),
    bytes(24),
    bytes(256),
    "",
    "a",
    "é",
    "水",
    "\U0001d11e",
    "a\x00b",
    "x" * 24,
    (),
    (1, (2, 3), (4, 5)),
    tuple(range(25)),
    {},
    {1: 2, 3: 4},
    {23: 0, 24: 1, 255: 2, 256: 3, 65_536: 4, 2**32: 5, 2**64 - 1: 6},
    {0: None, 1: (True, False), 2: {0: b"", 1: ""}},
    STATEMENT,
]

REFUSED = {
    "truncated": [
        "", "18", "19 ff", "1a 000000", "1b 00000000000000", "38", "41", "43 6162", "58 18 00",
        "62 c3", "81", "82 01", "a1", "a1 01", "a1 18", "a2 00 00 01", "98 18 00",
        "99 1000 00", "b9 0800 00", "5b 1000000000000000", "7b 1000000000000000",
    ],
    "trailing": ["00 00", "f6 00", "80 00", "a0 a0", "41 00 ff", "f4 ff"],
    "noncanonical": [
        "18 00", "18 17", "19 0000", "19 00ff", "1a 00000000", "1a 0000ffff",
        "1b 0000000000000000", "1b 00000000ffffffff", "38 00", "38 17", "39 00ff", "58 00",
        "58 17 00", "59 00ff", "78 00", "79 00ff", "98 00", "99 00ff", "b8 00", "b9 00ff",
        "a1 18 00 00", "a1 19 00ff 00", "81 18 17",
    ],
    "unsorted": [
        "a2 02 00 01 00", "a2 18 18 00 17 00", "a2 19 0100 00 18 ff 00", "a3 01 00 03 00 02 00",
        "a1 00 a2 01 00 00 00",
    ],
    "duplicate_key": [
        "a2 01 00 01 00", "a2 18 18 00 18 18 00", "a3 01 00 02 00 02 00", "a2 00 00 00 01",
    ],
    "unsupported": [
        # tags, undefined, other simple values, floats
        "c0 00", "c1 1a 00000000", "d8 18 00", "d9 d9f7 00", "c2 41 01", "f7", "e0", "f0", "f3",
        "f8 00", "f8 18", "f8 20", "f8 ff", "f9 0000", "f9 7e00", "fa 00000000",
        "fb 0000000000000000", "fc", "fd", "fe", "ff",
        # indefinite lengths and reserved forms
        "5f 41 00 ff", "7f 61 61 ff", "9f 00 ff", "bf 00 00 ff", "1c", "1d", "1e", "1f", "3c", "3f",
        "5c", "7d", "9e", "bc", "81 1f",
        # keys that are no unsigned integers
        "a1 20 00", "a1 40 00", "a1 60 00", "a1 80 00", "a1 a0 00", "a1 c0 00 00", "a1 f4 00",
        "a1 f5 00", "a1 f6 00", "a1 1c 00", "a1 1f 00",
    ],
    "bad_utf8": [
        "61 80", "61 ff", "61 c3", "62 c3 28", "62 c0 80", "63 ed a0 80", "63 e0 80 80",
        "64 f4 90 80 80", "64 f0 80 80 80", "65 f8 88 80 80 80", "a1 00 62 61 ff",
    ],
    "too_deep": ["81" * 9 + "00", "a1 00" * 9 + "00", "81" * 8 + "80", "81" * 8 + "a0"],
    "too_many": ["99 1001", "b9 0801", "9b 1000000000000000", "bb 1000000000000000",
                 "9b ffffffffffffffff", "bb ffffffffffffffff"],
}  # fmt: skip


def build() -> dict[str, object]:
    """The files of this script."""
    accept = [{"value": spelled(v), "hex": cbor2.dumps(v, canonical=True).hex()} for v in VALUES]
    refuse = [
        {"code": f"encode.{code}", "hex": text.replace(" ", "")}
        for code, texts in REFUSED.items()
        for text in texts
    ]
    return {
        "encode/accept.json": {
            "about": "Each value has exactly this encoding, both ways. Integers are given as "
            "decimal text, bytes as hexadecimal, a map as a list of key and value.",
            "cases": accept,
        },
        "encode/refuse.json": {
            "about": "Bytes that a reader refuses under limits of 65536 bytes, depth 8 and 4096 "
            "items, and the code it refuses them with.",
            "cases": refuse,
        },
    }


def spelled(value: object) -> object:
    """A value in a form that JSON holds without loss."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, tuple):
        return {"array": [spelled(item) for item in value]}
    if isinstance(value, dict):
        return {"map": [[str(key), spelled(item)] for key, item in sorted(value.items())]}
    raise TypeError(type(value).__name__)
