"""Evidence files that cannot be read to their end."""
# ruff: noqa: INP001, S101  # scripts, not a package

from __future__ import annotations

import charter as charters
from evidence import MAGIC, Item, pack
from evidence_cases import everything, joined, two_parties, two_stories
from people import cbor, seed

Parts = list[Item]
Row = tuple[str, str, int, Parts]

KEY: Item = [3, bytes(1312)]


def fresh() -> Parts:
    """The items of a good file."""
    return pack(two_parties(), everything, {}).items


GOOD = fresh()
LAST = len(GOOD) - 1
FIRST_LOG, SECOND_LOG = (at for at, item in enumerate(GOOD) if item[0] == 4)
RECEIPTS = [at for at, item in enumerate(GOOD) if item[0] == 8]
HEADER = GOOD[0]
LOG = GOOD[FIRST_LOG]


def join(parts: Parts) -> bytes:
    """The bytes of a file."""
    return MAGIC + b"".join(cbor(part) for part in parts)


def build() -> dict[str, object]:
    """The files of this script."""
    out: dict[str, object] = {}
    groups = (("form", forms()), ("order", orders()), ("run", runs()), ("charter", charter()))
    rows = [(code, f"{code}-{name}", about, at, join(parts)) for code, group in groups
            for name, about, at, parts in group]  # fmt: skip
    for code, name, about, at, data in [*rows, *raw()]:
        out[f"evidence/broken-{name}.tle"] = data
        out[f"evidence/broken-{name}.json"] = {
            "about": about,
            "verdict": "failed",
            "broken": True,
            "faults": [[f"evidence.{code}", at]],
        }
    return out


def raw() -> list[tuple[str, str, str, int, bytes]]:
    """Bytes that are no items."""
    whole, first = join(GOOD), join(GOOD[:1])
    long_head = first[: len(MAGIC) + 1] + b"\x18\x01" + first[len(MAGIC) + 2 :]
    unsorted = cbor(HEADER)[:-1] + bytes.fromhex("a202010102")
    about = "A number that is written longer than it must."
    return [
        ("magic", "empty", "An empty file.", 0, b""),
        ("magic", "magic", "A later version.", 0, whole.replace(b"EVIDENCE-1", b"EVIDENCE-3", 1)),
        ("truncated", "nothing", "Nothing after the first line.", 0, MAGIC),
        ("truncated", "cut", "The last byte is missing.", LAST, whole[:-1]),
        ("truncated", "no-end", "No end item.", LAST, join(GOOD[:-1])),
        ("too_large", "claim", "An item that claims four gigabytes.", 1,
         first + bytes.fromhex("82025b0000000100000000")),
        ("encoding", "many", "An array of a million elements.", 1,
         first + bytes.fromhex("9a000f4240")),
        ("encoding", "deep", "A hundred arrays within one another.", 1,
         first + b"\x81" * 100 + b"\x00"),
        ("encoding", "tag", "A tag.", 1, first + b"\xc1\x82\x02\x00"),
        ("encoding", "float", "A float.", 1, first + b"\x82\x02\xf9\x3c\x00"),
        ("encoding", "endless", "An array without an end.", 1, first + b"\x9f\x02\x00\xff"),
        ("encoding", "long-int", about, 0, long_head),
        ("encoding", "unsorted", "A scope whose keys are not in order.", 0, MAGIC + unsorted),
        ("encoding", "key-twice", "A scope with one key twice.", 0,
         MAGIC + cbor(HEADER)[:-1] + bytes.fromhex("a201010102")),
    ]  # fmt: skip


def forms() -> list[Row]:
    """Items of no form."""
    admitted = [5, GOOD[FIRST_LOG + 1][1], -1]
    rows: list[tuple[str, int, Item]] = [
        ("type", 1, [11, b""]),
        ("zero", 1, [0]),
        ("short", 0, HEADER[:5]),
        ("scope-key", 0, [*HEADER[:5], {4: 1}]),
        ("scope-null", 0, [*HEADER[:5], {1: None}]),
        ("scope-order", 0, [*HEADER[:5], {1: 9, 2: 8}]),
        ("scope-digest", 0, [*HEADER[:5], {3: bytes(31)}]),
        ("realm", 0, [*HEADER[:2], "spring", *HEADER[3:]]),
        ("maker", 0, [*HEADER[:4], b"", {}]),
        ("time", 0, [*HEADER[:3], 253_402_300_800_000, *HEADER[4:]]),
        ("true", 0, [*HEADER[:3], True, *HEADER[4:]]),
        ("key-size", 2, [3, bytes(1311)]),
        ("log-size", FIRST_LOG, [*LOG[:3], 0, bytes(32), 0]),
        ("log-huge", FIRST_LOG, [*LOG[:3], 2**48 + 1, bytes(32), 0]),
        ("run-count", FIRST_LOG + 1, [6, 0, []]),
        ("run-hash", FIRST_LOG + 1, [6, 1, [bytes(31)]]),
        ("run-empty", FIRST_LOG + 1, [6, 1, []]),
        ("admitted", FIRST_LOG + 1, admitted),
        ("statement-empty", FIRST_LOG + 1, [5, b"", 0]),
        ("statement-long", FIRST_LOG + 1, [5, bytes(32_769), 0]),
    ]
    out = []
    for name, at, item in rows:
        parts = fresh()
        parts.insert(at, item)
        out.append((name, f"An item that is none of the forms: {name}.", at, parts))
    return out


def orders() -> list[Row]:
    """Items that stand where they may not."""
    one, two, end = FIRST_LOG, SECOND_LOG, GOOD[-1]
    forked = pack(two_stories(), everything, {}).items
    a, b = (at for at, item in enumerate(forked) if item[0] == 7)
    return [
        ("no-header", "No header.", 0, GOOD[1:]),
        ("two-headers", "Two headers.", 1, [HEADER, *GOOD]),
        ("no-charter", "No charter.", 1, [HEADER, *GOOD[2:]]),
        ("late-charter", "A charter after a log.", two, [*GOOD[:two], GOOD[1], *GOOD[two:]]),
        ("keys", "One key twice.", 3, [*GOOD[:2], KEY, KEY, *GOOD[2:]]),
        ("late-key", "A key after a log.", two, [*GOOD[:two], KEY, *GOOD[two:]]),
        ("logs", "Logs in descending order.", 2 + LAST - two,
         [*GOOD[:2], *GOOD[two:-1], *GOOD[one:two], end]),
        ("log-twice", "A log twice.", two, [*GOOD[:two], *GOOD[one:]]),
        ("beyond", "More statements than the log has.", one + 4,
         [*GOOD[:one + 4], GOOD[one + 3], *GOOD[one + 4:]]),
        ("gap", "Fewer statements than the log has.", one + 3,
         [*GOOD[:one + 3], *GOOD[one + 4:]]),
        ("run-beyond", "A run beyond the size of its log.", one + 3,
         [*GOOD[:one + 3], [6, 2, [bytes(32), bytes(32)]], *GOOD[one + 4:]]),
        ("receipts", "Receipts in descending order.", RECEIPTS[1],
         [*GOOD[:RECEIPTS[0]], GOOD[RECEIPTS[1]], GOOD[RECEIPTS[0]], *GOOD[RECEIPTS[1] + 1:]]),
        ("no-log", "A receipt before any log.", 2, [*GOOD[:2], GOOD[RECEIPTS[0]], *GOOD[2:]]),
        ("second", "Second stories in descending order.", b,
         [*forked[:a], forked[b], forked[a], *forked[b + 1:]]),
        ("trailing", "An item after the end.", LAST + 1, [*GOOD, end]),
    ]  # fmt: skip


def runs() -> list[Row]:
    """Runs whose hashes are not those of their subtrees."""
    out = []
    for name, about, count, hashes in (
        ("short", "A run with a hash too few.", 3, 1),
        ("long", "A run with a hash too many.", 2, 2),
    ):
        parts = fresh()
        parts[FIRST_LOG + 1 : FIRST_LOG + 1 + count] = [[6, count, [bytes(32)] * hashes]]
        out.append((name, about, FIRST_LOG + 1, parts))
    return out


def charter() -> list[Row]:
    """Files whose charters are not good."""
    story = joined()
    good = pack(story, everything, {}).items
    first, second, body = good[1], good[2], story.versions[1]
    other = pack(two_parties("OTHER"), everything, {}).items[1]
    assert isinstance(second[1], bytes)
    damaged = second[1][:-1] + bytes([second[1][-1] ^ 1])
    lacking = charters.signed(body, story.parties["ALPHA"], story.parties["BRAVO"])
    line = [1, seed("another line", 16), *HEADER[2:]]
    realm = [*HEADER[:2], "SPRING-TIDE", *HEADER[3:]]
    return [
        ("skips", "The first charter is missing.", 1, [good[0], *good[2:]]),
        ("twice", "The first charter twice.", 2, [*good[:2], first, *good[3:]]),
        ("other", "The charter of another line.", 1, [good[0], other, *good[2:]]),
        ("bytes", "A charter that is none.", 1, [good[0], [2, b"\x80"], *good[2:]]),
        ("line", "The header names another line.", 1, [line, *GOOD[1:]]),
        ("realm", "The header names an exercise, the charter none.", 1, [realm, *GOOD[1:]]),
        ("signature", "A signature under a charter does not verify.", 2,
         [*good[:2], [2, damaged], *good[3:]]),
        ("incomplete", "A party has not signed a charter.", 2,
         [*good[:2], [2, lacking], *good[3:]]),
    ]  # fmt: skip
