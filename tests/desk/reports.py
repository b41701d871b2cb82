"""A made-up report of an incident, as the act ``incident_report`` gives one."""

from __future__ import annotations

import json

from tieline.core.incident.figures import NAMES
from tieline.node.view import Json

T = 1_668_523_200_000
ONE, TWO, THREE = ("1a" * 32, "2b" * 32, "3c" * 32)
LOG = "71d001b04478d1a2"


def version(item: str, said: str, **more: Json) -> dict[str, Json]:
    made: dict[str, Json] = {
        "item": item, "claimed_ms": T, "dtg": "151440Z NOV 22", "standing": "current", "by": None,
        "reserve": False, "read_by": [],
        "stated": [{"said": said, "confidence": "high", "source": "radar", "words": "",
                    "hash": None, "more": []}],
    }  # fmt: skip
    return made | more


def account(party: str, *versions: dict[str, Json]) -> Json:
    return {"party": party, "through": "", "current": versions[-1]["item"],
            "versions": [*versions]}  # fmt: skip


def message(item: str, text: str) -> dict[str, Json]:
    return {"item": item, "seq": 7, "party": "ALPHA", "title": "First word", "text": text,
            "claimed_ms": T, "kind": "message", "to": [], "second_story": False, "unfit": False,
            "cancelled_by": None, "replaced_by": None, "brought_by": [], "moves": True,
            "void": []}  # fmt: skip


def report(text: str = "we wait", *, realm: str = "NORTH-26", **figures: int | None) -> Json:
    """A report with ``text`` wherever a party may write what it likes."""
    reader: Json = {"party": "ALPHA", "arrived_ms": T + 60_000, "first": THREE}
    observed: Json = {
        "aspect": "where", "label": "Where", "alignment": "differ",
        "pairs": [{"parties": ["ALPHA", "BRAVO"], "alignment": "differ", "metres": 3336}],
        "parties": [
            account("ALPHA", version(ONE, "50.47N 23.93E")),
            account("BRAVO", version(TWO, "50.5N 23.93E", standing="replaced", by=THREE,
                                     read_by=[reader]), version(THREE, text)),
        ],
    }  # fmt: skip
    own: Json = {"aspect": "intent", "label": "Intent", "alignment": "not stated", "pairs": [],
                 "parties": [account("ALPHA", version(ONE, "none hostile"))]}  # fmt: skip
    inferred: Json = {"aspect": "whose", "label": "Whose it was", "alignment": "not stated",
                      "pairs": [],
                      "parties": [account("BRAVO", version(THREE, "ALPHA"))]}  # fmt: skip
    clock: Json = {
        "id": f"crisis/first-in-30/ALPHA/{ONE}", "debtor": "ALPHA", "creditors": ["BRAVO"],
        "title": "First word", "state": "overdue", "said": "overdue", "due": [T, T],
        "done_ms": None, "paragraph": "4", "mark": "from memory", "disputed": False,
    }  # fmt: skip
    question: Json = {
        "item": TWO, "party": "BRAVO", "of": "ALPHA", "dtg": "151441Z NOV 22", "state": "declined",
        "due_ms": T, "late": True, "words": text, "about": [{"said": "evidence", "words": text}],
        "answer": ONE, "answered": text, "reason": "security", "relayed": [], "withdrawn_by": None,
    }  # fmt: skip
    joint: Json = {
        "root": ONE, "parties": ["ALPHA", "BRAVO"], "binding": ONE, "bound_ms": T,
        "versions": [{
            "item": ONE, "author": "ALPHA", "at_ms": T, "text": text, "state": "binds",
            "effective_ms": T, "signed": [{"party": "BRAVO", "item": TWO, "at_ms": T}],
            "missing": ["ALPHA"], "compliance": [{"party": "BRAVO", "says": "complying"}],
        }],
    }  # fmt: skip
    incident: Json = {
        "incident": ONE, "name": text, "title": "First word", "dtg": "151440Z NOV 22",
        "opened_by": "ALPHA", "state": "closed by some", "parties": ["ALPHA", "BRAVO"],
        "closed_by": [{"party": "BRAVO", "item": THREE}], "not_closed": ["ALPHA"],
        "reopened_by": None, "crossed": [], "marks": [], "missing": [],
        "accounts": [observed, own], "attribution": [inferred], "linked": [], "clocks": [clock],
        "questions": [question], "joints": [joint], "holds": [], "links": [],
        "publics": [{"item": TWO, "party": "ALPHA", "state": "planned", "hash": "ab" * 32,
                     "at_ms": T, "source": text, "made_hash": "cd" * 32}],
        "remarks": [{"party": "ALPHA", "item": TWO, "title": "Lesson", "about": "",
                     "said": "ask early", "words": text, "dtg": "151441Z NOV 22"}],
        "messages": [message(ONE, text)],
    }  # fmt: skip
    place: dict[str, Json] = {"item": ONE, "through": "", "dtg": "151440Z NOV 22", "kind": "where",
                              "version": 1, "standing": "current", "cancelled": False,
                              "current": True, "shape": "point", "error_m": 200}  # fmt: skip
    made: Json = {
        "report": 1, "language": "en", "made_ms": T, "party": "ALPHA", "station": "ALPHA/ops",
        "line": {"id": "5d" * 16, "name": "north", "charter": 1, "exercise": realm,
                 "parties": [{"code": "ALPHA", "name": text}, {"code": "BRAVO", "name": "B"}]},
        "incident": incident,
        "timeline": {
            "happened": [{"at_ms": T, "spread_s": 60, "label": "Occurred", "party": "ALPHA",
                          "item": ONE}],
            "learned": [message(ONE, text) | {"reached": {"BRAVO": {"received": T + 1000}},
                                              "crossed": [TWO]}],
        },
        "statements": [message(ONE, text) | {"precedence": "FLASH", "role": "releaser", "told": {
            "lines": ["Count: 2", text], "types": ["coded", "text"], "marks": []}}],
        "places": [place | {"party": "ALPHA", "points": [[504700000, 239300000]]},
                   place | {"party": "BRAVO", "points": [[505000000, 239300000]]}],
        "heads": [],
        "figures": {"start_ms": T, "start": "occurred", "first_words": {"ALPHA": 300_000},
                    **dict.fromkeys(NAMES), **figures},
        "audit": {"ok": True, "statements": 12, "receipts": 9, "journal": 40, "problems": [],
                  "logs": [{"line": "5d" * 16, "log": LOG, "station": "ALPHA/ops", "size": 12,
                            "root": "ee" * 32, "second_stories": 0}]},
    }  # fmt: skip
    copied: Json = json.loads(json.dumps(made))
    return copied
