"""THE table of who may do what at the desk: each act of the station, and the roles that may ask it.

A screen asks with an act of ``READS``, which change nothing, and does with one of ``MAY``; an act
in neither cannot be asked from a browser at all. What is written here is what docs/desk.md shows,
and tests go through every act, role and handler.

The station holds the rules of the line itself: who drafted does not release, whatever stands here.
"""

from __future__ import annotations

from typing import Final

from tieline.desk.web.officers import ADMINISTRATOR, OBSERVER, RELEASER, ROLES, TREATY, WATCH

READS: Final = frozenset({
    "alarms", "calendar", "charter_show", "check", "draft", "drafts", "entry", "explain", "fill",
    "form", "forms", "heads", "incident", "incident_forms", "incident_report", "incident_score",
    "incident_timeline", "incidents", "item", "item_form", "joint_show", "joints", "known",
    "leaving", "log", "log_entries", "log_head", "notes", "notices", "obligations", "packs",
    "proofs", "questions", "quotas", "search", "status", "traffic", "validities",
})  # fmt: skip

_SPEAKS: Final = frozenset({WATCH, TREATY, RELEASER})
_AGREES: Final = frozenset({TREATY, RELEASER})
_WATCHES: Final = frozenset({WATCH, TREATY, RELEASER})
_RUNS: Final = frozenset({ADMINISTRATOR})

MAY: Final[dict[str, frozenset[str]]] = {
    # what is said to the others, signed
    "send": _SPEAKS,
    "ack": _SPEAKS,
    "read_back": _SPEAKS,
    "pass_on": _SPEAKS,
    "incident_say": _SPEAKS,
    "joint": _AGREES,  # who makes a text signs it for the party
    "joint_draft": _SPEAKS,
    "assent": _AGREES,
    "joint_decline": _AGREES,
    "joint_withdraw": _AGREES,
    "suspend": _AGREES,
    "resume": _AGREES,
    "staff": _SPEAKS,
    "test": _WATCHES,
    "release": frozenset({RELEASER, TREATY}),
    "discard": _SPEAKS,
    # what stays in the house
    "silence": _WATCHES | _RUNS,
    "output_alive": frozenset(ROLES),
    "shelve": _WATCHES,
    "unshelve": _WATCHES,
    "alarm_seen": _WATCHES,
    "alarm_test": _WATCHES | _RUNS,
    "alarm_heard": _WATCHES | _RUNS,
    "audit": frozenset(ROLES),
    "doctor": frozenset(ROLES),
    "evidence": _AGREES | {WATCH},
    "export": _AGREES | {WATCH},
    "import": _AGREES | {WATCH},
    "checkpoint": _AGREES | _RUNS,
    # the machine
    "backup": _RUNS,
    "keys_reload": _RUNS,
    "charter_install": _RUNS,
    # the desk's own
    "desk.draft": _SPEAKS,
    "desk.list": _SPEAKS,
    "desk.compare": frozenset(ROLES),
    "desk.manner": frozenset(ROLES),
    "desk.password": frozenset(ROLES),
    "desk.factor": frozenset(ROLES),
    "desk.touch": frozenset(ROLES),
    "desk.keys": frozenset(ROLES) - {OBSERVER},
    "desk.log": _RUNS,
    "desk.officers": _RUNS,
    "desk.recall": _SPEAKS,
    "desk.handover": _SPEAKS,
    "desk.outputs": _RUNS,
    "desk.verify": frozenset(ROLES),
    "desk.borders": _RUNS,
    "desk.zones": _RUNS,
}

# The acts that go through the whole record, or carry a part of it in or out.
SLOW: Final = frozenset({"audit", "evidence", "export", "import"})

# The acts that take who speaks: the desk puts the officer's own name and role in, whatever a form
# says.
NAMES_OFFICER: Final = frozenset({
    "alarm_heard", "alarm_seen", "alarm_test", "assent", "ack", "discard", "incident_say",
    "joint", "joint_decline", "joint_draft", "joint_withdraw", "pass_on", "read_back", "release",
    "resume", "send", "shelve", "silence", "staff", "suspend", "test", "unshelve",
})  # fmt: skip
# What an officer does with alarms: it has a name, and is said to nobody.
ALARMS: Final = frozenset({
    "alarm_heard", "alarm_seen", "alarm_test", "shelve", "silence", "unshelve",
})  # fmt: skip
# Of those, the ones whose statement says in which role.
NAMES_ROLE: Final = NAMES_OFFICER - ALARMS - {"discard", "release", "test"}

# The acts to which a key can be given under which a repetition does nothing.
KEYED: Final = NAMES_OFFICER - ALARMS - {"discard", "release"}

# What comes every few seconds and changes nothing that a page shows: it is not in the log of who
# did what.
BEATS: Final = frozenset({"output_alive"})

# What of an act's arguments stands in the log of who did what: what it was about, never what it
# said, which is on the record or was not said.
LOGGED: Final = frozenset({
    "alarm", "draft", "form", "incident", "item", "line", "minutes", "number", "out", "output",
    "precedence", "to", "unit",
})  # fmt: skip


def may(roles: tuple[str, ...], act: str) -> bool:
    """Whether one of these roles may do an act."""
    return bool(MAY.get(act, frozenset()).intersection(roles))


def observer_only(roles: tuple[str, ...]) -> bool:
    """Whether somebody only looks on."""
    return set(roles) == {OBSERVER}
