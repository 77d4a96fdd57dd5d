"""Listening on a port that comes, goes, and comes back under another name."""

from __future__ import annotations

import errno
import threading
from itertools import pairwise

import pytest

from sig_carriers import serial_find, serial_wait
from sig_carriers.serial_find import Absent
from sig_carriers.serial_open import SerialPort
from sig_carriers.serial_port import SerialCarrier
from sig_carriers.serial_wait import SerialAcceptor
from sig_core.address import Address
from sig_core.contract import LinkTraits, PollableAcceptor
from sig_core.testing import begin
from tests.carriers.conformance import PATIENCE, receive_exactly
from tests.carriers.serial_ports import accepted, board, connect, listen, point, usb


@pytest.fixture
def uno():
    with board() as plugged:
        yield plugged


@pytest.fixture
def other():
    with board() as plugged:
        yield plugged


@pytest.fixture
def name(tmp_path):
    return tmp_path / "usb-Arduino-if00"


def gone(link) -> None:
    """What the core does when a link breaks."""
    with pytest.raises(OSError, match="the port is gone"):
        link.receive(PATIENCE)
    link.close()


def test_the_port_is_taken_at_once_and_given_once(uno):
    acceptor = listen(uno.device, "?baud=9600&name=arm1")
    assert acceptor.address == f"serial://{uno.device}?baud=9600&name=arm1"
    assert not isinstance(acceptor, PollableAcceptor)
    with pytest.raises(OSError, match="busy"):
        connect(uno.device)
    link = acceptor.accept(0)
    assert link.peer == f"serial://{uno.device}"
    for timeout in (0, 0.01):
        assert acceptor.accept(timeout) is None
    link.send(b"hello")
    assert uno.read(5) == b"hello"
    link.close()
    acceptor.close()


def test_the_address_is_without_wrappers(uno):
    acceptor = SerialCarrier().listen(Address.parse(f"lossy+serial://{uno.device}?prefix=a/"))
    assert acceptor.address == f"serial://{uno.device}?prefix=a/"
    acceptor.close()


def test_after_the_end_of_a_link_comes_the_next(uno):
    acceptor = listen(uno.device)
    for number in range(5):
        link = accepted(acceptor)
        assert acceptor.accept(0) is None
        uno.write(bytes([number]))
        assert receive_exactly(link, 1) == bytes([number])
        link.close()
        link.close()
    acceptor.close()


def test_closing_an_old_link_again_does_not_touch_the_new_one(uno):
    acceptor = listen(uno.device)
    old = accepted(acceptor)
    old.close()
    new = accepted(acceptor)
    old.close()
    assert acceptor.accept(0.05) is None
    new.close()
    acceptor.close()


def test_a_port_that_comes_later(name, uno):
    acceptor = listen(str(name))
    assert acceptor.accept(0) is None
    waiting = begin(acceptor.accept, 1000)
    with pytest.raises(OSError, match=f"no port {name}"):
        waiting.result(PATIENCE)  # told once, and waited for
    waiting = begin(acceptor.accept, 1000)
    point(name, uno.device)
    link = waiting.result(PATIENCE)
    link.send(b"x")
    assert uno.read(1) == b"x"
    link.close()
    acceptor.close()


def test_a_board_that_comes_back_under_another_name(name, uno, other):
    point(name, uno.device)
    acceptor = listen(str(name))
    first = accepted(acceptor)
    uno.unplug()
    name.unlink()
    gone(first)
    assert acceptor.accept(0) is None
    point(name, other.device)
    second = accepted(acceptor)
    assert second.peer == first.peer == f"serial://{name}"
    second.send(b"again")
    assert other.read(5) == b"again"
    second.close()
    acceptor.close()


def test_a_usb_identity_that_comes_back_as_another_device(monkeypatch, uno, other):
    ports = [usb(uno.device)]
    monkeypatch.setattr(serial_find, "comports", lambda: list(ports))
    acceptor = listen("usb:2341:0043:7573AbC", "?baud=9600")
    first = accepted(acceptor)
    ports.clear()
    uno.unplug()
    gone(first)
    ports.append(usb(other.device))
    second = accepted(acceptor)
    assert second.peer == first.peer == "serial://usb:2341:0043:7573AbC"
    second.send(b"again")
    assert other.read(5) == b"again"
    second.close()
    acceptor.close()


def test_a_port_that_somebody_else_has_taken_meanwhile(uno):
    acceptor = listen(uno.device)
    accepted(acceptor).close()
    thief = connect(uno.device)
    with pytest.raises(OSError, match="busy: this program has it open"):
        acceptor.accept(PATIENCE)
    assert acceptor.accept(0.1) is None
    thief.close()
    accepted(acceptor).close()
    acceptor.close()


# -- closed

@pytest.mark.parametrize("there", [True, False])
def test_close_ends_a_blocked_accept(name, uno, there):
    if there:
        point(name, uno.device)
    for _ in range(5):
        acceptor = listen(str(name))
        link = accepted(acceptor) if there else None
        blocked = begin(acceptor.accept, float("inf") if there else 0.4)
        acceptor.close()
        acceptor.close()
        assert "closed on this side" in str(blocked.exception(PATIENCE))
        if link is not None:
            link.send(b"lives on")
            assert uno.read(8) == b"lives on"
            link.close()


def test_accept_after_close_and_the_port_is_free(uno):
    acceptor = listen(uno.device)
    acceptor.close()
    with pytest.raises(OSError, match="closed on this side"):
        acceptor.accept(0)
    connect(uno.device).close()


def test_close_while_the_port_is_opened(uno, monkeypatch):
    """What was opened in vain is closed."""
    acceptor = listen(uno.device)
    accepted(acceptor).close()
    opening, go_on = threading.Event(), threading.Event()
    real = SerialPort.open

    def slow(port, ended):
        opening.set()
        assert go_on.wait(PATIENCE)
        return real(port, ended)

    monkeypatch.setattr(SerialPort, "open", slow)
    blocked = begin(acceptor.accept, 1000)
    assert opening.wait(PATIENCE)
    acceptor.close()
    go_on.set()
    assert "closed on this side" in str(blocked.exception(PATIENCE))
    monkeypatch.setattr(SerialPort, "open", real)
    connect(uno.device).close()


# -- how often it looks, and what it tells: by a clock that the test moves

class Clock:
    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(serial_wait, "time", self)

    def monotonic(self) -> float:
        return self.now


class Script:
    """A port that fails as it is told; it notes when it was looked for."""

    traits = LinkTraits(packets=False, reliable=False)

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.error: OSError | None = None
        self.looks: list[float] = []

    def open(self, ended):
        self.looks.append(self.clock.now)
        if self.error is not None:
            raise self.error
        return self

    def why(self, error):
        return f"because {error}"

    def close(self):
        pass


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def script(clock):
    return Script(clock)


def told(acceptor, clock, seconds: float) -> list[str]:
    """Let the core ask for so long, every 10 ms; give what it was told."""
    said = []
    for _ in range(round(seconds * 100)):
        clock.now += 0.01
        try:
            assert acceptor.accept(0) is None
        except OSError as error:
            said.append(str(error))
    return said


def pauses(looks: list[float]) -> list[float]:
    return [round(after - before, 2) for before, after in pairwise(looks)]


def test_an_absent_port_is_looked_for_all_the_time_and_told_once(clock, script):
    script.error = Absent("x")
    acceptor = SerialAcceptor("serial://x", script)
    assert told(acceptor, clock, 10) == ["because x"]
    found = pauses(script.looks)
    assert found[:3] == pytest.approx([0.05, 0.1, 0.2], abs=0.011)
    assert max(found) <= 0.21  # so that who is plugged in again is heard within 0.3 s


def test_a_refused_port_is_looked_for_less_often_and_told_once(clock, script):
    script.error = OSError(errno.EBUSY, "busy")
    acceptor = SerialAcceptor("serial://x", script)
    assert len(told(acceptor, clock, 20)) == 1
    found = pauses(script.looks)
    assert found[:5] == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8], abs=0.011)
    assert max(found) == pytest.approx(1.0, abs=0.011)


def test_each_cause_is_told_when_it_lasts(clock, script):
    acceptor = SerialAcceptor("serial://x", script)
    for text in "aba":
        script.error = OSError(text)
        assert told(acceptor, clock, 2) == [f"because {text}"]
    script.error = OSError("c")
    assert told(acceptor, clock, 0.3) == []


def test_a_permission_that_is_set_a_little_late_is_not_told(clock, script):
    """udev makes the device first and gives it to its group then."""
    script.error = Absent("x")
    acceptor = SerialAcceptor("serial://x", script)
    assert told(acceptor, clock, 3) == ["because x"]
    script.error = PermissionError(errno.EACCES, "Permission denied")
    assert told(acceptor, clock, 0.4) == []
    script.error = None
    clock.now += 1
    assert acceptor.accept(0) is script


def test_after_a_link_the_same_cause_is_told_again(clock, script):
    script.error = Absent("x")
    acceptor = SerialAcceptor("serial://x", script)
    assert told(acceptor, clock, 3) == ["because x"]
    script.error = None
    clock.now += 1
    assert acceptor.accept(0) is script
    script.error = Absent("x")
    clock.now += 1
    acceptor._ended(script)
    clock.now += 0.06
    looks = len(script.looks)
    assert acceptor.accept(0) is None
    assert len(script.looks) == looks + 1  # soon, however long it took before
    assert told(acceptor, clock, 3) == ["because x"]


def test_links_that_do_not_live_are_given_less_often(clock, script):
    """Who has no use for them, as a server that is full, must not be kept busy."""
    acceptor = SerialAcceptor("serial://x", script)
    for _ in range(2000):
        clock.now += 0.01
        if acceptor.accept(0) is not None:
            acceptor._ended(script)
    assert pauses(script.looks)[:4] == pytest.approx([0.05, 0.1, 0.2, 0.4], abs=0.011)
    assert 20 <= len(script.looks) <= 26
