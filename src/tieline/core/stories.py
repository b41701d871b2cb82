"""Two stories of one log: the alarm that says so, and the proof that shows it to a stranger.

Whoever learns of two signed things that cannot both be true of one log keeps both, raises one
alarm for each cause, and makes a proof file (``tieline.core.proof``) where the two are enough for
one. The line goes on as before.

This module does not find the two: the record does for statements, ``tieline.core.notes`` for
checkpoints.
"""

from __future__ import annotations

from typing import Final

from tieline.core import proof
from tieline.core.errors import LocalError, RemoteError
from tieline.core.identity import Certificate
from tieline.core.journal import Alarm, FactKind
from tieline.core.line import Line
from tieline.core.record import Log
from tieline.core.statement import Statement
from tieline.core.terms import Precedence
from tieline.core.turn import Turn

MAX_PROOFS_PER_LOG: Final = 16  # who forks at every number need not be proved a liar each time
MAX_PROOF_BYTES_PER_STATION: Final = 1 << 20  # nor in every log; the first proof is always kept
_HOW: Final = "both are kept; 'tieline proof' writes the proof to a file that a stranger can check"


def certificate_of(line: Line, version: int, station: bytes) -> tuple[bytes, Certificate] | None:
    """The root key and the certificate of a station under one version of the charter."""
    signed = line.charters.get(version)
    entry = signed.charter.station(station) if signed else None
    if signed is None or entry is None:
        return None
    party = signed.charter.party(entry.certificate.party)
    return (party.root_key, entry.certificate) if party else None


def signer_of(line: Line, log: Log | None) -> bytes | None:
    """The one key with which a log's author signs it: that of the version it was opened under.

    A log ends with its key. ``None`` when nothing of the log is held.
    """
    if log is None or not log.size:
        return None
    place = log.items[0].statement.place
    return line.sign_key(place.charter, place.station)


def found_statements(line: Line, pair: tuple[Statement, Statement], turn: Turn) -> None:
    """Two statements under one number of one log: raise the alarm and keep the proof."""
    place = pair[0].place
    party = line.party_of(place.station)
    alarm = Alarm(
        code="record.two_stories",
        precedence=Precedence.FLASH,
        text=f"{party} has signed two different statements under number {place.position} of"
        f" one log ({pair[0].digest.hex()[:12]} and {pair[1].digest.hex()[:12]});"
        f" {_HOW}",
        item=pair[0].digest,
        party=party,
    )
    if not turn.ring(line, alarm):
        return
    halves = [certificate_of(line, half.place.charter, place.station) for half in pair]
    if halves[0] is None or halves[1] is None:
        return  # admitted, so both are there
    (root_key, one), (_, two) = halves[0], halves[1]
    made = proof.from_statements(
        root_key, (one.encoded, two.encoded), (pair[0].raw, pair[1].raw), line.realm
    )
    keep_proof(line, made, turn)


def keep_proof(line: Line, made: bytes, turn: Turn) -> None:
    """Keep a proof, up to a number for each log and a size for each station."""
    if restore_proof(line, made):
        turn.keep(FactKind.PROOF, line.id, made)


def restore_proof(line: Line, made: bytes) -> bool:
    """Take a proof into the line; false when it is held, or its log or station has enough.

    Raises ``LocalError`` (``record.damaged``) when it no longer verifies.
    """
    try:
        proven = proof.check(made)
    except RemoteError as error:
        raise LocalError(
            "record.damaged",
            f"a proof in the store no longer verifies ({error.message}); run 'tieline verify', then"
            " fetch the record back from a peer",
        ) from error
    held = line.proofs.setdefault(proven.log, [])
    if len(held) >= MAX_PROOFS_PER_LOG or any(other.encoded == made for other in held):
        return False
    proven_bytes = sum(
        len(other.encoded)
        for each in line.proofs.values()
        for other in each
        if other.station == proven.station
    )
    if proven_bytes and proven_bytes + len(made) > MAX_PROOF_BYTES_PER_STATION:
        return False
    held.append(proven)
    return True
