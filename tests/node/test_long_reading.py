"""A record that takes long to read: answers say how far it is read, and it is read once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.node.test_agreements import Desk
from tests.node.test_incidents import FIRST, OFFICER, alike, carry, rows, say, two

from tieline.core import log
from tieline.core.log import Item
from tieline.core.record import Record
from tieline.node import agreements, incidents, passage, slices
from tieline.node.incidents import Incidents
from tieline.node.passage import Brief, Passage, made, news
from tieline.node.view import Json

OPENED = 12


def test_lists_come_at_once_with_how_far_the_record_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (agreements, incidents):
        monkeypatch.setattr(module, "NEAR", 3)
        monkeypatch.setattr(module, "PIECE", 2)
    monkeypatch.setattr(passage, "PIECE", 2)
    monkeypatch.setattr(slices, "SLICE_S", 0.0)
    fetched: list[int] = []
    run = Record.run

    def counted(record: Record, refs: Sequence[int]) -> list[Item]:
        fetched.extend(refs)
        return run(record, refs)

    monkeypatch.setattr(Record, "run", counted)
    asyncio.run(_read(tmp_path, fetched))


async def _read(folder: Path, fetched: list[int]) -> None:
    alpha, _ = await two(folder)
    opened = [await say(alpha, "open", means=FIRST) for _ in range(OPENED)]
    await say(alpha, "word", opened[0], means={**FIRST, "next": "now+2h"})
    whole = [await alpha.call("incidents", clocks=True), await alpha.call("obligations", open=True)]
    assert [one["reading"] for one in whole] == [None, None]
    host = alpha.running.host
    line = next(iter(host.station.lines.values()))
    host.agreements._readers.clear()
    host.incidents = Incidents(host.agreements)
    alpha.acts.__dict__.pop("_incidents")
    fetched.clear()
    counts: list[int] = []
    steps: list[Json] = []
    none = {"read": 0, "of": len(line.record.refs)}
    assert rows(await alpha.call("status"), "lines")[0]["reading"] == none
    assert (await alpha.call("pulse"))["reading"] == none
    while True:
        await asyncio.sleep(0)
        found = await alpha.call("incidents")
        counts.append(len(rows(found, "incidents")))
        steps.append(found["reading"])
        if found["reading"] is None:
            break
        owed = await alpha.call("obligations", open=True)
        assert owed["reading"] is None or len(rows(owed, "obligations")) <= OPENED + 1
    assert steps[0] == none
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] == OPENED
    assert any(0 < count < OPENED for count in counts)
    here = [await alpha.call("incidents", clocks=True), await alpha.call("obligations", open=True)]
    assert [alike(one) for one in here] == [alike(one) for one in whole]
    assert sorted(fetched) == sorted(line.record.refs)  # each statement was made anew once
    # What speaks or shows one incident waits for the whole record.
    host.agreements._readers.clear()
    host.incidents = Incidents(host.agreements)
    alpha.acts.__dict__.pop("_incidents")
    assert (await alpha.call("incident", incident=opened[-1]))["incident"] == opened[-1]


def test_a_settled_record_is_read_without_making_texts_anew_and_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "KEPT", 2)
    for module in (agreements, incidents, passage):
        monkeypatch.setattr(module, "PIECE", 7)
    asyncio.run(_settled(tmp_path))


async def _settled(folder: Path) -> None:
    alpha, bravo = await two(folder)
    old = str((await alpha.call("send", text="seen at noon", officer=OFFICER))["item"])
    opened = await say(alpha, "open", means={**FIRST, "name": "North"})
    await carry(alpha, bravo)
    for item in (old, opened):
        await bravo.call("ack", item=item, officer=OFFICER)
    await bravo.call("send", text="heard", officer=OFFICER, incident=[opened])
    await carry(alpha, bravo)
    for number in range(9):
        for desk in (alpha, bravo):
            await desk.call("send", text=f"beside it {number}", officer=OFFICER)
    await alpha.call("send", text="no", officer=OFFICER, refs=[{"item": old, "role": "cancels"}])
    await carry(alpha, bravo)
    before = await _all(alpha, opened, old)
    host = alpha.running.host
    host.runtime.snapshot(host.clock.now())
    line = next(iter(host.station.lines.values()))
    passed = Passage(line)
    found = [one for start in range(0, len(passed), 7) for one in passed.piece(start)]
    briefs = [one for one in found if isinstance(one, Brief)]
    assert len(found) == len(line.record.refs)
    assert len(briefs) > len(found) // 2
    for brief in briefs:
        it = made(line.record, brief)
        assert it is not None
        place, content = it.statement.place, it.statement.content
        assert brief == (
            content.kind, it.statement.digest, it.statement.log, place.position,
            place.station, place.charter, place.time_ms,
            tuple((ref.role, ref.target) for ref in content.refs),
        )  # fmt: skip
    _news_are_in_order(line.record)
    host.agreements._readers.clear()
    host.incidents = Incidents(host.agreements)
    alpha.acts.__dict__.pop("_incidents")
    assert await _all(alpha, opened, old) == before


def _news_are_in_order(record: Record) -> None:
    """What is new is the same as a sort of all of it, from wherever in each log it begins."""
    logs = [*record.logs.values()]
    for starts in ((0, 0), (3, 1), (5, 99), (99, 2)):
        spans = {log.id: (min(start, log.size), log.size)
                 for log, start in zip(logs, starts, strict=True)}  # fmt: skip
        wanted = sorted(item for log in logs for item in log.items[slice(*spans[log.id])])
        for ranges in (spans, {name: span for name, span in spans.items() if span[0] < span[1]}):
            found = [*news(record, ranges)]
            assert any(isinstance(one, Brief) for one in found)
            items = [made(record, one) if isinstance(one, Brief) else one for one in found]
            assert items == wanted
    story = logs[0].items[2]  # as a second story comes
    span = {logs[1].id: (0, logs[1].size)}
    both = [
        made(record, one) if isinstance(one, Brief) else one for one in news(record, span, [story])
    ]
    assert both == sorted([*logs[1].items[:], story])


async def _all(desk: Desk, opened: str, old: str) -> Json:
    return [
        alike(await desk.call("incidents", clocks=True)),
        alike(await desk.call("incident", incident=opened)),
        alike(await desk.call("incident_timeline", incident=opened)),
        alike(await desk.call("known", item=old)),
        alike(await desk.call("obligations")),
    ]
