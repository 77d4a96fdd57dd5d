"""Logging: the standard `logging` by default, whatever `setup_logger` was given instead, or `SimpleLogger`."""

from __future__ import annotations

import inspect
import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from sig_core.clock import NEVER, Clock
from sig_core.interrupts import pass_interrupt_on
from sig_core.printable import printable

__all__ = ["LOG_LEVELS", "LimitedLog", "Logger", "NullLogger", "SimpleLogger", "log", "setup_logger"]

SHOWN = 10  # lines that differ in numbers alone, of which the further ones are counted, in ...
WINDOW = 10.0  # ... so many seconds
KINDS = 100  # of lines that are told apart in that time; the further ones count as one
ROOM = 100_000  # bytes of lines in a second
LONGEST = 2_000  # characters of a line

_NUMBER = re.compile("[0-9]+")
_TRACE = re.compile(r"\n(?=[ +|]*(?:Exception Group )?Traceback \(most recent call last\):\n)")


class Logger(Protocol):
    """What `setup_logger` takes: `logging.Logger` is one."""

    def debug(self, msg: str, /) -> Any: ...
    def info(self, msg: str, /) -> Any: ...
    def warning(self, msg: str, /) -> Any: ...
    def error(self, msg: str, /) -> Any: ...


class LOG_LEVELS:  # noqa: N801 - the seed's name
    """Levels of `SimpleLogger`."""

    LEVEL_TRACE = 0
    LEVEL_DEBUG = 10
    LEVEL_INFO = 20
    LEVEL_WARNING = 30
    LEVEL_ERROR = 40
    LEVEL_CRITICAL = 50
    LEVEL_NONE = 100
    LEVEL_NAMES = {0: "trace", 10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}  # noqa: RUF012


class NullLogger:
    """Drops everything."""

    def trace(self, msg: str) -> None: ...
    def debug(self, msg: str) -> None: ...
    def info(self, msg: str) -> None: ...
    def warning(self, msg: str) -> None: ...
    def error(self, msg: str) -> None: ...
    def critical(self, msg: str) -> None: ...


class SimpleLogger:
    """Prints `[tag][line][caller][level]-text`, line and function being those of the code that logs.

    Args:
        tag: what each line begins with.
        level: the least that is printed, one of `LOG_LEVELS`.
    """

    def __init__(self, tag: str = "[sig]", level: int = LOG_LEVELS.LEVEL_INFO) -> None:
        self.tag = tag
        self.level = level

    def do_print(self, level: int, text: str) -> None:
        """Print one line, if its level is not below the logger's.

        Args:
            level: one of `LOG_LEVELS`.
            text: of the line.
        """
        if level < self.level:
            return
        line, function = _caller()
        name = LOG_LEVELS.LEVEL_NAMES.get(level, str(level))
        print(f"{self.tag}[{line:>4.4}][{function:>20.40}][{name:>8.8}]-{text}")  # noqa: T201 - this is its purpose

    def trace(self, msg: str) -> None:
        """Log at level trace."""
        self.do_print(LOG_LEVELS.LEVEL_TRACE, msg)

    def debug(self, msg: str) -> None:
        """Log at level debug."""
        self.do_print(LOG_LEVELS.LEVEL_DEBUG, msg)

    def info(self, msg: str) -> None:
        """Log at level info."""
        self.do_print(LOG_LEVELS.LEVEL_INFO, msg)

    def warning(self, msg: str) -> None:
        """Log at level warning."""
        self.do_print(LOG_LEVELS.LEVEL_WARNING, msg)

    def error(self, msg: str) -> None:
        """Log at level error."""
        self.do_print(LOG_LEVELS.LEVEL_ERROR, msg)

    def critical(self, msg: str) -> None:
        """Log at level critical."""
        self.do_print(LOG_LEVELS.LEVEL_CRITICAL, msg)


def _caller() -> tuple[str, str]:
    """Return line and function of the first frame outside this file."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return ("?", "?") if frame is None else (str(frame.f_lineno), frame.f_code.co_name)


def _readable(msg: str) -> str:
    """Return a message as one line, whatever a peer put into it; a traceback below it keeps its lines, indented."""
    if msg.isprintable():
        return msg
    head, *trace = _TRACE.split(msg, maxsplit=1)
    lines = trace[0].split("\n") if trace else []
    return "\n  ".join(map(printable, (head, *lines)))


class _Route:
    """Passes on to the logger that is set; the package logs through this one object.

    Who logs goes on, whatever a logger does: what is not logged is said on the standard error stream, with why.
    Nothing that a peer says reaches a log as it is: it could forge lines, or control the terminal of who reads them.
    """

    def __init__(self) -> None:
        self._logger: Logger = logging.getLogger("sig")

    def set(self, logger: Logger) -> None:
        self._logger = logger

    def debug(self, msg: str) -> None:
        self._say("debug", msg)

    def info(self, msg: str) -> None:
        self._say("info", msg)

    def warning(self, msg: str) -> None:
        self._say("warning", msg)

    def error(self, msg: str) -> None:
        self._say("error", msg)

    def _say(self, level: str, msg: str) -> None:
        text = _readable(msg)
        try:
            getattr(self._logger, level)(text)
        except BaseException as error:
            if threading.current_thread() is threading.main_thread():  # on another one somebody's messages would end
                pass_interrupt_on(error)
                if isinstance(error, SystemExit):
                    raise
            with suppress(BaseException):  # there may be no such stream, or it is closed
                print(f"sig: the logger raised on: {text}\n{traceback.format_exc()}", file=sys.stderr)  # noqa: T201


log = _Route()


@dataclass(slots=True)
class _Kind:
    """Lines that differ in numbers alone.

    Attributes:
        write: of their level.
        shown, left_out: how many.
        last: of those that were left out.
    """

    write: Callable[[str], None]
    shown: int = 0
    left_out: int = 0
    last: str = ""


class LimitedLog:
    """Writes lines that strangers can bring about: so few that they fill no disk, and hide nothing else.

    What is left out is counted, and told by `tick`.

    Args:
        clock: returns monotonic seconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}
        self._window_until = self._second_until = -NEVER
        self._room = 0

    def debug(self, msg: str) -> None:
        """Log at level debug."""
        self._write(log.debug, msg, SHOWN)

    def info(self, msg: str, most: int = SHOWN) -> None:
        """Log at level info; `most`: lines of this kind that are shown in 10 s."""
        self._write(log.info, msg, most)

    def warning(self, msg: str) -> None:
        """Log at level warning."""
        self._write(log.warning, msg, SHOWN)

    def error(self, msg: str) -> None:
        """Log at level error."""
        self._write(log.error, msg, SHOWN)

    def _write(self, write: Callable[[str], None], msg: str, most: int) -> None:
        self.tick()
        if len(msg) > LONGEST:
            msg = f"{msg[:LONGEST]}... ({len(msg) - LONGEST} more characters)"
        kind = self._kind(write, msg)
        size = len(msg.encode("utf-8", "backslashreplace"))
        if kind.shown < most and size <= self._room:
            kind.shown += 1
            self._room -= size
            write(msg)
        else:
            kind.left_out += 1
            kind.last = msg

    def _kind(self, write: Callable[[str], None], msg: str) -> _Kind:
        kinds, name = self._kinds, _NUMBER.sub("#", msg[:200])
        if len(kinds) >= KINDS and name not in kinds:
            name = ""
        return kinds.setdefault(name, _Kind(write))

    def tick(self) -> None:
        """Tell what was left out, if its time is over."""
        now = self._clock()
        if now >= self._second_until:
            self._room, self._second_until = ROOM, now + 1.0
        if now >= self._window_until:
            self.flush()
            self._window_until = now + WINDOW

    def flush(self) -> None:
        """Tell what was left out."""
        kinds, self._kinds = self._kinds, {}
        for kind in kinds.values():
            if kind.left_out:
                kind.write(f"{kind.left_out} more lines within {WINDOW:g} s, such as: {kind.last[:200]}")


def setup_logger(logger: Logger) -> None:
    """Make pysig log to another logger than `logging.getLogger("sig")`.

    Args:
        logger: one of the `logging` module, a `SimpleLogger`, a `NullLogger`, or anything with their methods.
    """
    log.set(logger)
