"""Runs of events: what is cut at once is what frames cut one by one give, wherever a stretch of equal ones ends."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType, ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.errors import RemoteProtocolError
from sig_core.protocol import wire
from sig_core.protocol.frames import FrameReader
from sig_core.protocol.runs import FEW, alike, split_events, split_numbered, split_requests
from tests.support.named_frames import Frame, NamedReader

LAW = settings(derandomize=True, deadline=None)
LIMIT = 4096

Event = tuple[bytes | None, bytes]

# Payloads that look like headers of other events are what a guess could take for frames.
PAYLOADS = st.binary(max_size=20) | st.sampled_from([wire.event_frame(1, bytes(n)) for n in (0, 1, 9)])
EVENTS = st.tuples(st.none() | st.binary(max_size=3), PAYLOADS)
STRETCHES = st.lists(st.tuples(EVENTS, st.integers(1, 10 * FEW)), min_size=1, max_size=6)


def events_of(stretches: list[tuple[Event, int]]) -> list[Event]:
    return [event for event, times in stretches for _ in range(times)]


def frames_of(events: list[Event], route: int = 1) -> list[bytes]:
    return [wire.event_frame(route, data, additions) for additions, data in events]


@LAW
@given(STRETCHES)
def test_events_are_split_as_they_were_framed(stretches: list[tuple[Event, int]]) -> None:
    events = events_of(stretches)
    run = b"".join(frames_of(events))
    assert NamedReader(LIMIT).feed(run) == [Frame(wire.EVENT, 1, len(events), run)]
    assert list(split_events(run)) == events


@LAW
@given(st.integers(1, 20 * FEW), st.integers(0, 20 * FEW), st.integers(0, 30), st.data())
def test_a_stretch_ends_where_another_frame_comes(before: int, behind: int, size: int, data: st.DataObject) -> None:
    """Whatever byte of the header is another one: its length, its head, its route."""
    same = wire.event_frame(0x01020304, bytes(size))
    other = data.draw(
        st.sampled_from(
            [
                *(wire.event_frame(0x01020304 ^ 1 << 8 * byte, bytes(size)) for byte in range(4)),
                wire.event_frame(0x01020304, bytes(size + 1)),
                wire.event_frame(0x01020304, bytes(size + 256)),
                wire.event_frame(0x01020304, bytes(size), b""),
                wire.reply_frame(0x01020304, 0, bytes(max(0, size - 4))),
            ]
        )
    )
    stream = [same] * before + [other] + [same] * behind
    whole = NamedReader(LIMIT).feed(b"".join(stream))
    singles = [frame for one in stream for frame in NamedReader(LIMIT).feed(one)]
    assert sum(frame.events for frame in whole) == len(stream)
    assert [event for frame in whole if frame.type == wire.EVENT for event in split_events(frame.body)] == [
        event for frame in singles if frame.type == wire.EVENT for event in split_events(frame.body)
    ]
    assert [frame for frame in whole if frame.type == wire.REPLY] == [
        frame for frame in singles if frame.type == wire.REPLY
    ]


@LAW
@given(st.integers(0, 20 * FEW), st.integers(0, 40))
def test_a_stretch_that_is_cut_off_waits(whole: int, missing: int) -> None:
    frame = wire.event_frame(1, bytes(41))
    reader = NamedReader(LIMIT)
    (found,) = reader.feed(frame * (whole + 1) + frame[: len(frame) - missing - 1])
    assert (found.events, found.body) == (whole + 1, frame * (whole + 1))
    assert reader.waiting == len(frame) - missing - 1


def read(data: bytes, piece: int) -> bytes:
    """Return the body of the run that a reader gives, fed with pieces of so many bytes."""
    reader = FrameReader(2**20)
    parts = [reader.feed(data[at : at + piece]) for at in range(0, len(data), piece)]
    return max((frame[3] for frames in parts for frame in frames), key=len)


OTHER = wire.event_frame(1, b"another length")
SPLITS: dict[str, Callable[[int], Iterable[object]]] = {
    "events": lambda piece: split_events(read(wire.event_frame(1, b"1234") * (10 * FEW), piece)),
    "events between others": lambda piece: split_events(
        read(b"".join([OTHER, wire.event_frame(1, b"1234") * (10 * FEW), OTHER]), piece)
    ),
    "big events": lambda piece: split_events(read(wire.event_frame(1, bytes(40_000)) * (2 * FEW), piece)),
    "replies": lambda piece: split_numbered(read(wire.reply_frame(1, 7, b"1234") * 50, piece), 50),
    "requests": lambda piece: split_requests(read(wire.request_frame(1, 7, b"\1m1") * 50, piece), 50),
}


def is_its_own(item: object) -> bool:
    """Return whether it is no part of the program, such as the globals of a generator's module."""
    if isinstance(item, dict):
        return "__builtins__" not in item
    return not isinstance(item, type | ModuleType | FunctionType | CodeType)


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
@pytest.mark.parametrize("piece", [2**20, 50_000])
def test_what_is_given_holds_no_memoryview(split: Callable[[int], Iterable[object]], piece: int) -> None:
    """The traceback of a callback that raises keeps it: garbage in a cycle, where such a view crashes CPython."""
    given = iter(split(piece))
    next(given)
    seen: dict[int, object] = {}
    found: list[object] = [given]
    while found:
        seen |= {id(item): item for item in found}
        found = [item for item in gc.get_referents(*found) if id(item) not in seen and is_its_own(item)]
    assert any(type(item) is bytes for item in seen.values())
    assert not [item for item in seen.values() if isinstance(item, memoryview)]


@pytest.mark.parametrize("before", [1, FEW - 1, FEW, FEW + 1, 9 * FEW, 100 * FEW])
def test_a_breach_behind_a_stretch_comes_after_it(before: int) -> None:
    frame = wire.event_frame(1, b"1")
    reader = NamedReader(LIMIT)
    (found,) = reader.feed(frame * before + b"\0\0\0\0" + frame)
    assert found.events == before
    assert isinstance(reader.fault, RemoteProtocolError)


@pytest.mark.parametrize("there", [1, 2, FEW, 8 * FEW, 8 * FEW + 1])
def test_what_is_alike_is_counted_within_what_a_guess_may_cost(there: int) -> None:
    frame = wire.event_frame(1, b"1")
    other = wire.event_frame(2, b"1")
    for data in (frame * there, frame * there + other * 3, frame * there + frame[:-1]):
        assert alike(data, 0, len(frame), FEW) == min(there, 8 * FEW)
