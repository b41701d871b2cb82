"""An officer's own account: its password, its second factor, the codes for when that is lost."""

from __future__ import annotations

from typing import Final

import segno
from markupsafe import Markup
from starlette.responses import Response

from tieline.core.errors import LocalError
from tieline.desk.web import factors
from tieline.desk.web.app import Route
from tieline.desk.web.factors import Factors
from tieline.desk.web.keyring import MAX_NAME
from tieline.desk.web.visit import Visit


async def account(visit: Visit) -> Response:
    """The page of an officer's own account."""
    return await page(visit)


async def page(
    visit: Visit,
    status: int = 200,
    *,
    problem: str = "",
    secret: bytes | None = None,
    codes: list[str] | None = None,
) -> Response:
    """That page, with what has just come of it."""
    held, number = Factors(visit.desk.vault), visit.officer.id
    standing = visit.desk.officers.find(number) or visit.officer
    keys = visit.desk.touches.keys.of(number)
    party = ""
    if secret is not None:
        party = str((await visit.status())["party"] or "")
    return await visit.render(
        "account.html", status, "/account", problem=problem, codes=codes or [],
        has=held.has(number), left_codes=held.left(number),
        picture=picture(factors.address(secret, visit.officer.name, party)) if secret else "",
        typed=factors.typed(secret) if secret else "",
        enrol_ms=standing.enrol_ms, keys=keys, place=visit.place,
        last=len(keys) + held.has(number) == 1, most=MAX_NAME,
        granted=visit.desk.touches.granted(visit.session.hash, number, visit.now_ms),
    )  # fmt: skip


async def set_password(visit: Visit) -> Response:
    """Another password; every session of the officer ends with the old one."""
    visit.allow("desk.password")
    officers, officer = visit.desk.officers, visit.officer
    old, new = visit.field("old"), visit.field("new")
    try:
        if not await officers.password_fits(officer, old, visit.now_ms):
            visit.note("desk.password", "login.wrong")
            return await page(visit, 403, problem="desk.password.wrong")
        if old == new:
            return await page(visit, 409, problem="desk.account.same")
        officers.set_password(officer, new, visit.now_ms)
    except LocalError as error:
        return await page(visit, 409, problem=error.message)
    visit.note("desk.password", "done")
    return visit.go("/login")


async def begin(visit: Visit) -> Response:
    """Show a fresh secret, for an authenticator to take."""
    visit.allow("desk.factor")
    if not await proved(visit):
        return await page(visit, 403, problem="desk.account.wrong")
    visit.note("desk.factor", "begun")
    held = Factors(visit.desk.vault)
    return await page(visit, secret=held.begin(visit.officer.id, visit.now_ms))


async def confirm(visit: Visit) -> Response:
    """The authenticator has it: from now on a code is asked for."""
    visit.allow("desk.factor")
    held, number = Factors(visit.desk.vault), visit.officer.id
    secret = held.begun(number)
    if secret is None:
        return visit.go("/account")
    codes = held.confirm(number, visit.field("code")[:16], visit.now_ms, visit.session.hash)
    if codes is None:
        visit.note("desk.factor", "login.wrong")
        return await page(visit, 403, problem="desk.account.code.wrong", secret=secret)
    visit.note("desk.factor", "done")
    return await page(visit, codes=codes)


async def take_away(visit: Visit) -> Response:
    """No code is asked for any more; refused where nothing else would be asked for then."""
    visit.allow("desk.factor")
    if not await proved(visit):
        return await page(visit, 403, problem="desk.account.wrong")
    if all(one.suspect_ms for one in visit.desk.touches.keys.of(visit.officer.id)):
        return await page(visit, 409, problem="desk.account.last")
    Factors(visit.desk.vault).take_away(visit.officer.id)
    visit.note("desk.factor", "taken away")
    return visit.go("/account")


async def proved(visit: Visit) -> bool:
    """Whether it is still this officer; noted if not.

    Who has to set up a second factor has none to show: it has shown at the login what was given.
    """
    try:
        if visit.officer.enrol_ms:
            officer, password = visit.officer, visit.field("password")
            good = await visit.desk.officers.password_fits(officer, password, visit.now_ms)
        else:
            good = bool(await visit.prove())
    except LocalError:  # too many wrong guesses: as wrong as another
        good = False
    if not good:
        visit.note("desk.factor", "login.wrong")
    return good


def picture(text: str) -> Markup:
    """A text as a QR code, in SVG, black on white in both themes."""
    made = segno.make(text, error="m", micro=False)
    return Markup(made.svg_inline(scale=4, border=4, dark="#000", light="#fff"))  # noqa: S704 - ours


ROUTES: Final = (
    Route("/account", account),
    Route("/account/code", begin, "POST"),
    Route("/account/confirm", confirm, "POST"),
    Route("/account/off", take_away, "POST"),
    Route("/password", set_password, "POST"),
)
