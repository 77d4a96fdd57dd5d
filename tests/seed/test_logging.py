"""Chapter "Logging support" of the documentation of pysig 0.7, in Python 3."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.support import within

RAISING_LISTENER = """
def listen(info, data):
    raise ValueError("no disk")

router = sig.Router()
router.addListener(listen, "timer", "tic")
router.addSender("timer", ["tic"]).getSignal("tic").trigger(None)
"""

SERVER = """
with sig.ServerRouter("tcp://127.0.0.1:0") as server:
    pass
"""


def run(program: str) -> tuple[str, str]:
    """Run a program in a process of its own, as logging is set up once in each; give standard output and error."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=within(30),
        check=True,
    )
    return ran.stdout, ran.stderr


STANDARD = """
import logging
import sig_core as sig

# prepare logger object
logging.basicConfig()
logger = logging.getLogger('sig')

# setup sig logger
sig.setup_logger(logger)
"""


def test_the_logging_of_python() -> None:
    out, err = run(STANDARD + RAISING_LISTENER)
    assert out == ""
    assert err.startswith("ERROR:sig:listener listen raised on event 'tic' of sender 'timer'\n")
    assert err.endswith("ValueError: no disk\n")


def test_the_level_is_that_of_the_logger() -> None:
    quiet, loud = run(STANDARD + SERVER), run(STANDARD + "logger.setLevel('INFO')\n" + SERVER)
    assert quiet == ("", "")
    assert re.fullmatch(r"INFO:sig:listening on tcp://127\.0\.0\.1:\d+ in .*\n", loud[1])


SIMPLE = """
import sig_core as sig

# prepare logger
logger = sig.SimpleLogger(tag= "[sig]", level= sig.LOG_LEVELS.LEVEL_INFO)

# setup sig logger
sig.setup_logger(logger)
"""


def test_the_simple_logger() -> None:
    out, err = run(SIMPLE + SERVER)
    form = r"\[sig\]\[ *\d+\]\[ *(\w+)\]\[    info\]-listening on tcp://127\.0\.0\.1:\d+ in .*\n"
    found = re.fullmatch(form, out)
    assert found is not None, out
    assert found[1] == "listen"
    assert re.match(r"\[sig\]\[....\]\[.{20}\]\[.{8}\]-", out)
    assert err == ""


def test_the_simple_logger_of_a_program() -> None:
    out, err = run(SIMPLE + 'def connect():\n    logger.info("[TCP_CL] Connecting to localhost:3000")\n\nconnect()\n')
    assert out == "[sig][  10][             connect][    info]-[TCP_CL] Connecting to localhost:3000\n"
    assert err == ""
