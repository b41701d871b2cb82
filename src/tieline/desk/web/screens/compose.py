"""S2, compose: choose a form, fill it in, see it as both sides will read it, and let it go.

One officer may send what the charter lets one send; it waits a few seconds before it leaves. What
takes two becomes a draft at the station, for another officer's session (``drafts``). What is being
written is kept in the desk's own file as it is typed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from tieline.desk.web import departures, formfields, listed, writing
from tieline.desk.web.app import Route
from tieline.desk.web.departures import Departure
from tieline.desk.web.formfields import Both
from tieline.desk.web.shapes import View, number, view
from tieline.desk.web.visit import Visit
from tieline.desk.web.writing import Message, Subject
from tieline.desk.words import LANGUAGES
from tieline.node.client import ApiRefused
from tieline.node.view import Json

RECENT: Final = 6
KEPT_SHOWN: Final = 12
DRAFT_LIMIT: Final = 200_000


async def compose(visit: Visit) -> Response:
    """The form that the address names, or the forms there are."""
    visit.allow("desk.draft")
    about = await _about(visit)
    if not about.line or not about.form:
        return await _pick(visit, about)
    kept = visit.kept(about.kept_as)
    if kept:  # "now" was then
        at_ms = dict(visit.desk.vault.drafts(visit.officer.id))
        kept.setdefault("seen_ms", str(at_ms.get(about.kept_as, visit.now_ms)))
    fields = kept or await _prefilled(visit, about)
    return await _page(visit, about, fields, restored=bool(kept))


async def act(visit: Visit) -> Response:
    """Preview, one more entry, forget it, or send it."""
    visit.allow("desk.draft")
    about = await _about(visit)
    if not about.line or not about.form:
        return await _pick(visit, about)
    fields = visit.every_field()
    if visit.field("do") == "forget":
        visit.forget(about.kept_as)
        return visit.go(about.address)
    if not visit.part:  # a script that previews keeps the draft by itself
        _keep(visit, about, fields)
    if visit.field("do") == "send":
        return await _send(visit, about, fields)
    return await _page(visit, about, fields)


# ------------------------------------------------------------------------------------ the subject


async def _about(visit: Visit) -> Subject:
    """What is written about, with what follows from it: the line, and the form of a correction."""
    fields = {name: visit.request.query_params[name] for name in visit.request.query_params}
    about = writing.subject(fields)
    lines = [one for one in (await visit.status()).views("lines") if one["member"]]
    item = await _item(visit, about)
    if item and (about.corrects or about.cancels) and not about.form:
        about = about.with_form(str(item["form"] or writing.TEXT))
    line = str(item["line"])[:16] if item else about.line
    found = [str(x["line"]) for x in lines if str(x["line"]).startswith(line)] if line else []
    if not found and len(lines) == 1:
        found = [str(lines[0]["line"])]
    return replace(about, line=found[0][:16] if len(found) == 1 else "")


async def _item(visit: Visit, about: Subject) -> View:
    """What is answered, corrected or cancelled."""
    for digest in (about.corrects, about.cancels, about.answers):
        if digest:
            return await visit.ask("item", item=digest, language=visit.officer.language)
    return View()


async def _prefilled(visit: Visit, about: Subject) -> dict[str, str]:
    """A correction begins with what it corrects; an answer goes to who asked."""
    item = await _item(visit, about)
    if about.corrects:
        answers, form = View(), View()
        if about.coded:
            lang = visit.officer.language
            form = await visit.ask("form", line=about.line, form=about.coded, language=lang)
            answers = (await visit.ask("item_form", item=about.corrects)).view("answers")
        return writing.from_content(item, form, answers)
    if about.cancels:
        return {"precedence": str(item["precedence"] or "")} | {
            f"to:{code}": "yes" for code in item.texts("to")
        }
    return {f"to:{item['party']}": "yes"} if item else {}


async def _pick(visit: Visit, about: Subject) -> Response:
    lines = [one for one in (await visit.status()).views("lines") if one["member"]]
    lang = visit.officer.language
    packs: list[tuple[View, list[View]]] = []
    phrases: list[View] = []
    recent: list[View] = []
    suited: list[View] = []
    item = await _item(visit, about)
    if about.line:
        found = await visit.ask("forms", line=about.line, language=lang)
        forms, phrases = found.views("forms"), found.views("phrases")
        named = (await visit.ask("packs", line=about.line, language=lang)).views("packs")
        packs = [(pack, [x for x in forms if _tag(x) == pack["tag"]]) for pack in named]
        every = {str(one["form"]): one for one in (*forms, *phrases)}
        recent = [every[name] for name in _recent(visit, about.line) if name in every]
        suited = _suited(item, list(every.values()))
    kept = [
        (one, at_ms)
        for kind, at_ms in visit.desk.vault.drafts(visit.officer.id)
        if (one := writing.subject_of(kind)) is not None
    ]
    return await visit.render(
        "compose-pick.html", about=about, open_lines=lines, packs=packs, phrases=phrases,
        recent=recent, suited=suited, item=item, kept=kept[:KEPT_SHOWN], text=writing.TEXT,
    )  # fmt: skip


def _tag(form: View) -> str:
    return str(form["form"]).partition("/")[0]


def _suited(item: View, forms: list[View]) -> list[View]:
    """The forms that answer an item: those that say so, and the replies a phrase expects."""
    expected = {str(x["form"]) for x in item.view("told").view("phrase").views("expects")}
    form = item["form"]
    return [x for x in forms if (form and form in x.texts("answers")) or x["form"] in expected]


def _recent(visit: Visit, line: str) -> list[str]:
    kept = visit.desk.vault.setting(f"recent {visit.officer.id} {line}", "[]")
    return [str(one) for one in json.loads(kept)]


def _used(visit: Visit, about: Subject) -> None:
    if about.coded:
        names = [about.coded, *(x for x in _recent(visit, about.line) if x != about.coded)]
        name = f"recent {visit.officer.id} {about.line}"
        visit.desk.vault.set(name, json.dumps(names[:RECENT]))


# -------------------------------------------------------------------------------------- the page


async def _page(
    visit: Visit,
    about: Subject,
    fields: Mapping[str, str],
    *,
    status: int = 200,
    problem: str = "",
    restored: bool = False,
    tried: bool = False,
) -> Response:
    """The form with what is in it. ``tried``: it was to be sent, so its faults stand at fields."""
    lang = visit.officer.language
    form = View()
    if about.coded:
        form = await visit.ask("form", line=about.line, form=about.coded, language=lang)
    seen_ms = _seen_ms(visit, fields)
    texts = formfields.settled(form, formfields.typed(form, fields), seen_ms)
    leaving = await visit.ask("leaving", line=about.line, form=about.coded)
    said = writing.message(fields, lang, _theirs(visit, about.line))
    if not said.precedence:
        said = replace(said, precedence=str(form["precedence"] or "ROUTINE"))
    answers = formfields.answers(form, texts)
    previews, faults, refusal = await _previews(visit, about, said, answers)
    visit.desk.frame.zoned(visit, (await visit.status()).views("lines"))
    shown = formfields.shown(
        form, texts, parties=leaving.texts("parties"), now_ms=seen_ms,
        faults=faults if tried or visit.field("do") == "preview" else (),
        both=answers.path if isinstance(answers, Both) else "",
    )  # fmt: skip
    return await visit.render(
        "compose.html", status,
        about=about, form=form, shown=shown, written=said, leaving=leaving,
        item=await _item(visit, about), previews=previews, faults=faults, refusal=refusal,
        problem=problem, restored=restored, two=_takes_two(leaving, said, about),
        hold_s=hold_s(visit), tried=tried, seen_ms=seen_ms, by_list=_by_list(about, form),
    )  # fmt: skip


def _by_list(about: Subject, form: View) -> str:
    """Where a list of places is brought for this form; empty: it takes none, or cites something."""
    alone = about == Subject(line=about.line, form=about.form)
    where = {"line": about.line, "form": about.form}
    return f"/list?{urlencode(where)}" if alone and listed.takes_list(form) else ""


def _seen_ms(visit: Visit, fields: Mapping[str, str]) -> int:
    """When what is written was last looked at, from where "now" counts (UTC ms)."""
    text = fields.get("seen_ms", "")
    fixed = visit.field("do") == "send" or visit.request.method == "GET"
    good = fixed and text.isascii() and text.isdecimal() and len(text) < 16
    return min(int(text), visit.now_ms) if good else visit.now_ms


def _theirs(visit: Visit, line: str) -> str:
    """The language in which the other side is likely to read, as was chosen last on the line."""
    other = next(one for one in LANGUAGES if one != visit.officer.language)
    return visit.desk.vault.setting(f"theirs {line}", other)


async def _previews(
    visit: Visit, about: Subject, said: Message, answers: dict[str, str] | Both
) -> tuple[list[View], tuple[Mapping[str, object], ...], str]:
    """How it will read in our language and in theirs; or what is wrong with it, and a refusal."""
    languages = list(dict.fromkeys((visit.officer.language, said.theirs)))
    if isinstance(answers, Both):
        return [], (), ""
    if not about.coded:
        plain = {"text": said.text, "lang": said.lang}
        return [View({**plain, "language": one}) for one in languages] if said.text else [], (), ""
    out: list[View] = []
    for language in languages:
        try:
            filled = await visit.ask("fill", language=language, **said.fill_args(about, answers))
        except ApiRefused as error:
            return [], error.faults, "" if error.faults else error.message
        out.append(View({**filled, "remark": said.text, "lang": said.lang}))
    return out, (), ""


def _takes_two(leaving: View, said: Message, about: Subject) -> bool:
    """Whether a second officer must release it, as far as can be said before it is written."""
    text = bool(said.text.strip()) or not about.coded
    one = next(
        (x for x in leaving.views("precedences") if x["precedence"] == said.precedence), None
    )
    return one is not None and bool(one["two"] or (text and one["by_authority"]))


def hold_s(visit: Visit) -> int:
    """How long what one officer has let go waits before it leaves; s."""
    text = visit.desk.vault.setting(departures.SETTING, str(departures.HOLD_S))
    return min(int(text), departures.MOST_S) if text.isascii() and text.isdecimal() else 0


# --------------------------------------------------------------------------------------- sending


async def _send(visit: Visit, about: Subject, fields: Mapping[str, str]) -> Response:
    visit.allow("send")
    lang = visit.officer.language
    form = View()
    if about.coded:
        form = await visit.ask("form", line=about.line, form=about.coded, language=lang)
    said = writing.message(fields, lang, _theirs(visit, about.line))
    if not said.precedence:
        said = replace(said, precedence=str(form["precedence"] or "ROUTINE"))
    texts = formfields.settled(form, formfields.typed(form, fields), _seen_ms(visit, fields))
    answers = formfields.answers(form, texts)
    if isinstance(answers, Both):
        return await _page(visit, about, fields, status=409, tried=True)
    leaving = await visit.ask("leaving", line=about.line, form=about.coded)
    two = _takes_two(leaving, said, about)
    if visit.field("promised") != ("two" if two else "one"):
        return await _page(
            visit, about, fields, status=409, problem="desk.compose.promised", tried=True
        )
    try:
        if about.coded:
            await visit.ask("fill", language=lang, **said.fill_args(about, answers))
    except ApiRefused as error:
        problem = "" if error.faults else error.message
        return await _page(visit, about, fields, status=409, problem=problem, tried=True)
    args = {**said.args(about, answers), "language": lang}
    if not two and said.precedence != "FLASH" and hold_s(visit):
        return await _hold(visit, about, said, args)
    try:
        done = await visit.perform("send", **args)
    except ApiRefused as error:
        return await _page(visit, about, fields, status=409, problem=error.message, tried=True)
    sent(visit, about, said, done)
    if done["released"]:
        return visit.go(f"/item/{done['item']}")
    return visit.go(f"/draft/{done['draft']}?line={about.line}")


async def _hold(visit: Visit, about: Subject, said: Message, args: dict[str, Json]) -> Response:
    seconds = hold_s(visit)

    async def leave() -> View:
        done = await visit.perform("send", **args)
        sent(visit, about, said, done)
        return done

    one = Departure(
        name=f"{visit.officer.id}-{visit.field('once')[:32]}",
        officer=visit.officer.name,
        line=about.line,
        draft=0,
        about=view({"precedence": said.precedence, "to": [*said.to], "text": said.text,
                    "form": about.coded}),
        back=about.address,
        leaves_ms=visit.now_ms + seconds * 1000,
    )  # fmt: skip
    held = visit.desk.departures.hold(one, seconds, leave, lambda: visit.tell("leaving"))
    visit.note("desk.hold", "waiting", json.dumps({"line": about.line}))
    return visit.go(f"/leaving/{held.name}")


def sent(visit: Visit, about: Subject, said: Message, done: View) -> None:
    """It is at the station: what was kept of it is not needed, and what it was before is told."""
    visit.forget(about.kept_as)
    visit.desk.vault.set(f"sent {visit.officer.id}", visit.field("once")[:64])
    _used(visit, about)
    visit.desk.vault.set(f"theirs {about.line}", said.theirs)
    if said.before and number(done["draft"]) and not done["released"]:
        visit.desk.vault.set(f"before {about.line} {done['draft']}", said.before)


def _keep(visit: Visit, about: Subject, fields: Mapping[str, str]) -> None:
    body = json.dumps({k: v for k, v in fields.items() if k not in ("csrf", "once", "do")})
    if len(body) <= DRAFT_LIMIT:
        visit.desk.vault.keep_draft(visit.officer.id, about.kept_as, body, visit.now_ms)


ROUTES: Final = (
    Route("/compose", compose),
    Route("/compose", act, "POST"),
)
