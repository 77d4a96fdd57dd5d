"""Where pysig logs to."""

from __future__ import annotations

import asyncio
import inspect
import io
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core.log import LOG_LEVELS, NullLogger, log


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
