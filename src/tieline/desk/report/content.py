"""What the report of an incident says, in the order in which one reads it.

It takes the JSON object of the act ``incident_report`` and knows nothing else: so a report can be
made again of the same object, and says the same. Nothing is left out for being unwelcome: earlier
versions, crossings, missed deadlines and what counts for nothing are in it, with their marks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tieline.core.terms import MAX_TIME_MS
from tieline.desk.cli.agreements import basis, due_of, said_of
from tieline.desk.cli.show import View, number_of, text_of, views
from tieline.desk.incidentwords import moment, texts
from tieline.desk.report import chart, compare, record, threads
from tieline.desk.report.pieces import (
    Block,
    Cell,
    Document,
    Heading,
    Line,
    Paragraph,
    Table,
    Tone,
    cell,
)
from tieline.desk.report.reading import part, raw
from tieline.desk.report.words import NONE, ORDER, Said, Tongue
from tieline.node.view import Json

# What a party says of its own side; the rest of the accounts is what it observed.
OWN_SIDE: Final = frozenset({"own-forces", "intent", "evidence"})
MAX_BRIEF: Final = 40  # letters of a name in the foot of a page
MAX_COLUMNS: Final = 5  # of parties beside each other; more stand under each other
_E7: Final = 180 * 10_000_000


def document(report: View, other: View | None = None) -> Document:
    """The report, with a table of another incident's figures where there is one."""
    line, incident = part(report, "line"), part(report, "incident")
    lang = text_of(report, "language") or "en"
    say = Tongue(lang)
    name = _name(incident)
    realm = text_of(line, "exercise")
    brief = name if len(name) <= MAX_BRIEF else f"{name[:MAX_BRIEF]}…"
    foot = say("report.foot", name=brief, line=text_of(line, "name"),
               time=moment(report.get("made_ms")), station=text_of(report, "station"))  # fmt: skip
    unchecked = Tongue("en")("words.unchecked")
    note = "" if say.words.verified else f"{say('words.unchecked')} / {unchecked}"
    return Document(
        title=say("report.title", name=name),
        banner=f"EXERCISE EXERCISE EXERCISE {realm}" if realm else "",
        foot=foot,
        note=note,
        lang=lang,
        made_ms=max(0, min(number_of(report, "made_ms"), MAX_TIME_MS)),
        blocks=tuple(_blocks(report, other, say)),
    )


def _name(incident: View) -> str:
    return text_of(incident, "name") or text_of(incident, "incident")[:8]


def _blocks(report: View, other: View | None, say: Tongue) -> Iterator[Block]:
    incident, parties = part(report, "incident"), _codes(report)
    yield from _head(report, incident, say)
    yield from _parties(report, incident, parties, say)
    yield from _came_to(part(report, "figures"), say)
    if other is not None:
        yield from compare.blocks(report, other, say)
    yield from _accounts(incident, say)
    yield from _map(report, parties, say)
    yield from record.timeline(part(report, "timeline"), say)
    yield from threads.blocks(incident, say)
    yield from _clocks(incident, say)
    yield from record.silences(report, say)
    yield from threads.remarks(incident, say)
    yield from record.statements(report, incident, say)
    yield from record.verification(report, say)


def _codes(report: View) -> list[str]:
    """The parties of the line, those of the incident too should the line no longer name them."""
    named = [text_of(one, "code") for one in views(part(report, "line"), "parties")]
    return list(dict.fromkeys([*named, *texts(part(report, "incident"), "parties")]))


# ------------------------------------------------------------------------------------------ heads


def _head(report: View, incident: View, say: Tongue) -> Iterator[Block]:
    line, figures = part(report, "line"), part(report, "figures")
    yield Heading(say("report.title", name=_name(incident)), 1)
    closed = [text_of(one, "party") for one in views(incident, "closed_by")]
    missing = texts(incident, "not_closed")
    by = say.many(closed)
    closing = say("report.closed-by", parties=by) if closed else say("report.closed-nobody")
    rows: list[tuple[str, Cell]] = [
        ("incident", cell(Line(text_of(incident, "incident"), Tone.CODE))),
        ("state", cell(Line(say(f"state.{text_of(incident, 'state')}"), Tone.STRONG), closing,
                       say("report.closed-not", parties=say.many(missing))
                       if missing and closed else "",
                       *_reopened(incident, say))),
        ("opened", cell(say("report.opened-by", time=text_of(incident, "dtg"),
                            party=text_of(incident, "opened_by")),
                        text_of(incident, "title"))),
        ("line", cell(say("report.charter", line=text_of(line, "name"),
                          version=text_of(line, "charter")),
                      Line(text_of(line, "id"), Tone.CODE))),
        ("counted", cell(say("report.from", time=moment(figures.get("start_ms"))),
                         _start(figures, say))),
        ("written", cell(say("report.written-at", time=moment(report.get("made_ms")),
                             station=text_of(report, "station")), say("report.written-from"))),
    ]  # fmt: skip
    yield Table(("", ""), (1, 4), tuple((cell(Line(say(f"report.{key}"), Tone.FAINT)), value)
                                        for key, value in rows))  # fmt: skip
    marks = [say.warn(mark) for mark in texts(incident, "marks")]
    marks += [say.warn(say("report.unread", item=item[:8])) for item in texts(incident, "unread")]
    marks += [
        say.warn(say("report.pack-missing", pack=digest[:12]))
        for digest in texts(incident, "missing")
    ]
    if marks:
        yield Paragraph(cell(*(Line(mark, Tone.WARN) for mark in marks)))


def _start(figures: View, say: Tongue) -> Said:
    occurred = figures.get("start") == "occurred"
    return say("report.start-occurred" if occurred else "report.start-opened")


def _reopened(incident: View, say: Tongue) -> Iterator[Line]:
    if incident.get("reopened_by"):
        yield Line(say("report.reopened", item=text_of(incident, "reopened_by")[:12]))
    for item in texts(incident, "crossed"):
        yield Line(say.warn(say("report.close-crossed", item=item[:12])), Tone.WARN)


def _parties(report: View, incident: View, parties: list[str], say: Tongue) -> Iterator[Block]:
    yield Heading(say("report.parties"))
    names = {text_of(one, "code"): text_of(one, "name")
             for one in views(part(report, "line"), "parties")}  # fmt: skip
    closed = {text_of(one, "party"): text_of(one, "item")
              for one in views(incident, "closed_by")}  # fmt: skip
    spoke, first = texts(incident, "parties"), part(part(report, "figures"), "first_words")
    shapes = chart.shapes_of(parties)
    rows = tuple(
        (
            cell(Line(code, Tone.STRONG)),
            cell(names.get(code, "")),
            cell(say("report.yes" if code in spoke else "report.no")),
            cell(say.number("first_word.", first.get(code))),
            cell(say("report.yes-by", item=closed[code][:12]) if code in closed
                 else say("report.no")),
            cell(say(f"shape.{shapes[code]}")),
        )
        for code in parties
    )  # fmt: skip
    heads = ("party", "name", "took-part", "first-word", "closed-it", "on-map")
    yield Table(say.heads(*heads), (2, 4, 2, 3, 3, 2), rows)


def _came_to(figures: View, say: Tongue) -> Iterator[Block]:
    yield Heading(say("report.came-to"))
    rows = tuple(
        (cell(say.figure(name)), cell(say.number(name, figures.get(name)))) for name in ORDER
    )
    half = (len(rows) + 1) // 2
    left, right = rows[:half], (*rows[half:], *(((), ()),) * (2 * half - len(rows)))
    pairs = tuple((*one, *two) for one, two in zip(left, right, strict=True))
    yield Table(say.heads("figure", "", "figure", ""), (5, 2, 5, 2), pairs)


# --------------------------------------------------------------------------------------- accounts


def _accounts(incident: View, say: Tongue) -> Iterator[Block]:
    observed = [one for one in views(incident, "accounts") if one.get("aspect") not in OWN_SIDE]
    own = [one for one in views(incident, "accounts") if one.get("aspect") in OWN_SIDE]
    yield Heading(say("report.accounts"))
    yield from _table(say("report.observed"), observed, say)
    yield from _table(say("report.own"), own, say)
    yield from _table(say("report.inferred"), views(incident, "attribution"), say)
    for other in views(incident, "linked"):
        beside = say("report.beside", incident=text_of(other, "short"))
        yield from _table(beside, views(other, "accounts"), say)


def _table(title: str, rows: list[dict[str, Json]], say: Tongue) -> Iterator[Block]:
    yield Heading(title, 3)
    if not rows:
        yield Paragraph(cell(Line(say("report.nothing-stated"), Tone.FAINT)))
        return
    voices = list(dict.fromkeys(_voice(one, say) for row in rows for one in views(row, "parties")))
    if len(voices) > MAX_COLUMNS:
        flat = tuple(
            (_aspect(row, say), cell(Line(_voice(one, say), Tone.STRONG)), _account(one, say))
            for row in rows
            for one in views(row, "parties")
        )
        yield Table(say.heads("aspect", "party", "account"), (2, 1, 5), flat)
        return
    silent = cell(Line(say.both(NONE, say("report.not-stated")), Tone.FAINT))
    made = []
    for row in rows:
        found = {_voice(one, say): one for one in views(row, "parties")}
        cells = [_account(found[one], say) if one in found else silent for one in voices]
        made.append((_aspect(row, say), *cells))
    yield Table((say("report.aspect"), *voices), (2, *(4,) * len(voices)), tuple(made))


def _voice(one: View, say: Tongue) -> str:
    who, party = text_of(one, "through"), text_of(one, "party")
    return say("report.through", who=who, party=party) if who else party


def _aspect(row: View, say: Tongue) -> Cell:
    alignment = text_of(row, "alignment")
    tone = Tone.WARN if alignment == "differ" else Tone.PLAIN
    pairs = views(row, "pairs")
    return cell(
        Line(text_of(row, "label"), Tone.STRONG),
        Line(say.alignment(alignment), tone),
        *(Line(_pair(pair, say, alone=len(pairs) == 1), Tone.FAINT) for pair in pairs),
    )


def _pair(pair: View, say: Tongue, *, alone: bool) -> Said:
    """Two parties, and how far they are apart."""
    apart = say.how_far(pair)
    if alone:
        return apart
    said = say.alignment(text_of(pair, "alignment"))
    both = say.many((said, apart)) if apart else said
    return say("report.pair", parties=say.many(texts(pair, "parties")), said=both)


def _account(one: View, say: Tongue) -> Cell:
    """Every version of one party's account of an aspect, the first one first."""
    lines: list[Line] = []
    versions = views(one, "versions")
    for number, version in enumerate(versions, 1):
        stands = version.get("item") == one.get("current")
        standing = say("report.stands") if stands else _standing(version, say)
        head = say("report.version-is", number=number, time=text_of(version, "dtg"),
                   item=text_of(version, "item")[:12], standing=standing)  # fmt: skip
        lines.append(Line(head, Tone.FAINT))
        for stated in views(version, "stated"):
            lines += _stated(stated, say, stands=stands)
        if version.get("reserve"):
            lines.append(Line(say("report.reserve"), Tone.FAINT))
        lines += [Line(text, Tone.FAINT) for text in _read(version, say)]
    return tuple(lines) or cell(Line(say("report.nothing-stands"), Tone.FAINT))


def _standing(version: View, say: Tongue) -> Said:
    said = say(f"standing.{text_of(version, 'standing')}")
    return say.both(said, text_of(version, "by")[:12]) if version.get("by") else said


def _stated(one: View, say: Tongue, *, stands: bool) -> Iterator[Line]:
    strong = Tone.STRONG if stands else Tone.PLAIN
    yield Line(text_of(one, "said") or say("report.in-words"), strong)
    for each in views(one, "more"):
        label, said = text_of(each, "label"), text_of(each, "said")
        yield Line(say("report.labelled", label=label, said=said), strong)
    sure = [text_of(one, name) for name in ("confidence", "source") if one.get(name)]
    if sure:
        yield Line(say.many(sure))
    if one.get("words"):
        yield Line(raw(one, "words"), Tone.SAID)
    if one.get("hash"):
        yield Line(say("report.evidence", hash=text_of(one, "hash")), Tone.CODE)


def _read(version: View, say: Tongue) -> Iterator[Said]:
    """Who had this version, and by which later word of theirs it is known that they had read it."""
    for reader in views(version, "read_by"):
        party, first = text_of(reader, "party"), text_of(reader, "first")
        arrived = reader.get("arrived_ms")
        had = isinstance(arrived, int)
        if first and had:
            yield say("report.read-had", party=party, item=first[:12], time=moment(arrived))
        elif first:
            yield say("report.read", party=party, item=first[:12])
        elif had:
            yield say("report.silent-had", party=party, time=moment(arrived))


# -------------------------------------------------------------------------------------------- map


def _map(report: View, parties: list[str], say: Tongue) -> Iterator[Block]:
    yield Heading(say("report.map"))
    sites: list[chart.Site] = []
    rows = []
    for number, one in enumerate(views(report, "places"), 1):
        points = _points(one)
        party, error = text_of(one, "party"), max(0, number_of(one, "error_m"))
        hold = one.get("kind") != "where"
        label = f"{number} {party}"
        stands = bool(one.get("current")) and not one.get("cancelled")
        if points:
            sites.append(chart.Site(party, label, text_of(one, "shape"), points, error,
                                    faint=not stands))  # fmt: skip
        where = "; ".join(chart.written(point) for point in points[:12])
        more = say("report.more", n=len(points) - 12) if len(points) > 12 else ""
        of = say("report.place-hold" if hold else "report.place-version",
                 number=text_of(one, "version"), time=text_of(one, "dtg"))  # fmt: skip
        standing = say(f"{'hold' if hold else 'standing'}.{text_of(one, 'standing')}")
        rows.append((
            cell(Line(label, Tone.STRONG)),
            cell(of, Line(text_of(one, "item")[:12], Tone.CODE)),
            cell(where or say("report.cannot-draw"), more),
            cell(say.metres(error) if error else say("report.error-none")),
            cell(say("report.stands") if stands
                 else say("report.drawn-grey", standing=standing)),
        ))  # fmt: skip
    drawing = chart.draw(sites, parties, say)
    if drawing is None:
        yield Paragraph(cell(Line(say("report.nowhere"), Tone.FAINT)))
        return
    yield drawing
    yield Table(say.heads("on-map", "of", "where", "error", "standing"),
                (2, 3, 4, 2, 3), tuple(rows))  # fmt: skip


def _points(one: View) -> tuple[tuple[int, int], ...]:
    """The points of a place; none where one of them is nowhere on earth."""
    value = one.get("points")
    out: list[tuple[int, int]] = []
    for point in value if isinstance(value, list) else []:
        match point:
            case [int(lat), int(lon)] if abs(lat) <= _E7 // 2 and abs(lon) <= _E7:
                out.append((lat, lon))
            case _:
                return ()
    return tuple(out)


# ----------------------------------------------------------------------------------------- clocks


def _clocks(incident: View, say: Tongue) -> Iterator[Block]:
    yield Heading(say("report.clocks"))
    rows = []
    for one in views(incident, "clocks"):
        bad = one.get("state") in ("overdue", "late", "early")
        done = one.get("done_ms")
        due = say("clock.due", state=said_of(one), time=due_of(one))
        rows.append((
            cell(text_of(one, "debtor")),
            cell(say.many(texts(one, "creditors"))),
            cell(text_of(one, "title"), Line(text_of(one, "id"), Tone.CODE)),
            cell(Line(say.warn(due) if bad else due, Tone.WARN if bad else Tone.PLAIN),
                 say("report.done", time=moment(done)) if isinstance(done, int) else ""),
            cell(basis(one) or say("report.asked-for")),
        ))  # fmt: skip
    if not rows:
        yield Paragraph(cell(Line(say("report.owes-nothing"), Tone.FAINT)))
        return
    heads = ("owed-by", "to-whom", "what", "state-time", "paragraph")
    yield Table(say.heads(*heads), (1, 1, 4, 3, 4), tuple(rows))
