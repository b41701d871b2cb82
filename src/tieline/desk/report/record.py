"""What the record has of an incident: two lanes, every statement, and how all of it is checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tieline.desk.cli.show import View, number_of, text_of, views
from tieline.desk.incidentwords import contested, moment, row_marks, texts
from tieline.desk.report.pieces import Block, Cell, Heading, Line, Paragraph, Table, Tone, cell
from tieline.desk.report.reading import part, raw, whole
from tieline.desk.report.words import Said, Tongue

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


def timeline(lanes: View, say: Tongue) -> Iterator[Block]:
    """Two lanes: when it happened, by what the parties say; when each side learned."""
    yield Heading(say("report.timeline"))
    events = [*_happened(lanes, say), *_learned(lanes, say)]
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
        yield Table(say.heads("time", "happened", "learned"), (4, 7, 8), rows)
    else:
        yield Paragraph(cell(Line(say("report.nothing-said"), Tone.FAINT)))


def _happened(lanes: View, say: Tongue) -> Iterator[_Event]:
    for one in views(lanes, "happened"):
        spread = number_of(one, "spread_s")
        party = text_of(one, "party")
        label = text_of(one, "label") or say(f"means.{text_of(one, 'means')}")
        head = (
            say("report.happened-about", party=party, label=label,
                span=say.short_span(spread * 1000))
            if spread
            else say("report.happened-at", party=party, label=label)
        )  # fmt: skip
        yield _Event(number_of(one, "at_ms"), -1, cell(head, _code(one)), happened=True)


def _learned(lanes: View, say: Tongue) -> Iterator[_Event]:
    for place, one in enumerate(views(lanes, "learned")):
        crossed = [
            Line(say.warn(say("report.crossed", item=item[:12])), Tone.WARN)
            for item in texts(one, "crossed")
        ]
        crossed += [Line(say.warn(mark), Tone.WARN) for mark in contested(one, say)]
        title = text_of(one, "title") or say(f"kind.{text_of(one, 'kind')}")
        head = Line(say("report.writes", party=text_of(one, "party"), title=title), Tone.STRONG)
        lines = cell(head, _code(one), Line(raw(one, "text"), Tone.SAID), *crossed)
        yield _Event(number_of(one, "claimed_ms"), place, lines)
        for party, reached in part(one, "reached").items():
            got = reached if isinstance(reached, dict) else {}
            for step, at_ms in got.items():
                if isinstance(at_ms, int):
                    yield _Event(at_ms, place, cell(_reached(one, party, step, got, say)))


def _reached(one: View, party: str, step: str, got: View, say: Tongue) -> Said:
    item, unit = text_of(one, "item")[:12], text_of(got, "unit")
    if step == "passed on" and unit:
        return say("reached.passed to", party=party, item=item, unit=unit)
    return say(f"reached.{step}", party=party, item=item)


def _code(one: View) -> Line:
    return Line(text_of(one, "item")[:12], Tone.CODE)


# --------------------------------------------------------------------------------------- silences


def silences(report: View, say: Tongue) -> Iterator[Block]:
    """What a station put on the record when the other side did not answer in time."""
    found = [one for one in views(report, "statements") if one.get("kind") == "silence"]
    yield Heading(say("report.silences"))
    if not found:
        yield Paragraph(cell(Line(say("report.none"), Tone.FAINT)))
        return
    rows = tuple(
        (cell(text_of(one, "party")), cell(moment(one.get("claimed_ms"))),
         cell(Line(raw(one, "text"), Tone.SAID), _code(one)))
        for one in found
    )  # fmt: skip
    yield Table(say.heads("by", "time", "of-what"), (1, 2, 5), rows)


# ------------------------------------------------------------------------------------- statements


def statements(report: View, incident: View, say: Tongue) -> Iterator[Block]:
    """Every statement in full, with the marks that it has in the incident."""
    marks = {
        text_of(one, "item"): [*row_marks(one, digits=12, say=say)]
        for one in views(incident, "messages")
    }
    titles = {text_of(one, "item"): text_of(one, "title") for one in views(incident, "messages")}
    found = views(report, "statements")
    yield Heading(say("report.statements", n=len(found)))
    rows = []
    for one in found:
        item = text_of(one, "item")
        to, through = texts(one, "to"), text_of(one, "through")
        title = titles.get(item, "") or say(f"kind.{text_of(one, 'kind')}")
        rows.append((
            cell(Line(f"#{number_of(one, 'seq')}", Tone.STRONG), moment(one.get("claimed_ms")),
                 text_of(one, "precedence")),
            cell(Line(text_of(one, "party"), Tone.STRONG), say(f"role.{text_of(one, 'role')}"),
                 say("report.to", parties=say.many(to)) if to else say("report.to-all"),
                 say("report.by-way", who=through) if through else ""),
            cell(Line(title, Tone.STRONG),
                 *_told(one),
                 Line(raw(one, "text"), Tone.SAID),
                 say("report.reserve") if one.get("reserve") else "",
                 *(Line(say.warn(mark), Tone.WARN) for mark in marks.get(item, ())),
                 Line(item, Tone.CODE)),
        ))  # fmt: skip
    if rows:
        yield Table(say.heads("number-time", "author", "says"), (2, 2, 9), tuple(rows))


def _told(one: View) -> Iterator[Line]:
    """A form in words: each answer with its label, and what was written freely in quotation."""
    told = part(one, "told")
    types, marks = texts(told, "types"), texts(told, "marks")
    for place, text in enumerate(texts(told, "lines")):
        kind = types[place] if place < len(types) else ""
        yield Line(text, _TOLD.get(kind, Tone.PLAIN))
    yield from (Line(f"[{mark}]", Tone.FAINT) for mark in marks)


# ----------------------------------------------------------------------------------- verification


def verification(report: View, say: Tongue) -> Iterator[Block]:
    """What the check of the whole store found, the heads of the logs, and how to check it again."""
    yield Heading(say("report.verification"))
    audit = part(report, "audit")
    if audit:
        yield Paragraph(cell(*_verdict(audit, say)))
    else:
        yield Paragraph(cell(Line(say.warn(say("report.not-checked")), Tone.WARN)))
    line = text_of(part(report, "line"), "id")
    heads = {text_of(one, "log"): one for one in views(report, "heads")}
    rows = []
    for one in views(audit, "logs"):
        if text_of(one, "line") != line:
            continue
        signed = heads.get(text_of(one, "log"), {})
        second = number_of(one, "second_stories")
        stories = say.warn(say("report.second-stories", n=second)) if second else ""
        rows.append((
            cell(Line(text_of(one, "station"), Tone.STRONG), Line(text_of(one, "log"), Tone.CODE)),
            cell(text_of(one, "size"), Line(stories, Tone.WARN)),
            cell(Line(text_of(one, "root"), Tone.CODE)),
            cell(*_signed(signed, say)),
        ))  # fmt: skip
    if rows:
        yield Table(say.heads("log-of", "log-size", "log-root", "log-signed"),
                    (3, 2, 6, 4), tuple(rows))  # fmt: skip
    yield Heading(say("report.how-to-check"), 3)
    yield Paragraph(cell(
        say("report.check-1"),
        say("report.check-2", make="'tieline evidence --incident ITEM --out FILE'",
            check="'tieline verify FILE'"),
        say("report.check-3"),
        say("report.check-4"),
    ))  # fmt: skip


def _verdict(audit: View, say: Tongue) -> Iterator[Line]:
    counts = {
        "statements": number_of(audit, "statements"),
        "receipts": number_of(audit, "receipts"),
        "entry": number_of(audit, "journal"),
    }
    if audit.get("ok") is True:
        yield Line(Said("✓ " + say("report.verifies", **counts)), Tone.STRONG)
        return
    yield Line(say.warn(say("report.verifies-not", **counts)), Tone.WARN)
    problems = texts(audit, "problems")
    yield from (Line(say.warn(one), Tone.WARN) for one in problems[:MAX_PROBLEMS])
    if len(problems) > MAX_PROBLEMS:
        yield Line(say("report.more", n=len(problems) - MAX_PROBLEMS))


def _signed(one: View, say: Tongue) -> Iterator[Said]:
    if not whole(one, "size"):
        yield say("report.no-checkpoint")
        return
    yield say("report.checkpoint", size=number_of(one, "size"), time=moment(one.get("at_ms")))
    of = number_of(one, "of")
    if of:
        yield say("report.cosigned", n=number_of(one, "witnesses"), of=of,
                  quorum=number_of(one, "quorum"), size=number_of(one, "witnessed"))  # fmt: skip
    else:
        yield say("report.no-witnesses")
    if number_of(one, "against"):
        yield say.warn(say("report.against", n=number_of(one, "against")))
