"""Numbers and recipes in docs/protocol.md hold: the tables of limits, and the sealed file."""

from __future__ import annotations

import hashlib
import hmac
import importlib
import re
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tieline.core import bundle, charter, checkpoint, evidence, identity, linetest, statement, sync
from tieline.core.agreement import load
from tieline.core.encode import Limits
from tieline.node import sealed, sealing

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text("utf-8")

CONSTANTS = re.findall(r"^\| [^|]+ \| (\d+) \| `([\w.]+)` \|$", PAGE, re.MULTILINE)
FORMATS = {
    row[0]: tuple(map(int, row[1:]))
    for row in re.findall(r"^\| ([a-z ]+) \| (\d+) \| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE)
}


@pytest.mark.parametrize(("number", "name"), CONSTANTS, ids=[name for _, name in CONSTANTS])
def test_a_limit_is_what_the_source_says(number: str, name: str) -> None:
    found = re.match(r"([a-z_]+\.[a-z_]+)\.([A-Z_]+)(?:\.([a-z_]+))?\Z", name)
    assert found is not None
    value = getattr(importlib.import_module(f"tieline.{found[1]}"), found[2])
    assert int(number) == (getattr(value, found[3]) if found[3] else value)


def test_the_table_of_limits_was_read() -> None:
    assert len(CONSTANTS) >= 30


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("statement and its payload", statement.LIMITS),
        ("certificate and its payload", identity._CERTIFICATE_LIMITS),
        ("card and its payload", identity._CARD_LIMITS),
        ("body of a charter", charter._LIMITS),
        ("signed charter", charter._SIGNED_LIMITS),
        ("envelope", sync.ENVELOPE_LIMITS),
        ("receipt", checkpoint._RECEIPT_LIMITS),
        ("header of a bundle and its payload", bundle._HEADER_LIMITS),
        ("contents of a bundle", bundle._PAYLOAD_LIMITS),
        ("sealed file and its head", sealed._LIMITS),
        ("item of evidence", evidence.LIMITS),
        ("pack", load.LIMITS),
    ],
)
def test_limits_of_the_encoding_are_what_the_source_says(name: str, limits: Limits) -> None:
    assert FORMATS[name] == (limits.max_bytes, limits.max_depth, limits.max_items)


# ------------------------------------------------- the sealed file, read by the page and not by us


def open_by_the_page(data: bytes, seed: bytes, scalar: bytes) -> bytes:
    """Section 13, with cbor2, ML-KEM, X25519 and hashes; the HPKE key schedule written out."""
    domain = b"tieline-seal-v1\0"
    head, check, box = cbor2.loads(data)
    assert check == hashlib.sha256(domain + head).digest()[:8]
    form, commitment, items = cbor2.loads(head)
    assert form == 1
    kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(seed)
    dh = x25519.X25519PrivateKey.from_private_bytes(scalar)
    public = kem.public_key().public_bytes_raw() + dh.public_key().public_bytes_raw()
    hint = hashlib.sha256(domain + public).digest()[:8]
    wrapped = dict(items)[hint]
    enc, ciphertext = wrapped[:1120], wrapped[1120:]
    shared = hashlib.sha3_256(
        kem.decapsulate(enc[:1088])
        + dh.exchange(x25519.X25519PublicKey.from_public_bytes(enc[1088:]))
        + enc[1088:]
        + dh.public_key().public_bytes_raw()
        + b"\\.//^\\"
    ).digest()
    key, nonce = hpke_schedule(shared, domain + hint)
    content_key = ChaCha20Poly1305(key).decrypt(nonce, ciphertext, b"")
    assert hashlib.sha256(b"tieline-seal-commit-v1\0" + content_key).digest() == commitment
    return ChaCha20Poly1305(content_key).decrypt(bytes(12), box, domain + head)


def hpke_schedule(shared: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Key and nonce of RFC 9180 section 5.1, base mode, suite 0x647A, 0x0001, 0x0003."""
    suite = b"HPKE" + bytes.fromhex("647a00010003")

    def extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")

    def expand(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
        labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
        return hmac.digest(secret, labelled + b"\x01", "sha256")[:length]

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    return expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)


def test_a_sealed_file_opens_by_what_the_page_says() -> None:
    seed, scalar = bytes(range(64)), bytes(range(32))
    kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(seed)
    dh = x25519.X25519PrivateKey.from_private_bytes(scalar)
    public = kem.public_key().public_bytes_raw() + dh.public_key().public_bytes_raw()
    other = mlkem.MLKEM768PrivateKey.generate().public_key().public_bytes_raw() + public[-32:]
    data = sealing.seal(b"what was said", (public, other))
    assert open_by_the_page(data, seed, scalar) == b"what was said"


# --------------------------------------------------------------------------- the corpus of tests


def test_the_corpus_is_what_the_page_says() -> None:
    part = PAGE.split("**Corpus.**", maxsplit=1)[1]
    sentences, marks = re.findall(r"```\n(.*?)\n```", part, re.DOTALL)[:2]
    lines = sentences.splitlines()
    for slot in range(8):
        latin, cyrillic = lines[slot % 2], lines[2 + slot // 2 % 2]
        whole = f"{latin}. {latin.upper()}. {cyrillic}. {cyrillic.upper()}. {marks}"
        assert linetest.corpus(slot) == whole


def test_the_page_and_the_cddl_name_the_parts_of_a_head_alike() -> None:
    cddl = (Path(__file__).parents[2] / "docs" / "protocol.cddl").read_text("utf-8")
    head = re.search(r"^head +=.*?, ([a-z]+):", cddl, re.MULTILINE)
    row = re.search(r"^\| have \|.*$", PAGE, re.MULTILINE)
    assert head is not None
    assert row is not None
    assert row[0].endswith(f"digest of the last statement, {head[1]} |")
