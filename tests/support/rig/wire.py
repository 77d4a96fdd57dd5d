"""The process behind a `SerialLine`: two ptys, and between them a pacer and noise. Told what to do in lines of JSON."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import tty
from pathlib import Path
from typing import Any

from noise import Mangler, Noise  # beside it: it is run as a program, which should start at once

__all__ = ["Wire"]

ENDS = ("a", "b")
CHUNK = 1 << 16
SMALLEST_QUEUE = 256


class End:
    """A pty behind a name that stays. The program under test opens it by that name; the wire has the other side."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self.master = self._slave = -1

    def plug(self) -> None:
        if self.master >= 0:
            return
        self.master, self._slave = os.openpty()  # its slave stays open here: programs may come and go unnoticed
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        new = self.name.with_suffix(".new")
        new.symlink_to(os.ttyname(self._slave))
        new.replace(self.name)

    def cut(self) -> None:
        if self.master < 0:
            return
        self.name.unlink()
        os.close(self._slave)
        os.close(self.master)
        self.master = -1


class Way:
    """One direction of the wire. Noise comes first, then the queue for the line, then the pace."""

    def __init__(self, source: End, sink: End, baud: float | None, seed: str) -> None:
        self.source, self.sink = source, sink
        self.mangler = Mangler(Noise(), seed)
        self.stalled = self.deaf = False
        self._seconds_a_byte = 10 / baud if baud else 0.0
        self._room = max(SMALLEST_QUEUE, int(baud / 100)) if baud else CHUNK
        self._queue = bytearray()
        self._free_at = 0.0  # when the line is free for the next byte
        self._full = False
        self._taken = self._given = self._swallowed = self._overrun = 0

    def reads(self) -> bool:
        return self.source.master >= 0 and len(self._queue) < self._room

    def writes(self) -> bool:
        return self._full and self.sink.master >= 0 and not self.stalled

    def wait(self, now: float) -> float | None:
        """Seconds until the next byte is due; None: nothing is."""
        if not self._queue or not self._seconds_a_byte or self.stalled:
            return None
        return max(0.0, self._free_at + self._seconds_a_byte - now)

    def take(self, now: float) -> None:
        try:
            data = os.read(self.source.master, CHUNK)
        except OSError:
            return
        self._taken += len(data)
        if not self._queue:
            self._free_at = max(self._free_at, now)
        self._queue += self.mangler.pass_on(data)

    def give(self, now: float) -> None:
        """Pass on what is due."""
        if self.stalled or not self._queue:
            return
        due = len(self._queue)
        if self._seconds_a_byte:
            due = min(due, int((now - self._free_at) / self._seconds_a_byte))
            self._free_at += due * self._seconds_a_byte
        if due:
            self._write(due)

    def _write(self, due: int) -> None:
        if self.deaf or self.sink.master < 0:
            self._swallowed += due
            del self._queue[:due]
            return
        try:
            written = os.write(self.sink.master, memoryview(self._queue)[:due])
        except BlockingIOError:
            written = 0
        self._given += written
        if self._seconds_a_byte:  # nobody reads: a paced line loses bytes, as a UART does; another one holds them back
            self._overrun += due - written
            written = due
        self._full = written < due
        del self._queue[:written]

    def resume(self, now: float) -> None:
        self.stalled = False
        self._free_at = max(self._free_at, now)

    def forget(self) -> None:
        """Lose what is on its way."""
        self._swallowed += len(self._queue)
        self._queue.clear()
        self._full = False

    def counts(self) -> dict[str, int]:
        return {
            "taken": self._taken,
            "given": self._given,
            "waiting": len(self._queue),
            "swallowed": self._swallowed,
            "overrun": self._overrun,
            **self.mangler.counts,
        }


class Wire:
    """Both directions, and the orders that it takes. An order is {"do": NAME, ...}; its answer is a JSON value."""

    def __init__(self, folder: Path, baud: float | None, seed: int) -> None:
        self._ends = {name: End(folder / name) for name in ENDS}
        a, b = self._ends.values()
        self._ways = {"to_b": Way(a, b, baud, f"{seed} to_b"), "to_a": Way(b, a, baud, f"{seed} to_a")}
        self.plug(ENDS)

    def run(self, until: float) -> None:
        """Carry bytes until then (monotonic time), or until the standard input ends."""
        orders, told = sys.stdin.fileno(), _signals()
        os.set_blocking(orders, False)
        ways, half = tuple(self._ways.values()), b""
        while (now := time.monotonic()) < until:
            readers = {way.source.master: way for way in ways if way.reads()}
            writers = [way.sink.master for way in ways if way.writes()]
            waits = [wait for way in ways if (wait := way.wait(now)) is not None]
            ready, _, _ = select.select([orders, told, *readers], writers, [], min(waits, default=until - now))
            now = time.monotonic()
            for descriptor in ready:
                if descriptor in readers:
                    readers[descriptor].take(now)
            if orders in ready:
                data = os.read(orders, CHUNK)
                if not data:
                    return
                *lines, half = (half + data).split(b"\n")
                for line in lines:
                    answer(self._obey(json.loads(line)))
            for way in ways:  # after the orders: one of them may have let bytes go
                way.give(now)

    def _obey(self, order: dict[str, Any]) -> object:
        return getattr(self, order.pop("do"))(**order)

    def plug(self, ends: tuple[str, ...]) -> None:
        for name in ends:
            self._ends[name].plug()

    def cut(self, ends: tuple[str, ...]) -> None:
        for name in ends:
            self._ends[name].cut()
        for way in self._ways.values():
            if way.source.master < 0 or way.sink.master < 0:
                way.forget()

    def stall(self, ways: tuple[str, ...], on: bool) -> None:
        for name in ways:
            if on:
                self._ways[name].stalled = True
            else:
                self._ways[name].resume(time.monotonic())

    def deafen(self, ways: tuple[str, ...], on: bool) -> None:
        for name in ways:
            self._ways[name].deaf = on

    def noise(self, ways: tuple[str, ...], noise: dict[str, float]) -> None:
        for name in ways:
            self._ways[name].mangler.change(Noise(**noise))

    def counts(self, way: str) -> dict[str, int]:
        return self._ways[way].counts()


def _signals() -> int:
    """Give what can be read once a signal came: one that comes just before a `select` would be slept through."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)
    return told


def answer(value: object) -> None:
    print(json.dumps(value), flush=True)


def main() -> None:
    """Arguments: seed, time limit in seconds, bits per second (0: no pace)."""
    seed, seconds, baud = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit())
    folder = Path(tempfile.mkdtemp(prefix="sig-line-"))
    try:
        wire = Wire(folder, baud or None, seed)
        answer(str(folder))
        wire.run(time.monotonic() + seconds)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
