"""A client that shows a notification on the desktop for each event that it hears."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from contextlib import closing
from typing import Any

import prompts
from names import as_json, write_name, write_pattern
from program import client_parser, joined, logger, run

import sig_core as sig

try:
    from desktop import Desktop, NoDesktop, Refused
except ImportError as error:
    sys.exit(f"{error}: pip install jeepney")

ROUND = 1.0  # seconds between two looks at what came
MOST = 5  # notifications in a round

Event = tuple[sig.Info, Any]


class Backlog:
    """Events that are to be shown: the first few of a round, and a count of the others.

    Args:
        most: of those that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._first: list[Event] = []
        self._more = 0
        self._news = threading.Condition()

    def listener(self, info: sig.Info, data: Any) -> None:
        """Take an event; never waits."""
        with self._news:
            if len(self._first) < self._most:
                self._first.append((info, data))
            else:
                self._more += 1
            self._news.notify()

    def take(self) -> tuple[list[Event], int]:
        """Wait until there is an event; give the first ones, and how many more came."""
        with self._news:
            self._news.wait_for(lambda: self._first)
            taken = self._first, self._more
            self._first, self._more = [], 0
            return taken


class Alerts:
    """Shows what is in a backlog, one round after the other.

    Args:
        retry: seconds until a notification is tried again, while there is nobody to show it.
    """

    def __init__(self, desktop: Desktop, backlog: Backlog, retry: float) -> None:
        self._desktop = desktop
        self._backlog = backlog
        self._retry = retry

    def run(self) -> None:
        """Never returns. A round that follows one with too many events adds to its count, in the same notification."""
        number = total = 0
        while True:
            events, more = self._backlog.take()
            for info, data in events:
                text = data if isinstance(data, str) else as_json(data)
                self._show(f"{write_name(info['sender'])}: {write_name(info['event'])}", text)
            if more:
                total += more
                number = self._show(f"and {total} more", "events that came too fast to be shown", number)
            else:
                number = total = 0
            time.sleep(ROUND)

    def _show(self, summary: str, body: str, replaces: int = 0) -> int:
        while True:
            try:
                number = self._desktop.show(summary, body, replaces)
            except NoDesktop as error:
                logger.warning(f"{error} (trying again in {self._retry:g} s)")
                time.sleep(self._retry)
                replaces = 0  # whoever comes may know nothing of it
            except Refused as error:
                logger.error(f"'{summary}' was refused by the notification service: {error}")
                return 0
            else:
                logger.info(f"'{summary}' is shown")
                return number


def how_many(text: str) -> int:
    """Take a number of notifications."""
    if text not in map(str, range(1, 101)):
        raise argparse.ArgumentTypeError(f"{text!r}: give a number from 1 to 100")
    return int(text)


def say_who_shows(desktop: Desktop) -> None:
    try:
        logger.info(f"Notifications are shown by {desktop.service()}")
    except (NoDesktop, Refused) as error:
        logger.warning(f"{error} (it is tried again with the first event)")


def main() -> None:
    parser = client_parser(__doc__)
    text = f"notifications a second; of what comes faster, the number is shown (default: {MOST})"
    parser.add_argument("--most", type=how_many, default=MOST, metavar="N", help=text)
    answers = prompts.ask(parser, prompts.SERVER, listens=True)
    if not answers.listen:
        prompts.end("nothing to listen to: give a sender, and an event of it (--listen SENDER:EVENT); None: all")
    backlog = Backlog(answers.most)
    with closing(Desktop()) as desktop, joined(answers) as client:
        say_who_shows(desktop)
        for sender, event in dict.fromkeys(answers.listen):
            logger.info(f"Registering to {write_pattern((sender, event))}")
            client.add_remote_listener(backlog.listener, sender, event)
            logger.info("done")
        Alerts(desktop, backlog, answers.retry).run()


if __name__ == "__main__":
    run(main)
