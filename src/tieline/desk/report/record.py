"""What the record has of an incident: two lanes, every statement, and how all of it is checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tieline.desk.cli.incidentwords import moment, row_marks, span, texts
from tieline.desk.cli.incidentwords import words as said_as
from tieline.desk.cli.show import View, number_of, text_of, views
from tieline.desk.report import words
from tieline.desk.report.pieces import Block, Cell, Heading, Line, Paragraph, Table, Tone, cell
from tieline.desk.report.reading import part, raw, whole

MAX_PROBLEMS: Final = 50
# Lines of a form by kind: a heading is no answer, and free words are their author's.
_TOLD: Final = {"heading": Tone.FAINT, "text": Tone.SAID, "unit": Tone.SAID}


@dataclass(frozen=True, slots=True)
class _Event:
    """Something at a time; ``happened``: in the first lane. ``place`` orders those of one time."""

    at_ms: int
    place: int
    lines: Cell
    happened: bool = False


def timeline(lanes: View) -> Iterator[Block]:
    """Two lanes: when it happened, by what the parties say; when each side learned."""
    yield Heading("Timeline")
    events = [*_happened(lanes), *_learned(lanes)]
    events.sort(key=lambda one: (one.at_ms // 1000, one.place))
    rows = tuple(
        (
            cell(moment(one.at_ms)),
            one.lines if one.happened else (),
            () if one.happened else one.lines,
        )
        for one in events
    )
    if rows:
        heads = ("time", "when it happened, as they say", "when each side learned, by the record")
        yield Table(heads, (4, 7, 8), rows)
    else:
        yield Paragraph(cell(Line("nothing was said", Tone.FAINT)))


def _happened(lanes: View) -> Iterator[_Event]:
    for one in views(lanes, "happened"):
        spread = number_of(one, "spread_s")
        give = f", give or take {span(spread * 1000)}" if spread else ""
        label = text_of(one, "label") or said_as(f"means.{text_of(one, 'means')}")
        lines = cell(f"{text_of(one, 'party')}: {label}{give}", _code(one))
        yield _Event(number_of(one, "at_ms"), -1, lines, happened=True)


def _learned(lanes: View) -> Iterator[_Event]:
    for place, one in enumerate(views(lanes, "learned")):
        crossed = [Line(f"! crossed with {item[:12]}", Tone.WARN) for item in texts(one, "crossed")]
        title = text_of(one, "title") or text_of(one, "kind")
        head = Line(f"{text_of(one, 'party')} writes: {title}", Tone.STRONG)
        lines = cell(head, _code(one), Line(raw(one, "text"), Tone.SAID), *crossed)
        yield _Event(number_of(one, "claimed_ms"), place, lines)
        for party, reached in part(one, "reached").items():
            got = reached if isinstance(reached, dict) else {}
            for step, at_ms in got.items():
                if isinstance(at_ms, int):
                    to = f" to {text_of(got, 'unit')}" if step == "passed on" else ""
                    said = f"{party} has {step} {text_of(one, 'item')[:12]}{to}"
                    yield _Event(at_ms, place, cell(said))


def _code(one: View) -> Line:
    return Line(text_of(one, "item")[:12], Tone.CODE)


# --------------------------------------------------------------------------------------- silences


def silences(report: View) -> Iterator[Block]:
    """What a station put on the record when the other side did not answer in time."""
    found = [one for one in views(report, "statements") if one.get("kind") == "silence"]
    yield Heading("Silences put on the record")
    if not found:
        yield Paragraph(cell(Line("none", Tone.FAINT)))
        return
    rows = tuple(
        (cell(text_of(one, "party")), cell(moment(one.get("claimed_ms"))),
         cell(Line(raw(one, "text"), Tone.SAID), _code(one)))
        for one in found
    )  # fmt: skip
    yield Table(("by", "time", "of what"), (1, 2, 5), rows)


# ------------------------------------------------------------------------------------- statements


def statements(report: View, incident: View) -> Iterator[Block]:
    """Every statement in full, with the marks that it has in the incident."""
    marks = {
        text_of(one, "item"): [*row_marks(one, digits=12, apart=":")]
        for one in views(incident, "messages")
    }
    titles = {text_of(one, "item"): text_of(one, "title") for one in views(incident, "messages")}
    found = views(report, "statements")
    yield Heading(f"Every statement ({len(found)})")
    rows = []
    for one in found:
        item = text_of(one, "item")
        to = ", ".join(texts(one, "to"))
        rows.append((
            cell(Line(f"#{number_of(one, 'seq')}", Tone.STRONG), moment(one.get("claimed_ms")),
                 text_of(one, "precedence")),
            cell(Line(text_of(one, "party"), Tone.STRONG), text_of(one, "role"),
                 f"to {to}" if to else "to all",
                 f"through {text_of(one, 'through')}" if one.get("through") else ""),
            cell(Line(titles.get(item, "") or text_of(one, "kind"), Tone.STRONG),
                 *_told(one),
                 Line(raw(one, "text"), Tone.SAID),
                 "without prejudice" if one.get("reserve") else "",
                 *(Line(f"! {mark}", Tone.WARN) for mark in marks.get(item, ())),
                 Line(item, Tone.CODE)),
        ))  # fmt: skip
    if rows:
        yield Table(("number, time", "author", "what it says"), (2, 2, 9), tuple(rows))


def _told(one: View) -> Iterator[Line]:
    """A form in words: each answer with its label, and what was written freely in quotation."""
    told = part(one, "told")
    types, marks = texts(told, "types"), texts(told, "marks")
    for place, text in enumerate(texts(told, "lines")):
        kind = types[place] if place < len(types) else ""
        yield Line(text, _TOLD.get(kind, Tone.PLAIN))
    yield from (Line(f"[{mark}]", Tone.FAINT) for mark in marks)


# ----------------------------------------------------------------------------------- verification


def verification(report: View) -> Iterator[Block]:
    """What the check of the whole store found, the heads of the logs, and how to check it again."""
    yield Heading("Verification")
    audit = part(report, "audit")
    if audit:
        yield Paragraph(cell(*_verdict(audit)))
    else:
        missing = "! the store was not checked when this report was written"
        yield Paragraph(cell(Line(missing, Tone.WARN)))
    line = text_of(part(report, "line"), "id")
    heads = {text_of(one, "log"): one for one in views(report, "heads")}
    rows = []
    for one in views(audit, "logs"):
        if text_of(one, "line") != line:
            continue
        signed = heads.get(text_of(one, "log"), {})
        second = number_of(one, "second_stories")
        rows.append((
            cell(Line(text_of(one, "station"), Tone.STRONG), Line(text_of(one, "log"), Tone.CODE)),
            cell(text_of(one, "size"),
                 Line(f"! {second} second stories", Tone.WARN) if second else ""),
            cell(Line(text_of(one, "root"), Tone.CODE)),
            cell(*_signed(signed)),
        ))  # fmt: skip
    if rows:
        yield Table(("log of", "statements", "root of its tree", "signed and witnessed"),
                    (3, 2, 6, 4), tuple(rows))  # fmt: skip
    yield Heading("How to check it", 3)
    yield Paragraph(cell(*words.CHECKING))


def _verdict(audit: View) -> Iterator[Line]:
    counts = (
        f"{number_of(audit, 'statements')} statements and {number_of(audit, 'receipts')} receipts"
        f" of the store were checked from their bytes up, to entry {number_of(audit, 'journal')}"
        " of the journal"
    )
    if audit.get("ok") is True:
        yield Line(f"✓ the record verifies: {counts}, and all fit", Tone.STRONG)
        return
    yield Line(f"! THE RECORD DOES NOT VERIFY: {counts}", Tone.WARN)
    problems = texts(audit, "problems")
    yield from (Line(f"! {one}", Tone.WARN) for one in problems[:MAX_PROBLEMS])
    if len(problems) > MAX_PROBLEMS:
        yield Line(f"and {len(problems) - MAX_PROBLEMS} more")


def _signed(one: View) -> Iterator[str]:
    if not whole(one, "size"):
        yield "no checkpoint at hand"
        return
    yield f"checkpoint at {number_of(one, 'size')}, {moment(one.get('at_ms'))}"
    of = number_of(one, "of")
    if of:
        yield (
            f"cosigned by {number_of(one, 'witnesses')} of {of} witnesses; the quorum of"
            f" {number_of(one, 'quorum')} has cosigned up to {number_of(one, 'witnessed')}"
        )
    else:
        yield "the charter names no witnesses"
    if number_of(one, "against"):
        yield f"! {number_of(one, 'against')} notes speak against it"
