"""Joint statements as JSON: what binds, what is missing, and what the desk offers next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from tieline.core.incident.entry import Entry
from tieline.core.incident.signing import Chain, Does, Fault, Moot, Step, Version, offer
from tieline.core.joints import chain_of
from tieline.core.line import Line
from tieline.core.record import Item
from tieline.core.terms import JOINT_ACTS, Kind

if TYPE_CHECKING:
    from tieline.node.view import Json

# Why an act moves nothing, in words for people; {stands} is the version in its way.
WHY: Final = {
    Fault.NOT_NAMED: "the text does not name its party",
    Fault.SPOKEN_FOR: "it hands on another's word, and signs for nobody",
    Fault.UNREAD: "its author had not read the text",
    Fault.REJECTED: "its party had declined this text, or proposed another in its place",
    Fault.HOLDS: "by what it had read, every party had signed {stands}: nobody goes back on that",
    Fault.ELSEWHERE: "another station of its party has signed {stands}: it is taken back there",
    Fault.ALREADY: "its log has signed this text before",
    Fault.NOTHING: "there was no signature of its log to take back",
    Fault.SPENT: "its log, or that of what it cites, has said more of this than is weighed (of one"
    f" log {JOINT_ACTS} statements)",
}


MAX_VERSIONS: Final = 16  # of a chain, the newest, and as many that more than one party signed
MAX_ACTS: Final = 32  # of each kind, the last


def why(moot: Moot) -> str:
    """The reason why an act moves nothing."""
    return WHY[moot.fault].format(stands=moot.stands.hex()[:8])


def joint_view(line: Line, item: Item) -> dict[str, Json]:
    """What stands beside a statement that is part of a joint statement; empty for any other."""
    content = item.statement.content
    digest = item.statement.digest
    if content.kind not in (Kind.JOINT, Kind.ASSENT):
        cited = [line.item(ref.target) for ref in content.refs]
        on = (x for x in cited if x and x.statement.content.kind in (Kind.JOINT, Kind.ASSENT))
        if content.kind is not Kind.MESSAGE or not any(True for _ in on):
            return {}
    chain = chain_of(line, digest)
    if chain is None:
        return {}
    out: dict[str, Json] = {}
    moved = [why(moot) for moot in chain.moot if moot.by.digest == digest]
    if moved:
        out["moves_nothing"] = moved[0]
    version = chain.version(digest)
    if version is not None:
        out["assented"] = [*sorted({one.by.party for one in version.signed})]
        out["effective"] = chain.binding is version
        out["joint"] = version_view(chain, version)
    return out


def version_view(chain: Chain, version: Version) -> dict[str, Json]:
    """One version, with what its chain says of it."""
    binding = chain.binding
    entry = version.entry
    after = [one.digest.hex() for one in chain.versions if one.amends == version.digest]
    return {
        "item": version.digest.hex(),
        "root": chain.root.hex(),
        "amends": version.amends.hex() or None,
        "amended_by": [*after[-MAX_ACTS:]],
        "author": entry.party,
        "state": str(version.state),
        "binds": version is binding,
        "binding": binding.digest.hex() if binding else None,
        "parties": [*chain.parties],
        "effective_ms": entry.effective_ms,
        "late_binds": entry.late_binds,
        "signed": [
            {"party": one.by.party, "item": one.by.digest.hex(), "at_ms": one.by.time_ms}
            for one in version.signed
        ],
        "taken_back": [
            {"party": one.by.party, "item": one.by.digest.hex(), "by": _hex(one.left)}
            for one in version.left[-MAX_ACTS:]
        ],
        "missing": [*version.missing],
        "unconfirmed": [*version.unconfirmed],
        "open_at": [*version.open_at],
        "rejected": [
            {
                "party": party,
                "item": by.digest.hex(),
                "how": "declined" if does is Does.DECLINE else "amended",
            }
            for party, by, does in version.rejected[-MAX_ACTS:]
        ],
        "late": [
            {"party": one.party, "at": one.at, "time_ms": one.time_ms} for one in version.late
        ],
        "compliance": [
            {"party": party, "says": str(sense), "item": by.digest.hex(), "at_ms": by.time_ms}
            for party, sense, by in version.compliance[-MAX_ACTS:]
        ],
        "signed_two_texts": [party for party, _, _ in chain.split],
        "two_stories": [*chain.twice],
        "unreadable": [by.digest.hex() for by in chain.unread[:MAX_ACTS]],
        "not_weighed": [*chain.spent],
    }


def chain_view(chain: Chain, party: str) -> dict[str, Json]:
    """A chain for its list and its page: all versions, what moved nothing, what comes next."""
    step, on = offer(chain, party)
    named = party in chain.parties
    shown = shown_of(chain, on)
    return {
        "root": chain.root.hex(),
        "parties": [*chain.parties],
        "binding": chain.binding.digest.hex() if chain.binding else None,
        "versions": [
            {
                **version_view(chain, version),
                "text": version.entry.text,
                "lang": version.entry.lang,
                "at_ms": version.entry.time_ms,
                "reserve": version.entry.reserve,
                "through": version.entry.through,
            }
            for version in shown
        ],
        "versions_left": len(chain.versions) - len(shown),
        "moved_nothing": [
            {"item": moot.by.digest.hex(), "party": moot.by.party, "does": str(moot.does),
             "on": moot.version.hex(), "fault": str(moot.fault), "why": why(moot)}
            for moot in chain.moot[-MAX_ACTS:]
        ],
        "next": _next(chain, party, step, on) if named else None,
    }  # fmt: skip


def newest(line: Line, entries: Iterable[Entry], most: int | None) -> tuple[list[Chain], int]:
    """The chains of texts and of what was said to them, which come the newest first.

    Of each party so many chains at most, the oldest of them first; and how many entries are of
    none of these. Only what is returned is weighed.
    """
    chains: dict[bytes, Chain] = {}
    known: set[bytes] = set()
    taken: Counter[str] = Counter()
    left = 0
    for entry in entries:
        signs = entry.kind is Kind.ASSENT and entry.refs[0][1] in known
        if signs or entry.digest in known:
            continue
        if most is not None and taken[entry.party] >= most:
            left += 1
            continue
        chain = chain_of(line, entry.digest)
        if chain is not None:
            beyond = entry.kind is Kind.JOINT and chain.version(entry.digest) is None
            taken[entry.party] += chain.root not in chains or beyond
            chains.setdefault(chain.root, chain)
            known.update(version.digest for version in chain.versions)
    return sorted(chains.values(), key=lambda one: one.versions[0].entry.key), left


def shown_of(chain: Chain, on: bytes) -> list[Version]:
    """The first version, those that somebody signed, the one to act on, and the newest."""
    newest = {one.digest for one in chain.versions[-MAX_VERSIONS:]}
    signed = [one for one in chain.versions if len({by.by.party for by in one.signed}) > 1]
    wanted = newest | {one.digest for one in signed[-MAX_VERSIONS:]} | {chain.root, on}
    wanted |= {chain.binding.digest} if chain.binding else set()
    return [one for one in chain.versions if one.digest in wanted]


def _next(chain: Chain, party: str, step: Step, on: bytes) -> dict[str, Json]:
    """The next step; ``ack``: the newest signature of another, by whose receipt the text binds."""
    out: dict[str, Json] = {"step": str(step), "item": on.hex()}
    version = chain.version(on)
    if step is Step.CONFIRM and version is not None:
        others = [one.by for one in version.signed if one.by.party != party]
        out["ack"] = max(others, key=lambda one: one.key).digest.hex() if others else ""
    return out


def _hex(entry: Entry | None) -> str:
    return "" if entry is None else entry.digest.hex()
