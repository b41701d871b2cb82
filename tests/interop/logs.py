"""A log of real statements with its checkpoint, and its line."""

from __future__ import annotations

from functools import cache

from tests.core.world import START_MS, Key, found, kit, message, write

from tieline.core import checkpoint
from tieline.core.charter import SignedCharter, Witness
from tieline.core.checkpoint import SignedNote
from tieline.core.statement import Place, Statement
from tieline.core.tree import Tree

PARTIES = (kit("ALPHA"), kit("BRAVO"))
AUTHOR = PARTIES[0].stations[0]
WITNESS = Key("a witness")
WITNESS_NAME = "witness.example/w1"
INCARNATION = b"log of A"
TIME_S = START_MS // 1000


@cache
def line(quorum: int = 0) -> SignedCharter:
    named = [Witness(name=WITNESS_NAME, key=WITNESS.public)] if quorum else []
    return found(PARTIES, witnesses=named, quorum=quorum)


@cache
def statements(size: int, quorum: int = 0) -> tuple[Statement, ...]:
    out: list[Statement] = []
    for position in range(size):
        place = Place(
            line=line(quorum).charter.line,
            station=AUTHOR.id,
            incarnation=INCARNATION,
            position=position,
            previous=out[-1].digest if out else None,
            seen=(),
            time_ms=START_MS + position,
            charter=1,
        )
        out.append(write(AUTHOR, "", place, message(f"number {position}")))
    return tuple(out)


def tree(size: int, quorum: int = 0) -> Tree:
    out = Tree()
    for each in statements(size, quorum):
        out.append(each.digest)
    return out


def origin(quorum: int = 0) -> str:
    return checkpoint.origin(line(quorum).charter.line, AUTHOR.id, INCARNATION)


def note(size: int, quorum: int = 0) -> SignedNote:
    """The log's checkpoint, signed by its station, by a stranger, and by a witness if wanted."""
    name = origin(quorum)
    text = checkpoint.body(name, size, tree(size, quorum).root())
    lines = [
        checkpoint.log_signature(name, AUTHOR.sign_key.public, AUTHOR.sign_key.sign(text)),
        checkpoint.NoteSignature(name="stranger.example", key_id=b"abcd", signature=bytes(70)),
    ]
    if quorum:
        made = WITNESS.sign(checkpoint.cosign_message(TIME_S, text))
        lines.append(checkpoint.cosignature(WITNESS_NAME, WITNESS.public, TIME_S, made))
    return SignedNote(body=text, signatures=tuple(lines))
