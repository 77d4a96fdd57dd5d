"""Processes of an environment that do what they are told, a line each."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import within
from tests.support.environment import Environment

__all__ = ["PROGRAMS", "Program", "programs"]

PROGRAMS = Path(__file__).with_name("programs")


class Program:
    """A process that takes commands, a line each, and answers them."""

    def __init__(self, env: Environment, name: str, *arguments: str) -> None:
        command = [env.python, "-W", "error", str(PROGRAMS / name), *arguments]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self.ready: Any = None

    def wait(self) -> Program:
        """Return when it has said the first word, which is `ready` then."""
        self.ready = self._answer()
        return self

    def call(self, *command: Any) -> Any:
        """Have it do something."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None and self.process.stderr is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def kill(self) -> None:
        """End it without a word, and without a chance to say one."""
        self.process.kill()
        with self.process:  # waits for it, and closes its pipes
            pass

    def end(self) -> None:
        """Let it end in order."""
        with self.process:
            _, errors = self.process.communicate(timeout=within(10))
        assert self.process.returncode == 0 and "Traceback" not in errors, errors


@contextmanager
def programs(env: Environment) -> Iterator[Any]:
    """Return a function that starts programs; those that still run at the end are killed."""
    started: list[Program] = []

    def start(name: str, *arguments: str) -> Program:
        started.append(Program(env, name, *arguments))
        return started[-1].wait()

    try:
        yield start
    finally:
        for program in started:
            program.kill()
