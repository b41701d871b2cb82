"""What waits for release, its release by a second officer, and what can still be recalled.

The releaser sees the message as it will leave, what has changed since it was written, and four
words that it can have read to it by whoever wrote it; it gives its password again; then it is
signed.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.core.errors import LocalError
from tieline.desk.web import writing
from tieline.desk.web.app import Route
from tieline.desk.web.departures import Departure, State
from tieline.desk.web.officers import folded
from tieline.desk.web.screens.compose import hold_s
from tieline.desk.web.shapes import View, number, view
from tieline.desk.web.visit import Visit
from tieline.desk.words import LANGUAGES
from tieline.node.client import ApiRefused
from tieline.node.view import Json

SHOWN: Final = 50
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_LINE: Final = re.compile(r"[0-9a-f]{1,64}")


async def drafts(visit: Visit) -> Response:
    """Everything that waits: here for its moment, at the station for a second officer."""
    found = await visit.ask("drafts", language=visit.officer.language)
    some = found.views("drafts")
    return await visit.render(
        "drafts.html", drafts=some[:SHOWN], left_out=len(some) - len(some[:SHOWN]),
        leaving=visit.desk.departures.waiting(),
    )  # fmt: skip


async def draft(visit: Visit) -> Response:
    """One draft, as its releaser looks at it."""
    return await _page(visit)


async def release(visit: Visit) -> Response:
    """Release it, after the password; unless it is FLASH it can be recalled for a moment."""
    visit.allow("release")
    found = await _draft(visit)
    if found is None:
        return await _page(visit)
    try:
        proof = await visit.prove()
    except LocalError:
        return await _page(visit, status=429, problem="desk.login.wait")
    if not proof:
        visit.note("release", "login.wrong", json.dumps({"draft": found["draft"]}))
        return await _page(visit, status=403, problem="desk.draft.wrong")
    if _same_officer(visit, found):  # the station refuses it too
        return await _page(visit, status=409)
    if visit.field("hash") != found["hash"]:
        return await _page(visit, status=409, problem="desk.draft.other")
    line, seconds = str(found["line"]), hold_s(visit)
    lang, wanted = visit.officer.language, number(found["draft"])

    async def leave() -> View:
        done = await visit.perform("release", line=line, draft=wanted, language=lang)
        _forget(visit, line, wanted)
        return done

    if found["precedence"] == "FLASH" or not seconds:
        try:
            done = await leave()
        except ApiRefused as error:
            return await _page(visit, status=409, refusal=error.message)
        return visit.go(f"/item/{done['item']}")
    one = Departure(
        name=f"{visit.officer.id}-{visit.field('once')[:32]}",
        officer=visit.officer.name,
        line=line,
        draft=wanted or 0,
        about=found,
        back=f"/draft/{wanted}?line={line}",
        leaves_ms=visit.now_ms + seconds * 1000,
    )
    held = visit.desk.departures.hold(one, seconds, leave, lambda: visit.tell("leaving"))
    return visit.go(f"/leaving/{held.name}")


async def discard(visit: Visit) -> Response:
    """Withdraw it: nobody has it, and nobody will."""
    found = await _draft(visit)
    if found is None:
        return await _page(visit)
    _recall(visit, found)
    line, wanted = str(found["line"]), number(found["draft"])
    await visit.perform("discard", line=line, draft=wanted)
    _forget(visit, line, wanted)
    return visit.go("/drafts")


async def change(visit: Visit) -> Response:
    """Take it back and write it anew, with all its words; its next releaser sees what differs."""
    visit.allow("desk.draft")
    found = await _draft(visit)
    if found is None:
        return await _page(visit)
    visit.allow("discard")
    _recall(visit, found)
    line, wanted = str(found["line"]), number(found["draft"])
    cited = {str(ref["role"]): str(ref["item"]) for ref in found.views("refs")}
    if found["kind"] != "message" or not set(cited) <= set(writing.ROLES):
        return await _page(visit, status=409, problem="desk.draft.elsewhere")
    about = writing.subject({"line": line, "form": str(found["form"] or writing.TEXT), **cited})
    form = View()
    if about.coded:
        lang = visit.officer.language
        form = await visit.ask("form", line=line, form=about.coded, language=lang)
    fields = writing.from_content(found, form, found.view("answers"))
    fields["before"] = writing.remembered(found)
    # Kept first: a desk that dies between the two has the words twice, and not lost.
    visit.desk.vault.keep_draft(visit.officer.id, about.kept_as, json.dumps(fields), visit.now_ms)
    await visit.perform("discard", line=line, draft=wanted)
    _forget(visit, line, wanted)
    return visit.go(about.address)


async def leaving(visit: Visit) -> Response:
    """What is about to leave: how long it can still be recalled; later, where it went."""
    one = _departure(visit)
    if one.state is State.GONE:
        if one.result["item"]:
            return visit.go(f"/item/{one.result['item']}")
        return visit.go(f"/draft/{one.result['draft']}?line={one.line}")
    return await visit.render("leaving.html", one=one, own=one.officer == visit.officer.name)


async def recall(visit: Visit) -> Response:
    """Keep it here. Whoever may release may recall what somebody else has released."""
    one = _departure(visit)
    visit.allow("desk.recall")
    done = visit.desk.departures.recall(one)
    visit.tell("leaving")
    visit.note("desk.recall", "done" if done else "too.late", json.dumps({"draft": one.draft}))
    return visit.go(f"/leaving/{one.name}")


# ---------------------------------------------------------------------------------------- inside


def _departure(visit: Visit) -> Departure:
    one = visit.desk.departures.find(visit.path("name"))
    if one is None:
        raise HTTPException(404)
    return one


async def _draft(visit: Visit, language: str = "") -> View | None:
    """The draft of the address; None when it waits no more."""
    wanted, line = visit.path("number"), visit.field("line")
    if not _NUMBER.fullmatch(wanted) or (line and not _LINE.fullmatch(line)):
        raise HTTPException(404)
    where: dict[str, str] = {"line": line} if line else {}
    lang = language or visit.officer.language
    try:
        return await visit.ask("draft", draft=int(wanted), language=lang, **where)
    except ApiRefused as error:
        if error.code != "draft.unknown":
            raise
        return None


async def _page(
    visit: Visit, *, status: int = 200, problem: str = "", refusal: str = ""
) -> Response:
    found = await _draft(visit)
    if found is None:
        return await visit.render("draft-gone.html", 404, number=visit.path("number"))
    line = str(found["line"])
    other = next(one for one in LANGUAGES if one != visit.officer.language)
    theirs = visit.desk.vault.setting(f"theirs {line[:16]}", other)
    other_side = await _draft(visit, theirs) if found["told"] else None
    departure = visit.desk.departures.of_draft(line, number(found["draft"]) or 0)
    return await visit.render(
        "draft.html", status,
        draft=found, theirs=theirs, other=other_side, own=_same_officer(visit, found),
        changes=await _changes(visit, found), departure=departure, problem=problem,
        refusal=refusal, hold_s=0 if found["precedence"] == "FLASH" else hold_s(visit),
        can_change=found["kind"] == "message", signs=await _signs(visit, found),
    )  # fmt: skip


async def _signs(visit: Visit, found: View) -> View | None:
    """What a signature is under, which has no words of its own; None for all else."""
    refs = found.views("refs")
    if found["kind"] != "assent" or not refs:
        return None
    return await visit.ask("item", item=str(refs[0]["item"]), language=visit.officer.language)


def _same_officer(visit: Visit, found: View) -> bool:
    return folded(str(found["officer"])) == folded(visit.officer.name)


def _before(line: str, draft: int | None) -> str:
    return f"before {line[:16]} {draft}"


def _forget(visit: Visit, line: str, draft: int | None) -> None:
    visit.desk.vault.do("DELETE FROM setting WHERE name = ?", _before(line, draft))


def _recall(visit: Visit, found: View) -> None:
    waits = visit.desk.departures.of_draft(str(found["line"]), number(found["draft"]) or 0)
    if waits is not None:
        visit.desk.departures.recall(waits)


async def _changes(visit: Visit, found: View) -> list[tuple[str, str]] | None:
    """How a draft differs from what it said before it was taken back; None: it is the first.

    Each line with ``-`` or ``+``, in the reader's language.
    """
    kept = visit.desk.vault.setting(_before(str(found["line"]), number(found["draft"])))
    if not kept:
        return None
    try:
        before = view(json.loads(kept))
    except ValueError:
        return None
    old = _lines(before, await _told(visit, str(found["line"]), before))
    new = _lines(found, found.view("told").texts("lines"))
    return [(each[0], each[2:]) for each in difflib.ndiff(old, new) if each[0] in "-+" and each[2:]]


async def _told(visit: Visit, line: str, before: View) -> list[str]:
    """What the earlier one said, in the reader's language."""
    if not before["form"]:
        return []
    answers: Mapping[str, object] = before.view("answers")
    typed = {str(path): str(text) for path, text in answers.items()}
    refs: list[Json] = [
        {"item": str(x["item"]), "role": str(x["role"])} for x in before.views("refs")
    ]
    try:
        filled = await visit.ask(
            "fill", line=line, form=str(before["form"]), answers={**typed}, refs=refs,
            language=visit.officer.language,
        )  # fmt: skip
    except ApiRefused:
        return [f"{path}: {text}" for path, text in typed.items()]
    return filled.view("told").texts("lines")


def _lines(content: View, told: list[str]) -> list[str]:
    """What a message says, line by line, its precedence and addressees first."""
    head = [str(content["precedence"] or ""), ", ".join(content.texts("to"))]
    return [*head, *told, *str(content["text"] or "").splitlines()]


ROUTES: Final = (
    Route("/drafts", drafts),
    Route("/draft/{number}", draft),
    Route("/draft/{number}/release", release, "POST"),
    Route("/draft/{number}/discard", discard, "POST"),
    Route("/draft/{number}/change", change, "POST"),
    Route("/leaving/{name}", leaving),
    Route("/leaving/{name}/recall", recall, "POST"),
)
