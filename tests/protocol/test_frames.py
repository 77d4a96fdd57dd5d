"""Cutting a stream into frames: however it is split, whatever it says, within the declared memory."""

from __future__ import annotations

import struct
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.errors import RemoteProtocolError
from sig_core.protocol import wire
from sig_core.protocol.frames import HUGE, FrameReader
from sig_core.protocol.runs import split_events
from tests.support.named_frames import Frame, NamedReader

LAW = settings(derandomize=True, deadline=None)
LIMIT = 4096

ROUTES = st.integers(1, 3)  # few, so that runs come about
PAYLOAD = st.binary(max_size=30)
FRAMES = st.one_of(
    st.builds(wire.control_frame, PAYLOAD),
    st.builds(wire.event_frame, ROUTES, PAYLOAD, st.none() | PAYLOAD),
    st.builds(wire.event_frame, ROUTES, PAYLOAD),
    st.builds(lambda route, ident: wire.request_frame(route, ident, wire.request_tail("m", b"1")), ROUTES, ROUTES),
    st.builds(wire.reply_frame, ROUTES, ROUTES, PAYLOAD),
    st.builds(wire.error_frame, ROUTES, ROUTES, st.integers(-9, -1), PAYLOAD),
)
STREAMS = st.lists(FRAMES, min_size=1, max_size=12)


def split(frames: list[Frame]) -> list[Any]:
    """Runs become single events, so that it does not matter how they were joined."""
    found: list[Any] = []
    for frame in frames:
        if frame.type == wire.EVENT:
            events = list(split_events(frame.body))
            assert len(events) == frame.events
            found += [(frame.type, frame.route, *event) for event in events]
        else:
            assert frame.events == 1
            found.append((frame.type, frame.route, frame.body))
    return found


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


def taken_by(reader: NamedReader, data: bytes) -> list[Frame]:
    """Feed; the breach behind the frames is raised as well."""
    frames = reader.feed(data)
    if reader.fault is not None:
        raise reader.fault
    return frames


def fed(pieces: list[bytes], limit: int = LIMIT) -> tuple[list[Frame], NamedReader]:
    """Feed pieces, the empty ones left out as a session does."""
    reader, frames, given_bytes = NamedReader(limit), [], 0
    for piece in filter(None, pieces):
        frames += reader.feed(piece)
        given_bytes += len(piece)
        assert reader.waiting <= min(given_bytes, 4 + limit)
    return frames, reader


@LAW
@given(STREAMS, st.lists(st.integers(0, 10_000), max_size=8))
def test_any_split_gives_the_frames_of_the_whole(frames: list[bytes], cuts: list[int]) -> None:
    data = b"".join(frames)
    whole, _ = fed([data])
    alone = [frame for single in frames for frame in fed([single])[0]]
    pieces, reader = fed(pieces_of(data, cuts))
    assert split(whole) == split(alone) == split(pieces)
    assert reader.waiting == 0


BIG = st.integers(16_000, 17_000) | st.integers(60_000, 70_000)
AMONG_BIG = st.one_of(
    st.builds(lambda size: wire.event_frame(1, bytes(size)), BIG),
    st.builds(lambda size: wire.event_frame(1, bytes(size), b"{}"), BIG),
    st.builds(lambda size: wire.reply_frame(1, 2, bytes(size)), BIG),
    FRAMES,
)
AMONG_HUGE = st.builds(lambda size: wire.event_frame(1, bytes(size)), st.sampled_from([HUGE, 65_536, 65_536, 150_000]))


@LAW
@given(st.lists(AMONG_BIG, min_size=1, max_size=5), st.lists(st.integers(0, 400_000), max_size=8))
def test_big_frames_among_others(frames: list[bytes], cuts: list[int]) -> None:
    data = b"".join(frames)
    alone = [frame for single in frames for frame in fed([single], 100_000)[0]]
    pieces, reader = fed(pieces_of(data, cuts), 100_000)
    assert split(pieces) == split(alone)
    assert reader.waiting == 0


@LAW
@given(st.lists(AMONG_BIG | AMONG_HUGE, min_size=1, max_size=6), st.integers(1, 70_000))
def test_reading_what_is_missing_gives_the_same(frames: list[bytes], room: int) -> None:
    reader, stream, found = NamedReader(1 << 20), b"".join(frames), []
    while stream:
        size = reader.read_hint or room
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert split(found) == split(NamedReader(1 << 20).feed(b"".join(frames)))
    assert not reader.waiting


@pytest.mark.parametrize("size", [HUGE, 65_536, 200_000])
@pytest.mark.parametrize("first", [1, 5000, 65_536])
def test_huge_frames_are_read_alone_and_not_copied_once_their_end_was_seen(size: int, first: int) -> None:
    frame = wire.event_frame(1, bytes(size))
    reader, stream = FrameReader(1 << 20), frame * 10
    reader.feed(stream[:first])
    at, reads = first, 0
    while at < len(stream):
        data = stream[at : at + (reader.read_hint or 65_536)]
        at += len(data)
        reads += 1
        for *_, body in reader.feed(data):
            assert body == frame
            if at > 2 * len(frame):
                assert body is data
    assert reads <= 10 + 2


def test_nothing_is_missing_of_what_is_not_huge() -> None:
    reader = FrameReader(1 << 20)
    small, big, huge = (wire.event_frame(1, bytes(size)) for size in (10, HUGE - 100, HUGE))
    for data, missing in [
        (small, 0),
        (big, 0),
        (huge[:3], 0),
        (huge[3:4], len(huge) - 4),
        (huge[4:-1], 1),
        (huge[-1:], len(huge)),
        (small, 0),
        (huge, len(huge)),
        (huge + small, 0),
        (big[:20_000], 0),
        (big[20_000:] + huge[:20_000], len(huge) - 20_000),
    ]:
        reader.feed(data)
        assert reader.read_hint == missing


@pytest.mark.parametrize("behind", [b"", wire.KEEP_ALIVE], ids=["last", "more"])
def test_a_breach_in_a_big_frame(behind: bytes) -> None:
    frame = struct.pack("<IBIH", 7 + 20_000, 0x11, 1, 20_001) + bytes(20_000)
    reader = NamedReader(LIMIT * 10)
    assert reader.feed(frame[:19_000]) == []
    with pytest.raises(RemoteProtocolError, match="additions of 20001 bytes"):
        reader.feed(frame[19_000:] + behind)
    assert reader.waiting == 0


@LAW
@given(STREAMS)
def test_a_stream_in_single_bytes(frames: list[bytes]) -> None:
    data = b"".join(frames)
    single, reader = fed([data[at : at + 1] for at in range(len(data))])
    assert split(single) == split(fed([data])[0])
    assert reader.waiting == 0


@LAW
@given(STREAMS)
def test_neighbouring_events_of_a_route_are_one_run(frames: list[bytes]) -> None:
    found, _ = fed([b"".join(frames)])
    for one, two in pairwise(found):
        assert (one.type, one.route) != (wire.EVENT, two.route) or two.type != wire.EVENT
    events = [frame.body for frame in found if frame.type == wire.EVENT]
    assert b"".join(events) == b"".join(frame for frame in frames if frame[4] & 15 == wire.EVENT)


@LAW
@given(STREAMS, st.integers(1, 100))
def test_what_has_not_all_come_waits(frames: list[bytes], missing: int) -> None:
    data = b"".join(frames)
    last = frames[-1]
    cut = len(data) - 1 - missing % len(last) if len(last) > 1 else len(data) - 1
    cut = max(cut, len(data) - len(last))
    found, reader = fed([data[:cut]])
    assert reader.waiting == cut - (len(data) - len(last))
    assert split(found + reader.feed(data[cut:])) == split(fed([data])[0])


@LAW
@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_any_bytes_give_frames_or_a_breach(data: bytes, cuts: list[int]) -> None:
    try:
        frames, reader = fed(pieces_of(data, cuts), 64)
    except RemoteProtocolError:
        return
    if reader.fault is not None:
        return
    taken = sum(len(frame.body) if frame.type == wire.EVENT else 9 + len(frame.body) for frame in frames)
    assert taken + reader.waiting == len(data)


@LAW
@given(STREAMS, st.data())
def test_a_damaged_stream_gives_the_same_however_it_is_split(frames: list[bytes], data: st.DataObject) -> None:
    stream = bytearray(b"".join(frames))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(stream) - 1)))
        damage = data.draw(st.sampled_from(["flip", "delete", "insert", "duplicate"]))
        if damage == "flip" and stream:
            stream[at] ^= 1 << data.draw(st.integers(0, 7))
        elif damage == "delete":
            del stream[at : at + data.draw(st.integers(1, 9))]
        elif damage == "insert":
            stream[at:at] = data.draw(st.binary(min_size=1, max_size=9))
        else:
            stream[at:at] = stream[at : at + data.draw(st.integers(1, 30))]

    def outcome(pieces: list[bytes]) -> Any:
        found: list[Frame] = []
        reader = NamedReader(LIMIT)
        try:
            for piece in pieces:
                found += reader.feed(piece)
            if reader.fault is not None:
                raise reader.fault
        except RemoteProtocolError as breach:
            return split(found), str(breach)
        return split(found), reader.waiting

    whole = bytes(stream)
    assert outcome([whole]) == outcome([whole[at : at + 1] for at in range(len(whole))])


@pytest.mark.parametrize("length", [0, 1, 4, LIMIT + 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize("behind", [b"", bytes(3), bytes(20)], ids=["alone", "cut", "more"])
@pytest.mark.parametrize("before", [b"", wire.KEEP_ALIVE, wire.event_frame(1, b"1")], ids=["first", "control", "event"])
def test_a_bad_length_is_seen_at_its_fourth_byte(length: int, behind: bytes, before: bytes) -> None:
    data = before + struct.pack("<I", length) + behind
    with pytest.raises(RemoteProtocolError, match=f"length {length}"):
        taken_by(NamedReader(LIMIT), data)
    reader = NamedReader(LIMIT)
    for at in range(len(before) + 3):
        reader.feed(data[at : at + 1])
    with pytest.raises(RemoteProtocolError, match=f"length {length}"):
        reader.feed(data[len(before) + 3 : len(before) + 4])


@pytest.mark.parametrize("size", [LIMIT - 5, LIMIT - 6])
def test_a_frame_as_long_as_the_limit_is_taken(size: int) -> None:
    (frame,) = NamedReader(LIMIT).feed(wire.event_frame(1, bytes(size)))
    assert list(split_events(frame.body)) == [(None, bytes(size))]
    (frame,) = NamedReader(LIMIT).feed(wire.control_frame(bytes(size)))
    assert frame.body == bytes(size)


@pytest.mark.parametrize("head", [kind | flags for kind in range(16) for flags in range(0, 256, 16)])
@pytest.mark.parametrize("company", [b"", wire.event_frame(1, b"1")], ids=["alone", "in company"])
def test_types_and_flags(head: int, company: bytes) -> None:
    data = company + struct.pack("<IBI", 5 + 6, head, 0 if head == 0 else 1) + b"\1\0\0\0\xff\xff"
    if head in (0, 1, 2, 3, 4, 0x11):
        if head != 0x11:
            assert split(NamedReader(LIMIT).feed(data))[-1][0] == head
            return
        data = company + wire.event_frame(1, b"1", b"{}")
        assert split(NamedReader(LIMIT).feed(data))[-1] == (wire.EVENT, 1, b"{}", b"1")
        return
    with pytest.raises(RemoteProtocolError):
        taken_by(NamedReader(LIMIT), data)


@pytest.mark.parametrize("company", [b"", wire.event_frame(1, b"1")], ids=["alone", "in company"])
def test_additions_beyond_the_body_and_control_with_a_route(company: bytes) -> None:
    for size, more in ((1, b""), (2, b"1"), (65_535, b"1" * 100)):
        frame = struct.pack("<IBIH", 7 + len(more), 0x11, 1, size) + more
        with pytest.raises(RemoteProtocolError, match=f"additions of {size} bytes"):
            taken_by(NamedReader(LIMIT), company + frame)
    for more in (b"", b"\0"):
        with pytest.raises(RemoteProtocolError):
            taken_by(NamedReader(LIMIT), company + struct.pack("<IBI", 5 + len(more), 0x11, 1) + more)
    with pytest.raises(RemoteProtocolError, match="route 1"):
        taken_by(NamedReader(LIMIT), company + struct.pack("<IBI", 5, 0, 1))


def test_the_limit_may_grow_between_frames() -> None:
    reader = NamedReader(100)
    assert reader.feed(wire.control_frame(b"hello"))
    reader.reader.max_frame = 1000
    assert reader.feed(wire.event_frame(1, bytes(500)))


@pytest.mark.parametrize("piece", [2, 16])
def test_an_incomplete_frame_takes_about_the_memory_that_it_says(piece: int) -> None:
    size = 1 << 18
    data = wire.event_frame(1, bytes(size))
    pieces = [data[at : at + piece] for at in range(0, len(data) - 10, piece)]
    reader = NamedReader(size + 5)
    tracemalloc.start()
    for one in pieces:
        reader.feed(bytes(bytearray(one)))  # a piece of its own, as from a socket
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 2 * reader.waiting, f"{held} bytes of memory for {reader.waiting} bytes that wait"


@pytest.mark.parametrize("size", range(1, 12))
def test_a_long_frame_behind_the_hello_is_read_from_whatever_part_of_it_came_with_that(size: int) -> None:
    reader, late = FrameReader(100), wire.control_frame(b"x" * 300)
    assert len(reader.feed(wire.control_frame(b"hello") + late[:size])) == 1
    assert reader.raise_limit(1000) == []
    assert reader.feed(late[size:]) == [(wire.CONTROL, 0, 1, b"x" * 300)]
