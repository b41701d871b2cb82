"""S1, the watch: is each line up, what do we owe, what have they not read."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.responses import Response

from tieline.desk.web import shapes
from tieline.desk.web.app import Route
from tieline.desk.web.shapes import View
from tieline.desk.web.visit import Visit
from tieline.node.view import Json

DAY_MS: Final = 86_400_000
SHOWN_ITEMS: Final = 25
SHOWN_DUES: Final = 25
SHOWN_INCIDENTS: Final = 12
TONES: Final = {"up": "good", "degraded": "warn", "test overdue": "warn"}


async def watch(visit: Visit) -> Response:
    """The page of the watch."""
    found = View()  # a part of the page asks for what it shows, and no more
    dues: list[View] = []
    incidents: list[View] = []
    if visit.part in ("", "lines", "inbound", "outbound", "rate"):
        visit.soon("traffic", **open_items(visit))
    lines = (await visit.status()).views("lines")
    only = [one for one in lines if str(one["line"]).startswith(visit.field("line"))]
    some = frozenset(str(one["line"]) for one in only or lines)
    if visit.part in ("", "incidents", "dues"):
        dues, incidents = await agreed(visit, some)
    if visit.part in ("", "lines", "inbound", "outbound", "rate"):
        found = await visit.ask("traffic", **open_items(visit))
    inbound, outbound = sorted_traffic(found, shapes.number(found["now_ms"]) or visit.now_ms)
    told = [line for line in found.views("lines") if line["line"] in some]
    elsewhere = sum(one["line"] not in some for one in inbound)
    inbound, outbound = (
        [one for one in items if one["line"] in some] for items in (inbound, outbound)
    )
    return await visit.render(
        "watch.html",
        some=some,
        elsewhere=elsewhere,
        dues=dues,
        incidents=incidents,
        rung=found.view("rung"),
        inbound=inbound,
        outbound=outbound,
        left_out=sum(shapes.number(x["left_out"]) or 0 for x in told),
        complete=all(line["complete"] for line in told),
        tones=TONES,
        tests=_tests(found),
    )


def _tests(found: View) -> dict[str, View]:
    """By the id of a line and of a station: its tests; by the line alone: the next one."""
    out: dict[str, View] = {}
    for line in found.views("lines"):
        tests = line.view("tests")
        out[str(line["line"])] = tests
        for peer in tests.views("peers"):
            out[f"{line['line']}/{peer['station']}"] = peer
    return out


def sorted_traffic(found: View, now_ms: int) -> tuple[list[View], list[View]]:
    """What is open with us and with them, of an answer of ``traffic``, in the order of need."""
    inbound: list[View] = []
    outbound: list[View] = []
    for line in found.views("lines"):
        own, named = str(line["party"]), {"line": line["line"]}
        inbound += [View({**_inbound(x, own, now_ms), **named}) for x in line.views("inbound")]
        outbound += [
            View({**_outbound(x), **named})
            for x in (*line.views("outbound"), *line.views("acknowledged"))
        ]
    inbound.sort(key=lambda item: (-shapes.rank(item["precedence"]), item["due_ms"] or 0))
    outbound.sort(key=lambda item: -(shapes.number(item["seq"]) or 0))
    return inbound, outbound


def open_items(visit: Visit) -> dict[str, Json]:
    """How the watch asks for what is open, so that one answer serves whoever asks so."""
    return {"limit": SHOWN_ITEMS, "language": visit.officer.language}


async def agreed(visit: Visit, some: frozenset[str] | None = None) -> tuple[list[View], list[View]]:
    """What agreements want within a day, and the open incidents, of the lines that have packs.

    ``some``: of these lines alone.
    """
    status = await visit.status()
    now_ms = shapes.number(status["now_ms"]) or visit.now_ms
    every = [str(x["line"]) for x in status.views("lines") if x["packs"]]
    lines = [x for x in every if some is None or x in some]
    lang = visit.officer.language
    asked = [
        visit.ask("obligations", line=x, open=True, limit=SHOWN_DUES, language=lang) for x in lines
    ]
    asked += [
        visit.ask("incidents", line=x, limit=SHOWN_INCIDENTS, clocks=True, language=lang)
        for x in lines
    ]
    answers = await asyncio.gather(*asked)
    dues = [
        View({**_due(one, now_ms), "line": line})
        for line, answer in zip(lines, answers, strict=False)
        for one in answer.views("obligations")
        if one["due"] and one["ours"] in ("open", "overdue")
    ]
    soon = [one for one in dues if (shapes.number(one["due_ms"]) or 0) < now_ms + DAY_MS]
    incidents = [
        View({**one, "clock": _due(one.view("escalation"), now_ms), "line": line})
        for line, answer in zip(lines, answers[len(lines) :], strict=True)
        for one in answer.views("incidents")
    ]
    last = 1 << 62
    incidents.sort(key=lambda one: shapes.number(one.view("clock")["due_ms"]) or last)
    soon.sort(key=lambda one: shapes.number(one["due_ms"]) or last)
    return soon, incidents


def _due(one: View, now_ms: int) -> View:
    """An obligation with when it is due at the latest (UTC ms), and how long until then."""
    bracket = one["due"]
    due_ms = shapes.number(bracket[-1]) if isinstance(bracket, list) and bracket else None
    return View({**one, "due_ms": due_ms, "left_ms": None if due_ms is None else due_ms - now_ms})


async def test_line(visit: Visit) -> Response:
    """Send a line test."""
    await visit.perform("test", line=visit.field("line"))
    return visit.go("/")


def _inbound(item: View, own: str, now_ms: int) -> View:
    due_ms = shapes.number(item.view("due")[own])
    return View({**item, "due_ms": due_ms, "left_ms": None if due_ms is None else due_ms - now_ms})


def _outbound(item: View) -> View:
    overdue = {str(missed["party"]) for missed in item.views("overdue")}
    parties: list[dict[str, object]] = []
    for party, rungs in item.view("ladder").items():
        if party not in item.view("due"):
            continue
        reached = shapes.view(rungs)
        read = reached["acknowledged"]
        state = "read" if read else "with_them" if reached["received"] else "queued"
        parties.append({
            "party": party, "state": state, "at_ms": read or reached["received"],
            "overdue": party in overdue and not read,
        })  # fmt: skip
    return View({**item, "parties": parties})


ROUTES: Final = (
    Route("/", watch),
    Route("/test-line", test_line, "POST"),
)
