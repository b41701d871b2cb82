"""The forms of a scenario: its packs, and what its officers type, checked before anything starts.

A scenario's message on a form is read as the station would read it: by the same reader, against the
same pack, in the language of the officer who types it. So a form that could not be sent is refused
with the file and the event, and every fault is named as the officer would see it.

What only the record decides (serials, who owes what) is left to the stations.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tieline.core.agreement import form as filling
from tieline.core.agreement.model import ALL, Form, Pack
from tieline.core.agreement.naming import phrase_named
from tieline.core.agreement.tongue import EngineWords, Tongue
from tieline.core.errors import LocalError, TielineError
from tieline.core.terms import RefRole
from tieline.exercise.reading import Table
from tieline.node import packs
from tieline.node.reading import read_answers


@dataclass(frozen=True, slots=True)
class Cited:
    """An earlier message of the script, as a form is checked against it."""

    label: str
    role: RefRole
    form: str  # its id on the wire, or empty
    sender: str


@dataclass(frozen=True, slots=True)
class Coded:
    """A form of a pack, with what is typed into it by path."""

    pack: Pack
    form: Form
    answers: tuple[tuple[str, str], ...]

    @property
    def id(self) -> str:
        return self.pack.form_id(self.form)

    def check_addressees(self, table: Table, to: tuple[str, ...], others: int) -> None:
        """Whether the form may go to those named: a phrase goes to anybody.

        Raises ``LocalError`` (``scenario.form``).
        """
        if self.form.phrase is not None:
            return
        if self.form.to == ALL and to and len(to) != others:
            raise table.wrong("form", f"{self.id} goes to every party of the line; remove 'to'")
        if self.form.to != ALL and not to and others > 1:
            raise table.wrong("form", f"{self.id} goes to parties that its sender names; add 'to'")


def packs_of(table: Table) -> tuple[Pack, ...]:
    """The packs that a charter names. Raises ``LocalError`` (``scenario.pack``)."""
    found: list[Pack] = []
    for name in table.texts("packs", ()):
        try:
            pack = _found(name)
        except TielineError as error:
            raise table.wrong("pack", f"'packs' has {name!r}: {error.message}") from error
        if any(known.tag == pack.tag for known in found):
            raise table.wrong("pack", f"'packs' has two packs with the tag {pack.tag!r}")
        found.append(pack)
    return tuple(found)


def ids(agreed: Iterable[Pack]) -> list[str]:
    """The ids on the wire of all forms and phrases of some packs."""
    return [pack.form_id(form) for pack in agreed for form in pack.sendable()]


@functools.cache
def _found(name: str) -> Pack:
    return packs.find(name)


@functools.cache
def _engine() -> EngineWords:
    return packs.engine_words()


class Forms:
    """The forms and rules of the packs of a scenario. ``languages``: of each party's desk."""

    def __init__(self, agreed: tuple[Pack, ...], languages: Mapping[str, str]) -> None:
        self._packs = agreed
        self._languages = languages

    def rule(self, table: Table, wanted: str) -> str:
        """The whole name of a rule, ``PACK/RULE``. Raises ``LocalError`` (``scenario.rule``)."""
        tag, slash, name = wanted.rpartition("/")
        found = [
            f"{pack.id}/{name}"
            for pack in self._packs
            if name in pack.rules and (not slash or tag in (pack.tag, pack.id))
        ]
        if len(found) != 1:
            how = "no pack has" if not found else f"several have (there are: {', '.join(found)})"
            raise table.wrong("rule", f"'rule' is {wanted!r}, which {how}; see 'tieline pack show'")
        return found[0]

    def read(
        self, table: Table, default: str, sender: str, cited: tuple[Cited, ...], at_ms: int
    ) -> Coded:
        """A form, or a phrase, and its answers.

        Raises ``LocalError`` (``scenario.form``, ``.value``).
        """
        if table.has("phrase"):
            wanted = table.text("phrase", limit=60)
            if table.has("form"):
                raise table.wrong("form", "a message has a 'form' or a 'phrase'; remove one")
            pack, form = self._phrase(table, wanted)
        else:
            wanted = table.text("form", default or None)
            pack, form = self._named(table, wanted)
        answers = dict(_typed(table.table("fields")))
        tongue = Tongue(pack, _engine(), self._languages[sender])
        read = read_answers(pack, form, answers, tongue, now_ms=at_ms)
        filled = filling.fill(
            pack, form, read.values, sender=sender, cited=self._cited(cited), number=1
        )
        faults = [*read.errors, *(filled if isinstance(filled, tuple) else ())]
        if faults:
            said = " ".join(filling.complaint(form, fault, tongue).text for fault in faults)
            raise table.wrong("form", f"{wanted} of {sender} cannot be sent: {said.rstrip('.')}")
        return Coded(pack, form, tuple(answers.items()))

    def _named(self, table: Table, wanted: str) -> tuple[Pack, Form]:
        for pack in self._packs:
            for form in pack.sendable():
                if pack.form_id(form) == wanted:
                    return pack, form
        tag = wanted.partition("/")[0]
        known = ids(pack for pack in self._packs if pack.tag == tag) or [
            f"{pack.tag}/..." for pack in self._packs
        ]
        raise table.wrong(
            "form",
            f"'form' is {wanted!r}, which no pack of this charter has"
            f" (there are: {', '.join(known) or 'none'})",
        )

    def _phrase(self, table: Table, wanted: str) -> tuple[Pack, Form]:
        try:
            return phrase_named(self._packs, wanted)
        except LocalError as error:
            every = (form for pack in self._packs for form in pack.sendable())
            codes = ", ".join(form.name for form in every if form.phrase is not None)
            raise table.wrong(
                "form",
                f"'phrase' is {wanted!r}: {error.message} (there are: {codes or 'none'})",
            ) from error

    def _cited(self, cited: tuple[Cited, ...]) -> tuple[filling.Cited, ...]:
        found: list[filling.Cited] = []
        for one in cited:
            tag, _, name = one.form.partition("/")
            pack = next((pack.id for pack in self._packs if pack.tag == tag), "")
            found.append(
                filling.Cited(
                    role=one.role, digest=b"", pack=pack, form=name, sender=one.sender
                )
            )  # fmt: skip
        return tuple(found)


def _typed(table: Table) -> list[tuple[str, str]]:
    """What stands in ``fields``, by path; tables and lists of tables are groups."""
    out: list[tuple[str, str]] = []
    left: list[tuple[str, object]] = list(reversed(table.pairs()))
    while left:
        path, value = left.pop()
        if isinstance(value, dict):
            left.extend((f"{path}.{key}", part) for key, part in reversed(value.items()))
        elif isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            left.extend((f"{path}[{n}]", row) for n, row in reversed([*enumerate(value, start=1)]))
        elif isinstance(value, str) and value.strip():
            out.append((path, value))
        elif type(value) is int:
            out.append((path, str(value)))
        else:
            raise table.wrong(
                "value", f"{path!r} must be a text as an officer types it, or a whole number"
            )
    return out
