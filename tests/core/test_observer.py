"""An observer holds and verifies everything, says nothing, and is heard by nobody.

``DELTA`` observes. At its own station an honest one is refused before anything is signed; with its
keys in bad hands it signs what it likes, which all keep and nobody heeds.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.test_hostile_member import Rogue
from tests.core.world import Net, Post, answer, found, kits, message, sign_all

from tieline.core import charter as charters
from tieline.core import encode
from tieline.core.charter import Charter, parse_charter
from tieline.core.errors import TielineError
from tieline.core.events import CallTest, Owed
from tieline.core.outline import summary
from tieline.core.statement import Body, Content, Ref
from tieline.core.succession import amend
from tieline.core.terms import Kind, LineState, Precedence, RefRole, Rung

PARTIES = kits(4)
HOUR_S = 3_600
ASKED = replace(message("who has seen it?", Precedence.FLASH), wants=7)


def net_of(**rules: object) -> Net:
    """Three parties that speak, and DELTA."""
    net = Net(PARTIES, found(PARTIES, observers=("DELTA",), **rules))  # type: ignore[arg-type]
    net.connect_all()
    net.deliver()
    return net


def test_an_observer_has_all_and_signs_for_it_and_nobody_waits_for_it() -> None:
    net = net_of()
    alpha, delta = net.post("ALPHA"), net.post("DELTA")
    asked = alpha.speak(ASKED).item
    net.deliver()
    for code in ("BRAVO", "CHARLIE"):
        for kind in (Kind.ACKNOWLEDGE, Kind.READ_BACK):
            net.post(code).speak(answer(kind, asked))
        net.post(code).speak(
            replace(answer(Kind.PASS_ON, asked), body=Body(unit="North", at_ms=net.ms + 1))
        )
    net.pass_time(HOUR_S)
    assert alpha.line.addressed(alpha.item(asked)) == ("BRAVO", "CHARLIE")
    assert Rung.RECEIVED in alpha.rungs(asked, "DELTA")
    assert alpha.alarms() == []
    assert not [alarm for post in net for alarm in post.alarms() if alarm.party == "DELTA"]
    # Nothing rings at the observer: it owes nothing, a FLASH is shown to it as all else.
    assert delta.alarms() == []
    assert {link.state for link in alpha.line.links.values()} == {LineState.UP}
    assert all(post.order() == alpha.order() for post in net)
    assert [one.content.kind for one in delta.statements(Kind.OPEN)]
    assert len(delta.line.record.logs[delta.line.own_log].items) == 1


def test_what_an_observer_types_is_refused_before_it_is_signed() -> None:
    net = net_of(tests=charters.Tests(interval_s=HOUR_S, window_s=300))
    alpha, delta = net.post("ALPHA"), net.post("DELTA")
    asked = alpha.speak(ASKED).item
    net.deliver()
    for content in (
        message("we saw it"),
        answer(Kind.ACKNOWLEDGE, asked),
        Content(kind=Kind.SUSPEND, body=Body(cause="we leave")),
        Content(kind=Kind.JOINT, body=Body(text="all stop", lang="en", parties=("ALPHA", "DELTA"))),
    ):
        with pytest.raises(TielineError, match="observer") as refused:
            delta.speak(content)
        assert refused.value.code == "line.observer"
    with pytest.raises(TielineError) as refused:
        delta.act(CallTest(token=0, line=delta.line.id, key="", officer="Ada"))
    assert refused.value.code == "line.observer"
    # Nor does its station by itself: not when tests are missed, nor when others owe.
    net.cut(alpha, delta)
    for code in ("BRAVO", "CHARLIE"):
        net.cut(net.post(code), delta)
    net.pass_time(3 * HOUR_S)
    owed = Owed(
        line=delta.line.id, rule="xx/rule", version=1, debtor="ALPHA", trigger=asked,
        due_ms=net.ms, precedence=1, text="it is owed", creditor=True,
    )  # fmt: skip
    delta.step(owed)
    assert [alarm.code for alarm in delta.alarms()][-1] == "owed.xx/rule"
    assert "line.observer" not in [alarm.code for alarm in delta.alarms()]
    assert delta.line.record.size(delta.line.own_log) == 1
    assert delta.reload().lines[delta.line.id].record.size(delta.line.own_log) == 1


def test_nobody_names_an_observer() -> None:
    net = net_of()
    alpha = net.post("ALPHA")
    for content in (
        replace(ASKED, to=("DELTA",)),
        Content(kind=Kind.JOINT, body=Body(text="x", lang="en", parties=("ALPHA", "DELTA"))),
    ):
        with pytest.raises(TielineError) as refused:
            alpha.speak(content)
        assert refused.value.code == "act.observer"


def test_line_tests_go_round_among_those_who_speak() -> None:
    net = net_of(tests=charters.Tests(interval_s=HOUR_S, window_s=300, answered_by="station"))
    net.pass_time(4 * HOUR_S)
    alpha = net.post("ALPHA")
    callers = {alpha.line.party_of(test.place.station) for test in alpha.statements(Kind.TEST)}
    callers |= {"ALPHA"} if net.post("BRAVO").statements(Kind.TEST) else set()
    assert callers == {"ALPHA", "BRAVO", "CHARLIE"}
    assert not [alarm for post in net for alarm in post.alarms()]


def rogue_of(net: Net, victim: Post) -> Rogue:
    return Rogue(net, victim, PARTIES[3])


def test_what_a_hostile_observer_signs_is_kept_marked_and_moves_nothing() -> None:
    net = Net(PARTIES, found(PARTIES, observers=("DELTA",)))
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    net.connect(alpha, bravo)
    asked = alpha.speak(ASKED).item
    net.deliver()
    rogue = rogue_of(net, alpha)
    rogue.connect()
    opened = rogue.say(Content(kind=Kind.OPEN, body=Body(cause="first start")))
    said = [
        rogue.say(content)
        for content in (
            replace(message("we have seen it", Precedence.FLASH), wants=7),
            answer(Kind.ACKNOWLEDGE, asked),
            Content(kind=Kind.SUSPEND, body=Body(cause="the line is over")),
            Content(kind=Kind.WATCH, body=Body(staffed=False, cause="nobody is here")),
        )
    ]
    own = message("we take it back")
    taken = rogue.say(replace(own, refs=(Ref(said[0].digest, RefRole.CANCELS),)))
    joint = Body(text="all firing stops", lang="en", parties=("ALPHA", "DELTA"))
    text = rogue.say(Content(kind=Kind.JOINT, body=joint))
    net.deliver()
    net.pass_time(3)
    for post in (alpha, bravo):
        held = [post.item(one.digest) for one in (*said, taken, text)]
        assert all("observer: not heard" in " ".join(post.line.flags(one)) for one in held)
        assert post.line.flags(post.item(opened.digest)) == ()
        assert Rung.ACKNOWLEDGED not in post.rungs(asked, "DELTA")
        assert (post.line.suspended, post.line.unstaffed) == ({}, {})
        assert not post.line.replaced.get(said[0].digest, [])
        assert post.line.addressed(held[0]) == ()
        spoke = [alarm for alarm in post.alarms() if alarm.code == "observer.spoke"]
        assert [alarm.party for alarm in spoke] == ["DELTA"]  # once, however much it signs
        assert not [alarm for alarm in post.alarms() if alarm.code == "arrived.flash"] or (
            post is bravo
        )
        again = post.reload().lines[post.line.id]
        assert (again.suspended, again.unstaffed) == ({}, {})
        assert not post.line.assents.get(text.digest, {})


def test_who_becomes_an_observer_is_heard_in_what_it_wrote_before() -> None:
    net = Net(PARTIES[:3])
    net.connect_all()
    alpha, charlie = net.post("ALPHA"), net.post("CHARLIE")
    asked = alpha.speak(ASKED).item
    net.deliver()
    charlie.speak(Content(kind=Kind.SUSPEND, body=Body(cause="a pause")))
    net.deliver()
    second = sign_all(amend(net.signed.charter, observers=("CHARLIE",)), PARTIES[:3])
    for post in net:
        post.install(second)
    net.pass_time(HOUR_S)
    assert alpha.line.charter.voices() == ("ALPHA", "BRAVO")
    assert sorted(alpha.line.suspended) == ["CHARLIE"]
    # What it had still owed is due no more.
    owing = [alarm.party for alarm in alpha.alarms() if alarm.item == asked]
    assert owing == ["BRAVO"] * len(owing)
    with pytest.raises(TielineError) as refused:
        charlie.speak(message("and more"))
    assert refused.value.code == "line.observer"
    third = sign_all(amend(second.charter, observers=()), PARTIES[:3])
    for post in net:
        post.install(third)
    spoken = charlie.speak(message("we speak again")).item
    net.deliver()
    assert alpha.line.flags(alpha.item(spoken)) == ()


def test_an_observer_that_is_silent_holds_up_no_amendment_of_the_others() -> None:
    net = Net(PARTIES, found(PARTIES, observers=("DELTA",)))
    others = [kit for kit in PARTIES if kit.code != "DELTA"]
    slower = replace(net.signed.charter.tests, interval_s=7_200, window_s=600)
    second = sign_all(amend(net.signed.charter, tests=slower), others)
    assert (second.charter.excused, second.missing) == (("DELTA",), ())
    for post in net:
        if post.line.party != "DELTA":
            post.install(second)
    net.connect_all()
    net.deliver()
    assert {post.line.charter.version for post in net} == {2}  # DELTA has it from the others
    # Also to go on without it nobody needs its word; and what is said of itself it has to sign.
    gone = sign_all(amend(second.charter, leave=("DELTA",)), others)
    assert (gone.charter.excused, gone.missing) == (("DELTA",), ())
    net.post("ALPHA").install(gone)
    net.deliver()
    (told,) = [one.text for one in net.post("DELTA").alarms() if one.code == "charter.removed"]
    assert "every party has signed" not in told  # DELTA did not, and nobody signed for it
    for named in ((), ("CHARLIE",), ("CHARLIE", "DELTA")):
        amended = sign_all(amend(second.charter, observers=named), others[:2])
        excused = ("DELTA",) if "DELTA" in named else ()
        assert amended.charter.excused == excused
        assert set(amended.missing) == {"CHARLIE", "DELTA"} - set(excused)


def keys(charter: Charter) -> set[int]:
    value = encode.loads(charter.body, encode.Limits(max_bytes=1 << 20))
    assert isinstance(value, dict)
    return set(value)


def line_with(observers: tuple[str, ...]) -> Charter:
    return found(PARTIES, observers=observers).charter


def test_the_charter_says_who_observes_and_keeps_two_that_speak() -> None:
    charter = line_with(("DELTA", "CHARLIE"))
    assert charter.observers == ("CHARLIE", "DELTA")
    assert "party DELTA: OBSERVER, reads all and is not heard" in summary(charter)
    # Without observers the bytes are those of before.
    assert parse_charter(line_with(()).body).observers == ()
    assert keys(charter) - keys(line_with(())) == {19}
    for wrong in (("BRAVO", "CHARLIE", "DELTA"), ("ZULU",)):
        with pytest.raises(TielineError) as refused:
            line_with(wrong)
        assert refused.value.code == "charter.observers"
    gone = amend(charter, leave=("DELTA",))
    assert gone.observers == ("CHARLIE",)
