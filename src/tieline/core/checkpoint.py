"""Checkpoints, cosignatures and receipts, byte for byte as C2SP writes them.

A checkpoint says how far a log has come: its origin, its size and its root (C2SP tlog-checkpoint).
Signatures of any number of keys stand under it in a signed note (C2SP signed-note). A cosignature
(C2SP tlog-cosignature, with Ed25519 or ML-DSA-44) says that its maker checked, at a time it claims,
that this head extends every head of the log it saw before. Between stations an Ed25519 cosignature
travels as a ``Receipt``, without the checkpoint text, which both ends can write for themselves.

Rules held here:

* A parser accepts only what the formatter writes: decimals have no sign and no leading zeros,
  base64 is the standard alphabet with its padding and no spare bits, every line ends in a newline.
* A note keeps every signature in the order it came, known or not, also of types that are not known
  here, so that a note passes through unchanged.
* A line that claims a known key and does not verify spoils its whole note.
* Our own checkpoints have no extension lines (``parse_body``). In those of others such lines are
  read past and stay under the signatures (``read_checkpoint``).

This module does not know which keys count, how many are enough, nor whether a root is true.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, replace
from typing import Final

from tieline.core import crypto, encode
from tieline.core.errors import LocalError, RemoteError
from tieline.core.terms import MAX_TIME_MS

MAX_SIZE: Final = 2**63 - 1
MAX_COSIGN_TIME_S: Final = 2**63 - 1  # C2SP tlog-cosignature, "Format"
MAX_NAME_BYTES: Final = 255  # what an ML-DSA cosignature can hold as an origin or a name
MAX_NOTE_BYTES: Final = 1_000_000
MAX_SIGNATURES: Final = 256

# A receipt counts statements that a station holds, at a time that a DTG can name.
MAX_RECEIPT_SIZE: Final = 2**48
MAX_RECEIPT_TIME_S: Final = MAX_TIME_MS // 1000

_ROOT_BYTES: Final = 32
_STAMP_BYTES: Final = 8
_DECIMAL: Final = re.compile(rb"0|[1-9][0-9]{0,18}")
_ORIGIN: Final = re.compile(
    r"tieline\.invalid/([0-9a-f]{32})/([0-9a-f]{16})/([0-9a-f]{16})", re.ASCII
)
_NOT_IN_NAMES: Final = re.compile(r"[\s+\x00-\x1f]")  # every space of Unicode is in \s
_CONTROL: Final = re.compile(rb"[\x00-\x09\x0b-\x1f]")
_RECEIPT_LIMITS: Final = encode.Limits(max_bytes=128, max_depth=1, max_items=5)


# --------------------------------------------------------------------------------- checkpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The head of a log: ``size`` leaves under ``root`` (32 bytes)."""

    origin: str
    size: int
    root: bytes


def origin(line: bytes, station: bytes, incarnation: bytes) -> str:
    """The origin line of one incarnation of one station's log on one line.

    The name can reach nobody: ``invalid`` is reserved for that (RFC 2606 section 2).
    """
    return f"tieline.invalid/{line.hex()}/{station.hex()}/{incarnation.hex()}"


def cosigner(station: bytes) -> str:
    """The key name under which a station cosigns, in receipts and with ML-DSA-44."""
    return f"tieline.invalid/{station.hex()}"


def parse_origin(text: str) -> tuple[bytes, bytes, bytes]:
    """Line, station and incarnation of an origin that ``origin`` made.

    Raises ``RemoteError`` (``checkpoint.origin``) for any other.
    """
    found = _ORIGIN.fullmatch(text)
    if found is None:
        raise _bad_checkpoint("origin", "is of no log of a line")
    line, station, incarnation = (bytes.fromhex(part) for part in found.groups())
    return line, station, incarnation


def body(origin: str, size: int, root: bytes) -> bytes:
    """The note text of a checkpoint (C2SP tlog-checkpoint, "Note text"), no extension lines.

    Raises ``LocalError``: ``checkpoint.origin``, ``checkpoint.size``, ``checkpoint.root``.
    """
    if not _is_name(origin):
        raise LocalError(
            "checkpoint.origin",
            "the origin of a checkpoint must be 1 to 255 bytes of text without spaces, plus signs "
            "and control characters; choose another one",
        )
    if not 0 <= size <= MAX_SIZE:
        raise LocalError("checkpoint.size", f"a log cannot have {size} leaves; count again")
    if len(root) != _ROOT_BYTES:
        raise LocalError(
            "checkpoint.root", f"the root of a log has 32 bytes, not {len(root)}; compute it anew"
        )
    return b"%b\n%d\n%b\n" % (origin.encode("utf-8"), size, base64.b64encode(root))


def parse_body(data: bytes) -> Checkpoint:
    """Read the text that ``body`` writes.

    Raises ``RemoteError``: ``checkpoint.lines`` unless it is three whole lines;
    ``checkpoint.origin``, ``checkpoint.size``, ``checkpoint.root`` for the line that is wrong.
    """
    lines = data.split(b"\n", 4)
    if len(lines) != 4 or lines[3]:
        raise _bad_checkpoint("lines", "is not three lines that each end in a newline")
    name = _read_name(lines[0])
    if name is None:
        raise _bad_checkpoint("origin", "has an origin with spaces, plus or control characters")
    size = int(lines[1]) if _DECIMAL.fullmatch(lines[1]) else -1
    if not 0 <= size <= MAX_SIZE:
        raise _bad_checkpoint("size", "has a size that is no plain decimal below 2^63")
    root = _read_base64(lines[2])
    if root is None or len(root) != _ROOT_BYTES:
        raise _bad_checkpoint("root", "has a root that is not the base64 of 32 bytes")
    return Checkpoint(origin=name, size=size, root=root)


def read_checkpoint(data: bytes) -> Checkpoint:
    """Read the note text of anybody's checkpoint: any origin, and extension lines are passed over.

    C2SP tlog-checkpoint, "Note text": an origin may be any text that is not empty, and further
    lines that are not empty are opaque. Raises ``RemoteError`` with the codes of ``parse_body``.
    """
    lines = data.split(b"\n")
    if len(lines) < 4 or lines.pop() or not all(lines[3:]):
        raise _bad_checkpoint("lines", "is not three or more whole lines, none of them empty")
    try:
        name = lines[0].decode("utf-8")
    except UnicodeDecodeError:
        name = ""
    if not name or _CONTROL.search(lines[0]):
        raise _bad_checkpoint("origin", "has an origin that is empty or no text")
    head = parse_body(b"-\n%b\n%b\n" % (lines[1], lines[2]))
    return replace(head, origin=name)


def _bad_checkpoint(part: str, what: str) -> RemoteError:
    return RemoteError(f"checkpoint.{part}", f"the checkpoint {what}; ask for it again")


# ------------------------------------------------------------------------------- cosignatures


def cosign_message(time_s: int, body: bytes) -> bytes:
    """The bytes that a cosignature signs (C2SP tlog-cosignature, "Ed25519 signed message").

    ``time_s`` is in seconds since 1970. Raises ``LocalError`` (``cosignature.time``) outside
    0 to 2^63-1.
    """
    _check_time(time_s)
    return b"cosignature/v1\ntime %d\n%b" % (time_s, body)


def mldsa_message(name: str, time_s: int, head: Checkpoint) -> bytes:
    """The bytes that an ML-DSA-44 cosignature on a whole tree signs.

    C2SP tlog-cosignature, "ML-DSA-44 signed message", with ``start`` zero; ``name`` is the key name
    of the cosigner. ``time_s`` is in seconds since 1970; 0 says that no claim is made that this is
    the largest tree its maker has seen. Raises ``LocalError``: ``cosignature.time``;
    ``cosignature.name`` when name or origin have not 1 to 255 bytes.
    """
    _check_time(time_s)
    texts = [name.encode("utf-8"), head.origin.encode("utf-8")]
    if not all(1 <= len(text) <= MAX_NAME_BYTES for text in texts):
        raise LocalError(
            "cosignature.name",
            f"a cosigner's name and an origin have 1 to {MAX_NAME_BYTES} bytes under an ML-DSA-44 "
            "signature; choose others",
        )
    cosigner, log = (bytes((len(text),)) + text for text in texts)
    stamp = time_s.to_bytes(_STAMP_BYTES, "big")
    sizes = bytes(_STAMP_BYTES) + head.size.to_bytes(_STAMP_BYTES, "big")
    return b"subtree/v1\n\0" + cosigner + stamp + log + sizes + head.root


def _check_time(time_s: int) -> None:
    if not 0 <= time_s <= MAX_COSIGN_TIME_S:
        raise LocalError("cosignature.time", f"the time {time_s} s cannot be signed; set the clock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One station's cosignature on the head of one log: all its statements below ``size`` are held.

    ``log`` and ``cosigner`` have 8 bytes, ``signature`` has 64; ``time_s`` is the cosigner's clock
    in seconds since 1970.
    """

    log: bytes
    size: int
    cosigner: bytes
    time_s: int
    signature: bytes

    def encode(self) -> bytes:
        """The receipt as it travels: the array [log, size, cosigner, time, signature]."""
        return encode.dumps((self.log, self.size, self.cosigner, self.time_s, self.signature))

    @staticmethod
    def decode(data: bytes) -> Receipt:
        """Read what ``encode`` writes; the signature is not verified here.

        Raises ``RemoteError``: ``encode.*`` or ``receipt.form``.
        """
        match encode.loads(data, _RECEIPT_LIMITS):
            case (bytes(log), int(size), bytes(cosigner), int(time_s), bytes(signature)) if (
                len(log) == len(cosigner) == 8
                and type(size) is int
                and 1 <= size <= MAX_RECEIPT_SIZE
                and type(time_s) is int
                and 0 <= time_s <= MAX_RECEIPT_TIME_S
                and len(signature) == crypto.SIGNATURE_BYTES
            ):
                return Receipt(
                    log=log, size=size, cosigner=cosigner, time_s=time_s, signature=signature
                )
        raise RemoteError(
            "receipt.form",
            "a receipt must be a log, a size of at least 1, a station, a time and a signature; "
            "ask its maker to send it anew",
        )

    def note_signature(self, name: str, cosign_key: bytes) -> NoteSignature:
        """The receipt as the signature line of a note, under the cosigner's key name."""
        return cosignature(name, cosign_key, self.time_s, self.signature)

    def note_line(self, name: str, cosign_key: bytes) -> str:
        """The text of ``note_signature``, without its newline."""
        return self.note_signature(name, cosign_key).line()


def verify_receipt(receipt: Receipt, origin_text: str, root: bytes, cosign_key: bytes) -> bool:
    """Whether ``cosign_key`` signed this receipt for the log of that origin with that root.

    ``root`` is the reader's own root of the log at ``receipt.size``. Raises ``LocalError`` as
    ``body`` and ``cosign_message`` do when the reader's own values are wrong.
    """
    message = cosign_message(receipt.time_s, body(origin_text, receipt.size, root))
    return crypto.verify(cosign_key, message, receipt.signature)


# -------------------------------------------------------------------------------- signed notes


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature under a note: the key's name, its 4-byte id, and the bytes it made."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """The signature line without its newline (C2SP signed-note, "Signatures")."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.signature).decode('ascii')}"


def log_signature(name: str, log_key: bytes, signature: bytes) -> NoteSignature:
    """The line of a log's own Ed25519 signature over the note text (signature type 0x01)."""
    return NoteSignature(
        name=name,
        key_id=crypto.key_id(name, crypto.ALG_ED25519, log_key),
        signature=signature,
    )


def cosignature(name: str, cosign_key: bytes, time_s: int, signature: bytes) -> NoteSignature:
    """The line of a timestamped cosignature (signature type 0x04).

    Raises ``LocalError`` (``cosignature.time``) as ``cosign_message`` does.
    """
    return _timestamped(name, crypto.ALG_COSIGNATURE, cosign_key, time_s, signature)


def mldsa_cosignature(name: str, key: bytes, time_s: int, signature: bytes) -> NoteSignature:
    """The line of a timestamped ML-DSA-44 cosignature (signature type 0x06).

    Raises ``LocalError`` (``cosignature.time``) as ``mldsa_message`` does.
    """
    return _timestamped(name, crypto.ALG_MLDSA, key, time_s, signature)


def _timestamped(name: str, alg: int, key: bytes, time_s: int, signature: bytes) -> NoteSignature:
    """The ``timestamped_signature`` of C2SP tlog-cosignature, "Format"."""
    _check_time(time_s)
    return NoteSignature(
        name=name,
        key_id=crypto.key_id(name, alg, key),
        signature=time_s.to_bytes(_STAMP_BYTES, "big") + signature,
    )


def vkey(name: str, alg: int, public_key: bytes) -> str:
    """A key in the text form that C2SP verifiers and witnesses are configured with."""
    key_id = crypto.key_id(name, alg, public_key).hex()
    return f"{name}+{key_id}+{base64.b64encode(bytes((alg,)) + public_key).decode('ascii')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedNote:
    """A text and the signatures under it (C2SP signed-note, "Format"). ``body`` is the text."""

    body: bytes
    signatures: tuple[NoteSignature, ...]

    def format(self) -> bytes:
        """The note as it is kept and shown.

        Raises ``LocalError`` with a code that ``parse`` has too when it could not be read back.
        """
        problem = self._problem()
        if problem:
            raise LocalError(problem[0], f"the note cannot be written: {problem[1]}")
        lines = "".join(signature.line() + "\n" for signature in self.signatures)
        data = self.body + b"\n" + lines.encode("utf-8")
        if len(data) > MAX_NOTE_BYTES:
            raise LocalError(
                "note.too_large",
                f"the note cannot be written: it has more than {MAX_NOTE_BYTES} bytes; shorten it",
            )
        return data

    @staticmethod
    def parse(data: bytes) -> SignedNote:
        """Read what ``format`` writes; no signature is verified here.

        Raises ``RemoteError``: ``note.too_large``; ``note.text`` when the text is not UTF-8, has
        control characters or no blank line after it; ``note.signature`` for a malformed line;
        ``note.signatures`` for none or more than 256.
        """
        if len(data) > MAX_NOTE_BYTES:
            raise _bad_note("too_large", f"it has more than {MAX_NOTE_BYTES} bytes; shorten it")
        text, blank, rest = data.rpartition(b"\n\n")
        if not blank:
            raise _bad_note("text", "it has no blank line before its signatures; copy it whole")
        lines = rest.split(b"\n", MAX_SIGNATURES + 1)
        if lines.pop():
            raise _bad_note("signatures", "it has too many, or the last line is cut; copy it whole")
        note = SignedNote(
            body=text + b"\n", signatures=tuple(_read_signature(line) for line in lines)
        )
        problem = note._problem()
        if problem:
            raise RemoteError(problem[0], f"the note is not well formed: {problem[1]}")
        return note

    def signed_by(self, name: str, log_key: bytes) -> bool:
        """Whether this key signed the text itself (signature type 0x01).

        ``False`` when it has no line here. Raises ``RemoteError`` (``note.forged``) when its line
        does not verify.
        """
        found = self._found(name, crypto.key_id(name, crypto.ALG_ED25519, log_key))
        if not all(crypto.verify(log_key, self.body, signature) for signature in found):
            raise _forged(name)
        return bool(found)

    def cosigned_by(self, name: str, cosign_key: bytes) -> int | None:
        """The time in seconds at which this key cosigned the text (signature type 0x04).

        ``None`` when it has no line here, the latest time when it has several. Raises
        ``RemoteError`` (``note.forged``) when a line of it does not verify.
        """
        return self._latest(name, crypto.ALG_COSIGNATURE, cosign_key)

    def mldsa_cosigned_by(self, name: str, key: bytes) -> int | None:
        """As ``cosigned_by``, for an ML-DSA-44 key (signature type 0x06).

        The signature covers origin, size and root, and no extension lines. Raises ``RemoteError``
        (``note.forged``), and the codes of ``read_checkpoint`` when the text is no checkpoint.
        """
        return self._latest(name, crypto.ALG_MLDSA, key)

    def _latest(self, name: str, alg: int, key: bytes) -> int | None:
        latest: int | None = None
        for signature in self._found(name, crypto.key_id(name, alg, key)):
            time_s = int.from_bytes(signature[:_STAMP_BYTES], "big")
            if time_s > MAX_COSIGN_TIME_S or not self._fits(name, alg, key, time_s, signature):
                raise _forged(name)
            latest = time_s if latest is None else max(latest, time_s)
        return latest

    def _fits(self, name: str, alg: int, key: bytes, time_s: int, signature: bytes) -> bool:
        made = signature[_STAMP_BYTES:]
        if alg == crypto.ALG_COSIGNATURE:
            return crypto.verify(key, cosign_message(time_s, self.body), made)
        try:
            message = mldsa_message(name, time_s, read_checkpoint(self.body))
        except LocalError:
            return False  # an origin or a name that no such signature can hold
        return crypto.verify_mldsa(key, message, made)

    def _found(self, name: str, key_id: bytes) -> list[bytes]:
        return [s.signature for s in self.signatures if (s.name, s.key_id) == (name, key_id)]

    def _problem(self) -> tuple[str, str] | None:
        """What keeps this note from being written and read back, as a code and a sentence."""
        text = self.body
        if not text.endswith(b"\n") or _CONTROL.search(text) or not _is_utf8(text):
            return (
                "note.text",
                "its text must be lines of UTF-8 without control characters; write it anew",
            )
        if not 1 <= len(self.signatures) <= MAX_SIGNATURES:
            return (
                "note.signatures",
                f"it must have 1 to {MAX_SIGNATURES} signatures; leave out some, or sign it",
            )
        for signature in self.signatures:
            if not (
                _is_name(signature.name)
                and len(signature.key_id) == 4
                and len(signature.signature) > 0
            ):
                return ("note.signature", "a signature has no proper name, id or bytes; repair it")
        return None


def _read_signature(line: bytes) -> NoteSignature:
    parts = line.split(b" ", 3)
    if len(parts) == 3 and parts[0] == "—".encode():
        name, blob = _read_name(parts[1]), _read_base64(parts[2])
        if name is not None and blob is not None and len(blob) > 4:
            return NoteSignature(name=name, key_id=blob[:4], signature=blob[4:])
    raise _bad_note("signature", "a signature line is not dash, name and base64; copy it whole")


def _bad_note(code: str, what: str) -> RemoteError:
    return RemoteError(f"note.{code}", f"the note is not well formed: {what}")


def _forged(name: str) -> RemoteError:
    return RemoteError(
        "note.forged",
        f"the signature of {name} under the note does not verify; trust nothing in it and ask "
        "where it comes from",
    )


# -------------------------------------------------------------------------------------- common


def _is_name(name: str) -> bool:
    """Whether this can be an origin or a key name: what C2SP demands, and 255 bytes at most."""
    try:
        data = name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return 1 <= len(data) <= MAX_NAME_BYTES and not _NOT_IN_NAMES.search(name)


def _read_name(data: bytes) -> str | None:
    try:
        name = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return name if _is_name(name) else None


def _read_base64(data: bytes) -> bytes | None:
    try:
        out = binascii.a2b_base64(data, strict_mode=True)
    except binascii.Error:
        return None
    # Strict mode lets through spare bits in the last letter: only one spelling may pass.
    return out if base64.b64encode(out) == data else None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
