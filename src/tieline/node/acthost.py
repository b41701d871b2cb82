"""What the officers' acts need of the running station."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tieline.core.events import Act, Done
from tieline.core.journal import Alarm
from tieline.core.line import Line
from tieline.core.station import Station
from tieline.node.agreements import Agreements
from tieline.node.alarmkeep import AlarmKeep
from tieline.node.passage import Progress
from tieline.node.runtime import Runtime
from tieline.node.view import Json
from tieline.node.watchers import Feed

if TYPE_CHECKING:
    from tieline.core.evidence import Scope
    from tieline.node.incidents import Incidents


class Host(Protocol):
    """The running station, as the acts see it."""

    @property
    def station(self) -> Station: ...

    @property
    def agreements(self) -> Agreements: ...

    @property
    def incidents(self) -> Incidents: ...

    def reading(self, line: Line) -> Progress | None:
        """How far a long record has been read since the start, while it is being read."""

    async def perform(self, make: Callable[[int], Act]) -> Done:
        """Run an act through a turn; raises its refusal."""

    @property
    def alarms(self) -> AlarmKeep: ...

    @property
    def runtime(self) -> Runtime: ...

    @property
    def desk_key(self) -> Callable[[], bytes]: ...

    @property
    def feed(self) -> Feed: ...

    def digest_at(self, seq: int) -> bytes: ...

    def seq_of(self, digest: bytes) -> int: ...

    def fresh(self, count: int) -> bytes: ...

    def status(self) -> dict[str, Json]: ...

    def present(self) -> dict[str, Json]: ...

    def aged(self, seen: dict[str, Json], core: Mapping[str, Alarm]) -> dict[str, Json]: ...

    def settle(self) -> dict[str, Json]: ...

    async def audit_beside(self) -> dict[str, Json]: ...

    def statements(self, line: bytes, log: bytes, start: int, stop: int) -> list[bytes]: ...

    async def doctor(self) -> dict[str, Json]: ...

    async def backup(self, out: Path, *, root: bool) -> dict[str, Json]: ...

    @property
    def reload_keys(self) -> Callable[[], int]: ...

    def set_clock(self, wall_ms: int, *, hold: bool) -> None: ...

    def export_bundle(self, line: Line, to: tuple[bytes, ...]) -> tuple[bytes, int]: ...

    async def import_bundle(self, data: bytes) -> dict[str, Json]: ...

    async def evidence(self, line: Line, out: Path, scope: Scope) -> dict[str, Json]: ...

    def stop(self) -> None: ...
