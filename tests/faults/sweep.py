"""P1 and P7: a call to the file system fails, in each command that changes files.

A command runs as a process of its own under strace, which lets the n-th call of one name fail with
EIO or ENOSPC, that and all later ones with ENOSPC, or kills the process there. What was there
before is whole afterwards; what the command said is done is done; and the same command once more,
without a fault, ends well.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Final

from tests.faults import canaries
from tests.faults.canaries import ROOT, WAIT_S
from tests.faults.rows import need, scratch
from tests.node import pair

from tieline.core.charter import SignedCharter, armor_charter, dearmor_charter
from tieline.core.identity import dearmor, fingerprint, parse_card
from tieline.node import offline, secrets
from tieline.node.config import Home
from tieline.node.restore import restore
from tieline.node.secrets import KeyFile

KILL: Final = "signal=KILL:when={}"
ERRORS: Final = ("error=EIO:when={}", "error=ENOSPC:when={}", KILL, "error=ENOSPC:when={}+")
CALLS: Final = (
    "fsync", "rename", "write", "pwrite64", "fdatasync", "link", "unlink", "ftruncate", "mkdir",
    "fallocate",
)  # fmt: skip
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
    done = _run(folder, ("backup", "--out", "old.bak", "--home", "ALPHA"))
    assert done.returncode == 0, done
    return folder


def scratch_for_good() -> str:
    """A folder for as long as this process lives."""
    keeper = scratch()
    _kept.append(keeper)
    # A worker of a pool ends without what other processes do at their end.
    Finalize(None, keeper.cleanup, exitpriority=1)
    return keeper.name


_kept: list[object] = []


def _run(
    folder: Path, words: tuple[str, ...], strace: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.faults.stationproc", canaries.BROKEN, *words]
    environment = {
        **os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(folder),
    }  # fmt: skip
    return subprocess.run(
        [*strace, *command], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=WAIT_S, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _copied(folder: Path) -> None:
    shutil.copytree(_template(), folder, dirs_exist_ok=True)


# The note of when a backup was made, and room that is kept back: a command is done without them.
_EXCUSED: Final = re.compile(r"backup\.json|\.reserve")
# With --seccomp-bpf strace 6.1 lets injected errors happen, and no injected signals.
_STRACE: Final = ("strace", "-f", "-qq", "-o")


@cache
def calls(at: int) -> tuple[tuple[str, int], ...]:
    """The calls that a command makes: each name and number."""
    with scratch() as where:
        folder = Path(where)
        _copied(folder)
        traced = (*_STRACE, str(folder / "trace"), "-e", f"trace={','.join(CALLS)}")
        done = _run(folder, VERBS[at].words, traced)
        need(done.returncode == 0, f"{VERBS[at].name}: {done.stderr}")
        VERBS[at].done(folder)
        names = _CALL.findall((folder / "trace").read_text("utf-8", "replace"))
    return tuple((name, n + 1) for name in CALLS for n in range(names.count(name)))


def failed_call(seed: int) -> None:
    """One command with one failed call."""
    at = seed % len(VERBS)
    verb = VERBS[at]
    places = [(call, n, error) for call, n in calls(at) for error in ERRORS]
    name, number, error = places[(seed // len(VERBS) * 7919 + at) % len(places)]
    fault = error.format(number)
    what = f"{verb.name} with {name} {fault}"
    with scratch() as where:
        folder = Path(where)
        _copied(folder)
        inject = ("-e", f"trace={name}", "-e", f"inject={name}:{fault}")
        done = _run(folder, verb.words, (*_STRACE, str(folder / "trace"), "-y", *inject))
        trace = (folder / "trace").read_text("utf-8", "replace").splitlines()
        struck = [line for line in trace if "INJECTED" in line]
        need("Traceback" not in done.stderr, f"{what}: {done.stderr[-600:]}")
        verb.before(folder)
        need(error != KILL or done.returncode in (-9, 137), f"{what}: it was not killed")
        if done.returncode == 0:
            lost = name == "fsync" and any(not _EXCUSED.search(line) for line in struck)
            need(not lost, f"{what}: said to be done though its sync failed")
            verb.done(folder)
            return
        second = _run(folder, verb.words)
        if second.returncode:
            fit = any(words in second.stderr for words in verb.again)
            need(fit or _left(folder, verb), f"{what}, and again: {second.stderr[-400:]}")
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
    need(again.returncode == 0, f"init in a free place: {again.stderr}")
    verb.done(folder)
    return True
