"""Sensors on several machines and one logger, as processes, while everything is restarted."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from tests.examples.use_cases.program import Program
from tests.support import eventually

START = 30.0  # seconds for a process to come up


class Site:
    """A place where processes find each other, and the file that the logger writes."""

    def __init__(self, folder: Path) -> None:
        self.url = f"unix://{folder}/s"
        self.folder = folder / "disk"
        self.folder.mkdir()
        self.file = folder / "events.jsonl"
        self._stack = ExitStack()

    def sensor(self, name: str = "disk") -> Program:
        options = ("--url", self.url, "--name", name, "--path", str(self.folder), "--every", "0.02")
        return self._stack.enter_context(Program("disk_usage_sensor", *options))

    def logger(self, *options: str) -> Program:
        given = ("--url", self.url, "--file", str(self.file), *options)
        return self._stack.enter_context(Program("logger", *given))

    def heard(self, event: str) -> list[dict[str, Any]]:
        """Give what was logged of an event; a line that is being written is left out."""
        text = self.file.read_text() if self.file.exists() else ""
        lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return [line for line in lines if line["event"] == event]

    def fill(self) -> None:
        """Let the disk be fuller, now."""
        with (self.folder / "big").open("ab") as file:
            file.write(bytes(5_000_000))
            file.flush()
            os.fsync(file.fileno())  # a file system may allocate later otherwise

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def test_readings_are_logged_and_can_be_asked_for(site: Site) -> None:
    with sig.ServerRouter(site.url) as server:
        logger = site.logger()
        eventually(lambda: server.stats()["subscriptions"], START)
        sensor = site.sensor()
        eventually(lambda: site.heard("#changed"), START)
        first = site.heard("#changed")[0]
        assert list(first) == ["sender", "event", "time", "data"]
        assert first["sender"] == "disk"
        assert set(first["data"]) == {"path", "total", "used", "free", "percent"}
        assert 0 < first["data"]["used"] < first["data"]["total"]
        assert set(server.request("disk", "read")) == set(first["data"])

        sensor.end(signal.SIGINT)
        eventually(lambda: site.heard("#disconnect"))
        logger.end(signal.SIGINT)


def test_a_change_is_told(site: Site) -> None:
    with sig.ServerRouter(site.url) as server:
        logger = site.logger("--event", "#changed")
        eventually(lambda: server.stats()["subscriptions"], START)
        site.sensor()
        eventually(lambda: site.heard("#changed"), START)
        before = len(site.heard("#changed"))
        site.fill()
        eventually(lambda: len(site.heard("#changed")) > before)
        readings = [line["data"] for line in site.heard("#changed")]
        assert all(one != next_one for one, next_one in pairwise(readings))
        logger.end()
    assert {line["event"] for line in map(json.loads, site.file.read_text().splitlines())} == {"#changed"}


def test_server_sensor_and_logger_are_restarted(site: Site) -> None:
    logger, sensor = site.logger(), site.sensor()
    for program in (logger, sensor):
        program.err.find(".*trying again in 1 s")
    with sig.ServerRouter(site.url) as server:
        # The sensor may have told its first reading before the logger listened.
        eventually(lambda: server.stats()["subscriptions"] and server.has_sender("disk"), START)
        site.fill()
        eventually(lambda: site.heard("#changed"))
    logger.err.find("disconnected: .*")
    with sig.ServerRouter(site.url) as server:
        logger.err.find("reconnected")
        eventually(lambda: server.has_sender("disk"))

        sensor.kill()
        eventually(lambda: site.heard("#disconnect"))
        connected = len(site.heard("#connect"))
        changed = len(site.heard("#changed"))
        site.sensor()
        eventually(lambda: len(site.heard("#connect")) > connected, START)
        eventually(lambda: len(site.heard("#changed")) > changed)

        logger.kill()
        connected = len(site.heard("#connect"))
        site.logger()
        eventually(lambda: server.stats()["subscriptions"], START)
        site.sensor("another disk")
        eventually(lambda: len(site.heard("#connect")) > connected, START)
    assert {line["sender"] for line in site.heard("#connect")} == {"disk", "another disk"}


def test_readings_of_the_time_without_server_come_later(site: Site) -> None:
    heard: list[Any] = []
    with sig.ServerRouter(site.url) as server:
        server.add_listener(lambda info, data: heard.append(data), event="#changed")
        sensor = site.sensor()
        eventually(lambda: heard, START)
    sensor.err.find(".*attempt 1 to come back failed.*")
    heard.clear()
    site.fill()
    with sig.ServerRouter() as server:
        server.add_listener(lambda info, data: heard.append(data), event="#changed")
        server.listen(site.url)
        eventually(lambda: heard, START)


def test_a_name_that_is_taken(site: Site) -> None:
    with sig.ServerRouter(site.url) as server:
        site.sensor()
        eventually(lambda: server.has_sender("disk"), START)
        status, said = site.sensor().failed()
        assert status == 1
        assert "'disk' is already connected" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_while_there_is_no_server(site: Site, number: int) -> None:
    for program in (site.sensor(), site.logger()):
        program.err.find(".*trying again in 1 s")
        program.send(number)
        assert program.status() == 0
