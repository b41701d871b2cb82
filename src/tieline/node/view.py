"""What an officer's tools are shown: plain JSON values, made from the station's folds.

The command line, the exercise runner and later the desk all read these and nothing else. Every
value here can be rebuilt from the record and the journal. Text from outside passes through
unchanged: making it safe to look at is the reader's last step, because only it knows the medium.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from operator import attrgetter
from typing import Final

from tieline.core import identity, notes, proof
from tieline.core.charter import Charter
from tieline.core.checkpoint import Receipt
from tieline.core.crypto import sha256
from tieline.core.encode import Value
from tieline.core.events import Done
from tieline.core.heed import Heed
from tieline.core.journal import (
    Alarm,
    Attempt,
    Fact,
    FactKind,
    Handed,
    Lived,
    Refusal,
    StateChange,
)
from tieline.core.ladder import NOTHING
from tieline.core.line import TEXTS, Draft, Line
from tieline.core.noted import LogNotes
from tieline.core.record import Item, Log
from tieline.core.statement import Content, wanted_rungs
from tieline.core.station import Station
from tieline.core.terms import MAX_TIME_MS, Kind, Precedence, Role, Rung, dtg
from tieline.node.lifeview import life_event, life_view, lives_view

RUN: Final = 128  # statements that are read in one go
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@cache
def word(name: str) -> str:
    """An enumeration's name as people write it: ``READ_BACK`` is ``read back``."""
    return name.lower().replace("_", " ")


def texts(values: Iterable[str]) -> list[Json]:
    """A JSON list of texts."""
    return [*values]


def station_name(line: Line, station: bytes) -> str:
    """A station as ``PARTY/name``."""
    versions = line.charters if len(line.charters) == 1 else sorted(line.charters, reverse=True)
    for version in versions:
        entry = line.charters[version].charter.station(station)
        if entry is not None:
            return f"{entry.certificate.party}/{entry.certificate.station_name}"
    return station.hex()


def item_view(line: Line, item: Item, seq: int = 0) -> dict[str, Json]:
    """One statement with its ladder, its citations and what a reader must know of it."""
    statement = item.statement
    place, content = statement.place, statement.content
    out: dict[str, Json] = {
        "item": statement.digest.hex(),
        "line": line.id.hex(),
        "log": statement.log.hex(),
        "position": place.position,
        "seq": seq,
        "station": station_name(line, place.station),
        "station_id": place.station.hex(),
        "party": line.party_of(place.station),
        "claimed_ms": place.time_ms,
        "dtg": dtg(place.time_ms),
        "admitted_ms": item.admitted_ms,
        "exercise": line.realm,
        "second_story": item.second_story,
        "bytes": len(statement.raw),
        "flags": texts(line.flags(item)),
    }
    if not line.heard(item):
        out["heard"] = False
    out.update(content_view(content))
    tally = line.ladder.tallies.get(statement.digest) or NOTHING
    for role, by in tally.replaced:
        out[{"CORRECTS": "corrected_by", "CANCELS": "cancelled_by"}.get(
            role.name, "superseded_by")] = by.hex()  # fmt: skip
    if content.kind is Kind.MESSAGE or content.kind is Kind.JOINT:
        out["crossed"] = [other.statement.digest.hex() for other in line.crossed(item)]
    if content.wants:
        charter = line.charter_of(item)
        out["ladder"] = ladder_view(line, item)
        if charter.observers:
            out["observers"] = texts(charter.observers)
        out["overdue"] = [
            {"party": party, "rung": word(rung.name)} for party, rung in sorted(tally.overdue)
        ]
    if content.kind in TEXTS or (content.kind is Kind.MESSAGE and content.refs):
        from tieline.node.jointview import joint_view

        out.update(joint_view(line, item))
    return out


def content_view(content: Content) -> dict[str, Json]:
    """What an author decided, for a statement or for a draft."""
    body = content.body
    kind, precedence, role = _said_as(content.kind, content.precedence, content.role)
    out: dict[str, Json] = {
        "kind": kind,
        "precedence": precedence,
        "role": role,
        "to": [*content.to],
        "wants": [*_wants(content.wanted())],
        "refs": [{"item": ref.target.hex(), "role": word(ref.role.name)} for ref in content.refs],
    }
    if content.form:
        out["form"], out["form_version"] = content.form, content.form_version
    parts = zip(_PLAIN_NAMES, _plain_parts(body), strict=True)
    out.update({name: value for name, value in parts if value is not None})
    if body.fields is not None:
        out["fields"] = {str(key): plain(value) for key, value in body.fields}
    if body.terms is not None:
        out["terms"] = {str(key): plain(value) for key, value in body.terms}
    if body.parties is not None:
        out["parties"] = list(body.parties)
    if body.rung is not None:
        out["rung"] = word(body.rung.name)
    if body.holds is not None:
        out["holds"] = [
            {"log": hold.log.hex(), "size": hold.size, "last": hold.last.hex()}
            for hold in body.holds
        ]
    return out


@cache
def _said_as(kind: Kind, precedence: Precedence, role: Role) -> tuple[str, str, str]:
    return word(kind.name), precedence.name, word(role.name)


@cache
def _wants(mask: int) -> tuple[str, ...]:
    return tuple(word(rung.name) for rung in wanted_rungs(mask))


@cache
def _rung(rung: Rung) -> str:
    return word(rung.name)


_PLAIN: Final = ("text", "lang", "unit", "at_ms", "cause", "staffed", "slot", "party", "due_ms",
                 "attempts", "effective_ms", "late_binds", "reserve", "through")  # fmt: skip
_PLAIN_NAMES: Final = tuple("about_party" if name == "party" else name for name in _PLAIN)
_plain_parts: Final = attrgetter(*_PLAIN)


def plain(value: Value) -> Json:
    """A coded value as JSON; bytes become hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    return value


def ladder_view(line: Line, item: Item) -> dict[str, Json]:
    """Who stands on which rung of an item, since when."""
    out: dict[str, Json] = {}
    author = line.party_of(item.statement.place.station)
    for party in line.charter_of(item).parties:
        if party.code == author:
            continue
        rungs = line.ladder.rungs(item, party.code)
        entry: dict[str, Json] = {_rung(rung): mark.at_ms for rung, mark in rungs.items()}
        passed_on = rungs.get(Rung.PASSED_ON)
        if passed_on is not None and passed_on.unit:
            entry["unit"] = passed_on.unit
        out[party.code] = entry
    return out


def draft_view(line: Line, draft: Draft) -> dict[str, Json]:
    """A draft that waits for release."""
    return {
        "draft": draft.number,
        "line": line.id.hex(),
        "exercise": line.realm,
        "officer": draft.officer,
        "at_ms": draft.at_ms,
        **content_view(draft.content),
    }


def alarm_view(alarm: Alarm) -> dict[str, Json]:
    """An alarm as the API shows it."""
    out: dict[str, Json] = {
        "code": alarm.code,
        "precedence": alarm.precedence.name,
        "text": alarm.text,
    }
    if alarm.item:
        out["item"] = alarm.item.hex()
    if alarm.party:
        out["party"] = alarm.party
    if alarm.rung:
        out["rung"] = word(alarm.rung.name)
    if alarm.about:
        out["about"] = alarm.about.hex()
    return out


def heed_view(heed: Heed) -> dict[str, Json]:
    """What an officer did with an alarm, or how an output of alarms fares."""
    return {"does": word(heed.does.name), "alarm": heed.about, "until_ms": heed.until_ms,
            "officer": heed.officer, "text": heed.text, "output": heed.output,
            "kind": heed.kind, "works": heed.well}  # fmt: skip


def line_view(line: Line) -> dict[str, Json]:
    """One line's state: peers, suspensions, drafts and alarms."""
    charter = line.charter
    peers: list[Json] = []
    stations = {log.station for log in line.record.logs.values()}
    names = {station: station_name(line, station) for station in stations}
    for station in sorted(line.links, key=lambda s: (line.party_of(s), s)):
        link = line.links[station]
        party = charter.party_of(station)
        carriers: list[Json] = [f"{name} {where}" for name, where in sorted(link.sessions.items())]
        peers.append(
            {
                "party": party,
                "observer": party in charter.observers,
                "station": station.hex(),
                "name": station_name(line, station),
                "state": str(link.state),
                "cause": link.stated,
                "since_ms": link.since_ms,
                "their_word": line.stated.get(party, ""),
                "carriers": carriers,
                "last_heard_ms": link.last_heard_ms,
                "keys_end_ms": _keys_end_ms(line, station),
            }
        )
    return {
        "line": line.id.hex(),
        "name": charter.name,
        "realm": line.realm,
        "version": charter.version,
        "keys_end_ms": _keys_end_ms(line, line.own),
        "party": line.party,
        "member": line.member,
        "observer": line.observes,
        "peers": peers,
        "life": life_view(line),
        "lives": lives_view(line, names),
        "suspended_by": texts(sorted(line.suspended)),
        "unstaffed": texts(sorted(line.unstaffed)),
        "statements": len(line.record.order),
        "held": line.record.held,
        "waiting": [draft_view(line, draft) for _, draft in sorted(line.drafts.items())],
        "alarms": len(line.alarms),
        "forked": [
            station_name(line, log.station)
            for log in line.record.forked()
            if second_stories(line, log)
        ],
        "witnessed": _witnessed(line),
    }


def _witnessed(line: Line) -> dict[str, Json]:
    """How far our own log is signed, sealed with ML-DSA-44, and cosigned by witnesses."""
    book = line.notes.get(line.own_log, LogNotes())
    latest, sealed = book.latest(), book.latest_sealed()
    sizes = notes.witnessed(line, book)
    return {
        "statements": line.record.size(line.own_log),
        "signed": latest.head.size if latest else 0,
        "sealed": sealed.head.size if sealed else 0,
        "size": notes.quorum_size(line, book),
        "witnesses": sum(1 for size in sizes if latest and size >= latest.head.size),
        "of": len(sizes),
        "quorum": line.charter.quorum,
    }


def second_stories(line: Line, log: Log) -> int:
    """How many second stories are held of a log; what is late beside it is none."""
    late = line.record.closings.late
    return sum(not late(item.statement) for item in log.forks.values())


def _keys_end_ms(line: Line, station: bytes) -> int | None:
    """When the certificate in force of a station ends; None for one without an end."""
    entry = line.charter.station(station)
    if entry is None or entry.certificate.not_after_ms == MAX_TIME_MS:
        return None
    return entry.certificate.not_after_ms


def event_view(station: Station, seq: int, fact: Fact) -> dict[str, Json]:
    """One fact of the journal as a watcher sees it."""
    line = station.lines.get(fact.line)
    out: dict[str, Json] = {
        "seq": seq,
        "at_ms": fact.at_ms,
        "line": fact.line.hex(),
        "exercise": station.realm,
    }
    match fact.kind:
        case FactKind.ALARM | FactKind.HEED:
            return {**out, **_rung_view(fact)}
        case FactKind.CHARTER:
            return {**out, "type": "charter"}
        case _ if line is None:
            return {**out, "type": "unknown"}
        case FactKind.STATEMENT | FactKind.SECOND_STORY:
            item = _item_of(line, fact)
            out["type"] = "statement"
            out.update(item_view(line, item, seq) if item else {})
            return out
        case FactKind.RECEIPT:
            return {**out, "type": "receipt", **_receipt_view(line, Receipt.decode(fact.body))}
        case FactKind.HANDED_OVER:
            handed = Handed.decode(fact.body)
            items: list[Json] = [digest.hex() for digest in handed.items]
            return {**out, "type": "handed-over", "items": items, "carrier": handed.carrier,
                    **_who(line, handed.station)}  # fmt: skip
        case FactKind.ATTEMPT:
            tried = Attempt.decode(fact.body)
            return {**out, "type": "attempt", "carrier": tried.carrier, "address": tried.address,
                    "outcome": tried.outcome, "cause": tried.cause,
                    **_who(line, tried.station)}  # fmt: skip
        case FactKind.STATE:
            change = StateChange.decode(fact.body)
            return {**out, "type": "state", "state": change.state, "cause": change.cause,
                    "since_ms": change.since_ms, **_who(line, change.station)}  # fmt: skip
        case FactKind.REFUSED:
            refusal = Refusal.decode(fact.body)
            return {**out, "type": "refused", "code": refusal.code, "text": refusal.text,
                    "carrier": refusal.carrier, **_who(line, refusal.peer)}  # fmt: skip
        case _:
            return {**out, **_kept_view(fact)}


def _rung_view(fact: Fact) -> dict[str, Json]:
    """An alarm, or what was done with one."""
    if fact.kind == FactKind.HEED:
        return {"type": "heed", **heed_view(Heed.decode(fact.body))}
    return {"type": "alarm", **alarm_view(Alarm.decode(fact.body))}


def _kept_view(fact: Fact) -> dict[str, Json]:
    """What else is kept: proofs, checkpoints, lives and drafts."""
    if fact.kind == FactKind.NOTE:
        return {"type": "note", "note": fact.body.decode("utf-8")}
    if fact.kind == FactKind.PROOF:
        return {"type": "proof", **proof_view(proof.check(fact.body))}
    if fact.kind == FactKind.LIFE:
        return {"type": "life", **life_event(Lived.decode(fact.body))}
    return {"type": "draft"}


def proof_view(proven: proof.Proven) -> dict[str, Json]:
    """What a proof shows, and the proof itself as text for a file."""
    told: list[Json] = list(proven.told)
    return {"party": proven.party, "log": proven.log.hex(), "at": proven.at, "told": told,
            "exercise": proven.realm, "armor": proof.armor_proof(proven.encoded)}  # fmt: skip


def _item_of(line: Line, fact: Fact) -> Item | None:
    if fact.log is not None and fact.position is not None:
        item = line.record.logs[fact.log].items.of(fact.position, fact.body, fact.at_ms)
        if item is not None:
            return item
    for log in line.record.forked():
        for item in log.forks.values():
            if item.statement.raw == fact.body:
                return item
    return None


def heads_view(line: Line) -> dict[str, Json]:
    """Where every log of a line ends as far as it is held, and the keys that speak for us."""
    own = line.charter.station(line.own)
    logs: list[Json] = [
        {
            "log": log.id.hex(),
            "station": log.station.hex(),
            "size": log.size,
            "last": log.head.hex(),
        }
        for _, log in sorted(line.record.logs.items())
        if log.size
    ]
    return {
        "line": line.id.hex(),
        "version": line.latest(),
        "own_key": own.certificate.sign_key.hex() if own else "",
        "heads": logs,
    }


def charter_parties(charter: Charter) -> list[Json]:
    """The parties of a charter: the words of their root keys, and where their stations answer."""
    out: list[Json] = []
    for party in charter.parties:
        print_ = identity.root_fingerprint(party.code, charter.realm, party.root_key)
        stations: list[Json] = [
            {
                "name": each.certificate.station_name,
                "addresses": texts(each.addresses),
                "keys": sha256(each.certificate.encoded).hex()[:16],
            }
            for each in party.stations
        ]
        out.append(
            {
                "code": party.code,
                "name": party.name,
                "words": texts(identity.words(print_)),
                "observer": party.code in charter.observers,
                "stations": stations,
            }
        )
    return out


def _who(line: Line, station: bytes) -> dict[str, Json]:
    return {"station": station_name(line, station), "party": line.party_of(station)}


def _receipt_view(line: Line, receipt: Receipt) -> dict[str, Json]:
    """A receipt, with the digests of our own statements that it was the first to cover."""
    items: list[Json] = []
    log = line.record.logs.get(receipt.log)
    if log is not None and log.station == line.own:
        stop = start = min(receipt.size, log.size)
        while start and line.ladder.receipt_at(log.id, start - 1, receipt.cosigner) == receipt:
            start -= 1
        for at in range(start, stop, RUN):  # after a long time apart it may cover all of a log
            said = [item.statement for item in log.items.run(at, min(at + RUN, stop))]
            items += [statement.digest.hex() for statement in said if statement.content.wants]
    return {
        "log": receipt.log.hex(),
        "size": receipt.size,
        "receipt_ms": receipt.time_s * 1000,
        "items": items,
        **_who(line, receipt.cosigner),
    }


def code_of(line: Line, name: str) -> str:
    """A party's code however it was typed; another name as it is."""
    codes = {party.code for party in line.charter.parties}
    return name.upper() if name.upper() in codes else name


def done_view(done: Done) -> dict[str, Json]:
    """What an act came to: a statement, or a draft that waits."""
    out: dict[str, Json] = {"line": done.line.hex(), "released": bool(done.item)}
    if done.item:
        out["item"] = done.item.hex()
    if done.draft:
        out["draft"] = done.draft
    if done.waits_for:
        out["waits_for"] = done.waits_for
    return out
