"""Saying something in an incident, or opening one: the form that the agreements have, and its way.

What is offered, and in which order, comes from the station (act ``incident_forms``); no form is
known here by name. What is refused comes back with all that was typed.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.desk.web import formfields, saying
from tieline.desk.web import incidentplace as place
from tieline.desk.web.app import Route
from tieline.desk.web.formfields import Both
from tieline.desk.web.shapes import View
from tieline.desk.web.visit import Visit
from tieline.node.client import ApiRefused
from tieline.node.view import Json

# What goes by ``send``, and in which role it cites what it is about; the rest by ``incident_say``.
SENT: Final = {"hold": "", "hold-answer": "answers", "lift": "concerns", "comply": "concerns",
               "concern": "", "standing": "", "message": ""}  # fmt: skip
ANSWERS: Final = frozenset({"answer", "link-answer"})
SAID: Final = frozenset({"open", "word", "account", "attribute", "ask", "link", "attach", "close",
                         "reopen", "lesson", "public"}) | ANSWERS  # fmt: skip
_NARROW: Final = ANSWERS | {"hold-answer"}  # which form may be used hangs on what is answered
_SENSES: Final = ("stance", "reason", "compliance")
_PARTS: Final = ("questions", "holds", "links", "joints")
CHUNK: Final = 1 << 20
Problem = ApiRefused | Both


async def opening(visit: Visit) -> Response:
    """The form to open an incident: a first word with three fields, the rest behind a fold."""
    return await _page(visit, "open", None)


async def open_(visit: Visit) -> Response:
    """Send it, or hand it to who releases."""
    return await _act(visit, "open", None)


async def say(visit: Visit) -> Response:
    """The form for one act in an incident."""
    return await _page(visit, _does(visit), await place.one(visit, place.digest(visit)))


async def sent(visit: Visit) -> Response:
    """Send it, or hand it to who releases."""
    return await _act(visit, _does(visit), await place.one(visit, place.digest(visit)))


async def public(visit: Visit) -> Response:
    """What was said in public: the hash of a text, and of which text the line was told."""
    found = await place.one(visit, place.digest(visit))
    digest = visit.field("hash")
    asked = place.is_digest(digest)
    told = [one for one in found.views("publics") if digest in (one["hash"], one["made_hash"])]
    return await visit.render(
        "incident-public.html", incident=found, hash=digest if asked else "", told=told
    )


async def hashed(visit: Visit) -> Response:
    """The SHA-256 of a file that was given; the file itself is kept nowhere and sent to nobody."""
    visit.allow("incident_say")
    incident, file = visit.field("incident"), visit.upload("file")
    if not place.is_digest(incident) or file is None:
        raise HTTPException(400)
    made = sha256()
    while data := await file.read(CHUNK):
        await asyncio.to_thread(made.update, data)
    return visit.go(f"/incident/{incident}/public?hash={made.hexdigest()}")


def _does(visit: Visit) -> str:
    does = visit.path("does")
    if does not in SENT and does not in SAID - {"open"}:
        raise HTTPException(404)
    return does


# ----------------------------------------------------------------------------------------- the page


async def _page(
    visit: Visit, does: str, found: View | None, problem: Problem | None = None
) -> Response:
    # Who may not say it shall learn so before it has written.
    visit.allow("send" if does in SENT else "incident_say")
    lines = await place.lines(visit)
    if found is None and len(lines) > 1:  # which one, nobody guesses
        return await visit.render(
            "incident-say.html", does=does, incident=None, pick=lines, nothing=True, problem=None
        )
    line = str(found["line"] if found else lines[0]["line"]) if lines else ""
    item = visit.field("item")
    item = item if place.is_digest(item) else ""
    offer = View()
    if line:
        offer = await place.offered(visit, line, item if does in _NARROW else "")
    choices = [one for one in offer.views("forms") if one["does"] == does]
    chosen = next((one for one in choices if one["form"] == visit.field("form")), None)
    chosen = chosen or (choices[0] if choices else None)
    if chosen is None and (does != "message" or not line):
        return await visit.render(
            "incident-say.html", does=does, incident=found, pick=[], nothing=True, problem=None
        )
    form = await _form(visit, line, str(chosen["form"])) if chosen else View()
    draft, others = _draft(found, does), place.others(offer)
    visit.desk.frame.zoned(visit, (await visit.status()).views("lines"))
    shown = formfields.shown(
        form, _texts(visit, form, draft, others), faults=getattr(problem, "faults", ()),
        parties=[str(one["code"]) for one in offer.views("parties")], now_ms=visit.now_ms,
        both=problem.path if isinstance(problem, Both) else "",
    )  # fmt: skip
    said = {"line": line[:16], "form": visit.field("form")[:64], "item": item}
    rows = [*saying.opened(shown.rows, form, visit.field("aspect"))]
    return await visit.render(
        "incident-say.html", 409 if problem else 200,
        f"{visit.request.url.path}?{urlencode(said)}",
        does=does, incident=found, offer=offer, choices=choices, chosen=chosen or View(),
        form=form, shown=shown, first=[one for one in rows if one.required],
        rest=[one for one in rows if not one.required and getattr(one, "type", "") != "serial"],
        others=others, line=line, item=item, draft=draft, cited=_cited(found, item),
        problem=None if isinstance(problem, Both) else problem, typed=_plain(visit, draft),
        nothing=False, pick=[], linkable=await _linkable(visit, does, line, found),
    )  # fmt: skip


async def _form(visit: Visit, line: str, name: str) -> View:
    return await visit.ask("form", line=line, form=name, language=visit.officer.language)


def _draft(found: View | None, does: str) -> str:
    return f"incident-{str(found['incident'])[:16] if found else 'new'}-{does}"


def _texts(visit: Visit, form: View, draft: str, others: list[str]) -> dict[str, str]:
    """What stands in the boxes: what was sent, else what was kept, else a beginning."""
    if visit.request.method == "POST":
        return formfields.typed(form, visit.every_field())
    senses = {means: visit.field(means) for means in _SENSES if visit.field(means)}
    begun = saying.beginning(form, others, senses, visit.field("hash"))
    return formfields.given(form, begun) | formfields.typed(form, visit.kept(draft))


def _plain(visit: Visit, draft: str) -> View:
    """The boxes that are of no form: words, languages, marks."""
    return View({**visit.kept(draft), **visit.every_field()})


def _cited(found: View | None, item: str) -> View | None:
    """What is answered, out of the parts of the incident."""
    if found is None or not item:
        return None
    return next(
        (one for part in _PARTS for one in found.views(part) if item in (one["item"], one["root"])),
        None,
    )


async def _linkable(visit: Visit, does: str, line: str, found: View | None) -> list[View]:
    if does != "link" or found is None:
        return []
    answer = await visit.ask(
        "incidents", line=line, all=True, limit=60, clocks=True, language=visit.officer.language
    )
    every = answer.views("incidents")
    return [one for one in reversed(every) if one["incident"] != found["incident"]]


# --------------------------------------------------------------------------------------- the doing


async def _act(visit: Visit, does: str, found: View | None) -> Response:
    if visit.field(formfields.MORE) or visit.field(formfields.FEWER):
        return await _page(visit, does, found)  # one more entry, or one less; nothing is sent
    line = str(found["line"]) if found else visit.field("line")
    try:
        common = await _common(visit, line)
        if isinstance(common, Both):
            return await _page(visit, does, found, common)
        if does in SENT:
            done = await visit.perform("send", **common, **_sending(visit, does, found))
        else:
            done = await visit.perform("incident_say", **common, **_saying(visit, does, found))
    except ApiRefused as refused:
        return await _page(visit, does, found, refused)
    visit.forget(_draft(found, does))
    waits = "" if done["released"] else f"?draft={done['draft']}"
    if found is None:
        return visit.go(f"/incident/{done['item']}" if not waits else f"/incidents{waits}")
    return visit.go(f"/incident/{found['incident']}{waits}")


async def _common(visit: Visit, line: str) -> dict[str, Json] | Both:
    out: dict[str, Json] = {"line": line, "language": visit.officer.language}
    if name := visit.field("form"):
        form = await _form(visit, line, name)
        answers = formfields.answers(form, formfields.typed(form, visit.every_field()))
        if isinstance(answers, Both):
            return answers
        out["form"], out["answers"] = name, {**answers}
    if to := visit.fields("to"):
        out["to"] = [*to]
    if visit.field("reserve"):
        out["reserve"] = True
    if visit.field("through").strip():
        out["through"] = visit.field("through").strip()
    return out


def _saying(visit: Visit, does: str, found: View | None) -> dict[str, Json]:
    out: dict[str, Json] = {"does": does}
    if does in ANSWERS:
        out["item"] = visit.field("item")
        return out
    if found is None:
        return out
    incidents: list[Json] = [str(found["incident"])]
    if does == "link":
        incidents.append(visit.field("other"))
    out["incident"] = incidents
    refs: list[Json] = []
    if does == "attach":
        wanted = visit.field("attached").replace(",", " ").split()
        refs += [{"item": one.lower(), "role": "concerns"} for one in wanted]
    if does == "account" and place.is_digest(visit.field("item")):
        refs.append({"item": visit.field("item"), "role": "corrects"})
    if refs:
        out["refs"] = refs
    return out


def _sending(visit: Visit, does: str, found: View | None) -> dict[str, Json]:
    out: dict[str, Json] = {}
    out["incident"] = [str(found["incident"])] if found else []
    role, item = SENT[does], visit.field("item")
    if role and item:
        out["refs"] = [{"item": item, "role": role}]
    if does == "message":
        out["text"], out["lang"] = visit.field("text"), visit.field("lang", "en")
    return out


UPLOADS: Final = ("/incident-file",)
ROUTES: Final = (
    Route("/incidents/open", opening),
    Route("/incidents/open", open_, "POST"),
    Route("/incident-file", hashed, "POST"),
    Route("/incident/{digest}/public", public),
    Route("/incident/{digest}/say/{does}", say),
    Route("/incident/{digest}/say/{does}", sent, "POST"),
)
