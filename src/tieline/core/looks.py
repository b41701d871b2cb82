"""What words look like, where letters of several scripts look the same."""

from __future__ import annotations

import unicodedata
from typing import Final

# Letters that look alike in Latin, Cyrillic and Greek, small and capital, by what they look like.
ALIKE: Final = str.maketrans(
    "абвгекмнорстухіјѕһԁԛԝαβγεηικμνορστυχωϲ", "a6brekmhopctyxijshdqwabyenikuvopotuxwc"
)


def name_key(name: str) -> str:
    """A name such that two of which one may be mistaken for the other have the same.

    A space, a capital, a mark, an accent or a letter of another script makes no other name.
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    return "".join(c for c in plain if c.isalnum()).translate(ALIKE) or name


def mistaken(one: str, other: str) -> bool:
    """Whether two texts look the same and are not; that of a capital can be seen."""
    return one.casefold() != other.casefold() and _look(one) == _look(other)


def _look(text: str) -> str:
    plain = unicodedata.normalize("NFKC", " ".join(text.split())).casefold()
    return "".join(c for c in plain if unicodedata.category(c) != "Cf").translate(ALIKE)
