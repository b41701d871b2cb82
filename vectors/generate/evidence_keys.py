"""Evidence of lines whose keys have changed: rotation, ends of logs, a root that was replaced."""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import charter as charters
from evidence import Log, Said, Story, found, pack
from evidence_cases import Cases, everything, window
from nacl.signing import SigningKey
from people import Party, seed

FRESH = SigningKey(seed("ALPHA main sign, second"))
THIRD = SigningKey(seed("ALPHA main sign, third"))
CLOSED = "evidence.closed"


def build() -> dict[str, object]:
    """The files of this script."""
    cases = Cases()
    story, _ = rotated()
    cases.good("keys-rotated", "ALPHA has new keys, and its old log ends where it did.", story)
    about = "ALPHA's old key signs beyond the end of its log: this is beside it, without effect."
    cases.good("keys-late", about, late())
    about = "Two logs of ALPHA end, and a later version that says otherwise of one comes too late."
    cases.good("keys-first-list", about, first_list())
    about = "Two versions name ends of ALPHA's log and leave its keys: a third one ends them."
    cases.good("keys-idle-list", about, idle_list())
    about = "ALPHA has new keys, no version says where its logs end, and its old key writes on."
    cases.good("keys-no-list", about, no_list())
    cases.good("keys-reroot", "ALPHA has another root; the other party vouches for it.", reroot())
    story, _ = rotated(last=seed("another last statement"))
    story.logs[0].gap = "gap.closed"
    cases.good("keys-other-end", "The charter ends the log with a statement that is not it.", story)
    story, _ = rotated(size=4)
    story.logs[0].gap = "gap.closed"
    cases.good("keys-short", "The charter says that the log is longer than it is here.", story)
    for name, about, bad, scope in faulty():
        packed = pack(bad, window(*scope) if scope else everything, dict(enumerate(scope, 1)))
        cases.add(f"bad-{name}", packed.data(), found(bad, packed, about))
    return cases.out


def talk() -> tuple[Story, Log, Log]:
    """ALPHA and BRAVO, before anything changes."""
    story = Story(["ALPHA", "BRAVO"])
    alpha, bravo = story.log("ALPHA"), story.log("BRAVO")
    said = story.text(alpha, "Before the change.", seen=[bravo.main[0]])
    story.say(bravo, 2, refs=[said, 1], seen=[said])
    story.text(alpha, "The last one under the first key.", seen=[bravo.main[-1]])
    story.receipt(alpha, 3, "BRAVO")
    return story, alpha, bravo


def end(log: Log, size: int = 0, last: bytes = b"") -> list[object]:
    """Where a log ends: as it is now, or as it is said."""
    return [log.id, size or len(log.main), last or log.main[-1].digest]


def renew(
    story: Story, ends: list[list[object]] | None, code: str = "ALPHA", field: int = 5
) -> None:
    """A version that gives a party's station another key: 5 for statements, 6 for receipts."""
    entries = [charters.entry(who) for who in story.parties.values()]
    who = story.parties[code]
    station = who.station("main", {field: bytes(FRESH.verify_key)})
    fields = who.card_fields([station], [f"{code.lower()}.example:7411"])
    entry = {1: code, 2: who.name, 3: who.key, 4: fields[5]}
    listed = None if ends is None else sorted(ends)
    story.amend({7: [entry if each[1] == code else each for each in entries], 17: listed})


def go_on(story: Story, bravo: Log) -> Log:
    """ALPHA opens a log with its new key, and is heard."""
    fresh = story.log("ALPHA", life="two", key=FRESH, cause="rotated")
    said = story.text(fresh, "We have new keys.", seen=[bravo.main[-1]])
    story.say(bravo, 2, refs=[said, 1], seen=[said])
    story.receipt(fresh, 2, "BRAVO")
    return fresh


def rotated(size: int = 0, last: bytes = b"") -> tuple[Story, Log]:
    """The story of a rotation, and ALPHA's old log."""
    story, alpha, bravo = talk()
    renew(story, [end(alpha, size, last)])
    go_on(story, bravo)
    return story, alpha


def old_key(
    story: Story, log: Log, words: str, *, beside: Said | None = None, **more: object
) -> Said:
    """What somebody says with ALPHA's first key under the first version."""
    return story.text(log, words, changes={10: 1}, after=beside, **more)


def late() -> Story:
    """Two late statements after the end, and what they would do if they counted."""
    story, alpha, bravo = talk()
    target = story.text(bravo, "Who hears this?", changes={8: 2})
    last = alpha.main[-1]
    renew(story, [end(alpha)])
    go_on(story, bravo)
    how = {"seen": [target], "refs": [alpha.main[1], 3]}
    one = old_key(story, alpha, "Forget what we said first.", beside=last, **how)
    two = old_key(story, alpha, "Another one after the same.", beside=last, seen=[target])
    read = story.say(alpha, 2, refs=[target, 1], seen=[target], after=one, changes={10: 1})
    for said in (one, two, read):
        said.late = True
    story.text(bravo, "We have read what came too late.", seen=[read], refs=[read, 6])
    return story


def first_list() -> Story:
    """The first version that names a log counts."""
    story, alpha = rotated()
    bravo = story.logs[1]
    said = old_key(story, alpha, "Beyond the first end.", beside=alpha.main[-1])
    said.late = True
    entries = story.versions[-1][7]
    story.amend({7: entries, 17: [end(alpha, 4, said.digest)]})
    story.text(bravo, "It stays beside its log.", seen=[said])
    return story


def idle_list() -> Story:
    """What a version says of logs whose keys it does not end counts for nothing, then or later."""
    story, alpha, bravo = talk()
    entries = [charters.entry(who) for who in story.parties.values()]
    story.amend({7: entries, 17: [end(alpha, 1, alpha.main[0].digest)]})
    story.text(alpha, "Its key has not ended.", seen=[bravo.main[-1]])
    renew(story, sorted([end(bravo), end(alpha, 2, alpha.main[1].digest)]), "BRAVO")
    renewed = story.versions[-1][7]
    said = story.text(alpha, "Nor now: that list is of BRAVO's log.", seen=[bravo.main[-1]])
    who = story.parties["ALPHA"]
    station = who.station("main", {5: bytes(THIRD.verify_key)})
    fields = who.card_fields([station], ["alpha.example:7411"])
    entry = {1: "ALPHA", 2: who.name, 3: who.key, 4: fields[5]}
    both = [entry if each[1] == "ALPHA" else each for each in renewed]
    story.amend({7: both, 17: [end(alpha)]})
    fresh = story.log("ALPHA", life="two", key=THIRD, cause="rotated")
    story.text(fresh, "We have new keys.", seen=[said])
    beyond = story.text(alpha, "Beyond the end that counts.", after=said, changes={10: 3})
    beyond.late = True
    story.text(fresh, "It stays beside its log.", seen=[beyond])
    return story


def no_list() -> Story:
    """A rotation without ends of logs makes nothing late."""
    story, alpha, bravo = talk()
    renew(story, None)
    go_on(story, bravo)
    old_key(story, alpha, "Written on with the first key.")
    return story


def reroot() -> Story:
    """ALPHA's root is replaced, with its stations."""
    story, alpha, bravo = talk()
    old = story.parties["ALPHA"]
    new = Party("ALPHA", "Alpha", "", SigningKey(seed("another root of ALPHA")))
    station = new.station("main", {5: bytes(FRESH.verify_key)})
    fields = new.card_fields([station], ["alpha.example:7411"])
    entry = {1: "ALPHA", 2: "Alpha", 3: new.key, 4: fields[5]}
    entries = [entry, charters.entry(story.parties["BRAVO"])]
    story.amend({7: entries, 17: [end(alpha)], 18: [["ALPHA", old.key]]})
    story.parties["ALPHA"] = new
    go_on(story, bravo)
    said = old_key(story, alpha, "By who has the old root.", beside=alpha.main[-1])
    said.late = True
    return story


def faulty() -> list[tuple[str, str, Story, tuple[int, ...]]]:
    """Files in which something stands in a log beyond its end."""
    story, alpha = rotated()
    old_key(story, alpha, "Beyond the end.", fault=CLOSED)
    story.receipt(alpha, 4, "BRAVO")
    alpha.fault = CLOSED
    out: list[tuple[str, str, Story, tuple[int, ...]]] = []
    out.append(("closed", "A log goes on beyond the end that the charter gives it.", story, ()))
    story, alpha = rotated()
    said = story.logs[1].main[1]
    old_key(story, alpha, "Beyond the end, and left out.", fault=CLOSED)
    alpha.fault = CLOSED
    about = "A log goes on beyond its end, and the file leaves out with what."
    out.append(("closed-run", about, story, (int(str(said.fields[7])), said.admitted_ms)))
    story, alpha, bravo = talk()
    renew(story, [])
    go_on(story, bravo)
    for said in alpha.main:
        said.fault = CLOSED
    about = "A log of an ended key stands where no version names it."
    out.append(("closed-unlisted", about, story, ()))
    out.append(former_receipt())
    return out


def former_receipt() -> tuple[str, str, Story, tuple[int, ...]]:
    """BRAVO has another receipt key, and the former one signs on."""
    story, alpha, bravo = talk()
    renew(story, [end(bravo)], "BRAVO", 6)
    story.text(alpha, "Said under the second version.", seen=[bravo.main[-1]])
    story.receipt(alpha, 4, "BRAVO").fault = "evidence.receipt"
    note = story.note(alpha, 4, ["BRAVO"])
    note.by, note.gaps = [], ["gap.signer"]
    about = "A former receipt key signs for what was said after its time, also under a checkpoint."
    return "receipt-former", about, story, ()
