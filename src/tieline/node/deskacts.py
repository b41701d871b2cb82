"""The acts that only the desk asks: what is open, and the key of the desk's own file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final

from tieline.core.errors import LocalError
from tieline.core.line import Line
from tieline.node.arguments import Arguments
from tieline.node.traffic import DAY_MS, Open, Traffic, deadline_ms
from tieline.node.view import Json, item_view, ladder_view, word

if TYPE_CHECKING:
    from tieline.node.acts import NodeActs

TEN_MIN_MS: Final = 600_000
SHOWN: Final = 50  # of each kind, unless more are asked for
MAX_KEPT: Final = 1_000  # views of open items


class DeskActs:
    """Acts for a desk process beside the station."""

    def __init__(self, acts: NodeActs) -> None:
        self._desk = acts
        self._kept: dict[tuple[bytes, str], dict[str, Json]] = {}  # what of an item never changes
        self.acts: dict[str, Callable[[Arguments], Awaitable[Json]]] = {
            "traffic": self._traffic,
            "desk_key": self._desk_key,
            "pulse": self._pulse,
        }

    @cached_property
    def _open(self) -> Traffic:
        host = self._desk.host
        store = host.runtime.store
        # The station is made anew from the journal after a full disk: it is asked for each time.
        return Traffic(lambda: list(host.station.lines.values()), store.facts, store.last)

    async def _traffic(self, args: Arguments) -> Json:
        lang, limit = args.text("language", ""), args.number("limit", SHOWN)
        args.done()
        now_ms = self._desk.now_ms()
        found = await self._open.look(now_ms)
        rung = self._open.rung
        lines = sorted(self._desk.host.station.lines.items())
        return {
            "lines": [
                self._line(line, found[name], lang, limit) for name, line in lines if name in found
            ],
            "rung": {
                "since_ms": max(self._open.since_ms, now_ms - DAY_MS),
                "count": len(rung),
                "lately": sum(at > now_ms - TEN_MIN_MS for at in rung),
            },
            "now_ms": now_ms,
        }

    def _line(self, line: Line, found: Open, lang: str, limit: int) -> dict[str, Json]:
        # The most urgent of theirs, the oldest first among equals; of ours, the newest.
        inbound = sorted(found.inbound, key=lambda digest: -_rank(line, digest))[:limit]
        outbound = list(found.outbound)[max(0, len(found.outbound) - limit) :]
        return {
            "line": line.id.hex(),
            "name": line.charter.name,
            "party": line.party,
            "inbound": [self._item(line, digest, lang) for digest in inbound],
            "outbound": [self._item(line, digest, lang) for digest in outbound],
            "acknowledged": [self._item(line, digest, lang) for digest in found.done],
            "left_out": len(found.inbound) - len(inbound) + len(found.outbound) - len(outbound),
            "complete": found.complete,
        }

    def _item(self, line: Line, digest: bytes, lang: str) -> dict[str, Json]:
        item = line.item(digest)
        if item is None:
            return {}
        key = (digest, lang)
        if key not in self._kept:
            view = item_view(line, item, self._desk.seq(digest)) | self._desk.told(line, item, lang)
            view.pop("crossed", None)  # what is worth a search is shown on the item's own screen
            self._kept[key] = view
            while len(self._kept) > MAX_KEPT:
                del self._kept[next(iter(self._kept))]
        missed = line.ladder.overdue.get(digest, set())
        return {
            **self._kept[key],
            "flags": [*line.flags(item)],
            "ladder": ladder_view(line, item),
            "overdue": [
                {"party": party, "rung": word(rung.name)} for party, rung in sorted(missed)
            ],
            "due": {party: deadline_ms(line, item, party) for party in line.addressed(item)},
        }

    async def _pulse(self, args: Arguments) -> Json:
        args.done()
        return {"now_ms": self._desk.now_ms()}

    async def _desk_key(self, args: Arguments) -> Json:
        args.done()
        key = self._desk.host.desk_key()
        if not key:
            raise LocalError("desk.no_key", "this station has no home, so no desk keeps a file")
        return {"key": key.hex()}


def _rank(line: Line, digest: bytes) -> int:
    item = line.item(digest)
    return -1 if item is None else int(item.statement.content.precedence)
