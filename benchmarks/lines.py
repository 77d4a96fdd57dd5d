"""Measures boards on serial lines: how fast, and how close to what the line itself can carry. See README.md.

    make bench-lines          # the boards are those of the tests: the C client as a process, and on an emulated AVR
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from run import machine

import sig_core as sig
from sig_core.line.packets import wire_size
from tests.support.rig import AvrBoard, NativeBoard, SerialLine, Workshop, tools

BAUD = 115_200
PAYLOAD = 20  # bytes of the messages that are sent to and fro on the paced line
DEPTH = 16  # of them under way; the window of the board is what limits


class Bench:
    """A server and a board.

    Args:
        port: where the board is.
        name: of its sender.
    """

    def __init__(self, stack: ExitStack, port: str, name: str) -> None:
        self.server = stack.enter_context(sig.ServerRouter(port))
        self.name = name
        end = time.monotonic() + 20
        while not self.server.has_sender(name):
            if time.monotonic() > end:
                raise SystemExit(f"{name} did not register at {port}")
            time.sleep(0.01)

    def echo(self, count: int, value: object, depth: int) -> tuple[float, list[float]]:
        """Ask so often, so many at a time; seconds in all, and of each."""
        times: list[float] = []
        under_way: list[Future[object]] = []
        begin = time.perf_counter()
        for _ in range(count):
            if len(under_way) == depth:
                under_way.pop(0).result()
            asked = time.perf_counter()
            future = self.server.request_async(self.name, "echo", value, timeout=30)
            future.add_done_callback(lambda _, asked=asked: times.append(time.perf_counter() - asked))
            under_way.append(future)
        for future in under_way:
            future.result()
        return time.perf_counter() - begin, times

    def events(self, count: int) -> float:
        """Let the board fire so many; seconds until the last one was heard."""
        heard, done = 0, threading.Event()

        def hear(info: sig.Info, data: object) -> None:
            nonlocal heard
            heard += 1
            if heard == count:
                done.set()

        with self.server.add_listener(hear, self.name, "#changed"):
            begin = time.perf_counter()
            self.server.request(self.name, "burst", count)
            if not done.wait(60):
                raise SystemExit(f"{heard} of {count} events arrived")
            return time.perf_counter() - begin


def paced(stack: ExitStack, workshop: Workshop) -> dict[str, float]:
    """Messages of 20 bytes in both directions at 115,200 baud, with a window of 4."""
    line = stack.enter_context(SerialLine(BAUD))
    stack.enter_context(NativeBoard(workshop.firmware("native", MTU=48, SLOTS=4), on=line.b))
    bench = Bench(stack, line.port, "native")
    value = "x" * (PAYLOAD - 5)  # [3, id, 0, value]: four bytes before it, one is its head
    bench.echo(20, value, DEPTH)
    seconds, _ = bench.echo(1000, value, DEPTH)
    return {"frames/s each way": 1000 / seconds, "limit of the line": BAUD / 10 / wire_size(PAYLOAD)}


def unpaced(stack: ExitStack, workshop: Workshop) -> dict[str, float]:
    """Events of 16 bytes on a pty without a pace: what the two ends can do."""
    board = stack.enter_context(NativeBoard(workshop.firmware("native")))
    bench = Bench(stack, board.port, "native")
    bench.events(20_000)
    rate = 100_000 / bench.events(100_000)
    _, times = bench.echo(2000, "x" * 15, 1)
    return {"events/s": rate, "echo p50 ms": statistics.median(times) * 1e3}


def avr(stack: ExitStack, workshop: Workshop) -> dict[str, float]:
    """An ATmega328P at 16 MHz and 115,200 baud: 20 bytes to and fro, one at a time; and its events."""
    board = stack.enter_context(AvrBoard(workshop.emulator(), workshop.firmware("avr")))
    bench = Bench(stack, board.port, "uno")
    bench.echo(20, "x" * 15, 1)
    _, times = bench.echo(300, "x" * 15, 1)
    figures = {"echo p50 ms": statistics.median(times) * 1e3, "echo p99 ms": sorted(times)[-3] * 1e3}
    return figures | {"events/s": 1000 / bench.events(1000), **reset(bench, board)}


def reset(bench: Bench, board: AvrBoard) -> dict[str, float]:
    """From the reset button to the end of the session, and to the board's being back."""
    seen = {"#disconnect": threading.Event(), "#connect": threading.Event()}
    at: dict[str, float] = {}

    def hear(info: sig.Info, data: object) -> None:
        event = str(info["event"])
        at.setdefault(event, time.perf_counter())
        seen[event].set()

    add = bench.server.add_listener
    with add(hear, bench.name, "#disconnect"), add(hear, bench.name, "#connect"):
        begin = time.perf_counter()
        board.reset()
        if not all(event.wait(10) for event in seen.values()):
            raise SystemExit("the reset was not noticed")
    return {f"reset to {event} ms": (at[event] - begin) * 1e3 for event in seen}


CASES: dict[str, tuple[Callable[[ExitStack, Workshop], dict[str, float]], tuple[tools.Need, ...]]] = {
    "native, 115,200 baud, window 4": (paced, tools.NATIVE),
    "native, no pace": (unpaced, tools.NATIVE),
    "ATmega328P, 115,200 baud, window 2": (avr, tools.AVR),
}


def measured(repeats: int) -> dict[str, dict[str, float]]:
    """Medians of each case."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder))
        for name, (case, needs) in CASES.items():
            if absent := tools.missing(needs):
                print(f"{name}: left out, {absent}")
                continue
            runs = []
            for _ in range(repeats):
                with ExitStack() as stack:
                    runs.append(case(stack, workshop))
            found[name] = {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}
            print(name, {figure: round(value, 2) for figure, value in found[name].items()}, flush=True)
    return found


def page(found: dict[str, dict[str, float]], repeats: int) -> str:
    """Write the results as a page."""
    on = machine()
    figures = [(name, *figure) for name, each in found.items() for figure in each.items()]
    rows = [f"| {name} | {figure} | {value:,.2f} |" for name, figure, value in figures]
    return "\n".join(
        [
            "# Boards on lines",
            "",
            f"{on['date']}, {len(on['cpus'])} cores ({on['processor']}), Python {on['python']}. "
            f"Medians of {repeats} runs, made by `make bench-lines`.",
            "",
            "| board | figure | median |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Measure, print, and write LINES.md if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--results", metavar="FILE", help="write a page")
    options = parser.parse_args()
    found = measured(options.repeats)
    if options.results:
        Path(options.results).write_text(page(found, options.repeats))


if __name__ == "__main__":
    main()
