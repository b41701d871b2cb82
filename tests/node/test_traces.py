"""A trace says what failed and where, and none of the words that it was about."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
import uvloop
from tests.faults import canaries
from tests.faults.canaries import House, leaks

from tieline.core.errors import LocalError
from tieline.desk import cli
from tieline.node import host, traces
from tieline.node.client import ApiRefused, Client

WORD = "canary-words"


def failing(error: BaseException) -> BaseException:
    """The error, with a way to where it was raised, caused by another one that has the words."""
    try:
        try:
            int(WORD)
        except ValueError as cause:
            raise error from cause
    except BaseException as raised:  # noqa: BLE001 - it is what is looked at
        return raised
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError(WORD), "Traceback of ValueError, without"),
        (
            LocalError("act.argument", WORD),
            "tieline.core.errors.LocalError [act.argument], without",
        ),
        (FileNotFoundError(2, WORD, f"/{WORD}"), "FileNotFoundError [ENOENT], without"),
        (ExceptionGroup(WORD, [KeyError(WORD)]), "  one of 1:\nTraceback of KeyError, without"),
        (KeyboardInterrupt(WORD), "KeyboardInterrupt, without"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_told_by_its_kind_and_its_places(error: BaseException, said: str) -> None:
    told = traces.told(failing(error))
    assert WORD not in told
    assert said in told
    assert "which came of:\nTraceback of ValueError" in told
    assert 'test_traces.py", line' in told
    assert "int(WORD)" in told  # the source stands there, and no value


def test_a_chain_without_end_is_told_once() -> None:
    one, two = ValueError(WORD), KeyError(WORD)
    one.__context__, two.__context__ = two, one
    assert traces.told(one).count("without its words") == 2
    one.__suppress_context__ = True
    assert traces.told(one).count("without its words") == 1


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_loop_tells_what_failed_and_not_what_it_was_given(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    def callback(words: str) -> None:
        raise LookupError(words)

    async def task(words: str) -> None:
        raise ValueError(words)

    async def play() -> None:
        asyncio.get_running_loop().call_soon(callback, WORD)
        lost = asyncio.create_task(task(WORD), name=WORD)
        await asyncio.wait([lost])
        del lost
        gc.collect()

    heard, root = io.StringIO(), logging.getLogger()
    with (
        mock.patch.object(root, "handlers", []),
        mock.patch.object(sys, "stderr", heard),
        mock.patch.object(logging, "lastResort", type(logging.lastResort)(logging.WARNING)),  # type: ignore[misc]  # it is never None here
    ):
        traces.install()
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(play())
        logging.getLogger("tieline.x").warning("ours are whole: %s", "(a 'b')")
    said = heard.getvalue()
    assert WORD not in said
    assert "LookupError, without its words" in said
    assert "ValueError, without its words" in said
    assert "ours are whole: (a 'b')" in said


def test_what_ends_a_thread_is_told_without_its_words() -> None:
    heard = io.StringIO()
    with (
        mock.patch.object(threading, "excepthook", threading.__excepthook__),
        mock.patch.object(sys, "unraisablehook", sys.__unraisablehook__),
        mock.patch.object(sys, "stderr", heard),
    ):
        traces.install()
        one = threading.Thread(target=int, args=(WORD,))
        one.start()
        one.join()
        sys.unraisablehook(mock.Mock(exc_value=failing(ValueError(WORD))))
    assert heard.getvalue().count("ValueError, without its words") == 3
    assert WORD not in heard.getvalue()


def test_who_listens_already_is_left_alone() -> None:
    mine = mock.Mock()
    with (
        mock.patch.object(threading, "excepthook", mine),
        mock.patch.object(sys, "unraisablehook", mine),
    ):
        traces.install()
        assert threading.excepthook is mine
        assert sys.unraisablehook is mine


def test_a_command_and_a_station_that_end_by_a_defect_say_no_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = failing(ValueError(WORD))
    with mock.patch.object(sys, "excepthook", sys.__excepthook__):
        assert cli.main(["--version"]) == 0
        sys.excepthook(type(error), error, None)
    said = capsys.readouterr().err
    assert "ended by a defect of its own" in said
    assert "ValueError, without its words" in said
    assert WORD not in said
    for each in (error, LocalError("act.argument", WORD)):
        assert isinstance(each, Exception)
        assert WORD not in host._defect(each).message
    assert "(ValueError)" in host._defect(ValueError(WORD)).message


def test_a_command_that_is_stopped_before_it_begins_has_no_defect(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with mock.patch.object(sys, "excepthook", sys.__excepthook__):
        assert cli.main(["--version"]) == 0
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert capsys.readouterr().err == "tieline: stopped; nothing was done\n"


def test_a_real_station_whose_acts_fail_writes_none_of_their_words(tmp_path: Path) -> None:
    words = canaries.canaries(1)[:8]
    house = House(tmp_path)
    with mock.patch.object(canaries, "BROKEN", "acts-fail"), house.station() as process:
        client = Client(house.alpha.home.path / "run" / "station.sock", 60)
        try:
            for word in words:
                with pytest.raises(ApiRefused) as refused:
                    client.call("send", text=word, officer=word)
                assert refused.value.code == "api.defect"
                assert word not in refused.value.message
        finally:
            client.close()
        process.terminate()  # the last trace is written after its answer
        assert process.wait(60) == 0
    log = (tmp_path / "logs" / "station.log").read_text("utf-8")
    assert log.count("ValueError, without its words") == len(words)
    assert leaks(tmp_path, words) == []
