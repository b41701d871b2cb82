"""Bundles: a line's traffic as a file, sealed, signed, and carried by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.world import START_MS, Net, Post, answer, found, kits, message, sign_all

from tieline.core import bundle, crypto, encode, sync
from tieline.core.charter import Clocks, parse_signed_charter
from tieline.core.errors import RemoteError
from tieline.core.events import Arrived
from tieline.core.line import Line
from tieline.core.succession import amend
from tieline.core.terms import Kind, Rung
from tieline.node.secrets import StationKeys

VECTORS = Path(__file__).parents[2] / "vectors" / "bundle"


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text("utf-8"))


def cases(name: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in vectors(name)["cases"]]


OPEN = vectors("open.json")


def hexed(name: str) -> bytes:
    return bytes.fromhex(OPEN[name])


def receiver() -> Line:
    return Line(hexed("receiver"), parse_signed_charter(hexed("charter")))


def kept(line: Line) -> dict[bytes, Line]:
    """The lines of a station that keeps this one."""
    return {line.id: line}


def keys() -> StationKeys:
    plain: encode.Value = {
        **dict.fromkeys((1, 2, 3, 5), bytes(32)),
        4: hexed("seal_private"),
        6: hexed("root_key"),
        7: hexed("certificate"),
    }
    return StationKeys(encode.dumps(plain))


# -------------------------------------------------------------------------------- by vectors


def test_the_sealed_file_of_the_vectors_opens_and_is_what_it_says() -> None:
    read = bundle.parse(OPEN["realm"], hexed("bundle"))
    bundle.check(read, kept(receiver()))
    assert read.header == bundle.Header(
        line=hexed("line"),
        exporter=hexed("exporter"),
        time_ms=OPEN["time_ms"],
        recipients=(hexed("receiver"),),
        sealed=crypto.sha256(hexed("sealed")),
        charter=1,
    )
    plain = keys().open_sealed(read.sealed)
    assert plain == hexed("plain")
    assert [each.hex() for each in bundle.envelopes_of(plain)] == OPEN["envelopes"]
    for envelope in bundle.envelopes_of(plain):
        assert sync.pack(sync.unpack(envelope)) == envelope


@pytest.mark.parametrize("case", cases("refuse.json"))
def test_bundles_that_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(RemoteError) as caught:
        bundle.check(bundle.parse("", bytes.fromhex(case["bundle"])), kept(receiver()))
    assert caught.value.code == case["code"]


@pytest.mark.parametrize("case", cases("plain.json"))
def test_plain_parts(case: dict[str, Any]) -> None:
    plain = bytes.fromhex(case["plain"])
    if not case["code"]:
        assert encode.dumps(bundle.envelopes_of(plain)) == plain
        return
    with pytest.raises(RemoteError) as caught:
        bundle.envelopes_of(plain)
    assert caught.value.code == case["code"]


def test_no_changed_byte_of_a_bundle_is_taken_or_opened() -> None:
    data, line, station = hexed("bundle"), receiver(), keys()
    for at in range(0, len(data), 11 if len(data) > 2000 else 1):
        changed = bytearray(data)
        changed[at] ^= 0x20
        with pytest.raises(RemoteError):
            bundle.check(bundle.parse("", bytes(changed)), kept(line))
    sealed = hexed("sealed")
    for at in range(0, len(sealed), 101):
        changed = bytearray(sealed)
        changed[at] ^= 0x01
        with pytest.raises(RemoteError) as caught:
            station.open_sealed(bytes(changed))
        assert caught.value.code in {"seal.broken", "seal.not_ours"}


@given(st.binary(max_size=200))
def test_noise_is_no_bundle(noise: bytes) -> None:
    for data in (noise, bundle.MAGIC + noise, bundle.MAGIC + bytes(3) + noise):
        with pytest.raises(RemoteError):
            bundle.parse("", data)


# ------------------------------------------------------------------------- carried by hand


def carry(source: Post, *to: Post) -> int:
    """Export at one station, open at the others; how many statements were in it."""
    plain, count = bundle.contents(source.line, tuple(post.who.id for post in to))
    sealed = b"sealed:" + plain
    header = bundle.header_payload(
        bundle.Header(
            line=source.line.id, exporter=source.who.id, time_ms=START_MS,
            recipients=tuple(post.who.id for post in to), sealed=crypto.sha256(sealed),
            charter=source.line.latest(),
        )
    )  # fmt: skip
    signature = source.who.sign_key.sign(bundle.to_sign(source.realm, header))
    data = bundle.assemble(header, signature, sealed)
    for post in to:
        read = bundle.parse(post.realm, data)
        bundle.check(read, kept(post.line))
        for envelope in bundle.envelopes_of(read.sealed.removeprefix(b"sealed:")):
            post.step(Arrived(carrier="bundle", peer=source.who.id, envelope=envelope))
    return count


def test_two_stations_without_any_wire_end_with_one_record_and_all_receipts() -> None:
    net = Net(kits(2))
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    digest = alpha.speak(message("by courier")).item
    bravo.speak(message("also by courier"))
    assert carry(alpha, bravo) == 2
    bravo.speak(answer(Kind.ACKNOWLEDGE, digest))
    assert carry(bravo, alpha) == 3
    assert carry(alpha, bravo) == 0  # nothing but receipts
    assert alpha.order() == bravo.order()
    assert alpha.rungs(digest, "BRAVO") >= {Rung.RECEIVED, Rung.ACKNOWLEDGED}
    for here, there in ((alpha, bravo), (bravo, alpha)):
        covered = here.line.ladder.covered(here.line.own_log, there.who.id)
        assert covered == here.line.record.size(here.line.own_log)


def test_a_bundle_once_more_changes_nothing() -> None:
    net = Net(kits(2))
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    alpha.speak(message())
    carry(alpha, bravo)
    facts = len(bravo.facts)
    carry(alpha, bravo)
    assert len(bravo.facts) == facts


def test_one_bundle_for_many_and_through_hands_that_wrote_none_of_it() -> None:
    net = Net(kits(4))
    alpha, bravo, charlie, delta = net
    digest = alpha.speak(message("for all")).item
    carry(alpha, bravo, charlie)
    carry(charlie, delta)
    assert all(digest in post.order() for post in net)
    assert delta.line.party_of(delta.item(digest).statement.place.station) == "ALPHA"


def test_a_bundle_brings_the_charter_that_its_statements_need() -> None:
    net = Net(kits(2))
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    carry(alpha, bravo)
    second = sign_all(amend(net.signed.charter, clocks=Clocks(flash=(60,) * 5)), net.parties)
    alpha.install(second)
    digest = alpha.speak(message("under the new charter")).item
    carry(alpha, bravo)
    assert bravo.line.latest() == 2
    assert digest in bravo.order()


def test_a_large_record_goes_in_envelopes_that_every_reader_takes() -> None:
    net = Net(kits(2))
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    for number in range(40):
        alpha.speak(message(f"{number} " + "x" * 11_000))
    for number in range(600):
        alpha.speak(message(str(number)))
    plain, count = bundle.contents(alpha.line, (bravo.who.id,))
    assert count == 641
    envelopes = bundle.envelopes_of(plain)
    pushes = [e for e in map(sync.unpack, envelopes) if isinstance(e, sync.Push)]
    assert len(pushes) > 3
    assert sum(len(push.statements) for push in pushes) == 641
    carry(alpha, bravo)
    assert [digest for digest in bravo.order() if digest in alpha.order()] == alpha.order()


def test_a_bundle_is_bounded_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_BUNDLE_BYTES", 1000)
    with pytest.raises(RemoteError) as caught:
        bundle.parse("", bundle.MAGIC + bytes(1000))
    assert caught.value.code == "bundle.too_large"


def test_what_the_receivers_are_known_to_hold_is_left_out() -> None:
    net = Net(kits(3), found(kits(3)))
    alpha, bravo, charlie = (net.post(code) for code in ("ALPHA", "BRAVO", "CHARLIE"))
    net.connect(alpha, bravo)
    alpha.speak(message("both have it"))
    net.deliver()
    net.pass_time(3)
    assert bundle.contents(alpha.line, (bravo.who.id,))[1] == 0
    assert bundle.contents(alpha.line, (bravo.who.id, charlie.who.id))[1] == 3
