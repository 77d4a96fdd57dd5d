"""Links with faults: alone with a partner that the test plays, and under routers."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import sig_core as sig
from sig_carriers.fault_half_open import half_open
from sig_carriers.fault_lossy import lossy
from sig_carriers.fault_slow import slow
from sig_carriers.tcp import TcpCarrier
from sig_core.address import Address
from sig_core.contract import Link
from sig_core.testing import begin
from tests.support import eventually, nothing_left_behind, within

__all__ = ["nothing_left_behind"]  # for each test of this file


@contextmanager
def pair(wrapper: Any, query: str) -> Iterator[tuple[Link, Link]]:
    """A link of a client with faults, and the server's end without."""
    carrier = TcpCarrier()
    acceptor = carrier.listen(Address.parse(TcpCarrier.trial))
    faulty = wrapper(carrier.connect(Address.parse(acceptor.address)), Address.parse(f"x+tcp://x?{query}"))
    plain = acceptor.accept(within(10))
    assert plain is not None
    try:
        yield faulty, plain
    finally:
        for closable in (faulty, plain, acceptor):
            closable.close()


def all_of(link: Link) -> bytes:
    """Receive until the end."""
    got, end = b"", time.monotonic() + within(10)
    while time.monotonic() < end:
        try:
            got += link.receive(within(1)) or b""
        except EOFError:
            return got
    raise AssertionError("no end came")


def through(query: str, data: bytes) -> tuple[bytes, bytes]:
    """Send data over a lossy link, then over another one the other way; give what arrived."""
    with pair(lossy, query) as (faulty, plain):
        faulty.send(data)
        faulty.close()
        there = all_of(plain)
    with pair(lossy, query) as (faulty, plain):
        plain.send(data)
        plain.close()
        return there, all_of(faulty)


def test_the_same_seed_gives_the_same_faults_in_each_direction() -> None:
    data = bytes(range(256)) * 40
    query = "drop=0.01&flip=0.01&dup=0.01&seed="
    first, again, other = (through(query + seed, data) for seed in ("7", "7", "8"))
    assert first == again
    assert len({*first, *other, data}) == 5


def test_what_was_done_is_counted_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sig")
    with pair(lossy, "drop=1&seed=7") as (faulty, plain):
        faulty.send(bytes(1000))
        faulty.close()
        assert all_of(plain) == b""
    said = [record.getMessage() for record in caplog.records if "lossy" in record.getMessage()]
    assert len(said) == 1
    assert said[0].endswith(
        "lossy, seed=7: of 1,000 bytes sent 1,000 dropped, 0 flipped, 0 doubled; "
        "of 0 bytes received 0 dropped, 0 flipped, 0 doubled"
    )


def test_what_is_late_still_arrives_before_the_end() -> None:
    with pair(slow, "delay=30ms&rate=1e6") as (faulty, plain):
        plain.send(b"x" * 5000)
        plain.close()
        assert all_of(faulty) == b"x" * 5000
        with pytest.raises(OSError):  # whichever the system says of a peer that left
            while True:
                faulty.send(b"y")


def test_a_close_lets_what_is_on_its_way_arrive() -> None:
    with pair(slow, "delay=30ms") as (faulty, plain):
        faulty.send(b"x" * 5000)
        faulty.close()
        assert all_of(plain) == b"x" * 5000


def test_a_slow_link_is_no_faster_than_asked() -> None:
    with pair(slow, "rate=100000&delay=20ms") as (faulty, plain):
        began = time.monotonic()
        faulty.send(bytes(2000))  # 10,000 bytes a second
        got = b""
        while len(got) < 2000:
            got += plain.receive(within(1)) or b""
        assert time.monotonic() - began >= 0.2  # the least that is promised: nothing is said of the most


def test_a_cut_ends_both_ends() -> None:
    with pair(lossy, "cut=50ms") as (faulty, plain):
        with pytest.raises(OSError, match=r"cut after 0.05 s") as caught:
            while True:
                faulty.receive(within(1))
        assert caught.value.errno == errno.ECONNRESET
        with pytest.raises(OSError, match="cut after"):
            faulty.send(b"x")
        assert all_of(plain) == b""


def test_a_send_that_waits_is_cut_too() -> None:
    with pair(lossy, "cut=50ms&jitter=1ms") as (faulty, _):
        with pytest.raises(OSError, match="cut after"):
            while True:
                faulty.send(bytes(1 << 16))


def test_a_pulled_cable_shows_no_end() -> None:
    with pair(half_open, "after=0") as (faulty, plain):
        faulty.send(b"swallowed")
        plain.send(b"unread")
        assert plain.receive(0.05) is None
        plain.close()
        assert faulty.receive(0.05) is None
        faulty.send(b"swallowed as well")
        receiving = begin(faulty.receive, within(60))
        faulty.close()
        with pytest.raises(OSError, match="closed on this side"):
            receiving.result(within(10))


def test_before_it_is_pulled_all_passes() -> None:
    with pair(half_open, "after=1h") as (faulty, plain):
        faulty.send(b"there")
        assert plain.receive(within(10)) == b"there"
        plain.close()
        with pytest.raises(EOFError):
            faulty.receive(within(10))


# -- under routers


def test_a_wrapper_of_a_server_is_in_the_address_that_it_tells() -> None:
    with sig.ServerRouter("slow+lossy+tcp://127.0.0.1:0?nodelay=0&drop=0.001&delay=1ms&seed=a%26b") as server:
        address = Address.parse(server.addresses[0])
        assert (address.wrappers, address.scheme) == (("slow", "lossy"), "tcp")
        assert address.options == {"drop": "0.001", "delay": "1ms", "seed": "a&b"}


@pytest.mark.parametrize(
    "url",
    [
        "lossy+tcp://127.0.0.1:0?drop=0.001&flip=1e-4&dup=0.001&seed=7",
        "lossy+tcp://127.0.0.1:0?drop=0.005&seed=7",  # at each end: 1 % of all bytes
        "lossy+local://faulty?drop=0.02&flip=0.01&dup=0.01&jitter=5ms&seed=7",
        "slow+lossy+tcp://127.0.0.1:0?rate=1e6&delay=1ms&drop=0.001&seed=7",
        "slow+local://faulty?rate=1e6&delay=1ms",
    ],
)
def test_everything_arrives_once_and_in_order(url: str) -> None:
    there: list[int] = []
    count = 60
    with sig.ServerRouter(url) as server:
        with sig.ClientRouter(server.addresses[0]) as sensor, sig.ClientRouter(server.addresses[0]) as screen:
            screen.add_remote_listener(lambda info, data: there.append(data), "sensor", "tick")
            sender = sensor.add_remote_sender("sensor", ["tick"], {"double": lambda number: 2 * number})
            for number in range(count):
                sender.get_signal("tick").trigger(number)
            assert [screen.remote_request("sensor", "double", number) for number in range(5)] == [0, 2, 4, 6, 8]
            eventually(lambda: len(there) >= count, 30)
            screen.flush()
            assert there == list(range(count))
            assert not screen.lost


def told_of(server: sig.ServerRouter, wrapper: str, options: str, **limits: float) -> list[str]:
    """Connect with a sender; give what is told until it is back, and its sender at the server."""
    told: list[str] = []
    back = threading.Event()

    def tell(state: str, error: object) -> None:
        told.append(f"{state}: {error}")
        if state == "reconnected":
            back.set()

    (url,) = server.addresses
    again = sig.Reconnect(first=0.01)
    with sig.ClientRouter(url) as onlooker:
        with sig.ClientRouter(f"{wrapper}+{url}?{options}", limits=sig.Limits(**limits), reconnect=again) as client:
            client.add_remote_sender("sensor")
            client.on("disconnected", tell)
            client.on("reconnected", tell)
            assert back.wait(within(20))
            eventually(lambda: "sensor" in onlooker.remote_senders())
    return told


def test_a_pulled_cable_is_noticed_by_silence_and_replaced() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        told = told_of(server, "half-open", "after=0.2", keepalive=1)
    assert "was silent for" in told[0] and "allowed are 1" in told[0]
    assert told[1].startswith("reconnected")


def test_after_a_cut_a_client_comes_back_with_its_senders() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        told = told_of(server, "lossy", "cut=0.3")
    assert "cut after 0.3 s" in told[0]
    assert told[1].startswith("reconnected")
