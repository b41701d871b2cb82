"""Evidence files of version 2: packs, the statements on their forms, and packs that are none.

What a reader must find of each statement is written out by hand below, beside the statement.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from evidence import MAGIC, Found, Packed, Said, Story, found, pack
from evidence_cases import Cases, everything
from pack import DOMAIN, flat
from people import cbor

Map = dict[int, object]

DESIGN: Map = {2: "design"}


def cited(provenance: str, table: Map, paragraph: str = "") -> Map:
    """A table with where it comes from."""
    return ({1: paragraph} if paragraph else {}) | {2: provenance} | table


def field(number: int, name: str, kind: str, more: Map | None = None, *, sure: str = "read") -> Map:
    """A field of a form."""
    return cited(sure, {3: number, 4: name, 5: kind} | (more or {}), "IV")


PARTS = [
    field(1, "troops", "count", {6: True, 10: 50_000}),
    field(2, "pieces", "group", {12: [0, 2], 13: [field(1, "name", "unit")]}),
]
ALL = cited("memory", {
    3: "all", 4: 1,
    5: [
        field(1, "what", "code", {6: True, 7: "knowledge", 8: ["not-known", "withheld"]}),
        field(2, "count", "count", {9: -5, 10: 100_000}),
        field(3, "when", "time", {8: ["nil"]}),
        field(4, "day", "date"),
        field(5, "where", "position", {8: ["withheld"]}, sure="unverified"),
        field(6, "zone", "area"),
        field(7, "way", "route"),
        field(8, "unit", "unit"),
        field(9, "party", "party"),
        field(10, "serial", "serial"),
        field(11, "note", "text", {11: 40}),
        field(12, "paper", "hash"),
        field(30, "parts", "group", {12: [1, 2], 13: PARTS}),
    ],
    13: "no-blame",
}, "IV.2")  # fmt: skip
ASK = cited("read", {
    3: "ask", 4: 2, 5: [field(1, "what", "code", {7: "knowledge"})], 7: "FLASH",
    9: [cited("read", {3: ["all"], 4: "answers", 5: True})], 40: "of a newer pack",
})  # fmt: skip
KNOWLEDGE = cited("read", {
    3: "knowledge",
    4: [cited("read", {3: 1, 4: "know"}), cited("unverified", {3: 2, 4: "do-not-know"})],
})  # fmt: skip
HEADING = cited("read", {
    3: "heading", 4: 1, 5: "C1", 6: [field(1, "degrees", "count", {6: True, 10: 360})],
    7: ["C2"],
}, "V")  # fmt: skip
HEARD = cited("read", {3: "heard", 4: 2, 5: "C2"}, "V")
ENGLISH = {
    "code.knowledge.do-not-know": "we do not know",
    "code.knowledge.know": "we know",
    "field.all.count": "How many",
    "field.all.day": "Day",
    "field.all.note": "In words",
    "field.all.paper": "Document",
    "field.all.parts": "Parts",
    "field.all.parts.pieces": "Pieces",
    "field.all.parts.pieces.name": "Name",
    "field.all.parts.troops": "Troops",
    "field.all.party": "Party",
    "field.all.serial": "Serial",
    "field.all.unit": "Unit",
    "field.all.way": "Route",
    "field.all.what": "What we know",
    "field.all.when": "When",
    "field.all.where": "Where",
    "field.all.zone": "Area",
    "field.ask.what": "Do you know",
    "form.all.title": "Everything",
    "form.ask.title": "Question",
    "no-blame": "Nothing here admits anything.",
    "pack.title": "Made up",
    "phrase.heading.field.degrees": "Degrees",
    "phrase.heading.meaning": "I am heading there",
    "phrase.heard.meaning": "I have heard you",
}
RUSSIAN = {
    "code.knowledge.know": "мы знаем",
    "field.all.what": "Что известно",
    "form.all.title": "Всё",
    "phrase.heading.meaning": "Мой курс",
}
ARABIC = {
    "code.knowledge.do-not-know": "لا نعلم",
    "code.knowledge.know": "نعلم",
    "field.all.what": "ما نعلم",
    "form.all.title": "كل شيء",
}
HEAD = cited("design", {
    3: 1, 4: "made-up", 5: "mu", 6: 3, 7: ["en", "ru", "ar"], 8: [KNOWLEDGE],
})  # fmt: skip


def tongue(words: dict[str, str], *, verified: bool = False, by: str = "") -> Map:
    """The texts of a language."""
    return {3: verified, 5: flat(words)} | ({4: by} if by else {})


TONGUES = [tongue(ENGLISH, verified=True, by="the authors"), tongue(RUSSIAN), tongue(ARABIC)]
WHOLE: Map = {0: HEAD, 1: [ALL, ASK], 2: [HEADING, HEARD], 3: [], 4: TONGUES}
PACK = cbor(WHOLE)
# The same agreement a version earlier, in English only, with fewer answers.
BEFORE = cbor({
    0: cited("design", {3: 1, 4: "made-up", 5: "mu", 6: 2, 7: ["en"], 8: [KNOWLEDGE]}),
    1: [cited("read", {3: "ask", 4: 2, 5: [field(1, "what", "code", {7: "knowledge"})]})],
    2: [], 3: [],
    4: [tongue({k: v for k, v in ENGLISH.items() if not k.startswith(("form.all", "field.all"))})],
})  # fmt: skip
OTHER = cbor({
    0: cited("design", {3: 1, 4: "other", 5: "ot", 6: 1, 7: ["en"]}),
    1: [], 2: [], 3: [], 4: [tongue({"pack.title": "Other"}, verified=True)],
})  # fmt: skip
AGAIN = cbor({**WHOLE, 0: {**HEAD, 4: "again"}})
NEWER = cbor({**WHOLE, 0: {**HEAD, 3: 2}})


def hash_of(body: bytes) -> bytes:
    """The hash of a pack."""
    return hashlib.sha256(DOMAIN + body).digest()


def ascending(*bodies: bytes) -> list[bytes]:
    """Packs in the order in which they stand in a file."""
    return sorted(bodies, key=hash_of)


def named(*bodies: bytes) -> Map:
    """The change of a charter that names these packs."""
    return {11: sorted(hash_of(body) for body in bodies)}


# ---------------------------------------------------------------------------- what a form says

Words = dict[str, tuple[str, ...]]
Answer = tuple[str, str | None, str]
SECONDS = 1_668_523_200
DIGEST = bytes(range(32))


@dataclass
class Form:
    """A statement on a form: the fields, what reads in order, what does not, and in words.

    ``words``: by language, for the title and then each answer, the label, the code's word where it
    is one, and ``*`` at the end of what is English for lack of a word.
    """

    form: list[object]
    fields: Map
    answers: list[Answer]
    faults: list[tuple[str, str]]
    words: dict[str, list[list[str]]]
    cancels: bool = False
    phrase: str | None = None


UNIT = "HQ <b>2</b>"
LABELS = [
    "How many", "When", "Day", "Where", "Area", "Route", "Unit", "Party", "Serial", "In words",
    "Document", "Parts", "Troops", "Pieces", "Name", "Parts", "Troops",
]  # fmt: skip
STARRED = [[label + "*"] for label in LABELS]
EVERY = Form(
    ["mu/all", 3],
    {
        1: 1, 2: [-3, 2], 3: [SECONDS, 300], 4: 19_782, 5: [505_000_000, 238_000_000, 100, "ED50"],
        6: [1, [0, 0, 0, 10_000_000, 10_000_000, 0]], 7: [[0, 0, None], [10_000_000, 0, 60]],
        8: UNIT, 9: "ALPHA", 10: 7, 11: "two\nlines \u202eturned", 12: DIGEST,
        30: [{1: 9000, 2: [{1: "A"}]}, {1: 50_000}],
    },
    [
        ("what", "1", "read"), ("count", "-3 +-2", "read"),
        ("when", "151440Z NOV 22 +-300 S", "read"), ("day", "2024-02-29", "read"),
        ("where", '50.5N 23.8E +-100 M DATUM "ED50"', "unverified"),
        ("zone", "POLYGON 0N 0E, 0N 1E, 1N 0E", "read"),
        ("way", "ROUTE 0N 0E, 1N 0E AT 010001Z JAN 70", "read"), ("unit", UNIT, "read"),
        ("party", "ALPHA", "read"), ("serial", "7", "read"),
        ("note", "two\\nlines \\u{202E}turned", "read"), ("paper", DIGEST.hex().upper(), "read"),
        ("parts[1]", None, "read"), ("parts[1].troops", "9000", "read"),
        ("parts[1].pieces[1]", None, "read"), ("parts[1].pieces[1].name", "A", "read"),
        ("parts[2]", None, "read"), ("parts[2].troops", "50000", "read"),
    ],
    [],
    {
        "en": [["Everything"], ["What we know", "we know"], *([label] for label in LABELS)],
        "ru": [["Всё"], ["Что известно", "мы знаем"], *STARRED],
        "ar": [["كل شيء"], ["ما نعلم", "نعلم"], *STARRED],
    },
)  # fmt: skip
SPECIAL = Form(
    ["mu/all", 3],
    {1: None, 3: False, 5: True},
    [("what", "[NOT KNOWN]", "read"), ("when", "[NIL]", "read"),
     ("where", "[WITHHELD]", "unverified")],
    [],
    {
        "en": [["Everything"], ["What we know"], ["When"], ["Where"]],
        "ru": [["Всё"], ["Что известно"], ["When*"], ["Where*"]],
        "ar": [["كل شيء"], ["ما نعلم"], ["When*"], ["Where*"]],
    },
)  # fmt: skip
UNFIT = Form(
    ["mu/all", 3],
    {1: 3, 2: 100_001, 3: None, 8: " a", 9: "alpha", 10: 2, 11: "b" * 41, 30: [{2: []}], 99: "x"},
    [("serial", "2", "read"), ("parts[1]", None, "read")],
    [
        ("what", "field.code"), ("count", "field.range"), ("when", "field.special"),
        ("unit", "field.blank"), ("party", "field.party"), ("note", "field.long"),
        ("parts[1].troops", "field.missing"), ("parts[1].pieces", "field.repeats"),
        ("99", "field.unknown"),
    ],
    {
        "en": [["Everything"], ["Serial"], ["Parts"]],
        "ru": [["Всё"], ["Serial*"], ["Parts*"]],
        "ar": [["كل شيء"], ["Serial*"], ["Parts*"]],
    },
)  # fmt: skip
BARE = Form(
    ["mu/all", 3], {2: 5}, [("count", "5", "read")], [],
    {"en": [["Everything"], ["How many"]], "ru": [["Всё"], ["How many*"]],
     "ar": [["كل شيء"], ["How many*"]]},
    cancels=True,
)  # fmt: skip
QUESTION = Form(
    ["mu/ask", 3], {1: 2}, [("what", "2", "read")], [],
    {
        "en": [["Question"], ["Do you know", "we do not know"]],
        "ru": [["Question*"], ["Do you know*", "we do not know"]],
        "ar": [["Question*"], ["Do you know*", "لا نعلم"]],
    },
)  # fmt: skip
PHRASE = Form(
    ["mu/:heading", 3], {1: [90, 5]}, [("degrees", "90 +-5", "read")], [],
    {
        "en": [["I am heading there"], ["Degrees"]],
        "ru": [["Мой курс"], ["Degrees*"]],
        "ar": [["I am heading there*"], ["Degrees*"]],
    },
    phrase="C1",
)  # fmt: skip
BARE_PHRASE = Form(
    ["mu/:heard", 3], {}, [], [],
    {lang: [["I have heard you" + star]] for lang, star in (("en", ""), ("ru", "*"), ("ar", "*"))},
    phrase="C2",
)  # fmt: skip
OLD = Form(
    ["mu/ask", 2], {1: 1}, [("what", "1", "read")], [],
    {"en": [["Question"], ["Do you know", "we know"]]},
)  # fmt: skip


def told(form: Form, body: bytes, charter: int) -> Found:
    """What a reader says of a statement on a form."""
    names = {"mu/all": ALL, "mu/ask": ASK, "mu/:heading": HEADING, "mu/:heard": HEARD}
    of = names[str(form.form[0])]
    sure = of if body == PACK else cited("read", {})
    said = {}
    for lang, (title, *rows) in form.words.items():
        said[lang] = {
            "title": [title[0].rstrip("*"), title[0].endswith("*")],
            "verified": lang == "en" and body == PACK,
            "answers": [
                [row[0].rstrip("*"), row[1] if len(row) > 1 else None, row[0].endswith("*")]
                for row in rows
            ],
        }
    return {
        "pack": hash_of(body).hex(),
        "charter": charter,
        "phrase": form.phrase,
        "paragraph": sure.get(1, ""),
        "provenance": sure[2],
        "answers": [list(each) for each in form.answers],
        "faults": [list(each) for each in form.faults],
        "said": said,
    }


# -------------------------------------------------------------------------------------- the files


class Play:
    """A line on which forms are said."""

    def __init__(self, *bodies: bytes) -> None:
        self.story = Story(["ALPHA", "BRAVO"], changes=named(*bodies))
        self.log = self.story.log("ALPHA")
        self.forms: dict[bytes, Found] = {}

    def say(self, form: Form, body: bytes | None, charter: int = 1) -> Said:
        """A statement on a form; ``body``: the pack by which a reader reads it."""
        refs: list[object] | None = [self.log.main[-1], 3] if form.cancels else None
        changes = {14: form.form}
        fields: Map | None = {3: form.fields} if form.fields else None
        said = self.story.say(self.log, 1, fields, refs=refs, changes=changes)
        if body is not None:
            self.forms[said.digest] = told(form, body, charter)
        return said

    def made(
        self, about: str, packs: list[bytes], *, good: list[bytes] | None = None,
        gaps: tuple[int, ...] = (), faults: tuple[int, ...] = (),
    ) -> tuple[Packed, Found]:  # fmt: skip
        """The file with these packs, and what a reader finds; ``good``: the packs that it reads."""
        packed = pack(self.story, everything, {}, packs)
        result = found(self.story, packed, about)
        result["gaps"] = [["gap.pack", at] for at in gaps]
        result["faults"] = [["evidence.pack", at] for at in faults]
        result["verdict"] = "failed" if faults else "partly" if gaps else "checked"
        result["counts"]["packs"] = len(packs)  # type: ignore[index]
        result["packs"] = [_row(body) for body in (packs if good is None else good)]
        for row in result["statements"]:  # type: ignore[attr-defined]
            form = self.forms.get(bytes.fromhex(row["digest"]))
            if form is not None:
                row["form"] = form
        return packed, result


def _row(body: bytes) -> Found:
    known: dict[bytes, list[object]] = {
        PACK: ["made-up", "mu", 3, [["en", True], ["ru", False], ["ar", False]]],
        AGAIN: ["again", "mu", 3, [["en", True], ["ru", False], ["ar", False]]],
        BEFORE: ["made-up", "mu", 2, [["en", False]]],
        OTHER: ["other", "ot", 1, [["en", True]]],
    }
    name, tag, version, languages = known[body]
    return {
        "hash": hash_of(body).hex(), "id": name, "tag": tag, "version": version,
        "provenance": "design", "languages": languages,
    }  # fmt: skip


def build() -> dict[str, object]:
    """The files of this script."""
    cases = Cases()
    for name, (packed, result) in {**_good(), **_hostile()}.items():
        cases.add(name, packed.data(), result)
    _broken(cases)
    return cases.out


def _good() -> dict[str, tuple[Packed, Found]]:
    out = {}
    play = Play(PACK, OTHER)
    for form in (EVERY, SPECIAL, UNFIT, BARE, QUESTION, PHRASE, BARE_PHRASE):
        play.say(form, PACK)
    joint: Map = {1: "", 2: "en", 10: ["ALPHA", "BRAVO"], 19: QUESTION.fields}
    agreed = play.story.say(play.log, 10, joint, changes={14: QUESTION.form})
    play.forms[agreed.digest] = told(QUESTION, PACK, 1)
    # A joint statement without fields, and a phrase that is none, are on no form.
    play.story.say(
        play.log, 10, {1: "So it is", 2: "en", 10: ["ALPHA"]}, changes={14: ["mu/ask", 3]}
    )
    play.say(Form(["mu/:ask", 3], {1: 1}, [], [], {}), None)
    play.say(Form(["mu/heading", 3], {1: 1}, [], [], {}), None)
    stray = Form(["xx/all", 3], {1: 1}, [], [], {})
    play.say(stray, None)
    play.say(Form(["mu/none", 3], {1: 1}, [], [], {}), None)
    play.say(Form(["mu/all", 4], {1: 1}, [], [], {}), None)
    play.say(Form(["mu", 3], {1: 1}, [], [], {}), None)
    play.story.text(play.log, "And a text.")
    # A kind that is no message is on no form, whatever it says.
    play.story.say(play.log, 9, {7: True}, changes={14: ["mu/all", 3]})
    both = ascending(PACK, OTHER)
    about = "Every type of field on forms of a pack, in three languages, and forms of none."
    out["packs"] = play.made(about, both)

    return out | _later()


def _later() -> dict[str, tuple[Packed, Found]]:
    """Charters that change, and packs that are missing."""
    out = {}
    play = Play(BEFORE)
    play.say(OLD, BEFORE)
    play.story.amend(named(PACK))
    play.say(QUESTION, PACK, 2)
    play.say(OLD, BEFORE, 1)
    play.story.amend({11: []})
    play.say(QUESTION, PACK, 2)
    about = "A new version of a pack; forms of the old one, and of none, under later versions."
    out["packs-amended"] = play.made(about, ascending(PACK, BEFORE))

    play = Play(BEFORE)
    play.say(OLD, BEFORE)
    play.story.amend(named(PACK))
    play.say(QUESTION, None)
    play.say(OLD, BEFORE, 1)
    about = "The pack of the second version is not in the file: a gap, and numbers."
    out["packs-missing"] = play.made(about, [BEFORE], gaps=(2,))

    play = Play(BEFORE)
    play.story.amend(named(PACK))
    play.say(OLD, BEFORE, 1)
    about = "A form of the old pack under the second version, whose own pack is not in the file."
    out["packs-before"] = play.made(about, [BEFORE], gaps=(2,))

    # The same tag and version with another text: which of the two it is, the charter says.
    play = Play(AGAIN)
    play.story.amend(named(PACK))
    play.say(QUESTION, PACK, 2)
    play.story.amend({11: []})
    play.say(QUESTION, PACK, 2)
    about = "Two packs of one tag and version: the newest version of the charter says which."
    out["packs-newest"] = play.made(about, ascending(PACK, AGAIN))

    play = Play(PACK)
    play.say(QUESTION, None)
    out["packs-none"] = play.made("Version 2 without a pack.", [], gaps=(1,))
    play = Play(PACK)
    play.story.text(play.log, "Plain words.")
    out["packs-idle"] = play.made("Version 2, and nothing is coded.", [])
    play = Play(NEWER)
    play.say(QUESTION, None)
    about = "A pack of a later format: nothing is known of it."
    out["packs-newer"] = play.made(about, [NEWER], good=[], gaps=(1, 2))
    return out


WHAT: list[Map] = ALL[5]  # type: ignore[assignment]  # it was made so above
NEEDS = cited("read", {3: ["ask"], 4: "predecessor", 5: True})


def with_head(changes: Map) -> bytes:
    """The pack with another head; None takes an entry out."""
    return cbor({**WHOLE, 0: {k: v for k, v in (HEAD | changes).items() if v is not None}})


def with_forms(*each: Map) -> bytes:
    """The pack with other forms."""
    return cbor({**WHOLE, 1: list(each)})


def with_fields(*each: Map) -> bytes:
    """The pack with other fields in its first form."""
    return with_forms({**ALL, 5: list(each)}, ASK)


def with_first(changes: Map) -> bytes:
    """The pack with another first field."""
    fresh = {k: v for k, v in (WHAT[0] | changes).items() if v is not None}
    return with_fields(fresh, *WHAT[1:])


def with_words(words: object) -> bytes:
    """The pack with other English texts."""
    return cbor({**WHOLE, 4: [{3: True, 5: words}, *TONGUES[1:]]})


def nested(depth: int) -> object:
    """An array in an array."""
    return [nested(depth - 1)] if depth else []


def grouped(names: str) -> Map:
    """A group in a group, and a unit in the last one."""
    inner = grouped(names[1:]) if len(names) > 2 else field(1, names[1], "unit")
    return field(30, names[0], "group", {13: [inner]})


def hostile() -> dict[str, bytes]:
    """Bytes that are no pack, each for one reason."""
    return {
        "empty": b"",
        "trailing": PACK + b"\0",
        "cut": PACK[:-1],
        "long-number": PACK.replace(cbor(50_000), b"\x1a" + (50_000).to_bytes(4, "big"), 1),
        "endless": b"\xbf" + PACK[1:] + b"\xff",
        "unsorted": b"\xa2\x01\x80\x00\x80",
        "deep": cbor({**WHOLE, 3: nested(17)}),
        "no-map": cbor([WHOLE]),
        "four-parts": cbor({k: v for k, v in WHOLE.items() if k != 3}),
        "six-parts": cbor({**WHOLE, 5: []}),
        "no-format": with_head({3: None}),
        "format-zero": with_head({3: 0}),
        "id": with_head({4: "Made-Up"}),
        "tag": with_head({5: "mades"}),
        "version": with_head({6: 0}),
        "no-english": cbor({**WHOLE, 0: HEAD | {7: ["ru"]}, 4: TONGUES[:1]}),
        "language-twice": with_head({7: ["en", "ru", "ru"]}),
        "language-less": cbor({**WHOLE, 4: TONGUES[:2]}),
        "no-provenance": with_head({2: None}),
        "list-twice": with_head({8: [KNOWLEDGE, KNOWLEDGE]}),
        "list-empty": with_head({8: [{**KNOWLEDGE, 4: []}]}),
        "phrase-twice": cbor({**WHOLE, 2: [HEADING, HEADING]}),
        "phrase-code": cbor({**WHOLE, 2: [HEADING, {**HEARD, 5: "C1"}]}),
        "phrase-blank": cbor({**WHOLE, 2: [{**HEARD, 5: " C2"}]}),
        "phrases-none": cbor({**WHOLE, 2: {}}),
        "words-order": with_words(flat(ENGLISH)[2:] + flat(ENGLISH)[:2]),
        "words-twice": with_words([*flat(ENGLISH)[:2], *flat(ENGLISH)]),
        "words-odd": with_words(flat(ENGLISH)[:-1]),
        "words-key": with_words(flat({**ENGLISH, "A b": "x"})),
        "words-turned": with_words(flat({**ENGLISH, "no-blame": "x\u202ey"})),
        "words-control": with_words(flat({**ENGLISH, "no-blame": "x\ny"})),
        "words-long": with_words(flat({**ENGLISH, "no-blame": "x" * 4001})),
        **hostile_forms(),
    }


def hostile_forms() -> dict[str, bytes]:
    """What is no pack because of a form or field."""
    return {
        "form-twice": with_forms(ALL, ASK, ASK),
        "form-number": with_forms(ALL, {**ASK, 4: 1}),
        "field-twice": with_fields(*WHAT, {**WHAT[0], 4: "again"}),
        "field-name": with_fields(*WHAT, {**WHAT[0], 3: 99}),
        "field-type": with_first({5: "picture"}),
        "field-no-list": with_first({7: "missing"}),
        "field-list-less": with_first({7: None}),
        "field-default": with_first({6: False}),
        "field-specials": with_first({8: ["withheld", "not-known"]}),
        "field-blank": with_first({7: ""}),
        "group-empty": with_fields(field(30, "parts", "group")),
        "group-none": with_first({13: PARTS}),
        "group-deep": with_fields(grouped("abcd")),
        "repeat": with_fields(WHAT[0], {**WHAT[-1], 12: [2, 1]}),
        "cycle": with_forms({**ALL, 9: [NEEDS]}, ASK),
        "itself": with_forms(ALL, {**ASK, 9: [NEEDS]}),
        "nobody": with_forms(ALL, {**ASK, 9: [{**NEEDS, 3: ["missing"]}]}),
        "provenance": with_forms({**ALL, 2: "sworn"}, ASK),
    }


def _hostile() -> dict[str, tuple[Packed, Found]]:
    bodies = ascending(*hostile().values())
    play = Play(*bodies)
    play.say(QUESTION, None)
    about = "Packs that the charter names and that are none, each for one reason."
    out = {"bad-pack-bytes": play.made(about, bodies, good=[], gaps=(1,),
                                       faults=tuple(range(2, 2 + len(bodies))))}  # fmt: skip
    play = Play(OTHER, PACK)
    play.say(QUESTION, PACK)
    both = ascending(OTHER, PACK)
    about = "A pack twice: the second one counts for nothing."
    out["bad-pack-twice"] = play.made(about, [*both, both[1]], good=both, faults=(4,))
    play = Play(OTHER, PACK)
    play.say(OLD, None)
    about = "Two packs in the wrong order: the second one counts for nothing."
    out["bad-pack-order"] = play.made(about, both[::-1], good=both[1:], gaps=(1,), faults=(3,))
    play = Play(OTHER)
    play.story.text(play.log, "Plain words.")
    about = "A pack that no version of the charter names."
    out["bad-pack-stranger"] = play.made(about, [PACK], good=[], faults=(2,))
    return out


def _broken(cases: Cases) -> None:
    play = Play(PACK)
    play.say(QUESTION, PACK)
    rows = {
        "pack-version-1": ("form", 2, MAGIC, "A pack in a file of version 1.", [[11, PACK]], 2),
        "pack-text": ("form", 2, None, "A pack that is no byte string.", [[11, "pack"]], 2),
        "pack-late": ("order", 3, None, "A pack after a key.", [[3, bytes(1312)], [11, PACK]], 2),
        "pack-early": ("order", 1, None, "A pack before the charter.", [[11, PACK]], 1),
        "pack-last": ("order", 5, None, "A pack within a log.", [[11, PACK]], 5),
    }
    for name, (code, at, magic, about, items, place) in rows.items():
        packed = pack(play.story, everything, {}, [])
        packed.items[place:place] = items
        packed.magic = magic or packed.magic
        cases.add(f"broken-{name}", packed.data(), {
            "about": about, "verdict": "failed", "broken": True,
            "faults": [[f"evidence.{code}", at]],
        })  # fmt: skip
