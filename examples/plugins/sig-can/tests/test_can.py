"""The carrier keeps the rules of carriers, on classic frames and on those of CAN FD."""

from __future__ import annotations

import pytest
from sig_can import CanCarrier
from sig_can.frames import FD, LENGTHS, NODES, id_of, mask_of, pack, unpack

import sig_core as sig
from sig_core.testing import CarrierConformance


class TestClassic(CarrierConformance):
    carrier, url = CanCarrier, "can://classic?interface=virtual&id=0x7f"


class TestFd(CarrierConformance):
    carrier, url = CanCarrier, "can://fd?interface=virtual&id=0x80&fd=1"


@pytest.mark.parametrize("options", ["", "&fd=1"])
def test_routers_speak_over_it(options: str) -> None:
    with sig.ServerRouter(f"can://lab?interface=virtual&id=5{options}") as server:
        server.add_sender("s", [], {"echo": lambda params: params})
        clients = [sig.ClientRouter(server.addresses[0], codec, reconnect=None).start() for codec in ("json", "cbor")]
        for client in clients:
            assert client.remote_request("s", "echo", "x" * 2000) == "x" * 2000
            client.stop()


def test_frames_of_can_fd_are_filled_up_to_a_length_that_exists() -> None:
    for size in range(FD + 1):
        data = bytes(range(1, size + 1))
        content = pack(data)
        assert len(content) in LENGTHS
        assert unpack(content) == data


@pytest.mark.parametrize("content", [b"", b"\x01", b"\x40" + bytes(63)])
def test_frames_of_others_are_none(content: bytes) -> None:
    assert unpack(content) is None


def test_ids_of_two_listeners_or_nodes_differ_in_what_filters_look_at() -> None:
    ids = {id_of(listener, node, from_listener=speaks) for listener in (0, 5) for node in (0, 9) for speaks in (0, 1)}
    assert len(ids) == 8
    assert max(ids) < 1 << 29
    assert len({each & mask_of(all_nodes=True) for each in ids}) == 4
    assert id_of(0x7FF, NODES - 1, from_listener=True) == mask_of(all_nodes=False)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("can://lab?interface=virtual", "option id is missing; it is an integer from 0 to 0x7FF"),
        ("can://lab?interface=virtual&id=0x800", "option id '0x800' is out of range"),
        ("can://?interface=virtual&id=1", "no channel; give one"),
        ("can://lab?interface=virtual&id=1&node=x", "option node 'x' is out of range"),
        ("can://lab?interface=nobodys&id=1", "can't connect: .*nobodys"),
        ("can://lab?id=1&speed=9", "unknown option 'speed'"),
        ("can://no-such-can0?id=1", "can't connect: "),
    ],
)
def test_urls_that_can_not_be_meant(url: str, why: str) -> None:
    with pytest.raises((sig.ConfigError, sig.ConnectFailed), match=why):
        sig.ClientRouter(url).start()
