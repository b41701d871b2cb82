"""What the report of an incident says, in the order in which one reads it.

It takes the JSON object of the act ``incident_report`` and knows nothing else: so a report can be
made again of the same object, and says the same. Nothing is left out for being unwelcome: earlier
versions, crossings, missed deadlines and what counts for nothing are in it, with their marks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tieline.core.terms import MAX_TIME_MS
from tieline.desk.cli.agreements import basis, clock_of
from tieline.desk.cli.incidentwords import how_far, metres, moment, texts
from tieline.desk.cli.incidentwords import words as said_as
from tieline.desk.cli.show import View, number_of, text_of, views
from tieline.desk.report import chart, compare, record, threads, words
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
from tieline.node.view import Json

# What a party says of its own side; the rest of the accounts is what it observed.
OWN_SIDE: Final = frozenset({"own-forces", "intent", "evidence"})
MAX_COLUMNS: Final = 5  # of parties beside each other; more stand under each other
_E7: Final = 180 * 10_000_000


def document(report: View, other: View | None = None) -> Document:
    """The report, with a table of another incident's figures where there is one."""
    line, incident = part(report, "line"), part(report, "incident")
    name = text_of(incident, "name") or text_of(incident, "incident")[:8]
    realm = text_of(line, "exercise")
    made = moment(report.get("made_ms"))
    return Document(
        title=f"Report of an incident: {name}",
        banner=f"EXERCISE EXERCISE EXERCISE {realm}" if realm else "",
        foot=f"{name}, line {text_of(line, 'name')}, written {made} at"
        f" {text_of(report, 'station')}",
        lang=text_of(report, "language") or "en",
        made_ms=max(0, min(number_of(report, "made_ms"), MAX_TIME_MS)),
        blocks=tuple(_blocks(report, other)),
    )


def _blocks(report: View, other: View | None) -> Iterator[Block]:
    incident, parties = part(report, "incident"), _codes(report)
    yield from _head(report, incident)
    yield from _parties(report, incident, parties)
    yield from _came_to(part(report, "figures"))
    if other is not None:
        yield from compare.blocks(report, other)
    yield from _accounts(incident)
    yield from _map(report, parties)
    yield from record.timeline(part(report, "timeline"))
    yield from threads.blocks(incident)
    yield from _clocks(incident)
    yield from record.silences(report)
    yield from threads.remarks(incident)
    yield from record.statements(report, incident)
    yield from record.verification(report)


def _codes(report: View) -> list[str]:
    """The parties of the line, those of the incident too should the line no longer name them."""
    named = [text_of(one, "code") for one in views(part(report, "line"), "parties")]
    return list(dict.fromkeys([*named, *texts(part(report, "incident"), "parties")]))


# ------------------------------------------------------------------------------------------ heads


def _head(report: View, incident: View) -> Iterator[Block]:
    line, figures = part(report, "line"), part(report, "figures")
    name = text_of(incident, "name") or text_of(incident, "incident")[:8]
    yield Heading(f"Report of an incident: {name}", 1)
    closed = [text_of(one, "party") for one in views(incident, "closed_by")]
    missing = texts(incident, "not_closed")
    state = words.state(text_of(incident, "state"))
    closing = f"closed by {', '.join(closed)}" if closed else "nobody has closed it"
    rows: list[tuple[str, Cell]] = [
        ("incident", cell(Line(text_of(incident, "incident"), Tone.CODE))),
        ("state", cell(Line(state, Tone.STRONG), closing,
                       f"not by {', '.join(missing)}" if missing and closed else "",
                       *_reopened(incident))),
        ("opened", cell(f"{text_of(incident, 'dtg')} by {text_of(incident, 'opened_by')}",
                        text_of(incident, "title"))),
        ("line", cell(f"{text_of(line, 'name')}, charter version {text_of(line, 'charter')}",
                      Line(text_of(line, "id"), Tone.CODE))),
        ("spans count", cell(f"from {moment(figures.get('start_ms'))}", _start(figures))),
        ("written", cell(f"{moment(report.get('made_ms'))} at {text_of(report, 'station')}",
                         "from what the record of that station held then")),
    ]  # fmt: skip
    yield Table(("", ""), (1, 4), tuple((cell(Line(key, Tone.FAINT)), value)
                                        for key, value in rows))  # fmt: skip
    marks = [f"! {mark}" for mark in texts(incident, "marks")]
    marks += [
        f"! pack {digest[:12]} is in force and was not at hand: what was said by it is not counted"
        for digest in texts(incident, "missing")
    ]
    if marks:
        yield Paragraph(cell(*(Line(mark, Tone.WARN) for mark in marks)))


def _start(figures: View) -> str:
    if figures.get("start") == "occurred":
        return "when it occurred, by the earliest that a party still says"
    return "the opening, since no party says when it occurred"


def _reopened(incident: View) -> Iterator[Line]:
    if incident.get("reopened_by"):
        yield Line(f"reopened by {text_of(incident, 'reopened_by')[:12]}")
    for item in texts(incident, "crossed"):
        yield Line(f"! closing {item[:12]} crossed with a reopening: it does not count", Tone.WARN)


def _parties(report: View, incident: View, parties: list[str]) -> Iterator[Block]:
    yield Heading("Parties")
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
            cell("yes" if code in spoke else "no"),
            cell(words.value("first_word.", first.get(code))),
            cell(f"yes, {closed[code][:12]}" if code in closed else "no"),
            cell(shapes.get(code, "")),
        )
        for code in parties
    )
    heads = ("party", "name", "took part", "first factual word after", "closed it", "on the map")
    yield Table(heads, (2, 4, 2, 3, 3, 2), rows)


def _came_to(figures: View) -> Iterator[Block]:
    yield Heading("What it came to")
    rows = tuple(
        (cell(words.figure(name)), cell(words.value(name, figures.get(name))))
        for name in words.ORDER
    )
    half = (len(rows) + 1) // 2
    left, right = rows[:half], (*rows[half:], *(((), ()),) * (2 * half - len(rows)))
    pairs = tuple((*one, *two) for one, two in zip(left, right, strict=True))
    yield Table(("figure", "", "figure", ""), (5, 2, 5, 2), pairs)


# --------------------------------------------------------------------------------------- accounts


def _accounts(incident: View) -> Iterator[Block]:
    observed = [one for one in views(incident, "accounts") if one.get("aspect") not in OWN_SIDE]
    own = [one for one in views(incident, "accounts") if one.get("aspect") in OWN_SIDE]
    yield Heading("Accounts")
    yield from _table("What each party observed", observed)
    yield from _table("What each party says of its own side", own)
    yield from _table("What each party infers: attribution", views(incident, "attribution"))
    for other in views(incident, "linked"):
        yield from _table(
            f"Beside, as the parties linked it: incident {text_of(other, 'short')}",
            views(other, "accounts"),
        )


def _table(title: str, rows: list[dict[str, Json]]) -> Iterator[Block]:
    yield Heading(title, 3)
    if not rows:
        yield Paragraph(cell(Line("nothing was stated", Tone.FAINT)))
        return
    voices = list(dict.fromkeys(_voice(one) for row in rows for one in views(row, "parties")))
    if len(voices) > MAX_COLUMNS:
        flat = tuple(
            (_aspect(row), cell(Line(_voice(one), Tone.STRONG)), _account(one))
            for row in rows
            for one in views(row, "parties")
        )
        yield Table(("aspect", "party", "account"), (2, 1, 5), flat)
        return
    made = []
    for row in rows:
        found = {_voice(one): one for one in views(row, "parties")}
        cells = [
            _account(found[voice])
            if voice in found
            else cell(Line(words.NONE + " not stated", Tone.FAINT))
            for voice in voices
        ]
        made.append((_aspect(row), *cells))
    yield Table(("aspect", *voices), (2, *(4,) * len(voices)), tuple(made))


def _voice(one: View) -> str:
    through = text_of(one, "through")
    return f"{through} through {text_of(one, 'party')}" if through else text_of(one, "party")


def _aspect(row: View) -> Cell:
    alignment = text_of(row, "alignment")
    tone = Tone.WARN if alignment == "differ" else Tone.PLAIN
    pairs = views(row, "pairs")
    return cell(
        Line(text_of(row, "label"), Tone.STRONG),
        Line(words.ALIGNMENT.get(alignment, alignment), tone),
        *(Line(_pair(pair, alone=len(pairs) == 1), Tone.FAINT) for pair in pairs),
    )


def _pair(pair: View, *, alone: bool) -> str:
    """Two parties, and how far they are apart."""
    apart = how_far(pair)
    if alone:
        return apart
    said = words.ALIGNMENT.get(text_of(pair, "alignment"), "")
    return f"{', '.join(texts(pair, 'parties'))}: {said}{', ' + apart if apart else ''}"


def _account(one: View) -> Cell:
    """Every version of one party's account of an aspect, the first one first."""
    lines: list[Line] = []
    versions = views(one, "versions")
    for number, version in enumerate(versions, 1):
        stands = version.get("item") == one.get("current")
        head = f"version {number}, {text_of(version, 'dtg')}, {text_of(version, 'item')[:12]}"
        lines.append(Line(head + _standing(version, stands=stands), Tone.FAINT))
        for stated in views(version, "stated"):
            lines += _stated(stated, stands=stands)
        if version.get("reserve"):
            lines.append(Line("without prejudice", Tone.FAINT))
        lines += [Line(text, Tone.FAINT) for text in _read(version)]
    return tuple(lines) or cell(Line("nothing that stands", Tone.FAINT))


def _standing(version: View, *, stands: bool) -> str:
    if stands:
        return ": stands"
    by = f" {text_of(version, 'by')[:12]}" if version.get("by") else ""
    return f": {said_as('standing.' + text_of(version, 'standing'))}{by}"


def _stated(one: View, *, stands: bool) -> Iterator[Line]:
    strong = Tone.STRONG if stands else Tone.PLAIN
    yield Line(text_of(one, "said") or "in words", strong)
    for each in views(one, "more"):
        yield Line(f"{text_of(each, 'label')}: {text_of(each, 'said')}", strong)
    sure = [text_of(one, name) for name in ("confidence", "source") if one.get(name)]
    if sure:
        yield Line(", ".join(sure))
    if one.get("words"):
        yield Line(raw(one, "words"), Tone.SAID)
    if one.get("hash"):
        yield Line(f"evidence {text_of(one, 'hash')}", Tone.CODE)


def _read(version: View) -> Iterator[str]:
    """Who had this version, and by which later word of theirs it is known that they had read it."""
    for reader in views(version, "read_by"):
        party, first = text_of(reader, "party"), text_of(reader, "first")
        arrived = reader.get("arrived_ms")
        had = f", had it {moment(arrived)}" if isinstance(arrived, int) else ""
        if first:
            yield f"read by {party} before it wrote {first[:12]}{had}"
        elif had:
            yield f"{party} has written nothing since{had}"


# -------------------------------------------------------------------------------------------- map


def _map(report: View, parties: list[str]) -> Iterator[Block]:
    yield Heading("Map")
    sites: list[chart.Site] = []
    rows = []
    for number, one in enumerate(views(report, "places"), 1):
        points = _points(one)
        party, error = text_of(one, "party"), max(0, number_of(one, "error_m"))
        what = "version" if one.get("kind") == "where" else "hold"
        label = f"{number} {party}"
        stands = bool(one.get("current")) and not one.get("cancelled")
        if points:
            sites.append(chart.Site(party, label, text_of(one, "shape"), points, error,
                                    faint=not stands))  # fmt: skip
        where = "; ".join(chart.written(point) for point in points[:12])
        rows.append((
            cell(Line(label, Tone.STRONG)),
            cell(f"{what} {text_of(one, 'version')}, {text_of(one, 'dtg')}",
                 text_of(one, "item")[:12]),
            cell(where or "cannot be drawn", f"and {len(points) - 12} more" * (len(points) > 12)),
            cell(metres(error) if error else "none stated"),
            cell("stands" if stands else f"{text_of(one, 'standing')}: drawn dashed and grey"),
        ))  # fmt: skip
    drawing = chart.draw(sites, parties)
    if drawing is None:
        yield Paragraph(cell(Line("no party has said where", Tone.FAINT)))
        return
    yield drawing
    heads = ("on the map", "of", "where", "stated error or radius", "standing")
    yield Table(heads, (2, 3, 4, 2, 3), tuple(rows))


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


def _clocks(incident: View) -> Iterator[Block]:
    yield Heading("Clocks kept and missed")
    rows = []
    for one in views(incident, "clocks"):
        bad = one.get("state") in ("overdue", "late", "early")
        done = one.get("done_ms")
        rows.append((
            cell(text_of(one, "debtor")),
            cell(", ".join(texts(one, "creditors"))),
            cell(text_of(one, "title"), Line(text_of(one, "id"), Tone.CODE)),
            cell(Line(("! " if bad else "") + clock_of(one), Tone.WARN if bad else Tone.PLAIN),
                 f"done {moment(done)}" if isinstance(done, int) else ""),
            cell(basis(one) or "asked for in the question itself"),
        ))  # fmt: skip
    if not rows:
        yield Paragraph(cell(Line("no agreement in force owes anything here", Tone.FAINT)))
        return
    heads = ("owed by", "to", "what", "state and time", "paragraph and provenance")
    yield Table(heads, (1, 1, 4, 3, 4), tuple(rows))
