"""`sig reply`: answer requests with a command of the shell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

import click
import msgspec

from sig_core.cli.ending import Ending
from sig_core.cli.failures import OK, TIMEOUT
from sig_core.cli.options import client_options, connect, resume_option, timeout_option
from sig_core.cli.target import Target
from sig_core.cli.values import dump

__all__ = ["reply"]


class Failed(Exception):
    """The command did not answer."""


@click.command(short_help="Answer requests with a shell command.")
@click.argument("sender")
@click.argument("method")
@client_options
@click.option("--command", required=True, metavar="SHELL", help="What gives the answer.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N requests.")
@click.option("--wait", type=click.FloatRange(0.001), metavar="SECONDS", help="End after so long.")
@resume_option
@timeout_option
def reply(
    sender: str,
    method: str,
    target: Target,
    command: str,
    count: int | None,
    wait: float | None,
    resume: float | None,
    timeout: float,
) -> int:
    """Connect SENDER, and answer METHOD with what a shell command prints.

    The command gets the data of the request as JSON on its standard input, and SIG_SENDER and SIG_METHOD in its
    environment. What it prints is the answer: as JSON if it is, else as text. If it fails, so does the request, with
    what the command said on its standard error. A METHOD of - answers all methods.

    Runs one command at a time. Ends with Ctrl-C, or as --count and --wait say.
    """
    shell, ending, answered = Shell(command, sender, timeout), Ending(), 0

    def handle(asked: str, params: Any) -> Any:
        nonlocal answered
        try:
            return shell.ask(asked, params)
        finally:
            answered += 1
            if answered == count:
                ending.done()

    handlers = {None: handle} if method == "-" else {method: lambda params: handle(method, params)}
    with ending, connect(target, reconnect=True, resume=resume) as client:
        try:
            client.add_remote_sender(sender, [], handlers)  # whoever sees the sender may end us before the next line
            done = ending.wait(wait)
        except KeyboardInterrupt:
            return OK
        finally:
            shell.end()
    return OK if done or count is None else TIMEOUT


class Shell:
    """Runs the command, one at a time."""

    def __init__(self, command: str, sender: str, timeout: float) -> None:
        self._command = command
        self._sender = sender
        self._timeout = timeout
        self._lock = threading.Lock()  # a command that is just starting is not missed by who ends
        self._running: subprocess.Popen[bytes] | None = None
        self._ended = False

    def ask(self, method: str, params: Any) -> Any:
        """Run it and return its answer.

        Raises:
            Failed: it ended with another status than 0, or took too long.
        """
        with self._start(method) as process:
            try:
                out, err = process.communicate(dump(params) + b"\n", self._timeout)
            except subprocess.TimeoutExpired:
                self._kill()
                raise Failed(f"the command took longer than {self._timeout:g} s") from None
            finally:
                self._running = None
        said = err.decode(errors="replace").strip()
        if process.returncode:
            print(f"sig: {method}: the command ended with status {process.returncode}: {said}", file=sys.stderr)
            raise Failed(said or f"the command ended with status {process.returncode}")
        return _value(out)

    def _start(self, method: str) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._ended:
                raise Failed("who answers is ending")
            self._running = subprocess.Popen(
                self._command,
                shell=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=os.environ | {"SIG_SENDER": self._sender, "SIG_METHOD": method},
                start_new_session=True,
            )
            return self._running

    def end(self) -> None:
        """Kill the shell that runs, and what it started; none is started any more."""
        with self._lock:
            self._ended = True
            self._kill()

    def _kill(self) -> None:
        process = self._running
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _value(out: bytes) -> Any:
    try:
        return msgspec.json.decode(out)
    except msgspec.DecodeError:
        return out.decode(errors="replace").rstrip("\n")
