"""Coded statements of evidence in plain lines, in one language of their pack.

Every line gives the number of its field, its label, and what the answer says; a code with its
number on the wire behind it, so that nobody has to believe the words. What no fluent reader has
checked, what fell back to English, and how the pack's author came to know a form, is said beside.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tieline.core.agreement import phrases
from tieline.core.agreement.layout import field_marker
from tieline.core.agreement.model import Special
from tieline.core.agreement.tongue import EngineWords, Tongue
from tieline.core.errors import TielineError
from tieline.core.evidence_facts import Entry, Report
from tieline.core.evidence_forms import Coded, Found, Reader, Row, Shelf, doubtful, read_coded
from tieline.core.statement import Content
from tieline.core.terms import dtg, rfc3339
from tieline.node import packs
from tieline.node.text import visible

_INDENT: Final = "   "


def coded_statements(report: Report, language: str) -> Iterator[list[str]]:
    """The lines of each statement on a form of a pack in the file, in display order."""
    shelf = Shelf(report.charters, report.packs)
    try:
        engine = packs.engine_words()
    except TielineError:
        engine = {}  # without them keys are shown; a check of signatures does not wait for words
    for entry in report.shown:
        found = shelf.find(entry.charter, entry.content)
        if found is not None:
            coded = read_coded(found, entry.content)
            yield list(_lines(report, entry, coded, language, engine))


def marks(content: Content) -> Iterator[str]:
    """What stands beside the words of a statement, in the sentences of the page."""
    body = content.body
    if body.reserve:
        yield "WITHOUT PREJUDICE"
    if body.through is not None:
        yield f"THROUGH {visible(body.through)}: whose word its author hands on."
    if body.parties:
        yield f"Proposed for {', '.join(body.parties)}."
    if body.effective_ms is not None:
        at = rfc3339(body.effective_ms)
        late = ", also if a signature is late" if body.late_binds else ""
        yield f"Effective at {at[:10]} {at[11:19]} UTC{late}."


def marked_statements(report: Report) -> Iterator[list[str]]:
    """The lines of each statement with such marks that is on no form of a pack in the file."""
    shelf = Shelf(report.charters, report.packs)
    realm = report.header.realm if report.header else ""
    exercise = f"EXERCISE {realm}: " if realm else ""
    for entry in report.shown:
        content = entry.content
        beside = list(marks(content))
        if not beside or shelf.find(entry.charter, content) is not None:
            continue
        kind, at = content.kind.name.lower().replace("_", " "), dtg(entry.time_ms)
        out = [
            f"{exercise}statement {entry.position} of {entry.log.name}, {at}: {kind}",
            *(_INDENT + mark for mark in beside),
        ]
        if content.body.text:
            out += [f"{_INDENT}| {visible(one)}" for one in content.body.text.split("\n")]
        out += [f"{_INDENT}({number}) {value!r}" for number, value in content.body.terms or ()]
        yield out


def _lines(
    report: Report, entry: Entry, coded: Coded, language: str, engine: EngineWords
) -> Iterator[str]:
    found = coded.found
    reader = Reader(found.pack, language)
    tongue = Tongue(found.pack, engine, language)
    title, fallen = reader.title(found.form)
    called = "" if found.form.phrase is None else f"{found.form.phrase.code}: "
    said = [reader.said(found.form, row) for row in coded.rows]
    realm = report.header.realm if report.header else ""
    yield (
        f"{f'EXERCISE {realm}: ' if realm else ''}statement {entry.position} of {entry.log.name},"
        f" {dtg(entry.time_ms)}: {called}{title} ({entry.content.form}, version"
        f" {entry.content.form_version}, pack {found.pack.id} {found.pack.hash.hex()[:16]})"
    )
    for mark in _marks(found, reader, fallen=fallen or any(each.fallen for each in said)):
        yield f"{_INDENT}* {tongue.say(mark)}"
    if found.charter < entry.charter:
        yield (
            f"{_INDENT}* the pack is named by version {found.charter} of the charter, and no longer"
            f" by version {entry.charter}, by which this statement goes"
        )
    yield from (f"{_INDENT}{mark}" for mark in marks(entry.content))
    if found.form.phrase is not None:
        spoken = phrases.spoken(
            found.pack, found.form.phrase, Tongue(found.pack, engine, reader.lang)
        )
        yield from (
            f"{_INDENT}{label}: {text}" for label, text in phrases.sentences(spoken, tongue)
        )
    for row, words in zip(coded.rows, said, strict=True):
        yield _INDENT * (row.depth + 1) + _row(row, words.label, words.word, tongue)
    for error in coded.errors:
        yield f"{_INDENT}? {error.path}: breaks the form ({error.problem.code})"


def _marks(found: Found, reader: Reader, *, fallen: bool) -> Iterator[str]:
    if doubtful(found.form.cite):
        yield f"mark.{found.form.cite.provenance.value}"
    if not reader.verified:
        yield "mark.unchecked"
    if fallen:
        yield "mark.fallen"


def _row(row: Row, label: str, word: str | None, tongue: Tongue) -> str:
    marker = field_marker(row.field.number, row.depth)
    if row.answer is None:
        return f"{marker} {label}: {row.path.rpartition('[')[2].rstrip(']')}"
    text = row.text or ""
    if word is not None:
        return f"{marker} {label}: {word} ({text})"
    if isinstance(row.answer, Special):
        return f"{marker} {label}: {text} ({tongue.say(f'special.{row.answer.value}')})"
    return f"{marker} {label}: {text}"
