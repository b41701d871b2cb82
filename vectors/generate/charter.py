"""Vectors of charters: bodies, signatures, and which version may follow which.

Refused charters are signed by all their parties unless the name says otherwise, so that a reader
who only checks signatures fails here.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import hashlib

import curve
from nacl.signing import SigningKey
from people import Party, cbor, party, seed

Case = dict[str, object]
Map = dict[int, object]

DRILL = "SPRING-TIDE"
ALPHA, BRAVO, CHARLIE, DELTA = (party(c, c.title()) for c in ("ALPHA", "BRAVO", "CHARLIE", "DELTA"))
ROGUE = party("BRAVO", "Bravo", "OTHER-ROOT")
WITNESS = bytes(SigningKey(seed("witness")).verify_key)
SMALL_ORDER = curve.pack(curve.SMALL[1])
CLOCKS = [[21_600] * 5, [10_800] * 5, [1_800] * 5, [600] * 5]


def entry(who: Party, *names: str, name: str = "") -> Map:
    """A party as it stands in a charter."""
    stations = [who.station(station) for station in names or ("main",)]
    fields = who.card_fields(stations, [f"{who.code.lower().strip('-')}.example:7411"])
    return {1: who.code, 2: name or who.name, 3: who.key, 4: fields[5]}


def body(changes: Map | None = None) -> Map:
    """A good first version as a map, with some fields changed; ``None`` takes a field out."""
    good: Map = {
        1: "Line of two", 2: "", 3: 1, 6: seed("nonce", 16),
        7: [entry(ALPHA), entry(BRAVO)], 8: CLOCKS, 9: [0, 600, "officer"],
        10: [[0, 1, 2, 3], []], 11: [], 12: [], 13: 0, 14: 30,
    }  # fmt: skip
    return {key: value for key, value in (good | (changes or {})).items() if value is not None}


def digest(fields: Map) -> bytes:
    """The hash of a version, by which the next one names it."""
    return hashlib.sha256(b"tieline-charter-v1\x00" + cbor(fields)).digest()


def line_of(fields: Map) -> bytes:
    """The line that a first version founds."""
    return hashlib.sha256(b"tieline-line-v1\x00" + cbor(fields)).digest()[:16]


def after(old: Map, changes: Map) -> Map:
    """The version after a first one."""
    new = {**old, 3: 2, 4: digest(old), 5: line_of(old), 15: []} | changes
    return {key: value for key, value in new.items() if value is not None}


def signature(who: Party, fields: Map) -> list[object]:
    """A party's signature, with its code."""
    message = b"tieline-charter-v1\x00" + cbor(fields)
    return [who.code, who.root.sign(message).signature]


def signed(fields: Map, *by: Party) -> bytes:
    """A charter with signatures."""
    return cbor([cbor(fields), [signature(who, fields) for who in by or (ALPHA, BRAVO)]])


OTHER_WITNESS = bytes(SigningKey(seed("another witness")).verify_key)
LATE = seed("ML-DSA-44 key of a witness", 1_312)
FIRST = body()
WITNESSED = body({12: [["w/late", WITNESS, LATE], ["witness/b", OTHER_WITNESS]], 13: 2})
FULL = body(
    {
        1: "Line of three \u2013 \u043b\u0438\u043d\u0438\u044f",
        7: [entry(ALPHA, "main", "spare"), entry(BRAVO), entry(DELTA)],
        8: [[7_200] * 5, [3_600] * 5, [900] * 5, [60, 120, 300, 600, 900]],
        9: [14_400, 900, "station"],
        10: [[2, 3], ["crisis/own-malfunction", "crisis/sighting"]],
        11: sorted([seed("pack one"), seed("pack two")]),
        12: [["witness.example/a", WITNESS]],
        13: 1,
        14: 3_600,
        16: [60, 3_600],
    }
)
EXERCISE = body({2: DRILL, 7: [entry(party(c, c.title(), DRILL)) for c in ("ALPHA", "BRAVO")]})
NEWER = body({7: [entry(ALPHA) | {8: [1]}, entry(BRAVO)], 40: {1: "later"}})
REBORN = Party("ALPHA", "Alpha", "", SigningKey(seed("another root of ALPHA")))
ENDS = sorted([[seed("log one", 8), 1, seed("last one")], [seed("log two", 8), 9, seed("last")]])
CLOSED = after(FULL, {7: [entry(ALPHA), entry(BRAVO), entry(DELTA)], 17: ENDS})
REROOT = after(
    FULL,
    {7: [entry(REBORN), entry(BRAVO), entry(DELTA)], 17: ENDS, 18: [["ALPHA", ALPHA.key]]},
)
EMPTY = CLOSED | {17: []}
OBSERVED = body({7: [entry(ALPHA), entry(BRAVO), entry(DELTA)], 19: ["DELTA"]})
WATCHED = after(OBSERVED, {7: OBSERVED[7], 8: [[900] * 5] * 4, 19: ["DELTA"], 20: ["DELTA"]})
GONE = {7: [entry(ALPHA), entry(BRAVO)], 15: [["DELTA", DELTA.key]], 19: None, 20: ["DELTA"]}
UNWATCHED = after(OBSERVED, GONE)
SECOND = after(FULL, {7: [entry(ALPHA), entry(BRAVO)], 15: [["DELTA", DELTA.key]]})


WITNESSES: dict[str, tuple[str, Map]] = {
    "a witness of small order": ("key.small_order", {12: [["w", SMALL_ORDER]]}),
    "a witness with an ML-DSA-44 key of 1311 bytes": (
        "charter.witnesses",
        {12: [["w", WITNESS, bytes(1_311)]]},
    ),
    "a witness with an ML-DSA-44 key as text": (
        "charter.witnesses",
        {12: [["w", WITNESS, "x" * 1_312]]},
    ),
    "a witness with an empty ML-DSA-44 key": ("charter.witnesses", {12: [["w", WITNESS, b""]]}),
    "a witness of four parts": ("charter.witnesses", {12: [["w", WITNESS, LATE, LATE]]}),
    "two witnesses with one ML-DSA-44 key": (
        "charter.witnesses",
        {12: [["v", WITNESS, LATE], ["w", OTHER_WITNESS, LATE]]},
    ),
}
INTERVALS: dict[str, tuple[str, Map]] = {
    "checkpoints after 0 seconds": ("charter.intervals", {16: [0, 60]}),
    "one interval": ("charter.intervals", {16: [60]}),
    "a seal that is true": ("charter.intervals", {16: [60, True]}),
    "intervals as a number": ("charter.field", {16: 60}),
    "the intervals that are meant anyway": ("charter.noncanonical", {16: [300, 86_400]}),
}


def build() -> dict[str, object]:
    """The files of this script."""
    drill = [party(c, c.title(), DRILL) for c in ("ALPHA", "BRAVO")]
    taken = [
        case("two parties, all by default", FIRST, signed(FIRST), []),
        case("every provision, two stations", FULL, signed(FULL, ALPHA, BRAVO, DELTA), []),
        case("an exercise", EXERCISE, signed(EXERCISE, *drill), []),
        case("keys of a newer version", NEWER, signed(NEWER), []),
        case("a second version, DELTA leaves", SECOND, signed(SECOND, ALPHA, BRAVO, DELTA), []),
        case("where logs end", CLOSED, signed(CLOSED, ALPHA, BRAVO, DELTA), []),
        case("no log that ends is known", EMPTY, signed(EMPTY, ALPHA, BRAVO, DELTA), []),
        case("a witness with an ML-DSA-44 key", WITNESSED, signed(WITNESSED), []),
        case("ALPHA has another root", REROOT, signed(REROOT, REBORN, BRAVO, DELTA), []),
        case(
            "ALPHA, whose root is new, has yet to sign",
            REROOT,
            signed(REROOT, BRAVO, DELTA),
            ["ALPHA"],
        ),
        case("DELTA observes", OBSERVED, signed(OBSERVED, ALPHA, BRAVO, DELTA), []),
        case("DELTA, which observes, has yet to sign", OBSERVED, signed(OBSERVED), ["DELTA"]),
        case("DELTA observes on and need not sign", WATCHED, signed(WATCHED), []),
        case(
            "DELTA observes on and has signed",
            WATCHED,
            signed(WATCHED, ALPHA, BRAVO, DELTA),
            [],
        ),
        case("DELTA observed, leaves and need not sign", UNWATCHED, signed(UNWATCHED), []),
        case("BRAVO has yet to sign", FIRST, signed(FIRST, ALPHA), ["BRAVO"]),
        case("DELTA, which leaves, has yet to sign", SECOND, signed(SECOND), ["DELTA"]),
    ]
    return {
        "charter/accept.json": {
            "about": "Signed charters to take, what they say, and who has yet to sign.",
            "cases": taken,
        },
        "charter/refuse.json": {
            "about": "Signed charters to refuse, and the code.",
            "cases": [
                {"name": name, "code": code, "charter": data.hex()}
                for name, code, data in refused()
            ],
        },
        "charter/successor.json": {
            "about": "Whether 'new' is the version after 'old': an empty code means that it is.",
            "old": signed(FULL, ALPHA, BRAVO, DELTA).hex(),
            "cases": successors(),
        },
    }


def case(name: str, fields: Map, data: bytes, missing: list[str]) -> Case:
    """A charter to take."""
    parties = fields[7] if isinstance(fields[7], list) else []
    line = fields.get(5, line_of(fields))
    return {
        "name": name,
        "line_name": fields[1],
        "realm": fields[2],
        "version": fields[3],
        "line": line.hex() if isinstance(line, bytes) else "",
        "hash": digest(fields).hex(),
        "parties": [each[1] for each in parties],
        "stations": [len(each[4]) for each in parties],
        "clocks_from_routine_up": fields[8],
        "tests": fields[9],
        "release": fields[10],
        "observers": fields.get(19, []),
        "excused": fields.get(20, []),
        "missing": missing,
        "charter": data.hex(),
    }


def bad_bodies() -> dict[str, tuple[str, Map]]:
    """Changes of a good body, and the code of the refusal of each."""
    alpha, bravo = entry(ALPHA), entry(BRAVO)
    spare = ALPHA.station("spare")
    twin = {1: ALPHA.station("main").certificate, 2: []}
    shared = BRAVO.station("main", {5: ALPHA.fields("main")[5]})
    look = party("ALPHA-", "Alpha")
    one = party("A1", "One")
    letter = party("AI", "Letter")
    return {
        "no name": ("charter.field", {1: None}),
        "an empty name": ("charter.name", {1: ""}),
        "a name that turns the text around": ("charter.name", {1: "Line\u202eof"}),
        "a realm in small letters": ("charter.realm", {2: "spring"}),
        "version 0": ("charter.field", {3: 0}),
        "a first version with a previous one": ("charter.noncanonical", {4: bytes(32)}),
        "a nonce of 15 bytes": ("charter.field", {6: bytes(15)}),
        "one party": ("charter.parties", {7: [alpha]}),
        "parties out of order": ("charter.noncanonical", {7: [bravo, alpha]}),
        "one party twice": ("charter.alike", {7: [alpha, alpha]}),
        "codes that differ in a hyphen": ("charter.alike", {7: [alpha, entry(look)]}),
        "codes that differ in a 1 and an I": ("charter.alike", {7: [entry(one), entry(letter)]}),
        "a party code in small letters": ("charter.party", {7: [alpha, bravo | {1: "bravo"}]}),
        "a party without stations": ("charter.stations", {7: [alpha, bravo | {4: []}]}),
        "a station of another party": (
            "certificate.signature", {7: [alpha, bravo | {4: alpha[4]}]},
        ),
        "one station twice": ("charter.stations", {7: [alpha | {4: [twin, twin]}, bravo]}),
        "an address without a port": (
            "address.port", {7: [alpha | {4: [{1: spare.certificate, 2: ["a.b"]}]}, bravo]},
        ),
        "one signing key for two parties": (
            "charter.duplicate", {7: [alpha, bravo | {4: [{1: shared.certificate, 2: []}]}]},
        ),
        "a root of small order": ("key.small_order", {7: [alpha, bravo | {3: SMALL_ORDER}]}),
        "three rows of clocks": ("charter.clocks", {8: CLOCKS[:3]}),
        "a row of four clocks": ("charter.clocks", {8: [[600] * 4, *CLOCKS[1:]]}),
        "a clock of 0 seconds": ("charter.clocks", {8: [[0] * 5, *CLOCKS[1:]]}),
        "a clock of more than 366 days": (
            "charter.clocks", {8: [[31_622_401] * 5, *CLOCKS[1:]]},
        ),
        "a clock that is true": ("charter.clocks", {8: [[True] * 5, *CLOCKS[1:]]}),
        "a test window beyond its interval": ("charter.tests", {9: [600, 601, "officer"]}),
        "tests answered by nobody": ("charter.tests", {9: [600, 60, ""]}),
        "four eyes for an unknown precedence": ("charter.release", {10: [[4], []]}),
        "four eyes out of order": ("charter.noncanonical", {10: [[3, 2], []]}),
        "standing authority for free text": ("charter.release", {10: [[], [""]]}),
        "standing authority for a form with a space": ("charter.release", {10: [[], ["a b"]]}),
        "a pack named by 31 bytes": ("charter.packs", {11: [bytes(31)]}),
        "packs out of order": (
            "charter.noncanonical", {11: sorted([seed("pack one"), seed("pack two")])[::-1]},
        ),
        "a witness with a party's key": ("charter.duplicate", {12: [["w", ALPHA.key]]}),
        **WITNESSES,
        "more witnesses wanted than there are": ("charter.witnesses", {13: 1}),
        **INTERVALS,
        "silence after 0 seconds": ("charter.silence", {14: 0}),
        "silence after more than a day": ("charter.field", {14: 86_401}),
        "leaving in a first version": ("charter.noncanonical", {15: []}),
    }  # fmt: skip


def bad_observers() -> dict[str, tuple[str, Map]]:
    """Changes of OBSERVED, and the code of the refusal of each."""
    return {
        "an observer that is no party": ("charter.observers", {19: ["CHARLIE"]}),
        "one observer twice": ("charter.observers", {19: ["DELTA", "DELTA"]}),
        "one party alone that speaks": ("charter.observers", {19: ["BRAVO", "DELTA"]}),
        "nobody that speaks": ("charter.observers", {19: ["ALPHA", "BRAVO", "DELTA"]}),
        "an observer by its number": ("charter.observers", {19: [3]}),
        "an observer in small letters": ("charter.party", {19: ["delta"]}),
        "that nobody observes": ("charter.noncanonical", {19: []}),
        "observers out of order": (
            "charter.noncanonical",
            {7: [entry(ALPHA), entry(BRAVO), entry(CHARLIE), entry(DELTA)],
             19: ["DELTA", "CHARLIE"]},
        ),
        "observers as a text": ("charter.field", {19: "DELTA"}),
    }  # fmt: skip


def bad_excuses() -> dict[str, tuple[str, Map]]:
    """Changes of WATCHED, and the code of the refusal of each."""
    return {
        "one who speaks is excused": ("charter.excused", {20: ["BRAVO"]}),
        "one who is no party is excused": ("charter.excused", {20: ["CHARLIE"]}),
        "one is excused twice": ("charter.excused", {20: ["DELTA", "DELTA"]}),
        "one is excused by its number": ("charter.excused", {20: [3]}),
        "one is excused in small letters": ("charter.party", {20: ["delta"]}),
        "that nobody is excused": ("charter.noncanonical", {20: []}),
        "the excused as a text": ("charter.field", {20: "DELTA"}),
        "one with another root is excused": (
            "charter.excused", {18: [["DELTA", ROGUE.key]]},
        ),
    }  # fmt: skip


def bad_amendments() -> dict[str, tuple[str, Map]]:
    """Changes of REROOT, and the code of the refusal of each."""
    one, two = ENDS
    return {
        "ends of logs out of order": ("charter.noncanonical", {17: [two, one]}),
        "one log ends twice": ("charter.closed", {17: [one, [one[0], 7, one[2]]]}),
        "a log that ends at 0": ("charter.closed", {17: [[one[0], 0, one[2]]]}),
        "a log that ends at true": ("charter.closed", {17: [[one[0], True, one[2]]]}),
        "a log of 7 bytes": ("charter.closed", {17: [[one[0][:7], 1, one[2]]]}),
        "a log that ends without its last digest": ("charter.closed", {17: [one[:2]]}),
        "a log that ends with a digest of 31 bytes": (
            "charter.closed", {17: [[one[0], 1, one[2][:31]]]},
        ),
        "ends of logs that are a map": ("charter.field", {17: {1: one}}),
        "another root of nobody": ("charter.noncanonical", {18: []}),
        "another root of a stranger": ("charter.reroot", {18: [["CHARLIE", ALPHA.key]]}),
        "another root of one party twice": (
            "charter.reroot", {18: sorted([["ALPHA", ALPHA.key], ["ALPHA", WITNESS]])},
        ),
        "the same root as another one": ("charter.duplicate", {18: [["ALPHA", REBORN.key]]}),
        "a former root of small order": ("key.small_order", {18: [["ALPHA", SMALL_ORDER]]}),
    }  # fmt: skip


def refused() -> list[tuple[str, str, bytes]]:
    """Names, codes and bytes."""
    out = [(name, code, signed(body(changes))) for name, (code, changes) in bad_bodies().items()]
    good, other = cbor(FIRST), body({14: 31})
    a, b = signature(ALPHA, FIRST), signature(BRAVO, FIRST)
    out += [
        ("a second version without a line", "charter.field", signed(after(FIRST, {5: None}))),
        ("a second version that does not say who leaves", "charter.field",
         signed(after(FIRST, {15: None}))),
        ("ends of logs in a first version", "charter.noncanonical", signed(body({17: []}))),
        ("one is excused in a first version", "charter.noncanonical",
         signed(OBSERVED | {20: ["DELTA"]}, ALPHA, BRAVO, DELTA)),
        *((name, code, signed(WATCHED | changes))
          for name, (code, changes) in bad_excuses().items()),
        ("another root in a first version", "charter.noncanonical", signed(body({18: []}))),
        ("one leaves and stays", "charter.alike",
         signed(after(FIRST, {15: [["ALPHA", DELTA.key]]}))),
        *((name, code, signed(REROOT | changes, REBORN, BRAVO, DELTA))
          for name, (code, changes) in bad_amendments().items()),
        *((name, code, signed(OBSERVED | changes, ALPHA, BRAVO, DELTA))
          for name, (code, changes) in bad_observers().items()),
        ("the old root signs for its party", "charter.signature",
         signed(REROOT, ALPHA, BRAVO, DELTA)),
        ("a signature of another version", "charter.signature",
         cbor([good, [a, signature(BRAVO, other)]])),
        ("a signature of another party", "charter.signature",
         cbor([good, [a, ["BRAVO", a[1]]]])),
        ("a signature under another root", "charter.signature",
         cbor([good, [a, signature(ROGUE, FIRST)]])),
        ("a signature without its domain", "charter.signature",
         cbor([good, [["ALPHA", ALPHA.root.sign(good).signature], b]])),
        ("a signature of a stranger", "charter.signer",
         cbor([good, [a, b, signature(DELTA, FIRST)]])),
        ("signatures out of order", "charter.shape", cbor([good, [b, a]])),
        ("one signature twice", "charter.shape", cbor([good, [a, a]])),
        ("a signature without a code", "charter.shape", cbor([good, [[a[1]]]])),
        ("a body alone", "charter.shape", cbor(good)),
        ("a body that is a map", "charter.shape", cbor([{1: "Line of two"}, [a, b]])),
        ("a byte after the body", "encode.trailing", cbor([good + b"\0", []])),
        ("a byte too many", "encode.trailing", signed(FIRST) + b"\0"),
        ("a byte too few", "encode.truncated", signed(FIRST)[:-1]),
        ("nothing", "encode.truncated", b""),
    ]  # fmt: skip
    return out


def successors() -> list[Case]:
    """Versions that may or may not follow FULL."""
    everyone = (ALPHA, BRAVO, DELTA)
    gone = {7: [entry(ALPHA), entry(BRAVO)], 15: [["DELTA", DELTA.key]]}
    drill = [party(c, c.title(), DRILL) for c in ("ALPHA", "BRAVO", "DELTA")]
    new_root = Party("DELTA", "Delta", "", SigningKey(seed("another root of DELTA")))
    moved = {7: [entry(ALPHA), entry(BRAVO), entry(new_root)]}
    cases: list[tuple[str, str, Map, tuple[Party, ...]]] = [
        ("other clocks", "", after(FULL, {8: CLOCKS}), everyone),
        ("DELTA leaves", "", after(FULL, gone), everyone),
        ("DELTA is gone and not listed", "charter.leaving",
         after(FULL, gone | {15: []}), (ALPHA, BRAVO)),
        ("another line", "charter.sequence", after(FULL, {5: bytes(16)}), everyone),
        ("a version left out", "charter.sequence", after(FULL, {3: 3}), everyone),
        ("another previous version", "charter.sequence", after(FULL, {4: bytes(32)}), everyone),
        ("another nonce", "charter.sequence", after(FULL, {6: bytes(16)}), everyone),
        ("another realm", "charter.realm",
         after(FULL, {2: DRILL, 7: [entry(who) for who in drill]}), tuple(drill)),
        ("DELTA under another root", "charter.root_changed",
         after(FULL, {7: [entry(ALPHA), entry(BRAVO), entry(new_root)]}),
         (ALPHA, BRAVO, new_root)),
        ("DELTA under another root that is not listed as such", "charter.root_changed",
         after(FULL, moved | {18: [["ALPHA", ROGUE.key]]}), (ALPHA, BRAVO, new_root)),
        ("DELTA under another root, listed with a root that it never had", "charter.reroot",
         after(FULL, moved | {18: [["DELTA", ROGUE.key]]}), (ALPHA, BRAVO, new_root)),
        ("ALPHA stays under its root and is listed as under another", "charter.reroot",
         after(FULL, {8: CLOCKS, 18: [["ALPHA", ROGUE.key]]}), everyone),
        ("ALPHA under another root", "", REROOT, (REBORN, BRAVO, DELTA)),
        ("logs end and nothing else changes", "", after(FULL, {17: ENDS}), everyone),
        ("the same version again", "charter.sequence", FULL, everyone),
    ]  # fmt: skip
    return [
        {"name": name, "code": code, "new": signed(fields, *who).hex()}
        for name, code, fields, who in cases
    ] + [
        {
            "name": name,
            "code": code,
            "old": signed(old, *((ALPHA, BRAVO) if old is FIRST else everyone)).hex(),
            "new": signed(after(old, changes)).hex(),
        }
        for name, code, old, changes in excuses()
    ]


def excuses() -> list[tuple[str, str, Map, Map]]:
    """Versions that excuse DELTA from signing, after one in which it observes or speaks."""
    three, delta = OBSERVED[7], {19: ["DELTA"], 20: ["DELTA"]}
    speaks = {key: value for key, value in OBSERVED.items() if key != 19}
    slow = [[900] * 5] * 4
    others: list[object] = [entry(ALPHA), entry(BRAVO)]
    return [
        ("DELTA observed and observes", "", OBSERVED, {7: three, 8: slow, **delta}),
        ("DELTA observed and leaves", "", OBSERVED, GONE),
        ("DELTA spoke and is to observe, and is excused", "charter.excused", speaks,
         {7: three, **delta}),
        ("DELTA spoke and leaves, and is excused", "charter.excused", speaks, GONE),
        ("DELTA observes with another station, and is excused", "charter.excused", OBSERVED,
         {7: [*others, entry(DELTA, "main", "spare")], **delta}),
        ("DELTA observes under another name, and is excused", "charter.excused", OBSERVED,
         {7: [*others, entry(DELTA) | {2: "Other"}], **delta}),
        ("DELTA observes and says something newer, and is excused", "charter.excused", OBSERVED,
         {7: [*others, entry(DELTA) | {40: "new"}], **delta}),
        ("DELTA is new and excused", "charter.excused", FIRST, {7: three, **delta}),
    ]  # fmt: skip
