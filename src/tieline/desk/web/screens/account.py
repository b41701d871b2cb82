"""What an officer sets for itself: language, theme, keys; drafts kept; log out."""

from __future__ import annotations

import json
from typing import Final

from starlette.responses import PlainTextResponse, RedirectResponse, Response

from tieline.desk.web.app import Route
from tieline.desk.web.visit import Visit

MAX_DRAFT: Final = 200_000
MAX_KIND: Final = 120


async def manner(visit: Visit) -> Response:
    """The page of an officer's own settings."""
    return await visit.render("manner.html")


async def set_manner(visit: Visit) -> Response:
    """Keep them."""
    visit.allow("desk.manner")
    visit.desk.officers.set_manner(
        visit.officer,
        language=visit.field("language"),
        theme=visit.field("theme"),
        keys=visit.field("keys") == "yes",
    )
    return visit.go("/manner")


async def keep(visit: Visit) -> Response:
    """Keep what is being written in a form, so that no crash and no end of a session loses it."""
    visit.allow("desk.draft")
    kind, body = visit.field("kind")[:MAX_KIND], visit.field("body")
    if not kind or len(body) > MAX_DRAFT or not _is_form(body):
        return PlainTextResponse("This is no draft.\n", 400)
    once = visit.field("once")[:64]
    if once and once == visit.desk.vault.setting(f"sent {visit.officer.id}"):
        return Response(status_code=204)  # it has been sent since: it is not being written any more
    visit.desk.vault.keep_draft(visit.officer.id, kind, body, visit.now_ms)
    return Response(status_code=204)


async def logout(visit: Visit) -> Response:
    """End the session."""
    visit.desk.sessions.end(visit.session)
    visit.note("logout", "done")
    response = RedirectResponse("/login", 303)
    response.delete_cookie(visit.desk.cookie, path="/")
    return response


def _is_form(body: str) -> bool:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


ROUTES: Final = (
    Route("/manner", manner),
    Route("/manner", set_manner, "POST"),
    Route("/keep", keep, "POST"),
    Route("/logout", logout, "POST"),
)
