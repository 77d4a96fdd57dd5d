"""Which links are one line: those of a serial port, whatever it is called now; and not those that many clients open."""

from __future__ import annotations

import itertools
import logging
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

import sig_core as sig
from sig_core.contract import LinkTraits
from sig_core.links.sockets import SocketAcceptor, SocketLink
from tests.support import eventually
from tests.support.heard import Heard
from tests.system.socket_board import SocketBoard


@pytest.fixture(name="url", params=["lossy+unix", "lossy+tcp"])
def _url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"lossy+unix://{tmp_path}/lines" if request.param == "lossy+unix" else "lossy+tcp://127.0.0.1:0"


def test_the_clients_of_one_process_have_a_line_each(url: str) -> None:
    with sig.ServerRouter(url) as server, ExitStack() as stack:
        where = server.addresses[0]
        clients = [stack.enter_context(sig.ClientRouter(where, reconnect=None)) for _ in range(3)]
        for number, client in enumerate(clients):
            client.add_remote_sender(f"s{number}", [], {"echo": lambda params: params})
        for number, client in enumerate(clients):
            others = [f"s{other}" for other in range(3) if other != number]
            assert [client.remote_request(other, "echo", number) for other in others] == [number, number]


def test_one_of_them_leaves_and_another_one_comes(url: str) -> None:
    with sig.ServerRouter(url) as server, sig.ClientRouter(server.addresses[0], reconnect=None) as stays:
        gone = Heard()
        stays.add_remote_listener(gone, "guest", "#disconnect")
        stays.add_remote_sender("here", [], {"echo": lambda params: params})
        for number in range(3):
            with sig.ClientRouter(server.addresses[0], reconnect=None) as guest:
                guest.add_remote_sender("guest", [])
                assert guest.remote_request("here", "echo", number) == number
            gone.wait_for(number + 1)


def test_a_board_on_such_a_line_is_known_by_its_session() -> None:
    with sig.ServerRouter("lossy+tcp://127.0.0.1:0", "tcp://127.0.0.1:0") as server:
        lines, tcp = server.addresses
        with sig.ClientRouter(tcp) as client, SocketBoard(lines.removeprefix("lossy+")) as first:
            heard, gone = Heard(), Heard()
            client.add_remote_listener(heard, "tiny", "e")
            client.add_remote_listener(gone, "tiny", "#disconnect")
            first.run(lambda: [0, 0] in first.got)
            first.close()
            with SocketBoard(lines.removeprefix("lossy+"), name="other") as second:
                second.run(lambda: [0, 0] in second.got)
                first.fire(0, "away")
                first.connect()
                first.run(lambda: heard.values)
            assert (heard.values, gone.values, first.got.count([0, 0])) == (["away"], [], 1)


def test_a_line_on_which_nobody_says_hello_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    limits = sig.Limits(handshake=0.3)
    with caplog.at_level(logging.INFO, "sig"), sig.ServerRouter("lossy+tcp://127.0.0.1:0", limits=limits) as server:
        with SocketBoard(server.addresses[0].removeprefix("lossy+")) as there:
            there.run(lambda: [0, 0] in there.got)
            with SilentBoard(server.addresses[0].removeprefix("lossy+")) as silent:
                eventually(lambda: len(server.peers) == 2)
                assert silent.sock.recv(100) == b"", "nobody is called before it says who it is"
            there.fire(0, 1)
            eventually(lambda: "no HELLO of a board within the handshake time" in caplog.text)


class SilentBoard(SocketBoard):
    """Opens a connection, and says nothing."""

    def hello(self) -> None:
        pass


class Port(SocketAcceptor):
    """A serial port, played by a listening socket: what is plugged in connects, and is another device each time."""

    def __init__(self, **states: bool) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self._devices = itertools.count()
        super().__init__(listening, f"tcp://127.0.0.1:{listening.getsockname()[1]}", self._device)
        self.__dict__.update(states)

    def _device(self, sock: socket.socket) -> SocketLink:
        traits = LinkTraits(packets=False, reliable=False, bitrate=115_200)
        return SocketLink(sock, f"port:///dev/device{next(self._devices)}", traits)


@pytest.mark.parametrize("knows", [True, False], ids=["asked", "says hello"])
def test_a_port_that_is_another_device_when_plugged_in_again_goes_on(knows: bool) -> None:
    port = Port()
    with sig.ServerRouter() as server:
        server.listen(port)
        heard, gone = Heard(), Heard()
        server.add_listener(heard, "tiny", "e")
        server.add_listener(gone, "tiny", "#disconnect")
        with SocketBoard(port.address) as device:
            device.run(lambda: [0, 0] in device.got)
            for number in range(3):
                device.close()
                eventually(lambda: not server.peers)
                device.fire(0, number)
                if not knows:
                    device.hello = lambda: None  # type: ignore[method-assign]
                device.connect()
                device.run(lambda: len(heard.values) > number)  # noqa: B023
            assert (heard.values, gone.values, device.got.count([0, 0])) == ([0, 1, 2], [], 1)


def test_ports_of_one_name_at_two_addresses_are_two_lines() -> None:
    with sig.ServerRouter() as server, ExitStack() as stack:
        for name in ("left", "right"):
            port = Port()
            server.listen(port)
            device = stack.enter_context(SocketBoard(port.address, name=name))
            device.run(lambda: [0, 0] in device.got)  # noqa: B023
        assert len(server.peers) == 2


def test_an_acceptor_says_that_its_lines_are_many() -> None:
    port = Port(one_peer=False)
    with sig.ServerRouter() as server, ExitStack() as stack:
        server.listen(port)
        devices = [stack.enter_context(SocketBoard(port.address, name=name)) for name in ("left", "right")]
        for device in devices:
            device.run(lambda: [0, 0] in device.got)  # noqa: B023
        assert len(server.peers) == 2
