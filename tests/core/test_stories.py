"""Proofs of second stories as a line holds them: each once, and not without end."""

from __future__ import annotations

import pytest
from tests.core.evidence_lines import second_story
from tests.core.world import START_MS, Net, Post, StationKit, chaff, kits, message, write

from tieline.core import exchange, proof, stories
from tieline.core.errors import LocalError
from tieline.core.journal import FactKind
from tieline.core.line import Line
from tieline.core.statement import Place, Statement


def said(line: Line, who: StationKit, life: int, position: int, text: str) -> Statement:
    place = Place(
        line=line.id, station=who.id, incarnation=bytes((life,)) * 8, position=position,
        previous=chaff("before", 32) if position else None, seen=(), time_ms=START_MS, charter=1,
    )  # fmt: skip
    return write(who, "", place, message(text))


def proof_of(line: Line, who: StationKit, life: int = 1, position: int = 0) -> bytes:
    """Two statements of a station under one number."""
    party = line.charter.party(who.party)
    assert party is not None
    certificate = who.certificate.encoded
    pair = [said(line, who, life, position, text).raw for text in ("one", "the other")]
    return proof.from_statements(party.root_key, (certificate,) * 2, (pair[0], pair[1]), "")


@pytest.fixture
def alpha() -> Post:
    return Net(kits(3)).post("ALPHA")


def test_a_proof_is_held_once(alpha: Post) -> None:
    made = proof_of(alpha.line, alpha.net.post("BRAVO").who)
    assert stories.restore_proof(alpha.line, made)
    assert not stories.restore_proof(alpha.line, made)
    assert [[each.encoded for each in held] for held in alpha.line.proofs.values()] == [[made]]


def test_a_log_has_a_number_of_proofs(alpha: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stories.MAX_PROOFS_PER_LOG == 16
    monkeypatch.setattr(stories, "MAX_PROOFS_PER_LOG", 2)
    bravo = alpha.net.post("BRAVO").who
    taken = [
        stories.restore_proof(alpha.line, proof_of(alpha.line, bravo, 1, position))
        for position in range(4)
    ]
    assert taken == [True, True, False, False]
    assert stories.restore_proof(alpha.line, proof_of(alpha.line, bravo, 2))  # of another log


def test_a_station_has_a_size_of_proofs_and_always_the_first(
    alpha: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stories.MAX_PROOF_BYTES_PER_STATION == 1 << 20
    bravo, charlie = alpha.net.post("BRAVO").who, alpha.net.post("CHARLIE").who
    proofs = [proof_of(alpha.line, bravo, life) for life in (1, 2, 3)]
    size = len(proofs[0])
    assert {len(each) for each in proofs} == {size}
    monkeypatch.setattr(stories, "MAX_PROOF_BYTES_PER_STATION", 2 * size)
    assert [stories.restore_proof(alpha.line, each) for each in proofs] == [True, True, False]
    assert stories.restore_proof(alpha.line, proof_of(alpha.line, charlie))
    monkeypatch.setattr(stories, "MAX_PROOF_BYTES_PER_STATION", size - 1)
    other = Net(kits(3)).post("ALPHA").line
    assert [stories.restore_proof(other, each) for each in proofs] == [True, False, False]


def test_a_proof_that_no_longer_verifies_is_damage(alpha: Post) -> None:
    made = bytearray(proof_of(alpha.line, alpha.net.post("BRAVO").who))
    made[-1] ^= 1
    with pytest.raises(LocalError) as caught:
        stories.restore_proof(alpha.line, bytes(made))
    assert caught.value.code == "record.damaged"
    assert not any(alpha.line.proofs.values())


# ------------------------------------------------------------------- late statements turned away


def test_of_what_was_turned_away_the_oldest_goes_first(
    alpha: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sends late statements without end uses up a bounded room, in number and in bytes."""
    line, bravo = alpha.line, alpha.net.post("BRAVO").who
    late = [said(line, bravo, 1, position, "late") for position in range(1, 9)]
    size = len(late[0].raw)
    assert {len(each.raw) for each in late} == {size}
    held = alpha.station.exchanges[line.id]
    assert (exchange.MAX_REFUSALS_NOTED, exchange.MAX_TURNED_AWAY_BYTES) == (1_024, 4 << 20)
    monkeypatch.setattr(exchange, "MAX_TURNED_AWAY_BYTES", 3 * size)
    for each in late[:6]:
        held._turn_away(each)
    assert list(held._turned_away.values()) == late[3:6]
    held._fetched(next(iter(held._turned_away)))
    for each in late[6:]:
        held._turn_away(each)
    assert list(held._turned_away.values()) == late[5:8]
    monkeypatch.setattr(exchange, "MAX_REFUSALS_NOTED", 2)
    held._turn_away(late[0])
    assert list(held._turned_away.values()) == [late[7], late[0]]


# --------------------------------------------------------------------------- where it comes from


def test_a_second_story_rings_once_and_its_proof_outlives_a_restart() -> None:
    net = Net(kits(4))
    net.connect_all()
    second_story(net, net.post("DELTA"))
    bravo = net.post("BRAVO")
    alarms = [each for each in bravo.alarms() if each.code == "record.two_stories"]
    assert [(each.party, each.precedence.name) for each in alarms] == [("DELTA", "FLASH")]
    assert "'tieline proof'" in alarms[0].text
    held = [each.encoded for found in bravo.line.proofs.values() for each in found]
    kept = [fact.body for fact in bravo.facts if fact.kind == FactKind.PROOF]
    assert held == kept
    assert len(kept) == 1
    net.restart(bravo)
    again = [each.encoded for found in bravo.line.proofs.values() for each in found]
    assert again == held
    net.connect_all()
    net.pass_time(60)
    assert len([each for each in bravo.alarms() if each.code == "record.two_stories"]) == 1
    for post in net:
        assert post.line.proofs.keys() == bravo.line.proofs.keys()
