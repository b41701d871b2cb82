"""What may have moved since a place in the journal, and that an alarm looks again when it has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.journal import Alarm
from tieline.core.terms import Precedence, Rung
from tieline.node import moved
from tieline.node.alarmbook import Ring
from tieline.node.alarmends import Ends
from tieline.node.moved import NEVER, Moved, covered

ITEM, LOG, STATION, LINE = bytes(32), b"l" * 8, b"s" * 8, b"i" * 16


@given(st.lists(st.one_of(st.sampled_from([b"a", b"b", b"c"]), st.none()), max_size=12), st.data())
def test_it_forgets_nothing_that_came_after_a_mark(
    news: list[bytes | None], data: st.DataObject
) -> None:
    found = Moved()
    place = data.draw(st.integers(0, len(news)))
    mark = NEVER
    for number, one in enumerate(news, 1):
        if number == place + 1:
            mark = found.at
        found.upto(number)
        if one is None:
            found.everything()
        else:
            found.note(one)
    after = news[place:]
    if not after:
        mark = found.at
    for one in (b"a", b"b", b"c"):
        assert found.since(one, NEVER)
        assert found.since(one, mark) == (one in after or None in after)


def test_when_it_holds_too_much_everything_has_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moved, "KEPT", 3)
    found = Moved()
    found.upto(1)
    mark = found.at
    for number in range(2, 6):
        found.upto(number)
        found.note(bytes([number]))
    assert found.since(b"nothing was said of this", mark)


class World:
    """One line in which one statement stands on no rung yet, and how often that was asked."""

    def __init__(self) -> None:
        self.rungs: set[Rung] = set()
        self.asked = 0
        self.moved = Moved()
        self.moved.upto(1)
        self.lines: dict[bytes, Any] = {LINE: self}
        self.ladder = self
        self.stations = {"BRAVO": (STATION,)}
        self.ends = Ends(lambda: self.lines, dict, lambda _: None, lambda: False, self.moved)

    def item(self, _: bytes) -> Any:
        return SimpleNamespace(statement=SimpleNamespace(log=LOG))

    def reached(self, _: object, __: str, rung: Rung) -> bool:
        self.asked += 1
        return rung in self.rungs

    def ring(self, rung: Rung) -> Ring:
        alarm = Alarm(
            code=f"overdue.{rung.name.lower()}", precedence=Precedence.FLASH, text="", item=ITEM,
            party="BRAVO", rung=rung,
        )  # fmt: skip
        return Ring(1, 0, LINE, alarm)


@pytest.mark.parametrize(
    ("rung", "by"),
    [
        (Rung.ACKNOWLEDGED, ITEM),
        (Rung.RECEIVED, ITEM),
        (Rung.RECEIVED, covered(LOG, STATION)),
        (Rung.HANDED_OVER, ITEM),
        (Rung.HANDED_OVER, covered(LOG, STATION)),
        (Rung.ACKNOWLEDGED, None),
        (Rung.RECEIVED, None),
    ],
)
def test_an_alarm_looks_again_when_what_it_is_about_has_moved(rung: Rung, by: bytes | None) -> None:
    world = World()
    ring, ends = world.ring(rung), world.ends
    for number in range(2, 50):  # of others, as much as you like
        assert ends.ended(ring, 1) == ""
        world.moved.upto(number)
        world.moved.note(covered(b"another!", STATION))
    assert world.asked == 1
    world.rungs.add(rung)
    world.moved.upto(50)
    if by is None:
        world.moved.everything()
    else:
        world.moved.note(by)
    assert ends.ended(ring, 1) == "met"


def test_a_line_that_is_gone_ends_it_whatever_is_known() -> None:
    world = World()
    ring = world.ring(Rung.ACKNOWLEDGED)
    assert world.ends.ended(ring, 1) == ""
    world.lines.clear()
    assert world.ends.ended(ring, 1) == "left"
