"""Files of the record: evidence for an outsider, bundles for a carrier by hand, checks of files."""

from __future__ import annotations

import asyncio
import base64
from typing import Final

from starlette.responses import Response

from tieline.core import bundle
from tieline.core.errors import LocalError, TielineError
from tieline.desk.times import MINUTE_MS, read_time
from tieline.desk.web import transfer
from tieline.desk.web.app import Route
from tieline.desk.web.screens.record import MAX_FIELD, chosen_line
from tieline.desk.web.shapes import View
from tieline.desk.web.visit import Visit
from tieline.node.client import ApiRefused
from tieline.node.view import Json


async def files(visit: Visit) -> Response:
    """What can be written to a file, taken in from one, and checked."""
    return await _page(visit, 200)


async def _page(
    visit: Visit,
    status: int,
    problem: str = "",
    checked: View | None = None,
    taken: View | None = None,
) -> Response:
    line, lines = await chosen_line(visit)
    own = str(line["party"] or "")
    peers = sorted({str(peer["party"]) for peer in line.views("peers")} - {own})
    return await visit.render(
        "record-files.html", status,
        f"/record/files?line={line['line']}" if len(lines) > 1 else "/record/files",
        line=line, lines_known=lines, peers=peers, problem=problem, checked=checked, taken=taken,
        typed={name: visit.field(name)[:MAX_FIELD] for name in ("item", "from", "to")},
        chosen=visit.fields("to_party"),
    )  # fmt: skip


async def evidence(visit: Visit) -> Response:
    """Write evidence of a line, or of a thread of it, and give it out as a file."""
    line, _ = await chosen_line(visit)
    args: dict[str, Json] = {"line": str(line["line"])}
    item, start, end = (visit.field(name)[:MAX_FIELD].strip() for name in ("item", "from", "to"))
    visit.allow("evidence")
    try:
        if item:
            args["item"] = item.removeprefix("#")
        if start:
            args["from_ms"] = read_time(start)
        if end:
            args["to_ms"] = read_time(end) + MINUTE_MS - 1
        with transfer.private(visit.run_folder) as folder:
            path = folder / "evidence.html"
            await visit.perform_slowly("evidence", out=str(path), **args)
            file = path.open("rb")  # given out when the folder is gone
    except OSError as error:
        return await _page(visit, 507, transfer.no_room(error).message)
    except (ApiRefused, TielineError) as error:
        return await _page(visit, 409, error.message)
    return transfer.give(file, _named(visit, "evidence", line, ".html"))


async def export(visit: Visit) -> Response:
    """A sealed bundle of what the others may lack, to be carried to them by hand."""
    line, _ = await chosen_line(visit)
    to: list[Json] = [*visit.fields("to_party")]
    try:
        made = await visit.perform_slowly("export", line=str(line["line"]), to=to)
    except ApiRefused as error:
        return await _page(visit, 409, error.message)
    data = base64.b64decode(str(made["bundle"]))
    return transfer.give_bytes(data, _named(visit, "bundle", line, ".tlbundle"))


async def take_in(visit: Visit) -> Response:
    """Take a bundle in that was carried here; twice does no harm."""
    visit.allow("import")
    upload = visit.upload("file")
    if upload is None or not upload.size:
        return await _page(visit, 422, visit.words.say("desk.record.no_file"))
    data = await upload.read(bundle.MAX_BUNDLE_BYTES + 1)
    text = (await asyncio.to_thread(base64.b64encode, data)).decode("ascii")
    try:
        taken = await visit.perform_slowly("import", bundle=text)
    except ApiRefused as error:
        return await _page(visit, 409, error.message)
    return await _page(visit, 200, taken=taken)


async def verify(visit: Visit) -> Response:
    """Check a file that somebody brought, in a process of its own; nothing of it is kept."""
    visit.allow("desk.verify")
    upload = visit.upload("file")
    if upload is None or not upload.size:
        return await _page(visit, 422, visit.words.say("desk.record.no_file"))
    try:
        with transfer.private(visit.run_folder) as folder:
            path = folder / "file"
            size = await transfer.keep(upload, path)
            found = await visit.desk.jobs.read(path, visit.officer.language)
    except LocalError as error:
        visit.note("desk.verify", error.code)
        return await _page(visit, 409, error.message)
    visit.note("desk.verify", "done" if found["ok"] else "failed")
    # The path of the moment is nobody's concern.
    shown = {key: _without(value, str(path)) for key, value in found.items()}
    return await _page(visit, 200, checked=View({**shown, "size": size}))


def _without(value: object, path: str) -> object:
    if isinstance(value, list):
        return [_without(each, path) for each in value]
    return value.replace(path, "the file") if isinstance(value, str) else value


def _named(visit: Visit, what: str, line: View, ending: str) -> str:
    return transfer.name(
        what, str(line["line"] or ""), str(line["realm"] or ""), visit.now_ms, ending
    )


UPLOADS: Final = ("/record/import", "/record/verify")
ROUTES: Final = (
    Route("/record/files", files),
    Route("/record/evidence", evidence, "POST"),
    Route("/record/export", export, "POST"),
    Route("/record/import", take_in, "POST"),
    Route("/record/verify", verify, "POST"),
)
