"""Rows of disks that are lost, slow, small or full, of acts at once, and of packs; their builds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import apsw
from markupsafe import Markup
from tests.faults import atonce, disks, fullacts, packattack, packrow, readonly
from tests.faults.rows import Row

from tieline.core import lack, speech
from tieline.core.agreement import vetrules
from tieline.core.agreement.model import Pack
from tieline.core.errors import StoreFull
from tieline.core.record import Item, Record
from tieline.core.sync import Peer
from tieline.desk.cli import files
from tieline.desk.web import shapes
from tieline.node import packs
from tieline.node.host import Host
from tieline.node.roomwatch import RoomWatch
from tieline.node.runtime import Plan, Runtime
from tieline.node.view import Json
from tieline.sim.mutants import Mutant
from tieline.store import disk, opening, reader, schema, sqlite

_behind = lack._behind


def _own_words_only(
    record: Record, peer: Peer, own: bytes, _: dict[bytes, int]
) -> list[Iterable[Item]]:
    """Nobody gives a station what another has written, itself included."""
    whole = _behind(record, peer, own, {})
    return [log for log in whole if all(item.statement.place.station == own for item in log)]


def _commit_anyway(_self: Runtime, plan: Plan, commit: Callable[[], int]) -> bool:
    """A commit that finds no room passes for one that has, in the loop and beside it."""
    try:
        if plan.facts:
            commit()
    except StoreFull:
        return True
    return True


def _load_any(home: Path, digest: bytes) -> Pack | None:
    """Whatever lies under the name of a pack is that pack."""
    path = packs.kept(home, digest)
    return packs.read_file(path) if path.exists() else None


def _write_half(path: Path, data: bytes) -> None:
    """A file is written under its name, and what there is of it stays."""
    with path.open("wb") as out:
        out.write(data)


def _migrate_in_pieces(connection: apsw.Connection, path: str) -> tuple[int, ...]:
    """The new version is noted first, then the tables are changed, one by one."""
    found = schema.version(connection)
    steps = [step for step in schema.MIGRATIONS if step.version > found]
    connection.pragma("user_version", schema.MIGRATIONS[-1].version)
    for step in steps:
        for statement in step.statements:
            connection.execute(statement)
        if step.fill is not None:
            step.fill(connection)
        connection.execute("INSERT INTO migration VALUES (?, ?)", (step.version, step.name))
    return ()


def _without_log(path: Path, key: bytes, _patience_ms: int = 0) -> apsw.Connection:
    """A store that cannot be written is its file, and its log is nobody's business."""
    if opening.can_write(path.parent):
        return _for_reading(path, key)
    return opening._opened(path, f"file:{path}?immutable=1", key)


_for_reading = opening.for_reading


def _nothing(*_: object) -> None:
    """What should be done is not done."""


async def _import_at_once(self: Host, data: bytes) -> dict[str, Json]:
    """Nobody waits for another one's import."""
    self._importing = asyncio.Lock()
    return await _import(self, data)


_import = Host.import_bundle


def _build(name: str, what: str, *patches: tuple[object, str, object]) -> Mutant:
    return Mutant(name=name, invariants=frozenset(), what=what, patches=patches)


BUILDS: Final = {
    build.name: build
    for build in (
        _build("nobody-relays", "a station gives its own words only",
               (lack, "_behind", _own_words_only)),
        _build("full-swallowed", "a commit without room passes for one with it",
               (Runtime, "_kept", _commit_anyway)),
        _build("no-reserve", "no room is kept back", (disk.Reserve, "restore", _nothing)),
        _build("room-unsaid", "nobody is told that the disk gets full",
               (RoomWatch, "look", lambda *_: [])),
        _build("acknowledged-twice", "what is acknowledged may be acknowledged again",
               (speech, "_check_rung", _nothing)),
        _build("pack-hash-unchecked", "a kept pack is whatever lies under its name",
               (packs, "load_kept", _load_any)),
        _build("imports-at-once", "of two imports at once each counts what the other brings",
               (Host, "import_bundle", _import_at_once)),
        _build("pack-unbounded", "a pack may have as many values as its file has room for",
               (packs, "MAX_VALUES", 1 << 30), (packs, "MAX_BYTES", 4 << 20),
               (packs, "MAX_FILE_BYTES", 4 << 20)),
        _build("pack-endless", "forms of a pack may call for each other without end",
               (vetrules, "_endless", _nothing)),
        _build("label-raw", "a label of a pack is put into a page as it is",
               (shapes, "safe", lambda text, _=None: Markup(str(text)))),  # noqa: S704
        _build("import-unsaid", "what a full disk did not keep of a bundle is not said",
               (Host, "_check_kept", _nothing)),
        _build("half-file", "a file without room is left half under its name",
               (files, "write", _write_half)),
        _build("format-in-pieces", "a new format is noted before it is there",
               (schema, "migrate", _migrate_in_pieces)),
        _build("log-ignored", "a store that can only be read is read without its log",
               (sqlite, "for_reading", _without_log), (reader, "for_reading", _without_log)),
        _build("log-cut-unsaid", "what is left of a log is read as if it were all of it",
               (sqlite, "refuse_unsettled", _nothing)),
    )
}  # fmt: skip

P1: Final = (
    Row(
        promise="P1",
        name="lost-disk",
        fault="a station's data is deleted, its keys are put back; once, or twice",
        demand="all that its peers had acknowledged comes back, and no number is signed twice",
        counts=(12, 200, 1_000),
        play=disks.lost_disk,
        sabotage=("nobody-relays",),
    ),
    Row(
        promise="P1",
        name="slow-disk",
        fault="a sync takes 0.3 to 5 s, at one station or at both",
        demand="answers, receipts and what is shown come late, never before they are stored",
        counts=(20, 400, 2_000),
        play=disks.slow_disk,
        sabotage=("receipt-before-commit",),
    ),
)
P2: Final = (
    Row(
        promise="P2",
        name="at-once",
        fault="two or three officers acknowledge one message at once, each with a double click",
        demand="one acknowledgement, by one of them, and all are told the same",
        counts=(20, 200, 1_000),
        play=atonce.at_once,
        alike=True,
        sabotage=("acknowledged-twice",),
    ),
)
P7: Final = (
    Row(
        promise="P7",
        name="small-volume",
        fault="an ext4 of 8 MiB: full in commits, at the start, without inodes, read-only",
        demand="nothing unbacked, what is there is read, it resumes in 10 s, e2fsck finds nothing",
        counts=(40, 200, 1_000),
        play=disks.small_volume,
        sabotage=("full-swallowed",),
        lacks=disks.no_volume,
    ),
    Row(
        promise="P7",
        name="full-volume-acts",
        fault="import, export, backup, restore and a new format of the store on a full volume",
        demand="all of it or a clear refusal, nothing that looks whole is left, then it ends well",
        counts=(10, fullacts.CASES, fullacts.CASES),
        play=fullacts.full_act,
        sabotage=("import-unsaid", "half-file", "format-in-pieces"),
        few=5,
        lacks=disks.no_volume,
    ),
    Row(
        promise="P7",
        name="read-only-home",
        fault="a home on a read-only mount, or closed to its user; its log left, cut or gone",
        demand="verify, log and evidence read all of it, or refuse and say what to do",
        counts=(12, readonly.CASES, readonly.CASES),
        play=readonly.read_only_home,
        sabotage=("log-ignored", "log-cut-unsaid"),
        few=3,
        lacks=disks.no_volume,
    ),
    Row(
        promise="P7",
        name="reserve",
        fault="a volume fills slowly, to the last byte",
        demand="alarms at 10 % and 5 %, and room for a hundred FLASH with receipts after that",
        counts=(5, 20, 50),
        play=disks.reserve,
        sabotage=("no-reserve", "room-unsaid"),
        few=2,
        lacks=disks.no_volume,
    ),
)
P11: Final = (
    Row(
        promise="P11",
        name="pack-variants",
        fault="another pack under a hash: older, of one version with other bytes, cut, longer",
        demand="refused with its code when read, signed, and by a station; never used",
        counts=(packrow.CELLS, packrow.CELLS, packrow.CELLS),
        play=packrow.pack_variant,
        sabotage=("pack-hash-unchecked",),
        few=packrow.CELLS,
    ),
    Row(
        promise="P11",
        name="pack-attack",
        fault="a pack of endless or recursive forms, of patterns, of years beyond all, of markup",
        demand="read in 1 s and 64 MiB; refused with what is wrong, and a label stays a text",
        counts=(packattack.CELLS, packattack.CELLS, packattack.CELLS),
        play=packattack.attacked,
        tests=("tests/node/test_packs.py", "tests/core/agreement/test_vet.py"),
        sabotage=("pack-unbounded", "pack-endless", "label-raw"),
        few=16,
    ),
)
