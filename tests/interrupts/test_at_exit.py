"""Programs that end without `stop`: what they triggered arrives all the same. Each is a process."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import sig_core as sig
from sig_core.testing import eventually
from tests.support import within

COUNT = 2000
CLIENT = f"""
import sys, sig_core as sig
def main(url):
    signal = sig.ClientRouter(url).start().add_remote_sender("child", ["e"]).get_signal("e")
    for number in range({COUNT}):
        signal.trigger([number, "x" * 100])
    {{end}}
main(sys.argv[1])
"""
SERVER = f"""
import sys, sig_core as sig
server = sig.ServerRouter("tcp://127.0.0.1:0").start()
signal = server.add_sender("child", ["e"]).get_signal("e")
print(server.addresses[0], flush=True)
sys.stdin.readline()
for number in range({COUNT}):
    signal.trigger([number, "x" * 100])
"""
ENDS = {"main ends": "pass", "SystemExit": "sys.exit(3)", "an error": "raise RuntimeError"}


def start(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.parametrize("end", ENDS)
def test_a_client_that_ends_without_a_stop(end: str) -> None:
    heard: list[Any] = []
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        server.add_listener(lambda info, data: heard.append(data[0]), "child", "e")
        with start(CLIENT.format(end=ENDS[end]), server.addresses[0]) as child:
            child.wait(within(30))
        eventually(lambda: len(heard) == COUNT, 10, f"{COUNT} events")
        assert heard == list(range(COUNT))
        assert server.stats()["links"]["open"] == 0


def test_a_server_that_ends_without_a_stop() -> None:
    heard: list[Any] = []
    with start(SERVER) as child:
        assert child.stdout is not None and child.stdin is not None
        with sig.ClientRouter(child.stdout.readline().strip(), reconnect=None) as client:
            client.add_remote_listener(lambda info, data: heard.append(data[0]), "child", "e")
            child.stdin.write("go\n")
            child.stdin.flush()
            child.wait(within(30))
            eventually(lambda: not client.is_connected)
            eventually(lambda: len(heard) == COUNT, 10, f"{COUNT} events")
        assert heard == list(range(COUNT))


def test_events_that_wait_for_the_link_have_this_time_too() -> None:
    """The server comes back while the program ends."""
    program = """
import sys, time, sig_core as sig
client = sig.ClientRouter(sys.argv[1], reconnect=sig.Reconnect(first=0.01, most=0.02, keep=100_000)).start()
signal = client.add_remote_sender("child", ["e"]).get_signal("e")
print("there", flush=True)
while client.is_connected:
    time.sleep(0.001)
for number in range(100):
    signal.trigger(number)
print("away", flush=True)
"""
    heard: list[Any] = []
    server = sig.ServerRouter("tcp://127.0.0.1:0").start()
    url = server.addresses[0]
    with start(program, url) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "there\n"
        server.stop()
        assert child.stdout.readline() == "away\n"
        with sig.ServerRouter(url) as again:
            again.add_listener(lambda info, data: heard.append(data), "child", "e")
            child.wait(within(30))
            eventually(lambda: len(heard) == 100, 10, "100 events")
    assert heard == list(range(100))
