"""Two versions of a joint statement never both bind, whoever holds which part of the record.

Stations act and read in any order; liars have two stations, sign everything, say that they have
read less than they have, and let their clocks lie. One honest party with one station is enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from unittest.mock import patch

from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.core.incident.parley import Desk, Parley
from tests.examples import tries

from tieline.core.incident import joint
from tieline.core.incident.entry import Entry
from tieline.core.incident.signing import Step, offer, turned
from tieline.core.incident.weighing import chains
from tieline.core.terms import RefRole

PARTIES = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")
Move = tuple[int, str, int, int]
# Signing, reading and writing on are what leads to a binding text; the rest breaks it.
ACTS = ("sign",) * 8 + ("read",) * 8 + ("peek",) * 2 + ("write",) * 4 + (
    "propose", "decline", "withdraw", "flood",
)  # fmt: skip
MAX_TEXTS = 4
PURSE = 6  # statements of a chain that are weighed of one log
moves = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from(ACTS), st.integers(0, 23), st.integers(0, 3)),
    min_size=12, max_size=40,
)  # fmt: skip


def play(parley: Parley, script: list[Move], honest: set[str]) -> Iterator[Desk]:
    """Every move in turn; after each, whose view may have changed."""
    first = parley.propose(parley.desks[0])
    for desk in parley.desks[1:]:
        parley.read(desk, parley.causes(first))
    parley.propose(parley.desks[-1], first)
    for who, act, which, lie in script:
        desk = parley.desks[who % len(parley.desks)]
        if act not in ("read", "peek", "write") and desk.party in honest:
            for sister in parley.desks:  # two stations of one party that speak to each other
                if sister.party == desk.party:
                    parley.read(desk, sister.holds)
        _move(parley, desk, act, which, honest=desk.party in honest, lie=lie == 0)
        yield desk


def _move(parley: Parley, desk: Desk, act: str, which: int, *, honest: bool, lie: bool) -> None:
    false = lie and not honest
    texts = parley.texts(desk)
    if act == "read":
        other = parley.desks[which % len(parley.desks)]
        parley.read(desk, other.holds, openly=not false)
    elif act == "peek":
        entry = parley.entries[which % len(parley.entries)]
        parley.read(desk, parley.causes(entry), openly=not false)
    elif act == "flood" and texts and not honest:
        for number in range(PURSE):  # more than is weighed, of every kind, and nothing else
            flood(parley, desk, texts[(which + number) % len(texts)], which + number)
    elif act in ("write", "flood") or not texts or (act == "propose" and len(texts) >= MAX_TEXTS):
        parley.say(desk, time_ms=which * 300 if false else 1_000)
    else:
        text = texts[which % len(texts)]
        time_ms = which * 300 if false else 1_000
        match act:
            case "propose":
                parley.propose(desk, text, time_ms=time_ms)
            case "sign":
                parley.sign(desk, text, time_ms=time_ms)
            case "decline":
                parley.decline(desk, text)
            case _:
                parley.withdraw(desk, text)


def flood(parley: Parley, desk: Desk, text: Entry, which: int) -> None:
    """One act of many that a liar adds, whatever it is: texts, signatures, what nobody can read."""
    match which % 4:
        case 0:
            parley.propose(desk, text, time_ms=1)
        case 1:
            parley.sign(desk, text, time_ms=1)
        case 2:
            parley.say(desk, refs=((RefRole.ANSWERS, text.digest),), unread=True)
        case _:
            parley.withdraw(desk, text)


@contextmanager
def small_purse() -> Iterator[None]:
    """So that some scripts spend it, of liars and of the honest, and some do not."""
    with patch.object(joint, "JOINT_ACTS", PURSE), patch.object(joint, "MAX_CHOICES", 2):
        yield


@small_purse()
@settings(max_examples=tries(100), deadline=None)
@given(moves, st.sampled_from([(1, 2), (2, 2), (1, 1), (2, 1), (1, 2, 2), (1, 1, 2), (1, 2, 2, 2)]))
def test_two_versions_never_both_bind(script: list[Move], counts: tuple[int, ...]) -> None:
    """The first party is honest, with one station, or with two that read each other first.

    What bound once binds for ever at each desk, whatever liars add to it.
    """
    parley = Parley(dict(zip(PARTIES, counts, strict=False)))
    believed: dict[bytes, Desk] = {}
    of_desk: dict[bytes, set[bytes]] = {}
    for desk in play(parley, script, {PARTIES[0]}):
        found = parley.part(dict(desk.holds)).binding()
        assert of_desk.get(desk.log, set()) <= found  # what bound goes on to bind
        of_desk[desk.log] = found
        believed |= dict.fromkeys(found, desk)
    for desk in parley.desks:
        if desk.party != PARTIES[0]:
            parley.read(desk, parley.whole().holds)
            for number in range(PURSE + 2):
                flood(parley, desk, parley.entries[0], number + 2)
    whole = parley.whole()
    assert believed.keys() <= whole.binding()
    assert len(believed) <= 1
    assert len(whole.binding()) <= 1
    event(f"binds: {len(believed)}")


# ------------------------------------------------------------------------------------- agreement


@settings(max_examples=tries(40), deadline=None)
@given(
    moves, st.sampled_from([(1, 1), (1, 1, 1)]), st.lists(st.booleans(), min_size=40, max_size=40)
)
def test_honest_parties_come_to_one_text(
    script: list[Move], counts: tuple[int, ...], crossed: list[bool]
) -> None:
    """Whatever they did to each other: who follows the desk's offers is done in a few acts."""
    parley = Parley(dict(zip(PARTIES, counts, strict=False)))
    for _ in play(parley, script, set(PARTIES)):
        pass
    turns = iter(crossed)
    for _ in range(6):
        together = parley.whole()
        for desk in parley.desks:
            parley.read(desk, together.holds)
        for desk in parley.desks:
            chain = parley.part(desk.holds).chains()[0]
            step, version = offer(chain, desk.party)
            if step is Step.SIGN:  # nobody is sent to a text that its own station refuses to sign
                assert (
                    turned(chain, chain.version(version) or chain.versions[0], desk.party) is None
                )
            text = next(one for one in parley.texts(desk) if one.digest == version)
            match step:
                case Step.SIGN:
                    parley.sign(desk, text)
                case Step.CONFIRM:
                    parley.say(desk)
                case Step.AMEND:
                    parley.propose(desk, text)
            if next(turns):  # else the others act without having read it
                for other in parley.desks:
                    parley.read(other, desk.holds)
    assert len(parley.whole().binding()) == 1


@small_purse()
@settings(max_examples=tries(25), deadline=None)
@given(moves, st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_view(script: list[Move], chance: Random) -> None:
    parley = Parley({"ALPHA": 2, "BRAVO": 2})
    for _ in play(parley, script, set()):
        pass
    whole = parley.whole()
    mixed = list(parley.entries)
    chance.shuffle(mixed)
    one, other = whole.chains()[0], chains(mixed, whole)[0]
    assert [(v.digest, v.state, v.missing, v.unconfirmed) for v in one.versions] == [
        (v.digest, v.state, v.missing, v.unconfirmed) for v in other.versions
    ]
    assert [(m.by, m.fault) for m in one.moot] == [(m.by, m.fault) for m in other.moot]
