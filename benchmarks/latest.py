"""Measures how old what a screen behind a slow line shows is, while a sender fires 10,000 times a second.

    .venv/bin/python benchmarks/latest.py          # with "latest", then without
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import sig_core as sig
from tests.support.rig import SerialLine

BAUD = 9600
RATE = 10_000  # events per second


def measure(seconds: float, **wanted: Any) -> str:
    """Fire for so long; return what was seen.

    Args:
        seconds: how long.
        wanted: options of the listener.
    """
    ages: list[float] = []
    with SerialLine(BAUD) as line, sig.ServerRouter("tcp://127.0.0.1:0", line.port) as server:
        there = f"serial://{line.b}?baud={BAUD}"
        with sig.ClientRouter(server.addresses[0]) as sensor, sig.ClientRouter(there) as screen:
            screen.add_remote_listener(lambda info, data: ages.append(time.monotonic() - data), "s", "e", **wanted)
            trigger = sensor.add_remote_sender("s", ["e"]).get_signal("e").trigger
            begun, fired, slowest = time.monotonic(), 0, 0.0
            while (passed := time.monotonic() - begun) < seconds:
                while fired < passed * RATE:
                    before = time.monotonic()
                    trigger(before)
                    slowest = max(slowest, time.monotonic() - before)
                    fired += 1
                time.sleep(0.001)
            shown = ages[:]
    age = f"{statistics.median(shown):.2f} s old, {max(shown):.2f} s at the most"
    return f"{fired} fired, the slowest in {1000 * slowest:.0f} ms; {len(shown)} shown, {age}"


def main() -> None:
    """Measure both ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="how long to fire (default: 8)")
    seconds = parser.parse_args().seconds
    sig.setup_logger(sig.NullLogger())
    print("latest:", measure(seconds, delivery=sig.Delivery(overflow="latest")))
    print("all:   ", measure(seconds))


if __name__ == "__main__":
    main()
