"""Where a page of an incident is: its digest, its line, and what the station says of it."""

from __future__ import annotations

import re
from typing import Final

from starlette.exceptions import HTTPException

from tieline.desk.web.shapes import View
from tieline.desk.web.visit import Visit
from tieline.node.client import ApiRefused

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_ELSEWHERE: Final = frozenset({"incident.unknown", "incident.ambiguous", "item.ambiguous"})


def digest(visit: Visit, name: str = "digest") -> str:
    """A digest in the path. Raises ``HTTPException`` (404) for anything else."""
    found = visit.path(name)
    if not is_digest(found):
        raise HTTPException(404)
    return found


def is_digest(text: str) -> bool:
    """Whether a text is a whole digest."""
    return _DIGEST.fullmatch(text) is not None


async def lines(visit: Visit) -> list[View]:
    """The lines that have agreements; the one of the address alone, where it names one."""
    every, wanted = (await visit.status()).views("lines"), visit.field("line")
    found = [one for one in every if str(one["line"]).startswith(wanted)] or every
    return [one for one in found if one["packs"]]


async def one(visit: Visit, name: str) -> View:
    """An incident, of whichever line it is. Raises ``HTTPException`` (404), ``ApiRefused``."""
    every = visit.field("all") == "1"
    for line in await lines(visit):
        try:
            return await visit.ask(
                "incident", line=str(line["line"]), incident=name, all=every,
                language=visit.officer.language,
            )  # fmt: skip
        except ApiRefused as error:
            if error.code not in _ELSEWHERE:
                raise
    raise HTTPException(404)


async def offered(visit: Visit, line: str, item: str = "") -> View:
    """The forms that there are to say something, and who is on the line."""
    more = {"item": item} if item else {}
    return await visit.ask("incident_forms", line=line, language=visit.officer.language, **more)


def others(offer: View) -> list[str]:
    """The codes of the other parties of a line."""
    return [str(each["code"]) for each in offer.views("parties") if each["code"] != offer["party"]]
