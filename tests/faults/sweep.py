"""P1 and P7: a call to the file system fails, in each command that changes files.

A command runs as a process of its own under strace, which lets the n-th call of one name fail with
EIO or ENOSPC, that and all later ones with ENOSPC, or kills the process there. What was there
before is whole afterwards; what the command said is done is done; and the same command once more,
without a fault, ends well.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Final

from tests.faults import canaries, nursery, oldstore
from tests.faults.rows import need, scratch
from tests.node import pair

from tieline.core.charter import SignedCharter, armor_charter, dearmor_charter
from tieline.core.identity import dearmor, fingerprint, parse_card
from tieline.node import offline, packs, secrets
from tieline.node.config import Home
from tieline.node.restore import restore
from tieline.node.secrets import KeyFile
from tieline.store.schema import MIGRATIONS

KILL: Final = "signal=KILL:when={}"
ERRORS: Final = ("error=EIO:when={}", "error=ENOSPC:when={}", KILL, "error=ENOSPC:when={}+")
CALLS: Final = (
    "fsync", "rename", "write", "pwrite64", "fdatasync", "link", "unlink", "ftruncate", "mkdir",
    "fallocate",
)  # fmt: skip
PACK: Final = "crisis"
SAID: Final = 65_536  # bytes, at most
_CALL: Final = re.compile(r"^(?:\d+ +)?(\w+)\(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verb:
    """A command: its words, and what must hold when it has said that it is done.

    ``again`` are the words with which it may be refused the second time: it was done already.
    """

    name: str
    words: tuple[str, ...]
    done: Callable[[Path], None]
    before: Callable[[Path], None]
    again: tuple[str, ...] = ()


def _home(folder: Path, name: str = "ALPHA") -> Home:
    return Home.open(folder / name)


def _whole(folder: Path, name: str = "ALPHA", *, lines: int = 0) -> None:
    """The home opens, and its store is in order."""
    home = _home(folder, name)
    keys = secrets.unlock(home.keys_file, KeyFile(home.path / "key"))
    report = offline.audit_home(home, keys)
    need(report["ok"], f"the store is not in order: {report['problems']}")
    found = offline.heads(home, keys)["lines"]
    assert isinstance(found, list)
    need(len(found) >= lines, f"{len(found)} lines are in force")


def _signers(folder: Path) -> set[str]:
    signed = dearmor_charter((folder / "pair.charter").read_text("ascii"))
    return {code for code, _ in signed.signatures}


def _unsigned(folder: Path) -> None:
    need("BRAVO" in _signers(folder), "the signature of BRAVO is gone")
    _whole(folder)


def _signed(folder: Path) -> None:
    need(_signers(folder) == {"ALPHA", "BRAVO"}, "it is not signed")


def _configured(folder: Path) -> None:
    config = _home(folder).config
    need((config.officer, config.key_file) == ("A. Okafor", "key"), "the configuration is gone")
    _whole(folder)


def _url_set(folder: Path) -> None:
    need(dict(_home(folder).config.witnesses) == {"w.example": "http://127.0.0.1:7499"}, "no URL")


def _backed_up(folder: Path) -> None:
    key = folder / "ALPHA" / "key"
    restore(folder / "a.bak", folder / "checked", canaries.nobody, key, keep=False)


def _nothing(_folder: Path) -> None:
    """It may be half there, as long as nothing starts on it."""


def _pack_written(folder: Path) -> None:
    written = packs.read_file(folder / "given.pack")
    need(written.hash == packs.find(PACK).hash, "it is another pack")


def _no_half_pack(folder: Path) -> None:
    if (folder / "given.pack").exists():
        _pack_written(folder)


def _pack_kept(folder: Path) -> None:
    kept = packs.load_kept(folder / "ALPHA", packs.find(PACK).hash)  # under its hash, and whole
    need(kept, "it is not kept")
    _whole(folder)


def _no_half_kept(folder: Path) -> None:
    packs.load_kept(folder / "ALPHA", packs.find(PACK).hash)  # raises when it is not whole
    _whole(folder)


def _charter_made(folder: Path) -> None:
    signed = dearmor_charter((folder / "new.charter").read_text("ascii"))
    need([code for code, _ in signed.signatures] == ["ALPHA"], "it is not signed")


def _no_half_charter(folder: Path) -> None:
    if (folder / "new.charter").exists():
        dearmor_charter((folder / "new.charter").read_text("ascii"))
    _whole(folder)


def _with_card(folder: Path, sets: int) -> None:
    """The home is whole, and so is its card."""
    home = _home(folder)
    (station,) = parse_card(dearmor(home.card_file.read_text("ascii"))).stations
    found = secrets.unlock(home.keys_file, KeyFile(home.path / "key")).sets
    need(station.certificate in [each.certificate for each in found], "the card is of other keys")
    need(sets == 1 or station.certificate == found[0].certificate, "the card is of former keys")
    need(sets <= len(found) <= sets + 2, f"{len(found)} sets of keys")
    _whole(folder)


def _same_entries(folder: Path, least: int = 1) -> None:
    """The store is of a format from the first to the newest, and its entries are the same."""
    home = folder / "OLD"
    keys = secrets.unlock(home / "keys.tlk", KeyFile(home / "key"))
    *rows, (version,) = oldstore.entries(home / "store.db", keys.db_key)
    need(rows[: len(_old)] == _old, "entries are other ones")
    formats = [step.version for step in MIGRATIONS if step.version >= least]
    need(version in formats, f"the format is {version}")


def _migrated(folder: Path) -> None:
    _same_entries(folder, least=MIGRATIONS[-1].version)
    _whole(folder, "OLD", lines=1)


VERBS: Final = (
    Verb("witness url", ("witness", "url", "w.example", "http://127.0.0.1:7499", "--home",
                         "ALPHA"), _url_set, _configured),
    Verb("charter sign", ("charter", "sign", "pair.charter", "--yes", "--home", "ALPHA"),
         _signed, _unsigned),
    Verb("charter install", ("charter", "install", "whole.charter", "--home", "ALPHA"),
         lambda folder: _whole(folder, lines=1), _whole),
    Verb("init", ("init", "--party", "CHARLIE", "--name", "Charlie", "--address",
                  "127.0.0.1:7413", "--officer", "Ada", "--key-file", "--home", "CHARLIE"),
         lambda folder: _whole(folder, "CHARLIE"), _nothing),
    Verb("backup", ("backup", "--out", "a.bak", "--home", "ALPHA"), _backed_up, _whole,
         ("exists and is never written over",)),
    Verb("restore", ("restore", "old.bak", "--key-file", "ALPHA/key", "--home", "NEW"),
         lambda folder: _whole(folder, "NEW"), _whole, ("never unpacked over anything",)),
    Verb("pack write", ("pack", "write", PACK, "--out", "given.pack"), _pack_written,
         _no_half_pack),
    Verb("pack keep", ("pack", "keep", "kept.pack", "--home", "ALPHA"), _pack_kept,
         _no_half_kept),
    Verb("charter new", ("charter", "new", "new", "--sign", "--yes", "--home", "ALPHA"),
         _charter_made, _no_half_charter, ("exists; name another file",)),
    Verb("new format", ("charter", "install", "whole.charter", "--home", "OLD"),
         _migrated, _same_entries),
    Verb("keys rotate", ("keys", "rotate", "--home", "ALPHA"),
         lambda folder: _with_card(folder, 2), lambda folder: _with_card(folder, 1)),
)  # fmt: skip


@cache
def no_strace() -> str:
    """What is missing for this row, or nothing."""
    if shutil.which("strace") is None:
        return "strace is missing, so no call can be let fail; install the package strace"
    tried = subprocess.run(
        ["strace", "-qq", "-o", os.devnull, "true"], capture_output=True, text=True, check=False
    )
    return f"strace may not look into processes here: {tried.stderr}" if tried.returncode else ""


@cache
def _template() -> Path:
    """Two homes, a charter that BRAVO has signed, one that both have, and a backup."""
    folder = Path(scratch_for_good())
    seats, text = pair.make_homes(folder)
    theirs = parse_card(dearmor(seats[1].home.card_file.read_text("ascii")))
    kept = f"{theirs.party}-{fingerprint(theirs).hex()[:8]}.tlcard"
    shutil.copy(seats[1].home.card_file, seats[0].home.cards / kept)  # as if it were verified
    (folder / "whole.charter").write_text(text, "ascii")
    signed = dearmor_charter(text)
    half = SignedCharter(charter=signed.charter).add_signature(
        "BRAVO", dict(signed.signatures)["BRAVO"]
    )
    (folder / "pair.charter").write_text(armor_charter(half), "ascii")
    for words in (("backup", "--out", "old.bak"), ("pack", "write", PACK, "--out", "kept.pack")):
        done = _run(folder, (*words, "--home", "ALPHA"))
        assert done.code == 0, done
    _add_old(folder, seats[0].keys.db_key)
    return folder


def _add_old(folder: Path, key: bytes) -> None:
    """A home whose store is of the first format, and has something in it."""
    shutil.copytree(folder / "ALPHA", folder / "OLD")
    done = _run(folder, ("charter", "install", "whole.charter", "--home", "OLD"))
    assert done.code == 0, done
    *rows, _ = oldstore.older(folder / "OLD" / "store.db", key)
    _old.extend(rows)


def scratch_for_good() -> str:
    """A folder for as long as this process lives."""
    keeper = scratch()
    _kept.append(keeper)
    # A worker of a pool ends without what other processes do at their end.
    Finalize(None, keeper.cleanup, exitpriority=1)
    return keeper.name


_kept: list[object] = []
_old: list[tuple[object, ...]] = []  # the entries of that store


@dataclass(frozen=True, slots=True)
class Done:
    """What has become of a command."""

    code: int
    err: str
    trace: str


def _run(folder: Path, words: tuple[str, ...], strace: tuple[str, ...] = ()) -> Done:
    """Run a command; with words for strace under it, from its first step on."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = nursery.of(canaries.BROKEN).begin(
            words, folder=folder, out=out.fileno(), err=err.fileno(),
            environment={"TMPDIR": str(folder)}, held=bool(strace),
        )  # fmt: skip
        trace = ""
        if strace:
            with nursery.traced(child, folder / "trace", ("-f", *strace)):
                code = child.ended()
            trace = (folder / "trace").read_text("utf-8", "replace")
        else:
            code = child.ended()
        return Done(code, os.pread(err.fileno(), SAID, 0).decode(), trace)


def _copied(folder: Path) -> None:
    shutil.copytree(_template(), folder, dirs_exist_ok=True)


# A command is done without room that is kept back, without the note of when a backup was made, and
# without the last mark of a machine: a station whose mark is older asks its peers first.
_EXCUSED: Final = re.compile(r"backup\.json|\.reserve|machine\.mark")


def _unbacked(trace: str) -> list[str]:
    """The syncs that failed and may not; that of a folder is of what was synced before it."""
    lines = [line for line in trace.splitlines() if "fsync(" in line]
    return [
        line
        for line, before in zip(lines, ["", *lines], strict=False)
        if "INJECTED" in line and not _EXCUSED.search(line) and not _EXCUSED.search(before)
    ]


@cache
def calls(at: int) -> tuple[tuple[str, int], ...]:
    """The calls that a command makes: each name and number."""
    with scratch() as where:
        folder = Path(where)
        _copied(folder)
        done = _run(folder, VERBS[at].words, ("-e", f"trace={','.join(CALLS)}"))
        need(done.code == 0, f"{VERBS[at].name}: {done.err}")
        VERBS[at].done(folder)
        names = _CALL.findall(done.trace)
    return tuple((name, n + 1) for name in CALLS for n in range(names.count(name)))


@cache
def places() -> tuple[tuple[int, str, int, str], ...]:
    """All there is to play: a command, the call that fails, which one of its name, and how.

    The commands take turns, and of one its calls come in any order, so that a few cases are some of
    all. Which calls there are may differ from machine to machine.
    """
    queues = []
    for at, verb in enumerate(VERBS):
        queue = [(at, name, n, error) for name, n in calls(at) for error in ERRORS]
        random.Random(f"calls {verb.name}").shuffle(queue)
        queues.append(queue)
    turns = zip_longest(*queues)
    return tuple(place for turn in turns for place in turn if place is not None)


def failed_call(seed: int) -> None:
    """One command with one failed call."""
    at, name, number, error = places()[seed % len(places())]
    verb = VERBS[at]
    fault = error.format(number)
    what = f"{verb.name} with {name} {fault}"
    with scratch() as where:
        folder = Path(where)
        _copied(folder)
        done = _run(
            folder, verb.words, ("-y", "-e", f"trace={name}", "-e", f"inject={name}:{fault}")
        )
        struck = "INJECTED" in done.trace
        need("Traceback" not in done.err, f"{what}: {done.err[-600:]}")
        need(struck or done.code == -signal.SIGKILL, f"{what}: no call has failed")
        verb.before(folder)
        need(error != KILL or done.code == -signal.SIGKILL, f"{what}: it was not killed")
        if done.code == 0:
            lost = _unbacked(done.trace)
            need(not lost, f"{what}: it said that it is done, and this failed: {lost}")
            verb.done(folder)
            return
        second = _run(folder, verb.words)
        if second.code:
            fit = any(words in second.err for words in verb.again)
            need(fit or _left(folder, verb), f"{what}, and again: {second.err[-400:]}")
            if not fit:
                return
        verb.done(folder)


def _left(folder: Path, verb: Verb) -> bool:
    """An ``init`` that was killed leaves a folder, which is to be taken away by hand."""
    if verb.name != "init":
        return False
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder / "CHARLIE")
    again = _run(folder, verb.words)
    need(again.code == 0, f"init in a free place: {again.err}")
    verb.done(folder)
    return True
