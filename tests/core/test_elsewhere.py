"""What was signed for something else: told for what it is, and no flood is made dearer by it."""

from __future__ import annotations

from dataclasses import replace

from tests.core.world import Net, kits, message

from tieline.core import crypto, elsewhere, statement
from tieline.core.elsewhere import EVERY_MS, Elsewhere
from tieline.core.outcome import Refused
from tieline.core.statement import Statement

PLAIN = Refused("statement.forged", "it is not")


def spoken() -> tuple[Net, Statement]:
    """A line, and what ALPHA has said last on it, as BRAVO holds it."""
    net = Net(kits(3))
    net.connect_all()
    net.post("ALPHA").speak(message("as agreed"))
    net.deliver()
    bravo, alpha = net.post("BRAVO"), net.post("ALPHA")
    log = bravo.line.record.logs[alpha.line.own_log]
    return net, log.items[-1].statement


def changed(good: Statement, **place: object) -> Statement:
    """The same signature under other words."""
    content = replace(good.content, body=replace(good.content.body, text="otherwise"))
    where = replace(good.place, **place)  # type: ignore[arg-type]
    return statement.parse("", crypto.pack_sign1(statement.compose(where, content), good.signature))


def test_each_peer_is_looked_into_once_a_minute() -> None:
    net, good = spoken()
    why = Elsewhere(net.post("BRAVO").line)
    bad = changed(good)
    assert why.statement(bad, PLAIN, b"one", 5_000).code == "statement.altered"
    assert why.statement(bad, PLAIN, b"one", 5_000 + EVERY_MS - 1) is PLAIN
    assert why.statement(bad, PLAIN, b"two", 5_001).code == "statement.altered"
    assert why.statement(bad, PLAIN, b"one", 5_000 + EVERY_MS).code == "statement.altered"


def test_a_signature_that_is_nowhere_else_stays_a_forgery() -> None:
    net, good = spoken()
    why = Elsewhere(net.post("BRAVO").line)
    nobody = changed(good)
    other = crypto.pack_sign1(statement.compose(nobody.place, nobody.content), bytes(64))
    assert why.statement(statement.parse("", other), PLAIN, b"", 0) is PLAIN


def test_a_statement_of_another_number_is_not_looked_for() -> None:
    """Only where it would have to stand: a look at the whole record would be dear."""
    net, good = spoken()
    beyond = changed(good, position=good.place.position + 7, previous=bytes(32))
    assert Elsewhere(net.post("BRAVO").line).statement(beyond, PLAIN, b"", 0) is PLAIN


def test_what_is_in_the_store_alone_is_not_fetched_for_a_forger() -> None:
    net, good = spoken()
    line = net.post("BRAVO").line
    items = line.record.logs[good.log].items
    items.first, items.recent = len(items), []
    assert Elsewhere(line).statement(changed(good), PLAIN, b"", 0) is PLAIN


def test_a_bundle_that_nobody_on_the_line_signed_is_nobodys() -> None:
    net = Net(kits(3))
    line, alpha = net.post("BRAVO").line, net.post("ALPHA").who
    assert elsewhere.of_bundle(line, alpha.id, 1, b"header", bytes(64)) is None
    signed = alpha.sign_key.sign(elsewhere.bundle_message("", b"header"))
    other = net.post("CHARLIE").who
    found = elsewhere.of_bundle(line, other.id, 1, b"header", signed)
    assert found is not None
    assert found.code == "bundle.other_exporter"
    assert "a station of ALPHA has signed it, and it names one of CHARLIE" in found.message
