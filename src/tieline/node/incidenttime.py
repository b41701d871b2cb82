"""When it happened, when each side learned, and what an author had read: as JSON.

Two lanes. The first has what the parties say of when things happened or take effect: by their own
words, with their spread. The second has what the record proves or a station signed: when a
statement was written, by its author's clock, and when each other party had it, read it, read it
back and passed it on. The two are never mixed, for the first is a claim and the second is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from tieline.core.agreement.meaning import Means
from tieline.core.agreement.steps import EACH
from tieline.core.agreement.value import Day, Instant
from tieline.core.incident.entry import Entry, Part
from tieline.core.incident.knowing import Known
from tieline.core.joints import Known as RecordKnowing
from tieline.core.line import Line
from tieline.core.terms import Kind, Rung, dtg
from tieline.node.incidentview import Seq, Wording, entry_view
from tieline.node.slices import Slices
from tieline.node.view import Json, texts, word

_DAY_MS: Final = 86_400_000
# What is said of a time besides when it happened: by which answer of a form.
_EFFECTIVE: Final = (Means.FROM, Means.UNTIL, Means.NEXT, Means.DUE)
# What a party says by a statement of its own; that it was read and passed on stands in the ladder.
_SPOKEN: Final = frozenset({Kind.MESSAGE, Kind.JOINT, Kind.ASSENT, Kind.SILENCE, Kind.SUSPEND,
                            Kind.RESUME, Kind.WATCH})  # fmt: skip
MAX_SHOWN: Final = 64  # of what an author had not read, and of what crossed


async def timeline_view(
    line: Line, members: Iterable[Entry], wording: Wording, seq: Seq
) -> dict[str, Json]:
    """Both lanes of an incident, each in the order of its times."""
    spoken = [entry for entry in members if entry.kind in _SPOKEN]
    happened = [one for entry in spoken for one in _happened(entry, wording)]
    happened.sort(key=lambda one: (_number(one["at_ms"]), str(one["item"])))
    slices = Slices()
    crossed = await _crossings(line, spoken, slices)
    learned: list[Json] = []
    for entry in spoken:
        await slices.turn()
        learned.append(
            {
                **entry_view(entry, wording, seq),
                "reached": reached(line, entry),
                "crossed": texts(one.hex() for one in crossed.get(entry.digest, ())),
            }
        )
    return {"happened": [*happened], "learned": learned}


def _happened(entry: Entry, wording: Wording) -> Iterator[dict[str, Json]]:
    said = entry.said
    if said is not None:
        for stated in said.stated:
            if stated.aspect is Means.WHEN and stated.value is not None:
                yield from _at(entry, stated.value, Means.WHEN, wording)
        for means in _EFFECTIVE:
            part = said.answers.get(means)
            if part is not None:
                yield from _at(entry, part, means, wording)
    if entry.effective_ms is not None:
        yield {
            "at_ms": entry.effective_ms, "spread_s": 0, "dtg": dtg(entry.effective_ms),
            "means": "effective", "label": "", "party": entry.party, "item": entry.digest.hex(),
            "day": False,
        }  # fmt: skip


def _at(entry: Entry, part: Part, means: Means, wording: Wording) -> Iterator[dict[str, Json]]:
    answer = part.answer
    if isinstance(answer, Instant):
        at_ms, spread_s = answer.ms, answer.spread_s
    elif isinstance(answer, Day):
        at_ms, spread_s = answer.days * _DAY_MS, 0
    else:
        return
    path = part.path.removesuffix(".is")
    yield {
        "at_ms": at_ms,
        "spread_s": spread_s,
        "dtg": dtg(at_ms),
        "means": means.value,
        "label": wording.label(entry, path),
        "party": entry.party,
        "item": entry.digest.hex(),
        "day": isinstance(answer, Day),
    }


def reached(line: Line, entry: Entry) -> dict[str, Json]:
    """By party but the author's: since when it has a statement, and what it did with it."""
    item = line.item(entry.digest)
    out: dict[str, Json] = {}
    if item is None:
        return out
    for party in line.charter_of(item).parties:
        if party.code == entry.party:
            continue
        rungs = line.ladder.rungs(item, party.code)
        rungs.pop(Rung.HANDED_OVER, None)  # a carrier took it: nobody learned anything
        steps: dict[str, Json] = {word(rung.name): mark.at_ms for rung, mark in rungs.items()}
        unit = next((mark.unit for rung, mark in rungs.items() if rung is Rung.PASSED_ON), "")
        if unit:
            steps["unit"] = unit
        out[party.code] = steps
    return out


async def _crossings(line: Line, entries: list[Entry], slices: Slices) -> dict[bytes, list[bytes]]:
    """For each statement the others whose authors had not read it, nor it them."""
    known = RecordKnowing(line)
    out: dict[bytes, list[bytes]] = {}
    for index, later in enumerate(entries):
        await slices.turn()
        for earlier in entries[max(0, index - MAX_SHOWN) : index]:
            apart = later.log != earlier.log and later.party != earlier.party
            if apart and not known.saw(later, earlier) and not known.saw(earlier, later):
                out.setdefault(later.digest, []).append(earlier.digest)
                out.setdefault(earlier.digest, []).append(later.digest)
    return out


async def known_view(
    line: Line, entry: Entry, members: Iterable[Entry], wording: Wording, seq: Seq
) -> dict[str, Json]:
    """What the author of a statement had read of the rest, what not, and who had it when.

    ``unread``: what stands before it and was not read. ``crossed``: what of either side's the other
    had not read. ``later``: how many statements came after it, with knowledge of it.
    """
    known = RecordKnowing(line)
    read: list[Entry] = []
    unread: list[Entry] = []
    crossed: list[Entry] = []
    later = 0
    slices = Slices()
    for number, other in enumerate(members):
        if number % EACH == 0:
            await slices.turn()
        if other.digest == entry.digest or other.kind not in _SPOKEN:
            continue
        if known.saw(entry, other):
            read.append(other)
        elif known.saw(other, entry):
            later += 1
        else:
            if other.party != entry.party:
                crossed.append(other)
            if other.key < entry.key:
                unread.append(other)
    return {
        **entry_view(entry, wording, seq),
        "read": [entry_view(one, wording, seq) for one in read[-MAX_SHOWN:]],
        "unread": [entry_view(one, wording, seq) for one in unread[-MAX_SHOWN:]],
        "crossed": [entry_view(one, wording, seq) for one in crossed[-MAX_SHOWN:]],
        "left_out": max(0, len(read) - MAX_SHOWN),
        "later": later,
        "reached": reached(line, entry),
    }


def readers_view(known: Known) -> list[Json]:
    """By party but the author's: what it wrote first having read a statement, and what without."""
    return [
        {
            "party": one.party,
            "first": None if one.first is None else one.first.hex(),
            "without": texts(item.hex() for item in one.without),
        }
        for one in known.readers
    ]


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0
