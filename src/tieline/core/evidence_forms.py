"""Coded statements of an evidence file, read with the packs that are in it.

A statement names its form by a tag, a name and a version; which pack that is, the charter says by
hash. What a statement says is given twice: as the notation that all text forms share, which is the
same in every language (docs/text-forms.md), and in the words of one language of the pack.

This module does not know whether a statement was signed; that is for ``evidence_reader``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tieline.core.agreement import plain
from tieline.core.agreement.message import FieldError, Values, examine
from tieline.core.agreement.model import (
    Cite,
    Field,
    Form,
    Pack,
    Provenance,
    field_key,
    title_key,
    word_key,
)
from tieline.core.agreement.tongue import ENGLISH, Tongue
from tieline.core.agreement.value import Answer, Code
from tieline.core.charter import Charter
from tieline.core.encode import Value
from tieline.core.statement import Content
from tieline.core.terms import Kind, RefRole


@dataclass(frozen=True, slots=True)
class Found:
    """The pack and form of a statement, and the newest version, up to its own, that names it."""

    pack: Pack
    form: Form
    charter: int


def is_coded(content: Content) -> bool:
    """Whether a statement is on a form: a message, or a joint statement that has its fields."""
    said = content.kind is Kind.MESSAGE
    agreed = content.kind is Kind.JOINT and content.body.terms is not None
    return bool(content.form) and (said or agreed)


def fields_of(content: Content) -> tuple[tuple[int, Value], ...]:
    """The fields of the form that a statement is on."""
    body = content.body
    return (body.fields if content.kind is Kind.MESSAGE else body.terms) or ()


def form_of(
    charters: Sequence[Charter], packs: Mapping[bytes, Pack], version: int, content: Content
) -> Found | None:
    """The form of a statement that goes by a version of the charter, among these packs by hash.

    ``charters`` are the versions from 1 on. The newest version up to ``version`` that names a pack
    of the form's tag and version says which it is, as at a station.
    """
    tag, slash, name = content.form.partition("/")
    if not slash or not is_coded(content):
        return None
    for charter in reversed(charters[:version]):
        for digest in charter.packs:
            pack = packs.get(digest)
            if pack is None or (pack.tag, pack.version) != (tag, content.form_version):
                continue
            form = pack.form(name)
            return None if form is None else Found(pack, form, charter.version)
    return None


class Shelf:
    """The packs of a file, and the forms that were looked for in them."""

    def __init__(self, charters: Sequence[Charter], packs: Mapping[bytes, Pack]) -> None:
        self._charters = charters
        self._packs = packs
        self._known: dict[tuple[int, str, int], Found | None] = {}  # by version, form, its version

    def find(self, version: int, content: Content) -> Found | None:
        """As ``form_of``; looked up once for all statements of one form and version."""
        if not is_coded(content):
            return None
        key = (version, content.form, content.form_version)
        if key not in self._known:
            self._known[key] = form_of(self._charters, self._packs, version, content)
        return self._known[key]

    def lacks(self, version: int, content: Content) -> tuple[bytes, ...]:
        """The packs that are not here and of which the form of a statement may be, by hash."""
        if not is_coded(content):
            return ()
        found = self.find(version, content)
        if found is not None and found.charter == version:
            return ()
        named = self._charters[version - 1].packs
        return tuple(digest for digest in named if digest not in self._packs)


# --------------------------------------------------------------------------------- what it says


@dataclass(frozen=True, slots=True)
class Row:
    """One answer, or the heading of a group (``answer`` is ``None``).

    ``path`` is as an officer writes it (``phases[1].troops``), ``depth`` how many groups it is in.
    ``text`` is the answer in the notation of the text forms.
    """

    path: str
    depth: int
    field: Field
    ids: tuple[str, ...]
    answer: Answer | None

    @property
    def text(self) -> str | None:
        return None if self.answer is None else plain.write(self.answer)


@dataclass(frozen=True, slots=True)
class Coded:
    """What a statement says on its form: what reads, and what breaks the form."""

    found: Found
    rows: tuple[Row, ...]
    errors: tuple[FieldError, ...]


def read_coded(found: Found, content: Content) -> Coded:
    """The answers of a statement in the order of the form, and what is wrong with the others."""
    cancels = any(ref.role is RefRole.CANCELS for ref in content.refs)
    values, errors = examine(found.pack, found.form, fields_of(content), cancels=cancels)
    return Coded(found, tuple(_rows(found.form.fields, values, "", ())), errors)


def _rows(
    known: tuple[Field, ...], values: Values, above: str, ids: tuple[str, ...]
) -> Iterator[Row]:
    for field in known:
        value = values.get(field.number)
        if value is None:
            continue
        path, here = above + field.id, (*ids, field.id)
        if not isinstance(value, tuple):
            yield Row(path, len(ids), field, here, value)
            continue
        for index, one in enumerate(value, 1):
            yield Row(f"{path}[{index}]", len(ids), field, here, None)
            yield from _rows(field.fields, one, f"{path}[{index}].", here)


@dataclass(frozen=True, slots=True)
class Said:
    """A row in words. ``word``: of the code that it answers; ``fallen``: English for another."""

    label: str
    word: str | None
    fallen: bool


class Reader:
    """One language over one pack. A language that the pack lacks is read in English, marked."""

    def __init__(self, pack: Pack, lang: str) -> None:
        self.lang = lang if lang in pack.words else ENGLISH
        self._away = self.lang != lang
        self._tongue = Tongue(pack, {}, self.lang)
        self.verified = self._tongue.verified
        self.right_to_left = self._tongue.right_to_left

    def word(self, key: str) -> tuple[str, bool]:
        """A text of the pack, and whether it is not in the language that was asked for."""
        found = self._tongue.word(key)
        return found.text, found.fallen or self._away

    def title(self, form: Form) -> tuple[str, bool]:
        """What the form is called; of a phrase, what it means."""
        return self.word(title_key(form))

    def said(self, form: Form, row: Row) -> Said:
        """A row in words."""
        label, fallen = self.word(field_key(form, *row.ids))
        if not isinstance(row.answer, Code):
            return Said(label, None, fallen)
        word, also = self.word(word_key("code", row.field.codes, row.answer.id))
        return Said(label, word, fallen or also)


def doubtful(cite: Cite) -> bool:
    """Whether a reader is told how the author of a pack came to know a thing."""
    return cite.provenance is not Provenance.READ
