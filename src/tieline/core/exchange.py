"""The exchange with peers on one line: what arrives, what is owed, what is told.

Everything from a peer is judged here before it changes anything, and every refusal is a value that
is kept and shown, never an exception that leaves a half-done turn. What is owed is settled at the
end of a turn (``finish``): one receipt for each log that grew, and one push for each peer, however
many statements came and were said. Both leave only after the turn is durable, because the runtime
performs transmissions after the commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tieline.core import keychange, renewal, repeats, slots, stories, sync
from tieline.core import statement as statements
from tieline.core.bulk import Bulk
from tieline.core.charter import SignedCharter, check_line, parse_signed_charter
from tieline.core.checkpoint import Receipt, body, cosign_message, origin
from tieline.core.elsewhere import Elsewhere
from tieline.core.errors import RemoteError
from tieline.core.events import ForReceipt
from tieline.core.journal import Came, FactKind, Origin, Refusal
from tieline.core.lack import is_full, lacking
from tieline.core.life import ROTATED
from tieline.core.line import Line
from tieline.core.notetalk import NoteExchange
from tieline.core.outcome import Admitted, Duplicate, Forked, Held, Refused
from tieline.core.packing import Packing
from tieline.core.record import Item, Log
from tieline.core.statement import TIP_BYTES, Statement
from tieline.core.succession import check_amendment, check_same
from tieline.core.sync import CharterOffer, Have, Notes, Pace, Peer, Push, Receipts
from tieline.core.terms import LineState
from tieline.core.turn import Turn

REFUSAL_REPEAT_MS: Final = 60_000
MAX_REFUSALS_NOTED: Final = 1_024
MAX_TURNED_AWAY_BYTES: Final = 4 * 1024 * 1024
MAX_UNPROVEN: Final = 4_096  # receipts of one peer that wait for what they cover
# States of an open link that silence does not change: to wait for it there is to wait for nothing.
_NOT_FOR_SILENCE: Final = frozenset({LineState.SILENT, LineState.SUSPENDED})


class Exchange:
    """Sync and receipts of one line. ``pace`` is the transport's rhythm."""

    def __init__(self, line: Line, pace: Pace) -> None:
        self.line = line
        self.pace = pace
        self._refusals: dict[tuple[bytes, str], int] = {}
        # By the peer that brought them: who invents receipts uses up its own room only.
        self._unproven: dict[bytes, dict[tuple[bytes, bytes], Receipt]] = {}
        # Receipts that a connected author waits for, until the next telling.
        self._owed: dict[bytes, dict[tuple[bytes, bytes], Receipt]] = {}
        # Late statements that were refused, the oldest first, by the beginnings of their digests:
        # one that comes later may have been written after reading them.
        self._turned_away: dict[bytes, Statement] = {}
        self._turned_away_bytes = 0
        # Whom the end of the turn feeds; nobody's name stands for everybody.
        self._hungry: set[bytes] = set()
        self._bulk = Bulk()
        self._elsewhere = Elsewhere(line)
        self.notes = NoteExchange(line, self.refuse, self._open_peers)

    # --------------------------------------------------------------------------- sessions

    def connected(self, peer_id: bytes, turn: Turn, *, again: bool) -> None:
        """Say all we hold; forget what an earlier session may have carried (cf. ``Connected``)."""
        peer = self.line.peers[peer_id]
        peer.forget_session()
        self._tell_all(peer, turn)
        if again:
            turn.transmit(self.line.id, peer_id, sync.pack(Receipts(self.line.id, ())))

    def _tell_all(self, peer: Peer, turn: Turn) -> None:
        self._tell_have(peer, turn, full=True)
        self._tell_receipts(peer, turn)
        self.notes.tell([peer], turn)

    def disconnected(self, peer_id: bytes) -> None:
        self.line.peers[peer_id].forget_session()
        self._owed.pop(peer_id, None)  # a new session tells all receipts
        self._bulk.over(peer_id)

    def stalled(self, peer_id: bytes) -> None:
        """Nothing took the last envelope: what is not confirmed is sent again when it can be."""
        self.line.peers[peer_id].forget_sent()
        self.line.peers[peer_id].stalled = True

    def ready(self, peer_id: bytes, turn: Turn) -> None:
        peer = self.line.peers[peer_id]
        if peer.stalled:
            peer.stalled = False
            self.feed(peer_id, turn)

    # --------------------------------------------------------------------------- arrivals

    def arrived(
        self, peer_id: bytes, carrier: str, envelope: sync.Envelope, turn: Turn, *, live: bool
    ) -> None:
        """Take one envelope from a peer station of this line; ``live``: as ``Arrived`` says."""
        peer = self.line.peers[peer_id]
        match envelope:
            case Have():
                now, record = turn.now.real_ms, self.line.record
                repeats.take_have(record, peer, envelope, now, self.pace.retry_ms)
                renewal.heard(self.line, peer_id, envelope, turn, live=live)
                self._offer_charter(peer, turn)
                self.feed(peer_id, turn)
                peer.fresh = False
                covered = self.line.ladder.covered(self.line.own_log, peer_id)
                lost = repeats.misses(record, peer, self.line.own_log, covered, envelope)
                if lost and self.line.links[peer_id].sessions:
                    turn.transmit(self.line.id, peer_id, sync.pack(Receipts(self.line.id, ())))
            case Push(statements=raws):
                came = Came(Origin(carrier=carrier, peer=peer_id))
                for raw in raws:
                    self._take(raw, came, turn)
            case Receipts(receipts=()):
                self._retell(peer, turn)
            case Receipts(receipts=receipts):
                for receipt in receipts:
                    self._take_receipt(receipt, carrier, peer_id, turn)
                    self._note_confirmed(receipt, peer_id, turn, live=live)
                self._hungry.add(peer_id)
            case CharterOffer(charter=data):
                self._take_charter(data, carrier, peer_id, turn)
            case Notes():
                self.notes.arrived(envelope, carrier, peer_id, turn)

    def refuse(self, refusal: Refusal, turn: Turn) -> None:
        """Put a refusal on the journal; the same one from the same peer once a minute at most."""
        key = (refusal.peer, refusal.code)
        now = turn.now.real_ms
        last = self._refusals.get(key)
        if last is not None and now - last < REFUSAL_REPEAT_MS:
            return
        if len(self._refusals) >= MAX_REFUSALS_NOTED:
            self._refusals.clear()
        self._refusals[key] = now
        turn.keep_refusal(self.line.id, refusal)

    def _take(self, raw: bytes, came: Came, turn: Turn) -> None:
        try:
            parsed = statements.parse(self.line.realm, raw)
        except RemoteError as error:
            self.refuse(came.not_taken(error.code, error.message), turn)
            return
        queue = self._judge(parsed, came, turn)
        while queue:
            queue.extend(self._judge(queue.pop(0), came, turn))

    def _judge(self, parsed: Statement, came: Came, turn: Turn) -> list[Statement]:
        """Judge one statement; returns held ones that it has set free."""
        line = self.line
        match line.record.judge(parsed, line, turn.now.wall_ms):
            case Admitted(item):
                turn.keep_statement(parsed, came.meta, second_story=False)
                line.apply_item(item, came.origin, turn.now)
                renewal.came(line, item, turn)
                self._grew(item, came.origin.peer, turn)
                return line.record.released(parsed.digest)
            case Held() as need:
                if not line.record.hold(parsed, need):
                    line.record.drop_held()
                    self.refuse(
                        Refusal(
                            code="record.held_full",
                            text="too much has come ahead of what it builds on; it is dropped"
                            " here and will be sent again",
                            carrier=came.origin.carrier,
                            peer=came.origin.peer,
                        ),
                        turn,
                    )
                elif need.need in self._turned_away:
                    return [self._fetched(need.need)]  # it is waited for now
            case Forked(item, proof):
                turn.keep_statement(parsed, came.meta, second_story=True)
                line.apply_item(item, came.origin, turn.now)
                renewal.came(line, item, turn)
                if proof is not None:
                    stories.found_statements(line, proof, turn)
                self._offer_branch(parsed, proof, came.origin.peer)
                self._speak_by(turn.now.real_ms + self.pace.gossip_ms)
                return line.record.released(parsed.digest)
            case Refused("statement.closed") if parsed.digest[:TIP_BYTES] in self._turned_away:
                pass  # who holds it offers it as long as we lack it; it was said once
            case Refused() as why:
                if why.code == "statement.closed":
                    self._turn_away(parsed)
                elif why.code == "statement.forged":
                    now, peer = turn.now.real_ms, came.origin.peer
                    why = self._elsewhere.statement(parsed, why, peer, now)
                self.refuse(came.not_taken(why.code, why.text), turn)
            case Duplicate():
                pass
        return []

    def _turn_away(self, late: Statement) -> None:
        """Remember a late statement that is refused, in place of the oldest ones."""
        self._turned_away[late.digest[:TIP_BYTES]] = late
        self._turned_away_bytes += len(late.raw)
        while (
            len(self._turned_away) > MAX_REFUSALS_NOTED
            or self._turned_away_bytes > MAX_TURNED_AWAY_BYTES
        ):
            self._fetched(next(iter(self._turned_away)))

    def _fetched(self, tip: bytes) -> Statement:
        """Take a statement from those that were turned away."""
        late = self._turned_away.pop(tip)
        self._turned_away_bytes -= len(late.raw)
        return late

    def _grew(self, item: Item, peer_id: bytes, turn: Turn) -> None:
        """A log grew from outside: a receipt is owed, and a relay after the grace.

        What comes back of our own logs needs no receipt of ours; those of others have come ahead.
        """
        line = self.line
        log = line.record.logs[item.statement.log]
        if log.station != line.own:
            line.advanced.add(log.id)
        else:
            self._speak_by(turn.now.real_ms + self.pace.gossip_ms)
        self.notes.grew(log, turn)
        self._bulk.grew(log, peer_id)
        due, queue = turn.now.real_ms + self.pace.relay_ms, line.relay_queue
        if queue and queue[-1][0] == due and queue[-1][1] == log.id:
            queue.pop()  # further of the same log in the same moment
        queue.append((due, log.id, log.size))
        self._offer(item.statement, log, peer_id)
        if log.forks:
            self._speak_by(turn.now.real_ms + self.pace.gossip_ms)

    def _offer(self, parsed: Statement, log: Log, came_from: bytes) -> None:
        """In a log with two stories a count says nothing: what is new is offered by itself."""
        for peer in self._open_peers():
            if log.forks:
                sync.set_apart(peer, log)
            if log.id not in peer.apart:
                continue
            if peer.station == came_from:
                peer.offered.add(parsed.digest)
            else:
                peer.offer(parsed)

    def _offer_branch(
        self, parsed: Statement, proof: tuple[Statement, Statement] | None, came_from: bytes
    ) -> None:
        """A second story is news for everybody, together with the one it stands against."""
        log = self.line.record.logs[parsed.log]
        if proof is not None:
            self._offer(proof[0], log, b"")
        self._offer(parsed, log, came_from)
        self._hungry.add(b"")

    def finish(self, turn: Turn) -> None:
        """The end of a turn: receipts for what was taken, and to each peer what it lacks now."""
        if self.line.advanced:
            self._ask_receipts(turn)
        self._bulk.tell(self.line, turn)
        if self._hungry:
            hungry, self._hungry = self._hungry, set()
            for station in self.line.peers:
                if station in hungry or b"" in hungry:
                    self.feed(station, turn)

    # --------------------------------------------------------------------------- receipts

    def _ask_receipts(self, turn: Turn) -> None:
        line = self.line
        key = line.cosign_key(line.own)
        for name in sorted(line.advanced):
            log = line.record.logs[name]
            if log.size and not log.forks and key is not None:
                time_s = turn.now.wall_ms // 1000
                whose = origin(line.id, log.station, log.incarnation)
                message = cosign_message(time_s, body(whose, log.size, log.tree.root(log.size)))
                turn.sign(ForReceipt(line.id, name, log.size, time_s), message, key)
        line.advanced.clear()

    def cosigned(self, purpose: ForReceipt, signature: bytes, turn: Turn) -> None:
        """Our receipt is signed: keep it, give it to the author now and to the others in time."""
        line = self.line
        receipt = Receipt(
            log=purpose.log, size=purpose.size, cosigner=line.own,
            time_s=purpose.time_s, signature=signature,
        )  # fmt: skip
        if receipt.size > line.record.size(receipt.log):
            return  # a charter has ended the log while it was being signed
        if line.apply_receipt(receipt, turn.now) is None:
            return
        turn.keep(FactKind.RECEIPT, line.id, receipt.encode())
        author = line.record.logs[purpose.log].station
        party = line.party_of(author)
        for station, peer in line.peers.items():
            if line.party_of(station) == party and line.links[station].sessions:
                self._send_receipts(peer, (receipt,), turn)
        self._gossip_later(receipt, self.pace.gossip_ms, turn)

    def _take_receipt(self, receipt: Receipt, carrier: str, peer_id: bytes, turn: Turn) -> None:
        line = self.line
        if receipt.size <= line.ladder.covered(receipt.log, receipt.cosigner):
            _note_told(line.peers.get(peer_id), receipt)
            return
        log = line.record.logs.get(receipt.log)
        if log is None or receipt.size > log.size:
            self._wait_with(receipt, peer_id)
            return
        if not keychange.holds(line, log, receipt):
            if log.forks:
                return  # a receipt for the other story: it proves nothing about ours
            bringer = line.peers.get(peer_id)
            if bringer is not None and bringer.charter > line.latest():
                # Under a key, it may be, that the charter names which is on its way to us.
                self._wait_with(receipt, peer_id)
                return
            why = self._elsewhere.receipt(receipt, peer_id, turn.now.real_ms)
            self.refuse(Refusal(code=why.code, text=why.text, carrier=carrier, peer=peer_id), turn)
            return
        _note_told(line.peers.get(peer_id), receipt)
        if line.apply_receipt(receipt, turn.now) is None:
            return
        turn.keep(FactKind.RECEIPT, line.id, receipt.encode())
        self._pass_on(receipt, log.station, turn)

    def _note_confirmed(self, receipt: Receipt, peer_id: bytes, turn: Turn, *, live: bool) -> None:
        """A receipt that its own maker brings says how far it holds our log, as its have does."""
        line = self.line
        if receipt.log == line.own_log and receipt.cosigner == peer_id:
            counted = line.ladder.covered(receipt.log, peer_id) >= receipt.size
            if counted:
                renewal.receipted(line, peer_id, receipt.size, turn, live=live)

    def _wait_with(self, receipt: Receipt, peer_id: bytes) -> None:
        """It is not provable yet. Keep the newest of each pair, and try again in time."""
        key = (receipt.log, receipt.cosigner)
        waiting = self._unproven.setdefault(peer_id, {})
        known = self.line.party_of(receipt.cosigner)
        if known and (key in waiting or len(waiting) < MAX_UNPROVEN):
            waiting[key] = receipt

    def _pass_on(self, receipt: Receipt, author: bytes, turn: Turn) -> None:
        """Bring another's receipt to its author soon, who waits for it; to all others in time.

        An author whom we do not reach may be reached through anybody.
        """
        link = self.line.links.get(author)
        if link is None or not link.sessions:
            self._gossip_later(receipt, self.pace.gossip_ms, turn)
            return
        self._owed.setdefault(author, {})[(receipt.log, receipt.cosigner)] = receipt
        self._speak_by(turn.now.real_ms + self.pace.gossip_ms)
        self._gossip_later(receipt, self.pace.echo_ms, turn)

    def retry_receipts(self, turn: Turn) -> None:
        """Try receipts again that came before the statements they cover."""
        waiting, self._unproven = self._unproven, {}
        for peer_id, receipts in waiting.items():
            for receipt in receipts.values():
                self._take_receipt(receipt, "", peer_id, turn)

    def _gossip_later(self, receipt: Receipt, wait_ms: int, turn: Turn) -> None:
        """Tell everybody in time; of what has come by then, the newest receipt of each maker."""
        line = self.line
        key = (receipt.log, receipt.cosigner)
        due = turn.now.real_ms + wait_ms
        line.gossip[key] = (min(due, line.gossip[key][0]) if key in line.gossip else due, receipt)
        self._speak_by(due)

    def _speak_by(self, due_ms: int) -> None:
        """Have receipts, and the heads of logs that get none, told by then."""
        line = self.line
        line.gossip_at = due_ms if line.gossip_at is None else min(due_ms, line.gossip_at)

    def _send_receipts(
        self, peer: Peer, receipts: Sequence[Receipt], turn: Turn, packing: Packing | None = None
    ) -> None:
        for receipt in receipts:
            _note_told(peer, receipt)
        for envelope in (packing or Packing(self.line.id)).envelopes(receipts):
            turn.transmit(self.line.id, peer.station, envelope)

    def _tell_receipts(self, peer: Peer, turn: Turn) -> None:
        news = tuple(
            receipt
            for receipt in self.line.ladder.latest_receipts()
            if receipt.size <= self.line.record.size(receipt.log)
            and peer.told.get((receipt.log, receipt.cosigner), 0) < receipt.size
            and receipt.cosigner != peer.station
        )
        if news:
            self._send_receipts(peer, news, turn)

    def _retell(self, peer: Peer, turn: Turn) -> None:
        """Who asks has lost what we said: say all again, and to who asks often no oftener."""
        peer.retell = repeats.lately(peer.retold_at, turn.now.real_ms, self.pace.retry_ms)
        if not peer.retell:
            peer.retold_at = turn.now.real_ms
            repeats.lose_sent(peer)
            self._tell_all(peer, turn)
            self.feed(peer.station, turn)

    # ---------------------------------------------------------------------------- charter

    def _offer_charter(self, peer: Peer, turn: Turn) -> None:
        line = self.line
        known = max(peer.charter, peer.offered_charter)
        for version in range(known + 1, line.latest() + 1):
            signed = line.charters.get(version)
            if signed is not None:
                offer = sync.pack(CharterOffer(line.id, signed.encode()))
                turn.transmit(line.id, peer.station, offer)
        peer.offered_charter = line.latest()

    def _take_charter(self, data: bytes, carrier: str, peer_id: bytes, turn: Turn) -> None:
        try:
            check_line(data, self.line.id, self.line.realm)
            signed = parse_signed_charter(data)
            keychange.check_root_stays(self.line, signed, turn)
            self.amend(signed, turn)
        except RemoteError as error:
            self.refuse(
                Refusal(code=error.code, text=error.message, carrier=carrier, peer=peer_id), turn
            )

    def amend(self, signed: SignedCharter, turn: Turn) -> bool:
        """Bring the next complete version into force. False when it is one that we have.

        Raises ``RemoteError`` when it does not follow from the version in force, or differs from
        the one of its number that we have.
        """
        line = self.line
        held = line.charters.get(signed.charter.version)
        if held is not None and held.charter.hash == signed.charter.hash:
            return False
        if held is not None:
            check_same(held.charter, signed)
        check_amendment(line.charter, signed)
        turn.keep(FactKind.CHARTER, line.id, signed.encode())
        self.finish(turn)  # who leaves is given first what was said while it was here
        self._part(signed, turn)
        was_member = line.member
        late = line.use_charter(signed)
        if was_member and not line.member:
            keychange.raise_removed(line, turn)
        if line.rotated(signed.charter):
            renewal.close(line, ROTATED, turn)
        if late:
            keychange.raise_late(line, late, turn)
        slots.count_slots_anew(line, turn.now.wall_ms)
        turn.peers_changed()
        for parsed in line.record.released(signed.charter.version):
            self._take(parsed.raw, Came(Origin(peer=parsed.place.station)), turn)
        self.retry_receipts(turn)
        self.notes.retry(turn)
        for station, peer in line.peers.items():
            if line.links[station].sessions:
                self._offer_charter(peer, turn)
        return True

    def _part(self, signed: SignedCharter, turn: Turn) -> None:
        """Give a version to those it takes off the line: after it nobody speaks to them."""
        for station, peer in self.line.peers.items():
            if signed.charter.station(station) is None and self.line.links[station].sessions:
                peer.offered_charter = 0  # an offer that was lost is not made good any more
                self._offer_charter(peer, turn)
                offer = CharterOffer(self.line.id, signed.encode())
                turn.transmit(self.line.id, station, sync.pack(offer))

    # ----------------------------------------------------------------------------- telling

    def feed(self, peer_id: bytes, turn: Turn) -> None:
        """Push what a connected peer lacks, as far as its window allows."""
        line = self.line
        peer = line.peers[peer_id]
        if not line.links[peer_id].sessions:
            return
        while batch := lacking(line.record, peer, line.own, line.relayable):
            mine = tuple(
                parsed.digest
                for parsed in batch
                if parsed.place.station == line.own and parsed.content.wants
            )
            push = Push(line.id, tuple(parsed.raw for parsed in batch))
            turn.transmit(line.id, peer_id, sync.pack(push), mine)
            if not is_full(push.statements):
                break  # nothing else is lacking
        if peer.outstanding() and peer.retry_at is None:
            peer.retry_ms = peer.retry_ms or self.pace.retry_ms
            peer.retry_at = turn.now.real_ms + peer.retry_ms
            peer.retry_mark = peer.confirmed()

    def said(self, item: Item, turn: Turn) -> None:
        """Our own log grew: every connected peer is fed at the end of the turn."""
        log = self.line.record.logs[item.statement.log]
        self._offer(item.statement, log, b"")
        self.notes.grew(log, turn)
        self._hungry.add(b"")

    def _tell_have(self, peer: Peer, turn: Turn, *, full: bool) -> None:
        line = self.line
        tell = sync.whole_have if full else sync.moved_have
        for envelope in tell(line.id, line.latest(), line.record, peer):
            turn.transmit(line.id, peer.station, envelope)

    def _open_peers(self) -> list[Peer]:
        return [p for p in self.line.peers.values() if self.line.links[p.station].sessions]

    # ------------------------------------------------------------------------------- time

    def tick(self, turn: Turn) -> None:
        """Whatever the transport's clock has made due: relays, gossip, retries, beacons."""
        line, now = self.line, turn.now.real_ms
        relayed = False
        while line.relay_queue and line.relay_queue[0][0] <= now:
            _, log, size = line.relay_queue.popleft()
            line.relayable[log] = max(size, line.relayable.get(log, 0))
            relayed = True
        open_peers = self._open_peers()
        if line.gossip_at is not None and line.gossip_at <= now:
            self._do_gossip(open_peers, turn)
        if line.beacon_at is None or line.beacon_at <= now:
            # Often enough that one lost sign is no silence.
            line.beacon_at = now + min(self.pace.beacon_ms, line.silence_ms // 2)
            for peer in open_peers:
                self._tell_have(peer, turn, full=True)
                if peer.retell:
                    self._retell(peer, turn)
            self.notes.tell(open_peers, turn)
        for peer in open_peers:
            if peer.retry_at is not None and peer.retry_at <= now:
                self._retry(peer, turn)
            elif relayed:
                self.feed(peer.station, turn)

    def _do_gossip(self, open_peers: list[Peer], turn: Turn) -> None:
        """Tell what is due, and what soon will be, in one envelope for each peer."""
        line = self.line
        self.retry_receipts(turn)
        soon = turn.now.real_ms + self.pace.gossip_ms
        keys = sorted(key for key, (due, _) in line.gossip.items() if due <= soon)
        due_now = {key: line.gossip.pop(key)[1] for key in keys}
        due_now = {k: r for k, r in due_now.items() if r.size <= line.record.size(r.log)}
        line.gossip_at = min((due for due, _ in line.gossip.values()), default=None)
        packing = Packing(line.id)
        for peer in open_peers:
            wanted, told = due_now | self._owed.pop(peer.station, {}), peer.told
            news = [one for key, one in wanted.items() if told.get(key, 0) < one.size]
            if news := [one for one in news if one.cosigner != peer.station]:
                self._send_receipts(peer, news, turn, packing)
            self._tell_have(peer, turn, full=False)

    def _retry(self, peer: Peer, turn: Turn) -> None:
        """No progress for a while: what was pushed may be gone, so push it again, more slowly."""
        peer.retry_at = None
        if peer.confirmed() == peer.retry_mark and peer.outstanding():
            peer.sent.clear()
            peer.retry_ms = min(2 * peer.retry_ms, self.pace.retry_max_ms)
            self._tell_have(peer, turn, full=True)
        else:
            peer.retry_ms = 0  # it moves, or has all: no reason to send anything twice
        self.feed(peer.station, turn)

    def wakeup(self) -> int | None:
        """When the transport's clock next makes something due, in ``real_ms``."""
        line = self.line
        # A relay waits a little for others, so that not each statement that comes wakes us.
        together = self.pace.relay_ms // 4
        times = [line.relay_queue[0][0] + together] if line.relay_queue else []
        if line.gossip_at is not None:
            times.append(line.gossip_at)
        if line.beacon_at is not None:
            times.append(line.beacon_at)
        for station, link in line.links.items():
            if not link.sessions:
                continue
            if (retry_at := line.peers[station].retry_at) is not None:
                times.append(retry_at)
            if link.heard_at is not None and link.state not in _NOT_FOR_SILENCE:
                times.append(link.heard_at + line.silence_ms)
        return min(times) if times else None


def _note_told(peer: Peer | None, receipt: Receipt) -> None:
    """A peer has this receipt, from us or because it gave it to us."""
    if peer is not None:
        key = (receipt.log, receipt.cosigner)
        if peer.told.get(key, 0) < receipt.size:
            peer.told[key] = receipt.size
