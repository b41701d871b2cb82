"""Our notes, trees, proofs and tiles, as Go's checksum database reads them.

``golang.org/x/mod/sumdb`` is built from Debian's golang-golang-x-mod-dev, when it and Go are there.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.interop import logs

from tieline.core import checkpoint, crypto
from tieline.core.tree import Tree, leaf_hash, verify_consistency, verify_inclusion
from tieline.node import tilefolder

GOCODE = Path("/usr/share/gocode")
SUMDB = GOCODE / "src/golang.org/x/mod/sumdb"
PROGRAM = Path(__file__).with_name("sumdb.go")

pytestmark = [
    pytest.mark.skipif(
        shutil.which("go") is None or not SUMDB.is_dir(),
        reason="Go or its sumdb is missing; install golang-go and golang-golang-x-mod-dev",
    ),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def sumdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sumdb")
    out = folder / "sumdb"
    env = {
        **os.environ,
        "GO111MODULE": "off",
        "GOFLAGS": "",
        "GOPATH": str(GOCODE),
        "GOCACHE": str(folder / "cache"),
    }
    command = ["go", "build", "-o", str(out), PROGRAM.name]
    subprocess.run(command, cwd=PROGRAM.parent, env=env, check=True, timeout=280)
    return out


def coded(value: object) -> object:
    """As Go's JSON has it: bytes in base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dict):
        return {key: coded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [coded(each) for each in value]
    return value


def ask(sumdb: Path, **question: object) -> dict[str, Any]:
    done = subprocess.run(
        [str(sumdb)], input=json.dumps(coded(question)).encode(), capture_output=True, check=True
    )
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def decoded(values: list[str]) -> tuple[bytes, ...]:
    return tuple(base64.b64decode(value) for value in values)


def keys(quorum: int) -> list[str]:
    found = [
        checkpoint.vkey(logs.origin(quorum), crypto.ALG_ED25519, logs.AUTHOR.sign_key.public),
        checkpoint.vkey(logs.WITNESS_NAME, crypto.ALG_COSIGNATURE, logs.WITNESS.public),
    ]
    return found[: 1 + quorum]


@pytest.mark.parametrize("quorum", [0, 1])
def test_our_signed_note_opens(sumdb: Path, quorum: int) -> None:
    note = logs.note(9, quorum)
    answer = ask(sumdb, Note=note.format().decode(), Vkeys=keys(quorum))
    assert answer["NoteError"] == ""
    assert answer["Text"].encode() == note.body
    assert answer["Verified"] == [logs.origin(quorum), logs.WITNESS_NAME][: 1 + quorum]
    assert answer["Unverified"] == ["stranger.example"]


def test_our_signed_note_with_a_changed_letter_does_not(sumdb: Path) -> None:
    text = logs.note(9).format().decode().replace("\n9\n", "\n8\n")
    assert "invalid signature" in ask(sumdb, Note=text, Vkeys=keys(0))["NoteError"]


def test_our_proofs_are_accepted_and_changed_ones_are_not(sumdb: Path) -> None:
    tree = Tree()
    for number in range(70):
        tree.append(leaf_hash(b"%d" % number))
    inclusion: list[dict[str, object]] = []
    consistency: list[dict[str, object]] = []
    for size in (1, 2, 3, 7, 8, 64, 65, 70):
        for index in range(size):
            inclusion.append({"Size": size, "Index": index, "Leaf": tree.leaf(index)})
            inclusion[-1] |= {"Root": tree.root(size), "Proof": tree.inclusion(index, size)}
        for old in range(1, size + 1):
            consistency.append({"Old": old, "New": size, "OldRoot": tree.root(old)})
            consistency[-1] |= {"NewRoot": tree.root(size), "Proof": tree.consistency(old, size)}
    answer = ask(sumdb, Inclusion=inclusion, Consistency=consistency)
    assert set(answer["Inclusion"]) == {""}
    assert set(answer["Consistency"]) == {""}
    for each in (*inclusion, *consistency):
        proof = each["Proof"]
        assert isinstance(proof, tuple)
        each["Proof"] = (*proof[:-1], bytes(32)) if proof else (bytes(32),)
    answer = ask(sumdb, Inclusion=inclusion, Consistency=consistency)
    assert "" not in answer["Inclusion"]
    assert "" not in answer["Consistency"]


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700])
def test_our_tiles_are_read_and_its_proofs_are_ours(sumdb: Path, tmp_path: Path, size: int) -> None:
    entries = [each.raw for each in logs.statements(size)]
    source = tilefolder.Source(
        note=logs.note(size),
        charters=(logs.line(),),
        entries=lambda start, stop: entries[start:stop],
        seal=lambda data: data,
    )
    folder = tmp_path / "tiles"
    tilefolder.write(folder, source, tilefolder.OPEN)
    tree = logs.tree(size)
    sizes = sorted({1, size // 2 + 1, size})
    answer = ask(
        sumdb,
        Note=(folder / "checkpoint").read_text(),
        Vkeys=keys(0),
        Folder=str(folder),
        Sizes=sizes,
    )
    assert answer["TileError"] == ""
    assert answer["Entries"] == size
    assert decoded(answer["Leaves"]) == tuple(each.digest for each in logs.statements(size))
    assert decoded(answer["Roots"]) == tuple(tree.root(each) for each in sizes)
    record = decoded(answer["ProofOfLast"] or [])
    assert record == tree.inclusion(size - 1, size)
    verify_inclusion(size - 1, size, tree.leaf(size - 1), record, tree.root())
    old = size // 2 + 1
    grown = decoded(answer["TreeProof"] or [])
    assert grown == tree.consistency(old, size)
    verify_consistency(old, size, tree.root(old), tree.root(), grown)
    tile = next((folder / "tile/0").rglob("*[0-9]"))
    tile = tile if tile.is_file() else next(path for path in tile.rglob("*") if path.is_file())
    data = bytearray(tile.read_bytes())
    data[5] ^= 1
    tile.write_bytes(data)
    text = (folder / "checkpoint").read_text()
    assert ask(sumdb, Note=text, Vkeys=keys(0), Folder=str(folder))["TileError"] != ""
