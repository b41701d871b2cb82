"""A card whose keys cannot be used is refused before it can stand among the pins of a line.

One TLS certificate that cannot be read keeps every station of a line from starting, so a party
could cut the line with the card it shows.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.core import identity
from tieline.core.encode import dumps
from tieline.core.identity import Card, CardStation
from tieline.desk.cli import main
from tieline.node.secrets import RootKey

REALM = "DRILL"


def bad_card() -> Card:
    """A card in good form whose TLS certificate is an empty sequence."""
    root = RootKey(dumps({1: b"b" * 32, 2: "BRAVO", 3: "Force Bravo", 4: REALM}))
    signer = RootKey(dumps({1: b"s" * 32, 2: "S", 3: "S", 4: ""})).public
    cosigner = RootKey(dumps({1: b"c" * 32, 2: "C", 3: "C", 4: ""})).public
    payload = identity.certificate_payload(
        root_key=root.public,
        party="BRAVO",
        realm=REALM,
        station_name="ops",
        sign_key=signer,
        cosign_key=cosigner,
        seal_key=bytes(1216),
        tls_der=b"\x30\x00",
        not_before_ms=0,
        not_after_ms=1,
    )
    certificate = identity.parse_certificate(root.sign_certificate(payload), root.public)
    return root.card((CardStation(certificate=certificate, addresses=("192.0.2.2:7411",)),))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "alpha"
    line = f"init --home {made} --party ALPHA --name Alpha --exercise {REALM} --key-file"
    assert main(line.split()) == 0
    (tmp_path / "bravo.tlcard").write_text(identity.armor(bad_card().encoded), "ascii")
    return made


def test_such_a_card_is_not_verified(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = " ".join(identity.words(identity.fingerprint(bad_card())))
    card = str(home.parent / "bravo.tlcard")
    assert main(["card", "verify", card, "--home", str(home), "--words", words]) == 1
    assert "TLS certificate of the station ops of BRAVO" in capsys.readouterr().err
    assert list((home / "cards").glob("*.tlcard")) == []


def test_a_charter_that_names_it_is_not_signed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    charter, card = home.parent / "n.charter", home.parent / "bravo.tlcard"
    line = f"charter new --home {home} --name n --card {card} --out {charter} --unverified-cards"
    assert main(line.split()) == 0
    assert main(["charter", "sign", str(charter), "--home", str(home)]) == 1
    assert "TLS certificate of the station ops of BRAVO" in capsys.readouterr().err
