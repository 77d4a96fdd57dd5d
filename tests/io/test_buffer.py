"""The receive buffer: small while idle, larger under load, never so large that the allocator maps it anew."""

from __future__ import annotations

from sig_core.io.buffer import LARGE, SMALL, ReceiveBuffer


def read(buffer: ReceiveBuffer, data: bytes) -> bytes:
    buffer.view[: len(data)] = data
    return buffer.taken(len(data))


def test_what_was_read_is_given() -> None:
    buffer = ReceiveBuffer()
    assert read(buffer, b"first") == b"first"
    assert read(buffer, b"2nd") == b"2nd"
    assert len(buffer.view) == SMALL


def test_it_grows_where_it_was_full_up_to_a_bound() -> None:
    buffer, sizes = ReceiveBuffer(), []
    for number in range(5):
        sizes.append(len(buffer.view))
        data = bytes([number]) * sizes[-1]
        assert read(buffer, data) == data
    assert sizes == [SMALL, 2 * SMALL, LARGE, LARGE, LARGE]
    assert read(buffer, b"x") == b"x"
    assert len(buffer.view) == LARGE
