"""`python bench/audit.py`: how fast a whole journal is audited, against the signatures alone.

The floor is ``crypto.verify`` over statements of the same journal in a tight loop, one process on
every core, in the same run: nothing that checks the same signatures by the same rule is faster. The
audit reads the encrypted store, checks its chain, parses every statement, rebuilds every log and
tree, and verifies every signature and receipt. Floor and audit take turns; figures are medians.
``signatures`` counts what was verified: statements and receipts. ``share`` is the audit's rate over
the floor's; ``cpu_share`` the same by processor time, which a busy machine changes less. The time
to start the processes is not in the rate, and is given beside it.

The peak of resident memory is that of all processes of ``tieline verify`` together, sampled;
``cpu_s`` what the processor did for them, one by one, the parent first. ``verify`` also reads every
page of the file.

With ``--second-story`` each journal ends with a second story that one party has told.
``--cache FOLDER`` keeps the journals for the next run: one of 1,000,000 statements takes minutes to
make, so its figures are taken with a cache, by hand.

The JSON (schema ``tieline-bench-audit/1``) only grows. Statuses: 0 measured, 1 the reach was missed
(only with ``--strict``), 2 usage.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import start
from figures import Json, environment, median, number, record
from tieline.core import crypto, statement
from tieline.core.journal import FactKind
from tieline.core.terms import Kind
from tieline.node import auditrun
from tieline.node.audit import store_ranges
from tieline.node.auditwork import calm
from tieline.node.config import Home
from tieline.node.secrets import KeyFile, StationKeys, unlock
from tieline.store import schema
from tieline.store.sqlite import SqliteStore

SCHEMA = "tieline-bench-audit/1"
SHARE_MIN = 0.8
SAMPLE = 1_000
FLOOR_S = 2.0
POLL_S = 0.02


def tree(pid: int) -> list[int]:
    """A process and its children, theirs too."""
    out = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text("ascii").split():
            out += tree(int(child))
    return out


def cpu_s(pids: Sequence[int]) -> float:
    """Processor time that these processes have used, in seconds."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


# ------------------------------------------------------------------------------------- the floor


def tight_loop(sample: Sequence[tuple[bytes, bytes, bytes]], until_s: float) -> int:
    """Verify over and over for so long; how many."""
    begun = time.perf_counter()
    count = 0
    verify = crypto.verify
    while time.perf_counter() - begun < until_s:
        for key, message, signature in sample:
            verify(key, message, signature)
        count += len(sample)
    return count


def floor(
    pool: ProcessPoolExecutor, sample: Sequence[tuple[bytes, bytes, bytes]], cores: int
) -> Json:
    """The rate of all cores together."""
    pids = tree(os.getpid())
    begun, used = time.perf_counter(), cpu_s(pids)
    done = [pool.submit(tight_loop, sample, FLOOR_S) for _ in range(cores)]
    total = sum(future.result() for future in done)
    took = time.perf_counter() - begun
    return {
        "per_s": round(total / took),
        "cpu_us": round((cpu_s(pids) - used) / total * 1e6, 2),
    }


def sample_of(path: Path, keys: StationKeys) -> list[tuple[bytes, bytes, bytes]]:
    """Statements from the middle of a journal that verify, as the floor takes them."""
    own, out = keys.certificate, []
    store = SqliteStore.open(path, keys.db_key, read_only=True)
    for _, fact in store.facts(store.last() // 2):
        if fact.kind == FactKind.STATEMENT:
            parsed = statement.parse(own.realm, fact.body)
            if parsed.place.station == own.station:
                out.append((own.sign_key, parsed.signed, parsed.signature))
        if len(out) == SAMPLE:
            break
    store.close()
    if not all(crypto.verify(*each) for each in out):
        raise RuntimeError("the floor's statements do not verify; mend the benchmark")
    return out


# ------------------------------------------------------------------------------------- the audit


def warm(_: int) -> int:
    """Have a process import what an audit needs."""
    return os.getpid()


def audit(pool: ProcessPoolExecutor, path: Path, keys: StationKeys, cores: int) -> Json:
    """One audit by processes that run already."""
    own = keys.certificate
    store = SqliteStore.open(path, keys.db_key, read_only=True)
    last = store.last()
    pids = tree(os.getpid())
    begun, used = time.perf_counter(), cpu_s(pids)
    ranges = store_ranges(path, keys.db_key, last)
    clean = auditrun.join(ranges, own.station, own.realm, pool, cores)
    took = time.perf_counter() - begun
    store.close()
    if not clean.ok:
        raise RuntimeError("the journal of the benchmark did not verify; mend the benchmark")
    signatures = clean.statements + clean.receipts
    return {
        "per_s": round(signatures / took),
        "cpu_us": round((cpu_s(pids) - used) / signatures * 1e6, 2),
        "seconds": round(took, 3),
        "statements": clean.statements,
        "receipts": clean.receipts,
        "journal": last,
    }


def whole(home: Home) -> Json:
    """``tieline verify`` as an operator runs it: its time, and the memory of all its processes."""
    command = [sys.executable, "-m", "tieline", "verify", "--json", "--home", str(home.path)]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    peak, used = 0, {}
    while process.poll() is None:
        peak = max(peak, resident(process.pid))
        used.update(cpu_each(process.pid))
        time.sleep(POLL_S)
    took = time.perf_counter() - begun
    said = json.loads(process.communicate()[0])
    if process.returncode or not said["ok"]:
        raise RuntimeError("'tieline verify' refused the journal of the benchmark; mend it")
    return {
        "seconds": round(took, 2),
        "peak_rss_mb": round(peak / 1_000_000, 1),
        "cpu_s": [round(used[pid], 1) for pid in sorted(used) if used[pid] >= 1],
    }


def cpu_each(pid: int) -> dict[int, float]:
    """Processor time of a process and its children, in seconds, as far as they are still there."""
    out: dict[int, float] = {}
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for each in tree(pid):
            out[each] = cpu_s([each])
    return out


def resident(pid: int) -> int:
    """The resident bytes of a process and its children; what they share counts for each."""
    total = 0
    try:
        for each in tree(pid):
            total += int(Path(f"/proc/{each}/statm").read_text("ascii").split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass  # one of them has just ended
    return total * os.sysconf("SC_PAGE_SIZE")


# -------------------------------------------------------------------------------------- the runs


def forked_home(folder: Path, count: int) -> Home:
    """As ``start.home_of``, with a second story at its end."""
    made = folder / f"forked-{count}-store-{schema.MIGRATIONS[-1].version}"
    if not (made / "done").exists():
        shutil.rmtree(made, ignore_errors=True)
        shutil.copytree(start.home_of(folder, count).path.parent, made)
        tell_second_story(made)
        (made / "done").touch()
    return Home.open(made / start.CODES[0])


def tell_second_story(folder: Path) -> None:
    """Let the second party say something else under a number in the middle of its log."""
    home = Home.open(folder / start.CODES[0])
    keys = unlock(home.keys_file, KeyFile(home.path / "key"))
    liar = unlock(folder / start.CODES[1] / "keys.tlk", KeyFile(folder / start.CODES[1] / "key"))
    store = SqliteStore.open(home.store_file, keys.db_key)
    realm = liar.certificate.realm
    for _, fact in store.facts(store.last() // 2):
        if fact.kind != FactKind.STATEMENT:
            continue
        first = statement.parse(realm, fact.body)
        if first.place.station == liar.certificate.station:
            break
    else:
        raise RuntimeError("the second party has said nothing; mend the benchmark")
    content = statement.Content(kind=Kind.SUSPEND, body=statement.Body(cause="another story"))
    payload = statement.compose(first.place, content)
    raw = crypto.pack_sign1(payload, liar.sign(statement.to_sign(realm, payload)))
    store.commit([replace(fact, kind=FactKind.SECOND_STORY, body=raw, log=None, position=None)])
    store.close()


def measure(folder: Path, count: int, rounds: int, *, forked: bool = False) -> Json:
    """Floor and audit by turns on one journal."""
    home = forked_home(folder, count) if forked else start.home_of(folder, count)
    keys = unlock(home.keys_file, KeyFile(home.path / "key"))
    sample = sample_of(home.store_file, keys)
    cores = auditrun.cores()
    floors: list[Json] = []
    audits: list[Json] = []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, mp_context=spawn, initializer=calm) as pool:
        begun = time.perf_counter()
        list(pool.map(warm, range(4 * cores)))
        started = time.perf_counter() - begun
        for _ in range(rounds):
            floors.append(floor(pool, sample, cores))
            audits.append(audit(pool, home.store_file, keys, cores))
    return {
        "floor": median(floors),
        "audit": median(audits),
        "start_seconds": round(started, 2),
        "verify": whole(home),
        **shares(floors, audits),
    }


def shares(floors: Sequence[Json], audits: Sequence[Json]) -> Json:
    """The audit's rate over the floor's, the median over the rounds."""
    pairs = list(zip(floors, audits, strict=True))
    share = statistics.median(number(a["per_s"]) / number(f["per_s"]) for f, a in pairs)
    cpu = statistics.median(number(f["cpu_us"]) / number(a["cpu_us"]) for f, a in pairs)
    return {"share": round(share, 3), "cpu_share": round(cpu, 3)}


def table(result: Json) -> str:
    """The result as a person reads it."""
    head = ("statements", "receipts", "floor 1/s", "audit 1/s", "share", "by cpu", "verify s", "MB")
    rows = ["".join(f"{cell:>12}" for cell in head)]
    for size in result["sizes"] if isinstance(result["sizes"], list) else []:
        one = record(size)
        base, done, verify = record(one["floor"]), record(one["audit"]), record(one["verify"])
        cells = (done["statements"], done["receipts"], base["per_s"], done["per_s"], one["share"],
                 one["cpu_share"], verify["seconds"], verify["peak_rss_mb"])  # fmt: skip
        rows.append("".join(f"{cell!s:>12}" for cell in cells))
    rows.append("")
    rows.append(
        f"the reach is a share of {SHARE_MIN}: {'met' if result['reach_met'] else 'missed'}"
    )
    where = record(result["environment"])
    rows.append("taken on: " + ", ".join(f"{key} {value}" for key, value in where.items()))
    return "\n".join(rows)


def main(argv: Sequence[str]) -> int:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        prog="bench audit", description="measure the audit of a journal against its signatures"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--rounds", type=int, default=3, help="rounds to take the median of")
    parser.add_argument(
        "--statements", type=int, action="append", metavar="N",
        help="statements in the journal; may be repeated (default: 5000 and 20000)",
    )  # fmt: skip
    parser.add_argument("--cache", type=Path, help="keep the journals here for the next run")
    parser.add_argument(
        "--second-story", action="store_true", help="have a second story at the end of each journal"
    )
    parser.add_argument("--strict", action="store_true", help="end 1 when the reach is missed")
    args = parser.parse_args(argv)
    sizes = args.statements or [5_000, 20_000]
    if args.rounds < 1 or min(sizes) < 3 * SAMPLE:
        parser.error(f"rounds are at least 1, statements at least {3 * SAMPLE}")
    folder = args.cache or Path(tempfile.mkdtemp(prefix="tieline-bench-"))
    try:
        found = [measure(folder, count, args.rounds, forked=args.second_story) for count in sizes]
        met = all(number(one["share"]) >= SHARE_MIN for one in found)
        result: Json = {
            "schema": SCHEMA,
            "environment": environment(folder),
            "cores": auditrun.cores(),
            "sizes": list(found),
            "reach": SHARE_MIN,
            "reach_met": met,
        }
    finally:
        if args.cache is None:
            shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result, indent=2) if args.json else table(result))
    return 1 if args.strict and not met else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
