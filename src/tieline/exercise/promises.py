"""Whether the promises were kept, from what the desks were shown and what the stations hold.

Nothing here believes a station's own count. Delivered and lost are counted over every statement
that its author's desk showed and every other station of the line; duplicates and order come from
the watch streams (``board``); forged statements are looked for by their digests and by their words.
The one thing taken from the stations is the audit, in which each recomputes every log, signature
and receipt from its store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tieline.core.errors import LocalError
from tieline.exercise.answer import Entry, Json
from tieline.exercise.board import Board, Shown, read_shown
from tieline.exercise.control import Played
from tieline.exercise.evidence import Evidence
from tieline.exercise.owed import Owed, counts, differences
from tieline.exercise.record import content
from tieline.exercise.scenario import Forge, Scenario

NOTHING_WRONG: Final = Evidence()


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one station answered when all was over."""

    party: str
    held: tuple[Shown, ...]
    items: list[Json]
    content: list[Json]
    heads: Mapping[str, tuple[int, str]]  # log -> size, root
    problems: tuple[str, ...]

    @property
    def verified(self) -> bool:
        main = sum(1 for shown in self.held if not shown.second_story)
        return not self.problems and sum(size for size, _ in self.heads.values()) == main

    @property
    def forked(self) -> set[str]:
        """The logs of which this station holds two stories."""
        return {shown.log for shown in self.held if shown.second_story}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The outcome of an exercise. ``promises_broken`` is empty when everything held."""

    scenario: str
    stations: int
    statements: int
    delivered: int
    lost: int
    duplicates: int
    order_violations: int
    forged_tried: int
    forged_accepted: int
    stories_told: int
    stories_proved: int
    verified: bool
    logs_verified: int
    alarms: dict[str, int]  # by code
    evidence_statements: int
    evidence_verified: bool
    restarts: int
    fresh_logs: int
    seconds: float
    obligations: dict[str, int]  # by state
    joint_signed: int  # joint statements that all named parties have signed
    joint_bound: int  # those of them that bind, as each station that holds them shows
    promises_broken: tuple[str, ...]

    def as_json(self) -> dict[str, Json]:
        out: dict[str, Json] = {}
        for name in self.__slots__:
            value = getattr(self, name)
            out[name] = list(value) if isinstance(value, tuple) else value
        return out


def read_holding(party: str, log: Entry, audit: Entry) -> Holding:
    """A station's answers to ``log`` and ``audit``. Raises ``LocalError`` when malformed.

    A log with a gap is no malformed answer but a broken promise, and is told as one.
    """
    entries = list(log.entries("items"))
    heads = {
        head.text("log"): (head.number("size"), head.text("root")) for head in audit.entries("logs")
    }
    problems = audit.texts("problems")
    story: list[Json] = []
    try:
        story = content(entries)
    except LocalError as error:
        problems = (*problems, error.message)
    if not audit.flag("ok") and not problems:
        problems = ("the audit failed without saying why",)
    return Holding(
        party=party,
        held=tuple(read_shown(entry) for entry in entries),
        items=[entry.raw for entry in entries],
        content=story,
        heads=heads,
        problems=problems,
    )


def summarise(
    scenario: Scenario,
    board: Board,
    played: Played,
    holdings: Mapping[str, Holding],
    *,
    restarts: int,
    seconds: float,
    evidence: Evidence = NOTHING_WRONG,
    owed: Owed | None = None,
) -> Summary:
    """Count, and say of each promise that was broken how."""
    codes = scenario.codes
    released = {
        item: shown
        for item, shown in board.statements.items()
        if item in board.desks[shown.party].shown
    }
    held = {code: {shown.item for shown in holdings[code].held} for code in codes}
    delivered, lost = _delivered(board, codes, released, held)
    duplicates = _duplicates(board, held, holdings)
    disorder = [text for desk in board.desks.values() for text in desk.disorder]
    forged = _forged(scenario, board, released, held, played)
    broken = [
        *played.trouble,
        *(f"lost: {text}" for text in lost),
        *(f"duplicate: {text}" for text in duplicates),
        *(f"order: {text}" for text in disorder),
        *(f"forged: {text}" for text in forged),
        *_unequal(codes, holdings),
        *_unproved(board, released, held, played),
        *_unscripted(board, played),
        *(f"agreements: {text}" for text in (*played.unowed, *differences(owed or {}))),
        *(f"evidence: {text}" for text in evidence.problems),
    ]
    return Summary(
        scenario=scenario.id,
        stations=len(codes),
        statements=len(released),
        delivered=delivered,
        lost=len(lost),
        duplicates=len(duplicates),
        order_violations=len(disorder),
        forged_tried=len(played.attacks),
        forged_accepted=len(forged),
        stories_told=len(played.stories),
        stories_proved=sum(len(desk.proved) for desk in board.desks.values()),
        verified=all(holding.verified for holding in holdings.values()),
        logs_verified=sum(len(holdings[code].heads) for code in codes if holdings[code].verified),
        alarms=_alarms(board),
        evidence_statements=evidence.statements,
        evidence_verified=not evidence.problems,
        restarts=restarts,
        fresh_logs=_fresh_logs(released),
        seconds=round(seconds, 2),
        obligations=counts(owed or {}),
        joint_signed=len(joint := _joint(holdings)),
        joint_bound=sum(joint.values()),
        promises_broken=tuple(broken),
    )


def _joint(holdings: Mapping[str, Holding]) -> dict[str, bool]:
    """The joint statements that all parties signed, and whether they bind at every station.

    At a station a text binds when the logs it holds show that each party wrote after it had read
    all signatures.
    """
    out: dict[str, bool] = {}
    for holding in holdings.values():
        for shown in holding.held:
            view = shown.view
            if shown.kind != "joint" or "assented" not in view.raw:
                continue
            if set(shown.parties) <= set(view.texts("assented")):
                out[shown.item] = out.get(shown.item, True) and view.flag("effective")
    return out


def _alarms(board: Board) -> dict[str, int]:
    rang: Counter[str] = Counter()
    for desk in board.desks.values():
        rang.update(desk.alarms)
    return dict(sorted(rang.items()))


def _fresh_logs(released: Mapping[str, Shown]) -> int:
    """How many logs were opened beside the first one of each station."""
    logs = {(shown.station, shown.log) for shown in released.values()}
    return len(logs) - len({station for station, _ in logs})


def _duplicates(
    board: Board, held: Mapping[str, set[str]], holdings: Mapping[str, Holding]
) -> list[str]:
    """What was shown twice, or is held twice."""
    shown = [text for desk in board.desks.values() for text in desk.duplicates]
    twice = [code for code, items in held.items() if len(items) != len(holdings[code].held)]
    return [*shown, *(f"{code} holds a statement twice" for code in twice)]


def _delivered(
    board: Board,
    codes: tuple[str, ...],
    released: Mapping[str, Shown],
    held: Mapping[str, set[str]],
) -> tuple[int, list[str]]:
    """How many statements are held and were shown where they should be, and which are not."""
    delivered, lost = 0, []
    for item, shown in released.items():
        for code in codes:
            if code == shown.party:
                continue
            if item in board.desks[code].shown and item in held[code]:
                delivered += 1
            else:
                lost.append(f"{shown.name} is not at {code}")
    return delivered, lost


def _unequal(codes: tuple[str, ...], holdings: Mapping[str, Holding]) -> list[str]:
    """What the audits found, and whether all stations hold the same logs."""
    found: list[str] = []
    forked: set[str] = set().union(*(holding.forked for holding in holdings.values()))
    for code in codes:
        problems = holdings[code].problems
        found.extend(f"{code} does not verify: {text}" for text in problems)
        if not problems and not holdings[code].verified:
            found.append(f"{code} shows other statements than its audit counts")
        if _whole_logs(holdings[code], forked) != _whole_logs(holdings[codes[0]], forked):
            found.append(f"{code} and {codes[0]} hold different logs")
    return found


def _whole_logs(holding: Holding, forked: set[str]) -> dict[str, tuple[int, str]]:
    """The heads of all logs but those that tell two stories: there each has its first one."""
    return {log: head for log, head in holding.heads.items() if log not in forked}


def _unproved(
    board: Board, released: Mapping[str, Shown], held: Mapping[str, set[str]], played: Played
) -> list[str]:
    """Two stories that a station does not hold, or that never rang at its desk."""
    found: list[str] = []
    for first, other in played.stories:
        teller = released[first].party if first in released else ""
        for code, items in held.items():
            if not {first, other} <= items:
                found.append(f"{code} does not hold both stories of {teller}")
            elif teller not in board.desks[code].proved:
                found.append(f"{code} holds both stories of {teller}, and no alarm said so")
    return found


def _unscripted(board: Board, played: Played) -> list[str]:
    """Second stories that the script did not tell, and parties called liars that told one only."""
    told = [board.statements[first] for first, _ in played.stories if first in board.statements]
    logs, liars = {shown.log for shown in told}, {shown.party for shown in told}
    found: list[str] = []
    for code, desk in board.desks.items():
        found.extend(
            f"{code} shows a second story of {board.authors.get(log, '?')}, which it did not tell"
            for log in sorted(desk.forked - logs)
        )
        found.extend(
            f"{code} says that {party} told two stories, which it did not"
            for party in sorted(desk.proved - liars)
        )
    return found


def _forged(
    scenario: Scenario,
    board: Board,
    released: Mapping[str, Shown],
    held: Mapping[str, set[str]],
    played: Played,
) -> list[str]:
    """Whatever is at a station, or came up at a desk, though its author never said it."""
    found = [f"{attack.way}: {attack.said}" for attack in played.attacks if not attack.refused]
    words = {event.act.text.strip() for event in scenario.events if isinstance(event.act, Forge)}
    for code, items in held.items():
        found.extend(
            f"{code} holds {item[:12]}, which its author never released"
            for item in sorted(items - released.keys())
        )
    for item, shown in board.statements.items():
        if item not in released or shown.view.text("text", "") in words:
            found.append(f"{shown.name} came up at a desk, and its author never released it")
    return found
