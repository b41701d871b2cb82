"""P11: a pack as an attack, by each road on which packs come: its folder, its file, evidence.

Each reading has a bound of processor time and of memory. What is no pack is refused; what is a
pack with words that would be a page's, or a pattern's, is one in which these words are words.
"""

from __future__ import annotations

import re
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

from tests.core.agreement import small
from tests.core.agreement.sheets import ENGINE
from tests.faults import secondcbor
from tests.faults.rows import need, scratch
from tests.node import badpacks

from tieline.core import evidence_packs
from tieline.core.agreement.load import pack_hash
from tieline.core.agreement.model import Pack
from tieline.core.agreement.tongue import Tongue
from tieline.core.errors import PackUnfit, RemoteError
from tieline.desk.web import formfields, frame
from tieline.desk.web.shapes import view
from tieline.node import agreementview, packs
from tieline.node.wholefile import write_file

MOST_S: Final = 1.0  # of processor time for one reading
MOST_BYTES: Final = 64 << 20
CELLS: Final = 62  # ``attacked`` sees to it


@dataclass(frozen=True, slots=True)
class Attack:
    """``bring`` reads it, and raises where it is no pack. ``free``: it may be one.

    ``said``: what the refusal is for, among what else is wrong.
    """

    name: str
    bring: Callable[[], object]
    free: bool = False
    said: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """It is no pack, and what is said of it."""

    said: str


def _folder(**changed: str) -> Pack:
    with scratch() as name:
        return packs.read_folder(small.write(Path(name), **changed))


def _file(data: bytes) -> Pack:
    with scratch() as name:
        path = Path(name) / "x.pack"
        path.write_bytes(data)
        return packs.read_file(path)


def _kept(data: bytes) -> Pack | None:
    """Under its own hash, as a charter of somebody's could name it."""
    with scratch() as name:
        digest = pack_hash(data)
        write_file(packs.kept(Path(name), digest), data)
        return packs.load_kept(Path(name), digest)


# ----------------------------------------------------------------------- what never ends, or late

ENDLESS: Final = (
    small.RULES
    + """
[[deadline]]
id = "answer-that"
on = "reply"
base = "receipt"
who = "receivers"
by = ["ask"]
not_after = "48h"
"""
)
ITSELF: Final = small.RULES.replace('by = ["reply"]', 'by = ["ask"]').replace("when =", "# ")


def _nested(depth: int) -> str:
    out = '[[form]]\nid = "f"\nnumber = 1\n'
    for n in range(1, depth + 1):
        out += f'[[form{".field" * n}]]\nnumber = 1\nid = "g"\ntype = "group"\n'
    return out


RECURSIVE: Final = (
    ("obligations in a ring", "answering never ends", {"rules": ENDLESS.replace("when =", "# ")}),
    ("a form that calls for itself", "answering never ends", {"rules": ITSELF}),
    ("a group in a group in a group", "nests too deep", {"forms": _nested(3)}),
    ("groups without end", "groups may nest 2 deep at most", {"forms": _nested(7)}),
    ("a form before itself", "can never be sent",
     {"forms": small.FORMS.replace('forms = ["ask"]', 'forms = ["reply"]')}),
)  # fmt: skip
LATE: Final = (
    *((f"a deadline of {period[:40]}", said, {"rules": small.RULES.replace("48h", period)})
      for period, said in (
          ("365000000000d", "must be a period"), ("9" * 30 + "d", "must be a period"),
          ("36526d", "a hundred years at most"), ("1d" * 2_000, "must be a period"),
          ("1e9d", "must be a period"))),
    *((f"since {since}", said,
       {"pack": small.PACK.replace("2023-02-21T00:00:00Z", since)})
      for since, said in (
          ("1000000000-01-01T00:00:00Z", "this is no TOML"),
          ('"1000000000-01-01T00:00:00Z"', "must be a UTC time"),
          ("0000-01-01T00:00:00Z", "this is no TOML"))),
)  # fmt: skip
PATTERN: Final = (
    ("a pattern for a field", "has no key 'pattern'",
     {"forms": small.FORMS.replace("max_chars = 500", 'max_chars = 500\npattern = "(a+)+$"')}),
)  # fmt: skip
BOMBS: Final = (
    "a" * 190 + "!", "a-" * 95 + "!", "0" * 40 + "d!", "(a+)+$", " " * 190 + "!", "a" * 500_000,
)  # fmt: skip


def _bombed(bomb: str) -> None:
    """Each text of the sources in turn is one over which a pattern would go back and forth."""
    for name, text in small.FILES.items():
        stem = name.removesuffix(".toml").replace("/", "_")
        for found in re.finditer(r'"[^"\n]*"', text):
            made = f'{text[: found.start()]}"{bomb}"{text[found.end() :]}'
            _bounded(f"{name} at {found.start()}", partial(_folder, **{stem: made}), times=False)


HUGE: Final = (10**9, 2**53, 2**63, 2**64 - 1)


def _huge(number: int) -> None:
    """Each number of a sound pack in turn is one beyond all years, and its file its own hash's."""
    body = _sound()
    tree = secondcbor.read(body, 1 << 24, 32, 1 << 20)
    pairs = [n for n in secondcbor.nodes(tree) if n.major == secondcbor.MAP]
    keys = {id(child) for pair in pairs for child in pair.children[::2]}
    for node in secondcbor.nodes(tree):
        if node.major == secondcbor.UINT and id(node) not in keys:
            made = _with(tree, node, number)
            read = _bounded(f"{number} for {node.argument}", partial(_kept, made), times=False)
            need(
                isinstance(read, Refused) or number == HUGE[0],
                f"a pack with {number} for {node.argument} is taken",
            )


def _with(tree: secondcbor.Node, node: secondcbor.Node, number: int) -> bytes:
    def written(each: secondcbor.Node) -> bytes:
        if each is node:
            return secondcbor.head(secondcbor.UINT, number)
        if not each.children:
            return secondcbor.emit(each)
        count = len(each.children) // (2 if each.major == secondcbor.MAP else 1)
        return secondcbor.head(each.major, count) + b"".join(map(written, each.children))

    return written(tree)


@cache
def _sound() -> bytes:
    return _folder().body


# -------------------------------------------------------------------------------- words of a page

LABELS: Final = (
    "<script>parent.bad=1</script>", "<img src=x onerror='parent.bad=1'>",
    "'><svg onload=parent.bad=1>", "</label></form><form action=//x>", "<!--", "&lt;b&gt;{{ 7*7 }}",
)  # fmt: skip


def _labelled(label: str) -> Pack:
    """All words of a pack are a piece of a page: a form of it is shown, and has no such piece."""
    quoted = label.replace('"', "'")
    words = re.sub(r'= "[^"]*"', lambda _: f'= "{quoted}"', small.EN)
    made = _folder(words_en=words)
    tongue = Tongue(made, ENGINE, "en")
    for form in made.forms.values():
        seen = view(agreementview.form_view(made, form, tongue, whole=True))
        shown = formfields.shown(seen, {}, parties=("ALPHA", "BRAVO"), now_ms=0)
        # A fresh one: what it calls is what stands there now, in a sabotage build as well.
        made_new = frame.environment.__wrapped__("en")
        text = made_new.from_string("{{ fields.show(shown.rows) }}").render(shown=shown)
        need(quoted not in text, f"a label of a pack is a piece of the page: {quoted}")
        need("49" not in text, "a label of a pack is a template")
        need("&" in text, "the label is not shown")
    return made


# ----------------------------------------------------------------------------------------- the row


@cache
def attacks() -> tuple[Attack, ...]:
    """All of them; those first under which the sabotage builds show."""
    return (
        *(Attack(f"words as {label}", partial(_labelled, label), free=True) for label in LABELS),
        *_causes(RECURSIVE),
        *(Attack(f"sources: {name}", partial(_folder, forms=text, phrases=text, rules=text))
          for name, text in badpacks.SOURCES.items()),
        *_causes(LATE),
        *_causes(PATTERN),
        *(Attack(f"{bomb[:12]}... everywhere", partial(_bombed, bomb), free=True)
          for bomb in BOMBS),
        *(Attack(f"{number} everywhere", partial(_huge, number), free=True) for number in HUGE),
        *_of_bytes(),
    )  # fmt: skip


def _causes(some: Iterable[tuple[str, str, dict[str, str]]]) -> Iterator[Attack]:
    for name, said, made in some:
        yield Attack(name, partial(_folder, **made), said=said)


def _of_bytes() -> Iterator[Attack]:
    for name, data in badpacks.BYTES.items():
        yield Attack(f"a file: {name}", partial(_file, data))
        yield Attack(f"in evidence: {name}", partial(evidence_packs.read, data), free=True)


def attacked(seed: int) -> None:
    """One attack."""
    every = attacks()
    need(len(every) == CELLS, f"there are {len(every)} attacks")
    one = every[seed % CELLS]
    whole = one.bring.func in (_bombed, _huge)  # type: ignore[attr-defined] # all are partial
    if whole:  # it bounds each of its readings
        one.bring()
        return
    read = _bounded(one.name, one.bring)
    need(one.free or isinstance(read, Refused), f"{one.name} is taken for a pack")
    if isinstance(read, Refused):
        need(one.said in read.said, f"{one.name} is refused for {read.said[:200]}")


def _bounded(name: str, bring: Callable[[], object], *, times: bool = True) -> object:
    """Read it in its bounds. ``times``: look at its memory, too."""
    read, spent = None, 0.0
    for _ in range(3):
        began = time.process_time()
        read = _read(bring)
        spent = time.process_time() - began
        if not MOST_S <= spent < 2 * MOST_S:
            break  # between them a busy machine may be the cause
    need(spent < MOST_S, f"{name} took {spent:.2f} s")
    if times:
        tracemalloc.start()
        try:
            _read(bring)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        need(peak <= MOST_BYTES, f"{name} took {peak >> 20} MiB")
    return read


def _read(bring: Callable[[], object]) -> object:
    try:
        return bring()
    except PackUnfit as error:
        need(error.faults, "it is refused without a fault")
        return Refused("; ".join(map(str, error.faults)))
    except RemoteError as error:
        need(error.code and error.message, "it is refused without a word")
        return Refused(error.message)
