"""An exercise never leaks, in either direction (invariant 9).

Of two worlds that run at one time, of different realms: nothing that one has said is kept in any
journal of the other, or cited there; no station keeps a charter, a checkpoint or a receipt of the
other, or comes to keep its line; and no envelope of the other's line leaves a station. What was
said where is counted here, from what became durable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tieline.core import sync
from tieline.core.charter import parse_signed_charter
from tieline.core.checkpoint import Receipt, SignedNote, parse_origin, read_checkpoint
from tieline.core.journal import Fact, FactKind
from tieline.sim.violation import Violation

if TYPE_CHECKING:
    from tieline.sim.world import World


class LeakChecker:
    """Looks at both worlds of one run."""

    def __init__(self, *worlds: World) -> None:
        self._said: dict[str, set[bytes]] = {world.cast.realm: set() for world in worlds}
        self._logs: dict[str, set[bytes]] = {world.cast.realm: set() for world in worlds}

    def kept(self, world: World, facts: Sequence[Fact]) -> None:
        """Facts became durable on a machine of one of the worlds."""
        world.schedule.count("check leak")
        for fact in facts:
            if fact.line not in (world.cast.line, b""):
                raise Violation(9, f"a fact of line {fact.line.hex()} is kept in {_of(world)}")
            if fact.kind in (FactKind.STATEMENT, FactKind.SECOND_STORY):
                self._statement(world, fact)
            elif fact.kind == FactKind.CHARTER:
                realm = parse_signed_charter(fact.body).charter.realm
                if realm != world.cast.realm:
                    raise Violation(9, f"a charter of {realm} is kept in {_of(world)}")
            elif fact.kind == FactKind.NOTE:
                line, _, _ = parse_origin(read_checkpoint(SignedNote.parse(fact.body).body).origin)
                if line != world.cast.line:
                    raise Violation(9, f"a checkpoint of {line.hex()} is kept in {_of(world)}")
            elif fact.kind == FactKind.RECEIPT:
                self._apart(world, self._logs, Receipt.decode(fact.body).log, "is receipted")

    def _statement(self, world: World, fact: Fact) -> None:
        (parsed,) = world.checker.statements_of([fact])
        self._apart(world, self._said, parsed.digest, "is kept")
        for ref in parsed.content.refs:
            self._apart(world, self._said, ref.target, "is cited")
        self._said[world.cast.realm].add(parsed.digest)
        self._logs[world.cast.realm].add(parsed.log)

    def _apart(self, world: World, known: dict[str, set[bytes]], name: bytes, how: str) -> None:
        for realm, names in known.items():
            if realm != world.cast.realm and name in names:
                raise Violation(9, f"{name.hex()[:12]} of {realm} {how} in {_of(world)}")

    def leaves(self, world: World, envelope: bytes) -> None:
        """An envelope goes on a road of one of the worlds."""
        line = sync.unpack(envelope).line
        if line != world.cast.line:
            raise Violation(9, f"an envelope of line {line.hex()} leaves a station of {_of(world)}")

    def look(self, world: World) -> None:
        """Raise ``Violation`` when a station keeps another line than its own."""
        for machine in world.machines:
            runtime = machine.runtime
            if runtime is not None and set(runtime.station.lines) - {world.cast.line}:
                raise Violation(9, f"station {machine.number} of {_of(world)} keeps two lines")


def _of(world: World) -> str:
    return f"the realm {world.cast.realm}"
