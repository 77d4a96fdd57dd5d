"""A process of the rig: says one line when it is ready, is ended by its process id, and never outlives its limit."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support import ROOT, within

__all__ = ["LIFE", "Program", "ProgramFailed", "stop_on_error"]

LIFE = 300.0  # seconds that no program of the rig outlives, even if the tests were killed
GRACE = 5.0  # seconds between asking a program to end and killing it
ENDED_WHEN_TOLD = {0, -signal.SIGTERM, 128 + signal.SIGTERM}


class ProgramFailed(AssertionError):
    """A process of the rig did not start, did not answer, or ended badly; says which, and what it wrote."""


class Program:
    """A started process, a context manager.

    Args:
        command: program and arguments. It is run in the root of the checkout.
        limit: seconds (scaled) after which a guard ends it; None for a program that has a limit of its own.
        grace: seconds (scaled) from that, or from `stop`, until the guard kills it.

    Attributes:
        pid: its process id; with a limit that of its guard, which passes SIGTERM on and nothing else.

    Raises:
        ProgramFailed: it ended by itself, badly, or had to be killed (from `line`, `tell`, `stop`, the end of `with`).
    """

    def __init__(self, command: Sequence[str | Path], *, limit: float | None = None, grace: float = GRACE) -> None:
        self._command = [str(part) for part in command]
        guard = [] if limit is None else [_guard(), f"--kill-after={within(grace)}", str(within(limit))]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        self._half, self._last_words = b"", ""
        self._process = subprocess.Popen(
            [*guard, *self._command],
            bufsize=0,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def line(self, seconds: float = 20.0) -> str:
        """Wait for the next line of its standard output, without its end; so many seconds at most (scaled)."""
        assert self._process.stdout is not None
        descriptor, end = self._process.stdout.fileno(), time.monotonic() + within(seconds)
        while b"\n" not in self._half:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
            data = os.read(descriptor, 65536) if ready else b""
            if not data:
                raise self._failure("ended without a word" if ready else f"said nothing for {within(seconds):g} s")
            self._half += data
        line, _, self._half = self._half.partition(b"\n")
        return line.decode()

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure("listens no more") from None

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def stop(self) -> None:
        """End it and wait until it has; once more does nothing."""
        if self._errors.closed:
            return
        told = self.running
        try:
            self._process.terminate()
            status = self._process.wait(within(2 * GRACE))
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        try:
            if status not in (ENDED_WHEN_TOLD if told else {0}):
                raise self._failure(f"ended with status {status}")
        finally:
            self._close()

    def errors(self) -> str:
        """Return what it has written to its standard error, also when it has ended."""
        if self._errors.closed:
            return self._last_words
        return os.pread(self._errors.fileno(), 1 << 20, 0).decode(errors="replace")

    def _failure(self, what: str) -> ProgramFailed:
        return ProgramFailed(f"{' '.join(self._command)}: {what}; it wrote:\n{self.errors() or '(nothing)'}")

    def _close(self) -> None:
        self._last_words = self.errors()
        for file in (self._process.stdin, self._process.stdout, self._errors):
            assert file is not None
            file.close()


@contextmanager
def stop_on_error(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` if what is inside fails, and let that failure be the one that is told."""
    try:
        yield
    except BaseException:
        with suppress(ProgramFailed):
            stop()
        raise


def _guard() -> str:
    guard = shutil.which("timeout")
    assert guard, "the program timeout (package coreutils) is missing"
    return guard
