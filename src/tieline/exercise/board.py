"""What the stations showed, counted by somebody who is none of them.

The board reads the watch stream of every station, as an officer's desk would, and keeps its own
account: which statement came up where and how often, and whether anything came up before what it
builds on. It asks no station how well it did. Whether all promises were kept is computed from here
(``promises``), not from what stations say of themselves.

Rules: a statement shown twice at one desk is a duplicate; one shown before its predecessor in its
log, or before a statement it cites, is a violation of order.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tieline.exercise.answer import Entry, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A statement as a desk showed it."""

    item: str
    log: str
    position: int
    station: str
    party: str
    kind: str
    precedence: str
    claimed_ms: int
    to: tuple[str, ...]
    wants: tuple[str, ...]
    parties: tuple[str, ...]
    refs: tuple[tuple[str, str], ...]
    second_story: bool
    view: Entry

    @property
    def name(self) -> str:
        """The short name people use: the author and the number in the author's log."""
        return f"{self.party}-{self.position}"

    @property
    def target(self) -> str:
        """The statement that an answer answers, or empty."""
        return self.refs[0][0] if self.refs else ""


def read_shown(entry: Entry) -> Shown:
    """A statement event or a log entry. Raises ``LocalError`` when it is not one."""
    return Shown(
        item=entry.text("item"),
        log=entry.text("log"),
        position=entry.number("position"),
        station=entry.text("station_id"),
        party=entry.text("party"),
        kind=entry.text("kind"),
        precedence=entry.text("precedence"),
        claimed_ms=entry.number("claimed_ms"),
        to=entry.texts("to"),
        wants=entry.texts("wants"),
        parties=entry.texts("parties"),
        refs=tuple((ref.text("item"), ref.text("role")) for ref in entry.entries("refs")),
        second_story=entry.flag("second_story"),
        view=entry,
    )


@dataclass(slots=True)
class Desk:
    """What one station has shown so far."""

    party: str
    last_seq: int = 0
    shown: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    covered: dict[tuple[str, str], int] = field(default_factory=dict)
    duplicates: list[str] = field(default_factory=list)
    disorder: list[str] = field(default_factory=list)
    alarms: Counter[str] = field(default_factory=Counter)  # by code
    refused: list[str] = field(default_factory=list)
    states: dict[str, tuple[str, str]] = field(default_factory=dict)
    second_stories: list[str] = field(default_factory=list)
    forked: set[str] = field(default_factory=set)  # logs that tell two stories here
    proved: set[str] = field(default_factory=set)  # parties whose two stories rang here


class Board:
    """The desks of all stations, and every statement that any of them has shown."""

    def __init__(self, codes: Iterable[str]) -> None:
        self.desks = {code: Desk(code) for code in codes}
        self.statements: dict[str, Shown] = {}
        self.authors: dict[str, str] = {}  # log -> party
        self.stations: dict[str, str] = {}  # station id -> party
        # Answers by party, for ladders on the screen: item -> party -> rungs reached.
        self.rungs: dict[str, dict[str, set[str]]] = {}
        # Forms as each desk reads them: item -> party -> words in the language of that desk.
        self.told: dict[str, dict[str, Entry]] = {}
        self.news: list[tuple[str, Shown]] = []
        self.pulse = asyncio.Event()
        self.listener: Callable[[str, Entry], None] | None = None

    def take(self, party: str, value: Json) -> None:
        """One event of one station's watch stream."""
        entry = Entry(value, f"an event of {party}")
        desk = self.desks[party]
        seq = entry.number("seq", 0)
        kind = entry.text("type")
        if kind == "live":
            return
        if seq <= desk.last_seq:
            desk.duplicates.append(f"{party} was shown journal entry {seq} twice")
        desk.last_seq = max(desk.last_seq, seq)
        match kind:
            case "statement":
                self._statement(desk, read_shown(entry))
            case "receipt":
                key = (entry.text("log"), entry.text("party"))
                desk.covered[key] = max(desk.covered.get(key, 0), entry.number("size"))
                for item in entry.texts("items"):
                    self.note_rung(item, entry.text("party"), "received")
            case "handed-over":
                for item in entry.texts("items"):
                    self.note_rung(item, entry.text("party"), "handed over")
            case "alarm":
                desk.alarms[entry.text("code")] += 1
                if entry.text("code") == "record.two_stories":
                    desk.proved.add(entry.text("party", ""))
            case "refused":
                desk.refused.append(entry.text("code"))
            case "state":
                desk.states[entry.text("party")] = (entry.text("state"), entry.text("cause", ""))
            case _:
                pass
        if self.listener is not None:
            self.listener(party, entry)
        self.pulse.set()

    def _statement(self, desk: Desk, shown: Shown) -> None:
        if shown.item in desk.shown:
            desk.duplicates.append(f"{desk.party} was shown {shown.name} twice")
            return
        if shown.second_story:
            desk.second_stories.append(shown.name)
            desk.forked.add(shown.log)
        else:
            before = desk.sizes.get(shown.log, 0)
            if shown.position != before:
                desk.disorder.append(
                    f"{desk.party} was shown {shown.name} after {before} statements of its log"
                )
            desk.sizes[shown.log] = max(before, shown.position + 1)
        for cited, _ in shown.refs:
            if cited not in desk.shown:
                desk.disorder.append(f"{desk.party} was shown {shown.name} before what it cites")
        desk.shown[shown.item] = len(desk.shown)
        if "told" in shown.view.raw:
            self.told.setdefault(shown.item, {})[desk.party] = shown.view.entry("told")
        first = shown.item not in self.statements
        if first:
            self.statements[shown.item] = shown
            self.authors[shown.log] = shown.party
            self.stations[shown.station] = shown.party
        self._climb(shown)
        self.news.append((desk.party, shown))

    def _climb(self, shown: Shown) -> None:
        rung = {
            "acknowledge": "acknowledged",
            "read back": "read back",
            "pass on": "passed on",
            "assent": "assented",
        }.get(shown.kind)
        if rung is not None and shown.target:
            self.note_rung(shown.target, shown.party, rung)

    def note_rung(self, item: str, party: str, rung: str) -> None:
        """Remember that a party stands on a rung of a statement."""
        self.rungs.setdefault(item, {}).setdefault(party, set()).add(rung)

    def take_news(self) -> list[tuple[str, Shown]]:
        """What has come up at the desks since the last time, per desk in its order."""
        news, self.news = self.news, []
        return news

    def cited_name(self, item: str) -> str:
        """The short name of a statement that some desk has shown; the start of its digest else."""
        shown = self.statements.get(item)
        return shown.name if shown is not None else item[:8]
