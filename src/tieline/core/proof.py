"""The proof file: that one station signed two stories about its own log.

A few kilobytes that stand alone: the party's root key, the station's certificate under it, and two
signed things that cannot both be true of one log. There are three kinds:

* two different statements under one position of one log;
* two checkpoints of one log with the same size and different roots;
* two checkpoints of which the smaller is not a beginning of the larger: a consistency proof (RFC
  6962 section 2.1.2) leads from another root of the smaller size to the root of the larger one.

Rules held here:

* ``check`` trusts the bytes alone. All that it says follows from signatures under the root key in
  the file; whose key that is, people compare by its words.
* One proof has one encoding: the two halves have one order, notes carry the log's own signature
  (C2SP signed-note, type 0x01) and no other line, and nothing is in it twice.
* A proof is never made that does not check.

This module does not know lines, records or charters, nor why there are two stories: a stolen key
and a copied station leave the same traces as a lie, and the words of a proof say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tieline.core import checkpoint, crypto, encode, statement
from tieline.core.checkpoint import Checkpoint, SignedNote
from tieline.core.encode import Limits, Value
from tieline.core.errors import LocalError, RemoteError
from tieline.core.identity import (
    Certificate,
    armor,
    check_party,
    check_realm,
    dearmor,
    parse_certificate,
    root_fingerprint,
    words,
)
from tieline.core.statement import Statement
from tieline.core.terms import dtg
from tieline.core.tree import HASH_BYTES, verify_consistency

PROOF_ARMOR: Final = "TIELINE-PROOF-1"
PROOF_BEGINS: Final = b"TIELINE-PROOF"  # of any version
MAX_PROOF_BYTES: Final = 131_072  # two statements and two certificates of the largest size
MAX_PROOF_TEXT: Final = MAX_PROOF_BYTES * 3 // 2 + 256  # as much as ``dearmor`` takes
MAX_HALF_NOTE: Final = 4_096

_LIMITS: Final = Limits(max_bytes=MAX_PROOF_BYTES, max_depth=3, max_items=128)
_VERSION: Final = 1
STATEMENTS: Final = 1
SAME_SIZE: Final = 2
NO_BEGINNING: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What a proof shows. ``told`` says it in sentences for somebody who knows no software.

    ``at`` is the position of the two statements, or the size of the smaller checkpoint.
    ``statements`` is empty for checkpoints, ``heads`` for statements. ``certificates`` is how many
    there are: with two, each half is signed with another key of the one station.
    """

    kind: int
    party: str
    realm: str
    line: bytes
    root_key: bytes
    station: bytes
    station_name: str
    incarnation: bytes
    at: int
    certificates: int
    statements: tuple[Statement, ...]
    heads: tuple[Checkpoint, ...]
    told: tuple[str, ...]
    encoded: bytes

    @property
    def log(self) -> bytes:
        """The log that has two stories, 8 bytes."""
        return statement.log_id(self.line, self.station, self.incarnation)


# ---------------------------------------------------------------------------------------- making


def from_statements(root_key: bytes, certificates: tuple[bytes, bytes], raws: tuple[bytes, bytes],
                    realm: str) -> bytes:  # fmt: skip
    """The proof from two statements, each with the certificate of the key that signed it.

    Raises ``LocalError`` with the codes of ``check`` when the two prove nothing.
    """
    halves = sorted(zip(raws, certificates, strict=True), key=lambda half: _digest(half[0]))
    pair = tuple(raw for raw, _ in halves)
    return _made(root_key, tuple(cert for _, cert in halves), realm, (STATEMENTS, *pair))


def from_checkpoints(  # each named by its caller
    root_key: bytes,
    certificates: tuple[bytes, bytes],
    notes: tuple[SignedNote, SignedNote],
    realm: str,
    *,
    root: bytes = b"",
    path: tuple[bytes, ...] = (),
) -> bytes:
    """The proof from two notes, each with the certificate of the key that signed it.

    For notes of two sizes the smaller one comes first; ``root`` is what the tree of the larger one
    has at the smaller size, and ``path`` the consistency proof from it. Raises ``LocalError`` with
    the codes of ``check`` when the two prove nothing.
    """
    halves = [
        (_half(note, parse_certificate(data, root_key)), data)
        for note, data in zip(notes, certificates, strict=True)
    ]
    kind: tuple[Value, ...] = (NO_BEGINNING, halves[0][0], halves[1][0], root, path)
    if not root:
        halves.sort()
        kind = (SAME_SIZE, halves[0][0], halves[1][0])
    return _made(root_key, tuple(cert for _, cert in halves), realm, kind)


def _half(note: SignedNote, certificate: Certificate) -> bytes:
    """A note with the signature of the log's own key alone."""
    name = _head(note).origin
    key_id = crypto.key_id(name, crypto.ALG_ED25519, certificate.sign_key)
    own = tuple(s for s in note.signatures if (s.name, s.key_id) == (name, key_id))
    return SignedNote(body=note.body, signatures=own[:1]).format()


def _made(
    root_key: bytes, certificates: tuple[bytes, ...], realm: str, evidence: tuple[Value, ...]
) -> bytes:
    try:
        party = parse_certificate(certificates[0], root_key).party
        certs = certificates[:1] if len(set(certificates)) == 1 else certificates
        data = encode.dumps((_VERSION, party, realm, root_key, certs, evidence))
        check(data)
    except RemoteError as error:
        raise LocalError(error.code, error.message) from None
    return data


def armor_proof(data: bytes) -> str:
    """A proof as text for a file or a mail."""
    return armor(data, PROOF_ARMOR)


def dearmor_proof(text: str) -> bytes:
    """The bytes of an armored proof. Raises ``RemoteError`` (``armor.*``)."""
    return dearmor(text, PROOF_ARMOR, MAX_PROOF_BYTES)


# -------------------------------------------------------------------------------------- checking


def check(data: bytes) -> Proven:
    """Verify a proof from its bytes alone.

    Raises ``RemoteError``: ``encode.*``, ``proof_file.form`` for its form; ``certificate.*``,
    ``proof_file.certificate`` when the root did not certify these keys for this party and realm;
    ``statement.*``, ``note.*``, ``checkpoint.*`` for a half that does not read;
    ``proof_file.forged`` for a half that the station did not sign; ``proof_file.other_log`` when
    the halves are of two logs or places; ``proof_file.same`` when they do not contradict each
    other; ``proof.*`` for a consistency proof that does not lead where it should.
    """
    match encode.loads(data, _LIMITS):
        case (int(version), str(party), str(realm), bytes(root_key), tuple(certs), tuple(evidence)):
            if version != _VERSION or type(version) is not int:
                raise _bad("form", "is of a newer version than this software knows")
        case _:
            raise _bad("form", "is not a version, a party, a realm, a key and two halves")
    certificates = _certificates(certs, root_key, party, realm)
    if not evidence or type(evidence[0]) is not int:
        raise _bad("form", "has halves of no kind")
    match evidence:
        case (int(kind), bytes(one), bytes(two)) if kind == STATEMENTS:
            proven = _check_statements(certificates, realm, root_key, (one, two), data)
        case (int(kind), bytes(one), bytes(two)) if kind == SAME_SIZE:
            proven = _check_same_size(certificates, root_key, (one, two), data)
        case (int(kind), bytes(one), bytes(two), bytes(root), tuple(path)) if kind == NO_BEGINNING:
            hashes = tuple(item for item in path if isinstance(item, bytes))
            if len(hashes) != len(path):
                raise _bad("form", "has a consistency proof that is not a list of hashes")
            proven = _check_no_beginning(certificates, root_key, (one, two), root, hashes, data)
        case _:
            raise _bad("form", "has halves of a kind that this software does not know")
    return proven


def _certificates(
    items: tuple[Value, ...], root_key: bytes, party: str, realm: str
) -> tuple[Certificate, Certificate]:
    """The certificate of each half: one for both, or two of one station."""
    check_party(party, "certificate")
    check_realm(realm, "certificate")
    datas = tuple(item for item in items if isinstance(item, bytes))
    if len(datas) != len(items) or not 1 <= len(datas) <= 2 or len(set(datas)) != len(datas):
        raise _bad("form", "must have one certificate for both halves, or two different ones")
    certificates = tuple(parse_certificate(item, root_key) for item in datas)
    for certificate in certificates:
        if (certificate.party, certificate.realm) != (party, realm):
            raise _bad("certificate", "has a certificate of another party or realm than it names")
    if len({certificate.station for certificate in certificates}) != 1:
        raise _bad("certificate", "has certificates of two different stations")
    return certificates[0], certificates[-1]


def _check_statements(
    certificates: tuple[Certificate, Certificate],
    realm: str,
    root_key: bytes,
    raws: tuple[bytes, bytes],
    data: bytes,
) -> Proven:
    one, two = (statement.parse(realm, raw) for raw in raws)
    for half, certificate in zip((one, two), certificates, strict=True):
        if half.place.station != certificate.station:
            raise _bad("other_log", "has a statement of another station than its certificate")
        if not crypto.verify(certificate.sign_key, half.signed, half.signature):
            raise _bad("forged", "has a statement that the certified station did not sign")
    if _spot(one) != _spot(two):
        raise _bad("other_log", "has statements that do not stand at one position of one log")
    if one.digest >= two.digest:
        raise _bad("same", "has the same statement twice, or its halves out of order")
    place = one.place
    text = (
        f"{certificates[0].party} has signed two different statements under number"
        f" {place.position} of one log, where there can be only one."
    )
    told = (
        text,
        *_about(certificates[0], root_key, place.line),
        *(
            f"Statement {half.digest.hex()[:12]}: kind {half.content.kind.name},"
            f" precedence {half.content.precedence.name}, written {dtg(half.place.time_ms)} by"
            " its own account."
            for half in (one, two)
        ),
        *_caveats(certificates),
    )
    return Proven(
        kind=STATEMENTS,
        party=certificates[0].party,
        realm=realm,
        line=place.line,
        root_key=root_key,
        station=place.station,
        station_name=certificates[0].station_name,
        incarnation=place.incarnation,
        at=place.position,
        certificates=len(set(certificates)),
        statements=(one, two),
        heads=(),
        told=told,
        encoded=data,
    )


def _check_same_size(
    certificates: tuple[Certificate, Certificate],
    root_key: bytes,
    halves: tuple[bytes, bytes],
    data: bytes,
) -> Proven:
    one, two = _read_halves(certificates, halves)
    if one.size != two.size:
        raise _bad("other_log", "has checkpoints of two sizes and does not connect them")
    if one.root == two.root or halves[0] >= halves[1]:
        raise _bad("same", "has the same checkpoint twice, or its halves out of order")
    text = (
        f"{certificates[0].party} has signed two different roots for the first {one.size}"
        " statements of one log: it vouched for two different contents."
    )
    return _heads(SAME_SIZE, certificates, root_key, (one, two), text, data)


def _check_no_beginning(  # the parts of one kind of proof
    certificates: tuple[Certificate, Certificate],
    root_key: bytes,
    halves: tuple[bytes, bytes],
    root: bytes,
    path: tuple[bytes, ...],
    data: bytes,
) -> Proven:
    old, new = _read_halves(certificates, halves)
    if not 0 < old.size < new.size:
        raise _bad("other_log", "must have the smaller checkpoint first, then a larger one")
    if len(root) != HASH_BYTES:
        raise _bad("form", "must name a root of 32 bytes for the beginning of the larger tree")
    verify_consistency(old.size, new.size, root, new.root, path)
    if root == old.root:
        raise _bad("same", "has two checkpoints of which one extends the other, as it should be")
    text = (
        f"{certificates[0].party} has signed a checkpoint of {old.size} statements and one of"
        f" {new.size} of the same log, and the larger one does not begin with the smaller one:"
        " it vouched for two different contents."
    )
    return _heads(NO_BEGINNING, certificates, root_key, (old, new), text, data)


def _read_halves(
    certificates: tuple[Certificate, Certificate], halves: tuple[bytes, bytes]
) -> tuple[Checkpoint, Checkpoint]:
    out: list[Checkpoint] = []
    for half, certificate in zip(halves, certificates, strict=True):
        if len(half) > MAX_HALF_NOTE:
            raise _bad("form", f"has a note of more than {MAX_HALF_NOTE} bytes")
        note = SignedNote.parse(half)
        head = _head(note)
        if len(note.signatures) != 1 or not note.signed_by(head.origin, certificate.sign_key):
            raise _bad(
                "forged", "has a note that the certified station did not sign, or others too"
            )
        out.append(head)
    one, two = out
    if one.origin != two.origin:
        raise _bad("other_log", "has checkpoints of two different logs")
    if checkpoint.parse_origin(one.origin)[1] != certificates[0].station:
        raise _bad("other_log", "has checkpoints of another station than its certificate")
    return one, two


def _head(note: SignedNote) -> Checkpoint:
    return checkpoint.read_checkpoint(note.body)


def _heads(  # the parts of what is proved
    kind: int,
    certificates: tuple[Certificate, Certificate],
    root_key: bytes,
    heads: tuple[Checkpoint, Checkpoint],
    text: str,
    data: bytes,
) -> Proven:
    line, station, incarnation = checkpoint.parse_origin(heads[0].origin)
    certificate = certificates[0]
    told = (
        text,
        *_about(certificate, root_key, line),
        *(f"A checkpoint of {head.size} statements with the root {head.root.hex()[:12]}."
          for head in heads),
        *_caveats(certificates),
    )  # fmt: skip
    return Proven(
        kind=kind,
        party=certificate.party,
        realm=certificate.realm,
        line=line,
        root_key=root_key,
        station=station,
        station_name=certificate.station_name,
        incarnation=incarnation,
        at=heads[0].size,
        certificates=len(set(certificates)),
        statements=(),
        heads=heads,
        told=told,
        encoded=data,
    )


# ------------------------------------------------------------------------------------ sentences


_CAVEAT: Final = (
    "It shows that the key of this station signed both. It does not show which of the two is true,"
    " nor who held the key: a stolen key, or a copy of the station, leaves the same trace as a lie."
)
_ENDED: Final = (
    "Nor does it show whether that key was in force. No charter is in a proof, and whoever has"
    " stolen a key can sign with it also after the parties have ended it; what was signed so,"
    " beyond the end of its log, accuses nobody. Evidence of the line says which keys ended, and"
    " where."
)
_TWO_KEYS: Final = (
    "This proof carries two certificates of the station: its keys were renewed in between, and each"
    " half was signed with another key. An honest station that gets new keys begins a new log, so"
    " ask first whether one of the two keys had ended."
)
_ONE_KEY: Final = (
    "This proof carries two certificates of the station, which name one statement key."
)
_ONE_CERTIFICATE: Final = (
    "Both halves stand under one certificate; a proof may also carry two of one station, when its"
    " keys were renewed in between."
)


def _caveats(certificates: tuple[Certificate, Certificate]) -> tuple[str, ...]:
    """What a proof cannot say (docs/protocol.md section 8.3)."""
    one, two = certificates
    if one == two:
        return (_CAVEAT, _ENDED, _ONE_CERTIFICATE)
    return (_CAVEAT, _ENDED, _ONE_KEY if one.sign_key == two.sign_key else _TWO_KEYS)


def _about(certificate: Certificate, root_key: bytes, line: bytes) -> tuple[str, ...]:
    said = " ".join(words(root_fingerprint(certificate.party, certificate.realm, root_key)))
    who = (
        f"The line: {line.hex()}. The station: {certificate.station_name}"
        f" ({certificate.station.hex()}), whose keys the root key of {certificate.party} certifies."
    )
    compare = (
        f"The words of that root key: {said}. Compare them with words that you know to be those"
        f" of {certificate.party}; all else here follows from the file alone."
    )
    if certificate.realm:
        return f"EXERCISE {certificate.realm}: this is no live traffic.", who, compare
    return who, compare


def _spot(half: Statement) -> tuple[bytes, bytes, bytes, int]:
    place = half.place
    return place.line, place.station, place.incarnation, place.position


def _digest(raw: bytes) -> bytes:
    return crypto.sha256(b"\0" + raw)


def _bad(code: str, what: str) -> RemoteError:
    return RemoteError(
        f"proof_file.{code}", f"the proof {what}; it proves nothing, ask its sender for another"
    )
