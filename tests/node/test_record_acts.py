"""The acts that read the record: a search with an end, and the check of one statement."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.node import pair
from tests.node.pair import Running

from tieline.core.terms import Precedence
from tieline.node import recordacts
from tieline.node.acts import NodeActs

STEPS = ["bytes", "signature", "order", "inclusion", "peers", "witnesses", "consistency"]


async def two(folder: Path, **provisions: Any) -> tuple[Running, Running]:
    alpha, bravo = await pair.two(folder, **provisions)
    pair.join(alpha, bravo)
    return alpha, bravo


async def act(running: Running, name: str, **args: Any) -> dict[str, Any]:
    answer = await NodeActs(running.host).act(name, args)
    assert isinstance(answer, dict)
    return answer


def oks(answer: dict[str, Any]) -> dict[str, bool | None]:
    return {step["step"]: step["ok"] for step in answer["steps"]}


def test_a_search_goes_on_where_it_stopped_and_finds_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordacts, "LOOKED", 7)
    monkeypatch.setattr(recordacts, "WINDOW", 3)
    monkeypatch.setattr(recordacts, "FIRST", 2)

    async def look() -> None:
        alpha, bravo = await two(tmp_path)
        for number in range(12):
            precedence = Precedence.FLASH if number % 3 == 0 else Precedence.ROUTINE
            await alpha.say(f"Wort number {number} ", precedence)
        await bravo.say("from the other side")
        await pair.equal(alpha, bravo)

        async def all_of(**wanted: Any) -> list[str]:
            found: list[str] = []
            before, looks = 0, 0
            while True:
                got = await act(bravo, "search", before=before, **wanted)
                found += [str(one["text"]) for one in got["items"] if one.get("text")]
                seqs = [one["seq"] for one in got["items"]]
                assert seqs == sorted(seqs, reverse=True)
                assert got["looked"] <= 7
                looks += 1
                before = got["next"]
                if not before:
                    assert looks > 3
                    return found

        every = [f"Wort number {number} " for number in range(11, -1, -1)]
        assert await all_of(party="ALPHA") == every
        assert await all_of(words="WORT number", limit=2) == every
        assert await all_of(words="wort 11") == ["Wort number 11 "]
        assert await all_of(words="wort 1", within_ms=1) == [every[0], every[1], every[-2]]
        assert await all_of(precedence="FLASH") == every[2::3]
        assert await all_of(party="BRAVO", kind="message") == ["from the other side"]
        assert await all_of(words="nowhere said") == []
        assert await all_of(form="no.form") == []
        assert await all_of(to_ms=1) == []
        for running in (alpha, bravo):
            running.host.close()
            running.store.close()

    asyncio.run(look())


def test_a_check_passes_what_is_whole_and_says_what_is_not_there_yet(tmp_path: Path) -> None:

    async def look() -> None:
        alpha, bravo = await two(tmp_path)
        await bravo.say("first from us")
        await pair.equal(alpha, bravo)
        done = await alpha.say("under a check")
        await pair.equal(alpha, bravo)
        await pair.settle(alpha, bravo)
        item = done.item.hex()
        before = await act(bravo, "check", item=item)
        assert list(oks(before)) == STEPS
        assert (before["verdict"], oks(before)["inclusion"]) == ("partly", None)
        await act(alpha, "checkpoint")
        await alpha.say("and after it")
        await act(alpha, "checkpoint")
        await pair.equal(alpha, bravo)
        await pair.settle(alpha, bravo)
        answer = await act(bravo, "check", item=item)
        assert oks(answer) == dict.fromkeys(STEPS, True) | {"witnesses": None}
        steps = {step["step"]: step for step in answer["steps"]}
        assert [by["party"] for by in steps["peers"]["by"]] == ["BRAVO"]
        assert steps["consistency"]["from"] < steps["consistency"]["to"]
        entry = await act(bravo, "entry", item=item)
        assert (entry["party"], entry["key"], entry["keys"]) == ("ALPHA", 1, 1)
        assert entry["read_of_ours"]["seq"] > 0
        assert entry["not_before_ms"] <= entry["not_after_ms"]
        assert [receipt["ours"] for receipt in entry["receipts"]] == [True]
        # What the disk gives is what is checked: one letter of it, and it says so.
        store = bravo.host.runtime.store
        (raw,) = store.statements(bravo.line, *_place(bravo, done.item))
        wrong = raw.replace(b"under a check", b"under a cheat")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bravo.host, "statements", lambda *_: [wrong])
            answer = await act(bravo, "check", item=item)
        assert answer["verdict"] == "failed"
        assert [name for name, ok in oks(answer).items() if ok is False] == ["bytes", "inclusion"]
        # And a root that is not the signed one.
        line = bravo.host.station.lines[bravo.line]
        log = line.record.logs[line.record.by_digest[done.item].statement.log]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(log.tree), "root", lambda *_: bytes(32))
            assert oks(await act(bravo, "check", item=item))["peers"] is False
        for running in (alpha, bravo):
            running.host.close()
            running.store.close()

    asyncio.run(look())


def _place(running: Running, digest: bytes) -> tuple[bytes, int, int]:
    item = running.host.station.lines[running.line].item(digest)
    assert item is not None
    position = item.statement.place.position
    return item.statement.log, position, position + 1
