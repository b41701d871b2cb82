"""Certificates that end are spoken of once at each stage, and nothing is ever cut for them."""

from __future__ import annotations

from tests.core.world import START_MS, Net, PartyKit, Post, kit, message, sign_all

from tieline.core import expiry
from tieline.core.events import Tick
from tieline.core.succession import amend

DAY = expiry.DAY_MS
STAGES = ("key.expires_30d", "key.expires_7d", "key.expires_1d", "key.expired")


class Ending(PartyKit):
    """A party whose certificates end 40 days after the start."""

    not_after_ms = START_MS + 40 * DAY


def codes(post: Post) -> list[str]:
    return [alarm.code for alarm in post.alarms() if alarm.code.startswith("key.")]


def at(net: Net, days: float) -> None:
    net.ms = round(days * DAY)
    for post in net:
        post.step(Tick())


def test_each_stage_rings_once_at_everybody_and_after_the_end_all_goes_on() -> None:
    alpha, bravo = Ending("ALPHA"), kit("BRAVO")
    net = Net((alpha, bravo))
    net.connect_all()
    at(net, 1)
    for days, count in ((11, 1), (12, 1), (33.5, 2), (39.2, 3), (40.1, 4), (60, 4)):
        at(net, days)
        for post in net:
            assert codes(post) == list(STAGES[:count])
    ours = [a.text for a in net.post("ALPHA").alarms() if a.code == "key.expired"]
    theirs = [a.text for a in net.post("BRAVO").alarms() if a.code == "key.expired"]
    assert "keys of this station ended" in ours[0]
    assert "tieline keys rotate" in ours[0]
    assert "keys of ALPHA/main ended" in theirs[0]
    assert "ask ALPHA" in theirs[0]
    said = net.post("ALPHA").speak(message("on we go")).item
    net.deliver()
    assert said in net.post("BRAVO").order()


def test_a_station_that_slept_through_the_stages_says_the_last_one_and_repeats_none() -> None:
    net = Net((Ending("ALPHA"), kit("BRAVO")))
    at(net, 39.5)
    bravo = net.post("BRAVO")
    assert codes(bravo) == ["key.expires_1d"]
    bravo.station = bravo.reload()
    at(net, 39.6)
    assert codes(bravo) == ["key.expires_1d"]


def test_it_wakes_for_a_stage_and_for_nothing_when_no_certificate_ends() -> None:
    net = Net((Ending("ALPHA"), kit("BRAVO")))
    at(net, 1)
    post = net.post("BRAVO")
    due = expiry.wakeup(post.line, net.now().wall_ms, net.now().mono_ms)
    assert due == 10 * DAY
    calm = Net((kit("ALPHA"), kit("BRAVO")))
    at(calm, 1)
    line = calm.post("ALPHA").line
    assert expiry.wakeup(line, calm.now().wall_ms, calm.now().mono_ms) is None
    assert codes(calm.post("ALPHA")) == []


def test_fresh_keys_begin_anew() -> None:
    alpha, bravo = Ending("ALPHA"), kit("BRAVO")
    net = Net((alpha, bravo))
    at(net, 35)
    fresh = PartyKit("ALPHA", keys="/2")
    net.post("ALPHA").ring.append(fresh.stations[0])
    second = amend(net.signed.charter, cards=[fresh.card()], closed=())
    for post in net:
        post.install(sign_all(second, (alpha, bravo)))
    at(net, 60)
    for post in net:
        assert codes(post) == ["key.expires_7d"]


def test_a_clock_that_was_ahead_and_went_back_rings_no_earlier_stage() -> None:
    net = Net((Ending("ALPHA"), kit("BRAVO")))
    at(net, 39.5)
    for days in (33.5, 12, 39.6):
        at(net, days)
        assert codes(net.post("BRAVO")) == ["key.expires_1d"]
    at(net, 40)
    assert codes(net.post("BRAVO")) == ["key.expires_1d", "key.expired"]


def test_a_stage_begins_to_the_millisecond() -> None:
    net = Net((Ending("ALPHA"), kit("BRAVO")))
    for number, days in enumerate((10, 33, 39, 40)):
        at(net, days - 1 / DAY)
        assert codes(net.post("BRAVO")) == list(STAGES[:number])
        at(net, days)
        assert codes(net.post("BRAVO")) == list(STAGES[: number + 1])
    line = net.post("BRAVO").line
    assert expiry.wakeup(line, net.now().wall_ms, net.now().mono_ms) is None


def test_of_two_that_end_the_earlier_wakes() -> None:
    class Later(PartyKit):
        not_after_ms = START_MS + 50 * DAY

    net = Net((Ending("ALPHA"), Later("BRAVO"), kit("CHARLIE")))
    line = net.post("CHARLIE").line
    for days, due in ((1, 10), (10, 20), (20, 33), (33, 39), (39, 40), (40, 43), (43, 49)):
        at(net, days)
        assert expiry.wakeup(line, net.now().wall_ms, net.now().mono_ms) == due * DAY
    assert expiry.wakeup(line, net.now().wall_ms + 20 * DAY, 7) == 7  # overdue is now
    said = [(alarm.code, alarm.precedence.name) for alarm in net.post("CHARLIE").alarms()]
    assert said[:3] == [("key.expires_30d", "ROUTINE")] * 2 + [("key.expires_7d", "PRIORITY")]
    assert said[3:5] == [("key.expires_1d", "IMMEDIATE"), ("key.expired", "IMMEDIATE")]
