"""All that the report of an incident says, as one JSON object: the desk makes pages of it.

It holds what the acts ``incident`` and ``incident_timeline`` say, every message in full, the places
that the parties named, how far each log of the line is signed and witnessed, and the figures by
which two incidents are compared. Its form has a number, and no name in it changes its meaning.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Protocol

from tieline.core.agreement.reason import State
from tieline.core.incident.entry import Entry
from tieline.core.incident.figures import Facts, figures, first_words, start_of
from tieline.core.incident.look import WHOLE, View
from tieline.core.incident.signing import Chain
from tieline.core.joints import Known, chain_of
from tieline.core.line import Line
from tieline.core.record import Item
from tieline.node.agreements import Agreements
from tieline.node.arguments import Arguments
from tieline.node.incidents import Incidents
from tieline.node.incidentscore import rungs_of
from tieline.node.jointview import chain_view
from tieline.node.notesview import notes_view
from tieline.node.slices import Slices
from tieline.node.view import Json, item_view, station_name

Act_ = Callable[[Arguments], Awaitable[Json]]
FORM: Final = 1  # of the JSON object


class Desk(Protocol):
    """What this act needs of the others."""

    def line(self, args: Arguments) -> Line: ...

    def now_ms(self) -> int: ...

    def seq(self, digest: bytes) -> int: ...

    def told(self, line: Line, item: Item, lang: str = "") -> dict[str, Json]: ...


class ReportActs:
    """The act that gives the report of an incident, of what the acts for its parts say."""

    def __init__(
        self, desk: Desk, agreements: Agreements, incidents: Incidents, shown: Act_, lanes: Act_
    ) -> None:
        self._desk = desk
        self._agreements = agreements
        self._incidents = incidents
        self._shown = shown
        self._lanes = lanes
        self.acts: Mapping[str, Act_] = {"incident_report": self._report}

    async def _report(self, args: Arguments) -> Json:
        line, wanted = self._desk.line(args), args.text("incident")
        lang = args.text("language", self._agreements.language)
        args.done()
        asked: dict[str, Json] = {"incident": wanted, "line": line.id.hex(), "language": lang}
        asked["all"] = True
        shown = _object(await self._shown(Arguments("incident", asked)))
        lanes = _object(await self._lanes(Arguments("incident", asked)))
        book = await self._incidents.book(line)
        id_ = bytes.fromhex(str(shown["incident"]))
        now_ms = self._desk.now_ms()
        view = book.view(id_, now_ms, dues=_dues(shown), most=WHOLE)
        over_ms, counted = self._agreements.over_ms(line), view
        if over_ms is not None and view.head.opener.time_ms <= over_ms:
            part = await self._incidents.until(line, over_ms)
            counted = part.view(id_, over_ms, dues=_dues(shown), most=WHOLE)
        shown["joints"] = [
            {**chain_view(chain, line.party), "bound_ms": _bound_ms(line, chain)}
            for chain in _chains(line, book.texts(id_))
        ]
        return {
            "report": FORM,
            "language": lang,
            "made_ms": now_ms,
            "party": line.party,
            "station": station_name(line, line.own),
            "line": {
                "id": line.id.hex(),
                "name": line.charter.name,
                "charter": line.latest(),
                "exercise": line.realm,
                "parties": [{"code": one.code, "name": one.name} for one in line.charter.parties],
            },
            "incident": shown,
            "timeline": {name: lanes[name] for name in ("happened", "learned")},
            "statements": await self._statements(line, view, lang),
            "places": shown.pop("places"),
            "heads": notes_view(line),
            "figures": _figures(line, counted, shown, lanes, over_ms),
        }

    async def _statements(self, line: Line, view: View, lang: str) -> list[Json]:
        """Every statement in full, forms in words."""
        out: list[Json] = []
        slices = Slices()
        for row in view.rows:
            await slices.turn()
            item = line.item(row.entry.digest)
            if item is None:
                continue
            seq = self._desk.seq(item.statement.digest)
            said = item_view(line, item, seq) | self._desk.told(line, item, lang)
            out.append({name: said[name] for name in _KEPT if name in said})
        return out


_KEPT: Final = (
    "item", "seq", "party", "station", "to", "kind", "claimed_ms", "precedence", "role", "text",
    "lang", "told", "unit", "parties", "effective_ms", "reserve", "through", "second_story", "log",
    "position", "assented",
)  # fmt: skip


def _figures(
    line: Line,
    view: View,
    shown: Mapping[str, Json],
    lanes: Mapping[str, Json],
    over_ms: int | None,
) -> dict[str, Json]:
    known = {one.value: one for one in State}
    clocks = [str(one["state"]) for one in _objects(shown, "clocks")]
    found = figures(
        view,
        Facts(
            reached=lambda entry: rungs_of(line, entry, over_ms),
            deadlines=tuple(known[state] for state in clocks if state in known),
            crossed=_crossed(lanes),
            bound_ms=_bound(shown),
        ),
    )
    start, occurred = start_of(view)
    words: dict[str, Json] = {party: at - start for party, at in first_words(view).items()}
    return {
        "start_ms": start,
        "start": "occurred" if occurred else "opened",
        "state": str(view.head.closure.state),
        "first_words": words,
        **found,
    }


def _crossed(lanes: Mapping[str, Json]) -> int:
    """Pairs of messages that crossed; each stands in the lane of both."""
    learned = _objects(lanes, "learned")
    both = (len(crossed) for one in learned if isinstance(crossed := one.get("crossed"), list))
    return sum(both) // 2


def _chains(line: Line, texts: Iterable[Entry]) -> list[Chain]:
    """The joint statements of which a version or a signature is in the incident."""
    found: dict[bytes, Chain] = {}
    for entry in texts:
        chain = chain_of(line, entry.digest)
        if chain is not None:
            found.setdefault(chain.root, chain)
    return [*found.values()]


def _bound_ms(line: Line, chain: Chain) -> int | None:
    """When the last party's log showed that it had read every signature; None: nothing binds."""
    if chain.binding is None:
        return None
    known = Known(line)
    signed = [one.by for one in chain.binding.signed]
    read = [known.read_at(one.log, each) for one in signed for each in signed if each is not one]
    times = [one[1] for one in read if one is not None]
    return max(times) if times and len(times) == len(read) else None


def _bound(shown: Mapping[str, Json]) -> int | None:
    """When the first joint statement of the incident bound."""
    times = [
        at
        for one in _objects(shown, "joints")
        if isinstance(at := one.get("bound_ms"), int) and not isinstance(at, bool)
    ]
    return min(times, default=None)


def _dues(shown: Mapping[str, Json]) -> dict[tuple[bytes, str], int]:
    """When the answers were due, as the act ``incident`` found it."""
    return {
        (bytes.fromhex(str(one["item"])), str(one["of"])): due
        for one in _objects(shown, "questions")
        if isinstance(due := one.get("due_ms"), int)
    }


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _objects(view: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    value = view.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
