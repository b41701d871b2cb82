"""The words of the desk itself, by key and language: what no agreement has words for.

One file for each language, ``LANG.toml``: ``name`` and ``direction`` of the language, ``verified``
(whether a fluent reader has checked the words, and ``by`` whom), and ``[words]``, which has a text
for each key. English has every key, and says what is meant; a key that another language lacks is
said in English, and the tests see that none lacks any. Words in braces are put in by the desk.

A part of the desk may keep its words in a folder of its own beside these, ``PART/LANG.toml``, with
``[words]`` alone; a key stands in one file only.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

ENGLISH: Final = "en"
LANGUAGES: Final = ("en", "fr", "de", "it", "ru", "es", "ar")
_BLANK: Final = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The words of one language, as they stand in its file."""

    language: str
    name: str
    right_to_left: bool
    verified: bool
    by: str
    words: Mapping[str, str]


class Words:
    """What the desk says in a language. Cheap to make: a file is read once."""

    def __init__(self, language: str) -> None:
        """``language`` as in a statement, such as ``ar`` or ``fr-CH``; English if not here."""
        main = language.lower().partition("-")[0]
        self._own = catalogue(main if main in LANGUAGES else ENGLISH)
        self._english = catalogue(ENGLISH).words

    @property
    def language(self) -> str:
        """The language that is spoken, which is English where the one asked for is not here."""
        return self._own.language

    @property
    def name(self) -> str:
        """What the language is called in itself."""
        return self._own.name

    @property
    def direction(self) -> str:
        """``ltr`` or ``rtl``, as HTML has it."""
        return "rtl" if self._own.right_to_left else "ltr"

    @property
    def verified(self) -> bool:
        """Whether a fluent reader has checked these words."""
        return self._own.verified

    def say(self, key: str, **values: str | int) -> str:
        """The words of a key, with values put in where the words name them.

        A key that English too lacks, such as a state that a newer station tells, is said as what
        stands after its first point. Values are put in as they are: who shows the text makes it
        safe, as all text.
        """
        return "".join(text for text, _ in self.parts(key, **values))

    def parts(self, key: str, **values: str | int) -> Iterator[tuple[str, bool]]:
        """The same in pieces: each text, and whether it is a value that was put in.

        A value may run in another direction than the words around it: who writes HTML can put each
        into an element of its own.
        """
        text = self._own.words.get(key) or self._english.get(key) or key.partition(".")[2]
        for place, piece in enumerate(_BLANK.split(text)):
            if place % 2:
                yield str(values.get(piece, f"{{{piece}}}")), True
            elif piece:
                yield piece, False

    def has(self, key: str) -> bool:
        """Whether there are words for a key, if only in English."""
        return key in self._own.words or key in self._english


@cache
def catalogue(language: str) -> Catalogue:
    """The file of one of ``LANGUAGES``."""
    here = files(__name__)
    found = tomllib.loads(here.joinpath(f"{language}.toml").read_text("utf-8"))
    words = {str(key): str(value) for key, value in found["words"].items()}
    for part in here.iterdir():
        if part.is_dir() and (file := part.joinpath(f"{language}.toml")).is_file():
            more = tomllib.loads(file.read_text("utf-8"))["words"]
            words |= {str(key): str(value) for key, value in more.items()}
    return Catalogue(
        language=language,
        name=str(found["name"]),
        right_to_left=found["direction"] == "rtl",
        verified=found["verified"] is True,
        by=str(found["by"]),
        words=words,
    )


def blanks(text: str) -> frozenset[str]:
    """The names in braces in a text."""
    return frozenset(_BLANK.findall(text))
