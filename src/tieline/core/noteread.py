"""Signed checkpoints as they come from anybody: read, verified, stripped to what counts.

Rules held here:

* A note counts when the statement key of the log's station signed it; a line of a known key that
  does not verify spoils it. Lines of unknown keys are read past and not kept, and of each key that
  is known the first line is: so what is kept of a note has a bound, whatever its maker adds.
* A log has one key. What another key of the same station signs says nothing of it.
* What a former key signs is held against the end that the charter gives its log (``fits_end``).

This module keeps nothing and compares no two notes: see ``tieline.core.notes``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tieline.core import checkpoint, crypto, stories
from tieline.core.checkpoint import Checkpoint, NoteSignature, SignedNote, cosigner
from tieline.core.errors import RemoteError
from tieline.core.identity import Certificate
from tieline.core.journal import Fact
from tieline.core.line import Line
from tieline.core.noted import Noted
from tieline.core.record import Log
from tieline.core.statement import log_id
from tieline.core.sync import MAX_NOTE
from tieline.core.terms import Now

MAX_BODY: Final = 2_048  # a checkpoint with a few extension lines; half of a proof


def read(line: Line, data: bytes, keys: tuple[bytes, ...], now: Now) -> Noted:
    """Read a note from anybody and verify the lines of known keys; the rest is left out.

    Raises ``RemoteError``: ``note.*`` and ``checkpoint.*`` for its form, ``note.forged``;
    ``note.other_line`` for a log of another line or of none; ``note.stranger`` for a station that
    no charter of this line names; ``note.unsigned`` when the log's own key did not sign it.
    """
    if len(data) > MAX_NOTE:
        raise RemoteError("note.too_large", f"the note has more than {MAX_NOTE} bytes; shorten it")
    note = SignedNote.parse(data)
    if len(note.body) > MAX_BODY:
        raise RemoteError("note.too_large", f"the text of the note has more than {MAX_BODY} bytes")
    head = checkpoint.read_checkpoint(note.body)
    station = _station_of(line, head)
    certificates = list(_certificates(line, station))
    if not certificates:
        raise RemoteError(
            "note.stranger",
            f"a checkpoint of station {station.hex()} came, which no charter of this line names;"
            " it is not kept",
        )
    # A log has one key: an ended one, which others may have, says nothing of the logs after it.
    signer = stories.signer_of(line, log_of(line, head))
    held = next(
        (c for c in certificates
         if signer in (None, c[1].sign_key) and note.signed_by(head.origin, c[1].sign_key)), None
    )  # fmt: skip
    if held is None:
        raise RemoteError(
            "note.unsigned",
            f"a checkpoint of station {station.hex()} is not signed by that station;"
            " it is not kept",
        )
    own = crypto.key_id(head.origin, crypto.ALG_ED25519, held[1].sign_key)
    known = {(head.origin, own)}
    seals = tuple(key for key in keys if _seals(note, station, key, certificates))
    known |= {(cosigner(station), _id(cosigner(station), crypto.ALG_MLDSA, key)) for key in seals}
    for witness in line.charter.witnesses:
        if note.cosigned_by(witness.name, witness.key) is not None:
            known.add((witness.name, _id(witness.name, crypto.ALG_COSIGNATURE, witness.key)))
        if witness.mldsa and note.mldsa_cosigned_by(witness.name, witness.mldsa) is not None:
            known.add((witness.name, _id(witness.name, crypto.ALG_MLDSA, witness.mldsa)))
    lines: dict[tuple[str, bytes], NoteSignature] = {}
    for each in note.signatures:
        if (each.name, each.key_id) in known:
            lines.setdefault((each.name, each.key_id), each)
    kept = SignedNote(body=note.body, signatures=tuple(lines.values()))
    return noted_of(head, kept, held, now, tuple(sorted(seals)))


def needed(data: bytes, keys: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Those of the keys that came with a note which one of its lines may be made with.

    Raises ``RemoteError`` as ``read`` does for a note that does not read.
    """
    note = SignedNote.parse(data)
    lines = {(line.name, line.key_id) for line in note.signatures}
    _, station, _ = checkpoint.parse_origin(checkpoint.read_checkpoint(note.body).origin)
    name = cosigner(station)
    return tuple(key for key in keys if (name, _id(name, crypto.ALG_MLDSA, key)) in lines)


def _id(name: str, alg: int, key: bytes) -> bytes:
    return crypto.key_id(name, alg, key)


def _station_of(line: Line, head: Checkpoint) -> bytes:
    try:
        name, station, _ = checkpoint.parse_origin(head.origin)
    except RemoteError:
        name, station = b"", b""
    if name != line.id:
        raise RemoteError(
            "note.other_line",
            f"a checkpoint that is not of line {line.id.hex()[:8]} came on it; it is not kept",
        )
    return station


def _certificates(line: Line, station: bytes) -> Iterator[tuple[bytes, Certificate]]:
    """The certificates of a station with different keys, the newest first."""
    known: set[bytes] = set()
    for version in sorted(line.charters, reverse=True):
        held = stories.certificate_of(line, version, station)
        if held is not None and held[1].encoded not in known:
            known.add(held[1].encoded)
            yield held


def _seals(
    note: SignedNote, station: bytes, key: bytes, certificates: list[tuple[bytes, Certificate]]
) -> bool:
    hashed = crypto.sha256(key)
    if all(certificate.mldsa_hash != hashed for _, certificate in certificates):
        return False
    return note.mldsa_cosigned_by(cosigner(station), key) is not None


def log_of(line: Line, head: Checkpoint) -> Log | None:
    """The log of a checkpoint, when something of it is known here."""
    return line.record.logs.get(log_id(*checkpoint.parse_origin(head.origin)))


def noted_of(
    head: Checkpoint,
    note: SignedNote,
    held: tuple[bytes, Certificate],
    now: Now,
    keys: tuple[bytes, ...] = (),
) -> Noted:
    """A note that was verified under this root key and certificate."""
    root_key, certificate = held
    return Noted(
        head=head,
        note=note,
        root_key=root_key,
        certificate=certificate.encoded,
        keys=keys,
        at_ms=now.wall_ms,
    )


def end_of(line: Line, noted: Noted) -> int | None:
    """At which size the charter ends the log of a note together with the key that signed it.

    ``None`` while that key has not ended, or ended by a version that says nothing of logs.
    """
    _, station, incarnation = checkpoint.parse_origin(noted.head.origin)
    ended = line.record.closings.ended(station)
    if ended is None:
        return None
    key = noted.sign_key
    if any(line.sign_key(v, station) == key for v in line.charters if v >= ended):
        return None  # a key that came later
    end = line.record.closings.ending(station, log_id(line.id, station, incarnation))
    return 0 if end is None else end.size


def fits_end(line: Line, noted: Noted, end: int) -> bool:
    """Whether a note by an ended key can be of the log as the charter has ended it.

    Beyond what is held of it that shows when the log has grown so far.
    """
    head, log = noted.head, log_of(line, noted.head)
    if head.size > end:
        return False
    if log is not None and head.size <= log.size:
        return head.root == log.tree.root(head.size)
    book = line.notes.get(log_id(*checkpoint.parse_origin(head.origin)))
    held = book.heads.get(head.size) if book else None
    return held is None or held.head.root == head.root


def has_rung(line: Line, log: bytes) -> bool:
    """Whether officers were told that checkpoints of a log contradict what is held or each other.

    It is kept, and says after a start what had come to light before a key of that log ended.
    """
    party = line.party_of(line.note_stations[log])
    return ("record.two_heads", log, party, 0) in line.alarms


def kept_note(line: Line, fact: Fact, past: Now) -> Noted | None:
    """A note that was kept here; its signatures were verified when it came.

    ``None`` for one of a key that no charter names. Raises ``RemoteError`` when it no longer reads.
    """
    note = SignedNote.parse(fact.body)
    head = checkpoint.read_checkpoint(note.body)
    step = crypto.MLDSA_KEY_BYTES
    keys = tuple(fact.meta[at : at + step] for at in range(0, len(fact.meta), step))
    for held in _certificates(line, _station_of(line, head)):
        own = _id(head.origin, crypto.ALG_ED25519, held[1].sign_key)
        if any((s.name, s.key_id) == (head.origin, own) for s in note.signatures):
            return noted_of(head, note, held, past, keys)
    return None
