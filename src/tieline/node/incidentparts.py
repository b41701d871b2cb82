"""The parts of an incident as JSON: accounts, questions, holds, links, public statements.

Each value stands twice: as words in the officer's language, and as itself where a program may want
to reckon with it. Digests are whole, so that a reader can follow each state to what was signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.places import Circle, Polygon, Position, Route, apart_m, distance_m
from tieline.core.agreement.value import Instant, Number
from tieline.core.incident.account import Account, Aligned, Version, Voice
from tieline.core.incident.align import comparable
from tieline.core.incident.entry import Entry, Part, Stated
from tieline.core.incident.hold import Hold
from tieline.core.incident.knowing import Known
from tieline.core.incident.link import Link
from tieline.core.incident.public import Public
from tieline.core.incident.question import Question
from tieline.core.terms import dtg
from tieline.node.incidentview import Wording, words_of
from tieline.node.view import Json, texts

# What was known around a statement of the incident.
Around = Callable[[Entry], Known]
READERS_OF: Final = 64  # versions of which is said who had read them


# ---------------------------------------------------------------------------------------- accounts


def accounts_view(
    accounts: Iterable[Account], alignments: Iterable[Aligned], wording: Wording, around: Around
) -> list[Json]:
    """Aspect by aspect what each party says, and how that stands to each other."""
    aligned = {one.aspect: one for one in alignments}
    rows: dict[Means, list[Account]] = {}
    for account in accounts:
        rows.setdefault(account.aspect, []).append(account)
    out: list[Json] = []
    for aspect, some in rows.items():
        found = aligned.get(aspect)
        current = {(one.party, one.through): one.current for one in some}
        out.append(
            {
                "aspect": aspect.value,
                "label": wording.aspect(aspect),
                "alignment": "not stated" if found is None else str(found.alignment),
                "pairs": [] if found is None else _pairs(found, current),
                "parties": [_account(one, wording, around) for one in some],
            }
        )
    return out


def _account(account: Account, wording: Wording, around: Around) -> Json:
    current = account.current
    return {
        "party": account.party,
        "through": account.through,
        "current": None if current is None else current.entry.digest.hex(),
        "left_out": account.left,
        "versions": [
            _version(one, wording, around if place < READERS_OF else None)
            for place, one in enumerate(reversed(account.versions))
        ][::-1],
    }


def _version(one: Version, wording: Wording, around: Around | None) -> Json:
    entry = one.entry
    readers = () if around is None else around(entry).readers
    return {
        "item": entry.digest.hex(),
        "number": one.number,
        "claimed_ms": entry.time_ms,
        "dtg": dtg(entry.time_ms),
        "standing": str(one.standing),
        "by": _hex(one.by),
        "reserve": entry.reserve,
        "stated": [_stated(entry, each, wording) for each in one.stated],
        # Who wrote something later, having read this version: what it went by when it acted.
        "read_by": [
            {"party": reader.party, "arrived_ms": reader.arrived_ms, "first": _hex(reader.first)}
            for reader in readers
        ],
    }


def _stated(entry: Entry, one: Stated, wording: Wording) -> Json:
    out: dict[str, Json] = {"said": ""} if one.value is None else wording.part(entry, one.value)
    for name, part in (("confidence", one.confidence), ("source", one.source)):
        out[name] = "" if part is None else str(wording.part(entry, part)["said"])
    out["words"] = one.words
    out["hash"] = _hex(one.hash)
    out["more"] = [
        {"label": wording.label(entry, part.path), **wording.part(entry, part)} for part in one.more
    ]
    return out


def _pairs(found: Aligned, current: dict[Voice, Version | None]) -> list[Json]:
    return [
        {
            "parties": texts(_voice(each) for each in (one, other)),
            "alignment": str(alignment),
            **_apart(current.get(one), current.get(other)),
        }
        for one, other, alignment in found.pairs
    ]


def _voice(voice: Voice) -> str:
    party, through = voice
    return f"{through} through {party}" if through else party


def _apart(one: Version | None, other: Version | None) -> dict[str, Json]:
    """How far two values are apart, where that is a number: metres, seconds, or a count."""
    match _only(one), _only(other):
        case (Position() | Circle()) as mine, (Position() | Circle()) as theirs:
            ends = [(each.lat_e7, each.lon_e7) for each in (mine, theirs)]
            return {"metres": distance_m(*ends)}
        case (
            (Position() | Circle() | Polygon() | Route()) as mine,
            (Position() | Circle() | Polygon() | Route()) as theirs,
        ) if comparable(mine, theirs):
            return {"metres": apart_m(mine, theirs)}  # from edge to edge
        case Instant() as mine, Instant() as theirs:
            return {"seconds": abs(mine.seconds - theirs.seconds)}
        case Number() as mine, Number() as theirs:
            return {"count": abs(mine.n - theirs.n)}
        case _:
            return {}


def _only(version: Version | None) -> object:
    """The value of a version that states one."""
    if version is None or len(version.stated) != 1 or version.stated[0].value is None:
        return None
    return version.stated[0].value.answer


# --------------------------------------------------------------------------------------- questions


def question_view(one: Question, wording: Wording) -> dict[str, Json]:
    """A question to one party, and what became of it."""
    ask, answer = one.ask, one.answer
    return {
        "item": ask.digest.hex(),
        "title": wording.title(ask),
        "party": ask.party,
        "of": one.of,
        "claimed_ms": ask.time_ms,
        "dtg": dtg(ask.time_ms),
        "state": str(one.state),
        "due_ms": one.due_ms,
        "late": one.late,
        "words": words_of(ask),
        "about": [
            {
                "aspect": _aspect(each.about),
                "said": "" if each.about is None else str(wording.part(ask, each.about)["said"]),
                "words": each.words,
            }
            for each in one.about
        ],
        "answer": None if answer is None else answer.digest.hex(),
        "answered": "" if answer is None else words_of(answer),
        "answers": texts(item.hex() for item in one.answers),
        "answers_count": one.count,
        "reason": "" if answer is None else _said(answer, one.reason, wording),
        "relayed": texts(item.hex() for item in one.relayed),
        "relayed_count": one.relays,
        "withdrawn_by": _hex(one.withdrawn_by),
    }


def _aspect(about: Part | None) -> str:
    return "" if about is None or about.sense is Sense.NONE else about.sense.value


# ------------------------------------------------------------------------------------------- holds


def hold_view(one: Hold, now_ms: int, wording: Wording) -> dict[str, Json]:
    """A hold or a cease: who is bound from when, who agreed, who says that it is kept."""
    entry = one.entry
    return {
        "item": entry.digest.hex(),
        "title": wording.title(entry),
        "party": entry.party,
        "claimed_ms": entry.time_ms,
        "dtg": dtg(entry.time_ms),
        "state": str(one.state),
        "binding": one.binding.value,
        "scope": _said(entry, one.scope, wording),
        "area": _said(entry, one.area, wording),
        "from_ms": one.from_ms,
        "until_ms": one.until_ms,
        "asked": texts(one.asked),
        "replies": [
            {
                "party": reply.party,
                "stance": reply.stance.value,
                "item": reply.entry.hex(),
                "from_ms": reply.from_ms,
                "accepted_by": _hex(reply.accepted_by),
            }
            for reply in one.replies
        ],
        "bound": [
            {
                "party": bound.party,
                "from_ms": bound.from_ms,
                "until_ms": bound.until_ms,
                "holds": bound.holds(now_ms),
                "item": bound.by.hex(),
                "lifted_by": _hex(bound.lifted_by),
            }
            for bound in one.bound
        ],
        "compliance": [
            {
                "party": each.party,
                "own": each.own.value,
                "at_ms": each.at_ms,
                "item": _hex(each.own_entry),
                "breach": _hex(each.breach),
            }
            for each in one.compliance
        ],
        "relayed": texts(item.hex() for item in one.relayed),
        "relayed_count": one.relays,
        "withdrawn_by": _hex(one.withdrawn_by),
    }


# ------------------------------------------------------------------------ links, public statements


def link_view(one: Link, wording: Wording) -> dict[str, Json]:
    """That two incidents are said to be of one event."""
    entry = one.entry
    return {
        "item": entry.digest.hex(),
        "party": entry.party,
        "dtg": dtg(entry.time_ms),
        "state": str(one.state),
        "reason": wording.code(entry, Means.REASON),
        "ends": texts(item.hex() for item in one.ends),
        "deciders": texts(one.deciders),
        "answers": [
            {"party": party, "stance": stance.value, "item": item.hex()}
            for party, stance, item in one.answers
        ],
        "withdrawn_by": _hex(one.withdrawn_by),
    }


def public_view(one: Public, wording: Wording) -> dict[str, Json]:
    """What a party says in public, by the hash of its text."""
    entry = one.entry
    return {
        "item": entry.digest.hex(),
        "party": entry.party,
        "claimed_ms": entry.time_ms,
        "dtg": dtg(entry.time_ms),
        "state": str(one.state),
        "hash": _hex(one.hash),
        "at_ms": one.at_ms,
        "source": _said(entry, one.source, wording),
        "made": _hex(one.made),
        "made_hash": _hex(one.made_hash),
        "withdrawn_by": _hex(one.withdrawn_by),
    }


def remark_view(entry: Entry, wording: Wording) -> dict[str, Json]:
    """A lesson, a concern, or a word on the standing of a party: shown, and moves nothing."""
    part = None if entry.said is None else entry.said.answers.get(Means.ASKED)
    stance = Means.STANCE if entry.act is Act.STANDING else Means.REASON
    return {
        "item": entry.digest.hex(),
        "act": entry.act.value,
        "title": wording.title(entry),
        "party": entry.party,
        "about": _said(entry, part, wording),
        "said": wording.code(entry, stance),
        "words": words_of(entry),
        "dtg": dtg(entry.time_ms),
    }


def _said(entry: Entry, part: Part | None, wording: Wording) -> str:
    return "" if part is None else str(wording.part(entry, part)["said"])


def _hex(digest: bytes | None) -> Json:
    return None if digest is None else digest.hex()
