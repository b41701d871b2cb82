"""The verb ``incident report``: the report of an incident as a file, and its figures."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError
from tieline.desk.cli.common import language_of, line_of, put
from tieline.desk.cli.show import View, text_of
from tieline.desk.incidentwords import wrapped
from tieline.desk.report import compare
from tieline.desk.report.pieces import Document
from tieline.desk.report.reading import part
from tieline.desk.report.words import ORDER, english
from tieline.node import privatefile
from tieline.node.client import Client

KINDS: Final = (".html", ".pdf")
_NAME: Final = 48  # columns of a figure's name


def report(args: argparse.Namespace) -> None:
    """The report of an incident, with the check of the whole store."""
    out: Path | None = args.out
    if out is not None:
        check(out, force=args.force)
    other = None if args.compare is None else compare.read_other(args.compare)
    # The check of a large store takes longer than an answer may take otherwise.
    station = Client(args.home / "run" / "station.sock", timeout_s=None)
    args.opened.append(station)
    found = station.call(
        "incident_report", **line_of(args), **language_of(args), incident=args.incident
    )
    found["audit"] = station.call("audit")
    if out is not None:
        write(out, _made(out, found, other), force=args.force)
    if other is not None:
        found["compared"] = [*compare.rows(found, other)]
    put(args, found, *_lines(found, other, out))


def check(path: Path, *, force: bool) -> None:
    """Refuse a name before anything is asked. Raises ``LocalError``."""
    if path.suffix.lower() not in KINDS:
        raise LocalError(
            "act.argument",
            f"{path}: a report is written as {' or '.join(KINDS)}; name one of these",
        )
    if not force and (path.exists() or path.is_symlink()):
        raise LocalError("file.exists", f"{path} exists; name another file, or say --force")


def _made(path: Path, found: View, other: View | None) -> bytes:
    from tieline.desk.report import content

    return written(path, content.document(found, other))


def written(path: Path, document: Document) -> bytes:
    """A document in the form that a file's name asks for. Raises ``LocalError`` (``report.*``)."""
    from tieline.desk.report import html

    if path.suffix.lower() == ".html":
        return html.write(document)
    try:
        from tieline.desk.report import pdf
    except ImportError as error:
        raise LocalError(
            "report.pdf",
            f"a PDF needs what the extra 'pdf' of Tieline brings ({error.name} is missing); install"
            " it, or write the report as HTML, which any browser prints",
        ) from None
    return pdf.write(document)


def write(path: Path, data: bytes, *, force: bool) -> None:
    """Write a file for its owner alone. Raises ``LocalError`` (``file.*``)."""
    if force:
        privatefile.replace(path, data)
    else:
        privatefile.write_new(path, data)


def _lines(found: View, other: View | None, out: Path | None) -> Iterator[str]:
    """What it came to, for a terminal."""
    realm = text_of(part(found, "line"), "exercise")
    if realm:
        yield f"EXERCISE EXERCISE EXERCISE {realm}"
    audit = part(found, "audit")
    if audit.get("ok") is not True:
        yield "! THE RECORD DOES NOT VERIFY: 'tieline verify' says what is wrong"
    if out is not None:
        yield f"the report is in {out}, for its owner alone to read"
    figures, say = part(found, "figures"), english()
    theirs = {} if other is None else part(other, "figures")
    for name in ORDER:
        head = f"  {say.figure(name):<{_NAME}}"
        here = say.number(name, figures.get(name))
        there = [] if other is None else [f"other: {say.number(name, theirs.get(name))}"]
        yield from wrapped(head, here, *there)
