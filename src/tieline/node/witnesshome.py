"""The folder of a witness: its name and key, the logs it watches over, and what it has cosigned.

Layout: ``witness.toml`` (name and addresses), ``witness.tlk`` (the key, encrypted), ``key`` (the
key file, when there is one), ``machine.id`` and ``mark`` (this machine's own, in no backup),
``logs.txt`` (a log a line: its vkey and its origin), ``charters/`` (lines whose stations it knows)
and ``heads.db``.

A witness is told of a log in one of two ways: by a vkey and an origin, which fits any C2SP log; or
by a charter, from which it takes the statement keys of the stations. Of a line it takes every
origin ``tieline.invalid/LINE/STATION/INCARNATION``, signed by that station under the newest charter
given.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tieline.core import checkpoint, crypto, encode
from tieline.core.charter import (
    Charter,
    CharterParty,
    CharterStation,
    SignedCharter,
    armor_charter,
    dearmor_charter,
)
from tieline.core.encode import Fields
from tieline.core.errors import LocalError, RemoteError, TielineError
from tieline.core.succession import check_successor
from tieline.core.tlogwitness import LogKey, read_vkey
from tieline.node import homekeys, keystore, privatefile
from tieline.node.secrets import LateKey, SeedKey, Unlock, lock_store, open_store
from tieline.store.heads import HeadStore

KEY_NAME: Final = "witness.tlk"
MAX_FILE: Final = 4 * 1024 * 1024
_ORIGIN: Final = re.compile(r"tieline\.invalid/([0-9a-f]{32})/([0-9a-f]{16})/[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessHome:
    """The folder of one witness; ``listen`` are the addresses it answers on."""

    path: Path
    name: str
    listen: tuple[str, ...]
    key_file: bool

    @property
    def keys_file(self) -> Path:
        return self.path / KEY_NAME

    @property
    def heads_file(self) -> Path:
        return self.path / "heads.db"

    @property
    def logs_file(self) -> Path:
        return self.path / "logs.txt"

    @property
    def charters(self) -> Path:
        return self.path / "charters"

    def tag(self) -> bytes:
        """What makes this folder on this machine itself, 32 bytes: no copy of it has the same."""
        machine = homekeys.read_machine_id(self.path)
        status = (self.path / homekeys.MACHINE_FILE).stat()
        try:
            system = Path("/etc/machine-id").read_bytes()
        except OSError:
            system = b""
        return hashlib.sha256(machine + b"%d\n" % status.st_ino + system).digest()

    # ----------------------------------------------------------------------------------- making

    @staticmethod
    def create(path: Path, name: str, listen: tuple[str, ...], unlock: Unlock) -> WitnessKey:
        """Make a witness in a folder that has none. Raises ``LocalError``, ``ShellError``.

        ``unlock`` is a passphrase, or the key file ``key`` in this folder.
        """
        if not name or re.search(r"[\s+\x00-\x1f\"\\]", name) or len(name.encode("utf-8")) > 80:
            raise LocalError(
                "witness.name",
                "a witness's name has 1 to 80 bytes without spaces, plus signs, quotes and control"
                " characters, such as witness.example/w1; choose another one",
            )
        home = WitnessHome(path=path, name=name, listen=listen, key_file=(path / "key").exists())
        seed = os.urandom(32)
        plain = encode.dumps({1: seed, 2: name, 3: os.urandom(32)})
        privatefile.write_new(path / homekeys.MACHINE_FILE, os.urandom(homekeys.MACHINE_BYTES))
        stored = lock_store(home.keys_file, keystore.WITNESS, plain, unlock)
        privatefile.write_new(home.keys_file, stored)
        home.charters.mkdir(mode=0o700)
        privatefile.write_new(home.logs_file, b"")
        HeadStore.create(home.heads_file, home.tag())
        addresses = ", ".join(f'"{address}"' for address in listen)
        text = f'name = "{name}"\nlisten = [{addresses}]\nkey_file = {str(home.key_file).lower()}\n'
        privatefile.write_new(path / "witness.toml", text.encode("utf-8"))
        return WitnessKey(plain)

    @staticmethod
    def open(path: Path) -> WitnessHome:
        """Open a witness's folder. Raises ``LocalError`` (``witness.folder``, ``config.*``)."""
        file = path / "witness.toml"
        if not file.exists():
            raise LocalError(
                "witness.folder",
                f"there is no witness in {path}; make one with 'tieline witness init NAME', or name"
                " its folder with --dir",
            )
        try:
            found = tomllib.loads(privatefile.read(file).decode("utf-8"))
        except ValueError as error:
            raise LocalError("config.form", f"{file} is not TOML ({error}); mend it") from error
        name, listen, key_file = (found.get(each) for each in ("name", "listen", "key_file"))
        right = isinstance(listen, list) and all(isinstance(one, str) for one in listen)
        if not (right and isinstance(name, str) and isinstance(key_file, bool) and len(found) == 3):
            raise LocalError(
                "config.value",
                f"{file} must give a name, a list of addresses to listen on, and whether a key file"
                " opens the key; mend it",
            )
        return WitnessHome(path=path, name=name, listen=tuple(listen or ()), key_file=key_file)

    def unlock(self, unlock_with: Unlock) -> WitnessKey:
        """The witness's key. Raises as ``secrets.unlock``."""
        return WitnessKey(open_store(self.keys_file, keystore.WITNESS, unlock_with))

    # ------------------------------------------------------------------------------------- logs

    def add_log(self, vkey: str, origin: str) -> LogKey:
        """Watch over one log more. An origin may have several keys, on a line each.

        Raises ``RemoteError`` (``vkey.form``, ``key.*``), ``LocalError`` (``witness.log``).
        """
        log = _log_key(vkey)
        origin = origin or log.name
        if "\n" in origin or not origin.isprintable() or not origin:
            raise LocalError("witness.log", "an origin is one line of text; give it as it is")
        line = f"{vkey} {origin}\n".encode()
        old = privatefile.read(self.logs_file)
        if line not in old.splitlines(keepends=True):
            privatefile.replace(self.logs_file, old + line)
        return log

    def add_charter(self, signed: SignedCharter) -> Charter:
        """Watch over every log of a line.

        Raises ``LocalError`` (``witness.charter``), and ``RemoteError`` (the codes of
        ``check_successor``) for one that does not follow the version that is here.
        """
        charter = signed.charter
        if not signed.complete:
            raise LocalError(
                "witness.charter",
                f"{', '.join(signed.missing)} have not signed this charter yet; a witness takes the"
                " keys of stations only from one that every party signed",
            )
        newest = self.lines().get(charter.line)
        if newest is not None and newest.version >= charter.version and newest != charter:
            raise LocalError(
                "witness.charter",
                f"version {newest.version} of this charter is here, and {charter.version} is not"
                " newer; nothing was changed",
            )
        if newest is not None and charter.version == newest.version + 1:
            check_successor(newest, charter)
        path = self.charters / f"{charter.line.hex()}-{charter.version}.charter"
        if not path.exists():
            privatefile.write_new(path, armor_charter(signed).encode("ascii"))
        return charter

    def lines(self) -> dict[bytes, Charter]:
        """The newest charter of each line. Raises ``LocalError`` (``witness.charter``)."""
        out: dict[bytes, Charter] = {}
        for path in sorted(self.charters.glob("*.charter")):
            try:
                charter = dearmor_charter(path.read_bytes()[:MAX_FILE].decode("ascii")).charter
            except (TielineError, UnicodeDecodeError) as error:
                raise LocalError(
                    "witness.charter", f"{path} does not read ({error}); take it away"
                ) from error
            if charter.line not in out or out[charter.line].version < charter.version:
                out[charter.line] = charter
        return out

    def directory(self) -> Directory:
        """The logs that this witness knows now. Raises ``LocalError``, ``RemoteError``."""
        logs: dict[str, tuple[LogKey, ...]] = {}
        for line in privatefile.read(self.logs_file).decode("utf-8").splitlines():
            vkey, _, origin = line.partition(" ")
            logs[origin] = (*logs.get(origin, ()), _log_key(vkey))
        return Directory(logs, self.lines())


class WitnessKey:
    """The two keys of a witness, unlocked: they sign cosignatures and nothing else.

    ``public`` is the Ed25519 key, ``late`` the ML-DSA-44 key, both under one name.
    """

    __slots__ = ("_key", "_late", "late", "name", "public")

    def __init__(self, plain: bytes) -> None:
        """Read the content of a key store. Raises ``RemoteError``."""
        fields = Fields(encode.loads(plain, keystore.LIMITS), "key store")
        self._key = SeedKey(fields.bytes(1, 32))
        self.name = fields.text(2)
        self.public = self._key.public
        self._late = LateKey(fields.bytes(3, 32))
        self.late = self._late.public

    def __repr__(self) -> str:
        return f"WitnessKey({self.name})"

    @property
    def vkey(self) -> str:
        """The public key as verifiers and charters take it."""
        return checkpoint.vkey(self.name, crypto.ALG_COSIGNATURE, self.public)

    @property
    def late_vkey(self) -> str:
        """The ML-DSA-44 key in the same form."""
        return checkpoint.vkey(self.name, crypto.ALG_MLDSA, self.late)

    def cosign(self, time_s: int, text: bytes) -> list[checkpoint.NoteSignature]:
        """The cosignatures of a checkpoint's text (C2SP tlog-cosignature, types 0x04 and 0x06).

        An origin of more than 255 bytes cannot have the second one.
        """
        signature = self._key.sign(checkpoint.cosign_message(time_s, text))
        made = [checkpoint.cosignature(self.name, self.public, time_s, signature)]
        try:
            message = checkpoint.mldsa_message(self.name, time_s, checkpoint.read_checkpoint(text))
        except LocalError:
            return made
        late = self._late.sign(message)
        return [*made, checkpoint.mldsa_cosignature(self.name, self.late, time_s, late)]


class Directory:
    """Which keys a witness trusts for an origin."""

    def __init__(self, logs: dict[str, tuple[LogKey, ...]], lines: dict[bytes, Charter]) -> None:
        self.logs = logs
        self.lines = lines

    def keys(self, origin: str) -> tuple[LogKey, ...]:
        """The keys that may sign checkpoints of this origin; none when the log is not known."""
        known = self.logs.get(origin, ())
        found = self.station(origin)
        if found is None:
            return known
        return (*known, LogKey(name=origin, key=found[2].certificate.sign_key))

    def station(self, origin: str) -> tuple[Charter, CharterParty, CharterStation] | None:
        """Whose log this is, when it is one of a line that this witness knows."""
        found = _ORIGIN.fullmatch(origin)
        charter = self.lines.get(bytes.fromhex(found[1])) if found is not None else None
        if found is None or charter is None:
            return None
        name = bytes.fromhex(found[2])
        for party in charter.parties:
            for entry in party.stations:
                if entry.station == name:
                    return charter, party, entry
        return None


def _log_key(vkey: str) -> LogKey:
    name, alg, key = read_vkey(vkey)
    if alg not in (crypto.ALG_ED25519, crypto.ALG_MLDSA):
        raise RemoteError(
            "vkey.type",
            f"the key of {name} has the signature type {alg} and a log's own must be of type 1"
            " (Ed25519) or 6 (ML-DSA-44); ask the log's operator for one of these",
        )
    return LogKey(name=name, key=key, alg=alg)
