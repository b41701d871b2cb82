"""P3: who had read what, and when: random histories, and the statements as their own oracle."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Final

from tests.core.evidence_lines import evidence_of, play, read_whole
from tests.core.test_record import LINE, Author, ancestors, take
from tests.faults.rows import need

from tieline.core.evidence_links import Readings
from tieline.core.record import Item, Record
from tieline.core.statement import Statement

EACH: Final = 8  # of so many cases one is of whole stations, and of a file of evidence
YEAR_MS: Final = 365 * 86_400_000


def who_knew(seed: int) -> None:
    """What the record answers, and a file of evidence, is what the statements name as read."""
    chance = random.Random(f"knew {seed}")
    if seed % EACH == 0:
        _by_evidence(seed, chance)
        return
    everything = _history(chance)
    chance.shuffle(everything)
    reader = Record(LINE, "")
    for statement in everything:
        take(reader, statement)
    need(len(reader.order) == len(everything), "the reader has not taken all of it")
    before = ancestors(everything)
    order = list(reader.order)
    for at, item in enumerate(order):
        if not item.second_story:
            _answers(reader, item, order[:at], before)
    for earlier in order:
        _first_readers(reader, earlier, before)


def _history(chance: random.Random) -> list[Statement]:
    """Three stations talk and read by chance; some keys are used on two machines."""
    authors, said = [Author(number) for number in range(3)], dict[bytes, Statement]()
    for _ in range(chance.randint(10, 30)):
        author, other = chance.sample(authors, 2)
        match chance.randrange(10):
            case 0 if len(authors) < 5:
                authors.append(author.clone())
            case 1 | 2 | 3:
                author.learn(other)
            case _:
                made = author.write(chance.choice((0, 0, 3_000, -3_000, YEAR_MS, -YEAR_MS)))
                said[made.digest] = made
    return list(said.values())


def _answers(
    reader: Record, item: Item, earlier: list[Item], before: dict[bytes, set[bytes]]
) -> None:
    """What had its author read of all the others?"""
    mine = item.statement
    had = before[mine.digest]
    twice = _used_twice(reader, mine.log)
    for other in reader.order:
        if other.statement.log != mine.log:
            said, read = reader.saw(mine, other.statement), other.statement.digest in had
            need(read or not said, "the record says read, and the words do not")
            need(said or not read or twice, "the words say read, and the record does not")
    unread = {each.statement.digest for each in reader.unread(item)}
    wanted = {each.statement.digest for each in earlier if each.statement.log != mine.log} - had
    need(unread == wanted or (twice and unread > wanted), "what it had not read is another thing")


def _first_readers(reader: Record, earlier: Item, before: dict[bytes, set[bytes]]) -> None:
    """Where does each log first show that its author had read it?"""
    said = earlier.statement
    for log in reader.logs.values():
        if log.id == said.log:
            continue
        found = reader.read_at(log.id, said.digest, said.log, said.place.position)
        places = [
            at for at, item in enumerate(log.items) if said.digest in before[item.statement.digest]
        ]
        if _used_twice(reader, log.id):
            need(found is None or found in places, "it counts as read where it was not")
        else:
            need(found == (places[0] if places else None), "another one is the first that read it")


def _used_twice(reader: Record, log: bytes) -> bool:
    """Whether a key was used on two machines.

    Each of them names what is new to the log as it knows it, and what the other machine named is
    not. So such a log may show less than was read, by way of others, and never more.
    """
    return bool(reader.logs[log].forks)


def _by_evidence(seed: int, chance: random.Random) -> None:
    """A file of evidence says of each statement who first shows to have read it."""
    net = play(seed, acts=chance.randint(8, 16), fork=chance.random() < 0.5)
    record = net.post("ALPHA").line.record
    report = read_whole(evidence_of(net.post("ALPHA").line))
    before = ancestors([item.statement for item in record.order])
    readings = Readings(report)
    for entry in report.entries:
        if entry.second:
            continue
        first = defaultdict[bytes, list[bytes]](list)
        for log in record.logs.values():
            for item in log.items:
                if entry.digest in before[item.statement.digest]:
                    first[log.id].append(item.statement.digest)
        wanted = {digests[0] for name, digests in first.items() if name != entry.log.id}
        found = {reader.digest for reader in readings.read_by(entry) if not reader.second}
        need(found == wanted, "the file names others as the first readers than the words do")
