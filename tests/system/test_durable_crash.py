"""Server, sender and listener of a durable are killed at random: nothing that was confirmed is lost, nothing that was
acknowledged comes again, all is in order, and what comes twice is marked."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import ROOT, within

KILLS = 40
ROLES = ["serve", "serve", "send", "listen"]  # of which one is killed: the server twice as often


class Found(NamedTuple):
    """What the journals tell."""

    sure: set[int]  # values that were confirmed
    heard: dict[int, int]  # values by position
    repeated: int
    problems: list[str]


def read(folder: Path) -> Found:
    """Read the journals of the sender and of all listeners."""
    sent = [line.split() for line in (folder / "send").read_text().splitlines()]
    heard: dict[int, int] = {}
    settled, repeated, last, problems = 0, 0, (0, 0), []
    for word, *numbers in (line.split() for line in (folder / "listen").read_text().splitlines()):
        if word == "settled":
            settled = max(settled, int(numbers[0]))
            continue
        position, value, marked = map(int, numbers)
        if position <= settled:
            problems.append(f"{position} comes again, though up to {settled} it was acknowledged")
        if position not in heard:
            if position <= last[0] or value <= last[1]:
                problems.append(f"{value} at {position} comes after {last}")
            last, heard[position] = (position, value), value
            continue
        repeated += 1
        if heard[position] != value or not marked:
            problems.append(f"{value} at {position} comes again, unmarked, or was {heard[position]}")
    return Found({int(number) for word, number in sent if word == "sure"}, heard, repeated, problems)


class Programs:
    """The three programs, each with its journal, or its store."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.url = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, role: str) -> None:
        """Start one, unless it runs; a server listens when this returns."""
        if role in self._running:
            return
        command = [sys.executable, "-m", "tests.support.durable_programs", role, self.url, str(self._folder / role)]
        with (self._folder / f"{role}.log").open("ab") as log:
            program = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log)
        self._running[role] = program
        if role == "serve":
            assert program.stdout is not None
            assert program.stdout.readline() == b"up\n", (self._folder / "serve.log").read_text()

    def kill(self, role: str) -> None:
        """Kill one, wherever it is."""
        program = self._running.pop(role, None)
        if program is not None:
            program.kill()
            program.communicate()

    def kill_all(self) -> None:
        for role in list(self._running):
            self.kill(role)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_what_was_confirmed_is_heard_and_what_was_acknowledged_is_not_again(seed: int, tmp_path: Path) -> None:
    chance, programs = random.Random(seed), Programs(tmp_path)
    try:
        programs.start("serve")
        for role in ("listen", "send"):
            programs.start(role)
            while not ((tmp_path / role).exists() and (tmp_path / role).read_text()):
                time.sleep(0.01)  # it has begun
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.05, 0.8))  # that is the test: at any moment
            role = chance.choice(ROLES)
            programs.kill(role)
            if role == "serve" or chance.random() < 0.7:
                programs.start(role)  # else others go on without it for a while
            else:
                time.sleep(chance.uniform(0.05, 0.5))
                programs.start(role)
        time.sleep(1)
        programs.kill("send")
        until = time.monotonic() + within(30)
        while time.monotonic() < until:
            found = read(tmp_path)
            if found.sure <= set(found.heard.values()):
                break
            time.sleep(0.1)
    finally:
        programs.kill_all()
    print(f"\n{len(found.sure)} confirmed, {len(found.heard)} heard, {found.repeated} of them again")
    assert found.problems == []
    assert found.sure - set(found.heard.values()) == set()
    assert len(found.sure) > KILLS / 2
