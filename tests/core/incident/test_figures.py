"""The figures of a made-up incident: each is what the story says, and a stroke where it is unknown.

The story: it occurs at T; BRAVO has radar tracks after five minutes, and corrects them; ALPHA owns
up to nothing at first, is asked twice, answers one question and declines the other; both close.
"""

from __future__ import annotations

from tests.core.incident.made import (
    HOUR,
    MINUTE,
    T,
    World,
    about,
    asked_of,
    at,
    ref,
    said,
    stance,
    states,
)

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.model import Special
from tieline.core.agreement.reason import State
from tieline.core.agreement.value import Instant, Number, Text
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry
from tieline.core.incident.figures import NAMES, Facts, Figures, figures, middle, start_of
from tieline.core.incident.look import View
from tieline.core.terms import Kind, RefRole, Rung

COUNT, WHEN = Means.COUNT, Means.WHEN


def view_of(world: World, now_ms: int = T + 10 * HOUR) -> View:
    book = Book(world)
    for entry in world.entries:
        book.admit(entry)
    return book.view(world.entries[0].digest, now_ms)


def nobody(entry: Entry) -> dict[str, dict[Rung, int]]:
    return {}


def story() -> tuple[World, Entry, Entry]:
    world = World("ALPHA", "BRAVO")
    opened = world.say("ALPHA", said(Act.OPEN), time_ms=T + 2 * MINUTE)
    first = world.say("BRAVO", said(Act.ACCOUNT, states(WHEN, Instant(T // 1000, 60)),
                                    states(COUNT, Number(2))), ref(opened),
                      time_ms=T + 5 * MINUTE)  # fmt: skip
    world.say("BRAVO", said(Act.ACCOUNT, states(WHEN, Instant(T // 1000, 60)),
                            states(COUNT, Number(1))),
              (*ref(opened), *ref(first, role=RefRole.CORRECTS)),
              time_ms=T + 9 * MINUTE)  # fmt: skip
    asked = [
        world.say("BRAVO", said(Act.ASK, answers=asked_of("ALPHA") | at(Means.DUE, T + HOUR),
                                asked=about(Sense.CAUSE)), ref(opened),
                  time_ms=T + (10 + count) * MINUTE)
        for count in range(2)
    ]  # fmt: skip
    for question, sense, minutes in zip(asked, (Sense.FULL, Sense.DECLINED), (30, 31), strict=True):
        world.say("ALPHA", said(Act.ANSWER, answers=stance(sense)),
                  (*ref(opened), *ref(question, role=RefRole.ANSWERS)),
                  time_ms=T + minutes * MINUTE)  # fmt: skip
    world.say("ALPHA", said(Act.ACCOUNT, states(COUNT, Number(1))), ref(opened),
              time_ms=T + 40 * MINUTE)  # fmt: skip
    world.say("BRAVO", None, ref(opened), kind=Kind.SILENCE, time_ms=T + 41 * MINUTE)
    world.say("ALPHA", said(Act.CLOSE), ref(opened), time_ms=T + 50 * MINUTE)
    world.say("BRAVO", said(Act.CLOSE), ref(opened), time_ms=T + 60 * MINUTE)
    return world, opened, first


def test_the_figures_of_a_story_are_those_of_the_story() -> None:
    world, opened, first = story()

    def reached(entry: Entry) -> dict[str, dict[Rung, int]]:
        if entry is opened:
            return {"BRAVO": {Rung.ACKNOWLEDGED: entry.time_ms + MINUTE}}
        if entry is first:
            return {"ALPHA": {Rung.ACKNOWLEDGED: entry.time_ms + 3 * MINUTE,
                              Rung.READ_BACK: entry.time_ms + 4 * MINUTE}}  # fmt: skip
        return {}

    deadlines = (State.MET, State.MET, State.LATE, State.OVERDUE, State.OPEN, State.WAIVED)
    view = view_of(world)
    found = figures(view, Facts(reached=reached, deadlines=deadlines, crossed=3,
                                bound_ms=T + 45 * MINUTE))  # fmt: skip
    assert start_of(view) == (T, True)
    told: Figures = {
        "first_word": 5 * MINUTE, "first_word_of_all": 40 * MINUTE, "first_public": None,
        "acknowledged_after": MINUTE, "read_back_after": 4 * MINUTE,
        "answered_after": 20 * MINUTE, "joint_after": 45 * MINUTE, "closed_after": 60 * MINUTE,
        "statements": 11, "parties": 2, "messages": 10, "acknowledged": 2, "read_back": 1,
        "questions": 2, "answered": 1, "declined": 1, "kept": 2, "late": 1, "missed": 1,
        "running": 1, "corrected": 1, "agree": 1, "stated_by_one": 1, "crossed": 3, "silences": 1,
    }  # fmt: skip
    zero: Figures = dict.fromkeys(NAMES, 0)
    assert found == zero | told


def test_what_is_not_known_is_none_and_the_opening_is_the_start_when_nobody_says_when() -> None:
    world = World("ALPHA", "BRAVO")
    opened = world.say("ALPHA", said(Act.OPEN, states(COUNT, Special.NOT_KNOWN)))
    world.say("BRAVO", said(Act.ACCOUNT, states(COUNT, Special.WITHHELD)), ref(opened))
    view = view_of(world)
    found = figures(view, Facts(reached=nobody))
    assert start_of(view) == (opened.time_ms, False)
    # That something is not known, or withheld, is no factual word.
    spans = ("first_word", "first_word_of_all", "closed_after", "joint_after", "answered_after")
    assert {name: found[name] for name in spans} == dict.fromkeys(spans)
    assert (found["messages"], found["acknowledged"], found["questions"]) == (2, 0, 0)


def test_a_median_is_a_span_that_occurred() -> None:
    assert (middle([]), middle([7]), middle([9, 1, 4, 2])) == (None, 7, 2)


def test_the_figures_of_a_story_that_went_otherwise() -> None:
    """Late, in part, promised, taken back and overdue; one passes on; one closes, one does not."""
    world = World("ALPHA", "BRAVO")
    opened = world.say("ALPHA", said(Act.OPEN, states(WHEN, Instant(T // 1000))), time_ms=T)
    ask = said(Act.ASK, answers=asked_of("ALPHA") | at(Means.DUE, T + HOUR))
    asked = [world.say("BRAVO", ask, ref(opened), time_ms=T + n * MINUTE) for n in range(1, 6)]
    for question, sense, minutes in (
        (asked[0], Sense.FULL, 90), (asked[1], Sense.PART, 20), (asked[2], Sense.LATER, 21),
    ):  # fmt: skip
        promised = stance(sense) | at(Means.NEXT, T + 99 * HOUR)
        world.say("ALPHA", said(Act.ANSWER, answers=promised),
                  (*ref(opened), *ref(question, role=RefRole.ANSWERS)),
                  time_ms=T + minutes * MINUTE)  # fmt: skip
    world.say("BRAVO", said(Act.WITHDRAW), ref(asked[4]), time_ms=T + 30 * MINUTE)
    for party, count in (("ALPHA", 2), ("BRAVO", 3)):
        world.say(party, said(Act.ACCOUNT, states(COUNT, Number(count))), ref(opened),
                  time_ms=T + (90 + count) * MINUTE)  # fmt: skip
    account = world.say("ALPHA", said(Act.ACCOUNT, states(Means.WHAT, Text("a ship"))), ref(opened),
                        time_ms=T + 95 * MINUTE)  # fmt: skip
    world.say("ALPHA", None, ref(account, role=RefRole.CANCELS), time_ms=T + 96 * MINUTE)
    for party, words in (("ALPHA", "one way"), ("BRAVO", "another")):
        world.say(party, said(Act.ACCOUNT, states(Means.DAMAGE, Text(words))), ref(opened),
                  time_ms=T + 97 * MINUTE)  # fmt: skip
    world.say("BRAVO", said(Act.LESSON), ref(opened), time_ms=T + 98 * MINUTE)
    world.say("ALPHA", said(Act.CLOSE), ref(opened), time_ms=T + 99 * MINUTE)

    def reached(entry: Entry) -> dict[str, dict[Rung, int]]:
        if entry is not opened:
            return {}
        return {"BRAVO": {Rung.PASSED_ON: T + MINUTE}, "CHARLIE": {Rung.ACKNOWLEDGED: T}}

    states_ = (State.EARLY, State.CONTESTED, State.SUSPENDED, State.HELD, State.LAPSED)
    found = figures(view_of(world), Facts(reached=reached, deadlines=states_))
    told: Figures = {
        "first_word": 0, "first_word_of_all": 93 * MINUTE, "first_public": None,
        "acknowledged_after": None, "read_back_after": None, "answered_after": 89 * MINUTE,
        "joint_after": None, "closed_after": None, "passed_on": 1, "questions": 4, "answered": 1,
        "answered_late": 1, "answered_in_part": 1, "promised": 1, "overdue": 1, "late": 1,
        "running": 3, "taken_back": 1, "differ": 1, "not_comparable": 1, "stated_by_one": 2,
        "lessons": 1, "parties": 2, "statements": len(world.entries),
        "messages": len(world.entries),
    }  # fmt: skip
    zero: Figures = dict.fromkeys(NAMES, 0)
    assert found == zero | told
