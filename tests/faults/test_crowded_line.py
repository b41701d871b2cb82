"""Strangers at a station's own port, few of them: `./dev faults` has the thousand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.faults import linecrowd
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
    linecrowd.strangers(line, "everybody", 100, 1)


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
