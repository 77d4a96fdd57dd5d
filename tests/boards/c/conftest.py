"""Fixtures of the C client's tests."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import pytest

from tests.boards.c.bench import LinkBench
from tests.boards.c.library import FULL, SMALL, load
from tests.support.rig import Workshop, tools


def pytest_itemcollected(item: pytest.Item) -> None:
    if not item.get_closest_marker("avr"):
        item.add_marker("serial")


@pytest.fixture(scope="session")
def library(workshop: Workshop) -> ctypes.CDLL:
    """The client with all there is."""
    tools.need(tools.NATIVE)
    return load(workshop, *FULL)


@pytest.fixture(scope="session")
def small_library(workshop: Workshop) -> ctypes.CDLL:
    """The client without own requests, parts and CRC-32."""
    tools.need(tools.NATIVE)
    return load(workshop, *SMALL)


@pytest.fixture
def bench(library: ctypes.CDLL) -> Callable[..., LinkBench]:
    """Make links: the arguments are those of `LinkBench`."""
    return lambda **how: LinkBench(library, **how)
