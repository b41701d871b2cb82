"""What a witness and its clients say to each other, and when a witness may cosign.

The formats are those of C2SP tlog-witness: a request to ``add-checkpoint`` is the size from which
it goes on, the consistency proof from there, and a signed checkpoint; the answer is one or more
signature lines. A witness reads no statement: it sees sizes, roots and signatures.

Rules held here:

* The checks come in the order of the document, so that each refusal is the one it names.
* A checkpoint from anywhere may have extension lines, an origin with spaces and signatures of any
  kind. What is not known is passed over; what is known must verify.
* A log that signed another root for a size than the one it signed before is caught at any request
  that shows it, also where the request is refused for another reason first.

This module does not know who asks, what time it is, nor any private key.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tieline.core import crypto, tree
from tieline.core.checkpoint import (
    MAX_SIZE,
    Checkpoint,
    NoteSignature,
    SignedNote,
    cosign_message,
    read_checkpoint,
)
from tieline.core.errors import RemoteError

MAX_PROOF: Final = 63  # C2SP tlog-witness, "add-checkpoint"
MAX_REQUEST_BYTES: Final = 131_072  # 16 signatures of 5 kB, as signed-note demands, and the proof
MAX_ANSWER_BYTES: Final = 65_536
SIZE_TYPE: Final = "text/x.tlog.size"

_DECIMAL: Final = re.compile(rb"0|[1-9][0-9]{0,18}")
_MAX_VKEY: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKey:
    """A key that a log signs its checkpoints with: its name, its bytes, and its signature type.

    ``alg`` is Ed25519 (0x01), or ML-DSA-44 in the form of a cosignature (0x06).
    """

    name: str
    key: bytes
    alg: int = crypto.ALG_ED25519

    def signed(self, note: SignedNote) -> bool:
        """Whether it signed a note. Raises ``RemoteError`` when a line of it does not verify."""
        if self.alg == crypto.ALG_MLDSA:
            return note.mldsa_cosigned_by(self.name, self.key) is not None
        return note.signed_by(self.name, self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A parsed request to ``add-checkpoint``. Nothing in it is verified."""

    old: int
    proof: tuple[bytes, ...]
    note: SignedNote
    head: Checkpoint


# ------------------------------------------------------------------------------------------- keys


def read_vkey(text: str) -> tuple[str, int, bytes]:
    """The name, signature type and public key of a vkey (C2SP signed-note, "Verifier keys").

    Raises ``RemoteError``: ``vkey.form`` when it is not written so or its id does not fit,
    ``key.*`` when an Ed25519 key must never be enrolled.
    """
    name, plus, rest = text.partition("+")
    claimed, second, coded = rest.partition("+")
    blob = _base64(coded.encode("utf-8")) if len(text) <= _MAX_VKEY else None
    named = bool(name) and plus + second == "++" and not re.search(r"[\s\x00-\x1f]", name)
    if not named or blob is None or len(blob) < 2:
        raise _bad_vkey("is not a name, a plus, eight hex digits, a plus and the base64 of a key")
    if crypto.key_id(name, blob[0], blob[1:]).hex() != claimed:
        raise _bad_vkey("has an id that does not belong to its name and key")
    if blob[0] in (crypto.ALG_ED25519, crypto.ALG_COSIGNATURE):
        crypto.check_public_key(blob[1:])
    elif blob[0] == crypto.ALG_MLDSA and len(blob) != 1 + crypto.MLDSA_KEY_BYTES:
        raise _bad_vkey(f"is not an ML-DSA-44 key of {crypto.MLDSA_KEY_BYTES} bytes")
    return name, blob[0], blob[1:]


def _bad_vkey(what: str) -> RemoteError:
    return RemoteError("vkey.form", f"the key {what}; copy it whole from its owner")


# ---------------------------------------------------------------------------------------- request


def format_request(old: int, proof: Iterable[bytes], note: bytes) -> bytes:
    """The body of a request: old size, proof, checkpoint (C2SP tlog-witness, "add-checkpoint")."""
    lines = [b"old %d\n" % old, *(base64.b64encode(item) + b"\n" for item in proof), b"\n"]
    return b"".join(lines) + note


def parse_request(data: bytes) -> Request:
    """Read what ``format_request`` writes, from anybody.

    Raises ``RemoteError``: ``witness.too_large``, ``witness.request``, ``note.*``,
    ``checkpoint.*``.
    """
    if len(data) > MAX_REQUEST_BYTES:
        raise RemoteError(
            "witness.too_large", f"a request has at most {MAX_REQUEST_BYTES} bytes; send less"
        )
    first, _, note_bytes = data.partition(b"\n\n")
    lines = first.split(b"\n", MAX_PROOF + 1)
    old = _size(lines[0][4:]) if lines[0].startswith(b"old ") else None
    if old is None:
        raise _bad("request", "does not begin with 'old' and a plain decimal below 2^63")
    if len(lines) > MAX_PROOF + 1:
        raise _bad("request", f"has more than {MAX_PROOF} proof lines")
    proof = tuple(item for item in map(_hash, lines[1:]) if item is not None)
    if len(proof) != len(lines) - 1:
        raise _bad("request", "has a proof line that is not the base64 of 32 bytes")
    note = SignedNote.parse(note_bytes)
    return Request(old=old, proof=proof, note=note, head=read_checkpoint(note.body))


# -------------------------------------------------------------------------------------- judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """The head may be cosigned, once it is durable. ``known`` when it is the present one."""

    head: Checkpoint
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The request is refused: the HTTP status, and for a conflict the size that the witness has.

    ``code`` and ``text`` say why; ``signed`` whether the log itself had signed the checkpoint.
    """

    status: int
    code: str
    text: str
    size: int | None = None
    signed: bool = False


def judge(
    request: Request, keys: tuple[LogKey, ...], latest: Checkpoint | None
) -> Granted | Declined:
    """Whether a witness may cosign, in the order of C2SP tlog-witness.

    ``keys`` are those trusted for the checkpoint's origin, none for an unknown log; ``latest`` is
    the head that the witness cosigned last for it.
    """
    head = request.head
    if not keys:
        return Declined(status=404, code="witness.origin", text="this log is not known here")
    if not signed_by_any(request.note, keys):
        return Declined(
            status=403, code="witness.unsigned", text="no trusted key of this log has signed this"
        )
    if request.old > head.size:
        text = f"the old size {request.old} is above the checkpoint's {head.size}"
        return Declined(status=400, code="witness.request", text=text, signed=True)
    size, root = (latest.size, latest.root) if latest is not None else (0, tree.EMPTY_ROOT)
    if request.old != size:
        text = f"this witness last cosigned {size} leaves, not {request.old}"
        return Declined(status=409, code="witness.size", text=text, size=size, signed=True)
    if request.old == head.size and root != head.root:
        text = f"this witness knows another root of {size} leaves"
        return Declined(status=409, code="witness.root", text=text, size=size, signed=True)
    try:
        tree.verify_consistency(size, head.size, root, head.root, request.proof)
    except RemoteError as error:
        return Declined(status=422, code=error.code, text=error.message, signed=True)
    return Granted(head=head, known=latest is not None and latest.size == head.size)


def signed_by_any(note: SignedNote, keys: Iterable[LogKey]) -> bool:
    """Whether one of a log's keys signed the note. A line of one that does not verify spoils it."""
    try:
        found = [each.signed(note) for each in keys]
    except RemoteError:
        return False
    return any(found)


# ----------------------------------------------------------------------------------------- answer


def format_answer(signatures: Iterable[NoteSignature]) -> bytes:
    """The body of a witness's answer: one line for each signature."""
    return "".join(f"{signature.line()}\n" for signature in signatures).encode("utf-8")


def read_answer(text: bytes, answer: bytes, name: str, cosign_key: bytes) -> tuple[int, bytes]:
    """The time (s) and the signature by which a witness cosigned the checkpoint ``text``.

    Signatures of other keys in the answer are passed over. Raises ``RemoteError``: ``note.*`` for
    an answer that is not signature lines or a signature that does not verify; ``witness.silent``
    when the witness's own is not among them.
    """
    if len(answer) > MAX_ANSWER_BYTES:
        raise RemoteError(
            "witness.too_large",
            f"an answer has at most {MAX_ANSWER_BYTES} bytes; ask who runs the witness",
        )
    note = SignedNote.parse(text + b"\n" + answer)
    if note.body != text:  # an answer with an empty line in it would move the seam
        raise RemoteError("witness.answer", "the witness's answer is not signature lines; ask anew")
    time_s = note.cosigned_by(name, cosign_key)
    if time_s is None:
        raise RemoteError(
            "witness.silent",
            f"the answer has no cosignature of {name} under the key that the charter names; ask "
            "who runs the witness",
        )
    wanted = (name, crypto.key_id(name, crypto.ALG_COSIGNATURE, cosign_key))
    message = cosign_message(time_s, text)
    for found in note.signatures:  # it may have signed several times: take the latest
        made = found.signature[8:]
        if (found.name, found.key_id) == wanted and crypto.verify(cosign_key, message, made):
            return time_s, made
    raise AssertionError("cosigned_by found a signature that is not there")


def read_late(text: bytes, answer: bytes, name: str, key: bytes) -> NoteSignature | None:
    """The line of a witness's ML-DSA-44 cosignature in an answer that ``read_answer`` has read.

    ``None`` when there is none. Raises ``RemoteError`` (``note.forged``) for one that does not
    verify.
    """
    note = SignedNote.parse(text + b"\n" + answer)
    if note.mldsa_cosigned_by(name, key) is None:
        return None
    wanted = (name, crypto.key_id(name, crypto.ALG_MLDSA, key))
    return next(line for line in note.signatures if (line.name, line.key_id) == wanted)


def read_size(answer: bytes) -> int:
    """The size in the answer to a conflict: a decimal and a newline.

    Raises ``RemoteError`` (``witness.answer``).
    """
    size = _size(answer[:-1]) if answer.endswith(b"\n") else None
    if size is None:
        raise RemoteError(
            "witness.answer", "the witness's answer to a conflict is no size; ask who runs it"
        )
    return size


# ----------------------------------------------------------------------------------------- common


def _size(data: bytes) -> int | None:
    size = int(data) if _DECIMAL.fullmatch(data) else MAX_SIZE + 1
    return size if size <= MAX_SIZE else None


def _base64(data: bytes) -> bytes | None:
    try:
        out = binascii.a2b_base64(data, strict_mode=True)
    except binascii.Error:
        return None
    return out if base64.b64encode(out) == data else None


def _hash(data: bytes) -> bytes | None:
    out = _base64(data)
    return out if out is not None and len(out) == tree.HASH_BYTES else None


def _bad(part: str, what: str) -> RemoteError:
    return RemoteError(f"witness.{part}", f"the request {what}; write it as C2SP tlog-witness says")
