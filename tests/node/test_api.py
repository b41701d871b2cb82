"""The local API of a real station: who may call, what it refuses, and watchers that come back."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.desk import desks
from tests.desk.desks import Desk
from tests.examples import tries

from tieline.core.errors import LocalError
from tieline.node.api import BATCH_BYTES, MAX_RUNNING, _batches, parse_request
from tieline.node.client import ApiDown, ApiRefused, Client, short_name
from tieline.node.view import Json

Pair = tuple[Desk, Desk]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    yield from desks.pair(tmp_path_factory.mktemp("api"), real=False)


def answers(path: Path, data: bytes, count: int = 1) -> list[dict[str, Json]]:
    """Write raw bytes and read so many answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as raw:
        raw.settimeout(100)
        with short_name(path) as name:
            raw.connect(name)
        raw.sendall(data)
        with raw.makefile("rb") as lines:
            return [json.loads(lines.readline()) for _ in range(count)]


def test_the_socket_is_its_owners_alone(line: Pair) -> None:
    alpha, _ = line
    status = alpha.socket.stat()
    assert stat.S_ISSOCK(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert stat.S_IMODE(alpha.socket.parent.stat().st_mode) == 0o700
    assert status.st_uid == os.getuid()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"\n", "is one line of JSON"),
        (b"not json\n", "is one line of JSON"),
        (b"[" * 100_000 + b"\n", "is one line of JSON"),
        (b"\xff\xfe\n", "is one line of JSON"),
        (b"[1]\n", "is a JSON object"),
        (b'"status"\n', "is a JSON object"),
        (b"{}\n", "the id of a request"),
        (b'{"id":"\\ud800","act":"status"}\n', "the id of a request"),
        (b'{"id":1.5,"act":"status"}\n', "the id of a request"),
        (b'{"id":true,"act":"status"}\n', "the id of a request"),
        (b'{"id":-1,"act":"status"}\n', "the id of a request"),
        (b'{"id":1}\n', "the act of a request"),
        (b'{"id":1,"act":["status"]}\n', "the act of a request"),
        (b'{"id":1,"act":"status","args":[]}\n', "the args of a request"),
        (b'{"id":1,"act":"status","args":{},"x":1}\n', "has no 'x'"),
        (b'{"id":1,"act":"\\ud800\\u202e"}\n', "there is no act '\\ud800\\u202e'"),
        (b'{"id":1,"act":"status","args":{"x":1}}\n', "'x' is not one that this act takes"),
        (b'{"id":1,"act":"watch","args":{"since":"0"}}\n', "is a journal number"),
        (b'{"id":1,"act":"watch","args":{"since":-1}}\n', "is a journal number"),
        (b'{"id":1,"act":"watch","args":{"batch":1}}\n', "'batch' is true or false"),
        (b'{"id":1,"act":"send","args":{"officer":"A","text":"\\udcff"}}\n', "half a character"),
        (b'{"id":1,"act":"send","args":{"officer":"\\ud800","text":"x"}}\n', "half a character"),
        (b'{"id":1,"act":"send","args":{"officer":"","text":"x"}}\n', "the name of the officer"),
        (b'{"id":1,"act":"send","args":{"text":"x"}}\n', "'officer' must be a text"),
        (b'{"id":1,"act":"send","args":{"officer":"A","fields":{"x":1}}}\n', "field numbers"),
        (b'{"id":1,"act":"send","args":{"officer":"A","fields":{"1":{"y":1}}}}\n', "field numbers"),
        (b'{"id":1,"act":"send","args":{"officer":"A","fields":{"1":1.5}}}\n', "a fraction"),
        (b'{"id":1,"act":"send","args":{"officer":"A","fields":{"1":%d}}}\n' % 2**70, "64 bits"),
        (b'{"id":1,"act":"send","args":{"officer":"A","fields":{"1":%s}}}\n'
         % (b"[" * 30 + b"]" * 30), "is nested deeper"),
        (b'{"id":1,"act":"item","args":{"item":"#999999999999999999999"}}\n', "must be the number"),
        (b'{"id":1,"act":"item","args":{"item":"99"}}\n', "no statement here is named #99"),
        (b'{"id":1,"act":"import","args":{"bundle":"%%%"}}\n', "not base64"),
        (b'{"id":1,"act":"log","args":{"limit":99999999999999999999}}\n', "a whole number"),
    ],
)  # fmt: skip
def test_a_malformed_request_is_refused_with_a_sentence(line: Pair, sent: bytes, said: str) -> None:
    alpha, _ = line
    before = alpha.call("log", limit=500)["items"]
    answer = answers(alpha.socket, sent)[0]
    error = answer["error"]
    assert answer["ok"] is False
    assert isinstance(error, dict)
    assert said in str(error["message"])
    assert error["code"] != "api.defect"
    after = alpha.call("log", limit=500)["items"]
    assert isinstance(before, list)
    assert isinstance(after, list)
    assert len(after) == len(before)  # of a statement the ladder may have grown meanwhile


ARGS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ACTS = ("send", "ack", "release", "log", "item", "joint", "staff", "test", "charter_install")
NAMES = st.sampled_from(
    ["officer", "role", "key", "line", "text", "lang", "item", "fields", "refs", "to", "wants",
     "form", "precedence", "draft", "limit", "since", "parties", "charter", "history", "staffed"]
)  # fmt: skip


@settings(max_examples=tries(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(act=st.sampled_from(ACTS), args=st.dictionaries(NAMES, ARGS, max_size=6))
def test_no_arguments_break_the_station(line: Pair, act: str, args: dict[str, Json]) -> None:
    alpha, _ = line
    request = json.dumps({"id": 7, "act": act, "args": args}).encode() + b"\n"
    answer = answers(alpha.socket, request)[0]
    assert answer["id"] == 7
    error = answer.get("error")
    assert not isinstance(error, dict) or error["code"] != "api.defect"


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_a_request_is_read_whole_or_refused(data: bytes) -> None:
    try:
        number, act, args = parse_request(data)
    except LocalError:
        return
    assert json.loads(data)["id"] == number
    assert isinstance(act, str)
    assert isinstance(args, dict)


def test_one_client_may_have_many_acts_under_way(line: Pair) -> None:
    alpha, _ = line
    count = MAX_RUNNING * 3
    data = b"".join(b'{"id":%d,"act":"status"}\n' % number for number in range(count))
    got = answers(alpha.socket, data, count)
    assert sorted(int(str(each["id"])) for each in got) == list(range(count))
    assert all(each["ok"] for each in got)


def test_the_acts_are_those_of_the_command_line(line: Pair) -> None:
    alpha, bravo = line
    result = alpha.call("send", officer="Watch A", text="by the API", key="once")
    assert alpha.call("send", officer="Watch A", text="by the API", key="once") == result
    bravo.said("by the API")
    assert "by the API" in bravo.ok("log")
    with pytest.raises(ApiRefused) as refused:
        alpha.call("ack", officer="Watch A", item="0000ffff")
    assert refused.value.code == "item.ambiguous"
    assert alpha.run("ack", "0000ffff").err == f"tieline: {refused.value.message}\n"


def watched(path: Path, args: str, until: int) -> list[dict[str, Json]]:
    """The lines of a watch, up to one that has a journal number."""
    lines: list[dict[str, Json]] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as raw:
        raw.settimeout(100)
        with short_name(path) as name:
            raw.connect(name)
        raw.sendall(b'{"id":5,"act":"watch","args":%s}\n' % args.encode())
        with raw.makefile("rb") as stream:
            for line in stream:
                lines.append(json.loads(line))
                if f'"seq":{until}'.encode() in line:
                    return lines
    raise AssertionError("the watch ended")


def test_who_asks_for_batches_gets_the_same_events_in_fewer_lines(line: Pair) -> None:
    alpha, _ = line
    for number in range(12):
        alpha.call("send", officer="Watch A", text=f"half \u00e9 {number}")
    last = alpha.call("status")["journal"]
    assert isinstance(last, int)
    each = watched(alpha.socket, '{"since":0}', last)
    many = watched(alpha.socket, '{"since":0,"batch":true}', last)
    assert all(one.keys() == {"id", "event"} and one["id"] == 5 for one in each)
    assert all(one.keys() == {"id", "events"} and one["id"] == 5 for one in many)
    assert len(many) < len(each) / 4
    told = [told_of(one["event"]) for one in each]
    together = [told_of(event) for one in many for event in listed(one["events"])]
    assert together[: len(told)] == told


def listed(value: Json) -> list[Json]:
    assert isinstance(value, list)
    return value


def told_of(event: Json) -> dict[str, Json]:
    """An event without the ladder of its statement, which grows while it is looked at."""
    assert isinstance(event, dict)
    return {name: value for name, value in event.items() if name != "ladder"}


def test_a_line_of_many_events_is_cut_before_it_is_a_long_one() -> None:
    piece = [(seq, b'"%d%s"' % (seq, b"x" * 100_000)) for seq in range(1, 9)]
    lines = b"".join(_batches(7, piece)).splitlines()
    assert len(lines) == 3
    assert all(len(line) < BATCH_BYTES + 100_100 for line in lines)
    found = [json.loads(line) for line in lines]
    assert all(one["id"] == 7 for one in found)
    assert [int(str(event)[0]) for one in found for event in listed(one["events"])] == [
        *range(1, 9)
    ]


def follow(desk: Desk, since: int, seen: Callable[[int, Json], bool]) -> None:
    """Hand on every event, until one is the last or the station is gone."""
    with contextlib.closing(Client(desk.socket)) as client, contextlib.suppress(ApiDown):
        for event in client.watch(since):
            if event.get("type") != "live" and seen(int(str(event["seq"])), event.get("text")):
                return


def test_a_watcher_that_comes_back_misses_nothing_and_sees_nothing_twice(line: Pair) -> None:
    alpha, bravo = line
    texts = [f"watched {number}" for number in range(8)]
    first = bravo.call("status")["journal"]
    assert isinstance(first, int)
    seen: list[tuple[int, Json]] = []

    def kill_in_the_middle(seq: int, text: Json) -> bool:
        seen.append((seq, text))
        if text == texts[1]:
            bravo.kill(signal.SIGKILL)
        return False

    def until_the_last(seq: int, text: Json) -> bool:
        seen.append((seq, text))
        return text == texts[-1]

    for text in texts[:4]:
        alpha.ok("send", text)
    follow(bravo, first, kill_in_the_middle)
    for text in texts[4:]:
        alpha.ok("send", text)
    bravo.serve()
    follow(bravo, seen[-1][0], until_the_last)
    numbers = [number for number, _ in seen]
    assert numbers == list(range(first + 1, first + 1 + len(numbers)))
    assert [text for _, text in seen if text in texts] == texts
