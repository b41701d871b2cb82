"""The words of the software itself about incidents, by key: in English so far."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "state.open": "OPEN",
    "state.closed by some": "CLOSED BY SOME",
    "state.closed": "CLOSED",
    "relation.agree": "agree",
    "relation.differ": "DIFFER",
    "relation.not stated": "not stated by all",
    "relation.not comparable": "not comparable",
    "means.when": "occurred",
    "means.from": "from",
    "means.until": "until",
    "means.next": "next word",
    "means.due": "answer asked for by",
    "means.effective": "takes effect",
}


def words(key: str) -> str:
    """The words of a key; the last part of the key where there are none."""
    return WORDS.get(key) or key.partition(".")[2]
