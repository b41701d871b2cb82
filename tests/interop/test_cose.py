"""Our statements as pycose reads them: a COSE_Sign1 with external data (RFC 9052)."""

from __future__ import annotations

import cbor2
import pytest
from pycose.algorithms import EdDSA
from pycose.headers import Algorithm
from pycose.keys.curves import Ed25519
from pycose.keys.okp import OKPKey
from pycose.messages.sign1message import Sign1Message
from tests.core.world import START_MS, message
from tests.interop import logs

from tieline.core import crypto, statement
from tieline.core.statement import Place

PUBLIC = OKPKey(crv=Ed25519, x=logs.AUTHOR.sign_key.public)


def read(raw: bytes, aad: bytes) -> Sign1Message:
    made = Sign1Message.from_cose_obj(list(cbor2.loads(raw)), allow_unknown_attributes=False)
    made.key = PUBLIC
    made.external_aad = aad  # type: ignore[misc]  # its setter has another name
    return made


def test_a_statement_of_ours_verifies_there() -> None:
    ours = logs.statements(3)[2]
    made = read(ours.raw, statement.domain(""))
    assert made.phdr == {Algorithm: EdDSA}
    assert made.uhdr == {}
    assert made.verify_signature()


@pytest.mark.parametrize("aad", [b"", statement.domain("EXERCISE-1")])
def test_it_does_not_under_other_external_data(aad: bytes) -> None:
    assert not read(logs.statements(3)[2].raw, aad).verify_signature()


def test_it_does_not_when_a_byte_is_changed() -> None:
    raw = logs.statements(3)[2].raw
    made = read(raw, statement.domain(""))
    payload = made.payload or b""
    made.payload = payload[:-1] + bytes((payload[-1] ^ 1,))
    assert not made.verify_signature()


def test_a_statement_signed_there_is_one_of_ours() -> None:
    place = Place(
        line=logs.line().charter.line,
        station=logs.AUTHOR.id,
        incarnation=logs.INCARNATION,
        position=0,
        previous=None,
        seen=(),
        time_ms=START_MS,
        charter=1,
    )
    payload = statement.compose(place, message("signed elsewhere"))
    seed = bytes(32)
    key = OKPKey(crv=Ed25519, d=seed, x=public_of(seed))
    made = Sign1Message(phdr={Algorithm: EdDSA}, uhdr={}, payload=payload)
    made.key = key
    made.external_aad = statement.domain("")  # type: ignore[misc]  # as above
    raw = made.encode(tag=False)
    ours = statement.parse("", raw)
    assert ours.content.body.text == "signed elsewhere"
    assert crypto.verify(key.x, ours.signed, ours.signature)
    assert not crypto.verify(logs.AUTHOR.sign_key.public, ours.signed, ours.signature)


def public_of(seed: bytes) -> bytes:
    from tieline.node.secrets import SeedKey

    return SeedKey(seed).public
