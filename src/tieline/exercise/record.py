"""What a station holds at the end, and its content with everything taken away that chance decides.

Keys, identifiers, signatures, hashes and times differ between two runs of one exercise; who said
what, in which order, on what, and who read it, must not. ``content`` is that second part: it names
statements by author and number. Two runs, or two stations, tell the same story exactly when their
contents are equal.

Left out on purpose: how often a carrier was tried and what it said (that is the network's story),
that a station opened a fresh log when it was started again (chance says whether a peer answered it
before it had to speak: what it says then is the same),
and the order among silences that a station noted in one and the same moment (they have none).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from tieline.core.errors import LocalError
from tieline.exercise.answer import Entry, Json
from tieline.exercise.board import Shown, read_shown

_WORDS: Final = ("text", "lang", "unit", "cause", "staffed", "slot", "about_party", "rung", "form")
_SILENCE: Final = "silence"
_OPEN: Final = "open"


def content(entries: Iterable[Entry]) -> list[Json]:
    """The statements that a station holds, by author and number, without what chance decides.

    Raises ``LocalError`` (``exercise.answer``) when a log has a gap.
    """
    displayed = [read_shown(entry) for entry in entries]
    logs: dict[str, int] = {}
    for statement in displayed:
        logs.setdefault(statement.log, len(logs))
    shown = sorted(displayed, key=lambda one: (one.party, logs[one.log], one.position))
    for before, after in pairwise(shown):
        # A log that tells two stories has two statements under one number, and goes on twice.
        forked = after.second_story or before.second_story
        if after.log == before.log and not forked and after.position != before.position + 1:
            raise LocalError("exercise.answer", f"{after.name} does not follow on {before.name}")
    ordered = _without_chance_order(_one_log_each(shown))
    names = {statement.item: _name(statement, n) for n, statement in _numbered(ordered)}
    return [_one(statement, names) for statement in ordered]


def _one_log_each(shown: list[Shown]) -> list[Shown]:
    """A station that is started again may open a fresh log. What it says goes on all the same."""
    begun: set[str] = set()
    out: list[Shown] = []
    for statement in shown:
        again = statement.kind == _OPEN and statement.station in begun
        begun.add(statement.station)
        if not again:
            out.append(statement)
    return out


def _numbered(ordered: list[Shown]) -> list[tuple[int, Shown]]:
    counts: dict[str, int] = {}
    out: list[tuple[int, Shown]] = []
    for statement in ordered:
        counts[statement.party] = counts.get(statement.party, -1) + 1
        out.append((counts[statement.party], statement))
    return out


def _name(shown: Shown, number: int) -> str:
    return f"{shown.party}-{number}"


def _without_chance_order(shown: list[Shown]) -> list[Shown]:
    """Silences noted by one station in one moment stand in the order of what they say."""
    by_item = {statement.item: statement for statement in shown}

    def rank(statement: Shown) -> tuple[str, str, int, str, str, str]:
        target = by_item.get(statement.target)
        return (
            statement.view.text("about_party", ""),
            target.party if target is not None else "",
            target.position if target is not None else -1,
            statement.view.text("rung", ""),
            statement.view.text("form", ""),
            statement.item,
        )

    out: list[Shown] = []
    run: list[Shown] = []
    for statement in shown:
        same = run and (run[0].log, run[0].claimed_ms) == (statement.log, statement.claimed_ms)
        if run and not (same and statement.kind == _SILENCE):
            out.extend(sorted(run, key=rank))
            run = []
        if statement.kind == _SILENCE:
            run.append(statement)
        else:
            out.append(statement)
    out.extend(sorted(run, key=rank))
    return out


def _one(shown: Shown, names: dict[str, str]) -> Json:
    view = shown.view
    out: dict[str, Json] = {
        "name": names[shown.item],
        "party": shown.party,
        "kind": shown.kind,
        "precedence": shown.precedence,
        "to": list(shown.to),
        "wants": list(shown.wants),
        "refs": [[role, names.get(item, "?")] for item, role in shown.refs],
    }
    for word in (*_WORDS, "fields", "parties"):
        if word in view.raw and not (word == "cause" and shown.kind == _SILENCE):
            out[word] = view.raw[word]
    if "crossed" in view.raw:
        crossed: list[Json] = []
        crossed.extend(sorted(names.get(item, "?") for item in view.texts("crossed")))
        out["crossed"] = crossed
    ladder: dict[str, Json] = {}
    for party in sorted(view.entry("ladder").raw):
        rungs = set(view.entry("ladder").entry(party).raw)
        # What was received was handed over, also when our process died before it could note so.
        if "received" in rungs:
            rungs.add("handed over")
        reached: list[Json] = []
        reached.extend(sorted(rungs - {"unit"}))
        ladder[party] = reached
    if ladder:
        out["ladder"] = ladder
    if "assented" in view.raw:
        assented: list[Json] = []
        assented.extend(view.texts("assented"))
        out["assented"] = assented
        out["effective"] = view.flag("effective")
    return out
