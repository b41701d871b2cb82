"""Joint statements: the text, what an amendment changes, and the acts about it.

What is signed is what was on the screen: the form names the version that it showed. Whoever makes
or signs a text shows again who it is, since either is a signature for the party. A watch officer
writes texts as drafts, which a releaser releases.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.core.errors import LocalError, TielineError
from tieline.desk.web import incidentlook as look
from tieline.desk.web import incidentplace as place
from tieline.desk.web import shapes
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


async def joints(visit: Visit) -> Response:
    """All joint statements of a line, also those that belong to no incident."""
    every, lines = visit.field("all") == "1", await _lines(visit)
    chosen = lines[0] if lines else View()
    found = await visit.ask("joints", line=str(chosen["line"]), all=every) if lines else View()
    return await visit.render(
        "joints.html", every=every, channels=lines, chosen=chosen, draft=visit.field("draft"),
        joints=[look.joint(one) for one in reversed(found.views("joints"))],
        left=shapes.number(found.view("left_out")["joints"]) or 0,
    )  # fmt: skip


async def _lines(visit: Visit) -> list[View]:
    """All lines, that of the address first."""
    every, wanted = (await visit.status()).views("lines"), visit.field("line")
    return sorted(every, key=lambda one: not (wanted and str(one["line"]).startswith(wanted)))


async def proposing(visit: Visit) -> Response:
    """The form of a new joint statement, of an incident or of none."""
    return await _propose_page(visit, await _about(visit))


async def _about(visit: Visit) -> View:
    """The incident of the address; without one only a line."""
    if visit.path("digest"):
        return await place.one(visit, place.digest(visit))
    lines = await _lines(visit)
    if not lines:
        raise HTTPException(404)
    return View({"incident": "", "line": lines[0]["line"], "name": lines[0]["name"]})


async def propose(visit: Visit) -> Response:
    """Propose it, or hand it to who signs."""
    found = await _about(visit)
    incident = str(found["incident"])
    more: dict[str, Json] = {"incident": [incident]} if incident else {}
    try:
        done = await _made(
            visit, line=str(found["line"]), parties=[*visit.fields("parties")], **more
        )
    except (ApiRefused, LocalError) as error:
        return await _propose_page(visit, found, error)
    visit.forget(_draft_of(found))
    if done["released"]:
        return visit.go(f"/joint/{done['item']}")
    back = f"/incident/{incident}?" if incident else f"/joints?line={found['line']}&"
    return visit.go(f"{back}draft={done['draft']}")


def _draft_of(found: View) -> str:
    """Under which name it is kept while it is written: for an incident, or else for a line."""
    return f"joint-new-{str(found['incident'] or found['line'])[:16]}"


async def _propose_page(
    visit: Visit, found: View, problem: TielineError | ApiRefused | None = None
) -> Response:
    visit.allow("joint_draft")
    draft = _draft_of(found)
    offer = await place.offered(visit, str(found["line"]))
    fields = View({**visit.kept(draft), **visit.every_field()})
    chosen = visit.fields("parties") or [str(one["code"]) for one in offer.views("parties")]
    action = f"/incident/{found['incident']}/joint" if found["incident"] else "/joints/new"
    return await visit.render(
        "joint-new.html", 409 if problem else 200,
        action if found["incident"] else f"{action}?line={str(found['line'])[:16]}",
        incident=found, offer=offer, draft=draft, typed=fields, chosen=chosen, problem=problem,
        others=place.others(offer), action=action,
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
    drafts = (await visit.ask("drafts")).views("drafts")
    signing = next((one for one in drafts if _signs(one, str(offered["item"]))), View())
    return await visit.render(
        "joint.html", 409 if problem else 200, joint=found, incident=next(iter(incidents), ""),
        offer=offer, offered=offered, step=str(step["step"] or ""), ack=step["ack"],
        named=named, mine=mine, draft=draft, problem=problem,
        waits=signing["draft"] or visit.field("draft"), signing=bool(signing),
        typed=View({**visit.kept(draft), **visit.every_field()}),
        others=[one for one in found.texts("parties") if one != offer["party"]],
        comply=next((str(x["form"]) for x in offer.views("forms") if x["does"] == "comply"), ""),
    )  # fmt: skip


def _signs(draft: View, item: str) -> bool:
    """Whether a draft that waits for its second officer is our signature under a version."""
    cited = [one["item"] for one in draft.views("refs")]
    return draft["kind"] == "assent" and bool(item) and item in cited


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
    return await _made(visit, line=str(found["line"]), amends=version)


async def _made(visit: Visit, **about: Json) -> View:
    """A text: signed by who may sign for the party, of anybody else a draft for one who may."""
    if not visit.may("joint"):
        return await visit.perform("joint_draft", **about, **_text(visit))
    await _again(visit, "joint")
    return await visit.perform("joint", **about, **_text(visit))


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
    Route("/joints", joints),
    Route("/joints/new", proposing),
    Route("/joints/new", propose, "POST"),
    Route("/joint/{digest}", joint),
    Route("/joint/{digest}/{act}", act, "POST"),
    Route("/incident/{digest}/joint", proposing),
    Route("/incident/{digest}/joint", propose, "POST"),
)
