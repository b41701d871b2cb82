"""S6, the record: what was said, newest first; search; one statement's check; two stories."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.core import proof
from tieline.core.errors import TielineError
from tieline.core.terms import Kind, Precedence
from tieline.desk.times import MINUTE_MS, read_time
from tieline.desk.web import shapes, spoken, transfer
from tieline.desk.web.app import Route
from tieline.desk.web.shapes import View
from tieline.desk.web.visit import Visit
from tieline.node.client import ApiRefused
from tieline.node.view import Json, content_view, word

SHOWN: Final = 40
WITHIN_MS: Final = 20  # of the station's time for one page; the next one goes on from there
SHOWN_PROOFS: Final = 20
MAX_FIELD: Final = 200
WHAT: Final = ("words", "party", "form", "precedence", "kind", "from", "to")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
KINDS: Final = tuple(word(kind.name) for kind in Kind if kind is not Kind.UNKNOWN)


async def record(visit: Visit) -> Response:
    """The record of a line, or what a search finds in it."""
    line, lines = await chosen_line(visit)
    wanted = {name: visit.field(name)[:MAX_FIELD].strip() for name in WHAT}
    before = _number(visit.field("before"))
    problem, found = "", View()
    if line["line"]:
        try:
            found = await visit.ask("search", **_search(wanted), line=str(line["line"]),
                                    before=before, limit=SHOWN, within_ms=WITHIN_MS,
                                    language=visit.officer.language)  # fmt: skip
        except (ApiRefused, TielineError) as error:
            problem = error.message
    searched = any(wanted.values())
    more = {name: value for name, value in wanted.items() if value}
    if len(lines) > 1:
        more["line"] = str(line["line"])
    onward = shapes.number(found["next"])
    return await visit.render(
        "record.html",
        422 if problem else 200,
        line=line, lines_known=lines, wanted=wanted, found=found, problem=problem,
        searched=searched, first=not before, parties=_parties(line), kinds=KINDS,
        precedences=[each.name for each in sorted(Precedence, reverse=True)],
        onward=f"/record?{urlencode({**more, 'before': onward})}" if onward else "",
        newest=f"/record?{urlencode(more)}" if more else "/record",
    )  # fmt: skip


def _search(wanted: dict[str, str]) -> dict[str, Json]:
    """What a form wants as the arguments of the act. Raises ``LocalError`` (``time.form``)."""
    out: dict[str, Json] = {
        name: wanted[name]
        for name in ("words", "party", "form", "precedence", "kind")
        if wanted[name]
    }
    if wanted["from"]:
        out["from_ms"] = read_time(wanted["from"])
    if wanted["to"]:
        out["to_ms"] = read_time(wanted["to"]) + MINUTE_MS - 1
    return out


async def check(visit: Visit) -> Response:
    """Check one statement now, and say each step."""
    digest = visit.path("digest")
    if not _DIGEST.fullmatch(digest):
        raise HTTPException(404)
    found = await visit.ask("item", item=digest, language=visit.officer.language)
    answer = await visit.ask("check", item=digest)
    return await visit.render(
        "record-check.html", item=found, answer=answer, steps=answer.views("steps")
    )


async def audit(visit: Visit) -> Response:
    """The check of the whole record: under way, or what it found."""
    return await visit.render("record-audit.html", audit=visit.desk.jobs.audit)


async def begin_audit(visit: Visit) -> Response:
    """Start one, beside everything else."""
    visit.allow("audit")
    desk = visit.desk
    desk.jobs.begin(
        visit.officer.name,
        desk.frame.now_ms,
        lambda: visit.perform_slowly("audit"),
        lambda: visit.tell("audit"),
    )
    return visit.go("/record/audit")


async def stories(visit: Visit) -> Response:
    """What proves that a station has told two stories."""
    found = (await visit.ask("proofs")).views("proofs")
    shown = [await _story(visit, number, one) for number, one in enumerate(found[:SHOWN_PROOFS])]
    return await visit.render(
        "record-stories.html",
        stories=shown,
        more=len(found) - len(shown),
        forked=await _forked(visit),
    )


async def _forked(visit: Visit) -> list[str]:
    lines = (await visit.status()).views("lines")
    return [name for line in lines for name in line.texts("forked")]


async def _story(visit: Visit, number: int, held: View) -> View:
    """A proof, checked here from its own bytes, with its two halves as they were signed."""
    out: dict[str, object] = {**held, "number": number, "fine": False, "halves": []}
    try:
        proven = proof.check(proof.dearmor_proof(str(held["armor"])))
    except TielineError:
        return View(out)
    halves: list[View] = []
    for statement in proven.statements:
        digest = statement.digest.hex()
        try:
            half = await visit.ask("item", item=digest, language=visit.officer.language)
        except ApiRefused:
            half = shapes.view({**content_view(statement.content), "item": digest, "seq": 0,
                                "claimed_ms": statement.place.time_ms})  # fmt: skip
        halves.append(half)
    halves += [View({"size": head.size, "root": head.root.hex()}) for head in proven.heads]
    return View({**out, "fine": True, "halves": halves, "statements": bool(proven.statements),
                 "name": proven.station_name})  # fmt: skip


async def save_story(visit: Visit) -> Response:
    """A proof as a file for a stranger."""
    found = (await visit.ask("proofs")).views("proofs")
    number = _number(visit.path("number"), -1)
    if not 0 <= number < len(found):
        raise HTTPException(404)
    held = found[number]
    named = transfer.name("proof", str(held["log"]), str(held["exercise"] or ""), visit.now_ms,
                          ".tlproof")  # fmt: skip
    return transfer.give_bytes(str(held["armor"]).encode("ascii", "replace"), named)


async def charter(visit: Visit) -> Response:
    """The charter of a line, and whose words were compared here."""
    line, lines = await chosen_line(visit)
    found = await visit.ask("charter_show", line=str(line["line"])) if line["line"] else View()
    shown = spoken.without(found, str(line["party"]), visit.desk.vault)
    return await visit.render("record-charter.html", line=line, lines_known=lines, charter=shown)


async def chosen_line(visit: Visit) -> tuple[View, list[View]]:
    """The line that the address names, else the first; and all of them."""
    lines = (await visit.status()).views("lines")
    wanted = visit.field("line")
    chosen = next((line for line in lines if line["line"] == wanted), None)
    return chosen or (lines[0] if lines else View()), lines


def _parties(line: View) -> list[str]:
    found = {str(peer["party"]) for peer in line.views("peers")}
    return sorted(found | ({str(line["party"])} if line["party"] else set()))


def _number(text: str, standard: int = 0) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else standard


ROUTES: Final = (
    Route("/record", record),
    Route("/record/audit", audit),
    Route("/record/audit", begin_audit, "POST"),
    Route("/record/stories", stories),
    Route("/record/stories/{number}/save", save_story),
    Route("/record/charter", charter),
    Route("/item/{digest}/check", check),
)
