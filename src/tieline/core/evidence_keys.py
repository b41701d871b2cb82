"""Whose keys an evidence file knows, and which lines of a note are theirs.

They are those of every station in every version of the charter, and of the witnesses
(docs/evidence.md section 4, "Known keys").
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tieline.core import checkpoint, crypto
from tieline.core.charter import Charter, CharterStation
from tieline.core.checkpoint import Checkpoint, NoteSignature, SignedNote
from tieline.core.closing import Closings
from tieline.core.statement import Statement
from tieline.core.succession import ended_stations
from tieline.core.terms import Kind

_STAMPED = 8 + crypto.SIGNATURE_BYTES
_STAMPED_MLDSA = 8 + crypto.MLDSA_SIGNATURE_BYTES


@dataclass(slots=True)
class Lines:
    """What the lines of one note are worth. ``forged`` names the first known key that is not."""

    since: int
    forged: str = ""
    own: bool = False
    unknown: bool = False
    sealed: bool = False  # a verified ML-DSA-44 line
    stations: list[tuple[bytes, int]] = field(default_factory=list)
    witnesses: list[tuple[str, int]] = field(default_factory=list)
    late_witnesses: list[tuple[str, int]] = field(default_factory=list)  # with ML-DSA-44

    @property
    def covers(self) -> bool:
        """Whether an Ed25519 line of a known key verified."""
        return self.own or bool(self.stations) or bool(self.witnesses)

    @property
    def verified(self) -> bool:
        """Whether any line of a known key verified."""
        return self.covers or self.sealed or bool(self.late_witnesses)


class Keys:
    """All versions of the charter, as far as keys go."""

    def __init__(self) -> None:
        self.closings = Closings()
        self._charters: list[Charter] = []
        self._newest: dict[bytes, tuple[str, CharterStation]] = {}
        self._sign: dict[bytes, list[bytes]] = {}
        self._cosign: dict[bytes, dict[bytes, int]] = {}  # key, and the last version with it
        self._witnesses: dict[tuple[str, bytes], bytes] = {}
        self._late_witnesses: dict[tuple[str, bytes], bytes] = {}
        self._late: dict[bytes, bytes] = {}  # hash of an ML-DSA-44 key, and whose it is
        self._mldsa: list[tuple[bytes, bytes]] = []

    def add(self, charter: Charter) -> None:
        """The next version."""
        if charter.closed is not None and self._charters:
            ended = ended_stations(self._charters[-1], charter)
            self.closings.add(charter.version, ended, charter.closed)
        self._charters.append(charter)
        for station in charter.stations():
            entry = charter.station(station)
            if entry is None:
                continue
            self._newest[station] = (charter.party_of(station), entry)
            if entry.certificate.mldsa_hash is not None:
                self._late.setdefault(entry.certificate.mldsa_hash, station)
            keys = self._sign.setdefault(station, [])
            if entry.certificate.sign_key not in keys:
                keys.append(entry.certificate.sign_key)
            cosign = self._cosign.setdefault(station, {})
            cosign[entry.certificate.cosign_key] = charter.version
        for witness in charter.witnesses:
            key_id = crypto.key_id(witness.name, crypto.ALG_COSIGNATURE, witness.key)
            self._witnesses[witness.name, key_id] = witness.key
            if witness.mldsa:
                late_id = crypto.key_id(witness.name, crypto.ALG_MLDSA, witness.mldsa)
                self._late_witnesses[witness.name, late_id] = witness.mldsa

    def add_mldsa(self, key: bytes) -> bool:
        """Take an ML-DSA-44 key that a certificate names by its hash; False when none does."""
        owner = self._late.get(crypto.sha256(key))
        if owner is not None:
            self._mldsa.append((owner, key))
        return owner is not None

    def station(self, station: bytes) -> CharterStation | None:
        """The newest entry of a station."""
        found = self._newest.get(station)
        return found[1] if found else None

    def party_of(self, station: bytes) -> str | None:
        """The party of a station, by the newest version that names it."""
        found = self._newest.get(station)
        return found[0] if found else None

    def name_of(self, station: bytes) -> str:
        """A station as people name it: party and station, or its id when no charter names it."""
        found = self._newest.get(station)
        if found is None:
            return f"an unknown station {station.hex()}"
        name = f"{found[0]}/{found[1].certificate.station_name}"
        gone = self._charters[-1].station(station) is None
        return f"{name} (no longer on the line)" if gone else name

    def sign_key(self, version: int, station: bytes) -> bytes | None:
        """The statement key of a station under one version."""
        if not 1 <= version <= len(self._charters):
            return None
        entry = self._charters[version - 1].station(station)
        return entry.certificate.sign_key if entry else None

    def unheard(self, statement: Statement) -> bool:
        """Whether a statement is an observer's by the version it goes by, and opens no log."""
        place = statement.place
        charter = self._charters[place.charter - 1]
        spoken = statement.content.kind is not Kind.OPEN
        return spoken and charter.party_of(place.station) in charter.observers

    def party_in(self, version: int, station: bytes) -> str:
        """The party of a station under a version that names it."""
        return self._charters[version - 1].party_of(station)

    @property
    def versions(self) -> int:
        """How many versions of the charter there are."""
        return len(self._charters)

    def cosign_keys(self, station: bytes, since: int) -> list[bytes]:
        """The receipt keys of a station in the versions from ``since`` on."""
        keys = self._cosign.get(station, {})
        return [key for key, last in keys.items() if last >= since]

    def lines(
        self,
        note: SignedNote,
        head: Checkpoint,
        station: bytes,
        since: int,
    ) -> Lines:
        """Judge every line under a head of a station's log that goes by version ``since``."""
        out, forged = Lines(since=since), ""
        for line in note.signatures:
            if not self._line(out, line, note.body, head, station):
                out.unknown = True
            forged = forged or out.forged
        out.forged = forged
        return out

    def _line(
        self, out: Lines, line: NoteSignature, body: bytes, head: Checkpoint, station: bytes
    ) -> bool:
        """Judge one line; False when it is of no known key."""
        name, made = line.name, line.signature
        if name == head.origin and len(made) == crypto.SIGNATURE_BYTES:
            for key in self._sign.get(station, []):
                if crypto.key_id(name, crypto.ALG_ED25519, key) == line.key_id:
                    out.own = crypto.verify(key, body, made)
                    out.forged = "" if out.own else "the log's own station"
                    return True
        if len(made) == _STAMPED_MLDSA:
            return self._late_line(out, line, head)
        if len(made) != _STAMPED:
            return False
        witness = self._witnesses.get((name, line.key_id))
        if witness is not None:
            if (time_s := _stamp(witness, body, made)) is None:
                out.forged = f"the witness {name}"
            else:
                out.witnesses.append((name, time_s))
            return True
        for cosigner in self._cosign:
            for key in self.cosign_keys(cosigner, out.since):
                if crypto.key_id(name, crypto.ALG_COSIGNATURE, key) == line.key_id:
                    if (time_s := _stamp(key, body, made)) is None:
                        out.forged = self.name_of(cosigner)
                    else:
                        out.stations.append((cosigner, time_s))
                    return True
        return False

    def _late_line(self, out: Lines, line: NoteSignature, head: Checkpoint) -> bool:
        """Judge a line of the length of an ML-DSA-44 cosignature; False when of no known key."""
        for station, key in self._mldsa:
            if crypto.key_id(line.name, crypto.ALG_MLDSA, key) == line.key_id:
                good = _late_stamp(key, line, head) is not None
                out.sealed = out.sealed or good
                out.forged = "" if good else self.name_of(station)
                return True
        witness = self._late_witnesses.get((line.name, line.key_id))
        if witness is None:
            return False
        time_s = _late_stamp(witness, line, head)
        if time_s is None:
            out.forged = f"the witness {line.name}"
        else:
            out.late_witnesses.append((line.name, time_s))
        return True


def _late_stamp(key: bytes, line: NoteSignature, head: Checkpoint) -> int | None:
    """The time of an ML-DSA-44 cosignature that verifies."""
    time_s = int.from_bytes(line.signature[:8], "big")
    if time_s > checkpoint.MAX_COSIGN_TIME_S:
        return None
    message = checkpoint.mldsa_message(line.name, time_s, head)
    return time_s if crypto.verify_mldsa(key, message, line.signature[8:]) else None


def _stamp(key: bytes, body: bytes, made: bytes) -> int | None:
    """The time of a cosignature that verifies."""
    time_s = int.from_bytes(made[:8], "big")
    if time_s > checkpoint.MAX_COSIGN_TIME_S:
        return None
    message = checkpoint.cosign_message(time_s, body)
    return time_s if crypto.verify(key, message, made[8:]) else None
