"""What the text forms share: one leaf a line, and the way from leaves back to a sheet.

A sheet's fields are a list of *leaves*: the path of field numbers and repeats, and the answer. A
repeat of a group always says something, so the leaves give the groups back. What stands around the
fields is language-neutral where it is coded, so that a sheet can be read on any desk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement import plain
from tieline.core.agreement.layout import CITED_BYTES, Line, Page, Sheet
from tieline.core.agreement.message import Values, check_values
from tieline.core.agreement.model import Field, FieldType, Form, Pack, Special, word_key
from tieline.core.agreement.tongue import Tongue
from tieline.core.agreement.value import Answer, Code, Problem
from tieline.core.errors import RemoteError
from tieline.core.terms import LANGUAGE, PARTY_CODE, REALM, Precedence, RefRole

MAX_CHARS: Final = 200_000  # of a text form that is read
MAX_LEAVES: Final = 4096
_MAX_REFS: Final = 16
_EXERCISE: Final = " EXERCISE "

Path = tuple[int, ...]


def refuse(code: str, line: int, what: str) -> RemoteError:
    """A refusal of a text form: ``sheet.`` and a word, the line, what is wrong and what to do."""
    return RemoteError(f"sheet.{code}", f"line {line} of the text form {what}")


def lines_of(text: str) -> list[str]:
    """The lines of a text form. Raises ``RemoteError`` (``sheet.large``)."""
    if len(text) > MAX_CHARS:
        raise RemoteError(
            "sheet.large", f"the text form has over {MAX_CHARS} characters; send it in parts"
        )
    return text.replace("\r\n", "\n").split("\n")


def leaves(page: Page) -> Iterator[tuple[Line, Answer]]:
    """The lines that hold an answer."""
    for line in page.lines:
        if line.answer is not None:
            yield line, line.answer


# ----------------------------------------------------------------------------------------- fields


@dataclass(slots=True)
class Leaves:
    """Collects leaves of one form while a text form is read."""

    pack: Pack
    form: Form
    tongue: Tongue
    found: dict[Path, Answer]

    def field(self, path: Path, line: int) -> Field:
        """The field of a path. Raises ``RemoteError`` (``sheet.unknown``)."""
        fields, last = self.form.fields, None
        for number in path[::2]:
            last = next((one for one in fields if one.number == number), None)
            if last is None:
                break
            fields = last.fields
        if last is None or not len(path) % 2:
            raise refuse("unknown", line, "names a field that the form has not; correct its number")
        return last

    def take(self, path: Path, text: str, line: int, word: str = "") -> None:
        """Read one answer. ``word`` is what stood beside a code: it must be that code's word.

        Raises ``RemoteError``: ``sheet.field``, ``sheet.word``, ``sheet.twice``, ``sheet.large``.
        """
        field = self.field(path, line)
        answer = plain.read(field, text, self.pack.codes.get(field.codes, ()))
        if isinstance(answer, Problem):
            raise refuse(
                "field", line, f"holds no answer for '{field.id}' ({answer.code}); correct it"
            )
        if path in self.found:
            raise refuse("twice", line, f"answers '{field.id}' a second time; take one out")
        if len(self.found) >= MAX_LEAVES:
            raise refuse("large", line, f"is one of over {MAX_LEAVES} answers; send it in parts")
        if word and field.type is FieldType.CODE and not self._says(field, answer, word):
            raise refuse(
                "word", line, f"gives '{field.id}' a code and another code's word; correct one"
            )
        self.found[path] = answer

    def _says(self, field: Field, answer: Answer, word: str) -> bool:
        """Whether ``word`` stands for the answer in some language."""
        said = (plain.unquote(word) or "").casefold()
        for item in self.pack.codes.get(field.codes, ()):
            if isinstance(answer, Code) and item.number == answer.number:
                key = word_key("code", field.codes, item.id)
                words = self.tongue.everywhere(key) or (f"[{key}]",)
                return said in {one.casefold() for one in words}
        return isinstance(answer, Special)

    def complete(self, *, cancels: bool) -> Values:
        """The values, checked against the form as a whole.

        Raises ``RemoteError`` (``sheet.repeats``, ``sheet.form``).
        """
        values = _nest(self.form.fields, self.found)
        errors = check_values(self.pack, self.form, values, cancels=cancels)
        if errors:
            first = errors[0]
            raise RemoteError(
                "sheet.form",
                f"the text form breaks its form at '{first.path}' ({first.problem.code}); ask for "
                "it again",
            )
        return values


def _nest(fields: Iterable[Field], found: Mapping[Path, Answer]) -> Values:
    out: dict[int, Answer | tuple[Values, ...]] = {}
    for field in fields:
        if (field.number,) in found:
            out[field.number] = found[field.number,]
        inner = {
            path[1:]: one for path, one in found.items() if path[0] == field.number and path[1:]
        }
        if not inner:
            continue
        indexes = sorted({path[0] for path in inner})
        if indexes != list(range(1, len(indexes) + 1)) or field.number in out:
            raise RemoteError(
                "sheet.repeats",
                f"the entries of '{field.id}' are not numbered from 1 without gaps; ask for the "
                "text form again",
            )
        out[field.number] = tuple(
            _nest(field.fields, {path[1:]: one for path, one in inner.items() if path[0] == index})
            for index in indexes
        )
    return out


# ----------------------------------------------------------------------------------------- heading


@dataclass(slots=True, kw_only=True)
class Heading:
    """What stands around the fields, as texts, until ``sheet`` reads them."""

    precedence: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    form: str = ""
    version: str = ""
    number: str = ""  # as ``numbered`` wrote it
    time: str = ""
    refs: Sequence[str] = ()
    lang: str = ""
    remarks: str = ""

    def form_in(self, packs: Mapping[str, Pack]) -> tuple[Pack, Form]:
        """The pack and form that are named. Raises ``RemoteError`` (``sheet.form_unknown``)."""
        tag, _, name = self.form.lower().partition("/")
        pack = packs.get(tag)
        form = None if pack is None else pack.form(name)
        if pack is None or form is None or self.version != str(pack.version):
            raise RemoteError(
                "sheet.form_unknown",
                "the text form names a form or a version of an agreement that is not in force here;"
                " ask which one it is",
            )
        return pack, form

    def sheet(self, pack: Pack, form: Form, taken: Leaves) -> Sheet:
        """The sheet. Raises ``RemoteError``: ``sheet.heading`` for what does not read."""
        seconds = plain.read_time(self.time.upper())
        number, exercise = self.number.upper().partition(_EXERCISE)[0], exercise_of(self.number)
        remarks = plain.unquote(self.remarks)
        refs = tuple(read_ref(one) for one in self.refs)
        good = (
            self.precedence in Precedence.__members__
            and PARTY_CODE.match(self.sender)
            and self.to
            and all(PARTY_CODE.match(one) for one in self.to)
            and re.fullmatch("[0-9]{1,16}", number)
            and REALM.match(exercise)
            and (not self.lang or LANGUAGE.match(self.lang))
        )
        if not good or seconds is None or remarks is None or len(refs) > _MAX_REFS:
            raise RemoteError(
                "sheet.heading",
                "the heading of the text form does not read: precedence, parties, number, time, "
                "references or language; correct it",
            )
        cancels = any(role is RefRole.CANCELS for role, _ in refs)
        return Sheet(
            pack=pack,
            form=form,
            values=taken.complete(cancels=cancels),
            sender=self.sender,
            to=self.to,
            precedence=Precedence[self.precedence],
            time_ms=seconds * 1000,
            number=int(number),
            refs=refs,
            remarks=remarks,
            lang=self.lang,
            exercise=exercise,
        )


def number_text(sheet: Sheet) -> str:
    """The number as it opens and closes a text form; an exercise is named in both places."""
    return str(sheet.number) + (_EXERCISE + sheet.exercise if sheet.exercise else "")


def exercise_of(number: str) -> str:
    """The exercise that a number names as ``number_text`` writes it; empty for live traffic."""
    return number.upper().partition(_EXERCISE)[2]


def write_ref(ref: tuple[RefRole, bytes]) -> str:
    """``ANSWERS 0011223344556677``."""
    return f"{ref[0].name} {ref[1][:CITED_BYTES].hex().upper()}"


def read_ref(text: str) -> tuple[RefRole, bytes]:
    """The inverse. Raises ``RemoteError`` (``sheet.reference``)."""
    role, _, digest = text.upper().partition(" ")
    digits = digest.replace(" ", "")
    good = len(digits) == 2 * CITED_BYTES and all(one in "0123456789ABCDEF" for one in digits)
    if role not in RefRole.__members__ or not good:
        raise RemoteError(
            "sheet.reference",
            "a message reference of the text form is no role and 16 hexadecimal digits; correct it",
        )
    return RefRole[role], bytes.fromhex(digits)


def truncated(number: str) -> RemoteError:
    """The end marker is missing, or names another message."""
    return RemoteError(
        "sheet.truncated",
        f"the text form does not end with the end marker of its number {number}: it was cut off, or"
        " two messages ran together; ask for it again",
    )
