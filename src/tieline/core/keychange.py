"""What a change of keys means for what peers bring: receipts, roots, and what came too late."""

from __future__ import annotations

from tieline.core.charter import SignedCharter
from tieline.core.checkpoint import Receipt, origin, verify_receipt
from tieline.core.errors import RemoteError
from tieline.core.journal import Alarm
from tieline.core.line import Line
from tieline.core.log import Log
from tieline.core.statement import Statement
from tieline.core.terms import Precedence
from tieline.core.turn import Turn


def holds(line: Line, log: Log, receipt: Receipt) -> bool:
    """Whether a receipt for a size that ``log`` has is signed by the station it names.

    Under its key of now, or under a former one for what was written while that was its key.
    """
    version = log.items[receipt.size - 1].statement.place.charter
    root = log.tree.root(receipt.size)
    return any(
        verify_receipt(receipt, origin(line.id, log.station, log.incarnation), root, key)
        for key in line.receipt_keys(receipt.cosigner, version)
    )


def check_root_stays(line: Line, signed: SignedCharter, turn: Turn) -> None:
    """Whether a version that peers bring leaves our own party its root.

    The others alone could give our name to somebody else; our own officer must bring it. Raises
    ``RemoteError`` (``charter.our_root``).
    """
    charter = signed.charter
    if line.party not in dict(charter.reroot) or not line.member:
        return
    if charter.version != line.latest() + 1:
        return  # not the next one: it is judged as such
    error = RemoteError(
        "charter.our_root",
        f"version {charter.version} of the charter gives {line.party} another root key, and a"
        " peer has brought it; if it was agreed, an officer installs it here, and if not,"
        f" somebody speaks in the name of {line.party}: ask the others by another way",
    )
    alarm = Alarm(
        code="charter.our_root",
        precedence=Precedence.FLASH,
        text=error.message,
        item=charter.hash,
    )
    if signed.complete:
        turn.ring(line, alarm)
    raise error


def raise_removed(line: Line, turn: Turn) -> None:
    """Tell the officers of a station that the version in force has taken it off the line."""
    charter = line.charter
    whole = charter.party(line.party) is None
    signed = (
        "the others have signed that version, which takes an observer off the line without it"
        if line.party in charter.excused
        else "every party has signed that version, so if you did not expect it, ask who signed for"
        f" {line.party}"
    )
    what = f", and with it {line.party}," if whole else f" of {line.party}"
    alarm = Alarm(
        code="charter.removed",
        precedence=Precedence.FLASH,
        text=f"version {charter.version} of the charter of '{charter.name}' takes this station"
        f"{what} off the line: nothing more can be said from here, the others take nothing more"
        f" from this station, and what it holds can still be read; {signed}",
        item=charter.hash,
        party=line.party,
    )
    turn.ring(line, alarm)


def raise_late(line: Line, late: tuple[Statement, ...], turn: Turn) -> None:
    """Say what is no part of the record, most of all to its author, who can say it again."""
    by_station: dict[bytes, list[Statement]] = {}
    for each in late:
        by_station.setdefault(each.place.station, []).append(each)
    for station, found in by_station.items():
        who = "this station" if station == line.own else line.party_of(station)
        alarm = Alarm(
            code="record.late",
            precedence=Precedence.FLASH,
            text=f"{len(found)} statements of {who}, the first of them"
            f" {found[0].digest.hex()[:12]}, are beyond where version {line.latest()} of the"
            " charter ends their log: they can be read and are no part of the record; what"
            " holds must be said again",
            item=found[0].digest,
            party=line.party_of(station),
        )
        turn.ring(line, alarm)
