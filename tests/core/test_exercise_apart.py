"""Exercise and real traffic: apart by key, by realm and by every signature, in both directions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.world import (
    START_MS,
    Net,
    PartyKit,
    Post,
    StationKit,
    chaff,
    found,
    kits,
    message,
    write,
)

from tieline.core import bundle, sync
from tieline.core.charter import parse_charter
from tieline.core.errors import LocalError, RemoteError
from tieline.core.events import Arrived, Install
from tieline.core.statement import Place, Ref, Statement, parse
from tieline.core.station import Station
from tieline.core.sync import Push
from tieline.core.terms import RefRole

DRILL = "SPRING-TIDE"


def worlds() -> dict[str, Net]:
    nets = {realm: Net(kits(2, realm)) for realm in ("", DRILL, "AUTUMN-TIDE")}
    for net in nets.values():
        net.connect_all()
    return nets


def push_into(post: Post, line: bytes, peer: bytes, raw: bytes) -> list[str]:
    """Push bytes at a station; the codes of the refusals that are new."""
    before = len(post.refusals())
    post.station.exchanges[post.line.id]._refusals.clear()
    envelope = sync.pack(Push(line, (raw,)))
    post.step(Arrived(carrier="wire", peer=peer, envelope=envelope))
    return post.refusals()[before:]


@pytest.mark.parametrize("there", ["", DRILL])
@pytest.mark.parametrize("here", ["", DRILL, "AUTUMN-TIDE"])
def test_traffic_of_another_realm_is_never_accepted(there: str, here: str) -> None:
    """Recorded from one line and pushed into the other by its true peer, in every disguise."""
    if there == here:
        return
    nets = worlds()
    said = nets[there].post("BRAVO").speak(message("this is no drill")).item
    stray = nets[there].post("BRAVO").item(said).statement
    alpha, bravo = nets[here].post("ALPHA"), nets[here].post("BRAVO")
    before = alpha.order()
    assert push_into(alpha, alpha.line.id, bravo.who.id, stray.raw) == ["statement.other_line"]
    assert push_into(alpha, stray.place.line, bravo.who.id, stray.raw) == ["line.not_shared"]
    assert alpha.order() == before


@pytest.mark.parametrize(("signed_in", "read_in"), [("", DRILL), (DRILL, ""), (DRILL, "OTHER")])
def test_one_key_on_one_line_in_two_realms_would_still_not_do(signed_in: str, read_in: str) -> None:
    """Even if every key, station and line were the same: the realm is under the signature."""
    net = Net(kits(2, read_in))
    net.connect_all()
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    log = bravo.line.record.logs[bravo.line.own_log]
    place = Place(
        line=bravo.line.id, station=bravo.who.id, incarnation=bravo.line.incarnation,
        position=log.size, previous=log.head, seen=(), time_ms=START_MS, charter=1,
    )  # fmt: skip
    forged = write(bravo.who, signed_in, place, message("fire"))
    # Which exercise it was stands under the signature alone; live traffic can be tried.
    code = "statement.forged" if signed_in else "statement.other_realm"
    assert push_into(alpha, alpha.line.id, bravo.who.id, forged.raw) == [code]
    true = write(bravo.who, read_in, place, message("fire"))
    assert push_into(alpha, alpha.line.id, bravo.who.id, true.raw) == []
    assert true.digest in alpha.order()


def test_stations_and_lines_of_two_realms_have_no_name_in_common() -> None:
    """Also under one root key and with the same nonce and names."""
    real, drill = PartyKit("ALPHA"), PartyKit("ALPHA", realm=DRILL)
    drill.root = real.root
    drill.stations = tuple(drill._station("main") for _ in real.stations)
    assert drill.stations[0].id != real.stations[0].id
    lines = {found(kits(2, realm)).charter.line for realm in ("", DRILL, "AUTUMN-TIDE")}
    assert len(lines) == 3


def test_a_home_of_one_realm_installs_no_charter_of_another() -> None:
    for here, there in (("", DRILL), (DRILL, ""), (DRILL, "AUTUMN-TIDE")):
        post = Net(kits(2, here)).post("ALPHA")
        act = Install(token=0, charter=found(kits(2, there)), incarnation=bytes(8))
        with pytest.raises(LocalError) as caught:
            post.act(act)
        assert caught.value.code == "charter.realm"
        assert [line.realm for line in post.station.lines.values()] == [here]


def test_a_charter_with_its_realm_rewritten_is_refused() -> None:
    """Its certificates are signed for the other realm: none of them can be carried over."""
    charter = found(kits(2, DRILL)).charter
    body = charter.body.replace(b"\x6b" + DRILL.encode(), b"\x60", 1)
    assert body != charter.body
    with pytest.raises(RemoteError) as caught:
        parse_charter(body)
    assert caught.value.code == "charter.stations"


def test_a_statement_of_one_realm_cannot_be_cited_in_another() -> None:
    nets = worlds()
    drilled = nets[DRILL].post("BRAVO").speak(message("drill")).item
    real = nets[""].post("ALPHA")
    for role in RefRole:
        with pytest.raises(LocalError) as caught:
            real.speak(replace(message("about the drill"), refs=(Ref(drilled, role),)))
        assert caught.value.code == "act.reference"


def test_a_journal_of_one_realm_does_not_open_as_another() -> None:
    """A store put into the wrong home is refused, not replayed as real traffic."""
    post = worlds()[DRILL].post("ALPHA")
    with pytest.raises((LocalError, RemoteError)) as caught:
        Station.load(post.who.id, "", post.facts, post.net.now())
    assert caught.value.code == "charter.realm"


def test_receipts_of_one_realm_count_in_no_other() -> None:
    nets = worlds()
    drill, real = nets[DRILL].post("ALPHA"), nets[""].post("ALPHA")
    drill.speak(message())
    nets[DRILL].deliver()
    receipts = tuple(drill.line.ladder.latest_receipts())
    assert receipts
    peer = nets[""].post("BRAVO").who.id
    covered = real.line.ladder.covered(real.line.own_log, peer)
    moved = tuple(
        replace(receipt, log=real.line.own_log, cosigner=peer, size=1) for receipt in receipts
    )
    real.speak(message("unreceived"))
    for found_ in (receipts, moved):
        envelope = sync.pack(sync.Receipts(real.line.id, found_))
        real.step(Arrived(carrier="wire", peer=peer, envelope=envelope))
    assert real.line.ladder.covered(real.line.own_log, peer) == covered


def test_a_bundle_of_one_realm_is_forged_in_another() -> None:
    net = worlds()[DRILL]
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    header = bundle.header_payload(
        bundle.Header(
            line=alpha.line.id, exporter=alpha.who.id, time_ms=START_MS,
            recipients=(bravo.who.id,), sealed=chaff("no", 32), charter=1,
        )
    )  # fmt: skip
    assert bundle.to_sign(DRILL, header) != bundle.to_sign("", header)


def test_the_realm_of_a_statement_is_in_no_field_that_could_be_changed() -> None:
    """There is nothing to rewrite: read in another realm the same bytes have other signed bytes."""
    net = worlds()[DRILL]
    said = net.post("ALPHA").speak(message()).item
    statement: Statement = net.post("ALPHA").item(said).statement
    assert DRILL.encode() not in statement.raw
    assert parse("", statement.raw).signed != statement.signed
    kit: StationKit = net.post("ALPHA").who
    assert kit.certificate.realm == DRILL
