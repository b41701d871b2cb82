"""Evidence of lines on which a party observes: what it signs all the same, and who becomes one."""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

from evidence import Log, Said, Story
from evidence_cases import Cases


def build() -> dict[str, object]:
    """The files of this script."""
    cases = Cases()
    about = "DELTA observes: what it signs beyond the opening of its log has no effect."
    cases.good("observer", about, spoke()[0])
    about = "DELTA observes by the first version and BRAVO by the second; each counts by its own."
    cases.good("observer-changes", about, changes())
    about = "An observer signs two stories: that it does is proven all the same."
    cases.good("observer-two-stories", about, two_stories())
    return cases.out


def unheard(story: Story, log: Log, words: str, **more: object) -> Said:
    """A text of an observer."""
    said = story.text(log, words, **more)
    said.observer = True
    return said


def spoke() -> tuple[Story, Log]:
    """ALPHA asks all; BRAVO acknowledges, and so does DELTA, which also takes a word back."""
    story = Story(["ALPHA", "BRAVO", "DELTA"], changes={19: ["DELTA"]})
    alpha, bravo, delta = (story.log(code) for code in story.parties)
    asked = story.text(alpha, "Who has seen it?", changes={13: 7, 8: 3}, seen=[delta.main[0]])
    story.receipt(alpha, 2, "BRAVO")
    story.receipt(alpha, 2, "DELTA")
    story.say(bravo, 2, refs=[asked, 1], seen=[asked])
    read = story.say(delta, 2, refs=[asked, 1], seen=[asked])
    read.observer = True
    said = unheard(story, delta, "We have seen it.", seen=[bravo.main[-1]], refs=[asked, 1])
    unheard(story, delta, "We take that back.", refs=[said, 3])
    story.receipt(delta, 3, "ALPHA")
    story.text(alpha, "We have read what DELTA signed.", seen=[delta.main[-1]], refs=[said, 6])
    return story, delta


def changes() -> Story:
    """By the second version DELTA speaks, and BRAVO reads only."""
    story, delta = spoke()
    alpha, bravo = story.logs[:2]
    late = story.text(bravo, "Written before we observed.", seen=[alpha.main[-1]])
    story.amend({19: ["BRAVO"]})
    asked = story.text(alpha, "And now?", changes={13: 7}, seen=[late])
    story.say(delta, 2, refs=[asked, 1], seen=[asked])
    read = story.say(bravo, 2, refs=[asked, 1], seen=[asked])
    read.observer = True
    unheard(story, bravo, "We say it all the same.", seen=[delta.main[-1]])
    again = story.log("BRAVO", life="two", cause="moved")
    unheard(story, again, "From a fresh log too.", seen=[bravo.main[-1]])
    return story


def two_stories() -> Story:
    """One position of DELTA's log, signed twice."""
    story, delta = spoke()
    unheard(story, delta, "Or was it so?", after=delta.main[1])
    return story
