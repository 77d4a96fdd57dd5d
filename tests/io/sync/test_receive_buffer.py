"""The receive buffer: small while idle, larger under load, never so large that the allocator maps it anew."""

from __future__ import annotations

import pytest

from sig_core.io.sync.receive_buffer import LARGE, LARGEST, SMALL, ReceiveBuffer


class Source:
    """A link that has these bytes, by `recv_into` alone."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked: list[int] = []

    def _give(self, size: int) -> bytes:
        self.asked.append(size)
        data, self.data = self.data[:size], self.data[size:]
        return data

    def recv_into(self, view: memoryview) -> int:
        data = self._give(len(view))
        view[: len(data)] = data
        return len(data)


class Direct(Source):
    """One that also gives bytes."""

    def recv(self, size: int) -> bytes:
        return self._give(size)


def test_what_was_read_is_given() -> None:
    buffer = ReceiveBuffer()
    assert buffer.read(Source(b"first"), 0) == b"first"
    assert not buffer.full
    assert buffer.read(Source(b"2nd"), 0) == b"2nd"
    assert buffer.read(Source(b""), 0) == b""


def test_it_grows_where_it_was_full_up_to_a_bound() -> None:
    buffer, link = ReceiveBuffer(), Source(bytes(range(256)) * 2000)
    data, got = link.data, b""
    for _ in range(5):
        got += buffer.read(link, 0)
        assert buffer.full
    assert link.asked == [SMALL, 2 * SMALL, LARGE, LARGE, LARGE]
    assert got == data[: len(got)]
    assert buffer.read(Source(b"x"), 0) == b"x"
    assert not buffer.full


def test_it_grows_no_further_than_it_is_told() -> None:
    buffer, link = ReceiveBuffer(2 * SMALL), Source(bytes(10 * SMALL))
    assert [len(buffer.read(link, 0)) for _ in range(3)] == [SMALL, 2 * SMALL, 2 * SMALL]


def test_what_is_huge_is_read_alone_if_the_link_can() -> None:
    buffer, link = ReceiveBuffer(), Direct(bytes(200_000))
    assert len(buffer.read(link, 70_000)) == 70_000
    assert buffer.full
    assert len(buffer.read(link, 10**6)) == LARGEST  # from more on the allocator would map it anew
    assert len(buffer.read(link, 70_000)) == 200_000 - 70_000 - LARGEST
    assert not buffer.full
    plain = Source(bytes(70_000))
    assert len(buffer.read(plain, 70_000)) == SMALL


def test_what_a_link_raises_comes_through() -> None:
    class Empty:
        def recv_into(self, view: memoryview) -> int:
            raise BlockingIOError

    with pytest.raises(BlockingIOError):
        ReceiveBuffer().read(Empty(), 0)
