"""Signed checkpoints of the logs of a line: made, read, compared, told.

Theory. A statement binds its author to one place in a log, a checkpoint to a whole log at once.
Each station signs checkpoints of its own log; all stations pass them on and compare each with the
copy of the log that they hold and with every other checkpoint of it. Two that cannot both be true
are two stories, whoever was told which, and whoever brought them.

Rules held here:

* A note counts when the statement key of the log's station signed it; a line of a known key that
  does not verify spoils it. Lines of unknown keys are read past and not kept.
* A checkpoint beyond what is held waits and is compared when the log has grown so far. One that
  contradicts what is held is kept beside the others; what is held stays the main branch.
* Only the holder of a station's key can contradict itself: no note by anybody else, and no receipt,
  raises an alarm against a station.
* Nothing here is needed for receipts or for statements: the ladder does not wait for a note.

This module does not send; it does not know sessions, and reads no clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tieline.core import checkpoint, crypto, proof, stories
from tieline.core.checkpoint import Checkpoint, SignedNote, cosigner
from tieline.core.errors import LocalError, RemoteError
from tieline.core.events import Done, ForNote, ForSeal, SignCheckpoint
from tieline.core.identity import Certificate
from tieline.core.journal import Alarm, Fact, FactKind
from tieline.core.line import Line
from tieline.core.noted import LogNotes, Noted
from tieline.core.record import MAX_LOGS_PER_STATION, Log
from tieline.core.statement import log_id
from tieline.core.sync import MAX_NOTE, MAX_NOTES, MAX_PUSH_BYTES, Notes
from tieline.core.terms import Now, Precedence
from tieline.core.turn import Turn

MAX_BODY: Final = 2_048  # a checkpoint with a few extension lines; half of a proof
MAX_HEADS: Final = 64  # of one log; the newest stay
MAX_AGAINST: Final = 16  # of one log; one is enough for the alarm
MAX_TAKEN: Final = 256
UNWITNESSED: Final = 3  # intervals without a quorum before an officer is told


# ----------------------------------------------------------------------------------- our own log


def ask(line: Line, act: SignCheckpoint | None, turn: Turn, *, seal: bool) -> None:
    """Have the head of our own log signed.

    Raises ``LocalError``: ``note.nothing`` when it has no statement yet, ``note.no_member`` when
    the charter in force no longer names us.
    """
    log = line.record.logs.get(line.own_log)
    if not line.member:
        raise LocalError("note.no_member", "this station has left the line; it signs nothing on it")
    if log is None or not log.size:
        raise LocalError(
            "note.nothing", "this station has said nothing on this line; nothing to sign"
        )
    line.unnoted_at = None
    seal = seal and own_seal(line) is not None
    token = act.token if act else 0
    key = line.sign_key(line.latest(), line.own)
    if stories.signer_of(line, log) != key:
        return  # the log has ended with its key; the next thing that is said opens another
    turn.sign(ForNote(line.id, log.id, log.size, seal, token), body_of(line, log, log.size), key)


def own_seal(line: Line) -> bytes | None:
    """The hash of our own ML-DSA-44 key; ``None`` for a station without one."""
    entry = line.charter.station(line.own)
    return entry.certificate.mldsa_hash if entry else None


def signed(line: Line, purpose: ForNote, signature: bytes, turn: Turn) -> Noted | None:
    """The log's own signature has come: the note, unless it waits for the one with ML-DSA-44."""
    # Not always the present one: the same turn may have opened the next.
    text = body_of(line, line.record.logs[purpose.log], purpose.size)
    held = stories.certificate_of(line, line.latest(), line.own)
    if held is None or not crypto.verify(held[1].sign_key, text, signature):
        return None  # our key is not the one of the charter in force
    head = checkpoint.parse_body(text)
    made = checkpoint.log_signature(head.origin, held[1].sign_key, signature)
    note = SignedNote(body=text, signatures=(made,))
    if not purpose.seal:
        return _noted(head, note, held, turn.now)
    time_s = turn.now.wall_ms // 1000
    message = checkpoint.mldsa_message(cosigner(line.own), time_s, head)
    seal_key = held[1].mldsa_hash
    turn.sign(ForSeal(line.id, note.format(), time_s, purpose.token), message, seal_key)
    return None


def sealed(line: Line, purpose: ForSeal, made: bytes, turn: Turn) -> Noted | None:
    """The ML-DSA-44 signature has come, its key before it; empty bytes: there is none."""
    note = SignedNote.parse(purpose.note)
    held = stories.certificate_of(line, line.latest(), line.own)
    if held is None:
        return None
    head = checkpoint.parse_body(note.body)
    key = made[: crypto.MLDSA_KEY_BYTES]
    if crypto.sha256(key) != held[1].mldsa_hash:
        return _noted(head, note, held, turn.now)
    line.unsealed_at = None
    signature = made[crypto.MLDSA_KEY_BYTES :]
    seal = checkpoint.mldsa_cosignature(cosigner(line.own), key, purpose.time_s, signature)
    both = SignedNote(body=note.body, signatures=(*note.signatures, seal))
    return _noted(head, both, held, turn.now, (key,))


def _noted(
    head: Checkpoint,
    note: SignedNote,
    held: tuple[bytes, Certificate],
    now: Now,
    keys: tuple[bytes, ...] = (),
) -> Noted:
    root_key, certificate = held
    return Noted(
        head=head,
        note=note,
        root_key=root_key,
        certificate=certificate.encoded,
        keys=keys,
        at_ms=now.wall_ms,
    )


def body_of(line: Line, log: Log, size: int) -> bytes:
    """The checkpoint text of a log of this line at a size that is held."""
    name = checkpoint.origin(line.id, log.station, log.incarnation)
    return checkpoint.body(name, size, log.tree.root(size))


# ---------------------------------------------------------------------------------------- reading


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
    signer = stories.signer_of(line, _log_of(line, head))
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
    lines = tuple(s for s in note.signatures if (s.name, s.key_id) in known)
    kept = SignedNote(body=note.body, signatures=lines)
    return _noted(head, kept, held, now, tuple(sorted(seals)))


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


# -------------------------------------------------------------------------------------- comparing


def book_of(line: Line, head: Checkpoint) -> LogNotes | None:
    """The notes of the log of a checkpoint; ``None`` when its station has opened too many logs."""
    _, station, incarnation = checkpoint.parse_origin(head.origin)
    log = log_id(line.id, station, incarnation)
    book = line.notes.get(log)
    if book is None:
        lives = sum(1 for other in line.note_stations.values() if other == station)
        if lives >= MAX_LOGS_PER_STATION:
            return None
        book = line.notes[log] = LogNotes()
        line.note_stations[log] = station
    return book


def keep(line: Line, noted: Noted, turn: Turn) -> bool:
    """Take a verified note in; tell what it contradicts. True when it is news."""
    kept = place(line, noted, turn.now)
    if kept is None:
        return False
    turn.keep(FactKind.NOTE, line.id, kept.note.format(), b"".join(kept.keys))
    book = book_of(line, noted.head)
    if book is not None and book.against:
        _accuse(line, book, turn)
    return True


def place(line: Line, noted: Noted, now: Now) -> Noted | None:
    """Put a note where it belongs; what is now held of it, or ``None`` when it is no news."""
    book = book_of(line, noted.head)
    if book is None:
        return None
    size = noted.head.size
    for at, other in enumerate(book.against):
        if other.head.size == size and other.head.root == noted.head.root:
            merged = _more(other, noted)
            book.against[at] = merged or other
            return merged
    held = book.heads.get(size)
    differs = held is not None and held.head.root != noted.head.root
    if held is not None and differs and held.sign_key != noted.sign_key:
        held = None  # of a log that we have yet to see, by a key that has ended since it came
    if held is not None and not differs:
        merged = _more(held, noted)
        book.heads[size] = merged or held
        if merged is not None:
            _judge_witnesses(line, book, noted, now)
        return merged
    log = _log_of(line, noted.head)
    ours = log.tree.root(size) if log is not None and size <= log.size else None
    if len(book.against) >= MAX_AGAINST and (
        held is not None or ours not in (None, noted.head.root)
    ):
        return None
    if held is not None and ours == noted.head.root:
        book.against.append(held)
        book.heads[size] = noted
        book.open.discard(size)
    elif held is not None or ours not in (None, noted.head.root):
        book.against.append(noted)
    else:
        book.heads[size] = noted
        if ours is None:
            book.open.add(size)
        _trim(book)
        _note_own(line, book, noted, now)
    return noted


def _more(held: Noted, noted: Noted) -> Noted | None:
    """The note held with the lines that the other has more; ``None`` when it has none."""
    if held.note.body != noted.note.body:
        return None  # the same checkpoint with other extension lines: they mean nothing to us
    known = {(line.name, line.key_id) for line in held.note.signatures}
    if all((line.name, line.key_id) in known for line in noted.note.signatures):
        return None  # a key that signs the same text over and over says nothing more
    return held.with_lines_of(noted)


def _log_of(line: Line, head: Checkpoint) -> Log | None:
    return line.record.logs.get(log_id(*checkpoint.parse_origin(head.origin)))


def outruns(line: Line, noted: Noted) -> bool:
    """Whether our own key has signed more of our present log than we hold, or another one.

    Then the store was put back, whatever those say who hold less of the log.
    """
    head, log = noted.head, _log_of(line, noted.head)
    if log_id(*checkpoint.parse_origin(head.origin)) != line.own_log:
        return False
    return log is None or head.size > log.size or log.tree.root(head.size) != head.root


def _trim(book: LogNotes) -> None:
    while len(book.heads) > MAX_HEADS:
        smallest = min(book.heads)
        del book.heads[smallest]
        book.open.discard(smallest)
        book.shown.discard(smallest)


def grew(line: Line, log: Log, turn: Turn | None) -> bool:
    """A log has grown: compare the checkpoints that ran ahead of it. True when one contradicts."""
    book = line.notes.get(log.id)
    if book is None or not book.open:
        return False
    before = len(book.against)
    reached = sorted(size for size in book.open if size <= log.size)
    for size in reached:
        book.open.discard(size)
        if book.heads[size].head.root != log.tree.root(size):
            noted = book.heads.pop(size)
            if noted.sign_key == stories.signer_of(line, log):
                book.against.append(noted)
    if reached and book.against and turn is not None:
        _accuse(line, book, turn)
    return len(book.against) > before


def _accuse(line: Line, book: LogNotes, turn: Turn) -> None:
    """Raise the alarm, once for a log, and make every proof that can be made by now."""
    first = book.against[0].head
    _, station, incarnation = checkpoint.parse_origin(first.origin)
    party = line.party_of(station)
    alarm = Alarm(
        code="record.two_heads",
        precedence=Precedence.FLASH,
        text=f"{party} has signed a checkpoint of {first.size} statements of its log that"
        " contradicts what it has shown us; both are kept, and 'tieline proof' writes what proof"
        " there is",
        item=log_id(line.id, station, incarnation),
        party=party,
    )
    stories.raise_once(line, alarm, turn)
    for made, size in _proofs(line, book):
        book.shown.add(size)
        stories.keep_proof(line, made, turn)


def _proofs(line: Line, book: LogNotes) -> Iterator[tuple[bytes, int]]:
    """A proof for each contradicting note that has none yet, with the size of its counterpart."""
    log = _log_of(line, book.against[0].head)
    for bad in book.against:
        name = crypto.sha256(bad.note.body)
        if name in book.proved:
            continue
        others = [x for x in (book.heads.get(bad.head.size), *book.against) if x is not None]
        same = next((x for x in others if _clash(x, bad)), None)
        if same is not None:
            book.proved.add(name)
            yield _prove((bad, same), line.realm), same.head.size
            continue
        sizes = sorted(s for s in book.heads if bad.head.size < s and s not in book.open)
        if log is not None and sizes and sizes[0] <= log.size and bad.head.size > 0:
            book.proved.add(name)
            root = log.tree.root(bad.head.size)
            path = log.tree.consistency(bad.head.size, sizes[0])
            yield _prove((bad, book.heads[sizes[0]]), line.realm, root, path), sizes[0]


def _clash(one: Noted, other: Noted) -> bool:
    return one.head.size == other.head.size and one.head.root != other.head.root


def _prove(
    pair: tuple[Noted, Noted], realm: str, root: bytes = b"", path: tuple[bytes, ...] = ()
) -> bytes:
    return proof.from_checkpoints(
        pair[0].root_key,
        (pair[0].certificate, pair[1].certificate),
        (pair[0].note, pair[1].note),
        realm,
        root=root,
        path=path,
    )


# -------------------------------------------------------------------------------------- witnesses


def witnessed(line: Line, book: LogNotes) -> list[int]:
    """For each witness of the charter the largest size that it has cosigned, the largest first."""
    sizes = []
    for witness in line.charter.witnesses:
        key = (witness.name, _id(witness.name, crypto.ALG_COSIGNATURE, witness.key))
        sizes.append(
            max(
                (
                    size
                    for size, noted in book.heads.items()
                    if any((s.name, s.key_id) == key for s in noted.note.signatures)
                ),
                default=0,
            )
        )
    return sorted(sizes, reverse=True)


def quorum_size(line: Line, book: LogNotes) -> int:
    """How far a log is cosigned by as many witnesses as the charter demands."""
    sizes = witnessed(line, book)
    quorum = line.charter.quorum
    return sizes[quorum - 1] if 0 < quorum <= len(sizes) else 0


def _note_own(line: Line, book: LogNotes, noted: Noted, now: Now) -> None:
    """A note of our own log is held: what it covers needs no other one; witnesses are awaited."""
    if line.notes.get(line.own_log) is not book:
        return
    log = line.record.logs.get(line.own_log)
    if log is not None and noted.head.size >= log.size:
        line.unnoted_at = None
        if noted.sealed:
            line.unsealed_at = None
    _judge_witnesses(line, book, noted, now)


def _judge_witnesses(line: Line, book: LogNotes, noted: Noted, now: Now) -> None:
    if line.notes.get(line.own_log) is not book:
        return
    if noted.sealed and noted.head.size == max(book.heads):
        line.unsealed_at = None
    reached = quorum_size(line, book)
    if line.unwitnessed is not None and reached >= line.unwitnessed[0]:
        line.unwitnessed = None
    latest = book.latest()
    if line.unwitnessed is not None or latest is None or not line.charter.quorum:
        return
    if reached < latest.head.size:
        line.unwitnessed = (latest.head.size, now.mono_ms)


# ------------------------------------------------------------------------------------------- time


def due(line: Line, turn: Turn) -> None:
    """Whatever the deadline clock has made due of our own checkpoints."""
    now = turn.now.mono_ms
    seal_at, note_at = _seal_at(line), _note_at(line)
    seal = seal_at is not None and seal_at <= now
    if seal or (note_at is not None and note_at <= now):
        if seal:
            line.unsealed_at = now  # tried again after another interval when it comes to nothing
        ask(line, None, turn, seal=seal)
    at = _alarm_at(line)
    if line.unwitnessed is not None and at is not None and at <= now:
        size, _ = line.unwitnessed
        alarm = Alarm(
            code="witness.missing",
            precedence=Precedence.PRIORITY,
            text=f"our log is not cosigned by {line.charter.quorum} witnesses at {size} statements,"
            " as the charter demands; look whether the witnesses are reached",
            item=size.to_bytes(8, "big"),
            party=line.party,
        )
        stories.raise_once(line, alarm, turn)


def wakeup(line: Line) -> int | None:
    """When the deadline clock next makes something due here, in ``mono_ms``."""
    times = (_note_at(line), _seal_at(line), _alarm_at(line))
    return min((t for t in times if t is not None), default=None)


def _can_sign(line: Line) -> bool:
    """Whether there is a head to sign: a fresh incarnation has none until it has spoken."""
    return line.member and line.record.size(line.own_log) > 0


def _note_at(line: Line) -> int | None:
    if line.unnoted_at is None or not _can_sign(line):
        return None
    return line.unnoted_at + line.charter.intervals.checkpoint_s * 1000


def _seal_at(line: Line) -> int | None:
    if line.unsealed_at is None or not _can_sign(line) or own_seal(line) is None:
        return None
    return line.unsealed_at + line.charter.intervals.seal_s * 1000


def _alarm_at(line: Line) -> int | None:
    if line.unwitnessed is None or not line.member or not line.charter.quorum:
        return None
    size, since = line.unwitnessed
    cause = ("witness.missing", size.to_bytes(8, "big"), line.party, 0)
    if cause in line.alarms:
        return None
    return since + UNWITNESSED * line.charter.intervals.checkpoint_s * 1000


# ---------------------------------------------------------------------------------------- telling


def told_key(noted: Noted) -> bytes:
    """What a peer that has this note has: its text and how many lines there are under it."""
    count = len(noted.note.signatures)
    return crypto.sha256(noted.note.body)[:16] + count.to_bytes(2, "big")


def told_keys(line: Line) -> set[bytes]:
    """What a peer has that has every note which is told of this line."""
    return {told_key(noted) for book in line.notes.values() for noted in book.to_tell()}


def envelopes(line: Line, told: set[bytes]) -> list[Notes]:
    """The envelopes with every note that somebody lacks who has been told these; marks them."""
    news = [
        noted
        for name in sorted(line.notes)
        for noted in line.notes[name].to_tell()
        if told_key(noted) not in told
    ]
    told.update(told_key(noted) for noted in news)
    out: list[Notes] = []
    batch: list[bytes] = []
    keys: set[bytes] = set()
    size = 0
    for noted in news:
        data = noted.note.format()
        size += len(data) + sum(len(key) for key in noted.keys)
        if batch and (size > MAX_PUSH_BYTES or len(batch) >= MAX_NOTES):
            out.append(Notes(line.id, tuple(batch), tuple(sorted(keys))))
            batch, keys, size = [], set(), len(data)
        batch.append(data)
        keys.update(noted.keys)
    if batch:
        out.append(Notes(line.id, tuple(batch), tuple(sorted(keys))))
    return out


def shown(line: Line, noted: Noted) -> SignedNote:
    """A note as it is shown and exported: with the receipts of its size as cosignatures."""
    log = _log_of(line, noted.head)
    lines = list(noted.note.signatures)
    size = noted.head.size
    ours = log is not None and size <= log.size and log.tree.root(size) == noted.head.root
    for receipt in line.ladder.receipts_at(log.id, size) if log is not None and ours else ():
        key = line.cosign_key(receipt.cosigner)
        if key is not None:
            lines.append(receipt.note_signature(cosigner(receipt.cosigner), key))
    return SignedNote(body=noted.note.body, signatures=tuple(lines[: checkpoint.MAX_SIGNATURES]))


# --------------------------------------------------------------------------------------- restoring


def restore(line: Line, fact: Fact, past: Now) -> None:
    """Take a note back that was kept here; its signatures were verified when it came.

    Raises ``RemoteError`` when it no longer reads.
    """
    note = SignedNote.parse(fact.body)
    head = checkpoint.read_checkpoint(note.body)
    step = crypto.MLDSA_KEY_BYTES
    keys = tuple(fact.meta[at : at + step] for at in range(0, len(fact.meta), step))
    for held in _certificates(line, _station_of(line, head)):
        own = _id(head.origin, crypto.ALG_ED25519, held[1].sign_key)
        if any((s.name, s.key_id) == (head.origin, own) for s in note.signatures):
            place(line, _noted(head, note, held, past, keys), past)
            break


def settle(line: Line) -> None:
    """All facts are back: compare what ran ahead, and know again which notes make a proof."""
    for name, book in line.notes.items():
        log = line.record.logs.get(name)
        if log is not None:
            grew(line, log, None)
        if book.against:
            book.shown.update(size for _, size in _proofs(line, book))


def done(line: Line, token: int, turn: Turn) -> None:
    """The act that wanted a checkpoint has it."""
    turn.reply(token, Done(line=line.id))
