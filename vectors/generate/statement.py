"""Vectors of statements: what is signed, what it says, and what a reader refuses.

Every refused statement is well signed by its station unless its name says otherwise, so that a
reader who only checks signatures fails here. The other way round, ``signed.json`` holds statements
of good form whose signature does not count.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import hashlib

from nacl.signing import SigningKey
from people import PROTECTED, cbor, party, seed, sign1

Case = dict[str, object]
Map = dict[int, object]

DRILL = "SPRING-TIDE"
ALPHA = party("ALPHA", "Force Alpha")
LINE, LIFE = seed("line", 16), seed("incarnation", 8)
STATION = ALPHA.station_id("main")
KEY = SigningKey(seed("ALPHA  main sign"))
TIME_MS = 1_668_523_440_000
BEFORE = seed("the statement before")
TIPS = sorted([seed("tip 1", 16), seed("tip 2", 16)])

KINDS = {
    "OPEN": 0, "MESSAGE": 1, "ACKNOWLEDGE": 2, "READ_BACK": 3, "PASS_ON": 4, "TEST": 5,
    "SUSPEND": 6, "RESUME": 7, "SILENCE": 8, "WATCH": 9, "JOINT": 10, "ASSENT": 11,
}  # fmt: skip
ROLES = {"STATION": 0, "WATCH_OFFICER": 1, "TREATY_OFFICER": 2, "RELEASER": 3}
PRECEDENCES = {"ROUTINE": 0, "PRIORITY": 1, "IMMEDIATE": 2, "FLASH": 3}
REF_ROLES = {
    "ANSWERS": 1, "CORRECTS": 2, "CANCELS": 3, "SUPERSEDES": 4, "PREDECESSOR": 5, "CONCERNS": 6,
}  # fmt: skip
TARGET = seed("a target")
HOLD = [seed("a log", 8), 7, seed("its last")]
MESSAGE: Map = {9: 1, 11: 1, 16: {1: "One drone fell short of the border.", 2: "en"}}


def aad(realm: str) -> bytes:
    """The external data under every statement signature of a realm."""
    return b"tieline-statement-v1\x00" + realm.encode()


def payload(changes: Map, *, first: bool = False) -> Map:
    """A good payload as a map, with some fields changed; ``None`` takes a field out."""
    good: Map = {1: LINE, 2: STATION, 3: LIFE, 4: 4, 5: BEFORE, 7: TIME_MS, 8: 0, 10: 1}
    if first:
        good[4] = 0
        del good[5]
    return {key: value for key, value in (good | changes).items() if value is not None}


def statement(fields: Map, realm: str = "", key: SigningKey = KEY) -> bytes:
    """The statement of any map."""
    return sign1(key, aad(realm), cbor(fields))


def text(value: object) -> str:
    """A value in CBOR diagnostic notation (RFC 8949 section 8)."""
    if isinstance(value, bytes):
        return f"h'{value.hex()}'"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(text(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {text(v)}" for k, v in sorted(value.items())) + "}"
    return str(value)


ACCEPT: dict[str, tuple[Map, str]] = {
    "the first of a log": ({9: 0, 16: {6: "first start"}}, ""),
    "a message": (MESSAGE, ""),
    "a message with what its author had read": (MESSAGE | {6: TIPS}, ""),
    "a coded FLASH with references": (
        {8: 3, 9: 1, 11: 3, 12: ["BRAVO", "CHARLIE"], 13: 3, 6: TIPS, 14: ["crisis/misfire", 2],
         15: [TARGET, 2, BEFORE, 5], 16: {3: {1: 1, 2: [54, 30], 3: b"\x07", 9: "FL 340"}}},
        "",
    ),
    "a message in an exercise": (MESSAGE, DRILL),
    "a message that asks for nothing": (MESSAGE | {13: 0}, ""),
    "a cancellation": ({9: 1, 11: 1, 15: [TARGET, 3], 13: 0}, ""),
    "an acknowledgement": ({9: 2, 11: 1, 15: [TARGET, 1]}, ""),
    "a read-back": (
        {9: 3, 11: 2, 15: [TARGET, 1],
         16: {1: "\u0412\u044b \u0433\u043e\u0432\u043e\u0440\u0438\u0442\u0435", 2: "ru"}},
        "",
    ),
    "a pass-on": ({9: 4, 11: 1, 15: [TARGET, 1], 16: {4: "Air Control North", 5: TIME_MS}}, ""),
    "a line test": ({9: 5, 16: {1: "A quiet baker. 0123456789", 8: 19312, 9: [HOLD]}}, ""),
    "a suspension": ({8: 2, 9: 6, 11: 1, 16: {6: "the building is evacuated"}}, ""),
    "a resumption without a cause": ({9: 7, 11: 1}, ""),
    "a silence": (
        {9: 8, 15: [TARGET, 6], 16: {6: "no route", 11: 2, 12: "BRAVO", 13: TIME_MS, 14: 3}}, "",
    ),
    "an unstaffed watch": ({9: 9, 11: 1, 16: {6: "night", 7: False}}, ""),
    "a joint statement": (
        {8: 1, 9: 10, 11: 2, 16: {1: "We agree on the facts.", 2: "en", 10: ["ALPHA", "BRAVO"]}},
        "",
    ),
    "an assent": ({9: 11, 11: 2, 15: [TARGET, 1]}, ""),
    "an assent without prejudice": ({9: 11, 11: 2, 13: 1, 15: [TARGET, 1], 16: {17: True}}, ""),
    "a message without prejudice, through a mediator": (
        {9: 1, 11: 1, 16: {1: "They will withdraw.", 2: "en", 17: True, 18: "BRAVO"}}, "",
    ),
    "an acknowledgement through a mediator": (
        {9: 2, 11: 1, 15: [TARGET, 1], 16: {18: "the local commander"}}, "",
    ),
    "a suspension without prejudice": ({9: 6, 11: 1, 16: {6: "talks", 17: True}}, ""),
    "a joint statement with an effective time": (
        {8: 2, 9: 10, 11: 2, 15: [TARGET, 5],
         16: {1: "All firing stops.", 2: "en", 10: ["ALPHA", "BRAVO"], 15: TIME_MS + 3_600_000}},
        "",
    ),
    "a joint statement on a form, which a late signature still binds": (
        {8: 2, 9: 10, 11: 2, 14: ["crisis/hold", 2],
         16: {1: "", 2: "en", 10: ["ALPHA", "BRAVO"], 15: TIME_MS, 16: True, 17: True,
              19: {1: 3, 2: [TIME_MS // 1000, 60]}}},
        "",
    ),
    "the last instant and the highest numbers": (
        {**MESSAGE, 4: 2**48, 7: 253_402_300_799_999, 10: 2**16}, "",
    ),
    "keys of a newer version": (
        MESSAGE | {17: "later", 900: [1, {7: b""}], 16: {1: "Text", 2: "en", 20: True}}, "",
    ),
    "a kind of a newer version": ({9: 60, 16: {1: 5}}, ""),
}  # fmt: skip


def build() -> dict[str, object]:
    """The files of this script."""
    return {
        "statement/accept.json": {
            "about": "Statements to take, under the station's key, with what they say.",
            "key": bytes(KEY.verify_key).hex(),
            "cases": [accepted(name, fields, realm) for name, (fields, realm) in ACCEPT.items()],
        },
        "statement/refuse.json": {
            "about": "Bytes that are no statement, and the code. All but the last few are signed.",
            "cases": [
                {"name": name, "code": code, "statement": data.hex()}
                for name, code, data in refused()
            ],
        },
        "statement/signed.json": signed(),
        "statement/flips.json": {
            "about": "Of this statement every single changed bit, every shorter beginning, and one"
            " byte more must be refused: by its form or by its signature.",
            "key": bytes(KEY.verify_key).hex(),
            "realm": "",
            "statement": statement(payload(MESSAGE | {6: TIPS})).hex(),
        },
    }


def accepted(name: str, changes: Map, realm: str) -> Case:
    """A statement with everything that it says."""
    fields = payload(changes, first=changes.get(9) == 0)
    raw = statement(fields, realm)
    kinds = {number: name for name, number in KINDS.items()}
    kind = kinds.get(int(str(fields[9])), "UNKNOWN")
    log = hashlib.sha256(b"tieline-log-v1\x00" + LINE + STATION + LIFE).digest()[:8]
    return {
        "name": name,
        "realm": realm,
        "statement": raw.hex(),
        "digest": hashlib.sha256(b"\x00" + raw).hexdigest(),
        "log": log.hex(),
        "to_sign": cbor(["Signature1", PROTECTED, aad(realm), cbor(fields)]).hex(),
        "payload": text(fields),
        "kind": kind,
        "precedence": next(n for n, v in PRECEDENCES.items() if v == fields[8]),
        "role": next(n for n, v in ROLES.items() if v == fields.get(11, 0)),
        "asks_for": asks_for(fields, kind),
        "refs": refs(fields.get(15)),
        "unknown": sorted(unknown(fields, kind)),
    }


def unknown(fields: Map, kind: str) -> list[int]:
    """The keys of newer versions; 16 when the body has one."""
    body = fields.get(16, {})
    newer = isinstance(body, dict) and any(key > 19 for key in body)
    first = [9] if kind == "UNKNOWN" else [16] if newer else []
    return first + [key for key in fields if key > 16]


def asks_for(fields: Map, kind: str) -> list[str]:
    """The rungs that a statement asks of its readers."""
    usual = 1 if kind in {"MESSAGE", "TEST", "JOINT"} else 0
    mask = int(str(fields.get(13, usual)))
    names = ("ACKNOWLEDGED", "READ_BACK", "PASSED_ON")
    return [name for bit, name in enumerate(names) if mask >> bit & 1]


def refs(flat: object) -> list[list[str]]:
    """References as pairs of digest and role."""
    if not isinstance(flat, list):
        return []
    roles = {number: name for name, number in REF_ROLES.items()}
    return [[flat[at].hex(), roles[flat[at + 1]]] for at in range(0, len(flat), 2)]


# Changes of a good message, and the code of the refusal of each.
FIELD, BODY, REFS = "statement.field", "statement.body", "statement.references"
BAD: dict[str, tuple[str, Map]] = {
    "a line id of 15 bytes": (FIELD, {1: LINE[1:]}),
    "a station id of 9 bytes": (FIELD, {2: STATION + b"\0"}),
    "an incarnation as text": (FIELD, {3: "incarnat"}),
    "a position below zero": (FIELD, {4: -1}),
    "a position beyond 2^48": (FIELD, {4: 2**48 + 1}),
    "a position that is true": (FIELD, {4: True}),
    "a predecessor of the first statement": ("statement.previous", {4: 0}),
    "no predecessor of a later one": ("statement.previous", {5: None}),
    "a predecessor of 31 bytes": (FIELD, {5: BEFORE[1:]}),
    "an empty seen": ("statement.seen", {6: []}),
    "seen out of order": ("statement.seen", {6: TIPS[::-1]}),
    "seen with one digest twice": ("statement.seen", {6: [TIPS[0], TIPS[0]]}),
    "seen with a whole digest": ("statement.seen", {6: [BEFORE]}),
    "seen with a number": ("statement.seen", {6: [7]}),
    "seen with 513 digests": (
        "statement.seen", {6: sorted(seed(f"tip {n}", 16) for n in range(513))},
    ),
    "a time after the year 9999": (FIELD, {7: 253_402_300_800_000}),
    "a time below zero": (FIELD, {7: -1}),
    "no time": (FIELD, {7: None}),
    "an unknown precedence": ("statement.precedence", {8: 4}),
    "the reserved kind": ("statement.kind", {9: 255}),
    "no kind": (FIELD, {9: None}),
    "a charter version beyond 65536": (FIELD, {10: 65_537}),
    "the default role, written": ("statement.role", {11: 0}),
    "an unknown role": ("statement.role", {11: 4}),
    "no addressee": ("statement.addressees", {12: []}),
    "addressees out of order": ("statement.addressees", {12: ["BRAVO", "ALPHA"]}),
    "one addressee twice": ("statement.addressees", {12: ["BRAVO", "BRAVO"]}),
    "an addressee in small letters": ("statement.addressees", {12: ["bravo"]}),
    "an addressee with a final newline": ("statement.addressees", {12: ["BRAVO\n"]}),
    "65 addressees": ("statement.addressees", {12: [f"P{n}" for n in range(100, 165)]}),
    "the default wants, written": ("statement.wants", {13: 1}),
    "wants beyond the rungs": (FIELD, {13: 8}),
    "a form without a version": ("statement.form", {14: ["crisis/misfire"]}),
    "a form without a name": ("statement.form", {14: ["", 1]}),
    "a form with a line break in its name": ("statement.form", {14: ["crisis\nmisfire", 1]}),
    "a form name of 65 characters": ("statement.form", {14: ["f" * 65, 1]}),
    "a form name beyond ASCII": ("statement.form", {14: ["crisis/\u0441", 1]}),
    "a form version that is true": ("statement.form", {14: ["crisis/misfire", True]}),
    "no reference in the list": (REFS, {15: []}),
    "a reference without a role": (REFS, {15: [TARGET]}),
    "a reference with an unknown role": (REFS, {15: [TARGET, 7]}),
    "a reference of 16 bytes": (REFS, {15: [TARGET[:16], 1]}),
    "one reference twice": (REFS, {15: [TARGET, 2, TARGET, 2]}),
    "17 references": (REFS, {15: [part for n in range(17) for part in (seed(f"r {n}"), 6)]}),
    "an acknowledgement of nothing": (REFS, {9: 2, 16: None}),
    "an acknowledgement that only concerns": (REFS, {9: 2, 15: [TARGET, 6], 16: None}),
    "an assent that names its target second": (
        REFS, {9: 11, 15: [BEFORE, 6, TARGET, 1], 16: None},
    ),
    "a body that is an array": (FIELD, {16: [1]}),
    "an empty body": (BODY, {16: {}}),
    "a text without a language": (BODY, {16: {1: "Text"}}),
    "a language with a space": (BODY, {16: {1: "Text", 2: "en us"}}),
    "an empty language": (BODY, {16: {1: "Text", 2: ""}}),
    "a text of 12001 characters": ("statement_body.field", {16: {1: "x" * 12_001, 2: "en"}}),
    "a text that is bytes": ("statement_body.field", {16: {1: b"Text", 2: "en"}}),
    "a text that is null": ("statement_body.field", {16: {1: None, 2: "en"}}),
    "a field of another kind": (BODY, {16: {1: "Text", 2: "en", 7: True}}),
    "fields that are an array": ("statement_body.field", {16: {3: [1]}}),
    "a read-back without words": (BODY, {9: 3, 15: [TARGET, 1], 16: None}),
    "a pass-on without a unit": (BODY, {9: 4, 15: [TARGET, 1], 16: {5: TIME_MS}}),
    "a unit of 201 characters": (
        "statement_body.field", {9: 4, 15: [TARGET, 1], 16: {4: "x" * 201, 5: TIME_MS}},
    ),
    "a test without a slot": (BODY, {9: 5, 16: {1: "Text", 9: []}}),
    "a test that holds nothing of a log": (
        BODY, {9: 5, 16: {1: "Text", 8: 1, 9: [[HOLD[0], 0, HOLD[2]]]}},
    ),
    "a test that holds half a log": (BODY, {9: 5, 16: {1: "Text", 8: 1, 9: [HOLD[:2]]}}),
    "a suspension without a cause": (BODY, {9: 6, 16: None}),
    "a silence on no rung": (
        "statement.rung", {9: 8, 16: {11: 6, 12: "BRAVO", 13: TIME_MS, 14: 0}},
    ),
    "a silence of nobody": (
        "statement.party", {9: 8, 16: {11: 2, 12: "", 13: TIME_MS, 14: 0}},
    ),
    "a watch that says neither": (BODY, {9: 9, 16: {6: "night"}}),
    "a watch staffed by a number": ("statement_body.field", {9: 9, 16: {7: 1}}),
    "a joint statement of nobody": (
        "statement.parties", {9: 10, 16: {1: "Text", 2: "en", 10: []}},
    ),
    "a joint statement that may not bind late": (
        BODY, {9: 10, 16: {1: "Text", 2: "en", 10: ["ALPHA"], 15: TIME_MS, 16: False}},
    ),
    "a joint statement that binds late, of no time": (
        BODY, {9: 10, 16: {1: "Text", 2: "en", 10: ["ALPHA"], 16: True}},
    ),
    "a joint statement after the year 9999": (
        "statement_body.field",
        {9: 10, 16: {1: "Text", 2: "en", 10: ["ALPHA"], 15: 253_402_300_800_000}},
    ),
    "terms of no form": (BODY, {9: 10, 16: {1: "", 2: "en", 10: ["ALPHA"], 19: {1: 1}}}),
    "terms that are an array": (
        "statement_body.field",
        {9: 10, 14: ["crisis/hold", 1], 16: {1: "", 2: "en", 10: ["ALPHA"], 19: [1]}},
    ),
    "a joint statement with the fields of a message": (
        BODY, {9: 10, 14: ["crisis/hold", 1], 16: {1: "", 2: "en", 3: {1: 1}, 10: ["ALPHA"]}},
    ),
    "a message with an effective time": (BODY, {16: {1: "Text", 2: "en", 15: TIME_MS}}),
    "a message with prejudice": (BODY, {16: {1: "Text", 2: "en", 17: False}}),
    "a message without prejudice by a number": (
        "statement_body.field", {16: {1: "Text", 2: "en", 17: 1}},
    ),
    "a line test without prejudice": (BODY, {9: 5, 16: {1: "Text", 8: 1, 9: [], 17: True}}),
    "a message through nobody": (BODY, {16: {1: "Text", 2: "en", 18: ""}}),
    "a message through a name of 81 characters": (
        "statement_body.field", {16: {1: "Text", 2: "en", 18: "x" * 81}},
    ),
    "an assent through another": (BODY, {9: 11, 15: [TARGET, 1], 16: {18: "BRAVO"}}),
    "joint parties out of order": (
        "statement.parties", {9: 10, 16: {1: "Text", 2: "en", 10: ["BRAVO", "ALPHA"]}},
    ),
}  # fmt: skip


def refused() -> list[tuple[str, str, bytes]]:
    """Names, codes and bytes."""
    out = [
        (name, code, statement(payload(MESSAGE | changes))) for name, (code, changes) in BAD.items()
    ]
    good = cbor(payload(MESSAGE))
    whole = statement(payload(MESSAGE))
    other_alg = bytes.fromhex("a10126")
    # The same map with one more key, once out of order and once twice.
    more = bytes((good[0] + 1,)) + good[1:]
    out += [
        ("a payload that is no map", FIELD, sign1(KEY, aad(""), cbor([1, 2]))),
        ("a payload that is no CBOR", "encode.unsupported", sign1(KEY, aad(""), b"\xff")),
        ("an empty payload", "encode.truncated", sign1(KEY, aad(""), b"")),
        ("keys out of order", "encode.unsorted", sign1(KEY, aad(""), more + b"\x01\x41\x00")),
        ("a key twice", "encode.duplicate_key", sign1(KEY, aad(""), more + b"\x10\xa0")),
        ("a number not in its shortest form", "encode.noncanonical",
         sign1(KEY, aad(""), good.replace(b"\x08\x00", b"\x08\x18\x00", 1))),
        ("a byte after the payload's map", "encode.trailing", sign1(KEY, aad(""), good + b"\0")),
        ("nine levels deep", "encode.too_deep",
         statement(payload(MESSAGE | {17: [[[[[[[[0]]]]]]]]}))),
        ("more than 4096 items", "encode.too_many",
         statement(payload(MESSAGE | {17: [0] * 4096}))),
        ("more than 32768 bytes", "encode.too_large",
         statement(payload(MESSAGE | {17: bytes(32_768)}))),
        ("another algorithm", "sign1.protected", sign1(KEY, aad(""), good, other_alg)),
        ("an unprotected header", "sign1.unprotected",
         sign1(KEY, aad(""), good, PROTECTED, {4: b"key"})),
        ("a tag around it", "encode.unsupported", b"\xd2" + whole),
        ("five parts", "sign1.shape", b"\x85" + whole[1:] + b"\x00"),
        ("a signature of 63 bytes", "sign1.signature",
         cbor([PROTECTED, {}, good, whole[-64:][:63]])),
        ("a detached payload", "sign1.payload", cbor([PROTECTED, {}, None, whole[-64:]])),
        ("a byte too many", "encode.trailing", whole + b"\x00"),
        ("a byte too few", "encode.truncated", whole[:-1]),
        ("nothing", "encode.truncated", b""),
    ]  # fmt: skip
    return out


def signed() -> dict[str, object]:
    """Statements of good form, read in a realm, and whether the station's signature counts."""
    fields = payload(MESSAGE)
    good, drill = statement(fields), statement(fields, DRILL)
    cut = cbor([PROTECTED, {}, cbor(payload(MESSAGE | {8: 3})), good[-64:]])
    cases = {
        "by its station": (good, "", True),
        "in its exercise": (drill, DRILL, True),
        "exercise traffic read as real": (drill, "", False),
        "real traffic read as an exercise": (good, DRILL, False),
        "traffic of another exercise": (drill, "AUTUMN-TIDE", False),
        "by the root of its party": (statement(fields, "", ALPHA.root), "", False),
        "with a raised precedence": (cut, "", False),
        "signed as a card": (sign1(KEY, b"tieline-card-v1", cbor(fields)), "", False),
        "signed without external data": (sign1(KEY, b"", cbor(fields)), "", False),
        "a signature of zeros": (good[:-64] + bytes(64), "", False),
    }
    return {
        "about": "Statements of good form. 'counts' says whether the signature is the station's"
        " in the realm in which it is read; one that does not count is refused with"
        " statement.forged.",
        "key": bytes(KEY.verify_key).hex(),
        "cases": [
            {"name": name, "realm": realm, "statement": raw.hex(), "counts": counts}
            for name, (raw, realm, counts) in cases.items()
        ],
    }
