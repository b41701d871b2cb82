"""Evidence files with one fault each: they are read to their end."""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

from collections.abc import Callable

from evidence import START_MS, Item, Packed, Signed, Story, found, line, pack
from evidence_cases import everything, four_parties, joined, two_parties
from nacl.signing import SigningKey
from people import cbor, seed, sign1

MINUTE_MS = 60_000
Case = tuple[str, str, Story, dict[int, object]]


def build() -> dict[str, object]:
    """The files of this script."""
    out = items()
    for name, about, story, scope in [*statements(), *more_statements(), *receipts(), *notes()]:
        packed = pack(story, everything, scope)
        out[f"evidence/bad-{name}.tle"] = packed.data()
        out[f"evidence/bad-{name}.json"] = found(story, packed, about)
    return out


# ------------------------------------------------------------------------- faults of statements

BAD: list[tuple[str, str, str, dict[str, object]]] = [
    ("default", "A statement has a default value written.", "statement", {"changes": {13: 1}}),
    ("line", "A statement of another line.", "place", {"changes": {1: seed("other", 16)}}),
    ("life", "A statement of another incarnation.", "place", {"changes": {3: seed("o", 8)}}),
    ("position", "A statement with another number.", "place", {"changes": {4: 9}}),
    ("version", "A statement under a charter that is not there.", "stranger", {"changes": {10: 2}}),
    ("key", "A statement signed by another key.", "signature", {"key": SigningKey(seed("x"))}),
    ("chain", "A statement names another predecessor.", "chain", {"changes": {5: seed("p")}}),
]


def statements() -> list[Case]:
    """Files of which one statement is not sound."""
    out: list[Case] = []
    for name, about, code, how in BAD:
        story = two_parties()
        story.text(story.logs[0], "Nothing is wrong but this.", fault=f"evidence.{code}", **how)
        story.text(story.logs[0], "This one follows it and is sound.")
        out.append((f"statement-{name}", about, story, {}))
    story = two_parties()
    own = story.logs[0].main[0]
    story.text(story.logs[0], "I read myself.", seen=[own], fault="evidence.cause")
    out.append(("statement-own", "A statement has seen its own log.", story, {}))
    story = joined()
    bravo, charlie = story.logs[1], story.logs[2]
    story.text(bravo, "Back.", seen=[charlie.main[1]], changes={10: 1}, fault="evidence.cause")
    about = "A statement goes back behind a charter that it has seen."
    out.append(("statement-back", about, story, {}))
    story = two_parties()
    said = story.text(story.logs[0], "x")
    said.raw, said.fault = b"\x83\x01\x02\x03", "evidence.statement"
    story.text(story.logs[0], "This one follows it and is sound.")
    out.append(("statement-bytes", "Bytes that are no statement.", story, {}))
    story = two_parties("SPRING-TIDE")
    said = story.text(story.logs[0], "For real.")
    key = SigningKey(seed("ALPHA SPRING-TIDE main sign"))
    said.raw = sign1(key, b"tieline-statement-v1\x00", cbor(said.fields))
    said.fault = "evidence.signature"
    about = "In an exercise, a statement signed for real traffic."
    out.append(("statement-realm", about, story, {}))
    return out


def more_statements() -> list[Case]:
    """Statements out of scope, and second stories that are none."""
    out: list[Case] = []
    story = two_parties()
    for log in story.logs:
        log.main[0].fault = "evidence.scope"
    start = START_MS + 3 * MINUTE_MS
    about = "Two statements are before the time of the scope."
    out.append(("scope-time", about, story, {1: start}))
    story = two_parties()
    alpha, bravo = (log.main for log in story.logs)
    for said in (alpha[0], alpha[2], bravo[0]):
        said.fault = "evidence.scope"
    about = "Three statements are not of the thread."
    out.append(("scope-thread", about, story, {3: alpha[1].digest}))
    story = two_parties()
    first = story.logs[0].main[0]
    story.text(story.logs[0], "x", after=first, changes={4: 2}, fault="evidence.chain")
    about = "A second story not at the place after its predecessor."
    out.append(("second-place", about, story, {}))
    return out


# ------------------------------------------------------------------ faults of receipts and notes


def receipts() -> list[Case]:
    """Files of which one receipt is not sound."""
    other = two_parties().logs[1].id
    rows: list[tuple[str, str, int, object]] = [
        ("signature", "A receipt of which the signature does not fit.", 4, bytes(64)),
        ("time", "A receipt of which the time was changed.", 3, 1_668_600_000),
        ("log", "A receipt of another log.", 0, other),
        ("size", "A receipt for more than the log is said to have.", 1, 4),
        ("stranger", "A receipt of a station that no charter names.", 2, seed("s", 8)),
        ("form", "A receipt for no statement.", 1, 0),
    ]
    out: list[Case] = []
    for name, about, at, value in rows:
        story = two_parties()
        log = story.logs[0]
        by, time_s = log.receipts.pop().by[0]
        parts: list[object] = [log.id, 3, by, time_s, story.cosign(log, 3, "BRAVO")[1]]
        parts[at] = value
        size = int(str(parts[1]))
        log.receipts.append(Signed(size, cbor(parts), [(by, 0)], fault="evidence.receipt"))
        out.append((f"receipt-{name}", about, story, {}))
    return out


def _other_line(data: bytes) -> bytes:
    """The note with its first line damaged."""
    text, _, rest = data.partition(b"\n\n")
    first, *more = rest.split(b"\n")
    return text + b"\n\n" + b"\n".join([first[:-20] + b"AAAA" + first[-16:], *more])


def notes() -> list[Case]:
    """Files of which one note is not sound."""
    rows: list[tuple[str, str, Callable[[bytes], bytes]]] = [
        ("forged", "A note of which the log's own line does not verify.", _other_line),
        ("text", "A note of which the text has an extension line.",
         lambda data: data.replace(b"\n\n", b"\nmore\n\n", 1)),
        ("cut", "A note without its signatures.",
         lambda data: data.partition(b"\n\n")[0] + b"\n\n"),
    ]  # fmt: skip
    out: list[Case] = []
    for name, about, change in rows:
        story, _ = four_parties()
        made = story.logs[0].notes[0]
        story.logs[0].notes[0] = Signed(made.size, change(made.data), fault="evidence.note")
        out.append((f"note-{name}", about, story, {}))
    story, _ = four_parties()
    log = story.logs[0]
    first, size, _root = log.body(11).splitlines()
    text = "\n".join([first, size, story.logs[1].body(4).splitlines()[2]]) + "\n"
    key = SigningKey(seed("ALPHA  main sign"))
    data = f"{text}\n{line(log.origin, 1, key, key.sign(text.encode()).signature)}".encode()
    log.notes[0] = Signed(11, data, fault="evidence.root")
    about = "A head that the station signed and that the log does not have."
    out.append(("note-root", about, story, {}))
    out += _beside_a_stranger(data)
    story, _ = four_parties()
    moved = story.note(story.logs[1], 4, ["ALPHA"])
    story.logs[1].notes.clear()
    story.logs[0].notes.insert(0, Signed(moved.size, moved.data, fault="evidence.note"))
    out.append(("note-origin", "A note of another log.", story, {}))
    return out


def _beside_a_stranger(wrong: bytes) -> list[Case]:
    """The faults of a note that has a line of no known key, too: both are told."""
    out: list[Case] = []
    for name, code in (("root", "evidence.root"), ("forged", "evidence.note")):
        story, _ = four_parties(stranger=True)
        log = story.logs[0]
        given = log.notes[0].data
        more = given.splitlines(keepends=True)[-1]
        data = wrong + more if name == "root" else _other_line(given)
        log.notes[0] = Signed(11, data, fault=code, gaps=["gap.signer"])
        about = "A note that is not good, with a line of a stranger besides: a fault and a gap."
        out.append((f"note-{name}-stranger", about, story, {}))
    return out


# ------------------------------------------------------------------------------ faults of items


def items() -> dict[str, object]:
    """Files of which one item says what is not so."""
    out: dict[str, object] = {}

    def add(name: str, about: str, code: str, at: int, changed: Item) -> None:
        packed = pack(story, everything, {})
        packed.items[at] = changed
        add_packed(name, about, code, at, packed)

    def add_packed(name: str, about: str, code: str, at: int, packed: Packed) -> None:
        result = found(story, packed, about)
        result |= {"verdict": "failed", "faults": [[f"evidence.{code}", at]]}
        out[f"evidence/bad-{name}.tle"] = packed.data()
        out[f"evidence/bad-{name}.json"] = result

    story = two_parties()
    good = pack(story, everything, {})
    at = good.numbers[id(story.logs[0])]
    maker = [*good.items[0][:4], seed("nobody", 8), {}]
    add("maker", "The maker is in no charter.", "maker", 0, maker)
    last = [*good.items[at][:4], seed("another"), 0]
    add("last", "The last digest of a log is another.", "last", at, last)
    # A file of the whole line that leaves the last statement of BRAVO out.
    said = story.logs[1].main[-1]
    place = good.numbers.pop(id(said))
    good.items[place] = [6, 1, [said.digest]]
    good.named[said.digest] = (story.logs[1], said.position)
    good.runs.append((story.logs[1], said.position + 1))
    good.items[good.end][1:3] = [5, 1]
    about = "A file of the whole line leaves out a statement."
    add_packed("left-out", about, "left_out", good.numbers[id(story.logs[1])], good)
    packed = pack(story, everything, {})
    result = found(story, packed, "The end counts a statement too many.")
    packed.items[-1][1] = 7
    result |= {"verdict": "failed", "faults": [["evidence.count", packed.end]]}
    out["evidence/bad-count.tle"] = packed.data()
    out["evidence/bad-count.json"] = result
    return out
