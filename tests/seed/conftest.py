"""What the tests over a network share: a server, and clients of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sig_core as sig
from tests.support import nothing_left_behind  # noqa: F401 - a fixture


@pytest.fixture
def server() -> Iterator[sig.ServerRouter]:
    with sig.ServerRouter("tcp://127.0.0.1:0") as running:
        yield running


@pytest.fixture
def near(server: sig.ServerRouter) -> Iterator[sig.ClientRouter]:
    """A client that listens and asks."""
    with sig.ClientRouter(server.addresses[0]) as client:
        yield client


@pytest.fixture
def far(server: sig.ServerRouter) -> Iterator[sig.ClientRouter]:
    """A client with senders."""
    with sig.ClientRouter(server.addresses[0]) as client:
        yield client
