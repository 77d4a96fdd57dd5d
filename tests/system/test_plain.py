"""The plain dialect over real links: whoever has a socket joins, and costs nobody else anything."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from sig_core.address import Address
from tests.support import eventually, within
from tests.support.hook_plugins import plugins_with
from tests.support.plainpeer import Original, Packets, PlainPeer, dial

LINE = b'{"id":1,"method":"list_senders","params":{}}'
ANSWER = b'{"id":1,"status":0,"response":[{"sender":null,"connected":true},{"sender":"timer","connected":true}]}\n'


@pytest.fixture(params=["tcp", "unix"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "tcp://127.0.0.1:0" if request.param == "tcp" else f"unix://{tmp_path}/plain.sock"


def plain_peers(server: sig.ServerRouter) -> list[dict[str, Any]]:
    """What the server counts of its plain peers."""
    return [peer for peer in server.stats()["peers"] if peer.get("codec") == "json" and peer.get("client") == ""]


def adds_up(events: dict[str, Any]) -> bool:
    return bool(events["fired"] == events["out"] + events["waiting"] + sum(events["lost"].values()))


# -- netcat


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("half", [True, False])
def test_a_line_of_netcat(url: str, end: bytes, half: bool) -> None:
    with sig.ServerRouter(url) as server:
        server.add_sender("timer", ["tic"])
        with dial(server.addresses[0]) as sock, sock.makefile("rb") as file:
            sock.sendall(LINE + end)
            if half:
                sock.shutdown(socket.SHUT_WR)
                assert file.read() == ANSWER  # then the server closes
            else:
                assert file.readline() == ANSWER
        eventually(lambda: server.peers == [])


def test_a_half_close_is_answered_by_a_slow_handler_of_the_program(url: str) -> None:
    go = threading.Event()
    with sig.ServerRouter(url) as server, sig.ClientRouter(server.addresses[0]) as client:
        server.add_sender("here", [], {"m": lambda params: go.wait(within(10)) and params})
        client.add_remote_sender("there", [], {"m": lambda params: go.wait(within(10)) and params})
        with PlainPeer(server.addresses[0]) as peer:
            for sender in ("here", "there"):
                peer.send({"id": sender, "method": "request", "params": {"sender": sender, "method": "m", "params": 5}})
            peer.end_input()
            eventually(lambda: server.stats()["requests"]["open"] == 2)
            go.set()
            answers = [json.loads(line) for line in peer.rest().splitlines()]
            assert sorted(answer["id"] for answer in answers) == ["here", "there"]
            assert [answer["response"] for answer in answers] == [5, 5]


def test_what_a_shell_would_do_to_fire_an_event(url: str) -> None:
    heard: list[Any] = []
    with sig.ServerRouter(url) as server:
        server.add_listener(lambda info, data: heard.append((info["event"], data)), "sh")
        with dial(server.addresses[0]) as sock, sock.makefile("rb") as file:
            sock.sendall(
                b'{"method":"add_sender","params":{"sender":"sh","events":"done"}}'
                b'{"method":"signal","params":{"info":{"sender":"sh","event":"done"},"data":"yes"}}'
            )
            sock.shutdown(socket.SHUT_WR)
            assert file.read() == b'{"id":null,"status":0,"response":null}\n' * 2
        eventually(lambda: [event for event, _ in heard] == ["#connect", "done", "#disconnect"])
        assert heard[1] == ("done", "yes")


# -- who vanishes


def _listening(peer: PlainPeer, program: Any) -> None:
    peer.call("add_listener")


def _sending(peer: PlainPeer, program: Any) -> None:
    peer.call("add_sender", sender="gone", events=["e"], requests=["m"])


def _asking(peer: PlainPeer, program: Any) -> None:
    peer.send({"id": 1, "method": "request", "params": {"sender": "program", "method": "wait"}})


def _asking_and_half_closed(peer: PlainPeer, program: Any) -> None:
    _asking(peer, program)
    peer.end_input()


def _asked(peer: PlainPeer, program: Any) -> None:
    _sending(peer, program)
    program.request_async("gone", "m")
    assert peer.heard()["method"] == "request"


def _one_by_one(peer: PlainPeer, program: Any) -> None:
    peer.call("plain", answers=True, lines=False)
    _listening(peer, program)
    for number in range(10):
        program.get_sender("program").get_signal("e").trigger(number)
    assert peer.heard()["method"] == "signal"


def _inside(peer: PlainPeer, program: Any) -> None:
    _sending(peer, program)
    peer.sock.sendall(b'{"id":1,"meth')


def _before(peer: PlainPeer, program: Any) -> None:
    pass


STATES = [_before, _listening, _sending, _asking, _asking_and_half_closed, _asked, _one_by_one, _inside]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("reset", [False, True])
def test_who_vanishes_leaves_nothing(state: Any, reset: bool, caplog: pytest.LogCaptureFixture) -> None:
    go, left = threading.Event(), list[Any]()
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        server.add_sender("program", ["e"], {"wait": lambda params: go.wait(within(10))})
        server.add_listener(lambda info, data: left.append(info["sender"]), None, "#disconnect")
        peer = PlainPeer(server.addresses[0])
        eventually(lambda: len(server.peers) == 1)
        state(peer, server)
        eventually(lambda: state is not _asking or server.stats()["requests"]["open"] == 1)
        sender = server.has_sender("gone")
        peer.close(reset=reset)
        go.set()
        eventually(lambda: server.peers == [])
        eventually(lambda: left == (["gone"] if sender else []))
        stats = server.stats()
        assert (stats["links"]["open"], stats["subscriptions"], stats["requests"]["open"]) == (0, 1, 0)
        assert len(stats["peers"]) == 1 and adds_up(stats["events"])
        assert not server.has_sender("gone")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("count", [1, 5])
def test_a_stop_ends_plain_peers(url: str, count: int) -> None:
    with ExitStack() as stack:
        server = sig.ServerRouter(url).start()
        stack.callback(server.stop)
        peers = [stack.enter_context(PlainPeer(server.addresses[0])) for _ in range(count)]
        for peer in peers:
            peer.call("add_listener")
        server.add_sender("s", ["e"])
        server.stop()
        for peer in peers:
            (line,) = [json.loads(line) for line in peer.rest().splitlines()]
            assert line["params"]["info"] == {"sender": "s", "event": "#connect"}


# -- beside others


@pytest.mark.timeout(90)
def test_two_hundred_plain_peers_beside_binary_ones() -> None:
    count, events = 200, 10
    with ExitStack() as stack:
        server = stack.enter_context(sig.ServerRouter("tcp://127.0.0.1:0"))
        address = server.addresses[0]
        here: dict[str, list[int]] = {}
        server.add_listener(lambda info, data: here.setdefault(info["sender"], []).append(data), event="#all")
        binary = [stack.enter_context(sig.ClientRouter(address)) for _ in range(2)]
        heard: list[dict[str, list[int]]] = [{}, {}]
        for client, into in zip(binary, heard, strict=True):
            client.add_remote_listener(
                lambda info, data, into=into: into.setdefault(info["sender"], []).append(data), None, "#all"
            )
        never_answers = stack.enter_context(PlainPeer(address, end=b""))
        never_answers.call("add_listener", sender=None, event="#all")
        never_reads = stack.enter_context(PlainPeer(address, receive_buffer=4096))
        never_reads.send({"method": "add_listener", "params": {"event": "#all"}})
        peers = [stack.enter_context(PlainPeer(address)) for _ in range(count)]
        for number, peer in enumerate(peers):
            peer.send(
                {"id": 1, "method": "add_sender", "params": {"sender": f"p{number}", "events": ["#all", "#own"]}},
                {"id": 2, "method": "add_listener", "params": {"sender": "program", "event": "#mine"}},
                {"id": 3, "method": "add_listener", "params": {"sender": f"p{(number + 1) % count}", "event": "#all"}},
            )
        for peer in peers:
            assert [peer.read()["status"] for _ in range(3)] == [0, 0, 0]
        signal = server.add_sender("program", ["#mine"]).get_signal("#mine")
        for number in range(events):
            for name, peer in enumerate(peers):
                info = {"sender": f"p{name}", "event": "#all"}
                peer.send({"method": "signal", "params": {"info": info, "data": number}})
            signal.trigger(number)
        expected = {f"p{number}": [*range(events)] for number in range(count)}
        eventually(lambda: all(sum(map(len, each.values())) == count * events for each in (here, *heard)), 30)
        assert here == heard[0] == heard[1] == expected
        for number, peer in enumerate(peers):
            got: dict[str, list[int]] = {}
            answers = 0
            while answers < events or sum(map(len, got.values())) < 2 * events:
                message = peer.read()
                if message.get("method") == "signal":
                    got.setdefault(message["params"]["info"]["sender"], []).append(message["params"]["data"])
                else:
                    assert message == {"id": None, "status": 0, "response": None}
                    answers += 1
            assert got == {"program": [*range(events)], f"p{(number + 1) % count}": [*range(events)]}
        lost = [peer["events"]["lost"] for peer in plain_peers(server)]
        assert lost == [{}] * (count + 2)
        silent = [never_answers.heard()["params"]["data"] for _ in range(count * events)]
        assert sorted(silent) == sorted([*range(events)] * count)
        assert adds_up(server.stats()["events"])


def test_a_listener_that_does_not_read_costs_its_own_events_alone() -> None:
    limits = sig.Limits(max_outbox=100_000, stall=0.0)
    heard: list[int] = []
    with ExitStack() as stack:
        server = stack.enter_context(sig.ServerRouter("tcp://127.0.0.1:0", limits=limits))
        address = server.addresses[0]
        client = stack.enter_context(sig.ClientRouter(address))
        client.add_remote_listener(lambda info, data: heard.append(data["n"]), "p", "e")
        with PlainPeer(address, receive_buffer=4096) as stuck, PlainPeer(address) as good, PlainPeer(address) as sends:
            for peer in (stuck, good):
                peer.call("add_listener", sender="p", event="e")
            sends.call("add_sender", sender="p", events=["e"])
            got, count = [], 0
            while not any(peer["events"]["lost"] for peer in plain_peers(server)):
                for _ in range(20):
                    sends.call("signal", info={"sender": "p", "event": "e"}, data={"n": count, "filling": "x" * 5000})
                    count += 1
                    got.append(good.heard()["params"]["data"]["n"])
                assert count < 20_000
            eventually(lambda: len(heard) == count)
            assert got == heard == [*range(count)]
            told = {peer["peer"]: peer["events"]["lost"] for peer in plain_peers(server)}
            assert set(told.pop(stuck.name())) == {"slow listener"}
            assert list(told.values()) == [{}, {}]
        assert adds_up(server.stats()["events"])


def test_answers_that_are_not_read_end_that_link_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "sig")
    limits = sig.Limits(max_outbox=100_000)
    with sig.ServerRouter("tcp://127.0.0.1:0", limits=limits) as server, PlainPeer(server.addresses[0]) as good:
        with PlainPeer(server.addresses[0], receive_buffer=4096) as peer:
            name = peer.name()
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                end = time.monotonic() + within(30)
                while time.monotonic() < end:
                    peer.send(*[{"id": "x" * 1000, "method": "get_version"}] * 10)
            eventually(lambda: len(server.peers) == 1)
        eventually(lambda: f"{name}: link closed: {name} does not read" in caplog.text)
        assert good.call("get_version") == "1.01"


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:0", "slow+tcp://127.0.0.1:0?delay=0"], ids=["polled", "pumped"])
def test_a_flood_that_ends_is_answered_to_the_last_call(url: str) -> None:
    calls = b"".join(b'{"id":%d,"method":"get_version"}\n' % number for number in range(5000))
    with sig.ServerRouter(url) as server:
        address = Address.parse(server.addresses[0])
        with socket.create_connection((address.host, address.port or 0), timeout=within(30)) as sock:
            sending = threading.Thread(target=lambda: (sock.sendall(calls), sock.shutdown(socket.SHUT_WR)))
            sending.start()
            answers = b"".join(iter(lambda: sock.recv(65_536), b""))
            sending.join()
    assert [json.loads(line)["id"] for line in answers.splitlines()] == list(range(5000))


# -- what is told of them


def test_hooks_peers_and_stats_tell_of_plain_peers() -> None:
    told: list[Any] = []

    def sig_session_opened(peer: str, client: str, codec: str) -> None:
        told.append(("opened", peer, client, codec))

    def sig_session_closed(peer: str, client: str, error: Exception) -> None:
        told.append(("closed", peer, client, type(error)))

    plugins = plugins_with(audit={"sig_session_opened": sig_session_opened, "sig_session_closed": sig_session_closed})
    with sig.ServerRouter("tcp://127.0.0.1:0", plugins=plugins) as server:
        with PlainPeer(server.addresses[0]) as peer:
            name = peer.name()
            peer.call("add_sender", sender="s", events=["e"])
            peer.call("add_listener", sender="s", event="e")
            eventually(lambda: told == [("opened", name, "", "json")])
            assert server.peers == [name]
            (stats,) = plain_peers(server)
            assert (stats["peer"], stats["senders"], stats["subscriptions"], stats["held"]) == (name, 1, 1, False)
            assert stats["bytes"]["in"] > 100 and stats["bytes"]["out"] > 30
            peer.call("signal", info={"sender": "s", "event": "e"})
            assert plain_peers(server)[0]["events"]["in"] == 1
        eventually(lambda: told[1:] == [("closed", name, "", sig.LinkClosed)])
        gone = {"open": 0, "ever": 1, "waiting": 0, "resumed": 0}
        eventually(lambda: (server.stats()["links"], server.peers) == (gone, []))
        assert server.stats()["events"]["in"] == 1


@pytest.mark.parametrize(
    ("said", "reason", "level"),
    [
        (b"{}hello", "a JSON object was expected, not b'hello'", "WARNING"),
        (b'{"a":"' + b"x" * 5000, "an object of over 4096 bytes", "WARNING"),
        (b'{"a":', "the link ended inside an object", "INFO"),
        (b"{}", "the peer closed the link", "INFO"),
    ],
)
def test_a_log_line_names_the_reason(
    said: bytes, reason: str, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sig")
    with sig.ServerRouter("tcp://127.0.0.1:0", limits=sig.Limits(max_frame=4096)) as server:
        with PlainPeer(server.addresses[0]) as peer:
            name = peer.name()
            peer.sock.sendall(said)
            peer.end_input()
            peer.rest()
        eventually(lambda: server.peers == [])
        eventually(lambda: [r for r in caplog.records if r.message.startswith(f"{name}: link closed: {reason}")])
        (record,) = [record for record in caplog.records if record.message.startswith(f"{name}: link closed: ")]
        assert record.levelname == level


def test_json_that_is_not_allowed_is_refused_in_its_own_words() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0", codecs=["msgpack"]) as server, PlainPeer(server.addresses[0]) as peer:
        peer.send({"id": 1, "method": "get_version"})
        told = peer.read()
        assert (told["id"], told["status"]) == (None, -7) and "not served at this address" in told["exception"]
        assert peer.rest() == b""


# -- the original client


def test_an_original_client_loses_nothing() -> None:
    """Events and requests, each of which it answers; its own calls when all is quiet, for an answer is not answered."""
    count = 200
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        signal = server.add_sender("s", ["e"]).get_signal("e")
        client = Original(server.addresses[0], {"double": lambda params: params * 2})
        try:
            assert client.call("add_sender", sender="old", events=["x"], requests=["double"])["status"] == 0
            ids = [client.listen(*pattern) for pattern in (("s", "e"), (None, None), ("s", None))]
            answers = [server.request_async("old", "double", number, timeout=within(30)) for number in range(20)]
            for number in range(count):
                signal.trigger(number)
            assert [answer.result(within(30)) for answer in answers] == [2 * number for number in range(20)]
            eventually(lambda: all(len(client.heard.get(ident, ())) == count for ident in ids), 30)
            assert [client.heard[ident] for ident in ids] == [[*range(count)]] * 3
            assert client.call("remove_listener", listener_id=ids[1])["status"] == 0
            for number in range(5):
                assert client.call("get_version")["response"] == "1.01"
                assert client.call("signal", info={"sender": "old", "event": "x"}, data=number)["status"] == 0
            assert client.dropped == []
        finally:
            client.close()
        eventually(lambda: server.peers == [])


# -- packets


def test_packets_of_local_links() -> None:
    heard: list[Any] = []
    with sig.ServerRouter("local://plain") as server:
        server.add_listener(lambda info, data: heard.append((info["event"], data)), "p")
        server.add_sender("s", ["e"], {"m": lambda params: params})
        with Packets("local://plain") as peer:
            peer.send(
                {"id": 1, "method": "add_sender", "params": {"sender": "p", "events": ["x"]}},
                {"id": 2, "method": "add_listener", "params": {"sender": "s"}},
            )
            got = peer.read()
            while len(got) < 2:
                got += peer.read()
            assert [each["id"] for each in got] == [1, 2]
            for number in range(50):
                server.get_sender("s").get_signal("e").trigger(number)  # type: ignore[union-attr]
            got = []
            while len(got) < 50:
                got += peer.read()
            assert [each["params"]["data"] for each in got] == [*range(50)]
            peer.send({"id": 3, "method": "signal", "params": {"info": {"sender": "p", "event": "x"}, "data": 5}})
            assert peer.read() == [{"id": 3, "status": 0, "response": None}]
            peer.send({"id": 4, "method": "request", "params": {"sender": "s", "method": "m", "params": 6}})
            assert peer.read() == [{"id": 4, "status": 0, "response": 6}]
        eventually(lambda: [event for event, _ in heard] == ["#connect", "x", "#disconnect"])
        eventually(lambda: server.peers == [])


def test_one_by_one_on_packets() -> None:
    with sig.ServerRouter("local://plain-slow") as server:
        server.add_sender("s", ["e"])
        with Packets("local://plain-slow") as peer:
            peer.send({"id": 1, "method": "plain", "params": {"answers": True, "lines": False}})
            assert peer.read()[0]["status"] == 0
            peer.send({"id": 2, "method": "add_listener", "params": {"sender": "s"}})
            assert peer.read()[0]["status"] == 0
            for number in range(20):
                server.get_sender("s").get_signal("e").trigger(number)  # type: ignore[union-attr]
            for number in range(20):
                (message,) = peer.read()
                assert message["params"]["data"] == number
                peer.send({"id": message["id"], "status": 0, "response": None})


@pytest.mark.parametrize("answered", [True, False])
def test_a_local_peer_that_goes_with_an_open_request(answered: bool) -> None:
    go, told = threading.Event(), list[Any]()

    def sig_session_opened(peer: str) -> None:
        told.append("opened")

    def sig_session_closed(peer: str, error: Exception) -> None:
        told.append(("closed", error is not None))

    plugins = plugins_with(audit={"sig_session_opened": sig_session_opened, "sig_session_closed": sig_session_closed})
    limits = sig.Limits(request_timeout=10.0 if answered else 0.2)
    with sig.ServerRouter("local://plain-gone", plugins=plugins, limits=limits) as server:
        server.add_sender("s", ["e"], {"m": lambda params: go.wait(within(10))})
        with Packets("local://plain-gone") as peer:
            peer.send(
                {"id": 1, "method": "add_sender", "params": {"sender": "p"}},
                {"id": 2, "method": "request", "params": {"sender": "s", "method": "m"}},
            )
            eventually(lambda: server.stats()["requests"]["open"] == 1)
        eventually(lambda: not server.has_sender("p"))
        if answered:
            go.set()
        eventually(lambda: server.peers == [])
        go.set()
        eventually(lambda: told == ["opened", ("closed", True)])
        eventually(lambda: server.stats()["requests"]["open"] == 0)


def test_a_packet_that_ends_inside_an_object(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "sig")
    with sig.ServerRouter("local://plain-cut") as server, Packets("local://plain-cut") as peer:
        peer.link.send(b'{"id":1,')
        assert peer.read() == [{"id": None, "status": -7, "exception": "a packet ends inside an object"}]
        eventually(lambda: server.peers == [])
        eventually(lambda: any("link closed: a packet ends inside an object" in line for line in caplog.messages))


def test_no_descriptor_is_left_by_many_that_come_and_go() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        for number in range(100):
            peer = PlainPeer(server.addresses[0], end=b"\n" if number % 2 else b"")
            peer.call("add_sender", sender=number)
            peer.close(reset=number % 3 == 0)
        eventually(lambda: server.peers == [])
        eventually(lambda: server.stats()["senders"] == 0 and server._clients._ending == {})
