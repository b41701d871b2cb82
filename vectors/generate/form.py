"""Vectors of form fields: values as they travel, whole messages against a form, check words.

The text beside a value is the notation that every text form shares (docs/text-forms.md).
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import hashlib

from people import cbor

Case = dict[str, object]

CODES = {"1": "shot", "2": "fall", "7": "flight"}
ALL = ["not-known", "withheld", "nil"]
LAST_S = 253_402_300_799  # 9999-12-31T23:59:59Z

VALUES: list[tuple[str, object, str]] = [
    ("code", 7, "7"),
    ("count", 0, "0"),
    ("count", 13_100, "13100"),
    ("count", (13_100, 500), "13100 +-500"),
    ("time", 1_668_523_200, "151440Z NOV 22"),
    ("time", 0, "010000Z JAN 70"),
    ("time", 3_155_759_940, "312359Z DEC 69"),
    ("time", 3_155_760_000, "2070-01-01T00:00:00Z"),
    ("time", 1_709_164_799, "2024-02-28T23:59:59Z"),
    ("time", 1_709_164_800, "290000Z FEB 24"),
    ("time", LAST_S, "9999-12-31T23:59:59Z"),
    ("time", (1_668_523_200, 300), "151440Z NOV 22 +-300 S"),
    ("date", 0, "1970-01-01"),
    ("date", 19_782, "2024-02-29"),
    ("date", 2_932_896, "9999-12-31"),
    ("position", (505_000_000, 238_000_000, 0), "50.5N 23.8E"),
    ("position", (-339_000_001, -707_000_000, 2000), "33.9000001S 70.7W +-2000 M"),
    ("position", (900_000_000, 0, 5), "90N 0E +-5 M"),
    ("position", (0, 1_800_000_000, 0), "0N 180E"),
    ("position", (0, -1_799_999_999, 0), "0N 179.9999999W"),
    ("position", (505_000_000, 238_000_000, 0, "ED50"), '50.5N 23.8E DATUM "ED50"'),
    ("position", (1, 1, 1, "", '5"'), '0.0000001N 0.0000001E +-1 M TYPED "5\\u{22}"'),
    ("area", (2, 0, 0, 1), "CIRCLE 0N 0E RADIUS 1 M"),
    ("area", (1, (0, 0, 0, 10_000_000, 10_000_000, 0)), "POLYGON 0N 0E, 0N 1E, 1N 0E"),
    ("route", ((0, 0, None), (10_000_000, 0, 60)), "ROUTE 0N 0E, 1N 0E AT 010001Z JAN 70"),
    ("unit", "HQ 2 Bde", "HQ 2 Bde"),
    ("party", "ALPHA", "ALPHA"),
    ("serial", 1, "1"),
    ("text", "a\nb", "a\\nb"),
    ("text", "[NIL]", "\\[NIL]"),
    ("text", "a\u202eb  \\", "a\\u{202E}b \\u{20}\\\\"),
    ("text", "тревога", "тревога"),
    ("hash", bytes(range(32)), bytes(range(32)).hex().upper()),
    ("text", None, "[NOT KNOWN]"),
    ("count", True, "[WITHHELD]"),
    ("group", False, "[NIL]"),
]

REFUSED: dict[str, list[tuple[str, object]]] = {
    "field.shape": [
        ("code", "7"),
        ("count", (5, 0)),
        ("count", (5, 1, 1)),
        ("count", (True, 5)),
        ("time", "151440Z NOV 22"),
        ("position", (1, 2)),
        ("position", (1, 2, 3, "")),
        ("position", (1, 2, 3, "", "")),
        ("position", (1, 2, 3, "", "", "")),
        ("area", (1, (1, 2, 3, 4, 5))),
        ("area", (3, (1, 2, 3, 4, 5, 6))),
        ("area", (True, (1, 2, 3, 4, 5, 6))),
        ("route", ((1, 2), (3, 4))),
        ("route", ((1, 2, True), (3, 4, None))),
        ("text", b"a"),
        ("hash", "a"),
        ("group", 1),
    ],
    "field.code": [("code", 3)],
    "field.range": [("count", -1), ("count", (5, -1)), ("serial", 0)],
    "field.time": [("time", -1), ("time", LAST_S + 1), ("time", (0, 10**9)), ("date", 2_932_897)],
    "field.place": [
        ("position", (900_000_001, 0, 0)),
        ("position", (0, -1_800_000_000, 0)),
        ("position", (0, 1_800_000_001, 0)),
        ("position", (0, 0, -1)),
        ("position", (0, 0, 0, "a\nb")),
        ("area", (2, 0, 0, 0)),
        ("area", (1, (0, 0, 1, 1))),
        ("route", ((0, 0, None),)),
    ],
    "field.blank": [("text", ""), ("text", " a"), ("unit", "a ")],
    "field.long": [("text", "a" * 2001), ("unit", "a" * 81)],
    "field.lines": [("unit", "a\nb")],
    "field.party": [("party", "alpha"), ("party", "A" * 13)],
    "field.hash": [("hash", bytes(31))],
}

FORM: list[Case] = [
    {"number": 1, "id": "event", "type": "code", "required": True},
    {
        "number": 4,
        "id": "phases",
        "type": "group",
        "repeat": [1, 2],
        "specials": ["nil"],
        "fields": [
            {"number": 1, "id": "troops", "type": "count", "required": True, "high": 50_000},
            {"number": 2, "id": "unit", "type": "unit", "specials": ["withheld"]},
        ],
    },
    {"number": 5, "id": "note", "type": "text", "max_chars": 5},
]

MESSAGES: list[tuple[dict[int, object], dict[str, str], list[tuple[str, str]]]] = [
    ({1: 7}, {"event": "7"}, []),
    (
        {1: 1, 4: [{1: 9000}, {1: 13_100, 2: True}], 5: "more"},
        {
            "event": "1",
            "phases[1].troops": "9000",
            "phases[2].troops": "13100",
            "phases[2].unit": "[WITHHELD]",
            "note": "more",
        },
        [],
    ),
    ({1: 1, 4: False}, {"event": "1", "phases": "[NIL]"}, []),
    ({}, {}, [("event", "field.missing")]),
    ({1: None}, {}, [("event", "field.special")]),
    ({1: 1, 4: []}, {"event": "1"}, [("phases", "field.repeats")]),
    ({1: 1, 4: [{1: 1}] * 3}, {"event": "1"}, [("phases", "field.repeats")]),
    ({1: 1, 4: [{}]}, {"event": "1"}, [("phases", "field.shape")]),
    (
        {1: 1, 4: [{1: 50_000}, {1: 50_001}]},
        {"event": "1", "phases[1].troops": "50000"},
        [("phases[2].troops", "field.range")],
    ),
    (
        {1: 1, 4: [{2: "HQ"}], 5: "longer"},
        {"event": "1", "phases[1].unit": "HQ"},
        [("phases[1].troops", "field.missing"), ("note", "field.long")],
    ),
    ({1: 1, 3: 0}, {"event": "1"}, [("3", "field.unknown")]),
]


# A phrase book beside a form of the same id: what an id on the wire names, and what answers what.
BOOK: Case = {
    "tag": "md",
    "version": 3,
    "forms": ["ask"],
    "phrases": [
        {"id": "ask", "code": "Q1", "response": ["R1", "R/2"], "fields": [
            {"number": 1, "id": "direction", "type": "count", "required": True, "high": 360}]},
        {"id": "heard", "code": "R1", "response": [], "fields": []},
        {"id": "not-able", "code": "R/2", "response": [], "fields": []},
    ],
}  # fmt: skip
NAMES = {
    "md/ask": "form ask", "md/:ask": "phrase ask", "md/:heard": "phrase heard",
    "md/:not-able": "phrase not-able", "md/heard": "", "md/::ask": "", "md/:": "", "md/": "",
    "md:ask": "", ":ask": "", "md/:Ask": "", "MD/:ask": "", "md/:Q1": "", "mx/:ask": "",
}  # fmt: skip
SAID: list[tuple[str, dict[int, object], dict[str, str], list[tuple[str, str]]]] = [
    ("md/:ask", {1: 95}, {"direction": "95"}, []),
    ("md/:ask", {1: (95, 5)}, {"direction": "95 +-5"}, []),
    ("md/:ask", {1: 361}, {}, [("direction", "field.range")]),
    ("md/:ask", {}, {}, [("direction", "field.missing")]),
    ("md/:heard", {}, {}, []),
    ("md/:heard", {1: 95}, {}, [("1", "field.unknown")]),
]
REPLIES = [
    ("md/:ask", "md/:heard", True), ("md/:ask", "md/:not-able", True),
    ("md/:ask", "md/:ask", False), ("md/:ask", "md/ask", False), ("md/:ask", "", False),
    ("md/:heard", "md/:ask", True), ("md/:heard", "", True),
]  # fmt: skip


def check_word(path: str, text: str) -> str:
    """Two bytes of a hash as a word (protocol.md, section 4.6)."""
    data = b"tieline-radio-v1\0" + f"{path}\0{text}".encode()
    bits = int.from_bytes(hashlib.sha256(data).digest()[:2], "big")
    consonants, vowels = "bdfghjklmnprstvz", "aiou"
    shifts = ((consonants, 12, 15), (vowels, 10, 3), (consonants, 6, 15), (vowels, 4, 3))
    word = "".join(letters[bits >> shift & mask] for letters, shift, mask in shifts)
    return word + consonants[bits & 15]


def said() -> Case:
    """The phrases."""
    return {
        "about": "Phrases of the book in 'book', which are forms on the wire. 'names': what an "
        "id names; empty: nothing. 'messages': key 14 of the statement, its fields, what reads "
        "and what is wrong as in messages.json, MSGID of the slash form (by ALPHA, number 1) "
        "and line FORM of the radio script. 'replies': whether the phrase expects the reply; "
        "an empty one is free text.",
        "book": BOOK,
        "names": NAMES,
        "messages": [
            {
                "form": cbor((name, BOOK["version"])).hex(), "fields": cbor(fields).hex(),
                "reads": reads, "faults": faults,
                "msgid": f"MSGID/{name.upper().replace('/', ' ')}/ALPHA/1/{BOOK['version']}//",
                "radio": f"FORM: {name.upper()}. CHECK {check_word('FORM', name.upper())}",
            }
            for name, fields, reads, faults in SAID
        ],
        "replies": [
            {"phrase": phrase, "reply": reply, "expected": expected}
            for phrase, reply, expected in REPLIES
        ],
    }  # fmt: skip


def build() -> dict[str, object]:
    """The files below ``vectors/form``."""
    refused = [(code, *case) for code, cases in REFUSED.items() for case in cases]
    return {
        "form/values.json": {
            "about": "One field of each type: its value as it travels, and in the notation of the "
            "text forms. The field allows all special answers and has no bounds of its own; codes "
            "are those in 'codes', by number.",
            "codes": CODES,
            "cases": [
                {"type": kind, "wire": cbor(value).hex(), "text": text}
                for kind, value, text in VALUES
            ],
        },
        "form/refuse.json": {
            "about": "Bytes that are no value of a field of this type (as in values.json), and "
            "what is wrong.",
            "cases": [
                {"code": code, "type": kind, "wire": cbor(value).hex()}
                for code, kind, value in refused
            ],
        },
        "form/messages.json": {
            "about": "Fields of whole messages against the form in 'form' (codes as in "
            "values.json). 'reads' are the answers that read, by path; 'faults' what is wrong, by "
            "path. A message with a fault is shown and counted by no rule.",
            "form": FORM,
            "cases": [
                {"fields": cbor(fields).hex(), "reads": reads, "faults": faults}
                for fields, reads, faults in MESSAGES
            ],
        },
        "form/phrases.json": said(),
        "form/checkwords.json": {
            "about": "The check word of a line of a radio script: what it names (a field's path of "
            "numbers, or a heading) and its answer.",
            "cases": [
                {"path": path, "text": text, "word": check_word(path, text)}
                for path, text in (
                    ("2", "7"), ("2", "1"), ("5.2.1", "13100 +-500"), ("FROM", "ALPHA"),
                    ("NUMBER", "12"), ("6", "тревога"),
                )
            ],
        },
    }  # fmt: skip
