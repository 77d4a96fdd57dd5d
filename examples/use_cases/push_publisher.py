"""A publisher: hands one piece of news to the push service, and leaves."""

from __future__ import annotations

import argparse
import sys

import sig_core as sig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="tcp://127.0.0.1:3000", help="the service (default: %(default)s)")
    parser.add_argument("topic")
    parser.add_argument("news", help="any text")
    options = parser.parse_args()

    try:
        with sig.ClientRouter(options.url) as client:
            client.remote_request("push", "publish", {"topic": options.topic, "news": options.news})
    except sig.SigError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
