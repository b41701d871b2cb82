"""Signed checkpoints of the logs of a line: made, read, compared, told.

Theory. A statement binds its author to one place in a log, a checkpoint to a whole log at once.
Each station signs checkpoints of its own log; all stations pass them on and compare each with the
copy of the log that they hold and with every other checkpoint of it. Two that cannot both be true
are two stories, whoever was told which, and whoever brought them.

Rules held here:

* A checkpoint beyond what is held waits and is compared when the log has grown so far. One that
  contradicts what is held is kept beside the others; what is held stays the main branch.
* What is kept of one station's checkpoints has a bound in bytes. Those that were compared and
  agree make room, the oldest first; one that waits or contradicts never does. So nobody flushes
  what he has signed by signing more.
* A key that has ended accuses nobody: who has it by now, nobody knows. What it signs that does not
  fit the end of its log is told as that, and not kept.
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
from tieline.core.errors import LocalError
from tieline.core.events import Done, ForNote, ForSeal, SignCheckpoint
from tieline.core.journal import Alarm, Fact, FactKind
from tieline.core.line import Line
from tieline.core.noted import LogNotes, Noted, Scale
from tieline.core.noteread import end_of, fits_end, has_rung, kept_note, log_of, noted_of
from tieline.core.record import MAX_LOGS_PER_STATION, Log
from tieline.core.statement import log_id
from tieline.core.sync import MAX_NOTES, MAX_PUSH_BYTES, Notes
from tieline.core.terms import Now, Precedence
from tieline.core.turn import Turn

MAX_HEADS: Final = 64  # of one log that were compared and agree; the newest stay
MAX_OPEN: Final = 32  # of one log that run ahead of what is held; those that came first stay
MAX_AGAINST: Final = 16  # of one log; one is enough for the alarm
MAX_STATION_BYTES: Final = 4 << 20  # of one station on a line
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
        return noted_of(head, note, held, turn.now)
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
        return noted_of(head, note, held, turn.now)
    line.unsealed_at = None
    signature = made[crypto.MLDSA_KEY_BYTES :]
    seal = checkpoint.mldsa_cosignature(cosigner(line.own), key, purpose.time_s, signature)
    both = SignedNote(body=note.body, signatures=(*note.signatures, seal))
    return noted_of(head, both, held, turn.now, (key,))


def body_of(line: Line, log: Log, size: int) -> bytes:
    """The checkpoint text of a log of this line at a size that is held."""
    name = checkpoint.origin(line.id, log.station, log.incarnation)
    return checkpoint.body(name, size, log.tree.root(size))


# -------------------------------------------------------------------------------------- comparing


def book_of(line: Line, head: Checkpoint) -> LogNotes | None:
    """The notes of the log of a checkpoint; ``None`` for one log too many of its station.

    Only logs of which no statement is held are counted: names of logs cost their station nothing,
    and else they would keep those that it has from being compared.
    """
    _, station, incarnation = checkpoint.parse_origin(head.origin)
    log = log_id(line.id, station, incarnation)
    book = line.notes.get(log)
    if book is None:
        held = line.record.logs
        lives = sum(by == station and of not in held for of, by in line.note_stations.items())
        if log not in held and lives >= MAX_LOGS_PER_STATION:
            return None
        book = line.notes[log] = LogNotes(line.note_scales.setdefault(station, Scale()))
        line.note_stations[log] = station
    return book


def keep(line: Line, noted: Noted, turn: Turn) -> bool:
    """Take a verified note in; tell what it contradicts. True when it is news."""
    end = end_of(line, noted)
    if end is not None and not fits_end(line, noted, end):
        _say_after_end(line, noted, end, turn)
        return False
    kept = place(line, noted, turn.now)
    book = book_of(line, noted.head)
    if book is None or book.full:
        _say_full(line, noted, turn)
    if kept is None:
        return False
    turn.keep(FactKind.NOTE, line.id, kept.note.format(), b"".join(kept.keys))
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
            return _grown(line, book, other, noted, at)
    held = book.heads.get(size)
    differs = held is not None and held.head.root != noted.head.root
    if held is not None and differs and held.sign_key != noted.sign_key:
        known = stories.signer_of(line, log_of(line, noted.head))
        if known is None and end_of(line, held) is None:
            return (
                None  # of a log that we have yet to see: the first stays, whose key has not ended
            )
        held = None
    if held is not None and not differs:
        merged = _grown(line, book, held, noted)
        if merged is not None:
            _judge_witnesses(line, book, noted, now)
        return merged
    log = log_of(line, noted.head)
    ours = log.tree.root(size) if log is not None and size <= log.size else None
    against = held is not None or ours not in (None, noted.head.root)
    if against and len(book.against) >= MAX_AGAINST:
        return None
    waits = ours is None and not against
    if (waits and len(book.open) >= MAX_OPEN) or not _room(line, book, noted.weight):
        book.full = True
        return None
    if held is not None and ours == noted.head.root:
        book.drop(size)
        book.accuse(held)
        book.put(noted)
    elif against:
        book.accuse(noted)
    else:
        book.put(noted)
        if waits:
            book.open.add(size)
        _trim(book)
        if size not in book.heads:
            return None
        _note_own(line, book, noted, now)
    return noted


def _grown(
    line: Line, book: LogNotes, held: Noted, noted: Noted, against: int | None = None
) -> Noted | None:
    """Take the lines that a note has more than the same one that is held; ``None``: it has none."""
    merged = _more(held, noted)
    if merged is None or not _room(line, book, merged.weight - held.weight):
        return None
    book.merge(merged, against)
    return merged


def _room(line: Line, book: LogNotes, weight: int) -> bool:
    """Whether so much more of a station can be held; lets go of what was compared and agrees.

    First of what is neither the newest of its log nor sealed, then of these too but of the same
    log; the oldest first. Something more than needed goes, so that it is seldom sought.
    """
    scale = book.scale
    if scale.total + weight <= MAX_STATION_BYTES:
        return True
    enough = MAX_STATION_BYTES - MAX_STATION_BYTES // 8
    books = [other for other in line.notes.values() if other.scale is scale]
    for newest in (False, True):
        spare = [
            (other.heads[size].at_ms, size, at)
            for at, other in enumerate(books)
            for size in other.spare(newest=newest and other is not book)
        ]
        for _, size, at in sorted(spare):
            if scale.total + weight <= enough:
                break
            books[at].drop(size)
        if scale.total + weight <= MAX_STATION_BYTES:
            return True
    return False


def _more(held: Noted, noted: Noted) -> Noted | None:
    """The note held with the lines that the other has more; ``None`` when it has none."""
    if held.note.body != noted.note.body:
        return None  # the same checkpoint with other extension lines: they mean nothing to us
    known = {(line.name, line.key_id) for line in held.note.signatures}
    if all((line.name, line.key_id) in known for line in noted.note.signatures):
        return None  # a key that signs the same text over and over says nothing more
    return held.with_lines_of(noted)


def outruns(line: Line, noted: Noted) -> bool:
    """Whether our own key has signed more of our present log than we hold, or another one.

    Then the store was put back, whatever those say who hold less of the log.
    """
    head, log = noted.head, log_of(line, noted.head)
    if log_id(*checkpoint.parse_origin(head.origin)) != line.own_log:
        return False
    return log is None or head.size > log.size or log.tree.root(head.size) != head.root


def _trim(book: LogNotes) -> None:
    spare = book.spare()
    for size in spare[: max(0, len(book.heads) - len(book.open) - MAX_HEADS)]:
        book.drop(size)


def grew(line: Line, log: Log, turn: Turn | None) -> bool:
    """A log has grown: compare the checkpoints that ran ahead of it. True when one contradicts."""
    book = line.notes.get(log.id)
    if book is None or not book.open:
        return False
    before = len(book.against)
    reached = sorted(size for size in book.open if size <= log.size)
    for size in reached:
        book.open.discard(size)
        noted = book.heads[size]
        if noted.head.root == log.tree.root(size):
            continue
        book.drop(size)
        end = end_of(line, noted)
        if end is not None and turn is not None:
            _say_after_end(line, noted, end, turn)
        counts = end is None or (turn is None and has_rung(line, log.id))
        if counts and noted.sign_key == stories.signer_of(line, log):
            book.accuse(noted)
    _trim(book)
    if reached and book.against and turn is not None:
        _accuse(line, book, turn)
    return len(book.against) > before


def close(line: Line) -> None:
    """A version may have ended logs: of what was signed of them beyond, only proof is kept."""
    for book in line.notes.values():
        for size, noted in list(book.heads.items()):
            end = end_of(line, noted)
            if end is not None and size > end and size not in book.shown:
                book.drop(size)


def _say_after_end(line: Line, noted: Noted, end: int, turn: Turn) -> None:
    """A former key has signed what does not fit the end of its log: once for a log."""
    _, station, incarnation = checkpoint.parse_origin(noted.head.origin)
    party = line.party_of(station)
    alarm = Alarm(
        code="key.after_end",
        precedence=Precedence.PRIORITY,
        text=f"a former key of {party} has signed a checkpoint of {noted.head.size} statements that"
        f" does not fit the log which the charter ends with that key after {end}; it is not kept,"
        f" and it says nothing against {party}: others may have the key by now",
        item=log_id(line.id, station, incarnation),
        party=party,
    )
    turn.ring(line, alarm)


def _say_full(line: Line, noted: Noted, turn: Turn) -> None:
    """More of a station's checkpoints has come than is held: once for a station."""
    _, station, _ = checkpoint.parse_origin(noted.head.origin)
    party = line.party_of(station)
    alarm = Alarm(
        code="note.full",
        precedence=Precedence.PRIORITY,
        text=f"{party} has signed more checkpoints than are kept here that run ahead of what has"
        " come, or contradict it; further ones of that station are not compared",
        item=station,
        party=party,
    )
    turn.ring(line, alarm)


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
    turn.ring(line, alarm)
    for made, size in _proofs(line, book):
        book.show((size,))
        stories.keep_proof(line, made, turn)


def _proofs(line: Line, book: LogNotes) -> Iterator[tuple[bytes, int]]:
    """A proof for each contradicting note that has none yet, with the size of its counterpart."""
    log = log_of(line, book.against[0].head)
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
            root = log.tree.root(bad.head.size)
            if root == bad.head.root:
                continue  # the true one of two; the other was let go when its key ended
            book.proved.add(name)
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


def witnessed(line: Line, book: LogNotes) -> tuple[int, ...]:
    """For each witness of the charter the largest size that it has cosigned, the largest first."""
    if book.signed is None or book.signed[0] != line.charter.witnesses:
        book.signed = line.charter.witnesses, _witnessed(line, book)
    return book.signed[1]


def _witnessed(line: Line, book: LogNotes) -> tuple[int, ...]:
    sizes = []
    held = sorted(book.heads, reverse=True)  # the newest are cosigned soon, so few are looked at
    for witness in line.charter.witnesses:
        key = (witness.name, crypto.key_id(witness.name, crypto.ALG_COSIGNATURE, witness.key))
        signed = (
            size
            for size in held
            if any((s.name, s.key_id) == key for s in book.heads[size].note.signatures)
        )
        sizes.append(next(signed, 0))
    return tuple(sorted(sizes, reverse=True))


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
        turn.ring(line, alarm)


def wakeup(line: Line) -> int | None:
    """When the deadline clock next makes something due here, in ``mono_ms``."""
    if line.unnoted_at is None and line.unsealed_at is None and line.unwitnessed is None:
        return None
    times = [t for t in (_note_at(line), _seal_at(line), _alarm_at(line)) if t is not None]
    return min(times) if times else None


def _can_sign(line: Line) -> bool:
    """Whether there is a head to sign: a fresh incarnation has none until it has spoken."""
    return line.member and line.record.size(line.own_log) > 0


def _note_at(line: Line) -> int | None:
    if line.unnoted_at is None or not _can_sign(line):
        return None
    return line.unnoted_at + line.charter.intervals.checkpoint_s * 1000


def _seal_at(line: Line) -> int | None:
    if line.unsealed_at is None or own_seal(line) is None or not _can_sign(line):
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


def told_keys(line: Line) -> set[bytes]:
    """What a peer has that has every note which is told of this line."""
    return {key for book in line.notes.values() for key, _ in book.to_tell()}


def envelopes(line: Line, told: set[bytes]) -> list[Notes]:
    """The envelopes with every note that somebody lacks who has been told these; marks them."""
    news = [
        (key, noted)
        for name in sorted(line.notes)
        for key, noted in line.notes[name].to_tell()
        if key not in told
    ]
    told.update(key for key, _ in news)
    out: list[Notes] = []
    batch: list[bytes] = []
    keys: set[bytes] = set()
    size = 0
    for _, noted in news:
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
    log = log_of(line, noted.head)
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
    noted = kept_note(line, fact, past)
    if noted is not None:
        place(line, noted, past)


def settle(line: Line) -> None:
    """All facts are back: compare what ran ahead, and know again which notes make a proof."""
    compare(line)
    for name, book in line.notes.items():
        if not has_rung(line, name):  # a key had ended when it turned out what it had signed
            book.acquit(lambda noted: end_of(line, noted) is not None)
        if book.against:
            book.show(size for _, size in _proofs(line, book))
    close(line)


def compare(line: Line) -> None:
    """What had been compared when it was kept is compared again, as far as logs are back."""
    for name in line.notes.keys() & line.record.logs.keys():
        grew(line, line.record.logs[name], None)


def done(line: Line, token: int, turn: Turn) -> None:
    """The act that wanted a checkpoint has it."""
    turn.reply(token, Done(line=line.id))
