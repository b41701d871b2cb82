"""S10, the watch on paper: everything that is open, for the wall."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.responses import Response

from tieline.desk.web import shapes
from tieline.desk.web.app import Route
from tieline.desk.web.screens.watch import agreed, sorted_traffic
from tieline.desk.web.shapes import View
from tieline.desk.web.visit import Visit

SHOWN: Final = 60


async def paper(visit: Visit) -> Response:
    """One page with the whole state of the watch."""
    found, (dues, incidents), drafts, charters = await asyncio.gather(
        visit.ask("traffic", limit=SHOWN, language=visit.officer.language),
        agreed(visit),
        visit.ask("drafts"),
        _charters(visit),
    )
    inbound, outbound = sorted_traffic(found, shapes.number(found["now_ms"]) or visit.now_ms)
    return await visit.render(
        "paper.html",
        inbound=inbound[:SHOWN], outbound=outbound[:SHOWN], dues=dues, incidents=incidents,
        drafts=drafts.views("drafts")[:SHOWN],
        hidden=sum(shapes.number(x["left_out"]) or 0 for x in found.views("lines"))
        + max(0, len(inbound) - SHOWN) + max(0, len(outbound) - SHOWN)
        + max(0, len(drafts.views("drafts")) - SHOWN),
        complete=all(line["complete"] for line in found.views("lines")),
        contacts=[_contacts(charter) for charter in charters],
    )  # fmt: skip


async def _charters(visit: Visit) -> list[View]:
    lines = [str(line["line"]) for line in (await visit.status()).views("lines")]
    return [await visit.ask("charter_show", line=line) for line in lines]


def _contacts(charter: View) -> View:
    return View({"name": charter["name"], "version": charter["version"],
                 "parties": charter.views("parties")})  # fmt: skip


ROUTES: Final = (Route("/print", paper),)
