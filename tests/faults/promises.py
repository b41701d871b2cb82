"""What a station's process has promised to whom, written down by itself at the moment it does so.

A line for each envelope that is handed to a carrier (``sent``), for each statement that a peer, an
officer or a desk is given (``item``, its digest, its log and its number), and for each receipt
(``size``, the log and how many statements). ``strace`` sees these lines among the other writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.crash import driver

from tieline.core import statement, sync
from tieline.core.events import Done, Reply, Transmit
from tieline.core.journal import Fact, FactKind
from tieline.core.sync import Push, Receipts
from tieline.node.host import Host

NAME: Final = "FAULTS_PROMISES"
FILE: Final = "marks"  # ``tests.crash.trace`` knows it by this name


def note(path: Path) -> None:
    """Have this process write them to a file, from now on."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    transmit: Callable[[Host, Transmit], str] = Host.transmit
    reply: Callable[[Host, Reply], None] = Host.reply
    published: Callable[[Host, int, Sequence[Fact]], None] = Host.published

    def say(text: str) -> None:
        os.write(file, f"{text}\n".encode())

    def item(raw: bytes) -> None:
        said = statement.parse("", raw)
        say(f"item {said.digest.hex()} {said.log.hex()} {said.place.position}")

    def transmitting(self: Host, effect: Transmit) -> str:
        say("sent")
        match sync.unpack(effect.envelope):
            case Receipts(_, receipts):
                for each in receipts:
                    if each.cosigner == self.runtime._own:
                        say(f"size {each.log.hex()} {each.size}")
            case Push(_, raws):
                for raw in raws:
                    item(raw)
            case _:
                pass
        return transmit(self, effect)

    def replying(self: Host, effect: Reply) -> None:
        if isinstance(effect.result, Done) and effect.result.item:
            say(f"item {effect.result.item.hex()}")
        reply(self, effect)

    def publishing(self: Host, first: int, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if fact.kind == FactKind.STATEMENT:
                item(fact.body)
        published(self, first, facts)

    Host.transmit, Host.reply, Host.published = (  # type: ignore[method-assign]
        transmitting, replying, publishing,
    )  # fmt: skip
    driver.short_logs()
