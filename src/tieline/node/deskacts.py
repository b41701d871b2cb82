"""The acts that only the desk asks: what is open, and the key of the desk's own file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final

from tieline.core.errors import LocalError
from tieline.core.line import Line
from tieline.node.arguments import Arguments
from tieline.node.traffic import DAY_MS, Open, Traffic, deadline_ms
from tieline.node.view import Json, item_view

if TYPE_CHECKING:
    from tieline.node.acts import NodeActs

TEN_MIN_MS: Final = 600_000


class DeskActs:
    """Acts for a desk process beside the station."""

    def __init__(self, acts: NodeActs) -> None:
        self._desk = acts
        self.acts: dict[str, Callable[[Arguments], Awaitable[Json]]] = {
            "traffic": self._traffic,
            "desk_key": self._desk_key,
        }

    @cached_property
    def _open(self) -> Traffic:
        host = self._desk.host
        store = host.runtime.store
        # The station is made anew from the journal after a full disk: it is asked for each time.
        return Traffic(lambda: list(host.station.lines.values()), store.facts, store.last)

    async def _traffic(self, args: Arguments) -> Json:
        lang = args.text("language", "")
        args.done()
        now_ms = self._desk.now_ms()
        found = await self._open.look(now_ms)
        rung = self._open.rung
        lines = sorted(self._desk.host.station.lines.items())
        return {
            "lines": [self._line(line, found[name], lang) for name, line in lines if name in found],
            "rung": {
                "since_ms": max(self._open.since_ms, now_ms - DAY_MS),
                "count": len(rung),
                "lately": sum(at > now_ms - TEN_MIN_MS for at in rung),
            },
            "now_ms": now_ms,
        }

    def _line(self, line: Line, found: Open, lang: str) -> dict[str, Json]:
        return {
            "line": line.id.hex(),
            "name": line.charter.name,
            "party": line.party,
            "inbound": [self._item(line, digest, lang) for digest in found.inbound],
            "outbound": [self._item(line, digest, lang) for digest in found.outbound],
            "acknowledged": [self._item(line, digest, lang) for digest in found.done],
            "complete": found.complete,
        }

    def _item(self, line: Line, digest: bytes, lang: str) -> dict[str, Json]:
        item = line.item(digest)
        if item is None:
            return {}
        view = item_view(line, item, self._desk.seq(digest)) | self._desk.told(line, item, lang)
        view["due"] = {party: deadline_ms(line, item, party) for party in line.addressed(item)}
        return view

    async def _desk_key(self, args: Arguments) -> Json:
        args.done()
        key = self._desk.host.desk_key()
        if not key:
            raise LocalError("desk.no_key", "this station has no home, so no desk keeps a file")
        return {"key": key.hex()}
