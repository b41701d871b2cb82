"""What a desk says about the agreements at a moment of the script, held against the script.

Theory. A script does not only speak; it says what must follow: that a reply is overdue, that a
quota is used up, that a window has ended. Control asks one station, as its officer would with
``tieline obligations``, ``explain`` and ``quota``, shows the answer in that desk's language with
the paragraph and its doubt, and notes where it is otherwise than the script says.

Nothing here computes what is owed: that is the station's answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tieline.core.terms import dtg
from tieline.exercise import scenario as world
from tieline.exercise.answer import Entry, Json
from tieline.exercise.owed import latest

Ask = Callable[[str, Mapping[str, Json]], Awaitable[Entry]]
_HOURS_MS: Final = 72 * 3_600_000  # up to here clocks are named in hours
_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"))


@dataclass(frozen=True, slots=True)
class Reason:
    """One fact behind an answer: in words, its value, the statement and parties it is about."""

    said: str
    value: str
    item: str = ""
    parties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a desk said. ``fault`` is empty when it is what the script says.

    ``holder``: who owes, or whose quota or message it is; ``due``: by when, in words;
    ``mark``: paragraph and provenance of the rule.
    """

    title: str
    holder: str = ""
    state: str = ""
    said: str = ""
    due: str = ""
    mark: str = ""
    caution: str = ""
    reasons: tuple[Reason, ...] = ()
    fault: str = ""


async def look(act: world.Look, about: str, ask: Ask) -> Looked:
    """Ask a desk. ``about``: the item of the label that the act names, or empty.

    Raises the station's refusal, and ``LocalError`` (``exercise.answer``).
    """
    match act:
        case world.Owed():
            return await _owed(act, about, ask)
        case world.Quota():
            return await _quota(act, ask)
        case world.Holds():
            return await _holds(act, about, ask)
        case world.Margin():
            return await _margin(act, about, ask)


async def _owed(act: world.Owed, about: str, ask: Ask) -> Looked:
    found = [
        one
        for one in (await ask("obligations", {})).entries("obligations")
        if _rule(one) == act.rule
        and one.text("debtor") == act.debtor
        and about in ("", one.text("trigger"))
    ]
    if len(found) != 1:
        return _none(act.rule, f"{act.party} shows {len(found)} obligations {act.rule} of"
                     f" {act.debtor}, not one")  # fmt: skip
    why = await ask("explain", {"obligation": found[0].text("id")})
    state, due_ms = why.text("ours"), latest(why)
    fault = ""
    if state != act.state:
        fault = f"{act.rule} of {act.debtor} is {state} at {act.party}, not {act.state}"
    elif act.due_ms is not None and due_ms != act.due_ms:
        shown = "never" if due_ms is None else dtg(due_ms)
        fault = f"{act.rule} of {act.debtor} is due {shown} at {act.party}, not {dtg(act.due_ms)}"
    return Looked(
        title=why.text("title"),
        holder=act.debtor,
        state=state,
        said=why.text("said"),
        due="" if due_ms is None else dtg(due_ms),
        reasons=tuple(_reasons(why.entries("inputs"))),
        fault=fault,
        mark=_mark(why),
        caution=why.text("caution", ""),
    )


async def _quota(act: world.Quota, ask: Ask) -> Looked:
    found = [
        one
        for one in (await ask("quotas", {"party": act.holder})).entries("quotas")
        if _rule(one) == act.rule and one.text("party") == act.holder
    ]
    if len(found) != 1:
        return _none(act.rule, f"{act.party} shows {len(found)} quotas {act.rule} of"
                     f" {act.holder}, not one")  # fmt: skip
    one = found[0]
    used, left = one.number("used"), one.raw.get("left")
    over = one.texts("over")
    wrong = [
        f"{name} {shown}, not {wanted}"
        for name, shown, wanted in (
            ("used", used, act.used), ("left", left, act.left), ("over", list(over),
             None if act.over is None else list(act.over)),
        )
        if wanted is not None and shown != wanted
    ]  # fmt: skip
    limit = one.raw.get("limit")
    return Looked(
        title=one.text("title"),
        holder=act.holder,
        state="exceeded" if over else "within",
        said=f"{used}" if limit is None else f"{used} / {limit}",
        reasons=tuple(_reasons(one.entries("inputs"))),
        fault=f"{act.rule} of {act.holder} at {act.party}: {'; '.join(wrong)}" if wrong else "",
        mark=_mark(one),
        caution=one.text("caution", ""),
    )


async def _holds(act: world.Holds, about: str, ask: Ask) -> Looked:
    found = [
        one
        for one in (await ask("validities", {"held": False})).entries("validities")
        if about in (one.text("item"), one.text("current")) and act.rule in ("", _rule(one))
    ]
    if len(found) != 1:
        return _none(act.rule or act.about, f"{act.party} shows {len(found)} windows of"
                     f" {act.about!r}, not one")  # fmt: skip
    one = found[0]
    until = one.raw.get("until_ms")
    fault = ""
    if one.text("state") != act.state:
        fault = f"{act.about!r} is {one.text('state')} at {act.party}, not {act.state}"
    elif act.until_ms is not None and until != act.until_ms:
        shown = dtg(until) if isinstance(until, int) else "without end"
        fault = f"{act.about!r} holds until {shown} at {act.party}, not {dtg(act.until_ms)}"
    return Looked(
        title=one.text("title"),
        holder=one.text("sender"),
        state=one.text("state"),
        said=one.text("said"),
        due=dtg(until) if isinstance(until, int) else "",
        reasons=tuple(_reasons(one.entries("inputs"))),
        fault=fault,
        mark=_mark(one),
        caution=one.text("caution", ""),
    )


async def _margin(act: world.Margin, about: str, ask: Ask) -> Looked:
    shown = await ask("item_form", {"item": about})
    found = [one for one in shown.entries("thresholds") if act.rule in ("", _rule(one))]
    if len(found) != 1:
        return _none(act.rule or act.about, f"{act.party} shows {len(found)} thresholds of"
                     f" {act.about!r}, not one")  # fmt: skip
    one = found[0]
    crossing = one.text("crossing")
    margins = [*one.entries("any_of"), *one.entries("all_of")]
    return Looked(
        title=one.text("title"),
        state=crossing,
        said=one.text("label"),
        reasons=tuple(
            Reason(each.text("path"), f"{_figure(each, 'value')} / {_figure(each, 'at_least')}"
                   f" ({_figure(each, 'margin', sign='+')})")
            for each in margins
            if each.raw.get("value") is not None
        ),
        fault=""
        if crossing == act.crossing
        else f"{act.about!r} is {crossing} for {_rule(one)} at {act.party}, not {act.crossing}",
        mark=_mark(one),
        caution=one.text("caution", ""),
    )  # fmt: skip


def _none(title: str, fault: str) -> Looked:
    return Looked(title=title, fault=fault)


def _rule(one: Entry) -> str:
    return f"{one.text('pack')}/{one.text('rule')}"


def _mark(one: Entry) -> str:
    """Paragraph and provenance in one."""
    paragraph, provenance = one.text("paragraph"), one.text("provenance")
    return f"§ {paragraph}, {provenance}" if paragraph else provenance


def _figure(one: Entry, key: str, *, sign: str = "") -> str:
    value = one.raw.get(key)
    return f"{value:{sign},}".replace(",", " ") if isinstance(value, int) else "?"


def _reasons(inputs: Iterable[Entry]) -> list[Reason]:
    """The facts behind an answer; what is the same for several parties stands once."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for said, value, item, party in _facts(inputs):
        parties = found.setdefault((said, value, item), [])
        if party and party not in parties:
            parties.append(party)
    return [Reason(*fact, tuple(parties)) for fact, parties in found.items()]


def _known(facts: list[Entry]) -> set[str]:
    """Names of facts that need no words: one end of a bracket of one moment, and both of the limit.

    The limit stands in the head of the row.
    """
    values = {one.text("name"): one.raw.get("value") for one in facts}
    known: set[str] = set()
    for name, value in values.items():
        stem, dash, end = name.rpartition("-")
        if dash and end == "earliest" and values.get(f"{stem}-latest") == value:
            known.add(name)
            if stem == "due":
                known.add("due-latest")
    return known


def _facts(inputs: Iterable[Entry]) -> Iterable[tuple[str, str, str, str]]:
    facts = list(inputs)
    known = _known(facts)
    for one in facts:
        value, kind = one.raw.get("value"), one.text("kind")
        if value is None or one.text("name") in known:
            continue
        if kind == "message":
            yield one.text("said"), "", str(value), ""
            continue
        if kind == "duration" and not value:
            continue
        shown = str(value)
        if isinstance(value, int) and kind == "time":
            shown = dtg(value)[:7]
        elif isinstance(value, int) and kind == "date":
            shown = dtg(value * 86_400_000)[:2] + dtg(value * 86_400_000)[7:]
        elif isinstance(value, int) and kind == "duration":
            shown = _span(value)
        yield one.text("said"), shown, one.text("item", ""), one.text("party", "")


def _span(value_ms: int) -> str:
    if value_ms <= _HOURS_MS and value_ms % 3_600_000 == 0:
        return f"{value_ms // 3_600_000} h"
    for size, unit in _UNITS:
        if value_ms % size == 0:
            return f"{value_ms // size} {unit}"
    return f"{value_ms} ms"
