"""S9, the machine and the keys: what is wrong with this station and what to do, in one place.

What needs the root key or files of the machine stays on the command line; the page shows the exact
command. Keys are compared by what was heard: the officer types the eight words that the other party
reads aloud, and the page never shows them beforehand.
"""

from __future__ import annotations

import asyncio
import json
from functools import lru_cache
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.desk.maps import data
from tieline.desk.web import shapes, spoken, trail
from tieline.desk.web.app import Route
from tieline.desk.web.incidentlook import BORDERS
from tieline.desk.web.screens.own import picture
from tieline.desk.web.shapes import View
from tieline.desk.web.visit import Visit
from tieline.node.client import ApiRefused

DAY_MS: Final = 86_400_000
MAX_TRIES: Final = 3  # wrong ones, for one party's key in one day
_KEYS: Final = "desk.keys"
_spoken: Final = lru_cache(8)(picture)  # words that are read aloud; no secret is kept here


async def admin(visit: Visit) -> Response:
    """The page of the machine and the keys."""
    return await _page(visit)


async def _page(
    visit: Visit, status: int = 200, *, problem: str = "", done: str = "", refused: str = ""
) -> Response:
    found = await visit.status()
    charters = [await _charter(visit, line) for line in found.views("lines")]
    outputs = await _outputs(visit)
    return await visit.render(
        "admin.html", status, found=found, charters=charters, problem=problem, done=done,
        refused=refused, outputs=outputs, advice=_advice(found, outputs),
        backup=found.view("backup"), out=visit.field("out") if problem or refused else "",
        line_typed=visit.field("line") if problem else "",
        views=await asyncio.to_thread(data.views), view=visit.desk.vault.setting(BORDERS),
    )  # fmt: skip


async def _charter(visit: Visit, line: View) -> dict[str, object]:
    """A line with its charter, and our own words to read aloud.

    Of each other party there is whether its words were typed in here, never what they are.
    """
    shown = await visit.ask("charter_show", line=str(line["line"]))
    own = str(line["party"])
    mine = next((p for p in shown.views("parties") if p["code"] == own), View())
    words = " ".join(mine.texts("words"))
    return {
        "line": line,
        "charter": shown,
        "summary": spoken.without(shown, own, visit.desk.vault).texts("summary"),
        "words": words,
        "picture": _spoken(f"{own}: {words}") if words else "",
        "others": [
            {
                "party": p["code"], "name": p["name"],
                "checked": spoken.checked(visit.desk.vault, p),
                "zone": _zone(visit, str(p["code"])),
            }
            for p in shown.views("parties") if p["code"] != own
        ],
    }  # fmt: skip


async def _outputs(visit: Visit) -> list[View] | None:
    """The outputs of alarms that this station has; None where it keeps none."""
    try:
        return (await visit.ask("alarms")).views("outputs")
    except ApiRefused:
        return None


def _advice(found: View, outputs: list[View] | None) -> list[tuple[str, str, str]]:
    """What is wrong beside the station's own troubles: a key of words, a value, and a command."""
    out: list[tuple[str, str, str]] = []
    if found["disk_full"]:
        out.append(("desk.admin.disk", "", "tieline doctor"))
    out += [
        ("desk.admin.output", f"{output['output']}: {output['why']}", "")
        for output in outputs or [] if output["works"] is False
    ]  # fmt: skip
    for line in found.views("lines"):
        name = str(line["name"])
        if line.texts("packs_missing"):
            out.append(("desk.admin.packs", name, "tieline pack keep FILE"))
        if line.texts("forked"):
            out.append(("desk.admin.forked", ", ".join(line.texts("forked")), "tieline proof"))
    return out


async def backup(visit: Visit) -> Response:
    """Make a backup now, into a file of the station's machine."""
    try:
        made = await visit.perform("backup", out=visit.field("out").strip())
    except ApiRefused as error:
        return await _page(visit, 409, refused=f"{error.code}: {error.message}")
    return await _page(visit, done=str(made["file"]))


async def compare(visit: Visit) -> Response:
    """Somebody typed the words that another party read aloud."""
    visit.allow(_KEYS)
    party, line = visit.field("party")[:16], visit.field("line")[:64]
    shown = await visit.ask("charter_show", line=line)
    theirs = next((p for p in shown.views("parties") if p["code"] == party), None)
    if theirs is None:
        return visit.go("/admin")
    mark, vault = spoken.mark(theirs), visit.desk.vault
    if _wrong_today(visit, mark) >= MAX_TRIES:
        return await _page(visit, 429, problem="desk.admin.tries")
    # Counted before it is judged: leaving the page gives no try back.
    vault.set(f"tries:{mark}", json.dumps([visit.now_ms // DAY_MS, _wrong_today(visit, mark) + 1]))
    if _letters(visit.field("words"), party) != "".join(theirs.texts("words")):
        visit.note(_KEYS, "words.wrong", json.dumps({"party": party}))
        return await _page(visit, 409, problem="desk.admin.words.wrong")
    vault.set(f"tries:{mark}", "")
    vault.set(f"checked:{mark}", json.dumps([visit.officer.name, visit.now_ms]))
    visit.note(_KEYS, "done", json.dumps({"party": party}))
    return visit.go("/admin")


async def zone(visit: Visit) -> Response:
    """Say in which time zone another party's officers sit; empty forgets it."""
    visit.allow("desk.zones")
    party, name = visit.field("party")[:16], visit.field("zone").strip()[:64]
    lines = (await visit.status()).views("lines")
    known = {str(peer["party"]) for line in lines for peer in line.views("peers")}
    if party not in known or (name and shapes.zone_of(name) is None):
        return await _page(visit, 409, problem="desk.admin.zone.wrong")
    told = json.dumps([name, visit.officer.name, visit.now_ms]) if name else ""
    visit.desk.vault.set(f"zone:{party}", told)
    visit.note("desk.zones", "done", json.dumps({"party": party, "zone": name}))
    visit.tell("station")
    return visit.go("/admin")


async def borders(visit: Visit) -> Response:
    """From whose point of view this desk's maps have their borders; empty is the neutral one."""
    visit.allow("desk.borders")
    view_ = visit.field("view")[:16]
    if view_ and view_ not in await asyncio.to_thread(data.views):
        raise HTTPException(400)
    visit.desk.vault.set(BORDERS, view_)
    visit.note("desk.borders", "done", json.dumps({"view": view_}))
    return visit.go("/admin")


def _zone(visit: Visit, party: str) -> View:
    """The ``zone`` of a party as this desk was told it, and by whom (``officer``)."""
    kept = visit.desk.vault.setting(f"zone:{party}")
    name, officer, _ = json.loads(kept) if kept else ("", "", 0)
    return View({"zone": name, "officer": officer})


async def ceremony(visit: Visit) -> Response:
    """The record of the key ceremony, for paper."""
    found = await visit.status()
    return await visit.render(
        "ceremony.html", found=found, head=trail.head(visit.desk.vault),
        charters=[await _charter(visit, line) for line in found.views("lines")],
    )  # fmt: skip


def _wrong_today(visit: Visit, mark: str) -> int:
    kept = visit.desk.vault.setting(f"tries:{mark}")
    day, count = json.loads(kept) if kept else (0, 0)
    return int(count) if day == visit.now_ms // DAY_MS else 0


def _letters(typed: str, party: str) -> str:
    """The words without what is free: case, spaces, hyphens, and the party before them in a QR."""
    text = typed[:400].strip().removeprefix(f"{party}:")
    return "".join(text.split()).replace("-", "").lower()


ROUTES: Final = (
    Route("/admin", admin),
    Route("/admin/ceremony", ceremony),
    Route("/admin/backup", backup, "POST"),
    Route("/admin/compare", compare, "POST"),
    Route("/admin/zone", zone, "POST"),
    Route("/admin/borders", borders, "POST"),
)
