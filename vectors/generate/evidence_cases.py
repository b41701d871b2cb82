"""The cases of evidence: good files, and files with one thing wrong each."""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

from evidence import Found, Said, Story, found, pack


def two_parties() -> Story:
    """ALPHA and BRAVO, a few statements each, receipts both ways, all of it."""
    story = Story(["ALPHA", "BRAVO"])
    alpha, bravo = story.log("ALPHA"), story.log("BRAVO")
    first = story.text(alpha, "A drone of ours is lost near the border.", seen=[bravo.main[0]])
    story.receipt(alpha, 2, "BRAVO")
    story.say(bravo, 2, refs=[first, 1], seen=[first])
    story.receipt(bravo, 2, "ALPHA")
    story.text(alpha, "It has no payload.", seen=[bravo.main[-1]])
    story.text(bravo, "We see it on radar.", seen=[alpha.main[-1]], refs=[first, 6])
    story.receipt(alpha, 3, "BRAVO")
    story.receipt(bravo, 3, "ALPHA")
    return story


def everything(_: Said) -> bool:
    """The whole line."""
    return True


def build() -> dict[str, object]:
    """The files of this script."""
    out: dict[str, object] = {}

    def add(name: str, data: bytes, result: Found) -> None:
        out[f"evidence/{name}.tle"] = data
        out[f"evidence/{name}.json"] = result

    story = two_parties()
    packed = pack(story, everything, {})
    add("two-parties", packed.data(), found(story, packed, "Two parties, the whole line."))
    return out
