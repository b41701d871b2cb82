"""Ed25519 by the one rule, keys at enrolment, and COSE_Sign1 against cbor2."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cbor2
import nacl.signing
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core import crypto
from tieline.core.crypto import (
    check_public_key,
    key_id,
    pack_sign1,
    parse_sign1,
    sig_structure,
    verify,
)
from tieline.core.encode import Limits
from tieline.core.errors import RemoteError

VECTORS = Path(__file__).parents[2] / "vectors"

# RFC 8032 section 7.1, tests 1 to 3: secret key, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]

SIGNER = nacl.signing.SigningKey(b"\x05" * 32)
KEY = bytes(SIGNER.verify_key)


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text("utf-8"))


def refusal(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(RemoteError) as caught:
        parse_sign1(data, limits or Limits())
    return caught.value.code


# -------------------------------------------------------------------------------- Ed25519


@pytest.mark.parametrize(("secret", "key", "message", "signature"), RFC_8032)
def test_the_signatures_of_rfc_8032_verify(
    secret: str, key: str, message: str, signature: str
) -> None:
    made = nacl.signing.SigningKey(bytes.fromhex(secret)).sign(bytes.fromhex(message))
    assert made.signature.hex() == signature
    assert verify(bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature))
    check_public_key(bytes.fromhex(key))


@pytest.mark.parametrize(
    "case", vectors("ed25519/signatures.json")["cases"], ids=lambda c: c["about"]
)
def test_vectors_signatures_are_judged_by_the_rule(case: dict[str, Any]) -> None:
    key, message, signature = (
        bytes.fromhex(case[name]) for name in ("key", "message", "signature")
    )
    assert verify(key, message, signature) == case["accept"]


def test_vectors_have_cases_on_which_other_rules_decide_otherwise() -> None:
    cases = vectors("ed25519/signatures.json")["cases"]
    kinds = {(case["plain"], case["times8"], case["accept"]) for case in cases}
    assert kinds == {
        (True, True, True),
        (True, True, False),  # small order, or S too large
        (False, True, False),  # only a verifier that multiplies by 8 accepts it
        (False, False, False),
    }


@pytest.mark.parametrize("case", vectors("ed25519/keys.json")["cases"], ids=lambda c: c["about"])
def test_vectors_keys_are_enrolled_or_refused_by_name(case: dict[str, str]) -> None:
    key = bytes.fromhex(case["key"])
    if case["code"]:
        with pytest.raises(RemoteError) as caught:
            check_public_key(key)
        assert caught.value.code == case["code"]
    else:
        check_public_key(key)


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=80))
def test_verify_never_raises(key: bytes, message: bytes, signature: bytes) -> None:
    assert not verify(key, message, signature)
    assert not verify(key[:32].ljust(32, b"\1"), message, signature[:64].ljust(64, b"\1"))


@given(st.binary(max_size=200), st.integers(0, 64 * 8 - 1))
def test_a_changed_signature_or_message_does_not_verify(message: bytes, bit: int) -> None:
    signature = SIGNER.sign(message).signature
    assert verify(KEY, message, signature)
    changed = bytearray(signature)
    changed[bit // 8] ^= 1 << bit % 8
    assert not verify(KEY, message, bytes(changed))
    assert not verify(KEY, message + b"\0", signature)


# --------------------------------------------------------------------------- hash, key id


def test_sha256_and_key_id_are_what_they_say() -> None:
    assert crypto.sha256(b"abc").hex().startswith("ba7816bf8f01cfea")
    made = hashlib.sha256(b"example.com/w1\n\x04" + KEY).digest()[:4]
    assert key_id("example.com/w1", crypto.ALG_COSIGNATURE, KEY) == made
    assert key_id("example.com/w1", crypto.ALG_ED25519, KEY) != made
    assert key_id("é", 1, KEY) == hashlib.sha256("é\n\x01".encode() + KEY).digest()[:4]


# ------------------------------------------------------------------------------ COSE_Sign1


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=300))
def test_the_signed_structure_is_that_of_rfc_9052(
    protected: bytes, aad: bytes, payload: bytes
) -> None:
    independent = cbor2.dumps(["Signature1", protected, aad, payload])
    assert sig_structure(protected, aad, payload) == independent


@given(st.binary(max_size=300), st.binary(min_size=64, max_size=64))
def test_a_message_is_what_cbor2_makes_of_its_parts_and_comes_back(
    payload: bytes, signature: bytes
) -> None:
    data = pack_sign1(payload, signature)
    assert data == cbor2.dumps([cbor2.dumps({1: -8}), {}, payload, signature])
    parts = parse_sign1(data)
    assert (parts.protected, parts.payload, parts.signature) == (
        b"\xa1\x01\x27",
        payload,
        signature,
    )


def test_vectors_sign1() -> None:
    found = vectors("ed25519/sign1.json")
    key = bytes.fromhex(found["key"])
    for case in found["cases"]:
        aad, payload = bytes.fromhex(case["aad"]), bytes.fromhex(case["payload"])
        message = bytes.fromhex(case["message"])
        parts = parse_sign1(message)
        signed = sig_structure(parts.protected, aad, parts.payload)
        assert signed.hex() == case["to_be_signed"]
        assert parts.payload == payload
        assert verify(key, signed, parts.signature)
        assert pack_sign1(payload, parts.signature) == message
        assert not verify(key, sig_structure(parts.protected, aad + b"x", payload), parts.signature)


PROTECTED = b"\xa1\x01\x27"
SIGNATURE = bytes(64)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({}, "sign1.shape"),
        (7, "sign1.shape"),
        ([PROTECTED, {}, b""], "sign1.shape"),
        ([PROTECTED, {}, b"", SIGNATURE, 0], "sign1.shape"),
        ([b"", {}, b"", SIGNATURE], "sign1.protected"),
        ([b"\xa1\x01\x26", {}, b"", SIGNATURE], "sign1.protected"),
        ([b"\xa2\x01\x27\x04\x41\x31", {}, b"", SIGNATURE], "sign1.protected"),
        (["\x27", {}, b"", SIGNATURE], "sign1.protected"),
        ([{1: 39}, {}, b"", SIGNATURE], "sign1.protected"),
        ([PROTECTED, {4: b"kid"}, b"", SIGNATURE], "sign1.unprotected"),
        ([PROTECTED, [], b"", SIGNATURE], "sign1.unprotected"),
        ([PROTECTED, None, b"", SIGNATURE], "sign1.unprotected"),
        ([PROTECTED, {}, None, SIGNATURE], "sign1.payload"),
        ([PROTECTED, {}, "text", SIGNATURE], "sign1.payload"),
        ([PROTECTED, {}, b"", SIGNATURE[1:]], "sign1.signature"),
        ([PROTECTED, {}, b"", SIGNATURE + b"\0"], "sign1.signature"),
        ([PROTECTED, {}, b"", None], "sign1.signature"),
        (cbor2.CBORTag(18, [PROTECTED, {}, b"", SIGNATURE]), "encode.unsupported"),
    ],
)
def test_a_message_of_another_shape_is_refused_by_name(value: object, code: str) -> None:
    assert refusal(cbor2.dumps(value)) == code


def test_limits_and_encoding_rules_hold_for_messages() -> None:
    data = pack_sign1(bytes(100), SIGNATURE)
    assert refusal(data, Limits(max_bytes=100)) == "encode.too_large"
    assert refusal(data + b"\0") == "encode.trailing"
    assert refusal(data[:-1]) == "encode.truncated"
    assert refusal(data.replace(b"\x58\x64", b"\x59\x00\x64")) == "encode.noncanonical"


def test_no_changed_byte_of_a_message_reads_as_the_same_message() -> None:
    golden = pack_sign1(b"payload", SIGNATURE)
    parts = parse_sign1(golden)
    for at in range(len(golden)):
        for byte in range(256):
            data = golden[:at] + bytes((byte,)) + golden[at + 1 :]
            try:
                read = parse_sign1(data)
            except RemoteError:
                continue
            assert (read == parts) == (data == golden)
