"""Golden artefacts: one of each kind of signed or sealed bytes, and the whole of what takes it in.

Their bytes are the shipped vectors where there are some, which share no code with the product; the
others are made here. ``take`` does all that the product does before it believes, and raises.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.core.world import START_MS, chaff
from tests.faults.rows import scratch

from tieline.core import bundle, crypto, encode, identity, proof, statement
from tieline.core.charter import parse_signed_charter
from tieline.core.checkpoint import Receipt, SignedNote, parse_body, verify_receipt
from tieline.core.errors import RemoteError
from tieline.core.line import Line
from tieline.node import backupfile, packs
from tieline.node.secrets import StationKeys
from tieline.ports import Fact
from tieline.sim.mutants import Mutant, in_force

VECTORS: Final = Path(__file__).parents[2] / "vectors"
SECRET: Final = chaff("backup secret", 32)


@dataclass(frozen=True, slots=True)
class Golden:
    """Bytes that are taken, and what takes them: raises ``TielineError`` where it does not."""

    name: str
    data: bytes
    take: Callable[[bytes], object]


@dataclass(slots=True)
class Meter:
    """How often a signature was verified."""

    calls: int = 0


def _verifying(
    opened: Callable[[bytes, bytes], bytes], sealed: Callable[[bytes, bytes, bytes], bool]
) -> AbstractContextManager[None]:
    """All signatures are verified by two functions of one module: let others stand there."""
    return in_force(
        Mutant(
            name="verifying", invariants=frozenset(), what="",
            patches=((crypto, "crypto_sign_open", opened), (crypto, "verify_mldsa", sealed)),
        )
    )  # fmt: skip


@contextlib.contextmanager
def counted() -> Iterator[Meter]:
    """Count verifications."""
    meter = Meter()
    opened: Callable[[bytes, bytes], bytes] = vars(crypto)["crypto_sign_open"]
    sealed = crypto.verify_mldsa

    def opening(signed: bytes, key: bytes) -> bytes:
        meter.calls += 1
        return opened(signed, key)

    def late(key: bytes, message: bytes, signature: bytes) -> bool:
        meter.calls += 1
        return sealed(key, message, signature)

    with _verifying(opening, late):
        yield meter


def signed_by_anybody() -> AbstractContextManager[None]:
    """Every signature fits."""
    return _verifying(lambda *_: b"", lambda *_: True)


def vector(path: str) -> Any:
    return json.loads((VECTORS / f"{path}.json").read_text("utf-8"))


def _refused(code: str) -> RemoteError:
    return RemoteError(code, "refused")


def _statement() -> Golden:
    given = vector("statement/flips")
    key = bytes.fromhex(given["key"])

    def take(data: bytes) -> None:
        read = statement.parse(given["realm"], data)
        if not crypto.verify(key, read.signed, read.signature):
            raise _refused("statement.forged")

    return Golden("statement", bytes.fromhex(given["statement"]), take)


def _receipt() -> Golden:
    given = vector("checkpoint/receipts")
    root, key = bytes.fromhex(given["root"]), bytes.fromhex(given["key"])
    log, cosigner = bytes.fromhex(given["log"]), bytes.fromhex(given["cosigner"])

    def take(data: bytes) -> None:
        receipt = Receipt.decode(data)
        # A station looks the log and the key up by these two, and has the root of one size.
        if (receipt.log, receipt.cosigner) != (log, cosigner) or receipt.size != given["size"]:
            raise _refused("receipt.unknown")
        if not verify_receipt(receipt, given["origin"], root, key):
            raise _refused("receipt.forged")

    return Golden("receipt", bytes.fromhex(given["encoded"]), take)


def _checkpoint() -> Golden:
    case = next(c for c in vector("checkpoint/notes")["cases"] if not c["code"])
    check = case["checks"][0]
    key = bytes.fromhex(check["key"])

    def take(data: bytes) -> None:
        note = SignedNote.parse(data)
        head = parse_body(note.body)
        if head.origin != check["name"] or not note.signed_by(check["name"], key):
            raise _refused("note.unsigned")

    return Golden("checkpoint", case["text"].encode(), take)


def receiver() -> tuple[Line, StationKeys]:
    """The station that the sealed bundle of the vectors is for."""
    given = vector("bundle/open")
    plain: encode.Value = {
        **dict.fromkeys((1, 2, 3, 5), bytes(32)),
        4: bytes.fromhex(given["seal_private"]),
        6: bytes.fromhex(given["root_key"]),
        7: bytes.fromhex(given["certificate"]),
    }
    line = Line(bytes.fromhex(given["receiver"]), _charter_of(given["charter"]))
    return line, StationKeys(encode.dumps(plain))


@cache
def _charter_of(text: str) -> Any:
    return parse_signed_charter(bytes.fromhex(text))


def _bundle() -> Golden:
    line, keys = receiver()

    def take(data: bytes) -> None:
        read = bundle.parse("", data)
        bundle.check(read, {line.id: line})
        bundle.envelopes_of(keys.open_sealed(read.sealed))

    return Golden("bundle", bytes.fromhex(vector("bundle/open")["bundle"]), take)


def _charter() -> Golden:
    def take(data: bytes) -> None:
        if not parse_signed_charter(data).complete:
            raise _refused("charter.incomplete")

    return Golden("charter", _first("charter/accept", "charter"), take)


def _certificate() -> Golden:
    case = vector("certificate/accept")["cases"][0]
    root = root_of_certificate()
    return Golden(
        "certificate",
        bytes.fromhex(case["certificate"]),
        lambda data: identity.parse_certificate(data, root),
    )


def root_of_certificate() -> bytes:
    """The root under which the certificate of the vectors is good."""
    return bytes.fromhex(vector("certificate/accept")["cases"][0]["root_key"])


def _first(path: str, key: str) -> bytes:
    return bytes.fromhex(vector(path)["cases"][0][key])


def _proofs() -> Iterator[Golden]:
    kinds: dict[str, bytes] = {}
    for case in vector("proof/accept")["cases"]:
        kinds.setdefault(case["kind"], bytes.fromhex(case["proof"]))
    for kind, data in kinds.items():
        yield Golden(f"proof of {kind}", data, proof.check)


def _pack() -> Golden:
    given = vector("pack/accept")["cases"][0]
    digest = bytes.fromhex(given["hash"])

    def take(data: bytes) -> None:
        with scratch() as name:  # a station finds it under the hash that the charter names
            path = packs.kept(Path(name), digest)
            path.parent.mkdir()
            path.write_bytes(data)
            packs.load_kept(Path(name), digest)

    return Golden("pack", bytes.fromhex(given["body"]), take)


def read_backup(data: bytes) -> None:
    """All of a backup, to its end."""
    reader = backupfile.Reader(io.BytesIO(data))
    manifest = reader.open(SECRET)
    list(reader.files())
    list(reader.batches(manifest))


def _backup() -> Golden:
    facts = [
        Fact(kind=1, at_ms=START_MS + n, line=bytes(16), body=chaff(f"fact {n}", 90))
        for n in range(4)
    ]
    manifest = backupfile.Manifest(
        made_ms=START_MS, station=bytes(8), party="ALPHA", name="main", realm="", entries=4
    )
    data = b"".join(
        backupfile.write(
            chaff("keys", 80), chaff("salt", backupfile.SALT_BYTES), SECRET, manifest,
            [("config.toml", b"name = 1\n")], enumerate(facts, 1),
        )
    )  # fmt: skip
    return Golden("backup", data, _backup_with_keys)


def _backup_with_keys(data: bytes) -> None:
    reader = backupfile.Reader(io.BytesIO(data))
    if reader.keys_file != chaff("keys", 80):
        raise _refused("keys.locked")  # another key file opens another secret, or none
    read_backup(data)


@cache
def artefacts() -> tuple[Golden, ...]:
    """One of each kind; each is taken as it is."""
    made = (
        _statement(), _receipt(), _checkpoint(), _bundle(), _charter(), _certificate(),
        Golden("card", _first("card/accept", "card"), identity.parse_card), _pack(), _backup(),
        *_proofs(),
    )  # fmt: skip
    for each in made:
        each.take(each.data)
    return made


def of(name: str) -> Golden:
    """The one of a name."""
    return next(each for each in artefacts() if each.name == name)
