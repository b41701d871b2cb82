"""Evidence files that tell two readers apart where the other cases do not.

Each was made because a reader with one check taken out agreed with every other file.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

from evidence import START_MS, Signed, Story, found, line, pack
from evidence_cases import Cases, everything, joined, two_parties, window
from nacl.signing import SigningKey
from people import seed

MINUTE_MS = 60_000


def build() -> dict[str, object]:
    """The files of this script."""
    cases = Cases()
    cases.good("clocks", "Clocks that go back, stand still and jump ahead.", clocks())
    cases.good("two-times", "One station signs one head twice.", two_times())
    cases.good("second-answer", "An acknowledgement that cites two statements.", two_targets())
    about = "A reference that only begins as the digest of a statement in the file does."
    cases.good("almost-cited", about, almost_cited())
    story = two_parties()
    late = story.text(story.logs[1], "This came two hours late.", delay_ms=120 * MINUTE_MS)
    start, end = late.admitted_ms - 1_000, late.admitted_ms
    about = "A statement that is in scope by the time at which the maker had it."
    cases.good("late", about, story, window(start, end), {1: start, 2: end})
    for name, about, story, scope in bad():
        packed = pack(story, everything, scope)
        cases.add(f"bad-{name}", packed.data(), found(story, packed, about))
    for name, about, data in broken():
        result: dict[str, object] = {"about": about, "verdict": "failed", "broken": True}
        result["faults"] = [["evidence.charter", 2]]
        cases.add(f"broken-charter-{name}", data, result)
    return cases.out


def almost_cited() -> Story:
    """What is cited is not there, though its first 16 bytes are those of a tip that is."""
    story = two_parties()
    alpha, bravo = story.logs
    said = alpha.main[-1]
    almost = said.digest[:16] + seed("almost")[:16]
    story.say(bravo, 2, refs=[almost, 1], seen=[said])
    story.text(bravo, "Its other half is another one.", refs=[almost, 6, said, 6])
    return story


def clocks() -> Story:
    """Causes that are later than their effects by the clocks of their authors."""
    story = Story(["ALPHA", "BRAVO", "CHARLIE"])
    alpha, bravo, charlie = (story.log(code) for code in story.parties)
    ahead = START_MS + 60 * MINUTE_MS
    first = story.text(alpha, "An hour ahead.", changes={7: ahead})
    second = story.text(bravo, "Behind what it has read.", seen=[first])
    story.text(charlie, "At the same instant.", seen=[second], changes={7: ahead})
    story.text(alpha, "Back at once.", seen=[second], changes={7: START_MS})
    story.text(bravo, "As deep by another way.", seen=[charlie.main[-1], alpha.main[-1]])
    story.text(charlie, "Later than all.", seen=[bravo.main[-1]], changes={7: ahead + 1})
    return story


def two_times() -> Story:
    """A receipt and a note of the same size: of one log the note is older, of the other newer."""
    story = two_parties()
    alpha, bravo = story.logs
    alpha.receipts.pop()  # it is of the same size
    story.note(alpha, 3, ["BRAVO"])
    story.receipt(alpha, 3, "BRAVO")
    story.note(bravo, 3, ["ALPHA"])
    return story


def two_targets() -> Story:
    """An acknowledgement whose second reference is no acknowledgement."""
    story = two_parties()
    alpha, bravo = story.logs
    both: list[object] = [alpha.main[1], 1, alpha.main[2], 1]
    story.say(bravo, 2, refs=both, seen=[alpha.main[2]])
    return story


def bad() -> list[tuple[str, str, Story, dict[int, object]]]:
    """Files that are read to their end."""
    story = two_parties()
    alpha = story.logs[0]
    twin = story.text(alpha, "x", after=alpha.main[0], fault="evidence.chain")
    twin.raw, twin.fields = alpha.main[1].raw, dict(alpha.main[1].fields)
    about = "A second story that stands in the main branch."
    out: list[tuple[str, str, Story, dict[int, object]]] = [("second-main", about, story, {})]
    story = two_parties()
    alpha = story.logs[0]
    text = alpha.body(3).replace("\n3\n", "\n4\n")
    key = SigningKey(seed("ALPHA  main sign"))
    data = f"{text}\n{line(alpha.origin, 1, key, key.sign(text.encode()).signature)}".encode()
    alpha.notes.append(Signed(4, data, fault="evidence.note"))
    out.append(("note-size", "A note for more than the log is said to have.", story, {}))
    story = joined()
    end = story.clock_ms
    seen = [story.logs[2].main[1]]
    how = {"seen": seen, "changes": {10: 1}, "fault": "evidence.scope"}
    story.text(story.logs[1], "Late, and back behind a charter.", **how)
    about = "A statement out of scope that also goes back behind a charter: it has one fault."
    out.append(("scope-cause", about, story, {2: end}))
    story = joined()
    charlie = story.logs[2].main[-1]
    how = {"seen": [charlie], "changes": {10: 1}, "fault": "evidence.cause"}
    back = story.text(story.logs[1], "Back behind a charter.", **how)
    how = {"seen": [back, charlie], "changes": {10: 1}, "fault": "evidence.cause"}
    story.text(story.logs[0], "So did I.", **how)
    about = "Two statements go back behind a charter, and one of them has seen the other."
    out.append(("cause-twice", about, story, {}))
    story = Story(["ALPHA", "BRAVO"])
    alpha, bravo = story.log("ALPHA"), story.log("BRAVO")
    first = story.text(alpha, "The statement of the scope.")
    wrong = SigningKey(seed("x"))
    forged = story.text(alpha, "Forged.", refs=[first, 6], key=wrong, fault="evidence.signature")
    story.text(bravo, "It cites only what was forged.", refs=[forged, 6], fault="evidence.scope")
    for log in (alpha, bravo):
        log.main[0].fault = "evidence.scope"
    about = "A thread that hangs together only by a forged statement."
    out.append(("scope-forged", about, story, {3: first.digest}))
    return out


def broken() -> list[tuple[str, str, bytes]]:
    """Second charter versions that do not follow the first, signed by everybody."""
    out = []
    changes: list[tuple[str, str, dict[int, object]]] = [
        ("before", "It names another version before it.", {4: seed("another charter")}),
        ("nonce", "It has another nonce.", {6: seed("another nonce", 16)}),
    ]
    for name, about, change in changes:
        story = joined()
        story.versions[1] = story.versions[1] | change
        packed = pack(story, everything, {})
        out.append((name, about, packed.data()))
    return out
