"""A whole logger in this process: a pysig server, the subscriber, and its web server on a thread, asked over HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from typing import Any

import uvicorn
from web_events_logger.command import make_server
from web_events_logger.journal import Filter, Journal
from web_events_logger.subscriber import Subscriber

import sig_core as sig
from tests.support import eventually, within

NAME = "logger.lan"  # a further name of this machine
HOSTILE = "<script>alert(\"1\")</script>&'"
INVISIBLE = "a\tb\nc\u202ed\x1b[31m"
SENDERS: tuple[sig.Name, ...] = ("timer", "a", "aa", 7, "7", HOSTILE, INVISIBLE)
EVENTS: tuple[sig.Name, ...] = ("tick", "tock", HOSTILE)


@dataclass
class Answer:
    """What came back."""

    status: int
    text: str
    headers: HTTPMessage


class Site:
    """A logger and what it listens to."""

    def __init__(
        self, server: sig.ServerRouter, journal: Journal, subscriber: Subscriber, web: uvicorn.Server, address: str
    ) -> None:
        self.server = server
        self.journal = journal
        self.subscriber = subscriber
        self.web = web
        self.address = address
        self.url = f"http://{address}/"

    def ask(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> Answer:
        """Ask; headers are written with underscores."""
        connection = HTTPConnection(self.address, timeout=within(10))
        try:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, given)
            response = connection.getresponse()
            return Answer(response.status, response.read().decode(), response.headers)
        finally:
            connection.close()

    def plain(self, path: str = "/?fmt=plain") -> list[list[str]]:
        """Give the lines of an answer as their fields."""
        answer = self.ask(path)
        assert answer.status == 200, answer
        return [line.split("\t") for line in answer.text.split("\n")[:-1]]

    def listen(self, sender: sig.Name | None = None, event: sig.Name | None = None) -> None:
        """Register."""
        assert self.subscriber.add((sender, event)) is not None

    def fire(self, sender: sig.Name, event: sig.Name, data: Any = None) -> None:
        """Fire an event, and wait until it is logged."""
        before = self.journal.received
        self.send(sender, event, data)
        eventually(lambda: self.journal.received > before)

    def send(self, sender: sig.Name, event: sig.Name, data: Any = None) -> None:
        """Fire an event."""
        signal = self.server.senders[sender].get_signal(event)
        assert signal is not None
        signal.trigger(data)

    def forget(self) -> None:
        """Be as new."""
        for each in self.subscriber.registrations:
            self.subscriber.remove(each.pattern)
        self.journal.limit = 200
        self.journal.clear()

    def stream(self, query: str = "") -> AbstractContextManager[Iterator[dict[str, Any]]]:
        """Open the live stream."""
        return stream(self.address, query)


@contextmanager
def stream(address: str, query: str = "") -> Iterator[Iterator[dict[str, Any]]]:
    """Open the live stream of a logger; gives its messages."""
    connection = HTTPConnection(address, timeout=within(10))
    connection.request("GET", "/events" + query)
    response = connection.getresponse()
    try:
        assert response.headers["content-type"].startswith("text/event-stream")
        yield (json.loads(line.removeprefix(b"data: ")) for line in response if line.strip())
    finally:
        response.close()
        connection.close()


def all_of(journal: Journal) -> list[Any]:
    """Give everything that is logged."""
    return journal.all(Filter())


@contextmanager
def running(url: str = "tcp://127.0.0.1:0") -> Iterator[Site]:
    """Run one of all."""
    listening = socket.create_server(("127.0.0.1", 0))
    with sig.ServerRouter(url) as server:
        journal = Journal(200)
        subscriber = Subscriber(server.addresses[0], "json", [], journal)
        subscriber.start()
        for name in SENDERS:  # before anybody listens, who would hear that they connect
            server.add_sender(name, EVENTS)
        web = make_server(journal, subscriber, frozenset({NAME}))
        thread = threading.Thread(target=web.run, kwargs={"sockets": [listening]}, name="web")
        thread.start()
        try:
            yield Site(server, journal, subscriber, web, f"127.0.0.1:{listening.getsockname()[1]}")
        finally:
            web.should_exit = True
            thread.join(within(10))
            subscriber.stop()
            assert not thread.is_alive()
