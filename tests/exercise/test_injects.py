"""A script over a network, at a station that is made up: what is said when, and what it awaits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from tests.exercise.plays import SMALL

from tieline.core.errors import LocalError
from tieline.exercise import injects
from tieline.exercise.answer import Entry, Json
from tieline.exercise.scenario import Scenario
from tieline.exercise.script import read

TEXT = (
    SMALL[: SMALL.index("[[event]]")]
    + """
[[event]]
at = "H+0:01"
act = "inject"
confidence = "D"
text = "It rains."

[[event]]
at = "H+0:02"
act = "send"
from = "ALPHA"
precedence = "ROUTINE"
text = "We are wet."

[[event]]
at = "H+0:03"
act = "inject"
confidence = "R"
text = "It is dry."
"""
)
START_MS = 5_000_000


@dataclass
class Station:
    """The umpire's station, with a clock that goes when the script waits."""

    now_ms: int = START_MS
    realm: str = "SMALL"
    packs: tuple[str, ...] = ("crisis 3", "exercise 1")
    over_ms: int | None = None
    away: set[str] = field(default_factory=set)
    drafts: bool = False
    said: dict[str, tuple[int, Json]] = field(default_factory=dict)
    later: dict[int, Callable[[], None]] = field(default_factory=dict)

    def wait(self, seconds: float) -> None:
        assert seconds > 0
        self.now_ms += max(1, round(seconds * 1000))
        for at_ms in sorted(at_ms for at_ms in self.later if at_ms <= self.now_ms):
            self.later.pop(at_ms)()

    def at(self, seconds: int, change: Callable[[], None]) -> None:
        self.later[START_MS + seconds * 1000] = change

    def act(self, name: str, args: Mapping[str, Json]) -> Entry:
        if name == "status":
            peers: list[Json] = [
                {"party": party, "state": "down" if party in self.away else "up",
                 "carriers": [] if party in self.away else ["direct"]}
                for party in ("ALPHA", "BRAVO")
            ]  # fmt: skip
            line: dict[str, Json] = {
                "line": "aa", "name": "Test line", "party": "EXCON", "packs": list(self.packs),
                "over_ms": self.over_ms, "peers": peers,
            }  # fmt: skip
            return Entry({"realm": self.realm, "now_ms": self.now_ms, "lines": [line]}, "status")
        assert name == "send"
        if self.drafts:
            return Entry({"released": False, "draft": 7}, "send")
        self.said.setdefault(str(args["key"]), (self.now_ms - START_MS, args["answers"]))
        return Entry({"released": True, "item": "00"}, "send")


def scenario() -> Scenario:
    return read(TEXT.encode(), "small.toml")


def played(
    station: Station, minutes: int = 0, without: frozenset[str] = frozenset()
) -> list[tuple[str, str]]:
    told: list[injects.Told] = []
    made = scenario()
    from_ms = made.start_ms + minutes * 60_000
    how = injects.Wanted(officer="First", from_ms=from_ms, without=without)
    injects.Script(made, station, how, told.append, wait=station.wait).play()
    assert {one.what for one in told} <= set(injects.WHAT)
    return [(one.what, one.h) for one in told]


def times(station: Station) -> list[int]:
    return [at_ms // 1000 for at_ms, _ in station.said.values()]


def test_injects_are_said_at_their_times_and_the_rest_is_a_cue() -> None:
    station = Station()
    assert played(station) == [
        ("said", "H+0:01"), ("cue", "H+0:02"), ("said", "H+0:03"), ("end", "H+0:03"),
    ]  # fmt: skip
    assert times(station) == [60, 180]
    assert [answers for _, answers in station.said.values()] == [
        {"sure": "made", "text": "It rains."}, {"sure": "read", "text": "It is dry."},
    ]  # fmt: skip


def test_it_begins_in_the_middle() -> None:
    station = Station()
    assert played(station, 2)[:2] == [("cue", "H+0:02"), ("said", "H+0:03")]
    assert times(station) == [60]


def test_it_holds_while_a_station_is_away_and_what_follows_comes_later() -> None:
    station = Station(away={"BRAVO"})
    station.at(600, station.away.clear)
    assert [what for what, _ in played(station)] == [
        "holds", "said", "goes on", "cue", "said", "end",
    ]  # fmt: skip
    assert times(station) == [600, 720]


def test_a_party_that_is_not_waited_for() -> None:
    station = Station(away={"BRAVO"})
    played(station, without=frozenset({"BRAVO"}))
    assert times(station) == [60, 180]


def test_it_waits_for_a_second_officer() -> None:
    station = Station(drafts=True)

    def release() -> None:
        station.drafts = False

    station.at(90, release)
    assert [what for what, _ in played(station)][:3] == ["holds", "said", "goes on"]
    assert times(station) == [90, 210]


def test_endex_ends_it() -> None:
    station = Station()

    def end() -> None:
        station.over_ms = station.now_ms

    station.at(90, end)
    assert played(station) == [("said", "H+0:01"), ("over", "H+0:02")]
    assert times(station) == [60]


@pytest.mark.parametrize(
    ("station", "why"),
    [
        (Station(realm=""), "this station is for real traffic"),
        (Station(realm="OTHER"), "of the exercise OTHER, and the script is of SMALL"),
        (Station(packs=("crisis 3",)), "has no pack 'exercise'"),
    ],
)
def test_it_is_not_played_elsewhere(station: Station, why: str) -> None:
    with pytest.raises(LocalError, match=why):
        played(station)
    assert station.said == {}
