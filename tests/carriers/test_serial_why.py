"""Why a port can't be had: each failure with its cause, and what to do."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from sig_carriers import serial_find, serial_open, serial_why
from sig_carriers.serial_port import SerialCarrier
from sig_core.errors import ConfigError, ConnectFailed, ListenFailed
from tests.carriers.serial_ports import board, connect, listen, usb

HOLD = """
import sys, serial
port = serial.Serial(sys.argv[1], exclusive=True)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def uno():
    with board() as plugged:
        yield plugged


@pytest.fixture
def holder(uno):
    """Another process that has the port."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, uno.device], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.communicate()


@pytest.fixture
def ports(monkeypatch):
    found = []
    monkeypatch.setattr(serial_find, "comports", lambda: list(found))
    return found


def fail_to_open(monkeypatch, error):
    def refuse(*arguments, **settings):
        raise error

    monkeypatch.setattr(serial_open, "_open", refuse)


BOTH = pytest.mark.parametrize(("call", "kind"), [(connect, ConnectFailed), (listen, ListenFailed)])


@BOTH
def test_busy_and_by_whom(uno, holder, call, kind):
    program = (serial_why.PROC / str(holder.pid) / "comm").read_text().strip()
    with pytest.raises(kind) as caught:
        call(uno.device)
    assert isinstance(caught.value, OSError)
    assert str(caught.value) == (
        f"serial://{uno.device}: can't open the port: {uno.device}: "
        f"busy: this program, pid {holder.pid} ({program}) has it open; stop that, or take another port"
    )  # this program: the test has the other end's name open too


@BOTH
def test_busy_under_another_name(uno, holder, call, kind, tmp_path):
    (tmp_path / "board").symlink_to(uno.device)
    with pytest.raises(kind, match=rf"board: busy: .*pid {holder.pid} \("):
        call(str(tmp_path / "board"))


def test_busy_with_ourselves(uno):
    link = connect(uno.device)
    with pytest.raises(ConnectFailed, match="busy: this program has it open"):
        connect(uno.device)
    link.close()
    connect(uno.device).close()


def test_busy_and_nobody_knows_by_whom(uno, monkeypatch, tmp_path):
    """Processes of other users can't be looked into; other systems have no /proc at all."""
    link = connect(uno.device)
    for folder, who in ((tmp_path, "a program of another user"), (tmp_path / "missing", "another program")):
        monkeypatch.setattr(serial_why, "PROC", folder)
        with pytest.raises(ConnectFailed, match=f"busy: {who} has it open; "):
            connect(uno.device)
    link.close()


def test_processes_that_end_while_they_are_looked_at(monkeypatch, tmp_path):
    (tmp_path / "12" / "fd").mkdir(parents=True)
    (tmp_path / "12" / "fd" / "3").symlink_to("/dev/ttyX")
    (tmp_path / "12" / "fd" / "4").touch()  # no link: closed meanwhile
    (tmp_path / "13").mkdir()
    (tmp_path / "self").mkdir()
    monkeypatch.setattr(serial_why, "PROC", tmp_path)
    assert serial_why.holders(["/dev/ttyX", "/dev/ttyY"]) == {"/dev/ttyX": [12], "/dev/ttyY": []}
    assert serial_why.held_by([12]) == "pid 12 (it has ended meanwhile)"


@BOTH
def test_no_permission_and_which_group(uno, monkeypatch, call, kind):
    os.chmod(uno.device, 0o660)
    if os.getuid() == 0:
        os.chown(uno.device, -1, 5)
    group = serial_why._group(os.stat(uno.device).st_gid)
    monkeypatch.setattr(serial_why, "_is_member", lambda number: False)
    fail_to_open(monkeypatch, PermissionError(errno.EACCES, "Permission denied"))
    with pytest.raises(kind) as caught:
        call(uno.device)
    assert str(caught.value) == (
        f"serial://{uno.device}: can't open the port: {uno.device}: "
        f"no permission to read and write: it belongs to group {group}; "
        f"sudo usermod -aG {group} $USER, then log in again"
    )
    monkeypatch.setattr(serial_why, "_is_member", lambda number: True)
    with pytest.raises(kind, match=f"group {group}; you joined that group after this session began: log out"):
        call(uno.device)


def test_no_permission_for_any_group(tmp_path):
    file = tmp_path / "ttyX"
    file.touch()
    file.chmod(0o600)
    cause, remedy = serial_why.denial(str(file))
    assert cause == "no permission to read and write: its owner alone may, and no group that you could join"
    assert remedy == "add a udev rule, as docs/serial.md shows"


def test_a_group_without_a_name():
    assert serial_why._group(4_000_000_000) == "4000000000"
    assert not serial_why._is_member(4_000_000_000)


def test_who_is_a_member():
    import grp
    import pwd

    user = pwd.getpwuid(os.getuid()).pw_name
    for group in grp.getgrall():
        assert serial_why._is_member(group.gr_gid) is (user in grp.getgrgid(group.gr_gid).gr_mem)


def test_absent(ports):
    ports.append(usb("/dev/ttyNoneACM0"))
    with pytest.raises(ConnectFailed) as caught:
        connect("/dev/ttyNoneACM1")
    assert str(caught.value) == (
        "serial:///dev/ttyNoneACM1: can't open the port: no port /dev/ttyNoneACM1, did you mean '/dev/ttyNoneACM0'?; "
        "there is: /dev/ttyNoneACM0 (usb:2341:0043:7573AbC)"
    )


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENODEV, errno.ENXIO])
def test_pulled_out_while_it_is_opened(uno, monkeypatch, ports, number):
    """A name that is there, and nothing behind it any more: a listener waits."""
    fail_to_open(monkeypatch, OSError(number, "gone"))
    with pytest.raises(ConnectFailed, match=f"no port {uno.device}; no serial port is plugged in"):
        connect(uno.device)
    acceptor = listen(uno.device)
    assert acceptor.accept(0) is None
    acceptor.close()


@BOTH
def test_no_serial_port(call, kind, tmp_path):
    for device in ("/dev/null", str(tmp_path / "file")):
        (tmp_path / "file").touch()
        with pytest.raises(kind, match=f"{device}: is no serial port"):
            call(device)
    with pytest.raises(kind, match="Is a directory"):
        call(str(tmp_path))


@BOTH
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EIO, "Input/output error"), "there is no hardware behind it"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (ValueError("Failed to set custom baud rate (300000): x"), "Failed to set custom baud rate"),
        (OverflowError("signed integer is greater than maximum"), "signed integer"),
    ],
)
def test_other_failures_are_told_as_they_are(uno, monkeypatch, call, kind, error, said):
    fail_to_open(monkeypatch, error)
    with pytest.raises(kind, match=said):
        call(uno.device)


@BOTH
def test_several_ports_of_one_identity(ports, call, kind):
    ports += [usb("/dev/ttyACM0"), usb("/dev/ttyACM1")]
    with pytest.raises(kind, match="2 ports are usb:2341:0043: /dev/ttyACM0, /dev/ttyACM1; name one"):
        call("usb:2341:0043")


@pytest.mark.parametrize("call", [connect, listen])
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?baud=0", "baud='0' is no number from 50 to"),
        ("?baud=fast", "baud='fast' is no number"),
        ("?parity=evne", "parity='evne' is none of none, even, odd, mark, space, did you mean 'even'"),
        ("?stop=3", "stop='3' is none of 1, 1.5, 2"),
        ("?dtr=maybe", "dtr='maybe' is neither 1 nor 0"),
        ("?rts=", "rts='' is neither"),
        ("?hupcl=x", "hupcl='x' is neither"),
        ("?rtscts=x", "rtscts='x' is neither"),
        ("?low_latency=x", "low_latency='x' is neither"),
    ],
)
def test_options_are_checked_before_the_port_is_touched(uno, monkeypatch, call, query, said):
    fail_to_open(monkeypatch, AssertionError("touched"))
    with pytest.raises(ConfigError, match=said):
        call(uno.device, query)


def test_options_that_are_known():
    import sig_core

    with pytest.raises(ConfigError, match=r"'boud', did you mean 'baud'\?; serial knows: baud, "):
        sig_core.default_plugins().connect("serial:///dev/ttyX?boud=9600")


# -- what `sig ports` is told

def test_ports_with_their_state(uno, holder, ports, monkeypatch, tmp_path):
    free, denied = tmp_path / "free", tmp_path / "denied"
    for file in (free, denied):
        file.touch()
    ports += [usb(uno.device, number="1"), usb(str(free), number=None, text="CH340")]
    ports.append(usb(str(denied), None, None, None, "n/a"))
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != str(denied) and real(path, mode))
    found = {port["device"]: port for port in SerialCarrier().ports()}
    assert found[uno.device].pop("cause").startswith(f"this program, pid {holder.pid} (")
    assert found[uno.device] == {
        "device": uno.device, "description": "Arduino Uno", "removable": True, "state": "busy", "remedy": "",
        "urls": ["serial://usb:2341:0043:1", f"serial://{uno.device}"],
    }  # fmt: skip
    assert found[str(free)] == {
        "device": str(free), "description": "CH340", "removable": True, "state": "free", "cause": "", "remedy": "",
        "urls": ["serial://usb:2341:0043", f"serial://{free}"],
    }  # fmt: skip
    assert (found[str(denied)]["state"], found[str(denied)]["removable"]) == ("denied", False)
    assert (found[str(denied)]["cause"], found[str(denied)]["remedy"]) == serial_why.denial(str(denied))


def test_no_ports(ports):
    assert SerialCarrier().ports() == []


def test_ports_are_not_opened(uno, ports, monkeypatch):
    """To open one would reset some boards."""
    ports.append(usb(uno.device))
    real = os.open
    opened = []
    monkeypatch.setattr(os, "open", lambda path, *more: opened.append(path) or real(path, *more))
    assert SerialCarrier().ports()[0]["device"] == uno.device
    assert uno.device not in opened
