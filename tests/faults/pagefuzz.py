"""P5: the reader of the evidence page, in a real Chromium, beside the product's own reader.

Both get the same changed files: evidence bytes, documents around them, and proofs. What the one
refuses the other refuses, and in what both read they find the same. In every second case all
signatures pass in both, so that what lies behind them is compared, too.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import random
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.faults import fuzz, golden, secondcbor, verifier
from tests.faults.golden import VECTORS, vector
from tests.faults.rows import need, scratch
from tests.faults.secondcbor import Node
from tests.page import browser as browsers
from tests.page import files
from tests.page.browser import Page

from tieline.core import evidence, proof
from tieline.core.errors import RemoteError
from tieline.node.evidence import as_json
from tieline.node.evidencefile import TAG, is_evidence, proof_in, read_file

BATCH: Final = 40  # inputs of a case
LARGEST: Final = 20_000  # bytes of an evidence file that is changed; most vectors have 6,000
BROKEN = ""  # script that breaks the page's reader on purpose
LOG, STATEMENT, RUN, SECOND, RECEIPT, NOTE, END = range(4, 11)
KINDS: Final = ("evidence", "evidence", "proof", "document")
ROUND: Final = 2 * len(KINDS)
Facts = dict[str, Any]

_shown: list[Page] = []


def no_browser() -> str:
    """What is missing for this row, or nothing."""
    return browsers.MISSING if browsers.found() is None else ""


@contextlib.contextmanager
def stage() -> Iterator[None]:
    """A browser with a page that holds what checks in the evidence page, and shows nothing."""
    if missing := no_browser():
        raise RuntimeError(missing)
    with (
        tempfile.TemporaryDirectory(prefix="tieline-faults-", ignore_cleanup_errors=True) as folder,
        browsers.running(Path(folder) / "profile") as browser,
        browser.page() as page,
    ):
        path = Path(folder) / "laboratory.html"
        path.write_text(files.laboratory(BROKEN), "utf-8")
        page.open(path)
        _shown.append(page)
        try:
            yield
        finally:
            _shown.pop()


def asked(inputs: list[bytes], *, anybody: bool) -> list[Facts]:
    """What the page says of each file; ``anybody``: all signatures pass."""
    texts = json.dumps([base64.b64encode(data).decode() for data in inputs])
    page = _shown[-1]
    page.value(f"signedByAnybody({json.dumps(anybody)})")
    answers: list[Facts] = page.value(f"Promise.all({texts}.map(fileFacts))")
    return answers


# ------------------------------------------------------------------------------------- changes


@cache
def whole() -> tuple[bytes, ...]:
    """The evidence files of the vectors, as far as they are not long."""
    found = [path.read_bytes() for path in sorted((VECTORS / "evidence").glob("*.tle"))]
    return tuple(data for data in found if len(data) <= LARGEST)


def split(data: bytes) -> tuple[bytes, list[bytes]]:
    """The first line of evidence, and its items; the rest is one when it cannot be told apart."""
    magic, rest = data[: len(evidence.MAGIC)], data[len(evidence.MAGIC) :]
    items: list[bytes] = []
    at = 0
    while at < len(rest):
        try:
            end = evidence.span(rest, at)
        except RemoteError:
            end = None
        items.append(rest[at : end or len(rest)])
        at = end or len(rest)
    return magic, items


def changed_evidence(chance: random.Random) -> bytes:
    """An evidence file in which bytes, an item, or the order of items are others."""
    data = chance.choice(whole())
    if chance.random() < 0.15:
        return fuzz.change(data, chance, list(whole()))
    magic, items = split(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at = max(chance.randrange(len(items) or 1) for _ in range(2))  # seldom in a charter
        way = chance.randrange(10)
        if way == 0:
            del items[at : at + 1]
        elif way == 1:
            items[at:at] = items[at : at + 1]
        elif way == 2:
            items[at : at + 2] = reversed(items[at : at + 2])
        elif way == 3:
            items.insert(at, chance.choice(split(chance.choice(whole()))[1] or [b"\x81\x0b"]))
        elif items:
            items[at] = changed_item(items[at], chance, items)
    if chance.random() < 0.5:
        items = put_right(items)
    if chance.random() < 0.05:
        magic = chance.choice((evidence.MAGIC, evidence.MAGIC_2, magic.lower(), b""))
    return magic + b"".join(items)


def changed_item(item: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """An item with something else in it; most often within what is signed."""
    tree = fuzz.opened(item)
    signed = {STATEMENT, SECOND, RECEIPT, NOTE}
    if tree is None or not tree.children or tree.children[0].argument not in signed:
        return fuzz.within(item, chance, others)
    part = next((each for each in tree.children if each.major == secondcbor.BYTES), None)
    if part is None or chance.random() < 0.2:
        return fuzz.within(item, chance, others)
    given = secondcbor.emit(part.inner) if part.inner else part.content
    change = fuzz.within if part.inner and chance.random() < 0.8 else fuzz.change
    part.content, part.inner = change(given, chance, others), None
    return secondcbor.emit(tree)


def put_right(items: list[bytes]) -> list[bytes]:
    """The same with numbers at its end, and last statements of logs, that are those of the file."""
    trees = [fuzz.opened(item) for item in items]
    kinds = [tree.children[0].argument if tree and tree.children else 0 for tree in trees]
    counts = dict.fromkeys((STATEMENT, RUN, SECOND, RECEIPT, NOTE), 0)
    log: Node | None = None
    for tree, kind in zip(trees, kinds, strict=True):
        parts = [] if tree is None else tree.children
        if kind in counts:
            counts[kind] += parts[1].argument if kind == RUN and len(parts) > 1 else 1
        if kind == LOG and len(parts) == 6:
            log = tree
        if kind == STATEMENT and log is not None and len(parts) == 3:
            said = secondcbor.emit(parts[1].inner) if parts[1].inner else parts[1].content
            log.children[4].content = hashlib.sha256(b"\0" + said).digest()
        if kind == END and len(parts) == 6:
            for part, count in zip(parts[1:], counts.values(), strict=True):
                part.argument = count
    both = zip(items, trees, strict=True)
    return [item if tree is None else secondcbor.emit(tree) for item, tree in both]


def in_document(data: bytes, chance: random.Random) -> bytes:
    """A document around evidence, or the text of a proof, with a change of its own."""
    if chance.random() < 0.2:
        data = proof.armor_proof(chance.choice(proofs())).encode()
    letters = base64.encodebytes(data)
    if chance.random() < 0.5:
        letters = fuzz.change(letters, chance, [letters, b"A===", b"QQ==QQ==", b"\r\n", b"<"])
    made = b"<!doctype html>\n<title>x</title>" + TAG + b"\n" + letters + b"</script>\n</html>\n"
    if chance.random() < 0.3:
        others = [made, TAG, b"</script>" + TAG, b"<html>", b"\xef\xbb\xbf"]
        made = fuzz.change(made, chance, others)
    return made


@cache
def proofs() -> tuple[bytes, ...]:
    """The proofs of the vectors, and some that prove nothing."""
    cases = [*vector("proof/accept")["cases"], *vector("proof/refuse")["cases"]]
    return tuple(bytes.fromhex(case["proof"]) for case in cases)


def changed_proof(chance: random.Random) -> bytes:
    """The text of a proof in which something is another thing, and seldom the text itself is."""
    data = fuzz.change(chance.choice(proofs()), chance, list(proofs()))
    text = proof.armor_proof(data).encode()
    return fuzz.change(text, chance, [text]) if chance.random() < 0.2 else text


def in_page(seed: int) -> None:
    """One kind of file, and what comes of changing it, by both readers."""
    chance, kind = random.Random(f"page {seed}"), KINDS[seed % len(KINDS)]
    anybody = seed // len(KINDS) % 2 == 1
    inputs = []
    for _ in range(BATCH):
        data = changed_proof(chance) if kind == "proof" else changed_evidence(chance)
        inputs.append(in_document(data, chance) if kind == "document" else data)
    pages = asked(inputs, anybody=anybody)
    with golden.signed_by_anybody() if anybody else contextlib.nullcontext():
        for number, (data, there) in enumerate(zip(inputs, pages, strict=True)):
            here = found_here(data)
            if kind == "proof" and here.get("code") == "" and not anybody:
                verifier.verdict(proof.dearmor_proof(data.decode()))  # a third reader of proofs
            compare(f"input {number}", here, there, document=kind == "document")


# ------------------------------------------------------------------------------------ readers


def found_here(data: bytes) -> Facts:
    """What our reader finds in a file, without its sentences: as ``fileFacts`` of the page."""
    with scratch() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        try:
            if not is_evidence(data[:4_096]):
                known = data.startswith(proof.PROOF_BEGINS)
                return _proof_facts(data) if known else {"kind": "other"}
            inner = None if data.startswith(evidence.MAGIC[:17]) else proof_in(path)
            if inner is not None:
                return _proof_facts(inner[0])
        except RemoteError as error:
            faults = [[error.code, 0]]
            return {"kind": "evidence", "verdict": "failed", "broken": True, "faults": faults}
        found: Facts = dict(as_json(read_file(path)[0]))
    found.pop("says")
    return {"kind": "evidence", **found}


def _proof_facts(text: bytes) -> Facts:
    try:
        proof.check(proof.dearmor_proof(text.decode("ascii", "replace")))
    except RemoteError as error:
        return {"kind": "proof", "code": error.code}
    return {"kind": "proof", "code": ""}


def compare(where: str, here: Facts, there: Facts, *, document: bool) -> None:
    """Both readers say the same. Raises ``Missed``."""
    need("defect" not in there, f"{where}: the page fails: {there.get('defect')}")
    refused = here.get("verdict") == "failed" or bool(here.get("code"))
    all_right = there.get("verdict") == "checked" or there.get("code") == ""
    need(not (refused and all_right), f"{where}: the page takes what we refuse: {_short(here)}")
    for each in (here, there):
        if each.get("broken"):  # the page judges receipts and scopes later than our reader does
            each["faults"] = [] if document else [_break(*found) for found in each["faults"][-1:]]
    unchecked = {item for code, item in there.get("gaps", ()) if code == "gap.mldsa"}
    if any(item in unchecked for _, item in here.get("faults", ())):
        return  # only we can know that this note is not good, and for what it then does not count
    for each in (here, there) if unchecked else ():
        _leave_out(each, unchecked)
    if here["kind"] == there["kind"] == "proof":
        # Where an input breaks two rules at once, the readers may name either of the same part.
        for each in (here, there):
            each["code"] = bool(each["code"])
    apart = sorted(key for key in here.keys() | there.keys() if here.get(key) != there.get(key))
    need(not apart, f"{where}: read apart in {apart}: {_differ(here, there, apart)}")


def _break(code: str, item: int) -> tuple[str, int]:
    """What ended a reading. Of bytes that are no item the readers may meet another rule first."""
    unread = ("evidence.encoding", "evidence.truncated", "evidence.too_large")
    return ("unread" if code in unread else code, item)


def _leave_out(facts: Facts, items: set[int]) -> None:
    """The findings without those of notes that this browser cannot check."""
    for part in ("faults", "gaps"):
        facts[part] = [found for found in facts.get(part, ()) if found[1] not in items]
    facts["verdict"] = "failed" if facts["faults"] else "partly" if facts["gaps"] else "checked"


def _short(facts: Facts) -> str:
    shown = ("kind", "verdict", "code", "faults")
    return str({key: facts[key] for key in shown if key in facts})[:300]


def _differ(here: Facts, there: Facts, apart: list[str]) -> str:
    return "; ".join(f"{str(here.get(key))[:200]} and {str(there.get(key))[:200]}" for key in apart)
