"""Vectors of sync envelopes: what stations say to each other over any carrier."""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import charter
import checkpoint
import statement
from people import cbor, seed

Case = dict[str, object]

LINE = charter.line_of(charter.FIRST)
LOGS = sorted(seed(f"log {n}", 8) for n in range(3))
TIPS = sorted(seed(f"tip {n}", 16) for n in range(2))
HEADS: list[object] = [
    LOGS[0], 1, seed("last 0"), b"",
    LOGS[1], 70_000, seed("last 1"), b"".join(TIPS),
    LOGS[2], 2**48, seed("last 2"), b"",
]  # fmt: skip
SAID = statement.statement(statement.payload(statement.MESSAGE))
DRILLED = statement.statement(statement.payload(statement.MESSAGE), statement.DRILL)
RECEIPT = bytes.fromhex(str(checkpoint.receipts()["encoded"]))
CHARTER = charter.signed(charter.FIRST)
KINDS = {1: "have", 2: "push", 3: "receipts", 4: "charter", 5: "notes"}
NOTE = f"{checkpoint.BODY}\n{checkpoint.LOG}".encode()
SEALED = f"{checkpoint.BODY}\n{checkpoint.LOG}{checkpoint.ALPHA_ML}".encode()
MLDSA = checkpoint.ALPHA_ML_KEY

ACCEPT: dict[str, list[object]] = {
    "what a new station holds": [1, LINE, 1, True, []],
    "three logs, one of them with two stories": [1, LINE, 7, True, HEADS],
    "what moved since": [1, LINE, 7, False, HEADS[:4]],
    "the first part of what is held": [1, LINE, 7, [b"", LOGS[1]], HEADS[:8]],
    "a part in between, of which nothing is held": [1, LINE, 7, [LOGS[0], LOGS[1]], []],
    "the last part of what is held": [1, LINE, 7, [LOGS[1], b""], HEADS[8:]],
    "one statement": [2, LINE, [SAID]],
    "two statements, one of them in no realm of ours": [2, LINE, [SAID, DRILLED]],
    "no receipt": [3, LINE, []],
    "two receipts": [3, LINE, [RECEIPT, RECEIPT]],
    "a charter": [4, LINE, CHARTER],
    "a note": [5, LINE, [NOTE], []],
    "two notes and a key": [5, LINE, [NOTE, SEALED], [MLDSA]],
    "two keys": [5, LINE, [SEALED], sorted([MLDSA, checkpoint.BRAVO_ML_KEY])],
}


def with_head(at: int, value: object) -> list[object]:
    """A HAVE of one head with one part changed."""
    return [1, LINE, 1, True, [*HEADS[:at], value, *HEADS[at + 1 : 4]]]


REFUSE: dict[str, list[object]] = {
    "no kind": [],
    "an unknown kind": [6, LINE, b""],
    "no notes": [5, LINE, [], []],
    "65 notes": [5, LINE, [NOTE] * 65, []],
    "a note of 16385 bytes": [5, LINE, [bytes(16_385)], []],
    "a note as text": [5, LINE, ["x"], []],
    "notes without keys": [5, LINE, [NOTE]],
    "a key of 1311 bytes": [5, LINE, [NOTE], [MLDSA[1:]]],
    "a key twice": [5, LINE, [NOTE], [MLDSA, MLDSA]],
    "keys out of order": [
        5,
        LINE,
        [NOTE],
        sorted([MLDSA, checkpoint.BRAVO_ML_KEY], reverse=True),
    ],
    "notes on a line of 15 bytes": [5, LINE[1:], [NOTE], []],
    "kind 0": [0, LINE, 1, True, []],
    "a kind that is true": [True, LINE, 1, True, []],
    "a kind that is text": ["push", LINE, [SAID]],
    "a line of 15 bytes": [2, LINE[1:], [SAID]],
    "a line as text": [2, "x" * 16, [SAID]],
    "a part too many": [2, LINE, [SAID], 0],
    "a part too few": [1, LINE, 1, True],
    "a charter version below zero": [1, LINE, -1, True, []],
    "a charter version beyond 65536": [1, LINE, 65_537, True, []],
    "a charter version that is true": [1, LINE, True, True, []],
    "full as a number": [1, LINE, 1, 1, []],
    "a part without bounds": [1, LINE, 1, [b"", b""], []],
    "a part of one log and none": [1, LINE, 1, [LOGS[0]], []],
    "a part that ends before it begins": [1, LINE, 1, [LOGS[1], LOGS[0]], []],
    "a part that ends where it begins": [1, LINE, 1, [LOGS[1], LOGS[1]], []],
    "a part from a log of 7 bytes": [1, LINE, 1, [LOGS[0][1:], LOGS[1]], []],
    "a part from true": [1, LINE, 1, [True, LOGS[1]], []],
    "a head before its part": [1, LINE, 1, [LOGS[0], b""], HEADS[:4]],
    "a head after its part": [1, LINE, 1, [b"", LOGS[0]], HEADS[:8]],
    "half a head": [1, LINE, 1, True, HEADS[:3]],
    "one log twice": [1, LINE, 1, True, HEADS[:4] * 2],
    "logs out of order": [1, LINE, 1, True, HEADS[4:8] + HEADS[:4]],
    "a log of 7 bytes": with_head(0, LOGS[0][1:]),
    "an empty log": with_head(1, 0),
    "a size beyond 2^48": with_head(1, 2**48 + 1),
    "a size that is true": with_head(1, value=True),
    "a last digest of 16 bytes": with_head(2, bytes(16)),
    "a tip of 15 bytes": with_head(3, bytes(15)),
    "the same tip twice": with_head(3, TIPS[0] * 2),
    "tips out of order": with_head(3, TIPS[1] + TIPS[0]),
    "64 tips": with_head(3, b"".join(n.to_bytes(16, "big") for n in range(64))),
    "tips that are null": with_head(3, None),
    "a push of nothing": [2, LINE, []],
    "a push of 513 statements": [2, LINE, [b""] * 513],
    "a statement of 32769 bytes": [2, LINE, [bytes(32_769)]],
    "a statement as text": [2, LINE, ["x"]],
    "2001 receipts": [3, LINE, [b""] * 2001],
    "a receipt as an array": [3, LINE, [[1]]],
    "a charter as an array": [4, LINE, [CHARTER]],
}


def build() -> dict[str, object]:
    """The files of this script."""
    return {
        "envelope/accept.json": {
            "about": "Sync envelopes to take. Statements and charters in them are judged later.",
            "cases": [
                {
                    "name": name,
                    "kind": KINDS[int(str(parts[0]))],
                    "line": LINE.hex(),
                    "parts": statement.text(parts[2:]),
                    "envelope": cbor(parts).hex(),
                }
                for name, parts in ACCEPT.items()
            ],
        },
        "envelope/refuse.json": {
            "about": "Sync envelopes to refuse whole, and the code.",
            "cases": [
                {"name": name, "code": code, "envelope": data.hex()}
                for name, code, data in refused()
            ],
        },
    }


def refused() -> list[tuple[str, str, bytes]]:
    """Names, codes and bytes."""
    out = [(name, "envelope.form", cbor(parts)) for name, parts in REFUSE.items()]
    good = cbor(ACCEPT["one statement"])
    out += [
        ("a map", "envelope.form", cbor({1: LINE})),
        ("a number", "envelope.form", b"\x01"),
        ("a receipt that is none", "receipt.form", cbor([3, LINE, [b"\x00"]])),
        ("a receipt that is no CBOR", "encode.unsupported", cbor([3, LINE, [b"\xff"]])),
        ("an open length", "encode.unsupported", b"\x9f" + good[1:] + b"\xff"),
        ("a length not in its shortest form", "encode.noncanonical", b"\x98\x03" + good[1:]),
        ("a tag", "encode.unsupported", b"\xc1" + good),
        ("seven levels deep", "encode.too_deep", cbor([2, LINE, [[[[[[0]]]]]]])),
        ("more items than there are bytes", "encode.truncated", b"\x99\xea\x60\x00"),
        ("more than 60000 items", "encode.too_many", b"\x99\xea\x61\x00"),
        ("a byte too many", "encode.trailing", good + b"\x00"),
        ("a byte too few", "encode.truncated", good[:-1]),
        ("nothing", "encode.truncated", b""),
    ]
    return out
