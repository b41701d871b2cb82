"""Every row of the tables of states, walked; and the folds against their meaning said once more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.core.incident.made import (
    MINUTE,
    Post,
    World,
    asked_of,
    at,
    digest,
    part,
    ref,
    said,
    stance,
)
from tests.core.incident.plain import Plain
from tests.examples import tries

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.value import Code, Hash
from tieline.core.incident import closure, heard
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry
from tieline.core.incident.states import TABLES, Table
from tieline.core.terms import RefRole

FOCUS = ("incident", "question", "hold", "link", "public", "all")
AGAINST = (RefRole.CANCELS, RefRole.CORRECTS, RefRole.SUPERSEDES)
STATIONS = [(p, n) for p in ("ALPHA", "BRAVO", "CHARLIE") for n in ("one", "two")]
ANSWERS = (Sense.FULL, Sense.PART, Sense.LATER, Sense.DECLINED)
REPLIES = (Sense.AGREED, Sense.NOT_AGREED, Sense.OTHER_TIME)


def of(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The rule is for runs about one of these things: so each is gone into deeply enough."""
    return precondition(lambda self: self.focus in (*names, "all"))


class Desks(RuleBasedStateMachine):
    """Stations that read each other or do not, and say what they like to what there is."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.book = Book(self.world)
        self.tops: dict[Act, list[Entry]] = {}
        self.opening: Entry
        self.counters: list[Entry] = []

    # ------------------------------------------------------------------------------- setting

    def admit(self, entry: Entry) -> Entry:
        self.book.admit(entry)
        return entry

    def post(self, station: tuple[str, str], *, reads: bool = True) -> Post:
        post = self.world.post(*station)
        if reads:
            post.reads_all()
        return post

    @initialize(second=st.booleans(), focus=st.sampled_from(FOCUS))
    def opened(self, second: bool, focus: str) -> None:
        self.focus = focus
        alpha = self.post(("ALPHA", "one"))
        self.opening = self.admit(alpha.says(said(Act.OPEN)))
        self.other = self.admit(
            self.post(("BRAVO" if second else "ALPHA", "one")).says(said(Act.OPEN))
        )
        for station in STATIONS:
            self.post(station)
        if focus == "question":
            self.asks(5)
        elif focus == "hold":
            self.holds(Sense.PROPOSAL if second else Sense.OURS, 20, True)
        elif focus == "link":
            self.links("CHARLIE")

    def to(self, act: Act, chosen: int) -> Entry | None:
        """One of what was said of an act."""
        some = self.tops.get(act, ())
        return some[chosen % len(some)] if some else None

    # ------------------------------------------------------------------------------ incident

    @of("incident")
    @rule(
        station=st.sampled_from(STATIONS),
        reads=st.booleans(),
        act=st.sampled_from((Act.WORD, Act.CLOSE, Act.CLOSE, Act.CLOSE, Act.REOPEN, Act.LESSON)),
    )
    def speaks(self, station: tuple[str, str], reads: bool, act: Act) -> None:
        entry = self.post(station, reads=reads).says(said(act), ref(self.opening))
        self.admit(entry)
        self.tops.setdefault(act, []).append(entry)

    @of("incident")
    @rule(reads=st.booleans())
    def all_close(self, reads: bool) -> None:
        for party in self.world.parties:
            post = self.post((party, "one"), reads=reads)
            self.admit(post.says(said(Act.CLOSE), ref(self.opening)))

    @rule(
        act=st.sampled_from((Act.CLOSE, Act.REOPEN, Act.ASK, Act.ANSWER, Act.HOLD, Act.LINK)),
        chosen=st.integers(0, 7),
        role=st.sampled_from(AGAINST),
        own=st.integers(0, 9),
    )
    def takes_back(self, act: Act, chosen: int, role: RefRole, own: int) -> None:
        top = self.to(act, chosen)
        if top is not None and own < 5:
            party = top.party if own else "CHARLIE"
            self.admit(self.post((party, "one")).says(said(Act.LESSON), ref(top, role=role)))

    # ----------------------------------------------------------------------------- questions

    @of("question")
    @precondition(lambda self: len(self.tops.get(Act.ASK, ())) < 3)
    @rule(due=st.sampled_from((None, 5, 500)))
    def asks(self, due: int | None) -> None:
        answers = asked_of("BRAVO")
        if due is not None:
            answers |= at(Means.DUE, self.world.now_ms + due * MINUTE)
        entry = self.post(("ALPHA", "one")).says(said(Act.ASK, answers=answers), ref(self.opening))
        self.tops.setdefault(Act.ASK, []).append(self.admit(entry))

    @of("question")
    @rule(
        chosen=st.integers(0, 2),
        name=st.sampled_from(("one", "two")),
        reads=st.booleans(),
        sense=st.sampled_from(ANSWERS),
        promise=st.sampled_from((None, 5, 500)),
    )
    def answers(
        self, chosen: int, name: str, reads: bool, sense: Sense, promise: int | None
    ) -> None:
        ask = self.to(Act.ASK, chosen)
        if ask is None:
            return
        answers = stance(sense)
        if promise is not None:
            answers |= at(Means.NEXT, self.world.now_ms + promise * MINUTE)
        post = self.post(("BRAVO", name), reads=reads)
        entry = self.admit(post.says(said(Act.ANSWER, answers=answers), ref(ask)))
        self.tops.setdefault(Act.ANSWER, []).append(entry)

    @of("question", "hold", "link")
    @rule(
        act=st.sampled_from((Act.ASK, Act.HOLD, Act.LINK)),
        chosen=st.integers(0, 3),
        own=st.integers(0, 4),
    )
    def withdraws(self, act: Act, chosen: int, own: int) -> None:
        top = self.to(act, chosen)
        if top is not None and own < 3:
            party = top.party if own else "CHARLIE"
            self.admit(self.post((party, "two")).says(said(Act.WITHDRAW), ref(top)))

    @of("question", "hold")
    @rule(minutes=st.sampled_from((1, 10, 600)))
    def time_passes(self, minutes: int) -> None:
        self.world.now_ms += minutes * MINUTE

    # --------------------------------------------------------------------------------- holds

    @of("hold")
    @precondition(lambda self: len(self.tops.get(Act.HOLD, ())) < 4)
    @rule(
        binding=st.sampled_from((Sense.OURS, Sense.BOTH, Sense.PROPOSAL)),
        until=st.sampled_from((None, None, 20)),
        both=st.booleans(),
    )
    def holds(self, binding: Sense, until: int | None, both: bool) -> None:
        now = self.world.now_ms
        answers = at(Means.FROM, now + 3 * MINUTE)
        answers[Means.BINDING] = part("binding", Code(1, "x"), binding)
        if until is not None:
            answers |= at(Means.UNTIL, now + until * MINUTE)
        to = ("BRAVO", "CHARLIE") if both else ("BRAVO",)
        entry = self.post(("ALPHA", "one")).says(
            said(Act.HOLD, answers=answers), ref(self.opening), to=to
        )
        self.tops.setdefault(Act.HOLD, []).append(self.admit(entry))

    @of("hold")
    @rule(
        chosen=st.integers(0, 3),
        station=st.sampled_from(STATIONS[1:]),
        reads=st.booleans(),
        sense=st.sampled_from((*REPLIES, Sense.AGREED)),
    )
    def replies(self, chosen: int, station: tuple[str, str], reads: bool, sense: Sense) -> None:
        hold = self.to(Act.HOLD, chosen)
        if hold is None:
            return
        what = said(Act.HOLD_ANSWER, answers=stance(sense) | at(Means.FROM, self.world.now_ms))
        entry = self.admit(self.post(station, reads=reads).says(what, ref(hold)))
        if sense is Sense.OTHER_TIME:
            self.counters.append(entry)

    @of("hold")
    @rule(chosen=st.integers(0, 3))
    def all_agree(self, chosen: int) -> None:
        for party in ("BRAVO", "CHARLIE"):
            self.replies(chosen, (party, "one"), True, Sense.AGREED)

    @of("hold")
    @rule(chosen=st.integers(0, 3))
    def accepts(self, chosen: int) -> None:
        if self.counters:
            counter = self.counters[chosen % len(self.counters)]
            hold = next(one for one in self.tops[Act.HOLD] if one.digest in counter.cites())
            what = said(Act.HOLD_ANSWER, answers=stance(Sense.AGREED))
            self.admit(self.post(("ALPHA", "one")).says(what, ref(hold, counter)))

    @of("hold")
    @rule(
        chosen=st.integers(0, 3),
        party=st.sampled_from(("ALPHA", "ALPHA", "BRAVO")),
        after=st.sampled_from((-1, 5)),
    )
    def lifts(self, chosen: int, party: str, after: int) -> None:
        hold = self.to(Act.HOLD, chosen)
        if hold is not None:
            what = said(Act.LIFT, answers=at(Means.FROM, self.world.now_ms + after * MINUTE))
            self.admit(self.post((party, "one")).says(what, ref(hold)))

    # --------------------------------------------------------------------------------- links

    @of("link")
    @precondition(lambda self: len(self.tops.get(Act.LINK, ())) < 3)
    @rule(party=st.sampled_from(("ALPHA", "CHARLIE")))
    def links(self, party: str) -> None:
        post = self.post((party, "one"))
        entry = post.says(said(Act.LINK), ref(self.opening, self.other))
        self.tops.setdefault(Act.LINK, []).append(self.admit(entry))

    @of("link")
    @rule(
        chosen=st.integers(0, 2),
        station=st.sampled_from(STATIONS),
        reads=st.booleans(),
        sense=st.sampled_from((*REPLIES[:2], Sense.AGREED)),
    )
    def answers_link(
        self, chosen: int, station: tuple[str, str], reads: bool, sense: Sense
    ) -> None:
        link = self.to(Act.LINK, chosen)
        if link is not None:
            what = said(Act.LINK_ANSWER, answers=stance(sense))
            self.admit(self.post(station, reads=reads).says(what, ref(link)))

    # -------------------------------------------------------------------------------- public

    @of("public")
    @rule(made=st.booleans(), text=st.integers(0, 1), plan=st.booleans(), back=st.integers(0, 5))
    def publishes(self, made: bool, text: int, plan: bool, back: int) -> None:
        post = self.post(("ALPHA", "one"))
        top = self.to(Act.PUBLIC, text)
        if back == 0 and top is not None:
            self.admit(post.says(said(Act.LESSON), ref(top, role=RefRole.CANCELS)))
            return
        answers = stance(Sense.MADE if made else Sense.PLANNED)
        answers[Means.HASH] = part("hash", Hash(digest("text", text)))
        refs = ref(self.opening, top) if plan and made and top else ref(self.opening)
        entry = self.admit(post.says(said(Act.PUBLIC, answers=answers), refs))
        if top is None or len(self.tops[Act.PUBLIC]) < 2:
            self.tops.setdefault(Act.PUBLIC, []).append(entry)

    # ------------------------------------------------------------------------------ invariant

    @rule()
    def the_folds_say_what_the_plain_reading_says(self) -> None:
        if not hasattr(self, "other"):
            return
        now, plain = self.world.now_ms, Plain(self.world)
        view = self.book.view(self.opening.digest, now)
        members = [row.entry for row in view.rows]
        assert view.head.closure.state == plain.incident(members)
        for question in view.questions:
            assert question.state == plain.question(question.ask, question.of, now)
        for link in view.links:
            assert link.state == plain.link(link.entry, [self.opening, self.other])
        for hold in view.holds:
            assert hold.state == plain.hold(hold.entry, now)

    def teardown(self) -> None:
        """Any order gives the same, also one in which effects come before their causes."""
        if not hasattr(self, "other"):
            return
        self.the_folds_say_what_the_plain_reading_says()
        shuffled = self.world.entries.copy()
        Random(len(shuffled)).shuffle(shuffled)
        fresh = Book(self.world)
        for entry in shuffled:
            fresh.admit(entry)
        now = self.world.now_ms
        for id_ in (self.opening.digest, self.other.digest):
            assert fresh.view(id_, now) == self.book.view(id_, now)


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str, str]]:
    """The rows of all tables over which a fold has gone."""
    rows: set[tuple[str, str, str]] = set()
    step, start = Table.step, Table.start

    def noted_step(self: Table[Any, Any], state: Any, event: Any) -> Any:
        rows.add((self.name, str(state), str(event)))
        return step(self, state, event)

    def noted_start(self: Table[Any, Any], event: Any) -> Any:
        rows.add((self.name, "", str(event)))
        return start(self, event)

    monkeypatch.setattr(Table, "step", noted_step)
    monkeypatch.setattr(Table, "start", noted_start)
    return rows


def by_chance(chance: Random, focus: str) -> Desks:
    """A run of the same rules by even chance: each run about one thing, so that it goes deep."""
    desks, pick, n = Desks(), chance.choice, chance.randrange
    desks.opened(n(2) > 0, focus)
    yes = (True, True, False)
    takes_back = partial(desks.takes_back, chosen=n(8), role=pick(AGAINST), own=n(5))
    acts: dict[str, list[Callable[[], None]]] = {
        "incident": [
            lambda: desks.speaks(pick(STATIONS), pick(yes), pick((Act.WORD, Act.CLOSE))),
            lambda: desks.speaks(pick(STATIONS), pick(yes), pick((Act.CLOSE, Act.REOPEN))),
            lambda: desks.all_close(pick(yes)),
            lambda: takes_back(pick((Act.CLOSE, Act.REOPEN))),
        ],
        "question": [
            lambda: desks.asks(pick((None, 5, 500))),
            lambda: desks.time_passes(pick((1, 10))),
            *[
                lambda: desks.answers(
                    n(3), pick(("one", "two")), pick(yes), pick(ANSWERS), pick((None, 5, 500))
                )
            ] * 4,
            lambda: desks.withdraws(Act.ASK, n(3), n(9)),
        ],
        "hold": [
            lambda: desks.holds(
                pick((Sense.OURS, Sense.BOTH, Sense.PROPOSAL)), pick((None, 20)), pick(yes)
            ),
            *[lambda: desks.replies(n(4), pick(STATIONS[1:]), pick(yes), pick(REPLIES))] * 5,
            lambda: desks.all_agree(n(4)),
            lambda: desks.accepts(n(4)),
            lambda: desks.lifts(n(4), pick(("ALPHA", "BRAVO")), pick((-1, 5))),
            lambda: desks.withdraws(Act.HOLD, n(4), n(9)),
            lambda: desks.time_passes(pick((1, 10))),
        ],
        "link": [
            lambda: desks.links(pick(("ALPHA", "CHARLIE"))),
            *[lambda: desks.answers_link(n(3), pick(STATIONS), pick(yes), pick(REPLIES[:2]))] * 4,
            lambda: desks.withdraws(Act.LINK, n(3), n(9)),
        ],
        "public": [lambda: desks.publishes(n(2) > 0, n(2), True, n(9))],
    }  # fmt: skip
    for _ in range(STEPS):
        pick(acts[focus])()
        if n(4) == 0:
            desks.the_folds_say_what_the_plain_reading_says()
    desks.teardown()
    return desks


def test_every_row_of_every_table_is_walked(walked: set[tuple[str, str, str]]) -> None:
    for seed in range(RUNS):
        by_chance(Random(seed), FOCUS[seed % 5])
    every = {(t.name, at, on) for t in TABLES if t.name in MINE for at, on, _, _ in t.lines()}
    assert sorted(every - walked) == []


def test_no_state_depends_on_what_is_not_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the last word of each log alone, every state is as with all."""
    monkeypatch.setattr(heard, "MAX_HEARD", 0)
    monkeypatch.setattr(closure, "MAX_TURNS", 1)
    for seed in range(RUNS // 2):
        by_chance(Random(seed), FOCUS[seed % 5])


def test_the_folds_say_what_the_plain_reading_says_in_any_order() -> None:
    run_state_machine_as_test(
        Desks,
        settings=settings(
            max_examples=tries(30), stateful_step_count=40, derandomize=True, deadline=None,
            database=None, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


RUNS, STEPS = 350, 24
MINE = {"incident", "link", "question", "hold", "public statement"}
