"""What was signed for something else: why a signature that is not good does not fit.

A signature covers what it is for: the realm, the kind of thing, the log and the number in it, the
form and the readers. What was moved to another place therefore does not verify, which says nothing
of what happened. Here it is looked for, after the refusal is certain, so that an officer is told.
Nothing here makes anything good: each answer is the code and the text of a refusal.

It costs up to 7 verifications and a look at 64 statements in memory, once a minute for each peer:
whoever floods a line with forgeries makes them no dearer. The store is never read for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from tieline.core import crypto, statement
from tieline.core.charter import charter_message, realm_words
from tieline.core.checkpoint import Receipt
from tieline.core.errors import RemoteError
from tieline.core.identity import CARD_AAD, CERTIFICATE_AAD, REQUEST_AAD
from tieline.core.line import Line
from tieline.core.outcome import Refused
from tieline.core.statement import Statement

EVERY_MS: Final = 60_000  # as often as one refusal is put on the journal
MAX_LOGS: Final = 64
MAX_KEYS: Final = 64
BUNDLE_DOMAIN: Final = b"tieline-bundle-v1\0"  # under the header of a bundle, before the realm


class Elsewhere:
    """The diagnoses of one line."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._asked: dict[bytes, int] = {}

    def _may_ask(self, peer: bytes, now_ms: int) -> bool:
        """Whether what this peer brings is looked into once more by now, on the real clock."""
        last = self._asked.get(peer)
        if last is not None and now_ms - last < EVERY_MS:
            return False
        self._asked[peer] = now_ms
        return True

    def statement(self, bad: Statement, plain: Refused, peer: bytes, now_ms: int) -> Refused:
        """Why a statement is refused whose signature is not good.

        ``plain``: what is said when it was signed for nothing that is known here.
        """
        if not self._may_ask(peer, now_ms):
            return plain
        for other in self._with_its_number(bad):
            if other.signature == bad.signature:
                return _changed(other, bad)
        return self._misplaced(bad) or plain

    def _with_its_number(self, bad: Statement) -> Iterator[Statement]:
        """What is in memory with the number of a statement: of its log first, then of others."""
        logs, position = self._line.record.logs, bad.place.position
        own = logs.get(bad.log)
        for log in ((own,) if own else ()), islice(logs.values(), MAX_LOGS):
            for each in log:
                at = position - each.items.first
                if 0 <= at < len(each.items.recent):
                    yield each.items.recent[at].statement

    def _misplaced(self, bad: Statement) -> Refused | None:
        """A signature of the station named that is good in another realm, or for another kind."""
        line, name = self._line, _named(bad)
        key = line.sign_key(bad.place.charter, bad.place.station)
        if key is None:
            return None
        payload = crypto.parse_sign1(bad.raw, statement.LIMITS).payload
        if line.realm and crypto.verify(key, statement.to_sign("", payload), bad.signature):
            return Refused(
                "statement.other_realm",
                f"a statement that claims to be {name} was signed for live traffic and brought"
                f" into {realm_words(line.realm)}; the two are kept apart, and it is not accepted",
            )
        for kind, to_sign in _KINDS.items():
            if crypto.verify(key, to_sign(line.realm, payload), bad.signature):
                return Refused(
                    "statement.other_kind",
                    f"a statement that claims to be {name} was signed as {kind}, and not as a"
                    " statement; it is not accepted",
                )
        return None

    def receipt(self, bad: Receipt, peer: bytes, now_ms: int) -> Refused:
        """Why a receipt is refused that does not hold."""
        if self._may_ask(peer, now_ms):
            for held in self._line.ladder.latest_receipts():
                if held.signature == bad.signature:
                    return _changed_receipt(held, bad)
        return Refused(
            "receipt.forged",
            f"a receipt in the name of station {bad.cosigner.hex()} does not fit what is held here:"
            " it is forged, or that station was told another story of this log; it is not counted",
        )


def _changed(was: Statement, now: Statement) -> Refused:
    """In what a statement differs from the one that its signature is of."""
    name, said, says = _named(now), was.content, now.content
    if was.place.station != now.place.station:
        return Refused(
            "statement.other_station",
            f"a statement that claims to be {name} has the signature of a statement by station"
            f" {was.place.station.hex()}: it was changed, and is not accepted",
        )
    if was.place.incarnation != now.place.incarnation:
        return Refused(
            "statement.other_life",
            f"a statement that claims to be {name} was written in another log of that station: it"
            " was changed, and is not accepted",
        )
    if said.form != says.form:
        return Refused(
            "statement.other_form",
            f"a statement that claims to be {name} was written in the form '{said.form}', not in"
            f" '{says.form}': it was changed, and is not accepted",
        )
    if said.form_version != says.form_version:
        return Refused(
            "statement.other_version",
            f"a statement that claims to be {name} was written in version {said.form_version} of"
            f" '{said.form}', not in {says.form_version}: it was changed, and is not accepted",
        )
    if said.to != says.to:
        return Refused(
            "statement.other_readers",
            f"a statement that claims to be {name} was for {_list(said.to)}, not for"
            f" {_list(says.to)}: it was changed, and is not accepted",
        )
    return Refused(
        "statement.altered",
        f"a statement that claims to be {name} is held here and says something else under the same"
        " signature: it was changed, and is not accepted",
    )


def _changed_receipt(was: Receipt, now: Receipt) -> Refused:
    """In what a receipt differs from the one that its signature is of."""
    name = now.cosigner.hex()
    if was.cosigner != now.cosigner:
        return Refused(
            "receipt.other_station",
            f"a receipt in the name of station {name} was given by station {was.cosigner.hex()}:"
            " it was changed, and is not counted",
        )
    if was.log != now.log:
        return Refused(
            "receipt.other_log",
            f"a receipt in the name of station {name} was given for another log: it was changed,"
            " and is not counted",
        )
    # Its time may be another one, too; of a size that is held nothing further is asked.
    return Refused(
        "receipt.other_size",
        f"a receipt in the name of station {name} was given for {was.size} statements, not for"
        f" {now.size}: it was changed, and is not counted",
    )


def of_bundle(
    line: Line, named: bytes, charter: int, payload: bytes, signature: bytes
) -> RemoteError | None:
    """What else a bundle's signature is good for, when it is not what its header says.

    Bundles are imported one by one by an officer, so there is no flood to bound.
    """
    key = line.sign_key(charter, named)
    if line.realm and key is not None:
        live = crypto.sig_structure(crypto.PROTECTED, BUNDLE_DOMAIN, payload)
        if crypto.verify(key, live, signature):
            return RemoteError(
                "bundle.other_realm",
                "the bundle is refused: it was signed for live traffic, and this station is of"
                f" {realm_words(line.realm)}; nothing has changed",
            )
    signed = bundle_message(line.realm, payload)
    for station, other in islice(_keys(line, charter, named), MAX_KEYS):
        if crypto.verify(other, signed, signature):
            return RemoteError(
                "bundle.other_exporter",
                f"the bundle is refused: a station of {line.party_of(station)} has signed it, and"
                f" it names one of {line.party_of(named)}; nothing has changed",
            )
    return None


def _keys(line: Line, charter: int, but: bytes) -> Iterator[tuple[bytes, bytes]]:
    signed = line.charters.get(charter)
    for party in signed.charter.parties if signed else ():
        for entry in party.stations:
            if entry.certificate.station != but:
                yield entry.certificate.station, entry.certificate.sign_key


def bundle_message(realm: str, payload: bytes) -> bytes:
    """The bytes under a bundle's signature."""
    return crypto.sig_structure(crypto.PROTECTED, BUNDLE_DOMAIN + realm.encode("ascii"), payload)


def _under(domain: bytes) -> Callable[[str, bytes], bytes]:
    return lambda _, payload: crypto.sig_structure(crypto.PROTECTED, domain, payload)


_KINDS: Final[dict[str, Callable[[str, bytes], bytes]]] = {
    "a bundle": bundle_message,
    "a request for keys": _under(REQUEST_AAD),
    "a certificate": _under(CERTIFICATE_AAD),
    "a card": _under(CARD_AAD),
    "a charter": lambda _, payload: charter_message(payload),
    "a checkpoint": lambda _, payload: payload,
}


def _named(bad: Statement) -> str:
    return f"number {bad.place.position} of station {bad.place.station.hex()}"


def _list(codes: Iterable[str]) -> str:
    return ", ".join(codes) or "everybody"
