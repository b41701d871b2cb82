"""One statement of the record: what stands behind it, and its check from the signed bytes up.

Each step of the check says ``ok``: true, false, or null when there is nothing yet to check it by,
and the facts that a reader needs to say it in words. A step that cannot be done is never passed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tieline.core import crypto
from tieline.core.checkpoint import cosigner, origin, verify_receipt
from tieline.core.errors import TielineError
from tieline.core.line import Line
from tieline.core.log import Log
from tieline.core.noted import Noted
from tieline.core.record import Item
from tieline.core.statement import Statement, parse
from tieline.core.terms import Kind
from tieline.core.tree import leaf_hash, verify_consistency, verify_inclusion
from tieline.node.view import Json, station_name

STEPS: Final = ("bytes", "signature", "order", "inclusion", "peers", "witnesses", "consistency")
Step = dict[str, Json]


def entry(line: Line, item: Item, seq: Callable[[bytes], int]) -> dict[str, Json]:
    """What stands behind a statement, and when it can have been written.

    Its key, the rule of its release, what its author had read, which stations hold it.
    """
    statement = item.statement
    place, charter = statement.place, line.charter_of(item)
    keys = _keys(line, place.station)
    current = line.sign_key(place.charter, place.station) or b""
    reads = line.record.known_at(statement.log, place.position, line.own_log)
    own = line.record.logs.get(line.own_log)
    newest: Json = None
    if own is not None and statement.log != line.own_log and 0 < reads <= own.size:
        digest = own.digest(reads - 1)
        newest = {"item": digest.hex(), "seq": seq(digest), "position": reads - 1}
    receipts = _receipts(line, item)
    # A receipt says its second: it was signed before the end of that.
    times = [each["at_ms"] + 999 for each in receipts if isinstance(each["at_ms"], int)]
    content = statement.content
    spoken = content.kind in (Kind.MESSAGE, Kind.JOINT)
    return {
        "item": statement.digest.hex(),
        "station": station_name(line, place.station),
        "party": line.party_of(place.station),
        "key": keys.index(current) + 1 if current in keys else 0,
        "keys": len(keys),
        "charter": place.charter,
        "four_eyes": spoken and charter.four_eyes(content.precedence, content.form),
        "ours": statement.log == line.own_log,
        "read_of_ours": newest,
        "not_before_ms": _not_before(line, statement),
        "not_after_ms": min([item.admitted_ms, *times]),
        "receipts": [*receipts],
    }


def check(line: Line, item: Item, raw: bytes) -> dict[str, Json]:
    """The steps of a check of one statement, whose bytes are ``raw`` as the store has them."""
    statement = item.statement
    log = line.record.logs[statement.log]
    noted = _covering(line, log, statement.place.position)
    newest = _newest(line, log)
    steps: list[Step] = [
        _bytes(line, statement, raw),
        _signature(line, statement),
        _order(item, log),
        _inclusion(item, log, raw, noted),
        _peers(line, item, log),
        _witnesses(line, item, log),
        _consistency(item, log, noted, newest),
    ]
    failed = any(step["ok"] is False for step in steps)
    open_ = any(step["ok"] is None for step in steps)
    return {
        "item": statement.digest.hex(),
        "verdict": "failed" if failed else "partly" if open_ else "checked",
        "steps": [*steps],
    }


# ------------------------------------------------------------------------------------------ steps


def _bytes(line: Line, statement: Statement, raw: bytes) -> Step:
    try:
        fine = parse(line.realm, raw).digest == statement.digest
    except TielineError:
        fine = False
    return {"step": "bytes", "ok": fine, "digest": statement.digest.hex(), "bytes": len(raw)}


def _signature(line: Line, statement: Statement) -> Step:
    place = statement.place
    key, signed = line.sign_key(place.charter, place.station), line.charters.get(place.charter)
    keys = _keys(line, place.station)
    fine = key is not None and crypto.verify(key, statement.signed, statement.signature)
    return {
        "step": "signature",
        "ok": fine and signed is not None and signed.complete,
        "station": station_name(line, place.station),
        "key": keys.index(key) + 1 if key in keys else 0,
        "charter": place.charter,
    }


def _order(item: Item, log: Log) -> Step:
    statement = item.statement
    position, previous = statement.place.position, statement.place.previous
    fits = position < log.size and log.digest(position) == statement.digest
    before = None if position == 0 else log.digest(position - 1) if position <= log.size else b""
    fine = fits and not item.second_story and previous == before
    return {"step": "order", "ok": fine, "position": position, "size": log.size}


def _inclusion(item: Item, log: Log, raw: bytes, noted: Noted | None) -> Step:
    if item.second_story:
        return {"step": "inclusion", "ok": False, "size": log.size}
    if noted is None:
        return {"step": "inclusion", "ok": None, "size": log.size}
    size, position = noted.head.size, item.statement.place.position
    try:
        signed = noted.note.signed_by(noted.head.origin, noted.sign_key)
        proof = log.tree.inclusion(position, size)
        verify_inclusion(position, size, leaf_hash(raw), proof, noted.head.root)
    except TielineError:
        signed = False
    return {"step": "inclusion", "ok": signed, "size": size, "at_ms": noted.at_ms}


def _peers(line: Line, item: Item, log: Log) -> Step:
    receipts = _receipts(line, item)
    found: list[Json] = [*receipts]
    wrong = any(each["ok"] is False for each in receipts)
    return {"step": "peers", "ok": False if wrong else True if found else None, "by": found,
            "log": log.id.hex()}  # fmt: skip


def _witnesses(line: Line, item: Item, log: Log) -> Step:
    position = item.statement.place.position
    book = line.notes.get(log.id)
    heads = [] if book is None else [n for s, n in sorted(book.heads.items()) if s > position]
    by: list[Json] = []
    wrong = False
    for witness in line.charter.witnesses:
        for noted in heads:
            try:
                time_s = noted.note.cosigned_by(witness.name, witness.key)
            except TielineError:
                wrong = True
                break
            if time_s is not None:
                by.append({"name": witness.name, "at_ms": time_s * 1000, "size": noted.head.size})
                break
    of, quorum = len(line.charter.witnesses), line.charter.quorum
    enough = None if len(by) < max(quorum, 1) else True
    ok = False if wrong else enough
    return {"step": "witnesses", "ok": ok, "by": by, "of": of, "quorum": quorum}


def _consistency(item: Item, log: Log, noted: Noted | None, newest: Noted | None) -> Step:
    if noted is None or newest is None or item.second_story:
        return {"step": "consistency", "ok": None, "from": 0, "to": 0}
    old, new = noted.head, newest.head
    try:
        proof = log.tree.consistency(old.size, new.size)
        verify_consistency(old.size, new.size, old.root, new.root, proof)
        fine = newest.note.signed_by(new.origin, newest.sign_key)
    except TielineError:
        fine = False
    return {"step": "consistency", "ok": fine, "from": old.size, "to": new.size,
            "at_ms": newest.at_ms}  # fmt: skip


# ------------------------------------------------------------------------------------------ facts


def _keys(line: Line, station: bytes) -> list[bytes]:
    """The keys that a station has had for statements, the first charter's first."""
    keys: dict[bytes, None] = {}
    for version in sorted(line.charters):
        found = line.sign_key(version, station)
        if found is not None:
            keys[found] = None
    return list(keys)


def _receipts(line: Line, item: Item) -> list[Step]:
    """The first receipt of each station that covers a statement, verified."""
    statement = item.statement
    log = line.record.logs.get(statement.log)
    if log is None or item.second_story:
        return []
    out: list[Step] = []
    name = origin(line.id, log.station, log.incarnation)
    for station in sorted({s for v in line.charters.values() for s in v.charter.stations()}):
        receipt = line.ladder.receipt_for(statement, station)
        if receipt is None or receipt.size > log.size:
            continue
        last = log.items[receipt.size - 1].statement.place.charter
        root = log.tree.root(receipt.size)
        fine = any(
            verify_receipt(receipt, name, root, key) for key in line.receipt_keys(station, last)
        )
        out.append(
            {
                "station": station_name(line, station),
                "party": line.party_of(station),
                "cosigner": cosigner(station),
                "ours": station == line.own,
                "size": receipt.size,
                "at_ms": receipt.time_s * 1000,
                "ok": fine,
            }
        )
    return out


def _not_before(line: Line, statement: Statement) -> int | None:
    """When the newest thing that the author had read was here at the latest (UTC ms)."""
    seen = [line.record.by_tip(tip) for tip in statement.place.seen]
    times = [found.admitted_ms for found in seen if found is not None]
    return max(times, default=None)


def _covering(line: Line, log: Log, position: int) -> Noted | None:
    """The smallest signed checkpoint held that covers a place of a log and agrees with it."""
    return min(_agreed(line, log, position), key=lambda noted: noted.head.size, default=None)


def _newest(line: Line, log: Log) -> Noted | None:
    return max(_agreed(line, log, -1), key=lambda noted: noted.head.size, default=None)


def _agreed(line: Line, log: Log, position: int) -> list[Noted]:
    book = line.notes.get(log.id)
    if book is None:
        return []
    return [
        noted
        for size, noted in book.heads.items()
        if position < size <= log.size and size not in book.open
    ]
