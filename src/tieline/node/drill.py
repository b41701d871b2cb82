"""Words that no text of an exercise may have: that it is none.

Somebody who hears "this is not a drill" acts on it, whatever stands around it. So our own station
refuses such words on a line of an exercise, in the languages of the desk; what is real is said on
the real line. It is a list of phrases, and another wording passes: the banner, the keys and the
signed name of the exercise are what tells it apart. What other parties write is shown as it came.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from tieline.core.errors import LocalError
from tieline.core.statement import Body

_PHRASES: Final = (
    "not a drill", "not a exercise", "not an exercise", "no drill", "is no exercise",
    "pas un exercice",
    "keine übung",
    "non è un esercitazione", "non è una esercitazione",
    "не учение", "не учения", "не учебная",
    "no es un ejercicio", "no es un simulacro", "no es simulacro",
    "ليس تمرينا", "ليس تمرين", "ليست تمرينا", "ليست تمرين",
)  # fmt: skip
_GAP: Final = re.compile(r"[\W_]+")


def plain(text: str) -> str:
    """Letters and single spaces alone: no case, no accents, no marks between words."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(
        one for one in parts if not unicodedata.combining(one) and unicodedata.category(one) != "Cf"
    )
    return _GAP.sub(" ", letters).strip()


FORBIDDEN: Final = tuple(plain(phrase) for phrase in _PHRASES)


def check(realm: str, body: Body) -> None:
    """Raises ``LocalError`` (``exercise.drill``) for such words under an exercise's name."""
    if not realm:
        return
    for text in (
        body.text or "",
        body.unit or "",
        body.cause or "",
        *_texts(body.fields),
        *_texts(body.terms),
    ):
        said = f" {plain(text)} "
        if any(f" {phrase} " in said for phrase in FORBIDDEN):
            raise LocalError(
                "exercise.drill",
                f"a text of exercise {realm} does not say that it is none; leave those words out,"
                " and say what is real on the real line",
            )


def _texts(value: object) -> Iterator[str]:
    """Every text in the coded fields of a form, to any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
