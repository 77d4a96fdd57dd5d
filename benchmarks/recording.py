"""How fast events are recorded, and how long a recording of an hour takes to open at its end.

    python benchmarks/recording.py [EVENTS]

The sender, the server and the recorder are three processes.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import sig_core as sig
from sig_core.recording import Recorder, Recording, RecordingWriter

HOUR, RATE = 3600, 1000
DATA = {"celsius": 21.5, "number": 1, "place": "hall"}


def serve(pipe: Any) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        pipe.send(server.addresses[0])
        pipe.recv()


def fire(url: str, events: int, rate: int, pipe: Any) -> None:
    with sig.ClientRouter(url) as client:
        trigger = client.add_remote_sender("temp", ["#changed"]).get_signal("#changed").trigger
        pipe.recv()
        begun = time.perf_counter()
        for number in range(events):
            if rate and number % 500 == 0:
                time.sleep(max(0.0, begun + number / rate - time.perf_counter()))
            trigger(DATA)
        client.flush()
        pipe.send(time.perf_counter() - begun)
        pipe.recv()


def record(events: int, rate: int, file: Path) -> None:
    serving, firing = multiprocessing.Pipe(), multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=[serving[1]])
    server.start()
    url = serving[0].recv()
    sender = multiprocessing.Process(target=fire, args=[url, events, rate, firing[1]])
    sender.start()
    with Recorder(file, url, event="#changed") as recorder:
        begun = time.perf_counter()
        firing[0].send(None)
        while recorder.stats()["recorded"] + recorder.stats()["lost"] < events:
            time.sleep(0.01)
        seconds = time.perf_counter() - begun
        lost, fired = recorder.stats()["lost"], firing[0].recv()
    rates = f"{events / seconds:,.0f}/s (fired at {events / fired:,.0f}/s)"
    print(f"recorded: {events} events, {rates}, {lost} lost, {file.stat().st_size / 1e6:.1f} MB")
    for pipe, process in ((firing, sender), (serving, server)):
        pipe[0].send(None)
        process.join()


def open_at_end(file: Path) -> None:
    writer, step = RecordingWriter(file), 10**9 // RATE
    begun = time.perf_counter()
    for number in range(HOUR * RATE):
        writer.put(10**18 + number * step, "temp", "#changed", "json", b'{"celsius":%d}' % number)
        if number % RATE == 0:
            writer.flush(0)
    writer.close()
    took = time.perf_counter() - begun
    rate = f"{HOUR * RATE / took:,.0f}/s on one thread"
    print(f"written: an hour of {RATE}/s, {file.stat().st_size / 1e6:.0f} MB, {rate}")
    for _ in range(3):
        begun = time.perf_counter()
        first = next(Recording(file).entries(10**18 + (HOUR * RATE - 10) * step))
        print(f"opened at its end: {(time.perf_counter() - begun) * 1e3:.1f} ms, {first.data.decode()}")


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    with tempfile.TemporaryDirectory() as folder:
        record(events, 0, Path(folder) / "as-fast.mcap")
        record(events, 50_000, Path(folder) / "at-50000.mcap")
        open_at_end(Path(folder) / "hour.mcap")


if __name__ == "__main__":
    main()
