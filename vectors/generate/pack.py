"""Vectors of packs: the files of a small one, its canonical bytes, its hash, and what is none.

The numbers of keys are those of the vocabulary of packs: 1 and 2 of a cited table are its paragraph
and its provenance, the others follow from 3 on, and what has its default is left out.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import hashlib

from people import cbor

DOMAIN = b"tieline-pack-v1\0"
HOUR_MS = 3_600_000

PACK = """\
format = 1
id = "golden"
tag = "go"
version = 2
paragraph = "IV"
provenance = "read"
languages = ["en", "ru"]

[[codes]]
id = "knowledge"
[[codes.item]]
number = 1
id = "know"
[[codes.item]]
number = 2
id = "do-not-know"
provenance = "unverified"

[[status]]
pair = ["ALPHA", "BRAVO"]
state = "suspended"
by = "BRAVO"
since = 2023-02-21T00:00:00Z
provenance = "memory"
"""

FORMS = """\
[[form]]
id = "ask"
number = 1
precedence = "FLASH"
flash = true
provenance = "memory"
[[form.field]]
number = 1
id = "what"
type = "code"
codes = "knowledge"
required = true
specials = ["withheld", "not-known"]
[[form.field]]
number = 4
id = "parts"
type = "group"
repeat = [1, 9]
[[form.field.field]]
number = 1
id = "troops"
type = "count"
high = 100000

[[form]]
id = "reply"
number = 2
answers = ["ask"]
to = "named"
[[form.predecessor]]
forms = ["ask"]
role = "answers"
required = true
"""

RULES = """\
[[deadline]]
id = "reply-in-time"
paragraph = "IV.2"
on = "ask"
base = "receipt"
who = "receivers"
by = ["reply"]
not_after = "48h"
when = [{ path = "what", one_of = ["know"] }]

[[threshold]]
id = "large"
provenance = "unverified"
on = "ask"
label = "large"
any_of = [{ path = "parts.troops", at_least = 9000, take = "sum" }]
"""

WORDS = {
    "pack.title": "Golden",
    "pack.source": "No agreement",
    "form.ask.title": "Question",
    "form.reply.title": "Reply",
    "field.ask.what": "What",
    "field.ask.parts": "Parts",
    "field.ask.parts.troops": "Troops",
    "code.knowledge.know": "we know",
    "code.knowledge.do-not-know": "we do not know",
    "rule.reply-in-time.title": "Reply within 48 hours",
    "rule.large.title": "Large",
    "large": "large",
}
RUSSIAN = {"form.ask.title": "Вопрос"}


def words_file(words: dict[str, str], *, verified: bool, by: str = "") -> str:
    """A words file as an author writes it."""
    head = f"verified = {str(verified).lower()}\n" + (f'by = "{by}"\n' if by else "")
    return head + "\n[words]\n" + "".join(f'"{key}" = "{text}"\n' for key, text in words.items())


def flat(words: dict[str, str]) -> list[str]:
    """Keys and texts in turn, by key."""
    return [part for key in sorted(words) for part in (key, words[key])]


HEADER = {
    1: "IV", 2: "read", 3: 1, 4: "golden", 5: "go", 6: 2, 7: ["en", "ru"],
    8: [{
        1: "IV", 2: "read", 3: "knowledge",
        4: [
            {1: "IV", 2: "read", 3: 1, 4: "know"},
            {1: "IV", 2: "unverified", 3: 2, 4: "do-not-know"},
        ],
    }],
    9: [{1: "IV", 2: "memory", 3: ["ALPHA", "BRAVO"], 4: "suspended", 5: "BRAVO",
         6: 1_676_937_600_000}],
}  # fmt: skip
ASK = {
    1: "IV", 2: "memory", 3: "ask", 4: 1,
    5: [
        {1: "IV", 2: "memory", 3: 1, 4: "what", 5: "code", 6: True, 7: "knowledge",
         8: ["not-known", "withheld"]},
        {1: "IV", 2: "memory", 3: 4, 4: "parts", 5: "group", 12: [1, 9],
         13: [{1: "IV", 2: "memory", 3: 1, 4: "troops", 5: "count", 10: 100_000}]},
    ],
    7: "FLASH", 12: True,
}  # fmt: skip
REPLY = {
    1: "IV", 2: "read", 3: "reply", 4: 2, 6: "named", 8: ["ask"],
    9: [{1: "IV", 2: "read", 3: ["ask"], 4: "answers", 5: True}],
}  # fmt: skip
IN_TIME = {
    0: 1, 1: "IV.2", 2: "read", 3: "reply-in-time", 4: "ask", 5: "receipt", 7: "receivers",
    9: ["reply"], 12: 48 * HOUR_MS, 14: [{3: "what", 4: ["know"]}],
}  # fmt: skip
LARGE = {
    0: 2, 1: "IV", 2: "unverified", 3: "large", 4: "ask", 5: "large",
    6: [{3: "parts.troops", 4: 9000, 5: "sum"}],
}  # fmt: skip
ENGLISH = {3: True, 4: "the authors", 5: flat(WORDS)}
OTHER = {3: False, 5: flat(RUSSIAN)}
PARTS: dict[int, object] = {
    0: HEADER, 1: [ASK, REPLY], 2: [], 3: [IN_TIME, LARGE], 4: [ENGLISH, OTHER],
}  # fmt: skip


def _refused() -> list[dict[str, object]]:
    body = cbor(PARTS)
    parts: dict[str, dict[int, object]] = {
        "a default that is written out": {**PARTS, 1: [{**ASK, 13: True}, REPLY]},
        "an unknown key": {**PARTS, 1: [{**ASK, 40: 1}, REPLY]},
        "a newer format": {**PARTS, 0: {**HEADER, 3: 2}},
        "an unknown kind of rule": {**PARTS, 3: [{**IN_TIME, 0: 7}, LARGE]},
        "a form twice": {**PARTS, 1: [ASK, REPLY, REPLY]},
        "words out of order": {
            **PARTS,
            4: [{**ENGLISH, 5: [*flat(WORDS)[2:], *flat(WORDS)[:2]]}, OTHER],
        },
        "a language without words": {**PARTS, 4: [ENGLISH]},
        "no rules part": {key: part for key, part in PARTS.items() if key != 3},
        "special answers out of order": {
            **PARTS,
            1: [{**ASK, 5: [{**ASK[5][0], 8: ["withheld", "not-known"]}, ASK[5][1]]}, REPLY],
        },
    }
    cases = [
        {"name": name, "body": cbor(each), "code": "pack.bytes"} for name, each in parts.items()
    ]
    cases += [
        {"name": "a byte too many", "body": body + b"\0", "code": "encode.trailing"},
        {"name": "a byte too few", "body": body[:-1], "code": "encode.truncated"},
        {
            "name": "a rule on a form that is not there",
            "body": cbor({**PARTS, 3: [{**IN_TIME, 4: "query"}, LARGE]}),
            "code": "pack.unfit",
        },
        {
            "name": "a text that English lacks",
            "body": cbor({**PARTS, 4: [{**ENGLISH, 5: flat(WORDS)[2:]}, OTHER]}),
            "code": "pack.unfit",
        },
    ]
    return [{**case, "body": bytes(case["body"]).hex()} for case in cases]  # type: ignore[call-overload]


def build() -> dict[str, object]:
    """The files of this folder."""
    body = cbor(PARTS)
    return {
        "pack/accept.json": {
            "about": "A pack: the files that an author writes, its canonical encoding, and its "
            "hash, SHA-256 over 'tieline-pack-v1' with a zero byte and the encoding. Read the "
            "bytes and write them again; make the same bytes from the files.",
            "cases": [
                {
                    "name": "golden",
                    "files": {
                        "pack.toml": PACK,
                        "forms.toml": FORMS,
                        "rules.toml": RULES,
                        "words/en.toml": words_file(WORDS, verified=True, by="the authors"),
                        "words/ru.toml": words_file(RUSSIAN, verified=False),
                    },
                    "body": body.hex(),
                    "hash": hashlib.sha256(DOMAIN + body).hexdigest(),
                }
            ],
        },
        "pack/refuse.json": {
            "about": "Bytes that are no canonical encoding of a pack, or of one that does not fit "
            "together.",
            "cases": _refused(),
        },
    }
