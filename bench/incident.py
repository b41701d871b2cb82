"""`python bench/incident.py`: how long the incidents of a long record take.

The record is made by chance from a seed: incidents of a hundred statements each, so many of them
going on at once as ``AT_ONCE``, among four parties that read all of it: words, accounts with
places, times and numbers, corrections, questions, answers, holds, links, public statements,
receipts and closings. Who had read what is answered as the record answers it, by a search per log.

``nothing``: seconds to take in the whole record and make the list of all incidents with the state
of each; ``views``: seconds more to make every view whole, which no desk ever asks for. ``one``:
milliseconds for one statement more and the view of its incident. ``large``: the same in an
incident of so many statements, ``rounds``: p99 in rounds of an empty loop. The garbage collector is
as a station has it. Seconds are of the processor (``cpu``) and of the wall; ``loop_ns``: one round
of an empty loop in the same run, which grows as the figures do on a machine that does other work.

What is not counted: reading a form's fields, which is done once when a statement is read.

The JSON (schema ``tieline-bench-incident/1``) only grows. Statuses: 0 measured, 1 the reach was
missed (only with ``--strict``), 2 usage.
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence

import folds
from figures import Json, number, record, spread
from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.places import Position
from tieline.core.agreement.value import Answer, Code, Hash, Instant, Number, PartyCode
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Asked, Entry, Part, Said, Stated
from tieline.core.terms import Kind, RefRole
from tieline.node import collector

SCHEMA = "tieline-bench-incident/1"
REACH = folds.Reach(nothing_s=20.0, one_ms=2.0)  # of 10,000 incidents
HEAD = ("incidents", "statements", "nothing s", "cpu s", "views s", "cpu s", "one p50", "p99",
        "loop ns")  # fmt: skip
PARTIES = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")
BEGIN_MS = 1_800_000_000_000
STEP_MS = 20_000
EACH = 100
AT_ONCE = 50
MORE = 2_000
SETTLED = 20_000
LARGE = (100, 1_000, 10_000)
LAST = 300  # of a large incident, that are measured

Refs = tuple[tuple[RefRole, bytes], ...]


class Logs:
    """One log a party; each statement is written when all before it had been read."""

    def __init__(self) -> None:
        self.sizes = [0] * len(PARTIES)
        self.seen = {
            (one, other): (array("I"), array("I"))
            for one in range(len(PARTIES))
            for other in range(len(PARTIES))
        }

    def write(self, who: int) -> int:
        """Its place in the log of a party, with how far the others were read."""
        position = self.sizes[who]
        for other, size in enumerate(self.sizes):
            positions, sizes = self.seen[who, other]
            if not sizes or sizes[-1] != size:
                positions.append(position)
                sizes.append(size)
        self.sizes[who] += 1
        return position

    def saw(self, later: Entry, earlier: Entry) -> bool:
        """As ``Record.saw``, by log and position."""
        if later.log == earlier.log:
            return later.position > earlier.position
        positions, sizes = self.seen[later.log[0], earlier.log[0]]
        index = bisect_right(positions, later.position)
        return index > 0 and sizes[index - 1] > earlier.position

    def arrived_ms(self, entry: Entry, party: str) -> int | None:
        """No view asks for it."""
        return entry.time_ms + 1_000


class Incident:
    """One incident under way."""

    def __init__(self, world: World, earlier: bytes | None, each: int) -> None:
        self.world = world
        self.each = each
        self.earlier = earlier
        self.said: list[Entry] = []
        self.by_act: dict[Act, list[Entry]] = {}

    def next(self) -> Entry:
        """One statement more, by chance."""
        left = self.each - len(self.said)
        if not self.said:
            made = self.say(Act.OPEN, stated=4)
        elif left <= len(PARTIES):
            made = self.say(Act.CLOSE, who=left - 1)
        else:
            made = self._middle(self.world.chance.random())
        self.said.append(made)
        self.by_act.setdefault(made.act, []).append(made)
        return made

    def _middle(self, chance: float) -> Entry:
        asked, held = self.by_act.get(Act.ASK), self.by_act.get(Act.HOLD)
        if chance < 0.30:
            return self.say(Act.ACCOUNT, stated=self.world.chance.randrange(1, 5))
        if chance < 0.40:
            old = self.world.chance.choice(self.by_act.get(Act.ACCOUNT, self.said[:1]))
            who = PARTIES.index(old.party)
            return self.say(Act.ACCOUNT, (RefRole.CORRECTS, old), stated=2, who=who)
        if chance < 0.48:
            return self.say(Act.ASK)
        if chance < 0.60 and asked:
            return self.say(Act.ANSWER, (RefRole.ANSWERS, self.world.chance.choice(asked)))
        if chance < 0.62:
            return self.say(Act.HOLD)
        if chance < 0.66 and held:
            act = self.world.chance.choice((Act.HOLD_ANSWER, Act.COMPLY, Act.LIFT))
            return self.say(act, (RefRole.ANSWERS, self.world.chance.choice(held)))
        if chance < 0.68 and self.earlier:
            return self.say(Act.LINK, also=self.earlier)
        if chance < 0.70:
            return self.say(Act.PUBLIC)
        if chance < 0.75:
            return self.say(Act.WORD, (RefRole.PREDECESSOR, self.said[-1]), stated=1)
        return self.say(Act.NONE, (RefRole.ANSWERS, self.world.chance.choice(self.said)))

    def say(
        self,
        act: Act,
        ref: tuple[RefRole, Entry] | None = None,
        *,
        stated: int = 0,
        who: int | None = None,
        also: bytes | None = None,
    ) -> Entry:
        """A statement of an act."""
        refs: Refs = ()
        if ref is not None:
            refs = ((ref[0], ref[1].digest),)
        elif self.said:
            refs = ((RefRole.CONCERNS, self.said[0].digest),)
        if also is not None:
            refs = (*refs, (RefRole.CONCERNS, also))
        return self.world.write(act, refs, stated, who)


class World:
    """Incidents one after another, and some at once."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.logs = Logs()
        self.count = 0

    def entries(self, incidents: int, each: int = EACH) -> Iterator[Entry]:
        """The record: all statements, in display order."""
        begun, last = 0, None
        going: list[Incident] = []
        while begun < incidents or going:
            if begun < incidents and len(going) < AT_ONCE:
                going.append(Incident(self, last, each))
                begun += 1
            one = self.chance.choice(going)
            yield one.next()
            last = one.said[0].digest
            if len(one.said) == each:
                going.remove(one)

    def write(self, act: Act, refs: Refs, stated: int, who: int | None) -> Entry:
        """One statement as the record gives it."""
        chance = self.chance
        author = chance.randrange(len(PARTIES)) if who is None else who
        position = self.logs.write(author)
        self.count += 1
        at_ms = BEGIN_MS + self.count * STEP_MS
        digest = hashlib.sha256(self.count.to_bytes(8)).digest()
        name = bytes([author]) * 8
        party = PARTIES[author]
        return Entry(
            digest=digest, log=name, position=position, station=name, party=party,
            to=tuple(one for one in PARTIES if one != party),
            kind=Kind.ACKNOWLEDGE if act is Act.NONE else Kind.MESSAGE, time_ms=at_ms,
            key=(at_ms, 0, at_ms, name, name, position, digest), refs=refs,
            said=None if act is Act.NONE else self._said(act, stated, party, at_ms),
        )  # fmt: skip

    def _said(self, act: Act, stated: int, party: str, at_ms: int) -> Said:
        chance = self.chance
        answers: dict[Means, Part] = {}
        asked: tuple[Asked, ...] = ()
        if act is Act.ASK:
            other = chance.choice([one for one in PARTIES if one != party])
            answers[Means.ASKED] = Part("asked", PartyCode(other))
            answers[Means.DUE] = Part("due", Instant(at_ms // 1000 + 7200))
            asked = (Asked(Part("about", Code(1, "what"), Sense.WHAT), ""),)
        elif act in (Act.ANSWER, Act.HOLD_ANSWER):
            some = (Sense.FULL, Sense.PART) if act is Act.ANSWER else (Sense.AGREED,)
            sense = chance.choice(some)
            answers[Means.STANCE] = Part("stance", Code(1, sense), sense)
        elif act in (Act.HOLD, Act.LIFT):
            answers[Means.FROM] = Part("from", Instant(at_ms // 1000 + 600))
            answers[Means.BINDING] = Part("binding", Code(2, "both"), Sense.BOTH)
        elif act is Act.COMPLY:
            answers[Means.COMPLIANCE] = Part("is", Code(1, "complying"), Sense.COMPLYING)
        elif act is Act.PUBLIC:
            answers[Means.HASH] = Part("hash", Hash(bytes(32)))
        some_aspects = chance.sample(ASPECTS, stated)
        return Said(
            pack="incident", form=act.value, act=act, answers=answers, asked=asked,
            stated=tuple(Stated(aspect=one, value=self._part(one, at_ms)) for one in some_aspects),
        )  # fmt: skip

    def _part(self, aspect: Means, at_ms: int) -> Part:
        chance = self.chance
        answer: Answer
        match aspect:
            case Means.WHERE:
                answer = Position(
                    480_000_000 + chance.randrange(200_000),
                    240_000_000 + chance.randrange(200_000),
                    500,
                )  # fmt: skip
            case Means.WHEN:
                answer = Instant(at_ms // 1000 - chance.randrange(600), 60)
            case Means.COUNT | Means.CASUALTIES:
                answer = Number(chance.randrange(4))
            case _:
                answer = Code(1 + chance.randrange(3), f"code-{chance.randrange(3)}")
        return Part(f"{aspect.value}.is", answer)


ASPECTS = (Means.WHAT, Means.WHEN, Means.WHERE, Means.COUNT, Means.CASUALTIES, Means.CAUSE)


class Watch:
    """Seconds of the processor and of the wall, while it runs."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0

    def __enter__(self) -> None:
        self.begun = time.process_time(), time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.cpu += time.process_time() - self.begun[0]
        self.wall += time.perf_counter() - self.begun[1]

    def json(self) -> Json:
        """Both, rounded."""
        return {"seconds": round(self.wall, 2), "cpu_seconds": round(self.cpu, 2)}


def measure(incidents: int, seed: int) -> Json:
    """From nothing, all views, and one by one."""
    collector.calm()
    before = folds.loop_ns()
    world = World(seed)
    book = Book(world.logs)
    nothing, views = Watch(), Watch()
    some: list[Entry] = []
    for entry in world.entries(incidents):
        some.append(entry)
        if len(some) == SETTLED:  # what is made for the bench itself is not counted
            with nothing:
                for one in some:
                    book.admit(one)
                collector.settle()
            some.clear()
    with nothing:
        for one in some:
            book.admit(one)
        heads = [book.head(id_) for id_ in book.ids()]
    now = heads[-1].last.time_ms
    with views:
        rows = sum(len(book.view(id_, now).rows) for id_ in book.ids())
    took: list[float] = []
    statements = world.count
    for entry in world.entries(MORE // EACH):
        begun = time.process_time()
        book.admit(entry)
        for id_ in book.of(entry.digest):
            book.view(id_, entry.time_ms)
        took.append(time.process_time() - begun)
    collector.unsettle()
    large = [_large(size, seed) for size in LARGE]
    return {
        "incidents": incidents,
        "statements": statements,
        "rows": rows,
        "closed": sum(head.closure.state == "closed" for head in heads),
        "nothing": nothing.json(),
        "views": views.json(),
        "one": spread(took),
        "large": [*large],
        "loop_ns": max(before, folds.loop_ns()),
    }


def _large(size: int, seed: int) -> Json:
    """One statement more in an incident that has so many."""
    world = World(seed)
    book = Book(world.logs)
    some = list(world.entries(1, size))
    last = min(LAST, size)
    for entry in some[:-last]:
        book.admit(entry)
    if size > last:
        book.view(some[0].digest, some[-last].time_ms)
    took: list[float] = []
    for entry in some[-last:]:
        begun = time.process_time()
        book.admit(entry)
        for id_ in book.of(entry.digest):
            book.view(id_, entry.time_ms)
        took.append(time.process_time() - begun)
    one = spread(took)
    return {
        "statements": size,
        "one": one,
        "rounds": round(number(one["p99"]) * 1e6 / folds.loop_ns()),
    }


def row(found: Json) -> tuple[object, ...]:
    """The figures of one size, as the table has them."""
    nothing, views, one = (record(found[name]) for name in ("nothing", "views", "one"))
    return (found["incidents"], found["statements"], nothing["seconds"], nothing["cpu_seconds"],
            views["seconds"], views["cpu_seconds"], one["p50"], one["p99"],
            found["loop_ns"])  # fmt: skip


def _larges(found: Json) -> list[Json]:
    """The incidents of many statements in a result."""
    some = found["large"]
    return [record(one) for one in some] if isinstance(some, list) else []


def main(argv: Sequence[str]) -> int:
    """Parse, measure, print."""
    args, sizes = folds.arguments(
        argv, "incident", "measure the incidents of a long record", "incidents",
        (2_500, 5_000, 10_000),
    )  # fmt: skip
    found = [measure(count, args.seed) for count in sizes]
    taken = folds.result(SCHEMA, found, REACH)
    told = folds.table(HEAD, [row(one) for one in found], REACH, taken)
    for one in _larges(found[-1]):
        told += (
            f"\nan incident of {one['statements']}: one more {record(one['one'])['p99']} ms (p99),"
            f" {one['rounds']} rounds of an empty loop"
        )
    return folds.ended(taken, told, args)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
