"""How an exercise went for each party, from the record and the agreements' ledger only.

Theory. A score is no opinion: it counts and times what is signed. When a party first said
something, and first something of the facts; how long messages to it waited to be read, and to be
read back where that was asked; which questions it was asked and which it answered; what it owed
under the agreements and in which state that is; how often it corrected itself, which is good. What
came after ENDEX is not counted. Any station's record gives the same score when it holds the same
statements, and so does a record of a real station in an exercise over a network.

Forms are known by their marks (``core.agreement.meaning``), never by name. Times are ms, of the
authors' own clocks; a reading is timed by the reader's clock against the writer's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from tieline.core.agreement.meaning import ASPECTS, Act, Means
from tieline.core.agreement.model import Field, Form, Pack
from tieline.exercise.answer import Entry, Json
from tieline.exercise.board import Shown, read_shown

_ASPECTS: Final = frozenset(ASPECTS)
_CHANGES: Final = frozenset({"corrects", "supersedes", "cancels"})
_FACTS: Final = frozenset({Act.OPEN, Act.WORD, Act.ACCOUNT})
_WEEK_MS: Final = 7 * 86_400_000
STATES: Final = ("met", "late", "overdue", "open")


@dataclass(slots=True)
class Party:
    """One party's score. Spans are ms; ``None`` means that it never happened."""

    party: str
    said: int = 0
    first_word_ms: int | None = None
    first_fact_ms: int | None = None
    to_read: int = 0
    read_ms: list[int] = field(default_factory=list)
    to_understand: int = 0
    understood_ms: list[int] = field(default_factory=list)
    asked: int = 0
    answered: int = 0
    answer_ms: list[int] = field(default_factory=list)
    corrected: int = 0
    owed: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Json]:
        """Counts and spans; of many spans the median and the longest."""
        return {
            "party": self.party,
            "messages": self.said,
            "first_word_ms": self.first_word_ms,
            "first_fact_ms": self.first_fact_ms,
            "read": _spans(self.to_read, self.read_ms),
            "understood": _spans(self.to_understand, self.understood_ms),
            "questions": {**_spans(self.asked, self.answer_ms), "done": self.answered},
            "deadlines": dict(sorted(self.owed.items())),
            "corrected": self.corrected,
        }


def _spans(asked: int, spans: list[int]) -> dict[str, Json]:
    return {
        "asked": asked,
        "done": len(spans),
        "median_ms": int(median(spans)) if spans else None,
        "longest_ms": max(spans, default=None),
    }


def score(
    items: Iterable[Entry],
    debts: Iterable[tuple[str, str]],
    packs: Iterable[Pack],
    *,
    codes: Iterable[str],
    over_ms: int | None = None,
) -> dict[str, Json]:
    """The score of each of ``codes``, from a station's log and its ``debts``: debtor and state.

    First words are timed from when the event was, as the earliest message that opens an incident
    has it; where none says so, from that message, or from the first of all.

    Raises ``LocalError`` (``exercise.answer``).
    """
    forms = {pack.form_id(form): form for pack in packs for form in pack.forms.values()}
    shown = [read_shown(entry) for entry in items]
    said = [
        one
        for one in shown
        if not one.second_story and (over_ms is None or one.claimed_ms <= over_ms)
    ]
    counted = {code: Party(code) for code in codes}
    messages = [one for one in said if one.kind in ("message", "joint") and one.party in counted]
    opened = [one for one in messages if _act(one, forms) is Act.OPEN] or messages
    begin_ms = min((_begun(one, forms) for one in opened), default=None)
    for one in messages:
        _message(one, counted[one.party], forms, begin_ms or 0)
    _answers(said, counted, forms)
    for debtor, state in debts:
        if debtor in counted:
            counted[debtor].owed[state] += 1
    return {
        "begin_ms": begin_ms,
        "over_ms": over_ms,
        "parties": [party.as_json() for party in counted.values()],
    }


def _begun(one: Shown, forms: Mapping[str, Form]) -> int:
    """When the event of an opening was, if it says so and that lies within a week before it."""
    form = forms.get(one.view.text("form", ""))
    fields = one.view.entry("fields").raw
    for part in () if form is None else form.fields:
        value = fields.get(str(part.number))
        value = value[0] if isinstance(value, list) and value else value
        if part.means is Means.WHEN and isinstance(value, int):
            return min(max(value * 1000, one.claimed_ms - _WEEK_MS), one.claimed_ms)
    return one.claimed_ms


def _act(one: Shown, forms: Mapping[str, Form]) -> Act:
    form = forms.get(one.view.text("form", ""))
    return Act.NONE if form is None else form.act


def _message(one: Shown, party: Party, forms: Mapping[str, Form], begin_ms: int) -> None:
    party.said += 1
    if one.claimed_ms < begin_ms:
        party.corrected += any(role in _CHANGES for _, role in one.refs)
        return  # said before the event: no word on it
    after_ms = one.claimed_ms - begin_ms
    if party.first_word_ms is None or after_ms < party.first_word_ms:
        party.first_word_ms = after_ms
    form = forms.get(one.view.text("form", ""))
    stated = form is not None and form.act in _FACTS and _states(form, one.view)
    if stated and (party.first_fact_ms is None or after_ms < party.first_fact_ms):
        party.first_fact_ms = after_ms
    party.corrected += any(role in _CHANGES for _, role in one.refs)


def _states(form: Form, view: Entry) -> bool:
    """Whether a message on a form states at least one aspect of an incident."""
    fields = view.entry("fields").raw

    def aspect(one: Field) -> bool:
        return one.means in _ASPECTS or any(aspect(part) for part in one.fields)

    return any(aspect(one) and str(one.number) in fields for one in form.fields)


def _answers(
    said: Iterable[Shown], counted: Mapping[str, Party], forms: Mapping[str, Form]
) -> None:
    """How long messages waited to be read and read back, and questions to be answered."""
    said = list(said)
    replies: dict[str, list[Shown]] = {}
    for one in said:
        for target, role in one.refs:
            if role == "answers":
                replies.setdefault(target, []).append(one)
    for one in said:
        if one.party not in counted:
            continue  # the umpire's words are no play
        asked = _asked(one, forms)
        for party in counted.values():
            if party.party == one.party:
                continue
            own = [reply for reply in replies.get(one.item, ()) if reply.party == party.party]
            if not one.to or party.party in one.to:
                if "acknowledged" in one.wants and one.kind != "test":
                    party.to_read += 1
                    _first(one, own, ("acknowledge", "read back"), party.read_ms)
                if "read back" in one.wants:
                    party.to_understand += 1
                    _first(one, own, ("read back",), party.understood_ms)
            if asked == party.party:
                party.asked += 1
                party.answered += _first(one, own, ("message",), party.answer_ms)


def _first(one: Shown, own: Iterable[Shown], kinds: tuple[str, ...], into: list[int]) -> bool:
    times = [reply.claimed_ms for reply in own if reply.kind in kinds]
    if times:
        into.append(max(0, min(times) - one.claimed_ms))
    return bool(times)


def _asked(one: Shown, forms: Mapping[str, Form]) -> str:
    """The party of which a message asks something; empty when it asks nobody by a form."""
    form = forms.get(one.view.text("form", ""))
    if form is None or form.act is not Act.ASK:
        return ""
    fields = one.view.entry("fields").raw
    for part in form.fields:
        value = fields.get(str(part.number))
        if part.means is Means.ASKED and isinstance(value, str):
            return value
    return ""


# ------------------------------------------------------------------------------------ as a table


def rows(found: Entry) -> list[tuple[str, list[str]]]:
    """The score as rows of cells, a column for each party; the first row has their codes."""
    parties = list(found.entries("parties"))
    return [
        ("", [one.text("party") for one in parties]),
        ("first word after", [_span(one.raw.get("first_word_ms")) for one in parties]),
        ("first fact after", [_span(one.raw.get("first_fact_ms")) for one in parties]),
        ("read, of what was to be read", [_count(one.entry("read")) for one in parties]),
        ("read back, where asked", [_count(one.entry("understood")) for one in parties]),
        ("questions answered", [_count(one.entry("questions")) for one in parties]),
        *(
            (
                f"deadlines {state}",
                [str(one.entry("deadlines").number(state, 0)) for one in parties],
            )
            for state in STATES
        ),
        ("own words corrected", [str(one.number("corrected")) for one in parties]),
        ("messages", [str(one.number("messages")) for one in parties]),
    ]


def lines(found: Entry) -> list[str]:
    """The score as lines of text."""
    table = rows(found)
    wide = max(len(name) for name, _ in table)
    widths = [max(len(cells[n]) for _, cells in table) for n in range(len(table[0][1]))]
    return [
        f"{name:<{wide}}  "
        + "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        for name, cells in table
    ]


def _count(one: Entry) -> str:
    asked, done = one.number("asked"), one.number("done")
    middle = one.raw.get("median_ms")
    return f"{done} of {asked}" + (f", {_span(middle)}" if isinstance(middle, int) else "")


def _span(value: Json) -> str:
    if not isinstance(value, int):
        return "never"
    minutes = value // 60_000
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
