"""A list of sites: brought as a file, looked at row by row, and made drafts for a second officer.

The file is read by a process of its own and is gone before the page stands. A row with a fault
cannot be ticked; one with a doubt goes only where its officer ticks it. What is ticked becomes
drafts at the station, whatever the charter lets one officer release: a list that is wrong has done
harm.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.core.errors import LocalError
from tieline.desk import sheets
from tieline.desk.sheets import Columns
from tieline.desk.web import formfields, listed, transfer, writing
from tieline.desk.web.app import Route
from tieline.desk.web.formfields import Both
from tieline.desk.web.listed import Line
from tieline.desk.web.shapes import View
from tieline.desk.web.visit import Visit
from tieline.desk.web.writing import Subject
from tieline.node.client import ApiRefused
from tieline.node.sheet import MAX_FILE, Row, Sheet
from tieline.node.view import Json

JUDGE_S: Final = 60.0  # for what the station says of all rows, at most 400 and their messages

Judged = tuple[dict[int, list[str]], list[Mapping[str, object]]]


async def begin(visit: Visit) -> Response:
    """Where a file is brought."""
    visit.allow("desk.list")
    about, form = await _about(visit)
    return await _bring(visit, about, form)


async def read(visit: Visit) -> Response:
    """Read the file, and show what it says. Nothing of it is kept."""
    visit.allow("desk.list")
    about, form = await _about(visit)
    upload = visit.upload("file")
    if upload is None or not upload.size:
        return await _bring(visit, about, form, "desk.list.no_file", 422)
    try:
        sheet = await _cells(visit, upload)
        columns = sheets.match(sheet, form, {})
        kept = listed.without(sheet, columns)
    except LocalError as error:
        visit.note("desk.list", error.code)
        return await _bring(visit, about, form, error.message, 409)
    visit.note("desk.list", "done", json.dumps({"line": about.line, "form": about.coded}))
    return await _look(visit, about, form, kept, strange=columns.strange, first=True)


async def _cells(visit: Visit, upload: UploadFile) -> Sheet:
    if (upload.size or 0) > MAX_FILE:
        raise LocalError(
            "list.size", f"the file is larger than {MAX_FILE >> 20} MiB; send it in parts"
        )
    with transfer.private(visit.run_folder) as folder:
        path = folder / "file"
        await transfer.keep(upload, path)
        found = await visit.desk.jobs.read_list(path)
    return listed.table(found)


async def act(visit: Visit) -> Response:
    """Look at it once more with what was typed, or make the drafts."""
    visit.allow("desk.list")
    about, form = await _about(visit)
    try:
        sheet = listed.brought(visit.field("rows"))
        sheets.match(sheet, form, {})
    except LocalError as error:
        return await _bring(visit, about, form, error.message, 409)
    return await _look(visit, about, form, sheet, drafts=visit.field("do") == "draft")


async def _about(visit: Visit) -> tuple[Subject, View]:
    """The line and the form that the address names."""
    names = visit.request.query_params
    about = writing.subject({name: names[name] for name in names})
    lines = [one for one in (await visit.status()).views("lines") if one["member"]]
    found = [str(one["line"]) for one in lines if str(one["line"]).startswith(about.line)]
    if len(found) != 1 or not about.coded:
        raise HTTPException(404)
    about = Subject(line=found[0][:16], form=about.form)
    lang = visit.officer.language
    form = await visit.ask("form", line=about.line, form=about.coded, language=lang)
    if not listed.takes_list(form):
        raise HTTPException(404)
    return about, form


async def _bring(
    visit: Visit, about: Subject, form: View, problem: str = "", status: int = 200
) -> Response:
    return await visit.render(
        "list-bring.html", status, about=about, form=form, problem=problem,
        most_mib=MAX_FILE >> 20, most_rows=listed.MOST_ROWS,
    )  # fmt: skip


async def _look(
    visit: Visit,
    about: Subject,
    form: View,
    sheet: Sheet,
    *,
    strange: tuple[str, ...] = (),
    first: bool = False,
    drafts: bool = False,
) -> Response:
    """Each row with what was read and its doubts; and what is to be said of all of them."""
    bare = sheets.match(sheet, form, {})
    left = listed.common(form, bare)
    texts = formfields.settled(left, formfields.typed(left, visit.every_field()), visit.now_ms)
    answers = formfields.answers(left, texts)
    both = answers.path if isinstance(answers, Both) else ""
    given = {} if isinstance(answers, Both) else listed.for_all(answers, bare)
    columns = sheets.match(sheet, form, given)
    try:
        async with asyncio.timeout(JUDGE_S):
            unfit, others = await _judge(visit, about, sheet.rows, columns)
    except TimeoutError as error:
        raise LocalError(
            "desk.busy", "the station takes too long to look at so many rows; bring fewer at once"
        ) from error
    lines = _lines(visit, form, sheet, columns, unfit, first=first)
    chosen = [row for row, line in zip(sheet.rows, lines, strict=True) if line.ticked]
    problem = ""
    if drafts:
        problem = _hinders(chosen, columns, whole=bool(others or both))
        if not problem:
            try:
                return await _draft(visit, about, chosen, columns)
            except ApiRefused as error:
                problem = error.message
    leaving = await visit.ask("leaving", line=about.line, form=about.coded)
    visit.desk.frame.zoned(visit, (await visit.status()).views("lines"))
    shown = formfields.shown(
        left, texts, parties=leaving.texts("parties"), now_ms=visit.now_ms, both=both,
        faults=() if first else others,
    )  # fmt: skip
    strange = strange or tuple(visit.fields("strange"))[:64]
    return await visit.render(
        "list-look.html", 409 if problem else 200,
        about=about, form=form, shown=shown, leaving=leaving, entries=lines, problem=problem,
        columns=sheet.columns, strange=[name[:200] for name in strange],
        carried=listed.carried(sheet), to=_to(visit), ticked=len(chosen),
        doubtful=sum(bool(one.doubts) for one in lines), faulty=len(unfit),
        messages=len(sheets.batches(chosen, columns)),
    )  # fmt: skip


def _to(visit: Visit) -> list[str]:
    return sorted(
        name[3:11] for name, on in visit.every_field().items() if name[:3] == "to:" and on
    )


def _lines(
    visit: Visit,
    form: View,
    sheet: Sheet,
    columns: Columns,
    unfit: Mapping[int, list[str]],
    *,
    first: bool,
) -> list[Line]:
    doubts: dict[int, list[str]] = {}
    for one in sheets.doubts(sheet.rows, form, columns, visit.now_ms):
        doubts.setdefault(one.row, []).append(listed.doubt(one, visit.words))
    wanted = set(visit.fields("row"))
    return [
        Line(
            number=row.number,
            cells=row.cells,
            place=listed.place(row, columns),
            doubts=tuple(doubts.get(row.number, ())),
            faults=tuple(unfit.get(row.number, ())),
            ticked=row.number not in unfit
            and (row.number not in doubts if first else str(row.number) in wanted),
        )
        for row in sheet.rows
    ]


# ------------------------------------------------------------------------- asking the station


async def _judge(visit: Visit, about: Subject, rows: tuple[Row, ...], columns: Columns) -> Judged:
    """What the form says of the rows, a message at a time, and of a bad one row by row."""
    unfit: dict[int, list[str]] = {}
    others: dict[str, Mapping[str, object]] = {}
    for part in sheets.batches(rows, columns):
        theirs, whole = listed.by_row(await _faults(visit, about, part, columns), part, columns)
        if theirs and len(part) > 1:
            for row in part:
                faults = await _faults(visit, about, [row], columns)
                alone, whole = listed.by_row(faults, [row], columns)
                unfit |= alone
                others |= {str(one["path"]): one for one in whole}
        else:
            unfit |= theirs
            others |= {str(one["path"]): one for one in whole}
    return unfit, [*others.values()]


async def _faults(
    visit: Visit, about: Subject, rows: Sequence[Row], columns: Columns
) -> tuple[Mapping[str, object], ...]:
    try:
        await visit.ask(
            "fill", line=about.line, form=about.coded, language=visit.officer.language,
            answers=sheets.answered(rows, columns), to=[*_to(visit)],
        )  # fmt: skip
    except ApiRefused as error:
        return error.faults or ({"path": "", "text": error.message},)
    return ()


def _hinders(chosen: list[Row], columns: Columns, *, whole: bool) -> str:
    """Why no draft can be made; empty: nothing is in the way."""
    if not chosen:
        return "desk.list.none_ticked"
    if whole:
        return "desk.list.open"
    many = len(sheets.batches(chosen, columns)) > listed.MOST_MESSAGES
    return "desk.list.too_many" if many else ""


async def _draft(visit: Visit, about: Subject, rows: list[Row], columns: Columns) -> Response:
    """A draft of each message. Brought again, the same rows to the same parties make none anew."""
    visit.allow("send")
    to = _to(visit)
    made: list[View] = []
    for part in sheets.batches(rows, columns):
        answers = sheets.answered(part, columns)
        args: dict[str, Json] = {
            "line": about.line, "form": about.coded, "answers": answers, "to": [*to],
            "language": visit.officer.language, "two": True,
        }  # fmt: skip
        key = sheets.key_of(about.coded, to, answers)
        try:
            made.append(await visit.perform("send", **args, key=key))
        except ApiRefused as error:
            if error.code != "draft.withdrawn":
                raise
            anew = f"{key}-{visit.field('once')[:16]}"  # it was taken back, and is wanted again
            made.append(await visit.perform("send", **args, key=anew))
    if len(made) > 1:
        return visit.go("/drafts")
    (done,) = made
    where = f"/item/{done['item']}" if done["released"] else f"/draft/{done['draft']}"
    return visit.go(f"{where}?line={about.line}")


UPLOADS: Final = ("/list/read",)
ROUTES: Final = (
    Route("/list", begin),
    Route("/list", act, "POST"),
    Route("/list/read", read, "POST"),
)
