"""Pairs that behave, on each face and in each codec: what they lose, and how long they wait."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import sig_core as sig
from sig_core import aio
from tests.support.plainpeer import PlainPeer

__all__ = ["Pair", "Witness"]

Clock = Callable[[], float]

PAUSE = 0.02  # seconds between two events of a pair
CODECS = ("json", "msgpack", "cbor")
PATIENCE = 30.0  # seconds for what a pair waits for


class Pair(threading.Thread):
    """A sender, and a listener that asks it, on a thread of their own.

    Args:
        url: of the server.
        what: this pair is.
        clock: of the server's work: returns the seconds that it has had a processor.

    Attributes:
        heard: what came of the events.
        fired: how many there were.
        asked: requests that were answered.
        longest: seconds that an event, and that an answer, took.
        most_work: seconds that the server worked meanwhile, at most.
        fault: what went wrong; "": nothing.
    """

    def __init__(self, url: str, what: str, clock: Clock) -> None:
        super().__init__(name=f"pair {what}", daemon=True)
        self._clock = clock
        self.url = url
        self.what = what
        self.fired = self.asked = 0
        self.heard: list[int] = []
        self.longest = {"event": 0.0, "answer": 0.0}
        self.most_work = 0.0
        self.fault = ""
        self.leaving = threading.Event()
        self.ready = threading.Event()

    def hear(self, info: Any, data: Any) -> None:
        """Take an event: its number, and when it was fired."""
        number, *then = data
        self.heard.append(number)
        self.note("event", then)

    def now(self) -> list[float]:
        """Return the time, and how much the server has worked."""
        return [time.monotonic(), self._clock()]

    def note(self, what: str, then: list[float]) -> None:
        """Keep the longest wait for something that began at `then`."""
        took, worked = (now - began for now, began in zip(self.now(), then, strict=True))
        self.longest[what] = max(self.longest[what], took)
        self.most_work = max(self.most_work, worked)

    def forget(self) -> None:
        """Begin to measure anew."""
        self.longest, self.most_work = dict.fromkeys(self.longest, 0.0), 0.0

    def next(self) -> list[Any]:
        """Return the data of the next event."""
        self.fired += 1
        return [self.fired - 1, *self.now()]

    def run(self) -> None:
        """See `Thread`."""
        try:
            self.work()
            if self.heard != list(range(self.fired)):
                self.fault = f"of {self.fired} events {len(self.heard)} were heard, or not in order"
        except BaseException as error:
            self.fault = f"{type(error).__name__}: {error}"

    @abstractmethod
    def work(self) -> None:
        """Fire, hear and ask until `leaving`, then wait for what is on its way."""


class ThreadedPair(Pair):
    def __init__(self, url: str, codec: str, other: str, clock: Clock) -> None:
        super().__init__(url, f"threads {codec} {other}", clock)
        self._codecs = codec, other

    def work(self) -> None:
        with sig.ClientRouter(self.url, self._codecs[0]) as owner, sig.ClientRouter(self.url, self._codecs[1]) as other:
            other.add_remote_listener(self.hear, self.what, "e")
            signal = owner.add_remote_sender(self.what, ["e"], {"double": lambda value: 2 * value}).get_signal("e")
            self.ready.set()
            while not self.leaving.wait(PAUSE):
                signal.trigger(self.next())
                began = self.now()
                assert other.remote_request(self.what, "double", self.asked, PATIENCE) == 2 * self.asked
                self.note("answer", began)
                self.asked += 1
            wait_for(lambda: len(self.heard) >= self.fired)
            assert not owner.lost and not other.lost, f"lost: {owner.lost} {other.lost}"
            assert not owner.stats()["losses"] and not other.stats()["losses"], "a link was lost"


class AsyncioPair(Pair):
    def __init__(self, url: str, codec: str, other: str, clock: Clock) -> None:
        super().__init__(url, f"asyncio {codec} {other}", clock)
        self._codecs = codec, other

    def work(self) -> None:
        asyncio.run(self._work())

    async def _work(self) -> None:
        async with (
            aio.ClientRouter(self.url, self._codecs[0]) as owner,
            aio.ClientRouter(self.url, self._codecs[1]) as other,
        ):
            await other.add_remote_listener(self.hear, self.what, "e")
            sender = await owner.add_remote_sender(self.what, ["e"], {"double": lambda value: 2 * value})
            signal = sender.get_signal("e")
            self.ready.set()
            while not self.leaving.is_set():
                await asyncio.sleep(PAUSE)
                signal.trigger(self.next())
                began = self.now()
                assert await other.remote_request(self.what, "double", self.asked, PATIENCE) == 2 * self.asked
                self.note("answer", began)
                self.asked += 1
            async with asyncio.timeout(PATIENCE):
                while len(self.heard) < self.fired:
                    await asyncio.sleep(PAUSE)
            assert not owner.lost and not other.lost, f"lost: {owner.lost} {other.lost}"
            assert not owner.stats()["losses"] and not other.stats()["losses"], "a link was lost"


class PlainPair(Pair):
    """Two plain peers; its answers are those to its own signals."""

    def __init__(self, url: str, clock: Clock) -> None:
        super().__init__(url, "plain", clock)

    def work(self) -> None:
        with PlainPeer(self.url) as owner, PlainPeer(self.url) as other:
            other.call("add_listener", sender=self.what, event="e")
            owner.call("add_sender", sender=self.what, events=["e"])
            listening = threading.Thread(target=self._listen, args=(other,), daemon=True)
            listening.start()
            self.ready.set()
            while not self.leaving.wait(PAUSE):
                began = self.now()
                owner.call("signal", info={"sender": self.what, "event": "e"}, data=self.next())
                self.note("answer", began)
                self.asked += 1
            wait_for(lambda: len(self.heard) >= self.fired)
            other.sock.shutdown(socket.SHUT_RDWR)
            listening.join(PATIENCE)

    def _listen(self, other: PlainPeer) -> None:
        with suppress(OSError, EOFError, ValueError):  # it has left
            while True:
                self._take(other, other.read())

    def _take(self, other: PlainPeer, message: dict[str, Any]) -> None:
        if message.get("method") == "signal":
            other.send({"id": message["id"], "status": 0, "response": None})
            self.hear(None, message["params"]["data"])


def wait_for(true: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "what was fired did not arrive"
        time.sleep(PAUSE)


class Witness:
    """All pairs.

    Args:
        url: of the server.
        clock: see `Pair`.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        around = list(zip(CODECS, (*CODECS[1:], CODECS[0]), strict=True))
        self.pairs: list[Pair] = [
            *(ThreadedPair(url, *codecs, clock) for codecs in around),
            *(AsyncioPair(url, *codecs, clock) for codecs in around),
            PlainPair(url, clock),
        ]

    def start(self) -> None:
        """Begin; returns when all of them are there."""
        for pair in self.pairs:
            pair.start()
        for pair in self.pairs:
            pair.ready.wait(PATIENCE)

    def stop(self) -> None:
        """Wait until all that was fired has come, or did not."""
        for pair in self.pairs:
            pair.leaving.set()
        for pair in self.pairs:
            pair.join(3 * PATIENCE)

    @property
    def longest(self) -> float:
        """The longest that one of them waited, seconds."""
        return max(max(pair.longest.values()) for pair in self.pairs)

    @property
    def most_work(self) -> float:
        """The seconds that the server worked while one of them waited, at most."""
        return max(pair.most_work for pair in self.pairs)

    def forget(self) -> None:
        """Begin to measure anew."""
        for pair in self.pairs:
            pair.forget()

    @property
    def faults(self) -> list[str]:
        """What went wrong."""
        return [f"{pair.what}: {pair.fault}" for pair in self.pairs if pair.fault]
