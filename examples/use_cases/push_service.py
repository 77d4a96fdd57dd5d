"""A push service: a server with topics. Publishers hand in news, subscribers get those of their topics at once."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import Any

import sig_core as sig

SERVICE = "push"  # the name of its sender; each topic is an event of it


class Service:
    """What publishers and subscribers can ask: its public methods are the requests."""

    def __init__(self, server: sig.ServerRouter, topics: list[str]) -> None:
        self._topics = topics
        self._sender = server.add_sender(SERVICE, topics, self)

    def topics(self, params: Any) -> list[str]:
        """Give the names of the topics."""
        return self._topics

    def publish(self, params: dict[str, Any]) -> None:
        """Pass news on to those who subscribed to their topic."""
        self._sender.get_signal(params["topic"]).trigger(params["news"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="tcp://127.0.0.1:3000", help="where to listen (default: %(default)s)")
    parser.add_argument("topics", nargs="*", default=["news", "weather", "sports"], help="(default: %(default)s)")
    options = parser.parse_args()

    server = sig.ServerRouter(options.url)
    Service(server, options.topics)
    try:
        for number in (signal.SIGINT, signal.SIGTERM):  # both end it as Ctrl-C does: by a KeyboardInterrupt
            signal.signal(number, signal.default_int_handler)
        with server:
            print(f"topics {', '.join(options.topics)} on {server.addresses[0]}", flush=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        pass
    except sig.SigError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
