"""An officer's own security keys, and what a browser is to have one sign for any form."""

from __future__ import annotations

from typing import Final

from starlette.responses import JSONResponse, Response

from tieline.core.errors import LocalError
from tieline.desk.web import touches
from tieline.desk.web.app import Route
from tieline.desk.web.factors import Factors
from tieline.desk.web.officers import Officer
from tieline.desk.web.screens.own import page, proved
from tieline.desk.web.visit import Visit

_ACT: Final = "desk.factor"
_KEEP: Final = "/account/key/keep"
_OTHERS: Final = ("incoming", "second")  # fields that name whoever proves itself beside the officer
_NOTHING: Final = 204


async def challenge(visit: Visit) -> Response:
    """What the browser is to have a key sign for a form; nothing where no key works here.

    The form comes as it will be sent; ``for`` says where to, ``who`` which field names the officer.
    """
    visit.allow(touches.ACT)
    asked = visit.request.query_params
    who, address = asked.get("who", ""), asked.get("for", "")[:2_000]
    officer = _other(visit, who) if who else visit.officer
    if officer is None or visit.place is None:
        return Response(status_code=_NOTHING)
    bond = visit.bond(officer, address)
    options = visit.desk.touches.ask(bond, visit.place, visit.now_ms)
    return Response(status_code=_NOTHING) if options is None else JSONResponse(options)


async def begin(visit: Visit) -> Response:
    """Prove who it is, to have a key made."""
    visit.allow(_ACT)
    if visit.place is None:
        return await page(visit, 409, problem="desk.key.place")
    if not await proved(visit):
        return await page(visit, 403, problem="desk.account.wrong")
    visit.desk.touches.grant(visit.session.hash, visit.officer.id, visit.now_ms)
    return await page(visit)


async def options(visit: Visit) -> Response:
    """What the browser needs to have a key made."""
    visit.allow(_ACT)
    held, officer = visit.desk.touches, visit.officer
    if visit.place is None or not held.granted(visit.session.hash, officer.id, visit.now_ms):
        return Response(status_code=_NOTHING)
    bond = visit.bond(officer, _KEEP)
    return JSONResponse(held.ask_made(bond, visit.place, officer.name, visit.now_ms))


async def keep(visit: Visit) -> Response:
    """The key was made: keep it under its name."""
    visit.allow(_ACT)
    if visit.place is None:
        return await page(visit, 409, problem="desk.key.place")
    bond, name = visit.bond(visit.officer, _KEEP), visit.field("name")
    try:
        visit.desk.touches.keep(bond, visit.place, name, visit.field("made"), visit.now_ms)
    except LocalError as error:
        visit.note(_ACT, error.code)
        return await page(visit, 409, problem=f"desk.problem.{error.code}")
    visit.note(_ACT, "done", f"key: {' '.join(name.split())}")
    return visit.go("/account")


async def remove(visit: Visit) -> Response:
    """Take one away; refused for the last second factor that there is."""
    visit.allow(_ACT)
    if not await proved(visit):
        return await page(visit, 403, problem="desk.account.wrong")
    keys, number = visit.desk.touches.keys, visit.field("key")
    wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 16 else 0
    stays = [one for one in keys.of(visit.officer.id) if one.id != wanted and not one.suspect_ms]
    if not stays and not Factors(visit.desk.vault).has(visit.officer.id):
        return await page(visit, 409, problem="desk.account.last")
    taken = keys.take_away(visit.officer.id, wanted)
    visit.note(_ACT, "taken away" if taken else "nothing", f"key: {taken or ''}")
    return visit.go("/account")


def _other(visit: Visit, who: str) -> Officer | None:
    if who not in _OTHERS:
        return None
    try:
        return visit.desk.officers.named(visit.field(who))
    except LocalError:
        return None


ROUTES: Final = (
    Route("/touch", challenge, "POST"),
    Route("/account/key", begin, "POST"),
    Route("/account/key/options", options, "POST"),
    Route(_KEEP, keep, "POST"),
    Route("/account/key/remove", remove, "POST"),
)
