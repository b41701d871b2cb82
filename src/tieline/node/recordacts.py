"""The acts on the record for who reads it: search, what stands behind one statement, its check.

A search walks the journal from its newest entry backwards, in slices and within a bound, and says
how far it looked and where to go on: a record of any length holds up nobody. A check goes from the
signed bytes up and costs the same in a short record and in a long one.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tieline.core.journal import FactKind
from tieline.core.line import Line
from tieline.core.record import Item
from tieline.core.statement import statement_digest
from tieline.core.terms import MAX_TIME_MS
from tieline.node import recordcheck
from tieline.node.arguments import Arguments
from tieline.node.slices import Slices
from tieline.node.view import Json, item_view, word

if TYPE_CHECKING:
    from tieline.node.acts import NodeActs

WINDOW: Final = 512  # entries of the journal that are read at once
FIRST: Final = 128  # of them at first: a page of the newest statements needs no more
LOOKED: Final = 4_000  # entries that one act looks through at most
MOST: Final = 100  # statements that one act gives at most
MAX_WORDS: Final = 8
DIGEST: Final = 8  # letters of a digest that are one, and not a word
_STATEMENTS: Final = frozenset({int(FactKind.STATEMENT), int(FactKind.SECOND_STORY)})

_Entry = tuple[int, int, Item]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a search looks for; what is empty is not looked at. Times in UTC ms, as claimed."""

    words: tuple[str, ...]
    party: str
    form: str
    precedence: str
    kind: str
    from_ms: int
    to_ms: int

    def fits(self, line: Line, item: Item) -> bool:
        """Whether a statement fits, its words apart."""
        statement = item.statement
        content = statement.content
        return (
            (not self.party or line.party_of(statement.place.station) == self.party)
            and (not self.form or self.form in content.form.casefold())
            and (not self.precedence or content.precedence.name == self.precedence)
            and (not self.kind or word(content.kind.name) == self.kind)
            and self.from_ms <= statement.place.time_ms <= self.to_ms
        )


class RecordActs:
    """Acts that read the record."""

    def __init__(self, acts: NodeActs) -> None:
        self._desk = acts
        self.acts: dict[str, Callable[[Arguments], Awaitable[Json]]] = {
            "search": self._search,
            "entry": self._entry,
            "check": self._check,
        }

    async def _search(self, args: Arguments) -> Json:
        line, lang = self._desk.line(args), args.text("language", "")
        wanted = Wanted(
            words=tuple(args.text("words", "")[:500].casefold().split()[:MAX_WORDS]),
            party=args.text("party", ""),
            form=args.text("form", "").casefold(),
            precedence=args.text("precedence", "").upper(),
            kind=args.text("kind", ""),
            from_ms=args.number("from_ms", 0),
            to_ms=args.number("to_ms", MAX_TIME_MS),
        )
        before, limit = args.number("before", 0), args.number("limit", 50)
        spend_s = args.number("within_ms", 0) / 1_000
        args.done()
        store, slices, begun = self._desk.host.runtime.store, Slices(), time.thread_time()
        top = store.last() + 1
        top = min(before, top) if before else top
        low = max(1, top - LOOKED)
        items: list[Json] = []
        looked, at_ms, end = 0, 0, top
        for start, rows in self._back(line, top, low):
            for seq, came_ms, item in rows:
                await slices.turn()
                looked, at_ms, end = looked + 1, came_ms, seq
                told = self._fitting(line, item, wanted, lang)
                if told is not None:
                    items.append(item_view(line, item, seq) | told)
                if len(items) >= min(max(limit, 1), MOST):
                    break
            else:
                end = start
                if not spend_s or time.thread_time() - begun < spend_s:
                    continue
            break
        return {
            "items": items,
            "looked": looked,
            "back_to_ms": at_ms,
            "next": end if end > 1 else 0,
            "name": line.charter.name,
            "statements": len(line.record.order),
        }

    def _back(self, line: Line, top: int, low: int) -> Iterator[tuple[int, list[_Entry]]]:
        """The statements of a line from below ``top`` down to ``low``, in windows.

        Each with where it begins, and its entries from the newest: number, time and statement.
        What the record does not hold any more is left out.
        """
        store, record, window = self._desk.host.runtime.store, line.record, FIRST
        while top > low:
            start = max(low, top - window)
            found: dict[int, tuple[int, int]] = {}
            for seq, fact in store.some(_STATEMENTS, start - 1, top - 1):
                ref = record.find(statement_digest(fact.body)) if fact.line == line.id else None
                if ref is not None:
                    found[ref] = (seq, fact.at_ms)
            # Those of one log are fetched together, and not one by one.
            held = {item.statement.digest: item for item in record.run([*found])}
            rows = [
                (seq, at_ms, held[digest])
                for ref, (seq, at_ms) in found.items()
                if (digest := record.digest(ref)) in held
            ]
            yield start, rows[::-1]
            top, window = start, WINDOW

    def _fitting(self, line: Line, item: Item, wanted: Wanted, lang: str) -> dict[str, Json] | None:
        """What a statement tells beside itself, if it fits; else ``None``."""
        if not wanted.fits(line, item):
            return None
        if not item.statement.content.form and not self._says(item, {}, wanted.words):
            return None  # only a form says more than its own text
        told = self._desk.told(line, item, lang)
        return told if self._says(item, told, wanted.words) else None

    def _says(self, item: Item, told: dict[str, Json], words: tuple[str, ...]) -> bool:
        if not words:
            return True
        content = item.statement.content
        body = content.body
        parts = [body.text, body.cause, body.unit, content.form]
        said = told.get("told")
        if isinstance(said, dict):
            lines = said.get("lines")
            parts += [str(said.get("title"))]
            parts += [str(each) for each in lines] if isinstance(lines, list) else []
        text = "\n".join(part for part in parts if part).casefold()
        digest = item.statement.digest.hex()
        return all(
            each in text or (len(each) >= DIGEST and digest.startswith(each)) for each in words
        )

    async def _entry(self, args: Arguments) -> Json:
        line, item = self._desk.find(args)
        args.done()
        return recordcheck.entry(line, item, self._desk.seq)

    async def _check(self, args: Arguments) -> Json:
        line, item = self._desk.find(args)
        args.done()
        statement = item.statement
        held = self._desk.host.statements(
            line.id, statement.log, statement.place.position, statement.place.position + 1
        )
        raw = statement.raw if item.second_story or not held else held[0]
        return recordcheck.check(line, item, raw)
