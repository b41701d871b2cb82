"""P2, P3 and P6: once, in the order in which it was said, whatever the roads and the clocks do."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from typing import Final

from tests.core.test_bundle import carry
from tests.core.test_record import LINE, Author, ancestors, take
from tests.core.world import START_MS, Net, Post, founded, kits, message
from tests.faults.rows import need

from tieline.core.events import Arrived, Tick
from tieline.core.journal import FactKind
from tieline.core.line import MAX_CROSSED
from tieline.core.record import Record
from tieline.core.terms import MAX_TIME_MS, Precedence

DAY_MS: Final = 86_400_000
# Steps of a clock: seconds, hours, years; to 1970, past 2038, to a leap day, to the year 9999.
STEPS: Final = (
    500, -500, 61_000, -61_000, 3_600_000, -3_600_000, DAY_MS, -DAY_MS, 400 * DAY_MS,
    -400 * DAY_MS, 20 * 365 * DAY_MS, -20 * 365 * DAY_MS, -START_MS + 1, 480_000_000_000,
    1_709_164_800_000 - START_MS, 253_402_300_000_000 - START_MS,
)  # fmt: skip
# Where the clock may stand at once: around midnight, leap days and seconds, ends of years, the
# changes to and from summer time (of who keeps local time), 2038, and what a DTG can name last.
MOMENTS: Final = (
    0, 1, MAX_TIME_MS - 60_000,
    *(
        int(datetime.fromisoformat(f"{moment}+00:00").timestamp()) * 1_000 + off_ms
        for moment in (
            "2026-11-28T00:00:00", "2027-01-01T00:00:00", "2028-02-29T00:00:00",
            "2028-03-01T00:00:00", "2027-03-28T01:00:00", "2026-10-25T01:00:00",
            "2027-03-14T07:00:00", "2016-12-31T23:59:59", "2038-01-19T03:14:08",
            "2106-02-07T06:28:16",
        )
        for off_ms in (-1, 0, 999)
    ),
)  # fmt: skip
SETTLED_S: Final = 120
STAYS: Final = 8  # of so many cases one goes on for ``SETTLED_S``
HISTORY: Final = 30
HOUR_MS: Final = 3_600_000
ROUND_S: Final = 2


def the_same(net: Net, said: Said) -> None:
    """All that was said is at all of them, and all show one order."""
    posts = list(net)
    for post in posts:
        said.check(post)
        need(post.order() == posts[0].order(), "two that hold the same show another order")


def healed(net: Net, said: Said, seed: int) -> None:
    """Once each pair has met, all are the same, and time does not change that."""
    net.skew_ms = 0
    net.connect_all()
    the_same(net, said)
    if seed % STAYS == 0:
        net.pass_time(SETTLED_S)
        the_same(net, said)


def line(count: int) -> Net:
    """A line of some parties, without a wire."""
    return Net(kits(count), founded(count))


class Said:
    """What was said, and what its author had before it: by the test's own account."""

    def __init__(self) -> None:
        self.before: dict[bytes, frozenset[bytes]] = {}

    def by(self, post: Post, text: str, precedence: Precedence = Precedence.ROUTINE) -> bytes:
        """Say something."""
        had = frozenset(post.order())
        digest = post.speak(message(text, precedence)).item
        self.before[digest] = had
        return digest

    def check(self, post: Post) -> None:
        """All is there once, and nothing stands before what its author had read."""
        order = post.order()
        place = {digest: at for at, digest in enumerate(order)}
        need(len(place) == len(order), "something stands twice in the record")
        for digest, had in self.before.items():
            need(digest in place, "something that was said is not there")
            late = [each for each in had if place[each] > place[digest]]
            need(not late, "a word stands before what its author had read")


def once(seed: int) -> None:
    """The same by wire, by relay, by stick and again, in any order, through new starts."""
    chance = random.Random(f"once {seed}")
    net = line(3)
    alpha, bravo, charlie = net
    said = Said()
    flashes = [said.by(alpha, f"word {n}", Precedence.FLASH) for n in range(chance.randint(1, 4))]
    alpha.out.clear()
    sticks: list[bytes] = []

    def replay() -> None:
        for envelope in sticks:
            bravo.step(Arrived(carrier="bundle", peer=alpha.who.id, envelope=envelope))

    def wire(one: Post, other: Post) -> None:
        net.connect(one, other)
        sticks.extend(sent.envelope for sent in one.out)
        net.pass_time(chance.choice((0, 1, 7)))
        net.cut(one, other)

    roads: list[Callable[[], object]] = [
        lambda: wire(alpha, bravo), lambda: wire(charlie, bravo), lambda: wire(alpha, charlie),
        lambda: carry(alpha, bravo), lambda: carry(alpha, charlie, bravo),
        lambda: carry(charlie, bravo), replay, lambda: net.restart(bravo),
    ]  # fmt: skip
    for road in chance.choices(roads, k=chance.randint(6, 14)):
        road()
    net.connect_all()
    net.pass_time(SETTLED_S if seed % STAYS == 0 else ROUND_S)
    for post in (bravo, charlie):
        said.check(post)
        items = [fact.body for fact in post.facts if fact.kind == FactKind.STATEMENT]
        need(len(items) == len(set(items)), "a statement was taken in twice")
        rung = [a.item for a in post.alarms() if a.code.startswith("arrived")]
        rung = rung or [
            a.item for a in post.alarms() if a.item in flashes and "overdue" not in a.code
        ]
        for flash in flashes:
            need(rung.count(flash) == 1, f"a flash rang {rung.count(flash)} times")


def in_order(seed: int) -> None:
    """Random talk over wires that come and go, with reordering, replays and new starts."""
    chance = random.Random(f"order {seed}")
    net = line(chance.randint(2, 4))
    posts, said = list(net), Said()
    heard: list[tuple[Post, bytes, bytes]] = []
    for number in range(chance.randint(10, 30)):
        one, other = chance.sample(posts, 2)
        match chance.randrange(7):
            case 0 if frozenset((one.who.id, other.who.id)) not in net.open:
                net.connect(one, other)
            case 1 if frozenset((one.who.id, other.who.id)) in net.open:
                net.cut(one, other)
            case 2:
                net.pass_time(chance.choice((0.2, 3, 60 if seed % STAYS else 400)))
            case 3:
                _shuffled(net, heard, chance)
            case 4:
                for post, bringer, envelope in chance.sample(heard, min(3, len(heard))):
                    post.step(Arrived(carrier="wire", peer=bringer, envelope=envelope))
            case 5 if chance.random() < 0.3:
                net.restart(one)
            case _:
                net.skew_ms = chance.choice((0, 0, *STEPS[:8]))
                said.by(one, f"word {number}")
                if chance.random() < 0.5:
                    _shuffled(net, heard, chance)
    healed(net, said, seed)


def _shuffled(net: Net, heard: list[tuple[Post, bytes, bytes]], chance: random.Random) -> None:
    """What is under way arrives in any order; some of it is lost."""
    sent = [(post, each) for post in net for each in post.out]
    for post in net:
        post.out.clear()
    chance.shuffle(sent)
    for post, each in sent:
        there = net.posts[each.peer]
        if frozenset((post.who.id, each.peer)) in net.open and chance.random() < 0.9:
            heard.append((there, post.who.id, each.envelope))
            there.step(Arrived(carrier="wire", peer=post.who.id, envelope=each.envelope, live=True))


def days_apart(seed: int) -> None:
    """Two sides are apart for days, write on, start anew; and are one at the first contact."""
    chance = random.Random(f"apart {seed}")
    net, said = line(chance.choice((2, 3, 3, 4))), Said()
    posts = list(net)
    net.connect_all()
    for number in range(chance.randint(0, 3)):
        said.by(chance.choice(posts), f"before {number}")
        net.deliver()
    chance.shuffle(posts)
    middle = chance.randint(1, len(posts) - 1)
    sides = posts[:middle], posts[middle:]
    for one in sides[0]:
        for other in sides[1]:
            net.cut(one, other)
    apart: tuple[set[bytes], set[bytes]] = set(), set()
    until = net.ms + chance.randint(1, 3) * DAY_MS
    while net.ms < until:
        for side, mine in zip(sides, apart, strict=True):
            one = chance.choice(side)
            if chance.random() < 0.1:
                net.restart(one)
            mine.add(said.by(one, f"word at {net.ms} of {one.who.party}"))
            for other in side:
                if other is not one and frozenset((one.who.id, other.who.id)) not in net.open:
                    net.connect(one, other)
        net.deliver()
        net.ms += chance.randint(8, 36) * HOUR_MS  # the timers of hours go off at once
        for post in posts:
            post.step(Tick())
        net.deliver()
    for side, theirs in zip(sides, reversed(apart), strict=True):
        need(not any(theirs & set(post.order()) for post in side), "the sides were not apart")
    healed(net, said, seed)
    _concurrent(posts, said, apart)


def _concurrent(posts: list[Post], said: Said, apart: tuple[set[bytes], set[bytes]]) -> None:
    """Of what was said on two sides neither counts as read by the other, and that is shown."""
    for post in posts:
        record, order = post.line.record, post.order()
        words = [[post.item(digest) for digest in order if digest in mine] for mine in apart]
        for one in words[0]:
            for other in words[1]:
                a, b = one.statement, other.statement
                need(not record.saw(a, b), "a word counts as read on the other side of a cut")
                need(not record.saw(b, a), "a word counts as read on the other side of a cut")
        for item in (*words[0], *words[1]):
            unread = [
                other
                for digest in order[: order.index(item.statement.digest)]
                if digest in said.before
                and digest not in said.before[item.statement.digest]
                and (other := post.item(digest)).key[0] >= item.key[0] - DAY_MS
            ]
            shown = [other.statement.digest for other in post.line.crossed(item)]
            wanted = [other.statement.digest for other in unread][-MAX_CROSSED:]
            need(shown == wanted, "what crossed a word is not what its author had not read")


def missing_ancestor(seed: int) -> None:
    """One of thirty is withheld: what its readers wrote waits, by name, and all else is shown."""
    chance = random.Random(f"missing {seed // HISTORY}")
    authors = [Author(number) for number in range(3)]
    for _ in range(HISTORY):
        author, other = chance.sample(authors, 2)
        if chance.random() < 0.6:
            author.learn(other)
        author.write()
    whole = Author(3)
    for author in authors:
        whole.learn(author)
    everything = [item.statement for item in whole.record.order]
    away = everything[seed % HISTORY]
    had = ancestors(everything)
    waiting = {digest for digest, read in had.items() if away.digest in read}
    others = [each for each in everything if each is not away]
    random.Random(f"missing {seed}").shuffle(others)
    reader = Record(LINE, "")
    for each in others:
        take(reader, each)
    shown = {item.statement.digest for item in reader.order}
    need(not shown & waiting, "something is shown that was written after what is not there")
    need(shown == had.keys() - waiting - {away.digest}, "something waits that has all it needs")
    need(reader.held == len(waiting), f"{len(waiting)} wait, and the gap shows {reader.held}")
    take(reader, away)
    found = [item.statement.digest for item in reader.order]
    need(found == [each.digest for each in everything], "with it the order is another one")


def _lie(lie: random.Random, net: Net) -> int:
    """By how much the clock is wrong next: a step, or what leads to one of the moments."""
    by_ms = lie.choice(STEPS)
    moment = lie.choice(MOMENTS)
    return lie.choice((by_ms, moment - START_MS - net.ms))


def lying_clock(seed: int) -> None:
    """Each event finds another time of day: the record is that of the twin with honest clocks."""
    orders = []
    for lies in (False, True):
        chance, lie = random.Random(f"clock {seed}"), random.Random(f"lie {seed}")
        net = line(3)
        posts, said, texts = list(net), Said(), []
        net.connect_all()
        for number in range(chance.randint(6, 14)):
            net.skew_ms = _lie(lie, net) if lies else 0
            said.by(chance.choice(posts), f"word {number}")
            net.skew_ms = _lie(lie, net) if lies else 0
            net.deliver()
            net.pass_time(chance.choice((0, 1, 30)))
        healed(net, said, seed)
        texts = [item.statement.content.body.text for item in posts[0].line.record.order]
        orders.append([text for text in texts if text and text.startswith("word ")])
    need(orders[0] == orders[1], "a lying clock has changed the order")
