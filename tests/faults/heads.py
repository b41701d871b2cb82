"""Forged heads: a log whose key signs a head that is no beginning of what it has shown.

Three kinds, before stations and before a witness with its real store: a head rolled back, two heads
of one size, and a larger one that does not grow from what was cosigned. Each is refused and kept.
"""

from __future__ import annotations

import random
from pathlib import Path

from tests.core.test_notes import hand, kept, signed
from tests.core.test_tlogwitness import grown, note
from tests.core.world import Net, Post, message
from tests.faults.liars import ROUND_S, accused, line_of, proved
from tests.faults.rows import need, scratch
from tests.node.witnesses import Bench

from tieline.core.checkpoint import SignedNote
from tieline.core.tree import Tree, leaf_hash
from tieline.node.witnessing import report

KINDS = ("rolled back", "one size", "no extension")


def forged_heads(seed: int) -> None:
    """One case: half of them before two stations, half before a witness."""
    kind = KINDS[seed // 2 % len(KINDS)]
    chance = random.Random(f"heads {seed}")
    if seed % 2:
        _before_a_witness(kind, chance)
    else:
        _before_stations(kind, chance)


def _other(post: Post, size: int, start: int, chance: random.Random) -> Tree:
    """A tree of a size that leaves a station's log at a position."""
    log = post.line.record.logs[post.line.own_log]
    tree = Tree()
    for item in log.items[:start]:
        tree.append(item.statement.digest)
    while tree.size < size:
        tree.append(leaf_hash(chance.randbytes(8)))
    return tree


def _before_stations(kind: str, chance: random.Random) -> None:
    net = line_of(chance, 3)
    alpha, bravo, liar = net
    for _ in range(chance.randint(2, 6)):
        liar.speak(message("and on"))
    net.deliver()
    held = liar.line.record.logs[liar.line.own_log]
    true = signed(liar, held.size, held.tree.root())
    size = {
        "rolled back": chance.randint(1, held.size - 1),
        "one size": held.size,
        "no extension": held.size + chance.randint(1, 3),
    }[kind]
    false = signed(liar, size, _other(liar, size, chance.randint(0, min(size, held.size) - 1),
                                      chance).root())  # fmt: skip
    shown = [(alpha, true), (bravo, false)]
    chance.shuffle(shown)
    for post, text in shown:
        hand(post, liar, text)
    net.pass_time(ROUND_S)
    while liar.line.record.size(liar.line.own_log) < size:
        liar.speak(message("up to the size of that head"))
        net.deliver()
    log = liar.line.record.logs[liar.line.own_log]
    for post in (alpha, bravo):
        hand(post, liar, signed(liar, log.size, log.tree.root()))
    net.pass_time(ROUND_S)
    _refused_and_kept(net, (alpha, bravo), liar, false)


def _refused_and_kept(net: Net, posts: tuple[Post, ...], liar: Post, false: SignedNote) -> None:
    for post in posts:
        name = post.who.party
        codes = {alarm.code for alarm in post.alarms() if alarm.party == liar.who.party}
        need("record.two_heads" in codes, f"{name} was shown a false head, and is silent")
        book = post.line.notes[liar.line.own_log]
        bodies = [each.note.body for each in book.against]
        need(false.body in bodies, f"{name} counts a false head as one of the log")
        texts = [SignedNote.parse(data).body for data in kept(post)]
        need(false.body in texts, f"{name} has not kept the false head")
        files = proved(post, liar.who.id)
        need(files, f"{name} has no proof of two heads")
        net.restart(post)
        again = post.line.notes[liar.line.own_log]
        need(again.against, f"{name} has forgotten it over a restart")
    need(accused(net) == {liar.who.party}, f"accused are {sorted(accused(net))}")


# ----------------------------------------------------------------------------------- a witness


def _before_a_witness(kind: str, chance: random.Random) -> None:
    with scratch() as name:
        bench = Bench(Path(name) / "w")
        try:
            _ask(bench, kind, chance)
        finally:
            bench.close()


def _ask(bench: Bench, kind: str, chance: random.Random) -> None:
    first = chance.randint(2, 20)
    then = first + chance.randint(1, 20)
    need(bench.grow(0, first)[0] == 200, "the first head was refused")
    need(bench.grow(first, then)[0] == 200, "a log that grew was refused")
    story = chance.randbytes(4)
    proof: tuple[bytes, ...] = ()
    if kind == "rolled back":
        old, size = 0, first
    elif kind == "one size":
        old, size = then, then
    else:
        old, size = then, then + chance.randint(1, 20)
        proof = grown(size, story).consistency(then, size)
    false = note(size, story)
    status, body = bench.add(old, false, proof)
    need(status in (409, 422), f"a head that is {kind} was answered with {status}")
    need("\u2014".encode() not in body, f"a head that is {kind} was cosigned")
    conflicts = report(bench.home)["conflicts"]
    assert isinstance(conflicts, list)
    if kind == "no extension" and then & (then - 1) == 0:
        return  # such a proof names no older root, so a wrong one accuses nobody
    need(any(isinstance(each, dict) and str(each["also_signed"]).encode() == false.format()
             for each in conflicts), f"the head that is {kind} was not kept")  # fmt: skip
    need(bench.told, "nobody was told")
    more = then + chance.randint(1, 9)
    need(bench.grow(then, more)[0] == 200, "the true log is refused for the false one")
