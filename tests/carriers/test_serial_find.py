"""Which port a URL means, of those that there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_carriers import serial_find
from sig_carriers.serial_find import Absent, Name, absence, plugged, url_of
from sig_core.address import Address
from sig_core.errors import ConfigError
from tests.carriers.serial_ports import connect, listen, usb


def name(url: str) -> Name:
    return Name.of(Address.parse(url))


@pytest.fixture
def ports(monkeypatch, tmp_path):
    """The ports that pyserial finds, to be changed; and empty folders where udev puts its names."""
    found = []
    monkeypatch.setattr(serial_find, "comports", lambda: list(found))
    for folder in ("BY_ID", "BY_PATH"):
        (tmp_path / folder).mkdir()
        monkeypatch.setattr(serial_find, folder, tmp_path / folder)
    return found


@pytest.mark.parametrize(
    ("url", "text", "kind", "peer"),
    [
        ("serial:///dev/ttyACM0?baud=9600", "/dev/ttyACM0", "device", "serial:///dev/ttyACM0"),
        ("serial:///dev/serial/by-id/usb-A_B%20C-if00", "/dev/serial/by-id/usb-A_B C-if00", "device",
         "serial:///dev/serial/by-id/usb-A_B%20C-if00"),
        ("serial://usb:2341:0043?dtr=0", "usb:2341:0043", "usb", "serial://usb:2341:0043"),
        ("SERIAL://usb:303A:1001:F4:12:fA", "usb:303A:1001:F4:12:fA", "usb", "serial://usb:303A:1001:F4:12:fA"),
        ("serial://usb:1:2:a%2Fb%40", "usb:1:2:a/b@", "usb", "serial://usb:1:2:a%2Fb%40"),
        ("serial://COM3", "COM3", "device", "serial://COM3"),
        ("serial://com12?baud=300", "COM12", "device", "serial://COM12"),
        ("serial://?url=loop://", "loop://", "url", "serial://?url=loop://"),
        ("serial://?url=socket%3A%2F%2F127.0.0.1%3A4000&name=x", "socket://127.0.0.1:4000", "url",
         "serial://?url=socket://127.0.0.1:4000"),
        ("serial://?url=spy:///dev/ttyUSB0?file=dump%26all", "spy:///dev/ttyUSB0?file=dump&all", "url",
         "serial://?url=spy:///dev/ttyUSB0?file=dump%26all"),
    ],
)  # fmt: skip
def test_what_a_url_names(url, text, kind, peer):
    found = name(url)
    assert (found.text, found.kind, found.peer) == (text, kind, peer)
    assert name(found.peer) == found


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1, max_size=20))
def test_any_serial_number_comes_back(number):
    url = url_of(f"usb:2341:0043:{number}")
    assert name(url).text == f"usb:2341:0043:{number}"
    assert url.isascii()


@pytest.mark.parametrize("call", [connect, listen])
@pytest.mark.parametrize(
    "where",
    ["", "/", "ttyACM0", "ttyACM0:9600", "usb:2341:0043/x", "usb:23412:43", "usb:x:y", "tcp:1:2", "host/dev/ttyACM0",
     "/dev/ttyS0?url=loop://", "?url=", "?url=/dev/ttyS0", "?url=socket://", "?url=socket://h", "?url=socket://h:x",
     "COM3:1", "COM3/x", "/dev/tty%00"],
)  # fmt: skip
def test_urls_that_name_no_port(call, where):
    with pytest.raises(ConfigError, match=r"takes a device \(serial:///dev/ttyACM0\), a USB identity"):
        call(where)


# -- the ports that there are

def test_what_a_port_is_called(ports, tmp_path):
    ports.append(usb("/dev/ttyUSB0", 0x1A86, 0x7523, None, "CH340"))
    ports += [usb("/dev/ttyACM0"), usb("/dev/ttyS0", None, None, None, "n/a")]
    for folder in ("BY_ID", "BY_PATH"):
        (tmp_path / folder / "one").symlink_to("/dev/ttyACM0")
        (tmp_path / folder / "two").symlink_to("/dev/ttyUSB0")
    acm, builtin, ch340 = plugged()
    assert (acm.device, acm.description) == ("/dev/ttyACM0", "Arduino Uno")
    assert acm.names() == ["usb:2341:0043:7573AbC", f"{tmp_path}/BY_ID/one", "/dev/ttyACM0"]
    assert ch340.names() == ["usb:1a86:7523", f"{tmp_path}/BY_ID/two", f"{tmp_path}/BY_PATH/two", "/dev/ttyUSB0"]
    assert (builtin.names(), builtin.description) == (["/dev/ttyS0"], "unknown")


@pytest.mark.parametrize("error", [TypeError("int() argument"), ValueError("x"), OSError("x")])
def test_a_port_that_is_pulled_out_while_pyserial_looks(monkeypatch, error):
    def comports():
        raise error

    monkeypatch.setattr(serial_find, "comports", comports)
    assert plugged() == []


@pytest.mark.parametrize("asked", ["usb:2341:0043:7573AbC", "usb:2341:43", "USB:2341:0043:7573AbC", "usb:2341:0043"])
def test_a_usb_identity_leads_to_its_device(ports, asked):
    ports += [usb("/dev/ttyACM1"), usb("/dev/ttyACM0", 0x2341, 0x44), usb("/dev/ttyS0", None, None, None)]
    assert Name(asked, "usb").find() == "/dev/ttyACM1"
    ports[0].device = "/dev/ttyACM7"
    assert Name(asked, "usb").find() == "/dev/ttyACM7"


def test_hexadecimal_letters_in_either_case(ports):
    ports.append(usb("/dev/ttyACM0", 0x303A, 0x1001, "F4:12:fA"))
    assert Name("usb:303A:1001:F4:12:fA", "usb").find() == "/dev/ttyACM0"
    assert Name("usb:303a:1001:F4:12:fA", "usb").find() == "/dev/ttyACM0"
    with pytest.raises(Absent):
        Name("usb:303a:1001:f4:12:fa", "usb").find()


def test_several_ports_of_one_identity_are_not_guessed_at(ports, tmp_path):
    ports += [usb("/dev/ttyUSB0", number=None), usb("/dev/ttyUSB1", number=None)]
    (tmp_path / "BY_PATH" / "left").symlink_to("/dev/ttyUSB0")
    with pytest.raises(OSError, match=r"2 ports are usb:2341:0043: .*/left, /dev/ttyUSB1; name one of them") as caught:
        Name("usb:2341:0043", "usb").find()
    assert not isinstance(caught.value, Absent)


def test_a_device_is_there_or_not(tmp_path):
    link = tmp_path / "board"
    link.symlink_to(tmp_path / "ttyACM0")
    with pytest.raises(Absent):
        Name(str(link), "device").find()
    (tmp_path / "ttyACM0").touch()
    assert Name(str(link), "device").find() == str(link)


def test_what_is_there_instead(ports):
    assert absence("/dev/ttyACM1") == "no port /dev/ttyACM1; no serial port is plugged in"
    ports += [usb("/dev/ttyACM0"), usb("/dev/ttyS0", None, None, None, "16550A")]
    there = "there is: /dev/ttyACM0 (usb:2341:0043:7573AbC), /dev/ttyS0 (16550A)"
    assert absence("/dev/ttyACM1") == f"no port /dev/ttyACM1, did you mean '/dev/ttyACM0'?; {there}"
    assert absence("usb:2341:0043:7573abc") == (
        f"no port usb:2341:0043:7573abc, did you mean 'usb:2341:0043:7573AbC'?; {there}"
    )
    assert absence("socket://127.0.0.1:1") == "socket://127.0.0.1:1: nobody answers there"
