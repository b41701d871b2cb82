"""Examples that others have published, read and verified by our code."""

from __future__ import annotations

import base64

import pytest

from tieline.core import checkpoint, crypto
from tieline.core.checkpoint import SignedNote
from tieline.core.errors import RemoteError
from tieline.core.tlogwitness import read_vkey

# The documentation of golang.org/x/mod/sumdb/note (BSD licence), with the keys named there.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PROBLEM = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqf"
    "qdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOT"
    "GwnWLox33WWd1RvMc+QQ=\n"
)
# C2SP signed-note, the example at its head; its key is not published.
QUASIMODO = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU"
    "0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)
# C2SP tlog-cosignature, the example at its head; the keys are not published.
COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q"
    "1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9"
    "dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
# C2SP tlog-cosignature, "Ed25519 signed message".
MESSAGE = (
    "cosignature/v1\ntime 1679315147\n"
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
)
# C2SP tlog-witness, the answer in "add-checkpoint".
ANSWER = (
    "— witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZ"
    "TSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==\n"
    "— witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQN"
    "t64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==\n"
)


def test_the_note_of_sumdb_verifies_under_its_key() -> None:
    name, alg, key = read_vkey(NEUMANN)
    assert (name, alg) == ("PeterNeumann", crypto.ALG_ED25519)
    assert checkpoint.vkey(name, alg, key) == NEUMANN
    for text in (PROBLEM, PROBLEM + ENOCH):
        note = SignedNote.parse(text.encode())
        assert note.signed_by(name, key)
        assert note.format() == text.encode()
        assert note.signatures[-1].name == ("EnochRoot" if "Enoch" in text else "PeterNeumann")
    with pytest.raises(RemoteError) as caught:
        SignedNote.parse(PROBLEM.replace("answer", "Answer").encode()).signed_by(name, key)
    assert caught.value.code == "note.forged"


@pytest.mark.parametrize("text", [PROBLEM, PROBLEM + ENOCH, QUASIMODO, COSIGNED])
def test_published_notes_pass_through_unchanged(text: str) -> None:
    assert SignedNote.parse(text.encode()).format() == text.encode()


def test_the_example_of_a_cosigned_checkpoint() -> None:
    note = SignedNote.parse(COSIGNED.encode())
    head = checkpoint.read_checkpoint(note.body)
    assert (head.origin, head.size) == ("example.com/behind-the-sofa", 20852163)
    assert base64.b64encode(head.root) == b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    log, witness = note.signatures
    assert len(log.signature) == 64
    assert len(witness.signature) == 72
    time_s = int.from_bytes(witness.signature[:8], "big")
    assert time_s == 1679315147
    assert checkpoint.cosign_message(time_s, note.body) == MESSAGE.encode()


def test_the_example_of_a_witnesss_answer() -> None:
    note = SignedNote.parse(COSIGNED.partition("\n\n")[0].encode() + b"\n\n" + ANSWER.encode())
    assert [line.name for line in note.signatures] == ["witness.example/w1"] * 2
    assert all(len(line.signature) == 72 for line in note.signatures)
