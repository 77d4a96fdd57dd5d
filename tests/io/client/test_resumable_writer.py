"""Who waits for room in the output of a session that may outlive its link goes on as soon as there is some."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from sig_core.contract import LinkTraits
from sig_core.io.client import resumable_writer as module
from sig_core.io.client.resumable_writer import ResumableWriter
from sig_core.io.sync.auto_reset_event import AutoResetEvent
from sig_core.protocol.hello import Resume
from sig_core.session.binary.gate import HIGH_WATER
from sig_core.session.kept_stream import KeptStream

WINDOW = 64 * 1024
FRAME = bytes(WINDOW)


class Link:
    """A link that can be polled, and takes all that it is given."""

    peer, traits, wants_write = "test://peer", LinkTraits(packets=False, reliable=True), False

    def send_some(self, data: bytes | memoryview) -> int:
        return len(data)

    def recv_into(self, buffer: memoryview) -> int:
        raise BlockingIOError

    def fileno(self) -> int:
        raise OSError("no descriptor")

    def send(self, data: bytes) -> None: ...
    def receive(self, timeout: float) -> bytes | None: ...
    def close(self) -> None: ...


class Room(AutoResetEvent):
    """In the time in which a thread waits others act.

    Attributes:
        act: what they do.
        woken: of each wait, whether the thread was woken.
    """

    act: Callable[[], None]

    def __init__(self) -> None:
        super().__init__()
        self.woken: list[bool] = []

    def wait(self, timeout: float) -> bool:
        self.act()
        self.woken.append(super().wait(0))
        return self.woken[-1]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    made = Room()
    monkeypatch.setattr(module, "AutoResetEvent", lambda: made)
    return made


def full_writer() -> tuple[ResumableWriter, KeptStream, list[bytes]]:
    """A writer with more than may wait, and a stream whose window is full."""
    stream, out = KeptStream(60.0, WINDOW, 2 * WINDOW), list[bytes]()
    stream.agree(Resume(seconds=60.0, window=WINDOW))
    session: Any = SimpleNamespace(out=out, sent=lambda count, now: None, stream=stream, suspended=None, error=None)
    writer = ResumableWriter(session, Link(), lambda now: 60.0, [].append, lambda: None)
    for _ in range(HIGH_WATER // WINDOW + 4):
        out.append(FRAME)
        writer.added(WINDOW)
    assert writer.full
    assert not stream.room
    return writer, stream, out


def read_all(writer: ResumableWriter, stream: KeptStream, out: list[bytes]) -> None:
    """Let the server have all that waits."""
    while out:
        stream.acknowledge(stream.at)
        writer.push()


def test_it_goes_on_while_others_still_wait_to_be_sent(room: Room) -> None:
    writer, stream, out = full_writer()

    def server_reads_some() -> None:
        while writer.full:
            stream.acknowledge(stream.at)
            writer.push()

    room.act = server_reads_some
    writer.make_room()
    assert out, "it waited until all was out"
    assert room.woken == [True]


def test_it_goes_on_when_all_is_out(room: Room) -> None:
    writer, stream, out = full_writer()
    room.act = lambda: read_all(writer, stream, out)
    writer.make_room()
    assert room.woken == [True]


def test_it_waits_on_while_there_is_too_much(room: Room) -> None:
    writer, stream, out = full_writer()

    def server_reads_one() -> None:
        stream.acknowledge(stream.at)
        writer.push()

    room.act = server_reads_one
    writer.make_room()
    assert room.woken[-1]
    assert not any(room.woken[:-1])
    assert out


def test_several_that_wait_go_on_one_after_the_other(room: Room) -> None:
    writer, stream, out = full_writer()
    room.act = lambda: read_all(writer, stream, out)
    writer.make_room()
    assert AutoResetEvent.wait(room, 0), "the next one was not told"
