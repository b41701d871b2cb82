"""What an officer writes at the compose screen: what it is about, and what its fields mean.

A ``Subject`` is in the address: the line, the form, and what is answered, corrected or cancelled.
The address is also the name under which a draft is kept in the desk's own file, so that "go on
writing" is a link. Everything else is in the form that was sent, or kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from tieline.core.terms import Precedence
from tieline.desk.web import formfields
from tieline.desk.web.shapes import View
from tieline.desk.words import ENGLISH, LANGUAGES
from tieline.node.view import Json

TEXT: Final = "text"  # the form that is free text
ROLES: Final = ("answers", "corrects", "cancels")
_PLACE: Final = "/compose"
_SHORT: Final = 16  # characters of a digest or of a line's id in an address


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is written about. Empty: not said."""

    line: str = ""
    form: str = ""
    answers: str = ""
    corrects: str = ""
    cancels: str = ""
    incident: str = ""

    @property
    def address(self) -> str:
        """Where it is written."""
        some = {name: getattr(self, name) for name in self.__slots__ if getattr(self, name)}
        return f"{_PLACE}?{urlencode(some)}" if some else _PLACE

    @property
    def kept_as(self) -> str:
        """The name under which it is kept, at most 120 characters."""
        return self.address[:120]

    @property
    def coded(self) -> str:
        """The form of an agreement; empty for free text."""
        return "" if self.form == TEXT else self.form

    def refs(self) -> list[Json]:
        """What it cites, as acts take it."""
        return [
            {"item": getattr(self, role), "role": role} for role in ROLES if getattr(self, role)
        ]

    def with_form(self, form: str) -> Subject:
        """The same, written with a form."""
        return replace(self, form=form)


def subject(fields: Mapping[str, str]) -> Subject:
    """The subject in an address's fields."""

    def short(name: str) -> str:
        text = fields.get(name, "").lower()
        return text[:_SHORT] if text.isalnum() and text.isascii() else ""

    form = fields.get("form", "")[:64]
    return Subject(
        line=short("line"),
        form=form if form.isprintable() and form.isascii() else "",
        answers=short("answers"),
        corrects=short("corrects"),
        cancels=short("cancels"),
        incident=short("incident"),
    )


def subject_of(kind: str) -> Subject | None:
    """The subject of what is kept under a name; None for what is kept of another screen."""
    parts = urlsplit(kind)
    if parts.path != _PLACE:
        return None
    return subject({name: values[0] for name, values in parse_qs(parts.query).items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the controls around a form say."""

    text: str
    lang: str
    precedence: str
    to: tuple[str, ...]
    reserve: bool
    through: str
    read_back: bool
    theirs: str
    before: str

    def args(self, about: Subject, answers: Mapping[str, str]) -> dict[str, Json]:
        """The arguments of ``send``, but for the officer and the key."""
        out: dict[str, Json] = {"line": about.line, "refs": about.refs(), "to": [*self.to]}
        if self.precedence:
            out["precedence"] = self.precedence
        if self.text.strip():
            out |= {"text": self.text.strip(), "lang": self.lang}
        if about.coded:
            out |= {"form": about.coded, "answers": {**answers}}
        if about.incident:
            out["incident"] = [about.incident]
        if self.reserve:
            out["reserve"] = True
        if self.through:
            out["through"] = self.through
        if self.read_back:
            out["wants"] = ["read back"]
        return out

    def fill_args(self, about: Subject, answers: Mapping[str, str]) -> dict[str, Json]:
        """The arguments of ``fill``, but for the language."""
        wanted = ("line", "refs", "to", "precedence", "text", "lang", "form", "answers", "incident")
        return {k: v for k, v in self.args(about, answers).items() if k in wanted}


def message(fields: Mapping[str, str], language: str, theirs: str) -> Message:
    """The controls around a form, as they were sent or kept."""
    precedence = fields.get("precedence", "")
    lang = fields.get("lang", language)
    wanted = fields.get("theirs", theirs)
    return Message(
        text=fields.get("text", "").replace("\r\n", "\n")[: formfields.MAX_TEXT],
        lang=lang if lang in LANGUAGES else ENGLISH,
        precedence=precedence if precedence in Precedence.__members__ else "",
        to=tuple(sorted(name[3:] for name in fields if name.startswith("to:") and fields[name])),
        reserve=bool(fields.get("reserve")),
        through=fields.get("through", "").strip()[:80],
        read_back=bool(fields.get("read_back")),
        theirs=wanted if wanted in LANGUAGES else theirs,
        before=fields.get("before", "")[:60_000],
    )


def from_content(view: View, form: View, answers: Mapping[str, object]) -> dict[str, str]:
    """The controls for a message or a draft that is there: to correct it, or to write it anew.

    ``form``: the description of its form, empty for free text; ``answers``: as they were typed.
    """
    out = formfields.given(form, answers) if form else {}
    if view["text"]:
        out |= {"text": str(view["text"]), "lang": str(view["lang"] or ENGLISH)}
    out["precedence"] = str(view["precedence"] or "")
    out |= {f"to:{code}": "yes" for code in view.texts("to")}
    if view["reserve"]:
        out["reserve"] = "yes"
    if view["through"]:
        out["through"] = str(view["through"])
    if "read back" in view.texts("wants"):
        out["read_back"] = "yes"
    return out


def remembered(view: View) -> str:
    """What a draft said, for who will see how its next wording differs."""
    kept = {name: view[name] for name in ("form", "text", "precedence", "to", "answers", "refs")}
    return json.dumps(kept)
