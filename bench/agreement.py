"""`python bench/agreement.py`: how long the obligations of a long record take.

The record is made of every deadline of the shipped packs, by chance from a seed: a message that
begins one, with the codes and numbers that the rule asks for, and four times in five an answer of
the one who owes it; each received by all. ``nothing``: seconds to take in the whole record, its
receipts, and ask for all obligations, with the garbage collector as a station has it (``calm`` at
its start, ``settle`` as it reads). ``default``: the same with the collector as Python starts it.
``one``: milliseconds for one statement more with its receipts, and asking for all that is open.

``loop_ns`` is the time of one round of an empty loop in the same run: on a machine that does other
work it grows as the figures do. Seconds are of the processor (``cpu``) and of the wall. The reach
is judged by ``nothing``, in seconds of the processor, and by ``one``.

The JSON (schema ``tieline-bench-agreement/1``) only grows. Statuses: 0 measured, 1 the reach was
missed (only with ``--strict``), 2 usage.
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import folds
from figures import Json, record, spread
from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.message import Message, Values, resolve
from tieline.core.agreement.model import ALL, Deadline, FieldType, Form, Pack, Threshold, Who
from tieline.core.agreement.value import Answer, Code, Day, Instant, Number, PartyCode
from tieline.core.terms import RefRole
from tieline.node import collector, packs
from tieline.node.agreements import SETTLED

SCHEMA = "tieline-bench-agreement/1"
REACH = folds.Reach(nothing_s=5.0, one_ms=5.0)
HEAD = ("statements", "packs", "owed", "open", "nothing s", "cpu s", "default cpu", "one p50",
        "p99", "loop ns")  # fmt: skip
PARTIES = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")
BEGIN_MS = 1_800_000_000_000
STEP_MS = 300_000
DAY_MS = 86_400_000
MORE = 1_000

Fields = dict[int, "Answer | tuple[Values, ...]"]


def put(form: Form, values: Fields, path: str, answer: Answer) -> None:
    """Set a field, in the first repeat of its groups."""
    way = resolve(form.fields, path) or ()
    for one in way[:-1]:
        inside: Fields = {}
        found = values.setdefault(one.number, (inside,))
        if isinstance(found, tuple) and isinstance(found[0], dict):
            values = found[0]
    values[way[-1].number] = answer


def fulfil(pack: Pack, rule: Deadline | Threshold, values: Fields) -> None:
    """Give a message what a rule asks for."""
    form = pack.forms[rule.on]
    if isinstance(rule, Deadline) and rule.threshold:
        needed = pack.rules[rule.threshold]
        if isinstance(needed, Threshold):
            fulfil(pack, needed, values)
    for condition in rule.when:
        way = resolve(form.fields, condition.path) or ()
        for item in pack.codes[way[-1].codes]:
            if item.id == condition.one_of[0]:
                put(form, values, condition.path, Code(item.number, item.id))
    if isinstance(rule, Threshold):
        for one in (*rule.any_of[:1], *rule.all_of):
            put(form, values, one.path, Number(one.at_least))


@dataclass
class Traffic:
    """Messages one after another, each a step later."""

    chance: random.Random
    messages: list[Message]

    def send(
        self, pack: Pack, form: str, sender: str, to: tuple[str, ...], values: Fields,
        refs: tuple[tuple[RefRole, bytes], ...] = (),
    ) -> Message:  # fmt: skip
        """Add a message."""
        place = len(self.messages)
        made = Message(
            digest=hashlib.sha256(str(place).encode()).digest(), sender=sender, to=to,
            time_ms=BEGIN_MS + place * STEP_MS, pack=pack.id, form=form, values=values, refs=refs,
            order=place,
        )  # fmt: skip
        self.messages.append(made)
        return made

    def begin(self, pack: Pack, rule: Deadline) -> None:
        """Begin what a deadline is about, and mostly answer it."""
        form, values = pack.forms[rule.on], Fields()
        sender, other = self.chance.sample(PARTIES, 2)
        fulfil(pack, rule, values)
        if rule.path:
            way = resolve(form.fields, rule.path) or ()
            when = BEGIN_MS + len(self.messages) * STEP_MS + self.chance.randrange(90) * DAY_MS
            date = way[-1].type is FieldType.DATE
            put(form, values, rule.path, Day(when // DAY_MS) if date else Instant(when // 1000))
        if rule.who_path:
            put(form, values, rule.who_path, PartyCode(other))
        others = tuple(one for one in PARTIES if one != sender)
        trigger = self.send(pack, rule.on, sender, others if form.to == ALL else (other,), values)
        if rule.by and self.chance.random() < 0.8:
            debtor = sender if rule.who is Who.SENDER else other
            refs = () if rule.link is None else ((rule.link, trigger.digest),)
            back = tuple(one for one in PARTIES if one != debtor)
            self.send(pack, rule.by[0], debtor, back if rule.to_all else (sender,), {}, refs)


def traffic(some: Sequence[Pack], count: int, seed: int) -> list[Message]:
    """A record of at least so many messages."""
    out = Traffic(random.Random(seed), [])
    rules = [(pack, rule) for pack in some for rule in pack.rules.values()
             if isinstance(rule, Deadline)]  # fmt: skip
    while len(out.messages) < count:
        out.begin(*out.chance.choice(rules))
    return out.messages


def feed(ledger: Ledger, message: Message) -> None:
    """A message, and the receipt of everybody else a minute later."""
    ledger.admit(message)
    for party in PARTIES:
        if party != message.sender:
            ledger.receipt(message.digest, party, message.time_ms + 60_000)


def nothing(
    some: Sequence[Pack], messages: Sequence[Message], now: int, *, calm: bool
) -> tuple[Ledger, Json]:
    """Everything from nothing: the ledger, and how long it took. ``calm``: see ``collector``."""
    settled = SETTLED if calm else len(messages) + 1
    wall, cpu = time.perf_counter(), time.process_time()
    ledger = Ledger(some, PARTIES)
    ledger.since(BEGIN_MS)
    for place, message in enumerate(messages, 1):
        feed(ledger, message)
        if place % settled == 0:
            collector.settle()
    while calm and not ledger.catch_up(now, settled):
        collector.settle()
    ledger.obligations(now)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return ledger, {"seconds": round(wall, 2), "cpu_seconds": round(cpu, 2)}


def measure(some: Sequence[Pack], count: int, seed: int) -> Json:
    """From nothing, then one by one."""
    messages = traffic(some, count + MORE, seed)
    now = messages[count].time_ms
    before = folds.loop_ns()
    _, default = nothing(some, messages[:count], now, calm=False)
    collector.calm()
    ledger, found = nothing(some, messages[:count], now, calm=True)
    rows = len(ledger.obligations(now))
    one: list[float] = []
    for message in messages[count:]:
        begun = time.process_time()
        feed(ledger, message)
        ledger.obligations(message.time_ms, open_only=True)
        one.append(time.process_time() - begun)
    return {
        "statements": count,
        "packs": len(some),
        "obligations": rows,
        "open": len(ledger.obligations(now, open_only=True)),
        "nothing": found,
        "default": default,
        "one": spread(one),
        "loop_ns": max(before, folds.loop_ns()),
    }


def row(found: Json) -> tuple[object, ...]:
    """The figures of one size, as the table has them."""
    took, one, default = (record(found[name]) for name in ("nothing", "one", "default"))
    return (found["statements"], found["packs"], found["obligations"], found["open"],
            took["seconds"], took["cpu_seconds"], default["cpu_seconds"], one["p50"],
            one["p99"], found["loop_ns"])  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Parse, measure, print."""
    args, sizes = folds.arguments(
        argv, "agreement", "measure the obligations of a long record", "statements", (100_000,)
    )
    some = [packs.find(name) for name in packs.shipped()]
    found = [measure(some, count, args.seed) for count in sizes]
    taken = folds.result(SCHEMA, found, REACH)
    told = folds.table(HEAD, [row(one) for one in found], REACH, taken)
    return folds.ended(taken, told, args)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
