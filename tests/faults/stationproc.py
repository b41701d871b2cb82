"""A station in a process of its own, as ``tieline`` runs it, or with one thing broken on purpose.

``python -m tests.faults.stationproc BROKEN serve ...``: BROKEN is a name of ``BROKEN``, or empty.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from collections.abc import Callable
from typing import Final

from tieline.core.events import Event
from tieline.desk import cli
from tieline.desk.cli import main
from tieline.node import secrets
from tieline.node.chunkbox import Chunks
from tieline.node.host import Host
from tieline.sim.mutants import Mutant, in_force

_submit: Callable[[Host, Event], None] = Host.submit


def _submit_and_log(self: Host, event: Event) -> None:
    """Whatever happens is written to the log."""
    sys.stderr.write(f"{event!r}\n")
    _submit(self, event)


def _seal_nothing(_self: Chunks, plain: bytes, *, last: bool) -> bytes:
    """The chunks of a backup are as they were read."""
    return plain + bytes((last,)) * 16


_fsync = os.fsync


def _fsync_anyway(file: int) -> None:
    """A sync that fails is nobody's business."""
    with contextlib.suppress(OSError):
        _fsync(file)


def may_dump() -> None:
    """The memory of a process may be written, as far as the machine lets it."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def _build(name: str, *patches: tuple[object, str, object]) -> Mutant:
    return Mutant(name=name, invariants=frozenset(), what="", patches=patches)


BROKEN: Final = {
    build.name: build
    for build in (
        _build("logged", (Host, "submit", _submit_and_log)),
        _build("bare-backup", (Chunks, "seal", _seal_nothing)),
        _build("unsynced", (os, "fsync", _fsync_anyway)),
        _build("dumping", (cli, "dump_nothing", may_dump)),
        _build("bare-bundle", (secrets, "seal", lambda plain, _recipients: plain)),
    )
}


if __name__ == "__main__":
    may_dump()
    if sys.argv[1]:
        with in_force(BROKEN[sys.argv[1]]):
            raise SystemExit(main(sys.argv[2:]))
    raise SystemExit(main(sys.argv[2:]))
