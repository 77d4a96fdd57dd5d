"""A listener process: prints everything that arrives, and counts it."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import sig_core as sig
from sig_core.demo.sensor import stop_at_end_of_input

__all__ = ["EventLog"]


class EventLog:
    """Prints and counts. `numbers`: of each sender's events, in order of arrival; `gone`: when each disconnected."""

    def __init__(self) -> None:
        self.numbers: dict[str, list[int]] = {}
        self.gone: dict[str, float] = {}

    def hear(self, info: sig.Info, data: Any) -> None:
        """Take one event."""
        sender, event = str(info["sender"]), str(info["event"])
        if event == sig.EVENT_DISCONNECT:
            self.gone[sender] = time.time()
        elif event != sig.EVENT_CONNECT:
            self.numbers.setdefault(sender, []).append(data["n"])
        how = f"  over {info['carrier']} in {info['codec']}" if "carrier" in info else ""
        value = data.get("value", "")
        print(f"{time.strftime('%H:%M:%S')}  {sender:<8} {event:<12} {value!s:<52}{how}".rstrip(), flush=True)

    def report(self, lost: int) -> dict[str, Any]:
        """Return all that was counted."""
        return {"numbers": self.numbers, "gone": self.gone, "lost": lost}


def main() -> None:
    """Be a process: arguments are URL, codec and report file; the end of standard input ends it."""
    url, codec, report = sys.argv[1:]
    log = EventLog()
    stop = threading.Event()
    threading.Thread(target=stop_at_end_of_input, args=(stop,), daemon=True).start()
    with sig.ClientRouter(url, codec) as client:
        client.add_remote_listener(log.hear)
        Path(report).touch()  # ready
        stop.wait()
        client.flush()
    Path(report).write_text(json.dumps(log.report(client.lost.total())))


if __name__ == "__main__":
    main()
