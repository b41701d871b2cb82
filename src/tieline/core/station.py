"""The door: one step from an event to its effects.

A station is a fold over its journal. ``load`` reads the facts back; ``step`` takes one event at one
moment and returns what is wanted of the world; ``wakeup`` says when time alone will make something
due. Nothing here reads a clock, draws a random number, holds a private key or waits.

Refusals are values: an act that the rules forbid is answered with its error, bytes that break a
rule become a kept refusal. Any exception that leaves ``step`` is a defect, and the runtime stops.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tieline.core import (
    expiry,
    notes,
    renewal,
    snapshot,
    speech,
    statement,
    stories,
    sync,
    watch,
)
from tieline.core.charter import SignedCharter, parse_signed_charter
from tieline.core.checkpoint import Receipt
from tieline.core.errors import LocalError, RemoteError, TielineError
from tieline.core.events import (
    Act,
    Arrived,
    CallTest,
    Connected,
    Discard,
    Done,
    Effect,
    Event,
    Failed,
    ForNote,
    ForReceipt,
    ForSeal,
    ForSpeech,
    HandedOver,
    Heeded,
    Install,
    Keep,
    Lost,
    Outrun,
    Owed,
    PeersChanged,
    Ready,
    Release,
    SignCheckpoint,
    Signed,
    SignFailed,
    SignFor,
    Speak,
    Stalled,
    Tick,
    Touched,
    Trouble,
    Wakeup,
    Witnessed,
)
from tieline.core.exchange import Exchange
from tieline.core.journal import (
    MAX_TEXT,
    Alarm,
    Attempt,
    Fact,
    FactKind,
    Handed,
    Lived,
    Origin,
    Refusal,
    clean,
)
from tieline.core.life import Run
from tieline.core.line import Line
from tieline.core.record import Item
from tieline.core.shelf import Archive, Settlement
from tieline.core.slots import count_slots_anew, first_slot
from tieline.core.succession import check_chain
from tieline.core.sync import Pace
from tieline.core.terms import LineState, Now, Precedence
from tieline.core.turn import Turn


class Station:
    """One station of one party, on any number of lines of one realm."""

    def __init__(
        self,
        own: bytes,
        realm: str,
        pace: Pace | None = None,
        run: Run | None = None,
        archive: Archive | None = None,
    ) -> None:
        self.archive = archive
        self.own = own
        self.run = run or Run()
        self.realm = realm
        self.pace = pace or Pace()
        self.lines: dict[bytes, Line] = {}
        self.exchanges: dict[bytes, Exchange] = {}
        self.troubles: dict[str, Alarm] = {}

    # ------------------------------------------------------------------------------- load

    @staticmethod
    def load(
        own: bytes,
        realm: str,
        facts: Iterable[Fact],
        now: Now,
        pace: Pace | None = None,
        run: Run | None = None,
    ) -> Station:
        """Rebuild a station from its journal.

        ``run`` is the run of the process that it lives in, with its machine and its randomness;
        without one a station can be read and opens nothing.

        Raises ``LocalError`` (``record.damaged``) or ``RemoteError`` when a fact no longer reads.
        """
        station = Station(own, realm, pace, run)
        for fact in facts:
            station.replay(fact, now)
        station.awake(now)
        return station

    def replay(self, fact: Fact, now: Now) -> None:
        """Take the next fact back from the journal. Raises as ``load`` does."""
        # When it was, on the deadline clock: a wall clock that went back counts as no time.
        past = Now(fact.at_ms, now.mono_ms - max(0, now.wall_ms - fact.at_ms), now.real_ms)
        self._restore(fact, past)

    def resume(
        self, line: bytes, state: bytes, chunks: Iterable[tuple[str, bytes]], now: Now
    ) -> None:
        """Give a line of which only the charters were read what a snapshot holds of it.

        Raises ``LocalError`` (``snapshot.damaged``), ``RemoteError`` when that cannot be right.
        """
        snapshot.restore(self.line(line), state, chunks, now)

    def resume_moments(self, line: bytes, state: bytes, now: Now) -> None:
        """After the facts that a snapshot does not hold. Raises as ``resume`` does."""
        snapshot.restore_moments(self.line(line), state, now)

    def awake(self, now: Now) -> None:
        """All facts have been read."""
        for line in self.lines.values():
            for log in line.record.logs.values():
                if log.station != self.own and log.size:
                    line.relay_queue.append((now.real_ms, log.id, log.size))
            line.life.begin(line.record.logs)
            first_slot(line, now)
            notes.settle(line)

    def clocks(self) -> int:
        """How many clocks run, on all lines."""
        return sum(line.ladder.clocks() for line in self.lines.values())

    def settlements(self, now: Now) -> list[Settlement]:
        """What the archive needs, so that what is durable now can be settled."""
        return [snapshot.take(line, now) for line in self.lines.values()]

    def settle(self, taken: list[Settlement]) -> None:
        """What ``settlements`` gave is in the archive: let go of it."""
        for settlement in taken:
            snapshot.settle(self.lines[settlement.line], settlement)

    def _restore(self, fact: Fact, past: Now) -> None:
        if fact.kind == FactKind.CHARTER:
            signed = parse_signed_charter(fact.body)
            if signed.charter.realm != self.realm:
                raise _other_realm("the store in this home", signed.charter.realm, self.realm)
            self._found(signed, fact.meta, fact.at_ms)
            return
        line = self.lines.get(fact.line)
        if line is None:
            return  # a trouble of the station itself
        match fact.kind:
            case FactKind.STATEMENT | FactKind.SECOND_STORY:
                second = fact.kind == FactKind.SECOND_STORY
                parsed = statement.parse(self.realm, fact.body)
                item = line.record.restore(parsed, fact.at_ms, second_story=second)
                origin = Origin.decode(fact.meta)
                line.apply_item(item, origin, past)
            case FactKind.RECEIPT:
                receipt = Receipt.decode(fact.body)
                if receipt.size > line.record.size(receipt.log):
                    raise LocalError(
                        "record.damaged",
                        f"a receipt in the store is for {receipt.size} statements of a log of which"
                        f" {line.record.size(receipt.log)} are here; run 'tieline verify', then"
                        " fetch the record back from a peer",
                    )
                line.apply_receipt(receipt, past)
            case FactKind.DRAFT:
                speech.restore_draft(line, fact.body, fact.at_ms)
            case FactKind.SETTLED:
                speech.restore_settled(line, fact.body)
            case FactKind.HANDED_OVER:
                handed = Handed.decode(fact.body)
                for digest in handed.items:
                    line.ladder.note_handed(digest, handed.station, fact.at_ms)
            case FactKind.LIFE:
                line.life.take(Lived.decode(fact.body), fact.at_ms)
            case FactKind.ALARM:
                _restore_alarm(line, fact)
            case _:
                self._restore_kept(line, fact, past)

    def _restore_kept(self, line: Line, fact: Fact, past: Now) -> None:
        """Facts that the ladder and the record do not build on."""
        match fact.kind:
            case FactKind.PROOF:
                stories.restore_proof(line, fact.body)
            case FactKind.NOTE:
                notes.restore(line, fact, past)
            case _:
                pass  # attempts, states and refusals are history: nothing is derived from them

    def _found(self, signed: SignedCharter, incarnation: bytes, at_ms: int) -> Line:
        line = self.lines.get(signed.charter.line)
        if line is None:
            line = Line(self.own, signed, self.archive, self.run)
            line.life.found(incarnation)
            self.lines[line.id] = line
            self.exchanges[line.id] = Exchange(line, self.pace)
        else:
            notes.compare(line)  # what had contradicted before a key ended still does
            line.use_charter(signed)
            count_slots_anew(line, at_ms)
        return line

    # ------------------------------------------------------------------------------- step

    def step(self, event: Event, now: Now) -> list[Effect]:  # noqa: C901, PLR0912 - an arm each
        """Take one event; return its effects in the order in which they are to be performed."""
        turn = Turn(now)
        match event:
            case Install() | Speak() | Release() | Discard() | CallTest() | SignCheckpoint():
                self._act(event, turn)
            case Arrived():
                self._arrived(event, turn)
            case Connected() | Lost() | Failed():
                self._carrier(event, turn)
            case HandedOver():
                self._handed_over(event, turn)
            case Stalled(line=name, peer=peer):
                if self._knows(name, peer):
                    self.exchanges[name].stalled(peer)
            case Ready(peer=peer):
                for name, exchange in self.exchanges.items():
                    if self._knows(name, peer):
                        exchange.ready(peer, turn)
            case Signed():
                self._signed(event, turn)
            case SignFailed(purpose=ForSpeech(name), cause=cause):
                speech.sign_failed(self.lines[name], cause, turn)
                speech.pump(self.lines[name], turn)
            case SignFailed(purpose=purpose, cause=cause):
                self._unsigned(purpose, cause, turn)
                self._trouble(Trouble(code="key.failed", text=cause), turn)
            case Witnessed(line=name, note=note):
                if name in self.lines:
                    self.exchanges[name].notes.witnessed(note, turn)
            case Outrun(line=name, log=log):
                if name in self.lines:
                    renewal.outrun(self.lines[name], log, turn)
            case Owed(line=name):
                if name in self.lines:
                    watch.owed(self.lines[name], event, turn)
                    speech.pump(self.lines[name], turn)
            case Touched(line=name):
                if name in self.lines:
                    watch.touched(self.lines[name], event, turn)
            case Trouble():
                self._trouble(event, turn)
            case Heeded(token=token, heed=heed):
                turn.keep(FactKind.HEED, b"", heed.encode())
                turn.reply(token, Done(line=b""))
            case Tick():
                for name, line in self.lines.items():
                    watch.tick(line, turn)
                    speech.pump(line, turn)
                    expiry.tick(line, turn)
                    self.exchanges[name].tick(turn)
                    watch.judge_links(line, turn)
        return turn.effects

    def finish(self, now: Now) -> list[Effect]:
        """What the events of a turn have left for its end, once for all of them; see ``Exchange``.

        To be asked again after events that follow from it, until it gives nothing more.
        """
        turn = Turn(now)
        for exchange in self.exchanges.values():
            exchange.finish(turn)
        return turn.effects

    def wakeup(self, now: Now) -> Wakeup:
        """When the next ``Tick`` is wanted, on each of the two clocks."""
        monos: list[int] = []
        reals: list[int] = []
        for name, line in self.lines.items():
            if (at := watch.wakeup(line, now.wall_ms, now.mono_ms)) is not None:
                monos.append(at)
            if (at := expiry.wakeup(line, now.wall_ms, now.mono_ms)) is not None:
                monos.append(at)
            if (at := self.exchanges[name].wakeup()) is not None:
                reals.append(at)
            if (at := speech.wakeup(line)) is not None:
                reals.append(at)
        return Wakeup(min(monos) if monos else None, min(reals) if reals else None)

    def line(self, name: bytes) -> Line:
        """A line by its id. Raises ``LocalError`` when this station is not on it."""
        line = self.lines.get(name)
        if line is None:
            raise LocalError(
                "line.unknown", f"this station keeps no line {name.hex()[:8]}; see 'status'"
            )
        return line

    def peers(self) -> Iterator[tuple[Line, bytes]]:
        """Every peer station of every line."""
        for line in self.lines.values():
            for station in line.peers:
                yield line, station

    # ------------------------------------------------------------------------------- acts

    def _act(self, act: Act, turn: Turn) -> None:
        try:
            match act:
                case Install():
                    self._install(act, turn)
                case Speak():
                    speech.speak(self.line(act.line), act, turn)
                case Release():
                    speech.release(self.line(act.line), act, turn)
                case Discard():
                    speech.discard(self.line(act.line), act, turn)
                case CallTest():
                    speech.call_test(self.line(act.line), act, turn)
                case SignCheckpoint():
                    notes.ask(self.line(act.line), act, turn, seal=act.seal)
        except TielineError as error:
            turn.reply(act.token, error)

    def _install(self, act: Install, turn: Turn) -> None:
        charter = act.charter.charter
        if charter.realm != self.realm:
            raise _other_realm("the charter", charter.realm, self.realm)
        chain = (*act.history, act.charter)
        before = len(turn.effects)
        line = self.lines.get(charter.line)
        if line is not None:
            self._amend(line, chain, turn)
        else:
            self._join(chain, act.incarnation, turn)
        self._after_arrivals(self.lines[charter.line], before, turn)
        turn.reply(act.token, Done(line=charter.line))

    def _amend(self, line: Line, chain: tuple[SignedCharter, ...], turn: Turn) -> None:
        exchange = self.exchanges[line.id]
        news = [exchange.amend(signed, turn) for signed in chain]
        if any(news):
            watch.judge_links(line, turn)

    def _join(self, chain: tuple[SignedCharter, ...], incarnation: bytes, turn: Turn) -> None:
        """Begin to keep a line, from its first charter on."""
        check_chain(chain)
        newest = chain[-1].charter
        if newest.station(self.own) is None:
            raise LocalError(
                "charter.stranger", "the charter does not name this station; check the card"
            )
        for signed in chain:
            self._found(signed, incarnation, turn.now.wall_ms)
            turn.keep(FactKind.CHARTER, newest.line, signed.encode(), incarnation)
        line = self.lines[newest.line]
        line.slot_done = -1
        first_slot(line, turn.now)
        turn.peers_changed()
        renewal.begin(line, incarnation, turn, founded=newest.version == 1)
        speech.say(line, renewal.opening(line), Origin(), 0, turn)

    # ----------------------------------------------------------------------------- outside

    def _knows(self, line: bytes, peer: bytes) -> bool:
        return line in self.lines and peer in self.lines[line].peers

    def _arrived(self, event: Arrived, turn: Turn) -> None:
        try:
            envelope = sync.unpack(event.envelope)
        except RemoteError as error:
            self._refuse_everywhere(event, error, turn)
            return
        if not self._knows(envelope.line, event.peer):
            stray = RemoteError(
                "line.not_shared",
                f"an envelope for line {envelope.line.hex()[:8]} came from a station with which"
                " this one does not share that line; it was dropped",
            )
            self._refuse_everywhere(event, stray, turn)
            return
        line = self.lines[envelope.line]
        link = line.links[event.peer]
        link.last_heard_ms, link.heard_at = turn.now.wall_ms, turn.now.real_ms
        before = len(turn.effects)
        live = event.live and event.carrier in link.sessions
        line.record.known = event.known
        self.exchanges[line.id].arrived(event.peer, event.carrier, envelope, turn, live=live)
        line.record.known = None
        speech.pump(line, turn)  # what has waited for a confirmation
        self._after_arrivals(line, before, turn, woken=link.state is LineState.SILENT)

    def _after_arrivals(self, line: Line, start: int, turn: Turn, *, woken: bool = False) -> None:
        """What new statements and charters mean for officers and for the state of the links."""
        fresh = False
        amended = any(isinstance(effect, PeersChanged) for effect in turn.effects[start:])
        if amended:
            self._share_sessions(line, turn)
        for item in self._kept_items(line, start, turn):
            fresh = True
            if line.party_of(item.statement.place.station) != line.party:
                watch.admitted(line, item, turn)
        if fresh or woken or amended:
            watch.judge_links(line, turn)

    def _share_sessions(self, line: Line, turn: Turn) -> None:
        """A session is between stations: one that stands already serves a new line or peer too."""
        for station, link in line.links.items():
            for other in self.lines.values():
                standing = other.links.get(station)
                if link.sessions or standing is None or not standing.sessions:
                    continue
                for carrier, address in sorted(standing.sessions.items()):
                    news = Attempt(
                        station=station, carrier=carrier, address=address, outcome="connected"
                    )
                    watch.carrier_news(line, link, news, turn)
                self.exchanges[line.id].connected(station, turn, again=False)

    def _kept_items(self, line: Line, start: int, turn: Turn) -> list[Item]:
        out: list[Item] = []
        for effect in turn.effects[start:]:
            if isinstance(effect, Keep) and (fact := effect.fact).kind == FactKind.STATEMENT:
                log, position = line.record.logs[fact.log or b""], fact.position or 0
                if position < log.size:  # else a charter that came after it has ended its log
                    out.append(log.items[position])
        return out

    def _refuse_everywhere(self, event: Arrived, error: RemoteError, turn: Turn) -> None:
        refusal = Refusal(
            code=error.code, text=error.message, carrier=event.carrier, peer=event.peer
        )
        for name in self.lines:
            if self._knows(name, event.peer):
                self.exchanges[name].refuse(refusal, turn)

    def _carrier(self, event: Connected | Lost | Failed, turn: Turn) -> None:
        attempt = Attempt(
            station=event.peer,
            carrier=event.carrier,
            address=event.address if not isinstance(event, Lost) else "",
            outcome={Connected: "connected", Lost: "lost", Failed: "failed"}[type(event)],
            cause="" if isinstance(event, Connected) else clean(event.cause, MAX_TEXT),
        )
        for name, line in self.lines.items():
            if event.peer not in line.peers:
                continue
            watch.carrier_news(line, line.links[event.peer], attempt, turn)
            if isinstance(event, Connected):
                self.exchanges[name].connected(event.peer, turn, again=event.again)
            elif isinstance(event, Lost):
                self.exchanges[name].disconnected(event.peer)

    def _handed_over(self, event: HandedOver, turn: Turn) -> None:
        line = self.lines.get(event.line)
        if line is None:
            return
        news = tuple(
            digest for digest in event.items if event.peer not in line.ladder.handed.get(digest, {})
        )
        for digest in news:
            line.ladder.note_handed(digest, event.peer, turn.now.wall_ms)
        if news:
            handed = Handed(station=event.peer, carrier=event.carrier, items=news)
            turn.keep_handed(line.id, handed)

    def _signed(self, event: Signed, turn: Turn) -> None:
        purpose = event.purpose
        line = self.lines[purpose.line]
        exchange = self.exchanges[purpose.line]
        if isinstance(purpose, ForReceipt):
            exchange.cosigned(purpose, event.signature, turn)
            return
        if isinstance(purpose, ForNote):
            exchange.notes.signed(purpose, event.signature, turn)
            return
        if isinstance(purpose, ForSeal):
            exchange.notes.sealed(purpose, event.signature, turn)
            return
        item = speech.signed(line, event.signature, turn)
        speech.pump(line, turn)
        if item is not None:
            exchange.said(item, turn)
            watch.judge_links(line, turn)

    def _unsigned(self, purpose: SignFor, cause: str, turn: Turn) -> None:
        """No key for a checkpoint: it waits, or goes without the signature with ML-DSA-44."""
        exchange = self.exchanges[purpose.line]
        if isinstance(purpose, ForNote):
            exchange.notes.failed(purpose, cause, turn)
        elif isinstance(purpose, ForSeal):
            exchange.notes.sealed(purpose, b"", turn)

    def _trouble(self, event: Trouble, turn: Turn) -> None:
        """A trouble of the station itself rings once until it is over and comes again."""
        alarm = Alarm(code=event.code, precedence=Precedence(event.precedence), text=event.text)
        self.troubles[event.code] = alarm
        turn.keep_alarm(b"", alarm)


def _restore_alarm(line: Line, fact: Fact) -> None:
    """An alarm rang. What it was to put on the record has come there by a later fact, or is owed.

    The station may have ended before it could say it.
    """
    alarm = Alarm.decode(fact.body)
    line.alarms.add(alarm)
    if alarm.rung is not None:
        line.ladder.note_overdue(alarm.item, alarm.party, alarm.rung)
    if fact.meta:
        line.ladder.unsaid.owe(statement.unpack_content(fact.meta), told=False)


def _other_realm(what: str, found: str, here: str) -> LocalError:
    return LocalError(
        "charter.realm",
        f"{what} is for {found or 'real traffic'} and this home for {here or 'real traffic'};"
        " exercise and real traffic never share a home",
    )
