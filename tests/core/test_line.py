"""The state of a line to each peer, with its cause: four kinds of quiet are four states."""

from __future__ import annotations

import pytest
from tests.core.world import START_MS, Net, Post, answer, found, kit, kits, message, sign_all

from tieline.core.errors import LocalError
from tieline.core.events import Lost
from tieline.core.joints import chain_of
from tieline.core.journal import FactKind, StateChange
from tieline.core.statement import Body, Content
from tieline.core.succession import amend
from tieline.core.terms import Kind, LineState, Precedence, Role


def to(post: Post, peer: Post) -> tuple[LineState, str]:
    link = post.line.links[peer.who.id]
    assert post.line.link_state(link, post.net.now().real_ms) == (link.state, link.stated)
    return link.state, link.stated


def declare(kind: Kind, cause: str | None, *, staffed: bool | None = None) -> Content:
    return Content(kind=kind, body=Body(cause=cause, staffed=staffed), role=Role.WATCH_OFFICER)


def three() -> tuple[Net, Post, Post, Post]:
    net = Net(kits(3))
    return net, net.post("ALPHA"), net.post("BRAVO"), net.post("CHARLIE")


def test_unknown_until_anything_is_heard_or_tried() -> None:
    net, alpha, bravo, _ = three()
    net.pass_time(1)
    assert to(alpha, bravo) == (LineState.UNKNOWN, "nothing heard since this station started")


def test_up_when_a_session_is_open_and_nothing_is_owed() -> None:
    net, alpha, bravo, charlie = three()
    net.connect(alpha, bravo)
    assert to(alpha, bravo) == to(bravo, alpha) == (LineState.UP, "")
    assert to(alpha, charlie)[0] is LineState.UNKNOWN


def test_silent_since_the_last_sign_with_what_ended_it() -> None:
    net, alpha, bravo, _ = three()
    net.connect(alpha, bravo)
    net.pass_time(1_000)
    heard = alpha.line.links[bravo.who.id].last_heard_ms
    net.pass_time(3)
    net.cut(alpha, bravo, "no answer to keep-alive for 15 s")
    assert to(alpha, bravo) == (LineState.SILENT, "no answer to keep-alive for 15 s")
    link = alpha.line.links[bravo.who.id]
    assert link.since_ms == heard
    net.connect(alpha, bravo)
    assert to(alpha, bravo) == (LineState.UP, "")


def test_silent_though_connected_when_no_sign_comes_for_as_long_as_the_charter_says() -> None:
    net, alpha, bravo, _ = three()
    net.connect(alpha, bravo)
    net.pass_time(600)
    assert to(alpha, bravo) == (LineState.UP, "")  # a sign comes often enough by itself
    net.lossy = True
    net.pass_time(net.signed.charter.silence_s // 2 - 1)
    assert to(alpha, bravo) == (LineState.UP, "")  # a sign comes twice in that time
    net.pass_time(net.signed.charter.silence_s)
    assert to(alpha, bravo) == (LineState.SILENT, "it is connected, and gives no sign")
    link = alpha.line.links[bravo.who.id]
    assert link.since_ms == link.last_heard_ms
    net.lossy = False
    net.pass_time(net.signed.charter.silence_s)
    assert to(alpha, bravo) == to(bravo, alpha) == (LineState.UP, "")


def test_a_suspended_peer_that_gives_no_sign_asks_for_no_ticks_and_is_silent_when_it_ends() -> None:
    net, alpha, bravo, _ = three()
    net.connect(alpha, bravo)
    alpha.speak(declare(Kind.SUSPEND, "protest"))
    net.deliver()
    net.lossy = True
    silence_s = net.signed.charter.silence_s
    net.pass_time(2 * silence_s)
    assert to(alpha, bravo)[0] is LineState.SUSPENDED
    wakes = alpha.station.exchanges[alpha.line.id].wakeup()
    assert wakes is None or wakes > net.now().real_ms  # else the station turns without end
    alpha.speak(declare(Kind.RESUME, None))
    assert to(alpha, bravo) == (LineState.SILENT, "it is connected, and gives no sign")


def test_down_when_every_attempt_fails_and_each_is_on_record() -> None:
    net, alpha, bravo, _ = three()
    for cause in ("connection refused", "no route to host", "no route to host"):
        net.fail(alpha, bravo, cause)
    assert to(alpha, bravo) == (LineState.DOWN, "no route to host")
    attempts = [f for f in alpha.facts if f.kind == FactKind.ATTEMPT]
    assert len(attempts) == 3
    assert alpha.line.links[bravo.who.id].attempts == 3
    net.connect(alpha, bravo)
    assert to(alpha, bravo) == (LineState.UP, "")


def test_the_attempts_and_their_cause_stand_in_the_silence_that_is_signed() -> None:
    net, alpha, bravo, charlie = three()
    net.connect(alpha, charlie)
    net.fail(alpha, bravo, "connection refused")
    net.fail(alpha, bravo, "connection refused")
    alpha.speak(message(precedence=Precedence.FLASH))
    net.deliver()
    net.pass_time(601)
    said = [s.content.body for s in charlie.statements(Kind.SILENCE)]
    assert {(s.party, s.attempts, s.cause) for s in said} >= {("BRAVO", 2, "connection refused")}


def test_suspended_by_whom_and_why_whatever_the_wires_do() -> None:
    net, alpha, bravo, charlie = three()
    net.connect_all()
    bravo.speak(declare(Kind.SUSPEND, "protest of 15 November"))
    net.deliver()
    said = (LineState.SUSPENDED, "suspended by BRAVO: protest of 15 November")
    assert to(alpha, bravo) == to(bravo, alpha) == to(bravo, charlie) == said
    assert to(alpha, charlie) == (LineState.UP, "")
    net.cut(alpha, bravo)
    assert to(alpha, bravo) == said
    net.connect(alpha, bravo)
    bravo.speak(declare(Kind.RESUME, None))
    net.deliver()
    assert to(alpha, bravo) == (LineState.UP, "")


def test_a_suspended_line_still_carries_what_an_officer_sends() -> None:
    net, alpha, bravo, _ = three()
    net.connect_all()
    bravo.speak(declare(Kind.SUSPEND, "protest"))
    net.deliver()
    one = alpha.speak(message("urgent", Precedence.FLASH)).item
    other = bravo.speak(message("urgent too", Precedence.FLASH)).item
    net.deliver()
    assert one in bravo.order()
    assert other in alpha.order()


def test_unstaffed_when_a_party_says_so() -> None:
    net, alpha, bravo, _ = three()
    net.connect_all()
    bravo.speak(declare(Kind.WATCH, "night", staffed=False))
    net.deliver()
    assert to(alpha, bravo) == (LineState.UNSTAFFED, "BRAVO says it is unstaffed: night")
    bravo.speak(declare(Kind.WATCH, None, staffed=True))
    net.deliver()
    assert to(alpha, bravo) == (LineState.UP, "")


def test_unstaffed_when_the_station_answers_and_no_officer_does() -> None:
    net, alpha, bravo, charlie = three()
    net.connect_all()
    digest = alpha.speak(message(precedence=Precedence.FLASH)).item
    net.deliver()
    net.pass_time(601)
    state, cause = to(alpha, bravo)
    assert state is LineState.UNSTAFFED
    assert "no officer of BRAVO" in cause
    # Whoever holds the record of it says the same, and any word of an officer ends it.
    assert to(charlie, bravo) == (state, cause)
    bravo.speak(answer(Kind.ACKNOWLEDGE, digest))
    net.deliver()
    assert to(alpha, bravo) == to(charlie, bravo) == (LineState.UP, "")


def test_degraded_when_a_station_takes_and_does_not_sign() -> None:
    net, alpha, bravo, _ = three()
    net.connect(alpha, bravo)
    net.deaf = bravo.who.id  # its own signs still come
    digest = alpha.speak(message(precedence=Precedence.FLASH)).item
    net.pass_time(601)
    assert to(alpha, bravo) == (
        LineState.DEGRADED,
        "it has not signed for everything that it was sent",
    )
    net.deaf = None
    net.pass_time(120)
    assert digest in bravo.order()
    assert to(alpha, bravo)[0] is not LineState.DEGRADED


def test_degraded_when_one_of_two_stations_is_missing() -> None:
    net = Net((kit("ALPHA"), kit("BRAVO", ("main", "spare"))))
    alpha, main, spare = net.post("ALPHA"), net.post("BRAVO"), net.post("BRAVO", 1)
    net.connect(alpha, main)
    said = (LineState.DEGRADED, "the other station of BRAVO is not connected")
    assert to(alpha, main) == said
    net.connect(alpha, spare)
    assert to(alpha, main) == to(alpha, spare) == (LineState.UP, "")
    net.cut(alpha, spare)
    assert to(alpha, main) == said


def test_every_change_of_a_state_is_kept_with_its_cause_and_since_when() -> None:
    net, alpha, bravo, _ = three()
    net.fail(alpha, bravo, "connection refused")
    net.pass_time(10)
    net.connect(alpha, bravo)
    net.pass_time(10)
    net.cut(alpha, bravo, "reset by peer")
    changes = [StateChange.decode(f.body) for f in alpha.facts if f.kind == FactKind.STATE]
    mine = [(c.state, c.cause) for c in changes if c.station == bravo.who.id]
    assert mine[-3:] == [
        ("down", "connection refused"), ("up", ""), ("silent since", "reset by peer"),
    ]  # fmt: skip
    assert all(c.since_ms >= START_MS for c in changes)


@pytest.mark.parametrize("first", [0, 1])
def test_a_declaration_is_judged_by_when_it_was_said_and_not_by_arrival(first: int) -> None:
    """One station of BRAVO suspends, and later the other resumes: whichever reaches us first."""
    net = Net((kit("ALPHA"), kit("BRAVO", ("main", "spare"))))
    alpha, main, spare = net.post("ALPHA"), net.post("BRAVO"), net.post("BRAVO", 1)
    main.speak(declare(Kind.SUSPEND, "protest"))
    net.pass_time(60)
    spare.speak(declare(Kind.RESUME, None))
    for peer in (main, spare) if first == 0 else (spare, main):
        net.connect(alpha, peer)
        net.pass_time(2)
    assert alpha.line.suspended == {}
    assert to(alpha, main) == to(alpha, spare) == (LineState.UP, "")


def test_both_sides_of_a_silence_state_their_own_cause() -> None:
    net, alpha, bravo, _ = three()
    net.connect(alpha, bravo)
    for post, cause in ((alpha, "no answer for 15 s"), (bravo, "the cable was pulled")):
        other = bravo if post is alpha else alpha
        net.open.discard(frozenset((alpha.who.id, bravo.who.id)))
        post.step(Lost(carrier="wire", peer=other.who.id, cause=cause))
    assert to(alpha, bravo) == (LineState.SILENT, "no answer for 15 s")
    assert to(bravo, alpha) == (LineState.SILENT, "the cable was pulled")


# ----------------------------------------------------------------------------- on the record


def test_what_an_author_had_not_read_is_visible() -> None:
    net, alpha, bravo, _ = three()
    net.connect(alpha, bravo)
    net.pass_time(5)
    net.cut(alpha, bravo)
    one = alpha.speak(message("we withdraw")).item
    net.pass_time(60)
    other = bravo.speak(message("we advance")).item
    net.connect(alpha, bravo)
    net.pass_time(5)
    for post in (alpha, bravo):
        crossed = post.line.crossed(post.item(other))
        assert [item.statement.digest for item in crossed] == [one]
        assert post.line.crossed(post.item(one)) == []


def test_an_implausible_time_is_flagged_and_never_corrected() -> None:
    net, alpha, bravo, _ = three()
    net.connect(alpha, bravo)
    net.skew_ms = 7_200_000
    early = alpha.speak(message("from tomorrow")).item
    net.skew_ms = 0
    late = alpha.speak(message("back again")).item
    net.deliver()
    flags = bravo.line.flags(bravo.item(early))
    assert [f for f in flags if "ahead of ours" in f]
    assert [f for f in bravo.line.flags(bravo.item(late)) if "went back" in f]
    assert bravo.item(early).statement.place.time_ms == START_MS + 7_200_000
    assert bravo.order().index(early) < bravo.order().index(late)


def effective(post: Post, joint: bytes) -> bool:
    chain = chain_of(post.line, joint)
    return chain is not None and chain.binding is not None


def test_a_joint_statement_is_effective_when_every_named_party_has_assented() -> None:
    net, alpha, bravo, charlie = three()
    net.connect_all()
    body = Body(text="We agree on the facts.", lang="en", parties=("ALPHA", "BRAVO", "CHARLIE"))
    joint = alpha.speak(Content(kind=Kind.JOINT, body=body, role=Role.TREATY_OFFICER)).item
    net.deliver()
    assert not any(effective(post, joint) for post in net)
    for post in (bravo, charlie):
        assert not effective(alpha, joint)
        post.speak(answer(Kind.ASSENT, joint))
        net.deliver()
    assert not any(effective(post, joint) for post in net)  # who has read that CHARLIE signed?
    for post in net:
        post.speak(message("we have read that all have signed"))
    net.deliver()
    assert all(effective(post, joint) for post in net)
    with pytest.raises(LocalError) as caught:
        bravo.speak(answer(Kind.ASSENT, joint))
    assert caught.value.code == "act.already"


def test_a_station_that_a_later_charter_names_no_more_keeps_its_words() -> None:

    net, alpha, bravo, charlie = three()
    net.connect_all()
    digest = charlie.speak(message("our last word")).item
    net.deliver()
    second = sign_all(amend(net.signed.charter, leave=["CHARLIE"]), net.parties)
    for post in (alpha, bravo):
        post.install(second)
    assert alpha.line.party_of(charlie.who.id) == "CHARLIE"
    assert set(alpha.line.links) == {bravo.who.id}
    late = bravo.speak(message("among two")).item
    net.deliver()
    assert digest in alpha.order()
    assert late in alpha.order()
    assert found(kits(3)).charter.line == alpha.line.id
