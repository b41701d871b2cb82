"""What a member of a line can do with its own good keys, and must not achieve.

``BRAVO`` here is no station of ours: it is a pair of keys that says what it likes to ``ALPHA``.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from tests.core.world import (
    START_MS,
    Net,
    PartyKit,
    Post,
    answer,
    found,
    kits,
    message,
    sign_all,
    write,
)

from tieline.core import charter as charters
from tieline.core import exchange, sync
from tieline.core import linetest as tests_of
from tieline.core.charter import Charter, SignedCharter
from tieline.core.checkpoint import Receipt
from tieline.core.events import Arrived, CallTest, Connected, Install, Lost
from tieline.core.incident.book import Book
from tieline.core.joints import Known, entry_of
from tieline.core.record import Refused
from tieline.core.statement import Body, Content, Place, Ref, Statement, log_id
from tieline.core.succession import amend
from tieline.core.sync import Envelope, Have, Head, Push, Receipts
from tieline.core.terms import Kind, LineState, Precedence, RefRole, Role, Rung

HOUR = 3_600


class Rogue:
    """A member's keys in bad hands: one log of its own, and any envelope it likes."""

    def __init__(self, net: Net, victim: Post, party: PartyKit) -> None:
        self.net, self.victim, self.party = net, victim, party
        self.who = party.stations[0]
        self.last: dict[bytes, Statement] = {}

    def connect(self) -> None:
        self.victim.step(Connected(carrier="wire", peer=self.who.id, address="rogue"))

    def send(self, *envelopes: Envelope) -> None:
        for envelope in envelopes:
            self.victim.step(
                Arrived(carrier="wire", peer=self.who.id, envelope=sync.pack(envelope))
            )

    def say(self, content: Content, life: bytes = b"roguelog", **place: object) -> Statement:
        """The next statement of a log of ours; ``place`` overrides what an honest one would say."""
        line = self.victim.line
        before = self.last.get(life)
        fields: dict[str, object] = {
            "line": line.id,
            "station": self.who.id,
            "incarnation": life,
            "position": before.place.position + 1 if before else 0,
            "previous": before.digest if before else None,
            "seen": (),
            "time_ms": self.net.now().wall_ms,
            "charter": line.latest(),
        }
        made = write(self.who, line.realm, Place(**(fields | place)), content)  # type: ignore[arg-type]
        self.last[life] = made
        self.send(Push(line.id, (made.raw,)))
        return made


def rogue_of(count: int = 2, **provisions: object) -> tuple[Net, Post, Rogue]:
    net = Net(kits(count), found(kits(count), **provisions))  # type: ignore[arg-type]
    alpha = net.post("ALPHA")
    rogue = Rogue(net, alpha, net.parties[1])
    del net.posts[rogue.who.id]
    rogue.connect()
    return net, alpha, rogue


def silence(party: str, on: bytes, rung: Rung = Rung.ACKNOWLEDGED) -> Content:
    body = Body(party=party, rung=rung, due_ms=START_MS, attempts=1)
    return Content(kind=Kind.SILENCE, body=body, refs=(Ref(on, RefRole.CONCERNS),))


# ----------------------------------------------------------------------------------- memory


def test_logs_that_a_peer_invents_cost_no_memory_without_end() -> None:
    _, alpha, rogue = rogue_of()
    peer = alpha.line.peers[rogue.who.id]
    for turn in range(6):
        names = (turn * 8_000 + n for n in range(8_000))
        heads = tuple(Head(n.to_bytes(8, "big"), 2**48, bytes(32)) for n in names)
        rogue.send(Have(alpha.line.id, 1, full=False, heads=heads))
    assert len(peer.theirs) <= sync.MAX_CLAIMED
    # Its next honest word counts again.
    rogue.send(Have(alpha.line.id, 1, full=True, heads=()))
    assert sum(peer.theirs.values()) == 0


def test_receipts_that_cover_nothing_are_kept_up_to_a_limit_for_each_peer() -> None:
    net, alpha, rogue = rogue_of(3)
    charlie = net.post("CHARLIE")
    for turn in range(4):
        names = (turn * 2_000 + n for n in range(2_000))
        made = tuple(
            Receipt(
                log=n.to_bytes(8, "big"), size=9, cosigner=charlie.who.id, time_s=1,
                signature=bytes(64),
            )
            for n in names
        )  # fmt: skip
        rogue.send(Receipts(alpha.line.id, made))
    kept = alpha.station.exchanges[alpha.line.id]._unproven
    assert {peer: len(found) for peer, found in kept.items()} == {
        rogue.who.id: exchange.MAX_UNPROVEN
    }
    # CHARLIE's own receipt, ahead of what it covers, still finds room and counts when it can.
    net.connect(alpha, charlie)
    item = charlie.speak(message()).item
    net.deliver()
    net.pass_time(2)
    assert Rung.RECEIVED in charlie.rungs(item, "ALPHA")


def test_a_forged_receipt_is_laid_to_who_brought_it() -> None:
    net, alpha, rogue = rogue_of(3)
    charlie = net.post("CHARLIE")
    log = log_id(alpha.line.id, rogue.who.id, b"roguelog")
    forged = Receipt(log=log, size=1, cosigner=charlie.who.id, time_s=1, signature=bytes(64))
    rogue.send(Receipts(alpha.line.id, (forged,)))
    rogue.say(message())
    net.pass_time(2)
    assert "receipt.forged" in alpha.refusals()
    noted = {peer for peer, code in alpha.station.exchanges[alpha.line.id]._refusals}
    assert noted == {rogue.who.id}


# -------------------------------------------------------------------------------- own voice


def test_a_log_of_our_earlier_life_that_comes_back_is_not_written_on() -> None:
    """The peer that brings it may hold back its end: to go on there would be a second story."""
    net, alpha, rogue = rogue_of()
    old = [alpha.speak(message(f"{n}")).item for n in range(4)]
    raws = [alpha.item(digest).statement.raw for digest in old]
    first = alpha.line.record.order[0].statement.raw
    fresh = Post(alpha.who, "", net)
    fresh.lives = 1
    fresh.install(net.signed)
    assert fresh.line.own_log != alpha.line.own_log
    fresh.step(Connected(carrier="wire", peer=rogue.who.id, address="rogue"))
    push = Push(fresh.line.id, (first, *raws[:2]))  # and not the last two
    fresh.step(Arrived(carrier="wire", peer=rogue.who.id, envelope=sync.pack(push)))
    assert set(old[:2]) <= set(fresh.order())
    said = fresh.item(fresh.speak(message("after")).item).statement
    assert said.log == fresh.line.own_log != alpha.line.own_log
    assert said.place.position == 1
    assert fresh.reload().lines[fresh.line.id].own_log == fresh.line.own_log


# ------------------------------------------------------------------------------------ charter


def amended(net: Net, who: tuple[PartyKit, ...], **changes: object) -> SignedCharter:
    new: Charter = amend(net.signed.charter, **changes)  # type: ignore[arg-type]
    return sign_all(new, who)


def test_a_charter_that_was_lost_on_the_way_is_offered_again() -> None:
    net = Net(kits(2))
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    net.connect_all()
    net.lossy = True
    alpha.install(amended(net, kits(2), silence_s=60))
    net.deliver()
    assert bravo.line.latest() == 1
    net.cut(alpha, bravo)
    net.lossy = False
    net.connect(alpha, bravo)
    assert bravo.line.latest() == 2


def test_a_charter_that_no_carrier_took_is_offered_again_without_a_new_session() -> None:
    net = Net(kits(2))
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    net.connect_all()
    net.lossy = True
    alpha.install(amended(net, kits(2), silence_s=60))
    net.deliver()
    alpha.station.exchanges[alpha.line.id].stalled(bravo.who.id)
    net.lossy = False
    net.pass_time(31)
    assert bravo.line.latest() == 2


def test_who_has_read_a_later_charter_cannot_go_back_to_an_earlier_one() -> None:
    net, alpha, rogue = rogue_of()
    rogue.say(message("one"))
    alpha.install(amended(net, kits(2), silence_s=60))
    rogue.say(message("two"))
    assert rogue.say(message("three"), charter=1).digest not in alpha.order()
    assert "statement.charter" in alpha.refusals()
    own = alpha.item(alpha.speak(message()).item).statement
    late = rogue.say(message("four"), b"other-lg", seen=(own.digest[:16],), charter=1)
    assert late.digest not in alpha.order()
    # What was said before it was known, and comes late, stays good.
    early = rogue.say(message("five"), b"third-lg", charter=1)
    assert early.digest in alpha.order()


def test_a_flash_that_waited_for_a_charter_rings_when_an_officer_brings_it() -> None:
    net, alpha, rogue = rogue_of()
    flash = rogue.say(message("now", Precedence.FLASH), charter=2)
    assert alpha.line.record.held == 1
    alpha.install(amended(net, kits(2), silence_s=60))
    assert flash.digest in alpha.order()
    assert [alarm.item for alarm in alpha.alarms() if alarm.code == "arrived.flash"] == [
        flash.digest
    ]


def test_a_second_line_uses_the_session_that_stands() -> None:
    net = Net(kits(2))
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    net.connect_all()
    second = found(kits(2), "SECOND LINE", nonce=bytes(15) + b"2")
    for post in (alpha, bravo):
        post.act(Install(token=0, charter=second, incarnation=post.who.id))
    net.deliver()
    net.pass_time(31)
    name = second.charter.line
    for here, there in ((alpha, bravo), (bravo, alpha)):
        link = here.station.lines[name].links[there.who.id]
        assert link.state is LineState.UP
        assert len(here.station.lines[name].record.order) == 2
    alpha.step(Lost(carrier="wire", peer=bravo.who.id, cause="cut"))
    assert not alpha.station.lines[name].links[bravo.who.id].sessions


def test_a_party_that_joins_is_met_on_the_session_of_another_line() -> None:
    alpha, bravo, charlie = kits(3)
    net = Net((alpha, bravo, charlie))
    net.connect_all()
    small = found((alpha, bravo), "SMALL LINE", nonce=bytes(15) + b"3")
    name = small.charter.line
    for post in (net.post("ALPHA"), net.post("BRAVO")):
        post.act(Install(token=0, charter=small, incarnation=post.who.id))
    net.deliver()
    bigger = sign_all(amend(small.charter, cards=[charlie.card()]), (alpha, bravo, charlie))
    net.post("ALPHA").act(Install(token=0, charter=bigger, incarnation=bytes(8)))
    net.post("CHARLIE").act(
        Install(token=0, charter=bigger, incarnation=b"charlie!", history=(small,))
    )
    net.deliver()
    net.pass_time(31)
    orders = [
        [item.statement.digest for item in post.station.lines[name].record.order] for post in net
    ]
    assert len(orders[0]) == 3
    assert orders[0] == orders[1] == orders[2]


def test_a_log_that_bears_the_name_of_another_accuses_nobody() -> None:
    """Eight bytes of hash can be met by work; the other's log must not look forked for it."""
    _, alpha, rogue = rogue_of()
    mine = alpha.line.record.logs[alpha.line.own_log]
    made = rogue.say(message())
    twin = replace(made, log=mine.id, digest=bytes(32), raw=b"another")
    outcome = alpha.line.record.judge(twin, alpha.line, START_MS)
    assert isinstance(outcome, Refused)
    assert outcome.code == "log.collision"
    assert not mine.forks


# ------------------------------------------------------------------------ tests and silences


def test_nobody_calls_a_test_for_another_or_long_before_it() -> None:
    net, alpha, rogue = rogue_of(3, tests=charters.Tests(interval_s=HOUR, window_s=300))
    net.connect(alpha, net.post("CHARLIE"))
    now = tests_of.slot_at(net.now().wall_ms, net.signed.charter)
    assert now is not None
    for slot in range(now + 1, now + 40):
        body = Body(text="test", slot=slot, holds=())
        rogue.say(Content(kind=Kind.TEST, body=body))
    # Three hours later it has missed its own turn, and the others have called in theirs.
    net.pass_time(3 * HOUR + 400)
    turns = {tests_of.initiator(slot, net.signed.charter): slot for slot in range(now + 1, now + 4)}
    ours = [t.content.body.slot for t in alpha.statements(Kind.TEST)
            if t.place.station == alpha.who.id]  # fmt: skip
    assert turns["ALPHA"] in ours
    missed = {alarm.party for alarm in alpha.alarms() if alarm.code == "test.missed"}
    assert "CHARLIE" not in missed  # it is there, and called
    assert missed == ({"BRAVO"} if turns["BRAVO"] > now + 1 else set())


def test_a_silence_counts_for_what_the_record_bears_out() -> None:
    net, alpha, rogue = rogue_of(3)
    charlie = net.post("CHARLIE")
    net.connect(alpha, charlie)
    mine = alpha.speak(message("from us")).item
    asked = rogue.say(message("to all")).digest
    net.pass_time(2)
    charlie.speak(answer(Kind.ACKNOWLEDGE, asked))
    net.deliver()
    plain = rogue.say(Content(kind=Kind.WATCH, body=Body(staffed=True))).digest
    for claim in (silence("CHARLIE", mine), silence("CHARLIE", asked), silence("CHARLIE", plain),
                  silence("ZULU", asked), silence("CHARLIE", bytes(32))):  # fmt: skip
        rogue.say(claim)
    assert alpha.line.neglected == {}
    assert alpha.line.links[charlie.who.id].state is LineState.UP
    rogue.say(silence("CHARLIE", rogue.say(message("once more")).digest))
    assert alpha.line.neglected == {"CHARLIE": 1}


def test_who_acknowledges_what_was_not_for_it_owes_nothing_more() -> None:
    net, alpha, rogue = rogue_of(3)
    asks = Content(
        kind=Kind.MESSAGE, body=Body(text="for CHARLIE", lang="en"), role=Role.WATCH_OFFICER,
        to=("CHARLIE",), wants=3,
    )  # fmt: skip
    item = alpha.speak(asks).item
    rogue.say(answer(Kind.ACKNOWLEDGE, item))
    net.pass_time(8 * HOUR)
    assert {alarm.party for alarm in alpha.alarms() if alarm.code.startswith("overdue")} == {
        "CHARLIE"
    }


def test_a_clock_that_was_far_ahead_and_came_back_silences_no_later_alarm() -> None:
    net, alpha, rogue = rogue_of(2, tests=charters.Tests(interval_s=HOUR, window_s=300))
    rogue.say(message())
    year = 366 * 86_400_000
    net.skew_ms = year
    net.pass_time(2 * HOUR + 400)
    net.skew_ms = 0
    net.restart(alpha)
    before = len([a for a in alpha.alarms() if a.code == "test.missed"])
    net.pass_time(4 * HOUR + 400)
    missed = [a for a in alpha.alarms() if a.code == "test.missed"]
    assert len(missed) - before == 2  # BRAVO's turn comes every other hour
    assert len({a.item for a in missed}) == len(missed)
    here = tests_of.slot_at(net.now().wall_ms, net.signed.charter)
    assert here is not None
    ours = [t.content.body.slot or 0 for t in alpha.statements(Kind.TEST)]
    assert len([slot for slot in ours if here - 4 < slot <= here]) == 2


def test_so_many_logs_do_not_keep_us_from_calling_a_test() -> None:
    net, alpha, rogue = rogue_of(4)
    for who in net.parties[1:]:
        rogue.party, rogue.who = who, who.stations[0]
        rogue.last.clear()
        rogue.connect()
        for number in range(200):
            rogue.say(message(), number.to_bytes(8, "big"))
    item = alpha.act(CallTest(token=0, line=alpha.line.id, officer="Ada")).item
    body = alpha.item(item).statement.content.body
    assert len(body.holds or ()) == 256


def test_a_receipt_is_not_shown_for_the_story_that_it_does_not_cover() -> None:
    net, alpha, rogue = rogue_of(3)
    charlie = net.post("CHARLIE")
    net.connect(alpha, charlie)
    first = rogue.say(message("we fired"))
    net.pass_time(3)
    assert Rung.RECEIVED in alpha.rungs(first.digest, "CHARLIE")
    rogue.last.clear()
    second = rogue.say(message("we did not"))
    assert alpha.item(second.digest).second_story
    assert Rung.RECEIVED not in alpha.rungs(second.digest, "CHARLIE")


def test_a_second_story_that_cites_what_stands_after_it_has_no_book_placed_for_ever() -> None:
    """What a log had read at a place is said of both its stories; only one of them had read it."""
    net, alpha, rogue = rogue_of()
    rogue.say(Content(kind=Kind.OPEN, body=Body(cause="first start")))
    opened = dict(rogue.last)
    net.pass_time(5)
    cited = alpha.speak(message("we fired")).item
    rogue.say(message("we read it"), seen=(cited[:16],))
    rogue.last.update(opened)
    told = rogue.say(replace(message("and this"), refs=(Ref(cited, RefRole.CONCERNS),)), time_ms=0)
    assert alpha.item(told.digest).second_story
    book = Book(Known(alpha.line))
    for item in alpha.line.record.order:
        book.admit(entry_of(alpha.line, item))
    assert len(list(islice(book.settle_steps(), 100))) < 100


def test_who_holds_two_stories_says_in_its_next_statement_that_it_has_read_both() -> None:
    """Each end is named once: what follows has read it, and who lacks it knows what to ask for."""
    _, alpha, rogue = rogue_of()
    first = rogue.say(message("we fired"))
    alpha.speak(message("heard"))
    rogue.last.clear()
    second = rogue.say(message("we did not"))
    assert alpha.item(second.digest).second_story
    both = alpha.item(alpha.speak(message("and this")).item).statement
    assert second.digest[:16] in both.place.seen
    assert first.digest[:16] not in both.place.seen
    after = alpha.item(alpha.speak(message("no more")).item).statement
    assert second.digest[:16] not in after.place.seen
