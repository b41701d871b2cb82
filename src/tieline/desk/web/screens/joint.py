"""Joint statements: the text, what an amendment changes, and the acts about it.

What is signed is what was on the screen: the form names the version that it showed. Whoever makes
or signs a text shows again who it is, since either is a signature for the party.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.core.errors import LocalError, TielineError
from tieline.desk.web import incidentplace as place
from tieline.desk.web.app import Route
from tieline.desk.web.shapes import View
from tieline.desk.web.visit import Visit
from tieline.node.client import ApiRefused
from tieline.node.view import Json


async def joint(visit: Visit) -> Response:
    """The page of a joint statement: all its versions, and what our party can do."""
    return await _page(visit, await _found(visit))


async def act(visit: Visit) -> Response:
    """Sign, decline, amend, take back, or confirm that the last signature was read."""
    does = _DOES.get(visit.path("act"))
    if does is None:
        raise HTTPException(404)
    found = await _found(visit)
    version = visit.field("version")
    if not place.is_digest(version):
        raise HTTPException(400)
    try:
        done = await does(visit, found, version)
    except (ApiRefused, LocalError) as error:
        return await _page(visit, found, error)
    visit.forget(f"joint-{str(found['root'])[:16]}")
    waits = "" if done["released"] else f"?draft={done['draft']}"
    return visit.go(f"/joint/{found['root']}{waits}")


async def proposing(visit: Visit) -> Response:
    """The form of a new joint statement."""
    return await _propose_page(visit, await place.one(visit, place.digest(visit)))


async def propose(visit: Visit) -> Response:
    """Propose it."""
    found = await place.one(visit, place.digest(visit))
    try:
        await _again(visit, "joint")
        done = await visit.perform(
            "joint", line=str(found["line"]), incident=[str(found["incident"])],
            **_text(visit), parties=[*visit.fields("parties")],
        )  # fmt: skip
    except (ApiRefused, LocalError) as error:
        return await _propose_page(visit, found, error)
    visit.forget(f"joint-new-{str(found['incident'])[:16]}")
    if done["released"]:
        return visit.go(f"/joint/{done['item']}")
    return visit.go(f"/incident/{found['incident']}?draft={done['draft']}")


async def _propose_page(
    visit: Visit, found: View, problem: TielineError | ApiRefused | None = None
) -> Response:
    visit.allow("joint")
    draft = f"joint-new-{str(found['incident'])[:16]}"
    offer = await place.offered(visit, str(found["line"]))
    fields = View({**visit.kept(draft), **visit.every_field()})
    chosen = visit.fields("parties") or [str(one["code"]) for one in offer.views("parties")]
    return await visit.render(
        "joint-new.html", 409 if problem else 200, incident=found, offer=offer, draft=draft,
        typed=fields, chosen=chosen, problem=problem, others=place.others(offer),
    )  # fmt: skip


async def _found(visit: Visit) -> View:
    return await visit.ask("joint_show", item=place.digest(visit), language=visit.officer.language)


async def _page(
    visit: Visit, found: View, problem: TielineError | ApiRefused | None = None
) -> Response:
    root = str(found["root"])
    around = await visit.ask("known", item=root, language=visit.officer.language)
    incidents = around.texts("incidents")
    offer = await place.offered(visit, str(found["line"]))
    versions = found.views("versions")
    step = found.view("next")
    offered = next((one for one in versions if one["item"] == step["item"]), View())
    named = str(offer["party"]) in found.texts("parties")
    mine = [
        one for one in versions
        if any(each["party"] == offer["party"] for each in one.views("signed"))
    ]  # fmt: skip
    draft = f"joint-{root[:16]}"
    return await visit.render(
        "joint.html", 409 if problem else 200, joint=found, incident=next(iter(incidents), ""),
        offer=offer, offered=offered, step=str(step["step"] or ""), ack=step["ack"],
        named=named, mine=mine, draft=draft, problem=problem, waits=visit.field("draft"),
        typed=View({**visit.kept(draft), **visit.every_field()}),
        others=[one for one in found.texts("parties") if one != offer["party"]],
        comply="comply" in {one["does"] for one in offer.views("forms")},
    )  # fmt: skip


# ------------------------------------------------------------------------------------------ acts


async def _again(visit: Visit, act_: str) -> None:
    """Who makes or signs a text shows again who it is. Raises ``LocalError`` (``login.*``)."""
    visit.allow(act_)
    if not await visit.prove():
        visit.note(act_, "login.wrong")
        raise LocalError("login.wrong", "the password or the code is not right; nothing was sent")


async def _sign(visit: Visit, found: View, version: str) -> View:
    await _again(visit, "assent")
    more: dict[str, Json] = {"insist": True} if visit.field("insist") else {}
    return await visit.perform("assent", item=version, line=str(found["line"]), **more)


async def _decline(visit: Visit, found: View, version: str) -> View:
    more: dict[str, Json] = {"text": text} if (text := visit.field("why").strip()) else {}
    return await visit.perform(
        "joint_decline", item=version, line=str(found["line"]),
        language=visit.officer.language, **more,
    )  # fmt: skip


async def _withdraw(visit: Visit, found: View, version: str) -> View:
    return await visit.perform(
        "joint_withdraw", item=version, line=str(found["line"]), language=visit.officer.language
    )


async def _amend(visit: Visit, found: View, version: str) -> View:
    await _again(visit, "joint")
    return await visit.perform("joint", line=str(found["line"]), amends=version, **_text(visit))


async def _confirm(visit: Visit, found: View, _: str) -> View:
    ack = str(found.view("next")["ack"] or "")
    if not ack:
        raise HTTPException(409)
    return await visit.perform("ack", item=ack, line=str(found["line"]))


def _text(visit: Visit) -> dict[str, Json]:
    out: dict[str, Json] = {
        "text": visit.field("text"), "lang": visit.field("lang", "en"),
        "language": visit.officer.language,
    }  # fmt: skip
    if effective := visit.field("effective").strip():
        out["effective"] = effective
    if visit.field("late_binds"):
        out["late_binds"] = True
    if visit.field("reserve"):
        out["reserve"] = True
    if visit.field("insist"):
        out["insist"] = True
    return out


_DOES: Final[dict[str, Callable[[Visit, View, str], Awaitable[View]]]] = {
    "sign": _sign,
    "decline": _decline,
    "withdraw": _withdraw,
    "amend": _amend,
    "confirm": _confirm,
}

ROUTES: Final = (
    Route("/joint/{digest}", joint),
    Route("/joint/{digest}/{act}", act, "POST"),
    Route("/incident/{digest}/joint", proposing),
    Route("/incident/{digest}/joint", propose, "POST"),
)
