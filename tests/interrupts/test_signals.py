"""Real signals, in real processes: they come wherever they come, and what their handlers call does not hang."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import pytest

import sig_core as sig
from sig_core.testing import eventually
from tests.support import within

HEAD = """
import signal, sys, sig_core as sig
url, rounds = sys.argv[1], 0
client = sig.ClientRouter(url).start()
event = client.add_remote_sender("child", ["e"]).get_signal("e")
there = [client.add_remote_listener(print, "nobody", number) for number in range(50)]
def arm(handler):
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.002)
"""
PROGRAMS = {
    "a handler that stops": """
over = []
arm(lambda *_: (over.append(1), client.stop()))
try:
    while not over:
        event.trigger("x" * 1000)
        client.remote_request("echo", "say", 1)
except sig.SigError:
    pass
signal.setitimer(signal.ITIMER_REAL, 0)
""",
    "a handler that triggers, asks and removes": """
futures = []
def handler(*_):
    event.trigger("inside")
    futures.append(client.request_async("echo", "say", 2))
    if there:
        there.pop().remove()
arm(handler)
while there:
    event.trigger("x" * 1000)
    client.remote_request("echo", "say", 1)
signal.setitimer(signal.ITIMER_REAL, 0)
assert {future.result(10) for future in futures} == {2}
client.stop()
""",
    "a handler that waits": """
said, depth = [], 0
def handler(*_):
    global depth
    if depth == 20:
        return  # on a busy machine it is called faster than it gets its answers
    depth += 1
    try:
        said.append(client.remote_request("echo", "say", 3, timeout=10))
    except sig.LocalProtocolError:
        said.append(None)
    depth -= 1
arm(handler)
while len(said) < 50:
    event.trigger("x" * 1000)
    client.remote_request("echo", "say", 1)
signal.setitimer(signal.ITIMER_REAL, 0)
assert set(said) <= {3, None}
client.stop()
""",
    "a handler that raises": """
class TimeLimit(Exception): pass
def handler(*_):
    raise TimeLimit
interrupts = returned = 0
arm(handler)
while interrupts < 100:
    try:
        while True:
            event.trigger("x" * 1000)
            returned += 1
            client.remote_request("echo", "say", 1)
    except TimeLimit:
        interrupts += 1
signal.signal(signal.SIGALRM, signal.SIG_IGN)
client.flush()
assert client.stats()["losses"] == 0, client.stats()
assert returned <= client.stats()["events"]["fired"] <= returned + interrupts
print(client.stats()["events"]["fired"])
client.stop()
""",
    "a stop at the exit, twice": """
import atexit
atexit.register(client.stop)
atexit.register(client.stop)
event.trigger("last")
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program(name: str) -> None:
    heard: list[Any] = []
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        server.add_sender("echo", [], {"say": lambda params: params})
        server.add_listener(lambda info, data: heard.append(data), "child", "e")
        command = [sys.executable, "-c", HEAD + PROGRAMS[name], server.addresses[0]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=within(40), check=False)
        assert (done.returncode, done.stderr) == (0, "")
        eventually(lambda: not server.peers)
        if done.stdout:
            eventually(lambda: len(heard) == int(done.stdout))
        elif name == "a stop at the exit, twice":
            eventually(lambda: heard == ["last"])


class TimeLimit(Exception):
    """What a signal handler raises."""


def test_what_a_handler_raises_within_a_listener_here_is_no_failure_of_that_listener() -> None:
    def limit(number: int, frame: object) -> None:
        raise TimeLimit

    router = sig.Router()
    router.add_listener(lambda info, data: signal.raise_signal(signal.SIGUSR1), "s", "e")
    before = signal.signal(signal.SIGUSR1, limit)
    try:
        with pytest.raises(TimeLimit):
            router.add_sender("s", ["e"]).get_signal("e").trigger(1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert router.listener_errors == 0
