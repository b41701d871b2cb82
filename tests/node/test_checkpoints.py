"""Checkpoints and proofs of real stations: real keys, real stores, the acts of the local API."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.node import pair
from tests.node.pair import Running

from tieline.core import proof, sync
from tieline.core.checkpoint import SignedNote, body, cosigner, log_signature, origin
from tieline.core.crypto import sha256
from tieline.core.sync import Notes
from tieline.node.acts import NodeActs
from tieline.node.view import Json


def text_of(answer: Json, name: str) -> str:
    assert isinstance(answer, dict)
    value = answer[name]
    assert isinstance(value, str)
    return value


def rows(answer: Json, name: str) -> list[dict[str, Any]]:
    assert isinstance(answer, dict)
    value = answer[name]
    assert isinstance(value, list)
    return [row for row in value if isinstance(row, dict)]


def test_a_sealed_checkpoint_and_a_lie_of_a_peer_live_through_a_restart(tmp_path: Path) -> None:
    asyncio.run(_sealed_and_lied_to(tmp_path))


async def _sealed_and_lied_to(folder: Path) -> None:
    alpha, bravo = await pair.two(folder)
    pair.join(alpha, bravo)
    await alpha.say("under a checkpoint")
    await pair.equal(alpha, bravo)
    await pair.settle(alpha, bravo)
    made = await NodeActs(alpha.host).act("checkpoint", {"seal": True})
    await pair.settle(alpha, bravo)
    _check_note(alpha, bravo, text_of(made, "note"))
    (seen,) = [
        row for row in rows(await NodeActs(bravo.host).act("notes", {}), "notes") if not row["own"]
    ]
    assert seen["sealed"] == seen["size"] == 2
    lie = _lie(bravo)
    alpha.host.heard(bravo.seat.keys.station, "memory", lie)
    await pair.settle(alpha, bravo)
    alarms = [alarm.code for alarm in alpha.host.station.lines[alpha.line].alarms.values()]
    assert "record.two_heads" in alarms
    await NodeActs(bravo.host).act("checkpoint", {})
    await pair.settle(alpha, bravo)
    for running in (alpha, bravo):
        running.host.close()
        running.store.close()
    again = Running(alpha.seat, pair.open_store(alpha.seat))
    (held,) = rows(await NodeActs(again.host).act("proofs", {}), "proofs")
    proven = proof.check(proof.dearmor_proof(held["armor"]))
    assert (proven.party, proven.kind) == ("BRAVO", proof.SAME_SIZE)
    assert (await NodeActs(again.host).act("audit", {}))["ok"] is True  # type: ignore[index,call-overload]
    again.host.close()
    again.store.close()


def _check_note(alpha: Running, bravo: Running, text: str) -> None:
    """As somebody outside reads it: the log, the receipt of the peer, the ML-DSA-44 signature."""
    note = SignedNote.parse(text.encode())
    ours, theirs = alpha.seat.keys.certificate, bravo.seat.keys.certificate
    name = note.body.decode().split("\n", 1)[0]
    key = alpha.seat.keys.cosign_mldsa(b"")[:1312]
    assert sha256(key) == ours.mldsa_hash
    assert note.signed_by(name, ours.sign_key)
    assert note.mldsa_cosigned_by(cosigner(ours.station), key) is not None
    assert note.cosigned_by(cosigner(theirs.station), theirs.cosign_key) is not None


def _lie(bravo: Running) -> bytes:
    """A head that BRAVO's key signs and its log never had."""
    line = bravo.host.station.lines[bravo.line]
    name = origin(line.id, line.own, line.incarnation)
    text = body(name, 1, sha256(b"another story"))
    signature = bravo.seat.keys.sign(text)
    made = log_signature(name, bravo.seat.keys.certificate.sign_key, signature)
    note = SignedNote(body=text, signatures=(made,))
    return sync.pack(Notes(line.id, (note.format(),), ()))
