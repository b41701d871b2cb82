"""Operators' mistakes: the wrong stick, the wrong word, an exercise for the real thing."""

from __future__ import annotations

import random
from dataclasses import replace

from tests.core.world import START_MS, Net, Post, found, kits, message, write
from tests.faults.liars import by_file
from tests.faults.rows import need

from tieline.core import bundle, identity, sync
from tieline.core.errors import TielineError
from tieline.core.events import Arrived
from tieline.core.journal import FactKind
from tieline.core.statement import Place
from tieline.core.sync import CharterOffer, Have, Notes, Push, Receipts

STICKS = ("another line's", "yesterday's", "ours, at our own machine", "the same once more")
CARRIED = frozenset(
    {FactKind.STATEMENT, FactKind.SECOND_STORY, FactKind.RECEIPT, FactKind.CHARTER, FactKind.NOTE,
     FactKind.ALARM, FactKind.PROOF, FactKind.LIFE}
)  # fmt: skip
DRILL = "SPRING-TIDE"


def stick(one: Post, other: Post) -> list[bytes]:
    """What is in a file for somebody."""
    plain, _ = bundle.contents(one.line, (other.who.id,))
    return list(bundle.envelopes_of(plain))


def put_in(post: Post, bringer: bytes, envelopes: list[bytes]) -> None:
    for envelope in envelopes:
        post.step(Arrived(carrier="bundle", peer=bringer, envelope=envelope))


def news(post: Post, since: int) -> list[int]:
    """What has come into a journal that an officer would see."""
    return [fact.kind for fact in post.facts[since:] if fact.kind in CARRIED]


def wrong_stick(seed: int) -> None:
    """A stick that brings nothing: nothing is new, and nobody is alarmed."""
    how = STICKS[seed % len(STICKS)]
    chance = random.Random(f"stick {seed}")
    net = Net(kits(2))
    alpha, bravo = net
    for number in range(chance.randint(1, 5)):
        alpha.speak(message(f"word {number}"))
    early = stick(alpha, bravo)
    put_in(bravo, alpha.who.id, early)
    for number in range(chance.randint(1, 5)):
        chance.choice((alpha, bravo)).speak(message(f"later {number}"))
    by_file(alpha, bravo)
    by_file(bravo, alpha)
    by_file(alpha, bravo)
    target, bringer, envelopes = bravo, alpha.who.id, early
    if how == "another line's":
        other = Net(kits(2), found(kits(2), name="ANOTHER LINE", nonce=bytes(15) + b"x"))
        there = other.post("ALPHA")
        there.speak(message("of another line"))
        envelopes = stick(there, other.post("BRAVO"))
    elif how == "ours, at our own machine":
        target, bringer = alpha, alpha.who.id
    elif how == "the same once more":
        envelopes = stick(alpha, bravo) * 2
    before, since = target.order(), len(target.facts)
    put_in(target, bringer, envelopes)
    need(target.order() == before, f"a stick that is {how} has brought a statement")
    need(not news(target, since), f"a stick that is {how} has brought {news(target, since)}")
    said = target.speak(message("and on")).item
    need(said in target.order(), "the line has stopped")


def another_word(seed: int) -> None:
    """One of eight words is not the one that was read aloud."""
    chance = random.Random(f"words {seed}")
    print_ = chance.randbytes(16)
    good = list(identity.words(print_))
    identity.check_words(" ".join(good), print_)
    at = seed % len(good)
    while True:
        other = identity.words(chance.randbytes(16))[chance.randrange(8)]
        if other != good[at]:
            break
    if chance.random() < 0.5:  # one letter of one word, as one mishears it
        letters = list(good[at])
        spot = chance.choice((0, 2, 4))
        letters[spot] = chance.choice([c for c in "bdfghjklmnprstvz" if c != letters[spot]])
        other = "".join(letters)
    bad = [*good[:at], other, *good[at + 1 :]]
    try:
        identity.check_words(" ".join(bad), print_)
    except TielineError:
        return
    need(False, f"word {at + 1} of 8 is another one, and was taken")


# ------------------------------------------------------------------------ exercise and real


class Tap:
    """All envelopes that a net has carried."""

    def __init__(self, net: Net) -> None:
        self.taken: list[tuple[bytes, bytes]] = []  # who sent it, and what
        real = net._carry

        def carry(post: Post, sent: object) -> None:
            self.taken.append((post.who.id, sent.envelope))  # type: ignore[attr-defined]
            real(post, sent)  # type: ignore[arg-type]

        net._carry = carry  # type: ignore[method-assign]


def _moved(envelope: bytes, line: bytes) -> bytes:
    """The same, addressed to another line."""
    opened = sync.unpack(envelope)
    match opened:
        case Push(_, raws):
            return sync.pack(Push(line, raws))
        case Receipts(_, receipts):
            return sync.pack(Receipts(line, receipts))
        case Notes(_, notes, keys):
            return sync.pack(Notes(line, notes, keys))
        case CharterOffer(_, data):
            return sync.pack(CharterOffer(line, data))
        case Have():
            return sync.pack(replace(opened, line=line))


def drill_crossing(seed: int) -> None:
    """Everything that one of two lines has carried comes to the other one, in every guise."""
    chance = random.Random(f"drill {seed}")
    realms = ("", DRILL) if seed % 2 else (DRILL, "")
    here, there = (Net(kits(2, realm)) for realm in realms)
    tap = Tap(there)
    for net in (here, there):
        net.connect_all()
        for _ in range(chance.randint(1, 4)):
            chance.choice(list(net)).speak(message(f"word {chance.randrange(1000)}"))
            net.deliver()
    amended = there.post("ALPHA").line
    need(amended.realm == realms[1], "the other line is of this realm")
    offer = CharterOffer(amended.id, there.signed.encode())
    tap.taken.append((there.post("ALPHA").who.id, sync.pack(offer)))
    for post in here:
        other = next(each for each in here if each is not post)
        orders, since = post.order(), len(post.facts)
        for sender, envelope in tap.taken:
            for bringer in (sender, other.who.id):
                for made in (envelope, _moved(envelope, post.line.id)):
                    if made != envelope and isinstance(sync.unpack(made), Have):
                        continue  # what a peer says that it holds is its own word
                    for carrier in ("wire", "bundle"):
                        post.step(Arrived(carrier=carrier, peer=bringer, envelope=made))
        # As a party would that lets one key speak on both: the realm is under the signature.
        log = post.line.record.logs[other.line.own_log]
        place = Place(
            line=post.line.id, station=other.who.id, incarnation=log.incarnation,
            position=log.size, previous=log.head, seen=(), time_ms=START_MS, charter=1,
        )  # fmt: skip
        forged = write(other.who, realms[1], place, message("of the other realm"))
        push = sync.pack(Push(post.line.id, (forged.raw,)))
        post.step(Arrived(carrier="wire", peer=other.who.id, envelope=push))
        need(post.order() == orders, "a statement of an exercise is in a real record, or one here")
        need(not news(post, since), f"the other realm has left {news(post, since)}")
        need(set(post.station.lines) == {post.line.id}, "a line of the other realm is kept")
        try:
            post.install(there.signed)
        except TielineError as error:
            need(error.code == "charter.realm", f"it was refused for {error.code}")
        else:
            need(False, "a charter of the other realm was installed")
        said = post.speak(message("and on")).item
        here.deliver()
        need(said in other.order(), "the line has stopped")
