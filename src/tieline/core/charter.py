"""The charter: the signed, versioned agreement that makes a line.

A charter names the parties with their root keys and stations, the clocks of the receipt ladder, the
line tests, who may release what, the packs in force, and the witnesses. Every party signs the same
bytes with its root key; the line's id is derived from the bytes of version 1. An amendment is the
next version: it names the line and the hash of the version before, and takes effect only when every
party of both versions has signed (``tieline.core.succession``).

Rules held here:

* The bytes do not depend on who makes a charter, or in which order cards are given: parties are
  sorted by code, stations by id, the rest by value. The only chance in it, the nonce, is passed in.
  An amendment keeps the nonce, so two people who amend alike make the same bytes.
* ``parse_charter`` takes only what ``make_charter`` and ``succession.amend`` can make. Keys from
  newer versions are kept byte for byte, carried into amendments and shown in the summary.
* Party codes must not look alike. The rule: take hyphens out and read 0 and O as one character, and
  so 1, I and L; 5 and S; 8 and B; 2 and Z. No two codes may then be equal.
* No key, certificate or station id stands in a charter twice.
* Parties that leave stand in the amendment with their root keys, so that it can be verified alone.
  A party whose root is replaced stands in it with its old root (``reroot``).
* An amendment may say where logs of stations end whose keys it ends (``closed``).
* A party may be an observer (``observers``): it holds and verifies the record and says nothing.
  At least two parties are none. What an observer signs all the same is not heard (``hears``).
* An amendment need not wait for an observer of which it says nothing else than the version before,
  or which it takes off the line: it names those for whose signature nobody waits (``excused``).

What this module does not know: which version is in force at a station, whether the words of the
root keys were compared, the time, and what a pack or a form means.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from tieline.core import encode
from tieline.core.crypto import check_public_key, sha256, verify
from tieline.core.encode import Fields, Limits, Value
from tieline.core.errors import LocalError, RemoteError
from tieline.core.identity import (
    Card,
    CardStation,
    armor,
    check_name,
    check_party,
    check_realm,
    dearmor,
    read_stations,
    station_entries,
    unknown_map,
)
from tieline.core.provisions import (
    DEFAULT_CLOCKS,
    DEFAULT_INTERVALS,
    DEFAULT_RELEASE,
    DEFAULT_TESTS,
    MAX_LISTED,
    Clocks,
    Intervals,
    LogEnd,
    Release,
    Tests,
    Witness,
    read_clocks,
    read_closed,
    read_codes,
    read_intervals,
    read_packs,
    read_pairs,
    read_release,
    read_tests,
    read_witnesses,
    refusal,
)
from tieline.core.terms import Precedence, Rung

__all__ = [
    "CHARTER_ARMOR", "Charter", "CharterParty", "CharterStation", "Clocks", "Intervals", "LogEnd",
    "Release", "SignedCharter", "Tests", "Witness", "armor_charter", "charter_message",
    "dearmor_charter", "make_charter", "parse_charter", "parse_signed_charter",
    "skeleton",
]  # fmt: skip

SIGNATURE_DOMAIN: Final = b"tieline-charter-v1\x00"
LINE_DOMAIN: Final = b"tieline-line-v1\x00"
CHARTER_ARMOR: Final = "TIELINE-CHARTER-1"
MAX_PARTIES: Final = 64
MAX_CHARTER_BYTES: Final = 1 << 20

_LIMITS: Final = Limits(max_bytes=MAX_CHARTER_BYTES, max_depth=8, max_items=8192)
_SIGNED_LIMITS: Final = Limits(max_bytes=MAX_CHARTER_BYTES + 32_768, max_depth=4, max_items=1024)
_KEYS: Final = frozenset(range(1, 21))
_PARTY_KEYS: Final = frozenset(range(1, 5))
_MAX_VERSION: Final = 2**32 - 1
_ALIKE: Final = str.maketrans("OILSBZ", "011582", "-")

CharterStation = CardStation


# ---------------------------------------------------------------------------------------- values


@dataclass(frozen=True, slots=True, kw_only=True)
class CharterParty:
    """One party. ``unknown`` is the encoded map of keys from newer versions, or empty."""

    code: str
    name: str
    root_key: bytes
    stations: tuple[CharterStation, ...]
    unknown: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charter:
    """One version of the agreement, as ``parse_charter`` read it from ``body``.

    ``line`` is 16 bytes, ``hash`` 32, ``previous`` the hash of the version before (``None`` in
    version 1). ``silence_s``: after how many seconds without a sign a peer is silent. ``leaving``:
    code and root key of each party that was in the version before and is not in this one.
    ``closed``: where logs end of stations whose keys this version ends; ``None``: it does not say.
    ``reroot``: code and former root key of each party that this version gives another root.
    ``observers``: the codes of parties that read and do not write, sorted. ``excused``: those of
    them, or of ``leaving``, without whose signature the version is complete; sorted.
    """

    name: str
    realm: str
    version: int
    previous: bytes | None
    line: bytes
    nonce: bytes
    parties: tuple[CharterParty, ...]
    clocks: Clocks
    tests: Tests
    release: Release
    packs: tuple[bytes, ...]
    witnesses: tuple[Witness, ...]
    quorum: int
    silence_s: int
    leaving: tuple[tuple[str, bytes], ...]
    intervals: Intervals
    unknown: bytes
    body: bytes
    hash: bytes
    closed: tuple[LogEnd, ...] | None = None
    reroot: tuple[tuple[str, bytes], ...] = ()
    observers: tuple[str, ...] = ()
    excused: tuple[str, ...] = ()
    _stations: dict[bytes, tuple[str, CharterStation]] = field(
        init=False, repr=False, compare=False
    )
    _voices: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _leads: dict[str, bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pairs = [(party.code, entry) for party in self.parties for entry in party.stations]
        pairs.sort(key=lambda pair: pair[1].station)
        index = {entry.station: (code, entry) for code, entry in pairs}
        object.__setattr__(self, "_stations", index)
        voices = tuple(p.code for p in self.parties if p.code not in self.observers)
        object.__setattr__(self, "_voices", voices)
        leads = {code: entry.station for code, entry in reversed(pairs)}
        object.__setattr__(self, "_leads", leads)

    def stations(self) -> tuple[bytes, ...]:
        """The ids of all stations, sorted."""
        return tuple(self._stations)

    def station(self, station: bytes) -> CharterStation | None:
        """The certificate and addresses of a station, ``None`` when the charter names it not."""
        found = self._stations.get(station)
        return found[1] if found else None

    def party_of(self, station: bytes) -> str:
        """The code of a station's party. Raises ``LocalError`` (``charter.stranger``)."""
        found = self._stations.get(station)
        if found is None:
            raise LocalError(
                "charter.stranger",
                f"station {station.hex()} is in no party of the line {self.name}, version "
                f"{self.version}; look at the charter",
            )
        return found[0]

    def lead(self, code: str) -> bytes:
        """The station of a party that acts when only one should: the lowest id. Empty: none."""
        return self._leads.get(code, b"")

    def party(self, code: str) -> CharterParty | None:
        """The party of this code."""
        return next((party for party in self.parties if party.code == code), None)

    def voices(self) -> tuple[str, ...]:
        """The codes of the parties that are no observers, sorted: those who speak and owe."""
        return self._voices

    def clock_ms(self, precedence: Precedence, rung: Rung) -> int:
        """How long a rung may take for a precedence, in ms."""
        return self.clocks.of(precedence)[rung - Rung.HANDED_OVER] * 1000

    def four_eyes(self, precedence: Precedence, form: str) -> bool:
        """Whether two people must release: no standing authority covers the form.

        Free text has the form ``""``, which no authority covers.
        """
        return precedence in self.release.four_eyes and form not in self.release.standing

    def signers(self) -> dict[str, bytes]:
        """The root keys of all who may sign, by code: this version's parties and those leaving.

        All of them must, but for the excused.
        """
        return {**{p.code: p.root_key for p in self.parties}, **dict(self.leaving)}


# --------------------------------------------------------------------------------------- building


def make_charter(  # noqa: PLR0913  # it has as many fields, each named by its caller
    name: str,
    cards: Iterable[Card],
    *,
    nonce: bytes,
    clocks: Clocks = DEFAULT_CLOCKS,
    tests: Tests = DEFAULT_TESTS,
    release: Release = DEFAULT_RELEASE,
    packs: Iterable[bytes] = (),
    witnesses: Iterable[Witness] = (),
    quorum: int = 0,
    silence_s: int = 30,
    intervals: Intervals = DEFAULT_INTERVALS,
    observers: Iterable[str] = (),
) -> Charter:
    """Version 1 of a new line between the parties of these cards, in whatever order they come.

    ``nonce`` is 16 random bytes; the realm is that of the cards. Raises ``LocalError`` with the
    codes of ``parse_charter``, and ``charter.realm`` when the cards are of several realms.
    """
    given = tuple(cards)
    realm = given[0].realm if given else ""
    draft = Charter(
        name=name,
        realm=realm,
        version=1,
        previous=None,
        line=b"",
        nonce=nonce,
        parties=tuple(party_of_card(card, realm) for card in given),
        clocks=clocks,
        tests=tests,
        release=release,
        packs=tuple(packs),
        witnesses=tuple(witnesses),
        quorum=quorum,
        silence_s=silence_s,
        leaving=(),
        intervals=intervals,
        observers=tuple(observers),
        unknown=b"",
        body=b"",
        hash=b"",
    )
    return finish(draft)


def party_of_card(card: Card, realm: str) -> CharterParty:
    if card.realm != realm:
        raise LocalError(
            "charter.realm",
            f"the card of {card.party} is of {realm_words(card.realm)} and the charter of "
            f"{realm_words(realm)}; take cards of one realm",
        )
    return CharterParty(
        code=card.party, name=card.party_name, root_key=card.root_key, stations=card.stations
    )


def finish(draft: Charter) -> Charter:
    """The draft as everyone else will read it. What the parser refuses is our own mistake."""
    try:
        return parse_charter(encode_body(draft))
    except RemoteError as error:
        raise LocalError(error.code, error.message) from None


def encode_body(charter: Charter) -> bytes:
    """The one encoding of a charter. Everything whose order means nothing is sorted here."""
    parties: list[Value] = []
    for party in sorted(charter.parties, key=lambda entry: entry.code):
        entry = unknown_map(party.unknown)
        entry |= {1: party.code, 2: party.name, 3: party.root_key}
        entry[4] = station_entries(party.stations)
        parties.append(entry)
    tests, release = charter.tests, charter.release
    body = unknown_map(charter.unknown)
    body |= {1: charter.name, 2: charter.realm, 3: charter.version, 6: charter.nonce}
    body[7] = tuple(parties)
    body[8] = tuple(charter.clocks.of(precedence) for precedence in Precedence)
    body[9] = (tests.interval_s, tests.window_s, tests.answered_by)
    body[10] = (tuple(sorted(release.four_eyes)), tuple(sorted(set(release.standing))))
    body[11] = tuple(sorted(set(charter.packs)))
    body[12] = tuple(w.entry() for w in sorted(charter.witnesses, key=lambda w: w.name))
    body[13] = charter.quorum
    body[14] = charter.silence_s
    if charter.intervals != DEFAULT_INTERVALS:
        body[16] = (charter.intervals.checkpoint_s, charter.intervals.seal_s)
    if charter.observers:
        body[19] = tuple(sorted(set(charter.observers)))
    if charter.version > 1:
        body |= {4: charter.previous, 5: charter.line}
        body[15] = tuple(sorted(charter.leaving))
        if charter.closed is not None:
            ends = sorted(charter.closed, key=lambda end: end.log)
            body[17] = tuple((end.log, end.size, end.last) for end in ends)
        if charter.reroot:
            body[18] = tuple(sorted(charter.reroot))
        if charter.excused:
            body[20] = tuple(sorted(set(charter.excused)))
    return encode.dumps(body)


# --------------------------------------------------------------------------------------- reading


def parse_charter(body: bytes) -> Charter:
    """Read one version of a charter, without signatures, and check it against the rules above.

    Raises ``RemoteError``: ``encode.*``; ``charter.field`` and ``.noncanonical`` for its form;
    ``.party``, ``.name``, ``.realm``, ``.parties``, ``.stations``, ``.alike``, ``.duplicate``,
    ``.clocks``, ``.tests``, ``.release``, ``.packs``, ``.witnesses``, ``.silence``, ``.leaving``,
    ``.intervals``, ``.closed``, ``.reroot``, ``.observers``, ``.excused`` for what it says;
    ``certificate.*``, ``address.*`` and ``key.*`` for its stations.
    """
    fields = Fields(encode.loads(body, _LIMITS), "charter")
    realm = check_realm(fields.text(2), "charter")
    version = fields.uint(3, _MAX_VERSION)
    if version == 0:
        raise refusal("field", "has the version 0; versions begin with 1")
    message = SIGNATURE_DOMAIN + body
    line = sha256(LINE_DOMAIN + body)[:16] if version == 1 else fields.bytes(5, 16)
    unknown = fields.unknown(_KEYS)
    closed, reroot = fields.opt_array(17), fields.opt_array(18)
    charter = Charter(
        name=check_name(fields.text(1), "charter"),
        realm=realm,
        version=version,
        previous=None if version == 1 else fields.bytes(4, 32),
        line=line,
        nonce=fields.bytes(6, 16),
        parties=tuple(_read_party(entry, realm) for entry in fields.array(7)[: MAX_PARTIES + 1]),
        clocks=read_clocks(fields.array(8)),
        tests=read_tests(fields.array(9)),
        release=read_release(fields.array(10)),
        packs=read_packs(fields.array(11)),
        witnesses=read_witnesses(fields.array(12)),
        quorum=fields.uint(13, MAX_LISTED),
        silence_s=fields.uint(14, 86_400),
        leaving=() if version == 1 else _read_roots(fields.array(15), "leaving"),
        intervals=read_intervals(fields.opt_array(16)),
        closed=None if version == 1 or closed is None else read_closed(closed),
        reroot=() if version == 1 or reroot is None else _read_roots(reroot, "reroot"),
        observers=read_codes(fields.opt_array(19), "observers"),
        excused=() if version == 1 else read_codes(fields.opt_array(20), "excused"),
        unknown=encode.dumps(unknown) if unknown else b"",
        body=body,
        hash=sha256(message),
    )
    _check(charter)
    if encode_body(charter) != body:
        raise refusal("noncanonical", "is not in the one order and form of its fields")
    return charter


def _check(charter: Charter) -> None:
    """What only shows when all parts are there."""
    if not 2 <= len(charter.parties) <= MAX_PARTIES:
        raise refusal(
            "parties",
            f"must have 2 to {MAX_PARTIES} parties and has "
            f"{'more' if len(charter.parties) > MAX_PARTIES else len(charter.parties)}",
        )
    seen: dict[str, str] = {}
    for code in [p.code for p in charter.parties] + [code for code, _ in charter.leaving]:
        other = seen.get(skeleton(code))
        if other is not None:
            raise refusal("alike", f"names {other} and {code}, which are the same or look alike")
        seen[skeleton(code)] = code
    stranger = next((code for code, _ in charter.reroot if charter.party(code) is None), None)
    if stranger is not None or len(dict(charter.reroot)) != len(charter.reroot):
        raise refusal("reroot", "replaces the root of one that is no party, or of one twice")
    strange = next((code for code in charter.observers if charter.party(code) is None), None)
    if strange is not None:
        raise refusal("observers", f"names {strange} as an observer, which is no party of it")
    if len(charter.voices()) < 2:
        raise refusal("observers", "makes observers of so many that no two parties can speak")
    idle = {*charter.observers, *dict(charter.leaving)} - dict(charter.reroot).keys()
    if not idle.issuperset(charter.excused):
        raise refusal("excused", "excuses one from signing that neither observes nor leaves")
    certificates = [s.certificate for party in charter.parties for s in party.stations]
    uses = [("station id", [c.station for c in certificates])]
    uses.append(("seal key", [c.seal_key for c in certificates]))
    uses.append(("TLS certificate", [c.tls_der for c in certificates]))
    keys = [p.root_key for p in charter.parties]
    keys += [key for _, key in (*charter.leaving, *charter.reroot)]
    keys += [key for c in certificates for key in (c.sign_key, c.cosign_key)]
    uses.append(("signing key", keys + [witness.key for witness in charter.witnesses]))
    for what, values in uses:
        if len(set(values)) != len(values):
            raise refusal("duplicate", f"has one {what} twice; each is for one use only")
    if charter.quorum > len(charter.witnesses):
        raise refusal(
            "witnesses", f"asks for {charter.quorum} of {len(charter.witnesses)} witnesses"
        )
    if charter.silence_s == 0:
        raise refusal("silence", "calls a peer silent after 0 seconds")


def skeleton(code: str) -> str:
    """A party code with all that looks alike made equal: the rule at the head of this module."""
    return code.translate(_ALIKE)


def _read_party(entry: Value, realm: str) -> CharterParty:
    fields = Fields(entry, "charter party")
    code = check_party(fields.text(1), "charter")
    root_key = fields.bytes(3, 32)
    check_public_key(root_key)
    unknown = fields.unknown(_PARTY_KEYS)
    return CharterParty(
        code=code,
        name=check_name(fields.text(2), "charter"),
        root_key=root_key,
        stations=read_stations(fields.array(4), code, realm, root_key, "charter"),
        unknown=encode.dumps(unknown) if unknown else b"",
    )


def _read_roots(items: tuple[Value, ...], part: str) -> tuple[tuple[str, bytes], ...]:
    pairs = read_pairs(items, part)
    return tuple((check_party(code, "charter"), key) for code, key in pairs)


# ------------------------------------------------------------------------------------ signatures


def charter_message(body: bytes) -> bytes:
    """The bytes of a charter that each party signs with its root key."""
    return SIGNATURE_DOMAIN + body


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCharter:
    """A charter with the signatures gathered so far, (party code, 64 bytes), sorted by code."""

    charter: Charter
    signatures: tuple[tuple[str, bytes], ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The codes of those who have yet to sign, sorted."""
        needed = self.charter.signers().keys() - {*self.charter.excused}
        return tuple(sorted(needed - dict(self.signatures).keys()))

    @property
    def complete(self) -> bool:
        """Whether all who must have signed: only then may the version come into force."""
        return not self.missing

    def add_signature(self, code: str, signature: bytes) -> SignedCharter:
        """The same with one more signature, which is verified. The first of a party stays.

        Raises ``RemoteError`` (``charter.signer``, ``charter.signature``).
        """
        key = self.charter.signers().get(code)
        if key is None:
            raise RemoteError(
                "charter.signer", f"{code} signs the charter and is no party of it; leave it out"
            )
        if not verify(key, charter_message(self.charter.body), signature):
            raise RemoteError(
                "charter.signature",
                f"the signature of {code} does not fit the charter; ask {code} to sign it again",
            )
        signatures = tuple(sorted({code: signature, **dict(self.signatures)}.items()))
        return replace(self, signatures=signatures)

    def merge(self, other: SignedCharter) -> SignedCharter:
        """This copy with the signatures of another one.

        Raises ``LocalError`` (``charter.other``).
        """
        if other.charter.body != self.charter.body:
            raise LocalError(
                "charter.other",
                f"the two files hold different charters ({self.charter.hash.hex()[:8]} and "
                f"{other.charter.hash.hex()[:8]}); agree on one of them",
            )
        signatures = {**dict(other.signatures), **dict(self.signatures)}
        return replace(self, signatures=tuple(sorted(signatures.items())))

    def encode(self) -> bytes:
        """The charter and its signatures as bytes, which ``parse_signed_charter`` reads."""
        return encode.dumps((self.charter.body, self.signatures))


def parse_signed_charter(data: bytes) -> SignedCharter:
    """Read a charter with its signatures and verify each; some may still be missing.

    Raises ``RemoteError``: ``charter.shape``, ``.signer``, ``.signature`` and the codes of
    ``parse_charter``.
    """
    value = encode.loads(data, _SIGNED_LIMITS)
    body, entries = value if isinstance(value, tuple) and len(value) == 2 else (None, None)
    if not isinstance(body, bytes) or not isinstance(entries, tuple):
        raise refusal("shape", "must be its body and an array of signatures")
    signed = SignedCharter(charter=parse_charter(body))
    for entry in entries:
        code, signature = entry if isinstance(entry, tuple) and len(entry) == 2 else (None, None)
        if not isinstance(code, str) or not isinstance(signature, bytes):
            raise refusal("shape", "must carry each signature with the code of its party")
        signed = signed.add_signature(code, signature)
    if signed.signatures != entries:
        raise refusal("shape", "must carry its signatures sorted by code, one of each party")
    return signed


def check_line(data: bytes, line: bytes, realm: str) -> None:
    """Whether a signed charter says that it is of this line: read before a signature is looked at.

    Raises ``RemoteError``: ``charter.other_realm``, ``charter.other_line``; what does not read is
    left to ``parse_signed_charter``.
    """
    value = encode.loads(data, _SIGNED_LIMITS)
    body = value[0] if isinstance(value, tuple) and value else None
    if not isinstance(body, bytes):
        return
    fields = Fields(encode.loads(body, _LIMITS), "charter")
    of = check_realm(fields.text(2), "charter")
    if of != realm:
        raise RemoteError(
            "charter.other_realm",
            f"a charter of {realm_words(of)} came on a line of {realm_words(realm)}; live traffic"
            " and exercises are kept apart, and it is refused",
        )
    first = fields.uint(3, _MAX_VERSION) == 1
    named = sha256(LINE_DOMAIN + body)[:16] if first else fields.bytes(5, 16)
    if named != line:
        raise RemoteError(
            "charter.other_line",
            f"a charter of line {named.hex()[:8]} came on line {line.hex()[:8]}; it is refused",
        )


def armor_charter(signed: SignedCharter) -> str:
    """A charter with its signatures as text for a file or a mail."""
    return armor(signed.encode(), CHARTER_ARMOR)


def dearmor_charter(text: str) -> SignedCharter:
    """Read what ``armor_charter`` writes.

    Raises ``RemoteError`` (``armor.*`` and the codes of ``parse_signed_charter``).
    """
    return parse_signed_charter(dearmor(text, CHARTER_ARMOR, _SIGNED_LIMITS.max_bytes))


def realm_words(realm: str) -> str:
    return f"EXERCISE {realm}" if realm else "live traffic"
