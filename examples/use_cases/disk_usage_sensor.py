"""A sensor: tells how full a disk of this machine is, whenever that changes and whenever it is asked."""

from __future__ import annotations

import argparse
import shutil
import signal
import socket
import sys
import time
from contextlib import suppress

import sig_core as sig

KEEP = 1_000_000  # bytes of readings that wait while the server is away; then the oldest give way
RETRY = 1.0  # seconds


def read(path: str) -> dict[str, str | int | float]:
    """Give bytes, and how much of them is used in percent."""
    usage = shutil.disk_usage(path)
    percent = round(100 * usage.used / usage.total, 1)
    return {"path": path, "total": usage.total, "used": usage.used, "free": usage.free, "percent": percent}


def join(client: sig.ClientRouter, name: str, path: str) -> sig.Sender:
    """Connect, with a sender; from then on the client comes back by itself, and the sender with it."""
    client.start()
    return client.add_remote_sender(name, ["#changed"], {"read": lambda params: read(path)})


def measure(sender: sig.Sender, path: str, every: float) -> None:
    """Fire `#changed` with each new reading."""
    changed, last = sender.get_signal("#changed"), None
    while True:
        reading = read(path)
        if reading != last:
            changed.trigger(reading)
            last = reading
        time.sleep(every)


def serve(options: argparse.Namespace) -> None:
    """Measure until an interrupt; as often as there is no server at first, connect again."""
    while True:
        client = sig.ClientRouter(options.url, reconnect=sig.Reconnect(keep=KEEP))
        try:
            measure(join(client, options.name, options.path), options.path, options.every)
        except (sig.CarrierError, sig.OutcomeUnknown) as error:  # there is no server yet
            print(f"{error}; trying again in {RETRY:g} s", file=sys.stderr)
            time.sleep(RETRY)
        except sig.SigError as error:
            sys.exit(str(error))
        finally:
            client.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="tcp://127.0.0.1:3000", help="the server (default: %(default)s)")
    name = f"disk of {socket.gethostname()}"
    parser.add_argument("--name", default=name, help="of the sender (default: %(default)s)")
    parser.add_argument("--path", default="/", help="any place on the disk (default: %(default)s)")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two looks (default: %(default)s)")
    options = parser.parse_args()

    with suppress(KeyboardInterrupt):
        for number in (signal.SIGINT, signal.SIGTERM):  # both end it as Ctrl-C does: by a KeyboardInterrupt
            signal.signal(number, signal.default_int_handler)
        serve(options)


if __name__ == "__main__":
    main()
