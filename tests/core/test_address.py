"""URLs of carriers."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_core.address import Address, as_url, did_you_mean, is_exposed
from sig_core.errors import ConfigError

WORD = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=10).filter(lambda word: word[0].isalpha())


@given(WORD, st.lists(WORD, max_size=3), WORD, st.none() | st.integers(0, 65_535), st.lists(WORD, max_size=3))
def test_the_parts_are_those_that_were_written(
    scheme: str, wrappers: list[str], host: str, port: int | None, path: list[str]
) -> None:
    tail = "".join(f"/{part}" for part in path)
    url = f"{'+'.join([*wrappers, scheme])}://{host}{'' if port is None else f':{port}'}{tail}?a=1&b="
    address = Address.parse(url)
    assert (address.scheme, address.wrappers, address.host, address.port) == (scheme, tuple(wrappers), host, port)
    assert (address.path, address.options, str(address)) == (tail, {"a": "1", "b": ""}, url)


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("tcp://[::1]:3000", "::1", 3000, ""),
        ("TCP://Example:1", "example", 1, ""),
        ("unix:///run/a%20b.sock", "", None, "/run/a b.sock"),
        ("local://lab", "lab", None, ""),
        ("tcp://:0", "", 0, ""),
        ("serial://usb:2341:0043", "usb:2341:0043", None, ""),
        ("serial://usb:303A:1001:F4:12:fA?baud=9600", "usb:303A:1001:F4:12:fA", None, ""),
        ("serial://usb:1a86:7523:A%2FB%40%20c/x", "usb:1a86:7523:A/B@ c", None, "/x"),
        ("serial://COM3", "com3", None, ""),
        ("unix:@Lab", "@Lab", None, ""),
        ("unix://@Lab", "@Lab", None, ""),
        ("unix:@a%20b?x=1", "@a b", None, ""),
    ],
)
def test_spellings(url: str, host: str, port: int | None, path: str) -> None:
    address = Address.parse(url)
    assert (address.host, address.port, address.path) == (host, port, path)
    assert address.scheme == url.split(":")[0].lower()


@pytest.mark.parametrize(
    "url",
    ["", "tcp", "tcp:", "127.0.0.1:3000", "://x", "tcp://h:65536", "tcp://h:x", "tcp://[::1", "+tcp://h", "a++b://h",
     "tcp://::1:3000", "tcp://fe80::1:3000", "tcp://h::1", "usb://a:b:", "tcp://[::1]:2:3", "tcp://user@a:b:c",
     "tcp://user@h:1", "tcp://h:1#part", "tcp://h?a", "tcp://h?a=1&a=2", "unix:///\udc9d", 3000, None, b"tcp://h"],
)  # fmt: skip
def test_what_is_no_url_is_named_with_the_grammar(url: object) -> None:
    with pytest.raises(ConfigError) as caught:
        Address.parse(url)  # type: ignore[arg-type]
    assert repr(url) in str(caught.value)
    assert "SCHEME://" in str(caught.value) or "given twice" in str(caught.value)


def test_unknown_options_are_named_with_the_known_ones() -> None:
    address = Address.parse("tcp://h:1?nodelai=1")
    with pytest.raises(ConfigError, match=r"'nodelai', did you mean 'nodelay'\?; tcp knows: backlog, nodelay"):
        address.check_options(["nodelay", "backlog"])
    with pytest.raises(ConfigError, match="tcp knows: none"):
        address.check_options([])
    address.check_options(["nodelai"])


@pytest.mark.parametrize(("text", "value"), [("1", True), ("on", True), ("YES", True), ("0", False), ("false", False)])
def test_flags(text: str, value: bool) -> None:
    assert Address.parse(f"tcp://h?x={text}").flag("x", not value) is value


def test_a_flag_has_a_default_and_no_third_value() -> None:
    assert Address.parse("tcp://h").flag("x", True) is True
    with pytest.raises(ConfigError, match="x='maybe'"):
        Address.parse("tcp://h?x=maybe").flag("x", True)


@given(st.floats(-10, 10))
def test_numbers_within_their_range(value: float) -> None:
    address = Address.parse(f"tcp://h?x={value!r}")
    if 0 <= value <= 5:
        assert address.number("x", 1, 0, 5) == value
    else:
        with pytest.raises(ConfigError, match="from 0 to 5"):
            address.number("x", 1, 0, 5)


@pytest.mark.parametrize("text", ["", "nan", "inf", "1s"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ConfigError, match="no number from 0 to 5"):
        Address.parse(f"tcp://h?x={text}").number("x", 1, 0, 5)
    assert Address.parse("tcp://h").number("x", 1.5, 0, 5) == 1.5


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "lab.example"])
@pytest.mark.parametrize("path", ["", "/sig", "/with a space/100%/ü"])
def test_a_place_becomes_a_url_that_leads_there(host: str, path: str) -> None:
    address = Address.parse(as_url("lab", host, 3000, path))
    assert (address.scheme, address.host, address.port, address.path) == ("lab", host, 3000, path)
    assert address.url.isascii()


def test_the_nearest_word_is_proposed_if_there_is_one() -> None:
    assert did_you_mean("jsn", ["json", "cbor"]) == ", did you mean 'json'?"
    assert did_you_mean("zzz", ["json", "cbor"]) == ""


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("tcp://127.0.0.1:3000", False),
        ("tcp://127.255.0.1:3000", False),
        ("tcp://[::1]:3000", False),
        ("tcp://[::ffff:127.0.0.1]:3000", False),
        ("ws://localhost:80/sig", False),
        ("unix:///run/sig.sock", False),
        ("local://lab", False),
        ("serial://usb:2341:0043", False),
        ("anything", False),
        ("tcp://0.0.0.0:3000", True),
        ("tcp://[::]:3000", True),
        ("tcp://[::ffff:0.0.0.0]:3000", True),
        ("tcp://[fe80::1%25eth0]:3000", True),
        ("lossy+udp://192.168.1.5:9?x=1", True),
        ("mcast://239.1.2.3:5000", True),
        ("wss://example.org:443", True),
        ("ws://:80", True),
    ],
)
def test_what_other_machines_may_reach(url: str, exposed: bool) -> None:
    assert is_exposed(url) is exposed
