"""Whose keys a file knows, and what each line under a signed head is worth."""

from __future__ import annotations

import pytest
from tests.core.world import Key, PartyKit, StationKit, chaff, found, kits, message, write

from tieline.core import checkpoint, crypto
from tieline.core.charter import Charter
from tieline.core.checkpoint import NoteSignature, SignedNote
from tieline.core.evidence_facts import MAX_LISTED, Report
from tieline.core.evidence_keys import Keys, Lines
from tieline.core.provisions import Witness
from tieline.core.statement import Body, Content, Place
from tieline.core.succession import amend
from tieline.core.terms import Kind

ROOT = bytes(range(32))
LATE_WITNESS = PartyKit("WITNESS", sealing=True).stations[0]
SEALING = PartyKit("BRAVO", sealing=True)
PARTIES = (kits(1)[0], SEALING, *kits(4)[2:])
WITNESS_KEY = Key("a witness")
WITNESSES = (
    Witness(name="w.example/late", key=Key("late").public, mldsa=LATE_WITNESS.seal(b"")[:1312]),
    Witness(name="w.example/one", key=WITNESS_KEY.public),
)


def first() -> Charter:
    return found(PARTIES, observers=("DELTA",), witnesses=WITNESSES).charter


def renewed() -> Charter:
    """CHARLIE has left, and ALPHA has other keys."""
    fresh = PartyKit("ALPHA", keys="/2")
    return amend(first(), cards=[fresh.card()], leave=["CHARLIE"], closed=())


def keys_of(*charters: Charter) -> Keys:
    keys = Keys()
    for charter in charters:
        keys.add(charter)
    return keys


def main_of(code: str) -> StationKit:
    return next(party for party in PARTIES if party.code == code).stations[0]


ALPHA, BRAVO, CHARLIE, DELTA = (main_of(code) for code in ("ALPHA", "BRAVO", "CHARLIE", "DELTA"))


# ------------------------------------------------------------------------------------ who is who


def test_a_station_is_named_by_the_newest_version_that_has_it() -> None:
    keys = keys_of(first(), renewed())
    assert keys.versions == 2
    assert keys.name_of(ALPHA.id) == "ALPHA/main"
    assert keys.name_of(CHARLIE.id) == "CHARLIE/main (no longer on the line)"
    assert keys.name_of(b"stranger") == f"an unknown station {b'stranger'.hex()}"
    assert (keys.party_of(CHARLIE.id), keys.party_of(b"stranger")) == ("CHARLIE", None)
    assert keys.station(b"stranger") is None
    entry = keys.station(ALPHA.id)
    assert entry is not None
    assert entry.certificate.sign_key == PartyKit("ALPHA", keys="/2").stations[0].sign_key.public
    assert keys.party_in(1, CHARLIE.id) == "CHARLIE"


def test_each_version_has_its_own_statement_key_for_a_station() -> None:
    keys = keys_of(first(), renewed())
    fresh = PartyKit("ALPHA", keys="/2").stations[0]
    assert [keys.sign_key(version, ALPHA.id) for version in range(4)] == [
        None, ALPHA.sign_key.public, fresh.sign_key.public, None,
    ]  # fmt: skip
    assert keys.sign_key(1, CHARLIE.id) == CHARLIE.sign_key.public
    assert keys.sign_key(2, CHARLIE.id) is None


def test_a_receipt_key_counts_while_a_version_has_it() -> None:
    keys = keys_of(first(), renewed())
    fresh = PartyKit("ALPHA", keys="/2").stations[0].cosign_key.public
    assert keys.cosign_keys(ALPHA.id, 1) == [ALPHA.cosign_key.public, fresh]
    assert keys.cosign_keys(ALPHA.id, 2) == [fresh]
    assert keys.cosign_keys(CHARLIE.id, 1) == [CHARLIE.cosign_key.public]
    assert keys.cosign_keys(CHARLIE.id, 2) == keys.cosign_keys(b"stranger", 1) == []


def test_only_a_key_that_a_certificate_names_is_taken() -> None:
    keys = keys_of(first())
    assert keys.add_mldsa(BRAVO.seal(b"")[:1312])
    assert not keys.add_mldsa(chaff("no key", 1312))


def test_an_observer_is_heard_with_nothing_but_the_opening_of_its_log() -> None:
    keys = keys_of(first())
    opening = Content(kind=Kind.OPEN, body=Body(cause="new"))
    for who, content, unheard in (
        (DELTA, message(), True), (DELTA, opening, False), (ALPHA, message(), False),
    ):  # fmt: skip
        place = Place(
            line=first().line, station=who.id, incarnation=bytes(8), position=0, previous=None,
            seen=(), time_ms=1_668_523_200_000, charter=1,
        )  # fmt: skip
        assert keys.unheard(write(who, "", place, content)) is unheard


# -------------------------------------------------------------------------------- under one head

ORIGIN = checkpoint.origin(first().line, ALPHA.id, bytes(8))
BODY = checkpoint.body(ORIGIN, 3, ROOT)
HEAD = checkpoint.parse_body(BODY)
LAST_S = checkpoint.MAX_COSIGN_TIME_S


def own(key: Key = ALPHA.sign_key) -> NoteSignature:
    return checkpoint.log_signature(ORIGIN, key.public, key.sign(BODY))


def cosigned(name: str, key: Key, time_s: int = 7) -> NoteSignature:
    return checkpoint.cosignature(
        name, key.public, time_s, key.sign(checkpoint.cosign_message(time_s, BODY))
    )


def sealed(name: str, who: StationKit, time_s: int = 7) -> NoteSignature:
    made = who.seal(checkpoint.mldsa_message(name, time_s, HEAD))
    return checkpoint.mldsa_cosignature(name, made[:1312], time_s, made[1312:])


def altered(line: NoteSignature) -> NoteSignature:
    """The same claim of a key, and another signature."""
    made = bytearray(line.signature)
    made[-1] ^= 1
    return NoteSignature(name=line.name, key_id=line.key_id, signature=bytes(made))


def too_late(line: NoteSignature) -> NoteSignature:
    made = (LAST_S + 1).to_bytes(8, "big") + line.signature[8:]
    return NoteSignature(name=line.name, key_id=line.key_id, signature=made)


def judged(*lines: NoteSignature, since: int = 1, charters: tuple[Charter, ...] = ()) -> Lines:
    keys = keys_of(*(charters or (first(),)))
    keys.add_mldsa(BRAVO.seal(b"")[:1312])
    return keys.lines(SignedNote(body=BODY, signatures=lines), HEAD, ALPHA.id, since)


OF_BRAVO = checkpoint.cosigner(BRAVO.id)
GOOD = {
    "own": own(),
    "receipt": cosigned(OF_BRAVO, BRAVO.cosign_key),
    "late receipt": cosigned(OF_BRAVO, BRAVO.cosign_key, LAST_S),
    "witness": cosigned("w.example/one", WITNESS_KEY),
    "seal": sealed(OF_BRAVO, BRAVO),
    "late seal": sealed(OF_BRAVO, BRAVO, LAST_S),
    "witness seal": sealed("w.example/late", LATE_WITNESS),
}


def test_every_line_counts_for_what_it_is() -> None:
    out = judged(*GOOD.values())
    assert (out.forged, out.own, out.sealed, out.unknown) == ("", True, True, False)
    assert out.stations == [(BRAVO.id, 7), (BRAVO.id, LAST_S)]
    assert out.witnesses == [("w.example/one", 7)]
    assert out.late_witnesses == [("w.example/late", 7)]


@pytest.mark.parametrize("name", GOOD)
def test_any_of_them_alone_verifies_the_head_and_three_kinds_cover_it(name: str) -> None:
    out = judged(GOOD[name])
    assert out.verified
    assert out.covers is ("seal" not in name)


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("own", "the log's own station"), ("receipt", "BRAVO/main"), ("seal", "BRAVO/main"),
        ("witness", "the witness w.example/one"), ("witness seal", "the witness w.example/late"),
    ],
)  # fmt: skip
def test_a_line_of_a_known_key_that_does_not_verify_is_named(name: str, whose: str) -> None:
    lines = [altered(GOOD[name])] + ([too_late(GOOD[name])] if name != "own" else [])
    for line in lines:
        for around in ((line, GOOD["receipt"]), (GOOD["receipt"], line)):
            assert judged(*around).forged == whose
        stranger = own(Key("stranger"))
        out = judged(line, stranger, altered(GOOD["late seal"]))
        # The first is named, and strangers are told of beside it.
        assert (out.forged, out.unknown, out.verified) == (whose, True, False)


def test_a_line_of_no_known_key_is_told_and_forges_nothing() -> None:
    stranger = Key("stranger")
    strangers = [
        own(stranger),
        cosigned(OF_BRAVO, stranger),
        cosigned("w.example/two", WITNESS_KEY),
        sealed("w.example/two", LATE_WITNESS),
        NoteSignature(name=ORIGIN, key_id=own().key_id, signature=own().signature + b"more"),
        NoteSignature(name="short", key_id=bytes(4), signature=b"s"),
    ]
    for line in strangers:
        out = judged(line)
        assert (out.unknown, out.forged, out.verified) == (True, "", False)
        assert judged(line, GOOD["own"]).own


def test_the_keys_of_earlier_versions_sign_heads_and_no_receipts() -> None:
    """A log keeps its heads when its station gets other keys; its receipts are of their time."""
    both = (first(), renewed())
    fresh = PartyKit("ALPHA", keys="/2").stations[0]
    assert judged(own(), since=2, charters=both).own
    assert judged(own(fresh.sign_key), since=2, charters=both).own
    of_charlie = cosigned(checkpoint.cosigner(CHARLIE.id), CHARLIE.cosign_key)
    assert judged(of_charlie, since=1, charters=both).stations == [(CHARLIE.id, 7)]
    assert judged(of_charlie, since=2, charters=both).unknown


def test_the_length_of_a_signature_says_what_it_can_be() -> None:
    assert len(GOOD["own"].signature) == crypto.SIGNATURE_BYTES
    assert len(GOOD["receipt"].signature) == 8 + crypto.SIGNATURE_BYTES
    assert len(GOOD["seal"].signature) == 8 + crypto.MLDSA_SIGNATURE_BYTES


# ------------------------------------------------------------------------------------- a reading


def test_what_is_more_than_a_report_lists_is_counted() -> None:
    report = Report()
    assert (report.verdict, report.more_faults, report.more_gaps) == ("checked", 0, 0)
    for number in range(MAX_LISTED + 2):
        report.gap("gap.note", number, "text")
    assert (report.verdict, len(report.gaps), report.more_gaps) == ("partly", MAX_LISTED, 2)
    for number in range(MAX_LISTED + 1):
        report.fault("evidence.note", number, "text")
    assert (report.verdict, len(report.faults), report.more_faults) == ("failed", MAX_LISTED, 1)
