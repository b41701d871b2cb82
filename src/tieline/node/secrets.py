"""The secret side of cryptography: key stores, signatures, the TLS key, sealing.

This is the only module that holds private keys; ``pinned`` and ``sealing`` are handed one to use.
There are two kinds of key store:

* A party's root signs the certificates of the party's stations, its card and charters, and nothing
  else. It may be kept off the machine. All stations of a party share it.
* A station's keys are for statements, for receipts, for ML-DSA-44 signatures, for TLS, for opening
  what is sealed to it, and for its database; the certificate that names them lies with them.

Rules held here:

* A key store is one deterministic CBOR array, encrypted and authenticated whole with
  ChaCha20-Poly1305 under a key of its own: from a passphrase by Argon2id (64 MiB, 3 passes, 4
  lanes: RFC 9106 section 4, second recommended option), or from 32 random bytes in a key file by
  HKDF-SHA256. Whatever is wrong, the passphrase or any byte, is the one refusal ``keys.locked``.
* The root looks at what it signs: only documents of its own party and realm that everybody's parser
  takes. A station key signs any bytes: what they are is the core's business.

What this module does not know: when keys are out of date, whom they speak to, and how to wipe
memory, which Python cannot promise.
"""

from __future__ import annotations

import base64
import os
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

from tieline.core import encode, identity
from tieline.core.charter import Charter, charter_message, parse_charter
from tieline.core.crypto import pack_sign1, sha256
from tieline.core.encode import Fields, Value
from tieline.core.errors import LocalError, RemoteError, ShellError
from tieline.core.identity import Card, CardStation, Certificate
from tieline.core.terms import MAX_TIME_MS
from tieline.node import keystore, privatefile, unlocking
from tieline.node.sealing import open_box, seal

KEY_FILE_BYTES: Final = unlocking.KEY_FILE_BYTES
MIN_PASSPHRASE: Final = 8  # characters

_MLKEM_SEED: Final = 64
# What stands before the 32 bytes of an Ed25519 key in its PKCS #8 (RFC 8410 sections 7 and 10.3).
_PKCS8_ED25519: Final = bytes.fromhex("302e020100300506032b657004220420")


# -------------------------------------------------------------------------------------- unlocking


# How a key store opens; here under the names that callers use.
Passphrase = unlocking.Passphrase
KeyFile = unlocking.KeyFile
Unlock = unlocking.Unlock
create_key_file = unlocking.create_key_file


def opens_with_passphrase(path: Path) -> bool:
    """Whether a key store wants a passphrase rather than a key file, to know what to ask for.

    The answer is not authenticated. Raises as ``unlock``.
    """
    return _parse_store(path).way == keystore.BY_PASSPHRASE


# --------------------------------------------------------------------------------------- the keys


class StationKeys:
    """The keys of one station, unlocked. Fulfils ``tieline.ports.Signer``.

    ``certificate`` is the station's own, ``root_key`` the public root of its party. ``further`` are
    its other sets of keys, newer ones last: a charter says which of them speaks (``rotation``).
    """

    __slots__ = (
        "_cosign",
        "_database",
        "_mldsa",
        "_seal",
        "_sign",
        "_tls",
        "certificate",
        "further",
        "root_key",
    )

    def __init__(self, plain: bytes) -> None:
        """Read the content of a key store. Raises ``RemoteError``."""
        fields = Fields(encode.loads(plain, keystore.LIMITS), "key store")
        self._sign = crypto_sign_seed_keypair(fields.bytes(1, 32))[1]
        self._cosign = crypto_sign_seed_keypair(fields.bytes(2, 32))[1]
        self._tls = fields.bytes(3, 32)
        self._seal = fields.bytes(4, _MLKEM_SEED + 32)
        self._database = fields.bytes(5, 32)
        self._mldsa = fields.opt_bytes(8, 32)  # a store made before there was one has none
        self.root_key = fields.bytes(6, 32)
        self.certificate: Certificate = identity.parse_certificate(fields.bytes(7), self.root_key)
        sets = fields.opt_array(keystore.FURTHER) or ()
        self.further = tuple(StationKeys(each) for each in sets if isinstance(each, bytes))

    @property
    def sets(self) -> tuple[StationKeys, ...]:
        """All sets of keys, the newest first."""
        return (*reversed(self.further), self)

    def _holder(self, key: bytes, public: Callable[[Certificate], bytes | None]) -> StationKeys:
        """The set with this public key. Raises ``ShellError`` (``keys.absent``)."""
        for each in self.sets:
            if not key or public(each.certificate) == key:
                return each
        raise ShellError(
            "keys.absent",
            "the charter names keys of this station that are not in its key file; put back the file"
            " that has them, or make fresh ones with 'tieline keys rotate'",
        )

    def __repr__(self) -> str:
        return f"StationKeys({self.certificate.party} {self.certificate.station_name})"

    @property
    def station(self) -> bytes:
        """The station's id, 8 bytes."""
        return self.certificate.station

    @property
    def db_key(self) -> bytes:
        """The key of the station's database, 32 bytes."""
        return self._database

    @property
    def desk_key(self) -> bytes:
        """The key of the desk's own database, 32 bytes: of the station's, and not the same."""
        made = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"tieline-desk-v1")
        return made.derive(self._database)

    @property
    def tls_cert_der(self) -> bytes:
        """The certificate that the station's carriers show (X.509, DER)."""
        return self.certificate.tls_der

    def tls_key_pem(self) -> bytes:
        """The private key of that certificate, PKCS #8 PEM without encryption: never write it."""
        # Every start would load the library's writers of keys, of all kinds, for these few bytes.
        text = base64.b64encode(_PKCS8_ED25519 + self._tls)
        return b"-----BEGIN PRIVATE KEY-----\n" + text + b"\n-----END PRIVATE KEY-----\n"

    def sign(self, message: bytes, key: bytes = b"") -> bytes:
        """Sign with the statement key: 64 bytes (Ed25519)."""
        holder = self._holder(key, _sign_key)
        return crypto_sign(message, self._sign)[:64] if holder is self else holder.sign(message)

    def cosign(self, message: bytes, key: bytes = b"") -> bytes:
        """Sign with the receipt key: 64 bytes (Ed25519)."""
        holder = self._holder(key, _cosign_key)
        return crypto_sign(message, self._cosign)[:64] if holder is self else holder.cosign(message)

    def cosign_mldsa(self, message: bytes, key: bytes = b"") -> bytes:
        """Sign with the ML-DSA-44 key: its public key (1312 bytes), then the signature (2420).

        Raises ``LocalError`` (``keys.no_mldsa``) when the key store was made before there was one.
        """
        holder = self._holder(key, _mldsa_hash)
        if holder is not self:
            return holder.cosign_mldsa(message)
        if self._mldsa is None:
            raise LocalError(
                "keys.no_mldsa",
                "the keys of this station were made before there was an ML-DSA-44 key among them; "
                "make fresh station keys to sign with it",
            )
        private = mldsa.MLDSA44PrivateKey.from_seed_bytes(self._mldsa)
        return private.public_key().public_bytes_raw() + private.sign(message)

    def seal(self, plaintext: bytes, recipients: Sequence[bytes]) -> bytes:
        """As ``seal``; no key of this station goes into it."""
        return seal(plaintext, recipients)

    def open_sealed(self, data: bytes) -> bytes:
        """Open what was sealed to this station, among others or alone.

        Raises ``RemoteError``: ``seal.not_ours`` when it is for others, ``seal.broken`` when any
        byte of it was changed or it is no sealed file.
        """
        for each in self.further:
            try:
                return each.open_sealed(data)
            except RemoteError as error:
                if error.code != "seal.not_ours":
                    raise
        return open_box(data, self.certificate.seal_key, self._seal)


def _sign_key(certificate: Certificate) -> bytes:
    return certificate.sign_key


def _cosign_key(certificate: Certificate) -> bytes:
    return certificate.cosign_key


def _mldsa_hash(certificate: Certificate) -> bytes | None:
    return certificate.mldsa_hash


class SeedKey:
    """A bare signing key that follows from 32 bytes: for simulated worlds and for witnesses."""

    __slots__ = ("_secret", "public")

    def __init__(self, seed: bytes) -> None:
        self.public, self._secret = crypto_sign_seed_keypair(seed)

    def sign(self, message: bytes) -> bytes:
        """The signature of a message: 64 bytes (Ed25519)."""
        return crypto_sign(message, self._secret)[:64]


class LateKey:
    """A bare ML-DSA-44 key (FIPS 204) that follows from 32 bytes: for witnesses."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        self._key = mldsa.MLDSA44PrivateKey.from_seed_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature of a message: 2420 bytes."""
        return self._key.sign(message)


class RootKey:
    """The root key of a party, unlocked. ``public`` is its 32-byte public key."""

    __slots__ = ("_key", "party", "party_name", "public", "realm")

    def __init__(self, plain: bytes) -> None:
        """Read the content of a key store. Raises ``RemoteError``."""
        fields = Fields(encode.loads(plain, keystore.LIMITS), "key store")
        self.public, self._key = crypto_sign_seed_keypair(fields.bytes(1, 32))
        self.party = identity.check_party(fields.text(2), "card")
        self.party_name = identity.check_name(fields.text(3), "card")
        self.realm = identity.check_realm(fields.text(4), "card")

    def __repr__(self) -> str:
        return f"RootKey({self.party})"

    def sign_certificate(self, payload: bytes) -> bytes:
        """The certificate of a payload of ``identity.certificate_payload``.

        Raises ``LocalError``: ``root.foreign`` when it is of another party or realm, and the codes
        of ``identity.parse_certificate``.
        """
        encoded = pack_sign1(payload, self._sign(identity.certificate_message(payload)))
        try:
            certificate = identity.parse_certificate(encoded, self.public)
        except RemoteError as error:
            raise _ours(error) from None
        self._check_own(certificate.party, certificate.realm)
        return encoded

    def sign_card(self, payload: bytes) -> bytes:
        """The card of a payload of ``identity.card_payload``.

        Raises ``LocalError``: ``root.foreign``, and the codes of ``identity.parse_card``.
        """
        encoded = pack_sign1(payload, self._sign(identity.card_message(payload)))
        try:
            card = identity.parse_card(encoded)
        except RemoteError as error:
            raise _ours(error) from None
        self._check_own(card.party, card.realm)
        return encoded

    def card(self, stations: Iterable[CardStation]) -> Card:
        """The card of this party with these stations. Raises as ``sign_card``."""
        payload = identity.card_payload(
            party=self.party,
            party_name=self.party_name,
            realm=self.realm,
            root_key=self.public,
            stations=stations,
        )
        return identity.parse_card(self.sign_card(payload))

    def sign_charter(self, charter: Charter) -> bytes:
        """This party's signature on a charter, 64 bytes, for ``SignedCharter.add_signature``.

        Raises ``LocalError``: ``charter.signer`` when the charter does not name this root for this
        party, ``root.foreign`` for another realm, and the codes of ``charter.parse_charter``.
        """
        try:
            charter = parse_charter(charter.body)
        except RemoteError as error:
            raise _ours(error) from None
        self._check_own(self.party, charter.realm)
        if charter.signers().get(self.party) != self.public:
            raise LocalError(
                "charter.signer",
                f"the charter {charter.name} does not name {self.party} with this root key; "
                "have it made with the right card",
            )
        return self._sign(charter_message(charter.body))

    def _sign(self, message: bytes) -> bytes:
        return crypto_sign(message, self._key)[:64]

    def _check_own(self, party: str, realm: str) -> None:
        if (party, realm) != (self.party, self.realm):
            raise LocalError(
                "root.foreign",
                f"the root key of {self.party} in the realm '{self.realm}' signs nothing for "
                f"{party} in the realm '{realm}'; unlock the right root",
            )


def _ours(error: RemoteError) -> LocalError:
    return LocalError(error.code, error.message)


# ------------------------------------------------------------------------------------ making keys


def make_root(
    path: Path, *, party: str, party_name: str, realm: str, unlock_with: Unlock
) -> RootKey:
    """Make the root of a new party in a new key store.

    Raises ``LocalError`` (``keys.exists``, ``keys.passphrase``, and ``card.*`` for a code, name
    or realm that is not allowed), ``ShellError`` (``keys.write``).
    """
    plain = encode.dumps({1: os.urandom(32), 2: party, 3: party_name, 4: realm})
    try:
        root = RootKey(plain)
    except RemoteError as error:
        raise _ours(error) from None
    privatefile.write_new(path, lock_store(path, keystore.ROOT, plain, unlock_with))
    return root


def make_station(
    path: Path,
    root: RootKey,
    *,
    name: str,
    unlock_with: Unlock,
    not_before_ms: int = 0,
    not_after_ms: int = MAX_TIME_MS,
) -> StationKeys:
    """Make the keys of a station of this party, with their certificate, in a new key store.

    Raises ``LocalError`` (``keys.exists``, ``keys.passphrase``, ``certificate.*``), ``ShellError``
    (``keys.write``).
    """
    plain = _new_station(root, name, not_before_ms, not_after_ms)
    privatefile.write_new(path, lock_store(path, keystore.STATION, plain, unlock_with))
    return StationKeys(plain)


def _new_station(root: RootKey, name: str, not_before_ms: int, not_after_ms: int) -> bytes:
    """Fresh keys and their certificate, as the content of a key store."""
    secret, payload = fresh_set(
        root.public, (root.party, name), root.realm, not_before_ms, not_after_ms
    )
    certificate = root.sign_certificate(payload)
    return encode.dumps({**secret, 5: os.urandom(32), 6: root.public, 7: certificate})


def fresh_set(
    root_key: bytes, names: tuple[str, str], realm: str, not_before_ms: int, not_after_ms: int
) -> tuple[dict[int, Value], bytes]:
    """Fresh keys for a station, and the payload of the certificate that the root is to sign.

    ``names`` are its party and its own; the secrets are those of a key store.
    Raises ``LocalError`` (``certificate.*``).
    """
    from tieline.node.pinned import self_signed

    sign, cosign, tls, late = (os.urandom(32) for _ in range(4))
    late_key = mldsa.MLDSA44PrivateKey.from_seed_bytes(late).public_key().public_bytes_raw()
    kem, dh = mlkem.MLKEM768PrivateKey.generate(), x25519.X25519PrivateKey.generate()
    payload = identity.certificate_payload(
        root_key=root_key,
        party=names[0],
        realm=realm,
        station_name=names[1],
        sign_key=crypto_sign_seed_keypair(sign)[0],
        cosign_key=crypto_sign_seed_keypair(cosign)[0],
        seal_key=kem.public_key().public_bytes_raw() + dh.public_key().public_bytes_raw(),
        tls_der=self_signed(tls, identity.station_id(root_key, realm, names[1])),
        not_before_ms=not_before_ms,
        not_after_ms=not_after_ms,
        mldsa_hash=sha256(late_key),
    )
    seal_secret = kem.private_bytes_raw() + dh.private_bytes_raw()
    return {1: sign, 2: cosign, 3: tls, 4: seal_secret, 8: late}, payload


# ------------------------------------------------------------------------------------- key stores


def unlock(path: Path, unlock_with: Unlock) -> StationKeys:
    """The station's keys from its key store.

    Raises ``LocalError``: ``keys.locked`` when the passphrase, the key file or any byte is wrong;
    ``keys.kind`` for the store of a root; ``keys.mode``, ``keys.owner``, ``keys.file`` for a file
    that is not private. Raises ``ShellError``: ``keys.missing``, ``keys.read``.
    """
    plain = open_store(path, keystore.STATION, unlock_with)
    try:
        return StationKeys(plain)
    except RemoteError:
        raise _locked(path) from None


def unlock_root(path: Path, unlock_with: Unlock) -> RootKey:
    """The party's root from its key store. Raises as ``unlock``."""
    plain = open_store(path, keystore.ROOT, unlock_with)
    try:
        return RootKey(plain)
    except RemoteError:
        raise _locked(path) from None


def sign_with_seed(seed: Value, message: bytes) -> bytes:
    """A signature by a statement key that has no certificate yet: 64 bytes (Ed25519)."""
    if not isinstance(seed, bytes):
        raise TypeError("a seed is bytes")
    return crypto_sign(message, crypto_sign_seed_keypair(seed)[1])[:64]


def read_station(path: Path, unlock_with: Unlock) -> dict[int, Value]:
    """The content of a station's key store, for ``rotation``. Raises as ``unlock``."""
    value = encode.loads(open_store(path, keystore.STATION, unlock_with), keystore.LIMITS)
    if not isinstance(value, dict):
        raise _locked(path)
    return value


def write_station(path: Path, content: dict[int, Value], unlock_with: Unlock) -> None:
    """Put new content in the place of a station's old one; whatever happens, one of them is there.

    Raises ``ShellError`` (``keys.write``).
    """
    plain = encode.dumps(content)
    StationKeys(plain)
    privatefile.replace(path, lock_store(path, keystore.STATION, plain, unlock_with))


def change_unlock(path: Path, old: Unlock, new: Unlock) -> None:
    """Encrypt a key store, of either kind, anew under another passphrase or key file.

    Copies made before still open with the old one. Raises as ``unlock``, and ``LocalError``
    (``keys.passphrase``), ``ShellError`` (``keys.write``).
    """
    kind = _parse_store(path).kind
    plain = open_store(path, kind, old)
    privatefile.replace(path, lock_store(path, kind, plain, new))


def lock_store(path: Path, kind: str, plain: bytes, unlock_with: Unlock) -> bytes:
    """The bytes of a key store of this kind. Raises ``LocalError`` (``keys.passphrase``)."""
    if isinstance(unlock_with, Passphrase) and len(unlock_with.text) < MIN_PASSPHRASE:
        text = f"the passphrase for {path.name} has fewer than {MIN_PASSPHRASE} characters"
        raise LocalError("keys.passphrase", f"{text}; choose a longer one")
    salt, nonce = os.urandom(keystore.SALT_BYTES), os.urandom(keystore.NONCE_BYTES)
    store = keystore.Envelope(kind=kind, way=_way(unlock_with), salt=salt, nonce=nonce)
    box = ChaCha20Poly1305(_derive(unlock_with, salt)).encrypt(nonce, plain, store.head())
    return replace(store, box=box).encode()


def _parse_store(path: Path) -> keystore.Envelope:
    try:
        return keystore.parse(privatefile.read(path))
    except RemoteError:
        raise _locked(path) from None


def open_store(path: Path, wanted: str, unlock_with: Unlock) -> bytes:
    """The content of a key store of the kind ``wanted``. Raises as ``unlock``."""
    store = _parse_store(path)
    if store.kind != wanted:
        raise LocalError(
            "keys.kind",
            f"{path} holds the keys of a {store.kind}, not of a {wanted}; give the right one",
        )
    if store.way != _way(unlock_with):
        wants = "passphrase" if store.way == keystore.BY_PASSPHRASE else "key file"
        raise LocalError(
            "keys.locked",
            f"{path} opens with a {wants}, or was changed; give that, or take the copy that was "
            "kept apart",
        )
    key = _derive(unlock_with, store.salt)
    try:
        return ChaCha20Poly1305(key).decrypt(store.nonce, store.box, store.head())
    except InvalidTag:
        raise _locked(path) from None


def _way(unlock_with: Unlock) -> int:
    return keystore.BY_PASSPHRASE if isinstance(unlock_with, Passphrase) else keystore.BY_KEY_FILE


def _derive(unlock_with: Unlock, salt: bytes) -> bytes:
    if isinstance(unlock_with, Passphrase):
        # The same letters are typed composed on one keyboard and decomposed on another.
        text = unicodedata.normalize("NFC", unlock_with.text).encode("utf-8", "surrogatepass")
        return Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=65_536).derive(
            text
        )
    data = privatefile.read(unlock_with.path)
    if len(data) != KEY_FILE_BYTES:
        raise LocalError(
            "keys.keyfile",
            f"{unlock_with.path} must have {KEY_FILE_BYTES} bytes; give the right key file",
        )
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=b"tieline-keyfile-v1").derive(
        data
    )


def _locked(path: Path) -> LocalError:
    return LocalError(
        "keys.locked",
        f"{path} does not open: the passphrase or key file is wrong, or the file was changed; "
        "try again, or take the copy that was kept apart",
    )
