"""What evidence says is what the record says, for every line that is played; and nothing more."""

from __future__ import annotations

import base64

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.evidence_lines import (
    CODES,
    MADE_MS,
    evidence_of,
    notes_of,
    play,
    read_whole,
    source_of,
)
from tests.core.world import Net, kit, message
from tests.examples import tries

from tieline.core.errors import LocalError
from tieline.core.evidence import Header, Scope
from tieline.core.evidence_facts import Report
from tieline.core.evidence_links import Readings
from tieline.core.evidence_writer import Writer
from tieline.core.record import Item, Record
from tieline.core.statement import Statement

FEW = settings(max_examples=tries(6), deadline=None, suppress_health_check=list(HealthCheck))


def statements(record: Record) -> dict[bytes, Item]:
    """Every statement of a record, second stories too."""
    return {item.statement.digest: item for item in record.order}


def agree(net: Net, report: Report) -> None:
    """Everything that the report says of its statements, the record says too."""
    line = net.post("ALPHA").line
    record, ladder = line.record, line.ladder
    readings = Readings(report)
    by_digest = statements(record)
    for facts in report.logs:
        assert facts.root == record.logs[facts.id].tree.root()
        assert facts.size == record.logs[facts.id].size
    assert {facts.id for facts in report.logs} == set(record.logs)
    for entry in report.entries:
        item = by_digest[entry.digest]
        statement = item.statement
        assert (entry.second, entry.admitted_ms) == (item.second_story, item.admitted_ms)
        assert entry.party == line.party_of(statement.place.station)
        held = {station: (size, time_s) for station, size, time_s in readings.held_by(entry)}
        for station in line.charter.stations():
            receipt = None if item.second_story else ladder.receipt_for(statement, station)
            if station == statement.place.station:
                assert station not in held
            elif receipt is not None:
                assert held[station] == (receipt.size, receipt.time_s)
            else:
                assert station not in held
        for reader in [reader for reader in readings.read_by(entry) if not reader.second]:
            assert record.saw(by_digest[reader.digest].statement, statement)


def read_by_the_record(record: Record, statement: Statement) -> set[bytes]:
    """The logs of which a main statement had read this one, by the record."""
    return {
        log.id
        for log in record.logs.values()
        if log.id != statement.log
        and any(record.saw(item.statement, statement) for item in list(log.items))
    }


@FEW
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from(["", "SPRING-TIDE"]))
def test_evidence_of_a_whole_line_is_the_line(seed: int, fork: bool, realm: str) -> None:
    net = play(seed, realm=realm, fork=fork)
    line = net.post("ALPHA").line
    report = read_whole(evidence_of(line, notes=notes_of(net, net.post("ALPHA"))))
    assert report.verdict == "checked"
    agree(net, report)
    assert [entry.digest for entry in report.shown] == net.post("ALPHA").order()
    readings = Readings(report)
    for entry in report.entries:
        if not entry.second:
            found = {reader.log.id for reader in readings.read_by(entry) if not reader.second}
            wanted = read_by_the_record(
                line.record, statements(line.record)[entry.digest].statement
            )
            assert found == wanted
    assert bool(report.conflicts) == any(log.forks for log in line.record.logs.values())
    for one, other in report.conflicts:
        assert (one.log.id, one.position, one.second) == (other.log.id, other.position, True)


@FEW
@given(st.integers(0, 10**6), st.data())
def test_evidence_of_a_window_of_time_is_that_window(seed: int, data: st.DataObject) -> None:
    net = play(seed, fork=data.draw(st.booleans()))
    line = net.post("ALPHA").line
    times = sorted(item.statement.place.time_ms for item in line.record.order)
    start, end = sorted(data.draw(st.lists(st.sampled_from(times), min_size=2, max_size=2)))
    scope = Scope(from_ms=start, to_ms=end)
    report = read_whole(evidence_of(line, scope, notes_of(net, net.post("ALPHA"))))
    wanted = {
        digest
        for digest, item in statements(line.record).items()
        if start <= item.statement.place.time_ms <= end or start <= item.admitted_ms <= end
    }
    assert {entry.digest for entry in report.entries} == wanted
    agree(net, report)
    total = sum(log.size for log in line.record.logs.values())
    assert report.counts.statements + report.counts.left_out == total
    forks = sum(len(log.forks) for log in line.record.logs.values())
    assert report.counts.second_stories + report.counts.second_left_out == forks
    codes = {gap.code for gap in report.gaps}
    assert codes <= {"gap.second_stories", "gap.uncovered"}
    assert ("gap.second_stories" in codes) == bool(report.counts.second_left_out)


def test_runs_are_parted_where_a_receipt_or_a_digest_needs_it() -> None:
    """One receipt covers what was said while the line was cut; one of these is in scope."""
    net = Net([kit(code) for code in ("ALPHA", "BRAVO")])
    alpha, bravo = net
    net.connect(alpha, bravo)
    net.cut(alpha, bravo)
    said = [alpha.speak(message(f"canary {number}")).item for number in range(6)]
    net.connect(alpha, bravo)
    heard = bravo.speak(message("canary of all that was read")).item
    net.deliver()
    net.cut(alpha, bravo)
    for post in net:
        for number in range(5):
            post.speak(message(f"canary later {number}"))
    net.connect(alpha, bravo)
    for post in net:
        report = read_whole(evidence_of(post.line, Scope(item=said[1])))
        assert report.verdict == "checked"  # the receipt for all of them could be checked
        assert [entry.digest for entry in report.entries] == [said[1]]
        held = Readings(report).held_by(report.entries[0])
        assert [size for _, size, _ in held] == [7]
        report = read_whole(evidence_of(post.line, Scope(item=heard)))
        assert report.entries[0].tips
        for name in (*report.entries[0].tips, report.entries[0].previous or b""):
            place = report.place(name)
            assert place is not None
            assert not place.here  # left out, and yet its place is proved


def connected(record: Record, start: bytes) -> set[bytes]:
    """The thread, by a plain search until nothing more is added."""
    found = {start}
    while True:
        before = len(found)
        for digest, item in statements(record).items():
            cited = {ref.target for ref in item.statement.content.refs}
            if digest in found:
                found |= cited
            elif cited & found:
                found.add(digest)
        if len(found) == before:
            return found


@FEW
@given(st.integers(0, 10**6), st.data())
def test_evidence_of_a_thread_is_that_thread_and_no_byte_of_another_text(
    seed: int, data: st.DataObject
) -> None:
    net = play(seed, acts=40, fork=data.draw(st.booleans()))
    line = net.post("ALPHA").line
    held = statements(line.record)
    start = data.draw(st.sampled_from(sorted(held)))
    made = evidence_of(line, Scope(item=start), notes_of(net, net.post("ALPHA")))
    report = read_whole(made)
    wanted = connected(line.record, start)
    assert {entry.digest for entry in report.entries} == wanted
    agree(net, report)
    for digest, item in held.items():
        text = item.statement.content.body.text
        if digest not in wanted and text is not None and text.startswith("canary"):
            assert_hidden(made, text)
            assert item.statement.signature not in made


def assert_hidden(data: bytes, text: str) -> None:
    """No spelling of the text is in the bytes, nor any long part of it."""
    for part in (text, text[7:], text[-12:]):
        raw = part.encode()
        for spelled in (raw, raw[::-1], raw.hex().encode(), part.encode("utf-16-le")):
            assert spelled not in data
        for shift in range(3):
            inner = base64.b64encode(b"\0" * shift + raw)[4:-4]
            assert inner not in data


def test_the_search_for_hidden_text_finds_it() -> None:
    text = "canary 0001 123456789012"
    for data in (text.encode(), text.encode().hex().encode(), base64.b64encode(text.encode())):
        with pytest.raises(AssertionError):
            assert_hidden(b"before" + data + b"after", text)


@FEW
@given(st.integers(0, 10**6), st.integers(1, 400))
def test_evidence_does_not_change_while_the_record_grows(seed: int, after: int) -> None:
    net = play(seed, acts=12)
    alpha = net.post("ALPHA")
    whole = evidence_of(alpha.line)
    header = Header(alpha.line.id, "", MADE_MS, alpha.line.own, Scope())
    pieces = Writer(source_of(alpha.line), header).items()
    out = [next(pieces) for _ in range(min(after, 5))]
    alpha.speak(message("later"))
    net.deliver()
    out += list(pieces)
    report = read_whole(b"".join(out))
    assert [e.digest for e in report.shown] == [e.digest for e in read_whole(whole).shown]


def test_a_scope_that_holds_nothing_is_refused() -> None:
    net = play(1, acts=5)
    line = net.post("ALPHA").line
    for scope, code in (
        (Scope(to_ms=5), "evidence.nothing"),
        (Scope(item=bytes(32)), "evidence.item"),
    ):
        with pytest.raises(LocalError) as caught:
            evidence_of(line, scope)
        assert caught.value.code == code


def test_every_party_makes_evidence_that_reads() -> None:
    net = play(7)
    for code in CODES:
        report = read_whole(evidence_of(net.post(code).line))
        assert report.verdict == "checked"
        assert len(report.entries) == len(net.post(code).order())
