"""Every state that a loss of power can leave, within what a sync promises.

At any moment the disk holds what was synced, and any part of what was not: nothing of it, all of
it, some writes and not others, a write cut at a sector, a file that has its new length and zeros
for its new bytes. Names of files are as free until their folder is synced, and so is a new folder
in the one that it was made in, with all that lies in it. What a sync that returned has covered is
never lost: that is the one thing the enumeration grants the disk.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.crash.trace import FOLDER, Account, Cut, Grow, Mark, Name, Op, Sync, SyncFolder, Write

SECTOR: Final = 512
Waiting = Write | Cut | Grow | Name  # what is not on the disk yet
POLICIES: Final = ("drop", "prefix", "scatter", "torn", "zeros", "keep")


@dataclass(frozen=True, slots=True)
class State:
    """The files after a loss of power, and what had been promised before it."""

    point: int
    policy: str
    files: dict[str, bytes]
    promises: tuple[str, ...]


@dataclass(slots=True)
class Disk:
    """What is durable by now, and what is not yet, in order."""

    data: dict[int, bytearray]
    names: dict[str, int]
    waiting: list[Waiting] = field(default_factory=list)
    promises: list[str] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)  # all that were made since the beginning

    def take(self, op: Op) -> None:
        match op:
            case Write() | Cut() | Grow() | Name():
                if isinstance(op, Name) and op.file == FOLDER:
                    self.folders.add(op.path)
                self.waiting.append(op)
            case Sync(file=file):
                self._settle(lambda w: not isinstance(w, Name) and w.file == file)
            case SyncFolder(path=path):
                self._settle(lambda w: isinstance(w, Name) and w.path.rpartition("/")[0] == path)
            case Mark(text=text):
                self.promises.append(text)

    def _settle(self, covered: object) -> None:
        left: list[Waiting] = []
        for op in self.waiting:
            if callable(covered) and covered(op):
                apply(self.data, self.names, op)
            else:
                left.append(op)
        self.waiting = left

    def after_power_loss(self, policy: str, chance: random.Random) -> dict[str, bytes]:
        data = {file: bytearray(content) for file, content in self.data.items()}
        names = dict(self.names)
        for op in survivors(self.waiting, policy, chance):
            apply(data, names, op)
        gone = tuple(f"{path}/" for path in self.folders if path not in names)
        return {
            path: bytes(data.get(file, b""))
            for path, file in names.items()
            if file != FOLDER and not path.startswith(gone)
        }


def apply(data: dict[int, bytearray], names: dict[str, int], op: Waiting) -> None:
    match op:
        case Write(file, offset, content):
            held = data.setdefault(file, bytearray())
            held.extend(bytes(max(0, offset + len(content) - len(held))))
            held[offset : offset + len(content)] = content
        case Cut(file, size):
            held = data.setdefault(file, bytearray())
            held.extend(bytes(max(0, size - len(held))))
            del held[size:]
        case Grow(file, size):
            held = data.setdefault(file, bytearray())
            held.extend(bytes(max(0, size - len(held))))
        case Name(path, None):
            names.pop(path, None)
        case Name(path, int(file)):
            names[path] = file


def survivors(waiting: list[Waiting], policy: str, chance: random.Random) -> Iterator[Waiting]:
    """Which of the operations that no sync covers reach the disk, and in what form."""
    stop = chance.randrange(len(waiting) + 1)
    for index, op in enumerate(waiting):
        match policy:
            case "drop":
                return
            case "keep":
                yield op
            case "prefix":
                if index < stop:
                    yield op
            case "scatter":
                if chance.random() < 0.5:
                    yield op
            case "torn":
                yield from _torn(op, chance)
            case "zeros":
                zero = isinstance(op, Write) and chance.random() < 0.5
                yield _zeroed(op) if zero else op


def _zeroed(op: Waiting) -> Waiting:
    """The file has its new length, but not its new bytes."""
    return Write(op.file, op.offset, bytes(len(op.data))) if isinstance(op, Write) else op


def _torn(op: Waiting, chance: random.Random) -> Iterator[Waiting]:
    if not isinstance(op, Write):
        if chance.random() < 0.5:
            yield op
        return
    # A sector is written whole or not at all; sectors of one write come in any order.
    start = op.offset
    while start < op.offset + len(op.data):
        end = min((start // SECTOR + 1) * SECTOR, op.offset + len(op.data))
        if chance.random() < 0.6:
            yield Write(op.file, start, op.data[start - op.offset : end - op.offset])
        start = end


def enumerate_states(
    account: Account, before: Mapping[str, bytes], *, seed: int, most: int
) -> Iterator[State]:
    """States after power losses spread evenly over the account, at most so many, from one seed.

    ``drop`` is tried at every point where something was promised since the last one; the other
    policies are dealt out in turn.
    """
    chance = random.Random(seed)
    disk = Disk(
        data={file: bytearray(before[path]) for path, file in account.before.items()},
        names=dict(account.before),
    )
    points = len(account.ops)
    step = max(1.0, points * 2 / most)
    wanted = {int(n * step) for n in range(int(points / step) + 1)}
    for point, op in enumerate(account.ops, 1):
        disk.take(op)
        if point not in wanted and not (isinstance(op, Mark) and len(wanted) * 2 < most):
            continue
        for policy in ("drop", POLICIES[1 + point % (len(POLICIES) - 1)]):
            yield State(point, policy, disk.after_power_loss(policy, chance), tuple(disk.promises))
