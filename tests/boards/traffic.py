"""Traffic with a test board in both directions at once, and what must be true of it afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sig_core as sig
from tests.boards.rig import within

__all__ = ["Stats", "Traffic", "served"]

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

    def exchange(self, events: int, requests: int, seconds: float) -> None:
        """So many events each way and requests, at once; each arrives once and in order, or this fails."""
        start, heard = len(self.numbers), self.stats().heard
        first = self.stats().fired
        self.ask("burst", events)
        asker = threading.Thread(target=self._ask_all, args=(requests,))
        asker.start()
        for sent in range(0, events, AHEAD):
            self.tick(min(AHEAD, events - sent))
            self._settle(heard + sent, seconds)
        asker.join(within(seconds))
        assert not asker.is_alive()
        self.wait(lambda: len(self.numbers) - start >= events, seconds, "the last event")
        after = self._settle(heard + events, seconds)
        assert self.numbers[start:] == list(range(first, first + events))
        assert (after.heard - heard, after.disordered, after.fired) == (events, 0, first + events)
        assert self.failures == []

    def _settle(self, heard: int, seconds: float) -> Stats:
        """Wait until the board has heard so many ticks: what the server sends is in order, so one look is enough."""
        stats = self.stats()
        assert stats.heard >= heard
        return stats

    def _ask_all(self, count: int) -> None:
        self.failures: list[Any] = []
        open_: list[tuple[int, Future[Any]]] = []
        for number in range(count):
            if len(open_) == DEPTH:
                self._check(*open_.pop(0))
            open_.append((number, self.server.request_async(self.name, "echo", number, timeout=within(120))))
        for each in open_:
            self._check(*each)

    def _check(self, number: int, future: Future[Any]) -> None:
        try:
            answer = future.result()
            if answer != number:
                self.failures.append((number, answer))
        except sig.SigError as error:
            self.failures.append((number, error))
