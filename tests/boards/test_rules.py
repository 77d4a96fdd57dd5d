"""A board at a server with rules: its port says who it is, whatever it says itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import eventually
from tests.support.rig import NativeBoard, SerialLine, Workshop
from tests.support.traffic import heard_by_host

Starts = Callable[..., Any]
BOARD = """
listen = [{ sender = "clock", event = "tick" }]
request = [{ sender = "clock", method = "now" }]
"""


@pytest.fixture
def line(lines: Starts) -> SerialLine:
    made: SerialLine = lines()
    return made


@pytest.fixture
def board(line: SerialLine, native: Starts, workshop: Workshop) -> NativeBoard:
    made: NativeBoard = native(workshop.firmware("native"), on=line.b)
    return made


def write(path: Path, port: str, *, add: str = "{user}", board: str = BOARD) -> Path:
    who = f'[[who]]\nport = "{port}"\nuser = "native"\nroles = ["board"]\n'
    path.write_text(f'version = 1\n[roles.board]\nadd = ["{add}"]\n{board}\n{who}')
    path.chmod(0o600)
    return path


def test_a_board_does_what_its_port_allows(line: SerialLine, board: NativeBoard, tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.toml", line.port.partition("?")[0])
    with heard_by_host("native", line.port, rules=rules) as traffic:
        traffic.wait_in()
        traffic.exchange(50, 10, 20)
        told = traffic.server.stats(peers=False)["access"]
        assert (told["admitted"], told["refused"], told["denied"]) == (1, 0, {})


def test_new_rules_take_a_board_in_and_send_it_away(line: SerialLine, board: NativeBoard, tmp_path: Path) -> None:
    rules, port = tmp_path / "rules.toml", line.port.partition("?")[0]
    write(rules, "serial:///dev/another")
    with heard_by_host("native", line.port, rules=rules) as traffic:
        server = traffic.server
        eventually(lambda: server.stats(peers=False)["access"]["denied"], 20)
        assert not server.has_sender("native")
        write(rules, port)
        server.reload()
        traffic.wait_in()
        traffic.exchange(20, 5, 20)
        write(rules, port, add="another")
        server.reload()
        traffic.wait(lambda: "#disconnect" in traffic.presence, 20, "that it has to go")
        write(rules, port)
        server.reload()
        traffic.wait_in(times=2)
        traffic.exchange(20, 5, 20)


def test_a_board_that_listens_to_what_it_may_not_hear_is_not_registered(
    line: SerialLine, board: NativeBoard, tmp_path: Path
) -> None:
    rules = write(tmp_path / "rules.toml", line.port.partition("?")[0], board="")
    with heard_by_host("native", line.port, rules=rules) as traffic:
        eventually(lambda: traffic.server.stats(peers=False)["access"]["denied"], 20)
        assert not traffic.server.has_sender("native")
