"""The cases of evidence: good files, and files with one thing wrong each."""
# ruff: noqa: INP001, S101  # scripts, not a package

from __future__ import annotations

from collections.abc import Callable

import charter as charters
from evidence import START_MS, Found, Said, Story, cover, found, pack, root, sha
from nacl.signing import SigningKey
from people import party, seed

WITNESS = SigningKey(seed("evidence witness"))
NAME = "witness.example/a"
SCRIPT = "</script><script>alert(1)</script><img src=x onerror=alert(1)>&lt;\"'\u202e"
FIRST = "A drone of ours is lost near the border."


def everything(_: Said) -> bool:
    """The whole line."""
    return True


def two_parties(realm: str = "") -> Story:
    """ALPHA and BRAVO, a few statements each, receipts both ways."""
    story = Story(["ALPHA", "BRAVO"], realm)
    alpha, bravo = story.log("ALPHA"), story.log("BRAVO")
    first = story.text(alpha, FIRST, seen=[bravo.main[0]])
    story.receipt(alpha, 2, "BRAVO")
    story.say(bravo, 2, refs=[first, 1], seen=[first])
    story.receipt(bravo, 2, "ALPHA")
    story.text(alpha, "It has no payload.", seen=[bravo.main[-1]])
    story.text(bravo, "We see it on radar.", seen=[alpha.main[-1]], refs=[first, 6])
    story.receipt(alpha, 3, "BRAVO")
    story.receipt(bravo, 3, "ALPHA")
    return story


def four_parties(*, stranger: bool = False) -> tuple[Story, set[Said]]:
    """An incident among other traffic; also the statements of its thread."""
    changes: dict[int, object] = {12: [[NAME, bytes(WITNESS.verify_key)]], 13: 1}
    story = Story(["ALPHA", "BRAVO", "CHARLIE", "DELTA"], changes=changes, spare="BRAVO")
    alpha, bravo, charlie, delta = (story.log(code) for code in story.parties)
    spare = story.log("BRAVO", "spare")
    for number in range(5):
        story.text(alpha, f"Canary alpha {number}.", seen=[bravo.main[0]] if number == 1 else None)
    other = story.text(bravo, "Canary bravo.", seen=[alpha.main[-1]])
    asks = {13: 7, 8: 2}
    item = story.text(alpha, FIRST, changes=asks, seen=[other, charlie.main[0]], refs=[other, 6])
    for code in ("BRAVO", "CHARLIE", "DELTA"):
        story.receipt(alpha, 7, code)
    story.receipt(alpha, 7, "BRAVO", "spare")
    read = story.say(bravo, 2, refs=[item, 1], seen=[item])
    story.text(alpha, "Canary alpha after.", seen=[read])
    said = {1: "Вы потеряли аппарат.", 2: "ru"}
    back = story.say(bravo, 3, said, refs=[item, 1], seen=[alpha.main[-1]])
    told = {4: "Air Control North", 5: story.clock_ms}
    passed = story.say(spare, 4, told, refs=[item, 1], seen=[item, back])
    silent = {11: 3, 12: "DELTA", 13: story.clock_ms, 14: 2, 6: "no route"}
    silence = story.say(alpha, 8, silent, refs=[item, 6], seen=[passed], changes={11: None})
    late = story.say(delta, 2, refs=[item, 1], seen=[alpha.main[-1]])
    better = story.text(alpha, "It is found.", refs=[item, 2, late, 6], seen=[late])
    foreign = story.say(charlie, 1, {1: "Not ours.", 2: "en"}, refs=[item, 3], seen=[item])
    for number in range(3):
        story.text(alpha, f"Canary alpha late {number}.")
    story.note(alpha, 11, ["BRAVO", "CHARLIE"], witness=(NAME, WITNESS), stranger=stranger)
    story.receipt(alpha, 13, "DELTA")
    story.receipt(bravo, 4, "ALPHA")
    story.receipt(spare, 2, "ALPHA")
    story.receipt(charlie, 2, "ALPHA")
    story.note(delta, 2, ["ALPHA"], own=False)
    return story, {item, read, back, passed, silence, late, better, foreign, other}


def two_stories() -> Story:
    """DELTA tells two stories; ALPHA reads one and BRAVO the other."""
    story = Story(["ALPHA", "BRAVO", "DELTA"])
    alpha, bravo, delta = (story.log(code) for code in story.parties)
    one = story.text(delta, "We have fired nothing.", seen=[alpha.main[0]])
    story.receipt(delta, 2, "ALPHA")
    two = story.text(delta, "We have fired once, by mistake.", after=delta.main[0])
    more = story.text(delta, "It was at noon.", after=two)
    story.text(alpha, "We have read that.", seen=[one], refs=[one, 6])
    story.text(bravo, "We have read another thing.", seen=[more], refs=[more, 6])
    story.text(alpha, "We have now read both.", seen=[more, bravo.main[-1]])
    return story


def joined() -> Story:
    """CHARLIE comes in by a second version of the charter."""
    story = two_parties()
    who = party("CHARLIE", "Charlie")
    entries = [charters.entry(each) for each in (*story.parties.values(), who)]
    story.amend({7: entries})
    story.parties["CHARLIE"] = who
    alpha, charlie = story.logs[0], story.log("CHARLIE")
    story.text(charlie, "We are here too.", seen=[alpha.main[-1]])
    story.text(alpha, "Welcome.", seen=[charlie.main[-1]])
    story.receipt(alpha, 4, "CHARLIE")
    story.receipt(charlie, 2, "BRAVO")
    return story


class Cases:
    """The files, as they are made."""

    def __init__(self) -> None:
        self.out: dict[str, object] = {}

    def add(self, name: str, data: bytes, result: Found) -> None:
        """One case."""
        self.out[f"evidence/{name}.tle"] = data
        self.out[f"evidence/{name}.json"] = result

    def good(
        self, name: str, about: str, story: Story,
        take: Callable[[Said], bool] = everything, scope: dict[int, object] | None = None,
    ) -> None:  # fmt: skip
        """A file as a writer makes it, where a fault is only in a statement or signature."""
        packed = pack(story, take, scope or {})
        self.add(name, packed.data(), found(story, packed, about))


def thread_of(story: Story, thread: set[Said]) -> dict[int, object]:
    """The scope of the incident."""
    texts = {id(said): str(said.fields.get(16)) for said in thread}
    item = next(said for said in story.logs[0].main if FIRST in texts.get(id(said), ""))
    return {3: item.digest}


def build() -> dict[str, object]:
    """The files of this script."""
    cases = Cases()
    _good(cases)
    _partly(cases)
    return cases.out


def _good(cases: Cases) -> None:
    cases.good("two-parties", "Two parties, the whole line.", two_parties())
    cases.good("exercise", "The same in an exercise.", two_parties("SPRING-TIDE"))
    story, thread = four_parties()
    about = "Four parties, one thread with its whole ladder; everything else is left out."
    scope = thread_of(story, thread)
    cases.good("four-parties-thread", about, story, lambda said: said in thread, scope)
    cases.good("four-parties", "The same line, whole.", four_parties()[0])
    cases.good("two-stories", "DELTA tells two stories, both are in scope.", two_stories())
    cases.good("joined", "CHARLIE joins by a second charter version.", joined())
    story = two_parties()
    story.say(story.logs[0], 60, {1: 5, 9: [b"newer"]}, changes={17: "newer", 900: [1]})
    cases.good("newer", "A kind and keys of a newer version are kept.", story)
    story = two_parties()
    bravo = story.logs[1]
    story.say(bravo, 1, {1: SCRIPT, 2: "en"}, changes={14: ["<b>&amp;", 1]})
    story.say(bravo, 1, {3: {1: SCRIPT, 2: [SCRIPT]}})
    story.say(bravo, 6, {6: SCRIPT})
    story.say(bravo, 9, {6: SCRIPT, 7: False})
    story.say(bravo, 4, {4: SCRIPT, 5: START_MS}, refs=[story.logs[0].main[1], 1])
    cases.good("markup", "Markup in every field that holds text: shown as text.", story)


def _partly(cases: Cases) -> None:
    story, thread = four_parties(stranger=True)
    about = "A note has a line of a stranger besides."
    scope = thread_of(story, thread)
    cases.good("stranger-line", about, story, lambda said: said in thread, scope)
    start, end = START_MS + 6 * 60_000, START_MS + 8 * 60_000
    about = "A window of time: left-out statements at an end, a left-out second story."
    take = window(start, end)
    cases.good("window", about, two_stories(), take, {1: start, 2: end})
    _inside(cases)
    _giant(cases)


def window(start: int, end: int) -> Callable[[Said], bool]:
    """What is claimed or admitted from start to end."""

    def within(said: Said) -> bool:
        return any(start <= int(str(at)) <= end for at in (said.fields[7], said.admitted_ms))

    return within


def _inside(cases: Cases) -> None:
    """Runs that a writer should have parted at a receipt."""
    story = two_parties()
    alpha = story.logs[0]
    alpha.receipts.clear()
    for number in range(6):
        story.text(alpha, f"More {number}.")
    inside = story.receipt(alpha, 6, "BRAVO")
    keep = alpha.main[1]
    start, end = int(str(keep.fields[7])), keep.admitted_ms
    packed = pack(story, window(start, end), {1: start, 2: end})
    first = packed.numbers[id(keep)] + 1  # two runs follow, then the last one
    digests = [said.digest for said in alpha.main]
    hashes = [root(digests[a:b]) for a, b in cover(2, 8)]
    packed.items[first : first + 2] = [[6, 6, hashes]]
    packed.numbers = {k: at - (at > first) for k, at in packed.numbers.items()}
    packed.end -= 1
    inside.gaps, inside.by = ["gap.receipt"], []
    about = "A receipt whose size lies within a run, so it cannot be checked."
    cases.add("inside-run", packed.data(), found(story, packed, about))


def _giant(cases: Cases) -> None:
    """A log that claims to be as long as one can be."""
    story = Story(["ALPHA", "BRAVO"])
    alpha = story.log("ALPHA")
    story.log("BRAVO")
    start, end = START_MS, alpha.main[0].admitted_ms
    packed = pack(story, window(start, end), {1: start, 2: end})
    bravo = story.logs[1]
    at = packed.numbers[id(bravo)]
    size, last = 2**48, seed("giant last")
    hashes = [seed(f"giant {number}") for number in range(48)]
    packed.items[at] = [4, bravo.station, bravo.life, size, last, 0]
    packed.items[at + 1] = [6, size - 1, hashes]
    packed.items.insert(at + 2, [6, 1, [last]])
    packed.numbers = {k: n + (n > at) for k, n in packed.numbers.items()}
    packed.end += 1
    packed.items[-1] = [10, 1, size, 0, 0, 0]
    result = found(story, packed, "A log claims 2^48 statements, of which one is named.")
    top = last
    for each in reversed(hashes):
        top = sha(b"\1" + each + top)
    rows = result["logs"]
    assert isinstance(rows, list)
    next(row for row in rows if row["log"] == bravo.id.hex()).update(size=size, root=top.hex())
    cases.add("giant", packed.data(), result)
