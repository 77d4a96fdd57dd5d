"""The program as a process: questions, options, signals, and a server that is not there."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

import sig_core as sig
from tests.examples.web import ROOT
from tests.examples.web.site import stream
from tests.support import eventually, within
from tests.support.quick import first_quick
from tests.support.signals import send_signal

PROGRAM = [sys.executable, "-W", "error", str(ROOT / "examples/web_events_logger")]
FREE = ("--http-port", "0")

TRANSCRIPT = """\
Server IP   (default: 127.0.0.1):
Server port (default: 3000):{port}
Queue limit (default: 20):200
Sender 1:ifttt
Event  1:None
Event  2:
Sender 2:keros
Event  1:ir
Event  2:
Sender 3:None
Event  1:#notify
Event  2:
Sender 4:
[sig][_][_][    info]-[TCP_CL] Connecting to 127.0.0.1:{port}
[sig][_][_][    info]-[TCP_CL] Started receive thread for 127.0.0.1:{port}
[sig][_][perform_registration][    info]-Registering to ifttt:None
[sig][_][perform_registration][    info]-done
[sig][_][perform_registration][    info]-Registering to keros:ir
[sig][_][perform_registration][    info]-done
[sig][_][perform_registration][    info]-Registering to None:#notify
[sig][_][perform_registration][    info]-done
http://127.0.0.1:_/
"""


class Program:
    """One that runs. Its output goes to a file."""

    def __init__(self, folder: Path, stdin: str | None, arguments: tuple[str, ...]) -> None:
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [*PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=out, stderr=err, text=True
            )
        assert self.process.stdin is not None
        if stdin is not None:
            self.process.stdin.write(stdin)
            self.process.stdin.close()

    @property
    def output(self) -> str:
        return self._out.read_text()

    @property
    def errors(self) -> str:
        return self._err.read_text()

    def says(self, text: str) -> None:
        """Wait until it is printed."""
        eventually(lambda: text in self.output or self.process.poll() is not None, 20)
        assert text in self.output, self.errors

    @property
    def address(self) -> str:
        """Where its web server is, once it is there."""
        self.says("http://")
        return re.findall(r"http://(.*)/", self.output)[0]

    def get(self, path: str) -> str:
        """Ask its web server, which must be there, and agree."""
        connection = HTTPConnection(self.address, timeout=within(10))
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == 200
            return response.read().decode()
        finally:
            connection.close()

    def ends(self) -> int:
        """Wait for its end, and give its status."""
        return self.process.wait(within(20))


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    programs: list[Program] = []

    def begin(*arguments: str, stdin: str | None = None) -> Program:
        folder = tmp_path / str(len(programs))
        folder.mkdir()
        programs.append(Program(folder, stdin, arguments))
        return programs[-1]

    yield begin
    for each in programs:
        each.process.kill()
        each.process.wait(within(10))
        assert each.process.stdin is not None
        each.process.stdin.close()


@contextmanager
def serving() -> Iterator[tuple[sig.ServerRouter, str]]:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        yield server, server.addresses[0].rpartition(":")[2]


def test_documented_transcript(start: Start) -> None:
    with serving() as (_, port):
        typed = f"\n{port}\n200\nifttt\nNone\n\nkeros\nir\n\nNone\n#notify\n\n\n"
        program = start(*FREE, stdin=typed)
        program.says("http://")
        output = re.sub(r"\[ *\d+\]", "[_]", program.output)
        output = re.sub(r"\[ +_connect\]", "[_]", output)
        output = re.sub(r"(http://127.0.0.1):\d+/", r"\1:_/", output)
        assert output == TRANSCRIPT.format(port=port)
        registered = [line.split("\t") for line in program.get("/regs?fmt=plain").splitlines()]
        assert registered == [[pattern, "registered"] for pattern in ("ifttt:None", "keros:ir", "None:#notify")]
        assert '"limit":200' in program.get("/cfg")


def test_options_replace_the_questions(start: Start) -> None:
    with serving() as (server, port):
        temp = server.add_sender("temp", ["#changed"]).get_signal("#changed")
        program = start(
            "--ip", "127.0.0.1", "--port", port, "--limit", "2", "--codec", "msgpack", "--listen", ":#changed", *FREE
        )
        program.says("http://")
        assert "Server IP" not in program.output
        for value in (1, b"2", 3):
            temp.trigger(value)
        eventually(lambda: program.get("/?fmt=plain&sender=temp").endswith("\t3\n"))
        assert [line.split("\t")[3] for line in program.get("/?fmt=plain").splitlines()] == ["\"b'2'\"", "3"]


@pytest.mark.parametrize("number", first_quick([signal.SIGINT, signal.SIGTERM]))
def test_signal_ends_it_though_pages_are_open_and_one_does_not_read(start: Start, number: signal.Signals) -> None:
    with serving() as (server, port):
        big = server.add_sender("big", ["tick"]).get_signal("tick")
        program = start("--port", port, "--limit", "1000", "--listen", "big", *FREE)
        host, _, http = program.address.rpartition(":")
        with stream(program.address) as messages, socket.socket() as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.connect((host, int(http)))
            stuck.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert stuck.recv(15) == b"HTTP/1.1 200 OK"
            for last in range(50, 500, 50):  # 7 MB, more than the system takes for who does not read
                for _ in range(50):
                    big.trigger("x" * 16_000)
                while next(messages)["state"]["received"] < last:
                    pass
            send_signal(program.process, number)
            assert program.ends() == 0
        assert program.errors == ""


def test_it_waits_for_its_server_and_is_registered_again_when_that_was_away(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    program = start("--port", str(port), "--listen", "temp", *FREE)
    program.says("http://")
    assert "trying again every 1 s" in program.output
    assert '"state":"connecting"' in program.get("/cfg")
    assert program.get("/add?sender=late") == "late:None: waiting for the server\n"
    hears_temp_and_late(program, port, subscriptions=2)
    eventually(lambda: '"state":"reconnecting"' in program.get("/cfg"))
    assert program.get("/add?sender=later") == "later:None: waiting for the server\n"
    hears_temp_and_late(program, port, subscriptions=3)
    send_signal(program.process, signal.SIGTERM)
    assert (program.ends(), program.errors) == (0, "")


def hears_temp_and_late(program: Program, port: int, subscriptions: int) -> None:
    """Let the server be there for a while, and two of its senders fire."""
    with sig.ServerRouter(f"tcp://127.0.0.1:{port}") as server:
        signals = [server.add_sender(name, ["tick"]).get_signal("tick") for name in ("temp", "late")]
        eventually(lambda: "waiting" not in program.get("/regs?fmt=plain"))
        eventually(lambda: server.stats()["subscriptions"] == subscriptions)
        program.get("/clear")
        for each in signals:
            each.trigger()
        eventually(lambda: program.get("/?fmt=plain").count("\ttick\t") == 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_questions(start: Start, number: signal.Signals) -> None:
    program = start()
    eventually(lambda: "Server IP" in program.output or program.process.poll() is not None)
    send_signal(program.process, number)
    assert (program.ends(), program.errors) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "typed", "reason"),
    [
        (["--limit", "0"], "", "argument --limit: limit '0': must be an integer from 1 to 100000"),
        (["--port", "65536"], "", "argument --port: '65536' is no port: give a number from 1 to 65535"),
        (["--listen", '"a"b'], "", "a colon after the quoted sender"),
        (["--listen", "x" * 256], "", "at most 255 are allowed"),
        (["--url", "tcp://h", "--port", "1"], "", "--url says where the server is"),
        (["--url", "nope://h"], "", "nope"),
        (["--port", "1", "--codec", "nope"], "", "nope"),
        (["--ip", "a/b"], "", "'a/b' is no host"),
        (FREE, "\nx\n", "'x' is no port: give a number from 1 to 65535"),
        (FREE, "\n\n\n" + "x" * 256 + "\n", "xxxx"),
        (FREE, "\n\n\n", "the input ended at 'Sender 1:'"),
    ],
)
def test_what_can_not_be_meant_ends_with_status_2(start: Start, arguments: list[str], typed: str, reason: str) -> None:
    program = start(*arguments, *([] if arguments is FREE else FREE), stdin=typed)
    assert program.ends() == 2
    assert reason in program.errors
    assert "Traceback" not in program.errors


def test_http_port_that_is_taken_ends_with_status_1(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        program = start("--listen", "a", "--http-port", port)
        assert program.ends() == 1
    assert program.errors.startswith(f"web_events_logger: 127.0.0.1:{port}: Address already in use")
    assert "--http-port" in program.errors
