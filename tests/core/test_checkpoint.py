"""Checkpoints, cosignatures, receipts and notes, byte for byte and by their vectors."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nacl.signing
import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa
from hypothesis import given
from hypothesis import strategies as st

from tieline.core import checkpoint, crypto
from tieline.core.checkpoint import (
    Checkpoint,
    NoteSignature,
    Receipt,
    SignedNote,
    body,
    cosign_message,
    cosignature,
    log_signature,
    mldsa_cosignature,
    mldsa_message,
    origin,
    parse_body,
    read_checkpoint,
    verify_receipt,
    vkey,
)
from tieline.core.errors import LocalError, RemoteError

VECTORS = Path(__file__).parents[2] / "vectors" / "checkpoint"
SIGNER = nacl.signing.SigningKey(b"\x06" * 32)
KEY = bytes(SIGNER.verify_key)
ORIGIN = origin(b"\x01" * 16, b"\x02" * 8, b"\x03" * 8)
ROOT = bytes(range(32))
BODY = body(ORIGIN, 70_000, ROOT)


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text("utf-8"))


def cosigned(name: str, time_s: int, text: bytes = BODY) -> NoteSignature:
    return cosignature(name, KEY, time_s, SIGNER.sign(cosign_message(time_s, text)).signature)


def note(*signatures: NoteSignature, text: bytes = BODY) -> SignedNote:
    return SignedNote(body=text, signatures=signatures)


# --------------------------------------------------------------------------------- bodies


def test_the_origin_names_line_station_and_incarnation() -> None:
    assert f"tieline.invalid/{'01' * 16}/{'02' * 8}/{'03' * 8}" == ORIGIN


def test_a_body_is_three_lines() -> None:
    assert f"{ORIGIN}\n70000\n".encode() + base64.b64encode(ROOT) + b"\n" == BODY
    assert parse_body(BODY) == Checkpoint(origin=ORIGIN, size=70_000, root=ROOT)


@pytest.mark.parametrize(
    "case", vectors("bodies.json")["cases"], ids=lambda c: repr(c["text"])[-40:]
)
def test_vectors_bodies(case: dict[str, Any]) -> None:
    data = case["text"].encode("utf-8")
    if case["code"]:
        with pytest.raises(RemoteError) as caught:
            parse_body(data)
        assert caught.value.code == case["code"]
    else:
        read = parse_body(data)
        assert (read.origin, read.size, read.root.hex()) == (
            case["origin"],
            case["size"],
            case["root"],
        )
        assert body(read.origin, read.size, read.root) == data


@pytest.mark.parametrize("case", vectors("anybodys.json")["cases"], ids=lambda c: repr(c)[:40])
def test_vectors_anybodys_checkpoints(case: dict[str, Any]) -> None:
    data = case["text"].encode("utf-8")
    if case["code"]:
        with pytest.raises(RemoteError) as caught:
            read_checkpoint(data)
        assert caught.value.code == case["code"]
    else:
        read = read_checkpoint(data)
        assert [read.origin, read.size, read.root.hex()] == [
            case["origin"], case["size"], case["root"],
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("", 1, ROOT), "checkpoint.origin"),
        (("a b", 1, ROOT), "checkpoint.origin"),
        (("a\nb", 1, ROOT), "checkpoint.origin"),
        (("a+b", 1, ROOT), "checkpoint.origin"),
        (("\ud800", 1, ROOT), "checkpoint.origin"),
        (("a", -1, ROOT), "checkpoint.size"),
        (("a", 2**63, ROOT), "checkpoint.size"),
        (("a", 1, ROOT[1:]), "checkpoint.root"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(
    args: tuple[str, int, bytes], code: str
) -> None:
    with pytest.raises(LocalError) as caught:
        body(*args)
    assert caught.value.code == code


def test_no_changed_byte_of_a_body_has_a_second_reading() -> None:
    for at in range(len(BODY)):
        for byte in range(256):
            exact(parse_body_bytes, BODY[:at] + bytes((byte,)) + BODY[at + 1 :])
        exact(parse_body_bytes, BODY[:at] + BODY[at + 1 :])
        exact(parse_body_bytes, BODY[:at] + b"0" + BODY[at:])
        exact(parse_body_bytes, BODY[:at])


@given(st.text(alphabet="ab/\n 019+-_=A", max_size=60), st.binary(max_size=60))
def test_noise_is_read_exactly_or_refused(text: str, noise: bytes) -> None:
    dash = "— a ".encode()
    line = dash + base64.b64encode(noise) + b"\n"
    for data in (text.encode(), noise, BODY + text.encode(), b"a\n" + text.encode() + b"\n"):
        exact(parse_body_bytes, data)
        exact(parse_note_bytes, data)
        exact(parse_note_bytes, data + b"\n" + line)
        exact(parse_note_bytes, BODY + b"\n" + dash + data)
        exact(decode_bytes, noise)


def parse_body_bytes(data: bytes) -> bytes:
    read = parse_body(data)
    return body(read.origin, read.size, read.root)


def parse_note_bytes(data: bytes) -> bytes:
    return SignedNote.parse(data).format()


def decode_bytes(data: bytes) -> bytes:
    return Receipt.decode(data).encode()


def exact(there_and_back: Any, data: bytes) -> None:
    """Read and written again these bytes are the same, or they are refused."""
    try:
        again = there_and_back(data)
    except RemoteError:
        return
    assert again == data


def test_every_space_of_unicode_is_refused_in_a_name() -> None:
    spaces = [chr(n) for n in range(0x11_0000) if chr(n).isspace()]
    assert len(spaces) >= 25
    for letter in (*spaces, "+", "\0", "\x1f"):
        with pytest.raises(LocalError):
            body(f"a{letter}b", 1, ROOT)
    for letter in ("\x7f", "é", "\u200b"):
        assert parse_body(body(f"a{letter}b", 1, ROOT)).size == 1


# ------------------------------------------------------------------------------- receipts


RECEIPT = Receipt(
    log=b"\x01" * 8,
    size=70_000,
    cosigner=b"\x02" * 8,
    time_s=1_668_523_440,
    signature=SIGNER.sign(cosign_message(1_668_523_440, BODY)).signature,
)


def test_a_receipt_goes_through_its_encoding() -> None:
    assert Receipt.decode(RECEIPT.encode()) == RECEIPT
    assert len(RECEIPT.encode()) <= 96


def test_no_changed_byte_of_a_receipt_has_a_second_reading() -> None:
    golden = RECEIPT.encode()
    for at in range(len(golden)):
        for byte in range(256):
            exact(decode_bytes, golden[:at] + bytes((byte,)) + golden[at + 1 :])


def test_a_receipt_verifies_for_its_own_head_and_time_only() -> None:
    assert verify_receipt(RECEIPT, ORIGIN, ROOT, KEY)
    other = origin(b"\x01" * 16, b"\x02" * 8, b"\x04" * 8)
    assert not verify_receipt(RECEIPT, other, ROOT, KEY)
    assert not verify_receipt(RECEIPT, ORIGIN, ROOT[::-1], KEY)
    assert not verify_receipt(replace(RECEIPT, size=69_999), ORIGIN, ROOT, KEY)
    assert not verify_receipt(replace(RECEIPT, time_s=0), ORIGIN, ROOT, KEY)
    assert not verify_receipt(
        RECEIPT, ORIGIN, ROOT, bytes(nacl.signing.SigningKey(ROOT).verify_key)
    )
    assert not verify_receipt(replace(RECEIPT, signature=bytes(64)), ORIGIN, ROOT, KEY)


def test_vectors_receipts() -> None:
    found = vectors("receipts.json")
    receipt = Receipt.decode(bytes.fromhex(found["encoded"]))
    key, root = bytes.fromhex(found["key"]), bytes.fromhex(found["root"])
    assert receipt == Receipt(
        log=bytes.fromhex(found["log"]),
        size=found["size"],
        cosigner=bytes.fromhex(found["cosigner"]),
        time_s=found["time_s"],
        signature=bytes.fromhex(found["signature"]),
    )
    assert receipt.encode().hex() == found["encoded"]
    text = cosign_message(receipt.time_s, body(found["origin"], receipt.size, root))
    assert text == found["signed_text"].encode()
    assert verify_receipt(receipt, found["origin"], root, key)
    assert receipt.note_line(found["name"], key) == found["note_line"]
    assert vkey(found["name"], crypto.ALG_COSIGNATURE, key) == found["vkey"]
    for code, texts in found["refuse"].items():
        for text in texts:
            with pytest.raises(RemoteError) as caught:
                Receipt.decode(bytes.fromhex(text))
            assert caught.value.code == code


@pytest.mark.parametrize("time_s", [-1, 2**63])
def test_a_time_that_cannot_be_signed_is_refused(time_s: int) -> None:
    for ask in (
        lambda: cosign_message(time_s, BODY),
        lambda: cosignature("a", KEY, time_s, bytes(64)),
    ):
        with pytest.raises(LocalError) as caught:
            ask()
        assert caught.value.code == "cosignature.time"


def test_the_cosigned_message_is_two_lines_before_the_body() -> None:
    assert cosign_message(0, BODY) == b"cosignature/v1\ntime 0\n" + BODY
    assert cosign_message(2**63 - 1, b"").endswith(b"time 9223372036854775807\n")


# ------------------------------------------------------------------------------- ML-DSA-44


MLDSA = mldsa.MLDSA44PrivateKey.from_seed_bytes(b"\x07" * 32)
MLDSA_KEY = MLDSA.public_key().public_bytes_raw()
HEAD = Checkpoint(origin=ORIGIN, size=70_000, root=ROOT)


def late(name: str, time_s: int, head: Checkpoint = HEAD) -> NoteSignature:
    made = MLDSA.sign(mldsa_message(name, time_s, head))
    return mldsa_cosignature(name, MLDSA_KEY, time_s, made)


def test_an_mldsa_message_is_the_structure_of_the_specification() -> None:
    assert mldsa_message("ab", 5, HEAD) == (
        b"subtree/v1\n\x00\x02ab" + bytes(7) + b"\x05" + bytes((len(ORIGIN),)) + ORIGIN.encode()
        + bytes(8) + (70_000).to_bytes(8, "big") + ROOT
    )  # fmt: skip


def test_an_mldsa_cosignature_goes_through_a_note_and_binds_name_time_and_head() -> None:
    data = note(late("a", 5), cosigned("a", 6)).format()
    read = SignedNote.parse(data)
    assert read.format() == data
    assert (read.mldsa_cosigned_by("a", MLDSA_KEY), read.cosigned_by("a", KEY)) == (5, 6)
    assert read.mldsa_cosigned_by("b", MLDSA_KEY) is None
    assert vkey("a", crypto.ALG_MLDSA, MLDSA_KEY).count("+") >= 2
    line = late("a", 5)
    renamed = replace(late("b", 5), name="a", key_id=line.key_id)
    later = replace(line, signature=(6).to_bytes(8, "big") + line.signature[8:])
    for bad in (renamed, later, late("a", 5, replace(HEAD, size=69_999))):
        with pytest.raises(RemoteError) as caught:
            note(bad).mldsa_cosigned_by("a", MLDSA_KEY)
        assert caught.value.code == "note.forged"


def test_any_changed_byte_of_an_mldsa_signature_spoils_it() -> None:
    line = late("a", 5)
    for at in (0, 7, 8, 9, 40, 1200, 2300, 2400, len(line.signature) - 1):
        changed = bytearray(line.signature)
        changed[at] ^= 1
        with pytest.raises(RemoteError) as caught:
            note(replace(line, signature=bytes(changed))).mldsa_cosigned_by("a", MLDSA_KEY)
        assert caught.value.code == "note.forged"


def test_keys_and_signatures_of_other_lengths_verify_nothing() -> None:
    message = mldsa_message("a", 5, HEAD)
    made = MLDSA.sign(message)
    assert crypto.verify_mldsa(MLDSA_KEY, message, made)
    for key, signature in (
        (MLDSA_KEY[:-1], made), (MLDSA_KEY + b"\0", made), (b"", made), (b"\xff" * 1312, made),
        (MLDSA_KEY, made[:-1]), (MLDSA_KEY, made + b"\0"), (MLDSA_KEY, b""),
    ):  # fmt: skip
        assert not crypto.verify_mldsa(key, message, signature)


def test_what_an_mldsa_signature_cannot_hold_is_not_signed_and_not_taken() -> None:
    for name, head in (("", HEAD), ("x" * 256, HEAD), ("a", replace(HEAD, origin="o" * 256))):
        with pytest.raises(LocalError) as caught:
            mldsa_message(name, 5, head)
        assert caught.value.code == "cosignature.name"
    long = note(late("a", 5), text=b"o" * 256 + b"\n" + BODY.split(b"\n", 1)[1])
    with pytest.raises(RemoteError) as refused:
        long.mldsa_cosigned_by("a", MLDSA_KEY)
    assert refused.value.code == "note.forged"
    with pytest.raises(RemoteError) as refused:
        note(late("a", 5), text=b"no checkpoint\n").mldsa_cosigned_by("a", MLDSA_KEY)
    assert refused.value.code == "checkpoint.lines"


# ---------------------------------------------------------------------------------- notes


@pytest.mark.parametrize("case", vectors("notes.json")["cases"], ids=lambda c: c["about"])
def test_vectors_notes(case: dict[str, Any]) -> None:
    data = case["text"].encode("utf-8")
    if case["code"]:
        with pytest.raises(RemoteError) as caught:
            SignedNote.parse(data)
        assert caught.value.code == case["code"]
        return
    read = SignedNote.parse(data)
    assert read.format() == data
    for check in case["checks"]:
        key = bytes.fromhex(check["key"])
        assert verdict(read, check["name"], check["alg"], key) == check["verdict"]


def verdict(read: SignedNote, name: str, alg: int, key: bytes) -> str | int | None:
    try:
        if alg == crypto.ALG_COSIGNATURE:
            return read.cosigned_by(name, key)
        if alg == crypto.ALG_MLDSA:
            return read.mldsa_cosigned_by(name, key)
        return "signed" if read.signed_by(name, key) else None
    except RemoteError as error:
        return error.code.removeprefix("note.")


def test_a_note_holds_many_signers_in_any_order_and_strangers_too() -> None:
    own = log_signature(ORIGIN, KEY, SIGNER.sign(BODY).signature)
    stranger = NoteSignature(name="somebody.example/ü", key_id=b"\0\1\2\3", signature=b"?")
    lines = [cosigned("a", 5), own, stranger, cosigned("b", 7), RECEIPT.note_signature("c", KEY)]
    for turned in range(len(lines)):
        order = lines[turned:] + lines[:turned]
        read = SignedNote.parse(note(*order).format())
        assert list(read.signatures) == order
        assert read.signed_by(ORIGIN, KEY)
        assert [read.cosigned_by(name, KEY) for name in "abcd"] == [5, 7, RECEIPT.time_s, None]


def test_a_line_of_a_known_key_that_does_not_verify_spoils_the_note() -> None:
    good = cosigned("a", 5)
    for blob in (good.signature[:-1], good.signature + b"\0", b"\xff" + good.signature[1:], b"\0"):
        spoiled = note(replace(good, signature=blob))
        with pytest.raises(RemoteError) as caught:
            spoiled.cosigned_by("a", KEY)
        assert caught.value.code == "note.forged"
    with pytest.raises(RemoteError) as caught:
        note(log_signature("a", KEY, bytes(64))).signed_by("a", KEY)
    assert caught.value.code == "note.forged"


def test_a_cosignature_is_no_log_signature_and_the_other_way_round() -> None:
    """The id holds the kind of signature, so that one key can do both without confusion."""
    assert note(cosigned("a", 5)).signed_by("a", KEY) is False
    assert note(log_signature("a", KEY, SIGNER.sign(BODY).signature)).cosigned_by("a", KEY) is None


def test_no_changed_byte_of_a_note_has_a_second_reading() -> None:
    golden = note(cosigned("a", 5), text=body("x", 3, ROOT)).format()
    for at in range(len(golden)):
        for byte in range(256):
            exact(parse_note_bytes, golden[:at] + bytes((byte,)) + golden[at + 1 :])


def test_a_text_may_hold_blank_lines_and_lines_like_signatures() -> None:
    line = cosigned("a", 5).line()
    for text in (f"\n{line}\n", f"{line}\n\n{line}\n\n", "\n", "—\n\n\n"):
        written = note(cosigned("b", 6), text=text.encode())
        assert SignedNote.parse(written.format()) == written


@pytest.mark.parametrize(
    ("spoiled", "code"),
    [
        (note(cosigned("a", 5), text=b"no newline"), "note.text"),
        (note(cosigned("a", 5), text=b""), "note.text"),
        (note(cosigned("a", 5), text=b"\r\n"), "note.text"),
        (note(cosigned("a", 5), text=b"\xff\n"), "note.text"),
        (note(), "note.signatures"),
        (note(*(cosigned(f"a{n}", 5) for n in range(257))), "note.signatures"),
        (note(cosigned("a b", 5)), "note.signature"),
        (note(cosigned("", 5)), "note.signature"),
        (note(replace(cosigned("a", 5), key_id=b"123")), "note.signature"),
        (note(replace(cosigned("a", 5), signature=b"")), "note.signature"),
        (note(cosigned("a", 5), text=b"x" * 1_000_000 + b"\n"), "note.too_large"),
    ],
)
def test_a_note_that_could_not_be_read_back_is_not_written(spoiled: SignedNote, code: str) -> None:
    with pytest.raises(LocalError) as caught:
        spoiled.format()
    assert caught.value.code == code


def test_a_note_has_at_most_256_signatures_and_a_million_bytes() -> None:
    most = note(*(cosigned(f"a{n}", 5) for n in range(256)))
    data = most.format()
    assert SignedNote.parse(data) == most
    for more, code in (
        (data + (cosigned("b", 5).line() + "\n").encode(), "note.signatures"),
        (data + b"\n" * 300, "note.signatures"),
        (bytes(checkpoint.MAX_NOTE_BYTES + 1), "note.too_large"),
    ):
        with pytest.raises(RemoteError) as caught:
            SignedNote.parse(more)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        ({"size": 1}, True), ({"size": 0}, False), ({"size": 2**48}, True),
        ({"size": 2**48 + 1}, False), ({"time_s": 0}, True), ({"time_s": 253_402_300_799}, True),
        ({"time_s": 253_402_300_800}, False), ({"log": bytes(7)}, False),
        ({"cosigner": bytes(9)}, False), ({"signature": bytes(63)}, False),
        ({"signature": bytes(65)}, False),
    ],
)  # fmt: skip
def test_a_receipt_has_its_bounds(more: dict[str, Any], taken: bool) -> None:
    made = replace(RECEIPT, **more)
    if taken:
        assert Receipt.decode(made.encode()) == made
        return
    with pytest.raises(RemoteError) as caught:
        Receipt.decode(made.encode())
    assert caught.value.code == "receipt.form"
