"""A client whose link is lost is back by itself, with all that it had, and every loss is counted."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from tests.support import eventually, within

SOON = sig.Reconnect(first=0.01, most=0.1)
KEEPS = sig.Reconnect(first=0.01, most=0.1, keep=1_000_000)


class States:
    """What a client told of its link."""

    def __init__(self, client: sig.ClientRouter) -> None:
        self.told: list[tuple[str, sig.SigError | None]] = []
        for state in ("connected", "disconnected", "reconnected", "gave_up"):
            client.on(state, lambda state, error: self.told.append((state, error)))

    @property
    def names(self) -> list[str]:
        return [state for state, _ in self.told]

    def wait(self, state: str, times: int = 1) -> None:
        eventually(lambda: self.names.count(state) >= times)


class Place:
    """An address at which a server can be started, stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.url = f"unix://{folder}/s"
        self.server: sig.ServerRouter | None = None

    def start(self, **how: Any) -> sig.ServerRouter:
        self.server = sig.ServerRouter(self.url, **how).start()
        return self.server

    def prepare(self, **how: Any) -> sig.ServerRouter:
        """Start one that does not listen yet."""
        self.server = sig.ServerRouter(**how).start()
        return self.server

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()
            self.server = None


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.stop()


def test_senders_and_listeners_are_back_before_it_is_told(place: Place) -> None:
    place.start()
    heard: list[Any] = []
    with sig.ClientRouter(place.url, reconnect=SOON) as client, sig.ClientRouter(place.url, reconnect=SOON) as other:
        client.add_remote_listener(lambda info, data: heard.append((info["sender"], info["event"])))
        temp = client.add_remote_sender("temp", ["#c"], {"read": lambda params: 21})
        client.add_remote_sender("b", [])
        states, others = States(client), States(other)
        there: list[Any] = []
        client.on("reconnected", lambda state, error: there.append(client.list_remote_senders()))
        place.stop()
        states.wait("disconnected")
        heard.clear()
        place.start()
        states.wait("reconnected")
        others.wait("reconnected")
        eventually(lambda: there == [["temp", "b"]])
        assert client.is_connected and states.names == ["disconnected", "reconnected"]
        assert isinstance(states.told[0][1], sig.LinkClosed) and states.told[1][1] is None
        assert other.remote_request("temp", "read") == 21
        temp.get_signal("#c").trigger(1)
        eventually(lambda: heard == [("temp", "#connect"), ("b", "#connect"), ("temp", "#c")])


def test_the_order_of_what_came_first_is_kept(place: Place) -> None:
    """A listener that came after a sender does not hear that sender's #connect, the second time as the first."""
    place.start()
    heard: list[Any] = []
    with sig.ClientRouter(place.url, reconnect=SOON) as client:
        client.add_remote_sender("early", [])
        client.add_remote_listener(lambda info, data: heard.append(info["sender"]), event="#connect")
        client.add_remote_sender("late", [])
        states = States(client)
        client.flush()
        place.stop()
        place.start()
        states.wait("reconnected")
        client.flush()
        eventually(lambda: heard == ["late", "late"])


def test_what_was_removed_does_not_come_back(place: Place) -> None:
    place.start()
    heard: list[Any] = []
    with sig.ClientRouter(place.url, reconnect=SOON) as client:
        client.add_remote_sender("kept", ["#c"])
        client.add_remote_sender("gone", ["#c"])
        client.add_remote_sender("gone away", ["#c"])
        kept = client.add_remote_listener(lambda info, data: heard.append("kept"), event="#c")
        client.add_remote_listener(lambda info, data: heard.append("gone"), "kept").remove()
        later = client.add_remote_listener(lambda info, data: heard.append("gone away"), "kept", "#c")
        client.remove_remote_sender("gone")
        states = States(client)
        place.stop()
        states.wait("disconnected")
        later.remove()
        client.remove_sender("gone away")
        place.start()
        states.wait("reconnected")
        assert client.list_remote_senders() == ["kept"]
        client.get_sender("kept").get_signal("#c").trigger()  # type: ignore[union-attr]
        eventually(lambda: heard == ["kept"])
        kept.remove()


def test_another_server_with_other_numbers_and_another_codec(place: Place) -> None:
    place.start(codecs=["json"])
    heard: list[Any] = []
    both = ["json", "msgpack"]
    with (
        sig.ClientRouter(place.url, both, reconnect=KEEPS) as client,
        sig.ClientRouter(place.url, both, reconnect=SOON) as other,
    ):
        client.add_remote_sender("temp", ["a", "b"])
        other.add_remote_listener(lambda info, data: heard.append((info["event"], data)), "temp")
        assert client.codec == "json"
        signal_a = client.get_sender("temp").get_signal("a")  # type: ignore[union-attr]
        signal_a.trigger(1)
        client.flush()
        other.flush()
        states, others = States(client), States(other)
        place.stop()
        states.wait("disconnected")
        signal_a.trigger({"kept": 1.5})  # encoded in JSON, sent in MessagePack
        server = place.prepare(codecs=["msgpack"])
        for number in range(10):
            server.add_sender(number, ["x", "y"])
        server.listen(place.url)
        states.wait("reconnected")
        others.wait("reconnected")
        assert client.codec == "msgpack"
        signal_a.trigger(2)
        client.flush()
        other.flush()
        eventually(lambda: heard and heard[-1] == ("a", 2))
        assert client._state.offline.dropped.total() == 0
        lost = other.lost["temp", "a"]  # the listener may have come back after the event that had waited
        assert [value for event, value in heard if event == "a"] == [1, *[{"kept": 1.5}] * (1 - lost), 2]


def test_requests_in_flight_have_an_unknown_outcome_and_are_not_repeated(place: Place) -> None:
    place.start()
    asked: list[Any] = []
    release = threading.Event()

    def slow(params: Any) -> None:
        asked.append(params)
        release.wait(within(20))

    with sig.ClientRouter(place.url, reconnect=SOON) as client, sig.ClientRouter(place.url, reconnect=SOON) as owner:
        owner.add_remote_sender("s", [], {"slow": slow})
        states = States(client)
        future = client.request_async("s", "slow", 1)
        eventually(lambda: asked)
        place.stop()
        with pytest.raises(sig.OutcomeUnknown):
            future.result(within(5))
        release.set()
        place.start()
        states.wait("reconnected")
        eventually(lambda: "s" in client.list_remote_senders())
        assert asked == [1]


def test_without_a_link_a_trigger_raises_or_waits(place: Place) -> None:
    place.start()
    heard: list[Any] = []
    with (
        sig.ClientRouter(place.url, reconnect=SOON) as raises,
        sig.ClientRouter(place.url, reconnect=KEEPS) as waits,
    ):
        raiser = raises.add_remote_sender("r", ["e"]).get_signal("e")
        waiter = waits.add_remote_sender("w", ["e"]).get_signal("e")
        states = [States(raises), States(waits)]
        place.stop()
        for each in states:
            each.wait("disconnected")
        with pytest.raises(sig.LinkClosed, match="event 'e' of sender 'r': not connected"):
            raiser.trigger(1)
        with pytest.raises(sig.LinkClosed, match="it is coming back"):
            raises.remote_request("w", "m")
        with pytest.raises(sig.EncodeError, match="event 'e' of sender 'w'"):
            waiter.trigger(object())
        for number in range(100):
            waiter.trigger(number)
        server = place.prepare()
        server.add_listener(lambda info, data: heard.append(data), "w", "e")
        server.listen(place.url)
        for each in states:
            each.wait("reconnected")
        waiter.trigger(100)
        eventually(lambda: len(heard) == 101)
        assert heard == list(range(101))


def test_what_waits_is_bounded_and_the_oldest_give_way_counted(place: Place) -> None:
    place.start()
    heard: list[Any] = []
    with (
        sig.ClientRouter(place.url, reconnect=sig.Reconnect(first=0.01, most=0.1, keep=1000)) as client,
        sig.ClientRouter(place.url, reconnect=SOON) as other,
    ):
        signal_e = client.add_remote_sender("w", ["e"]).get_signal("e")
        other.add_remote_listener(lambda info, data: heard.append(data), "w", "e")
        signal_e.trigger("first")
        client.flush()
        other.flush()
        states, others = States(client), States(other)
        place.stop()
        states.wait("disconnected")
        others.wait("disconnected")
        for number in range(200):
            signal_e.trigger(number)
        dropped = client._state.offline.dropped["w", "e"]
        assert 0 < dropped < 200 and client._state.offline.size <= 1000
        place.start()
        states.wait("reconnected")
        others.wait("reconnected")
        signal_e.trigger("last")
        eventually(lambda: heard and heard[-1] == "last")
        assert len(heard) + other.lost["w", "e"] == 202
        assert other.lost["w", "e"] >= dropped


class Relay:
    """A TCP relay that can go deaf: it forwards no more, and closes the client's side alone."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                thread = threading.Thread(target=self._pump, args=(source, sink), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            return

    def half_open(self) -> None:
        near, _ = self._pairs[-1]
        near.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in (end for pair in self._pairs for end in pair):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(within(5))
        for each in (end for pair in self._pairs for end in pair):
            each.close()


def test_its_own_half_open_link_ends_and_its_names_are_its_own_again() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        port = int(server.addresses[0].rsplit(":", 1)[1])
        relay = Relay(("127.0.0.1", port))
        heard: list[Any] = []
        server.add_listener(lambda info, data: heard.append(info["event"]), "temp")
        with sig.ClientRouter(relay.url, reconnect=SOON) as client:
            temp = client.add_remote_sender("temp", ["e"], {"read": lambda params: 21})
            states = States(client)
            assert len(server.peers) == 1
            relay.half_open()
            states.wait("reconnected")
            assert states.told[-1][1] is None and len(server.peers) == 1  # the old link is ended, not waited for
            temp.get_signal("e").trigger()
            assert server.request("temp", "read") == 21
            eventually(lambda: heard == ["#connect", "#disconnect", "#connect", "e"])
        relay.close()


def test_a_name_that_was_taken_meanwhile_is_reported_and_the_rest_is_back(place: Place) -> None:
    place.start()
    with sig.ClientRouter(place.url, reconnect=SOON) as client:
        mine = client.add_remote_sender("mine", ["e"])
        client.add_remote_sender("free", ["e"])
        states = States(client)
        place.stop()
        server = place.prepare()
        server.add_sender("mine", ["e"])
        server.listen(place.url)
        states.wait("reconnected")
        assert isinstance(states.told[-1][1], sig.SenderExists)
        assert client.list_remote_senders() == ["mine", "free"]
        with pytest.raises(sig.LinkClosed, match="'mine' is not at the server"):
            mine.get_signal("e").trigger()


def test_it_gives_up_when_told_so(place: Place) -> None:
    place.start()
    client = sig.ClientRouter(place.url, reconnect=sig.Reconnect(first=0.01, most=0.01, attempts=3, keep=100))
    states = States(client)
    with client:
        signal_e = client.add_remote_sender("s", ["e"]).get_signal("e")
        place.stop()
        states.wait("gave_up")
        assert states.names == ["connected", "disconnected", "gave_up"]
        assert isinstance(states.told[-1][1], sig.ConnectFailed)
        with pytest.raises(sig.LinkClosed, match="not connected"):
            signal_e.trigger()
        with pytest.raises(sig.LinkClosed, match="gave up"):
            client.flush()


def test_it_can_be_turned_off(place: Place) -> None:
    place.start()
    with sig.ClientRouter(place.url, reconnect=None) as client:
        states = States(client)
        place.stop()
        states.wait("disconnected")
        place.start()
        assert not client.is_connected and not [t for t in threading.enumerate() if t.name.startswith("sig-return")]
        with pytest.raises(sig.LinkClosed):
            client.flush()


def test_a_handler_that_raises_or_hangs_cannot_stop_the_coming_back(place: Place) -> None:
    place.start()
    release = threading.Event()
    with sig.ClientRouter(place.url, reconnect=SOON) as client:
        calls: list[str] = []

        def raises(state: str, error: sig.SigError | None) -> None:
            calls.append(state)
            raise RuntimeError(state)

        client.on("disconnected", raises)
        client.on("reconnected", raises)
        client.on("reconnected", lambda state, error: release.wait(within(30)))
        for times in (1, 2, 3):
            before = client._connection.link
            place.stop()
            place.start()
            eventually(lambda before=before: client._connection.link is not before and client.is_connected)
            eventually(lambda: client.stats()["state"] == "connected")
            assert times
        release.set()
        eventually(lambda: calls == ["disconnected", "reconnected"] * 3)


def test_stop_while_it_is_away(place: Place) -> None:
    place.start()
    client = sig.ClientRouter(place.url, reconnect=sig.Reconnect(first=60, most=60)).start()
    states = States(client)
    place.stop()
    states.wait("disconnected")
    client.stop()
    with pytest.raises(sig.LinkClosed, match="stopped"):
        client.flush()


def test_stop_inside_a_state_callback(place: Place) -> None:
    place.start()
    client = sig.ClientRouter(place.url, reconnect=SOON).start()
    client.on("reconnected", lambda state, error: client.stop())
    place.stop()
    place.start()
    eventually(lambda: client._state.connection.state == "stopped")
    eventually(lambda: not client.is_connected)


def test_bad_settings() -> None:
    for bad in ({"first": 0}, {"most": "x"}, {"attempts": 0}, {"keep": 1.5}, {"jitter": 2}, {"factor": True}):
        with pytest.raises(sig.ConfigError, match=f"reconnect {next(iter(bad))}="):
            sig.Reconnect(**bad)  # type: ignore[arg-type]
    client = sig.ClientRouter("tcp://127.0.0.1:1")
    with pytest.raises(sig.ConfigError, match="did you mean 'reconnected'"):
        client.on("reconected", print)
    with pytest.raises(sig.ConfigError, match="can't be called"):
        client.on("connected", 5)  # type: ignore[arg-type]


# -- a server that is killed, under load

SERVER = """
import signal, sys
import sig_core
sig_core.ServerRouter(sys.argv[1]).start()
print("up", flush=True)
signal.pause()
"""


class Victim:
    """A server process."""

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", SERVER, url], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"up\n"

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.mark.slow
@pytest.mark.timeout(110)
@pytest.mark.parametrize("policy", [SOON, KEEPS], ids=["raises", "waits"])
def test_a_server_that_is_killed_again_and_again_under_load(tmp_path: Path, policy: sig.Reconnect) -> None:
    """fired = received + lost, at every listener, to the event; order is kept; every client is back each time."""
    times, url, chance = int(os.environ.get("SIG_KILLS", "10")), f"unix://{tmp_path}/s", random.Random(4)
    victim = Victim(url)
    senders = [sig.ClientRouter(url, codec, reconnect=policy).start() for codec in ("json", "msgpack")]
    listeners = [sig.ClientRouter(url, codec, reconnect=policy).start() for codec in ("json", "cbor")]
    states = [States(client) for client in senders + listeners]
    heard: list[Counter[Any]] = [Counter() for _ in listeners]
    last: list[dict[Any, int]] = [{} for _ in listeners]
    swapped: list[Any] = []
    for client, count, latest in zip(listeners, heard, last, strict=True):

        def hear(info: Any, data: Any, count: Counter[Any] = count, latest: dict[Any, int] = latest) -> None:
            count[info["sender"]] += 1
            if data <= latest.get(info["sender"], -1):
                swapped.append((info, data))
            latest[info["sender"]] = data

        client.add_remote_listener(hear, event="#v")
    fired, ending = Counter[Any](), threading.Event()

    def fire(client: sig.ClientRouter, name: str) -> None:
        trigger = client.add_remote_sender(name, ["#v"]).get_signal("#v").trigger
        while not ending.is_set():
            for _ in range(50):
                try:
                    trigger(fired[name])
                except sig.LinkClosed:
                    break
                fired[name] += 1
            ending.wait(0.001)

    threads = [threading.Thread(target=fire, args=(each, f"p{n}")) for n, each in enumerate(senders)]
    for thread in threads:
        thread.start()
    for time in range(1, times + 1):
        ending.wait(chance.uniform(0.02, 0.2))
        victim.kill()
        victim = Victim(url)
        for each in states:
            each.wait("reconnected", time)
    ending.wait(0.05)
    ending.set()
    for thread in threads:
        thread.join()
    for client in senders + listeners:
        client.flush()

    def missing() -> list[int]:
        return [
            fired[name] - count[name] - client.lost[name, "#v"]
            for client, count in zip(listeners, heard, strict=True)
            for name in fired
        ]

    eventually(lambda: not any(missing()))
    assert sum(client.lost.total() for client in listeners) > 0 and min(fired.values()) > 1000
    assert not swapped
    for client, count in zip(listeners, heard, strict=True):
        assert client.stats()["events"]["lost"] == fired.total() - count.total()
        assert client.stats()["losses"] == times
    assert [client.stats()["events"]["fired"] for client in senders] == [fired[f"p{n}"] for n in range(len(senders))]
    for peer in listeners[0].server_stats(peers=True)["peers"]:
        events = peer["events"]
        assert events["fired"] == events["out"] + events["waiting"] + sum(events["lost"].values())
    assert [error for each in states for state, error in each.told if state == "reconnected" and error] == []
    for client in senders + listeners:
        client.stop()
    victim.kill()
