"""Where pysig logs to."""

from __future__ import annotations

import asyncio
import inspect
import io
import logging
import re
import threading
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core.log import LOG_LEVELS, LONGEST, ROOM, SHOWN, WINDOW, LimitedLog, NullLogger, log


@pytest.fixture(autouse=True)
def default_afterwards() -> Iterator[None]:
    yield
    sig.setup_logger(logging.getLogger("sig"))


def test_the_standard_module_is_the_default(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "sig")
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)(f"a {level} of 100%")
    assert [(r.name, r.levelname, r.message) for r in caplog.records] == [
        ("sig", level.upper(), f"a {level} of 100%") for level in ("debug", "info", "warning", "error")
    ]


def test_the_form_of_the_simple_logger(capsys: pytest.CaptureFixture[str]) -> None:
    def short() -> int:
        log.warning("text")
        return inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]

    sig.setup_logger(sig.SimpleLogger())
    line = short()
    assert capsys.readouterr().out == f"[sig][{line:>4}][               short][ warning]-text\n"


def test_levels_of_the_simple_logger(capsys: pytest.CaptureFixture[str]) -> None:
    levels = ["trace", "debug", "info", "warning", "error", "critical"]
    for least in range(len(levels) + 1):
        floor = getattr(LOG_LEVELS, f"LEVEL_{levels[least].upper()}") if least < len(levels) else LOG_LEVELS.LEVEL_NONE
        logger = sig.SimpleLogger("t", floor)
        for level in levels:
            getattr(logger, level)("x")
        said = re.findall(r"\[ *(\w+)\]-x", capsys.readouterr().out)
        assert said == levels[least:]


def test_anything_with_the_methods_will_do(capsys: pytest.CaptureFixture[str]) -> None:
    sig.setup_logger(NullLogger())
    log.error("nobody hears this")
    assert capsys.readouterr() == ("", "")


class Broken:
    """A logger that can't write."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def error_out(self, msg: str) -> None:
        raise self.error

    debug = info = warning = error_out


@pytest.mark.parametrize("kind", [OSError, asyncio.CancelledError, GeneratorExit])
def test_who_logs_goes_on_whatever_the_logger_does(
    kind: type[BaseException], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: Any = Broken(kind("disk full"))
    sig.setup_logger(broken)
    for level in ("debug", "info", "warning"):
        getattr(log, level)(f"the {level}")
        said = capsys.readouterr().err
        assert f"the logger raised on: the {level}" in said and said.rstrip().endswith("disk full")
    for stream in (None, io.StringIO()):
        if stream is not None:
            stream.close()
        monkeypatch.setattr("sys.stderr", stream)
        log.warning("nobody hears this")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_passes_through_a_logger(kind: type[BaseException]) -> None:
    broken: Any = Broken(kind())
    sig.setup_logger(broken)
    with pytest.raises(kind):
        log.info("x")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_but_a_thread_of_a_router_goes_on(kind: type[BaseException], capsys: pytest.CaptureFixture[str]) -> None:
    broken: Any = Broken(kind("no more"))
    sig.setup_logger(broken)
    said: list[str] = []
    thread = threading.Thread(target=lambda: (log.warning("x"), said.append("went on")))
    thread.start()
    thread.join()
    assert said == ["went on"] and capsys.readouterr().err.rstrip().endswith("no more")


def test_a_line_stays_a_line_whatever_is_in_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "sig")
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)("it said: bye\n2026-01-01 ERROR forged\r\x1b]0;title\x07")
    assert {record.message for record in caplog.records} == {
        "it said: bye\\n2026-01-01 ERROR forged\\r\\u001b]0;title\\u0007"
    }


def test_a_traceback_keeps_its_lines_indented(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("one\nERROR forged\x1b[0m")
    except ValueError:
        log.error(f"it failed\nfor \x1b\n{traceback.format_exc()}")
    head, *lines = caplog.records[0].message.split("\n")
    assert head == "it failed\\nfor \\u001b"
    assert lines[0] == "  Traceback (most recent call last):"
    assert all(line.startswith("  ") for line in lines)
    assert lines[-3:-1] == ["  ValueError: one", "  ERROR forged\\u001b[0m"]


# -- lines that peers bring about


class Limited:
    """A limited log, with a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 0.0
        self.of = LimitedLog(lambda: self.now)


def test_lines_that_differ_in_numbers_alone_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    limited = Limited()
    for number in range(1000):
        limited.of.warning(f"tcp://10.0.0.5:{number}: closed: 50 links are open")
    limited.of.warning("another thing")
    assert len(caplog.records) == SHOWN + 1
    limited.now = WINDOW
    limited.of.tick()
    last = caplog.records[-1]
    assert last.levelname == "WARNING"
    assert last.message == "990 more lines within 10 s, such as: tcp://10.0.0.5:999: closed: 50 links are open"
    limited.of.warning("tcp://10.0.0.5:1: closed: 50 links are open")
    assert len(caplog.records) == SHOWN + 3
    limited.of.flush()
    assert len(caplog.records) == SHOWN + 3, "nothing was left out since"


def test_lines_of_a_million_kinds_are_bounded_and_all_counted(caplog: pytest.LogCaptureFixture) -> None:
    limited = Limited()
    for number in range(20_000):
        kind = "".join(chr(97 + int(digit)) for digit in str(number))
        limited.of.warning(f"{kind} {'x' * 500}")
        limited.now += 0.0001
    limited.of.flush()
    texts = [record.message for record in caplog.records]
    left_out = sum(int(text.split()[0]) for text in texts if "more lines within" in text)
    shown = [text for text in texts if "more lines within" not in text]
    assert len(shown) + left_out == 20_000
    assert sum(map(len, texts)) <= 2 * 2 * ROOM


def test_a_second_has_room_for_so_many_bytes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "sig")
    limited = Limited()
    for _ in range(100):
        for _ in range(50):
            limited.of.info("x" * LONGEST, most=10**9)
        limited.now += 0.1
    assert ROOM * 9 <= sum(len(record.message) for record in caplog.records) <= ROOM * 11


def test_a_line_has_an_end(caplog: pytest.LogCaptureFixture) -> None:
    Limited().of.error("x" * 70_000)
    (record,) = caplog.records
    assert record.message == f"{'x' * LONGEST}... (68000 more characters)"
