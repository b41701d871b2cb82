"""A view that grew, looked at on the way, is the view that is made from nothing."""

from __future__ import annotations

from itertools import count
from random import Random

import pytest
from tests.core.incident.made import (
    MINUTE,
    Post,
    Refs,
    World,
    asked_of,
    at,
    orders,
    part,
    ref,
    said,
    stance,
    states,
)

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.places import Position
from tieline.core.agreement.value import Code, Number
from tieline.core.incident import book as books
from tieline.core.incident import closure, heard
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry
from tieline.core.incident.look import WHOLE, Most
from tieline.core.terms import RefRole

RUNS, STEPS = 240, 26
LITTLE = Most(rows=2, threads=1, versions=2, voices=1)
TOPS = (Act.ASK, Act.HOLD, Act.LINK, Act.PUBLIC)
REPLIES = {
    Act.ASK: (Act.ANSWER, Act.ANSWER, Act.WITHDRAW),
    Act.HOLD: (Act.HOLD_ANSWER, Act.HOLD_ANSWER, Act.LIFT, Act.COMPLY, Act.WITHDRAW),
    Act.LINK: (Act.LINK_ANSWER, Act.WITHDRAW),
    Act.PUBLIC: (Act.PUBLIC,),
}
SENSES = {
    Act.ANSWER: (Sense.FULL, Sense.PART, Sense.LATER, Sense.DECLINED),
    Act.HOLD_ANSWER: (Sense.AGREED, Sense.OTHER_TIME, Sense.NOT_AGREED, Sense.NONE),
    Act.LINK_ANSWER: (Sense.AGREED, Sense.NOT_AGREED),
    Act.PUBLIC: (Sense.MADE, Sense.PLANNED),
}
TELLING = (Act.WORD, Act.ACCOUNT, Act.CLOSE, Act.REOPEN, Act.LESSON)
COMPLIES = (Sense.COMPLYING, Sense.NOT_YET, Sense.BREACHED, Sense.NONE)


class Story:
    """What three parties with two stations each say, in one incident, beside it, and of both."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.world = World()
        self.posts = [self.world.post(p, n) for p in self.world.parties for n in ("one", "two")]
        self.opening = self.world.say("ALPHA", said(Act.OPEN))
        self.other = self.world.say("BRAVO", said(Act.OPEN))
        for post in self.posts:
            post.reads_all()
        acts = (self.begins, self.begins, self.replies, self.replies, self.replies, self.against,
                self.attaches, self.takes_back_an_attachment)  # fmt: skip
        for _ in range(STEPS):
            chance.choice(acts)()

    def post(self, party: str = "") -> Post:
        """Some station, of a party if it is named, that has read all or what it had read."""
        own = [one for one in self.posts if party in ("", one.party)]
        post = self.chance.choice(own)
        if self.chance.random() < 0.6:
            post.reads_all()
        return post

    def some(self, *acts: Act) -> Entry | None:
        found = [one for one in self.world.entries if not acts or one.act in acts]
        return self.chance.choice(found) if found else None

    def says(self, act: Act, refs: Refs, post: Post) -> Entry:
        now = self.world.now_ms + self.chance.randrange(-40, 40) * MINUTE
        answers = stance(self.chance.choice(SENSES.get(act, (Sense.PLANNED,))))
        answers[Means.COMPLIANCE] = part("is", Code(1, "x"), self.chance.choice(COMPLIES))
        binding = self.chance.choice((Sense.OURS, Sense.BOTH, Sense.PROPOSAL))
        answers[Means.BINDING] = part("binding", Code(1, "x"), binding)
        if self.chance.random() < 0.5:
            answers |= asked_of(self.chance.choice(self.world.parties))
        for means in (Means.DUE, Means.FROM, Means.UNTIL, Means.NEXT):
            if self.chance.random() < 0.3:
                answers |= at(means, now)
        told = []
        if act in TELLING and self.chance.random() < 0.8:
            told = [states(Means.COUNT, Number(self.chance.randrange(3)))]
            told += [states(Means.WHERE, Position(self.chance.randrange(99_999), 0))]
        return post.says(
            said(act, *told, answers=answers),
            refs,
            time_ms=self.world.now_ms + self.chance.choice((0, 0, -(10**7), 10**8)),
            story=self.chance.random() < 0.04,
            through=self.chance.choice(("",) * 6 + ("BRAVO", "X")),
        )

    def begins(self) -> None:
        """Something in the incident, in both, or beside it, to be attached or not."""
        where = self.chance.choice(((self.opening,), (self.opening, self.other), (), ()))
        act = self.chance.choice((*TOPS, *TELLING))
        if act is Act.LINK and where:
            where = (self.opening, self.other)
        self.says(act, ref(*where), self.post())

    def replies(self) -> None:
        """To what was begun, to a reply, or to both."""
        top = self.some(*TOPS)
        if top is None:
            return
        act = self.chance.choice(REPLIES[top.act])
        before = self.some(act) if self.chance.random() < 0.3 else None
        cites = ref(before) if before else ref(top)
        if self.chance.random() < 0.2:
            cites = (*cites, *ref(self.opening))
        self.says(act, cites, self.post())

    def against(self) -> None:
        """One of a party's own is taken back or corrected, by the same act or by none."""
        old = self.some()
        assert old is not None
        role = self.chance.choice((RefRole.CANCELS, RefRole.CORRECTS, RefRole.SUPERSEDES))
        act = old.act if self.chance.random() < 0.6 and old.act is not Act.OPEN else Act.LESSON
        refs = [*ref(old, role=role), *(ref(self.opening) * self.chance.randrange(2))]
        self.says(act, refs, self.post(old.party))

    def attaches(self) -> None:
        loose = [one for one in self.world.entries[2:] if self.opening.digest not in one.cites()]
        if loose:
            some = self.chance.sample(loose, min(len(loose), self.chance.randrange(1, 4)))
            self.post().says(said(Act.ATTACH), ref(self.opening, *some))

    def takes_back_an_attachment(self) -> None:
        attach = self.some(Act.ATTACH)
        if attach is not None:
            post = self.post(attach.party)
            post.reads(attach)
            post.says(said(Act.LESSON), ref(attach, role=RefRole.CANCELS))


def look(
    made: Book, id_: bytes, now_ms: int, kind: int, due: dict[tuple[bytes, str], int]
) -> object:
    """One way of looking: each leaves other parts behind for the next look."""
    match kind:
        case 0:
            return made.head(id_)
        case 1:
            return made.view(id_, now_ms, most=LITTLE)
        case 2:
            return made.page(id_, 1, 3), made.happened(id_), made.accounts(id_)
        case 3:
            return [made.known(id_, one.digest) for one in made.members(id_)]
        case 4:
            return made.view(id_, now_ms, dues=due, most=WHOLE)
        case _:
            return made.view(id_, now_ms, most=WHOLE)


def grown(seed: int) -> None:
    chance = Random(seed)
    story = Story(chance)
    world = story.world
    entries = orders(world.entries, world, iter(lambda: chance.randrange(10**6), -1))
    asks = [one for one in entries if one.act is Act.ASK]
    made, now = Book(world), world.now_ms
    for place in count(1):
        made.admit(entries[place - 1])
        if place == len(entries) or chance.random() < 0.4:
            fresh = Book(world)
            for entry in entries[:place]:
                fresh.admit(entry)
            for kind in chance.sample(range(6), 3):
                now = world.now_ms + chance.randrange(-90, 90) * MINUTE
                due = {(one.digest, "BRAVO"): now + chance.randrange(-5, 5) for one in asks}
                for id_ in fresh.ids():
                    assert look(made, id_, now, kind, due) == look(fresh, id_, now, kind, due), seed
        if place == len(entries):
            break
    chance.shuffle(entries)
    shuffled = Book(world)
    for entry in entries:
        shuffled.admit(entry)
    if seed % 2:  # placed anew in steps, or by whoever asks first
        for _ in shuffled.settle_steps():
            assert shuffled.entry(entries[0].digest) == entries[0]
    for id_ in made.ids():
        assert look(shuffled, id_, now, 5, {}) == look(made, id_, now, 5, {}), seed


@pytest.mark.parametrize("part_of", range(4))
def test_what_grew_is_what_is_made_from_nothing(
    part_of: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heard, "MAX_HEARD", 2)
    monkeypatch.setattr(heard, "LAST", 2)
    monkeypatch.setattr(closure, "MAX_TURNS", 2)
    monkeypatch.setattr(books, "MAX_HAPPENED", 2)
    monkeypatch.setattr(books, "MAX_BROUGHT", 6)
    for seed in range(part_of, RUNS, 4):
        grown(seed)
