"""A connection's turn: how often it reads and sends, when it stops, and how it ends."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from sig_core.io.server.connection import READS, ROUNDS, PolledConnection, SecuredConnection
from sig_core.io.server.poller import READ, WRITE
from sig_core.io.sync.receive_buffer import LARGE, ReceiveBuffer


class Flood:
    """A link that has so much to read as it is told, then nothing."""

    peer = "flood"

    def __init__(self, *reads: int) -> None:
        self.left = list(reads)

    def recv_into(self, buffer: memoryview) -> int:
        if not self.left:
            raise BlockingIOError
        return min(self.left.pop(0), len(buffer))

    def close(self) -> None:
        """Nothing is open."""


class Session:
    """Takes what comes, and holds it back after the `patience`th read."""

    def __init__(self, patience: int) -> None:
        self.peer, self.error, self.reading_paused, self.read_hint = "flood", None, False, 0
        self.taken: list[int] = []
        self._patience = patience

    def receive_data(self, data: bytes, now: float) -> None:
        self.taken.append(len(data))
        self.reading_paused = len(self.taken) == self._patience


def turn(link: Flood, patience: int = 0) -> list[int]:
    """Give the sizes of what one turn reads."""
    session, buffer = Session(patience), ReceiveBuffer()
    while len(buffer.read(Flood(LARGE), 0)) < LARGE:
        pass  # it has not grown yet
    unused = {"mark_dirty": pytest.fail, "note_closed": pytest.fail}
    host: Any = SimpleNamespace(lock=threading.Lock(), buffer=buffer, clock=lambda: 0.0, **unused)
    made: Any = session
    source: Any = link
    PolledConnection(host, source, made).ready(READ)
    return session.taken


def test_reads_that_fill_the_buffer_are_followed_by_some_more_but_not_for_ever() -> None:
    link = Flood(*[LARGE] * 10)
    assert turn(link) == [LARGE] * READS
    assert len(link.left) == 10 - READS


@pytest.mark.parametrize("last", [1, LARGE - 1])
def test_a_read_that_does_not_fill_it_is_the_last(last: int) -> None:
    assert turn(Flood(LARGE, last, LARGE)) == [LARGE, last]


def test_nothing_more_ends_the_turn() -> None:
    assert turn(Flood(LARGE)) == [LARGE]


def test_who_is_held_is_not_read_on() -> None:
    assert turn(Flood(*[LARGE] * 10), patience=2) == [LARGE, LARGE]


# -- sending and ending


class Loop:
    """An I/O thread that only notes what it is to poll."""

    def __init__(self) -> None:
        self.polled = 0
        self.posted: list[Any] = []
        self.post = self.posted.append
        self.steps: list[Any] = []
        self.handshakes = SimpleNamespace(add=lambda step, source: self.steps.append(step))

    def watch(self, thing: Any, events: int) -> None:
        assert not self.polled and events
        self.polled = events

    def change(self, thing: Any, events: int) -> None:
        assert self.polled and events
        self.polled = events

    def unwatch(self, thing: Any) -> None:
        assert self.polled
        self.polled = 0


class Taking:
    """A link that takes so many bytes of each send as it is told, then all; an error is raised instead."""

    peer = "taking"
    wants_write = False

    def __init__(self, *takes: int | Exception) -> None:
        self.takes = list(takes)
        self.sent = b""
        self.closed = 0
        self.came: list[bytes | Exception] = []

    def fileno(self) -> int:
        return 17

    def recv_into(self, buffer: memoryview) -> int:
        if not self.came:
            raise BlockingIOError
        found = self.came.pop(0)
        if isinstance(found, Exception):
            raise found
        buffer[: len(found)] = found
        return len(found)

    def send_some(self, data: Any) -> int:
        count = self.takes.pop(0) if self.takes else len(data)
        if isinstance(count, Exception):
            raise count
        self.sent += bytes(data[:count])
        return min(count, len(data))

    def close(self) -> None:
        self.closed += 1


class Talking:
    """A session with output that the test puts there."""

    def __init__(self, *, keeps_half_open: bool = False) -> None:
        self.peer, self.read_hint, self.reading_paused, self.keeps_half_open = "taking", 0, False, keeps_half_open
        self.error: Exception | None = None
        self.output: list[bytes] = []
        self.log: list[Any] = []
        self.held: list[int] = []

    @property
    def has_output(self) -> bool:
        return bool(self.output)

    def take(self, room: int) -> bytes:
        return self.output.pop(0) if self.output else b""

    def sent(self, count: int, now: float) -> None:
        self.log.append(("sent", count, now))

    def hold(self, size: int) -> None:
        self.held.append(size)

    def receive_data(self, data: bytes, now: float) -> None:
        self.log.append(("received", bytes(data), now))

    def receive_eof(self) -> None:
        self.log.append("eof")
        if not self.keeps_half_open:
            self.error = EOFError()

    def fail(self, error: Exception) -> None:
        self.log.append(str(error))
        self.error = self.error or error


class Played:
    """A connection whose link, session, thread and clock are the test's."""

    def __init__(
        self,
        *takes: int | Exception,
        keeps_half_open: bool = False,
        kind: type[PolledConnection] = PolledConnection,
        link: type[Taking] = Taking,
    ) -> None:
        self.link, self.session, self.loop = link(*takes), Talking(keeps_half_open=keeps_half_open), Loop()
        self.soon: list[Any] = []
        self.closed: list[Any] = []
        self.dirty: list[Any] = []
        host: Any = SimpleNamespace(
            lock=threading.Lock(),
            loop=self.loop,
            buffer=ReceiveBuffer(),
            clock=lambda: 123.0,
            mark_dirty=self.dirty.append,
            note_closed=self.closed.append,
            read_soon=self.soon.append,
        )
        given: Any = self.link
        session: Any = self.session
        self.connection = kind(host, given, session)
        self.connection.start()

    def say(self, *output: bytes) -> None:
        self.session.output += output
        self.connection.flush()


def test_all_that_waits_is_sent_in_a_turn_of_some_sends() -> None:
    played = Played()
    played.say(*[b"ab"] * (ROUNDS + 1))
    assert played.link.sent == b"ab" * ROUNDS and played.loop.polled == READ | WRITE
    played.connection.ready(WRITE)
    assert played.link.sent == b"ab" * (ROUNDS + 1) and played.loop.polled == READ
    assert played.session.log == [("sent", 2, 123.0)] * (ROUNDS + 1)


def test_what_the_link_does_not_take_waits_until_it_does() -> None:
    played = Played(3, 0)
    played.say(b"abcdef", b"gh")
    assert (played.link.sent, played.loop.polled) == (b"abc", READ | WRITE)
    played.connection.ready(WRITE)
    assert (played.link.sent, played.loop.polled) == (b"abc", READ | WRITE), "nothing went"
    played.connection.ready(WRITE)
    assert (played.link.sent, played.loop.polled) == (b"abcdefgh", READ)
    assert played.session.held == [3, 3, 0], "what waits in the connection counts, too"


def test_who_is_paused_is_not_polled_for_input() -> None:
    played = Played()
    played.session.reading_paused = True
    played.connection.flush()
    assert played.loop.polled == 0
    played.session.reading_paused = False
    played.connection.flush()
    assert played.loop.polled == READ


def test_a_link_with_output_of_its_own_is_polled_for_it() -> None:
    played = Played()
    played.link.wants_write = True
    played.connection.flush()
    assert played.loop.polled == READ | WRITE


def test_after_the_end_all_is_sent_before_the_link_is_closed() -> None:
    played = Played(2)
    played.session.error = EOFError()
    played.say(b"abc")
    assert (played.link.closed, played.closed) == (0, [])
    played.connection.ready(WRITE)
    assert (played.link.sent, played.link.closed, played.loop.polled) == (b"abc", 1, 0)
    assert played.closed == [played.connection]


@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_link_that_breaks_ends_the_session(direction: str) -> None:
    played = Played(*([OSError("unplugged")] if direction == "out" else []))
    if direction == "in":
        played.link.came = [OSError("unplugged")]
        played.connection.ready(READ)
    else:
        played.say(b"abc")
    assert played.session.log == ["taking: the link broke: unplugged"]
    assert (played.link.closed, played.closed, played.loop.polled) == (1, [played.connection], 0)


def test_the_end_of_the_input_closes_it() -> None:
    played = Played()
    played.link.came = [b""]
    played.connection.ready(READ)
    assert (played.session.log, played.link.closed) == (["eof"], 1)


def test_a_half_closed_peer_still_gets_its_answers() -> None:
    played = Played(keeps_half_open=True)
    played.link.came = [b"ask", b""]
    played.connection.ready(READ)
    played.connection.ready(READ)
    assert played.session.log == [("received", b"ask", 123.0), "eof"]
    assert (played.link.closed, played.loop.polled) == (0, 0)
    played.session.error = EOFError()
    played.say(b"answer")
    assert (played.link.sent, played.link.closed) == (b"answer", 1)


def test_a_session_that_ends_while_it_is_fed_is_flushed_in_this_turn() -> None:
    played = Played()
    played.link.came = [b"nonsense"]
    played.session.error = ValueError("nonsense")
    played.connection.ready(READ)
    assert played.dirty == [played.connection]


def test_it_is_closed_once() -> None:
    played = Played()
    played.connection.abort()
    played.connection.abort()
    played.connection.flush()
    assert (played.link.closed, played.closed, played.loop.polled) == (1, [played.connection], 0)


def test_in_a_forked_child_only_the_descriptor_is_closed() -> None:
    played = Played()
    played.connection.abandon()
    assert (played.link.closed, played.closed, played.loop.polled) == (1, [], READ)


# -- a link that reads ahead


class Ahead(Taking):
    """A link that has read more than it gave, and has output of its own."""

    pending = False

    def send_some(self, data: Any) -> int:
        count = super().send_some(data)
        self.wants_write = bool(self.takes)
        return count


def secured(*takes: int | Exception) -> tuple[Played, Ahead, SecuredConnection]:
    played: Any = Played(*takes, kind=SecuredConnection, link=Ahead)
    return played, played.link, played.connection


def test_what_the_link_has_read_is_asked_for_in_the_next_turn() -> None:
    played, link, connection = secured()
    link.came, link.pending = [b"ab"], True
    connection.ready(READ)
    assert played.soon == [connection]
    link.came, link.pending = [b"cd"], False
    connection.read_on()
    assert [what[1] for what in played.session.log] == [b"ab", b"cd"] and played.soon == [connection]


def test_who_is_paused_is_asked_when_it_reads_again() -> None:
    played, link, connection = secured()
    played.session.reading_paused = link.pending = True
    connection.flush()
    connection.read_on()
    assert played.soon == [] and played.session.log == []
    played.session.reading_paused = False
    connection.flush()
    assert played.soon == [connection]


def test_what_the_link_itself_has_to_say_leaves_when_it_can() -> None:
    played, link, connection = secured(0, 0)
    link.wants_write = True
    connection.ready(READ)
    assert played.loop.polled == READ | WRITE
    connection.ready(WRITE)
    assert link.wants_write and played.loop.polled == READ | WRITE
    connection.ready(WRITE)
    assert not link.wants_write and played.loop.polled == READ


def test_a_link_that_breaks_in_its_own_output_is_lost() -> None:
    played, link, connection = secured(OSError("cut"))
    link.wants_write = True
    connection.flush()
    assert played.closed == [connection] and "cut" in played.session.log[0]


# -- a link that has a handshake before it


class Shaking(Ahead):
    """A link whose handshake takes as many steps as it is told; an error is raised instead."""

    steps: list[bool | Exception]

    def go_on(self) -> bool:
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


def shaking(*steps: bool | Exception, takes: tuple[int, ...] = ()) -> tuple[Played, Shaking, SecuredConnection]:
    played: Any = Played(*takes, kind=SecuredConnection, link=Shaking)
    played.link.steps = list(steps)
    return played, played.link, played.connection


def take_step(played: Played) -> None:
    """Let the other thread do a step, then the loop what comes of it."""
    played.loop.steps.pop(0)()
    played.loop.posted.pop(0)()


def test_steps_of_a_handshake_are_done_elsewhere_and_nothing_is_polled_meanwhile() -> None:
    played, link, connection = shaking(False, True)
    for _ in range(2):
        connection.ready(READ)
        assert len(played.loop.steps) == 1 and played.loop.polled == 0 and played.session.log == []
        connection.flush()  # somebody thinks that there is output
        assert played.loop.polled == 0
        take_step(played)
        assert played.loop.polled == READ
    link.came = [b"hello"]
    connection.ready(READ)
    assert [what[1] for what in played.session.log] == [b"hello"] and not played.loop.steps


def test_what_came_behind_the_handshake_is_read_in_the_next_turn() -> None:
    played, link, connection = shaking(True)
    link.pending = True
    connection.ready(READ)
    take_step(played)
    assert played.soon == [connection]


def test_what_a_handshake_has_to_say_leaves_when_it_can() -> None:
    played, link, connection = shaking(False, takes=(0, 0))
    link.wants_write = True
    connection.ready(READ)
    take_step(played)
    assert played.loop.polled == READ | WRITE
    connection.ready(WRITE)
    connection.ready(WRITE)
    assert not link.wants_write and played.loop.polled == READ and not played.loop.steps


def test_a_handshake_that_fails_loses_the_link() -> None:
    played, _, connection = shaking(OSError("cut"))
    connection.ready(READ)
    take_step(played)
    assert played.closed == [connection] and "cut" in played.session.log[0]


def test_a_session_that_fails_meanwhile_does_not_wait_for_the_handshake() -> None:
    played, link, connection = shaking(OSError("closed"))
    connection.ready(READ)
    played.session.error = TimeoutError()
    connection.flush()
    assert (link.closed, played.closed) == (1, [connection])
    take_step(played)
    assert played.session.log == [] and played.closed == [connection]
