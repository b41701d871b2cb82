"""Who is who: station certificates, party cards, and the words by which people compare them.

A party has one root key, kept off the network. The root signs a *certificate* for each station of
the party (its public keys) and a *card* that gathers the party's code, its name, its root key
and its stations with their addresses. A card is what two parties exchange; the signature on it
proves possession of the root key for exactly this code, name and realm. People compare cards by
eight words, read aloud by one and typed in by the other.

Rules held here:

* Certificates and cards are COSE_Sign1 by the root, under an external AAD of their own each, so
  that neither can be taken for the other or for anything else.
* A station's id follows from the root key, the realm and the station's name. A field that says
  otherwise is refused: nobody can claim another party's station.
* A parser takes only what the builder makes. Keys from newer versions are kept, because the signed
  bytes are kept (``encoded``) and never made again.
* Every root, sign and cosign key is checked at enrolment, which is here (``check_public_key``).
* A realm is empty for live traffic and the id of the exercise otherwise. It is part of every
  signature and of every station id.

What this module does not know: whether a certificate is out of date (it holds no clock, and an old
certificate raises an alarm, never a cut), whether the TLS certificate and the seal key are usable
(``tieline.node.pinned.check_certificate_keys`` says), whether words were really compared, and the
normal forms of Unicode, which change from version to version: two readers must agree for ever.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tieline.core import encode
from tieline.core.address import parse_address
from tieline.core.crypto import (
    PROTECTED,
    check_public_key,
    parse_sign1,
    sha256,
    sig_structure,
    verify,
)
from tieline.core.encode import Fields, Limits, Value
from tieline.core.errors import LocalError, RemoteError
from tieline.core.terms import MAX_TIME_MS, PARTY_CODE, REALM, STATION_NAME, spoken

CERTIFICATE_AAD: Final = b"tieline-cert-v1"
CARD_AAD: Final = b"tieline-card-v1"
REQUEST_AAD: Final = b"tieline-request-v1"  # under what asks for new keys
CARD_ARMOR: Final = "TIELINE-CARD-1"
SEAL_KEY_BYTES: Final = 1216  # ML-KEM-768 (1184) and X25519 (32), in this order
MAX_NAME: Final = 80  # characters
MAX_STATIONS: Final = 2
MAX_ADDRESSES: Final = 8
WORDS: Final = 8

_CERTIFICATE_LIMITS: Final = Limits(max_bytes=8192, max_depth=4, max_items=256)
_CARD_LIMITS: Final = Limits(max_bytes=32_768, max_depth=6, max_items=512)
_MAX_TLS: Final = 2048
_CERTIFICATE_KEYS: Final = frozenset(range(1, 12))
_CARD_KEYS: Final = frozenset(range(1, 6))
_STATION_KEYS: Final = frozenset({1, 2})

# Fixed ranges rather than Unicode categories: what a name may hold must not depend on the Unicode
# version of the reader. Controls, soft hyphen, bidi controls, spaces other than U+0020, invisible
# fillers and operators, variation selectors, surrogates, private use, specials, tags.
# U+200C and U+200D stay: names in several scripts are not spelled right without them.
_NEVER_IN_NAMES: Final = re.compile(
    "[\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200b"
    "\u200e\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ud800-\uf8ff\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\uffff\U0001fffe\U0001ffff\U0002fffe\U0002ffff\U000e0000-\U0010ffff]"
)
_JOINERS: Final = "\u200c\u200d"
_ARMOR_LINE: Final = 64


# ---------------------------------------------------------------------------------------- values


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The public keys of one station, signed by its party's root. ``encoded`` is what was signed.

    ``station`` is 8 bytes, ``sign_key`` and ``cosign_key`` are Ed25519, ``seal_key`` is ML-KEM-768
    with X25519 for HPKE, ``tls_der`` the self-signed X.509 certificate that its carriers show.
    ``mldsa_hash`` is the SHA-256 of its ML-DSA-44 key, which is too large for a card on paper and
    travels beside what it signed; ``None`` for a station without one.
    """

    party: str
    station_name: str
    station: bytes
    realm: str
    sign_key: bytes
    cosign_key: bytes
    seal_key: bytes
    tls_der: bytes
    not_before_ms: int
    not_after_ms: int
    encoded: bytes
    mldsa_hash: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardStation:
    """One station of a card or a charter: its certificate and where it answers, in order of trial.

    ``unknown`` is the encoded map of keys from newer versions, empty when there are none.
    """

    certificate: Certificate
    addresses: tuple[str, ...] = ()
    unknown: bytes = b""

    @property
    def station(self) -> bytes:
        return self.certificate.station


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a party shows of itself. Stations are sorted by id; ``encoded`` is what was signed."""

    party: str
    party_name: str
    realm: str
    root_key: bytes
    stations: tuple[CardStation, ...]
    encoded: bytes


# ---------------------------------------------------------------------------------- certificates


def station_id(root_key: bytes, realm: str, name: str) -> bytes:
    """The 8-byte id of the station ``name`` of the party with this root key, in this realm."""
    return sha256(b"tieline-station-v1\x00" + encode.dumps((root_key, realm, name)))[:8]


def certificate_payload(  # noqa: PLR0913  # it has many fields, each named by its caller
    *,
    root_key: bytes,
    party: str,
    realm: str,
    station_name: str,
    sign_key: bytes,
    cosign_key: bytes,
    seal_key: bytes,
    tls_der: bytes,
    not_before_ms: int,
    not_after_ms: int,
    mldsa_hash: bytes | None = None,
) -> bytes:
    """The payload of a certificate, for the root to sign (``certificate_message``).

    Raises ``LocalError`` with the codes of ``parse_certificate`` when a value is not allowed.
    """
    fields: dict[int, Value] = {
        1: party,
        2: station_name,
        3: station_id(root_key, realm, station_name),
        4: realm,
        5: sign_key,
        6: cosign_key,
        7: seal_key,
        8: tls_der,
        9: not_before_ms,
        10: not_after_ms,
    }
    if mldsa_hash is not None:
        fields[11] = mldsa_hash
    payload = encode.dumps(fields)
    try:
        _read_certificate(payload, root_key, b"")
    except RemoteError as error:
        raise LocalError(error.code, error.message) from None
    return payload


def certificate_message(payload: bytes) -> bytes:
    """The bytes of a certificate that the root signs (RFC 9052 section 4.4)."""
    return sig_structure(PROTECTED, CERTIFICATE_AAD, payload)


def parse_certificate(data: bytes, root_key: bytes) -> Certificate:
    """Read a certificate and verify it under the root key of its party.

    Raises ``RemoteError``: ``encode.*`` and ``sign1.*`` for the envelope; ``certificate.signature``
    when the root did not sign it; ``certificate.field``, ``.party``, ``.realm``, ``.name``,
    ``.station``, ``.validity``, ``.tls``, ``.same_key`` and ``key.*`` for what it says.
    """
    parts = parse_sign1(data, _CERTIFICATE_LIMITS)
    if not verify(root_key, certificate_message(parts.payload), parts.signature):
        raise RemoteError(
            "certificate.signature",
            "the certificate is not signed by the root key of its party; ask the party for a fresh"
            " card",
        )
    return _read_certificate(parts.payload, root_key, data)


def _read_certificate(payload: bytes, root_key: bytes, encoded: bytes) -> Certificate:
    fields = Fields(encode.loads(payload, _CERTIFICATE_LIMITS), "certificate")
    certificate = Certificate(
        party=check_party(fields.text(1), "certificate"),
        station_name=fields.text(2),
        station=fields.bytes(3, 8),
        realm=check_realm(fields.text(4), "certificate"),
        sign_key=fields.bytes(5, 32),
        cosign_key=fields.bytes(6, 32),
        seal_key=fields.bytes(7, SEAL_KEY_BYTES),
        tls_der=fields.bytes(8),
        not_before_ms=fields.uint(9, MAX_TIME_MS),
        not_after_ms=fields.uint(10, MAX_TIME_MS),
        encoded=encoded,
        mldsa_hash=fields.opt_bytes(11, 32),
    )
    if not STATION_NAME.match(certificate.station_name):
        raise RemoteError(
            "certificate.name",
            "the station name in the certificate must be 1 to 12 of a-z, 0-9 and hyphen; "
            "choose another",
        )
    if certificate.station != station_id(root_key, certificate.realm, certificate.station_name):
        raise RemoteError(
            "certificate.station",
            "the station id in the certificate does not follow from its party's root key, realm and"
            " station name; ask the party for a fresh card",
        )
    if certificate.not_before_ms > certificate.not_after_ms:
        raise RemoteError(
            "certificate.validity", "the certificate ends before it begins; have it signed anew"
        )
    if not _one_der_sequence(certificate.tls_der):
        raise RemoteError(
            "certificate.tls",
            f"the TLS certificate must be one DER sequence of at most {_MAX_TLS} bytes; "
            "ask the party for a fresh card",
        )
    check_public_key(certificate.sign_key)
    check_public_key(certificate.cosign_key)
    if len({root_key, certificate.sign_key, certificate.cosign_key}) != 3:
        raise RemoteError(
            "certificate.same_key",
            "root, signing and receipt key must be three different keys; make fresh station keys",
        )
    return certificate


def _one_der_sequence(data: bytes) -> bool:
    """Whether ``data`` is one SEQUENCE and nothing after it (X.690 sections 8.1 and 10.1)."""
    if not 2 <= len(data) <= _MAX_TLS or data[0] != 0x30:
        return False
    if data[1] < 0x80:
        return len(data) == 2 + data[1]
    width = data[1] & 0x7F
    length = int.from_bytes(data[2 : 2 + width], "big")
    shortest = {1: 0x80, 2: 0x100}.get(width)
    return shortest is not None and length >= shortest and len(data) == 2 + width + length


# ----------------------------------------------------------------------------------------- cards


def card_payload(
    *, party: str, party_name: str, realm: str, root_key: bytes, stations: Iterable[CardStation]
) -> bytes:
    """The payload of a card, for the root to sign (``card_message``).

    Stations may come in any order. Raises ``LocalError`` with the codes of ``parse_card``.
    """
    payload = encode.dumps(
        {1: party, 2: party_name, 3: realm, 4: root_key, 5: station_entries(stations)}
    )
    try:
        _read_card(payload, b"")
    except RemoteError as error:
        raise LocalError(error.code, error.message) from None
    return payload


def card_message(payload: bytes) -> bytes:
    """The bytes of a card that the root signs (RFC 9052 section 4.4)."""
    return sig_structure(PROTECTED, CARD_AAD, payload)


def parse_card(data: bytes) -> Card:
    """Read a card and verify it, and every certificate on it, under the root key it names.

    A valid card proves only that its maker holds that root key; that the key is the party's is what
    the words are compared for.

    Raises ``RemoteError``: ``encode.*`` and ``sign1.*`` for the envelope; ``card.signature``;
    ``card.field``, ``.party``, ``.name``, ``.realm``, ``.stations``, ``.noncanonical``,
    ``address.*``, ``key.*``; and the codes of ``parse_certificate``.
    """
    parts = parse_sign1(data, _CARD_LIMITS)
    card = _read_card(parts.payload, data)
    if not verify(card.root_key, card_message(parts.payload), parts.signature):
        raise RemoteError(
            "card.signature",
            "the card is not signed by the root key on it; ask the party to send its card again",
        )
    return card


def _read_card(payload: bytes, encoded: bytes) -> Card:
    fields = Fields(encode.loads(payload, _CARD_LIMITS), "card")
    party = check_party(fields.text(1), "card")
    realm = check_realm(fields.text(3), "card")
    root_key = fields.bytes(4, 32)
    check_public_key(root_key)
    card = Card(
        party=party,
        party_name=check_name(fields.text(2), "card"),
        realm=realm,
        root_key=root_key,
        stations=read_stations(fields.array(5), party, realm, root_key, "card"),
        encoded=encoded,
    )
    again = fields.unknown(_CARD_KEYS)
    again |= {1: party, 2: card.party_name, 3: realm, 4: root_key}
    again[5] = station_entries(card.stations)
    if encode.dumps(again) != payload:
        raise RemoteError(
            "card.noncanonical", "the stations on the card are not sorted by id; have it made anew"
        )
    return card


def station_entries(stations: Iterable[CardStation]) -> tuple[Value, ...]:
    """The stations of a card or a charter as they are encoded: sorted by id."""
    entries: list[Value] = []
    for station in sorted(stations, key=lambda entry: entry.station):
        entry = unknown_map(station.unknown)
        entry[1] = station.certificate.encoded
        entry[2] = station.addresses
        entries.append(entry)
    return tuple(entries)


def read_stations(
    entries: tuple[Value, ...], party: str, realm: str, root_key: bytes, what: str
) -> tuple[CardStation, ...]:
    """The stations of one party on a card or in a charter (``what``), verified, sorted by id.

    Raises ``RemoteError`` (``<what>.stations`` and the codes of ``parse_certificate``).
    """
    if not 1 <= len(entries) <= MAX_STATIONS:
        raise RemoteError(
            f"{what}.stations",
            f"{party} has {len(entries)} stations on the {what} where 1 or {MAX_STATIONS} are "
            "allowed; have it made anew",
        )
    stations = []
    for entry in entries:
        fields = Fields(entry, f"{what} station")
        certificate = parse_certificate(fields.bytes(1), root_key)
        if (certificate.party, certificate.realm) != (party, realm):
            raise RemoteError(
                f"{what}.stations",
                f"a certificate of {certificate.party or 'nobody'} in the realm "
                f"'{certificate.realm}' stands under {party} in the realm '{realm}' on the {what}; "
                "have it made anew",
            )
        unknown = fields.unknown(_STATION_KEYS)
        stations.append(
            CardStation(
                certificate=certificate,
                addresses=_read_addresses(fields.array(2), what),
                unknown=encode.dumps(unknown) if unknown else b"",
            )
        )
    if len({station.station for station in stations}) != len(stations):
        raise RemoteError(
            f"{what}.stations",
            f"two stations of {party} on the {what} have one name; give each its own",
        )
    return tuple(sorted(stations, key=lambda entry: entry.station))


def unknown_map(encoded: bytes) -> dict[int, Value]:
    """The map of unknown keys that an ``unknown`` attribute holds."""
    value = encode.loads(encoded, Limits(max_bytes=1 << 20, max_items=65_536)) if encoded else {}
    if not isinstance(value, dict):
        raise LocalError("card.unknown", "unknown keys must be an encoded map; take them as read")
    return value


def _read_addresses(items: tuple[Value, ...], what: str) -> tuple[str, ...]:
    addresses = []
    for item in items:
        if not isinstance(item, str):
            raise RemoteError(
                "address.form", f"an address on the {what} is no text; have it made anew"
            )
        parse_address(item)
        addresses.append(item)
    if len(addresses) > MAX_ADDRESSES or len(set(addresses)) != len(addresses):
        raise RemoteError(
            "address.many",
            f"a station on the {what} may have at most {MAX_ADDRESSES} addresses, each once; "
            "leave some out",
        )
    return tuple(addresses)


# ---------------------------------------------------------------------------------------- fields


def check_party(code: str, what: str) -> str:
    """The party code itself. Raises ``RemoteError`` (``<what>.party``)."""
    if not PARTY_CODE.match(code):
        raise RemoteError(
            f"{what}.party",
            f"the party code on the {what} must be a letter A-Z and up to 11 more of A-Z, 0-9 and "
            "hyphen; choose another",
        )
    return code


def check_realm(realm: str, what: str) -> str:
    """The realm itself. Raises ``RemoteError`` (``<what>.realm``)."""
    if not REALM.match(realm):
        raise RemoteError(
            f"{what}.realm",
            f"the realm on the {what} must be empty (live) or up to 32 of A-Z, 0-9 and hyphen; "
            "choose another exercise id",
        )
    return realm


def check_name(name: str, what: str) -> str:
    """A free name itself: 1 to 80 characters that show, single spaces between them.

    Raises ``RemoteError`` (``<what>.name``).
    """
    bad = _NEVER_IN_NAMES.search(name)
    if bad is not None:
        raise RemoteError(
            f"{what}.name",
            f"the name on the {what} holds the character U+{ord(bad.group()):04X}, which does not "
            "show or turns text around; take it out",
        )
    words_of_name = name.split(" ")
    if not 1 <= len(name) <= MAX_NAME or not all(word.strip(_JOINERS) for word in words_of_name):
        raise RemoteError(
            f"{what}.name",
            f"the name on the {what} must have 1 to {MAX_NAME} characters, with single spaces only "
            "inside; shorten or trim it",
        )
    if any(word[0] in _JOINERS or word[-1] in _JOINERS for word in words_of_name):
        raise RemoteError(
            f"{what}.name",
            f"a word of the name on the {what} begins or ends with an invisible joiner; "
            "take it out",
        )
    return name


# ----------------------------------------------------------------------------------------- armor


def armor(data: bytes, label: str = CARD_ARMOR) -> str:
    """``data`` as text for mail and paper: the label, base64 in lines of 64, ``END``."""
    text = base64.b64encode(data).decode("ascii")
    lines = [text[start : start + _ARMOR_LINE] for start in range(0, len(text), _ARMOR_LINE)]
    return "\n".join((label, *lines, "END", ""))


def dearmor(text: str, label: str = CARD_ARMOR, max_bytes: int = 1 << 20) -> bytes:
    """The bytes of an armored text. Takes only what ``armor`` writes.

    Raises ``RemoteError`` (``armor.label``, ``armor.too_large``, ``armor.form``).
    """
    if not text.startswith(label + "\n"):
        raise RemoteError(
            "armor.label", f"the text does not begin with the line {label}; give the right file"
        )
    if len(text) > max_bytes * 3 // 2 + 256:
        raise RemoteError(
            "armor.too_large", f"the text after {label} is too long; give the right file"
        )
    try:
        inner = text[len(label) + 1 : -4].replace("\n", "")
        data = base64.b64decode(inner.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        data = b""
    if armor(data, label) != text:
        raise RemoteError(
            "armor.form",
            f"the text after {label} was changed on its way, if only in a space; send it as a file",
        )
    return data


# ----------------------------------------------------------------------------------------- words


def fingerprint(card: Card) -> bytes:
    """The 16 bytes that people compare: party code, realm and root key of a card."""
    return root_fingerprint(card.party, card.realm, card.root_key)


def root_fingerprint(party: str, realm: str, root_key: bytes) -> bytes:
    """The same 16 bytes from their parts, as for a party in a charter."""
    return sha256(b"tieline-fingerprint-v1\x00" + encode.dumps((party, realm, root_key)))[:16]


def words(fingerprint: bytes) -> tuple[str, ...]:
    """A fingerprint as eight words of five letters, 16 bits each, most significant first.

    Raises ``LocalError`` (``words.length``) unless the fingerprint has 16 bytes.
    """
    if len(fingerprint) != 2 * WORDS:
        raise LocalError("words.length", "a fingerprint has 16 bytes; make it from a card")
    return tuple(
        spoken(int.from_bytes(fingerprint[2 * index : 2 * index + 2], "big"))
        for index in range(WORDS)
    )


def check_words(typed: str, fingerprint: bytes) -> None:
    """Whether a listener typed the words of this fingerprint; case, spaces and hyphens are free.

    The refusal does not say which word differs, so that a wrong speaker learns nothing from it.
    The caller counts the tries. Raises ``LocalError`` (``words.wrong``).
    """
    letters = "".join(typed.split()).replace("-", "").lower()
    if letters != "".join(words(fingerprint)):
        raise LocalError(
            "words.wrong",
            "the words that were typed are not the words of this card; have them read again, over a"
            " way on which you know the voice",
        )
