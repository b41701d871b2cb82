"""Safe text: nothing from outside reaches a screen in a form that could deceive or act.

Controls, bidirectional and invisible characters, tags and terminal escapes are written out as
``⟨U+202E⟩``. A word that mixes letters of Latin, Greek and Cyrillic script, where look-alikes hide,
gets its minority letters written out too. Honest text in any one script passes unchanged.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from tieline.core.looks import ALIKE

# Categories that have no honest place in shown text: controls, formats, surrogates, private use,
# unassigned, line and paragraph separators.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_WORD: Final = re.compile(r"\w+")
_SCRIPTS: Final = ("LATIN", "CYRILLIC", "GREEK")
# Joiners are needed to write Persian and several Indian scripts; between two letters of those they
# are honest, elsewhere they are shown.
_JOINERS: Final = frozenset("\u200c\u200d")
_MAX_MARKS: Final = 4


def escape(char: str) -> str:
    """A character written as its code point."""
    return f"⟨U+{ord(char):04X}⟩"


def escaped(text: str) -> str:
    """A text written as code points throughout."""
    return "".join(escape(char) for char in text)


def visible(text: str, *, lines: bool = False) -> str:
    """The text as it may be shown. With ``lines``, line feeds and tabs stay as they are."""
    if text.isascii() and text.isprintable():
        return text
    out: list[str] = []
    marks = 0
    for index, char in enumerate(text):
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if (lines and char in "\n\t") or (char in _JOINERS and _joins(text, index)):
            out.append(char)
        elif category in _HIDDEN or marks > _MAX_MARKS or _blank(char):
            out.append(escape(char))
        else:
            out.append(char)
    return _WORD.sub(_unmix, "".join(out))


def _blank(char: str) -> bool:
    """Letters and spaces that look like nothing, or like an ordinary space."""
    if char in "\u115f\u1160\u3164\uffa0\u2800" or "\ufe00" <= char <= "\ufe0f":
        return True
    return unicodedata.category(char) == "Zs" and char not in " \u00a0\u202f\u3000"


def _joins(text: str, index: int) -> bool:
    around = text[index - 1 : index] + text[index + 1 : index + 2]
    return len(around) == 2 and all(
        unicodedata.bidirectional(char) == "AL" or 0x0900 <= ord(char) <= 0x0DFF for char in around
    )


def script(char: str) -> str:
    """The script of a letter among those that are mistaken for each other; empty for others."""
    if not char.isalpha():
        return ""
    name = unicodedata.name(char, "")
    return next((which for which in _SCRIPTS if name.startswith(which)), "")


def mixed(word: str) -> tuple[str, ...]:
    """The scripts of a word, most used first, when it mixes some that hold look-alikes."""
    counts: dict[str, int] = {}
    for char in word:
        which = script(char)
        if which:
            counts[which] = counts.get(which, 0) + 1
    ranked = sorted(counts, key=lambda name: (-counts[name], _SCRIPTS.index(name)))
    return tuple(ranked) if len(ranked) > 1 else ()


def foreign(text: str) -> tuple[str, ...]:
    """The words of a text that are whole in another script than most of it, and do not look so."""
    words = [word for word in _WORD.findall(text) if not mixed(word)]
    counts: dict[str, int] = {}
    for char in text:
        counts[script(char)] = counts.get(script(char), 0) + 1
    counts.pop("", None)
    most = max(sorted(counts), key=lambda name: counts[name], default="")
    back = {chr(to) for to in ALIKE.values()}
    return tuple(dict.fromkeys(
        word for word in words
        if {script(char) for char in word} - {"", most}
        and all(
            ord(char) in ALIKE if script(char) != "LATIN" else char in back
            for char in word.casefold() if script(char)
        )
    ))  # fmt: skip


def _unmix(match: re.Match[str]) -> str:
    word = match.group()
    scripts = mixed(word)
    if not scripts:
        return word
    return "".join(escape(char) if script(char) in scripts[1:] else char for char in word)
