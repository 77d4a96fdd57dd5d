"""The command `sig`: as a process, as a person or a script runs it, or in this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from sig_core.cli.app import run
from tests.support import within

COMMAND = [sys.executable, "-W", "error", "-m", "sig_core"]


def environment(**more: str) -> dict[str, str]:
    ours = {name: text for name, text in os.environ.items() if name not in ("SIG_URL", "SIG_TOKEN")}
    return {**ours, "XDG_CONFIG_HOME": "/nowhere", **more}  # nobody's own profiles


def sig(*arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=within(30),
        check=False,
        env=environment(**(env or {})),
    )


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start it; its output is piped."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


class Here:
    """The command in this process, which is quicker than one of its own.

    Args:
        capture: what it prints is read there.
    """

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        before = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.MonkeyPatch.context() as patch:
                for name in ("SIG_URL", "SIG_TOKEN"):
                    patch.delenv(name, raising=False)
                patch.setenv("XDG_CONFIG_HOME", "/nowhere")
                status = run(list(arguments))
        finally:
            signal.signal(signal.SIGTERM, before)
        said = self._capture.readouterr()
        return subprocess.CompletedProcess(arguments, status, said.out, said.err)
