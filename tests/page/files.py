"""Evidence files for the tests of the page: the vectors, a long one, and hostile ones.

They are made with the means of ``vectors/generate``, which knows nothing of our own code.
"""

from __future__ import annotations

import base64
import importlib
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "vectors"
PLACE = "@@EVIDENCE@@"

for _folder in (ROOT / "tools", VECTORS / "generate"):
    if str(_folder) not in sys.path:
        sys.path.append(str(_folder))

evidence: Any = importlib.import_module("evidence")
packs: Any = importlib.import_module("evidence_packs")
proof: Any = importlib.import_module("proof")
page: Any = importlib.import_module("page")


def document(data: bytes | str) -> str:
    """The page around evidence bytes, or around any text in their place."""
    text = data if isinstance(data, str) else base64.encodebytes(data).decode()
    template: str = page.page()
    assert template.count(PLACE) == 1
    return template.replace(PLACE, text)


def laboratory(broken: str = "") -> str:
    """A page with what checks, without what shows, and with the judge of the vectors.

    ``broken``: script behind what checks, which breaks it on purpose.
    """
    judge = (ROOT / "tests" / "page" / "vectors.js").read_text("utf-8")
    script = f"{page.script(page.CHECKS)}{broken}{judge}"
    return f'<!doctype html><meta charset="utf-8"><script type="module">{script}</script>'


def vectors() -> list[str]:
    """The names of the vectors of evidence."""
    return sorted(path.stem for path in (VECTORS / "evidence").glob("*.tle"))


def vector(name: str) -> bytes:
    """The bytes of a vector."""
    return (VECTORS / "evidence" / f"{name}.tle").read_bytes()


def long_line(statements: int, *, on_forms: bool = False) -> bytes:
    """Four parties who talk for days: messages, answers and receipts; or messages on a form."""
    changes = packs.named(packs.PACK) if on_forms else {}
    story = evidence.Story(["ALPHA", "BRAVO", "CHARLIE", "DELTA"], changes=changes)
    form = {14: packs.EVERY.form} if on_forms else None
    logs = [story.log(code) for code in story.parties]
    words = "The drone was last seen at the river, 12 km east of the bridge, heading north. "
    made = len(logs)
    while made < statements:
        for at, log in enumerate(logs):
            other = logs[at - 1]
            if made % 3:
                refs: list[Any] = [other.main[-1], 6]
                said = f"Message {made}. {words * (1 + made % 3)}"
                body: dict[int, Any] = {1: said, 2: "en"}
                if form is not None:
                    body = {3: packs.EVERY.fields}
                story.say(log, 1, body, seen=[other.main[-1]], refs=refs, changes=form)
            else:
                refs = [other.main[-1], 1]
                story.say(log, 2, seen=[other.main[-1]], refs=refs)
            made += 1
        if made % 400 == 0:
            for log in logs:
                for code in story.parties:
                    if code != log.who.code:
                        story.receipt(log, len(log.main), code)
    packed = evidence.pack(story, lambda _: True, {}, [packs.PACK] if on_forms else None)
    data: bytes = packed.data()
    return data


def on_forms(
    bodies: list[bytes],
    said: list[tuple[list[Any], dict[int, Any]]],
    *,
    lang: str = "",
    carried: list[bytes] | None = None,
) -> bytes:
    """ALPHA's messages on forms, (form, body) each, under a charter that names these packs.

    ``carried``: the packs in the file, in this order; those of the charter by default.
    """
    play = packs.Play(*bodies)
    for form, fields in said:
        body: dict[int, Any] = {3: fields} if fields else {}
        words = {1: "Remarks", 2: lang} if lang else {}
        play.story.say(play.log, 1, words | body, changes={14: form})
    in_order = packs.ascending(*bodies) if carried is None else carried
    packed = evidence.pack(play.story, lambda _: True, {}, in_order)
    data: bytes = packed.data()
    return data


def coded(*packs: tuple[bytes, ...]) -> bytes:
    """A form under each version of a charter, which name these packs."""
    first, *later = (sorted(each) for each in packs)
    story = evidence.Story(["ALPHA", "BRAVO"], changes={11: first})
    log = story.log("ALPHA")
    story.say(log, 1, {1: "First word", 2: "en"}, changes={14: ["cr/first", 1]})
    for each in later:
        story.amend({11: each})
        story.say(log, 1, {1: "First word", 2: "en"}, changes={14: ["cr/first", 1]})
    packed = evidence.pack(story, lambda _: True, {})
    data: bytes = packed.data()
    return data
