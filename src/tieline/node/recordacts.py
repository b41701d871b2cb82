"""The acts on the record for who reads it: search, what stands behind one statement, its check.

A search walks the journal from its newest entry backwards, in slices and within a bound, and says
how far it looked and where to go on: a record of any length holds up nobody. A check goes from the
signed bytes up and costs the same in a short record and in a long one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tieline.core.journal import Fact, FactKind
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
LOOKED: Final = 4_000  # entries that one act looks through at most
MOST: Final = 100  # statements that one act gives at most
MAX_WORDS: Final = 8
DIGEST: Final = 8  # letters of a digest that are one, and not a word
_STATEMENTS: Final = frozenset({FactKind.STATEMENT, FactKind.SECOND_STORY})


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
        args.done()
        store, slices = self._desk.host.runtime.store, Slices()
        top = store.last() + 1
        top = min(before, top) if before else top
        low = max(1, top - LOOKED)
        items: list[Json] = []
        looked, at_ms, end = 0, 0, top
        for seq, fact in self._back(top, low):
            end = seq
            await slices.turn()
            if fact.kind not in _STATEMENTS or fact.line != line.id:
                continue
            looked, at_ms = looked + 1, fact.at_ms
            item = line.item(statement_digest(fact.body))
            if item is None or not wanted.fits(line, item):
                continue
            told = self._desk.told(line, item, lang)
            if self._says(item, told, wanted.words):
                items.append(item_view(line, item, seq) | told)
            if len(items) >= min(max(limit, 1), MOST):
                break
        else:
            end = low
        return {
            "items": items,
            "looked": looked,
            "back_to_ms": at_ms,
            "next": end if end > 1 else 0,
            "name": line.charter.name,
            "statements": len(line.record.order),
        }

    def _back(self, top: int, low: int) -> Iterator[tuple[int, Fact]]:
        """The entries of the journal from below ``top`` down to ``low``."""
        store = self._desk.host.runtime.store
        while top > low:
            start = max(low, top - WINDOW)
            rows: list[tuple[int, Fact]] = []
            for seq, fact in store.facts(start - 1):
                if seq >= top:
                    break
                rows.append((seq, fact))
            yield from reversed(rows)
            top = start

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
