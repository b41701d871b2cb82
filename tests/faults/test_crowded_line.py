"""Strangers at a station's own port, few of them: `./dev faults` has the thousand."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.faults import linecrowd, webcrowd
from tests.faults.linecrowd import Watched
from tests.faults.rows import Missed

QUIET = Watched(slowest_s=0.1, memory=50 << 20, files=20, share=0.01)


@pytest.fixture(scope="module")
def line() -> Iterator[linecrowd.Line]:
    with linecrowd.stage():
        yield linecrowd._here[0]


def test_a_hundred_strangers_of_every_manner_hold_up_no_urgent_word(
    line: linecrowd.Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linecrowd, "LASTS_S", 3)
    monkeypatch.setattr(linecrowd, "HARD_S", 2)
    linecrowd.strangers(line, "everybody", 100, 1)


def test_one_who_is_let_stay_is_seen_as_long_as_he_stays() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        with webcrowd.crowd(door.getsockname()[1], 2, "lurking", 1) as there:
            threading.Event().wait(0.1)
        assert there.lasted_s >= 0.1


def test_a_crowd_that_goes_too_early_is_no_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            began.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        with webcrowd.crowd(port, 4, "silent", 1) as there:
            pass
        assert there.lasted_s == 0
        with pytest.raises(Missed, match="went before"), webcrowd.crowd(port, 4, "silent", 1):
            began[-1].kill()


@pytest.mark.parametrize(
    "busy",
    [
        Watched(slowest_s=2.1, memory=50 << 20, files=20),
        Watched(memory=83 << 20, files=20),
        Watched(memory=50 << 20, files=181),
    ],
    ids=["late", "large", "open"],
)
def test_what_is_too_much_is_said(busy: Watched) -> None:
    linecrowd.judge("nobody", QUIET, QUIET, 2.0)
    with pytest.raises(Missed):
        linecrowd.judge("somebody", QUIET, busy, 2.0)
