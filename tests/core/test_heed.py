"""What officers do with alarms, and how the outputs fare: what the journal keeps of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core import encode
from tieline.core.encode import Value
from tieline.core.errors import RemoteError
from tieline.core.heed import MAX_NAME, Does, Heed
from tieline.core.journal import MAX_TEXT

names = st.text(max_size=20)
HEEDS = st.builds(
    Heed, does=st.sampled_from(Does), about=st.integers(0, 2**40), until_ms=st.integers(0, 2**48),
    officer=names, text=names, output=names, kind=names, well=st.booleans(),
)  # fmt: skip


@given(HEEDS)
def test_an_act_reads_back_as_it_was_written(heed: Heed) -> None:
    assert Heed.decode(heed.encode()) == heed


def test_the_form_in_the_journal_never_changes() -> None:
    """A store of yesterday is read by the program of tomorrow."""
    assert {does.name: does.value for does in Does} == {
        "SILENCED": 1, "SHELVED": 2, "RETURNED": 3, "SEEN": 4, "TESTED": 5, "HEARD": 6, "OUTPUT": 7
    }  # fmt: skip
    full = Heed(
        does=Does.OUTPUT, about=8, until_ms=9, officer="Ada", text="why", output="bell",
        kind="sound", well=True,
    )  # fmt: skip
    assert encode.loads(full.encode()) == {
        1: 7, 2: 8, 3: 9, 4: "Ada", 5: "why", 6: "bell", 7: "sound", 8: True
    }  # fmt: skip
    assert encode.loads(Heed(does=Does.TESTED).encode()) == {1: 5}  # what is empty is left out
    assert Heed.decode(encode.dumps({1: 5})) == Heed(does=Does.TESTED)


def test_whatever_an_officer_or_a_driver_says_is_cut_to_what_the_journal_reads() -> None:
    long = "x" * 5_000
    heed = Heed(does=Does.SEEN, officer=long, text=long, output=long, kind=long)
    back = Heed.decode(heed.encode())
    assert (back.officer, back.output, back.kind) == (long[:MAX_NAME],) * 3
    assert (MAX_NAME, back.text) == (80, long[:MAX_TEXT])


@pytest.mark.parametrize("values", [{}, {1: 0}, {1: 8}, {1: 1, 4: "x" * 81}, {1: 1, 7: "x" * 81}])
def test_what_no_station_wrote_does_not_read(values: dict[int, Value]) -> None:
    with pytest.raises(RemoteError):
        Heed.decode(encode.dumps(values))
