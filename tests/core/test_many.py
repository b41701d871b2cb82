"""From 2 to 64 parties, parties of two stations, and everybody's words through anybody's hands."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest
from tests.core.world import Net, Post, answer, found, kit, kits, message

from tieline.core.errors import LocalError
from tieline.core.events import Speak
from tieline.core.record import Item
from tieline.core.statement import MAX_PARTIES
from tieline.core.terms import Kind, Precedence, Rung


def same_everywhere(net: Net) -> list[bytes]:
    orders = {tuple(post.order()) for post in net}
    assert len(orders) == 1
    return list(orders.pop())


def everybody_signed(net: Net, item: Item, *, but: Post) -> bool:
    parties = [party.code for party in net.parties if party.code != but.line.party]
    return all(Rung.RECEIVED in but.rungs(item.statement.digest, code) for code in parties)


@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_each_party_is_heard_by_all(count: int) -> None:
    net = Net(kits(count))
    net.connect_all()
    said = [post.speak(message(post.line.party)).item for post in net]
    net.deliver()
    net.pass_time(3)
    order = same_everywhere(net)
    assert set(said) <= set(order)
    assert len(order) == 2 * count
    for post, digest in zip(net, said, strict=True):
        assert everybody_signed(net, post.item(digest), but=post)


def test_a_line_of_64_is_founded_and_carries_words_from_end_to_end() -> None:
    """Six of the 64 are joined in a row; the last hears the first, through four who wrote none."""
    net = Net(kits(64))
    assert len(net.signed.charter.parties) == MAX_PARTIES == 64
    row = list(net)[::12]
    for one, other in pairwise(row):
        net.connect(one, other)
    digest = row[0].speak(message("from the first", Precedence.FLASH)).item
    net.deliver()
    net.pass_time(15)
    assert all(digest in post.order() for post in row)
    last = row[-1].line.party
    assert Rung.RECEIVED in row[0].rungs(digest, last)
    row[-1].speak(answer(Kind.ACKNOWLEDGE, digest))
    net.pass_time(15)
    assert Rung.ACKNOWLEDGED in row[0].rungs(digest, last)
    with pytest.raises(LocalError):
        found(kits(65))


@pytest.mark.parametrize("carrier", range(4))
def test_any_station_carries_any_others_statements(carrier: int) -> None:
    """Only one of four is joined to each: a star, whoever stands in its middle."""
    net = Net(kits(4))
    posts = list(net)
    middle = posts[carrier]
    for post in posts:
        if post is not middle:
            net.connect(post, middle)
    said = [post.speak(message(f"from {post.line.party}")).item for post in posts]
    net.deliver()
    net.pass_time(10)
    assert set(said) <= set(same_everywhere(net))
    for post, digest in zip(posts, said, strict=True):
        assert everybody_signed(net, post.item(digest), but=post)


def test_the_words_of_a_station_that_is_gone_reach_those_who_never_met_it() -> None:
    net = Net(kits(3))
    alpha, bravo, charlie = net
    net.connect(alpha, bravo)
    digest = alpha.speak(message("the last we say")).item
    net.deliver()
    net.cut(alpha, bravo)
    net.connect(bravo, charlie)
    net.pass_time(3)
    assert digest in charlie.order()
    assert charlie.line.party_of(charlie.item(digest).statement.place.station) == "ALPHA"
    # And back to ALPHA itself, which has lost everything but its keys and its charter.
    net.cut(bravo, charlie)
    alpha.facts = alpha.facts[:1]
    net.restart(alpha)
    net.connect(charlie, alpha)
    net.pass_time(3)
    assert digest in alpha.order()


def test_both_stations_of_a_party_speak_for_it_under_their_own_keys() -> None:
    net = Net((kit("ALPHA", ("main", "spare")), kit("BRAVO", ("main", "spare"))))
    net.connect_all()
    posts = list(net)
    said = [post.speak(message(post.who.certificate.station_name)).item for post in posts]
    net.deliver()
    net.pass_time(3)
    assert set(said) <= set(same_everywhere(net))
    logs = {post.item(digest).statement.log for post, digest in zip(posts, said, strict=True)}
    assert len(logs) == 4
    bravo = net.post("BRAVO")
    parties = [bravo.line.party_of(bravo.item(d).statement.place.station) for d in said]
    assert parties == ["ALPHA", "ALPHA", "BRAVO", "BRAVO"]


def test_one_station_of_a_party_is_enough() -> None:
    net = Net((kit("ALPHA"), kit("BRAVO", ("main", "spare")), kit("CHARLIE")))
    alpha, main, spare, charlie = net
    for post in (main, charlie):
        net.connect(alpha, post)
    net.connect(main, spare)
    net.restart(main)  # the main station is off from here
    net.connect(alpha, spare)
    digest = alpha.speak(message("to whoever is there", Precedence.FLASH)).item
    net.deliver()
    spare.speak(answer(Kind.ACKNOWLEDGE, digest))
    net.deliver()
    net.pass_time(700)
    assert {Rung.RECEIVED, Rung.ACKNOWLEDGED} <= alpha.rungs(digest, "BRAVO")
    codes = [(a.code, a.party) for a in alpha.alarms() if a.item == digest]
    assert ("overdue.received", "BRAVO") not in codes
    assert ("overdue.acknowledged", "BRAVO") not in codes


def test_nothing_depends_on_which_party_founded_or_installed_first() -> None:
    """Recognition-neutral: the same line, the same first caller, the same order, whoever began."""
    lines = set()
    for order in permutations([kit("ALPHA"), kit("BRAVO"), kit("CHARLIE")]):
        net = Net(order, found(order))
        net.connect_all()
        for code in ("ALPHA", "BRAVO", "CHARLIE"):
            net.post(code).speak(message("at one time"))
        net.deliver()
        net.pass_time(3)
        lines.add((net.signed.charter.line, tuple(same_everywhere(net))))
    assert len(lines) == 1


def test_a_station_is_on_several_lines_and_none_sees_the_other() -> None:
    alpha_kit, bravo_kit, charlie_kit = kits(3)
    net = Net((alpha_kit, bravo_kit), found((alpha_kit, bravo_kit), name="WITH BRAVO"))
    alpha = net.post("ALPHA")
    second = found((alpha_kit, charlie_kit), name="WITH CHARLIE")
    alpha.install(second)
    charlie = Post(charlie_kit.stations[0], "", net)
    net.posts[charlie.who.id] = charlie
    charlie.install(second)
    net.connect_all()
    first_line = net.signed.charter.line
    said = {
        line: alpha.act(Speak(token=0, line=line, content=message(line.hex()), officer="Ada")).item
        for line in alpha.station.lines
    }
    net.deliver()
    assert said[first_line] in net.post("BRAVO").order()
    assert said[second.charter.line] in charlie.order()
    assert said[first_line] not in charlie.order()
    assert list(charlie.station.lines) == [second.charter.line]
    assert charlie.refusals() == net.post("BRAVO").refusals() == []
