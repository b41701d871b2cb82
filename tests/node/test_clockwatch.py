"""What a station knows of its own clock: nothing here asks the machine that the test runs on."""

from __future__ import annotations

import pytest
from tests.core.world import Net, Post, kits, message

from tieline.core.events import Trouble
from tieline.core.terms import Now, Precedence
from tieline.node import standing
from tieline.node.clockwatch import (
    JUMP_MS,
    JUMPED,
    LOOK_MS,
    LOOSE,
    PEERS,
    STANDS_MS,
    ClockWatch,
    Sync,
    judged,
    kernel_sync,
)
from tieline.node.view import Json

DAY_MS = 86_400_000
NOW_MS = 1_668_523_200_000


class Machine:
    """A machine whose clocks the test holds."""

    def __init__(self, sync: Sync = Sync.YES) -> None:
        self.sync, self.steady_ms, self.wall_ms = sync, 5_000, NOW_MS
        self.watch = ClockWatch(lambda: self.sync, lambda: self.steady_ms)

    def later(self, ms: int, set_by: int = 0) -> list[str]:
        """Time passes, and somebody sets the wall clock; the codes that ring."""
        self.steady_ms += ms
        self.wall_ms += ms + set_by
        return self.look()

    def look(self, *posts: Post) -> list[str]:
        lines = [line for post in posts for line in post.station.lines.values()]
        events = self.watch.look(self.wall_ms, lines)
        return [each.code for each in events if isinstance(each, Trouble)]

    def codes(self) -> list[str]:
        return [alarm.code for alarm in self.watch.troubles()]


@pytest.mark.parametrize(
    ("state", "status", "sync"),
    [(0, 0x2001, Sync.YES), (5, 0, Sync.NO), (5, 0x40, Sync.NO), (0, 0x40, Sync.NO),
     (-1, 0, Sync.UNKNOWN), (-1, 0x40, Sync.UNKNOWN)],
)  # fmt: skip
def test_an_answer_of_the_kernel(state: int, status: int, sync: Sync) -> None:
    assert judged(state, status) is sync
    assert kernel_sync() in Sync  # whatever this machine says, it is one of the three


def test_unknown_is_said_as_unknown_and_never_as_good() -> None:
    machine = Machine(Sync.UNKNOWN)
    machine.look()
    assert machine.watch.view() == {"kept": "unknown"}
    assert machine.codes() == []
    machine.sync = Sync.NO
    assert machine.later(LOOK_MS) == []  # it is shown, and wakes nobody
    assert machine.codes() == [LOOSE]
    machine.sync = Sync.YES
    machine.later(LOOK_MS)
    assert machine.codes() == []
    assert machine.watch.view() == {"kept": "yes"}


@pytest.mark.parametrize("by_ms", [JUMP_MS, -JUMP_MS, 7_200_000, -7_200_000])
def test_a_clock_that_is_set_rings_once_and_stands_for_an_hour(by_ms: int) -> None:
    machine = Machine()
    machine.look()
    assert machine.later(30_000) == []
    assert machine.later(1_000, set_by=by_ms) == [JUMPED]
    (alarm,) = machine.watch.troubles()
    assert ("forward" if by_ms > 0 else "back") in alarm.text
    assert f" {abs(by_ms) // 1_000} s" in alarm.text
    assert machine.later(STANDS_MS - 1) == []
    assert machine.codes() == [JUMPED]
    machine.later(LOOK_MS)
    assert machine.codes() == []


def test_a_clock_that_is_slewed_has_not_jumped_and_a_flapping_one_rings_once_an_hour() -> None:
    machine = Machine()
    machine.look()
    assert [machine.later(60_000, set_by=30) for _ in range(100)] == [[]] * 100
    rings = [machine.later(60_000, set_by=by) for by in (9_000, -9_000) * 20]
    assert rings == [[JUMPED], *[[]] * 39]


class Ahead:
    """The clock of a station that is not the others'."""

    def __init__(self, net: Net, by_ms: int) -> None:
        self._net, self._by_ms = net, by_ms

    def now(self) -> Now:
        now = self._net.now()
        return Now(now.wall_ms + self._by_ms, now.mono_ms, now.real_ms)


def heard(ahead: dict[str, int], late_s: int = 0) -> tuple[Machine, list[str]]:
    """ALPHA's machine, after all have spoken and signed for it, each carried after a time."""
    net = Net(kits(1 + len(ahead)))
    for code, by_ms in ahead.items():
        net.post(code).net = Ahead(net, by_ms)  # type: ignore[assignment]
    net.connect_all()
    machine, alpha = Machine(), net.post("ALPHA")
    machine.look(alpha)
    for post in net:
        post.speak(message("a word"))
    net.ms += late_s * 1_000
    net.deliver()
    net.pass_time(2)
    machine.steady_ms += LOOK_MS
    machine.wall_ms += LOOK_MS
    return machine, machine.look(alpha)


@pytest.mark.parametrize("late_s", [0, 600])
def test_peers_with_the_same_time_are_not_accused_however_late_they_come(late_s: int) -> None:
    machine, rang = heard({"BRAVO": 0, "CHARLIE": 59_000, "DELTA": -58_000}, late_s)
    assert (machine.codes(), rang) == ([], [])


@pytest.mark.parametrize(
    ("by_ms", "said"), [(7_200_000, "7200 s ahead of"), (-7_200_000, "719"), (120_000, "120 s")]
)
def test_a_peer_whose_clock_is_another_is_named_with_the_least_difference(
    by_ms: int, said: str
) -> None:
    machine, rang = heard({"BRAVO": by_ms, "CHARLIE": 0})
    assert rang == [PEERS]
    (alarm,) = machine.watch.troubles()
    assert f"clock of BRAVO is at least {said}" in alarm.text
    assert ("ahead of ours" if by_ms > 0 else "behind ours") in alarm.text
    assert "CHARLIE" not in alarm.text
    assert "look at ours first" not in alarm.text


def test_where_all_differ_in_one_direction_ours_is_the_first_to_look_at() -> None:
    machine, _ = heard({"BRAVO": 300_000, "CHARLIE": 301_000})
    (alarm,) = machine.watch.troubles()
    assert "look at ours first" in alarm.text
    machine.later(1_000, set_by=300_000)  # and it was ours: what was measured with it is void
    assert machine.codes() == [JUMPED]


def test_a_missing_and_an_old_backup_stand_with_what_to_do() -> None:
    (missing,) = standing.backups(None, NOW_MS)
    assert (missing.code, missing.precedence) == (standing.MISSING, Precedence.ROUTINE)
    assert standing.backups({"made_ms": NOW_MS - 7 * DAY_MS + 1}, NOW_MS) == []
    (old,) = standing.backups({"made_ms": NOW_MS - 9 * DAY_MS}, NOW_MS)
    assert old.code == standing.OLD
    assert "9 days" in old.text
    assert "tieline backup" in old.text


def test_keys_near_their_end_stand_by_party_and_by_what_is_left() -> None:
    line: dict[str, Json] = {
        "name": "L",
        "keys_end_ms": NOW_MS + 31 * DAY_MS,
        "peers": [
            {"party": code, "name": f"{code}/main", "keys_end_ms": NOW_MS + days * DAY_MS}
            for code, days in (("BRAVO", 30), ("CHARLIE", 7), ("DELTA", 1), ("ECHO", 0))
        ],
    }
    found = standing.keys(line, NOW_MS)
    assert [(each.party, each.code) for each in found] == [
        ("BRAVO", "key.expires_30d"),
        ("CHARLIE", "key.expires_7d"),
        ("DELTA", "key.expires_1d"),
        ("ECHO", "key.expired"),
    ]
    assert all("remind that party" in each.text for each in found)
    (own,) = standing.keys({"name": "L", "keys_end_ms": NOW_MS}, NOW_MS)
    assert (own.code, own.party) == ("key.expired", "")
    assert "tieline keys rotate" in own.text
