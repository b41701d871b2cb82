"""The rules of joint statements, one by one, and every row of their table."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any
from unittest import mock

import pytest
from tests.core.incident.made import World, digest, part, ref, said
from tests.core.incident.parley import Desk, Parley

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.value import Code
from tieline.core.incident import joint
from tieline.core.incident.entry import Entry, Placed
from tieline.core.incident.signing import Chain, Does, Fault, Step, offer, turned
from tieline.core.incident.states import JOINT, JointState
from tieline.core.incident.weighing import chains
from tieline.core.terms import Kind, RefRole


class Table:
    """Desks that hear each other at once, unless a test keeps them apart."""

    def __init__(self, **stations: int) -> None:
        self.parley = Parley(stations or {"ALPHA": 1, "BRAVO": 1})
        self.desks = self.parley.desks
        self.alpha, self.bravo = self.desks[0], self.desks[-1]

    def meet(self, *desks: Desk) -> None:
        found = [dict(desk.holds) for desk in desks or self.desks]
        for desk in desks or self.desks:
            for holds in found:
                self.parley.read(desk, holds)

    def all_write(self) -> None:
        self.meet()
        for desk in self.desks:
            self.parley.say(desk)
        self.meet()

    @property
    def chain(self) -> Chain:
        found = self.parley.whole().chains()
        assert len(found) == 1
        return found[0]

    def state(self, text: Entry) -> JointState:
        version = self.chain.version(text.digest)
        assert version is not None
        return version.state

    def faults(self) -> list[Fault]:
        return [one.fault for one in self.chain.moot]


def test_a_text_binds_when_each_party_shows_that_it_has_read_all_signatures() -> None:
    t = Table()
    text = t.parley.propose(t.alpha)
    assert t.state(text) is JointState.SIGNED
    t.meet()
    t.parley.sign(t.bravo, text)
    assert t.state(text) is JointState.COMPLETE
    assert t.chain.versions[0].unconfirmed == ("ALPHA",)
    assert offer(t.chain, "ALPHA") == (Step.CONFIRM, text.digest)
    assert offer(t.chain, "BRAVO") == (Step.AWAIT, text.digest)
    t.parley.say(t.alpha)  # without having read it
    assert t.state(text) is JointState.COMPLETE
    t.meet()
    t.parley.say(t.alpha)
    assert t.state(text) is JointState.BINDS
    assert offer(t.chain, "BRAVO") == (Step.COMPLY, text.digest)


def test_the_older_text_counts_no_more_for_who_amended_it_and_can_be_left_by_who_signed_it() -> (
    None
):
    t = Table()
    old = t.parley.propose(t.alpha)
    t.meet()
    new = t.parley.propose(t.bravo, old)
    assert t.state(old) is JointState.AMENDED
    t.parley.sign(t.bravo, old)
    assert t.faults() == [Fault.REJECTED]
    t.meet()
    t.parley.sign(t.alpha, new)
    assert [one.by.party for one in t.chain.versions[0].left] == ["ALPHA"]
    t.all_write()
    assert (t.state(old), t.state(new)) == (JointState.AMENDED, JointState.BINDS)


def test_who_has_read_that_all_signed_neither_signs_another_text_nor_takes_it_back() -> None:
    t = Table()
    text = t.parley.propose(t.alpha)
    t.meet()
    t.parley.sign(t.bravo, text)
    other = t.parley.propose(t.bravo, text)
    t.parley.withdraw(t.bravo, text)
    t.parley.decline(t.bravo, text)
    assert t.faults() == [Fault.HOLDS] * 3
    assert not t.chain.version(other.digest).signed  # type: ignore[union-attr]
    t.all_write()
    assert t.state(text) is JointState.BINDS
    assert t.state(other) is JointState.PROPOSED


def test_a_signature_that_crossed_the_leaving_of_the_other_holds_nobody() -> None:
    t = Table()
    old = t.parley.propose(t.alpha)
    t.meet()
    new = t.parley.propose(t.alpha, old)  # a correction of its own, that
    t.parley.sign(t.bravo, old)  # crosses the signature on the old text
    assert t.state(old) is JointState.SIGNED
    t.parley.withdraw(t.bravo, old)  # by what it has read, all have signed
    assert t.faults() == [Fault.HOLDS]
    t.all_write()
    assert t.state(old) is JointState.SIGNED
    t.parley.sign(t.bravo, new)
    t.all_write()
    assert t.state(new) is JointState.BINDS
    assert t.state(old) is JointState.WITHDRAWN


def test_declining_an_older_text_takes_nothing_back_from_the_newer_one() -> None:
    t = Table()
    old = t.parley.propose(t.alpha)
    new = t.parley.propose(t.alpha, old)
    t.parley.decline(t.alpha, old)
    assert (t.state(old), t.state(new)) == (JointState.DECLINED, JointState.SIGNED)


def test_a_signature_of_another_station_is_left_there_and_not_here() -> None:
    t = Table(ALPHA=2, BRAVO=1)
    old = t.parley.propose(t.alpha)
    t.meet()
    second = t.desks[1]
    t.parley.propose(second, old)
    t.parley.withdraw(second, old)
    assert t.faults() == [Fault.ELSEWHERE] * 2
    t.parley.withdraw(t.alpha, old)
    t.meet()
    new = t.parley.propose(second, old)
    t.meet()
    t.parley.sign(t.bravo, new)
    t.all_write()
    assert t.state(new) is JointState.BINDS


def test_parties_that_sign_apart_in_two_places_each_void_both_texts_loudly() -> None:
    t = Table(ALPHA=2, BRAVO=2)
    one, two = t.desks[:2]
    three, four = t.desks[2:]
    old = t.parley.propose(three)
    t.meet()
    t.parley.withdraw(three, old)
    t.meet()
    left = t.parley.propose(one, old)
    right = t.parley.propose(two, old)
    for here, there, text in ((one, three, left), (two, four, right)):
        t.meet(here, there)
        t.parley.sign(there, text)
        t.meet(here, there)
        t.parley.say(here)
        t.meet(here, there)
        found = t.parley.part(dict(there.holds)).binding()
        assert found == {text.digest}
    assert (t.state(left), t.state(right)) == (JointState.VOID, JointState.VOID)
    assert {party for party, _, _ in t.chain.split} == {"ALPHA", "BRAVO"}
    assert t.chain.binding is None


def test_a_text_for_other_parties_is_no_version_and_one_with_two_predecessors_joins_nothing() -> (
    None
):
    t = Table(ALPHA=1, BRAVO=1, CHARLIE=1)
    one = t.parley.propose(t.alpha)
    two = t.parley.propose(t.alpha)
    t.meet()
    t.parley.propose(t.bravo, one, parties=("ALPHA", "BRAVO"))
    refs = ((RefRole.PREDECESSOR, two.digest), (RefRole.PREDECESSOR, one.digest))
    t.parley.say(t.bravo, Kind.JOINT, refs, parties=t.parley.parties)
    found = t.parley.whole().chains()
    assert [len(chain.versions) for chain in found] == [1, 2, 1]


@pytest.mark.parametrize("late_binds", [False, True])
def test_a_late_signature_binds_only_if_the_text_says_so(*, late_binds: bool) -> None:
    t = Table()
    text = t.parley.propose(t.alpha, effective_ms=5_000, late_binds=late_binds)
    t.meet()
    t.parley.sign(t.bravo, text, time_ms=6_000)
    t.meet()
    t.parley.say(t.alpha, time_ms=6_500)
    whole = t.parley.whole()
    whole.arrived[t.parley.logs[t.bravo.log][0].digest, "ALPHA"] = 6_400
    version = whole.chains()[0].versions[0]
    assert version.state is (JointState.BINDS if late_binds else JointState.LATE)
    assert {(one.party, one.at, one.time_ms) for one in version.late} == {
        ("BRAVO", "", 6_000), ("BRAVO", "ALPHA", 6_400),
    }  # fmt: skip


def test_what_was_signed_in_time_and_came_late_is_late_and_unknown_until_a_receipt_says() -> None:
    t = Table()
    text = t.parley.propose(t.alpha, effective_ms=5_000)
    t.meet()
    by = t.parley.sign(t.bravo, text, time_ms=4_000)
    t.meet()
    t.parley.say(t.alpha, time_ms=9_000)
    whole = t.parley.whole()
    version = whole.chains()[0].versions[0]
    assert (version.state, version.open_at) == (JointState.COMPLETE, ("ALPHA",))
    whole.arrived[by.digest, "ALPHA"] = 4_500
    assert whole.chains()[0].versions[0].binds
    whole.arrived[by.digest, "ALPHA"] = 5_001
    assert whole.chains()[0].versions[0].state is JointState.LATE


@pytest.mark.parametrize(("ms", "binds"), [(4_999, True), (5_000, True), (5_001, False)])
def test_what_is_signed_and_read_at_the_very_time_is_in_time(ms: int, binds: bool) -> None:
    t = Table()
    text = t.parley.propose(t.alpha, effective_ms=5_000)
    t.meet()
    t.parley.sign(t.bravo, text, time_ms=ms)
    t.meet()
    t.parley.say(t.alpha, time_ms=ms)
    version = t.parley.whole().chains()[0].versions[0]
    assert version.binds is binds
    assert [one.time_ms for one in version.late] == ([] if binds else [ms])


def test_a_form_that_cannot_be_read_here_keeps_a_text_from_binding() -> None:
    t = Table()
    text = t.parley.propose(t.alpha)
    t.meet()
    t.parley.sign(t.bravo, text)
    t.parley.say(t.bravo, refs=((RefRole.ANSWERS, text.digest),), unread=True)
    t.all_write()
    assert t.state(text) is JointState.COMPLETE
    assert len(t.chain.unread) == 1


def test_a_form_that_cannot_be_read_here_takes_nothing_from_a_text_that_binds() -> None:
    """Whether it binds follows from what was read when it was confirmed."""
    t = Table()
    text = t.parley.propose(t.alpha)
    t.meet()
    t.parley.sign(t.bravo, text)
    t.all_write()
    assert t.state(text) is JointState.BINDS
    t.parley.say(t.bravo, refs=((RefRole.ANSWERS, text.digest),), unread=True)
    t.all_write()
    assert t.state(text) is JointState.BINDS
    assert len(t.chain.unread) == 1


def test_a_signature_that_came_late_from_another_station_does_not_make_a_text_late() -> None:
    """BRAVO's second station signs it once more, long after, and claims that it was first."""
    t = Table(ALPHA=1, BRAVO=2)
    text = t.parley.propose(t.alpha, effective_ms=5_000)
    t.meet()
    t.parley.sign(t.bravo, text, time_ms=2_000)
    t.all_write()
    assert t.state(text) is JointState.BINDS
    late = t.parley.desks[1]
    t.parley.sign(late, text, time_ms=1_001)
    t.meet()
    for desk in t.parley.desks:
        t.parley.say(desk, time_ms=9_000)
    t.meet()
    assert t.state(text) is JointState.BINDS


def test_of_each_log_so_much_is_weighed_and_the_first_beyond_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joint, "JOINT_ACTS", 3)
    t = Table()
    text = t.parley.propose(t.alpha)
    t.meet()
    versions = [t.parley.propose(t.bravo, text) for _ in range(5)]
    t.meet()
    assert [one.digest for one in t.chain.versions] == [one.digest for one in (text, *versions[:3])]
    assert t.chain.spent == ("BRAVO",)
    assert [(one.by, one.fault) for one in t.chain.moot] == [(versions[3], Fault.SPENT)]
    t.parley.sign(t.alpha, versions[4])  # upon what is beyond: nothing
    t.parley.propose(t.alpha, versions[4])
    assert len(t.parley.whole().chains()) == 1
    assert len(t.chain.versions) == 4
    t.parley.sign(t.alpha, versions[2])
    assert {one.by.party for one in t.chain.versions[3].signed} == {"ALPHA", "BRAVO"}


def test_signatures_from_many_logs_hide_none_that_were_confirmed_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joint, "MAX_CHOICES", 2)
    t = Table(ALPHA=1, BRAVO=4, CHARLIE=4)
    text = t.parley.propose(t.alpha)
    t.meet()
    bravo = next(desk for desk in t.parley.desks if desk.party == "BRAVO")
    charlie = next(desk for desk in t.parley.desks if desk.party == "CHARLIE")
    for desk in (bravo, charlie):
        t.parley.sign(desk, text)
    t.meet()
    for desk in (t.alpha, bravo, charlie):
        t.parley.say(desk)
    assert t.state(text) is JointState.BINDS
    for desk in t.parley.desks:
        if desk not in (t.alpha, bravo, charlie):
            t.parley.sign(desk, text, time_ms=1)
    t.all_write()
    assert t.state(text) is JointState.BINDS


def test_who_hands_on_anothers_word_signs_for_nobody() -> None:
    t = Table(ALPHA=1, BRAVO=1, CHARLIE=1)
    text = t.parley.propose(t.alpha, parties=("ALPHA", "BRAVO"), through="BRAVO")
    t.meet()
    assert t.chain.versions[0].missing == ("ALPHA", "BRAVO")
    t.parley.sign(t.bravo, text)  # CHARLIE's desk is not named
    assert t.faults() == [Fault.NOT_NAMED]


def test_a_text_that_was_not_read_is_not_signed() -> None:
    t = Table()
    text = t.parley.propose(t.alpha)
    t.parley.sign(t.bravo, text, time_ms=2_000)
    assert t.faults() == [Fault.UNREAD]
    t.meet()
    t.parley.sign(t.bravo, text)
    t.parley.sign(t.bravo, text)
    assert t.faults() == [Fault.UNREAD, Fault.ALREADY]


def test_a_second_story_moves_nothing_and_is_told() -> None:
    t = Table()
    text = t.parley.propose(t.alpha)
    t.meet()
    by = t.parley.sign(t.bravo, text)
    t.all_write()
    forged = replace(by, digest=digest("forged"), kind=Kind.MESSAGE, story=True,
                     said=said(Act.WITHDRAW), refs=((RefRole.CONCERNS, text.digest),))  # fmt: skip
    whole = t.parley.whole()
    t.parley.seen[forged.digest] = t.parley.seen[by.digest]
    chain = chains([*t.parley.entries, forged], whole)[0]
    assert chain.versions[0].binds
    assert chain.twice == ("BRAVO",)


def test_compliance_stands_beside_the_text() -> None:
    t = Table()
    text = t.parley.propose(t.alpha)
    t.meet()
    for sense in (Sense.NOT_YET, Sense.COMPLYING):
        answers = {Means.COMPLIANCE: part("compliance", Code(1, "x"), sense)}
        t.parley.say(t.bravo, refs=((RefRole.CONCERNS, text.digest),),
                     what=said(Act.COMPLY, answers=answers))  # fmt: skip
    found = t.chain.versions[0].compliance
    assert [(party, sense) for party, sense, _ in found] == [
        ("BRAVO", Sense.NOT_YET), ("BRAVO", Sense.COMPLYING),
    ]  # fmt: skip


def test_cancelling_ones_own_text_or_signature_takes_it_back() -> None:
    t = Table()
    text = t.parley.propose(t.alpha)
    t.parley.say(t.alpha, refs=((RefRole.CANCELS, text.digest),))
    assert t.state(text) is JointState.WITHDRAWN
    t.meet()
    by = t.parley.sign(t.bravo, text)
    t.parley.say(t.bravo, refs=((RefRole.CANCELS, by.digest),))
    assert t.state(text) is JointState.WITHDRAWN
    t.parley.say(t.bravo, refs=((RefRole.CANCELS, text.digest),))  # another's: nothing
    assert t.faults() == []
    t.parley.withdraw(t.bravo, text)
    assert [(one.does, one.fault) for one in t.chain.moot] == [(Does.WITHDRAW, Fault.NOTHING)]


def test_who_is_not_named_turns_nobody_from_a_text_that_a_party_has_signed() -> None:
    t = Table(ALPHA=1, BRAVO=1, CHARLIE=1)
    charlie = t.bravo
    t.bravo = t.desks[1]
    both: dict[str, Any] = {"parties": ("ALPHA", "BRAVO")}
    text = t.parley.propose(t.alpha, **both)
    t.meet()
    other = t.parley.propose(charlie, text, **both)
    t.meet()
    assert offer(t.chain, "BRAVO") == (Step.SIGN, text.digest)
    mediated = t.parley.propose(t.bravo, text, through="the mission", **both)
    t.meet()
    assert offer(t.chain, "BRAVO") == (Step.SIGN, text.digest)
    assert turned(t.chain, t.chain.versions[0], "BRAVO") is None
    # A party that takes up such a text moves the others to it, who then do not sign the old one.
    t.parley.sign(t.alpha, mediated)
    t.meet()
    assert offer(t.chain, "BRAVO") == (Step.SIGN, mediated.digest)
    assert other.digest in [one.digest for one in t.chain.versions]


def test_a_text_from_which_another_party_has_turned_is_not_signed_unread() -> None:
    t = Table(ALPHA=1, BRAVO=1, CHARLIE=1)
    text = t.parley.propose(t.alpha)
    t.meet()

    def seen_by(party: str) -> tuple[str, bytes] | None:
        return turned(t.chain, t.chain.versions[0], party)

    assert seen_by("CHARLIE") is None
    new = t.parley.propose(t.alpha, text)  # its own signatory: both texts can still be signed
    t.meet()
    assert (seen_by("BRAVO"), seen_by("ALPHA")) == (("ALPHA", new.digest), None)
    t.parley.decline(t.desks[1], new)  # then the old text is the one to come back to
    t.meet()
    assert (seen_by("CHARLIE"), offer(t.chain, "CHARLIE")) == (None, (Step.SIGN, text.digest))
    t.parley.decline(t.desks[1], text)
    t.meet()
    assert seen_by("CHARLIE") == ("BRAVO", b"")


def test_every_row_of_the_table_is_walked() -> None:
    """By all short runs of acts of a few desks."""
    walked: set[tuple[object, object]] = set()
    step = JOINT.step

    def noting(self: object, state: JointState, event: object) -> JointState:
        walked.add((state, event))
        return step(state, event)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(JOINT), "step", noting)
        _walk_everything()
    assert walked >= set(JOINT.rows)


ACTS = ("sign", "withdraw", "decline", "propose")


def _walk_everything() -> None:
    """Runs of acts by desks that have read the text and nothing of each other."""
    cases: tuple[tuple[dict[str, int], int, dict[str, Any]], ...] = (
        ({"ALPHA": 2, "BRAVO": 1}, 3, {}),
        ({"ALPHA": 2, "BRAVO": 2}, 2, {}),
        ({"ALPHA": 1, "BRAVO": 1}, 2, {"through": "BRAVO"}),
        ({"ALPHA": 1}, 1, {}),
    )
    for stations, most, first in cases:
        count = 4 * sum(stations.values())
        for run in (run for size in range(most + 1) for run in product(range(count), repeat=size)):
            _walk(Table(**stations), run, first)
    late = Table()
    _walk(late, (1,), {"effective_ms": 500})
    test_parties_that_sign_apart_in_two_places_each_void_both_texts_loudly()


def _walk(t: Table, run: tuple[int, ...], first: dict[str, Any]) -> None:
    text = t.parley.propose(t.alpha, **first)
    for desk in t.desks:
        t.parley.read(desk, t.parley.causes(text))
    for at in run:
        getattr(t.parley, ACTS[at // len(t.desks)])(t.desks[at % len(t.desks)], text)
    t.all_write()
    assert len(t.parley.whole().chains()) == 1


def test_a_party_that_signs_from_very_many_logs_costs_in_proportion() -> None:
    """Each of its signatures was looked for in all of its other logs."""

    def looks(count: int) -> int:
        world = World()
        parties = ("ALPHA", "BRAVO")
        text = world.post("ALPHA").says(None, kind=Kind.JOINT, parties=parties)
        for number in range(count):
            post = world.post("BRAVO", f"station {number}")
            post.reads(text)
            post.says(None, ref(text, role=RefRole.ANSWERS), kind=Kind.ASSENT)
        world.say("ALPHA", None)
        seen, saw = list[Placed](), world.saw

        def noted(later: Placed, earlier: Placed) -> bool:
            seen.append(later)
            return saw(later, earlier)

        with mock.patch.object(world, "saw", noted):
            (chain,) = chains(world.entries, world)
        assert len(chain.versions[0].signed) == count + 1
        return len(seen)

    assert looks(80) <= 2 * looks(40) + 10
