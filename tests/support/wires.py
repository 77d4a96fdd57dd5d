"""A medium in memory: any number of ends on one wire, which loses nothing that has room."""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable
from typing import Any

from sig_core.contract import LinkTraits

__all__ = ["End", "Lossy", "Wire"]


class Wire:
    """What all ends share; each is known by a name."""

    def __init__(self, mtu: int | None = 1200) -> None:
        self.traits = LinkTraits(packets=True, reliable=False, mtu=mtu)
        self.ends: dict[str, End] = {}

    def end(self, name: str) -> End:
        """Make one."""
        made = self.ends[name] = End(self, name)
        return made


class End:
    """One end of a wire: a medium.

    Attributes:
        error: is raised by the next receive.
        closed: how often it was closed.
    """

    def __init__(self, wire: Wire, name: str) -> None:
        self.traits = wire.traits
        self.address = f"wire://{name}"
        self.error: Exception | None = None
        self.closed = 0
        self._wire = wire
        self._name = name
        self._came: queue.Queue[tuple[bytes, str] | None] = queue.Queue()

    def send_to(self, data: bytes, peer: Any, /) -> None:
        assert not self.closed, "used after close"
        there = self._wire.ends.get(peer)
        if there is not None:
            there.put(data, self._name)

    def put(self, data: bytes, sender: str) -> None:
        """Let a packet arrive."""
        self._came.put((data, sender))

    def fail(self, error: Exception) -> None:
        """Let the next receive raise."""
        self.error = error
        self._came.put(None)

    def receive_from(self, timeout: float, /) -> tuple[bytes, str] | None:
        assert not self.closed, "used after close"
        try:
            found = self._came.get(timeout=timeout)
        except queue.Empty:
            return None
        if self.error is not None:
            raise self.error
        return found

    def close(self) -> None:
        self.closed += 1


class Lossy:
    """One end of a link of packets in memory: by a seed, some vanish and some come twice.

    Args:
        mtu: bytes of a packet.
        loss, double: probabilities, for each packet that is sent here.
    """

    def __init__(self, mtu: int | None = 1200, *, seed: int = 1, loss: float = 0.0, double: float = 0.0) -> None:
        self.traits = LinkTraits(packets=True, reliable=False, mtu=mtu)
        self.peer = "lossy://peer"
        self.other: Lossy | None = None
        self.closed = 0
        self.sent = 0
        self.on_send: Callable[[bytes], None] = lambda data: None
        self._chance = random.Random(seed)
        self._faults = loss, double
        self._came: queue.Queue[bytes | Exception] = queue.Queue()
        self._lock = threading.Lock()

    @classmethod
    def pair(cls, mtu: int | None = 1200, *, seed: int = 1, **faults: float) -> tuple[Lossy, Lossy]:
        """Give both ends."""
        one, two = cls(mtu, seed=seed, **faults), cls(mtu, seed=seed + 1, **faults)
        one.other, two.other = two, one
        return one, two

    def send(self, data: bytes, /) -> None:
        self.on_send(data)
        assert self.traits.mtu is None or len(data) <= self.traits.mtu
        loss, double = self._faults
        self.sent += 1
        for _ in range(1 + (self._chance.random() < double)):
            if self.other is not None and self._chance.random() >= loss:
                self.other.put(data)

    def put(self, data: bytes | Exception) -> None:
        """Let a packet arrive, or a receive raise."""
        self._came.put(data)

    def receive(self, timeout: float, /) -> bytes | None:
        try:
            found = self._came.get(timeout=timeout) if timeout > 0 else self._came.get_nowait()
        except queue.Empty:
            return None
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        self.closed += 1
