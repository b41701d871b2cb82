"""A log as a folder of C2SP tlog-tiles: write it, and recompute it from its bytes up.

Layout: ``checkpoint`` and ``tile/`` as C2SP tlog-tiles says; ``charters/N.charter``, every version
of the line's charter, by which a reader without the record can check signatures; and, when the
entries are sealed, ``sealed/N`` for each 256 of them: an entry bundle sealed to the stations of the
line. A sealed entry is never under ``tile/entries``: it would not hash to its leaf.

Both directions go through the log once, in constant memory. The checkpoint is written last, once
all else is on the disk, so a folder that was not finished has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tieline.core import crypto, identity, statement, tiles
from tieline.core.charter import CharterParty, SignedCharter, armor_charter, dearmor_charter
from tieline.core.checkpoint import Checkpoint, SignedNote, origin, read_checkpoint
from tieline.core.errors import LocalError, RemoteError, ShellError, TielineError
from tieline.core.succession import check_successor
from tieline.core.tiles import WIDTH, Tiler
from tieline.node.view import Json, texts
from tieline.node.wholefile import make_folder, write_file
from tieline.store.disk import sync_file, sync_folder

OPEN: Final = "open"
SEALED: Final = "sealed"
NONE: Final = "none"
MODES: Final = (OPEN, NONE, SEALED)
MAX_NOTE: Final = 1_000_000
MAX_BUNDLE: Final = WIDTH * (2 + tiles.MAX_ENTRY)
MAX_SEALED: Final = MAX_BUNDLE + (1 << 20)
MAX_CHARTER: Final = 4 * 1024 * 1024
MAX_PROBLEMS: Final = 20
_COSIGNATURE: Final = 8 + crypto.SIGNATURE_BYTES  # a time and a signature
_OURS: Final = re.compile(r"tieline\.invalid/([0-9a-f]{32})/([0-9a-f]{16})/([0-9a-f]{16})")


# ------------------------------------------------------------------------------------------- write


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A log to be written: its checkpoint, its line's charters, and its entries from - to.

    ``seal`` seals bytes to all stations of the line; it is needed for sealed entries only.
    """

    note: SignedNote
    charters: Sequence[SignedCharter]
    entries: Callable[[int, int], list[bytes]]
    seal: Callable[[bytes], bytes]


def write(folder: Path, source: Source, mode: str) -> Checkpoint:
    """Write a log into a new or empty folder.

    Raises ``LocalError`` (``tiles.folder``, ``tiles.root``, ``tiles.entry``) and ``ShellError``
    (``tiles.write``).
    """
    head = read_checkpoint(source.note.body)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise LocalError("tiles.folder", f"{folder} is there already; name a new folder")
    tiler = Tiler()
    try:
        for start in range(0, head.size, WIDTH):
            stop = min(start + WIDTH, head.size)
            entries = source.entries(start, stop)
            if len(entries) != stop - start:
                raise LocalError(
                    "tiles.root", f"statement {start + len(entries)} of this log is not held here"
                )
            for leaf in tiles.leaves(entries):
                _put_all(folder, tiler.add(leaf))
            number, width = start // WIDTH, stop - start
            if mode == OPEN:
                name = tiles.path(tiles.ENTRIES, number, width)
                _put(folder / name, tiles.format_bundle(entries))
            elif mode == SEALED:
                _put(folder / f"sealed/{number}", source.seal(tiles.format_bundle(entries)))
        _put_all(folder, tiler.partial())
        if tiler.root() != head.root:
            raise LocalError(
                "tiles.root",
                "what is held of this log does not have the root of its checkpoint; run"
                " 'tieline verify'",
            )
        for signed in source.charters:
            name = f"charters/{signed.charter.version}.charter"
            _put(folder / name, armor_charter(signed).encode("ascii"))
        for path in folder.rglob("*"):
            if path.is_dir():
                sync_folder(path)
        write_file(folder / tiles.CHECKPOINT, source.note.format())
    except OSError as error:
        raise ShellError(
            "tiles.write", f"{folder} cannot be written ({error.strerror}); name another place"
        ) from error
    return head


def _put_all(folder: Path, made: Sequence[tiles.File]) -> None:
    for name, data in made:
        _put(folder / name, data)


def _put(path: Path, data: bytes) -> None:
    make_folder(path.parent)
    path.write_bytes(data)
    sync_file(path)


# ------------------------------------------------------------------------------------------ verify


@dataclass(slots=True)
class Finding:
    """What a check of a folder came to. ``said`` are the steps, in sentences."""

    said: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    statements: int = 0
    head: Checkpoint | None = None

    def bad(self, text: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)

    def as_json(self) -> dict[str, Json]:
        """The report of ``tieline verify``."""
        out: dict[str, Json] = {
            "ok": not self.problems,
            "statements": self.statements,
            "steps": texts(self.said),
            "problems": texts(self.problems),
        }
        if self.head is not None:
            out |= {
                "origin": self.head.origin,
                "size": self.head.size,
                "root": self.head.root.hex(),
            }
        return out


def is_folder(path: Path) -> bool:
    """Whether this looks like a log in tiles."""
    return path.is_dir() and (path / tiles.CHECKPOINT).is_file()


def check(
    folder: Path,
    given: Sequence[SignedCharter] = (),
    unseal: Callable[[bytes], bytes] | None = None,
) -> Finding:
    """Recompute a log from its folder. ``given`` are charters that the reader trusts.

    ``unseal`` opens what was sealed to the reader's station. Nothing is raised for what the folder
    holds: every fault is a problem in the finding.
    """
    finding = Finding()
    try:
        note = SignedNote.parse(_read(folder / tiles.CHECKPOINT, MAX_NOTE))
        head = read_checkpoint(note.body)
        finding.head = head
        finding.said.append(
            f"the checkpoint says that {head.origin} has {head.size} entries under the root"
            f" {head.root.hex()[:16]}"
        )
        charters = _charters(folder, given, finding)
        judge = _Judge(head, charters, finding)
        judge.note(note)
        _walk(folder, head, judge, finding, unseal)
    except TielineError as error:
        finding.bad(error.message)
    return finding


def check_note(note: SignedNote, head: Checkpoint, given: Sequence[SignedCharter]) -> Finding:
    """Check the signatures under a checkpoint by charters that the reader trusts."""
    finding = Finding(head=head)
    try:
        _Judge(head, {each.charter.version: each for each in given}, finding).note(note)
    except TielineError as error:
        finding.bad(error.message)
    return finding


def _walk(
    folder: Path,
    head: Checkpoint,
    judge: _Judge,
    finding: Finding,
    unseal: Callable[[bytes], bytes] | None,
) -> None:
    """Go through the leaves, and compare every tile with the one that they make."""
    tiler = Tiler()
    opened = sealed = 0
    for start in range(0, head.size, WIDTH):
        width = min(WIDTH, head.size - start)
        number = start // WIDTH
        row = _tile(folder, tiles.path("0", number, width), width)
        shown = folder / tiles.path(tiles.ENTRIES, number, width)
        hidden = folder / f"sealed/{number}"
        entries: list[bytes] | None = None
        if shown.exists():
            entries = tiles.parse_bundle(_read(shown, MAX_BUNDLE), width)
        elif hidden.exists():
            sealed += width
            if unseal is not None:
                entries = tiles.parse_bundle(unseal(_read(hidden, MAX_SEALED)), width)
        leaves = [row[at : at + 32] for at in range(0, len(row), 32)]
        if entries is not None:
            opened += width
            judge.entries(start, entries, leaves)
        for leaf in leaves:
            for name, data in tiler.add(leaf):
                _compare(folder, name, data)
        if finding.problems:
            return
    for name, data in tiler.partial():
        _compare(folder, name, data)
    if tiler.root() != head.root:
        finding.bad("the tiles do not lead to the root that the checkpoint says")
        return
    finding.said.append(f"the {head.size} leaves of the tiles have exactly this root")
    if opened:
        finding.said.append(f"{opened} entries hash to their leaves, each in its place")
    if opened < head.size:
        why = "sealed, and not for this station" if sealed else "not in the folder"
        finding.said.append(f"{head.size - opened} entries are {why}: only their hashes are shown")


def _compare(folder: Path, name: str, data: bytes) -> None:
    if _tile(folder, name, len(data) // 32) != data:
        raise RemoteError("tiles.tile", f"{name} is not what the tiles below it make")


def _tile(folder: Path, name: str, width: int) -> bytes:
    data = _read(folder / name, WIDTH * 32)
    if len(data) != width * 32:
        raise RemoteError("tiles.tile", f"{name} has {len(data)} bytes and not {width * 32}")
    return data


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise RemoteError("tiles.file", f"{path} cannot be read ({why})") from error
    if len(data) > limit:
        raise RemoteError("tiles.file", f"{path} has more than {limit} bytes")
    return data


def _charters(
    folder: Path, given: Sequence[SignedCharter], finding: Finding
) -> dict[int, SignedCharter]:
    """The charters to check by: those of the folder, which must agree with the given ones."""
    out = {signed.charter.version: signed for signed in given}
    for path in sorted((folder / "charters").glob("*.charter")):
        try:
            signed = dearmor_charter(_read(path, MAX_CHARTER).decode("ascii"))
        except UnicodeDecodeError:
            raise RemoteError("tiles.file", f"{path} is no charter") from None
        mine = out.setdefault(signed.charter.version, signed)
        if mine.charter.hash != signed.charter.hash:
            finding.bad(f"{path} is not the charter that was given")
    for version, signed in sorted(out.items()):
        if not signed.complete:
            finding.bad(f"version {version} of the charter is not signed by every party")
        try:
            if version - 1 in out:  # whom it may excuse from signing, the one before it says
                check_successor(out[version - 1].charter, signed.charter)
            elif version > max((one.charter.version for one in given), default=version):
                finding.bad(f"version {version - 1} of the charter is not here, so nothing ties the"
                            " next one to those that were given")  # fmt: skip
        except RemoteError as error:
            finding.bad(error.message)
    if out and not given:
        newest = out[max(out)].charter
        roots = "; ".join(
            f"{party.code}: {' '.join(identity.words(_print(newest.realm, party)))}"
            for party in newest.parties
        )
        finding.said.append(
            f"the keys are those of the charter in the folder, version {newest.version}; whether"
            f" they are the parties', their words tell: {roots}"
        )
    return out


def _print(realm: str, party: CharterParty) -> bytes:
    return identity.root_fingerprint(party.code, realm, party.root_key)


class _Judge:
    """Checks signatures and chain, when it is a log of ours and there is a charter."""

    def __init__(
        self, head: Checkpoint, charters: dict[int, SignedCharter], finding: Finding
    ) -> None:
        self._head = head
        self._charters = charters
        self._finding = finding
        self._previous: bytes | None = None
        self._next = 0
        self._ours = _OURS.fullmatch(head.origin)
        station = bytes.fromhex(self._ours[2]) if self._ours else b""
        self._keys: dict[int, bytes] = {}
        for version, signed in charters.items():
            entry = signed.charter.station(station)
            if entry is not None and signed.charter.line.hex() == (self._ours or ("", ""))[1]:
                self._keys[version] = entry.certificate.sign_key
        if charters and not self._keys:
            finding.bad("the charter does not name the station of this log")
        elif not self._keys:
            finding.said.append(
                "no charter names the station of this log: no signature was checked"
                if self._ours
                else "this is no log of a line: its entries are not looked into"
            )

    def note(self, note: SignedNote) -> None:
        """The signatures under the checkpoint."""
        if not self._keys:
            return
        keys = dict.fromkeys(self._keys[version] for version in sorted(self._keys, reverse=True))
        # One bad line of a known key spoils the note, so every key is asked.
        signed = [key for key in keys if note.signed_by(self._head.origin, key)]
        if signed:
            self._finding.said.append("the station of this log signed the checkpoint")
        else:
            self._finding.bad("the station of this log has not signed the checkpoint")
        holders = self._cosigners(note)
        if holders:
            self._finding.said.append(f"stations that cosigned it: {', '.join(holders)}")
        newest = self._charters[max(self._keys)].charter
        named = [
            witness.name
            for witness in newest.witnesses
            if note.cosigned_by(witness.name, witness.key) is not None
        ]
        for witness in newest.witnesses:
            if witness.mldsa:  # a bad line of it spoils the note
                note.mldsa_cosigned_by(witness.name, witness.mldsa)
        if newest.witnesses:
            who = f" ({', '.join(named)})" if named else ""
            self._finding.said.append(
                f"{len(named)} of its {len(newest.witnesses)} witnesses cosigned it{who};"
                f" {newest.quorum} are needed"
            )

    def _cosigners(self, note: SignedNote) -> list[str]:
        """The stations whose receipt key, of any of the charters, cosigned it."""
        stations = {
            entry.certificate.cosign_key: f"{party.code}/{entry.certificate.station_name}"
            for _, signed in sorted(self._charters.items())
            for party in signed.charter.parties
            for entry in party.stations
        }
        found: dict[str, None] = {}
        for line in note.signatures:
            if len(line.signature) != _COSIGNATURE:
                continue
            for key, name in stations.items():
                ours = crypto.key_id(line.name, crypto.ALG_COSIGNATURE, key) == line.key_id
                if ours and note.cosigned_by(line.name, key) is not None:
                    found[name] = None
        return list(found)

    def entries(self, start: int, entries: Sequence[bytes], leaves: Sequence[bytes]) -> None:
        """256 entries against their leaves, and each statement against its place and key."""
        for number, (entry, leaf) in enumerate(zip(entries, leaves, strict=True), start):
            if statement.statement_digest(entry) != leaf:
                self._finding.bad(f"entry {number} does not hash to its leaf")
                return
            if self._keys:
                self._statement(number, entry)
        self._finding.statements += len(entries)

    def _statement(self, number: int, entry: bytes) -> None:
        realm = next(iter(self._charters.values())).charter.realm
        parsed = statement.parse(realm, entry)
        place = parsed.place
        if origin(place.line, place.station, place.incarnation) != self._head.origin:
            self._finding.bad(f"statement {number} is of another log")
        elif place.position != number or (
            self._next == number and place.previous != self._previous
        ):
            self._finding.bad(f"statement {number} does not follow from the one before it")
        key = self._keys.get(place.charter)
        if key is None:
            self._finding.bad(
                f"statement {number} is under version {place.charter} of the charter, which is not"
                " here"
            )
        elif not crypto.verify(key, parsed.signed, parsed.signature):
            self._finding.bad(f"the signature of statement {number} does not verify")
        self._previous, self._next = parsed.digest, number + 1
