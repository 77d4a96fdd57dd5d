"""Traffic with a test board in both directions at once, and what must be true of it afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sig_core as sig
from tests.support import within

__all__ = ["Stats", "Traffic", "heard_by_host", "served"]

DEPTH = 16  # requests of the host that are under way at a time
AHEAD = 500  # ticks that may be under way: less than what waits for a board


@dataclass(frozen=True)
class Stats:
    """What the board counts; see its request `stat`."""

    heard: int
    disordered: int
    fired: int
    damaged: int
    resent: int
    doubled: int


@contextmanager
def served(*urls: str, **how: Any) -> Iterator[sig.ServerRouter]:
    """A server on these addresses."""
    with sig.ServerRouter(*urls, **how) as server:
        yield server


@contextmanager
def heard_by_host(name: str, *urls: str, **how: Any) -> Iterator[Traffic]:
    """A server that hears a board from its first word on: it listens at these addresses when the listener is there."""
    with sig.ServerRouter(**how) as server:
        traffic = Traffic(server, name)
        for url in urls:
            server.listen(url)
        yield traffic


@dataclass
class Traffic:
    """A board's host: hears its events, fires ticks for it, asks it.

    Args:
        server: runs.
        name: of the board's sender.
    """

    server: sig.ServerRouter
    name: str
    numbers: list[int] = field(default_factory=list)
    presence: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._ticks = 0
        self._clock = self.server.add_sender("clock", ["tick"], {"now": lambda params: ["12:00", params]})
        self.server.add_listener(self._hear, self.name)

    def _hear(self, info: sig.Info, data: Any) -> None:
        with self._changed:
            if info["event"] == "#changed":
                self.numbers.append(data["n"])
            elif info["event"] in ("#connect", "#disconnect"):
                self.presence.append(info["event"])
            self._changed.notify_all()

    def wait(self, true: Any, seconds: float, what: str) -> None:
        """Wait until `true()`, which looks at what was heard."""
        with self._changed:
            assert self._changed.wait_for(true, within(seconds)), f"{what}: not within {seconds:g} s"

    def wait_in(self, times: int = 1) -> None:
        """Wait until the board has been connected so often."""
        if not (times == 1 and self.server.has_sender(self.name)):
            self.wait(lambda: self.presence.count("#connect") >= times, 20, f"{self.name} to register")

    def ask(self, method: str, params: Any = None) -> Any:
        return self.server.request(self.name, method, params, timeout=within(60))

    def stats(self) -> Stats:
        return Stats(*self.ask("stat"))

    def tick(self, count: int) -> None:
        """Fire so many ticks."""
        trigger = self._clock.get_signal("tick").trigger
        for _ in range(count):
            trigger(self._ticks)
            self._ticks += 1

    def exchange(self, events: int, requests: int, seconds: float) -> Stats:
        """So many events each way and requests, at once; each arrives once and in order, or this fails."""
        start, before = len(self.numbers), self.stats()
        assert self.ask("burst", events) == events
        asking = _Asking(self.server, self.name, requests)
        for sent in range(0, events, AHEAD):
            self.tick(min(AHEAD, events - sent))
            heard = self.stats().heard - before.heard  # asked behind the ticks, so it is answered behind them
            assert heard == min(sent + AHEAD, events)
        asking.finish(seconds)
        self.wait(lambda: len(self.numbers) - start >= events, seconds, "the last event")
        after = self.stats()
        assert self.numbers[start:] == list(range(before.fired, before.fired + events))
        assert (after.heard - before.heard, after.fired - before.fired) == (events, events)
        assert after.disordered == before.disordered
        return after


class _Asking(threading.Thread):
    """Asks for echoes, several at a time, and checks each."""

    def __init__(self, server: sig.ServerRouter, name: str, count: int) -> None:
        super().__init__(daemon=True)
        self._ask = lambda number: server.request_async(name, "echo", number, timeout=within(120))
        self._count = count
        self._wrong: list[Any] = []
        self.start()

    def run(self) -> None:
        under_way: list[tuple[int, Future[Any]]] = []
        for number in range(self._count):
            if len(under_way) == DEPTH:
                self._check(*under_way.pop(0))
            under_way.append((number, self._ask(number)))
        for each in under_way:
            self._check(*each)

    def _check(self, number: int, future: Future[Any]) -> None:
        try:
            answer = future.result()
        except sig.SigError as error:
            answer = error
        if answer != number:
            self._wrong.append((number, answer))

    def finish(self, seconds: float) -> None:
        """Wait for the last answer."""
        self.join(within(seconds))
        assert not self.is_alive(), f"answers are missing after {seconds:g} s"
        assert self._wrong == []
