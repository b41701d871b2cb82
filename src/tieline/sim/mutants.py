"""Stations broken on purpose, one promise each: the proof that the simulator would notice.

Each is known by the invariant it breaks. Those of the disk are in ``diskmutants``, and
those that lose their pace in ``pacemutants``. Nothing in the
product knows of this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tieline.core import (
    crypto,
    keychange,
    notes,
    record,
    renewal,
    repeats,
    speech,
    statement,
    stories,
    sync,
    watch,
)
from tieline.core.charter import Charter
from tieline.core.checkpoint import Receipt, SignedNote
from tieline.core.closing import Closings
from tieline.core.errors import StoreFailed, StoreFull
from tieline.core.events import ForReceipt, Install, Speak
from tieline.core.exchange import Exchange
from tieline.core.journal import Attempt, Came, FactKind
from tieline.core.ladder import Ladder
from tieline.core.life import Life, Mark, Standing
from tieline.core.line import Line
from tieline.core.noted import LogNotes, Noted
from tieline.core.notetalk import NoteExchange
from tieline.core.record import Duplicate, Forked, Held, Item, Keys, Log, Outcome, Record, SortKey
from tieline.core.statement import Content, Ref, Statement
from tieline.core.station import Station
from tieline.core.sync import Have, Head, Peer
from tieline.core.terms import Now
from tieline.core.turn import Turn
from tieline.core.unsaid import Unsaid
from tieline.node.runtime import Plan, Runtime
from tieline.sim import early
from tieline.sim.diskmutants import DISKS
from tieline.sim.mutant import Mutant, in_force
from tieline.sim.newer import NewerRuntime
from tieline.sim.pacemutants import PACES

__all__ = ["MUTANTS", "Mutant", "in_force"]


def _promise_ahead(self: Exchange, turn: Turn) -> None:
    """A receipt is given for one statement more than is held."""
    line = self.line
    for name in sorted(line.advanced):
        size = line.record.logs[name].size + 1
        turn.sign(ForReceipt(line.id, name, size, turn.now.wall_ms // 1000), b"ahead", b"")
    line.advanced.clear()


def _tell_unasked(self: Exchange, purpose: ForReceipt, signature: bytes, turn: Turn) -> None:
    """A receipt goes out whatever it covers."""
    line = self.line
    receipt = Receipt(
        log=purpose.log,
        size=purpose.size,
        cosigner=line.own,
        time_s=purpose.time_s,
        signature=signature,
    )
    for station, peer in line.peers.items():
        if line.links[station].sessions:
            self._send_receipts(peer, (receipt,), turn)


_judge: Callable[..., Outcome] = Record.judge


def _judge_again(self: Record, found: Statement, keys: Keys, now_ms: int) -> Outcome:
    """What came by another carrier counts as new."""
    outcome = _judge(self, found, keys, now_ms)
    if isinstance(outcome, Duplicate):
        return Forked(self.by_digest[found.digest], None)
    return outcome


def _key_by_clock(found: Statement, _parents: tuple[SortKey, ...]) -> SortKey:
    """Display order by what the clocks claim."""
    place = found.place
    time_ms = place.time_ms
    return (
        time_ms, 0, time_ms, place.station, place.incarnation, place.position, found.digest,
    )  # fmt: skip


def _show_as_it_came(self: Record, _item: Item, ref: int) -> None:
    """Display order by arrival."""
    self.refs.append(ref)


def _say_nothing(_line: Line, _proof: tuple[Statement, Statement], _turn: Turn) -> None:
    """A second story is kept, and nobody is told."""


def _drop_second_story(
    _self: Record, _log: Log, found: Statement, _key: SortKey, _now_ms: int
) -> Outcome:
    """The first story wins, the other one is thrown away."""
    return Duplicate(found.digest)


def _verifies(_public_key: bytes, _message: bytes, _signature: bytes) -> bool:
    """Every signature is a good one."""
    return True


def _any_receipt(_receipt: Receipt, _origin: str, _root: bytes, _key: bytes) -> bool:
    """Every receipt is a good one."""
    return True


def _never_repeated(_line: Line, _token: int, _key: str, _turn: Turn) -> bool:
    """No act counts as a repetition."""
    return False


def _any_place(_self: Record, _found: Statement) -> None:
    """Statements of another line are welcome."""


def _one_domain(_realm: str) -> bytes:
    """An exercise is as good as the real thing."""
    return b"tieline-statement-v1\0"


def _keep_believing(_self: Peer) -> None:
    """What was pushed into a session that broke counts as there."""


def _give_up(_self: Exchange, peer: Peer, _turn: Turn) -> None:
    """What was pushed is not pushed again."""
    peer.retry_at = None


def _hold_any(line: Line, noted: Noted, _now: Now) -> Noted | None:
    """Checkpoints are kept, and compared with nothing."""
    book = notes.book_of(line, noted.head)
    if book is None or noted.head.size in book.heads:
        return None
    book.put(noted)
    return noted


def _agrees(_line: Line, _log: Log, _turn: Turn | None) -> bool:
    """Whatever was said of a log in advance has come true."""
    return False


def _tell_nobody(_self: NoteExchange, _peers: list[Peer], _turn: Turn) -> None:
    """Checkpoints are kept, and nobody hears of them."""


def _never_late(_self: Closings, _found: Statement) -> bool:
    """No statement is beyond the end of its log."""
    return False


def _no_end(_self: Closings, _found: Statement) -> None:
    """No log ends."""


def _always_writing(_self: Life) -> Standing:
    """A log is gone on with whatever happened to the store."""
    return Standing.WRITING


_begin: Callable[[Life, Mapping[bytes, Log]], None] = Life.begin


def _forget_the_mark(self: Life, logs: Mapping[bytes, Log]) -> None:
    """The machine's memory says whatever the store says."""
    log = logs.get(self.log)
    if log is not None and log.size:
        self.run.marks = {**(self.run.marks or {}), self.line: Mark(self.log, log.size, log.head)}
    _begin(self, logs)


def _any_word(line: Line, _peer: bytes, have: Have, _turn: Turn, *, live: bool) -> None:
    """Whatever a peer says of our log, or says nothing of it, it confirms it."""
    if live and have.full:
        line.life.trust()


def _one_chain(_ours: Log, _head: Head) -> bool:
    """Who holds as many statements of a log holds the same ones, since its receipts say so."""
    return True


def _offer_no_branch(
    _self: Exchange, _found: Statement, _proof: tuple[Statement, Statement] | None, _peer: bytes
) -> None:
    """A second story is kept, and nobody else hears of it."""


def _any_line(self: SignedNote, name: str, _key: bytes) -> int | None:
    """Whatever stands under a note in the name of a witness is its line."""
    return 0 if any(line.name == name for line in self.signatures) else None


def _any_witness(line: Line, book: LogNotes) -> int:
    """The word of one witness is enough."""
    return max(notes.witnessed(line, book), default=0)


_speak: Callable[[Line, Speak, Turn], None] = speech.speak


def _speak_unless_forked(line: Line, act: Speak, turn: Turn) -> None:
    """A line on which somebody has told two stories is closed."""
    if any(alarm.code == "record.two_stories" for alarm in line.alarms.values()):
        raise StoreFull("two stories were told on this line, so it takes no more words")
    _speak(line, act, turn)


def _any_voice(line: Line) -> None:
    """Whoever is on the line may speak."""


def _all_voices(self: Charter) -> tuple[str, ...]:
    return tuple(party.code for party in self.parties)


def _all_addressed(_self: Ladder, statement: Statement, charter: Charter) -> tuple[str, ...]:
    author = charter.party_of(statement.place.station)
    named = statement.content.to or _all_voices(charter)
    return tuple(code for code in named if code != author)


def _say_no_silence(_line: Line, _content: Content, _turn: Turn) -> None:
    """What did not come is told to the officers, and to nobody else."""


_owe: Callable[..., None] = Unsaid.owe


def _owe_in_memory(self: Unsaid, content: Content, *, told: bool) -> None:
    """What an earlier life rang for and did not say is never said."""
    if told:
        _owe(self, content, told=told)


def _keep_no_attempt(_self: Turn, _line: bytes, _attempt: Attempt) -> None:
    """A failed call leaves no trace."""


def _never_lately(_at_ms: int | None, _now_ms: int, _pace_ms: int) -> bool:
    """Who says that it has nothing is given all, as often as it says so."""
    return False


def _hold_all(self: Record, found: Statement, need: Held) -> bool:
    """Whatever comes ahead of what it builds on is kept."""
    self._held[found.digest] = found
    self._held_bytes += len(found.raw)
    where = need.need if need.charter is None else need.charter
    self._waiting.setdefault(where, []).append(found.digest)
    return True


_finish: Callable[[Exchange, Turn], None] = Exchange.finish


def _one_after_the_other(self: Exchange, turn: Turn) -> None:
    """Nobody is given anything while somebody before it has something to confirm."""
    fed, self._hungry = self.line.peers.items() if self._hungry else (), set()
    _finish(self, turn)
    for station, peer in fed:
        self.feed(station, turn)
        if peer.outstanding():
            return


_feed: Callable[[Exchange, bytes, Turn], None] = Exchange.feed


def _feed_now_and_then(self: Exchange, peer_id: bytes, turn: Turn) -> None:
    """What a peer lacks is given to it in one minute of five; in the end it has it all."""
    if turn.now.real_ms % 300_000 < 60_000:
        _feed(self, peer_id, turn)
    else:
        self._hungry.add(peer_id)


_keep: Callable[..., None] = Turn.keep_statement


def _keep_what_is_known(self: Turn, found: Statement, meta: bytes, *, second_story: bool) -> None:
    """Of a statement is kept what this version understands."""
    known = crypto.pack_sign1(statement.compose(found.place, found.content), found.signature)
    _keep(self, replace(found, raw=known), meta, second_story=second_story)


def _judge_known(self: Record, found: Statement, keys: Keys, now_ms: int) -> Outcome:
    """What this version does not know is no statement."""
    if found.unknown and not NewerRuntime.speaking:
        return Duplicate(found.digest)  # dropped
    return _judge(self, found, keys, now_ms)


_install: Callable[[Station, Install, Turn], None] = Station._install  # noqa: SLF001


def _install_any(self: Station, act: Install, turn: Turn) -> None:
    """A charter is a charter, of an exercise or not."""
    charter = act.charter.charter
    if charter.realm == self.realm:
        _install(self, act, turn)
    else:
        turn.keep(FactKind.CHARTER, charter.line, act.charter.encode(), act.incarnation)


def _cite_any(_line: Line, _content: Content, _ref: Ref) -> None:
    """An officer may cite what is not in this record."""


_take: Callable[[Exchange, bytes, Came, Turn], None] = Exchange._take  # noqa: SLF001


def _trust_a_stick(self: Exchange, raw: bytes, came: Came, turn: Turn) -> None:
    """What came in a file was looked at by whoever carried it."""
    kept = crypto.verify
    setattr(crypto, "verify", _verifies if came.origin.carrier == "bundle" else kept)  # noqa: B010
    try:
        _take(self, raw, came, turn)
    finally:
        setattr(crypto, "verify", kept)  # noqa: B010


_kept: Callable[[Runtime, Plan, Callable[[], int]], bool] = Runtime._kept  # noqa: SLF001


def _carry_on(self: Runtime, plan: Plan, commit: Callable[[], int]) -> bool:
    """A sync that failed is taken for one that did not, in the loop and beside it."""
    try:
        return _kept(self, plan, commit)
    except StoreFailed:
        plan.first = self.store.last() - len(plan.facts) + 1
        return True


MUTANTS: dict[str, Mutant] = {
    mutant.name: mutant
    for mutant in (
        *DISKS,
        *PACES,
        Mutant(
            name="receipt-before-commit",
            invariants=frozenset({1}),
            what="effects are performed before the commit that backs them",
            patches=(
                (Runtime, "turn", early.perform_first),
                (Runtime, "begin", early.perform_begun),
                (Runtime, "end", early.publish_alone),
            ),
        ),
        Mutant(
            name="receipt-ahead",
            invariants=frozenset({1}),
            what="a receipt covers one statement more than is held",
            patches=(
                (Exchange, "_ask_receipts", _promise_ahead),
                (Exchange, "cosigned", _tell_unasked),
            ),
        ),
        Mutant(
            name="carrier-makes-new",
            invariants=frozenset({2}),
            what="a statement that comes a second time comes up a second time",
            patches=((Record, "judge", _judge_again),),
        ),
        Mutant(
            name="act-repeated",
            invariants=frozenset({2}),
            what="an officer's act asked for again with the same key is done again",
            patches=((speech, "_answer_repeat", _never_repeated),),
        ),
        Mutant(
            name="clock-order",
            invariants=frozenset({3}),
            what="statements are shown in the order that clocks claim",
            patches=((record, "_key_after", _key_by_clock),),
        ),
        Mutant(
            name="arrival-order",
            invariants=frozenset({3}),
            what="statements are shown in the order in which they came",
            patches=((Record, "_show", _show_as_it_came),),
        ),
        Mutant(
            name="silent-fork",
            invariants=frozenset({4}),
            what="two stories are kept and no proof is recorded",
            patches=((stories, "found_statements", _say_nothing),),
        ),
        Mutant(
            name="note-not-compared",
            invariants=frozenset({10}),
            what="checkpoints are kept and compared with nothing",
            patches=((notes, "place", _hold_any), (notes, "grew", _agrees)),
        ),
        Mutant(
            name="proof-not-passed-on",
            invariants=frozenset({10}),
            what="checkpoints that contradict each other stay with who was told them",
            patches=((NoteExchange, "tell", _tell_nobody),),
        ),
        Mutant(
            name="relay-believes-colluder",
            invariants=frozenset({4}),
            what="a log of which both sides hold as much counts as the same for both",
            patches=(
                (sync, "_is_one_chain", _one_chain),
                (Exchange, "_offer_branch", _offer_no_branch),
            ),
        ),
        Mutant(
            name="witness-unchecked",
            invariants=frozenset({5}),
            what="lines in the name of a witness are counted unverified",
            patches=((SignedNote, "cosigned_by", _any_line),),
        ),
        Mutant(
            name="one-witness-enough",
            invariants=frozenset({5}),
            what="a log counts as witnessed when a single witness says so",
            patches=((notes, "quorum_size", _any_witness),),
        ),
        Mutant(
            name="first-story-wins",
            invariants=frozenset({4}),
            what="a second story is thrown away",
            patches=((Record, "_fork", _drop_second_story),),
        ),
        Mutant(
            name="no-signatures",
            invariants=frozenset({5}),
            what="no signature is verified",
            patches=((crypto, "verify", _verifies), (keychange, "verify_receipt", _any_receipt)),
        ),
        Mutant(
            name="bundle-unsigned",
            invariants=frozenset({4, 5}),
            what="no signature is verified of what came in a file",
            patches=((Exchange, "_take", _trust_a_stick),),
        ),
        Mutant(
            name="any-line",
            invariants=frozenset({5}),
            what="statements of another line are admitted",
            patches=((Record, "_check_place", _any_place),),
        ),
        Mutant(
            name="any-realm",
            invariants=frozenset({5}),
            what="a signature made in an exercise is good on the real line",
            patches=((statement, "domain", _one_domain),),
        ),
        Mutant(
            name="old-key-still-speaks",
            invariants=frozenset({5}),
            what="a key that a charter has ended is believed as before",
            patches=((Closings, "late", _never_late), (Closings, "end_of", _no_end)),
        ),
        Mutant(
            name="probation-off",
            invariants=frozenset({6}),
            what="a log is gone on with after every start",
            patches=((Life, "standing", property(_always_writing)),),
        ),
        Mutant(
            name="mark-ignored",
            invariants=frozenset({6}),
            what="the machine does not remember how far it has written",
            patches=((Life, "begin", _forget_the_mark),),
        ),
        Mutant(
            name="confirm-by-anything",
            invariants=frozenset({4, 6}),  # its checkpoints tell two stories, too
            what="a peer that names another end than ours confirms it",
            patches=((renewal, "heard", _any_word),),
        ),
        Mutant(
            name="fork-cuts",
            invariants=frozenset({7}),
            what="a line on which two stories were told takes no more words",
            patches=((speech, "speak", _speak_unless_forked),),
        ),
        Mutant(
            name="silence-unsaid",
            invariants=frozenset({8}),
            what="a deadline that ran down is on no record",
            patches=((watch, "_say", _say_no_silence),),
        ),
        Mutant(
            name="silence-forgotten",
            invariants=frozenset({8}),
            what="what a life was to put on the record is forgotten when it ends",
            patches=((Unsaid, "owe", _owe_in_memory),),
        ),
        Mutant(
            name="observer-speaks",
            invariants=frozenset({5}),
            what="the station of an observer signs what its officer says",
            patches=((speech, "_check_voice", _any_voice),),
        ),
        Mutant(
            name="observer-owes",
            invariants=frozenset({8}),
            what="an observer owes what everybody owes",
            patches=((Ladder, "addressed", _all_addressed), (Charter, "voices", _all_voices)),
        ),
        Mutant(
            name="attempts-forgotten",
            invariants=frozenset({8}),
            what="what carriers tell is not kept",
            patches=((Turn, "keep_attempt", _keep_no_attempt),),
        ),
        Mutant(
            name="answers-every-have",
            invariants=frozenset({5}),
            what="a peer that has nothing is given all, as often as it says so",
            patches=((repeats, "lately", _never_lately),),
        ),
        Mutant(
            name="holds-without-end",
            invariants=frozenset({5}),
            what="what waits for what it builds on has no bound",
            patches=((Record, "hold", _hold_all),),
        ),
        Mutant(
            name="one-after-the-other",
            invariants=frozenset({7}),
            what="a peer that confirms nothing holds up all others",
            patches=((Exchange, "finish", _one_after_the_other),),
        ),
        Mutant(
            name="tells-late",
            invariants=frozenset({10}),
            what="peers in touch are told in one minute of five, and of all in the end",
            patches=((Exchange, "feed", _feed_now_and_then),),
        ),
        Mutant(
            name="sync-failure-ignored",
            invariants=frozenset({1}),
            what="a station goes on after its disk has failed to sync",
            patches=((Runtime, "_kept", _carry_on),),
        ),
        Mutant(
            name="unknown-dropped",
            invariants=frozenset({5}),
            what="of a statement by a later version is kept what is understood",
            patches=((Turn, "keep_statement", _keep_what_is_known),),
        ),
        Mutant(
            name="unknown-refused",
            invariants=frozenset({10}),
            what="a statement by a later version is refused",
            patches=((Record, "judge", _judge_known),),
        ),
        Mutant(
            name="drill-charter-taken",
            invariants=frozenset({9}),
            what="a station takes the charter of an exercise, or of the real line",
            patches=((Station, "_install", _install_any),),
        ),
        Mutant(
            name="drill-cited",
            invariants=frozenset({9}),
            what="an officer may cite what was said in an exercise",
            patches=((speech, "_check_ref", _cite_any),),
        ),
        Mutant(
            name="never-again",
            invariants=frozenset({10}),
            what="what was pushed once is never pushed again",
            patches=(
                (Peer, "forget_session", _keep_believing),
                (Peer, "forget_sent", _keep_believing),
                (Exchange, "_retry", _give_up),
            ),
        ),
    )
}
