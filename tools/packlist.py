"""The table of ``packs/README.md``: what the shipped packs hold and how sure they are of it.

It is made of the packs as they are read, so that it cannot say something else. ``./dev docs
--write`` renews it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tieline.core.agreement.model import Field, Pack, Provenance
from tieline.node.packs import read_folder

PAGE: Final = "packs/README.md"
BEGIN: Final = "<!-- made by ./dev docs --write -->"
END: Final = "<!-- end of what is made -->"
KINDS: Final = ("Deadline", "Threshold", "Quota", "Validity", "Exchange", "Simultaneous")


def renewed(root: Path) -> dict[str, str]:
    """The page by its name, with its tables as they are now; nothing where there is no page."""
    page = root / PAGE
    if not page.is_file():
        return {}
    text = page.read_text("utf-8")
    packs = [
        read_folder(path.parent)
        for path in sorted(root.glob("packs/*/pack.toml"))
        if path.parent.name != "engine"
    ]
    made = f"{BEGIN}\n\n{tables(packs)}\n{END}"
    between = f"{re.escape(BEGIN)}.*?{re.escape(END)}"
    return {PAGE: re.sub(between, lambda _: made, text, flags=re.DOTALL)}


def tables(packs: Iterable[Pack]) -> str:
    """Both tables: what there is, and how sure we are."""
    packs = list(packs)
    return "\n".join(
        [
            "| pack | agreement | languages (texts) | forms | phrases | rules |",
            "| --- | --- | --- | ---: | ---: | --- |",
            *(_holds(pack) for pack in packs),
            "",
            "How sure: rules, forms, fields, phrases and code items, then the rules alone.",
            "",
            "| pack | "
            + " | ".join(each.value for each in Provenance)
            + " | "
            + " | ".join(f"rules {each.value}" for each in Provenance)
            + " |",
            "| --- |" + " ---: |" * (2 * len(Provenance)),
            *(_sure(pack) for pack in packs),
            "",
        ]
    )


def _holds(pack: Pack) -> str:
    languages = ", ".join(
        f"{each.tag} {len(pack.words[each.tag])}{'' if each.verified else '*'}"
        for each in pack.languages
    )
    kinds = Counter(type(rule).__name__ for rule in pack.rules.values())
    rules = ", ".join(f"{kinds[kind]} {kind.lower()}" for kind in KINDS if kinds[kind])
    title = pack.words["en"]["pack.title"]
    return (
        f"| {pack.id} | {title} | {languages} | {len(pack.forms)} | {len(pack.phrases)} "
        f"| {rules or 'none'} |"
    )


def _sure(pack: Pack) -> str:
    rules = Counter(rule.cite.provenance for rule in pack.rules.values())
    every = Counter(rules)
    every.update(form.cite.provenance for form in pack.forms.values())
    every.update(phrase.cite.provenance for phrase in pack.phrases.values())
    every.update(field.cite.provenance for field in _fields(pack))
    every.update(item.cite.provenance for items in pack.codes.values() for item in items)
    cells = [str(count[each]) for count in (every, rules) for each in Provenance]
    return f"| {pack.id} | {' | '.join(cells)} |"


def _fields(pack: Pack) -> Iterator[Field]:
    """Every field of every form and phrase, those in groups included."""
    left = [field for form in pack.forms.values() for field in form.fields]
    left += [field for phrase in pack.phrases.values() for field in phrase.fields]
    while left:
        field = left.pop()
        left.extend(field.fields)
        yield field
