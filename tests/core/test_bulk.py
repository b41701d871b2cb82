"""Who gives a record back hears at once how much of it has come."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.world import Net, kits, message

from tieline.core import bulk, sync
from tieline.core.journal import FactKind


def test_a_record_that_others_wrote_comes_back_without_waiting_for_a_beacon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = Net(kits(3))
    alpha, bravo, charlie = net
    net.connect(alpha, charlie)
    said = [charlie.speak(message(str(number))).item for number in range(100)]
    net.deliver()
    net.pass_time(60)
    net.cut(alpha, charlie)
    monkeypatch.setattr(sync, "WINDOW", 20)
    monkeypatch.setattr(bulk, "ENOUGH", 3)
    net.connect(alpha, bravo)
    net.deliver()
    assert set(said) <= set(bravo.order())


def test_a_statement_now_and_then_is_answered_in_time_only() -> None:
    net = Net(kits(3))
    alpha, bravo, charlie = net
    net.connect(alpha, charlie)
    charlie.speak(message("a word"))
    net.deliver()
    net.pass_time(60)
    net.cut(alpha, charlie)
    net.connect(alpha, bravo)
    net.deliver()
    assert alpha.line.peers[bravo.station.own].theirs.get(charlie.line.own_log, 0) == 0
    net.pass_time(30)
    assert alpha.line.peers[bravo.station.own].theirs[charlie.line.own_log] == 2


def test_an_author_gives_its_log_back_to_who_has_signed_for_it_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = Net(kits(2))
    net.connect_all()
    alpha, bravo = net
    said = [alpha.speak(message(str(number))).item for number in range(100)]
    net.deliver()
    net.pass_time(60)
    assert alpha.line.ladder.covered(alpha.line.own_log, bravo.station.own) > 100
    monkeypatch.setattr(sync, "WINDOW", 20)
    monkeypatch.setattr(bulk, "ENOUGH", 3)
    net.cut(alpha, bravo)
    bravo.facts = [
        replace(fact, meta=b"new life") for fact in bravo.facts if fact.kind == FactKind.CHARTER
    ]
    bravo.marks.clear()
    net.restart(bravo)
    net.connect(alpha, bravo)
    net.deliver()
    assert set(said) <= set(bravo.order())
