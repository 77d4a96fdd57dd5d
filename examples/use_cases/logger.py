"""A logger: writes events as lines of JSON to a file, while senders and servers come and go."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import sig_core as sig

RETRY = 1.0  # seconds


def writer(file: IO[str]) -> sig.Listener:
    """Give a listener that writes a line for each event."""

    def write(info: sig.Info, data: Any) -> None:
        line = {**info, "time": datetime.now(UTC).isoformat(timespec="milliseconds"), "data": data}
        print(json.dumps(line, ensure_ascii=False), file=file, flush=True)

    return write


def tell(state: str, error: sig.SigError | None) -> None:
    print(f"{state}: {error}" if error else state, file=sys.stderr)


def log(options: argparse.Namespace) -> None:
    """Write until an interrupt; as often as there is no server, connect again."""
    with options.file.open("a", encoding="utf-8") as file:
        while True:
            client = sig.ClientRouter(options.url)
            client.on("disconnected", tell)
            client.on("reconnected", tell)
            try:
                client.start().add_remote_listener(writer(file), options.sender, options.event)
                threading.Event().wait()  # the client comes back by itself, and its subscription with it
            except (sig.CarrierError, sig.OutcomeUnknown) as error:  # there is no server yet
                print(f"{error}; trying again in {RETRY:g} s", file=sys.stderr)
                time.sleep(RETRY)
            except sig.SigError as error:
                sys.exit(str(error))
            finally:
                client.stop()
                if client.lost:
                    print(f"{client.lost.total()} events did not arrive", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="tcp://127.0.0.1:3000", help="the server (default: %(default)s)")
    parser.add_argument("--sender", help="whose events (default: everybody's)")
    parser.add_argument("--event", help="which, such as the channel '#changed' (default: all)")
    parser.add_argument("--file", type=Path, default="events.jsonl", help="what it adds to (default: %(default)s)")
    options = parser.parse_args()

    with suppress(KeyboardInterrupt):
        for number in (signal.SIGINT, signal.SIGTERM):  # both end it as Ctrl-C does: by a KeyboardInterrupt
            signal.signal(number, signal.default_int_handler)
        log(options)


if __name__ == "__main__":
    main()
