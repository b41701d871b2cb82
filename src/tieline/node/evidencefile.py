"""The evidence file on the disk: making one of a line, and taking the bytes out of one again.

The file is the page that reads it, with the bytes in base64 in its middle (docs/evidence.md section
1). Nothing of the record stands anywhere else in it. It appears under its name only when it is
whole, and never in the place of another file. The text of a proof may stand in the page instead
(section 9).

This module does not know what the bytes say; ``core.evidence_reader`` and ``core.proof`` do.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import BinaryIO, Final, Self

from tieline.core.agreement.model import Pack
from tieline.core.errors import LocalError, RemoteError, ShellError
from tieline.core.evidence import MAGIC, MAX_FILE_BYTES, Header, Scope, broken
from tieline.core.evidence_facts import Report
from tieline.core.evidence_reader import read
from tieline.core.evidence_writer import Source, Writer
from tieline.core.line import Line
from tieline.core.noted import LogNotes, Noted
from tieline.core.proof import MAX_PROOF_TEXT, PROOF_BEGINS
from tieline.core.record import Item
from tieline.core.terms import MAX_TIME_MS
from tieline.node.view import Json
from tieline.store import disk

TAG: Final = b'<script type="application/vnd.tieline.evidence" id="evidence">'
PLACE: Final = b"@@EVIDENCE@@\n"
_MAX_PAGE: Final = 4 * 1024 * 1024  # how far into a document the block may begin
_ROW: Final = 3 * 1024  # bytes in one line of base64
_CHUNK: Final = 256 * 1024
_AT_ONCE: Final = 200  # items between two looks at what else a station has to do


def page() -> tuple[bytes, bytes]:
    """The page in two halves: what stands before the block's content, and what after."""
    whole = resources.files("tieline.node").joinpath("page/evidence.html").read_bytes()
    before, place, after = whole.partition(PLACE)
    if not place or not before.endswith(TAG + b"\n"):
        raise ShellError("evidence.page", "the page of this build has no place for evidence")
    return before, after


def wrapped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The whole document around evidence bytes, piece by piece."""
    before, after = page()
    yield before
    rest = b""
    for piece in pieces:
        rest += piece
        while len(rest) >= _ROW:
            yield base64.b64encode(rest[:_ROW]) + b"\n"
            rest = rest[_ROW:]
    if rest:
        yield base64.b64encode(rest) + b"\n"
    yield after


def scope_of(start_ms: int, end_ms: int, item: Item | None) -> Scope:
    """What evidence is about; a bound that bounds nothing is left out.

    Raises ``LocalError`` (``act.argument``).
    """
    if start_ms > end_ms or end_ms > MAX_TIME_MS:
        raise LocalError("act.argument", "the time of the evidence ends before it begins")
    return Scope(
        from_ms=start_ms or None,
        to_ms=None if end_ms == MAX_TIME_MS else end_ms,
        item=None if item is None else item.statement.digest,
    )


def source_of(line: Line, packs: Mapping[bytes, Pack] | None = None) -> Source:
    """What the evidence of a line is made of; of each log the checkpoints that say most.

    ``packs``: those that are here, by hash.

    Checkpoints that contradict the record are no part of it: they are in proof files.
    """
    heads = {name: list(_heads(book)) for name, book in line.notes.items()}
    return Source(
        charters=[line.charters[version] for version in sorted(line.charters)],
        record=line.record,
        ladder=line.ladder,
        packs=packs or {},
        notes={name: [noted.note.format() for noted in found] for name, found in heads.items()},
        keys={key for found in heads.values() for noted in found for key in noted.keys},
    )


def _heads(book: LogNotes) -> Iterator[Noted]:
    """The newest checkpoint, the newest with ML-DSA-44, the newest that somebody cosigned."""
    agreed = {size: noted for size, noted in book.heads.items() if size not in book.open}
    chosen = {
        max((size for size, noted in agreed.items() if wanted(noted)), default=-1)
        for wanted in (
            lambda _: True,
            lambda noted: noted.sealed,
            lambda noted: len(noted.note.signatures) > 1 + noted.sealed,
        )
    }
    return (agreed[size] for size in sorted(chosen - {-1}))


# ------------------------------------------------------------------------------------- making


class _Target:
    """A new file, named only when it is whole."""

    def __init__(self, path: Path) -> None:
        if path.exists() or path.is_symlink():
            raise LocalError("file.exists", f"{path} exists; name another file")
        self._path = path
        self._part = path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}")
        self._file: BinaryIO | None = None
        self.size = 0

    def __enter__(self) -> Self:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            self._file = os.fdopen(os.open(self._part, flags, 0o600), "wb")
        except OSError as error:
            raise self._failed(error) from error
        return self

    def write(self, data: bytes) -> None:
        """Put more into it."""
        self.size += len(data)
        if self.size > MAX_FILE_BYTES:
            raise LocalError(
                "evidence.scope_too_large",
                f"evidence of that scope has more than {MAX_FILE_BYTES // 2**20} MiB; make several"
                " files with --from and --to",
            )
        try:
            if self._file is not None:
                self._file.write(data)
        except OSError as error:
            raise self._failed(error) from error

    def finish(self) -> None:
        """Sync it, and give it its name for good."""
        named = False
        try:
            if self._file is not None:
                self._file.flush()
                os.fsync(self._file.fileno())
            if self._path.exists():
                raise LocalError("file.exists", f"{self._path} exists; name another file")
            self._part.rename(self._path)
            named = True
            disk.sync_folder(self._path.parent)
        except OSError as error:
            if named:  # whether the name would last nobody knows
                self._path.unlink(missing_ok=True)
            raise self._failed(error) from error

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> ShellError:
        why = (error.strerror or "no reason given").lower()
        text = f"{self._path} cannot be written ({why}); nothing was kept, name another place"
        return ShellError("evidence.write", text, transient=True)


async def make(
    line: Line, out: Path, scope: Scope, made_ms: int, packs: Mapping[bytes, Pack] | None = None
) -> dict[str, Json]:
    """Write the evidence of a line into a new file, while a station goes on.

    ``packs``: those that are here, by hash; the file carries what its forms need of them.
    Raises ``TielineError``: ``evidence.*``, ``file.exists``.
    """
    header = Header(line.id, line.realm, made_ms, line.own, scope)
    writer = Writer(source_of(line, packs), header)
    with _Target(out) as target:
        for number, piece in enumerate(wrapped(writer.items())):
            target.write(piece)
            if not number % _AT_ONCE:
                await asyncio.sleep(0)
        target.finish()
    return {
        "file": str(out),
        "bytes": target.size,
        "line": line.id.hex(),
        "realm": line.realm,
        "statements": writer.statements,
        "left_out": writer.left_out,
        "packs": [
            {"id": pack.id, "version": pack.version, "hash": digest.hex(), "bytes": len(pack.body)}
            for digest, pack in writer.packs.items()
        ],
        "packs_missing": [digest.hex() for digest in writer.packs_away],
    }


# ------------------------------------------------------------------------------------- reading


def is_evidence(start: bytes) -> bool:
    """Whether a file that begins so may be evidence: its bytes alone, or a page around them."""
    begin = start.lstrip()[:15].lower()
    return start.startswith(MAGIC[:17]) or begin.startswith((b"<!doctype html", b"<html"))


def read_file(path: Path) -> tuple[Report, bool]:
    """Read evidence, alone or in its page; also whether the page is that of this version.

    Raises ``LocalError`` (``file.read``).
    """
    try:
        with path.open("rb") as file:
            start = file.read(_CHUNK)
            if start.startswith(MAGIC[:17]):
                return read(_chunks(start, file)), True
            unwrapped = Unwrapped(start, file)
            report = _read_page(unwrapped)
            return report, unwrapped.known
    except OSError as error:
        raise LocalError("file.read", f"{path} cannot be read ({error.strerror})") from error


def proof_in(path: Path) -> tuple[bytes, bool] | None:
    """The text of a proof in a page, and whether the page is that of this version.

    ``None`` when there is no page, or no proof in it. Raises ``LocalError`` (``file.read``) and
    ``RemoteError`` (``evidence.magic``, ``.too_large``) for a page that is not whole.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_CHUNK)
            if start.startswith(MAGIC[:17]):
                return None
            unwrapped = Unwrapped(start, file)
            return _proof_of(unwrapped)
    except OSError as error:
        raise LocalError("file.read", f"{path} cannot be read ({error.strerror})") from error


def _proof_of(unwrapped: Unwrapped) -> tuple[bytes, bool] | None:
    pieces = unwrapped.pieces()
    text = b""
    try:
        while len(text) < len(PROOF_BEGINS):
            text += next(pieces)
    except (RemoteError, StopIteration):
        return None
    if not text.startswith(PROOF_BEGINS):
        return None
    for piece in pieces:
        text += piece
        if len(text) > MAX_PROOF_TEXT:
            break  # more than a proof may have: the rest is not looked at
    else:
        unwrapped.finish()
    return text, unwrapped.known


def _read_page(unwrapped: Unwrapped) -> Report:
    """Read the block, and then what follows it: a second block would be another story."""
    report = read(unwrapped.pieces())
    if not report.broken:
        try:
            unwrapped.finish()
        except RemoteError as error:
            report.broken = True
            report.fault(error.code, 0, error.message)
    return report


def _chunks(start: bytes, file: BinaryIO) -> Iterator[bytes]:
    while start:
        yield start
        start = file.read(_CHUNK)


class Unwrapped:
    """The block of a page. ``known``: the page around it is the one that this version writes."""

    def __init__(self, start: bytes, file: BinaryIO) -> None:
        self._file = file
        self._data = start
        self._total = len(start)
        self.known = False

    def pieces(self) -> Iterator[bytes]:
        """The evidence bytes. Raises ``RemoteError`` (``evidence.magic``, ``.too_large``)."""
        while TAG not in self._data:
            if len(self._data) > _MAX_PAGE or not self._more():
                raise broken("magic", "has no block of evidence in its page")
        before, _, self._data = self._data.partition(TAG)
        self.known = before + TAG + b"\n" == page()[0]
        letters = b""
        while True:
            text, end, rest = self._data.partition(b"<")
            letters += text.replace(b"\n", b"")
            if end:
                self._data = end + rest
                break
            whole = len(letters) // 4 * 4 - 4  # the last group may be padded: it waits
            if whole > 0:
                yield _decode(letters[:whole], last=False)
                letters = letters[whole:]
            self._data = b""
            if not self._more():
                raise broken("magic", "has a block of evidence without an end")
        yield _decode(letters, last=True)

    def finish(self) -> None:
        """Read to the end of the document: there must be no second block."""
        after, seen, tail = page()[1], 0, b""
        while self._data or self._more():
            fresh, self._data = self._data, b""
            if TAG in tail + fresh:
                raise broken("magic", "has a second block of evidence in its page")
            tail = (tail + fresh)[1 - len(TAG) :]
            self.known = self.known and after[seen : seen + len(fresh)] == fresh
            seen += len(fresh)
        self.known = self.known and seen == len(after)

    def _more(self) -> bool:
        data = self._file.read(_CHUNK)
        self._data += data
        self._total += len(data)
        if self._total > MAX_FILE_BYTES:
            raise broken("too_large", f"has more than {MAX_FILE_BYTES} bytes")
        return bool(data)


def _decode(letters: bytes, *, last: bool) -> bytes:
    try:
        data = binascii.a2b_base64(letters, strict_mode=True)
    except binascii.Error:
        raise broken("magic", "has a block of evidence that is no base64") from None
    if base64.b64encode(data) != letters or (not last and b"=" in letters):
        raise broken("magic", "has a block of evidence that is no base64")
    return data
