"""A subscriber: prints the news of some topics of the push service, for as long as it runs."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import Any

import sig_core as sig


def show(info: sig.Info, data: Any) -> None:
    print(f"{info['event']}: {data}", flush=True)


def subscribe(client: sig.ClientRouter, topics: list[str]) -> None:
    """Register for these topics, and for nothing else."""
    offered = client.remote_request("push", "topics")
    for topic in topics:
        if topic not in offered:
            sys.exit(f"no topic {topic!r}; there are: {', '.join(offered)}")
        client.add_remote_listener(show, "push", topic)
    print(f"subscribed to {', '.join(topics)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="tcp://127.0.0.1:3000", help="the service (default: %(default)s)")
    parser.add_argument("topics", nargs="+")
    options = parser.parse_args()

    try:
        for number in (signal.SIGINT, signal.SIGTERM):  # both end it as Ctrl-C does: by a KeyboardInterrupt
            signal.signal(number, signal.default_int_handler)
        with sig.ClientRouter(options.url) as client:
            subscribe(client, options.topics)
            threading.Event().wait()
    except KeyboardInterrupt:
        pass
    except sig.SigError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
