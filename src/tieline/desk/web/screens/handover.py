"""S7, the handover of the watch: what the next officer has to know, and both stand behind it."""

from __future__ import annotations

import json
from typing import Final

from starlette.responses import RedirectResponse, Response

from tieline.core.errors import LocalError
from tieline.desk.web import handovers, shapes
from tieline.desk.web.app import Route
from tieline.desk.web.handovers import ACT, MAX_NOTE
from tieline.desk.web.officers import Officer
from tieline.desk.web.shapes import View
from tieline.desk.web.visit import Visit
from tieline.node.client import ApiRefused


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
        trial=await handovers.trial(visit), ticked=visit.fields("output"),
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
    heard = handovers.heard_of(await handovers.trial(visit), visit.fields("output"))
    problem = _unheard(heard, silent=visit.field("silent") == "yes")
    if problem:
        return await _page(visit, 409, problem)
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
    async with visit.desk.handing:
        return await _over(visit, other, body, note, proofs, heard)


async def _over(
    visit: Visit, other: Officer, body: View, note: str, proofs: dict[str, str], heard: View
) -> Response:
    """Hand over what both stand behind; once, however often the form comes."""
    if not visit.desk.sessions.stands(visit.session):  # it came twice, or the session was ended
        return visit.go("/handover")
    names = [str(one["output"]) for one in heard.views("outputs") if one["heard"]]
    if names:
        try:
            await visit.perform_as(
                other, "alarm_heard", number=shapes.number(heard["number"]), output=[*names]
            )
        except ApiRefused:  # another test has begun meanwhile, or an output is gone
            return await _page(visit, 409, "desk.handover.untested")
    desk = visit.desk
    with desk.vault.together():
        if not desk.sessions.end(visit.session):  # an administrator has ended it meanwhile
            return visit.go("/handover")
        number = handovers.keep(visit, body, note, other.name, proofs, heard)
        visit.forget("handover")
        begun = desk.sessions.begin(other, visit.now_ms)
    response = RedirectResponse(f"/handover/{number}", 303)
    response.set_cookie(desk.cookie, begun, httponly=True, samesite="strict", path="/")
    return response


def _unheard(heard: View, *, silent: bool) -> str:
    """What keeps the watch from being taken for want of a test that was heard, as a key of words.

    Where no output at all sounded, the incoming officer may take it knowing that (``silent``).
    """
    if not heard["number"]:
        return "desk.handover.untested"
    sounded = [one for one in heard.views("outputs") if one["sounded"]]
    if any(one["heard"] for one in sounded) or (silent and not sounded):
        return ""
    return "desk.handover.unheard"


async def test(visit: Visit) -> Response:
    """Have every output sound, for the incoming officer to hear."""
    visit.allow(ACT)
    await visit.perform("alarm_test")
    return visit.go("/handover#give")


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
    return officer.ready and bool(officer.role)


async def _proved(visit: Visit, officer: Officer, prefix: str) -> str:
    try:
        return await visit.prove(officer, prefix)
    except LocalError:  # too many wrong guesses
        return ""


ROUTES: Final = (
    Route("/handover", handover),
    Route("/handover/{number}", show),
    Route("/handover", give, "POST"),
    Route("/handover/test", test, "POST"),
    Route("/handover/staff", staff, "POST"),
)
