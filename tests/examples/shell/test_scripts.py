"""The shell scripts as sender and listener, with nothing but bash."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import pytest

import sig_core as sig
from tests.support import eventually, within
from tests.support.signals import send_signal

SCRIPTS = Path(__file__).parents[3] / "examples/shell"
BASH = shutil.which("bash")
needs_bash = pytest.mark.skipif(BASH is None, reason="no bash here: the scripts use its /dev/tcp")

Script = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def server() -> Iterator[sig.ServerRouter]:
    with sig.ServerRouter("tcp://127.0.0.1:0") as running:
        yield running


@pytest.fixture
def script(server: sig.ServerRouter) -> Iterator[Script]:
    """Start a script; those that a failed test leaves behind are killed."""
    env = {**os.environ, "SIG_PORT": str(urlsplit(server.addresses[0]).port), "LC_ALL": "C"}
    with ExitStack() as stack:

        def started(name: str, *arguments: str) -> subprocess.Popen[str]:
            assert BASH is not None
            process = subprocess.Popen(
                [BASH, str(SCRIPTS / name), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=env,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield started


def listening(process: subprocess.Popen[str]) -> IO[str]:
    """Wait until a listener listens; give what it prints."""
    assert process.stderr is not None
    assert process.stdout is not None
    assert process.stderr.readline() == "listening\n"
    return process.stdout


def events(output: IO[str], count: int) -> list[tuple[Any, ...]]:
    found = [json.loads(output.readline()) for _ in range(count)]
    return [(event["info"]["sender"], event["info"]["event"], event["data"]) for event in found]


VALUES = [21.5, {"celsius": 21.5, "of": ["}}", '"info":', "\\"]}, "Grüße", None]


@needs_bash
def test_lines_become_events(server: sig.ServerRouter, script: Script) -> None:
    heard: list[Any] = []
    server.add_listener(lambda info, data: heard.append(data), "temp", "#changed")
    sender = script("sender.sh", "temp", "#changed")
    lines = [json.dumps(value, ensure_ascii=False) for value in VALUES]
    assert sender.communicate("\n".join(lines), timeout=within(20)) == ("", "")  # the last one has no line end
    assert sender.returncode == 0
    eventually(lambda: heard == VALUES)
    eventually(lambda: not server.has_sender("temp"))


@needs_bash
def test_a_line_is_fired_when_it_comes(server: sig.ServerRouter, script: Script) -> None:
    heard: list[Any] = []
    server.add_listener(lambda info, data: heard.append(data), event="#changed")
    sender = script("sender.sh", "temp", "#changed")
    assert sender.stdin is not None
    for value in range(3):
        print(value, file=sender.stdin, flush=True)
        eventually(lambda value=value: heard == list(range(value + 1)))  # type: ignore[misc]
    assert server.has_sender("temp")
    sender.terminate()
    eventually(lambda: not server.has_sender("temp"))


@needs_bash
@pytest.mark.parametrize(
    ("arguments", "hears"),
    [
        pytest.param([], [("a", "#changed"), ("a", "tick"), ("b", "#changed"), ("b", "tick")], id="everything"),
        pytest.param(["a"], [("a", "#changed"), ("a", "tick")], id="a-sender"),
        pytest.param(["a", "tick"], [("a", "tick")], id="an-event"),
        pytest.param(["", "#changed"], [("a", "#changed"), ("b", "#changed")], id="a-channel"),
    ],
)
def test_events_become_lines(
    server: sig.ServerRouter, script: Script, arguments: list[str], hears: list[tuple[str, str]]
) -> None:
    signals = [server.add_sender(name, ["#changed", "tick"]) for name in ("a", "b")]
    output = listening(script("listener.sh", *arguments))
    for value in VALUES:
        for each in signals:
            each.get_signal("#changed").trigger(value)
            each.get_signal("tick").trigger(value)
        assert events(output, len(hears)) == [(*name, value) for name in hears]


@needs_bash
def test_script_to_script(script: Script) -> None:
    listener = script("listener.sh", "temp")
    output = listening(listener)
    assert script("sender.sh", "temp", "#changed").communicate("1\n2\n", timeout=within(20)) == ("", "")
    assert [event for _, event, _ in events(output, 4)] == ["#connect", "#changed", "#changed", "#disconnect"]
    send_signal(listener, signal.SIGTERM)
    assert listener.wait(within(20)) == -signal.SIGTERM


@needs_bash
def test_what_goes_wrong_is_said(server: sig.ServerRouter, script: Script) -> None:
    server.add_sender("timer")
    for arguments, line, said in [
        (("timer", "tic"), "1", "'timer' is already connected"),
        (("temp", "tic"), "hello", "malformed"),
        (("temp",), "", "usage"),
    ]:
        sender = script("sender.sh", *arguments)
        _, err = sender.communicate(line, timeout=within(20))
        assert said in err
        assert sender.returncode == (2 if said == "usage" else 1)


@needs_bash
def test_the_end_of_the_server_is_said(server: sig.ServerRouter, script: Script) -> None:
    listener, sender = script("listener.sh"), script("sender.sh", "temp", "tic")
    listening(listener)
    eventually(lambda: server.has_sender("temp"))
    server.stop()
    assert listener.wait(within(20)) == 1
    assert listener.communicate()[1] == "the server is gone\n"
    assert "gone" in sender.communicate("1\n", timeout=within(20))[1]
    assert sender.returncode == 1
    assert "Connection refused" in script("sender.sh", "temp", "tic").communicate(timeout=within(20))[1]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck here")
def test_shellcheck_finds_nothing() -> None:
    run = subprocess.run(["shellcheck", *map(str, SCRIPTS.glob("*.sh"))], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "")
