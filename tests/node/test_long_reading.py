"""A record that takes long to read: answers say how far it is read, and it is read once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.node.test_incidents import FIRST, alike, rows, say, two

from tieline.core.log import Item
from tieline.core.record import Record
from tieline.node import agreements, incidents, passage, slices
from tieline.node.incidents import Incidents
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
