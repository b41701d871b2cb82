"""S5, agreements: who owes what by when and why, the calendar, quotas, what holds, what to ask."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import quote_plus, urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.desk.web import shapes
from tieline.desk.web.app import Route
from tieline.desk.web.shapes import View, number
from tieline.desk.web.visit import Visit

DAY_MS: Final = 86_400_000
SHOWN: Final = 40  # obligations of one list
SHOWN_ENTRIES: Final = 120
SHOWN_ROWS: Final = 60
SPAN_DAYS: Final = 28
TABS: Final = (
    ("", "owed"), ("/calendar", "calendar"), ("/quotas", "quotas"), ("/validities", "holds"),
    ("/questions", "questions"), ("/packs", "packs"),
)  # fmt: skip
OPEN: Final = frozenset({"open", "overdue"})
ANSWERING: Final = frozenset({"answers", "predecessor"})
BAR_WIDTH: Final = 300
MIN_MS, MAX_MS = 0, 253_402_300_799_000


async def owed(visit: Visit) -> Response:
    """What we owe, first what is due first; what others owe; what was settled lately."""
    line, shared = await _line(visit)
    ours: list[View] = []
    theirs: list[View] = []
    settled: list[View] = []
    found = View()
    if line:
        found = await visit.ask("obligations", open=True, limit=SHOWN, sides=True, **shared)
        now_ms = number(found["now_ms"]) or visit.now_ms
        own = str(line["party"])
        shown = [_due(one, now_ms, str(line["line"])) for one in found.views("obligations")]
        ours = [one for one in shown if one["debtor"] == own]
        theirs = [one for one in shown if one["debtor"] != own]
        if visit.field("settled"):
            all_ = await visit.ask("obligations", limit=SHOWN, **shared)
            settled = [
                _due(one, now_ms, str(line["line"])) for one in reversed(all_.views("obligations"))
            ]
    return await _page(
        visit, line, "owed",
        ours=ours, theirs=theirs, settled=settled, more=number(found["left_out"]) or 0,
        week=number(found["week"]) or 0,
        over_ms=found["over_ms"], missing=found.texts("missing"), damaged=found.texts("damaged"),
    )  # fmt: skip


async def why(visit: Visit) -> Response:
    """Why an obligation is as it is: every input, the paragraph, and who checked the rule."""
    line, shared = await _line(visit)
    if not line:
        raise HTTPException(404)
    one = await visit.ask("explain", obligation=visit.path("id")[:400], **shared)
    now_ms = (await visit.status())["now_ms"]
    return await _page(
        visit, line, "why",
        one=_due(one, number(now_ms) or visit.now_ms, str(line["line"])),
        inputs=[_input(each) for each in one.views("inputs")],
    )  # fmt: skip


async def calendar(visit: Visit) -> Response:
    """What comes when, by day, and the rounds of exchanges."""
    line, shared = await _line(visit)
    start = _from(visit)
    days: list[tuple[str, list[View]]] = []
    rounds: list[View] = []
    left_out = 0
    if line:
        found = await visit.ask(
            "calendar", from_ms=start, to_ms=min(start + SPAN_DAYS * DAY_MS, MAX_MS), **shared
        )
        entries = found.views("entries")
        left_out = max(0, len(entries) - SHOWN_ENTRIES)
        days = _by_day(entries[:SHOWN_ENTRIES])
        rounds = found.views("rounds")[:SHOWN_ROWS]
    return await _page(
        visit, line, "calendar", days=days, rounds=rounds, left_out=left_out,
        start_ms=start, before=_day(start - SPAN_DAYS * DAY_MS),
        after=_day(start + SPAN_DAYS * DAY_MS),
    )  # fmt: skip


async def calendar_file(visit: Visit) -> Response:
    """A year of it as a file for another calendar, as ``tieline calendar --ics`` writes it."""
    from tieline.node.ics import write_ics

    line, shared = await _line(visit)
    if not line:
        raise HTTPException(404)
    found = await visit.ask("calendar", **shared)
    data = write_ics(
        found.views("entries"),  # type: ignore[arg-type]  # a view is JSON of the station
        line=f"{found['name']} {str(found['line'])[:8]}",
        realm=str(found["realm"] or ""),
        now_ms=number(found["now_ms"]) or visit.now_ms,
    )
    name = shapes.file_name(str(found["realm"] or ""), f"calendar-{str(found['line'])[:8]}.ics")
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type="text/calendar; charset=utf-8", headers=headers)


async def quotas(visit: Visit) -> Response:
    """What is used and left of each quota, as bars with their numbers."""
    line, shared = await _line(visit)
    found = await visit.ask("quotas", **shared) if line else View()
    all_ = found.views("quotas")
    return await _page(
        visit, line, "quotas", quotas=[_bar(one) for one in all_[:SHOWN_ROWS]],
        left_out=max(0, len(all_) - SHOWN_ROWS),
    )  # fmt: skip


async def validities(visit: Visit) -> Response:
    """What holds, and until when."""
    line, shared = await _line(visit)
    found = await visit.ask("validities", **shared) if line else View()
    all_ = found.views("validities")
    return await _page(
        visit, line, "holds", windows=all_[:SHOWN_ROWS], left_out=max(0, len(all_) - SHOWN_ROWS)
    )


async def questions(visit: Visit) -> Response:
    """What may be worth a question: each is said as one, and none as a finding."""
    line, shared = await _line(visit)
    found = await visit.ask("questions", **shared) if line else View()
    all_ = [
        View({**one, "items": one.texts("items") or [one["item"]] if one["item"] or one["items"]
              else []})
        for name in ("splitting", "gaps", "twice", "lacking")
        for one in found.views(name)
    ]  # fmt: skip
    return await _page(
        visit, line, "questions", asks=all_[:SHOWN_ROWS], left_out=max(0, len(all_) - SHOWN_ROWS)
    )


async def packs(visit: Visit) -> Response:
    """The agreements in force: their standing between the parties, languages and forms."""
    line, shared = await _line(visit)
    found = await visit.ask("packs", **shared) if line else View()
    forms = await visit.ask("forms", **shared) if line else View()
    by_pack = {str(one["tag"]): [View()][:0] for one in found.views("packs")}
    for form in (*forms.views("forms"), *forms.views("phrases")):
        by_pack.setdefault(str(form["form"]).partition("/")[0], []).append(form)
    return await _page(
        visit, line, "packs", packs=found.views("packs"), pack_forms=by_pack,
        missing=found.texts("missing"), damaged=found.texts("damaged"),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------ parts


async def _page(visit: Visit, line: View, tab: str, **context: object) -> Response:
    status = await visit.status()
    lines = [one for one in status.views("lines") if one["packs"] or one["packs_missing"]]
    query = f"?{urlencode({'line': str(line['line'])[:16]})}" if line else ""
    return await visit.render(
        "agreements.html", 200, tab=tab, tabs=TABS, line=line, agreed=lines, query=query, **context
    )


async def _line(visit: Visit) -> tuple[View, dict[str, str]]:
    """The line that the address names, or the first with agreements; and what each act is told."""
    status = await visit.status()
    wanted = visit.field("line")
    lines = [one for one in status.views("lines") if one["packs"] or one["packs_missing"]]
    chosen = [one for one in lines if str(one["line"]).startswith(wanted)]
    line = chosen[0] if chosen else View()
    if wanted and not line:
        raise HTTPException(404)
    return line, {"line": str(line["line"]), "language": visit.officer.language}


def _due(one: View, now_ms: int, line: str) -> View:
    """An obligation with its two times, how long until the later one, and what is to be drafted."""
    bracket = one["due"] if isinstance(one["due"], list) else []
    ends = [number(each) for each in bracket]
    first, last = (ends[0], ends[-1]) if ends else (None, None)
    forms = one.texts("calms")
    cites = str(one["trigger"]) if one["trigger"] and one["cites"] in ANSWERING else ""
    answers = f"&answers={quote_plus(cites)}" if cites else ""
    drafts = [(form, _compose(line[:16], form) + answers) for form in forms[:4]]
    return View({
        **one,
        "first_ms": first,
        "due_ms": last,
        "left_ms": None if last is None else last - now_ms,
        "drafts": drafts if one["state"] in OPEN else [],
    })  # fmt: skip


@lru_cache(maxsize=256)
def _compose(line: str, form: str) -> str:
    """The address at which a form is filled: the same few forms stand at every obligation."""
    return "/compose?" + urlencode({"line": line, "form": form})


def _input(one: View) -> View:
    """An input with its value as it is written, and the statement that it comes from."""
    value, kind = one["value"], str(one["kind"])
    shown = "-" if value is None else str(value)
    at_ms = None
    count = number(value)
    if count is not None and kind == "time":
        at_ms = count if MIN_MS < count < MAX_MS else None
    elif count is not None and kind == "date":
        shown = _day(count * DAY_MS) or shown
    elif count is not None and kind == "duration":
        shown = shapes.left(count)
    return View({
        **one, "shown": shown, "at_ms": at_ms,
        "link": str(value) if kind == "message" and value else str(one["item"] or ""),
    })  # fmt: skip


def _by_day(entries: list[View]) -> list[tuple[str, list[View]]]:
    days: dict[str, list[View]] = {}
    for one in entries:
        days.setdefault(_day(number(one["at_ms"]) or 0), []).append(one)
    return [*days.items()]


def _from(visit: Visit) -> int:
    """The first day that the address names, or today (UTC), as ms."""
    wanted = visit.field("from")
    if re.fullmatch(r"\d{4}-\d\d-\d\d", wanted, re.ASCII):
        try:
            day = datetime.strptime(wanted, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            raise HTTPException(404) from None
        start = int(day.timestamp()) * 1000
    else:
        start = visit.now_ms // DAY_MS * DAY_MS
    return max(MIN_MS, min(start, MAX_MS - SPAN_DAYS * DAY_MS))


def _day(ms: int) -> str:
    """A day (UTC) as ISO; empty where the calendar ends."""
    if not MIN_MS <= ms <= MAX_MS:
        return ""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).strftime("%Y-%m-%d")


def _bar(one: View) -> View:
    """A quota with the widths of its bar: used, not answered yet, and the whole."""
    used, pending = number(one["used"]) or 0, number(one["pending"]) or 0
    limit = number(one["limit"])
    whole = max(limit or 0, used + pending, 1)
    years = one["years"] if isinstance(one["years"], list) else []
    return View({
        **one,
        "used_width": round(used * BAR_WIDTH / whole),
        "pending_width": round(pending * BAR_WIDTH / whole),
        "limit_at": None if limit is None else round(limit * BAR_WIDTH / whole),
        "span": "\N{EN DASH}".join(dict.fromkeys(str(year) for year in years)),
        "shares": [
            share for share in (*one.views("parties"), *one.views("objects")) if share["used"]
        ][:SHOWN_ROWS],
    })  # fmt: skip


ROUTES: Final = (
    Route("/agreements", owed),
    Route("/agreements/calendar", calendar),
    Route("/agreements/calendar.ics", calendar_file),
    Route("/agreements/quotas", quotas),
    Route("/agreements/validities", validities),
    Route("/agreements/questions", questions),
    Route("/agreements/packs", packs),
    Route("/agreements/owed/{id:path}", why),
)
