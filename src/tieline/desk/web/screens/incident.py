"""S4, incidents: which there are, and one of them with all that each side says, asks and signs."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.desk.web import incidentlook as look
from tieline.desk.web import incidentplace as place
from tieline.desk.web import reports, shapes
from tieline.desk.web.app import Route
from tieline.desk.web.shapes import View
from tieline.desk.web.visit import Visit

SHOWN: Final = 60  # incidents of each line
LANES_OF: Final = 200  # statements of an incident whose lanes stand on its page
_LAST: Final = 1 << 62


async def incidents(visit: Visit) -> Response:
    """The list: open ones first, that whose clock ends first at the top; closed ones on request."""
    every = visit.field("all") == "1"
    lines = await place.lines(visit)
    answers = await asyncio.gather(*(
        visit.ask("incidents", line=str(line["line"]), all=every, limit=SHOWN, clocks=True,
                  language=visit.officer.language)
        for line in lines
    ))  # fmt: skip
    found: list[View] = []
    for line, answer in zip(lines, answers, strict=True):
        now_ms = shapes.number(answer["now_ms"]) or visit.now_ms
        found += [
            View({**one, "line": line["line"], "line_name": line["name"],
                  "clock": look.clock(one.view("escalation"), (), str(line["party"]), now_ms)})
            for one in answer.views("incidents")
        ]  # fmt: skip
    found.sort(key=lambda one: shapes.number(one.view("clock")["due_ms"]) or _LAST)
    return await visit.render(
        "incidents.html", every=every, channels=lines, draft=visit.field("draft"),
        open=[one for one in found if one["state"] != "closed"],
        closed=[one for one in reversed(found) if one["state"] == "closed"],
        left=sum(shapes.number(answer["left_out"]) or 0 for answer in answers),
        able=any(answer["able"] for answer in answers),
        marks=[mark for answer in answers[:1] for mark in answer.texts("marks")],
    )  # fmt: skip


async def incident(visit: Visit) -> Response:
    """The page of one incident."""
    found = await place.one(visit, place.digest(visit))
    line = str(found["line"])
    offer = await place.offered(visit, line)
    own, forms = str(offer["party"]), offer.views("forms")
    now_ms = shapes.number(found["now_ms"]) or visit.now_ms
    clocks = [look.clock(one, forms, own, now_ms) for one in found.views("clocks")]
    first = found.view("escalation")["id"]
    lanes, more_lanes = await _lanes(visit, found)
    words = visit.words
    return await visit.render(
        "incident.html",
        incident=found,
        own=own,
        line=line,
        offer=offer,
        can=look.may_say(forms) if visit.may("incident_say") else {},
        clocks=sorted(clocks, key=lambda one: not one["running"]),
        first=next((one for one in clocks if one["id"] == first), None),
        accounts=look.table(found.views("accounts"), own, words),
        attribution=look.table(found.views("attribution"), own, words),
        linked=[View({**one, "table": look.table(one.views("accounts"), own, words)})
                for one in found.views("linked")],
        joints=[look.joint(one) for one in found.views("joints")],
        messages=look.messages(found.views("messages"), words),
        lanes=lanes,
        more_lanes=more_lanes,
        chart=await _chart(visit, found, offer),
        draft=visit.field("draft"),
    )  # fmt: skip


async def _lanes(visit: Visit, found: View) -> tuple[list[look.Step] | None, int]:
    """Both lanes; None where they are long, and nobody asked for them."""
    if visit.part not in ("", "lanes"):
        return [], 0
    if (shapes.number(found["statements"]) or 0) > LANES_OF and visit.field("lanes") != "1":
        return None, 0
    answer = await visit.ask(
        "incident_timeline", line=str(found["line"]), incident=str(found["incident"]),
        language=visit.officer.language,
    )  # fmt: skip
    return look.lanes(answer, visit.words)


async def _chart(visit: Visit, found: View, offer: View) -> look.Chart | None:
    if visit.part not in ("", "map"):
        return None
    parties = [str(one["code"]) for one in offer.views("parties")]
    return await asyncio.to_thread(
        look.chart,
        found.views("places"),
        parties,
        visit.officer.language,
        visit.desk.vault.setting(look.BORDERS),
    )


async def known(visit: Visit) -> Response:
    """What the author of a message had read when it wrote it, and who had it when."""
    incident_, item = place.digest(visit), place.digest(visit, "item")
    found = await visit.ask("known", item=item, language=visit.officer.language)
    words = visit.words
    named = {
        part: [View({**one, "title": look.titled(one, words)}) for one in found.views(part)]
        for part in ("read", "unread", "crossed")
    }
    found = View({**found, **named, "title": look.titled(found, words)})
    return await visit.render("incident-known.html", incident=incident_, known=found)


async def report(visit: Visit) -> Response:
    """The report of an incident as a file, made by a process of its own.

    A form asks for it and no link does: the check of the store that it states begins with it.
    """
    visit.allow("audit")
    kind = visit.path("kind")
    if kind not in reports.KINDS:
        raise HTTPException(404)
    found = await place.one(visit, place.digest(visit))
    said = await visit.ask(
        "incident_report", line=str(found["line"]), incident=str(found["incident"]),
        language=visit.officer.language,
    )  # fmt: skip
    visit.desk.jobs.begin(
        visit.officer.name,
        visit.desk.frame.now_ms,
        lambda: visit.perform_slowly("audit"),
        lambda: visit.tell("audit"),
    )  # of the whole store, as the command line does it; the report waits for it, and nobody else
    audit = await visit.desk.jobs.ended()
    checked = View(said if audit is None else {**said, "audit": look.dict_of(audit)})
    data = await reports.made(kind, look.dict_of(checked))
    realm = "EXERCISE-" if found["exercise"] else ""
    name = f"{realm}incident-{str(found['incident'])[:8]}.{kind}"
    return Response(data, headers={
        "content-type": reports.KINDS[kind],
        "content-disposition": f'attachment; filename="{name}"',
    })  # fmt: skip


ROUTES: Final = (
    Route("/incidents", incidents),
    Route("/incident/{digest}", incident),
    Route("/incident/{digest}/known/{item}", known),
    Route("/incident/{digest}/report.{kind}", report, "POST"),
)
