"""S3, one statement: their words, ours, how far it has come, and the acknowledgement."""

from __future__ import annotations

import re
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.desk.web import shapes
from tieline.desk.web.app import Route
from tieline.desk.web.shapes import View
from tieline.desk.web.visit import Visit

RUNGS: Final = ("handed over", "received", "acknowledged", "read back", "passed on")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


async def item(visit: Visit) -> Response:
    """The page of one statement. Opening it acknowledges nothing."""
    found = await _find(visit)
    return await visit.render("item.html", 200, **await _context(visit, found))


async def acknowledge(visit: Visit) -> Response:
    """Send the acknowledgement: the second of two steps, after the words were on the screen."""
    digest = _digest(visit)
    await visit.perform("ack", item=digest)
    return visit.go(f"/item/{digest}")


async def _context(visit: Visit, found: View) -> dict[str, object]:
    own = str((await visit.status())["party"])
    rungs = found.view("ladder").view(own)
    return {
        "item": found,
        "entry": await visit.ask("entry", item=str(found["item"])),
        "rungs": RUNGS,
        "ours": found["party"] == own,
        "replaced_by": found["corrected_by"] or found["cancelled_by"] or found["superseded_by"],
        "owed": own in found.view("ladder") and "acknowledged" in found.texts("wants")
        and not rungs["acknowledged"] and (not found["to"] or own in found.texts("to")),
        "acknowledged_ms": shapes.number(rungs["acknowledged"]),
    }  # fmt: skip


async def _find(visit: Visit) -> View:
    return await visit.ask("item", item=_digest(visit), language=visit.officer.language)


def _digest(visit: Visit) -> str:
    digest = visit.path("digest")
    if not _DIGEST.fullmatch(digest):
        raise HTTPException(404)
    return digest


ROUTES: Final = (
    Route("/item/{digest}", item),
    Route("/item/{digest}/acknowledge", acknowledge, "POST"),
)
