"""A reading of evidence in plain sentences, for a person who must rely on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tieline.core.agreement.tongue import ENGLISH
from tieline.core.evidence_facts import Finding, LogFacts, Report
from tieline.core.terms import MAX_TIME_MS, dtg, rfc3339
from tieline.node.evidence import root_words
from tieline.node.evidenceforms import coded_statements, marked_statements

VERDICTS: Final = {
    "checked": "everything in it was checked and fits",
    "partly": "what could be checked fits; some things could not be checked here",
    "failed": "FAILED: it is not what it says",
}
_SHOWN: Final = 20

OTHER_PAGE: Final = (
    "the page around the record is not the one that this version of Tieline writes: rely on"
    " this check, not on what that page shows"
)


def explain(report: Report, *, known_page: bool, language: str | None = None) -> list[str]:
    """Each step of the check, and what came of it.

    ``language``: that of coded statements, all of which are then told; else some, in English.
    """
    out = list(_about(report))
    if report.header is not None and not report.broken:
        out += _steps(report)
        out += _forms(report, language)
        out += _marked(report, whole=language is not None)
    out += _findings("not checked", report.gaps, report.more_gaps)
    if not known_page:
        out.append(OTHER_PAGE)
    return out


def _about(report: Report) -> Iterator[str]:
    """What the file says it is."""
    header = report.header
    if header is None:
        return
    charter = report.charters[-1] if report.charters else None
    name = f"the line '{charter.name}'" if charter else f"the line {header.line.hex()}"
    if header.realm:
        yield f"EXERCISE {header.realm}: nothing in it is of the real world"
    yield f"evidence of {name}, made at {rfc3339(header.made_ms)} (the word of its maker)"
    scope = header.scope
    if scope.item is not None:
        yield f"it is about the thread of statement {scope.item.hex()[:12]}"
    if (scope.from_ms, scope.to_ms) != (None, None):
        start = "the beginning" if scope.from_ms is None else dtg(scope.from_ms)
        end = "its end" if scope.to_ms in (None, MAX_TIME_MS) else dtg(scope.to_ms or 0)
        yield f"it is about the time from {start} to {end}"
    if scope.whole:
        yield "it says that it holds the whole line"


def _steps(report: Report) -> Iterator[str]:
    counts = report.counts
    count = len(report.charters)
    yield (
        f"1. charter: {count} version{'s' if count > 1 else ''}, each signed by all of its parties"
        " and following from the one before"
    )
    yield "   whoever doubts that these are the parties compares the words of their root keys:"
    yield from (f"   {code:<12} {said}" for code, said in root_words(report))
    yield from _key_changes(report)
    good = len(report.entries)
    yield (
        f"2. statements: {counts.statements + counts.second_stories} in the file, {good} of them"
        " signed by the stations that they name and in their places"
    )
    yield f"3. logs: {len(report.logs)}"
    yield from (f"   {_log(facts)}" for facts in report.logs)
    good = sum(len(facts.covers) for facts in report.logs)
    yield (
        f"4. receipts: {counts.receipts}, and {counts.notes} signed heads of logs; {good}"
        " cosignatures verify, each of a station that held a log so far at a time"
    )
    for facts in report.logs:
        for name in sorted({name for name, _, _ in facts.witnesses}):
            size = max(size for who, size, _ in facts.witnesses if who == name)
            yield f"   witness {name} saw {facts.name} up to {size} statements"
    yield from _late(report)
    for one, other in report.conflicts[:_SHOWN]:
        yield (
            f"TWO STORIES: {one.log.name} signed two statements after one and the same, under"
            f" number {one.position}: {one.digest.hex()[:12]} and {other.digest.hex()[:12]}"
        )


def _forms(report: Report, language: str | None) -> Iterator[str]:
    """Coded statements, in the words of the packs that are in the file."""
    if report.version == 1:
        return
    names = ", ".join(f"{pack.id} {pack.version}" for pack in report.packs.values()) or "none"
    every = list(coded_statements(report, language or ENGLISH))
    are = "statement is" if len(every) == 1 else "statements are"
    yield f"5. packs: {names}; {len(every)} {are} on a form of one"
    told = every if language else every[:_SHOWN]
    for lines in told:
        yield from (f"   {line}" for line in lines)
    if len(told) < len(every):
        yield f"   {len(every) - len(told)} more; --language en shows all"


def _marked(report: Report, *, whole: bool) -> Iterator[str]:
    """Joint statements, and what is said without prejudice or for another."""
    every = list(marked_statements(report))
    if not every:
        return
    are = "statement is" if len(every) == 1 else "statements are"
    number = 5 if report.version == 1 else 6
    yield (
        f"{number}. marks: {len(every)} {are} joint, without prejudice or through another, beside"
        " those on a form"
    )
    told = every if whole else every[:_SHOWN]
    for lines in told:
        yield from (f"   {line}" for line in lines)
    if len(told) < len(every):
        yield f"   {len(every) - len(told)} more; --language en shows all"


def _key_changes(report: Report) -> Iterator[str]:
    """Who observes, and what later versions of the charter did with keys and logs."""
    observers: tuple[str, ...] = ()
    for charter in report.charters:
        if charter.observers != observers:
            observers = charter.observers
            yield f"   observers since version {charter.version}: {', '.join(observers) or 'none'}"
    for charter in report.charters:
        for code, _ in charter.reroot:
            yield (
                f"   version {charter.version} gave {code} another root key, without the old one:"
                f" {code} has two rows above, the former one first"
            )
        if charter.closed:
            yield f"   version {charter.version} says where {len(charter.closed)} logs end"


def _late(report: Report) -> Iterator[str]:
    late = [entry for entry in report.shown if entry.late]
    for entry in late[:_SHOWN]:
        yield (
            f"   LATE: statement {entry.position} of {entry.log.name} was signed with a key that"
            " the charter ended, and is beyond the end of its log: it has no effect"
        )
    if len(late) > _SHOWN:
        yield f"   LATE: {len(late) - _SHOWN} more"
    told = [entry for entry in report.shown if entry.observer and not entry.late]
    for entry in told[:_SHOWN]:
        yield (
            f"   OBSERVER: statement {entry.position} of {entry.log.name} is of an observer, which"
            " says nothing on this line: it is not heard and has no effect"
        )
    if len(told) > _SHOWN:
        yield f"   OBSERVER: {len(told) - _SHOWN} more"


def _log(facts: LogFacts) -> str:
    here = facts.size - facts.left_out
    out = f"{facts.name}: {facts.size} statements, {here} here, {facts.left_out} left out"
    out += f"; signed for up to {facts.covered}" if facts.covered else "; no signed head"
    if facts.sealed:
        out += f", with ML-DSA-44 up to {facts.sealed}"
    return out


def _findings(what: str, found: list[Finding], more: int) -> Iterator[str]:
    for each in found[:_SHOWN]:
        yield f"{what} (item {each.number}, {each.code}): {each.text}"
    rest = len(found) - len(found[:_SHOWN]) + more
    if rest:
        yield f"{what}: {rest} more"
