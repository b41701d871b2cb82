"""`python bench/held.py`: what two stations hold in memory beside a long record, with agreements.

Two stations of a line of three have the same record, made as ``start.py`` makes it: of the
statements ``--forms`` are forms of two packs, which open incidents and oblige. Taken of each
station: its memory and processor time at its first answer; both again when the record is read for
what is owed and for incidents; and its memory after ``--texts`` texts more, 64 under way, each
acknowledged, with the processor time of both for each of these. ``--forms 0`` is a line without
agreements.

The JSON (schema ``tieline-bench-held/1``) only grows. Statuses: 0 measured, 2 usage.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import floor
import start
import stations
import wire
from figures import Json, environment
from sides import stop_all
from tieline.core.errors import TielineError
from tieline.node.client import AsyncClient
from tieline.node.config import Home

SCHEMA = "tieline-bench-held/1"
LIMIT_S = 1_800.0
LOOKS_S = 0.5


def homes_of(cache: Path, count: int, forms: int) -> list[Home]:
    """Two homes with so many statements, copied from those of an earlier run."""
    made = cache / f"held-{count}-{forms}"
    if not (made / "done").exists():
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        for home in start.make_homes(made, count, forms, 2):
            _live(home)  # so that both have a snapshot and, with agreements, a bookmark
        (made / "done").touch()
    return [Home.open(made / code) for code in start.CODES[:2]]


def _live(home: Home) -> None:
    """Start a station, let it read its record, and stop it."""
    stations.START_S = LIMIT_S
    process = stations.start(home)
    try:
        asyncio.run(_see(home))
    finally:
        stop_all([process])


async def _see(home: Home) -> None:
    client = await stations.connect(home)
    await _read(client)
    await client.close()


async def _read(client: AsyncClient) -> None:
    """Wait until a record is read for what is owed and for incidents."""
    for act in ("obligations", "incidents"):
        while True:
            found = await client.call(act)
            if not found.get("reading"):
                break
            await asyncio.sleep(LOOKS_S)


class _Taken:
    """Memory and processor time of each station, at one moment after another."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self.figures: Json = {}

    def note(self, name: str) -> list[float]:
        """Take both now; the processor seconds of each."""
        memory = [round(wire.resident_bytes(pid) / 1e6, 1) for pid in self._pids]
        used = [round(wire.cpu_seconds(pid), 2) for pid in self._pids]
        self.figures[f"{name}_mb"] = [*memory]
        self.figures[f"{name}_cpu_s"] = [*used]
        return used


async def _drive(homes: Sequence[Home], pids: Sequence[int], texts: int, *, coded: bool) -> Json:
    taken = _Taken(pids)
    a, b, a_watch, b_watch = [await stations.connect(homes[n]) for n in (0, 1, 0, 1)]
    for client in (a, b):
        await client.call("status")
    taken.note("started")
    if coded:
        await asyncio.gather(*(_read(client) for client in (a, b)))
    before = taken.note("read")
    at_a, at_b = stations.Watch(), stations.Watch()
    tasks = [
        asyncio.create_task(_follow(seen, client))
        for seen, client in ((at_a, a_watch), (at_b, b_watch))
    ]
    left = iter(range(texts))
    await asyncio.gather(*(_lane(left, a, b, at_a, at_b) for _ in range(floor.OUTSTANDING)))
    after = taken.note("texts")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for client in (a, b, a_watch, b_watch):
        await client.close()
    each = [round((last - first) / texts * 1e6) for first, last in zip(before, after, strict=True)]
    return {**taken.figures, "text_us": [*each]}


async def _follow(seen: stations.Watch, client: AsyncClient) -> None:
    """Note what is new from now on."""
    since = int(str((await client.call("status"))["journal"]))
    async for event in client.watch(since):
        if event.get("type") == "statement":
            seen.statements[str(event["item"])] = 0.0
        elif event.get("type") == "receipt":
            items = event["items"]
            for item in items if isinstance(items, list) else []:
                seen.receipts[str(item)] = 0.0
        seen.news.set()


async def _lane(
    left: Iterator[int], a: AsyncClient, b: AsyncClient, at_a: stations.Watch, at_b: stations.Watch
) -> None:
    """Text after text, each until it is acknowledged and that is here."""
    text = "x" * floor.TEXT_BYTES
    for _ in left:
        item = str((await a.call("send", text=text, officer="bench"))["item"])
        await at_b.until(at_b.statements, item)
        answer = str((await b.call("ack", item=item, officer="bench"))["item"])
        await at_a.until(at_a.statements, answer)


def measure(folder: Path, cache: Path, *, count: int, forms: int, texts: int) -> Json:
    """Copy two homes, start both, let them read, and have them talk."""
    load = os.getloadavg()[0]
    homes: list[Home] = []
    for home in homes_of(cache, count, forms):
        shutil.copytree(home.path, folder / home.path.name)
        homes.append(Home.open(folder / home.path.name))
    stations.START_S = LIMIT_S
    processes = [stations.start(home) for home in homes]
    try:
        pids = [one.pid for one in processes]
        figures = asyncio.run(_drive(homes, pids, texts, coded=bool(forms)))
    finally:
        stop_all(processes)
    return {
        "schema": SCHEMA,
        "environment": {**environment(folder), "load_before": round(load, 2)},
        "settings": {"statements": count, "forms": forms, "texts": texts},
        **figures,
    }


def main(argv: Sequence[str]) -> int:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        prog="bench held", description="measure what stations hold in memory with agreements"
    )
    parser.add_argument("--json", action="store_true", help="print the result on one line")
    parser.add_argument("--statements", type=int, default=100_000, help="how long the record is")
    parser.add_argument("--forms", type=int, default=1_000, help="how many of them are forms")
    parser.add_argument("--texts", type=int, default=6_000, help="how many texts come after it")
    parser.add_argument("--dir", type=Path, help="measure on the disk that holds this folder")
    parser.add_argument("--cache", type=Path, help="keep the homes here for the next run")
    args = parser.parse_args(argv)
    if min(args.statements, args.texts) < 1:
        parser.error("there is at least 1 statement, and 1 text")
    if not 0 <= args.forms * len(start.CODES) <= args.statements:
        parser.error(f"at most one statement in {len(start.CODES)} is a form")
    folder = Path(tempfile.mkdtemp(prefix="tieline-bench-", dir=args.dir))
    try:
        result = measure(
            folder, args.cache or folder / "cache",
            count=args.statements, forms=args.forms, texts=args.texts,
        )  # fmt: skip
    except TielineError as error:
        parser.exit(1, f"bench held: {error.message}\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result, indent=None if args.json else 2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
