"""Disks without room: an officer reads on, and hears in words what does not work and what to do."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from typing import Final

from tests.faults.floor import Floor, here
from tests.web.plain import Plain

from tieline.core.errors import ShellError, StoreFull
from tieline.core.journal import Fact

RESUMES_S: Final = 20.0  # after there is room again; the station tries each few seconds


@contextlib.contextmanager
def station_full(floor: Floor) -> Iterator[None]:
    """BRAVO's record takes nothing more meanwhile."""

    def commit(_: Sequence[Fact]) -> int:
        raise StoreFull("no room")

    store = floor.bravo.host.runtime.store
    real = store.commit
    store.commit = commit  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        store.commit = real  # type: ignore[method-assign]


@contextlib.contextmanager
def desk_full(floor: Floor) -> Iterator[None]:
    """The desk's own file grows no more meanwhile; SQLite's own bound is the full disk."""
    vault = floor.desk.vault

    async def fill() -> None:
        (pages,) = vault.row("PRAGMA page_count") or (0,)
        vault.rows(f"PRAGMA max_page_count = {int(str(pages))}")
        for size in (2_000, 200, 0):  # to the last line of the log that would fit
            with contextlib.suppress(ShellError):
                while True:
                    vault._chained(0, "", "filler", "done", "x" * size)

    async def clear() -> None:
        vault.rows("PRAGMA max_page_count = 1000000")
        vault.note(0, "", "filler", "there is room")
        assert vault.behind == 0

    floor.within(fill())
    try:
        yield
    finally:
        floor.within(clear())


def plain(text: str) -> str:
    """What a page says, without its marks."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def acknowledge(floor: Floor, who: Plain, digest: str) -> tuple[int, str]:
    answer = who.post(f"/item/{digest}/acknowledge", {"csrf": who.token})
    return answer.status, plain(answer.text)


def acknowledged(floor: Floor, digest: str) -> bool:
    """Whether the station has it that we have acknowledged it."""
    ladder = floor.call("item", item=digest)["ladder"]
    assert isinstance(ladder, dict)
    ours = ladder["BRAVO"]
    assert isinstance(ours, dict)
    return bool(ours["acknowledged"])


def full_disk(seed: int) -> None:
    """The station's disk is full, or the desk's own file."""
    (_station, _desk)[seed % 2](here())


def _station(floor: Floor) -> None:
    digest = floor.hears("Read on a full disk", precedence="PRIORITY")
    bob = floor.fresh("watch-officer")
    with station_full(floor):
        status, said = acknowledge(floor, bob, digest)
        assert status == 409
        assert "DISK IS FULL: reading works" in said
        assert "until there is room" in said
        for path in ("/", f"/item/{digest}", "/record", "/admin"):
            assert bob.get(path).status == 200, path
        assert "Read on a full disk" in bob.get(f"/item/{digest}").text
        assert "full" in plain(bob.get("/").text)
        assert Plain(floor).login(floor.officers["observer"]).status == 303
    until = time.monotonic() + RESUMES_S
    while status != 303 and time.monotonic() < until:
        floor.settle()
        status, said = acknowledge(floor, bob, digest)
    assert status == 303, said
    floor.settle()
    assert acknowledged(floor, digest)


def _desk(floor: Floor) -> None:
    digest = floor.hears("Read with a full file", precedence="PRIORITY")
    bob, eve = floor.fresh("watch-officer"), floor.fresh("observer")
    with desk_full(floor):
        assert "Read with a full file" in bob.get("/").text
        assert bob.get(f"/item/{digest}").status == 200
        floor.shift_ms += 120_000  # its last use is to be written down, and is not
        status, said = acknowledge(floor, bob, digest)
        assert status == 303, said
        floor.settle()
        assert acknowledged(floor, digest)
        assert "full" in plain(bob.get("/admin").text) or floor.desk.vault.behind
        kept = bob.post(
            "/keep", {"csrf": bob.token, "kind": "compose", "body": '{"text":"%s"}' % ("x" * 9_000)}
        )
        assert kept.status in (409, 507)
        assert "free room" in kept.text
        status = Plain(floor).login(floor.officers["releaser"]).status
        assert status in (303, 503)
        assert eve.post("/logout", {"csrf": eve.token}).status in (303, 409)
        old = floor.fresh("releaser") if status == 303 else bob
        floor.shift_ms += 61 * 60_000  # over: its row cannot be taken away
        assert old.get("/").status == 303
        floor.shift_ms = 0
    assert bob.get("/").status in (200, 303)
