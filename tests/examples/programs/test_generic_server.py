"""generic_server.py: as documented, with options, and with answers that can't be meant."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from queue import Queue

import pytest

import sig_core as sig
from tests.support import eventually, within
from tests.support.example_program import EXAMPLES, Example, said_by
from tests.support.signals import send_signal

HERE = ("--bind", "127.0.0.1", "--port", "0")

PROMPTS = [
    "Log level   (default: info):",
    "Server bind (default: 0.0.0.0):",
    "Server port (default: 3000):",
    "Sender      (default: timer):",
    "Event       (default: tick):",
    "Event data  (default: None):",
    "Timer delay (default: 5):",
]


def listening(server: Example) -> str:
    """Wait until it listens, and give where."""
    return server.find(said_by("listen", r"listening on (\S+) in .*"))[1]


def heard_at(url: str, codec: str = "json") -> tuple[str, str, object]:
    """Give sender, event and data of the next event there; presence aside, since the sender may just be coming."""
    heard: Queue[tuple[str, str, object]] = Queue()

    def hear(info: sig.Info, data: object) -> None:
        if info["event"] != sig.EVENT_CONNECT:
            heard.put((info["sender"], info["event"], data))

    with sig.ClientRouter(url, codec) as client:
        client.add_remote_listener(hear)
        return heard.get(timeout=within(20))


def test_it_asks_and_serves_as_documented() -> None:
    answers = ["", "127.0.0.1", "0", "", "", "server data", "0.05"]
    with Example("generic_server", typed=answers) as server:
        server.find(said_by("main", r"\[TCP_SRV\] Starting to listen on 127\.0\.0\.1:0"))
        assert server.out.all[:7] == [prompt + answer for prompt, answer in zip(PROMPTS, answers, strict=True)]
        url = listening(server)
        server.find(said_by("main", r"\[timer\] Triggering event tick with data 'server data'"))
        assert heard_at(url) == ("timer", "tick", "server data")
        server.end()


def test_options_are_not_asked_for() -> None:
    with Example("generic_server", *HERE, "--sender", "clock", "--event", "#tock", "--delay", "0.05") as server:
        assert heard_at(listening(server)) == ("clock", "#tock", None)
        server.find(said_by("main", r"\[clock\] Triggering event #tock with data 'None'"))
        server.end()


def test_any_carrier_and_codec(tmp_path: Path) -> None:
    urls = [f"unix://{tmp_path}/s", "tcp://127.0.0.1:0"]
    options = [part for url in urls for part in ("--url", url)]
    with Example("generic_server", *options, "--codec", "msgpack", "--data", "x", "--delay", "0.05") as server:
        server.find(said_by("main", rf"\[UNIX_SRV\] Starting to listen on {tmp_path}/s"))
        for url in [listening(server), listening(server)]:
            assert heard_at(url, "msgpack") == ("timer", "tick", "x")
            with pytest.raises(sig.HandshakeError, match="takes msgpack"):
                sig.ClientRouter(url, "json").start()
        server.end()


def listens_at(path: Path) -> bool:
    """Tell whether somebody takes connections at a socket file."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def test_the_level_of_the_log(tmp_path: Path) -> None:
    with Example("generic_server", "--url", f"unix://{tmp_path}/s", "--log-level", "none", "--delay", "0.05") as server:
        eventually(lambda: listens_at(tmp_path / "s"))  # the file is there a moment before
        assert heard_at(f"unix://{tmp_path}/s") == ("timer", "tick", None)
        server.end()
    assert server.out.all == []


def test_an_address_that_is_open_to_the_network_is_told() -> None:
    with Example("generic_server", "--bind", "0.0.0.0", "--port", "0", "--delay", "3600") as server:
        address = listening(server)
        told = re.compile(rf".*\[ warning\]-{re.escape(address)} is open to the network: .*")
        eventually(lambda: any(map(told.fullmatch, server.out.all)))
        server.end()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order(number: int) -> None:
    why: Queue[object] = Queue()
    with Example("generic_server", *HERE, "--delay", "3600") as server:
        with sig.ClientRouter(listening(server), reconnect=None) as client:
            client.on("disconnected", lambda state, error: why.put(error))
            server.end(number)
            assert isinstance(why.get(timeout=within(20)), sig.LinkClosed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_while_it_asks(number: int) -> None:
    with Example("generic_server") as server:
        server.type("info")
        server.find(re.escape(PROMPTS[0]) + "info")
        server.end(number)


WRONG = [
    (["loud"], "Log level", "'loud' is no level: give one of trace, debug, info"),
    (["", "http://x"], "Server bind", "'http://x' is no host"),
    (["", "", "99999"], "Server port", "'99999' is no port: give a number from 0 to 65535"),
    (["", "", "", "None"], "Sender", "'None' is no name"),
    (["", "", "", "", "", "", "0"], "Timer delay", "'0' is no time: give a number of seconds from 0.001 to 86400"),
    (["", "", "", "", "", "", "soon"], "Timer delay", "'soon' is no time"),
]


@pytest.mark.parametrize(("answers", "label", "text"), WRONG)
def test_a_wrong_answer_ends_it(answers: list[str], label: str, text: str) -> None:
    with Example("generic_server", typed=answers) as server:
        status, said = server.failed()
    assert (status, said.count("\n")) == (2, 0)
    assert said.startswith(f"{label}: {text}")


def test_input_that_ends_too_early() -> None:
    with Example("generic_server", typed=["", "127.0.0.1"]) as server:
        status, said = server.failed()
    assert status == 2
    assert said.startswith(f"the input ended at {PROMPTS[2]!r}: ")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--port", "-1"], "argument --port: '-1' is no port: give a number from 0 to 65535"),
        (["--port", "9" * 5000], "is no port"),
        (["--delay", "nan"], "argument --delay: 'nan' is no time"),
        (["--url", "here"], "argument --url: address 'here': no scheme"),
        (["--url", "local://x", "--port", "1"], "--url says where the server is: leave out its host and port"),
        ([*HERE, "--codec", "jso"], "unknown codec 'jso', did you mean 'json'?"),
        ([*HERE, "--event", "e" * 256], "256 bytes of UTF-8, at most 255 are allowed"),
    ],
)
def test_wrong_options(options: list[str], text: str) -> None:
    with Example("generic_server", *options) as server:
        status, said = server.failed()
    assert status == 2
    assert text in said
    assert "Traceback" not in said


def test_a_port_that_is_taken(server: sig.ServerRouter) -> None:
    with Example("generic_server", "--url", server.addresses[0]) as second:
        status, said = second.failed()
    assert (status, said.count("\n")) == (1, 0)
    assert "can't listen: Address already in use" in said


def test_help_has_the_defaults() -> None:
    with Example("generic_server", "--help") as server:
        said = server.out.text()
        assert server.failed() == (0, "")
    for text in ("default: 0.0.0.0", "default: timer", "--url URL", "--codec CODEC", "Without any option it asks"):
        assert text in said


def test_on_a_terminal_it_asks_again() -> None:
    """A terminal shows what is typed, so the program must not; and it knows that somebody can answer again."""
    master, slave = pty.openpty()
    command = [sys.executable, "-W", "error", str(EXAMPLES / "generic_server.py")]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    said = ""

    def until(text: str) -> None:
        nonlocal said
        end = time.monotonic() + within(20)
        while text not in said:
            ready, _, _ = select.select([master], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"no {text!r} in {said!r}"
            said += os.read(master, 4096).decode().replace("\r\n", "\n")
        said = said.partition(text)[2]

    until(PROMPTS[0])
    os.write(master, b"loud\n")
    until("'loud' is no level: give one of trace")
    until(PROMPTS[0])
    os.write(master, b"info\n")
    until(PROMPTS[1])
    send_signal(process, signal.SIGINT)
    assert process.wait(within(20)) == 0
    os.close(master)
