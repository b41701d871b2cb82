"""The words of a pack and of the engine in one officer's language.

Coded text is not translated: each desk has the words of every code and label in the languages of
the pack and shows its own. Where a language lacks a word the English one is shown and marked, and
words that no fluent reader has checked say so (``verified``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tieline.core.agreement.model import CodeItem, Pack

ENGLISH: Final = "en"
RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur"})
_ARGUMENT: Final = re.compile(r"\{([a-z_]+)\}")

# By language, then by key.
EngineWords = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Word:
    """A text, the language it is in, and whether that is not the one that was asked for."""

    text: str
    lang: str
    fallen: bool = False

    def __str__(self) -> str:
        return self.text


class Tongue:
    """One language over one pack. Immutable; holds no copy of the words."""

    __slots__ = ("_engine", "_pack", "lang", "verified")

    def __init__(self, pack: Pack, engine: EngineWords, lang: str = ENGLISH) -> None:
        self._pack = pack
        self._engine = engine
        self.lang = lang
        self.verified = any(one.tag == lang and one.verified for one in pack.languages)

    @property
    def right_to_left(self) -> bool:
        return self.lang.split("-")[0] in RIGHT_TO_LEFT

    def word(self, key: str) -> Word:
        """The text of a key of the pack; the key in brackets when no language has it."""
        return _look_up(self._pack.words, self.lang, key)

    def codes(self, name: str) -> tuple[CodeItem, ...]:
        """The items of a code list; none for an unknown one."""
        return self._pack.codes.get(name, ())

    def has(self, key: str) -> bool:
        """Whether the pack has this text, in this language or in English."""
        return any(key in self._pack.words.get(lang, {}) for lang in (self.lang, ENGLISH))

    def say(self, key: str, **arguments: str) -> Word:
        """A text of the engine, with ``{name}`` replaced by the argument of that name."""
        found = _look_up(self._engine, self.lang, key)
        text = _ARGUMENT.sub(lambda hit: arguments.get(hit[1], hit[0]), found.text)
        return Word(text, found.lang, found.fallen)

    def everywhere(self, key: str) -> tuple[str, ...]:
        """The text of a key of the pack in all its languages, each once, in their order."""
        found = (words.get(key) for words in self._pack.words.values())
        return tuple(dict.fromkeys(text for text in found if text))

    def said_everywhere(self, key: str) -> tuple[str, ...]:
        """As ``everywhere``, for a text of the engine."""
        return tuple(dict.fromkeys(words[key] for words in self._engine.values() if key in words))


def _look_up(words: EngineWords, lang: str, key: str) -> Word:
    text = words.get(lang, {}).get(key)
    if text is not None:
        return Word(text, lang)
    text = words.get(ENGLISH, {}).get(key)
    return Word(f"[{key}]" if text is None else text, ENGLISH, lang != ENGLISH or text is None)


# What is said aloud is in the language that it is said in, so no other language lacks it.
_OWN: Final = (".wording", ".pronunciation")


def lacking(pack: Pack, lang: str) -> tuple[str, ...]:
    """The keys of the texts that a reader of this language of a pack reads in English."""
    words = pack.words.get(lang, {})
    return tuple(key for key in pack.words[ENGLISH] if key not in words and not key.endswith(_OWN))
