"""The room on the disk where a store lives: an alarm when it gets short, and the reserve."""

from __future__ import annotations

from typing import Final, Protocol

from tieline.core.events import Event, Trouble
from tieline.core.journal import Alarm
from tieline.core.terms import Precedence
from tieline.store.disk import Room

ROOM_MS: Final = 1_000


class Roomy(Protocol):
    """A store on a disk that can get full."""

    def room(self) -> Room: ...

    def restore_reserve(self) -> bool: ...


class RoomWatch:
    """Looks after the room where the store lives: an alarm when it gets short, and the reserve."""

    def __init__(self, store: Roomy) -> None:
        self._store = store
        self._next_ms = 0
        self._level = "ok"

    def look(self, real_ms: int) -> list[Event]:
        """What there is to report; the disk is asked at most once a second."""
        if real_ms < self._next_ms:
            return []
        self._next_ms = real_ms + ROOM_MS
        room = self._store.room()
        if room.level == "ok" and not room.reserve:
            self._store.restore_reserve()
        if room.level == self._level:
            return []
        self._level = room.level
        if room.level == "ok":
            text = f"there is room on the disk again: {room.free // 1_000_000} MB are free"
            return [Trouble(code="store.room", text=text, precedence=int(Precedence.ROUTINE))]
        left = "" if room.reserve else "; the station goes on with the room that it kept back"
        text = f"the disk is nearly full: {room.free // 1_000_000} MB are free{left}; make room"
        worst = room.level == "critical"
        rank = Precedence.FLASH if worst else Precedence.IMMEDIATE
        return [Trouble(code=f"store.{room.level}", text=text, precedence=int(rank))]

    def forget(self, troubles: dict[str, Alarm]) -> None:
        """Take out of a station's present troubles those that are over."""
        for code in ("store.low", "store.critical", "store.room"):
            if code != f"store.{self._level}":
                troubles.pop(code, None)
        if self._level == "ok":
            troubles.pop("store.was_full", None)  # it rang; while there is little room it stays
