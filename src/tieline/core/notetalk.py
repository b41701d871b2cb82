"""The exchange of signed checkpoints with the peers of one line.

Everything from a peer is read here under a bound on what it may cost; what is news goes on to all
others in the same turn, so that two stories meet within one exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tieline.core import noteread, notes, renewal, sync
from tieline.core.errors import LocalError, RemoteError
from tieline.core.events import ForNote, ForSeal
from tieline.core.journal import Refusal
from tieline.core.line import Line
from tieline.core.noted import Noted
from tieline.core.record import Log
from tieline.core.sync import Notes, Peer
from tieline.core.turn import Turn

MAX_LINES_READ: Final = 2_000  # of notes, from one peer, in a minute
MAX_EARLY: Final = 64  # notes of one peer that wait for a later version of the charter
MAX_EARLY_BYTES: Final = 256 * 1024  # of these notes, with the keys that lines under them need
READ_WINDOW_MS: Final = 60_000
_OF_LATER_KEYS: Final = frozenset({"note.stranger", "note.unsigned"})


@dataclass(frozen=True, slots=True)
class _Source:
    """Who brought a note, and how."""

    carrier: str
    peer: bytes


class NoteExchange:
    """The notes of one line, as they come and go.

    ``refuse`` keeps a refusal; ``open_peers`` gives the peers with a session.
    """

    def __init__(
        self,
        line: Line,
        refuse: Callable[[Refusal, Turn], None],
        open_peers: Callable[[], list[Peer]],
    ) -> None:
        self.line = line
        self._refuse = refuse
        self._open_peers = open_peers
        # Of each peer: since when on the transport's clock, and how many lines were read.
        self._read: dict[bytes, tuple[int, int]] = {}
        self._early: list[tuple[bytes, tuple[bytes, ...], _Source]] = []

    # ------------------------------------------------------------------------------- our own

    def signed(self, purpose: ForNote, signature: bytes, turn: Turn) -> None:
        """Our log's own signature has come."""
        noted = notes.signed(self.line, purpose, signature, turn)
        if noted is not None:
            self._keep_own(noted, purpose.token, turn)
        elif not purpose.seal:
            self.failed(purpose, "the key store does not hold the key in the charter", turn)

    def sealed(self, purpose: ForSeal, made: bytes, turn: Turn) -> None:
        """The signature with ML-DSA-44 has come; empty: the key store has none to give."""
        noted = notes.sealed(self.line, purpose, made, turn)
        if noted is not None:
            self._keep_own(noted, purpose.token, turn)

    def failed(self, purpose: ForNote, cause: str, turn: Turn) -> None:
        """The key store did not sign: it is asked again after another interval."""
        self.line.unnoted_at = turn.now.mono_ms
        turn.reply(purpose.token, LocalError("key.failed", f"no checkpoint was signed: {cause}"))

    def _keep_own(self, noted: Noted, token: int, turn: Turn) -> None:
        notes.keep(self.line, noted, turn)
        notes.done(self.line, token, turn)
        self.tell(self._open_peers(), turn)

    def witnessed(self, data: bytes, turn: Turn) -> None:
        """A witness has cosigned one of the logs: keep its line and pass it on."""
        self._take(data, (), _Source("witness", b""), turn)

    # -------------------------------------------------------------------------------- others'

    def arrived(self, envelope: Notes, carrier: str, peer_id: bytes, turn: Turn) -> None:
        """Take the notes that a peer has sent."""
        source = _Source(carrier, peer_id)
        for data in envelope.notes:
            if not self._may_read(data, peer_id, turn.now.real_ms):
                self._refuse(
                    Refusal(
                        code="note.too_many",
                        text="more notes came within a minute than are read; the rest is dropped",
                        carrier=carrier,
                        peer=peer_id,
                    ),
                    turn,
                )
                return
            self._take(data, envelope.keys, source, turn)

    def _may_read(self, data: bytes, peer_id: bytes, now: int) -> bool:
        """Whether a peer may cost us the verification of as many signatures as a note has lines."""
        since, count = self._read.get(peer_id, (now, 0))
        if now - since >= READ_WINDOW_MS:
            since, count = now, 0
        count += data.count(b"\n")
        self._read[peer_id] = (since, count)
        return count <= MAX_LINES_READ

    def _take(self, data: bytes, keys: tuple[bytes, ...], source: _Source, turn: Turn) -> None:
        line = self.line
        try:
            noted = noteread.read(line, data, keys, turn.now)
        except RemoteError as error:
            bringer = line.peers.get(source.peer)
            ahead = bringer is not None and bringer.charter > line.latest()
            if ahead and error.code in _OF_LATER_KEYS:
                # Under a key, it may be, of the charter that is on its way to us.
                self._wait(data, noteread.needed(data, keys), source)
                return
            refusal = Refusal(
                code=error.code, text=error.message, carrier=source.carrier, peer=source.peer
            )
            self._refuse(refusal, turn)
            return
        if notes.outruns(line, noted):
            renewal.outrun(line, line.own_log, turn)
        peer = line.peers.get(source.peer)
        if peer is not None:
            peer.noted.add(noted.told_key)
        if notes.keep(line, noted, turn):
            self.tell(self._open_peers(), turn)

    def _wait(self, data: bytes, keys: tuple[bytes, ...], source: _Source) -> None:
        """Put a note aside for a later version of the charter, if its peer has room."""
        sizes = [
            len(text) + sum(map(len, needed))
            for text, needed, other in self._early
            if other.peer == source.peer
        ]
        size = len(data) + sum(map(len, keys))
        if len(sizes) < MAX_EARLY and sum(sizes) + size <= MAX_EARLY_BYTES:
            self._early.append((data, keys, source))

    def retry(self, turn: Turn) -> None:
        """A later charter is in force: end logs by it, and read again what came before it."""
        notes.close(self.line)
        waiting, self._early = self._early, []
        for data, keys, source in waiting:
            self._take(data, keys, source, turn)

    def grew(self, log: Log, turn: Turn) -> None:
        """A log has grown: what was said of it in advance may turn out to be another story."""
        if notes.grew(self.line, log, turn):
            self.tell(self._open_peers(), turn)

    # -------------------------------------------------------------------------------- telling

    def tell(self, peers: list[Peer], turn: Turn) -> None:
        """Tell peers every note that they have not been told."""
        for peer in peers:
            if len(peer.noted) > sync.MAX_TOLD:  # never all of it: it would all be told anew
                peer.noted &= notes.told_keys(self.line)
            for envelope in notes.envelopes(self.line, peer.noted):
                turn.transmit(self.line.id, peer.station, sync.pack(envelope))
