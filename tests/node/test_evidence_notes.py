"""Checkpoints that a station holds go into its evidence, with the keys that their lines need."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest
from tests.core.evidence_lines import MADE_MS, play, read_whole
from tests.core.world import Net

from tieline.core.checkpoint import SignedNote, log_signature, origin
from tieline.core.errors import ShellError
from tieline.core.evidence import Header, Scope
from tieline.core.evidence_facts import Report
from tieline.core.evidence_writer import Source, Writer
from tieline.core.line import Line
from tieline.node.evidencefile import make, source_of


def read_line(line: Line, source: Source, scope: Scope | None = None) -> Report:
    header = Header(line.id, line.realm, MADE_MS, line.own, scope or Scope())
    return read_whole(b"".join(Writer(source, header).items()))


def noted(seed: int, *, sealing: bool = False) -> Net:
    """A line on which checkpoints were signed and passed on."""
    net = play(seed, acts=15, sealing=sealing)
    net.pass_time(900)
    return net


def test_checkpoints_of_every_log_are_in_evidence_and_verify() -> None:
    net = noted(5)
    for post in net:
        line = post.line
        assert line.notes
        report = read_line(line, source_of(line))
        assert report.verdict == "checked"
        assert report.counts.notes >= len(line.record.logs)
        for facts in report.logs:
            assert facts.covered == facts.size or facts.covered > 0
        item = line.record.order[5].statement.digest
        assert read_line(line, source_of(line), Scope(item=item)).verdict == "checked"


def test_a_seal_is_checked_under_its_key_and_without_it_is_a_gap() -> None:
    net = noted(6, sealing=True)
    line = net.post("ALPHA").line
    source = source_of(line)
    sealed = [facts for facts in read_line(line, source).logs if facts.sealed]
    assert len(sealed) == 4
    bare = Source(
        charters=source.charters, record=source.record, ladder=source.ladder, notes=source.notes
    )
    report = read_line(line, bare)
    assert {gap.code for gap in report.gaps} == {"gap.signer"}
    assert not any(facts.sealed for facts in report.logs)


def test_a_checkpoint_with_extension_lines_is_left_out() -> None:
    net = noted(7)
    post = net.post("ALPHA")
    line = post.line
    log = line.record.logs[line.own_log]
    source = source_of(line)
    text = SignedNote.parse(source.notes[log.id][0]).body + b"an extension\n"
    name = origin(line.id, log.station, log.incarnation)
    key = post.who.sign_key
    made = log_signature(name, key.public, key.sign(text))
    more = SignedNote(body=text, signatures=(made,)).format()
    notes = {**source.notes, log.id: [*source.notes[log.id], more]}
    wide = Source(
        charters=source.charters,
        record=source.record,
        ladder=source.ladder,
        notes=notes,
        keys=source.keys,
    )
    assert read_line(line, wide).counts.notes == read_line(line, source).counts.notes


def test_evidence_whose_name_may_not_last_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = play(7, acts=5).post("ALPHA").line
    synced: list[list[str]] = []

    def refuse(folder: Path) -> None:
        synced.append([each.name for each in folder.iterdir()])
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("tieline.node.evidencefile.disk.sync_folder", refuse)
    with pytest.raises(ShellError, match="nothing was kept"):
        asyncio.run(make(line, tmp_path / "evidence.html", Scope(), MADE_MS))
    assert synced == [["evidence.html"]]
    assert not list(tmp_path.iterdir())
