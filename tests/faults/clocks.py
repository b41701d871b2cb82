"""P6: clocks that run wrong, that are another one after a start, and times that a peer claims.

Each machine has clocks of its own here: a wall clock that anybody may set, and a monotonic one that
begins anywhere at a start. What rings is noted by the true time, which no station knows.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Final, cast

from tests.core.world import START_MS, Net, Post, answer, founded, kits, message
from tests.faults.rows import need
from tests.faults.views import STEPS, Said, healed

from tieline.core.events import Effect, Event, Keep
from tieline.core.journal import Alarm, FactKind
from tieline.core.line import SKEW_MS
from tieline.core.statement import WANT_ACKNOWLEDGE, Content
from tieline.core.terms import MAX_TIME_MS, Kind, Now, Precedence
from tieline.node.clockwatch import PEERS, ClockWatch, Sync
from tieline.node.view import item_view

RATES_PPM: Final = (100, 1_000, 20_000, 100_000, 500_000)
LENGTH_S: Final = 600  # of the deadline of a FLASH that has been received (the charter's default)
FAR_MS: Final = 10_000_000_000  # where a monotonic clock may begin


@dataclass(slots=True)
class Watch:
    """The clocks of one machine, in the place of the one that a ``Net`` has for all."""

    net: Net
    skew_ms: int = 0
    ppm: int = 0
    base_ms: int = 0
    booted_ms: int = 0

    def now(self) -> Now:
        """What this machine reads."""
        true_ms = self.net.ms
        wall = START_MS + true_ms + self.skew_ms + true_ms * self.ppm // 1_000_000
        mono = self.base_ms + true_ms - self.booted_ms
        return Now(min(max(wall, 0), MAX_TIME_MS), mono, mono)


class Clocked(Net):
    """A line of which each machine has its own clocks. ``rung``: true time, party and alarm."""

    def __init__(self, count: int) -> None:
        super().__init__(kits(count), founded(count))
        self.rung: list[tuple[int, str, Alarm]] = []
        self.watches = {post.who.id: Watch(self) for post in self}
        for post in self:
            post.net = cast("Net", self.watches[post.who.id])
            self._listen(post)

    def _listen(self, post: Post) -> None:
        real = post._take

        def take(effect: Effect, signed: list[Event]) -> None:
            if isinstance(effect, Keep) and effect.fact.kind == FactKind.ALARM:
                self.rung.append((self.ms, post.who.party, Alarm.decode(effect.fact.body)))
            real(effect, signed)

        post._take = take  # type: ignore[method-assign]

    def watch(self, post: Post) -> Watch:
        """The clocks of a machine."""
        return self.watches[post.who.id]

    def _wake(self, post: Post) -> int | None:
        watch = self.watch(post)
        wakeup = post.station.wakeup(watch.now())
        wanted = [at for at in (wakeup.mono_ms, wakeup.real_ms) if at is not None]
        return min(wanted) - watch.base_ms + watch.booted_ms if wanted else None

    def start_anew(self, post: Post, skew_ms: int, base_ms: int) -> None:
        """A new life, with another wall clock, and a monotonic one that begins elsewhere."""
        watch = self.watch(post)
        watch.skew_ms, watch.base_ms, watch.booted_ms = skew_ms, base_ms, self.ms
        self.restart(post)

    def overdue(self, item: bytes) -> list[tuple[int, str]]:
        """When, and at whom, a deadline of a statement rang."""
        return [
            (at, party)
            for at, party, alarm in self.rung
            if alarm.item == item and alarm.code.startswith("overdue.")
        ]


def _urgent(text: str) -> Content:
    return replace(message(text, Precedence.FLASH), wants=WANT_ACKNOWLEDGE)


def drifting(seed: int) -> None:
    """Wall clocks run wrong by up to a half: the order, and when what rang, are the twin's."""
    told = []
    for wrong in (False, True):
        chance, lie = random.Random(f"drift {seed}"), random.Random(f"rate {seed}")
        net, said = Clocked(3), Said()
        posts, words = list(net), list[bytes]()
        for post in posts:
            rate = lie.choice(RATES_PPM) * lie.choice((-1, 1))
            net.watch(post).ppm = rate if wrong else 0
        net.connect_all()
        for number in range(chance.randint(4, 8)):
            author = chance.choice(posts)
            words.append(author.speak(_urgent(f"word {number}")).item)
            net.deliver()
            for reader in posts:
                if reader is not author and chance.random() < 0.5:
                    net.pass_time(chance.choice((1, 60)))
                    reader.speak(answer(Kind.ACKNOWLEDGE, words[-1]))
                    net.deliver()
            net.pass_time(chance.choice((1, 30, 300, LENGTH_S + 1)))
        net.pass_time(LENGTH_S)
        healed(net, said, seed)
        order = [digest for digest in posts[0].order() if digest in words]
        need(order == words, "a clock that runs wrong has changed the order")
        told.append([net.overdue(word) for word in words])
    need(told[0] == told[1], "a deadline goes by a clock that anybody may set")


def another_clock(seed: int) -> None:
    """Stations start anew under other clocks while a deadline runs: it is told of once, in time."""
    chance = random.Random(f"another clock {seed}")
    net = Clocked(2)
    alpha, bravo = net
    net.connect_all()
    word = alpha.speak(_urgent("answer at once")).item
    net.deliver()
    due_ms = net.ms + LENGTH_S * 1_000
    answered = chance.choice((0, 0, 100, 300, 599))  # s; 0: never
    moves: set[int] = set()
    started = {post.who.party: 0 for post in net}
    at_s = 0
    for _ in range(chance.randint(1, 4)):
        then_s = at_s + chance.randint(1, 250)
        if at_s < answered <= then_s:
            net.pass_time(answered - at_s)
            _answer(net, bravo, word)
            at_s = answered
        net.pass_time(then_s - at_s)
        at_s = then_s
        post = chance.choice((alpha, bravo))
        move = chance.choice((0, *STEPS))
        moves.add(move)
        before = net.watch(post).skew_ms
        net.start_anew(post, before + move, chance.choice((0, 1, FAR_MS)))
        net.connect_all()
        started[post.who.party] = net.ms
    if answered > at_s:
        net.pass_time(answered - at_s)
        _answer(net, bravo, word)
    net.pass_time(2 * LENGTH_S)
    _told_once(net, word, due_ms, moves, started, early=bool(answered))


def _answer(net: Clocked, bravo: Post, word: bytes) -> None:
    bravo.speak(answer(Kind.ACKNOWLEDGE, word))
    net.deliver()


def _told_once(
    net: Clocked, word: bytes, due_ms: int, moves: set[int], started: dict[str, int], *, early: bool
) -> None:
    """A deadline that was not met rang once at each, and one that was met did not."""
    rang = net.overdue(word)
    forward, back = max(moves) > 0, min(moves) < 0
    for party in ("ALPHA", "BRAVO"):
        mine = [at for at, who in rang if who == party]
        need(len(mine) <= 1, f"{party} was told of one deadline {len(mine)} times")
        if not mine:
            need(early, f"{party} was not told of a deadline that passed")
            continue
        need(not early or forward, f"{party} was told of a deadline that was met")
        latest = max(due_ms, started[party] + LENGTH_S * 1_000)
        need(mine[0] <= (latest if back else due_ms), f"{party} was told too late")
        need(forward or mine[0] >= due_ms, f"{party} was told too early")
    noted = [each for each in net.post("ALPHA").statements(Kind.SILENCE)
             if any(ref.target == word for ref in each.content.refs)]  # fmt: skip
    need(len(noted) == sum(who == "ALPHA" for _, who in rang), "the record does not say it once")


def claimed_times(seed: int) -> None:
    """A peer claims any time there is: it is kept, told beside our own, and moves nobody else."""
    chance = random.Random(f"claimed {seed}")
    net, said = Clocked(3), Said()
    alpha, bravo, charlie = net
    net.connect_all()
    looks = {post.who.id: ClockWatch(lambda: Sync.YES, lambda: net.ms) for post in (alpha, charlie)}
    claims: list[tuple[bytes, int, int]] = []  # of BRAVO: what it said, its time and the true one
    for number in range(chance.randint(2, 4)):
        net.watch(bravo).skew_ms = chance.choice((0, *STEPS))
        for reader in (alpha, charlie):
            looks[reader.who.id].look(net.watch(reader).now().wall_ms, [reader.line])
        claimed = net.watch(bravo).now().wall_ms
        claims.append((said.by(bravo, f"word {number}"), claimed, START_MS + net.ms))
        net.deliver()
        for reader in (alpha, charlie):
            _shown(reader, claims)
        net.pass_time(chance.choice((1, 2, 10)))
        for reader in (alpha, charlie):  # by its receipt BRAVO's clock is seen to be behind
            said.by(reader, f"{reader.who.party} has read {number}")
            net.deliver()
        net.pass_time(2)
        for reader in (alpha, charlie):
            _told(reader, looks[reader.who.id], net, claimed - claims[-1][2])
    healed(net, said, seed)


def _shown(reader: Post, claims: list[tuple[bytes, int, int]]) -> None:
    """The time that it claims, ours when it came, and a warning where they do not fit."""
    log = reader.line.record.logs[reader.item(claims[-1][0]).statement.log]
    for digest, claimed, true in claims:
        item = reader.item(digest)
        view = item_view(reader.line, item)
        need((view["claimed_ms"], view["admitted_ms"]) == (claimed, true), "a time is not kept")
        before = log.items[item.statement.place.position - 1].statement.place.time_ms
        flags = str(view["flags"])
        need(("ahead of ours" in flags) is (claimed > true + SKEW_MS), "ahead, and not flagged")
        need(("went back" in flags) is (claimed + SKEW_MS < before), "back, and not flagged")


def _told(reader: Post, look: ClockWatch, net: Clocked, ahead_ms: int) -> None:
    look.look(net.watch(reader).now().wall_ms, [reader.line])
    told = " ".join(alarm.text for alarm in look.troubles() if alarm.code == PEERS)
    wrong = abs(ahead_ms) > SKEW_MS
    need(("BRAVO" in told) is wrong, f"BRAVO's clock is {ahead_ms} ms off, and told is {told!r}")
