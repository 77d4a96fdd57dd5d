"""Chapter "Built-in carriers": the TCP server and its two clients, as three processes and in one."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from tests.support import eventually, within

PROGRAMS = Path(__file__).parent / "programs"
TIC = "'tic' received from 'timer' (data: None)\n"
OTHER_TIC = "'tic' received from 'another_timer' (data: None)\n"
MANY = 20  # tics of one timer in a row, which are none of two timers at one pace

Run = Callable[[str, str], subprocess.Popen[str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Start programs of the documentation; those that a failed test leaves behind are killed."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a child would inherit that it is ignored
    with ExitStack() as stack:

        def started(name: str, url: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-W", "error", str(PROGRAMS / name), url]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            return process

        yield started
    signal.signal(signal.SIGINT, before)


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def hear_both(listener: subprocess.Popen[str]) -> None:
    heard: set[str] = set()
    while heard != {TIC, OTHER_TIC}:
        heard.add(line_of(listener))
        assert heard <= {TIC, OTHER_TIC}


def hear_the_server_alone(listener: subprocess.Popen[str]) -> None:
    """Read until the other timer is silent."""
    alone = 0
    while alone < MANY:
        line = line_of(listener)
        assert line in (TIC, OTHER_TIC)
        alone = alone + 1 if line == TIC else 0


def interrupt(process: subprocess.Popen[str]) -> list[str]:
    """Press Ctrl-C; give what it still said."""
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=within(20))
    assert process.returncode == 0
    return said.splitlines()


def test_three_processes(run: Run) -> None:
    server = run("timer_server.py", "tcp://localhost:0")
    url = line_of(server).strip()
    listener = run("timer_listener.py", url)
    hear_the_server_alone(listener)

    sender = run("timer_sender.py", url)
    hear_both(listener)
    assert interrupt(sender) == ["Disconnecting client..", "Stop"]
    hear_the_server_alone(listener)

    again = run("timer_sender.py", url)
    hear_both(listener)

    assert interrupt(again) == ["Disconnecting client..", "Stop"]
    assert interrupt(listener)[-2:] == ["Disconnecting client..", "Stop"]
    assert interrupt(server) == ["Stopping server..", "Done."]


def test_a_sender_that_dies_is_removed_by_the_server(run: Run) -> None:
    server = run("timer_server.py", "tcp://localhost:0")
    url = line_of(server).strip()
    heard: list[str] = []

    def listener_connect(info: sig.Info, data: Any) -> None:
        heard.append("%s is now %s" % (info["sender"], info["event"].strip("#") + "ed"))  # noqa: UP031 - as documented

    with sig.ClientRouter(url) as client:
        client.addRemoteListener(listener_connect, "another_timer", sig.EVENT_CONNECT)
        client.addRemoteListener(listener_connect, "another_timer", sig.EVENT_DISCONNECT)
        sender = run("timer_sender.py", url)
        eventually(lambda: heard == ["another_timer is now connected"], 30)
        sender.kill()
        eventually(lambda: heard == ["another_timer is now connected", "another_timer is now disconnected"])


def test_in_one_process(server: sig.ServerRouter, near: sig.ClientRouter, far: sig.ClientRouter) -> None:
    said = []

    def listen_for_tic(info: sig.Info, data: Any) -> None:
        said.append(f"'{info['event']}' received from '{info['sender']}' (data: {data})")

    timer = server.addSender("timer", ["tic"]).getSignal("tic")
    near.addRemoteListener(listen_for_tic, "timer", "tic")
    near.addRemoteListener(listen_for_tic, "another_timer", "tic")  # nobody of that name is there yet
    another = far.addRemoteSender("another_timer", ["tic"]).getSignal("tic")
    for signal_tic, data in ((timer, None), (another, {"n": 1}), (timer, "last")):
        before = len(said)
        signal_tic.trigger(data)
        eventually(lambda before=before: len(said) > before)  # type: ignore[misc]
    assert said == [
        "'tic' received from 'timer' (data: None)",
        "'tic' received from 'another_timer' (data: {'n': 1})",
        "'tic' received from 'timer' (data: last)",
    ]
