"""The score of each party, of the incidents as they were folded: the story of ``test_figures``.

The story: it occurs at T; ALPHA opens after two minutes and states nothing of fact; BRAVO does so
after five and corrects itself; BRAVO asks twice, ALPHA answers one and declines the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.core.incident.made import (
    HOUR,
    MINUTE,
    T,
    World,
    asked_of,
    ref,
    said,
    stance,
    states,
)
from tests.core.incident.test_figures import story

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.value import Number
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry
from tieline.core.incident.score import Played, Score, scores
from tieline.core.incident.states import QuestionState
from tieline.core.terms import Kind, RefRole, Rung

PARTIES = ("ALPHA", "BRAVO")


def played(world: World, entries: Sequence[Entry] | None = None, **more: object) -> Played:
    book = Book(world)
    for entry in world.entries if entries is None else entries:
        book.admit(entry)
    return Played(
        views=[book.view(one, T + 10 * HOUR) for one in book.ids()],
        entries=[*book.entries()],
        wants=more.pop("wants", lambda entry: ()),  # type: ignore[arg-type]
        reached=more.pop("reached", lambda entry: {}),  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )


def test_the_score_of_a_story_is_that_of_the_story() -> None:
    world, opened, first = story()

    def reached(entry: Entry) -> dict[str, dict[Rung, int]]:
        if entry is opened:
            back = entry.time_ms + 3 * MINUTE
            return {"BRAVO": {Rung.ACKNOWLEDGED: entry.time_ms + MINUTE, Rung.READ_BACK: back}}
        return {}

    def wants(entry: Entry) -> tuple[Rung, ...]:
        if entry in (opened, first):
            return (Rung.ACKNOWLEDGED, Rung.READ_BACK)
        return ()

    owed = [("ALPHA", "met"), ("ALPHA", "late"), ("BRAVO", "overdue"), ("EXCON", "open")]
    begin, found = scores(
        played(world, reached=reached, wants=wants, owed=owed, bound=[PARTIES]), PARTIES
    )
    assert begin == T
    alpha, bravo = found["ALPHA"], found["BRAVO"]
    assert (alpha.first_word_ms, alpha.first_fact_ms) == (2 * MINUTE, 40 * MINUTE)
    assert (bravo.first_word_ms, bravo.first_fact_ms) == (5 * MINUTE, 5 * MINUTE)
    assert (bravo.to_read, bravo.read_ms) == (1, [MINUTE])
    assert (bravo.to_understand, bravo.understood_ms) == (1, [3 * MINUTE])
    assert (alpha.to_read, alpha.read_ms) == (1, [])
    assert alpha.asked == 2
    assert dict(alpha.questions) == {QuestionState.ANSWERED: 1, QuestionState.DECLINED: 1}
    assert alpha.answer_ms == [20 * MINUTE]
    assert (alpha.corrected, bravo.corrected) == (0, 1)
    assert (dict(alpha.owed), dict(bravo.owed)) == ({"met": 1, "late": 1}, {"overdue": 1})
    assert (alpha.signed, alpha.took_part, alpha.closed) == (1, 1, 1)


def test_only_a_question_that_is_answered_has_a_time_to_its_answer() -> None:
    """What is put off, answered in part or declined was answered in no time at all."""
    world = World(*PARTIES)
    opened = world.say("ALPHA", said(Act.OPEN), time_ms=T)
    stances = (Sense.LATER, Sense.PART, Sense.DECLINED, Sense.FULL)
    for minutes, sense in enumerate(stances, 1):
        asked = world.say("BRAVO", said(Act.ASK, answers=asked_of("ALPHA")), ref(opened),
                          time_ms=T + HOUR)  # fmt: skip
        world.say("ALPHA", said(Act.ANSWER, answers=stance(sense)),
                  (*ref(opened), *ref(asked, role=RefRole.ANSWERS)),
                  time_ms=T + HOUR + minutes * MINUTE)  # fmt: skip
    _, found = scores(played(world), PARTIES)
    assert (found["ALPHA"].asked, found["ALPHA"].answer_ms) == (4, [4 * MINUTE])


def test_what_began_at_the_beginning_of_time_is_counted_from_there() -> None:
    """By a clock that stands at 1970."""
    world = World(*PARTIES)
    opened = world.say("ALPHA", said(Act.OPEN), time_ms=0)
    world.say("BRAVO", said(Act.ACCOUNT, states(Means.COUNT, Number(2))), ref(opened),
              time_ms=MINUTE)  # fmt: skip
    begin, found = scores(played(world), PARTIES)
    assert (begin, found["ALPHA"].first_word_ms) == (0, 0)
    assert (found["BRAVO"].first_word_ms, found["BRAVO"].first_fact_ms) == (MINUTE, MINUTE)


def test_what_counts_for_nothing_in_an_incident_counts_for_nothing_in_its_score() -> None:
    """A second story, a word of another's and what another would take back change no score."""
    world, opened, first = story()
    before = scores(played(world), PARTIES)
    world.say("ALPHA", said(Act.ACCOUNT, states(Means.COUNT, Number(9))), ref(opened),
              time_ms=T + 3 * MINUTE, story=True)  # fmt: skip
    world.say("ALPHA", said(Act.ACCOUNT), ref(first, role=RefRole.CANCELS), through="CHARLIE",
              time_ms=T + 4 * MINUTE)  # fmt: skip
    after = scores(played(world), PARTIES)
    found = after[1]["ALPHA"]
    assert found.first_fact_ms == before[1]["ALPHA"].first_fact_ms
    assert after[1]["BRAVO"] == before[1]["BRAVO"]
    assert found.messages == before[1]["ALPHA"].messages + 1


@pytest.mark.parametrize("turn", [1, 3, 5])
def test_the_order_of_arrival_changes_no_score(turn: int) -> None:
    world, _, _ = story()
    entries = [*world.entries[turn:], *world.entries[:turn]]
    assert scores(played(world, entries), PARTIES) == scores(played(world), PARTIES)


def test_a_line_without_an_incident_has_a_score_all_the_same() -> None:
    world = World(*PARTIES)
    hello = world.say("ALPHA", None, time_ms=T, text="Hello.")
    world.say("BRAVO", None, time_ms=T + MINUTE, text="Hello.")
    world.say("BRAVO", None, ref(hello), kind=Kind.ACKNOWLEDGE, time_ms=T + MINUTE)
    begin, found = scores(played(world), PARTIES)
    assert begin == T
    assert found["ALPHA"] == Score("ALPHA", messages=1, first_word_ms=0)
    assert found["BRAVO"] == Score("BRAVO", messages=1, first_word_ms=MINUTE)
    nothing = Played(views=(), entries=(), wants=lambda _: (), reached=lambda _: {})
    assert scores(nothing, PARTIES)[0] is None
