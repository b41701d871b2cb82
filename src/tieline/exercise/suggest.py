"""What the script would say, in words, and the desk's form in which an officer would say it.

The paths and the names of forms' boxes are those of the web desk (docs/desk.md): the exercise uses
the desk over HTTP as a browser does, and knows no more of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from tieline.desk.words import Words
from tieline.exercise import scenario as world
from tieline.exercise.board import Shown
from tieline.exercise.stage import speaker

SHORT: Final = 16  # characters of a digest or of a line's id in the desk's addresses
CHARS: Final = 90
KINDS: Final = frozenset({
    "message", "acknowledge", "read back", "passed on", "pass on", "joint", "assent", "suspend",
    "resume", "watch", "test",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Where it is said at the desk; ``kind`` and ``fields``: what is kept there for the officer."""

    path: str
    kind: str = ""
    fields: tuple[tuple[str, str], ...] = ()


def words(act: world.Act, tongue: Words) -> str:
    """What an act of the script is, in a few words; texts as the script has them."""
    who, say = speaker(act), tongue.say
    match act:
        case world.Say(text=text, form=form, precedence=precedence):
            what = f"“{_short(text)}”" if text and not form else say("start.act.form", form=form)
            return say("start.act.writes", who=who, what=what, precedence=precedence.name)
        case world.Joint(text=text):
            return say("start.act.joint", who=who, what=f"“{_short(text)}”")
        case world.Assent():
            return say("start.act.assent", who=who)
        case world.Answer(rung=rung):
            rung_key = f"desk.rung.{rung.name.lower().replace('_', ' ')}"
            return say("start.act.answers", who=who, what=say(rung_key))
        case world.Cut():
            return say("start.act.cut")
        case world.Heal():
            return say("start.act.heal")
        case _:
            return say("start.act.other", who=who, what=type(act).__name__.lower())


def said(shown: Shown, tongue: Words) -> str:
    """A statement in a few words; its own text as it was written."""
    text = shown.view.text("text", "")
    form = shown.view.text("form", "")
    key = f"kind.{shown.kind}"
    what = tongue.say(key) if tongue.has(key) else shown.kind
    more = tongue.say("start.act.form", form=form) if form else f"“{_short(text)}”" if text else ""
    precedence = f" ({shown.precedence})" if shown.kind == "message" else ""
    return f"{what} {more}{precedence}".replace("  ", " ").strip()


def form(act: world.Act, items: tuple[str, ...], line: str) -> Form | None:
    """The form for an act, with what the script would type. ``items``: what it cites."""
    match act:
        case world.Say(form="in/account", answers=answers) if items:
            fields = [("form", "in/account"), *((f"a:{name}", value) for name, value in answers)]
            return Form(
                path=f"/incident/{items[0]}/say/account",
                kind=f"incident-{items[0][:SHORT]}-account",
                fields=tuple(fields),
            )
        case world.Say(form="", text=text, lang=lang, precedence=precedence) if not items:
            path = _compose(line, {"form": "text"})
            fields = [("text", text), ("lang", lang), ("precedence", precedence.name)]
            return Form(path=path, kind=path[:120], fields=tuple(fields))
        case world.Assent() if items:
            return Form(path=f"/joint/{items[0]}")
        case world.Answer() if items:
            return Form(path=f"/item/{items[0]}")
        case world.Say(form=name) if name:
            return Form(path=_compose(line, {"form": name}))
        case _:
            return None


def _compose(line: str, more: Mapping[str, str]) -> str:
    return f"/compose?{urlencode({'line': line[:SHORT], **more})}"


def _short(text: str) -> str:
    return text if len(text) <= CHARS else f"{text[: CHARS - 1]}…"
