"""The alarms: what rings and why, silence, shelf, an officer's note, and what makes them heard."""

from __future__ import annotations

import re
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from tieline.desk.web import shapes
from tieline.desk.web.app import Route
from tieline.desk.web.shapes import View
from tieline.desk.web.visit import Visit, local
from tieline.node.client import ApiRefused

BEAT_MS: Final = 5_000  # a browser that sounds says so again within this time
SHOWN: Final = 50
MINUTES: Final = 60
_TAB: Final = re.compile(r"[0-9a-f]{16}")


async def alarms(visit: Visit) -> Response:
    """The page of all alarms, with what they are heard by."""
    return await _page(visit, "", {})


async def _page(visit: Visit, problem: str, typed: dict[str, str], status: int = 200) -> Response:
    found = await visit.ask("alarms", past=True, limit=SHOWN)
    visit.desk.frame.zoned(visit, (await visit.status()).views("lines"))
    every = [_shown(one) for one in found.views("alarms")]
    test = found.view("test")
    return await visit.render(
        "alarms.html", status, found=found, test=test, problem=problem,
        typed=View(typed),
        alarms=[one for one in every if one["state"] != "over"],
        past=[one for one in every if one["state"] == "over"],
    )  # fmt: skip


async def why(visit: Visit) -> Response:
    """Why one alarm sounds, or sounded."""
    found = await visit.ask("alarms", alarm=_number(visit.path("alarm")))
    alarms = found.views("alarms")
    if not alarms:
        raise HTTPException(404)
    visit.desk.frame.zoned(visit, (await visit.status()).views("lines"))
    one = _shown(alarms[0])
    return await visit.render("why.html", one=one, found=found, typed=View())


def _shown(one: View) -> View:
    """An alarm with its reasons as the words of a language want them."""
    because = []
    for reason in one.views("because"):
        values = {
            name.removesuffix("_ms"): shapes.times(value)
            if name.endswith("_ms") and isinstance(value, int)
            else str(value)
            for name, value in reason.items()
            if name != "key"
        }
        because.append(View({"key": str(reason["key"]), "values": values}))
    return View({**one, "reasons": because, "until": shapes.times(one["until_ms"])})


async def silence(visit: Visit) -> Response:
    """Stop what sounds for 30 s."""
    await visit.perform("silence")
    return visit.go(local(visit.field("back")))


async def shelve(visit: Visit) -> Response:
    """Put an alarm away for some hours."""
    text = visit.field("hours", "8").replace(",", ".")
    try:
        minutes = round(float(text) * MINUTES)
    except (ValueError, OverflowError):
        minutes = 0
    return await _do(
        visit, "shelve", reason=visit.field("reason"), minutes=max(0, min(minutes, 10_000))
    )


async def unshelve(visit: Visit) -> Response:
    """Take an alarm back."""
    return await _do(visit, "unshelve")


async def seen(visit: Visit) -> Response:
    """Note that an alarm was seen."""
    return await _do(visit, "alarm_seen", note=visit.field("note"))


async def _do(visit: Visit, act: str, **args: str | int) -> Response:
    try:
        await visit.perform(act, alarm=_number(visit.field("alarm")), **args)
    except ApiRefused as error:
        typed = {**visit.every_field(), "act": act}
        return await _page(visit, error.message, typed, 409)
    return visit.go("/alarms")


async def test(visit: Visit) -> Response:
    """Have every output sound once."""
    await visit.perform("alarm_test")
    return visit.go("/alarms#outputs")


async def heard(visit: Visit) -> Response:
    """Note which outputs this officer has heard in the last test."""
    names = visit.fields("output")
    if names:
        await visit.perform("alarm_heard", number=_number(visit.field("number")), output=[*names])
    return visit.go("/alarms#outputs")


async def forget(visit: Visit) -> Response:
    """Strike off an output that is gone for good."""
    visit.allow("desk.outputs")
    name = visit.field("output")
    await visit.perform("output_alive", output=name, gone=True)
    visit.note("desk.outputs", "done", name)
    return visit.go("/alarms#outputs")


async def alive(visit: Visit) -> Response:
    """A browser that sounds says that it does, or that it does not any more."""
    tab = visit.field("tab")
    if not _TAB.fullmatch(tab):
        return JSONResponse({"yours": False}, 400)
    name = f"browser {tab[:6]}"  # whoever is logged in there: a watch is handed over in one tab
    if visit.field("gone"):
        await visit.perform("output_alive", output=name, run=tab, gone=True)
        return JSONResponse({"yours": False})
    done = await visit.perform(
        "output_alive", output=name, kind="browser", run=tab, next_ms=BEAT_MS,
        works=visit.field("works") == "yes", why=visit.field("why")[:200],
        tested=_number(visit.field("tested", "0")),
    )  # fmt: skip
    return JSONResponse({"yours": done["yours"] is True})


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


ROUTES: Final = (
    Route("/alarms", alarms),
    Route("/why/{alarm}", why),
    Route("/silence", silence, "POST"),
    Route("/alarms/shelve", shelve, "POST"),
    Route("/alarms/unshelve", unshelve, "POST"),
    Route("/alarms/seen", seen, "POST"),
    Route("/alarms/test", test, "POST"),
    Route("/alarms/heard", heard, "POST"),
    Route("/alarms/forget", forget, "POST"),
    Route("/alarms/alive", alive, "POST"),
)
