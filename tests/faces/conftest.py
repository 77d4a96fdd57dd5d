"""Each test of this folder runs with each face, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import sig_core as sig
from tests.support import nothing_left_behind
from tests.support.certificates import Authority
from tests.support.faces import FACES, Face, Place
from tests.support.served import Served
from tests.support.watched_locks import locks_in_order

__all__ = ["locks_in_order", "nothing_left_behind"]


@pytest.fixture(scope="session", autouse=True)
def uvloop_is_warm() -> None:
    """The first loop of uvloop opens what it keeps for the whole process: not what a test leaves behind."""
    with suppress(ImportError):
        __import__("uvloop").run(asyncio.sleep(0))


@pytest.fixture(params=FACES, ids=lambda face: face.name)
def face(request: pytest.FixtureRequest) -> Face:
    found: Face = request.param
    if found.name == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop is not installed (extra `fast`)")
    return found


@pytest.fixture(params=["tcp", "tls+tcp"])
def ways(request: pytest.FixtureRequest, authority: Authority) -> tuple[str, str]:
    """Where a server listens, and what is behind its address in the URL of a client."""
    if request.param == "tcp":
        return "tcp://127.0.0.1:0", ""
    return f"tls+tcp://127.0.0.1:0{authority.query('server')}", authority.query("client")


@pytest.fixture(params=["server on threads", "server on asyncio"])
def url(request: pytest.FixtureRequest, ways: tuple[str, str]) -> Iterator[str]:
    """The address of a server of either face."""
    where, query = ways
    if request.param == "server on asyncio":
        with Served("asyncio", where) as served:
            yield served.url + query
    else:
        with sig.ServerRouter(where) as server:
            yield server.addresses[0] + query


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(f"unix://{tmp_path / 'sock'}")
    yield made
    if made.server is not None:
        made.server.stop()
