"""generic_client_sender.py and generic_client_listener.py: as documented, alone, together, and with servers that go."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import sig_core as sig
from tests.support import eventually, within
from tests.support.example_program import EXAMPLES, Example, said_by

SENDER, LISTENER = "generic_client_sender", "generic_client_listener"

SENDER_PROMPTS = [
    "Server IP   (default: 127.0.0.1):",
    "Server port (default: 3000):",
    "Sender      (default: timer_client):",
    "Event       (default: tick):",
    "Event data  (default: None):",
    "Timer delay (default: 5):",
]
LISTENER_PROMPTS = [*SENDER_PROMPTS[:2], "Sender      (default: None):", "Event       (default: None):"]

CONNECTED = said_by("listener_connect", "Sender timer_client is now connected")
DISCONNECTED = said_by("listener_connect", "Sender timer_client is now disconnected")
TICK = said_by("listener", r"\[timer_client\] Event tick received with data '\"client data\"'")


def at(server: sig.ServerRouter) -> tuple[str, str]:
    return "--url", server.addresses[0]


def port_of(server: sig.ServerRouter) -> str:
    return server.addresses[0].rpartition(":")[2]


def joined(client: Example) -> None:
    client.find(said_by("connect", r"\[\w+_CL\] Started receive thread for .*"))


def listening(server: sig.ServerRouter, *options: str) -> Example:
    """Start a listener; it hears when this returns."""
    before = server.stats()["subscriptions"]
    client = Example(LISTENER, *at(server), *options)
    eventually(lambda: server.stats()["subscriptions"] == before + 3)
    return client


# -- as documented


def test_the_sender_asks_and_fires_as_documented(server: sig.ServerRouter) -> None:
    heard: list[tuple[object, object]] = []
    server.add_listener(lambda info, data: heard.append((info["event"], data)), "timer_client")
    port = port_of(server)
    answers = ["", port, "", "", "client data", "0.05"]
    with Example(SENDER, typed=answers) as client:
        client.find(said_by("connect", rf"\[TCP_CL\] Connecting to 127\.0\.0\.1:{port}"))
        assert client.out.all[:6] == [prompt + answer for prompt, answer in zip(SENDER_PROMPTS, answers, strict=True)]
        client.find(said_by("connect", rf"\[TCP_CL\] Started receive thread for 127\.0\.0\.1:{port}"))
        client.find(said_by("main", r"\[timer_client\] Triggering event tick with data 'client data'"))
        eventually(lambda: ("tick", "client data") in heard)
        client.end()
    eventually(lambda: heard[-1][0] == sig.EVENT_DISCONNECT)
    assert heard[0][0] == sig.EVENT_CONNECT


def test_the_listener_asks_and_hears_as_documented(server: sig.ServerRouter) -> None:
    timer = server.add_sender("timer", ["tick"])
    port = port_of(server)
    answers = ["", port, "timer", "tick"]
    with Example(LISTENER, typed=answers) as client:
        client.find(said_by("connect", rf"\[TCP_CL\] Connecting to 127\.0\.0\.1:{port}"))
        assert client.out.all[:4] == [prompt + answer for prompt, answer in zip(LISTENER_PROMPTS, answers, strict=True)]
        joined(client)
        eventually(lambda: server.stats()["subscriptions"] == 3)
        timer.get_signal("tick").trigger("test")
        client.find(said_by("listener", r"\[timer\] Event tick received with data '\"test\"'"))
        server.remove_sender(timer)
        client.find(said_by("listener_connect", "Sender timer is now disconnected"))
        client.end()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_sender_that_is_restarted(server: sig.ServerRouter, number: int) -> None:
    options = (*at(server), "--data", "client data", "--delay", "0.05")
    with listening(server, "--sender", "timer_client", "--event", "tick") as listener:
        for _ in range(2):
            with Example(SENDER, *options) as sender:
                listener.find(CONNECTED)
                listener.find(TICK)
                sender.end(number)
                listener.find(DISCONNECTED)
        listener.end(number)


def test_a_sender_that_is_killed(server: sig.ServerRouter) -> None:
    with listening(server, "--sender", "timer_client") as listener:
        with Example(SENDER, *at(server)) as sender:
            listener.find(CONNECTED)
            sender.kill()
            listener.find(DISCONNECTED)
        listener.end()


# -- what may be listened to


def test_everything_of_everybody(server: sig.ServerRouter) -> None:
    with listening(server) as listener:
        temp = server.add_sender("temp", ["hot"])
        temp.get_signal("hot").trigger({"celsius": 40, "where": "Köln"})
        listener.find(said_by("listener_connect", "Sender temp is now connected"))
        said = '{"celsius": 40, "where": "Köln"}'
        listener.find(said_by("listener", re.escape(f"[temp] Event hot received with data '{said}'")))
        listener.end()


def test_a_channel(server: sig.ServerRouter) -> None:
    a, b = server.add_sender("a", ["#changed", "other"]), server.add_sender("b", ["#changed"])
    with listening(server, "--event", "#changed") as listener:
        a.get_signal("other").trigger(0)
        a.get_signal("#changed").trigger(1)
        b.get_signal("#changed").trigger(None)
        assert listener.find(said_by("listener", r"(\[.*)"))[1] == "[a] Event #changed received with data '1'"
        listener.find(said_by("listener", r"\[b\] Event #changed received with data 'null'"))
        listener.end()


def test_any_carrier_and_codec(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/s"
    with sig.ServerRouter(url, codecs=["cbor"]) as server:
        with Example(SENDER, "--url", url, "--codec", "cbor", "--data", "x", "--delay", "0.05") as sender:
            sender.find(said_by("connect", rf"\[UNIX_CL\] Connecting to {tmp_path}/s"))
            with Example(LISTENER, "--url", url, "--codec", "cbor") as listener:
                listener.find(said_by("listener", r"\[timer_client\] Event tick received with data '\"x\"'"))
                server.add_sender("box", ["raw"]).get_signal("raw").trigger(b"\x00")
                listener.find(said_by("listener", re.escape(r"""[box] Event raw received with data '"b'\\x00'"'""")))
                listener.end()
            sender.end()


# -- servers that are not there


def test_both_wait_for_their_server() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        url = server.addresses[0]
    waits = said_by("connect", r"\[TCP_CL\] .*Connection refused.* \(trying again in 0\.05 s\)", "warning")
    with Example(LISTENER, "--url", url, "--retry", "0.05") as listener:
        with Example(SENDER, "--url", url, "--retry", "0.05", "--data", "client data", "--delay", "0.05") as sender:
            for client in (listener, sender):
                client.find(waits)
                client.find(waits)
            with sig.ServerRouter(url):
                listener.find(TICK)
                sender.end()
                listener.end()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("program", [SENDER, LISTENER])
def test_a_client_that_waits_ends_when_told(program: str, number: int) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        url = server.addresses[0]
    with Example(program, "--url", url, "--retry", "3600") as client:
        client.find(said_by("connect", r"\[TCP_CL\] .*\(trying again in 3600 s\)", "warning"))
        client.end(number)


def test_a_client_whose_server_says_nothing_ends_when_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        with Example(LISTENER, "--port", str(mute.getsockname()[1])) as client:
            link, _ = mute.accept()
            with link:
                assert link.recv(8).startswith(b"\xf5SIG")
                client.end()


def test_both_go_on_after_their_server_was_restarted() -> None:
    gone = said_by("main", r"\[timer_client\] Event tick was not sent: .*not connected: .*", "warning")
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        url = server.addresses[0]
        listener = listening(server, "--sender", "timer_client", "--event", "tick")
        sender = Example(SENDER, "--url", url, "--data", "client data", "--delay", "0.05")
        listener.find(TICK)
    with listener, sender:
        sender.find(gone)
        with sig.ServerRouter(url):
            listener.find(said_by("arrived", f"{url}: back again"))
            listener.find(TICK)
            sender.end()
            listener.find(DISCONNECTED)
            listener.end()


# -- what can't be


def test_a_name_that_is_taken(server: sig.ServerRouter) -> None:
    server.add_sender("timer_client", ["tick"])
    with Example(SENDER, *at(server)) as client:
        status, said = client.failed()
    assert (status, said.count("\n")) == (1, 0)
    assert "'timer_client' is already connected" in said


def test_a_codec_that_the_server_does_not_take() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0", codecs=["json"]) as server:
        with Example(LISTENER, *at(server), "--codec", "cbor") as client:
            status, said = client.failed()
    assert status == 1
    assert "no codec in common" in said


@pytest.mark.parametrize("program", [SENDER, LISTENER])
@pytest.mark.parametrize(
    ("answers", "text"),
    [
        (["no host"], "Server IP: 'no host' is no host: give a name or an IP address"),
        (["::1", "0"], "Server port: '0' is no port: give a number from 1 to 65535"),
        (["localhost"], "the input ended at 'Server port (default: 3000):'"),
    ],
)
def test_a_wrong_answer_ends_it(program: str, answers: list[str], text: str) -> None:
    with Example(program, typed=answers) as client:
        status, said = client.failed()
    assert status == 2
    assert said.startswith(text)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--port", "0"], "argument --port: '0' is no port: give a number from 1 to 65535"),
        (["--retry", "0"], "argument --retry: '0' is no time"),
        (["--port", "1", "--codec", "jso"], "unknown codec 'jso', did you mean 'json'?"),
        (["--url", "tcp://127.0.0.1:1", "--ip", "::1"], "--url says where the server is"),
        (["--prot", "3000"], "unrecognized arguments: --prot"),
    ],
)
@pytest.mark.parametrize("program", [SENDER, LISTENER])
def test_wrong_options(program: str, options: list[str], text: str) -> None:
    with Example(program, *options) as client:
        status, said = client.failed()
    assert status == 2
    assert text in said


def test_a_listener_whose_output_nobody_reads_ends(server: sig.ServerRouter) -> None:
    timer = server.add_sender("timer", ["tick"]).get_signal("tick")
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{LISTENER}.py"), *at(server)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        eventually(lambda: server.stats()["subscriptions"] == 3)
        assert "Connecting" in process.stdout.readline()
        process.stdout.close()
        timer.trigger()
        assert process.wait(within(20)) == 0
        assert process.stderr.read() == ""
