"""A program of the examples as a process: what it says is read as it comes, and waited for with a deadline."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from typing import IO, Self

from tests.support import ROOT, within
from tests.support.signals import send_signal

__all__ = ["EXAMPLES", "Example", "Lines", "said_by"]

EXAMPLES = ROOT / "examples"
LOG = r"\[sig\]\[ *\d+\]\[ *{0}\]\[ *{1}\]-"  # tag, line, function and level, in their columns


def said_by(function: str, text: str, level: str = "info") -> str:
    """Give the pattern of a line of the log; `text` is one too."""
    return LOG.format(function, level) + text


class Lines:
    """What a process says, kept as it comes."""

    def __init__(self, stream: IO[str]) -> None:
        self.all: list[str] = []
        self._stream = stream
        self._next = 0
        self._news = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def find(self, pattern: str, seconds: float = 20.0) -> re.Match[str]:
        """Wait for the next line that is `pattern`, from the last one found on; so many seconds at most (scaled)."""
        end = time.monotonic() + within(seconds)
        while True:
            with self._news:
                self._news.wait_for(lambda: self._ended or len(self.all) > self._next, end - time.monotonic())
                fresh, ended = self.all[self._next :], self._ended
            for line in fresh:
                self._next += 1
                if found := re.fullmatch(pattern, line):
                    return found
            assert fresh or (not ended and time.monotonic() < end), self._missing(pattern)

    def text(self) -> str:
        """Wait for the end, and give everything."""
        self._thread.join(within(20))
        return "\n".join(self.all)

    def _read(self) -> None:
        for line in self._stream:
            with self._news:
                self.all.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _missing(self, pattern: str) -> str:
        return "\n".join([f"no line {pattern!r} in the last of {len(self.all)}:", *self.all[-30:]])


class Example:
    """A started program.

    Args:
        name: of its file, without `.py`.
        options: of the command line.
        typed: lines of standard input, which then ends; None: it stays open.
        env: variables beside those of this process.

    Attributes:
        out, err: what it says.
    """

    def __init__(self, name: str, *options: str, typed: list[str] | None = None, env: dict[str, str] | None = None):
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self.pid = self._process.pid
        self.out, self.err = Lines(self._process.stdout), Lines(self._process.stderr)
        if typed is not None:
            self.type(*typed)
            self._process.stdin.close()

    def type(self, *lines: str) -> None:
        """Write to its standard input."""
        assert self._process.stdin
        self._process.stdin.write("".join(f"{line}\n" for line in lines))
        self._process.stdin.flush()

    def find(self, pattern: str) -> re.Match[str]:
        """Wait for a line of its output."""
        return self.out.find(pattern)

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send a signal; it must end in order."""
        self.signal(number)
        assert (self.status(), self.err.text()) == (0, "")

    def signal(self, number: int) -> None:
        send_signal(self._process, number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(within(20))

    def status(self) -> int:
        """Wait for its end, and give its status."""
        return self._process.wait(within(20))

    def failed(self) -> tuple[int, str]:
        """Wait for its end, and give its status and what it said on standard error."""
        return self.status(), self.err.text()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        self.out.text()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
