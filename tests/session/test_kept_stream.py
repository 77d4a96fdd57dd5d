"""The law of a session over several links: each byte once, in order, wherever and however often they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_core.errors import RemoteProtocolError
from sig_core.protocol.frames import Frame
from sig_core.protocol.hello import Resume
from sig_core.protocol.wire import PREFACE, ack_frame, control_frame, event_frame
from sig_core.session.kept_stream import KeptStream

WINDOW = 4096


class End:
    """One side: it says frames, and hears those of the other."""

    def __init__(self) -> None:
        self.stream = KeptStream(30, WINDOW, 2**20)
        self.stream.agree(Resume(seconds=30, window=WINDOW))
        self.stream.put(PREFACE)
        self.said: list[bytes] = []
        self.out: list[bytes] = []
        self.heard: list[Frame] = []
        self.on_way = b""  # to the other one
        assert self.send(len(PREFACE)) == len(PREFACE)
        self.on_way = b""

    def say(self, size: int) -> None:
        frame = event_frame(len(self.said) + 1, b"x" * size)
        self.said.append(frame)
        self.out.append(frame)

    def send(self, count: int) -> int:
        """Send so many bytes at most, as a writer does; return how many."""
        stream, done = self.stream, 0
        while done < count:
            if not stream.has_piece:
                if not (self.out and stream.room):
                    break
                stream.take(self.out)
            part = bytes(stream.piece())[: count - done]
            stream.sent(len(part))
            self.on_way += part
            done += len(part)
        return done

    def hear(self, other: End, count: int) -> None:
        data, other.on_way = other.on_way[:count], other.on_way[count:]
        self.heard += self.stream.reader.feed(data) if data else []


def cut(one: End, other: End) -> None:
    """End the link; what is under way is lost. Then go on over another one."""
    for end in (one, other):
        end.stream.cut()
        end.on_way = b""
    has = [end.stream.terms(again=True).received or 0 for end in (one, other)]
    assert one.stream.can_resume(has[1])
    assert other.stream.can_resume(has[0])
    one.stream.resume(has[1])
    other.stream.resume(has[0])


COUNT = st.integers(0, 3 * WINDOW)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.booleans(), st.integers(0, WINDOW // 2)),
        st.tuples(st.sampled_from(["send", "hear", "tick"]), st.booleans(), COUNT),
        st.tuples(st.just("cut"), st.booleans(), COUNT),
    ),
    max_size=60,
)


@given(STEPS)
def test_each_byte_comes_once_and_in_order_however_links_are_cut(steps: list[tuple[str, bool, int]]) -> None:
    one, other = End(), End()
    for what, first, number in steps:
        this, that = (one, other) if first else (other, one)
        if what == "say":
            this.say(number)
        elif what == "send":
            this.send(number)
        elif what == "hear":
            this.hear(that, number)
        elif what == "tick":
            this.stream.tick()
        else:
            cut(one, other)
        for end in (one, other):
            assert end.stream.size <= WINDOW + WINDOW // 2 + 9
    for _ in range(200):
        moved = one.send(WINDOW) + other.send(WINDOW)
        one.hear(other, 2**30)
        other.hear(one, 2**30)
        for end in (one, other):
            end.stream.tick()
        if not moved and not one.out and not other.out:
            break
    for this, that in ((one, other), (other, one)):
        assert [frame[3] for frame in that.heard] == this.said
        assert this.stream.end == that.stream.reader.received


def test_what_is_acknowledged_is_not_kept() -> None:
    one, other = End(), End()
    for _ in range(100):
        one.say(100)
        one.send(2**20)
        other.hear(one, 2**20)
        other.send(2**20)
        one.hear(other, 2**20)
        assert one.stream.size <= WINDOW // 4 + 200
    other.stream.tick()
    other.send(2**20)
    one.hear(other, 2**20)
    assert one.stream.size == 0


def test_nothing_new_is_sent_before_the_window_is_acknowledged() -> None:
    one = End()
    for _ in range(100):
        one.say(200)
    sent = one.send(2**20)
    assert WINDOW <= sent <= WINDOW + 209
    assert one.send(2**20) == 0
    assert len(one.out) > 50


def test_a_frame_longer_than_the_window_goes_alone() -> None:
    one, other = End(), End()
    one.say(10 * WINDOW)
    one.say(1)
    assert one.send(2**20) == 10 * WINDOW + 9
    other.hear(one, 2**20)
    other.send(100)
    one.hear(other, 100)
    assert one.send(100) == 10


@pytest.mark.parametrize(("before", "offset"), [(0, 2**40), (0, 19), (18, 17), (18, 8)])
def test_an_ack_of_what_was_never_sent_or_of_less_than_before_is_a_breach(before: int, offset: int) -> None:
    one = End()
    one.say(1)
    one.send(100)
    if before:
        assert one.stream.reader.feed(ack_frame(before)) == []
    one.stream.reader.feed(control_frame(b"1") + ack_frame(offset))
    assert f"an ack of {offset} bytes: 18 were sent" in str(one.stream.reader.fault)


def test_an_ack_is_a_breach_where_nothing_was_agreed() -> None:
    stream = KeptStream(30, WINDOW, 1000)
    stream.put(PREFACE)
    with pytest.raises(RemoteProtocolError, match="no resume was agreed on"):
        stream.acknowledge(0)


def test_where_the_peer_does_not_agree_nothing_is_kept() -> None:
    stream = KeptStream(30, WINDOW, 1000)
    stream.put(PREFACE)
    stream.give_up()
    for _ in range(100):
        stream.put(bytes(1000))
    assert (stream.size, stream.room, stream.has_piece) == (0, WINDOW, True)


def test_it_says_when_there_is_an_ack_to_send_or_room_again() -> None:
    one, other, told = End(), End(), list[str]()
    one.stream.on_due = lambda: told.append("one")
    other.stream.on_due = lambda: told.append("other")
    for _ in range(40):
        one.say(200)
    one.send(2**20)
    other.hear(one, 100)
    assert told == []
    other.hear(one, 2**20)
    assert told == ["other"]
    other.send(100)
    one.hear(other, 100)
    assert told == ["other", "one"]


def test_no_ack_comes_before_the_welcome() -> None:
    stream = KeptStream(30, WINDOW, 1000)
    stream.agree(Resume(seconds=30, window=WINDOW))
    stream.tick()
    assert not stream.has_piece
    stream.put(PREFACE)
    stream.tick()
    assert stream.piece() == PREFACE
    stream.sent(len(PREFACE))
    assert stream.piece() == ack_frame(len(PREFACE))
