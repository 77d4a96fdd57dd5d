"""The link of a serial port, on pseudo-terminals."""

from __future__ import annotations

import errno
import os
import select
import subprocess
import sys
import termios
import threading

import pytest

from sig_carriers import serial_tty
from sig_core.contract import LinkTraits, PollableLink
from sig_core.testing import begin
from tests.carriers.conformance import ALL_BYTES, PATIENCE, receive_exactly
from tests.carriers.serial_ports import board, connect


@pytest.fixture
def uno():
    with board() as plugged:
        yield plugged


@pytest.fixture
def link(uno):
    opened = connect(uno.device, "?baud=9600")
    yield opened
    opened.close()


def until_full(link) -> None:
    """Fill the line of a board that does not read; the system may still be moving what it took."""
    poll = select.poll()
    poll.register(link.fileno(), select.POLLOUT)
    while poll.poll(50):
        link.send_some(bytes(4096))


def begun(call, argument):
    """Make a call in a thread of its own, which runs when this returns."""
    started = threading.Event()

    def run():
        started.set()
        return call(argument)

    future = begin(run)
    assert started.wait(PATIENCE)
    return future


def test_it_says_what_it_is(link, uno):
    assert isinstance(link, PollableLink)
    assert link.wants_write is False
    assert link.traits == LinkTraits(packets=False, reliable=False, bitrate=9600)
    assert link.peer == f"serial://{uno.device}"


def test_all_byte_values_both_ways(link, uno):
    link.send(ALL_BYTES)
    assert uno.read(256) == ALL_BYTES
    uno.write(ALL_BYTES)
    assert receive_exactly(link, 256) == ALL_BYTES


def test_much_passes_while_the_board_reads(link, uno):
    reading = begin(uno.read, 1 << 18)
    link.send(ALL_BYTES * 1024)
    assert reading.result(PATIENCE) == ALL_BYTES * 1024


def test_nothing_there_is_not_the_end(link, uno):
    buffer = bytearray(4)
    for _ in range(3):
        with pytest.raises(BlockingIOError):
            link.recv_into(memoryview(buffer))
    assert link.receive(0) is None
    assert link.receive(0.01) is None
    uno.write(b"abcdef")
    poll = select.poll()
    poll.register(link.fileno(), select.POLLIN)
    assert poll.poll(PATIENCE * 1000)
    assert (link.recv_into(memoryview(buffer)), buffer) == (4, b"abcd")
    assert receive_exactly(link, 2) == b"ef"


def test_a_full_line_takes_a_part_and_then_nothing(link):
    until_full(link)
    taken = 0
    while link.send_some(b"x"):  # a little may go though the system does not report room for more
        taken += 1
        assert taken < 65_536
    assert link.send_some(b"") == 0


def test_what_came_before_it_was_opened_is_dropped(uno):
    uno.write(b"boot noise")
    opened = connect(uno.device)
    assert opened.receive(0) is None
    uno.write(b"fresh")
    assert receive_exactly(opened, 5) == b"fresh"
    opened.close()


# -- unplugged

def calls_of(link):
    return [lambda: link.receive(1000), lambda: link.recv_into(memoryview(bytearray(4))), lambda: link.send(b"x"),
            lambda: link.send_some(b"x")]  # fmt: skip


def test_unplugged_while_idle(link, uno):
    uno.unplug()
    poll = select.poll()
    poll.register(link.fileno(), select.POLLIN)
    assert poll.poll(PATIENCE * 1000)
    for call in calls_of(link) * 2:
        with pytest.raises(OSError, match="the port is gone: unplugged") as caught:
            call()
        assert caught.value.errno == errno.ENODEV


def test_unplugged_while_it_waits_to_read(link, uno):
    blocked = begun(link.receive, 1000)
    uno.unplug()
    assert blocked.exception(PATIENCE).errno == errno.ENODEV


def test_unplugged_while_it_waits_to_write(link, uno):
    until_full(link)
    blocked = begun(link.send, bytes(1_000_000))
    uno.unplug()
    assert blocked.exception(PATIENCE).errno == errno.ENODEV


# -- closed

def test_use_after_close(link):
    link.close()
    link.close()
    for call in [*calls_of(link), link.fileno]:
        with pytest.raises(OSError, match="closed on this side"):
            call()


@pytest.mark.parametrize("fill", [False, True])
def test_close_ends_who_waits(link, fill):
    if fill:
        until_full(link)
    blocked = begun(link.send, bytes(100_000)) if fill else begun(link.receive, 1000)
    link.close()
    assert "closed on this side" in str(blocked.exception(PATIENCE))


def test_nothing_is_left_behind(uno):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        connect(uno.device).close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_close_does_not_wait_for_a_board_that_does_not_read(link, monkeypatch):
    """The system waits up to 30 s for output that a driver still holds; a thread of its own does, then."""
    go_on, closed = threading.Event(), threading.Event()
    real = link._sock._port

    class Held:  # in the place of pyserial's port: a driver that holds output
        port, out_waiting = "ttyX", 5

        def close(self):
            assert go_on.wait(PATIENCE)
            real.close()
            closed.set()

    monkeypatch.setattr(link._sock, "_port", Held())
    number = link.fileno()
    link.close()
    assert os.fstat(number)
    assert "sig-close ttyX" in [thread.name for thread in threading.enumerate()]
    go_on.set()
    assert closed.wait(PATIENCE)
    with pytest.raises(OSError):
        os.fstat(number)


def test_a_forked_child_leaves_the_port_to_its_parent(uno):
    code = """
import os, sys
from sig_carriers.serial_port import SerialCarrier
from sig_core.address import Address
address = Address.parse("serial://" + sys.argv[1])
acceptor = SerialCarrier().listen(address)
link = acceptor.accept(10)
child = os.fork()
if child == 0:
    link.close(); acceptor.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
try: SerialCarrier().connect(address)
except OSError as error: assert "busy: this program" in str(error)
else: raise AssertionError("it was let go")
link.send(b"parent")
"""
    run = subprocess.run([sys.executable, "-c", code, uno.device], capture_output=True, text=True, timeout=PATIENCE)
    assert run.returncode == 0, run.stderr
    assert uno.read(6) == b"parent"


# -- how it is set

def attributes(link):
    iflag, oflag, cflag, lflag, ispeed, ospeed, _ = termios.tcgetattr(link.fileno())
    return {"iflag": iflag, "oflag": oflag, "cflag": cflag, "lflag": lflag, "in": ispeed, "out": ospeed}


@pytest.mark.parametrize(
    ("query", "flag", "value"),
    [
        ("?hupcl=0", termios.HUPCL, False),
        ("?hupcl=1", termios.HUPCL, True),
        ("?stop=2", termios.CSTOPB, True),
        ("?stop=1", termios.CSTOPB, False),
        ("?rtscts=1", termios.CRTSCTS, True),
        ("?rtscts=0", termios.CRTSCTS, False),
    ],
)
def test_options_that_the_system_shows(uno, query, flag, value):
    link = connect(uno.device, query)
    assert bool(attributes(link)["cflag"] & flag) is value
    link.close()


def test_without_hupcl_it_is_as_it_was(uno):
    for kept in (0, 1):
        first = connect(uno.device, f"?hupcl={kept}")
        first.close()
        second = connect(uno.device)
        assert bool(attributes(second)["cflag"] & termios.HUPCL) is bool(kept)
        second.close()


def test_it_is_raw(link):
    found = attributes(link)
    assert (found["in"], found["out"]) == (termios.B9600, termios.B9600)
    assert not found["lflag"] & (termios.ICANON | termios.ECHO | termios.ISIG)
    assert not found["iflag"] & (termios.IXON | termios.IXOFF | termios.ICRNL | termios.ISTRIP)
    assert not found["oflag"] & termios.OPOST


@pytest.mark.skipif(sys.platform != "linux", reason="reads the speed as Linux keeps it")
def test_any_baud_rate(uno):
    import array
    import fcntl

    link = connect(uno.device, "?baud=123456&hupcl=0")
    found = array.array("i", [0] * 64)
    fcntl.ioctl(link.fileno(), 0x802C542A, found)  # TCGETS2: the last two are the speeds
    assert list(found[9:11]) == [123_456, 123_456]
    link.close()


@pytest.mark.parametrize("query", ["?dtr=0&rts=0", "?dtr=1&rts=1", "?low_latency=1", "?low_latency=0"])
def test_what_a_port_has_not_is_no_failure(uno, query):
    """A pseudo-terminal has no such lines, and no latency."""
    link = connect(uno.device, query)
    link.send(b"x")
    assert uno.read(1) == b"x"
    link.close()


@pytest.mark.parametrize(("device", "asked"), [("/dev/ttyUSB0", True), ("/dev/pts/7", False)])
def test_others_are_kept_out_but_not_of_a_pseudo_terminal(link, monkeypatch, device, asked):
    seen = []
    monkeypatch.setattr(serial_tty.fcntl, "ioctl", lambda number, what: seen.append(what))
    monkeypatch.setattr(link._sock._port, "_port", device)
    link._sock._set(None)
    assert seen == [termios.TIOCEXCL] * asked
