"""A sensor: a sender that fires when its reading changes. A process of its own, or a thread."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

import sig_core as sig
from sig_core.demo.readings import READINGS

__all__ = ["measure", "stop_at_end_of_input"]

EVERY = 0.25  # seconds between readings
TICK = 4  # readings between two ticks


class Labelled(sig.Signal):
    """Adds to `info` over which carrier and in which codec its sender speaks."""

    label: dict[str, str] = {}  # noqa: RUF012 - set once, before the first signal

    def trigger(self, data: Any = None, confirm: float | None = None) -> Any:
        """Fire with the label."""
        self.event_info.update(self.label)
        return super().trigger(data, confirm)


class Answers:
    """What the sensor can be asked."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.past: deque[dict[str, Any]] = deque(maxlen=10)

    def read(self, params: Any) -> dict[str, Any]:
        """Measure now."""
        return READINGS[self._name]()

    def history(self, params: Any) -> list[dict[str, Any]]:
        """Return the last ten readings."""
        return list(self.past)


def measure(name: str, url: str, codec: str, stop: threading.Event, token: str | None = None) -> int:
    """Fire until `stop` is set: `#changed` with each new reading, and `tick` now and then.

    Every event carries a number, from 1 without gaps. Returns how many were fired.
    """
    label = type("Label", (Labelled,), {"label": {"carrier": url.split(":")[0], "codec": codec}})
    answers = Answers(name)
    fired, readings, last = 0, 0, None
    with sig.ClientRouter(url, codec, class_signal=label, token=token) as client:
        sender = client.add_remote_sender(name, ["#changed", "tick"], answers)
        changed, tick = sender.get_signal("#changed"), sender.get_signal("tick")
        while True:
            reading = READINGS[name]()
            answers.past.append(reading)
            readings += 1
            if reading != last:
                fired, last = fired + 1, reading
                changed.trigger({"n": fired, "value": reading})
            if readings % TICK == 0:
                fired += 1
                tick.trigger({"n": fired, "value": reading})
            if stop.wait(EVERY):
                break
        client.flush()
    return fired


def stop_at_end_of_input(stop: threading.Event) -> None:
    """Set `stop` when standard input ends: whoever started this process wants it to end."""
    sys.stdin.read()
    stop.set()


def main() -> None:
    """Be a process: arguments are name, URL, codec and report file; the end of standard input ends it.

    A token comes by the environment, which others do not see as they see arguments.
    """
    name, url, codec, report = sys.argv[1:]
    stop = threading.Event()
    threading.Thread(target=stop_at_end_of_input, args=(stop,), daemon=True).start()
    fired = measure(name, url, codec, stop, os.environ.get("SIG_TOKEN"))
    Path(report).write_text(json.dumps({"fired": fired}))


if __name__ == "__main__":
    main()
