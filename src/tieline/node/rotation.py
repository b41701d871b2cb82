"""Fresh keys for a station that has some: made, certified, and kept beside the old ones.

A station's key store holds one or more sets of keys, with a certificate each, for one station id.
The charter in force names one of them, and so says which signs (``StationKeys``). So nothing is
switched when a version comes into force, and there is no moment at which power may not fail: the
new set is in the store, or it is not, and the charter speaks, or it does not yet.

* With the root at hand: ``rotate``.
* Else ``request`` makes the set without its certificate and writes a request, which is signed with
  the new key and with the newest certified one; ``grant`` signs it where the root is, and gives a
  new card; ``accept`` takes the certificate from that card.

A former set stays: it opens what was sealed to it, and shows itself to peers that still go by the
charter that names it. ``forget`` takes out those that no charter needs.

This module touches one file, which is replaced whole, and no private key but through ``secrets``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Final

from tieline.core import crypto, encode, identity
from tieline.core.encode import Fields, Limits, Value
from tieline.core.errors import LocalError, RemoteError, ShellError
from tieline.core.identity import REQUEST_AAD, Card, CardStation, Certificate
from tieline.node import secrets
from tieline.node.keystore import FURTHER, WAITING
from tieline.node.secrets import RootKey, StationKeys, Unlock

MAX_SETS: Final = 12
REQUEST_ARMOR: Final = "TIELINE-REQUEST-1"

_LIMITS: Final = Limits(max_bytes=16_384, max_depth=3, max_items=64)


def rotate(
    path: Path, unlock_with: Unlock, root: RootKey, *, not_before_ms: int, not_after_ms: int
) -> Certificate:
    """Make a fresh set of keys with its certificate. Durable, or not done at all, when it returns.

    Raises ``LocalError`` (``keys.too_many``, ``root.foreign``, those of ``secrets.unlock``),
    ``ShellError``.
    """
    content = secrets.read_station(path, unlock_with)
    own = _keys_in(content).certificate
    _check_root(own, root)
    secret, payload = _fresh(_keys_in(content), not_before_ms, not_after_ms)
    encoded = root.sign_certificate(payload)
    _append(content, {**secret, 7: encoded})
    secrets.write_station(path, content, unlock_with)
    return identity.parse_certificate(encoded, root.public)


def request(path: Path, unlock_with: Unlock, *, not_before_ms: int, not_after_ms: int) -> str:
    """Make a fresh set that waits for its certificate, and the text that asks for it.

    A request made before is void. Raises as ``rotate``.
    """
    content = secrets.read_station(path, unlock_with)
    keys = _keys_in(content)
    secret, payload = _fresh(keys, not_before_ms, not_after_ms)
    content[WAITING] = encode.dumps({**secret, 7: payload})
    secrets.write_station(path, content, unlock_with)
    message = _request_message(payload)
    fresh = secrets.sign_with_seed(secret[1], message)
    signed = encode.dumps((payload, fresh, keys.sign(message)))
    return identity.armor(signed, REQUEST_ARMOR)


def grant(text: str, root: RootKey, card: Card) -> Card:
    """The party's new card, with the certificate that a station asks for instead of its old one.

    ``card`` is the one it has. Raises ``RemoteError`` (``armor.*``, ``request.*``), ``LocalError``
    (``root.foreign``).
    """
    value = encode.loads(identity.dearmor(text, REQUEST_ARMOR, _LIMITS.max_bytes), _LIMITS)
    parts = value if isinstance(value, tuple) and len(value) == 3 else ()
    payload, fresh, former = (
        part if isinstance(part, bytes) else b"" for part in parts or (0,) * 3
    )
    fields = Fields(encode.loads(payload, _LIMITS), "certificate")
    station = next((e for e in card.stations if e.station == fields.bytes(3, 8)), None)
    if station is None:
        raise RemoteError(
            "request.stranger",
            "the request is of a station that the card here does not name; give the newest card",
        )
    message = _request_message(payload)
    if not crypto.verify(fields.bytes(5, 32), message, fresh) or not crypto.verify(
        station.certificate.sign_key, message, former
    ):
        raise RemoteError(
            "request.forged",
            "the request is not signed by the station whose keys it would replace; ask its officer",
        )
    certificate = identity.parse_certificate(root.sign_certificate(payload), root.public)
    return card_with(card, root, certificate)


def accept(path: Path, unlock_with: Unlock, card: Card) -> Certificate:
    """Take the certificate for the set that waits from the party's new card.

    A card whose certificate was taken already changes nothing. Raises ``LocalError``
    (``keys.not_asked``) when the card has none for keys of this station.
    """
    content = secrets.read_station(path, unlock_with)
    keys = _keys_in(content)
    entry = next((e for e in card.stations if e.station == keys.station), None)
    if entry is not None and entry.certificate in [each.certificate for each in keys.sets]:
        return entry.certificate
    waiting = content.pop(WAITING, None)
    secret = encode.loads(waiting, _LIMITS) if isinstance(waiting, bytes) else None
    if entry is None or not isinstance(secret, dict) or card.root_key != keys.root_key:
        raise _not_asked()
    if crypto.parse_sign1(entry.certificate.encoded).payload != secret[7]:
        raise _not_asked()
    _append(content, {**secret, 7: entry.certificate.encoded})
    secrets.write_station(path, content, unlock_with)
    return entry.certificate


def forget(path: Path, unlock_with: Unlock, needed: Iterable[bytes]) -> int:
    """Take out every set but the newest and those with these statement keys. Returns how many.

    What was sealed to a set that is taken out opens no more. Raises as ``rotate``.
    """
    content = secrets.read_station(path, unlock_with)
    kept = set(needed)
    sets = [secrets.StationKeys(plain) for plain in _sets(content)]
    stay = [
        plain
        for plain, keys in zip(_sets(content), sets, strict=True)
        if keys is sets[-1] or keys.certificate.sign_key in kept
    ]
    gone = len(sets) - len(stay)
    if gone:
        secrets.write_station(path, _store_of(stay, content.get(WAITING)), unlock_with)
    return gone


def card_with(card: Card, root: RootKey, certificate: Certificate) -> Card:
    """The card with another certificate for a station that it names."""
    return root.card(
        CardStation(
            certificate=certificate if entry.station == certificate.station else entry.certificate,
            addresses=entry.addresses,
            unknown=entry.unknown,
        )
        for entry in card.stations
    )


class LiveKeys:
    """The keys of a running station, which looks into the store again when it lacks one.

    Fulfils ``tieline.ports.Signer``. ``read`` gives the keys in the store as it is now, ``stamp``
    something that changes with it.
    """

    def __init__(
        self, keys: StationKeys, read: Callable[[], StationKeys], stamp: Callable[[], Hashable]
    ) -> None:
        self.keys = keys
        self._read, self._stamp = read, stamp
        self._read_at = stamp()

    def refresh(self) -> StationKeys:
        """Read the store again. Raises ``LocalError``, ``ShellError``; then nothing has changed."""
        stamp = self._stamp()
        self.keys = self._read()
        self._read_at = stamp
        return self.keys

    def _with(self, use: Callable[[StationKeys], bytes]) -> bytes:
        try:
            return use(self.keys)
        except ShellError as error:
            if error.code != "keys.absent" or self._stamp() == self._read_at:
                raise
            return use(self.refresh())

    def sign(self, message: bytes, key: bytes = b"") -> bytes:
        """See ``ports.Signer``."""
        return self._with(lambda keys: keys.sign(message, key))

    def cosign(self, message: bytes, key: bytes = b"") -> bytes:
        """See ``ports.Signer``."""
        return self._with(lambda keys: keys.cosign(message, key))

    def cosign_mldsa(self, message: bytes, key: bytes = b"") -> bytes:
        """See ``ports.Signer``."""
        return self._with(lambda keys: keys.cosign_mldsa(message, key))

    def seal(self, plaintext: bytes, recipients: Sequence[bytes]) -> bytes:
        """See ``secrets.seal``."""
        return self.keys.seal(plaintext, recipients)

    def open_sealed(self, data: bytes) -> bytes:
        """Open what was sealed to any of the station's sets."""
        return self.keys.open_sealed(data)


def _keys_in(content: dict[int, Value]) -> StationKeys:
    return StationKeys(encode.dumps(content))


def _check_root(own: Certificate, root: RootKey) -> None:
    if identity.station_id(root.public, root.realm, own.station_name) != own.station:
        raise LocalError(
            "root.foreign",
            f"the root key of {root.party} is not the one that this station of {own.party} is"
            " under; unlock the right root, or replace it as docs/operations.md says",
        )


def _fresh(
    keys: StationKeys, not_before_ms: int, not_after_ms: int
) -> tuple[dict[int, Value], bytes]:
    own = keys.certificate
    if len(keys.sets) >= MAX_SETS:
        raise LocalError(
            "keys.too_many",
            f"this station has {MAX_SETS} sets of keys; run 'tieline keys forget' for those that no"
            " charter names any more",
        )
    return secrets.fresh_set(
        keys.root_key, (own.party, own.station_name), own.realm, not_before_ms, not_after_ms
    )


def _append(content: dict[int, Value], made: dict[int, Value]) -> None:
    """Add a set. The database has one key, whatever speaks."""
    plain = encode.dumps({**made, 5: content[5], 6: content[6]})
    further = content.get(FURTHER, ())
    content[FURTHER] = (*(further if isinstance(further, tuple) else ()), plain)
    content.pop(WAITING, None)


def _sets(content: dict[int, Value]) -> list[bytes]:
    """The sets, the oldest first, each as a store of its own."""
    further = content.get(FURTHER, ())
    first = {key: value for key, value in content.items() if key not in (FURTHER, WAITING)}
    others = further if isinstance(further, tuple) else ()
    return [encode.dumps(first), *(plain for plain in others if isinstance(plain, bytes))]


def _store_of(sets: list[bytes], waiting: Value | None) -> dict[int, Value]:
    first = encode.loads(sets[0], _LIMITS)
    if not isinstance(first, dict):
        raise TypeError("a set of keys is a map")
    content: dict[int, Value] = {**first}
    if len(sets) > 1:
        content[FURTHER] = tuple(sets[1:])
    if waiting is not None:
        content[WAITING] = waiting
    return content


def _request_message(payload: bytes) -> bytes:
    return crypto.sig_structure(crypto.PROTECTED, REQUEST_AAD, payload)


def _not_asked() -> LocalError:
    return LocalError(
        "keys.not_asked",
        "the card has no certificate for keys that this station has asked for; make a request with"
        " 'tieline keys rotate --request FILE' and have that one signed",
    )
