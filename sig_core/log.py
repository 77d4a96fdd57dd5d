"""Logging: the standard `logging` by default, whatever `setup_logger` was given instead, or `SimpleLogger`."""

from __future__ import annotations

import inspect
import logging
import sys
import traceback
from contextlib import suppress
from typing import Any, Protocol

__all__ = ["LOG_LEVELS", "Logger", "NullLogger", "SimpleLogger", "log", "setup_logger"]


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


class _Route:
    """Passes on to the logger that is set; the package logs through this one object.

    Who logs goes on, whatever a logger does: what is not logged is said on the standard error stream, with why.
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
        try:
            getattr(self._logger, level)(msg)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            with suppress(Exception):  # there may be no such stream, or it is closed
                print(f"sig: the logger raised on: {msg}\n{traceback.format_exc()}", file=sys.stderr)  # noqa: T201


log = _Route()


def setup_logger(logger: Logger) -> None:
    """Make pysig log to another logger than `logging.getLogger("sig")`.

    Args:
        logger: one of the `logging` module, a `SimpleLogger`, a `NullLogger`, or anything with their methods.
    """
    log.set(logger)
