"""Evidence as a file and as JSON: the HTML around the bytes, and what a reading found.

The format is docs/evidence.md; section 7 there names the fields of the JSON, which is also that of
the vectors, so that every reader of evidence can be held against the same data.
"""

from __future__ import annotations

from collections.abc import Sequence

from tieline.core.evidence_facts import Entry, LogFacts, Report
from tieline.core.evidence_forms import Coded, Reader, Shelf, read_coded
from tieline.core.evidence_links import Readings, rungs
from tieline.core.identity import root_fingerprint, words
from tieline.node.view import Json


def as_json(report: Report, languages: Sequence[str] | None = None) -> dict[str, Json]:
    """All that a reading found, as docs/evidence.md section 7 has it, and a sentence for each.

    ``languages``: those in which coded statements are said; all of their pack when there are none.
    """
    out: dict[str, Json] = {
        "verdict": report.verdict,
        "broken": report.broken,
        "faults": [[each.code, each.number] for each in report.faults],
        "says": [each.text for each in (*report.faults, *report.gaps)],
    }
    if report.broken or report.header is None:
        return out
    header, counts = report.header, report.counts
    readings = Readings(report)
    index = {id(entry): at for at, entry in enumerate(report.entries)}
    scope = {"1": header.scope.from_ms, "2": header.scope.to_ms}
    known: dict[str, Json] = {key: value for key, value in scope.items() if value is not None}
    if header.scope.item is not None:
        known["3"] = header.scope.item.hex()
    out["gaps"] = [[each.code, each.number] for each in report.gaps]
    out["header"] = {
        "line": header.line.hex(),
        "realm": header.realm,
        "made_ms": header.made_ms,
        "maker": header.maker.hex(),
        "scope": known,
    }
    out["counts"] = {
        "charters": len(report.charters),
        "keys": counts.keys,
        "logs": len(report.logs),
        "statements": counts.statements,
        "left_out": counts.left_out,
        "second_stories": counts.second_stories,
        "second_left_out": counts.second_left_out,
        "receipts": counts.receipts,
        "notes": counts.notes,
    }
    out["words"] = [[code, said] for code, said in root_words(report)]
    out["logs"] = [_log(facts) for facts in report.logs]
    out["statements"] = [_statement(entry, readings) for entry in report.entries]
    if report.version > 1:
        _add_packs(out, report, languages)
    out["conflicts"] = [[one.digest.hex(), two.digest.hex()] for one, two in report.conflicts]
    out["shown"] = [index[id(entry)] for entry in report.shown]
    return out


def _add_packs(out: dict[str, Json], report: Report, languages: Sequence[str] | None) -> None:
    """What a file of version 2 says besides."""
    packs: list[Json] = [
        {
            "hash": digest.hex(),
            "id": pack.id,
            "tag": pack.tag,
            "version": pack.version,
            "provenance": pack.cite.provenance.value,
            "languages": [[each.tag, each.verified] for each in pack.languages],
        }
        for digest, pack in report.packs.items()
    ]
    counts, statements = out["counts"], out["statements"]
    if not isinstance(counts, dict) or not isinstance(statements, list):
        raise TypeError
    counts["packs"] = report.counts.packs
    out["packs"] = packs
    shelf = Shelf(report.charters, report.packs)
    for entry, statement in zip(report.entries, statements, strict=True):
        found = shelf.find(entry.charter, entry.content)
        if found is not None and isinstance(statement, dict):
            statement["form"] = form_json(read_coded(found, entry.content), languages)


def form_json(coded: Coded, languages: Sequence[str] | None = None) -> Json:
    """A coded statement: its answers, what breaks its form, and both in words."""
    found = coded.found
    faults: list[Json] = [[error.path, error.problem.code] for error in coded.errors]
    said: dict[str, Json] = {}
    for lang in found.pack.words if languages is None else languages:
        reader = Reader(found.pack, lang)
        rows = [reader.said(found.form, row) for row in coded.rows]
        said[lang] = {
            "title": list(reader.title(found.form)),
            "verified": reader.verified,
            "answers": [[row.label, row.word, row.fallen] for row in rows],
        }
    return {
        "pack": found.pack.hash.hex(),
        "charter": found.charter,
        "phrase": None if found.form.phrase is None else found.form.phrase.code,
        "paragraph": found.form.cite.paragraph,
        "provenance": found.form.cite.provenance.value,
        "answers": [[row.path, row.text, row.field.cite.provenance.value] for row in coded.rows],
        "faults": faults,
        "said": said,
    }


def root_words(report: Report) -> list[tuple[str, str]]:
    """The words of every root key of every party, by party, of one party the first root first."""
    out: dict[tuple[str, bytes], str] = {}
    for charter in report.charters:
        for party in charter.parties:
            print_ = root_fingerprint(party.code, charter.realm, party.root_key)
            out.setdefault((party.code, party.root_key), " ".join(words(print_)))
    return sorted(((code, said) for (code, _), said in out.items()), key=lambda row: row[0])


def _log(facts: LogFacts) -> Json:
    witnesses: list[Json] = [[name, size, time_s] for name, size, time_s in facts.witnesses]
    return {
        "log": facts.id.hex(),
        "station": facts.station.hex(),
        "party": facts.party,
        "size": facts.size,
        "root": facts.root.hex(),
        "covered": facts.covered,
        "witnesses": witnesses,
    }


def _statement(entry: Entry, readings: Readings) -> Json:
    held: list[Json] = [
        [station.hex(), size, time_s] for station, size, time_s in readings.held_by(entry)
    ]
    read: list[Json] = [
        [by.log.id.hex(), by.position, by.digest.hex()] for by in readings.read_by(entry)
    ]
    cited: list[Json] = [[by.digest.hex(), role] for by, role in entry.cited_by]
    steps: list[Json] = [[by.party, int(rung), by.digest.hex()] for by, rung in rungs(entry)]
    return {
        "digest": entry.digest.hex(),
        "log": entry.log.id.hex(),
        "position": entry.position,
        "second_story": entry.second,
        "late": entry.late,
        "observer": entry.observer,
        "party": entry.party,
        "kind": entry.kind,
        "time_ms": entry.time_ms,
        "admitted_ms": entry.admitted_ms,
        "text": entry.content.body.text,
        "held_by": held,
        "read_by": read,
        "cited_by": cited,
        "rungs": steps,
        "left_out": entry.left_out,
    }
