"""A reader that takes ack frames out of a stream, and counts how far that has come."""

from __future__ import annotations

import pytest

from sig_core.errors import RemoteProtocolError
from sig_core.protocol.acked_frames import AckedFrameReader
from sig_core.protocol.frames import FrameReader
from sig_core.protocol.wire import CONTROL, PREFACE, ack_frame, control_frame, event_frame

START = len(PREFACE)


def reader_of(said: list[int]) -> AckedFrameReader:
    return AckedFrameReader(1000, said.append, lambda: None)


def test_acks_are_taken_out_and_are_no_part_of_the_stream() -> None:
    said: list[int] = []
    reader = reader_of(said)
    event, word = event_frame(1, b"21"), control_frame(b"{}")
    found = reader.feed(ack_frame(7) + event + ack_frame(9) + event + word + ack_frame(2**40))
    assert [frame[:3] for frame in found] == [(1, 1, 1), (1, 1, 1), (CONTROL, 0, 1)]
    assert said == [7, 9, 2**40]
    assert reader.received == START + 2 * len(event) + len(word)


@pytest.mark.parametrize("cut", range(1, 40))
def test_what_is_incomplete_does_not_count_and_is_forgotten_with_its_link(cut: int) -> None:
    said: list[int] = []
    reader = reader_of(said)
    stream = ack_frame(7) + event_frame(1, b"21") + control_frame(b"{}")
    reader.feed(stream[:cut])
    whole = reader.received - START
    assert whole in (0, 11, 22)
    reader.cut()
    reader.feed((event_frame(1, b"21") + control_frame(b"{}"))[whole:])
    assert reader.received == START + 22


@pytest.mark.parametrize(
    "bad", [b"\x0c\0\0\0\x05" + bytes(11), b"\x0d\0\0\0\x05\1\0\0\0" + bytes(8), b"\x0d\0\0\0\x15" + bytes(12)]
)
def test_an_ack_of_another_shape_is_a_breach(bad: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="type 5"):
        reader_of([]).feed(bad)


def test_what_came_before_an_ack_that_cannot_be_counts() -> None:
    def refuse(offset: int) -> None:
        raise RemoteProtocolError(f"{offset} bytes were never sent")

    reader = AckedFrameReader(1000, refuse, lambda: None)
    assert len(reader.feed(event_frame(1, b"21") + ack_frame(77))) == 1
    assert str(reader.fault) == "77 bytes were never sent"


def test_without_resume_an_ack_is_a_breach() -> None:
    with pytest.raises(RemoteProtocolError, match="type 5, which is unknown or not agreed on"):
        FrameReader(1000).feed(ack_frame(1))


def test_it_goes_on_where_another_reader_stands() -> None:
    first, reader = FrameReader(100), reader_of([])
    hello, more = control_frame(b"hello"), control_frame(b"x" * 300)
    first.feed(hello + more[:50])
    reader.take_over(first, START + len(hello) + 50)
    assert reader.raise_limit(1000) == []
    assert reader.feed(more[50:]) == [(CONTROL, 0, 1, b"x" * 300)]
    assert reader.received == START + len(hello) + len(more)
