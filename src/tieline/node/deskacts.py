"""The acts that only the desk asks.

What is open, one draft with all that its releaser looks at, how a message would leave, and the key
of the desk's own file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from tieline.core import statement
from tieline.core.crypto import sha256
from tieline.core.errors import LocalError
from tieline.core.identity import words
from tieline.core.line import Line
from tieline.core.terms import Kind, Precedence, Rung
from tieline.node.arguments import Arguments
from tieline.node.linetests import tests_view
from tieline.node.passage import Progress, reading_view, together
from tieline.node.traffic import DAY_MS, Open, deadline_ms
from tieline.node.view import Json, draft_view, item_view, ladder_view, word

if TYPE_CHECKING:
    from tieline.node.acts import NodeActs
    from tieline.node.agreementacts import AgreementActs

TEN_MIN_MS: Final = 600_000
SHOWN: Final = 50  # of each kind, unless more are asked for
MAX_KEPT: Final = 1_000  # views of open items
_DRAFT_LABEL: Final = b"tieline-draft-v1\x00"  # what is hashed for the words of a draft
_SPOKEN_WORDS: Final = 4
_CAME_SHOWN: Final = 8
_LOOKED_AT: Final = 500  # statements, from the newest: a draft does not wait for ever
_WORDS: Final = frozenset({Kind.MESSAGE, Kind.JOINT, Kind.ASSENT, Kind.SUSPEND, Kind.RESUME})


class DeskActs:
    """Acts for a desk process beside the station."""

    def __init__(self, acts: NodeActs, about: Callable[[], AgreementActs]) -> None:
        """``about``: the acts about agreements, which are made when something asks for them."""
        self._desk, self._about = acts, about
        self._kept: dict[tuple[bytes, str], dict[str, Json]] = {}  # what of an item never changes
        self.acts: dict[str, Callable[[Arguments], Awaitable[Json]]] = {
            "traffic": self._traffic,
            "desk_key": self._desk_key,
            "pulse": self._pulse,
            "draft": self._draft,
            "leaving": self._leaving,
            "waits": self._waits,
        }

    async def _traffic(self, args: Arguments) -> Json:
        lang, limit = args.text("language", ""), args.number("limit", SHOWN)
        args.done()
        now_ms = self._desk.now_ms()
        found, traffic = await self._desk.host.alarms.open(now_ms)
        rung = traffic.rung
        lines = sorted(self._desk.host.station.lines.items())
        return {
            "lines": [
                self._line(line, found[name], lang, limit)
                | {"tests": tests_view(line, found[name].tests, now_ms)}
                for name, line in lines
                if name in found
            ],
            "rung": {
                "since_ms": max(traffic.since_ms, now_ms - DAY_MS),
                "count": len(rung),
                "lately": sum(at > now_ms - TEN_MIN_MS for at in rung),
            },
            "now_ms": now_ms,
        }

    async def _waits(self, args: Arguments) -> Json:
        """How much waits for our acknowledgement, by precedence: no content, no names, no times.

        It is all that a desk of an exercise is told about a real station beside it.
        """
        args.done()
        found, _ = await self._desk.host.alarms.open(self._desk.now_ms())
        lines = self._desk.host.station.lines
        counts = Counter(
            item.statement.content.precedence.name
            for name, line in lines.items()
            if name in found
            for item in map(line.item, found[name].inbound)
            if item is not None
        )
        return {
            "realm": self._desk.host.station.realm,
            "waits": dict(sorted(counts.items())),
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
            **reading_view(None if found.complete else Progress(found.looked, found.of)),
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
        host = self._desk.host
        known = together(host.reading(line) for line in host.station.lines.values())
        return {"now_ms": self._desk.now_ms(), **reading_view(known)}

    async def _desk_key(self, args: Arguments) -> Json:
        args.done()
        key = self._desk.host.desk_key()
        if not key:
            raise LocalError("desk.no_key", "this station has no home, so no desk keeps a file")
        return {"key": key.hex()}

    async def _draft(self, args: Arguments) -> Json:
        line, number, lang = self._desk.line(args), args.number("draft"), args.text("language", "")
        args.done()
        draft = line.drafts.get(number)
        if draft is None:
            raise LocalError(
                "draft.unknown", f"no draft {number} waits on this line; list them with 'drafts'"
            )
        out = draft_view(line, draft) | self._desk.told_of(line, draft.content, lang)
        outdated = ""
        if self._desk.host.agreements.named(line):
            out |= self._about().draft(line, draft.content)
            try:
                self._about().check_draft(line, number, lang)
            except LocalError as error:
                outdated = error.message
        digest = sha256(_DRAFT_LABEL + statement.pack_content(draft.content))
        came = [*_came_since(line, draft.at_ms)]
        replaced: list[Json] = [
            {"item": ref.target.hex(), "by": by.hex()}
            for ref in draft.content.refs
            for _, by in line.replaced.get(ref.target, ())
        ]
        return {
            **out,
            "name": line.charter.name,
            "party": line.party,
            "others": [code for code in line.charter.voices() if code != line.party],
            "hash": digest.hex(),
            "words": [*words(digest[:16])[:_SPOKEN_WORDS]],
            "outdated": outdated,
            "replaced": replaced,
            "came": [self._item(line, each, lang) for each in came[:_CAME_SHOWN]],
            "came_count": len(came),
        }

    async def _leaving(self, args: Arguments) -> Json:
        line, form = self._desk.line(args), args.text("form", "")
        args.done()
        charter = line.charter
        return {
            "line": line.id.hex(),
            "name": charter.name,
            "party": line.party,
            "realm": line.realm,
            "speaks": line.member and not line.observes,
            "parties": [party.code for party in charter.parties],
            "others": [code for code in charter.voices() if code != line.party],
            "standing": form in charter.release.standing,
            "precedences": [
                {
                    "precedence": one.name,
                    "acknowledge_ms": charter.clock_ms(one, Rung.ACKNOWLEDGED),
                    "two": charter.four_eyes(one, form),
                    "by_authority": one in charter.release.four_eyes
                    and not charter.four_eyes(one, form),
                }
                for one in sorted(Precedence, reverse=True)
            ],
        }


def _came_since(line: Line, at_ms: int) -> Iterator[bytes]:
    """What others have said on a line since a moment, newest first; so far back as it looks."""
    for item in islice(reversed(line.record.order), _LOOKED_AT):
        ours = item.statement.place.station == line.own
        if item.admitted_ms >= at_ms and not ours and item.statement.content.kind in _WORDS:
            yield item.statement.digest


def _rank(line: Line, digest: bytes) -> int:
    item = line.item(digest)
    return -1 if item is None else int(item.statement.content.precedence)
