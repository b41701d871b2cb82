"""Where the screens are, and which single keys act: one table for the page, its help and the docs.

A screen adds its place to ``NAV`` when it is there. A key acts on the element of the page that has
``data-key`` with that letter: first in the row that is chosen, then anywhere; it clicks what can be
clicked and goes to what can be filled. An officer can switch single keys off (WCAG 2.1.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """A screen in the navigation: address, its words, whether it exists yet, its single key.

    ``act``: the act that one must be allowed to find it there; empty: everybody does.
    """

    address: str
    words: str
    there: bool = True
    key: str = ""
    act: str = ""


NAV: Final = (
    Place("/", "desk.nav.watch", key="w"),
    Place("/compose", "desk.nav.compose", key="n"),
    Place("/incidents", "desk.nav.incidents", key="i"),
    Place("/joints", "report.joints"),
    Place("/agreements", "desk.nav.agreements"),
    Place("/record", "desk.nav.record", key="r"),
    Place("/alarms", "desk.nav.alarms", key="l"),
    Place("/exercise", "desk.nav.exercise"),  # shown on lines of an exercise only
    Place("/handover", "desk.nav.handover"),
    Place("/admin", "desk.nav.admin"),
    Place("/officers", "desk.nav.officers", act="desk.officers"),
)

# Letter and key of its words, in the order of the help.
KEYS: Final = (
    ("j", "desk.key.down"),
    ("k", "desk.key.up"),
    ("Enter", "desk.key.open"),
    ("a", "desk.key.acknowledge"),
    ("s", "desk.key.silence"),
    ("l", "desk.key.alarms"),
    ("n", "desk.key.new"),
    ("t", "desk.key.test"),
    ("w", "desk.key.watch"),
    ("r", "desk.key.record"),
    ("v", "desk.record.verify"),
    ("p", "desk.paper"),
    ("i", "desk.key.incidents"),
    ("o", "desk.key.open-incident"),
    ("u", "desk.key.word"),
    ("e", "desk.key.end"),
    ("z", "desk.key.recall"),
    ("c", "desk.key.correct"),
    ("x", "desk.key.cancel"),
    ("?", "desk.key.help"),
)
