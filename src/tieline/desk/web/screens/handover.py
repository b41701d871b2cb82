"""S7, the handover of the watch: what the next officer has to know, and both stand behind it."""

from __future__ import annotations

import json
from typing import Final

from starlette.responses import RedirectResponse, Response

from tieline.core.errors import LocalError
from tieline.desk.web import handovers
from tieline.desk.web.app import Route
from tieline.desk.web.handovers import ACT, MAX_NOTE
from tieline.desk.web.officers import Officer
from tieline.desk.web.visit import Visit


async def handover(visit: Visit) -> Response:
    """The page: the summary as it stands, the form to hand over, and the last ones."""
    return await _page(visit)


async def _page(visit: Visit, status: int = 200, problem: str = "") -> Response:
    kept = visit.kept("handover")
    people = visit.desk.officers.all()
    lines = [one for one in (await visit.status()).views("lines") if one["member"]]
    return await visit.render(
        "handover.html", status, problem=problem, kept=None,
        told=await handovers.summary(visit),
        note_text=visit.field("note") if problem else kept.get("note", ""),
        incoming=visit.field("incoming") if problem else kept.get("incoming", ""),
        others=[one.name for one in people if _may_take(one) and one.id != visit.officer.id],
        last=handovers.newest(visit.desk.vault), member_lines=lines,
    )  # fmt: skip


async def show(visit: Visit) -> Response:
    """One handover as it was kept."""
    number = visit.path("number")
    found = None
    if number.isascii() and number.isdigit() and len(number) < 16:
        found = handovers.find(visit.desk.vault, int(number))
    if found is None:
        return await visit.render("missing.html", 404)
    return await visit.render("handover.html", kept=found, told=found.body)


async def give(visit: Visit) -> Response:
    """Hand the watch over: both prove to be themselves, and the session becomes the other's."""
    visit.allow(ACT)
    note = visit.field("note")
    if len(note) > MAX_NOTE:
        return await _page(visit, 409, "desk.handover.long")
    if visit.field("heard") != "yes":
        return await _page(visit, 409, "desk.handover.unheard")
    try:
        other = visit.desk.officers.named(visit.field("incoming"))
    except LocalError:
        return await _page(visit, 409, "desk.handover.who")
    if other.id == visit.officer.id or not _may_take(other):
        return await _page(visit, 409, "desk.handover.who")
    body = await handovers.summary(visit)
    proofs = {}
    for officer, prefix, wrong in (
        (visit.officer, "own_", "desk.handover.own.wrong"),
        (other, "other_", "desk.handover.other.wrong"),
    ):
        proof = await _proved(visit, officer, prefix)
        if not proof:
            visit.note(ACT, "login.wrong", json.dumps({"officer": officer.name}))
            return await _page(visit, 403, wrong)
        proofs[officer.name] = proof
    number = handovers.keep(visit, body, note, other.name, proofs)
    visit.forget("handover")
    desk = visit.desk
    desk.sessions.end(visit.session)
    response = RedirectResponse(f"/handover/{number}", 303)
    response.set_cookie(
        desk.cookie, desk.sessions.begin(other, visit.now_ms),
        httponly=True, samesite="strict", path="/",
    )  # fmt: skip
    return response


async def staff(visit: Visit) -> Response:
    """Say to the other parties of a line whether an officer is on watch here."""
    visit.allow("staff")
    staffed = visit.field("staffed")
    if staffed in ("yes", "no"):  # a form that does not say which says nothing
        await visit.perform(
            "staff", line=visit.field("line"), staffed=staffed == "yes",
            cause=visit.field("cause")[:200],
        )  # fmt: skip
    return visit.go("/handover")


def _may_take(officer: Officer) -> bool:
    return officer.active and not officer.renew and bool(officer.role)


async def _proved(visit: Visit, officer: Officer, prefix: str) -> str:
    try:
        return await visit.prove(officer, prefix)
    except LocalError:  # too many wrong guesses
        return ""


ROUTES: Final = (
    Route("/handover", handover),
    Route("/handover/{number}", show),
    Route("/handover", give, "POST"),
    Route("/handover/staff", staff, "POST"),
)
