"""The words of the software itself in a report, by key: in English so far."""

from __future__ import annotations

from typing import Final

from tieline.core.incident.figures import COUNTS, SPANS
from tieline.desk.cli.incidentwords import words

# The sign stands before the word, so that no reader needs colours.
ALIGNMENT: Final = {
    "agree": "= agree",
    "differ": "≠ DIFFER",
    "not stated": "· stated by one",
    "not comparable": "? not comparable",
}
NONE: Final = "-"
HOW: Final = {
    "meets": "its area and time",
    "near": "near it in area and time",
    "time": "its time; one of the two states no place",
}
FIGURES: Final = {
    "first_word": "first factual word, by anyone",
    "first_word_of_all": "first factual word of the last party to say one",
    "first_public": "first statement to the public",
    "acknowledged_after": "message to acknowledgement (median)",
    "read_back_after": "message to read-back (median)",
    "answered_after": "question to answer (median)",
    "joint_after": "a joint statement binds",
    "closed_after": "closed by all",
    "statements": "statements in it",
    "parties": "parties that took part",
    "messages": "messages",
    "acknowledged": "messages acknowledged by every addressee",
    "read_back": "messages read back by every addressee",
    "passed_on": "messages passed on by every addressee",
    "questions": "questions asked",
    "answered": "questions answered",
    "answered_in_part": "questions answered in part",
    "promised": "questions with the answer promised",
    "declined": "questions declined",
    "overdue": "questions overdue",
    "answered_late": "questions answered late",
    "kept": "deadlines kept",
    "late": "deadlines met late or too early",
    "missed": "deadlines missed",
    "running": "deadlines that still run",
    "corrected": "accounts corrected",
    "taken_back": "accounts taken back",
    "agree": "aspects on which the accounts agree",
    "differ": "aspects on which they differ",
    "stated_by_one": "aspects stated by one party only",
    "not_comparable": "aspects not comparable",
    "crossed": "pairs of messages that crossed",
    "silences": "silences put on the record",
    "lessons": "lessons",
    "public_made": "statements made to the public",
}
ORDER: Final = SPANS + COUNTS
CHECKING: Final = tuple(
    """\
This report is a reading of the record; it is not signed, and it proves nothing by itself.
Whoever wants to rely on it asks either side for the evidence bundle of this incident, which that \
side makes with 'tieline evidence --incident ITEM --out FILE', and checks it with 'tieline verify \
FILE' on a machine of their own, or by opening it in a browser, which needs no network. The bundle \
holds the signed statements, the charter and the receipts.
Each digest in this report is that of a signed statement in the bundle. The heads above are the \
sizes and roots of the logs when the report was made: a bundle of a later day has to contain them, \
and a party that shows another log of the same size has told two stories.
Times are by the clocks of those who wrote. What crossed, neither author having read the other, is \
marked. The figures follow from the record by the rules in docs/incidents.md.
""".splitlines()
)


def state(name: str) -> str:
    """The state of an incident."""
    return words(f"state.{name}")


def figure(name: str) -> str:
    """What a figure counts."""
    return FIGURES.get(name, name)


def span(value_ms: int) -> str:
    """A span in its two largest units, seconds too; ``before`` when it is less than nothing."""
    if value_ms < 0:
        return f"{span(-value_ms)} before"
    seconds = value_ms // 1000
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "at once"


def value(name: str, number: object) -> str:
    """A figure as text; a stroke where it is not known."""
    if not isinstance(number, int) or isinstance(number, bool):
        return NONE
    return span(number) if name in SPANS or name.startswith("first_word.") else str(number)
