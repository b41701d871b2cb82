"""Keys that change while a line stands: rotated, ended, replaced with their root.

Four stations, DELTA away while it happens; when it is back all hold one record, old statements
verify under the keys of their time, and what an ended key signs afterwards is turned away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from tests.core.evidence_lines import evidence_of, notes_of, read_whole
from tests.core.world import (
    CODES,
    START_MS,
    Net,
    PartyKit,
    Post,
    StationKit,
    answer,
    kits,
    message,
    sign_all,
    write,
)
from tests.node.verdicts import agree, replay

from tieline.core import checkpoint, sync
from tieline.core.charter import LogEnd, SignedCharter
from tieline.core.checkpoint import SignedNote
from tieline.core.errors import TielineError
from tieline.core.events import Arrived, Install
from tieline.core.statement import Body, Content, Place, Statement
from tieline.core.succession import amend, ended_stations
from tieline.core.sync import Notes, Push
from tieline.core.terms import Kind, Precedence, Rung

ALPHA, BRAVO, CHARLIE, DELTA = kits(4)
FRESH = PartyKit("ALPHA", keys="/2")
REBORN = PartyKit("ALPHA", life="2")
HOUR_S = 3_600


def line_of_four() -> Net:
    net = Net(kits(4))
    net.connect_all()
    for post in net:
        post.speak(message(f"{post.who.party} is here"))
    net.deliver()
    net.pass_time(60)
    return net


def ends(post: Post, station: bytes) -> list[LogEnd]:
    logs = [log for log in post.line.record.logs.values() if log.station == station]
    return [LogEnd(log=log.id, size=log.size, last=log.head) for log in logs]


def rotated(net: Net, known_to: Post | None = None) -> SignedCharter:
    """ALPHA's station gets fresh keys; where its log ends is as ``known_to`` knows."""
    closed = ends(known_to or net.post("ALPHA"), ALPHA.stations[0].id)
    new = amend(net.signed.charter, cards=[FRESH.card()], closed=closed)
    assert ended_stations(net.signed.charter, new) == (ALPHA.stations[0].id,)
    net.post("ALPHA").ring.append(FRESH.stations[0])
    return sign_all(new, net.parties)


def part(net: Net, code: str) -> None:
    for post in net:
        if post.who.party != code and frozenset((post.who.id, net.post(code).who.id)) in net.open:
            net.cut(post, net.post(code))


def join(net: Net, code: str) -> None:
    for post in net:
        if post.who.party != code and net.post(code).who.id in post.line.peers:
            net.connect(post, net.post(code))


def audited(post: Post) -> list[str]:
    """What audits say of a journal: both of them, on whom it depends, and in ranges of any size."""
    agree(post.facts, post.who.id, post.realm, 6, 10_000)
    return [str(text) for text in replay(post.facts, post.who.id, post.realm)["problems"]]  # type: ignore[union-attr]


def one_record(posts: Iterable[Post]) -> bool:
    orders = [post.order() for post in posts]
    return all(order == orders[0] for order in orders)


def all_is_well(posts: list[Post]) -> None:
    assert one_record(posts)
    for post in posts:
        assert audited(post) == []
        assert post.refusals() == []
        again = post.reload().lines[post.line.id]
        assert [i.statement.digest for i in again.record.order] == post.order()
        assert again.own_log == post.line.own_log


def stolen(net: Net, who: StationKit, text: str, life: bytes | None = None) -> Statement:
    """What a thief signs under version 1 with the old key, after the last that is known."""
    line = net.post("BRAVO").line
    log = next(log for log in line.record.logs.values() if log.station == who.id)
    fresh = life is not None
    place = Place(
        line=line.id,
        station=who.id,
        incarnation=life or log.incarnation,
        position=0 if fresh else log.size,
        previous=None if fresh else log.head,
        seen=(),
        time_ms=START_MS,
        charter=1,
    )
    return write(who, "", place, message(text))


def bring(post: Post, carrier: Post, *statements: Statement) -> None:
    raws = tuple(statement.raw for statement in statements)
    envelope = sync.pack(Push(post.line.id, raws))
    post.step(Arrived(carrier="wire", peer=carrier.who.id, envelope=envelope))


def test_keys_rotate_while_one_is_away_and_all_logs_verify_everywhere() -> None:
    net = line_of_four()
    alpha, bravo, delta = net.post("ALPHA"), net.post("BRAVO"), net.post("DELTA")
    before = alpha.speak(message("under the old key", Precedence.FLASH)).item
    net.deliver()
    part(net, "DELTA")
    during = delta.speak(message("DELTA, alone")).item
    second = rotated(net)
    bravo.install(second)  # the others have it first: ALPHA learns of it from them
    net.pass_time(HOUR_S)
    assert alpha.line.latest() == 2
    assert alpha.statements(Kind.OPEN)[-1].content.body.cause == "rotated"
    after = alpha.speak(message("under the new key", Precedence.FLASH)).item
    net.deliver()
    assert alpha.item(after).statement.log != alpha.item(before).statement.log
    assert Rung.RECEIVED in alpha.rungs(after, "BRAVO")
    assert delta.line.latest() == 1

    join(net, "DELTA")
    net.pass_time(HOUR_S)
    assert delta.line.latest() == 2
    all_is_well(list(net))
    assert {before, during, after} <= set(delta.order())
    assert Rung.RECEIVED in alpha.rungs(after, "DELTA")
    for digest, key in ((before, ALPHA), (after, FRESH)):
        place = delta.item(digest).statement.place
        assert delta.line.sign_key(place.charter, place.station) == key.stations[0].sign_key.public
        assert delta.line.party_of(place.station) == "ALPHA"
    bravo.speak(answer(Kind.ACKNOWLEDGE, before))
    net.pass_time(60)
    assert Rung.ACKNOWLEDGED in alpha.rungs(before, "BRAVO")


@pytest.mark.parametrize("relayed_by", ["BRAVO", "DELTA"])
@pytest.mark.parametrize("life", [None, b"a thief!"])
def test_what_an_ended_key_signs_later_is_turned_away(relayed_by: str, life: bytes | None) -> None:
    net = line_of_four()
    second = rotated(net)
    loot = stolen(net, ALPHA.stations[0], "we attack at dawn", life)
    for post in net:
        post.install(second)
    net.pass_time(60)
    for post in net:
        if post.who.party != relayed_by:
            bring(post, net.post(relayed_by), loot)
            bring(post, net.post(relayed_by), loot)
    net.pass_time(HOUR_S)
    for post in net:
        assert loot.digest not in post.order()
        assert post.refusals() == ([] if post.who.party == relayed_by else ["statement.closed"])
    assert one_record(net)


def run_of(net: Net, text: str, count: int, life: bytes) -> list[Statement]:
    """A log that a thief opens under version 1 with ALPHA's old key."""
    out = [stolen(net, ALPHA.stations[0], text, life)]
    while len(out) < count:
        last = out[-1]
        place = replace(last.place, position=len(out), previous=last.digest)
        out.append(write(ALPHA.stations[0], "", place, message(f"{text} {len(out)}")))
    return out


def test_what_is_late_and_waits_lets_in_nothing_late() -> None:
    net = line_of_four()
    bravo, charlie = net.post("BRAVO"), net.post("CHARLIE")
    second = rotated(net)
    first, then = run_of(net, "loot", 2, b"a thief!")
    bring(bravo, charlie, then)
    assert bravo.line.record.held == 1
    bravo.install(second)
    assert bravo.line.record.held == 0
    bring(bravo, charlie, first)
    bring(bravo, charlie, then)
    assert {first.digest, then.digest} & set(bravo.order()) == set()
    assert "statement.closed" in bravo.refusals()


def test_a_long_late_log_that_somebody_had_read_comes_in_at_once() -> None:
    """It is offered from its beginning, and turned away until what had read it has come."""
    net = line_of_four()
    bravo, charlie = net.post("BRAVO"), net.post("CHARLIE")
    second = rotated(net)
    loot = run_of(net, "loot", 30, b"a thief!")
    part(net, "CHARLIE")
    bring(charlie, bravo, *loot)
    reader = charlie.item(charlie.speak(message("CHARLIE has read that")).item).statement
    bravo.install(second)
    bring(bravo, charlie, *loot)
    assert {late.digest for late in loot} & set(bravo.order()) == set()
    bring(bravo, charlie, reader)
    assert {reader.digest, *(late.digest for late in loot)} <= set(bravo.order())
    assert bravo.line.record.size(loot[0].log) == 0
    assert audited(bravo) == []


def test_a_second_story_under_an_ended_key_is_turned_away_where_the_log_is_whole() -> None:
    net = line_of_four()
    second = rotated(net)
    log = net.post("BRAVO").line.record.logs[net.post("ALPHA").line.own_log]
    last = log.items[-1].statement
    story = write(ALPHA.stations[0], "", last.place, message("another last word"))
    for post in net:
        post.install(second)
    bring(net.post("BRAVO"), net.post("CHARLIE"), story)
    assert net.post("BRAVO").refusals() == ["statement.closed"]
    assert not [a for a in net.post("BRAVO").alarms() if a.code == "record.two_stories"]


def test_without_a_list_of_heads_the_old_key_still_speaks_under_its_version() -> None:
    """What a version without ``closed`` leaves open: it is why the command line always gives it."""
    net = line_of_four()
    new = amend(net.signed.charter, cards=[FRESH.card()])
    net.post("ALPHA").ring.append(FRESH.stations[0])
    loot = stolen(net, ALPHA.stations[0], "we attack at dawn")
    for post in net:
        post.install(sign_all(new, net.parties))
    bring(net.post("BRAVO"), net.post("CHARLIE"), loot)
    assert loot.digest in net.post("BRAVO").order()


def test_what_an_author_wrote_beyond_the_known_head_is_late_everywhere_and_is_said_again() -> None:
    net = line_of_four()
    alpha, bravo, charlie, delta = (net.post(code) for code in CODES)
    second = rotated(net, known_to=charlie)
    part(net, "CHARLIE")
    part(net, "DELTA")
    lost = alpha.speak(message("CHARLIE does not know this yet", Precedence.FLASH), key="k").item
    net.deliver()
    built = bravo.speak(message("BRAVO has read it")).item
    net.deliver()
    charlie.install(second)
    join(net, "CHARLIE")
    net.pass_time(HOUR_S)
    assert alpha.line.latest() == bravo.line.latest() == 2
    late = [alarm.text for alarm in alpha.alarms() if alarm.code == "record.late"]
    assert len(late) == 1
    assert "of this station" in late[0]
    again = alpha.speak(message("CHARLIE does not know this yet", Precedence.FLASH), key="k").item
    assert again != lost
    join(net, "DELTA")
    net.pass_time(HOUR_S)
    for post in net:
        assert {built, again, lost} <= set(post.order())  # BRAVO's word needs what it had read
        assert post.item(lost).second_story
        assert "late" in post.line.flags(post.item(lost))[0]
        assert not [alarm for alarm in post.alarms() if alarm.code == "record.two_stories"]
        assert audited(post) == []
        assert Rung.RECEIVED not in post.rungs(lost, "DELTA")
        report = read_whole(evidence_of(post.line, notes=notes_of(net, post)))
        assert report.verdict == "checked"
        assert [entry.digest for entry in report.entries if entry.late] == [lost]
        assert report.conflicts == []
        assert [entry.digest for entry in report.shown] == post.order()
        reloaded = post.reload().lines[post.line.id].record
        assert [i.statement.digest for i in reloaded.order] == post.order()
        assert {n: set(log.forks) for n, log in reloaded.logs.items()} == {
            n: set(log.forks) for n, log in post.line.record.logs.items()
        }
    assert one_record(net)
    assert Rung.RECEIVED in alpha.rungs(again, "DELTA")
    own = {log.id: log.size for log in alpha.line.record.logs.values() if not log.forks}
    for log, size in own.items():
        for post in (bravo, charlie, delta):
            assert post.line.record.size(log) == size


def test_what_a_late_statement_declared_is_taken_back() -> None:
    net = line_of_four()
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    asked = bravo.speak(message("answer me", Precedence.FLASH)).item
    net.deliver()
    second = rotated(net)
    alpha.speak(Content(kind=Kind.SUSPEND, body=Body(cause="a thief says so")))
    alpha.speak(answer(Kind.ACKNOWLEDGE, asked))
    net.deliver()
    assert "ALPHA" in bravo.line.suspended
    assert Rung.ACKNOWLEDGED in bravo.rungs(asked, "ALPHA")
    bravo.install(second)
    net.pass_time(60)
    for post in net:
        assert post.line.suspended == {}
        assert Rung.ACKNOWLEDGED not in bravo.rungs(asked, "ALPHA")
        assert post.reload().lines[post.line.id].suspended == {}


def test_a_station_is_taken_out_and_another_one_of_its_party_speaks_on() -> None:
    net = line_of_four()
    two = PartyKit("ALPHA", ("spare",))
    old = ALPHA.stations[0]
    new = amend(net.signed.charter, cards=[two.card()], closed=ends(net.post("BRAVO"), old.id))
    second = sign_all(new, net.parties)
    part(net, "DELTA")
    loot = stolen(net, old, "we attack at dawn")
    for code in CODES[:3]:
        net.post(code).install(second)
    gone = net.posts.pop(old.id)
    net.open = {pair for pair in net.open if old.id not in pair}
    spare = net.posts[two.stations[0].id] = Post(two.stations[0], "", net)
    life = b"a life.."
    spare.act(Install(token=0, charter=second, incarnation=life, history=(net.signed,)))
    for code in ("BRAVO", "CHARLIE"):
        net.connect(spare, net.post(code))
    said = spare.speak(message("from the spare", Precedence.FLASH)).item
    net.pass_time(60)
    bring(net.post("BRAVO"), net.post("CHARLIE"), loot)
    assert net.post("BRAVO").refusals() == ["statement.closed"]
    for code in ("BRAVO", "CHARLIE"):
        net.connect(net.post(code), net.post("DELTA"))
    net.pass_time(HOUR_S)
    assert said in net.post("DELTA").order()
    assert one_record(net)
    assert gone.line.latest() == 2
    for post in net:
        assert audited(post) == []
        assert post.line.party_of(old.id) == "ALPHA"


def reborn(net: Net) -> SignedCharter:
    """ALPHA's root was lost: a new one, with a new station of the old name."""
    old = ALPHA.stations[0].id
    closed = ends(net.post("BRAVO"), old)
    new = amend(net.signed.charter, cards=[REBORN.card()], closed=closed, reroot=True)
    assert new.reroot == (("ALPHA", ALPHA.root.public),)
    return sign_all(new, (REBORN, BRAVO, CHARLIE, DELTA))


def test_a_root_is_replaced_by_all_while_one_is_away() -> None:
    net = line_of_four()
    old = ALPHA.stations[0].id
    before = net.post("ALPHA").speak(message("under the old root")).item
    net.pass_time(60)
    second = reborn(net)
    assert second.complete
    part(net, "DELTA")
    net.post("BRAVO").install(second)
    net.pass_time(60)
    # ALPHA's old station does not take it from a peer, and rings.
    lost = net.posts.pop(old)
    offer = sync.pack(sync.CharterOffer(lost.line.id, second.encode()))
    for _ in range(2):
        lost.step(Arrived(carrier="wire", peer=net.post("DELTA").who.id, envelope=offer))
    assert lost.line.latest() == 1
    assert [alarm.code for alarm in lost.alarms()] == ["charter.our_root"]
    assert set(lost.refusals()) == {"charter.our_root"}  # BRAVO and CHARLIE had brought it too
    net.open = {pair for pair in net.open if old not in pair}
    fresh = net.posts[REBORN.stations[0].id] = Post(REBORN.stations[0], "", net)
    fresh.act(Install(token=0, charter=second, incarnation=b"a life..", history=(net.signed,)))
    for code in ("BRAVO", "CHARLIE"):
        net.connect(fresh, net.post(code))
    after = fresh.speak(message("under the new root", Precedence.FLASH)).item
    net.pass_time(60)
    for code in ("BRAVO", "CHARLIE"):
        net.connect(net.post(code), net.post("DELTA"))
    net.connect(fresh, net.post("DELTA"))
    net.pass_time(HOUR_S)
    all_is_well(list(net))
    for post in net:
        assert {before, after} <= set(post.order())
        assert post.line.party_of(post.item(before).statement.place.station) == "ALPHA"
        assert post.line.party_of(post.item(after).statement.place.station) == "ALPHA"
    lost.install(second)  # its officer may bring it: it reads on, and says nothing more
    with pytest.raises(TielineError) as refused:
        lost.speak(message("one more"))
    assert refused.value.code == "line.left"


def test_a_version_with_another_root_needs_the_new_one_and_every_other() -> None:
    net = line_of_four()
    new = amend(net.signed.charter, cards=[REBORN.card()], closed=[], reroot=True)
    lacking = sign_all(new, (BRAVO, CHARLIE, DELTA))
    assert lacking.missing == ("ALPHA",)
    with pytest.raises(TielineError) as refused:
        lacking.add_signature("ALPHA", ALPHA.signature(new))  # the old root speaks no more
    assert refused.value.code == "charter.signature"
    thief = sign_all(new, (REBORN,))
    assert thief.missing == ("BRAVO", "CHARLIE", "DELTA")
    with pytest.raises(TielineError) as refused:
        net.post("BRAVO").install(lacking)
    assert refused.value.code == "charter.incomplete"


def test_a_receipt_under_a_former_key_counts_for_what_was_written_in_its_time() -> None:
    net = line_of_four()
    bravo, charlie, delta = (net.post(code) for code in CODES[1:])
    part(net, "DELTA")
    item = bravo.speak(message("ALPHA has this under its old key")).item
    net.pass_time(60)
    second = rotated(net)
    for code in ("ALPHA", "BRAVO", "CHARLIE"):
        net.post(code).install(second)
    join(net, "DELTA")
    net.pass_time(HOUR_S)
    assert Rung.RECEIVED in delta.rungs(item, "ALPHA")
    all_is_well(list(net))
    # The old receipt key says nothing of what was written since.
    log = charlie.line.record.logs[charlie.line.own_log]
    charlie.speak(message("since then"))
    version = log.items[-1].statement.place.charter
    keys = bravo.line.receipt_keys(ALPHA.stations[0].id, version)
    assert keys == (FRESH.stations[0].cosign_key.public,)
    both = bravo.line.receipt_keys(ALPHA.stations[0].id, 1)
    assert both == (FRESH.stations[0].cosign_key.public, ALPHA.stations[0].cosign_key.public)


def test_a_log_that_no_list_names_is_late_as_a_whole_and_nothing_breaks_on_it() -> None:
    net = line_of_four()
    loot = stolen(net, ALPHA.stations[0], "a log of a thief", b"a thief!")
    bravo, charlie = net.post("BRAVO"), net.post("CHARLIE")
    bring(bravo, charlie, loot)
    built = bravo.speak(message("BRAVO has read the thief")).item
    second = rotated(net, known_to=charlie)  # not delivered yet: CHARLIE knows nothing of it
    bravo.install(second)
    assert bravo.line.record.size(loot.log) == 0
    net.pass_time(HOUR_S)
    for post in net:
        assert {built, loot.digest} <= set(post.order())
        assert post.item(loot.digest).second_story
        assert audited(post) == []
        assert read_whole(evidence_of(post.line)).verdict == "checked"
        assert post.station.lines
        post.speak(message("and on it goes"))
    net.pass_time(60)
    assert one_record(net)
    assert bravo.reload().lines[bravo.line.id].record.size(loot.log) == 0


def places(post: Post) -> list[tuple[bytes, int]]:
    """Where in which log the statements of a journal stand: the store takes each place once."""
    return [(f.log, f.position or 0) for f in post.facts if f.log is not None]


def test_a_place_that_the_charter_has_emptied_is_not_taken_again() -> None:
    """The thief's log is no part of the record; now the fresh key writes under the same number."""
    net = line_of_four()
    loot = stolen(net, ALPHA.stations[0], "a log of a thief", b"a thief!")
    bravo, charlie = net.post("BRAVO"), net.post("CHARLIE")
    bring(bravo, charlie, loot)
    bravo.install(rotated(net, known_to=charlie))
    assert bravo.line.record.size(loot.log) == 0
    place = replace(loot.place, charter=2)
    again = write(FRESH.stations[0], "", place, message("the same number once more"))
    bring(bravo, charlie, again)
    assert bravo.item(again.digest).second_story
    assert len(places(bravo)) == len(set(places(bravo)))
    assert audited(bravo) == []
    assert bravo.reload().lines[bravo.line.id].record.size(loot.log) == 0


def test_what_an_ended_key_writes_under_a_number_of_the_fresh_one_accuses_nobody() -> None:
    """A member reads what the thief of the old key signs, so that all must keep it."""
    net = line_of_four()
    second = rotated(net)
    for post in net:
        post.install(second)
    net.pass_time(60)
    bravo, delta = net.post("BRAVO"), net.post("DELTA")
    net.post("ALPHA").speak(message("under the fresh key"))
    net.deliver()
    honest = net.post("ALPHA").statements(Kind.OPEN)[-1]
    assert honest.place.charter == 2
    loot = stolen(net, ALPHA.stations[0], "we attack at dawn", honest.place.incarnation)
    mine = bravo.line.record.logs[delta.line.own_log]
    seen = (loot.digest[:16],)
    place = replace(mine.items[-1].statement.place, position=mine.size, previous=mine.head,
                    seen=seen, charter=2)  # fmt: skip
    reader = write(DELTA.stations[0], "", place, message("DELTA has read it"))
    bring(bravo, delta, reader, loot)
    assert bravo.item(loot.digest).second_story
    assert reader.digest in bravo.order()
    assert not [alarm for alarm in bravo.alarms() if alarm.code == "record.two_stories"]
    assert bravo.line.proofs == {}
    twin = write(FRESH.stations[0], "", honest.place, message("and now ALPHA does lie"))
    bring(bravo, delta, twin)
    assert [alarm.party for alarm in bravo.alarms() if alarm.code == "record.two_stories"]


def head_by(kit: StationKit, line: bytes, life: bytes, size: int) -> bytes:
    """A checkpoint of a log of ALPHA's station that is not what the log says."""
    body = checkpoint.body(checkpoint.origin(line, kit.id, life), size, bytes(32))
    name = checkpoint.parse_body(body).origin
    mark = checkpoint.log_signature(name, kit.sign_key.public, kit.sign_key.sign(body))
    return SignedNote(body=body, signatures=(mark,)).format()


@pytest.mark.parametrize("ahead", [False, True], ids=["of what is held", "ahead of the log"])
def test_a_head_that_an_ended_key_signs_accuses_nobody(ahead: bool) -> None:
    """The thief of the old key knows the fresh log, and signs a false head of it."""
    net = line_of_four()
    second = rotated(net)
    alpha, bravo, delta = net.post("ALPHA"), net.post("BRAVO"), net.post("DELTA")
    if ahead:
        part(net, "BRAVO")
    for post in net:
        post.install(second)
    net.pass_time(60)
    alpha.speak(message("under the fresh key"))
    net.deliver()
    life = alpha.statements(Kind.OPEN)[-1].place.incarnation
    size = alpha.line.record.logs[alpha.line.own_log].size

    def told(kit: StationKit) -> None:
        envelope = sync.pack(Notes(bravo.line.id, (head_by(kit, bravo.line.id, life, size),), ()))
        bravo.step(Arrived(carrier="wire", peer=delta.who.id, envelope=envelope))

    told(ALPHA.stations[0])
    if ahead:
        net.connect_all()
    net.pass_time(400)
    assert bravo.line.record.size(alpha.line.own_log) >= size
    assert not [alarm for alarm in bravo.alarms() if alarm.code == "record.two_heads"]
    told(FRESH.stations[0])
    assert [alarm.party for alarm in bravo.alarms() if alarm.code == "record.two_heads"]


def test_a_list_says_nothing_of_logs_whose_keys_its_version_leaves() -> None:
    """Neither of a version that ends no key, nor of one that ends another's: then or later."""
    net = line_of_four()
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    (now,) = ends(alpha, ALPHA.stations[0].id)
    early = [replace(now, size=1, last=alpha.line.record.logs[now.log].items[0].statement.digest)]
    idle = amend(net.signed.charter, quorum=0, silence_s=31, closed=early)
    other = PartyKit("CHARLIE", keys="/2")
    net.post("CHARLIE").ring.append(other.stations[0])
    closed = [*ends(bravo, CHARLIE.stations[0].id), *early]
    second = amend(idle, cards=[other.card()], closed=closed)
    for new in (idle, second):
        bravo.install(sign_all(new, net.parties))
        net.pass_time(60)
    assert alpha.line.own_log == now.log
    said = alpha.speak(message("it goes on")).item
    net.deliver()
    assert all(said in post.order() for post in net)
    third = amend(second, cards=[FRESH.card()], closed=ends(alpha, alpha.who.id))
    alpha.ring.append(FRESH.stations[0])
    bravo.install(sign_all(third, net.parties))
    net.pass_time(HOUR_S)
    all_is_well(list(net))
    for post in net:
        assert not post.item(said).second_story
        assert not [alarm for alarm in post.alarms() if alarm.code == "record.late"]
