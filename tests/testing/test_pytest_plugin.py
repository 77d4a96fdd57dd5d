"""The pytest plug-in, in a pytest of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sig_core.demo.board import Thermometer, why_not
from sig_core.errors import ConfigError
from sig_core.testing import BoardConformance, CarrierConformance, credentials
from sig_core.testing.board_suite import url_of
from sig_core.testing.installed import suite_for
from tests.support import within

FIXTURES = """
def test_router(sig_router):
    sig_router.add_sender("lamp", ["on"])
    assert sig_router.addresses[0].startswith("local://")

def test_pair(sig_pair):
    sig_pair.server.add_sender("lamp", [], {"echo": lambda params: params})
    assert sig_pair.client.remote_request("lamp", "echo", [1, "a"]) == [1, "a"]
    print("codec", sig_pair.client.codec, "over", sig_pair.server.addresses[0])

def test_clock(sig_clock):
    sig_clock.advance(2.5)
    assert sig_clock() == 2.5

def test_board(sig_board):
    pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    return tmp_path


def run(folder: Path, *options: str, factor: str = "") -> tuple[int, str]:
    """Run pytest in a folder, with this plug-in alone; `factor`: for time limits."""
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "sig_core.pytest_plugin", *options]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if factor:
        alone["SIG_TIMEOUT_FACTOR"] = factor
    ended = subprocess.run(
        command, cwd=folder, env=alone, capture_output=True, text=True, timeout=within(100), check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_fixtures(folder: Path) -> None:
    (folder / "test_own.py").write_text(FIXTURES)
    status, said = run(folder, "-s")
    assert status == 0, said
    assert "codec json" in said
    assert "3 passed, 1 skipped" in said
    assert "no board: name where it is with --sig-board=PORT" in said
    assert not (folder / "sig-conformance.json").exists()


def test_the_kit_runs_over_what_is_installed_and_reports(folder: Path) -> None:
    (folder / "test_own.py").write_text(FIXTURES)
    options = ("--sig-carrier=unix", "--sig-codec=msgpack", "--sig-report=report.json", "-s")
    status, said = run(folder, *options, "-k", "test_pair or test_scheme or test_packets_beyond_mtu or test_edges")
    assert status == 0, said
    assert "codec msgpack" in said
    carrier, codec = json.loads((folder / "report.json").read_text())["plugins"]
    assert (carrier["name"], carrier["passed"], carrier["failed"]) == ("unix", 1, {})
    assert carrier["skipped"] == {"test_packets_beyond_mtu": "carrier 'unix': it has no mtu"}
    assert (codec["kind"], codec["name"], codec["passed"], codec["distribution"]) == ("codec", "msgpack", 1, "pysig")


def test_the_kit_runs_inside_tls_and_so_do_the_fixtures(folder: Path) -> None:
    (folder / "test_own.py").write_text(FIXTURES)
    options = ("--sig-carrier=tls+tcp", "--sig-report=report.json", "-s")
    status, said = run(folder, *options, "-k", "test_pair or test_address_as_bound or test_peer_is_killed")
    assert status == 0, said
    assert "over tls+tcp://127.0.0.1:" in said
    (carrier,) = json.loads((folder / "report.json").read_text())["plugins"]
    assert (carrier["name"], carrier["distribution"], carrier["passed"]) == ("tls+tcp", "pysig", 2)


def test_inside_tls_its_url_says_so_too() -> None:
    with pytest.raises(ValueError, match=r"tcp://127.0.0.1:0 is without TLS; write tls\+tcp://127.0.0.1:0"):
        suite_for("carrier", "tls+tcp", "tcp://127.0.0.1:0")
    suite = suite_for("carrier", "tls+serial", "tls+serial:///dev/ttyS8?cert=a.pem", "tls+serial:///dev/ttyS9?ca=a.pem")()
    assert (suite.url, suite.client_url("")) == ("tls+serial:///dev/ttyS8?cert=a.pem", "tls+serial:///dev/ttyS9?ca=a.pem")


def test_a_breach_is_told_in_its_own_words(folder: Path) -> None:
    (folder / "conftest.py").write_text(
        "from sig_core import default_plugins\n"
        "class Dud:\n"
        "    name, extras = 'dud', frozenset()\n"
        "    encode = decode = lambda self, value: value\n"
        "default_plugins().codecs.register('dud', Dud)\n"
    )
    status, said = run(folder, "--sig-codec=dud", "-k", "test_gives_bytes or test_declarations")
    assert status == 1
    assert "codec 'dud': encode gave dict; it gives bytes" in said
    assert "D02: encode gives bytes, not text" in said
    assert "codec_trips.py" not in said
    (report,) = json.loads((folder / "sig-conformance.json").read_text())["plugins"]
    assert report["failed"] == {"test_gives_bytes": "codec 'dud': encode gave dict; it gives bytes"}


def test_without_cryptography_no_certificates_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sig_core.certs", None)
    credentials._folder.cache_clear()
    with pytest.raises(ConfigError, match=r"the kit can't make certificates.*: pip install 'pysig\[certs\]', or name"):
        suite_for("carrier", "tls+tcp")
    suite_for("carrier", "tls+tcp", "tls+tcp://127.0.0.1:0?cert=own.pem")


def test_what_can_not_be_checked_is_a_mistake_of_usage(folder: Path) -> None:
    status, output = run(folder, "--sig-codec=jsn")
    assert status == 4
    assert "--sig-codec=jsn: unknown codec 'jsn', did you mean 'json'?" in output


def test_a_carrier_without_a_trial_needs_a_url() -> None:
    with pytest.raises(ValueError, match=r"carrier 'serial' has no `trial`.*; give one of yours"):
        suite_for("carrier", "serial")
    suite = suite_for("carrier", "serial", "serial:///dev/ttyS8", "serial:///dev/ttyS9")()
    assert isinstance(suite, CarrierConformance)
    assert (suite.url, suite.client_url("anything")) == ("serial:///dev/ttyS8", "serial:///dev/ttyS9")


@pytest.fixture
def thermometer(folder: Path) -> Iterator[Thermometer]:
    """A board on a pty."""
    if reason := why_not():
        pytest.skip(f"no board can be made here: {reason}")
    board = Thermometer(folder)
    yield board
    board.stop()


def test_a_board_comes(folder: Path, thermometer: Thermometer) -> None:
    (folder / "test_own.py").write_text(
        "def test_it(sig_board):\n    assert sig_board.server.request(sig_board.name, 'read') is not None\n"
    )
    status, said = run(folder, f"--sig-board={thermometer.port}", "-k", "test_it")
    assert status == 0, said
    assert "1 passed" in said
    assert not (folder / "sig-conformance.json").exists()


def test_the_kit_runs_over_a_board_and_reports(folder: Path, thermometer: Thermometer) -> None:
    port = thermometer.port.removeprefix("serial://").partition("?")[0]
    status, said = run(folder, f"--sig-board={port}", "-k", "test_fin or test_doubled or test_values or test_reset")
    assert status == 0, said
    (report,) = json.loads((folder / "sig-conformance.json").read_text())["plugins"]
    assert (report["kind"], report["name"], report["distribution"]) == ("board", "thermometer", "")
    assert (report["passed"], report["failed"]) == (2, {})
    assert report["skipped"] == {
        "test_reset": "board 'thermometer': it can't be reset from here: override `reset`",
        "test_values": "board 'thermometer': name a method that answers its params, as `echo`",
    }


def test_a_port_where_no_board_is_says_so(folder: Path) -> None:
    status, said = run(folder, "--sig-board=local://nobody", "-k", "test_fin", factor="0.01")
    assert status == 1
    assert "board at local://nobody: nobody came to local://nobody within" in said
    (report,) = json.loads((folder / "sig-conformance.json").read_text())["plugins"]
    assert (report["kind"], report["name"], list(report["failed"])) == ("board", "local://nobody", ["test_fin"])


@pytest.mark.parametrize(
    ("port", "url"),
    [
        ("/dev/ttyACM0", "serial:///dev/ttyACM0"),
        ("COM3", "serial://COM3"),
        ("usb:2341:0043", "serial://usb:2341:0043"),
        ("tcp://0.0.0.0:3000", "tcp://0.0.0.0:3000"),
        ("serial:///dev/ttyUSB0?baud=9600", "serial:///dev/ttyUSB0?baud=9600"),
    ],
)
def test_a_port_has_a_url(port: str, url: str) -> None:
    assert url_of(port) == url
    suite = suite_for("board", port)()
    assert isinstance(suite, BoardConformance)
    assert suite.who == f"board at {port}"


def test_a_board_at_a_carrier_that_is_not_there_is_a_mistake_of_usage(folder: Path) -> None:
    status, output = run(folder, "--sig-board=tpc://127.0.0.1:0")
    assert status == 4
    assert "--sig-board=tpc://127.0.0.1:0: unknown carrier 'tpc', did you mean 'tcp'?" in output


def test_its_import_imports_no_kit_and_no_plugin() -> None:
    code = "import sys, sig_core.pytest_plugin; print(*sys.modules)"
    loaded = {*subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split()}
    heavy = {"sig_core.testing", "sig_core.server", "sig_core.client", "sig_carriers", "sig_codecs", "asyncio"}
    assert "sig_core.pytest_plugin" in loaded
    assert not heavy & loaded
