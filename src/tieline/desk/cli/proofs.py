"""The verb of proofs: list what proves two stories, and write it to a file for a stranger."""

from __future__ import annotations

import argparse

from tieline.core.errors import LocalError
from tieline.desk.cli import files
from tieline.desk.cli.common import line_of, put, read
from tieline.desk.cli.show import text_of, views
from tieline.node.text import visible
from tieline.node.view import Json


def proof(args: argparse.Namespace) -> None:
    """List the proofs that this station holds, or write one of them to a file."""
    found = views(read(args, "proofs", **line_of(args)), "proofs")
    if args.file is not None:
        _write(args, found)
        return
    lines = []
    for number, entry in enumerate(found, 1):
        told = entry.get("told")
        sentences = [visible(str(text)) for text in told] if isinstance(told, list) else []
        lines.append(f"proof {number} against {text_of(entry, 'party')}")
        lines.extend(f"  {sentence}" for sentence in sentences)
    shown: list[Json] = [*found]
    put(args, {"proofs": shown}, *(lines or ["this station has found no two stories"]))


def _write(args: argparse.Namespace, found: list[dict[str, Json]]) -> None:
    if not found:
        raise LocalError(
            "proof_file.none", "this station has found no two stories; nothing to write"
        )
    if args.number is None and len(found) > 1:
        raise LocalError(
            "proof_file.which",
            f"there are {len(found)} proofs; say which with --number, as the list has them",
        )
    number = args.number or 1
    if not 1 <= number <= len(found):
        raise LocalError(
            "proof_file.which", f"there is no proof {number}; there are 1 to {len(found)}"
        )
    if args.file.exists():
        raise LocalError("file.exists", f"{args.file} exists; name another file")
    data = str(found[number - 1].get("armor")).encode("ascii")
    if args.html:
        data = _page_around(data)
    files.write(args.file, data)
    how = "opens it in a browser, which needs no network, or " if args.html else ""
    put(args, {"file": str(args.file), "bytes": len(data), "party": found[number - 1].get("party")},
        f"a proof against {text_of(found[number - 1], 'party')} is in {args.file}"
        f" ({len(data)} bytes)",
        f"next: anybody {how}checks it with 'tieline verify {args.file.name}'")  # fmt: skip


def _page_around(text: bytes) -> bytes:
    """The page that checks, with a proof in it."""
    from tieline.node.evidencefile import wrapped

    return b"".join(wrapped([text]))
