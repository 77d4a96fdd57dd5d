"""Measures the page of examples/web_events_logger in a browser: does it stay quick, and does memory stay flat?

    .venv/bin/python benchmarks/web_page.py          # needs playwright and a Chromium; takes about 70 s

A sender fires at a steady rate. One headless Chromium shows the page; some more connections ask for the live stream and
never read it. Every 5 s the browser's heap (after a garbage collection) and the memory of the logger are noted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright
from run import machine

import sig_core as sig

LOGGER = Path(__file__).parents[1] / "examples/web_events_logger"
EVERY = 5  # seconds between two samples
MIB = 1 << 20

WATCH = """() => {
  const seen = (window.seen = { timer: [], frames: [], long: [] });
  let tick = performance.now();
  setInterval(() => {
    const now = performance.now();
    seen.timer.push(now - tick - 50);
    tick = now;
  }, 50);
  let before = performance.now();
  const frame = (now) => {
    seen.frames.push(now - before);
    before = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => seen.long.push(...list.getEntries().map((each) => each.duration))).observe({
    type: "longtask",
  });
}"""


def fire(rate: float, seconds: float, size: int) -> None:
    """Be the server and the sender: print the address, wait for a line, fire, print how many were fired."""
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        print(server.addresses[0], flush=True)
        signals = [server.add_sender(f"sensor {n}", ["#changed"]).get_signal("#changed") for n in range(10)]
        sys.stdin.readline()
        begun, fired = time.monotonic(), 0
        while (now := time.monotonic() - begun) < seconds:
            while fired < now * rate:
                signals[fired % 10].trigger({"n": fired, "text": "x" * size})
                fired += 1
            time.sleep(0.002)
        print(fired, flush=True)
        sys.stdin.readline()


@contextmanager
def process(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a Python program until it is not needed any more."""
    command = [sys.executable, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.terminate()


def line(running: subprocess.Popen[str]) -> str:
    """Give the next line that a process writes."""
    assert running.stdout is not None
    return running.stdout.readline().strip()


def tell(running: subprocess.Popen[str]) -> None:
    """Let a process go on."""
    assert running.stdin is not None
    running.stdin.write("\n")
    running.stdin.flush()


def stuck(url: str) -> socket.socket:
    """Ask for the live stream, and never read it."""
    host, port = url.split("/")[2].split(":")
    asking = socket.socket()
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # else the system takes megabytes for it
    asking.connect((host, int(port)))
    asking.sendall(f"GET /events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    return asking


def resident(pid: int) -> float:
    """Give the memory of a process in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB


def sample(page: Page, devtools: CDPSession, pid: int) -> dict[str, float]:
    """Note how it stands."""
    devtools.send("HeapProfiler.collectGarbage")
    metrics = {each["name"]: each["value"] for each in devtools.send("Performance.getMetrics")["metrics"]}
    number = "(id) => Number(document.getElementById(id).textContent.replaceAll(',', ''))"
    return {
        "received": page.evaluate(number, "received"),
        "skipped": page.evaluate(number, "skipped"),
        "rows": page.evaluate("document.getElementById('log').childElementCount"),
        "heap MiB": metrics["JSHeapUsedSize"] / MIB,
        "nodes": metrics["Nodes"],
        "logger MiB": resident(pid),
    }


def part(values: list[float], share: float) -> float:
    """Give the value that this share of all does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def measured(options: argparse.Namespace, stack: ExitStack) -> tuple[list[dict[str, float]], dict[str, Any], int]:
    """Give the samples, what the page saw of itself, and how many events were fired."""
    sender = stack.enter_context(process(__file__, "--fire", options.rate, options.seconds, options.size))
    to_logger = ("--url", line(sender), "--listen", "None", "--limit", options.limit, "--http-port", 0)
    logger = stack.enter_context(process(LOGGER, *to_logger))
    while not (url := line(logger)).startswith("http://"):
        pass
    for _ in range(options.stuck):
        stack.enter_context(stuck(url))
    browser = stack.enter_context(sync_playwright()).chromium.launch(
        executable_path=shutil.which("chromium"), args=["--no-sandbox"] if os.geteuid() == 0 else []
    )
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(url)
    page.wait_for_selector("#link[data-state=connected]")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    page.evaluate(WATCH)
    tell(sender)
    samples = []
    for _ in range(int(options.seconds // EVERY)):
        page.wait_for_timeout(EVERY * 1000)
        samples.append(sample(page, devtools, logger.pid))
    fired = int(line(sender))
    page.wait_for_timeout(500)
    samples.append(sample(page, devtools, logger.pid))
    seen = page.evaluate("window.seen")
    browser.close()
    return samples, seen, fired


def report(options: argparse.Namespace, samples: list[dict[str, float]], seen: dict[str, Any], fired: int) -> None:
    """Print the table."""
    on, last = machine(), samples[-1]
    print(f"{on['date']}, {len(on['cpus'])} cores ({on['processor']}), Python {on['python']}")
    print(f"{options.rate:g} events/s of {options.size} characters for {options.seconds:g} s, limit {options.limit},")
    print(f"one page, {options.stuck} connections that never read\n")
    print(f"{'s':>4}" + "".join(f"{name:>12}" for name in last))
    for number, each in enumerate(samples, 1):
        figures = [f"{value:>12,.{'MiB' in name:d}f}" for name, value in each.items()]
        print(f"{min(number * EVERY, options.seconds):>4g}", *figures, sep="")
    shown = last["received"] - last["skipped"]
    print(f"\nfired {fired:,}, received {last['received']:,.0f}, shown {shown:,.0f} ({shown / options.seconds:,.0f}/s)")
    for name, title in (("timer", "lag of a 50 ms timer"), ("frames", "gap between frames")):
        p50, p99, most = (part(seen[name], share) for share in (0.5, 0.99, 1))
        print(f"{title:<22}p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {most:.1f} ms")
    print(f"{'tasks over 50 ms':<22}{len(seen['long'])}, the longest {max(seen['long'], default=0):.0f} ms")


def main() -> None:
    """Measure and print; or be the sender, for itself."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rate", type=float, default=1000, help="events/s (default: 1000)")
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--size", type=int, default=40, help="characters in each event (default: 40)")
    parser.add_argument("--limit", type=int, default=200, help="entries that the logger keeps (default: 200)")
    parser.add_argument("--stuck", type=int, default=4, help="connections that never read (default: 4)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the samples")
    parser.add_argument("--fire", nargs=3, type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fire:
        fire(options.fire[0], options.fire[1], int(options.fire[2]))
        return
    with ExitStack() as stack:
        samples, seen, fired = measured(options, stack)
    report(options, samples, seen, fired)
    if options.json:
        options.json.write_text(json.dumps(samples, indent=1))


if __name__ == "__main__":
    main()
