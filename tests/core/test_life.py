"""Restored stores, copied homes and restarts: no number is ever signed twice (invariant 6).

``Told`` is an independent reader: it parses what has left every station and keeps its own account.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.core.world import Net, Post, answer, chaff, kits, message, silence_waits

from tieline.core import record, renewal
from tieline.core.errors import LocalError
from tieline.core.events import Arrived, Connected, Lost, Owed, Speak, Tick
from tieline.core.journal import Alarm, Fact, FactKind
from tieline.core.life import Run, Standing
from tieline.core.line import Line
from tieline.core.statement import Statement, parse
from tieline.core.sync import Have, Head, Push, heads, pack, unpack
from tieline.core.terms import Kind, RefRole

ACCUSING = {"record.two_stories", "station.two_lives", "station.other_life"}


@dataclass
class Told:
    """Every statement that has left a station, by log and position."""

    net: Net
    places: dict[tuple[bytes, int], set[bytes]] = field(default_factory=dict)
    seen: set[bytes] = field(default_factory=set)

    def look(self) -> None:
        for post in self.net:
            for sent in post.out:
                opened = unpack(sent.envelope)
                if isinstance(opened, Push):
                    for raw in set(opened.statements) - self.seen:
                        self.note(parse(post.realm, raw))

    def note(self, found: Statement) -> None:
        self.places.setdefault((found.log, found.place.position), set()).add(found.digest)
        self.seen.add(found.raw)

    def twice(self) -> list[tuple[bytes, int]]:
        return [place for place, digests in self.places.items() if len(digests) > 1]


def line_of(count: int) -> Net:
    net = Net(kits(count))
    net.connect_all()
    net.pass_time(31)
    return net


def accusations(net: Net) -> set[str]:
    return {alarm.code for post in net for alarm in post.alarms()} & ACCUSING


def off(net: Net, post: Post) -> None:
    """The station stops; its peers notice."""
    for pair in [pair for pair in net.open if post.who.id in pair]:
        net.open.discard(pair)
        other = next(iter(pair - {post.who.id}))
        net.posts[other].step(Lost(carrier="wire", peer=post.who.id, cause="gone"))
    post.out.clear()


def put_back(net: Net, post: Post, facts: list[Fact], run: Run | None = None) -> None:
    """An older store in the place of the present one, and a start."""
    off(net, post)
    post.facts = list(facts)
    post.station = post.reload(run)


def elsewhere(post: Post, label: str = "elsewhere") -> Run:
    """A run on a machine that has never written a mark."""
    post.tag, post.marks = chaff(label, 16), {}
    return post.run()


def opens(post: Post, of: Post | None = None) -> list[Statement]:
    station = (of or post).who.id
    return [s for s in post.statements(Kind.OPEN) if s.place.station == station]


def standing(post: Post) -> Standing:
    return post.line.life.standing


def alarm(post: Post, code: str) -> Alarm:
    return next(alarm for alarm in post.alarms() if alarm.code == code)


# -------------------------------------------------------------------------------- probation


def test_after_a_restart_a_peer_that_names_our_end_lets_the_log_go_on() -> None:
    net = line_of(2)
    alpha, bravo = net
    alpha.speak(message("one"))
    net.deliver()
    log = alpha.line.own_log
    net.restart(alpha)
    assert standing(alpha) is Standing.PROBATION
    net.connect(alpha, bravo)
    assert standing(alpha) is Standing.WRITING
    alpha.speak(message("two"))
    assert alpha.line.own_log == log
    assert len(opens(alpha)) == 1


def test_a_receipt_for_all_that_we_have_confirms_as_a_have_does() -> None:
    """The end has never left before: the peer's first word names less, its receipt names all."""
    net = line_of(2)
    alpha, bravo = net
    net.cut(alpha, bravo)
    alpha.speak(message("unheard"))
    log = alpha.line.own_log
    net.restart(alpha)
    net.connect(alpha, bravo)
    assert standing(alpha) is Standing.WRITING
    alpha.speak(message("on"))
    assert alpha.line.own_log == log


def test_with_nobody_in_reach_an_officer_speaks_at_once_in_a_fresh_log() -> None:
    net = line_of(2)
    alpha, bravo = net
    alpha.speak(message("before"))
    net.deliver()
    log, head = alpha.line.own_log, alpha.order()[-1]
    net.restart(alpha)
    said = alpha.speak(message("after"))
    assert alpha.line.own_log != log
    first = opens(alpha)[-1]
    assert (first.place.position, first.content.body.cause) == (0, "unconfirmed")
    assert [(ref.target, ref.role) for ref in first.content.refs] == [(head, RefRole.PREDECESSOR)]
    assert alpha.item(said.item).statement.place.position == 1
    told = alarm(alpha, "station.new_life")
    assert "no other station had confirmed" in told.text
    net.connect(alpha, bravo)
    net.pass_time(60)
    assert alpha.order() == bravo.order()
    assert accusations(net) == set()
    alpha.speak(message("and on"))
    assert len(opens(alpha)) == 2
    assert [a.code for a in alpha.alarms()].count("station.new_life") == 1


def test_what_the_station_says_by_itself_waits_a_little_for_a_confirmation() -> None:
    net = Net(kits(2))
    alpha, bravo = net
    net.connect(alpha, bravo)
    alpha.speak(message("answer this"))
    net.deliver()
    net.pass_time(6 * 3600 - 10)  # the clock of a ROUTINE answer runs down while it is off
    net.restart(alpha)
    log, before = alpha.line.own_log, len(alpha.order())
    net.pass_time(20)
    assert len(alpha.line.outgoing) == 1
    assert len(alpha.order()) == before
    net.connect(alpha, bravo)
    assert alpha.line.own_log == log
    assert len(alpha.order()) > before
    assert len(opens(alpha)) == 1


def test_and_goes_on_without_one_when_none_comes() -> None:
    net, _ = silence_waits()
    alpha, _ = net
    assert alpha.line.outgoing
    assert alpha.statements(Kind.SILENCE) == []
    net.pass_time(renewal.CONFIRM_MS / 1000)
    assert not alpha.line.outgoing
    assert alpha.statements(Kind.SILENCE)
    assert opens(alpha)[-1].content.body.cause == "unconfirmed"


def test_what_waited_when_the_station_ended_is_said_by_its_next_life() -> None:
    net, sent = silence_waits()
    alpha, bravo = net
    assert alpha.line.outgoing  # the alarm is in the journal, the silence in memory alone
    for _ in range(3):
        net.restart(alpha)
        net.pass_time(5)
    assert alpha.statements(Kind.SILENCE) == []
    net.pass_time(renewal.CONFIRM_MS / 1000)
    (silence,) = alpha.statements(Kind.SILENCE)
    assert silence.content.refs[0].target == sent
    assert [a.code for a in alpha.alarms()].count("overdue.acknowledged") == 1
    net.restart(alpha)
    net.connect(alpha, bravo)
    net.pass_time(60)
    assert len(alpha.statements(Kind.SILENCE)) == 1
    assert alpha.line.ladder.unsaid.waiting == {}


@pytest.mark.parametrize("of_statement", [True, False])
def test_a_default_that_waited_when_the_station_ended_is_said_by_its_next_life(
    *, of_statement: bool
) -> None:
    net = Net(kits(2))
    alpha, bravo = net
    net.connect(alpha, bravo)
    sent = bravo.speak(message("we shall move")).item
    net.deliver()
    net.pass_time(3600)
    net.restart(alpha)
    owed = Owed(
        line=alpha.line.id, rule="xx/rule", version=3, debtor="BRAVO", due_ms=net.ms - 9,
        text="late", trigger=sent if of_statement else bytes(32), creditor=True,
    )  # fmt: skip
    alpha.step(owed)
    assert alpha.line.outgoing  # the alarm is in the journal, the silence in memory alone
    for _ in range(3):
        net.restart(alpha)
        alpha.step(owed)  # whoever watches agreements says it anew, until the core heard of it
        net.pass_time(5)
    assert alpha.statements(Kind.SILENCE) == []
    net.pass_time(renewal.CONFIRM_MS / 1000)
    (silence,) = [said.content for said in alpha.statements(Kind.SILENCE)]
    assert [ref.target for ref in silence.refs] == [sent] * of_statement
    assert (silence.form, silence.form_version, silence.body.party) == ("xx/rule", 3, "BRAVO")
    assert silence.body.due_ms == owed.due_ms
    assert [a.code for a in alpha.alarms()].count("owed.xx/rule") == 1
    net.restart(alpha)
    net.connect(alpha, bravo)
    alpha.step(owed)
    net.pass_time(60)
    assert [said.content.form for said in alpha.statements(Kind.SILENCE)].count("xx/rule") == 1
    assert alpha.line.ladder.unsaid.waiting == {}


@pytest.mark.parametrize(
    ("rule", "version"), [("xx/" + "r" * 70, 3), ("xx/rule", 70_000)], ids=["rule", "version"]
)
def test_a_silence_that_would_not_read_stops_no_start(rule: str, version: int) -> None:
    net = Net(kits(2))
    alpha, bravo = net
    net.connect(alpha, bravo)
    alpha.step(Owed(line=alpha.line.id, rule=rule, version=version, debtor="BRAVO", due_ms=net.ms,
                    text="late", trigger=bytes(32), creditor=True))  # fmt: skip
    net.restart(alpha)
    assert [a.code for a in alpha.alarms()].count(f"owed.{rule}"[:64]) == 1
    assert alpha.line.ladder.unsaid.waiting == {}


def test_a_default_is_left_to_the_station_that_speaks_for_the_party() -> None:
    """Who owes, and a second station of who is owed, ring; a later life of them says nothing."""
    net = Net(kits(2))
    alpha, bravo = net
    net.connect(alpha, bravo)
    sent = bravo.speak(message("we shall move")).item
    net.deliver()
    net.restart(bravo)
    bravo.step(Owed(line=alpha.line.id, rule="xx/rule", version=3, debtor="BRAVO", due_ms=net.ms,
                    text="late", trigger=sent, creditor=False))  # fmt: skip
    net.restart(bravo)
    net.pass_time(2 * renewal.CONFIRM_MS / 1000)
    assert [a.code for a in bravo.alarms()].count("owed.xx/rule") == 1
    assert bravo.statements(Kind.SILENCE) == []


def test_who_has_left_is_not_woken_again_and_again_for_what_is_to_be_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net, _ = silence_waits()
    alpha, _ = net
    net.restart(alpha)
    assert alpha.station.wakeup(net.now()).mono_ms == 0
    with monkeypatch.context() as gone:
        gone.setattr(Line, "member", property(lambda _: False))
        alpha.step(Tick())
        assert alpha.station.wakeup(net.now()).mono_ms != 0
    net.pass_time(12 + renewal.CONFIRM_MS / 1000)  # a charter has let it back
    assert len(alpha.statements(Kind.SILENCE)) == 1


def test_what_waited_for_the_key_is_said_once_it_answers() -> None:
    net = Net(kits(2))
    alpha, bravo = net
    net.connect(alpha, bravo)
    sent = alpha.speak(message("answer this")).item
    net.deliver()
    alpha.sealed = True
    net.pass_time(6 * 3600 + 600)
    assert [a.code for a in alpha.alarms()].count("overdue.acknowledged") == 1
    assert alpha.statements(Kind.SILENCE) == []
    assert not alpha.line.outgoing
    alpha.sealed = False
    net.pass_time(61)
    (silence,) = alpha.statements(Kind.SILENCE)
    assert silence.content.refs[0].target == sent
    assert alpha.station.wakeup(net.now()).mono_ms != 0
    net.restart(alpha)
    net.connect(alpha, bravo)
    net.pass_time(120)
    assert len(alpha.statements(Kind.SILENCE)) == 1
    assert [a.code for a in alpha.alarms()].count("overdue.acknowledged") == 1


def test_a_default_that_a_lost_life_has_said_is_not_said_again() -> None:
    net = Net(kits(2))
    alpha, bravo = net
    net.connect(alpha, bravo)
    sent = bravo.speak(message("we shall move")).item
    net.deliver()
    before = len(alpha.facts)
    news = [
        Owed(line=alpha.line.id, rule="xx/rule", version=3, debtor="BRAVO", due_ms=net.ms + add,
             text="late", trigger=trigger, creditor=True)
        for trigger, add in ((sent, 0), (bytes(32), 0), (bytes((1,)) * 32, 1))
    ]  # fmt: skip
    alpha.step(*news[:2])
    net.deliver()
    assert len(alpha.statements(Kind.SILENCE)) == 2
    del alpha.facts[before:]  # an earlier state of its store is put back
    net.restart(alpha)
    net.connect(alpha, bravo)
    for _ in range(2):
        alpha.step(*news)
        net.pass_time(60)
        assert len(alpha.statements(Kind.SILENCE)) == 3  # one more was not said before
        net.restart(alpha)
        net.connect(alpha, bravo)
    assert [a.code for a in alpha.alarms()].count("owed.xx/rule") == 3


def test_a_word_from_a_file_may_be_old_and_confirms_nothing() -> None:
    net = line_of(2)
    alpha, bravo = net
    old = pack(Have(bravo.line.id, 1, full=True, heads=heads(bravo.line.record)))
    net.restart(alpha)
    alpha.step(Arrived(carrier="bundle", peer=bravo.who.id, envelope=old))
    assert standing(alpha) is Standing.PROBATION
    alpha.step(Connected(carrier="wire", peer=bravo.who.id, address="test"))
    alpha.step(Arrived(carrier="bundle", peer=bravo.who.id, envelope=old, live=True))
    assert standing(alpha) is Standing.PROBATION  # of no session that stands
    alpha.step(Arrived(carrier="wire", peer=bravo.who.id, envelope=old, live=True))
    assert standing(alpha) is Standing.WRITING


@pytest.mark.parametrize("size", [1, 2])
def test_nobody_closes_a_log_that_this_run_has_opened(size: int) -> None:
    """Who names more of it, or another end, can only lie."""
    net = Net(kits(2))
    alpha, bravo = net
    net.connect(alpha, bravo)
    lie = Head(alpha.line.own_log, size, chaff("lie", 32))
    have = pack(Have(alpha.line.id, 1, full=False, heads=(lie,)))
    alpha.step(Arrived(carrier="wire", peer=bravo.who.id, envelope=have, live=True))
    assert standing(alpha) is Standing.WRITING


def stand(net: Net, here: Post, there: Post) -> None:
    """A session stands, and nothing has come through it yet."""
    net.open.add(frozenset((here.who.id, there.who.id)))
    for one, other in ((here, there), (there, here)):
        one.step(Connected(carrier="wire", peer=other.who.id, address="test"))


def hear(here: Post, there: Post) -> None:
    """What a peer has for a station comes."""
    for sent in [sent for sent in there.out if sent.peer == here.who.id]:
        there.out.remove(sent)
        here.step(Arrived(carrier="wire", peer=there.who.id, envelope=sent.envelope, live=True))


def test_a_peer_that_is_behind_confirms_nothing_while_another_in_reach_was_not_heard() -> None:
    """The whole disk was put back, mark and all: only who holds more can tell."""
    net = line_of(3)
    alpha, bravo, charlie = net
    off(net, bravo)
    facts, marks = list(alpha.facts), dict(alpha.marks)
    lost = alpha.speak(message("only charlie has heard this")).item
    net.deliver()
    assert lost in charlie.order()
    assert lost not in bravo.order()
    net.cut(bravo, charlie)
    alpha.marks = marks
    put_back(net, alpha, facts)
    assert standing(alpha) is Standing.PROBATION
    stand(net, alpha, bravo)
    stand(net, alpha, charlie)
    hear(alpha, bravo)
    assert standing(alpha) is Standing.PROBATION
    hear(alpha, charlie)
    assert standing(alpha) is Standing.CLOSED
    net.deliver()
    alpha.speak(message("in a fresh log"))
    net.deliver()
    assert accusations(net) == set()
    assert lost in alpha.order()


@pytest.mark.parametrize("asks", [False, True])
def test_a_peer_that_keeps_silent_holds_a_confirmation_up_for_moments_only(*, asks: bool) -> None:
    net = line_of(3)
    alpha, bravo, charlie = net
    net.restart(alpha)
    stand(net, alpha, bravo)
    stand(net, alpha, charlie)
    charlie.out.clear()
    hear(alpha, bravo)
    assert standing(alpha) is Standing.PROBATION
    net.ms += renewal.HEAR_MS - 1
    log = alpha.line.own_log
    if asks:
        net.ms += 1
        alpha.speak(message("on"))
    else:
        bravo.step(Tick())
        net.ms += 60_000
        bravo.step(Tick())
        hear(alpha, bravo)
    assert standing(alpha) is Standing.WRITING
    assert alpha.line.own_log == log


def test_a_kill_before_the_mark_knows_a_fresh_log_is_no_store_put_back() -> None:
    net = line_of(2)
    alpha, bravo = net
    net.restart(alpha)
    marks = dict(alpha.marks)
    alpha.speak(message("in a fresh log"))
    log = alpha.line.own_log
    alpha.marks = marks  # the commit is kept, and the mark is not
    off(net, alpha)
    net.restart(alpha)
    assert standing(alpha) is Standing.PROBATION
    assert alpha.line.own_log == log
    net.connect(alpha, bravo)
    assert standing(alpha) is Standing.WRITING
    alpha.speak(message("and on"))
    assert alpha.line.own_log == log


# ------------------------------------------------------------------------------ a store put back


def test_a_store_put_back_is_caught_by_the_mark_with_nobody_in_reach() -> None:
    net = line_of(2)
    alpha, bravo = net
    yesterday = list(alpha.facts)
    lost = [alpha.speak(message(f"lost {n}")).item for n in range(3)]
    net.deliver()
    told = Told(net)
    for item in bravo.line.record.order:
        told.note(item.statement)
    put_back(net, alpha, yesterday)
    assert standing(alpha) is Standing.CLOSED
    alpha.speak(message("today"))
    assert opens(alpha)[-1].content.body.cause == "restored"
    assert "put back" in alarm(alpha, "station.new_life").text
    told.look()
    net.connect(alpha, bravo)
    told.look()
    net.pass_time(60)
    assert set(lost) <= set(alpha.order())  # they come back
    assert alpha.order() == bravo.order()
    assert told.twice() == []
    assert accusations(net) == set()


def test_a_store_and_keys_on_another_machine_open_a_fresh_log_though_a_peer_confirms() -> None:
    """The peer has no more than the backup: only the machine can tell."""
    net = line_of(2)
    alpha, bravo = net
    put_back(net, alpha, alpha.facts, elsewhere(alpha))
    net.connect(alpha, bravo)
    alpha.speak(message("moved"))
    assert opens(alpha)[-1].content.body.cause == "another machine"
    net.restart(alpha)
    net.connect(alpha, bravo)
    alpha.speak(message("and stays"))
    assert len(opens(alpha)) == 2


def test_a_home_of_older_software_opens_a_fresh_log_once() -> None:
    net = line_of(2)
    alpha, bravo = net
    alpha.facts = [fact for fact in alpha.facts if fact.kind != FactKind.LIFE]
    net.restart(alpha)
    net.connect(alpha, bravo)
    alpha.speak(message("hello"))
    assert opens(alpha)[-1].content.body.cause == "another machine"


@pytest.mark.parametrize("lost", ["all", "this log", "the line"])
def test_a_mark_that_is_gone_vouches_for_nothing(lost: str) -> None:
    net = line_of(2)
    alpha, bravo = net
    run = alpha.run()
    run.marks = {
        "all": None,
        "this log": {alpha.line.id: net.post("BRAVO").marks[alpha.line.id]},
        "the line": {},
    }[lost]
    put_back(net, alpha, alpha.facts, run)
    net.connect(alpha, bravo)
    alpha.speak(message("hello"))
    cause = opens(alpha)[-1].content.body.cause
    assert cause == ("no mark" if lost == "all" else "restored")


def test_a_peer_that_names_more_closes_the_log_for_ever() -> None:
    """The whole disk was put back, its mark too: nothing on the machine speaks against it."""
    net = line_of(3)
    alpha, bravo, charlie = net
    yesterday, mark = list(alpha.facts), dict(alpha.marks)
    alpha.speak(message("lost"))
    net.deliver()
    off(net, alpha)
    alpha.marks = mark
    put_back(net, alpha, yesterday)
    assert standing(alpha) is Standing.PROBATION
    log = alpha.line.own_log
    net.deaf = alpha.who.id
    net.connect(alpha, bravo)
    net.deaf = None
    have = Have(alpha.line.id, 1, full=True, heads=heads(bravo.line.record))
    alpha.step(Arrived(carrier="wire", peer=bravo.who.id, envelope=pack(have), live=True))
    assert standing(alpha) is Standing.CLOSED
    alpha.marks = mark
    net.restart(alpha)
    assert standing(alpha) is Standing.CLOSED
    # Somebody who has been away names just the end that we hold; it is too late.
    old = Have(alpha.line.id, 1, full=True, heads=heads(alpha.line.record))
    alpha.step(Connected(carrier="wire", peer=charlie.who.id, address="test"))
    alpha.step(Arrived(carrier="wire", peer=charlie.who.id, envelope=pack(old), live=True))
    alpha.speak(message("today"))
    assert alpha.line.own_log != log
    assert opens(alpha)[-1].content.body.cause == "restored"


def test_what_comes_back_of_our_own_log_closes_it_too() -> None:
    """A push without a word before it: somebody else wrote there, or we did and forgot."""
    net = line_of(2)
    alpha, bravo = net
    yesterday, mark = list(alpha.facts), dict(alpha.marks)
    lost = alpha.speak(message("lost"))
    net.deliver()
    raw = bravo.item(lost.item).statement.raw
    off(net, alpha)
    alpha.marks = mark
    put_back(net, alpha, yesterday)
    push = pack(Push(alpha.line.id, (raw,)))
    alpha.step(Arrived(carrier="wire", peer=bravo.who.id, envelope=push))
    assert standing(alpha) is Standing.CLOSED
    net.connect(alpha, bravo)
    assert standing(alpha) is Standing.CLOSED


def test_receipts_for_a_log_of_an_earlier_life_count_and_none_is_given_to_ourselves() -> None:
    net = line_of(2)
    alpha, bravo = net
    yesterday = list(alpha.facts)
    lost = alpha.speak(message("lost"))
    net.deliver()
    put_back(net, alpha, yesterday, elsewhere(alpha))
    net.connect(alpha, bravo)
    net.pass_time(5)
    assert "RECEIVED" in {rung.name for rung in alpha.rungs(lost.item, "BRAVO")}
    assert {r.cosigner for r in alpha.line.ladder.latest_receipts() if r.log == alpha.item(
        lost.item).statement.log} == {bravo.who.id}  # fmt: skip


def test_restored_twice_and_late_logs_accuse_nobody() -> None:
    """Three lives; the second comes back when the third is long under way, from one who was off."""
    net = line_of(3)
    alpha, bravo, charlie = net
    monday = list(alpha.facts)
    for other in (alpha, bravo):
        net.cut(charlie, other)
    put_back(net, alpha, monday, elsewhere(alpha, "tuesday"))
    net.connect(alpha, charlie)
    alpha.speak(message("tuesday"))
    net.deliver()
    off(net, alpha)
    put_back(net, alpha, monday, elsewhere(alpha, "wednesday"))
    net.connect(alpha, bravo)
    alpha.speak(message("wednesday"))
    net.pass_time(60)
    net.restart(alpha)
    net.connect(alpha, bravo)
    alpha.speak(message("wednesday, later"))
    net.connect(charlie, bravo)
    net.connect(alpha, charlie)
    net.pass_time(60)
    alpha.speak(message("thursday"))
    net.pass_time(60)
    assert alpha.order() == bravo.order() == charlie.order()
    assert len({log.id for log in alpha.line.record.logs.values()
                if log.station == alpha.who.id}) >= 3  # fmt: skip
    assert accusations(net) == set()


# --------------------------------------------------------------------------------- two machines


def cloned(net: Net, alpha: Post) -> Post:
    """A second machine with a copy of the home, which speaks to the same peers."""
    copy = Post(alpha.who, alpha.realm, net)
    copy.facts = list(alpha.facts)
    copy.station = copy.reload(copy.run(chaff("second machine", 16)))
    copy.marks = {}
    return copy


def swap(net: Net, one: Post, other: Post) -> None:
    """One of two machines with one key goes off the net, and the other comes on."""
    off(net, one)
    net.posts[one.who.id] = other
    for peer in net:
        if peer is not other:
            net.connect(other, peer)
    net.pass_time(5)


def test_two_machines_with_one_key_are_found_by_everybody_and_sign_no_number_twice() -> None:
    net = line_of(3)
    alpha, bravo, charlie = net
    copy = cloned(net, alpha)
    copy.speak(message("from the copy"))
    swap(net, alpha, copy)
    swap(net, copy, alpha)
    alpha.speak(message("from the first"))
    assert alarm(alpha, "station.other_life").precedence.name == "FLASH"
    net.pass_time(5)
    swap(net, alpha, copy)
    copy.speak(message("from the copy again"))
    net.pass_time(5)
    for peer in (bravo, charlie, copy):
        found = alarm(peer, "station.two_lives")
        assert found.party == "ALPHA"
        assert "two machines" in found.text
    assert "other_life" in alarm(copy, "station.other_life").code
    swap(net, copy, alpha)
    assert alarm(alpha, "station.two_lives").item == alpha.who.id
    assert not any(log.forks for log in bravo.line.record.logs.values())
    places: dict[tuple[bytes, int], set[bytes]] = {}
    for post in (alpha, copy, bravo, charlie):
        for item in post.line.record.order:
            found_at = (item.statement.log, item.statement.place.position)
            places.setdefault(found_at, set()).add(item.statement.digest)
    assert all(len(digests) == 1 for digests in places.values())


# ----------------------------------------------------------------------------------- the limit


def test_a_station_that_starts_over_and_over_alone_is_not_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Near the limit it waits a little for a confirmation, and then goes on where it is."""
    monkeypatch.setattr(record, "MAX_LOGS_PER_STATION", 12)
    monkeypatch.setattr(renewal, "SPARE_LOGS", 4)
    net = Net(kits(2))
    alpha, bravo = net
    waited = 0
    for count in range(30):
        net.restart(alpha)
        before = len(alpha.order())
        token = 1_000 + count
        text = message(f"number {count}")
        alpha.step(Speak(token=token, line=alpha.line.id, content=text, officer="Ada"))
        if len(alpha.order()) == before:
            waited += 1
            net.pass_time(31)
        assert token in alpha.answers
        assert len(alpha.order()) > before
    assert waited > 20
    logs = {s.log for s in opens(alpha)}
    assert len(logs) == 8
    assert "in reach" in alarm(alpha, "station.many_lives").text
    net.connect(alpha, bravo)
    net.pass_time(60)
    assert alpha.order() == bravo.order()
    # A restored home still finds room; when that is spent, the officer is told what to do.
    for count in range(4):
        put_back(net, alpha, alpha.facts, elsewhere(alpha, f"machine {count}"))
        alpha.speak(message(f"on machine {count}"))
    put_back(net, alpha, alpha.facts, elsewhere(alpha, "one too many"))
    with pytest.raises(LocalError) as refused:
        alpha.speak(message("no more"))
    assert refused.value.code == "log.too_many"
    assert alarm(alpha, "log.too_many").precedence.name == "FLASH"


def test_the_more_logs_the_longer_the_station_waits_with_what_it_says_by_itself() -> None:
    waits = [renewal._patience_ms(count) for count in range(0, record.MAX_LOGS_PER_STATION, 16)]
    assert waits[0] == renewal.CONFIRM_MS
    assert all(one <= other for one, other in pairwise(waits))
    assert 3_600_000 < waits[-1] <= 3 * 3_600_000


def test_a_station_that_is_only_read_opens_nothing() -> None:
    net = line_of(2)
    alpha, _ = net
    alpha.station = alpha.reload(Run())
    with pytest.raises(LocalError) as refused:
        alpha.speak(message("?"))
    assert refused.value.code == "life.entropy"


def test_no_two_runs_and_no_two_lines_draw_one_incarnation() -> None:
    one, other = Run(entropy=bytes(32)), Run(entropy=b"\1" * 32)
    drawn = {run.draw(line) for run in (one, other) for line in (bytes(16), b"\1" * 16)
             for _ in range(8)}  # fmt: skip
    assert len(drawn) == 32


# ------------------------------------------------------------------------------------ at random


class Restores(RuleBasedStateMachine):
    """Three stations; stores are put back, machines change, wires come and go, people speak."""

    @initialize()
    def begin(self) -> None:
        self.net = line_of(3)
        self.told = Told(self.net)
        self.backups: list[tuple[bytes, list[Fact]]] = []
        self.machines = 0

    def post(self, number: int) -> Post:
        return list(self.net)[number]

    @rule(who=st.integers(0, 2))
    def speak(self, who: int) -> None:
        self.post(who).speak(message("words"))

    @rule(who=st.integers(0, 2))
    def acknowledge(self, who: int) -> None:
        post = self.post(who)
        words = [s for s in post.statements(Kind.MESSAGE) if s.place.station != post.who.id]
        if words and ["ALPHA", "BRAVO", "CHARLIE"][who] not in post.line.ladder.marks.get(
            words[-1].digest, {}
        ):
            post.speak(answer(Kind.ACKNOWLEDGE, words[-1].digest))

    @rule(who=st.integers(0, 2))
    def back_up(self, who: int) -> None:
        post = self.post(who)
        self.backups.append((post.who.id, list(post.facts)))

    @rule(pick=st.integers(0, 30), moved=st.booleans())
    def restore(self, pick: int, *, moved: bool) -> None:
        if not self.backups:
            return
        station, facts = self.backups[pick % len(self.backups)]
        post = self.net.posts[station]
        self.told.look()
        self.machines += 1
        run = elsewhere(post, f"machine {self.machines}") if moved else None
        put_back(self.net, post, facts, run)

    @rule(who=st.integers(0, 2))
    def restart(self, who: int) -> None:
        self.told.look()
        off(self.net, self.post(who))
        self.post(who).station = self.post(who).reload()

    @rule(pair=st.sampled_from([(0, 1), (0, 2), (1, 2)]))
    def connect(self, pair: tuple[int, int]) -> None:
        one, other = self.post(pair[0]), self.post(pair[1])
        self.told.look()
        if frozenset((one.who.id, other.who.id)) not in self.net.open:
            self.net.connect(one, other)

    @rule(pair=st.sampled_from([(0, 1), (0, 2), (1, 2)]))
    def cut(self, pair: tuple[int, int]) -> None:
        one, other = self.post(pair[0]), self.post(pair[1])
        self.told.look()
        if frozenset((one.who.id, other.who.id)) in self.net.open:
            self.net.cut(one, other)

    @rule(seconds=st.sampled_from([1, 10, 45]))
    def wait(self, seconds: int) -> None:
        self.told.look()
        self.net.deliver()
        self.net.pass_time(seconds)

    @invariant()
    def nothing_is_said_twice_and_nobody_is_accused(self) -> None:
        if not hasattr(self, "net"):
            return
        self.told.look()
        for post in self.net:
            for item in post.line.record.order:
                self.told.note(item.statement)
        assert self.told.twice() == []
        assert accusations(self.net) == set()

    def teardown(self) -> None:
        if not hasattr(self, "net"):
            return
        self.told.look()
        for one, other in ((0, 1), (0, 2), (1, 2)):
            if frozenset((self.post(one).who.id, self.post(other).who.id)) not in self.net.open:
                self.net.connect(self.post(one), self.post(other))
        self.net.pass_time(100)
        orders = {tuple(post.order()) for post in self.net}
        assert len(orders) == 1
        assert self.told.twice() == []
        assert accusations(self.net) == set()


Restores.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestRestores = Restores.TestCase
