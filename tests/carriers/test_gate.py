"""What callers who have not proved who they are may cost: few, briefly, at a bounded rate."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.carriers.gate import Gate, source_of
from tieline.carriers.tuning import TlsTuning

TUNING = TlsTuning(max_strangers=4, max_per_source=2, strangers_per_s=10.0, report_s=60.0)


class Caller:
    """A connection in handshake; when it is shown the door it leaves, as a link does."""

    def __init__(self, gate: Gate, host: str) -> None:
        self.gate = gate
        self.host = host
        self.cause = ""

    def kill(self, cause: str) -> None:
        self.cause = cause
        self.gate.leave(self)
        self.gate.note(self.host, cause)


class Door:
    """A gate with a clock that is moved by hand."""

    def __init__(self, tuning: TlsTuning = TUNING) -> None:
        self.now = 0.0
        self.told: list[str] = []
        self.gate = Gate(tuning, self.told.append, lambda: self.now)

    def call(self, host: str) -> Caller | None:
        if not self.gate.admit(host):
            return None
        caller = Caller(self.gate, host)
        self.gate.enter(caller, host)
        return caller

    def must(self, host: str) -> Caller:
        caller = self.call(host)
        assert caller is not None
        return caller


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_what_counts_as_one_source(one: str, other: str, same: bool) -> None:
    assert (source_of(one) == source_of(other)) is same


def test_a_full_source_makes_its_own_room() -> None:
    door = Door()
    elsewhere = door.must("192.0.2.9")
    first, second, third = (door.must("192.0.2.1") for _ in range(3))
    assert first.cause == "made room for another caller"
    assert (elsewhere.cause, second.cause, third.cause) == ("", "", "")
    assert door.gate.inside == 3


def test_a_full_house_shows_out_the_one_who_came_first() -> None:
    door = Door()
    callers = [door.must(f"192.0.2.{n}") for n in range(5)]
    assert [caller.cause != "" for caller in callers] == [True, False, False, False, False]
    assert door.gate.inside == TUNING.max_strangers


def test_where_a_peer_lives_makes_room_last() -> None:
    door = Door()
    door.gate.expect(frozenset({source_of("198.51.100.1")}))
    peer = door.must("198.51.100.1")
    strangers = [door.must(f"192.0.2.{n}") for n in range(6)]
    assert peer.cause == ""
    assert [caller.cause != "" for caller in strangers] == [True, True, True, False, False, False]


def test_a_house_full_of_peers_still_lets_one_in() -> None:
    door = Door()
    hosts = [f"198.51.100.{n}" for n in range(5)]
    door.gate.expect(frozenset(source_of(host) for host in hosts))
    callers = [door.must(host) for host in hosts]
    assert callers[0].cause == "made room for another caller"
    assert door.gate.inside == TUNING.max_strangers


def test_a_flood_is_slowed_and_a_peer_is_not() -> None:
    door = Door()
    door.gate.expect(frozenset({source_of("198.51.100.1")}))
    came = [door.call(f"192.0.2.{n}") for n in range(200)]
    assert sum(caller is not None for caller in came) == 10
    assert door.call("198.51.100.1") is not None
    door.now += 0.5
    came = [door.call(f"192.0.2.{n}") for n in range(200)]
    assert sum(caller is not None for caller in came) == 5


def test_credit_is_not_saved_up() -> None:
    door = Door()
    door.now += 3600.0
    came = [door.call(f"192.0.2.{n}") for n in range(200)]
    assert sum(caller is not None for caller in came) == 10


def test_a_slow_rate_still_lets_one_in() -> None:
    door = Door(dataclasses.replace(TUNING, strangers_per_s=0.5))
    assert door.call("192.0.2.1") is not None
    assert door.call("192.0.2.1") is None
    door.now += 2.0
    assert door.call("192.0.2.1") is not None


def test_who_leaves_twice_was_inside_once() -> None:
    door = Door()
    caller = door.must("192.0.2.1")
    assert door.gate.leave(caller)
    assert not door.gate.leave(caller)
    assert door.gate.inside == 0


def test_the_first_is_told_at_once_and_the_rest_are_counted() -> None:
    door = Door()
    door.gate.note("192.0.2.1", "said too little")
    assert door.told == [
        "1 caller did not prove to be a peer: 1 x said too little. The last came from 192.0.2.1"
    ]
    for n in range(50):
        door.gate.note(f"192.0.2.{n}", "said too little")
    door.gate.note("192.0.2.77", "is not TLS")
    assert len(door.told) == 1
    door.now += 60.0
    door.gate.note("192.0.2.78", "is not TLS")
    assert len(door.told) == 2
    assert door.told[1] == (
        "52 callers did not prove to be a peer: 50 x said too little; 2 x is not TLS."
        " The last came from 192.0.2.78"
    )
    door.gate.report()
    assert len(door.told) == 2
    assert door.gate.refused == 53


def test_causes_do_not_pile_up() -> None:
    door = Door()
    for n in range(1000):
        door.gate.note("192.0.2.1", f"cause {n}")
    door.gate.report()
    assert door.told[1].count(" x ") == 17
    assert "983 x other causes" in door.told[1]


hosts = st.integers(0, 12).map(lambda n: f"192.0.2.{n}")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("call"), hosts),
        st.tuples(st.just("leave"), hosts),
        st.tuples(st.just("wait"), hosts),
    ),
    max_size=120,
)


@given(steps)
def test_whoever_comes_the_house_holds_few(happened: list[tuple[str, str]]) -> None:
    door = Door()
    door.gate.expect(frozenset({source_of("192.0.2.0"), source_of("192.0.2.1")}))
    inside: list[Caller] = []
    for what, host in happened:
        if what == "call":
            caller = door.call(host)
            inside += [caller] if caller is not None else []
        elif what == "leave" and inside:
            door.gate.leave(inside.pop(len(host) % len(inside)))
        else:
            door.now += 0.3
        inside = [caller for caller in inside if not caller.cause]
        assert door.gate.inside == len(inside) <= TUNING.max_strangers
        for each in inside:
            same = [caller for caller in inside if caller.host == each.host]
            assert len(same) <= TUNING.max_per_source
    for caller in inside:
        assert door.gate.leave(caller)
    assert not door.gate._per_source
