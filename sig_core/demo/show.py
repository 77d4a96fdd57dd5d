"""The demo: one server, sensors around it, a listener, a kill, and a count of everything."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import sig_core as sig
from sig_core.address import without_options
from sig_core.demo import door
from sig_core.demo.board import Thermometer, why_not
from sig_core.demo.door import Door, Refusal
from sig_core.demo.sensor import measure
from sig_core.demo.summary import Row, verdict

__all__ = ["run"]

SENSORS = (
    ("disk", "tls+tcp", "json"),
    ("memory", "unix", "msgpack"),
    ("network", "tcp", "cbor"),
    ("uptime", "tcp", "json"),
)
LOCAL = ("load", "local", "json")
BOARD = ("board", Thermometer.carrier, Thermometer.codec)
BY_TLS = "disk"
VICTIM = "uptime"
REQUESTS = 300
PATIENCE = 15.0  # seconds for a process to come up, or to end


class Demo:
    """Starts everything, ends everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        reason = door.why_not()
        print(f"without TLS, a token and rules: {reason}" if reason else "with TLS, a token and rules of its own")
        self.door = None if reason else Door(folder, BY_TLS)
        self.server = sig.ServerRouter(rules=self.door.rules if self.door else None)
        self.urls: dict[str, str] = {}
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.fired: dict[str, int | None] = {}
        self.board: Thermometer | None = None

    def listen(self) -> None:
        """One server on three carriers."""
        self.server.start()
        for url in ("tcp://127.0.0.1:0", f"unix://{self.folder}/demo.sock", "local://demo"):
            address = self.server.listen(url)
            self.urls[address.split(":")[0]] = address
            print(f"listening on {address}")
        if self.door is not None:
            address = self.server.listen(self.door.url)
            self.urls[door.CARRIER] = self.door.client_url(address)
            print(f"listening on {without_options(address)}")

    def reached(self, sensor: tuple[str, str, str]) -> tuple[str, str, str]:
        """Return a sensor with a carrier that there is."""
        name, carrier, codec = sensor
        return (name, carrier if carrier in self.urls else "tcp", codec)

    def plug_in(self) -> None:
        """A board, where one can be."""
        reason = why_not() or _missing("carriers", "serial")
        if reason:
            print(f"without a board: {reason}")
            return
        self.board = Thermometer(self.folder)
        self.server.listen(self.board.port)
        print(f"listening on {self.board.port}")

    def stop_board(self) -> None:
        """Let the board fire no more, and note how often it did."""
        if self.board is not None:
            self.fired["board"] = self.server.request("board", "stop")

    def spawn(self, name: str, module: str, *args: str) -> None:
        """Start a process of this demo."""
        command = [sys.executable, "-m", f"sig_core.demo.{module}", *args, str(self.report(name))]
        token = {"SIG_TOKEN": self.door.token} if self.door is not None and name == BY_TLS else {}
        self.processes[name] = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, env=os.environ | token)

    def report(self, name: str) -> Path:
        """Where a process says what it counted."""
        return self.folder / f"{name}.json"

    def end(self, name: str) -> Any:
        """Let a process end in order, and return its report."""
        process = self.processes.pop(name)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(PATIENCE)
        return json.loads(self.report(name).read_text())

    def kill(self, name: str) -> float:
        """SIGKILL; gives when."""
        process = self.processes.pop(name)
        when = time.time()
        process.kill()
        process.wait(PATIENCE)
        assert process.stdin is not None
        process.stdin.close()
        return when

    def close(self) -> None:
        """End what is left, whatever happened."""
        for name in list(self.processes):
            self.kill(name)
        self.server.stop()
        if self.board is not None:
            self.board.stop()


def run(seconds: float) -> int:
    """Run the demo for about so many seconds; 0 if everything arrived, else 1."""
    with tempfile.TemporaryDirectory(prefix="sig-demo-") as folder:
        demo = Demo(Path(folder))
        try:
            return _play(demo, seconds)
        except KeyboardInterrupt:
            print("interrupted")
            return 1
        finally:
            demo.close()


def _play(demo: Demo, seconds: float) -> int:
    demo.listen()
    sensors = [demo.reached(sensor) for sensor in SENSORS if _has(sensor[2])]
    demo.spawn("listener", "listener", demo.urls["tcp"], "json")
    _until(lambda: demo.report("listener").exists(), "the listener to come up")
    demo.plug_in()
    beside = [LOCAL, BOARD] if demo.board else [LOCAL]
    for name, carrier, codec in sensors:
        demo.spawn(name, "sensor", name, demo.urls[carrier], codec)
    stop = threading.Event()
    inside = threading.Thread(target=lambda: demo.fired.update(load=measure("load", demo.urls["local"], "json", stop)))
    inside.start()
    everybody = [*sensors, *beside]
    names = [name for name, _, _ in everybody]
    try:
        _until(lambda: all(demo.server.has_sender(name) for name in names), "all sensors to connect")
        asked, answered, latency = _ask(demo, everybody)
        refusals = _intrude(demo)
        time.sleep(seconds / 2)
        killed = demo.kill(VICTIM)
        print(f"--------  {VICTIM} was killed")
        _until(lambda: not demo.server.has_sender(VICTIM), f"{VICTIM} to be missed")
        time.sleep(seconds / 2)
    finally:
        stop.set()
        inside.join(PATIENCE)
    demo.stop_board()
    for name, _, _ in sensors:
        demo.fired[name] = None if name == VICTIM else demo.end(name)["fired"]
    heard = demo.end("listener")
    rows = [Row.of(sensor, demo.fired[sensor[0]], heard["numbers"]) for sensor in everybody]
    seen = heard["gone"].get(VICTIM)
    return verdict(rows, asked, answered, latency, None if seen is None else (seen - killed) * 1000, refusals)


def _has(codec: str) -> bool:
    reason = _missing("codecs", codec)
    if reason:
        print(f"without codec {codec}: {reason}")
    return not reason


def _missing(kind: str, name: str) -> str:
    """Return why a plug-in can't be had; "" if it can."""
    try:
        sig.default_plugins().registry(kind).get(name)
    except sig.PluginError as error:
        return str(error)
    return ""


def _ask(demo: Demo, everybody: list[tuple[str, str, str]]) -> tuple[int, int, float]:
    """Ask all of them, in another codec than their own where there is one; requests, answers, p50 in microseconds."""
    times: list[float] = []
    each = REQUESTS // len(everybody)
    for name, _, codec in everybody:
        other = next(other for _, _, other in everybody if other not in (codec, BOARD[2]))
        with sig.ClientRouter(demo.urls["tcp"], other) as client:
            for _ in range(each):
                before = time.perf_counter()
                if isinstance(client.remote_request(name, "read"), dict):
                    times.append(time.perf_counter() - before)
            if name != BOARD[0]:
                client.remote_request(name, "history")
    return each * len(everybody), len(times), statistics.median(times) * 1e6


def _intrude(demo: Demo) -> list[Refusal]:
    """Try what the rules forbid: to come in without a token, and with one to add another sender than one's own."""
    if demo.door is None:
        return []
    url = demo.urls[door.CARRIER]
    return [door.intrude("stranger", url, None), door.intrude("alarm", url, demo.door.token)]


def _until(true: Any, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(f"the demo waited {PATIENCE:g} s in vain for {what}")
        time.sleep(0.01)
