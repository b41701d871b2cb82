"""The verbs of the record: verify, export, import, stop."""

from __future__ import annotations

import argparse
import base64

from tieline.core import bundle, identity, proof
from tieline.core.charter import dearmor_charter
from tieline.core.errors import LocalError, RemoteError, TielineError
from tieline.desk.cli import DONE, NOTHING_NEW, REFUSED, files
from tieline.desk.cli.common import client, line_of, put, station_keys
from tieline.desk.cli.show import number_of, text_of, views
from tieline.node.client import ApiDown, ApiRefused
from tieline.node.config import Home
from tieline.node.view import Json

VERIFY_FAILED = 4


def verify(args: argparse.Namespace) -> int:
    """Recompute a store, or check a file, from its bytes up. 4 when anything does not fit."""
    if args.page is not None:
        return _write_page(args)
    report = _verify_home(args) if args.file is None else _verify_file(args)
    told = report.get("told")
    lines = [str(step) for step in told] if isinstance(told, list) else []
    lines.extend(
        f"{text_of(log, 'station'):<16} {number_of(log, 'size'):>6} statements,"
        f" root {text_of(log, 'root')[:16]}"
        for log in views(report, "logs")
    )
    problems = report.get("problems")
    bad = [str(problem) for problem in problems] if isinstance(problems, list) else []
    lines.extend(f"PROBLEM {problem}" for problem in bad)
    ok = bool(report.get("ok"))
    verdict = text_of(report, "verdict") or f"{number_of(report, 'statements')} statements"
    lines.append(f"verified: {verdict}" if ok else "NOT VERIFIED: see the problems above")
    put(args, report, *lines)
    return 0 if ok else VERIFY_FAILED


def _write_page(args: argparse.Namespace) -> int:
    """The page that checks in a browser, with no file in it: for whoever gets files from others."""
    from tieline.node.evidencefile import wrapped

    if args.file is not None:
        raise LocalError("act.argument", "--page writes a page and checks nothing; name no file")
    if args.page.exists():
        raise LocalError("file.exists", f"{args.page} exists; name another file")
    data = b"".join(wrapped([]))
    files.write(args.page, data)
    put(args, {"file": str(args.page), "bytes": len(data)},
        f"the page that checks is in {args.page}; it needs no network",
        "next: open it in a browser, and choose evidence, a proof or a checkpoint")  # fmt: skip
    return 0


def _verify_home(args: argparse.Namespace) -> dict[str, Json]:
    from tieline.node.offline import check_files

    report = _verify_store(args)
    damaged = check_files(Home.open(args.home))
    found = report.get("problems")
    problems: list[Json] = [*(found if isinstance(found, list) else []), *damaged]
    return {**report, "ok": bool(report.get("ok")) and not damaged, "problems": problems}


def _verify_store(args: argparse.Namespace) -> dict[str, Json]:
    from tieline.node.offline import audit_home

    try:
        return client(args).call("audit")
    except ApiDown:
        pass  # not running: the store is free to be opened here
    home = Home.open(args.home)
    keys = station_keys(home)
    try:
        return audit_home(home, keys)
    except TielineError as error:
        if error.code == "store.locked":
            raise
        return {"ok": False, "statements": 0, "logs": [], "problems": [error.message]}


def _verify_file(args: argparse.Namespace) -> dict[str, Json]:
    from tieline.desk.cli import evidence, tiles

    if (args.file / "checkpoint").is_file():
        return tiles.verify_folder(args)
    if evidence.is_evidence(args.file):
        return _verify_page(args)
    try:
        data = files.read_bytes(args.file, bundle.MAX_BUNDLE_BYTES)
        if data.startswith(proof.PROOF_BEGINS):  # which a note might begin with too
            return _check_proof(data)
        found = tiles.verify_note(args, data)
        if found is not None:
            return found
        verdict = _check_file(args, data)
    except LocalError as error:
        if error.code != "file.empty":
            raise
        return {"ok": False, "problems": [error.message]}
    except RemoteError as error:
        return {"ok": False, "problems": [f"{args.file}: {error.message}"]}
    return {"ok": True, "problems": [], "verdict": verdict}


def _verify_page(args: argparse.Namespace) -> dict[str, Json]:
    """Evidence, or a proof in the page that reads both."""
    from tieline.desk.cli import evidence
    from tieline.node.evidencefile import proof_in
    from tieline.node.evidencewords import OTHER_PAGE

    try:
        found = proof_in(args.file)
        if found is None:
            return evidence.verify(args.file, args.language)
        text, known_page = found
        report = _check_proof(text)
    except RemoteError as error:
        return {"ok": False, "problems": [f"{args.file}: {error.message}"]}
    told = report["told"]
    if not known_page and isinstance(told, list):
        told.append(OTHER_PAGE)
    return {**report, "page": known_page}


def _check_file(args: argparse.Namespace, data: bytes) -> str:
    """Recognise a file by how it begins and check all of it that can be checked here."""
    if data.startswith(bundle.MAGIC):
        return _check_bundle(args, data)
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise _unknown() from None
    if text.startswith("TIELINE-CARD"):
        card = identity.parse_card(identity.dearmor(text))
        return f"a card of {card.party}, signed by its own root"
    if text.startswith("TIELINE-CHARTER"):
        signed = dearmor_charter(text)
        missing = ", ".join(signed.missing)
        return f"charter of '{signed.charter.name}'" + (
            f", not signed yet by {missing}" if missing else ", signed by every party"
        )
    raise _unknown()


def _check_proof(data: bytes) -> dict[str, Json]:
    """A proof stands alone: nothing is needed but its bytes."""
    proven = proof.check(proof.dearmor_proof(data.decode("ascii", "replace")))
    told: list[Json] = list(proven.told)
    verdict = f"a proof of two stories against {proven.party}, as told above"
    return {"ok": True, "problems": [], "told": told, "verdict": verdict,
            "party": proven.party, "exercise": proven.realm}  # fmt: skip


def _unknown() -> RemoteError:
    return RemoteError(
        "verify.unknown",
        "it is no evidence, bundle, card, charter, proof or checkpoint, and no log in tiles",
    )


def _check_bundle(args: argparse.Namespace, data: bytes) -> str:
    """A bundle is sealed: it is opened with this home's keys and every statement checked."""
    from tieline.node.offline import check_bundle

    home = Home.open(args.home)
    count, exporter = check_bundle(home, station_keys(home), data)
    return f"a bundle of {count} statements from {exporter}"


def export(args: argparse.Namespace) -> None:
    """Write a sealed bundle of what the others may lack."""
    if args.file.exists():
        raise LocalError("file.exists", f"{args.file} exists; name another file")
    to: Json = [code.upper() for code in args.to]
    result = client(args).call("export", to=to, **line_of(args))
    data = base64.b64decode(str(result["bundle"]))
    files.write(args.file, data)
    count = number_of(result, "statements")
    put(args, {"file": str(args.file), "statements": count, "bytes": len(data)},
        f"{count} statements are sealed in {args.file} ({len(data)} bytes)"
        if count
        else f"nothing said is new to them; {args.file} holds receipts and charters only",
        f"next: carry it over and run 'tieline import {args.file.name}' there")  # fmt: skip


def import_(args: argparse.Namespace) -> int:
    """Take a bundle in; twice does no harm. Its exit code says when nothing was new."""
    data = files.read_bytes(args.file, bundle.MAX_BUNDLE_BYTES)
    station = client(args)
    try:
        result = station.call("import", bundle=base64.b64encode(data).decode("ascii"))
    except ApiRefused as error:
        raise ApiRefused(error.code, f"{args.file}: {error.message}") from error
    refused = result.get("refused")
    lines = [f"REFUSED {text}" for text in refused] if isinstance(refused, list) else []
    added, held, news = number_of(result, "added"), number_of(result, "held"), result.get("news")
    if added:
        done = f"{added} statements were new"
    elif news and held:
        done = "no statement of it stands in the record yet"
    elif news:
        done = "no statement was new; receipts or the like were"
    elif lines:
        done = "nothing of it was taken in"
    else:
        done = "nothing new" + ("" if held else ": all of it is here already")
    if held:
        done += f"; {held} wait for others that they build on, which are not here yet"
    put(args, result, *lines, f"bundle of {text_of(result, 'from')}: {done}")
    if news:
        return DONE
    return REFUSED if lines else NOTHING_NEW


def stop(args: argparse.Namespace) -> None:
    """Stop the station that runs in this home."""
    result = client(args).call("stop")
    put(args, result, "the station is stopping")
