"""What the report itself says, in its language: words of the desk with values put in.

Theory. A sentence of ours and a value of another's stand in one line, and either may run from right
to left. So each value is made safe when it is put in, and where directions meet it is set apart by
the two characters that Unicode has for that, an isolate and its end. What was made so is of the
type ``Said``: whoever writes it out keeps those two characters, which in all other text are written
out as code points. A ``Said`` that is joined to other text by ``+`` is plain text again, and shows
them: use ``Tongue`` to put texts together.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from tieline.core.incident.figures import COUNTS, SPANS
from tieline.desk import incidentwords
from tieline.desk.cli.show import View
from tieline.desk.words import ENGLISH, Words
from tieline.node.text import visible

NONE: Final = "-"
ORDER: Final = SPANS + COUNTS
APART: Final = "\u2068"  # first strong isolate
END: Final = "\u2069"  # pop directional isolate
# The sign stands before the word, so that no reader needs colours.
SIGNS: Final = {"agree": "=", "differ": "≠", "not stated": "·", "not comparable": "?"}
_SIZES: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_WAYS: Final = frozenset({"R", "AL"})


class Said(str):
    """A text of ours: safe, with values set apart where directions meet."""

    __slots__ = ()


class Tongue:
    """What the report says in one language. Called with a key of the catalogue and values."""

    def __init__(self, language: str) -> None:
        self.words = Words(language)
        self.right_to_left = self.words.direction == "rtl"

    def __call__(self, key: str, **values: str | int) -> Said:
        """The words of a key."""
        safe = {name: self._value(value) for name, value in values.items()}
        return Said(self.words.say(key, **safe))

    def heads(self, *names: str) -> tuple[str, ...]:
        """The heads of a table's columns; an empty one stays empty."""
        return tuple(self(f"report.{name}") if name else "" for name in names)

    def many(self, some: Iterable[str]) -> Said:
        """Several texts, with commas between."""
        return Said((self.words.say("list.comma") + " ").join(self._value(one) for one in some))

    def both(self, one: str, other: str) -> Said:
        """Two texts, one after the other."""
        return Said(f"{self._value(one)} {self._value(other)}")

    def warn(self, text: str) -> Said:
        """A text with the sign of what must not be overlooked; nothing where there is no text."""
        return Said(f"! {text if isinstance(text, Said) else self._value(text)}" if text else "")

    def _value(self, value: str | int) -> str:
        if isinstance(value, int):
            return str(value)
        safe = value if isinstance(value, Said) else visible(value)
        number = safe.isascii() and not any(char.isalpha() for char in safe)
        meets = self.right_to_left or runs_right(safe)
        return f"{APART}{safe}{END}" if meets and safe and not number else safe

    # ------------------------------------------------------------------------------ values

    def alignment(self, name: str) -> Said:
        """How accounts stand to each other, with its sign."""
        sign = SIGNS.get(name, "")
        return Said(f"{sign} {self(f'alignment.{name}')}".strip())

    def metres(self, value: int) -> Said:
        """A distance."""
        return Said(incidentwords.metres(value, self))

    def how_far(self, pair: View) -> Said:
        """How far two accounts are apart; empty when that has no measure."""
        return Said(incidentwords.how_far(pair, self))

    def short_span(self, value_ms: int) -> Said:
        """A span in its two largest units down to minutes."""
        return Said(incidentwords.span(value_ms, self))

    def span(self, value_ms: int) -> Said:
        """A span in its two largest units, seconds too; said to be before when it is negative."""
        if value_ms < 0:
            return self("span.before", span=self.span(-value_ms))
        seconds = value_ms // 1000
        parts = []
        for unit, size in _SIZES:
            count, seconds = divmod(seconds, size)
            if count:
                parts.append(self(f"unit.{unit}", n=count))
        return Said(" ".join(parts[:2])) if parts else self("span.none")

    def figure(self, name: str) -> Said:
        """What a figure counts."""
        return self(f"figure.{name}")

    def number(self, name: str, number: object) -> Said:
        """A figure as text; a stroke where it is not known."""
        if not isinstance(number, int) or isinstance(number, bool):
            return Said(NONE)
        is_span = name in SPANS or name.startswith("first_word.")
        return self.span(number) if is_span else Said(number)


def runs_right(text: str) -> bool:
    """Whether a text has a letter that runs from right to left."""
    return not text.isascii() and any(unicodedata.bidirectional(char) in _WAYS for char in text)


def plain(text: str) -> str:
    """A text without the characters that set values apart: for where no letters meet."""
    return text.replace(APART, "").replace(END, "") if isinstance(text, Said) else text


def english() -> Tongue:
    """The report's words as a terminal shows them."""
    return Tongue(ENGLISH)
