"""A dishonest station that signs checkpoints of logs it never wrote, and tells them apart.

Beside the statements of ``tieline.sim.forker`` it tells different peers different heads: of a size
that they hold, of a smaller one, or of one that is yet to come; up to three stories at once.
"""

from __future__ import annotations

import random

from tieline.core import sync
from tieline.core.checkpoint import SignedNote, body, log_signature, origin
from tieline.core.line import Line
from tieline.core.sync import Notes
from tieline.sim.machine import Machine


class NoteForker:
    """Signs false heads with the key of the station on ``machine``."""

    def __init__(self, chance: random.Random, machine: Machine) -> None:
        self._chance = chance
        self.machine = machine

    def tell(self, peers: list[int]) -> list[tuple[int, bytes]]:
        """Envelopes, each with the peer that is to hear it; none when there is no log yet."""
        line = self.machine.line_now()
        log = line.record.logs.get(line.own_log) if line is not None else None
        if line is None or log is None or not log.size:
            return []
        size = max(1, log.size + self._chance.randint(-4, 2))
        stories = [self._note(line, size) for _ in range(self._chance.choice((1, 2, 3)))]
        heard = self._chance.sample(peers, self._chance.randint(1, len(peers)))
        return [
            (peer, sync.pack(Notes(line.id, (stories[at % len(stories)],), ())))
            for at, peer in enumerate(sorted(heard))
        ]

    def _note(self, line: Line, size: int) -> bytes:
        name = origin(line.id, line.own, line.incarnation)
        text = body(name, size, self._chance.randbytes(32))
        entry = line.charter.station(line.own)
        if entry is None:
            raise AssertionError(line.own)
        made = log_signature(name, entry.certificate.sign_key, self.machine.signer.sign(text))
        return SignedNote(body=text, signatures=(made,)).format()
