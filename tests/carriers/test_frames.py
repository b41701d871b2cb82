"""The frame reader yields the same, and refuses at the same place, however the stream is cut."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tieline.carriers import frames
from tieline.carriers.frames import MAX_CAUSE, MAX_ENVELOPE, MAX_FRAME, FrameReader, FrameType
from tieline.core.errors import LocalError, RemoteError

Outcome = tuple[list[tuple[FrameType, bytes]], str | None]


def read(pieces: list[bytes]) -> Outcome:
    reader = FrameReader()
    got: list[tuple[FrameType, bytes]] = []
    try:
        for piece in pieces:
            got.extend(reader.feed(piece))
    except RemoteError as error:
        return [*got], error.code
    return got, None


def collect(pieces: list[bytes]) -> Outcome:
    """Like ``read``, but keeps the frames of the piece in which the refusal came."""
    reader = FrameReader()
    got: list[tuple[FrameType, bytes]] = []
    try:
        for piece in pieces:
            for frame in reader.feed(piece):
                got.append(frame)  # noqa: PERF402  # extend would lose those before the refusal
    except RemoteError as error:
        return got, error.code
    return got, None


sound = st.one_of(
    st.integers(0, 2**64 - 1).map(frames.ping),
    st.integers(0, 2**64 - 1).map(frames.pong),
    st.binary(min_size=1, max_size=300).map(frames.envelope),
    st.text(max_size=60).map(frames.close),
)
unsound = st.sampled_from(
    [
        struct.pack(">I", 0),
        struct.pack(">I", MAX_FRAME + 1),
        struct.pack(">I", 2**31 - 1),
        b"\xff" * 9,
        struct.pack(">IB", 5, 4),
        struct.pack(">IB", 9, 255),
        struct.pack(">IB", 8, FrameType.PING),
        struct.pack(">IB", MAX_FRAME, FrameType.PONG),
        struct.pack(">IB", 1, FrameType.ENVELOPE),
        struct.pack(">IB", MAX_CAUSE + 2, FrameType.CLOSE),
    ]
)


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({place % (len(stream) + 1) for place in places})
    edges = [0, *marks, len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(edges)]


@given(st.lists(sound, max_size=8), st.lists(st.integers(0, 10_000), max_size=12), st.data())
def test_any_cut_gives_the_same_frames(
    written: list[bytes], places: list[int], data: st.DataObject
) -> None:
    tail = data.draw(st.one_of(st.just(b""), unsound, st.binary(max_size=40)))
    stream = b"".join(written) + tail
    whole = collect([stream])
    assert collect(cut(stream, places)) == whole
    assert collect([stream[at : at + 1] for at in range(len(stream))]) == whole


@given(st.lists(sound, min_size=1, max_size=8))
@example([frames.envelope(b"x")])
def test_what_is_written_is_read(written: list[bytes]) -> None:
    got, refused = collect([b"".join(written)])
    assert refused is None
    assert [struct.pack(">IB", 1 + len(body), kind) + body for kind, body in got] == written


@given(st.lists(sound, max_size=4), unsound)
def test_sound_frames_before_a_bad_one_count(written: list[bytes], bad: bytes) -> None:
    got, refused = collect([b"".join(written) + bad + b"".join(written)])
    assert len(got) == len(written)
    assert refused is not None


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (struct.pack(">I", MAX_FRAME + 1), "frame.too_large"),
        (b"\x7f\xff\xff\xff", "frame.too_large"),
        (b"\x00\x00\x00\x00", "frame.empty"),
        (b"\x00\x00\x00\x02\x04", "frame.unknown_type"),
        (b"\x00\x00\x00\x08\x00", "frame.length"),
        (b"\x00\x00\x00\x0a\x01", "frame.length"),
        (b"\x00\x00\x00\x01\x02", "frame.length"),
        (struct.pack(">IB", 2 + MAX_CAUSE, 3), "frame.length"),
        (b"GET / HTTP/1.1\r\n", "frame.too_large"),
    ],
)
def test_a_bad_header_is_refused_before_its_body(stream: bytes, code: str) -> None:
    assert read([stream]) == ([], code)


def test_a_refusal_is_final() -> None:
    reader = FrameReader()
    for stream in (b"\x00\x00\x00\x00", frames.ping(1), b""):
        with pytest.raises(RemoteError) as refused:
            list(reader.feed(stream))
        assert refused.value.code == "frame.empty"


def test_an_announced_length_costs_nothing() -> None:
    reader = FrameReader()
    assert list(reader.feed(struct.pack(">IB", MAX_FRAME, FrameType.ENVELOPE))) == []
    assert reader.held == 5


def test_the_largest_envelope_passes() -> None:
    body = bytes(MAX_ENVELOPE)
    stream = frames.envelope(body)
    assert len(stream) == 4 + MAX_FRAME
    pieces = [stream[at : at + 16_384] for at in range(0, len(stream), 16_384)]
    assert collect(pieces) == ([(FrameType.ENVELOPE, body)], None)


@pytest.mark.parametrize("size", [0, MAX_ENVELOPE + 1])
def test_an_unfit_envelope_is_refused_by_the_writer(size: int) -> None:
    with pytest.raises(LocalError) as refused:
        frames.envelope(bytes(size))
    assert refused.value.code == "frame.envelope"


def test_a_long_cause_is_cut_at_a_character() -> None:
    [(kind, body)] = FrameReader().feed(frames.close("é" * MAX_CAUSE))
    assert kind is FrameType.CLOSE
    assert frames.cause(body) == "é" * (MAX_CAUSE // 2)


def test_a_cause_cannot_deceive() -> None:
    [(_, body)] = FrameReader().feed(frames.close("all \u202ewell\n\x1b[2J"))
    assert frames.cause(body) == r"all \u202ewell\n\x1b[2J"


def test_a_cause_that_is_not_text_is_refused() -> None:
    with pytest.raises(RemoteError) as refused:
        frames.cause(b"\xff\xfe")
    assert refused.value.code == "frame.text"


def test_tokens_come_back() -> None:
    for number in (0, 1, 2**64 - 1):
        [(kind, body)] = FrameReader().feed(frames.ping(number))
        assert (kind, frames.token(body)) == (FrameType.PING, number)
